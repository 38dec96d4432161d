//! What CloudTrail calls services, their events and the fields of these.
//!
//! Only lint reads this, so the list is no part of a worker.

use crate::normalise::without_date;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

/// Written by `cargo xtask names` from botocore's service models.
static MODELS: &[u8] = include_bytes!("../../../data/names.txt.gz");
/// Kept by hand: what no model lists.
static EXTRA: &str = include_str!("../../../data/names_extra.txt");
/// Largest list when unpacked, bytes.
const MAX_UNPACKED: usize = 8 * 1024 * 1024;
/// Ends of an event source.
const DOMAINS: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];
/// Furthest that a suggestion may be from what was written.
const MAX_EDITS: usize = 3;

/// Every service.
#[derive(Debug, Default)]
pub(super) struct Names {
    services: BTreeMap<&'static str, Service>,
    aliases: HashMap<&'static str, &'static str>,
}

/// One event source.
#[derive(Debug, Default)]
pub(super) struct Service {
    /// Lines by name without date; several where lists add up.
    events: BTreeMap<&'static str, Vec<&'static str>>,
    /// Whether events are not listed, so that any name will do.
    pub(super) open: bool,
}

/// First-level fields of some events; `None` where they are not listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) request: Option<BTreeSet<&'static str>>,
    pub(super) response: Option<BTreeSet<&'static str>>,
}

/// The list, unpacked at the first call.
pub(super) fn names() -> &'static Names {
    static NAMES: OnceLock<Names> = OnceLock::new();
    static TEXT: OnceLock<String> = OnceLock::new();
    NAMES.get_or_init(|| {
        let text = TEXT.get_or_init(unpacked);
        let mut names = Names::default();
        names.read(text);
        names.read(EXTRA);
        names
    })
}

fn unpacked() -> String {
    let mut text = Vec::new();
    let packed = flate2::read::GzDecoder::new(MODELS);
    let mut bounded = std::io::Read::take(packed, MAX_UNPACKED as u64);
    std::io::Read::read_to_end(&mut bounded, &mut text)
        .expect("the list is part of the program, and a test unpacks it");
    String::from_utf8(text).expect("the list is part of the program, and a test reads it")
}

impl Names {
    fn read(&mut self, text: &'static str) {
        let mut source = "";
        for line in text.lines() {
            if let Some(opened) = line.strip_prefix('>') {
                let mut words = opened.split(' ');
                source = words.next().unwrap_or_default();
                self.services.entry(source).or_default();
                self.aliases.extend(words.map(|alias| (alias, source)));
            } else if !line.is_empty() && !line.starts_with('#') {
                let service = self.services.entry(source).or_default();
                service.add(line);
            }
        }
    }

    /// The service of an `eventSource`, such as `s3.amazonaws.com`.
    pub(super) fn service(&self, source: &str) -> Option<&Service> {
        let short = DOMAINS.iter().find_map(|end| source.strip_suffix(end))?;
        let short = self.aliases.get(short).copied().unwrap_or(short);
        self.services.get(short)
    }

    /// The event source that was probably meant.
    pub(super) fn nearest_source(&self, written: &str) -> Option<String> {
        let lower = written.to_ascii_lowercase();
        let short = DOMAINS.iter().find_map(|end| lower.strip_suffix(end));
        let short = short.unwrap_or(&lower);
        let short = short.strip_prefix("aws.").unwrap_or(short);
        let known = self.services.keys().copied();
        let meant = nearest(short, known)?;
        Some(format!("{meant}{}", DOMAINS[0]))
    }

    /// The event of any service that was probably meant.
    pub(super) fn nearest_event(&self, written: &str) -> Option<&'static str> {
        let all = self.services.values().flat_map(Service::events);
        nearest(without_date(written), all)
    }

    /// Event sources that have an event of this name, in order.
    pub(super) fn sources_of(&self, event: &str) -> Vec<String> {
        let having = self.services.iter();
        let having = having.filter(|(_, service)| service.spelling(event) == Some(event));
        having
            .map(|(name, _)| format!("{name}{}", DOMAINS[0]))
            .collect()
    }
}

impl Service {
    fn add(&mut self, line: &'static str) {
        let end = line.find([' ', '|']).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if name == "*" {
            self.open = true;
        } else {
            self.events
                .entry(without_date(name))
                .or_default()
                .push(rest);
        }
    }

    /// Names of all its events, without date.
    pub(super) fn events(&self) -> impl Iterator<Item = &'static str> {
        self.events.keys().copied()
    }

    /// The event as AWS writes it, for a name in any case, with or without date.
    pub(super) fn spelling(&self, name: &str) -> Option<&'static str> {
        let name = without_date(name);
        if let Some((exact, _)) = self.events.get_key_value(name) {
            return Some(exact);
        }
        self.events().find(|event| event.eq_ignore_ascii_case(name))
    }

    /// The event that was probably meant.
    pub(super) fn nearest(&self, name: &str) -> Option<&'static str> {
        nearest(without_date(name), self.events())
    }

    /// Fields of an event that it has; names as [`Service::spelling`] gives them.
    pub(super) fn fields(&self, event: &str) -> Option<Fields> {
        let lines = self.events.get(event)?;
        let mut fields = Fields {
            request: Some(BTreeSet::new()),
            response: Some(BTreeSet::new()),
        };
        for line in lines {
            let (request, response) = match line.split_once('|') {
                Some((request, response)) => (request, Some(response)),
                None => (*line, None),
            };
            gather(&mut fields.request, Some(request));
            gather(&mut fields.response, response);
        }
        Some(fields)
    }
}

/// Adds names; an unknown list, or `*`, makes the whole unknown.
fn gather(known: &mut Option<BTreeSet<&'static str>>, names: Option<&'static str>) {
    match (known.as_mut(), names.filter(|names| names.trim() != "*")) {
        (Some(known), Some(names)) => known.extend(names.split(' ').filter(|n| !n.is_empty())),
        _ => *known = None,
    }
}

/// The name closest to what was written, if any is close.
pub(super) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let lower = written.to_ascii_lowercase();
    let allowed = MAX_EDITS.min(written.len() / 3);
    let close = names.filter_map(|name| {
        let far = name.len().abs_diff(written.len()) > allowed;
        let edits = || strsim::damerau_levenshtein(&lower, &name.to_ascii_lowercase());
        let edits = (!far).then(edits).filter(|edits| *edits <= allowed)?;
        Some((edits, name))
    });
    close.min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_their_source() {
        let cases = [
            ("s3.amazonaws.com", true),
            ("email.amazonaws.com", true),
            ("sso-directory.amazonaws.com", true),
            ("s3.amazonaws.com.cn", true),
            ("monitoring.amazonaws.com", true),
            ("s3", false),
            ("cloudwatch.amazonaws.org", false),
            ("", false),
        ];
        for (source, known) in cases {
            assert_eq!(names().service(source).is_some(), known, "{source}");
        }
        let cases = [
            ("iam", Some("iam.amazonaws.com")),
            ("guarduty.amazonaws.com", Some("guardduty.amazonaws.com")),
            ("EC2.amazonaws.com", Some("ec2.amazonaws.com")),
            ("something-else", None),
        ];
        for (written, meant) in cases {
            let found = names().nearest_source(written);
            assert_eq!(found.as_deref(), meant, "{written}");
        }
    }

    #[test]
    fn events_are_found_by_name_case_and_date() {
        let lambda = names().service("lambda.amazonaws.com").unwrap();
        let cases = [
            ("AddPermission", Some("AddPermission")),
            ("AddPermission20150331v2", Some("AddPermission")),
            ("addpermission", Some("AddPermission")),
            ("AddPermissions", None),
        ];
        for (name, spelled) in cases {
            assert_eq!(lambda.spelling(name), spelled, "{name}");
        }
        assert_eq!(lambda.nearest("AddPermissions"), Some("AddPermission"));
        assert_eq!(lambda.nearest("StopLogging"), None);
        let owners = names().sources_of("StopLogging");
        assert_eq!(owners, ["cloudtrail.amazonaws.com"]);
    }

    #[test]
    fn fields_are_those_of_model_and_trail() {
        let fields = |source, event| names().service(source)?.fields(event);
        let rds = fields("rds.amazonaws.com", "ModifyDBInstance").unwrap();
        let (request, response) = (rds.request.unwrap(), rds.response.unwrap());
        assert!(request.contains("dBInstanceIdentifier"), "{request:?}");
        // The answer is one instance, whose members the trail puts at the top.
        assert!(response.contains("publiclyAccessible"), "{response:?}");
        let read = fields("iam.amazonaws.com", "GetUser").unwrap();
        assert_eq!(read.response, None);
        let login = fields("signin.amazonaws.com", "ConsoleLogin").unwrap();
        assert_eq!((login.request, login.response), (None, None));
        assert_eq!(fields("iam.amazonaws.com", "NoSuchEvent"), None);
    }

    #[test]
    fn every_service_has_events() {
        let names = names();
        assert!(names.services.len() > 300, "{}", names.services.len());
        for (source, service) in &names.services {
            assert!(service.open || !service.events.is_empty(), "{source}");
        }
    }
}
