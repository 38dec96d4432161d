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
        Self::with(pipeline, set)
    }

    /// With other patterns than those that were derived.
    pub(crate) fn with(pipeline: Pipeline, set: PatternSet) -> Self {
        let mut matcher = Quamina::new();
        for (index, pattern) in set.patterns.iter().enumerate() {
            let text = pattern.pattern.to_string();
            matcher.add_pattern(index, &text).unwrap();
        }
        Self {
            pipeline,
            set,
            matcher,
        }
    }

    /// Names of the patterns that let an event through.
    pub(crate) fn passes(&self, event: &Value) -> Vec<&str> {
        let found = self.matcher.matches_for_event(event.to_string().as_bytes());
        let found = found.unwrap().into_iter().map(|at| &self.set.patterns[at]);
        let reads = is_management_read(event);
        let delivered = found.filter(|p| !reads || p.state == State::AllManagementEvents);
        delivered.map(|pattern| pattern.name.as_str()).collect()
    }

    /// Rules that match an event though no pattern lets it through, and that do not say so.
    pub(crate) fn lost(&self, input: &Value) -> BTreeSet<String> {
        let Some(event) = event(input) else {
            return BTreeSet::new();
        };
        let judged = self.pipeline.run(&event, Timestamp::UNIX_EPOCH);
        let hits: BTreeSet<String> = judged.findings.into_iter().map(|f| f.rule.name).collect();
        if hits.is_empty() || !self.passes(input).is_empty() {
            return BTreeSet::new();
        }
        let undelivered = self.set.undelivered.iter();
        let undelivered: BTreeSet<&str> = undelivered.map(|it| it.rule.as_str()).collect();
        let lost = hits.into_iter();
        lost.filter(|rule| !undelivered.contains(rule.as_str()))
            .collect()
    }

    /// How many rules match an event.
    pub(crate) fn hits(&self, input: &Value) -> usize {
        let found = event(input).map(|event| self.pipeline.run(&event, Timestamp::UNIX_EPOCH));
        found.map_or(0, |judged| judged.findings.len())
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
                let names = texts("eventName").into_iter();
                calls.extend(names.map(|name| (source.clone(), name)));
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
        && !detail["eventCategory"]
            .as_str()
            .is_some_and(|it| it != "Management");
    let counts_as_write = ["GetFederationToken", "GetSessionToken"];
    let name = detail["eventName"].as_str().unwrap_or_default();
    let reads = detail["readOnly"] == true || detail["readOnly"] == "true";
    management && reads && !counts_as_write.contains(&name)
}
