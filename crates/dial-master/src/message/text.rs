//! Makes untrusted text harmless before a format escapes it: one line, visible characters, capped.

/// Stands where text was cut off.
pub const CUT: char = '…';

/// One line of visible characters, at most `limit` of them.
///
/// White space and line breaks of every kind fold into one space; control, bidirectional,
/// zero-width and other invisible characters go away, for they forge lines or hide their order.
pub fn inert(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    let mut gap = false;
    for c in text.chars() {
        if is_break(c) {
            gap = length > 0;
            continue;
        }
        if is_invisible(c) {
            continue;
        }
        let needed = 1 + usize::from(gap);
        if length + needed > limit {
            return cut(line, limit);
        }
        if std::mem::take(&mut gap) {
            line.push(' ');
        }
        line.push(c);
        length += needed;
    }
    line
}

/// A name in the same way; one of which nothing can be seen is a dash, and no gap in a line.
pub(crate) fn inert_name(name: &str, limit: usize) -> String {
    match inert(name, limit) {
        nothing if nothing.is_empty() => "—".to_owned(),
        name => name,
    }
}

/// Cuts so that the mark still fits within the limit.
fn cut(mut line: String, limit: usize) -> String {
    if line.chars().count() >= limit {
        line.pop();
    }
    if limit > 0 {
        line.push(CUT);
    }
    line
}

/// Whether a character acts on a terminal or on the order of what is read.
pub fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_break(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}')
}

/// Format characters (Unicode category Cf), fillers that look like nothing, tags, selectors.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}'
        | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_visible_line_is_left() {
        let cases = [
            ("plain", "a b", "a b"),
            ("folded", " a\r\n\t b\u{2028}c\u{85}d ", "a b c d"),
            ("bidi", "a\u{202e}gpj.c\u{2066}", "agpj.c"),
            ("zero width", "pay\u{200b}pal\u{feff}", "paypal"),
            ("only invisible", "\u{0}\u{200f}\n", ""),
            ("exactly the limit", "12345678", "12345678"),
            ("one more", "123456789", "1234567…"),
            ("a space at the edge", "1234567 9", "1234567…"),
            ("wide characters count once", "ααααααααα", "ααααααα…"),
        ];
        for (name, input, expected) in cases {
            assert_eq!(inert(input, 8), expected, "{name}");
        }
        assert_eq!(inert("abc", 0), "");
    }

    proptest! {
        #[test]
        fn nothing_invisible_passes_and_the_cap_holds(text in any::<String>(), limit in 0..40_usize) {
            let line = inert(&text, limit);
            prop_assert!(line.chars().count() <= limit);
            prop_assert!(!line.chars().any(|c| is_invisible(c) || (is_break(c) && c != ' ')));
            prop_assert_eq!(inert(&line, limit), line);
        }
    }
}
