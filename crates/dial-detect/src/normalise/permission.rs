//! Security group permissions: three shapes of the record, one list.

use super::{Call, lookup};
use crate::text::shown;
use ipnet::IpNet;
use serde_json::Value;
use std::net::IpAddr;

/// One source that a security group lets in (or out), on one range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission<'a> {
    /// Address range; `None` where a group or prefix list is named instead.
    pub cidr: Option<IpNet>,
    /// The other security group's account, where a group is named.
    pub peer_account: Option<&'a str>,
    /// First port, or ICMP type; absent with protocol `-1`.
    pub from: Option<i64>,
    /// Last port, or ICMP code.
    pub to: Option<i64>,
    /// `tcp`, `udp`, `icmp`, a number as text, or `-1` for all.
    pub protocol: &'a str,
    /// Whether it is about outgoing traffic.
    pub egress: bool,
    /// `sgr-…`, known from the response.
    pub rule_id: Option<&'a str>,
    /// `sg-…`, where the record tells.
    pub group: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// Permissions that the call sets: from the response, which is uniform and names the rules,
    /// else from the request.
    pub fn permissions(&self) -> Vec<Permission<'a>> {
        let group = self.request_text("groupId");
        let base = Permission {
            cidr: None,
            peer_account: None,
            from: None,
            to: None,
            protocol: "-1",
            egress: self.name().ends_with("Egress"),
            rule_id: None,
            group,
        };
        let rules = self.response_all("securityGroupRuleSet.items");
        let answered: Vec<_> = rules.iter().map(|rule| base.with_rule(rule)).collect();
        if answered.is_empty() {
            self.requested(&base)
        } else {
            answered
        }
    }

    fn requested(&self, base: &Permission<'a>) -> Vec<Permission<'a>> {
        let mut found = Vec::new();
        for item in self.request_all("ipPermissions.items") {
            base.with_ports(item).spread(item, &mut found);
        }
        let modified = self.request_all("SecurityGroupRule");
        found.extend(modified.into_iter().map(|change| {
            let rule = lookup::one(change, "SecurityGroupRule").unwrap_or(change);
            let id = lookup::text(change, "SecurityGroupRuleId");
            Permission {
                rule_id: id,
                ..base.with_rule(rule)
            }
        }));
        if let Some(flat) = self.event().record.get("requestParameters") {
            let flat = base.with_rule(flat);
            found.extend(flat.cidr.is_some().then_some(flat));
        }
        found
    }
}

impl<'a> Permission<'a> {
    /// Whether the range is all of IPv4 or all of IPv6.
    pub fn is_public(&self) -> bool {
        self.cidr.is_some_and(|cidr| cidr.prefix_len() == 0)
    }

    /// Whether a port is let in; false for ICMP, whose types are no ports.
    pub fn covers(&self, port: i64) -> bool {
        self.ports()
            .is_some_and(|(from, to)| from <= port && port <= to)
    }

    /// Port range, both ends included; `None` for protocols without ports.
    pub fn ports(&self) -> Option<(i64, i64)> {
        match self.protocol.to_ascii_lowercase().as_str() {
            "-1" | "all" => Some((0, 65_535)),
            "tcp" | "udp" | "6" | "17" => Some(match (self.from, self.to) {
                (None | Some(-1), None | Some(-1)) => (0, 65_535),
                (from, to) => {
                    let from = from.or(to).unwrap_or(0);
                    (from, to.unwrap_or(from))
                }
            }),
            _ => None,
        }
    }

    /// `tcp 22`, `udp 1000-2000`, `protocol icmp`, `all traffic`.
    pub fn ports_in_words(&self) -> String {
        let protocol = match self.protocol {
            "6" => "tcp".to_owned(),
            "17" => "udp".to_owned(),
            other => shown(other),
        };
        match self.ports() {
            _ if protocol == "-1" => "all traffic".to_owned(),
            Some((from, to)) if from == to => format!("{protocol} {from}"),
            Some((from, to)) => format!("{protocol} {from}-{to}"),
            None => format!("protocol {protocol}"),
        }
    }

    fn with_ports(self, value: &'a Value) -> Self {
        Self {
            from: lookup::number(value, "fromPort"),
            to: lookup::number(value, "toPort"),
            protocol: lookup::text(value, "ipProtocol").unwrap_or(self.protocol),
            ..self
        }
    }

    /// Reads an object that has ports and one range side by side.
    fn with_rule(self, value: &'a Value) -> Self {
        let text = |path| lookup::text(value, path);
        let cidr = ["cidrIpv4", "cidrIpv6", "cidrIp"]
            .into_iter()
            .find_map(text);
        Self {
            cidr: cidr.and_then(parse_cidr),
            peer_account: text("referencedGroupInfo.userId"),
            egress: lookup::flag(value, "isEgress").unwrap_or(self.egress),
            rule_id: text("securityGroupRuleId"),
            group: text("groupId").or(self.group),
            ..self.with_ports(value)
        }
    }

    /// One permission for every range and group of an `ipPermissions` item.
    fn spread(self, item: &'a Value, found: &mut Vec<Self>) {
        for path in ["ipRanges.items.cidrIp", "ipv6Ranges.items.cidrIpv6"] {
            let texts = lookup::all(item, path)
                .into_iter()
                .filter_map(Value::as_str);
            found.extend(texts.filter_map(parse_cidr).map(|cidr| Self {
                cidr: Some(cidr),
                ..self
            }));
        }
        let accounts = lookup::all(item, "groups.items.userId");
        let accounts = accounts.into_iter().filter_map(Value::as_str);
        found.extend(accounts.map(|account| Self {
            peer_account: Some(account),
            ..self
        }));
    }
}

/// An address range, or a single address as a range of one.
pub fn parse_cidr(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(single)
}
