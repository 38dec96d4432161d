//! Keys, passwords and second factors, and whose they are.

use crate::facts::{Extractor, Facts, Known};
use crate::normalise::Call;
use crate::text::shown;

const IAM: &[&str] = &["iam.amazonaws.com"];

pub(in crate::facts) const MFA: Extractor = Extractor {
    name: "iam.mfa",
    summary: "Whether a second factor is taken away",
    sources: IAM,
    names: &["DeactivateMFADevice", "DeleteVirtualMFADevice"],
    facts: &["iam.mfa.removed"],
    run: mfa,
};

pub(in crate::facts) const OTHER_USER: Extractor = Extractor {
    name: "iam.other_user",
    summary: "Whether credentials are made or changed for someone else than the caller",
    sources: IAM,
    names: &[
        "CreateAccessKey",
        "CreateLoginProfile",
        "CreateServiceSpecificCredential",
        "DeactivateMFADevice",
        "EnableMFADevice",
        "ResetServiceSpecificCredential",
        "UpdateAccessKey",
        "UpdateLoginProfile",
        "UploadSSHPublicKey",
        "UploadSigningCertificate",
    ],
    facts: &["iam.other_user"],
    run: other_user,
};

/// A call without `userName` is about the caller. A session has no user name: whatever user it
/// names is somebody else.
fn other_user(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    if call.has_no_request() {
        return;
    }
    let caller = call.caller();
    let own = caller.user_name.filter(|_| caller.kind == Some("IAMUser"));
    let other = call
        .request_text("userName")
        .filter(|name| Some(*name) != own);
    facts.set("iam.other_user", other.is_some());
    if let Some(name) = other {
        let by = caller.name().map_or("an unknown caller".to_owned(), shown);
        facts.say(format!(
            "{} for user {} by {by}",
            shown(call.name()),
            shown(name)
        ));
    }
}

fn mfa(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    facts.set("iam.mfa.removed", true);
    if let Some(device) = call.request_text("serialNumber") {
        let whose = call.request_text("userName");
        let of = whose.map(|name| format!(" of user {}", shown(name)));
        facts.say(format!(
            "removes MFA device {}{}",
            shown(device),
            of.unwrap_or_default()
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn credentials_for_someone_else_are_seen() {
        let user = || json!({"type": "IAMUser", "userName": "clerk", "arn": "arn:aws:iam::111122223333:user/clerk"});
        let role = || json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/ops/clerk"});
        let root =
            || json!({"type": "Root", "arn": "arn:aws:iam::111122223333:root", "userName": "dev"});
        let cases = [
            ("another's", user(), json!({"userName": "dev"}), Some(true)),
            (
                "one's own, named",
                user(),
                json!({"userName": "clerk"}),
                Some(false),
            ),
            ("one's own", user(), json!({}), Some(false)),
            (
                "a session for a user",
                role(),
                json!({"userName": "clerk"}),
                Some(true),
            ),
            (
                "root for the account's namesake",
                root(),
                json!({"userName": "dev"}),
                Some(true),
            ),
            ("root's own", root(), json!({}), Some(false)),
            ("denied, nothing said", user(), Value::Null, None),
        ];
        for (name, identity, request, expected) in cases {
            let mut event = sample("iam.amazonaws.com", "CreateAccessKey", request);
            event.record["userIdentity"] = identity;
            let found = facts_of(&event)
                .get("iam.other_user")
                .and_then(Value::as_bool);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn removed_factors_are_seen_even_where_the_call_was_denied() {
        let device =
            json!({"userName": "dev", "serialNumber": "arn:aws:iam::111122223333:mfa/dev"});
        for request in [device, Value::Null] {
            let facts = facts_of(&sample("iam.amazonaws.com", "DeactivateMFADevice", request));
            assert_eq!(facts.get("iam.mfa.removed"), Some(&json!(true)));
        }
    }
}
