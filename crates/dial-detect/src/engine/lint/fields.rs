//! Fields of requests and answers, held against those of the API model.

use super::Report;
use super::events::{UNLISTED, services};
use super::group::{Group, Wanted};
use super::names::nearest;
use std::collections::BTreeSet;

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

/// The side of a call that a field belongs to.
#[derive(Clone, Copy)]
enum Side {
    Request,
    Response,
}

/// Says which fields of a group no event of these has.
pub(super) fn check(
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
