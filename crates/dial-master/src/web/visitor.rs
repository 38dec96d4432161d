//! Who looks at a page: by a session, by the word of a proxy in front, or whoever reaches a
//! loopback that is left open.

use super::{cookie, entry, oops::Oops, reply};
use crate::api::{Caller, Peer, State};
use crate::limit::TooFast;
use crate::readers::{ReaderError, Readers};
use crate::sign_in::ProxyRefusal;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use dial_core::api_token::ApiToken;
use dial_core::store::StoreError;
use dial_core::store::session::{Proof, Session, Sessions as _};
use dial_core::store::token::{Scope, Tokens as _};
use http::request::Parts;
use http::{Method, StatusCode};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Who looks.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    /// Name and scope.
    pub(super) caller: Caller,
    /// What every form of a page carries, so that no other page can post it.
    pub(super) form_token: String,
    /// The session, where somebody signed in.
    pub(super) session: Option<String>,
}

/// Why a page is not shown.
#[derive(Debug)]
pub(super) enum Turned {
    /// They sign in first, then go on there.
    SignIn(String),
    /// The page was asked for under a name that is not loopback.
    Host,
    /// The proxy in front says nothing that counts.
    Proxy(ProxyRefusal),
    /// They may look, but not do that.
    Scope(Caller, Scope),
    /// Faster than anyone clicks.
    TooFast(TooFast),
    /// Who it is could not be found out.
    Store(StoreError),
}

impl Visitor {
    /// Whether they may do what needs `scope`.
    pub(super) fn check(&self, scope: Scope) -> Result<(), Turned> {
        let enough = self.caller.may(scope);
        let denied = || Turned::Scope(self.caller.clone(), scope);
        enough.then_some(()).ok_or_else(denied)
    }

    fn new(caller: Caller, key: &[u8], session: Option<String>) -> Self {
        let hash = Sha256::new_with_prefix(b"dial/form/v1/")
            .chain_update(key)
            .finalize();
        Self {
            caller,
            form_token: dial_core::id::base32(&hash[..16]),
            session,
        }
    }
}

impl FromRequestParts<Arc<State>> for Visitor {
    type Rejection = Turned;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Turned> {
        let identified = identify(parts, state).await;
        match &identified {
            Err(Turned::Proxy(refusal)) => {
                crate::metrics::refused("proxy");
                tracing::warn!(reason = %refusal, "visitor refused");
            }
            Err(turned @ (Turned::Host | Turned::TooFast(_) | Turned::Store(_))) => {
                tracing::warn!(reason = ?turned, "visitor refused");
            }
            _ => {}
        }
        identified
    }
}

async fn identify(parts: &Parts, state: &State) -> Result<Visitor, Turned> {
    let (now, dashboard) = (state.now(), &state.parts.dashboard);
    if dashboard.open || matches!(state.parts.readers, Readers::Loopback) {
        let caller = Readers::Loopback.authenticate(&parts.headers, now);
        let caller = caller.map_err(|_| Turned::Host)?;
        return Ok(Visitor::new(caller, &dashboard.form_key, None));
    }
    if let Some(visitor) = by_proxy(parts, state, now)? {
        return Ok(visitor);
    }
    let unknown = || Turned::SignIn(going(parts));
    let shown = cookie::read(&parts.headers, dashboard).ok_or_else(unknown)?;
    match by_session(&shown, state, now).await? {
        None => Err(unknown()),
        Some((caller, session)) => {
            let key = shown.secret().expose().as_bytes();
            Ok(Visitor::new(caller, key, Some(session)))
        }
    }
}

/// Who a proxy says that it is; a header from elsewhere is as good as absent.
fn by_proxy(parts: &Parts, state: &State, now: Timestamp) -> Result<Option<Visitor>, Turned> {
    let Some(proxy) = &state.parts.dashboard.proxy else {
        return Ok(None);
    };
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
    match proxy.caller(&parts.headers, peer) {
        Ok(None) => Ok(None),
        Ok(Some(caller)) => {
            let id = format!("proxy/{}", caller.name);
            state.admit(&id, now).map_err(Turned::TooFast)?;
            let key = proxied_key(&caller.name, state);
            Ok(Some(Visitor::new(caller, &key, None)))
        }
        Err(elsewhere @ ProxyRefusal::Elsewhere { .. }) => {
            crate::metrics::refused("proxy");
            tracing::warn!(reason = %elsewhere, "header of the proxy ignored");
            Ok(None)
        }
        Err(refusal) => Err(Turned::Proxy(refusal)),
    }
}

/// Stands in for a session's secret: the same on every instance, another for everybody.
fn proxied_key(name: &str, state: &State) -> Vec<u8> {
    let root = state.parts.roots.newest_first().next();
    let key = root.map(|(_, root)| root.own_key("proxied-form"));
    let key = key.unwrap_or(state.parts.dashboard.form_key);
    [key.as_slice(), name.as_bytes()].concat()
}

/// Only a secret that a root key proves reaches the store.
async fn by_session(
    shown: &ApiToken,
    state: &State,
    now: Timestamp,
) -> Result<Option<(Caller, String)>, Turned> {
    if !shown.is_proven(&state.parts.roots) {
        return Ok(None);
    }
    let id = shown.id();
    state.admit(&id, now).map_err(Turned::TooFast)?;
    let session = state.parts.store.session(&id).await?;
    let Some(session) = session.filter(|session| session.is_in_force(now)) else {
        return Ok(None);
    };
    let caller = vouched(session, state, now).await?;
    Ok(caller.map(|caller| (caller, id)))
}

/// Who a session is of, as long as what it stands on holds; never more than that allows now.
async fn vouched(
    session: Session,
    state: &State,
    now: Timestamp,
) -> Result<Option<Caller>, Turned> {
    let Session { name, scope, .. } = session;
    let allowed = match session.proof {
        Proof::Configured => state.parts.readers.named(&name, now).map(|c| c.scope),
        Proof::Token { id } => {
            let token = state.parts.store.token(&id).await?;
            let live = token.filter(|token| token.is_in_force(now));
            live.map(|token| token.scope)
        }
        Proof::Provider { issuer, .. } => {
            let provider = state.parts.dashboard.oidc.as_ref();
            provider.filter(|it| it.is(&issuer)).map(|_| scope)
        }
    };
    Ok(allowed.map(|allowed| Caller {
        name,
        scope: scope.min(allowed),
    }))
}

/// Where a visitor was going; after a form, nowhere.
fn going(parts: &Parts) -> String {
    let asked = parts
        .uri
        .path_and_query()
        .map_or("/", |asked| asked.as_str());
    let get = parts.method == Method::GET;
    entry::place(if get { asked } else { "/" }).to_owned()
}

impl From<StoreError> for Turned {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ReaderError> for Turned {
    fn from(_: ReaderError) -> Self {
        Self::Host
    }
}

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        match self {
            Turned::SignIn(place) if place == "/" => reply::see("/sign-in"),
            Turned::SignIn(place) => {
                let next: String = form_urlencoded::byte_serialize(place.as_bytes()).collect();
                reply::see(&format!("/sign-in?next={next}"))
            }
            Turned::Host => Oops::new(
                StatusCode::UNAUTHORIZED,
                "Not under this name",
                "This page is open on loopback only: ask for it as localhost or 127.0.0.1.",
            )
            .into_response(),
            Turned::Proxy(ProxyRefusal::NoRole(name)) => Oops::new(
                StatusCode::FORBIDDEN,
                "No role here",
                format!(
                    "You are {name}, and none of your groups has a role here. Whoever runs this \
                     master can give it one."
                ),
            )
            .into_response(),
            Turned::Proxy(_) => Oops::new(
                StatusCode::BAD_REQUEST,
                "Who are you?",
                "The proxy in front does not say who you are in a way that can be read. The log \
                 of the master says why.",
            )
            .into_response(),
            Turned::Scope(caller, needs) => Oops::new(
                StatusCode::FORBIDDEN,
                "Not yours to change",
                format!(
                    "You are signed in as {} ({}); this needs the role {needs}.",
                    caller.name, caller.scope
                ),
            )
            .into_response(),
            Turned::TooFast(TooFast(seconds)) => Oops::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too fast",
                format!("Wait {seconds} s, then try again."),
            )
            .into_response(),
            Turned::Store(error) => Oops::from(error).into_response(),
        }
    }
}
