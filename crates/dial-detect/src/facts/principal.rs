//! The caller of any event, where who it is matters by itself.

use super::{Extractor, Facts, Known};
use crate::normalise::Call;
use crate::text::{is_account, shown};

pub(super) const PRINCIPAL: Extractor = Extractor {
    name: "principal",
    summary: "Callers that matter whatever they do: root, instances, other accounts, nobody at all",
    sources: &[],
    names: &[],
    facts: &[
        "principal.root",
        "principal.instance",
        "principal.external",
        "principal.anonymous",
    ],
    run: principal,
};

/// Each is only ever true: they are the exception.
fn principal(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let caller = call.caller();
    // What a service does for the account is recorded under root, with `invokedBy`.
    if caller.is_root() && caller.invoked_by.is_none() {
        facts.set("principal.root", true);
        facts.say("the caller is the root user of the account");
    }
    let by_session = caller.session_name().is_some_and(is_instance);
    if caller.from_instance || by_session {
        facts.set("principal.instance", true);
        facts.say("the caller uses the role of an EC2 instance");
    }
    // Services have no account of their own; patterns leave them out.
    let outside = caller.account.filter(|_| caller.kind != Some("AWSService"));
    let outside = outside.filter(|it| is_account(it) && !known.has(it));
    if let Some(account) = outside {
        facts.set("principal.external", true);
        facts.say(format!(
            "the caller belongs to outside account {}",
            shown(account)
        ));
    }
    if caller.account == Some("anonymous") && caller.kind == Some("AWSAccount") {
        facts.set("principal.anonymous", true);
        facts.say("the call was not signed by anyone");
    }
}

/// Instances open their role's session under their own id.
fn is_instance(session: &str) -> bool {
    session
        .strip_prefix("i-")
        .is_some_and(|id| matches!(id.len(), 8 | 17) && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use crate::facts::{event, facts_of};
    use serde_json::{Value, json};

    #[test]
    fn notable_callers_are_named() {
        let session = |name: &str| {
            json!({"type": "AssumedRole",
            "arn": format!("arn:aws:sts::111122223333:assumed-role/web/{name}")})
        };
        let delivered =
            json!({"type": "AssumedRole", "sessionContext": {"ec2RoleDelivery": "2.0"}});
        let cases = [
            (json!({"type": "Root"}), "root"),
            (
                json!({"type": "Root", "invokedBy": "support.amazonaws.com"}),
                "",
            ),
            (session("i-0123456789abcdef0"), "instance"),
            (session("i-am-a-person"), ""),
            (delivered, "instance"),
            (
                json!({"type": "AWSAccount", "accountId": "anonymous"}),
                "anonymous",
            ),
            (json!({"type": "IAMUser", "accountId": "anonymous"}), ""),
            (
                json!({"type": "AWSAccount", "accountId": "777788889999"}),
                "external",
            ),
            (
                json!({"type": "AWSAccount", "accountId": "444455556666"}),
                "",
            ),
            (
                json!({"type": "AWSService", "accountId": "777788889999"}),
                "",
            ),
            (json!({"type": "Role", "accountId": "111122223333"}), ""),
            (json!({"type": "IAMUser", "userName": "root"}), ""),
            (Value::Null, ""),
        ];
        for (identity, expected) in cases {
            let record = json!({"eventName": "GetObject", "userIdentity": identity});
            let facts = facts_of(&event(record));
            let names = ["root", "instance", "external", "anonymous"];
            let is_true = |n: &&str| facts.get(&format!("principal.{n}")) == Some(&json!(true));
            let found: Vec<_> = names.into_iter().filter(is_true).collect();
            assert_eq!(found.join(" "), expected, "{identity}");
        }
    }
}
