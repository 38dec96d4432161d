//! The page of deliveries: what failed with its finding, and all of it tried again.

use crate::bed::{Bed, NOW, TOKEN, finding};
use crate::web::Browser;
use dial_core::store::outbox::{Backlog, Outbox as _};
use dial_core::store::token::Scope;
use dial_core::store::{Settlement, Store as _};
use dial_core::{FindingId, Secret};
use dial_master::api::Caller;
use dial_master::readers::{Readers, Token};
use futures::future::join_all;
use http::StatusCode;
use jiff::Timestamp;

const LOOKER: &str = "looker-token-0123456789-abcdef";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

/// A bed with so many findings, and their ids.
async fn filled(findings: u32) -> (Bed, Vec<FindingId>) {
    let bed = Bed::with(|parts| {
        let token = |name: &str, scope, text| {
            let name = name.to_owned();
            Token::new(Caller { name, scope }, &Secret::new(text), None).unwrap()
        };
        parts.readers = Readers::Tokens(vec![
            token("soc", Scope::Analyst, TOKEN),
            token("looker", Scope::Viewer, LOOKER),
        ]);
    });
    let all: Vec<_> = (0..findings).map(finding).collect();
    for batch in all.chunks(100) {
        assert_eq!(bed.post(batch).await.json()["accepted"], batch.len());
    }
    let rows = all.iter().map(|one| one["id"].as_str().unwrap());
    let ids = rows.map(|id| FindingId::parse(id).unwrap()).collect();
    (bed, ids)
}

/// Has the sink refuse these findings.
async fn refuse(bed: &Bed, ids: &[FindingId], sink: &str) {
    let tries = ids.iter().map(|id| async move {
        let claimed = bed.store.claim(id, sink, at(0), at(45)).await.unwrap();
        assert!(claimed.is_some(), "{id}");
        let error = "answered 404: channel_not_found".to_owned();
        let failed = Settlement::Failed { error };
        assert_eq!(bed.store.settle(id, sink, 1, failed).await, Ok(true));
    });
    join_all(tries).await;
}

/// How many rows of each sink failed, a page of them at most.
async fn failed(bed: &Bed) -> [usize; 2] {
    let mut counts = [0; 2];
    for (count, sink) in counts.iter_mut().zip(["slack", "thehive"]) {
        let rows = bed.store.backlog(sink, Backlog::Failed, None, at(0), 200);
        *count = rows.await.unwrap().len();
    }
    counts
}

#[tokio::test]
async fn what_failed_is_shown_with_its_finding() {
    let (bed, ids) = filled(3).await;
    refuse(&bed, &ids, "slack").await;
    refuse(&bed, &ids[..1], "thehive").await;
    let browser = Browser::signed_in(&bed, TOKEN).await;
    let page = browser.get("/deliveries").await;
    for text in [
        "<span class=\"sev high\">High</span>",
        ">Bucket policy of exports lets anyone in</a>",
        "channel_not_found",
        "4 deliveries failed. Cure",
        "Try 4 again",
        "href=\"/deliveries?sink=thehive\"",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(
        !page.body.contains(&format!(">{}<", ids[0])),
        "no bare id: {}",
        page.body
    );
    let one = browser.get("/deliveries?sink=thehive").await.body;
    assert!(one.contains("1 delivery failed to thehive."), "{one}");
    assert!(one.contains("<td>thehive</td>") && !one.contains("<td>slack</td>"));
    let looker = Browser::signed_in(&bed, LOOKER).await;
    let page = looker.get("/deliveries").await.body;
    assert!(page.contains("channel_not_found") && !page.contains("action=\"/deliveries"));
    assert!(
        !page.contains("/deliveries/slack"),
        "a viewer is offered nothing"
    );
    let unknown = browser.get("/deliveries?sink=pager").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn all_of_a_list_are_tried_again_by_those_who_may() {
    let (bed, ids) = filled(3).await;
    refuse(&bed, &ids, "slack").await;
    refuse(&bed, &ids[..2], "thehive").await;
    let browser = Browser::signed_in(&bed, TOKEN).await;
    let token = browser.form_token("/deliveries").await;
    let looker = Browser::signed_in(&bed, LOOKER).await;
    let of_looker = looker.form_token("/deliveries").await;
    for (who, shown) in [
        (&looker, of_looker.as_str()),
        (&browser, &of_looker),
        (&browser, ""),
    ] {
        let refused = who.post("/deliveries", &[("form_token", shown)]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    let post = |sink| {
        let fields = [("form_token", token.as_str()), ("sink", sink)];
        let browser = &browser;
        async move { browser.post("/deliveries", &fields).await }
    };
    assert_eq!(post("pager").await.status, StatusCode::NOT_FOUND);
    assert_eq!(failed(&bed).await, [3, 2]);

    let done = post("thehive").await;
    let place = done.header("location").unwrap();
    assert_eq!(place, "/deliveries?sink=thehive&done=2&left=0");
    let page = browser.get(place).await.body;
    assert!(page.contains("2 deliveries are tried again."), "{page}");
    assert_eq!(failed(&bed).await, [3, 0]);
    let row = &bed.store.deliveries(&ids[0]).await.unwrap()[1];
    assert_eq!((row.sink.as_str(), row.attempt()), ("thehive", 0));

    let done = post("").await;
    assert_eq!(
        done.header("location"),
        Some("/deliveries?done=3&left=0"),
        "without a sink, of every one"
    );
    assert_eq!(failed(&bed).await, [0, 0]);
    let again = post("").await;
    assert_eq!(again.header("location"), Some("/deliveries?done=0&left=0"));
}

#[tokio::test]
async fn more_than_a_page_is_tried_again_too() {
    let (bed, ids) = filled(205).await;
    refuse(&bed, &ids, "slack").await;
    let browser = Browser::signed_in(&bed, TOKEN).await;
    let page = browser.get("/deliveries").await.body;
    assert_eq!(page.matches("<tr data-line>").count(), 200, "{page}");
    assert!(page.contains("There are more than these."));
    let token = browser.form_token("/deliveries").await;
    let done = browser.post("/deliveries", &[("form_token", &token)]).await;
    assert_eq!(done.header("location"), Some("/deliveries?done=205&left=0"));
    assert_eq!(failed(&bed).await, [0, 0]);
}
