//! One finding for people: what matched, who, what, where, when, from where.

use crate::lines::status_word;
use crate::terminal::{BOLD, DIM, inert, paint, severity_style, severity_word, wrap};
use dial_core::finding::{Finding, Principal, Source};
use dial_core::store::triage::Triage;
use dial_core::store::{Audit, Delivery, DeliveryState};
use dial_master::api::FindingDetail;
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Width of the labels at the left.
const LABEL: usize = 11;
/// Line width where there is no terminal.
const WIDTH: usize = 120;
/// Longest value of a matched field or fact.
const VALUE: usize = 300;

/// Label and lines, each line one value.
type Section = (&'static str, Vec<String>);

/// Writes a finding.
pub(super) fn write(
    out: &mut dyn Write,
    shown: &FindingDetail,
    width: Option<usize>,
) -> io::Result<()> {
    let finding = &shown.finding;
    let style = severity_style(finding.severity);
    let word = paint(style, severity_word(finding.severity));
    writeln!(out, "{word}  {}", paint(BOLD, inert(&finding.title)))?;
    let names = format!(
        "{}  {}  {}",
        finding.id,
        inert(&finding.rule.name),
        status_word(shown.triage.status)
    );
    writeln!(out, "{}\n", paint(DIM, names))?;
    let room = width.unwrap_or(WIDTH).saturating_sub(LABEL + 2);
    for (label, values) in sections(shown) {
        section(out, label, &values, room)?;
    }
    Ok(())
}

fn section(out: &mut dyn Write, label: &str, values: &[String], room: usize) -> io::Result<()> {
    let lines = values
        .iter()
        .filter(|value| !value.is_empty())
        .flat_map(|value| wrap(&inert(value), room));
    for (at, line) in lines.enumerate() {
        let label = if at == 0 { label } else { "" };
        writeln!(out, "{}{line}", paint(DIM, format!("{label:LABEL$}")))?;
    }
    Ok(())
}

fn sections(shown: &FindingDetail) -> Vec<Section> {
    let finding = &shown.finding;
    let changes = finding.severity_changes.iter();
    let matched = finding.matched.iter();
    vec![
        ("Stands", vec![standing(&shown.triage)]),
        ("Why", vec![finding.explanation.clone()]),
        (
            "Severity",
            changes
                .map(|c| format!("{} instead of {}: {}", c.to, c.from, c.reason))
                .collect(),
        ),
        (
            "Suppressed",
            vec![dial_master::sheet::suppressed_by(
                finding.suppressed.as_ref(),
            )],
        ),
        ("Who", who(&finding.principal)),
        ("What", what(finding)),
        ("Where", vec![place(finding)]),
        ("When", vec![when(finding, shown.received_at)]),
        ("From", from(&finding.source)),
        (
            "Matched",
            matched
                .map(|m| format!("{}: {} = {}", m.selection, m.field, short(&m.value)))
                .collect(),
        ),
        ("Facts", facts(finding)),
        ("ATT&CK", vec![finding.attack.join(", ")]),
        ("References", finding.references.clone()),
        ("Incomplete", finding.incomplete.clone()),
        ("Delivery", shown.deliveries.iter().map(delivery).collect()),
        ("History", shown.audit.iter().map(audit).collect()),
    ]
}

fn who(principal: &Principal) -> Vec<String> {
    let name = [&principal.arn, &principal.name, &principal.kind]
        .into_iter()
        .find_map(Option::as_deref)
        .unwrap_or("unknown");
    let mfa = match principal.mfa {
        Some(true) => Some("with MFA".to_owned()),
        Some(false) => Some("without MFA".to_owned()),
        None => None,
    };
    let details: Vec<String> = [
        principal.kind.clone(),
        principal
            .access_key_id
            .as_ref()
            .map(|key| format!("key {key}")),
        mfa,
        principal
            .session_issuer
            .as_ref()
            .map(|role| format!("role {role}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    vec![name.to_owned(), details.join(", ")]
}

fn what(finding: &Finding) -> Vec<String> {
    let event = &finding.event;
    let failed = event
        .error_code
        .as_ref()
        .map(|code| format!(" (failed: {code})"))
        .unwrap_or_default();
    let call = format!(
        "{} of {}{failed}, event {}",
        event.name, event.source, event.id
    );
    let resources = finding.resources.iter();
    std::iter::once(call)
        .chain(resources.map(|r| r.arn.clone().unwrap_or_else(|| r.key())))
        .collect()
}

fn place(finding: &Finding) -> String {
    match &finding.account.name {
        Some(name) => format!("{} ({name}), {}", finding.account.id, finding.region),
        None => format!("{}, {}", finding.account.id, finding.region),
    }
}

fn when(finding: &Finding, received_at: Timestamp) -> String {
    format!(
        "{} UTC, judged {}, accepted {}",
        clock(finding.time),
        clock(finding.detected_at),
        clock(received_at)
    )
}

fn from(source: &Source) -> Vec<String> {
    let place = source.geo.as_ref().map(|geo| {
        let parts: Vec<&str> = [&geo.city, &geo.country]
            .into_iter()
            .filter_map(|p| p.as_deref())
            .collect();
        parts.join(", ")
    });
    let network = source.asn.as_ref().map(|asn| {
        format!(
            "AS{} {}",
            asn.number,
            asn.org.as_deref().unwrap_or_default()
        )
    });
    let address: Vec<String> = [source.ip.clone(), place, network]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    let mut lines = vec![address.join(" · ")];
    let lists = source.reputation.iter();
    lines.extend(lists.map(|r| format!("on list {}: {}", r.list, r.category)));
    lines.extend(
        source
            .user_agent
            .iter()
            .map(|agent| format!("agent {agent}")),
    );
    lines
}

fn delivery(delivery: &Delivery) -> String {
    let state = match delivery.state {
        DeliveryState::Pending => "waits",
        DeliveryState::Sending => "is being sent",
        DeliveryState::Sent => "sent",
        DeliveryState::Failed => "failed",
        DeliveryState::Suppressed => "suppressed",
    };
    let mut line = format!("{} {state}", delivery.sink);
    if let Some(by) = &delivery.suppressed_by {
        let _ = write!(line, " by {by}");
    }
    if let Some(at) = delivery.sent_at {
        let _ = write!(line, ", last taken {} UTC", clock(at));
    }
    let _ = write!(line, ", attempts {}", delivery.attempts);
    if let Some(error) = &delivery.last_error {
        let _ = write!(line, ": {error}");
    }
    line
}

/// `snoozed until …, assigned to soc`; empty while nobody touched it.
fn standing(triage: &Triage) -> String {
    if triage.revision == 0 {
        return String::new();
    }
    let mut words = triage.status.to_string();
    if let Some(until) = triage.snoozed_until {
        let _ = write!(words, " until {} UTC", clock(until));
    }
    if let Some(assignee) = &triage.assignee {
        let _ = write!(words, ", assigned to {assignee}");
    }
    words
}

fn clock(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// When, what, who, from what to what, and why.
fn audit(line: &Audit) -> String {
    let action = line.action.replace('_', " ");
    let mut told = format!(
        "{} UTC {action} by {} ({})",
        clock(line.at),
        line.who,
        line.door
    );
    if let (Some(before), Some(after)) = (&line.before, &line.after) {
        let changes = changes(before, after);
        if !changes.is_empty() {
            let _ = write!(told, ": {}", changes.join(", "));
        }
    }
    if let Some(comment) = &line.comment {
        let _ = write!(told, " \u{201c}{comment}\u{201d}");
    }
    told
}

fn changes(before: &Triage, after: &Triage) -> Vec<String> {
    let nobody = |name: &Option<String>| name.clone().unwrap_or_else(|| "nobody".to_owned());
    let mut told = Vec::new();
    if before.status != after.status {
        told.push(format!("{} → {}", before.status, after.status));
    }
    if before.assignee != after.assignee {
        let (from, to) = (nobody(&before.assignee), nobody(&after.assignee));
        told.push(format!("assignee {from} → {to}"));
    }
    if let Some(until) = after
        .snoozed_until
        .filter(|_| before.snoozed_until != after.snoozed_until)
    {
        told.push(format!("until {} UTC", clock(until)));
    }
    told
}

/// One line for each leaf, with its whole path: `s3.policy.public = true`.
fn facts(finding: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, value) in &finding.facts {
        leaves(name, value, &mut lines);
    }
    lines
}

fn leaves(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, below) in members {
                leaves(&format!("{path}.{name}"), below, lines);
            }
        }
        other => lines.push(format!("{path} = {}", short(other))),
    }
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    crate::terminal::cut(&text, VALUE).into_owned()
}
