//! Enrichment: what is known about where a call came from; one file per enrichment.
//!
//! Everything is loaded at start. A look-up that fails marks the finding and stops nothing.

mod account;
pub(crate) mod address;
mod geoip;
mod reputation;

pub use reputation::List;

use crate::isolate;
use dial_core::finding::{Asn, Geo, Reputation};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// What enrichments are given, from the configuration.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// MMDB files.
    pub geoip: GeoipSettings,
    /// Local lists of addresses.
    pub reputation: Vec<List>,
    /// Account number → name.
    pub accounts: BTreeMap<String, String>,
    /// What a file that cannot be read does.
    pub on_error: OnError,
}

/// Paths of the MMDB files; without one, that part stays empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeoipSettings {
    /// City or country database.
    pub city: Option<PathBuf>,
    /// ASN database.
    pub asn: Option<PathBuf>,
}

/// What an enrichment that cannot be loaded does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The program does not start.
    #[default]
    Refuse,
    /// The program starts, and every finding says what is missing.
    Mark,
}

/// Why an enrichment could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{enrichment}: {file}{}: {reason}", line.map(|l| format!(":{l}")).unwrap_or_default())]
pub struct EnrichError {
    /// Name of the enrichment.
    pub enrichment: &'static str,
    /// The file, or the key of the configuration.
    pub file: String,
    /// Line in the file, counted from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

/// What is known about one event's origin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Enrichment {
    /// Place of the address.
    pub geo: Option<Geo>,
    /// Network of the address.
    pub asn: Option<Asn>,
    /// Lists that the address is on, in the order of the configuration.
    pub reputation: Vec<Reputation>,
    /// Name of the account, where the configuration has one.
    pub account_name: Option<String>,
    /// What could not be found out, such as `geoip: …`.
    pub incomplete: Vec<String>,
}

/// What is asked about.
#[derive(Debug, Clone, Copy)]
struct Subject<'a> {
    /// A public address; `None` for service names, private addresses and absent ones.
    address: Option<IpAddr>,
    /// Account of the event.
    account: &'a str,
}

/// One loaded enrichment: a look-up in memory, no I/O.
trait Enrich: Send + Sync {
    /// Adds what it knows; an error marks the finding.
    fn enrich(&self, subject: Subject<'_>, into: &mut Enrichment) -> Result<(), String>;
}

/// A loaded enrichment; `None` where it is not configured.
type Loaded = Result<Option<Box<dyn Enrich>>, Vec<EnrichError>>;

/// A kind of enrichment.
struct Kind {
    /// Name in messages.
    name: &'static str,
    /// What it adds, for the reference.
    summary: &'static str,
    /// Loads it.
    load: fn(&Settings) -> Loaded,
}

/// All enrichments, sorted by name.
static ENRICHMENTS: &[&Kind] = &[&account::KIND, &geoip::KIND, &reputation::KIND];

/// Name and summary of every enrichment, for the generated reference.
pub fn summaries() -> impl Iterator<Item = (&'static str, &'static str)> {
    ENRICHMENTS.iter().map(|kind| (kind.name, kind.summary))
}

/// All configured enrichments, loaded.
pub struct Enricher {
    loaded: Vec<(&'static str, Box<dyn Enrich>)>,
    /// What could not be loaded, where the configuration allows that.
    incomplete: Vec<String>,
}

impl Enricher {
    /// Loads what is configured; lists everything that is wrong with it.
    pub fn load(settings: &Settings) -> Result<Self, Vec<EnrichError>> {
        let mut enricher = Self {
            loaded: Vec::new(),
            incomplete: Vec::new(),
        };
        let mut errors = Vec::new();
        for kind in ENRICHMENTS {
            match (kind.load)(settings) {
                Ok(loaded) => enricher.loaded.extend(loaded.map(|l| (kind.name, l))),
                Err(problems) => errors.extend(problems),
            }
        }
        if settings.on_error == OnError::Refuse && !errors.is_empty() {
            return Err(errors);
        }
        enricher.incomplete = errors.iter().map(ToString::to_string).collect();
        Ok(enricher)
    }

    /// Says what is known. `ip` is `sourceIPAddress`, which may be a service's name.
    pub fn run(&self, ip: Option<&str>, account: &str) -> Enrichment {
        let address = ip.and_then(address::public);
        let subject = Subject { address, account };
        let mut enrichment = Enrichment {
            incomplete: self.incomplete.clone(),
            ..Enrichment::default()
        };
        for (name, enrich) in &self.loaded {
            // A corrupt database must not take the event with it.
            let result = isolate::run(|| enrich.enrich(subject, &mut enrichment));
            if let Err(reason) = result.unwrap_or_else(|panic| Err(format!("panicked: {panic}"))) {
                enrichment.incomplete.push(format!("{name}: {reason}"));
            }
        }
        enrichment
    }
}

#[cfg(test)]
mod tests;
