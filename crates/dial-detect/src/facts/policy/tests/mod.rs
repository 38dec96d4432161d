//! Policies of other people's making, and who they let in.

mod conditions;
mod grants;

use super::access;
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
            json!({"AWS": ["111122223333", "arn:aws:iam::777788889999:user/sec"]}),
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
            "any service account",
            "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1",
            json!({"StringLike": {"oidc.eks.eu-west-1.amazonaws.com/id/1:sub": "system:serviceaccount:*"}}),
            "any subject",
        ),
        (
            "one namespace",
            "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1",
            json!({"StringLike": {"oidc.eks.eu-west-1.amazonaws.com/id/1:sub": "system:serviceaccount:shop:*"}}),
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
