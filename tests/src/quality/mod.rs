//! Recall and noise of the rule pack, as counts over public events, and what is expected of them.
//!
//! The events are not part of this repository: `data` is a folder with `cloudtrail/*.jsonl` and
//! the labels beside them. The tables in `tests/quality/` say what counts, and why a gap is one.

mod corpus;
mod errors;
mod expected;
mod invictus;
mod judge;
mod patterns;
mod stratus;
mod streamalert;
mod table;
mod traildiscover;

pub use expected::{Update, check, update};
pub use judge::Judge;

use std::fmt;
use std::path::{Path, PathBuf};

/// Which way a figure may move without anybody being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Recall: more is better.
    AtLeast,
    /// Noise: less is better.
    AtMost,
    /// Neither way.
    Exactly,
}

/// One number of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Its key in `expected.toml`.
    pub name: &'static str,
    /// The count.
    pub value: u64,
    /// Which way it may move.
    pub bound: Bound,
}

/// What was measured on one corpus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The corpus, and the table of `expected.toml`.
    pub name: &'static str,
    /// What is compared with the expected counts.
    pub figures: Vec<Figure>,
    /// Details for people.
    pub lines: Vec<String>,
    /// What is wrong whatever is expected: a gap or a finding that nobody gave a reason for.
    pub faults: Vec<String>,
    /// Calls whose reason for a gap is out of date, since a rule covers them now.
    pub outdated: Vec<String>,
}

impl Part {
    fn named(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    fn figure(&mut self, name: &'static str, value: usize, bound: Bound) {
        let value = value as u64;
        self.figures.push(Figure { name, value, bound });
    }

    fn line(&mut self, text: impl Into<String>) {
        self.lines.push(text.into());
    }

    fn fault(&mut self, text: impl Into<String>) {
        self.faults.push(text.into());
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "== {}", self.name)?;
        for Figure { name, value, bound } in &self.figures {
            let may = match bound {
                Bound::AtLeast => "may grow",
                Bound::AtMost => "may shrink",
                Bound::Exactly => "fixed",
            };
            writeln!(f, "{value:>6}  {} ({may})", name.replace('_', " "))?;
        }
        for line in &self.lines {
            writeln!(f, "        {line}")?;
        }
        Ok(())
    }
}

/// Measures everything that `data` holds events for; `generated` adds a line about trail files
/// that `cargo xtask corpus` made.
pub fn measure(judge: &Judge, data: &Path, generated: Option<&Path>) -> Vec<Part> {
    let events = data.join("cloudtrail");
    vec![
        stratus::measure(judge, &events),
        traildiscover::measure(judge, &events),
        invictus::measure(judge, &events),
        streamalert::measure(judge, &events),
        patterns::measure(judge, &events, generated),
        errors::measure(judge, &events),
    ]
}

/// The folder of the tables.
pub fn tables() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("quality")
}
