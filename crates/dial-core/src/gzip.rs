//! Gzip in both directions, with the inflated size bounded.

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use libdeflater::{Decompressor, crc32};
use std::cell::RefCell;
use std::io::{Read, Write};

/// Bytes that one byte of deflate can become.
const MOST_OF_A_BYTE: usize = 1_032;

/// Why bytes could not be inflated.
#[derive(Debug, thiserror::Error)]
pub enum InflateError {
    /// More came out than allowed: a bomb, or simply too much.
    #[error("inflated data is larger than {limit} bytes")]
    TooLarge {
        /// The limit, bytes.
        limit: usize,
    },
    /// Cut off or corrupt.
    #[error("gzip data is corrupt or truncated: {0}")]
    Corrupt(std::io::Error),
}

thread_local! {
    /// Made once for each thread: its tables are larger than most bodies.
    static DECOMPRESSOR: RefCell<Decompressor> = RefCell::new(Decompressor::new());
}

/// Inflates gzip (all members); never holds more than `limit` + 1 bytes.
pub fn inflate(compressed: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    match inflate_member(compressed, limit) {
        Some(inflated) => Ok(inflated),
        None => inflate_stream(compressed, limit),
    }
}

/// What every worker sends: one member within the limit.
fn inflate_member(compressed: &[u8], limit: usize) -> Option<Vec<u8>> {
    let length = announced(compressed).filter(|length| *length <= limit)?;
    let mut inflated = vec![0; length];
    DECOMPRESSOR
        .with_borrow_mut(|decompressor| fill(decompressor, compressed, &mut inflated))
        .then_some(inflated)
}

/// Several members, corruption, a size beyond the limit: says what is the matter.
fn inflate_stream(compressed: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    let mut inflated = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(compressed)
        .take(bound)
        .read_to_end(&mut inflated)
        .map_err(InflateError::Corrupt)?;
    if inflated.len() > limit {
        return Err(InflateError::TooLarge { limit });
    }
    Ok(inflated)
}

/// Bytes that gzip of one member inflates to, as its trailer says; `None` where it cannot be so.
pub fn announced(compressed: &[u8]) -> Option<usize> {
    let length = usize::try_from(trailer(compressed)?.1).ok()?;
    let most = compressed.len().saturating_mul(MOST_OF_A_BYTE);
    (length <= most).then_some(length)
}

/// Inflates gzip of one member into exactly `output`, which is as long as [`announced`] says.
/// `false` where a stream must say what is the matter, or that there are several members.
pub fn fill(decompressor: &mut Decompressor, compressed: &[u8], output: &mut [u8]) -> bool {
    let written = decompressor.gzip_decompress(compressed, output);
    // libdeflate stops after the first member; the trailer that is read here is the last one's.
    written == Ok(output.len())
        && trailer(compressed).is_some_and(|(crc, _)| crc == crc32(output))
        && !may_have_members(compressed)
}

/// Checksum and length of the last member.
fn trailer(compressed: &[u8]) -> Option<(u32, u32)> {
    let (rest, size) = compressed.split_last_chunk()?;
    let (_, crc) = rest.split_last_chunk()?;
    Some((u32::from_le_bytes(*crc), u32::from_le_bytes(*size)))
}

/// Whether another member may start inside. Members that are equal have equal trailers, so their
/// headers tell; a chance hit in compressed bytes only costs the slower way.
fn may_have_members(compressed: &[u8]) -> bool {
    let behind = compressed.get(10..).unwrap_or_default();
    memchr::memmem::find(behind, &[0x1f, 0x8b, 0x08]).is_some()
}

/// Compresses to one gzip member without a time stamp, so that equal input gives equal bytes.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("writing to memory cannot fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_bound_and_corruption() {
        let plain = vec![b'a'; 10_000];
        let packed = deflate(&plain);
        assert_eq!(inflate(&packed, 10_000).unwrap(), plain);
        let bomb = inflate(&packed, 9_999);
        assert!(matches!(bomb, Err(InflateError::TooLarge { limit: 9_999 })));
        for cut in [0, 1, 9, packed.len() - 1] {
            let result = inflate(&packed[..cut], 10_000);
            assert!(matches!(result, Err(InflateError::Corrupt(_))), "{cut}");
        }
    }

    #[test]
    fn several_members_are_all_inflated_however_alike() {
        let (one, other) = (deflate(b"one"), deflate(b"another"));
        let cases: [(&str, Vec<u8>, &[u8]); 5] = [
            ("nothing", deflate(b""), b""),
            ("one", one.clone(), b"one"),
            ("equal ones", [one.clone(), one.clone()].concat(), b"oneone"),
            (
                "a shorter last one",
                [other.clone(), one.clone()].concat(),
                b"anotherone",
            ),
            ("a longer last one", [one, other].concat(), b"oneanother"),
        ];
        for (name, packed, expected) in cases {
            assert_eq!(inflate(&packed, 100).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn a_trailer_that_lies_is_no_more_than_corrupt() {
        let honest = deflate(&[b'a'; 1_000]);
        for lie in [0, 999, 1_001, u32::MAX] {
            let mut packed = honest.clone();
            let end = packed.len() - 4;
            packed[end..].copy_from_slice(&lie.to_le_bytes());
            let result = inflate(&packed, 10_000);
            assert!(matches!(result, Err(InflateError::Corrupt(_))), "{lie}");
        }
    }
}
