//! Why bytes are no event, with the bytes.

use dial_core::worker_id::WorkerIdError;

/// Why something could not be read as an event.
///
/// Messages name places and fields, never content: they end up in logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Larger than anything AWS sends.
    #[error("{bytes} bytes are too many, {limit} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Nested deeper than anything AWS sends.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// A list with too many members.
    #[error("more than {0} records in one list")]
    TooManyRecords(usize),
    /// Byte offset of the first byte that is not UTF-8.
    #[error("not UTF-8 at byte {0}")]
    NotUtf8(usize),
    /// Broken JSON, or a number that no double holds.
    #[error("not readable as JSON: {0}")]
    NotJson(String),
    /// A member that decides something stands there twice, so no reading of it is right.
    #[error("`{0}` stands there twice")]
    Duplicate(&'static str),
    /// Good JSON, but no input that this program knows.
    #[error("shape is none of EventBridge, SQS, SNS, S3 notice, CloudTrail")]
    UnknownShape,
    /// EventBridge lets only AWS send under a `source` that starts with `aws.`; anybody who may
    /// put events could otherwise make up records of any account.
    #[error("envelope's `source` is not one of AWS")]
    NotFromAws,
    /// A member is missing or has the wrong type.
    #[error("`{0}` is missing or has the wrong type")]
    Missing(&'static str),
    /// An account or region that could not exist.
    #[error("`{field}`: {problem}")]
    Place {
        /// The member that held it.
        field: &'static str,
        /// What is wrong with it.
        problem: WorkerIdError,
    },
    /// A time that is none.
    #[error("`{0}` is no RFC 3339 time")]
    Time(&'static str),
}

/// What could not be read as an event, with the bytes for its dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Malformed {
    /// Why.
    pub error: EnvelopeError,
    /// The bytes as they came.
    pub bytes: Vec<u8>,
}

impl Malformed {
    pub(super) fn new(error: EnvelopeError, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self { error, bytes }
    }
}
