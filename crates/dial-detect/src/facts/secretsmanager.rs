//! Secrets Manager: who may read a secret.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

pub(super) const POLICY: Extractor = Extractor {
    name: "secretsmanager.policy",
    summary: "Whom a secret's policy lets in",
    sources: &["secretsmanager.amazonaws.com"],
    names: &["PutResourcePolicy"],
    facts: &[
        "secretsmanager.policy.public",
        "secretsmanager.policy.external",
        "secretsmanager.policy.admin",
        "secretsmanager.policy.writes",
        "secretsmanager.policy.unknown",
        "secretsmanager.policy.any_subject",
        "secretsmanager.policy.accounts",
        "secretsmanager.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state(
        "secretsmanager.policy",
        &call.policy("resourcePolicy"),
        known,
        facts,
    );
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn shared_secrets_are_seen() {
        let policy = |principal: Value| {
            let mut policy = json!({"Version": "2012-10-17", "Statement": [
                {"Sid": "Share", "Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}]});
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
            let request = json!({"resourcePolicy": text});
            let facts = facts_of(&sample(
                "secretsmanager.amazonaws.com",
                "PutResourcePolicy",
                request,
            ));
            let fact = |n: &str| {
                facts
                    .get(&format!("secretsmanager.policy.{n}"))
                    .and_then(Value::as_bool)
            };
            assert_eq!(fact("public").zip(fact("external")), expected, "{name}");
            assert_eq!(fact("unknown"), Some(expected.is_none()), "{name}");
        }
    }
}
