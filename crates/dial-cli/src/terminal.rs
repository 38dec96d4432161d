//! What a terminal is shown: widths, colours of severities, and untrusted text made inert.

use anstyle::{AnsiColor, Style};
use dial_core::Severity;
pub(crate) use dial_master::message::text::is_active;
use std::borrow::Cow;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthChar;

/// Bold, for headings.
pub(crate) const BOLD: Style = Style::new().bold();
/// Dimmed, for what is read second.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Something went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Something went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// The upper-case word that stands before a finding; never colour alone.
pub(crate) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "INFO",
        Severity::Low => "LOW",
        Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
        Severity::Critical => "CRITICAL",
    }
}

/// The colour of a severity.
pub(crate) fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Informational => AnsiColor::Cyan.on_default(),
        Severity::Low => AnsiColor::Blue.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Critical => AnsiColor::Red.on_default().bold(),
    }
}

/// Text in a style; the stream drops the style where colour is not wanted.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Columns of standard output; `None` where it is no terminal, so that nothing is cut.
pub(crate) fn columns() -> Option<usize> {
    use std::io::IsTerminal;
    let out = std::io::stdout();
    if !out.is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(out).map(|(width, _)| usize::from(width.0).max(40))
}

/// Untrusted text on one line: controls, escape sequences and bidirectional marks become visible
/// escapes such as `\u{1b}`, so that they cannot steer a terminal or reorder what is read.
pub(crate) fn inert(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' | '\n' | '\r' => shown.push(' '),
            c if is_active(c) => {
                let _ = write!(shown, "{}", c.escape_unicode());
            }
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Cuts text to a width in columns, the last one `…` where something is missing.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    let mut used = 0;
    let mut keep = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > width {
            return Cow::Owned(format!("{}…", &text[..keep]));
        }
        if used < width {
            keep = at + c.len_utf8();
        }
    }
    Cow::Borrowed(text)
}

/// Breaks text into lines of at most `width` columns, at spaces where there are any.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length: usize = word.chars().map(|c| c.width().unwrap_or(0)).sum();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        } else if used > 0 {
            push(&mut lines, " ");
            used += 1;
        }
        for c in word.chars() {
            let columns = c.width().unwrap_or(0);
            if used > 0 && used + columns > width {
                lines.push(String::new());
                used = 0;
            }
            push(&mut lines, c.encode_utf8(&mut [0; 4]));
            used += columns;
        }
    }
    lines
}

fn push(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

/// `1 event`, `2 events`, `1,234 events`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        let cases = [
            ("plain", "clerk@example.com", "clerk@example.com"),
            ("clear screen", "a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("title", "\u{1b}]0;owned\u{7}", "\\u{1b}]0;owned\\u{7}"),
            ("one byte csi", "\u{9b}31m", "\\u{9b}31m"),
            ("new line", "ok\nHIGH forged", "ok HIGH forged"),
            ("carriage return", "safe\rHIGH", "safe HIGH"),
            ("backspace", "abc\u{8}\u{8}", "abc\\u{8}\\u{8}"),
            ("bidi override", "user\u{202e}gpj", "user\\u{202e}gpj"),
            ("isolate", "\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("zero width", "ad\u{200b}min", "ad\\u{200b}min"),
            ("tag characters", "x\u{e0041}", "x\\u{e0041}"),
            ("letters stay", "Zoë 北京 🔒", "Zoë 北京 🔒"),
        ];
        for (name, input, expected) in cases {
            assert_eq!(inert(input), expected, "{name}");
        }
    }

    #[test]
    fn cutting_counts_columns_not_bytes() {
        let cases = [
            ("fits", "abc", 3, "abc"),
            ("cut", "abcd", 3, "ab…"),
            ("wide", "北京北", 5, "北京…"),
            ("wide at the edge", "北京", 3, "北…"),
            ("nothing", "abc", 0, "…"),
            ("empty", "", 0, ""),
        ];
        for (name, text, width, expected) in cases {
            assert_eq!(cut(text, width), expected, "{name}");
        }
    }

    #[test]
    fn wrapping_keeps_every_word_and_breaks_long_ones() {
        let cases: [(&str, usize, &[&str]); 4] = [
            ("one two three", 7, &["one two", "three"]),
            ("abcdefgh", 3, &["abc", "def", "gh"]),
            ("a abcdefgh", 4, &["a", "abcd", "efgh"]),
            ("", 4, &[""]),
        ];
        for (text, width, expected) in cases {
            assert_eq!(wrap(text, width), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        let cases = [
            (0, "0 events"),
            (1, "1 event"),
            (999, "999 events"),
            (1_000, "1,000 events"),
            (1_234_567, "1,234,567 events"),
        ];
        for (number, expected) in cases {
            assert_eq!(count(number, "event"), expected);
        }
    }
}
