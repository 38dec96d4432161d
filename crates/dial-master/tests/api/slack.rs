//! The Slack app through the whole API, with a Slack that only remembers.

use crate::bed::{Answer, Bed, NOW, finding};
use axum::body::Body;
use dial_core::ports::Secrets;
use dial_core::secret::{SecretError, SecretRef};
use dial_core::{FindingId, Secret};
use dial_master::message::links::Links;
use dial_master::sinks::guard::Guard;
use dial_master::slack::verify::{SIGNATURE, SigningSecrets, TIMESTAMP};
use dial_master::slack::{SlackApp, SlackSettings};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

pub(crate) const SIGNING: &str = "not-a-real-slack-signing-secret";
const FIRST: &str = "U0000000001";
const SECOND: &str = "U0000000002";
const LOOKS: &str = "U0000000003";
const UNKNOWN: &str = "U0000000009";
const TEAM: &str = "T0000000001";

struct Known;

#[async_trait::async_trait]
impl Secrets for Known {
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        match reference {
            SecretRef::Env(name) if name == "SIGN" => Ok(Secret::new(SIGNING)),
            _ => Ok(Secret::new("tok-0123456789")),
        }
    }
}

async fn app(api: &str) -> SlackApp {
    let text = format!(
        "signing_secret = 'env:SIGN'\nbot_token = 'env:TOKEN'\napi_url = '{api}/api'\n\
         teams = ['{TEAM}']\n[users]\n\
         {FIRST} = {{ name = 'first', scope = 'analyst' }}\n\
         {SECOND} = {{ name = 'second', scope = 'admin' }}\n\
         {LOOKS} = {{ name = 'guest' }}\n"
    );
    let settings: SlackSettings = toml::from_str(&text).unwrap();
    let links = Links::new(Some("https://dial.example.org")).unwrap();
    let built = settings.build(&Known, Guard::Anything, links).await;
    built.unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// A master with one finding, and the Slack that it speaks to.
struct Desk {
    bed: Bed,
    slack: MockServer,
    finding: FindingId,
}

impl Desk {
    async fn open() -> Self {
        let slack = MockServer::start().await;
        let ok = ResponseTemplate::new(200).set_body_json(json!({"ok": true}));
        Mock::given(method("POST"))
            .respond_with(ok)
            .mount(&slack)
            .await;
        let app = app(&slack.uri()).await;
        let bed = Bed::with(|parts| parts.slack = Some(app));
        let finding = finding(1);
        bed.post(std::slice::from_ref(&finding)).await;
        let finding = FindingId::parse(finding["id"].as_str().unwrap()).unwrap();
        Self {
            bed,
            slack,
            finding,
        }
    }

    async fn click(&self, user: &str, action: &str, value: &str) -> Answer {
        let payload = self.payload(user, action, value);
        self.bed.send(interaction(&payload)).await
    }

    fn payload(&self, user: &str, action: &str, value: &str) -> Value {
        json!({
            "type": "block_actions",
            "user": {"id": user, "team_id": TEAM},
            "team": {"id": TEAM},
            "container": {"type": "message", "is_ephemeral": false},
            "trigger_id": "123.456",
            "response_url": format!("{}/answer", self.slack.uri()),
            "actions": [{"type": "button", "action_id": action, "value": value}],
        })
    }

    fn at(&self, revision: u64) -> String {
        format!("{}.{revision}", self.finding)
    }

    async fn command(&self, text: &str) -> Value {
        let answer = self.bed.send(command(FIRST, text)).await;
        assert_eq!(answer.status, StatusCode::OK, "{text}");
        answer.json()
    }

    /// Status and history of the finding, as the API tells them.
    async fn detail(&self) -> Value {
        let path = format!("/v1/findings/{}", self.finding);
        self.bed.get(&path).await.json()
    }

    /// `who action` of every change so far.
    async fn history(&self) -> Vec<String> {
        let detail = self.detail().await;
        let lines = detail["audit"].as_array().unwrap().iter();
        let changes = lines.filter(|line| line["door"] == "slack");
        changes
            .map(|line| {
                format!(
                    "{} {}",
                    line["who"].as_str().unwrap(),
                    line["action"].as_str().unwrap()
                )
            })
            .collect()
    }

    /// Path and body of everything that Slack got.
    async fn got(&self) -> Vec<(String, Value)> {
        let requests = self.slack.received_requests().await.unwrap();
        requests
            .iter()
            .map(|r| (r.url.path().to_owned(), r.body_json().unwrap()))
            .collect()
    }

    /// What the clicker was told last.
    async fn told(&self) -> String {
        let got = self.got().await;
        let last = got.iter().rev().find(|(path, _)| path == "/answer");
        last.map(|(_, body)| {
            body["blocks"][0]["text"]["text"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .unwrap_or_default()
    }
}

fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs);
    form.finish().into_bytes()
}

fn interaction(payload: &Value) -> Request<Body> {
    signed(
        "/slack/interactions",
        form(&[("payload", &payload.to_string())]),
    )
}

fn command(user: &str, text: &str) -> Request<Body> {
    let pairs = [
        ("command", "/dial"),
        ("team_id", TEAM),
        ("user_id", user),
        ("text", text),
    ];
    signed("/slack/commands", form(&pairs))
}

fn signed(path: &str, body: Vec<u8>) -> Request<Body> {
    signed_at(path, body, NOW)
}

fn signed_at(path: &str, body: Vec<u8>, at: i64) -> Request<Body> {
    let secrets = SigningSecrets::new(vec![Secret::new(SIGNING)]).unwrap();
    Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header(TIMESTAMP, at.to_string())
        .header(SIGNATURE, secrets.sign(at, &body))
        .body(Body::from(body))
        .unwrap()
}

type Spoil = fn(&mut Request<Body>);

#[tokio::test]
async fn what_slack_did_not_sign_now_is_refused_to_the_byte_and_touches_nothing() {
    let desk = Desk::open().await;
    let before = desk.bed.calls();
    let click = desk
        .payload(FIRST, "dial_acknowledge", &desk.at(0))
        .to_string();
    let body = || form(&[("payload", &click)]);
    let spoilt: [(&str, Spoil); 8] = [
        ("no signature", |r| drop(r.headers_mut().remove(SIGNATURE))),
        ("no time", |r| drop(r.headers_mut().remove(TIMESTAMP))),
        ("two signatures", |r| {
            let twin = r.headers()[SIGNATURE].clone();
            r.headers_mut().append(SIGNATURE, twin);
        }),
        ("other version", |r| {
            let text = r.headers()[SIGNATURE]
                .to_str()
                .unwrap()
                .replace("v0=", "v1=");
            r.headers_mut().insert(SIGNATURE, text.parse().unwrap());
        }),
        ("other time", |r| {
            r.headers_mut().insert(TIMESTAMP, (NOW + 1).into());
        }),
        ("not ASCII", |r| {
            let value = http::HeaderValue::from_bytes(b"v0=\xff").unwrap();
            r.headers_mut().insert(SIGNATURE, value);
        }),
        ("other body", |r| {
            *r.body_mut() = Body::from("payload=%7B%7D");
        }),
        ("no body", |r| *r.body_mut() = Body::empty()),
    ];
    let mut answers = Vec::new();
    for path in ["/slack/interactions", "/slack/commands"] {
        for (name, spoil) in spoilt {
            let mut request = signed(path, body());
            spoil(&mut request);
            answers.push((name, desk.bed.send(request).await));
        }
        for away in [-301, 301, i64::MAX - NOW, -NOW, i64::MIN + NOW] {
            let request = signed_at(path, body(), NOW + away);
            answers.push(("stale", desk.bed.send(request).await));
        }
        let garbage = Request::post(path).body(Body::from("{")).unwrap();
        answers.push(("garbage", desk.bed.send(garbage).await));
    }
    let bare = desk
        .bed
        .send(Request::get("/v1/findings").body(Body::empty()).unwrap());
    let bare = bare.await;
    assert_eq!(bare.status, StatusCode::UNAUTHORIZED);
    for (name, answer) in answers {
        assert_eq!(answer, bare, "{name}");
    }
    assert_eq!(
        desk.bed.calls(),
        before,
        "nothing behind the signature is asked"
    );
    assert!(desk.got().await.is_empty(), "slack hears nothing");
}

#[tokio::test]
async fn too_much_is_refused_before_anything_is_checked() {
    let desk = Desk::open().await;
    let before = desk.bed.calls();
    for path in ["/slack/interactions", "/slack/commands"] {
        let request = Request::post(path)
            .body(Body::from(vec![b'a'; 512 * 1024 + 1]))
            .unwrap();
        let answer = desk.bed.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (413, ""));
    }
    assert_eq!(desk.bed.calls(), before);
}

#[tokio::test]
async fn without_an_app_there_is_nothing() {
    let bed = Bed::new();
    for path in ["/slack/interactions", "/slack/commands"] {
        let answer = bed.send(signed(path, b"payload={}".to_vec())).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn signed_nonsense_is_a_bad_request() {
    let desk = Desk::open().await;
    let bodies: [&[u8]; 5] = [
        b"",
        b"\xff\xfe",
        b"payload=",
        b"payload=[]",
        b"payload=%7B%22type%22%3A%22block_actions%22%7D",
    ];
    for path in ["/slack/interactions", "/slack/commands"] {
        for body in bodies {
            let answer = desk.bed.send(signed(path, body.to_vec())).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {body:?}");
        }
    }
}

#[tokio::test]
async fn every_action_of_everyone_from_everywhere() {
    // (user, team, the user's own team) → what happens to a click that changes something.
    let people = [
        (FIRST, TEAM, Some(TEAM), "done"),
        (SECOND, TEAM, None, "done"),
        (LOOKS, TEAM, Some(TEAM), "needs the scope analyst"),
        (UNKNOWN, TEAM, Some(TEAM), "does not know you"),
        (FIRST, "T0000000009", Some(TEAM), "403"),
        (FIRST, TEAM, Some("T0000000009"), "403"),
        (UNKNOWN, "T0000000009", None, "403"),
    ];
    let actions = [
        ("dial_acknowledge", "", "acknowledged"),
        ("dial_assign", "", "assigned"),
        ("dial_snooze", ".4", "snoozed"),
        ("dial_resolve", "", "resolved"),
    ];
    for (action, suffix, done) in actions {
        for (user, team, home, expected) in people {
            let desk = Desk::open().await;
            let value = format!("{}{suffix}", desk.at(0));
            let mut payload = desk.payload(user, action, &value);
            payload["team"]["id"] = team.into();
            payload["user"]["team_id"] = home.into();
            let answer = desk.bed.send(interaction(&payload)).await;
            let name = format!("{action} {user} {team} {home:?}");
            let who = if user == FIRST { "first" } else { "second" };
            match expected {
                "done" => {
                    assert_eq!(
                        (answer.status.as_u16(), answer.body.as_str()),
                        (200, ""),
                        "{name}"
                    );
                    assert_eq!(desk.history().await, [format!("{who} {done}")], "{name}");
                    assert!(desk.got().await.is_empty(), "{name}");
                }
                "403" => {
                    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
                    assert!(desk.history().await.is_empty(), "{name}");
                    assert!(desk.got().await.is_empty(), "{name}");
                }
                told => {
                    assert_eq!(answer.status, StatusCode::OK, "{name}");
                    assert!(desk.history().await.is_empty(), "{name}");
                    assert!(
                        desk.told().await.contains(told),
                        "{name}: {}",
                        desk.told().await
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn the_same_click_again_changes_nothing_and_complains_of_nothing() {
    let desk = Desk::open().await;
    for (action, suffix) in [
        ("dial_acknowledge", ""),
        ("dial_assign", ""),
        ("dial_snooze", ".24"),
        ("dial_resolve", ""),
    ] {
        let revision = desk.detail().await["revision"].as_u64().unwrap();
        let value = format!("{}{suffix}", desk.at(revision));
        let before = desk.history().await.len();
        for _ in 0..3 {
            desk.click(FIRST, action, &value).await;
        }
        assert_eq!(desk.history().await.len(), before + 1, "{action}");
    }
    assert!(desk.got().await.is_empty());
}

#[tokio::test]
async fn of_two_people_one_is_first_and_the_other_learns_who() {
    let desk = Desk::open().await;
    let seen = desk.at(0);
    desk.click(FIRST, "dial_acknowledge", &seen).await;
    desk.click(SECOND, "dial_false_positive", &seen).await;
    desk.click(SECOND, "dial_resolve", &seen).await;
    assert_eq!(desk.history().await, ["first acknowledged"]);
    insta::assert_snapshot!(desk.told().await);
    desk.click(FIRST, "dial_resolve", &seen).await;
    let own = desk.told().await;
    assert!(
        own.starts_with("You were here before: acknowledged at "),
        "{own}"
    );
    desk.click(SECOND, "dial_resolve", &desk.at(1)).await;
    assert_eq!(
        desk.history().await,
        ["first acknowledged", "second resolved"]
    );
    desk.click(FIRST, "dial_false_positive", &desk.at(2)).await;
    assert_eq!(desk.told().await, "Finding is resolved already.");
    desk.click(FIRST, "dial_reopen", &desk.at(2)).await;
    assert_eq!(desk.detail().await["status"], "open");
}

#[tokio::test]
async fn many_at_once_make_one_change() {
    let desk = Desk::open().await;
    let value = desk.at(0);
    let clicks = (0..20).map(|n| desk.click([FIRST, SECOND][n % 2], "dial_acknowledge", &value));
    futures::future::join_all(clicks).await;
    assert_eq!(desk.history().await.len(), 1);
}

#[tokio::test]
async fn the_event_is_shown_to_whoever_may_look() {
    let desk = Desk::open().await;
    for user in [LOOKS, FIRST] {
        desk.click(user, "dial_show", desk.finding.as_str()).await;
    }
    let got = desk.got().await;
    assert_eq!(got.len(), 2);
    let (path, body) = &got[0];
    assert_eq!(
        (path.as_str(), body["trigger_id"].as_str()),
        ("/api/views.open", Some("123.456"))
    );
    assert!(body["view"].to_string().contains("PutBucketPolicy"));
    let mut turn = desk.payload(LOOKS, "dial_turn_on", &format!("{}.1", desk.finding));
    turn["view"] = json!({"id": "V0000000001", "callback_id": "dial_show"});
    desk.bed.send(interaction(&turn)).await;
    let (path, body) = &desk.got().await[2];
    assert_eq!(
        (path.as_str(), body["view_id"].as_str()),
        ("/api/views.update", Some("V0000000001"))
    );
    let requests = desk.slack.received_requests().await.unwrap();
    assert_eq!(
        requests[0].headers["authorization"],
        "Bearer tok-0123456789"
    );
}

impl Desk {
    /// Sends the false-positive dialog as it was opened for that revision.
    async fn judge(&self, user: &str, revision: u64, breadth: &str, reason: &str) -> Answer {
        let choice =
            |value: &str| json!({"type": "static_select", "selected_option": {"value": value}});
        let payload = json!({
            "type": "view_submission",
            "user": {"id": user},
            "team": {"id": TEAM},
            "view": {
                "id": "V0000000001",
                "callback_id": "dial_false_positive",
                "private_metadata": self.at(revision),
                "state": {"values": {
                    "breadth": {"breadth": choice(breadth)},
                    "days": {"days": choice("7")},
                    "reason": {"reason": {"type": "plain_text_input", "value": reason}},
                }},
            },
        });
        self.bed.send(interaction(&payload)).await
    }

    /// `matchers | owner | reason` of the silences in force.
    async fn silences(&self) -> Vec<String> {
        let list = self.bed.get("/v1/silences").await.json();
        let list = list["silences"].as_array().unwrap().iter();
        list.map(|s| format!("{} | {} | {}", s["matchers"], s["owner"], s["reason"]))
            .collect()
    }
}

#[tokio::test]
async fn a_false_positive_is_closed_and_silenced_once() {
    let desk = Desk::open().await;
    desk.click(FIRST, "dial_false_positive", &desk.at(0)).await;
    let (path, body) = desk.got().await.remove(0);
    assert_eq!(path, "/api/views.open");
    assert_eq!(body["view"]["private_metadata"], desk.at(0));
    for _ in 0..3 {
        let answer = desk
            .judge(FIRST, 0, "principal_resource", "planned\nwork")
            .await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
    }
    assert_eq!(desk.history().await, ["first false_positive"]);
    let detail = desk.detail().await;
    assert_eq!(detail["audit"][1]["comment"], "planned\nwork");
    assert_eq!(
        desk.silences().await,
        [
            "[\"rule=s3_bucket_policy_public\",\"account=111122223333\",\"principal=arn:aws:iam::111122223333:user/deploy\",\"resource=arn:aws:s3:::exports\"] | \"first\" | \"planned work\""
        ]
    );
    let second = desk.judge(SECOND, 0, "account", "me too").await.json();
    assert_eq!(second["response_action"], "update");
    assert!(second.to_string().contains("first was faster"), "{second}");
    assert_eq!(desk.silences().await.len(), 1);
}

#[tokio::test]
async fn the_dialog_is_for_analysts_and_may_silence_nothing() {
    for (user, told) in [
        (LOOKS, "needs the scope analyst"),
        (UNKNOWN, "does not know you"),
    ] {
        let desk = Desk::open().await;
        let answer = desk.judge(user, 0, "nothing", "why not").await.json();
        assert!(answer.to_string().contains(told), "{answer}");
        assert!(desk.history().await.is_empty());
    }
    let desk = Desk::open().await;
    let answer = desk.judge(SECOND, 0, "nothing", "a test").await;
    assert_eq!(answer.body, "");
    assert_eq!(desk.history().await, ["second false_positive"]);
    assert!(desk.silences().await.is_empty());
}

#[tokio::test]
async fn a_silence_that_is_too_wide_leaves_everything_as_it_was() {
    let desk = Desk::open().await;
    let more: Vec<Value> = (2..30).map(finding).collect();
    desk.bed.post(&more).await;
    let answer = desk
        .judge(FIRST, 0, "account", "too much of it")
        .await
        .json();
    insta::assert_json_snapshot!("too_wide", answer);
    assert!(desk.history().await.is_empty() && desk.silences().await.is_empty());
}

#[tokio::test]
async fn a_command_silences_once() {
    let desk = Desk::open().await;
    let text = "silence rule=s3_bucket_policy_public resource=“arn:aws:s3:::exports” for 4h because planned work";
    let first = desk.command(text).await;
    assert_eq!(
        desk.command(text).await,
        first,
        "the same command again makes no second one"
    );
    assert_eq!(desk.silences().await.len(), 1);
    assert!(
        first["text"]
            .as_str()
            .unwrap()
            .starts_with("Silenced until 2030-"),
        "{first}"
    );
    let guest = desk.bed.send(command(LOOKS, text)).await.json();
    assert!(
        guest["text"]
            .as_str()
            .unwrap()
            .contains("needs the scope analyst")
    );
    let vague = desk
        .command("silence severity&lt;=critical for 4h because noise")
        .await;
    assert!(
        vague["text"]
            .as_str()
            .unwrap()
            .contains("almost everything"),
        "{vague}"
    );
}

#[tokio::test]
async fn slack_that_refuses_a_dialog_is_told_on() {
    let desk = Desk::open().await;
    desk.slack.reset().await;
    let expired = json!({"ok": false, "error": "expired_trigger_id"});
    Mock::given(path("/api/views.open"))
        .respond_with(ResponseTemplate::new(200).set_body_json(expired))
        .mount(&desk.slack)
        .await;
    let answer = desk.click(FIRST, "dial_show", desk.finding.as_str()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        desk.told().await,
        "Slack did not show it (expired_trigger_id). Try again."
    );
}

#[tokio::test]
async fn answers_go_to_slack_and_nowhere_else() {
    let elsewhere = MockServer::start().await;
    let desk = Desk::open().await;
    for url in [
        format!("{}/answer", elsewhere.uri()),
        "http://hooks.slack.com/x".into(),
        "https://hooks.slack.com.evil.example/x".into(),
        "https://user@hooks.slack.com/x".into(),
        "https://hooks.slack.com:8443/x".into(),
        "file:///etc/passwd".into(),
        "nonsense".into(),
    ] {
        let mut payload = desk.payload(UNKNOWN, "dial_resolve", &desk.at(0));
        payload["response_url"] = url.clone().into();
        assert_eq!(
            desk.bed.send(interaction(&payload)).await.status,
            StatusCode::OK,
            "{url}"
        );
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
    assert!(desk.got().await.is_empty());
}

#[tokio::test]
async fn commands_answer_the_one_who_asked() {
    let desk = Desk::open().await;
    let id = desk.finding.to_string();
    for (name, text) in [
        ("help", "help"),
        ("nothing", ""),
        ("unknown", "reboot <!channel>"),
        ("search", "search severity:high since:9999d"),
        ("search_words", "search lets bucket attack:T1530"),
        ("search_none", "search severity:low"),
        ("search_wrong", "search severity:loud"),
        ("show_wrong", "show x"),
    ] {
        let answer = desk.command(text).await;
        assert_eq!(answer["response_type"], "ephemeral", "{name}");
        insta::assert_json_snapshot!(format!("command_{name}"), answer);
    }
    let shown = desk.command(&format!("show {id}")).await;
    insta::assert_json_snapshot!("command_show", shown);
    assert_eq!(desk.command(&id).await, shown, "an id alone is enough");
    let stranger = desk.bed.send(command(UNKNOWN, "help")).await.json();
    assert!(stranger["text"].as_str().unwrap().contains(UNKNOWN));
    let body = form(&[
        ("team_id", "T0000000009"),
        ("user_id", FIRST),
        ("text", "help"),
    ]);
    let foreign = desk.bed.send(signed("/slack/commands", body)).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_silent_store_is_admitted() {
    let desk = Desk::open().await;
    let gone = dial_core::store::StoreError::Unavailable("gone".into());
    desk.bed.store.break_with(Some(gone));
    let answer = desk.click(FIRST, "dial_acknowledge", &desk.at(0)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(desk.told().await.contains("did not answer"));
    let answer = desk.command("search severity:high").await;
    assert!(answer["text"].as_str().unwrap().contains("did not answer"));
}

/// An HTTP API hands forms on as base64; the function sees the bytes that Slack signed.
#[tokio::test]
async fn behind_an_http_api_the_form_comes_as_base64() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let desk = Desk::open().await;
    let click = desk
        .payload(FIRST, "dial_acknowledge", &desk.at(0))
        .to_string();
    let (parts, body) = signed("/slack/interactions", form(&[("payload", &click)])).into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let headers: serde_json::Map<String, Value> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
        .collect();
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/slack/interactions",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "http": {"method": "POST", "path": "/slack/interactions", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9", "userAgent": "Slackbot 1.0"},
            "stage": "$default", "requestId": "1", "apiId": "a", "accountId": "anonymous", "domainName": "a.example", "time": "01/May/2026:10:00:00 +0000", "timeEpoch": 1,
        },
        "body": STANDARD.encode(&body),
        "isBase64Encoded": true,
    });
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    let request = request.map(|body| Body::from(body.as_ref().to_vec()));
    let answer = desk.bed.send(request).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(desk.history().await, ["first acknowledged"]);
}
