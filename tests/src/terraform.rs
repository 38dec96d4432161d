//! Terraform applied to an emulator of AWS, and what it made, as it says itself.

use crate::policy::Grant;
use crate::processes::Process;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Names the folder of the packages; `cargo xtask check` sets it.
pub const PACKAGES: &str = "DIAL_PACKAGES";
/// Names a Python with moto; `cargo xtask check` sets it.
const PYTHON: &str = "DIAL_TEST_PYTHON";
/// The region that everything is made in.
const REGION: &str = crate::events::REGION;

/// An emulator of AWS of one's own, of the account of the fixtures.
pub struct Aws {
    /// Base URL.
    pub url: String,
    _process: Process,
}

impl Aws {
    /// `None` where there is no moto; says so.
    pub async fn start() -> Option<Self> {
        let Ok(python) = std::env::var(PYTHON) else {
            println!("skipped: {PYTHON} names no Python with moto");
            return None;
        };
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = free.expect("a free port").port().to_string();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deployment/emulator.py");
        let arguments = [script, "-H", "127.0.0.1", "-p", &port];
        let env = [("MOTO_ACCOUNT_ID", crate::events::ACCOUNT)];
        let process = Process::start("moto", Path::new(&python), &arguments, env);
        let url = format!("http://127.0.0.1:{port}");
        crate::poll::until("moto to answer", || async {
            reqwest::get(format!("{url}/moto-api/")).await.ok()
        })
        .await;
        Some(Self {
            url,
            _process: process,
        })
    }

    /// Calls an operation of a service that speaks JSON, such as `DynamoDB_20120810.GetItem`.
    pub async fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        let request = reqwest::Client::new()
            .post(&self.url)
            .header("authorization", authorization(service))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(body.to_string());
        let answer = request.send().await.expect("the emulator answers");
        let status = answer.status();
        let answer: Value = answer.json().await.expect("the emulator answers JSON");
        assert!(status.is_success(), "{target}: {answer}");
        answer
    }

    /// Calls an operation of a service that takes forms, such as STS; the answer is XML.
    pub async fn form(&self, service: &str, body: String) -> String {
        let request = reqwest::Client::new()
            .post(&self.url)
            .header("authorization", authorization(service))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer = request.send().await.expect("the emulator answers");
        let status = answer.status();
        let answer = answer.text().await.expect("the emulator answers text");
        assert!(status.is_success(), "{service}: {answer}");
        answer
    }

    /// Puts a secret's value, as the operator does after the first apply.
    pub async fn put_secret(&self, id: &str, value: &str) {
        let body =
            json!({"SecretId": id, "SecretString": value, "ClientRequestToken": "0".repeat(32)});
        self.call("secretsmanager", "secretsmanager.PutSecretValue", &body)
            .await;
    }

    /// Makes a bucket (`name`) or an object (`bucket/key`).
    pub async fn put(&self, path: &str, body: impl Into<reqwest::Body>) {
        let request = reqwest::Client::new()
            .put(format!("{}/{path}", self.url))
            .header("authorization", authorization("s3"))
            .body(body);
        let answer = request.send().await.expect("the emulator answers");
        assert!(answer.status().is_success(), "{path}: {answer:?}");
    }
}

/// The emulator looks at the scope alone.
fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260501/{REGION}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}

/// The processor of this machine, in Lambda's words.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}

/// The packages, where they were made; says so where they were not.
pub fn packages() -> Option<PathBuf> {
    let folder = std::env::var_os(PACKAGES).map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: {PACKAGES} names no folder with packages (cargo xtask package)");
    }
    folder
}

/// `bootstrap` out of a function's zip, in a folder of its own.
pub fn unpack(zip: &Path, into: &Path) -> PathBuf {
    let file = std::fs::File::open(zip).unwrap_or_else(|e| panic!("{}: {e}", zip.display()));
    let mut archive = zip::ZipArchive::new(file).expect("a package is a zip");
    archive.extract(into).expect("the package can be unpacked");
    into.join("bootstrap")
}

/// What an apply made.
pub struct Applied {
    resources: Vec<Value>,
    /// The root module's outputs.
    pub outputs: Value,
    _folder: TempDir,
}

impl Applied {
    /// Applies a root module with these variables to the AWS at this address; `None` where there
    /// is no Terraform.
    pub fn of(root: &Path, aws: &str, variables: &[(&str, &str)]) -> Option<Self> {
        if Command::new("terraform").arg("version").output().is_err() {
            println!("skipped: terraform is not installed");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder for the state");
        let state = folder.path().join("terraform.tfstate");
        let run = |words: &[&str], more: &[String]| {
            let output = Command::new("terraform")
                .current_dir(root)
                .env("TF_DATA_DIR", folder.path().join("data"))
                .env("AWS_ENDPOINT_URL", aws)
                .env("AWS_ACCESS_KEY_ID", "test")
                .env("AWS_SECRET_ACCESS_KEY", "testtest")
                .env("AWS_EC2_METADATA_DISABLED", "true")
                .args(words)
                .args(more)
                .output()
                .expect("terraform starts");
            assert!(output.status.success(), "terraform {words:?}: {output:?}");
            output.stdout
        };
        run(&["init", "-input=false", "-no-color"], &[]);
        let mut more: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("-var={name}={value}"))
            .collect();
        more.push(format!("-state={}", state.display()));
        // Most of an apply is waiting.
        let apply = [
            "apply",
            "-auto-approve",
            "-input=false",
            "-no-color",
            "-parallelism=40",
        ];
        run(&apply, &more);
        let shown = run(&["show", "-json", &state.display().to_string()], &[]);
        let shown: Value = serde_json::from_slice(&shown).expect("the state is JSON");
        let values = &shown["values"];
        let mut resources = Vec::new();
        collect(&values["root_module"], &mut resources);
        Some(Self {
            resources,
            outputs: values["outputs"].clone(),
            _folder: folder,
        })
    }

    /// The values of all resources of a type whose address contains `part`.
    pub fn resources(&self, kind: &str, part: &str) -> Vec<&Value> {
        let fits = |resource: &&Value| {
            resource["type"] == kind
                && resource["address"]
                    .as_str()
                    .unwrap_or_default()
                    .contains(part)
        };
        let found = self.resources.iter().filter(fits);
        found.map(|resource| &resource["values"]).collect()
    }

    /// The values of the one such resource.
    pub fn resource(&self, kind: &str, part: &str) -> &Value {
        let found = self.resources(kind, part);
        assert_eq!(found.len(), 1, "{kind} {part}");
        found[0]
    }

    /// The environment of a function.
    pub fn environment(&self, function: &str) -> Vec<(String, String)> {
        let function = self.resource("aws_lambda_function", function);
        let variables = &function["environment"][0]["variables"];
        let variables = variables
            .as_object()
            .expect("a function has an environment");
        let text = |(name, value): (&String, &Value)| {
            (name.clone(), value.as_str().unwrap_or_default().to_owned())
        };
        variables.iter().map(text).collect()
    }

    /// What the role of a function allows.
    pub fn grants(&self, role_policy: &str) -> Vec<Grant> {
        let policy = &self.resource("aws_iam_role_policy", role_policy)["policy"];
        Grant::of(policy.as_str().expect("a policy is text"))
    }

    /// What every role of a function allows, by the role's name.
    pub fn roles(&self) -> BTreeMap<String, Vec<Grant>> {
        let policies = self.resources("aws_iam_role_policy", "").into_iter();
        let text = |value: &Value| value.as_str().expect("a policy is text").to_owned();
        policies
            .map(|policy| (text(&policy["role"]), Grant::of(&text(&policy["policy"]))))
            .collect()
    }
}

fn collect(module: &Value, resources: &mut Vec<Value>) {
    resources.extend(
        module["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .cloned(),
    );
    for child in module["child_modules"].as_array().into_iter().flatten() {
        collect(child, resources);
    }
}
