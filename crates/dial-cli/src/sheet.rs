//! CSV whose cells no spreadsheet runs as a formula (OWASP list).

use crate::terminal::is_active;
use std::io;

/// First characters that make a spreadsheet run a cell.
const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];

/// Writes rows of cells; the first row is the header.
pub(crate) struct Sheet<W: io::Write>(csv::Writer<W>);

impl<W: io::Write> Sheet<W> {
    /// Starts a sheet.
    pub(crate) fn new(out: W) -> Self {
        Self(csv::Writer::from_writer(out))
    }

    /// Writes one row, each cell made safe.
    pub(crate) fn row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> io::Result<()> {
        let safe: Vec<String> = cells.into_iter().map(safe).collect();
        self.0.write_record(&safe).map_err(io::Error::from)
    }

    /// Hands on what is still held.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A leading `'` disarms formulas; controls other than white space become visible escapes.
fn safe(cell: &str) -> String {
    let quote = if cell.starts_with(FORMULA) { "'" } else { "" };
    let shown = |c: char| match c {
        '\t' | '\n' | '\r' => c.to_string(),
        c if is_active(c) => c.escape_unicode().to_string(),
        c => c.to_string(),
    };
    cell.chars()
        .map(shown)
        .fold(quote.to_owned(), |text, c| text + &c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cell: &str) -> String {
        let mut out = Vec::new();
        let mut sheet = Sheet::new(&mut out);
        sheet.row([cell, "next"]).unwrap();
        sheet.flush().unwrap();
        drop(sheet);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_cell_is_a_formula() {
        let cases = [
            ("plain", "bucket", "bucket,next\n"),
            ("equals", "=HYPERLINK(1)", "'=HYPERLINK(1),next\n"),
            ("plus", "+1", "'+1,next\n"),
            ("minus", "-1+cmd", "'-1+cmd,next\n"),
            ("at", "@SUM(A1)", "'@SUM(A1),next\n"),
            ("tab", "\t=1", "'\t=1,next\n"),
            ("carriage return", "\r=1", "\"'\r=1\",next\n"),
            ("line feed", "\n=1", "\"'\n=1\",next\n"),
            ("inside is left", "a=1", "a=1,next\n"),
            ("quote", "a\",=1", "\"a\"\",=1\",next\n"),
            ("escape", "\u{1b}[2J", "\\u{1b}[2J,next\n"),
            ("empty", "", ",next\n"),
        ];
        for (name, cell, expected) in cases {
            assert_eq!(written(cell), expected, "{name}");
        }
    }
}
