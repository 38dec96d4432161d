//! A finding as an OCSF 1.8 Detection Finding (class 2004), for data lakes and other products.
//!
//! What OCSF has no place for stands in `unmapped`, so that nothing is lost.

use crate::finding::{Finding, Principal, Resource, Source};
use crate::severity::Severity;
use crate::store::Status;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::net::IpAddr;

/// Version of the schema.
pub const VERSION: &str = "1.8.0";
/// Class `detection_finding`, of the category Findings.
const CLASS: u32 = 2004;

/// The finding as an OCSF event; `status` says where it stands with the team.
pub fn detection(finding: &Finding, status: Status) -> Value {
    let (activity_id, activity) = activity(status);
    let (status_id, status) = match finding.suppressed {
        Some(_) => status_of(Status::FalsePositive),
        None => status_of(status),
    };
    let event = json!({
        "activity_id": activity_id,
        "activity_name": activity,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "type_uid": CLASS * 100 + activity_id,
        "type_name": format!("Detection Finding: {activity}"),
        "severity_id": severity_id(finding.severity),
        "severity": severity_name(finding.severity),
        "status_id": status_id,
        "status": status,
        "status_detail": finding.suppressed.as_ref().map(|by| &by.reason),
        "time": millis(finding.time),
        "message": finding.title,
        "is_alert": finding.suppressed.is_none(),
        "metadata": metadata(finding),
        "cloud": cloud(finding),
        "finding_info": info(finding),
        "resources": finding.resources.iter().map(|r| resource(r, finding)).collect::<Vec<_>>(),
        "evidences": [evidence(finding)],
        "enrichments": enrichments(&finding.source),
        "raw_data": finding.record.as_ref().map(crate::record::Record::as_str),
        "unmapped": unmapped(finding),
    });
    without_empty(event)
}

fn activity(status: Status) -> (u32, &'static str) {
    match status {
        Status::Open => (1, "Create"),
        Status::Acknowledged | Status::Snoozed => (2, "Update"),
        Status::Resolved | Status::FalsePositive => (3, "Close"),
    }
}

fn status_of(status: Status) -> (u32, &'static str) {
    match status {
        Status::Open => (1, "New"),
        Status::Acknowledged => (2, "In Progress"),
        Status::FalsePositive => (3, "Suppressed"),
        Status::Resolved => (4, "Resolved"),
        Status::Snoozed => (99, "Snoozed"),
    }
}

fn severity_id(severity: Severity) -> u32 {
    match severity {
        Severity::Informational => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "Informational",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

/// OCSF counts milliseconds.
fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

fn metadata(finding: &Finding) -> Value {
    json!({
        "version": VERSION,
        "uid": finding.id,
        "profiles": ["cloud"],
        "product": {
            "name": "DIAL",
            "vendor_name": "DIAL",
            "version": finding.worker.version,
        },
        "event_code": finding.event.name,
        "original_event_uid": finding.event.id,
        "processed_time": millis(finding.detected_at),
    })
}

fn cloud(finding: &Finding) -> Value {
    json!({
        "provider": "AWS",
        "region": finding.region,
        "account": {
            "uid": finding.account.id,
            "name": finding.account.name,
            "type_id": 10,
            "type": "AWS Account",
        },
    })
}

fn info(finding: &Finding) -> Value {
    json!({
        "uid": finding.id,
        "title": finding.title,
        "desc": finding.explanation,
        "created_time": millis(finding.detected_at),
        "first_seen_time": millis(finding.time),
        "last_seen_time": millis(finding.time),
        "analytic": {
            "uid": finding.rule.id,
            "name": finding.rule.name,
            "desc": finding.rule.title,
            "version": finding.rule.version,
            "type_id": 1,
            "type": "Rule",
        },
        "attacks": finding.attack.iter().map(|id| attack(id)).collect::<Vec<_>>(),
        "data_sources": [finding.event.kind],
        "src_url": finding.references.first(),
    })
}

/// `T1562.008` is a sub-technique of `T1562`.
fn attack(id: &str) -> Value {
    let (technique, sub) = id
        .split_once('.')
        .map_or((id, None), |(t, _)| (t, Some(id)));
    json!({
        "technique": { "uid": technique },
        "sub_technique": { "uid": sub },
    })
}

fn resource(resource: &Resource, finding: &Finding) -> Value {
    let arn = resource.arn.as_deref();
    let partition = arn.and_then(|arn| arn.split(':').nth(1));
    json!({
        "uid": arn.unwrap_or(&resource.name),
        "name": resource.name,
        "type": resource.kind,
        "cloud_partition": partition,
        "region": finding.region,
    })
}

fn evidence(finding: &Finding) -> Value {
    let event = &finding.event;
    json!({
        "actor": actor(&finding.principal),
        "api": {
            "operation": event.name,
            "service": { "name": event.source },
            "response": { "error": event.error_code },
        },
        "src_endpoint": endpoint(&finding.source),
        "http_request": { "user_agent": finding.source.user_agent },
        "data": finding.matched,
    })
}

fn actor(principal: &Principal) -> Value {
    let has_session = principal.mfa.is_some() || principal.session_issuer.is_some();
    json!({
        "user": {
            "uid": principal.arn,
            "name": principal.name,
            "type": principal.kind,
            "type_id": principal.kind.as_ref().map(|_| 99),
            "credential_uid": principal.access_key_id,
            "account": { "uid": principal.account },
        },
        "session": has_session.then(|| json!({
            "is_mfa": principal.mfa,
            "issuer": principal.session_issuer,
        })),
    })
}

/// Calls that AWS makes carry a service's name where an address would stand.
fn endpoint(source: &Source) -> Value {
    let ip = source.ip.as_deref();
    let is_address = ip.is_some_and(|ip| ip.parse::<IpAddr>().is_ok());
    let geo = source.geo.as_ref();
    let asn = source.asn.as_ref();
    json!({
        "ip": ip.filter(|_| is_address),
        "svc_name": ip.filter(|_| !is_address),
        "location": geo.map(|geo| json!({
            "country": geo.country,
            "city": geo.city,
            "lat": geo.lat,
            "long": geo.lon,
        })),
        "autonomous_system": asn.map(|asn| json!({ "number": asn.number, "name": asn.org })),
    })
}

fn enrichments(source: &Source) -> Vec<Value> {
    let lists = source.reputation.iter();
    let address = source.ip.as_deref().unwrap_or_default();
    lists
        .map(|hit| {
            json!({
                "name": "evidences[0].src_endpoint.ip",
                "value": address,
                "type": "reputation",
                "provider": hit.list,
                "data": { "list": hit.list, "category": hit.category },
            })
        })
        .collect()
}

fn unmapped(finding: &Finding) -> Value {
    json!({
        "event_id": finding.event.id,
        "read_only": finding.event.read_only,
        "facts": finding.facts,
        "suppressed": finding.suppressed,
        "severity_changes": finding.severity_changes,
        "incomplete": finding.incomplete,
        "references": finding.references,
        "record_ref": finding.record_ref,
        "suppressed": finding.suppressed,
        "worker": finding.worker,
    })
}

/// OCSF knows no null; an object or list that says nothing is left out. The values of facts and
/// matches are the event's own and stay as they are.
fn without_empty(value: Value) -> Value {
    let Value::Object(members) = value else {
        return value;
    };
    let kept = members.into_iter().filter_map(|(key, value)| {
        let value = match key.as_str() {
            "facts" | "data" => value,
            "evidences" | "attacks" | "resources" => each(value),
            _ => without_empty(value),
        };
        (!says_nothing(&value)).then_some((key, value))
    });
    Value::Object(kept.collect())
}

fn each(list: Value) -> Value {
    match list {
        Value::Array(list) => list.into_iter().map(without_empty).collect(),
        other => other,
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(members) => members.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Finding {
        let text = json!({
            "id": "f-aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "rule": { "id": "u", "name": "guardduty_finding", "title": "t", "version": "v" },
            "severity": "high",
            "title": "t",
            "explanation": "e",
            "matched": [{ "selection": "s", "field": "f", "value": { "kept": null } }],
            "account": { "id": "111122223333" },
            "region": "us-gov-west-1",
            "time": "2026-05-04T02:19:33Z",
            "detected_at": "2026-05-04T02:19:34Z",
            "event": { "id": "e", "source": "ec2.amazonaws.com", "name": "RunInstances",
                "kind": "AwsApiCall", "error_code": "Client.UnauthorizedOperation" },
            "principal": { "type": "AssumedRole", "mfa": false },
            "source": { "ip": "autoscaling.amazonaws.com",
                "reputation": [{ "list": "drop", "category": "hijacked" }] },
            "resources": [{ "type": "AWS::EC2::Instance", "name": "i-1",
                "arn": "arn:aws-us-gov:ec2:us-gov-west-1:111122223333:instance/i-1" }],
            "facts": { "x": null },
            "attack": ["T1496.001"],
            "worker": { "account": "111122223333", "region": "us-gov-west-1", "version": "1", "rules": "r" },
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn what_stands_nowhere_in_the_finding_stands_nowhere_in_the_event() {
        let event = detection(&finding(), Status::Open);
        let evidence = &event["evidences"][0];
        let cases = [
            (&event["cloud"]["account"]["name"], Value::Null),
            (&evidence["src_endpoint"]["ip"], Value::Null),
            (
                &evidence["src_endpoint"]["svc_name"],
                json!("autoscaling.amazonaws.com"),
            ),
            (&evidence["actor"]["user"]["account"], Value::Null),
            (&evidence["actor"]["session"], json!({ "is_mfa": false })),
            (
                &evidence["api"]["response"]["error"],
                json!("Client.UnauthorizedOperation"),
            ),
            (&evidence["data"][0]["value"], json!({ "kept": null })),
            (&event["unmapped"]["facts"], json!({ "x": null })),
            (
                &event["resources"][0]["cloud_partition"],
                json!("aws-us-gov"),
            ),
            (
                &event["finding_info"]["attacks"][0]["sub_technique"]["uid"],
                json!("T1496.001"),
            ),
            (
                &event["finding_info"]["attacks"][0]["technique"]["uid"],
                json!("T1496"),
            ),
            (&event["enrichments"][0]["provider"], json!("drop")),
        ];
        for (found, expected) in cases {
            assert_eq!(*found, expected);
        }
        let members = event.as_object().unwrap();
        assert!(!members.contains_key("raw_data") && !members.values().any(says_nothing));
    }

    #[test]
    fn what_the_operator_suppressed_is_suppressed_from_the_start() {
        let mut finding = finding();
        let by =
            json!({ "id": "s-1", "owner": "o", "reason": "load test", "expires": "2026-06-01" });
        finding.suppressed = serde_json::from_value(by).unwrap();
        let event = detection(&finding, Status::Open);
        assert_eq!(
            (&event["activity_id"], &event["status_id"]),
            (&json!(1), &json!(3))
        );
        assert_eq!(event["status_detail"], "load test");
        assert_eq!(event["unmapped"]["suppressed"]["owner"], "o");
    }

    #[test]
    fn states_become_activities() {
        let cases = [
            (Status::Open, 200_401, 1),
            (Status::Acknowledged, 200_402, 2),
            (Status::Snoozed, 200_402, 99),
            (Status::Resolved, 200_403, 4),
            (Status::FalsePositive, 200_403, 3),
        ];
        for (status, kind, id) in cases {
            let event = detection(&finding(), status);
            assert_eq!(
                (&event["type_uid"], &event["status_id"]),
                (&json!(kind), &json!(id))
            );
        }
    }

    #[test]
    fn what_is_suppressed_is_no_alert_and_says_by_whom() {
        let mut finding = finding();
        finding.suppressed = Some(crate::finding::Suppression {
            id: "s-1".into(),
            owner: "team-net".into(),
            reason: "known".into(),
            expires: "2026-12-31".parse().unwrap(),
        });
        let event = detection(&finding, Status::Open);
        assert_eq!(
            (&event["status"], &event["is_alert"]),
            (&json!("Suppressed"), &json!(false))
        );
        assert_eq!(event["unmapped"]["suppressed"]["owner"], "team-net");
    }
}
