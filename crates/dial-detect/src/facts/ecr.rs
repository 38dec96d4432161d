//! ECR: who may pull images from a repository, or push them.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

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

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn shared_repositories_are_seen() {
        let policy = |principal: Value| {
            let mut policy = json!({"Version": "2012-10-17", "Statement": [
                {"Sid": "Share", "Effect": "Allow", "Action": "ecr:*", "Resource": "*"}]});
            policy["Statement"][0]["Principal"] = principal;
            policy.to_string()
        };
        let cases = [
            ("anyone", policy(json!("*")), Some((true, false))),
            (
                "stranger",
                policy(json!({"AWS": "arn:aws:iam::777788889999:root"})),
                Some((false, true)),
            ),
            (
                "ours",
                policy(json!({"AWS": "444455556666"})),
                Some((false, false)),
            ),
            ("cut off", policy(json!("*"))[..30].to_owned(), None),
        ];
        for (name, text, expected) in cases {
            let request = json!({"policyText": text});
            let facts = facts_of(&sample("ecr.amazonaws.com", "SetRepositoryPolicy", request));
            let fact = |n: &str| {
                facts
                    .get(&format!("ecr.policy.{n}"))
                    .and_then(Value::as_bool)
            };
            assert_eq!(fact("public").zip(fact("external")), expected, "{name}");
            assert_eq!(fact("unknown"), Some(expected.is_none()), "{name}");
        }
    }
}
