//! Exit codes: 0 clean, 3 findings, 1 error, 2 usage.

use std::io;
use std::process::ExitCode;

/// How a command ended when nothing stopped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, nothing to report.
    Clean,
    /// Done, and there are findings.
    Findings,
    /// Done as far as possible; every problem was named on standard error.
    Problems,
}

impl Outcome {
    /// Problems go before findings: a clean bill needs everything to have been read.
    pub(crate) fn of(problems: bool, findings: bool) -> Self {
        match (problems, findings) {
            (true, _) => Outcome::Problems,
            (false, true) => Outcome::Findings,
            (false, false) => Outcome::Clean,
        }
    }

    /// The process's exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Outcome::Clean => 0,
            Outcome::Problems => 1,
            Outcome::Findings => 3,
        }
    }
}

/// Turns a command's result into an exit code, with the error and its causes on standard error.
///
/// A reader that went away (`dial scan … | head`) is no error and says nothing.
pub(crate) fn finish(result: anyhow::Result<Outcome>) -> ExitCode {
    match result {
        Ok(outcome) => ExitCode::from(outcome.code()),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            problem(&format!("{error:#}"));
            ExitCode::from(1)
        }
    }
}

/// Writes one named problem to standard error.
pub(crate) fn problem(message: &str) {
    use crate::terminal::{BAD, paint};
    say(&paint(BAD, "error:"), message);
}

/// Writes what is worth knowing but stopped nothing to standard error.
pub(crate) fn warning(message: &str) {
    use crate::terminal::{BOLD, paint};
    say(&paint(BOLD, "warning:"), message);
}

fn say(label: &str, message: &str) {
    for (at, line) in message.lines().enumerate() {
        let line = crate::terminal::inert(line);
        if at == 0 {
            anstream::eprintln!("{label} {line}");
        } else {
            anstream::eprintln!("       {line}");
        }
    }
}

/// Whether an error comes from a reader that went away.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_go_before_findings() {
        let cases = [
            (false, false, 0),
            (false, true, 3),
            (true, false, 1),
            (true, true, 1),
        ];
        for (problems, findings, code) in cases {
            assert_eq!(Outcome::of(problems, findings).code(), code);
        }
    }
}
