//! Whatever the other sides do and whoever crashes: every finding arrives, once at each sink.

use super::{Answer, OtherSide, Rows, base, deliverer, finding, sinks};
use crate::deliver::Deliverer;
use dial_core::store::{DeliveryState, Store as _};
use jiff::SignedDuration;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

const FINDINGS: usize = 6;
const HOSTS: [&str; 2] = ["a", "b"];

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        2 => Just(Answer::Status(200)),
        2 => prop_oneof![Just(500_u16), Just(503), Just(408)].prop_map(Answer::Status),
        2 => (0..120_u64).prop_map(Answer::Busy),
        1 => Just(Answer::Hang),
    ]
}

fn script() -> impl Strategy<Value = Vec<Answer>> {
    proptest::collection::vec(answer(), 0..12)
}

/// Sweeps every so many seconds until everything is sent, at most for two hours.
async fn sweep_often(deliverer: &Deliverer, store: &Rows, seconds: u64) {
    for _ in 0..7_200 / seconds {
        deliverer.sweep(None).await;
        let waiting = |host: &&str| store.states(host) != [DeliveryState::Sent; FINDINGS];
        if !HOSTS.iter().any(waiting) {
            return;
        }
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// Two deliverers sweep over rows of which a crashed third one had claimed some.
async fn deliver_all(scripts: [Vec<Answer>; 2], crashed: Vec<usize>, broken_settles: u32) {
    let store = Rows::with(&HOSTS, FINDINGS);
    for number in crashed {
        let lease = base() + SignedDuration::from_secs(45);
        let claimed = store.claim(&finding(number).id, "a", base(), lease).await;
        claimed.unwrap();
    }
    *store.broken_settles.lock().unwrap() = broken_settles;
    let [first, second] = scripts;
    let other = Arc::new(OtherSide::default().script("a", first).script("b", second));
    let kinds = [("a", 1, 1), ("b", 0, 3)];
    let one = deliverer(&store, sinks(&kinds), &other);
    let two = deliverer(&store, sinks(&kinds), &other);
    tokio::join!(sweep_often(&one, &store, 7), sweep_often(&two, &store, 11));

    let mut expected: Vec<(String, String)> = HOSTS
        .iter()
        .flat_map(|host| (0..FINDINGS).map(|n| ((*host).to_owned(), finding(n).id.to_string())))
        .collect();
    expected.sort_unstable();
    let mut taken = other.taken();
    taken.sort_unstable();
    assert_eq!(taken, expected);
    for host in HOSTS {
        assert_eq!(
            store.states(host),
            [DeliveryState::Sent; FINDINGS],
            "{host}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn everything_arrives_once(
        first in script(),
        second in script(),
        crashed in proptest::collection::vec(0..FINDINGS, 0..4),
        broken_settles in 0..5_u32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(deliver_all([first, second], crashed, broken_settles));
    }
}
