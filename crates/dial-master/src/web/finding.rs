//! `/findings/{id}`: who, what, when, where, why, what became of it, and what to do.

use super::frame::Frame;
use super::oops::Oops;
use super::related::{self, Around};
use super::rules::Named;
use super::tree::{Row, Tree};
use super::visitor::Visitor;
use super::words::{self, When};
use super::{change, reply};
use crate::api::State;
use crate::message::links::cloudtrail_event;
use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::finding::{Finding, Principal, Source};
use dial_core::record::Record;
use dial_core::store::{Audit, Delivery, DeliveryState, Status, Stored};
use dial_core::{FindingId, Severity};
use http::StatusCode;
use http::header::CONTENT_DISPOSITION;
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;

/// Levels of the facts that are unfolded at first: there are few, and they say why.
const FACTS: usize = 5;

/// Name, value and, where other findings have it too, the list of those.
#[derive(Debug)]
struct Fact {
    name: String,
    value: String,
    list: Option<String>,
}

/// One sink.
#[derive(Debug)]
struct Sent {
    sink: String,
    class: &'static str,
    word: &'static str,
    detail: String,
    time: Option<When>,
    may_retry: bool,
}

/// One line of the history.
#[derive(Debug)]
struct Past {
    who: String,
    door: String,
    what: String,
    comment: Option<String>,
    time: When,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "finding.html")]
struct Page {
    frame: Frame,
    problem: Option<String>,
    id: String,
    severity: &'static str,
    severity_word: &'static str,
    title: String,
    rule: String,
    explanation: String,
    notes: Vec<String>,
    status: &'static str,
    status_word: &'static str,
    asleep: Option<When>,
    closed: bool,
    open: bool,
    assignee: Option<String>,
    mine: bool,
    revision: u64,
    time: When,
    who: Vec<Fact>,
    what: Vec<Fact>,
    place: Vec<Fact>,
    from: Vec<Fact>,
    matched: Vec<Fact>,
    facts: Tree,
    record: Option<Tree>,
    record_note: Option<String>,
    attack: Vec<Named>,
    references: Vec<String>,
    cloudtrail: Option<String>,
    around: Around,
    deliveries: Vec<Sent>,
    history: Vec<Past>,
}

pub(super) async fn show(
    visitor: Visitor,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Oops> {
    let id = change::id(path)?;
    page(&state, &visitor, &id, StatusCode::OK, None).await
}

/// The record as a file: never shown by the browser itself.
pub(super) async fn record(
    _: Visitor,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Oops> {
    let id = change::id(path)?;
    let stored = state.parts.store.finding(&id, state.now()).await?;
    let record = stored.and_then(|stored| stored.finding.record);
    let record = record.ok_or_else(|| Oops::unknown("record"))?;
    let body = record.as_str().as_bytes().to_vec();
    let mut response = reply::secured(StatusCode::OK, "application/json", body);
    let name = format!("attachment; filename=\"{id}.json\"");
    let name = name
        .parse()
        .expect("an id is lower-case letters and digits");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

/// The page as it is now, with what went wrong before it.
pub(super) async fn page(
    state: &State,
    visitor: &Visitor,
    id: &FindingId,
    status: StatusCode,
    problem: Option<String>,
) -> Result<Response, Oops> {
    let (store, now) = (&*state.parts.store, state.now());
    let stored = store.finding(id, now).await?;
    let stored = stored.ok_or_else(|| Oops::unknown("finding"))?;
    let (deliveries, audit, around) = futures::join!(
        store.deliveries(id),
        store.audit(id),
        related::find(store, &stored.finding, now)
    );
    let (deliveries, audit) = (deliveries?, audit?);
    let mut page = Page::of(visitor, &stored, now);
    page.problem = problem;
    let catalogue = &*state.parts.dashboard.catalogue;
    let named = |id: &String| Named {
        id: words::one_line(id),
        name: words::one_line(catalogue.technique(id).unwrap_or_default()),
    };
    page.attack = stored.finding.attack.iter().map(named).collect();
    page.around = around.unwrap_or_else(|error| {
        // What is around it is no reason to hide the finding itself: an index may be new.
        tracing::warn!(finding = %id, %error, "what is around a finding cannot be looked up");
        Around::missing()
    });
    page.deliveries = deliveries.iter().map(|row| sent(row, now)).collect();
    page.history = audit.iter().rev().map(|line| past(line, now)).collect();
    Ok(reply::page(status, &page))
}

impl Page {
    fn of(visitor: &Visitor, stored: &Stored, now: Timestamp) -> Self {
        let (finding, triage) = (&stored.finding, &stored.triage);
        let title = words::one_line(&finding.title);
        let record = finding.record.as_ref().map(Record::to_value);
        let assignee = triage.assignee.as_deref();
        Self {
            frame: Frame::new(visitor, "findings", title.clone()),
            problem: None,
            id: finding.id.to_string(),
            severity: finding.severity.as_str(),
            severity_word: words::severity(finding.severity),
            title,
            rule: words::one_line(&finding.rule.name),
            explanation: words::one_line(&finding.explanation),
            notes: notes(finding),
            status: words::status_class(triage.status),
            status_word: words::status(triage.status),
            asleep: triage.snoozed_until.map(|until| When::new(until, now)),
            closed: triage.is_closed(),
            open: triage.status == Status::Open,
            mine: assignee == Some(visitor.caller.name.as_str()),
            assignee: assignee.map(words::one_line),
            revision: triage.revision,
            time: When::new(finding.time, now),
            who: who(&finding.principal),
            what: what(finding),
            place: place(stored, now),
            from: from(&finding.source),
            matched: matched(finding),
            facts: Tree::of(&Value::Object(finding.facts.clone()), FACTS),
            record: record.and_then(Result::ok).map(|value| Tree::of(&value, 1)),
            record_note: finding.record_ref.as_ref().map(|at| {
                format!(
                    "The record has {} bytes and lies in the bucket as {}.",
                    at.bytes, at.key
                )
            }),
            attack: Vec::new(),
            references: safe_links(&finding.references),
            cloudtrail: cloudtrail_event(finding),
            around: Around::default(),
            deliveries: Vec::new(),
            history: Vec::new(),
        }
    }
}

/// Only what leads to the web; anything else in a rule's references is no link.
pub(super) fn safe_links(references: &[String]) -> Vec<String> {
    let web = |link: &&String| {
        let url = reqwest::Url::parse(link);
        url.is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
    };
    references.iter().filter(web).cloned().collect()
}

/// Why the severity is what it is, what could not be found out, why nobody was told.
fn notes(finding: &Finding) -> Vec<String> {
    let word = |severity: Severity| words::severity(severity).to_lowercase();
    let changes = finding.severity_changes.iter().map(|change| {
        let reason = words::one_line(&change.reason);
        format!(
            "Severity {} instead of {}: {reason}.",
            word(change.to),
            word(change.from)
        )
    });
    let incomplete = finding.incomplete.iter();
    let incomplete = incomplete.map(|what| format!("Not found out: {}.", words::one_line(what)));
    let suppressed = finding.suppressed.iter().map(|by| {
        let (owner, reason) = (words::one_line(&by.owner), words::one_line(&by.reason));
        format!(
            "Suppressed until {} by {owner}: {reason}. Nobody was told.",
            by.expires
        )
    });
    changes.chain(incomplete).chain(suppressed).collect()
}

impl Fact {
    fn new(name: &str, value: impl AsRef<str>) -> Self {
        Self {
            name: name.to_owned(),
            value: words::one_line(value.as_ref()),
            list: None,
        }
    }

    /// With the list of the findings that have it too.
    fn listed(name: &str, value: &str, filter: &str) -> Self {
        let whole: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        Self {
            list: Some(format!("/findings?{filter}={whole}")),
            ..Self::new(name, value)
        }
    }

    fn some(name: &str, value: Option<&String>) -> Option<Self> {
        value.map(|value| Self::new(name, value))
    }
}

fn who(principal: &Principal) -> Vec<Fact> {
    let key = principal.key();
    let access_key = principal.access_key_id.as_ref();
    let access_key = access_key.filter(|key| !key.is_empty());
    let access_key = access_key.map(|key| Fact::listed("Access key", key, "access_key"));
    let mfa = principal.mfa.map(|mfa| if mfa { "yes" } else { "no" });
    let key = (!key.is_empty()).then(|| Fact::listed("Principal", key, "principal"));
    [
        key,
        Fact::some("Name", principal.name.as_ref()),
        Fact::some("Type", principal.kind.as_ref()),
        Fact::some("Account", principal.account.as_ref()),
        access_key,
        mfa.map(|mfa| Fact::new("MFA", mfa)),
        Fact::some("Role", principal.session_issuer.as_ref()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn what(finding: &Finding) -> Vec<Fact> {
    let event = &finding.event;
    let read_only = event
        .read_only
        .map(|read| if read { "read" } else { "write" });
    let mut facts = vec![
        Fact::new("Call", &event.name),
        Fact::new("Service", &event.source),
    ];
    facts.extend(read_only.map(|kind| Fact::new("Access", kind)));
    facts.extend(Fact::some("Failed with", event.error_code.as_ref()));
    let resources = finding.resources.iter().take(20);
    facts.extend(resources.map(|one| Fact::listed("Resource", &one.key(), "resource")));
    facts.push(Fact::new("Event", &event.id));
    facts
}

fn place(stored: &Stored, now: Timestamp) -> Vec<Fact> {
    let finding = &stored.finding;
    let time = |name, at| Fact::new(name, When::new(at, now).exact);
    let mut facts = vec![Fact::listed("Account", &finding.account.id, "account")];
    facts.extend(Fact::some("Account name", finding.account.name.as_ref()));
    facts.extend([
        Fact::listed("Region", &finding.region, "region"),
        time("Called", finding.time),
        time("Judged", finding.detected_at),
        time("Accepted", stored.received_at),
        time("Kept until", stored.expires_at),
    ]);
    facts
}

fn from(source: &Source) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(ip) = &source.ip {
        let is_address = ip.parse::<std::net::IpAddr>().is_ok();
        facts.push(if is_address {
            Fact::listed("Address", ip, "source")
        } else {
            Fact::new("Address", ip)
        });
    }
    if let Some(geo) = &source.geo {
        let parts = [&geo.city, &geo.country];
        let parts: Vec<&str> = parts
            .into_iter()
            .filter_map(|part| part.as_deref())
            .collect();
        facts.push(Fact::new("Place", parts.join(", ")));
    }
    if let Some(asn) = &source.asn {
        let org = asn.org.as_deref().unwrap_or_default();
        facts.push(Fact::new("Network", format!("AS{} {org}", asn.number)));
    }
    let lists = source.reputation.iter();
    facts.extend(lists.map(|on| Fact::new("On list", format!("{}: {}", on.list, on.category))));
    facts.extend(Fact::some("Agent", source.user_agent.as_ref()));
    facts
}

fn matched(finding: &Finding) -> Vec<Fact> {
    let matched = finding.matched.iter();
    matched
        .map(|part| {
            let value = match &part.value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Fact::new(&words::one_line(&part.field), value)
        })
        .collect()
}

fn sent(row: &Delivery, now: Timestamp) -> Sent {
    let by = row.suppressed_by.as_ref().map(|by| format!("by {by}"));
    let detail = row
        .last_error
        .clone()
        .filter(|_| row.state != DeliveryState::Sent);
    let detail = by.or(detail).unwrap_or_default();
    let repeats = match row.repeats {
        0 => String::new(),
        n => format!("{n} repeats counted there. "),
    };
    Sent {
        sink: words::one_line(&row.sink),
        class: words::delivery_class(row.state),
        word: words::delivery(row.state),
        detail: words::one_line(&format!("{repeats}{detail}")),
        time: row.sent_at.map(|at| When::new(at, now)),
        may_retry: row.state == DeliveryState::Failed,
    }
}

fn past(line: &Audit, now: Timestamp) -> Past {
    let what = line.action.replace('_', " ");
    let to = line
        .after
        .as_ref()
        .and_then(|after| after.assignee.as_deref());
    let until = line.after.as_ref().and_then(|after| after.snoozed_until);
    let what = match (what.as_str(), to, until) {
        (word, Some(to), _) if word.starts_with("assign") => format!("{word} to {to}"),
        (word, _, Some(until)) if word.starts_with("snooze") => {
            format!("{word} until {}", When::new(until, now).exact)
        }
        _ => what,
    };
    Past {
        who: words::one_line(&line.who),
        door: words::one_line(&line.door),
        what: words::one_line(&what),
        comment: line.comment.as_deref().map(words::lines),
        time: When::new(line.at, now),
    }
}
