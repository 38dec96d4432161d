//! A sink that takes nothing is told of by the others, once an episode.

use super::other_side::{Answer, OtherSide};
use super::real::expiry;
use super::{base, finding, sinks};
use crate::deliver::Deliverer;
use crate::message::links::Links;
use crate::routing::Routing;
use crate::routing::settings::RouteSettings;
use crate::store::Sqlite;
use dial_core::store::{Acceptance, DeliveryState, Query, Store, Summary};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

struct Bed {
    store: Arc<Sqlite>,
    deliverer: Deliverer,
    minutes: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

impl Bed {
    fn new(answers: Vec<Answer>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(&folder.path().join("dial.db")).unwrap());
        let minutes = Arc::new(AtomicI64::new(0));
        let moved = Arc::clone(&minutes);
        let clock = move || base() + SignedDuration::from_mins(moved.load(Ordering::Relaxed));
        let deliverer = Deliverer::with(
            store.clone(),
            sinks(&[("a", 0, 1), ("b", 0, 1)]),
            Links::default(),
            Arc::new(OtherSide::default().script("a", answers)),
            Arc::new(clock),
            7,
        );
        Self {
            store,
            deliverer,
            minutes,
            _folder: folder,
        }
    }

    async fn accept(&self, number: usize) {
        let acceptance = Acceptance {
            finding: finding(number),
            sinks: vec!["a".into(), "b".into()],
            received_at: self.now(),
            expires_at: expiry(),
            sender: "111122223333/eu-west-1".into(),
        };
        self.store.accept(vec![acceptance]).await.remove(0).unwrap();
    }

    fn now(&self) -> Timestamp {
        base() + SignedDuration::from_mins(self.minutes.load(Ordering::Relaxed))
    }

    async fn look_at(&self, minute: i64) -> usize {
        self.minutes.store(minute, Ordering::Relaxed);
        self.deliverer.tell_of_stuck_sinks().await
    }

    async fn told(&self) -> Vec<Summary> {
        let query = Query {
            rule: vec!["sink_stuck".into()],
            ..Query::default()
        };
        let page = self.store.list(&query, None, 10, self.now()).await;
        page.unwrap().items
    }

    async fn states(&self, number: usize) -> Vec<(String, DeliveryState)> {
        let rows = self.store.deliveries(&finding(number).id).await.unwrap();
        rows.into_iter().map(|row| (row.sink, row.state)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn the_others_are_told_once_an_episode() {
    let bed = Bed::new(vec![
        Answer::Status(500),
        Answer::Status(200),
        Answer::Status(500),
    ]);
    bed.accept(1).await;
    assert_eq!(bed.deliverer.sweep(None).await.retried, 1);
    assert_eq!(
        bed.look_at(10).await,
        0,
        "ten minutes are not more than ten"
    );
    assert_eq!(bed.look_at(11).await, 1);
    assert_eq!(bed.look_at(12).await, 0, "told already");
    let told = bed.told().await;
    assert_eq!(told.len(), 1);
    let stored = bed.store.finding(&told[0].id, bed.now()).await.unwrap();
    let stored = stored.unwrap().finding;
    assert_eq!(stored.validate(), Ok(()));
    assert_eq!(stored.id, stored.expected_id());
    let said = &stored.explanation;
    assert!(said.contains("answered 500"), "{said}");
    let rows = bed.store.deliveries(&told[0].id).await.unwrap();
    let to: Vec<&str> = rows.iter().map(|row| row.sink.as_str()).collect();
    assert_eq!(to, ["b"], "the sink itself is not");

    assert_eq!(bed.deliverer.sweep(None).await.sent, 2);
    assert_eq!(bed.look_at(13).await, 0);
    bed.accept(2).await;
    assert_eq!(bed.deliverer.sweep(None).await.retried, 1);
    assert_eq!(bed.look_at(22).await, 0, "nine minutes later");
    assert_eq!(bed.look_at(24).await, 1, "another episode");
    assert_eq!(bed.told().await.len(), 2);
    let state = |sink: &str, state| (sink.to_owned(), state);
    let expected = [
        state("a", DeliveryState::Pending),
        state("b", DeliveryState::Sent),
    ];
    assert_eq!(bed.states(2).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_looks_and_tells_in_one() {
    let bed = Bed::new(vec![Answer::Status(500); 9]);
    bed.accept(1).await;
    bed.deliverer.sweep(None).await;
    bed.minutes.store(11, Ordering::Relaxed);
    let tally = bed.deliverer.sweep(None).await;
    assert_eq!(
        (tally.sent, tally.retried),
        (1, 1),
        "b has the alarm already"
    );
}

#[tokio::test(start_paused = true)]
async fn one_finding_that_fails_alone_and_a_master_that_was_down_are_no_stuck_sink() {
    let bed = Bed::new(vec![Answer::Status(500)]);
    bed.accept(1).await;
    assert_eq!(bed.look_at(11).await, 0, "nobody tried");
    bed.minutes.store(0, Ordering::Relaxed);
    bed.deliverer.sweep(None).await;
    // The first one waits for its next attempt; another one gets through meanwhile.
    bed.accept(2).await;
    assert_eq!(bed.deliverer.sweep(None).await.sent, 2);
    assert_eq!(bed.look_at(10).await, 0);
    assert_eq!(bed.told().await, []);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_no_route_would_tell_anybody_is_told_all_the_others() {
    for (sinks, expected) in [
        ("[\"a\"]", DeliveryState::Sent),
        ("[]", DeliveryState::Sent),
    ] {
        let mut bed = Bed::new(vec![Answer::Status(500); 9]);
        let route = format!(
            "sinks = [\"a\"]\n[[routes]]\nmatchers = [\"rule=sink_stuck\"]\nsinks = {sinks}"
        );
        let route: RouteSettings = toml::from_str(&route).unwrap();
        let routing = Routing::new(&route, &[], vec!["a".into(), "b".into()]);
        bed.deliverer = bed.deliverer.routed(Arc::new(routing));
        bed.accept(1).await;
        bed.deliverer.sweep(None).await;
        assert_eq!(bed.look_at(11).await, 1);
        bed.deliverer.sweep(None).await;
        let told = bed.told().await;
        let rows = bed.store.deliveries(&told[0].id).await.unwrap();
        assert_eq!(rows[0].state, expected, "{sinks}");
    }
}
