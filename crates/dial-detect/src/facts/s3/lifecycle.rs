//! Lifecycle rules that destroy: content, or its earlier versions, that lives for days only.

use super::S3;
use crate::facts::{Extractor, Facts, Known, list};
use crate::normalise::{Call, lookup};
use crate::text::shown;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

/// Objects that live no longer than this are being destroyed rather than tidied up, days.
const SHORT: i64 = 7;
/// Earlier versions that live no longer than this cannot undo a mistake, days.
const SHORT_VERSIONS: i64 = 1;

pub(in crate::facts) const LIFECYCLE: Extractor = Extractor {
    name: "s3.lifecycle",
    summary: "Whether a lifecycle rule deletes objects within days",
    sources: S3,
    names: &["PutBucketLifecycle", "PutBucketLifecycleConfiguration"],
    facts: &[
        "s3.lifecycle.short_expiry",
        "s3.lifecycle.short_versions",
        "s3.lifecycle.whole_bucket",
        "s3.lifecycle.days",
        "s3.lifecycle.prefixes",
    ],
    run: lifecycle,
};

/// An enabled rule that deletes objects within days.
struct Short<'a> {
    id: &'a str,
    days: i64,
    prefix: &'a str,
    narrow: bool,
}

fn lifecycle(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    if call.has_no_request() {
        return;
    }
    let rules = call.request_all("LifecycleConfiguration.Rule");
    let enabled: Vec<_> = rules.into_iter().filter(|rule| is_enabled(rule)).collect();
    let now = call.event().time;
    let short = enabled.iter().filter_map(|rule| Short::of(rule, now));
    let short: Vec<Short> = short.collect();
    facts.set("s3.lifecycle.short_expiry", !short.is_empty());
    let whole = short.iter().any(|rule| !rule.narrow);
    facts.set("s3.lifecycle.whole_bucket", whole);
    let versions = enabled.iter().any(|rule| forgets_versions(rule));
    facts.set("s3.lifecycle.short_versions", versions);
    if versions {
        facts.say("deletes earlier versions within a day");
    }
    state(&short, facts);
}

fn state(short: &[Short<'_>], facts: &mut Facts) {
    if let Some(days) = short.iter().map(|rule| rule.days).min() {
        facts.set("s3.lifecycle.days", days);
        let prefixes: BTreeSet<_> = short.iter().map(|rule| rule.prefix).collect();
        facts.set("s3.lifecycle.prefixes", list(&prefixes));
    }
    for Short { id, days, .. } in short {
        let id = shown(id);
        facts.say(format!(
            "deletes objects after {days} day(s) by lifecycle rule {id}"
        ));
    }
}

impl<'a> Short<'a> {
    fn of(rule: &'a Value, now: Timestamp) -> Option<Self> {
        let days = expiry(rule, now).filter(|days| *days <= SHORT)?;
        let prefix = prefix(rule);
        Some(Self {
            id: lookup::text(rule, "ID").unwrap_or("without id"),
            days,
            prefix,
            narrow: !prefix.is_empty() || is_filtered(rule),
        })
    }
}

fn is_enabled(rule: &Value) -> bool {
    lookup::text(rule, "Status").is_some_and(|s| s.eq_ignore_ascii_case("Enabled"))
}

/// Names that the rule is limited to by their beginning. S3 knows no wildcards, but a lone `*`
/// tells what its author meant.
fn prefix(rule: &Value) -> &str {
    let paths = ["Filter.Prefix", "Filter.And.Prefix", "Prefix"];
    let found = paths.iter().find_map(|path| lookup::text(rule, path));
    found.filter(|prefix| *prefix != "*").unwrap_or("")
}

fn is_filtered(rule: &Value) -> bool {
    let paths = [
        "Filter.Tag",
        "Filter.And.Tag",
        "Filter.ObjectSizeLessThan",
        "Filter.And.ObjectSizeLessThan",
    ];
    paths.iter().any(|path| lookup::one(rule, path).is_some())
}

fn forgets_versions(rule: &Value) -> bool {
    let days = lookup::number(rule, "NoncurrentVersionExpiration.NoncurrentDays");
    days.is_some_and(|days| days <= SHORT_VERSIONS)
}

/// Days that current objects have to live: as given, or until the given date.
fn expiry(rule: &Value, now: Timestamp) -> Option<i64> {
    let date = || {
        let date: Timestamp = lookup::text(rule, "Expiration.Date")?.parse().ok()?;
        let left: SignedDuration = date.duration_since(now);
        Some((left.as_hours() / 24).max(0))
    };
    lookup::number(rule, "Expiration.Days").or_else(date)
}

#[cfg(test)]
mod tests {
    use crate::facts::{Facts, facts_of, sample};
    use serde_json::{Value, json};

    fn judged(rule: &Value) -> Facts {
        let request = json!({"LifecycleConfiguration": {"Rule": rule}});
        facts_of(&sample("s3.amazonaws.com", "PutBucketLifecycle", request))
    }

    #[test]
    fn short_lives_are_seen() {
        let cases = [
            (
                "one day",
                json!({"Status": "Enabled", "Expiration": {"Days": 1}}),
                Some(1),
            ),
            (
                "as text, in a list",
                json!([{"Status": "Disabled", "Expiration": {"Days": 1}}, {"Status": "Enabled", "Expiration": {"Days": "7"}}]),
                Some(7),
            ),
            (
                "by date",
                json!({"Status": "Enabled", "Expiration": {"Date": "2026-03-06T00:00:00Z"}}),
                Some(1),
            ),
            (
                "date long past",
                json!({"Status": "Enabled", "Expiration": {"Date": "2020-01-01T00:00:00Z"}}),
                Some(0),
            ),
            (
                "date far ahead",
                json!({"Status": "Enabled", "Expiration": {"Date": "2027-01-01T00:00:00Z"}}),
                None,
            ),
            (
                "a month",
                json!({"Status": "Enabled", "Expiration": {"Days": 30}}),
                None,
            ),
            (
                "disabled",
                json!({"Status": "Disabled", "Expiration": {"Days": 1}}),
                None,
            ),
            (
                "old versions only",
                json!({"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}),
                None,
            ),
        ];
        for (name, rule, expected) in cases {
            let facts = judged(&rule);
            let days = facts.get("s3.lifecycle.days").and_then(Value::as_i64);
            assert_eq!(days, expected, "{name}");
        }
    }

    #[test]
    fn part_and_whole_are_told_apart() {
        let cases = [
            ("no filter", json!({}), true),
            ("empty prefix", json!({"Filter": {"Prefix": ""}}), true),
            ("lone wildcard", json!({"Filter": {"Prefix": "*"}}), true),
            ("prefix", json!({"Filter": {"Prefix": "tmp/"}}), false),
            ("old prefix", json!({"Prefix": "tmp/"}), false),
            (
                "tag",
                json!({"Filter": {"Tag": {"Key": "scratch", "Value": true}}}),
                false,
            ),
            (
                "both",
                json!({"Filter": {"And": {"Prefix": "tmp/", "Tag": [{"Key": "a", "Value": "b"}]}}}),
                false,
            ),
            (
                "large objects only",
                json!({"Filter": {"ObjectSizeGreaterThan": 1}}),
                true,
            ),
        ];
        for (name, mut rule, whole) in cases {
            rule["Status"] = json!("Enabled");
            rule["Expiration"] = json!({"Days": 1});
            let facts = judged(&rule);
            let found = facts.get("s3.lifecycle.whole_bucket");
            assert_eq!(found, Some(&json!(whole)), "{name}");
        }
    }

    #[test]
    fn earlier_versions_that_die_at_once_are_seen() {
        for (days, status, expected) in [
            (1, "Enabled", true),
            (1, "Disabled", false),
            (30, "Enabled", false),
        ] {
            let rule =
                json!({"Status": status, "NoncurrentVersionExpiration": {"NoncurrentDays": days}});
            let facts = judged(&rule);
            let found = facts.get("s3.lifecycle.short_versions");
            assert_eq!(found, Some(&json!(expected)), "{days} {status}");
        }
    }
}
