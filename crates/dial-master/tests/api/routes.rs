//! Where findings go, asked of a master.

use crate::bed::{Bed, finding};
use dial_core::FindingId;
use http::StatusCode;
use serde_json::{Value, json};

fn id(finding: &Value) -> FindingId {
    serde_json::from_value(finding["id"].clone()).unwrap()
}

async fn explained(bed: &Bed, finding: &Value) -> Value {
    let answer = bed.get(&format!("/v1/routes/{}", id(finding))).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()
}

#[tokio::test]
async fn a_finding_is_explained_with_what_mutes_it_now() {
    let bed = Bed::new();
    let (high, mut low, mut critical) = (finding(1), finding(2), finding(3));
    low["severity"] = json!("low");
    low["resources"] = json!([]);
    let read: dial_core::Finding = serde_json::from_value(low.clone()).unwrap();
    low["id"] = json!(read.expected_id());
    assert_eq!(
        bed.post(&[high.clone(), low.clone()]).await.json()["accepted"],
        2
    );
    insta::assert_json_snapshot!("told", explained(&bed, &high).await);
    let nobody = explained(&bed, &low).await;
    assert_eq!(nobody["looks"][1]["sinks"], json!([]));
    assert!(
        nobody["sinks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|sink| sink["told"] == false)
    );

    critical["severity"] = json!("critical");
    assert_eq!(bed.post(&[critical.clone()]).await.json()["accepted"], 1);
    let muted = explained(&bed, &high).await;
    let (people, machines) = (&muted["sinks"][0], &muted["sinks"][1]);
    let by = format!("inhibited by {}", id(&critical));
    assert_eq!(
        (&people["told"], &people["why"]),
        (&json!(false), &json!(by))
    );
    assert_eq!(machines["told"], true, "machines are told all the same");
}

#[tokio::test]
async fn the_tree_is_shown_and_what_is_unknown_is_said() {
    let bed = Bed::new();
    let tree = bed.get("/v1/routes").await.json();
    let text = tree["tree"].as_str().unwrap();
    assert!(text.contains("noise: severity<=low -> nobody"), "{text}");
    let unknown = bed.get("/v1/routes/f-aaaaaaaaaaaaaaaaaaaaaaaaaa").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(
        bed.get("/v1/routes/x").await.status,
        StatusCode::BAD_REQUEST
    );
}
