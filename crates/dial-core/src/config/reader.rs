//! Reads a document over and over, taking out what cannot be read, until nothing is left to say.

use super::edit::{env_value, set, take_out};
use super::unknown::{between, describe_unknown, nearest};
use super::{Check, Problem, Problems};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Sections that the file may have.
const SECTIONS: [&str; 2] = ["worker", "master"];
/// Prefix of overriding environment variables: `DIAL__MASTER__LISTEN`.
const ENV_PREFIX: &str = "DIAL__";
/// More problems than anyone reads; also bounds the repair loop.
const MAX_PROBLEMS: usize = 50;

/// What of a file is still to be read, and what was wrong with the rest.
pub(super) struct Reader<'t> {
    file: &'t str,
    lines: toml_edit::Document<&'t str>,
    text: &'t str,
    table: Table,
    pub(super) problems: Vec<Problem>,
    /// List members taken out so far, as (list, original index), so that lines stay right.
    removed: Vec<(String, usize)>,
}

impl<'t> Reader<'t> {
    pub(super) fn open(file: &'t str, text: &'t str) -> Result<Self, Problems> {
        let broken = |message: &str, span: Option<std::ops::Range<usize>>| Problems {
            file: file.to_owned(),
            list: vec![Problem {
                line: span.map(|s| line_at(text, s.start)),
                path: String::new(),
                message: message.to_owned(),
            }],
        };
        let lines = toml_edit::Document::parse(text).map_err(|e| broken(e.message(), e.span()))?;
        let table = text
            .parse()
            .map_err(|e: toml::de::Error| broken(e.message(), e.span()))?;
        Ok(Self {
            file,
            lines,
            text,
            table,
            problems: Vec::new(),
            removed: Vec::new(),
        })
    }

    pub(super) fn refuse_unknown_sections(&mut self) {
        let unknown: Vec<String> = self
            .table
            .keys()
            .filter(|key| !SECTIONS.contains(&key.as_str()))
            .cloned()
            .collect();
        for key in unknown {
            let hint = nearest(&key, SECTIONS.into_iter())
                .map(|near| format!("; did you mean [{near}]?"))
                .unwrap_or_default();
            self.add(
                &key,
                format!("no such section{hint} (there are [worker] and [master])"),
            );
        }
    }

    pub(super) fn apply_env(
        &mut self,
        name: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) {
        for (key, value) in env {
            let Some(rest) = key.strip_prefix(ENV_PREFIX) else {
                continue;
            };
            let path: Vec<String> = rest.split("__").map(str::to_lowercase).collect();
            if path.first().map(String::as_str) == Some(name) {
                set(&mut self.table, &path, env_value(&value));
            }
        }
    }

    pub(super) fn read<T: DeserializeOwned + Check>(mut self, name: &str) -> Result<T, Problems> {
        let section = match self.table.remove(name) {
            Some(Value::Table(table)) => table,
            None => Table::new(),
            Some(_) => {
                self.add(name, format!("[{name}] must be a table"));
                Table::new()
            }
        };
        let parsed: Option<T> = self.parse(name, section);
        if let Some(parsed) = &parsed {
            parsed.check(&mut |path, message| self.add_check(&format!("{name}.{path}"), message));
        }
        self.finish(parsed)
    }

    /// Reads until nothing is left to complain about; `None` where a problem cannot be taken out.
    pub(super) fn parse<T: DeserializeOwned>(
        &mut self,
        name: &str,
        mut section: Table,
    ) -> Option<T> {
        loop {
            let attempt: Result<T, _> =
                serde_path_to_error::deserialize(Value::Table(section.clone()));
            match attempt {
                Ok(parsed) => return Some(parsed),
                Err(error) => {
                    let path = self.add_serde(name, &error);
                    if !take_out(&mut section, &path) || self.problems.len() >= MAX_PROBLEMS {
                        return None;
                    }
                }
            }
        }
    }

    /// Records a serde error; returns the path of the value to take out.
    fn add_serde(
        &mut self,
        name: &str,
        error: &serde_path_to_error::Error<toml::de::Error>,
    ) -> Vec<String> {
        let message = error.inner().message().trim().to_owned();
        let mut path: Vec<String> = error
            .path()
            .iter()
            .map(ToString::to_string)
            .map(|segment| segment.trim_matches(['[', ']']).to_owned())
            .filter(|segment| segment != ".")
            // Below a key that is no text, nothing has a name: what holds it is taken out whole.
            .take_while(|segment| segment != "?")
            .collect();
        let mut shown = message.clone();
        if let Some(unknown) = between(&message, "unknown field `", "`") {
            if path.last().map(String::as_str) != Some(unknown) {
                path.push(unknown.to_owned());
            }
            shown = describe_unknown(unknown, &message);
        }
        let dotted = self.original_path(name, &path);
        self.add(&dotted, shown);
        path
    }

    /// The dotted path in the file as it was written, before members were taken out of its lists.
    fn original_path(&mut self, name: &str, path: &[String]) -> String {
        let mut dotted = name.to_owned();
        let mut in_list = false;
        for segment in path {
            let Some(index) = segment.parse::<usize>().ok().filter(|_| !in_list) else {
                dotted = format!("{dotted}.{segment}");
                continue;
            };
            in_list = true;
            let mut gone: Vec<usize> = self.removed_from(&dotted);
            gone.sort_unstable();
            let original = gone
                .iter()
                .fold(index, |at, gone| at + usize::from(*gone <= at));
            self.removed.push((dotted.clone(), original));
            dotted = format!("{dotted}.{original}");
        }
        dotted
    }

    fn removed_from(&self, list: &str) -> Vec<usize> {
        let of_list = self.removed.iter().filter(|(path, _)| path == list);
        of_list.map(|(_, index)| *index).collect()
    }

    /// A value that could not be read was taken out: that it is missing now is no news.
    fn add_check(&mut self, path: &str, message: String) {
        if !self.problems.iter().any(|problem| problem.path == path) {
            self.add(path, message);
        }
    }

    pub(super) fn add(&mut self, path: &str, message: String) {
        let line = self.line_of(path);
        self.problems.push(Problem {
            line,
            path: path.to_owned(),
            message,
        });
    }

    /// The line of the deepest part of a dotted path that the file has.
    pub(super) fn line_of(&self, path: &str) -> Option<usize> {
        let mut item = self.lines.as_item();
        let mut line = None;
        for segment in path.split('.') {
            let (key, next) = match (segment.parse::<usize>(), item.as_table_like()) {
                (_, Some(table)) => match table.get_key_value(segment) {
                    Some((key, next)) => (key.span(), next),
                    None => break,
                },
                (Ok(index), None) => match item.get(index) {
                    Some(next) => (next.span(), next),
                    None => break,
                },
                _ => break,
            };
            line = key
                .or(next.span())
                .map(|s| line_at(self.text, s.start))
                .or(line);
            item = next;
        }
        line
    }

    fn finish<T>(mut self, parsed: Option<T>) -> Result<T, Problems> {
        match parsed {
            Some(parsed) if self.problems.is_empty() => Ok(parsed),
            _ => {
                self.problems.sort_by_key(|p| p.line.unwrap_or(usize::MAX));
                Err(Problems {
                    file: self.file.to_owned(),
                    list: self.problems,
                })
            }
        }
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    1 + before.filter(|byte| **byte == b'\n').count()
}
