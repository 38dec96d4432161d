//! Signs requests of services that have no client here, as this process or as a role.

use crate::clients::Clients;
use crate::fault::{Fault, Remedy};
use async_trait::async_trait;
use aws_sdk_sts::config::{Credentials, ProvideCredentials};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use dial_core::ports::{RequestSigner, Role, SignError, Signing, Unsigned};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Credentials that end sooner than this are replaced.
const LEAST_LEFT: Duration = Duration::from_mins(5);
/// Name of our sessions, as CloudTrail shows it.
const SESSION: &str = "dial";

/// Signs with the process's own credentials or an assumed role's, both kept until they end.
#[derive(Clone, Default)]
pub struct AwsSigner {
    clients: Clients,
    kept: Arc<Mutex<BTreeMap<Option<Role>, Slot>>>,
}

/// The credentials of one identity; locked while they are fetched, so that they are fetched once.
type Slot = Arc<tokio::sync::Mutex<Option<Credentials>>>;

impl AwsSigner {
    /// Signs with the credentials of these clients; loads nothing yet.
    pub fn new(clients: Clients) -> Self {
        let kept = Arc::default();
        Self { clients, kept }
    }

    async fn credentials(&self, signing: &Signing) -> Result<Credentials, SignError> {
        let slot = self.slot(signing.role.as_ref());
        let mut kept = slot.lock().await;
        if let Some(good) = kept.as_ref().filter(|c| is_fresh(c, SystemTime::now())) {
            return Ok(good.clone());
        }
        let new = match &signing.role {
            Some(role) => self.assume(role, signing.region.as_str()).await?,
            None => self.own().await?,
        };
        *kept = Some(new.clone());
        Ok(new)
    }

    fn slot(&self, role: Option<&Role>) -> Slot {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(role.cloned()).or_default().clone()
    }

    async fn own(&self) -> Result<Credentials, SignError> {
        let provider = self.clients.config().await.credentials_provider();
        let provider = provider.ok_or_else(|| unavailable("there are no credentials"))?;
        let found = provider.provide_credentials().await;
        found.map_err(|error| {
            unavailable(&format!(
                "no credentials: {error}; set AWS_PROFILE or the AWS_ACCESS_KEY_ID variables, \
                 or run with a role"
            ))
        })
    }

    async fn assume(&self, role: &Role, region: &str) -> Result<Credentials, SignError> {
        let request = self.clients.sts(region).await.assume_role();
        let answer = request
            .role_arn(&role.arn)
            .role_session_name(SESSION)
            .set_external_id(role.external_id.clone())
            .send()
            .await;
        let answer = answer.map_err(|error| {
            let fault = Fault::of(&error);
            let reason = fault.explain("sts:AssumeRole", &role.arn);
            match fault.remedy {
                Remedy::Repair if !fault.code.is_empty() => SignError::Denied(reason),
                _ => SignError::Unavailable(reason),
            }
        })?;
        let given = answer.credentials;
        let given = given.ok_or_else(|| unavailable("STS answered without credentials"))?;
        let ends = SystemTime::try_from(given.expiration)
            .map_err(|_| unavailable("STS answered with an expiry before 1970"))?;
        Ok(Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            Some(ends),
            SESSION,
        ))
    }
}

#[async_trait]
impl RequestSigner for AwsSigner {
    async fn sign(
        &self,
        signing: &Signing,
        request: Unsigned<'_>,
    ) -> Result<Vec<(String, String)>, SignError> {
        let credentials = self.credentials(signing).await?;
        signed(credentials, signing, request, SystemTime::now())
    }
}

fn signed(
    credentials: Credentials,
    signing: &Signing,
    request: Unsigned<'_>,
    now: SystemTime,
) -> Result<Vec<(String, String)>, SignError> {
    let failed =
        |error: &dyn std::error::Error| SignError::Denied(format!("no signature: {error}"));
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(signing.region.as_str())
        .name(signing.service)
        .time(now)
        .settings(settings(signing.service))
        .build()
        .map_err(|error| failed(&error))?
        .into();
    let headers = request.headers.iter().copied();
    let body = SignableBody::Bytes(request.body);
    let signable = SignableRequest::new(request.method, request.url, headers, body);
    let (instructions, _) = signable
        .and_then(|signable| sign(signable, &params))
        .map_err(|error| failed(&error))?
        .into_parts();
    let added = instructions.headers();
    Ok(added
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// S3 signs the path as it is sent and wants the body's hash in a header; `OpenSearch` Serverless
/// wants the hash too.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if matches!(service, "s3" | "aoss") {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    settings
}

fn is_fresh(credentials: &Credentials, now: SystemTime) -> bool {
    credentials
        .expiry()
        .is_none_or(|end| end > now + LEAST_LEFT)
}

fn unavailable(reason: &str) -> SignError {
    SignError::Unavailable(reason.to_owned())
}

impl std::fmt::Debug for AwsSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsSigner").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Emulators;
    use dial_core::Region;
    use wiremock::matchers::{body_string_contains, method};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    const ROLE: &str = "arn:aws:iam::111122223333:role/dial-securityhub";

    fn signing(service: &'static str, role: Option<&str>) -> Signing {
        Signing {
            service,
            region: Region::parse("eu-west-1").unwrap(),
            role: role.map(|arn| Role {
                arn: arn.into(),
                external_id: Some("dial".into()),
            }),
        }
    }

    const REQUEST: Unsigned<'_> = Unsigned {
        method: "POST",
        url: "https://sns.eu-west-1.amazonaws.com/",
        headers: &[("content-type", "application/x-www-form-urlencoded")],
        body: b"Action=Publish",
    };

    fn assumed(minutes: i64) -> ResponseTemplate {
        let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes);
        ResponseTemplate::new(200).set_body_string(format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
             <SecretAccessKey>secret</SecretAccessKey><SessionToken>token-of-role</SessionToken>\
             <Expiration>{ends:.0}</Expiration></Credentials></AssumeRoleResult>\
             </AssumeRoleResponse>"
        ))
    }

    async fn sts(answer: ResponseTemplate, times: u64) -> (MockServer, AwsSigner) {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(body_string_contains("Action=AssumeRole"))
            .and(body_string_contains("ExternalId=dial"))
            .and(body_string_contains("RoleSessionName=dial"))
            .respond_with(answer)
            .expect(times)
            .mount(&server)
            .await;
        let clients = Clients::emulated(Emulators {
            sts: Some(server.uri()),
            ..Emulators::default()
        });
        (server, AwsSigner::new(clients))
    }

    fn value<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
        let found = headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The signature that Amazon's own Python library (botocore 1.44) makes of the same request.
    #[test]
    fn the_signature_is_the_one_that_another_signer_makes() {
        let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI", None, None, "test");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_777_629_604);
        let cases = [
            ("sns", REQUEST.url, REQUEST.method, SNS),
            (
                "s3",
                "https://lake.s3.eu-west-1.amazonaws.com/ext/region%3Deu-west-1/f-1.jsonl",
                "PUT",
                S3,
            ),
        ];
        for (service, url, method, expected) in cases {
            let request = Unsigned {
                url,
                method,
                ..REQUEST
            };
            let headers = signed(credentials.clone(), &signing(service, None), request, now);
            let headers = headers.unwrap();
            let found = value(&headers, "authorization").unwrap();
            assert!(found.ends_with(expected), "{service}: {found}");
        }
    }

    const SNS: &str = "Signature=4ac856f366fac3ccfe8a22cf3950df559384839b5e6be25e1e015f285326ad1a";
    const S3: &str = "Signature=c88ff2566885e4dd29393bd53d6bd7a441e4a9982ab4ec62ee88dd2407856139";

    #[tokio::test]
    async fn a_role_is_assumed_once_and_signs_with_its_token() {
        let (_server, signer) = sts(assumed(60), 1).await;
        for _ in 0..3 {
            let headers = signer.sign(&signing("sns", Some(ROLE)), REQUEST).await;
            let headers = headers.unwrap();
            assert_eq!(
                value(&headers, "x-amz-security-token"),
                Some("token-of-role")
            );
            let authorization = value(&headers, "authorization").unwrap();
            assert!(
                authorization.contains("Credential=ASIAROLE/")
                    && authorization.contains("/eu-west-1/sns/aws4_request")
                    && authorization.contains("content-type;host;x-amz-date"),
                "{authorization}"
            );
        }
        let own = signer.sign(&signing("sns", None), REQUEST).await.unwrap();
        assert!(value(&own, "authorization").unwrap().contains("=test/"));
        assert_eq!(value(&own, "x-amz-security-token"), None);
    }

    #[tokio::test]
    async fn credentials_about_to_end_are_replaced() {
        let (_server, signer) = sts(assumed(4), 2).await;
        for _ in 0..2 {
            let headers = signer.sign(&signing("sns", Some(ROLE)), REQUEST).await;
            assert!(headers.is_ok(), "{headers:?}");
        }
    }

    #[tokio::test]
    async fn a_role_that_may_not_be_assumed_is_named_and_a_busy_sts_may_pass() {
        let error = |status: u16, code: &str| {
            ResponseTemplate::new(status).set_body_string(format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
                 <Message>m</Message></Error></ErrorResponse>"
            ))
        };
        let (_server, signer) = sts(error(403, "AccessDenied"), 1).await;
        let refused = signer.sign(&signing("sns", Some(ROLE)), REQUEST).await;
        let expected = format!("AccessDenied: m; allow sts:AssumeRole on {ROLE}");
        assert_eq!(refused, Err(SignError::Denied(expected)));
        let (_server, signer) = sts(error(400, "Throttling"), 3).await;
        let busy = signer.sign(&signing("sns", Some(ROLE)), REQUEST).await;
        assert!(matches!(busy, Err(SignError::Unavailable(_))), "{busy:?}");
    }

    #[test]
    fn only_lasting_credentials_are_kept() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        let ending = |end: Option<SystemTime>| Credentials::new("a", "b", None, end, "test");
        let cases = [
            ("no end", None, true),
            ("an hour", Some(now + Duration::from_hours(1)), true),
            ("at the edge", Some(now + LEAST_LEFT), false),
            ("over", Some(now - Duration::from_secs(1)), false),
        ];
        for (name, end, expected) in cases {
            assert_eq!(is_fresh(&ending(end), now), expected, "{name}");
        }
    }
}
