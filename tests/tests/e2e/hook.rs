//! The generic webhook as its receiver checks it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use dial_core::Secret;
use dial_core::key::WorkerKey;
use dial_core::signature::sign;
use dial_tests::deployment::HOOK_SECRET;
use dial_tests::receivers::Received;
use serde_json::Value;

/// Checks the Standard Webhooks signature of a delivery and returns the finding in it.
pub(crate) fn verified(request: &Received) -> Value {
    let header = |name: &str| request.headers[name].to_str().expect("ASCII");
    let timestamp = header("webhook-timestamp").parse().expect("Unix seconds");
    let key = WorkerKey::parse(&Secret::new(HOOK_SECRET)).expect("32 bytes");
    let expected = sign(&key, header("webhook-id"), timestamp, &request.body);
    let offered = header("webhook-signature");
    assert!(offered.split(' ').any(|tag| tag == expected), "{offered}");
    let tag = expected.strip_prefix("v1,").expect("version 1");
    assert_eq!(STANDARD.decode(tag).expect("base64").len(), 32);
    request.json()
}
