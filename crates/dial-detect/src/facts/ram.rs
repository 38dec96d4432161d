//! Resource Access Manager: what is shared with accounts outside the organization.

use super::sharing::{Shared, outsiders};
use super::{Extractor, Facts, Known, list};
use crate::normalise::Call;
use crate::text::shown;
use serde_json::Value;
use std::collections::BTreeSet;

const RAM: &[&str] = &["ram.amazonaws.com"];

pub(super) const INVITATION: Extractor = Extractor {
    name: "ram.invitation",
    summary: "Whether resources of another account are taken in",
    sources: RAM,
    names: &["AcceptResourceShareInvitation"],
    facts: &["ram.invitation.external", "ram.invitation.accounts"],
    run: invitation,
};

pub(super) const SHARE: Extractor = Extractor {
    name: "ram.share",
    summary: "With which accounts resources are shared",
    sources: RAM,
    names: &["AssociateResourceShare", "CreateResourceShare"],
    facts: &["ram.share.external", "ram.share.accounts"],
    run: share,
};

fn invitation(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let sender = call.response_all("resourceShareInvitation.senderAccountId");
    if sender.is_empty() {
        return;
    }
    let outside = outsiders(sender, known);
    facts.set("ram.invitation.external", !outside.is_empty());
    facts.set("ram.invitation.accounts", list(&outside));
    for account in outside {
        facts.say(format!(
            "takes in resources of outside account {}",
            shown(account)
        ));
    }
}

/// An organization or a unit of it can only be the account's own, whoever manages it.
fn share(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let named = call.request_all("principals").into_iter();
    let texts: Vec<_> = named.filter_map(Value::as_str).collect();
    if texts.is_empty() {
        return;
    }
    let own = |text: &&str| !text.contains(":organizations::");
    let accounts = { texts.into_iter().filter(own) }.map(Shared::of);
    let outside: BTreeSet<&str> = accounts
        .filter_map(|shared| match shared {
            Shared::Account(account) if !known.has(account) => Some(account),
            _ => None,
        })
        .collect();
    facts.set("ram.share.external", !outside.is_empty());
    facts.set("ram.share.accounts", list(&outside));
    for account in outside {
        let account = shown(account);
        facts.say(format!("shares resources with outside account {account}"));
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{answered, facts_of, sample};
    use serde_json::json;

    #[test]
    fn shares_with_strangers_are_seen() {
        let cases = [
            ("stranger", json!(["777788889999"]), true),
            ("role", json!(["arn:aws:iam::777788889999:role/r"]), true),
            ("ours", json!(["444455556666", "111122223333"]), false),
            (
                "own organization",
                json!(["arn:aws:organizations::999988887777:organization/o-a1b2c3d4e5"]),
                false,
            ),
            ("service", json!(["service-name.amazonaws.com"]), false),
        ];
        for (name, principals, expected) in cases {
            for call in ["CreateResourceShare", "AssociateResourceShare"] {
                let request = json!({"name": "s", "principals": principals});
                let facts = facts_of(&sample("ram.amazonaws.com", call, request));
                let found = facts.get("ram.share.external");
                assert_eq!(found, Some(&json!(expected)), "{name}");
            }
        }
    }

    #[test]
    fn gifts_of_strangers_are_seen() {
        for (sender, expected) in [("777788889999", true), ("444455556666", false)] {
            let answer = json!({"resourceShareInvitation": {"senderAccountId": sender}});
            let event = answered(
                "ram.amazonaws.com",
                "AcceptResourceShareInvitation",
                json!({}),
                answer,
            );
            let facts = facts_of(&event);
            let found = facts.get("ram.invitation.external");
            assert_eq!(found, Some(&json!(expected)), "{sender}");
        }
    }
}
