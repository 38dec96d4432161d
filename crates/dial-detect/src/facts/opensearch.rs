//! OpenSearch: who may use a domain, and whether its address is on the internet.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;
use serde_json::Value;

pub(super) const POLICY: Extractor = Extractor {
    name: "opensearch.policy",
    summary: "Whom a domain's policy lets in, and from where",
    sources: &["es.amazonaws.com"],
    names: &[
        "CreateDomain",
        "CreateElasticsearchDomain",
        "UpdateDomainConfig",
        "UpdateElasticsearchDomainConfig",
    ],
    facts: &[
        "opensearch.policy.public",
        "opensearch.policy.external",
        "opensearch.policy.admin",
        "opensearch.policy.writes",
        "opensearch.policy.unknown",
        "opensearch.policy.any_subject",
        "opensearch.policy.accounts",
        "opensearch.policy.statements",
        "opensearch.open",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state(
        "opensearch.policy",
        &call.policy("accessPolicies"),
        known,
        facts,
    );
    let public = facts
        .get("opensearch.policy.public")
        .and_then(Value::as_bool);
    if let Some(public) = public {
        let open = public && !in_vpc(call);
        facts.set("opensearch.open", open);
        if open {
            facts.say("the domain is outside any VPC, so that policy opens it to the internet");
        }
    }
}

/// Whether the request puts the domain into a VPC, or the answer finds it there.
fn in_vpc(call: &Call<'_>) -> bool {
    let asked = call.request_text("vPCOptions.subnetIds");
    let answered = ["domainStatus", "domainConfig"]
        .into_iter()
        .find_map(|part| {
            ["vPCOptions.vPCId", "vPCOptions.options.vPCId"]
                .into_iter()
                .find_map(|path| call.response_text(&format!("{part}.{path}")))
        });
    asked.or(answered).is_some()
}

#[cfg(test)]
mod tests {
    use crate::facts::{answered, facts_of};
    use serde_json::{Value, json};

    #[test]
    fn open_domains_are_seen() {
        let policy = || {
            json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"},
            "Action": "es:*", "Resource": "*"}]})
        };
        let office = || {
            let mut policy = policy();
            policy["Statement"][0]["Condition"] =
                json!({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}});
            policy
        };
        let subnets =
            json!({"accessPolicies": policy(), "vPCOptions": {"subnetIds": ["subnet-1"]}});
        let there = json!({"domainConfig": {"vPCOptions": {"options": {"vPCId": "vpc-1"}}}});
        let cases = [
            (
                "object",
                json!({"accessPolicies": policy()}),
                Value::Null,
                Some(true),
            ),
            (
                "text",
                json!({"accessPolicies": policy().to_string()}),
                Value::Null,
                Some(true),
            ),
            ("in a VPC", subnets, Value::Null, Some(false)),
            (
                "in a VPC already",
                json!({"accessPolicies": policy()}),
                there,
                Some(false),
            ),
            (
                "no subnets",
                json!({"accessPolicies": policy(), "vPCOptions": {}}),
                Value::Null,
                Some(true),
            ),
            (
                "from the office",
                json!({"accessPolicies": office()}),
                Value::Null,
                Some(false),
            ),
            ("no policy", json!({"domainName": "d"}), Value::Null, None),
        ];
        for (name, request, response, expected) in cases {
            let event = answered("es.amazonaws.com", "UpdateDomainConfig", request, response);
            let open = facts_of(&event)
                .get("opensearch.open")
                .and_then(Value::as_bool);
            assert_eq!(open, expected, "{name}");
        }
    }
}
