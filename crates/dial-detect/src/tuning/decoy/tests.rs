//! Every way of touching a decoy is seen, and what only looks like one is not.

use super::*;
use crate::facts::event;
use crate::touched::Touched;
use serde_json::{Value, json};

fn decoys() -> Lures {
    let decoy = |kind, name: &str| Decoy {
        kind,
        name: name.to_owned(),
    };
    Lures::of(&[
        decoy(DecoyKind::AccessKey, "AKIAIOSFODNN7DECOY00"),
        decoy(DecoyKind::User, "svc-backup"),
        decoy(
            DecoyKind::Role,
            "arn:aws:iam::111122223333:role/ops/break-glass",
        ),
        decoy(DecoyKind::Secret, "pay/master"),
        decoy(DecoyKind::Bucket, "pay-archive"),
        decoy(DecoyKind::Parameter, "/pay/master"),
    ])
}

fn denied(source: &str, name: &str, target: &str) -> Value {
    let message = format!(
        "User: arn:aws:iam::111122223333:user/sec is not authorized to perform: x:{name} on resource: {target} because no identity-based policy allows the x:{name} action"
    );
    json!({
        "eventSource": source, "eventName": name, "errorCode": "AccessDenied",
        "errorMessage": message, "requestParameters": null,
        "userIdentity": {"type": "IAMUser", "userName": "sec", "accountId": "111122223333"},
    })
}

fn call(source: &str, name: &str, request: &Value) -> Value {
    json!({"eventSource": source, "eventName": name, "requestParameters": request})
}

fn by(identity: &Value) -> Value {
    json!({"eventSource": "s3.amazonaws.com", "eventName": "ListBuckets", "userIdentity": identity})
}

const IAM: &str = "iam.amazonaws.com";
const STS: &str = "sts.amazonaws.com";
const S3: &str = "s3.amazonaws.com";
const SECRETS: &str = "secretsmanager.amazonaws.com";
const SSM: &str = "ssm.amazonaws.com";

/// `(name, record, kind of the decoy that it touches)`.
fn check(cases: &[(&str, Value, &str)]) {
    let decoys = decoys();
    for (name, record, expected) in cases {
        let event = event(record.clone());
        let field = decoys.field(&Seen::new(&Touched::by(&event), None, None));
        let kind = field.as_ref().and_then(|f| f["kind"].as_str());
        assert_eq!(kind.unwrap_or(""), *expected, "{name}");
    }
}

#[test]
fn credentials_of_decoys_are_seen() {
    let role = "arn:aws:iam::111122223333:role/ops/break-glass";
    check(&[
        (
            "key used",
            by(&json!({"accessKeyId": "AKIAIOSFODNN7DECOY00"})),
            "access_key",
        ),
        (
            "another key",
            by(&json!({"accessKeyId": "AKIAIOSFODNN7EXAMPLE"})),
            "",
        ),
        (
            "user acts",
            by(&json!({"type": "IAMUser", "userName": "svc-backup"})),
            "user",
        ),
        (
            "user acts, known by ARN",
            by(&json!({"arn": "arn:aws:iam::111122223333:user/x/svc-backup"})),
            "user",
        ),
        (
            "session of the user",
            by(
                &json!({"type": "FederatedUser", "sessionContext": {"sessionIssuer": {"type": "IAMUser", "userName": "svc-backup"}}}),
            ),
            "user",
        ),
        (
            "session named like the user",
            by(
                &json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/svc-backup"}),
            ),
            "",
        ),
        (
            "role acts",
            by(
                &json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/break-glass/me", "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "userName": "break-glass"}}}),
            ),
            "role",
        ),
        (
            "role of another account",
            by(&json!({"arn": "arn:aws:sts::444455556666:assumed-role/break-glass/me"})),
            "",
        ),
    ]);
}

#[test]
fn decoys_in_requests_are_seen() {
    let role = "arn:aws:iam::111122223333:role/ops/break-glass";
    let secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:pay/master-AbCdEf";
    check(&[
        (
            "key asked about",
            call(
                STS,
                "GetAccessKeyInfo",
                &json!({"accessKeyId": "AKIAIOSFODNN7DECOY00"}),
            ),
            "access_key",
        ),
        (
            "user in the request",
            call(IAM, "CreateAccessKey", &json!({"userName": "svc-backup"})),
            "user",
        ),
        (
            "group named like the user",
            call(IAM, "CreateGroup", &json!({"groupName": "svc-backup"})),
            "",
        ),
        (
            "role assumed",
            call(STS, "AssumeRole", &json!({"roleArn": role})),
            "role",
        ),
        (
            "role by name",
            call(IAM, "GetRole", &json!({"roleName": "break-glass"})),
            "role",
        ),
        (
            "role passed somewhere deep",
            call(
                "ecs.amazonaws.com",
                "RegisterTaskDefinition",
                &json!({"a": [{"taskRoleArn": role}]}),
            ),
            "role",
        ),
        (
            "secret by name",
            call(
                SECRETS,
                "GetSecretValue",
                &json!({"secretId": "pay/master"}),
            ),
            "secret",
        ),
        (
            "secret by ARN",
            call(SECRETS, "DescribeSecret", &json!({"secretId": secret})),
            "secret",
        ),
        (
            "secret in a batch",
            call(
                SECRETS,
                "BatchGetSecretValue",
                &json!({"secretIdList": ["a", secret]}),
            ),
            "secret",
        ),
        (
            "another secret",
            call(
                SECRETS,
                "GetSecretValue",
                &json!({"secretId": "pay/master2"}),
            ),
            "",
        ),
    ]);
}

#[test]
fn decoy_buckets_and_parameters_in_requests_are_seen() {
    check(&[
        (
            "bucket",
            call(S3, "GetBucketAcl", &json!({"bucketName": "pay-archive"})),
            "bucket",
        ),
        (
            "bucket copied from",
            call(
                S3,
                "CopyObject",
                &json!({"bucketName": "x", "x-amz-copy-source": "/pay-archive/a"}),
            ),
            "bucket",
        ),
        (
            "object",
            json!({"eventSource": S3, "eventName": "GetObject", "resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::pay-archive/a"}]}),
            "bucket",
        ),
        (
            "object of another bucket",
            json!({"eventSource": S3, "eventName": "GetObject", "resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::x/pay-archive"}]}),
            "",
        ),
        (
            "parameter",
            call(SSM, "GetParameter", &json!({"name": "/pay/master"})),
            "parameter",
        ),
        (
            "parameter among others",
            call(
                SSM,
                "GetParameters",
                &json!({"names": ["/a", "/pay/master:2"]}),
            ),
            "parameter",
        ),
        (
            "document of that name",
            call(SSM, "GetDocument", &json!({"documentName": "/pay/master"})),
            "",
        ),
        ("nothing", call(IAM, "ListUsers", &json!(null)), ""),
    ]);
}

#[test]
fn decoys_in_refusals_are_seen() {
    let role = "arn:aws:iam::111122223333:role/ops/break-glass";
    let secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:pay/master-AbCdEf";
    check(&[
        (
            "user, denied",
            denied(IAM, "CreateLoginProfile", "user svc-backup"),
            "user",
        ),
        (
            "user, denied by ARN",
            denied(
                IAM,
                "ListAccessKeys",
                "arn:aws:iam::111122223333:user/svc-backup",
            ),
            "user",
        ),
        (
            "role assumed, denied",
            denied(STS, "AssumeRole", role),
            "role",
        ),
        (
            "secret, denied by name",
            denied(SECRETS, "GetSecretValue", "pay/master"),
            "secret",
        ),
        (
            "secret, denied by ARN",
            denied(SECRETS, "GetSecretValue", secret),
            "secret",
        ),
        (
            "bucket, denied",
            denied(S3, "ListBucket", "\"arn:aws:s3:::pay-archive\""),
            "bucket",
        ),
        (
            "parameter, denied",
            denied(
                SSM,
                "GetParameter",
                "arn:aws:ssm:eu-west-1:111122223333:parameter/pay/master",
            ),
            "parameter",
        ),
    ]);
}

#[test]
fn what_cannot_be_recognised_is_refused() {
    let cases = [
        (DecoyKind::User, ""),
        (DecoyKind::User, "*"),
        (DecoyKind::User, "arn:aws:iam::111122223333:role/x"),
        (DecoyKind::User, "arn:aws:iam:::user/x"),
        (DecoyKind::AccessKey, "AKIA"),
        (DecoyKind::AccessKey, "akiaiosfodnn7example"),
        (DecoyKind::Secret, "arn:aws:s3:::x"),
    ];
    for (kind, name) in cases {
        let name = name.to_owned();
        assert!(
            Decoy {
                kind,
                name: name.clone()
            }
            .check()
            .is_err(),
            "{name}"
        );
    }
    let bucket = Decoy {
        kind: DecoyKind::Bucket,
        name: "arn:aws:s3:::x".into(),
    };
    assert_eq!(bucket.check(), Ok(()));
}

/// A native event of the shared fixtures.
fn reported(file: &str) -> crate::event::Event {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let text = std::fs::read(folder.join(file)).unwrap();
    let Ok(crate::envelope::Input::Events(items)) = crate::envelope::read(&text) else {
        panic!("an event in an envelope");
    };
    items.into_iter().next().unwrap().unwrap()
}

#[test]
fn decoys_that_services_saw_in_use_are_seen() {
    let guardduty = "guardduty/finding_credentials_high.json";
    let bucket = "guardduty/finding_bucket_medium.json";
    let posture = "access_analyzer/finding_public.json";
    let cases = [
        (
            guardduty,
            DecoyKind::AccessKey,
            "ASIAEXAMPLE000000005",
            true,
        ),
        (guardduty, DecoyKind::Role, "web", true),
        (guardduty, DecoyKind::User, "web", false),
        (guardduty, DecoyKind::Role, "webmaster", false),
        (bucket, DecoyKind::Bucket, "example-reports", true),
        (
            bucket,
            DecoyKind::Bucket,
            "arn:aws:s3:::example-reports",
            true,
        ),
        (bucket, DecoyKind::Secret, "example-reports", false),
        (
            "health/event_credentials_exposed.json",
            DecoyKind::AccessKey,
            "AKIAEXAMPLE000000004",
            true,
        ),
        (posture, DecoyKind::Bucket, "example-reports", false),
    ];
    for (file, kind, name, expected) in cases {
        let name = name.to_owned();
        let decoys = Lures::of(&[Decoy { kind, name }]);
        let event = reported(file);
        let touched = decoys.touched(&Seen::new(&Touched::by(&event), None, None));
        assert_eq!(!touched.is_empty(), expected, "{file} {kind:?}");
    }
}
