//! Why a request is refused: the log and a counter learn it, the sender only what is its business.

use super::problem::Problem;
use crate::limit::TooFast;
use crate::readers::ReaderError;
use axum::response::{IntoResponse, Response};
use dial_core::WorkerId;
use dial_core::gzip::InflateError;
use dial_core::signature::VerifyError;
use dial_core::wire::{MAX_BODY, MAX_FINDINGS};
use http::StatusCode;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// More bytes on the wire than allowed.
    #[error("body is larger than {MAX_BODY} bytes")]
    TooLarge,
    /// The body never came, or not in time.
    #[error("body did not arrive: {0}")]
    Body(&'static str),
    /// A header is missing, there twice, or not ASCII.
    #[error("header {0} is not there exactly once in plain ASCII")]
    Header(&'static str),
    /// The signature does not hold.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// No reader.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// Authenticated, but faster than its rate.
    #[error("worker is faster than its rate; wait {} s", .0.0)]
    TooFast(TooFast),
    /// Authenticated, but not gzip.
    #[error("content-encoding must be gzip")]
    Encoding,
    /// Authenticated, but cannot be inflated.
    #[error(transparent)]
    Inflate(#[from] InflateError),
    /// Authenticated, but no batch.
    #[error("body is no batch of findings: {0}")]
    Shape(String),
    /// Authenticated, but too many at once.
    #[error("batch has {0} findings, {MAX_FINDINGS} are allowed")]
    TooMany(usize),
    /// Authenticated, but speaks for someone else.
    #[error("{signer} may not report findings of {account} in {region}")]
    Foreign {
        /// Whose key signed.
        signer: WorkerId,
        /// Account of the finding.
        account: String,
        /// Region of the finding.
        region: String,
    },
}

impl Refusal {
    /// Label of the counter.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Refusal::TooLarge => "too_large",
            Refusal::Body(_) => "body",
            Refusal::Header(_) | Refusal::Signature(VerifyError::Malformed(_)) => "header",
            Refusal::Signature(VerifyError::Stale(_)) => "stale",
            Refusal::Signature(VerifyError::KeyExpired(_)) => "key_expired",
            Refusal::Signature(VerifyError::UnknownRoot(_)) => "unknown_root",
            Refusal::Signature(VerifyError::Mismatch) => "mismatch",
            Refusal::Reader(_) => "reader",
            Refusal::TooFast(_) => "rate",
            Refusal::Encoding | Refusal::Inflate(_) => "encoding",
            Refusal::Shape(_) | Refusal::TooMany(_) => "shape",
            Refusal::Foreign { .. } => "foreign",
        }
    }

    fn problem(&self, status: StatusCode) -> Response {
        Problem::new(status, self.to_string()).into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match &self {
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            // One answer for all that is not authenticated, to the byte.
            Refusal::Body(_) | Refusal::Header(_) | Refusal::Signature(_) | Refusal::Reader(_) => {
                StatusCode::UNAUTHORIZED.into_response()
            }
            Refusal::TooFast(TooFast(seconds)) => {
                Problem::new(StatusCode::TOO_MANY_REQUESTS, self.to_string())
                    .retry_after(*seconds)
                    .into_response()
            }
            Refusal::Encoding => self.problem(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Refusal::Inflate(InflateError::TooLarge { .. }) => {
                self.problem(StatusCode::PAYLOAD_TOO_LARGE)
            }
            Refusal::Inflate(_) | Refusal::Shape(_) | Refusal::TooMany(_) => {
                self.problem(StatusCode::BAD_REQUEST)
            }
            Refusal::Foreign { .. } => self.problem(StatusCode::FORBIDDEN),
        }
    }
}
