//! Reads rule files into rules; any error says where it is.

use super::pack::Packed;
use super::rule::{Origin, Pack, RuleInfo, is_uuid};
use super::source::Source;
use super::{RuleError, cost, nesting, sound};
use dial_core::config::nearest;
use rsigma_parser::{Detections, FilterRule, FilterRuleTarget, SigmaRule};
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What one or more files hold.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) rules: Vec<(RuleInfo, SigmaRule)>,
    pub(super) filters: Vec<(String, FilterRule)>,
    pub(super) errors: Vec<RuleError>,
    /// Documents that are sound Sigma and that nothing here runs: rules over several events.
    pub(super) left_out: Vec<RuleError>,
}

impl Loaded {
    /// Reads all files.
    pub(super) fn of(sources: &[Source]) -> Self {
        let mut loaded = Self::default();
        for source in sources {
            loaded.read(source);
        }
        loaded.forget_repeats();
        loaded
    }

    /// The pack's rules that stay: an own rule takes the place of the pack's of that name.
    ///
    /// What does not fit together is added to the errors.
    pub(super) fn beside(
        &mut self,
        pack: impl Iterator<Item = &'static Packed>,
        sources: &[Source],
    ) -> Vec<&'static Packed> {
        let own = |packed: &Packed| self.rules.iter().any(|(info, _)| info.name == packed.name);
        let kept: Vec<&Packed> = pack.filter(|packed| !own(packed)).collect();
        self.refuse_doubles(&kept, sources);
        self.give_filters_ids(&kept);
        self.refuse_lost_filters(&kept, sources);
        kept
    }

    fn read(&mut self, source: &Source) {
        if let Some(error) = source.too_deep() {
            return self.errors.push(error);
        }
        let before = self.errors.len();
        let collection = match rsigma_parser::parse_sigma_yaml(&source.text) {
            Ok(collection) => collection,
            Err(error) => return self.errors.push(source.error(&error.to_string())),
        };
        let errors = collection.errors.iter().map(|error| source.error(error));
        self.errors.extend(errors);
        for correlation in &collection.correlations {
            let message = format!(
                "`{}` is a correlation; only rules over single events run",
                correlation.title
            );
            self.left_out.push(source.error(&message));
        }
        for (index, rule) in collection.rules.into_iter().enumerate() {
            self.read_rule(source, index, rule);
        }
        for filter in collection.filters {
            self.read_filter(source, filter);
        }
        let empty = source.text.lines().all(|line| line.trim().is_empty());
        if empty && self.errors.len() == before {
            self.errors.push(source.error("file is empty"));
        }
    }

    fn read_rule(&mut self, source: &Source, index: usize, rule: SigmaRule) {
        let name = match index {
            0 => source.name.clone(),
            _ => format!("{}_{}", source.name, index + 1),
        };
        let origin = Origin {
            file: &source.file,
            name: &name,
            pack: Pack::Yours,
        };
        let read = match refusal(&rule.detection) {
            Some(refusal) => Err(refusal),
            None => RuleInfo::of(&rule, &origin),
        };
        match read {
            Ok(info) => self.rules.push((info, rule)),
            Err(message) => self.errors.push(source.rule_error(&rule.title, &message)),
        }
    }

    fn read_filter(&mut self, source: &Source, mut filter: FilterRule) {
        if let Some(message) = refusal(&filter.detection) {
            let error = source.error_of("filter", &filter.title, &message);
            return self.errors.push(error);
        }
        spell_ids(&mut filter);
        self.filters.push((source.file.clone(), filter));
    }

    /// Public collections repeat a rule, word for word, beside each correlation that builds on it.
    fn forget_repeats(&mut self) {
        let mut first: HashMap<(String, String), SigmaRule> = HashMap::new();
        self.rules.retain(|(info, rule)| {
            let known = first.entry((info.file.clone(), info.id.clone()));
            match known {
                Occupied(known) => known.get() != rule,
                Vacant(free) => {
                    free.insert(rule.clone());
                    true
                }
            }
        });
    }

    fn refuse_doubles(&mut self, pack: &[&Packed], sources: &[Source]) {
        let mut ids: HashMap<&str, &str> = HashMap::new();
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        for packed in pack {
            ids.insert(packed.id, packed.name);
        }
        for (info, _) in &self.rules {
            if let Some(other) = ids.insert(&info.id, &info.file) {
                let message = format!("id {} is also that of {other}", info.id);
                let line = line_with(sources, info, "id:", &info.id);
                self.errors.push(RuleError::new(&info.file, line, message));
            }
            if let Some(other) = names.insert(&info.name, &info.file) {
                let message = format!("name `{}` is also that of {other}", info.name);
                let line = line_with(sources, info, "name:", &info.name);
                self.errors.push(RuleError::new(&info.file, line, message));
            }
        }
    }

    /// A filter may name rules as people see them; the library knows ids and titles.
    fn give_filters_ids(&mut self, pack: &[&Packed]) {
        let own = self.rules.iter();
        let own = own.map(|(info, _)| (info.name.clone(), info.id.clone()));
        let pack = pack.iter();
        let pack = pack.map(|packed| (packed.name.to_owned(), packed.id.to_owned()));
        let ids: HashMap<String, String> = own.chain(pack).collect();
        for wanted in self.filters.iter_mut().flat_map(|(_, of)| specific(of)) {
            if let Some(id) = ids.get(wanted) {
                wanted.clone_from(id);
            }
        }
    }

    /// A filter that names a rule which is not there would silently filter nothing.
    fn refuse_lost_filters(&mut self, pack: &[&Packed], sources: &[Source]) {
        let own = self.rules.iter();
        let own = own.map(|(info, _)| [info.id.as_str(), &info.title, &info.name]);
        let pack = pack
            .iter()
            .map(|packed| [packed.id, packed.title, packed.name]);
        let known: BTreeSet<&str> = own.chain(pack).flatten().collect();
        let mut lost = Vec::new();
        for (file, filter) in &mut self.filters {
            let title = filter.title.clone();
            for wanted in specific(filter).filter(|wanted| !known.contains(wanted.as_str())) {
                let near = nearest(wanted, known.iter().copied());
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                let message = format!("filter `{title}` names no rule: {wanted}{near}");
                let line = line_of(sources, file, wanted);
                lost.push(RuleError::new(file, line, message));
            }
        }
        self.errors.extend(lost);
    }
}

/// The rules that a filter names; none where it is about all.
fn specific(filter: &mut FilterRule) -> impl Iterator<Item = &mut String> {
    let wanted = match &mut filter.rules {
        FilterRuleTarget::Any => None,
        FilterRuleTarget::Specific(wanted) => Some(wanted),
    };
    wanted.into_iter().flatten()
}

/// What must not be handed to the library's compiler.
fn refusal(detection: &Detections) -> Option<String> {
    cost::refusal(detection).or_else(|| sound::refusal(detection))
}

/// Ids are compared in lower case, as rules are given them.
fn spell_ids(filter: &mut FilterRule) {
    for id in specific(filter).filter(|wanted| is_uuid(wanted)) {
        id.make_ascii_lowercase();
    }
}

impl Source {
    /// An error of this file, with the line that the message names or quotes.
    pub(super) fn error(&self, message: &str) -> RuleError {
        if let Some(field) = sound::missing(message) {
            let line = line_lacking(&self.text, field);
            return RuleError::new(&self.file, line, format!("`{field}:` is missing"));
        }
        let message = sound::in_words(message).unwrap_or_else(|| message.to_owned());
        let line = line_named(&message).or_else(|| line_quoted(&self.text, 0, &message));
        RuleError::new(&self.file, line, message)
    }

    /// What nests deeper than the library can read.
    pub(super) fn too_deep(&self) -> Option<RuleError> {
        let refusal = nesting::refusal(&self.text)?;
        Some(match refusal.title {
            Some(title) => self.rule_error(&title, &refusal.message),
            None => self.error(&refusal.message),
        })
    }

    /// An error of one rule of this file: the line is looked for from its title on.
    pub(super) fn rule_error(&self, title: &str, message: &str) -> RuleError {
        self.error_of("rule", title, message)
    }

    /// As [`Source::rule_error`], for a document of this kind.
    fn error_of(&self, kind: &str, title: &str, message: &str) -> RuleError {
        let mut lines = self.text.lines();
        let first = lines.position(|line| line.starts_with("title:") && line.contains(title));
        let line = line_quoted(&self.text, first.unwrap_or(0), message);
        let line = line.or(first.map(|first| first + 1));
        RuleError::new(&self.file, line, format!("{kind} `{title}`: {message}"))
    }
}

/// The line where a rule says its id or name; the last, where a file says it twice.
fn line_with(sources: &[Source], rule: &RuleInfo, key: &str, value: &str) -> Option<usize> {
    let sources = sources.iter().filter(|source| source.file == rule.file);
    let lines = sources.flat_map(|source| source.text.lines().enumerate());
    let said = lines.filter(|(_, line)| {
        let lower = line.to_ascii_lowercase();
        lower.starts_with(key) && lower.contains(&value.to_ascii_lowercase())
    });
    said.map(|(number, _)| number + 1).last()
}

/// The first line of a file that holds a text.
fn line_of(sources: &[Source], file: &str, text: &str) -> Option<usize> {
    let mut sources = sources.iter().filter(|source| source.file == file);
    let line = sources.find_map(|source| source.text.lines().position(|it| it.contains(text)));
    line.map(|number| number + 1)
}

/// `… at line 7 column 3` → 7.
pub(super) fn line_named(message: &str) -> Option<usize> {
    let (_, rest) = message.split_once("at line ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Where the first document starts that does not say a field.
fn line_lacking(text: &str, field: &str) -> Option<usize> {
    let field = format!("{field}:");
    let lines: Vec<&str> = text.lines().collect();
    let mut first = 0;
    for document in lines.split(|line| line.starts_with("---")) {
        if !document.iter().any(|line| line.contains(&field)) {
            let blank = |line: &&&str| line.trim().is_empty();
            return Some(first + document.iter().take_while(blank).count() + 1);
        }
        first += document.len() + 1;
    }
    None
}

/// The first line, after some, that holds a text which the message puts in quotes.
fn line_quoted(text: &str, skip: usize, message: &str) -> Option<usize> {
    let quoted = message.split(['\'', '`']).skip(1).step_by(2);
    let mut quoted = quoted.filter(|quoted| !quoted.is_empty());
    quoted.find_map(|quoted| {
        let mut lines = text.lines().enumerate().skip(skip);
        let (number, _) = lines.find(|(_, line)| line.contains(quoted))?;
        Some(number + 1)
    })
}
