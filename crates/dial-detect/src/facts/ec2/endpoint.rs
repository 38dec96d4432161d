//! Private ways between networks, and keys of disks: who else can use them.

use super::EC2;
use crate::facts::policy::access;
use crate::facts::sharing::{Shared, outsiders, state};
use crate::facts::{Extractor, Facts, Known, list};
use crate::normalise::Call;
use crate::normalise::document::Document;
use crate::text::shown;
use serde_json::Value;

pub(in crate::facts) const ENCRYPTION: Extractor = Extractor {
    name: "ec2.encryption",
    summary: "Whether disks are encrypted with a key that is not ours",
    sources: EC2,
    names: &[
        "CopyImage",
        "CopySnapshot",
        "CreateVolume",
        "ModifyEbsDefaultKmsKeyId",
        "RunInstances",
    ],
    facts: &["ec2.encryption.external_key", "ec2.encryption.accounts"],
    run: encryption,
};

pub(in crate::facts) const ENDPOINT_POLICY: Extractor = Extractor {
    name: "ec2.endpoint_policy",
    summary: "Whether the policy of a VPC endpoint lets everything through",
    sources: EC2,
    names: &["ModifyVpcEndpoint"],
    facts: &["ec2.endpoint_policy.open"],
    run: endpoint_policy,
};

pub(in crate::facts) const ENDPOINT_SERVICE: Extractor = Extractor {
    name: "ec2.endpoint_service",
    summary: "Who may connect to a private service of ours",
    sources: EC2,
    names: &["ModifyVpcEndpointServicePermissions"],
    facts: &[
        "ec2.endpoint_service.public",
        "ec2.endpoint_service.external",
        "ec2.endpoint_service.accounts",
    ],
    run: endpoint_service,
};

/// Only ever true: a call without a key uses the account's default.
fn encryption(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let paths = ["kmsKeyId", "blockDeviceMapping.items.ebs.kmsKeyId"];
    let keys = paths.into_iter().flat_map(|path| call.request_all(path));
    let outside = outsiders(keys, known);
    if !outside.is_empty() {
        facts.set("ec2.encryption.external_key", true);
        facts.set("ec2.encryption.accounts", list(&outside));
    }
    for account in outside {
        facts.say(format!(
            "encrypts disks with a key of outside account {}",
            shown(account)
        ));
    }
}

fn endpoint_policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let reset = call.request_flag("ResetPolicy") == Some(true);
    let written = match call.policy("PolicyDocument") {
        Document::Known(policy) => access(&policy, known).is_some_and(|a| a.public && a.admin),
        Document::Unknown(_) => return,
        Document::Absent if !reset => return,
        Document::Absent => false,
    };
    facts.set("ec2.endpoint_policy.open", reset || written);
    if reset || written {
        facts.say("the endpoint lets every call of everyone through");
    }
}

fn endpoint_service(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let added = call.request_all("AddAllowedPrincipals");
    let added: Vec<_> = { added.into_iter() }
        .filter_map(Value::as_str)
        .map(Shared::of)
        .collect();
    state(
        "ec2.endpoint_service",
        "the private service",
        &added,
        known,
        facts,
    );
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    fn fact(name: &str, request: Value, fact: &str) -> Option<bool> {
        let facts = facts_of(&sample("ec2.amazonaws.com", name, request));
        facts.get(fact).and_then(Value::as_bool)
    }

    #[test]
    fn foreign_keys_are_seen() {
        let key = |account: &str| format!("arn:aws:kms:eu-west-1:{account}:key/1");
        let cases = [
            (
                "CreateVolume",
                json!({"kmsKeyId": key("777788889999")}),
                Some(true),
            ),
            (
                "CreateVolume",
                json!({"kmsKeyId": key("111122223333")}),
                None,
            ),
            ("CreateVolume", json!({"kmsKeyId": "alias/disks"}), None),
            (
                "RunInstances",
                json!({"blockDeviceMapping": {"items": [{"ebs": {"kmsKeyId": key("777788889999")}}]}}),
                Some(true),
            ),
            (
                "ModifyEbsDefaultKmsKeyId",
                json!({"ModifyEbsDefaultKmsKeyIdRequest": {"KmsKeyId": key("777788889999")}}),
                Some(true),
            ),
        ];
        for (name, request, expected) in cases {
            let found = fact(name, request.clone(), "ec2.encryption.external_key");
            assert_eq!(found, expected, "{name} {request}");
        }
    }

    #[test]
    fn endpoints_without_limits_are_seen() {
        let policy = |resource: &str, action: &str| {
            let policy = json!({"Statement": [{"Effect": "Allow", "Principal": "*",
                "Action": action, "Resource": resource}]});
            json!({"ModifyVpcEndpointRequest": {"VpcEndpointId": "vpce-1", "PolicyDocument": policy.to_string()}})
        };
        let cases = [
            (
                "reset",
                json!({"ModifyVpcEndpointRequest": {"ResetPolicy": true}}),
                Some(true),
            ),
            ("open", policy("*", "*"), Some(true)),
            ("one action", policy("*", "s3:GetObject"), Some(false)),
            (
                "routes only",
                json!({"ModifyVpcEndpointRequest": {"AddRouteTableId": "rtb-1"}}),
                None,
            ),
        ];
        for (name, request, expected) in cases {
            let found = fact("ModifyVpcEndpoint", request, "ec2.endpoint_policy.open");
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn private_services_for_strangers_are_seen() {
        let added = |principals: Value| {
            json!({"ModifyVpcEndpointServicePermissionsRequest": {"ServiceId": "vpce-svc-1",
                "AddAllowedPrincipals": principals}})
        };
        let cases = [
            (
                added(json!({"tag": 1, "content": "*"})),
                (Some(true), Some(false)),
            ),
            (
                added(json!([{"tag": 1, "content": "arn:aws:iam::777788889999:root"}])),
                (Some(false), Some(true)),
            ),
            (
                added(json!("arn:aws:iam::444455556666:root")),
                (Some(false), Some(false)),
            ),
            (json!({}), (None, None)),
        ];
        for (request, expected) in cases {
            let of = |name: &str| {
                let name = format!("ec2.endpoint_service.{name}");
                fact(
                    "ModifyVpcEndpointServicePermissions",
                    request.clone(),
                    &name,
                )
            };
            assert_eq!((of("public"), of("external")), expected, "{request}");
        }
    }
}
