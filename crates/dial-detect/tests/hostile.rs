//! Policies and records that nobody would write: never a panic, never a grant overlooked.

use dial_detect::event::{Event, Kind};
use dial_detect::facts::policy::{access, grants};
use dial_detect::facts::{EXTRACTORS, Known, extract};
use dial_detect::normalise::Call;
use dial_detect::resources;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Texts that mean something somewhere, and some that mean nothing.
fn text() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "",
        "*",
        "?",
        "Allow",
        "Deny",
        "s3:*",
        "iam:PassRole",
        "111122223333",
        "777788889999",
        "arn:aws:iam::777788889999:root",
        "arn:aws:iam::*:role/*",
        "arn:",
        "arn:aws:s3:::b/*",
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/8",
        "0.0.0.0/99",
        "o-a1b2c3d4e5",
        "${aws:userid}",
        "all",
        "public-read",
        "Suspended",
        "igw-1",
        "tcp",
        "-1",
        "%7B%7D",
        "{\"Statement\":[]}",
        "true",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

/// Names that AWS uses, and any others.
fn key() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Statement",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "Sid",
        "AWS",
        "Service",
        "Federated",
        "CanonicalUser",
        "StringEquals",
        "StringLike",
        "ForAllValues:StringLike",
        "IpAddress",
        "aws:SourceIp",
        "aws:PrincipalOrgID",
        "aws:SourceArn",
        "aws:PrincipalAccount",
        "items",
        "content",
        "tag",
        "omitted",
        "ipPermissions",
        "ipRanges",
        "cidrIp",
        "fromPort",
        "toPort",
        "ipProtocol",
        "bucketPolicy",
        "policyDocument",
        "policy",
        "AccessControlPolicy",
        "AccessControlList",
        "Grant",
        "Grantee",
        "URI",
        "Permission",
        "x-amz-acl",
        "userName",
        "changeBatch",
        "changes",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        4 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            2 => prop::collection::vec((key(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((key(), value()), 0..6).prop_map(|entries| entries.into_iter().collect())
}

/// A record of any extractor's event, with any content.
fn record() -> impl Strategy<Value = Value> {
    let event = prop::sample::select(EXTRACTORS.iter().collect::<Vec<_>>());
    (
        event,
        any::<prop::sample::Index>(),
        value(),
        value(),
        value(),
    )
        .prop_map(|(extractor, index, request, response, identity)| {
            let name = match extractor.names {
                [] => "GetObject",
                names => index.get(names),
            };
            let source = extractor
                .sources
                .first()
                .copied()
                .unwrap_or("s3.amazonaws.com");
            json!({"eventSource": source, "eventName": name, "requestParameters": request,
                "responseElements": response, "userIdentity": identity, "resources": identity})
        })
}

fn event(record: Value) -> Event {
    Event {
        kind: Kind::CloudTrail,
        record,
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        id: "e-1".to_owned(),
        time: "2026-03-04T05:06:07Z".parse().expect("a time"),
    }
}

/// The policy with a statement more that lets anyone do anything.
fn opened(mut policy: Map<String, Value>, at: usize) -> Map<String, Value> {
    let all = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    let known = policy
        .keys()
        .find(|key| key.eq_ignore_ascii_case("Statement"));
    let key = known.cloned().unwrap_or("Statement".to_owned());
    let mut statements = match policy.remove(&key) {
        Some(Value::Array(statements)) => statements,
        Some(single) => vec![single],
        None => Vec::new(),
    };
    statements.insert(at.min(statements.len()), all);
    policy.insert(key, Value::Array(statements));
    policy
}

proptest! {
    #[test]
    fn any_record_is_judged_without_panic_and_within_bounds(record in record()) {
        let event = event(record);
        let call = Call::of(&event);
        let accounts = BTreeSet::new();
        let known = Known { accounts: &accounts, own: &event.account };
        let facts = extract(&call, &known);
        prop_assert!(facts.sentences.len() <= 30);
        for sentence in &facts.sentences {
            prop_assert!(sentence.chars().count() <= 601);
            prop_assert!(!sentence.contains(char::is_control), "{sentence:?}");
        }
        prop_assert!(resources::of(&call).len() <= 50);
        prop_assert_eq!(extract(&call, &known), facts, "it depends on the event alone");
    }

    #[test]
    fn any_value_is_a_record(record in value()) {
        let event = event(record);
        let call = Call::of(&event);
        let accounts = BTreeSet::new();
        let known = Known { accounts: &accounts, own: "" };
        extract(&call, &known);
        resources::of(&call);
        call.caller().principal();
    }

    #[test]
    fn a_statement_for_anyone_makes_any_policy_public(policy in object(), at in 0_usize..8) {
        let accounts = BTreeSet::new();
        let known = Known { accounts: &accounts, own: "111122223333" };
        let before = access(&policy, &known).unwrap_or_default();
        let policy = opened(policy, at);
        let after = access(&policy, &known).expect("it has a statement");
        prop_assert!(after.public && after.writes && after.admin, "{policy:?}");
        prop_assert!(after.external || !before.external, "nothing is taken away: {policy:?}");
        prop_assert!(grants(&policy).expect("it has a statement").admin);
    }

    #[test]
    fn knowing_more_accounts_never_makes_a_policy_worse(policy in object()) {
        let few = BTreeSet::new();
        let more = BTreeSet::from(["777788889999".to_owned()]);
        let judged = |accounts| access(&policy, &Known { accounts, own: "111122223333" });
        let (before, after) = (judged(&few), judged(&more));
        prop_assert_eq!(before.is_some(), after.is_some());
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        prop_assert_eq!(before.public, after.public);
        prop_assert!(before.external || !after.external);
    }
}
