//! Delivery explored exhaustively: the product's deliverer, sinks and SQL in every order of events,
//! with a crash of a process before and after every write and every call.
//!
//! A process stands still at a gate before each of its writes and calls; the explorer lets one go
//! on at a time. What lies between two gates reads only. A crash drops a process where it stands,
//! so a crash right after a write is one at the next gate. Sinks share no row and no service, so
//! between two crashes the order of one sink's steps among the other's does not matter, and only
//! one of these orders is gone through.
//!
//! Several processes live in the first life only. With two of them in the second life as well there
//! are 15,163 states instead of 3,312, seven times the time, and nothing else to be found in them;
//! with two in every life it is more than a test may take. That of two who find the same lease ended
//! one gets the row is held in the suite of the stores.

mod gates;
mod search;
mod side;
mod store;

use search::{Found, Plan, search};
use store::Fault;

/// Two sinks, three crashes, two processes at a time.
const TWO_PROCESSES: Plan = Plan {
    sinks: 2,
    findings: 1,
    processes: 2,
    crashes: 3,
    lost: 0,
    refused: 0,
    digest_above: 0,
    fault: Fault::None,
};

fn holds(name: &str, plan: Plan, least: usize) {
    let found = search(plan);
    println!(
        "{name}: {} states, {} ways to the end",
        found.states, found.ends
    );
    assert_eq!(found.broken, None, "{name}");
    assert!(
        found.states >= least,
        "{name}: only {} states",
        found.states
    );
}

#[test]
fn nothing_is_lost_and_nobody_told_twice_whoever_crashes_when() {
    holds("one finding, two processes", TWO_PROCESSES, 1_000);
}

#[test]
fn answers_that_refuse_or_never_come_change_nothing_of_that() {
    let plan = Plan {
        processes: 1,
        crashes: 2,
        lost: 1,
        refused: 1,
        ..TWO_PROCESSES
    };
    holds("one finding, faulty answers", plan, 300);
}

#[test]
fn a_repeat_goes_below_the_first_whoever_crashes_when() {
    let plan = Plan {
        sinks: 1,
        findings: 2,
        processes: 1,
        crashes: 3,
        ..TWO_PROCESSES
    };
    holds("two findings of a group", plan, 100);
}

#[test]
fn a_storm_is_told_once_whoever_crashes_when() {
    let plan = Plan {
        sinks: 1,
        findings: 3,
        processes: 1,
        crashes: 3,
        digest_above: 1,
        ..TWO_PROCESSES
    };
    holds("three findings in a digest", plan, 100);
}

/// A search that cannot fail would say nothing.
#[test]
fn a_broken_lease_or_settlement_is_found() {
    let cases = [
        (Fault::NoLease, 2, "told twice"),
        (Fault::EndlessLease, 1, "stuck"),
        (Fault::ForgottenSettlement, 1, "stuck"),
        (Fault::EarlySettlement, 1, "sent, but nobody was told"),
        (Fault::ForgottenTimes, 1, "told twice"),
        (Fault::BlindLook, 1, "told twice"),
    ];
    for (fault, processes, expected) in cases {
        let Found { broken, .. } = search(Plan {
            fault,
            processes,
            crashes: 1,
            ..TWO_PROCESSES
        });
        let broken = broken.unwrap_or_default();
        assert!(broken.contains(expected), "{fault:?}: {broken:?}");
    }
}
