//! Whether a record that is not parsed yet holds a text somewhere, whatever its case.

use crate::text::has_escape;
use memchr::memchr2_iter;
use std::cell::OnceCell;

/// Letters from rare to frequent in CloudTrail's records; what is not among them is rarer still.
const BY_RARITY: &[u8] = b"qxjzkwyvbfhgpdlmuncroisaet0123456789-_./:";

/// A record as it came.
pub(super) struct Unread<'a> {
    text: Option<&'a [u8]>,
    is_plain: OnceCell<bool>,
}

impl<'a> Unread<'a> {
    pub(super) fn new(text: Option<&'a [u8]>) -> Self {
        Self {
            text,
            is_plain: OnceCell::new(),
        }
    }

    /// Whether no field of the record can hold this [word](super::words).
    pub(super) fn lacks(&self, wanted: &str) -> bool {
        self.text
            .is_some_and(|text| self.is_plain(text) && !holds(text, wanted.as_bytes()))
    }

    /// An escape may stand for any letter, a slash may have one, and a few letters beyond ASCII
    /// fold to ones of ASCII.
    fn is_plain(&self, text: &[u8]) -> bool {
        let is_plain = || text.is_ascii() && !has_escape(text, b"u/");
        *self.is_plain.get_or_init(is_plain)
    }
}

fn holds(text: &[u8], wanted: &[u8]) -> bool {
    let rank = |byte: &u8| {
        let mut order = BY_RARITY.iter();
        order.position(|known| known.eq_ignore_ascii_case(byte))
    };
    let rarest = wanted.iter().enumerate().min_by_key(|(_, byte)| rank(byte));
    let Some((before, byte)) = rarest else {
        return true;
    };
    let (lower, upper) = (byte.to_ascii_lowercase(), byte.to_ascii_uppercase());
    memchr2_iter(lower, upper, text).any(|at| {
        let from = at.checked_sub(before);
        let found = from.and_then(|from| text.get(from..from.checked_add(wanted.len())?));
        found.is_some_and(|found| found.eq_ignore_ascii_case(wanted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_any_case() {
        let cases = [
            (r#"{"a":"BedrockAPIKey-1"}"#, "bedrockapikey-", false),
            (r#"{"a":"BEDROCKapiKEY-"}"#, "BedrockAPIKey-", false),
            (r#"{"a":"BedrockAPIKey"}"#, "bedrockapikey-", true),
            ("kk", "kkk", true),
            ("key-ke", "ey-key", true),
            (r#"{"a":"\u0042edrock"}"#, "bedrock", false),
            (r#"{"a":"x:role/y"}"#, "role/y", false),
            (r#"{"a":"x:role\/y"}"#, "role/y", false),
            ("{\"a\":\"Bedroc\u{212a}\"}", "bedrock", false),
            ("", "a", true),
            ("a", "", false),
        ];
        for (record, wanted, expected) in cases {
            let unread = Unread::new(Some(record.as_bytes()));
            assert_eq!(unread.lacks(wanted), expected, "{record} {wanted}");
        }
        assert!(!Unread::new(None).lacks("a"), "nothing is known");
    }
}
