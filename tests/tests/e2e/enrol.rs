//! A worker without a key: it proves its account to the master, over an STS that is emulated.

use dial_core::enrolment::ENROL_PATH;
use dial_tests::deployment::{Master, MasterSetup, Receivers, Worker, WorkerSetup};
use dial_tests::events::{ACCOUNT, REGION, eventbridge, record, with_id};
use dial_tests::poll;
use dial_tests::processes::Process;
use dial_tests::reader::Reader;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;

/// Emulates the accounts of an organisation; one of its own, for it checks nobody's permissions.
pub(crate) struct Aws {
    pub(crate) url: String,
    _process: Process,
}

/// What a function has as a role.
pub(crate) struct Credentials(pub(crate) Vec<(String, String)>);

impl Aws {
    /// `None` without a Python that has moto.
    pub(crate) async fn start() -> Option<Self> {
        let Some(python) = std::env::var_os("DIAL_TEST_PYTHON") else {
            eprintln!("skipped: DIAL_TEST_PYTHON is not set");
            return None;
        };
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = free.local_addr().expect("it is bound").port().to_string();
        drop(free);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deployment/emulator.py");
        let words = [script, "-H", "127.0.0.1", "-p", &port];
        let none: [(&str, &str); 0] = [];
        let process = Process::start("moto", Path::new(&python), &words, none);
        let aws = Self {
            url: format!("http://127.0.0.1:{port}"),
            _process: process,
        };
        let client = reqwest::Client::new();
        poll::until("the emulator's answer", || async {
            client
                .get(format!("{}/moto-api/", aws.url))
                .send()
                .await
                .ok()
        })
        .await;
        Some(aws)
    }

    async fn call(&self, service: &str, target: Option<&str>, body: String) -> String {
        let scope = format!("AKIAEXAMPLE/20260501/us-east-1/{service}/aws4_request");
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let kind = match target {
            Some(_) => "application/x-amz-json-1.1",
            None => "application/x-www-form-urlencoded",
        };
        let mut request = reqwest::Client::new()
            .post(&self.url)
            .header("authorization", authorization)
            .header("content-type", kind)
            .body(body);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let answer = request.send().await.expect("the emulator answers");
        let status = answer.status();
        let text = answer.text().await.expect("the answer is text");
        assert!(status.is_success(), "{service}: {text}");
        text
    }

    /// Asks a service as that role; the emulator knows the account by its key.
    pub(crate) async fn ask(
        &self,
        role: &Credentials,
        (region, service): (&str, &str),
        build: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> Value {
        let (_, key) = &role.0[0];
        let scope = format!("{key}/20260501/{region}/{service}/aws4_request");
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let request = build(&reqwest::Client::new(), &self.url);
        let answer = request.header("authorization", authorization).send().await;
        let answer = answer.expect("the emulator answers");
        let status = answer.status();
        let answer: Value = answer.json().await.expect("the answer is JSON");
        assert!(status.is_success(), "{service}: {answer}");
        answer
    }

    pub(crate) async fn role(&self, account: &str, name: &str) -> Credentials {
        let arn = format!("arn:aws:iam::{account}:role/{name}");
        let body = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn={arn}&RoleSessionName=dial-worker"
        );
        let text = self.call("sts", None, body).await;
        let value = |tag: &str| {
            let (_, rest) = text.split_once(&format!("<{tag}>")).expect(tag);
            rest.split_once('<').expect("a tag ends").0.to_owned()
        };
        let pairs = [
            ("AWS_ACCESS_KEY_ID", value("AccessKeyId")),
            ("AWS_SECRET_ACCESS_KEY", value("SecretAccessKey")),
            ("AWS_SESSION_TOKEN", value("SessionToken")),
        ];
        Credentials(pairs.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }

    async fn organize(&self, action: &str, body: Value) -> Value {
        let target = format!("AWSOrganizationsV20161128.{action}");
        let answer = self.call("organizations", Some(&target), body.to_string());
        serde_json::from_str(&answer.await).unwrap_or_default()
    }

    /// A new account of a new organisation.
    pub(crate) async fn member(&self) -> String {
        self.organize("CreateOrganization", json!({ "FeatureSet": "ALL" }))
            .await;
        let account = json!({ "Email": "soc@example.org", "AccountName": "member" });
        let made = self.organize("CreateAccount", account).await;
        let id = made["CreateAccountStatus"]["AccountId"].as_str();
        id.expect("an account").to_owned()
    }

    /// A new unit that the account is moved into.
    pub(crate) async fn unit_of(&self, account: &str) -> String {
        let roots = self.organize("ListRoots", json!({})).await;
        let root = &roots["Roots"][0]["Id"];
        let unit = json!({ "ParentId": root, "Name": "workloads" });
        let unit = self.organize("CreateOrganizationalUnit", unit).await;
        let unit = unit["OrganizationalUnit"]["Id"].as_str().expect("a unit");
        let to = json!({
            "AccountId": account, "SourceParentId": root, "DestinationParentId": unit,
        });
        self.organize("MoveAccount", to).await;
        unit.to_owned()
    }

    pub(crate) async fn master(&self, receivers: &Receivers, lines: &str) -> Master {
        let mut setup: MasterSetup = receivers.webhook_only();
        let url = &self.url;
        setup.lines = format!(
            "{}\n[master.enrolment]\ndangerous_aws_endpoint = {url:?}\n{lines}\n",
            setup.lines
        );
        let keys = [
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "testtest"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ];
        let keys = keys.map(|(name, value)| (name.to_owned(), value.to_owned()));
        setup.env.extend(keys);
        Master::start(setup).await
    }
}

/// A worker of an account that has no key, and the folder of its configuration.
async fn worker(master: &str, account: &str, role: Credentials) -> (Worker, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let bucket = folder.path().join("bucket").display().to_string();
    let config = format!(
        "[worker]\nmaster_url = {master:?}\nenrol = true\naccount = {account:?}\nregion = {REGION:?}\nbucket = {bucket:?}\n",
    );
    let path = folder.path().join("dial.toml");
    std::fs::write(&path, config).expect("the configuration is written");
    let mut setup = WorkerSetup::to(master);
    setup.env = role.0;
    setup
        .env
        .push(("DIAL_CONFIG".into(), path.display().to_string()));
    (Worker::start(setup).await, folder)
}

fn event(id: &str) -> String {
    eventbridge(&with_id(record("ec2/authorize_ingress_ssh_anyone"), id)).to_string()
}

#[tokio::test]
async fn a_worker_proves_its_account_and_its_findings_are_accepted() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    let receivers = Receivers::start().await;
    let accounts = format!("accounts = [{ACCOUNT:?}]");
    let master = aws.master(&receivers, &accounts).await;
    let role = aws.role(ACCOUNT, "dial-worker-eu-west-1").await;
    let (worker, _folder) = worker(&master.url(), ACCOUNT, role).await;
    for id in ["e-1", "e-2"] {
        let reply = worker.api.invoke(event(id)).await.json();
        assert_eq!(reply["accepted"], 1, "{reply}");
    }
    assert_eq!(Reader::of(&master.url()).findings("").await.len(), 2);
    let log = master.process.output();
    assert_eq!(log.matches("worker enrolled").count(), 1, "{log}");
    for output in [log, worker.process.output()] {
        assert!(!output.contains("whsec_"), "{output}");
    }
    // Whoever has no proof gets what a forger gets.
    let url = format!("{}{ENROL_PATH}", master.url());
    let forged = reqwest::Client::new().post(url).body("{}").send().await;
    let forged = forged.expect("the master answers");
    assert_eq!(forged.status(), 401);
    assert_eq!(forged.text().await.expect("a body"), "");
}

#[tokio::test]
async fn who_may_not_enrol_keeps_its_events() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    let receivers = Receivers::start().await;
    let cases = [
        (
            "accounts = [\"444455556666\"]",
            "dial-worker-eu-west-1",
            "account 111122223333 may not enrol",
        ),
        (
            "accounts = [\"111122223333\"]",
            "admin",
            "role/admin/dial-worker may not enrol",
        ),
    ];
    for (lines, role, expected) in cases {
        let master = aws.master(&receivers, lines).await;
        let role = aws.role(ACCOUNT, role).await;
        let (worker, _folder) = worker(&master.url(), ACCOUNT, role).await;
        let outcome = worker.api.invoke(event("e-1")).await;
        assert!(outcome.error().contains(expected), "{}", outcome.error());
        assert!(Reader::of(&master.url()).findings("").await.is_empty());
    }
}

#[tokio::test]
async fn a_new_account_of_the_organisation_needs_no_change_on_the_master() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    let receivers = Receivers::start().await;
    let master = aws.master(&receivers, "organization = true").await;
    let account = aws.member().await;
    let role = aws.role(&account, "dial-worker-eu-west-1").await;
    let (worker, _folder) = worker(&master.url(), &account, role).await;
    let schedule = json!({
        "version": "0", "id": "7f0b7a52-4f5e-4a34-9f0c-0d8d1b1f6a11",
        "detail-type": "Scheduled Event", "source": "aws.events", "account": account,
        "time": "2026-05-01T10:05:00Z", "region": REGION, "resources": [], "detail": {},
    });
    worker.api.invoke(schedule.to_string()).await.json();
    let (status, workers) = Reader::of(&master.url()).get("/v1/workers").await;
    assert_eq!(status, 200);
    assert!(workers.to_string().contains(&account), "{workers}");
}
