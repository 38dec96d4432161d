//! A Slack channel: messages with their metadata, read back page by page as Slack does.

use jiff::Timestamp;
use serde_json::{Value, json};

/// Most messages of a page, as Slack caps it.
const MAX_PAGE: usize = 999;

/// Messages in the order of their `ts`.
#[derive(Debug, Default)]
pub(super) struct Channel {
    messages: Vec<(String, Value)>,
}

impl Channel {
    /// Takes a message; returns the finding that it is about and Slack's answer.
    pub(super) fn post(&mut self, message: &Value) -> (String, Value) {
        let micros = Timestamp::now().as_microsecond();
        let mut ts = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        if self.messages.last().is_some_and(|(last, _)| *last >= ts) {
            ts = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000 + 1);
        }
        let finding = &message["metadata"]["event_payload"]["finding"];
        let finding = finding.as_str().unwrap_or_default().to_owned();
        let answer = json!({"ok": true, "channel": message["channel"], "ts": ts});
        self.messages.push((ts, message["metadata"].clone()));
        (finding, answer)
    }

    /// `conversations.history`: newest first, between `oldest` and `latest`, a page at a time.
    pub(super) fn history(&self, query: &str) -> Value {
        let value = |name: &str| {
            let mut pairs = reqwest::Url::parse(&format!("http://slack/?{query}"))
                .expect("a query")
                .query_pairs()
                .into_owned()
                .collect::<Vec<_>>()
                .into_iter();
            pairs.find(|(key, _)| key == name).map(|(_, value)| value)
        };
        let number = |name: &str| value(name).and_then(|text| text.parse::<f64>().ok());
        let (oldest, latest) = (number("oldest"), number("latest"));
        let limit = value("limit")
            .and_then(|text| text.parse().ok())
            .unwrap_or(100);
        let skip = value("cursor")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let within = |ts: &str| {
            let at: f64 = ts.parse().unwrap_or_default();
            oldest.is_none_or(|oldest| at > oldest) && latest.is_none_or(|latest| at < latest)
        };
        let mut found = self
            .messages
            .iter()
            .rev()
            .filter(|(ts, _)| within(ts))
            .skip(skip);
        let page: Vec<Value> = found
            .by_ref()
            .take(limit.min(MAX_PAGE))
            .map(|(ts, metadata)| json!({"type": "message", "ts": ts, "metadata": metadata}))
            .collect();
        let next = found
            .next()
            .map_or(String::new(), |_| (skip + page.len()).to_string());
        json!({
            "ok": true, "messages": page, "has_more": !next.is_empty(),
            "response_metadata": {"next_cursor": next},
        })
    }
}
