//! How bad: the rule's level, then the configuration, then the circumstances, with each reason.

use dial_core::Severity;
use dial_core::finding::{Reputation, SeverityChange};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A severity that the operator sets for some rule, account or region.
///
/// A part that is left out fits everything. The most specific one wins: rule before account
/// before region; of two alike, the later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Name or id of the rule.
    #[serde(default)]
    pub rule: Option<String>,
    /// Account number.
    #[serde(default)]
    pub account: Option<String>,
    /// Region.
    #[serde(default)]
    pub region: Option<String>,
    /// What the findings get instead of the rule's level.
    pub severity: Severity,
}

/// Where a finding belongs, for the overrides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) rule_id: &'a str,
    pub(crate) rule_name: &'a str,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
}

/// What raises or lowers a finding beyond its rule.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Circumstances<'a> {
    /// The root user made the call.
    pub(crate) root: bool,
    /// Lists that the address is on.
    pub(crate) reputation: &'a [Reputation],
    /// The account is a production account.
    pub(crate) production: bool,
    /// The configured CI or deployment principal that made the call, by ARN: nothing that a
    /// caller can choose, such as the user agent, may lower a severity.
    pub(crate) trusted: Option<&'a str>,
    /// `errorCode` of a call that AWS refused or failed.
    pub(crate) error_code: Option<&'a str>,
    /// The event touched a decoy: that it failed, or who did it, makes it no less bad.
    pub(crate) decoy: bool,
    /// What the service that reported a native finding rates it.
    pub(crate) rating: Option<&'a Rating>,
}

/// A severity in the words or numbers of another service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rating {
    severity: Severity,
    /// Service and what it says.
    said: String,
}

impl Rating {
    /// Reads GuardDuty's number (1 to 10), or a word such as `HIGH`; of several the worst.
    ///
    /// `None` for anything else, such as Inspector's `UNTRIAGED`: the rule's level stays then.
    pub(crate) fn of(by: &str, stated: &Value) -> Option<Self> {
        let rating = |severity, text: String| Self {
            severity,
            said: format!("{by} rates it {text}"),
        };
        match stated {
            Value::Number(number) => Some(rating(of_rating(number.as_f64()?), number.to_string())),
            Value::String(word) => {
                let severity = word.to_ascii_lowercase().parse().ok()?;
                Some(rating(severity, word.clone()))
            }
            Value::Array(several) => {
                let read = several.iter().filter_map(|one| Self::of(by, one));
                read.max_by_key(|rating| rating.severity)
            }
            _ => None,
        }
    }
}

/// The severity of a finding and how it came about.
pub(crate) fn decide(
    level: Severity,
    place: &Place<'_>,
    overrides: &[Override],
    around: &Circumstances<'_>,
) -> (Severity, Vec<SeverityChange>) {
    let mut course = Course {
        now: level,
        changes: Vec::new(),
    };
    if let Some(rating) = around.rating {
        course.to(rating.severity, rating.said.clone());
    }
    let set = best(overrides, place);
    // A setting for a whole account is not meant for the decoys in it.
    if let Some(set) = set.filter(|set| !around.decoy || set.rule.is_some()) {
        course.to(set.severity, format!("configuration: {}", set.describe()));
    }
    course.follow(around);
    (course.now, course.changes)
}

/// GuardDuty's bands: 9 critical, 7 high, 4 medium.
fn of_rating(rating: f64) -> Severity {
    match rating {
        r if r >= 9.0 => Severity::Critical,
        r if r >= 7.0 => Severity::High,
        r if r >= 4.0 => Severity::Medium,
        _ => Severity::Low,
    }
}

struct Course {
    now: Severity,
    changes: Vec<SeverityChange>,
}

impl Course {
    fn to(&mut self, to: Severity, reason: String) {
        if to != self.now {
            self.changes.push(SeverityChange {
                from: self.now,
                to,
                reason,
            });
            self.now = to;
        }
    }

    /// Lowers before it raises, so that a raise above critical is not lost.
    fn follow(&mut self, around: &Circumstances<'_>) {
        if let Some(code) = around.error_code.filter(|_| !around.decoy) {
            self.to(
                self.now.lowered(),
                format!("attempt: the call failed with {code}"),
            );
        }
        if let Some(arn) = around.trusted.filter(|_| !around.decoy) {
            self.to(self.now.lowered(), format!("trusted principal {arn}"));
        }
        if around.root {
            self.to(self.now.raised(), "root identity".to_owned());
        }
        if let [first, ..] = around.reputation {
            let reason = format!("address is on {} ({})", first.list, first.category);
            self.to(self.now.raised(), reason);
        }
        if around.production {
            self.to(self.now.raised(), "production account".to_owned());
        }
    }
}

fn best<'a>(overrides: &'a [Override], place: &Place<'_>) -> Option<&'a Override> {
    let fitting = overrides.iter().filter(|set| set.fits(place));
    fitting.max_by_key(|set| set.weight())
}

impl Override {
    fn fits(&self, place: &Place<'_>) -> bool {
        let fits = |wanted: &Option<String>, found: &[&str]| {
            wanted.as_deref().is_none_or(|w| found.contains(&w))
        };
        fits(&self.rule, &[place.rule_id, place.rule_name])
            && fits(&self.account, &[place.account])
            && fits(&self.region, &[place.region])
    }

    fn weight(&self) -> u8 {
        let parts = [(&self.rule, 4), (&self.account, 2), (&self.region, 1)];
        let given = parts.into_iter().filter(|(part, _)| part.is_some());
        given.map(|(_, weight)| weight).sum()
    }

    fn describe(&self) -> String {
        let parts = [
            ("rule", &self.rule),
            ("account", &self.account),
            ("region", &self.region),
        ];
        let given = parts.into_iter().filter_map(|(name, part)| {
            let part = part.as_deref()?;
            Some(format!("{name} {part}"))
        });
        let given: Vec<String> = given.collect();
        if given.is_empty() {
            "every finding".to_owned()
        } else {
            given.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Severity::{Critical, High, Informational, Low, Medium};
    use serde_json::json;

    const PLACE: Place<'static> = Place {
        rule_id: "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11",
        rule_name: "s3_bucket_policy_public",
        account: "111122223333",
        region: "eu-west-1",
    };

    fn set(rule: &str, account: &str, region: &str, severity: Severity) -> Override {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Override {
            rule: part(rule),
            account: part(account),
            region: part(region),
            severity,
        }
    }

    #[test]
    fn the_most_specific_override_wins() {
        let (rule, id, account) = (PLACE.rule_name, PLACE.rule_id, PLACE.account);
        let cases = [
            ("none", vec![], High),
            ("by name", vec![set(rule, "", "", Low)], Low),
            ("by id", vec![set(id, "", "", Low)], Low),
            ("another rule", vec![set("other", "", "", Low)], High),
            (
                "another account",
                vec![set(rule, "444455556666", "", Low)],
                High,
            ),
            ("another region", vec![set("", "", "us-east-1", Low)], High),
            ("everything", vec![set("", "", "", Medium)], Medium),
            (
                "rule before account and region",
                vec![
                    set(rule, "", "", Low),
                    set("", account, "eu-west-1", Critical),
                ],
                Low,
            ),
            (
                "rule and account before rule",
                vec![set(rule, account, "", Critical), set(rule, "", "", Low)],
                Critical,
            ),
            (
                "account before region",
                vec![
                    set("", account, "", Low),
                    set("", "", "eu-west-1", Critical),
                ],
                Low,
            ),
            (
                "the later of two",
                vec![set(rule, "", "", Low), set(rule, "", "", Medium)],
                Medium,
            ),
        ];
        for (name, overrides, expected) in cases {
            let (severity, changes) = decide(High, &PLACE, &overrides, &Circumstances::default());
            assert_eq!(severity, expected, "{name}");
            assert_eq!(changes.is_empty(), expected == High, "{name}");
        }
    }

    #[test]
    fn circumstances_move_one_level_each_and_say_why() {
        let calm = Circumstances::default();
        let (root, production, trusted) = (
            Circumstances { root: true, ..calm },
            Circumstances {
                production: true,
                ..calm
            },
            Circumstances {
                trusted: Some("arn:ci"),
                ..calm
            },
        );
        let listed = [Reputation {
            list: "exits".into(),
            category: "tor".into(),
        }];
        let listed = Circumstances {
            reputation: &listed,
            ..calm
        };
        let attempt = Circumstances {
            error_code: Some("AccessDenied"),
            ..calm
        };
        let rating = Rating::of("GuardDuty", &json!(8.9)).unwrap();
        let rated = Circumstances {
            rating: Some(&rating),
            ..calm
        };
        let by_root = Circumstances {
            root: true,
            ..attempt
        };
        let everything = Circumstances {
            root: true,
            production: true,
            ..listed
        };
        let why_attempt = "attempt: the call failed with AccessDenied";
        let why_listed = "address is on exits (tor)";
        let cases: [(&str, Severity, Circumstances<'_>, Severity, &[&str]); 9] = [
            ("calm", Medium, calm, Medium, &[]),
            ("root", Medium, root, High, &["root identity"]),
            ("listed", Medium, listed, High, &[why_listed]),
            (
                "nothing above critical",
                Critical,
                production,
                Critical,
                &[],
            ),
            (
                "trusted",
                Medium,
                trusted,
                Low,
                &["trusted principal arn:ci"],
            ),
            ("nothing below", Informational, attempt, Informational, &[]),
            (
                "root's attempt",
                Critical,
                by_root,
                Critical,
                &[why_attempt, "root identity"],
            ),
            (
                "all",
                Low,
                everything,
                Critical,
                &["root identity", why_listed, "production account"],
            ),
            ("rated", Medium, rated, High, &["GuardDuty rates it 8.9"]),
        ];
        for (name, level, around, expected, reasons) in cases {
            let (severity, changes) = decide(level, &PLACE, &[], &around);
            let found: Vec<&str> = changes
                .iter()
                .map(|change| change.reason.as_str())
                .collect();
            assert_eq!((severity, found.as_slice()), (expected, reasons), "{name}");
        }
    }

    #[test]
    fn a_decoy_is_lowered_by_its_rule_only() {
        let touched = Circumstances {
            decoy: true,
            error_code: Some("AccessDenied"),
            trusted: Some("arn:ci"),
            ..Circumstances::default()
        };
        let cases = [
            ("nothing set", vec![], Critical),
            ("for all", vec![set("", "", "", Low)], Critical),
            (
                "its account",
                vec![set("", PLACE.account, "", Low)],
                Critical,
            ),
            ("its rule", vec![set(PLACE.rule_name, "", "", Low)], Low),
        ];
        for (name, overrides, expected) in cases {
            let (severity, _) = decide(Critical, &PLACE, &overrides, &touched);
            assert_eq!(severity, expected, "{name}");
        }
    }

    #[test]
    fn ratings_are_numbers_or_words() {
        let cases = [
            (json!(8), Some((High, "It rates it 8"))),
            (json!("CRITICAL"), Some((Critical, "It rates it CRITICAL"))),
            (json!("Medium"), Some((Medium, "It rates it Medium"))),
            (
                json!("INFORMATIONAL"),
                Some((Informational, "It rates it INFORMATIONAL")),
            ),
            (json!(["LOW", "HIGH"]), Some((High, "It rates it HIGH"))),
            (json!("UNTRIAGED"), None),
            (json!([]), None),
            (json!({"Label": "HIGH"}), None),
            (Value::Null, None),
        ];
        for (stated, expected) in cases {
            let read = Rating::of("It", &stated);
            let read = read.as_ref().map(|it| (it.severity, it.said.as_str()));
            assert_eq!(read, expected, "{stated}");
        }
    }

    #[test]
    fn guardduty_ratings_have_four_bands() {
        let cases = [
            (10.0, Critical),
            (9.0, Critical),
            (8.9, High),
            (7.0, High),
            (6.9, Medium),
            (4.0, Medium),
            (3.9, Low),
            (0.0, Low),
            (-1.0, Low),
            (f64::NAN, Low),
        ];
        for (rating, expected) in cases {
            assert_eq!(of_rating(rating), expected, "{rating}");
        }
    }
}
