//! `[master]` of `dial.toml`: what it may say, and every problem that a file can have.

mod check;
mod names;
mod sections;
#[cfg(test)]
mod tests;

pub use names::{Listen, Signer, StoreRef};
pub use sections::{
    ArchiveSettings, Auth, RateSettings, TokenRateSettings, TokenSettings, WorkerSettings,
};

use crate::enrolment::EnrolmentSettings;
use crate::routing::Routing;
use crate::routing::settings::{InhibitSettings, RouteSettings};
use crate::sign_in::SignInSettings;
use crate::sinks::SinkSettings;
use crate::sinks::guard::Guard;
use crate::slack::SlackSettings;
use dial_core::catalogue::Catalogue;
use dial_core::secret::SecretRef;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// `[master]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Master {
    /// Address and port of `serve`.
    pub listen: Listen,
    /// Where people reach this master; for links in messages.
    pub base_url: Option<String>,
    /// `sqlite:/path` or `dynamodb:table`.
    pub store: StoreRef,
    /// Dead letters and large records: a folder or `s3://bucket/prefix`.
    pub bucket: String,
    /// Root keys by number; two during a rotation.
    pub root_keys: BTreeMap<String, SecretRef>,
    /// Who may read.
    pub tokens: Vec<TokenSettings>,
    /// Whether readers need a token.
    pub auth: Auth,
    /// How people sign in to the dashboard.
    pub sign_in: SignInSettings,
    /// The rules that the dashboard knows; set by whoever starts the master, never by the file.
    /// Absent = the catalogue beside the program.
    #[serde(skip)]
    pub catalogue: Option<Catalogue>,
    /// How long findings are kept.
    pub retention_days: u32,
    /// Where they go before they are forgotten; absent = nowhere.
    pub archive: Option<ArchiveSettings>,
    /// How many findings each worker may send.
    pub rate: RateSettings,
    /// How many requests each token may make.
    pub token_rate: TokenRateSettings,
    /// What is expected of the workers.
    pub workers: WorkerSettings,
    /// Workers (`account/region`) that may report native findings of other accounts.
    pub aggregators: BTreeSet<Signer>,
    /// Sinks by name.
    pub sinks: BTreeMap<String, SinkSettings>,
    /// The Slack app that takes clicks and commands.
    pub slack: Option<SlackSettings>,
    /// Which workers may fetch their keys; absent = none.
    pub enrolment: Option<EnrolmentSettings>,
    /// Which findings go to which sinks; absent = every finding to every sink.
    pub route: RouteSettings,
    /// Findings that mute others.
    pub inhibit: Vec<InhibitSettings>,
    /// Lets sinks have private and loopback addresses; for trials on one machine.
    pub dangerous_allow_private_sinks: bool,
}

impl Default for Master {
    fn default() -> Self {
        Self {
            listen: Listen(SocketAddr::from(([127, 0, 0, 1], 8600))),
            base_url: None,
            store: StoreRef::Sqlite("dial.db".into()),
            bucket: "dial-bucket".into(),
            root_keys: BTreeMap::new(),
            tokens: Vec::new(),
            auth: Auth::default(),
            sign_in: SignInSettings::default(),
            catalogue: None,
            retention_days: 400,
            archive: None,
            rate: RateSettings::default(),
            token_rate: TokenRateSettings::default(),
            workers: WorkerSettings::default(),
            aggregators: BTreeSet::new(),
            sinks: BTreeMap::new(),
            slack: None,
            enrolment: None,
            route: RouteSettings::default(),
            inhibit: Vec::new(),
            dangerous_allow_private_sinks: false,
        }
    }
}

impl Master {
    /// Who is told of what.
    pub fn routing(&self) -> Routing {
        let sinks = self.sinks.keys().cloned().collect();
        Routing::new(&self.route, &self.inhibit, sinks)
    }

    /// Which addresses the sinks may have.
    pub fn guard(&self) -> Guard {
        if self.dangerous_allow_private_sinks {
            Guard::Anything
        } else {
            Guard::Public
        }
    }
}
