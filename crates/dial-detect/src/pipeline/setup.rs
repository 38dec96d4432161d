//! What a pipeline is built from, and why it cannot be.

use super::Pipeline;
use crate::engine::{Engine, RuleError, RuleSources};
use crate::enrich::{EnrichError, Enricher};
use crate::settings::Settings;
use crate::tuning::Tuning;
use dial_core::wire::WorkerInfo;

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
