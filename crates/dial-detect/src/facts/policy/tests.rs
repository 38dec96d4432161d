//! Policies of other people's making, and who they let in.

use super::{access, grants};
use crate::facts::Known;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn reach(policy: &Value) -> &'static str {
    let accounts = BTreeSet::from(["444455556666".to_owned()]);
    let known = Known {
        accounts: &accounts,
        own: "111122223333",
    };
    match access(&object(policy), &known) {
        None => "unknown",
        Some(a) if a.public => "public",
        Some(a) if a.external => "external",
        Some(a) if a.any_subject => "any subject",
        Some(_) => "private",
    }
}

fn allow(principal: Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
    statement["Principal"] = principal;
    statement
}

fn allow_if(condition: Value) -> Value {
    let mut statement = allow(json!("*"));
    statement["Condition"] = condition;
    statement
}

#[test]
fn principals_reach_as_far_as_aws_lets_them() {
    let cases = [
        ("star", json!("*"), "public"),
        ("AWS star", json!({"AWS": "*"}), "public"),
        (
            "star in a list",
            json!({"AWS": ["111122223333", "*"]}),
            "public",
        ),
        ("bare list", json!(["*"]), "public"),
        ("lower case form", json!({"aws": "*"}), "public"),
        (
            "every account's root",
            json!({"AWS": "arn:aws:iam::*:root"}),
            "public",
        ),
        ("any service", json!({"Service": "*"}), "public"),
        ("own account", json!({"AWS": "111122223333"}), "private"),
        (
            "own root",
            json!({"AWS": "arn:aws:iam::111122223333:root"}),
            "private",
        ),
        (
            "known role",
            json!({"AWS": "arn:aws:iam::444455556666:role/ci"}),
            "private",
        ),
        (
            "unknown account",
            json!({"AWS": "777788889999"}),
            "external",
        ),
        (
            "unknown root",
            json!({"AWS": "arn:aws:iam::777788889999:root"}),
            "external",
        ),
        (
            "unknown user in a list",
            json!({"AWS": ["111122223333", "arn:aws:iam::777788889999:user/eve"]}),
            "external",
        ),
        (
            "session",
            json!({"AWS": "arn:aws:sts::777788889999:assumed-role/r/s"}),
            "external",
        ),
        (
            "other partition",
            json!({"AWS": "arn:aws-cn:iam::777788889999:root"}),
            "external",
        ),
        (
            "canonical user",
            json!({"CanonicalUser": "5f0c7e2b"}),
            "external",
        ),
        (
            "service",
            json!({"Service": "cloudtrail.amazonaws.com"}),
            "private",
        ),
        (
            "deleted user",
            json!({"AWS": "AIDAEXAMPLEEXAMPLE123"}),
            "private",
        ),
        (
            "origin access identity",
            json!({"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"}),
            "private",
        ),
        ("empty", json!({}), "private"),
        ("odd", json!(7), "private"),
    ];
    for (name, principal, expected) in cases {
        let policy = json!({"Statement": allow(principal)});
        assert_eq!(reach(&policy), expected, "{name}");
    }
}

#[test]
fn every_statement_counts() {
    let own = allow(json!({"AWS": "111122223333"}));
    let not_principal = json!({
        "Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"},
        "Action": "s3:*", "Resource": "*",
    });
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"});
    let cases = [
        ("none", json!({"Version": "2012-10-17"}), "unknown"),
        ("empty list", json!({"Statement": []}), "private"),
        (
            "last of two",
            json!({"Statement": [own, allow(json!("*"))]}),
            "public",
        ),
        (
            "all but us",
            json!({"Statement": [not_principal]}),
            "public",
        ),
        (
            "deny grants nothing",
            json!({"Statement": [deny]}),
            "private",
        ),
        (
            "odd members are passed over",
            json!({"Statement": [7, null, allow(json!("*"))]}),
            "public",
        ),
        (
            "no effect",
            json!({"Statement": [{"Principal": "*", "Action": "s3:*"}]}),
            "private",
        ),
    ];
    for (name, policy, expected) in cases {
        assert_eq!(reach(&policy), expected, "{name}");
    }
}

#[test]
fn only_fixed_values_under_positive_operators_narrow() {
    let organization = json!({"aws:PrincipalOrgID": "o-a1b2c3d4e5"});
    let cases = [
        (
            "organization",
            json!({"StringEquals": organization}),
            "private",
        ),
        (
            "key in lower case",
            json!({"StringEquals": {"aws:principalorgid": "o-a1b2c3d4e5"}}),
            "private",
        ),
        (
            "not this organization",
            json!({"StringNotEquals": organization}),
            "public",
        ),
        (
            "if the key exists",
            json!({"StringEqualsIfExists": organization}),
            "public",
        ),
        (
            "all values",
            json!({"ForAllValues:StringEquals": organization}),
            "public",
        ),
        (
            "any value",
            json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/r-ab12/*"}}),
            "private",
        ),
        (
            "any path",
            json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "*"}}),
            "public",
        ),
        (
            "any organization",
            json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
            "public",
        ),
        (
            "policy variable",
            json!({"StringEquals": {"aws:PrincipalOrgID": "${aws:PrincipalOrgID}"}}),
            "public",
        ),
        (
            "one value open",
            json!({"StringLike": {"aws:PrincipalOrgID": ["o-a1b2c3d4e5", "*"]}}),
            "public",
        ),
        (
            "no value",
            json!({"StringEquals": {"aws:PrincipalOrgID": []}}),
            "public",
        ),
        (
            "key must exist",
            json!({"Null": {"aws:PrincipalOrgID": "false"}}),
            "public",
        ),
        (
            "own account",
            json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}}),
            "private",
        ),
        (
            "account as number",
            json!({"StringEquals": {"aws:PrincipalAccount": 111_122_223_333_u64}}),
            "public",
        ),
        (
            "unknown account",
            json!({"StringEquals": {"aws:SourceAccount": "777788889999"}}),
            "external",
        ),
        (
            "known and unknown account",
            json!({"StringEquals": {"aws:SourceAccount": ["111122223333", "777788889999"]}}),
            "external",
        ),
        (
            "two conditions hold together",
            json!({"StringEquals": {"aws:SourceAccount": "777788889999", "aws:PrincipalAccount": "111122223333"}}),
            "private",
        ),
        (
            "any account",
            json!({"StringLike": {"aws:PrincipalAccount": "*"}}),
            "public",
        ),
        (
            "roles of ours",
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}}),
            "private",
        ),
        (
            "roles of anyone",
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}}),
            "public",
        ),
        (
            "wildcard across colons",
            json!({"StringLike": {"aws:PrincipalArn": "arn:*:111122223333:role/admin"}}),
            "public",
        ),
        (
            "bucket as source",
            json!({"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::example-bucket"}}),
            "private",
        ),
        (
            "buckets by pattern",
            json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::example-*"}}),
            "public",
        ),
        (
            "topic owner",
            json!({"StringEquals": {"AWS:SourceOwner": "111122223333"}}),
            "private",
        ),
        (
            "endpoint",
            json!({"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}}),
            "private",
        ),
        (
            "any network",
            json!({"StringLike": {"aws:SourceVpc": "vpc-*"}}),
            "public",
        ),
        (
            "office",
            json!({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "2001:db8::/32"]}}),
            "private",
        ),
        (
            "every address",
            json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
            "public",
        ),
        (
            "every IPv6 address",
            json!({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "::/0"]}}),
            "public",
        ),
        (
            "both halves",
            json!({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}),
            "public",
        ),
        (
            "private addresses of any network",
            json!({"IpAddress": {"aws:VpcSourceIp": "10.1.0.0/16"}}),
            "public",
        ),
        (
            "not from there",
            json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
            "public",
        ),
        (
            "no address",
            json!({"IpAddress": {"aws:SourceIp": "anything"}}),
            "public",
        ),
        (
            "encryption in transit",
            json!({"Bool": {"aws:SecureTransport": "true"}}),
            "public",
        ),
        (
            "referer",
            json!({"StringLike": {"aws:Referer": "https://example.com/*"}}),
            "public",
        ),
        (
            "tag of the caller",
            json!({"StringEquals": {"aws:PrincipalTag/team": "ops"}}),
            "public",
        ),
        ("odd condition", json!("StringEquals"), "public"),
    ];
    for (name, condition, expected) in cases {
        let policy = json!({"Statement": [allow_if(condition)]});
        assert_eq!(reach(&policy), expected, "{name}");
    }
}

#[test]
fn conditions_rescue_named_strangers_only_where_they_contradict() {
    let mut statement = allow(json!({"AWS": "777788889999"}));
    statement["Condition"] = json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
    assert_eq!(reach(&json!({"Statement": statement})), "external");
    statement["Condition"] = json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}});
    assert_eq!(reach(&json!({"Statement": statement})), "private");
}

#[test]
fn web_identities_need_a_subject() {
    let github = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    let sub = "token.actions.githubusercontent.com:sub";
    let cases = [
        ("no condition", github, json!({}), "any subject"),
        (
            "audience only",
            github,
            json!({"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}}),
            "any subject",
        ),
        (
            "any repository",
            github,
            json!({"StringLike": {sub: "repo:*"}}),
            "any subject",
        ),
        (
            "any owner that begins so",
            github,
            json!({"StringLike": {sub: "repo:exam*"}}),
            "any subject",
        ),
        (
            "one owner",
            github,
            json!({"StringLike": {sub: "repo:example/*"}}),
            "private",
        ),
        (
            "one repository",
            github,
            json!({"StringEquals": {sub: "repo:example/site:ref:refs/heads/main"}}),
            "private",
        ),
        (
            "if it exists",
            github,
            json!({"StringEqualsIfExists": {sub: "repo:example/site"}}),
            "any subject",
        ),
        (
            "application of a shared issuer",
            "cognito-identity.amazonaws.com",
            json!({"StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:1"}}),
            "private",
        ),
        (
            "SAML",
            "arn:aws:iam::111122223333:saml-provider/corp",
            json!({}),
            "private",
        ),
        (
            "foreign SAML",
            "arn:aws:iam::777788889999:saml-provider/corp",
            json!({}),
            "external",
        ),
    ];
    for (name, provider, condition, expected) in cases {
        let mut statement = allow(json!({"Federated": provider}));
        statement["Condition"] = condition;
        assert_eq!(reach(&json!({"Statement": statement})), expected, "{name}");
    }
}

#[test]
fn flags_say_which_statement_does_what() {
    let mut open = allow(json!("*"));
    open["Sid"] = json!("Open\nSesame");
    let policy = json!({"Statement": [allow(json!({"AWS": "111122223333"})), open]});
    let accounts = BTreeSet::new();
    let known = Known {
        accounts: &accounts,
        own: "111122223333",
    };
    let access = access(&object(&policy), &known).expect("it has statements");
    assert_eq!(access.statements.len(), 1);
    assert_eq!(
        access.statements[0].sentence(),
        "Statement[1] (Sid \"Open\\u{a}Sesame\") lets anyone do s3:GetObject"
    );
}

#[test]
fn writing_is_told_from_reading() {
    let cases = [
        (json!("s3:GetObject"), false),
        (json!(["s3:GetObject", "s3:ListBucket"]), false),
        (json!("s3:Get*"), false),
        (json!("s3:*"), true),
        (json!("*"), true),
        (json!("s3:*Object"), true),
        (json!(["s3:GetObject", "s3:PutObject"]), true),
        (json!("es:ESHttpGet"), false),
        (json!("es:ESHttp*"), true),
    ];
    let accounts = BTreeSet::new();
    let known = Known {
        accounts: &accounts,
        own: "111122223333",
    };
    for (action, expected) in cases {
        let policy = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": action}});
        let access = access(&object(&policy), &known).expect("it has a statement");
        assert_eq!(access.writes, expected, "{policy}");
    }
}

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
