//! The worker as a Lambda function: reads the environment, then one invocation after the other.

use crate::drift::DriftReport;
use crate::heartbeat::Pulse;
use crate::setup::{self, Env, SetupError};
use crate::worker::{HandleError, Reply, Worker};
use dial_aws::Clients;
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde_json::value::RawValue;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use tracing::{Instrument, error, info_span};

/// Runs until Lambda ends the process; a worker that cannot start tells Lambda why.
pub async fn run(env: Env) -> Result<(), lambda_runtime::Error> {
    let worker = match start(&env).await {
        Ok(worker) => worker,
        Err(problem) => {
            let text = problem.to_string();
            error!(error = text, "worker cannot start");
            report(&env, &text).await;
            return Err(text.into());
        }
    };
    let worker = &worker;
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let span = info_span!("invocation", request_id = event.context.request_id);
        async move { handle(worker, &event).await }.instrument(span)
    });
    Runtime::new(handler).run().await
}

async fn start(env: &Env) -> Result<Worker, SetupError> {
    let clients = Clients::new();
    let config = setup::read_config(env, &clients).await?;
    let deployed = setup::read_patterns(&config, &clients).await?;
    let mut worker = setup::worker(config, env, &clients)?;
    if let Some(deployed) = deployed {
        worker.pulse = Pulse::new(Some(deployed.hash.clone()));
        worker.drift = DriftReport::of(&worker.pipeline, &deployed, Timestamp::now());
    }
    Ok(worker)
}

async fn handle(worker: &Worker, event: &LambdaEvent<Box<RawValue>>) -> Result<Reply, HandleError> {
    let left = event.context.deadline().duration_since(SystemTime::now());
    let deadline = Instant::now() + left.unwrap_or(Duration::ZERO);
    let reply = worker
        .handle(event.payload.get().as_bytes(), deadline)
        .await;
    if let Err(error) = &reply {
        error!(%error, "invocation fails");
    }
    reply
}

impl From<HandleError> for Diagnostic {
    fn from(error: HandleError) -> Self {
        Self {
            error_type: "EventNotHandled".into(),
            error_message: error.to_string(),
        }
    }
}

/// Tells Lambda why the start failed, so that the text is in the function's own error.
///
/// The runtime crate keeps its own such request to itself.
async fn report(env: &Env, text: &str) {
    let Some(api) = env.get("AWS_LAMBDA_RUNTIME_API") else {
        return;
    };
    let sent = reqwest::Client::new()
        .post(format!("http://{api}/2018-06-01/runtime/init/error"))
        .header(
            "lambda-runtime-function-error-type",
            "Runtime.BadConfiguration",
        )
        .json(&serde_json::json!({
            "errorType": "Runtime.BadConfiguration",
            "errorMessage": text,
        }))
        .send()
        .await;
    if let Err(failure) = sent {
        error!(error = %failure, "start failure not reported");
    }
}
