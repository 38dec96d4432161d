//! `dial rules new`: the first draft of a rule and of its test events.

use super::one_event;
use crate::exit::Outcome;
use crate::terminal::{DIM, GOOD, paint};
use anyhow::{Context, Result, bail};
use clap::Args;
use dial_detect::engine::{Draft, FILL_IN, Scaffold, scaffold};
use jiff::Timestamp;
use rand::TryRng;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Help below the arguments of `rules new`.
pub(super) const EXAMPLES: &str = "\
Examples:
  dial rules new s3/bucket_opened --from event.json --dir ./my-rules
  dial rules new iam/user_created --event-name CreateUser --dir ./my-rules
  dial rules new kms/key_deleted --from trail.json.gz --event-id 3f4c… --dir ./my-rules

Writes the rule and two test events, one to match and one not. Secrets of a real
event are replaced; read the rest before you commit it.";

/// Arguments of `rules new`.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// Folder and name of the rule
    #[arg(value_name = "SERVICE/RULE")]
    path: String,
    /// Event that the rule is about
    #[arg(long, value_name = "NAME")]
    event_name: Option<String>,
    /// Its source [default: the service that the folder names, or the only one with that event]
    #[arg(long, value_name = "SOURCE")]
    event_source: Option<String>,
    /// One line for people
    #[arg(long)]
    title: Option<String>,
    /// A real event to begin with: a record, an EventBridge event or a trail file; `-` for
    /// standard input
    #[arg(long, value_name = "EVENT")]
    from: Option<String>,
    #[command(flatten)]
    wanted: one_event::Wanted,
    /// Folder of your rules
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Folder of their test events [default: `fixtures` in the folder of the rules]
    #[arg(long, value_name = "DIR")]
    fixtures: Option<PathBuf>,
}

/// Runs `dial rules new`.
pub(super) fn run(args: &New) -> Result<Outcome> {
    let event = match &args.from {
        Some(path) => Some(one_event::read(path, &args.wanted)?),
        None => None,
    };
    let made = scaffold(&Draft {
        path: args.path.trim_end_matches(".yml").to_owned(),
        id: uuid()?,
        date: today(Timestamp::now()),
        title: args.title.clone(),
        event_source: args.event_source.clone(),
        event_name: args.event_name.clone(),
        event,
    })?;
    let fixtures = args.fixtures.clone();
    let fixtures = fixtures.unwrap_or_else(|| args.dir.join("fixtures"));
    let rule = args.dir.join(&made.rule_path);
    write(&made, &rule, &fixtures)?;
    anstream::eprintln!("{}", next(&made, &rule, &args.dir, &fixtures));
    Ok(Outcome::Clean)
}

/// Nothing that is there already is written over.
fn write(made: &Scaffold, rule: &Path, fixtures: &Path) -> Result<()> {
    let events = made.fixtures.iter().map(|(path, event)| {
        let text = serde_json::to_string_pretty(event).context("an event is JSON")?;
        Ok((fixtures.join(path), text + "\n"))
    });
    let mut files: Vec<(PathBuf, String)> = events.collect::<Result<_>>()?;
    files.insert(0, (rule.to_owned(), made.rule.clone()));
    if let Some((there, _)) = files.iter().find(|(path, _)| path.exists()) {
        bail!("{} exists already", there.display());
    }
    for (path, text) in &files {
        if let Some(folder) = path.parent() {
            let made = std::fs::create_dir_all(folder);
            made.with_context(|| folder.display().to_string())?;
        }
        let mut file =
            std::fs::File::create_new(path).with_context(|| path.display().to_string())?;
        file.write_all(text.as_bytes())
            .with_context(|| path.display().to_string())?;
        anstream::eprintln!("{} {}", paint(GOOD, "wrote"), path.display());
    }
    Ok(())
}

fn next(made: &Scaffold, rule: &Path, dir: &Path, fixtures: &Path) -> String {
    let (rule, dir) = (rule.display(), dir.display());
    let match_event = made.fixtures.first().map(|(path, _)| fixtures.join(path));
    let match_event = match_event.unwrap_or_default();
    let commands = [
        format!("dial rules lint {dir}"),
        format!("dial rules test {dir} --fixtures {}", fixtures.display()),
        format!("dial rules explain {rule} {}", match_event.display()),
        format!("dial rules backtest {rule} ./AWSLogs"),
    ];
    format!(
        "\nReplace each {FILL_IN}, then:\n  {}",
        paint(DIM, commands.join("\n  "))
    )
}

fn today(now: Timestamp) -> String {
    now.to_string().chars().take(10).collect()
}

/// A random UUID, version 4.
fn uuid() -> Result<String> {
    let mut bytes = [0; 16];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .context("the system gave no random numbers")?;
    let number = u128::from_be_bytes(bytes);
    let version = (number & !(0xf << 76)) | (4 << 76);
    let variant = (version & !(0b11 << 62)) | (0b10 << 62);
    let hex = format!("{variant:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    Ok(parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_uuids() {
        let (one, other) = (uuid().unwrap(), uuid().unwrap());
        assert_ne!(one, other);
        let places: Vec<usize> = one.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!((one.len(), places), (36, vec![8, 13, 18, 23]));
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&one.as_bytes()[19]), "{one}");
        let day = "2026-05-04T23:59:59Z".parse().unwrap();
        assert_eq!(today(day), "2026-05-04");
    }
}
