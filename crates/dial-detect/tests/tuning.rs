//! Tuning through the whole pipeline: packs, own rules, filters, decoys, suppressed findings.

use dial_core::wire::WorkerInfo;
use dial_detect::engine::Pack;
use dial_detect::envelope::{Input, read};
use dial_detect::{Judged, Pipeline, Settings, SetupError};
use serde_json::{Value, json};
use std::path::Path;

fn pipeline(settings: Value) -> Result<Pipeline, Vec<SetupError>> {
    let settings: Settings = serde_json::from_value(settings).expect("settings");
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0".into(),
        rules: String::new(),
    };
    Pipeline::new(&settings, worker)
}

fn fixture(name: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let bytes = std::fs::read(root.join(name)).expect("a fixture");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn judge(pipeline: &Pipeline, record: &Value) -> Judged {
    let mut items = match read(record.to_string().as_bytes()) {
        Ok(Input::Events(items)) => items,
        _ => Vec::new(),
    };
    let event = items.remove(0).expect("a record");
    let judged = pipeline.run(&event, "2026-05-01T10:00:00Z".parse().expect("a time"));
    assert_eq!(judged.failures, []);
    assert!(judged.findings.is_empty() || pipeline.may_match(&event.head()));
    judged
}

fn names(judged: &Judged) -> Vec<&str> {
    let all = judged.findings.iter().chain(&judged.suppressed);
    all.map(|finding| finding.rule.name.as_str()).collect()
}

/// Terms that every suppression needs.
fn owned(mut fits: Value) -> Value {
    for (key, value) in [
        ("owner", "soc"),
        ("reason", "known"),
        ("expires", "2026-12-31"),
    ] {
        fits[key] = value.into();
    }
    fits
}

#[test]
fn one_line_switches_the_audit_pack_on() {
    let without = pipeline(json!({})).unwrap();
    let with = pipeline(json!({ "audit_rules": true })).unwrap();
    let audit = |pipeline: &Pipeline| {
        let rules = pipeline.rules().iter();
        rules.filter(|rule| rule.pack == Pack::Audit).count()
    };
    assert_eq!(audit(&without), 0);
    assert!(audit(&with) > 0, "there are audit rules");
    assert!(without.rules().iter().all(|rule| rule.pack == Pack::Core));
    assert_eq!(with.rules().len(), without.rules().len() + audit(&with));
    assert_ne!(with.hash(), without.hash());
}

#[test]
fn own_rules_take_the_place_of_audit_rules_and_filters_narrow_them() {
    let with = pipeline(json!({ "audit_rules": true })).unwrap();
    let mut audit = with.rules().iter().filter(|rule| rule.pack == Pack::Audit);
    let (replaced, narrowed) = (audit.next().unwrap(), audit.next().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let own = format!(
        "title: mine\nname: {}\nid: 00000000-0000-4000-8000-000000000001\nlevel: low\nstatus: test\n\
         logsource: {{ product: aws, service: cloudtrail }}\n\
         detection:\n  s:\n    eventName: X\n  condition: s\n",
        replaced.name
    );
    let filter = format!(
        "title: not by us\nlogsource: {{ product: aws, service: cloudtrail }}\nfilter:\n  \
         rules: [{}]\n  s:\n    principal.trusted: true\n  condition: not s\n",
        narrowed.id
    );
    std::fs::write(folder.path().join("own.yml"), own).unwrap();
    std::fs::write(folder.path().join("filter.yml"), filter).unwrap();
    let both = pipeline(json!({ "audit_rules": true, "rules": folder.path() })).unwrap();
    let named = both
        .rules()
        .iter()
        .filter(|rule| rule.name == replaced.name);
    let packs: Vec<Pack> = named.map(|rule| rule.pack).collect();
    assert_eq!(packs, [Pack::Yours]);
    let errors = pipeline(json!({ "rules": folder.path() })).err().unwrap();
    assert!(
        errors[0].to_string().contains("names no rule"),
        "a filter on a pack that is off filters nothing: {errors:?}"
    );
}

#[test]
fn a_filter_spares_what_trusted_principals_do() {
    let record = fixture("ec2/authorize_ingress_ssh_anyone.json");
    let plain = pipeline(json!({})).unwrap();
    let found = judge(&plain, &record);
    let finding = &found.findings[0];
    let principal = &finding.principal;
    let caller = principal.session_issuer.clone().or(principal.arn.clone());
    let folder = tempfile::tempdir().unwrap();
    let filter = format!(
        "title: not by us\nlogsource: {{ product: aws, service: cloudtrail }}\nfilter:\n  \
         rules: [{}]\n  s:\n    principal.trusted: true\n  condition: not s\n",
        finding.rule.id
    );
    std::fs::write(folder.path().join("filter.yml"), filter).unwrap();
    for (trusted, expected) in [
        (caller, false),
        (Some("arn:aws:iam::1:role/x".into()), true),
    ] {
        let settings = json!({ "rules": folder.path(), "trusted_principals": [trusted] });
        let judged = judge(&pipeline(settings).unwrap(), &record);
        let has = names(&judged).contains(&finding.rule.name.as_str());
        assert_eq!(has, expected, "{trusted:?}");
    }
}

#[test]
fn a_touched_decoy_is_critical_whether_allowed_or_denied() {
    let decoys = json!([
        { "kind": "secret", "name": "pay/master" },
        { "kind": "access_key", "name": "AKIAIOSFODNN7EXAMPLE" },
    ]);
    let broad = owned(json!({ "rule": "decoy_touched" }));
    let pipeline = pipeline(json!({ "decoys": decoys, "suppressions": [broad] })).unwrap();
    let call = |name: &str, error: Option<&str>, secret: Option<&str>, key: &str| {
        json!({
            "eventVersion": "1.11", "eventID": "e-1", "eventTime": "2026-05-01T10:00:00Z",
            "eventSource": "secretsmanager.amazonaws.com", "eventName": name, "awsRegion": "eu-west-1",
            "recipientAccountId": "111122223333", "readOnly": true, "eventType": "AwsApiCall",
            "sourceIPAddress": "203.0.113.7", "managementEvent": true, "errorCode": error,
            "errorMessage": error.map(|_| "User: arn:aws:iam::111122223333:user/sec is not authorized to perform: secretsmanager:GetSecretValue on resource: pay/master because no identity-based policy allows the action"),
            "requestParameters": secret.map(|id| json!({ "secretId": id })),
            "userIdentity": { "type": "IAMUser", "userName": "sec", "accessKeyId": key,
                "arn": "arn:aws:iam::111122223333:user/sec", "accountId": "111122223333" },
        })
    };
    let (own, decoy) = ("AKIAI44QH8DHBEXAMPLE", "AKIAIOSFODNN7EXAMPLE");
    let cases = [
        (
            "read",
            call("GetSecretValue", None, Some("pay/master"), own),
            true,
        ),
        (
            "denied",
            call("GetSecretValue", Some("AccessDenied"), None, own),
            true,
        ),
        ("by the key", call("ListSecrets", None, None, decoy), true),
        (
            "by the key, denied",
            call("ListSecrets", Some("AccessDenied"), None, decoy),
            true,
        ),
        (
            "another secret",
            call("GetSecretValue", None, Some("pay/other"), own),
            false,
        ),
    ];
    for (name, record, expected) in cases {
        let judged = judge(&pipeline, &record);
        let found = judged
            .findings
            .iter()
            .find(|f| f.rule.name == "decoy_touched");
        assert_eq!(found.is_some(), expected, "{name}: {:?}", names(&judged));
        assert!(judged.suppressed.is_empty(), "{name}");
        if let Some(found) = found {
            assert_eq!(found.severity, dial_core::Severity::Critical, "{name}");
            assert!(found.explanation.contains("does not hold"), "{name}");
        }
    }
}

#[test]
fn suppressed_and_told_findings_have_the_same_ids() {
    let record = fixture("ec2/authorize_ingress_ssh_anyone.json");
    let told = judge(&pipeline(json!({})).unwrap(), &record);
    let rule = &told.findings[0].rule.name;
    let suppressions = json!([owned(json!({ "rule": rule }))]);
    let silent = judge(
        &pipeline(json!({ "suppressions": suppressions })).unwrap(),
        &record,
    );
    let ids = |judged: &Judged| {
        let mut ids: Vec<_> = names(judged).into_iter().map(str::to_owned).collect();
        let all = judged.findings.iter().chain(&judged.suppressed);
        ids.extend(all.map(|finding| finding.id.to_string()));
        ids.sort();
        ids
    };
    assert_eq!(ids(&told), ids(&silent));
    assert!(
        silent
            .suppressed
            .iter()
            .all(|finding| finding.rule.name == *rule)
    );
    assert!(!silent.suppressed.is_empty());
}

#[test]
fn severities_are_set_by_rule_account_and_region() {
    let record = fixture("ec2/authorize_ingress_ssh_anyone.json");
    let plain = judge(&pipeline(json!({})).unwrap(), &record);
    let finding = &plain.findings[0];
    let (rule, account, region) = (&finding.rule.name, &finding.account.id, &finding.region);
    let cases = [
        (json!({ "rule": rule }), true),
        (
            json!({ "rule": rule, "account": account, "region": region }),
            true,
        ),
        (json!({ "account": account }), true),
        (json!({ "rule": rule, "account": "444455556666" }), false),
        (json!({ "rule": rule, "region": "mars-1" }), false),
    ];
    for (mut set, expected) in cases {
        set["severity"] = "informational".into();
        let judged = judge(
            &pipeline(json!({ "severity": [set.clone()] })).unwrap(),
            &record,
        );
        let finding = judged
            .findings
            .iter()
            .find(|f| f.rule.name == *rule)
            .unwrap();
        let is_set = finding
            .severity_changes
            .iter()
            .any(|c| c.reason.starts_with("configuration"));
        assert_eq!(is_set, expected, "{set}");
    }
}
