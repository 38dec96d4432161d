//! What people are told: routes, silences, inhibition, groups, digests, and a long outage.

use super::other_side::{Channel, OtherSide, Plain};
use super::rows::Rows;
use super::{base, clock, finding, run_for};
use crate::deliver::Deliverer;
use crate::deliver::transport::Transport;
use crate::message::links::Links;
use crate::routing::Routing;
use crate::routing::settings::{InhibitSettings, RouteSettings};
use crate::sinks::configured::Terms;
use crate::sinks::{Configured, Sink, Sinks};
use dial_core::store::silence::Silence;
use dial_core::store::{DeliveryState, Store};
use dial_core::{Finding, Severity};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// One finding per resource, so that none repeats another.
fn apart(number: usize) -> Finding {
    let mut finding = finding(number);
    finding.resources[0].arn = Some(format!("arn:aws:s3:::bucket-{number}"));
    finding.id = finding.expected_id();
    finding
}

fn with(mut finding: Finding, change: impl FnOnce(&mut Finding)) -> Finding {
    change(&mut finding);
    finding.id = finding.expected_id();
    finding
}

/// `chat` is read by people, one message a second; `siem` by machines.
fn desk(threads: bool) -> Sinks {
    let mut sinks = Sinks::default();
    let chat: Box<dyn Sink> = Box::new(Channel {
        host: "chat",
        threads,
    });
    let siem: Box<dyn Sink> = Box::new(Plain("siem"));
    for (name, kind, sink, seconds) in [("chat", "slack", chat, 1), ("siem", "webhook", siem, 0)] {
        let terms = Terms {
            min_interval: Duration::from_secs(seconds),
            concurrency: 1,
            timeout: Duration::from_secs(15),
            give_up_after: Duration::from_hours(72),
            digest_above: 20,
            send_resolved: false,
        };
        sinks.insert(name, Configured { kind, terms, sink });
    }
    sinks
}

fn deliverer(
    store: &Arc<Rows>,
    other: &Arc<OtherSide>,
    sinks: Sinks,
    (route, inhibit): (&str, &str),
) -> Arc<Deliverer> {
    let route: RouteSettings = toml::from_str(route).unwrap();
    let inhibit: BTreeMap<String, Vec<InhibitSettings>> = toml::from_str(inhibit).unwrap();
    let inhibit = inhibit.into_values().flatten().collect::<Vec<_>>();
    let routing = Arc::new(Routing::new(&route, &inhibit, sinks.names()));
    let store: Arc<dyn Store> = store.clone();
    let other: Arc<dyn Transport> = other.clone();
    let links = Links::default();
    let deliverer = Deliverer::with(store, sinks, links, other, clock(), 7);
    Arc::new(deliverer.routed(routing))
}

fn said(other: &OtherSide, host: &str) -> Vec<String> {
    let taken = other.taken().into_iter();
    taken
        .filter(|(to, _)| to == host)
        .map(|(_, said)| said)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_row_says_why_nobody_was_told() {
    let store = Rows::with(&[], 0);
    let low = with(apart(1), |finding| finding.severity = Severity::Low);
    let muted = with(apart(2), |finding| finding.rule.name = "noise".into());
    let source = with(apart(3), |finding| finding.severity = Severity::Critical);
    let target = with(apart(4), |finding| {
        finding.severity = Severity::Medium;
        finding.resources[0].arn = Some("arn:aws:s3:::bucket-3".into());
    });
    let told = apart(5);
    for finding in [&low, &muted, &source, &target, &told] {
        store.add(finding, &["chat", "siem"]);
    }
    store.silences.lock().unwrap().push(Silence {
        id: "s-1".into(),
        matchers: vec!["rule=noise".into()],
        owner: "soc".into(),
        reason: "known".into(),
        created_by: "soc (api)".into(),
        created_at: base(),
        ends_at: base() + SignedDuration::from_hours(1),
        ended_by: None,
    });
    let route =
        "sinks = []\n[[routes]]\nmatchers = [\"severity>=medium\"]\nsinks = [\"chat\", \"siem\"]";
    let inhibit = "[[inhibit]]\nsource = [\"severity=critical\"]\n\
                   target = [\"severity<=medium\"]\nequal = [\"resource\"]";
    let other = Arc::new(OtherSide::default());
    let deliverer = deliverer(&store, &other, desk(false), (route, inhibit));
    let tally = deliverer.sweep(None).await;
    assert_eq!((tally.sent, tally.suppressed, tally.left), (6, 4, 0));
    let by = |finding: &Finding, sink| store.row(&finding.id, sink).suppressed_by;
    let because = |text: &str| Some(text.to_owned());
    assert_eq!(by(&low, "chat"), because("route"));
    assert_eq!(by(&low, "siem"), because("route"));
    assert_eq!(by(&muted, "chat"), because("silence s-1"));
    assert_eq!(
        by(&target, "chat"),
        Some(format!("inhibited by {}", source.id))
    );
    let people = said(&other, "chat");
    assert_eq!(people.len(), 2, "{people:?}");
    assert!(people.contains(&source.id.to_string()) && people.contains(&told.id.to_string()));
    assert_eq!(
        said(&other, "siem").len(),
        4,
        "machines are told all that the tree sends"
    );
}

#[tokio::test(start_paused = true)]
async fn repeats_are_counted_and_people_told_once() {
    let store = Rows::with(&["chat", "siem"], 5);
    let other = Arc::new(OtherSide::default());
    let deliverer = deliverer(&store, &other, desk(false), ("", ""));
    run_for(&deliverer, Duration::from_mins(1)).await;
    assert_eq!(said(&other, "chat").len(), 1);
    assert_eq!(said(&other, "siem").len(), 5);
    let rows: Vec<_> = (0..5).map(|n| store.row(&finding(n).id, "chat")).collect();
    let first = rows.iter().find(|row| row.state == DeliveryState::Sent);
    let first = first.expect("one was told");
    assert_eq!(first.repeats, 4);
    let by = Some(format!("group {}", first.finding));
    let repeats = rows.iter().filter(|row| row.suppressed_by == by);
    assert_eq!(repeats.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn where_there_are_threads_repeats_go_below_the_first() {
    let store = Rows::with(&["chat"], 4);
    let other = Arc::new(OtherSide::default());
    let deliverer = deliverer(&store, &other, desk(true), ("", ""));
    run_for(&deliverer, Duration::from_mins(2)).await;
    let said = said(&other, "chat");
    assert_eq!(said.len(), 4, "{said:?}");
    let below = format!("below \"{}\"", said[0]);
    assert!(
        said[1..].iter().all(|said| said.ends_with(&below)),
        "{said:?}"
    );
    assert_eq!(store.states("chat"), [DeliveryState::Sent; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_storm_is_one_message_and_the_critical_are_told_each() {
    let store = Rows::with(&[], 0);
    for n in 0..150 {
        let severity = if n < 3 {
            Severity::Critical
        } else {
            Severity::High
        };
        let finding = with(apart(n), |finding| finding.severity = severity);
        store.add(&finding, &["chat"]);
    }
    let other = Arc::new(OtherSide::default());
    let deliverer = deliverer(&store, &other, desk(false), ("", ""));
    let tally = deliverer.sweep(None).await;
    assert_eq!((tally.sent, tally.suppressed, tally.left), (4, 146, 0));
    let said = said(&other, "chat");
    let critical: Vec<String> = (0..3)
        .map(|n| {
            with(apart(n), |f| f.severity = Severity::Critical)
                .id
                .to_string()
        })
        .collect();
    assert!(critical.iter().all(|id| said[..3].contains(id)), "{said:?}");
    assert_eq!(said[3], "digest of 147");
}

/// Whoever is to hear of the critical hears of a storm of them too.
#[tokio::test(start_paused = true)]
async fn routes_say_who_is_alerted_of_one_and_of_a_storm() {
    let route = "mention = ['U1']\n[[routes]]\nmatchers = ['severity>=critical']\n\
                 mention = ['S1', 'here']\n[[routes]]\nmatchers = ['severity<=low']\nmention = []";
    let one = |severity| with(apart(1), |finding| finding.severity = severity);
    let cases = [
        (Severity::Critical, " for S1, here"),
        (Severity::High, " for U1"),
        (Severity::Low, ""),
    ];
    for (severity, expected) in cases {
        let store = Rows::with(&[], 0);
        store.add(&one(severity), &["chat"]);
        let other = Arc::new(OtherSide::default());
        let deliverer = deliverer(&store, &other, desk(false), (route, ""));
        deliverer.sweep(None).await;
        let id = one(severity).id;
        assert_eq!(said(&other, "chat"), [format!("{id}{expected}")]);
    }
    let store = Rows::with(&[], 0);
    for n in 0..30 {
        let severity = if n > 28 {
            Severity::Low
        } else {
            Severity::Critical
        };
        let finding = with(apart(n), |finding| finding.severity = severity);
        store.add(&finding, &["chat"]);
    }
    let other = Arc::new(OtherSide::default());
    let deliverer = deliverer(&store, &other, desk(false), (route, ""));
    deliverer.sweep(None).await;
    assert_eq!(said(&other, "chat"), ["digest of 30 for here, S1"]);
}

#[tokio::test(start_paused = true)]
async fn a_digest_whose_end_was_not_recorded_tells_the_same_rows_again() {
    let store = Rows::with(&[], 0);
    for n in 0..30 {
        store.add(&apart(n), &["chat"]);
    }
    // More failures than the time for recording has room for.
    *store.broken_settles.lock().unwrap() = 8;
    let other = Arc::new(OtherSide::default());
    let deliverer = deliverer(&store, &other, desk(false), ("", ""));
    run_for(&deliverer, Duration::from_mins(5)).await;
    let states = store.states("chat");
    let count = |state| states.iter().filter(|s| **s == state).count();
    assert_eq!(count(DeliveryState::Sent), 1);
    assert_eq!(count(DeliveryState::Suppressed), 29);
    let said = said(&other, "chat");
    assert!(said.iter().all(|said| said == "digest of 30"), "{said:?}");
    assert_eq!(said.len(), 2, "once before, once after");
}

/// Two hours without chat, with a finding every ten seconds.
#[tokio::test(start_paused = true)]
async fn after_two_hours_without_chat_nothing_is_lost_and_nobody_is_flooded() {
    const OUTAGE: Duration = Duration::from_hours(2);
    const FINDINGS: usize = 720;
    const EVERY: Duration = Duration::from_secs(10);
    let store = Rows::with(&[], 0);
    let other = Arc::new(OtherSide::default().down("chat", OUTAGE));
    let deliverer = deliverer(&store, &other, desk(false), ("", ""));
    let start = Instant::now();
    let arrivals = async {
        for n in 0..FINDINGS {
            let at = base() + SignedDuration::try_from(start.elapsed()).unwrap();
            store.add_at(&apart(n), &["chat", "siem"], at);
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::join!(
        arrivals,
        run_for(&deliverer, OUTAGE + Duration::from_hours(1))
    );

    let states = store.states("chat");
    let count = |state| states.iter().filter(|s| **s == state).count();
    let (sent, muted) = (count(DeliveryState::Sent), count(DeliveryState::Suppressed));
    assert_eq!(sent + muted, FINDINGS, "nothing is lost, nothing waits");

    let late = |(said, at): &(String, Instant)| {
        let n = (0..FINDINGS).find(|n| apart(*n).id.to_string() == *said);
        let arrived = start + EVERY * u32::try_from(n.unwrap()).unwrap();
        *at - arrived
    };
    let siem = other.got("siem");
    assert_eq!(siem.len(), FINDINGS);
    let slowest = siem.iter().step_by(31).map(late).max().unwrap();
    assert!(
        slowest <= Duration::from_secs(2),
        "others never waited: {slowest:?}"
    );

    let chat: Vec<(String, Instant)> = other.got("chat");
    let after: Vec<_> = chat
        .iter()
        .filter(|(_, at)| *at >= start + OUTAGE)
        .collect();
    let gaps = after.windows(2).map(|pair| pair[1].1 - pair[0].1);
    assert!(
        gaps.min().unwrap() >= Duration::from_secs(1),
        "one a second"
    );
    let told: usize = said(&other, "chat")
        .iter()
        .map(|said| {
            said.strip_prefix("digest of ")
                .map_or(1, |n| n.parse().unwrap())
        })
        .sum();
    assert_eq!(told, FINDINGS, "every finding is told of");
    assert!(after.len() < FINDINGS / 5, "{} messages", after.len());
}
