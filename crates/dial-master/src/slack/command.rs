//! `/dial`: what the words after it ask for.

use dial_core::FindingId;
use dial_core::when::{self, InvalidTime};
use jiff::Timestamp;

/// Filters of the API; other words with a colon, such as an ARN, are text.
const FILTERS: [&str; 13] = [
    "account",
    "assignee",
    "attack",
    "principal",
    "region",
    "resource",
    "rule",
    "service",
    "severity",
    "since",
    "source",
    "status",
    "until",
];

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// How it is used.
    Help,
    /// A list, by the parameters of `GET /v1/findings`.
    Search(Vec<(String, String)>),
    /// One finding.
    Show(FindingId),
    /// A silence, as its words came.
    Silence(String),
}

/// Why a command is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    /// No such word.
    #[error("there is no `/dial {0}`; try `/dial help`")]
    Unknown(String),
    /// No finding is named.
    #[error("name a finding, such as `/dial show f-…`; `{0}` is none")]
    NoFinding(String),
    /// No time.
    #[error(transparent)]
    Time(#[from] InvalidTime),
}

/// Reads the words after `/dial`; times may count back from `now`.
pub(crate) fn read(text: &str, now: Timestamp) -> Result<Ask, CommandError> {
    let text = typed(text);
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    match word {
        "" | "help" => Ok(Ask::Help),
        "search" => pairs(rest, now).map(Ask::Search),
        "show" => FindingId::parse(rest)
            .map(Ask::Show)
            .map_err(|_| CommandError::NoFinding(shown(rest))),
        "silence" => Ok(Ask::Silence(rest.to_owned())),
        // What a finding's id alone means is clear.
        _ if rest.is_empty() && FindingId::parse(word).is_ok() => {
            read(&format!("show {word}"), now)
        }
        other => Err(CommandError::Unknown(shown(other))),
    }
}

/// What was typed: Slack escapes its markup, and phones turn quotation marks.
fn typed(text: &str) -> String {
    let straight = text.replace(['“', '”', '„'], "\"");
    let unescaped = straight.replace("&lt;", "<").replace("&gt;", ">");
    unescaped.replace("&amp;", "&")
}

/// `name:value` and `name=value` are filters, everything else is looked for as text.
fn pairs(text: &str, now: Timestamp) -> Result<Vec<(String, String)>, CommandError> {
    let mut pairs = Vec::new();
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        match word.split_once([':', '=']) {
            Some((name, value)) if FILTERS.contains(&name) && !value.is_empty() => {
                let value = match name {
                    "since" | "until" => when::past(value, now)?.to_string(),
                    _ => value.to_owned(),
                };
                pairs.push((name.to_owned(), value));
            }
            _ => words.push(word),
        }
    }
    if !words.is_empty() {
        pairs.push(("q".to_owned(), words.join(" ")));
    }
    Ok(pairs)
}

fn shown(text: &str) -> String {
    crate::message::text::inert(text, 48)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "f-aaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn now() -> Timestamp {
        "2026-05-04T10:00:00Z".parse().unwrap()
    }

    fn search(pairs: &[(&str, &str)]) -> Ask {
        let pairs = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Ask::Search(pairs.collect())
    }

    #[test]
    fn commands_are_read() {
        let finding = || Ok(Ask::Show(FindingId::parse(ID).unwrap()));
        let show = format!("show {ID}");
        let cases = [
            ("", Ok(Ask::Help)),
            ("  help me", Ok(Ask::Help)),
            (show.as_str(), finding()),
            (ID, finding()),
            ("show", Err(CommandError::NoFinding(String::new()))),
            ("show f-1", Err(CommandError::NoFinding("f-1".into()))),
            ("reboot now", Err(CommandError::Unknown("reboot".into()))),
            ("search", Ok(search(&[]))),
            (
                "search severity:high,critical status=open since:24h",
                Ok(search(&[
                    ("severity", "high,critical"),
                    ("status", "open"),
                    ("since", "2026-05-03T10:00:00Z"),
                ])),
            ),
            (
                "search public  bucket account:111122223333",
                Ok(search(&[
                    ("account", "111122223333"),
                    ("q", "public bucket"),
                ])),
            ),
            (
                "search arn:aws:s3:::x rule:",
                Ok(search(&[("q", "arn:aws:s3:::x rule:")])),
            ),
            (
                "search resource:arn:aws:s3:::x",
                Ok(search(&[("resource", "arn:aws:s3:::x")])),
            ),
            (
                "silence  severity&gt;=high principal=“a&amp;b” for 4h because x",
                Ok(Ask::Silence(
                    "severity>=high principal=\"a&b\" for 4h because x".into(),
                )),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text, now()), expected, "{text}");
        }
        assert!(matches!(
            read("search since:soon", now()),
            Err(CommandError::Time(_))
        ));
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in "\\PC{0,200}") {
            let _ = read(&text, now());
            let _ = read(&format!("search {text}"), now());
        }
    }
}
