//! Glue: who may use the data catalog.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

pub(super) const POLICY: Extractor = Extractor {
    name: "glue.policy",
    summary: "Whom the catalog's policy lets in",
    sources: &["glue.amazonaws.com"],
    names: &["PutResourcePolicy"],
    facts: &[
        "glue.policy.public",
        "glue.policy.external",
        "glue.policy.admin",
        "glue.policy.writes",
        "glue.policy.unknown",
        "glue.policy.any_subject",
        "glue.policy.accounts",
        "glue.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("glue.policy", &call.policy("policyInJson"), known, facts);
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn shared_catalogs_are_seen() {
        let policy = |principal: Value| {
            let mut policy = json!({"Version": "2012-10-17", "Statement": [
                {"Sid": "Share", "Effect": "Allow", "Action": "glue:*", "Resource": "*"}]});
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
            let request = json!({"policyInJson": text});
            let facts = facts_of(&sample("glue.amazonaws.com", "PutResourcePolicy", request));
            let fact = |n: &str| {
                facts
                    .get(&format!("glue.policy.{n}"))
                    .and_then(Value::as_bool)
            };
            assert_eq!(fact("public").zip(fact("external")), expected, "{name}");
            assert_eq!(fact("unknown"), Some(expected.is_none()), "{name}");
        }
    }
}
