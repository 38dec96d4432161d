//! Identity policies: written in the call, or attached by their ARN.

use crate::facts::policy::{Flag, Grants, grants};
use crate::facts::{Extractor, Facts, Known, list};
use crate::normalise::Call;
use crate::normalise::document::Document;
use crate::text::shown;
use serde_json::Value;
use std::collections::BTreeSet;

/// Policies of AWS that make an administrator, or nearly one.
const ADMIN: [&str; 9] = [
    "AWSAccountManagementFullAccess",
    "AWSOrganizationsFullAccess",
    "AWSSSOMasterAccountAdministrator",
    "AdministratorAccess",
    "AdministratorAccess-AWSElasticBeanstalk",
    "AdministratorAccess-Amplify",
    "IAMFullAccess",
    "PowerUserAccess",
    "SystemAdministrator",
];

pub(in crate::facts) const ATTACHED: Extractor = Extractor {
    name: "iam.attached",
    summary: "Whether a policy of AWS makes its holder an administrator",
    sources: &[
        "iam.amazonaws.com",
        "sso.amazonaws.com",
        "sts.amazonaws.com",
    ],
    names: &[
        "AttachGroupPolicy",
        "AttachManagedPolicyToPermissionSet",
        "AttachRolePolicy",
        "AttachUserPolicy",
        "DetachUserPolicy",
        "GetFederationToken",
    ],
    facts: &[
        "iam.attached.admin",
        "iam.attached.policy",
        "iam.attached.quarantine",
    ],
    run: attached,
};

pub(in crate::facts) const POLICY: Extractor = Extractor {
    name: "iam.policy",
    summary: "What an identity policy gives its holder",
    sources: &[
        "iam.amazonaws.com",
        "sso.amazonaws.com",
        "sts.amazonaws.com",
    ],
    names: &[
        "CreatePolicy",
        "CreatePolicyVersion",
        "GetFederationToken",
        "PutGroupPolicy",
        "PutInlinePolicyToPermissionSet",
        "PutRolePolicy",
        "PutUserPolicy",
    ],
    facts: &[
        "iam.policy.admin",
        "iam.policy.escalation",
        "iam.policy.unknown",
        "iam.policy.statements",
    ],
    run: policy,
};

fn attached(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let paths = [
        "policyArn",
        "managedPolicyArn",
        "policyArns.arn",
        "policyArns",
    ];
    let values = paths.into_iter().flat_map(|path| call.request_all(path));
    let arns: BTreeSet<_> = values.filter_map(Value::as_str).collect();
    if arns.is_empty() {
        return;
    }
    let detaches = call.name().starts_with("Detach");
    let admin: Vec<_> = arns
        .iter()
        .filter(|arn| !detaches && makes_admin(arn))
        .collect();
    let quarantine = arns
        .iter()
        .any(|arn| arn.contains("AWSCompromisedKeyQuarantine"));
    facts.set("iam.attached.admin", !admin.is_empty());
    facts.set("iam.attached.quarantine", quarantine);
    facts.set("iam.attached.policy", list(arns.clone()));
    for arn in admin {
        facts.say(format!(
            "attaches {}, which makes an administrator",
            shown(arn)
        ));
    }
    match (quarantine, detaches) {
        (true, true) => facts.say("lifts the quarantine that AWS put on a leaked key"),
        (true, false) => facts.say("puts a key that AWS found leaked into quarantine"),
        (false, _) => {}
    }
}

/// Only AWS's own: a policy of the account's may have any content under such a name.
fn makes_admin(arn: &str) -> bool {
    let own = arn.split_once(":iam::aws:policy/");
    let name = own.and_then(|(_, path)| path.rsplit('/').next());
    name.is_some_and(|name| ADMIN.contains(&name))
}

fn policy(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let path = match call.name() {
        "GetFederationToken" => "policy",
        "PutInlinePolicyToPermissionSet" => "inlinePolicy",
        _ => "policyDocument",
    };
    let judged = match call.policy(path) {
        Document::Absent => return,
        Document::Unknown(why) => Err(why),
        Document::Known(map) => grants(&map).ok_or("the policy has no statement"),
    };
    match judged {
        Ok(grants) => state(&grants, facts),
        Err(why) => {
            facts.set("iam.policy.unknown", true);
            facts.say(format!("the policy could not be judged: {why}"));
        }
    }
}

fn state(grants: &Grants, facts: &mut Facts) {
    facts.set("iam.policy.unknown", false);
    facts.set("iam.policy.admin", grants.admin);
    facts.set("iam.policy.escalation", list(grants.escalation.clone()));
    let statements: Value = grants.statements.iter().map(Flag::to_value).collect();
    facts.set("iam.policy.statements", statements);
    for flag in &grants.statements {
        facts.say(flag.sentence());
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn attached_administrators_are_seen() {
        let cases = [
            (
                "administrator",
                "AttachUserPolicy",
                "arn:aws:iam::aws:policy/AdministratorAccess",
                true,
            ),
            (
                "other partition",
                "AttachRolePolicy",
                "arn:aws-cn:iam::aws:policy/IAMFullAccess",
                true,
            ),
            (
                "job function",
                "AttachRolePolicy",
                "arn:aws:iam::aws:policy/job-function/SystemAdministrator",
                true,
            ),
            (
                "reader",
                "AttachUserPolicy",
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
                false,
            ),
            (
                "of the account",
                "AttachUserPolicy",
                "arn:aws:iam::111122223333:policy/AdministratorAccess",
                false,
            ),
            (
                "detached",
                "DetachUserPolicy",
                "arn:aws:iam::aws:policy/AdministratorAccess",
                false,
            ),
        ];
        for (name, call, arn, expected) in cases {
            let request = json!({"userName": "dev", "policyArn": arn});
            let facts = facts_of(&sample("iam.amazonaws.com", call, request));
            assert_eq!(
                facts.get("iam.attached.admin"),
                Some(&json!(expected)),
                "{name}"
            );
        }
        let request =
            json!({"policyArns": [{"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}]});
        let facts = facts_of(&sample("sts.amazonaws.com", "GetFederationToken", request));
        assert_eq!(facts.get("iam.attached.admin"), Some(&json!(true)));
    }

    #[test]
    fn the_quarantine_is_known() {
        let request = json!({"userName": "dev", "policyArn": "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"});
        for call in ["AttachUserPolicy", "DetachUserPolicy"] {
            let facts = facts_of(&sample("iam.amazonaws.com", call, request.clone()));
            assert_eq!(
                facts.get("iam.attached.quarantine"),
                Some(&json!(true)),
                "{call}"
            );
        }
    }

    #[test]
    fn written_policies_are_judged() {
        let wide = json!({"Version": "2012-10-17", "Statement": {
            "Sid": "Boss", "Effect": "Allow", "Action": "*", "Resource": "*"}});
        let narrow = json!({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
        let cases = [
            (
                "iam",
                "CreatePolicy",
                json!({"policyDocument": wide.to_string()}),
                Some(true),
            ),
            (
                "iam",
                "PutUserPolicy",
                json!({"policyDocument": wide}),
                Some(true),
            ),
            (
                "sso",
                "PutInlinePolicyToPermissionSet",
                json!({"inlinePolicy": wide.to_string()}),
                Some(true),
            ),
            (
                "sts",
                "GetFederationToken",
                json!({"policy": wide.to_string(), "name": "x"}),
                Some(true),
            ),
            (
                "iam",
                "PutRolePolicy",
                json!({"policyDocument": narrow.to_string()}),
                Some(false),
            ),
            ("iam", "PutRolePolicy", Value::Null, None),
        ];
        for (service, call, request, expected) in cases {
            let facts = facts_of(&sample(&format!("{service}.amazonaws.com"), call, request));
            let admin = facts.get("iam.policy.admin").and_then(Value::as_bool);
            assert_eq!(admin, expected, "{call}");
            if expected == Some(true) {
                assert_eq!(
                    facts.sentences,
                    ["Statement[0] (Sid \"Boss\") grants * on every resource"]
                );
            }
        }
        let facts = facts_of(&sample(
            "iam.amazonaws.com",
            "PutRolePolicy",
            json!({"policyDocument": "{"}),
        ));
        assert_eq!(facts.get("iam.policy.unknown"), Some(&json!(true)));
    }
}
