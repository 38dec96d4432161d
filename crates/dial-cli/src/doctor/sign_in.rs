//! The check of the identity provider that people sign in at.

use super::checks::Check;
use dial_core::ports::Secrets;
use dial_master::config::Master;
use jiff::Timestamp;

const NAME: &str = "sign-in";

/// Whether the provider answers under its own name and publishes keys; `None` without one.
pub(super) async fn examine(
    config: &Master,
    secrets: &dyn Secrets,
    now: Timestamp,
) -> Option<Check> {
    let oidc = config.sign_in.oidc.as_ref()?;
    let provider = match oidc.build(config.base_url.as_deref(), secrets).await {
        Ok(provider) => provider,
        Err((key, message)) => {
            let said = format!("sign_in.oidc.{key}: {message}");
            return Some(Check::fail(NAME, said, "let the master read it"));
        }
    };
    Some(match provider.look(now).await {
        Ok(seen) => {
            let (issuer, keys) = (&oidc.issuer, seen.keys);
            Check::good(
                NAME,
                format!("{issuer} answers; keys it signs with: {keys}"),
            )
        }
        Err(error) => Check::fail(
            NAME,
            error.to_string(),
            "write issuer as the provider calls itself, and let the master reach it by https",
        ),
    })
}
