//! CSV whose cells no spreadsheet runs as a formula (OWASP list).

use crate::message::text::is_active;
use dial_core::finding::Suppression;
use dial_core::store::Summary;
use std::io;

/// First characters that make a spreadsheet run a cell.
const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];

/// Writes rows of cells; the first row is the header.
pub struct Sheet<W: io::Write>(csv::Writer<W>);

impl<W: io::Write> Sheet<W> {
    /// Starts a sheet.
    pub fn new(out: W) -> Self {
        Self(csv::Writer::from_writer(out))
    }

    /// Writes one row, each cell made safe.
    pub fn row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> io::Result<()> {
        let safe: Vec<String> = cells.into_iter().map(safe).collect();
        self.0.write_record(&safe).map_err(io::Error::from)
    }

    /// Hands on what is still held.
    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Heading of a sheet of summaries.
pub fn summary_heading() -> [&'static str; 18] {
    [
        "id",
        "severity",
        "status",
        "time",
        "detected_at",
        "account",
        "account_name",
        "region",
        "rule",
        "rule_id",
        "title",
        "resource",
        "principal",
        "source_ip",
        "suppressed",
        "service",
        "attack",
        "assignee",
    ]
}

/// One summary, in the order of [`summary_heading`].
pub fn summary_row(summary: &Summary) -> [String; 18] {
    [
        summary.id.to_string(),
        summary.severity.to_string(),
        summary.status.to_string(),
        summary.time.to_string(),
        summary.detected_at.to_string(),
        summary.account.id.clone(),
        summary.account.name.clone().unwrap_or_default(),
        summary.region.clone(),
        summary.rule.name.clone(),
        summary.rule.id.clone(),
        summary.title.clone(),
        summary.resource.clone(),
        summary.principal.clone(),
        summary.source_ip.clone().unwrap_or_default(),
        suppressed_by(summary.suppressed.as_ref()),
        summary.service.clone(),
        summary.attack.join(" "),
        summary.assignee.clone().unwrap_or_default(),
    ]
}

/// A suppression in one cell: owner, reason and last day; empty where there is none.
pub fn suppressed_by(by: Option<&Suppression>) -> String {
    by.map(|by| format!("{}: {} (until {})", by.owner, by.reason, by.expires))
        .unwrap_or_default()
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

    #[test]
    fn no_string_of_the_corpus_is_a_formula_a_cell_or_a_row_of_its_own() {
        for text in crate::message::injection::strings() {
            let out = written(&text);
            let mut rows = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(out.as_bytes())
                .into_records();
            let row = rows.next().unwrap().unwrap();
            assert_eq!((row.len(), &row[1]), (2, "next"), "{text:?}");
            assert!(rows.next().is_none(), "{text:?}");
            let cell = &row[0];
            assert!(!cell.starts_with(FORMULA), "{text:?}");
            let active = |c: char| is_active(c) && !"\t\n\r".contains(c);
            assert!(!cell.contains(active), "{text:?}");
        }
    }
}
