//! Suppressions and allow lists: findings that are kept and listed while nobody is told.

mod breadth;
mod expiry;

pub use expiry::Expiry;

use super::decoy::Decoy;
use super::glob::fits_exactly;
use super::principal::Caller;
use crate::enrich::address;
use dial_core::dead_letter::hex;
use dial_core::finding::{self, Finding, Resource};
use expiry::date;
use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// Hex digits of a suppression's id.
const ID_DIGITS: usize = 12;
/// A finding that lists so many resources may have more: none can be told to be all.
const TOO_MANY: usize = 20;

/// Findings of which nobody is told, as the operator writes it. What is left out fits everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Suppression {
    /// Name or id of the rule.
    pub rule: Option<String>,
    /// Account number of the event.
    pub account: Option<String>,
    /// Region of the event.
    pub region: Option<String>,
    /// ARN of the caller: a user, or the role behind a session.
    pub principal: Option<String>,
    /// ARN or name of what the finding is about; `*` after its first characters.
    pub resource: Option<String>,
    /// Addresses that the call came from, as CIDR.
    pub network: Option<String>,
    /// Who answers for it; mandatory.
    pub owner: String,
    /// Why it is there; mandatory.
    pub reason: String,
    /// Last day (UTC) on which it holds; mandatory.
    #[serde(deserialize_with = "date")]
    pub expires: Option<Date>,
}

impl Suppression {
    /// Made from what it fits; owner, reason and expiry may change under it.
    pub fn id(&self) -> String {
        let parts = [
            &self.rule,
            &self.account,
            &self.region,
            &self.principal,
            &self.resource,
            &self.network,
        ];
        let mut hash = Sha256::new();
        for part in parts {
            let part = part.as_deref().unwrap_or_default();
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut digits = hex(&hash.finalize());
        digits.truncate(ID_DIGITS);
        format!("s-{digits}")
    }
}

/// The suppressions, ready to be asked.
#[derive(Debug, Default)]
pub(super) struct Suppressions(Vec<Ready>);

/// One suppression with its parts read.
#[derive(Debug)]
pub(super) struct Ready {
    written: Suppression,
    principal: Option<Caller>,
    network: Option<IpNet>,
    id: String,
    expires: Date,
}

impl Suppressions {
    /// What does not check out is left out: it suppresses nothing.
    pub(super) fn of(written: &[Suppression]) -> Self {
        Self(written.iter().filter_map(Ready::of).collect())
    }

    /// Those that hold today and fit the finding.
    pub(super) fn fitting(
        &self,
        finding: &Finding,
        now: Timestamp,
    ) -> impl Iterator<Item = &Ready> {
        let holding = self.0.iter().filter(move |one| one.holds(now));
        holding.filter(move |one| one.fits(finding))
    }

    /// The one that names rule, caller and every touched decoy to the letter.
    pub(super) fn naming(
        &self,
        finding: &Finding,
        touched: &[&Decoy],
        now: Timestamp,
    ) -> Option<&Ready> {
        let mut holding = self.0.iter().filter(|one| one.holds(now));
        holding.find(|one| one.names(touched) && one.fits_but_resource(finding))
    }
}

impl Ready {
    fn of(written: &Suppression) -> Option<Self> {
        let mut is_good = true;
        written.check(&mut |_, _| is_good = false);
        let principal = written.principal.as_deref().map(Caller::parse);
        let network = written.network.as_deref().map(address::network);
        is_good.then_some(())?;
        Some(Self {
            written: written.clone(),
            principal: principal.transpose().ok()?,
            network: network.transpose().ok()?,
            id: written.id(),
            expires: written.expires?,
        })
    }

    /// As findings carry it.
    pub(super) fn said(&self) -> finding::Suppression {
        finding::Suppression {
            id: self.id.clone(),
            owner: self.written.owner.clone(),
            reason: self.written.reason.clone(),
            expires: self.expires,
        }
    }

    fn holds(&self, now: Timestamp) -> bool {
        expiry::holds(self.expires, now)
    }

    fn fits(&self, finding: &Finding) -> bool {
        let resource = self.written.resource.as_deref();
        self.fits_but_resource(finding)
            && resource.is_none_or(|pattern| fits_resources(pattern, &finding.resources))
    }

    fn fits_but_resource(&self, finding: &Finding) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        let written = &self.written;
        (is(&written.rule, &finding.rule.name) || is(&written.rule, &finding.rule.id))
            && is(&written.account, &finding.account.id)
            && is(&written.region, &finding.region)
            && self.fits_caller(&finding.principal)
            && self.fits_address(finding.source.ip.as_deref())
    }

    /// By what AWS says of the caller; what the caller names itself, its session, decides nothing.
    fn fits_caller(&self, principal: &finding::Principal) -> bool {
        let arns = [&principal.arn, &principal.session_issuer];
        let mut arns = arns.into_iter().filter_map(Option::as_deref);
        let wanted = self.principal.as_ref();
        wanted.is_none_or(|wanted| arns.any(|arn| wanted.is(arn)))
    }

    /// Only a real address is in a network; a service's name never is.
    fn fits_address(&self, ip: Option<&str>) -> bool {
        self.network.is_none_or(|network| {
            let address = ip.and_then(|ip| ip.trim().parse::<IpAddr>().ok());
            address.is_some_and(|address| network.contains(&address.to_canonical()))
        })
    }

    /// Whether it has a rule, one caller, and as its resource all of these decoys.
    fn names(&self, touched: &[&Decoy]) -> bool {
        let resource = self.written.resource.as_deref();
        self.written.rule.is_some()
            && self.principal.as_ref().is_some_and(Caller::is_one)
            && resource.is_some_and(|text| touched.iter().all(|decoy| decoy.is_named_by(text)))
    }
}

/// Whether all that the finding is about fits: one allowed resource in a call hides no other.
fn fits_resources(pattern: &str, resources: &[Resource]) -> bool {
    let Some(first) = resources.first() else {
        return false;
    };
    let mut alike = resources.iter().filter(|one| one.kind == first.kind);
    resources.len() < TOO_MANY && alike.all(|one| fits_resource(pattern, one))
}

fn fits_resource(pattern: &str, resource: &Resource) -> bool {
    let arn = resource.arn.as_deref();
    match arn {
        _ if !pattern.starts_with("arn:") => {
            fits_exactly(pattern, &resource.name) || fits_exactly(pattern, &resource.key())
        }
        Some(arn) => fits_exactly(pattern, arn),
        None => false,
    }
}

#[cfg(test)]
mod tests;
