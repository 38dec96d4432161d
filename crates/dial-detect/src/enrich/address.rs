//! Which texts are addresses that the outside world can say something about.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ranges that belong to nobody in particular, as (first bits, prefix length). The documentation
/// ranges are absent on purpose: examples and tests live there.
const PRIVATE_V4: [(Ipv4Addr, u8); 8] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];
const PRIVATE_V6: [(Ipv6Addr, u8); 4] = [
    // Unspecified, loopback; v4-mapped ones are read as v4 before.
    (Ipv6Addr::UNSPECIFIED, 64),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// The public address that a text is; `None` for service names, `AWS Internal`, private ranges.
///
/// `::ffff:a.b.c.d` is read as `a.b.c.d`, which is how databases and lists hold it.
pub(crate) fn public(text: &str) -> Option<IpAddr> {
    let address = text.trim().parse::<IpAddr>().ok()?.to_canonical();
    (!is_private(address)).then_some(address)
}

/// The network that a text is, or the one address; the error says what is wrong.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let shown: String = text.chars().take(60).collect();
    let parsed = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let net = parsed.map_err(|_| format!("`{shown}` is neither address nor network"))?;
    if net.prefix_len() == 0 {
        return Err(format!("`{shown}` covers every address"));
    }
    Ok(net)
}

/// Numbers of Amazon's own networks; what runs on EC2 calls from them too.
const AMAZON: [u32; 8] = [7_224, 8_987, 10_124, 14_618, 16_509, 19_047, 38_895, 62_785];

/// Whether a call came out of AWS: from a service, or from an address of Amazon's.
pub(crate) fn is_aws(text: Option<&str>, asn: Option<u32>) -> bool {
    let by_service = |text: &str| {
        text.ends_with(".amazonaws.com")
            || text == "AWS Internal"
            || text.starts_with("AWS Internal/")
    };
    text.is_some_and(by_service) || asn.is_some_and(|number| AMAZON.contains(&number))
}

/// Whether an address is one of a private, local or reserved range.
pub(super) fn is_private(address: IpAddr) -> bool {
    is_private_range(address, address)
}

/// Whether one private, local or reserved range holds both ends.
pub(super) fn is_private_range(first: IpAddr, last: IpAddr) -> bool {
    let prefix = |ip: IpAddr, length: u8| match ip {
        IpAddr::V4(v4) => u128::from(u32::from(v4) >> (32 - length)),
        IpAddr::V6(v6) => u128::from(v6) >> (128 - length),
    };
    let holds = |net: IpAddr, length: u8| {
        let same =
            |ip: IpAddr| ip.is_ipv4() == net.is_ipv4() && prefix(ip, length) == prefix(net, length);
        same(first) && same(last)
    };
    PRIVATE_V4
        .iter()
        .any(|(net, length)| holds((*net).into(), *length))
        || PRIVATE_V6
            .iter()
            .any(|(net, length)| holds((*net).into(), *length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_out_of_aws_is_known() {
        let cases = [
            (Some("ec2.amazonaws.com"), None, true),
            (Some("AWS Internal"), None, true),
            (Some("AWS Internal/3"), None, true),
            (Some("203.0.113.66"), Some(16_509), true),
            (Some("203.0.113.66"), Some(64_500), false),
            (Some("203.0.113.66"), None, false),
            (None, None, false),
        ];
        for (text, asn, expected) in cases {
            assert_eq!(is_aws(text, asn), expected, "{text:?} {asn:?}");
        }
    }

    #[test]
    fn only_public_addresses_are_asked_about() {
        let cases = [
            ("203.0.113.66", Some("203.0.113.66")),
            (" 203.0.113.66 ", Some("203.0.113.66")),
            ("::ffff:203.0.113.66", Some("203.0.113.66")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("10.0.0.1", None),
            ("100.127.255.255", None),
            ("100.128.0.0", Some("100.128.0.0")),
            ("172.31.255.255", None),
            ("172.32.0.0", Some("172.32.0.0")),
            ("127.0.0.1", None),
            ("169.254.169.254", None),
            ("0.0.0.0", None),
            ("255.255.255.255", None),
            ("::1", None),
            ("::ffff:10.0.0.1", None),
            ("fd00:ec2::254", None),
            ("fe80::1", None),
            ("ff02::1", None),
            ("AWS Internal/3", None),
            ("ec2.amazonaws.com", None),
            ("203.0.113.066", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|ip: &str| ip.parse::<IpAddr>().unwrap());
            assert_eq!(public(text), expected, "{text}");
        }
    }
}
