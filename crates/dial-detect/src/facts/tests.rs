//! What holds for all extractors together.

use super::{EXTRACTORS, facts_of, sample};
use serde_json::{Value, json};

#[test]
fn the_registry_is_sorted_and_its_lists_too() {
    assert!(EXTRACTORS.is_sorted_by_key(|e| e.name));
    for extractor in EXTRACTORS {
        assert!(extractor.names.is_sorted(), "{}", extractor.name);
        assert!(
            extractor
                .sources
                .iter()
                .all(|s| s.ends_with(".amazonaws.com"))
        );
        assert!(!extractor.facts.is_empty() && !extractor.summary.is_empty());
        let below = |fact: &str| fact.starts_with(extractor.name.split('.').next().unwrap_or(""));
        assert!(
            extractor.facts.iter().all(|f| below(f)),
            "{}",
            extractor.name
        );
    }
}

#[test]
fn a_failed_call_has_the_facts_of_what_was_tried() {
    let request =
        json!({"userName": "dev", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
    let mut event = sample("iam.amazonaws.com", "AttachUserPolicy", request);
    let succeeded = facts_of(&event);
    event.record["errorCode"] = json!("AccessDenied");
    assert_eq!(facts_of(&event), succeeded);
    assert!(succeeded.names().contains("iam.attached.admin"));
}

#[test]
fn sentences_and_lists_are_bounded() {
    let open = |n: usize| {
        json!({"ipProtocol": "tcp", "fromPort": n, "toPort": n,
        "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}})
    };
    let items: Vec<_> = (1..500).map(open).collect();
    let request = json!({"groupId": "sg-1", "ipPermissions": {"items": items}});
    let facts = facts_of(&sample(
        "ec2.amazonaws.com",
        "AuthorizeSecurityGroupIngress",
        request,
    ));
    assert_eq!(facts.sentences.len(), super::MAX_SENTENCES);
    let ports = facts.get("ec2.ingress.ports").and_then(Value::as_array);
    assert_eq!(ports.map(Vec::len), Some(super::MAX_LIST));
}
