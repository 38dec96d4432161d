//! Addresses that a message points at; built from checked parts only.

use dial_core::{Finding, FindingId};
use reqwest::Url;

/// Longest base address; leaves room below every sink's limit for links.
const MAX_BASE: usize = 1_024;

/// Where findings can be looked at.
#[derive(Debug, Clone, Default)]
pub struct Links {
    base: Option<String>,
}

impl Links {
    /// Links below the public address of the master; without one, messages have no finding link.
    ///
    /// The error says what is wrong with the address.
    pub fn new(base_url: Option<&str>) -> Result<Self, String> {
        let Some(text) = base_url else {
            return Ok(Self::default());
        };
        let url = Url::parse(text).map_err(|e| format!("`{text}` is no URL: {e}"))?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !matches!(url.scheme(), "http" | "https") || !plain || text.len() > MAX_BASE {
            return Err(format!(
                "`{text}` must be an http(s) URL without user, query and fragment, \
                 at most {MAX_BASE} bytes long"
            ));
        }
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { base: Some(base) })
    }

    /// Every place to look at, with our words for it.
    pub(crate) fn targets(&self, finding: &Finding) -> Vec<(&'static str, String)> {
        let targets = [
            ("Open finding", self.finding(&finding.id)),
            ("CloudTrail event", cloudtrail_event(finding)),
        ];
        let known = |(label, url): (_, Option<String>)| url.map(|url| (label, url));
        targets.into_iter().filter_map(known).collect()
    }

    /// The page of the finding.
    pub fn finding(&self, id: &FindingId) -> Option<String> {
        let base = self.base.as_ref()?;
        Some(format!("{base}/findings/{id}"))
    }
}

/// The event in the CloudTrail console of its partition.
///
/// `None` where the console cannot know it: native findings, records without an event id,
/// partitions with no public console.
pub fn cloudtrail_event(finding: &Finding) -> Option<String> {
    let region = dial_core::Region::parse(&finding.region).ok()?;
    let region = region.as_str();
    if !is_uuid(&finding.event.id) {
        return None;
    }
    let parts: Vec<&str> = region.split('-').collect();
    let host = match parts.as_slice() {
        ["cn", _, _] => "console.amazonaws.cn",
        ["us", "gov", _, _] => "console.amazonaws-us-gov.com",
        [geo, _, _] if geo.len() == 2 => "console.aws.amazon.com",
        _ => return None,
    };
    let event = &finding.event.id;
    Some(format!(
        "https://{region}.{host}/cloudtrailv2/home?region={region}#/events/{event}"
    ))
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let hex = |group: &&str| group.bytes().all(|b| b.is_ascii_hexdigit());
    groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(hex)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::samples;

    #[test]
    fn the_console_follows_the_partition() {
        let uuid = "9ec4fb4a-8b1b-4c63-9a5e-6f4a1a5a7f10";
        let cases = [
            (
                "eu-west-1",
                uuid,
                Some("https://eu-west-1.console.aws.amazon.com/"),
            ),
            (
                "us-east-1",
                uuid,
                Some("https://us-east-1.console.aws.amazon.com/"),
            ),
            (
                "cn-north-1",
                uuid,
                Some("https://cn-north-1.console.amazonaws.cn/"),
            ),
            (
                "us-gov-west-1",
                uuid,
                Some("https://us-gov-west-1.console.amazonaws-us-gov.com/"),
            ),
            ("us-iso-east-1", uuid, None),
            ("evil.example#-1", uuid, None),
            ("eu-west-1", "detector/finding/2026", None),
            ("eu-west-1", "9ec4fb4a-8b1b-4c63-9a5e-6f4a1a5a7f1|", None),
        ];
        for (region, event, expected) in cases {
            let mut finding = samples::benign();
            region.clone_into(&mut finding.region);
            event.clone_into(&mut finding.event.id);
            let link = cloudtrail_event(&finding);
            assert_eq!(link.is_some(), expected.is_some(), "{region} {event}");
            let expected = expected.unwrap_or_default();
            assert!(link.unwrap_or_default().starts_with(expected), "{region}");
        }
    }

    #[test]
    fn the_base_is_checked_and_joined_once() {
        let id = samples::benign().id;
        for base in ["https://dial.example.org", "https://dial.example.org/"] {
            let links = Links::new(Some(base)).unwrap();
            let expected = format!("https://dial.example.org/findings/{id}");
            assert_eq!(links.finding(&id), Some(expected));
        }
        assert_eq!(Links::new(None).unwrap().finding(&id), None);
        for bad in [
            "",
            "dial",
            "javascript:alert(1)",
            "https://u@h/",
            "https://h/?q",
        ] {
            assert!(Links::new(Some(bad)).is_err(), "{bad}");
        }
    }
}
