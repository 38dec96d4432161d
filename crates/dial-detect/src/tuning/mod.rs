//! What the operator says about his accounts, as rules see it: watched, decoy, own, expected.

mod decoy;
mod glob;
mod needles;
mod own;
mod principal;
mod seen;
mod suppress;
mod verdict;
mod watched;

pub use decoy::{Decoy, DecoyKind};
pub use own::Own;
pub(crate) use principal::check as check_principal;
pub(crate) use seen::Seen;
pub use suppress::{Expiry, Suppression};
pub(crate) use watched::check as check_watched;

use crate::enrich::address;
use crate::event::Unparsed;
use crate::settings::Settings;
use decoy::Lures;
use ipnet::IpNet;
use needles::Needles;
use own::OwnParts;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;
use suppress::Suppressions;
use watched::Watched;

/// Derived names that are filled from here.
pub(crate) const ROOTS: [&str; 6] = ["address", "decoy", "own", "principal", "region", "watched"];

/// Services with one endpoint for the world: the region of their events says nothing.
const GLOBAL: [&str; 22] = [
    "account.amazonaws.com",
    "billing.amazonaws.com",
    "budgets.amazonaws.com",
    "ce.amazonaws.com",
    "cloudfront.amazonaws.com",
    "cur.amazonaws.com",
    "ecr-public.amazonaws.com",
    "globalaccelerator.amazonaws.com",
    "health.amazonaws.com",
    "iam.amazonaws.com",
    "networkmanager.amazonaws.com",
    "organizations.amazonaws.com",
    "payments.amazonaws.com",
    "route53.amazonaws.com",
    "route53domains.amazonaws.com",
    "savingsplans.amazonaws.com",
    "shield.amazonaws.com",
    "signin.amazonaws.com",
    "sts.amazonaws.com",
    "support.amazonaws.com",
    "trustedadvisor.amazonaws.com",
    "waf.amazonaws.com",
];

/// The settings, ready to be asked about one event after the other.
#[derive(Debug, Default)]
pub(crate) struct Tuning {
    regions: BTreeSet<String>,
    watched: Watched,
    lures: Lures,
    own: OwnParts,
    needles: Needles,
    networks: Vec<IpNet>,
    trusted: BTreeSet<String>,
    suppressions: Suppressions,
}

impl Tuning {
    /// Settings that do not check out are left out; `Settings::check` has named them.
    pub(crate) fn of(settings: &Settings) -> Self {
        let networks = settings.own_networks.iter();
        Self {
            regions: settings.allowed_regions.clone(),
            watched: Watched::of(&settings.watched),
            lures: Lures::of(&settings.decoys),
            own: OwnParts::of(&settings.own),
            needles: Needles::of(settings),
            networks: networks.filter_map(|n| address::network(n).ok()).collect(),
            trusted: settings.trusted_principals.iter().cloned().collect(),
            suppressions: Suppressions::of(&settings.suppressions),
        }
    }

    /// Names that no event will have, since nothing is configured that makes them.
    pub(crate) fn absent(&self) -> impl Iterator<Item = &'static str> + use<> {
        let missing = [
            ("decoy", self.lures.is_empty()),
            ("own", self.own.is_empty()),
            ("region", self.regions.is_empty()),
            ("watched", self.watched.is_empty()),
        ];
        let missing = missing.into_iter().filter(|(_, missing)| *missing);
        missing.map(|(name, _)| name)
    }

    /// Whether nothing in a record, as it came, can fill a derived field of this path.
    pub(crate) fn lacks(&self, path: &str, record: &Unparsed<'_>) -> bool {
        self.needles.lack(path, record)
    }

    /// ARNs of trusted principals.
    pub(crate) fn trusted(&self) -> &BTreeSet<String> {
        &self.trusted
    }

    /// What is below one of [`ROOTS`]; `None` where there is nothing to say.
    pub(crate) fn field(&self, root: &str, seen: &Seen<'_>) -> Option<Value> {
        match root {
            "address" => Some(self.address(seen)),
            "decoy" => self.lures.field(seen),
            "own" => self.own.field(seen),
            "principal" => {
                let trusted = seen.callers().any(|arn| self.trusted.contains(arn));
                Some(json!({ "trusted": trusted }))
            }
            "region" => self.region(seen),
            "watched" => self.watched.field(seen),
            _ => None,
        }
    }

    /// Adds the wanted ones of [`ROOTS`] to the derived fields.
    pub(crate) fn add_to(
        &self,
        derived: &mut Value,
        seen: &Seen<'_>,
        is_wanted: impl Fn(&str) -> bool,
    ) {
        let Value::Object(fields) = derived else {
            return;
        };
        for root in ROOTS.into_iter().filter(|root| is_wanted(root)) {
            if let Some(value) = self.field(root, seen) {
                fields.insert(root.to_owned(), value);
            }
        }
    }

    fn address(&self, seen: &Seen<'_>) -> Value {
        let text = seen.ip.map(str::trim);
        let address = text.and_then(|text| text.parse::<IpAddr>().ok());
        let address = address.map(|address| address.to_canonical());
        let holds = |ip: &IpAddr| self.networks.iter().any(|network| network.contains(ip));
        json!({
            "public": text.and_then(address::public).is_some(),
            "own": address.as_ref().is_some_and(holds),
            "aws": address::is_aws(text, seen.asn),
        })
    }

    fn region(&self, seen: &Seen<'_>) -> Option<Value> {
        if self.regions.is_empty() {
            return None;
        }
        let expected = self.regions.contains(&seen.event.region)
            || GLOBAL.contains(&seen.call().source())
            // Lists the buckets of all regions; told by the one that answered.
            || seen.call().name() == "ListBuckets";
        Some(json!({ "unexpected": !expected }))
    }
}

#[cfg(test)]
mod tests;
