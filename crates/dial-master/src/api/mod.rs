//! The HTTP API: what the master answers, the same on Lambda, in `dial serve` and in tests.

mod access;
pub(crate) mod body;
pub(crate) mod caller;
mod deliveries;
mod enrol;
pub mod export;
mod findings;
mod health;
mod heartbeats;
mod ingest;
mod openapi;
mod operation;
mod parameter;
mod problem;
pub(crate) mod query;
pub(crate) mod refusal;
mod reply;
mod routes;
mod silences;
mod slack;
pub(crate) mod source;
mod stats;
mod tag;
mod take;
mod tokens;
mod triage;
mod workers;

pub use caller::Caller;
pub use deliveries::DeliveryList;
pub use findings::{FindingDetail, FindingList};
pub use openapi::document;
pub use problem::Problem;
pub use routes::RouteTree;
pub use silences::{NewSilence, PreviewAnswer, PreviewRequest, SilenceList};
pub use source::Peer;
pub use tokens::{NewToken, TokenList, TokenRequest};
pub use triage::{ChangeMade, ChangeProblem, DOOR};
pub use workers::{WorkerLine, WorkerList};

use crate::enduring::Defects;
use crate::enrolment::Enroller;
use crate::limit::Limiter;
use crate::readers::Readers;
use crate::routes::Desk;
use crate::slack::SlackApp;
use crate::watch::Watch;
use crate::web::{self, Dashboard};
use axum::Router;
use dial_core::WorkerId;
use dial_core::key::RootKeys;
use dial_core::ports::Bucket;
use dial_core::store::Store;
use jiff::{SignedDuration, Timestamp};
use operation::Operation;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Says what time it is; tests decide.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How many findings each worker may send, or how many requests each token may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// As many a second.
    pub per_second: u32,
    /// As many above that at once.
    pub burst: u32,
}

/// What the API needs, as the configuration says.
pub struct Parts {
    /// Where findings are kept.
    pub store: Arc<dyn Store>,
    /// Where dead letters and large records go.
    pub bucket: Arc<dyn Bucket>,
    /// Keys from which the workers' keys are derived.
    pub roots: RootKeys,
    /// Who may read.
    pub readers: Readers,
    /// Who may report native findings of other accounts.
    pub aggregators: BTreeSet<WorkerId>,
    /// Sinks that every finding goes to.
    pub sinks: Vec<String>,
    /// Which findings go to which sinks, for who asks.
    pub desk: Arc<Desk>,
    /// How long findings are kept.
    pub retention: SignedDuration,
    /// How many findings each worker may send.
    pub rate: Rate,
    /// How many requests each token may make.
    pub token_rate: Rate,
    /// How long a worker may be silent.
    pub silent_after: SignedDuration,
    /// How people sign in to the pages.
    pub dashboard: Dashboard,
    /// The Slack app, where there is one.
    pub slack: Option<SlackApp>,
    /// What gives workers their keys, where they may ask.
    pub enrolment: Option<Enroller>,
    /// The clock.
    pub clock: Clock,
}

/// Everything that the handlers share.
pub struct State {
    pub(crate) parts: Parts,
    limiter: Limiter<WorkerId>,
    token_limiter: Limiter<String>,
    readiness: health::Readiness,
    draining: AtomicBool,
    wake: Arc<Notify>,
    watch: Arc<Watch>,
    defects: Arc<Defects>,
}

impl State {
    /// Shares the parts between all requests.
    pub fn new(parts: Parts) -> Self {
        let Rate { per_second, burst } = parts.rate;
        let token_rate = parts.token_rate;
        crate::metrics::handle();
        let defects = Arc::new(Defects::new(Arc::clone(&parts.clock)));
        Self {
            parts,
            limiter: Limiter::new(per_second, burst),
            token_limiter: Limiter::new(token_rate.per_second, token_rate.burst),
            readiness: health::Readiness::default(),
            draining: AtomicBool::new(false),
            wake: Arc::default(),
            watch: Arc::default(),
            defects,
        }
    }

    /// Told whenever there is something new to deliver.
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// What is known of the sinks; empty where nobody looks at them.
    pub fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }

    /// What broke off since the start; empty where nothing runs beside the API.
    pub fn defects(&self) -> Arc<Defects> {
        Arc::clone(&self.defects)
    }

    /// From now on `/readyz` says no, so that no new requests are sent here.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.parts.clock)()
    }
}

/// The clock of this machine.
pub fn system_clock() -> Clock {
    Arc::new(Timestamp::now)
}

/// Everything that the API can be asked.
fn operations() -> Vec<Operation> {
    let one = [
        ingest::declared(),
        heartbeats::declared(),
        enrol::declared(),
        workers::declared(),
        stats::declared(),
        openapi::declared(),
    ];
    let mut all = Vec::from(one);
    all.extend(findings::declared());
    all.extend(triage::declared());
    all.extend(deliveries::declared());
    all.extend(routes::declared());
    all.extend(silences::declared());
    all.extend(tokens::declared());
    all.extend(slack::declared());
    all.extend(health::declared());
    all
}

/// The whole API over the given state.
pub fn app(state: impl Into<Arc<State>>) -> Router {
    operation::router(operations())
        .merge(web::routes())
        .fallback(web::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(state.into())
}
