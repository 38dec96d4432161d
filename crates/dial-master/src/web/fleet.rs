//! `/workers`: where somebody watches, and where nobody does.

use super::frame::Frame;
use super::oops::Oops;
use super::reply;
use super::visitor::Visitor;
use super::words::{self, When};
use crate::api::State;
use crate::fleet::{self, Health};
use askama::Template;
use axum::extract;
use axum::response::Response;
use dial_core::store::StoreError;
use dial_core::store::fleet::Fleet as _;
use dial_core::wire::Heartbeat;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// A worker.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) worker: String,
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) is_troubled: bool,
    pub(super) heard: Option<When>,
    pub(super) version: String,
    pub(super) rules: String,
    pub(super) patterns: String,
    pub(super) clock: String,
    pub(super) events: u64,
    pub(super) findings: u64,
    pub(super) dead_letters: u64,
    pub(super) errors: u64,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "workers.html")]
struct Page {
    frame: Frame,
    posts: Vec<Post>,
    silent_after: String,
}

pub(super) async fn show(
    visitor: Visitor,
    extract::State(state): extract::State<Arc<State>>,
) -> Result<Response, Oops> {
    let page = Page {
        frame: Frame::new(&visitor, "workers", "Workers"),
        posts: posts(&state, state.now()).await?,
        silent_after: words::span(state.parts.silent_after),
    };
    Ok(reply::page(StatusCode::OK, &page))
}

/// All workers, the troubled ones first.
pub(super) async fn posts(state: &State, now: Timestamp) -> Result<Vec<Post>, StoreError> {
    let members = state.parts.store.workers(now).await?;
    let after = state.parts.silent_after;
    let newest = fleet::newest_rules(&members, after, now);
    let mut posts: Vec<(Health, Post)> = members
        .iter()
        .map(|member| {
            let health = fleet::health(member, newest.as_ref(), after, now);
            let beat = member.heartbeat.as_ref();
            let info = beat.map(|beat| &beat.worker);
            let totals = member.totals;
            let post = Post {
                worker: words::one_line(&member.worker),
                class: class(health),
                word: word(health, beat.is_some()),
                is_troubled: health != Health::Ok,
                heard: beat.map(|_| When::new(member.last_at, now)),
                version: info
                    .map(|info| words::one_line(&info.version))
                    .unwrap_or_default(),
                rules: member
                    .rules()
                    .map(|hash| hash.chars().take(12).collect())
                    .unwrap_or_default(),
                patterns: patterns(beat),
                clock: clock(member.clock_ahead),
                events: totals.events,
                findings: totals.findings,
                dead_letters: totals.dead_letters,
                errors: totals.errors,
            };
            (health, post)
        })
        .collect();
    posts.sort_by(|(a, one), (b, other)| (a, &one.worker).cmp(&(b, &other.worker)));
    Ok(posts.into_iter().map(|(_, post)| post).collect())
}

impl Post {
    /// The account of its name.
    pub(super) fn account(&self) -> &str {
        self.worker
            .split_once('/')
            .map_or(&*self.worker, |(account, _)| account)
    }

    /// The region of its name.
    pub(super) fn region(&self) -> &str {
        self.worker.split_once('/').map_or("", |(_, region)| region)
    }
}

/// Which event patterns it knows to be deployed: without them it cannot tell of rules that no
/// pattern feeds.
fn patterns(beat: Option<&Heartbeat>) -> String {
    let known = beat.and_then(|beat| beat.patterns.as_deref());
    known.map_or("unknown".to_owned(), |hash| hash.chars().take(12).collect())
}

fn class(health: Health) -> &'static str {
    match health {
        Health::Silent => "silent",
        Health::OldRules => "old_rules",
        Health::ClockOff => "clock_off",
        Health::Ok => "ok",
    }
}

fn word(health: Health, was_heard: bool) -> &'static str {
    match health {
        Health::Silent if was_heard => "Silent",
        Health::Silent => "Never heard",
        Health::OldRules => "Old rules",
        Health::ClockOff => "Clock is off",
        Health::Ok => "Well",
    }
}

fn clock(ahead: i64) -> String {
    let span = words::span(SignedDuration::from_secs(ahead.saturating_abs()));
    match ahead {
        -5..=5 => "right".to_owned(),
        6.. => format!("{span} ahead"),
        _ => format!("{span} behind"),
    }
}
