//! How people sign in to the pages, as the configuration says.

use crate::catalogue::Shelf;
use crate::sign_in::Proxy;
use crate::sign_in::oidc::Provider;
use dial_core::catalogue::Catalogue;
use jiff::SignedDuration;
use std::sync::Arc;

/// How long a session lasts where nobody says otherwise.
const SESSION: SignedDuration = SignedDuration::from_hours(12);

/// What the pages need to know beside what the API knows.
#[derive(Clone)]
pub struct Dashboard {
    /// Whether everyone who reaches loopback may do everything without signing in.
    pub open: bool,
    /// The identity provider that people sign in at.
    pub oidc: Option<Arc<Provider>>,
    /// The proxy in front that knows who people are.
    pub proxy: Option<Arc<Proxy>>,
    /// Public origin, such as `https://dial.example.org`; absent = whatever the browser asked for.
    pub origin: Option<Arc<str>>,
    /// Whether cookies are for HTTPS only.
    pub secure: bool,
    /// How long a session lasts.
    pub session: SignedDuration,
    /// The rules that the workers run, as far as somebody told.
    pub catalogue: Arc<Shelf>,
    /// Stands in for a session's secret where nobody signs in: forms prove that they are ours.
    pub form_key: [u8; 32],
}

impl Default for Dashboard {
    fn default() -> Self {
        Self {
            open: false,
            oidc: None,
            proxy: None,
            origin: None,
            secure: true,
            session: SESSION,
            catalogue: Arc::new(Shelf::of(Catalogue::default())),
            form_key: rand::random(),
        }
    }
}

impl Dashboard {
    /// Pages under a public address; only one with `http:` does without cookies for HTTPS only.
    #[must_use]
    pub fn under(self, base_url: Option<&str>) -> Self {
        let origin = base_url
            .and_then(|base| reqwest::Url::parse(base).ok())
            .map(|url| Arc::from(url.origin().ascii_serialization()));
        let plain = base_url.is_some_and(|base| base.starts_with("http:"));
        Self {
            origin,
            secure: !plain,
            ..self
        }
    }
}
