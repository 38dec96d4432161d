//! `/v1/tokens`: tokens are made, listed and revoked by admins.

use super::caller::{Admin, Caller};
use super::operation::Operation;
use super::parameter::Parameter;
use super::problem::Problem;
use super::{State, body, reply};
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::api_token::{ApiToken, RANDOM_BYTES};
use dial_core::store::token::{DEFAULT_DAYS, MAX_DAYS, MAX_TOKENS, Revoked, Scope, Token, Tokens};
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Most bytes of a request for a token.
const MAX_REQUEST: usize = 4 * 1024;
/// Longest name, characters.
const MAX_NAME: usize = 64;

/// A token that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Who or what is to hold it: 1 to 64 printable characters.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// How long it holds: 1 to 400 days, 90 if absent.
    #[serde(default = "default_days")]
    #[schemars(range(min = 1, max = 400))]
    pub days: u32,
}

/// A token that was just made; the only answer that ever shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NewToken {
    /// The token: `authorization: Bearer …`.
    pub token: String,
    /// What the master keeps of it.
    #[serde(flatten)]
    pub kept: Token,
}

/// All tokens, the newest first, up to 90 days after their end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenList {
    /// What the master keeps of each.
    pub tokens: Vec<Token>,
}

fn default_days() -> u32 {
    DEFAULT_DAYS
}

pub(super) fn declared() -> [Operation; 3] {
    let list = Operation::get("/v1/tokens", "listTokens", list)
        .does("API tokens, the newest first")
        .answers::<TokenList>(200, "What the master keeps of each.")
        .leads(200, "revokeToken", &[("id", "$response.body#/tokens/0/id")]);
    let create = Operation::post("/v1/tokens", "createToken", create)
        .does("Makes an API token")
        .takes::<TokenRequest>()
        .answers::<NewToken>(201, "The token; no other answer ever shows it.")
        .leads(201, "revokeToken", &[("id", "$response.body#/id")])
        .fails(
            409,
            "Another token in force has this name, or there are too many.",
        );
    let id = serde_json::json!({ "type": "string", "pattern": "^t-[a-z2-7]{26}$" });
    let revoke = Operation::delete("/v1/tokens/{id}", "revokeToken", revoke)
        .does("Revokes a token; one that was revoked stays as it was")
        .with([Parameter::path("id", "Id of the token.", id)])
        .answers::<Token>(200, "The token, revoked.")
        .fails(404, "There is no such token.");
    [list, create, revoke]
}

async fn list(
    _: Admin,
    extract::State(state): extract::State<Arc<State>>,
) -> Result<Response, Problem> {
    let tokens = state.parts.store.tokens(state.now()).await?;
    Ok(reply::json(StatusCode::OK, &TokenList { tokens }))
}

async fn create(
    Admin(caller): Admin,
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let wanted: TokenRequest = body::json(&headers, body, MAX_REQUEST).await?;
    check(&wanted)?;
    let now = state.now();
    let tokens = state.parts.store.tokens(now).await?;
    let live = tokens.iter().filter(|token| token.is_in_force(now));
    if live.clone().count() >= MAX_TOKENS {
        let detail = format!("{MAX_TOKENS} tokens are in force; revoke those that nobody uses");
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    if live.clone().any(|token| token.name == wanted.name) {
        let detail = "another token in force has this name; revoke it first, or use another name";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let new = make(&state, &caller, wanted, now)?;
    if !state.parts.store.add_token(&new.kept).await? {
        return Err(Problem::busy("token could not be made; ask again"));
    }
    let Token { id, name, .. } = &new.kept;
    tracing::info!(id, name, scope = %new.kept.scope, by = caller.name, "token made");
    Ok(reply::json(StatusCode::CREATED, &new))
}

async fn revoke(
    Admin(caller): Admin,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(id) = path.map_err(|_| Problem::bad_request("path is not UTF-8"))?;
    let id: String = id.chars().take(MAX_NAME).collect();
    let revoked = state
        .parts
        .store
        .revoke_token(&id, &caller.name, state.now());
    match revoked.await? {
        Revoked::Now(token) => {
            tracing::info!(id, name = token.name, by = caller.name, "token revoked");
            Ok(reply::json(StatusCode::OK, &token))
        }
        Revoked::Before(token) => Ok(reply::json(StatusCode::OK, &token)),
        Revoked::Unknown => {
            let detail = "there is no token with this id; `dial tokens list` shows them";
            Err(Problem::new(StatusCode::NOT_FOUND, detail))
        }
    }
}

fn check(wanted: &TokenRequest) -> Result<(), Problem> {
    let name = &wanted.name;
    let printable = name.chars().all(|c| !c.is_control());
    if name.trim().is_empty() || name.chars().count() > MAX_NAME || !printable {
        let detail = format!("name is 1 to {MAX_NAME} printable characters");
        return Err(Problem::bad_request(detail));
    }
    if !(1..=MAX_DAYS).contains(&wanted.days) {
        let detail = format!("days is 1 to {MAX_DAYS}: every token ends");
        return Err(Problem::bad_request(detail));
    }
    Ok(())
}

fn make(
    state: &State,
    caller: &Caller,
    wanted: TokenRequest,
    now: Timestamp,
) -> Result<NewToken, Problem> {
    let random: [u8; RANDOM_BYTES] = rand::random();
    let token = ApiToken::mint(random, &state.parts.roots)
        .ok_or_else(|| Problem::busy("master has no root key to make tokens with"))?;
    let life = SignedDuration::from_hours(24 * i64::from(wanted.days));
    let kept = Token {
        id: token.id(),
        name: wanted.name,
        scope: wanted.scope,
        hint: token.hint(),
        created_at: now,
        created_by: caller.name.clone(),
        expires_at: now.saturating_add(life).unwrap_or(Timestamp::MAX),
        last_used: None,
        revoked_at: None,
        revoked_by: None,
    };
    Ok(NewToken {
        token: token.secret().expose().to_owned(),
        kept,
    })
}
