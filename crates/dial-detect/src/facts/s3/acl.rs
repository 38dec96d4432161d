//! S3 access control lists: canned, as grant headers, as a document.

use super::S3;
use crate::facts::{Extractor, Facts, Known, list};
use crate::normalise::{Call, lookup};
use crate::text::shown;
use serde_json::Value;
use std::collections::BTreeSet;

/// Permissions of the grant headers, by header.
const HEADERS: [(&str, &str); 5] = [
    ("x-amz-grant-full-control", "FULL_CONTROL"),
    ("x-amz-grant-read", "READ"),
    ("x-amz-grant-read-acp", "READ_ACP"),
    ("x-amz-grant-write", "WRITE"),
    ("x-amz-grant-write-acp", "WRITE_ACP"),
];

pub(in crate::facts) const ACL: Extractor = Extractor {
    name: "s3.acl",
    summary: "What an access control list grants to everyone",
    sources: S3,
    names: &[
        "CopyObject",
        "CreateBucket",
        "CreateMultipartUpload",
        "PutBucketAcl",
        "PutObject",
        "PutObjectAcl",
    ],
    facts: &[
        "s3.acl.public",
        "s3.acl.writable",
        "s3.acl.external",
        "s3.acl.unknown",
        "s3.acl.grants",
    ],
    run: acl,
};

/// Canonical id under which `CloudFront` writes its logs.
const LOG_DELIVERY: &str = "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0";

/// One group that gets one permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Grant<'a> {
    group: &'static str,
    permission: &'a str,
}

fn acl(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    if call.request_omitted() {
        facts.set("s3.acl.unknown", true);
        return;
    }
    let found = [canned(call), by_header(call), by_document(call)];
    if found.iter().all(Option::is_none) {
        return;
    }
    let grants: BTreeSet<Grant> = found.into_iter().flatten().flatten().collect();
    let strangers = strangers(call, known);
    facts.set("s3.acl.external", !strangers.is_empty());
    for stranger in strangers {
        facts.say(format!("grants access to {}", shown(stranger)));
    }
    facts.set("s3.acl.public", !grants.is_empty());
    facts.set("s3.acl.writable", grants.iter().any(Grant::is_writable));
    let words: BTreeSet<_> = grants.iter().map(Grant::in_words).collect();
    facts.set("s3.acl.grants", list(&words));
    for grant in words {
        facts.say(format!("grants {grant}"));
    }
}

/// The canned list; `None` where the call names none.
fn canned<'a>(call: &Call<'a>) -> Option<Vec<Grant<'a>>> {
    let name = call
        .request_text("x-amz-acl")
        .or_else(|| call.request_text("accessControlList.x-amz-acl"))?;
    let grant = |group, permission| Grant { group, permission };
    Some(match name.to_ascii_lowercase().as_str() {
        "public-read" => vec![grant("AllUsers", "READ")],
        "public-read-write" => vec![grant("AllUsers", "READ"), grant("AllUsers", "WRITE")],
        "authenticated-read" => vec![grant("AuthenticatedUsers", "READ")],
        _ => Vec::new(),
    })
}

/// `x-amz-grant-*: uri="…", id="…"`, beside the other parameters or below `accessControlList`.
fn by_header<'a>(call: &Call<'a>) -> Option<Vec<Grant<'a>>> {
    let mut found = None;
    for (header, permission) in HEADERS {
        let nested = format!("accessControlList.{header}");
        let values = [header, &nested]
            .into_iter()
            .flat_map(|path| call.request_all(path));
        for text in values.filter_map(Value::as_str) {
            let grantees = text.split(',').filter_map(group);
            let grants = grantees.map(|group| Grant { group, permission });
            found.get_or_insert_with(Vec::new).extend(grants);
        }
    }
    found
}

fn by_document<'a>(call: &Call<'a>) -> Option<Vec<Grant<'a>>> {
    let grants = call.request_all("AccessControlPolicy.AccessControlList.Grant");
    let read = |grant: &&'a Value| {
        let uri = lookup::text(grant, "Grantee.URI")?;
        let permission = lookup::text(grant, "Permission")?;
        group(uri).map(|group| Grant { group, permission })
    };
    (!grants.is_empty()).then(|| grants.iter().filter_map(read).collect())
}

/// Users that a document names and that are neither its owner nor known; a header tells no
/// owner, so that its grantees cannot be judged.
fn strangers<'a>(call: &Call<'a>, known: &Known<'_>) -> BTreeSet<&'a str> {
    let Some(owner) = call.request_text("AccessControlPolicy.Owner.ID") else {
        return BTreeSet::new();
    };
    let grantees = ["ID", "EmailAddress"].map(|kind| {
        let path = format!("AccessControlPolicy.AccessControlList.Grant.Grantee.{kind}");
        call.request_all(&path)
    });
    let named = grantees.into_iter().flatten().filter_map(Value::as_str);
    named
        .filter(|name| *name != owner && *name != LOG_DELIVERY && !known.has(name))
        .collect()
}

/// The group of strangers that a URI names, if it does.
fn group(grantee: &str) -> Option<&'static str> {
    let uri = grantee.trim().trim_end_matches(['"', '\'', '/']);
    ["AllUsers", "AuthenticatedUsers"].into_iter().find(|name| {
        uri.strip_suffix(name)
            .is_some_and(|rest| rest.ends_with("/global/"))
    })
}

impl Grant<'_> {
    fn is_writable(&self) -> bool {
        let more = ["FULL_CONTROL", "WRITE", "WRITE_ACP"];
        more.iter().any(|p| self.permission.eq_ignore_ascii_case(p))
    }

    fn in_words(&self) -> String {
        format!("{} to {}", shown(self.permission), self.group)
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn grants_are_seen_in_every_form() {
        let all = "http://acs.amazonaws.com/groups/global/AllUsers";
        let signed_in = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
        let grant = |uri: &str, permission: &str| json!({"Grantee": {"URI": uri, "xsi:type": "Group"}, "Permission": permission});
        let document = |grants: Value| {
            let mut policy =
                json!({"AccessControlPolicy": {"AccessControlList": {}, "Owner": {"ID": "a1"}}});
            policy["AccessControlPolicy"]["AccessControlList"]["Grant"] = grants;
            policy
        };
        let own = json!({"Grantee": {"ID": "a1", "xsi:type": "CanonicalUser"}, "Permission": "FULL_CONTROL"});
        let logs = grant("http://acs.amazonaws.com/groups/s3/LogDelivery", "WRITE");
        let cases = [
            (
                "canned",
                json!({"x-amz-acl": "public-read"}),
                "READ to AllUsers",
            ),
            (
                "canned in a list",
                json!({"x-amz-acl": ["public-read-write"]}),
                "READ to AllUsers, WRITE to AllUsers",
            ),
            (
                "canned for AWS users",
                json!({"x-amz-acl": "authenticated-read"}),
                "READ to AuthenticatedUsers",
            ),
            ("private", json!({"x-amz-acl": "private"}), "none"),
            ("marker only", json!({"acl": ""}), "nothing said"),
            (
                "header",
                json!({"x-amz-grant-read": format!("uri={all}")}),
                "READ to AllUsers",
            ),
            (
                "nested header",
                json!({"accessControlList": {"x-amz-grant-full-control": format!("id=\"a1\", uri=\"{signed_in}\"")}}),
                "FULL_CONTROL to AuthenticatedUsers",
            ),
            (
                "header with underscores",
                json!({"AccessControlList": {"x_amz_grant_write_acp": format!("uri=\"{all}\"")}}),
                "WRITE_ACP to AllUsers",
            ),
            (
                "header for one account",
                json!({"x-amz-grant-read": "id=\"AllUsers\""}),
                "none",
            ),
            (
                "single grant",
                document(grant(all, "READ")),
                "READ to AllUsers",
            ),
            (
                "one of several",
                document(json!([own, grant(signed_in, "WRITE")])),
                "WRITE to AuthenticatedUsers",
            ),
            ("log delivery", document(json!([own, logs])), "none"),
            (
                "lower case key",
                json!({"accessControlPolicy": {"accessControlList": {"grant": {"grantee": {"uri": all}, "permission": "READ"}}}}),
                "READ to AllUsers",
            ),
        ];
        for (name, request, expected) in cases {
            let facts = facts_of(&sample("s3.amazonaws.com", "PutBucketAcl", request));
            let grants = facts.get("s3.acl.grants").and_then(Value::as_array);
            let texts = grants.map(|g| g.iter().filter_map(Value::as_str).collect::<Vec<_>>());
            let found = match texts {
                None => "nothing said".to_owned(),
                Some(texts) if texts.is_empty() => "none".to_owned(),
                Some(texts) => texts.join(", "),
            };
            assert_eq!(found, expected, "{name}");
            let writable = ["WRITE", "FULL"].iter().any(|w| expected.contains(w));
            assert_eq!(
                facts.get("s3.acl.writable") == Some(&json!(true)),
                writable,
                "{name}"
            );
        }
    }

    #[test]
    fn users_of_other_accounts_are_seen_where_the_owner_is_told() {
        let grant = |id: &str| json!({"Grantee": {"ID": id}, "Permission": "READ"});
        let cases = [
            ("owner", json!([grant("a1")]), false),
            ("stranger", json!([grant("a1"), grant("b2")]), true),
            ("alone", grant("b2"), true),
            ("known", grant("444455556666"), false),
            ("log delivery", grant(super::LOG_DELIVERY), false),
            (
                "by address",
                json!({"Grantee": {"EmailAddress": "x@example.com"}, "Permission": "READ"}),
                true,
            ),
        ];
        for (name, grants, expected) in cases {
            let request = json!({"AccessControlPolicy": {"Owner": {"ID": "a1"},
                "AccessControlList": {"Grant": grants}}});
            let facts = facts_of(&sample("s3.amazonaws.com", "PutBucketAcl", request));
            let found = facts.get("s3.acl.external");
            assert_eq!(found, Some(&json!(expected)), "{name}");
        }
    }
}
