//! Functions: whether they can run.

use super::{Survey, SurveyError};
use crate::service::Service;

const LAMBDA: Service = Service {
    name: "lambda",
    variable: "LAMBDA",
    target: "",
};

/// A function of Lambda.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionState {
    /// `Active`, `Pending`, `Inactive` or `Failed`.
    pub state: String,
    /// Why it is not active.
    pub reason: String,
    /// Most instances at once; `None` where nothing is reserved.
    pub reserved: Option<u64>,
    /// Where failed invocations go; `None` where nowhere.
    pub on_failure: Option<String>,
    /// ARN of the role that it runs as.
    pub role: String,
    /// Where its configuration lies: `DIAL_CONFIG` of its environment.
    pub config: Option<String>,
}

/// What Lambda reads for a function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// ARN of the queue or stream.
    pub arn: String,
    /// ARN of the queue that takes what could not be handed over.
    pub on_failure: Option<String>,
}

impl Survey {
    /// What Lambda reads for a function: queues and streams, not what invokes it.
    pub async fn sources(&self, name: &str) -> Result<Vec<Source>, SurveyError> {
        let path = format!("/2015-03-31/event-source-mappings/?FunctionName={name}");
        let action = "lambda:ListEventSourceMappings";
        let found = self
            .ask
            .get(LAMBDA, path, action)
            .await?
            .unwrap_or_default();
        let mappings = found["EventSourceMappings"]
            .as_array()
            .into_iter()
            .flatten();
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let source = |mapping: &serde_json::Value| {
            let destination = &mapping["DestinationConfig"]["OnFailure"]["Destination"];
            Some(Source {
                arn: text(&mapping["EventSourceArn"])?,
                on_failure: text(destination),
            })
        };
        Ok(mappings.filter_map(source).collect())
    }

    /// A function by its name; `None` where there is none.
    pub async fn function(&self, name: &str) -> Result<Option<FunctionState>, SurveyError> {
        // Names that Lambda takes need no encoding.
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        if name.is_empty() || !name.bytes().all(fits) {
            let said = format!("`{name}` is no name of a function: a-z, A-Z, 0-9, - and _ are");
            return Err(SurveyError::odd("lambda:GetFunctionConfiguration", said));
        }
        let path = |version: &str, end: &str| format!("/{version}/functions/{name}/{end}");
        let ask = &self.ask;
        let action = "lambda:GetFunctionConfiguration";
        let found = ask.get(LAMBDA, path("2015-03-31", "configuration"), action);
        let Some(found) = found.await? else {
            return Ok(None);
        };
        let action = "lambda:GetFunctionConcurrency";
        let reserved = ask.get(LAMBDA, path("2019-09-30", "concurrency"), action);
        let reserved = reserved.await?.unwrap_or_default();
        let action = "lambda:GetFunctionEventInvokeConfig";
        let invoke = ask.get(LAMBDA, path("2019-09-25", "event-invoke-config"), action);
        let invoke = invoke.await?.unwrap_or_default();
        let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        let destination = &invoke["DestinationConfig"]["OnFailure"]["Destination"];
        Ok(Some(FunctionState {
            state: text("State"),
            reason: text("StateReason"),
            reserved: reserved["ReservedConcurrentExecutions"].as_u64(),
            on_failure: destination.as_str().map(str::to_owned),
            role: text("Role"),
            config: found["Environment"]["Variables"]["DIAL_CONFIG"]
                .as_str()
                .map(str::to_owned),
        }))
    }
}
