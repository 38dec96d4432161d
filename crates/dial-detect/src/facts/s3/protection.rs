//! What keeps a bucket's content closed and alive: public access block, versions, lifecycle.

use super::{S3, S3_CONTROL};
use crate::facts::{Extractor, Facts, Known, list};
use crate::normalise::{Call, lookup};
use crate::text::shown;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

/// Objects that live no longer than this are being destroyed rather than tidied up, days.
const SHORT: i64 = 7;

pub(in crate::facts) const LIFECYCLE: Extractor = Extractor {
    name: "s3.lifecycle",
    summary: "Whether a lifecycle rule deletes objects within days",
    sources: S3,
    names: &["PutBucketLifecycle", "PutBucketLifecycleConfiguration"],
    facts: &["s3.lifecycle.short_expiry", "s3.lifecycle.days"],
    run: lifecycle,
};

pub(in crate::facts) const PUBLIC_ACCESS_BLOCK: Extractor = Extractor {
    name: "s3.public_access_block",
    summary: "Whether the block on public access is lifted, for a bucket or an account",
    sources: S3_CONTROL,
    names: &[
        "DeleteAccountPublicAccessBlock",
        "DeleteBucketPublicAccessBlock",
        "PutAccountPublicAccessBlock",
        "PutBucketPublicAccessBlock",
    ],
    facts: &[
        "s3.public_access_block.weakened",
        "s3.public_access_block.deleted",
        "s3.public_access_block.account",
        "s3.public_access_block.off",
    ],
    run: public_access_block,
};

pub(in crate::facts) const VERSIONING: Extractor = Extractor {
    name: "s3.versioning",
    summary: "Whether a bucket stops keeping old versions",
    sources: S3,
    names: &["PutBucketVersioning"],
    facts: &[
        "s3.versioning.suspended",
        "s3.versioning.mfa_delete_disabled",
    ],
    run: versioning,
};

fn public_access_block(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let deleted = call.name().starts_with("Delete");
    let account = call.name().contains("Account");
    let Some(off) = switched_off(call, deleted) else {
        return;
    };
    facts.set("s3.public_access_block.deleted", deleted);
    facts.set("s3.public_access_block.account", account);
    facts.set(
        "s3.public_access_block.weakened",
        deleted || !off.is_empty(),
    );
    facts.set("s3.public_access_block.off", list(&off));
    let scope = if account { "account" } else { "bucket" };
    if deleted {
        facts.say(format!("deletes the public access block of the {scope}"));
    } else if !off.is_empty() {
        let off = off.into_iter().collect::<Vec<_>>().join(", ");
        facts.say(format!(
            "leaves the public access block of the {scope} without {off}"
        ));
    }
}

/// Parts that are off after the call; S3 takes a part that is left out for false. `None` where
/// the request does not tell.
fn switched_off(call: &Call<'_>, deleted: bool) -> Option<BTreeSet<&'static str>> {
    const PARTS: [&str; 4] = [
        "BlockPublicAcls",
        "BlockPublicPolicy",
        "IgnorePublicAcls",
        "RestrictPublicBuckets",
    ];
    if deleted {
        return Some(PARTS.into());
    }
    let block = call.request("PublicAccessBlockConfiguration")?;
    let is_off = |part: &&str| lookup::flag(block, part) != Some(true);
    block
        .is_object()
        .then(|| PARTS.into_iter().filter(is_off).collect())
}

fn versioning(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    if call.has_no_request() {
        return;
    }
    let is = |part: &str, value: &str| {
        let found = call.request_text(&format!("VersioningConfiguration.{part}"));
        found.is_some_and(|found| found.eq_ignore_ascii_case(value))
    };
    let suspended = is("Status", "Suspended");
    let unguarded = is("MfaDelete", "Disabled");
    facts.set("s3.versioning.suspended", suspended);
    facts.set("s3.versioning.mfa_delete_disabled", unguarded);
    if suspended {
        facts.say("suspends versioning of the bucket");
    }
    if unguarded {
        facts.say("lets versions be deleted without MFA");
    }
}

fn lifecycle(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    if call.has_no_request() {
        return;
    }
    let mut shortest = None;
    for rule in call.request_all("LifecycleConfiguration.Rule") {
        let enabled =
            lookup::text(rule, "Status").is_some_and(|s| s.eq_ignore_ascii_case("Enabled"));
        let days = expiry(rule, call.event().time);
        let Some(days) = days.filter(|days| enabled && *days <= SHORT) else {
            continue;
        };
        shortest = Some(shortest.map_or(days, |other: i64| other.min(days)));
        let id = lookup::text(rule, "ID").unwrap_or("without id");
        facts.say(format!(
            "deletes objects after {days} day(s) by lifecycle rule {}",
            shown(id)
        ));
    }
    facts.set("s3.lifecycle.short_expiry", shortest.is_some());
    if let Some(days) = shortest {
        facts.set("s3.lifecycle.days", days);
    }
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
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn a_lifted_block_is_seen() {
        let all = |on: bool| {
            json!({"PublicAccessBlockConfiguration": {"BlockPublicAcls": on,
            "IgnorePublicAcls": on, "BlockPublicPolicy": on, "RestrictPublicBuckets": on}})
        };
        let mut one = all(true);
        one["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = json!("false");
        let mut left_out = all(true);
        left_out["PublicAccessBlockConfiguration"] = json!({"BlockPublicAcls": true});
        let cases = [
            (
                "all on",
                "PutBucketPublicAccessBlock",
                all(true),
                Some((false, 0)),
            ),
            (
                "all off",
                "PutBucketPublicAccessBlock",
                all(false),
                Some((true, 4)),
            ),
            (
                "one off, as text",
                "PutAccountPublicAccessBlock",
                one,
                Some((true, 1)),
            ),
            (
                "three left out",
                "PutBucketPublicAccessBlock",
                left_out,
                Some((true, 3)),
            ),
            (
                "deleted",
                "DeleteBucketPublicAccessBlock",
                json!({"bucketName": "b"}),
                Some((true, 4)),
            ),
            (
                "nothing said",
                "PutBucketPublicAccessBlock",
                Value::Null,
                None,
            ),
        ];
        for (name, call, request, expected) in cases {
            let facts = facts_of(&sample("s3.amazonaws.com", call, request));
            let weakened = facts.get("s3.public_access_block.weakened");
            let off = facts
                .get("s3.public_access_block.off")
                .and_then(Value::as_array);
            let found = weakened.map(|w| (*w == json!(true), off.map_or(0, Vec::len)));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn suspended_versions_are_seen() {
        for (configuration, suspended, unguarded) in [
            (json!({"Status": "Suspended"}), true, false),
            (json!({"Status": "Enabled"}), false, false),
            (
                json!({"Status": "Enabled", "MfaDelete": "Disabled"}),
                false,
                true,
            ),
        ] {
            let request = json!({"bucketName": "b", "VersioningConfiguration": configuration});
            let facts = facts_of(&sample("s3.amazonaws.com", "PutBucketVersioning", request));
            assert_eq!(
                facts.get("s3.versioning.suspended"),
                Some(&json!(suspended))
            );
            assert_eq!(
                facts.get("s3.versioning.mfa_delete_disabled"),
                Some(&json!(unguarded))
            );
        }
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
            let request = json!({"LifecycleConfiguration": {"Rule": rule}});
            let facts = facts_of(&sample("s3.amazonaws.com", "PutBucketLifecycle", request));
            let days = facts.get("s3.lifecycle.days").and_then(Value::as_i64);
            assert_eq!(days, expected, "{name}");
        }
    }
}
