//! Query parameters of lists: every wrong one is named with its fix.

use super::problem::Problem;
use dial_core::store::{Cursor, MAX_PAGE, Query, Status};
use dial_core::{AccountId, Region, Severity};
use jiff::Timestamp;

/// Page size where none is asked for.
const DEFAULT_LIMIT: usize = 50;
/// Longest value of a filter, bytes; the longest key of a finding is shorter.
const MAX_VALUE: usize = 2_048;
const KNOWN: &str = "account, region, severity, status, rule, principal, resource, since, until, suppressed, cursor, limit";

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ListRequest {
    pub(super) query: Query,
    pub(super) cursor: Option<Cursor>,
    pub(super) limit: usize,
}

/// Reads decoded name and value pairs; only `severity` may come more than once.
pub(super) fn read(pairs: &[(String, String)]) -> Result<ListRequest, Problem> {
    let mut request = ListRequest {
        limit: DEFAULT_LIMIT,
        ..ListRequest::default()
    };
    request.query.suppressed = Some(false);
    for (n, (name, value)) in pairs.iter().enumerate() {
        let again = pairs.iter().take(n).any(|(earlier, _)| earlier == name);
        if again && name != "severity" {
            return Err(Problem::parameter(name, "give this parameter once"));
        }
        let detail = match value.len() {
            0 => Err("value is empty; leave the parameter out instead".to_owned()),
            length if length > MAX_VALUE => Err(format!("value is over {MAX_VALUE} bytes long")),
            _ => set(&mut request, name, value),
        };
        detail.map_err(|detail| Problem::parameter(name, detail))?;
    }
    Ok(request)
}

fn set(request: &mut ListRequest, name: &str, value: &str) -> Result<(), String> {
    let text = || Some(value.to_owned());
    let query = &mut request.query;
    match name {
        "account" => query.account = Some(AccountId::parse(value).map_err(say)?.to_string()),
        "region" => query.region = Some(Region::parse(value).map_err(say)?.to_string()),
        "severity" => query.severity.extend(severities(value)?),
        "status" => query.status = Some(status(value)?),
        "rule" => query.rule = text(),
        "principal" => query.principal = text(),
        "resource" => query.resource = text(),
        "since" => query.since = Some(time(value)?),
        "until" => query.until = Some(time(value)?),
        "suppressed" => query.suppressed = suppressed(value)?,
        "cursor" => request.cursor = Some(cursor(value)?),
        "limit" => request.limit = limit(value)?,
        _ => return Err(format!("no such parameter; there are {KNOWN}")),
    }
    Ok(())
}

fn say(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn severities(value: &str) -> Result<Vec<Severity>, String> {
    value
        .split(',')
        .map(|word| word.parse().map_err(say))
        .collect()
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
