//! What the fuzz targets do with bytes: run the code and check what must hold for any input.
//!
//! `tests/fuzz` gives them to libFuzzer; `tests/fuzz_seeds.rs` runs them as an ordinary test.

#![allow(
    dead_code,
    clippy::missing_panics_doc,
    reason = "each fuzz target uses one of these"
)]

use dial_core::enrolment::{Audience, Enrolment, sts_host};
use dial_core::gzip::inflate;
use dial_core::key::{KEY_BYTES, KeyId, RootKey, RootKeys};
use dial_core::signature::{Signed, sign, verify};
use dial_core::wire::WorkerInfo;
use dial_core::{AccountId, Region};
use dial_detect::engine::lint_text;
use dial_detect::envelope::trail::{Counts, Limits, ScanError, scan};
use dial_detect::envelope::{Input, Item, read};
use dial_detect::event::Event;
use dial_detect::facts::{Known, policy as evaluator};
use dial_detect::{Pipeline, Settings, redact};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// One target: a name and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, sorted by name.
pub const TARGETS: [Target; 7] = [
    ("enrolment", enrolment),
    ("envelope", envelope),
    ("gzip", gzip),
    ("headers", headers),
    ("policy", policy),
    ("record", record),
    ("rule", rule),
];

/// Unix seconds that the targets take for now: 2026-05-01.
const NOW: i64 = 1_777_593_600;

/// Whatever asks for a key: nobody but an STS of AWS is asked, in headers that stay headers.
pub fn enrolment(bytes: &[u8]) {
    let now = Timestamp::from_second(NOW).unwrap_or_default();
    let Ok(enrolment) = Enrolment::read(bytes, now) else {
        return;
    };
    let audience = Audience::parse("https://dial.example.com").expect("a constant URL");
    let question = enrolment.question(&audience).expect("its region was read");
    let host = sts_host(&enrolment.worker.region).expect("its region was read");
    assert_eq!(question.url(), format!("https://{host}/"));
    assert!(
        host.starts_with("sts.") && dial_core::partition::of(&enrolment.worker.region).is_some()
    );
    for (name, value) in question.headers() {
        assert!(value.bytes().all(|b| (b' '..=b'~').contains(&b)), "{name}");
    }
    let again = Enrolment::read(&enrolment.to_json(), now);
    assert_eq!(again, Ok(enrolment), "reading is a function");
}

/// Whatever an invocation brings, what comes out of it is fit for keys and queries.
pub fn envelope(bytes: &[u8]) {
    let Ok(input) = read(bytes) else { return };
    check_input(&input);
    assert_eq!(read(bytes).as_ref(), Ok(&input), "reading is a function");
}

fn check_input(input: &Input) {
    match input {
        Input::Events(items) => items.iter().for_each(check_item),
        Input::Objects(objects) => {
            for object in objects.iter().flatten() {
                assert!(!object.bucket.is_empty());
            }
        }
        Input::Queue(messages) => {
            for message in messages {
                let content = message.content.as_ref().ok();
                assert!(
                    !matches!(content, Some(Input::Queue(_))),
                    "queue in a queue"
                );
                content.into_iter().for_each(check_input);
            }
        }
    }
}

fn check_item(item: &Item) {
    let Ok(event) = item else { return };
    assert!(AccountId::parse(&event.account).is_ok());
    assert!(Region::parse(&event.region).is_ok());
    assert!((1..=1024).contains(&event.id.len()));
    assert!(event.record.is_object());
}

/// A compressed file gives what its content gives; damage is an error, not a difference.
pub fn gzip(bytes: &[u8]) {
    let limits = Limits {
        inflated: 1 << 20,
        ratio: 2_000,
        records: 1_000,
    };
    let (items, result) = scanned(bytes, &limits);
    items.iter().for_each(check_item);
    if let Ok(counts) = &result {
        assert!(counts.wanted + counts.malformed <= counts.records);
        assert_eq!(items.len() as u64, counts.wanted + counts.malformed);
    }
    if bytes.starts_with(&[0x1f, 0x8b])
        && let Ok(plain) = inflate(bytes, 1 << 20)
        && !plain.starts_with(&[0x1f, 0x8b])
    {
        let (from_plain, plain_result) = scanned(&plain, &limits);
        assert_eq!(items, from_plain);
        assert_eq!(result.is_ok(), plain_result.is_ok());
    }
}

fn scanned(bytes: &[u8], limits: &Limits) -> (Vec<Item>, Result<Counts, ScanError>) {
    let mut items = Vec::new();
    let result = scan(bytes, limits, |_| true, |item| items.push(item));
    (items, result)
}

static ROOTS: LazyLock<RootKeys> = LazyLock::new(|| {
    let key = |byte| RootKey::from_bytes([byte; KEY_BYTES]);
    RootKeys::default().with(1, key(1)).with(2, key(2))
});

/// Five header values and a body, one a line: nobody gets in who could not have signed.
pub fn headers(bytes: &[u8]) {
    let mut parts = bytes.splitn(6, |byte| *byte == b'\n');
    let mut text = || std::str::from_utf8(parts.next().unwrap_or_default()).unwrap_or("\u{fffd}");
    let signed = Signed {
        id: text(),
        timestamp: text(),
        signature: text(),
        worker: text(),
        key: text(),
    };
    let body = parts.next().unwrap_or_default();
    let now = Timestamp::from_second(NOW).unwrap_or_default();
    let Ok(worker) = verify(&signed, body, &ROOTS, now) else {
        return;
    };
    let key: KeyId = signed.key.parse().expect("verified");
    let root = ROOTS.get(key.root).expect("verified");
    let timestamp = signed.timestamp.parse().expect("verified");
    let own = sign(
        &root.worker_key(&worker, key.not_after),
        signed.id,
        timestamp,
        body,
    );
    assert!(
        signed.signature.split(' ').any(|tag| tag == own),
        "let in without a signature"
    );
}

/// Any JSON is a policy to the evaluator.
pub fn policy(bytes: &[u8]) {
    let Ok(Value::Object(document)) = serde_json::from_slice(bytes) else {
        return;
    };
    let accounts = BTreeSet::from(["111122223333".to_owned()]);
    let known = Known {
        accounts: &accounts,
        own: "111122223333",
    };
    if let Some(access) = evaluator::access(&document, &known) {
        let is_flagged = access.public || access.external || access.any_subject;
        assert_eq!(is_flagged, !access.statements.is_empty(), "{access:?}");
    }
    if let Some(grants) = evaluator::grants(&document) {
        assert!(!grants.admin || !grants.statements.is_empty(), "{grants:?}");
    }
}

/// Any text is a rule to lint: it has remarks, each in the file, and no panic.
pub fn rule(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for remark in lint_text("fuzzed", text) {
        assert_eq!(remark.file, "fuzzed.yml");
        assert!(remark.message.len() <= 2_048, "{}", remark.message);
    }
}

static PIPELINE: LazyLock<Pipeline> = LazyLock::new(|| {
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0".into(),
        rules: String::new(),
    };
    Pipeline::new(&Settings::default(), worker).unwrap_or_else(|errors| {
        panic!("the bundled rules do not load: {errors:?}");
    })
});

/// A record goes the whole way: nothing panics behind the isolation, findings are valid, secrets
/// are gone at once.
pub fn record(bytes: &[u8]) {
    let Ok(Input::Events(items)) = read(bytes) else {
        return;
    };
    for event in items.into_iter().flatten().take(20) {
        judge(&event);
    }
}

fn judge(event: &Event) {
    let now = Timestamp::from_second(NOW).unwrap_or_default();
    let judged = PIPELINE.run(event, now);
    assert!(judged.failures.is_empty(), "{:?}", judged.failures);
    for finding in &judged.findings {
        assert_eq!(finding.validate(), Ok(()));
    }
    let mut redacted = event.record.clone();
    redact::redact(&mut redacted);
    let once = redacted.clone();
    assert_eq!(redact::redact(&mut redacted), 0, "{once}");
}
