//! Signing in at an identity provider, against one of the test's own with real keys.

use crate::bed::{Answer, Bed, NOW, finding, roots};
use crate::web::{Browser, ORIGIN};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dial_aws::{AwsSecrets, Clients};
use dial_core::api_token::ApiToken;
use dial_core::store::session::{Proof, Session, Sessions as _};
use dial_core::store::token::Scope;
use dial_master::sign_in::oidc::OidcSettings;
use dial_master::web::Dashboard;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// Where a provider describes itself.
const DESCRIPTION: &str = "/.well-known/openid-configuration";

/// A provider that signs what a test tells it to, and answers what a test told it last.
struct Provider {
    server: MockServer,
    answers: Answers,
    key: EcdsaKeyPair,
}

/// Status and body by path.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<HashMap<String, (u16, Value)>>>);

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let answers = self.0.lock().unwrap();
        match answers.get(request.url.path()) {
            Some((status, body)) => ResponseTemplate::new(*status).set_body_json(body),
            None => ResponseTemplate::new(404),
        }
    }
}

/// The way to the provider, as a browser was sent there.
struct Way {
    parameters: HashMap<String, String>,
    /// `name=value` of the sign-in that was begun.
    cookie: String,
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sign(key: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes());
    format!("{signed}.{}", encode(signature.unwrap().as_ref()))
}

fn new_key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

impl Provider {
    async fn start() -> Self {
        let server = MockServer::start().await;
        let answers = Answers::default();
        let mock = Mock::given(any()).respond_with(answers.clone());
        mock.mount(&server).await;
        let provider = Self {
            server,
            answers,
            key: new_key(),
        };
        provider.describe(&json!({}));
        provider.publish("one", &provider.key);
        provider
    }

    fn issuer(&self) -> String {
        self.server.uri()
    }

    fn answer(&self, place: &str, status: u16, body: Value) {
        let mut answers = self.answers.0.lock().unwrap();
        answers.insert(place.to_owned(), (status, body));
    }

    fn describe(&self, more: &Value) {
        let at = self.issuer();
        let mut description = json!({
            "issuer": at,
            "authorization_endpoint": format!("{at}/authorize"),
            "token_endpoint": format!("{at}/token"),
            "jwks_uri": format!("{at}/keys"),
        });
        for (name, value) in more.as_object().unwrap() {
            description[name] = value.clone();
        }
        self.answer(DESCRIPTION, 200, description);
    }

    fn publish(&self, id: &str, key: &EcdsaKeyPair) {
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let key = json!({
            "kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "x": encode(x), "y": encode(y),
        });
        self.answer("/keys", 200, json!({ "keys": [key] }));
    }

    /// Claims for the sign-in that was begun.
    fn claims(&self, way: &Way, more: &Value) -> Value {
        let mut claims = json!({
            "iss": self.issuer(), "aud": "dial", "sub": "u-1", "nonce": way.parameters["nonce"],
            "iat": NOW, "exp": NOW + 300, "preferred_username": "analyst", "groups": ["staff", "soc"],
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        sign(&self.key, header, claims)
    }

    /// Gives a token of these claims for the next codes.
    fn grant(&self, claims: &Value) {
        let id_token = self.sign(&json!({"alg": "ES256", "kid": "one"}), claims);
        let given = json!({"id_token": id_token, "access_token": "opaque", "token_type": "Bearer"});
        self.answer("/token", 200, given);
    }

    /// What was asked of a place so far.
    async fn asked(&self, place: &str) -> Vec<Request> {
        let requests = self.server.received_requests().await.unwrap();
        let asked = requests.into_iter();
        asked.filter(|one| one.url.path() == place).collect()
    }

    /// A bed whose dashboard asks this provider.
    async fn bed(&self, more: &str) -> Bed {
        let text = format!(
            "issuer = '{}'\nclient_id = 'dial'\n\
             roles = {{ soc = 'analyst', looks = 'viewer' }}\n{more}",
            self.issuer()
        );
        let settings: OidcSettings = toml::from_str(&text).unwrap();
        let secrets = AwsSecrets::new(Clients::new());
        let built = settings.build(Some(ORIGIN), &secrets).await;
        let oidc = built.map_err(|problem| format!("{problem:?}")).unwrap();
        Bed::with(|parts| {
            parts.dashboard = Dashboard {
                oidc: Some(Arc::new(oidc)),
                ..Dashboard::default()
            };
        })
    }
}

impl Way {
    /// Follows the button of the door.
    async fn begin(bed: &Bed) -> Self {
        let sent = Browser::new(bed)
            .get("/sign-in/provider?next=%2Ffindings%3Fseverity%3Dhigh")
            .await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{sent}");
        let policy = sent.header("content-security-policy").unwrap();
        assert!(policy.contains("form-action 'self'"), "{policy}");
        let (_, query) = sent.header("location").unwrap().split_once('?').unwrap();
        let parameters = form_urlencoded::parse(query.as_bytes()).into_owned();
        Self {
            parameters: parameters.collect(),
            cookie: cookie(&sent, "__Host-dial-pending").unwrap(),
        }
    }

    /// Comes back with a code.
    async fn end(&self, bed: &Bed) -> Answer {
        let query = format!("code=c-1&state={}", self.parameters["state"]);
        back(bed, Some(&self.cookie), &query).await
    }
}

async fn back(bed: &Bed, cookie: Option<&str>, query: &str) -> Answer {
    let mut browser = Browser::new(bed);
    browser.cookie = cookie.map(str::to_owned);
    browser.get(&format!("/sign-in/callback?{query}")).await
}

/// `name=value` of a cookie that an answer sets to something.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let lines = answer.headers.iter().filter(|(n, _)| n == "set-cookie");
    let mut pairs = lines.filter_map(|(_, line)| line.split(';').next());
    let start = format!("{name}=");
    let pair = pairs.find(|pair| pair.starts_with(&start))?;
    (pair.len() > start.len()).then(|| pair.to_owned())
}

fn session(answer: &Answer) -> Option<String> {
    cookie(answer, "__Host-dial")
}

#[tokio::test]
async fn whoever_signs_in_at_the_provider_has_the_role_of_the_group() {
    let provider = Provider::start().await;
    let bed = provider.bed("label = 'Example'").await;
    let posted = bed.post(&[finding(1)]).await.json();
    assert_eq!(posted["accepted"], 1);
    let door = Browser::new(&bed).get("/sign-in?next=%2Frules").await.body;
    assert!(door.contains("Sign in with Example"), "{door}");
    assert!(door.contains("/sign-in/provider?next=%2Frules"), "{door}");

    let way = Way::begin(&bed).await;
    let fixed = [
        ("response_type", "code"),
        ("client_id", "dial"),
        ("redirect_uri", "https://dial.example.org/sign-in/callback"),
        ("scope", "openid profile email"),
        ("code_challenge_method", "S256"),
    ];
    for (name, expected) in fixed {
        assert_eq!(way.parameters[name], expected);
    }
    provider.grant(&provider.claims(&way, &json!({})));
    let opened = way.end(&bed).await;
    assert_eq!(
        opened.header("location"),
        Some("/findings?severity=high"),
        "{opened}"
    );

    let asked = provider.asked("/token").await;
    let form: HashMap<String, String> = form_urlencoded::parse(&asked[0].body)
        .into_owned()
        .collect();
    let verifier = Sha256::digest(&form["code_verifier"]);
    assert_eq!(encode(&verifier[..]), way.parameters["code_challenge"]);
    assert_eq!(form["code"], "c-1");
    assert_eq!(form["client_id"], "dial", "a public client names itself");

    let mut browser = Browser::new(&bed);
    browser.cookie = session(&opened);
    let listed = bed.get("/v1/findings").await.json();
    let page = format!(
        "/findings/{}",
        listed["findings"][0]["id"].as_str().unwrap()
    );
    let shown = browser.get(&page).await.body;
    assert!(shown.contains("analyst <small>analyst</small>"), "{shown}");
    let token = browser.form_token(&page).await;
    let fields = [("form_token", token.as_str()), ("action", "acknowledge")];
    assert_eq!(
        browser.post(&page, &fields).await.status,
        StatusCode::SEE_OTHER
    );
    let audit = bed.get(&format!("/v1{page}")).await.json();
    assert_eq!(audit["audit"][1]["who"], "analyst");

    browser.post("/sign-out", &[("form_token", &token)]).await;
    assert_eq!(browser.get(&page).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_sign_in_ends_once_and_only_where_it_was_begun() {
    let provider = Provider::start().await;
    let bed = provider.bed("").await;
    let way = Way::begin(&bed).await;
    let other = Way::begin(&bed).await;
    let state = &way.parameters["state"];
    let good = format!("code=c-1&state={state}");
    let own = Some(way.cookie.as_str());
    let cases = [
        ("no cookie", None, good.clone()),
        (
            "the cookie of another",
            Some(other.cookie.as_str()),
            good.clone(),
        ),
        (
            "a made-up cookie",
            Some("__Host-dial-pending=a.1.b.c"),
            good.clone(),
        ),
        ("a changed state", own, format!("code=c-1&state={state}A")),
        ("no state", own, "code=c-1".to_owned()),
        ("two states", own, format!("{good}&state={state}")),
        ("no code", own, format!("state={state}")),
        (
            "an error",
            own,
            format!("state={state}&error=access_denied"),
        ),
        (
            "another issuer",
            own,
            format!("{good}&iss=https%3A%2F%2Fattacker.example"),
        ),
    ];
    for (name, cookie, query) in cases {
        let refused = back(&bed, cookie, &query).await;
        assert!(refused.status.is_client_error(), "{name}: {refused}");
        assert_eq!(session(&refused), None, "{name}");
    }
    assert!(
        provider.asked("/token").await.is_empty(),
        "nobody was asked"
    );

    provider.grant(&provider.claims(&way, &json!({})));
    assert!(session(&way.end(&bed).await).is_some());
    let again = way.end(&bed).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert_eq!(session(&again), None, "one sign-in is one session");

    provider.grant(&provider.claims(&other, &json!({"iat": NOW + 600, "exp": NOW + 900})));
    bed.set_seconds(NOW + 600);
    let late = other.end(&bed).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
    assert!(late.body.contains("Begin anew"), "{late}");
}

#[tokio::test]
async fn a_code_that_the_provider_does_not_take_opens_nothing() {
    let provider = Provider::start().await;
    let bed = provider.bed("").await;
    let way = Way::begin(&bed).await;
    let cases = [
        (
            400,
            json!({"error": "invalid_grant"}),
            StatusCode::BAD_REQUEST,
        ),
        (
            401,
            json!({"error": "invalid_client"}),
            StatusCode::BAD_GATEWAY,
        ),
        (500, json!("<script>"), StatusCode::BAD_GATEWAY),
        (
            200,
            json!({"access_token": "opaque"}),
            StatusCode::BAD_GATEWAY,
        ),
    ];
    for (status, said, expected) in cases {
        provider.answer("/token", status, said.clone());
        let refused = way.end(&bed).await;
        assert_eq!(refused.status, expected, "{said}");
        assert_eq!(session(&refused), None, "{said}");
        assert!(!refused.body.contains("invalid_"), "{refused}");
    }
}

#[tokio::test]
async fn tokens_for_anybody_else_open_nothing() {
    let provider = Provider::start().await;
    let bed = provider.bed("").await;
    let way = Way::begin(&bed).await;
    let good = provider.claims(&way, &json!({}));
    let header = json!({"alg": "ES256", "kid": "one"});
    let changed = |more: Value| provider.sign(&header, &provider.claims(&way, &more));
    let none = format!(
        "{}.{}.",
        encode(br#"{"alg":"none"}"#),
        encode(good.to_string().as_bytes())
    );
    let cases = [
        (
            "issuer",
            changed(json!({"iss": "https://attacker.example"})),
        ),
        ("audience", changed(json!({"aud": "another"}))),
        ("nonce", changed(json!({"nonce": "another"}))),
        ("time", changed(json!({"exp": NOW - 3_600}))),
        ("no algorithm", none),
        ("key", sign(&new_key(), &header, &good)),
        ("group", changed(json!({"groups": ["staff"]}))),
        ("groups in a text", changed(json!({"groups": "staff soc"}))),
    ];
    for (name, id_token) in cases {
        provider.answer("/token", 200, json!({ "id_token": id_token }));
        let refused = way.end(&bed).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{name}: {refused}");
        assert_eq!(session(&refused), None, "{name}");
    }
    let wrong_group = way.end(&bed).await.body;
    assert!(
        wrong_group.contains("You are analyst, and none of your groups"),
        "{wrong_group}"
    );
}

#[tokio::test]
async fn replaced_keys_are_asked_for_again() {
    let mut provider = Provider::start().await;
    let bed = provider.bed("").await;
    let first = Way::begin(&bed).await;
    provider.grant(&provider.claims(&first, &json!({})));
    assert!(session(&first.end(&bed).await).is_some());

    let before = provider.asked("/keys").await.len();
    provider.key = new_key();
    provider.publish("two", &provider.key);
    let second = Way::begin(&bed).await;
    let header = json!({"alg": "ES256", "kid": "two"});
    let id_token = provider.sign(&header, &provider.claims(&second, &json!({})));
    provider.answer("/token", 200, json!({ "id_token": id_token }));
    assert!(session(&second.end(&bed).await).is_some());
    assert_eq!(provider.asked("/keys").await.len(), before + 1);
    assert_eq!(provider.asked(DESCRIPTION).await.len(), 1, "it is kept");
}

#[tokio::test]
async fn a_provider_with_small_tokens_is_asked_for_the_rest() {
    let provider = Provider::start().await;
    let at = format!("{}/me", provider.issuer());
    provider.describe(&json!({ "userinfo_endpoint": at }));
    let bed = provider.bed("").await;
    let small = json!({"groups": null, "preferred_username": null});
    let cases = [
        (
            "its own",
            json!({"sub": "u-1", "groups": ["looks"], "preferred_username": "viewer"}),
            StatusCode::SEE_OTHER,
        ),
        (
            "of another",
            json!({"sub": "u-2", "groups": ["soc"]}),
            StatusCode::BAD_GATEWAY,
        ),
        (
            "of nobody",
            json!({"groups": ["soc"]}),
            StatusCode::BAD_GATEWAY,
        ),
        (
            "without groups",
            json!({"sub": "u-1"}),
            StatusCode::FORBIDDEN,
        ),
    ];
    for (name, said, expected) in cases {
        provider.answer("/me", 200, said);
        let way = Way::begin(&bed).await;
        let mut claims = provider.claims(&way, &small);
        claims
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        provider.grant(&claims);
        let ended = way.end(&bed).await;
        assert_eq!(ended.status, expected, "{name}: {ended}");
        let asked = provider.asked("/me").await;
        assert_eq!(
            asked.last().unwrap().headers["authorization"],
            "Bearer opaque",
            "{name}"
        );
        if let Some(cookie) = session(&ended) {
            let mut browser = Browser::new(&bed);
            browser.cookie = Some(cookie);
            let page = browser.get("/rules").await.body;
            assert!(page.contains("viewer <small>viewer</small>"), "{page}");
        }
    }
}

#[tokio::test]
async fn a_secret_goes_where_the_provider_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "s&cret :1").unwrap();
    let secret = format!("client_secret = 'file:{}'", file.display());
    let cases = [
        (json!({}), Some("Basic ZGlhbDpzJTI2Y3JldCslM0Ex"), None),
        (
            json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]}),
            None,
            Some("s&cret :1"),
        ),
    ];
    for (description, in_header, in_form) in cases {
        let provider = Provider::start().await;
        provider.describe(&description);
        let bed = provider.bed(&secret).await;
        let way = Way::begin(&bed).await;
        provider.grant(&provider.claims(&way, &json!({})));
        assert!(session(&way.end(&bed).await).is_some());
        let asked = &provider.asked("/token").await[0];
        let header = asked.headers.get("authorization");
        assert_eq!(header.map(|value| value.to_str().unwrap()), in_header);
        let mut form = form_urlencoded::parse(&asked.body);
        let shown = form.find(|(name, _)| name == "client_secret");
        assert_eq!(shown.as_ref().map(|(_, value)| &**value), in_form);
    }
}

#[tokio::test]
async fn a_provider_that_is_away_leaves_the_other_door_open() {
    let provider = Provider::start().await;
    let bed = provider.bed("").await;
    provider.answers.0.lock().unwrap().clear();
    let sent = Browser::new(&bed).get("/sign-in/provider").await;
    assert_eq!(sent.status, StatusCode::BAD_GATEWAY);
    assert!(sent.body.contains("cannot be asked now"), "{sent}");
    assert!(sent.body.contains("API token"), "{sent}");
    assert_eq!(cookie(&sent, "__Host-dial-pending"), None);
    Browser::signed_in(&bed, crate::bed::TOKEN).await;
}

#[tokio::test]
async fn strangers_who_begin_for_ever_are_cut_off_before_the_provider_is_asked() {
    let provider = Provider::start().await;
    let bed = provider.bed("").await;
    let browser = Browser::new(&bed);
    let mut sent = 0;
    loop {
        let answer = browser.get("/sign-in/provider").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        sent += 1;
        assert!(sent < 200, "nobody is cut off");
    }
    assert_eq!(provider.asked(DESCRIPTION).await.len(), 1);
    assert_eq!(bed.calls(), 0, "the store is not asked");
}

#[tokio::test]
async fn a_session_ends_when_its_provider_is_no_longer_asked() {
    let provider = Provider::start().await;
    let bed = provider.bed("").await;
    for (issuer, expected) in [
        (provider.issuer(), StatusCode::OK),
        (
            "https://login.example.org".to_owned(),
            StatusCode::SEE_OTHER,
        ),
    ] {
        let secret = ApiToken::mint(rand::random(), &roots()).unwrap();
        let now = Timestamp::from_second(NOW).unwrap();
        let session = Session {
            id: secret.id(),
            name: "analyst".into(),
            scope: Scope::Viewer,
            proof: Proof::Provider {
                issuer,
                subject: "u-1".into(),
            },
            created_at: now,
            expires_at: now + SignedDuration::from_hours(1),
            ended_at: None,
        };
        bed.store.add_session(&session).await.unwrap();
        let mut browser = Browser::new(&bed);
        browser.cookie = Some(format!("__Host-dial={}", secret.secret().expose()));
        assert_eq!(browser.get("/rules").await.status, expected);
    }
}

#[tokio::test]
async fn without_a_provider_there_is_no_such_door() {
    let bed = Bed::new();
    for place in ["/sign-in/provider", "/sign-in/callback?code=a&state=b"] {
        let answer = Browser::new(&bed).get(place).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{place}");
    }
    let door = Browser::new(&bed).get("/sign-in").await.body;
    assert!(!door.contains("/sign-in/provider"), "{door}");
}
