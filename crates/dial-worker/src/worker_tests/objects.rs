//! Trail objects that a notice names.

use super::*;

#[tokio::test]
async fn a_trail_object_is_read_and_judged() {
    let bed = Bed::new().await;
    let records: Vec<Value> = (0..250)
        .map(|i| open_port(&format!("e-{i}"))["detail"].take())
        .chain([closed_port()["detail"].take(), json!({"eventName": 7})])
        .collect();
    let file = json!({"Records": records}).to_string();
    bed.put("AWSLogs/a b.json.gz", &deflate(file.as_bytes()))
        .await;
    let reply = bed
        .handle(created("trail", "AWSLogs/a+b.json.gz"))
        .await
        .unwrap();
    let Reply::Done(counts) = reply else { panic!() };
    assert_eq!((counts.findings, counts.accepted), (250, 250));
    let sizes: Vec<usize> = bed.sent().await.iter().map(|b| b.findings.len()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    assert_eq!(bed.letters().await.len(), 1, "the malformed record is kept");
}

#[tokio::test]
async fn a_trail_object_that_cannot_be_read_is_kept_as_its_notice() {
    let bed = Bed::new().await;
    let file = json!({"Records": [open_port("e-1")["detail"].take()]}).to_string();
    let packed = deflate(file.as_bytes());
    bed.put("cut.json.gz", &packed[..packed.len() - 9]).await;
    bed.put("no_gzip.json.gz", b"hello").await;
    for key in ["missing.json.gz", "no_gzip.json.gz", "cut.json.gz"] {
        let notice = created("trail", key);
        let reply = bed.handle(&notice).await.unwrap();
        assert!(
            matches!(
                reply,
                Reply::Done(Counts {
                    dead_letters: 1,
                    ..
                })
            ),
            "{key}"
        );
        let letters = bed.letters().await;
        let kept = letters
            .iter()
            .find(|l| l.original().unwrap() == notice.to_string().as_bytes());
        assert!(kept.unwrap().reason.contains(key), "{key}");
    }
}

#[tokio::test]
async fn a_bucket_out_of_order_makes_the_notice_come_again() {
    let bed = Bed::new().await;
    for (bucket, letters) in [("broken", 0), ("denied", 1)] {
        let error = bed.handle(created(bucket, "a.json.gz")).await.unwrap_err();
        assert!(error.to_string().contains("out of order"), "{error}");
        assert_eq!(bed.letters().await.len(), letters, "{bucket}");
    }
    let notice = created("broken", "a.json.gz").to_string();
    let messages = [("m-1", notice), ("m-2", open_port("e-1").to_string())];
    let reply = bed.handle(queue(&messages)).await.unwrap();
    assert_eq!(failed(&reply), ["m-1"]);
    assert_eq!(bed.sent().await.len(), 1);
}

#[tokio::test]
async fn other_objects_are_passed_over() {
    let bed = Bed::new().await;
    let reply = bed
        .handle(created("trail", "AWSLogs/CloudTrail-Digest/x.txt"))
        .await;
    assert_eq!(reply, Ok(Reply::Done(Counts::default())));
}
