//! How CloudTrail files its objects: `AWSLogs/[o-…/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/…`.

use super::filter::{Filter, admits};
use jiff::{SignedDuration, Timestamp};

/// Endings of the files that a folder is searched for.
const ENDINGS: [&str; 4] = [".json", ".jsonl", ".json.gz", ".jsonl.gz"];
/// CloudTrail puts digests beside its trail files; they hold no events.
const DIGESTS: &str = "CloudTrail-Digest";
/// Insights have a form of their own and no event that rules could judge.
const INSIGHTS: &str = "CloudTrail-Insight";
/// CloudTrail is minutes late, at times hours; a file lies under the day of its delivery.
const LATE: SignedDuration = SignedDuration::from_hours(24);

/// What a file of a folder is, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// It may hold events.
    Trail,
    /// Hashes of trail files.
    Digest,
    /// Something else, other services' logs among it.
    Other,
}

impl Content {
    /// Tells by the path alone.
    pub(super) fn of(path: &str) -> Self {
        let lower = path.to_ascii_lowercase();
        let service = Place::of(path).and_then(|place| place.service);
        if path.contains(DIGESTS) {
            Self::Digest
        } else if !ENDINGS.iter().any(|ending| lower.ends_with(ending))
            || service.is_some_and(|s| !s.starts_with("CloudTrail") || s == INSIGHTS)
        {
            Self::Other
        } else {
            Self::Trail
        }
    }
}

/// What the folders of a path say of the events below; what is `None` is still open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place<'p> {
    account: Option<&'p str>,
    service: Option<&'p str>,
    region: Option<&'p str>,
    /// `2026`, `2026/05` or `2026/05/04`.
    date: Option<&'p str>,
    /// The path up to the region, with the `/` behind it.
    up_to_region: Option<&'p str>,
}

impl<'p> Place<'p> {
    /// `None` where the path is not laid out by CloudTrail. What follows the last `/` is a file's
    /// name, or the beginning of one, and says nothing.
    pub(super) fn of(path: &'p str) -> Option<Self> {
        let folders = &path[..path.rfind('/')?];
        let mut steps = Steps {
            path: folders,
            at: 0,
        };
        while steps.next()? != "AWSLogs" {}
        let mut place = Self::default();
        let Some(mut account) = steps.next() else {
            return Some(place);
        };
        if account.starts_with("o-") {
            let Some(next) = steps.next() else {
                return Some(place);
            };
            account = next;
        }
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        place.account = Some(account);
        place.service = steps.next();
        place.region = steps.next();
        place.up_to_region = place.region.and_then(|_| path.get(..steps.at));
        let start = steps.at;
        while place.date.is_none_or(|date| date.len() < 10) && steps.next().is_some() {
            place.date = path
                .get(start..steps.at)
                .map(|date| date.trim_end_matches('/'));
        }
        Some(place)
    }
}

/// The folders of a path, one by one.
struct Steps<'p> {
    path: &'p str,
    /// Where the next one starts.
    at: usize,
}

impl<'p> Iterator for Steps<'p> {
    type Item = &'p str;

    fn next(&mut self) -> Option<&'p str> {
        let rest = self.path.get(self.at..).filter(|rest| !rest.is_empty())?;
        let step = rest.split('/').next().unwrap_or(rest);
        self.at += step.len() + 1;
        Some(step)
    }
}

/// A range of days, as CloudTrail writes them into keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Days {
    /// First day that may matter.
    first: Option<String>,
    /// Last day that may matter.
    last: Option<String>,
}

impl Days {
    /// The days whose files may hold events of a time.
    pub(super) fn around(since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        let day = |at: Timestamp| at.strftime("%Y/%m/%d").to_string();
        // `until` itself is not asked for.
        let late = |at: Timestamp| at.checked_add(LATE - SignedDuration::from_nanos(1)).ok();
        Self {
            first: since.map(day),
            last: until.and_then(late).map(day),
        }
    }

    /// Whether a date, or the beginning of one, is among them.
    fn admit(&self, date: &str) -> bool {
        let part = |day: &'_ Option<String>| {
            day.as_deref()
                .and_then(|d| d.get(..date.len()))
                .map(str::to_owned)
        };
        // What is no date is not pruned by it.
        let is_date = date.bytes().all(|b| b.is_ascii_digit() || b == b'/');
        !is_date
            || (part(&self.first).is_none_or(|first| *date >= *first)
                && part(&self.last).is_none_or(|last| *date <= *last))
    }
}

/// The keys of one region that a list has to go through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// Keys behind this one; empty for all.
    pub(super) after: String,
    /// Keys below this one; empty for all.
    pub(super) before: String,
}

impl Filter {
    /// Whether a folder (with `/` at the end) or file may hold events that are asked for.
    pub(super) fn may_hold(&self, path: &str) -> bool {
        let place = Place::of(path).unwrap_or_default();
        place
            .account
            .is_none_or(|account| admits(&self.accounts, account))
            && place
                .region
                .is_none_or(|region| admits(&self.regions, region))
            && place.date.is_none_or(|date| self.days().admit(date))
    }

    /// The keys to list below a prefix, where it lies inside a region; `None` above.
    pub(super) fn span(&self, prefix: &str) -> Option<Span> {
        let region = Place::of(prefix)?.up_to_region?;
        let days = self.days();
        // `0` follows `/`, so this is behind everything of the last day.
        Some(Span {
            after: days
                .first
                .map(|day| format!("{region}{day}/"))
                .unwrap_or_default(),
            before: days
                .last
                .map(|day| format!("{region}{day}0"))
                .unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const FILE: &str = "p/AWSLogs/o-abc/111122223333/CloudTrail/eu-west-1/2026/05/04/a.json.gz";

    #[test]
    fn paths_say_what_lies_below() {
        let place = Place::of(FILE).unwrap();
        assert_eq!(place.account, Some("111122223333"));
        assert_eq!(place.service, Some("CloudTrail"));
        assert_eq!(place.region, Some("eu-west-1"));
        assert_eq!(place.date, Some("2026/05/04"));
        let region = &FILE[..FILE.find("2026").unwrap()];
        assert_eq!(place.up_to_region, Some(region));
        let open = Place::default();
        let cases = [
            ("nothing", "", None),
            ("no logs", "a/b/c.json", None),
            ("logs", "AWSLogs/", Some(open)),
            ("only begun", "AWSLogs/1111", Some(open)),
            ("organisation", "AWSLogs/o-abc/", Some(open)),
            ("no account", "AWSLogs/abc/x/", None),
            (
                "account",
                "AWSLogs/111122223333/",
                Some(Place {
                    account: Some("111122223333"),
                    ..open
                }),
            ),
        ];
        for (name, path, expected) in cases {
            assert_eq!(Place::of(path), expected, "{name}");
        }
    }

    #[test]
    fn files_are_told_by_name() {
        let below = |rest: &str| format!("AWSLogs/111122223333/{rest}");
        let cases = [
            (
                below("CloudTrail/eu-west-1/2026/05/04/a.json.gz"),
                Content::Trail,
            ),
            (
                below("CloudTrail-Digest/eu-west-1/a.json.gz"),
                Content::Digest,
            ),
            (
                below("CloudTrail-Insight/eu-west-1/a.json.gz"),
                Content::Other,
            ),
            (below("Config/eu-west-1/2026/5/4/a.json.gz"), Content::Other),
            ("events.jsonl".into(), Content::Trail),
            ("EVENTS.JSON".into(), Content::Trail),
            ("notes.txt".into(), Content::Other),
            ("a.json.bak".into(), Content::Other),
        ];
        for (path, expected) in cases {
            assert_eq!(Content::of(&path), expected, "{path}");
        }
    }

    fn filter(since: &str, until: &str) -> Filter {
        let time = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        Filter {
            since: time(since),
            until: time(until),
            ..Filter::default()
        }
    }

    #[test]
    fn only_places_that_may_hold_an_event_are_looked_at() {
        let may = filter("2026-05-03T23:50:00Z", "2026-05-04T12:00:00Z");
        let region = "AWSLogs/111122223333/CloudTrail/eu-west-1/";
        let cases = [
            ("2025/", false),
            ("2026/", true),
            ("2027/", false),
            ("2026/04/", false),
            ("2026/05/", true),
            ("2026/06/", false),
            ("2026/05/02/a.json.gz", false),
            ("2026/05/03/a.json.gz", true),
            ("2026/05/05/late.json.gz", true),
            ("2026/05/06/a.json.gz", false),
            ("odd/2026/", true),
        ];
        let whole_days = filter("2026-05-03T00:00:00Z", "2026-05-05T00:00:00Z");
        assert!(whole_days.may_hold(&format!("{region}2026/05/05/late.json.gz")));
        assert!(!whole_days.may_hold(&format!("{region}2026/05/06/a.json.gz")));
        for (date, expected) in cases {
            assert_eq!(may.may_hold(&format!("{region}{date}")), expected, "{date}");
        }
        let set = |text: &str| BTreeSet::from([text.to_owned()]);
        let one = Filter {
            accounts: set("111122223333"),
            regions: set("eu-west-1"),
            ..Filter::default()
        };
        assert!(one.may_hold(FILE) && one.may_hold("other/file.json"));
        assert!(!one.may_hold("AWSLogs/444455556666/"));
        assert!(!one.may_hold("AWSLogs/111122223333/CloudTrail/us-east-1/"));
    }

    #[test]
    fn inside_a_region_one_list_goes_from_day_to_day() {
        let region = "AWSLogs/111122223333/CloudTrail/eu-west-1/";
        let span = filter("2026-05-03T23:50:00Z", "2026-05-04T12:00:00Z")
            .span(region)
            .unwrap();
        let is_in = |key: &str| {
            let key = format!("{region}{key}");
            key > span.after && key < span.before
        };
        assert!(!is_in("2026/05/02/zzz") && is_in("2026/05/03/a") && is_in("2026/05/05/zzz"));
        assert!(!is_in("2026/05/06/a"));
        assert_eq!(filter("", "").span(region), Some(Span::default()));
        assert_eq!(filter("", "").span("AWSLogs/111122223333/"), None);
        assert_eq!(filter("", "").span("elsewhere/"), None);
    }
}
