//! Where an event says what it was about or whose credentials it used: texts to compare with decoys.

use super::DecoyKind;
use crate::event::Kind;
use crate::normalise::{Call, lookup};
use crate::resources;
use crate::tuning::seen::Seen;
use serde_json::Value;

/// Most strings of a request that are looked at.
const MAX_STRINGS: usize = 5_000;
/// Deepest value of a request that is looked at.
const MAX_DEPTH: usize = 32;

/// Fields of requests that name a thing without its ARN.
const FIELDS: [(&str, &str, DecoyKind); 15] = [
    ("", "userName", DecoyKind::User),
    ("", "roleName", DecoyKind::Role),
    ("", "role", DecoyKind::Role),
    ("", "accessKeyId", DecoyKind::AccessKey),
    ("", "bucketName", DecoyKind::Bucket),
    ("", "bucket", DecoyKind::Bucket),
    ("", "s3Bucket", DecoyKind::Bucket),
    ("", "s3BucketName", DecoyKind::Bucket),
    ("s3.amazonaws.com", "x-amz-copy-source", DecoyKind::Bucket),
    ("", "secretId", DecoyKind::Secret),
    (
        "secretsmanager.amazonaws.com",
        "secretIdList",
        DecoyKind::Secret,
    ),
    ("secretsmanager.amazonaws.com", "name", DecoyKind::Secret),
    ("ssm.amazonaws.com", "name", DecoyKind::Parameter),
    ("ssm.amazonaws.com", "names", DecoyKind::Parameter),
    ("ssm.amazonaws.com", "resourceId", DecoyKind::Parameter),
];

/// Services whose refusals name a thing without its ARN, and what it is then.
const REFUSERS: [(&str, DecoyKind); 3] = [
    ("s3.amazonaws.com", DecoyKind::Bucket),
    ("secretsmanager.amazonaws.com", DecoyKind::Secret),
    ("ssm.amazonaws.com", DecoyKind::Parameter),
];

/// A text of an event, and what it names if it is no ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trace<'a> {
    pub(super) text: &'a str,
    kind: Option<DecoyKind>,
}

impl Trace<'_> {
    /// An ARN tells itself what it names.
    pub(super) fn could_be(&self, kind: DecoyKind) -> bool {
        self.kind == Some(kind) || self.text.starts_with("arn:")
    }
}

/// All traces of a call, allowed or denied, or of what a service reports.
pub(super) fn of<'a>(seen: &'a Seen<'_>) -> Vec<Trace<'a>> {
    let mut traces = Vec::new();
    if seen.event.kind == Kind::CloudTrail {
        of_call(&seen.call(), &mut traces);
    }
    for resource in seen.resources() {
        let kind = kind_of(&resource.kind);
        traces.extend(kind.map(|kind| Trace::of(&resource.name, kind)));
        traces.extend(resource.arn.as_deref().map(Trace::arn));
    }
    traces
}

/// Who called, what the request names, and what a refusal does.
fn of_call<'a>(call: &Call<'a>, traces: &mut Vec<Trace<'a>>) {
    caller(call, traces);
    for (source, path, kind) in FIELDS {
        if source.is_empty() || source == call.source() {
            let found = call.request_all(path).into_iter().filter_map(Value::as_str);
            traces.extend(found.map(|text| Trace::of(text, kind)));
        }
    }
    if let Some(request) = call.event().record.get("requestParameters") {
        arns(request, 0, traces);
    }
    refusal(call, traces);
}

impl<'a> Trace<'a> {
    fn of(text: &'a str, kind: DecoyKind) -> Self {
        Self {
            text,
            kind: Some(kind),
        }
    }

    fn arn(text: &'a str) -> Self {
        Self { text, kind: None }
    }
}

/// Whose credentials were used.
fn caller<'a>(call: &Call<'a>, traces: &mut Vec<Trace<'a>>) {
    let caller = call.caller();
    let arns = [caller.arn, caller.issuer_arn].into_iter().flatten();
    traces.extend(arns.map(Trace::arn));
    let key = caller.access_key_id;
    traces.extend(key.map(|key| Trace::of(key, DecoyKind::AccessKey)));
    let identity = call.event().record.get("userIdentity");
    let text = |path| identity.and_then(|identity| lookup::text(identity, path));
    let issuer = "sessionContext.sessionIssuer";
    let names = [
        (caller.kind, caller.user_name),
        (
            text(&format!("{issuer}.type")),
            text(&format!("{issuer}.userName")),
        ),
    ];
    for (kind, name) in names {
        let kind = match kind {
            Some("IAMUser" | "User") => DecoyKind::User,
            Some("Role" | "AssumedRole") => DecoyKind::Role,
            _ => continue,
        };
        traces.extend(name.map(|name| Trace::of(name, kind)));
    }
}

/// Every ARN that stands by itself in the request, wherever.
fn arns<'a>(value: &'a Value, depth: usize, traces: &mut Vec<Trace<'a>>) {
    if depth > MAX_DEPTH || traces.len() > MAX_STRINGS {
        return;
    }
    match value {
        Value::String(text) if text.starts_with("arn:") => traces.push(Trace::arn(text)),
        Value::Array(members) => members.iter().for_each(|m| arns(m, depth + 1, traces)),
        Value::Object(map) => map.values().for_each(|m| arns(m, depth + 1, traces)),
        _ => {}
    }
}

/// What a refusal names: most denied calls show no request.
fn refusal<'a>(call: &Call<'a>, traces: &mut Vec<Trace<'a>>) {
    let Some(target) = resources::refused(call) else {
        return;
    };
    // IAM writes `user sec`; others the ARN or the name as the caller gave it.
    let worded = [("user ", DecoyKind::User), ("role ", DecoyKind::Role)];
    for (word, kind) in worded {
        let named = target.strip_prefix(word);
        traces.extend(named.map(|name| Trace::of(name, kind)));
    }
    let by_service = REFUSERS.iter().find(|(source, _)| *source == call.source());
    traces.push(Trace {
        text: target,
        kind: by_service.map(|(_, kind)| *kind),
    });
}

fn kind_of(resource: &str) -> Option<DecoyKind> {
    Some(match resource {
        "AWS::IAM::User" => DecoyKind::User,
        "AWS::IAM::Role" => DecoyKind::Role,
        "AWS::IAM::AccessKey" => DecoyKind::AccessKey,
        "AWS::S3::Bucket" => DecoyKind::Bucket,
        "AWS::SecretsManager::Secret" => DecoyKind::Secret,
        "AWS::SSM::Parameter" => DecoyKind::Parameter,
        _ => return None,
    })
}
