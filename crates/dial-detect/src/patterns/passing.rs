//! What share of events a set of patterns lets through: the price of watching.

use super::condition::Conditions;
use super::{PatternSet, State};
use crate::event::{Event, Kind};
use serde::Serialize;
use serde_json::{Value, json};

/// Counts events against a set of patterns.
#[derive(Debug, Clone)]
pub struct Passing {
    patterns: Vec<(Conditions, State, Passed)>,
    total: Totals,
}

/// How many events one pattern lets through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passed {
    /// Name of the pattern.
    pub pattern: String,
    /// Events that it lets through.
    pub events: u64,
}

/// How many events there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// All.
    pub events: u64,
    /// Management events that only read.
    pub reads: u64,
    /// Let through by any pattern.
    pub passed: u64,
    /// Of those, the management events that only read.
    pub passed_reads: u64,
}

impl Passing {
    /// Begins with no events.
    pub fn through(set: &PatternSet) -> Self {
        let patterns = set.patterns.iter().filter_map(|pattern| {
            let conditions = Conditions::of_json(&pattern.pattern).ok()?;
            let passed = Passed {
                pattern: pattern.name.clone(),
                events: 0,
            };
            Some((conditions, pattern.state, passed))
        });
        Self {
            patterns: patterns.collect(),
            total: Totals::default(),
        }
    }

    /// Counts one event, as `EventBridge` would bring it.
    pub fn count(&mut self, event: &Event) {
        let brought = brought(event);
        let reads = u64::from(is_read(event));
        let mut passes = 0;
        for (conditions, state, passed) in &mut self.patterns {
            let delivered = reads == 0 || *state == State::AllManagementEvents;
            if delivered && conditions.matches(&brought) {
                passed.events += 1;
                passes = 1;
            }
        }
        self.total.events += 1;
        self.total.reads += reads;
        self.total.passed += passes;
        self.total.passed_reads += passes * reads;
    }

    /// Adds what another has counted of the same patterns.
    pub fn add(&mut self, other: &Self) {
        for ((.., ours), (.., theirs)) in self.patterns.iter_mut().zip(&other.patterns) {
            ours.events += theirs.events;
        }
        self.total.events += other.total.events;
        self.total.reads += other.total.reads;
        self.total.passed += other.total.passed;
        self.total.passed_reads += other.total.passed_reads;
    }

    /// Counts by pattern, in order of the set.
    pub fn by_pattern(&self) -> impl Iterator<Item = &Passed> {
        self.patterns.iter().map(|(.., passed)| passed)
    }

    /// Counts over all patterns.
    pub fn totals(&self) -> Totals {
        self.total
    }
}

/// The parts of the envelope that patterns look at.
fn brought(event: &Event) -> Value {
    let text = |key: &str| event.record.get(key).and_then(Value::as_str);
    let (source, detail_type) = match &event.kind {
        Kind::Native {
            source,
            detail_type,
        } => (source.clone(), detail_type.clone()),
        Kind::CloudTrail => {
            let service = text("eventSource").unwrap_or_default();
            let service = service.split('.').next().unwrap_or(service);
            (
                format!("aws.{service}"),
                "AWS API Call via CloudTrail".into(),
            )
        }
    };
    let user = event.record.get("userIdentity");
    let mut brought = json!({
        "source": source,
        "detail-type": detail_type,
        "detail": {
            "eventSource": text("eventSource"),
            "eventName": text("eventName"),
            "userIdentity": user,
        },
    });
    // What is missing must be missing: patterns ask whether it is there.
    if let Some(code) = event.record.get("errorCode") {
        brought["detail"]["errorCode"] = code.clone();
    }
    brought
}

/// Whether only rules in the state for all management events get it.
fn is_read(event: &Event) -> bool {
    let field = |key: &str| event.record.get(key);
    let category = field("eventCategory").and_then(Value::as_str);
    let name = field("eventName").and_then(Value::as_str);
    event.kind == Kind::CloudTrail
        && field("readOnly") == Some(&Value::Bool(true))
        && category.is_none_or(|category| category == "Management")
        && !name.is_some_and(super::place::counts_as_write)
}
