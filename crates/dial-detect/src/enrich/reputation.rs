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
        // Some public lists hold 192.168.1.1 or all bogons.
        if let Some(net) =
            net.filter(|net| !address::is_private_range(net.network(), net.broadcast()))
        {
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
    network(&text).map(Some)
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

fn network(text: &str) -> Result<IpNet, String> {
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

impl Ranges {
    fn add(&mut self, net: IpNet) {
        match (net.network().to_canonical(), net.broadcast().to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => self.v4.push((first.into(), last.into())),
            (IpAddr::V6(first), IpAddr::V6(last)) => self.v6.push((first.into(), last.into())),
            // A network around all of `::ffff:0:0/96` is its v6 self.
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
