//! Signing in at an identity provider: OpenID Connect's authorization code flow with PKCE.
//!
//! The provider's word is asked for once, when a session begins. Nothing is kept in memory
//! between the two halves of a sign-in: the browser holds a sealed cookie.

mod answer;
mod claims;
mod discovery;
mod error;
mod keys;
mod pending;
mod person;
mod provider;
mod settings;
mod token;

pub(crate) use answer::Answer;
pub use error::SignInError;
pub(crate) use pending::{LIFE, Pending};
pub(crate) use person::Person;
pub use provider::{Provider, Seen};
pub use settings::OidcSettings;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Where a sign-in begins.
pub(crate) const BEGIN: &str = "/sign-in/provider";
/// Where the provider sends people back to.
pub(crate) const CALLBACK: &str = "/sign-in/callback";

/// Bytes as base64url without padding.
fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of base64url without padding; one spelling for each.
fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
