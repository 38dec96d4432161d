//! Whether a record that is not parsed yet holds a text somewhere, whatever its case.

use crate::event::{Part, Unparsed};
use memchr::memchr2_iter;

/// Letters from rare to frequent in CloudTrail's records; what is not among them is rarer still.
const BY_RARITY: &[u8] = b"qxjzkwyvbfhgpdlmuncroisaet0123456789-_./:";

/// Where each byte stands among those; 0 for what is rarer.
const RANKS: [u8; 256] = {
    let mut ranks = [0; 256];
    let mut rank = 0;
    while rank < BY_RARITY.len() {
        let byte = BY_RARITY[rank];
        #[expect(clippy::cast_possible_truncation, reason = "there are 41")]
        let place = rank as u8 + 1;
        ranks[byte as usize] = place;
        ranks[byte.to_ascii_uppercase() as usize] = place;
        rank += 1;
    }
    ranks
};

/// Whether no field in a part of a record can hold this [word](super::words).
pub(super) fn lacks(record: &Unparsed<'_>, part: Part<'_>, wanted: &str) -> bool {
    match part {
        Part::Absent => true,
        Part::Unknown => record.spells_all() && !holds(record.bytes(), wanted.as_bytes()),
        Part::Json(json) => record.spells_all() && !holds(json, wanted.as_bytes()),
    }
}

fn holds(text: &[u8], wanted: &[u8]) -> bool {
    let rank = |byte: u8| RANKS.get(usize::from(byte));
    let rarest = wanted
        .iter()
        .enumerate()
        .min_by_key(|(_, byte)| rank(**byte));
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
            let text = Unparsed::new(record.as_bytes());
            let found = [
                lacks(&text, Part::Unknown, wanted),
                lacks(&text, Part::Json(record.as_bytes()), wanted),
            ];
            assert_eq!(found, [expected; 2], "{record} {wanted}");
            assert!(lacks(&text, Part::Absent, wanted));
        }
    }
}
