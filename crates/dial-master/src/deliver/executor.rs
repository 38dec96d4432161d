//! Performs every call by the port that it names: HTTP, signed HTTP (AWS services), or a file.

use super::lines::{Lines, Written};
use super::transport::{Transport, TransportError};
use crate::sinks::{Call, Reply, Via};
use async_trait::async_trait;
use dial_core::ports::{RequestSigner, SignError, Signing, Unsigned};
use http::{HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// All ports behind one door.
pub struct Executor<T> {
    http: T,
    signer: Arc<dyn RequestSigner>,
    lines: Lines,
}

impl<T: Transport> Executor<T> {
    /// Sends over `http`; `signer` is asked for calls to AWS services.
    pub fn new(http: T, signer: Arc<dyn RequestSigner>) -> Self {
        Self {
            http,
            signer,
            lines: Lines::default(),
        }
    }

    async fn signed(
        &self,
        call: Call,
        signing: &Signing,
        timeout: Duration,
    ) -> Result<Reply, TransportError> {
        // Assuming a role is part of the time that the call has.
        let started = Instant::now();
        let call = tokio::time::timeout(timeout, self.sign(call, signing)).await;
        let call = call.map_err(|_| TransportError::Timeout(timeout))??;
        let left = timeout.saturating_sub(started.elapsed());
        self.http.perform(call, left).await
    }

    async fn sign(&self, mut call: Call, signing: &Signing) -> Result<Call, SignError> {
        let unreadable = |_| SignError::Denied("a header is no text".into());
        let headers = call
            .headers
            .iter()
            .map(|(name, value)| Ok((name.as_str(), value.to_str().map_err(unreadable)?)))
            .collect::<Result<Vec<_>, _>>()?;
        let request = Unsigned {
            method: call.method.as_str(),
            url: call.url.as_str(),
            headers: &headers,
            body: &call.body,
        };
        for (name, value) in self.signer.sign(signing, request).await? {
            let (name, value) = secret(&name, &value)?;
            call.headers.insert(name, value);
        }
        Ok(call)
    }
}

#[async_trait]
impl<T: Transport> Transport for Executor<T> {
    async fn perform(&self, mut call: Call, timeout: Duration) -> Result<Reply, TransportError> {
        match std::mem::take(&mut call.via) {
            Via::Http => self.http.perform(call, timeout).await,
            Via::Signed(signing) => self.signed(call, &signing, timeout).await,
            Via::File(line) => {
                let step = call.step;
                let written = self.lines.append(*line, call.body).await;
                let status = match written.map_err(|e| TransportError::Failed(e.to_string()))? {
                    Written::Now => 201,
                    Written::Before => 200,
                };
                Ok(Reply {
                    step,
                    status,
                    retry_after: None,
                    body: Vec::new(),
                })
            }
        }
    }
}

fn secret(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), SignError> {
    let odd = || SignError::Denied(format!("signer made an odd header {name}"));
    let mut value = HeaderValue::try_from(value).map_err(|_| odd())?;
    value.set_sensitive(true);
    Ok((HeaderName::try_from(name).map_err(|_| odd())?, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::Step;
    use dial_core::Region;
    use reqwest::Url;
    use std::sync::Mutex;

    const SOON: Duration = Duration::from_secs(9);

    /// Keeps what it was given.
    #[derive(Default)]
    struct Other(Mutex<Vec<Call>>);

    #[async_trait]
    impl Transport for Arc<Other> {
        async fn perform(&self, call: Call, _: Duration) -> Result<Reply, TransportError> {
            let step = call.step;
            self.0.lock().unwrap().push(call);
            Ok(Reply {
                step,
                status: 200,
                retry_after: None,
                body: Vec::new(),
            })
        }
    }

    /// Tells what it was asked to sign.
    struct Signer(Result<(), SignError>);

    #[async_trait]
    impl RequestSigner for Signer {
        async fn sign(
            &self,
            signing: &Signing,
            request: Unsigned<'_>,
        ) -> Result<Vec<(String, String)>, SignError> {
            self.0.clone()?;
            let Unsigned {
                method,
                url,
                headers,
                body,
            } = request;
            let body = String::from_utf8_lossy(body);
            let told = format!("{signing:?} {method} {url} {headers:?} {body}");
            Ok(vec![("authorization".into(), told)])
        }
    }

    fn call() -> Call {
        let url = Url::parse("https://sns.eu-west-1.amazonaws.com/").unwrap();
        Call::post("publish", &url, b"Action=Publish".to_vec())
    }

    fn signing() -> Signing {
        Signing {
            service: "sns",
            region: Region::parse("eu-west-1").unwrap(),
            role: None,
        }
    }

    #[tokio::test]
    async fn what_is_signed_is_what_leaves() {
        let other = Arc::new(Other::default());
        let executor = Executor::new(other.clone(), Arc::new(Signer(Ok(()))));
        executor
            .perform(call().signed(signing()), SOON)
            .await
            .unwrap();
        executor.perform(call(), SOON).await.unwrap();
        let sent = other.0.lock().unwrap();
        let authorization = &sent[0].headers["authorization"];
        assert!(authorization.is_sensitive());
        insta::assert_snapshot!(authorization.to_str().unwrap());
        assert_eq!(sent[0].via, Via::Http);
        assert!(!sent[1].headers.contains_key("authorization"));
    }

    #[tokio::test]
    async fn what_cannot_be_signed_never_leaves() {
        let cases = [
            (SignError::Denied("no".into()), "fail"),
            (SignError::Unavailable("no".into()), "retry"),
        ];
        for (error, expected) in cases {
            let other = Arc::new(Other::default());
            let executor = Executor::new(other.clone(), Arc::new(Signer(Err(error))));
            let end = executor.perform(call().signed(signing()), SOON).await;
            let step = match end.unwrap_err().step() {
                Step::Fail(reason) => ("fail", reason),
                Step::Retry { reason, .. } => ("retry", reason),
                other => panic!("{other:?}"),
            };
            assert_eq!(step, (expected, "cannot sign the request: no".to_owned()));
            assert!(other.0.lock().unwrap().is_empty());
        }
    }
}
