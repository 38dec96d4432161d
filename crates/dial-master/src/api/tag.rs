//! Entity tags: which revision of a finding a client saw, and which text of it.
//!
//! A tag is `"<revision>"`, or `"<revision>-<digest of the text>"` where a text was shown: rows of
//! the outbox move without a revision, and a change must not fail for that.

use super::problem::Problem;
use crate::readers::only;
use dial_core::dead_letter::hex;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

/// Pattern of `if-match`.
pub(super) const PATTERN: &str = "^(\\*|\"[0-9]{1,18}(-[0-9a-f]{16})?\")$";
/// Bytes of the digest.
const DIGEST: usize = 8;

/// The tag of a revision.
pub(super) fn of_revision(revision: u64) -> HeaderValue {
    value(format!("\"{revision}\""))
}

/// The tag of a text that shows a revision.
pub(super) fn of_text(revision: u64, text: &[u8]) -> HeaderValue {
    let digest = hex(&Sha256::digest(text)[..DIGEST]);
    value(format!("\"{revision}-{digest}\""))
}

fn value(tag: String) -> HeaderValue {
    HeaderValue::try_from(tag).expect("digits and dashes in quotes are ASCII")
}

/// The revision that `if-match` names; absent or `*` means any.
pub(super) fn expected(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    if !headers.contains_key(IF_MATCH) {
        return Ok(None);
    }
    let wrong = || Problem::bad_request("if-match must be the etag of the finding, such as \"3\"");
    match only(headers, IF_MATCH).ok_or_else(wrong)?.trim() {
        "*" => Ok(None),
        tag => revision(tag).map(Some).ok_or_else(wrong),
    }
}

fn revision(tag: &str) -> Option<u64> {
    let inner = tag.strip_prefix('"')?.strip_suffix('"')?;
    let (number, digest) = inner.split_once('-').unwrap_or((inner, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let plain = number.bytes().all(|b| b.is_ascii_digit()) && digits(digest);
    plain.then(|| number.parse().ok())?
}

/// Whether `if-none-match` names this tag: the client has the text already.
pub(super) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.to_str().unwrap_or_default();
    let texts = headers.get_all(IF_NONE_MATCH).iter();
    let mut tags = texts
        .filter_map(|text| text.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(str::trim);
    // Weak tags are compared as strong ones (RFC 9110, 13.1.2).
    tags.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_names_a_revision_or_any() {
        let cases = [
            (vec![], Ok(None)),
            (vec!["*"], Ok(None)),
            (vec!["\"0\""], Ok(Some(0))),
            (vec![" \"17\" "], Ok(Some(17))),
            (vec!["\"17-00ff00ff00ff00ff\""], Ok(Some(17))),
            (vec!["17"], Err(400)),
            (vec!["W/\"17\""], Err(400)),
            (vec!["\"-1\""], Err(400)),
            (vec!["\"+1\""], Err(400)),
            (vec!["\"17-\""], Err(400)),
            (vec!["\"17-xyz\""], Err(400)),
            (vec!["\"99999999999999999999\""], Err(400)),
            (vec!["\"1\"", "\"2\""], Err(400)),
        ];
        for (values, wanted) in cases {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append(IF_MATCH, value.parse().unwrap());
            }
            let found = expected(&headers).map_err(|problem| problem.status);
            assert_eq!(found, wanted, "{values:?}");
        }
    }

    #[test]
    fn if_none_match_names_the_text_that_the_client_has() {
        let tag = of_text(3, b"text");
        let text = tag.to_str().unwrap();
        let weak = format!("W/{text}");
        let list = format!("\"1\", {text}");
        let cases: [(&[&str], bool); 8] = [
            (&[], false),
            (&[text], true),
            (&[&weak], true),
            (&[&list], true),
            (&["\"1\"", text], true),
            (&["*"], true),
            (&["\"3\""], false),
            (&["\"3-0000000000000000\""], false),
        ];
        for (values, known) in cases {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IF_NONE_MATCH, value.parse().unwrap());
            }
            assert_eq!(is_known(&headers, &tag), known, "{values:?}");
        }
    }
}
