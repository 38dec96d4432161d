//! Facts about things shared by a list of accounts, the same for every service that does so.

use super::policy::account_of;
use super::{Facts, Known, list};
use crate::text::{is_account, shown};
use serde_json::Value;
use std::collections::BTreeSet;

/// One entry of such a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared<'a> {
    /// Everyone: `all`, `*` or `arn:aws:iam::…` of any account.
    Everyone,
    /// An account, by its number or by an ARN of it.
    Account(&'a str),
    /// Something else, such as an AWS service.
    Other,
}

impl<'a> Shared<'a> {
    /// Reads an entry.
    pub(super) fn of(text: &'a str) -> Self {
        let text = text.trim();
        let account = account_of(text).unwrap_or(text);
        if text == "*" || text.eq_ignore_ascii_case("all") {
            Self::Everyone
        } else if is_account(account) {
            Self::Account(account)
        } else {
            Self::Other
        }
    }
}

/// States with whom something is shared, below `prefix`; an empty list states nothing.
pub(super) fn state(
    prefix: &str,
    what: &str,
    shared: &[Shared<'_>],
    known: &Known<'_>,
    facts: &mut Facts,
) {
    if shared.is_empty() {
        return;
    }
    let public = shared.contains(&Shared::Everyone);
    let outside: BTreeSet<&str> = shared.iter().filter_map(|s| outsider(*s, known)).collect();
    facts.set(&format!("{prefix}.public"), public);
    facts.set(&format!("{prefix}.external"), !outside.is_empty());
    facts.set(&format!("{prefix}.accounts"), list(&outside));
    if public {
        facts.say(format!("shares {what} with everyone"));
    }
    for account in outside {
        facts.say(format!(
            "shares {what} with outside account {}",
            shown(account)
        ));
    }
}

fn outsider<'a>(shared: Shared<'a>, known: &Known<'_>) -> Option<&'a str> {
    match shared {
        Shared::Account(account) if !known.has(account) => Some(account),
        _ => None,
    }
}

/// Accounts, by number or in ARNs, that are not ours.
pub(super) fn outsiders<'a>(
    values: impl IntoIterator<Item = &'a Value>,
    known: &Known<'_>,
) -> BTreeSet<&'a str> {
    let texts = values.into_iter().filter_map(Value::as_str);
    texts
        .filter_map(|text| outsider(Shared::of(text), known))
        .collect()
}
