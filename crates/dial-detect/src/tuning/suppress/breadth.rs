//! How wide a suppression may be: what would fit everything, or hides who answers for it, is refused.

use super::super::glob::literals;
use super::super::principal::Caller;
use super::Suppression;
use crate::enrich::address;
use dial_core::finding::MAX_SUPPRESSION;
use dial_core::{AccountId, Region};
use ipnet::IpNet;

/// Says what is wrong with the text of one part.
type Part = fn(&str) -> Result<(), String>;

/// Least characters of a resource's name before its first `*`.
const MIN_LITERALS: usize = 4;
/// Shortest prefix of a network, version 4 and 6.
const MIN_PREFIX: (u8, u8) = (8, 16);
/// Shortest prefix of a network that stands for a narrow one.
const NARROW_PREFIX: (u8, u8) = (16, 32);

impl Suppression {
    /// Names every part that is missing, malformed or too wide; an empty key means the whole.
    pub(crate) fn check(&self, report: &mut dyn FnMut(&str, String)) {
        self.check_account_of_it(report);
        let parts: [(&str, &Option<String>, Part); 6] = [
            ("rule", &self.rule, rule),
            ("account", &self.account, |text| {
                AccountId::parse(text).map(drop).map_err(|e| e.to_string())
            }),
            ("region", &self.region, |text| {
                Region::parse(text).map(drop).map_err(|e| e.to_string())
            }),
            ("principal", &self.principal, |text| {
                Caller::parse(text).map(drop)
            }),
            ("resource", &self.resource, resource),
            ("network", &self.network, |text| network(text).map(drop)),
        ];
        for (key, part, check) in parts {
            if let Some(Err(message)) = part.as_deref().map(check) {
                report(key, message);
            }
        }
        if self.rule.is_none() && self.narrow_parts() < 2 {
            let message =
                "fits too much; name a rule, or two of principal, resource and a narrow network";
            report("", message.to_owned());
        }
    }

    fn check_account_of_it(&self, report: &mut dyn FnMut(&str, String)) {
        for (key, text) in [("owner", &self.owner), ("reason", &self.reason)] {
            match text.trim().len() {
                0 => report(
                    key,
                    "missing; a suppression says who answers for it and why".to_owned(),
                ),
                length if length > MAX_SUPPRESSION => {
                    report(
                        key,
                        format!("is {length} bytes long, {MAX_SUPPRESSION} are allowed"),
                    );
                }
                _ => {}
            }
        }
        if self.expires.is_none() {
            report(
                "expires",
                "missing; give the last day, such as 2027-01-31".to_owned(),
            );
        }
    }

    fn narrow_parts(&self) -> usize {
        let network = self
            .network
            .as_deref()
            .and_then(|text| address::network(text).ok());
        let narrow = [
            self.principal.is_some(),
            self.resource.is_some(),
            network.is_some_and(|network| is_within(&network, NARROW_PREFIX)),
        ];
        narrow.into_iter().filter(|narrow| *narrow).count()
    }
}

fn rule(text: &str) -> Result<(), String> {
    if text.is_empty() || text.contains('*') {
        return Err(format!("`{text}` is no rule; give the name or id of one"));
    }
    Ok(())
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = address::network(text).map_err(|error| {
        if text.ends_with(".amazonaws.com") {
            format!("`{text}` is a service: anybody can have it call for him; give the principal")
        } else {
            error
        }
    })?;
    if is_within(&network, MIN_PREFIX) {
        return Ok(network);
    }
    let (v4, v6) = MIN_PREFIX;
    Err(format!(
        "`{text}` is too wide; at least /{v4}, of version 6 /{v6}, is needed"
    ))
}

fn is_within(network: &IpNet, (v4, v6): (u8, u8)) -> bool {
    let least = if matches!(network, IpNet::V4(_)) {
        v4
    } else {
        v6
    };
    network.prefix_len() >= least
}

fn resource(text: &str) -> Result<(), String> {
    let Some((before, _)) = text.split_once('*') else {
        return if text.is_empty() {
            Err("is empty".to_owned())
        } else {
            Ok(())
        };
    };
    if literals(name_in(before)) >= MIN_LITERALS {
        return Ok(());
    }
    Err(format!(
        "`{text}` fits too much; give at least {MIN_LITERALS} characters of the name before `*`"
    ))
}

/// What of a pattern's beginning belongs to a name, rather than to account, region or type.
fn name_in(before: &str) -> &str {
    if !before.starts_with("arn:") {
        let typed = before
            .split_once('/')
            .filter(|(kind, _)| kind.contains("::"));
        return typed.map_or(before, |(_, name)| name);
    }
    let mut parts = before.splitn(6, ':').skip(2);
    let (service, path) = (parts.next(), parts.nth(2));
    match (service, path) {
        // Names of buckets, topics and queues follow at once.
        (Some("s3" | "sns" | "sqs"), Some(path)) => path,
        (_, Some(path)) => path.split_once(['/', ':']).map_or("", |(_, name)| name),
        (_, None) => "",
    }
}
