//! Parameters of Systems Manager, read by one signed call: its client would be among the largest.

use crate::clients::Clients;
use crate::exchange::Exchange;
use crate::fault::{Fault, Remedy};
use crate::service::{JSON, Service, fault};
use crate::signer::AwsSigner;
use dial_core::ports::{RequestSigner as _, Signing, Unsigned};
use dial_core::{Region, Secret};
use serde_json::{Value, json};
use std::time::Duration;

const SSM: Service = Service {
    name: "ssm",
    variable: "SSM",
    target: "AmazonSSM",
};
const ACTION: &str = "ssm:GetParameter";
/// Waits before trying again: many functions that start at once are asked for patience.
const WAITS: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(600)];

/// Reads and decrypts a parameter by its name, or by its ARN in the region that the ARN names; an
/// error says why it cannot be had.
pub(crate) async fn read(clients: &Clients, name: &str) -> Result<Secret, String> {
    read_with(clients, name, &WAITS).await
}

async fn read_with(clients: &Clients, name: &str, waits: &[Duration]) -> Result<Secret, String> {
    let call = Call::of(clients, name).await?;
    let mut waits = waits.iter();
    loop {
        let fault = match call.send().await {
            Ok(parameter) => return value(&parameter),
            Err(fault) => fault,
        };
        match waits.next() {
            Some(wait) if fault.remedy != Remedy::Repair => tokio::time::sleep(*wait).await,
            _ => return Err(explain(&fault, name)),
        }
    }
}

/// One question, asked as often as it takes.
struct Call {
    exchange: Exchange,
    signer: AwsSigner,
    region: Region,
    url: String,
    body: String,
}

impl Call {
    async fn of(clients: &Clients, name: &str) -> Result<Self, String> {
        let own = clients.config().await.region().map(ToString::to_string);
        let region = region(name).or_else(|| Region::parse(&own.unwrap_or_default()).ok());
        let region = region.ok_or("no region; set AWS_REGION")?;
        Ok(Self {
            exchange: Exchange::default(),
            signer: AwsSigner::new(clients.clone()),
            url: format!("{}/", SSM.endpoint(clients, &region).await),
            region,
            body: json!({ "Name": name, "WithDecryption": true }).to_string(),
        })
    }

    async fn send(&self) -> Result<Value, Fault> {
        let target = format!("{}.GetParameter", SSM.target);
        let plain = [("content-type", JSON), ("x-amz-target", target.as_str())];
        let signing = Signing {
            service: SSM.name,
            region: self.region.clone(),
            role: None,
        };
        let unsigned = Unsigned {
            method: "POST",
            url: &self.url,
            headers: &plain,
            body: self.body.as_bytes(),
        };
        let signed = self.signer.sign(&signing, unsigned).await;
        let mut headers = signed.map_err(|error| lost(Remedy::Repair, error.to_string()))?;
        headers.extend(plain.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let body = self.body.clone().into_bytes();
        let answer = self.exchange.post(&self.url, headers, body).await;
        let answer = answer.map_err(|said| lost(Remedy::Retry, said))?;
        let mut body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        match answer.status {
            200 => Ok(body["Parameter"].take()),
            status => Err(fault(status, None, &body)),
        }
    }
}

fn lost(remedy: Remedy, message: String) -> Fault {
    Fault {
        code: String::new(),
        message,
        remedy,
    }
}

/// What is not encrypted is no place for a secret, whoever may read it now.
fn value(parameter: &Value) -> Result<Secret, String> {
    match (parameter["Type"].as_str(), parameter["Value"].as_str()) {
        (Some("SecureString"), Some(text)) => Ok(Secret::new(text)),
        (Some(kind), Some(_)) => Err(format!("it is a {kind}; make it a SecureString")),
        _ => Err("the answer holds no parameter".to_owned()),
    }
}

fn explain(fault: &Fault, name: &str) -> String {
    match fault.code.as_str() {
        "ParameterNotFound" => {
            format!("ParameterNotFound; {name} is not in this account and region")
        }
        _ => fault.explain(ACTION, name),
    }
}

/// Region of a parameter's ARN, so that one that lies in another region can be read.
fn region(name: &str) -> Option<Region> {
    let mut parts = name.split(':');
    let head = [parts.next()?, parts.next()?, parts.next()?];
    let region = Region::parse(parts.next()?).ok()?;
    (head[0] == "arn" && head[2] == "ssm").then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Emulators;
    use wiremock::matchers::{body_json, header, header_regex};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    const ARN: &str = "arn:aws:ssm:eu-west-1:111122223333:parameter/dial-worker-key";

    fn parameter(kind: &str) -> ResponseTemplate {
        let body = json!({ "Parameter": { "Type": kind, "Value": "whsec_abc\n", "Version": 1 } });
        ResponseTemplate::new(200).set_body_json(body)
    }

    fn refusal(status: u16, kind: &str) -> ResponseTemplate {
        ResponseTemplate::new(status).set_body_json(json!({ "__type": kind, "message": "m" }))
    }

    /// What a server says that gives these answers one after the other.
    async fn ask(
        name: &str,
        region: &str,
        answers: Vec<ResponseTemplate>,
    ) -> Result<String, String> {
        let server = MockServer::start().await;
        for answer in answers {
            let signed = format!("/{region}/ssm/aws4_request");
            Mock::given(header("x-amz-target", "AmazonSSM.GetParameter"))
                .and(header_regex("authorization", &signed))
                .and(body_json(json!({ "Name": name, "WithDecryption": true })))
                .respond_with(answer)
                .up_to_n_times(1)
                .expect(1)
                .mount(&server)
                .await;
        }
        let clients = Clients::emulated(Emulators {
            services: Some(server.uri()),
            ..Emulators::default()
        });
        let read = read_with(&clients, name, &[Duration::ZERO; 2]).await;
        read.map(|secret| secret.expose().to_owned())
    }

    #[tokio::test]
    async fn a_parameter_is_read_in_its_own_region() {
        for (name, region) in [(ARN, "eu-west-1"), ("/dial/key", "us-east-1")] {
            let read = ask(name, region, vec![parameter("SecureString")]).await;
            assert_eq!(read, Ok("whsec_abc".to_owned()), "{name}");
        }
    }

    #[tokio::test]
    async fn patience_is_had_twice() {
        let slow = || refusal(400, "ThrottlingException");
        let good = || parameter("SecureString");
        let cases = [
            (vec![slow(), refusal(503, ""), good()], Ok("whsec_abc")),
            (vec![slow(), slow(), slow()], Err("ThrottlingException: m")),
        ];
        for (answers, expected) in cases {
            let read = ask("x", "us-east-1", answers).await;
            match expected {
                Ok(value) => assert_eq!(read.as_deref(), Ok(value)),
                Err(said) => assert!(
                    read.as_ref().is_err_and(|e| e.starts_with(said)),
                    "{read:?}"
                ),
            }
        }
    }

    #[tokio::test]
    async fn refusals_say_what_is_missing() {
        let cases = [
            (
                refusal(400, "AccessDeniedException"),
                "AccessDeniedException: m; allow ssm:GetParameter on x",
            ),
            (
                refusal(400, "ParameterNotFound"),
                "ParameterNotFound; x is not in this account and region",
            ),
            (
                parameter("String"),
                "it is a String; make it a SecureString",
            ),
            (
                ResponseTemplate::new(200).set_body_string("{"),
                "the answer holds no parameter",
            ),
        ];
        for (answer, expected) in cases {
            let read = ask("x", "us-east-1", vec![answer]).await;
            assert_eq!(read, Err(expected.to_owned()));
        }
    }
}
