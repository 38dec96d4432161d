//! One event, ready to be judged: a CloudTrail record or a native finding, and where it belongs.

mod unparsed;

pub use unparsed::Unparsed;

use jiff::Timestamp;
use serde_json::Value;
use std::borrow::Cow;

/// Longest `eventID` that is believed, bytes; the id becomes part of keys.
pub(crate) const MAX_ID: usize = 256;

/// What kind of JSON `record` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A CloudTrail record: API call, console sign-in, service event.
    CloudTrail,
    /// The `detail` of another EventBridge event; holds its `detail-type`, such as
    /// `GuardDuty Finding`.
    Native {
        /// `source` of the envelope, such as `aws.guardduty`.
        source: String,
        /// `detail-type` of the envelope.
        detail_type: String,
    },
}

/// One event with its identity settled (see `docs/adr` on the finding id).
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What `record` is.
    pub kind: Kind,
    /// The JSON as AWS wrote it, key order kept.
    pub record: Value,
    /// `recipientAccountId`, else the envelope's `account`; native: `detail.accountId`.
    pub account: String,
    /// `awsRegion`, else the envelope's `region`; native: `detail.region`.
    pub region: String,
    /// `eventID`; without one the SHA-256 of the record's bytes; GuardDuty: id/updatedAt.
    pub id: String,
    /// `eventTime`; native: `updatedAt`, else the envelope's `time`.
    pub time: Timestamp,
}

/// Top-level strings of a record, borrowed: enough to say that no rule can match it.
///
/// Absent, null and non-string members are all `None`. `detail_type` and `source` are those of
/// the EventBridge envelope; for a bare record both are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head<'a> {
    /// `eventName`.
    pub event_name: Option<Cow<'a, str>>,
    /// `eventSource`.
    pub event_source: Option<Cow<'a, str>>,
    /// `errorCode`.
    pub error_code: Option<Cow<'a, str>>,
    /// `userIdentity.type`.
    pub user_identity_type: Option<Cow<'a, str>>,
    /// `userIdentity.accountId`.
    pub user_identity_account: Option<Cow<'a, str>>,
    /// `recipientAccountId`.
    pub recipient_account: Option<Cow<'a, str>>,
    /// `userAgent`.
    pub user_agent: Option<Cow<'a, str>>,
    /// Whether it is certain that there is no `errorCode`: the call succeeded.
    pub succeeded: bool,
    /// Members as they stand there, where a record is looked at before it is parsed.
    pub parts: Parts<'a>,
    /// The whole record, or the envelope around it, as it came.
    pub text: Option<Unparsed<'a>>,
    /// `detail-type` of the envelope.
    pub detail_type: Option<Cow<'a, str>>,
    /// `source` of the envelope.
    pub source: Option<Cow<'a, str>>,
}

/// Members of a record as they stand there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    /// `requestParameters`.
    pub request: Part<'a>,
    /// `responseElements`.
    pub response: Part<'a>,
    /// `additionalEventData`.
    pub additional: Part<'a>,
    /// `userIdentity`.
    pub identity: Part<'a>,
}

/// A member of a record as it stands there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part<'a> {
    /// Nobody looked.
    #[default]
    Unknown,
    /// It is not there.
    Absent,
    /// Its value.
    Json(&'a [u8]),
}

impl<'a> Part<'a> {
    /// Its value, where it is known.
    pub(crate) fn json(self) -> Option<&'a [u8]> {
        match self {
            Self::Json(json) => Some(json),
            Self::Unknown | Self::Absent => None,
        }
    }
}

impl Event {
    /// The head that a scan would have seen before it built this event.
    pub fn head(&self) -> Head<'_> {
        let text = |key: &str| Some(Cow::Borrowed(self.record.get(key)?.as_str()?));
        let identity = self.record.get("userIdentity");
        let of_caller = |key: &str| Some(Cow::Borrowed(identity?.get(key)?.as_str()?));
        let (detail_type, source) = match &self.kind {
            Kind::CloudTrail => (None, None),
            Kind::Native {
                source,
                detail_type,
            } => (Some(detail_type.as_str()), Some(source.as_str())),
        };
        Head {
            event_name: text("eventName"),
            event_source: text("eventSource"),
            error_code: text("errorCode"),
            user_identity_type: of_caller("type"),
            user_identity_account: of_caller("accountId"),
            recipient_account: text("recipientAccountId"),
            user_agent: text("userAgent"),
            succeeded: self.record.get("errorCode").is_none(),
            parts: Parts::default(),
            text: None,
            detail_type: detail_type.map(Cow::Borrowed),
            source: source.map(Cow::Borrowed),
        }
    }
}

impl Head<'_> {
    /// Whether the head is that of a CloudTrail record, bare or in an envelope.
    pub fn is_cloudtrail(&self) -> bool {
        self.detail_type
            .as_deref()
            .is_none_or(crate::envelope::is_cloudtrail)
    }
}
