//! `/`: how things stand, what happened lately, who is silent.

use super::blind::{self, Need, Spot};
use super::chart::{Chart, Layer};
use super::fleet::{self, Post};
use super::frame::Frame;
use super::line::Line;
use super::oops::Oops;
use super::reply;
use super::visitor::Visitor;
use super::words;
use crate::api::State;
use askama::Template;
use axum::extract;
use axum::response::Response;
use dial_core::Severity;
use dial_core::store::stats::{Mean, Over, Stats, Step, Window};
use dial_core::store::{Query, Status};
use http::StatusCode;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Windows that are offered, days.
const WINDOWS: [u16; 4] = [1, 7, 30, 90];
/// The one that is shown where none is asked for.
const USUAL: u16 = 7;
/// What the chart is split by where nothing is asked for.
const SEVERITY: &str = "severity";
/// Longest list of counts.
const TOP: usize = 8;
/// Findings that are shown as waiting.
const WAITING: usize = 8;

/// A window, or a way to split the chart, that can be chosen.
#[derive(Debug, Clone)]
struct Offer {
    link: String,
    word: String,
    chosen: bool,
}

/// What one colour of the chart means, where it leads.
#[derive(Debug)]
struct Key {
    class: &'static str,
    name: String,
    findings: u64,
    list: Option<String>,
}

/// What the address asks for, where it is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    days: u16,
    over: Option<Over>,
}

/// A number, where it leads, and its share of the largest, 0 to 100.
#[derive(Debug)]
struct Count {
    name: String,
    class: String,
    findings: u64,
    share: u64,
    list: String,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    offers: Vec<Offer>,
    findings: u64,
    suppressed: u64,
    open: u64,
    acknowledged: u64,
    detect: String,
    answer: String,
    oldest: Option<Line>,
    severities: Vec<Count>,
    /// What the chart is split by: `severity`, `account` …
    over: &'static str,
    splits: Vec<Offer>,
    chart: Chart,
    keys: Vec<Key>,
    accounts: Vec<Count>,
    rules: Vec<Count>,
    services: Vec<Count>,
    waiting: Vec<Line>,
    posts: Vec<Post>,
    troubled: usize,
    spots: Vec<Spot>,
    needs: Vec<Need>,
    since: String,
}

pub(super) async fn show(
    visitor: Visitor,
    extract::State(state): extract::State<Arc<State>>,
    extract::RawQuery(query): extract::RawQuery,
) -> Result<Response, Oops> {
    let asked = Asked::read(query.as_deref().unwrap_or_default());
    let Asked { days, over } = asked;
    let (store, now) = (&*state.parts.store, state.now());
    let to = now.to_zoned(TimeZone::UTC).date();
    let from = to.saturating_sub((i64::from(days) - 1).days());
    let by = if days <= 2 { Step::Hour } else { Step::Day };
    let window = Window { from, to, by, over };
    let urgent = Query {
        status: vec![Status::Open],
        severity: vec![Severity::Critical, Severity::High],
        suppressed: Some(false),
        ..Query::default()
    };
    let drifts = blind::drifts(now);
    let (numbers, waiting, posts, drifts) = futures::try_join!(
        Stats::read(store, window, now),
        store.list(&urgent, None, WAITING, now),
        fleet::posts(&state, now),
        store.list(&drifts, None, blind::DRIFTS, now),
    )?;
    let status = |status: &str| numbers.by_status.get(status).copied().unwrap_or(0);
    let since = format!("&since={from}");
    let catalogue = &*state.parts.dashboard.catalogue;
    let accounts = numbers.by_account.keys();
    let chart = match over {
        None => Chart::by_severity(&numbers.series, by),
        Some(_) => Chart::by_name(&numbers.series, by, &numbers.largest),
    };
    let page = Page {
        spots: blind::spots(&posts, accounts, &drifts.items, catalogue),
        needs: blind::needs(catalogue),
        frame: Frame::new(&visitor, "overview", "Overview"),
        offers: asked.windows(),
        over: over.map_or(SEVERITY, Over::as_str),
        splits: asked.splits(),
        keys: over.map_or_else(Vec::new, |over| keys(&chart, over, &since)),
        findings: numbers.findings,
        suppressed: numbers.suppressed,
        open: status("open"),
        acknowledged: status("acknowledged"),
        detect: mean(numbers.time_to_detect),
        answer: mean(numbers.time_to_acknowledge),
        oldest: numbers.oldest_open.as_ref().map(|one| Line::new(one, now)),
        severities: by_severity(&numbers, &since),
        chart,
        accounts: top(&numbers.by_account, "account", &since),
        rules: top(&numbers.by_rule, "rule", &since),
        services: top(&numbers.by_service, "service", &since),
        waiting: waiting
            .items
            .iter()
            .map(|one| Line::new(one, now))
            .collect(),
        troubled: posts.iter().filter(|post| post.is_troubled).count(),
        posts,
        since: since.trim_start_matches('&').to_owned(),
    };
    Ok(reply::page(StatusCode::OK, &page))
}

impl Asked {
    /// What is not offered is as good as not asked for.
    fn read(query: &str) -> Self {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let asked = |name: &str| pairs.iter().find(|(have, _)| have == name);
        let days = asked("days").and_then(|(_, value)| value.parse().ok());
        Self {
            days: days.filter(|days| WINDOWS.contains(days)).unwrap_or(USUAL),
            over: asked("over").and_then(|(_, value)| Over::named(value)),
        }
    }

    fn link(self) -> String {
        let days = self.days;
        let over = self.over.map(|over| format!("&over={}", over.as_str()));
        format!("/?days={days}{}", over.unwrap_or_default())
    }

    /// The same over other windows.
    fn windows(self) -> Vec<Offer> {
        let offer = |days: u16| Offer {
            link: Self { days, ..self }.link(),
            word: match days {
                1 => "Today".to_owned(),
                days => format!("{days} days"),
            },
            chosen: days == self.days,
        };
        WINDOWS.map(offer).into()
    }

    /// The same, split otherwise.
    fn splits(self) -> Vec<Offer> {
        let all = [None].into_iter().chain(Over::ALL.map(Some));
        let offer = |over: Option<Over>| Offer {
            link: Self { over, ..self }.link(),
            word: over.map_or(SEVERITY, Over::as_str).to_owned(),
            chosen: over == self.over,
        };
        all.map(offer).collect()
    }
}

/// What the colours mean.
fn keys(chart: &Chart, over: Over, since: &str) -> Vec<Key> {
    let key = |layer: &Layer| Key {
        class: layer.class,
        name: layer.name.clone(),
        findings: layer.findings,
        list: layer
            .value
            .as_ref()
            .map(|value| list(over.as_str(), value, since)),
    };
    chart.layers.iter().map(key).collect()
}

/// Where the findings of a name are listed.
fn list(filter: &str, value: &str, since: &str) -> String {
    let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    format!("/findings?{filter}={value}{since}")
}

fn mean(mean: Mean) -> String {
    let whole = |seconds: f64| SignedDuration::try_from_secs_f64(seconds).ok();
    match mean.seconds.and_then(whole) {
        None => "–".to_owned(),
        Some(length) if length < SignedDuration::from_secs(10) => {
            format!("{:.1} s", length.as_secs_f64())
        }
        Some(length) => words::span(length),
    }
}

/// All severities, the worst first; also those without a finding.
fn by_severity(stats: &Stats, since: &str) -> Vec<Count> {
    let most = stats.by_severity.values().max().copied().unwrap_or(0);
    let all = Severity::ALL.into_iter().rev();
    all.map(|severity| {
        let count = stats.by_severity.get(severity.as_str()).copied();
        Count {
            name: words::severity(severity).to_owned(),
            class: severity.to_string(),
            findings: count.unwrap_or(0),
            share: share(count.unwrap_or(0), most),
            list: format!("/findings?severity={severity}{since}"),
        }
    })
    .collect()
}

/// The largest counts of one dimension.
fn top(counts: &BTreeMap<String, u64>, filter: &str, since: &str) -> Vec<Count> {
    let mut counts: Vec<(&String, u64)> = counts.iter().map(|(name, n)| (name, *n)).collect();
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let most = counts.first().map_or(0, |(_, count)| *count);
    let count = |(name, count): (&String, u64)| Count {
        name: words::one_line(name),
        class: String::new(),
        findings: count,
        share: share(count, most),
        list: list(filter, name, since),
    };
    counts.into_iter().take(TOP).map(count).collect()
}

fn share(count: u64, most: u64) -> u64 {
    count.saturating_mul(100) / most.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_offered_is_shown() {
        for (query, days, over, link) in [
            ("", 7, None, "/?days=7"),
            ("days=30", 30, None, "/?days=30"),
            ("days=31", 7, None, "/?days=7"),
            ("days=-1", 7, None, "/?days=7"),
            ("days=99999999999&over=severity", 7, None, "/?days=7"),
            (
                "a=b&days=1&over=rule",
                1,
                Some(Over::Rule),
                "/?days=1&over=rule",
            ),
            ("over=Account", 7, None, "/?days=7"),
        ] {
            let asked = Asked::read(query);
            assert_eq!(asked, Asked { days, over }, "{query}");
            assert_eq!(asked.link(), link, "{query}");
            let chosen = [asked.windows(), asked.splits()].concat();
            let chosen: Vec<_> = chosen.iter().filter(|offer| offer.chosen).collect();
            assert!(chosen.len() == 2 && chosen.iter().all(|offer| offer.link == link));
        }
    }

    #[test]
    fn the_largest_counts_come_first() {
        let counts = BTreeMap::from([("a".to_owned(), 1), ("b c".to_owned(), 4)]);
        let shown = top(&counts, "rule", "&since=2026-05-01");
        assert_eq!(shown[0].list, "/findings?rule=b+c&since=2026-05-01");
        assert_eq!((shown[0].share, shown[1].share), (100, 25));
        assert_eq!(
            mean(Mean {
                seconds: Some(1.25),
                of: 2
            }),
            "1.2 s"
        );
        assert_eq!(
            mean(Mean {
                seconds: Some(7_300.0),
                of: 2
            }),
            "2 h"
        );
        assert_eq!(mean(Mean::default()), "–");
    }
}
