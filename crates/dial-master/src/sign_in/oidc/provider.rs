//! The two halves of a sign-in, and what is kept of what the provider says about itself.

use super::answer::Answer;
use super::claims::{self, Expected};
use super::discovery::{self, Metadata};
use super::error::SignInError;
use super::keys::Keys;
use super::pending::Pending;
use super::person::{Person, Reading};
use super::token::{self, Claims, TokenError};
use crate::deliver::transport::Transport;
use crate::limit::Limiter;
use crate::message::text::inert;
use crate::sinks::call::{Call, Reply, basic_header, secret_header};
use crate::sinks::guard::Guard;
use dial_core::Secret;
use form_urlencoded::{Serializer, byte_serialize};
use http::{HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde::Deserialize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// Longest wait for one answer; a sign-in asks up to five times.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long its description and its keys are believed without asking again.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// Halves of sign-ins that are answered: a second, and above that at once. All sources together.
const TOTAL: (u32, u32) = (10, 100);
/// The same for one source; a whole office may be one.
const SOURCE: (u32, u32) = (2, 40);
/// Longest word of the provider that a reason repeats, characters.
const MAX_SAID: usize = 200;

/// An identity provider that people sign in at.
pub struct Provider {
    client: Client,
    reading: Reading,
    label: String,
    http: Arc<dyn Transport>,
    metadata: Kept<Metadata>,
    keys: Kept<Keys>,
    total: Limiter<()>,
    source: Limiter<String>,
}

/// This master, as the provider knows it.
pub(super) struct Client {
    /// The provider, to the letter.
    pub(super) issuer: String,
    /// The same as an address.
    pub(super) url: Url,
    /// `client_id`.
    pub(super) id: String,
    /// `client_secret`, unless the client is public.
    pub(super) secret: Option<Secret>,
    /// With spaces between.
    pub(super) scopes: String,
    /// Where people are sent back to.
    pub(super) redirect: Url,
    /// Which addresses may be asked.
    pub(super) guard: Guard,
}

/// What was seen of a provider without signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Keys that can be used.
    pub keys: usize,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

/// Why there are no tokens (RFC 6749, 5.2).
#[derive(Deserialize)]
struct NoTokens {
    error: String,
    error_description: Option<String>,
}

impl Provider {
    pub(super) fn new(
        client: Client,
        reading: Reading,
        label: String,
        http: Arc<dyn Transport>,
    ) -> Self {
        Self {
            client,
            reading,
            label,
            http,
            metadata: Kept::default(),
            keys: Kept::default(),
            total: Limiter::new(TOTAL.0, TOTAL.1),
            source: Limiter::new(SOURCE.0, SOURCE.1),
        }
    }

    /// What its button says.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Whether a session on its word still stands on this provider.
    pub(crate) fn is(&self, issuer: &str) -> bool {
        self.client.issuer == issuer
    }

    /// Lets one more half of a sign-in pass: each may make the master ask the provider before
    /// anybody is known.
    pub(crate) fn admit(&self, source: &str, now: Timestamp) -> Result<(), SignInError> {
        self.source.admit(&source.to_owned(), now)?;
        Ok(self.total.admit(&(), now)?)
    }

    /// Asks for its description and its keys.
    pub async fn look(&self, now: Timestamp) -> Result<Seen, SignInError> {
        let metadata = self.metadata(now).await?;
        let keys = self.published(&metadata, now).await?.len();
        match keys {
            0 => Err(self.unavailable("publishes no key that can be used")),
            keys => Ok(Seen { keys }),
        }
    }

    /// The first half: where the browser goes.
    pub(crate) async fn begin(
        &self,
        pending: &Pending,
        now: Timestamp,
    ) -> Result<Url, SignInError> {
        let mut place = self.metadata(now).await?.authorization.clone();
        place
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client.id)
            .append_pair("redirect_uri", self.client.redirect.as_str())
            .append_pair("scope", &self.client.scopes)
            .append_pair("state", &pending.state())
            .append_pair("nonce", &pending.nonce())
            .append_pair("code_challenge", &pending.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(place)
    }

    /// The second half: who came back. Nothing is asked before the state is known to be ours.
    pub(crate) async fn finish(
        &self,
        pending: &Pending,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<Person, SignInError> {
        let state = answer.state.as_deref().unwrap_or_default();
        if !bool::from(pending.state().as_bytes().ct_eq(state.as_bytes())) {
            return Err(SignInError::State);
        }
        if let Some(error) = &answer.error {
            return Err(SignInError::Denied(error.clone()));
        }
        let metadata = self.metadata(now).await?;
        self.check_issuer(&metadata, answer)?;
        let code = answer.code.as_deref();
        let code = code.ok_or_else(|| SignInError::Denied("it sent no code".to_owned()))?;
        let tokens = self.exchange(&metadata, code, &pending.verifier()).await?;
        let mut claims = self.verified(&metadata, &tokens.id_token, now).await?;
        let expected = Expected {
            issuer: &self.client.issuer,
            client: &self.client.id,
            nonce: &pending.nonce(),
            now,
        };
        let subject = claims::check(&claims, &expected)?.to_owned();
        if self.reading.is_wanting(&claims) {
            let more = self.user_info(&metadata, &tokens, &subject).await?;
            for (claim, value) in more.unwrap_or_default() {
                claims.entry(claim).or_insert(value);
            }
        }
        self.reading.person(&claims, &self.client.issuer, &subject)
    }

    /// Somebody else's answer would lead the code to the wrong place (RFC 9207).
    fn check_issuer(&self, metadata: &Metadata, answer: &Answer) -> Result<(), SignInError> {
        match answer.issuer.as_deref() {
            Some(issuer) if issuer == self.client.issuer => Ok(()),
            Some(issuer) => Err(SignInError::Issuer(inert(issuer, MAX_SAID))),
            None if metadata.names_issuer => Err(SignInError::Issuer("(none)".to_owned())),
            None => Ok(()),
        }
    }

    /// The tokens that a code stands for.
    async fn exchange(
        &self,
        metadata: &Metadata,
        code: &str,
        verifier: &str,
    ) -> Result<Tokens, SignInError> {
        let call = self.client.exchange(metadata, code, verifier);
        let reply = self.ask(call).await?;
        if reply.status == 200 {
            let nothing = || self.unavailable("its answer to the code holds no ID token");
            return reply.json().ok_or_else(nothing);
        }
        Err(self.no_tokens(&reply))
    }

    /// A code that is not known is the visitor's business, anything else the operator's.
    fn no_tokens(&self, reply: &Reply) -> SignInError {
        let Some(NoTokens {
            error,
            error_description,
        }) = reply.json()
        else {
            return self.unavailable(&format!("its token endpoint answered {}", reply.status));
        };
        let more = error_description.map(|more| format!(": {more}"));
        let said = format!("{error}{}", more.unwrap_or_default());
        let said = inert(&said, MAX_SAID);
        match error.as_str() {
            "invalid_grant" => SignInError::Code(said),
            _ => self.unavailable(&format!("its token endpoint says {said}")),
        }
    }

    /// The claims of an ID token. A key that does not fit may be one that was replaced meanwhile,
    /// so the keys are asked for again, once.
    async fn verified(
        &self,
        metadata: &Metadata,
        id_token: &str,
        now: Timestamp,
    ) -> Result<Claims, SignInError> {
        if let Some(keys) = self.keys.get(now) {
            match token::verify(id_token, &keys) {
                Err(TokenError::UnknownKey(_) | TokenError::Signature) => {}
                verified => return Ok(verified?),
            }
        }
        let keys = self.published(metadata, now).await?;
        Ok(token::verify(id_token, &keys)?)
    }

    /// More about a person, from a provider that keeps ID tokens small.
    async fn user_info(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        subject: &str,
    ) -> Result<Option<Claims>, SignInError> {
        let (Some(url), Some(access)) = (&metadata.user_info, &tokens.access_token) else {
            return Ok(None);
        };
        let bearer = secret_header("Bearer ", &Secret::new(access));
        let bearer = bearer.ok_or_else(|| self.unavailable("its access token is no header"))?;
        let call = Call::get("user info", url).header(header::AUTHORIZATION, bearer);
        let claims: Claims = self.read(call).await?;
        // The answer is signed by nobody: it may speak only of whom the ID token names.
        if claims.get("sub").and_then(|sub| sub.as_str()) != Some(subject) {
            return Err(self.unavailable("its user info is about somebody else"));
        }
        Ok(Some(claims))
    }

    async fn metadata(&self, now: Timestamp) -> Result<Arc<Metadata>, SignInError> {
        if let Some(kept) = self.metadata.get(now) {
            return Ok(kept);
        }
        let Client {
            issuer, url, guard, ..
        } = &self.client;
        let place = discovery::address(url).ok_or_else(|| self.unavailable("has no address"))?;
        let reply = self.ask(Call::get("discovery", &place)).await?;
        self.good(&reply)?;
        let read = Metadata::parse(&reply.body, issuer, *guard);
        let metadata = read.map_err(|reason| self.unavailable(&reason))?;
        Ok(self.metadata.keep(metadata, now))
    }

    async fn published(
        &self,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<Arc<Keys>, SignInError> {
        let reply = self.ask(Call::get("keys", &metadata.keys)).await?;
        self.good(&reply)?;
        let keys = Keys::parse(&reply.body);
        let keys = keys.ok_or_else(|| self.unavailable("its keys cannot be read"))?;
        Ok(self.keys.keep(keys, now))
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, call: Call) -> Result<T, SignInError> {
        let reply = self.ask(call).await?;
        self.good(&reply)?;
        let unread = || self.unavailable(&format!("its {} cannot be read", reply.step));
        reply.json().ok_or_else(unread)
    }

    fn good(&self, reply: &Reply) -> Result<(), SignInError> {
        match reply.status {
            200 => Ok(()),
            status => Err(self.unavailable(&format!("its {} answered {status}", reply.step))),
        }
    }

    async fn ask(&self, call: Call) -> Result<Reply, SignInError> {
        let json = HeaderValue::from_static("application/json");
        let asked = self
            .http
            .perform(call.header(header::ACCEPT, json), TIMEOUT);
        asked
            .await
            .map_err(|error| self.unavailable(&error.to_string()))
    }

    fn unavailable(&self, reason: &str) -> SignInError {
        SignInError::Unavailable(format!("{}: {reason}", self.client.issuer))
    }
}

impl Client {
    /// The question that makes tokens of a code.
    fn exchange(&self, metadata: &Metadata, code: &str, verifier: &str) -> Call {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", self.redirect.as_str())
            .append_pair("code_verifier", verifier);
        let in_header = self.secret.as_ref().filter(|_| !metadata.secret_in_form);
        if in_header.is_none() {
            form.append_pair("client_id", &self.id);
            if let Some(secret) = &self.secret {
                form.append_pair("client_secret", secret.expose());
            }
        }
        let media = HeaderValue::from_static("application/x-www-form-urlencoded");
        let body = form.finish().into_bytes();
        let call = Call::post("token", &metadata.token, body).header(header::CONTENT_TYPE, media);
        match in_header {
            Some(secret) => call.header(header::AUTHORIZATION, basic(&self.id, secret)),
            None => call,
        }
    }
}

/// Name and secret are spelled as in a form first (RFC 6749, 2.3.1).
fn basic(id: &str, secret: &Secret) -> HeaderValue {
    let spelled = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let secret = Secret::new(&spelled(secret.expose()));
    basic_header(&spelled(id), &secret)
}

/// Something that is asked for again after a while.
struct Kept<T>(Mutex<Option<(Arc<T>, Timestamp)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Kept<T> {
    fn get(&self, now: Timestamp) -> Option<Arc<T>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (value, at) = kept.as_ref()?;
        (now.duration_since(*at) < FRESH).then(|| Arc::clone(value))
    }

    fn keep(&self, value: T, now: Timestamp) -> Arc<T> {
        let value = Arc::new(value);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((Arc::clone(&value), now));
        value
    }
}
