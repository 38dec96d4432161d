//! DIAL's own parts: `own.touched`, `.part`, `.deployer`, `.reader`.

use super::principal;
use super::seen::Seen;
use crate::normalise::lookup;
use dial_core::finding::Resource;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Shortest prefix that tells DIAL's parts from others.
const MIN_PREFIX: usize = 3;

/// Types that can be a part of DIAL, with the word that rules use.
const PARTS: [(&str, &str); 11] = [
    ("AWS::CloudWatch::Alarm", "alarm"),
    ("AWS::DynamoDB::Table", "table"),
    ("AWS::Events::Rule", "rule"),
    ("AWS::IAM::Role", "role"),
    ("AWS::KMS::Key", "key"),
    ("AWS::Lambda::Function", "function"),
    ("AWS::Logs::LogGroup", "log_group"),
    ("AWS::S3::Bucket", "bucket"),
    ("AWS::S3::Object", "bucket"),
    ("AWS::SQS::Queue", "queue"),
    ("AWS::SecretsManager::Secret", "secret"),
];

/// What belongs to DIAL itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Own {
    /// What the names of DIAL's parts start with; empty where only `arns` count.
    pub prefix: String,
    /// ARNs of parts whose names do not start so, such as keys.
    pub arns: BTreeSet<String>,
    /// ARNs of the roles or users that install and update DIAL.
    pub deployers: BTreeSet<String>,
    /// ARNs of DIAL's own roles, and of others that may read its secrets.
    pub readers: BTreeSet<String>,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            prefix: "dial-".to_owned(),
            arns: BTreeSet::new(),
            deployers: BTreeSet::new(),
            readers: BTreeSet::new(),
        }
    }
}

impl Own {
    pub(crate) fn check(&self, report: &mut dyn FnMut(&str, String)) {
        if !self.prefix.is_empty() && self.prefix.len() < MIN_PREFIX {
            let message = format!(
                "`{}` is too short to tell DIAL's parts from others; give at least {MIN_PREFIX} characters, or none",
                self.prefix
            );
            report("prefix", message);
        }
        let wrong = self.arns.iter().enumerate();
        for (index, arn) in wrong.filter(|(_, arn)| !is_literal_arn(arn)) {
            let message = format!("`{arn}` is no ARN without `*`");
            report(&format!("arns.{index}"), message);
        }
        for (name, list) in [("deployers", &self.deployers), ("readers", &self.readers)] {
            for (index, arn) in list.iter().enumerate() {
                if let Err(message) = principal::check(arn) {
                    report(&format!("{name}.{index}"), message);
                }
            }
        }
    }
}

fn is_literal_arn(text: &str) -> bool {
    text.starts_with("arn:") && text.split(':').count() >= 6 && !text.contains('*')
}

/// The same, ready to be asked.
#[derive(Debug, Default)]
pub(super) struct OwnParts {
    own: Option<Own>,
}

impl OwnParts {
    pub(super) fn of(own: &Own) -> Self {
        let is_set = !own.prefix.is_empty() || !own.arns.is_empty();
        Self {
            own: is_set.then(|| own.clone()),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.own.is_none()
    }

    pub(super) fn field(&self, seen: &Seen<'_>) -> Option<Value> {
        let own = self.own.as_ref()?;
        let by = |list: &BTreeSet<String>| seen.callers().any(|arn| list.contains(arn));
        let mut fields = Map::new();
        fields.insert("deployer".to_owned(), by(&own.deployers).into());
        fields.insert("reader".to_owned(), by(&own.readers).into());
        if let Some(part) = seen.resources().iter().find_map(|one| part(own, one)) {
            fields.insert("touched".to_owned(), true.into());
            fields.insert("part".to_owned(), part.into());
        }
        Some(Value::Object(fields))
    }
}

impl OwnParts {
    /// Whether one of DIAL's own roles used DIAL's own parts as it does all day: it read, or put
    /// something there. What it changes by way of management, deletes or fails at stays a finding.
    pub(super) fn is_own_use(&self, seen: &Seen<'_>) -> bool {
        let Some(own) = &self.own else {
            return false;
        };
        let record = &seen.event.record;
        let reads = lookup::flag(record, "readOnly") == Some(true);
        let is_data = lookup::flag(record, "managementEvent") == Some(false);
        let call = seen.call();
        let puts = is_data && !call.name().starts_with("Delete");
        let resources = seen.resources();
        (reads || puts)
            && call.error_code().is_none()
            && seen.callers().any(|arn| own.readers.contains(arn))
            && !resources.is_empty()
            && resources.iter().all(|one| part(own, one).is_some())
    }
}

/// Which part of DIAL a resource is.
fn part(own: &Own, resource: &Resource) -> Option<&'static str> {
    let known = PARTS.iter().find(|(kind, _)| *kind == resource.kind);
    let arn = resource.arn.as_deref();
    if arn.is_some_and(|arn| own.arns.iter().any(|ours| is_or_holds(ours, arn))) {
        let part = known.map(|(_, part)| *part);
        return part.or_else(|| arn.and_then(part_of_arn)).or(Some("other"));
    }
    if own.prefix.is_empty() {
        return None;
    }
    let (kind, part) = known?;
    let name = match (*kind, arn) {
        ("AWS::S3::Object", Some(arn)) => arn.split(":::").nth(1)?,
        _ => resource.name.as_str(),
    };
    let (_, last) = name.rsplit_once('/').unwrap_or(("", name));
    let starts = |text: &str| {
        let head = text.as_bytes().get(..own.prefix.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(own.prefix.as_bytes()))
    };
    let named = starts(name) || (*kind != "AWS::S3::Object" && starts(last));
    named.then_some(*part)
}

/// Whether an ARN is ours, or that of something in our bucket or below our function.
fn is_or_holds(ours: &str, arn: &str) -> bool {
    let Some(head) = arn.as_bytes().get(..ours.len()) else {
        return false;
    };
    let rest = arn.as_bytes().get(ours.len());
    head.eq_ignore_ascii_case(ours.as_bytes())
        && rest.is_none_or(|next| matches!(next, b'/' | b':'))
}

/// The part that a resource of a type that is not in the table must be.
fn part_of_arn(arn: &str) -> Option<&'static str> {
    let mut parts = arn.splitn(6, ':');
    let (service, path) = (parts.nth(2)?, parts.nth(2)?);
    Some(match service {
        "cloudwatch" => "alarm",
        "dynamodb" => "table",
        "events" => "rule",
        "iam" if path.starts_with("role/") => "role",
        "kms" => "key",
        "lambda" => "function",
        "logs" => "log_group",
        "s3" => "bucket",
        "secretsmanager" => "secret",
        "sqs" => "queue",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_name_type_and_arn() {
        let mut own = Own::default();
        let key = "arn:aws:kms:eu-west-1:111122223333:key/1a2b";
        let bucket = "arn:aws:s3:::company-alerts";
        own.arns.extend([key.to_owned(), bucket.to_owned()]);
        let cases = [
            ("AWS::Lambda::Function", "", "dial-worker", Some("function")),
            ("AWS::Lambda::Function", "", "DIAL-worker", Some("function")),
            ("AWS::Lambda::Function", "", "predial-x", None),
            ("AWS::Lambda::Function", "", "dial", None),
            ("AWS::Events::Rule", "", "dial-writes-1", Some("rule")),
            ("AWS::IAM::User", "", "dial-user", None),
            (
                "AWS::Logs::LogGroup",
                "",
                "/aws/lambda/dial-worker",
                Some("log_group"),
            ),
            ("AWS::KMS::Key", key, "1a2b", Some("key")),
            ("AWS::Resource", key, "1a2b", Some("key")),
            (
                "AWS::S3::Object",
                "arn:aws:s3:::company-alerts/a",
                "a",
                Some("bucket"),
            ),
            (
                "AWS::S3::Bucket",
                "arn:aws:s3:::company-alerts-2",
                "company-alerts-2",
                None,
            ),
            (
                "AWS::S3::Object",
                "arn:aws:s3:::dial-letters/a/b",
                "b",
                Some("bucket"),
            ),
            (
                "AWS::S3::Object",
                "arn:aws:s3:::other/dial-b",
                "dial-b",
                None,
            ),
        ];
        for (kind, arn, name, expected) in cases {
            let resource = Resource {
                kind: kind.to_owned(),
                arn: (!arn.is_empty()).then(|| arn.to_owned()),
                name: name.to_owned(),
            };
            assert_eq!(part(&own, &resource), expected, "{kind} {arn} {name}");
        }
        assert!(
            OwnParts::of(&Own {
                prefix: String::new(),
                ..Own::default()
            })
            .is_empty()
        );
    }
}
