//! Gzip in both directions, with the inflated size bounded.

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::io::{Read, Write};

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

/// Inflates gzip (all members); never holds more than `limit` + 1 bytes.
pub fn inflate(compressed: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
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
}
