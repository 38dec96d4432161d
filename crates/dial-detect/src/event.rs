//! One event, ready to be judged: a CloudTrail record or a native finding, and where it belongs.

use jiff::Timestamp;
use serde_json::Value;

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
#[derive(Debug, Clone)]
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
