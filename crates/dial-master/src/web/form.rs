//! A form that was posted: by whom, from one of our pages, and what it says.

use super::oops::Oops;
use super::visitor::{Turned, Visitor};
use crate::api::{State, body};
use crate::readers::only;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use dial_core::store::token::Scope;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Largest form, bytes: a comment of 2,000 characters, or the ids of a page.
const MAX: usize = 64 * 1024;
/// Most fields.
const MAX_FIELDS: usize = 500;
/// The field that proves a form to be ours.
pub(super) const TOKEN: &str = "form_token";

/// Fields of a form, in order.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

/// A form of an analyst, from one of our pages.
pub(super) struct Posted(pub(super) Visitor, pub(super) Fields);

/// Why a form is not taken.
pub(super) enum Refused {
    /// By who posted it.
    Turned(Turned),
    /// By where it comes from or what it is.
    Oops(Oops),
}

impl FromRequest<Arc<State>> for Posted {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, state).await?;
        let fields = take(&parts.headers, body, state).await?;
        let shown = fields.one(TOKEN).unwrap_or_default().as_bytes();
        if !bool::from(visitor.form_token.as_bytes().ct_eq(shown)) {
            return Err(foreign().into());
        }
        visitor.check(Scope::Analyst)?;
        Ok(Self(visitor, fields))
    }
}

/// The fields of a form that one of our pages posted.
pub(super) async fn take(
    headers: &HeaderMap,
    body: axum::body::Body,
    state: &State,
) -> Result<Fields, Oops> {
    if !is_ours(headers, state.parts.dashboard.origin.as_deref()) {
        return Err(foreign());
    }
    let bytes = body::read(headers, body, MAX).await.map_err(|_| {
        let detail = format!("The form did not arrive whole, or is over {MAX} bytes.");
        Oops::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", detail)
    })?;
    let fields = form_urlencoded::parse(&bytes).into_owned();
    Ok(Fields(fields.take(MAX_FIELDS).collect()))
}

/// Whether a form comes from a page of this origin; browsers say so and pages cannot forge it.
fn is_ours(headers: &HeaderMap, public: Option<&str>) -> bool {
    let Some(origin) = only(headers, ORIGIN) else {
        return false;
    };
    let own = only(headers, HOST).is_some_and(|host| {
        let rest = origin.split_once("://").map(|(_, rest)| rest);
        rest.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    });
    own || public == Some(origin)
}

fn foreign() -> Oops {
    Oops::new(
        StatusCode::FORBIDDEN,
        "Not from here",
        "The form does not come from a page of this session. Go back, load the page anew, and \
         try again; behind a proxy, check base_url.",
    )
}

impl Fields {
    /// The value of a field that is there exactly once.
    pub(super) fn one<'f>(&'f self, name: &'f str) -> Option<&'f str> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value),
            _ => None,
        }
    }

    /// The value of a field without the space around it, if there is anything.
    pub(super) fn text<'f>(&'f self, name: &'f str) -> Option<&'f str> {
        let text = self.one(name).map(str::trim);
        text.filter(|text| !text.is_empty())
    }

    /// Every value of a field.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        let fields = self.0.iter().filter(move |(have, _)| have == name);
        fields.map(|(_, value)| value.as_str())
    }
}

impl From<Turned> for Refused {
    fn from(turned: Turned) -> Self {
        Self::Turned(turned)
    }
}

impl From<Oops> for Refused {
    fn from(oops: Oops) -> Self {
        Self::Oops(oops)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Refused::Turned(turned) => turned.into_response(),
            Refused::Oops(oops) => oops.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_post() {
        let public = Some("https://dial.example.org");
        let cases = [
            (Some("http://127.0.0.1:8600"), "127.0.0.1:8600", None, true),
            (
                Some("https://dial.example.org"),
                "internal:8600",
                public,
                true,
            ),
            (
                Some("https://attacker.example"),
                "dial.example.org",
                public,
                false,
            ),
            (
                Some("https://dial.example.org.attacker.example"),
                "dial.example.org",
                public,
                false,
            ),
            (Some("null"), "dial.example.org", public, false),
            (None, "dial.example.org", public, false),
        ];
        for (origin, host, public, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(is_ours(&headers, public), expected, "{origin:?} {host}");
        }
    }
}
