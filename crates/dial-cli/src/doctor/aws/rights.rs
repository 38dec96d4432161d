//! The rights of one role: what it needs is asked of IAM, what lies in KMS in a line of its own.

use super::super::checks::Check;
use super::needs::Home;
use super::sealed::{Thing, Uses};
use super::secrets::readings;
use super::tell::{Unknown, tellings};
use super::{judge, unasked};

use dial_aws::Survey;
use dial_aws::survey::{SurveyError, Wanted};
use dial_core::secret::SecretRef;
use dial_master::sinks::Rights;
use std::collections::{BTreeMap, BTreeSet};

/// What the role of a function must allow.
#[derive(Default)]
pub(super) struct Needs {
    /// Rights to what the function itself uses.
    pub(super) rights: Vec<Wanted>,
    /// What it fetches when it starts.
    pub(super) secrets: Vec<SecretRef>,
    /// What its sinks do.
    pub(super) sinks: Vec<(String, Rights)>,
    /// What may be encrypted.
    pub(super) uses: Uses,
    /// What could not be looked up.
    pub(super) unknown: Vec<Unknown>,
}

/// What a role lacks, in words, by whose business it is.
#[derive(Debug, Default)]
pub(super) struct Lacks {
    /// What the function needs for itself.
    pub(super) own: Vec<String>,
    /// What its sinks need.
    pub(super) sinks: Vec<String>,
}

/// The lines about one function's role.
pub(super) async fn judged(
    survey: &Survey,
    name: &str,
    (role, home): (&str, Home<'_>),
    needs: Needs,
) -> Vec<Check> {
    let line = format!("rights {name}");
    let keys = keys(survey, name, role, &needs.uses).await;
    let rights = rights(survey, name, (role, home), needs).await;
    let rights = rights.unwrap_or_else(|error| unasked(&line, &error));
    [rights].into_iter().chain(keys).collect()
}

async fn rights(
    survey: &Survey,
    name: &str,
    (role, home): (&str, Home<'_>),
    needs: Needs,
) -> Result<Check, SurveyError> {
    let secrets = readings(survey, home, &needs.secrets).await;
    let own = [needs.rights, secrets.wanted].concat();
    let (tellings, untold) = tellings(home, &needs.sinks);
    let mut unknown = [needs.unknown, secrets.unknown, untold].concat();
    let mut lacks = Lacks::default();
    for need in &own {
        lacks.own.extend(missing(survey, role, need).await?);
    }
    let mut needed: usize = own.iter().map(|need| need.actions.len()).sum();
    for telling in &tellings {
        let whose = telling.role.as_deref();
        let asked = missing(survey, whose.unwrap_or(role), &telling.wanted).await;
        let found = match (asked, whose) {
            (Ok(found), _) => found,
            (Err(error), None) => return Err(error),
            (Err(error), Some(other)) => {
                unknown.push(Unknown {
                    said: format!("sink {}: {other}: {error}", telling.sink),
                    fix: "look with a role that may read this",
                });
                continue;
            }
        };
        needed += telling.wanted.actions.len();
        let by = whose.map(|role| format!(", by {role}")).unwrap_or_default();
        let named = |lack| format!("{lack} (sink {}{by})", telling.sink);
        lacks.sinks.extend(found.into_iter().map(named));
    }
    Ok(judge::rights(name, needed, &lacks, &unknown))
}

async fn missing(survey: &Survey, role: &str, need: &Wanted) -> Result<Vec<String>, SurveyError> {
    let actions = survey.missing_rights(role, need).await?;
    let on = |action| format!("{action} on {}", need.resource);
    Ok(actions.into_iter().map(on).collect())
}

/// `None` where nothing that the function uses has a key of the customer's own.
async fn keys(survey: &Survey, name: &str, role: &str, uses: &Uses) -> Option<Check> {
    let (mut found, mut unknown) = (BTreeMap::new(), Vec::new());
    for (thing, actions) in uses {
        match key_of(survey, thing).await {
            Ok(None) => {}
            Ok(Some(key)) => {
                let (wanted, things): &mut (BTreeSet<&str>, Vec<String>) =
                    found.entry(key).or_default();
                wanted.extend(actions);
                things.push(thing.to_string());
            }
            Err(error) => unknown.push(format!("{thing}: {error}")),
        }
    }
    if found.is_empty() && unknown.is_empty() {
        return None;
    }
    let mut missing = Vec::new();
    let count = found.len();
    for (resource, (actions, things)) in found {
        let actions = actions.into_iter().collect();
        let wanted = Wanted { actions, resource };
        match survey.missing_rights(role, &wanted).await {
            Ok(actions) if actions.is_empty() => {}
            Ok(actions) => {
                let (actions, things) = (actions.join(", "), things.join(", "));
                missing.push(format!("{actions} on {} ({things})", wanted.resource));
            }
            Err(error) => return Some(unasked(&format!("keys {name}"), &error)),
        }
    }
    Some(judge::keys_of_role(name, count, &missing, &unknown))
}

async fn key_of(survey: &Survey, thing: &Thing) -> Result<Option<String>, SurveyError> {
    match thing {
        Thing::Table(name) => survey.table_key(name).await,
        Thing::Bucket(name) => survey.bucket_key(name).await,
        Thing::Secret(name) => survey.secret_key(name).await,
        Thing::Parameter(name) => survey.parameter_key(name).await,
        Thing::Queue(arn) => survey.queue_key(arn).await,
        Thing::Topic(arn) => survey.topic_key(arn).await,
    }
}
