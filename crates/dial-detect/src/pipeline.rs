//! One event in, findings out: the only order in which the parts are called.

mod fixture;

pub(crate) use fixture::judge as judge_fixture;

use crate::derived::{self, Surroundings};
use crate::engine::{Engine, Hit, RuleError, RuleInfo, View};
use crate::event::Event;
use crate::facts::{self, Facts};
use crate::finding::Scene;
use crate::normalise::{Call, lookup};
use crate::settings::Settings;
use crate::{isolate, native};
use dial_core::Finding;
use dial_core::finding::{Account, Source};
use dial_core::wire::WorkerInfo;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Longest reason of a failure, bytes.
const MAX_REASON: usize = 1024;

/// Judges events; built once, then only read.
pub struct Pipeline {
    engine: Engine,
    settings: Settings,
    trusted: BTreeSet<String>,
    worker: WorkerInfo,
}

/// Why a pipeline cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A rule file is wrong.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A setting does not fit the rules.
    #[error("{path}: {message}")]
    Setting {
        /// Path in the settings.
        path: String,
        /// What is wrong.
        message: String,
    },
}

/// What one event gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Findings, in order of the rules.
    pub findings: Vec<Finding>,
    /// What broke; the event belongs into a dead letter, whatever findings there are.
    pub failures: Vec<Failure>,
}

/// A part that panicked over an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The rule that broke; `None` for the facts and for what comes before the rules.
    pub rule: Option<String>,
    /// The panic's message.
    pub reason: String,
}

impl Pipeline {
    /// Loads rules and data; lists everything that is wrong.
    ///
    /// `worker.rules` is set to the hash of the rules, whatever it was.
    pub fn new(settings: &Settings, worker: WorkerInfo) -> Result<Self, Vec<SetupError>> {
        let engine = Engine::load(settings.rules.as_deref(), absent(settings))
            .map_err(|errors| errors.into_iter().map(SetupError::from).collect::<Vec<_>>())?;
        let lost = lost_overrides(settings, engine.rules());
        if !lost.is_empty() {
            return Err(lost);
        }
        let rules = engine.hash().to_owned();
        Ok(Self {
            engine,
            trusted: settings.trusted_principals.iter().cloned().collect(),
            settings: settings.clone(),
            worker: WorkerInfo { rules, ..worker },
        })
    }

    /// All rules, in order of loading.
    pub fn rules(&self) -> &[RuleInfo] {
        self.engine.rules()
    }

    /// First digits of the SHA-256 over all rule files.
    pub fn hash(&self) -> &str {
        self.engine.hash()
    }

    /// The worker as findings name it, with the hash of the rules.
    pub fn worker(&self) -> &WorkerInfo {
        &self.worker
    }

    /// Names of the rules that must look at every record, since they name no event.
    pub fn unfiltered(&self) -> impl Iterator<Item = &str> {
        self.engine.unfiltered()
    }

    /// Judges one event. Never panics: what breaks is reported, the rest goes on.
    pub fn run(&self, event: &Event, now: Timestamp) -> Judged {
        let mut failures = Vec::new();
        let mut broke = |rule: Option<&RuleInfo>, reason: String| {
            failures.push(Failure {
                rule: rule.map(|rule| rule.name.clone()),
                reason: crate::explain::clip(&reason, MAX_REASON),
            });
        };
        let facts = isolate::run(|| self.facts(event)).unwrap_or_else(|reason| {
            broke(None, reason);
            Facts::default()
        });
        let around = isolate::run(|| self.surroundings(event)).unwrap_or_else(|reason| {
            broke(None, reason);
            Around::default()
        });
        let derived = derived::fields(&facts, &around.fields(self, event));
        let view = View::new(event, &derived);
        let hits = self.hits(&view, &mut broke);
        if hits.is_empty() {
            return Judged {
                findings: Vec::new(),
                failures,
            };
        }
        let redacted = Event {
            record: redact(&event.record),
            ..event.clone()
        };
        let scene = Scene {
            event,
            redacted: &redacted,
            derived: &derived,
            facts: &facts,
            account: Account {
                id: event.account.clone(),
                name: around.account_name,
            },
            source: around.source,
            incomplete: around.incomplete,
            now,
            worker: &self.worker,
            overrides: &self.settings.severity,
            production: self.settings.production_accounts.contains(&event.account),
            trusted: &self.trusted,
        };
        let mut findings = Vec::new();
        for hit in hits {
            let Some(rule) = self.engine.rules().get(hit.rule) else {
                continue;
            };
            match isolate::run(|| scene.findings(rule, &hit)) {
                Ok(found) => findings.extend(found),
                Err(reason) => broke(Some(rule), reason),
            }
        }
        Judged { findings, failures }
    }

    fn facts(&self, event: &Event) -> Facts {
        #[cfg(feature = "fault-injection")]
        fault::inject(event);
        let known = facts::Known {
            accounts: &self.settings.known_accounts,
            own: &event.account,
        };
        facts::extract(&Call::of(event), &known)
    }

    /// All rules at once; if one panics, one by one, so that only that one is lost.
    fn hits(&self, view: &View<'_>, broke: &mut impl FnMut(Option<&RuleInfo>, String)) -> Vec<Hit> {
        if let Ok(hits) = isolate::run(|| self.engine.judge(view)) {
            return hits;
        }
        let mut hits = Vec::new();
        for (index, rule) in self.engine.rules().iter().enumerate() {
            match isolate::run(|| self.engine.judge_one(index, view)) {
                Ok(hit) => hits.extend(hit),
                Err(reason) => broke(Some(rule), reason),
            }
        }
        hits
    }

    fn surroundings(&self, event: &Event) -> Around {
        let text = |path| lookup::text(&event.record, path);
        let ip = native::source_ip(event).or_else(|| text("sourceIPAddress"));
        let bounded = |text: &str| crate::explain::clip(text, 1024);
        Around {
            source: Source {
                ip: ip.map(bounded),
                user_agent: text("userAgent").map(bounded),
                ..Source::default()
            },
            ..Around::default()
        }
    }
}

/// What enrichment found.
#[derive(Debug, Default)]
struct Around {
    source: Source,
    account_name: Option<String>,
    incomplete: Vec<String>,
}

impl Around {
    fn fields<'a>(&'a self, pipeline: &Pipeline, event: &'a Event) -> Surroundings<'a> {
        Surroundings {
            geo: self.source.geo.as_ref(),
            asn: self.source.asn.as_ref(),
            reputation: &self.source.reputation,
            account: &event.account,
            account_name: self.account_name.as_deref(),
            production: pipeline
                .settings
                .production_accounts
                .contains(&event.account),
        }
    }
}

fn redact(record: &serde_json::Value) -> serde_json::Value {
    record.clone()
}

/// Derived names that no event will have, since nothing is configured that makes them.
fn absent(_settings: &Settings) -> Vec<&'static str> {
    vec!["geo", "asn", "reputation"]
}

/// An override for a rule that is not there would silently do nothing.
fn lost_overrides(settings: &Settings, rules: &[RuleInfo]) -> Vec<SetupError> {
    let known = |wanted: &str| {
        rules
            .iter()
            .any(|rule| rule.name == wanted || rule.id == wanted)
    };
    let overrides = settings.severity.iter().enumerate();
    let lost = overrides.filter_map(|(index, set)| {
        let wanted = set.rule.as_deref().filter(|wanted| !known(wanted))?;
        Some(SetupError::Setting {
            path: format!("severity.{index}.rule"),
            message: format!("no rule has the name or id `{wanted}`"),
        })
    });
    lost.collect()
}

#[cfg(feature = "fault-injection")]
mod fault {
    //! Breaks on demand, so that tests can see that nothing else does.

    use crate::event::Event;

    /// Panics where `requestParameters.dialFault` is `panic`.
    #[expect(clippy::panic, reason = "the one place that is there to panic")]
    pub(super) fn inject(event: &Event) {
        let wanted = event.record.pointer("/requestParameters/dialFault");
        if wanted.and_then(serde_json::Value::as_str) == Some("panic") {
            panic!("injected fault");
        }
    }
}
