//! The checks of what is deployed in AWS: asked once, then judged without asking.

mod functions;
mod judge;
mod needs;
mod patterns;
mod rights;
mod sealed;
mod secrets;
mod tell;

pub(super) use functions::master as functions_of_master;

use super::checks::{Check, State};
use anyhow::Result;
use dial_aws::survey::SurveyError;
use dial_aws::{Location, Survey};
use dial_core::secret::SecretRef;
use dial_detect::Pipeline;
use dial_detect::patterns::{Options, PatternSet, derive};
use dial_master::config::{Master, StoreRef};
use jiff::Timestamp;

/// The line that says who looks.
pub(super) const IDENTITY: &str = "identity";

/// Everything of the master that lies in AWS; nothing where nothing does.
pub(super) async fn master(survey: &Survey, config: &Master, now: Timestamp) -> Vec<Check> {
    let mut found = Vec::new();
    let table = match &config.store {
        StoreRef::Dynamodb(table) => Some(table),
        StoreRef::Sqlite(_) => None,
    };
    let bucket = match config.bucket.parse() {
        Ok(Location::S3 { bucket, .. }) => Some(bucket),
        _ => None,
    };
    let keys: Vec<_> = config
        .root_keys
        .iter()
        .filter_map(|(number, key)| match key {
            SecretRef::SecretsManager(name) => Some((number.as_str(), name.as_str())),
            _ => None,
        })
        .collect();
    if table.is_none() && bucket.is_none() && keys.is_empty() {
        return found;
    }
    found.push(identity(survey).await);
    if let Some(table) = table {
        found.extend(told("table", survey.table(table).await, judge::table));
        found.extend(told(
            "table rights",
            survey.table_rights(table).await,
            |rights| judge::own_rights(&rights),
        ));
    }
    if let Some(bucket) = bucket {
        let name = format!("bucket {bucket}");
        found.extend(told(&name, survey.bucket(&bucket).await, |it| {
            judge::bucket(&name, &it)
        }));
    }
    for (number, secret) in keys {
        let name = format!("root key {number}");
        let found_secret = survey.secret(secret).await;
        found.extend(told(&name, found_secret, |it| judge::key(&name, &it, now)));
    }
    found.extend(judge::rotation(config.root_keys.len()));
    found
}

/// The worker of this account and region, by the name of its function.
///
/// `key` is where its own configuration says that its key lies.
pub(super) async fn worker(
    survey: &Survey,
    name: &str,
    pipeline: &Pipeline,
    key: Option<&SecretRef>,
) -> Result<Vec<Check>> {
    let set = derive(pipeline, Options::default())?;
    let region = survey.region().await.unwrap_or_default();
    let mut found = vec![identity(survey).await];
    found.extend(trails(survey, &set, &region).await);
    let rules = survey.event_rules(&format!("{name}-")).await;
    found.extend(told("event rules", rules, |rules| {
        patterns::judge(&rules, &set, name, &region)
    }));
    found.extend(functions::worker(survey, name, key).await);
    found.push(super::sinks::clock_of("AWS", survey.skew()));
    Ok(found)
}

async fn trails(survey: &Survey, set: &PatternSet, region: &str) -> Vec<Check> {
    let reads = set.patterns.iter().any(patterns::wants_reads);
    let home = patterns::is_home(region);
    told("trail", survey.trails().await, |trails| {
        vec![judge::trails(&trails, reads, home)]
    })
}

async fn identity(survey: &Survey) -> Check {
    match (survey.caller().await, survey.region().await) {
        (Ok(arn), Some(region)) => Check::good(IDENTITY, format!("{arn} in {region}")),
        (Ok(_), None) => Check::fail(IDENTITY, "no region is set", "set AWS_REGION"),
        (Err(error), _) => unasked(IDENTITY, &error),
    }
}

/// What an answer says, or that it could not be had.
fn told<T>(
    name: &str,
    answer: Result<T, SurveyError>,
    judge: impl FnOnce(T) -> Vec<Check>,
) -> Vec<Check> {
    match answer {
        Ok(answer) => judge(answer),
        Err(error) => vec![unasked(name, &error)],
    }
}

/// A missing permission of whoever looks is no fault of what is looked at.
fn unasked(name: &str, error: &SurveyError) -> Check {
    let said = error.to_string();
    if error.denied {
        Check {
            fix: Some("look with a role that may read this".into()),
            ..Check::new(State::Skipped, name, format!("not allowed to look: {said}"))
        }
    } else if error.transient {
        Check::warn(name, said, "try again in a minute")
    } else {
        Check::fail(name, said, "check the name, the region and the credentials")
    }
}
