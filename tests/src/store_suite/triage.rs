//! Triage: changes, their history, who wins, what sinks learn.

use super::samples::{accepted, at, list_by, row};
use dial_core::FindingId;
use dial_core::store::triage::{
    Actor, Change, ChangeError, Changed, Door, Refusal, Request, Triage,
};
use dial_core::store::unanswered::Unanswered;
use dial_core::store::{Audit, DeliveryState, Query, Settlement, Status, Store};
use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use std::sync::Arc;

const SINK: &str = "slack";

fn request(change: Change, milliseconds: i64, who: &str) -> Request {
    let by = Actor {
        who: who.into(),
        door: Door::Api,
    };
    Request {
        change,
        comment: None,
        by,
        at: at(milliseconds),
    }
}

async fn make(
    store: &dyn Store,
    id: &FindingId,
    expected: Option<u64>,
    change: Change,
    milliseconds: i64,
) -> Result<Changed, ChangeError> {
    let request = request(change, milliseconds, "analyst");
    store.change(id, expected, &request).await
}

async fn triage(store: &dyn Store, id: &FindingId, milliseconds: i64) -> Triage {
    let stored = store.finding(id, at(milliseconds)).await.expect("answers");
    stored.expect("is there").triage
}

/// The history without the first line, which is no change.
async fn changes_of(store: &dyn Store, id: &FindingId) -> Vec<Audit> {
    let mut lines = store.audit(id).await.expect("answers");
    assert_eq!(lines.remove(0).action, "accepted");
    lines
}

/// Each line starts where the last one ended, and the last one is where the finding stands.
async fn assert_replay(store: &dyn Store, id: &FindingId, milliseconds: i64) {
    let mut replayed = Triage::default();
    for line in changes_of(store, id).await {
        assert_eq!(line.before.as_ref(), Some(&replayed), "{line:?}");
        replayed = line.after.expect("a change has a state after it");
    }
    assert_eq!(
        triage(store, id, milliseconds).await,
        replayed.at(at(milliseconds))
    );
}

pub(super) async fn changes(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    assert_eq!(triage(&*store, &id, 0).await, Triage::default());
    let text = "seen: <b>*this*</b>\nand ünïcode".to_owned();
    let steps = [
        (Change::Acknowledge, "acknowledged"),
        (Change::Comment { text: text.clone() }, "commented"),
        (
            Change::Assign {
                to: Some("soc".into()),
            },
            "assigned",
        ),
        (Change::Resolve, "resolved"),
        (Change::Reopen, "reopened"),
        (Change::Assign { to: None }, "unassigned"),
        (Change::FalsePositive, "false_positive"),
    ];
    // All in the same millisecond: the order is that of the revisions.
    for (revision, (change, action)) in (0..).zip(steps.clone()) {
        let changed = make(&*store, &id, Some(revision), change, 5_000).await;
        let changed = changed.expect(action);
        assert_eq!(changed.triage.revision, revision + 1);
        assert_eq!(triage(&*store, &id, 5_000).await, changed.triage);
        assert_replay(&*store, &id, 5_000).await;
    }
    let history = changes_of(&*store, &id).await;
    let actions: Vec<_> = history.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, steps.map(|(_, action)| action));
    for line in &history {
        assert_eq!((line.who.as_str(), line.door.as_str()), ("analyst", "api"));
        assert_eq!(line.at, at(5_000));
    }
    assert_eq!(history[1].comment.as_deref(), Some(text.as_str()));
    assert_eq!(history[0].comment, None);
}

pub(super) async fn race(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    for round in 0..3 {
        let tries = (0..6).map(|n| {
            let (store, id) = (Arc::clone(&store), id.clone());
            let text = format!("try {n}");
            let asked = request(Change::Comment { text }, 1_000, &format!("analyst-{n}"));
            tokio::spawn(async move { store.change(&id, Some(round), &asked).await })
        });
        let mut winner = None;
        let mut conflicts = 0;
        for answer in join_all(tries).await {
            match answer.expect("no task panics") {
                Ok(changed) => {
                    let line = changed.lines.last().expect("one line").clone();
                    assert!(winner.replace(line).is_none(), "one wins");
                }
                Err(ChangeError::Conflict { current, last }) => {
                    assert_eq!(current.revision, round + 1);
                    let last = last.expect("someone was first");
                    assert!(last.who.starts_with("analyst-"), "{last:?}");
                    conflicts += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(conflicts, 5);
        let history = changes_of(&*store, &id).await;
        assert_eq!(
            history.last(),
            winner.as_ref(),
            "the winner's line is there"
        );
        assert_eq!(history.len() as u64, round + 1, "and no other");
    }
}

pub(super) async fn unconditional(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    let tries = (0..4).map(|n| {
        let (store, id) = (Arc::clone(&store), id.clone());
        let text = format!("try {n}");
        let asked = request(Change::Comment { text }, 1_000, "analyst");
        tokio::spawn(async move { store.change(&id, None, &asked).await })
    });
    for answer in join_all(tries).await {
        answer
            .expect("no task panics")
            .expect("there is no condition");
    }
    assert_eq!(triage(&*store, &id, 1_000).await.revision, 4);
    assert_eq!(row(&*store, &id, SINK).await.wanted, 4);
    assert_replay(&*store, &id, 1_000).await;
}

pub(super) async fn refused(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    let unknown = FindingId::parse("f-zzzzzzzzzzzzzzzzzzzzzzzzzz").expect("is well-formed");
    let answer = make(&*store, &unknown, None, Change::Resolve, 0).await;
    assert_eq!(answer, Err(ChangeError::Unknown));
    let expired = 24 * 3_600 * 1_000;
    let answer = make(&*store, &id, None, Change::Resolve, expired).await;
    assert_eq!(answer, Err(ChangeError::Unknown));
    let reason = Refusal::Already(Status::Open);
    let answer = make(&*store, &id, Some(0), Change::Reopen, 0).await;
    assert_eq!(answer, Err(ChangeError::Refused { reason }));
    let answer = make(&*store, &id, Some(7), Change::Resolve, 0).await;
    let current = Box::new(Triage::default());
    let Err(ChangeError::Conflict { current: found, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(found, current);
    assert_eq!(triage(&*store, &id, 0).await, Triage::default());
    assert_eq!(changes_of(&*store, &id).await, []);
    assert_eq!(row(&*store, &id, SINK).await.wanted, 0);
}

pub(super) async fn sleep(store: Arc<dyn Store>) {
    let [id, other] = [accepted(&*store, 1).await, accepted(&*store, 2).await];
    let until = |milliseconds| Change::Snooze {
        until: at(milliseconds),
    };
    for one in [&id, &other] {
        let slept = make(&*store, one, Some(0), until(10_000), 0).await;
        slept.expect("may sleep");
    }
    // Longer, then awake before its time: neither leaves an alarm behind.
    let longer = make(&*store, &other, Some(1), until(11_000), 0).await;
    longer.expect("may sleep longer");
    let to_wake = |milliseconds| store.to_wake(at(milliseconds), 10);
    assert_eq!(to_wake(9_999).await, Ok(vec![]));
    assert_eq!(to_wake(10_000).await, Ok(vec![id.clone()]));
    let reopened = make(&*store, &other, Some(2), Change::Reopen, 5_000).await;
    reopened.expect("may be awake");
    assert_eq!(to_wake(20_000).await, Ok(vec![id.clone()]));

    let asleep = triage(&*store, &id, 9_999).await;
    assert_eq!((asleep.status, asleep.revision), (Status::Snoozed, 1));
    let awake = triage(&*store, &id, 10_000).await;
    assert_eq!((awake.status, awake.revision), (Status::Open, 2));
    assert_eq!(awake.snoozed_until, None);
    let woken = store.change(&id, None, &Request::wake(at(12_000))).await;
    assert_eq!(woken.expect("its time is over").triage, awake);
    assert_eq!(to_wake(20_000).await, Ok(vec![]));
    let again = store.change(&id, None, &Request::wake(at(12_000))).await;
    let reason = Refusal::Awake;
    assert_eq!(again, Err(ChangeError::Refused { reason }));
    assert_replay(&*store, &id, 12_000).await;
    let history = changes_of(&*store, &id).await;
    let last = history.last().expect("woke");
    assert_eq!((last.action.as_str(), last.at), ("woke", at(10_000)));
    // Who read that it is open need not know that nobody had written so.
    let slept = make(&*store, &id, Some(2), until(30_000), 20_000).await;
    slept.expect("may sleep again");
    let late = make(&*store, &id, Some(4), Change::Acknowledge, 40_000).await;
    assert_eq!(late.expect("read as open").lines.len(), 2);
    assert_eq!(to_wake(50_000).await, Ok(vec![]));
    assert_replay(&*store, &id, 40_000).await;
}

pub(super) async fn lists(store: Arc<dyn Store>) {
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(accepted(&*store, n).await);
    }
    let snooze = |milliseconds| Change::Snooze {
        until: at(milliseconds),
    };
    let assign = Change::Assign {
        to: Some("soc".into()),
    };
    let steps = [
        (1, Change::Acknowledge),
        (2, Change::Resolve),
        (3, Change::FalsePositive),
        // The list is read at `now()`, one minute: one sleep is over, the other is not.
        (4, snooze(59_999)),
        (5, snooze(60_001)),
        (1, assign),
    ];
    for (n, change) in steps {
        let made = make(&*store, &ids[n], None, change, 100).await;
        made.expect("fits");
    }
    for (status, expected) in [
        (Status::Open, vec![4, 0]),
        (Status::Acknowledged, vec![1]),
        (Status::Resolved, vec![2]),
        (Status::FalsePositive, vec![3]),
        (Status::Snoozed, vec![5]),
    ] {
        for account in [vec![], vec!["111122223333".to_owned()]] {
            let query = Query {
                status: vec![status],
                account,
                ..Query::default()
            };
            let lines = list_by(&*store, &query, 1).await;
            let found: Vec<_> = lines.iter().map(|line| &line.id).collect();
            let expected: Vec<_> = expected.iter().map(|n: &usize| &ids[*n]).collect();
            assert_eq!(found, expected, "{query:?}");
            assert!(lines.iter().all(|line| line.status == status));
        }
    }
    for (assignee, expected) in [
        (vec![Some("soc".to_owned())], vec![1]),
        (vec![None], vec![5, 4, 3, 2, 0]),
        (vec![Some("soc".to_owned()), None], vec![5, 4, 3, 2, 1, 0]),
        (vec![Some("nobody".to_owned())], vec![]),
    ] {
        let query = Query {
            assignee,
            ..Query::default()
        };
        let lines = list_by(&*store, &query, 2).await;
        let found: Vec<_> = lines.iter().map(|line| &line.id).collect();
        let expected: Vec<_> = expected.iter().map(|n: &usize| &ids[*n]).collect();
        assert_eq!(found, expected, "{query:?}");
    }
    let all = list_by(&*store, &Query::default(), 50).await;
    assert_eq!(all.len(), 6);
    let line = |n: usize| all.iter().find(|line| line.id == ids[n]).expect("is there");
    assert_eq!(line(1).assignee.as_deref(), Some("soc"));
    assert_eq!(line(5).snoozed_until, Some(at(60_001)));
    assert_eq!(
        (line(4).snoozed_until, line(4).status),
        (None, Status::Open)
    );
}

fn sent(wanted: u32, milliseconds: i64) -> Settlement {
    Settlement::Sent {
        receipt: (wanted == 0).then(|| json!({"ts": "1.5"})),
        wanted,
        at: at(milliseconds),
    }
}

async fn due(store: &dyn Store, milliseconds: i64) -> usize {
    let rows = store.due(SINK, at(milliseconds), 10).await;
    rows.expect("answers").len()
}

async fn claimed(store: &dyn Store, id: &FindingId, milliseconds: i64) -> (u32, u32, u32) {
    let lease = at(milliseconds) + SignedDuration::from_secs(10);
    let row = store.claim(id, SINK, at(milliseconds), lease).await;
    let row = row.expect("answers").expect("is due");
    (row.attempts, row.attempt(), row.wanted)
}

async fn settle(store: &dyn Store, id: &FindingId, attempt: u32, how: Settlement) -> bool {
    let settled = store.settle(id, SINK, attempt, how).await;
    settled.expect("answers")
}

pub(super) async fn wakes(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    // Before it was delivered, nothing is due again: the first message shows how it stands.
    make(&*store, &id, None, Change::Acknowledge, 0)
        .await
        .expect("fits");
    assert_eq!(claimed(&*store, &id, 0).await, (1, 1, 1));
    assert!(settle(&*store, &id, 1, sent(1, 500)).await);
    let first = row(&*store, &id, SINK).await;
    assert_eq!(
        (first.state, first.wanted, first.shown),
        (DeliveryState::Sent, 1, 1)
    );
    assert_eq!((first.sent_at, first.receipt), (Some(at(500)), None));
    assert_eq!(due(&*store, 1_000_000).await, 0);

    make(&*store, &id, None, Change::Resolve, 2_000)
        .await
        .expect("fits");
    let awake = row(&*store, &id, SINK).await;
    assert_eq!(
        (awake.state, awake.wanted, awake.shown),
        (DeliveryState::Pending, 2, 1)
    );
    assert_eq!((awake.due_at, awake.since), (at(2_000), at(2_000)));
    assert_eq!((awake.received_at, awake.attempt()), (at(0), 0));
    assert_eq!(
        (due(&*store, 1_999).await, due(&*store, 2_000).await),
        (0, 1)
    );
    assert_eq!(claimed(&*store, &id, 2_000).await, (2, 1, 2));
    let again = Settlement::Retry {
        at: at(4_000),
        error: "429".into(),
        unanswered: Unanswered::default(),
    };
    assert!(
        !settle(&*store, &id, 1, sent(1, 0)).await,
        "of an earlier errand"
    );
    assert!(settle(&*store, &id, 2, again).await);
    assert_eq!(
        row(&*store, &id, SINK).await.sent_at,
        Some(at(500)),
        "it was delivered"
    );
    assert_eq!(claimed(&*store, &id, 4_000).await, (3, 2, 2));
    let failed = Settlement::Failed {
        error: "404".into(),
    };
    assert!(settle(&*store, &id, 3, failed).await);
    make(&*store, &id, None, Change::Reopen, 5_000)
        .await
        .expect("fits");
    let given_up = row(&*store, &id, SINK).await;
    assert_eq!(
        (given_up.state, given_up.wanted),
        (DeliveryState::Failed, 3)
    );
    assert_eq!(due(&*store, 1_000_000).await, 0);
    // The other sink's row waits for its first message all the while.
    let other = row(&*store, &id, "thehive").await;
    assert_eq!(
        (other.state, other.wanted, other.shown),
        (DeliveryState::Pending, 3, 0)
    );
    assert_eq!((other.due_at, other.attempts), (at(0), 0));
}

pub(super) async fn meanwhile(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    assert_eq!(claimed(&*store, &id, 0).await, (1, 1, 0));
    make(&*store, &id, None, Change::Acknowledge, 100)
        .await
        .expect("fits");
    let sending = row(&*store, &id, SINK).await;
    assert_eq!((sending.state, sending.wanted), (DeliveryState::Sending, 1));
    assert_eq!(sending.due_at, at(10_000), "the lease holds");
    assert!(settle(&*store, &id, 1, sent(0, 500)).await);
    let behind = row(&*store, &id, SINK).await;
    assert_eq!(
        (behind.state, behind.wanted, behind.shown),
        (DeliveryState::Pending, 1, 0)
    );
    assert_eq!((behind.due_at, behind.since), (at(500), at(500)));
    assert_eq!((behind.sent_at, behind.attempt()), (Some(at(500)), 0));
    assert_eq!(claimed(&*store, &id, 500).await, (2, 1, 1));
    assert!(settle(&*store, &id, 2, sent(1, 900)).await);
    let level = row(&*store, &id, SINK).await;
    assert_eq!(
        (level.state, level.wanted, level.shown),
        (DeliveryState::Sent, 1, 1)
    );
    assert_eq!(
        level.receipt,
        Some(json!({"ts": "1.5"})),
        "the first answer stays"
    );
    // Suppressed rows never wake up.
    let quiet = accepted(&*store, 2).await;
    assert_eq!(claimed(&*store, &quiet, 1_000).await.0, 1);
    let by = "route".to_owned();
    assert!(settle(&*store, &quiet, 1, Settlement::Suppressed { by }).await);
    make(&*store, &quiet, None, Change::Resolve, 2_000)
        .await
        .expect("fits");
    let quiet = row(&*store, &quiet, SINK).await;
    assert_eq!((quiet.state, quiet.wanted), (DeliveryState::Suppressed, 0));
    assert_eq!(due(&*store, 1_000_000).await, 0);
}
