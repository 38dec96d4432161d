//! What a rule says of an event, and what `EventBridge` would make of it.

use dial_core::wire::WorkerInfo;
use dial_detect::envelope::{Input, read};
use dial_detect::event::Event;
use dial_detect::patterns::{Kind, Options, PatternSet, State, derive};
use dial_detect::{Pipeline, Settings};
use jiff::Timestamp;
use quamina::Quamina;
use serde_json::Value;
use std::collections::BTreeSet;

/// A pipeline and its patterns, as they would be deployed.
pub(crate) struct Deployment {
    pub(crate) pipeline: Pipeline,
    pub(crate) bus: Bus,
}

/// What `EventBridge` does with patterns.
pub(crate) struct Bus {
    pub(crate) set: PatternSet,
    matcher: Quamina<usize>,
}

impl Deployment {
    pub(crate) fn of(settings: &Settings) -> Self {
        let worker = WorkerInfo {
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            version: "0".into(),
            rules: String::new(),
        };
        let pipeline = match Pipeline::new(settings, worker) {
            Ok(pipeline) => pipeline,
            Err(errors) => panic!("{errors:#?}"),
        };
        let set = derive(&pipeline, Options::default()).unwrap();
        Self {
            pipeline,
            bus: Bus::of(set),
        }
    }

    /// Rules that match an event and that the patterns promise to feed.
    pub(crate) fn hits(&self, input: &Value) -> BTreeSet<String> {
        let Some(event) = event(input) else {
            return BTreeSet::new();
        };
        let judged = self.pipeline.run(&event, Timestamp::UNIX_EPOCH);
        let hits = judged.findings.into_iter().map(|finding| finding.rule.name);
        let undelivered = self.bus.set.undelivered.iter();
        let undelivered: BTreeSet<&str> = undelivered.map(|it| it.rule.as_str()).collect();
        hits.filter(|rule| !undelivered.contains(rule.as_str()))
            .collect()
    }
}

impl Bus {
    pub(crate) fn of(set: PatternSet) -> Self {
        let mut matcher = Quamina::new();
        for (index, pattern) in set.patterns.iter().enumerate() {
            let text = pattern.pattern.to_string();
            matcher.add_pattern(index, &text).unwrap();
        }
        Self { set, matcher }
    }

    /// Positions of the patterns that an event fits, whatever their state.
    pub(crate) fn fits(&self, event: &Value) -> Vec<usize> {
        let found = self.matcher.matches_for_event(event.to_string().as_bytes());
        let mut found = found.unwrap();
        found.sort_unstable();
        found
    }

    /// Whether any pattern delivers an event.
    pub(crate) fn passes(&self, event: &Value) -> bool {
        let reads = is_management_read(event);
        let found = self
            .fits(event)
            .into_iter()
            .map(|at| &self.set.patterns[at]);
        found
            .into_iter()
            .any(|pattern| !reads || pattern.state == State::AllManagementEvents)
    }

    /// Event sources and names of the patterns, to make events of.
    pub(crate) fn calls(&self) -> Vec<(String, String)> {
        let mut calls = Vec::new();
        let named = self.set.patterns.iter();
        for pattern in named.filter(|it| !matches!(it.kind, Kind::Native | Kind::Caller)) {
            let texts = |field: &str| -> Vec<String> {
                let values = pattern.pattern["detail"][field].as_array();
                let values = values.into_iter().flatten();
                let inner = |value: &Value| {
                    let object = value.as_object().and_then(|o| o.values().next().cloned());
                    let text = object.unwrap_or_else(|| value.clone());
                    text.as_str().map(str::to_owned)
                };
                values.filter_map(inner).collect()
            };
            for source in texts("eventSource") {
                let each = texts("eventName").into_iter();
                calls.extend(each.map(|name| (source.clone(), name)));
            }
        }
        calls
    }
}

/// The event as the worker reads it; `None` where it is no event.
fn event(input: &Value) -> Option<Event> {
    match read(input.to_string().as_bytes()) {
        Ok(Input::Events(items)) => items.into_iter().next()?.ok(),
        _ => None,
    }
}

/// Whether only rules in the state for all management events get it.
fn is_management_read(event: &Value) -> bool {
    let detail = &event["detail"];
    let management = detail.get("managementEvent") != Some(&Value::Bool(false))
        && detail["eventCategory"]
            .as_str()
            .is_none_or(|category| category == "Management");
    let counts_as_write = ["GetFederationToken", "GetSessionToken"];
    let name = detail["eventName"].as_str().unwrap_or_default();
    let reads = detail["readOnly"] == true || detail["readOnly"] == "true";
    management && reads && !counts_as_write.contains(&name)
}
