//! What each sink sends.

use super::aws::SNS;
use super::{BOT, GOOGLE_CHAT, Known, PAGERDUTY, SIGNED, TEAMS, THEHIVE, WEBHOOK};
use super::{built, job, links, sent, shown};
use crate::message::samples;
use crate::sinks::{Call, GroupState, Job};
use dial_core::Finding;
use dial_core::ports::Secrets as _;
use dial_core::secret::SecretRef;
use dial_core::store::group::Before;
use serde_json::Value;

/// Changes a finding.
type Change = fn(&mut Finding);

#[tokio::test]
async fn the_requests_are_these() {
    let cases = [
        ("slack_webhook", WEBHOOK),
        ("slack_bot", BOT),
        ("thehive", THEHIVE),
        ("webhook", SIGNED),
    ];
    let findings = [
        ("benign", samples::benign()),
        ("hostile", samples::hostile(1)),
    ];
    for (sink, settings) in cases {
        let sinks = built(settings).await;
        for (kind, finding) in &findings {
            let links = links();
            let call = sent(sinks.get("it").unwrap().sink.start(&job(finding, &links)));
            insta::assert_snapshot!(format!("{sink}_{kind}"), shown(&call));
        }
    }
}

/// Where a message cannot be changed, the next one says what was told before.
#[tokio::test]
async fn a_problem_that_is_told_anew_says_how_often_it_came() {
    let (finding, links) = (samples::benign(), links());
    let group = GroupState {
        before: Some(Before {
            findings: 14,
            since: "2026-05-01T09:00:00Z".parse().unwrap(),
        }),
        ..GroupState::default()
    };
    let said = "told before: 14 findings since 2026-05-01T09:00:00Z";
    for settings in [WEBHOOK, BOT, TEAMS, GOOGLE_CHAT, PAGERDUTY, SNS] {
        let sinks = built(settings).await;
        let sink = &sinks.get("it").unwrap().sink;
        let first = job(&finding, &links);
        let anew = Job {
            group: Some(&group),
            ..first
        };
        for (job, expected) in [(first, false), (anew, true)] {
            let body = sent(sink.start(&job)).body;
            // A form spells blanks and colons its own way.
            let form = reqwest::Url::parse(&format!("x:?{}", String::from_utf8_lossy(&body)));
            let pairs = form
                .unwrap()
                .query_pairs()
                .map(|(_, value)| value.into_owned())
                .collect::<String>();
            let text = format!("{}{pairs}", String::from_utf8_lossy(&body));
            assert_eq!(text.contains(said), expected, "{settings}: {text}");
        }
    }
}

#[tokio::test]
async fn observables_are_valid_and_never_repeated() {
    let sinks = built(THEHIVE).await;
    let links = links();
    let cases: [(&str, Change); 5] = [
        ("benign", |_| {}),
        ("service instead of an address", |f| {
            f.source.ip = Some("s3.amazonaws.com".into());
        }),
        ("mapped address", |f| {
            f.source.ip = Some("::ffff:198.51.100.7".into());
        }),
        ("repeats", |f| {
            let one = f.resources[0].clone();
            f.resources = vec![one; 300];
            f.principal.arn = Some("arn:aws:s3:::shop-invoices".into());
        }),
        ("many", |f| {
            let one = f.resources[0].clone();
            f.resources = (0..300)
                .map(|n| {
                    let mut other = one.clone();
                    other.arn = Some(format!("arn:aws:s3:::bucket-{n}"));
                    other
                })
                .collect();
        }),
    ];
    for (name, change) in cases {
        let mut finding = samples::benign();
        change(&mut finding);
        let call = sent(sinks.get("it").unwrap().sink.start(&job(&finding, &links)));
        let alert: Value = serde_json::from_slice(&call.body).unwrap();
        let list = alert["observables"].as_array().unwrap();
        let kinds = ["ip", "user-agent", "autonomous-system", "other"];
        let known = |o: &Value| kinds.contains(&o["dataType"].as_str().unwrap_or_default());
        assert!(list.iter().all(known), "{name}: {list:?}");
        let mut keys: Vec<String> = list
            .iter()
            .map(|o| format!("{}{}", o["dataType"], o["data"]))
            .collect();
        let before = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), before, "{name}");
        assert!((4..=50).contains(&before), "{name}: {before}");
    }
}

#[tokio::test]
async fn titles_and_tags_of_thehive_hold_no_markup_and_keep_their_limits() {
    let sinks = built(THEHIVE).await;
    let links = links();
    for finding in [
        samples::hostile(1),
        samples::hostile(400),
        samples::filled(""),
    ] {
        let call = sent(sinks.get("it").unwrap().sink.start(&job(&finding, &links)));
        let alert: Value = serde_json::from_slice(&call.body).unwrap();
        let tags = alert["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| (tag, 128));
        for (text, limit) in tags.chain([(&alert["title"], 512)]) {
            let text = text.as_str().unwrap();
            assert!(!text.contains(['<', '>', '`', '\n', '\u{202e}']), "{text}");
            assert!((1..=limit).contains(&text.chars().count()), "{text}");
        }
        assert_eq!(alert["sourceRef"], finding.id.as_str());
    }
}

#[tokio::test]
async fn a_webhook_is_signed_with_every_key_anew_at_each_attempt() {
    let sinks = built(&format!("{SIGNED}\nnext_secret = 'env:NEXT'")).await;
    let sink = &sinks.get("it").unwrap().sink;
    let (finding, links) = (samples::benign(), links());
    let first = sent(sink.start(&job(&finding, &links)));
    let later = Job {
        now: "2026-05-01T11:00:00Z".parse().unwrap(),
        attempt: 2,
        ..job(&finding, &links)
    };
    let second = sent(sink.start(&later));
    let header = |call: &Call, name: &str| call.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header(&first, "webhook-id"), finding.id.as_str());
    assert_eq!(header(&first, "webhook-id"), header(&second, "webhook-id"));
    assert_eq!(header(&first, "webhook-timestamp"), "1777629604");
    assert_eq!(header(&second, "webhook-timestamp"), "1777633200");
    assert_eq!(first.body, second.body);
    let tags = header(&first, "webhook-signature");
    assert_eq!(
        tags.split(' ').filter(|tag| tag.starts_with("v1,")).count(),
        2
    );
    assert_ne!(tags, header(&second, "webhook-signature"));
}

/// The contract's own verifier accepts what we sign, so the layout is right.
#[tokio::test]
async fn the_verifier_of_the_contract_accepts_the_signature() {
    use dial_core::key::WorkerKey;
    let sinks = built(SIGNED).await;
    let (finding, links) = (samples::benign(), links());
    let call = sent(sinks.get("it").unwrap().sink.start(&job(&finding, &links)));
    let Ok(secret) = Known.fetch(&SecretRef::Env("KEY".into())).await else {
        panic!("known above");
    };
    let key = WorkerKey::parse(&secret).unwrap();
    let expected = dial_core::signature::sign(&key, finding.id.as_str(), 1_777_629_604, &call.body);
    assert_eq!(call.headers["webhook-signature"], expected.as_str());
}
