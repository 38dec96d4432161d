//! Findings around one finding: of the same access key, principal, resource or address, as lanes of
//! one time line and as one list.

use super::line::Line;
use super::words;
use dial_core::Finding;
use dial_core::store::query::Network;
use dial_core::store::{Query, Store, StoreError, Summary};
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How far before and after is looked: the widest span whose findings all fit, for what is near
/// matters most.
const SPANS: [(SignedDuration, &str); 3] = [
    (SignedDuration::from_hours(7 * 24), "a week"),
    (SignedDuration::from_hours(24), "a day"),
    (SignedDuration::from_hours(1), "an hour"),
];
/// Most findings of one lane.
const MOST: usize = 25;
/// Most findings of the list, those that are nearest.
const LISTED: usize = 12;
/// Distances that are named on the time line.
const TICKS: [(i64, &str); 7] = [
    (-604_800, "−7 d"),
    (-86_400, "−1 d"),
    (-3_600, "−1 h"),
    (0, "this"),
    (3_600, "+1 h"),
    (86_400, "+1 d"),
    (604_800, "+7 d"),
];
/// Percent of the line that the farthest is away from its middle.
const HALF: f64 = 47.0;

/// What there is around a finding.
#[derive(Debug, Default)]
pub(super) struct Around {
    pub(super) lanes: Vec<Lane>,
    pub(super) ticks: Vec<Tick>,
    /// This finding and the nearest others, the oldest first.
    pub(super) nearest: Vec<Related>,
    /// Others that are on the lanes only.
    pub(super) more: usize,
    /// Whether it could not be looked up.
    pub(super) missing: bool,
}

/// Findings with one thing in common.
#[derive(Debug)]
pub(super) struct Lane {
    /// Such as `Access key`.
    pub(super) what: &'static str,
    pub(super) value: String,
    pub(super) value_whole: String,
    /// The list of all of them, whenever they were.
    pub(super) list: String,
    /// `3 more within a week`.
    pub(super) said: String,
    pub(super) marks: Vec<Mark>,
}

/// One finding on a lane.
#[derive(Debug)]
pub(super) struct Mark {
    /// Percent of the width.
    pub(super) at: String,
    pub(super) id: String,
    pub(super) severity: &'static str,
    pub(super) said: String,
    /// Whether it is this one.
    pub(super) own: bool,
}

/// A distance with a name.
#[derive(Debug)]
pub(super) struct Tick {
    pub(super) at: String,
    pub(super) word: &'static str,
}

/// A finding of the list, and what it has in common with this one.
#[derive(Debug)]
pub(super) struct Related {
    pub(super) line: Line,
    /// Such as `access key, address`.
    pub(super) shared: String,
    /// Whether it is this one.
    pub(super) own: bool,
}

/// One thing that findings can have in common.
struct Relation {
    what: &'static str,
    /// The filter of the list, which has its name in the API too.
    filter: &'static str,
    value: String,
    query: Query,
}

/// What was found of a relation.
struct Look {
    relation: Relation,
    items: Vec<Summary>,
    span: &'static str,
    more: bool,
}

/// Findings around this one, with a bounded number of bounded reads.
pub(super) async fn find(
    store: &dyn Store,
    finding: &Finding,
    now: Timestamp,
) -> Result<Around, StoreError> {
    let relations = relations(finding).into_iter();
    let looks = relations.map(|relation| look(store, finding, relation, now));
    let looks = try_join_all(looks).await?;
    Ok(Around::of(finding, &looks, now))
}

async fn look(
    store: &dyn Store,
    finding: &Finding,
    relation: Relation,
    now: Timestamp,
) -> Result<Look, StoreError> {
    let (mut items, mut span, mut more) = (Vec::new(), "", true);
    for (around, word) in SPANS {
        let query = Query {
            since: finding.time.checked_sub(around).ok(),
            until: finding.time.checked_add(around).ok(),
            ..relation.query.clone()
        };
        let page = store.list(&query, None, MOST, now).await?;
        (items, span, more) = (page.items, word, page.next.is_some());
        if !more {
            break;
        }
    }
    Ok(Look {
        relation,
        items,
        span,
        more,
    })
}

fn relations(finding: &Finding) -> Vec<Relation> {
    let principal = finding.principal.key();
    let access_key = finding.principal.access_key_id.as_deref();
    let resource = finding.resource_key();
    let address = finding.source.ip.as_deref().unwrap_or_default();
    let network = address.parse::<Network>().ok();
    let one = |value: &str| vec![value.to_owned()];
    let all = [
        access_key.map(|key| {
            let query = Query {
                access_key: one(key),
                ..Query::default()
            };
            Relation::new("Access key", "access_key", key, query)
        }),
        Some({
            let query = Query {
                principal: one(principal),
                ..Query::default()
            };
            Relation::new("Principal", "principal", principal, query)
        }),
        Some({
            let query = Query {
                resource: one(&resource),
                ..Query::default()
            };
            Relation::new("Resource", "resource", &resource, query)
        }),
        network.map(|network| {
            let query = Query {
                source: vec![network],
                ..Query::default()
            };
            Relation::new("Address", "source", address, query)
        }),
    ];
    let named = |relation: &Relation| !relation.value.is_empty();
    all.into_iter().flatten().filter(named).collect()
}

impl Relation {
    fn new(what: &'static str, filter: &'static str, value: &str, query: Query) -> Self {
        Self {
            what,
            filter,
            value: value.to_owned(),
            query,
        }
    }

    fn list(&self) -> String {
        let value: String = form_urlencoded::byte_serialize(self.value.as_bytes()).collect();
        format!("/findings?{}={value}", self.filter)
    }
}

impl Around {
    fn of(finding: &Finding, looks: &[Look], now: Timestamp) -> Self {
        let mut all: BTreeMap<&str, (&Summary, Vec<String>)> = BTreeMap::new();
        for look in looks {
            for item in &look.items {
                let (_, shares) = all
                    .entry(item.id.as_str())
                    .or_insert_with(|| (item, Vec::new()));
                shares.push(look.relation.what.to_lowercase());
            }
        }
        let mut others: Vec<_> = all.into_values().collect();
        others.sort_by_key(|(item, _)| (distance(item, finding).abs(), item.id.as_str()));
        let more = others.len().saturating_sub(LISTED + 1);
        others.truncate(LISTED + 1);
        others.sort_by_key(|(item, _)| (item.time, item.id.as_str()));
        let related = |(item, shares): (&Summary, Vec<String>)| Related {
            own: item.id == finding.id,
            line: Line::new(item, now),
            shared: shares.join(", "),
        };
        let tick = |(seconds, word): (i64, &'static str)| Tick {
            at: place(seconds),
            word,
        };
        Self {
            lanes: looks.iter().map(|look| Lane::of(look, finding)).collect(),
            ticks: TICKS.into_iter().map(tick).collect(),
            nearest: others.into_iter().map(related).collect(),
            more,
            missing: false,
        }
    }

    /// Where the store does not answer.
    pub(super) fn missing() -> Self {
        Self {
            missing: true,
            ..Self::default()
        }
    }

    /// Whether there is anything but the finding itself.
    pub(super) fn is_alone(&self) -> bool {
        self.nearest.iter().all(|one| one.own)
    }
}

impl Lane {
    fn of(look: &Look, finding: &Finding) -> Self {
        let relation = &look.relation;
        let others = look.items.iter().filter(|item| item.id != finding.id);
        let said = match (others.count(), look.more) {
            (0, _) => "no other within a week".to_owned(),
            (count, false) => format!("{count} more within {}", look.span),
            (count, true) => format!("over {count} within {}", look.span),
        };
        let mark = |item: &Summary| Mark {
            at: place(distance(item, finding)),
            id: item.id.to_string(),
            severity: item.severity.as_str(),
            said: words::one_line(&format!(
                "{}: {}",
                words::severity(item.severity),
                item.title
            )),
            own: item.id == finding.id,
        };
        // This one is drawn last, on top.
        let (own, others): (Vec<_>, Vec<_>) =
            look.items.iter().partition(|item| item.id == finding.id);
        Self {
            what: relation.what,
            value: words::short(&relation.value),
            value_whole: words::one_line(&relation.value),
            list: relation.list(),
            said,
            marks: others.into_iter().chain(own).map(mark).collect(),
        }
    }
}

/// Seconds from this finding's event to the other's.
fn distance(item: &Summary, finding: &Finding) -> i64 {
    item.time.duration_since(finding.time).as_secs()
}

/// Percent of the width: minutes, hours and days have about the same room.
#[expect(clippy::cast_precision_loss, reason = "a drawing is not that exact")]
fn place(seconds: i64) -> String {
    let widest = SPANS[0].0.as_secs();
    let far = |seconds: i64| (1.0 + seconds.min(widest) as f64 / 60.0).ln();
    let part = HALF * far(seconds.saturating_abs()) / far(widest);
    let at = if seconds < 0 {
        50.0 - part
    } else {
        50.0 + part
    };
    format!("{at:.2}%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::samples;
    use dial_core::store::triage::Triage;

    fn at(finding: &Finding, seconds: i64, n: u8) -> Summary {
        let mut other = finding.clone();
        other.time += SignedDuration::from_secs(seconds);
        other.event.id = format!("event-{n}");
        other.id = other.expected_id();
        Summary::of(&other, &Triage::default())
    }

    #[test]
    fn near_and_far_have_room() {
        for (seconds, expected) in [
            (0, "50.00%"),
            (-604_800, "3.00%"),
            (604_800, "97.00%"),
            (9_999_999, "97.00%"),
            (i64::MIN, "3.00%"),
            (60, "53.53%"),
            (-3_600, "29.04%"),
        ] {
            assert_eq!(place(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn a_finding_of_two_lanes_is_listed_once_and_the_list_is_bounded() {
        let finding = samples::benign();
        let own = Summary::of(&finding, &Triage::default());
        let look = |what, items: Vec<Summary>, more| Look {
            relation: Relation::new(what, "principal", "x", Query::default()),
            items,
            span: "a week",
            more,
        };
        let near = at(&finding, 30, 1);
        let many: Vec<Summary> = (2..40)
            .map(|n| at(&finding, -i64::from(n) * 60, n))
            .collect();
        let looks = [
            look("Access key", vec![near.clone(), own.clone()], false),
            look("Principal", [vec![near, own], many].concat(), true),
        ];
        let around = Around::of(&finding, &looks, finding.time);
        assert_eq!(around.nearest.len(), LISTED + 1);
        assert_eq!(around.more, 40 - LISTED - 1);
        let last = around.nearest.last().unwrap();
        assert_eq!(last.shared, "access key, principal");
        assert_eq!(around.nearest.iter().filter(|one| one.own).count(), 1);
        assert_eq!(around.lanes[0].said, "1 more within a week");
        assert_eq!(around.lanes[1].said, "over 39 within a week");
        assert!(around.lanes[1].marks.last().unwrap().own);
        assert!(!around.is_alone());
        let alone = Around::of(&finding, &looks[..0], finding.time);
        assert!(alone.is_alone());
    }
}
