//! The ways in which a condition can be met.

use super::super::group::{Group, groups};
use rsigma_parser::{ConditionExpr, Quantifier, SigmaRule};

/// Most alternatives that are looked at; a rule with more is believed.
const MAX_ALTERNATIVES: usize = 256;
/// Demands that one event must meet together; `false` for what must not be.
pub(super) type Alternative<'r> = Vec<(Group<'r>, bool)>;

/// All ways to meet a condition; `None` where they cannot be told, or are too many.
pub(super) fn alternatives<'r>(
    condition: &'r ConditionExpr,
    rule: &'r SigmaRule,
) -> Option<Vec<Alternative<'r>>> {
    match condition {
        ConditionExpr::Identifier(name) => of_selection(name, rule),
        ConditionExpr::And(parts) => {
            let each = parts.iter().map(|part| alternatives(part, rule));
            all_of(each)
        }
        ConditionExpr::Or(parts) => {
            let each = parts.iter().map(|part| alternatives(part, rule));
            any_of(each)
        }
        ConditionExpr::Not(part) => match part.as_ref() {
            ConditionExpr::Identifier(name) => Some(negated(name, rule)),
            _ => Some(vec![Vec::new()]),
        },
        ConditionExpr::Selector {
            quantifier,
            pattern,
        } => {
            let names = rule.detection.named.keys();
            let chosen = names.filter(|name| pattern.matches_detection_name(name));
            let mut chosen: Vec<&String> = chosen.collect();
            chosen.sort();
            let each = chosen.iter().map(|name| of_selection(name, rule));
            match quantifier {
                Quantifier::Any => any_of(each),
                Quantifier::All => all_of(each),
                Quantifier::Count(_) => None,
            }
        }
    }
}

fn of_selection<'r>(name: &str, rule: &'r SigmaRule) -> Option<Vec<Alternative<'r>>> {
    let detection = rule.detection.named.get(name)?;
    let groups = groups(detection);
    // Of what is not a mapping of fields, nothing is known, and nothing demanded.
    let known = if groups.is_empty() {
        vec![Group::default()]
    } else {
        groups
    };
    Some(known.into_iter().map(|group| vec![(group, true)]).collect())
}

/// Only one demand alone can be turned round.
fn negated<'r>(name: &str, rule: &'r SigmaRule) -> Vec<Alternative<'r>> {
    let detection = rule.detection.named.get(name);
    let mut groups = detection.map(groups).unwrap_or_default();
    match (groups.pop(), groups.is_empty()) {
        (Some(only), true) if only.items.len() == 1 && only.lists.is_empty() => {
            vec![vec![(only, false)]]
        }
        _ => vec![Vec::new()],
    }
}

fn any_of<'r>(
    parts: impl Iterator<Item = Option<Vec<Alternative<'r>>>>,
) -> Option<Vec<Alternative<'r>>> {
    let mut all = Vec::new();
    for part in parts {
        all.extend(part?);
        if all.len() > MAX_ALTERNATIVES {
            return None;
        }
    }
    Some(all)
}

fn all_of<'r>(
    parts: impl Iterator<Item = Option<Vec<Alternative<'r>>>>,
) -> Option<Vec<Alternative<'r>>> {
    let mut all: Vec<Alternative<'r>> = vec![Vec::new()];
    for part in parts {
        let part = part?;
        if all.len().saturating_mul(part.len()) > MAX_ALTERNATIVES {
            return None;
        }
        let joined = all.iter().flat_map(|so_far| {
            let more = part.iter();
            more.map(move |more| so_far.iter().chain(more).cloned().collect())
        });
        all = joined.collect();
    }
    Some(all)
}
