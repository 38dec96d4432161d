//! What is deployed: the packages, the environments and the permissions that Terraform makes of
//! `infra/modules`, applied to an emulator, with an event pushed all the way through.

mod catalogue;
mod enrols;
mod operator;
mod organization;
mod scenario;

use crate::slack::SIGNING;
use dial_core::gzip::deflate;
use dial_tests::deployment::{HOOK_SECRET, TOKEN, lambda, root_key, worker_key};
use dial_tests::events::{ACCOUNT, REGION};
use dial_tests::gateway;
use dial_tests::policy::{Call, Grant};
use dial_tests::processes::Process;
use dial_tests::receivers::Receiver;
use dial_tests::recorder::Recorder;
use dial_tests::runtime_api::RuntimeApi;
use dial_tests::terraform::{Applied, Aws, architecture, packages, unpack};
use quamina::Quamina;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Buckets of the trails, which neither module makes.
const TRAIL: &str = "own-trail";
const HOME_TRAIL: &str = "home-trail";

/// A function as Terraform made it, run here.
struct Function {
    api: Arc<RuntimeApi>,
    process: Process,
    recorder: Recorder,
    /// What it asks of `OpenSearch`, which the emulator is not.
    search: Recorder,
    grants: Vec<Grant>,
}

/// Everything that is deployed.
struct Deployed {
    aws: Aws,
    applied: Applied,
    url: String,
    functions: BTreeMap<&'static str, Function>,
    hook: Receiver,
    slack: Receiver,
    search: Receiver,
    programs: TempDir,
}

impl Deployed {
    /// `None` where packages, Terraform or the emulator are missing.
    async fn start() -> Option<Self> {
        let packages = packages()?;
        let aws = Aws::start().await?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deployment");
        let folder = packages.display().to_string();
        let variables = [
            ("packages", folder),
            ("architecture", architecture().to_owned()),
            ("worker_key", key_of("us-east-1")),
        ];
        let endpoint = aws.url.clone();
        // Terraform takes its time, and the test's own servers live on this runtime.
        let applied = tokio::task::spawn_blocking(move || {
            let variables = variables
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            Applied::of(&root, &endpoint, &variables)
        });
        let applied = applied.await.expect("the apply ends")?;
        for (id, value) in [
            ("dial/slack-bot", "tok-0123456789"),
            ("dial/slack-signing", SIGNING),
            ("dial/root-key-1", root_key().to_secret().expose()),
            ("dial/worker", worker_key().to_secret().expose()),
            ("dial/admin-token", TOKEN),
            ("dial/hook-secret", HOOK_SECRET),
        ] {
            aws.put_secret(id, value).await;
        }
        let mut deployed = Self {
            aws,
            applied,
            url: String::new(),
            functions: BTreeMap::new(),
            hook: Receiver::webhook().await,
            slack: Receiver::slack_api().await,
            search: Receiver::opensearch().await,
            programs: tempfile::tempdir().expect("a folder for the programs"),
        };
        deployed.run(&packages).await;
        Some(deployed)
    }

    async fn run(&mut self, packages: &Path) {
        let unpack = |part: &str| {
            let zip = packages.join(format!("dial-{part}-{}.zip", architecture()));
            unpack(&zip, &self.programs.path().join(part))
        };
        let (master, worker) = (unpack("master"), unpack("worker"));
        let beside = self.receivers();
        for name in ["api", "deliver", "sweep"] {
            let function = self.function(name, "module.master", &master, &beside).await;
            self.functions.insert(name, function);
        }
        self.url = gateway::serve(Arc::clone(&self.functions["api"].api)).await;
        for (name, region) in [("worker", REGION), ("worker_home", "us-east-1")] {
            let beside = [
                ("DIAL__WORKER__MASTER_URL", self.url.clone()),
                ("AWS_REGION", region.to_owned()),
            ];
            let module = format!("module.{name}");
            let function = self.function(name, &module, &worker, &beside).await;
            self.functions.insert(name, function);
        }
    }

    /// Where the receivers are, as the master's settings name them: the emulator's API has no address
    /// of its own, and the receivers are on this machine.
    fn receivers(&self) -> [(&'static str, String); 4] {
        let slack = format!("{}/api", self.slack.url());
        [
            ("DIAL__MASTER__DANGEROUS_ALLOW_PRIVATE_SINKS", "true".into()),
            (
                "DIAL__MASTER__SINKS__HOOK__URL",
                format!("{}/dial", self.hook.url()),
            ),
            ("DIAL__MASTER__SINKS__SLACK__API_URL", slack.clone()),
            ("DIAL__MASTER__SLACK__API_URL", slack),
        ]
    }

    /// Starts a program with the environment of the applied function and what Lambda adds.
    async fn function(
        &self,
        name: &str,
        module: &str,
        program: &Path,
        beside: &[(&str, String)],
    ) -> Function {
        let within = match module {
            "module.master" => format!("{module}.aws_lambda_function.master[\"{name}\"]"),
            _ => format!("{module}."),
        };
        let policy = within.replace("lambda_function.master", "iam_role_policy.function");
        let search = Recorder::before(self.search.url(), ACCOUNT).await;
        let api = Arc::new(RuntimeApi::start().await);
        let recorder = Recorder::before(&self.aws.url, ACCOUNT).await;
        let mut env = lambda(&api);
        env.extend(self.applied.environment(&within));
        let emulated = [
            ("AWS_ENDPOINT_URL", recorder.url()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "testtest"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ];
        env.extend(emulated.map(|(name, value)| (name.to_owned(), value.to_owned())));
        if module == "module.master" {
            env.extend(emulated_sinks(&recorder, &search));
        }
        env.extend(
            beside
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        Function {
            process: Process::start(name, program, &[], env),
            grants: self.applied.grants(&policy),
            api,
            recorder,
            search,
        }
    }

    /// Hands an event to whom the applied rules send it; returns the names of those rules and the
    /// function's answer.
    async fn put_event(&self, event: &Value) -> (Vec<String>, Value) {
        let mut bus = Quamina::new();
        let rules = self
            .applied
            .resources("aws_cloudwatch_event_rule", "module.worker.");
        for rule in &rules {
            let name = rule["name"].as_str().expect("a rule has a name").to_owned();
            if let Some(pattern) = rule["event_pattern"].as_str() {
                bus.add_pattern(name, pattern)
                    .expect("a pattern of EventBridge");
            }
        }
        let text = event.to_string();
        let mut fitting = bus
            .matches_for_event(text.as_bytes())
            .expect("an event is JSON");
        fitting.sort();
        let own = &self
            .applied
            .resource("aws_lambda_function", "module.worker.")["arn"];
        let targets = self
            .applied
            .resources("aws_cloudwatch_event_target", "module.worker.");
        for name in &fitting {
            let of_rule = targets.iter().filter(|target| target["rule"] == **name);
            let arns: Vec<&Value> = of_rule.map(|target| &target["arn"]).collect();
            assert_eq!(arns, [own], "{name}");
        }
        assert!(!fitting.is_empty(), "no applied rule takes {event}");
        let reply = self.functions["worker"].api.invoke(text).await.json();
        (fitting, reply)
    }

    /// What a function called. A secret may be asked for by its name; IAM goes by the ARN.
    fn calls(&self, function: &Function) -> BTreeSet<Call> {
        let secrets = self.applied.resources("aws_secretsmanager_secret", "");
        let arn = |name: &str| {
            let mut named = secrets.iter().filter(|secret| secret["name"] == *name);
            Some(named.next()?["arn"].as_str()?.to_owned())
        };
        let calls = function.recorder.calls().into_iter();
        let calls = calls.chain(function.search.calls());
        calls
            .map(|call| Call {
                resource: arn(&call.resource).unwrap_or(call.resource),
                action: call.action,
            })
            .collect()
    }

    /// The items of a finding, as the table has them.
    async fn items(&self, id: &str) -> Vec<Value> {
        let asked = json!({
            "TableName": self.applied.outputs["master"]["value"]["table_name"],
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": format!("F#{id}")}},
        });
        let found = self
            .aws
            .call("dynamodb", "DynamoDB_20120810.Query", &asked)
            .await;
        found["Items"].as_array().cloned().unwrap_or_default()
    }

    /// What the stream of the table hands over for items, as far as the applied filter lets it.
    fn stream(&self, items: &[Value]) -> Value {
        let mapping = self
            .applied
            .resource("aws_lambda_event_source_mapping", "module.master.");
        let filter = &mapping["filter_criteria"][0]["filter"][0]["pattern"];
        let mut passes = Quamina::new();
        let filter = filter.as_str().expect("the stream is filtered");
        passes.add_pattern((), filter).expect("a pattern of Lambda");
        let records = items.iter().enumerate().map(|(number, item)| {
            json!({
                "eventID": format!("{number:032x}"),
                "eventName": "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": REGION,
                "dynamodb": {
                    "Keys": {"pk": item["pk"], "sk": item["sk"]},
                    "NewImage": item,
                    "SequenceNumber": format!("{number}"),
                    "StreamViewType": "NEW_IMAGE",
                },
            })
        });
        let fitting = records.filter(|record| {
            let fits = passes.has_matches(record.to_string().as_bytes());
            fits.expect("a record is JSON")
        });
        json!({ "Records": fitting.collect::<Vec<_>>() })
    }

    /// Invokes the sweep as its schedule does.
    async fn sweep(&self) {
        let rule = self
            .applied
            .resource("aws_cloudwatch_event_rule", "module.master.");
        self.functions["sweep"]
            .api
            .invoke(schedule(rule))
            .await
            .json();
    }
}

/// Sends the sinks of AWS to the emulator, by way of what remembers the calls.
fn emulated_sinks(recorder: &Recorder, search: &Recorder) -> Vec<(String, String)> {
    let sinks = ["TOPIC", "BUS", "HUB", "LAKE"].into_iter();
    let endpoint = |sink| format!("DIAL__MASTER__SINKS__{sink}__ENDPOINT");
    let mut env: Vec<(String, String)> = sinks
        .map(|sink| (endpoint(sink), recorder.url().to_owned()))
        .collect();
    env.extend([
        (
            "DIAL__MASTER__SINKS__SEARCH__URL".to_owned(),
            search.url().to_owned(),
        ),
        (
            "DIAL__MASTER__ENROLMENT__DANGEROUS_AWS_ENDPOINT".to_owned(),
            recorder.url().to_owned(),
        ),
    ]);
    env
}

/// The key of the account's worker in a region, as `dial keys derive` prints it.
fn key_of(region: &str) -> String {
    let worker = format!("{ACCOUNT}/{region}");
    let worker = worker.parse().expect("an account and a region");
    root_key()
        .worker_key(&worker, 0)
        .to_secret()
        .expose()
        .to_owned()
}

/// The event of a schedule.
fn schedule(rule: &Value) -> String {
    let event = json!({
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": "2026-05-01T10:00:00Z",
        "region": REGION,
        "resources": [rule["arn"]],
        "detail": {},
    });
    event.to_string()
}

/// Lines of metrics that a function wrote so far.
fn metrics(function: &Function) -> Vec<Value> {
    let output = function.process.output();
    let lines = output
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| line["_aws"].is_object())
        .collect()
}

/// Whether some line of metrics has this value.
fn tells(function: &Function, metric: &str, value: f64) -> bool {
    metrics(function).iter().any(|line| line[metric] == value)
}

/// Why a role allows what its program was not seen to do, by function and `sid action`.
fn unused() -> BTreeMap<String, BTreeMap<String, String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deployment/unused_permissions.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What a function called and may not, and what it may and did not call against what the list
/// says; empty where both are as they should be.
fn faults(
    calls: &BTreeSet<Call>,
    grants: &[Grant],
    listed: &BTreeMap<String, String>,
) -> Vec<String> {
    let forbidden = calls
        .iter()
        .filter(|call| !grants.iter().any(|grant| grant.allows(call)));
    let mut faults: Vec<String> = forbidden
        .map(|call| format!("not allowed: {} on {}", call.action, call.resource))
        .collect();
    let idle = grants
        .iter()
        .filter(|grant| !calls.iter().any(|call| grant.allows(call)));
    let idle: BTreeSet<String> = idle
        .map(|grant| format!("{} {}", grant.sid, grant.action))
        .collect();
    let unexplained = idle.iter().filter(|grant| !listed.contains_key(*grant));
    faults.extend(unexplained.map(|grant| format!("allowed and never used: {grant}")));
    let stale = listed.keys().filter(|grant| !idle.contains(*grant));
    faults.extend(stale.map(|grant| format!("listed as unused, and used or not there: {grant}")));
    faults
}

#[test]
fn a_role_is_held_to_what_was_seen() {
    let call = |action: &str| Call {
        action: action.into(),
        resource: "arn:aws:s3:::b/k".into(),
    };
    let grant = |action: &str| Grant {
        sid: "Objects".into(),
        action: action.into(),
        resources: vec!["arn:aws:s3:::b/*".into()],
    };
    let grants = [grant("s3:GetObject"), grant("s3:PutObject")];
    let listed = |key: &str| BTreeMap::from([(key.to_owned(), "because".to_owned())]);
    let put = listed("Objects s3:PutObject");
    let cases = [
        (
            "as it should be",
            vec![call("s3:GetObject")],
            put.clone(),
            0,
        ),
        (
            "a call too many",
            vec![call("s3:GetObject"), call("s3:DeleteObject")],
            put.clone(),
            1,
        ),
        (
            "a right too many",
            vec![call("s3:GetObject")],
            BTreeMap::new(),
            1,
        ),
        (
            "a stale line",
            vec![call("s3:GetObject"), call("s3:PutObject")],
            put,
            1,
        ),
    ];
    for (name, calls, listed, expected) in cases {
        let found = faults(&calls.into_iter().collect(), &grants, &listed);
        assert_eq!(found.len(), expected, "{name}: {found:?}");
    }
}

/// An object of the trail, gzipped.
fn trail_file(records: &[Value]) -> Vec<u8> {
    deflate(json!({ "Records": records }).to_string().as_bytes())
}
