//! The functions of a deployed system: whether they run, and whether their roles let them work.

use super::super::checks::{Check, State};
use super::needs::{FUNCTIONS, Home, of_master, of_worker};
use super::secrets::readings;
use super::{judge, unasked};
use dial_aws::Survey;
use dial_aws::survey::{FunctionState, Wanted};
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
        found.push(match Home::of(&state.role, &region) {
            Some(home) => {
                let needs = Needs {
                    rights: of_master(function, home, config, state.config.as_deref()),
                    secrets: config.secrets_of(function),
                };
                rights(survey, &name, (&state.role, home), needs).await
            }
            None => no_role(&name),
        });
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
        found.push(worker_rights(survey, name, &state, key).await);
    }
    found
}

async fn worker_rights(
    survey: &Survey,
    name: &str,
    state: &FunctionState,
    key: Option<&SecretRef>,
) -> Check {
    let region = survey.region().await.unwrap_or_default();
    let Some(home) = Home::of(&state.role, &region) else {
        return no_role(name);
    };
    let (file, letters) = (state.config.as_deref(), state.on_failure.as_deref());
    let needs = Needs {
        rights: of_worker(name, home, file, letters),
        secrets: key.cloned().into_iter().collect(),
    };
    rights(survey, name, (&state.role, home), needs).await
}

/// What the role of a function must allow.
struct Needs {
    rights: Vec<Wanted>,
    secrets: Vec<SecretRef>,
}

async fn rights(
    survey: &Survey,
    name: &str,
    (role, home): (&str, Home<'_>),
    needs: Needs,
) -> Check {
    let secrets = readings(survey, home, &needs.secrets).await;
    let needs = [needs.rights, secrets.wanted].concat();
    let mut missing = Vec::new();
    for need in &needs {
        match survey.missing_rights(role, need).await {
            Ok(actions) => {
                let on = |action| format!("{action} on {}", need.resource);
                missing.extend(actions.into_iter().map(on));
            }
            Err(error) => return unasked(&format!("rights {name}"), &error),
        }
    }
    let needed = needs.iter().map(|need| need.actions.len()).sum();
    judge::rights(name, needed, &missing, &secrets.unknown)
}

fn no_role(name: &str) -> Check {
    let said = "not asked: Lambda names no role of IAM";
    Check::new(State::Skipped, &format!("rights {name}"), said)
}
