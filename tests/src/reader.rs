//! Reads a master's HTTP API as an analyst's tool would.

use crate::deployment::TOKEN;
use crate::poll;
use reqwest::Client;
use serde_json::Value;

/// A client of one master.
pub struct Reader {
    base: String,
    client: Client,
}

impl Reader {
    /// Reads at this base URL, with the test's token.
    pub fn of(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            client: Client::new(),
        }
    }

    /// GETs a path; the status and the JSON of the body, null where it is none.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let request = self
            .client
            .get(format!("{}{path}", self.base))
            .bearer_auth(TOKEN);
        let response = request.send().await.expect("the master answers");
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// GETs a path; the text of the body.
    pub async fn text(&self, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.base));
        let response = request.bearer_auth(TOKEN).send().await;
        let response = response.expect("the master answers");
        response.text().await.expect("the body is text")
    }

    /// All findings of a query (`?rule=…` or empty).
    pub async fn findings(&self, query: &str) -> Vec<Value> {
        let (status, page) = self.get(&format!("/v1/findings{query}")).await;
        assert_eq!(status, 200, "{page}");
        page["findings"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until a query gives that many findings.
    pub async fn wait(&self, query: &str, count: usize) -> Vec<Value> {
        poll::until("findings in the store", || async {
            Some(self.findings(query).await).filter(|found| found.len() >= count)
        })
        .await
    }
}
