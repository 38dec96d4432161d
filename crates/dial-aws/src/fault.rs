//! What an AWS call failed of, in words for the operator: code, message, and what would help.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// Codes by which AWS asks for patience.
const THROTTLING: &[&str] = &[
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "Throttling",
    "ThrottlingError",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
];
/// Codes of a fault on their side that comes with no telling status.
const TRANSIENT: &[&str] = &[
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "RequestTimeout",
    "ServiceUnavailable",
];
/// Codes of a permission that is missing.
const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
];

/// What the caller may do about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Wait, then try again; nothing was done.
    Wait,
    /// Try again; whether it was done is not known.
    Retry,
    /// A person must change something.
    Repair,
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The error's code; empty where no answer came.
    pub(crate) code: String,
    /// What was said.
    pub(crate) message: String,
    /// What would help.
    pub(crate) remedy: Remedy,
}

impl Fault {
    /// What a code alone tells; `None` where the status or the kind of failure decides.
    pub(crate) fn remedy_of(code: &str) -> Option<Remedy> {
        if THROTTLING.contains(&code) {
            Some(Remedy::Wait)
        } else {
            TRANSIENT.contains(&code).then_some(Remedy::Retry)
        }
    }

    /// Whether a permission is missing.
    pub(crate) fn is_denied(&self) -> bool {
        DENIED.contains(&self.code.as_str())
    }

    /// Reads an error of any service.
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let (code, message) = match error {
            SdkError::ServiceError(e) => answered(e.err()),
            SdkError::TimeoutError(_) => ("", "no answer in time".to_owned()),
            SdkError::DispatchFailure(e) => (
                "",
                e.as_connector_error()
                    .map_or_else(String::new, |e| chain(e)),
            ),
            other => ("", chain(other)),
        };
        Self {
            code: code.to_owned(),
            message,
            remedy: remedy(error, code),
        }
    }

    /// Code and message, with the permission that is missing or the setting that is.
    ///
    /// `action` is the IAM action, `resource` what it would have to be allowed on.
    pub(crate) fn explain(&self, action: &str, resource: &str) -> String {
        let said = match self.code.as_str() {
            "" => self.message.clone(),
            code => format!("{code}: {}", self.message),
        };
        let said = said.trim_end_matches('.');
        let hint = match self.code.as_str() {
            code if DENIED.contains(&code) => format!("; allow {action} on {resource}"),
            "ResourceNotFoundException" | "NoSuchBucket" => {
                format!("; {resource} is not in this account and region")
            }
            "" if said.contains("credentials") => {
                "; set AWS_PROFILE or the AWS_ACCESS_KEY_ID variables, or run with a role"
                    .to_owned()
            }
            "" if said.to_lowercase().contains("region") => "; set AWS_REGION".to_owned(),
            _ => String::new(),
        };
        format!("{said}{hint}")
    }
}

fn answered<E: ProvideErrorMetadata + std::error::Error>(error: &E) -> (&str, String) {
    let message = error.message().map_or_else(|| chain(error), str::to_owned);
    (error.code().unwrap_or_default(), message)
}

fn remedy<E>(error: &SdkError<E, HttpResponse>, code: &str) -> Remedy {
    if let Some(remedy) = Fault::remedy_of(code) {
        return remedy;
    }
    let status = error.raw_response().map_or(0, |r| r.status().as_u16());
    let lost = match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        SdkError::DispatchFailure(e) => e.is_io() || e.is_timeout(),
        _ => false,
    };
    match status {
        429 => Remedy::Wait,
        500.. => Remedy::Retry,
        _ if lost => Remedy::Retry,
        _ => Remedy::Repair,
    }
}

/// An error and its causes, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::operation::get_item::GetItemError;

    fn answer(status: u16, code: &str, message: &str) -> SdkError<GetItemError, HttpResponse> {
        let meta = ErrorMetadata::builder().code(code).message(message).build();
        let raw = HttpResponse::new(status.try_into().unwrap(), "".into());
        SdkError::service_error(GetItemError::generic(meta), raw)
    }

    #[test]
    fn what_would_help_follows_from_code_and_status() {
        let cases = [
            (400, "ThrottlingException", Remedy::Wait),
            (400, "ProvisionedThroughputExceededException", Remedy::Wait),
            (400, "RequestLimitExceeded", Remedy::Wait),
            (400, "TransactionInProgressException", Remedy::Wait),
            (400, "TransactionConflictException", Remedy::Wait),
            (503, "SlowDown", Remedy::Wait),
            (429, "Odd", Remedy::Wait),
            (500, "InternalServerError", Remedy::Retry),
            (502, "Odd", Remedy::Retry),
            (400, "RequestTimeout", Remedy::Retry),
            (400, "ValidationException", Remedy::Repair),
            (400, "ResourceNotFoundException", Remedy::Repair),
            (403, "AccessDenied", Remedy::Repair),
            (400, "", Remedy::Repair),
        ];
        for (status, code, remedy) in cases {
            let fault = Fault::of(&answer(status, code, "m"));
            assert_eq!(fault.remedy, remedy, "{status} {code}");
            assert_eq!(fault.code, code);
        }
        let timeout = SdkError::<GetItemError, HttpResponse>::timeout_error("slow");
        assert_eq!(Fault::of(&timeout).remedy, Remedy::Retry);
        let broken = SdkError::<GetItemError, HttpResponse>::construction_failure("x");
        assert_eq!(Fault::of(&broken).remedy, Remedy::Repair);
    }

    #[test]
    fn a_missing_permission_names_action_and_resource() {
        let cases = [
            (
                "AccessDeniedException",
                "no",
                "AccessDeniedException: no; allow dynamodb:GetItem on table/dial",
            ),
            (
                "ResourceNotFoundException",
                "not found",
                "ResourceNotFoundException: not found; table/dial is not in this account and region",
            ),
            ("ValidationException", "bad", "ValidationException: bad"),
        ];
        for (code, message, expected) in cases {
            let fault = Fault::of(&answer(400, code, message));
            assert_eq!(fault.explain("dynamodb:GetItem", "table/dial"), expected);
        }
    }
}
