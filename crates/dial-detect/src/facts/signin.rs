//! Console sign-in: who, whether it worked, and with which factors.

use super::{Extractor, Facts, Known};
use crate::normalise::{Call, lookup};

pub(super) const CONSOLE: Extractor = Extractor {
    name: "signin",
    summary: "Who signed in to the console, and with which factors",
    sources: &["signin.amazonaws.com"],
    names: &["ConsoleLogin"],
    facts: &[
        "signin.console",
        "signin.success",
        "signin.root",
        "signin.iam_user",
        "signin.mfa",
    ],
    run: console,
};

/// `signin.mfa` is absent where the record does not say; federated users bring their factors
/// from elsewhere, so `false` means little for them: ask for `signin.iam_user` too.
fn console(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let caller = call.caller();
    let success = call
        .response_text("ConsoleLogin")
        .map(|it| it.eq_ignore_ascii_case("Success"));
    let data = call.event().record.get("additionalEventData");
    let mfa = data.and_then(|data| lookup::text(data, "MFAUsed"));
    let mfa = mfa.map(|used| used.eq_ignore_ascii_case("Yes"));
    facts.set("signin.console", true);
    facts.set("signin.success", success == Some(true));
    facts.set("signin.root", caller.is_root());
    facts.set("signin.iam_user", caller.kind == Some("IAMUser"));
    if let Some(mfa) = mfa {
        facts.set("signin.mfa", mfa);
    }
    let outcome = match success {
        Some(true) => "succeeded",
        Some(false) => "failed",
        None => "ended unknown",
    };
    let factor = match mfa {
        Some(true) => "with MFA",
        Some(false) => "without MFA",
        None => "with or without MFA",
    };
    facts.say(format!("console sign-in {outcome}, {factor}"));
}

#[cfg(test)]
mod tests {
    use crate::facts::{event, facts_of};
    use serde_json::{Value, json};

    #[test]
    fn sign_ins_are_read() {
        let login = |kind: &str, outcome: &str, mfa: Option<&str>| {
            json!({"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin",
                "userIdentity": {"type": kind, "accountId": "111122223333"},
                "requestParameters": null, "responseElements": {"ConsoleLogin": outcome},
                "additionalEventData": {"MFAUsed": mfa, "MobileVersion": "No"}})
        };
        let cases = [
            (
                login("Root", "Success", Some("No")),
                "console success root",
                Some(false),
            ),
            (
                login("IAMUser", "Success", Some("Yes")),
                "console success iam_user mfa",
                Some(true),
            ),
            (
                login("IAMUser", "Failure", Some("No")),
                "console iam_user",
                Some(false),
            ),
            (
                login("AssumedRole", "Success", None),
                "console success",
                None,
            ),
        ];
        for (record, expected, mfa) in cases {
            let facts = facts_of(&event(record));
            let names = ["console", "success", "root", "iam_user", "mfa"];
            let is_true = |n: &&str| facts.get(&format!("signin.{n}")) == Some(&json!(true));
            let found: Vec<_> = names.into_iter().filter(is_true).collect();
            assert_eq!(found.join(" "), expected);
            assert_eq!(
                facts.get("signin.mfa").and_then(Value::as_bool),
                mfa,
                "{expected}"
            );
        }
    }
}
