//! Secrets by reference: environment and files at once, those of AWS when one is asked for.

use crate::clients::Clients;
use crate::fault::Fault;
use crate::parameters;
use async_trait::async_trait;
use aws_sdk_secretsmanager::config::{Builder, Region};
use dial_core::ports::Secrets;
use dial_core::secret::{SecretError, SecretRef};
use dial_core::{Region as RegionName, Secret};

/// Fetches secrets; calls AWS only for `secretsmanager:` and `ssm:` references.
#[derive(Debug, Clone, Default)]
pub struct AwsSecrets(Clients);

impl AwsSecrets {
    /// Uses these clients once a secret of AWS is asked for.
    pub fn new(clients: Clients) -> Self {
        Self(clients)
    }

    async fn remote(&self, name: &str) -> Result<Secret, SecretError> {
        let failure = |reason: String| SecretError::Remote {
            name: name.to_owned(),
            reason,
        };
        let call = self.0.secrets().await.get_secret_value().secret_id(name);
        let elsewhere = region(name).map(|region| Builder::new().region(Region::new(region)));
        let answer = match elsewhere {
            Some(settings) => call.customize().config_override(settings).send().await,
            None => call.send().await,
        };
        let answer = answer.map_err(|e| failure(explain(&Fault::of(&e), name)))?;
        let text = answer.secret_string();
        text.map(Secret::new)
            .ok_or_else(|| failure("its value is binary, text is needed".to_owned()))
    }
}

#[async_trait]
impl Secrets for AwsSecrets {
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        match (reference.local(), reference) {
            (Some(found), _) => found,
            (None, SecretRef::SecretsManager(name)) => self.remote(name).await,
            (None, SecretRef::Parameter(name)) => {
                let read = parameters::read(&self.0, name).await;
                read.map_err(|reason| SecretError::Remote {
                    name: name.clone(),
                    reason,
                })
            }
            (None, _) => Err(SecretError::Literal),
        }
    }
}

/// A secret that is there without a value is said to be not found, too.
fn explain(fault: &Fault, name: &str) -> String {
    if fault.code == "ResourceNotFoundException" && fault.message.contains("staging label") {
        return format!(
            "it has no value yet; aws secretsmanager put-secret-value --secret-id {name} \
             --secret-string file://…"
        );
    }
    fault.explain("secretsmanager:GetSecretValue", name)
}

/// Region of a secret's ARN, so that a worker can read a secret that lies in another region.
fn region(name: &str) -> Option<String> {
    let mut parts = name.split(':');
    let head = [parts.next()?, parts.next()?, parts.next()?];
    let region = RegionName::parse(parts.next()?).ok()?;
    (head[0] == "arn" && head[2] == "secretsmanager").then(|| region.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Emulators;
    use std::io::Write;
    use wiremock::matchers::{body_json, header_regex};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    #[test]
    fn the_region_is_the_one_of_the_arn() {
        let arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:dial-AbCdEf";
        let cases = [
            (arn, Some("eu-west-1")),
            ("dial/worker", None),
            ("arn:aws:s3:::bucket", None),
            ("arn:aws:secretsmanager", None),
            ("arn:aws:secretsmanager:EU:1:secret:x", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(region(name).as_deref(), expected, "{name}");
        }
    }

    #[tokio::test]
    async fn a_file_is_read_without_any_client() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "whsec_abc").unwrap();
        let path = file.path().to_str().unwrap();
        let reference = SecretRef::File(path.to_owned());
        let secret = AwsSecrets::default().fetch(&reference).await.unwrap();
        assert_eq!(secret.expose(), "whsec_abc");
    }

    #[tokio::test]
    async fn a_missing_variable_is_named() {
        let reference = SecretRef::Env("DIAL_NO_SUCH_VARIABLE".to_owned());
        let error = AwsSecrets::default().fetch(&reference).await.unwrap_err();
        assert!(
            error.to_string().contains("DIAL_NO_SUCH_VARIABLE"),
            "{error}"
        );
    }

    /// What a server that knows one secret answers, asked for by one name in one region.
    async fn ask(name: &str, region: &str, answer: ResponseTemplate) -> Result<Secret, String> {
        let server = MockServer::start().await;
        let signed = format!("/{region}/secretsmanager/aws4_request");
        Mock::given(header_regex("authorization", &signed))
            .and(body_json(serde_json::json!({ "SecretId": name })))
            .respond_with(answer)
            .expect(1)
            .mount(&server)
            .await;
        let clients = Clients::emulated(Emulators {
            secrets: Some(server.uri()),
            ..Emulators::default()
        });
        let reference = SecretRef::SecretsManager(name.to_owned());
        let secret = AwsSecrets::new(clients).fetch(&reference).await;
        secret.map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn a_secret_is_asked_for_in_its_own_region() {
        let arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:dial-AbCdEf";
        for (name, region) in [(arn, "eu-west-1"), ("dial/worker", "us-east-1")] {
            let body = serde_json::json!({ "SecretString": "whsec_abc\n" });
            let answer = ResponseTemplate::new(200).set_body_json(body);
            let secret = ask(name, region, answer).await.unwrap();
            assert_eq!(secret.expose(), "whsec_abc", "{name}");
        }
    }

    #[tokio::test]
    async fn refusals_say_what_is_missing() {
        let error = |kind: &str| {
            let body = serde_json::json!({ "__type": kind, "message": "m" });
            ResponseTemplate::new(400).set_body_json(body)
        };
        let binary = serde_json::json!({ "SecretBinary": "AAAA" });
        let cases = [
            (
                error("AccessDeniedException"),
                "secret x cannot be fetched: AccessDeniedException: m; \
                 allow secretsmanager:GetSecretValue on x",
            ),
            (
                error("ResourceNotFoundException"),
                "secret x cannot be fetched: ResourceNotFoundException: m; \
                 x is not in this account and region",
            ),
            (
                ResponseTemplate::new(400).set_body_json(serde_json::json!({
                    "__type": "ResourceNotFoundException",
                    "message": "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
                })),
                "secret x cannot be fetched: it has no value yet; \
                 aws secretsmanager put-secret-value --secret-id x --secret-string file://…",
            ),
            (
                ResponseTemplate::new(200).set_body_json(binary),
                "secret x cannot be fetched: its value is binary, text is needed",
            ),
        ];
        for (answer, expected) in cases {
            assert_eq!(
                ask("x", "us-east-1", answer).await,
                Err(expected.to_owned())
            );
        }
    }
}
