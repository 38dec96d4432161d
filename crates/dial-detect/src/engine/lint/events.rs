//! Event sources, event names and their fields: what AWS does not have, a rule waits for in vain.

use super::Report;
use super::group::{Group, Wanted, groups};
use super::names::{Service, names, nearest};
use rsigma_parser::SigmaRule;
use std::collections::BTreeSet;

/// A rule with this tag may name events and fields that the list does not have.
const UNLISTED: &str = "dial.unlisted";
/// Fields that answers have beside those of the model.
const ANSWERS: [&str; 4] = ["requestId", "_return", "message", "location"];
/// What CloudTrail writes in place of fields that are too large.
const CUT: [&str; 3] = ["omitted", "originalSize", "reason"];
/// Services whose fields are not spelled as the model has them.
const OWN_CASE: [&str; 8] = [
    "account",
    "s3",
    "ce",
    "cloudshell",
    "securityhub",
    "sso",
    "sso-directory",
    "apigateway",
];
/// Ends of what EC2's fields are called in a trail.
const EC2_WRAPS: [&str; 4] = ["Set", "Request", "Req", "Response"];
/// Fields of S3 that no operation names: where and what the request was about.
const S3_FIELDS: [&str; 34] = [
    "Host",
    "acl",
    "bucketName",
    "bucketPolicy",
    "cors",
    "delete",
    "encryption",
    "key",
    "lifecycle",
    "list-type",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "retention",
    "tagging",
    "uploads",
    "versioning",
    "versions",
    "website",
    "inventory",
    "analytics",
    "intelligent-tiering",
    "accelerate",
    "legal-hold",
    "select",
    "restore",
];

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
        check_fields(group, sources, events, selection, report);
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
fn services(sources: &[Wanted]) -> Option<Vec<(&str, &'static Service)>> {
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

/// The side of a call that a field belongs to.
#[derive(Clone, Copy)]
enum Side {
    Request,
    Response,
}

fn check_fields(
    group: &Group<'_>,
    sources: &[Wanted],
    events: &[Wanted],
    selection: &str,
    report: &mut Report<'_>,
) {
    for path in group.paths() {
        let sides = [
            ("requestParameters.", Side::Request),
            ("responseElements.", Side::Response),
        ];
        for (prefix, side) in sides {
            let Some(rest) = path.strip_prefix(prefix) else {
                continue;
            };
            let field = rest.split(['.', '[']).next().unwrap_or(rest);
            let Some(known) = known_fields(sources, events, side) else {
                continue;
            };
            if let Some((message, sure)) = known.remark(field) {
                let at = ["detection:", selection, path];
                if sure {
                    report.error(&at, &message);
                } else {
                    report.warning(&at, &message);
                }
            }
        }
    }
}

/// Fields that some events may have.
struct KnownFields {
    fields: BTreeSet<&'static str>,
    events: Vec<&'static str>,
    /// The trail's spelling is not that of the model.
    own_case: bool,
    /// The trail wraps and renames, so that only near misses are told.
    renamed: bool,
}

/// `None` where the fields of one of the events are not listed.
fn known_fields(sources: &[Wanted], events: &[Wanted], side: Side) -> Option<KnownFields> {
    let services = services(sources)?;
    let mut known = KnownFields {
        fields: BTreeSet::new(),
        events: Vec::new(),
        own_case: false,
        renamed: false,
    };
    for event in events {
        let Wanted::Exact(name) = event else {
            return None;
        };
        // Of several services, those that have the event.
        let having = services.iter().filter_map(|(source, service)| {
            let event = service.spelling(name)?;
            Some((*source, event, service.fields(event)?))
        });
        let having: Vec<_> = having.collect();
        if having.is_empty() {
            return None;
        }
        for (source, event, fields) in having {
            let fields = match side {
                Side::Request => fields.request,
                Side::Response => fields.response,
            };
            known.fields.extend(fields?);
            known.add_service(source, side)?;
            known.events.push(event);
        }
    }
    (!known.events.is_empty()).then_some(known)
}

impl KnownFields {
    /// What a service adds of its own; `None` where its fields cannot be told.
    fn add_service(&mut self, source: &str, side: Side) -> Option<()> {
        let short = source.split('.').next().unwrap_or(source);
        self.own_case |= OWN_CASE.contains(&short);
        match (short, side) {
            // Links and templates as the console sees them.
            ("apigateway", _) => return None,
            // `instancesSet`, `CreateFlowLogsRequest`.
            ("ec2", _) => self.renamed = true,
            ("s3", Side::Request) => self.fields.extend(S3_FIELDS),
            _ => {}
        }
        self.fields.extend(CUT);
        if matches!(side, Side::Response) {
            self.fields.extend(ANSWERS);
        }
        Some(())
    }

    /// What is wrong with a field, and whether that is certain.
    fn remark(&self, field: &str) -> Option<(String, bool)> {
        let lower = |name: &str| name.to_ascii_lowercase();
        let folded = |name: &str| lower(name).replace(['-', '_'], "");
        let mut fields = self.fields.iter();
        let same = fields.find(|known| folded(known) == folded(field));
        if let Some(same) = same {
            // `ARN` is written `arn`, but `DBInstance…` is `dBInstance…`.
            let capitals = same.chars().skip(1).all(|c| c.is_ascii_uppercase());
            let fits = *same == field || (capitals && lower(same) == field);
            let wrong = !fits && !self.own_case && lower(same) == lower(field);
            return wrong.then(|| {
                let message = format!("field names are case-sensitive: `{field}` is `{same}`");
                (message, true)
            });
        }
        if self.renamed && EC2_WRAPS.iter().any(|end| field.ends_with(end)) {
            return None;
        }
        let events = self.events.iter().take(3).copied().collect::<Vec<_>>();
        let events = events.join(", ");
        Some(match nearest(field, self.fields.iter().copied()) {
            Some(meant) => (
                format!("{events} has no field `{field}`; `{meant}` is one"),
                true,
            ),
            None if self.renamed => return None,
            None => {
                let message = format!(
                    "{events} has no field `{field}` in the API model; tag it {UNLISTED} if CloudTrail has"
                );
                (message, false)
            }
        })
    }
}
