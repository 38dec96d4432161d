//! What a provider says about itself (OpenID Connect Discovery).

use crate::sinks::guard::Guard;
use reqwest::Url;
use serde::Deserialize;

/// Where it says so, below the issuer.
const PLACE: &str = ".well-known/openid-configuration";

/// Where a provider is asked what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metadata {
    /// Where people sign in.
    pub(super) authorization: Url,
    /// Where a code becomes a token.
    pub(super) token: Url,
    /// Where its keys are.
    pub(super) keys: Url,
    /// Where more is said about a person.
    pub(super) user_info: Option<Url>,
    /// Whether the secret goes into the form, for the header is not taken.
    pub(super) secret_in_form: bool,
    /// Whether every answer names the issuer (RFC 9207).
    pub(super) names_issuer: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// The address of the document.
pub(super) fn address(issuer: &Url) -> Option<Url> {
    let base = format!("{}/", issuer.as_str().trim_end_matches('/'));
    Url::parse(&base).ok()?.join(PLACE).ok()
}

impl Metadata {
    /// Reads the document of an issuer, or says what is wrong with it.
    pub(super) fn parse(body: &[u8], issuer: &str, guard: Guard) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(body)
            .map_err(|error| format!("its description cannot be read: {error}"))?;
        if document.issuer != issuer {
            let own = crate::message::text::inert(&document.issuer, 200);
            return Err(format!("it calls itself {own}; write that as issuer"));
        }
        let url = |name: &str, text: &str| {
            let read = guard.url(text);
            read.map_err(|refused| format!("its {name} {refused}"))
        };
        let user_info = document.userinfo_endpoint.as_deref();
        let user_info = user_info.map(|text| url("userinfo_endpoint", text));
        let methods = document.token_endpoint_auth_methods_supported;
        let methods = methods.unwrap_or_else(|| vec!["client_secret_basic".to_owned()]);
        let takes = |method: &str| methods.iter().any(|one| one == method);
        Ok(Self {
            authorization: url("authorization_endpoint", &document.authorization_endpoint)?,
            token: url("token_endpoint", &document.token_endpoint)?,
            keys: url("jwks_uri", &document.jwks_uri)?,
            user_info: user_info.transpose()?,
            secret_in_form: takes("client_secret_post") && !takes("client_secret_basic"),
            names_issuer: document.authorization_response_iss_parameter_supported,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ISSUER: &str = "https://login.example.org/realms/soc";

    fn document(changes: &Value) -> Vec<u8> {
        let mut document = json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://login.example.org/authorize?realm=soc",
            "token_endpoint": "https://login.example.org/token",
            "jwks_uri": "https://keys.example.org/",
        });
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        document.to_string().into_bytes()
    }

    #[test]
    fn the_document_lies_below_the_issuer() {
        for issuer in [ISSUER, "https://login.example.org/realms/soc/"] {
            let url = address(&Url::parse(issuer).unwrap()).unwrap();
            let expected = "https://login.example.org/realms/soc/.well-known/openid-configuration";
            assert_eq!(url.as_str(), expected);
        }
    }

    #[test]
    fn a_document_is_read_or_what_is_wrong_is_said() {
        let read = |changes: Value| Metadata::parse(&document(&changes), ISSUER, Guard::Named);
        let plain = read(json!({})).unwrap();
        assert!(!plain.secret_in_form && !plain.names_issuer && plain.user_info.is_none());
        for (methods, in_form) in [
            (json!(["client_secret_post"]), true),
            (json!(["client_secret_post", "client_secret_basic"]), false),
            (json!(["private_key_jwt"]), false),
        ] {
            let read = read(json!({"token_endpoint_auth_methods_supported": methods}));
            assert_eq!(read.unwrap().secret_in_form, in_form, "{methods}");
        }
        let wrong = [
            json!({"issuer": "https://login.example.org/realms/soc/"}),
            json!({"issuer": 7}),
            json!({"jwks_uri": "http://keys.example.org/"}),
            json!({"token_endpoint": "/token"}),
            json!({"authorization_endpoint": "javascript:alert(1)"}),
            json!({"userinfo_endpoint": "https://a:b@login.example.org/"}),
        ];
        let told = wrong.map(|changes| read(changes).unwrap_err());
        insta::assert_snapshot!(told.join("\n"));
    }
}
