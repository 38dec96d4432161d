//! The words that must stand in a record, as it came, for a pattern over one of its fields to fit.
//!
//! A word is what every spelling of a text in JSON has as it is: letters, digits and `-_.`, and,
//! between those, `:` and `/`, which never stand between members. It must have letters, for
//! numbers have several spellings.

use regex_syntax::hir::{Hir, HirKind};
use std::collections::BTreeSet;

/// Most words of which one must stand there; looking for more costs more than it saves.
pub(crate) const MAX: usize = 4;
/// Shortest word that says something, bytes.
const MIN: usize = 4;

/// The longest word of a text, in lower case.
pub(crate) fn longest(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    let words = text.split(|c| !is_plain(c));
    // A colon that begins a word may be one between a name and its value.
    let words = words.map(|word| word.trim_start_matches(':'));
    let longest = words.max_by_key(|word| word.len())?;
    let letters = longest.bytes().filter(u8::is_ascii_alphabetic).count();
    (longest.len() >= MIN && letters >= 2).then(|| longest.to_ascii_lowercase())
}

/// Words of which one stands in every text that a regular expression fits.
pub(crate) fn of_regex(pattern: &str) -> Option<BTreeSet<String>> {
    of_part(&regex_syntax::parse(pattern).ok()?)
}

fn of_part(part: &Hir) -> Option<BTreeSet<String>> {
    match part.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            Some(BTreeSet::from([longest(text)?]))
        }
        HirKind::Capture(capture) => of_part(&capture.sub),
        HirKind::Repetition(repeated) if repeated.min > 0 => of_part(&repeated.sub),
        // All of them are needed: the one that says most is enough.
        HirKind::Concat(parts) => parts.iter().filter_map(of_part).max_by_key(shortest),
        HirKind::Alternation(parts) => {
            let words: Vec<_> = parts.iter().map(of_part).collect::<Option<_>>()?;
            let words: BTreeSet<String> = words.into_iter().flatten().collect();
            (words.len() <= MAX).then_some(words)
        }
        _ => None,
    }
}

fn shortest(words: &BTreeSet<String>) -> usize {
    words.iter().map(String::len).min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_longest_word_of_a_text_is_found() {
        let cases = [
            ("BedrockAPIKey-", Some("bedrockapikey-")),
            (
                "arn:aws:iam::aws:policy/Admin",
                Some("arn:aws:iam::aws:policy/admin"),
            ),
            (":role/", Some("role/")),
            ("role/aws:", Some("role/aws:")),
            ("\"Action\":\"s3:*\"", Some("action")),
            ("\"x\":true", Some("true")),
            ("a b c", None),
            ("1234567", None),
            ("caf\u{e9}terie", Some("terie")),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(longest(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_a_regular_expression_needs_is_found() {
        let cases: [(&str, &[&str]); 15] = [
            (r".+:assumed-role/aws:.+", &["assumed-role/aws:"]),
            (r"^arn:aws:iam::\d{12}:root$", &["arn:aws:iam::"]),
            (r"(?:alpha|beta)-x", &["alpha", "beta"]),
            (r"(alpha)+", &["alpha"]),
            (r"(alpha)*", &[]),
            (r"(alpha)?beta", &["beta"]),
            (r"alpha|b", &[]),
            (r"aaaa|bbbb|cccc|dddd|eeee", &[]),
            (r"(?i)alpha", &[]),
            (r"alp[hH]a-longer", &["a-longer"]),
            (r"alpha\.beta", &["alpha.beta"]),
            (r"a{4}", &[]),
            (r"[a-z]+", &[]),
            (r"(alpha", &[]),
            ("", &[]),
        ];
        for (pattern, expected) in cases {
            let words = of_regex(pattern).unwrap_or_default();
            assert_eq!(Vec::from_iter(&words), expected, "{pattern}");
        }
    }

    /// A regular expression, and a text that it fits.
    fn fitting() -> impl Strategy<Value = (String, String)> {
        let part = "[a-z]{3,6}|[a-z]{4}[?+*]|\\([a-z]{4}\\|[a-z]{5}\\)[+*]?|\\.\\*|[:/-]";
        let pattern = proptest::string::string_regex(&format!("({part}){{1,6}}")).unwrap();
        pattern.prop_flat_map(|pattern| {
            let text = proptest::string::string_regex(&pattern).unwrap();
            (Just(pattern), text)
        })
    }

    proptest! {
        #[test]
        fn one_of_the_words_stands_in_what_fits((pattern, text) in fitting()) {
            prop_assert!(regex::Regex::new(&pattern).unwrap().is_match(&text));
            if let Some(words) = of_regex(&pattern) {
                let text = text.to_ascii_lowercase();
                prop_assert!(words.iter().any(|word| text.contains(word)), "{words:?}");
            }
        }
    }
}
