//! The first draft of a rule and of its two test events, from a name or from a real event.

use super::lint::{self, delivery};
use crate::event::{Event, Kind};
use crate::facts::{self, Facts};
use crate::normalise::{Call, without_date};
use crate::{redact, resources};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What stands where the author has to write; lint finds it.
pub const FILL_IN: &str = "FILL IN";
/// Most fields of an event that the draft lists.
const MAX_FIELDS: usize = 24;
/// Longest value that the draft lists, bytes.
const MAX_VALUE: usize = 96;

/// What a draft is made of.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Path below the rule folder without suffix, such as `s3/bucket_opened`.
    pub path: String,
    /// A fresh UUID.
    pub id: String,
    /// Today, such as `2026-05-04`.
    pub date: String,
    /// One line for people, where it is known.
    pub title: Option<String>,
    /// Such as `s3.amazonaws.com`, where it is known.
    pub event_source: Option<String>,
    /// Such as `PutBucketPolicy`, where it is known.
    pub event_name: Option<String>,
    /// A real event that the rule shall match.
    pub event: Option<Event>,
}

/// A rule and its test events, as files.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaffold {
    /// The rule's path below the rule folder.
    pub rule_path: String,
    /// Its text.
    pub rule: String,
    /// Path below the fixtures folder, and JSON.
    pub fixtures: Vec<(String, Value)>,
}

/// Why there is no draft.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The path is no name.
    #[error("`{0}` is no rule path: lower-case letters, digits, _ and -, such as s3/bucket_opened")]
    Path(String),
    /// No service is known by this folder, and no event says better.
    #[error("the event source of `{0}` is not known; give it with --event-source")]
    Source(String),
}

/// What the rule is about, after all guesses.
struct Subject {
    source: String,
    name: String,
    delivery: &'static str,
    resource: Option<String>,
}

/// Writes the draft.
pub fn scaffold(draft: &Draft) -> Result<Scaffold, DraftError> {
    let path = draft.path.as_str();
    let word = |part: &str| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        !part.is_empty() && part.chars().all(fits)
    };
    if !path.contains('/') || !path.split('/').all(word) {
        return Err(DraftError::Path(path.to_owned()));
    }
    let event = draft.event.clone().map(redacted);
    let native = event
        .as_ref()
        .filter(|event| event.kind != Kind::CloudTrail);
    let tests = [
        format!("{path}_match.json"),
        format!("{path}_near_miss.json"),
    ];
    let (rule, events) = if let Some(event) = native {
        (native_rule(draft, event, &tests), native_events(event))
    } else {
        let subject = subject(draft, event.as_ref())?;
        let rule = cloudtrail_rule(draft, &subject, event.as_ref(), &tests);
        let record = event.map_or_else(|| record(draft, &subject), |event| event.record);
        let near_miss = near_miss(&record);
        (rule, [record, near_miss])
    };
    Ok(Scaffold {
        rule_path: format!("{path}.yml"),
        rule,
        fixtures: tests.into_iter().zip(events).collect(),
    })
}

fn redacted(mut event: Event) -> Event {
    redact::redact(&mut event.record);
    event
}

fn subject(draft: &Draft, event: Option<&Event>) -> Result<Subject, DraftError> {
    let of_event = |key| Some(event?.record.get(key)?.as_str()?.to_owned());
    let name = draft.event_name.clone().or_else(|| of_event("eventName"));
    let source = draft
        .event_source
        .clone()
        .or_else(|| of_event("eventSource"));
    let source = source.or_else(|| guessed_source(draft, name.as_deref()));
    let source = source.ok_or_else(|| DraftError::Source(draft.path.clone()))?;
    let name = name.as_deref().map_or(FILL_IN, without_date).to_owned();
    let delivery = delivery::expected(&source, &name).map_or("M", delivery::word);
    let resource = event.and_then(|event| {
        let found = resources::of(&Call::of(event));
        found.into_iter().next().map(|resource| resource.kind)
    });
    Ok(Subject {
        source,
        name,
        delivery,
        resource,
    })
}

/// The service that the folder is called after, else the only one that has the event.
fn guessed_source(draft: &Draft, name: Option<&str>) -> Option<String> {
    let folder = draft.path.rsplit('/').nth(1)?;
    let source = format!("{}.amazonaws.com", folder.replace('_', "-"));
    let owners = name.map(lint::sources_of).unwrap_or_default();
    match owners.as_slice() {
        [only] => Some(only.clone()),
        _ => lint::is_source(&source).then_some(source),
    }
}

fn head(draft: &Draft, service: &str) -> String {
    let title = draft.title.clone();
    let title = title.unwrap_or_else(|| format!("{FILL_IN} what is wrong, in a few words"));
    format!(
        "title: {title}\nid: {}\nname: {}\nstatus: experimental\ndescription: |\n  \
         {FILL_IN} why it matters. Then what to do.\nreferences:\n  \
         - https://docs.aws.amazon.com/  # {FILL_IN} the page about it\ndate: {}\n\
         tags: []  # {FILL_IN} a technique and its tactic, such as [attack.collection, attack.t1530]\n\
         logsource: {{ product: aws, service: {service} }}\ndetection:\n  selection:\n",
        draft.id,
        draft.path.replace('/', "_"),
        draft.date,
        title = quoted(&title),
    )
}

fn foot(dial: &str, tests: &[String; 2]) -> String {
    format!(
        "  condition: selection\nfalsepositives:\n  - {FILL_IN} what else looks like this\n\
         level: medium\ndial: {{ {dial} }}\ntests:\n  - {{ event: {}, expect: match }}\n  \
         - {{ event: {}, expect: no_match }}\n",
        tests[0], tests[1]
    )
}

fn cloudtrail_rule(
    draft: &Draft,
    subject: &Subject,
    event: Option<&Event>,
    tests: &[String; 2],
) -> String {
    let mut text = head(draft, "cloudtrail");
    let _ = writeln!(text, "    eventSource: {}", quoted(&subject.source));
    let _ = writeln!(text, "    eventName: {}", quoted(&subject.name));
    if let Some(event) = event {
        let mut fields = Vec::new();
        let facts = Value::Object(facts_of(event).map);
        leaves("fact", &facts, &mut fields);
        let request = event.record.get("requestParameters");
        leaves(
            "requestParameters",
            request.unwrap_or(&Value::Null),
            &mut fields,
        );
        list(&mut text, &fields);
    }
    let resource = subject.resource.as_ref();
    let resource = resource.map(|kind| format!(", resource: {}", quoted(kind)));
    let attempts = event.is_some_and(|event| has_failed(&event.record));
    let dial = format!(
        "delivery: {}, attempts: {attempts}{}",
        subject.delivery,
        resource.unwrap_or_default()
    );
    text + &foot(&dial, tests)
}

fn native_rule(draft: &Draft, event: &Event, tests: &[String; 2]) -> String {
    let (source, detail_type) = native_kind(event);
    let service = source.strip_prefix("aws.").unwrap_or(source);
    let mut text = head(draft, service);
    let _ = writeln!(text, "    source: {}", quoted(source));
    let _ = writeln!(text, "    detail-type: {}", quoted(detail_type));
    let mut fields = Vec::new();
    leaves("detail", &event.record, &mut fields);
    list(&mut text, &fields);
    text + &foot("delivery: S, attempts: false", tests)
}

fn native_kind(event: &Event) -> (&str, &str) {
    match &event.kind {
        Kind::Native {
            source,
            detail_type,
        } => (source, detail_type),
        Kind::CloudTrail => ("", ""),
    }
}

/// Says what the event has, for the author to choose from.
fn list(text: &mut String, fields: &[(String, String)]) {
    if !fields.is_empty() {
        text.push_str("    # The event has these too; keep what makes it worth an alert:\n");
    }
    for (path, value) in fields {
        let _ = writeln!(text, "    # {path}: {value}");
    }
}

/// Paths of single values; a path enters lists without an index, as rules do.
fn leaves(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                leaves(&format!("{path}.{name}"), value, found);
            }
        }
        Value::Array(members) => members
            .iter()
            .for_each(|member| leaves(path, member, found)),
        Value::Null => {}
        single => {
            let shown = single.to_string();
            let named: BTreeSet<&String> = found.iter().map(|(path, _)| path).collect();
            let plain = path.chars().all(|c| c.is_ascii_graphic());
            let fits = plain && shown.len() <= MAX_VALUE && !named.contains(&path.to_owned());
            if fits && found.len() < MAX_FIELDS {
                found.push((path.to_owned(), shown));
            }
        }
    }
}

fn facts_of(event: &Event) -> Facts {
    let known = facts::Known {
        accounts: &BTreeSet::new(),
        own: &event.account,
    };
    facts::extract(&Call::of(event), &known)
}

/// A text as YAML has it, in quotes where it needs them.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._/-,".contains(c);
    let safe = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(plain)
        && !text.contains(", ")
        && !text.ends_with(' ');
    if safe {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

fn has_failed(record: &Value) -> bool {
    record.get("errorCode").is_some_and(|code| !code.is_null())
}

/// The same call, refused: half of all interesting calls are, and rules must not fall for it.
fn near_miss(record: &Value) -> Value {
    let mut record = record.clone();
    if has_failed(&record) {
        record["eventName"] = FILL_IN.into();
        return record;
    }
    record["errorCode"] = "AccessDenied".into();
    record["errorMessage"] = "User is not authorized to perform this action".into();
    record["responseElements"] = Value::Null;
    record
}

fn native_events(event: &Event) -> [Value; 2] {
    let (source, detail_type) = native_kind(event);
    let envelope = |detail: &Value, detail_type: &str| {
        json!({
            "version": "0", "id": "00000000-0000-4000-8000-000000000000",
            "detail-type": detail_type, "source": source, "account": event.account,
            "time": event.time.to_string(), "region": event.region, "resources": [],
            "detail": detail,
        })
    };
    [
        envelope(&event.record, detail_type),
        envelope(&event.record, FILL_IN),
    ]
}

/// A record in the shape that CloudTrail writes, for an event of which only the name is known.
fn record(draft: &Draft, subject: &Subject) -> Value {
    let read = subject.delivery == "R";
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE000000001:clerk",
            "arn": "arn:aws:sts::111122223333:assumed-role/ops/clerk",
            "accountId": "111122223333",
            "accessKeyId": "ASIAEXAMPLE000000001",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAEXAMPLE000000001",
                    "arn": "arn:aws:iam::111122223333:role/ops",
                    "accountId": "111122223333",
                    "userName": "ops",
                },
                "attributes": {
                    "creationDate": format!("{}T09:00:00Z", draft.date),
                    "mfaAuthenticated": "false",
                },
            },
        },
        "eventTime": format!("{}T10:00:00Z", draft.date),
        "eventSource": subject.source,
        "eventName": subject.name,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "203.0.113.24",
        "userAgent": "aws-cli/2.17.20",
        "requestParameters": request(subject),
        "responseElements": null,
        "requestID": "00000000-0000-4000-8000-000000000001",
        "eventID": draft.id,
        "readOnly": read,
        "eventType": "AwsApiCall",
        "managementEvent": subject.delivery != "D",
        "recipientAccountId": "111122223333",
        "eventCategory": if subject.delivery == "D" { "Data" } else { "Management" },
    })
}

/// The fields that the API has, for the author to fill in or to remove.
fn request(subject: &Subject) -> Value {
    let fields = lint::request_fields(&subject.source, &subject.name);
    let fields = fields.into_iter().take(MAX_FIELDS);
    fields
        .map(|field| (field.to_owned(), Value::from(FILL_IN)))
        .collect()
}
