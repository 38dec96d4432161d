//! One event in, findings out: the only order in which the parts are called.

mod explain;
mod fixture;
#[cfg(test)]
mod tests;

pub use explain::{Explanation, Verdict};
pub(crate) use fixture::{judge as judge_fixture, trace as trace_fixture};

use crate::derived::{self, Surroundings};
use crate::engine::{Engine, Hit, Needs, RuleError, RuleInfo, RuleSources, Trigger, View};
use crate::enrich::{EnrichError, Enricher, Enrichment};
use crate::event::{Event, Head};
use crate::explain::clip;
use crate::facts::{self, Facts};
use crate::finding::Scene;
use crate::normalise::{Call, lookup};
use crate::patterns::Drift;
use crate::settings::{Decoy, Settings};
use crate::touched::Touched;
use crate::tuning::{Seen as Tuned, Tuning};
use crate::{isolate, native, redact};
use dial_core::Finding;
use dial_core::finding::{Account, Source};
use dial_core::wire::WorkerInfo;
use jiff::Timestamp;

/// Longest reason of a failure, bytes.
const MAX_REASON: usize = 1024;
/// Longest text of a finding's source, bytes.
const MAX_TEXT: usize = 1024;

/// Derived names that only enrichment fills.
const ENRICHED: [&str; 5] = ["account", "address", "asn", "geo", "reputation"];

/// Facts that only a caller of another account makes; `facts::Known` decides which that are.
const FOREIGN_CALLER: [&str; 2] = ["fact.principal.external", "fact.s3.object.foreign_caller"];

/// Judges events; built once, then only read.
pub struct Pipeline {
    engine: Engine,
    enricher: Enricher,
    settings: Settings,
    tuning: Tuning,
    worker: WorkerInfo,
}

/// Why a pipeline cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A rule file is wrong.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A database or list cannot be loaded.
    #[error(transparent)]
    Enrich(#[from] EnrichError),
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
    /// Findings that a suppression fits, each saying which: to be kept, not told.
    pub suppressed: Vec<Finding>,
    /// Findings not made, since they were about what DIAL's own roles do with DIAL's own parts.
    pub own_use: u64,
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
        let mut errors: Vec<SetupError> = Vec::new();
        let tuning = Tuning::of(settings);
        let rules = RuleSources {
            folder: settings.rules.as_deref(),
            audit: settings.audit_rules,
            on_error: settings.on_rule_error,
        };
        let engine = Engine::load(&rules, absent(settings, &tuning));
        let enricher = Enricher::load(&settings.enrich);
        if let Ok(engine) = &engine {
            errors.extend(lost_rules(settings, engine));
        }
        let engine = kept(engine, &mut errors);
        let enricher = kept(enricher, &mut errors);
        let (Some(engine), Some(enricher), true) = (engine, enricher, errors.is_empty()) else {
            return Err(errors);
        };
        let rules = engine.hash().to_owned();
        Ok(Self {
            engine,
            enricher,
            tuning,
            settings: settings.clone(),
            worker: WorkerInfo { rules, ..worker },
        })
    }

    /// All rules, in order of loading.
    pub fn rules(&self) -> &[RuleInfo] {
        self.engine.rules()
    }

    /// Why rules of the operator were left out: rules over several events and, where the settings
    /// say `skip`, those with an error.
    pub fn left_out(&self) -> &[RuleError] {
        self.engine.left_out()
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

    /// Derived names that no event will have.
    pub(crate) fn absent(&self) -> &[&'static str] {
        self.engine.absent()
    }

    /// Decoys of the configuration.
    pub(crate) fn decoys(&self) -> &[Decoy] {
        &self.settings.decoys
    }

    /// What each rule needs of an event.
    pub(crate) fn triggers(&self) -> impl Iterator<Item = (&RuleInfo, Trigger)> {
        self.engine.triggers()
    }

    /// Whether any rule can match a record of which only the head is known.
    ///
    /// `false` is certain; `true` says only that the record must be judged.
    pub fn may_match(&self, head: &Head<'_>) -> bool {
        let lacks = |path: &str| {
            let text = head.text.as_ref();
            text.is_some_and(|text| self.tuning.lacks(path, text))
                || (FOREIGN_CALLER.contains(&path) && self.is_called_by_own(head))
        };
        let unread = head.recipient_account.as_deref().map(|own| {
            let accounts = &self.settings.known_accounts;
            facts::Unread::new(head, facts::Known { accounts, own })
        });
        let is_never = |path: &str, wanted: bool| {
            let unread = unread.as_ref();
            unread.is_some_and(|unread| unread.is_never(path, wanted))
        };
        let may_match = || self.engine.may_match(head, lacks, is_never);
        // What cannot be judged here must be judged in full, where it is reported.
        !head.is_cloudtrail() || isolate::run(may_match).unwrap_or(true)
    }

    /// Whether the head shows a caller of an account that is ours.
    fn is_called_by_own(&self, head: &Head<'_>) -> bool {
        let (Some(caller), Some(own)) = (&head.user_identity_account, &head.recipient_account)
        else {
            return false;
        };
        caller == own || self.settings.known_accounts.contains(caller.as_ref())
    }

    /// What rules say of patterns that do not feed them; the worker sends it.
    pub fn report_drift(&self, drift: &Drift, now: Timestamp) -> Judged {
        match drift.event(&self.worker, now) {
            Ok(event) => self.run(&event, now),
            Err(error) => Judged {
                failures: vec![Failure::new(None, &error.to_string())],
                ..Judged::default()
            },
        }
    }

    /// Judges one event. Never panics: what breaks is reported, the rest goes on.
    pub fn run(&self, event: &Event, now: Timestamp) -> Judged {
        let mut judged = Judged::default();
        let touched = &Touched::by(event);
        let rules = isolate::run(|| self.engine.candidates(event));
        let rules = judged.or_default(None, rules);
        let hits = self.hits(touched, &rules, &mut judged);
        if hits.is_empty() {
            return judged;
        }
        // People are told everything, not only what decided.
        let known = self.known(touched, None, &mut judged);
        // Nothing leaves that could not be redacted.
        let redacted = isolate::run(|| Some(redacted(event)));
        let Some(redacted) = judged.or_default(None, redacted) else {
            return judged;
        };
        let scene = Scene {
            event,
            touched,
            redacted: &redacted,
            derived: &known.derived,
            facts: &known.facts,
            account: Account {
                id: event.account.clone(),
                name: known.around.account_name,
            },
            source: known.around.source,
            incomplete: known.around.incomplete,
            now,
            worker: &self.worker,
            overrides: &self.settings.severity,
            production: self.is_production(event),
            trusted: self.tuning.trusted(),
        };
        let seen = Tuned::new(touched, None, None);
        for hit in hits {
            if let Some(rule) = self.engine.rule(hit.rule) {
                let found = isolate::run(|| scene.findings(rule, &hit));
                for finding in judged.or_default(Some(rule), found) {
                    self.tuning.place(finding, &seen, now, &mut judged);
                }
            }
        }
        judged
    }

    fn is_production(&self, event: &Event) -> bool {
        self.settings.production_accounts.contains(&event.account)
    }

    /// What can be known of an event beside its record; all, or only what is needed.
    fn known(&self, touched: &Touched<'_>, needs: Option<&Needs>, judged: &mut Judged) -> Known {
        let event = touched.event();
        let facts = isolate::run(|| self.facts(event, needs));
        let facts = judged.or_default(None, facts);
        let is_wanted = |names: &[&str]| needs.is_none_or(|needs| needs.any_of(names));
        let around = isolate::run(|| is_wanted(&ENRICHED).then(|| self.surroundings(event)));
        let around = judged.or_default(None, around).unwrap_or_default();
        let mut derived = derived::fields(&facts, &around.fields(self, event));
        let seen = around.tuned(touched);
        let tuned = isolate::run(|| {
            let is_wanted = |root: &str| is_wanted(&[root]);
            self.tuning.add_to(&mut derived, &seen, is_wanted);
        });
        judged.or_default(None, tuned);
        Known {
            facts,
            around,
            derived,
        }
    }

    fn facts(&self, event: &Event, needs: Option<&Needs>) -> Facts {
        #[cfg(feature = "fault-injection")]
        fault::inject(event);
        let known = facts::Known {
            accounts: &self.settings.known_accounts,
            own: &event.account,
        };
        let is_wanted = |extractor: &_| needs.is_none_or(|needs| needs.extractor(extractor));
        facts::extract_wanted(&Call::of(event), &known, is_wanted)
    }

    /// Asks the rules all at once; if one panics, one by one, so that only that one is lost.
    fn hits(&self, touched: &Touched<'_>, rules: &[usize], judged: &mut Judged) -> Vec<Hit> {
        if rules.is_empty() {
            return Vec::new();
        }
        let needs = self.engine.needs(rules);
        let known = self.known(touched, Some(&needs), judged);
        let view = View::new(touched.event(), &known.derived);
        let reason = match isolate::run(|| self.engine.judge(rules, &view)) {
            Ok(hits) => return hits,
            Err(reason) => reason,
        };
        let before = judged.failures.len();
        let hits: Vec<Hit> = rules
            .iter()
            .filter_map(|&index| {
                let hit = isolate::run(|| self.engine.judge_one(index, &view));
                judged.or_default(self.engine.rule(index), hit)
            })
            .collect();
        if judged.failures.len() == before {
            judged.failures.push(Failure::new(None, &reason));
        }
        hits
    }

    fn surroundings(&self, event: &Event) -> Around {
        let text = |path| lookup::text(&event.record, path);
        let ip = source_ip(event);
        let Enrichment {
            geo,
            asn,
            reputation,
            account_name,
            incomplete,
        } = self.enricher.run(ip, &event.account);
        let bounded = |text: &str| clip(text, MAX_TEXT);
        Around {
            source: Source {
                ip: ip.map(bounded),
                user_agent: text("userAgent").map(bounded),
                geo,
                asn,
                reputation,
            },
            account_name,
            incomplete,
        }
    }
}

impl Failure {
    fn new(rule: Option<&RuleInfo>, reason: &str) -> Self {
        Self {
            rule: rule.map(|rule| rule.name.clone()),
            reason: clip(reason, MAX_REASON),
        }
    }
}

impl Judged {
    /// All findings that are to be kept: those that are told, then the suppressed.
    pub fn kept(self) -> impl Iterator<Item = Finding> {
        self.findings.into_iter().chain(self.suppressed)
    }

    /// The result, or nothing and a failure.
    fn or_default<T: Default>(&mut self, rule: Option<&RuleInfo>, result: Result<T, String>) -> T {
        result.unwrap_or_else(|reason| {
            let failure = Failure::new(rule, &reason);
            if !self.failures.contains(&failure) {
                self.failures.push(failure);
            }
            T::default()
        })
    }
}

/// What is known of an event beside its record.
struct Known {
    facts: Facts,
    around: Around,
    derived: serde_json::Value,
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
            production: pipeline.is_production(event),
        }
    }

    fn tuned<'a>(&'a self, touched: &'a Touched<'a>) -> Tuned<'a> {
        let asn = self.source.asn.as_ref().map(|asn| asn.number);
        Tuned::new(touched, source_ip(touched.event()), asn)
    }
}

/// Where the event came from: an address, or the name of a service.
fn source_ip(event: &Event) -> Option<&str> {
    native::source_ip(event).or_else(|| lookup::text(&event.record, "sourceIPAddress"))
}

/// The event as it may leave the account.
fn redacted(event: &Event) -> Event {
    let mut redacted = event.clone();
    redact::redact(&mut redacted.record);
    redacted
}

/// Takes the errors out of a result.
fn kept<T, E: Into<SetupError>>(
    result: Result<T, Vec<E>>,
    errors: &mut Vec<SetupError>,
) -> Option<T> {
    result
        .map_err(|found| errors.extend(found.into_iter().map(Into::into)))
        .ok()
}

/// Derived names that no event will have, since nothing is configured that makes them.
fn absent(settings: &Settings, tuning: &Tuning) -> Vec<&'static str> {
    let enrich = &settings.enrich;
    let missing = [
        ("geo", enrich.geoip.city.is_none()),
        ("asn", enrich.geoip.asn.is_none()),
        ("reputation", enrich.reputation.is_empty()),
    ];
    let missing = missing.into_iter().filter(|(_, missing)| *missing);
    let missing = missing.map(|(name, _)| name);
    missing.chain(tuning.absent()).collect()
}

/// A setting for a rule that is not there would silently do nothing.
fn lost_rules(settings: &Settings, engine: &Engine) -> Vec<SetupError> {
    let severity = settings.severity.iter().map(|set| &set.rule);
    let suppressions = settings.suppressions.iter().map(|set| &set.rule);
    let lists = [
        ("severity", severity.collect::<Vec<_>>()),
        ("suppressions", suppressions.collect()),
    ];
    let wanted = lists.iter().flat_map(|(list, wanted)| {
        let wanted = wanted.iter().enumerate();
        wanted.filter_map(move |(index, rule)| Some((list, index, rule.as_deref()?)))
    });
    let known = |wanted: &str| {
        engine
            .names()
            .any(|(id, name)| name == wanted || id == wanted)
    };
    let lost = wanted.filter(|(_, _, wanted)| !known(wanted));
    lost.map(|(list, index, wanted)| SetupError::Setting {
        path: format!("{list}.{index}.rule"),
        message: format!(
            "no rule has the name or id `{wanted}`{}",
            hint(settings, engine, wanted)
        ),
    })
    .collect()
}

/// What may have been meant.
fn hint(settings: &Settings, engine: &Engine, wanted: &str) -> String {
    let names = engine.names().map(|(_, name)| name);
    match dial_core::config::nearest(wanted, names) {
        _ if !settings.audit_rules && wanted.starts_with("audit_") => {
            "; the audit rules are off, audit_rules = true loads them".to_owned()
        }
        Some(near) => format!("; did you mean `{near}`?"),
        None => "; `dial rules list` shows all".to_owned(),
    }
}

#[cfg(feature = "fault-injection")]
mod fault {
    //! Breaks on demand, so that tests can see that nothing else does.

    use crate::event::Event;

    /// Panics where `requestParameters.dialFault` is `panic`.
    pub(super) fn inject(event: &Event) {
        let wanted = event.record.pointer("/requestParameters/dialFault");
        let wanted = wanted.and_then(serde_json::Value::as_str);
        assert!(wanted != Some("panic"), "injected fault");
    }
}
