//! `dial demo`: an incident from event to alert on this machine, without a cloud account.
//!
//! Only the events and the receivers are made up: worker, master, signatures and deliveries are
//! the ones that run in the cloud.

mod arrivals;
mod incident;
mod render;
mod slack;
mod stage;
mod thehive;

use crate::exit::Outcome;
use crate::findings::Client;
use crate::lines::Lines;
use crate::terminal::{self, BAD, BOLD, DIM, GOOD, count, inert, paint};
use anyhow::{Context, Result, bail};
use arrivals::Arrival;
use clap::Args;
use dial_master::api::FindingList;
use dial_worker::Reply;
use dial_worker::worker::Counts;
use incident::{Moved, STEPS, Step};
use jiff::Timestamp;
use stage::Stage;
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Help below the arguments of `demo`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  dial demo                            then look around with `dial findings list`
  dial demo --listen 127.0.0.1:8600
  dial demo --once                     play, then end

Nothing leaves this machine: Slack and TheHive are look-alikes on loopback.";

/// Longest wait for one event to be accepted, and for its messages.
const PATIENCE: Duration = Duration::from_secs(15);
/// Sinks that each finding goes to.
const SINKS: usize = 2;
/// How often workers say that they live.
const BEAT: Duration = Duration::from_mins(5);
/// Widest rendering of a message.
const WIDEST: usize = 100;
/// Width where there is no terminal.
const WIDTH: usize = 96;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Address of the master's API; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// End when the incident is over, instead of leaving the API up
    #[arg(long)]
    once: bool,
}

/// Runs `dial demo`.
pub(crate) fn run(args: &Demo) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot start")?;
    runtime.block_on(play(args))
}

async fn play(args: &Demo) -> Result<Outcome> {
    let mut out = anstream::stdout();
    let title = "An incident in the account shop-production (111122223333)";
    writeln!(out, "{}", paint(BOLD, title))?;
    let stage = "Everything runs on this machine: two workers, the master, look-alikes of Slack and TheHive.";
    writeln!(out, "{}", paint(DIM, stage))?;
    let stage = Stage::set(args.listen).await?;
    let mut play = Play {
        out,
        stage,
        width: terminal::columns().unwrap_or(WIDTH).min(WIDEST),
        totals: Totals::default(),
        after_alert: false,
    };
    let events = incident::events(Timestamp::now())?;
    for (step, event) in STEPS.iter().zip(&events) {
        play.step(step, event).await?;
    }
    play.again(&events).await?;
    play.stage.beat().await?;
    let first = play.summary().await?;
    let as_written = play.totals.surprises == 0;
    if !args.once {
        play.where_to_look(&first)?;
        tokio::select! {
            ended = told_to_end() => ended?,
            silent = beat_on(&play.stage) => silent?,
        }
    }
    play.stage.strike().await?;
    Ok(Outcome::of(!as_written, false))
}

struct Play {
    out: anstream::Stdout,
    stage: Stage,
    width: usize,
    totals: Totals,
    /// Whether the step before had an alert, which an empty line ends.
    after_alert: bool,
}

#[derive(Default)]
struct Totals {
    events: u64,
    alerts: u64,
    quiet: u64,
    /// Steps that did not go as written.
    surprises: u64,
    /// From the event's arrival to the last sink, one for each event with an alert.
    times: Vec<Duration>,
}

impl Play {
    async fn step(&mut self, step: &Step, event: &Moved) -> Result<()> {
        let begun = Instant::now();
        let counts = handle(&self.stage, event).await?;
        let accepted = Instant::now();
        let arrived = self.await_messages(&counts).await?;
        let alerts = counts.findings > 0;
        self.totals.events += 1;
        self.totals.alerts += counts.findings;
        self.totals.quiet += u64::from(!alerts);
        self.totals.surprises += u64::from(alerts != step.alerts);
        if std::mem::replace(&mut self.after_alert, alerts) || alerts {
            writeln!(self.out)?;
        }
        self.tell(step, event, alerts)?;
        for arrival in arrived.iter().filter(|arrival| arrival.sink == "slack") {
            for line in render::message(&arrival.body, self.width) {
                writeln!(self.out, "{line}")?;
            }
        }
        if alerts {
            self.timing(begun, accepted, &arrived)?;
        }
        Ok(())
    }

    fn tell(&mut self, step: &Step, event: &Moved, alerts: bool) -> Result<()> {
        let time = paint(DIM, event.time.strftime("%H:%M:%S"));
        let (what, verdict) = match (alerts, step.alerts) {
            (true, true) => (paint(BOLD, step.what), String::new()),
            (false, false) => (paint(DIM, step.what), paint(DIM, "  quiet")),
            (true, false) => (paint(BOLD, step.what), paint(BAD, "  NOT QUIET")),
            (false, true) => (paint(BOLD, step.what), paint(BAD, "  NO ALERT")),
        };
        writeln!(self.out, "{time}  {what}{verdict}")?;
        Ok(())
    }

    /// Waits until every sink has every finding of an event.
    async fn await_messages(&mut self, counts: &Counts) -> Result<Vec<Arrival>> {
        let expected = usize::try_from(counts.accepted)
            .unwrap_or(usize::MAX)
            .saturating_mul(SINKS);
        let mut arrived = Vec::new();
        while arrived.len() < expected {
            let next = tokio::time::timeout(PATIENCE, self.stage.arrivals.recv()).await;
            match next {
                Ok(Some(arrival)) => arrived.push(arrival),
                _ => bail!(
                    "a message did not arrive within {PATIENCE:?}; run with DIAL_LOG=info to see why"
                ),
            }
        }
        Ok(arrived)
    }

    /// How long after the event's arrival at the worker each part was done.
    fn timing(&mut self, begun: Instant, accepted: Instant, arrived: &[Arrival]) -> Result<()> {
        let since = |at: Option<Instant>| at.unwrap_or(accepted).saturating_duration_since(begun);
        let last = |sink: &str| {
            let times = arrived.iter().filter(|arrival| arrival.sink == sink);
            since(times.map(|arrival| arrival.at).max())
        };
        let end = since(arrived.iter().map(|arrival| arrival.at).max());
        self.totals.times.push(end.max(accepted - begun));
        let line = format!(
            "    after the event: accepted {} · Slack {} · TheHive {}",
            milliseconds(accepted - begun),
            milliseconds(last("slack")),
            milliseconds(last("thehive")),
        );
        writeln!(self.out, "{}", paint(DIM, line))?;
        Ok(())
    }

    /// `EventBridge` delivers at least once: the same events once more must tell nobody anything.
    async fn again(&mut self, events: &[Moved]) -> Result<()> {
        let (mut known, mut new) = (0, 0);
        for event in events {
            let counts = handle(&self.stage, event).await?;
            known += counts.duplicates;
            new += counts.accepted;
        }
        let told = self.stage.arrivals.try_recv().is_ok();
        let is_silent = new == 0 && !told;
        let verdict = if is_silent {
            paint(GOOD, "no message twice")
        } else {
            paint(BAD, "MESSAGES TWICE")
        };
        self.totals.surprises += u64::from(!is_silent);
        let line = format!(
            "The same {} once more: {} known already,",
            count(events.len() as u64, "event"),
            count(known, "finding")
        );
        writeln!(self.out, "\n{line} {verdict}.\n")?;
        Ok(())
    }

    /// The list as the API has it; answers the first id.
    async fn summary(&mut self) -> Result<String> {
        let client = Client::new(self.stage.url.clone(), Some(self.stage.token.clone()))?;
        let query = [("limit", "200".to_owned())];
        let list: Option<FindingList> = client.get(&["v1", "findings"], &query).await?;
        let list = list.context("the master has no list of findings")?;
        let lines = Lines::listed(Some(terminal::columns().unwrap_or(WIDTH)));
        lines.heading(&mut self.out)?;
        for summary in &list.findings {
            lines.row(&mut self.out, summary)?;
        }
        let Totals {
            events,
            alerts,
            quiet,
            times,
            ..
        } = &mut self.totals;
        times.sort_unstable();
        let middle = times.get(times.len() / 2).copied().unwrap_or_default();
        let longest = times.last().copied().unwrap_or_default();
        writeln!(
            self.out,
            "\n{}: {}, {quiet} quiet. From event to last sink: median {}, longest {}.",
            count(*events, "event"),
            count(*alerts, "alert"),
            milliseconds(middle),
            milliseconds(longest),
        )?;
        let first = list.findings.first();
        Ok(first.map(|first| first.id.to_string()).unwrap_or_default())
    }

    fn where_to_look(&mut self, id: &str) -> Result<()> {
        let dial = if std::env::var_os("CARGO").is_some() {
            "cargo dial"
        } else {
            "dial"
        };
        let url = self.stage.url.as_str().trim_end_matches('/').to_owned();
        let token = self.stage.token.expose().to_owned();
        let intro = "The master stays up until Ctrl-C. Its dashboard:";
        writeln!(self.out, "\n{}\n", paint(BOLD, intro))?;
        writeln!(self.out, "  {url}/")?;
        let intro = "In another terminal:";
        writeln!(self.out, "\n{}\n", paint(BOLD, intro))?;
        writeln!(self.out, "  export DIAL_URL={url}")?;
        writeln!(self.out, "  export DIAL_TOKEN={}", inert(&token))?;
        writeln!(self.out, "  {dial} findings list --severity critical")?;
        writeln!(self.out, "  {dial} findings show {}", inert(id))?;
        writeln!(self.out, "  {dial} findings ack {}", inert(id))?;
        writeln!(self.out, "  {dial} stats")?;
        writeln!(
            self.out,
            "  curl -H \"Authorization: Bearer $DIAL_TOKEN\" $DIAL_URL/v1/findings"
        )?;
        Ok(())
    }
}

async fn handle(stage: &Stage, event: &Moved) -> Result<Counts> {
    let worker = stage.workers.get(event.region.as_str());
    let worker = worker.with_context(|| format!("no worker for {}", event.region))?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    match worker.handle(&event.bytes, deadline).await? {
        Reply::Done(counts) if counts.dead_letters == 0 && counts.rejected == 0 => Ok(counts),
        other => bail!("the event was not handled: {other:?}"),
    }
}

/// Keeps the workers heard for as long as somebody looks.
async fn beat_on(stage: &Stage) -> Result<()> {
    loop {
        tokio::time::sleep(BEAT).await;
        stage.beat().await?;
    }
}

/// Ends on Ctrl-C, and on SIGTERM, so that the folder with its keys goes either way.
async fn told_to_end() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupt = tokio::signal::ctrl_c() => Ok(interrupt?),
        }
    }
    #[cfg(not(unix))]
    Ok(tokio::signal::ctrl_c().await?)
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
}
