//! Reads off a rule what decides whether it must be asked at all: names, gate, derived fields.

use super::gate::{DERIVED, Gate, Parts};
use super::known::{Fit, Member};
use super::place::{Place, root_of};
use super::words;
use rsigma_ir::{
    IrCondition, IrDetection, IrDetectionItem, IrExpandPart, IrMatcher, IrPatternPart, IrRule,
    IrStrOp,
};
use rsigma_parser::{Quantifier, SelectorPattern};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What can be said of a rule without building it.
#[derive(Debug, Clone)]
pub(crate) struct Outline {
    /// The member that must have one of these values, in lower case; `None` where any may do.
    pub(crate) key: Option<(Member, BTreeSet<String>)>,
    /// What its condition says about the head of a record.
    pub(crate) gate: Gate,
    /// Derived fields that it reads.
    pub(crate) reads: BTreeSet<String>,
}

type Detections = HashMap<String, IrDetection>;

impl Outline {
    /// Reads a rule; all of its conditions are alternatives.
    pub(crate) fn of(rule: &IrRule) -> Self {
        let conditions = || rule.conditions.iter();
        // A name says most; who calls and which service is called say something.
        let members = [Member::EventName, Member::IdentityType, Member::EventSource];
        let key = members.into_iter().find_map(|member| {
            let needed = conditions().map(|part| needed(part, &rule.detections, member));
            Some((member, union(needed)?))
        });
        let gates = conditions().map(|part| condition(part, &rule.detections));
        Self {
            key,
            gate: any(gates),
            reads: derived_reads(&rule.detections),
        }
    }
}

/// Derived fields that detections read.
pub(crate) fn derived_reads(detections: &Detections) -> BTreeSet<String> {
    let mut reads = BTreeSet::new();
    for detection in detections.values() {
        fields(detection, &mut |field| {
            if DERIVED.contains(&root_of(field)) {
                reads.insert(field.to_owned());
            }
        });
    }
    reads
}

fn condition(condition_of: &IrCondition, detections: &Detections) -> Gate {
    let judge = |part: &IrCondition| condition(part, detections);
    match condition_of {
        IrCondition::And(parts) => all(parts.iter().map(judge)),
        IrCondition::Or(parts) => any(parts.iter().map(judge)),
        IrCondition::Not(part) => none(judge(part)),
        IrCondition::Detection(name) => detections.get(name).map_or(Gate::Unknown, detection),
        IrCondition::Selector {
            quantifier,
            pattern,
        } => {
            let gates: Vec<Gate> = chosen(pattern, detections).map(detection).collect();
            match quantifier {
                // What none of nothing means is for the library to say.
                _ if gates.is_empty() => Gate::Unknown,
                Quantifier::Any => any(gates.into_iter()),
                Quantifier::All => all(gates.into_iter()),
                Quantifier::Count(_) => Gate::Unknown,
            }
        }
    }
}

/// Those of the detections that a pattern names, in order of their names: the build writes what
/// becomes of them, and two builds must write the same.
fn chosen<'d>(
    pattern: &SelectorPattern,
    detections: &'d Detections,
) -> impl Iterator<Item = &'d IrDetection> {
    let named = detections.iter();
    let chosen = named.filter(|(name, _)| pattern.matches_detection_name(name));
    chosen.collect::<BTreeMap<_, _>>().into_values()
}

fn detection(of: &IrDetection) -> Gate {
    match of {
        IrDetection::AllOf(items) => all(items.iter().map(item)),
        IrDetection::AnyOf(parts) => any(parts.iter().map(detection)),
        IrDetection::And(parts) => all(parts.iter().map(detection)),
        IrDetection::Keywords(_)
        | IrDetection::ArrayMatch { .. }
        | IrDetection::Conditional { .. } => Gate::Unknown,
    }
}

fn item(item: &IrDetectionItem) -> Gate {
    let Some(field) = item.field.as_deref() else {
        return Gate::Unknown;
    };
    if DERIVED.contains(&root_of(field)) {
        let name = Cow::Owned(field.to_owned());
        return match (item.exists, &item.matcher) {
            (Some(expected), _) => Gate::Derived(name, !expected),
            (None, IrMatcher::Null) => Gate::Derived(name, true),
            (None, matcher) if may_take_nothing(matcher) => Gate::Unknown,
            (None, IrMatcher::BoolEq(wanted)) => implied(field, *wanted, Gate::Is(name, *wanted)),
            (None, _) => Gate::Derived(name, false),
        };
    }
    match (member(field), item.exists) {
        (Some(member), Some(expected)) => Gate::Exists(member, expected),
        (Some(member), None) => text(member, &item.matcher),
        (None, Some(true)) => named(field),
        (None, Some(false)) => none(named(field)),
        (None, None) => match held(&item.matcher, Place::of(field)) {
            Gate::Unknown if !may_take_nothing(&item.matcher) => named(field),
            held => held,
        },
    }
}

/// What must stand in the record for a field to be there: its name.
fn named(field: &str) -> Gate {
    let last = field.rsplit('.').next().unwrap_or(field);
    // The name of a part stands beside it, not in it.
    let place = Some(Place::of(field)).filter(|_| last.len() < field.len());
    holds(
        words::longest(root_of(last)),
        place.unwrap_or(Place::Record),
    )
}

/// What must stand in a place for a field in it to fit.
fn held(matcher: &IrMatcher, place: Place) -> Gate {
    match matcher {
        IrMatcher::Str { pattern, .. } => {
            let texts = pattern.parts.iter().filter_map(|part| match part {
                IrPatternPart::Literal(text) => words::longest(text),
                _ => None,
            });
            holds(texts.max_by_key(String::len), place)
        }
        // Whatever its case: what is looked for is, too.
        IrMatcher::Regex { pattern, .. } => match words::of_regex(pattern) {
            Some(words) => any(words.into_iter().map(|word| holds(Some(word), place))),
            None => Gate::Unknown,
        },
        IrMatcher::AnyOf(parts) if parts.len() <= words::MAX => {
            any(parts.iter().map(|part| held(part, place)))
        }
        _ => Gate::Unknown,
    }
}

fn holds(word: Option<String>, place: Place) -> Gate {
    word.map_or(Gate::Unknown, |word| Gate::Holds(place, Cow::Owned(word)))
}

/// Facts that a record must show something for, whatever else.
fn implied(field: &str, wanted: bool, gate: Gate) -> Gate {
    match (field, wanted) {
        ("fact.principal.anonymous", true) => {
            let shown = Gate::Text(Member::AccountId, Fit::Exactly, "anonymous".into());
            all([gate, shown, Gate::Unknown].into_iter())
        }
        _ => gate,
    }
}

fn member(field: &str) -> Option<Member> {
    match field {
        "eventName" => Some(Member::EventName),
        "eventSource" => Some(Member::EventSource),
        "userIdentity.type" => Some(Member::IdentityType),
        "errorCode" => Some(Member::ErrorCode),
        "userAgent" => Some(Member::UserAgent),
        "userIdentity.accountId" => Some(Member::AccountId),
        _ => None,
    }
}

/// Whether null is among several alternatives.
fn may_take_nothing(matcher: &IrMatcher) -> bool {
    match matcher {
        IrMatcher::Null | IrMatcher::Exists(_) => true,
        IrMatcher::AnyOf(parts) | IrMatcher::AllOf(parts) => parts.iter().any(may_take_nothing),
        IrMatcher::Not(part) => may_take_nothing(part),
        _ => false,
    }
}

fn text(member: Member, matcher: &IrMatcher) -> Gate {
    match matcher {
        IrMatcher::Str {
            op,
            pattern,
            case_insensitive,
        } => fit(*op, &pattern.parts, *case_insensitive).map_or(Gate::Unknown, |(fit, text)| {
            Gate::Text(member, fit, Cow::Owned(text))
        }),
        // A member that is shown is a text.
        IrMatcher::Null => Gate::Exists(member, false),
        // Among others, null is met by a null alone, not by a member that is missing.
        IrMatcher::AnyOf(parts) => any(parts.iter().map(|part| match part {
            IrMatcher::Null => all([Gate::Exists(member, false), Gate::Unknown].into_iter()),
            part => text(member, part),
        })),
        // Each part may be met by another of the two forms of a name: never certain.
        IrMatcher::AllOf(parts) => {
            let parts = parts.iter().map(|part| text(member, part));
            all(parts.chain([Gate::Unknown]))
        }
        _ => Gate::Unknown,
    }
}

fn fit(op: IrStrOp, parts: &[IrPatternPart], ignores_case: bool) -> Option<(Fit, String)> {
    use IrPatternPart::{Literal, WildcardMulti as Any};
    let (fit, text) = match (op, parts) {
        (IrStrOp::Exact, [Literal(text)]) if !ignores_case => (Fit::Cased, text),
        (IrStrOp::Exact, [Literal(text)]) => (Fit::Exactly, text),
        _ if !ignores_case => return None,
        (IrStrOp::StartsWith, [Literal(text)]) | (IrStrOp::Exact, [Literal(text), Any]) => {
            (Fit::Start, text)
        }
        (IrStrOp::EndsWith, [Literal(text)]) | (IrStrOp::Exact, [Any, Literal(text)]) => {
            (Fit::End, text)
        }
        (IrStrOp::Contains, [Literal(text)]) | (IrStrOp::Exact, [Any, Literal(text), Any]) => {
            (Fit::Inside, text)
        }
        _ => return None,
    };
    Some((fit, text.clone()))
}

/// In the order in which asking is cheap and a no is likely: the first no ends it.
fn all(parts: impl Iterator<Item = Gate>) -> Gate {
    let mut parts: Vec<Gate> = parts.collect();
    parts.sort_by_key(price);
    joined(parts.into_iter(), Gate::All)
}

fn price(gate: &Gate) -> u8 {
    match gate {
        Gate::Exists(..) | Gate::Text(Member::ErrorCode, ..) => 1,
        Gate::Text(..) => 2,
        Gate::All(parts) | Gate::Any(parts) | Gate::None(parts) => {
            parts.iter().map(price).max().unwrap_or(0).max(3)
        }
        // May look through the whole record.
        Gate::Is(path, _) if ["fact", "own"].contains(&root_of(path)) => 4,
        Gate::Holds(..) => 4,
        Gate::Is(..) | Gate::Derived(..) => 0,
        Gate::Unknown => 5,
    }
}

fn any(parts: impl Iterator<Item = Gate>) -> Gate {
    joined(parts, Gate::Any)
}

fn none(part: Gate) -> Gate {
    match part {
        Gate::Unknown => Gate::Unknown,
        part => Gate::None(Cow::Owned(vec![part])),
    }
}

/// Joins parts; several unknown ones are as good as one.
fn joined(parts: impl Iterator<Item = Gate>, join: fn(Parts) -> Gate) -> Gate {
    let mut kept: Vec<Gate> = Vec::new();
    for part in parts {
        if !kept.contains(&part) {
            kept.push(part);
        }
    }
    match kept.as_slice() {
        [only] => only.clone(),
        _ => join(Cow::Owned(kept)),
    }
}

type Values = BTreeSet<String>;

/// Lower-case values of which the member must have one; `None` where any may do.
fn needed(condition: &IrCondition, detections: &Detections, member: Member) -> Option<Values> {
    let of = |part: &IrCondition| needed(part, detections, member);
    let inside = |detection: &IrDetection| values_in(detection, member);
    match condition {
        IrCondition::And(parts) => fewest(parts.iter().map(of)),
        IrCondition::Or(parts) => union(parts.iter().map(of)),
        IrCondition::Not(_) => None,
        IrCondition::Detection(name) => detections.get(name).and_then(inside),
        IrCondition::Selector {
            quantifier,
            pattern,
        } => {
            let values = chosen(pattern, detections).map(inside);
            match quantifier {
                Quantifier::All => fewest(values),
                Quantifier::Any => union(values),
                Quantifier::Count(_) => None,
            }
        }
    }
}

fn values_in(detection: &IrDetection, member: Member) -> Option<Values> {
    let below = |part: &IrDetection| values_in(part, member);
    match detection {
        IrDetection::AllOf(items) => fewest(items.iter().map(|item| values_of(item, member))),
        IrDetection::AnyOf(parts) => union(parts.iter().map(below)),
        IrDetection::And(parts) => fewest(parts.iter().map(below)),
        _ => None,
    }
}

fn values_of(item: &IrDetectionItem, wanted: Member) -> Option<Values> {
    let is_about = item.exists.is_none() && item.field.as_deref().and_then(member) == Some(wanted);
    is_about.then(|| exact_values(&item.matcher)).flatten()
}

fn exact_values(matcher: &IrMatcher) -> Option<Values> {
    match matcher {
        IrMatcher::Str {
            op: IrStrOp::Exact,
            pattern,
            ..
        } => {
            let text = pattern.as_plain().filter(|text| text.is_ascii())?;
            Some(Values::from([text.to_ascii_lowercase()]))
        }
        IrMatcher::AnyOf(parts) => union(parts.iter().map(exact_values)),
        _ => None,
    }
}

/// Any of the parts is enough, so each must name its values; nothing at all proves nothing.
fn union(parts: impl Iterator<Item = Option<Values>>) -> Option<Values> {
    let all: Vec<Values> = parts.collect::<Option<_>>()?;
    (!all.is_empty()).then(|| all.into_iter().flatten().collect())
}

/// All parts are needed, so any one's values will do.
fn fewest(parts: impl Iterator<Item = Option<Values>>) -> Option<Values> {
    parts.flatten().min_by_key(Values::len)
}

/// Tells every field that a detection reads, or refers to.
fn fields(detection: &IrDetection, each: &mut dyn FnMut(&str)) {
    match detection {
        IrDetection::AllOf(items) => {
            for item in items {
                item.field.as_deref().into_iter().for_each(&mut *each);
                referred(&item.matcher, each);
            }
        }
        IrDetection::AnyOf(parts) | IrDetection::And(parts) => {
            for part in parts {
                fields(part, each);
            }
        }
        IrDetection::Keywords(matcher) => referred(matcher, each),
        IrDetection::ArrayMatch { field, body, .. } => {
            each(field);
            fields(body, each);
        }
        IrDetection::Conditional { named, .. } => {
            for part in named.values() {
                fields(part, each);
            }
        }
    }
}

fn referred(matcher: &IrMatcher, each: &mut dyn FnMut(&str)) {
    match matcher {
        IrMatcher::FieldRef { field, .. } => each(field),
        IrMatcher::Expand { template, .. } => {
            for part in template {
                if let IrExpandPart::Placeholder(field) = part {
                    each(field);
                }
            }
        }
        IrMatcher::TimestampPart { inner, .. } | IrMatcher::Not(inner) => referred(inner, each),
        IrMatcher::AnyOf(parts) | IrMatcher::AllOf(parts) => {
            for part in parts {
                referred(part, each);
            }
        }
        _ => {}
    }
}
