//! `dial silences`: lists, makes, previews and ends the silences of a master, through its API.

mod print;

use crate::exit::Outcome;
use crate::findings::{Client, Master};
use crate::{json, when};
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use dial_core::store::silence::Silence;
use dial_master::api::{NewSilence, PreviewAnswer, PreviewRequest, SilenceList};
use dial_master::routing::matcher::Matcher;
use jiff::Timestamp;

/// What to do with silences.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the silences in force, the next to end first
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Mute findings for a time: they are kept, but nobody is told
    #[command(after_help = ADD_EXAMPLES)]
    Add(Add),
    /// Show what a silence would have muted in the last seven days
    #[command(after_help = PREVIEW_EXAMPLES)]
    Preview(Preview),
    /// End silences before their time
    #[command(after_help = END_EXAMPLES)]
    End(End),
}

const LIST_EXAMPLES: &str = "\
Examples:
  dial silences list
  dial silences list --ended --format json";

const MATCHERS: &str = "\
Matchers are a label, an operator and a value; a silence mutes what fits all of them:
  rule=s3_bucket_policy_public        is exactly that
  rule!=s3_bucket_policy_public       is anything else
  'principal=~\"arn:aws:iam::.*:role/ci-.*\"'   fits a regular expression, as a whole
  'severity<=medium'                  severities have an order: >= and <=
Labels: severity, account, region, rule, attack, principal, principal_type,
principal_account, role, resource, resource_type, event, service, error_code,
source_ip, country, fact.<name>.";

const ADD_EXAMPLES: &str = "\
Examples:
  dial silences add rule=s3_bucket_policy_public account=111122223333 \\
      --for 4h --owner \"storage team\" --reason \"migration of the invoices\"
  dial silences add 'role=~\".*:role/deploy\"' 'severity<=medium' \\
      --for 2026-05-04T18:00:00Z --owner soc --reason \"release 42\" --ahead

A silence lives 30 days at most, ends by itself, and may mute neither everything nor,
unless it is made --ahead of planned work, nothing.";

const PREVIEW_EXAMPLES: &str = "\
Examples:
  dial silences preview rule=s3_bucket_policy_public
  dial silences preview account=111122223333 'severity<=low' --format json";

const END_EXAMPLES: &str = "\
Example:
  dial silences end s-iwvrv37fygnc5lvtjndbj3abei";

/// Arguments of `silences list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Also those that ended
    #[arg(long)]
    ended: bool,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `silences add`.
#[derive(Debug, Args)]
#[command(after_long_help = MATCHERS)]
pub(crate) struct Add {
    /// What to mute, such as region=eu-west-1; all must fit
    #[arg(required = true, value_name = "MATCHER", value_parser = matcher)]
    matchers: Vec<Matcher>,
    /// How long, or until when: 4h, 7d, 2026-05-04T18:00:00Z
    #[arg(long = "for", value_name = "WHEN")]
    until: String,
    /// Who answers for it
    #[arg(long)]
    owner: String,
    /// Why
    #[arg(long)]
    reason: String,
    /// Made ahead of planned work: nothing needs to fit it yet
    #[arg(long)]
    ahead: bool,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `silences preview`.
#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// What would be muted; all must fit
    #[arg(required = true, value_name = "MATCHER", value_parser = matcher)]
    matchers: Vec<Matcher>,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `silences end`.
#[derive(Debug, Args)]
pub(crate) struct End {
    /// Ids, as `dial silences list` shows them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
    /// For people, or the API's whole answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    master: Master,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Runs `dial silences`.
pub(crate) fn run(command: &Command) -> Result<Outcome> {
    let runtime = crate::runtime()?;
    match command {
        Command::List(args) => runtime.block_on(list(args))?,
        Command::Add(args) => runtime.block_on(add(args))?,
        Command::Preview(args) => runtime.block_on(preview(args))?,
        Command::End(args) => runtime.block_on(end(args))?,
    }
    Ok(Outcome::Clean)
}

fn matcher(text: &str) -> Result<Matcher, String> {
    text.parse::<Matcher>().map_err(|error| error.to_string())
}

async fn list(args: &List) -> Result<()> {
    let query = [("ended", args.ended.to_string())];
    let client = args.common.master.client()?;
    let found: Option<SilenceList> = client.get(&["v1", "silences"], &query).await?;
    let list = found.with_context(no_silences)?;
    let mut out = anstream::stdout().lock();
    match args.common.format {
        Format::Json => json::write_pretty(&mut out, &list)?,
        Format::Text => print::list(&mut out, &list.silences, Timestamp::now())?,
    }
    Ok(())
}

async fn add(args: &Add) -> Result<()> {
    let ends_at = when::future(&args.until, Timestamp::now()).context("--for")?;
    let wanted = NewSilence {
        matchers: args.matchers.clone(),
        owner: args.owner.clone(),
        reason: args.reason.clone(),
        ends_at,
        ahead: args.ahead,
    };
    let client = args.common.master.client()?;
    let made: Silence = client.post(&["v1", "silences"], &wanted).await?;
    show(args.common.format, &made)
}

async fn preview(args: &Preview) -> Result<()> {
    let asked = PreviewRequest {
        matchers: args.matchers.clone(),
    };
    let client = args.common.master.client()?;
    let seen: PreviewAnswer = client.post(&["v1", "silences", "preview"], &asked).await?;
    let mut out = anstream::stdout().lock();
    match args.common.format {
        Format::Json => json::write_pretty(&mut out, &seen)?,
        Format::Text => print::preview(&mut out, &seen)?,
    }
    Ok(())
}

async fn end(args: &End) -> Result<()> {
    let client = args.common.master.client()?;
    for id in &args.ids {
        let ended = end_one(&client, id).await?;
        show(args.common.format, &ended)?;
    }
    Ok(())
}

async fn end_one(client: &Client, id: &str) -> Result<Silence> {
    let ended = client.delete(&["v1", "silences", id]).await?;
    ended.with_context(|| {
        format!("the master knows no silence {id}; `dial silences list` shows those in force")
    })
}

fn show(format: Format, silence: &Silence) -> Result<()> {
    let mut out = anstream::stdout().lock();
    match format {
        Format::Json => json::write_pretty(&mut out, silence)?,
        Format::Text => print::one(&mut out, silence, Timestamp::now())?,
    }
    Ok(())
}

fn no_silences() -> &'static str {
    "the address has no /v1/silences; is --url (DIAL_URL) a DIAL master of this version?"
}
