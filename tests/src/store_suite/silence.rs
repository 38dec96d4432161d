//! Silences: kept, listed by their end, ended once.

use super::samples::at;
use dial_core::store::Store;
use dial_core::store::silence::{Ended, Silence};
use futures::future::join_all;
use std::sync::Arc;

fn silence(id: &str, ends_at: i64) -> Silence {
    Silence {
        id: id.into(),
        matchers: vec!["rule=s3_bucket_policy_public".into()],
        owner: "storage team".into(),
        reason: "migration “éü” 🪣".into(),
        created_by: "soc (api)".into(),
        created_at: at(0),
        ends_at: at(ends_at),
        ended_by: None,
    }
}

async fn ids(store: &dyn Store, since: i64) -> Vec<String> {
    let silences = store.silences(at(since)).await.expect("answers");
    silences.into_iter().map(|silence| silence.id).collect()
}

async fn add(store: &dyn Store, silence: &Silence) -> bool {
    store.add_silence(silence).await.expect("answers")
}

pub(super) async fn kept(store: Arc<dyn Store>) {
    assert_eq!(ids(&*store, 0).await, Vec::<String>::new());
    let (late, early) = (silence("s-a", 20_000), silence("s-b", 10_000));
    assert!(add(&*store, &late).await);
    assert!(add(&*store, &early).await);
    let other = Silence {
        owner: "someone else".into(),
        ..late.clone()
    };
    assert!(!add(&*store, &other).await, "the id is taken");
    assert_eq!(
        store.silences(at(0)).await,
        Ok(vec![early, late]),
        "unchanged, the next to end first"
    );
    assert_eq!(ids(&*store, 9_999).await, ["s-b", "s-a"]);
    assert_eq!(ids(&*store, 10_000).await, ["s-a"]);
    assert_eq!(ids(&*store, 20_000).await, Vec::<String>::new());
}

pub(super) async fn ended(store: Arc<dyn Store>) {
    let one = silence("s-a", 20_000);
    add(&*store, &one).await;
    let unknown = store.end_silence("s-z", "soc (api)", at(5_000)).await;
    assert_eq!(unknown, Ok(Ended::Unknown));
    let expected = Silence {
        ends_at: at(5_000),
        ended_by: Some("soc (api)".into()),
        ..one
    };
    let end = |by: &'static str, when| store.end_silence("s-a", by, at(when));
    assert_eq!(
        end("soc (api)", 5_000).await,
        Ok(Ended::Now(expected.clone()))
    );
    assert_eq!(
        end("analyst (slack)", 6_000).await,
        Ok(Ended::Before(expected.clone())),
        "who ended it first stays"
    );
    assert_eq!(ids(&*store, 5_000).await, Vec::<String>::new());
    assert_eq!(store.silences(at(4_999)).await, Ok(vec![expected]));
    let past = silence("s-b", 3_000);
    add(&*store, &past).await;
    let late = store.end_silence("s-b", "soc (api)", at(3_000)).await;
    assert_eq!(late, Ok(Ended::Before(past)), "it ended by itself");
}

pub(super) async fn race(store: Arc<dyn Store>) {
    add(&*store, &silence("s-a", 20_000)).await;
    let ends = (0..6).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let by = format!("analyst {n}");
            let ended = store.end_silence("s-a", &by, at(5_000)).await;
            ended.expect("answers")
        })
    });
    let answers: Vec<Ended> = join_all(ends)
        .await
        .into_iter()
        .map(|ended| ended.expect("no task panics"))
        .collect();
    let won: Vec<&Silence> = answers
        .iter()
        .filter_map(|ended| match ended {
            Ended::Now(silence) => Some(silence),
            _ => None,
        })
        .collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let rest = answers.iter().filter_map(|ended| match ended {
        Ended::Before(silence) => Some(silence),
        _ => None,
    });
    assert!(rest.into_iter().all(|silence| silence == won[0]));
}
