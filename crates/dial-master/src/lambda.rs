//! The master as Lambda functions: the API, the deliverer on the table's stream, the sweep.

use crate::api::app;
use crate::config::Master;
use crate::deliver::Deliverer;
use crate::emf::Emf;
use crate::fleet::Watch;
use crate::metrics;
use crate::setup::Setup;
use axum::middleware::map_response;
use axum::response::Response;
use dial_aws::dynamodb::stream::outbox_rows;
use dial_aws::{AwsSecrets, Clients};
use dial_core::FindingId;
use dial_core::emf;
use dial_core::store::Store;
use jiff::Timestamp;
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use std::str::FromStr;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Variable that says which function this process is.
pub const VARIABLE: &str = "DIAL_FUNCTION";
/// Left for answering, before Lambda ends the invocation.
const RESERVE: Duration = Duration::from_secs(2);

/// Which part of the master a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Behind an HTTP API.
    Api,
    /// On the stream of the table.
    Deliver,
    /// On a schedule.
    Sweep,
}

/// A word that is no function.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{VARIABLE} is `{0}`; use api, deliver or sweep")]
pub struct UnknownFunction(String);

impl FromStr for Function {
    type Err = UnknownFunction;

    fn from_str(word: &str) -> Result<Self, UnknownFunction> {
        match word {
            "api" => Ok(Self::Api),
            "deliver" => Ok(Self::Deliver),
            "sweep" => Ok(Self::Sweep),
            other => Err(UnknownFunction(other.chars().take(48).collect())),
        }
    }
}

/// Serves invocations until Lambda ends the process.
pub async fn run(function: Function, config: &Master, clients: &Clients) -> Result<(), Error> {
    let secrets = AwsSecrets::new(clients.clone());
    let setup = Setup::new(config, clients, &secrets);
    let lines = lines();
    match function {
        // What is accepted is delivered from the stream: nothing runs on after an answer.
        Function::Api => {
            let written = move |response: Response| async move {
                write(lines);
                response
            };
            let app = app(setup.api().await?).layer(map_response(written));
            lambda_http::run(app).await
        }
        Function::Deliver => {
            let (store, deliverer) = setup.delivery().await?;
            let (store, deliverer) = (&*store, &deliverer);
            let handle = |event: LambdaEvent<Value>| async move {
                let deadline = deadline(&event.context);
                let answer = deliver(store, deliverer, &event.payload, deadline).await;
                write(lines);
                Ok::<_, Error>(answer)
            };
            lambda_runtime::run(service_fn(handle)).await
        }
        Function::Sweep => {
            let watch = Setup::new(config, clients, &secrets).watch()?;
            let (deliverer, upkeep) = setup.sweep().await?;
            let (watch, deliverer, upkeep) = (&watch, &deliverer, &upkeep);
            let handle = |event: LambdaEvent<Value>| async move {
                let deadline = deadline(&event.context);
                // First, so that what it finds is delivered with the rest.
                look(watch).await;
                let tally = deliverer.sweep(Some(deadline)).await;
                tracing::info!(?tally, "swept");
                upkeep.once(Timestamp::now(), Some(deadline)).await;
                write(lines);
                Ok::<_, Error>(json!({}))
            };
            lambda_runtime::run(service_fn(handle)).await
        }
    }
}

/// What CloudWatch is told, where the deployment has a name for it.
fn lines() -> Option<&'static Emf> {
    let master = std::env::var(emf::VARIABLE).ok()?;
    (!master.is_empty()).then(|| metrics::start_with_lines(&master))
}

/// Before the answer: afterwards nothing runs any more.
fn write(lines: Option<&Emf>) {
    if let Some(lines) = lines {
        lines.flush(Timestamp::now(), &mut std::io::stdout().lock());
    }
}

/// Whoever is silent becomes a finding; where the store does not answer, the next sweep looks.
async fn look(watch: &Watch) {
    if let Err(error) = watch.look(Timestamp::now()).await {
        tracing::error!(%error, "workers not looked after");
    }
}

/// When to stop, so that there is time to answer.
fn deadline(context: &Context) -> Instant {
    let left = context.deadline().duration_since(SystemTime::now());
    Instant::now() + left.unwrap_or_default().saturating_sub(RESERVE)
}

/// Delivers the new outbox rows of a stream event; the answer names the records to send again.
///
/// Those are the ones whose row the store could not show. Any other row that is left is the
/// sweep's: repeating the stream for a slow sink would hold up the rows of all others.
pub async fn deliver(
    store: &dyn Store,
    deliverer: &Deliverer,
    event: &Value,
    deadline: Instant,
) -> Value {
    let (numbers, rows): (Vec<String>, Vec<(FindingId, String)>) = outbox_rows(event)
        .into_iter()
        .filter_map(|(number, row)| Some((number, row?)))
        .unzip();
    let tally = deliverer.deliver(&rows, Some(deadline)).await;
    let mut failures = Vec::new();
    if tally.left > 0 {
        for (number, (finding, _)) in numbers.iter().zip(&rows) {
            if store.deliveries(finding).await.is_err() {
                failures.push(json!({ "itemIdentifier": number }));
            }
        }
    }
    let (count, failed) = (rows.len(), failures.len());
    tracing::info!(rows = count, ?tally, failed, "stream batch delivered");
    json!({ "batchItemFailures": failures })
}
