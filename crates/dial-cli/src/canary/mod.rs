//! `dial canary`: a harmless event of our own, followed from the call to the alert.

mod event;
mod follow;
mod report;

use crate::exit::Outcome;
use crate::findings::{Client, Master};
use crate::judging::Judging;
use crate::replay::own_sender;
use crate::signing::Signing;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use dial_aws::{Clients, Survey};
use dial_core::store::triage::Change;
use dial_core::{AccountId, Finding, FindingId, Region};
use dial_master::api::ChangeMade;
use jiff::Timestamp;
use rand::TryRng;
use report::Report;
use std::time::Duration;
use tokio::time::Instant;

/// The rule of the pack that matches a canary.
const RULE: &str = "own_event_rule_changed";
/// Longest time for one batch with its retries.
const SEND: Duration = Duration::from_secs(20);

/// Help below the arguments of `canary`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  export DIAL_URL=https://dial.example.com DIAL_TOKEN=…
  dial canary --call                     a real call, in the account of the credentials
  dial canary --call --timeout 10m --resolve --json
  dial canary --account 111122223333 --region eu-west-1 \\
      --send http://127.0.0.1:8700 --root-key-file root.key

With --call it asks AWS to disable an event rule `dial-canary-…` that does not
exist. Nothing changes, CloudTrail records the attempt, and the finding comes by
the way of every other: trail, event rule, worker, key, master, store, sinks.
Without it the same event is judged on this machine, signed and sent: that covers
the rules here, the key, the master, its store and its sinks, and not the trail,
the event rules and the deployed worker.

The alert is real, of severity high; its resource says dial-canary, so a route
may lead it elsewhere. With --call an informational finding comes beside it, for
any event rule that is disabled; --resolve resolves both. Whoever is listed as a
deployer raises no alert. Times are those of the master's clock.

Exit codes: 0 stored, and told or knowingly not told at every sink; 1 otherwise.";

/// Arguments of `canary`.
#[derive(Debug, Args)]
pub(crate) struct Canary {
    /// Make a real call in the account and region of the environment's credentials
    #[arg(long, conflicts_with_all = ["send", "account"])]
    call: bool,
    /// Account that the event says it is of [default: that of the [worker] section]
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    account: Option<AccountId>,
    /// Region that the event says it is of
    #[arg(long, value_name = "REGION", env = "AWS_REGION", default_value = "us-east-1", value_parser = region)]
    region: Region,
    /// Longest wait until every sink has it: 90s, 10m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = timeout)]
    timeout: Duration,
    /// Resolve what it raised in the end; needs a token of scope analyst
    #[arg(long)]
    resolve: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    judging: Judging,
    #[command(flatten)]
    master: Master,
    #[command(flatten)]
    signing: Signing,
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).map_err(|error| error.to_string())
}

fn region(text: &str) -> Result<Region, String> {
    Region::parse(text).map_err(|error| error.to_string())
}

fn timeout(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time; write 90s or 10m");
    let minutes = text.strip_suffix('m').map(|number| (number, 60));
    let (number, unit) = minutes
        .or_else(|| text.strip_suffix('s').map(|number| (number, 1)))
        .ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = number.checked_mul(unit);
    let seconds = seconds.filter(|seconds| (1..=3_600).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

/// Runs `dial canary`.
pub(crate) fn run(args: &Canary) -> Result<Outcome> {
    let name = name()?;
    // What blocks comes before the runtime: reading files and rules.
    let own = if args.call {
        None
    } else {
        Some(own(args, &name)?)
    };
    let report = crate::runtime()?.block_on(fly(args, &name, own))?;
    report::print(&report, args.json)?;
    Ok(Outcome::of(!report.good, false))
}

/// `dial-canary-` and eight hex digits: one alert each, never grouped with another.
fn name() -> Result<String> {
    let mut bytes = [0; 4];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .context("the system gives no random numbers")?;
    Ok(format!(
        "dial-canary-{}",
        dial_core::dead_letter::hex(&bytes)
    ))
}

/// The finding that this machine makes itself, and what sends it.
struct Own {
    finding: Finding,
    sender: dial_worker::Sender,
    worker: dial_core::wire::WorkerInfo,
}

fn own(args: &Canary, name: &str) -> Result<Own> {
    let sender = match args.signing.sender()? {
        Some(sender) => sender,
        None => own_sender(args.judging.config.as_deref())?,
    };
    let account = match &args.account {
        Some(account) => account.clone(),
        None => event::configured_account(args.judging.config.as_deref())?,
    };
    let pipeline = args.judging.pipeline()?;
    let event = event::canary(name, &account, &args.region, Timestamp::now());
    let finding = event::judge(&event, &pipeline)?;
    Ok(Own {
        finding,
        sender,
        worker: pipeline.worker().clone(),
    })
}

async fn fly(args: &Canary, name: &str, own: Option<Own>) -> Result<Report> {
    let client = args.master.client()?;
    let started = Timestamp::now();
    let deadline = Instant::now() + args.timeout;
    let known = if let Some(own) = own {
        Some(send(own).await?)
    } else {
        let survey = Survey::new(Clients::new())?;
        let made = survey.disable_missing_rule(name).await;
        made.context("the call could not be made")?;
        None
    };
    let flight = follow::follow(&client, name, known, started, deadline).await?;
    let resolved = if args.resolve && flight.finding.is_some() {
        Some(resolve_all(&client, &flight).await)
    } else {
        None
    };
    Ok(Report::of(name, args.call, started, &flight, resolved))
}

async fn send(own: Own) -> Result<FindingId> {
    let findings = [own.finding];
    let deadline = Instant::now() + SEND;
    let report = own.sender.send(&own.worker, &findings, deadline).await;
    if let Some(failed) = report.failed.first() {
        bail!("the master did not take it: {}", failed.error);
    }
    if let Some(rejected) = report.rejected.first() {
        bail!("the master rejected it: {}", rejected.reason);
    }
    let [finding] = findings;
    Ok(finding.id)
}

async fn resolve_all(client: &Client, flight: &follow::Flight) -> Result<(), String> {
    let all = follow::all_of(client, flight).await;
    for id in all.map_err(|error| format!("{error:#}"))? {
        resolve(client, &id).await?;
    }
    Ok(())
}

async fn resolve(client: &Client, id: &FindingId) -> Result<(), String> {
    let change: Change = serde_json::from_value(serde_json::json!({
        "action": "resolve", "comment": "dial canary",
    }))
    .map_err(|error| error.to_string())?;
    let path = ["v1", "findings", id.as_str(), "transitions"];
    let wish = client.wish::<ChangeMade>(&path, &change).await;
    match wish.map_err(|error: anyhow::Error| anyhow!("{error:#}")) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(said)) => Err(said),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_minutes() {
        let cases = [
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("60m", Some(3_600)),
            ("61m", None),
            ("0s", None),
            ("5", None),
            ("m", None),
            ("", None),
            ("5µ", None),
            ("99999999999999999999s", None),
        ];
        for (text, expected) in cases {
            let read = timeout(text).ok().map(|time| time.as_secs());
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn each_canary_has_a_name_of_its_own() {
        let (one, other) = (name().unwrap(), name().unwrap());
        assert_ne!(one, other);
        assert!(one.starts_with("dial-canary-") && one.len() == 20, "{one}");
    }
}
