//! What identity policies give.

use super::object;
use crate::facts::policy::grants;
use serde_json::{Value, json};

#[test]
fn administrators_are_known_however_they_are_spelt() {
    let cases = [
        ("everything", json!("*"), json!("*"), true),
        (
            "in a list",
            json!(["s3:GetObject", "*"]),
            json!(["*"]),
            true,
        ),
        ("by service", json!("*:*"), json!("*"), true),
        ("IAM", json!("iam:*"), json!("*"), true),
        ("IAM shouted", json!("IAM:*"), json!("*"), true),
        (
            "IAM by its letters",
            json!(["iam:A*", "iam:C*", "iam:P*", "iam:U*"]),
            json!("*"),
            true,
        ),
        ("every ARN", json!("*"), json!("arn:aws:iam::*"), true),
        (
            "one bucket",
            json!("*"),
            json!("arn:aws:s3:::example-bucket/*"),
            false,
        ),
        ("storage", json!("s3:*"), json!("*"), false),
        (
            "reading IAM",
            json!(["iam:Get*", "iam:List*"]),
            json!("*"),
            false,
        ),
        ("no action", json!([]), json!("*"), false),
    ];
    for (name, action, resource, expected) in cases {
        let statement = json!({"Effect": "Allow", "Action": action, "Resource": resource});
        let policy = object(&json!({"Statement": statement}));
        assert_eq!(
            grants(&policy).expect("a statement").admin,
            expected,
            "{name}"
        );
    }
}

#[test]
fn negations_make_administrators_too() {
    let cases = [
        (
            "all but IAM",
            json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
            true,
        ),
        (
            "all but everything",
            json!({"Effect": "Allow", "NotAction": "*", "Resource": "*"}),
            false,
        ),
        (
            "all but one bucket",
            json!({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::a"}),
            true,
        ),
        (
            "denied",
            json!({"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}),
            false,
        ),
        (
            "under a condition",
            json!({"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}),
            true,
        ),
    ];
    for (name, statement, expected) in cases {
        let policy = object(&json!({"Statement": [statement]}));
        assert_eq!(
            grants(&policy).expect("a statement").admin,
            expected,
            "{name}"
        );
    }
}

#[test]
fn ways_to_more_rights_are_listed() {
    let cases: [(&str, Value, &[&str]); 4] = [
        (
            "pass and run",
            json!(["iam:PassRole", "lambda:CreateFunction"]),
            &["lambda:CreateFunction"],
        ),
        ("run without passing", json!("lambda:CreateFunction"), &[]),
        (
            "key for anyone",
            json!("iam:CreateAccessKey"),
            &["iam:CreateAccessKey"],
        ),
        ("reading", json!("iam:Get*"), &[]),
    ];
    for (name, action, expected) in cases {
        let statement = json!({"Effect": "Allow", "Action": action, "Resource": "*"});
        let policy = object(&json!({"Statement": statement}));
        assert_eq!(
            grants(&policy).expect("a statement").escalation,
            expected,
            "{name}"
        );
    }
}
