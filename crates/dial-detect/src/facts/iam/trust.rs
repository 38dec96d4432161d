//! Trust policies: who may take on a role.

use crate::facts::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

pub(in crate::facts) const TRUST: Extractor = Extractor {
    name: "iam.trust",
    summary: "Who may take on a role",
    sources: &["iam.amazonaws.com"],
    names: &["CreateRole", "UpdateAssumeRolePolicy"],
    facts: &[
        "iam.trust.public",
        "iam.trust.external",
        "iam.trust.unknown",
        "iam.trust.any_subject",
        "iam.trust.accounts",
        "iam.trust.statements",
    ],
    run: trust,
};

fn trust(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let path = match call.name() {
        "CreateRole" => "assumeRolePolicyDocument",
        _ => "policyDocument",
    };
    resource_policy::state_parties("iam.trust", &call.policy(path), known, facts);
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn roles_that_let_strangers_in_are_seen() {
        let principal = |principal: Value| {
            let mut policy = json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole"}]});
            policy["Statement"][0]["Principal"] = principal;
            policy.to_string()
        };
        let cases = [
            ("anyone", principal(json!({"AWS": "*"})), "public"),
            (
                "stranger",
                principal(json!({"AWS": "arn:aws:iam::777788889999:root"})),
                "external",
            ),
            (
                "own account",
                principal(json!({"AWS": "111122223333"})),
                "none",
            ),
            (
                "service",
                principal(json!({"Service": "ec2.amazonaws.com"})),
                "none",
            ),
            (
                "provider without subject",
                principal(
                    json!({"Federated": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}),
                ),
                "any_subject",
            ),
            ("cut off", "{\"Statement\"".to_owned(), "unknown"),
        ];
        for (name, policy, expected) in cases {
            for (call, key) in [
                ("CreateRole", "assumeRolePolicyDocument"),
                ("UpdateAssumeRolePolicy", "policyDocument"),
            ] {
                let request = json!({"roleName": "r", key: policy});
                let facts = facts_of(&sample("iam.amazonaws.com", call, request));
                let names = ["public", "external", "any_subject", "unknown"];
                let is_true = |n: &&str| facts.get(&format!("iam.trust.{n}")) == Some(&json!(true));
                let found = names.into_iter().find(is_true).unwrap_or("none");
                assert_eq!(found, expected, "{name} {call}");
            }
        }
    }
}
