//! The functions of a deployed system: whether they run, and whether their roles let them work.

use super::super::checks::{Check, State};
use super::needs::{FUNCTIONS, Home, of_master, of_sources, of_worker};
use super::rights::{Needs, judged};
use super::tell::Unknown;
use super::{judge, sealed, unasked};
use dial_aws::Survey;
use dial_aws::survey::{FunctionState, Source};
use dial_core::secret::SecretRef;
use dial_master::config::Master;

/// The master's functions, by the start of their names.
pub(in super::super) async fn master(survey: &Survey, prefix: &str, config: &Master) -> Vec<Check> {
    let region = survey.region().await.unwrap_or_default();
    let mut found = Vec::new();
    for (part, function) in FUNCTIONS {
        let name = format!("{prefix}-{part}");
        let line = format!("function {name}");
        let state = match survey.function(&name).await {
            Ok(state) => state,
            Err(error) => {
                found.push(unasked(&line, &error));
                continue;
            }
        };
        found.push(judge::runs(&line, &name, state.as_ref()));
        let Some(state) = state else { continue };
        let Some(home) = Home::of(&state.role, &region) else {
            found.push(no_role(&name));
            continue;
        };
        let (sources, unknown) = sources(survey, &name).await;
        let file = state.config.as_deref();
        let mut rights = of_master(function, home, config, file);
        rights.extend(of_sources(&sources));
        let needs = Needs {
            rights,
            secrets: config.secrets_of(function),
            sinks: config.sink_rights_of(function),
            uses: sealed::of_master(function, config, file, &sources),
            unknown,
        };
        found.extend(judged(survey, &name, (&state.role, home), needs).await);
    }
    found
}

/// The worker's function, its failed invocations and its role.
pub(super) async fn worker(survey: &Survey, name: &str, key: Option<&SecretRef>) -> Vec<Check> {
    let state = match survey.function(name).await {
        Ok(state) => state,
        Err(error) => return vec![unasked("function", &error)],
    };
    let mut found = judge::worker(name, state.as_ref());
    if let Some(state) = state {
        found.extend(worker_rights(survey, name, &state, key).await);
    }
    found
}

async fn worker_rights(
    survey: &Survey,
    name: &str,
    state: &FunctionState,
    key: Option<&SecretRef>,
) -> Vec<Check> {
    let region = survey.region().await.unwrap_or_default();
    let Some(home) = Home::of(&state.role, &region) else {
        return vec![no_role(name)];
    };
    let (file, letters) = (state.config.as_deref(), state.on_failure.as_deref());
    let (sources, unknown) = sources(survey, name).await;
    let mut rights = of_worker(name, home, file, letters);
    rights.extend(of_sources(&sources));
    let needs = Needs {
        rights,
        secrets: key.cloned().into_iter().collect(),
        uses: sealed::of_worker(file, letters, key, &sources),
        unknown,
        ..Needs::default()
    };
    judged(survey, name, (&state.role, home), needs).await
}

/// What Lambda reads for a function; what it cannot say is unknown.
async fn sources(survey: &Survey, name: &str) -> (Vec<Source>, Vec<Unknown>) {
    match survey.sources(name).await {
        Ok(sources) => (sources, Vec::new()),
        Err(error) => {
            let said = format!("what Lambda reads for it: {error}");
            let fix = "look with a role that may read this";
            (Vec::new(), vec![Unknown { said, fix }])
        }
    }
}

fn no_role(name: &str) -> Check {
    let said = "not asked: Lambda names no role of IAM";
    Check::new(State::Skipped, &format!("rights {name}"), said)
}
