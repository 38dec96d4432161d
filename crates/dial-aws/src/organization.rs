//! Whether an account is an active member of the organisation: `organizations:DescribeAccount`.

use crate::clients::Clients;
use crate::exchange::{Answer, Exchange};
use crate::signer::AwsSigner;
use async_trait::async_trait;
use dial_core::ports::{Organization, RequestSigner as _, Role, Signing, Unsigned};
use dial_core::{Region, WorkerId, partition};
use serde::Deserialize;
use serde_json::json;

const JSON: &str = "application/x-amz-json-1.1";
const TARGET: &str = "AWSOrganizationsV20161128.DescribeAccount";

/// The organisation, as the process or as a role of the management account.
#[derive(Debug)]
pub struct AwsOrganization {
    exchange: Exchange,
    signer: AwsSigner,
    role: Option<Role>,
    endpoint: Option<String>,
}

impl AwsOrganization {
    /// Asks with the credentials of these clients, or of a role that they may assume; `endpoint`
    /// is that of an emulator.
    pub fn new(clients: Clients, role: Option<Role>, endpoint: Option<String>) -> Self {
        Self {
            exchange: Exchange::default(),
            signer: AwsSigner::new(clients),
            role,
            endpoint,
        }
    }
}

#[async_trait]
impl Organization for AwsOrganization {
    async fn has(&self, worker: &WorkerId) -> Result<bool, String> {
        let (host, region) = home(&worker.region);
        let url = format!("https://{host}/");
        let url = self.endpoint.clone().unwrap_or(url);
        let body = json!({ "AccountId": worker.account.as_str() }).to_string();
        let signing = Signing {
            service: "organizations",
            region: Region::parse(region).expect("a constant region"),
            role: self.role.clone(),
        };
        let plain = [("content-type", JSON), ("x-amz-target", TARGET)];
        let unsigned = Unsigned {
            method: "POST",
            url: &url,
            headers: &plain,
            body: body.as_bytes(),
        };
        let signed = self.signer.sign(&signing, unsigned).await;
        let mut headers = signed.map_err(|error| error.to_string())?;
        headers.extend(plain.map(|(name, value)| (name.to_owned(), value.to_owned())));
        judge(&self.exchange.post(&url, headers, body.into_bytes()).await?)
    }
}

/// Where an organisation answers: once in each partition.
fn home(region: &Region) -> (String, &'static str) {
    let partition = partition::of(region).unwrap_or(&partition::AWS);
    let home = partition.organization;
    (format!("organizations.{home}.{}", partition.suffix), home)
}

#[derive(Deserialize)]
struct Described {
    #[serde(rename = "Account")]
    account: Account,
}

/// `State` has come beside `Status`, and is to replace it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Account {
    state: Option<String>,
    status: Option<String>,
}

#[derive(Default, Deserialize)]
struct Fault {
    #[serde(rename = "__type", default)]
    kind: String,
}

fn judge(answer: &Answer) -> Result<bool, String> {
    if answer.status == 200 {
        let described: Described = serde_json::from_str(&answer.body)
            .map_err(|_| "Organizations answered without an account".to_owned())?;
        let state = described.account.state.or(described.account.status);
        return Ok(state.as_deref() == Some("ACTIVE"));
    }
    let fault: Fault = serde_json::from_str(&answer.body).unwrap_or_default();
    let kind: String = fault
        .kind
        .rsplit('#')
        .next()
        .unwrap_or_default()
        .chars()
        .take(80)
        .collect();
    let status = answer.status;
    match kind.as_str() {
        "AccountNotFoundException" => Ok(false),
        "AccessDeniedException" => Err(
            "AccessDeniedException; allow organizations:DescribeAccount, from the management \
             account, a delegated administrator, or by organization_role"
                .to_owned(),
        ),
        _ => Err(format!("HTTP status {status} {kind}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Emulators;
    use wiremock::matchers::{body_json, header, header_regex};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    #[test]
    fn only_active_members_are_members() {
        let account = |fields: &str| format!("{{\"Account\":{{{fields}}}}}");
        let fault = |kind: &str| format!("{{\"__type\":\"com.amazonaws#{kind}\"}}");
        let cases = [
            (200, account("\"Id\":\"1\",\"Status\":\"ACTIVE\""), Ok(true)),
            (200, account("\"State\":\"ACTIVE\""), Ok(true)),
            (
                200,
                account("\"State\":\"CLOSED\",\"Status\":\"ACTIVE\""),
                Ok(false),
            ),
            (200, account("\"Status\":\"SUSPENDED\""), Ok(false)),
            (200, account(""), Ok(false)),
            (200, "{}".into(), Err("without an account")),
            (400, fault("AccountNotFoundException"), Ok(false)),
            (
                400,
                fault("AccessDeniedException"),
                Err("organization_role"),
            ),
            (
                400,
                fault("TooManyRequestsException"),
                Err("TooManyRequests"),
            ),
            (500, "<html>".into(), Err("HTTP status 500")),
        ];
        for (status, body, expected) in cases {
            let shown = body.clone();
            match (judge(&Answer { status, body }), expected) {
                (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{shown}"),
                (Err(got), Err(part)) => assert!(got.contains(part), "{shown}: {got}"),
                (got, _) => panic!("{shown}: {got:?}"),
            }
        }
    }

    #[tokio::test]
    async fn the_account_is_asked_for_by_a_signed_request() {
        let server = MockServer::start().await;
        let active = json!({ "Account": { "Id": "111122223333", "Status": "ACTIVE" } });
        Mock::given(header("x-amz-target", TARGET))
            .and(header_regex(
                "authorization",
                "/us-east-1/organizations/aws4_request",
            ))
            .and(body_json(json!({ "AccountId": "111122223333" })))
            .respond_with(ResponseTemplate::new(200).set_body_json(active))
            .expect(1)
            .mount(&server)
            .await;
        let clients = Clients::emulated(Emulators::default());
        let organization = AwsOrganization::new(clients, None, Some(server.uri()));
        let worker = "111122223333/eu-west-1".parse().unwrap();
        assert_eq!(organization.has(&worker).await, Ok(true));
    }
}
