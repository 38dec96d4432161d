//! Whom a statement names: every form of `Principal`.

use super::glob::is_open;
use super::statement::{Statement, texts};
use crate::text::is_account;
use serde_json::Value;

/// One named principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party<'a> {
    /// `*` in any form, or everyone but those named by `NotPrincipal`.
    Anyone,
    /// A principal of an account: the account, and the text that names it.
    Account(&'a str, &'a str),
    /// An account by its S3 canonical id, which does not tell the account number.
    Canonical(&'a str),
    /// An AWS service.
    Service(&'a str),
    /// An identity provider: a name such as `accounts.google.com`, or an ARN.
    Federated(&'a str),
    /// What stands for no account, such as the id of a deleted user.
    Other,
}

/// The principals of a statement; empty where it has none, as in identity policies.
pub(super) fn parties<'a>(statement: &Statement<'a>) -> Vec<Party<'a>> {
    if statement.field("NotPrincipal").is_some() {
        return vec![Party::Anyone];
    }
    match statement.field("Principal") {
        Some(Value::Object(map)) => {
            let forms = map.iter();
            let named = forms
                .flat_map(|(form, value)| texts(value).into_iter().map(|text| party(form, text)));
            named.collect()
        }
        Some(value) => texts(value).into_iter().map(aws).collect(),
        None => Vec::new(),
    }
}

fn party<'a>(form: &str, text: &'a str) -> Party<'a> {
    let text = text.trim();
    match form.to_ascii_lowercase().as_str() {
        "canonicaluser" => Party::Canonical(text),
        "service" | "federated" if text == "*" => Party::Anyone,
        "service" => Party::Service(text),
        "federated" => Party::Federated(text),
        _ => aws(text),
    }
}

fn aws(text: &str) -> Party<'_> {
    let text = text.trim();
    if is_account(text) {
        return Party::Account(text, text);
    }
    match account_of(text) {
        Some(account) if is_account(account) => Party::Account(account, text),
        Some("cloudfront") => Party::Service(text),
        Some(account) if is_open(account) => Party::Anyone,
        None if text == "*" => Party::Anyone,
        Some(_) | None => Party::Other,
    }
}

/// Account part of an ARN; empty for resources without one.
pub(in crate::facts) fn account_of(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    (parts.next() == Some("arn")).then_some(())?;
    parts.nth(3)
}
