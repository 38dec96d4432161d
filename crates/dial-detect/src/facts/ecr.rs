//! ECR: who may pull images from a repository, or push them, and where copies go.

use super::sharing::{self, Shared};
use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;
use serde_json::Value;

pub(super) const POLICY: Extractor = Extractor {
    name: "ecr.policy",
    summary: "Whom a repository or registry policy lets in",
    sources: &["ecr.amazonaws.com", "ecr-public.amazonaws.com"],
    names: &["PutRegistryPolicy", "SetRepositoryPolicy"],
    facts: &[
        "ecr.policy.public",
        "ecr.policy.external",
        "ecr.policy.admin",
        "ecr.policy.writes",
        "ecr.policy.unknown",
        "ecr.policy.any_subject",
        "ecr.policy.accounts",
        "ecr.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("ecr.policy", &call.policy("policyText"), known, facts);
}

pub(super) const REPLICATION: Extractor = Extractor {
    name: "ecr.replication",
    summary: "Whether images are copied to another account",
    sources: &["ecr.amazonaws.com"],
    names: &["PutReplicationConfiguration"],
    facts: &[
        "ecr.replication.public",
        "ecr.replication.external",
        "ecr.replication.accounts",
    ],
    run: replication,
};

fn replication(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let registries = call.request_all("replicationConfiguration.rules.destinations.registryId");
    let texts = registries.into_iter().filter_map(Value::as_str);
    let shared: Vec<_> = texts.map(Shared::of).collect();
    sharing::state("ecr.replication", "all new images", &shared, known, facts);
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn copies_for_strangers_are_seen() {
        let to = |account: &str| {
            json!({"replicationConfiguration": {"rules": [{"destinations": [
                {"region": "eu-central-1", "registryId": "111122223333"},
                {"region": "eu-central-1", "registryId": account}]}]}})
        };
        let cases = [
            (to("777788889999"), Some(true)),
            (to("444455556666"), Some(false)),
            (json!({"replicationConfiguration": {"rules": []}}), None),
            (Value::Null, None),
        ];
        for (request, expected) in cases {
            let event = sample("ecr.amazonaws.com", "PutReplicationConfiguration", request);
            let fact = facts_of(&event)
                .get("ecr.replication.external")
                .and_then(Value::as_bool);
            assert_eq!(fact, expected);
        }
    }
}
