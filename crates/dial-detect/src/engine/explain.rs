//! Why a rule matched an event or did not: every part of its condition with wanted and seen values.

use super::view::View;
use rsigma_eval::{ArrayEmptyReason, CompiledRule, ConditionTrace, DetectionTrace};
use rsigma_eval::{ItemTrace, MatchReason, MatcherKind};
use serde::Serialize;
use serde_json::Value;

/// Most members of a list that are shown.
const MAX_MEMBERS: usize = 10;

/// One part of a condition, down to the fields.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// What it is: a selection's name, a field's path, or `all of`, `any of`, `not`.
    pub part: String,
    /// Whether the event meets it.
    pub matched: bool,
    /// What the rule wants of a field, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// What the event has there; `null` where the field is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Value>,
    /// What is worth knowing: the field is missing, only the case differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// What it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Step>,
}

/// Takes a rule's condition apart; one step for each condition of the rule.
pub(super) fn steps(rule: &CompiledRule, view: &View<'_>) -> Vec<Step> {
    let explained = rsigma_eval::explain_rule(rule, view);
    let conditions = explained.conditions.iter();
    conditions.map(|trace| condition(trace, view)).collect()
}

impl Step {
    fn new(part: impl Into<String>, matched: bool) -> Self {
        Self {
            part: part.into(),
            matched,
            wanted: None,
            seen: None,
            remark: None,
            parts: Vec::new(),
        }
    }

    fn with(self, parts: Vec<Step>) -> Self {
        Self { parts, ..self }
    }
}

fn condition(trace: &ConditionTrace, view: &View<'_>) -> Step {
    let matched = trace.matched();
    let each = |parts: &[ConditionTrace]| parts.iter().map(|part| condition(part, view)).collect();
    match trace {
        ConditionTrace::Selection {
            name, detection, ..
        } => selection(name, matched, detection, Some(view)),
        ConditionTrace::And { children, .. } => Step::new("all of", matched).with(each(children)),
        ConditionTrace::Or { children, .. } => Step::new("any of", matched).with(each(children)),
        ConditionTrace::Not { child, .. } => {
            Step::new("not", matched).with(vec![condition(child, view)])
        }
        ConditionTrace::Quantified {
            quantifier,
            branches,
            ..
        } => {
            let parts = branches.iter().map(|branch| {
                selection(&branch.name, branch.matched, &branch.detection, Some(view))
            });
            Step::new(format!("{quantifier} of"), matched).with(parts.collect())
        }
    }
}

/// A named selection: its fields stand right below it.
fn selection(
    name: &str,
    matched: bool,
    detection: &DetectionTrace,
    view: Option<&View<'_>>,
) -> Step {
    Step::new(name, matched).with(fields(detection, view))
}

/// `view` is that of the event; inside a list there is none, the trace has the member's values.
fn fields(trace: &DetectionTrace, view: Option<&View<'_>>) -> Vec<Step> {
    let each =
        |parts: &[DetectionTrace]| parts.iter().flat_map(|part| fields(part, view)).collect();
    match trace {
        DetectionTrace::AllOf { items, .. } => {
            items.iter().map(|trace| item(trace, view)).collect()
        }
        DetectionTrace::And { branches, .. } => each(branches),
        DetectionTrace::AnyOf { matched, branches } => {
            let parts = branches
                .iter()
                .map(|branch| Step::new("all of", branch.matched()).with(fields(branch, view)));
            vec![Step::new("any of", *matched).with(parts.collect())]
        }
        DetectionTrace::Keywords { item: trace, .. } => vec![item(trace, view)],
        DetectionTrace::ArrayMatch { .. } => vec![list(trace)],
        DetectionTrace::Conditional { condition, .. } => vec![inner(condition)],
        DetectionTrace::Other { kind, matched } => vec![Step::new(kind, *matched)],
    }
}

/// `field[any]:` and its members.
fn list(trace: &DetectionTrace) -> Step {
    let DetectionTrace::ArrayMatch {
        field,
        quantifier,
        matched,
        member_count,
        matched_count,
        empty_reason,
        members,
        ..
    } = trace
    else {
        return Step::new("list", trace.matched());
    };
    let parts = members.iter().take(MAX_MEMBERS).map(|member| {
        let part = format!("member {}", member.index);
        Step::new(part, member.matched).with(fields(&member.detection, None))
    });
    let remark = match empty_reason {
        Some(ArrayEmptyReason::MissingOrNull) => "the field is missing".to_owned(),
        Some(ArrayEmptyReason::EmptyArray) => "the list is empty".to_owned(),
        None => format!("{matched_count} of {member_count} members match"),
    };
    Step {
        remark: Some(remark),
        ..Step::new(format!("{field}[{quantifier}]"), *matched).with(parts.collect())
    }
}

/// The condition of a list's members.
fn inner(trace: &ConditionTrace) -> Step {
    let matched = trace.matched();
    let each = |parts: &[ConditionTrace]| parts.iter().map(inner).collect();
    match trace {
        ConditionTrace::Selection {
            name, detection, ..
        } => selection(name, matched, detection, None),
        ConditionTrace::And { children, .. } => Step::new("all of", matched).with(each(children)),
        ConditionTrace::Or { children, .. } => Step::new("any of", matched).with(each(children)),
        ConditionTrace::Not { child, .. } => Step::new("not", matched).with(vec![inner(child)]),
        ConditionTrace::Quantified {
            quantifier,
            branches,
            ..
        } => {
            let parts = branches
                .iter()
                .map(|branch| selection(&branch.name, branch.matched, &branch.detection, None));
            Step::new(format!("{quantifier} of"), matched).with(parts.collect())
        }
    }
}

fn item(trace: &ItemTrace, view: Option<&View<'_>>) -> Step {
    let field = trace.field.as_deref();
    let seen = match (view, field) {
        (Some(view), Some(field)) => view.plain(field),
        _ => trace.actual.clone(),
    };
    let remark = match trace.reason {
        MatchReason::FieldAbsent => Some("the field is missing"),
        MatchReason::CaseMismatch => Some("only the case differs"),
        MatchReason::NoKeywordMatch => Some("nowhere in the event"),
        MatchReason::Matched | MatchReason::ValueMismatch | MatchReason::Existence => None,
    };
    Step {
        wanted: Some(wanted(trace.matcher, trace.pattern.as_deref())),
        seen: field.map(|_| seen.unwrap_or(Value::Null)),
        remark: remark.map(str::to_owned),
        ..Step::new(field.unwrap_or("keyword"), trace.matched)
    }
}

fn wanted(kind: MatcherKind, pattern: Option<&str>) -> String {
    let pattern = pattern.unwrap_or_default();
    match kind {
        MatcherKind::Exact | MatcherKind::Bool | MatcherKind::Keyword => format!("is {pattern}"),
        MatcherKind::Contains => format!("contains {pattern}"),
        MatcherKind::StartsWith => format!("starts with {pattern}"),
        MatcherKind::EndsWith => format!("ends with {pattern}"),
        MatcherKind::Regex => format!("fits the regex {pattern}"),
        MatcherKind::OneOf => format!("is among: {pattern}"),
        MatcherKind::Cidr => format!("lies in {pattern}"),
        MatcherKind::Numeric => format!("is a number {pattern}"),
        MatcherKind::Exists if pattern == "false" => "is missing".to_owned(),
        MatcherKind::Exists => "exists".to_owned(),
        MatcherKind::FieldRef => format!("equals the field {pattern}"),
        MatcherKind::Null => "is null or missing".to_owned(),
        MatcherKind::Expand => format!("is {pattern} filled in"),
        MatcherKind::Timestamp => format!("is a time with {pattern}"),
    }
}
