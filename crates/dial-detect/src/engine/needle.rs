//! Whether a record that is not parsed yet holds a text somewhere, whatever its case.

use crate::event::{Part, Unparsed};
use crate::find::holds;

/// Whether no field in a part of a record can hold this [word](super::words).
pub(super) fn lacks(record: &Unparsed<'_>, part: Part<'_>, wanted: &str) -> bool {
    match part {
        Part::Absent => true,
        Part::Unknown => record.spells_all() && !holds(record.bytes(), wanted.as_bytes()),
        Part::Json(json) => record.spells_all() && !holds(json, wanted.as_bytes()),
    }
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
