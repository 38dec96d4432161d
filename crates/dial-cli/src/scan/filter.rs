//! Which events a scan is asked for: accounts, regions, and a time.

use super::layout::Days;
use crate::when;
use anyhow::{Context, Result, bail};
use clap::Args;
use dial_core::AccountId;
use dial_detect::event::Event;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Arguments that choose events.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which events")]
pub(super) struct Filtering {
    /// Only events of these accounts; several with commas between
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',', value_parser = account)]
    account: Vec<String>,
    /// Only events of these regions
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    region: Vec<String>,
    /// Only events at or after this time: 2026-05-04, 2026-05-04T10:00:00Z, 24h, 7d
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only events before this time
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
}

fn account(text: &str) -> Result<String, String> {
    let parsed = AccountId::parse(text).map_err(|error| error.to_string())?;
    Ok(parsed.to_string())
}

/// What the arguments mean now; the default wants everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) accounts: BTreeSet<String>,
    pub(super) regions: BTreeSet<String>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

impl Filtering {
    /// Reads the times; `24h` and `7d` count back from `now`.
    pub(super) fn filter(&self, now: Timestamp) -> Result<Filter> {
        let time = |name: &'static str, text: &Option<String>| -> Result<Option<Timestamp>> {
            let text = text.as_deref();
            text.map(|text| when::past(text, now).context(name))
                .transpose()
        };
        let filter = Filter {
            accounts: self.account.iter().cloned().collect(),
            regions: self.region.iter().cloned().collect(),
            since: time("--since", &self.since)?,
            until: time("--until", &self.until)?,
        };
        match (filter.since, filter.until) {
            (Some(since), Some(until)) if since >= until => {
                bail!("--since {since} is not before --until {until}")
            }
            _ => Ok(filter),
        }
    }

    /// What a scan that goes on must have been asked too, for sources that are done with.
    ///
    /// `--since 24h` is kept as it was typed: it only moves on, and what was older is not missed.
    /// An `--until` that moved would let events in that nobody has judged, so it is kept as a time.
    pub(super) fn asked(&self, filter: &Filter) -> String {
        let since = self.since.as_deref().unwrap_or_default();
        let until = filter.until.map(|until| until.to_string());
        let until = until.unwrap_or_default();
        let (accounts, regions) = (self.account.join(","), self.region.join(","));
        format!("account={accounts} region={regions} since={since} until={until}")
    }
}

impl Filter {
    /// Whether nothing is left out.
    pub(super) fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an event is asked for.
    pub(super) fn wants(&self, event: &Event) -> bool {
        admits(&self.accounts, &event.account)
            && admits(&self.regions, &event.region)
            && self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
    }

    /// The days under which CloudTrail files events of this time.
    pub(super) fn days(&self) -> Days {
        Days::around(self.since, self.until)
    }
}

/// Whether a set holds a value; an empty one holds every value.
pub(super) fn admits(set: &BTreeSet<String>, value: &str) -> bool {
    set.is_empty() || set.contains(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_detect::event::Kind;
    use serde_json::Value;

    fn filter(account: &str, region: &str, since: &str, until: &str) -> Result<Filter> {
        let list = |text: &str| {
            text.split(',')
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let time = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let filtering = Filtering {
            account: list(account),
            region: list(region),
            since: time(since),
            until: time(until),
        };
        filtering.filter("2026-05-04T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn events_are_chosen_by_account_region_and_time() {
        let event = Event {
            kind: Kind::CloudTrail,
            record: Value::Null,
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            id: "e".into(),
            time: "2026-05-03T12:00:00Z".parse().unwrap(),
        };
        let cases = [
            ("open", ("", "", "", ""), true),
            ("account", ("111122223333", "", "", ""), true),
            (
                "one of two",
                ("444455556666,111122223333", "", "", ""),
                true,
            ),
            ("other account", ("444455556666", "", "", ""), false),
            ("other region", ("", "us-east-1", "", ""), false),
            ("at since", ("", "", "2026-05-03T12:00:00Z", ""), true),
            ("before since", ("", "", "2026-05-03T12:00:01Z", ""), false),
            ("at until", ("", "", "", "2026-05-03T12:00:00Z"), false),
            ("before until", ("", "", "", "2026-05-03T12:00:01Z"), true),
            ("a day back", ("", "", "24h", ""), true),
            ("an hour back", ("", "", "1h", ""), false),
        ];
        for (name, (account, region, since, until), expected) in cases {
            let filter = filter(account, region, since, until).unwrap();
            assert_eq!(filter.wants(&event), expected, "{name}");
        }
        assert!(filter("", "", "2026-05-03", "2026-05-03").is_err());
        assert!(filter("", "", "yesterday", "").is_err());
    }
}
