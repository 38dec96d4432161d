//! AWS Backup: who may use a vault.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

pub(super) const POLICY: Extractor = Extractor {
    name: "backup.policy",
    summary: "Whom a vault's policy lets in",
    sources: &["backup.amazonaws.com"],
    names: &["PutBackupVaultAccessPolicy"],
    facts: &[
        "backup.policy.public",
        "backup.policy.external",
        "backup.policy.admin",
        "backup.policy.writes",
        "backup.policy.unknown",
        "backup.policy.any_subject",
        "backup.policy.accounts",
        "backup.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("backup.policy", &call.policy("policy"), known, facts);
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn shared_vaults_are_seen() {
        let policy = |principal: Value| {
            let mut policy = json!({"Version": "2012-10-17", "Statement": [
                {"Sid": "Share", "Effect": "Allow", "Action": "backup:*", "Resource": "*"}]});
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
            let request = json!({"policy": text});
            let facts = facts_of(&sample(
                "backup.amazonaws.com",
                "PutBackupVaultAccessPolicy",
                request,
            ));
            let fact = |n: &str| {
                facts
                    .get(&format!("backup.policy.{n}"))
                    .and_then(Value::as_bool)
            };
            assert_eq!(fact("public").zip(fact("external")), expected, "{name}");
            assert_eq!(fact("unknown"), Some(expected.is_none()), "{name}");
        }
    }
}
