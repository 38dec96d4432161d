//! SNS notifications: the message is an event or a notice, as text.

use super::{EnvelopeError, Input, content, json};
use serde_json::value::RawValue;

/// A notification as it lies in a queue: `{"Type":"Notification","Message":"…"}`.
pub(super) fn notification(text: &str, wraps: u8) -> Result<Input, EnvelopeError> {
    let [message] = json::pick(text, ["Message"])?;
    let message = message
        .and_then(json::text)
        .ok_or(EnvelopeError::Missing("Message"))?;
    content(&message, wraps)
}

/// A Lambda invocation by SNS: one record, by the service's promise.
pub(super) fn records(members: &[&RawValue], wraps: u8) -> Result<Input, EnvelopeError> {
    let [record] = members else {
        return Err(EnvelopeError::TooManyRecords(1));
    };
    let [sns] = json::pick(record.get(), ["Sns"])?;
    let sns = sns.ok_or(EnvelopeError::Missing("Sns"))?;
    notification(sns.get(), wraps)
}
