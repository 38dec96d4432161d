//! Keeps sinks away from addresses inside: loopback, private, link-local, metadata.

use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses sinks may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Guard {
    /// Public ones, by https.
    #[default]
    Public,
    /// Any, also by http: `dangerous_allow_private_sinks`.
    Anything,
    /// Any by https, and by http this machine: for what the operator alone can name.
    Named,
}

/// Why an address is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Cannot be read; the text is not shown, for it may be a secret.
    #[error("is no URL: {0}")]
    Malformed(String),
    /// Neither https nor allowed otherwise.
    #[error("must start with https://")]
    Scheme,
    /// User or password before the host.
    #[error("must not hold a user or password")]
    Credentials,
    /// Inside.
    #[error("points at {0}, which is not public; set dangerous_allow_private_sinks if you mean it")]
    Private(String),
}

/// IPv4 that is not the public internet (IANA special-purpose registry, multicast, reserved).
const V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// IPv6 that is public: global unicast …
const GLOBAL: Ipv6Net = v6(0x2000, 0, 3);
/// … without protocol assignments (Teredo among them), documentation and 6to4.
const V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),
    v6(0x2001, 0xdb8, 32),
    v6(0x2002, 0, 16),
    v6(0x3fff, 0, 20),
];
/// NAT64: an IPv4 address in its last 32 bits.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

impl Guard {
    /// Reads a sink's URL; names are checked again when they are resolved.
    pub fn url(self, text: &str) -> Result<Url, Refused> {
        let url = Url::parse(text).map_err(|e| Refused::Malformed(e.to_string()))?;
        self.check(&url)?;
        Ok(url)
    }

    /// Checks what can be known of a URL without resolving its host.
    pub fn check(self, url: &Url) -> Result<(), Refused> {
        let plain = match self {
            Guard::Public => false,
            Guard::Anything => true,
            Guard::Named => is_this_machine(url),
        };
        if url.scheme() != "https" && !(plain && url.scheme() == "http") {
            return Err(Refused::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        let host = url.host_str().unwrap_or_default();
        // The parser has turned every spelling of an address into the usual one.
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let inside = match bare.parse::<IpAddr>() {
            Ok(address) => !self.allows(address),
            Err(_) => self == Guard::Public && is_local_name(bare),
        };
        if inside {
            return Err(Refused::Private(bare.to_owned()));
        }
        Ok(())
    }

    /// Whether a sink may have this address.
    pub fn allows(self, address: IpAddr) -> bool {
        self != Guard::Public || is_public(address)
    }
}

/// Whether a URL names loopback, whatever a resolver says.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>();
    bare == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Names that mean this machine or this network whatever a resolver says.
fn is_local_name(host: &str) -> bool {
    let name = host.trim_end_matches('.');
    let local = ["localhost", "local", "internal", "localdomain", "home.arpa"];
    name.is_empty()
        || local
            .iter()
            .any(|l| name == *l || name.strip_suffix(l).is_some_and(|n| n.ends_with('.')))
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !V4.iter().any(|net| net.contains(&v4)),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public(IpAddr::V4(v4)),
            None if NAT64.contains(&v6) => {
                let [.., a, b, c, d] = v6.octets();
                is_public(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
            }
            None => GLOBAL.contains(&v6) && !V6.iter().any(|net| net.contains(&v6)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_are_refused_in_every_spelling() {
        let refused = [
            "http://hooks.example.org/",
            "ftp://hooks.example.org/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://0/",
            "https://10.1.2.3/",
            "https://100.64.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://172.31.255.255/",
            "https://192.168.0.1/",
            "https://255.255.255.255/",
            "https://[::]/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://[::7f00:1]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[64:ff9b:1::1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001::1]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
            "https://[ff02::1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://metadata.google.internal/",
            "https://user:pass@hooks.example.org/",
            "https:///",
            "hooks.example.org",
            "",
        ];
        for text in refused {
            assert!(Guard::Public.url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn public_ones_and_with_the_switch_private_ones_pass() {
        for text in [
            "https://hooks.slack.com/services/T/B/x",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
            "https://[64:ff9b::808:808]/",
            "https://internal.example.org/",
            "https://xn--bcher-kva.example/",
        ] {
            assert!(Guard::Public.url(text).is_ok(), "{text}");
        }
        for text in [
            "http://127.0.0.1:9000/alert",
            "http://[::1]/",
            "http://thehive/",
        ] {
            assert!(Guard::Anything.url(text).is_ok(), "{text}");
        }
        assert_eq!(
            Guard::Anything.url("file:///etc/passwd"),
            Err(Refused::Scheme)
        );
    }

    #[test]
    fn what_the_operator_names_may_be_inside_but_plain_on_this_machine_only() {
        for (text, expected) in [
            ("https://login.example.org/realms/soc", Ok(())),
            ("https://10.1.2.3/", Ok(())),
            ("https://keycloak.internal/", Ok(())),
            ("http://127.0.0.1:9400", Ok(())),
            ("http://[::1]:9400", Ok(())),
            ("http://localhost:9400", Ok(())),
            ("http://localhost.attacker.example/", Err(Refused::Scheme)),
            ("http://10.1.2.3/", Err(Refused::Scheme)),
            ("http://login.example.org/", Err(Refused::Scheme)),
            ("https://a:b@login.example.org/", Err(Refused::Credentials)),
        ] {
            assert_eq!(Guard::Named.url(text).map(drop), expected, "{text}");
        }
    }
}
