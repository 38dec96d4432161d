//! `dial findings`: lists, shows and changes what a master has stored, through its API.

mod archive;
mod change;
mod client;
mod export;
mod print;
mod progress;
mod show;

use crate::exit::Outcome;
use crate::signing::master_url;
use crate::{json, terminal, when};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
pub(crate) use client::Client;
use dial_core::store::query::{Network, Technique};
use dial_core::store::triage::Change;
use dial_core::{FindingId, Secret, Severity};
use dial_master::api::{FindingDetail, FindingList};
use jiff::Timestamp;
use print::Printer;
use progress::Progress;
use reqwest::Url;
use serde_json::Value;
use std::fmt::Display;
use std::str::FromStr;

/// Most findings of one page; the master's own cap.
const PAGE: usize = dial_core::store::MAX_PAGE;

/// What to do with findings.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List findings, newest first
    #[command(after_help = LIST_EXAMPLES)]
    List(Box<List>),
    /// Export all that match, for a spreadsheet, a script or a data lake
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Box<export::Export>),
    /// Show one finding: what matched, who did it, from where, and the event
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
    /// Acknowledge findings: someone is on it
    #[command(after_help = change::ACK)]
    Ack(change::Plain),
    /// Resolve findings: they are done
    #[command(after_help = change::RESOLVE)]
    Resolve(change::Plain),
    /// Close findings as false positives: they were nothing
    #[command(after_help = change::FALSE_POSITIVE)]
    FalsePositive(change::Plain),
    /// Let findings sleep until a time
    #[command(after_help = change::SNOOZE)]
    Snooze(change::Snooze),
    /// Give findings to someone, or to nobody
    #[command(after_help = change::ASSIGN)]
    Assign(change::Assign),
    /// Add words to the history of findings
    #[command(after_help = change::COMMENT)]
    Comment(change::Comment),
    /// Open findings again
    #[command(after_help = change::REOPEN)]
    Reopen(change::Plain),
}

const LIST_EXAMPLES: &str = "\
Examples:
  export DIAL_URL=https://dial.example.com DIAL_TOKEN=…
  dial findings list --severity high,critical --since 24h
  dial findings list --account 111122223333 --rule s3_bucket_policy_public
  dial findings list --attack T1078 --source 203.0.113.0/24 --since 30d
  dial findings list --access-key AKIAIOSFODNN7EXAMPLE   all that a leaked key did
  dial findings list --text 'payroll deploy' --status open,acknowledged
  dial findings list --assignee none --status open      nobody looks after these
  dial findings list --suppressed --since 7d            what would have been told
  dial findings list --all --format csv > findings.csv";

const EXPORT_EXAMPLES: &str = "\
Examples:
  dial findings export --since 30d --out findings.jsonl
  dial findings export --severity high,critical --format csv --out urgent.csv
  dial findings export --since 24h --format ocsf | aws s3 cp - s3://lake/dial.jsonl";

const SHOW_EXAMPLES: &str = "\
Examples:
  dial findings show f-iwvrv37fygnc5lvtjndbj3abei
  dial findings show f-iwvrv37fygnc5lvtjndbj3abei --format json | jq .finding.facts
  dial findings show f-iwvrv37fygnc5lvtjndbj3abei --archive s3://dial-master/prod --expired 2027-06";

/// Which master to ask, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Master")]
pub(crate) struct Master {
    /// Address of the master
    #[arg(long, value_name = "URL", env = "DIAL_URL", value_parser = master_url)]
    url: Url,
    /// Token of the API; better given by the environment, where no process list shows it
    #[arg(long, value_name = "TOKEN", env = "DIAL_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Which master to ask, where one is asked at all.
#[derive(Debug, Args)]
#[command(next_help_heading = "Master")]
pub(crate) struct PerhapsMaster {
    /// Address of the master
    #[arg(long, value_name = "URL", env = "DIAL_URL", value_parser = master_url)]
    url: Option<Url>,
    /// Token of the API; better given by the environment, where no process list shows it
    #[arg(long, value_name = "TOKEN", env = "DIAL_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Arguments of `findings list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// How many to show
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show all that match, page after page
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Continue where an earlier list ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Rows for people, one JSON object a line, or CSV that is safe in a spreadsheet
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    master: Master,
    #[command(flatten)]
    filter: Filter,
}

/// Which findings: all filters must hold, each by any of its values (commas between, or the flag
/// again).
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
struct Filter {
    /// AWS accounts
    #[arg(long, value_delimiter = ',')]
    account: Vec<String>,
    /// Regions
    #[arg(long, value_delimiter = ',')]
    region: Vec<String>,
    /// Services, such as iam or s3
    #[arg(long, value_delimiter = ',')]
    service: Vec<String>,
    /// Severities
    #[arg(long, value_delimiter = ',', value_name = "SEVERITY", value_parser = severity)]
    severity: Vec<Severity>,
    /// Where they stand
    #[arg(long, value_delimiter = ',', value_parser = ["open", "acknowledged", "resolved", "false_positive", "snoozed"])]
    status: Vec<String>,
    /// Rules, by name or UUID
    #[arg(long, value_delimiter = ',')]
    rule: Vec<String>,
    /// Who made the call, by ARN; several by the flag again
    #[arg(long, value_name = "ARN")]
    principal: Vec<String>,
    /// Access keys that signed the call; a temporary one stands for its session
    #[arg(long, value_delimiter = ',', value_name = "KEY")]
    access_key: Vec<String>,
    /// What was touched, by ARN; several by the flag again
    #[arg(long, value_name = "ARN")]
    resource: Vec<String>,
    /// Who looks after them, or none; several by the flag again
    #[arg(long, value_name = "NAME")]
    assignee: Vec<String>,
    /// ATT&CK techniques; T1078 has all of its sub-techniques
    #[arg(long, value_delimiter = ',', value_name = "TECHNIQUE", value_parser = spelled::<Technique>)]
    attack: Vec<String>,
    /// Networks or addresses that the call came from
    #[arg(long, value_delimiter = ',', value_name = "CIDR", value_parser = spelled::<Network>)]
    source: Vec<String>,
    /// Words that must all be there: in the title or the name of rule, principal, resource, account
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// What a suppression keeps silent: what would have been told
    #[arg(long)]
    suppressed: bool,
    /// Events at or after this time: 2026-05-04, 2026-05-04T10:00:00Z, 24h, 7d
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Events before this time
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
}

/// Arguments of `findings show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    master: PerhapsMaster,
    /// Id of the finding
    #[arg(value_parser = FindingId::parse)]
    id: FindingId,
    /// For people, or the API's whole answer
    #[arg(long, value_enum, default_value_t = ShowFormat::Text)]
    format: ShowFormat,
    /// Look in the archive instead: the master's bucket, s3://… or a folder
    #[arg(long, value_name = "BUCKET")]
    archive: Option<String>,
    /// When the store forgot it: a year, month or day, so that less is looked through
    #[arg(long, value_name = "DATE", requires = "archive")]
    expired: Option<String>,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Jsonl,
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShowFormat {
    Text,
    Json,
}

/// Reads a severity by its word.
pub(crate) fn severity(text: &str) -> Result<Severity, String> {
    text.parse()
        .map_err(|error: dial_core::severity::UnknownSeverity| error.to_string())
}

/// Keeps a text that can be read as `T`.
fn spelled<T: FromStr<Err: Display>>(text: &str) -> Result<String, String> {
    text.parse::<T>()
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

/// Runs `dial findings`.
pub(crate) fn run(command: &Command) -> Result<Outcome> {
    let runtime = crate::runtime()?;
    match command {
        Command::List(args) => runtime.block_on(list(args))?,
        Command::Export(args) => runtime.block_on(export::run(args))?,
        Command::Show(args) => runtime.block_on(show(args))?,
        Command::Ack(args) => return runtime.block_on(args.run(&Change::Acknowledge)),
        Command::Resolve(args) => return runtime.block_on(args.run(&Change::Resolve)),
        Command::FalsePositive(args) => return runtime.block_on(args.run(&Change::FalsePositive)),
        Command::Snooze(args) => return runtime.block_on(args.run()),
        Command::Assign(args) => return runtime.block_on(args.run()),
        Command::Comment(args) => return runtime.block_on(args.run()),
        Command::Reopen(args) => return runtime.block_on(args.run(&Change::Reopen)),
    }
    Ok(Outcome::Clean)
}

impl Master {
    /// Its client.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::new(self.url.clone(), self.token.as_deref().map(Secret::new))
    }
}

impl PerhapsMaster {
    /// The client of the master, where one is named.
    pub(crate) fn client(&self) -> Result<Option<Client>> {
        let token = || self.token.as_deref().map(Secret::new);
        let client = self.url.clone().map(|url| Client::new(url, token()));
        client.transpose()
    }
}

impl Filter {
    fn query(&self, now: Timestamp) -> Result<Vec<(&'static str, String)>> {
        let mut query = Vec::new();
        let severities: Vec<String> = self.severity.iter().map(ToString::to_string).collect();
        let lists = [
            ("account", &self.account),
            ("region", &self.region),
            ("service", &self.service),
            ("severity", &severities),
            ("status", &self.status),
            ("rule", &self.rule),
            ("principal", &self.principal),
            ("access_key", &self.access_key),
            ("resource", &self.resource),
            ("assignee", &self.assignee),
            ("attack", &self.attack),
            ("source", &self.source),
        ];
        for (name, values) in lists {
            query.extend(values.iter().map(|value| (name, value.clone())));
        }
        query.extend(self.text.clone().map(|text| ("q", text)));
        for (name, text) in [("since", &self.since), ("until", &self.until)] {
            if let Some(text) = text {
                let time = when::past(text, now).with_context(|| format!("--{name}"))?;
                query.push((name, time.to_string()));
            }
        }
        if self.suppressed {
            query.push(("suppressed", "true".to_owned()));
        }
        Ok(query)
    }
}

async fn list(args: &List) -> Result<()> {
    let client = args.master.client()?;
    let filter = args.filter.query(Timestamp::now())?;
    let mut out = Printer::new(args.format, args.filter.suppressed)?;
    let mut left = if args.all { u32::MAX } else { args.limit };
    let mut cursor = args.cursor.clone();
    let progress = Progress::start();
    loop {
        let page = fetch(&client, &filter, cursor.as_deref(), left).await?;
        progress.hide();
        for summary in page.findings.iter().take(left as usize) {
            out.print(summary)?;
        }
        left = left.saturating_sub(u32::try_from(page.findings.len()).unwrap_or(u32::MAX));
        if page.next.is_some() && page.next == cursor {
            bail!("the master's cursor does not move on");
        }
        cursor = page.next;
        if left == 0 || cursor.is_none() {
            break;
        }
        progress.reached(cursor.as_deref(), None);
    }
    progress.hide();
    out.finish(cursor.as_deref())
}

async fn fetch(
    client: &Client,
    filter: &[(&'static str, String)],
    cursor: Option<&str>,
    left: u32,
) -> Result<FindingList> {
    let mut query = filter.to_vec();
    let limit = (left as usize).min(PAGE);
    query.push(("limit", limit.to_string()));
    query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
    client
        .get(&["v1", "findings"], &query)
        .await?
        .context("the address has no /v1/findings; is --url (DIAL_URL) a DIAL master?")
}

async fn show(args: &Show) -> Result<()> {
    let whole = match &args.archive {
        Some(place) => archive::find(place, &args.id, args.expired.as_deref()).await?,
        None => stored(args).await?,
    };
    let mut out = anstream::stdout().lock();
    match args.format {
        ShowFormat::Json => json::write_pretty(&mut out, &whole)?,
        ShowFormat::Text => {
            let shown: FindingDetail = serde_json::from_value(whole)?;
            show::write(&mut out, &shown, terminal::columns())?;
        }
    }
    Ok(())
}

async fn stored(args: &Show) -> Result<Value> {
    let client = args.master.client()?;
    let client = client.context("no master is named; give --url (DIAL_URL), or --archive")?;
    let path = ["v1", "findings", args.id.as_str()];
    let found = client.get(&path, &[]).await?;
    found.with_context(|| {
        format!(
            "the master knows no finding {} (or its time is over); `dial findings list` shows what it has, --archive looks in the archive",
            args.id
        )
    })
}
