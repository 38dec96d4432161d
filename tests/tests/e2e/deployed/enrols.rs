//! A worker of the organisation proves its account to the deployed master and gets its key.

use super::Deployed;
use dial_aws::{AwsSigner, Clients, Emulators};
use dial_core::enrolment::{Audience, ENROL_PATH, Enrolment, QUESTION, SERVICE, to_sign};
use dial_core::ports::{RequestSigner as _, Signing, Unsigned};
use dial_tests::deployment::worker_id;
use serde_json::{Value, json};

/// The master asks STS who signed, and Organizations whether the account is a member.
pub(super) async fn a_worker_gets_its_key(deployed: &Deployed) {
    let create = "AWSOrganizationsV20161128.CreateOrganization";
    let organization = json!({ "FeatureSet": "ALL" });
    deployed
        .aws
        .call("organizations", create, &organization)
        .await;
    let proof = proof(deployed).await;
    let url = format!("{}{ENROL_PATH}", deployed.url);
    let answer = reqwest::Client::new().post(url).body(proof).send().await;
    let answer = answer.expect("the master answers");
    let status = answer.status();
    let text = answer.text().await.expect("the answer is text");
    assert_eq!(status, 200, "{text}");
    let enrolled: Value = serde_json::from_str(&text).expect("the answer is JSON");
    assert_eq!(enrolled["worker"], worker_id().to_string());
}

/// What a worker with the role of that name sends.
async fn proof(deployed: &Deployed) -> Vec<u8> {
    let worker = worker_id();
    let url = &deployed.applied.outputs["master"]["value"]["url"];
    let audience = Audience::parse(url.as_str().expect("the master has a URL"));
    let audience = audience.expect("its URL is a name");
    let (url, headers) = to_sign(&worker, &audience).expect("a region of AWS");
    let headers = headers.each_ref();
    let headers = headers.map(|(name, value)| (*name, value.as_str()));
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
    let signer = AwsSigner::new(role(deployed).await);
    let added = signer.sign(&signing, unsigned).await;
    let added = added.expect("there are credentials");
    let enrolment = Enrolment::of(worker, &added).expect("a role has a token");
    enrolment.to_json()
}

async fn role(deployed: &Deployed) -> Clients {
    let arn = "arn:aws:iam::111122223333:role/dial-worker-eu-west-1";
    let assume =
        format!("Action=AssumeRole&Version=2011-06-15&RoleArn={arn}&RoleSessionName=dial-worker");
    let answer = deployed.aws.form("sts", assume).await;
    let value = |tag: &str| {
        let (_, rest) = answer.split_once(&format!("<{tag}>")).expect(tag);
        rest.split_once('<').expect("a tag ends").0.to_owned()
    };
    Clients::emulated(Emulators {
        keys: Some((value("AccessKeyId"), value("SecretAccessKey"))),
        token: Some(value("SessionToken")),
        ..Emulators::default()
    })
}
