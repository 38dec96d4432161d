//! What is wrong with a rule file, and where.

use super::load;
use crate::explain::clip;
use std::path::Path;

/// Longest message about a rule, bytes; the library quotes what it could not read.
pub(super) const MAX_MESSAGE: usize = 512;

/// What is wrong with a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", place(file, *line))]
pub struct RuleError {
    /// The file, for people.
    pub file: String,
    /// Line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl RuleError {
    pub(crate) fn new(file: &str, line: Option<usize>, message: String) -> Self {
        // The library draws regular expressions on several lines.
        let message = if message.contains('\n') {
            message.split_whitespace().collect::<Vec<_>>().join(" ")
        } else {
            message
        };
        Self {
            file: file.to_owned(),
            line,
            message: clip(&message, MAX_MESSAGE),
        }
    }

    pub(crate) fn of_file(path: &Path, message: String) -> Self {
        let line = load::line_named(&message);
        Self::new(&path.display().to_string(), line, message)
    }
}

fn place(file: &str, line: Option<usize>) -> String {
    line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"))
}
