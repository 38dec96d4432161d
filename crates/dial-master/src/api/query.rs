//! Query parameters of lists: every wrong one is named with its fix.

use super::parameter::{Parameter, one_of, several, text, time as time_schema};
use super::problem::Problem;
use dial_core::store::query::Words;
use dial_core::store::{Cursor, MAX_PAGE, Query, Status};
use dial_core::{AccountId, Region, Severity};
use jiff::Timestamp;
use serde_json::json;
use std::collections::HashMap;
use std::str::FromStr;

/// Page size where none is asked for.
const DEFAULT_LIMIT: usize = 50;
/// Longest value of a filter, bytes; the longest key of a finding is shorter.
const MAX_VALUE: usize = 2_048;
/// Most values of one filter.
const MAX_VALUES: usize = 50;
/// Filters that may have several values, one parameter each or with commas between.
const LISTS: [&str; 9] = [
    "account",
    "region",
    "service",
    "severity",
    "status",
    "rule",
    "access_key",
    "attack",
    "source",
];
/// What `assignee` says for nobody.
const NOBODY: &str = "none";
/// Where a finding may stand.
const STATUSES: [&str; 5] = [
    "open",
    "acknowledged",
    "resolved",
    "false_positive",
    "snoozed",
];
/// Networks of either kind, roughly.
const NETWORK: &str = r"^[0-9]{1,2}(\.[0-9]{1,2}){3}/([12]?[0-9]|3[0-2])$";
/// Filters that may come more than once; their values may hold commas.
const NAMES: [&str; 3] = ["principal", "resource", "assignee"];

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ListRequest {
    pub(crate) query: Query,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) limit: usize,
}

/// Every parameter, as the document tells of it.
pub(super) fn parameters() -> Vec<Parameter> {
    let pattern = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    let name = || text(MAX_VALUE);
    let plain =
        || json!({ "type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[^,]+$" });
    let list = |name, about, value| Parameter::query(name, about, several(&value, MAX_VALUES));
    let one = Parameter::query;
    let severities = Severity::ALL.map(Severity::as_str);
    vec![
        list("account", "Account numbers.", pattern("^[0-9]{12}$")),
        list("region", "Regions.", pattern("^[a-z0-9-]{1,32}$")),
        list("service", "Services, such as `iam`.", plain()),
        list("severity", "Severities.", one_of(&severities)),
        list("status", "Where the finding stands.", one_of(&STATUSES)),
        list("rule", "Names or UUIDs of rules.", plain()),
        list(
            "principal",
            "ARN, else name, else type of who called; no commas between.",
            name(),
        ),
        list(
            "resource",
            "ARN, else `type/name` of what was touched; no commas between.",
            name(),
        ),
        list(
            "assignee",
            "Who looks after it, or `none`; no commas between.",
            name(),
        ),
        list(
            "attack",
            "ATT&CK techniques; each stands for its sub-techniques too.",
            pattern("^T[0-9]{4}(\\.[0-9]{3})?$"),
        ),
        list(
            "source",
            "Addresses or networks of the caller, such as `203.0.113.0/24`.",
            json!({ "type": "string", "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }, { "pattern": NETWORK }] }),
        ),
        list(
            "access_key",
            "Access keys that signed the call; a temporary one stands for its session.",
            pattern("^[A-Z0-9]{1,128}$"),
        ),
        one(
            "q",
            "Words that must all be in title, rule, principal, resource or account name.",
            name(),
        ),
        one("since", "Events then or later.", time_schema()),
        one("until", "Events before.", time_schema()),
        one(
            "suppressed",
            "Findings that a suppression fits; `false` if absent.",
            one_of(&["true", "false", "any"]),
        ),
        one("cursor", "`next` of the page before.", text(MAX_VALUE)),
        one(
            "limit",
            "Most findings of a page; a page may be shorter and yet not the last.",
            json!({ "type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_LIMIT }),
        ),
    ]
}

/// Reads decoded name and value pairs; only filters with several values may come more than once.
pub(crate) fn read(pairs: &[(String, String)]) -> Result<ListRequest, Problem> {
    let mut request = ListRequest {
        limit: DEFAULT_LIMIT,
        ..ListRequest::default()
    };
    request.query.suppressed = Some(false);
    let mut given: HashMap<&str, usize> = HashMap::new();
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
        let given = given.entry(name.as_str()).or_default();
        for value in values {
            *given += 1;
            let detail = match value.len() {
                // Counted as they are given, the same twice as two: so the document says.
                _ if *given > MAX_VALUES => {
                    Err(format!("at most {MAX_VALUES} values of one filter"))
                }
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
        ),
        "region" => add(
            &mut query.region,
            Region::parse(value).map_err(say)?.to_string(),
        ),
        "service" => add(&mut query.service, value.to_ascii_lowercase()),
        "severity" => add(&mut query.severity, parsed(value)?),
        "status" => add(&mut query.status, status(value)?),
        "rule" => add(&mut query.rule, value.to_owned()),
        "principal" => add(&mut query.principal, value.to_owned()),
        "access_key" => add(&mut query.access_key, access_key(value)?),
        "resource" => add(&mut query.resource, value.to_owned()),
        "assignee" if value == NOBODY => add(&mut query.assignee, None),
        "assignee" => add(&mut query.assignee, Some(value.to_owned())),
        "attack" => add(&mut query.attack, parsed(value)?),
        "source" => add(&mut query.source, parsed(value)?),
        "q" => query.text = Words::parse(value).map_err(say)?,
        "since" => query.since = Some(time(value)?),
        "until" => query.until = Some(time(value)?),
        "suppressed" => query.suppressed = suppressed(value)?,
        "cursor" => request.cursor = Some(cursor(value)?),
        "limit" => request.limit = limit(value)?,
        _ => {
            let known: Vec<&str> = parameters().iter().map(|known| known.name).collect();
            return Err(format!("no such parameter; there are {}", known.join(", ")));
        }
    }
    Ok(())
}

/// One more value; the same twice is one.
fn add<T: PartialEq>(values: &mut Vec<T>, value: T) {
    if !values.contains(&value) {
        values.push(value);
    }
}

fn say(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(value: &str) -> Result<T, String> {
    value.parse().map_err(say)
}

/// AWS documents 16 to 128 characters.
fn access_key(value: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    if value.len() <= 128 && value.bytes().all(plain) {
        return Ok(value.to_owned());
    }
    Err("use the id of an access key, such as AKIAIOSFODNN7EXAMPLE".to_owned())
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
