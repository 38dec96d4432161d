//! What a scan reads: files, folders, standard input and S3 objects, found in one settled order.

use super::fetch;
use super::filter::Filter;
use super::layout::Content;
use super::objects::Objects;
use anyhow::Result;
use dial_aws::{Clients, Object, S3Bucket};
use std::fs::Metadata;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use tokio::runtime::Handle;

/// One thing to read.
pub(super) enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File {
        /// Where it is.
        path: PathBuf,
        /// Size and time of the last change; empty where it has neither.
        version: String,
    },
    /// An object of a bucket.
    Object {
        /// `s3://bucket/`.
        place: Arc<str>,
        /// Key, size and version.
        object: Object,
        /// The bucket.
        bucket: Arc<S3Bucket>,
    },
}

/// What a search comes upon.
pub(super) enum Found {
    /// Something to read, of so many bytes where that is known.
    Source(Source, Option<u64>),
    /// A file that is no trail file.
    Skipped(Content),
    /// A source that an earlier scan did.
    Finished,
    /// A place that cannot be read, and why.
    Problem(String, String),
}

/// Takes what is found; `false` ends the search.
pub(super) type Each<'e> = &'e mut dyn FnMut(Found) -> bool;

/// Where to search, and for what.
pub(super) struct Search<'s> {
    pub(super) paths: &'s [String],
    pub(super) filter: &'s Filter,
    pub(super) clients: &'s Clients,
    pub(super) runtime: &'s Handle,
}

impl Search<'_> {
    /// Looks through the paths in the order given; folders are read in order of names.
    pub(super) fn run(&self, each: Each<'_>) {
        for path in self.paths {
            let goes_on = match path.as_str() {
                "-" => each(Found::Source(Source::Stdin, None)),
                text if text.starts_with("s3://") => Objects::new(self).find(text, each),
                text => self.path(Path::new(text), true, each),
            };
            if !goes_on {
                return;
            }
        }
    }

    /// A path that was named is read whatever it is called.
    fn path(&self, path: &Path, is_named: bool, each: Each<'_>) -> bool {
        let found = std::fs::symlink_metadata(path).and_then(|entry| {
            // A link below a folder could lead back to it; a link that was named is meant.
            if entry.is_symlink() && (is_named || !path.is_dir()) {
                std::fs::metadata(path)
            } else {
                Ok(entry)
            }
        });
        let shown = path.to_string_lossy();
        match found {
            Ok(entry) if entry.is_dir() => self.folder(path, is_named, each),
            Ok(_) if !is_named && !self.filter.may_hold(&shown) => true,
            Ok(entry) if is_named && !entry.is_symlink() => each(file(path, &entry)),
            Ok(entry) => match Content::of(&shown) {
                Content::Trail if entry.is_file() => each(file(path, &entry)),
                Content::Digest => each(Found::Skipped(Content::Digest)),
                _ => each(Found::Skipped(Content::Other)),
            },
            Err(error) => each(Found::Problem(shown.into_owned(), error.to_string())),
        }
    }

    fn folder(&self, folder: &Path, is_named: bool, each: Each<'_>) -> bool {
        let shown = folder.to_string_lossy();
        if !is_named && !self.filter.may_hold(&format!("{shown}/")) {
            return true;
        }
        let entries: std::io::Result<Vec<PathBuf>> = std::fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect());
        match entries {
            Ok(mut paths) => {
                paths.sort();
                paths.iter().all(|path| self.path(path, false, each))
            }
            Err(error) => each(Found::Problem(shown.into_owned(), error.to_string())),
        }
    }
}

/// A pipe or device has no size that could be believed.
fn file(path: &Path, entry: &Metadata) -> Found {
    let size = entry.is_file().then_some(entry.len());
    let changed = entry.modified().ok();
    let changed = changed.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let version = size
        .zip(changed)
        .map(|(size, at)| format!("{size}-{}", at.as_nanos()));
    let source = Source::File {
        path: path.to_owned(),
        version: version.unwrap_or_default(),
    };
    Found::Source(source, size)
}

impl Source {
    /// What messages call it.
    pub(super) fn name(&self) -> String {
        match self {
            Source::Stdin => "standard input".to_owned(),
            Source::File { path, .. } => path.display().to_string(),
            Source::Object { place, object, .. } => format!("{place}{}", object.key),
        }
    }

    /// What tells it, and this version of it, from everything else; `None` where nothing does.
    pub(super) fn identity(&self) -> Option<(String, String)> {
        match self {
            Source::Stdin => None,
            Source::File { version, .. } if version.is_empty() => None,
            Source::File { path, version } => {
                let path = std::path::absolute(path).ok()?;
                Some((path.to_string_lossy().into_owned(), version.clone()))
            }
            Source::Object { object, .. } => {
                let version = format!("{}-{}-{}", object.size, object.modified, object.etag);
                Some((self.name(), version))
            }
        }
    }

    /// Whether it comes from a pipe or a device, and so perhaps slowly.
    pub(super) fn is_piped(&self) -> bool {
        match self {
            Source::Stdin => true,
            Source::File { version, .. } => version.is_empty(),
            Source::Object { .. } => false,
        }
    }

    /// Starts to read it.
    pub(super) fn open(&self, runtime: &Handle) -> Result<Box<dyn Read>> {
        match self {
            Source::Stdin => Ok(Box::new(std::io::stdin())),
            Source::File { path, .. } => Ok(Box::new(std::fs::File::open(path)?)),
            Source::Object { object, bucket, .. } => fetch::open(bucket, object, runtime),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_in_order_of_names_and_links_do_not_loop() {
        let folder = tempfile::tempdir().unwrap();
        let day = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/04";
        let other = "AWSLogs/444455556666/CloudTrail/eu-west-1/2026/05/04";
        for name in ["b/2.json", "b/10.json", "a.jsonl", "c.txt"] {
            write(folder.path(), name);
        }
        for name in [day, other] {
            write(folder.path(), &format!("{name}/x.json.gz"));
        }
        write(
            folder.path(),
            "AWSLogs/111122223333/CloudTrail-Digest/d.json.gz",
        );
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path(), folder.path().join("b/loop")).unwrap();
        let filter = Filter {
            accounts: ["111122223333".to_owned()].into(),
            ..Filter::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let search = Search {
            paths: &[folder.path().display().to_string()],
            filter: &filter,
            clients: &Clients::new(),
            runtime: runtime.handle(),
        };
        let (mut names, mut skipped, mut bytes) = (Vec::new(), Vec::new(), 0);
        search.run(&mut |found| {
            match found {
                Found::Source(source, size) => {
                    let name = source.name();
                    let below = name.strip_prefix(folder.path().to_str().unwrap());
                    names.push(below.unwrap().to_owned());
                    bytes += size.unwrap();
                }
                Found::Skipped(what) => skipped.push(what),
                Found::Problem(place, what) => panic!("{place}: {what}"),
                Found::Finished => panic!("nothing is finished"),
            }
            true
        });
        let expected = [
            &format!("/{day}/x.json.gz"),
            "/a.jsonl",
            "/b/10.json",
            "/b/2.json",
        ];
        assert_eq!(names, expected);
        let mut others = vec![Content::Digest, Content::Other];
        others.extend(cfg!(unix).then_some(Content::Other));
        assert_eq!((skipped.len(), bytes), (others.len(), 8));
    }

    fn write(folder: &Path, name: &str) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"{}").unwrap();
    }
}
