//! Query parameters of lists: every wrong one is named with its fix.

use super::problem::Problem;
use dial_core::store::query::Words;
use dial_core::store::{Cursor, MAX_PAGE, Query, Status};
use dial_core::{AccountId, Region};
use jiff::Timestamp;
use std::str::FromStr;

/// Page size where none is asked for.
const DEFAULT_LIMIT: usize = 50;
/// Longest value of a filter, bytes; the longest key of a finding is shorter.
const MAX_VALUE: usize = 2_048;
/// Most values of one filter.
const MAX_VALUES: usize = 50;
/// Filters that may have several values, one parameter each or with commas between.
const LISTS: [&str; 8] = [
    "account", "region", "service", "severity", "status", "rule", "attack", "source",
];
/// Filters that may come more than once; their values may hold commas.
const NAMES: [&str; 2] = ["principal", "resource"];
const KNOWN: &str = "account, region, service, severity, status, rule, principal, resource, attack, source, q, since, until, suppressed, cursor, limit";

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ListRequest {
    pub(crate) query: Query,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) limit: usize,
}

/// Reads decoded name and value pairs; only filters with several values may come more than once.
pub(crate) fn read(pairs: &[(String, String)]) -> Result<ListRequest, Problem> {
    let mut request = ListRequest {
        limit: DEFAULT_LIMIT,
        ..ListRequest::default()
    };
    request.query.suppressed = Some(false);
    for (n, (name, value)) in pairs.iter().enumerate() {
        let is_list = LISTS.contains(&name.as_str());
        let again = pairs.iter().take(n).any(|(earlier, _)| earlier == name);
        if again && !is_list && !NAMES.contains(&name.as_str()) {
            return Err(Problem::parameter(name, "give this parameter once"));
        }
        let values: Vec<&str> = if is_list {
            value.split(',').collect()
        } else {
            vec![value]
        };
        for value in values {
            let detail = match value.len() {
                0 => Err("value is empty; leave the parameter out instead".to_owned()),
                length if length > MAX_VALUE => {
                    Err(format!("value is over {MAX_VALUE} bytes long"))
                }
                _ => set(&mut request, name, value),
            };
            detail.map_err(|detail| Problem::parameter(name, detail))?;
        }
    }
    Ok(request)
}

fn set(request: &mut ListRequest, name: &str, value: &str) -> Result<(), String> {
    let query = &mut request.query;
    match name {
        "account" => add(
            &mut query.account,
            AccountId::parse(value).map_err(say)?.to_string(),
        )?,
        "region" => add(
            &mut query.region,
            Region::parse(value).map_err(say)?.to_string(),
        )?,
        "service" => add(&mut query.service, value.to_ascii_lowercase())?,
        "severity" => add(&mut query.severity, parsed(value)?)?,
        "status" => add(&mut query.status, status(value)?)?,
        "rule" => add(&mut query.rule, value.to_owned())?,
        "principal" => add(&mut query.principal, value.to_owned())?,
        "resource" => add(&mut query.resource, value.to_owned())?,
        "attack" => add(&mut query.attack, parsed(value)?)?,
        "source" => add(&mut query.source, parsed(value)?)?,
        "q" => query.text = Words::parse(value).map_err(say)?,
        "since" => query.since = Some(time(value)?),
        "until" => query.until = Some(time(value)?),
        "suppressed" => query.suppressed = suppressed(value)?,
        "cursor" => request.cursor = Some(cursor(value)?),
        "limit" => request.limit = limit(value)?,
        _ => return Err(format!("no such parameter; there are {KNOWN}")),
    }
    Ok(())
}

/// One more value; the same twice is one.
fn add<T: PartialEq>(values: &mut Vec<T>, value: T) -> Result<(), String> {
    if values.len() == MAX_VALUES {
        return Err(format!("at most {MAX_VALUES} values of one filter"));
    }
    if !values.contains(&value) {
        values.push(value);
    }
    Ok(())
}

fn say(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(value: &str) -> Result<T, String> {
    value.parse().map_err(say)
}

fn status(value: &str) -> Result<Status, String> {
    serde_json::from_value(value.into())
        .map_err(|_| "use open, acknowledged, resolved, false_positive or snoozed".to_owned())
}

fn suppressed(value: &str) -> Result<Option<bool>, String> {
    match value {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        "any" => Ok(None),
        _ => Err("use true, false or any".to_owned()),
    }
}

fn time(value: &str) -> Result<Timestamp, String> {
    value.parse().map_err(|_| {
        "use an RFC 3339 time such as 2026-05-01T10:00:00Z (write + as %2B)".to_owned()
    })
}

fn cursor(value: &str) -> Result<Cursor, String> {
    Cursor::from_opaque(value).ok_or_else(|| {
        "use the value of next from the page before, unchanged, or leave it out".to_owned()
    })
}

fn limit(value: &str) -> Result<usize, String> {
    value
        .parse()
        .ok()
        .filter(|limit| (1..=MAX_PAGE).contains(limit))
        .ok_or_else(|| format!("use a number from 1 to {MAX_PAGE}"))
}
