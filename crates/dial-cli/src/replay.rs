//! `dial replay`: takes dead letters up again, from a folder or a bucket.
//!
//! A letter's stage says what its bytes are. `parse` and `judge`: the event, judged again.
//! `send`: findings (a batch or a list). `accept`: one finding. All are signed and sent; ids do
//! not change, so that replaying twice is harmless, and letters stay where they are.

use crate::config_file::{ConfigFile, environment};
use crate::exit::Outcome;
use crate::judging::Judging;
use crate::scan::send::Outgoing;
use crate::signing::Signing;
use crate::terminal::{count, inert};
use anyhow::{Context, Result, bail};
use clap::Args;
use dial_aws::{Clients, open_bucket};
use dial_core::Finding;
use dial_core::dead_letter::{DeadLetter, PREFIX, Stage};
use dial_core::wire::Batch;
use dial_detect::Pipeline;
use dial_detect::envelope::{self, Input, Item};
use dial_worker::{Sender, setup};
use jiff::Timestamp;
use std::io::Write;
use std::path::Path;

/// Largest letter: an invocation of 6 MB as base64, and room.
const MAX_LETTER: usize = 32 * 1024 * 1024;

/// Help below the arguments of `replay`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  dial replay s3://dial-dead-letters --dry-run
  dial replay s3://dial-dead-letters --config dial.toml
  dial replay s3://dial-dead-letters --stage send \\
      --send https://dial.example.com --root-key-file root.key
  dial replay ./dead-letters --send http://127.0.0.1:8700 --keys worker.keys

Without --send, the [worker] section of the configuration says where to send
and which key signs. Letters lie under
dead-letter/<stage>/<YYYY>/<MM>/<DD>/<account>/<region>/ and stay there.
Exit codes: 0 all letters taken up, 1 some could not be.";

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Folder or `s3://bucket/prefix` that holds `dead-letter/`
    #[arg(value_name = "PLACE")]
    place: String,
    /// Only letters of this stage: parse, judge, send or accept
    #[arg(long, value_parser = ["parse", "judge", "send", "accept"])]
    stage: Option<String>,
    /// Judge and report, send nothing
    #[arg(long, conflicts_with = "send")]
    dry_run: bool,
    #[command(flatten)]
    judging: Judging,
    #[command(flatten)]
    signing: Signing,
}

/// Runs `dial replay`.
pub(crate) fn run(args: &Replay) -> Result<Outcome> {
    let sender = match (args.signing.sender()?, args.dry_run) {
        (None, false) => Some(own_sender(args.judging.config.as_deref())?),
        (given, _) => given,
    };
    let pipeline = args.judging.pipeline()?;
    let runtime = crate::runtime()?;
    let bucket = open_bucket(&args.place, &Clients::new())?;
    let prefix = match &args.stage {
        Some(stage) => format!("{PREFIX}{stage}/"),
        None => PREFIX.to_owned(),
    };
    let keys = runtime.block_on(bucket.list(&prefix))?;
    let mut out = anstream::stdout().lock();
    let mut replayed = Replayed::default();
    let mut outgoing = sender
        .map(|sender| Outgoing::new(sender, pipeline.worker().clone(), runtime.handle().clone()));
    for key in &keys {
        let letter = runtime.block_on(bucket.get(key, MAX_LETTER));
        let letter = letter
            .map_err(anyhow::Error::from)
            .and_then(|letter| letter.context("the letter is gone"));
        let taken = letter.and_then(|bytes| take_up(&bytes, &pipeline, Timestamp::now()));
        let line = match taken {
            Ok((reason, findings)) => replayed.send(findings, &reason, outgoing.as_mut()),
            Err(error) => replayed.fail(&format!("{error:#}")),
        };
        writeln!(out, "{}\n    {line}", inert(key))?;
    }
    drop(out);
    let letters = count(keys.len() as u64, "letter");
    let findings = count(replayed.findings, "finding");
    anstream::eprintln!("{letters}, {findings}, {} not taken up", replayed.failed);
    if keys.is_empty() {
        let place = inert(&args.place);
        anstream::eprintln!(
            "nothing lies in `{prefix}` below {place}; if something should, name the folder or prefix that holds `{PREFIX}`"
        );
    }
    if let Some(outgoing) = outgoing {
        anstream::eprintln!("{}", outgoing.summary());
    }
    Ok(Outcome::of(replayed.failed > 0, false))
}

/// Signs with the key of the worker that the configuration describes.
pub(crate) fn own_sender(config: Option<&Path>) -> Result<Sender> {
    let file = ConfigFile::find(config)?;
    let config = file.section("worker").context(
        "say where to, by --send URL with --root-key-file or --keys, or by a whole [worker] section (--dry-run sends nothing)",
    )?;
    let worker = setup::worker(config, &environment().collect(), &Clients::new())?;
    Ok(worker.sender)
}

#[derive(Default)]
struct Replayed {
    findings: u64,
    failed: u64,
}

impl Replayed {
    fn fail(&mut self, why: &str) -> String {
        self.failed += 1;
        format!("not taken up: {}", inert(why))
    }

    /// Each letter is sent by itself, so that its line says what became of it.
    fn send(
        &mut self,
        findings: Vec<Finding>,
        reason: &str,
        outgoing: Option<&mut Outgoing>,
    ) -> String {
        let number = findings.len() as u64;
        let text = count(number, "finding");
        self.findings += number;
        let was = inert(reason);
        let Some(outgoing) = outgoing else {
            return format!("would send {text}; it lay here because: {was}");
        };
        for finding in findings {
            outgoing.add(finding);
        }
        outgoing.flush();
        let problems = outgoing.take_problems();
        if problems.is_empty() {
            format!("sent {text}; it lay here because: {was}")
        } else {
            self.fail(&problems.join("; "))
        }
    }
}

/// Why the letter lay there, and the findings that its bytes are or give.
fn take_up(bytes: &[u8], pipeline: &Pipeline, now: Timestamp) -> Result<(String, Vec<Finding>)> {
    let letter: DeadLetter = serde_json::from_slice(bytes).context("this is no dead letter")?;
    let original = letter.original()?;
    let findings = match letter.stage {
        Stage::Parse | Stage::Judge => judge(&original, pipeline, now)?,
        Stage::Send => batch(&original)?,
        Stage::Accept => {
            vec![serde_json::from_slice(&original).context("its bytes are no finding")?]
        }
    };
    Ok((letter.reason, findings))
}

/// A batch as it goes over the wire, a list of findings, or one.
fn batch(bytes: &[u8]) -> Result<Vec<Finding>> {
    if let Ok(batch) = serde_json::from_slice::<Batch>(bytes) {
        return Ok(batch.findings);
    }
    if let Ok(list) = serde_json::from_slice::<Vec<Finding>>(bytes) {
        return Ok(list);
    }
    let one = serde_json::from_slice(bytes).context("its bytes are no findings")?;
    Ok(vec![one])
}

fn judge(bytes: &[u8], pipeline: &Pipeline, now: Timestamp) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for item in items(envelope::read(bytes)?)? {
        let event = item?;
        let judged = pipeline.run(&event, now);
        if let Some(failure) = judged.failures.first() {
            let rule = failure.rule.as_deref().unwrap_or("judging");
            bail!("{rule} failed again: {}", failure.reason);
        }
        findings.extend(judged.kept());
    }
    Ok(findings)
}

fn items(input: Input) -> Result<Vec<Item>> {
    match input {
        Input::Events(items) => Ok(items),
        Input::Queue(messages) => {
            let mut all = Vec::new();
            for message in messages {
                all.extend(items(message.content?)?);
            }
            Ok(all)
        }
        Input::Objects(_) => bail!("it names trail objects; `dial scan s3://… --send` reads those"),
    }
}
