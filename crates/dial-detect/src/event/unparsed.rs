//! A record before it is parsed, and how its texts are spelled there.

use memchr::memchr_iter;
use std::cell::OnceCell;

/// The bytes of a record as they came; equal where the bytes are.
#[derive(Debug, Clone)]
pub struct Unparsed<'a> {
    bytes: &'a [u8],
    /// Found out when first asked for.
    spelling: OnceCell<Spelling>,
}

/// What keeps a text from standing in JSON as it is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Spelling {
    /// `\u…`, which may be any letter.
    has_letters: bool,
    /// `\/`.
    has_slashes: bool,
    /// Letters beyond ASCII.
    has_foreign: bool,
}

impl<'a> Unparsed<'a> {
    /// Of which nothing else is known.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            spelling: OnceCell::new(),
        }
    }

    /// Of which it is certain that it is ASCII without a backslash.
    pub(crate) fn plain(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            spelling: Spelling::default().into(),
        }
    }

    /// As they came.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether no letter of ASCII stands there as an escape.
    pub(crate) fn spells_letters(&self) -> bool {
        !self.spelling().has_letters
    }

    /// Whether all texts that are ASCII stand there as they are read, and no others are there: a
    /// few letters beyond ASCII are the same as one of ASCII in another case.
    pub(crate) fn spells_all(&self) -> bool {
        *self.spelling() == Spelling::default()
    }

    fn spelling(&self) -> &Spelling {
        self.spelling.get_or_init(|| Spelling::of(self.bytes))
    }
}

impl PartialEq for Unparsed<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Unparsed<'_> {}

impl Spelling {
    /// A backslash that is itself escaped counts too: what is not certain is not plain.
    fn of(json: &[u8]) -> Self {
        let mut spelling = Self {
            has_foreign: !json.is_ascii(),
            ..Self::default()
        };
        for at in memchr_iter(b'\\', json) {
            match json.get(at + 1) {
                Some(b'u') => spelling.has_letters = true,
                Some(b'/') => spelling.has_slashes = true,
                _ => {}
            }
        }
        spelling
    }
}

#[cfg(test)]
mod tests {
    use super::Unparsed;

    #[test]
    fn escapes_and_foreign_letters_are_seen_wherever_they_stand() {
        let cases = [
            (r#"{"a":"b"}"#, true, true),
            (r#"{"a":"\\u0061"}"#, false, false),
            (r#"{"a":"\u0061"}"#, false, false),
            (r#"{"a":"b\/c"}"#, true, false),
            (r#"{"a":"\"\n\\"}"#, true, true),
            ("{\"a\":\"\u{212a}\"}", true, false),
            (r"\", true, true),
        ];
        for (text, letters, all) in cases {
            let unparsed = Unparsed::new(text.as_bytes());
            let seen = (unparsed.spells_letters(), unparsed.spells_all());
            assert_eq!(seen, (letters, all), "{text}");
        }
    }
}
