//! What a scan reads: files, folders, standard input and S3 objects, in one settled order.

use anyhow::Result;
use dial_aws::{Clients, Location, open_bucket};
use dial_core::ports::Bucket;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Endings of the files that a folder is searched for.
const ENDINGS: [&str; 4] = [".json", ".jsonl", ".json.gz", ".jsonl.gz"];
/// CloudTrail puts digests beside its trail files; they hold no events.
const DIGESTS: &str = "CloudTrail-Digest";
/// Largest object; CloudTrail's are a few MB.
const MAX_OBJECT: usize = 64 * 1024 * 1024;

/// One thing to read.
pub(super) enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// An object of a bucket.
    Object {
        /// `s3://bucket/`.
        place: String,
        /// Its key.
        key: String,
        /// The bucket.
        bucket: Arc<dyn Bucket>,
    },
}

/// Everything to read, and what is not.
#[derive(Default)]
pub(super) struct Sources {
    /// In order.
    pub(super) list: Vec<Source>,
    /// Files of folders that are no trail files.
    pub(super) skipped: u64,
    /// Paths that cannot be read, with the reason.
    pub(super) problems: Vec<(String, String)>,
    /// Bytes of all files; `None` where some size is not known.
    pub(super) bytes: Option<u64>,
}

impl Sources {
    /// Looks through the paths in the order given; folders are read in order of names.
    pub(super) fn find(paths: &[String], clients: &Clients, runtime: &Handle) -> Self {
        let mut sources = Self {
            bytes: Some(0),
            ..Self::default()
        };
        for path in paths {
            match path.as_str() {
                "-" => sources.add_sizeless(Source::Stdin),
                text if text.starts_with("s3://") => {
                    if let Err(error) = runtime.block_on(sources.add_objects(text, clients)) {
                        sources.problem(text, &error);
                    }
                }
                text => sources.add_path(Path::new(text), true),
            }
        }
        sources
    }

    fn problem(&mut self, path: &str, error: &anyhow::Error) {
        self.problems.push((path.to_owned(), format!("{error:#}")));
    }

    fn add_sizeless(&mut self, source: Source) {
        self.bytes = None;
        self.list.push(source);
    }

    /// A path that was named is read whatever it is called.
    fn add_path(&mut self, path: &Path, is_named: bool) {
        let found = std::fs::symlink_metadata(path).and_then(|entry| {
            // A link below a folder could lead back to it; a link that was named is meant.
            if entry.is_symlink() && (is_named || !path.is_dir()) {
                std::fs::metadata(path)
            } else {
                Ok(entry)
            }
        });
        match found {
            Ok(entry) if entry.is_dir() => self.add_folder(path),
            Ok(_) if !is_named && !is_trail(&path.to_string_lossy()) => self.skipped += 1,
            Ok(entry) if entry.is_file() => {
                self.bytes = self.bytes.map(|bytes| bytes.saturating_add(entry.len()));
                self.list.push(Source::File(path.to_owned()));
            }
            Ok(entry) if is_named && !entry.is_symlink() => {
                self.add_sizeless(Source::File(path.to_owned()));
            }
            Ok(_) => self.skipped += 1,
            Err(error) => self.problem(&path.to_string_lossy(), &error.into()),
        }
    }

    fn add_folder(&mut self, folder: &Path) {
        let entries: std::io::Result<Vec<PathBuf>> = std::fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect());
        match entries {
            Ok(mut paths) => {
                paths.sort();
                for path in paths {
                    self.add_path(&path, false);
                }
            }
            Err(error) => self.problem(&folder.to_string_lossy(), &error.into()),
        }
    }

    async fn add_objects(&mut self, text: &str, clients: &Clients) -> Result<()> {
        let Location::S3 { bucket, key } = text.parse()? else {
            anyhow::bail!("no S3 location");
        };
        let place = format!("s3://{bucket}/");
        let bucket = open_bucket(&place, clients)?;
        let keys = bucket.list(&key).await?;
        if keys.is_empty() {
            anyhow::bail!("no object there");
        }
        for found in keys {
            if found == key || is_trail(&found) {
                self.add_sizeless(Source::Object {
                    place: place.clone(),
                    key: found,
                    bucket: Arc::clone(&bucket),
                });
            } else {
                self.skipped += 1;
            }
        }
        Ok(())
    }
}

impl Source {
    /// What messages call it.
    pub(super) fn name(&self) -> String {
        match self {
            Source::Stdin => "standard input".to_owned(),
            Source::File(path) => path.display().to_string(),
            Source::Object { place, key, .. } => format!("{place}{key}"),
        }
    }

    /// Starts to read it.
    pub(super) fn open(&self, runtime: &Handle) -> Result<Box<dyn Read>> {
        match self {
            Source::Stdin => Ok(Box::new(std::io::stdin())),
            Source::File(path) => Ok(Box::new(std::fs::File::open(path)?)),
            Source::Object { key, bucket, .. } => {
                let body = runtime.block_on(bucket.get(key, MAX_OBJECT))?;
                let body = body.ok_or_else(|| anyhow::anyhow!("the object is gone"))?;
                Ok(Box::new(Cursor::new(body)))
            }
        }
    }
}

fn is_trail(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    !path.contains(DIGESTS) && ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trail_files_are_told_by_name() {
        let cases = [
            (
                "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/04/a.json.gz",
                true,
            ),
            (
                "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/a.json.gz",
                false,
            ),
            ("events.jsonl", true),
            ("EVENTS.JSON", true),
            ("notes.txt", false),
            ("a.json.bak", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_trail(path), expected, "{path}");
        }
    }

    #[test]
    fn folders_are_read_in_order_of_names_and_links_do_not_loop() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/2.json", "b/10.json", "a.jsonl", "c.txt"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"{}").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path(), folder.path().join("b/loop")).unwrap();
        let mut sources = Sources {
            bytes: Some(0),
            ..Sources::default()
        };
        sources.add_path(folder.path(), true);
        let names: Vec<String> = sources.list.iter().map(Source::name).collect();
        let names: Vec<&str> = names
            .iter()
            .map(|name| name.strip_prefix(folder.path().to_str().unwrap()).unwrap())
            .collect();
        assert_eq!(names, ["/a.jsonl", "/b/10.json", "/b/2.json"]);
        assert_eq!(
            (sources.skipped, sources.bytes),
            (if cfg!(unix) { 2 } else { 1 }, Some(6))
        );
    }
}
