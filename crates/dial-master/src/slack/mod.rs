//! The Slack app: what people click and type, from signed bytes to triage and back.
//!
//! `verify` → `payload` → `people` → `decide` are pure; `desk` acts; `views` and `answer` speak.

pub(crate) mod answer;
pub(crate) mod command;
mod decide;
pub(crate) mod desk;
pub mod payload;
pub mod people;
pub mod settings;
pub(crate) mod silence;
#[cfg(test)]
mod tests;
pub mod verify;
pub(crate) mod views;

pub use settings::SlackSettings;

use crate::deliver::transport::Transport;
use crate::message::links::Links;
use http::HeaderValue;
use people::People;
use reqwest::Url;
use std::sync::Arc;
use verify::SigningSecrets;

/// Hosts that take answers to clicks: Slack's, and that of its government cloud.
const ANSWER_HOSTS: [&str; 2] = ["hooks.slack.com", "hooks.slack-gov.com"];

/// The app as the configuration makes it.
pub struct SlackApp {
    signing: SigningSecrets,
    people: People,
    authorization: HeaderValue,
    /// Base address of Slack's API, with its last slash.
    api: Url,
    /// Where findings can be looked at.
    links: Links,
    transport: Arc<dyn Transport>,
}

impl SlackApp {
    /// Whose requests are heard.
    pub(crate) fn signing(&self) -> &SigningSecrets {
        &self.signing
    }

    /// The address of an answer, if it is one that Slack itself could have given.
    ///
    /// It comes signed, but a signing secret that leaked must not turn the master into a proxy.
    fn answer_url(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        let slack = url
            .host_str()
            .is_some_and(|host| ANSWER_HOSTS.contains(&host));
        let plain = url.username().is_empty() && url.password().is_none() && url.port().is_none();
        let configured = url.origin() == self.api.origin();
        ((slack && plain && url.scheme() == "https") || configured).then_some(url)
    }
}
