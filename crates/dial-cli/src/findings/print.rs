//! How a list of findings is printed: rows, JSON lines, CSV.

use super::Format;
use crate::lines::Lines;
use crate::{json, terminal};
use anyhow::Result;
use dial_core::store::Summary;
use dial_master::sheet::{Sheet, summary_heading, summary_row};
use std::io::Write;

/// Prints summaries as they come.
pub(super) struct Printer {
    out: anstream::AutoStream<std::io::StdoutLock<'static>>,
    form: Form,
    printed: u64,
}

enum Form {
    Table(Lines),
    Jsonl,
    Csv,
}

impl Printer {
    /// Prints nothing before the first finding, but a CSV heading.
    pub(super) fn new(format: Format, suppressed: bool) -> Result<Self> {
        let mut out = anstream::stdout().lock();
        let form = match format {
            Format::Table if suppressed => Form::Table(Lines::suppressed(terminal::columns())),
            Format::Table => Form::Table(Lines::listed(terminal::columns())),
            Format::Jsonl => Form::Jsonl,
            Format::Csv => {
                write_csv(&mut out, summary_heading())?;
                Form::Csv
            }
        };
        Ok(Self {
            out,
            form,
            printed: 0,
        })
    }

    /// Prints one line.
    pub(super) fn print(&mut self, summary: &Summary) -> Result<()> {
        if let (Form::Table(lines), 0) = (&self.form, self.printed) {
            lines.heading(&mut self.out)?;
        }
        self.printed += 1;
        match &self.form {
            Form::Table(lines) => lines.row(&mut self.out, summary)?,
            Form::Jsonl => json::write_line(&mut self.out, summary)?,
            Form::Csv => write_csv(
                &mut self.out,
                summary_row(summary).each_ref().map(String::as_str),
            )?,
        }
        Ok(())
    }

    /// Says how many there were, and how to go on.
    pub(super) fn finish(mut self, cursor: Option<&str>) -> Result<()> {
        self.out.flush()?;
        if matches!(self.form, Form::Table(_)) {
            let more = match cursor {
                Some(cursor) => {
                    format!("; more with --all or --cursor {}", terminal::inert(cursor))
                }
                None => String::new(),
            };
            anstream::eprintln!("{}{more}", terminal::count(self.printed, "finding"));
        }
        Ok(())
    }
}

fn write_csv<'c>(
    out: &mut dyn Write,
    cells: impl IntoIterator<Item = &'c str>,
) -> std::io::Result<()> {
    let mut sheet = Sheet::new(out);
    sheet.row(cells)?;
    sheet.flush()
}
