//! Judges events by Sigma rules; the only module that knows the library behind it.

mod lint;
mod load;
mod prefilter;
mod rule;
mod rule_test;
mod source;
#[cfg(test)]
mod tests;
mod view;

pub use lint::{ATTACK_VERSION, Lint, LintLevel, lint};
pub use rule::{Delivery, DialKeys, Expect, Pack, RuleInfo, RuleTest};
pub use rule_test::{TestOutcome, test};

pub(crate) use prefilter::Known;
pub(crate) use view::View;

use load::Loaded;
use prefilter::Prefilter;
use rsigma_eval::{EvaluationResult, MatchDetailLevel};
use serde_json::Value;
use sha2::{Digest, Sha256};
use source::Source;
use std::collections::HashMap;
use std::path::Path;

/// Hex digits of the hash of the rules that people see and findings carry.
const HASH_DIGITS: usize = 16;

/// What is wrong with a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", place(file, *line))]
pub struct RuleError {
    /// The file, for people.
    pub file: String,
    /// Line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

/// Which rules to load beside the core pack.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RuleSources<'a> {
    /// The operator's folder.
    pub(crate) folder: Option<&'a Path>,
    /// The audit pack.
    pub(crate) audit: bool,
}

/// A set of rules, ready to judge.
pub(crate) struct Engine {
    library: rsigma_eval::Engine,
    rules: Vec<RuleInfo>,
    by_id: HashMap<String, usize>,
    prefilter: Prefilter,
    hash: String,
}

/// One rule that an event matched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hit {
    /// Index into [`Engine::rules`].
    pub(crate) rule: usize,
    /// Field of each selection that matched, with the value that the rule saw.
    pub(crate) fields: Vec<HitField>,
}

/// One field of a selection that matched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HitField {
    pub(crate) selection: String,
    pub(crate) path: String,
    pub(crate) value: Value,
}

impl RuleError {
    pub(crate) fn new(file: &str, line: Option<usize>, message: String) -> Self {
        Self {
            file: file.to_owned(),
            line,
            message,
        }
    }

    pub(crate) fn of_file(path: &Path, message: String) -> Self {
        Self::new(&path.display().to_string(), None, message)
    }
}

impl Engine {
    /// Loads the pack and, beside it, the operator's folder.
    ///
    /// `absent` are derived names that nothing will fill.
    pub(crate) fn load(
        wanted: &RuleSources<'_>,
        absent: Vec<&'static str>,
    ) -> Result<Self, Vec<RuleError>> {
        let mut sources = source::pack();
        sources.retain(|source| wanted.audit || source.pack() != Pack::Audit);
        if let Some(folder) = wanted.folder {
            sources.extend(source::folder(folder)?);
        }
        Self::of(&sources, absent)
    }

    fn of(sources: &[Source], absent: Vec<&'static str>) -> Result<Self, Vec<RuleError>> {
        let Loaded {
            rules,
            filters,
            mut errors,
        } = Loaded::of(sources);
        let mut library = rsigma_eval::Engine::new();
        library.set_match_detail(MatchDetailLevel::Summary);
        let refused = library.add_rules(rules.iter().map(|(_, rule)| rule));
        for (index, error) in refused {
            let Some((info, _)) = rules.get(index) else {
                continue;
            };
            let message = format!("rule `{}`: {error}", info.title);
            let mut sources = sources.iter();
            errors.extend(
                sources
                    .find(|source| source.file == info.file)
                    .map(|source| source.error(&message)),
            );
        }
        for (file, filter) in &filters {
            if let Err(error) = library.apply_filter(filter) {
                errors.push(RuleError::new(file, None, error.to_string()));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self::ready(
            library,
            rules.into_iter().map(|(info, _)| info),
            hash(sources),
            absent,
        ))
    }

    fn ready(
        library: rsigma_eval::Engine,
        rules: impl Iterator<Item = RuleInfo>,
        hash: String,
        absent: Vec<&'static str>,
    ) -> Self {
        let mut rules: Vec<RuleInfo> = rules.collect();
        for rule in rules.iter_mut().filter(|rule| rule.version.is_empty()) {
            rule.version.clone_from(&hash);
        }
        let by_id = rules.iter().enumerate();
        let by_id = by_id
            .map(|(index, rule)| (rule.id.clone(), index))
            .collect();
        let attempts = rules.iter().map(RuleInfo::takes_attempts).collect();
        let prefilter = Prefilter::of(library.rules(), attempts, absent);
        Self {
            library,
            rules,
            by_id,
            prefilter,
            hash,
        }
    }

    /// All rules, in order of loading.
    pub(crate) fn rules(&self) -> &[RuleInfo] {
        &self.rules
    }

    /// First digits of the SHA-256 over all rule files.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether any rule can match a record of which only the head is known.
    pub(crate) fn may_match(&self, known: &Known<'_>) -> bool {
        self.prefilter.may_match(self.library.rules(), known)
    }

    /// Rules that must look at every record, by name.
    pub(crate) fn unfiltered(&self) -> impl Iterator<Item = &str> {
        let always = self.prefilter.always().iter();
        always.filter_map(|&index| Some(self.rules.get(index)?.name.as_str()))
    }

    /// All rules that the event matches.
    pub(crate) fn judge(&self, view: &View<'_>) -> Vec<Hit> {
        let results = self.library.evaluate_pruned(view, &view.log_source());
        let hits = results.iter().filter_map(|result| self.hit(result));
        hits.filter(|hit| self.takes(hit.rule, view)).collect()
    }

    /// One rule alone; for finding out which rule fails.
    pub(crate) fn judge_one(&self, index: usize, view: &View<'_>) -> Option<Hit> {
        let rule = self.library.rules().get(index)?;
        let mut alone = rsigma_eval::Engine::new();
        alone.set_match_detail(MatchDetailLevel::Summary);
        alone.add_compiled_rule(rule.clone());
        let results = alone.evaluate_pruned(view, &view.log_source());
        let hit = results.iter().find_map(|result| self.hit(result));
        hit.filter(|hit| self.takes(hit.rule, view))
    }

    fn takes(&self, rule: usize, view: &View<'_>) -> bool {
        let rule = self.rules.get(rule);
        rule.is_some_and(|rule| rule.takes_attempts() || !view.failed())
    }

    fn hit(&self, result: &EvaluationResult) -> Option<Hit> {
        let id = result.header.rule_id.as_deref()?.to_ascii_lowercase();
        let fields = result.as_detection()?.matched_fields.iter();
        let fields = fields.map(|field| HitField {
            selection: field.selection.clone().unwrap_or_default(),
            path: field.field.clone(),
            value: field.value.clone(),
        });
        Some(Hit {
            rule: *self.by_id.get(&id)?,
            fields: fields.collect(),
        })
    }
}

fn hash(sources: &[Source]) -> String {
    let mut hash = Sha256::new();
    for source in sources {
        for part in [&*source.name, &*source.text] {
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    let mut hex = dial_core::dead_letter::hex(&hash.finalize());
    hex.truncate(HASH_DIGITS);
    hex
}

fn place(file: &str, line: Option<usize>) -> String {
    line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"))
}
