//! Events that nobody recorded: what real ones become when fields change or go away.

use proptest::prelude::*;
use serde_json::{Value, json};

/// One change to an event.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Calls something else, with the same parameters.
    Call(usize),
    /// Adds the date that Lambda and `CloudFront` write behind names.
    Date(&'static str),
    /// Fails, without parameters.
    Deny(&'static str),
    /// Fails, with parameters.
    Fail(&'static str),
    /// Succeeds, whatever it did before.
    Succeed,
    /// Happens in another region.
    Region(&'static str),
    /// Is done by another kind of caller.
    Caller(&'static str),
    /// Loses the n-th of its fields, counted through all objects.
    Drop(usize),
    /// Comes from elsewhere.
    Address(&'static str),
    /// Comes as another of `CloudTrail`'s kinds.
    DetailType(&'static str),
}

pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    let call = any::<usize>().prop_map(Change::Call);
    let date = prop_oneof![
        Just("20150331"),
        Just("20150331v2"),
        Just("2020_05_31"),
        Just("2018_11_05")
    ]
    .prop_map(Change::Date);
    let error = || {
        prop_oneof![
            Just("AccessDenied"),
            Just("accessdenied"),
            Just("AccessDeniedException"),
            Just("Client.UnauthorizedOperation"),
            Just("MalformedPolicyDocumentException"),
            Just("ValidationException"),
            Just("NoSuchBucket"),
            Just(""),
        ]
    };
    let region = prop_oneof![Just("us-east-1"), Just("ap-south-1"), Just("us-gov-west-1")];
    let caller = prop_oneof![
        Just("Root"),
        Just("IAMUser"),
        Just("AssumedRole"),
        Just("AWSAccount"),
        Just("AWSService"),
        Just("FederatedUser"),
        Just("root"),
        Just("")
    ];
    let address = prop_oneof![
        Just("203.0.113.9"),
        Just("2001:db8::9"),
        Just("AWS Internal")
    ];
    let detail_type = prop_oneof![
        Just("AWS Console Signin via CloudTrail"),
        Just("AWS Console Sign In via CloudTrail"),
        Just("AWS Service Event via CloudTrail"),
        Just("Amazon API Call via CloudTrail")
    ];
    let change = prop_oneof![
        4 => call,
        2 => date,
        2 => error().prop_map(Change::Deny),
        1 => error().prop_map(Change::Fail),
        2 => Just(Change::Succeed),
        1 => region.prop_map(Change::Region),
        2 => caller.prop_map(Change::Caller),
        2 => any::<usize>().prop_map(Change::Drop),
        1 => address.prop_map(Change::Address),
        1 => detail_type.prop_map(Change::DetailType),
    ];
    prop::collection::vec(change, 0..4)
}

impl Change {
    /// Changes an event; `calls` are sources and names to choose from.
    pub(crate) fn apply(&self, event: &mut Value, calls: &[(String, String)]) {
        let is_call = event["detail"]
            .get("eventName")
            .is_some_and(Value::is_string);
        if !is_call {
            if let Self::Drop(at) = self {
                drop_field(&mut event["detail"], &mut { *at % 40 });
            }
            return;
        }
        match self {
            Self::Call(at) => {
                let (source, name) = &calls[at % calls.len()];
                event["detail"]["eventSource"] = json!(source);
                event["detail"]["eventName"] = json!(name);
                event["detail"]["readOnly"] = Value::Null;
            }
            Self::Date(date) => add_date(&mut event["detail"], date),
            Self::Deny(code) => {
                event["detail"]["errorCode"] = json!(code);
                event["detail"]["requestParameters"] = Value::Null;
                event["detail"]["responseElements"] = Value::Null;
            }
            Self::Fail(code) => event["detail"]["errorCode"] = json!(code),
            Self::Succeed => {
                let record = event["detail"].as_object_mut();
                record.map(|record| record.remove("errorCode"));
            }
            Self::Region(region) => event["detail"]["awsRegion"] = json!(region),
            Self::Caller(kind) => {
                let identity = event["detail"]["userIdentity"].as_object_mut();
                if let Some(identity) = identity {
                    // Some records say nothing of the kind.
                    identity.remove("type");
                    if !kind.is_empty() {
                        identity.insert("type".to_owned(), json!(kind));
                    }
                }
            }
            Self::Drop(at) => {
                drop_field(&mut event["detail"], &mut { *at % 120 });
            }
            Self::Address(address) => event["detail"]["sourceIPAddress"] = json!(address),
            Self::DetailType(text) => event["detail-type"] = json!(text),
        }
    }
}

/// Only two services write dates, and none twice.
fn add_date(detail: &mut Value, date: &str) {
    let source = detail["eventSource"].as_str().unwrap_or_default();
    let name = detail["eventName"].as_str().unwrap_or_default();
    let dated = ["lambda.amazonaws.com", "cloudfront.amazonaws.com"].contains(&source);
    if dated && !name.contains("20") {
        detail["eventName"] = json!(format!("{name}{date}"));
    }
}

/// Takes the n-th field away; returns whether it was reached.
fn drop_field(value: &mut Value, left: &mut usize) -> bool {
    match value {
        Value::Object(map) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            for key in keys {
                if *left == 0 {
                    map.remove(&key);
                    return true;
                }
                *left -= 1;
                if map
                    .get_mut(&key)
                    .is_some_and(|below| drop_field(below, left))
                {
                    return true;
                }
            }
            false
        }
        Value::Array(members) => members.iter_mut().any(|below| drop_field(below, left)),
        _ => false,
    }
}
