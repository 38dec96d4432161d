//! EKS: clusters whose control plane answers the internet, and who is let in.

use super::sharing::{self, Shared};
use super::{Extractor, Facts, Known};
use crate::normalise::Call;
use crate::normalise::permission::parse_cidr;
use crate::text::shown;
use percent_encoding::percent_decode_str;
use serde_json::Value;

pub(super) const ACCESS: Extractor = Extractor {
    name: "eks.access",
    summary: "Which principal is let into a cluster",
    sources: &["eks.amazonaws.com"],
    names: &[
        "AssociateAccessPolicy",
        "CreateAccessEntry",
        "UpdateAccessEntry",
    ],
    facts: &[
        "eks.access.public",
        "eks.access.external",
        "eks.access.accounts",
        "eks.access.principal",
    ],
    run: access,
};

pub(super) const ENDPOINT: Extractor = Extractor {
    name: "eks.endpoint",
    summary: "Whether a cluster's control plane answers every address",
    sources: &["eks.amazonaws.com"],
    names: &["CreateCluster", "UpdateClusterConfig"],
    facts: &["eks.endpoint.public"],
    run: endpoint,
};

/// The principal stands in the path of the call, so records have it URL-encoded as often as not.
fn access(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let Some(written) = call.request_text("principalArn") else {
        return;
    };
    let principal = percent_decode_str(written).decode_utf8_lossy();
    facts.set("eks.access.principal", principal.as_ref());
    facts.say(format!("lets {} into the cluster", shown(&principal)));
    let shared = [Shared::of(&principal)];
    sharing::state("eks.access", "the cluster", &shared, known, facts);
}

/// Where the call opens the endpoint and names no range of addresses, it is everything: certain
/// for a new cluster, the default for an old one. What a call for a new cluster leaves out, its
/// answer tells.
fn endpoint(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let is_new = call.name() == "CreateCluster";
    let asked = call.request_flag("resourcesVpcConfig.endpointPublicAccess");
    let answered = || call.response_flag("cluster.resourcesVpcConfig.endpointPublicAccess");
    let Some(open) = asked.or_else(|| answered().filter(|_| is_new)) else {
        return;
    };
    let mut ranges = call.request_all("resourcesVpcConfig.publicAccessCidrs");
    if ranges.is_empty() && is_new {
        ranges = call.response_all("cluster.resourcesVpcConfig.publicAccessCidrs");
    }
    let public = open && covers_everything(&ranges);
    facts.set("eks.endpoint.public", public);
    if public {
        facts.say("lets the cluster's control plane answer every address");
    }
}

fn covers_everything(ranges: &[&Value]) -> bool {
    let mut texts = ranges.iter().filter_map(|range| range.as_str()).peekable();
    texts.peek().is_none() || texts.filter_map(parse_cidr).any(|c| c.prefix_len() == 0)
}

#[cfg(test)]
mod tests {
    use crate::facts::{answered, facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn principals_are_read_in_either_spelling() {
        let cases = [
            ("arn:aws:iam::111122223333:role/r", false),
            ("arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fr", false),
            ("arn%3Aaws%3Aiam%3A%3A777788889999%3Arole%2Fr", true),
        ];
        for (arn, external) in cases {
            let request = json!({"name": "c", "principalArn": arn});
            let facts = facts_of(&sample("eks.amazonaws.com", "CreateAccessEntry", request));
            assert_eq!(facts.get("eks.access.external"), Some(&json!(external)));
            let principal = facts.get("eks.access.principal").and_then(Value::as_str);
            assert!(principal.is_some_and(|p| p.ends_with(":role/r")), "{arn}");
        }
    }

    #[test]
    fn a_new_cluster_has_the_endpoint_that_the_answer_tells() {
        let config = |cidr: &str| {
            json!({"cluster": {"resourcesVpcConfig": {
            "endpointPublicAccess": true, "publicAccessCidrs": [cidr]}}})
        };
        for (name, cidr, expected) in [
            ("CreateCluster", "0.0.0.0/0", Some(true)),
            ("CreateCluster", "192.0.2.0/24", Some(false)),
            ("UpdateClusterConfig", "0.0.0.0/0", None),
        ] {
            let request = json!({"name": "c", "resourcesVpcConfig": {"subnetIds": ["subnet-1"]}});
            let facts = facts_of(&answered("eks.amazonaws.com", name, request, config(cidr)));
            let public = facts.get("eks.endpoint.public").and_then(Value::as_bool);
            assert_eq!(public, expected, "{name} {cidr}");
        }
    }

    #[test]
    fn open_control_planes_are_seen() {
        let config = |open: bool, cidrs: Value| json!({"name": "c", "resourcesVpcConfig": {"endpointPublicAccess": open, "publicAccessCidrs": cidrs}});
        let cases = [
            ("open", config(true, json!(["0.0.0.0/0"])), Some(true)),
            ("open by default", config(true, Value::Null), Some(true)),
            (
                "office only",
                config(true, json!(["192.0.2.0/24"])),
                Some(false),
            ),
            ("closed", config(false, json!(["0.0.0.0/0"])), Some(false)),
            ("other change", json!({"name": "c", "logging": {}}), None),
        ];
        for (name, request, expected) in cases {
            let facts = facts_of(&sample("eks.amazonaws.com", "UpdateClusterConfig", request));
            assert_eq!(
                facts.get("eks.endpoint.public").and_then(Value::as_bool),
                expected,
                "{name}"
            );
        }
    }
}
