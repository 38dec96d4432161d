//! The look for a message whose answer was lost: Slack itself would post a second one.
//!
//! Only the times of earlier attempts are looked at, so that other messages, however many came
//! since, cost nothing. Where all of it fits into one page, one call is enough. Pages are small:
//! Slack sends whole messages, and an answer is cut at two megabytes. What an attempt did not get
//! to read is left to the next one, which goes on there; nothing is posted before all is read.

use super::{Bot, EVENT_TYPE, TRANSIENT, about, thread};
use crate::sinks::{Call, Job, Reply, Step};
use dial_core::store::unanswered::Span;
use http::header;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Pages of one attempt, by the step that asks for each.
const LOOKS: [&str; 7] = [
    "look", "look_2", "look_3", "look_4", "look_5", "look_6", "look_7",
];
/// Messages of a page; Slack advises no more than that.
const PAGE: usize = 200;
/// Messages of the page after one that could not be read: it may have been too long.
const SHORT_PAGE: usize = 10;

/// Whether an answer is one to a look.
pub(super) fn is_look(step: &str) -> bool {
    LOOKS.contains(&step)
}

impl Bot {
    /// Posts at once only what no earlier attempt may have posted.
    pub(super) fn look_or_post(&self, job: &Job<'_>) -> Step {
        Step::Send(match asked(job.unanswered, LOOKS[0]) {
            Some(span) => self.look(job, LOOKS[0], span, PAGE),
            None => self.post(job),
        })
    }

    fn look(&self, job: &Job<'_>, step: &'static str, span: Span, limit: usize) -> Call {
        let thread = thread(job);
        let mut url = match thread {
            Some(_) => self.replies.clone(),
            None => self.history.clone(),
        };
        if let Some(thread) = thread {
            url.query_pairs_mut().append_pair("ts", thread);
        }
        url.query_pairs_mut()
            .append_pair("channel", &self.channel)
            .append_pair("oldest", &slack_time(span.from))
            .append_pair("latest", &slack_time(span.to))
            .append_pair("inclusive", "true")
            .append_pair("limit", &limit.to_string())
            .append_pair("include_all_metadata", "true");
        Call::get(step, &url).header(header::AUTHORIZATION, self.authorization.clone())
    }

    /// Posts once all is read and the message is not there; where Slack lets nobody look, rather
    /// twice than never.
    pub(super) fn looked(&self, job: &Job<'_>, reply: &Reply) -> Step {
        let retry = |reason| Step::Retry {
            after: reply.retry_after,
            reason,
        };
        let Some(asked) = asked(job.unanswered, reply.step) else {
            return Step::Send(self.post(job));
        };
        let page = reply.json::<Page>().filter(|_| reply.status == 200);
        let next = LOOKS.iter().position(|step| *step == reply.step);
        let next = next.and_then(|n| LOOKS.get(n + 1));
        let Some(page) = page else {
            return match next {
                Some(step) if reply.status == 200 => {
                    let newest = span_of(job.unanswered, false).unwrap_or(asked);
                    Step::Send(self.look(job, step, newest, SHORT_PAGE))
                }
                _ => retry(format!("cannot look for the message: {}", reply.reason())),
            };
        };
        if TRANSIENT.contains(&page.error.as_str()) {
            return retry(format!("cannot look for the message: {}", page.error));
        }
        let id = job.finding.id.as_str();
        let found = page.messages.iter().find(|m| m.is_about(about(job), id));
        if let Some(message) = found {
            return Step::Done(Some(json!({"channel": self.channel, "ts": message.ts})));
        }
        if !page.ok {
            return Step::Send(self.post(job).unanswered(Vec::new()));
        }
        let left = without(job.unanswered, page.read(asked, thread(job)));
        match (span_of(&left, false), next) {
            (None, _) => Step::Send(self.post(job).unanswered(left)),
            (Some(span), Some(step)) => {
                Step::Send(self.look(job, step, span, PAGE).unanswered(left))
            }
            // Slack is well: nobody else has to wait for this.
            (Some(_), None) => Step::Retry {
                after: Some(Duration::ZERO),
                reason: "goes on looking for a message whose answer was lost".into(),
            },
        }
    }
}

/// The time that a look asks for: at first all of it, then one span after the other.
fn asked(unanswered: &[Span], step: &str) -> Option<Span> {
    span_of(unanswered, step == LOOKS[0])
}

/// What holds all spans, or the newest of them.
fn span_of(spans: &[Span], all: bool) -> Option<Span> {
    if all {
        spans.iter().copied().reduce(Span::with)
    } else {
        spans.iter().copied().max_by_key(|span| span.to)
    }
}

/// The spans without what was read; one that it lies within stays whole.
fn without(spans: &[Span], read: Option<Span>) -> Vec<Span> {
    let Some(read) = read else {
        return spans.to_vec();
    };
    let rest = |span: &Span| match *span {
        Span { from, to } if read.from <= from && to <= read.to => None,
        Span { from, to } if from < read.from && read.from < to && to <= read.to => Some(Span {
            from,
            to: read.from,
        }),
        Span { from, to } if read.from <= from && from < read.to && read.to < to => {
            Some(Span { from: read.to, to })
        }
        whole => Some(whole),
    };
    spans.iter().filter_map(rest).collect()
}

/// Seconds since 1970 with six digits, as Slack counts.
fn slack_time(at: Timestamp) -> String {
    let micros = at.as_microsecond().max(0);
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Reads what Slack calls a `ts`.
fn time(ts: &str) -> Option<Timestamp> {
    let (seconds, micros) = ts.split_once('.')?;
    let digits = micros.len() == 6 && micros.bytes().all(|b| b.is_ascii_digit());
    let seconds: i64 = seconds.parse().ok()?;
    let micros: i64 = micros.parse().ok().filter(|_| digits)?;
    let all = seconds.checked_mul(1_000_000)?.checked_add(micros)?;
    Timestamp::from_microsecond(all).ok()
}

#[derive(Deserialize)]
struct Page {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    has_more: bool,
    #[serde(default)]
    response_metadata: Value,
}

#[derive(Deserialize)]
struct Message {
    ts: String,
    #[serde(default)]
    metadata: Value,
}

impl Page {
    /// What of the time that was asked for it shows; `None` where that cannot be said.
    ///
    /// A channel comes newest first. A thread comes oldest first, and with the message that it is
    /// below, whatever was asked for.
    fn read(&self, asked: Span, thread: Option<&str>) -> Option<Span> {
        let cursor = self.response_metadata["next_cursor"].as_str();
        let more = self.has_more || cursor.is_some_and(|cursor| !cursor.is_empty());
        if !more {
            return Some(asked);
        }
        let own = self
            .messages
            .iter()
            .filter(|m| Some(m.ts.as_str()) != thread);
        let times: Vec<Timestamp> = own.filter_map(|message| time(&message.ts)).collect();
        let (first, last) = (times.first().copied()?, times.last().copied()?);
        let upwards = first < last || (first == last && thread.is_some());
        Some(if upwards {
            Span { to: last, ..asked }
        } else {
            Span {
                from: last,
                ..asked
            }
        })
    }
}

impl Message {
    fn is_about(&self, what: &str, id: &str) -> bool {
        self.metadata["event_type"] == EVENT_TYPE && self.metadata["event_payload"][what] == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn span(from: i64, to: i64) -> Span {
        Span {
            from: at(from),
            to: at(to),
        }
    }

    #[test]
    fn times_are_slacks_to_the_digit() {
        let cases = [
            ("1777629600.000100", Some(1_777_629_600_000_100)),
            ("1.000000", Some(1_000_000)),
            ("1.5", None),
            ("1.+00001", None),
            ("1777629600", None),
            ("9223372036854775807.000000", None),
            ("", None),
        ];
        for (text, micros) in cases {
            let found = time(text);
            assert_eq!(found.map(Timestamp::as_microsecond), micros, "{text}");
            if let Some(found) = found {
                assert_eq!(slack_time(found), text);
            }
        }
    }

    #[test]
    fn a_page_says_what_it_shows() {
        let message = |ts: &str| json!({ "ts": ts });
        let page = |more: bool, messages: &[&str]| -> Page {
            let messages: Vec<Value> = messages.iter().map(|ts| message(ts)).collect();
            let page = json!({"ok": true, "has_more": more, "messages": messages});
            serde_json::from_value(page).unwrap()
        };
        let (down, up) = (
            ["90.000000", "80.000000"],
            ["10.000000", "20.000000", "30.000000"],
        );
        let asked = span(10, 100);
        let cases = [
            ("all of it", page(false, &down), None, Some(asked)),
            ("nothing there", page(false, &[]), None, Some(asked)),
            ("the newest", page(true, &down), None, Some(span(80, 100))),
            (
                "a thread",
                page(true, &up),
                Some("5.000000"),
                Some(span(10, 30)),
            ),
            (
                "one, and what it is below",
                page(true, &["5.000000", "30.000000"]),
                Some("5.000000"),
                Some(span(10, 30)),
            ),
            ("more of nothing", page(true, &[]), None, None),
        ];
        for (name, page, thread, expected) in cases {
            assert_eq!(page.read(asked, thread), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_was_not_read_is_left_and_nothing_else_is_added(
            spans in proptest::collection::vec((0..100_i64, 0..40_i64), 0..6),
            (from, length) in (0..100_i64, 0..60_i64),
        ) {
            let spans: Vec<Span> = spans.iter().map(|(from, n)| span(*from, from + n)).collect();
            let read = span(from, from + length);
            let left = without(&spans, Some(read));
            let holds = |spans: &[Span], at| spans.iter().any(|s| s.from <= at && at <= s.to);
            for second in 0..200 {
                let at = at(second);
                if holds(&spans, at) && !holds(&[read], at) {
                    prop_assert!(holds(&left, at), "{second} is forgotten: {left:?}");
                }
                prop_assert!(!holds(&left, at) || holds(&spans, at), "{second} is new: {left:?}");
            }
        }
    }
}
