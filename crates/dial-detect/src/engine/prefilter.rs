//! Says from a record's head alone that no rule can match, so that most records stay unparsed.
//!
//! Sound by construction: conditions are judged in three values, everything that the head does
//! not show is `Unknown`, and only a rule that is certainly `False` is left out.

use super::view::{names_of, root_of};
use crate::normalise::without_date;
use rsigma_eval::event::{EventValue, MapEvent};
use rsigma_eval::matcher::{CompiledMatcher, GroupMode};
use rsigma_eval::{CompiledDetection, CompiledDetectionItem, CompiledRule};
use rsigma_parser::{ConditionExpr, Quantifier};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

/// What is known of a record before it is parsed; `None` is "not known", never "absent".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Known<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) source: Option<&'a str>,
    pub(crate) identity_type: Option<&'a str>,
    pub(crate) error_code: Option<&'a str>,
}

/// Which rules a CloudTrail record can match.
#[derive(Debug)]
pub(crate) struct Prefilter {
    /// Rules by each lower-case event name that they need.
    by_name: HashMap<String, Vec<usize>>,
    /// Rules without a condition on the name.
    always: Vec<usize>,
    /// Derived names that nothing will ever fill, such as `reputation` without a list.
    absent: Vec<&'static str>,
    /// Whether a rule takes failed calls, by rule.
    attempts: Vec<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    False,
    Unknown,
    True,
}

impl Prefilter {
    pub(super) fn of(
        rules: &[CompiledRule],
        attempts: Vec<bool>,
        absent: Vec<&'static str>,
    ) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        let mut always = Vec::new();
        let about_records = rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| sees_records(rule));
        for (index, rule) in about_records {
            let conditions = rule.conditions.iter();
            match union(conditions.map(|condition| names_needed(condition, rule))) {
                Some(names) => {
                    for name in names {
                        by_name.entry(name).or_default().push(index);
                    }
                }
                None => always.push(index),
            }
        }
        Self {
            by_name,
            always,
            absent,
            attempts,
        }
    }

    /// Rules that need no event name: they make every record a candidate.
    pub(super) fn always(&self) -> &[usize] {
        &self.always
    }

    pub(super) fn may_match(&self, rules: &[CompiledRule], known: &Known<'_>) -> bool {
        let Some(name) = known.name else {
            return true;
        };
        let lower = name.to_lowercase();
        let stripped = without_date(&lower);
        let named = [lower.as_str(), stripped];
        let named = named.iter().filter_map(|name| self.by_name.get(*name));
        let mut candidates = named.flatten().chain(&self.always);
        candidates.any(|&index| {
            let wanted = known.error_code.is_none() || self.attempts.get(index) != Some(&false);
            wanted
                && rules
                    .get(index)
                    .is_none_or(|rule| self.rule(rule, known) != Truth::False)
        })
    }

    fn rule(&self, rule: &CompiledRule, known: &Known<'_>) -> Truth {
        let conditions = rule.conditions.iter();
        any(conditions.map(|condition| self.condition(condition, rule, known)))
    }

    fn condition(
        &self,
        condition: &ConditionExpr,
        rule: &CompiledRule,
        known: &Known<'_>,
    ) -> Truth {
        let judge = |part: &ConditionExpr| self.condition(part, rule, known);
        match condition {
            ConditionExpr::And(parts) => all(parts.iter().map(judge)),
            ConditionExpr::Or(parts) => any(parts.iter().map(judge)),
            ConditionExpr::Not(part) => negated(judge(part)),
            ConditionExpr::Identifier(name) => rule
                .detections
                .get(name)
                .map_or(Truth::Unknown, |detection| self.detection(detection, known)),
            ConditionExpr::Selector {
                quantifier,
                pattern,
            } => {
                let chosen = rule.detections.iter();
                let chosen = chosen.filter(|(name, _)| pattern.matches_detection_name(name));
                let truths = chosen.map(|(_, detection)| self.detection(detection, known));
                match quantifier {
                    Quantifier::Any => any(truths),
                    Quantifier::All => all(truths),
                    Quantifier::Count(_) => Truth::Unknown,
                }
            }
        }
    }

    fn detection(&self, detection: &CompiledDetection, known: &Known<'_>) -> Truth {
        let judge = |part: &CompiledDetection| self.detection(part, known);
        match detection {
            CompiledDetection::AllOf(items) => all(items.iter().map(|item| self.item(item, known))),
            CompiledDetection::AnyOf(parts) => any(parts.iter().map(judge)),
            CompiledDetection::And(parts) => all(parts.iter().map(judge)),
            CompiledDetection::Keywords(_)
            | CompiledDetection::ArrayMatch { .. }
            | CompiledDetection::Conditional { .. } => Truth::Unknown,
        }
    }

    fn item(&self, item: &CompiledDetectionItem, known: &Known<'_>) -> Truth {
        let Some(field) = item.field.as_deref() else {
            return Truth::Unknown;
        };
        if self.absent.contains(&root_of(field)) {
            return match item.exists {
                Some(expected) => truth(!expected),
                None => truth(matches!(item.matcher, CompiledMatcher::Null)),
            };
        }
        let value = match field {
            "eventName" => known.name.map(names_of),
            "eventSource" => known.source.map(text),
            "userIdentity.type" => known.identity_type.map(text),
            "errorCode" => known.error_code.map(text),
            _ => None,
        };
        match (value, item.exists) {
            (Some(_), Some(expected)) => truth(expected),
            (Some(value), None) if stands_alone(&item.matcher) => {
                let nothing = MapEvent::new(HashMap::<String, String>::new());
                truth(item.matcher.matches(&value, &nothing))
            }
            _ => Truth::Unknown,
        }
    }
}

/// Whether a rule's log source lets it see CloudTrail records; those of native findings do not.
fn sees_records(rule: &CompiledRule) -> bool {
    let fits = |stated: &Option<String>, ours: &str| {
        let stated = stated.as_deref();
        stated.is_none_or(|stated| stated.eq_ignore_ascii_case(ours))
    };
    fits(&rule.logsource.product, "aws") && fits(&rule.logsource.service, "cloudtrail")
}

fn text(text: &str) -> EventValue<'_> {
    EventValue::Str(Cow::Borrowed(text))
}

fn truth(known: bool) -> Truth {
    if known { Truth::True } else { Truth::False }
}

fn negated(value: Truth) -> Truth {
    match value {
        Truth::False => Truth::True,
        Truth::Unknown => Truth::Unknown,
        Truth::True => Truth::False,
    }
}

fn all(parts: impl Iterator<Item = Truth>) -> Truth {
    let mut result = Truth::True;
    for part in parts {
        match part {
            Truth::False => return Truth::False,
            Truth::Unknown => result = Truth::Unknown,
            Truth::True => {}
        }
    }
    result
}

fn any(parts: impl Iterator<Item = Truth>) -> Truth {
    negated(all(parts.map(negated)))
}

/// Whether a matcher needs nothing of the event but the value; the rest stays unknown.
fn stands_alone(matcher: &CompiledMatcher) -> bool {
    match matcher {
        CompiledMatcher::Exact { .. }
        | CompiledMatcher::Contains { .. }
        | CompiledMatcher::StartsWith { .. }
        | CompiledMatcher::EndsWith { .. }
        | CompiledMatcher::Regex(_)
        | CompiledMatcher::AhoCorasickSet { .. }
        | CompiledMatcher::RegexSetMatch { .. } => true,
        CompiledMatcher::AnyOf(children)
        | CompiledMatcher::AllOf(children)
        | CompiledMatcher::CaseInsensitiveGroup { children, .. } => {
            children.iter().all(stands_alone)
        }
        _ => false,
    }
}

type Names = BTreeSet<String>;

/// Lower-case event names of which one is needed; `None` where any name may do.
fn names_needed(condition: &ConditionExpr, rule: &CompiledRule) -> Option<Names> {
    let of = |part: &ConditionExpr| names_needed(part, rule);
    match condition {
        ConditionExpr::And(parts) => fewest(parts.iter().map(of)),
        ConditionExpr::Or(parts) => union(parts.iter().map(of)),
        ConditionExpr::Not(_) => None,
        ConditionExpr::Identifier(name) => rule.detections.get(name).and_then(names_in),
        ConditionExpr::Selector {
            quantifier,
            pattern,
        } => {
            let chosen = rule.detections.iter();
            let chosen = chosen.filter(|(name, _)| pattern.matches_detection_name(name));
            let names = chosen.map(|(_, detection)| names_in(detection));
            match quantifier {
                Quantifier::All => fewest(names),
                Quantifier::Any => union(names),
                Quantifier::Count(_) => None,
            }
        }
    }
}

fn names_in(detection: &CompiledDetection) -> Option<Names> {
    match detection {
        CompiledDetection::AllOf(items) => fewest(items.iter().map(names_of_item)),
        CompiledDetection::AnyOf(parts) => union(parts.iter().map(names_in)),
        CompiledDetection::And(parts) => fewest(parts.iter().map(names_in)),
        _ => None,
    }
}

fn names_of_item(item: &CompiledDetectionItem) -> Option<Names> {
    let about_name = item.field.as_deref() == Some("eventName") && item.exists.is_none();
    about_name.then(|| exact_values(&item.matcher)).flatten()
}

fn exact_values(matcher: &CompiledMatcher) -> Option<Names> {
    match matcher {
        CompiledMatcher::Exact { value, .. } => Some(Names::from([value.to_lowercase()])),
        CompiledMatcher::AnyOf(children)
        | CompiledMatcher::CaseInsensitiveGroup {
            children,
            mode: GroupMode::Any,
        } => union(children.iter().map(exact_values)),
        _ => None,
    }
}

/// Any of the parts is enough, so each must name its names; nothing at all proves nothing.
fn union(parts: impl Iterator<Item = Option<Names>>) -> Option<Names> {
    let all: Vec<Names> = parts.collect::<Option<_>>()?;
    (!all.is_empty()).then(|| all.into_iter().flatten().collect())
}

/// All parts are needed, so any one's names will do.
fn fewest(parts: impl Iterator<Item = Option<Names>>) -> Option<Names> {
    parts.flatten().min_by_key(Names::len)
}
