//! Each setting fills its fields, and nothing where nothing is configured.

mod guarantee;

use super::*;
use crate::facts::event;
use crate::settings::Settings;
use crate::touched::Touched;

fn settings(json: Value) -> Settings {
    serde_json::from_value(json).expect("settings")
}

fn fields(settings: &Settings, record: Value, ip: Option<&str>, asn: Option<u32>) -> Value {
    let mut derived = json!({});
    let event = event(record);
    Tuning::of(settings).add_to(
        &mut derived,
        &Seen::new(&Touched::by(&event), ip, asn),
        |_| true,
    );
    derived
}

#[test]
fn by_default_only_addresses_callers_and_own_parts_are_told() {
    let found = fields(&Settings::default(), json!({}), Some("203.0.113.7"), None);
    assert_eq!(
        found,
        json!({
            "address": { "public": true, "own": false, "aws": false },
            "own": { "deployer": false, "reader": false },
            "principal": { "trusted": false },
        })
    );
    let absent: Vec<_> = Tuning::of(&Settings::default()).absent().collect();
    assert_eq!(absent, ["decoy", "region", "watched"]);
    let none = settings(json!({ "own": { "prefix": "" } }));
    assert!(Tuning::of(&none).absent().any(|name| name == "own"));
}

#[test]
fn addresses_are_public_own_or_of_aws() {
    let settings =
        settings(json!({ "own_networks": ["198.51.100.0/24", "10.1.0.0/16", "2001:db8::1"] }));
    let cases = [
        (Some("198.51.100.9"), None, (true, true, false)),
        (Some("::ffff:198.51.100.9"), None, (true, true, false)),
        (Some("198.51.101.9"), Some(16_509), (true, false, true)),
        (Some("10.1.2.3"), None, (false, true, false)),
        (Some("2001:db8::1"), None, (true, true, false)),
        (Some("2001:db8::2"), None, (true, false, false)),
        (Some("ecs.amazonaws.com"), None, (false, false, true)),
        (Some("203.0.113.7.evil.com"), None, (false, false, false)),
        (None, None, (false, false, false)),
    ];
    for (ip, asn, (public, own, aws)) in cases {
        let found = fields(&settings, json!({}), ip, asn);
        let expected = json!({ "public": public, "own": own, "aws": aws });
        assert_eq!(found["address"], expected, "{ip:?}");
    }
}

#[test]
fn callers_are_known_by_exact_arn_never_by_session_name() {
    let role = "arn:aws:iam::111122223333:role/deploy";
    let settings = settings(json!({
        "trusted_principals": [role],
        "own": { "deployers": [role], "readers": ["arn:aws:iam::111122223333:role/dial-worker"] },
    }));
    let session = |issuer: &str, session: &str| {
        json!({ "userIdentity": {
            "type": "AssumedRole", "arn": session,
            "sessionContext": { "sessionIssuer": { "arn": issuer } },
        }})
    };
    let cases = [
        (
            session(role, "arn:aws:sts::111122223333:assumed-role/deploy/x"),
            true,
        ),
        (
            session(
                "arn:aws:iam::111122223333:role/app",
                "arn:aws:sts::111122223333:assumed-role/app/deploy",
            ),
            false,
        ),
        (session("arn:aws:iam::444455556666:role/deploy", ""), false),
        (json!({ "userIdentity": { "arn": role } }), true),
        (json!({}), false),
    ];
    for (record, expected) in cases {
        let found = fields(&settings, record.clone(), None, None);
        assert_eq!(found["principal"]["trusted"], expected, "{record}");
        assert_eq!(found["own"]["deployer"], expected, "{record}");
        assert_eq!(found["own"]["reader"], false, "{record}");
    }
}

#[test]
fn regions_out_of_use_are_unexpected_but_for_global_services() {
    let settings = settings(json!({ "allowed_regions": ["eu-central-1"] }));
    let cases = [
        ("ec2.amazonaws.com", "RunInstances", Some(true)),
        ("iam.amazonaws.com", "CreateUser", Some(false)),
        ("s3.amazonaws.com", "ListBuckets", Some(false)),
    ];
    for (source, name, expected) in cases {
        // The sample's region is eu-west-1.
        let record = json!({ "eventSource": source, "eventName": name });
        let found = fields(&settings, record.clone(), None, None);
        assert_eq!(found["region"]["unexpected"].as_bool(), expected, "{name}");
        let other = super::tests::settings(json!({ "allowed_regions": ["eu-west-1"] }));
        assert_eq!(
            fields(&other, record, None, None)["region"]["unexpected"],
            false
        );
    }
}

#[test]
fn watched_and_own_resources_are_named() {
    let settings = settings(json!({ "watched": ["dial-*"] }));
    let record = json!({
        "eventSource": "lambda.amazonaws.com", "eventName": "DeleteFunction20150331",
        "requestParameters": { "functionName": "dial-worker" },
    });
    let found = fields(&settings, record, None, None);
    let arn = "arn:aws:lambda:eu-west-1:111122223333:function:dial-worker";
    assert_eq!(found["watched"], json!({ "touched": true, "names": [arn] }));
    assert_eq!(found["own"]["part"], "function");
}

/// What a pipeline with these settings makes of one record.
pub(super) fn findings(settings: &Settings, record: &Value) -> crate::Judged {
    let worker = dial_core::wire::WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0".into(),
        rules: String::new(),
    };
    let pipeline = crate::Pipeline::new(settings, worker).expect("a pipeline");
    let bytes = record.to_string();
    let Ok(crate::envelope::Input::Events(mut items)) = crate::envelope::read(bytes.as_bytes())
    else {
        panic!("no event: {bytes}");
    };
    let event = items.remove(0).expect("a record");
    pipeline.run(&event, "2026-05-01T10:00:00Z".parse().expect("a time"))
}
