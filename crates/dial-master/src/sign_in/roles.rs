//! Which role people have here, by the groups that they have elsewhere.

use super::Report;
use dial_core::store::token::Scope;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Roles by group, as the configuration writes them; whoever is in none has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Roles(BTreeMap<String, Scope>);

impl Roles {
    /// The largest role of these groups, whose names count to the letter.
    pub fn of<'g>(&self, groups: impl IntoIterator<Item = &'g str>) -> Option<Scope> {
        let roles = groups
            .into_iter()
            .filter_map(|group| self.0.get(group).copied());
        roles.max()
    }

    /// Reports what is wrong.
    pub(super) fn check(&self, report: Report<'_>) {
        if self.0.is_empty() {
            let fix = "name groups, such as roles = { \"soc-analysts\" = \"analyst\" }";
            report("roles", format!("nobody could sign in; {fix}"));
        }
        if self.0.keys().any(|group| group.trim().is_empty()) {
            report("roles", "a group has no name".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_role_counts_and_names_count_to_the_letter() {
        let roles: Roles =
            toml::from_str("soc = 'analyst'\n\"soc leads\" = 'admin'\nit = 'viewer'").unwrap();
        let cases: [(&str, &[&str], Option<Scope>); 7] = [
            ("none", &[], None),
            ("one of ours", &["soc"], Some(Scope::Analyst)),
            ("several", &["it", "soc leads", "soc"], Some(Scope::Admin)),
            ("one among others", &["staff", "it"], Some(Scope::Viewer)),
            ("others only", &["staff", ""], None),
            ("another case", &["SOC"], None),
            ("a longer name", &["soc leads "], None),
        ];
        for (name, groups, expected) in cases {
            assert_eq!(roles.of(groups.iter().copied()), expected, "{name}");
        }
    }
}
