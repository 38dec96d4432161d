//! `dial rules explain`: which part of a rule matched an event or failed, with the values seen.

use super::{Format, one_event};
use crate::exit::Outcome;
use crate::json;
use crate::judging::Judging;
use crate::terminal::{BAD, BOLD, DIM, GOOD, cut, inert, paint};
use anyhow::{Context, Result};
use clap::Args;
use dial_core::config::nearest;
use dial_detect::Pipeline;
use dial_detect::engine::{RuleInfo, Step};
use dial_detect::event::Event;
use dial_detect::pipeline::{Explanation, Verdict};
use jiff::Timestamp;
use std::io::{self, Write};
use std::path::{MAIN_SEPARATOR, Path};

/// Widest value that is shown, columns.
const MAX_VALUE: usize = 160;

/// Help below the arguments of `rules explain`.
pub(super) const EXAMPLES: &str = "\
Examples:
  dial rules explain s3_bucket_policy_public event.json
  dial rules explain ./my-rules/s3/bucket_opened.yml trail.json.gz --event-id 3f4c…
  aws cloudtrail lookup-events --max-results 1 |
    jq '.Events[0].CloudTrailEvent | fromjson' | dial rules explain iam_mfa_removed -";

/// Arguments of `rules explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Name or id of a rule, or a rule file
    rule: String,
    /// File with the event: a record, an EventBridge event or a trail file; `-` for standard input
    event: String,
    #[command(flatten)]
    wanted: one_event::Wanted,
    #[command(flatten)]
    judging: Judging,
    /// For people, or as JSON
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Runs `dial rules explain`.
pub(super) fn run(args: &Explain) -> Result<Outcome> {
    let (pipeline, rules) = chosen(&args.judging, &args.rule)?;
    let event = one_event::read(&args.event, &args.wanted)?;
    let now = Timestamp::now();
    let each = rules.iter().map(|rule| pipeline.explain(rule, &event, now));
    let explained: Vec<Explanation> = each.flatten().collect();
    let mut out = anstream::stdout().lock();
    if args.format == Format::Json {
        json::write_pretty(&mut out, &explained)?;
        return Ok(Outcome::Clean);
    }
    for explanation in &explained {
        print(&mut out, explanation, &event)?;
    }
    Ok(Outcome::Clean)
}

/// The rules that a word means: those of a file, or the one of that name or id.
pub(super) fn chosen(judging: &Judging, word: &str) -> Result<(Pipeline, Vec<RuleInfo>)> {
    let file = Path::new(word);
    if file.is_file() {
        let pipeline = judging.with_rules(file)?;
        let rules = pipeline.rules().iter();
        let rules = rules.filter(|rule| !rule.built_in).cloned().collect();
        return Ok((pipeline, rules));
    }
    let pipeline = judging.pipeline()?;
    let mut rules = pipeline.rules().iter();
    let rule = rules.find(|rule| rule.name == word || rule.id == word);
    let rule = rule.cloned();
    let rule = rule.with_context(|| unknown(word, pipeline.rules()))?;
    Ok((pipeline, vec![rule]))
}

fn unknown(word: &str, rules: &[RuleInfo]) -> String {
    // Names have neither.
    if word.contains(['.', MAIN_SEPARATOR]) {
        return format!("there is no rule file `{word}`");
    }
    let names = rules.iter().map(|rule| rule.name.as_str());
    let hint = nearest(word, names).map_or_else(
        || "`dial rules list` shows them".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    format!("no rule has the name or id `{word}`; {hint}")
}

fn print(out: &mut dyn Write, explained: &Explanation, event: &Event) -> io::Result<()> {
    let (style, verdict) = match explained.verdict {
        Verdict::Match => (GOOD, "matches"),
        Verdict::Suppressed => (GOOD, "matches in silence"),
        Verdict::NoMatch => (BAD, "does not match"),
        Verdict::Kept => (BAD, "is kept from"),
    };
    let head = event.head();
    let name = head.event_name.or(head.detail_type).unwrap_or_default();
    let rule = paint(BOLD, inert(&explained.rule));
    let id = inert(&event.id);
    writeln!(
        out,
        "{rule} {} {} {id}",
        paint(style, verdict),
        inert(&name)
    )?;
    if let Some(because) = &explained.because {
        writeln!(out, "  {because}")?;
    }
    for step in &explained.condition {
        print_step(out, step, 1)?;
    }
    for sentence in &explained.facts {
        writeln!(out, "  {} {}", paint(DIM, "fact:"), inert(sentence))?;
    }
    Ok(())
}

fn print_step(out: &mut dyn Write, step: &Step, depth: usize) -> io::Result<()> {
    let mark = if step.matched {
        paint(GOOD, "✓")
    } else {
        paint(BAD, "✗")
    };
    write!(out, "{}{mark} {}", "  ".repeat(depth), inert(&step.part))?;
    if let Some(wanted) = &step.wanted {
        write!(out, " {}", inert(&cut(wanted, MAX_VALUE)))?;
    }
    if let Some(seen) = step.seen.as_ref().filter(|seen| !seen.is_null()) {
        let seen = seen.to_string();
        write!(out, "; seen: {}", inert(&cut(&seen, MAX_VALUE)))?;
    }
    if let Some(remark) = &step.remark {
        write!(out, " {}", paint(DIM, format!("({})", inert(remark))))?;
    }
    writeln!(out)?;
    for part in &step.parts {
        print_step(out, part, depth + 1)?;
    }
    Ok(())
}
