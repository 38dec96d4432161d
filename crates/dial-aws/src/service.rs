//! Services that have no client here: where one answers, and how it says no.

use crate::clients::Clients;
use crate::fault::{Fault, Remedy};
use dial_core::{Region, partition};
use serde_json::Value;

/// Body of a call by its operation's name.
pub(crate) const JSON: &str = "application/x-amz-json-1.1";

/// A service that is called by signed requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// Signing name and host name.
    pub(crate) name: &'static str,
    /// End of `AWS_ENDPOINT_URL_…`, as the SDK's own variable names it.
    pub(crate) variable: &'static str,
    /// What stands before the operation in `X-Amz-Target`; empty for services without.
    pub(crate) target: &'static str,
}

impl Service {
    /// Base URL in a region, without a slash at its end; the SDK's own variables come first.
    pub(crate) async fn endpoint(self, clients: &Clients, region: &Region) -> String {
        let partition = partition::of(region).unwrap_or(&partition::AWS);
        let host = format!("{}.{region}.{}", self.name, partition.suffix);
        self.endpoint_or(clients, &host).await
    }

    /// The same for a service whose host has a form of its own.
    pub(crate) async fn endpoint_or(self, clients: &Clients, host: &str) -> String {
        let own = std::env::var(format!("AWS_ENDPOINT_URL_{}", self.variable)).ok();
        let own = own.or(clients.services_emulator());
        let own = match own {
            Some(own) => Some(own),
            None => clients.config().await.endpoint_url().map(str::to_owned),
        };
        own.map_or_else(
            || format!("https://{host}"),
            |url| url.trim_end_matches('/').to_owned(),
        )
    }
}

/// The error of a JSON answer: its code stands in `__type`, in a header, or in `code`.
pub(crate) fn fault(status: u16, header: Option<String>, body: &Value) -> Fault {
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| body[*name].as_str());
        found.map(str::to_owned)
    };
    let code = text(&["__type", "code", "Code"])
        .or(header)
        .unwrap_or_default();
    let message = text(&["message", "Message"]).unwrap_or_else(|| format!("answered {status}"));
    of_code(status, &code, message)
}

/// What a code and a status mean together.
pub(crate) fn of_code(status: u16, code: &str, message: String) -> Fault {
    // `com.amazon.coral.service#AccessDeniedException`, `AccessDeniedException:http://…`.
    let code = code.rsplit('#').next().unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default().to_owned();
    let remedy = Fault::remedy_of(&code).unwrap_or(match status {
        429 => Remedy::Wait,
        500.. => Remedy::Retry,
        _ => Remedy::Repair,
    });
    Fault {
        code,
        message,
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_are_read_wherever_a_service_writes_them() {
        let cases = [
            (
                400,
                None,
                json!({"__type": "TrailNotFoundException", "message": "no"}),
                "TrailNotFoundException",
                Remedy::Repair,
            ),
            (
                400,
                None,
                json!({"__type": "com.amazonaws#AccessDeniedException", "Message": "no"}),
                "AccessDeniedException",
                Remedy::Repair,
            ),
            (
                403,
                Some("AccessDeniedException:http://x"),
                json!({"Message": "no"}),
                "AccessDeniedException",
                Remedy::Repair,
            ),
            (
                400,
                None,
                json!({"__type": "ThrottlingException"}),
                "ThrottlingException",
                Remedy::Wait,
            ),
            (503, None, Value::Null, "", Remedy::Retry),
            (400, None, json!([1]), "", Remedy::Repair),
        ];
        for (status, header, body, code, remedy) in cases {
            let fault = fault(status, header.map(str::to_owned), &body);
            assert_eq!(
                (fault.code.as_str(), fault.remedy),
                (code, remedy),
                "{body}"
            );
        }
    }

    #[tokio::test]
    async fn hosts_are_those_of_the_partition() {
        let service = Service {
            name: "ssm",
            variable: "NO_SUCH_SERVICE",
            target: "",
        };
        let clients = Clients::emulated(crate::clients::Emulators::default());
        let cases = [
            ("eu-west-1", "https://ssm.eu-west-1.amazonaws.com"),
            ("cn-north-1", "https://ssm.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "https://ssm.eusc-de-east-1.amazonaws.eu"),
        ];
        for (region, expected) in cases {
            let region = Region::parse(region).unwrap();
            assert_eq!(service.endpoint(&clients, &region).await, expected);
        }
    }
}
