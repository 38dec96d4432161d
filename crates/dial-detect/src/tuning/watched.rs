//! Resources that matter most: `watched.touched` and `.names`.

use super::glob::{fits, literals};
use super::seen::Seen;
use dial_core::finding::Resource;
use serde_json::{Value, json};

/// Longest pattern, bytes.
const MAX_PATTERN: usize = 1_024;
/// Least characters of a pattern that are no `*`.
const MIN_LITERALS: usize = 3;

/// The patterns of `watched`.
#[derive(Debug, Default)]
pub(super) struct Watched(Vec<String>);

/// Whether a pattern is one; the error says what to change.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    if pattern.len() > MAX_PATTERN {
        let length = pattern.len();
        return Err(format!("is {length} bytes long, {MAX_PATTERN} are allowed"));
    }
    if literals(pattern) < MIN_LITERALS {
        return Err(format!(
            "`{pattern}` fits almost everything; give at least {MIN_LITERALS} characters beside `*`"
        ));
    }
    Ok(())
}

impl Watched {
    pub(super) fn of(patterns: &[String]) -> Self {
        let good = patterns.iter().filter(|pattern| check(pattern).is_ok());
        Self(good.cloned().collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Which watched resources the event touched; `None` where none.
    pub(super) fn field(&self, seen: &Seen<'_>) -> Option<Value> {
        if self.is_empty() {
            return None;
        }
        let touched = seen.resources().iter().filter(|one| self.holds(one));
        let names: Vec<String> = touched.map(Resource::key).collect();
        (!names.is_empty()).then(|| json!({ "touched": true, "names": names }))
    }

    fn holds(&self, resource: &Resource) -> bool {
        let mut patterns = self.0.iter();
        patterns.any(|pattern| {
            let known = resource.arn.as_deref();
            known.is_some_and(|arn| fits(pattern, arn) || in_bucket(pattern, arn))
                || fits(pattern, &resource.name)
                || (known.is_none() && could_be(pattern, resource))
        })
    }
}

/// What lies in a watched bucket is watched.
fn in_bucket(pattern: &str, arn: &str) -> bool {
    let Some((bucket, _)) = arn.split_once(":s3:::").and_then(|(head, path)| {
        let (name, key) = path.split_once('/')?;
        Some((arn.get(..head.len() + ":s3:::".len() + name.len())?, key))
    }) else {
        return false;
    };
    fits(pattern, bucket)
        || bucket
            .rsplit(':')
            .next()
            .is_some_and(|name| fits(pattern, name))
}

/// Whether a resource whose ARN the record does not tell has the name and service of this one.
fn could_be(pattern: &str, resource: &Resource) -> bool {
    let mut parts = pattern.splitn(6, ':');
    let (Some("arn"), Some(service), Some(path)) = (parts.next(), parts.nth(1), parts.nth(2))
    else {
        return false;
    };
    let kind = resource.kind.split("::").nth(1).unwrap_or_default();
    let name = path.rsplit(['/', ':']).next().unwrap_or(path);
    kind.eq_ignore_ascii_case(service) && literals(name) > 0 && fits(name, &resource.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names_arns_and_what_lies_in_buckets() {
        let resource = |kind: &str, arn: &str, name: &str| Resource {
            kind: kind.to_owned(),
            arn: (!arn.is_empty()).then(|| arn.to_owned()),
            name: name.to_owned(),
        };
        let bucket = resource("AWS::S3::Bucket", "arn:aws:s3:::pay-data", "pay-data");
        let object = resource("AWS::S3::Object", "arn:aws:s3:::pay-data/a/b", "b");
        let other = resource("AWS::S3::Object", "arn:aws:s3:::x/pay-data", "pay-data.txt");
        let role = resource("AWS::IAM::Role", "", "break-glass");
        let cases = [
            ("name", "pay-data", &bucket, true),
            ("glob", "pay-*", &bucket, true),
            ("ARN", "arn:aws:s3:::pay-data", &bucket, true),
            ("another", "arn:aws:s3:::pay", &bucket, false),
            (
                "object of a bucket by ARN",
                "arn:aws:s3:::pay-data",
                &object,
                true,
            ),
            ("object of a bucket by name", "pay-data", &object, true),
            ("key like a bucket", "pay-data", &other, false),
            (
                "role without ARN",
                "arn:aws:iam::111122223333:role/ops/break-glass",
                &role,
                true,
            ),
            (
                "other role",
                "arn:aws:iam::111122223333:role/glass",
                &role,
                false,
            ),
            (
                "another service",
                "arn:aws:ecs:eu-west-1:1:cluster/break-glass",
                &role,
                false,
            ),
            (
                "all roles",
                "arn:aws:iam::111122223333:role/*",
                &role,
                false,
            ),
        ];
        for (name, pattern, resource, expected) in cases {
            let watched = Watched::of(&[pattern.to_owned()]);
            assert_eq!(watched.holds(resource), expected, "{name}");
        }
        for pattern in ["", "*", "a*b", "**"] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
    }
}
