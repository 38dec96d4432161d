//! Which resources a call touched: type, ARN where it is certain, name.

mod denied;
mod spelling;
mod table;

use crate::event::{Event, Kind};
use crate::normalise::{Call, lookup};
use dial_core::finding::Resource;
use serde_json::Value;
use table::{Field, fields};

/// Most resources that one event yields.
const MAX_RESOURCES: usize = 50;
/// Longest name and ARN that are kept, bytes; an index key of the store has room for them.
const MAX_NAME: usize = 1_024;

/// The resources of a call, the one that it is about first; the order is that of the table,
/// then of the record.
///
/// An ARN is built only where the record decides it; else the record's own `resources[].ARN`
/// is taken; else the resource has a type and a name only. A denied call without request is
/// about what its error message names.
pub fn of(call: &Call<'_>) -> Vec<Resource> {
    if call.event().kind != Kind::CloudTrail {
        return Vec::new();
    }
    let stated = stated(call);
    let mut found = Vec::new();
    for field in fields().filter(|f| f.fits(call)) {
        for name in names(call, field) {
            add(&mut found, resource(call, field, name, &stated));
        }
    }
    for resource in stated {
        add(&mut found, resource);
    }
    if found.is_empty() {
        found.extend(denied::named(call));
    }
    found
}

/// What the error message of a denied call names, as the service wrote it: an ARN or a name.
pub(crate) fn refused<'a>(call: &Call<'a>) -> Option<&'a str> {
    denied::target(call)
}

/// A resource that another service names by its type and name, as a call on it would name it.
pub(crate) fn named(event: &Event, kind: &str, name: &str) -> Resource {
    let name = spelling::canonical(kind, name);
    let field = fields().find(|field| field.kind == kind && !field.arn.is_empty());
    Resource {
        kind: kind.to_owned(),
        arn: field.and_then(|field| build(event, field, name)),
        name: name.to_owned(),
    }
}

/// A resource that another service names by its ARN, as a call on it would name it.
pub(crate) fn by_arn(arn: &str, kind: Option<&str>) -> Resource {
    let arn = spelling::canonical_arn(arn);
    let typed = || fields().find(|field| field.name_in(arn).is_some());
    let kind = kind
        .or_else(|| denied::in_iam(arn).map(|(kind, _)| kind))
        .or_else(|| typed().map(|field| field.kind));
    Resource {
        kind: kind.unwrap_or("AWS::Resource").to_owned(),
        arn: Some(arn.to_owned()),
        name: last_part(arn).to_owned(),
    }
}

/// `arn:` partition of a region.
pub(crate) fn partition(region: &str) -> &'static str {
    let partitions = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-iso-", "aws-iso"),
        ("eusc-", "aws-eusc"),
    ];
    let found = partitions
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("aws", |(_, partition)| partition)
}

fn add(found: &mut Vec<Resource>, resource: Resource) {
    let same = |other: &Resource| {
        (other.arn.is_some() && other.arn == resource.arn)
            || (other.kind == resource.kind && other.name == resource.name)
    };
    if found.len() < MAX_RESOURCES && !found.iter().any(same) {
        found.push(resource);
    }
}

fn names<'a>(call: &Call<'a>, field: &Field) -> Vec<&'a str> {
    let values = match field.path.split_once('.') {
        Some(("response", path)) => call.response_all(path),
        Some(("details", path)) => {
            lookup::all(&call.event().record, &format!("serviceEventDetails.{path}"))
        }
        _ => call.request_all(field.path),
    };
    let texts = values.into_iter().filter_map(Value::as_str);
    texts
        .filter(|t| !t.is_empty() && t.len() <= MAX_NAME)
        .collect()
}

fn resource(call: &Call<'_>, field: &Field, name: &str, stated: &[Resource]) -> Resource {
    if name.starts_with("arn:") {
        return Resource {
            kind: field.kind.to_owned(),
            arn: Some(spelling::canonical_arn(name).to_owned()),
            name: last_part(spelling::canonical_arn(name)).to_owned(),
        };
    }
    let name = spelling::canonical(field.kind, name);
    let ends = |arn: &str| {
        arn.strip_suffix(name)
            .is_some_and(|s| s.ends_with([':', '/']))
    };
    let known = stated
        .iter()
        .filter_map(|r| r.arn.as_deref())
        .find(|arn| ends(arn));
    Resource {
        kind: field.kind.to_owned(),
        arn: known
            .map(str::to_owned)
            .or_else(|| build(call.event(), field, name)),
        name: name.to_owned(),
    }
}

/// Fills in the template; none where the type's ARN holds what the record does not tell.
fn build(event: &Event, field: &Field, name: &str) -> Option<String> {
    let known = !field.arn.is_empty() && !event.account.is_empty();
    known.then(|| {
        let (template, name) = spelling::in_arn(field.kind, field.arn, name);
        template
            .replace("{p}", partition(&event.region))
            .replace("{r}", &event.region)
            .replace("{a}", &event.account)
            .replace("{n}", &name)
    })
}

/// What the record itself lists under `resources`.
fn stated(call: &Call<'_>) -> Vec<Resource> {
    let listed = lookup::all(&call.event().record, "resources");
    let read = |value: &&Value| {
        let arn = lookup::text(value, "ARN").filter(|a| a.starts_with("arn:"))?;
        (arn.len() <= MAX_NAME).then(|| Resource {
            kind: lookup::text(value, "type")
                .unwrap_or("AWS::Resource")
                .to_owned(),
            arn: Some(arn.to_owned()),
            name: last_part(arn).to_owned(),
        })
    };
    listed.iter().filter_map(read).take(MAX_RESOURCES).collect()
}

/// The name at the end of an ARN.
fn last_part(arn: &str) -> &str {
    let resource = arn.splitn(6, ':').last().unwrap_or(arn);
    resource
        .rsplit(['/', ':'])
        .next()
        .filter(|n| !n.is_empty())
        .unwrap_or(resource)
}

#[cfg(test)]
mod tests;
