//! Findings arrive: signed, with the permissions of the guide, over the real deliverer.

use crate::desk::Desk;
use crate::{findings, guide, run};
use dial_aws::{Clients, Emulators, S3Bucket, create_bucket};
use dial_core::Finding;
use dial_core::ports::Bucket as _;
use dial_core::store::{Delivery, DeliveryState};
use serde_json::Value;

/// What the emulator was made to have.
struct Prepared {
    url: String,
    keys: Value,
    topic: String,
    bus: String,
}

fn prepare() -> Option<Prepared> {
    let Ok(url) = std::env::var("DIAL_TEST_AWS") else {
        println!("skipped: DIAL_TEST_AWS is not set");
        return None;
    };
    let policies = serde_json::to_string(&guide::emulated()).unwrap();
    let printed = run("sinks/aws.py", &["prepare", &url, &policies], "")?;
    let made: Value = serde_json::from_str(&printed).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Some(Prepared {
        topic: text(&made["topic"]),
        bus: text(&made["bus"]),
        keys: made["keys"].clone(),
        url,
    })
}

impl Prepared {
    fn settings(&self) -> String {
        let (url, topic, bus) = (&self.url, &self.topic, &self.bus);
        format!(
            "[topic]\ntype = 'sns'\ntopic_arn = '{topic}'\nendpoint = '{url}'\n\
             [bus]\ntype = 'eventbridge'\nbus_arn = '{bus}'\nendpoint = '{url}'\n\
             [hub]\ntype = 'securityhub'\nregion = 'eu-west-1'\nexternal_id = 'dial'\n\
             role = 'arn:aws:iam::{{account}}:role/dial-securityhub'\nendpoint = '{url}'\n"
        )
    }

    fn keys(&self, user: &str) -> (String, String) {
        serde_json::from_value(self.keys[user].clone()).unwrap()
    }

    async fn deliver(&self, finding: &Finding, user: (String, String)) -> Vec<Delivery> {
        let clients = Clients::emulated(Emulators {
            sts: Some(self.url.clone()),
            keys: Some(user),
            ..Emulators::default()
        });
        deliver(finding, &self.settings(), clients).await
    }
}

/// Delivers a finding to the sinks of these settings; the rows afterwards, by sink.
async fn deliver(finding: &Finding, settings: &str, clients: Clients) -> Vec<Delivery> {
    let desk = Desk::new(settings, clients).await;
    desk.take(std::slice::from_ref(finding)).await;
    desk.rows(finding).await
}

fn are_refused(rows: &[Delivery], why: &str) {
    assert_eq!(rows.len(), 3);
    for row in rows {
        let said = row.last_error.as_deref().unwrap_or_default();
        // The emulator's STS refuses in words that the SDK does not know.
        let understood = row.state == DeliveryState::Failed && said.contains(why);
        let unsigned = row.sink == "hub" && said.starts_with("cannot sign the request");
        assert!(understood || unsigned, "{row:?}");
    }
}

/// One test, for the emulator checks everyone or nobody.
#[tokio::test]
async fn signed_requests_arrive_and_no_others() {
    let Some(aws) = prepare() else { return };
    let finding = findings().swap_remove(0);

    let (key, _) = aws.keys("dial");
    let forged = aws.deliver(&finding, (key, "not the secret".into())).await;
    are_refused(&forged, "SignatureDoesNotMatch");
    let stranger = aws.deliver(&finding, aws.keys("nobody")).await;
    are_refused(&stranger, "; allow ");
    let rows = aws.deliver(&finding, aws.keys("dial")).await;
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_eq!(row.state, DeliveryState::Sent, "{row:?}");
    }

    let printed = run("sinks/aws.py", &["collect", &aws.url], "").unwrap();
    let arrived: Value = serde_json::from_str(&printed).unwrap();
    let id = finding.id.as_str();
    let once = |place: &str| {
        let list = arrived[place].as_array().unwrap();
        assert_eq!(list.len(), 1, "{place}: {list:?}");
        list[0].clone()
    };
    let message = once("topic");
    assert!(
        message["Message"].as_str().unwrap().contains(id),
        "{message}"
    );
    assert!(message["Subject"].as_str().unwrap().starts_with('['));
    let severity = finding.severity.to_string();
    assert_eq!(message["MessageAttributes"]["severity"]["Value"], severity);
    let event = once("bus");
    let told: Finding = serde_json::from_value(event["detail"].clone()).unwrap();
    assert_eq!(
        (told, event["source"].as_str()),
        (finding.clone(), Some("dial"))
    );
    let hub = once("hub");
    assert_eq!(hub["Id"], id);
    assert_eq!(hub["AwsAccountId"], finding.account.id.as_str());
}

/// An emulator of S3 that checks signatures as S3 does, also of keys with a `=`.
#[tokio::test]
async fn objects_are_put_once_by_signed_requests() {
    let Ok(url) = std::env::var("DIAL_TEST_S3") else {
        println!("skipped: DIAL_TEST_S3 is not set");
        return;
    };
    let clients = |keys| {
        Clients::emulated(Emulators {
            s3: Some(url.clone()),
            keys,
            ..Emulators::default()
        })
    };
    let settings = format!(
        "[lake]\ntype = 'ocsf'\nto = 's3://soc-lake/ext/dial'\nregion = 'us-east-1'\n\
         endpoint = '{url}'\n"
    );
    create_bucket(&clients(None), "soc-lake").await.unwrap();
    let finding = findings().swap_remove(0);
    let wrong = Some(("test".into(), "not the secret".into()));
    let rows = deliver(&finding, &settings, clients(wrong)).await;
    let said = rows[0].last_error.as_deref().unwrap_or_default();
    assert!(said.contains("SignatureDoesNotMatch"), "{rows:?}");
    for _ in 0..2 {
        let rows = deliver(&finding, &settings, clients(None)).await;
        assert_eq!(rows[0].state, DeliveryState::Sent, "{rows:?}");
    }
    let bucket = S3Bucket::new(clients(None), "soc-lake", "ext/dial");
    let keys = bucket.list("").await.unwrap();
    let (account, region) = (&finding.account.id, &finding.region);
    let place = format!("region={region}/accountId={account}/eventDay=");
    assert!(keys.len() == 1 && keys[0].starts_with(&place), "{keys:?}");
    let line = bucket.get(&keys[0], 1_000_000).await.unwrap().unwrap();
    let line: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(line["finding_info"]["uid"], finding.id.as_str());
}
