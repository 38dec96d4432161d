//! A new account of an organisation: the stack set deploys its worker, which enrols and is heard.

use crate::enrol::{Aws, Credentials};
use dial_tests::deployment::{Receivers, lambda};
use dial_tests::events::{ACCOUNT, eventbridge, record};
use dial_tests::processes::Process;
use dial_tests::reader::Reader;
use dial_tests::runtime_api::RuntimeApi;
use dial_tests::terraform::{Applied, architecture, packages, unpack};
use reqwest::Client;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// What Terraform deploys, and what the template must so hold.
const PATTERNS: &str = include_str!("../../../../infra/modules/worker/event_patterns.json");

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_set_s_worker_enrols_and_is_heard() {
    let Some(packages) = packages() else { return };
    let Some(aws) = Aws::start().await else {
        return;
    };
    let zip = packages.join(format!("dial-worker-{}.zip", architecture()));
    let member = aws.member().await;
    let unit = aws.unit_of(&member).await;
    if !apply(&zip, &aws.url, &unit).await {
        return;
    }
    for region in ["eu-west-1", "us-east-1"] {
        let role = aws.role(&member, &format!("dial-worker-{region}")).await;
        assert_eq!(
            rules(&aws, &role, region).await,
            expected(region),
            "{region}"
        );
    }

    let receivers = Receivers::start().await;
    let master = aws.master(&receivers, "organization = true").await;
    let role = aws.role(&member, "dial-worker-eu-west-1").await;
    let api = RuntimeApi::start().await;
    let mut env = lambda(&api);
    env.extend(environment(&aws, &role).await);
    env.extend(role.0);
    let emulated = [
        ("AWS_ENDPOINT_URL", aws.url.clone()),
        ("DIAL__WORKER__MASTER_URL", master.url()),
    ];
    env.extend(emulated.map(|(name, value)| (name.to_owned(), value)));
    let folder = tempfile::tempdir().expect("a folder for the program");
    let program = unpack(&zip, folder.path());
    let worker = Process::start("worker", &program, &[], env);

    let event = eventbridge(&record("ec2/authorize_ingress_ssh_anyone")).to_string();
    let reply = api.invoke(event.replace(ACCOUNT, &member)).await.json();
    assert_eq!(reply["accepted"], 1, "{reply}: {}", worker.output());
    let found = Reader::of(&master.url()).findings("").await;
    assert_eq!(found[0]["account"]["id"], *member, "{found:?}");
    // What it cannot judge lies in the bucket that the stack made.
    let malformed = "{\"detail-type\": \"AWS API Call via CloudTrail\"}";
    let reply = api.invoke(malformed).await.json();
    assert_eq!(reply["dead_letters"], 1, "{reply}: {}", worker.output());
}

async fn apply(zip: &Path, aws: &str, unit: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deployment/organization");
    let (zip, aws, unit) = (zip.display().to_string(), aws.to_owned(), unit.to_owned());
    let apply = move || {
        let variables = [
            ("package", &*zip),
            ("architecture", architecture()),
            ("organizational_unit", &*unit),
        ];
        Applied::of(&root, &aws, &variables).is_some()
    };
    // Terraform takes its time, and the test's own servers live on this runtime.
    let applied = tokio::task::spawn_blocking(apply).await;
    applied.expect("the apply ends")
}

/// Names of the event rules that stand in a region of the account.
async fn rules(aws: &Aws, role: &Credentials, region: &str) -> BTreeSet<String> {
    let list = |client: &Client, url: &str| {
        let wanted = json!({"NamePrefix": "dial-worker-"});
        let request = client.post(format!("{url}/")).body(wanted.to_string());
        let request = request.header("content-type", "application/x-amz-json-1.1");
        request.header("x-amz-target", "AWSEvents.ListRules")
    };
    let listed = aws.ask(role, (region, "events"), list).await;
    let rules = listed["Rules"].as_array().expect("a list of rules").iter();
    rules
        .map(|rule| rule["Name"].as_str().expect("a name").to_owned())
        .collect()
}

/// Global services are watched where they record their events, and nowhere else.
fn expected(region: &str) -> BTreeSet<String> {
    let patterns: Value = serde_json::from_str(PATTERNS).expect("patterns are JSON");
    let patterns = patterns["patterns"].as_array().expect("a list of patterns");
    let here = |pattern: &&Value| region == "us-east-1" || pattern["scope"] == "regional";
    let names = patterns.iter().filter(here);
    let names = names.map(|pattern| pattern["name"].as_str().expect("a name"));
    let all = names.chain(["heartbeat"]);
    all.map(|name| format!("dial-worker-{name}")).collect()
}

/// The environment of the function that the stack made.
async fn environment(aws: &Aws, role: &Credentials) -> Vec<(String, String)> {
    let path = "2015-03-31/functions/dial-worker/configuration";
    let get = |client: &Client, url: &str| client.get(format!("{url}/{path}"));
    let function = aws.ask(role, ("eu-west-1", "lambda"), get).await;
    let variables = function["Environment"]["Variables"].as_object();
    let variables = variables.expect("a function has an environment").iter();
    variables
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}
