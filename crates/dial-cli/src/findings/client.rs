//! HTTP client of the master's API: bounded, never follows a redirect, explains refusals.

use crate::terminal::inert;
use anyhow::{Context, Result, anyhow, bail};
use dial_core::Secret;
use dial_master::api::DOOR;
use dial_master::api::export::NEXT;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Largest answer; a page of summaries is far below.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(30);

/// Asks one master.
pub(crate) struct Client {
    base: Url,
    token: Option<Secret>,
    http: reqwest::Client,
}

/// RFC 9457; every part is optional there.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    detail: Option<String>,
}

impl Client {
    /// Connects to nothing yet.
    pub(crate) fn new(base: Url, token: Option<Secret>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(HeaderMap::from_iter([(
                HeaderName::from_static(DOOR),
                HeaderValue::from_static("cli"),
            )]))
            .build()
            .context("the HTTP client cannot be set up")?;
        Ok(Self { base, token, http })
    }

    /// Fetches and reads JSON; `None` where there is no such thing.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Option<T>> {
        let url = endpoint(&self.base, path, query)?;
        self.ask(self.http.get(url)).await
    }

    /// Sends JSON and reads the JSON that comes back.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T> {
        let url = endpoint(&self.base, path, &[])?;
        let answer = self.ask(self.http.post(url).json(body)).await?;
        answer.with_context(|| {
            let (base, path) = (&self.base, path.join("/"));
            format!("{base} has no /{path}; is --url (DIAL_URL) a DIAL master of this version?")
        })
    }

    /// Asks for a change: what came of it, or why it cannot be, in the master's words. Whatever
    /// would stop the next one too is an error.
    pub(crate) async fn wish<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<Result<T, String>> {
        let url = endpoint(&self.base, path, &[])?;
        let answer = self.send(self.http.post(url).json(body)).await?;
        let status = answer.status();
        let body = bounded(answer).await?;
        match status {
            StatusCode::OK => self.read(&body).map(Ok),
            StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::PRECONDITION_FAILED => {
                let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
                let said = problem
                    .detail
                    .unwrap_or_else(|| format!("answered {status}"));
                Ok(Err(said.chars().take(500).collect()))
            }
            status => Err(self.refused(status, &body)),
        }
    }

    /// Removes or ends something; `None` where there is no such thing.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Option<T>> {
        let url = endpoint(&self.base, path, &[])?;
        self.ask(self.http.delete(url)).await
    }

    /// Fetches a list in another form: what came, and the cursor of what follows.
    pub(crate) async fn get_form(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        media: &str,
    ) -> Result<(Vec<u8>, Option<String>)> {
        let url = endpoint(&self.base, path, query)?;
        let mut request = self.http.get(url).header(ACCEPT, media);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let answer = request.send().await.map_err(|e| self.unreachable(&e))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = bounded(answer).await?;
        let is_form = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with(media));
        match (status, is_form) {
            (StatusCode::OK, true) => {
                let next = headers.get(NEXT).and_then(|value| value.to_str().ok());
                Ok((body, next.map(str::to_owned)))
            }
            (StatusCode::OK, false) => bail!(
                "{} has no {media}; is the master of this version?",
                self.base
            ),
            (status, _) => Err(self.refused(status, &body)),
        }
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<Option<T>> {
        let answer = self.send(request).await?;
        let status = answer.status();
        let body = bounded(answer).await?;
        match status {
            StatusCode::OK | StatusCode::CREATED => self.read(&body).map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(self.refused(status, &body)),
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<reqwest::Response> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        request.send().await.map_err(|e| self.unreachable(&e))
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T> {
        serde_json::from_slice(body)
            .with_context(|| format!("{} answered something that is no DIAL master's", self.base))
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let hint = if error.is_connect() {
            "; is the master running there, and is --url (DIAL_URL) right?"
        } else {
            ""
        };
        anyhow!("{} does not answer: {}{hint}", self.base, root_cause(error))
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> anyhow::Error {
        let said = describe(body);
        let hint = match (status, &self.token) {
            (StatusCode::UNAUTHORIZED, None) => "; give a token with DIAL_TOKEN or --token",
            (StatusCode::UNAUTHORIZED, Some(_)) => {
                "; the token is not accepted: is it of this master, and still valid?"
            }
            (StatusCode::FORBIDDEN, _) => "; the token does not reach this far",
            (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, _) => {
                "; try again in a moment"
            }
            (status, _) if status.is_redirection() => {
                "; redirects are not followed: give the address itself"
            }
            _ => "",
        };
        anyhow!("{} answered {status}{said}{hint}", self.base)
    }
}

/// Keeps a path that the base URL has, as behind a stage of an API gateway.
fn endpoint(base: &Url, path: &[&str], query: &[(&str, String)]) -> Result<Url> {
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| anyhow!("{base} cannot have a path"))?
        .pop_if_empty()
        .extend(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

async fn bounded(mut answer: reqwest::Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.context("the answer broke off")? {
        if body.len() + chunk.len() > MAX_ANSWER {
            bail!("the answer is larger than {MAX_ANSWER} bytes");
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn describe(body: &[u8]) -> String {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    // The title only says the status in words.
    let said = problem.detail.or(problem.title).map(|text| {
        let text: String = text.chars().take(500).collect();
        format!(": {}", inert(&text))
    });
    said.unwrap_or_default()
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_added_below_the_base_and_values_encoded() {
        let cases = [
            ("http://h", "http://h/v1/findings?rule=a%26b"),
            ("http://h/", "http://h/v1/findings?rule=a%26b"),
            ("http://h/stage/", "http://h/stage/v1/findings?rule=a%26b"),
        ];
        for (base, expected) in cases {
            let query = [("rule", "a&b".to_owned())];
            let url = endpoint(&base.parse().unwrap(), &["v1", "findings"], &query).unwrap();
            assert_eq!(url.as_str(), expected);
        }
        let url = endpoint(&"http://h".parse().unwrap(), &["v1", "../x"], &[]).unwrap();
        assert_eq!(url.as_str(), "http://h/v1/..%2Fx");
    }

    #[test]
    fn what_a_master_says_is_inert() {
        let cases = [
            ("", ""),
            ("not json", ""),
            (
                "{\"title\":\"Bad\",\"detail\":\"cursor \\u001b[2J\"}",
                ": cursor \\u{1b}[2J",
            ),
            ("{\"title\":\"Bad\"}", ": Bad"),
            ("{\"status\":1}", ""),
        ];
        for (body, expected) in cases {
            assert_eq!(describe(body.as_bytes()), expected, "{body}");
        }
    }
}
