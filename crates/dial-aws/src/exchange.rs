//! One bounded HTTP exchange with a service that has no client here: no redirect, no proxy.

use std::time::Duration;
use tokio::sync::OnceCell;

/// Longest exchange, with connecting and reading.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Most bytes of an answer; identities and accounts take less than one.
const MAX_ANSWER: usize = 64 * 1024;

/// A client built when first needed.
#[derive(Debug, Default)]
pub(crate) struct Exchange(OnceCell<reqwest::Client>);

/// Status and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Exchange {
    /// Posts and reads the answer, whatever its status; an error says why there is none.
    pub(crate) async fn post(
        &self,
        url: &str,
        headers: impl IntoIterator<Item = (String, String)>,
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let client = self.0.get_or_try_init(client).await.map_err(describe)?;
        let mut request = client.post(url).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        read(request).await.map_err(describe)?
    }
}

async fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("dial/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT)
        .timeout(TIMEOUT)
        .build()
}

async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<Result<Answer, String>> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
            return Ok(Err(format!("answer is longer than {MAX_ANSWER} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    let text = String::from_utf8(body);
    Ok(text
        .map(|body| Answer { status, body })
        .map_err(|_| "answer is not UTF-8".to_owned()))
}

/// The deepest cause: reqwest's own text names the URL and stops at "error sending request".
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn describe(error: reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
