//! Tests of the engine: what rules mean, what loading refuses, that the index loses nothing.

mod conformance;
mod index;
mod lint;
mod loading;

use super::source::Source;
use super::{Engine, Hit, RuleError, View};
use crate::event::{Event, Kind};
use serde_json::{Value, json};

/// A rule of the given `detection:` block, indented by the caller.
pub(super) fn rule(id: u32, detection: &str) -> String {
    let lines: Vec<String> = detection
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect();
    let lines = lines.concat();
    format!(
        "title: rule {id}\nid: 00000000-0000-4000-8000-{id:012x}\nlevel: low\n\
         logsource: {{ product: aws, service: cloudtrail }}\ndetection:\n{lines}"
    )
}

pub(super) fn source(name: &str, text: String) -> Source {
    Source {
        file: format!("{name}.yml"),
        name: name.to_owned(),
        text,
    }
}

pub(super) fn engine(texts: impl IntoIterator<Item = String>) -> Result<Engine, Vec<RuleError>> {
    let texts = texts.into_iter().enumerate();
    let sources: Vec<Source> = texts
        .map(|(i, text)| source(&format!("r{i}"), text))
        .collect();
    Engine::of(&sources, &[], Vec::new())
}

pub(super) fn event(record: Value) -> Event {
    Event {
        kind: Kind::CloudTrail,
        record,
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        id: "e-1".into(),
        time: "2026-05-01T10:00:00Z".parse().unwrap(),
    }
}

/// What a full evaluation finds: every rule is asked.
pub(super) fn hits(engine: &Engine, event: &Event, derived: &Value) -> Vec<Hit> {
    let all: Vec<usize> = (0..engine.rules().len()).collect();
    engine.judge(&all, &View::new(event, derived))
}

/// Names of the rules that match.
pub(super) fn matching(engine: &Engine, event: &Event, derived: &Value) -> Vec<String> {
    let hits = hits(engine, event, derived);
    let names = hits.iter().map(|hit| engine.rules()[hit.rule].name.clone());
    names.collect()
}

#[test]
fn one_failing_rule_does_not_take_the_others() {
    let breaks = rule(
        1,
        "s:\n  fact.dial.panic: true\n  eventName: StopLogging\ncondition: s",
    );
    let works = rule(2, "s:\n  eventName: StopLogging\ncondition: s");
    let engine = engine([breaks, works]).unwrap();
    let event = event(json!({ "eventName": "StopLogging" }));
    let derived = json!({ "fact": { "dial": {} } });
    let view = View::new(&event, &derived);
    assert!(crate::isolate::run(|| engine.judge(&[0, 1], &view)).is_err());
    let alone = |index| crate::isolate::run(|| engine.judge_one(index, &view));
    assert_eq!(
        alone(0).unwrap_err().split(" (").next(),
        Some("injected fault")
    );
    assert!(alone(1).unwrap().is_some());
}

#[test]
fn what_matched_is_told_with_its_selection_and_value() {
    let text = rule(
        1,
        "call:\n  eventName: AddPermission\nopen:\n  requestParameters.principal: '*'\n  errorCode: null\ncondition: call and open",
    );
    let engine = engine([text]).unwrap();
    let event = event(json!({
        "eventName": "AddPermission20150331v2", "requestParameters": { "principal": "*" }
    }));
    let hits = hits(&engine, &event, &json!({}));
    let mut fields: Vec<String> = hits[0]
        .fields
        .iter()
        .map(|field| format!("{} {}", field.selection, field.path))
        .collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "call eventName",
            "open errorCode",
            "open requestParameters.principal"
        ]
    );
}

#[test]
fn rules_see_failed_calls_unless_they_say_otherwise() {
    let plain = rule(1, "s:\n  eventName: StopLogging\ncondition: s");
    let successes = format!(
        "{}dial: {{ attempts: false }}\n",
        plain.replace("000001", "000002")
    );
    let attempts = format!(
        "{}dial: {{ attempts: true }}\n",
        plain.replace("000001", "000003")
    );
    let engine = engine([plain, successes, attempts]).unwrap();
    let cases = [
        (
            "success",
            json!({ "eventName": "StopLogging" }),
            vec!["r0", "r1", "r2"],
        ),
        (
            "null",
            json!({ "eventName": "StopLogging", "errorCode": null }),
            vec!["r0", "r1", "r2"],
        ),
        (
            "denied",
            json!({ "eventName": "StopLogging", "errorCode": "AccessDenied" }),
            vec!["r0", "r2"],
        ),
    ];
    for (name, record, expected) in cases {
        assert_eq!(
            matching(&engine, &event(record), &json!({})),
            expected,
            "{name}"
        );
    }
}

#[test]
fn native_findings_have_the_shape_of_their_envelope() {
    let native = rule(
        1,
        "s:\n  source: aws.guardduty\n  detail-type: GuardDuty Finding\n  detail.severity|gte: 7\ncondition: s",
    );
    let native = native.replace("service: cloudtrail", "service: guardduty");
    let keyword = rule(2, "k:\n  - 'Recon'\ncondition: k");
    let engine = engine([native, keyword]).unwrap();
    let finding = |severity: f64| Event {
        kind: Kind::Native {
            source: "aws.guardduty".into(),
            detail_type: "GuardDuty Finding".into(),
        },
        ..event(json!({ "severity": severity, "type": "Recon" }))
    };
    assert_eq!(matching(&engine, &finding(7.5), &json!({})), ["r0"]);
    assert!(
        matching(&engine, &finding(6.9), &json!({})).is_empty(),
        "keyword rule is CloudTrail's"
    );
    let record = event(json!({ "source": "aws.guardduty", "detail": { "severity": 9 } }));
    assert!(matching(&engine, &record, &json!({})).is_empty());
}
