//! Event sources and event names: what AWS does not have, a rule waits for in vain.

use super::group::{Group, Wanted, groups};
use super::names::{Service, names};
use super::{Report, fields};
use rsigma_parser::SigmaRule;

/// A rule with this tag may name events and fields that the list does not have.
pub(super) const UNLISTED: &str = "dial.unlisted";

/// What a group, or the whole rule, says about where events come from.
#[derive(Default)]
struct Named {
    sources: Vec<Wanted>,
    events: Vec<Wanted>,
}

pub(super) fn check(rule: &SigmaRule, report: &mut Report<'_>) {
    if rule.tags.iter().any(|tag| tag == UNLISTED) {
        return;
    }
    let mut named: Vec<_> = rule.detection.named.iter().collect();
    named.sort_by_key(|(name, _)| name.as_str());
    let all: Vec<(&str, Group<'_>)> = named
        .iter()
        .flat_map(|(name, detection)| groups(detection).into_iter().map(|g| (name.as_str(), g)))
        .collect();
    let mut whole = Named::default();
    for (_, group) in &all {
        whole.add(group);
    }
    for (selection, group) in &all {
        let selection = &format!("{selection}:");
        let mut own = Named::default();
        own.add(group);
        check_sources(&own, selection, report);
        let sources = first_full(&own.sources, &whole.sources);
        let events = first_full(&own.events, &whole.events);
        check_events(&own.events, sources, selection, report);
        fields::check(group, sources, events, selection, report);
    }
}

impl Named {
    fn add(&mut self, group: &Group<'_>) {
        self.sources
            .extend(group.wanted("eventSource").into_iter().flatten());
        self.events
            .extend(group.wanted("eventName").into_iter().flatten());
    }
}

fn first_full<'a>(own: &'a [Wanted], whole: &'a [Wanted]) -> &'a [Wanted] {
    if own.is_empty() { whole } else { own }
}

fn check_sources(own: &Named, selection: &str, report: &mut Report<'_>) {
    for source in &own.sources {
        let Wanted::Exact(source) = source else {
            continue;
        };
        let at = ["detection:", selection, "eventSource", source];
        if names().service(source).is_some() {
            continue;
        }
        let lower = source.to_ascii_lowercase();
        if names().service(&lower).is_some() {
            let message =
                format!("AWS writes the event source as `{lower}`; event patterns keep case");
            report.error(&at, &message);
            continue;
        }
        match names().nearest_source(source) {
            Some(meant) => report.error(
                &at,
                &format!("no service has the event source `{source}`; `{meant}` is one"),
            ),
            None => report.warning(
                &at,
                &format!("no known service has the event source `{source}`; tag it {UNLISTED} if AWS does"),
            ),
        }
    }
}

/// Services that exact sources name; `None` where one is not known or not exact.
pub(super) fn services(sources: &[Wanted]) -> Option<Vec<(&str, &'static Service)>> {
    let each = sources.iter().map(|source| match source {
        Wanted::Exact(source) => Some((source.as_str(), names().service(source)?)),
        _ => None,
    });
    each.collect()
}

fn check_events(own: &[Wanted], sources: &[Wanted], selection: &str, report: &mut Report<'_>) {
    let Some(services) = services(sources) else {
        return;
    };
    if services.iter().any(|(_, service)| service.open) {
        return;
    }
    for event in own {
        let at = ["detection:", selection, "eventName", event.text()];
        match event {
            Wanted::Exact(name) => check_event(name, &services, &at, report),
            _ => check_shape(event, &services, &at, report),
        }
    }
}

fn check_event(name: &str, services: &[(&str, &Service)], at: &[&str], report: &mut Report<'_>) {
    let spelled = services
        .iter()
        .find_map(|(_, service)| service.spelling(name));
    let bare = crate::normalise::without_date(name);
    match spelled {
        Some(spelled) if spelled == bare => return,
        Some(spelled) => {
            let message =
                format!("AWS writes the event name as `{spelled}`; event patterns keep case");
            return report.error(at, &message);
        }
        None => {}
    }
    let owners = names().sources_of(bare);
    let sources: Vec<&str> = services.iter().map(|(source, _)| *source).collect();
    if sources.is_empty() && !owners.is_empty() {
        return;
    }
    let problem = match sources.as_slice() {
        [] => format!("no service has an event `{name}`"),
        _ => format!("{} has no event `{name}`", sources.join(", ")),
    };
    let near = match services {
        [] => names().nearest_event(name),
        _ => services
            .iter()
            .find_map(|(_, service)| service.nearest(name)),
    };
    if let Some(owner) = owners.first() {
        let message = format!("{problem}, so the rule can never fire on it; {owner} has it");
        report.error(at, &message);
    } else if let (Some(near), false) = (near, services.is_empty()) {
        report.error(at, &format!("{problem}; `{near}` is one"));
    } else {
        // Among the names of all services, one that is new is soon close to another.
        let near = near.map_or(String::new(), |near| format!("; `{near}` is one"));
        let message = format!("{problem} that is known{near}; tag it {UNLISTED} if AWS has");
        report.warning(at, &message);
    }
}

/// `|startswith` and its like must fit some event.
fn check_shape(
    shape: &Wanted,
    services: &[(&str, &Service)],
    at: &[&str],
    report: &mut Report<'_>,
) {
    let mut events = services.iter().flat_map(|(_, service)| service.events());
    if !services.is_empty() && !events.any(|event| shape.fits(event)) {
        let message = format!("no event of these services fits `{}`", shape.text());
        report.error(at, &message);
    }
}
