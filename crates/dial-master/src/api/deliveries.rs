//! `GET /v1/deliveries`, `GET …/{id}/deliveries` and `POST …/deliveries/{sink}/retry`.

use super::caller::{Analyst, Viewer};
use super::problem::Problem;
use super::{State, reply, triage};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::FindingId;
use dial_core::store::outbox::Backlog;
use dial_core::store::{Delivery, DeliveryState, MAX_PAGE};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Outbox rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryList {
    /// The rows.
    pub deliveries: Vec<Delivery>,
    /// Whether there are more than these.
    #[serde(default)]
    pub more: bool,
}

/// What `GET /v1/deliveries` is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    state: Option<DeliveryState>,
    sink: Option<String>,
    since: Option<Timestamp>,
    limit: Option<usize>,
}

/// Rows that wait or failed, longest first.
pub(super) async fn list(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
    pairs: Result<extract::Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Problem> {
    let extract::Query(pairs) =
        pairs.map_err(|_| Problem::bad_request("query string cannot be read"))?;
    let wanted = Wanted::read(&pairs)?;
    let limit = wanted.limit.unwrap_or(MAX_PAGE);
    let sinks = match &wanted.sink {
        Some(sink) => vec![sink.clone()],
        None => state.parts.store.known_sinks(&state.parts.sinks).await?,
    };
    let (mut deliveries, mut more) = (Vec::new(), false);
    for sink in &sinks {
        let which = wanted.backlog();
        let store = &state.parts.store;
        let rows = store.backlog(sink, which, state.now(), MAX_PAGE).await?;
        more |= rows.len() == MAX_PAGE;
        deliveries.extend(rows.into_iter().filter(|row| wanted.fits(row)));
    }
    deliveries.sort_by(|a, b| (a.since, &a.finding, &a.sink).cmp(&(b.since, &b.finding, &b.sink)));
    more |= deliveries.len() > limit;
    deliveries.truncate(limit);
    Ok(reply::json(
        StatusCode::OK,
        &DeliveryList { deliveries, more },
    ))
}

/// The rows of one finding, in every state.
pub(super) async fn of_finding(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = triage::id(path)?;
    if state.parts.store.finding(&id, state.now()).await?.is_none() {
        return Err(unknown(&id));
    }
    let deliveries = state.parts.store.deliveries(&id).await?;
    let more = false;
    Ok(reply::json(
        StatusCode::OK,
        &DeliveryList { deliveries, more },
    ))
}

/// Puts a failed row to work again.
pub(super) async fn retry(
    Analyst(caller): Analyst,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let Path((id, sink)) = path.map_err(|_| Problem::bad_request("path is not UTF-8"))?;
    let id = FindingId::parse(&id).map_err(|error| Problem::bad_request(error.to_string()))?;
    if !state.parts.sinks.contains(&sink) {
        let detail = "there is no such sink in the configuration";
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    let store = &state.parts.store;
    let retried = store.retry(&id, &sink, state.now()).await?;
    let rows = store.deliveries(&id).await?;
    let row = rows.into_iter().find(|row| row.sink == sink);
    let row = row.ok_or_else(|| unknown(&id))?;
    if !retried {
        let detail = format!(
            "delivery is {}, only a failed one is retried",
            word(row.state)
        );
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    tracing::info!(finding = %id, sink, caller = caller.name, "delivery retried by command");
    state.wake.notify_one();
    Ok(reply::json(StatusCode::OK, &row))
}

fn unknown(id: &FindingId) -> Problem {
    let detail = format!("there is no finding {id} with such a delivery");
    Problem::new(StatusCode::NOT_FOUND, detail)
}

fn word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Sending => "being sent",
        DeliveryState::Sent => "sent",
        DeliveryState::Failed => "failed",
        DeliveryState::Suppressed => "suppressed",
    }
}

impl Wanted {
    fn read(pairs: &[(String, String)]) -> Result<Self, Problem> {
        let mut wanted = Self::default();
        for (n, (name, value)) in pairs.iter().enumerate() {
            if pairs.iter().take(n).any(|(earlier, _)| earlier == name) {
                return Err(Problem::parameter(name, "give this parameter once"));
            }
            wanted
                .set(name, value)
                .map_err(|detail| Problem::parameter(name, detail))?;
        }
        Ok(wanted)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "state" => self.state = Some(state(value)?),
            "sink" if value.len() <= 64 => self.sink = Some(value.to_owned()),
            "sink" => return Err("sink names have at most 64 characters".to_owned()),
            "since" => {
                let time = value
                    .parse()
                    .map_err(|_| "is no time like 2026-05-04T10:00:00Z");
                self.since = Some(time?);
            }
            "limit" => {
                let number = value.parse().ok().filter(|n| (1..=MAX_PAGE).contains(n));
                let wrong = || format!("must be 1 to {MAX_PAGE}");
                self.limit = Some(number.ok_or_else(wrong)?);
            }
            _ => return Err("unknown; there are state, sink, since, limit".to_owned()),
        }
        Ok(())
    }

    fn backlog(&self) -> Backlog {
        match self.state {
            None | Some(DeliveryState::Failed) => Backlog::Failed,
            Some(_) => Backlog::Waiting,
        }
    }

    fn fits(&self, row: &Delivery) -> bool {
        self.state.is_none_or(|state| row.state == state)
            && self.since.is_none_or(|since| row.since >= since)
    }
}

/// Rows at rest are not listed across findings: no index holds them.
fn state(value: &str) -> Result<DeliveryState, String> {
    match value {
        "pending" => Ok(DeliveryState::Pending),
        "sending" => Ok(DeliveryState::Sending),
        "failed" => Ok(DeliveryState::Failed),
        _ => Err(
            "must be pending, sending or failed; what is sent or suppressed is shown by \
                  its finding"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and values of a query string.
    type Pairs = &'static [(&'static str, &'static str)];

    #[test]
    fn parameters_are_checked_one_by_one() {
        let cases: [(Pairs, Result<Option<DeliveryState>, &str>); 8] = [
            (&[], Ok(None)),
            (
                &[("state", "sending"), ("sink", "slack")],
                Ok(Some(DeliveryState::Sending)),
            ),
            (&[("state", "sent")], Err("state")),
            (&[("limit", "0")], Err("limit")),
            (&[("limit", "201")], Err("limit")),
            (&[("since", "yesterday")], Err("since")),
            (&[("sink", "a"), ("sink", "b")], Err("sink")),
            (&[("colour", "red")], Err("colour")),
        ];
        for (pairs, expected) in cases {
            let owned: Vec<_> = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let found = Wanted::read(&owned).map(|wanted| wanted.state);
            let found = found.map_err(|problem| problem.parameter.unwrap_or_default());
            assert_eq!(found, expected.map_err(str::to_owned), "{pairs:?}");
        }
    }
}
