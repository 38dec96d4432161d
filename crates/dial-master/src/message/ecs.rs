//! A finding as an Elastic Common Schema document: exact values, only fields that ECS or `dial` name.
//!
//! Facts and the record stay out as objects, for each of their keys would become a field of the
//! index. The record is in `event.original` as text.

use super::links::Links;
use dial_core::finding::{Geo, Resource, Source};
use dial_core::record::Record;
use dial_core::store::Stored;
use dial_core::{Finding, Severity};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// The version of ECS whose names these are.
const VERSION: &str = "8.17.0";

/// The document of a finding.
pub(crate) fn document(stored: &Stored, links: &Links) -> Value {
    let finding = &stored.finding;
    let document = json!({
        "@timestamp": finding.time,
        "ecs": {"version": VERSION},
        "message": finding.title,
        "event": event(finding, links),
        "rule": {
            "id": finding.rule.id, "name": finding.rule.name,
            "description": finding.rule.title, "version": finding.rule.version,
            "reference": finding.references.first(), "ruleset": "dial",
        },
        "cloud": {
            "provider": "aws", "region": finding.region,
            "account": {"id": finding.account.id, "name": finding.account.name},
            "service": {"name": finding.event.source.strip_suffix(".amazonaws.com")},
        },
        "user": user(finding),
        "source": source(&finding.source),
        "user_agent": {"original": finding.source.user_agent},
        "threat": {"technique": {"id": finding.attack}},
        "related": {
            "ip": address(&finding.source).map(|ip| vec![ip.to_string()]),
            "user": [&finding.principal.name, &finding.principal.arn],
        },
        "observer": {"vendor": "DIAL", "product": "dial", "version": finding.worker.version},
        "dial": own(stored),
    });
    pruned(document).unwrap_or_default()
}

fn event(finding: &Finding, links: &Links) -> Value {
    let failed = finding.event.error_code.is_some();
    let calls = finding.event.kind == "AwsApiCall";
    let outcome = match (failed, calls) {
        (true, _) => "failure",
        (false, true) => "success",
        (false, false) => "unknown",
    };
    json!({
        "kind": "alert",
        "category": ["intrusion_detection"],
        "type": ["info"],
        "module": "dial",
        "dataset": "dial.finding",
        "id": finding.event.id,
        "action": finding.event.name,
        "provider": finding.event.source,
        "code": finding.event.error_code,
        "outcome": outcome,
        "reason": finding.explanation,
        "severity": severity(finding.severity),
        "created": finding.detected_at,
        "url": links.finding(&finding.id),
        "original": finding.record.as_ref().map(Record::as_str),
    })
}

/// ECS leaves the scale to the source; this one is OCSF's.
fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Informational => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

fn user(finding: &Finding) -> Value {
    let principal = &finding.principal;
    json!({
        "id": principal.arn, "name": principal.name,
        "roles": principal.session_issuer.iter().collect::<Vec<_>>(),
    })
}

fn address(source: &Source) -> Option<IpAddr> {
    let ip: IpAddr = source.ip.as_ref()?.parse().ok()?;
    Some(ip.to_canonical())
}

/// `source.ip` takes addresses only; AWS also names services there.
fn source(source: &Source) -> Value {
    json!({
        "address": source.ip,
        "ip": address(source),
        "geo": source.geo.as_ref().map(geo),
        "as": source.asn.as_ref().map(|asn| json!({
            "number": asn.number, "organization": {"name": asn.org},
        })),
    })
}

fn geo(geo: &Geo) -> Value {
    let point = geo.lat.zip(geo.lon);
    json!({
        "country_iso_code": geo.country, "city_name": geo.city,
        "location": point.map(|(lat, lon)| json!({"lat": lat, "lon": lon})),
    })
}

/// What changes of a document when people work on the finding; absent values are told as such.
pub(crate) fn change(stored: &Stored) -> Value {
    let triage = &stored.triage;
    json!({"dial": {
        "status": triage.status,
        "assignee": triage.assignee,
        "snoozed_until": triage.snoozed_until,
        "revision": triage.revision,
    }})
}

/// What ECS has no field for.
fn own(stored: &Stored) -> Value {
    let (finding, triage) = (&stored.finding, &stored.triage);
    let resources: Vec<String> = finding.resources.iter().map(Resource::key).collect();
    let kinds: Vec<&str> = finding.resources.iter().map(|r| r.kind.as_str()).collect();
    let listed = finding.source.reputation.iter();
    json!({
        "finding_id": finding.id,
        "status": triage.status,
        "assignee": triage.assignee,
        "snoozed_until": triage.snoozed_until,
        "revision": triage.revision,
        "severity": finding.severity,
        "principal_type": finding.principal.kind,
        "principal_account": finding.principal.account,
        "access_key_id": finding.principal.access_key_id,
        "mfa": finding.principal.mfa,
        "resource": resources,
        "resource_type": kinds,
        "reputation": listed.map(|r| format!("{}: {}", r.list, r.category)).collect::<Vec<_>>(),
        "references": finding.references,
        "incomplete": finding.incomplete,
        "worker": {"account": finding.worker.account, "region": finding.worker.region},
    })
}

/// Without what is absent or empty, so that no field exists only to say nothing.
fn pruned(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(map) => {
            let kept: Map<String, Value> = map
                .into_iter()
                .filter_map(|(key, value)| Some((key, pruned(value)?)))
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(list) => {
            let kept: Vec<Value> = list.into_iter().filter_map(pruned).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        other => Some(other),
    }
}
