//! The list in other forms: CSV, JSON Lines and OCSF, chosen by `Accept`, a bounded piece at a time.
//!
//! Every form pages as the list itself does; the cursor of the next piece is a header.

use super::problem::Problem;
use super::reply;
use crate::sheet::{Sheet, summary_heading, summary_row};
use axum::response::Response;
use dial_core::ocsf;
use dial_core::store::{Cursor, Page, Store, StoreError, Stored, Summary};
use futures::stream::{self, StreamExt as _};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use std::io;

/// Cursor of the next piece; absent from the last.
pub const NEXT: &str = "dial-next-cursor";
/// Media type of OCSF events, one a line.
pub const OCSF: &str = "application/vnd.ocsf+x-ndjson";
/// Media type of findings as stored, one a line.
pub const NDJSON: &str = "application/x-ndjson";
/// Media type of comma-separated lines.
pub const CSV: &str = "text/csv";
const JSON: &str = "application/json";
/// Bytes after which a piece ends; an answer of Lambda holds 6 MB, in base64.
const ENOUGH: usize = 3 * 1024 * 1024;
/// Findings that are fetched at once.
const AT_ONCE: usize = 8;

/// How a list is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One JSON document of summaries.
    Json,
    /// Summaries as CSV under a heading.
    Csv,
    /// Whole findings as stored, one a line.
    Ndjson,
    /// OCSF Detection Findings, one a line.
    Ocsf,
}

impl Form {
    /// The form that the client likes best; JSON where it does not say.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let texts = headers.get_all(ACCEPT).iter();
        let texts: Vec<&str> = texts.filter_map(|text| text.to_str().ok()).collect();
        if texts.is_empty() {
            return Ok(Self::Json);
        }
        let ranges = texts.iter().flat_map(|text| text.split(','));
        let mut known: Vec<(f32, Self)> = ranges.filter_map(range).collect();
        known.sort_by(|a, b| b.0.total_cmp(&a.0));
        let best = known.first().filter(|(quality, _)| *quality > 0.0);
        best.map(|(_, form)| *form).ok_or_else(|| {
            let detail = format!("accept {JSON}, {CSV}, {NDJSON} or {OCSF}");
            Problem::new(StatusCode::NOT_ACCEPTABLE, detail)
        })
    }

    fn media(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => NDJSON,
            Self::Ocsf => OCSF,
        }
    }
}

/// One media range with its quality; `None` for a media type that the list does not have.
fn range(text: &str) -> Option<(f32, Form)> {
    let mut parts = text.split(';').map(str::trim);
    let form = match parts.next()?.to_ascii_lowercase().as_str() {
        JSON | "application/*" | "*/*" => Form::Json,
        CSV | "text/*" => Form::Csv,
        NDJSON | "application/jsonl" => Form::Ndjson,
        OCSF => Form::Ocsf,
        _ => return None,
    };
    let quality = parts.find_map(|part| part.strip_prefix("q="));
    let quality = quality.map_or(Some(1.0), |q| q.parse().ok());
    Some((quality.unwrap_or(0.0), form))
}

/// A page in a form other than JSON.
pub(super) async fn piece(
    store: &dyn Store,
    form: Form,
    page: Page,
    now: Timestamp,
) -> Result<Response, Problem> {
    let (body, next) = match form {
        Form::Csv => (sheet(&page.items).map_err(|e| unwritten(&e))?, page.next),
        Form::Json | Form::Ndjson | Form::Ocsf => lines(store, form, page, now).await?,
    };
    let mut response = reply::secured(StatusCode::OK, form.media(), body);
    if let Some(value) = next.and_then(|next| HeaderValue::from_str(&next.to_opaque()).ok()) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(NEXT), value);
    }
    Ok(response)
}

fn sheet(items: &[Summary]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut sheet = Sheet::new(&mut body);
    sheet.row(summary_heading())?;
    for item in items {
        sheet.row(summary_row(item).each_ref().map(String::as_str))?;
    }
    sheet.flush()?;
    drop(sheet);
    Ok(body)
}

/// Whole findings, fetched side by side, in order, until the piece is large enough.
async fn lines(
    store: &dyn Store,
    form: Form,
    page: Page,
    now: Timestamp,
) -> Result<(Vec<u8>, Option<Cursor>), Problem> {
    let fetches = page.items.iter().map(|item| fetch(store, item, now));
    // Boxed and collected, for the compiler cannot prove a lazy stream of borrows `Send`.
    let fetches: Vec<_> = fetches.map(futures::FutureExt::boxed).collect();
    let mut found = stream::iter(fetches).buffered(AT_ONCE);
    let mut body = Vec::new();
    let mut last = None;
    while let Some(answer) = found.next().await {
        let (after, stored) = answer?;
        last = Some(after);
        // One that expired or was removed since the list was read is not there any more.
        if let Some(stored) = stored {
            line(&mut body, form, &stored).map_err(|e| unwritten(&e))?;
        }
        if body.len() >= ENOUGH {
            break;
        }
    }
    let end = page
        .items
        .last()
        .map(|item| Cursor::after(item.time, &item.id));
    let next = if last == end { page.next } else { last };
    Ok((body, next))
}

async fn fetch(
    store: &dyn Store,
    item: &Summary,
    now: Timestamp,
) -> Result<(Cursor, Option<Stored>), StoreError> {
    let stored = store.finding(&item.id, now).await?;
    Ok((Cursor::after(item.time, &item.id), stored))
}

fn line(body: &mut Vec<u8>, form: Form, stored: &Stored) -> io::Result<()> {
    match form {
        Form::Ocsf => write(
            body,
            &ocsf::detection(&stored.finding, stored.triage.status),
        ),
        Form::Json | Form::Csv | Form::Ndjson => write(body, stored),
    }
}

fn write(body: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *body, value)?;
    body.push(b'\n');
    Ok(())
}

fn unwritten(error: &io::Error) -> Problem {
    tracing::error!(%error, "export cannot be serialised");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "a finding cannot be exported",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_what_the_client_likes_best() {
        let cases = [
            (None, Some(Form::Json)),
            (Some("*/*"), Some(Form::Json)),
            (Some("application/json"), Some(Form::Json)),
            (Some("text/csv"), Some(Form::Csv)),
            (Some("TEXT/CSV; header=present"), Some(Form::Csv)),
            (Some("application/x-ndjson"), Some(Form::Ndjson)),
            (Some("application/vnd.ocsf+x-ndjson"), Some(Form::Ocsf)),
            (
                Some("image/png, text/csv;q=0.5, */*;q=0.1"),
                Some(Form::Csv),
            ),
            (
                Some("application/json;q=0.2, application/x-ndjson;q=0.9"),
                Some(Form::Ndjson),
            ),
            (Some("text/csv;q=0"), None),
            (Some("text/csv;q=x"), None),
            (Some("text/html"), None),
            (Some(""), None),
        ];
        for (accept, expected) in cases {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(Form::of(&headers).ok(), expected, "{accept:?}");
        }
    }
}
