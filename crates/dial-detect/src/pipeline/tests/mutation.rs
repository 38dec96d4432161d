//! Records that AWS never wrote: real ones with a piece changed, dropped, renamed or swapped.

use proptest::prelude::*;
use serde_json::{Value, json};

/// One change to a record.
#[derive(Debug, Clone)]
pub(super) enum Mutation {
    /// Drops the member, by its number among all members.
    Drop(usize),
    /// Renames it.
    Rename(usize, &'static str),
    /// Gives it another value.
    Replace(usize, Value),
    /// Sets a member that rules look at.
    Set(&'static str, Value),
    /// Changes the letters of the event's name.
    Respell(Spelling),
}

/// How a name is spelled otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spelling {
    Upper,
    Lower,
    Dated,
    DatedTwice,
    Foreign,
}

pub(super) fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    prop::collection::vec(mutation(), 0..4)
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = || 0..200_usize;
    let spelling = [
        Spelling::Upper,
        Spelling::Lower,
        Spelling::Dated,
        Spelling::DatedTwice,
        Spelling::Foreign,
    ];
    let names = ["EventName", "items", "type", "errorCode", "accountId", "x"];
    prop_oneof![
        2 => at().prop_map(Mutation::Drop),
        1 => (at(), prop::sample::select(names.to_vec())).prop_map(|(at, name)| Mutation::Rename(at, name)),
        2 => (at(), value()).prop_map(|(at, value)| Mutation::Replace(at, value)),
        3 => set(),
        2 => prop::sample::select(spelling.to_vec()).prop_map(Mutation::Respell),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!("true"),
        json!(0),
        json!(-1),
        json!("*"),
        json!(""),
        json!([]),
        json!({}),
        json!(["*", null, { "x": "*" }]),
        json!({ "items": [{ "cidrIp": "0.0.0.0/0" }] }),
    ])
}

fn set() -> impl Strategy<Value = Mutation> {
    let codes = [
        json!(null),
        json!("AccessDenied"),
        json!("Client.UnauthorizedOperation"),
        json!(""),
        json!(403),
        json!(["AccessDenied"]),
    ];
    let types = [
        json!("Root"),
        json!("root"),
        json!("AWSService"),
        json!(null),
        json!(["Root"]),
    ];
    let sources = [
        json!("S3.amazonaws.com"),
        json!("iam.amazonaws.com"),
        json!(["ec2.amazonaws.com"]),
        json!(null),
    ];
    let names = [
        json!("StopLogging"),
        json!("ConsoleLogin"),
        json!("AssumeRole"),
        json!("GetSecretValue"),
        json!("DeleteBucket"),
        json!("PutBucketPolicy"),
        json!("PutObject"),
        json!("AuthorizeSecurityGroupIngress"),
    ];
    prop_oneof![
        1 => prop::sample::select(codes.to_vec()).prop_map(|code| Mutation::Set("/errorCode", code)),
        1 => prop::sample::select(types.to_vec())
            .prop_map(|kind| Mutation::Set("/userIdentity/type", kind)),
        1 => prop::sample::select(sources.to_vec())
            .prop_map(|source| Mutation::Set("/eventSource", source)),
        1 => prop::sample::select(names.to_vec()).prop_map(|name| Mutation::Set("/eventName", name)),
        1 => value().prop_map(|value| Mutation::Set("/userIdentity", value)),
        1 => value().prop_map(|value| Mutation::Set("/requestParameters", value)),
        2 => telling(),
    ]
}

/// What facts are told by, in spellings that the bytes must show too.
fn telling() -> impl Strategy<Value = Mutation> {
    let key = "arn:aws:kms:eu-west-1:777788889999:key/1";
    let rule =
        json!({ "cidrIpv4": "0.0.0.0/0", "referencedGroupInfo": { "USERID": "777788889999" } });
    let ranges = |range: &str| json!({ "items": [{ "ipProtocol": "-1", "ipv6Ranges": { "items": [{ "cidrIpv6": range }] } }] });
    let told = [
        ("/requestParameters/X-Amz_ACL", json!("public-read")),
        (
            "/requestParameters/x-amz-grant-read",
            json!("uri=\"http://acs.amazonaws.com/groups/global/AllUsers\""),
        ),
        (
            "/requestParameters/accessControlPolicy",
            json!({ "Owner": { "ID": "a" } }),
        ),
        ("/requestParameters/omitted", json!(true)),
        (
            "/requestParameters/X-AMZ-SERVER-SIDE-ENCRYPTION-AWS-KMS-KEY-ID",
            json!(key),
        ),
        (
            "/requestParameters/x_amz_server_side_encryption_customer_algorithm",
            json!("AES256"),
        ),
        ("/requestParameters/cidrIp", json!("0.0.0.0/00 ")),
        ("/requestParameters/cidrIp", json!("10.0.0.0/16")),
        ("/requestParameters/ipPermissions", ranges("::/0\u{a0}")),
        ("/requestParameters/ipPermissions", ranges("fd00::/16")),
        (
            "/responseElements",
            json!({ "securityGroupRuleSet": { "items": [rule] } }),
        ),
        (
            "/resources",
            json!([{ "type": "AWS::S3::Bucket", "accountID": "777788889999" }]),
        ),
        (
            "/resources",
            json!([{ "type": "AWS::S3::Bucket", "accountId": ["111122223333", "777788889999"] }]),
        ),
        (
            "/additionalEventData",
            json!({ "mfaUsed": ["No"], "x": { "MFAUsed": "Yes" } }),
        ),
        ("/additionalEventData", json!({ "MFAUSED": "yes" })),
        ("/additionalEventData", json!({ "MFAUsed": "No" })),
    ];
    let told = prop::sample::select(told.to_vec());
    told.prop_map(|(path, value)| Mutation::Set(path, value))
}

impl Mutation {
    /// Changes a record; what does not fit it changes nothing.
    pub(super) fn apply(&self, record: &mut Value) {
        match self {
            Self::Set(path, value) => set_at(record, path, value.clone()),
            Self::Respell(spelling) => {
                let name = record.get("eventName").and_then(Value::as_str);
                if let Some(name) = name.map(|name| spelling.of(name)) {
                    record["eventName"] = name.into();
                }
            }
            Self::Drop(at) | Self::Rename(at, _) | Self::Replace(at, _) => {
                let members = members(record);
                if !members.is_empty() {
                    self.change(record, &members[at % members.len()]);
                }
            }
        }
    }

    fn change(&self, record: &mut Value, pointer: &str) {
        let (above, key) = pointer.rsplit_once('/').unwrap_or_default();
        let Some(Value::Object(above)) = record.pointer_mut(above) else {
            return;
        };
        let key = key.replace("~1", "/").replace("~0", "~");
        let Some(value) = above.remove(&key) else {
            return;
        };
        match self {
            Self::Rename(_, name) => above.insert((*name).to_owned(), value),
            Self::Replace(_, other) => above.insert(key, other.clone()),
            _ => None,
        };
    }
}

impl Spelling {
    fn of(self, name: &str) -> String {
        match self {
            Self::Upper => name.to_uppercase(),
            Self::Lower => name.to_lowercase(),
            Self::Dated => format!("{name}20150331v2"),
            Self::DatedTwice => format!("{name}2020_05_3120150331"),
            Self::Foreign => name.replace('k', "\u{212a}").replace('s', "\u{17f}"),
        }
    }
}

fn set_at(record: &mut Value, path: &str, value: Value) {
    let (above, key) = path.rsplit_once('/').unwrap_or_default();
    if let Some(Value::Object(above)) = record.pointer_mut(above) {
        above.insert(key.to_owned(), value);
    }
}

/// Pointers of all members of all objects.
fn members(record: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(record, "", &mut found);
    found
}

fn collect(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, below) in members {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                collect(below, &at, found);
                found.push(at);
            }
        }
        Value::Array(members) => {
            for (index, below) in members.iter().enumerate() {
                collect(below, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}
