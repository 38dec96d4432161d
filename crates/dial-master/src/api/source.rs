//! Where a request came from, for limits on those who are not known yet.

use http::Extensions;
use lambda_http::request::RequestContext;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The other end of the connection, where this process has taken it itself.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The address, as API Gateway or the connection says; a network of IPv6 counts as one source.
///
/// `X-Forwarded-For` is not believed: anybody can write it.
pub(crate) fn of(extensions: &Extensions) -> String {
    let gateway = match extensions.get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        _ => None,
    };
    let gateway = gateway.and_then(|ip| ip.parse().ok());
    let peer = || extensions.get::<Peer>().map(|peer| peer.0.ip());
    match gateway.or_else(peer) {
        Some(address) => network(address.to_canonical()),
        None => "unknown".to_owned(),
    }
}

fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let cases = [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ];
        for (address, expected) in cases {
            let mut extensions = Extensions::new();
            assert_eq!(of(&extensions), "unknown");
            let ip: IpAddr = address.parse().unwrap();
            extensions.insert(Peer(SocketAddr::new(ip, 1)));
            assert_eq!(of(&extensions), expected, "{address}");
        }
    }
}
