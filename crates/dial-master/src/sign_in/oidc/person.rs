//! Who somebody is and what they may do here, read from the claims about them.

use super::error::SignInError;
use super::token::Claims;
use crate::message::text::inert;
use crate::sign_in::{MAX_NAME, Roles};
use dial_core::store::token::Scope;
use serde_json::Value;

/// Most groups of a person that are looked at.
const MAX_GROUPS: usize = 10_000;
/// Claim that anybody could fill at some providers, and the one that says that nobody did.
const EMAIL: (&str, &str) = ("email", "email_verified");

/// Who signed in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// Name to show.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) scope: Scope,
    /// `iss`.
    pub(crate) issuer: String,
    /// `sub`.
    pub(crate) subject: String,
}

/// Where the claims say it.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// Claim with the groups: a text or a list of texts.
    pub(super) roles_claim: String,
    /// Role of each group.
    pub(super) roles: Roles,
    /// Claim with the name.
    pub(super) name_claim: String,
}

impl Reading {
    /// Whether the claims lack what is read from them.
    pub(super) fn is_wanting(&self, claims: &Claims) -> bool {
        let lacks = |claim: &str| find(claims, claim).is_none();
        lacks(&self.roles_claim) || lacks(&self.name_claim)
    }

    /// Who it is; refused without a role.
    pub(super) fn person(
        &self,
        claims: &Claims,
        issuer: &str,
        subject: &str,
    ) -> Result<Person, SignInError> {
        let named = texts(claims, &self.name_claim);
        let named = named.into_iter().map(|name| inert(name, MAX_NAME));
        let name = named.into_iter().find(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| inert(subject, MAX_NAME));
        let groups = texts(claims, &self.roles_claim);
        match self.roles.of(groups.iter().copied()) {
            Some(scope) => Ok(Person {
                name,
                scope,
                issuer: issuer.to_owned(),
                subject: subject.to_owned(),
            }),
            None => Err(SignInError::NoRole {
                name,
                subject: inert(subject, MAX_NAME),
                reason: self.reason(claims, &groups),
            }),
        }
    }

    fn reason(&self, claims: &Claims, groups: &[&str]) -> String {
        let claim = &self.roles_claim;
        if find(claims, claim).is_none() {
            return format!("the provider sends no claim {claim}");
        }
        if !is_vouched(claims, claim) {
            return format!("{claim} counts only where {} is true", EMAIL.1);
        }
        let shown: Vec<String> = groups.iter().take(10).map(|g| inert(g, MAX_NAME)).collect();
        format!("{claim} has {}", shown.join(", "))
    }
}

/// A claim by its name, or by the names on the way to it with dots between.
fn find<'c>(claims: &'c Claims, name: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (outer, inner) = name.split_once('.')?;
    find(claims.get(outer)?.as_object()?, inner)
}

/// The texts of a claim that counts.
fn texts<'c>(claims: &'c Claims, name: &str) -> Vec<&'c str> {
    if !is_vouched(claims, name) {
        return Vec::new();
    }
    match find(claims, name) {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(all)) => {
            let texts = all.iter().take(MAX_GROUPS).filter_map(Value::as_str);
            texts.collect()
        }
        _ => Vec::new(),
    }
}

/// An address counts only if the provider says that it is the person's.
fn is_vouched(claims: &Claims, name: &str) -> bool {
    let (email, verified) = EMAIL;
    let said = claims.get(verified);
    name != email || matches!(said, Some(Value::Bool(true))) || said == Some(&"true".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(roles_claim: &str, name_claim: &str, claims: &Value) -> String {
        let reading = Reading {
            roles_claim: roles_claim.into(),
            roles: toml::from_str(
                "soc = 'analyst'\nleads = 'admin'\n\"analyst@example.org\" = 'viewer'",
            )
            .unwrap(),
            name_claim: name_claim.into(),
        };
        let claims = claims.as_object().unwrap();
        match reading.person(claims, "https://login.example.org", "u-1") {
            Ok(person) => format!("{} as {}", person.name, person.scope),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn name_and_role_are_read_from_the_claims() {
        let cases = [
            (
                "groups",
                "name",
                json!({"groups": ["staff", "soc"], "name": "Dev"}),
            ),
            (
                "groups",
                "name",
                json!({"groups": ["soc", "leads"], "name": "Dev"}),
            ),
            ("groups", "name", json!({"groups": "soc", "name": "Dev"})),
            ("groups", "name", json!({"groups": ["soc"]})),
            (
                "groups",
                "name",
                json!({"groups": ["soc"], "name": " \u{200b}\n"}),
            ),
            (
                "groups",
                "name",
                json!({"groups": ["soc"], "name": "D\u{202e}ev\r\nB"}),
            ),
            (
                "groups",
                "name",
                json!({"groups": ["soc"], "name": "n".repeat(200)}),
            ),
            (
                "groups",
                "name",
                json!({"groups": ["soc"], "name": {"a": 1}}),
            ),
            (
                "realm.roles",
                "name",
                json!({"realm": {"roles": ["soc"]}, "name": "Dev"}),
            ),
            (
                "https://example.org/roles",
                "name",
                json!({"https://example.org/roles": ["soc"], "name": "Dev"}),
            ),
            (
                "groups",
                "name",
                json!({"groups": ["staff", "SOC", 7, null], "name": "Dev"}),
            ),
            (
                "groups",
                "name",
                json!({"groups": {"soc": true}, "name": "Dev"}),
            ),
            ("groups", "name", json!({"name": "Dev"})),
            (
                "email",
                "email",
                json!({"email": "analyst@example.org", "email_verified": true}),
            ),
            (
                "email",
                "email",
                json!({"email": "analyst@example.org", "email_verified": "true"}),
            ),
            (
                "email",
                "email",
                json!({"email": "analyst@example.org", "email_verified": false}),
            ),
            ("email", "email", json!({"email": "analyst@example.org"})),
            (
                "groups",
                "email",
                json!({"groups": ["soc"], "email": "lead@example.org"}),
            ),
        ];
        let told = cases.map(|(roles, name, claims)| {
            let shown: String = claims.to_string().chars().take(90).collect();
            format!("{roles} {name} {shown}\n  {}", read(roles, name, &claims))
        });
        insta::assert_snapshot!(told.join("\n"));
    }
}
