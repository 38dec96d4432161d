//! `dial rules patterns` and `blind-spots`: what has to be deployed and switched on.

use crate::place::{PUBLIC_BUCKET, Place};
use serde_json::Value;

#[test]
fn patterns_are_derived_for_people_for_the_worker_and_for_terraform() {
    let place = Place::new();
    let (code, out, err) = place.run(&["rules", "patterns"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("us-east-1-writes") && out.contains("native-guardduty"),
        "{out}"
    );
    assert!(err.contains("patterns, hash "), "{err}");

    let (_, out, _) = place.run(&["rules", "patterns", "--format", "json"]);
    let set: Value = serde_json::from_str(&out).unwrap();
    let hash = set["hash"].as_str().unwrap().to_owned();
    let patterns = set["patterns"].as_array().unwrap();
    let reads = patterns.iter().filter(|pattern| pattern["kind"] == "read");
    for pattern in reads {
        assert_eq!(
            pattern["state"],
            "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
        );
    }

    let (_, out, _) = place.run(&["rules", "patterns", "--format", "terraform"]);
    let variables: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(variables["event_patterns_hash"], hash.as_str());
    let entries = variables["event_patterns"].as_object().unwrap();
    assert_eq!(entries.len(), patterns.len());
    for (name, entry) in entries {
        let text = entry["event_pattern"].as_str().unwrap();
        assert!(
            text.len() <= 2048 && serde_json::from_str::<Value>(text).is_ok(),
            "{name}"
        );
    }
}

#[test]
fn patterns_are_tried_on_past_events() {
    let place = Place::new();
    place.write("trail/public.json", PUBLIC_BUCKET);
    place.write(
        "trail/quiet.json",
        r#"{ "eventSource": "ec2.amazonaws.com", "eventName": "DescribeNothing",
        "readOnly": true, "awsRegion": "eu-west-1", "recipientAccountId": "111122223333",
        "eventTime": "2026-05-04T10:00:00Z", "eventID": "e-1" }"#,
    );
    let (code, out, err) = place.run(&["rules", "patterns", "--against", "trail"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        out.lines()
            .any(|line| line.starts_with("writes-s ") && line.contains("50.0 %")),
        "{out}"
    );
    assert_eq!(
        err,
        "1 of 2 events pass (50.0 %); of 1 that only read, 0 (0.0 %)\n"
    );
    let (code, _, err) = place.run(&["rules", "patterns", "--against", "nowhere"]);
    assert_eq!(code, 1, "{err}");
}

#[test]
fn blind_spots_say_what_has_to_be_switched_on() {
    let place = Place::new();
    let (code, out, err) = place.run(&["rules", "blind-spots"]);
    assert_eq!(code, 0);
    let line = |rule: &str| {
        out.lines()
            .find(|line| line.contains(rule))
            .unwrap_or_default()
    };
    assert!(line("guardduty_finding").ends_with("GuardDuty"), "{out}");
    assert!(
        line("decoy_touched").ends_with("the setting `decoys`"),
        "{out}"
    );
    assert!(
        err.contains("need only a trail with management events"),
        "{err}"
    );
    let (_, out, _) = place.run(&["rules", "blind-spots", "--format", "json"]);
    let needed: Vec<Value> = serde_json::from_str(&out).unwrap();
    let kinds = needed
        .iter()
        .flat_map(|rule| rule["requires"].as_array().unwrap());
    assert!(
        kinds
            .clone()
            .any(|it| it["kind"] == "us_east1" || it["kind"] == "us_east_1")
    );
    assert!(
        kinds
            .clone()
            .any(|it| it["resource_type"] == "AWS::S3::Object")
    );
}
