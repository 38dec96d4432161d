//! A table that is written row by row, so that its size never matters.
//!
//! On a terminal, columns that do not fit are left out by rank and the rest is cut to the width;
//! elsewhere every value is whole. Table libraries hold all rows to measure them first.

use crate::terminal::{BOLD, cut, inert, paint};
use anstyle::Style;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// Columns between two cells.
const GAP: usize = 2;

/// One column: what it is called and how wide it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// Heading.
    pub(crate) title: &'static str,
    /// Without this much room the column is left out.
    pub(crate) min: usize,
    /// More room is of no use.
    pub(crate) max: usize,
    /// The lowest ranks stay longest when room is short.
    pub(crate) rank: u8,
}

/// One cell, its text still untrusted.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    shorter: Vec<String>,
    style: Style,
}

/// Writes rows under a heading.
pub(crate) struct Table {
    columns: Vec<Column>,
    /// Width of each column; `None` where it is left out.
    widths: Vec<Option<usize>>,
    cutting: bool,
}

impl Cell {
    /// A cell without a style.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            shorter: Vec::new(),
            style: Style::new(),
        }
    }

    /// What to show instead where what was given so far does not fit.
    pub(crate) fn or(mut self, shorter: impl Into<String>) -> Self {
        self.shorter.push(shorter.into());
        self
    }

    /// With a style.
    pub(crate) fn styled(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    fn shown(&self, width: usize, cutting: bool) -> String {
        let whole = inert(&self.text);
        if !cutting {
            return whole.into_owned();
        }
        let mut candidates = std::iter::once(whole).chain(self.shorter.iter().map(|s| inert(s)));
        let fitting = candidates.find(|text| text.width() <= width);
        let last = || inert(self.shorter.last().unwrap_or(&self.text));
        cut(&fitting.unwrap_or_else(last), width).into_owned()
    }
}

impl Table {
    /// Fits the columns into a width; `None` = as wide as need be.
    pub(crate) fn new(columns: Vec<Column>, width: Option<usize>) -> Self {
        let widths = match width {
            Some(width) => fit(&columns, width),
            None => columns.iter().map(|column| Some(column.max)).collect(),
        };
        Self {
            columns,
            widths,
            cutting: width.is_some(),
        }
    }

    /// Writes the headings.
    pub(crate) fn heading(&self, out: &mut dyn Write) -> io::Result<()> {
        let cells: Vec<Cell> = self
            .columns
            .iter()
            .map(|column| Cell::new(column.title).styled(BOLD))
            .collect();
        self.row(out, &cells)
    }

    /// Writes one row; cells stand in the order of the columns.
    pub(crate) fn row(&self, out: &mut dyn Write, cells: &[Cell]) -> io::Result<()> {
        let mut line = String::new();
        let mut pad = 0;
        for (cell, width) in cells.iter().zip(&self.widths) {
            let Some(width) = *width else { continue };
            let text = cell.shown(width, self.cutting);
            line.extend(std::iter::repeat_n(' ', pad));
            pad = width.saturating_sub(text.width()) + GAP;
            line.push_str(&paint(cell.style, text));
        }
        writeln!(out, "{line}")
    }
}

/// Keeps columns by rank while their least widths fit, then shares out the room that is left.
fn fit(columns: &[Column], width: usize) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|at| columns[*at].rank);
    let mut widths = vec![None; columns.len()];
    let mut left = width + GAP;
    for at in &order {
        let need = columns[*at].min + GAP;
        if need > left {
            break;
        }
        left -= need;
        widths[*at] = Some(columns[*at].min);
    }
    for at in order {
        if let Some(have) = &mut widths[at] {
            let more = (columns[at].max - columns[at].min).min(left);
            *have += more;
            left -= more;
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column {
            title: "LEVEL",
            min: 5,
            max: 5,
            rank: 0,
        },
        Column {
            title: "WHERE",
            min: 4,
            max: 20,
            rank: 2,
        },
        Column {
            title: "RULE",
            min: 6,
            max: 10,
            rank: 1,
        },
    ];

    fn rendered(width: Option<usize>) -> String {
        let table = Table::new(COLUMNS.to_vec(), width);
        let mut out = Vec::new();
        table.heading(&mut out).unwrap();
        let cells = [
            Cell::new("HIGH"),
            Cell::new("arn:aws:s3:::bucket").or("bucket"),
            Cell::new("a_long_rule_name"),
        ];
        table.row(&mut out, &cells).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn columns_are_cut_and_left_out_by_rank() {
        insta::assert_snapshot!(rendered(None), @r"
        LEVEL  WHERE                 RULE
        HIGH   arn:aws:s3:::bucket   a_long_rule_name
        ");
        insta::assert_snapshot!(rendered(Some(26)), @r"
        LEVEL  WHERE    RULE
        HIGH   bucket   a_long_ru…
        ");
        insta::assert_snapshot!(rendered(Some(16)), @r"
        LEVEL  RULE
        HIGH   a_long_r…
        ");
        insta::assert_snapshot!(rendered(Some(3)), @"");
    }

    #[test]
    fn a_cell_cannot_start_a_row_of_its_own() {
        let table = Table::new(COLUMNS.to_vec(), None);
        let mut out = Vec::new();
        let cells = [
            Cell::new("LOW"),
            Cell::new("x\nHIGH\u{1b}[1A"),
            Cell::new("r"),
        ];
        table.row(&mut out, &cells).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 1, "{text:?}");
        assert!(text.contains("x HIGH\\u{1b}[1A"), "{text:?}");
    }
}
