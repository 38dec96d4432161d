//! Refuses rules that would cost every event too much, or that cannot be built, before the library
//! builds them.

use super::sound;
use rsigma_parser::{ConditionExpr, Detection, DetectionItem, Modifier, SigmaRule, SigmaValue};

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
pub(super) fn refusal(rule: &SigmaRule) -> Option<String> {
    let detection = &rule.detection;
    if detection.named.len() > MAX_SELECTIONS {
        let count = detection.named.len();
        return Some(format!(
            "{count} selections, {MAX_SELECTIONS} are allowed; make several rules"
        ));
    }
    let parts: usize = detection.conditions.iter().map(|part| size(part, 0)).sum();
    if parts > MAX_PARTS {
        return Some(format!(
            "the `condition` has {parts} parts, {MAX_PARTS} are allowed; make several rules"
        ));
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

/// Parts of a condition; what nests deeper than allowed counts as too many.
fn size(part: &ConditionExpr, depth: usize) -> usize {
    if depth > 4 * MAX_DEPTH {
        return MAX_PARTS + 1;
    }
    match part {
        ConditionExpr::And(parts) | ConditionExpr::Or(parts) => {
            1 + parts
                .iter()
                .map(|part| size(part, depth + 1))
                .sum::<usize>()
        }
        ConditionExpr::Not(part) => 1 + size(part, depth + 1),
        ConditionExpr::Identifier(_) | ConditionExpr::Selector { .. } => 1,
    }
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
            let parts = size(condition, 0);
            if parts > MAX_PARTS {
                return Some(format!(
                    "`{name}` has {parts} parts, {MAX_PARTS} are allowed"
                ));
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
