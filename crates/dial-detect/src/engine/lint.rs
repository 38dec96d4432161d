//! Finds what would make a rule silently useless, and what a rule of the pack must have.

mod attack;
pub(super) mod delivery;
mod detection;
mod events;
mod fields;
mod group;
mod names;
mod never;
mod ordinary;
mod traps;

pub use attack::{ATTACK_VERSION, tactics, technique_name};
pub use ordinary::Ordinary;

use super::load::Loaded;
use super::rule::{Expect, RuleInfo};
use super::source::{self, Source};
use rsigma_parser::{SigmaRule, lint as spec};
use serde::Serialize;
use std::path::Path;

/// Log sources whose events reach the engine.
const SERVICES: [&str; 10] = [
    "cloudtrail",
    "access-analyzer",
    "cloudwatch",
    "dial",
    "guardduty",
    "health",
    "inspector2",
    "macie",
    "securityhub",
    "trustedadvisor",
];

/// One remark on a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lint {
    /// The rule file.
    pub file: String,
    /// Line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// How bad it is.
    pub level: LintLevel,
    /// What is wrong, and the fix where it is known.
    pub message: String,
}

/// How bad a remark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LintLevel {
    /// The rule does not load, or cannot do what it says.
    Error,
    /// The rule works, but lacks what rules of the pack must have, or is slow.
    Warning,
}

/// Event sources that have an event of this name, as AWS spells them.
pub(super) fn sources_of(event: &str) -> Vec<String> {
    names::names().sources_of(crate::normalise::without_date(event))
}

/// Whether AWS has this event source.
pub(super) fn is_source(source: &str) -> bool {
    names::names().service(source).is_some()
}

/// First-level request fields of an event, as far as they are listed.
pub(super) fn request_fields(source: &str, event: &str) -> Vec<&'static str> {
    let service = names::names().service(source);
    let fields = service.and_then(|service| service.fields(event)?.request);
    fields.into_iter().flatten().collect()
}

/// Checks a folder of rules, or one rule file; no remark means fit for the pack.
pub fn lint(rules: &Path) -> Vec<Lint> {
    let (sources, unread) = source::readable(rules);
    let mut lints = lint_sources(&sources);
    lints.extend(unread.into_iter().map(Lint::from));
    lints.extend(ordinary::check(rules));
    lints.sort();
    lints
}

/// Checks one text, as an editor has it: all but the look at ordinary traffic.
///
/// `name` is what the file's path would say, such as `s3_bucket_opened`.
pub fn lint_text(name: &str, text: &str) -> Vec<Lint> {
    lint_sources(&[Source {
        file: format!("{name}.yml"),
        name: name.to_owned(),
        text: text.to_owned(),
    }])
}

pub(super) fn lint_sources(sources: &[Source]) -> Vec<Lint> {
    let sound = sources.iter().filter(|source| source.too_deep().is_none());
    let mut lints: Vec<Lint> = sound.flat_map(spec_lints).collect();
    lints.extend(sources.iter().flat_map(unfilled));
    let loaded = Loaded::of(sources);
    for (info, rule) in &loaded.rules {
        if let Some(source) = sources.iter().find(|source| source.file == info.file) {
            let mut report = Report::new(source, info, &mut lints);
            check_metadata(info, rule, &mut report);
            check_tests(info, &mut report);
            delivery::check(info, rule, &mut report);
            detection::check(rule, &mut report);
            events::check(rule, &mut report);
            never::check(info, rule, &mut report);
            traps::check(rule, &mut report);
        }
    }
    let errors = loaded.errors.into_iter().chain(loaded.left_out);
    lints.extend(errors.map(Lint::from));
    lints.extend(compile_errors(sources));
    lints.sort();
    lints.dedup();
    lints
}

/// What only the library's compiler notices; other errors were reported with more detail.
fn compile_errors(sources: &[Source]) -> Vec<Lint> {
    let errors = super::Engine::of(sources, super::pack::PACK, Vec::new()).err();
    errors.into_iter().flatten().map(Lint::from).collect()
}

/// Collects the remarks on one rule.
pub(super) struct Report<'a> {
    source: &'a Source,
    first_line: usize,
    name: &'a str,
    lints: &'a mut Vec<Lint>,
}

impl<'a> Report<'a> {
    fn new(source: &'a Source, info: &'a RuleInfo, lints: &'a mut Vec<Lint>) -> Self {
        let title = source.text.lines().position(|line| {
            let value = line.strip_prefix("title:");
            value.is_some_and(|value| value.contains(info.title.trim()))
        });
        Self {
            source,
            first_line: title.unwrap_or(0),
            name: &info.name,
            lints,
        }
    }

    /// `place` is looked for in the file, one text after the other, to find the line.
    pub(super) fn error(&mut self, place: &[&str], message: &str) {
        self.add(LintLevel::Error, place, message);
    }

    /// As [`Report::error`], for what works but should not stay.
    pub(super) fn warning(&mut self, place: &[&str], message: &str) {
        self.add(LintLevel::Warning, place, message);
    }

    fn add(&mut self, level: LintLevel, place: &[&str], message: &str) {
        self.lints.push(Lint {
            file: self.source.file.clone(),
            line: Some(self.line_of(place) + 1),
            level,
            message: format!("{}: {message}", self.name),
        });
    }

    /// The line of the last text that is found; texts may share a line.
    fn line_of(&self, place: &[&str]) -> usize {
        place.iter().fold(self.first_line, |from, text| {
            let mut lines = self.source.text.lines().enumerate().skip(from);
            let found = lines.find(|(_, line)| line.contains(text));
            found.map_or(from, |(number, _)| number)
        })
    }
}

impl From<super::RuleError> for Lint {
    fn from(error: super::RuleError) -> Self {
        Self {
            file: error.file,
            line: error.line,
            level: LintLevel::Error,
            message: error.message,
        }
    }
}

/// What `dial rules new` left for the author to write.
fn unfilled(source: &Source) -> Vec<Lint> {
    let lines = source.text.lines().enumerate();
    let open = lines.filter(|(_, line)| line.contains(super::scaffold::FILL_IN));
    open.map(|(number, _)| Lint {
        file: source.file.clone(),
        line: Some(number + 1),
        level: LintLevel::Error,
        message: format!("{}: still to be filled in", source.name),
    })
    .collect()
}

/// Violations of the Sigma specification, as the library finds them.
fn spec_lints(source: &Source) -> Vec<Lint> {
    let warnings = spec::lint_yaml_str(&source.text).into_iter();
    // Of what is no violation, only what changes the meaning; the rest is a matter of taste.
    let silent = [
        spec::LintRule::FlattenedArrayCorrelation,
        spec::LintRule::IncompatibleModifiers,
    ];
    // Said when the rule is read, with more detail.
    let said = [
        spec::LintRule::ConditionReferencesUnknown,
        spec::LintRule::YamlParseError,
    ];
    let warnings = warnings.filter(|warning| !said.contains(&warning.rule));
    let errors = warnings.filter(|warning| {
        warning.severity == spec::Severity::Error || silent.contains(&warning.rule)
    });
    let lints = errors.map(|warning| Lint {
        file: source.file.clone(),
        line: warning
            .span
            .and_then(|span| usize::try_from(span.start_line).ok())
            .map(|line| line + 1),
        level: LintLevel::Error,
        message: crate::explain::clip(
            &format!("{}: {}", source.name, warning.message),
            super::rule_error::MAX_MESSAGE,
        ),
    });
    lints.collect()
}

fn check_metadata(info: &RuleInfo, rule: &SigmaRule, report: &mut Report<'_>) {
    let wanted = report.source.name.clone();
    let named = rule.name.as_deref().unwrap_or_default();
    // Below the folder of one service, the path does not say the service.
    if named != wanted && !named.ends_with(&format!("_{wanted}")) {
        report.warning(&["name:"], &format!("`name` must be the path: {wanted}"));
    }
    let needed = [
        ("description", !info.description.is_empty()),
        ("status", !info.status.is_empty()),
        ("falsepositives", !info.falsepositives.is_empty()),
        ("references", !info.references.is_empty()),
        ("tags", !info.attack.is_empty()),
    ];
    for (key, there) in needed {
        if !there {
            let hint = match key {
                "tags" => " with an ATT&CK technique such as attack.t1530",
                _ => "",
            };
            report.warning(&[&format!("{key}:")], &format!("`{key}` is missing{hint}"));
        }
    }
    if info.dial.delivery.is_none() {
        let message = "`dial.delivery` is missing: M, R, D or S".to_owned();
        report.warning(&["dial:"], &message);
    }
    if info.dial.attempts.is_none() {
        let message = "`dial.attempts` is missing: false takes successful calls only".to_owned();
        report.warning(&["dial:"], &message);
    }
    attack::check(rule, report);
    check_log_source(rule, report);
}

fn check_log_source(rule: &SigmaRule, report: &mut Report<'_>) {
    let product = rule.logsource.product.as_deref();
    if product.is_some_and(|product| product != "aws") {
        let message = "`logsource.product` must be aws, or the rule sees nothing".to_owned();
        report.error(&["product:"], &message);
    }
    let service = rule.logsource.service.as_deref();
    if let Some(service) = service.filter(|service| !SERVICES.contains(service)) {
        let known = SERVICES.join(", ");
        let message = format!("no event has `logsource.service` {service}; there are {known}");
        report.error(&["service:"], &message);
    }
}

fn check_tests(info: &RuleInfo, report: &mut Report<'_>) {
    for (expect, word) in [(Expect::Match, "match"), (Expect::NoMatch, "no_match")] {
        if !info.tests.iter().any(|test| test.expect == expect) {
            report.warning(&["tests:"], &format!("`tests` has no `expect: {word}`"));
        }
    }
}
