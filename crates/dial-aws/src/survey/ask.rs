//! Signed calls of services that have no client here: a few reads do not pay for an SDK crate each.

use super::SurveyError;
use crate::clients::Clients;
use crate::fault::{Fault, Remedy};
use crate::signer::AwsSigner;
use dial_core::Region;
use dial_core::ports::{RequestSigner, Signing, Unsigned};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer; a page of event rules with patterns of 2 KB each is far below.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
const JSON: &str = "application/x-amz-json-1.1";

/// A service that is called so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// Signing name, host name and, in upper case, the end of `AWS_ENDPOINT_URL_…`.
    pub(super) name: &'static str,
    /// As the SDK's own variable names it.
    pub(super) variable: &'static str,
    /// What stands before the operation in `X-Amz-Target`; empty for services with paths.
    pub(super) target: &'static str,
}

/// Sends signed requests and reads JSON.
pub(super) struct Ask {
    clients: Clients,
    signer: AwsSigner,
    http: reqwest::Client,
    skew: Mutex<Option<SignedDuration>>,
}

impl Ask {
    pub(super) fn new(clients: Clients) -> Result<Self, SurveyError> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| SurveyError::odd("HTTP client", error))?;
        Ok(Self {
            signer: AwsSigner::new(clients.clone()),
            clients,
            http,
            skew: Mutex::default(),
        })
    }

    /// An operation by its name, with a JSON body.
    pub(super) async fn call(
        &self,
        service: Service,
        operation: &str,
        body: &Value,
    ) -> Result<Value, SurveyError> {
        let target = format!("{}.{operation}", service.target);
        let headers = [("content-type", JSON), ("x-amz-target", target.as_str())];
        let action = format!("{}:{operation}", service.name);
        let body = body.to_string();
        let asked = self.send(service, "POST", "/", &headers, body, &action);
        asked
            .await?
            .ok_or_else(|| SurveyError::odd(&action, "no such operation here"))
    }

    /// A resource by its path; `None` where there is none.
    pub(super) async fn get(
        &self,
        service: Service,
        path: String,
        action: &str,
    ) -> Result<Option<Value>, SurveyError> {
        self.send(service, "GET", &path, &[], String::new(), action)
            .await
    }

    async fn send(
        &self,
        service: Service,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
        action: &str,
    ) -> Result<Option<Value>, SurveyError> {
        let (region, endpoint) = self.endpoint(service, action).await?;
        let url = format!("{endpoint}{path}");
        let signing = Signing {
            service: service.name,
            region,
            role: None,
        };
        let unsigned = Unsigned {
            method,
            url: &url,
            headers,
            body: body.as_bytes(),
        };
        let added = self.signer.sign(&signing, unsigned).await;
        let added = added.map_err(|error| SurveyError::odd(action, error))?;
        let method = reqwest::Method::from_bytes(method.as_bytes());
        let method = method.map_err(|error| SurveyError::odd(action, error))?;
        let mut request = self.http.request(method, &url).body(body);
        for (name, value) in headers.iter().copied() {
            request = request.header(name, value);
        }
        for (name, value) in added {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(|error| lost(action, &error))?;
        self.note_clock(&answer);
        let status = answer.status().as_u16();
        let code = header(&answer, "x-amzn-errortype");
        let body = bounded(answer, action).await?;
        if status == 404 && service.target.is_empty() {
            return Ok(None);
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        match status {
            200 => Ok(Some(body)),
            _ => Err(SurveyError::of(&fault(status, code, &body), action, "*")),
        }
    }

    async fn endpoint(
        &self,
        service: Service,
        action: &str,
    ) -> Result<(Region, String), SurveyError> {
        let config = self.clients.config().await;
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let region = Region::parse(&region)
            .map_err(|_| SurveyError::odd(action, "no region; set AWS_REGION"))?;
        let own = std::env::var(format!("AWS_ENDPOINT_URL_{}", service.variable)).ok();
        let own = own.or_else(|| config.endpoint_url().map(str::to_owned));
        let end = if region.as_str().starts_with("cn-") {
            ".cn"
        } else {
            ""
        };
        let host = || format!("https://{}.{region}.amazonaws.com{end}", service.name);
        let endpoint = own.map_or_else(host, |url| url.trim_end_matches('/').to_owned());
        Ok((region, endpoint))
    }

    /// The answers say what time it is elsewhere; the least difference holds.
    fn note_clock(&self, answer: &reqwest::Response) {
        let date = header(answer, "date");
        let Some(there) = date.and_then(|date| http_date(&date)) else {
            return;
        };
        let apart = there.duration_since(Timestamp::now());
        let mut kept = self.skew.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none_or(|kept| apart.abs() < kept.abs()) {
            *kept = Some(apart);
        }
    }

    pub(super) fn skew(&self) -> Option<SignedDuration> {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").finish_non_exhaustive()
    }
}

fn header(answer: &reqwest::Response, name: &str) -> Option<String> {
    let value = answer.headers().get(name)?;
    Some(value.to_str().ok()?.to_owned())
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text)
        .ok()
        .map(|time| time.timestamp())
}

async fn bounded(mut answer: reqwest::Response, action: &str) -> Result<Vec<u8>, SurveyError> {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(None) => return Ok(body),
            Ok(Some(piece)) if body.len() + piece.len() > MAX_ANSWER => {
                let said = format!("answer is larger than {MAX_ANSWER} bytes");
                return Err(SurveyError::odd(action, said));
            }
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Err(error) => return Err(lost(action, &error)),
        }
    }
}

fn lost(action: &str, error: &reqwest::Error) -> SurveyError {
    let said = if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        let cause = std::error::Error::source(error);
        cause.map_or_else(|| error.to_string(), ToString::to_string)
    };
    SurveyError {
        transient: true,
        ..SurveyError::odd(action, said)
    }
}

/// The error of a JSON answer: its code stands in `__type`, in a header, or in `code`.
fn fault(status: u16, header: Option<String>, body: &Value) -> Fault {
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| body[*name].as_str());
        found.map(str::to_owned)
    };
    let code = text(&["__type", "code", "Code"])
        .or(header)
        .unwrap_or_default();
    // `com.amazon.coral.service#AccessDeniedException`, `AccessDeniedException:http://…`.
    let code = code.rsplit('#').next().unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default().to_owned();
    let message = text(&["message", "Message"]).unwrap_or_else(|| format!("answered {status}"));
    let remedy = Fault::remedy_of(&code).unwrap_or(match status {
        429 => Remedy::Wait,
        500.. => Remedy::Retry,
        _ => Remedy::Repair,
    });
    Fault {
        code,
        message,
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_are_read_wherever_a_service_writes_them() {
        let cases = [
            (
                400,
                None,
                json!({"__type": "TrailNotFoundException", "message": "no"}),
                "TrailNotFoundException",
                Remedy::Repair,
            ),
            (
                400,
                None,
                json!({"__type": "com.amazonaws#AccessDeniedException", "Message": "no"}),
                "AccessDeniedException",
                Remedy::Repair,
            ),
            (
                403,
                Some("AccessDeniedException:http://x"),
                json!({"Message": "no"}),
                "AccessDeniedException",
                Remedy::Repair,
            ),
            (
                400,
                None,
                json!({"__type": "ThrottlingException"}),
                "ThrottlingException",
                Remedy::Wait,
            ),
            (503, None, Value::Null, "", Remedy::Retry),
            (400, None, json!([1]), "", Remedy::Repair),
        ];
        for (status, header, body, code, remedy) in cases {
            let fault = fault(status, header.map(str::to_owned), &body);
            assert_eq!(
                (fault.code.as_str(), fault.remedy),
                (code, remedy),
                "{body}"
            );
        }
    }

    #[test]
    fn dates_of_answers_are_read() {
        let read = http_date("Sat, 21 Nov 2026 10:00:00 GMT").unwrap();
        assert_eq!(read.to_string(), "2026-11-21T10:00:00Z");
        assert_eq!(http_date("yesterday"), None);
    }
}
