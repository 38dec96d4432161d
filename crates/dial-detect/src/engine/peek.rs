//! Asks a rule about a record of which only the head and a few members were read.
//!
//! In three values, as gates are: what else the rule wants to know is `Unknown`, so a rule that
//! does not hold here would not hold for the whole record either.

use super::known::Known;
use super::place::Place;
use super::section::Section;
use super::truth::{Truth, all, any, negated, truth};
use super::view::names_of;
use crate::event::{Part, Parts};
use rsigma_eval::event::{EventValue, MapEvent};
use rsigma_eval::matcher::CompiledMatcher;
use rsigma_eval::{CompiledDetection, CompiledDetectionItem, CompiledRule};
use rsigma_parser::{ConditionExpr, Quantifier};
use std::borrow::Cow;
use std::collections::HashMap;

/// What is read where a rule asks for it.
const PLACES: [Place; 4] = [
    Place::Request,
    Place::Response,
    Place::Additional,
    Place::Identity,
];

/// What was read of a record.
pub(super) struct Peek<'a> {
    known: &'a Known<'a>,
    parts: [Section<'a>; 4],
}

impl<'a> Parts<'a> {
    /// The part at a place.
    pub(super) fn at(&self, place: Place) -> Part<'a> {
        match place {
            Place::Record => Part::Unknown,
            Place::Request => self.request,
            Place::Response => self.response,
            Place::Additional => self.additional,
            Place::Identity => self.identity,
        }
    }
}

impl<'a> Peek<'a> {
    /// Of the parts of a record.
    pub(super) fn new(known: &'a Known<'a>, parts: &Parts<'a>) -> Self {
        let section = |place| Section::new(place, parts.at(place));
        Self {
            known,
            parts: PLACES.map(section),
        }
    }

    /// Whether the rule may match.
    pub(super) fn may_hold(&self, rule: &CompiledRule) -> bool {
        let conditions = rule.conditions.iter();
        any(conditions.map(|condition| self.condition(condition, rule))) != Truth::False
    }

    fn condition(&self, condition: &ConditionExpr, rule: &CompiledRule) -> Truth {
        let judge = |part: &ConditionExpr| self.condition(part, rule);
        match condition {
            ConditionExpr::And(parts) => all(parts.iter().map(judge)),
            ConditionExpr::Or(parts) => any(parts.iter().map(judge)),
            ConditionExpr::Not(part) => negated(judge(part)),
            ConditionExpr::Identifier(name) => rule
                .detections
                .get(name)
                .map_or(Truth::Unknown, |detection| self.detection(detection)),
            ConditionExpr::Selector {
                quantifier,
                pattern,
            } => {
                let named = rule.detections.iter();
                let mut chosen = named
                    .filter(|(name, _)| pattern.matches_detection_name(name))
                    .map(|(_, detection)| self.detection(detection))
                    .peekable();
                match quantifier {
                    _ if chosen.peek().is_none() => Truth::Unknown,
                    Quantifier::Any => any(chosen),
                    Quantifier::All => all(chosen),
                    Quantifier::Count(_) => Truth::Unknown,
                }
            }
        }
    }

    fn detection(&self, detection: &CompiledDetection) -> Truth {
        match detection {
            CompiledDetection::AllOf(items) => {
                // What the gate has not seen decides; the names it has seen hold already.
                let (seen, unseen) = (items.iter(), items.iter());
                let unseen = unseen.filter(|item| is_in_part(item));
                let items = unseen.chain(seen.filter(|item| !is_in_part(item)));
                all(items.map(|item| self.item(item)))
            }
            CompiledDetection::AnyOf(parts) => any(parts.iter().map(|part| self.detection(part))),
            CompiledDetection::And(parts) => all(parts.iter().map(|part| self.detection(part))),
            CompiledDetection::Keywords(_)
            | CompiledDetection::ArrayMatch { .. }
            | CompiledDetection::Conditional { .. } => Truth::Unknown,
        }
    }

    fn item(&self, item: &CompiledDetectionItem) -> Truth {
        let Some(field) = item.field.as_deref() else {
            return Truth::Unknown;
        };
        let place = Place::of(field);
        let section = self.parts.iter().find(|section| section.is_at(place));
        let told = section.and_then(|section| section.with(field, |value| seen(item, value)));
        if let Some(truth) = told {
            return truth;
        }
        if self.known.lacks.is_some_and(|lacks| lacks(field)) {
            return seen(item, None);
        }
        let shown = match field {
            "eventName" => self.known.name.map(names_of),
            "eventSource" => self.known.source.map(text),
            "userIdentity.type" => self.known.identity_type.map(text),
            "errorCode" if self.known.succeeded => return seen(item, None),
            "errorCode" => self.known.error_code.map(text),
            "userAgent" => self.known.user_agent.map(text),
            _ => None,
        };
        shown.map_or(Truth::Unknown, |shown| seen(item, Some(shown)))
    }
}

/// Whether an item is about a field in a part.
fn is_in_part(item: &CompiledDetectionItem) -> bool {
    let field = item.field.as_deref();
    field.is_some_and(|field| Place::of(field) != Place::Record)
}

/// What the library would say of a field whose value is known, or known to be missing.
fn seen(item: &CompiledDetectionItem, value: Option<EventValue<'_>>) -> Truth {
    match (item.exists, value) {
        (Some(expected), value) => truth(value.is_some_and(|value| !value.is_null()) == expected),
        (None, None) => truth(matches!(item.matcher, CompiledMatcher::Null)),
        (None, Some(value)) if stands_alone(&item.matcher) => {
            let nothing = MapEvent::new(HashMap::<String, String>::new());
            truth(item.matcher.matches(&value, &nothing))
        }
        (None, Some(_)) => Truth::Unknown,
    }
}

fn text(text: &str) -> EventValue<'_> {
    EventValue::Str(Cow::Borrowed(text))
}

/// Whether a matcher needs nothing of the event but the value.
fn stands_alone(matcher: &CompiledMatcher) -> bool {
    match matcher {
        CompiledMatcher::FieldRef { .. } | CompiledMatcher::Expand { .. } => false,
        CompiledMatcher::AnyOf(parts) | CompiledMatcher::AllOf(parts) => {
            parts.iter().all(stands_alone)
        }
        CompiledMatcher::CaseInsensitiveGroup { children, .. } => children.iter().all(stands_alone),
        CompiledMatcher::Not(part) => stands_alone(part),
        CompiledMatcher::TimestampPart { inner, .. } => stands_alone(inner),
        _ => true,
    }
}
