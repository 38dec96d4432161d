//! What suppressions fit, and that too wide ones are refused.

use super::*;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:role/deploy";

fn now() -> Timestamp {
    "2026-05-01T10:00:00Z".parse().unwrap()
}

fn suppression(fits: Value) -> Suppression {
    let mut whole = json!({ "owner": "team-net", "reason": "known", "expires": "2026-12-31" });
    if let (Value::Object(whole), Value::Object(fits)) = (&mut whole, fits) {
        whole.extend(fits);
    }
    serde_json::from_value(whole).expect("a suppression")
}

fn finding() -> Finding {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let bytes = std::fs::read(folder.join("ec2/authorize_ingress_ssh_anyone.json")).unwrap();
    let mut record: Value = serde_json::from_slice(&bytes).unwrap();
    record["sourceIPAddress"] = json!("203.0.113.66");
    record["userIdentity"] = json!({
        "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/deploy/build-7",
        "sessionContext": { "sessionIssuer": { "type": "Role", "arn": ROLE, "userName": "deploy" } },
    });
    crate::tuning::tests::findings(&crate::Settings::default(), &record)
        .findings
        .remove(0)
}

#[test]
fn each_part_must_fit() {
    let finding = finding();
    let group = finding.resources[0].arn.clone().unwrap();
    let (rule, id) = (&finding.rule.name, &finding.rule.id);
    let cases = [
        ("rule", json!({ "rule": rule }), true),
        ("rule by id", json!({ "rule": id }), true),
        (
            "another rule",
            json!({ "rule": "s3_bucket_policy_public" }),
            false,
        ),
        (
            "account",
            json!({ "rule": rule, "account": "111122223333" }),
            true,
        ),
        (
            "another account",
            json!({ "rule": rule, "account": "444455556666" }),
            false,
        ),
        (
            "region",
            json!({ "rule": rule, "region": finding.region }),
            true,
        ),
        (
            "another region",
            json!({ "rule": rule, "region": "mars-1" }),
            false,
        ),
        ("role", json!({ "rule": rule, "principal": ROLE }), true),
        (
            "another role",
            json!({ "rule": rule, "principal": "arn:aws:iam::111122223333:role/build-7" }),
            false,
        ),
        ("resource", json!({ "rule": rule, "resource": group }), true),
        (
            "resource by name",
            json!({ "rule": rule, "resource": finding.resources[0].name }),
            true,
        ),
        (
            "resource by glob",
            json!({ "rule": rule, "resource": format!("{}*", &group[..group.len() - 4]) }),
            true,
        ),
        (
            "another resource",
            json!({ "rule": rule, "resource": "sg-0000" }),
            false,
        ),
        (
            "network",
            json!({ "rule": rule, "network": "203.0.113.0/24" }),
            true,
        ),
        (
            "another network",
            json!({ "rule": rule, "network": "198.51.100.0/24" }),
            false,
        ),
        (
            "no rule but two parts",
            json!({ "principal": ROLE, "resource": group }),
            true,
        ),
        (
            "one of them does not fit",
            json!({ "principal": ROLE, "resource": "sg-0000" }),
            false,
        ),
        (
            "over",
            json!({ "rule": rule, "expires": "2026-04-30" }),
            false,
        ),
        (
            "too far",
            json!({ "rule": rule, "expires": "2027-12-31" }),
            false,
        ),
    ];
    for (name, fits, expected) in cases {
        let ready = Suppressions::of(&[suppression(fits)]);
        assert_eq!(ready.0.len(), 1, "{name}");
        let found = ready.fitting(&finding, now()).next().is_some();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn what_the_caller_chooses_never_makes_it_fit() {
    let mut finding = finding();
    let rule = finding.rule.name.clone();
    let network = suppression(json!({ "rule": rule, "network": "203.0.113.0/24" }));
    let caller = suppression(json!({ "rule": rule, "principal": ROLE }));
    finding.principal.session_issuer = Some("arn:aws:iam::111122223333:role/evil".into());
    finding.principal.arn = Some("arn:aws:sts::111122223333:assumed-role/evil/deploy".into());
    finding.principal.name = Some("deploy".into());
    finding.source.ip = Some("cloudformation.amazonaws.com".into());
    finding.source.user_agent = Some("cloudformation.amazonaws.com".into());
    let ready = Suppressions::of(&[network, caller]);
    assert_eq!(ready.0.len(), 2);
    assert!(ready.fitting(&finding, now()).next().is_none());
}

#[test]
fn one_allowed_resource_hides_no_other() {
    let mut finding = finding();
    let one = finding.resources[0].clone();
    let allowed = suppression(json!({ "rule": finding.rule.name, "resource": one.arn }));
    let ready = Suppressions::of(&[allowed]);
    let fits = |finding: &Finding| ready.fitting(finding, now()).next().is_some();
    assert!(fits(&finding));
    let other = Resource {
        arn: one.arn.as_ref().map(|arn| format!("{arn}0")),
        name: format!("{}0", one.name),
        ..one.clone()
    };
    finding.resources.push(Resource {
        kind: "AWS::EC2::VPC".into(),
        ..other.clone()
    });
    assert!(fits(&finding), "one of another type");
    finding.resources.push(other);
    assert!(!fits(&finding), "one of the same type");
    finding.resources = vec![one; TOO_MANY];
    assert!(!fits(&finding), "the list may be cut");
    finding.resources.clear();
    assert!(!fits(&finding), "none at all");
}

#[test]
fn what_is_too_wide_or_nobodys_is_refused_with_the_fix() {
    let nothing = json!({ "owner": "", "reason": " ", "rule": "r" });
    let all = [
        serde_json::from_value(nothing).unwrap(),
        suppression(json!({})),
        suppression(json!({ "account": "111122223333", "region": "eu-west-1" })),
        suppression(json!({ "principal": ROLE })),
        suppression(json!({ "principal": ROLE, "network": "10.0.0.0/8" })),
        suppression(json!({ "rule": "*" })),
        suppression(json!({ "rule": "" })),
        suppression(json!({ "rule": "r", "account": "*", "region": "*" })),
        suppression(json!({ "rule": "r", "resource": "*" })),
        suppression(json!({ "rule": "r", "resource": "" })),
        suppression(json!({ "rule": "r", "resource": "abc*" })),
        suppression(json!({ "rule": "r", "resource": "*-scratch" })),
        suppression(json!({ "rule": "r", "resource": "arn:aws:s3:::*" })),
        suppression(
            json!({ "rule": "r", "resource": "arn:aws:ec2:*:111122223333:instance/i-0123" }),
        ),
        suppression(
            json!({ "rule": "r", "resource": "arn:aws:ec2:eu-west-1:111122223333:instance/*" }),
        ),
        suppression(json!({ "rule": "r", "resource": "AWS::EC2::Instance/*" })),
        suppression(json!({ "rule": "r", "network": "0.0.0.0/0" })),
        suppression(json!({ "rule": "r", "network": "0.0.0.0/1" })),
        suppression(json!({ "rule": "r", "network": "cloudformation.amazonaws.com" })),
        suppression(json!({ "rule": "r", "reason": "x".repeat(513) })),
    ];
    let mut told = Vec::new();
    for one in &all {
        let before = told.len();
        one.check(&mut |key, message| told.push(format!("{key}: {message}")));
        assert!(told.len() > before, "{one:?}");
    }
    assert!(
        Suppressions::of(&all).0.is_empty(),
        "none of them suppresses anything"
    );
    insta::assert_snapshot!(told.join("\n"));
    for key in ["user_agent", "source", "session"] {
        let unknown = json!({ "rule": "r", key: "x" });
        assert!(
            serde_json::from_value::<Suppression>(unknown).is_err(),
            "{key}"
        );
    }
}

#[test]
fn good_globs_are_taken() {
    for resource in [
        "arn:aws:s3:::scratch-*",
        "arn:aws:s3:::data/tmp/*",
        "arn:aws:sns:eu-west-1:111122223333:test-*",
        "arn:aws:lambda:eu-west-1:111122223333:function:test-*",
        "scratch-*",
        "AWS::IAM::Role/test-*",
    ] {
        let one = suppression(json!({ "rule": "r", "resource": resource }));
        assert_eq!(Suppressions::of(&[one]).0.len(), 1, "{resource}");
    }
}

#[test]
fn the_id_is_that_of_what_it_fits() {
    let one = suppression(json!({ "rule": "r" }));
    let renewed = Suppression {
        owner: "other".into(),
        expires: None,
        ..one.clone()
    };
    assert_eq!(one.id(), renewed.id());
    let moved = Suppression {
        account: one.rule.clone(),
        rule: None,
        ..one.clone()
    };
    assert_ne!(one.id(), moved.id());
    assert_eq!(one.id().len(), 2 + ID_DIGITS);
}
