//! Refuses rules that would cost every event too much, or that cannot be built, before the library
//! builds them.

use super::sound;
use rsigma_parser::{ConditionExpr, Detection, DetectionItem, Detections, Modifier, SigmaValue};

/// Longest regular expression, bytes.
const MAX_REGEX: usize = 1_000;
/// Largest state machine of one regular expression, bytes; a repetition such as `(a{50}){50}` makes
/// a short text large.
const MAX_REGEX_MEMORY: usize = 256 * 1024;
/// Most regular expressions of a rule.
const MAX_REGEXES: usize = 64;
/// Most values of a rule; longer lists belong into reputation lists.
const MAX_VALUES: usize = 2_000;
/// Longest value, bytes.
const MAX_VALUE: usize = 4_096;
/// Deepest nesting of a detection.
const MAX_DEPTH: usize = 8;
/// Deepest nesting of a condition.
const MAX_JOINS: usize = 32;
/// Most selections of a rule.
const MAX_SELECTIONS: usize = 200;
/// Most parts of a condition.
const MAX_PARTS: usize = 500;

/// Sums over one rule.
#[derive(Default)]
struct Sum {
    values: usize,
    regexes: usize,
}

/// Says what is too much, with the text that shows where; `None` for a rule that is cheap enough.
pub(super) fn refusal(detection: &Detections) -> Option<String> {
    if detection.named.len() > MAX_SELECTIONS {
        let count = detection.named.len();
        return Some(format!(
            "{count} selections, {MAX_SELECTIONS} are allowed; make several rules"
        ));
    }
    if let Some(told) = in_conditions(&detection.conditions) {
        return Some(format!("the `condition:` {told}; make several rules"));
    }
    let mut sum = Sum::default();
    let mut named: Vec<_> = detection.named.iter().collect();
    named.sort_by_key(|(name, _)| name.as_str());
    let refused = named
        .iter()
        .find_map(|(name, detection)| in_detection(name, detection, 1, &mut sum));
    refused.or_else(|| sum.refusal())
}

impl Sum {
    fn refusal(&self) -> Option<String> {
        if self.values > MAX_VALUES {
            let message = format!(
                "the `detection` lists {} values, {MAX_VALUES} are allowed; addresses belong into a reputation list",
                self.values
            );
            return Some(message);
        }
        (self.regexes > MAX_REGEXES).then(|| {
            format!(
                "the `detection` has {} regular expressions, {MAX_REGEXES} are allowed; use |contains or |startswith",
                self.regexes
            )
        })
    }
}

/// What is too much of conditions.
fn in_conditions(conditions: &[ConditionExpr]) -> Option<String> {
    let sizes = conditions.iter().map(|part| size(part, 0));
    let Some(parts) = sizes.sum::<Option<usize>>() else {
        return Some(format!("nests deeper than {MAX_JOINS} levels"));
    };
    (parts > MAX_PARTS).then(|| format!("has {parts} parts, {MAX_PARTS} are allowed"))
}

/// Parts of a condition; `None` where it nests deeper than allowed.
fn size(part: &ConditionExpr, depth: usize) -> Option<usize> {
    if depth > MAX_JOINS {
        return None;
    }
    let below = |part: &ConditionExpr| size(part, depth + 1);
    let below = match part {
        ConditionExpr::And(parts) | ConditionExpr::Or(parts) => parts.iter().map(below).sum(),
        ConditionExpr::Not(part) => below(part),
        ConditionExpr::Identifier(_) | ConditionExpr::Selector { .. } => Some(0),
    };
    below.map(|below: usize| 1 + below)
}

fn in_detection(name: &str, detection: &Detection, depth: usize, sum: &mut Sum) -> Option<String> {
    if depth > MAX_DEPTH {
        return Some(format!("`{name}` nests deeper than {MAX_DEPTH} levels"));
    }
    match detection {
        Detection::AllOf(items) => items.iter().find_map(|item| in_item(item, sum)),
        Detection::AnyOf(parts) | Detection::And(parts) => {
            let mut parts = parts.iter();
            parts.find_map(|part| in_detection(name, part, depth + 1, sum))
        }
        Detection::Keywords(values) => {
            sum.values += values.len();
            None
        }
        Detection::ArrayMatch { body, .. } => in_detection(name, body, depth + 1, sum),
        Detection::Conditional { named, condition } => {
            if let Some(told) = in_conditions(std::slice::from_ref(condition)) {
                return Some(format!("the `condition:` of `{name}` {told}"));
            }
            let mut parts = named.values();
            parts.find_map(|part| in_detection(name, part, depth + 1, sum))
        }
    }
}

fn in_item(item: &DetectionItem, sum: &mut Sum) -> Option<String> {
    sum.values += item.values.len();
    let field = item.field.name.as_deref().unwrap_or("keywords");
    let texts: Vec<&str> = item.values.iter().filter_map(as_text).collect();
    if let Some(long) = texts.iter().find(|text| text.len() > MAX_VALUE) {
        let bytes = long.len();
        return Some(format!(
            "a value of `{field}` has {bytes} bytes, {MAX_VALUE} are allowed"
        ));
    }
    if item.field.has_modifier(Modifier::Re) {
        sum.regexes += texts.len();
        return texts.iter().find_map(|text| in_regex(field, text));
    }
    if item.field.has_modifier(Modifier::Cidr) {
        let mut texts = texts.into_iter();
        return texts.find_map(|text| sound::in_network(field, text));
    }
    None
}

fn in_regex(field: &str, pattern: &str) -> Option<String> {
    if pattern.len() > MAX_REGEX {
        let bytes = pattern.len();
        return Some(format!(
            "the regular expression of `{field}` has {bytes} bytes, {MAX_REGEX} are allowed"
        ));
    }
    let built = regex::RegexBuilder::new(pattern)
        .size_limit(MAX_REGEX_MEMORY)
        .build();
    match built {
        Err(regex::Error::CompiledTooBig(_)) => Some(format!(
            "the regular expression of `{field}` is too large when built; repeat less, or list values"
        )),
        Err(error) => Some(sound::in_regex(field, pattern, &error)),
        Ok(_) => None,
    }
}

fn as_text(value: &SigmaValue) -> Option<&str> {
    match value {
        SigmaValue::String(text) => Some(&text.original),
        _ => None,
    }
}
