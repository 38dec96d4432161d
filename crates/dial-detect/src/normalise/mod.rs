//! One reading of a CloudTrail record, however its service spells it; the record stays as it is.

pub mod caller;
pub mod document;
pub mod lookup;
pub mod permission;

use crate::event::Event;
use caller::Caller;
use document::Document;
use serde_json::Value;

/// Suffixes that date an API: `20150331`, `2020_05_31`, either with `v2` and the like behind.
const DATE_SHAPES: [&str; 4] = ["20##_##_##", "20####_##", "20##_####", "20######"];

/// A view of one event that answers by normalised name and path.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    event: &'a Event,
    source: &'a str,
    raw_name: &'a str,
    name: &'a str,
}

impl<'a> Call<'a> {
    /// Looks at an event; copies nothing.
    pub fn of(event: &'a Event) -> Self {
        let text = |name| event.record.get(name).and_then(Value::as_str);
        let raw_name = text("eventName").unwrap_or("");
        Self {
            event,
            source: text("eventSource").unwrap_or(""),
            raw_name,
            name: without_date(raw_name),
        }
    }

    /// The event itself.
    pub fn event(&self) -> &'a Event {
        self.event
    }

    /// `eventSource`, such as `s3.amazonaws.com`; empty where the record has none.
    pub fn source(&self) -> &'a str {
        self.source
    }

    /// `eventName` without the date that Lambda and `CloudFront` append.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// `eventName` as AWS wrote it.
    pub fn raw_name(&self) -> &'a str {
        self.raw_name
    }

    /// `errorCode` of a denied or failed call.
    pub fn error_code(&self) -> Option<&'a str> {
        lookup::text(&self.event.record, "errorCode")
    }

    /// Who made the call.
    pub fn caller(&self) -> Caller<'a> {
        Caller::of(self.event.record.get("userIdentity"))
    }

    /// First value at a dotted path below `requestParameters`.
    ///
    /// Names match whatever their case, with `-` and `_` alike; lists and their `items` or
    /// `content` wrappers are entered by themselves; `<Name>Request` is tried first.
    pub fn request(&self, path: &str) -> Option<&'a Value> {
        self.request_all(path).into_iter().next()
    }

    /// Every value at a path below `requestParameters`: one or many, as AWS gave them.
    pub fn request_all(&self, path: &str) -> Vec<&'a Value> {
        self.below("requestParameters", "Request", path)
    }

    /// First value below `responseElements`, found as in [`Call::request`].
    pub fn response(&self, path: &str) -> Option<&'a Value> {
        self.response_all(path).into_iter().next()
    }

    /// Every value at a path below `responseElements`.
    pub fn response_all(&self, path: &str) -> Vec<&'a Value> {
        self.below("responseElements", "Response", path)
    }

    /// Text in the request; empty texts, which S3 writes as markers, count as absent.
    pub fn request_text(&self, path: &str) -> Option<&'a str> {
        let found = self.request_all(path).into_iter();
        found
            .filter_map(Value::as_str)
            .find(|text| !text.is_empty())
    }

    /// Text in the response; empty texts count as absent.
    pub fn response_text(&self, path: &str) -> Option<&'a str> {
        let found = self.response_all(path).into_iter();
        found
            .filter_map(Value::as_str)
            .find(|text| !text.is_empty())
    }

    /// Boolean in the request, or the words `true` and `false`.
    pub fn request_flag(&self, path: &str) -> Option<bool> {
        self.request(path).and_then(lookup::as_flag)
    }

    /// Boolean in the response, or the words `true` and `false`.
    pub fn response_flag(&self, path: &str) -> Option<bool> {
        self.response(path).and_then(lookup::as_flag)
    }

    /// Whether the record shows no request, as for most denied calls: nothing can be said then.
    pub fn has_no_request(&self) -> bool {
        let request = self.event.record.get("requestParameters");
        request.is_none_or(|request| request.is_null() || document::is_omitted(request))
    }

    /// Whether CloudTrail cut the request because it was too large.
    pub fn request_omitted(&self) -> bool {
        let request = self.event.record.get("requestParameters");
        request.is_some_and(document::is_omitted)
    }

    /// The policy at a path of the request: object, JSON text or URL-encoded JSON text.
    pub fn policy(&self, path: &str) -> Document<'a> {
        match self.request(path) {
            None if self.request_omitted() => Document::Unknown("CloudTrail omitted the request"),
            found => Document::read(found),
        }
    }

    fn below(&self, part: &str, wrapper: &str, path: &str) -> Vec<&'a Value> {
        let Some(root) = self.event.record.get(part) else {
            return Vec::new();
        };
        let inner = self.unwrapped(root, wrapper);
        let found = inner.map(|inner| lookup::all(inner, path));
        match found {
            Some(found) if !found.is_empty() => found,
            _ => lookup::all(root, path),
        }
    }

    /// What EC2 puts inside `<Name>Request` or `<Name>Response`.
    fn unwrapped(&self, root: &'a Value, suffix: &str) -> Option<&'a Value> {
        let is_wrapper = |key: &str| {
            key.strip_suffix(suffix)
                .is_some_and(|stem| stem.eq_ignore_ascii_case(self.name))
        };
        let mut entries = root.as_object()?.iter();
        entries.find_map(|(key, value)| is_wrapper(key).then_some(value))
    }
}

/// Cuts `20150331v2` and its like off an event name.
pub(crate) fn without_date(name: &str) -> &str {
    let unversioned = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let versioned = unversioned
        .strip_suffix('v')
        .filter(|_| unversioned.len() < name.len());
    [versioned, Some(name)]
        .into_iter()
        .flatten()
        .find_map(|stem| DATE_SHAPES.iter().find_map(|shape| cut(stem, shape)))
        .unwrap_or(name)
}

fn cut<'a>(name: &'a str, shape: &str) -> Option<&'a str> {
    let (stem, tail) = name.split_at_checked(name.len().checked_sub(shape.len())?)?;
    let fits = |(c, s): (u8, u8)| {
        if s == b'#' {
            c.is_ascii_digit()
        } else {
            c == s
        }
    };
    let all = tail.bytes().zip(shape.bytes()).all(fits);
    (all && !stem.is_empty()).then_some(stem)
}

#[cfg(test)]
mod tests;
