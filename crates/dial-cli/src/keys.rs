//! `dial keys`: makes root keys and derives the keys of workers.

use crate::exit::Outcome;
use crate::when;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use dial_core::key::{KEY_BYTES, KeyId, RootKey};
use dial_core::{AccountId, Region, Secret, WorkerId};
use jiff::Timestamp;
use rand::TryRng;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a root key: 32 random bytes, for the master only
    #[command(after_help = NEW_EXAMPLES)]
    New(New),
    /// Derive the key of one worker from a root key
    #[command(after_help = DERIVE_EXAMPLES)]
    Derive(Derive),
}

const NEW_EXAMPLES: &str = "\
Examples:
  dial keys new --out root.key        a file that only you can read
  dial keys new | aws secretsmanager create-secret \\
      --name dial/root-key-1 --secret-string file:///dev/stdin

Number your root keys from 1. To rotate: give the master the new one under the
next number, derive the workers' keys from it, and take the old one away once
no worker uses it.";

const DERIVE_EXAMPLES: &str = "\
Examples:
  dial keys derive --root-key-file root.key --key-number 1 \\
      --account 111122223333 --region eu-central-1
  dial keys derive … --not-after 90d         a key that ends by itself
  dial keys derive … --line >> worker.keys   a line for `dial scan --send --keys`

The key can sign for that account and region only, whatever its holder sends.";

/// Arguments of `keys new`.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// Write the key to this new file, readable by you alone, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `keys derive`.
#[derive(Debug, Args)]
pub(crate) struct Derive {
    /// File that holds the root key (`whsec_…`)
    #[arg(long, value_name = "FILE")]
    root_key_file: PathBuf,
    /// Number of that root key in the master's configuration
    #[arg(long, value_name = "N")]
    key_number: u32,
    /// AWS account that the worker watches, twelve digits
    #[arg(long, value_name = "ACCOUNT", value_parser = AccountId::parse)]
    account: AccountId,
    /// Region that the worker watches
    #[arg(long, value_name = "REGION", value_parser = Region::parse)]
    region: Region,
    /// When the key stops working: a date, a time, or `90d` from now [default: never]
    #[arg(long, value_name = "WHEN")]
    not_after: Option<String>,
    /// Print `account/region number/not-after key`, as `--keys` files hold it
    #[arg(long)]
    line: bool,
}

/// Runs `dial keys`.
pub(crate) fn run(command: &Command) -> Result<Outcome> {
    match command {
        Command::New(args) => new(args)?,
        Command::Derive(args) => derive(args)?,
    }
    Ok(Outcome::Clean)
}

fn new(args: &New) -> Result<()> {
    let key = random()?.to_secret();
    let line = format!("{}\n", key.expose());
    let Some(path) = &args.out else {
        std::io::stdout().write_all(line.as_bytes())?;
        return Ok(());
    };
    write_private(path, line.as_bytes())?;
    anstream::eprintln!("root key written to {}", path.display());
    Ok(())
}

/// A root key from the operating system's random numbers.
pub(crate) fn random() -> Result<RootKey> {
    let mut bytes = [0; KEY_BYTES];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .context("the system gave no random numbers")?;
    Ok(RootKey::from_bytes(bytes))
}

fn derive(args: &Derive) -> Result<()> {
    let root = read_root(&args.root_key_file)?;
    let worker = WorkerId {
        account: args.account.clone(),
        region: args.region.clone(),
    };
    let not_after = not_after(args.not_after.as_deref(), Timestamp::now())?;
    let id = KeyId {
        root: args.key_number,
        not_after,
    };
    let key = root.worker_key(&worker, not_after).to_secret();
    let mut out = std::io::stdout();
    if args.line {
        writeln!(out, "{worker} {id} {}", key.expose())?;
    } else {
        writeln!(out, "{}", key.expose())?;
        anstream::eprintln!("key of {worker}, key id {id}");
    }
    Ok(())
}

/// Unix seconds; 0 = never.
fn not_after(text: Option<&str>, now: Timestamp) -> Result<u64> {
    let Some(text) = text.filter(|text| *text != "never" && *text != "0") else {
        return Ok(0);
    };
    let end = when::future(text, now)?;
    if end <= now {
        bail!("--not-after {text} is already over; give a time to come, or leave it out for never");
    }
    Ok(u64::try_from(end.as_second()).unwrap_or(0))
}

/// Reads a root key file.
pub(crate) fn read_root(path: &Path) -> Result<RootKey> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("root key file {} cannot be read", path.display()))?;
    RootKey::parse(&Secret::new(&text))
        .with_context(|| format!("root key file {} holds no key", path.display()))
}

/// Never overwrites: a lost root key silences every worker.
fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| {
        format!(
            "{} cannot be written (an existing file is never overwritten)",
            path.display()
        )
    })?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_when_told_to_and_never_in_the_past() {
        let now: Timestamp = "2026-05-04T10:00:00Z".parse().unwrap();
        let cases = [
            (None, Some(0)),
            (Some("never"), Some(0)),
            (Some("0"), Some(0)),
            (Some("1d"), Some(1_777_975_200)),
            (Some("2026-05-05T10:00:00Z"), Some(1_777_975_200)),
            (Some("1777975200"), Some(1_777_975_200)),
            (Some("2026-05-04"), None),
            (Some("soon"), None),
        ];
        for (text, expected) in cases {
            assert_eq!(not_after(text, now).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn random_keys_differ() {
        let (a, b) = (random().unwrap().to_secret(), random().unwrap().to_secret());
        assert_ne!(a.expose(), b.expose());
    }
}
