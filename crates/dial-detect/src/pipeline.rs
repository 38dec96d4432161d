//! One event in, findings out: the only order in which the parts are called.

mod explain;
mod fixture;
mod judged;
mod known;
mod setup;
#[cfg(test)]
mod tests;

pub use explain::{Explanation, Verdict};
pub(crate) use fixture::{judge as judge_fixture, trace as trace_fixture};
pub use judged::{Failure, Judged};
pub use setup::SetupError;

use crate::engine::{Engine, Hit, RuleError, RuleInfo, Trigger, View};
use crate::enrich::Enricher;
use crate::event::{Event, Head};
use crate::facts;
use crate::finding::Scene;
use crate::patterns::Drift;
use crate::settings::{Decoy, Settings};
use crate::touched::Touched;
use crate::tuning::{Seen as Tuned, Tuning};
use crate::{isolate, redact};
use dial_core::finding::Account;
use dial_core::wire::WorkerInfo;
use jiff::Timestamp;
use known::Known;

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

impl Pipeline {
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
        if rules.is_empty() {
            return judged;
        }
        let needs = self.engine.needs(&rules);
        let known = self.known(touched, &needs, &mut judged);
        let hits = self.hits(event, &rules, &known, &mut judged);
        if hits.is_empty() {
            return judged;
        }
        // People are told everything, not only what decided.
        let known = self.completed(known, touched, &needs, &mut judged);
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

    /// Asks the rules all at once; if one panics, one by one, so that only that one is lost.
    fn hits(&self, event: &Event, rules: &[usize], known: &Known, judged: &mut Judged) -> Vec<Hit> {
        let view = View::new(event, &known.derived);
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
}

/// The event as it may leave the account.
fn redacted(event: &Event) -> Event {
    let mut redacted = event.clone();
    redact::redact(&mut redacted.record);
    redacted
}
