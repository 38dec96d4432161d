//! Signed calls of services that have no client here: a few reads do not pay for an SDK crate each.

use super::SurveyError;
use crate::clients::Clients;
use crate::service::{JSON, Service, fault, of_code};
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

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// One call before it is signed.
struct Request<'r> {
    service: Service,
    region: Region,
    method: reqwest::Method,
    url: String,
    headers: &'r [(&'r str, &'r str)],
    body: String,
}

/// The texts of the elements of that name in an answer.
pub(super) fn elements<'b>(body: &'b str, name: &str) -> Vec<&'b str> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let rests = body.split(&start).skip(1);
    let texts = rests.filter_map(|rest| Some(rest.split_once(&end)?.0.trim()));
    texts.collect()
}

/// The text of the first of them.
fn element<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    elements(body, name).first().copied()
}

/// Sends signed requests and reads what comes back.
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
        let place = (reqwest::Method::POST, "/");
        let asked = self.send(service, place, &headers, body, &action);
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
        let place = (reqwest::Method::GET, path.as_str());
        self.send(service, place, &[], String::new(), action).await
    }

    /// An operation of a service that takes forms and answers in XML, at an address of its own.
    pub(super) async fn form(
        &self,
        service: Service,
        (host, region): (&str, Region),
        form: String,
        action: &str,
    ) -> Result<String, SurveyError> {
        let endpoint = service.endpoint_or(&self.clients, host).await;
        let request = Request {
            service,
            region,
            method: reqwest::Method::POST,
            url: format!("{endpoint}/"),
            headers: &[("content-type", FORM)],
            body: form,
        };
        let (status, _, body) = self.exchange(request, action).await?;
        let body = String::from_utf8_lossy(&body).into_owned();
        if status == 200 {
            return Ok(body);
        }
        let code = element(&body, "Code").unwrap_or_default();
        let message = element(&body, "Message").map(str::to_owned);
        let message = message.unwrap_or_else(|| format!("answered {status}"));
        let fault = of_code(status, code, message);
        Err(SurveyError::of(&fault, action, "*"))
    }

    async fn send(
        &self,
        service: Service,
        (method, path): (reqwest::Method, &str),
        headers: &[(&str, &str)],
        body: String,
        action: &str,
    ) -> Result<Option<Value>, SurveyError> {
        let region = self.region(action).await?;
        let endpoint = service.endpoint(&self.clients, &region).await;
        let request = Request {
            service,
            region,
            method,
            url: format!("{endpoint}{path}"),
            headers,
            body,
        };
        let (status, code, body) = self.exchange(request, action).await?;
        if status == 404 && service.target.is_empty() {
            return Ok(None);
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        match status {
            200 => Ok(Some(body)),
            _ => Err(SurveyError::of(&fault(status, code, &body), action, "*")),
        }
    }

    /// Status, code in the head, and body of an answer.
    async fn exchange(
        &self,
        asked: Request<'_>,
        action: &str,
    ) -> Result<(u16, Option<String>, Vec<u8>), SurveyError> {
        let signing = Signing {
            service: asked.service.name,
            region: asked.region,
            role: None,
        };
        let unsigned = Unsigned {
            method: asked.method.as_str(),
            url: &asked.url,
            headers: asked.headers,
            body: asked.body.as_bytes(),
        };
        let added = self.signer.sign(&signing, unsigned).await;
        let added = added.map_err(|error| SurveyError::odd(action, error))?;
        let mut request = self.http.request(asked.method, &asked.url);
        for (name, value) in asked.headers.iter().copied() {
            request = request.header(name, value);
        }
        for (name, value) in added {
            request = request.header(name, value);
        }
        let answer = request.body(asked.body).send().await;
        let answer = answer.map_err(|error| lost(action, &error))?;
        self.note_clock(&answer);
        let status = answer.status().as_u16();
        let code = header(&answer, "x-amzn-errortype");
        Ok((status, code, bounded(answer, action).await?))
    }

    async fn region(&self, action: &str) -> Result<Region, SurveyError> {
        let config = self.clients.config().await;
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        Region::parse(&region).map_err(|_| SurveyError::odd(action, "no region; set AWS_REGION"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_answers_are_read() {
        let read = http_date("Sat, 21 Nov 2026 10:00:00 GMT").unwrap();
        assert_eq!(read.to_string(), "2026-11-21T10:00:00Z");
        assert_eq!(http_date("yesterday"), None);
    }
}
