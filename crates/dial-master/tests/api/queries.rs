//! Lists and single findings.

use crate::bed::{AGGREGATOR, Bed, Signed, finding, get, place};
use http::StatusCode;
use serde_json::{Value, json};
use std::fmt::Write as _;

async fn filled() -> Bed {
    let bed = Bed::new();
    let mut critical = finding(1);
    critical["severity"] = json!("critical");
    assert_eq!(
        bed.post(&[critical, finding(2), finding(3)]).await.json()["accepted"],
        3
    );
    let other = place(4, "444455556666", "eu-west-1", "AwsApiCall");
    let other = Signed::by(AGGREGATOR).batch(&[other]).request();
    assert_eq!(bed.send(other).await.json()["accepted"], 1);
    bed
}

/// Event numbers of a list, from the event times.
fn numbers(list: &Value) -> Vec<u64> {
    let second = |line: &Value| {
        let time: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
        (time.as_second() - (crate::bed::NOW - 60)).unsigned_abs()
    };
    list["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(second)
        .collect()
}

#[tokio::test]
async fn each_parameter_restricts_the_list() {
    let bed = filled().await;
    let cases: &[(&str, &[u64])] = &[
        ("", &[4, 3, 2, 1]),
        ("?account=444455556666", &[4]),
        ("?account=111122223333&severity=high", &[3, 2]),
        ("?region=eu-west-1", &[4, 3, 2, 1]),
        ("?region=us-east-1", &[]),
        ("?severity=critical", &[1]),
        ("?severity=critical,high&limit=2", &[4, 3]),
        ("?severity=critical&severity=low", &[1]),
        ("?status=open", &[4, 3, 2, 1]),
        ("?status=resolved", &[]),
        ("?rule=s3_bucket_policy_public", &[4, 3, 2, 1]),
        ("?rule=1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11", &[4, 3, 2, 1]),
        ("?rule=another", &[]),
        ("?principal=arn:aws:iam::444455556666:user/deploy", &[4]),
        ("?resource=arn%3Aaws%3As3%3A%3A%3Aexports&limit=1", &[4]),
        (
            "?account=444455556666,111122223333&account=444455556666",
            &[4, 3, 2, 1],
        ),
        ("?region=us-east-1&region=eu-west-1", &[4, 3, 2, 1]),
        ("?service=S3", &[4, 3, 2, 1]),
        ("?service=iam", &[]),
        ("?status=resolved,open", &[4, 3, 2, 1]),
        (
            "?principal=arn:aws:iam::444455556666:user/deploy&principal=x,y",
            &[4],
        ),
        ("?attack=T1530", &[4, 3, 2, 1]),
        ("?attack=T1078,T1110.001", &[]),
        ("?source=198.51.100.0/24", &[4, 3, 2, 1]),
        ("?source=203.0.113.0/24&source=2001:db8::/32", &[]),
        ("?q=EXPORTS+444455556666", &[4]),
        ("?q=exports+nothing", &[]),
        ("?since=2030-03-17T17:45:43Z", &[4, 3]),
        ("?until=2030-03-17T17:45:43Z", &[2, 1]),
        ("?since=2030-03-17T18:45:43%2B01:00", &[4, 3]),
    ];
    for (query, expected) in cases {
        let answer = bed.get(&format!("/v1/findings{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        assert_eq!(numbers(&answer.json()), *expected, "{query}");
    }
    insta::assert_snapshot!("list", bed.get("/v1/findings?limit=1").await);
}

#[tokio::test]
async fn the_suppressed_are_listed_on_request_only() {
    let bed = Bed::new();
    let mut silent = finding(2);
    silent["suppressed"] = json!({
        "id": "s-0a1b2c3d4e5f", "owner": "team-net", "reason": "known scanner",
        "expires": "2030-06-30",
    });
    let mut endless = finding(3);
    endless["suppressed"] = silent["suppressed"].clone();
    endless["suppressed"]["reason"] = "x".repeat(513).into();
    let answer = bed
        .post(&[finding(1), silent.clone(), endless])
        .await
        .json();
    assert_eq!(answer["accepted"], 2);
    assert_eq!(
        answer["rejected"][0]["reason"],
        "suppressed.reason is 513 bytes long, 512 are allowed"
    );
    let cases: [(&str, &[u64]); 5] = [
        ("", &[1]),
        ("?suppressed=false", &[1]),
        ("?suppressed=true", &[2]),
        ("?suppressed=any", &[2, 1]),
        ("?suppressed=true&severity=low", &[]),
    ];
    for (query, expected) in cases {
        let answer = bed.get(&format!("/v1/findings{query}")).await;
        assert_eq!(numbers(&answer.json()), *expected, "{query}");
    }
    let list = bed.get("/v1/findings?suppressed=true").await.json();
    assert_eq!(list["findings"][0]["suppressed"], silent["suppressed"]);
    let path = format!("/v1/findings/{}", silent["id"].as_str().unwrap());
    let shown = bed.get(&path).await.json();
    assert_eq!(shown["finding"]["suppressed"], silent["suppressed"]);
    assert_eq!(shown["deliveries"], json!([]), "nobody is told");
    let told = finding(1);
    let path = format!("/v1/findings/{}", told["id"].as_str().unwrap());
    let rows = bed.get(&path).await.json()["deliveries"].clone();
    assert!(!rows.as_array().unwrap().is_empty(), "others are");
}

#[tokio::test]
async fn pages_follow_the_cursor_to_the_end() {
    let bed = filled().await;
    let mut seen = Vec::new();
    let mut path = "/v1/findings?limit=3".to_owned();
    loop {
        let list = bed.get(&path).await.json();
        seen.push(numbers(&list));
        let Some(next) = list["next"].as_str() else {
            break;
        };
        path = format!("/v1/findings?limit=3&cursor={next}");
    }
    assert_eq!(seen, [vec![4, 3, 2], vec![1]]);
}

#[tokio::test]
async fn values_of_a_filter_are_counted_as_they_are_given() {
    let bed = filled().await;
    for (given, status) in [(50, StatusCode::OK), (51, StatusCode::BAD_REQUEST)] {
        let lists = [
            vec!["severity=high"; given].join("&"),
            format!("severity={}", vec!["high"; given].join(",")),
        ];
        for list in lists {
            let answer = bed.get(&format!("/v1/findings?{list}")).await;
            assert_eq!(answer.status, status, "{given} as {list}");
        }
    }
}

#[tokio::test]
async fn wrong_parameters_are_named_with_the_fix() {
    let bed = Bed::new();
    let long = format!("principal={}", "p".repeat(2_049));
    let many: Vec<String> = (0..51).map(|n| format!("rule={n}")).collect();
    let many = many.join("&");
    let words = format!("q={}", "a+".repeat(17));
    let queries = [
        "colour=red",
        "account=12",
        "account=",
        "account=111122223333,",
        "since=2030-03-17T17:45:43Z&since=2030-03-17T17:45:43Z",
        "attack=TA0001",
        "source=10.0.0.0/33",
        "source=AWS+Internal",
        "q=",
        "region=EU",
        "severity=severe",
        "severity=",
        "severity=high,",
        "status=done",
        "since=yesterday",
        "until=2030-03-17T18:45:43+01:00",
        "limit=0",
        "limit=201",
        "limit=many",
        "cursor=abc",
        "cursor=MjAyNi0wNS0wMVQxMDowMDowMFojeA",
        &long,
        &many,
        &words,
    ];
    let mut problems = String::new();
    for query in queries {
        let answer = bed.get(&format!("/v1/findings?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        let problem = answer.json();
        let shown = query.get(..60).unwrap_or(query);
        let (parameter, detail) = (&problem["parameter"], &problem["detail"]);
        writeln!(problems, "{shown}\n  {parameter}: {detail}").unwrap();
    }
    insta::assert_snapshot!("wrong_parameters", problems);
    insta::assert_snapshot!("wrong_parameter", bed.get("/v1/findings?limit=0").await);
    assert_eq!(bed.calls(), 0);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let bed = filled().await;
    let cases = [
        ("malformed_id", "/v1/findings/x%0a%3Cscript%3E"),
        ("unknown_id", "/v1/findings/f-aaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("unknown_path", "/v1/nothing"),
        ("broken_encoding", "/v1/findings/%ff"),
    ];
    for (name, path) in cases {
        insta::assert_snapshot!(format!("missing_{name}"), bed.get(path).await);
    }
    let mut delete = get("/v1/findings");
    *delete.method_mut() = http::Method::DELETE;
    insta::assert_snapshot!("wrong_method", bed.send(delete).await);
}

#[tokio::test]
async fn the_expired_are_not_shown() {
    let bed = filled().await;
    bed.set_seconds(crate::bed::NOW + 400 * 24 * 3_600);
    assert!(numbers(&bed.get("/v1/findings").await.json()).is_empty());
}
