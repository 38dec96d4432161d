//! What the operator can tune about detection; the worker's configuration holds it.

use crate::enrich;
use crate::enrich::address;
use crate::severity::Override;
pub use crate::tuning::{Decoy, DecoyKind, Expiry, Own, Suppression};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Settings of detection; the default is the pack alone.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Folder of Sigma rules beside the pack; one of the same `name` replaces the pack's.
    pub rules: Option<PathBuf>,
    /// What an error in that folder does.
    pub on_rule_error: OnRuleError,
    /// Place, network, reputation of addresses; names of accounts.
    pub enrich: enrich::Settings,
    /// Accounts of the organisation, and S3 canonical user ids: sharing with them is not external.
    pub known_accounts: BTreeSet<String>,
    /// Accounts whose findings are one level worse.
    pub production_accounts: BTreeSet<String>,
    /// ARNs of CI and infrastructure-as-code roles or users whose findings are one level less bad.
    pub trusted_principals: Vec<String>,
    /// Severities by rule, account and region.
    pub severity: Vec<Override>,
    /// Whether the audit rules judge too: what changed, rather than what is wrong.
    pub audit_rules: bool,
    /// Regions in use; what happens in another one is unexpected. Empty: none is.
    pub allowed_regions: BTreeSet<String>,
    /// Resources that matter most: names, ARNs, or either with `*`.
    pub watched: Vec<String>,
    /// Networks that the organisation's own calls come from, as CIDR.
    pub own_networks: Vec<String>,
    /// DIAL's own parts, and who may touch them.
    pub own: Own,
    /// Things that nobody has a reason to touch.
    pub decoys: Vec<Decoy>,
    /// Findings that nobody is to be told of; allow lists are these.
    pub suppressions: Vec<Suppression>,
}

/// What an error in the operator's rules does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnRuleError {
    /// Nothing starts, so that nobody believes in a rule that is not there.
    #[default]
    Refuse,
    /// That rule is left out and named at every start; the rest runs.
    Skip,
}

impl dial_core::config::Check for Settings {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        let known = self.known_accounts.iter().enumerate();
        for (index, account) in known.filter(|(_, id)| !is_canonical_user(id)) {
            check_account(&format!("known_accounts.{index}"), account, report);
        }
        for (index, account) in self.production_accounts.iter().enumerate() {
            check_account(&format!("production_accounts.{index}"), account, report);
        }
        for (index, arn) in self.trusted_principals.iter().enumerate() {
            if let Err(message) = crate::tuning::check_principal(arn) {
                report(&format!("trusted_principals.{index}"), message);
            }
        }
        for (index, set) in self.severity.iter().enumerate() {
            if let Some(account) = &set.account {
                check_account(&format!("severity.{index}.account"), account, report);
            }
            if let Some(Err(error)) = set.region.as_deref().map(dial_core::Region::parse) {
                report(&format!("severity.{index}.region"), error.to_string());
            }
        }
        self.check_tuning(report);
    }
}

impl Settings {
    /// Suppressions that do not hold today, or soon will not, in order of the configuration.
    pub fn expiries(&self, now: Timestamp) -> Vec<Expiry> {
        let all = self.suppressions.iter().enumerate();
        all.filter_map(|(index, one)| one.expiry(index, now))
            .collect()
    }

    fn check_tuning(&self, report: &mut dyn FnMut(&str, String)) {
        for (index, region) in self.allowed_regions.iter().enumerate() {
            if let Err(error) = dial_core::Region::parse(region) {
                report(&format!("allowed_regions.{index}"), error.to_string());
            }
        }
        for (index, pattern) in self.watched.iter().enumerate() {
            if let Err(message) = crate::tuning::check_watched(pattern) {
                report(&format!("watched.{index}"), message);
            }
        }
        for (index, network) in self.own_networks.iter().enumerate() {
            if let Err(message) = address::network(network) {
                report(&format!("own_networks.{index}"), message);
            }
        }
        self.own
            .check(&mut |path, message| report(&format!("own.{path}"), message));
        for (index, decoy) in self.decoys.iter().enumerate() {
            if let Err(message) = decoy.check() {
                report(&format!("decoys.{index}.name"), message);
            }
        }
        for (index, suppression) in self.suppressions.iter().enumerate() {
            suppression.check(&mut |key, message| {
                let path = format!("suppressions.{index}");
                report(
                    &if key.is_empty() {
                        path
                    } else {
                        format!("{path}.{key}")
                    },
                    message,
                );
            });
        }
    }
}

/// 64 hexadecimal digits, as ACL grants name users.
fn is_canonical_user(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn check_account(path: &str, account: &str, report: &mut dyn FnMut(&str, String)) {
    if let Err(error) = dial_core::AccountId::parse(account) {
        report(path, error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::config::Check;

    #[test]
    fn every_problem_is_reported_with_its_path() {
        let settings: Settings = serde_json::from_value(serde_json::json!({
            "known_accounts": ["11112222333"],
            "trusted_principals": [
                "arn:aws:iam::111122223333:role/ci",
                "ci",
                "arn:aws:sts::111122223333:assumed-role/ci/*",
            ],
            "severity": [{ "account": "x", "region": "Mars", "severity": "low" }],
            "allowed_regions": ["eu-west-1", "mars base"],
            "watched": ["prod-*", "*"],
            "own_networks": ["10.0.0.0/8", "10.0.0.0/33", "0.0.0.0/0"],
            "own": { "prefix": "d", "arns": ["x"], "deployers": ["arn:aws:iam::1:role/*"] },
            "decoys": [
                { "kind": "user", "name": "svc-backup" },
                { "kind": "access_key", "name": "svc-backup" },
            ],
        }))
        .unwrap();
        let mut problems = Vec::new();
        settings.check(&mut |path, message| problems.push(format!("{path}: {message}")));
        insta::assert_snapshot!(problems.join("\n"));
        let unknown = serde_json::json!({ "known_account": [] });
        assert!(serde_json::from_value::<Settings>(unknown).is_err());
    }
}
