//! A proxy in front that signs people in and writes who they are into a header.
//!
//! Anybody can write a header: it counts only where the other end of the connection is the proxy.

use super::{MAX_NAME, Report, Roles};
use crate::api::Caller;
use crate::message::text::inert;
use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Headers that say something else, so that no proxy can write a name there.
const TAKEN: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::COOKIE,
    header::HOST,
    header::ORIGIN,
];
/// Most groups of a person that are looked at.
const MAX_GROUPS: usize = 1_000;

/// `[master.sign_in.proxy]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxySettings {
    /// Header that holds a person's name.
    pub header: String,
    /// Header that holds their groups between commas; absent = the name is the group.
    #[serde(default)]
    pub roles_header: Option<String>,
    /// Role of each group.
    #[serde(default)]
    pub roles: Roles,
    /// Addresses of the proxy.
    #[serde(default)]
    pub allowed: BTreeSet<IpNet>,
}

/// Believes a proxy.
#[derive(Debug, Clone)]
pub struct Proxy {
    name: HeaderName,
    groups: Option<HeaderName>,
    roles: Roles,
    allowed: BTreeSet<IpNet>,
}

/// Why a proxy's word does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyRefusal {
    /// The header came from somewhere else, and is as good as absent.
    #[error("header {header} came from {from}, which is not in sign_in.proxy.allowed")]
    Elsewhere {
        /// Its name.
        header: HeaderName,
        /// The other end.
        from: String,
    },
    /// It is there twice, or nothing that people can read.
    #[error("header {0} is not there exactly once with visible text")]
    Malformed(HeaderName),
    /// Known, but in no group with a role.
    #[error("none of the groups of {0} has a role in sign_in.proxy.roles")]
    NoRole(String),
}

impl ProxySettings {
    /// Reports what is wrong.
    pub(super) fn check(&self, report: Report<'_>) {
        let names = [Some(("header", &self.header))];
        let groups = self
            .roles_header
            .as_ref()
            .map(|name| ("roles_header", name));
        for (key, text) in names.into_iter().chain([groups]).flatten() {
            match text.parse::<HeaderName>() {
                Err(_) => report(key, format!("`{text}` is no name of a header")),
                Ok(name) if TAKEN.contains(&name) => {
                    let message = "says something else; use one such as x-forwarded-user";
                    report(key, format!("{name} {message}"));
                }
                Ok(_) => {}
            }
        }
        self.roles.check(report);
        if self.allowed.is_empty() {
            let fix = "name the proxy's, such as allowed = [\"10.0.3.7/32\"]";
            report("allowed", format!("no address could use it; {fix}"));
        }
        for net in self.allowed.iter().filter(|net| net.prefix_len() == 0) {
            let message = "would let anybody say who they are; name the proxy's addresses";
            report("allowed", format!("{net} {message}"));
        }
    }

    /// Puts checked settings to work; `None` where a header's name is none.
    pub fn build(&self) -> Option<Proxy> {
        let groups = match &self.roles_header {
            Some(name) => Some(name.parse().ok()?),
            None => None,
        };
        Some(Proxy {
            name: self.header.parse().ok()?,
            groups,
            roles: self.roles.clone(),
            allowed: self.allowed.clone(),
        })
    }
}

impl Proxy {
    /// Who a request comes from, as the proxy at the other end of its connection says; `None`
    /// where it says nothing.
    pub fn caller(
        &self,
        headers: &HeaderMap,
        from: Option<IpAddr>,
    ) -> Result<Option<Caller>, ProxyRefusal> {
        if !headers.contains_key(&self.name) {
            return Ok(None);
        }
        let from = from.map(|address| address.to_canonical());
        let known = |address: &IpAddr| self.allowed.iter().any(|net| net.contains(address));
        if !from.as_ref().is_some_and(known) {
            let from = from.map_or_else(|| "nowhere".to_owned(), |address| address.to_string());
            let header = self.name.clone();
            return Err(ProxyRefusal::Elsewhere { header, from });
        }
        let name = once(headers, &self.name)?.to_owned();
        if name.is_empty() || inert(&name, MAX_NAME) != name {
            return Err(ProxyRefusal::Malformed(self.name.clone()));
        }
        let groups = match &self.groups {
            None => vec![name.as_str()],
            Some(header) if headers.contains_key(header) => {
                let groups = once(headers, header)?.split(',').map(str::trim);
                groups.take(MAX_GROUPS).collect()
            }
            Some(_) => Vec::new(),
        };
        match self.roles.of(groups) {
            Some(scope) => Ok(Some(Caller { name, scope })),
            None => Err(ProxyRefusal::NoRole(name)),
        }
    }
}

/// The text of a header that is there exactly once.
fn once<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, ProxyRefusal> {
    let mut values = headers.get_all(name).iter();
    let text = match (values.next(), values.next()) {
        (Some(value), None) => std::str::from_utf8(value.as_bytes()).ok(),
        _ => None,
    };
    let malformed = || ProxyRefusal::Malformed(name.clone());
    text.map(str::trim).ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::store::token::Scope;

    const USER: &str = "x-auth-request-email";
    const GROUPS: &str = "x-auth-request-groups";

    fn proxy(groups: bool) -> Proxy {
        let settings = ProxySettings {
            header: "X-Auth-Request-Email".into(),
            roles_header: groups.then(|| GROUPS.into()),
            roles: toml::from_str(
                "soc = 'analyst'\nleads = 'admin'\n\"analyst@example.org\" = 'viewer'",
            )
            .unwrap(),
            allowed: ["10.0.0.0/8", "fd00::/8"]
                .map(|net| net.parse().unwrap())
                .into(),
        };
        settings.build().unwrap()
    }

    /// Headers of a request.
    type Shown<'h> = &'h [(&'static str, &'h str)];

    fn headers(list: Shown<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(
                *name,
                http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        headers
    }

    fn who(
        groups: bool,
        list: Shown<'_>,
        from: &str,
    ) -> Result<Option<(String, Scope)>, ProxyRefusal> {
        let caller = proxy(groups).caller(&headers(list), from.parse().ok())?;
        Ok(caller.map(|caller| (caller.name, caller.scope)))
    }

    #[test]
    fn the_proxy_says_who_it_is() {
        let analyst = |scope| Ok(Some(("analyst@example.org".to_owned(), scope)));
        let name = (USER, "analyst@example.org");
        for from in ["10.0.0.1", "::ffff:10.1.2.3", "fd00::1"] {
            assert_eq!(
                who(true, &[name, (GROUPS, "staff, soc")], from),
                analyst(Scope::Analyst),
                "{from}"
            );
        }
        assert_eq!(
            who(true, &[name, (GROUPS, "soc,leads")], "10.0.0.1"),
            analyst(Scope::Admin)
        );
        assert_eq!(who(false, &[name], "10.0.0.1"), analyst(Scope::Viewer));
        assert_eq!(who(true, &[], "10.0.0.1"), Ok(None));
        assert_eq!(who(true, &[(GROUPS, "leads")], "192.0.2.1"), Ok(None));
    }

    #[test]
    fn a_header_from_elsewhere_counts_for_nothing() {
        let list = [(USER, "analyst@example.org"), (GROUPS, "leads")];
        for from in [
            "192.0.2.1",
            "11.0.0.1",
            "127.0.0.1",
            "::1",
            "2001:db8::1",
            "nowhere",
        ] {
            let refused = who(true, &list, from).unwrap_err();
            assert!(matches!(refused, ProxyRefusal::Elsewhere { .. }), "{from}");
        }
    }

    #[test]
    fn what_is_no_name_or_no_role_is_refused() {
        let malformed = |name: &'static str| ProxyRefusal::Malformed(HeaderName::from_static(name));
        let long = "a".repeat(65);
        let cases: [(&str, Shown<'_>, ProxyRefusal); 9] = [
            (
                "twice",
                &[(USER, "analyst@example.org"), (USER, "viewer@example.org")],
                malformed(USER),
            ),
            ("empty", &[(USER, " ")], malformed(USER)),
            ("too long", &[(USER, &long)], malformed(USER)),
            (
                "hidden",
                &[(USER, "analyst\u{200b}@example.org")],
                malformed(USER),
            ),
            (
                "turned round",
                &[(USER, "\u{202e}gro.elpmaxe@tsylana")],
                malformed(USER),
            ),
            (
                "groups twice",
                &[(USER, "analyst"), (GROUPS, "staff"), (GROUPS, "leads")],
                malformed(GROUPS),
            ),
            (
                "no groups",
                &[(USER, "analyst")],
                ProxyRefusal::NoRole("analyst".into()),
            ),
            (
                "other groups",
                &[(USER, "analyst"), (GROUPS, "staff,SOC,")],
                ProxyRefusal::NoRole("analyst".into()),
            ),
            (
                "a name is no group",
                &[(USER, "leads"), (GROUPS, "staff")],
                ProxyRefusal::NoRole("leads".into()),
            ),
        ];
        for (name, list, expected) in cases {
            assert_eq!(who(true, list, "10.0.0.1"), Err(expected), "{name}");
        }
    }
}
