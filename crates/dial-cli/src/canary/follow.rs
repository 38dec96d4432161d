//! Follows a finding through the master's API until every sink has had its say.

use super::RULE;
use crate::findings::Client;
use anyhow::Result;
use dial_core::FindingId;
use dial_core::store::{Delivery, DeliveryState};
use dial_master::api::{FindingDetail, FindingList};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// By how much clocks may differ: the list is asked from so long before the start.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// How far it came.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// Its id, once it was seen.
    pub(super) finding: Option<FindingId>,
    /// What its call was made on, as the list shows it; its name is new each time.
    pub(super) resource: Option<String>,
    /// When the master accepted it.
    pub(super) received_at: Option<Timestamp>,
    /// Its outbox rows as they were seen last.
    pub(super) rows: Vec<Delivery>,
}

impl Flight {
    /// Whether nothing is under way any more.
    fn is_over(&self) -> bool {
        let under_way =
            |row: &Delivery| matches!(row.state, DeliveryState::Pending | DeliveryState::Sending);
        self.received_at.is_some() && !self.rows.iter().any(under_way)
    }
}

/// Looks until all is settled or the time is over.
pub(super) async fn follow(
    client: &Client,
    name: &str,
    known: Option<FindingId>,
    started: Timestamp,
    deadline: Instant,
) -> Result<Flight> {
    let mut flight = Flight {
        finding: known,
        ..Flight::default()
    };
    loop {
        look(client, name, started, &mut flight).await?;
        if flight.is_over() || Instant::now() + PAUSE > deadline {
            return Ok(flight);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The finding and all others of what the call was made on: a rule of the pack tells of any event
/// rule that is disabled, whoever it is of.
pub(super) async fn all_of(client: &Client, flight: &Flight) -> Result<BTreeSet<FindingId>> {
    let mut all: BTreeSet<FindingId> = flight.finding.iter().cloned().collect();
    let Some(resource) = &flight.resource else {
        return Ok(all);
    };
    let query = [("resource", resource.clone()), ("limit", "100".to_owned())];
    let list: Option<FindingList> = client.get(&["v1", "findings"], &query).await?;
    let listed = list.into_iter().flat_map(|list| list.findings);
    all.extend(listed.map(|line| line.id));
    Ok(all)
}

async fn look(client: &Client, name: &str, started: Timestamp, flight: &mut Flight) -> Result<()> {
    if flight.finding.is_none() {
        let query = [
            ("rule", RULE.to_owned()),
            ("since", (started - SLACK).to_string()),
            ("limit", "100".to_owned()),
        ];
        let list: Option<FindingList> = client.get(&["v1", "findings"], &query).await?;
        let listed = list.into_iter().flat_map(|list| list.findings);
        let ours = listed
            .into_iter()
            .find(|line| line.resource.ends_with(name));
        if let Some(line) = ours {
            flight.finding = Some(line.id);
            flight.resource = Some(line.resource);
        }
    }
    let Some(id) = &flight.finding else {
        return Ok(());
    };
    let detail: Option<FindingDetail> = client.get(&["v1", "findings", id.as_str()], &[]).await?;
    if let Some(detail) = detail {
        flight.received_at = Some(detail.received_at);
        flight.rows = detail.deliveries;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_flight_is_over_when_nothing_is_under_way() {
        let row = |state: &str| -> Delivery {
            serde_json::from_value(json!({
                "finding": "f-aaaaaaaaaaaaaaaaaaaaaaaaaa", "sink": "slack", "state": state,
                "attempts": 1, "due_at": "2026-05-01T10:00:00Z",
                "received_at": "2026-05-01T10:00:00Z", "since": "2026-05-01T10:00:00Z",
            }))
            .unwrap()
        };
        let cases: [(&[&str], bool, bool); 6] = [
            (&[], true, true),
            (&[], false, false),
            (&["sent", "suppressed"], true, true),
            (&["sent", "pending"], true, false),
            (&["sending"], true, false),
            (&["failed"], true, true),
        ];
        for (states, received, expected) in cases {
            let flight = Flight {
                received_at: received.then_some(Timestamp::UNIX_EPOCH),
                rows: states.iter().map(|state| row(state)).collect(),
                ..Flight::default()
            };
            assert_eq!(flight.is_over(), expected, "{states:?}");
        }
    }
}
