//! `[master.enrolment]`: which accounts may fetch their workers' keys, as which roles.

use super::role::RolePattern;
use dial_core::AccountId;
use dial_core::enrolment::Audience;
use dial_core::ports::Role;
use reqwest::Url;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Hours that a key may hold.
const KEY_HOURS: std::ops::RangeInclusive<u32> = 1..=168;

/// `[master.enrolment]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnrolmentSettings {
    /// URL that workers know this master by; else `base_url`.
    pub audience: Option<String>,
    /// Accounts that may enrol.
    pub accounts: BTreeSet<AccountId>,
    /// Whether every active account of the organisation may enrol.
    pub organization: bool,
    /// ARN of a role that may describe the organisation's accounts; else the master's own.
    pub organization_role: Option<String>,
    /// Names of roles that may enrol; `{region}` is the region of the key, `*` anything.
    pub roles: BTreeSet<RolePattern>,
    /// How long a key holds: also the longest time that a worker is heard after its account left.
    pub key_hours: u32,
    /// Asks an emulator instead of AWS and believes what it says; for trials on one machine.
    pub dangerous_aws_endpoint: Option<String>,
}

impl Default for EnrolmentSettings {
    fn default() -> Self {
        let role = RolePattern::try_from("dial-worker-{region}".to_owned());
        Self {
            audience: None,
            accounts: BTreeSet::new(),
            organization: false,
            organization_role: None,
            roles: role.into_iter().collect(),
            key_hours: 24,
            dangerous_aws_endpoint: None,
        }
    }
}

impl EnrolmentSettings {
    /// Reports each problem as (path below `enrolment`, message with its fix).
    pub fn check(&self, report: &mut dyn FnMut(&str, String)) {
        if self.accounts.is_empty() && !self.organization {
            let fix = "name accounts, or set organization = true";
            report("accounts", format!("nobody could enrol; {fix}"));
        }
        if self.roles.is_empty() {
            report(
                "roles",
                "nobody could enrol; name the workers' roles".into(),
            );
        }
        if !KEY_HOURS.contains(&self.key_hours) {
            let (least, most) = (KEY_HOURS.start(), KEY_HOURS.end());
            let hours = self.key_hours;
            report(
                "key_hours",
                format!("{hours} is out of range; use {least} to {most}"),
            );
        }
        if let Some(Err(message)) = self.audience.as_deref().map(audience) {
            report("audience", message);
        }
        if let Some(arn) = &self.organization_role {
            if !self.organization {
                report("organization_role", "is for organization = true".into());
            }
            if !is_role(arn) {
                let shape = "arn:aws:iam::111122223333:role/name";
                report(
                    "organization_role",
                    format!("is no ARN of a role, such as {shape}"),
                );
            }
        }
        let endpoint = self.dangerous_aws_endpoint.as_deref().map(Url::parse);
        if let Some(Err(error)) = endpoint {
            report("dangerous_aws_endpoint", format!("is no URL: {error}"));
        }
    }

    /// The role that is assumed to describe accounts.
    pub(super) fn role(&self) -> Option<Role> {
        let arn = self.organization_role.clone()?;
        let external_id = None;
        Some(Role { arn, external_id })
    }
}

/// The name of a master by its URL; the error says what to change.
pub(super) fn audience(text: &str) -> Result<Audience, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err("must be a plain URL, as workers have it in master_url".into());
    }
    Audience::parse(url.as_str()).map_err(|error| error.to_string())
}

fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [head, partition, service, region, account, name] = parts[..] else {
        return false;
    };
    let place = head == "arn" && partition.starts_with("aws") && service == "iam";
    let named = name
        .strip_prefix("role/")
        .is_some_and(|name| !name.is_empty());
    place && region.is_empty() && AccountId::parse(account).is_ok() && named
}

#[cfg(test)]
mod tests {
    use crate::config::Master;
    use dial_core::config::section;

    fn told(lines: &str) -> Result<(), String> {
        let text = format!(
            "[master]\nroot_keys = {{ 1 = \"env:R\" }}\nauth = \"none\"\n\n[master.enrolment]\n{lines}\n"
        );
        let read = section::<Master>("dial.toml", &text, "master", []);
        read.map(drop).map_err(|problems| problems.to_string())
    }

    #[test]
    fn what_is_needed_is_little() {
        for lines in [
            "organization = true",
            "accounts = [\"111122223333\"]",
            "organization = true\norganization_role = \"arn:aws:iam::444455556666:role/dial-accounts\"\n\
             audience = \"https://dial.example.com\"\nkey_hours = 1\nroles = [\"dial-worker*\"]",
        ] {
            assert_eq!(told(lines), Ok(()), "{lines}");
        }
    }

    #[test]
    fn every_problem_is_listed_with_its_fix() {
        let all = "accounts = [\"1111\"]\norganization_role = \"role/x\"\nroles = [\"a b\"]\n\
                   key_hours = 0\naudience = \"dial\"\ndangerous_aws_endpoint = \"moto\"\nacounts = []";
        let none = "roles = []";
        let text = [all, none].map(|lines| told(lines).unwrap_err());
        insta::assert_snapshot!(text.join("\n\n"));
    }
}
