//! Fields that rules may read beside the record: facts and enrichment, under five names.

use crate::facts::{EXTRACTORS, Facts};
use dial_core::finding::{Asn, Geo, Reputation};
use serde_json::{Map, Value, json};

/// Derived fields other than facts.
pub(crate) const FIELDS: [&str; 27] = [
    "account.id",
    "account.name",
    "account.production",
    "address.aws",
    "address.own",
    "address.public",
    "asn.number",
    "asn.org",
    "decoy.kind",
    "decoy.name",
    "decoy.touched",
    "geo.city",
    "geo.country",
    "geo.lat",
    "geo.lon",
    "own.deployer",
    "own.part",
    "own.reader",
    "own.touched",
    "principal.trusted",
    "region.unexpected",
    "reputation.categories",
    "reputation.listed",
    "reputation.lists",
    "reputation.tor",
    "watched.names",
    "watched.touched",
];

/// What enrichment found about one event.
#[derive(Debug, Default)]
pub(crate) struct Surroundings<'a> {
    pub(crate) geo: Option<&'a Geo>,
    pub(crate) asn: Option<&'a Asn>,
    pub(crate) reputation: &'a [Reputation],
    pub(crate) account: &'a str,
    pub(crate) account_name: Option<&'a str>,
    pub(crate) production: bool,
}

/// The object that rules see; a name without content is left out, so that it is "missing".
pub(crate) fn fields(facts: &Facts, around: &Surroundings<'_>) -> Value {
    let mut fields = Map::new();
    if !facts.map.is_empty() {
        fields.insert("fact".into(), Value::Object(facts.map.clone()));
    }
    let parts = [
        (
            "geo",
            around.geo.and_then(|geo| serde_json::to_value(geo).ok()),
        ),
        (
            "asn",
            around.asn.and_then(|asn| serde_json::to_value(asn).ok()),
        ),
        ("reputation", reputation(around.reputation)),
        ("account", Some(account(around))),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            fields.insert(name.into(), value);
        }
    }
    Value::Object(fields)
}

fn reputation(found: &[Reputation]) -> Option<Value> {
    let lists: Vec<_> = found.iter().map(|entry| &entry.list).collect();
    let categories: Vec<_> = found.iter().map(|entry| &entry.category).collect();
    (!found.is_empty()).then(|| {
        json!({
            "listed": true,
            "tor": categories.iter().any(|category| category.eq_ignore_ascii_case("tor")),
            "lists": lists,
            "categories": categories,
        })
    })
}

fn account(around: &Surroundings<'_>) -> Value {
    let mut account = json!({ "id": around.account, "production": around.production });
    if let Some(name) = around.account_name {
        account["name"] = name.into();
    }
    account
}

/// Whether an extractor makes the fact `fact.<name>`.
pub(crate) fn is_fact(path: &str) -> bool {
    let name = path.strip_prefix("fact.").unwrap_or(path);
    let mut made = EXTRACTORS.iter().flat_map(|extractor| extractor.facts);
    made.any(|fact| *fact == name)
}
