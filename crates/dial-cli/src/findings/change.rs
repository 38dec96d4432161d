//! `dial findings ack|resolve|…`: changes where findings stand, one request each.

use super::Master;
use crate::exit::{Outcome, problem};
use crate::terminal::{BOLD, inert, paint};
use crate::{json, when};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use dial_core::FindingId;
use dial_core::store::Status;
use dial_core::store::triage::Change;
use dial_master::api::ChangeMade;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, BufRead, Write};

/// Most ids of one run; a longer list is a mistake more often than a wish.
const MAX_IDS: usize = 10_000;
/// Longest line of standard input that may hold an id, bytes.
const MAX_LINE: u64 = 4_096;

pub(super) const ACK: &str = "\
Examples:
  dial findings ack f-iwvrv37fygnc5lvtjndbj3abei
  dial findings list --rule s3_bucket_policy_public --format jsonl | jq -r .id |
      dial findings ack - --comment \"one roll-out, looking at it\"";
pub(super) const RESOLVE: &str = "\
Example:
  dial findings resolve f-iwvrv37fygnc5lvtjndbj3abei --comment \"policy taken back\"";
pub(super) const FALSE_POSITIVE: &str = "\
Example:
  dial findings false-positive f-iwvrv37fygnc5lvtjndbj3abei --comment \"our own scanner\"

`dial silences add` keeps the next ones quiet.";
pub(super) const REOPEN: &str = "\
Example:
  dial findings reopen f-iwvrv37fygnc5lvtjndbj3abei --comment \"it is back\"";
pub(super) const SNOOZE: &str = "\
Examples:
  dial findings snooze f-iwvrv37fygnc5lvtjndbj3abei --for 4h
  dial findings snooze f-iwvrv37fygnc5lvtjndbj3abei --for 2026-05-04T08:00:00Z";
pub(super) const ASSIGN: &str = "\
Examples:
  dial findings assign f-iwvrv37fygnc5lvtjndbj3abei --to storage-team
  dial findings assign f-iwvrv37fygnc5lvtjndbj3abei --nobody";
pub(super) const COMMENT: &str = "\
Example:
  dial findings comment f-iwvrv37fygnc5lvtjndbj3abei --comment \"asked the owner\"";

/// What every change takes.
#[derive(Debug, Args)]
pub(crate) struct Changing {
    #[command(flatten)]
    master: Master,
    /// Ids of the findings; `-` reads them from standard input, one a line
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// A line for each finding, or the API's whole answer as a JSON line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Why, for those changes that need no reason.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Why, for the history and for everyone who is told
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// Arguments of a change that needs nothing more.
#[derive(Debug, Args)]
pub(crate) struct Plain {
    #[command(flatten)]
    changing: Changing,
    #[command(flatten)]
    why: Why,
}

/// Arguments of `findings snooze`.
#[derive(Debug, Args)]
pub(crate) struct Snooze {
    #[command(flatten)]
    changing: Changing,
    /// How long, or until when, at most 30 days: 4h, 7d, 2026-05-04T18:00:00Z
    #[arg(long = "for", value_name = "WHEN")]
    until: String,
    #[command(flatten)]
    why: Why,
}

/// Arguments of `findings assign`.
#[derive(Debug, Args)]
pub(crate) struct Assign {
    #[command(flatten)]
    changing: Changing,
    /// Who is to look after it
    #[arg(long, value_name = "NAME", required_unless_present = "nobody")]
    to: Option<String>,
    /// Takes it away from whoever has it
    #[arg(long, conflicts_with = "to")]
    nobody: bool,
    #[command(flatten)]
    why: Why,
}

/// Arguments of `findings comment`.
#[derive(Debug, Args)]
pub(crate) struct Comment {
    #[command(flatten)]
    changing: Changing,
    /// The words
    #[arg(long = "comment", value_name = "TEXT")]
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Plain {
    /// Makes a change that needs nothing more.
    pub(super) async fn run(&self, change: &Change) -> Result<Outcome> {
        self.changing.run(change, self.why.comment.as_deref()).await
    }
}

impl Snooze {
    pub(super) async fn run(&self) -> Result<Outcome> {
        let until = when::future(&self.until, Timestamp::now()).context("--for")?;
        let change = Change::Snooze { until };
        self.changing
            .run(&change, self.why.comment.as_deref())
            .await
    }
}

impl Assign {
    pub(super) async fn run(&self) -> Result<Outcome> {
        let change = Change::Assign {
            to: self.to.clone(),
        };
        self.changing
            .run(&change, self.why.comment.as_deref())
            .await
    }
}

impl Comment {
    pub(super) async fn run(&self) -> Result<Outcome> {
        let change = Change::Comment {
            text: self.text.clone(),
        };
        self.changing.run(&change, None).await
    }
}

impl Changing {
    /// One finding after the other; what is refused does not stop the others.
    async fn run(&self, change: &Change, comment: Option<&str>) -> Result<Outcome> {
        let ids = ids(&self.ids, &mut io::stdin().lock())?;
        let client = self.master.client()?;
        let body = body(change, comment)?;
        let mut out = anstream::stdout().lock();
        let mut problems = false;
        for id in &ids {
            let path = ["v1", "findings", id.as_str(), "transitions"];
            match client.wish::<ChangeMade>(&path, &body).await? {
                Ok(made) if self.format == Format::Json => json::write_line(&mut out, &made)?,
                Ok(made) => writeln!(out, "{}  {}", paint(BOLD, id), told(&made))?,
                Err(why) => {
                    problems = true;
                    problem(&format!("{id}: {why}"));
                }
            }
        }
        Ok(Outcome::of(problems, false))
    }
}

/// Every id once, in the order given.
fn ids(given: &[String], input: &mut impl BufRead) -> Result<Vec<FindingId>> {
    let mut ids: Vec<FindingId> = Vec::new();
    for text in given {
        if text == "-" {
            piped(input, &mut ids)?;
        } else {
            ids.push(FindingId::parse(text)?);
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    match ids.len() {
        0 => bail!("no id was given on standard input"),
        count if count > MAX_IDS => bail!("more than {MAX_IDS} ids; take them in parts"),
        _ => Ok(ids),
    }
}

/// Ids of a pipe, one a line; empty lines are nothing.
fn piped(input: &mut impl BufRead, ids: &mut Vec<FindingId>) -> Result<()> {
    for number in 1.. {
        let mut line = String::new();
        let mut bounded = io::Read::take(&mut *input, MAX_LINE);
        if bounded.read_line(&mut line).context("standard input")? == 0 || ids.len() > MAX_IDS {
            break;
        }
        let id = line.trim();
        if !id.is_empty() {
            let place = || format!("standard input, line {number}");
            ids.push(FindingId::parse(id).with_context(place)?);
        }
    }
    Ok(())
}

fn body(change: &Change, comment: Option<&str>) -> Result<Value> {
    let mut body = serde_json::to_value(change).context("the change cannot be written")?;
    if let Some(comment) = comment {
        body["comment"] = json!(comment);
    }
    Ok(body)
}

/// How it stands now: `snoozed until 2026-05-04T08:00:00Z, assigned to soc`.
fn told(made: &ChangeMade) -> String {
    let triage = &made.triage;
    let mut words = triage.status.to_string();
    if let (Status::Snoozed, Some(until)) = (triage.status, triage.snoozed_until) {
        let _ = write!(words, " until {until:.0}");
    }
    if let Some(assignee) = &triage.assignee {
        let _ = write!(words, ", assigned to {}", inert(assignee));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "f-iwvrv37fygnc5lvtjndbj3abei";
    const TWO: &str = "f-aaaaaaaaaaaaaaaaaaaaaaaaaa";

    /// Arguments, standard input, and the ids or what is said of them.
    type Case<'a> = (&'a [&'a str], &'a str, Result<Vec<&'a str>, &'a str>);

    #[test]
    fn ids_come_from_arguments_and_from_a_pipe() {
        let piped = format!("{ONE}\n\n {TWO} \r\n{ONE}");
        let cases: [Case<'_>; 6] = [
            (&[ONE], "", Ok(vec![ONE])),
            (&[TWO, ONE, TWO], "", Ok(vec![TWO, ONE])),
            (&["-"], &piped, Ok(vec![ONE, TWO])),
            (&[TWO, "-"], &piped, Ok(vec![TWO, ONE])),
            (&["-"], "\n", Err("no id was given")),
            (&["-"], "f-x", Err("line 1")),
        ];
        for (given, input, expected) in cases {
            let given: Vec<String> = given.iter().map(|id| (*id).to_owned()).collect();
            match (ids(&given, &mut input.as_bytes()), expected) {
                (Ok(found), Ok(expected)) => {
                    let found: Vec<&str> = found.iter().map(FindingId::as_str).collect();
                    assert_eq!(found, expected);
                }
                (Err(error), Err(part)) => {
                    assert!(format!("{error:#}").contains(part), "{error:#}");
                }
                (found, _) => panic!("{found:?}"),
            }
        }
    }
}
