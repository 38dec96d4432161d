//! Puts a finding together: the rule that matched, and what is known around the event.

use crate::engine::{Hit, RuleInfo, View};
use crate::event::{Event, Kind};
use crate::explain::{Case, clip, explain, printable};
use crate::facts::Facts;
use crate::normalise::{Call, lookup};
use crate::severity::{self, Circumstances, Override, Place, Rating};
use crate::touched::Touched;
use crate::{native, redact};
use dial_core::finding::{
    Account, EventRef, Finding, Matched, Principal, Resource, RuleRef, Source,
};
use dial_core::record::Record;
use dial_core::wire::WorkerInfo;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Most matched fields that a finding lists.
const MAX_MATCHED: usize = 32;
/// Longest matched value, bytes of JSON.
const MAX_MATCHED_VALUE: usize = 1024;
/// Longest facts, bytes of JSON.
const MAX_FACTS: usize = 16 * 1024;
/// Most resources that a finding lists.
const MAX_RESOURCES: usize = 20;
/// Longest text that becomes part of a key of the store, bytes.
const MAX_KEY: usize = 512;
/// Longest other text, bytes.
const MAX_TEXT: usize = 1024;
/// Longest resource name in a title, bytes.
const MAX_TITLE_NAME: usize = 120;

/// All that findings of one event share.
pub(crate) struct Scene<'a> {
    pub(crate) event: &'a Event,
    /// What it touched.
    pub(crate) touched: &'a Touched<'a>,
    /// The event with its record redacted.
    pub(crate) redacted: &'a Event,
    pub(crate) derived: &'a Value,
    pub(crate) facts: &'a Facts,
    pub(crate) source: Source,
    pub(crate) account: Account,
    pub(crate) incomplete: Vec<String>,
    pub(crate) now: Timestamp,
    pub(crate) worker: &'a WorkerInfo,
    pub(crate) overrides: &'a [Override],
    pub(crate) production: bool,
    pub(crate) trusted: &'a BTreeSet<String>,
}

impl Scene<'_> {
    /// The findings of one rule: one, or one for each resource where the rule says so.
    pub(crate) fn findings(&self, rule: &RuleInfo, hit: &Hit) -> Vec<Finding> {
        let all = self.resources(rule);
        let of_type = |resource: &Resource| {
            let wanted = rule.dial.resource.as_deref();
            wanted.is_none_or(|wanted| resource.kind == wanted)
        };
        if rule.dial.each_resource && all.iter().any(of_type) {
            let each = all.into_iter().filter(of_type).take(MAX_RESOURCES);
            return each.map(|one| self.finding(rule, hit, vec![one])).collect();
        }
        vec![self.finding(rule, hit, all)]
    }

    /// The event's resources, that which the rule is about first.
    fn resources(&self, rule: &RuleInfo) -> Vec<Resource> {
        let mut all = self.touched.resources().to_vec();
        if let Some(wanted) = &rule.dial.resource {
            all.sort_by_key(|resource| resource.kind != *wanted);
        }
        all.truncate(MAX_RESOURCES);
        all.into_iter().map(bounded_resource).collect()
    }

    fn finding(&self, rule: &RuleInfo, hit: &Hit, resources: Vec<Resource>) -> Finding {
        let principal = self.principal();
        let event = self.event_ref();
        let (severity, severity_changes) = self.severity(rule, &principal, &event);
        let explanation = explain(&Case {
            description: &rule.description,
            sentences: &self.facts.sentences,
            event: &event,
            principal: &principal,
            source: &self.source,
            account: &self.account,
            region: &self.event.region,
            is_native: self.event.kind != Kind::CloudTrail,
            message: self.message(),
        });
        let mut finding = Finding {
            id: placeholder_id(),
            rule: rule_ref(rule),
            severity,
            severity_changes,
            title: self.title(rule, &event, resources.first()),
            explanation,
            matched: self.matched(hit),
            account: self.account.clone(),
            region: self.event.region.clone(),
            time: self.event.time,
            detected_at: self.now,
            event,
            principal,
            source: self.source.clone(),
            resources,
            facts: bounded_facts(&self.facts.map),
            attack: rule.attack.clone(),
            references: rule.references.clone(),
            incomplete: self.incomplete.clone(),
            record: Some(Record::from_value(&self.redacted.record)),
            record_ref: None,
            suppressed: None,
            worker: self.worker.clone(),
        };
        redact_texts(&mut finding);
        finding.id = finding.expected_id();
        finding
    }

    fn severity(
        &self,
        rule: &RuleInfo,
        principal: &Principal,
        event: &EventRef,
    ) -> (dial_core::Severity, Vec<dial_core::finding::SeverityChange>) {
        let place = Place {
            rule_id: &rule.id,
            rule_name: &rule.name,
            account: &self.event.account,
            region: &self.event.region,
        };
        let arns = [&principal.arn, &principal.session_issuer];
        let mut arns = arns.into_iter().filter_map(Option::as_deref);
        let view = View::new(self.event, self.derived);
        let rating = rule.dial.severity_from.as_deref();
        let rating = rating.and_then(|path| {
            let by = native::service(self.event).unwrap_or("the event");
            Rating::of(by, &view.plain(path)?)
        });
        let around = Circumstances {
            root: principal.kind.as_deref() == Some("Root"),
            reputation: &self.source.reputation,
            production: self.production,
            trusted: arns.find(|arn| self.trusted.contains(*arn)),
            error_code: event.error_code.as_deref(),
            decoy: self.derived.pointer("/decoy/touched") == Some(&Value::Bool(true)),
            rating: rating.as_ref(),
        };
        severity::decide(rule.level, &place, self.overrides, &around)
    }

    fn title(&self, rule: &RuleInfo, event: &EventRef, first: Option<&Resource>) -> String {
        let view = View::new(self.redacted, self.derived);
        let own = rule.dial.title_from.as_deref();
        let own = own.and_then(|path| first_text(view.plain(path)?));
        let attempt = if event.error_code.is_some() {
            "Attempted: "
        } else {
            ""
        };
        let about = match (&own, first) {
            (None, Some(resource)) => format!(": {}", clip(&resource.name, MAX_TITLE_NAME)),
            _ => String::new(),
        };
        let title = own.as_deref().unwrap_or(&rule.title);
        printable(format!("{attempt}{}{about}", clip(title, MAX_TEXT)))
    }

    /// What matched, read again from the redacted record, so that no secret leaves by this way.
    fn matched(&self, hit: &Hit) -> Vec<Matched> {
        let view = View::new(self.redacted, self.derived);
        let fields = hit.fields.iter().take(MAX_MATCHED);
        let matched = fields.map(|field| {
            let mut value = view.plain(&field.path).unwrap_or(Value::Null);
            redact::redact_field(&field.path, &mut value);
            Matched {
                selection: field.selection.clone(),
                field: field.path.clone(),
                value: bounded(value, MAX_MATCHED_VALUE),
            }
        });
        matched.collect()
    }

    fn principal(&self) -> Principal {
        let principal = native::principal(self.event);
        let mut principal = principal.unwrap_or_else(|| Call::of(self.event).caller().principal());
        for text in [&mut principal.arn, &mut principal.name, &mut principal.kind] {
            *text = text.take().map(|text| bounded_key(&text));
        }
        let rest = [
            &mut principal.account,
            &mut principal.access_key_id,
            &mut principal.session_issuer,
        ];
        for text in rest {
            *text = text.take().map(|text| clip(&text, MAX_TEXT));
        }
        principal
    }

    fn event_ref(&self) -> EventRef {
        let record = &self.redacted.record;
        let text = |path| lookup::text(record, path).map(|text| clip(text, MAX_TEXT));
        let (source, kind) = match &self.event.kind {
            Kind::CloudTrail => (text("eventSource"), text("eventType")),
            Kind::Native {
                source,
                detail_type,
            } => (Some(source.clone()), Some(detail_type.clone())),
        };
        let native = native::name(self.event).map(|name| clip(name, MAX_TEXT));
        let is_call = self.event.kind == Kind::CloudTrail;
        EventRef {
            id: bounded_key(&self.event.id),
            source: source.unwrap_or_default(),
            name: native.or_else(|| text("eventName")).unwrap_or_default(),
            kind: kind.unwrap_or_default(),
            read_only: lookup::flag(record, "readOnly").filter(|_| is_call),
            error_code: text("errorCode").filter(|_| is_call),
        }
    }

    /// What AWS itself says: why a call failed, or what a native finding means.
    fn message(&self) -> Option<&str> {
        match self.event.kind {
            Kind::CloudTrail => lookup::text(&self.redacted.record, "errorMessage"),
            Kind::Native { .. } => native::message(self.redacted),
        }
    }
}

/// A text, or the first of several.
fn first_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(several) => several.into_iter().find_map(first_text),
        _ => None,
    }
}

/// Takes secrets of known shape out of the texts that are not read from the redacted record.
fn redact_texts(finding: &mut Finding) {
    redact::redact_text(&mut finding.title);
    redact::redact_text(&mut finding.explanation);
    if let Some(agent) = &mut finding.source.user_agent {
        redact::redact_text(agent);
    }
    finding.facts.values_mut().for_each(redact_fact);
}

fn redact_fact(value: &mut Value) {
    match value {
        Value::String(text) => {
            redact::redact_text(text);
        }
        Value::Array(members) => members.iter_mut().for_each(redact_fact),
        Value::Object(map) => map.values_mut().for_each(redact_fact),
        _ => {}
    }
}

fn rule_ref(rule: &RuleInfo) -> RuleRef {
    RuleRef {
        id: rule.id.clone(),
        name: rule.name.clone(),
        title: rule.title.clone(),
        version: rule.version.clone(),
    }
}

fn bounded_resource(resource: Resource) -> Resource {
    Resource {
        kind: clip(&resource.kind, MAX_KEY),
        arn: resource.arn.map(|arn| bounded_key(&arn)),
        name: bounded_key(&resource.name),
    }
}

/// A text that keys are made of: what is cut off is replaced by a hash of the whole, so that two
/// long names stay two.
fn bounded_key(text: &str) -> String {
    if text.len() <= MAX_KEY {
        return text.to_owned();
    }
    let mut hash = dial_core::dead_letter::hex(&Sha256::digest(text.as_bytes()));
    hash.truncate(16);
    format!("{}{hash}", clip(text, MAX_KEY - hash.len()))
}

/// A value in whole, or the start of its JSON text.
fn bounded(value: Value, limit: usize) -> Value {
    match value.to_string() {
        text if text.len() > limit => Value::String(clip(&text, limit)),
        _ => value,
    }
}

fn bounded_facts(facts: &Map<String, Value>) -> Map<String, Value> {
    let length = serde_json::to_string(facts).map_or(0, |text| text.len());
    if length <= MAX_FACTS {
        return facts.clone();
    }
    let left_out = json!({ "left_out": format!("{length} bytes, {MAX_FACTS} are kept") });
    match left_out {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Stands in until the finding that gives the id is whole.
fn placeholder_id() -> dial_core::FindingId {
    dial_core::id::Identity {
        rule: "",
        account: "",
        region: "",
        event: "",
        resource: "",
    }
    .id()
}
