//! `dial rules docs`: the reference of the rules, one page a service.

mod index;
mod page;

use crate::exit::Outcome;
use crate::judging;
use crate::terminal::{BAD, count, paint};
use anyhow::{Context, Result};
use clap::Args;
use dial_detect::Settings;
use dial_detect::engine::{Pack, RuleInfo};
use dial_detect::patterns::{self, Requirement};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Help below the arguments of `rules docs`.
pub(super) const EXAMPLES: &str = "\
Examples:
  dial rules docs --out ./docs/rules                 the built-in rules
  dial rules docs --rules ./my-rules --out ./docs    yours beside them
  dial rules docs --out ./docs/rules --check         in CI: are the pages fresh?";

/// Arguments of `rules docs`.
#[derive(Debug, Args)]
pub(crate) struct Docs {
    /// Folder of the pages; nothing else should lie there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Folder of your rules, to be described beside the built-in ones
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Folder of TOML files that say which detections there are not, and why
    #[arg(long, value_name = "DIR")]
    left_out: Option<PathBuf>,
    /// Write nothing; say which pages are stale
    #[arg(long)]
    check: bool,
}

/// Detections that are not there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeftOut {
    row: Vec<Row>,
}

/// One of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    title: String,
    reason: String,
}

/// A rule and what it needs to fire.
struct Entry {
    rule: RuleInfo,
    requires: Vec<Requirement>,
}

/// Rules by service, in order of names.
type Services = BTreeMap<String, Vec<Entry>>;

/// Runs `dial rules docs`.
pub(super) fn run(args: &Docs) -> Result<Outcome> {
    let pages = pages(args)?;
    if args.check {
        return check(&pages, &args.out);
    }
    std::fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    for stale in surplus(&pages, &args.out)? {
        std::fs::remove_file(&stale).with_context(|| stale.display().to_string())?;
    }
    for (name, text) in &pages {
        let path = args.out.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    let pages = count(pages.len() as u64, "page");
    anstream::eprintln!("{pages} in {}", args.out.display());
    Ok(Outcome::Clean)
}

fn pages(args: &Docs) -> Result<BTreeMap<String, String>> {
    // The pages say what there is, whatever a configuration here switches on or off.
    let pipeline = judging::load(&Settings {
        rules: args.rules.clone(),
        audit_rules: true,
        ..Settings::default()
    })?;
    let mut needed: BTreeMap<String, Vec<Requirement>> = patterns::needed(&pipeline)
        .into_iter()
        .map(|needed| (needed.rule, needed.requires))
        .collect();
    let mut services = Services::new();
    for rule in pipeline.rules() {
        let requires = needed.remove(&rule.name).unwrap_or_default();
        let entry = Entry {
            rule: rule.clone(),
            requires,
        };
        services.entry(service(rule)).or_default().push(entry);
    }
    let mut pages = BTreeMap::new();
    for (service, entries) in &mut services {
        entries.sort_by_key(|entry| (entry.rule.pack, entry.rule.name.clone()));
        pages.insert(format!("{service}.md"), page::render(service, entries));
    }
    let left_out = match &args.left_out {
        Some(folder) => left_out(folder)?,
        None => BTreeMap::new(),
    };
    pages.insert(
        "README.md".into(),
        index::render(&services, !left_out.is_empty()),
    );
    if !left_out.is_empty() {
        pages.insert("not-covered.md".into(), index::not_covered(&left_out));
    }
    Ok(pages)
}

/// The folder that a rule lies in, whatever its pack.
fn service(rule: &RuleInfo) -> String {
    let path = rule.file.strip_prefix("audit/").unwrap_or(&rule.file);
    let folder = match rule.pack {
        Pack::Yours => Path::new(path).parent().and_then(Path::file_name),
        Pack::Core | Pack::Audit => Path::new(path).iter().next(),
    };
    folder.map_or_else(
        || "rules".into(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// What is left out, by service.
fn left_out(folder: &Path) -> Result<BTreeMap<String, Vec<Row>>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut found = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|suffix| suffix != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let LeftOut { row } = toml::from_str(&text).with_context(|| path.display().to_string())?;
        let service = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        found.insert(service, row);
    }
    Ok(found)
}

/// Pages that nothing makes any more.
fn surplus(pages: &BTreeMap<String, String>, out: &Path) -> Result<Vec<PathBuf>> {
    let mut surplus = Vec::new();
    if !out.is_dir() {
        return Ok(surplus);
    }
    for entry in std::fs::read_dir(out).with_context(|| out.display().to_string())? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.extension().is_some_and(|suffix| suffix == "md") && !pages.contains_key(&name) {
            surplus.push(path);
        }
    }
    surplus.sort();
    Ok(surplus)
}

fn check(pages: &BTreeMap<String, String>, out: &Path) -> Result<Outcome> {
    let mut stale = surplus(pages, out)?;
    for (name, text) in pages {
        let path = out.join(name);
        if std::fs::read_to_string(&path).ok().as_ref() != Some(text) {
            stale.push(path);
        }
    }
    for path in &stale {
        anstream::println!("{} {}", paint(BAD, "stale:"), path.display());
    }
    if !stale.is_empty() {
        anstream::eprintln!("run the same command without --check");
    }
    Ok(Outcome::of(!stale.is_empty(), false))
}

/// Text that Markdown shows as it is, on one line.
fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !shown.is_empty() {
            shown.push(' ');
        }
        for c in word.chars() {
            match c {
                '<' => shown.push_str("&lt;"),
                '|' | '*' | '_' | '`' | '[' | ']' | '\\' => shown.extend(['\\', c]),
                c if crate::terminal::is_active(c) => {}
                c => shown.push(c),
            }
        }
    }
    shown
}
