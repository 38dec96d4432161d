//! What a scan has finished, kept in a file, so that a scan that was stopped can go on.
//!
//! JSON Lines: a heading that says what was asked, then one line a source. A line is written when
//! everything that the source gave has been printed, and sent where `--send` is given.

use super::sources::Source;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Version of the format.
const FORMAT: u32 = 1;
/// Longest line that can be one of ours, bytes: a path or key, and a version.
const MAX_LINE: u64 = 16 * 1024;

/// The first line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heading {
    dial_checkpoint: u32,
    /// Hash of the rules and settings.
    rules: String,
    /// The arguments that decide what is found.
    asked: String,
}

/// One source that is done with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    source: String,
    version: String,
}

/// First half of a SHA-256: sixteen bytes a source, whatever its name's length.
type Mark = [u8; 16];

/// An open checkpoint file, locked for this process.
pub(super) struct Checkpoint {
    file: File,
    path: PathBuf,
}

/// The sources that an earlier scan finished.
#[derive(Debug, Default)]
pub(super) struct Finished(HashSet<Mark>);

impl Finished {
    /// Whether this version of the source was finished.
    pub(super) fn holds(&self, source: &Source) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let identity = source.identity();
        identity.is_some_and(|(source, version)| self.0.contains(&mark(&source, &version)))
    }
}

impl Checkpoint {
    /// Opens or makes the file; fails where it is of another scan, damaged, or in use.
    pub(super) fn open(path: &Path, rules: &str, asked: &str) -> Result<(Self, Finished)> {
        let shown = path.display();
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(path);
        let file = file.with_context(|| format!("checkpoint {shown} cannot be opened"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("checkpoint {shown} is in use by another scan"),
            Err(TryLockError::Error(error)) => {
                return Err(error).context(format!("checkpoint {shown} cannot be locked"));
            }
        }
        let heading = Heading {
            dial_checkpoint: FORMAT,
            rules: rules.to_owned(),
            asked: asked.to_owned(),
        };
        let mut checkpoint = Self {
            file,
            path: path.to_owned(),
        };
        let finished = checkpoint
            .read(&heading)
            .with_context(|| format!("checkpoint {shown}"))?;
        Ok((checkpoint, finished))
    }

    fn read(&mut self, expected: &Heading) -> Result<Finished> {
        let mut lines = BufReader::new(&self.file);
        let (mut text, mut good, mut number) = (Vec::new(), 0_u64, 0_u64);
        let mut finished = Finished::default();
        loop {
            text.clear();
            let read = lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut text)? as u64;
            // A scan that was killed may have left half a line; only the last one can be half.
            let is_whole = text.last() == Some(&b'\n');
            if !is_whole && read < MAX_LINE {
                if number == 0 && !serde_json::to_vec(expected)?.starts_with(&text) {
                    bail!("the file is none; name another one");
                }
                break;
            }
            number += 1;
            let damaged =
                || format!("line {number} is damaged; delete the file to scan everything again");
            if number == 1 {
                let heading: Heading = serde_json::from_slice(&text).with_context(damaged)?;
                same(&heading, expected)?;
            } else {
                let line: Line = serde_json::from_slice(&text).with_context(damaged)?;
                finished.0.insert(mark(&line.source, &line.version));
            }
            good += read;
        }
        self.file.set_len(good)?;
        self.file.seek(SeekFrom::End(0))?;
        if number == 0 {
            self.write(&[serde_json::to_string(expected)?])?;
        }
        Ok(finished)
    }

    /// Adds sources that are done with.
    pub(super) fn add(&mut self, sources: &[(String, String)]) -> Result<()> {
        let lines = sources.iter().map(|(source, version)| {
            let (source, version) = (source.clone(), version.clone());
            serde_json::to_string(&Line { source, version })
        });
        let lines: Vec<String> = lines.collect::<Result<_, _>>()?;
        self.write(&lines)
            .with_context(|| format!("checkpoint {} cannot be written", self.path.display()))
    }

    /// One call, so that a scan that is killed leaves at most one half line.
    fn write(&mut self, lines: &[String]) -> Result<()> {
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        Ok(self.file.write_all(text.as_bytes())?)
    }
}

fn same(found: &Heading, expected: &Heading) -> Result<()> {
    let differs = if found.dial_checkpoint != expected.dial_checkpoint {
        format!(
            "is of format {}, this program writes {FORMAT}",
            found.dial_checkpoint
        )
    } else if found.rules != expected.rules {
        format!(
            "is of a scan with the rules and settings {}, these are {}",
            found.rules, expected.rules
        )
    } else if found.asked != expected.asked {
        format!(
            "is of a scan that was asked `{}`, this is `{}`",
            found.asked, expected.asked
        )
    } else {
        return Ok(());
    };
    bail!("{differs}; name another file, or delete this one to scan everything again")
}

fn mark(source: &str, version: &str) -> Mark {
    let mut hash = Sha256::new();
    hash.update((source.len() as u64).to_be_bytes());
    hash.update(source);
    hash.update(version);
    let mut mark = Mark::default();
    mark.copy_from_slice(&hash.finalize()[..16]);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str) -> Source {
        Source::File {
            path: path.into(),
            version: "2-1".into(),
        }
    }

    fn open(path: &Path, rules: &str, asked: &str) -> Result<(Checkpoint, Finished), String> {
        Checkpoint::open(path, rules, asked).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn what_was_finished_is_remembered_by_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        let (mut checkpoint, finished) = open(&path, "r", "a").unwrap();
        assert!(!finished.holds(&source("/x")));
        checkpoint.add(&[source("/x").identity().unwrap()]).unwrap();
        assert!(open(&path, "r", "a").err().unwrap().contains("in use"));
        drop(checkpoint);
        let (_, finished) = open(&path, "r", "a").unwrap();
        let changed = Source::File {
            path: "/x".into(),
            version: "2-2".into(),
        };
        assert!(finished.holds(&source("/x")) && !finished.holds(&source("/y")));
        assert!(!finished.holds(&changed) && !finished.holds(&Source::Stdin));
    }

    #[test]
    fn half_a_last_line_is_forgotten_and_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        let (mut checkpoint, _) = open(&path, "r", "a").unwrap();
        checkpoint.add(&[source("/x").identity().unwrap()]).unwrap();
        drop(checkpoint);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut checkpoint, finished) = open(&path, "r", "a").unwrap();
            assert!(!finished.holds(&source("/x")), "{cut}");
            checkpoint.add(&[source("/y").identity().unwrap()]).unwrap();
            drop(checkpoint);
            let (_, finished) = open(&path, "r", "a").unwrap();
            assert!(finished.holds(&source("/y")), "{cut}");
        }
    }

    #[test]
    fn a_file_of_another_scan_or_a_damaged_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        drop(open(&path, "r", "a").unwrap());
        let good = std::fs::read_to_string(&path).unwrap();
        let cases = [
            (
                "rules",
                good.clone(),
                ("r2", "a"),
                "with the rules and settings r, these are r2",
            ),
            (
                "question",
                good.clone(),
                ("r", "b"),
                "was asked `a`, this is `b`",
            ),
            (
                "damage",
                format!("{good}{{\"sou\n{{}}\n"),
                ("r", "a"),
                "line 2 is damaged",
            ),
            (
                "no checkpoint",
                "hello\n".into(),
                ("r", "a"),
                "line 1 is damaged",
            ),
            (
                "not even a line",
                "hello".into(),
                ("r", "a"),
                "the file is none",
            ),
            (
                "endless",
                "x".repeat(20_000),
                ("r", "a"),
                "line 1 is damaged",
            ),
            ("format", good.replace(":1,", ":9,"), ("r", "a"), "format 9"),
        ];
        for (name, content, (rules, asked), expected) in cases {
            std::fs::write(&path, &content).unwrap();
            let error = open(&path, rules, asked).err().unwrap();
            assert!(error.contains(expected), "{name}: {error}");
            assert_eq!(
                std::fs::read_to_string(&path).unwrap(),
                content,
                "{name}: kept"
            );
        }
    }
}
