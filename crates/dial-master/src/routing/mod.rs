//! Routing: who is told of a finding, and when nobody is; pure, from stored state and `now`.

pub mod digest;
pub mod group;
pub mod inhibit;
pub mod label;
pub mod matcher;
pub mod mention;
#[cfg(test)]
pub(crate) mod samples;
pub mod settings;
pub mod silence;
pub mod tree;

use dial_core::Finding;
use inhibit::Inhibition;
use settings::{InhibitSettings, RouteSettings};
use tree::Route;

/// The routing of a configuration.
#[derive(Debug, Clone)]
pub struct Routing {
    /// The tree.
    pub tree: Route,
    /// What mutes what.
    pub inhibitions: Vec<Inhibition>,
}

impl Routing {
    /// The routing of its settings, among all sinks there are.
    pub fn new(route: &RouteSettings, inhibit: &[InhibitSettings], sinks: Vec<String>) -> Self {
        Self {
            tree: Route::root(route, sinks),
            inhibitions: inhibit.iter().map(Inhibition::new).collect(),
        }
    }

    /// Every finding to every sink, grouped where people read.
    pub fn everything(sinks: Vec<String>) -> Self {
        Self::new(&RouteSettings::default(), &[], sinks)
    }

    /// The inhibitions that could mute a finding.
    pub fn concerning(&self, finding: &Finding) -> impl Iterator<Item = &Inhibition> {
        let concerns = |inhibition: &&Inhibition| inhibition.concerns(finding);
        self.inhibitions.iter().filter(concerns)
    }
}
