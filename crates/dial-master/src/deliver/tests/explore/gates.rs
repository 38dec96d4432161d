//! Where processes stand still until the explorer lets one of them go on.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use tokio::sync::oneshot;

/// One lane of one process: number of the process, name of the sink.
pub(super) type Agent = (usize, String);

/// What an agent is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Act {
    Write,
    Call,
}

/// How it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Way {
    Well,
    /// It is done, but the answer never comes.
    Lost,
    /// The other side refuses for now; nothing is done.
    Refused,
}

/// Who waits for what, and what each has been told so far.
#[derive(Default)]
pub(super) struct Gates {
    waiting: Mutex<BTreeMap<Agent, (Act, oneshot::Sender<Way>)>>,
    heard: Mutex<BTreeMap<Agent, u64>>,
}

impl Gates {
    /// Waits for leave; whoever is never given it has crashed.
    pub(super) async fn pass(&self, process: usize, sink: &str, act: Act) -> Way {
        let (sender, leave) = oneshot::channel();
        let agent = (process, sink.to_owned());
        let before = self.waiting.lock().unwrap().insert(agent, (act, sender));
        assert!(before.is_none(), "an agent does one thing at a time");
        match leave.await {
            Ok(way) => way,
            Err(_) => std::future::pending().await,
        }
    }

    /// Remembers what an agent was told: it decides by nothing else.
    pub(super) fn told(&self, process: usize, sink: &str, what: &str) {
        let mut heard = self.heard.lock().unwrap();
        let all = heard.entry((process, sink.to_owned())).or_default();
        let mut hasher = DefaultHasher::new();
        (*all, what).hash(&mut hasher);
        *all = hasher.finish();
    }

    pub(super) fn waiting(&self) -> Vec<(Agent, Act)> {
        let waiting = self.waiting.lock().unwrap();
        let both = waiting
            .iter()
            .map(|(agent, (act, _))| (agent.clone(), *act));
        both.collect()
    }

    pub(super) fn heard(&self) -> Vec<(Agent, u64)> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .map(|(agent, all)| (agent.clone(), *all))
            .collect()
    }

    pub(super) fn open(&self, agent: &Agent, way: Way) {
        let (_, sender) = self.waiting.lock().unwrap().remove(agent).unwrap();
        sender.send(way).unwrap();
    }

    /// A process that is no more waits for nothing.
    pub(super) fn forget(&self, process: usize) {
        self.waiting
            .lock()
            .unwrap()
            .retain(|(p, _), _| *p != process);
        self.heard.lock().unwrap().retain(|(p, _), _| *p != process);
    }
}
