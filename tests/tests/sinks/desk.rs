//! A store and the real deliverer over it, as `dial serve` has them.

use crate::sinks;
use dial_aws::{AwsSigner, Clients};
use dial_core::Finding;
use dial_core::store::{Acceptance, Delivery, Store};
use dial_master::deliver::Deliverer;
use dial_master::deliver::executor::Executor;
use dial_master::deliver::transport::Http;
use dial_master::message::links::Links;
use dial_master::sinks::guard::Guard;
use dial_master::store::Sqlite;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// Takes findings and tells the sinks of its settings.
pub(crate) struct Desk {
    pub(crate) store: Arc<Sqlite>,
    deliverer: Deliverer,
    sinks: Vec<String>,
    _folder: tempfile::TempDir,
}

impl Desk {
    /// Over an empty store.
    pub(crate) async fn new(settings: &str, clients: Clients) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(&folder.path().join("dial.db")).unwrap());
        let sinks = sinks(settings).await;
        let names = sinks.names();
        let http = Http::new(Guard::Anything).unwrap();
        let executor = Executor::new(http, Arc::new(AwsSigner::new(clients)));
        let deliverer = Deliverer::with(
            store.clone(),
            sinks,
            Links::new(Some("https://dial.example.org")).unwrap(),
            Arc::new(executor),
            Arc::new(Timestamp::now),
            7,
        );
        Self {
            store,
            deliverer,
            sinks: names,
            _folder: folder,
        }
    }

    /// Accepts findings and tells every sink of them.
    pub(crate) async fn take(&self, findings: &[Finding]) {
        let now = Timestamp::now();
        let acceptance = |finding: &Finding| Acceptance {
            finding: finding.clone(),
            sinks: self.sinks.clone(),
            received_at: now,
            expires_at: now + SignedDuration::from_hours(24),
            sender: "111122223333/eu-west-1".into(),
        };
        let batch = findings.iter().map(acceptance).collect();
        for outcome in self.store.accept(batch).await {
            outcome.unwrap();
        }
        self.sweep().await;
    }

    /// Tells whatever is due.
    pub(crate) async fn sweep(&self) {
        self.deliverer.sweep(None).await;
    }

    /// What became of a finding at each sink.
    pub(crate) async fn rows(&self, finding: &Finding) -> Vec<Delivery> {
        self.store.deliveries(&finding.id).await.unwrap()
    }
}
