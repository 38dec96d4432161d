//! The Slack app on AWS: a click goes through the HTTP API to the function, and is done when it answers.

use crate::lambda::Cloud;
use axum::http::StatusCode;
use dial_core::Secret;
use dial_master::slack::verify::{SIGNATURE, SigningSecrets, TIMESTAMP};
use dial_tests::deployment::MasterSetup;
use dial_tests::events::{eventbridge, record, with_id};
use dial_tests::reader::Reader;
use dial_tests::receivers::Receiver;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What the requests of tests are signed with.
pub(crate) const SIGNING: &str = "not-a-real-slack-signing-secret";

fn setup(slack: &Receiver) -> MasterSetup {
    let api = format!("{}/api", slack.url());
    let lines = format!(
        "[master.sinks.alerts]\ntype = \"slack\"\nbot_token = \"env:BOT\"\nchannel = \"C0123456789\"\n\
         api_url = {api:?}\nbuttons = true\n\n\
         [master.slack]\nsigning_secret = \"env:SIGNING\"\nbot_token = \"env:BOT\"\napi_url = {api:?}\n\
         teams = [\"T0123456789\"]\n\n[master.slack.users]\n\
         U0123456789 = {{ name = \"analyst-1\", scope = \"analyst\" }}\n"
    );
    MasterSetup {
        keys: String::new(),
        lines,
        env: vec![
            ("BOT".into(), "tok-0123456789".into()),
            ("SIGNING".into(), SIGNING.into()),
        ],
        store: None,
    }
}

/// The first control of that name on a message.
fn control<'m>(message: &'m Value, action: &str) -> Option<&'m Value> {
    let blocks = message["blocks"].as_array().into_iter().flatten();
    let elements = blocks
        .filter_map(|block| block["elements"].as_array())
        .flatten();
    elements
        .into_iter()
        .find(|element| element["action_id"] == action)
}

/// Sends what Slack sends when somebody presses a button.
pub(crate) async fn click(url: &str, payload: &Value) -> StatusCode {
    let mut form = reqwest::Url::parse("http://form.invalid/").expect("an address");
    form.query_pairs_mut()
        .append_pair("payload", &payload.to_string());
    let body = form.query().unwrap_or_default().to_owned();
    let now = Timestamp::now().as_second();
    let secrets = SigningSecrets::new(vec![Secret::new(SIGNING)]).expect("long enough");
    let request = reqwest::Client::new()
        .post(format!("{url}/slack/interactions"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header(TIMESTAMP, now.to_string())
        .header(SIGNATURE, secrets.sign(now, body.as_bytes()));
    let answer = request.body(body).send().await;
    answer.expect("the gateway answers").status()
}

#[tokio::test]
async fn a_click_is_done_when_the_function_answers() {
    let slack = Receiver::slack_api().await;
    let Some(cloud) = Cloud::start("slack", &setup(&slack)).await else {
        return;
    };
    let worker = cloud.worker().await;
    let event = eventbridge(&with_id(record("ec2/authorize_ingress_ssh_anyone"), "e-1"));
    worker.api.invoke(event.to_string()).await.json();
    let reader = Reader::of(&cloud.url);
    let stored = reader.findings("").await;
    let stream = Cloud::stream_event(&stored, &["alerts"]).to_string();
    cloud.deliver.invoke(stream).await.json();

    let message = slack.delivered()[0].json();
    let button = control(&message, "dial_acknowledge").expect("a button");
    let payload = json!({
        "type": "block_actions",
        "user": {"id": "U0123456789", "team_id": "T0123456789"},
        "team": {"id": "T0123456789"},
        "trigger_id": "1.2",
        "actions": [button],
    });
    assert_eq!(click(&cloud.url, &payload).await, StatusCode::OK);
    let id = stored[0]["id"].as_str().expect("an id");
    let (_, detail) = reader.get(&format!("/v1/findings/{id}")).await;
    assert_eq!(detail["status"], "acknowledged");
    let last = detail["audit"].as_array().and_then(|lines| lines.last());
    let last = last.expect("a history");
    assert_eq!(
        (&last["who"], &last["door"]),
        (&json!("analyst-1"), &json!("slack"))
    );
}
