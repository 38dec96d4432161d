//! What a denied call was about: most hide their request, but the error message names it.

use super::table::fields;
use super::{MAX_NAME, last_part};
use crate::normalise::{Call, lookup};
use dial_core::finding::Resource;

/// Types by the word that IAM uses in messages and ARNs.
const IAM: [(&str, &str); 8] = [
    ("group", "AWS::IAM::Group"),
    ("instance profile", "AWS::IAM::InstanceProfile"),
    ("instance-profile", "AWS::IAM::InstanceProfile"),
    ("mfa", "AWS::IAM::VirtualMFADevice"),
    ("policy", "AWS::IAM::ManagedPolicy"),
    ("role", "AWS::IAM::Role"),
    ("saml-provider", "AWS::IAM::SAMLProvider"),
    ("user", "AWS::IAM::User"),
];

/// Types whose ARN the table cannot build: service, first word of the path, type.
const WORDS: [(&str, &str, &str); 4] = [
    ("ecs", "service", "AWS::ECS::Service"),
    ("ecs", "task", "AWS::ECS::Task"),
    ("events", "rule", "AWS::Events::Rule"),
    ("secretsmanager", "secret", "AWS::SecretsManager::Secret"),
];

/// What follows the resource in a message.
const ENDS: [&str; 3] = [" because", " version ", " with an explicit"];

/// The resource in `User: … is not authorized to perform: … on resource: … because …`.
pub(super) fn named(call: &Call<'_>) -> Option<Resource> {
    let target = target(call)?;
    by_arn(call, target).or_else(|| by_word(target))
}

/// What stands after `on resource:`.
pub(super) fn target<'a>(call: &Call<'a>) -> Option<&'a str> {
    call.error_code()?;
    let message = lookup::text(&call.event().record, "errorMessage")?;
    // What the caller chose, its session name, stands before and holds no blank.
    let (_, refusal) = message.split_once(" is not authorized to perform: ")?;
    let (_, target) = refusal.split_once(" on resource: ")?;
    let end = ENDS.iter().filter_map(|end| target.find(end)).min();
    let target = end.map_or(target, |end| &target[..end]).trim();
    // S3 quotes it.
    let target = target.trim_matches('"');
    // Lists are asked for by wildcard, or by a path without a name.
    let usable = target.len() <= MAX_NAME && !target.contains('*') && !target.ends_with('/');
    (usable && !target.is_empty()).then_some(target)
}

fn by_arn(call: &Call<'_>, target: &str) -> Option<Resource> {
    let arn = target.strip_prefix("policy ").unwrap_or(target);
    // Log groups drag an empty stream along.
    let arn = arn.split(":log-stream:").next()?;
    if !arn.starts_with("arn:") || arn.split(':').count() < 6 {
        return None;
    }
    let (kind, name) = in_table(call, arn)
        .or_else(|| in_iam(arn))
        .or_else(|| in_words(arn))
        .unwrap_or(("AWS::Resource", last_part(arn)));
    (!name.is_empty()).then(|| Resource {
        kind: kind.to_owned(),
        arn: Some(arn.to_owned()),
        name: name.to_owned(),
    })
}

fn in_table<'a>(call: &Call<'_>, arn: &'a str) -> Option<(&'static str, &'a str)> {
    let mut fields = fields().filter(|field| field.source() == call.source());
    fields.find_map(|field| Some((field.kind, field.name_in(arn)?)))
}

/// Type and name of an identity, whatever path is before its name.
pub(super) fn in_iam(arn: &str) -> Option<(&'static str, &str)> {
    let (_, rest) = arn.split_once(":iam::")?;
    let (_, path) = rest.split_once(':')?;
    let (word, _) = path.split_once('/')?;
    Some((iam_type(word)?, last_part(arn)))
}

/// By service and word; the name is what stands last, behind the bus of a rule.
fn in_words(arn: &str) -> Option<(&'static str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let (service, path) = (parts.nth(2)?, parts.nth(2)?);
    let (word, _) = path.split_once([':', '/'])?;
    let mut words = WORDS.iter();
    let found = words.find(|known| (known.0, known.1) == (service, word));
    found.map(|(_, _, kind)| (*kind, last_part(arn)))
}

fn by_word(target: &str) -> Option<Resource> {
    let (word, name) = target.rsplit_once(' ')?;
    Some(Resource {
        kind: iam_type(word)?.to_owned(),
        arn: None,
        name: name.to_owned(),
    })
}

fn iam_type(word: &str) -> Option<&'static str> {
    let found = IAM.iter().find(|(known, _)| *known == word);
    found.map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::sample;
    use serde_json::{Value, json};

    #[test]
    fn messages_name_what_was_tried() {
        let cases = [
            (
                "iam",
                "user dev because no identity-based policy allows it",
                "AWS::IAM::User/dev",
            ),
            (
                "iam",
                "instance profile web",
                "AWS::IAM::InstanceProfile/web",
            ),
            (
                "iam",
                "policy arn:aws:iam::111122223333:policy/p because",
                "arn:aws:iam::111122223333:policy/p",
            ),
            (
                "iam",
                "arn:aws:iam::111122223333:role/ops/r with an explicit deny",
                "arn:aws:iam::111122223333:role/ops/r",
            ),
            (
                "cloudtrail",
                "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main because",
                "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main",
            ),
            (
                "logs",
                "arn:aws:logs:eu-west-1:111122223333:log-group:app:log-stream: because",
                "arn:aws:logs:eu-west-1:111122223333:log-group:app",
            ),
            (
                "iam",
                "policy arn:aws:iam::111122223333:policy/p version v2 because",
                "arn:aws:iam::111122223333:policy/p",
            ),
            ("iam", "arn:aws:iam::111122223333:user/ because", ""),
            ("kms", "* because no identity-based policy allows it", ""),
            (
                "transfer",
                "arn:aws:transfer:eu-west-1:111122223333:server/* because",
                "",
            ),
            (
                "config",
                "rule because no identity-based policy allows it",
                "",
            ),
            ("iam", "arn:aws:iam", ""),
        ];
        for (service, target, expected) in cases {
            let mut event = sample(&format!("{service}.amazonaws.com"), "Anything", Value::Null);
            event.record["errorCode"] = json!("AccessDenied");
            event.record["errorMessage"] = json!(format!(
                "User: arn:aws:iam::111122223333:user/clerk is not authorized to perform: {service}:Anything on resource: {target}"
            ));
            let found = named(&Call::of(&event))
                .map(|r| r.key())
                .unwrap_or_default();
            assert_eq!(found, expected, "{target}");
        }
    }

    #[test]
    fn types_come_from_the_table_or_from_the_arn() {
        let cases = [
            ("rds", "db:main", "AWS::RDS::DBInstance/main"),
            ("ecs", "task/shop/0f1e", "AWS::ECS::Task/0f1e"),
            ("events", "rule/nightly", "AWS::Events::Rule/nightly"),
            ("events", "rule/audit/nightly", "AWS::Events::Rule/nightly"),
            (
                "secretsmanager",
                "secret:db-AbCdEf",
                "AWS::SecretsManager::Secret/db-AbCdEf",
            ),
            ("xray", "group/x", "AWS::Resource/x"),
        ];
        for (service, path, expected) in cases {
            let mut event = sample(&format!("{service}.amazonaws.com"), "Delete", Value::Null);
            event.record["errorCode"] = json!("AccessDenied");
            event.record["errorMessage"] = json!(format!(
                "User: x is not authorized to perform: {service}:Delete on resource: arn:aws:{service}:eu-west-1:111122223333:{path} because"
            ));
            let found = named(&Call::of(&event)).expect("a resource");
            assert_eq!(format!("{}/{}", found.kind, found.name), expected);
        }
    }
}
