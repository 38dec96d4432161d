//! Start and warm call of the worker in CPU time, as ratios to a bare `lambda_runtime` hello.
//!
//! Both are real processes at the same Runtime API server; the event matches no rule, so the
//! worker needs no key, no TLS and no master.

use dial_tests::processes::{Process, binary};
use dial_tests::runtime_api::RuntimeApi;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

const STARTS: u32 = 15;
const CALLS: u32 = 2_000;

struct Cost {
    start: Duration,
    call: Duration,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(bench());
}

async fn bench() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("dial.toml");
    std::fs::write(&config, configuration(folder.path())).expect("writable");
    let hello = measure(&example("hello_lambda"), &config).await;
    let worker = measure(&binary("dial-worker"), &config).await;
    println!("worker: CPU time, best of {STARTS} starts, mean of {CALLS} warm calls, no match");
    println!(
        "{:<24} {:>16} {:>14}",
        "program", "start+1st call", "warm call"
    );
    for (name, cost) in [("lambda_runtime hello", &hello), ("dial-worker", &worker)] {
        println!(
            "{name:<24} {:>13.2} ms {:>11.1} µs",
            ms(cost.start),
            ms(cost.call) * 1e3
        );
    }
    println!(
        "{:<24} {:>14.1} x {:>12.1} x",
        "worker / hello",
        ms(worker.start) / ms(hello.start),
        ms(worker.call) / ms(hello.call)
    );
}

async fn measure(program: &Path, config: &Path) -> Cost {
    let mut cost = Cost {
        start: Duration::MAX,
        call: Duration::MAX,
    };
    for start in 0..STARTS {
        let api = RuntimeApi::start().await;
        let process = Process::start("measured", program, &[], environment(&api, config));
        let event = ordinary_event().to_string();
        api.invoke(event.clone()).await.json();
        cost.start = cost.start.min(process.cpu());
        if start + 1 == STARTS {
            let before = process.cpu();
            for _ in 0..CALLS {
                api.invoke(event.clone()).await;
            }
            cost.call = process.cpu().saturating_sub(before) / CALLS;
        }
    }
    cost
}

fn environment(api: &RuntimeApi, config: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_LAMBDA_RUNTIME_API", api.address().to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", "dial-worker".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("DIAL_CONFIG", config.display().to_string()),
    ]
}

fn configuration(folder: &Path) -> String {
    format!(
        "[worker]\nmaster_url = \"http://127.0.0.1:9\"\nkey = \"env:DIAL_KEY\"\nkey_id = \"1/0\"\naccount = \"111122223333\"\nregion = \"eu-west-1\"\nbucket = \"{}\"\n",
        folder.display()
    )
}

/// A port opened to a private network: reaches the rules, matches none.
fn ordinary_event() -> Value {
    json!({
        "version": "0", "id": "5c1b2a30-0000-4000-8000-000000000001",
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
        "account": "111122223333", "time": "2026-05-01T10:00:00Z", "region": "eu-west-1", "resources": [],
        "detail": {
            "eventVersion": "1.11",
            "userIdentity": {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/ops",
                "accountId": "111122223333", "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": "ops"},
            "eventTime": "2026-05-01T10:00:00Z", "eventSource": "ec2.amazonaws.com",
            "eventName": "AuthorizeSecurityGroupIngress", "awsRegion": "eu-west-1",
            "sourceIPAddress": "203.0.113.7", "userAgent": "aws-cli/2.17.0",
            "requestParameters": {"groupId": "sg-0123456789abcdef0", "ipPermissions": {"items": [{
                "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "groups": {},
                "ipRanges": {"items": [{"cidrIp": "10.20.0.0/16"}]}, "ipv6Ranges": {}, "prefixListIds": {}}]}},
            "responseElements": {"_return": true},
            "eventID": "7d2c3b41-0000-4000-8000-000000000001", "readOnly": false, "eventType": "AwsApiCall",
            "managementEvent": true, "recipientAccountId": "111122223333", "eventCategory": "Management"
        }
    })
}

fn example(name: &str) -> PathBuf {
    binary("dial-worker").with_file_name("examples").join(name)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
