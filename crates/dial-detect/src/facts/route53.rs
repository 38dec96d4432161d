//! Route 53: changes to the records that a domain stands on.

use super::{Extractor, Facts, Known, list};
use crate::normalise::{Call, lookup};
use crate::text::shown;
use serde_json::Value;
use std::collections::BTreeSet;

/// Types that say who answers for a domain, or takes its mail.
const TYPES: [&str; 4] = ["DS", "MX", "NS", "SOA"];
/// Types that lead people to a host; sensitive at the top of a domain.
const HOSTS: [&str; 5] = ["A", "AAAA", "CNAME", "HTTPS", "SVCB"];
/// Labels below which a country's registry sells names, as in `example.co.uk`.
const REGISTRIES: [&str; 7] = ["ac", "co", "com", "edu", "gov", "net", "org"];

pub(super) const CHANGE: Extractor = Extractor {
    name: "route53",
    summary: "Which records that a domain stands on are changed",
    sources: &["route53.amazonaws.com"],
    names: &["ChangeResourceRecordSets"],
    facts: &["route53.sensitive_change", "route53.names", "route53.types"],
    run: change,
};

fn change(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let changes = call.request_all("changeBatch.changes");
    if changes.is_empty() {
        return;
    }
    let text = |change: &'_ Value, path: &str| lookup::text(change, path).unwrap_or("").to_owned();
    let all: BTreeSet<_> = changes
        .into_iter()
        .map(|change| {
            let name = text(change, "resourceRecordSet.name");
            let kind = text(change, "resourceRecordSet.type").to_ascii_uppercase();
            (name, kind, text(change, "action"))
        })
        .collect();
    let sensitive: Vec<_> = all
        .iter()
        .filter(|(name, kind, _)| is_sensitive(name, kind))
        .collect();
    facts.set("route53.sensitive_change", !sensitive.is_empty());
    facts.set("route53.names", list(all.iter().map(|(name, ..)| name)));
    facts.set("route53.types", list(all.iter().map(|(_, kind, _)| kind)));
    for (name, kind, action) in sensitive {
        facts.say(format!(
            "{} of {} record {}",
            shown(action),
            shown(kind),
            shown(name)
        ));
    }
}

fn is_sensitive(name: &str, kind: &str) -> bool {
    TYPES.contains(&kind) || (HOSTS.contains(&kind) && is_top(name))
}

/// Whether a name looks like the one that was registered; the event does not name the zone.
fn is_top(name: &str) -> bool {
    let labels: Vec<&str> = name.trim_end_matches('.').split('.').collect();
    match labels.as_slice() {
        [_, _] => true,
        [_, second, country] => country.len() == 2 && REGISTRIES.contains(second),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::json;

    #[test]
    fn records_that_a_domain_stands_on_are_seen() {
        let cases = [
            ("example.com.", "NS", true),
            ("mail.example.com.", "MX", true),
            ("example.com.", "A", true),
            ("example.com", "aaaa", true),
            ("example.co.uk.", "A", true),
            ("www.example.com.", "A", false),
            ("www.example.de.", "CNAME", false),
            ("example.com.", "TXT", false),
            ("", "A", false),
        ];
        for (name, kind, expected) in cases {
            let request = json!({"hostedZoneId": "Z1", "changeBatch": {"changes": [
                {"action": "CREATE", "resourceRecordSet": {"name": "a.b.example.com.", "type": "TXT"}},
                {"action": "UPSERT", "resourceRecordSet": {"name": name, "type": kind}}]}});
            let facts = facts_of(&sample(
                "route53.amazonaws.com",
                "ChangeResourceRecordSets",
                request,
            ));
            assert_eq!(
                facts.get("route53.sensitive_change"),
                Some(&json!(expected)),
                "{name} {kind}"
            );
        }
    }
}
