//! 64 bytes of JSON at once: where strings begin and end, and where brackets stand outside them.

use fearless_simd::prelude::*;
use fearless_simd::u8x64;

/// Bytes of one block.
pub(super) const BLOCK: usize = 64;

/// What stands where in one block; one bit a byte, the lowest for the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// Quotes that begin or end a string.
    pub(super) quotes: u64,
    /// `{` and `[` outside of strings.
    pub(super) opened: u64,
    /// `}` and `]` outside of strings.
    pub(super) closed: u64,
}

/// What one block tells the next.
#[derive(Debug)]
pub(super) struct Blocks {
    /// All ones inside a string.
    in_string: u64,
    /// 1 where the first byte is escaped.
    escaped: u64,
    /// 1 where a string may begin with the first byte.
    may_begin: u64,
    /// 1 where a string ended with the last byte.
    ended: u64,
    /// Backslashes, control characters in strings, and bytes beyond ASCII, of all blocks.
    odd: u64,
}

impl Blocks {
    /// Stands at the start of a value.
    pub(super) fn new() -> Self {
        Self {
            in_string: 0,
            escaped: 0,
            may_begin: 1,
            ended: 0,
            odd: 0,
        }
    }

    /// Whether all bytes so far were ASCII, none of them a backslash, and all in strings printable.
    pub(super) fn are_plain(&self) -> bool {
        self.odd == 0
    }

    /// Reads the next block; `None` where a quote or a backslash stands that no JSON has there.
    #[inline(always)]
    pub(super) fn next<S: Simd>(&mut self, simd: S, bytes: &[u8; BLOCK]) -> Option<Block> {
        let seen = Seen::of(simd, bytes);
        let quotes = seen.quotes & !self.escaped_in(seen.backslashes);
        let in_string = prefix_xor(quotes) ^ self.in_string;
        self.in_string = if in_string >> 63 == 0 { 0 } else { u64::MAX };
        self.odd |= seen.backslashes | seen.foreign | seen.controls & in_string;
        // Beside each string stands a separator or a bracket. A stray quote, which would turn
        // the inside of strings out, is seen by that.
        let (begun, ended) = (quotes & in_string, quotes & !in_string);
        let is_odd = begun & !(seen.around << 1 | self.may_begin)
            | (ended << 1 | self.ended) & !seen.around
            | seen.backslashes & !in_string;
        self.may_begin = seen.around >> 63;
        self.ended = ended >> 63;
        (is_odd == 0).then_some(Block {
            quotes,
            opened: seen.opened & !in_string,
            closed: seen.closed & !in_string,
        })
    }

    /// Bytes behind a backslash that is not itself behind one.
    #[inline(always)]
    fn escaped_in(&mut self, backslashes: u64) -> u64 {
        let mut escaped = std::mem::take(&mut self.escaped);
        let mut rest = backslashes & !escaped;
        while rest != 0 {
            let at = rest.trailing_zeros();
            if at == 63 {
                self.escaped = 1;
                break;
            }
            escaped |= 2 << at;
            rest &= !(3 << at);
        }
        escaped
    }
}

/// The bytes that JSON is made of, in strings or outside.
struct Seen {
    quotes: u64,
    backslashes: u64,
    opened: u64,
    closed: u64,
    /// What may stand beside a string: brackets, commas, colons and white space.
    around: u64,
    /// Bytes below the space.
    controls: u64,
    /// Bytes beyond ASCII.
    foreign: u64,
}

impl Seen {
    #[inline(always)]
    fn of<S: Simd>(simd: S, bytes: &[u8; BLOCK]) -> Self {
        let bytes: u8x64<S> = u8x64::simd_from(simd, *bytes);
        // `[` and `{`, like `]` and `}`, differ in this one bit.
        let folded = bytes | 0x20;
        let controls = bytes.simd_lt(b' ');
        let is = |byte: u8| bytes.simd_eq(byte);
        let (opened, closed) = (folded.simd_eq(b'{'), folded.simd_eq(b'}'));
        // Joined before they become bits: joined later, the compiler takes bits apart again.
        let around = is(b',') | is(b':') | is(b' ') | controls | opened | closed;
        Self {
            quotes: is(b'"').to_bitmask(),
            backslashes: is(b'\\').to_bitmask(),
            opened: opened.to_bitmask(),
            closed: closed.to_bitmask(),
            around: around.to_bitmask(),
            controls: controls.to_bitmask(),
            foreign: bytes.simd_ge(0x80).to_bitmask(),
        }
    }
}

/// Each bit: whether an odd number of bits is set up to and with it.
#[inline(always)]
fn prefix_xor(bits: u64) -> u64 {
    [1, 2, 4, 8, 16, 32]
        .into_iter()
        .fold(bits, |bits, shift| bits ^ bits << shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fearless_simd::{Level, dispatch};
    use proptest::prelude::*;

    /// The same, byte by byte.
    fn slowly(text: &[u8]) -> Vec<(u8, usize)> {
        let (mut in_string, mut escaped) = (false, false);
        let mut found = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    in_string = !in_string;
                    found.push((b'"', at));
                }
                b'{' | b'[' if !in_string => found.push((b'{', at)),
                b'}' | b']' if !in_string => found.push((b'}', at)),
                _ => {}
            }
        }
        found
    }

    fn fast(text: &[u8]) -> Option<Vec<(u8, usize)>> {
        let mut blocks = Blocks::new();
        let mut found = Vec::new();
        for (number, chunk) in text.chunks(BLOCK).enumerate() {
            let mut bytes = [b' '; BLOCK];
            bytes[..chunk.len()].copy_from_slice(chunk);
            let block = dispatch!(Level::new(), simd => blocks.next(simd, &bytes))?;
            for at in 0..chunk.len() {
                let kinds = [
                    (b'"', block.quotes),
                    (b'{', block.opened),
                    (b'}', block.closed),
                ];
                let here = kinds.iter().find(|(_, bits)| bits >> at & 1 == 1);
                found.extend(here.map(|(kind, _)| (*kind, number * BLOCK + at)));
            }
        }
        Some(found)
    }

    #[test]
    fn stray_quotes_are_seen() {
        let cases = [
            (r#"{"a":"b"}"#, true),
            (r#"{"a":"b"c"}"#, false),
            (r#"{"a"b:"c"}"#, false),
            (r#"{"a":""}"#, true),
            (r#"{"a":"""}"#, false),
            (r#"{"a" : [ "b" , "c" ] }"#, true),
            (r#"{"a":x"b"}"#, false),
            (r#"{"a":"\\\\",\} }"#, false),
        ];
        for (text, expected) in cases {
            // At every place relative to the end of a block.
            for before in 0..BLOCK {
                let text = " ".repeat(before) + text + &" ".repeat(BLOCK);
                assert_eq!(fast(text.as_bytes()).is_some(), expected, "{before} {text}");
            }
        }
    }

    proptest! {
        #[test]
        fn blocks_see_what_bytes_show(text in r#"([,:{}\[\] ]|"([a-z{}\[\],:\\]{0,3}|\\"|\\\\){0,40}")*"#) {
            // Without a stray quote both must see the same; with one, nothing may be said.
            if let Some(found) = fast(text.as_bytes()) {
                prop_assert_eq!(found, slowly(text.as_bytes()));
            }
        }

        #[test]
        fn json_is_never_odd(text in r#"[a-z"\\{}\[\],: é]{0,90}"#, depth in 0..3_usize) {
            let mut value = serde_json::json!({ &text: [&text, 1, null] });
            for _ in 0..depth {
                value = serde_json::json!([{ &text: value }, &text]);
            }
            let text = value.to_string();
            prop_assert_eq!(fast(text.as_bytes()), Some(slowly(text.as_bytes())));
        }
    }
}
