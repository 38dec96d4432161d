//! Untrusted text made fit for a sentence: one line, visible, short.

/// Longest part of a sentence that comes from the event, characters.
const MAX_PART: usize = 120;

/// A text from the event as it may stand in a sentence.
pub(crate) fn shown(text: &str) -> String {
    bounded(text, MAX_PART)
}

/// Escapes what is not visible and cuts at `max` characters.
pub(crate) fn bounded(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    for c in rest.by_ref().take(max) {
        if is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    if rest.next().is_some() {
        out.push('…');
    }
    out
}

/// Twelve digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Control characters, line separators and what changes the direction of writing.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(
            c,
            '\u{61c}' | '\u{ad}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_stay_on_one_line_and_short() {
        let cases = [
            ("plain", "plain".to_owned()),
            ("a\nb\u{202e}c", "a\\u{a}b\\u{202e}c".to_owned()),
            (&"é".repeat(200), format!("{}…", "é".repeat(MAX_PART))),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected);
        }
    }
}
