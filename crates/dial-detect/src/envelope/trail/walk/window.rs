//! What the bytes at hand say of what follows.

use super::{MAX_EVENT, ScanFault, Step};
use serde::de::IgnoredAny;
use simdutf8::compat::from_utf8;

/// As far as the bytes are text.
pub(super) fn text_of(data: &[u8]) -> &str {
    match from_utf8(data) {
        Ok(text) => text,
        Err(e) => data
            .get(..e.valid_up_to())
            .and_then(|valid| from_utf8(valid).ok())
            .unwrap_or_default(),
    }
}

/// Passes over the value of a member that is not `Records`.
pub(super) fn pass_over(data: &[u8], at: usize, is_last: bool) -> Result<Step, ScanFault> {
    let mut values = serde_json::Deserializer::from_slice(&data[at..]).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => Ok(Step::Took(at + values.byte_offset())),
        Some(Err(e)) if e.is_eof() && !is_last => more(data),
        Some(Err(e)) if e.is_eof() => Err(ScanFault::Truncated),
        _ => Err(ScanFault::Broken),
    }
}

/// Waits for more bytes, but not for ever.
pub(super) fn more(data: &[u8]) -> Result<Step, ScanFault> {
    if data.len() > MAX_EVENT {
        return Err(ScanFault::Broken);
    }
    Ok(Step::More)
}

/// Whether the object's first member is `Records`; `None` where the bytes end too early.
pub(super) fn starts_with_records(data: &[u8]) -> Option<bool> {
    const KEY: &[u8] = b"\"Records\"";
    let rest = data.get(1..).unwrap_or_default().trim_ascii_start();
    if rest.len() < KEY.len() && KEY.starts_with(rest) {
        return None;
    }
    Some(rest.starts_with(KEY))
}
