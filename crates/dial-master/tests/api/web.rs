//! The dashboard over HTTP: signing in, who may do what, forms of others, headers of every page.

use crate::bed::{Answer, Bed, NOW, TOKEN, finding};
use axum::body::Body;
use dial_core::Secret;
use dial_core::store::token::Scope;
use dial_master::api::Caller;
use dial_master::readers::{Readers, Token};
use http::{Request, StatusCode};

const HOST: &str = "dial.example.org";
pub(crate) const ORIGIN: &str = "https://dial.example.org";
const LOOKER: &str = "looker-token-0123456789-abcdef";

/// A browser with one cookie.
pub(crate) struct Browser<'b> {
    bed: &'b Bed,
    pub(crate) cookie: Option<String>,
}

impl<'b> Browser<'b> {
    pub(crate) fn new(bed: &'b Bed) -> Self {
        Self { bed, cookie: None }
    }

    /// One that has signed in.
    pub(crate) async fn signed_in(bed: &'b Bed, token: &str) -> Self {
        let mut browser = Self::new(bed);
        let answer = browser
            .post("/sign-in", &[("token", token), ("next", "/findings")])
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer}");
        assert_eq!(answer.header("location"), Some("/findings"));
        let line = answer.header("set-cookie").unwrap();
        browser.cookie = line.split(';').next().map(str::to_owned);
        browser
    }

    pub(crate) async fn send(&self, request: http::request::Builder, body: String) -> Answer {
        let request = match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        let request = request.header("host", HOST);
        self.bed.send(request.body(Body::from(body)).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path), String::new()).await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(Some(ORIGIN), path, fields).await
    }

    async fn post_from(&self, origin: Option<&str>, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let mut request = Request::post(path);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        self.send(request, body.finish()).await
    }

    /// The token of the forms of a page.
    pub(crate) async fn form_token(&self, path: &str) -> String {
        let page = self.get(path).await.body;
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

/// A bed with two findings, and the path of one.
async fn filled() -> (Bed, String) {
    let bed = Bed::with(|parts| {
        let token = |name: &str, scope, text| {
            let name = name.to_owned();
            Token::new(Caller { name, scope }, &Secret::new(text), None).unwrap()
        };
        parts.readers = Readers::Tokens(vec![
            token("soc", Scope::Admin, TOKEN),
            token("looker", Scope::Viewer, LOOKER),
        ]);
    });
    let posted = bed.post(&[finding(1), finding(2)]).await.json();
    assert_eq!(posted["accepted"], 2);
    let listed = bed.get("/v1/findings").await.json();
    let id = listed["findings"][0]["id"].as_str().unwrap();
    (bed, format!("/findings/{id}"))
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_door_and_no_store_is_asked() {
    let (bed, path) = filled().await;
    let calls = bed.calls();
    let mut browser = Browser::new(&bed);
    for cookie in [None, Some("__Host-dial=made-up"), Some("dial_session=x")] {
        browser.cookie = cookie.map(str::to_owned);
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let next: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let place = format!("/sign-in?next={next}");
        assert_eq!(answer.header("location"), Some(place.as_str()));
        let changed = browser.post(&path, &[("action", "resolve")]).await;
        assert_eq!(changed.header("location"), Some("/sign-in"));
        assert_eq!(browser.get("/sign-in").await.status, StatusCode::OK);
    }
    let wrong = browser.post("/sign-in", &[("token", "not-a-token")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.header("set-cookie"), None);
    assert_eq!(bed.calls(), calls);
}

#[tokio::test]
async fn a_session_shows_changes_and_ends() {
    let (bed, path) = filled().await;
    let browser = Browser::signed_in(&bed, TOKEN).await;
    let list = browser.get("/findings?severity=high&q=bucket").await;
    assert_eq!(list.status, StatusCode::OK);
    assert!(list.body.contains(&path), "{}", list.body);
    let none = browser.get("/findings?severity=low").await;
    assert!(none.body.contains("Nothing here"), "{}", none.body);
    let wrong = browser.get("/findings?severity=red").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.body.contains("no severity"), "{}", wrong.body);

    let token = browser.form_token(&path).await;
    let fields = [
        ("form_token", token.as_str()),
        ("revision", "0"),
        ("action", "acknowledge"),
        ("comment", "looking\r\nat it"),
    ];
    let changed = browser.post(&path, &fields).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER, "{changed}");
    assert_eq!(changed.header("location"), Some(path.as_str()));
    let shown = bed.get(&format!("/v1{path}")).await.json();
    assert_eq!(shown["status"], "acknowledged");
    let acknowledged = &shown["audit"][1];
    assert_eq!(
        (&acknowledged["who"], &acknowledged["door"]),
        (&"soc".into(), &"dashboard".into())
    );
    assert_eq!(acknowledged["comment"], "looking\nat it");
    let again = browser.post(&path, &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(
        again.body.contains("Changed meanwhile by soc"),
        "{}",
        again.body
    );

    let ended = browser.post("/sign-out", &[("form_token", &token)]).await;
    assert!(ended.header("set-cookie").unwrap().contains("Max-Age=0"));
    let after = browser.get(&path).await;
    assert_eq!(
        after.status,
        StatusCode::SEE_OTHER,
        "the session is over, not just the cookie"
    );
}

#[tokio::test]
async fn several_are_changed_from_the_list() {
    let (bed, path) = filled().await;
    let browser = Browser::signed_in(&bed, TOKEN).await;
    let token = browser.form_token(&path).await;
    let listed = bed.get("/v1/findings").await.json();
    let id = |n: usize| listed["findings"][n]["id"].as_str().unwrap().to_owned();
    let fields = [
        ("form_token", token.as_str()),
        ("back", "/findings?severity=high"),
        ("action", "acknowledge"),
        ("id", &id(0)),
        ("id", &id(1)),
        ("id", "f-nothing"),
    ];
    let done = browser.post("/findings", &fields).await;
    let place = done.header("location").unwrap();
    assert_eq!(place, "/findings?severity=high&done=2&left=0");
    assert!(browser.get(place).await.body.contains("2 changed."));
    let again = browser.post("/findings", &fields).await;
    assert_eq!(
        again.header("location"),
        Some("/findings?severity=high&done=0&left=2")
    );
}

#[tokio::test]
async fn forms_of_others_and_of_viewers_change_nothing() {
    let (bed, path) = filled().await;
    let browser = Browser::signed_in(&bed, TOKEN).await;
    let looker = Browser::signed_in(&bed, LOOKER).await;
    let token = browser.form_token(&path).await;
    let of_looker = looker.form_token(&path).await;
    assert_ne!(token, of_looker);
    let action = ("action", "resolve");
    let cases = [
        (
            "no origin",
            None,
            Some(token.as_str()),
            StatusCode::FORBIDDEN,
        ),
        (
            "hidden origin",
            Some("null"),
            Some(&token),
            StatusCode::FORBIDDEN,
        ),
        (
            "another site",
            Some("https://attacker.example"),
            Some(&token),
            StatusCode::FORBIDDEN,
        ),
        ("no token", Some(ORIGIN), None, StatusCode::FORBIDDEN),
        (
            "another's token",
            Some(ORIGIN),
            Some(&of_looker),
            StatusCode::FORBIDDEN,
        ),
    ];
    for (name, origin, shown, expected) in cases {
        let shown = shown.map(|shown| ("form_token", shown));
        let fields: Vec<_> = [Some(action), shown].into_iter().flatten().collect();
        let answer = browser.post_from(origin, &path, &fields).await;
        assert_eq!(answer.status, expected, "{name}");
    }
    let fields = [action, ("form_token", of_looker.as_str())];
    let denied = looker.post(&path, &fields).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    assert!(denied.body.contains("role analyst"), "{}", denied.body);
    let page = looker.get(&path).await.body;
    assert!(
        !page.contains("name=\"action\""),
        "a viewer is offered nothing"
    );
    let shown = bed.get(&format!("/v1{path}")).await.json();
    assert_eq!(shown["status"], "open");
}

#[tokio::test]
async fn a_session_lasts_no_longer_than_its_time_and_its_token() {
    let (bed, path) = filled().await;
    let body = serde_json::json!({"name": "night-shift", "scope": "analyst", "days": 1});
    let made = crate::bed::ask("POST", "/v1/tokens", TOKEN, Some(&body));
    let made = bed.send(made).await.json();
    let browser = Browser::signed_in(&bed, made["token"].as_str().unwrap()).await;
    assert_eq!(browser.get(&path).await.status, StatusCode::OK);
    let configured = Browser::signed_in(&bed, TOKEN).await;

    bed.set_seconds(NOW + 11 * 3_600);
    assert_eq!(browser.get(&path).await.status, StatusCode::OK);
    let revoke = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
    let revoked = bed
        .send(crate::bed::ask("DELETE", &revoke, TOKEN, None))
        .await;
    assert_eq!(revoked.status, StatusCode::OK);
    assert_eq!(browser.get(&path).await.status, StatusCode::SEE_OTHER);

    assert_eq!(configured.get(&path).await.status, StatusCode::OK);
    bed.set_seconds(NOW + 12 * 3_600);
    assert_eq!(configured.get(&path).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn loopback_left_open_is_open_under_its_own_name_only() {
    let bed = Bed::with(|parts| parts.readers = Readers::Loopback);
    let ask = |host: &str| {
        let request = Request::get("/findings").header("host", host);
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(bed.send(ask("127.0.0.1:8600")).await.status, StatusCode::OK);
    let foreign = bed.send(ask("attacker.example")).await;
    assert_eq!(foreign.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_answer_is_locked_down() {
    let (bed, path) = filled().await;
    let browser = Browser::signed_in(&bed, TOKEN).await;
    let page = browser.get(&path).await;
    let asset = page.body.split("href=\"/assets/").nth(2).unwrap();
    let asset = format!("/assets/{}", asset.split('"').next().unwrap());
    let record = format!("{path}/record.json");
    for place in [
        "/sign-in",
        "/findings",
        &path,
        "/findings/f-x",
        &asset,
        &record,
    ] {
        let answer = browser.get(place).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'"),
            "{place}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{place}: {policy}");
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{place}"
        );
        assert_eq!(
            answer.header("referrer-policy"),
            Some("same-origin"),
            "{place}"
        );
        let cached = answer.header("cache-control").unwrap();
        let kept = if place == asset {
            "immutable"
        } else {
            "no-store"
        };
        assert!(cached.contains(kept), "{place}: {cached}");
        for inline in ["<script>", " style=", " onclick", "javascript:"] {
            assert!(!answer.body.contains(inline), "{place}: {inline}");
        }
    }
    let record = browser.get(&record).await;
    let name = record.header("content-disposition").unwrap();
    assert!(name.starts_with("attachment"), "{name}");
}
