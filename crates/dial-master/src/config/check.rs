//! What a file may say and still be wrong: values out of range, and parts that do not fit together.

use super::{ArchiveSettings, Auth, Master, RateSettings};
use crate::message::links::Links;
use crate::routing::settings;
use crate::sinks;
use dial_aws::Location;
use dial_core::config::Check;
use dial_core::wire::MAX_FINDINGS;
use std::collections::BTreeSet;

/// Longest time that findings may be kept, days.
const MAX_RETENTION_DAYS: u32 = 3_650;
/// More than any worker needs; keeps the limiter's arithmetic in whole microseconds.
const MAX_PER_SECOND: u32 = 100_000;
/// Minutes after which a worker may count as silent.
const SILENT_AFTER: std::ops::RangeInclusive<u32> = 10..=10_080;
/// Two are live during a rotation; more is a mistake.
const MAX_ROOT_KEYS: usize = 8;

impl Check for Master {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        self.check_keys(report);
        self.check_readers(report);
        self.sign_in.check(self, &mut |path, message| {
            report(&format!("sign_in.{path}"), message);
        });
        sinks::check(&self.sinks, self.guard(), report);
        self.check_slack(report);
        let names = self.sinks.keys().map(String::as_str).collect();
        let slack = self.sinks.iter().filter(|(_, sink)| sink.mentions());
        let slack = slack.map(|(name, _)| name.as_str()).collect();
        settings::check(&self.route, &self.inhibit, &names, &slack, report);
        if let Err(error) = self.bucket.parse::<Location>() {
            report("bucket", error.to_string());
        }
        let days = self.retention_days;
        if !(1..=MAX_RETENTION_DAYS).contains(&days) {
            let range = format!("use 1 to {MAX_RETENTION_DAYS} days");
            report("retention_days", format!("{days} is out of range; {range}"));
        }
        self.check_archive(report);
        self.check_rate(report);
        self.check_workers(report);
        if let Some(enrolment) = &self.enrolment {
            enrolment.check(&mut |path, message| report(&format!("enrolment.{path}"), message));
        }
        if let Err(message) = Links::new(self.base_url.as_deref()) {
            report("base_url", message);
        }
    }
}

impl Master {
    /// The archive takes hours that no new finding can come into.
    fn check_archive(&self, report: &mut dyn FnMut(&str, String)) {
        let Some(ArchiveSettings { days_ahead }) = self.archive else {
            return;
        };
        if days_ahead == 0 || days_ahead >= self.retention_days {
            let days = self.retention_days;
            let range = format!("use at least 1 and less than retention_days, which is {days}");
            let message = format!("{days_ahead} is out of range; {range}");
            report("archive.days_ahead", message);
        }
    }

    fn check_keys(&self, report: &mut dyn FnMut(&str, String)) {
        if self.root_keys.is_empty() {
            let fix =
                "name one, such as root_keys = { 1 = \"file:root.key\" }, made by `dial keys new`";
            report(
                "root_keys",
                format!("without a root key no worker can be heard; {fix}"),
            );
        }
        if self.root_keys.len() > MAX_ROOT_KEYS {
            report("root_keys", format!("at most {MAX_ROOT_KEYS} may be live"));
        }
        for number in self.root_keys.keys() {
            if !is_number(number) {
                let message = "a root key's name is its number, 1 to 4294967295";
                report(&format!("root_keys.{number}"), message.into());
            }
        }
    }

    fn check_slack(&self, report: &mut dyn FnMut(&str, String)) {
        if let Some(slack) = &self.slack {
            return slack.check(self.guard(), report);
        }
        for (name, _) in self.sinks.iter().filter(|(_, sink)| sink.has_buttons()) {
            let message = "nobody would take the clicks; add [master.slack]";
            report(&format!("sinks.{name}.buttons"), message.into());
        }
    }

    fn check_readers(&self, report: &mut dyn FnMut(&str, String)) {
        match self.auth {
            Auth::None if !self.listen.0.ip().is_loopback() => report(
                "auth",
                format!(
                    "\"none\" is for loopback only, and listen is {}; name tokens",
                    self.listen.0
                ),
            ),
            Auth::None if !self.tokens.is_empty() => {
                report(
                    "auth",
                    "\"none\" and tokens exclude each other; remove one".into(),
                );
            }
            Auth::Tokens if self.tokens.is_empty() => {
                let fix =
                    "add [[master.tokens]] with name and secret, or auth = \"none\" on loopback";
                report("tokens", format!("nobody could read; {fix}"));
            }
            Auth::None | Auth::Tokens => {}
        }
        let mut names = BTreeSet::new();
        for (n, token) in self.tokens.iter().enumerate() {
            if token.name.is_empty() || token.name.len() > 64 {
                report(&format!("tokens.{n}.name"), "use 1 to 64 bytes".into());
            }
            if !names.insert(&token.name) {
                report(
                    &format!("tokens.{n}.name"),
                    "another token has this name".into(),
                );
            }
        }
    }

    fn check_rate(&self, report: &mut dyn FnMut(&str, String)) {
        let RateSettings { per_second, burst } = self.rate;
        if !(1..=MAX_PER_SECOND).contains(&per_second) {
            report(
                "rate.per_second",
                format!("use 1 to {MAX_PER_SECOND} findings a second"),
            );
        }
        if u32::try_from(MAX_FINDINGS).is_ok_and(|batch| burst < batch) {
            report(
                "rate.burst",
                format!("use at least {MAX_FINDINGS}, one full batch"),
            );
        }
    }

    fn check_workers(&self, report: &mut dyn FnMut(&str, String)) {
        let minutes = self.workers.silent_after_minutes;
        if !SILENT_AFTER.contains(&minutes) {
            let (least, most) = (SILENT_AFTER.start(), SILENT_AFTER.end());
            let fix = format!("use {least} to {most}; workers report every five minutes or so");
            report(
                "workers.silent_after_minutes",
                format!("{minutes} is out of range; {fix}"),
            );
        }
        let rate = self.token_rate;
        if !(1..=MAX_PER_SECOND).contains(&rate.per_second) {
            let message = format!("use 1 to {MAX_PER_SECOND} requests a second");
            report("token_rate.per_second", message);
        }
        if rate.burst == 0 {
            report("token_rate.burst", "use at least 1".into());
        }
    }
}

/// The one spelling that the `dial-key` header has too.
fn is_number(text: &str) -> bool {
    text.parse()
        .is_ok_and(|number: u32| number > 0 && number.to_string() == text)
}
