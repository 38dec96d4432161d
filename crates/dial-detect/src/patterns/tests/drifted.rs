//! Rules outside the deployed patterns are told, and by the worker alone.

use super::*;

#[test]
fn rules_outside_the_deployed_patterns_are_named() {
    let rule = |names: &str| {
        format!(
            "{RECORDS}detection: {{ a: {{ eventSource: ecs.amazonaws.com, eventName|cased: [{names}] }}, condition: a }}"
        )
    };
    let every = format!("{RECORDS}detection: {{ a: {{ userAgent: curl }}, condition: a }}");
    let before = with_rules(&[("a", rule("A")), ("every", every.clone())]);
    let deployed = derive(&before, Options::default()).unwrap();
    assert_eq!(drift(&before, &deployed), None);

    let wider = with_rules(&[("a", rule("A, B")), ("every", every)]);
    let found = drift(&wider, &deployed).unwrap();
    assert_eq!(found.rules, ["a"]);
    assert_eq!(found.deployed, deployed.hash);
    assert_ne!(found.loaded, deployed.rules_hash);

    let reading = with_rules(&[("a", rule("A")), ("reads", rule("DescribePots"))]);
    assert_eq!(drift(&reading, &deployed).unwrap().rules, ["reads"]);
    // Fewer rules, or the same in other words, need nothing new.
    assert_eq!(drift(&with_rules(&[("b", rule("A"))]), &deployed), None);
    assert_eq!(drift(&pipeline(&Settings::default()), &deployed), None);

    let mut edited = deployed.clone();
    edited
        .patterns
        .retain(|pattern| pattern.name != "native-guardduty");
    assert!(
        drift(&before, &edited).is_some(),
        "a pattern was taken out by hand"
    );
    let mut narrowed = deployed;
    for pattern in &mut narrowed.patterns {
        pattern.pattern["account"] = serde_json::json!([{ "anything-but": "1" }]);
    }
    assert!(drift(&before, &narrowed).unwrap().rules.len() > 50);
}

#[test]
fn drift_is_a_finding_and_always_the_same() {
    let pipeline = pipeline(&Settings::default());
    let drift = Drift {
        deployed: "0b1f6d1f4b0c9c55".into(),
        loaded: "5f0a4f6f2e3d1c77".into(),
        rules: (0..30).map(|n| format!("own_rule_{n:02}")).collect(),
    };
    let report = |time: &str| {
        let judged = pipeline.report_drift(&drift, time.parse().unwrap());
        assert_eq!((judged.findings.len(), judged.failures.len()), (1, 0));
        judged.findings.into_iter().next().unwrap()
    };
    let finding = report("2026-05-04T10:00:00Z");
    assert_eq!(finding.validate(), Ok(()));
    assert_eq!(finding.id, report("2026-05-05T11:00:00Z").id);
    insta::assert_snapshot!(format!("{}\n{}", finding.title, finding.explanation));
}

#[test]
fn nobody_outside_can_report_drift() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let notice = std::fs::read(folder.join("worker/pattern_drift.json")).unwrap();
    let Ok(crate::envelope::Input::Events(items)) = crate::envelope::read(&notice) else {
        panic!("an event in an envelope");
    };
    let refused = items.into_iter().next().unwrap().unwrap_err();
    assert_eq!(refused.error, crate::envelope::EnvelopeError::NotFromAws);
}
