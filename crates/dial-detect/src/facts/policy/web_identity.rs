//! Identity providers on the web: strangers share one issuer, so who is meant must be said.

use super::statement::texts;
use serde_json::Value;

/// Issuers where the audience names the application, and so the account's own users.
const BY_APPLICATION: [&str; 4] = [
    "accounts.google.com:",
    "cognito-identity",
    "graph.facebook.com:",
    "www.amazon.com:",
];
/// Keys that name the application.
const APPLICATION: [&str; 3] = [":app_id", ":aud", ":oaud"];

/// Whether a provider is one of `OpenID` Connect; SAML ones are an organization's own.
pub(super) fn is_web_identity(provider: &str) -> bool {
    !provider.contains(":saml-provider/")
}

/// Whether a condition fixes which of the provider's users or applications is meant.
pub(super) fn checks_subject(condition: Option<&Value>) -> bool {
    let operators = condition.and_then(Value::as_object).into_iter().flatten();
    let positive = operators.filter(|(operator, _)| is_positive(operator));
    let keys = positive.filter_map(|(_, keys)| keys.as_object()).flatten();
    { keys }.any(|(key, value)| is_key(key) && names_somebody(value))
}

fn is_positive(operator: &str) -> bool {
    let operator = operator.to_ascii_lowercase();
    matches!(
        operator.strip_prefix("foranyvalue:").unwrap_or(&operator),
        "stringequals" | "stringequalsignorecase" | "stringlike"
    )
}

/// `<provider>:sub`, or the application where the issuer goes by it.
fn is_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let issuer = BY_APPLICATION.iter().any(|issuer| key.starts_with(issuer));
    key.ends_with(":sub") || (issuer && APPLICATION.iter().any(|end| key.ends_with(end)))
}

fn names_somebody(value: &Value) -> bool {
    let subjects = texts(value);
    !subjects.is_empty() && subjects.into_iter().all(is_somebody)
}

/// `repo:*` and `repo:o*` name nobody; `repo:owner/*` and `organization:name:*` do.
fn is_somebody(subject: &str) -> bool {
    let fixed = subject.split(['*', '?']).next().unwrap_or("");
    let fixed = fixed
        .strip_prefix("system:serviceaccount:")
        .unwrap_or(fixed);
    let whole = !subject.contains(['*', '?']) && !subject.is_empty();
    whole || fixed.contains('/') || fixed.matches(':').count() > 1 || is_namespace(subject)
}

/// A service account of Kubernetes, or all those of one namespace.
fn is_namespace(subject: &str) -> bool {
    let account = subject.strip_prefix("system:serviceaccount:");
    let namespace = account.and_then(|account| account.split_once(':'));
    namespace.is_some_and(|(name, _)| !name.is_empty() && !name.contains(['*', '?']))
}
