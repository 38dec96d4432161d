//! The members of a record that are looked at before it is parsed.

/// Where in a record a text must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Somewhere.
    Record,
    /// In `requestParameters`.
    Request,
    /// In `responseElements`.
    Response,
    /// In `additionalEventData`.
    Additional,
    /// In `userIdentity`.
    Identity,
}

impl Place {
    /// Where the value of a field stands that is no derived one.
    pub(crate) fn of(field: &str) -> Self {
        match root_of(field) {
            "requestParameters" => Self::Request,
            "responseElements" => Self::Response,
            "additionalEventData" => Self::Additional,
            "userIdentity" => Self::Identity,
            _ => Self::Record,
        }
    }
}

/// First part of a path: up to a dot or bracket.
pub(crate) fn root_of(path: &str) -> &str {
    // By bytes, for it is asked of every field of a rule: both are ASCII.
    let end = path.bytes().position(|byte| matches!(byte, b'.' | b'['));
    end.and_then(|end| path.get(..end)).unwrap_or(path)
}
