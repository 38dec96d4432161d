//! Settings: what is wrong with them, and what they mean.

use super::{Known, WEBHOOK, built, settings};
use crate::sinks::guard::Guard;
use crate::sinks::{SINKS, Sinks, check};
use std::fmt::Write as _;
use std::time::Duration;

/// (case, name of the sink, its settings).
const PROBLEMS: [(&str, &str, &str); 23] = [
    ("name", "No Good", WEBHOOK),
    ("no type", "it", "webhook_url = 'env:HOOK'"),
    ("wrong type", "it", "type = 'slak'"),
    ("type of another kind", "it", "type = 3"),
    (
        "unknown key",
        "it",
        "type = 'slack'\nwebhok_url = 'env:HOOK'",
    ),
    (
        "literal secret",
        "it",
        "type = 'slack'\nwebhook_url = 'https://hooks.slack.com/sEcReT'",
    ),
    (
        "two ways",
        "it",
        "type = 'slack'\nwebhook_url = 'env:HOOK'\nbot_token = 'env:TOKEN'",
    ),
    (
        "no channel",
        "it",
        "type = 'slack'\nbot_token = 'env:TOKEN'",
    ),
    (
        "odd channel",
        "it",
        "type = 'slack'\nbot_token = 'env:TOKEN'\nchannel = '<!here>'",
    ),
    (
        "who is no one",
        "it",
        "type = 'slack'\nwebhook_url = 'env:HOOK'\nmention = { critical = ['@soc', 'S0123456789'], urgent = ['here'] }",
    ),
    (
        "too many",
        "it",
        "type = 'slack'\nwebhook_url = 'env:HOOK'\nmention = { high = ['U1', 'U2', 'U3', 'U4', 'U5', 'U6'] }",
    ),
    (
        "channel of a webhook",
        "it",
        "type = 'slack'\nwebhook_url = 'env:HOOK'\nchannel = 'C1'",
    ),
    (
        "ranges",
        "it",
        "type = 'slack'\nwebhook_url = 'env:HOOK'\nmin_interval_ms = 100000\nconcurrency = 0\ntimeout_seconds = 60\ngive_up_after_hours = 0",
    ),
    (
        "no such variable",
        "it",
        "type = 'slack'\nwebhook_url = 'env:NONE'",
    ),
    (
        "secret inside",
        "it",
        "type = 'slack'\nwebhook_url = 'env:INSIDE'",
    ),
    (
        "secret of two lines",
        "it",
        "type = 'thehive'\nurl = 'https://h.example.org'\napi_key = 'env:BROKEN'",
    ),
    (
        "plain http",
        "it",
        "type = 'thehive'\nurl = 'http://h.example.org'\napi_key = 'env:TOKEN'",
    ),
    (
        "loopback",
        "it",
        "type = 'thehive'\nurl = 'https://127.1'\napi_key = 'env:TOKEN'",
    ),
    (
        "levels",
        "it",
        "type = 'thehive'\nurl = 'https://h.example.org'\napi_key = 'env:TOKEN'\ntlp = 5\npap = 4\nsource = ''",
    ),
    (
        "priorities and what stands behind them",
        "it",
        "type = 'jira'\nurl = 'https://j.example.org'\nemail = 'nobody'\napi_token = 'env:TOKEN'\nproject = 'sec'\nlabels = ['two words']\npriorities = { hgih = 'High', low = 5, urgent = 'x' }\ntransitions = { gone = 'x' }",
    ),
    (
        "missing keys",
        "it",
        "type = 'webhook'\nurl = 'https://h.example.org'",
    ),
    (
        "short key",
        "it",
        "type = 'webhook'\nurl = 'https://h.example.org'\nsecret = 'env:SHORT'",
    ),
    (
        "no key",
        "it",
        "type = 'webhook'\nurl = 'https://h.example.org'\nsecret = 'env:TOKEN'",
    ),
];

#[tokio::test]
async fn every_problem_is_named_with_its_key_and_never_with_a_secret() {
    let mut text = String::new();
    for (case, name, toml) in PROBLEMS {
        let settings = settings(name, toml);
        let problems = Sinks::build(&settings, &Known, Guard::Public)
            .await
            .unwrap_err();
        let _ = writeln!(text, "{case}");
        for (path, message) in &problems {
            let _ = writeln!(text, "  {path}: {message}");
        }
        let mut offline = Vec::new();
        check(&settings, Guard::Public, &mut |path, message| {
            offline.push((path.to_owned(), message));
        });
        assert!(
            offline.is_empty() || offline == problems,
            "{case}: {offline:?}"
        );
    }
    assert!(!text.contains("sEcReT"), "{text}");
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn private_addresses_need_the_switch() {
    let text = "type = 'thehive'\nurl = 'http://127.0.0.1:9000'\napi_key = 'env:TOKEN'";
    let settings = settings("it", text);
    assert!(
        Sinks::build(&settings, &Known, Guard::Public)
            .await
            .is_err()
    );
    let sinks = Sinks::build(&settings, &Known, Guard::Anything)
        .await
        .unwrap();
    assert_eq!(sinks.names(), ["it"]);
}

#[tokio::test]
async fn terms_come_from_the_kind_unless_the_settings_say_otherwise() {
    let kind = built(WEBHOOK).await.get("it").unwrap().terms;
    assert_eq!(
        (kind.min_interval, kind.concurrency),
        (Duration::from_secs(1), 1)
    );
    assert_eq!(kind.give_up_after, Duration::from_hours(72));
    let text = format!(
        "{WEBHOOK}\nmin_interval_ms = 250\nconcurrency = 3\ntimeout_seconds = 5\ngive_up_after_hours = 1"
    );
    let own = built(&text).await.get("it").unwrap().terms;
    assert_eq!(
        (own.min_interval, own.concurrency),
        (Duration::from_millis(250), 3)
    );
    assert_eq!(
        (own.timeout, own.give_up_after),
        (Duration::from_secs(5), Duration::from_hours(1))
    );
}

#[test]
fn the_registry_is_sorted_and_described() {
    assert!(SINKS.is_sorted_by_key(|kind| kind.name));
    assert!(SINKS.iter().all(|kind| !kind.summary.is_empty()));
}
