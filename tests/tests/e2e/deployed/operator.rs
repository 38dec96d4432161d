//! What an operator types once all is deployed (docs/guides/deploy.md, step 4): doctor, canary.

use super::{Deployed, TRAIL, emulated_sinks};
use dial_tests::deployment::TOKEN;
use dial_tests::events::{ACCOUNT, REGION, eventbridge, record};
use dial_tests::iam::{Iam, Roles};
use dial_tests::poll;
use dial_tests::processes::{Process, binary};
use dial_tests::reader::Reader;
use dial_tests::recorder::Recorder;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The rule that a canary's call is found by.
const RULE: &str = "own_event_rule_changed";

pub(super) async fn looks_and_flies_a_canary(deployed: &Deployed) {
    a_trail_is_on(deployed).await;
    let roles = deployed.applied.roles();
    all_is_well(deployed, roles.clone()).await;
    rights_that_are_missing_are_named(deployed, &roles).await;
    rights_of_sinks_are_judged(deployed, &roles).await;
    rights_to_keys_are_judged(deployed, &roles).await;
    a_canary_comes_back(deployed).await;
}

/// The one thing that the modules do not make.
async fn a_trail_is_on(deployed: &Deployed) {
    let trail = json!({
        "Name": "main", "S3BucketName": TRAIL,
        "IsMultiRegionTrail": true, "IncludeGlobalServiceEvents": true,
    });
    for (operation, body) in [
        ("CreateTrail", trail),
        ("StartLogging", json!({ "Name": "main" })),
    ] {
        let target = format!("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.{operation}");
        deployed.aws.call("cloudtrail", &target, &body).await;
    }
}

async fn all_is_well(deployed: &Deployed, roles: Roles) {
    let iam = Iam::of(roles).await;
    for words in [of_master(), of_worker()] {
        let (good, lines) = looked(deployed, &iam, &words).await;
        let wrong: Vec<&Value> = lines
            .iter()
            .filter(|line| line["state"] == "fail" || line["state"] == "warn")
            .collect();
        assert!(good && wrong.is_empty(), "{words:?}: {wrong:#?}");
        let judged: Vec<&Value> = lines.iter().filter(|line| is_of_rights(line)).collect();
        let good = |line: &&Value| line["state"] == "ok" || is_of_the_search(line);
        let all = judged.iter().all(good);
        assert!(all && !judged.is_empty(), "{words:?}: {lines:#?}");
        // What is encrypted with a key of one's own is the master's.
        let keys = lines.iter().filter(|line| is_of_keys(line));
        let keys: Vec<&Value> = keys.map(|line| &line["state"]).collect();
        let of_master = words.iter().any(|word| word == "--functions");
        assert_eq!(keys.len(), if of_master { 3 } else { 0 }, "{lines:#?}");
        assert!(keys.iter().all(|state| **state == "ok"), "{lines:#?}");
    }
}

/// Roles that allow everything but actions that start so.
fn without(roles: &Roles, action: &str) -> Roles {
    let mut roles = roles.clone();
    for grants in roles.values_mut() {
        grants.retain(|grant| !grant.action.starts_with(action));
    }
    roles
}

/// Secrets are named by their names in the configuration, and by ARNs in what a role lacks.
async fn rights_that_are_missing_are_named(deployed: &Deployed, roles: &Roles) {
    let iam = Iam::of(without(roles, "secretsmanager:GetSecretValue")).await;
    let (good, lines) = looked(deployed, &iam, &of_master()).await;
    assert!(!good, "{lines:#?}");
    let lacks = "secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:111122223333:secret:dial/slack-bot-";
    let judged: Vec<&Value> = lines.iter().filter(|line| is_of_rights(line)).collect();
    assert_eq!(judged.len(), 3, "{lines:#?}");
    for line in judged {
        let said = line["said"].as_str().unwrap_or_default();
        assert!(line["state"] == "fail" && said.contains(lacks), "{line}");
    }
}

/// Only what tells sinks needs what they need, and each right that is missing is told with its sink.
async fn rights_of_sinks_are_judged(deployed: &Deployed, roles: &Roles) {
    let place = "eu-west-1:111122223333";
    let wanted = [
        (
            "sns:Publish",
            format!("sns:Publish on arn:aws:sns:{place}:dial (sink topic)"),
        ),
        (
            "events:PutEvents",
            format!("events:PutEvents on arn:aws:events:{place}:event-bus/dial (sink bus)"),
        ),
        (
            "securityhub:BatchUpdate",
            format!(
                "securityhub:BatchUpdateFindings on \
                 arn:aws:securityhub:{place}:product/111122223333/default (sink hub)"
            ),
        ),
    ];
    for (action, lacks) in wanted {
        let iam = Iam::of(without(roles, action)).await;
        let (good, lines) = looked(deployed, &iam, &of_master()).await;
        let judged = lines.iter().filter(|line| is_of_rights(line));
        let failed: Vec<&Value> = judged.filter(|line| line["state"] == "fail").collect();
        let named = |name: &str| failed.iter().any(|line| line["name"] == name);
        assert!(!good && failed.len() == 2, "{action}: {lines:#?}");
        assert!(named("rights dial-deliver") && named("rights dial-sweep"));
        for line in failed {
            let said = format!("its role does not allow {lacks}");
            assert_eq!(line["said"], *said, "{line}");
            let fix = line["fix"].as_str().unwrap_or_default();
            assert!(fix.contains("sink_permissions"), "{line}");
        }
    }
}

/// A key's own policy may let in whom IAM does not: doctor warns.
async fn rights_to_keys_are_judged(deployed: &Deployed, roles: &Roles) {
    let iam = Iam::of(without(roles, "kms:")).await;
    let (good, lines) = looked(deployed, &iam, &of_master()).await;
    let judged: Vec<&Value> = lines.iter().filter(|line| is_of_keys(line)).collect();
    assert!(good && judged.len() == 3, "{lines:#?}");
    for line in judged {
        let said = line["said"].as_str().unwrap_or_default();
        let lacks = "its role does not allow kms:Decrypt, kms:GenerateDataKey on arn:aws:kms:";
        assert!(line["state"] == "warn" && said.starts_with(lacks), "{line}");
        assert!(said.contains("table dial-findings"), "{line}");
    }
}

/// The receiver that stands for a search domain has an address of this machine, which names none.
fn is_of_the_search(line: &Value) -> bool {
    let said = line["said"].as_str().unwrap_or_default();
    let unknown = "not judged: sink search: its address does not name what AWS calls it";
    line["state"] == "skipped" && said.ends_with(unknown)
}

fn is_of_keys(line: &Value) -> bool {
    let name = line["name"].as_str().unwrap_or_default();
    name.starts_with("keys ")
}

fn is_of_rights(line: &Value) -> bool {
    let name = line["name"].as_str().unwrap_or_default();
    name.starts_with("rights ")
}

fn of_master() -> Vec<String> {
    let config = format!("s3://dial-master-{ACCOUNT}-{REGION}/config/dial.toml");
    [
        "doctor",
        "--functions",
        "dial",
        "--json",
        "--config",
        &config,
    ]
    .map(str::to_owned)
    .into()
}

fn of_worker() -> Vec<String> {
    let config = format!("s3://dial-worker-{ACCOUNT}-{REGION}/config/dial.toml");
    [
        "doctor",
        "--worker",
        "dial-worker",
        "--json",
        "--config",
        &config,
    ]
    .map(str::to_owned)
    .into()
}

/// What doctor says, and whether nothing has to be changed.
async fn looked(deployed: &Deployed, iam: &Iam, words: &[String]) -> (bool, Vec<Value>) {
    let recorder = Recorder::before(&deployed.aws.url, ACCOUNT).await;
    let search = Recorder::before(deployed.search.url(), ACCOUNT).await;
    let mut more = vec![("AWS_ENDPOINT_URL_IAM".to_owned(), iam.url().to_owned())];
    if words.iter().any(|word| word == "--functions") {
        let receivers = deployed.receivers();
        more.extend(receivers.map(|(name, value)| (name.to_owned(), value)));
        more.extend(emulated_sinks(&recorder, &search));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut doctor = dial(deployed, &recorder, &words, more);
    let good = doctor.ended().await;
    let said = said(&doctor);
    let lines = said.as_array().cloned();
    (good, lines.unwrap_or_else(|| panic!("{}", doctor.output())))
}

/// The call is a real one, to the emulator, which writes no trail: what `CloudTrail` would write is
/// put on the bus here, and the deployed functions do the rest.
async fn a_canary_comes_back(deployed: &Deployed) {
    let recorder = Recorder::before(&deployed.aws.url, ACCOUNT).await;
    let words = ["canary", "--call", "--resolve", "--timeout", "1m", "--json"];
    let mut canary = dial(deployed, &recorder, &words, Vec::new());
    let name = poll::until("the canary's call", || async { called(&recorder) }).await;
    let (rules, reply) = deployed.put_event(&eventbridge(&recorded(&name))).await;
    // One of DIAL's own rules, and the one for any event rule that is disabled.
    assert_eq!(reply["accepted"], 2, "{rules:?}: {reply}");
    let reader = Reader::of(&deployed.url);
    let found = reader.findings(&format!("?rule={RULE}")).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let id = found[0]["id"].as_str().expect("a finding has an id");
    let stream = deployed.stream(&deployed.items(id).await).to_string();
    deployed.functions["deliver"]
        .api
        .invoke(stream)
        .await
        .json();

    let good = canary.ended().await;
    let report = said(&canary);
    println!("{report:#}");
    assert!(good && report["good"] == true, "{}", canary.output());
    assert_eq!(
        (&report["name"], &report["finding"]),
        (&json!(name), &json!(id))
    );
    let covers = report["covers"].as_str().unwrap_or_default();
    assert!(
        covers.starts_with("CloudTrail, EventBridge, worker"),
        "{report}"
    );
    let seconds = |name: &str| report[name].as_f64().expect("a time in seconds");
    assert!(
        seconds("told_seconds") >= seconds("stored_seconds"),
        "{report}"
    );
    let sinks = report["sinks"].as_array().expect("a list of sinks");
    let all = sinks.iter().all(|sink| sink["state"] == "sent");
    assert!(
        all && sinks.len() == usize::from(super::scenario::SINKS),
        "{report}"
    );
    let messages = deployed.slack.delivered();
    assert!(
        messages
            .iter()
            .any(|message| message.text().contains(&name))
    );
    let resource = found[0]["resource"].as_str().expect("it has a resource");
    let raised = reader.findings(&format!("?resource={resource}")).await;
    let resolved = raised.iter().all(|finding| finding["status"] == "resolved");
    assert!(resolved && raised.len() == 2, "{raised:?}");
}

/// The rule that somebody asked to disable.
fn called(recorder: &Recorder) -> Option<String> {
    let calls = recorder.calls().into_iter();
    let mut disabled = calls.filter(|call| call.action == "events:DisableRule");
    let rule = disabled.next()?.resource;
    Some(rule.rsplit('/').next()?.to_owned())
}

/// What `CloudTrail` writes of it.
fn recorded(name: &str) -> Value {
    let mut record = record("own/disable_rule");
    record["eventID"] = format!("record-{name}").into();
    record["eventTime"] = Timestamp::now().to_string().into();
    record["errorCode"] = "ResourceNotFoundException".into();
    record["errorMessage"] = format!("Rule {name} does not exist on EventBus default.").into();
    record["requestParameters"] = json!({ "name": name });
    record
}

/// `dial` with the credentials of whoever looks.
fn dial(
    deployed: &Deployed,
    recorder: &Recorder,
    words: &[&str],
    more: Vec<(String, String)>,
) -> Process {
    let own = [
        ("AWS_ENDPOINT_URL", recorder.url()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "testtest"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_REGION", REGION),
        ("DIAL_URL", &deployed.url),
        ("DIAL_TOKEN", TOKEN),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Process::start("dial", &binary("dial"), words, own.into_iter().chain(more))
}

/// The JSON that a command printed; null where it printed none.
fn said(process: &Process) -> Value {
    let output = process.output();
    let mut values = serde_json::Deserializer::from_str(&output).into_iter();
    values.next().and_then(Result::ok).unwrap_or_default()
}
