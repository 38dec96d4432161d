//! Finds a text among bytes, whatever its ASCII case, 64 places at once.
//!
//! Two bytes of the text, the rarest in CloudTrail's records, are looked for at once where they
//! would stand; what has both is compared.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, mask8x64, u8x64};

/// Places looked at together.
const BLOCK: usize = 64;
/// The bit in which small letters differ from capitals; other bytes may be taken for one another,
/// which the comparison sees.
const FOLD: u8 = 0x20;
/// Bytes from rare to frequent in CloudTrail's records; what is not among them is rarer still.
const BY_RARITY: &[u8] = b"qxjzkwyvbfhgpdlmuncroisaet0123456789-_./:\"";

/// Where each byte stands among those; 0 for what is rarer.
const RANKS: [u8; 256] = {
    let mut ranks = [0; 256];
    let mut rank = 0;
    while rank < BY_RARITY.len() {
        let byte = BY_RARITY[rank];
        #[expect(clippy::cast_possible_truncation, reason = "there are 42")]
        let place = rank as u8 + 1;
        ranks[byte as usize] = place;
        ranks[byte.to_ascii_uppercase() as usize] = place;
        rank += 1;
    }
    ranks
};

/// Whether the text stands somewhere.
pub(crate) fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    find(bytes, wanted).is_some()
}

/// Where the text stands first.
pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(wanted.len())?;
    match Pair::of(wanted) {
        Some(pair) => dispatch!(Level::new(), simd => pair.find(simd, bytes, wanted, last)),
        None => Some(0),
    }
}

/// The two bytes that are looked for, with their distance from the start of the text.
#[derive(Clone, Copy)]
struct Pair([(usize, u8); 2]);

impl Pair {
    /// The two rarest, or one twice; `None` for the empty text.
    fn of(wanted: &[u8]) -> Option<Self> {
        let first = (0, *wanted.first()?);
        // With their ranks; the first stays until another is rarer.
        let (mut one, mut other) = ((u8::MAX, first), (u8::MAX, first));
        for (at, byte) in wanted.iter().copied().enumerate() {
            let rank = RANKS.get(usize::from(byte)).copied().unwrap_or_default();
            if rank < one.0 {
                (one, other) = ((rank, (at, byte)), one);
            } else if rank < other.0 {
                other = (rank, (at, byte));
            }
        }
        Some(Self([one, other].map(|(_, (at, byte))| (at, byte | FOLD))))
    }

    /// The first place, up to `last`, where the whole text stands.
    // Loops, since what is called instead is built without the processor's wide instructions.
    #[inline(always)]
    fn find<S: Simd>(self, simd: S, bytes: &[u8], wanted: &[u8], last: usize) -> Option<usize> {
        let [one, other] = self.0;
        let mut from = 0;
        while from <= last {
            let both = where_is(simd, bytes, from, one) & where_is(simd, bytes, from, other);
            let mut places = both.to_bitmask();
            while places != 0 {
                let at = from + places.trailing_zeros() as usize;
                let here = bytes.get(at..at + wanted.len());
                if here.is_some_and(|here| here.eq_ignore_ascii_case(wanted)) {
                    return Some(at);
                }
                places &= places - 1;
            }
            from += BLOCK;
        }
        None
    }
}

/// Places from one on where the text may begin, by one of its bytes.
#[inline(always)]
fn where_is<S: Simd>(simd: S, bytes: &[u8], from: usize, (at, byte): (usize, u8)) -> mask8x64<S> {
    let rest = bytes.get(from + at..).unwrap_or_default();
    let block: u8x64<S> = match rest.first_chunk() {
        Some(block) => u8x64::simd_from(simd, *block),
        None => u8x64::simd_from(simd, padded(rest)),
    };
    (block | FOLD).simd_eq(byte)
}

/// What is left at the end fills no block.
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block
        .iter_mut()
        .zip(rest)
        .for_each(|(to, from)| *to = *from);
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slowly(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
        let places = 0..=bytes.len().checked_sub(wanted.len())?;
        let is_here = |at: &usize| bytes[*at..][..wanted.len()].eq_ignore_ascii_case(wanted);
        places.into_iter().find(is_here)
    }

    #[test]
    fn a_text_is_found_in_any_case() {
        let cases = [
            ("", "", Some(0)),
            ("a", "", Some(0)),
            ("", "a", None),
            ("kk", "kkk", None),
            ("kKk", "kkk", Some(0)),
            ("xkey-ke", "EY-K", Some(2)),
            ("a_b", "A\u{7f}B", None),
            ("\u{212a}ey", "key", None),
        ];
        for (bytes, wanted, expected) in cases {
            let found = find(bytes.as_bytes(), wanted.as_bytes());
            assert_eq!(found, expected, "{bytes} {wanted}");
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_a_slow_search_finds(
            bytes in "[abAB_\u{7f}\"é-]{0,200}", wanted in "[abAB_\u{7f}\"é-]{0,4}",
        ) {
            let (bytes, wanted) = (bytes.as_bytes(), wanted.as_bytes());
            prop_assert_eq!(find(bytes, wanted), slowly(bytes, wanted));
        }

        #[test]
        fn a_text_is_found_wherever_it_stands(before in 0..200_usize, after in 0..200_usize) {
            let bytes = ".".repeat(before) + "AccountID\"" + &".".repeat(after);
            prop_assert_eq!(find(bytes.as_bytes(), b"accountid\""), Some(before));
        }
    }
}
