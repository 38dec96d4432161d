//! `dial doctor` on a deployed system at an emulator of AWS: good at first, then each fault is seen.

use crate::place::{Place, told};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const KEY: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// The emulator's URL and a Python; `None`, after saying so, without them.
fn emulator() -> Option<(String, String)> {
    let variable = |name: &str| std::env::var(name).ok();
    let found = variable("DIAL_TEST_AWS").zip(variable("DIAL_TEST_PYTHON"));
    if found.is_none() {
        eprintln!("skipped: DIAL_TEST_AWS and DIAL_TEST_PYTHON are not set");
    }
    found
}

fn script(python: &str, task: &str, url: &str, input: &Value) -> Value {
    let mut child = Command::new(python)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/cli/doctor_aws.py"
        ))
        .args([task, url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = input.to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{task}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An IAM that allows everything but these actions: moto cannot simulate policies.
fn iam(denied: &'static [&'static str]) -> MockServer {
    let judge = move |request: &Request| {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let url = format!("http://form.invalid/?{form}").parse::<reqwest::Url>();
        let mut results = String::new();
        for (name, action) in url.unwrap().query_pairs() {
            if name.starts_with("ActionNames.member.") {
                let no = denied.contains(&&*action);
                let decision = if no { "explicitDeny" } else { "allowed" };
                write!(
                    results,
                    "<member><EvalActionName>{action}</EvalActionName>\
                     <EvalDecision>{decision}</EvalDecision></member>"
                )
                .unwrap();
            }
        }
        ResponseTemplate::new(200).set_body_string(results)
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(judge)
            .mount(&server)
            .await;
        server
    })
}

/// What `dial doctor` says: its exit code, and name and state of each line.
fn looked(
    place: &Place,
    url: &str,
    keys: &Value,
    denied: &'static [&'static str],
) -> (i32, Vec<(String, String)>) {
    let iam = iam(denied);
    let words = [
        "doctor",
        "--worker",
        "dial-worker",
        "--functions",
        "dial",
        "--json",
    ];
    let mut command = place.dial(&words);
    let text = |name: &str| keys[name].as_str().unwrap();
    command
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ENDPOINT_URL_IAM", iam.uri())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", text("AccessKeyId"))
        .env("AWS_SECRET_ACCESS_KEY", text("SecretAccessKey"))
        .env("AWS_SESSION_TOKEN", text("SessionToken"));
    let (code, out, err) = told(&command.output().unwrap());
    assert!(!out.is_empty(), "{err}");
    let lines: Vec<Value> = serde_json::from_str(&out).unwrap();
    for line in &lines {
        let wrong = line["state"] == "fail" || line["state"] == "warn";
        assert!(!wrong || line["fix"].is_string(), "{line}");
    }
    let pair = |line: &Value| {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        (text("name"), text("state"))
    };
    (code, lines.iter().map(pair).collect())
}

#[test]
fn each_fault_of_a_deployed_system_is_seen() {
    let Some((url, python)) = emulator() else {
        return;
    };
    let place = Place::new();
    let (_, patterns, _) = place.run(&["rules", "patterns", "--format", "json"]);
    let patterns: Value = serde_json::from_str(&patterns).unwrap();
    let layout = include_str!("../../../../infra/modules/master/table.json");
    let layout: Value = serde_json::from_str(layout).unwrap();
    let wanted = json!({"patterns": patterns["patterns"], "layout": layout, "key": KEY});
    let made = script(&python, "deploy", &url, &wanted);
    // Known by its name alone: the rights to it go by the ARN.
    place.write(
        "dial.toml",
        "[master]\nbase_url = \"https://dial.example.org\"\nstore = \"dynamodb:dial-findings\"\n\
             bucket = \"s3://dial-master-doctor/master\"\n\
             root_keys = { 1 = \"secretsmanager:dial/root-key-1\" }\n\n\
             [[master.tokens]]\nname = \"admin\"\nsecret = \"file:token\"\n",
    );
    place.write("token", "0123456789abcdef0123456789abcdef");

    let (code, lines) = looked(&place, &url, &made["keys"], &[]);
    let wrong: Vec<_> = lines.iter().filter(|line| line.1 != "ok").collect();
    assert!(wrong.iter().all(|line| line.1 == "skipped"), "{wrong:?}");
    assert_eq!(code, 0);
    for name in [
        "trail",
        "event rules",
        "heartbeat",
        "function",
        "table",
        "table rights",
        "identity",
        "rights dial-worker",
        "function dial-sweep",
        "rights dial-api",
        "rights dial-deliver",
        "rights dial-sweep",
    ] {
        assert!(
            lines.iter().any(|line| line.0 == name && line.1 == "ok"),
            "{name}: {lines:?}"
        );
    }

    let denials: [(&'static [&'static str], [&str; 3]); 2] = [
        (&["s3:PutObject"], ["fail", "fail", "ok"]),
        (&["secretsmanager:GetSecretValue"], ["ok", "fail", "ok"]),
    ];
    for (denied, expected) in denials {
        let (code, lines) = looked(&place, &url, &made["keys"], denied);
        assert_eq!(code, 1);
        let judged = |part: &str| {
            let name = format!("rights dial-{part}");
            let line = lines.iter().find(|line| line.0 == name);
            line.map(|line| line.1.as_str())
        };
        let rights = ["worker", "api", "deliver"].map(judged);
        assert_eq!(rights, expected.map(Some), "{denied:?}: {lines:?}");
    }

    let broken = json!({"patterns": patterns["patterns"], "layout": layout, "keys": made["keys"]});
    let names = script(&python, "break", &url, &broken);
    let rule = |fault: &str| format!("event rule {}", names[fault].as_str().unwrap());
    let bucket = |part: &str| format!("bucket dial-master-doctor {part}");
    let denied = &["s3:PutObject", "dynamodb:DeleteItem"];
    let (code, lines) = looked(&place, &url, &made["keys"], denied);
    assert_eq!(code, 1);
    let expected = [
        (rule("gone"), "fail"),
        (rule("disabled"), "fail"),
        (rule("other"), "fail"),
        (rule("nowhere"), "fail"),
        (rule("unkept"), "warn"),
        (rule("read"), "fail"),
        ("event rule dial-worker-left-over".into(), "warn"),
        ("heartbeat".into(), "fail"),
        ("trail".into(), "fail"),
        ("function".into(), "fail"),
        ("what fails".into(), "warn"),
        ("table indexes".into(), "fail"),
        ("table stream".into(), "fail"),
        ("table TTL".into(), "fail"),
        ("table recovery".into(), "fail"),
        ("table protection".into(), "warn"),
        (bucket("access"), "fail"),
        (bucket("encryption"), "fail"),
        (bucket("lifecycle"), "warn"),
        ("rights dial-api".into(), "fail"),
        ("rights dial-deliver".into(), "ok"),
        ("rights dial-sweep".into(), "fail"),
        ("function dial-sweep".into(), "fail"),
        ("root key 1".into(), "fail"),
    ];
    for (name, state) in expected {
        let seen = lines.iter().any(|line| line.0 == name && line.1 == state);
        assert!(seen, "{name} must {state}: {lines:#?}");
    }
}

#[test]
fn without_credentials_each_look_says_what_is_missing() {
    let place = Place::new();
    let mut command = place.dial(&["doctor", "--worker", "--json"]);
    // Nothing answers there, and nothing else may be asked.
    command
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("HOME", place.path());
    let (code, out, err) = told(&command.output().unwrap());
    assert!(!out.is_empty(), "{err}");
    let lines: Vec<Value> = serde_json::from_str(&out).unwrap();
    let states: Vec<_> = lines
        .iter()
        .map(|line| line["state"].as_str().unwrap())
        .collect();
    assert!(!states.contains(&"ok"), "{out}");
    assert!(out.contains("credentials"), "{out}");
    assert_eq!(code, i32::from(states.contains(&"fail")));
}
