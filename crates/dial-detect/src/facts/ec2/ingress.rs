//! EC2 security groups: which ports are open to everyone.

use crate::facts::{Extractor, Facts, Known, list};
use crate::normalise::Call;
use crate::normalise::permission::Permission;
use crate::text;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// Ports whose services nobody should meet from the internet: remote shells and desktops,
/// databases, caches, search, orchestration.
const SENSITIVE: [i64; 29] = [
    20, 21, 22, 23, 135, 137, 139, 445, 1433, 1434, 1521, 2375, 2376, 2379, 3306, 3389, 5432, 5601,
    5900, 5985, 5986, 6379, 6443, 9042, 9200, 9300, 10250, 11211, 27017,
];
const WEB: [i64; 2] = [80, 443];
/// Longest prefix of a range that may serve as a part of everything, bits; a security group has
/// no room for the parts of longer ones.
const MAX_PART: u8 = 8;

pub(in crate::facts) const INGRESS: Extractor = Extractor {
    name: "ec2.ingress",
    summary: "Which ports a security group opens to every address",
    sources: &["ec2.amazonaws.com"],
    names: &["AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules"],
    facts: &[
        "ec2.ingress.public",
        "ec2.ingress.sensitive",
        "ec2.ingress.all_traffic",
        "ec2.ingress.web_only",
        "ec2.ingress.ports",
        "ec2.ingress.cidrs",
        "ec2.ingress.rule_ids",
        "ec2.ingress.external",
        "ec2.ingress.accounts",
    ],
    run: ingress,
};

fn ingress(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let permissions = call.permissions();
    if permissions.is_empty() {
        return;
    }
    let incoming: Vec<_> = permissions.iter().filter(|p| !p.egress).collect();
    let openings = openings(&incoming);
    let open: Vec<_> = incoming
        .into_iter()
        .filter(|p| is_open(p, &openings))
        .collect();
    state_claims(&open, facts);
    state_values(&open, facts);
    peers(&permissions, known, facts);
}

fn state_claims(open: &[&Permission<'_>], facts: &mut Facts) {
    let all_traffic = open.iter().any(|p| p.ports() == Some((0, 65_535)));
    let web_only = !open.is_empty() && open.iter().all(|p| is_web(p));
    facts.set("ec2.ingress.public", !open.is_empty());
    facts.set(
        "ec2.ingress.sensitive",
        open.iter().any(|p| is_sensitive(p)),
    );
    facts.set("ec2.ingress.all_traffic", all_traffic);
    facts.set("ec2.ingress.web_only", web_only);
}

fn state_values(open: &[&Permission<'_>], facts: &mut Facts) {
    let ports = open.iter().map(|p| p.ports_in_words());
    facts.set("ec2.ingress.ports", list(ports));
    facts.set("ec2.ingress.cidrs", list(open.iter().map(|p| cidr(p))));
    let rules = open.iter().filter_map(|p| p.rule_id);
    facts.set("ec2.ingress.rule_ids", list(rules));
    for permission in open {
        let (ports, cidr) = (permission.ports_in_words(), cidr(permission));
        facts.say(format!("opens {ports} to {cidr}"));
    }
}

/// Ports and address family that some ranges together open to every address.
type Opening = (Option<(i64, i64)>, bool);

/// What is open to everyone: by one range, or by several on the same ports, for two halves of
/// all addresses are all addresses.
fn openings(incoming: &[&Permission<'_>]) -> BTreeSet<Opening> {
    let mut ranges: BTreeMap<Opening, Vec<IpNet>> = BTreeMap::new();
    for permission in incoming {
        if let Some(part) = permission.cidr.filter(is_part) {
            ranges
                .entry(opening(permission, &part))
                .or_default()
                .push(part);
        }
    }
    let is_all = |parts: &Vec<IpNet>| IpNet::aggregate(parts).iter().any(|r| r.prefix_len() == 0);
    let open = ranges.into_iter().filter(|(_, parts)| is_all(parts));
    open.map(|(opening, _)| opening).collect()
}

fn is_open(permission: &Permission<'_>, openings: &BTreeSet<Opening>) -> bool {
    let part = permission.cidr.filter(is_part);
    part.is_some_and(|part| openings.contains(&opening(permission, &part)))
}

fn opening(permission: &Permission<'_>, range: &IpNet) -> Opening {
    (permission.ports(), range.addr().is_ipv4())
}

fn is_part(range: &IpNet) -> bool {
    range.prefix_len() <= MAX_PART
}

/// Groups of other accounts that are let in.
fn peers(permissions: &[Permission<'_>], known: &Known<'_>, facts: &mut Facts) {
    let named = permissions
        .iter()
        .filter(|p| !p.egress)
        .filter_map(|p| p.peer_account);
    let outside: BTreeSet<_> = named.filter(|account| !known.has(account)).collect();
    facts.set("ec2.ingress.external", !outside.is_empty());
    facts.set("ec2.ingress.accounts", list(&outside));
    for account in outside {
        facts.say(format!(
            "lets in a security group of outside account {}",
            text::shown(account)
        ));
    }
}

pub(super) fn is_sensitive(permission: &Permission<'_>) -> bool {
    SENSITIVE.iter().any(|port| permission.covers(*port))
}

fn is_web(permission: &Permission<'_>) -> bool {
    permission
        .ports()
        .is_some_and(|(from, to)| from == to && WEB.contains(&from))
}

fn cidr(permission: &Permission<'_>) -> String {
    permission
        .cidr
        .map(|cidr| cidr.to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::facts::{answered, facts_of, sample};
    use serde_json::{Value, json};

    const NAME: &str = "AuthorizeSecurityGroupIngress";

    fn by_list(ranges: Value, protocol: &str, from: i64, to: i64) -> Value {
        let mut item = json!({"ipProtocol": protocol, "fromPort": from, "toPort": to,
            "groups": {}, "ipRanges": {}, "ipv6Ranges": {}, "prefixListIds": {}});
        item["ipRanges"]["items"] = ranges;
        json!({"groupId": "sg-1", "ipPermissions": {"items": [item]}})
    }

    /// Public, sensitive, all traffic, web only; as letters.
    fn seen(facts: &super::Facts) -> String {
        let names = ["public", "sensitive", "all_traffic", "web_only"];
        let letter = |name: &&str| facts.get(&format!("ec2.ingress.{name}")) == Some(&json!(true));
        names
            .iter()
            .filter(|n| letter(n))
            .map(|n| &n[..1])
            .collect()
    }

    #[test]
    fn open_ports_are_seen_in_every_shape() {
        let any = json!([{"cidrIp": "0.0.0.0/0"}]);
        let all = json!({"groupId": "sg-1", "ipPermissions": {"items": [{
            "ipProtocol": "-1", "groups": {}, "ipRanges": {},
            "ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]}, "prefixListIds": {},
        }]}});
        let flat = json!({"groupId": "sg-1", "cidrIp": "203.0.113.9/0", "fromPort": 22,
            "toPort": 22, "ipProtocol": "tcp", "ipPermissions": {}});
        let cases = [
            ("shell", by_list(any.clone(), "tcp", 22, 22), "ps"),
            (
                "range around a database",
                by_list(any.clone(), "tcp", 3000, 4000),
                "ps",
            ),
            ("web", by_list(any.clone(), "tcp", 443, 443), "pw"),
            ("odd port", by_list(any.clone(), "tcp", 8081, 8081), "p"),
            ("every port", by_list(any.clone(), "tcp", 0, 65535), "psa"),
            (
                "ICMP type 22 is no port",
                by_list(any.clone(), "icmp", 22, 22),
                "p",
            ),
            ("everything by IPv6", all, "psa"),
            ("flat, with host bits", flat, "ps"),
            (
                "private range with the text 0.0.0.0",
                by_list(json!([{"cidrIp": "10.0.0.0/8"}]), "tcp", 22, 22),
                "",
            ),
            (
                "both halves of all addresses",
                by_list(
                    json!([{"cidrIp": "0.0.0.0/1"}, {"cidrIp": "128.0.0.0/1"}]),
                    "tcp",
                    22,
                    22,
                ),
                "ps",
            ),
            (
                "half of all addresses",
                by_list(json!([{"cidrIp": "0.0.0.0/1"}]), "tcp", 22, 22),
                "",
            ),
            (
                "no range",
                by_list(json!([{"cidrIp": "everything/0"}]), "tcp", 22, 22),
                "",
            ),
        ];
        for (name, request, expected) in cases {
            let facts = facts_of(&sample("ec2.amazonaws.com", NAME, request));
            assert_eq!(seen(&facts), expected, "{name}");
        }
    }

    #[test]
    fn the_answer_is_preferred_and_names_the_rules() {
        let rule = |cidr: &str, egress: bool| {
            json!({"securityGroupRuleId": "sgr-1", "groupId": "sg-1", "ipProtocol": "tcp",
                "fromPort": 22, "toPort": 22, "isEgress": egress, "cidrIpv4": cidr})
        };
        let request = || by_list(json!([{"cidrIp": "0.0.0.0/0"}]), "tcp", 22, 22);
        for (cidr, egress, expected) in [
            ("0.0.0.0/0", false, "ps"),
            ("0.0.0.0/0", true, ""),
            ("192.0.2.1/32", false, ""),
        ] {
            let response = json!({"securityGroupRuleSet": {"items": [rule(cidr, egress)]}});
            let facts = facts_of(&answered("ec2.amazonaws.com", NAME, request(), response));
            assert_eq!(seen(&facts), expected, "{cidr} {egress}");
            let ids = if expected.is_empty() {
                json!([])
            } else {
                json!(["sgr-1"])
            };
            assert_eq!(facts.get("ec2.ingress.rule_ids"), Some(&ids));
        }
    }

    #[test]
    fn changed_rules_and_foreign_groups_are_seen() {
        let modified = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1",
            "SecurityGroupRule": {"SecurityGroupRuleId": "sgr-2", "tag": 1, "SecurityGroupRule": {
                "CidrIpv6": "::/0", "FromPort": 3389, "ToPort": 3389, "IpProtocol": "tcp"}}}});
        let facts = facts_of(&sample(
            "ec2.amazonaws.com",
            "ModifySecurityGroupRules",
            modified,
        ));
        assert_eq!(seen(&facts), "ps");
        assert_eq!(facts.get("ec2.ingress.rule_ids"), Some(&json!(["sgr-2"])));
        assert_eq!(facts.sentences, ["Opens tcp 3389 to ::/0"]);

        for (account, expected) in [("777788889999", true), ("444455556666", false)] {
            let request = json!({"groupId": "sg-1", "ipPermissions": {"items": [{
                "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {},
                "groups": {"items": [{"groupId": "sg-9", "userId": account}]}}]}});
            let facts = facts_of(&sample("ec2.amazonaws.com", NAME, request));
            assert_eq!(
                facts.get("ec2.ingress.external"),
                Some(&json!(expected)),
                "{account}"
            );
        }
    }

    #[test]
    fn denied_calls_without_request_have_no_facts() {
        let facts = facts_of(&sample("ec2.amazonaws.com", NAME, Value::Null));
        assert_eq!(facts, super::Facts::default());
    }
}
