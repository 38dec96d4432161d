//! JSON that is safe to print on a terminal: the same document, with active characters escaped.

use crate::terminal::is_active;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};
use std::io;

/// Writes a value on one line, with a new line at the end.
pub(crate) fn write_line(out: &mut dyn io::Write, value: &impl Serialize) -> io::Result<()> {
    // Written at once: a serializer hands over every bracket by itself.
    let mut line = Vec::new();
    let inert = Inert(CompactFormatter);
    value.serialize(&mut Serializer::with_formatter(&mut line, inert))?;
    line.push(b'\n');
    out.write_all(&line)
}

/// Writes a value indented, with a new line at the end.
pub(crate) fn write_pretty(out: &mut dyn io::Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(
        &mut *out,
        Inert(PrettyFormatter::new()),
    ))?;
    out.write_all(b"\n")
}

/// Escapes what JSON would let through but a terminal acts on.
struct Inert<F>(F);

/// Active characters can stand only inside strings, so an escape never changes the document.
fn write_inert<W: ?Sized + io::Write>(writer: &mut W, text: &str) -> io::Result<()> {
    // Without an early end, so that many bytes are looked at together.
    let is_odd = |byte: u8| !matches!(byte, b' '..=b'~');
    if !text.bytes().fold(false, |odd, byte| odd | is_odd(byte)) {
        return writer.write_all(text.as_bytes());
    }
    let mut rest = text;
    let spared = |c: char| matches!(c, '\n' | '\r' | '\t');
    while let Some((at, c)) = rest
        .char_indices()
        .find(|(_, c)| is_active(*c) && !spared(*c))
    {
        writer.write_all(&rest.as_bytes()[..at])?;
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(writer, "\\u{unit:04x}")?;
        }
        rest = &rest[at + c.len_utf8()..];
    }
    writer.write_all(rest.as_bytes())
}

macro_rules! forward {
    ($($method:ident ($($arg:ident: $kind:ty),*);)*) => {
        $(fn $method<W: ?Sized + io::Write>(&mut self, writer: &mut W $(, $arg: $kind)*) -> io::Result<()> {
            self.0.$method(writer $(, $arg)*)
        })*
    };
}

impl<F: Formatter> Formatter for Inert<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_inert(writer, fragment)
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_inert(writer, fragment)
    }

    forward! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::record::Record;
    use serde_json::{Value, json};

    #[test]
    fn the_document_is_the_same_and_nothing_in_it_acts() {
        let value = json!({"agent": "a\u{1b}[2J\u{9b}1m\u{202e}x\u{e0041}\n", "list": [1, {"b": "\u{7f}"}]});
        for pretty in [false, true] {
            let mut out = Vec::new();
            if pretty {
                write_pretty(&mut out, &value).unwrap();
            } else {
                write_line(&mut out, &value).unwrap();
            }
            let text = String::from_utf8(out).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            assert!(!text.chars().any(|c| is_active(c) && c != '\n'), "{text:?}");
        }
    }

    #[test]
    fn raw_records_are_escaped_too() {
        let record = Record::from_value(&json!({"userAgent": "x\u{9b}2J"}));
        let mut out = Vec::new();
        write_line(&mut out, &record).unwrap();
        assert_eq!(out, b"{\"userAgent\":\"x\\u009b2J\"}\n");
    }
}
