//! Accepting a finding: one transaction for it, its first audit line and its outbox rows.

use super::item::{self, Item};
use super::retry::patiently;
use super::stats;
use super::table::{EXPIRES, PK};
use super::{DynamoStore, StoreError, row};
use crate::fault::{Fault, Remedy};
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, Put, TransactWriteItem};
use dial_core::FindingId;
use dial_core::store::triage::Triage;
use dial_core::store::{Acceptance, Outcome, Summary};
use futures::StreamExt;
use std::collections::{BTreeSet, HashMap};
use tokio::time::Instant;

/// Transactions of one batch that are under way at once.
const CONCURRENCY: usize = 16;
/// Most actions of one transaction.
const MAX_ACTIONS: usize = 100;

/// Accepts each finding; answers in the order given.
///
/// Transactions run side by side, but one finding that comes twice is stored the first time.
pub(super) async fn all(
    store: &DynamoStore,
    batch: Vec<Acceptance>,
) -> Vec<Result<Outcome, StoreError>> {
    let deadline = DynamoStore::deadline();
    let mut answers = Vec::with_capacity(batch.len());
    for round in rounds(batch) {
        let round = round.into_iter();
        let calls = round.map(|(n, new)| async move { (n, one(store, new, deadline).await) });
        let calls = futures::stream::iter(calls).buffer_unordered(CONCURRENCY);
        answers.extend(calls.collect::<Vec<_>>().await);
    }
    answers.sort_unstable_by_key(|(n, _)| *n);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// The batch with its positions, so that no round has a finding twice.
fn rounds(batch: Vec<Acceptance>) -> Vec<Vec<(usize, Acceptance)>> {
    let mut seen: HashMap<FindingId, usize> = HashMap::new();
    let mut rounds: Vec<Vec<_>> = Vec::new();
    for (n, new) in batch.into_iter().enumerate() {
        let round = seen.entry(new.finding.id.clone()).or_default();
        if rounds.len() == *round {
            rounds.push(Vec::new());
        }
        rounds[*round].push((n, new));
        *round += 1;
    }
    rounds
}

async fn one(
    store: &DynamoStore,
    new: Acceptance,
    deadline: Instant,
) -> Result<Outcome, StoreError> {
    let actions = transaction(store, &new)?;
    // One token for all tries of this call: a try that was done although its answer got lost is
    // answered as done. It is random, so that another call with equal content is a duplicate.
    let token = format!("{:032x}", rand::random::<u128>());
    patiently(deadline, || async {
        let client = store.clients.dynamodb().await;
        let answer = client
            .transact_write_items()
            .set_transact_items(Some(actions.clone()))
            .client_request_token(&token)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Outcome::New),
            Err(e) => match e.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    outcome(cancelled.cancellation_reasons())
                }
                _ => Err(store.failed(&e, "dynamodb:PutItem")),
            },
        }
    })
    .await
}

fn transaction(
    store: &DynamoStore,
    new: &Acceptance,
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let sinks: BTreeSet<&String> = new.sinks.iter().collect();
    if sinks.len() + 3 > MAX_ACTIONS {
        let most = MAX_ACTIONS - 3;
        let reason = format!("{} sinks, one transaction holds {most}", sinks.len());
        return Err(StoreError::Unavailable(reason));
    }
    let unknown = |e: BuildError| StoreError::Unavailable(e.to_string());
    let note = counted(new)?;
    let mut actions = vec![
        store.put_new(new)?,
        store.put(item::accepted(new)?),
        store.put(note),
    ];
    for sink in sinks {
        actions.push(store.put(row::outbox(new, sink)?));
    }
    let action = |put| TransactWriteItem::builder().put(put).build();
    actions
        .into_iter()
        .map(|put: Result<Put, BuildError>| put.map(action).map_err(unknown))
        .collect()
}

/// The note that counts the finding.
fn counted(new: &Acceptance) -> Result<Item, StoreError> {
    let summary = Summary::of(&new.finding, &Triage::default());
    let cells = dial_core::store::stats::accepted(&summary);
    let expires = item::expires(new.expires_at);
    stats::note(&summary.id, 0, &cells, new.received_at, expires)
}

impl DynamoStore {
    /// The finding itself; what is expired but not swept yet counts as absent.
    fn put_new(&self, new: &Acceptance) -> Result<Result<Put, BuildError>, StoreError> {
        let now = AttributeValue::N(new.received_at.as_second().to_string());
        Ok(Put::builder()
            .table_name(&self.table)
            .set_item(Some(item::meta(new)?))
            .condition_expression("attribute_not_exists(#pk) OR #expires <= :now")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":now", now)
            .build())
    }

    fn put(&self, item: Item) -> Result<Put, BuildError> {
        let put = Put::builder().table_name(&self.table);
        put.set_item(Some(item)).build()
    }
}

/// What a cancelled transaction means: there already, busy, or broken.
pub(super) fn outcome(reasons: &[CancellationReason]) -> Result<Outcome, StoreError> {
    let codes = || reasons.iter().filter_map(CancellationReason::code);
    // Only the finding itself has a condition.
    if codes().any(|code| code == "ConditionalCheckFailed") {
        return Ok(Outcome::Duplicate);
    }
    refused(reasons)
}

/// The error of a transaction that no condition cancelled: busy, or broken.
pub(super) fn refused<T>(reasons: &[CancellationReason]) -> Result<T, StoreError> {
    let codes = || reasons.iter().filter_map(CancellationReason::code);
    let said: BTreeSet<String> = reasons
        .iter()
        .filter(|reason| reason.code().is_some_and(|code| code != "None"))
        .map(|reason| match (reason.code(), reason.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (code, message) => code.or(message).unwrap_or_default().to_owned(),
        })
        .collect();
    let said = said.into_iter().collect::<Vec<_>>().join("; ");
    if codes().any(|code| Fault::remedy_of(code) == Some(Remedy::Wait)) {
        Err(StoreError::Throttled(said))
    } else {
        Err(StoreError::Unavailable(format!(
            "transaction cancelled: {said}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamodb::sample;
    use wiremock::matchers::method;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    #[test]
    fn reasons_of_a_cancelled_transaction_are_told_apart() {
        let throttled = |text: &str| Err(StoreError::Throttled(text.to_owned()));
        let broken = |text: &str| Err(StoreError::Unavailable(text.to_owned()));
        let cases: [(&[&str], _); 8] = [
            (&["ConditionalCheckFailed", "None"], Ok(Outcome::Duplicate)),
            (
                &["ConditionalCheckFailed", "TransactionConflict"],
                Ok(Outcome::Duplicate),
            ),
            (
                &["None", "TransactionConflict"],
                throttled("TransactionConflict: m"),
            ),
            (
                &["ThrottlingError", "None"],
                throttled("ThrottlingError: m"),
            ),
            (
                &["None", "ProvisionedThroughputExceeded"],
                throttled("ProvisionedThroughputExceeded: m"),
            ),
            (
                &["TransactionConflict", "ThrottlingError"],
                throttled("ThrottlingError: m; TransactionConflict: m"),
            ),
            (
                &["ValidationError", "None"],
                broken("transaction cancelled: ValidationError: m"),
            ),
            (&[], broken("transaction cancelled: ")),
        ];
        for (codes, expected) in cases {
            let reason = |code: &&str| {
                let reason = CancellationReason::builder().code(*code);
                reason.message("m").build()
            };
            let reasons: Vec<_> = codes.iter().map(reason).collect();
            assert_eq!(outcome(&reasons), expected, "{codes:?}");
        }
    }

    #[test]
    fn a_finding_that_comes_twice_waits_for_the_next_round() {
        let batch = [1, 2, 1, 3, 1, 2].map(|n| sample::acceptance(&n.to_string(), 0));
        let positions = |round: Vec<(usize, Acceptance)>| round.into_iter().map(|(n, _)| n);
        let rounds: Vec<Vec<_>> = rounds(batch.to_vec())
            .into_iter()
            .map(|round| positions(round).collect())
            .collect();
        assert_eq!(rounds, [vec![0, 1, 3], vec![2, 5], vec![4]]);
    }

    #[test]
    fn a_transaction_holds_the_finding_its_history_and_each_sink_once() {
        let store = DynamoStore::new(crate::Clients::new(), "t");
        let mut new = sample::acceptance("e-1", 0);
        new.sinks = ["slack", "thehive", "slack"].map(str::to_owned).to_vec();
        let actions = transaction(&store, &new).unwrap();
        let keys: Vec<_> = actions
            .iter()
            .filter_map(|action| action.put()?.item().get("sk")?.as_s().ok())
            .collect();
        assert_eq!(
            keys,
            [
                "META",
                "AUD#2026-05-01T10:00:05.000Z#0000",
                "CNT#000000",
                "OUT#slack",
                "OUT#thehive"
            ]
        );
        assert!(actions[0].put().unwrap().condition_expression().is_some());
    }

    #[test]
    fn more_sinks_than_a_transaction_holds_are_refused() {
        let store = DynamoStore::new(crate::Clients::new(), "t");
        let mut new = sample::acceptance("e-1", 0);
        new.sinks = (0..98).map(|n| n.to_string()).collect();
        assert!(transaction(&store, &new).is_err());
        new.sinks.pop();
        assert_eq!(transaction(&store, &new).unwrap().len(), 100);
    }

    /// Asks a server that gives these answers in turn; the outcome, and the tokens it was asked with.
    async fn ask(
        answers: &[(u16, serde_json::Value)],
    ) -> (Result<Outcome, StoreError>, Vec<String>) {
        let server = MockServer::start().await;
        for (status, body) in answers {
            Mock::given(method("POST"))
                .respond_with(ResponseTemplate::new(*status).set_body_json(body))
                .up_to_n_times(1)
                .mount(&server)
                .await;
        }
        let clients = crate::Clients::emulated(crate::Emulators {
            dynamodb: Some(server.uri()),
            ..crate::Emulators::default()
        });
        let store = DynamoStore::new(clients, "t");
        let outcome = all(&store, vec![sample::acceptance("e-1", 0)])
            .await
            .remove(0);
        let requests = server.received_requests().await.unwrap();
        let token = |r: &wiremock::Request| r.body_json::<serde_json::Value>().unwrap();
        let token = |r| token(r)["ClientRequestToken"].as_str().unwrap().to_owned();
        (outcome, requests.iter().map(token).collect())
    }

    fn cancelled(code: &str) -> (u16, serde_json::Value) {
        let body = serde_json::json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled",
            "CancellationReasons": [{ "Code": code, "Message": "m" }, { "Code": "None" }],
        });
        (400, body)
    }

    #[tokio::test]
    async fn a_busy_table_is_asked_again_with_the_same_token() {
        let done = (200, serde_json::json!({}));
        let answers = [
            cancelled("TransactionConflict"),
            cancelled("ThrottlingError"),
            done,
        ];
        let (outcome, tokens) = ask(&answers).await;
        assert_eq!(outcome, Ok(Outcome::New));
        assert_eq!(tokens.len(), 3);
        assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    }

    #[tokio::test]
    async fn what_is_there_already_is_asked_for_once() {
        let (outcome, tokens) = ask(&[cancelled("ConditionalCheckFailed")]).await;
        assert_eq!((outcome, tokens.len()), (Ok(Outcome::Duplicate), 1));
    }
}
