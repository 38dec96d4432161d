//! The routing tree: which sinks a finding goes to, and under which terms, as in Alertmanager.

use super::label::Label;
use super::matcher::{Matcher, first_misfit};
use super::mention::Mention;
use super::settings::RouteSettings;
use dial_core::Finding;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// What makes findings one alert, unless a route says otherwise.
const GROUP_BY: [Label; 4] = [
    Label::Rule,
    Label::Account,
    Label::Principal,
    Label::Resource,
];
/// How long a group waits for another finding, unless a route says otherwise.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// After how long a group that goes on is told anew, unless a route says otherwise.
const REPEAT: SignedDuration = SignedDuration::from_hours(24);

/// One route with all that it inherits.
#[derive(Debug, Clone)]
pub struct Route {
    name: String,
    matchers: Vec<Matcher>,
    sinks: Vec<String>,
    goes_on: bool,
    terms: Terms,
    routes: Vec<Route>,
}

/// How findings of a route are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What makes findings one alert.
    pub group_by: Vec<Label>,
    /// How long after the last finding of a group another one joins it; zero = never.
    pub window: SignedDuration,
    /// After how long a group that goes on is told anew.
    pub repeat: SignedDuration,
    /// Whether a sink that cannot change a message tells that a finding is closed; absent where
    /// the sink itself says so.
    pub resolved: Option<bool>,
    /// Who is alerted by messages in Slack; absent where the sink itself says so.
    pub mention: Option<Vec<Mention>>,
}

/// One look at one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// The route, such as `route.routes.0`, or its name.
    pub route: String,
    /// How deep it lies; the root is 0.
    pub depth: usize,
    /// The first matcher that did not fit; absent where the route takes the finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misfit: Option<String>,
    /// Whom it tells, where it is the one that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sinks: Option<Vec<String>>,
}

impl Route {
    /// The tree of the settings; `sinks` are all there are, which the root tells by default.
    pub fn root(settings: &RouteSettings, sinks: Vec<String>) -> Self {
        let above = Self {
            name: String::new(),
            matchers: Vec::new(),
            sinks,
            goes_on: false,
            terms: Terms {
                group_by: GROUP_BY.to_vec(),
                window: WINDOW,
                repeat: REPEAT,
                resolved: None,
                mention: None,
            },
            routes: Vec::new(),
        };
        above.below("route", settings)
    }

    fn below(&self, path: &str, settings: &RouteSettings) -> Self {
        let minutes = |minutes| SignedDuration::from_mins(i64::from(minutes));
        let hours = |hours| SignedDuration::from_hours(i64::from(hours));
        let labels = |labels: &Vec<super::settings::GroupLabel>| {
            labels.iter().map(|label| label.0.clone()).collect()
        };
        let mut route = Self {
            name: settings.name.clone().unwrap_or_else(|| path.to_owned()),
            matchers: settings.matchers.clone(),
            sinks: settings.sinks.clone().unwrap_or_else(|| self.sinks.clone()),
            goes_on: settings.goes_on,
            terms: Terms {
                group_by: settings
                    .group_by
                    .as_ref()
                    .map_or_else(|| self.terms.group_by.clone(), labels),
                window: settings
                    .group_window_minutes
                    .map_or(self.terms.window, minutes),
                repeat: settings.repeat_after_hours.map_or(self.terms.repeat, hours),
                resolved: settings.send_resolved.or(self.terms.resolved),
                mention: settings
                    .mention
                    .clone()
                    .or_else(|| self.terms.mention.clone()),
            },
            routes: Vec::new(),
        };
        let below = settings.routes.iter().enumerate();
        route.routes = below
            .map(|(n, settings)| route.below(&format!("{path}.routes.{n}"), settings))
            .collect();
        route
    }

    /// The terms under which a sink is told of a finding; `None` where it is not.
    pub fn terms(&self, finding: &Finding, sink: &str) -> Option<&Terms> {
        self.telling(finding, sink).map(|(_, terms)| terms)
    }

    /// The route by which a sink is told of a finding, and its terms.
    pub fn telling(&self, finding: &Finding, sink: &str) -> Option<(&str, &Terms)> {
        let mut deciding = Vec::new();
        self.walk(finding, 0, &mut |route, _, _, decides| {
            if decides {
                deciding.push(route);
            }
        });
        let mut telling = deciding
            .into_iter()
            .filter(|r| r.sinks.iter().any(|s| s == sink));
        telling
            .next()
            .map(|route| (route.name.as_str(), &route.terms))
    }

    /// The terms of the root, for what no route may withhold.
    pub fn own_terms(&self) -> &Terms {
        &self.terms
    }

    /// Every route that was asked about a finding, in order.
    pub fn looks(&self, finding: &Finding) -> Vec<Look> {
        let mut looks = Vec::new();
        self.walk(finding, 0, &mut |route, depth, misfit, decides| {
            looks.push(Look {
                route: route.name.clone(),
                depth,
                misfit: misfit.map(ToString::to_string),
                sinks: decides.then(|| route.sinks.clone()),
            });
        });
        looks
    }

    /// Tells `see` of each route asked: how deep, what did not fit, whether it decides. Those that
    /// fit but leave it to a route below do not decide. Answers whether this one fits.
    fn walk<'r>(
        &'r self,
        finding: &Finding,
        depth: usize,
        see: &mut dyn FnMut(&'r Route, usize, Option<&'r Matcher>, bool),
    ) -> bool {
        if let Some(misfit) = first_misfit(&self.matchers, finding) {
            see(self, depth, Some(misfit), false);
            return false;
        }
        let below = self.routes.iter().any(|r| r.takes(finding));
        see(self, depth, None, !below);
        for route in &self.routes {
            if route.walk(finding, depth + 1, see) && !route.goes_on {
                break;
            }
        }
        true
    }

    fn takes(&self, finding: &Finding) -> bool {
        first_misfit(&self.matchers, finding).is_none()
    }

    /// The tree as text, one route a line.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text
    }

    fn write(&self, text: &mut String, depth: usize) {
        let matchers: Vec<String> = self.matchers.iter().map(ToString::to_string).collect();
        let what = match matchers.len() {
            0 => "everything".to_owned(),
            _ => matchers.join(" "),
        };
        let whom = match self.sinks.len() {
            0 => "nobody".to_owned(),
            _ => self.sinks.join(", "),
        };
        let goes_on = if self.goes_on { ", then on" } else { "" };
        let (indent, name, terms) = ("  ".repeat(depth), &self.name, self.terms.text());
        let _ = writeln!(text, "{indent}{name}: {what} -> {whom}{goes_on} ({terms})");
        for route in &self.routes {
            route.write(text, depth + 1);
        }
    }
}

impl Terms {
    /// Such as `grouped by rule, account within 60 min, told anew after 24 h`.
    pub fn text(&self) -> String {
        let closed = match self.resolved {
            Some(true) => ", closing is told",
            Some(false) => ", closing is not told",
            None => "",
        };
        let closed = format!("{closed}{}", self.alerted());
        if self.window.is_zero() {
            return format!("each for itself{closed}");
        }
        let labels: Vec<String> = self.group_by.iter().map(ToString::to_string).collect();
        let by = match labels.len() {
            0 => "all in one group".to_owned(),
            _ => format!("grouped by {}", labels.join(", ")),
        };
        let (window, repeat) = (self.window.as_mins(), self.repeat.as_hours());
        format!("{by} within {window} min, told anew after {repeat} h{closed}")
    }

    /// Such as `, mentions S0123456789`.
    fn alerted(&self) -> String {
        let names = |mentions: &Vec<Mention>| {
            let names: Vec<String> = mentions.iter().map(ToString::to_string).collect();
            names.join(", ")
        };
        match self.mention.as_ref().map(names) {
            None => String::new(),
            Some(nobody) if nobody.is_empty() => ", mentions nobody".to_owned(),
            Some(names) => format!(", mentions {names}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::samples;
    use dial_core::Severity;
    use proptest::prelude::*;

    const TREE: &str = r#"
        sinks = ["chat"]
        [[routes]]
        name = "pages"
        matchers = ["severity>=critical"]
        sinks = ["pager"]
        continue = true
        [[routes]]
        matchers = ["account=payments"]
        group_by = ["rule"]
        group_window_minutes = 10
        mention = ["S0123456789", "here"]
        [[routes.routes]]
        matchers = ["rule=~\"s3_.*\""]
        sinks = ["storage", "chat"]
        [[routes.routes]]
        matchers = ["rule=~\"iam_.*\""]
        sinks = []
        mention = []
        [[routes]]
        matchers = ["account=444455556666"]
        sinks = ["other"]
        group_window_minutes = 0
    "#;
    const SINKS: [&str; 5] = ["chat", "other", "pager", "siem", "storage"];

    fn tree(text: &str) -> Route {
        let settings: RouteSettings = toml::from_str(text).unwrap();
        Route::root(&settings, SINKS.map(str::to_owned).to_vec())
    }

    fn told(tree: &Route, finding: &Finding) -> Vec<&'static str> {
        let told = |sink: &&str| tree.terms(finding, sink).is_some();
        SINKS.into_iter().filter(told).collect()
    }

    #[test]
    fn findings_go_the_way_of_the_deepest_route_that_fits() {
        let tree = tree(TREE);
        let rule = |name: &'static str| {
            samples::finding_with(1, move |finding| finding.rule.name = name.into())
        };
        let other = samples::finding_with(1, |finding| {
            finding.account.id = "444455556666".into();
            finding.account.name = None;
        });
        let third = samples::finding_with(1, |finding| {
            finding.account.id = "777788889999".into();
            finding.account.name = None;
        });
        let critical = samples::finding_with(1, |finding| finding.severity = Severity::Critical);
        let cases: [(&str, &Finding, &[&str]); 6] = [
            ("a route below", &samples::finding(1), &["chat", "storage"]),
            ("nobody", &rule("iam_user_created"), &[]),
            ("the route itself", &rule("ec2_x"), &["chat"]),
            ("another", &other, &["other"]),
            ("the root", &third, &["chat"]),
            ("one that goes on", &critical, &["chat", "pager", "storage"]),
        ];
        for (name, finding, expected) in cases {
            assert_eq!(told(&tree, finding), expected, "{name}");
        }
    }

    #[test]
    fn terms_are_inherited() {
        let tree = tree(TREE);
        let finding = samples::finding(1);
        let terms = tree.terms(&finding, "storage").unwrap();
        assert_eq!(terms.group_by, [Label::Rule]);
        assert_eq!(terms.window, SignedDuration::from_mins(10));
        assert_eq!(terms.repeat, REPEAT);
        assert_eq!(terms.mention.as_ref().map(Vec::len), Some(2));
        insta::assert_snapshot!(tree.text());
    }

    #[test]
    fn every_look_says_why() {
        let tree = tree(TREE);
        insta::assert_json_snapshot!(tree.looks(&samples::finding(1)));
    }

    #[test]
    fn without_a_tree_every_sink_is_told() {
        let root = Route::root(&RouteSettings::default(), SINKS.map(str::to_owned).to_vec());
        assert_eq!(told(&root, &samples::finding(1)), SINKS);
    }

    #[derive(serde::Deserialize)]
    struct Inhibit {
        inhibit: Vec<super::super::settings::InhibitSettings>,
    }

    #[test]
    fn what_is_wrong_with_a_tree_is_said() {
        let text = r#"
            matchers = ["severity>=high"]
            continue = true
            sinks = ["chta"]
            [[routes]]
            sinks = ["nowhere"]
            group_window_minutes = 20000
            [[routes]]
            matchers = ["severity>=high"]
            repeat_after_hours = 0
            mention = ["U1", "U2", "U3", "U4", "U5", "U6"]
        "#;
        let inhibit = r#"
            [[inhibit]]
            source = ["fact.x=1"]
            target = []
            equal = ["rule"]
            within_minutes = 0
        "#;
        let route: RouteSettings = toml::from_str(text).unwrap();
        let Inhibit { inhibit } = toml::from_str(inhibit).unwrap();
        let mut problems = Vec::new();
        let sinks = SINKS.into_iter().collect();
        let slack = ["chat"].into_iter().collect();
        super::super::settings::check(&route, &inhibit, &sinks, &slack, &mut |path, message| {
            problems.push(format!("{path}: {message}"));
        });
        insta::assert_snapshot!(problems.join("\n"));
    }

    proptest! {
        #[test]
        fn whoever_is_told_is_named_by_a_look_that_decides(
            severity in 0..5_usize, account in 0..3_usize, rule in 0..3_usize
        ) {
            let tree = tree(TREE);
            let finding = samples::finding_with(1, |finding| {
                finding.severity = Severity::ALL[severity];
                finding.account.id = ["111122223333", "444455556666", "777788889999"][account].into();
                finding.account.name = (account == 0).then(|| "payments".to_owned());
                finding.rule.name = ["s3_x", "iam_x", "ec2_x"][rule].into();
            });
            let looks = tree.looks(&finding);
            let named: std::collections::BTreeSet<&str> = looks
                .iter()
                .flat_map(|look| look.sinks.iter().flatten())
                .map(String::as_str)
                .collect();
            let told = told(&tree, &finding);
            prop_assert_eq!(told, named.into_iter().collect::<Vec<_>>());
            prop_assert!(looks.iter().any(|look| look.sinks.is_some()), "somebody decides");
        }
    }
}
