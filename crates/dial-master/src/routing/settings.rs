//! `[master.route]` and `[[master.inhibit]]`: what they may say, and what is wrong with them.

use super::label::Label;
use super::matcher::{MAX_COUNT, Matcher};
use super::mention::{self, Mention};
use dial_core::config::nearest;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Routes below routes below routes.
const MAX_DEPTH: usize = 8;
/// Routes of the whole tree.
const MAX_ROUTES: usize = 500;
/// Longest window of a group, minutes: a week.
const MAX_WINDOW: u32 = 7 * 24 * 60;
/// Longest silence of a group that goes on, hours: 30 days.
const MAX_REPEAT: u32 = 30 * 24;
/// Longest reach of an inhibition, minutes: a day.
const MAX_REACH: u32 = 24 * 60;
/// Most inhibitions; each may ask the store about every finding.
const MAX_INHIBITIONS: usize = 20;

/// Takes (path below the section, message with its fix).
pub(super) type Report<'a> = &'a mut dyn FnMut(&str, String);

/// `[master.route]`, and each of `[[master.route.routes]]`; what is absent is as in the route above.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteSettings {
    /// What people call it.
    pub name: Option<String>,
    /// What goes this way; all must fit.
    pub matchers: Vec<Matcher>,
    /// Who is told; none = nobody.
    pub sinks: Option<Vec<String>>,
    /// Whether the routes after this one are asked too.
    #[serde(rename = "continue")]
    pub goes_on: bool,
    /// What makes findings one alert.
    pub group_by: Option<Vec<GroupLabel>>,
    /// How long after the last finding of a group another one joins it; 0 = never.
    pub group_window_minutes: Option<u32>,
    /// After how long a group that goes on is told anew.
    pub repeat_after_hours: Option<u32>,
    /// Whether sinks that cannot change a message tell that a finding is closed.
    pub send_resolved: Option<bool>,
    /// Who is alerted by messages in Slack; absent = as the sink says.
    pub mention: Option<Vec<Mention>>,
    /// Asked in order; the first that fits takes the finding.
    pub routes: Vec<RouteSettings>,
}

/// `[[master.inhibit]]`: while one finding is open, others of the same thing are not told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InhibitSettings {
    /// What mutes.
    pub source: Vec<Matcher>,
    /// What is muted.
    pub target: Vec<Matcher>,
    /// What must be the same in both.
    pub equal: Vec<GroupLabel>,
    /// How far apart the two events may be.
    #[serde(default = "an_hour")]
    pub within_minutes: u32,
}

/// A label, as settings write it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct GroupLabel(pub Label);

fn an_hour() -> u32 {
    60
}

impl TryFrom<String> for GroupLabel {
    type Error = super::label::UnknownLabel;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// Checks the tree and the inhibitions; paths start with `route` and `inhibit`. `slack` are those
/// of the sinks that can mention somebody.
pub fn check(
    route: &RouteSettings,
    inhibit: &[InhibitSettings],
    sinks: &BTreeSet<&str>,
    slack: &BTreeSet<&str>,
    report: Report<'_>,
) {
    if !route.matchers.is_empty() {
        let message = "the root takes everything; put matchers into [[master.route.routes]]";
        report("route.matchers", message.into());
    }
    if route.goes_on {
        let message = "the root has no route after it; remove the key";
        report("route.continue", message.into());
    }
    let count = route.check("route", 0, sinks, report);
    if count > MAX_ROUTES {
        let message = format!("{count} routes, {MAX_ROUTES} are allowed; use expressions (=~)");
        report("route", message);
    }
    mention::check(route, slack, report);
    if inhibit.len() > MAX_INHIBITIONS {
        report("inhibit", format!("at most {MAX_INHIBITIONS} are allowed"));
    }
    for (n, one) in inhibit.iter().enumerate() {
        one.check(&format!("inhibit.{n}"), report);
    }
}

impl RouteSettings {
    /// Checks this route and those below it; how many they are.
    fn check(&self, at: &str, depth: usize, sinks: &BTreeSet<&str>, report: Report<'_>) -> usize {
        if depth > MAX_DEPTH {
            report(at, format!("routes are nested more than {MAX_DEPTH} deep"));
            return 1;
        }
        if self.matchers.len() > MAX_COUNT {
            report(
                &format!("{at}.matchers"),
                format!("at most {MAX_COUNT} are allowed"),
            );
        }
        for (n, sink) in self.sinks.iter().flatten().enumerate() {
            if !sinks.contains(sink.as_str()) {
                report(&format!("{at}.sinks.{n}"), unknown_sink(sink, sinks));
            }
        }
        let ranges = [
            (
                "group_window_minutes",
                self.group_window_minutes,
                0,
                MAX_WINDOW,
            ),
            ("repeat_after_hours", self.repeat_after_hours, 1, MAX_REPEAT),
        ];
        for (key, value, least, most) in ranges {
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                report(&format!("{at}.{key}"), format!("must be {least} to {most}"));
            }
        }
        if let Some(message) = self.mention.as_deref().and_then(mention::too_many) {
            report(&format!("{at}.mention"), message);
        }
        let mut count = 1;
        for (n, route) in self.routes.iter().enumerate() {
            let at = format!("{at}.routes.{n}");
            if route.matchers.is_empty() && !route.goes_on && n + 1 < self.routes.len() {
                let message = "has no matchers, so the routes after it are never asked; \
                     give it matchers, move it to the end, or set continue = true";
                report(&at, message.into());
            }
            count += route.check(&at, depth + 1, sinks, report);
        }
        count
    }
}

impl InhibitSettings {
    fn check(&self, at: &str, report: Report<'_>) {
        for (key, matchers) in [("source", &self.source), ("target", &self.target)] {
            if !(1..=MAX_COUNT).contains(&matchers.len()) {
                let message =
                    format!("name 1 to {MAX_COUNT} matchers, such as \"severity>=critical\"");
                report(&format!("{at}.{key}"), message);
            }
        }
        // Sources are looked up in the store's lists, by one of its indexes.
        let foreign = self
            .source
            .iter()
            .map(Matcher::label)
            .find(|l| !l.is_in_summary());
        if let Some(label) = foreign {
            report(&format!("{at}.source"), not_listed(label));
        }
        let foreign = self.equal.iter().find(|label| !label.0.is_in_summary());
        if let Some(GroupLabel(label)) = foreign {
            report(&format!("{at}.equal"), not_listed(label));
        }
        let indexed = [Label::Account, Label::Principal, Label::Resource];
        if !self.equal.iter().any(|label| indexed.contains(&label.0)) {
            let message =
                "must hold account, principal or resource, or one finding would mute the world";
            report(&format!("{at}.equal"), message.into());
        }
        if !(1..=MAX_REACH).contains(&self.within_minutes) {
            report(
                &format!("{at}.within_minutes"),
                format!("must be 1 to {MAX_REACH}"),
            );
        }
    }
}

fn unknown_sink(sink: &str, sinks: &BTreeSet<&str>) -> String {
    let shown: String = sink.chars().take(64).collect();
    match nearest(sink, sinks.iter().copied()) {
        Some(near) => format!("no sink is called `{shown}`; did you mean `{near}`?"),
        None if sinks.is_empty() => {
            format!("no sink is called `{shown}`; add [master.sinks.{shown}]")
        }
        None => {
            let names: Vec<&str> = sinks.iter().copied().collect();
            format!(
                "no sink is called `{shown}`; there are {}",
                names.join(", ")
            )
        }
    }
}

fn not_listed(label: &Label) -> String {
    format!(
        "`{label}` cannot be used here; use severity, account, region, rule, attack, \
         principal, resource or source_ip"
    )
}
