//! Judges events by Sigma rules; the only module that knows the library behind it.
//!
//! The pack was compiled by the build; an own folder is read beside it. An index finds the rules
//! that an event can match, and only those are built and asked.

mod cost;
mod coverage;
mod explain;
mod gate;
mod index;
mod lint;
mod load;
mod matcher;
mod needle;
mod needs;
mod outline;
mod pack;
mod peek;
#[cfg(test)]
mod reference;
mod rule;
mod rule_test;
mod scaffold;
mod skip;
mod source;
#[cfg(test)]
mod tests;
mod trigger;
mod view;

pub use coverage::{Reached, RuleCoverage, coverage};
pub use explain::Step;
pub use lint::{ATTACK_VERSION, Lint, LintLevel, Ordinary, lint, lint_text, tactics};
pub use rule::{Delivery, DialKeys, Expect, Pack, RuleInfo, RuleTest};
pub use rule_test::{TestOutcome, test};
pub use scaffold::{Draft, DraftError, FILL_IN, Scaffold, scaffold};

pub(crate) use needs::Needs;
#[cfg(test)]
pub(crate) use reference::Reference;
pub(crate) use trigger::{Field, Need, Sees, Text, Trigger};
pub(crate) use view::View;

use crate::event::{Event, Head, Kind};
use crate::explain::clip;
use crate::normalise::without_date;
use crate::settings::OnRuleError;
use gate::{Gate, Known, Member};
use index::{Index, sorted};
use load::Loaded;
use matcher::Matcher;
use needle::Unread;
use outline::root_of;
use outline::{Outline, derived_reads};
use pack::Packed;
use peek::Peek;
use rsigma_eval::CompiledRule;
use rsigma_ir::LowerOptions;
use rsigma_parser::{FilterRule, SigmaRule};
use serde_json::Value;
use sha2::{Digest, Sha256};
use skip::Sound;
use source::Source;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

/// Hex digits of the hash of the rules that people see and findings carry.
const HASH_DIGITS: usize = 16;

/// Longest message about a rule, bytes; the library quotes what it could not read.
const MAX_MESSAGE: usize = 512;

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
    /// What an error of the operator's rules does.
    pub(crate) on_error: OnRuleError,
}

/// A set of rules, ready to judge.
pub(crate) struct Engine {
    rules: Vec<Rule>,
    index: Index,
    filters: Vec<FilterRule>,
    /// Derived fields that filters read: any rule may have to.
    filter_reads: BTreeSet<String>,
    /// Derived names that nothing will ever fill, such as `reputation` without a list.
    absent: Vec<&'static str>,
    infos: OnceLock<Vec<RuleInfo>>,
    hash: String,
}

/// One rule: what decides whether it is asked, and how it is built then.
struct Rule {
    gate: Gate,
    attempts: bool,
    product: Option<Cow<'static, str>>,
    service: Option<Cow<'static, str>>,
    body: Body,
    info: OnceLock<RuleInfo>,
    needs: OnceLock<Needs>,
    matcher: OnceLock<Matcher>,
}

/// Where a rule comes from.
enum Body {
    /// The pack: built when first needed.
    Packed(&'static Packed),
    /// An own file: built when loaded, so that its errors are found.
    Own(Box<RuleInfo>, BTreeSet<String>),
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
        // The library draws regular expressions on several lines.
        let message = if message.contains('\n') {
            message.split_whitespace().collect::<Vec<_>>().join(" ")
        } else {
            message
        };
        Self {
            file: file.to_owned(),
            line,
            message: clip(&message, MAX_MESSAGE),
        }
    }

    pub(crate) fn of_file(path: &Path, message: String) -> Self {
        let line = load::line_named(&message);
        Self::new(&path.display().to_string(), line, message)
    }
}

impl Engine {
    /// Joins the pack and the operator's folder; with the errors of rules that were left out.
    ///
    /// `absent` are derived names that nothing will fill.
    pub(crate) fn load(
        wanted: &RuleSources<'_>,
        absent: Vec<&'static str>,
    ) -> Result<Sound, Vec<RuleError>> {
        let pack = pack::PACK.iter();
        let pack = pack.filter(|packed| wanted.audit || packed.pack != Pack::Audit);
        if wanted.on_error == OnRuleError::Skip {
            return skip::load(wanted, &pack.collect::<Vec<_>>(), &absent);
        }
        let own = wanted.folder.map(source::folder).transpose()?;
        let engine = Self::of(&own.unwrap_or_default(), pack, absent)?;
        Ok((engine, Vec::new()))
    }

    /// Joins rules of the pack and rules of files.
    fn of(
        sources: &[Source],
        pack: impl IntoIterator<Item = &'static Packed>,
        absent: Vec<&'static str>,
    ) -> Result<Self, Vec<RuleError>> {
        let mut loaded = Loaded::of(sources);
        let pack = loaded.beside(pack.into_iter(), sources);
        let mut engine = Self {
            rules: Vec::new(),
            index: Index::default(),
            filters: Vec::new(),
            filter_reads: BTreeSet::new(),
            absent,
            infos: OnceLock::new(),
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
            Rule {
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
            Rule {
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
        rule: Rule,
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

    /// All rules: the pack's that stay, then the own ones.
    pub(crate) fn rules(&self) -> &[RuleInfo] {
        self.infos.get_or_init(|| {
            let infos = self.rules.iter().map(|rule| rule.info(&self.hash));
            infos.collect()
        })
    }

    /// One rule, read when first asked for: most are never.
    pub(crate) fn rule(&self, index: usize) -> Option<&RuleInfo> {
        let rule = self.rules.get(index)?;
        Some(rule.info.get_or_init(|| rule.info(&self.hash)))
    }

    /// Id and name of every rule.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rules.iter().map(|rule| (rule.id(), rule.name()))
    }

    /// First digits of the SHA-256 over all rule files.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }

    /// Derived names that nothing will ever fill.
    pub(crate) fn absent(&self) -> &[&'static str] {
        &self.absent
    }

    /// What each rule needs of an event; builds them all.
    pub(crate) fn triggers(&self) -> impl Iterator<Item = (&RuleInfo, Trigger)> {
        let rules = self.rules().iter().enumerate();
        rules.filter_map(|(index, rule)| {
            let compiled = self.compiled(index)?;
            Some((rule, Trigger::of(compiled, &self.absent)))
        })
    }

    /// The library's form of a rule, built if it was not, with the filters that narrow it.
    pub(crate) fn compiled(&self, index: usize) -> Option<&CompiledRule> {
        self.matcher(index)?.compiled()
    }

    /// Whether any rule can match a CloudTrail record of which only the head is known; `lacks`
    /// says that nothing makes a derived field of a path for this record, `is_never` that one is
    /// missing or the opposite of what is wanted.
    pub(crate) fn may_match(
        &self,
        head: &Head<'_>,
        lacks: impl Fn(&str) -> bool,
        is_never: impl Fn(&str, bool) -> bool,
    ) -> bool {
        let lacks = |path: &str| self.is_absent(path) || lacks(path);
        let unread = Unread::new(head.text);
        let lacks_text = |text: &str| unread.lacks(text);
        let known = Known {
            is_never: Some(&is_never),
            lacks_text: Some(&lacks_text),
            ..known(head, &lacks)
        };
        let Some(name) = known.name else {
            return true;
        };
        let mut possible = self.possible(name, &known).peekable();
        if possible.peek().is_none() {
            return false;
        }
        let peek = head.request.and_then(|request| Peek::of(&known, request));
        peek.is_none_or(|peek| {
            possible.any(|index| self.compiled(index).is_none_or(|rule| peek.may_hold(rule)))
        })
    }

    fn is_absent(&self, path: &str) -> bool {
        self.absent.contains(&root_of(path))
    }

    /// Rules that must look at every record, or at many, by name.
    pub(crate) fn unfiltered(&self) -> impl Iterator<Item = &str> {
        let unnamed = self.index.unnamed().into_iter();
        unnamed.filter_map(|index| Some(self.rules.get(index)?.name()))
    }

    /// Rules that the event can match, in order: only these need to be asked.
    pub(crate) fn candidates(&self, event: &Event) -> Vec<usize> {
        let head = event.head();
        let lacks = |path: &str| self.is_absent(path);
        let known = known(&head, &lacks);
        match (&event.kind, known.name) {
            (Kind::CloudTrail, Some(name)) => sorted(self.possible(name, &known)),
            _ => self.about(View::service_of(event)),
        }
    }

    fn about(&self, service: &str) -> Vec<usize> {
        let rules = self.rules.iter().enumerate();
        let about = rules.filter(|(_, rule)| rule.sees(service));
        about.map(|(index, _)| index).collect()
    }

    /// Rules that a record can match; one may come several times.
    fn possible(&self, name: &str, known: &Known<'_>) -> impl Iterator<Item = usize> {
        let candidates = self.index.candidates(name, known);
        candidates.filter(move |&index| {
            self.rules.get(index).is_some_and(|rule| {
                (known.error_code.is_none() || rule.attempts) && rule.gate.may_hold(known)
            })
        })
    }

    /// What these rules want to know beside the record.
    pub(crate) fn needs(&self, rules: &[usize]) -> Needs {
        let mut needs = Needs::default();
        for rule in rules.iter().filter_map(|&index| self.rules.get(index)) {
            needs.join(rule.needs.get_or_init(|| self.needs_of(rule)));
        }
        needs
    }

    fn needs_of(&self, rule: &Rule) -> Needs {
        let filters = self.filter_reads.iter().map(String::as_str);
        match &rule.body {
            Body::Packed(packed) => Needs::of(filters.chain(packed.reads.iter().copied())),
            Body::Own(_, reads) => Needs::of(filters.chain(reads.iter().map(String::as_str))),
        }
    }

    /// Those of the rules that the event matches.
    pub(crate) fn judge(&self, rules: &[usize], view: &View<'_>) -> Vec<Hit> {
        let hits = rules.iter().map(|&index| self.judge_one(index, view));
        hits.flatten().collect()
    }

    /// One rule alone.
    pub(crate) fn judge_one(&self, index: usize, view: &View<'_>) -> Option<Hit> {
        let rule = self.rules.get(index)?;
        if !rule.sees(View::service_of(view.event())) || (!rule.attempts && view.failed()) {
            return None;
        }
        self.matcher(index)?.hit(index, view)
    }

    /// Why a rule matches or not: its condition, taken apart.
    pub(crate) fn explain(&self, index: usize, view: &View<'_>) -> Vec<Step> {
        let rule = self.compiled(index);
        rule.map(|rule| explain::steps(rule, view))
            .unwrap_or_default()
    }

    /// Whether events of this log source are for the rule.
    pub(crate) fn sees(&self, index: usize, view: &View<'_>) -> bool {
        let rule = self.rules.get(index);
        rule.is_some_and(|rule| rule.sees(View::service_of(view.event())))
    }

    /// Built when first asked for, unless it was when loaded.
    fn matcher(&self, index: usize) -> Option<&Matcher> {
        let rule = self.rules.get(index)?;
        match rule.body {
            Body::Own(..) => rule.matcher.get(),
            Body::Packed(packed) => Some(rule.matcher.get_or_init(|| {
                let built = Matcher::of(&packed.rule(), self.filters.iter());
                built.expect("filters were tried when loaded, and a test builds the whole pack")
            })),
        }
    }
}

impl Rule {
    /// Whether events of a service of AWS are for this rule: a log source keeps others away.
    fn sees(&self, service: &str) -> bool {
        let fits = |stated: &Option<Cow<'static, str>>, ours: &str| {
            let stated = stated.as_deref();
            stated.is_none_or(|stated| stated.eq_ignore_ascii_case(ours))
        };
        fits(&self.product, "aws") && fits(&self.service, service)
    }

    fn id(&self) -> &str {
        match &self.body {
            Body::Packed(packed) => packed.id,
            Body::Own(info, _) => &info.id,
        }
    }

    fn name(&self) -> &str {
        match &self.body {
            Body::Packed(packed) => packed.name,
            Body::Own(info, _) => &info.name,
        }
    }

    fn info(&self, hash: &str) -> RuleInfo {
        let mut info = match &self.body {
            Body::Packed(packed) => packed.info(),
            Body::Own(info, _) => (**info).clone(),
        };
        if info.version.is_empty() {
            hash.clone_into(&mut info.version);
        }
        info
    }
}

/// What the index and the gates are asked with.
fn known<'h>(head: &'h Head<'_>, lacks: &'h dyn Fn(&str) -> bool) -> Known<'h> {
    let name = head.event_name.as_deref();
    Known {
        name,
        plain_name: name.map(without_date),
        source: head.event_source.as_deref(),
        identity_type: head.user_identity_type.as_deref(),
        error_code: head.error_code.as_deref(),
        succeeded: head.succeeded,
        user_agent: head.user_agent.as_deref(),
        account: head.user_identity_account.as_deref(),
        lacks: Some(lacks),
        is_never: None,
        lacks_text: None,
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

fn place(file: &str, line: Option<usize>) -> String {
    line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"))
}
