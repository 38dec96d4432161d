//! Secrets that are known by their own shape, wherever they stand.

use super::REDACTED;
use regex::{Captures, Regex, RegexSet};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Shapes of secrets. Group 1, where there is one, is kept; what follows it is the secret.
///
/// The boundaries of words are those of ASCII: a secret behind a letter such as `é` is one too, and
/// with others the library falls back to a search that is twenty-five times slower.
const SHAPES: [&str; 16] = [
    // Private keys, to the end of the text when their end is missing.
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    // JSON Web Tokens, signed or encrypted.
    r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){0,2}",
    // AWS session tokens: base64 of a header that names its origin.
    r"(?:FwoGZXIvYXdz|FQoGZXIvYXdz|FQoDYXdz|AQoDYXdz|IQoJb3JpZ2lu)[A-Za-z0-9/+=_%-]{16,}",
    // GitHub, GitLab.
    r"(?-u:\b)gh[pousr]_[A-Za-z0-9]{20,}",
    r"(?-u:\b)github_pat_[A-Za-z0-9_]{20,}",
    r"(?-u:\b)glpat-[A-Za-z0-9_-]{16,}",
    // Slack tokens and webhooks.
    r"(?-u:\b)x(?:ox[a-z]|app)-[A-Za-z0-9-]{10,}",
    r"(hooks\.slack\.com/(?:services|workflows|triggers)/)[A-Za-z0-9/_-]+",
    // Standard Webhooks, Stripe, OpenAI and Anthropic, npm, PyPI, SendGrid, Google.
    r"(?-u:\b)whsec_[A-Za-z0-9+/=_-]{16,}",
    r"(?-u:\b)[srp]k_(?:live|test)_[A-Za-z0-9]{10,}",
    r"(?-u:\b)sk-[A-Za-z0-9_-]{20,}",
    r"(?-u:\b)(?:npm_[A-Za-z0-9]{30,}|pypi-AgEI[A-Za-z0-9_-]{20,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{35}|da2-[a-z0-9]{20,})",
    // `scheme://user:password@host`.
    r"((?-u:\b)[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@",
    // Signed URLs.
    r"(?i)((?:X-Amz-Signature|X-Amz-Security-Token|AWSSecretKey|sig|access_token|SigninToken)=)[^&\s]{8,}",
    // `password=…`, `"secret": "…"`, `--api-key …` in scripts, URLs and broken JSON.
    r#"(?i)((?:password|passwd|passphrase|pwd|secret|secret[_-]?access[_-]?key|secret[_-]?key|api[_-]?key|auth[_-]?token|access[_-]?token|client[_-]?secret)(?:\s*=\s*\\*["']?|\\*["']\s*:\s*\\*["']?|:\s+["']?))[^\s"'&;,\\]{3,}"#,
    r#"(?i)(--(?:[a-z0-9-]*-)?(?:password|passphrase|secret|token|api-key)\s+["']?)[^\s"'-][^\s"']{2,}"#,
];

static COMPILED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let compile = |shape: &&str| Regex::new(shape).expect("shapes are tested");
    SHAPES.iter().map(compile).collect()
});

/// All shapes at once: most texts hold none.
static ANY: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(SHAPES).expect("shapes are tested"));

/// Shortest secret of letters and digits alone: an AWS session token.
const SHORTEST_WORD: usize = 28;
/// Shortest with `-` and `_` too: a Slack token.
const SHORTEST: usize = 15;

/// Length of a secret access key.
const SECRET_KEY: usize = 40;
/// Bits per character; not one of 1,500,000 random keys has less, names and paths mostly do.
const SECRET_KEY_ENTROPY: f64 = 4.0;

/// Whether nothing in a text has the shape of a secret.
pub(super) fn is_clean(text: &str) -> bool {
    is_too_short(text)
        || (text.len() < SECRET_KEY && !ANY.is_match(text))
        || redact(&mut text.to_owned()) == 0
}

/// Replaces what has the shape of a secret; returns how many there were.
pub(super) fn redact(text: &mut String) -> usize {
    if is_too_short(text) {
        return 0;
    }
    if !ANY.is_match(text) {
        return redact_secret_keys(text);
    }
    let mut count = 0;
    for shape in COMPILED.iter() {
        let replaced = shape.replace_all(text, |found: &Captures<'_>| {
            let kept = found.get(1).map_or("", |group| group.as_str());
            let end = if found[0].ends_with('@') { "@" } else { "" };
            let is_done = found[0][kept.len()..].starts_with(REDACTED);
            count += usize::from(!is_done);
            format!("{kept}{REDACTED}{end}")
        });
        if let std::borrow::Cow::Owned(replaced) = replaced {
            *text = replaced;
        }
    }
    count + redact_secret_keys(text)
}

/// Whether a text is too short for every shape that letters, digits, `-` and `_` can have, as
/// most names and many values are.
fn is_too_short(text: &str) -> bool {
    let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_plain = || {
        let is_joint = |byte: &u8| matches!(byte, b'-' | b'_');
        let mut bytes = text.as_bytes().iter();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || is_joint(byte))
    };
    (is_word && text.len() < SHORTEST_WORD) || (text.len() < SHORTEST && is_plain())
}

/// Secret access keys have no mark: 40 characters of base64, as random as they come.
fn redact_secret_keys(text: &mut String) -> usize {
    let keys: Vec<String> = secret_keys(text).map(str::to_owned).collect();
    for key in &keys {
        *text = text.replace(key.as_str(), REDACTED);
    }
    keys.len()
}

/// What stands between other characters and has the length and the look of such a key.
fn secret_keys(text: &str) -> impl Iterator<Item = &str> {
    // Byte by byte: what is no such character is passed over most often.
    let is_around = |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'/');
    let runs = text.as_bytes().split(is_around);
    // `key=VALUE` is two of them.
    let runs = runs.filter(|run| run.len() == SECRET_KEY);
    let runs = runs.filter_map(|run| std::str::from_utf8(run).ok());
    runs.filter(|run| is_secret_key(run))
}

fn is_secret_key(run: &str) -> bool {
    let has = |class: fn(&u8) -> bool| run.as_bytes().iter().any(class);
    has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && entropy(run) >= SECRET_KEY_ENTROPY
}

/// Shannon entropy, bits per byte.
#[expect(clippy::cast_precision_loss, reason = "counts of at most 40")]
fn entropy(text: &str) -> f64 {
    let mut counts = BTreeMap::new();
    for byte in text.bytes() {
        *counts.entry(byte).or_insert(0_u32) += 1;
    }
    let total = text.len() as f64;
    let share = |count: &u32| f64::from(*count) / total;
    counts.values().map(|c| -share(c) * share(c).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_too_short_has_no_shape(
            mark in "(gh[pousr]_|github_pat_|glpat-|xox[a-z]-|xapp-|whsec_|[srp]k_(live|test)_|sk-|npm_|da2-|--password|pwd|FwoGZXIvYXdz|IQoJb3JpZ2lu|eyJ|AIza)?",
            rest in "[A-Za-z0-9]{0,26}|[A-Za-z0-9_-]{0,14}",
        ) {
            let text = mark + &rest;
            prop_assert!(!is_too_short(&text) || !ANY.is_match(&text), "{}", text);
        }
    }
}
