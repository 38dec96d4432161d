//! Lists: filters, order, time, pages.

use super::samples::{
    RULE, accept, accept_all, acceptance, accepted, at, finding, list_by, page, principal,
    resource, rule,
};
use dial_core::finding::{Finding, Principal, Suppression};
use dial_core::store::query::Words;
use dial_core::store::triage::Triage;
use dial_core::store::{Acceptance, Cursor, MAX_PAGE, Outcome, Query, Status, Store, Summary};
use dial_core::{FindingId, Severity};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

const OTHER_RULE: &str = "7c1f4f0e-6f86-4a3b-8f5b-0c2d8a3a1f42";
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const OTHER_KEY: &str = "ASIAIOSFODNN7EXAMPLE";
const ROLE: &str = "arn:aws:sts::111122223333:assumed-role/admin/session";

/// What the list must be, from the one definition of every filter.
fn expected(query: &Query, findings: &[Finding]) -> Vec<FindingId> {
    let mut lines: Vec<Summary> = findings
        .iter()
        .map(|finding| Summary::of(finding, &Triage::default()))
        .filter(|line| query.matches(line))
        .collect();
    lines.sort_by_key(|line| Cursor::after(line.time, &line.id));
    lines.into_iter().rev().map(|line| line.id).collect()
}

async fn listed(store: &dyn Store, query: &Query, limit: usize) -> Vec<FindingId> {
    let lines = list_by(store, query, limit).await;
    lines.into_iter().map(|line| line.id).collect()
}

async fn fill(store: &dyn Store, findings: &[Finding]) {
    let batch = findings.iter().cloned().map(acceptance).collect();
    accept_all(store, batch).await;
}

/// Findings in which every attribute has two values, in all mixtures.
fn mixture() -> Vec<Finding> {
    let pick = |n: u32, bit: u32| n >> bit & 1 == 1;
    (0..64)
        .map(|n| {
            finding(n, |f| {
                if pick(n, 0) {
                    f.account.id = "444455556666".into();
                }
                if pick(n, 1) {
                    f.region = "us-east-1".into();
                }
                if pick(n, 2) {
                    f.rule = rule(OTHER_RULE, "iam_user_admin");
                }
                if pick(n, 3) {
                    f.principal = principal(ROLE);
                }
                f.principal.access_key_id =
                    [None, Some(KEY), Some(OTHER_KEY)][n as usize % 3].map(str::to_owned);
                if pick(n, 4) {
                    f.resources = vec![resource("arn:aws:s3:::backups")];
                }
                f.severity = Severity::ALL[n as usize % 5];
                f.attack = vec![["T1530", "T1078.004", "T1078"][n as usize % 3].into()];
                f.source.ip = Some(match n % 7 {
                    1 => "::ffff:198.51.100.40".into(),
                    5 => "2001:DB8::0007".into(),
                    6 => "cloudtrail.amazonaws.com".into(),
                    part => format!("198.51.100.{}", part * 20),
                });
                f.account.name = pick(n, 5).then(|| "Zahlungen Süd".into());
                if pick(n, 1) {
                    f.event.source = "iam.amazonaws.com".into();
                }
                // Some share their time, so that the id decides the order.
                f.time = at(i64::from(n / 3) * 1_000);
            })
        })
        .collect()
}

pub(super) async fn filters(store: Arc<dyn Store>) {
    let findings = mixture();
    fill(&*store, &findings).await;
    let queries = queries();
    assert_eq!(queries.len(), 2 * 2 * 3 * 3 * 3 * 2 * 2);
    for query in queries {
        let found = listed(&*store, &query, 50).await;
        assert_eq!(found, expected(&query, &findings), "{query:?}");
    }
}

/// Several values of a filter, and filters that have no index.
pub(super) async fn several(store: Arc<dyn Store>) {
    let findings = mixture();
    fill(&*store, &findings).await;
    for query in several_queries() {
        let found = listed(&*store, &query, 7).await;
        assert_eq!(found, expected(&query, &findings), "{query:?}");
    }
}

/// Changes a query.
type Change<'a> = Box<dyn Fn(&mut Query) + 'a>;

/// Each way to narrow by an index, with each filter behind it.
fn several_queries() -> Vec<Query> {
    let words = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let accounts = words(&["111122223333", "444455556666"]);
    let many: Vec<String> = (0..20).map(|n| format!("{n:012}")).collect();
    let narrow: Vec<Change<'_>> = vec![
        Box::new(|_| {}),
        Box::new(|q| q.account.clone_from(&accounts)),
        Box::new(|q| q.account = [&many[..], &accounts[1..]].concat()),
        Box::new(|q| q.rule = words(&["iam_user_admin", RULE])),
        Box::new(|q| q.rule = words(&["iam_user_admin", OTHER_RULE])),
        Box::new(|q| q.status = vec![Status::Open, Status::Resolved]),
        Box::new(|q| q.principal = words(&[ROLE, "nobody"])),
        Box::new(|q| q.access_key = words(&[KEY])),
        Box::new(|q| q.access_key = words(&[KEY, OTHER_KEY, "AKIAANOTHER"])),
        Box::new(|q| q.source = vec!["198.51.100.40".parse().expect("is one")]),
        Box::new(|q| {
            let both = ["198.51.100.40", "2001:db8:0::7"];
            q.source = both.map(|text| text.parse().expect("is one")).to_vec();
        }),
        Box::new(|q| q.resource = words(&["arn:aws:s3:::backups", "arn:aws:s3:::exports"])),
    ];
    let filter: Vec<Change<'_>> = vec![
        Box::new(|_| {}),
        Box::new(|q| q.region = words(&["us-east-1", "eu-north-1"])),
        Box::new(|q| q.service = words(&["iam"])),
        Box::new(|q| q.attack = vec!["T1078".parse().expect("is one")]),
        Box::new(|q| q.source.push("198.51.100.0/25".parse().expect("is one"))),
        Box::new(|q| q.access_key.push(KEY.to_owned())),
        Box::new(|q| q.text = Words::parse("süd BUCKET").expect("is short")),
        Box::new(|q| q.text = Words::parse("nowhere").expect("is short")),
    ];
    let mix = |narrow: &Change<'_>, filter: &Change<'_>| {
        let mut query = Query::default();
        narrow(&mut query);
        filter(&mut query);
        query
    };
    narrow
        .iter()
        .flat_map(|narrow| filter.iter().map(move |filter| mix(narrow, filter)))
        .collect()
}

/// Suppressed findings come back as they were, are told from the others by every index, and one
/// that comes again without its suppression stays as it was.
pub(super) async fn suppressed(store: Arc<dyn Store>) {
    let by = Suppression {
        id: "s-0a1b2c3d4e5f".into(),
        owner: "team-net".into(),
        reason: "known scanner".into(),
        expires: "2026-12-31".parse().expect("is a date"),
    };
    let findings: Vec<Finding> = (0..30)
        .map(|n| finding(n, |f| f.suppressed = (n % 3 == 0).then(|| by.clone())))
        .collect();
    let batch = findings.iter().cloned().map(|finding| {
        let mut acceptance = acceptance(finding);
        if acceptance.finding.suppressed.is_some() {
            acceptance.sinks.clear();
        }
        acceptance
    });
    accept_all(&*store, batch.collect()).await;
    for wanted in [None, Some(true), Some(false)] {
        for rule in [vec![], vec![RULE.to_owned()]] {
            let query = Query {
                suppressed: wanted,
                rule,
                ..Query::default()
            };
            let found = listed(&*store, &query, 4).await;
            assert_eq!(found, expected(&query, &findings), "{query:?}");
        }
    }
    let silent = &findings[3];
    let stored = store.finding(&silent.id, at(1)).await.expect("answers");
    assert_eq!(stored.expect("is there").finding, *silent);
    let told = acceptance(finding(3, |_| {}));
    assert_eq!(accept(&*store, told).await, Outcome::Duplicate);
    let rows = store.deliveries(&silent.id).await.expect("answers");
    assert_eq!(rows, []);
    assert!(
        store
            .due("slack", at(1), 100)
            .await
            .expect("answers")
            .iter()
            .all(|row| {
                let finding = findings.iter().find(|finding| finding.id == row.finding);
                finding.is_some_and(|finding| finding.suppressed.is_none())
            })
    );
}

/// Every combination of restrictions.
fn queries() -> Vec<Query> {
    let word = |text: &str| vec![text.to_owned()];
    let mut queries = vec![Query::default()];
    let mut vary = |ways: &[&dyn Fn(&mut Query)]| {
        queries = queries
            .iter()
            .flat_map(|query| {
                ways.iter().map(|way| {
                    let mut query = query.clone();
                    way(&mut query);
                    query
                })
            })
            .collect();
    };
    let any = |_: &mut Query| {};
    let critical = |q: &mut Query| q.severity = vec![Severity::Critical];
    let two = |q: &mut Query| q.severity = vec![Severity::Low, Severity::High];
    let open = |q: &mut Query| q.status = vec![Status::Open];
    let resolved = |q: &mut Query| q.status = vec![Status::Resolved];
    let rule_name = |q: &mut Query| q.rule = word("iam_user_admin");
    let rule_id = |q: &mut Query| q.rule = word(RULE);
    vary(&[&any, &|q| q.account = word("111122223333")]);
    vary(&[&any, &|q| q.region = word("us-east-1")]);
    vary(&[&any, &critical, &two]);
    vary(&[&any, &open, &resolved]);
    vary(&[&any, &rule_name, &rule_id]);
    vary(&[&any, &|q| q.principal = word(ROLE)]);
    vary(&[&any, &|q| q.resource = word("arn:aws:s3:::exports")]);
    queries
}

pub(super) async fn unusual(store: Arc<dyn Store>) {
    let long = "k".repeat(1_500);
    let texts = [
        "plain",
        "with#hash#es",
        "quote'quote\"quote`",
        "%_%",
        "back\\slash\n\t",
        "Ünïcödé 😀 \u{202e}drow",
        "null\u{0}inside",
        " spaces ",
        "$ref",
        &long,
    ];
    let findings: Vec<Finding> = (0..)
        .zip(texts)
        .map(|(n, text)| {
            finding(n, |f| {
                f.rule.name = text.into();
                f.principal = principal(text);
                f.resources = vec![resource(text)];
                f.title = text.into();
            })
        })
        .collect();
    fill(&*store, &findings).await;
    for (text, finding) in texts.into_iter().zip(&findings) {
        for restrict in [
            |q: &mut Query, text: &str| q.rule = vec![text.to_owned()],
            |q: &mut Query, text: &str| q.principal = vec![text.to_owned()],
            |q: &mut Query, text: &str| q.resource = vec![text.to_owned()],
        ] {
            let mut query = Query::default();
            restrict(&mut query, text);
            let lines = list_by(&*store, &query, 10).await;
            assert_eq!(
                lines,
                [Summary::of(finding, &Triage::default())],
                "{query:?}"
            );
        }
    }
    nameless(&*store).await;
}

/// Neither principal nor resource: still in the lists that do not ask for one.
async fn nameless(store: &dyn Store) {
    let nobody = finding(100, |f| {
        f.principal = Principal::default();
        f.resources.clear();
        f.account.id = "777788889999".into();
    });
    fill(store, std::slice::from_ref(&nobody)).await;
    let query = Query {
        account: vec!["777788889999".into()],
        ..Query::default()
    };
    let lines = list_by(store, &query, 10).await;
    assert_eq!(lines, [Summary::of(&nobody, &Triage::default())]);
}

pub(super) async fn times(store: Arc<dyn Store>) {
    let time = |text: &str| -> Timestamp { text.parse().expect("is a time") };
    let times = [
        "2025-12-31T23:59:59.999Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.000400Z",
        "2026-01-01T00:00:00.000500Z",
        "2026-01-01T00:00:00.001Z",
        "2026-01-01T00:00:01Z",
        "1969-12-31T23:59:59Z",
        "9999-12-30T00:00:00Z",
    ];
    let findings: Vec<Finding> = (0..)
        .zip(times)
        .map(|(n, text)| finding(n, |f| f.time = time(text)))
        .collect();
    fill(&*store, &findings).await;
    let bounds = times.iter().map(|text| Some(time(text)));
    let bounds: Vec<Option<Timestamp>> = bounds.chain([None]).collect();
    for since in &bounds {
        for until in &bounds {
            let query = Query {
                since: *since,
                until: *until,
                ..Query::default()
            };
            let found: BTreeSet<_> = listed(&*store, &query, 3).await.into_iter().collect();
            let wanted: BTreeSet<_> = expected(&query, &findings).into_iter().collect();
            assert_eq!(found, wanted, "{query:?}");
        }
    }
}

pub(super) async fn pages(store: Arc<dyn Store>) {
    // Groups of four share a time: a page ends in the middle of one.
    let findings: Vec<Finding> = (0..40)
        .map(|n| finding(n, |f| f.time = at(i64::from(n / 4) * 10)))
        .collect();
    fill(&*store, &findings).await;
    let query = Query::default();
    for limit in [1, 3, 7, 40, 41] {
        let found = listed(&*store, &query, limit).await;
        assert_eq!(found, expected(&query, &findings), "pages of {limit}");
    }
    let mut seen = Vec::new();
    let mut cursor = None;
    for n in 0.. {
        let page = page(&*store, &query, cursor.as_ref(), 7).await;
        seen.extend(page.items.into_iter().map(|line| line.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        // Before, between and after what was seen so far.
        for time in [at(-1_000), at(45), at(1_000_000)] {
            let late = finding(1_000 + 10 * n, |f| f.time = time);
            let mut late = acceptance(late);
            late.finding.event.id = format!("late-{n}-{time}");
            late.finding.id = late.finding.expected_id();
            accept(&*store, late).await;
        }
    }
    let unique: BTreeSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len(), "no line comes twice");
    let old: BTreeSet<_> = findings.iter().map(|f| &f.id).collect();
    let kept: Vec<_> = seen.iter().filter(|id| old.contains(id)).collect();
    let wanted = expected(&query, &findings);
    assert_eq!(
        kept,
        wanted.iter().collect::<Vec<_>>(),
        "no line is missing"
    );
}

pub(super) async fn capped(store: Arc<dyn Store>) {
    let count = u32::try_from(MAX_PAGE).expect("is small") + 1;
    let all: Vec<Acceptance> = (0..count).map(|n| acceptance(finding(n, |_| {}))).collect();
    for batch in all.chunks(40) {
        accept_all(&*store, batch.to_vec()).await;
    }
    let first = page(&*store, &Query::default(), None, usize::MAX).await;
    assert_eq!(first.items.len(), MAX_PAGE);
    let rest = page(&*store, &Query::default(), first.next.as_ref(), usize::MAX).await;
    assert_eq!((rest.items.len(), rest.next), (1, None));
}

pub(super) async fn between(store: Arc<dyn Store>) {
    let id = accepted(&*store, 10).await;
    let lowest = FindingId::parse("f-22222222222222222222222222").expect("is well-formed");
    let highest = FindingId::parse("f-zzzzzzzzzzzzzzzzzzzzzzzzzz").expect("is well-formed");
    let cases = [
        ("later", Cursor::after(at(11), &lowest), 1),
        ("same time, higher id", Cursor::after(at(10), &highest), 1),
        ("the finding itself", Cursor::after(at(10), &id), 0),
        ("same time, lower id", Cursor::after(at(10), &lowest), 0),
        ("earlier", Cursor::after(at(9), &highest), 0),
    ];
    for (name, cursor, count) in cases {
        let page = page(&*store, &Query::default(), Some(&cursor), 10).await;
        assert_eq!(page.items.len(), count, "{name}");
    }
}
