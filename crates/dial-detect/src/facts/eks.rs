//! EKS: clusters whose control plane answers the internet.

use super::{Extractor, Facts, Known};
use crate::normalise::Call;
use crate::normalise::permission::parse_cidr;
use serde_json::Value;

pub(super) const ENDPOINT: Extractor = Extractor {
    name: "eks.endpoint",
    summary: "Whether a cluster's control plane answers every address",
    sources: &["eks.amazonaws.com"],
    names: &["CreateCluster", "UpdateClusterConfig"],
    facts: &["eks.endpoint.public"],
    run: endpoint,
};

/// Where the call opens the endpoint and names no range of addresses, it is everything: certain
/// for a new cluster, the default for an old one.
fn endpoint(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let Some(open) = call.request_flag("resourcesVpcConfig.endpointPublicAccess") else {
        return;
    };
    let ranges = call.request_all("resourcesVpcConfig.publicAccessCidrs");
    let mut cidrs = ranges
        .iter()
        .filter_map(|range| range.as_str().and_then(parse_cidr));
    let to_all =
        ranges.iter().all(|range| !Value::is_string(range)) || cidrs.any(|c| c.prefix_len() == 0);
    facts.set("eks.endpoint.public", open && to_all);
    if open && to_all {
        facts.say("lets the cluster's control plane answer every address");
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

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
