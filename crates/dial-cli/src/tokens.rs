//! `dial tokens`: makes, lists and revokes the API tokens of a master, through its API.

use crate::exit::Outcome;
use crate::findings::Master;
use crate::json;
use crate::terminal::{BOLD, DIM, inert, paint};
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use dial_core::store::token::{DEFAULT_DAYS, MAX_DAYS, Scope, Token};
use dial_master::api::{NewToken, TokenList, TokenRequest};
use jiff::Timestamp;
use std::io::{self, Write};

/// What to do with API tokens; all of it needs a token with scope admin.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a token; it is printed once and kept nowhere
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// List tokens: what each may do, until when, and when it was used last
    #[command(after_help = LIST_EXAMPLES)]
    List(Common),
    /// Revoke tokens from now on
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke(Revoke),
}

const CREATE_EXAMPLES: &str = "\
Examples:
  export DIAL_URL=https://dial.example.com DIAL_TOKEN=…       a token with scope admin
  dial tokens create siem --scope viewer > siem.token
  dial tokens create soc --scope analyst --days 30

Scopes: viewer sees findings, workers and counters; analyst also changes findings and
silences; admin also makes and revokes tokens.";

const LIST_EXAMPLES: &str = "\
Examples:
  dial tokens list
  dial tokens list --format json | jq '.tokens[] | select(.last_used == null)'";

const REVOKE_EXAMPLES: &str = "\
Example:
  dial tokens revoke t-iwvrv37fygnc5lvtjndbj3abei";

/// Arguments of `tokens create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Who or what is to hold it; the history of findings names it
    name: String,
    /// What it may do: viewer, analyst or admin
    #[arg(long, default_value_t = Scope::Viewer)]
    scope: Scope,
    /// How many days it holds
    #[arg(long, default_value_t = DEFAULT_DAYS, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_DAYS)))]
    days: u32,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `tokens revoke`.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Ids, as `dial tokens list` shows them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Which master, and how its answer is printed.
#[derive(Debug, Args)]
pub(crate) struct Common {
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

/// Runs `dial tokens`.
pub(crate) fn run(command: &Command) -> Result<Outcome> {
    let runtime = crate::runtime()?;
    match command {
        Command::Create(args) => runtime.block_on(create(args))?,
        Command::List(args) => runtime.block_on(list(args))?,
        Command::Revoke(args) => runtime.block_on(revoke(args))?,
    }
    Ok(Outcome::Clean)
}

/// The token alone goes to standard output, so that it can be kept in a file.
async fn create(args: &Create) -> Result<()> {
    let wanted = TokenRequest {
        name: args.name.clone(),
        scope: args.scope,
        days: args.days,
    };
    let client = args.common.master.client()?;
    let new: NewToken = client.post(&["v1", "tokens"], &wanted).await?;
    let mut out = anstream::stdout().lock();
    match args.common.format {
        Format::Json => json::write_pretty(&mut out, &new)?,
        Format::Text => {
            one(&mut anstream::stderr().lock(), &new.kept, Timestamp::now())?;
            writeln!(out, "{}", inert(&new.token))?;
        }
    }
    Ok(())
}

async fn list(args: &Common) -> Result<()> {
    let client = args.master.client()?;
    let found: Option<TokenList> = client.get(&["v1", "tokens"], &[]).await?;
    let list = found.context("the master has no tokens; is it of this version?")?;
    let mut out = anstream::stdout().lock();
    match args.format {
        Format::Json => json::write_pretty(&mut out, &list)?,
        Format::Text => {
            for token in &list.tokens {
                one(&mut out, token, Timestamp::now())?;
            }
            if list.tokens.is_empty() {
                writeln!(
                    out,
                    "no token was made yet; those of the configuration are not listed"
                )?;
            }
        }
    }
    Ok(())
}

async fn revoke(args: &Revoke) -> Result<()> {
    let client = args.common.master.client()?;
    for id in &args.ids {
        let revoked: Option<Token> = client.delete(&["v1", "tokens", id]).await?;
        let token = revoked.with_context(|| {
            format!("the master knows no token {id}; `dial tokens list` shows them")
        })?;
        let mut out = anstream::stdout().lock();
        match args.common.format {
            Format::Json => json::write_pretty(&mut out, &token)?,
            Format::Text => one(&mut out, &token, Timestamp::now())?,
        }
    }
    Ok(())
}

/// A token in two lines.
fn one(out: &mut impl Write, token: &Token, now: Timestamp) -> io::Result<()> {
    let (id, name) = (inert(&token.id), inert(&token.name));
    writeln!(out, "{}  {name}  {}", paint(BOLD, id), token.scope)?;
    let end = match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {at:.0}"),
        (None, at) if at <= now => format!("expired {at:.0}"),
        (None, at) => format!("expires {at:.0}"),
    };
    let used = match token.last_used {
        Some(at) => format!("used last about {at:.0}"),
        None => "never used".to_owned(),
    };
    let (hint, by) = (inert(&token.hint), inert(&token.created_by));
    let line = format!("  {hint}…  {end}, {used}, made by {by}");
    writeln!(out, "{}", paint(DIM, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_as_what_they_are() {
        let at = |hours: i64| Timestamp::from_second(1_900_000_000 + hours * 3_600).unwrap();
        let base = Token {
            id: "t-aaaaaaaaaaaaaaaaaaaaaaaaaa".into(),
            name: "siem".into(),
            scope: Scope::Viewer,
            hint: "dial_abcdef".into(),
            created_at: at(0),
            created_by: "soc\u{1b}[2J".into(),
            expires_at: at(10),
            last_used: None,
            revoked_at: None,
            revoked_by: None,
        };
        let revoked = Token {
            revoked_at: Some(at(3)),
            last_used: Some(at(2)),
            ..base.clone()
        };
        let mut out = Vec::new();
        for (token, now) in [(&base, at(1)), (&base, at(10)), (&revoked, at(4))] {
            one(&mut out, token, now).unwrap();
        }
        let text = anstream::adapter::strip_bytes(&out).into_vec();
        insta::assert_snapshot!(String::from_utf8(text).unwrap());
    }
}
