//! What the bytes of a record say of a fact before the record is parsed: enough, for most, to be
//! certain that the fact is not what a rule wants.
//!
//! Each needle is a text without which the fact's code cannot say so. Names are looked for in any
//! case, as `normalise::lookup` finds them.

use super::Known;
use crate::event::{Head, Part, Unparsed};
use crate::find::{find, holds};
use crate::text::is_account;
use regex::bytes::Regex;
use std::cell::OnceCell;
use std::sync::LazyLock;

/// Parameters of S3 that grant; a request that CloudTrail cut says so.
static ACL: LazyLock<Regex> =
    LazyLock::new(|| needles(r"x[-_]amz[-_](?:acl|grant)|accesscontrolpolicy|omitted"));
/// Parameters of S3 that name a key.
static KEY: LazyLock<Regex> =
    LazyLock::new(|| needles(r"kmsmasterkeyid|kms[-_]key[-_]id|customer[-_]algorithm"));
/// The end of an address range that is wide enough to be a part of all addresses.
static WIDE: LazyLock<Regex> =
    LazyLock::new(|| needles(r#"[0-9a-f:.]\\?/0*[0-8]["\s\\\x80-\xff]"#));
/// The other security group's account.
const PEER: &[u8] = b"\"userid\"";
/// The account of whoever signed nothing.
const ANONYMOUS: &[u8] = b"anonymous";
/// Credentials of an instance: where they came from, or a session under the instance's id.
static INSTANCE: LazyLock<Regex> = LazyLock::new(|| needles(r#"ec2roledelivery"|/i-"#));
/// Name of an account, wherever.
const ACCOUNT: &[u8] = b"accountid\"";
/// Whether a second factor was used.
static MFA: LazyLock<Regex> = LazyLock::new(|| needles(r#"mfaused(?:"\s*:\s*"yes")?"#));

fn needles(pattern: &str) -> Regex {
    Regex::new(&format!("(?i-u){pattern}")).expect("a constant pattern, and a test builds it")
}

/// A record of which the head is known, and its text; what several facts ask is asked once.
pub(crate) struct Unread<'a> {
    head: &'a Head<'a>,
    known: Known<'a>,
    is_all_ours: OnceCell<bool>,
    is_narrow: OnceCell<bool>,
}

impl<'a> Unread<'a> {
    pub(crate) fn new(head: &'a Head<'a>, known: Known<'a>) -> Self {
        Self {
            head,
            known,
            is_all_ours: OnceCell::new(),
            is_narrow: OnceCell::new(),
        }
    }

    /// Whether the fact of a path, such as `fact.s3.acl.public`, is certainly missing or the
    /// opposite of what is wanted.
    pub(crate) fn is_never(&self, path: &str, wanted: bool) -> bool {
        let fact = path.strip_prefix("fact.");
        // An escape may stand for any letter.
        let is_plain = || {
            self.head
                .text
                .as_ref()
                .is_some_and(Unparsed::spells_letters)
        };
        fact.is_some_and(|fact| self.shows_no(fact, wanted)) && is_plain()
    }

    fn shows_no(&self, fact: &str, wanted: bool) -> bool {
        let parts = &self.head.parts;
        let (request, text) = (parts.request.json(), self.bytes());
        let identity = self.within(parts.identity);
        match (fact, wanted) {
            ("s3.acl.public" | "s3.acl.writable" | "s3.acl.external" | "s3.acl.unknown", _) => {
                lacks(request, &ACL)
            }
            ("s3.encryption.external_key" | "s3.encryption.customer_key", true) => {
                lacks(request, &KEY)
            }
            (
                "ec2.ingress.public"
                | "ec2.ingress.sensitive"
                | "ec2.ingress.all_traffic"
                | "ec2.ingress.web_only",
                true,
            ) => *self.is_narrow.get_or_init(|| lacks(text, &WIDE)),
            ("ec2.ingress.external", true) => text.is_some_and(|text| !holds(text, PEER)),
            // A service has no account of its own.
            ("principal.external", true)
                if self.head.user_identity_type.as_deref() == Some("AWSService") =>
            {
                true
            }
            ("principal.external", true) => {
                identity.is_some_and(|identity| is_all_ours(identity, &self.known))
            }
            ("s3.object.foreign_bucket" | "s3.object.foreign_caller", true) => self.is_all_ours(),
            ("principal.anonymous", true) => identity.is_some_and(|text| !holds(text, ANONYMOUS)),
            ("principal.instance", true) => lacks(identity, &INSTANCE),
            ("signin.mfa", false) => self.within(parts.additional).is_some_and(has_factor),
            _ => false,
        }
    }

    /// Where the text of a part stands; anywhere, where nobody looked for it.
    fn within(&self, part: Part<'a>) -> Option<&'a [u8]> {
        match part {
            Part::Unknown => self.bytes(),
            Part::Absent => Some(b""),
            Part::Json(json) => Some(json),
        }
    }

    fn bytes(&self) -> Option<&'a [u8]> {
        self.head.text.as_ref().map(Unparsed::bytes)
    }

    fn is_all_ours(&self) -> bool {
        let is_ours = |text| is_all_ours(text, &self.known);
        let is_ours = || self.bytes().is_some_and(is_ours);
        *self.is_all_ours.get_or_init(is_ours)
    }
}

fn lacks(text: Option<&[u8]>, needles: &Regex) -> bool {
    text.is_some_and(|text| !needles.is_match(text))
}

/// Whether every member that names an account names one of ours.
fn is_all_ours(text: &[u8], known: &Known<'_>) -> bool {
    accounts(text).all(|behind| {
        let value = behind.trim_ascii_start();
        let value = value.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        let account = value.and_then(|value| value.strip_prefix(b"\"")?.get(..12));
        let account = account.and_then(|account| std::str::from_utf8(account).ok());
        account.is_some_and(|account| is_account(account) && known.has(account))
    })
}

/// What stands behind each name of an account.
fn accounts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = find(rest, ACCOUNT)?;
        rest = rest.get(at + ACCOUNT.len()..)?;
        Some(rest)
    })
}

/// Whether the sign-in says once that a second factor was used, and never anything else.
fn has_factor(text: &[u8]) -> bool {
    let mut said = MFA.find_iter(text);
    said.next()
        .is_some_and(|first| first.as_bytes().ends_with(br#"s""#))
        && said.next().is_none()
}

/// What [`Unread::is_never`] knows of.
#[cfg(test)]
pub(crate) const JUDGED: [(&str, bool); 17] = [
    ("fact.ec2.ingress.all_traffic", true),
    ("fact.ec2.ingress.external", true),
    ("fact.ec2.ingress.public", true),
    ("fact.ec2.ingress.sensitive", true),
    ("fact.ec2.ingress.web_only", true),
    ("fact.principal.anonymous", true),
    ("fact.principal.external", true),
    ("fact.principal.instance", true),
    ("fact.s3.acl.external", true),
    ("fact.s3.acl.public", true),
    ("fact.s3.acl.unknown", true),
    ("fact.s3.acl.writable", true),
    ("fact.s3.encryption.customer_key", true),
    ("fact.s3.encryption.external_key", true),
    ("fact.s3.object.foreign_bucket", true),
    ("fact.s3.object.foreign_caller", true),
    ("fact.signin.mfa", false),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Parts;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn never(record: &str, request: Option<&Value>, path: &str, wanted: bool) -> bool {
        let request = request.map(Value::to_string);
        let head = Head {
            text: Some(Unparsed::new(record.as_bytes())),
            parts: Parts {
                request: request
                    .as_deref()
                    .map_or(Part::Absent, |it| Part::Json(it.as_bytes())),
                ..Parts::default()
            },
            ..Head::default()
        };
        let accounts = BTreeSet::from(["444455556666".to_owned()]);
        let known = Known {
            accounts: &accounts,
            own: "111122223333",
        };
        Unread::new(&head, known).is_never(path, wanted)
    }

    #[test]
    fn a_request_without_the_parameter_says_nothing_of_it() {
        let cases = [
            ("no list", json!({"key": "k"}), "s3.acl.public", true),
            (
                "canned",
                json!({"X-AMZ_ACL": "private"}),
                "s3.acl.public",
                false,
            ),
            (
                "header",
                json!({"a": {"x-amz-grant-read": ""}}),
                "s3.acl.writable",
                false,
            ),
            (
                "document",
                json!({"accessControlPolicy": {}}),
                "s3.acl.external",
                false,
            ),
            ("cut", json!({"omitted": true}), "s3.acl.unknown", false),
            (
                "no key",
                json!({"x-amz-server-side-encryption": "AES256"}),
                "s3.encryption.external_key",
                true,
            ),
            (
                "key",
                json!({"x-amz-server-side-encryption-aws-kms-key-id": "k"}),
                "s3.encryption.external_key",
                false,
            ),
            (
                "customer's",
                json!({"x-amz-server-side-encryption-customer-algorithm": "AES256"}),
                "s3.encryption.customer_key",
                false,
            ),
            ("another fact", json!({}), "s3.policy.public", false),
        ];
        for (name, request, fact, expected) in cases {
            let path = format!("fact.{fact}");
            assert_eq!(never("{}", Some(&request), &path, true), expected, "{name}");
            assert!(
                !never(r#"{"a":"\u0061"}"#, Some(&request), &path, true),
                "{name}, escaped"
            );
            assert!(!never("{}", None, &path, true), "{name}, no request");
        }
    }

    #[test]
    fn a_service_is_no_stranger() {
        let accounts = BTreeSet::new();
        let own = "111122223333";
        for (kind, expected) in [("AWSService", true), ("AWSAccount", false)] {
            let head = Head {
                text: Some(Unparsed::new(br#"{"accountId":"777788889999"}"#)),
                user_identity_type: Some(kind.into()),
                ..Head::default()
            };
            let accounts = &accounts;
            let unread = Unread::new(&head, Known { accounts, own });
            let is_never = unread.is_never("fact.principal.external", true);
            assert_eq!(is_never, expected, "{kind}");
        }
    }

    /// Name, record, fact, what is wanted, whether that is certainly not so.
    type Case = (&'static str, &'static str, &'static str, bool, bool);

    fn check(cases: &[Case]) {
        for &(name, record, fact, wanted, expected) in cases {
            assert_eq!(
                never(record, None, &format!("fact.{fact}"), wanted),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn a_record_without_the_text_says_nothing_of_it() {
        let cases = [
            (
                "narrow",
                r#"{"cidrIp":"10.0.0.0/16","userAgent":"s3/2.0 internal/3 1/1 "}"#,
                "ec2.ingress.public",
                true,
                false,
            ),
            (
                "narrow only",
                r#"{"cidrIp":"10.0.0.0/16","userAgent":"s3/2.0 internal/3 "}"#,
                "ec2.ingress.public",
                true,
                true,
            ),
            (
                "everything",
                r#"{"cidrIp":"0.0.0.0/0"}"#,
                "ec2.ingress.sensitive",
                true,
                false,
            ),
            (
                "escaped slash",
                r#"{"cidrIp":"0.0.0.0\/00"}"#,
                "ec2.ingress.sensitive",
                true,
                false,
            ),
            (
                "half",
                r#"{"cidrIpv6":"8000::/1 "}"#,
                "ec2.ingress.web_only",
                true,
                false,
            ),
            (
                "not false",
                r#"{"cidrIp":"10.0.0.0/16"}"#,
                "ec2.ingress.public",
                false,
                false,
            ),
        ];
        check(&cases);
    }

    #[test]
    fn a_record_without_a_stranger_says_nothing_of_one() {
        let cases = [
            (
                "own group",
                r#"{"userIdentity":{}}"#,
                "ec2.ingress.external",
                true,
                true,
            ),
            (
                "group",
                r#"{"UserID":"1"}"#,
                "ec2.ingress.external",
                true,
                false,
            ),
            (
                "ours",
                r#"{"accountId":"111122223333","ACCOUNTID" : "444455556666"}"#,
                "s3.object.foreign_bucket",
                true,
                true,
            ),
            (
                "theirs",
                r#"{"accountId":"777788889999"}"#,
                "s3.object.foreign_bucket",
                true,
                false,
            ),
            (
                "several",
                r#"{"accountId":["111122223333"]}"#,
                "s3.object.foreign_bucket",
                true,
                false,
            ),
            ("factor", r#"{"MFAUsed":"Yes"}"#, "signin.mfa", false, true),
            (
                "no factor",
                r#"{"MFAUsed":"No"}"#,
                "signin.mfa",
                false,
                false,
            ),
            (
                "both",
                r#"{"MFAUsed":["No"],"mfaUsed":"Yes"}"#,
                "signin.mfa",
                false,
                false,
            ),
            ("true", r#"{"MFAUsed":"No"}"#, "signin.mfa", true, false),
        ];
        check(&cases);
    }
}
