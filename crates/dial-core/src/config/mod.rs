//! Reads one section of `dial.toml`, lists every problem with its line and a hint.
//!
//! serde stops at the first error, people want all of them: each error's value is taken out of
//! the document and the rest is read again, until nothing is left to complain about.

mod edit;
mod reader;
mod unknown;

#[cfg(test)]
mod tests;

pub use unknown::nearest;

use reader::Reader;
use serde::de::DeserializeOwned;
use std::fmt::{self, Write as _};
use toml::Table;

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, counted from 1; absent for environment variables and missing keys.
    pub line: Option<usize>,
    /// Dotted path, such as `master.sinks.slack.url`.
    pub path: String,
    /// What is wrong, and the fix where it is known.
    pub message: String,
}

/// Everything wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// Name of the file, for people.
    pub file: String,
    /// In order of lines.
    pub list: Vec<Problem>,
}

/// Checks that types cannot express.
pub trait Check {
    /// Reports each problem as (path below the section, message with its fix).
    fn check(&self, report: &mut dyn FnMut(&str, String));
}

/// Reads section `name` out of a file's text, with overrides from the environment.
///
/// A missing section is read as an empty one. `file` names the text in messages.
pub fn section<T: DeserializeOwned + Check>(
    file: &str,
    text: &str,
    name: &str,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<T, Problems> {
    let mut reader = Reader::open(file, text)?;
    reader.refuse_unknown_sections();
    reader.apply_env(name, env);
    reader.read(name)
}

/// Reads a table whose shape another key chose, such as a sink's by its `type`, inside a
/// [`Check`]; reports each problem as (path below the table, message with its fix).
pub fn table<T: DeserializeOwned + Check>(
    table: Table,
    report: &mut dyn FnMut(&str, String),
) -> Option<T> {
    let mut reader = Reader::open("", "").expect("an empty text is a document");
    let parsed: Option<T> = reader.parse("", table);
    if let Some(parsed) = &parsed {
        parsed.check(&mut |path, message| reader.add(path, message));
    }
    for problem in &reader.problems {
        let path = problem.path.trim_start_matches('.');
        report(path, problem.message.clone());
    }
    parsed.filter(|_| reader.problems.is_empty())
}

/// The line of the deepest part of a dotted path that a file's text has, counted from 1.
pub fn line_of(text: &str, path: &str) -> Option<usize> {
    Reader::open("", text).ok()?.line_of(path)
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for problem in &self.list {
            match problem.line {
                Some(line) => write!(text, "{}:{line}: ", self.file)?,
                None => write!(text, "{}: ", self.file)?,
            }
            if !problem.path.is_empty() {
                write!(text, "{}: ", problem.path)?;
            }
            writeln!(text, "{}", problem.message)?;
        }
        f.write_str(text.trim_end())
    }
}
