//! Who a message alerts beside the channel that it goes to: groups and people of Slack.
//!
//! Only the configuration names them. Nothing of an event ever becomes a mention.

use super::settings::{Report, RouteSettings};
use crate::slack::people::is_id;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Most mentions of one list.
pub const MAX_MENTIONS: usize = 5;

/// Somebody who is mentioned, as settings write it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Mention {
    /// Everyone in the channel who is active.
    Here,
    /// Everyone in the channel.
    Channel,
    /// A user group, by its id.
    Group(String),
    /// A person, by their id.
    User(String),
}

/// What names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` names nobody; use the id of a user group (S0123456789) or a person (U0123456789), \
     `here` or `channel`", .0.chars().take(64).collect::<String>()
)]
pub struct NobodyError(String);

impl Mention {
    /// As Slack's markup writes it; ids hold capitals and digits only.
    pub fn markup(&self) -> String {
        match self {
            Self::Here => "<!here>".to_owned(),
            Self::Channel => "<!channel>".to_owned(),
            Self::Group(id) => format!("<!subteam^{id}>"),
            Self::User(id) => format!("<@{id}>"),
        }
    }
}

impl fmt::Display for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here => "here",
            Self::Channel => "channel",
            Self::Group(id) | Self::User(id) => id,
        })
    }
}

impl TryFrom<String> for Mention {
    type Error = NobodyError;

    fn try_from(text: String) -> Result<Self, NobodyError> {
        match text.as_str() {
            "here" => Ok(Self::Here),
            "channel" => Ok(Self::Channel),
            id if is_id(id) && id.starts_with('S') => Ok(Self::Group(text)),
            id if is_id(id) && id.starts_with(['U', 'W']) => Ok(Self::User(text)),
            _ => Err(NobodyError(text)),
        }
    }
}

impl From<Mention> for String {
    fn from(mention: Mention) -> Self {
        mention.to_string()
    }
}

/// Whether so many may be mentioned at once; the message with its fix where not.
pub fn too_many(mentions: &[Mention]) -> Option<String> {
    let count = mentions.len();
    (count > MAX_MENTIONS).then(|| {
        format!("{count} mentions, {MAX_MENTIONS} are allowed; make a user group of the people")
    })
}

/// Reports routes whose mentions nobody could read: no Slack sink hears by them.
pub(super) fn check(route: &RouteSettings, slack: &BTreeSet<&str>, report: Report<'_>) {
    reaches_slack(route, "route", !slack.is_empty(), slack, report);
}

/// Whether a Slack sink hears by this route, or by one below that has its mentions.
fn reaches_slack(
    route: &RouteSettings,
    at: &str,
    above: bool,
    slack: &BTreeSet<&str>,
    report: Report<'_>,
) -> bool {
    let is_slack = |sink: &String| slack.contains(sink.as_str());
    let own = route.sinks.as_ref();
    let told = own.map_or(above, |sinks| sinks.iter().any(is_slack));
    let mut reaches = told;
    for (n, route) in route.routes.iter().enumerate() {
        let below = reaches_slack(route, &format!("{at}.routes.{n}"), told, slack, report);
        reaches |= below && route.mention.is_none();
    }
    let mentions = route.mention.iter().flatten().next();
    if let (Some(mention), false) = (mentions, reaches) {
        let message = format!(
            "`{mention}` would never know: no sink of type slack is told by this route; add one \
             to its sinks, or remove the key"
        );
        report(&format!("{at}.mention"), message);
    }
    reaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_two_words_are_mentions_and_nothing_else() {
        let cases = [
            ("S0123456789", Some("<!subteam^S0123456789>")),
            ("U0123456789", Some("<@U0123456789>")),
            ("W0123456789", Some("<@W0123456789>")),
            ("here", Some("<!here>")),
            ("channel", Some("<!channel>")),
            ("everyone", None),
            ("@soc", None),
            ("<!here>", None),
            ("C0123456789", None),
            ("s0123456789", None),
            ("S", None),
            ("S0123|x", None),
            ("U1> <!channel", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let read = Mention::try_from(text.to_owned());
            let shown = read.as_ref().ok().map(Mention::markup);
            assert_eq!(shown.as_deref(), expected, "{text}");
            let again = read.map(|mention| mention.to_string());
            assert!(again.is_ok_and(|again| again == text) || expected.is_none());
        }
        let long = Mention::try_from("x".repeat(9_000)).unwrap_err();
        assert!(long.to_string().len() < 300);
    }

    #[test]
    fn a_mention_that_nobody_could_read_is_said() {
        let text = r#"
            sinks = ["siem"]
            mention = ["here"]
            [[routes]]
            sinks = ["chat", "siem"]
            mention = ["S1"]
            [[routes]]
            mention = ["S2"]
            [[routes]]
            mention = ["S3"]
            [[routes.routes]]
            sinks = ["chat"]
            [[routes]]
            mention = ["S4"]
            [[routes.routes]]
            sinks = ["chat"]
            mention = ["S5"]
            [[routes]]
            mention = []
        "#;
        let route: RouteSettings = toml::from_str(text).unwrap();
        let places = |slack: &[&str]| {
            let mut places = Vec::new();
            let slack = slack.iter().copied().collect();
            check(&route, &slack, &mut |path, message| {
                assert!(message.contains("would never know"), "{message}");
                places.push(path.to_owned());
            });
            places
        };
        let expected = [
            "route.routes.1.mention",
            "route.routes.3.mention",
            "route.mention",
        ];
        assert_eq!(places(&["chat"]), expected);
        assert_eq!(places(&[]).len(), 6, "without Slack nobody reads any");
        assert!(places(&["chat", "siem"]).is_empty());
    }
}
