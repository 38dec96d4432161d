//! `dial deliveries`: lists what a master could not deliver yet, and has it tried again.

use crate::exit::{Outcome, problem};
use crate::findings::{Client, Master};
use crate::terminal::{BOLD, inert, paint};
use crate::{json, when};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use dial_core::FindingId;
use dial_core::store::{Delivery, DeliveryState};
use dial_master::api::DeliveryList;
use jiff::Timestamp;
use serde_json::json;
use std::io::{self, Write};

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List deliveries that failed or still wait, longest first
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Try failed deliveries again, from the start
    #[command(after_help = RETRY_EXAMPLES)]
    Retry(Retry),
}

const LIST_EXAMPLES: &str = "\
Examples:
  dial deliveries list                              what failed, and why
  dial deliveries list --state pending --sink slack
  dial deliveries list --since 24h --format json

Where a finding was sent, `dial findings show ID` tells.";

const RETRY_EXAMPLES: &str = "\
Examples:
  dial deliveries retry f-iwvrv37fygnc5lvtjndbj3abei --sink slack
  dial deliveries retry --all-failed --sink thehive --since 7d";

/// Arguments of `deliveries list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// In which state
    #[arg(long, value_enum, default_value_t = State::Failed)]
    state: State,
    /// Most deliveries
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// All of them, page after page
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Go on where the last list ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// For people, or one JSON object a line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    master: Master,
}

/// Arguments of `deliveries retry`.
#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// Ids of findings
    #[arg(value_name = "ID", value_parser = FindingId::parse, required_unless_present = "all_failed")]
    ids: Vec<FindingId>,
    /// Everything that failed
    #[arg(long, conflicts_with = "ids")]
    all_failed: bool,
    /// A line for each delivery, or the API's whole answer as a JSON line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    master: Master,
}

/// Which deliveries.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
struct Which {
    /// Only to this sink, by its name in the configuration
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// Only what began at or after this time: 2026-05-04T10:00:00Z, 24h, 7d
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Failed,
    Pending,
    Sending,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Failed => "failed",
            State::Pending => "pending",
            State::Sending => "sending",
        }
    }
}

/// Runs `dial deliveries`.
pub(crate) fn run(command: &Command) -> Result<Outcome> {
    let runtime = crate::runtime()?;
    match command {
        Command::List(args) => runtime.block_on(list(args)),
        Command::Retry(args) => runtime.block_on(retry(args)),
    }
}

impl Which {
    fn query(&self, state: State, since: Option<Timestamp>) -> Vec<(&'static str, String)> {
        let mut query = vec![("state", state.word().to_owned())];
        query.extend(self.sink.clone().map(|sink| ("sink", sink)));
        query.extend(since.map(|time| ("since", time.to_string())));
        query
    }

    fn since(&self) -> Result<Option<Timestamp>> {
        let past = |text: &String| when::past(text, Timestamp::now());
        self.since.as_ref().map(past).transpose().context("--since")
    }
}

/// Most rows of one request.
const PAGE: usize = 200;

async fn fetch(
    client: &Client,
    filter: &[(&'static str, String)],
    cursor: Option<&str>,
    left: usize,
) -> Result<DeliveryList> {
    let mut query = filter.to_vec();
    query.push(("limit", left.min(PAGE).to_string()));
    query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
    client
        .get(&["v1", "deliveries"], &query)
        .await?
        .context("the address has no /v1/deliveries; is --url (DIAL_URL) a DIAL master?")
}

async fn list(args: &List) -> Result<Outcome> {
    let client = args.master.client()?;
    let filter = args.which.query(args.state, args.which.since()?);
    let mut left = if args.all {
        usize::MAX
    } else {
        args.limit as usize
    };
    let (mut cursor, mut shown) = (args.cursor.clone(), 0);
    loop {
        let page = fetch(&client, &filter, cursor.as_deref(), left).await?;
        for row in &page.deliveries {
            print(args.format, row)?;
        }
        shown += page.deliveries.len();
        left = left.saturating_sub(page.deliveries.len());
        cursor = following(cursor.as_deref(), page.next)?;
        if left == 0 || cursor.is_none() {
            break;
        }
    }
    if args.format == Format::Text {
        anstream::eprintln!("{} {}", counted(shown), args.state.word());
    }
    if let Some(cursor) = cursor {
        anstream::eprintln!("there may be more: --all, or --cursor {}", inert(&cursor));
    }
    Ok(Outcome::Clean)
}

/// Where the next page begins; a cursor that stands still would never end.
fn following(before: Option<&str>, next: Option<String>) -> Result<Option<String>> {
    if next.is_some() && next.as_deref() == before {
        bail!("the master's cursor does not move on");
    }
    Ok(next)
}

fn print(format: Format, row: &Delivery) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match format {
        Format::Json => json::write_line(&mut out, row),
        Format::Text => write(&mut out, row),
    }
}

async fn retry(args: &Retry) -> Result<Outcome> {
    let client = args.master.client()?;
    let mut out = Retried {
        client: &client,
        format: args.format,
        done: 0,
        problems: false,
    };
    if args.all_failed {
        out.all(&args.which).await?;
    } else {
        let since = args.which.since()?;
        for id in &args.ids {
            out.of_finding(id, &args.which, since).await?;
        }
    }
    if args.format == Format::Text {
        anstream::eprintln!("{} tried again", counted(out.done));
    }
    Ok(Outcome::of(out.problems, false))
}

struct Retried<'a> {
    client: &'a Client,
    format: Format,
    done: usize,
    problems: bool,
}

impl Retried<'_> {
    /// Page after page; what cannot be tried again stays behind the cursor.
    async fn all(&mut self, which: &Which) -> Result<()> {
        let filter = which.query(State::Failed, which.since()?);
        let mut cursor = None;
        loop {
            let page = fetch(self.client, &filter, cursor.as_deref(), PAGE).await?;
            for row in &page.deliveries {
                self.one(&row.finding, &row.sink).await?;
            }
            cursor = following(cursor.as_deref(), page.next)?;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    async fn of_finding(
        &mut self,
        id: &FindingId,
        which: &Which,
        since: Option<Timestamp>,
    ) -> Result<()> {
        let path = ["v1", "findings", id.as_str(), "deliveries"];
        let found: Option<DeliveryList> = self.client.get(&path, &[]).await?;
        let Some(found) = found else {
            bail!("the master knows no finding {id} (or its time is over)");
        };
        let wanted = |row: &&Delivery| {
            row.state == DeliveryState::Failed
                && which.sink.as_ref().is_none_or(|sink| *sink == row.sink)
                && since.is_none_or(|since| row.since >= since)
        };
        let rows: Vec<&Delivery> = found.deliveries.iter().filter(wanted).collect();
        if rows.is_empty() {
            self.problems = true;
            problem(&format!("{id}: no delivery of it failed"));
        }
        for row in rows {
            self.one(id, &row.sink).await?;
        }
        Ok(())
    }

    async fn one(&mut self, id: &FindingId, sink: &str) -> Result<()> {
        let path = ["v1", "findings", id.as_str(), "deliveries", sink, "retry"];
        match self.client.wish::<Delivery>(&path, &json!({})).await? {
            Ok(row) => {
                self.done += 1;
                let mut out = anstream::stdout().lock();
                match self.format {
                    Format::Json => json::write_line(&mut out, &row)?,
                    Format::Text => writeln!(out, "{}  {}  pending", paint(BOLD, id), inert(sink))?,
                }
            }
            Err(why) => {
                self.problems = true;
                problem(&format!("{id} to {sink}: {why}"));
            }
        }
        Ok(())
    }
}

fn counted(number: usize) -> String {
    match number {
        1 => "1 delivery".to_owned(),
        number => format!("{number} deliveries"),
    }
}

fn write(out: &mut impl Write, row: &Delivery) -> io::Result<()> {
    let state = match row.state {
        DeliveryState::Pending => "pending",
        DeliveryState::Sending => "sending",
        DeliveryState::Sent => "sent",
        DeliveryState::Failed => "failed",
        DeliveryState::Suppressed => "suppressed",
    };
    let what = if row.sent_at.is_some() {
        "update"
    } else {
        "alert"
    };
    let tries = row.attempt();
    writeln!(
        out,
        "{}  {}  {state}  {what} since {:.0}, attempts {tries}",
        paint(BOLD, &row.finding),
        inert(&row.sink),
        row.since,
    )?;
    match &row.last_error {
        Some(error) => writeln!(out, "  {}", inert(error)),
        None => Ok(()),
    }
}
