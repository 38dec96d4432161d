//! Systems Manager: documents and parameters that are handed to other accounts.

use super::sharing::{self, Shared};
use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;
use serde_json::Value;

pub(super) const DOCUMENT: Extractor = Extractor {
    name: "ssm.document",
    summary: "With whom a document is shared",
    sources: &["ssm.amazonaws.com"],
    names: &["ModifyDocumentPermission"],
    facts: &[
        "ssm.document.public",
        "ssm.document.external",
        "ssm.document.accounts",
    ],
    run: document,
};

pub(super) const POLICY: Extractor = Extractor {
    name: "ssm.policy",
    summary: "Whom the policy of a parameter or operations item group lets in",
    sources: &["ssm.amazonaws.com"],
    names: &["PutResourcePolicy"],
    facts: &[
        "ssm.policy.public",
        "ssm.policy.external",
        "ssm.policy.admin",
        "ssm.policy.writes",
        "ssm.policy.unknown",
        "ssm.policy.any_subject",
        "ssm.policy.accounts",
        "ssm.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("ssm.policy", &call.policy("policy"), known, facts);
}

fn document(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let values = call.request_all("accountIdsToAdd").into_iter();
    let shared: Vec<_> = values.filter_map(Value::as_str).map(Shared::of).collect();
    sharing::state("ssm.document", "the document", &shared, known, facts);
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn shared_documents_are_seen() {
        for (accounts, expected) in [
            (json!(["All"]), Some((true, false))),
            (json!(["777788889999"]), Some((false, true))),
            (json!(["111122223333"]), Some((false, false))),
            (json!([]), None),
        ] {
            let request =
                json!({"name": "d", "permissionType": "Share", "accountIdsToAdd": accounts});
            let facts = facts_of(&sample(
                "ssm.amazonaws.com",
                "ModifyDocumentPermission",
                request,
            ));
            let fact = |n: &str| {
                facts
                    .get(&format!("ssm.document.{n}"))
                    .and_then(Value::as_bool)
            };
            assert_eq!(fact("public").zip(fact("external")), expected);
        }
    }
}
