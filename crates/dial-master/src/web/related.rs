//! Findings around one finding: of the same principal, resource or address, on one time line.

use super::line::Line;
use dial_core::Finding;
use dial_core::store::query::Network;
use dial_core::store::{Query, Store, StoreError, Summary};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How far before and after is looked.
const AROUND: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Most findings of one relation.
const MOST: usize = 25;

/// A finding on the time line, and what it has in common with this one.
#[derive(Debug)]
pub(super) struct Related {
    pub(super) line: Line,
    /// Such as `principal, address`.
    pub(super) shared: String,
    /// Whether it is this one.
    pub(super) own: bool,
}

/// This finding and those around it, the oldest first.
pub(super) async fn find(
    store: &dyn Store,
    finding: &Finding,
    now: Timestamp,
) -> Result<Vec<Related>, StoreError> {
    let queries = relations(finding);
    let pages = queries
        .iter()
        .map(|(_, query)| store.list(query, None, MOST, now));
    let pages = futures::future::try_join_all(pages).await?;
    let mut all: BTreeMap<(Timestamp, String), (Summary, Vec<&str>)> = BTreeMap::new();
    for ((shared, _), page) in queries.iter().zip(pages) {
        for item in page.items {
            let key = (item.time, item.id.to_string());
            let (_, shares) = all.entry(key).or_insert_with(|| (item, Vec::new()));
            shares.push(shared);
        }
    }
    let related = all.into_values().map(|(item, shares)| Related {
        own: item.id == finding.id,
        line: Line::new(&item, now),
        shared: shares.join(", "),
    });
    Ok(related.collect())
}

fn relations(finding: &Finding) -> Vec<(&'static str, Query)> {
    let around = Query {
        since: finding.time.checked_sub(AROUND).ok(),
        until: finding.time.checked_add(AROUND).ok(),
        ..Query::default()
    };
    let mut relations = Vec::new();
    let principal = finding.principal.key();
    if !principal.is_empty() {
        let principal = vec![principal.to_owned()];
        relations.push((
            "principal",
            Query {
                principal,
                ..around.clone()
            },
        ));
    }
    let resource = finding.resource_key();
    if !resource.is_empty() {
        let resource = vec![resource];
        relations.push((
            "resource",
            Query {
                resource,
                ..around.clone()
            },
        ));
    }
    let address = finding.source.ip.as_ref();
    if let Some(network) = address.and_then(|ip| ip.parse::<Network>().ok()) {
        let source = vec![network];
        relations.push(("address", Query { source, ..around }));
    }
    relations
}
