//! One deployment, everything that its functions do, and nothing that their roles do not allow.

use super::{
    Deployed, HOME_TRAIL, TRAIL, enrols, faults, metrics, operator, schedule, tells, trail_file,
    unused,
};
use crate::hook::verified;
use crate::slack::click;
use dial_tests::attacker::Forgery;
use dial_tests::deployment::{TOKEN, key_id, worker_id, worker_key};
use dial_tests::events::{eventbridge, object_created, queue, record, with_id};
use dial_tests::reader::Reader;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How many sinks the master has.
pub(super) const SINKS: u8 = 7;

#[tokio::test(flavor = "multi_thread")]
async fn what_terraform_deploys_finds_tells_and_may_do_no_more() {
    let Some(deployed) = Deployed::start().await else {
        return;
    };
    let id = the_way(&deployed).await;
    everything_else(&deployed, &id).await;
    operator::looks_and_flies_a_canary(&deployed).await;
    let listed = unused();
    assert!(
        listed
            .keys()
            .all(|name| deployed.functions.contains_key(&**name)),
        "a function that is not there is listed: {:?}",
        listed.keys()
    );
    let mut wrong = String::new();
    for (name, function) in &deployed.functions {
        let calls = deployed.calls(function);
        let listed = listed.get(*name).cloned().unwrap_or_default();
        for fault in faults(&calls, &function.grants, &listed) {
            wrong = format!("{wrong}{name}: {fault}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// An event to the bus; the finding in the table, and at the sink. Returns its id.
async fn the_way(deployed: &Deployed) -> String {
    let event = eventbridge(&record("ec2/authorize_ingress_ssh_anyone"));
    let (rules, reply) = deployed.put_event(&event).await;
    assert!(
        rules
            .iter()
            .all(|rule| rule.starts_with("dial-worker-writes")),
        "{rules:?}"
    );
    assert_eq!(reply["accepted"], 1, "{reply}");
    let found = Reader::of(&deployed.url).findings("").await;
    let id = found[0]["id"]
        .as_str()
        .expect("a finding has an id")
        .to_owned();
    let items = deployed.items(&id).await;
    let meta = items.iter().find(|item| item["sk"]["S"] == "META");
    assert!(meta.is_some(), "{items:?}");
    let api = &deployed.functions["api"];
    assert!(tells(api, "FindingsAccepted", 1.0), "{:?}", metrics(api));

    let stream = deployed.stream(&items);
    let records = stream["Records"].as_array().map(Vec::len);
    assert_eq!(
        records,
        Some(usize::from(SINKS)),
        "the filter passes the outbox rows alone: {stream}"
    );
    let deliver = &deployed.functions["deliver"];
    let reply = deliver.api.invoke(stream.to_string()).await.json();
    assert_eq!(reply, json!({"batchItemFailures": []}));
    assert_eq!(verified(&deployed.hook.delivered()[0])["id"], *id);
    assert_eq!(deployed.slack.delivered().len(), 1);
    assert!(
        tells(deliver, "DeliveriesSent", f64::from(SINKS)),
        "{:?}",
        metrics(deliver)
    );

    deployed.sweep().await;
    let sweep = &deployed.functions["sweep"];
    assert!(tells(sweep, "OldestDue", 0.0), "{:?}", metrics(sweep));
    id
}

/// The rest of what the functions do, so that every right of their roles is used.
async fn everything_else(deployed: &Deployed, id: &str) {
    the_worker_s_other_inputs(deployed).await;
    a_worker_behind_a_queue(deployed).await;
    enrols::a_worker_gets_its_key(deployed).await;
    a_record_too_large_for_the_table(deployed).await;
    a_finding_that_is_none(deployed).await;
    people_at_work(&deployed.url, id).await;
    let changed = deployed.stream(&deployed.items(id).await).to_string();
    let reply = deployed.functions["deliver"].api.invoke(changed).await;
    assert_eq!(reply.json(), json!({"batchItemFailures": []}));
    what_the_stream_did_not_bring(deployed).await;
}

/// The sweep tells every sink of a finding and of its change.
async fn what_the_stream_did_not_bring(deployed: &Deployed) {
    let reader = Reader::of(&deployed.url);
    let before = ids(&reader).await;
    let swept = with_id(record("ec2/authorize_ingress_ssh_anyone"), "swept-1");
    deployed.put_event(&eventbridge(&swept)).await;
    let new = ids(&reader).await;
    let id = new.difference(&before).next().expect("it is stored");
    deployed.sweep().await;
    let items = deployed.items(id).await;
    let rows = items.iter().filter(|item| is_delivery(item));
    // Who has been told of the like within the hour is not told again.
    let settled = rows.filter(|row| {
        ["sent", "suppressed"]
            .iter()
            .any(|s| row["state"]["S"] == *s)
    });
    assert_eq!(settled.count(), usize::from(SINKS), "{items:?}");
    let path = format!("/v1/findings/{id}/transitions");
    let acknowledge = json!({"action": "acknowledge"});
    send(&deployed.url, "POST", &path, &acknowledge).await;
    deployed.sweep().await;
}

fn is_delivery(item: &Value) -> bool {
    let key = item["sk"]["S"].as_str().unwrap_or_default();
    key.starts_with("OUT#")
}

async fn ids(reader: &Reader) -> BTreeSet<String> {
    let found = reader.findings("").await.into_iter();
    found
        .filter_map(|finding| finding["id"].as_str().map(str::to_owned))
        .collect()
}

/// Events of another region, out of a queue and a trail, with a key out of a parameter.
async fn a_worker_behind_a_queue(deployed: &Deployed) {
    let worker = &deployed.functions["worker_home"].api;
    let mut seen = with_id(record("ec2/authorize_ingress_ssh_anyone"), "home-1");
    seen["awsRegion"] = "us-east-1".into();
    let mut event = eventbridge(&seen);
    event["region"] = "us-east-1".into();
    let malformed = "{\"detail-type\": \"AWS API Call via CloudTrail\"}".to_owned();
    let batch = queue([("m-1", event.to_string()), ("m-2", malformed)]);
    let reply = worker.invoke(batch.to_string()).await.json();
    assert_eq!(reply["batchItemFailures"], json!([]), "{reply}");
    let key = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/05/01/trail.json.gz";
    let file = trail_file(&[with_id(seen, "home-2")]);
    let size = file.len();
    deployed.aws.put(&format!("{HOME_TRAIL}/{key}"), file).await;
    let notice = object_created(HOME_TRAIL, key, size).to_string();
    let reply = worker.invoke(notice).await.json();
    assert_eq!(reply["accepted"], 1, "{reply}");
    let found = Reader::of(&deployed.url)
        .findings("?region=us-east-1")
        .await;
    assert_eq!(found.len(), 2, "{found:?}");
}

async fn the_worker_s_other_inputs(deployed: &Deployed) {
    let worker = &deployed.functions["worker"].api;
    let malformed = "{\"detail-type\": \"AWS API Call via CloudTrail\"}";
    let reply = worker.invoke(malformed).await.json();
    assert_eq!(reply["dead_letters"], 1, "{reply}");
    assert!(tells(&deployed.functions["worker"], "DeadLetters", 1.0));
    let key = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/01/trail.json.gz";
    let file = trail_file(&[with_id(
        record("ec2/authorize_ingress_ssh_anyone"),
        "trail-1",
    )]);
    let size = file.len();
    deployed.aws.put(&format!("{TRAIL}/{key}"), file).await;
    let notice = object_created(TRAIL, key, size).to_string();
    let reply = worker.invoke(notice).await.json();
    assert_eq!(reply["accepted"], 1, "{reply}");
    let rules = deployed
        .applied
        .resources("aws_cloudwatch_event_rule", "module.worker.");
    let heartbeat = rules
        .iter()
        .find(|rule| rule["name"] == "dial-worker-heartbeat");
    worker
        .invoke(schedule(heartbeat.expect("there is a schedule")))
        .await
        .json();
    let (_, told) = Reader::of(&deployed.url).get("/v1/workers").await;
    assert_eq!(
        told["workers"][0]["worker"], "111122223333/eu-west-1",
        "{told}"
    );
}

async fn a_record_too_large_for_the_table(deployed: &Deployed) {
    let mut large = with_id(record("ec2/authorize_ingress_ssh_anyone"), "large-1");
    large["requestParameters"]["clientToken"] = "x".repeat(350_000).into();
    let (_, reply) = deployed.put_event(&eventbridge(&large)).await;
    assert_eq!(reply["accepted"], 1, "{reply}");
    let reader = Reader::of(&deployed.url);
    for finding in reader.findings("").await {
        let id = finding["id"].as_str().expect("a finding has an id");
        let (status, _) = reader.get(&format!("/v1/findings/{id}")).await;
        assert_eq!(status, 200);
        let show = json!({
            "type": "block_actions",
            "user": {"id": "U0123456789", "team_id": "T0123456789"},
            "team": {"id": "T0123456789"},
            "trigger_id": "1.2",
            "actions": [{"action_id": "dial_show", "type": "button", "value": id}],
        });
        assert_eq!(click(&deployed.url, &show).await, 200);
        let stream = deployed.stream(&deployed.items(id).await);
        deployed.functions["deliver"]
            .api
            .invoke(stream.to_string())
            .await
            .json();
    }
}

async fn a_finding_that_is_none(deployed: &Deployed) {
    let body = json!({
        "worker": {"account": "111122223333", "region": "eu-west-1", "version": "0", "rules": ""},
        "findings": [{"id": "f-none"}],
    });
    let now = Timestamp::now().as_second();
    let body = body.to_string();
    let forgery = Forgery::genuine(&worker_id(), &worker_key(), key_id(), now, body.as_bytes());
    let address = deployed.url.strip_prefix("http://").expect("a plain URL");
    let answer = forgery.send(address).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let api = &deployed.functions["api"];
    assert!(tells(api, "DeadLetters", 1.0), "{:?}", metrics(api));
}

async fn people_at_work(url: &str, id: &str) {
    let reader = Reader::of(url);
    let asked = [
        "/v1/findings?account=111122223333&severity=high,critical&status=open&q=ssh",
        "/v1/findings?rule=ec2_security_group_open_sensitive_port",
        "/v1/findings?principal=nobody&resource=nothing",
        "/v1/stats",
        "/v1/workers",
        "/v1/routes",
        "/v1/deliveries?sink=hook&state=failed",
        "/readyz",
        "/metrics",
    ];
    for path in asked {
        assert_eq!(reader.get(path).await.0, 200, "{path}");
    }
    let finding = format!("/v1/findings/{id}");
    let matchers = json!([
        "rule=ec2_security_group_open_sensitive_port",
        "account=444455556666"
    ]);
    let ends_at = Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let silence = json!({
        "matchers": matchers, "owner": "soc", "reason": "test", "ends_at": ends_at, "ahead": true,
    });
    let changes = [
        (
            format!("{finding}/transitions"),
            json!({"action": "snooze", "until": ends_at}),
        ),
        (
            format!("{finding}/transitions"),
            json!({"action": "reopen"}),
        ),
        (
            format!("{finding}/transitions"),
            json!({"action": "acknowledge"}),
        ),
        (
            format!("{finding}/transitions"),
            json!({"action": "assign", "to": "soc"}),
        ),
        (
            format!("{finding}/comments"),
            json!({"text": "asked the owner"}),
        ),
        (
            format!("{finding}/transitions"),
            json!({"action": "resolve"}),
        ),
        (
            "/v1/silences/preview".to_owned(),
            json!({"matchers": matchers}),
        ),
        ("/v1/silences".to_owned(), silence),
        (
            "/v1/tokens".to_owned(),
            json!({"name": "soc", "scope": "viewer"}),
        ),
    ];
    for (path, body) in changes {
        let made = send(url, "POST", &path, &body).await;
        if path == "/v1/silences" || path == "/v1/tokens" {
            let held = made["id"].as_str().expect("what was made has an id");
            send(url, "DELETE", &format!("{path}/{held}"), &Value::Null).await;
        }
    }
}

/// Sends as an admin; anything but a success fails the test.
async fn send(url: &str, method: &str, path: &str, body: &Value) -> Value {
    let method = method.parse().expect("a method");
    let request = reqwest::Client::new().request(method, format!("{url}{path}"));
    let answer = request.bearer_auth(TOKEN).json(body).send().await;
    let answer = answer.expect("the master answers");
    let status = answer.status();
    let text = answer.text().await.expect("the answer is whole");
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}
