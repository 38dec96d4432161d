//! Puts an engine together from the pack and the operator's folder.

use super::agents::Agents;
use super::entry::{Body, Entry};
use super::index::Index;
use super::known::{Known, Member};
use super::load::Loaded;
use super::matcher::Matcher;
use super::outline::{Outline, derived_reads};
use super::pack::{self, Packed};
use super::rule::{Pack, RuleInfo};
use super::sieve::Sieve;
use super::skip;
use super::source::{self, Source};
use super::{Engine, RuleError};
use crate::settings::OnRuleError;
use rsigma_ir::LowerOptions;
use rsigma_parser::{FilterRule, SigmaRule};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

/// Hex digits of the hash of the rules that people see and findings carry.
const HASH_DIGITS: usize = 16;

/// Which rules to load beside the core pack.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RuleSources<'a> {
    /// The operator's folder.
    pub(crate) folder: Option<&'a Path>,
    /// The audit pack.
    pub(crate) audit: bool,
    /// What an error of the operator's rules does.
    pub(crate) on_error: OnRuleError,
}

impl Engine {
    /// Joins the pack and the operator's folder.
    ///
    /// `absent` are derived names that nothing will fill.
    pub(crate) fn load(
        wanted: &RuleSources<'_>,
        absent: Vec<&'static str>,
    ) -> Result<Self, Vec<RuleError>> {
        let pack = pack::PACK.iter();
        let pack = pack.filter(|packed| wanted.audit || packed.pack != Pack::Audit);
        if wanted.on_error == OnRuleError::Skip {
            return skip::load(wanted, &pack.collect::<Vec<_>>(), &absent);
        }
        let (own, mut errors) = wanted.folder.map(source::readable).unwrap_or_default();
        // All that is wrong at once, beside what cannot be read.
        let engine = Self::of(&own, pack, absent).map_err(|more| errors.extend(more));
        match engine {
            Ok(engine) if errors.is_empty() => Ok(engine),
            _ => Err(errors),
        }
    }

    /// Joins rules of the pack and rules of files.
    pub(super) fn of(
        sources: &[Source],
        pack: impl IntoIterator<Item = &'static Packed>,
        absent: Vec<&'static str>,
    ) -> Result<Self, Vec<RuleError>> {
        let mut loaded = Loaded::of(sources);
        let pack = loaded.beside(pack.into_iter(), sources);
        let mut engine = Self {
            rules: Vec::new(),
            index: Index::default(),
            sieve: Sieve::default(),
            agents: Agents::default(),
            filters: Vec::new(),
            filter_reads: BTreeSet::new(),
            absent,
            infos: OnceLock::new(),
            left_out: loaded.left_out,
            hash: hash(&pack, sources),
        };
        for packed in pack {
            engine.add_packed(packed);
        }
        let mut errors = loaded.errors;
        for (file, filter) in loaded.filters {
            let added = engine.add_filter(filter);
            errors.extend(added.err().map(|error| RuleError::new(&file, None, error)));
        }
        for (info, rule) in loaded.rules {
            let (file, title) = (info.file.clone(), info.title.clone());
            if let Err(error) = engine.add_own(info, &rule) {
                let source = sources
                    .iter()
                    .find(|source| source.file == file && source.text.contains(title.as_str()));
                errors.extend(source.map(|source| source.rule_error(&title, &error)));
            }
        }
        if errors.is_empty() {
            Ok(engine)
        } else {
            Err(errors)
        }
    }

    fn add_packed(&mut self, packed: &'static Packed) {
        let key = packed.key;
        let key = key.map(|(member, values)| (member, values.iter().copied()));
        self.add(
            Entry {
                gate: packed.gate.clone(),
                attempts: packed.attempts,
                product: packed.product.map(Cow::Borrowed),
                service: packed.service.map(Cow::Borrowed),
                body: Body::Packed(packed),
                info: OnceLock::new(),
                needs: OnceLock::new(),
                matcher: OnceLock::new(),
            },
            key,
        );
    }

    fn add_own(&mut self, info: RuleInfo, rule: &SigmaRule) -> Result<(), String> {
        let lowered = rsigma_ir::lower_rule(rule, &LowerOptions::default());
        let mut lowered = lowered.map_err(|error| error.to_string())?;
        lowered.metadata.id = Some(info.id.clone());
        let matcher = Matcher::of(&lowered, self.filters.iter());
        let matcher = matcher.map_err(|error| error.to_string())?;
        let Outline { key, gate, reads } = Outline::of(&lowered);
        self.add(
            Entry {
                gate,
                attempts: info.takes_attempts(),
                product: rule.logsource.product.clone().map(Cow::Owned),
                service: rule.logsource.service.clone().map(Cow::Owned),
                body: Body::Own(Box::new(info), reads),
                info: OnceLock::new(),
                needs: OnceLock::new(),
                matcher: OnceLock::from(matcher),
            },
            key,
        );
        Ok(())
    }

    /// Indexes a rule, unless what is configured makes it impossible.
    fn add<V: Into<Cow<'static, str>>>(
        &mut self,
        rule: Entry,
        key: Option<(Member, impl IntoIterator<Item = V>)>,
    ) {
        let lacks = |path: &str| self.is_absent(path);
        let known = Known {
            lacks: Some(&lacks),
            ..Known::default()
        };
        if rule.sees("cloudtrail") && rule.gate.may_hold(&known) {
            self.index.add(self.rules.len(), key);
        }
        self.rules.push(rule);
    }

    /// Takes a filter; the library says whether it can be read.
    fn add_filter(&mut self, filter: FilterRule) -> Result<(), String> {
        let empty = rsigma_eval::Engine::new().apply_filter(&filter);
        empty.map_err(|error| error.to_string())?;
        let lowered = rsigma_ir::lower::lower_filter(&filter, &LowerOptions::default());
        let lowered = lowered.map_err(|error| error.to_string())?;
        self.filter_reads.extend(derived_reads(&lowered.detections));
        self.filters.push(filter);
        Ok(())
    }
}

/// Hash of the rules of the pack that are loaded, and of the own files.
fn hash(pack: &[&Packed], sources: &[Source]) -> String {
    let mut hash = Sha256::new();
    for packed in pack {
        hash.update(packed.digest);
    }
    for source in sources {
        for part in [&source.name, &source.text] {
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    let mut hex = dial_core::dead_letter::hex(&hash.finalize());
    hex.truncate(HASH_DIGITS);
    hex
}
