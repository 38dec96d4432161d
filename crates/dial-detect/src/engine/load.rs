//! Reads rule files into rules; any error is fatal and says where it is.

use super::RuleError;
use super::rule::{Origin, RuleInfo};
use super::source::Source;
use rsigma_parser::{FilterRule, FilterRuleTarget, SigmaRule};
use std::collections::{BTreeMap, HashMap};

/// What one or more files hold.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) rules: Vec<(RuleInfo, SigmaRule)>,
    pub(super) filters: Vec<(String, FilterRule)>,
    pub(super) errors: Vec<RuleError>,
}

impl Loaded {
    /// Reads all files; a rule of the operator's takes the place of the pack's of that name.
    pub(super) fn of(sources: &[Source]) -> Self {
        let mut loaded = Self::default();
        for source in sources {
            loaded.read(source);
        }
        loaded.replace_built_in();
        loaded.refuse_doubles();
        loaded.refuse_lost_filters();
        loaded
    }

    fn read(&mut self, source: &Source) {
        let before = self.errors.len();
        let collection = match rsigma_parser::parse_sigma_yaml(&source.text) {
            Ok(collection) => collection,
            Err(error) => return self.errors.push(source.error(&error.to_string())),
        };
        let errors = collection.errors.iter().map(|error| source.error(error));
        self.errors.extend(errors);
        for correlation in &collection.correlations {
            let message = format!(
                "`{}` is a correlation: rules over several events come later",
                correlation.title
            );
            self.errors.push(source.error(&message));
        }
        for (index, rule) in collection.rules.into_iter().enumerate() {
            self.read_rule(source, index, rule);
        }
        let filters = collection.filters.into_iter();
        self.filters
            .extend(filters.map(|filter| (source.file.clone(), filter)));
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
            pack: source.pack(),
        };
        match RuleInfo::of(&rule, &origin) {
            Ok(info) => self.rules.push((info, rule)),
            Err(message) => {
                let message = format!("rule `{}`: {message}", rule.title);
                self.errors.push(source.error(&message));
            }
        }
    }

    fn replace_built_in(&mut self) {
        let own = self.rules.iter().filter(|(info, _)| !info.built_in);
        let own: Vec<String> = own.map(|(info, _)| info.name.clone()).collect();
        self.rules
            .retain(|(info, _)| !info.built_in || !own.contains(&info.name));
    }

    fn refuse_doubles(&mut self) {
        let mut ids: HashMap<&str, &str> = HashMap::new();
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        for (info, _) in &self.rules {
            if let Some(other) = ids.insert(&info.id, &info.file) {
                let message = format!("id {} is also that of {other}", info.id);
                self.errors.push(RuleError::new(&info.file, None, message));
            }
            if let Some(other) = names.insert(&info.name, &info.file) {
                let message = format!("name `{}` is also that of {other}", info.name);
                self.errors.push(RuleError::new(&info.file, None, message));
            }
        }
    }

    /// A filter that names a rule which is not there would silently filter nothing.
    fn refuse_lost_filters(&mut self) {
        let known = |wanted: &str| {
            let mut rules = self.rules.iter();
            rules.any(|(info, _)| info.id == wanted || info.title == wanted)
        };
        let mut lost = Vec::new();
        for (file, filter) in &self.filters {
            let FilterRuleTarget::Specific(wanted) = &filter.rules else {
                continue;
            };
            for wanted in wanted.iter().filter(|wanted| !known(wanted)) {
                let message = format!("filter `{}` names no rule: {wanted}", filter.title);
                lost.push(RuleError::new(file, None, message));
            }
        }
        self.errors.extend(lost);
    }
}

impl Source {
    /// An error of this file, with the line that the message names or quotes.
    pub(super) fn error(&self, message: &str) -> RuleError {
        let line = line_named(message).or_else(|| line_quoted(&self.text, message));
        RuleError::new(&self.file, line, message.to_owned())
    }
}

/// `… at line 7 column 3` → 7.
fn line_named(message: &str) -> Option<usize> {
    let (_, rest) = message.split_once("at line ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The first line that holds the first text which the message puts in quotes.
fn line_quoted(text: &str, message: &str) -> Option<usize> {
    let quoted = message.split(['\'', '`']).nth(1)?;
    if quoted.is_empty() {
        return None;
    }
    let line = text.lines().position(|line| line.contains(quoted))?;
    Some(line + 1)
}
