//! `GET /v1/stats`: counts, series and times of a window of days.

use super::caller::Viewer;
use super::operation::Operation;
use super::parameter::{Parameter, one_of};
use super::problem::Problem;
use super::{State, reply};
use axum::extract;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use dial_core::store::stats::{Over, Stats, Step, Window};
use http::StatusCode;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;
use std::sync::Arc;

/// Days of a window whose beginning is not given, today included.
const DEFAULT_DAYS: i32 = 7;
/// Longest window that is shown by the hour where nobody says otherwise, days.
const HOURLY: i32 = 2;
const KNOWN: &str = "since, until, by, over";

pub(super) fn declared() -> Operation {
    let day = || {
        let shapes = [
            json!({ "format": "date" }),
            json!({ "format": "date-time" }),
        ];
        json!({ "type": "string", "anyOf": shapes })
    };
    Operation::get("/v1/stats", "showStats", show)
        .does("Counts, series and times of a window of days")
        .with([
            Parameter::query(
                "since",
                "First day, UTC; seven days up to `until` if absent.",
                day(),
            ),
            Parameter::query("until", "Last day, UTC, included; today if absent.", day()),
            Parameter::query("by", "Step of the series.", one_of(&["hour", "day"])),
            Parameter::query(
                "over",
                "Split each step of the series by this too: the six largest, the rest are others.",
                one_of(&Over::ALL.map(Over::as_str)),
            ),
        ])
        .answers::<Stats>(200, "What happened.")
}

async fn show(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
    pairs: Result<extract::Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Problem> {
    let extract::Query(pairs) =
        pairs.map_err(|_| Problem::bad_request("query string cannot be read"))?;
    let now = state.now();
    let window = window(&pairs, now)?;
    let answer = Stats::read(&*state.parts.store, window, now).await?;
    Ok(reply::json(StatusCode::OK, &answer))
}

/// The window that is asked for; both ends are whole days.
fn window(pairs: &[(String, String)], now: Timestamp) -> Result<Window, Problem> {
    let (mut since, mut until, mut by, mut over) = (None, None, None, None);
    for (n, (name, value)) in pairs.iter().enumerate() {
        if pairs.iter().take(n).any(|(earlier, _)| earlier == name) {
            return Err(Problem::parameter(name, "give this parameter once"));
        }
        match name.as_str() {
            "since" => since = Some(day(name, value)?),
            "until" => until = Some(day(name, value)?),
            "by" => by = Some(step(name, value)?),
            "over" => over = Some(dimension(name, value)?),
            _ => {
                let detail = format!("no such parameter; there are {KNOWN}");
                return Err(Problem::parameter(name, detail));
            }
        }
    }
    let to = until.unwrap_or_else(|| day_of(now));
    let from = since.unwrap_or_else(|| to.saturating_sub((DEFAULT_DAYS - 1).days()));
    let short = to.saturating_sub((HOURLY - 1).days()) <= from;
    let by = by.unwrap_or(if short { Step::Hour } else { Step::Day });
    let window = Window::new(from, to, by);
    let window = window.map_err(|error| Problem::parameter("since", error.to_string()))?;
    Ok(window.split(over))
}

fn day_of(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// A date, or the day of a time.
fn day(name: &str, value: &str) -> Result<Date, Problem> {
    let of_time = || value.parse().map(day_of);
    value
        .parse()
        .or_else(|_| of_time())
        .map_err(|_: jiff::Error| {
            let fix = "use a date such as 2026-05-01, or an RFC 3339 time (write + as %2B)";
            Problem::parameter(name, fix)
        })
}

fn step(name: &str, value: &str) -> Result<Step, Problem> {
    match value {
        "hour" => Ok(Step::Hour),
        "day" => Ok(Step::Day),
        _ => Err(Problem::parameter(name, "use hour or day")),
    }
}

fn dimension(name: &str, value: &str) -> Result<Over, Problem> {
    Over::named(value).ok_or_else(|| Problem::parameter(name, "use account, rule or service"))
}
