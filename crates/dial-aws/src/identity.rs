//! Asks STS who signed a question, by handing the question on as it was signed.

use crate::exchange::{Answer, Exchange};
use async_trait::async_trait;
use dial_core::enrolment::{Identity, QUESTION, StsQuestion};
use dial_core::ports::{CallerIdentity, IdentityError};

/// Longest text of STS that a log repeats, characters.
const QUOTED: usize = 120;

/// The STS of the region that a question names; calls it with no credentials of its own.
#[derive(Debug, Default)]
pub struct StsIdentity {
    exchange: Exchange,
    endpoint: Option<String>,
}

impl StsIdentity {
    /// Asks STS.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks an emulator instead, whatever it says of itself.
    pub fn emulated(endpoint: &str) -> Self {
        Self {
            endpoint: Some(endpoint.to_owned()),
            ..Self::default()
        }
    }
}

#[async_trait]
impl CallerIdentity for StsIdentity {
    async fn caller(&self, question: &StsQuestion) -> Result<Identity, IdentityError> {
        let url = self.endpoint.clone().unwrap_or_else(|| question.url());
        let headers = question.headers().iter();
        let headers = headers.map(|(name, value)| ((*name).to_owned(), value.clone()));
        let answer = self.exchange.post(&url, headers, QUESTION.to_vec()).await;
        judge(&answer.map_err(IdentityError::Unavailable)?)
    }
}

fn judge(answer: &Answer) -> Result<Identity, IdentityError> {
    let said = || {
        let code = element(&answer.body, "Code").unwrap_or_default();
        let code: String = code.chars().take(QUOTED).collect();
        format!("HTTP status {} {code}", answer.status)
    };
    match answer.status {
        200 => identity(&answer.body).ok_or_else(|| {
            IdentityError::Unavailable("HTTP status 200 without an identity".to_owned())
        }),
        400 if said().contains("Throttl") => Err(IdentityError::Unavailable(said())),
        400..=499 => Err(IdentityError::Refused(said())),
        _ => Err(IdentityError::Unavailable(said())),
    }
}

fn identity(body: &str) -> Option<Identity> {
    Some(Identity {
        arn: element(body, "Arn")?.to_owned(),
        account: element(body, "Account")?.to_owned(),
    })
}

/// The text of the one element of that name: none where it is missing, there twice, or holds
/// another element or an entity.
fn element<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, rest) = rest.split_once(&format!("</{name}>"))?;
    let is_plain = !text.contains(['<', '>', '&']);
    let is_only = !rest.contains(&format!("<{name}"));
    (is_plain && is_only).then_some(text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::AwsSigner;
    use crate::{Clients, Emulators};
    use dial_core::enrolment::{Audience, Enrolment, SERVICE, to_sign};
    use dial_core::ports::{RequestSigner as _, Signing, Unsigned};
    use jiff::Timestamp;
    use wiremock::matchers::{body_string, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    const ARN: &str = "arn:aws:sts::111122223333:assumed-role/dial-worker-eu-west-1/dial-worker";

    fn answer(inner: &str) -> String {
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n\
             <GetCallerIdentityResult>{inner}</GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
             </GetCallerIdentityResponse>"
        )
    }

    #[test]
    fn answers_mean_what_they_say_and_nothing_else_does() {
        let whole = answer(&format!(
            "<Arn>{ARN}</Arn><UserId>AROA:s</UserId>\n<Account> 111122223333 </Account>"
        ));
        let no_account = answer(&format!("<Arn>{ARN}</Arn>"));
        let twice = answer(&format!(
            "<Arn>{ARN}</Arn><Account>111122223333</Account><Account>444455556666</Account>"
        ));
        let nested = answer("<Arn><Arn>x</Arn></Arn><Account>1</Account>");
        let error = |code: &str| {
            format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>")
        };
        let cases = [
            ("good", 200, whole.clone(), "known"),
            ("no account", 200, no_account, "unavailable"),
            ("two accounts", 200, twice, "unavailable"),
            ("nested", 200, nested, "unavailable"),
            ("something else", 200, "<html>".into(), "unavailable"),
            ("forged", 403, error("SignatureDoesNotMatch"), "refused"),
            ("ended", 403, error("ExpiredToken"), "refused"),
            ("elsewhere", 301, whole, "unavailable"),
            ("busy", 400, error("Throttling"), "unavailable"),
            ("broken", 500, String::new(), "unavailable"),
        ];
        for (name, status, body, expected) in cases {
            let got = match judge(&Answer { status, body }) {
                Ok(identity) => {
                    assert_eq!(identity.role(), Some("dial-worker-eu-west-1"), "{name}");
                    "known"
                }
                Err(IdentityError::Refused(_)) => "refused",
                Err(IdentityError::Unavailable(_)) => "unavailable",
            };
            assert_eq!(got, expected, "{name}");
        }
    }

    /// What the worker's signer covers is what the master hands on, to the byte.
    #[tokio::test]
    async fn the_signature_covers_what_the_master_puts_together() {
        let worker: dial_core::WorkerId = "111122223333/eu-west-1".parse().unwrap();
        let audience = Audience::parse("https://dial.example.com").unwrap();
        let (url, headers) = to_sign(&worker, &audience).unwrap();
        let headers = headers
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let signing = Signing {
            service: SERVICE,
            region: worker.region.clone(),
            role: None,
        };
        let unsigned = Unsigned {
            method: "POST",
            url: &url,
            headers: &headers,
            body: QUESTION,
        };
        let clients = Clients::emulated(Emulators {
            keys: Some(("ASIAEXAMPLEEXAMPLE00".into(), "secret".into())),
            token: Some("FQoGZXIvYXdzEBYaDexample".into()),
            ..Emulators::default()
        });
        let added = AwsSigner::new(clients)
            .sign(&signing, unsigned)
            .await
            .unwrap();
        let signed = Enrolment::of(worker, &added).unwrap();
        let read = Enrolment::read(&signed.to_json(), Timestamp::now()).unwrap();
        let question = read.question(&audience).unwrap();
        let value = |list: &[(String, String)], name: &str| {
            let found = list.iter().find(|(n, _)| n == name);
            found.map(|(_, value)| value.clone())
        };
        let handed_on: Vec<(String, String)> = question
            .headers()
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        for name in ["authorization", "x-amz-date", "x-amz-security-token"] {
            assert_eq!(value(&handed_on, name), value(&added, name), "{name}");
        }
    }

    #[tokio::test]
    async fn the_question_is_handed_on_and_a_redirect_is_not_followed() {
        let server = MockServer::start().await;
        let worker = "111122223333/eu-west-1";
        let body = serde_json::json!({
            "worker": worker, "access_key": "ASIAEXAMPLEEXAMPLE00", "date": "20260501T100000Z",
            "token": "FQoGZXIvYXdzEBYaDexample", "signature": "0".repeat(64),
        });
        let now: Timestamp = "2026-05-01T10:00:00Z".parse().unwrap();
        let enrolment = Enrolment::read(body.to_string().as_bytes(), now).unwrap();
        let audience = Audience::parse("https://dial.example.com").unwrap();
        let question = enrolment.question(&audience).unwrap();
        let inner = format!("<Arn>{ARN}</Arn><Account>111122223333</Account>");
        let good = Mock::given(method("POST"))
            .and(path("/"))
            .and(header("host", "sts.eu-west-1.amazonaws.com"))
            .and(header("dial-audience", "https://dial.example.com"))
            .and(header("dial-worker", worker))
            .and(body_string("Action=GetCallerIdentity&Version=2011-06-15"))
            .respond_with(ResponseTemplate::new(200).set_body_string(answer(&inner)));
        good.up_to_n_times(1).mount(&server).await;
        let elsewhere = ResponseTemplate::new(307).insert_header("location", "/other");
        Mock::given(path("/"))
            .respond_with(elsewhere)
            .mount(&server)
            .await;
        let sts = StsIdentity::emulated(&server.uri());
        let known = sts.caller(&question).await.unwrap();
        assert_eq!(
            (known.arn.as_str(), known.account.as_str()),
            (ARN, "111122223333")
        );
        let moved = sts.caller(&question).await;
        assert!(
            matches!(moved, Err(IdentityError::Unavailable(_))),
            "{moved:?}"
        );
        assert_eq!(server.received_requests().await.unwrap().len(), 2);
    }
}
