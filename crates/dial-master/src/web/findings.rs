//! `/findings`: the list, with every filter of the API in its address.

use super::filter::{Chip, Choice, Field, Filter};
use super::frame::Frame;
use super::line::Line;
use super::oops::Oops;
use super::reply;
use super::visitor::Visitor;
use crate::api::State;
use askama::Template;
use axum::extract;
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;

/// The list.
#[derive(Debug, Template)]
#[template(path = "findings.html")]
struct Page {
    frame: Frame,
    words: String,
    severities: Vec<Choice>,
    statuses: Vec<Choice>,
    fields: Vec<Field>,
    chips: Vec<Chip>,
    lines: Vec<Line>,
    /// What became of a change of several, `3 changed, 1 not`.
    done: Option<String>,
    /// This list from its start, for the form to come back to.
    address: String,
    /// The rest of it.
    older: Option<String>,
    /// Whether this is not the start.
    later: bool,
    /// Whether a field of text is set.
    more: bool,
}

pub(super) async fn show(
    visitor: Visitor,
    extract::State(state): extract::State<Arc<State>>,
    extract::RawQuery(address): extract::RawQuery,
) -> Result<Response, Oops> {
    let (address, now) = (address.unwrap_or_default(), state.now());
    let filter = Filter::read(&address, now)?;
    let request = &filter.request;
    let list = state
        .parts
        .store
        .list(&request.query, request.cursor.as_ref(), request.limit, now);
    let page = list.await?;
    let fields = filter.fields();
    let older = page
        .next
        .map(|next| filter.address_after(&next.to_opaque()));
    let page = Page {
        frame: Frame::new(&visitor, "findings", "Findings"),
        words: filter.words(),
        severities: filter.severities(),
        statuses: filter.statuses(),
        more: fields.iter().any(|field| !field.value.is_empty()),
        fields,
        chips: filter.chips(),
        lines: page.items.iter().map(|item| Line::new(item, now)).collect(),
        done: done(&address),
        address: filter.address(),
        older,
        later: filter.request.cursor.is_some(),
    };
    Ok(reply::page(StatusCode::OK, &page))
}

/// What a change of several says on its way back here; only numbers are taken from the address.
fn done(address: &str) -> Option<String> {
    let number = |wanted: &str| {
        let pairs = form_urlencoded::parse(address.as_bytes());
        let mut values = pairs.filter(|(name, _)| name == wanted);
        values
            .next()
            .and_then(|(_, value)| value.parse::<u8>().ok())
    };
    match (number("done")?, number("left").unwrap_or(0)) {
        (done, 0) => Some(format!("{done} changed.")),
        (done, left) => Some(format!(
            "{done} changed; {left} not, because they stand elsewhere already."
        )),
    }
}
