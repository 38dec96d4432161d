//! The search: every way through every life of the processes, each state once.

use super::gates::{Act, Agent, Gates, Way};
use super::side::{Line, Seen};
use super::store::{Fault, Gated};
use crate::deliver::tests::real::{Named, expiry};
use crate::deliver::tests::{base, finding};
use crate::deliver::{Clock, Deliverer};
use crate::message::links::Links;
use crate::sinks::guard::Guard;
use crate::sinks::{SinkSettings, Sinks};
use crate::store::in_memory::{InMemory, Snapshot};
use dial_core::FindingId;
use dial_core::store::{Acceptance, Delivery, DeliveryState};
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

const CHAT: &str = "chat";
const HIVE: &str = "hive";
/// Lives after which whatever still waits is stuck: each has a fault of its own, or is the last.
const LIVES: usize = 12;
/// No wait for another attempt is longer.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// What may happen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// The channel, or the channel and TheHive.
    pub(super) sinks: usize,
    /// Findings of one group; each is told to every sink.
    pub(super) findings: usize,
    /// Processes that deliver at the same time; one once all of these have ended.
    pub(super) processes: usize,
    pub(super) crashes: usize,
    /// Answers that are lost after the other side acted.
    pub(super) lost: usize,
    /// Answers that refuse for now.
    pub(super) refused: usize,
    /// Of the channel; with more findings than this one message tells of all. 0 = never.
    pub(super) digest_above: usize,
    pub(super) fault: Fault,
}

/// What the search found.
#[derive(Debug)]
pub(super) struct Found {
    /// Different states.
    pub(super) states: usize,
    /// Different states in which all is at rest.
    pub(super) ends: usize,
    /// The first promise that does not hold.
    pub(super) broken: Option<String>,
}

/// What is left to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Left {
    crashes: usize,
    lost: usize,
    refused: usize,
}

/// All there is when no process lives.
#[derive(Clone)]
struct Rest {
    rows: Snapshot,
    seen: Seen,
    now: Timestamp,
    left: Left,
    lives: usize,
}

/// One step of a life.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    Go(Agent, Way),
    Crash(usize),
}

struct Search {
    plan: Plan,
    store: Arc<InMemory>,
    sinks: Sinks,
    known: HashSet<u64>,
    runtime: tokio::runtime::Runtime,
}

pub(super) fn search(plan: Plan) -> Found {
    let mut search = Search::new(plan);
    let mut open = vec![search.start()];
    let (mut rests, mut ends) = (HashSet::new(), HashSet::new());
    let mut broken = None;
    while let Some(rest) = open.pop() {
        match search.wake(&rest) {
            Err(promise) => broken = Some(promise),
            Ok(None) => drop(ends.insert(rest.key())),
            Ok(Some(rest)) => {
                if rests.insert(rest.key()) {
                    match search.live(&rest) {
                        Ok(after) => open.extend(after),
                        Err(promise) => broken = Some(promise),
                    }
                }
            }
        }
        if broken.is_some() {
            break;
        }
    }
    Found {
        states: search.known.len() + rests.len(),
        ends: ends.len(),
        broken,
    }
}

impl Rest {
    fn key(&self) -> u64 {
        let rows = self.rows.key(self.now);
        hash(&(
            rows,
            &self.seen.alerts,
            self.seen.posts(&self.rows),
            self.left,
        ))
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

impl Search {
    fn new(plan: Plan) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let chat = format!(
            "[{CHAT}]\ntype = 'slack'\nbot_token = 'env:token'\nchannel = 'C1'\n\
             api_url = 'https://{CHAT}/api'\nmin_interval_ms = 0\ndigest_above = {}\n",
            plan.digest_above
        );
        let hive = format!(
            "[{HIVE}]\ntype = 'thehive'\nurl = 'https://{HIVE}'\napi_key = 'env:key'\n\
             concurrency = 1\ndigest_above = 0\n"
        );
        let text = [chat, hive][..plan.sinks].concat();
        let settings: BTreeMap<String, SinkSettings> = toml::from_str(&text).unwrap();
        let built = Sinks::build(&settings, &Named, Guard::Anything);
        let sinks = runtime.block_on(built).unwrap();
        Self {
            plan,
            store: Arc::new(InMemory::open()),
            sinks,
            known: HashSet::new(),
            runtime,
        }
    }

    fn ids(&self) -> Vec<FindingId> {
        (0..self.plan.findings)
            .map(|n| self.finding(n).id)
            .collect()
    }

    /// Of one group, unless they are to become a digest.
    fn finding(&self, number: usize) -> dial_core::Finding {
        let mut finding = finding(number);
        if self.plan.digest_above > 0 {
            finding.resources[0].arn = Some(format!("arn:aws:s3:::bucket-{number}"));
            finding.id = finding.expected_id();
        }
        finding
    }

    fn start(&self) -> Rest {
        for number in 0..self.plan.findings {
            let acceptance = Acceptance {
                finding: self.finding(number),
                sinks: self.sinks.names(),
                received_at: base(),
                expires_at: expiry(),
                sender: "111122223333/eu-west-1".into(),
            };
            self.store.accept(&acceptance).unwrap();
        }
        Rest {
            rows: self.store.snapshot(),
            seen: Seen::default(),
            now: base(),
            left: Left {
                crashes: self.plan.crashes,
                lost: self.plan.lost,
                refused: self.plan.refused,
            },
            lives: 0,
        }
    }

    fn rows(&self) -> Vec<Delivery> {
        let ids = self.ids();
        let rows = ids.iter().flat_map(|id| self.store.deliveries(id).unwrap());
        rows.collect()
    }

    /// The same when the next row is due; `None` when none will be, and all is well.
    fn wake(&self, rest: &Rest) -> Result<Option<Rest>, String> {
        self.store.restore(&rest.rows);
        let rows = self.rows();
        let due = rows.iter().filter(|row| is_open(row)).map(|row| row.due_at);
        let Some(due) = due.min() else {
            return self.all_told(&rows, &rest.seen).map(|()| None);
        };
        let now = rest.now.max(due);
        if rest.lives == LIVES || now.duration_since(rest.now) > LONGEST_WAIT {
            return Err(format!("stuck after {} lives: {rows:#?}", rest.lives));
        }
        Ok(Some(Rest {
            now,
            lives: rest.lives + 1,
            ..rest.clone()
        }))
    }

    /// Every way through one life; where each of them ends.
    fn live(&mut self, start: &Rest) -> Result<Vec<Rest>, String> {
        let (mut open, mut ends) = (vec![Vec::new()], Vec::new());
        while let Some(choices) = open.pop() {
            self.store.restore(&start.rows);
            let mut life = Life::new(self, start);
            let mut choices = choices;
            loop {
                self.runtime.block_on(life.stand_still());
                if let Some(choice) = choices.get(life.steps).cloned() {
                    life.take(&choice);
                    continue;
                }
                let rows = self.rows();
                self.promises(&rows, &life.seen.lock().unwrap())
                    .map_err(|promise| format!("{promise} after {choices:?}"))?;
                let Some(options) = life.options() else {
                    ends.push(life.end(&self.store));
                    break;
                };
                if life.gates.waiting().is_empty() {
                    return Err(format!("stuck within a life after {choices:?}"));
                }
                // Who comes by another way to what is known goes no further.
                if !self.known.insert(life.key(&self.store)) {
                    break;
                }
                let Some((next, others)) = options.split_first() else {
                    break;
                };
                let with = |choice: &Choice| {
                    let mut longer = choices.clone();
                    longer.push(choice.clone());
                    longer
                };
                open.extend(others.iter().map(with));
                choices.push(next.clone());
            }
        }
        Ok(ends)
    }

    /// What holds at every moment.
    fn promises(&self, rows: &[Delivery], seen: &Seen) -> Result<(), String> {
        for (place, post) in seen.posts.iter().enumerate() {
            if seen.posts[..place]
                .iter()
                .any(|other| other.about == post.about)
            {
                return Err(format!("told twice: {seen:?}"));
            }
        }
        for row in rows.iter().filter(|row| row.sent_at.is_some()) {
            if !is_told(row, seen) {
                return Err(format!("sent, but nobody was told: {row:?} {seen:?}"));
            }
        }
        let counted: u64 = self.store.counts().iter().map(|count| count.rows).sum();
        if counted != (self.plan.sinks * self.plan.findings) as u64 || counted != rows.len() as u64
        {
            return Err(format!("{counted} rows are counted"));
        }
        for count in self.store.counts() {
            let are = |row: &&Delivery| row.sink == count.sink && row.state == count.state;
            if rows.iter().filter(are).count() as u64 != count.rows {
                return Err(format!("wrong count: {count:?} {rows:#?}"));
            }
        }
        Ok(())
    }

    /// What holds when nothing waits any more.
    fn all_told(&self, rows: &[Delivery], seen: &Seen) -> Result<(), String> {
        self.promises(rows, seen)?;
        for row in rows {
            // A digest tells it, or the first of its group does.
            let by = row.suppressed_by.as_deref();
            let carrier = by.and_then(|by| {
                by.strip_prefix("digest ")
                    .or_else(|| by.strip_prefix("group "))
            });
            let told = match carrier {
                None => is_told(row, seen),
                Some(id) => rows.iter().any(|other| {
                    other.finding.as_str() == id && other.sink == row.sink && is_told(other, seen)
                }),
            };
            if !told {
                return Err(format!("lost: {row:?} {seen:?}"));
            }
        }
        Ok(())
    }
}

fn is_open(row: &Delivery) -> bool {
    matches!(row.state, DeliveryState::Pending | DeliveryState::Sending)
}

/// Whether people have what the row stands for.
fn is_told(row: &Delivery, seen: &Seen) -> bool {
    let id = row.finding.as_str();
    let what = if row.digest.is_some() {
        "digest"
    } else {
        "finding"
    };
    match row.sink.as_str() {
        HIVE => seen.alerts.iter().any(|alert| alert == id),
        _ => seen
            .posts
            .iter()
            .any(|post| post.about == format!("{what} {id}")),
    }
}

/// Some processes that deliver at the same time.
struct Life {
    gates: Arc<Gates>,
    seen: Arc<Mutex<Seen>>,
    processes: Vec<Option<BoxFuture<'static, ()>>>,
    now: Timestamp,
    left: Left,
    lives: usize,
    steps: usize,
    /// The chat's steps are over until somebody crashes.
    chat_is_over: bool,
}

impl Life {
    fn new(search: &Search, start: &Rest) -> Self {
        let gates = Arc::new(Gates::default());
        let seen = Arc::new(Mutex::new(start.seen.clone()));
        let now = Arc::new(AtomicI64::new(start.now.as_microsecond()));
        let fault = search.plan.fault;
        let count = if start.lives == 1 {
            search.plan.processes
        } else {
            1
        };
        let processes = (0..count).map(|process| {
            let store = Arc::new(Gated {
                process,
                gates: gates.clone(),
                inner: search.store.clone(),
                fault,
            });
            let now = now.clone();
            let clock: Clock =
                Arc::new(move || Timestamp::from_microsecond(now.load(Ordering::Relaxed)).unwrap());
            let line = Arc::new(Line {
                process,
                clock: clock.clone(),
                gates: gates.clone(),
                seen: seen.clone(),
                blind: fault == Fault::BlindLook,
            });
            let sinks = search.sinks.clone();
            // Lanes begin at the time of the runtime.
            let _guard = search.runtime.enter();
            let deliverer = Deliverer::with(store, sinks, Links::default(), line, clock, 7);
            let rows: Vec<(FindingId, String)> = search
                .rows()
                .into_iter()
                .map(|row| (row.finding, row.sink))
                .collect();
            // The second one is told by a stream, at the beginning.
            let streamed = process == 1;
            let work: BoxFuture<'static, ()> = Box::pin(async move {
                if streamed {
                    deliverer.deliver(&rows, None).await;
                } else {
                    deliverer.sweep(None).await;
                }
            });
            Some(work)
        });
        let processes = processes.collect();
        Self {
            gates,
            seen,
            processes,
            now: start.now,
            left: start.left,
            lives: start.lives,
            steps: 0,
            chat_is_over: false,
        }
    }

    /// Lets everybody go as far as the next gate.
    async fn stand_still(&mut self) {
        let mut idle = 0;
        while idle < 2 {
            let before = (self.gates.waiting(), self.alive());
            let poll = std::future::poll_fn(|context| {
                for process in &mut self.processes {
                    let done = process
                        .as_mut()
                        .is_some_and(|p| p.as_mut().poll(context).is_ready());
                    if done {
                        *process = None;
                    }
                }
                Poll::Ready(())
            });
            tokio::task::unconstrained(poll).await;
            // For waits of no time.
            tokio::time::advance(Duration::from_millis(1)).await;
            let same = before == (self.gates.waiting(), self.alive());
            idle = if same { idle + 1 } else { 0 };
        }
    }

    fn alive(&self) -> Vec<bool> {
        self.processes.iter().map(Option::is_some).collect()
    }

    /// What may happen next; `None` when nobody is left to do anything.
    fn options(&self) -> Option<Vec<Choice>> {
        if self.processes.iter().all(Option::is_none) {
            return None;
        }
        let mut options = Vec::new();
        for ((process, sink), act) in self.gates.waiting() {
            if self.chat_is_over && sink == CHAT {
                continue;
            }
            let mut ways = vec![Way::Well];
            if act == Act::Call {
                ways.extend((self.left.lost > 0).then_some(Way::Lost));
                ways.extend((self.left.refused > 0).then_some(Way::Refused));
            }
            let agent = (process, sink);
            options.extend(ways.into_iter().map(|way| Choice::Go(agent.clone(), way)));
        }
        if self.left.crashes > 0 {
            let alive = (0..).zip(&self.processes).filter(|(_, p)| p.is_some());
            options.extend(alive.map(|(process, _)| Choice::Crash(process)));
        }
        Some(options)
    }

    fn take(&mut self, choice: &Choice) {
        self.steps += 1;
        match choice {
            Choice::Go(agent, way) => {
                self.chat_is_over |= agent.1 == HIVE;
                match way {
                    Way::Well => {}
                    Way::Lost => self.left.lost -= 1,
                    Way::Refused => self.left.refused -= 1,
                }
                self.gates.open(agent, *way);
            }
            Choice::Crash(process) => {
                self.left.crashes -= 1;
                self.chat_is_over = false;
                self.processes[*process] = None;
                self.gates.forget(*process);
            }
        }
    }

    fn key(&self, store: &InMemory) -> u64 {
        let seen = self.seen.lock().unwrap();
        let heard = self.gates.heard();
        let processes: Vec<_> = (0..)
            .zip(self.alive())
            .map(|(process, alive)| {
                let own = heard.iter().filter(|((of, _), _)| *of == process);
                (
                    alive,
                    own.map(|((_, sink), all)| (sink, *all)).collect::<Vec<_>>(),
                )
            })
            .collect();
        hash(&(
            store.snapshot().key(self.now),
            &*seen,
            (self.now, self.left, self.chat_is_over),
            processes,
        ))
    }

    fn end(&self, store: &InMemory) -> Rest {
        Rest {
            rows: store.snapshot(),
            seen: self.seen.lock().unwrap().clone(),
            now: self.now,
            left: self.left,
            lives: self.lives,
        }
    }
}
