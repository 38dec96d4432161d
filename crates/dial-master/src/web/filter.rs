//! The filters of the list: what the address says, as a form and as the API's query.

use super::oops::Oops;
use super::words;
use crate::api::query::{self, ListRequest};
use dial_core::store::Status;
use dial_core::{Severity, when};
use jiff::Timestamp;

/// Parameters of the page itself, which are no filters.
const OWN: [&str; 2] = ["done", "left"];
/// Filters with a field of text, and what the field is called.
const FIELDS: [(&str, &str, &str); 13] = [
    ("account", "Account", "111122223333"),
    ("region", "Region", "eu-west-1"),
    ("service", "Service", "iam"),
    ("rule", "Rule", "s3_bucket_policy_public"),
    ("principal", "Principal", "arn:aws:iam::…"),
    ("access_key", "Access key", "AKIAIOSFODNN7EXAMPLE"),
    ("resource", "Resource", "arn:aws:s3:::…"),
    ("assignee", "Assignee", "a name, or none"),
    ("attack", "ATT&CK technique", "T1078"),
    ("source", "Source address", "203.0.113.0/24"),
    ("since", "Since", "24h, 2026-05-01"),
    ("until", "Until", "2026-05-02"),
    ("suppressed", "Suppressed", "true, false, any"),
];

/// Names and values of an address.
pub(super) type Pairs = Vec<(String, String)>;

/// One box that can be ticked.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) name: &'static str,
    pub(super) value: &'static str,
    pub(super) word: &'static str,
    pub(super) ticked: bool,
}

/// One field of text.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) value: String,
}

/// A filter that is set, and the list without it.
#[derive(Debug)]
pub(super) struct Chip {
    pub(super) text: String,
    pub(super) without: String,
}

/// What the address asks for.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) request: ListRequest,
    pairs: Pairs,
}

impl Filter {
    /// Reads an address; times may also be written as `24h` or `7d` ago.
    pub(super) fn read(address: &str, now: Timestamp) -> Result<Self, Oops> {
        let pairs: Pairs = form_urlencoded::parse(address.as_bytes())
            .filter(|(name, value)| !value.is_empty() && !OWN.contains(&&**name))
            .map(|(name, value)| (name.into_owned(), value.trim().to_owned()))
            .collect();
        let asked: Pairs = pairs.iter().map(|pair| absolute(pair, now)).collect();
        let request = query::read(&asked)?;
        Ok(Self { request, pairs })
    }

    /// The address of this list from its start.
    pub(super) fn address(&self) -> String {
        self.address_of(|(name, _)| name != "cursor")
    }

    /// The address of the part of the list after a cursor.
    pub(super) fn address_after(&self, cursor: &str) -> String {
        let start = self.address_of(|(name, _)| name != "cursor");
        let sign = if start.contains('?') { '&' } else { '?' };
        format!("{start}{sign}cursor={cursor}")
    }

    fn address_of(&self, keep: impl Fn(&&(String, String)) -> bool) -> String {
        let kept: Vec<_> = self.pairs.iter().filter(keep).collect();
        if kept.is_empty() {
            return "/findings".to_owned();
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept);
        format!("/findings?{}", query.finish())
    }

    /// The words of the search.
    pub(super) fn words(&self) -> String {
        self.value("q")
    }

    pub(super) fn severities(&self) -> Vec<Choice> {
        let choice = |severity: Severity| {
            let ticked = self.request.query.severity.contains(&severity);
            let word = words::severity(severity);
            Choice::new("severity", severity.as_str(), word, ticked)
        };
        Severity::ALL.into_iter().rev().map(choice).collect()
    }

    pub(super) fn statuses(&self) -> Vec<Choice> {
        let all = [
            Status::Open,
            Status::Acknowledged,
            Status::Snoozed,
            Status::Resolved,
            Status::FalsePositive,
        ];
        let choice = |status: Status| {
            let ticked = self.request.query.status.contains(&status);
            let word = words::status_class(status);
            Choice::new("status", word, words::status(status), ticked)
        };
        all.into_iter().map(choice).collect()
    }

    pub(super) fn fields(&self) -> Vec<Field> {
        let field = |(name, label, hint)| Field {
            name,
            label,
            hint,
            value: self.value(name),
        };
        FIELDS.into_iter().map(field).collect()
    }

    /// The filters that have no tick of their own, each with the list without it.
    pub(super) fn chips(&self) -> Vec<Chip> {
        let boxed = ["severity", "status", "cursor", "limit", "q"];
        let shown = self.pairs.iter().enumerate();
        let shown = shown.filter(|(_, (name, _))| !boxed.contains(&name.as_str()));
        let chip = |(n, (name, value)): (usize, &(String, String))| Chip {
            text: words::one_line(&format!("{name}: {value}")),
            without: self.without(n),
        };
        shown.map(chip).collect()
    }

    fn without(&self, removed: usize) -> String {
        let mut pairs = self.pairs.clone();
        pairs.remove(removed);
        pairs.retain(|(name, _)| name != "cursor");
        let request = ListRequest::default();
        Self { request, pairs }.address()
    }

    fn value(&self, name: &str) -> String {
        let values = self.pairs.iter().filter(|(have, _)| have == name);
        let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
        values.join(",")
    }
}

impl Choice {
    pub(super) fn new(
        name: &'static str,
        value: &'static str,
        word: &'static str,
        ticked: bool,
    ) -> Self {
        Self {
            name,
            value,
            word,
            ticked,
        }
    }
}

/// A time as the API wants it; what is none, the API names.
fn absolute((name, value): &(String, String), now: Timestamp) -> (String, String) {
    let is_time = matches!(name.as_str(), "since" | "until");
    let time = is_time.then(|| when::past(value, now).ok()).flatten();
    let value = time.map_or_else(|| value.clone(), |time| time.to_string());
    (name.clone(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-05-04T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_address_is_kept_and_cleaned() {
        let cases = [
            ("", "/findings"),
            ("q=&account=", "/findings"),
            ("q=a%20b&severity=high", "/findings?q=a+b&severity=high"),
            ("since=24h&done=3&left=1", "/findings?since=24h"),
            ("cursor=bm9uZQ", "error"),
            ("colour=red", "error"),
            ("severity=red", "error"),
        ];
        for (address, expected) in cases {
            let filter = Filter::read(address, now());
            let found = filter.map_or("error".to_owned(), |filter| filter.address());
            assert_eq!(found, expected, "{address}");
        }
        let filter = Filter::read("since=24h&severity=high,low", now()).unwrap();
        let since = filter.request.query.since.unwrap();
        assert_eq!(since.to_string(), "2026-05-03T10:00:00Z");
        let ticked = filter.severities();
        let ticked = ticked.iter().filter(|choice| choice.ticked);
        assert_eq!(ticked.map(|c| c.word).collect::<Vec<_>>(), ["High", "Low"]);
    }

    #[test]
    fn a_chip_takes_its_filter_away() {
        let filter = Filter::read("account=111122223333&rule=a&status=open", now()).unwrap();
        let chips = filter.chips();
        assert_eq!(chips[0].text, "account: 111122223333");
        assert_eq!(chips[0].without, "/findings?rule=a&status=open");
        assert_eq!(chips.len(), 2);
    }
}
