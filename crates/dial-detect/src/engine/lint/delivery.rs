//! How an event reaches us, told from its name; what a rule's `dial.delivery` says must agree.

use super::Report;
use super::group::{Wanted, groups};
use crate::engine::rule::{Delivery, RuleInfo};
use crate::normalise::without_date;
use crate::patterns::place;
use rsigma_parser::SigmaRule;
use std::collections::BTreeSet;

/// Starts of the names of calls that read.
const READS: [&str; 6] = ["BatchGet", "Describe", "Get", "Head", "List", "Lookup"];
/// Starts of the names of calls that change something, whatever the service.
const WRITES: [&str; 7] = [
    "Attach",
    "Create",
    "Delete",
    "Modify",
    "Put",
    "Terminate",
    "Update",
];

/// How the event arrives, where its name says so.
pub(in crate::engine) fn expected(source: &str, event: &str) -> Option<Delivery> {
    let event = without_date(event);
    if source == "signin.amazonaws.com" {
        return None;
    }
    if place::data_resource(source, event).is_some() {
        return Some(Delivery::Data);
    }
    if place::counts_as_write(event) {
        return Some(Delivery::Write);
    }
    let begins = |starts: &[&str]| starts.iter().any(|start| event.starts_with(start));
    match (begins(&READS), begins(&WRITES)) {
        (true, _) => Some(Delivery::Read),
        (_, true) => Some(Delivery::Write),
        _ => None,
    }
}

pub(super) fn check(info: &RuleInfo, rule: &SigmaRule, report: &mut Report<'_>) {
    let Some(stated) = info
        .dial
        .delivery
        .filter(|stated| *stated != Delivery::Service)
    else {
        return;
    };
    let mut sources = BTreeSet::new();
    let mut events = BTreeSet::new();
    for group in rule.detection.named.values().flat_map(groups) {
        sources.extend(exact(group.wanted("eventSource")));
        events.extend(exact(group.wanted("eventName")));
    }
    let Some(first) = events.first() else {
        return;
    };
    // One event of which nothing is known may be the reason for what the rule says.
    let each = events.iter().map(|event| {
        let own = sources.iter().map(|source| expected(source, event));
        own.max().flatten()
    });
    let Some(expected) = each.collect::<Option<BTreeSet<Delivery>>>() else {
        return;
    };
    if expected.len() == 1 && !expected.contains(&stated) {
        let word = expected.first().map_or("M", |delivery| word(*delivery));
        let message = format!(
            "{first} arrives as {word}, but `dial.delivery` says {}",
            self::word(stated)
        );
        report.warning(&["dial:"], &message);
    }
}

fn exact(wanted: Option<Vec<Wanted>>) -> impl Iterator<Item = String> {
    let wanted = wanted.into_iter().flatten();
    wanted.filter_map(|wanted| match wanted {
        Wanted::Exact(text) => Some(text),
        _ => None,
    })
}

/// The letter of `dial.delivery`.
pub(in crate::engine) fn word(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Write => "M",
        Delivery::Read => "R",
        Delivery::Data => "D",
        Delivery::Service => "S",
    }
}
