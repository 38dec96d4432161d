//! KMS: who may use a key, by its policy or by grant.

use super::sharing::{self, Shared};
use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

const KMS: &[&str] = &["kms.amazonaws.com"];

pub(super) const GRANT: Extractor = Extractor {
    name: "kms.grant",
    summary: "Whether a grant hands a key to another account",
    sources: KMS,
    names: &["CreateGrant"],
    facts: &[
        "kms.grant.public",
        "kms.grant.external",
        "kms.grant.accounts",
    ],
    run: grant,
};

pub(super) const POLICY: Extractor = Extractor {
    name: "kms.policy",
    summary: "Whom a key policy lets in",
    sources: KMS,
    names: &["CreateKey", "PutKeyPolicy", "ReplicateKey"],
    facts: &[
        "kms.policy.public",
        "kms.policy.external",
        "kms.policy.admin",
        "kms.policy.writes",
        "kms.policy.unknown",
        "kms.policy.any_subject",
        "kms.policy.accounts",
        "kms.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("kms.policy", &call.policy("policy"), known, facts);
}

fn grant(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let grantee: Vec<_> = call
        .request_text("granteePrincipal")
        .map(Shared::of)
        .into_iter()
        .collect();
    sharing::state("kms.grant", "the key", &grantee, known, facts);
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::json;

    #[test]
    fn keys_in_strange_hands_are_seen() {
        let policy = |principal: &str| {
            json!({"Statement": [{"Effect": "Allow", "Action": "kms:*",
            "Principal": {"AWS": principal}, "Resource": "*"}]})
            .to_string()
        };
        let cases = [
            (
                "PutKeyPolicy",
                json!({"policy": policy("*")}),
                "kms.policy.public",
            ),
            (
                "CreateKey",
                json!({"policy": policy("arn:aws:iam::777788889999:root")}),
                "kms.policy.external",
            ),
            (
                "PutKeyPolicy",
                json!({"policy": policy("arn:aws:iam::111122223333:root")}),
                "none",
            ),
            ("CreateKey", json!({"description": "no policy"}), "none"),
            (
                "CreateGrant",
                json!({"granteePrincipal": "arn:aws:iam::777788889999:role/r"}),
                "kms.grant.external",
            ),
            (
                "CreateGrant",
                json!({"granteePrincipal": "rds.amazonaws.com"}),
                "none",
            ),
        ];
        for (call, request, expected) in cases {
            let facts = facts_of(&sample("kms.amazonaws.com", call, request.clone()));
            let names = [
                "kms.policy.public",
                "kms.policy.external",
                "kms.grant.external",
            ];
            let is_true = |n: &&str| facts.get(n) == Some(&json!(true));
            assert_eq!(
                names.into_iter().find(is_true).unwrap_or("none"),
                expected,
                "{request}"
            );
        }
    }
}
