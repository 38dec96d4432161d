//! OpenSearch: who may use a domain, where its address is, and what protects its data.

use super::{Extractor, Facts, Known, list, resource_policy, sharing};
use crate::normalise::Call;
use serde_json::Value;

/// Calls that create a domain, or change its settings.
const CHANGES: &[&str] = &[
    "CreateDomain",
    "CreateElasticsearchDomain",
    "UpdateDomainConfig",
    "UpdateElasticsearchDomainConfig",
];

pub(super) const ACCESS: Extractor = Extractor {
    name: "opensearch.access",
    summary: "Which account may reach a domain from its own VPC",
    sources: &["es.amazonaws.com"],
    names: &["AuthorizeVpcEndpointAccess"],
    facts: &[
        "opensearch.access.public",
        "opensearch.access.external",
        "opensearch.access.accounts",
    ],
    run: access,
};

pub(super) const PROTECTION: Extractor = Extractor {
    name: "opensearch.protection",
    summary: "What does not protect a domain and its data",
    sources: &["es.amazonaws.com"],
    names: CHANGES,
    facts: &[
        "opensearch.protection.missing",
        "opensearch.protection.weak",
        "opensearch.protection.anonymous",
    ],
    run: protection,
};

pub(super) const POLICY: Extractor = Extractor {
    name: "opensearch.policy",
    summary: "Whom a domain's policy lets in, and from where",
    sources: &["es.amazonaws.com"],
    names: CHANGES,
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

fn access(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    sharing::state_request(
        "opensearch.access",
        "the domain",
        "account",
        call,
        known,
        facts,
    );
}

/// Settings that protect data, with what to say where they are off.
const SETTINGS: [(&str, &str); 3] = [
    ("encryptionAtRestOptions.enabled", "encryption at rest"),
    (
        "nodeToNodeEncryptionOptions.enabled",
        "encryption between nodes",
    ),
    ("domainEndpointOptions.enforceHTTPS", "HTTPS only"),
];

/// A setting that a call for a new domain leaves out is as its answer tells.
fn protection(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    if call.has_no_request() {
        return;
    }
    let is_new = call.name().starts_with("Create");
    let is_off = |path: &str| {
        let answered = || call.response_flag(&format!("domainStatus.{path}"));
        let set = call.request_flag(path);
        set.or_else(|| answered().filter(|_| is_new)) == Some(false)
    };
    let off = SETTINGS.iter().filter(|(path, _)| is_off(path));
    let mut missing: Vec<&str> = off.map(|(_, what)| *what).collect();
    if is_new && !in_vpc(call) {
        missing.push("a VPC");
    }
    let anonymous = call.request_flag("advancedSecurityOptions.anonymousAuthEnabled");
    facts.set(
        "opensearch.protection.anonymous",
        anonymous.unwrap_or(false),
    );
    facts.set("opensearch.protection.weak", !missing.is_empty());
    for what in &missing {
        facts.say(format!("the domain is without {what}"));
    }
    if anonymous == Some(true) {
        facts.say("the domain answers callers who do not log in");
    }
    facts.set("opensearch.protection.missing", list(missing));
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
    fn missing_protection_is_seen() {
        let safe = json!({"vPCOptions": {"subnetIds": ["subnet-1"]},
            "encryptionAtRestOptions": {"enabled": true},
            "nodeToNodeEncryptionOptions": {"enabled": true},
            "domainEndpointOptions": {"enforceHTTPS": true}});
        let bare = json!({"domainStatus": {"encryptionAtRestOptions": {"enabled": false},
            "nodeToNodeEncryptionOptions": {"enabled": true}}});
        let http = json!({"domainEndpointOptions": {"enforceHTTPS": false}});
        let cases = [
            ("CreateDomain", safe, Value::Null, json!([])),
            (
                "CreateDomain",
                json!({"domainName": "d"}),
                bare.clone(),
                json!(["a VPC", "encryption at rest"]),
            ),
            (
                "UpdateDomainConfig",
                http,
                Value::Null,
                json!(["HTTPS only"]),
            ),
            (
                "UpdateDomainConfig",
                json!({"domainName": "d"}),
                bare,
                json!([]),
            ),
        ];
        for (name, request, response, missing) in cases {
            let facts = facts_of(&answered("es.amazonaws.com", name, request, response));
            let found = facts.get("opensearch.protection.missing");
            assert_eq!(found, Some(&missing), "{name}");
        }
    }

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
