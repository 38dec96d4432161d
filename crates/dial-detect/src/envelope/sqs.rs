//! An SQS batch: each message holds an event, or a notice of objects.

use super::{EnvelopeError, Input, content, json};
use serde_json::value::RawValue;

/// One message of a batch, answered for by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueMessage {
    /// `messageId`, what a partial batch response names; empty where there was none.
    pub id: String,
    /// The body as it came, for the dead letter.
    pub body: Vec<u8>,
    /// Events or objects, never a queue.
    pub content: Result<Input, EnvelopeError>,
}

pub(super) fn messages(members: &[&RawValue]) -> Vec<QueueMessage> {
    members.iter().map(|member| message(member.get())).collect()
}

fn message(text: &str) -> QueueMessage {
    let picked = json::pick(text, ["messageId", "body"]);
    let [id, body] = picked
        .unwrap_or_default()
        .map(|raw| raw.and_then(json::text));
    QueueMessage {
        id: id.unwrap_or_default().into_owned(),
        content: match &body {
            Some(body) => content(body, 0),
            None => Err(EnvelopeError::Missing("body")),
        },
        body: body.map_or(text.as_bytes().to_vec(), |b| b.into_owned().into_bytes()),
    }
}
