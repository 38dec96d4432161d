//! `GET /v1/deliveries`, `GET …/{id}/deliveries` and `POST …/deliveries/{sink}/retry`.

use super::caller::{Analyst, Viewer};
use super::operation::Operation;
use super::parameter::{Parameter, one_of, text, time};
use super::problem::Problem;
use super::{State, reply, triage};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::FindingId;
use dial_core::store::outbox::{Backlog, Place};
use dial_core::store::{Delivery, DeliveryState, MAX_PAGE};
use http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// Longest cursor, characters.
const MAX_CURSOR: usize = 512;
/// Longest name of a sink, bytes.
const MAX_SINK: usize = 64;

/// Outbox rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryList {
    /// The rows.
    pub deliveries: Vec<Delivery>,
    /// Whether there may be more than these.
    #[serde(default)]
    pub more: bool,
    /// `cursor` of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What `GET /v1/deliveries` is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    state: Option<DeliveryState>,
    sink: Option<String>,
    since: Option<Timestamp>,
    cursor: Option<Place>,
    limit: Option<usize>,
}

pub(super) fn declared() -> [Operation; 3] {
    let sink = "Name of a sink.";
    let list = Operation::get("/v1/deliveries", "listDeliveries", list)
        .does("Outbox rows that failed or wait, longest first")
        .with([
            Parameter::query(
                "state",
                "`failed` if absent; what is at rest is shown by its finding.",
                one_of(&["pending", "sending", "failed"]),
            ),
            Parameter::query("sink", sink, text(MAX_SINK)),
            Parameter::query(
                "since",
                "Only rows whose errand began then or later.",
                time(),
            ),
            Parameter::query("cursor", "`next` of the page before.", text(MAX_CURSOR)),
            Parameter::query(
                "limit",
                "Most rows of a page; a page may be shorter and yet not the last.",
                json!({ "type": "integer", "minimum": 1, "maximum": MAX_PAGE }),
            ),
        ])
        .answers::<DeliveryList>(200, "The rows.")
        .leads(200, "listDeliveries", &[("cursor", "$response.body#/next")])
        .leads(
            200,
            "retryDelivery",
            &[
                ("id", "$response.body#/deliveries/0/finding"),
                ("sink", "$response.body#/deliveries/0/sink"),
            ],
        );
    let of_finding = Operation::get(
        "/v1/findings/{id}/deliveries",
        "deliveriesOfFinding",
        of_finding,
    )
    .does("The outbox rows of one finding, in every state")
    .with([Parameter::finding()])
    .answers::<DeliveryList>(200, "The rows.")
    .leads(
        200,
        "retryDelivery",
        &[
            ("id", "$request.path.id"),
            ("sink", "$response.body#/deliveries/0/sink"),
        ],
    )
    .fails(404, "There is no such finding.");
    let retry = Operation::post(
        "/v1/findings/{id}/deliveries/{sink}/retry",
        "retryDelivery",
        retry,
    )
    .does("Has a failed delivery tried again")
    .with([
        Parameter::finding(),
        Parameter::path("sink", sink, text(MAX_SINK)),
    ])
    .answers::<Delivery>(200, "The row, which is due now.")
    .leads(200, "deliveriesOfFinding", &[("id", "$request.path.id")])
    .fails(404, "There is no such finding or sink.")
    .fails(409, "The delivery did not fail.");
    [list, of_finding, retry]
}

/// Rows that wait or failed, longest first.
async fn list(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
    pairs: Result<extract::Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Problem> {
    let extract::Query(pairs) =
        pairs.map_err(|_| Problem::bad_request("query string cannot be read"))?;
    let wanted = Wanted::read(&pairs)?;
    let sinks = match &wanted.sink {
        Some(sink) => vec![sink.clone()],
        None => state.parts.store.known_sinks(&state.parts.sinks).await?,
    };
    let mut pages = Vec::new();
    for sink in &sinks {
        let (which, from) = (wanted.backlog(), wanted.cursor.as_ref());
        let store = &state.parts.store;
        pages.push(
            store
                .backlog(sink, which, from, state.now(), MAX_PAGE)
                .await?,
        );
    }
    Ok(reply::json(StatusCode::OK, &wanted.page(pages)))
}

/// The rows of one finding, in every state.
async fn of_finding(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = triage::id(path)?;
    if state.parts.store.finding(&id, state.now()).await?.is_none() {
        return Err(unknown(&id));
    }
    let deliveries = state.parts.store.deliveries(&id).await?;
    let list = DeliveryList {
        deliveries,
        more: false,
        next: None,
    };
    Ok(reply::json(StatusCode::OK, &list))
}

/// Puts a failed row to work again.
async fn retry(
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
            "sink" if (1..=MAX_SINK).contains(&value.len()) => self.sink = Some(value.to_owned()),
            "sink" => return Err(format!("sink names have 1 to {MAX_SINK} bytes")),
            "since" => {
                let time = value
                    .parse()
                    .map_err(|_| "is no time like 2026-05-04T10:00:00Z");
                self.since = Some(time?);
            }
            "cursor" => {
                let wrong = "use the value of next from the page before, unchanged";
                self.cursor = Some(Place::from_opaque(value).ok_or(wrong)?);
            }
            "limit" => {
                let number = value.parse().ok().filter(|n| (1..=MAX_PAGE).contains(n));
                let wrong = || format!("must be 1 to {MAX_PAGE}");
                self.limit = Some(number.ok_or_else(wrong)?);
            }
            _ => return Err("unknown; there are state, sink, since, cursor, limit".to_owned()),
        }
        Ok(())
    }

    /// One page of the rows of several sinks, each in order and cut at [`MAX_PAGE`].
    ///
    /// Where one was cut, nothing behind its last row is shown: rows of it may come before.
    fn page(&self, pages: Vec<Vec<Delivery>>) -> DeliveryList {
        let cut = pages.iter().filter(|rows| rows.len() >= MAX_PAGE);
        let cut = cut.filter_map(|rows| rows.last().map(Place::of)).min();
        let mut rows: Vec<(Place, Delivery)> = pages
            .into_iter()
            .flatten()
            .map(|row| (Place::of(&row), row))
            .filter(|(place, _)| self.cursor.as_ref().is_none_or(|after| place > after))
            .filter(|(place, _)| cut.as_ref().is_none_or(|cut| place <= cut))
            .filter(|(_, row)| self.fits(row))
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let limit = self.limit.unwrap_or(MAX_PAGE);
        let next = if rows.len() > limit {
            rows.truncate(limit);
            rows.last().map(|(place, _)| place.clone())
        } else {
            cut
        };
        DeliveryList {
            deliveries: rows.into_iter().map(|(_, row)| row).collect(),
            more: next.is_some(),
            next: next.map(|place| place.to_opaque()),
        }
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
        let cases: [(Pairs, Result<Option<DeliveryState>, &str>); 10] = [
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
            (&[("sink", "")], Err("sink")),
            (&[("cursor", "x")], Err("cursor")),
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

    /// Rows of several sinks, more of each than a page holds, some at the same millisecond.
    fn rows(sinks: &[&str], count: i64) -> Vec<Delivery> {
        let row = |sink: &str, n: i64| {
            let id = dial_core::id::base32(&n.to_be_bytes().repeat(2));
            let id = FindingId::parse(&format!("f-{id}")).unwrap();
            let at = Timestamp::from_microsecond(n / 3 * 1_000 + n % 3).unwrap();
            Delivery::new(id, sink, at)
        };
        let sinks = sinks.iter();
        sinks
            .flat_map(|sink| (0..count).map(move |n| row(sink, n)))
            .collect()
    }

    #[test]
    fn pages_hold_every_row_once_and_in_order() {
        let mut all = rows(&["slack", "thehive", "pager"], 450);
        all.sort_by_cached_key(Place::of);
        for limit in [1_usize, 7, 200] {
            let mut wanted = Wanted {
                limit: Some(limit),
                ..Wanted::default()
            };
            let mut seen: Vec<Delivery> = Vec::new();
            loop {
                let from = wanted.cursor.clone();
                let behind = |row: &&Delivery| {
                    let key = |place: &Place| (place.due(), place.finding().clone());
                    let from = from.as_ref().map(key);
                    from.is_none_or(|from| key(&Place::of(row)) >= from)
                };
                let of = |sink: &str| -> Vec<Delivery> {
                    let rows = all.iter().filter(|row| row.sink == sink).filter(behind);
                    rows.take(MAX_PAGE).cloned().collect()
                };
                let page = wanted.page(["slack", "thehive", "pager"].map(of).to_vec());
                assert_eq!(page.more, page.next.is_some());
                assert!(page.deliveries.len() <= limit);
                seen.extend(page.deliveries);
                let Some(next) = page.next else { break };
                wanted.cursor = Place::from_opaque(&next);
            }
            assert_eq!(seen, all, "{limit} a page");
        }
    }
}
