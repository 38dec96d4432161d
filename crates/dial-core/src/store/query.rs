//! What to list: the filters, and the one definition of what each of them means.

use super::{Status, Summary};
use crate::Severity;
use ipnet::IpNet;
use jiff::Timestamp;
use std::net::IpAddr;
use std::str::FromStr;

/// Most words of a search.
pub const MAX_WORDS: usize = 16;

/// What to list: all filters must hold, each by any of its values; an empty one does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Account numbers.
    pub account: Vec<String>,
    /// Regions.
    pub region: Vec<String>,
    /// Services as [`Summary::service`] spells them.
    pub service: Vec<String>,
    /// Severities.
    pub severity: Vec<Severity>,
    /// Statuses.
    pub status: Vec<Status>,
    /// Rule names or rule UUIDs.
    pub rule: Vec<String>,
    /// Principal keys: ARN, else name, else type.
    pub principal: Vec<String>,
    /// Access keys that signed the call.
    pub access_key: Vec<String>,
    /// Resource keys: ARN, else `type/name`.
    pub resource: Vec<String>,
    /// Who looks after it; `None` for nobody.
    pub assignee: Vec<Option<String>>,
    /// ATT&CK techniques.
    pub attack: Vec<Technique>,
    /// Networks that the source address lies in.
    pub source: Vec<Network>,
    /// Words that must all be there.
    pub text: Words,
    /// Events at or after.
    pub since: Option<Timestamp>,
    /// Events before.
    pub until: Option<Timestamp>,
    /// Only those that a suppression fits, or only the others.
    pub suppressed: Option<bool>,
}

/// An ATT&CK technique, such as `T1078`; it stands for its sub-techniques too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Technique(String);

/// A text that names no technique.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no ATT&CK technique; write it as T1078 or T1078.004")]
pub struct TechniqueError(String);

/// A network of addresses, such as `203.0.113.0/24`; one address is a network of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no address and no network; write it as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32"
)]
pub struct NetworkError(String);

/// Words of a search, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(Vec<String>);

/// A search of too many words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("search has {0} words; use at most {MAX_WORDS}")]
pub struct WordsError(usize);

impl Query {
    /// Whether a line belongs to the list; the one definition of every filter.
    pub fn matches(&self, summary: &Summary) -> bool {
        any(&self.account, |v| *v == summary.account.id)
            && any(&self.region, |v| *v == summary.region)
            && any(&self.service, |v| *v == summary.service)
            && any(&self.severity, |v| *v == summary.severity)
            && any(&self.status, |v| *v == summary.status)
            && any(&self.rule, |v| {
                *v == summary.rule.name || *v == summary.rule.id
            })
            && any(&self.principal, |v| *v == summary.principal)
            && any(&self.access_key, |v| summary.access_key() == Some(v))
            && any(&self.resource, |v| *v == summary.resource)
            && any(&self.assignee, |v| *v == summary.assignee)
            && any(&self.attack, |v| {
                summary.attack.iter().any(|id| v.covers(id))
            })
            && self.comes_from(summary.source_ip.as_deref())
            && self.since.is_none_or(|since| summary.time >= since)
            && self.until.is_none_or(|until| summary.time < until)
            && self
                .suppressed
                .is_none_or(|wanted| wanted == summary.suppressed.is_some())
            && self.text.are_in(summary)
    }

    /// Statuses that may be written where these are read: a sleep that is over reads as open before
    /// that is written.
    pub fn stored_statuses(&self) -> impl Iterator<Item = Status> {
        let asleep = self.status.contains(&Status::Open) && !self.status.contains(&Status::Snoozed);
        let asleep = asleep.then_some(Status::Snoozed);
        self.status.iter().copied().chain(asleep)
    }

    /// The addresses asked for as [`Summary::address`] spells them; none where a network of several
    /// is asked for too, for no index holds those.
    pub fn addresses(&self) -> Vec<String> {
        let addresses = self.source.iter().map(|net| net.address());
        let addresses: Option<Vec<IpAddr>> = addresses.collect();
        let addresses = addresses.unwrap_or_default().into_iter();
        addresses.map(|address| address.to_string()).collect()
    }

    /// Services call too, under a name instead of an address: those lie in no network.
    fn comes_from(&self, source: Option<&str>) -> bool {
        let address = || source.and_then(|text| text.parse().ok());
        self.source.is_empty()
            || address().is_some_and(|address| self.source.iter().any(|net| net.contains(address)))
    }
}

/// Whether one of the values holds, or there is none.
fn any<T>(values: &[T], holds: impl Fn(&T) -> bool) -> bool {
    values.is_empty() || values.iter().any(holds)
}

impl Technique {
    /// Whether a technique id of a finding is this one or a part of it.
    pub fn covers(&self, id: &str) -> bool {
        let rest = id.strip_prefix(&self.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl FromStr for Technique {
    type Err = TechniqueError;

    fn from_str(text: &str) -> Result<Self, TechniqueError> {
        let id = text.to_ascii_uppercase();
        let (technique, sub) = id.split_once('.').unwrap_or((&id, "000"));
        let number = technique.strip_prefix('T').unwrap_or_default();
        let digits = |text: &str, count| text.len() == count && is_number(text);
        if digits(number, 4) && digits(sub, 3) {
            Ok(Self(id))
        } else {
            Err(TechniqueError(text.chars().take(48).collect()))
        }
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

impl Network {
    /// Whether an address lies in it, however it is written.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// The only address that lies in it, where it has no more.
    pub fn address(self) -> Option<IpAddr> {
        let whole = self.0.prefix_len() == self.0.max_prefix_len();
        whole.then(|| self.0.addr().to_canonical())
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let address = || text.parse().map(|a: IpAddr| IpNet::from(a.to_canonical()));
        let network = text.parse::<IpNet>().or_else(|_| address());
        network
            .map(|network| Self(network.trunc()))
            .map_err(|_| NetworkError(text.chars().take(48).collect()))
    }
}

impl Words {
    /// The words of a text, split at white space.
    pub fn parse(text: &str) -> Result<Self, WordsError> {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        if words.len() > MAX_WORDS {
            return Err(WordsError(words.len()));
        }
        Ok(Self(words))
    }

    /// Whether each word is part of the title or of the name of rule, principal, resource or
    /// account, upper or lower case.
    fn are_in(&self, summary: &Summary) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let texts = [
            summary.title.as_str(),
            &summary.rule.name,
            &summary.principal,
            &summary.resource,
            summary.account.name.as_deref().unwrap_or_default(),
        ]
        .map(str::to_lowercase);
        let found = |word: &String| texts.iter().any(|text| text.contains(word));
        self.0.iter().all(found)
    }
}

/// The service of an event source, as people call it: `iam` of `iam.amazonaws.com`.
pub fn service(source: &str) -> &str {
    let source = source.strip_suffix(".amazonaws.com").unwrap_or(source);
    source.strip_prefix("aws.").unwrap_or(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn summary() -> Summary {
        serde_json::from_value(json!({
            "id": "f-aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "rule": { "id": "u-1", "name": "s3_bucket_policy_public", "title": "t", "version": "1" },
            "severity": "high", "title": "S3 bucket policy lets ANYONE in", "status": "open",
            "account": { "id": "111122223333", "name": "Größe" }, "region": "eu-west-1",
            "service": "s3", "attack": ["T1530", "T1078.004"],
            "time": "2026-05-01T10:00:00Z", "detected_at": "2026-05-01T10:00:01Z",
            "principal": "arn:aws:iam::111122223333:user/Deploy",
            "access_key_id": "AKIAIOSFODNN7EXAMPLE",
            "resource": "arn:aws:s3:::payroll", "source_ip": "198.51.100.7",
        }))
        .unwrap()
    }

    fn techniques(texts: &[&str]) -> Query {
        Query {
            attack: texts.iter().map(|t| t.parse().unwrap()).collect(),
            ..Query::default()
        }
    }

    fn networks(texts: &[&str]) -> Query {
        Query {
            source: texts.iter().map(|t| t.parse().unwrap()).collect(),
            ..Query::default()
        }
    }

    fn words(text: &str) -> Query {
        Query {
            text: Words::parse(text).unwrap(),
            ..Query::default()
        }
    }

    #[test]
    fn filters_mean_what_they_say() {
        let texts = |values: &[&str]| values.iter().map(ToString::to_string).collect();
        let rules = |values: &[&str]| Query {
            rule: texts(values),
            ..Query::default()
        };
        let keys = |values: &[&str]| Query {
            access_key: texts(values),
            ..Query::default()
        };
        let cases = [
            ("nothing", Query::default(), true),
            ("rule by name", rules(&["s3_bucket_policy_public"]), true),
            ("rule by id", rules(&["u-1"]), true),
            ("one of two", rules(&["other", "u-1"]), true),
            ("none of two", rules(&["other", "another"]), false),
            ("part of a rule's name", rules(&["s3_bucket"]), false),
            ("access key", keys(&["AKIAIOSFODNN7EXAMPLE"]), true),
            ("another access key", keys(&["ASIAIOSFODNN7EXAMPLE"]), false),
            (
                "access key in lower case",
                keys(&["akiaiosfodnn7example"]),
                false,
            ),
            ("technique", techniques(&["T1530"]), true),
            ("technique of a sub-technique", techniques(&["t1078"]), true),
            ("sub-technique", techniques(&["T1078.004"]), true),
            ("another sub-technique", techniques(&["T1078.001"]), false),
            (
                "one of the techniques",
                techniques(&["T1110", "T1530"]),
                true,
            ),
            ("another technique", techniques(&["T1110"]), false),
            ("network", networks(&["198.51.100.0/24"]), true),
            (
                "network with host bits",
                networks(&["198.51.100.99/24"]),
                true,
            ),
            ("address", networks(&["198.51.100.7"]), true),
            ("address in IPv6", networks(&["::ffff:198.51.100.7"]), true),
            ("another address", networks(&["198.51.100.8"]), false),
            ("every address", networks(&["0.0.0.0/0"]), true),
            ("the other family", networks(&["::/0"]), false),
            (
                "one of two networks",
                networks(&["10.0.0.0/8", "198.51.100.0/25"]),
                true,
            ),
            ("word of the title", words("anyone"), true),
            ("part of a word", words("PAYR"), true),
            (
                "words in any order and place",
                words("deploy  payroll POLICY"),
                true,
            ),
            ("account name", words("GRÖSSE"), false),
            ("account name, folded as Unicode does", words("GRÖßE"), true),
            ("one word is missing", words("anyone nobody"), false),
            ("region is not searched", words("eu-west-1"), false),
            ("white space only", words(" \t "), true),
        ];
        for (name, query, expected) in cases {
            assert_eq!(query.matches(&summary()), expected, "{name}");
        }
    }

    #[test]
    fn addresses_are_indexed_in_one_spelling() {
        let cases: [(&str, &[&str], &[&str]); 6] = [
            ("none", &[], &[]),
            ("one", &["198.51.100.7"], &["198.51.100.7"]),
            ("a network of one", &["198.51.100.7/32"], &["198.51.100.7"]),
            (
                "IPv6",
                &["2001:DB8:0:0::7", "::ffff:198.51.100.7"],
                &["2001:db8::7", "198.51.100.7"],
            ),
            ("a network", &["198.51.100.0/24"], &[]),
            ("one of each", &["198.51.100.7", "10.0.0.0/8"], &[]),
        ];
        for (name, source, expected) in cases {
            assert_eq!(networks(source).addresses(), expected, "{name}");
        }
        let mut line = summary();
        for (source, expected) in [
            (Some("198.51.100.7"), Some("198.51.100.7")),
            (Some("::ffff:198.51.100.7"), Some("198.51.100.7")),
            (Some("2001:DB8:0:0::7"), Some("2001:db8::7")),
            (Some("cloudtrail.amazonaws.com"), None),
            (None, None),
        ] {
            line.source_ip = source.map(str::to_owned);
            assert_eq!(line.address().as_deref(), expected, "{source:?}");
        }
    }

    #[test]
    fn names_of_services_lie_in_no_network() {
        let mut line = summary();
        for source in [Some("cloudtrail.amazonaws.com"), Some("AWS Internal"), None] {
            line.source_ip = source.map(str::to_owned);
            assert!(
                !networks(&["0.0.0.0/0", "::/0"]).matches(&line),
                "{source:?}"
            );
            assert!(Query::default().matches(&line), "{source:?}");
        }
    }

    #[test]
    fn wrong_values_are_refused_with_the_fix() {
        for text in [
            "",
            "T",
            "1078",
            "T107",
            "T10780",
            "T1078.",
            "T1078.4",
            "T1078.0041",
            "Tabcd",
            "TA0001",
        ] {
            assert!(text.parse::<Technique>().is_err(), "{text}");
        }
        for text in [
            "",
            "x",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "host/8",
            "AWS Internal",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        let error = "T9".parse::<Technique>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`T9` is no ATT&CK technique; write it as T1078 or T1078.004"
        );
        assert_eq!(Words::parse(&"a ".repeat(17)), Err(WordsError(17)));
        assert!(Words::parse(&"a ".repeat(16)).is_ok());
    }

    #[test]
    fn services_are_called_what_people_call_them() {
        let cases = [
            ("iam.amazonaws.com", "iam"),
            ("aws.guardduty", "guardduty"),
            ("signin.amazonaws.com", "signin"),
            ("custom", "custom"),
            ("", ""),
        ];
        for (source, expected) in cases {
            assert_eq!(service(source), expected);
        }
    }
}
