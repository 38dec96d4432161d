//! A proxy in front that says who people are: from its addresses only, and with forms of ours.

use crate::bed::{Answer, Bed, finding};
use crate::web::ORIGIN;
use axum::body::Body;
use dial_core::config::section;
use dial_master::api::Peer;
use dial_master::config::Master;
use dial_master::sign_in::ProxySettings;
use dial_master::web::Dashboard;
use http::{Method, Request, StatusCode};
use std::sync::Arc;

const PROXY: &str = "10.0.3.7";
const SETTINGS: &str = "header = 'x-forwarded-user'\nroles_header = 'x-forwarded-groups'\n\
    roles = { soc = 'analyst', looks = 'viewer' }\nallowed = ['10.0.3.0/28']\n";

async fn bed() -> (Bed, String) {
    let settings: ProxySettings = toml::from_str(SETTINGS).unwrap();
    let bed = Bed::with(|parts| {
        parts.dashboard = Dashboard {
            proxy: settings.build().map(Arc::new),
            ..Dashboard::default()
        };
    });
    bed.post(&[finding(1)]).await;
    let listed = bed.get("/v1/findings").await.json();
    let id = listed["findings"][0]["id"].as_str().unwrap();
    (bed, format!("/findings/{id}"))
}

/// A request that came over a connection from there, with these headers.
async fn ask(
    bed: &Bed,
    from: Option<&str>,
    (method, path, body): (Method, &str, &str),
    headers: &[(&str, &str)],
) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "dial.example.org")
        .header("origin", ORIGIN);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body.to_owned())).unwrap();
    if let Some(from) = from {
        let peer = Peer(format!("{from}:4711").parse().unwrap());
        request.extensions_mut().insert(peer);
    }
    bed.send(request).await
}

const ANALYST: [(&str, &str); 2] = [
    ("x-forwarded-user", "analyst"),
    ("x-forwarded-groups", "staff,soc"),
];
const VIEWER: [(&str, &str); 2] = [
    ("x-forwarded-user", "viewer"),
    ("x-forwarded-groups", "looks"),
];

#[tokio::test]
async fn a_proxys_word_counts_from_its_addresses_only() {
    let (bed, path) = bed().await;
    let get = (Method::GET, path.as_str(), "");
    let shown = ask(&bed, Some(PROXY), get.clone(), &ANALYST).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(
        shown.body.contains("analyst <small>analyst</small>"),
        "{shown}"
    );
    assert!(
        !shown.body.contains("Sign out"),
        "the proxy signs people out"
    );
    for from in [
        Some("10.0.3.16"),
        Some("192.0.2.1"),
        Some("127.0.0.1"),
        None,
    ] {
        let turned = ask(&bed, from, get.clone(), &ANALYST).await;
        assert_eq!(turned.status, StatusCode::SEE_OTHER, "{from:?}");
        let place = turned.header("location").unwrap();
        assert!(place.starts_with("/sign-in?next="), "{from:?}: {place}");
    }
    let nobody = ask(&bed, Some(PROXY), get.clone(), &[]).await;
    assert_eq!(nobody.status, StatusCode::SEE_OTHER);
    let other = [
        ("x-forwarded-user", "analyst"),
        ("x-forwarded-groups", "staff"),
    ];
    let no_role = ask(&bed, Some(PROXY), get.clone(), &other).await;
    assert_eq!(no_role.status, StatusCode::FORBIDDEN);
    assert!(no_role.body.contains("You are analyst"), "{no_role}");
    let two = [ANALYST[0], VIEWER[0], ANALYST[1]];
    let twice = ask(&bed, Some(PROXY), get.clone(), &two).await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST);
    let forged = [("x-forwarded-for", PROXY), ANALYST[0], ANALYST[1]];
    let elsewhere = ask(&bed, Some("192.0.2.1"), get, &forged).await;
    assert_eq!(
        elsewhere.status,
        StatusCode::SEE_OTHER,
        "a header names no peer"
    );
}

#[tokio::test]
async fn the_header_opens_pages_and_never_the_api() {
    let (bed, path) = bed().await;
    let api = format!("/v1{path}");
    let asked = ask(&bed, Some(PROXY), (Method::GET, &api, ""), &ANALYST).await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert_eq!(asked.body, "");
}

#[tokio::test]
async fn forms_of_others_change_nothing_behind_a_proxy_either() {
    let (bed, path) = bed().await;
    let page = ask(&bed, Some(PROXY), (Method::GET, &path, ""), &ANALYST).await;
    let token = |page: &Answer| {
        let (_, rest) = page
            .body
            .split_once("name=\"form_token\" value=\"")
            .unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let own = token(&page);
    let of_viewer = ask(&bed, Some(PROXY), (Method::GET, &path, ""), &VIEWER).await;
    assert!(
        !of_viewer.body.contains(&own),
        "everybody has another token"
    );
    let good = format!("action=acknowledge&form_token={own}");
    let cases = [
        (
            "no token",
            Some(PROXY),
            "action=acknowledge",
            &ANALYST,
            StatusCode::FORBIDDEN,
        ),
        (
            "of another",
            Some(PROXY),
            good.as_str(),
            &VIEWER,
            StatusCode::FORBIDDEN,
        ),
        (
            "from elsewhere",
            Some("192.0.2.1"),
            good.as_str(),
            &ANALYST,
            StatusCode::SEE_OTHER,
        ),
    ];
    for (name, from, body, who, expected) in cases {
        let post = (Method::POST, path.as_str(), body);
        assert_eq!(ask(&bed, from, post, who).await.status, expected, "{name}");
        let shown = bed.get(&format!("/v1{path}")).await.json();
        assert_eq!(shown["status"], "open", "{name}");
    }
    let foreign = Request::post(&path)
        .header("host", "dial.example.org")
        .header("origin", "https://attacker.example")
        .header(ANALYST[0].0, ANALYST[0].1)
        .header(ANALYST[1].0, ANALYST[1].1);
    let mut foreign = foreign.body(Body::from(good.clone())).unwrap();
    let peer = Peer(format!("{PROXY}:4711").parse().unwrap());
    foreign.extensions_mut().insert(peer);
    assert_eq!(bed.send(foreign).await.status, StatusCode::FORBIDDEN);

    let post = (Method::POST, path.as_str(), good.as_str());
    let changed = ask(&bed, Some(PROXY), post, &ANALYST).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER, "{changed}");
    let shown = bed.get(&format!("/v1{path}")).await.json();
    assert_eq!(shown["audit"][1]["who"], "analyst");
}

#[test]
fn only_what_the_settings_say_is_a_proxy() {
    let read = |allowed: &str| {
        let text = format!(
            "[master]\nroot_keys = {{ 1 = \"env:R\" }}\n\
             tokens = [{{ name = \"a\", secret = \"env:A\" }}]\n[master.sign_in.proxy]\n{}",
            SETTINGS.replace("'10.0.3.0/28'", allowed)
        );
        section::<Master>("dial.toml", &text, "master", []).is_ok()
    };
    for (allowed, expected) in [
        ("'10.0.3.0/28', 'fd00::7/128'", true),
        ("'0.0.0.0/0'", false),
        ("'10.0.3.0/28', '::/0'", false),
        ("'10.0.3.7'", false),
        ("", false),
    ] {
        assert_eq!(read(allowed), expected, "{allowed}");
    }
}
