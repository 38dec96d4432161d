//! `dial findings export`: everything that matches, piece by piece, and on again after a break.

use super::client::Client;
use super::progress::Progress;
use super::{Filter, Master, PAGE};
use crate::terminal::count;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use dial_master::api::export::{CSV, NDJSON, OCSF};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Arguments of `findings export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Whole findings, one JSON object a line; a CSV of their lines; or OCSF events, one a line
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// File to write; the same command again goes on where an export broke off
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Continue on standard output where an earlier export ended
    #[arg(long, value_name = "CURSOR", conflicts_with = "out")]
    cursor: Option<String>,
    #[command(flatten)]
    master: Master,
    #[command(flatten)]
    filter: Filter,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
    Ocsf,
}

impl Format {
    fn media(self) -> &'static str {
        match self {
            Self::Jsonl => NDJSON,
            Self::Csv => CSV,
            Self::Ocsf => OCSF,
        }
    }

    /// What a piece adds to the pieces before it: the heading comes once.
    fn continued(self, piece: &[u8]) -> &[u8] {
        let heading = piece.iter().position(|byte| *byte == b'\n');
        match (self, heading) {
            (Self::Csv, Some(end)) => &piece[end + 1..],
            _ => piece,
        }
    }

    fn findings(self, piece: &[u8]) -> u64 {
        let lines = match self {
            Self::Csv => csv::Reader::from_reader(piece).into_byte_records().count(),
            Self::Jsonl | Self::Ocsf => piece.split(|byte| *byte == b'\n').skip(1).count(),
        };
        lines as u64
    }
}

/// How far an export is; lies beside the file until that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Reached {
    /// What was asked for, as it was typed.
    asked: String,
    /// The same as the master understands it.
    query: Vec<(String, String)>,
    /// Where the next piece begins.
    cursor: Option<String>,
    /// Bytes that are written.
    bytes: u64,
    /// Findings that are written.
    findings: u64,
}

/// Writes everything that matches.
pub(super) async fn run(args: &Export) -> Result<()> {
    let client = args.master.client()?;
    let query = args.filter.query(Timestamp::now())?.into_iter();
    let start = Reached {
        asked: format!("{:?} {:?}", args.format, args.filter),
        query: query
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        cursor: args.cursor.clone(),
        bytes: 0,
        findings: 0,
    };
    match &args.out {
        Some(path) => to_file(&client, args.format, path, start).await,
        None if io::stdout().is_terminal() => {
            bail!("an export is for machines; give --out FILE, or send it on with > or |")
        }
        None => to_stdout(&client, args.format, start).await,
    }
}

async fn to_stdout(client: &Client, format: Format, mut reached: Reached) -> Result<()> {
    let progress = Progress::start();
    let mut out = io::stdout().lock();
    loop {
        let hint = || match &reached.cursor {
            Some(cursor) => format!("the export broke off; go on with --cursor {cursor}"),
            None => "the export did not begin".to_owned(),
        };
        let (piece, next) = fetch(client, format, &reached).await.with_context(hint)?;
        out.write_all(&piece).and_then(|()| out.flush())?;
        if !reached.advance(format, &piece, next, &progress)? {
            finish(&reached, &progress, "standard output");
            return Ok(());
        }
    }
}

async fn to_file(client: &Client, format: Format, path: &Path, start: Reached) -> Result<()> {
    if path.exists() {
        bail!(
            "{} is there already; move it away or give another name",
            path.display()
        );
    }
    let (part, state) = (beside(path, "part"), beside(path, "state"));
    let mut reached = resume(&state, start)?;
    let mut file = open(&part, reached.bytes)?;
    let progress = Progress::start();
    loop {
        let hint = || {
            format!(
                "the export broke off; the same command again goes on ({} lie in {})",
                count(reached.findings, "finding"),
                part.display()
            )
        };
        let (piece, next) = fetch(client, format, &reached).await.with_context(hint)?;
        file.write_all(&piece)
            .and_then(|()| file.sync_data())
            .with_context(|| format!("{} cannot be written", part.display()))?;
        if !reached.advance(format, &piece, next, &progress)? {
            break;
        }
        save(&state, &reached)?;
    }
    fs::rename(&part, path)
        .with_context(|| format!("{} cannot be named {}", part.display(), path.display()))?;
    // Without a state there is nothing to go on with: that it is gone already is no error.
    let _ = fs::remove_file(&state);
    finish(&reached, &progress, &path.display().to_string());
    Ok(())
}

/// The next piece as it is to be written, and the cursor behind it.
async fn fetch(
    client: &Client,
    format: Format,
    reached: &Reached,
) -> Result<(Vec<u8>, Option<String>)> {
    let mut query: Vec<(&str, String)> = reached
        .query
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    query.push(("limit", PAGE.to_string()));
    query.extend(reached.cursor.clone().map(|cursor| ("cursor", cursor)));
    let (piece, next) = client
        .get_form(&["v1", "findings"], &query, format.media())
        .await?;
    let piece = match reached.cursor {
        Some(_) => format.continued(&piece).to_vec(),
        None => piece,
    };
    Ok((piece, next))
}

impl Reached {
    /// Notes a piece; `false` where it was the last.
    fn advance(
        &mut self,
        format: Format,
        piece: &[u8],
        next: Option<String>,
        progress: &Progress,
    ) -> Result<bool> {
        if next.is_some() && next == self.cursor {
            bail!("the master's cursor does not move on");
        }
        let headed = self.cursor.is_none();
        self.bytes += piece.len() as u64;
        // The reader of CSV takes the first line for the heading.
        let continued = u64::from(format == Format::Csv && !headed && !piece.is_empty());
        self.findings += format.findings(piece) + continued;
        self.cursor = next;
        progress.reached(self.cursor.as_deref(), Some(self.findings));
        Ok(self.cursor.is_some())
    }
}

fn finish(reached: &Reached, progress: &Progress, place: &str) {
    progress.hide();
    let findings = count(reached.findings, "finding");
    anstream::eprintln!("{findings} exported to {place}");
}

/// `<path>.<ending>`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Where an earlier export of the same ended, or the start.
fn resume(state: &Path, start: Reached) -> Result<Reached> {
    let text = match fs::read(state) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(start),
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be read", state.display()));
        }
    };
    let remove = || format!("remove {} to start anew", state.display());
    let reached: Reached = serde_json::from_slice(&text).with_context(remove)?;
    if reached.asked != start.asked {
        bail!(
            "an export with other filters or another format broke off here; {}",
            remove()
        );
    }
    Ok(reached)
}

/// The file with what is known to be whole: a piece that was cut off comes again.
fn open(part: &Path, bytes: u64) -> Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    // Findings name people and resources: the file is for its owner only.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(part).and_then(|file| {
        file.set_len(bytes)?;
        Ok(file)
    });
    opened.with_context(|| format!("{} cannot be written", part.display()))
}

fn save(state: &Path, reached: &Reached) -> Result<()> {
    let new = beside(state, "new");
    let text = serde_json::to_vec(reached)?;
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, state))
        .with_context(|| format!("{} cannot be written", state.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(asked: &str) -> Reached {
        Reached {
            asked: asked.into(),
            query: vec![("severity".into(), "high".into())],
            cursor: None,
            bytes: 0,
            findings: 0,
        }
    }

    #[test]
    fn a_heading_comes_once_and_findings_are_counted() {
        let piece = b"id,title\na,\"one\nline\"\nb,c\n";
        let mut reached = start("x");
        let progress = Progress::start();
        assert!(
            reached
                .advance(Format::Csv, piece, Some("c1".into()), &progress)
                .unwrap()
        );
        assert_eq!((reached.findings, reached.bytes), (2, 26));
        let rest = Format::Csv.continued(piece);
        assert_eq!(rest, b"a,\"one\nline\"\nb,c\n");
        assert!(
            reached
                .advance(Format::Csv, rest, Some("c1".into()), &progress)
                .is_err()
        );
        assert!(!reached.advance(Format::Csv, rest, None, &progress).unwrap());
        assert_eq!(reached.findings, 4);
        assert_eq!(Format::Jsonl.continued(b"{}\n{}\n"), b"{}\n{}\n");
        assert_eq!(Format::Ocsf.findings(b"{}\n{}\n"), 2);
        assert_eq!(Format::Csv.continued(b"id,title\n"), b"");
    }

    #[test]
    fn an_export_goes_on_where_it_broke_off_and_only_that_one() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("out.state");
        assert_eq!(resume(&state, start("a")).unwrap(), start("a"));
        let far = Reached {
            cursor: Some("c".into()),
            bytes: 3,
            ..start("a")
        };
        save(&state, &far).unwrap();
        // The query of the first time counts: `24h` would be another time by now.
        let later = Reached {
            query: Vec::new(),
            ..start("a")
        };
        assert_eq!(resume(&state, later).unwrap(), far);
        assert!(resume(&state, start("b")).is_err());
        fs::write(&state, "{").unwrap();
        assert!(resume(&state, start("a")).is_err());
        let part = folder.path().join("out.part");
        fs::write(&part, "abcdef").unwrap();
        open(&part, 3).unwrap().write_all(b"X").unwrap();
        assert_eq!(fs::read(&part).unwrap(), b"abcX");
    }
}
