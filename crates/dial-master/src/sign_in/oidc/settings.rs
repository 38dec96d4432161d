//! `[master.sign_in.oidc]`: the identity provider, and what its groups may do.

use super::CALLBACK;
use super::person::Reading;
use super::provider::{Client, Provider};
use crate::deliver::transport::Http;
use crate::sign_in::{Report, Roles};
use crate::sinks::guard::{Guard, is_this_machine};
use dial_core::ports::Secrets;
use dial_core::secret::SecretRef;
use reqwest::Url;
use serde::Deserialize;
use std::sync::Arc;

/// The scope without which there is no ID token.
const OPENID: &str = "openid";
/// Which addresses a provider may have: the operator names it, and it names the others.
const GUARD: Guard = Guard::Named;
/// Longest label, characters.
const MAX_LABEL: usize = 40;

/// `[master.sign_in.oidc]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcSettings {
    /// The provider, to the letter as it calls itself.
    pub issuer: String,
    /// This master, as the provider knows it.
    pub client_id: String,
    /// What proves that it is this master; absent for a public client.
    #[serde(default)]
    pub client_secret: Option<SecretRef>,
    /// What is asked for.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// Claim with a person's groups.
    #[serde(default = "roles_claim")]
    pub roles_claim: String,
    /// Role of each group.
    #[serde(default)]
    pub roles: Roles,
    /// Claim with a person's name.
    #[serde(default = "name_claim")]
    pub name_claim: String,
    /// What the button calls the provider; absent = its host.
    #[serde(default)]
    pub label: Option<String>,
}

fn scopes() -> Vec<String> {
    [OPENID, "profile", "email"].map(str::to_owned).into()
}

fn roles_claim() -> String {
    "groups".to_owned()
}

fn name_claim() -> String {
    "preferred_username".to_owned()
}

impl OidcSettings {
    /// Reports what is wrong, without fetching a secret.
    pub(in crate::sign_in) fn check(&self, base_url: Option<&str>, report: Report<'_>) {
        if let Err(message) = self.issuer() {
            report("issuer", message);
        }
        if let Err(message) = redirect(base_url) {
            report("issuer", message);
        }
        let words = [
            ("client_id", &self.client_id),
            ("roles_claim", &self.roles_claim),
            ("name_claim", &self.name_claim),
        ];
        for (key, _) in words.iter().filter(|(_, word)| word.trim().is_empty()) {
            report(key, "is empty".into());
        }
        if !self.scopes.iter().any(|scope| scope == OPENID) {
            let message = format!("{OPENID} is missing; without it the provider signs nobody in");
            report("scopes", message);
        }
        for scope in self.scopes.iter().filter(|scope| !is_scope(scope)) {
            report("scopes", format!("`{scope}` is no scope"));
        }
        let length = self
            .label
            .as_ref()
            .map(|label| label.trim().chars().count());
        if length.is_some_and(|length| !(1..=MAX_LABEL).contains(&length)) {
            report("label", format!("use 1 to {MAX_LABEL} characters"));
        }
        self.roles.check(report);
    }

    /// Puts checked settings to work, or says what is in the way as (path, message).
    pub async fn build(
        &self,
        base_url: Option<&str>,
        secrets: &dyn Secrets,
    ) -> Result<Provider, (&'static str, String)> {
        let secret = match &self.client_secret {
            None => None,
            Some(reference) => {
                let fetched = secrets.fetch(reference).await;
                Some(fetched.map_err(|error| ("client_secret", error.to_string()))?)
            }
        };
        let transport = Http::new(GUARD).map_err(|error| ("issuer", error.to_string()))?;
        let url = self.issuer().map_err(|message| ("issuer", message))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let client = Client {
            issuer: self.issuer.clone(),
            url,
            id: self.client_id.clone(),
            secret,
            scopes: self.scopes.join(" "),
            redirect: redirect(base_url).map_err(|message| ("issuer", message))?,
            guard: GUARD,
        };
        let reading = Reading {
            roles_claim: self.roles_claim.clone(),
            roles: self.roles.clone(),
            name_claim: self.name_claim.clone(),
        };
        let label = self.label.clone().unwrap_or(host);
        Ok(Provider::new(client, reading, label, Arc::new(transport)))
    }

    fn issuer(&self) -> Result<Url, String> {
        let url = GUARD.url(&self.issuer).map_err(|error| error.to_string())?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must end before `?` and `#`".to_owned());
        }
        Ok(url)
    }
}

/// Where the provider sends people back to.
fn redirect(base_url: Option<&str>) -> Result<Url, String> {
    let missing = format!("needs base_url, for the provider sends people back to it ({CALLBACK})");
    let base = base_url.ok_or(missing)?;
    // That it cannot be read is reported where it stands.
    let url = Url::parse(base).map_err(|error| format!("needs a base_url: {error}"))?;
    if url.scheme() != "https" && !is_this_machine(&url) {
        return Err("needs a base_url that begins with https://".to_owned());
    }
    url.join(CALLBACK).map_err(|error| error.to_string())
}

/// As RFC 6749 spells them.
fn is_scope(text: &str) -> bool {
    let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    (1..=128).contains(&text.len()) && text.bytes().all(fits)
}
