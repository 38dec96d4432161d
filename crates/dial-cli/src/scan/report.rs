//! What a scan prints: findings on standard output, problems and the summary on standard error.

use super::Format;
use super::layout::Content;
use crate::lines::Lines;
use crate::terminal::{self, count, paint, severity_style};
use crate::{exit, json};
use dial_core::store::triage::Triage;
use dial_core::store::{Status, Summary};
use dial_core::{Finding, Severity, ocsf};
use dial_detect::envelope::trail::Counts;
use dial_master::sheet::{Sheet, suppressed_by};
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Problems shown for one source; more are only counted.
const SHOWN: u64 = 20;

const CSV_HEADER: [&str; 24] = [
    "id",
    "severity",
    "time",
    "account",
    "account_name",
    "region",
    "rule",
    "title",
    "explanation",
    "resource",
    "principal",
    "principal_type",
    "access_key_id",
    "event",
    "event_source",
    "event_id",
    "error_code",
    "source_ip",
    "country",
    "city",
    "asn",
    "reputation",
    "user_agent",
    "suppressed",
];

/// Writes findings as they come and counts everything.
pub(super) struct Report<'o> {
    out: &'o mut dyn Write,
    form: Form,
    bar: ProgressBar,
    /// Findings by severity, as printed.
    found: BTreeMap<Severity, u64>,
    sources: u64,
    counts: Counts,
    problems: u64,
    gaps: u64,
    digests: u64,
    others: u64,
    finished: u64,
    /// Problems and gaps of the source that is being read.
    of_source: u64,
    /// Whether the suppressed are shown, or the others.
    suppressed: bool,
    /// Findings of the kind that is not shown.
    left_out: u64,
}

/// What is shown, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) format: Format,
    /// The suppressed, or the others.
    pub(super) suppressed: bool,
}

enum Form {
    Table(Lines),
    Jsonl,
    Csv,
    Ocsf,
}

impl<'o> Report<'o> {
    /// Starts a report; the bar is put aside while something is written.
    pub(super) fn new(shown: Shown, out: &'o mut dyn Write, bar: ProgressBar) -> io::Result<Self> {
        let form = match shown.format {
            Format::Table if shown.suppressed => {
                Form::Table(Lines::suppressed(terminal::columns()))
            }
            Format::Table => Form::Table(Lines::scanned(terminal::columns())),
            Format::Jsonl => Form::Jsonl,
            Format::Ocsf => Form::Ocsf,
            Format::Csv => {
                csv(out, CSV_HEADER)?;
                Form::Csv
            }
        };
        Ok(Self {
            out,
            form,
            bar,
            found: BTreeMap::new(),
            sources: 0,
            counts: Counts::default(),
            problems: 0,
            gaps: 0,
            digests: 0,
            others: 0,
            finished: 0,
            of_source: 0,
            suppressed: shown.suppressed,
            left_out: 0,
        })
    }

    /// Prints one finding, if it is one of those to show.
    pub(super) fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        if finding.suppressed.is_some() != self.suppressed {
            self.left_out += 1;
            return Ok(());
        }
        let first = self.found.is_empty();
        *self.found.entry(finding.severity).or_default() += 1;
        let (out, form) = (&mut *self.out, &self.form);
        self.bar.suspend(|| match form {
            Form::Table(lines) => {
                if first {
                    lines.heading(out)?;
                }
                lines.row(out, &Summary::of(finding, &Triage::default()))
            }
            Form::Jsonl => json::write_line(out, finding),
            Form::Ocsf => json::write_line(out, &ocsf::detection(finding, Status::Open)),
            Form::Csv => csv(out, csv_row(finding).each_ref().map(String::as_str)),
        })
    }

    /// Names one problem of a source.
    pub(super) fn problem(&mut self, source: &str, what: &str) {
        self.problems += 1;
        self.tell(source, what, exit::problem);
    }

    /// Names one record that could be judged only in part.
    pub(super) fn gap(&mut self, source: &str, what: &str) {
        self.gaps += 1;
        self.tell(source, what, exit::warning);
    }

    fn tell(&mut self, source: &str, what: &str, say: impl FnOnce(&str)) {
        self.of_source += 1;
        if self.of_source <= SHOWN {
            self.bar.suspend(|| say(&format!("{source}: {what}")));
        }
    }

    /// Counts one file that was passed over.
    pub(super) fn skipped(&mut self, what: Content) {
        match what {
            Content::Digest => self.digests += 1,
            Content::Trail | Content::Other => self.others += 1,
        }
    }

    /// Counts one source that an earlier scan did.
    pub(super) fn finished(&mut self) {
        self.finished += 1;
    }

    /// Counts one source that was read.
    pub(super) fn done(&mut self, source: &str, counts: Counts) {
        self.close(source);
        self.sources += 1;
        self.counts.records += counts.records;
        self.counts.bytes += counts.bytes;
    }

    /// Ends the problems of one source.
    pub(super) fn close(&mut self, source: &str) {
        let more = self.of_source.saturating_sub(SHOWN);
        if more > 0 {
            let more = count(more, "more problem");
            self.bar
                .suspend(|| exit::problem(&format!("{source}: {more}")));
        }
        self.of_source = 0;
    }

    /// Hands on what is still held.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Whether anything was found.
    pub(super) fn has_findings(&self) -> bool {
        !self.found.is_empty()
    }

    /// Whether anything could not be read, judged or sent.
    pub(super) fn has_problems(&self) -> bool {
        self.problems > 0
    }

    fn noun(&self) -> &'static str {
        if self.suppressed {
            "suppressed finding"
        } else {
            "finding"
        }
    }

    /// The line at the end.
    pub(super) fn summary(&self) -> String {
        let found: u64 = self.found.values().sum();
        let by_severity: Vec<String> = self
            .found
            .iter()
            .rev()
            .map(|(severity, number)| {
                paint(severity_style(*severity), format!("{number} {severity}"))
            })
            .collect();
        let mut line = format!(
            "{} in {}: {}",
            count(self.counts.records, "event"),
            count(self.sources, "file"),
            count(found, self.noun()),
        );
        if !by_severity.is_empty() {
            line = format!("{line} ({})", by_severity.join(", "));
        }
        if self.left_out > 0 {
            let what = if self.suppressed {
                "told"
            } else {
                "suppressed"
            };
            line = format!("{line}, {} {what}", self.left_out);
        }
        line = format!("{line}, {}", count(self.problems, "error"));
        let rest = [
            (self.gaps, "gap", ""),
            (self.digests, "digest", " skipped"),
            (self.others, "other file", " skipped"),
            (self.finished, "file", " done before"),
        ];
        for (number, noun, what) in rest.into_iter().filter(|(number, ..)| *number > 0) {
            line = format!("{line}, {}{what}", count(number, noun));
        }
        line
    }
}

fn csv<'c>(out: &mut dyn Write, cells: impl IntoIterator<Item = &'c str>) -> io::Result<()> {
    let mut sheet = Sheet::new(out);
    sheet.row(cells)?;
    sheet.flush()
}

fn csv_row(finding: &Finding) -> [String; 24] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (principal, source) = (&finding.principal, &finding.source);
    let geo = source.geo.clone().unwrap_or_default();
    let asn = source.asn.as_ref().map(|asn| {
        let org = asn.org.as_deref().unwrap_or_default();
        format!("AS{} {org}", asn.number).trim_end().to_owned()
    });
    let lists: Vec<String> = source
        .reputation
        .iter()
        .map(|r| format!("{}: {}", r.list, r.category))
        .collect();
    [
        finding.id.to_string(),
        finding.severity.to_string(),
        finding.time.to_string(),
        finding.account.id.clone(),
        text(&finding.account.name),
        finding.region.clone(),
        finding.rule.name.clone(),
        finding.title.clone(),
        finding.explanation.clone(),
        finding.resource_key(),
        principal.key().to_owned(),
        text(&principal.kind),
        text(&principal.access_key_id),
        finding.event.name.clone(),
        finding.event.source.clone(),
        finding.event.id.clone(),
        text(&finding.event.error_code),
        text(&source.ip),
        text(&geo.country),
        text(&geo.city),
        text(&asn),
        lists.join("; "),
        text(&source.user_agent),
        suppressed_by(finding.suppressed.as_ref()),
    ]
}
