//! `[master.sign_in]`: how people sign in to the dashboard.

use super::oidc::OidcSettings;
use super::{ProxySettings, Report};
use crate::config::{Auth, Master};
use serde::Deserialize;
use std::ops::RangeInclusive;

/// Hours that a session may last: a shift, at most a week.
const SESSION_HOURS: RangeInclusive<u32> = 1..=168;

/// `[master.sign_in]`; an API token opens a session whatever it says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignInSettings {
    /// How long a session lasts.
    pub session_hours: u32,
    /// Whether whoever reaches loopback needs none; for trials on one machine.
    pub loopback: bool,
    /// The identity provider that people sign in at.
    pub oidc: Option<OidcSettings>,
    /// The proxy in front that knows who people are.
    pub proxy: Option<ProxySettings>,
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self {
            session_hours: 12,
            loopback: false,
            oidc: None,
            proxy: None,
        }
    }
}

impl SignInSettings {
    /// Reports what is wrong, without fetching a secret; paths are those below `sign_in`.
    pub(crate) fn check(&self, master: &Master, report: Report<'_>) {
        self.check_session(report);
        if self.loopback && !master.listen.0.ip().is_loopback() {
            let message = format!(
                "would let everyone in, for listen is {}; remove it, and sign in with a token",
                master.listen.0
            );
            report("loopback", message);
        }
        let doors = [
            ("oidc", self.oidc.is_some()),
            ("proxy", self.proxy.is_some()),
        ];
        if self.loopback || master.auth == Auth::None {
            for (name, _) in doors.iter().filter(|(_, is_there)| *is_there) {
                let message = "nobody signs in where loopback = true or auth = \"none\" says so; \
                               remove one";
                report(name, message.into());
            }
        }
        if let Some(oidc) = &self.oidc {
            let base_url = master.base_url.as_deref();
            oidc.check(base_url, &mut |path, message| {
                report(&format!("oidc.{path}"), message);
            });
        }
        if let Some(proxy) = &self.proxy {
            proxy.check(&mut |path, message| report(&format!("proxy.{path}"), message));
        }
    }

    fn check_session(&self, report: Report<'_>) {
        let hours = self.session_hours;
        if !SESSION_HOURS.contains(&hours) {
            let (least, most) = (SESSION_HOURS.start(), SESSION_HOURS.end());
            let message = format!("{hours} is out of range; use {least} to {most}");
            report("session_hours", message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::config::section;

    /// `[master]` with these lines, and `[master.sign_in]` with those.
    fn read(master: &str, sign_in: &str) -> Result<Master, String> {
        let token = "[[master.tokens]]\nname = \"a\"\nsecret = \"env:A\"\n";
        let text = format!(
            "[master]\nroot_keys = {{ 1 = \"env:R\" }}\n{master}\n{token}\n\
             [master.sign_in]\n{sign_in}\n"
        );
        section("dial.toml", &text, "master", []).map_err(|problems| problems.to_string())
    }

    const HTTPS: &str = "base_url = \"https://dial.example.org\"";
    const OIDC: &str = "[master.sign_in.oidc]\nissuer = \"https://login.example.org\"\n\
         client_id = \"dial\"\nroles = { soc = \"analyst\" }\n";
    const PROXY: &str = "[master.sign_in.proxy]\nheader = \"x-auth-request-email\"\n\
         roles_header = \"x-auth-request-groups\"\nroles = { soc = \"analyst\" }\n\
         allowed = [\"10.0.0.0/8\"]\n";

    #[test]
    fn every_door_opens_with_a_few_lines() {
        for (master, sign_in) in [
            ("", ""),
            ("", "session_hours = 8\nloopback = true"),
            (HTTPS, OIDC),
            ("base_url = \"http://localhost:8600\"", OIDC),
            ("", PROXY),
            (HTTPS, &format!("{OIDC}{PROXY}")),
        ] {
            let read = read(master, sign_in);
            assert!(read.is_ok(), "{master} {sign_in}: {read:?}");
        }
    }

    #[test]
    fn leaving_loopback_open_is_for_loopback_only() {
        for (listen, good) in [
            ("127.0.0.1:8600", true),
            ("[::1]:8600", true),
            ("0.0.0.0:8600", false),
            ("[::]:8600", false),
            ("10.0.0.1:8600", false),
        ] {
            let read = read(&format!("listen = \"{listen}\""), "loopback = true");
            assert_eq!(read.is_ok(), good, "{listen}: {read:?}");
        }
    }

    #[test]
    fn every_problem_is_named_with_its_fix() {
        let wrong_oidc = "[master.sign_in.oidc]\nissuer = \"http://login.example.org/?a=b\"\n\
             client_id = \"\"\nclient_secret = \"hunter2\"\nscopes = [\"profile\", \"a b\"]\n\
             roles_claim = \"\"\nrole = {}\nroles = {}\nname_claim = \"\"\nlabel = \"\"\n";
        let wrong_proxy = "[master.sign_in.proxy]\nheader = \"Cookie\"\n\
             roles_header = \"no header\"\nroles = { a = \"root\", \" \" = \"viewer\" }\n\
             allowed = [\"0.0.0.0/0\", \"10.0.0.1\"]\n";
        let nowhere = PROXY.replace("\"10.0.0.0/8\"", "");
        let everywhere = PROXY.replace("10.0.0.0/8", "::/0");
        let cases = [
            ("no base_url", "", OIDC),
            (
                "base_url by http",
                "base_url = \"http://dial.example.org\"",
                OIDC,
            ),
            ("provider", HTTPS, wrong_oidc),
            (
                "provider and open",
                HTTPS,
                &format!("loopback = true\n{OIDC}{PROXY}"),
            ),
            ("proxy", "", wrong_proxy),
            ("proxy from nowhere", "", &nowhere),
            ("proxy from everywhere", "", &everywhere),
            ("hours", "", "session_hours = 500"),
        ];
        let told = cases.map(|(name, master, sign_in)| {
            let problems = read(master, sign_in).unwrap_err();
            format!("{name}\n{problems}\n")
        });
        insta::assert_snapshot!(told.join("\n"));
    }
}
