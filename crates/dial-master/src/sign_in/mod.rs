//! Whose word beside a token's people sign in on: an identity provider's, or an authenticating
//! proxy's.

pub mod oidc;
mod proxy;
mod roles;
mod settings;

pub use proxy::{Proxy, ProxyRefusal, ProxySettings};
pub use roles::Roles;
pub use settings::SignInSettings;

/// Takes (path below the section, message with its fix).
type Report<'a> = &'a mut dyn FnMut(&str, String);

/// Longest name of a person, characters; as of a token.
const MAX_NAME: usize = 64;
