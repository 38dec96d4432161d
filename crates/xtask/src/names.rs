//! Writes the list of event names and fields that `dial rules lint` knows, from botocore's models.
//!
//! The format is one line each: `>source alias…` opens a service, `Name request…|response…` is an
//! event with its first-level members; without `|` the response is not known (reads have none).

use anyhow::{Context, bail};
use clap::Args;
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Where the list lies in the repository.
const OUT: &str = "crates/dial-detect/data/names.txt.gz";
/// Largest list, bytes; what is above does not belong into a repository.
const MAX_SIZE: usize = 300 * 1024;
/// Starts of the names of calls that change nothing: CloudTrail leaves their response out.
const READS: [&str; 8] = [
    "BatchGet", "Describe", "Get", "Head", "List", "Lookup", "Search", "Select",
];

/// Arguments of `names`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The unpacked package: the folder that holds `data` and `__init__.py`
    ///
    /// Example: pip install --no-deps --target /tmp/botocore botocore
    #[arg(long, value_name = "DIR")]
    botocore: PathBuf,
}

/// Members of one event, at the first level.
#[derive(Default)]
struct Members {
    request: BTreeSet<String>,
    response: BTreeSet<String>,
}

/// One event source.
#[derive(Default)]
struct Service {
    aliases: BTreeSet<String>,
    events: BTreeMap<String, Members>,
}

/// Writes the list anew.
pub(crate) fn write(options: &Options) -> anyhow::Result<()> {
    let version = version(&options.botocore)?;
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    for model in models(&options.botocore.join("data"))? {
        add(&read(&model)?, &mut services)
            .with_context(|| format!("{} is no service model", model.display()))?;
    }
    let text = render(&version, &services);
    let packed = pack(&text)?;
    let events: usize = services.values().map(|service| service.events.len()).sum();
    println!(
        "{} services, {events} events: {} bytes, packed {}",
        services.len(),
        text.len(),
        packed.len()
    );
    if packed.len() > MAX_SIZE {
        bail!("{} bytes packed, {MAX_SIZE} are allowed", packed.len());
    }
    std::fs::write(OUT, packed).with_context(|| OUT.to_owned())
}

fn version(botocore: &Path) -> anyhow::Result<String> {
    let path = botocore.join("__init__.py");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("__version__ = "));
    let version = line.context("no __version__")?.trim_matches(['\'', '"']);
    Ok(version.to_owned())
}

/// All versions of all models, in order of their paths.
fn models(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for service in folders(data)? {
        for version in folders(&service)? {
            let plain = version.join("service-2.json");
            let packed = version.join("service-2.json.gz");
            found.extend([plain, packed].into_iter().find(|path| path.is_file()));
        }
    }
    found.sort();
    Ok(found)
}

fn folders(of: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(of).with_context(|| of.display().to_string())?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let mut text = Vec::new();
    if path.extension().is_some_and(|suffix| suffix == "gz") {
        GzDecoder::new(&*bytes).read_to_end(&mut text)?;
    } else {
        text = bytes;
    }
    serde_json::from_slice(&text).with_context(|| path.display().to_string())
}

/// CloudTrail's source is the name that requests are signed with, else the endpoint's.
fn add(model: &Value, services: &mut BTreeMap<String, Service>) -> Option<()> {
    let about = |key: &str| model["metadata"][key].as_str();
    let endpoint = about("endpointPrefix")?;
    let source = about("signingName")
        .unwrap_or(endpoint)
        .to_ascii_lowercase();
    let service = services.entry(source.clone()).or_default();
    if endpoint != source && !endpoint.contains('.') {
        service.aliases.insert(endpoint.to_owned());
    }
    let flat = about("protocol")? == "query";
    for (name, operation) in model["operations"].as_object()? {
        let members = service.events.entry(name.clone()).or_default();
        let shape = |side: &str| {
            let name = operation[side]["shape"].as_str()?;
            model["shapes"][name]["members"].as_object()
        };
        for (name, member) in shape("input").into_iter().flatten() {
            members.request.insert(lower(name));
            // Headers and query arguments, which is how CloudTrail spells S3's.
            let sent = member["locationName"].as_str();
            let sent = sent.filter(|sent| source == "s3" && !sent.is_empty());
            members.request.extend(sent.map(str::to_owned));
        }
        if source != "sts" && READS.iter().any(|read| name.starts_with(read)) {
            continue;
        }
        let response = shape("output");
        members.response.insert(String::new());
        for (name, member) in response.into_iter().flatten() {
            members.response.insert(lower(name));
            if flat && response.is_some_and(|members| members.len() == 1) {
                let inner = member["shape"].as_str()?;
                let inner = model["shapes"][inner]["members"].as_object();
                let names = inner.into_iter().flat_map(|inner| inner.keys());
                members.response.extend(names.map(|name| lower(name)));
            }
        }
    }
    Some(())
}

/// `DBInstanceIdentifier` → `dBInstanceIdentifier`, as CloudTrail spells it.
fn lower(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

fn render(version: &str, services: &BTreeMap<String, Service>) -> String {
    let mut text = format!("#botocore {version}\n");
    for (source, service) in services {
        // An alias that is a source itself stays that.
        let aliases = service.aliases.iter();
        let aliases = aliases.filter(|alias| !services.contains_key(*alias));
        text.push('>');
        text.push_str(source);
        for alias in aliases {
            let _ = write!(text, " {alias}");
        }
        text.push('\n');
        for (name, members) in &service.events {
            text.push_str(name);
            for member in &members.request {
                let _ = write!(text, " {member}");
            }
            // An empty name says that the response is known.
            if members.response.contains("") {
                text.push('|');
                let named = members.response.iter().filter(|name| !name.is_empty());
                let named: Vec<&str> = named.map(String::as_str).collect();
                text.push_str(&named.join(" "));
            }
            text.push('\n');
        }
    }
    text
}

fn pack(text: &str) -> anyhow::Result<Vec<u8>> {
    let mut packer = GzBuilder::new().write(Vec::new(), Compression::best());
    packer.write_all(text.as_bytes())?;
    Ok(packer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_model_becomes_lines() {
        let model = json!({
            "metadata": { "endpointPrefix": "email", "signingName": "ses", "protocol": "query" },
            "operations": {
                "DeleteIdentity": { "input": { "shape": "In" }, "output": { "shape": "Out" } },
                "GetIdentity": { "input": { "shape": "In" }, "output": { "shape": "Out" } },
                "PingAll": {},
            },
            "shapes": {
                "In": { "members": { "DBName": {}, "Identity": { "locationName": "x" } } },
                "Out": { "members": { "Identity": { "shape": "Inner" } } },
                "Inner": { "members": { "Name": {} } },
            },
        });
        let mut services = BTreeMap::new();
        add(&model, &mut services).unwrap();
        let text = "#botocore 1\n>ses email\nDeleteIdentity dBName identity|identity name\n\
                    GetIdentity dBName identity\nPingAll|\n";
        assert_eq!(render("1", &services), text);
    }
}
