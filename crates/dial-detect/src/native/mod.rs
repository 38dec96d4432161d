//! Native findings: what AWS services report by themselves, read as a finding needs it; one file
//! per service.

mod access_analyzer;
mod cloudwatch;
mod guardduty;
mod health;
mod inspector;
mod macie;
mod security_hub;
#[cfg(test)]
mod tests;
mod trusted_advisor;

use crate::event::{Event, Kind};
use crate::normalise::lookup;
use crate::resources;
use dial_core::finding::{Principal, Resource};
use serde_json::Value;

/// Most resources of one finding; GuardDuty's sequences name up to 400.
const MAX_RESOURCES: usize = 50;

/// How the findings of one service are read.
struct Reporter {
    /// `source` of its events.
    source: &'static str,
    /// Name for people.
    name: &'static str,
    /// Where the kind of finding stands, such as `type`.
    kind: &'static str,
    /// Where the service says in words what it found.
    message: &'static str,
    /// What the finding is about, that first which people act on.
    resources: fn(Found<'_>) -> Vec<Resource>,
    /// Whose credentials were seen.
    principal: fn(Found<'_>) -> Principal,
    /// Where the address of the other side may stand, in order.
    addresses: &'static [&'static str],
}

/// Sorted by source.
static REPORTERS: &[Reporter] = &[
    access_analyzer::REPORTER,
    cloudwatch::REPORTER,
    guardduty::REPORTER,
    health::REPORTER,
    inspector::REPORTER,
    macie::REPORTER,
    security_hub::REPORTER,
    trusted_advisor::REPORTER,
];

/// One native event, ready to be asked.
#[derive(Clone, Copy)]
struct Found<'a> {
    event: &'a Event,
}

impl<'a> Found<'a> {
    /// First text at a path of `detail`; empty texts count as absent.
    fn text(self, path: &str) -> Option<&'a str> {
        self.texts(path).next()
    }

    /// Every text at a path of `detail`.
    fn texts(self, path: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let values = lookup::all(&self.event.record, path).into_iter();
        let texts = values.filter_map(Value::as_str);
        texts.filter(|text| !text.is_empty()).take(MAX_RESOURCES)
    }

    fn owned(self, path: &str) -> Option<String> {
        self.text(path).map(str::to_owned)
    }

    /// The resource of a type and name, with the ARN that a call on it would give.
    fn named(self, kind: &str, name: &str) -> Resource {
        resources::named(self.event, kind, name)
    }
}

fn reporter(event: &Event) -> Option<(&'static Reporter, Found<'_>)> {
    let Kind::Native { source, .. } = &event.kind else {
        return None;
    };
    let found = REPORTERS.iter().find(|it| it.source == source);
    found.map(|it| (it, Found { event }))
}

/// Name of the event: the finding's own kind, else the detail type.
pub(crate) fn name(event: &Event) -> Option<&str> {
    let Kind::Native { detail_type, .. } = &event.kind else {
        return None;
    };
    let stated = reporter(event).and_then(|(it, found)| found.text(it.kind));
    Some(stated.unwrap_or(detail_type))
}

/// Name of the service for people; its `source` where it is not known.
pub(crate) fn service(event: &Event) -> Option<&str> {
    let Kind::Native { source, .. } = &event.kind else {
        return None;
    };
    Some(reporter(event).map_or(source, |(it, _)| it.name))
}

/// What the service says in words.
pub(crate) fn message(event: &Event) -> Option<&str> {
    let path = reporter(event).map_or("description", |(it, _)| it.message);
    Found { event }.text(path)
}

/// What the finding is about; empty for a CloudTrail record.
pub(crate) fn resources(event: &Event) -> Vec<Resource> {
    let Some((it, found)) = reporter(event) else {
        return Vec::new();
    };
    let mut distinct: Vec<Resource> = Vec::new();
    for resource in (it.resources)(found) {
        let same = |other: &Resource| other.key() == resource.key();
        if distinct.len() < MAX_RESOURCES && !distinct.iter().any(same) {
            distinct.push(resource);
        }
    }
    distinct
}

/// Whose credentials the service saw; `None` for a CloudTrail record.
pub(crate) fn principal(event: &Event) -> Option<Principal> {
    if event.kind == Kind::CloudTrail {
        return None;
    }
    let read = reporter(event).map(|(it, found)| (it.principal)(found));
    Some(read.unwrap_or_default())
}

/// Address of the other side.
pub(crate) fn source_ip(event: &Event) -> Option<&str> {
    let (it, found) = reporter(event)?;
    it.addresses.iter().find_map(|path| found.text(path))
}

/// For services that name no caller.
fn nobody(_: Found<'_>) -> Principal {
    Principal::default()
}
