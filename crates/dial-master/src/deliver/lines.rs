//! Appends JSON lines to files: each whole, durable, and once.
//!
//! Whoever appends holds the file's lock. A line that an earlier attempt may have written is
//! looked for first, by its `metadata.uid`; the first look reads the file, later ones only what
//! was added since. What a crash cut off is closed with a line break and written anew.

use crate::sinks::Line;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Longest line that a look reads; a finding is shorter.
const MAX_LINE: u64 = 4 * 1024 * 1024;

/// Whether a line was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It is durable now.
    Now,
    /// It was before.
    Before,
}

/// Why a line could not be written; names the file.
#[derive(Debug, thiserror::Error)]
#[error("cannot append to {path}: {reason}")]
pub(super) struct AppendError {
    path: String,
    reason: String,
}

/// Appends to files; remembers what it has read of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines(Arc<Mutex<BTreeMap<PathBuf, Seen>>>);

/// What is known of one file.
#[derive(Debug, Default)]
struct Seen {
    /// Device and inode: a rotated file is another one.
    file: (u64, u64),
    /// Bytes read so far; always after a line break.
    read: u64,
    /// Hashes of the uids read, for a file may hold millions.
    uids: HashSet<[u8; 16]>,
}

#[derive(Deserialize)]
struct Event<'l> {
    #[serde(borrow)]
    metadata: Metadata<'l>,
}

#[derive(Deserialize)]
struct Metadata<'l> {
    #[serde(borrow)]
    uid: std::borrow::Cow<'l, str>,
}

impl Lines {
    /// Writes a line unless it is there; durable when this returns.
    pub(super) async fn append(&self, line: Line, text: Vec<u8>) -> Result<Written, AppendError> {
        let lines = self.clone();
        let path = line.path.display().to_string();
        let work = tokio::task::spawn_blocking(move || lines.write(&line, &text));
        let done = match work.await {
            Ok(done) => done,
            Err(_) => Err(io::Error::other("writer panicked")),
        };
        done.map_err(|error| AppendError {
            path,
            reason: error.to_string(),
        })
    }

    fn write(&self, line: &Line, text: &[u8]) -> io::Result<Written> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = known.entry(line.path.clone()).or_default();
        let mut file = open(&line.path)?;
        file.lock()?;
        if line.look && seen.look(&mut file, &line.uid)? {
            append(&mut file, b"")?;
            return Ok(Written::Before);
        }
        append(&mut file, text)?;
        Ok(Written::Now)
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
}

/// Ends the last line where it has no end, then writes the line, unless it is empty, and its
/// break; what could not be written whole is taken back.
fn append(file: &mut File, text: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let mut whole = Vec::with_capacity(text.len() + 2);
    if is_cut_off(file, before)? {
        whole.push(b'\n');
    }
    if !text.is_empty() {
        whole.extend_from_slice(text);
        whole.push(b'\n');
    }
    let written = file.write_all(&whole).and_then(|()| file.sync_data());
    written.inspect_err(|_| {
        let _ = file.set_len(before);
    })
}

/// Whether the last line has no end: its writer crashed.
fn is_cut_off(file: &mut File, length: u64) -> io::Result<bool> {
    let Some(last) = length.checked_sub(1) else {
        return Ok(false);
    };
    let mut byte = [0];
    file.seek(SeekFrom::Start(last))?;
    file.read_exact(&mut byte)?;
    Ok(byte != *b"\n")
}

impl Seen {
    /// Whether the file has a whole line of that uid.
    fn look(&mut self, file: &mut File, uid: &str) -> io::Result<bool> {
        let now = file.metadata()?;
        let identity = (now.dev(), now.ino());
        if self.file != identity || self.read > now.len() {
            *self = Self {
                file: identity,
                ..Self::default()
            };
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut reader = BufReader::new(&*file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = reader
                .by_ref()
                .take(MAX_LINE)
                .read_until(b'\n', &mut line)?;
            let event = serde_json::from_slice::<Event<'_>>(&line);
            // What a crash cut off is no JSON, unless only its end is missing.
            if line.last() != Some(&b'\n') && (length as u64) < MAX_LINE {
                let last = event.is_ok_and(|event| event.metadata.uid == uid);
                return Ok(last || self.uids.contains(&hash(uid)));
            }
            self.read += length as u64;
            if let Ok(event) = event {
                self.uids.insert(hash(&event.metadata.uid));
            }
        }
    }
}

fn hash(uid: &str) -> [u8; 16] {
    let whole: [u8; 32] = Sha256::digest(uid).into();
    *whole.first_chunk().expect("32 bytes hold 16")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &Path, uid: &str, look: bool) -> Line {
        Line {
            path: path.to_owned(),
            uid: uid.to_owned(),
            look,
        }
    }

    fn text(uid: &str) -> Vec<u8> {
        format!("{{\"severity\":1,\"metadata\":{{\"version\":\"1\",\"uid\":\"{uid}\"}}}}")
            .into_bytes()
    }

    async fn write(lines: &Lines, path: &Path, uid: &str, look: bool) -> Written {
        let done = lines.append(line(path, uid, look), text(uid)).await;
        done.unwrap()
    }

    fn uids(path: &Path) -> Vec<String> {
        let content = std::fs::read_to_string(path).unwrap();
        let read = |line: &str| {
            let event = serde_json::from_str::<Event<'_>>(line);
            event.map_or("?".to_owned(), |e| e.metadata.uid.into_owned())
        };
        content.lines().map(read).collect()
    }

    #[tokio::test]
    async fn a_line_is_written_once_whoever_tries_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/findings.jsonl");
        let first = Lines::default();
        assert_eq!(write(&first, &path, "a", false).await, Written::Now);
        assert_eq!(write(&first, &path, "a", true).await, Written::Before);
        assert_eq!(write(&first, &path, "b", true).await, Written::Now);
        // Another process, which has read nothing yet.
        let second = Lines::default();
        assert_eq!(write(&second, &path, "b", true).await, Written::Before);
        assert_eq!(write(&second, &path, "c", true).await, Written::Now);
        // Written meanwhile by the other one.
        assert_eq!(write(&first, &path, "c", true).await, Written::Before);
        assert_eq!(uids(&path), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn a_line_that_a_crash_cut_off_is_closed_and_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("findings.jsonl");
        let whole = [text("a"), b"\n".to_vec(), text("b")].concat();
        for cut in 1..text("b").len() {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let lines = Lines::default();
            assert_eq!(write(&lines, &path, "b", true).await, Written::Now, "{cut}");
            assert_eq!(write(&lines, &path, "b", true).await, Written::Before);
            assert_eq!(uids(&path), ["a", "?", "b"], "{cut}");
        }
        // All but the line break was written.
        std::fs::write(&path, &whole).unwrap();
        let lines = Lines::default();
        assert_eq!(write(&lines, &path, "b", true).await, Written::Before);
        assert_eq!(uids(&path), ["a", "b"]);
        assert!(std::fs::read(&path).unwrap().ends_with(b"\n"));
    }

    #[tokio::test]
    async fn a_rotated_file_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("findings.jsonl");
        let lines = Lines::default();
        write(&lines, &path, "a", true).await;
        std::fs::rename(&path, folder.path().join("findings.jsonl.1")).unwrap();
        assert_eq!(write(&lines, &path, "b", true).await, Written::Now);
        assert_eq!(write(&lines, &path, "b", true).await, Written::Before);
        std::fs::write(&path, "").unwrap();
        assert_eq!(write(&lines, &path, "b", true).await, Written::Now);
        assert_eq!(uids(&path), ["b"]);
    }

    #[tokio::test]
    async fn foreign_lines_do_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("findings.jsonl");
        let long = vec![b'x'; usize::try_from(MAX_LINE).unwrap() + 9];
        let foreign = [
            b"\n{}\nnull\n\xff\n",
            long.as_slice(),
            b"\n",
            &text("a"),
            b"\n",
        ];
        std::fs::write(&path, foreign.concat()).unwrap();
        let lines = Lines::default();
        assert_eq!(write(&lines, &path, "a", true).await, Written::Before);
        assert_eq!(write(&lines, &path, "b", true).await, Written::Now);
    }

    #[tokio::test]
    async fn many_writers_of_many_lines_keep_each_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("findings.jsonl");
        let writers = (0..4).map(|_| {
            let (lines, path) = (Lines::default(), path.clone());
            async move {
                for n in 0..25 {
                    write(&lines, &path, &n.to_string(), true).await;
                }
            }
        });
        futures::future::join_all(writers).await;
        let mut found = uids(&path);
        found.sort_unstable();
        let mut expected: Vec<String> = (0..25).map(|n| n.to_string()).collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_told_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let lines = Lines::default();
        let done = lines
            .append(line(folder.path(), "a", false), text("a"))
            .await;
        let error = done.unwrap_err().to_string();
        assert!(error.contains(&*folder.path().to_string_lossy()), "{error}");
    }
}
