//! Reads the operator's folder of rules.

use super::RuleError;
use super::rule::{is_rule, name_of};
use std::path::{Path, PathBuf};

/// Largest rule file, bytes; the largest public collection of one file is a fifth of it.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// Most rule files of a folder.
const MAX_FILES: usize = 10_000;
/// Deepest folder, so that a loop of links ends.
const MAX_DEPTH: usize = 16;

/// One rule file.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// For people: path in the pack or on disk.
    pub(super) file: String,
    /// Name that a rule of this file has unless it says otherwise: the path with `_`.
    pub(super) name: String,
    pub(super) text: String,
}

/// All rule files below a folder, in order of their paths; a file is taken as a folder of one.
pub(super) fn folder(root: &Path) -> Result<Vec<Source>, Vec<RuleError>> {
    match readable(root) {
        (sources, errors) if errors.is_empty() => Ok(sources),
        (_, errors) => Err(errors),
    }
}

/// As [`folder`]: what can be read, and why the rest cannot.
pub(super) fn readable(root: &Path) -> (Vec<Source>, Vec<RuleError>) {
    let mut paths = Vec::new();
    let mut errors = Vec::new();
    if root.is_file() {
        paths.push(root.to_owned());
    } else {
        walk(root, 0, &mut paths, &mut errors);
    }
    paths.sort();
    let mut sources = Vec::new();
    for path in paths {
        match read(&path) {
            Ok(text) => sources.push(Source {
                name: name_below(root, &path),
                file: path.display().to_string(),
                text,
            }),
            Err(message) => errors.push(RuleError::of_file(&path, message)),
        }
    }
    (sources, errors)
}

/// The name that the path says; of a lone file its own.
fn name_below(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).ok();
    let below = below.filter(|below| !below.as_os_str().is_empty());
    let own = || Path::new(path.file_name().unwrap_or_default());
    name_of(below.unwrap_or_else(own))
}

fn walk(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>, errors: &mut Vec<RuleError>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) if depth <= MAX_DEPTH => entries,
        Ok(_) => {
            let message = format!("folders nest deeper than {MAX_DEPTH}");
            return errors.push(RuleError::of_file(folder, message));
        }
        Err(error) => return errors.push(RuleError::of_file(folder, error.to_string())),
    };
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                errors.push(RuleError::of_file(folder, error.to_string()));
                continue;
            }
        };
        if path.is_dir() {
            walk(&path, depth + 1, paths, errors);
        } else if is_rule(&path) {
            if paths.len() == MAX_FILES {
                let message = format!("more than {MAX_FILES} rule files");
                return errors.push(RuleError::of_file(folder, message));
            }
            paths.push(path);
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > MAX_FILE {
        return Err(format!("file is {size} bytes, {MAX_FILE} are allowed"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let lines = error.as_bytes().iter().take(valid);
        let line = lines.filter(|byte| **byte == b'\n').count() + 1;
        format!("what stands at line {line} is no UTF-8; save the file as UTF-8")
    })
}
