//! What an event must show for a rule to be able to match it; derived by weakening only.
//!
//! Negation, text modifiers and everything below a list give no condition; of what a conjunction
//! joins, a part may be dropped; a disjunction keeps all. So an event that a rule matches always
//! fits one of the rule's needs, and what fits none can be left where it is.

mod need;

pub(crate) use need::{Field, Need, Text};

use super::place::root_of;
use crate::envelope::OWN;
use crate::facts::EXTRACTORS;
use crate::tuning::DecoyKind;
use need::{all, any, anything, exact};
use rsigma_eval::matcher::{CompiledMatcher, GroupMode};
use rsigma_eval::{CompiledDetection, CompiledDetectionItem, CompiledRule};
use rsigma_parser::{ConditionExpr, LogSource, Quantifier};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Facts that need no event of their own but follow from who calls: only ever true, and of which
/// `userIdentity.type`.
const CALLER_FACTS: [(&str, Field, &str); 3] = [
    ("principal.anonymous", Field::IdentityType, "AWSAccount"),
    ("principal.external", Field::OtherIdentityType, "AWSService"),
    ("principal.root", Field::IdentityType, "Root"),
];

const FIELDS: [(&str, Field); 6] = [
    ("source", Field::Source),
    ("detail-type", Field::DetailType),
    ("eventSource", Field::EventSource),
    ("eventName", Field::EventName),
    (IDENTITY_TYPE, Field::IdentityType),
    ("errorCode", Field::ErrorCode),
];

const IDENTITY_TYPE: &str = "userIdentity.type";

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trigger {
    /// What its log source lets it see.
    pub(crate) sees: Sees,
    /// Any one of these is enough; without one the rule cannot match at all.
    pub(crate) needs: Vec<Need>,
    /// Derived names that it asks for and nothing fills, such as `decoy`.
    pub(crate) unfilled: BTreeSet<String>,
}

/// What a log source lets a rule see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sees {
    /// CloudTrail records.
    Records,
    /// Native events of one `source`, such as `aws.guardduty`.
    Native(String),
    /// Both.
    Everything,
    /// What DIAL tells of itself: no pattern brings it.
    Dial,
    /// Nothing: it is about another product.
    Nothing,
}

impl Trigger {
    /// Reads a rule; `absent` are derived names that nothing will ever fill.
    pub(super) fn of(rule: &CompiledRule, absent: &[&str]) -> Self {
        let derivation = Derivation {
            rule,
            absent,
            unfilled: RefCell::default(),
        };
        let conditions = rule.conditions.iter();
        Self {
            sees: sees(&rule.logsource),
            needs: any(conditions.map(|condition| derivation.condition(condition))),
            unfilled: derivation.unfilled.into_inner(),
        }
    }
}

fn sees(stated: &LogSource) -> Sees {
    let product = stated.product.as_deref();
    if product.is_some_and(|product| !product.eq_ignore_ascii_case("aws")) {
        return Sees::Nothing;
    }
    match stated.service.as_deref().map(str::to_ascii_lowercase) {
        None => Sees::Everything,
        Some(service) if service == "cloudtrail" => Sees::Records,
        Some(service) if service == OWN => Sees::Dial,
        Some(service) => Sees::Native(format!("aws.{service}")),
    }
}

struct Derivation<'a> {
    rule: &'a CompiledRule,
    absent: &'a [&'a str],
    unfilled: RefCell<BTreeSet<String>>,
}

impl Derivation<'_> {
    fn condition(&self, condition: &ConditionExpr) -> Vec<Need> {
        match condition {
            ConditionExpr::And(parts) => all(parts.iter().map(|part| self.condition(part))),
            ConditionExpr::Or(parts) => any(parts.iter().map(|part| self.condition(part))),
            ConditionExpr::Not(part) => self.refused(part),
            ConditionExpr::Identifier(name) => self
                .rule
                .detections
                .get(name)
                .map_or_else(anything, |detection| self.detection(detection)),
            ConditionExpr::Selector {
                quantifier,
                pattern,
            } => {
                let chosen = self.rule.detections.iter();
                let chosen = chosen.filter(|(name, _)| pattern.matches_detection_name(name));
                let parts = chosen.map(|(_, detection)| self.detection(detection));
                match quantifier {
                    Quantifier::All => all(parts),
                    Quantifier::Any => any(parts),
                    Quantifier::Count(_) => anything(),
                }
            }
        }
    }

    /// What is left when a condition must not hold: only that it is not certain callers.
    fn refused(&self, condition: &ConditionExpr) -> Vec<Need> {
        match condition {
            ConditionExpr::Or(parts) => all(parts.iter().map(|part| self.refused(part))),
            ConditionExpr::Identifier(name) => {
                let detection = self.rule.detections.get(name);
                detection.map_or_else(anything, refused_detection)
            }
            ConditionExpr::Selector {
                quantifier: Quantifier::Any,
                pattern,
            } => {
                let chosen = self.rule.detections.iter();
                let chosen = chosen.filter(|(name, _)| pattern.matches_detection_name(name));
                all(chosen.map(|(_, detection)| refused_detection(detection)))
            }
            _ => anything(),
        }
    }

    fn detection(&self, detection: &CompiledDetection) -> Vec<Need> {
        match detection {
            CompiledDetection::AllOf(items) => all(items.iter().map(|item| self.item(item))),
            CompiledDetection::AnyOf(parts) => any(parts.iter().map(|part| self.detection(part))),
            CompiledDetection::And(parts) => all(parts.iter().map(|part| self.detection(part))),
            CompiledDetection::Keywords(_)
            | CompiledDetection::ArrayMatch { .. }
            | CompiledDetection::Conditional { .. } => anything(),
        }
    }

    fn item(&self, item: &CompiledDetectionItem) -> Vec<Need> {
        let Some(path) = item.field.as_deref() else {
            return anything();
        };
        let needs_a_value = match item.exists {
            Some(expected) => expected,
            None => !matches!(item.matcher, CompiledMatcher::Null),
        };
        if !needs_a_value {
            return anything();
        }
        let root = root_of(path);
        if self.absent.contains(&root) {
            self.unfilled.borrow_mut().insert(root.to_owned());
            return Vec::new();
        }
        if let Some(fact) = path.strip_prefix("fact.") {
            return fact_needs(fact);
        }
        if root == "decoy" {
            return decoy_needs(path, item);
        }
        let field = FIELDS.iter().find(|(name, _)| *name == path);
        let texts = exact_texts(&item.matcher).filter(|_| item.exists.is_none());
        match (field, texts) {
            (Some((_, field)), Some(texts)) => vec![Need::of([(*field, texts)])],
            (Some((_, Field::ErrorCode)), None) if takes_text(&item.matcher) => {
                vec![Need::of([(
                    Field::ErrorCode,
                    BTreeSet::from([Text::Present]),
                )])]
            }
            _ => anything(),
        }
    }
}

/// What is left when a detection must not hold: each alternative must fail, and one of one
/// condition fails where its field is something else.
fn refused_detection(detection: &CompiledDetection) -> Vec<Need> {
    match detection {
        CompiledDetection::AnyOf(parts) => all(parts.iter().map(refused_detection)),
        CompiledDetection::AllOf(items) => match items.as_slice() {
            [item] if item.field.as_deref() == Some(IDENTITY_TYPE) && item.exists.is_none() => {
                let texts = exact_texts(&item.matcher).unwrap_or_default();
                vec![Need::of([(Field::OtherIdentityType, texts)])]
            }
            _ => anything(),
        },
        _ => anything(),
    }
}

/// Whether a comparison holds only of a text that is there.
fn takes_text(matcher: &CompiledMatcher) -> bool {
    match matcher {
        CompiledMatcher::Exact { .. }
        | CompiledMatcher::Contains { .. }
        | CompiledMatcher::StartsWith { .. }
        | CompiledMatcher::EndsWith { .. }
        | CompiledMatcher::Regex(_)
        | CompiledMatcher::AhoCorasickSet { .. }
        | CompiledMatcher::RegexSetMatch { .. }
        | CompiledMatcher::Exists(true) => true,
        CompiledMatcher::AnyOf(children)
        | CompiledMatcher::AllOf(children)
        | CompiledMatcher::CaseInsensitiveGroup { children, .. } => children.iter().all(takes_text),
        _ => false,
    }
}

/// The events that the extractors of a fact look at.
fn fact_needs(path: &str) -> Vec<Need> {
    let mut callers = CALLER_FACTS.iter();
    if let Some((_, field, kind)) = callers.find(|(fact, ..)| *fact == path) {
        return vec![Need::of([(*field, exact([*kind]))])];
    }
    let makers = EXTRACTORS.iter().filter(|extractor| {
        let mut facts = extractor.facts.iter();
        facts.any(|fact| is_on_path(fact, path))
    });
    let needs: Vec<_> = makers
        .map(|maker| {
            let sources = exact(maker.sources.iter().copied());
            let names = exact(maker.names.iter().copied());
            vec![Need::of([
                (Field::EventSource, sources),
                (Field::EventName, names),
            ])]
        })
        .collect();
    any(needs.into_iter())
}

/// The kinds of decoys that a condition is about: all, unless it names some.
fn decoy_needs(path: &str, item: &CompiledDetectionItem) -> Vec<Need> {
    let named = exact_texts(&item.matcher).filter(|_| path == "decoy.kind");
    let all = || exact(DecoyKind::ALL.iter().map(|kind| kind.word()));
    vec![Need::of([(Field::Decoy, named.unwrap_or_else(all))])]
}

/// Whether one of two dotted paths is the other or lies below it.
fn is_on_path(a: &str, b: &str) -> bool {
    let below = |long: &str, short: &str| {
        long.strip_prefix(short)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    below(a, b) || below(b, a)
}

/// The texts of which the value must equal one; `None` where others may do.
fn exact_texts(matcher: &CompiledMatcher) -> Option<BTreeSet<Text>> {
    match matcher {
        CompiledMatcher::Exact {
            value,
            case_insensitive,
        } => Some(BTreeSet::from([if *case_insensitive {
            Text::AnyCase(value.to_lowercase())
        } else {
            Text::Exact(value.clone())
        }])),
        CompiledMatcher::AnyOf(children)
        | CompiledMatcher::CaseInsensitiveGroup {
            children,
            mode: GroupMode::Any,
        } => {
            let texts: Vec<_> = children.iter().map(exact_texts).collect::<Option<_>>()?;
            Some(texts.into_iter().flatten().collect())
        }
        _ => None,
    }
}
