//! Facts about resource policies, the same for every service that has them.

use super::policy::{Access, Flag, access};
use super::{Facts, Known, list};
use crate::normalise::document::Document;
use serde_json::Value;

/// States what a policy gives to others, below `<prefix>`, such as `s3.policy`.
///
/// A call without a policy has no such facts; an unreadable one is `unknown`, never private.
pub(super) fn state(prefix: &str, policy: &Document<'_>, known: &Known<'_>, facts: &mut Facts) {
    if let Some(access) = state_parties(prefix, policy, known, facts) {
        facts.set(&format!("{prefix}.admin"), access.admin);
        facts.set(&format!("{prefix}.writes"), access.writes);
    }
}

/// The same without what is granted, for policies that all grant one thing.
pub(super) fn state_parties(
    prefix: &str,
    policy: &Document<'_>,
    known: &Known<'_>,
    facts: &mut Facts,
) -> Option<Access> {
    let judged = match policy {
        Document::Absent => return None,
        Document::Unknown(why) => Err(*why),
        Document::Known(map) => access(map, known).ok_or("the policy has no statement"),
    };
    facts.set(&format!("{prefix}.unknown"), judged.is_err());
    match judged {
        Ok(access) => {
            state_access(prefix, &access, facts);
            Some(access)
        }
        Err(why) => {
            facts.say(format!("the policy could not be judged: {why}"));
            None
        }
    }
}

fn state_access(prefix: &str, access: &Access, facts: &mut Facts) {
    facts.set(&format!("{prefix}.public"), access.public);
    facts.set(&format!("{prefix}.external"), access.external);
    facts.set(&format!("{prefix}.any_subject"), access.any_subject);
    facts.set(&format!("{prefix}.accounts"), list(&access.accounts));
    let statements: Value = access.statements.iter().map(Flag::to_value).collect();
    facts.set(&format!("{prefix}.statements"), statements);
    for flag in &access.statements {
        facts.say(flag.sentence());
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    /// (service, call, field that holds the policy, prefix of the facts)
    const CALLS: [(&str, &str, &str, &str); 16] = [
        ("backup", "PutBackupVaultAccessPolicy", "policy", "backup"),
        ("bedrock", "PutResourcePolicy", "resourcePolicy", "bedrock"),
        (
            "cloudtrail",
            "PutResourcePolicy",
            "resourcePolicy",
            "cloudtrail",
        ),
        ("elasticfilesystem", "PutFileSystemPolicy", "policy", "efs"),
        ("kafka", "PutClusterPolicy", "policy", "kafka"),
        ("logs", "PutDestinationPolicy", "accessPolicy", "logs"),
        (
            "logs",
            "PutDeliveryDestinationPolicy",
            "deliveryDestinationPolicy",
            "logs",
        ),
        ("logs", "PutResourcePolicy", "policyDocument", "logs"),
        ("redshift", "PutResourcePolicy", "policy", "redshift"),
        ("dynamodb", "PutResourcePolicy", "policy", "dynamodb"),
        ("ecr", "SetRepositoryPolicy", "policyText", "ecr"),
        ("ecr", "PutRegistryPolicy", "policyText", "ecr"),
        ("glue", "PutResourcePolicy", "policyInJson", "glue"),
        (
            "organizations",
            "PutResourcePolicy",
            "content",
            "organizations",
        ),
        ("ssm", "PutResourcePolicy", "policy", "ssm"),
        (
            "secretsmanager",
            "PutResourcePolicy",
            "resourcePolicy",
            "secretsmanager",
        ),
    ];

    #[test]
    fn every_service_states_whom_a_policy_lets_in() {
        let policies = [
            ("anyone", json!("*"), (true, false)),
            (
                "stranger",
                json!({"AWS": "arn:aws:iam::777788889999:root"}),
                (false, true),
            ),
            ("ours", json!({"AWS": "444455556666"}), (false, false)),
        ];
        for (service, name, field, prefix) in CALLS {
            let judged = |text: &str| {
                let request = json!({ field: text });
                let facts = facts_of(&sample(&format!("{service}.amazonaws.com"), name, request));
                ["public", "external", "unknown"].map(|fact| {
                    let fact = facts.get(&format!("{prefix}.policy.{fact}"));
                    fact.and_then(Value::as_bool)
                })
            };
            for (who, principal, (public, external)) in &policies {
                let text = json!({"Version": "2012-10-17", "Statement": [
                    {"Sid": "Share", "Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"}]})
                .to_string();
                let expected = [Some(*public), Some(*external), Some(false)];
                assert_eq!(judged(&text), expected, "{service} {name} {who}");
                let cut = [None, None, Some(true)];
                assert_eq!(judged(&text[..30]), cut, "{service} {name} {who}, cut off");
            }
        }
    }
}
