//! Resource policies of services that have no file of their own.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;
use crate::normalise::document::Document;

/// Where the calls below keep the policy.
const PATHS: [&str; 4] = [
    "policy.policy",
    "policy",
    "policyDocument",
    "resourcePolicy",
];

pub(super) const POLICY: Extractor = Extractor {
    name: "policy",
    summary: "Whom a policy lets in: CodeArtifact, CodeBuild, Glacier, Kinesis, SES and others",
    sources: &[
        "acm-pca.amazonaws.com",
        "codeartifact.amazonaws.com",
        "codebuild.amazonaws.com",
        "glacier.amazonaws.com",
        "kinesis.amazonaws.com",
        "mediastore.amazonaws.com",
        "redshift-serverless.amazonaws.com",
        "schemas.amazonaws.com",
        "ses.amazonaws.com",
        "vpc-lattice.amazonaws.com",
    ],
    names: &[
        "CreateEmailIdentityPolicy",
        "PutAuthPolicy",
        "PutContainerPolicy",
        "PutDomainPermissionsPolicy",
        "PutIdentityPolicy",
        "PutPolicy",
        "PutRepositoryPermissionsPolicy",
        "PutResourcePolicy",
        "SetVaultAccessPolicy",
        "UpdateEmailIdentityPolicy",
    ],
    facts: &[
        "policy.public",
        "policy.external",
        "policy.admin",
        "policy.writes",
        "policy.unknown",
        "policy.any_subject",
        "policy.accounts",
        "policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let mut found = PATHS.iter().map(|path| call.policy(path));
    let document = found.find(|document| *document != Document::Absent);
    let document = document.unwrap_or(Document::Absent);
    resource_policy::state("policy", &document, known, facts);
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::json;

    #[test]
    fn policies_are_found_wherever_they_stand() {
        let open = json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}).to_string();
        let cases = [
            (
                "codebuild",
                "PutResourcePolicy",
                json!({"policy": open, "resourceArn": "arn:aws:codebuild:eu-west-1:111122223333:project/p"}),
            ),
            (
                "codeartifact",
                "PutDomainPermissionsPolicy",
                json!({"domain": "d", "policyDocument": open}),
            ),
            (
                "glacier",
                "SetVaultAccessPolicy",
                json!({"vaultName": "v", "policy": {"policy": open}}),
            ),
            (
                "ses",
                "PutIdentityPolicy",
                json!({"identity": "example.com", "policyName": "p", "policy": open}),
            ),
            (
                "vpc-lattice",
                "PutAuthPolicy",
                json!({"resourceIdentifier": "svc-1", "policy": open}),
            ),
        ];
        for (service, name, request) in cases {
            let facts = facts_of(&sample(&format!("{service}.amazonaws.com"), name, request));
            assert_eq!(facts.get("policy.public"), Some(&json!(true)), "{service}");
        }
        let none = json!({"resourceArn": "arn:aws:kinesis:eu-west-1:111122223333:stream/s"});
        let facts = facts_of(&sample("kinesis.amazonaws.com", "PutResourcePolicy", none));
        assert_eq!(facts.get("policy.public"), None);
    }
}
