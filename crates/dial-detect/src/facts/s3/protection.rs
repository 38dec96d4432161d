//! What keeps a bucket's content closed and alive: public access block and versions.

use super::{S3, S3_CONTROL};
use crate::facts::{Extractor, Facts, Known, list};
use crate::normalise::{Call, lookup};
use std::collections::BTreeSet;

pub(in crate::facts) const PUBLIC_ACCESS_BLOCK: Extractor = Extractor {
    name: "s3.public_access_block",
    summary: "Whether the block on public access is lifted, for a bucket, access point or account",
    sources: S3_CONTROL,
    names: &[
        "CreateAccessPoint",
        "CreateMultiRegionAccessPoint",
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
    let account = call.name().contains("AccountPublic");
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
    let scope = match call.name() {
        name if name.ends_with("AccessPoint") => "access point",
        _ if account => "account",
        _ => "bucket",
    };
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
    let block = call
        .request("PublicAccessBlockConfiguration")
        .or_else(|| call.request("Details.PublicAccessBlock"))?;
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
                "access point",
                "CreateAccessPoint",
                json!({"CreateAccessPointRequest": all(false)}),
                Some((true, 4)),
            ),
            (
                "access point for several regions",
                "CreateMultiRegionAccessPoint",
                json!({"CreateMultiRegionAccessPointRequest": {"Details": {
                    "PublicAccessBlock": {"BlockPublicAcls": true}}}}),
                Some((true, 3)),
            ),
            (
                "access point with the default",
                "CreateAccessPoint",
                json!({"CreateAccessPointRequest": {"Bucket": "b"}}),
                None,
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
}
