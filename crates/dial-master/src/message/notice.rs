//! What is told beside the message of one finding: a digest of many, or that one is closed.
//!
//! The parts are inert but escaped for no format; each format renders them as it renders a finding.

use super::links::Links;
use super::text::inert_name;
use super::{Line, glance, news, severity_mark, title};
use crate::routing::digest::{Digest, Named};
use crate::sinks::GroupState;
use dial_core::store::group::Before;
use dial_core::store::{Audit, Status, Stored};
use dial_core::{Finding, Severity};

/// Longest name that a digest counts, characters; rules, accounts and titles are the sender's words.
const MAX_NAME: usize = 120;
/// Longest value of a line, characters.
const MAX_VALUE: usize = 800;
/// Longest title in a headline, characters.
const MAX_TITLE: usize = 140;

/// A message about more, or later, than one finding's own.
#[derive(Debug)]
pub(crate) struct Notice {
    /// The worst there is.
    pub(crate) severity: Severity,
    /// What happened, in a line.
    pub(crate) headline: String,
    /// The same without a mark, for mail subjects.
    pub(crate) subject: String,
    /// Labels and values; none is empty.
    pub(crate) lines: Vec<Line>,
    /// Our word and address for where to look.
    pub(crate) link: Option<(&'static str, String)>,
}

impl Notice {
    /// One message for many findings: how many, of what, the worst of them by name.
    pub(crate) fn digest(digest: &Digest, links: &Links) -> Self {
        let count = digest.count;
        let severities: Vec<String> = digest.by_severity.iter().map(severity_count).collect();
        let worst = digest.worst.first();
        let severity = worst.map_or(Severity::Informational, |named| named.severity);
        let what = format!("{count} findings in one message");
        let (mark, word) = severity_mark(severity);
        let told = [
            ("Severities", severities),
            ("Rules", counted(&digest.by_rule)),
            ("Accounts", counted(&digest.by_account)),
            ("Worst", digest.worst.iter().map(named).collect()),
            (
                "Between",
                vec![format!("{:.0}", digest.from), format!("{:.0}", digest.to)],
            ),
        ];
        Self {
            severity,
            headline: format!("{mark} {word} · {what}"),
            subject: format!("{word}: {what}"),
            lines: lines(told),
            link: worst
                .and_then(|worst| links.finding(&worst.id))
                .map(|url| ("Open the worst", url)),
        }
    }

    /// That a finding which was told is closed, by whom, and how often it was repeated.
    pub(crate) fn closed(
        stored: &Stored,
        history: &[Audit],
        group: Option<&GroupState>,
        links: &Links,
    ) -> Self {
        let finding = &stored.finding;
        let word = match stored.triage.status {
            Status::FalsePositive => "FALSE POSITIVE",
            _ => "RESOLVED",
        };
        let subject = title(finding, MAX_TITLE);
        let [did, place] = glance(finding);
        let told = [
            (
                "Closed",
                closing(history).map(news::sentence).into_iter().collect(),
            ),
            ("Repeats", group.and_then(repeats).into_iter().collect()),
            ("Was", vec![severity_mark(finding.severity).1.to_owned()]),
            ("What", did),
            ("Where", place),
            ("Rule", vec![finding.rule.name.clone()]),
            ("Finding", vec![finding.id.to_string()]),
        ];
        Self {
            severity: Severity::Informational,
            headline: format!("✅ {word} · {subject}"),
            subject: format!("{word}: {subject}"),
            lines: lines(told),
            link: links.finding(&finding.id).map(|url| ("Open finding", url)),
        }
    }
}

/// The change by which a finding came to be closed; reopening it ends that.
pub(crate) fn closing(history: &[Audit]) -> Option<&Audit> {
    let is_closed = |line: &&Audit| line.after.as_ref().is_some_and(|t| closes(t.status));
    let newest = history.iter().rev().filter(|line| line.after.is_some());
    newest.take_while(is_closed).last()
}

/// Whether nobody has to do anything any more.
pub(crate) fn closes(status: Status) -> bool {
    matches!(status, Status::Resolved | Status::FalsePositive)
}

/// `3 repeats, the last at …`; nothing while there is none.
pub(crate) fn repeats(group: &GroupState) -> Option<String> {
    let last = group.repeated_at?;
    match group.repeats {
        0 => None,
        1 => Some(format!("1 repeat, at {last:.0}")),
        repeats => Some(format!("{repeats} repeats, the last at {last:.0}")),
    }
}

/// `told before: 14 findings since …`, where a problem that nobody closed is told anew.
fn before(group: &GroupState) -> Option<String> {
    let Before { findings, since } = group.before.as_ref()?;
    let findings = match findings {
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    };
    Some(format!("told before: {findings} since {since:.0}"))
}

/// How often a problem came so far: before this message, and since.
pub(crate) fn so_far(group: &GroupState) -> Vec<String> {
    before(group).into_iter().chain(repeats(group)).collect()
}

/// The same of a finding's own message, as a line of it.
pub(crate) fn repeats_line(group: Option<&GroupState>) -> Option<Line> {
    Line::of("Repeats", &so_far(group?), MAX_VALUE)
}

fn severity_count((severity, count): &(Severity, usize)) -> String {
    let (mark, word) = severity_mark(*severity);
    format!("{mark} {count} {word}")
}

fn counted(counts: &[(String, usize)]) -> Vec<String> {
    let told = counts.iter();
    told.map(|(name, count)| format!("{count} × {}", shown(name)))
        .collect()
}

fn named(named: &Named) -> String {
    let (mark, _) = severity_mark(named.severity);
    let (title, account) = (shown(&named.title), shown(&named.account));
    format!("{mark} {title} · {account} · {}", named.id)
}

/// A name of the sender's.
pub(crate) fn shown(name: &str) -> String {
    inert_name(name, MAX_NAME)
}

fn lines<const N: usize>(told: [(&'static str, Vec<String>); N]) -> Vec<Line> {
    let lines = told.into_iter();
    lines
        .filter_map(|(label, values)| Line::of(label, &values, MAX_VALUE))
        .collect()
}

/// What a digest is called where one finding has its own id: no finding is.
pub(crate) fn digest_key(carrier: &Finding) -> String {
    format!("digest-{}", carrier.id)
}
