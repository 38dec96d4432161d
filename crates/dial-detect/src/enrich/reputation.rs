//! Lists of bad addresses from local files, in memory as sorted ranges.

use super::{Enrich, EnrichError, Enrichment, Kind, Loaded, Settings, Subject, address};
use dial_core::finding::Reputation;
use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::PathBuf;

pub(super) static KIND: Kind = Kind {
    name: "reputation",
    summary: "Lists that the address is on: netset, Spamhaus DROP, Tor exits, one address a line",
    load,
};

/// Largest list, bytes; the largest public ones hold a few megabytes.
const MAX_FILE: u64 = 64 << 20;

/// A local list of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Name in findings, such as `firehol_level1`.
    pub name: String,
    /// What it holds, such as `tor` or `malware`.
    pub category: String,
    /// A netset, Spamhaus DROP as JSON lines or text, or one address a line.
    pub path: PathBuf,
}

struct Lists(Vec<(Reputation, Ranges)>);

/// Disjoint ranges, ascending, both ends included.
#[derive(Debug, Default)]
struct Ranges {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

fn load(settings: &Settings) -> Loaded {
    let (mut lists, mut errors) = (Vec::new(), Vec::new());
    for list in &settings.reputation {
        let label = Reputation {
            list: list.name.clone(),
            category: list.category.clone(),
        };
        match read(list) {
            Ok(ranges) => lists.push((label, ranges)),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok((!lists.is_empty()).then(|| Box::new(Lists(lists)) as Box<dyn Enrich>))
}

fn read(list: &List) -> Result<Ranges, EnrichError> {
    let wrong = |line: Option<usize>, reason: String| EnrichError {
        enrichment: KIND.name,
        file: list.path.display().to_string(),
        line,
        reason,
    };
    let unreadable = |e: std::io::Error| wrong(None, format!("cannot be read: {e}"));
    let length = std::fs::metadata(&list.path).map_err(unreadable)?.len();
    if length > MAX_FILE {
        let reason = format!("{length} bytes are too many, {MAX_FILE} are allowed");
        return Err(wrong(None, reason));
    }
    let text = std::fs::read_to_string(&list.path).map_err(unreadable)?;
    parse(&text).map_err(|(line, reason)| wrong(Some(line), reason))
}

/// Reads a list's text; an error names the line.
fn parse(text: &str) -> Result<Ranges, (usize, String)> {
    let mut ranges = Ranges::default();
    for (index, line) in text.lines().enumerate() {
        let net = entry(line).map_err(|reason| (index + 1, reason))?;
        if let Some(net) = net {
            ranges.add(net);
        }
    }
    ranges.v4 = merged(ranges.v4);
    ranges.v6 = merged(ranges.v6);
    Ok(ranges)
}

/// The network on one line; `None` for comments, blank lines and Spamhaus' metadata.
fn entry(line: &str) -> Result<Option<IpNet>, String> {
    let line = line.trim_start_matches('\u{feff}').trim();
    let text = if line.starts_with('{') {
        match drop_entry(line)? {
            Some(cidr) => cidr,
            None => return Ok(None),
        }
    } else {
        let text = line.split(['#', ';']).next().unwrap_or_default().trim();
        if text.is_empty() {
            return Ok(None);
        }
        text.to_owned()
    };
    address::network(&text).map(Some)
}

/// `cidr` of a line of Spamhaus DROP in JSON.
fn drop_entry(line: &str) -> Result<Option<String>, String> {
    #[derive(Deserialize)]
    struct Entry {
        cidr: Option<String>,
        #[serde(rename = "type")]
        kind: Option<String>,
    }
    let entry: Entry = serde_json::from_str(line).map_err(|e| format!("is no JSON object: {e}"))?;
    match (entry.cidr, entry.kind.as_deref()) {
        (Some(cidr), _) => Ok(Some(cidr)),
        (None, Some("metadata")) => Ok(None),
        (None, _) => Err("has no `cidr`".into()),
    }
}

impl Ranges {
    /// Adds a network, unless it is private: some public lists hold 192.168.1.1 or all bogons.
    fn add(&mut self, net: IpNet) {
        let (first, last) = (net.network().to_canonical(), net.broadcast().to_canonical());
        if address::is_private_range(first, last) {
            return;
        }
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => self.v4.push((first.into(), last.into())),
            (IpAddr::V6(first), IpAddr::V6(last)) => self.v6.push((first.into(), last.into())),
            // Only a network around all mapped addresses has ends of two kinds; nobody lists it.
            _ => {}
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => covers(&self.v4, v4.into()),
            IpAddr::V6(v6) => covers(&self.v6, v6.into()),
        }
    }
}

/// Sorts and joins overlapping ranges, so that one binary search answers.
fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let overlaps = next.0 <= kept.1;
        if overlaps {
            kept.1 = kept.1.max(next.1);
        }
        overlaps
    });
    ranges.shrink_to_fit();
    ranges
}

fn covers<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after
        .checked_sub(1)
        .is_some_and(|before| address <= ranges[before].1)
}

impl Enrich for Lists {
    fn enrich(&self, subject: Subject<'_>, into: &mut Enrichment) -> Result<(), String> {
        let Some(address) = subject.address else {
            return Ok(());
        };
        let on = self.0.iter().filter(|(_, ranges)| ranges.holds(address));
        into.reputation.extend(on.map(|(label, _)| label.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_formats_of_public_lists_are_read() {
        let cases = [
            ("netset", "# FireHOL\n#\n203.0.113.0/28\n198.51.100.7\n"),
            (
                "spamhaus text",
                "; Spamhaus DROP List\n203.0.113.0/28 ; SBL1\r\n198.51.100.7/32 ; SBL2\r\n",
            ),
            (
                "spamhaus json",
                "{\"cidr\":\"203.0.113.0/28\",\"sblid\":\"SBL1\",\"rir\":\"x\"}\n{\"cidr\":\"198.51.100.7/32\"}\n{\"type\":\"metadata\",\"records\":2}\n",
            ),
            (
                "tor exits",
                "198.51.100.7\n203.0.113.0\n203.0.113.1\n203.0.113.2/31\n203.0.113.4/30\n203.0.113.8/29",
            ),
            (
                "host bits, overlaps, comment behind",
                "\u{feff}203.0.113.9/28 # c\n203.0.113.0/29\n198.51.100.7\n198.51.100.7\n\n",
            ),
            (
                "private ones dropped",
                "203.0.113.0/28\n198.51.100.7\n10.0.0.0/8\n192.168.1.1\n224.0.0.0/3\n0.0.0.0/8\n::1\nfe80::/10\n",
            ),
        ];
        for (name, text) in cases {
            let ranges = parse(text).unwrap();
            for (ip, expected) in [
                ("203.0.113.0", true),
                ("203.0.113.15", true),
                ("203.0.113.16", false),
                ("198.51.100.6", false),
                ("198.51.100.7", true),
                ("10.1.2.3", false),
                ("2001:db8::1", false),
            ] {
                assert_eq!(ranges.holds(ip.parse().unwrap()), expected, "{name} {ip}");
            }
        }
    }

    #[test]
    fn a_corrupt_line_is_named() {
        let cases = [
            (
                "# ok\n\n198.51.100.1\n198.51.100.256\n",
                4,
                "`198.51.100.256` is neither address nor network",
            ),
            (
                "198.51.100.0/33",
                1,
                "`198.51.100.0/33` is neither address nor network",
            ),
            ("0.0.0.0/0", 1, "`0.0.0.0/0` covers every address"),
            ("203.0.113.1\n{\"asn\":64496}\n", 2, "has no `cidr`"),
            ("<html>", 1, "`<html>` is neither address nor network"),
        ];
        for (text, line, reason) in cases {
            assert_eq!(parse(text).unwrap_err(), (line, reason.into()), "{text}");
        }
        let (line, reason) = parse("{\"cidr\":").unwrap_err();
        assert!(
            line == 1 && reason.starts_with("is no JSON object"),
            "{reason}"
        );
    }

    #[test]
    fn v6_and_mapped_v4_are_found() {
        let ranges = parse("2001:db8:bad::/48\n::ffff:203.0.113.0/124\n").unwrap();
        for (ip, expected) in [
            ("2001:db8:bad::", true),
            ("2001:db8:bad:ffff::1", true),
            ("2001:db8:bae::", false),
            ("203.0.113.15", true),
            ("203.0.113.16", false),
        ] {
            assert_eq!(ranges.holds(ip.parse().unwrap()), expected, "{ip}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_list_or_an_error(text in "[0-9a-f.:/{}\"#; \n]{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn merged_ranges_hold_what_the_networks_hold(
            nets in prop::collection::vec((any::<u16>(), 18_u8..=32), 0..40),
            probes in prop::collection::vec(any::<u16>(), 20),
        ) {
            // All below 203.0.0.0/16, so that they touch and overlap.
            let address = |low: u16| IpAddr::from((0xCB00_0000 | u32::from(low)).to_be_bytes());
            let nets: Vec<IpNet> = nets
                .iter()
                .map(|(low, length)| IpNet::new(address(*low), *length).unwrap())
                .collect();
            let lines: Vec<String> = nets.iter().map(ToString::to_string).collect();
            let ranges = parse(&lines.join("\n")).unwrap();
            for probe in probes {
                let ip = address(probe);
                let expected = nets.iter().any(|net| net.contains(&ip));
                prop_assert_eq!(ranges.holds(ip), expected, "{}", ip);
            }
        }
    }
}
