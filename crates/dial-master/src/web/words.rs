//! Values as people read them; nothing here is HTML, the templates escape it.

use crate::message::text;
use dial_core::Severity;
use dial_core::store::{DeliveryState, Status};
use jiff::{SignedDuration, Timestamp};

/// Longest single value that a page shows, characters; the record has all.
const LONGEST: usize = 2_000;

/// A time: for machines, for people, and how long ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct When {
    /// RFC 3339.
    pub(super) iso: String,
    /// `2026-05-01 10:00:00 UTC`.
    pub(super) exact: String,
    /// `5 min ago`, `in 3 h`.
    pub(super) ago: String,
}

impl When {
    pub(super) fn new(at: Timestamp, now: Timestamp) -> Self {
        Self {
            iso: format!("{at:.0}"),
            exact: at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            ago: distance(at, now),
        }
    }
}

fn distance(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    let span = span(SignedDuration::from_secs(seconds.saturating_abs()));
    match seconds {
        -5..=5 => "just now".to_owned(),
        6.. => format!("{span} ago"),
        _ => format!("in {span}"),
    }
}

/// A length of time in its largest unit.
pub(super) fn span(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// One line of visible characters.
pub(super) fn one_line(value: &str) -> String {
    text::inert(value, LONGEST)
}

/// Several lines of visible characters.
pub(super) fn lines(value: &str) -> String {
    let lines: Vec<String> = value.lines().map(one_line).collect();
    lines.join("\n")
}

/// Capitalised, for a badge.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "Info",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

/// Capitalised, for a badge.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Open => "Open",
        Status::Acknowledged => "Acknowledged",
        Status::Resolved => "Resolved",
        Status::FalsePositive => "False positive",
        Status::Snoozed => "Snoozed",
    }
}

/// Its word in JSON, which is also its class in the style sheet.
pub(super) fn status_class(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Acknowledged => "acknowledged",
        Status::Resolved => "resolved",
        Status::FalsePositive => "false_positive",
        Status::Snoozed => "snoozed",
    }
}

/// What a row of the outbox is at.
pub(super) fn delivery(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "Waiting",
        DeliveryState::Sending => "Being sent",
        DeliveryState::Sent => "Sent",
        DeliveryState::Failed => "Failed",
        DeliveryState::Suppressed => "Not sent",
    }
}

/// Its word in JSON, which is also its class in the style sheet.
pub(super) fn delivery_class(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Sending => "sending",
        DeliveryState::Sent => "sent",
        DeliveryState::Failed => "failed",
        DeliveryState::Suppressed => "suppressed",
    }
}

/// The end of a long ARN, which tells more than its start.
pub(super) fn short(key: &str) -> String {
    let line = one_line(key);
    let mut parts = line.splitn(6, ':');
    match (parts.next(), parts.nth(4)) {
        (Some("arn"), Some(rest)) if !rest.is_empty() => rest.to_owned(),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let now: Timestamp = "2026-05-04T10:00:00Z".parse().unwrap();
        let ago = |text: &str| When::new(text.parse().unwrap(), now).ago;
        for (at, expected) in [
            ("2026-05-04T09:59:57Z", "just now"),
            ("2026-05-04T09:59:20Z", "40 s ago"),
            ("2026-05-04T09:50:00Z", "10 min ago"),
            ("2026-05-03T09:50:00Z", "24 h ago"),
            ("2026-04-01T00:00:00Z", "33 d ago"),
            ("2026-05-04T14:00:00Z", "in 4 h"),
        ] {
            assert_eq!(ago(at), expected, "{at}");
        }
        assert_eq!(When::new(now, now).exact, "2026-05-04 10:00:00 UTC");
    }

    #[test]
    fn arns_are_shown_from_their_telling_part() {
        for (key, expected) in [
            ("arn:aws:iam::111122223333:user/deploy", "user/deploy"),
            ("arn:aws:s3:::payroll", "payroll"),
            ("arn:aws:iam::111122223333:", "arn:aws:iam::111122223333:"),
            ("AWS::EC2::Instance/i-1", "AWS::EC2::Instance/i-1"),
            ("", ""),
            ("a\u{202e}b\nc", "ab c"),
        ] {
            assert_eq!(short(key), expected, "{key}");
        }
    }
}
