//! Why there is a finding, in sentences: what facts saw, who did it from where, what to do.

use dial_core::finding::{Account, EventRef, Principal, Source};
use std::fmt::Write as _;

/// Longest explanation, bytes.
const MAX_EXPLANATION: usize = 4 * 1024;
/// Longest single value quoted in it, bytes.
const MAX_VALUE: usize = 256;

/// What an explanation is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) description: &'a str,
    pub(crate) sentences: &'a [String],
    pub(crate) event: &'a EventRef,
    pub(crate) principal: &'a Principal,
    pub(crate) source: &'a Source,
    pub(crate) account: &'a Account,
    pub(crate) region: &'a str,
    /// Whether an AWS service reported the event, rather than a caller made it.
    pub(crate) is_native: bool,
    /// `errorMessage` of a failed call, or the description of a native finding.
    pub(crate) message: Option<&'a str>,
}

/// The sentences, joined; control characters become spaces.
pub(crate) fn explain(case: &Case<'_>) -> String {
    let mut parts: Vec<String> = case.sentences.iter().map(|text| sentence(text)).collect();
    parts.push(call(case));
    if let Some(code) = &case.event.error_code {
        let why = case
            .message
            .map(|text| format!(": {}", clip(text, MAX_VALUE)));
        let why = why.unwrap_or_default();
        parts.push(sentence(&format!(
            "The call failed with {}{why}",
            clip(code, MAX_VALUE)
        )));
    } else if let Some(message) = case.message {
        parts.push(sentence(&clip(message, MAX_VALUE * 4)));
    }
    if !case.description.is_empty() {
        let words: Vec<&str> = case.description.split_whitespace().collect();
        parts.push(words.join(" "));
    }
    clip(&printable(parts.join(" ")), MAX_EXPLANATION)
}

/// `clerk (IAMUser) called PutBucketPolicy (s3.amazonaws.com) in …, from 203.0.113.7 (…).`
fn call(case: &Case<'_>) -> String {
    let who = who(case.principal);
    let account = match &case.account.name {
        Some(name) => format!("{} ({name})", case.account.id),
        None => case.account.id.clone(),
    };
    let (event, source) = (
        clip(&case.event.name, MAX_VALUE),
        clip(&case.event.source, MAX_VALUE),
    );
    let what = match who {
        Some(who) if case.is_native => format!("{source} reported {event} about {who}"),
        None if case.is_native => format!("{source} reported {event}"),
        Some(who) => format!("{who} called {event} ({source})"),
        None => format!("Event {event} ({source})"),
    };
    let mut text = format!("{what} in account {account}, {}", case.region);
    if let Some(ip) = &case.source.ip {
        let _ = write!(text, ", from {}", clip(ip, MAX_VALUE));
        let place = place(case.source);
        if !place.is_empty() {
            let _ = write!(text, " ({place})");
        }
    }
    sentence(&text)
}

fn who(principal: &Principal) -> Option<String> {
    let name = principal.name.as_ref().or(principal.arn.as_ref());
    let kind = principal.kind.as_deref();
    match (name, kind) {
        (Some(name), Some(kind)) => Some(format!("{} ({kind})", clip(name, MAX_VALUE))),
        (Some(name), None) => Some(clip(name, MAX_VALUE)),
        (None, Some(kind)) => Some(format!("A caller of type {kind}")),
        (None, None) => None,
    }
}

/// City, country, network, lists.
fn place(source: &Source) -> String {
    let geo = source.geo.as_ref();
    let network = source.asn.as_ref().map(|asn| match &asn.org {
        Some(org) => format!("AS{} {org}", asn.number),
        None => format!("AS{}", asn.number),
    });
    let listed = source.reputation.iter();
    let listed = listed.map(|entry| format!("on {} as {}", entry.list, entry.category));
    let parts = [
        geo.and_then(|geo| geo.city.clone()),
        geo.and_then(|geo| geo.country.clone()),
        network,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().chain(listed).collect();
    clip(&parts.join(", "), MAX_VALUE)
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    let ended = text.ends_with(['.', '!', '?']);
    format!("{text}{}", if ended { "" } else { "." })
}

/// The text with a space for each control character.
pub(crate) fn printable(text: String) -> String {
    // Without an early end, so that many bytes are looked at together.
    let is_odd = |byte: u8| !matches!(byte, b' '..=b'~');
    if !text.bytes().fold(false, |odd, byte| odd | is_odd(byte)) {
        return text;
    }
    text.replace(|c: char| c.is_control(), " ")
}

/// At most `limit` bytes, cut between characters, with `…` where something is missing.
pub(crate) fn clip(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub('…'.len_utf8());
    let end = text.floor_char_boundary(room);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_respects_characters_and_limit() {
        let cases = [
            ("abc", 3, "abc"),
            ("abcd", 3, "…"),
            ("abcdef", 5, "ab…"),
            ("ääää", 6, "ä…"),
        ];
        for (text, limit, expected) in cases {
            assert_eq!(clip(text, limit), expected, "{text}");
            assert!(clip(text, limit).len() <= limit, "{text}");
        }
    }
}
