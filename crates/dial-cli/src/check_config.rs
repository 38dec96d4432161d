//! `dial check-config`: everything that is wrong with a configuration, before anything runs.

use crate::config_file::ConfigFile;
use crate::exit::Outcome;
use crate::json;
use crate::judging;
use crate::rules::Format;
use crate::terminal::{BAD, GOOD, count, inert, paint};
use anyhow::{Result, bail};
use clap::Args;
use dial_core::config::{Problem, line_of};
use dial_core::key::{RootKey, WorkerKey};
use dial_core::secret::SecretRef;
use dial_core::{Secret, config};
use dial_detect::SetupError;
use dial_master::config::Master;
use dial_worker::config::Worker;
use jiff::Timestamp;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use toml::{Table, Value};

/// Help below the arguments of `check-config`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  dial check-config
  dial check-config --config s3://dial-config/dial.toml
  dial check-config --format json

Checks the sections that the file has, the rules and data files that it names,
and that secrets of this machine (env: and file:) are there. Nothing is started,
sent or fetched. Exit codes: 0 good, 1 problems.";

/// Arguments of `check-config`.
#[derive(Debug, Args)]
pub(crate) struct CheckConfig {
    /// Configuration file [default: `$DIAL_CONFIG`, then `dial.toml`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For people, or as a JSON list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Serialize)]
struct Shown<'p> {
    file: &'p str,
    line: Option<usize>,
    path: &'p str,
    message: &'p str,
    /// Not wrong, but to be looked at.
    warning: bool,
}

/// Runs `dial check-config`.
pub(crate) fn run(args: &CheckConfig) -> Result<Outcome> {
    let file = ConfigFile::find(args.config.as_deref())?;
    let Checked {
        problems,
        warnings,
        sections,
    } = check(&file, Timestamp::now())?;
    let mut out = anstream::stdout().lock();
    if args.format == Format::Json {
        let wrong = problems.iter().map(|p| shown(&file, p, false));
        let lines: Vec<Shown<'_>> = wrong
            .chain(warnings.iter().map(|w| shown(&file, w, true)))
            .collect();
        json::write_pretty(&mut out, &lines)?;
    } else {
        let wrong = problems.iter().map(|problem| (problem, ""));
        let odd = warnings.iter().map(|warning| (warning, "warning: "));
        for (problem, word) in wrong.chain(odd) {
            let place = match problem.line {
                Some(line) => format!("{}:{line}", file.name),
                None => file.name.clone(),
            };
            let path = if problem.path.is_empty() {
                String::new()
            } else {
                format!("{}: ", problem.path)
            };
            let message = inert(&problem.message);
            writeln!(out, "{}: {word}{}{message}", inert(&place), inert(&path))?;
        }
    }
    drop(out);
    if problems.is_empty() {
        let sections = sections.join(" and ");
        anstream::eprintln!("{}: {} {sections}", inert(&file.name), paint(GOOD, "good:"));
    } else {
        let number = count(problems.len() as u64, "problem");
        anstream::eprintln!("{}: {}", inert(&file.name), paint(BAD, number));
    }
    Ok(Outcome::of(!problems.is_empty(), false))
}

fn shown<'p>(file: &'p ConfigFile, problem: &'p Problem, warning: bool) -> Shown<'p> {
    Shown {
        file: &file.name,
        line: problem.line,
        path: &problem.path,
        message: &problem.message,
        warning,
    }
}

/// What a check gave, in order of lines.
struct Checked {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    /// The sections that were looked at.
    sections: Vec<&'static str>,
}

fn check(file: &ConfigFile, now: Timestamp) -> Result<Checked> {
    let has = |section: &str| is_there(file, section);
    let mut problems = Problems {
        file,
        list: Vec::new(),
        warnings: Vec::new(),
    };
    let mut checked = Vec::new();
    if has("worker") {
        checked.push("[worker]");
        if let Some(worker) = problems.section::<Worker>("worker") {
            problems.pipeline(&worker);
            problems.expiries(&worker, now);
        }
    }
    if has("master") {
        checked.push("[master]");
        problems.section::<Master>("master");
    }
    if checked.is_empty() {
        match file.text.parse::<Table>() {
            // Neither section can be told; the reader says what stands in the way.
            Err(_) => drop(problems.section::<Master>("master")),
            Ok(table) if !table.is_empty() => drop(problems.section::<Master>("master")),
            Ok(_) => bail!(
                "there is no configuration: name a file with --config or DIAL_CONFIG, or write ./dial.toml"
            ),
        }
    }
    problems.secrets();
    Ok(Checked {
        problems: sorted(problems.list),
        warnings: sorted(problems.warnings),
        sections: checked,
    })
}

/// Whether the file or the environment says anything about a section.
fn is_there(file: &ConfigFile, section: &str) -> bool {
    let variable = format!("DIAL__{}__", section.to_uppercase());
    let in_file = file
        .text
        .parse::<Table>()
        .is_ok_and(|table| table.contains_key(section));
    in_file || std::env::vars_os().any(|(name, _)| name.to_string_lossy().starts_with(&variable))
}

struct Problems<'f> {
    file: &'f ConfigFile,
    list: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Problems<'_> {
    fn section<T: serde::de::DeserializeOwned + config::Check>(&mut self, name: &str) -> Option<T> {
        match self.file.section(name) {
            Ok(section) => Some(section),
            Err(problems) => {
                self.list.extend(problems.list);
                None
            }
        }
    }

    fn add(&mut self, path: &str, message: String) {
        self.list.push(self.problem(path, message));
    }

    fn problem(&self, path: &str, message: String) -> Problem {
        Problem {
            line: line_of(&self.file.text, path),
            path: path.to_owned(),
            message,
        }
    }

    /// Suppressions that end too late are wrong; those that are over, or soon will be, are told.
    fn expiries(&mut self, worker: &Worker, now: Timestamp) {
        for expiry in worker.detect.expiries(now) {
            let path = format!("worker.detect.suppressions.{}.expires", expiry.index);
            let problem = self.problem(&path, expiry.message());
            if expiry.is_too_far() {
                self.list.push(problem);
            } else {
                self.warnings.push(problem);
            }
        }
    }

    /// Loads rules and data, as a worker does when it starts.
    fn pipeline(&mut self, worker: &Worker) {
        let errors = match judging::build(&worker.detect) {
            Err(errors) => errors,
            Ok(pipeline) => {
                for error in pipeline.left_out() {
                    let message = format!("rule left out: {error}");
                    let warning = self.problem("worker.detect.rules", message);
                    self.warnings.push(warning);
                }
                return;
            }
        };
        for error in errors {
            match error {
                SetupError::Setting { path, message } => {
                    self.add(&format!("worker.detect.{path}"), message);
                }
                other => self.add("worker.detect", other.to_string()),
            }
        }
    }

    /// Looks for the secrets of this machine that the file names.
    fn secrets(&mut self) {
        if let Ok(table) = self.file.text.parse::<Table>() {
            self.walk("", &Value::Table(table));
        }
    }

    fn walk(&mut self, path: &str, value: &Value) {
        let below = |key: &str| {
            if path.is_empty() {
                key.to_owned()
            } else {
                format!("{path}.{key}")
            }
        };
        match value {
            Value::Table(table) => table
                .iter()
                .for_each(|(key, value)| self.walk(&below(key), value)),
            Value::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    self.walk(&below(&index.to_string()), value);
                }
            }
            Value::String(text) => {
                if let Some(message) = SecretRef::try_from(text.clone())
                    .ok()
                    .and_then(|r| missing(path, &r))
                {
                    self.add(path, message);
                }
            }
            _ => {}
        }
    }
}

fn sorted(mut list: Vec<Problem>) -> Vec<Problem> {
    list.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
    list.dedup();
    list
}

/// What is wrong with a secret of this machine; those of AWS are not fetched.
fn missing(path: &str, reference: &SecretRef) -> Option<String> {
    match reference.local()? {
        Err(error) => Some(error.to_string()),
        Ok(secret) if secret.expose().is_empty() => Some("the secret is empty".to_owned()),
        Ok(secret) => wrong_key(path, &secret),
    }
}

fn wrong_key(path: &str, secret: &Secret) -> Option<String> {
    if path == "worker.key" {
        return WorkerKey::parse(secret)
            .err()
            .map(|error| error.to_string());
    }
    if path.starts_with("master.root_keys.") {
        return RootKey::parse(secret).err().map(|error| error.to_string());
    }
    None
}
