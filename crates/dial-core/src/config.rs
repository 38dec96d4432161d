//! Reads one section of `dial.toml`, lists every problem with its line and a hint.
//!
//! serde stops at the first error, people want all of them: each error's value is taken out of
//! the document and the rest is read again, until nothing is left to complain about.

use serde::de::DeserializeOwned;
use std::fmt::{self, Write as _};
use toml::{Table, Value};

/// Sections that the file may have.
const SECTIONS: [&str; 2] = ["worker", "master"];
/// Prefix of overriding environment variables: `DIAL__MASTER__LISTEN`.
const ENV_PREFIX: &str = "DIAL__";
/// More problems than anyone reads; also bounds the repair loop.
const MAX_PROBLEMS: usize = 50;

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

struct Reader<'t> {
    file: &'t str,
    lines: toml_edit::Document<&'t str>,
    text: &'t str,
    table: Table,
    problems: Vec<Problem>,
    /// List members taken out so far, as (list, original index), so that lines stay right.
    removed: Vec<(String, usize)>,
}

impl<'t> Reader<'t> {
    fn open(file: &'t str, text: &'t str) -> Result<Self, Problems> {
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

    fn refuse_unknown_sections(&mut self) {
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

    fn apply_env(&mut self, name: &str, env: impl IntoIterator<Item = (String, String)>) {
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

    fn read<T: DeserializeOwned + Check>(mut self, name: &str) -> Result<T, Problems> {
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
    fn parse<T: DeserializeOwned>(&mut self, name: &str, mut section: Table) -> Option<T> {
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

    fn add(&mut self, path: &str, message: String) {
        let line = self.line_of(path);
        self.problems.push(Problem {
            line,
            path: path.to_owned(),
            message,
        });
    }

    /// The line of the deepest part of a dotted path that the file has.
    fn line_of(&self, path: &str) -> Option<usize> {
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

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?
        .1
        .split_once(end)
        .map(|found| found.0)
}

/// serde lists the known names between backquotes after `expected`.
fn describe_unknown(unknown: &str, message: &str) -> String {
    let known: Vec<&str> = message
        .split_once("expected")
        .map(|(_, list)| list.split('`').skip(1).step_by(2).collect())
        .unwrap_or_default();
    match nearest(unknown, known.iter().copied()) {
        Some(near) => format!("unknown key `{unknown}`; did you mean `{near}`?"),
        None => format!("unknown key `{unknown}`; known here: {}", known.join(", ")),
    }
}

/// The known word that is most like a misspelt one; `None` where none is like it.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// A variable's text is read as TOML (`true`, `5`, `["a"]`) where it is, else as a string.
fn env_value(text: &str) -> Value {
    format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn set(table: &mut Table, path: &[String], value: Value) {
    let [first, rest @ ..] = path else { return };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return;
    }
    let below = table
        .entry(first.clone())
        .or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(below) = below {
        set(below, rest, value);
    }
}

/// Removes the value at a path; `false` when there is none, so that the loop ends.
fn take_out(section: &mut Table, path: &[String]) -> bool {
    let Some((last, parents)) = path.split_last() else {
        return false;
    };
    let mut table = section;
    let mut parents = parents.iter();
    while let Some(step) = parents.next() {
        match table.get_mut(step) {
            Some(Value::Table(below)) => table = below,
            Some(Value::Array(items)) => {
                // Inside a list: take the whole member out, its neighbours are still read.
                let index = parents.next().unwrap_or(last).parse::<usize>();
                return index.is_ok_and(|i| {
                    i < items.len() && {
                        items.remove(i);
                        true
                    }
                });
            }
            _ => return false,
        }
    }
    table.remove(last).is_some()
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Worker {
        #[serde(default)]
        master_url: String,
        #[serde(default)]
        timeout: u32,
        #[serde(default)]
        lists: Vec<List>,
        #[serde(default)]
        geo: Geo,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Geo {
        #[serde(default)]
        city: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct List {
        #[serde(rename = "path")]
        _path: String,
    }

    impl Check for Worker {
        fn check(&self, report: &mut dyn FnMut(&str, String)) {
            if self.timeout == 13 {
                report("timeout", "13 brings bad luck; use 14".into());
            }
        }
    }

    fn read(text: &str, env: &[(&str, &str)]) -> Result<Worker, Problems> {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        section("dial.toml", text, "worker", env)
    }

    #[test]
    fn every_problem_is_listed_with_line_and_hint() {
        let text = "[worker]\nmaster_ulr = \"x\"\ntimeout = \"soon\"\n\n[worker.geo]\ncty = 1\n\n[[worker.lists]]\npath = 3\n\n[[worker.lists]]\nfile = \"a\"\n\n[wroker]\n";
        insta::assert_snapshot!(read(text, &[]).unwrap_err());
    }

    #[test]
    fn checks_run_and_syntax_errors_have_lines() {
        insta::assert_snapshot!(read("[worker]\ntimeout = 13\n", &[]).unwrap_err(), @"dial.toml:2: worker.timeout: 13 brings bad luck; use 14");
        insta::assert_snapshot!(read("[worker]\ntimeout = = 1\n", &[]).unwrap_err(), @"dial.toml:2: extra `=`, expected nothing");
    }

    #[test]
    fn a_table_of_its_own_shape_reports_below_itself() {
        let text = "timeout = 13\nmaster_ulr = \"x\"\ngeo = { cty = 1 }\n";
        let mut problems = Vec::new();
        let read: Option<Worker> = table(text.parse().unwrap(), &mut |path, message| {
            problems.push(format!("{path}: {message}"));
        });
        assert!(read.is_none());
        insta::assert_snapshot!(problems.join("\n"), @r"
        geo.cty: unknown key `cty`; did you mean `city`?
        master_ulr: unknown key `master_ulr`; did you mean `master_url`?
        timeout: 13 brings bad luck; use 14
        ");
    }

    #[test]
    fn a_key_that_is_no_text_hides_nothing_beside_it() {
        #[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
        #[serde(rename_all = "lowercase")]
        enum Level {
            High,
        }
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Levels {
            #[serde(default, rename = "levels")]
            _levels: std::collections::BTreeMap<Level, String>,
            #[serde(default, rename = "size")]
            _size: u32,
        }
        impl Check for Levels {
            fn check(&self, _: &mut dyn FnMut(&str, String)) {}
        }
        let cases = [
            ("no such level", "levels = { hgih = 'x' }\nsize = 'big'"),
            ("no text", "levels = { high = 3 }\nsize = 'big'"),
        ];
        for (name, text) in cases {
            let mut paths = Vec::new();
            let read: Option<Levels> = table(text.parse().unwrap(), &mut |path, _| {
                paths.push(path.to_owned());
            });
            assert!(read.is_none(), "{name}");
            assert_eq!(paths, ["levels", "size"], "{name}");
        }
    }

    #[test]
    fn lines_are_found_by_path() {
        let text = "[worker]\nkey = \"x\"\n\n[[worker.lists]]\npath = \"a\"\n";
        let cases = [
            ("worker.key", Some(2)),
            ("worker.lists.0.path", Some(5)),
            ("worker.absent", Some(1)),
            ("master", None),
        ];
        for (path, expected) in cases {
            assert_eq!(line_of(text, path), expected, "{path}");
        }
        assert_eq!(line_of("= broken", "worker"), None);
    }

    #[test]
    fn the_environment_overrides_and_its_errors_are_named() {
        let env = [
            ("DIAL__WORKER__TIMEOUT", "5"),
            ("DIAL__WORKER__GEO__CITY", "/c.mmdb"),
            ("PATH", "x"),
        ];
        let read_back = read("[worker]\ntimeout = 1\nmaster_url = \"u\"", &env).unwrap();
        assert_eq!((read_back.timeout, read_back.master_url.as_str()), (5, "u"));
        assert_eq!(read_back.geo.city.as_deref(), Some("/c.mmdb"));
        assert!(read_back.lists.is_empty());
        let error = read("", &[("DIAL__WORKER__TIMEOUT", "soon")]).unwrap_err();
        insta::assert_snapshot!(error, @r#"dial.toml: worker.timeout: invalid type: string "soon", expected u32"#);
    }
}
