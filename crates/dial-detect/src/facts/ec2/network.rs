//! Network ACLs, routes and peerings: the ways in below the security groups.

use super::EC2;
use super::ingress::is_sensitive;
use crate::facts::{Extractor, Facts, Known, list};
use crate::normalise::permission::{Permission, parse_cidr};
use crate::normalise::{Call, lookup};
use crate::text::shown;
use serde_json::Value;
use std::collections::BTreeSet;

pub(in crate::facts) const NACL: Extractor = Extractor {
    name: "ec2.nacl",
    summary: "Whether a network ACL entry lets every address in",
    sources: EC2,
    names: &["CreateNetworkAclEntry", "ReplaceNetworkAclEntry"],
    facts: &["ec2.nacl.public", "ec2.nacl.sensitive"],
    run: nacl,
};

pub(in crate::facts) const PEERING: Extractor = Extractor {
    name: "ec2.peering",
    summary: "Whether a network is connected with one of another account",
    sources: EC2,
    names: &[
        "AcceptTransitGatewayPeeringAttachment",
        "AcceptTransitGatewayVpcAttachment",
        "AcceptVpcPeeringConnection",
        "CreateTransitGatewayPeeringAttachment",
        "CreateVpcPeeringConnection",
    ],
    facts: &["ec2.peering.external", "ec2.peering.accounts"],
    run: peering,
};

pub(in crate::facts) const ROUTE: Extractor = Extractor {
    name: "ec2.route",
    summary: "Whether a default route leads to an internet gateway",
    sources: EC2,
    names: &["CreateRoute", "ReplaceRoute"],
    facts: &["ec2.route.internet"],
    run: route,
};

fn nacl(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let cidr = default_range(call, &["cidrBlock", "ipv6CidrBlock"]);
    let Some(action) = call.request_text("ruleAction") else {
        return;
    };
    let allows = action.eq_ignore_ascii_case("allow") && call.request_flag("egress") != Some(true);
    let ports = call.request("portRange");
    let port = |end: &str| ports.and_then(|ports| lookup::number(ports, end));
    let entry = Permission {
        cidr: cidr.and_then(parse_cidr),
        peer_account: None,
        from: port("from"),
        to: port("to"),
        protocol: call.request_text("aclProtocol").unwrap_or("-1"),
        egress: false,
        rule_id: None,
        group: None,
    };
    let public = allows && entry.is_public();
    facts.set("ec2.nacl.public", public);
    facts.set("ec2.nacl.sensitive", public && is_sensitive(&entry));
    if let (true, Some(cidr)) = (public, cidr) {
        let ports = entry.ports_in_words();
        facts.say(format!(
            "the network ACL lets {ports} in from {}",
            shown(cidr)
        ));
    }
}

fn peering(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let paths = [
        "vpcPeeringConnection.requesterVpcInfo.ownerId",
        "vpcPeeringConnection.accepterVpcInfo.ownerId",
        "transitGatewayPeeringAttachment.requesterTgwInfo.ownerId",
        "transitGatewayPeeringAttachment.accepterTgwInfo.ownerId",
        "transitGatewayVpcAttachment.vpcOwnerId",
    ];
    let stated = paths
        .into_iter()
        .filter_map(|path| call.response_text(path));
    let asked = ["peerOwnerId", "PeerAccountId"];
    let asked = asked.into_iter().filter_map(|path| call.request_text(path));
    let owners: BTreeSet<_> = stated.chain(asked).collect();
    if owners.is_empty() {
        return;
    }
    let outside: BTreeSet<_> = owners
        .into_iter()
        .filter(|owner| !known.has(owner))
        .collect();
    facts.set("ec2.peering.external", !outside.is_empty());
    facts.set("ec2.peering.accounts", list(&outside));
    for account in outside {
        facts.say(format!(
            "the network is connected with outside account {}",
            shown(account)
        ));
    }
}

fn route(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let Some(cidr) = default_range(call, &["destinationCidrBlock", "destinationIpv6CidrBlock"])
    else {
        return;
    };
    let gateway = call
        .request_text("gatewayId")
        .filter(|id| id.starts_with("igw-"));
    facts.set("ec2.route.internet", gateway.is_some());
    if let Some(gateway) = gateway {
        let (cidr, gateway) = (shown(cidr), shown(gateway));
        facts.say(format!("routes {cidr} to internet gateway {gateway}"));
    }
}

/// The text of the range that covers everything, where the call names one.
fn default_range<'a>(call: &Call<'a>, paths: &[&str]) -> Option<&'a str> {
    let texts = paths.iter().flat_map(|path| call.request_all(path));
    let is_all = |text: &&str| parse_cidr(text).is_some_and(|cidr| cidr.prefix_len() == 0);
    texts.filter_map(Value::as_str).find(is_all)
}

#[cfg(test)]
mod tests {
    use crate::facts::{answered, facts_of, sample};
    use serde_json::json;

    #[test]
    fn entries_that_let_everyone_in_are_seen() {
        let cases = [
            (
                "all traffic",
                json!({"cidrBlock": "0.0.0.0/0", "aclProtocol": "-1"}),
                (true, true),
            ),
            (
                "shell",
                json!({"cidrBlock": "0.0.0.0/0", "aclProtocol": "6", "portRange": {"from": 22, "to": 22}}),
                (true, true),
            ),
            (
                "IPv6",
                json!({"ipv6CidrBlock": "::/0", "aclProtocol": "6", "portRange": {"from": 0, "to": 65535}}),
                (true, true),
            ),
            (
                "names",
                json!({"cidrBlock": "0.0.0.0/0", "aclProtocol": "17", "portRange": {"from": 53, "to": 53}}),
                (true, false),
            ),
            (
                "ping",
                json!({"cidrBlock": "0.0.0.0/0", "aclProtocol": "1", "icmpTypeCode": {"type": 8, "code": -1}}),
                (true, false),
            ),
            (
                "private range",
                json!({"cidrBlock": "10.0.0.0/8", "aclProtocol": "-1"}),
                (false, false),
            ),
            (
                "outgoing",
                json!({"cidrBlock": "0.0.0.0/0", "aclProtocol": "-1", "egress": true}),
                (false, false),
            ),
            (
                "denied",
                json!({"cidrBlock": "0.0.0.0/0", "aclProtocol": "-1", "ruleAction": "deny"}),
                (false, false),
            ),
        ];
        for (name, mut request, (public, sensitive)) in cases {
            let entry = request.as_object_mut().expect("an object");
            entry.entry("egress").or_insert(json!(false));
            entry.entry("ruleAction").or_insert(json!("allow"));
            let facts = facts_of(&sample(
                "ec2.amazonaws.com",
                "CreateNetworkAclEntry",
                request,
            ));
            assert_eq!(facts.get("ec2.nacl.public"), Some(&json!(public)), "{name}");
            assert_eq!(
                facts.get("ec2.nacl.sensitive"),
                Some(&json!(sensitive)),
                "{name}"
            );
        }
    }

    #[test]
    fn default_routes_to_internet_gateways_are_seen() {
        let cases = [
            (
                "IPv4",
                json!({"destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}),
                Some(json!(true)),
            ),
            (
                "IPv6",
                json!({"destinationIpv6CidrBlock": "::/0", "gatewayId": "igw-1"}),
                Some(json!(true)),
            ),
            (
                "NAT",
                json!({"destinationCidrBlock": "0.0.0.0/0", "natGatewayId": "nat-1"}),
                Some(json!(false)),
            ),
            (
                "VPN",
                json!({"destinationCidrBlock": "0.0.0.0/0", "gatewayId": "vgw-1"}),
                Some(json!(false)),
            ),
            (
                "narrow",
                json!({"destinationCidrBlock": "10.0.0.0/8", "gatewayId": "igw-1"}),
                None,
            ),
        ];
        for (name, request, expected) in cases {
            let facts = facts_of(&sample("ec2.amazonaws.com", "CreateRoute", request));
            assert_eq!(facts.get("ec2.route.internet"), expected.as_ref(), "{name}");
        }
    }

    #[test]
    fn peerings_with_strangers_are_seen() {
        for (owner, expected) in [("777788889999", true), ("444455556666", false)] {
            let response = json!({"vpcPeeringConnection": {
                "requesterVpcInfo": {"ownerId": "111122223333"}, "accepterVpcInfo": {"ownerId": owner}}});
            let event = answered(
                "ec2.amazonaws.com",
                "CreateVpcPeeringConnection",
                json!({}),
                response,
            );
            assert_eq!(
                facts_of(&event).get("ec2.peering.external"),
                Some(&json!(expected)),
                "{owner}"
            );
        }
    }

    #[test]
    fn transit_gateways_of_strangers_are_seen() {
        let attachment =
            |owner: &str| json!({"transitGatewayVpcAttachment": {"vpcOwnerId": owner}});
        let cases = [
            (
                "CreateTransitGatewayPeeringAttachment",
                json!({"CreateTransitGatewayPeeringAttachmentRequest": {"PeerAccountId": "777788889999"}}),
                json!(null),
                true,
            ),
            (
                "AcceptTransitGatewayVpcAttachment",
                json!({}),
                json!({"AcceptTransitGatewayVpcAttachmentResponse": attachment("777788889999")}),
                true,
            ),
            (
                "AcceptTransitGatewayVpcAttachment",
                json!({}),
                json!({"AcceptTransitGatewayVpcAttachmentResponse": attachment("444455556666")}),
                false,
            ),
        ];
        for (name, request, response, expected) in cases {
            let facts = facts_of(&answered("ec2.amazonaws.com", name, request, response));
            let found = facts.get("ec2.peering.external");
            assert_eq!(found, Some(&json!(expected)), "{name}");
        }
    }
}
