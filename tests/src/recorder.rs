//! A front for an emulator of AWS that remembers which call was made on what.

use crate::policy::Call;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// Largest body that passes, bytes.
const MAX_BODY: usize = 16 << 20;

struct Inner {
    emulator: String,
    account: String,
    client: reqwest::Client,
    calls: Mutex<BTreeSet<Call>>,
}

/// The front of one function's calls.
pub struct Recorder {
    url: String,
    inner: Arc<Inner>,
}

impl Recorder {
    /// Passes everything on to the emulator at this URL, of this account.
    pub async fn before(emulator: &str, account: &str) -> Self {
        let inner = Arc::new(Inner {
            emulator: emulator.to_owned(),
            account: account.to_owned(),
            client: reqwest::Client::new(),
            calls: Mutex::default(),
        });
        let routes = Router::new().fallback(pass).with_state(Arc::clone(&inner));
        let address = crate::listen::serve(routes).await;
        Self {
            url: format!("http://{address}"),
            inner,
        }
    }

    /// Base URL, for `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What was called so far.
    pub fn calls(&self) -> BTreeSet<Call> {
        self.inner.calls.lock().unwrap().clone()
    }
}

async fn pass(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY).await;
    let body = body.expect("a request to AWS is small");
    let calls = calls(&parts, &body, &inner.account);
    inner.calls.lock().unwrap().extend(calls);
    let url = format!("{}{}", inner.emulator, parts.uri);
    let sent = inner.client.request(parts.method, url);
    let answer = sent.headers(parts.headers).body(body).send().await;
    let answer = answer.expect("the emulator answers");
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        // The body is sent anew, whole.
        if name != "transfer-encoding" && name != "connection" {
            response = response.header(name, value);
        }
    }
    let body = answer
        .bytes()
        .await
        .expect("the emulator's answer is whole");
    response
        .body(Body::from(body))
        .expect("its headers are valid")
}

/// What a request asks, as IAM would see it; a request that is not understood is one call of a
/// name that no role allows.
fn calls(parts: &Parts, body: &Bytes, account: &str) -> Vec<Call> {
    let header = |name: &str| parts.headers.get(name)?.to_str().ok();
    let scope = header("authorization").and_then(|text| text.split("Credential=").nth(1));
    let scope: Vec<&str> = scope.unwrap_or_default().split('/').collect();
    let (region, service) = (
        scope.get(2).copied().unwrap_or_default(),
        scope.get(3).copied().unwrap_or_default(),
    );
    let target = header("x-amz-target").unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    match service {
        "s3" => vec![s3(parts)],
        "dynamodb" => dynamodb(operation, &asked, region, account),
        "secretsmanager" => {
            let named = asked["SecretId"].as_str().unwrap_or_default();
            vec![call("secretsmanager", operation, named.to_owned())]
        }
        "ssm" => {
            let name = asked["Name"].as_str().unwrap_or_default();
            let name = name.trim_start_matches('/');
            let arn = format!("arn:aws:ssm:{region}:{account}:parameter/{name}");
            vec![call("ssm", operation, arn)]
        }
        "organizations" => {
            let member = asked["AccountId"].as_str().unwrap_or_default();
            let arn = format!("arn:aws:organizations::{account}:account/o-exampleorg/{member}");
            vec![call("organizations", operation, arn)]
        }
        // A rule that is looked at or changed; else events that are put.
        "events" if asked["Name"].is_string() => {
            let name = asked["Name"].as_str().unwrap_or_default();
            let arn = format!("arn:aws:events:{region}:{account}:rule/{name}");
            vec![call("events", operation, arn)]
        }
        "events" => {
            let entries = asked["Entries"].as_array().into_iter().flatten();
            let bus = |entry: &Value| {
                entry["EventBusName"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            entries
                .map(|entry| call("events", operation, bus(entry)))
                .collect()
        }
        "securityhub" => security_hub(parts.uri.path(), &asked),
        "es" => {
            let method = parts.method.as_str().to_ascii_lowercase();
            let method = method[..1].to_ascii_uppercase() + &method[1..];
            let arn = format!(
                "arn:aws:es:{region}:{account}:domain/dial{}",
                parts.uri.path()
            );
            vec![call("es", &format!("ESHttp{method}"), arn)]
        }
        "sns" | "sts" => form(service, body),
        other => vec![call(other, operation, parts.uri.to_string())],
    }
}

/// An operation of a service that takes forms. Who one is may be asked without a permission.
fn form(service: &str, body: &[u8]) -> Vec<Call> {
    let query = String::from_utf8_lossy(body);
    let url = format!("http://form.invalid/?{query}").parse::<reqwest::Url>();
    let url = url.expect("a form fits an address");
    let field = |name: &str| {
        let mut fields = url.query_pairs();
        let found = fields.find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    };
    match (field("Action"), field("TopicArn").or(field("RoleArn"))) {
        (Some(action), None) if action == "GetCallerIdentity" => Vec::new(),
        (action, resource) => {
            let resource = resource.unwrap_or_default();
            vec![call(service, &action.unwrap_or_default(), resource)]
        }
    }
}

/// Security Hub goes by the product that findings are filed under.
fn security_hub(path: &str, asked: &Value) -> Vec<Call> {
    let (operation, list) = match path {
        "/findings/import" => ("BatchImportFindings", &asked["Findings"]),
        "/findings/batchupdate" => ("BatchUpdateFindings", &asked["FindingIdentifiers"]),
        other => return vec![call("securityhub", other, String::new())],
    };
    let product = |finding: &Value| {
        finding["ProductArn"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let findings = list.as_array().into_iter().flatten();
    findings
        .map(|finding| call("securityhub", operation, product(finding)))
        .collect()
}

fn call(service: &str, operation: &str, resource: String) -> Call {
    Call {
        action: format!("{service}:{operation}"),
        resource,
    }
}

/// Path style: `/bucket/key`.
fn s3(parts: &Parts) -> Call {
    let path = parts.uri.path().trim_start_matches('/');
    let has_key = path.split_once('/').is_some_and(|(_, key)| !key.is_empty());
    let operation = match (parts.method.as_str(), has_key) {
        ("GET" | "HEAD", true) => "GetObject",
        ("GET" | "HEAD", false) => "ListBucket",
        ("PUT", true) => "PutObject",
        ("DELETE", true) => "DeleteObject",
        _ => "Unknown",
    };
    let path = path.trim_end_matches('/');
    call("s3", operation, format!("arn:aws:s3:::{path}"))
}

/// A transaction needs the permissions of its parts.
fn dynamodb(operation: &str, asked: &Value, region: &str, account: &str) -> Vec<Call> {
    let arn = |part: &Value| {
        let table = part["TableName"].as_str().unwrap_or_default();
        let arn = format!("arn:aws:dynamodb:{region}:{account}:table/{table}");
        match part["IndexName"].as_str() {
            Some(index) => format!("{arn}/index/{index}"),
            None => arn,
        }
    };
    let parts = asked["TransactItems"].as_array().into_iter().flatten();
    let parts = parts.filter_map(Value::as_object).flatten();
    let parts: Vec<Call> = parts
        .map(|(kind, part)| match kind.as_str() {
            "ConditionCheck" => call("dynamodb", "ConditionCheckItem", arn(part)),
            kind => call("dynamodb", &format!("{kind}Item"), arn(part)),
        })
        .collect();
    if parts.is_empty() {
        return vec![call("dynamodb", operation, arn(asked))];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(service: &str, target: &str, method: &str, uri: &str, body: &Value) -> Vec<String> {
        told_of(service, target, method, uri, body.to_string())
    }

    fn told_of(service: &str, target: &str, method: &str, uri: &str, body: String) -> Vec<String> {
        let scope = format!("test/20260501/eu-west-1/{service}/aws4_request");
        let request = axum::http::Request::builder()
            .method(method)
            .uri(uri)
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={scope}, Signature=0"),
            )
            .header("x-amz-target", target);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        calls(&parts, &body.into(), "111122223333")
            .into_iter()
            .map(|call| format!("{} {}", call.action, call.resource))
            .collect()
    }

    #[test]
    fn calls_of_sinks_and_of_enrolment_are_told_in_iam_s_words() {
        let product = "arn:aws:securityhub:eu-west-1:1:product/1/default";
        let bus = "arn:aws:events:eu-west-1:1:event-bus/dial";
        let topic = "Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A1%3Adial&Message=x";
        let role = "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fdial";
        let who = "Action=GetCallerIdentity&Version=2011-06-15";
        let (import, update) = ("/findings/import", "/findings/batchupdate");
        let cases = [
            (
                told("events", "AWSEvents.DisableRule", "POST", "/", &json!({"Name": "canary"})),
                vec!["events:DisableRule arn:aws:events:eu-west-1:111122223333:rule/canary".to_owned()],
            ),
            (
                told("ssm", "AmazonSSM.GetParameter", "POST", "/", &json!({"Name": "/dial/key"})),
                vec!["ssm:GetParameter arn:aws:ssm:eu-west-1:111122223333:parameter/dial/key".to_owned()],
            ),
            (
                told("organizations", "A.DescribeAccount", "POST", "/", &json!({"AccountId": "1"})),
                vec!["organizations:DescribeAccount arn:aws:organizations::111122223333:account/o-exampleorg/1".to_owned()],
            ),
            (
                told("events", "AWSEvents.PutEvents", "POST", "/", &json!({"Entries": [{"EventBusName": bus}]})),
                vec![format!("events:PutEvents {bus}")],
            ),
            (
                told("securityhub", "", "POST", import, &json!({"Findings": [{"ProductArn": product}]})),
                vec![format!("securityhub:BatchImportFindings {product}")],
            ),
            (
                told("securityhub", "", "PATCH", update, &json!({"FindingIdentifiers": [{"ProductArn": product}]})),
                vec![format!("securityhub:BatchUpdateFindings {product}")],
            ),
            (
                told("es", "", "POST", "/dial-findings/_bulk", &Value::Null),
                vec!["es:ESHttpPost arn:aws:es:eu-west-1:111122223333:domain/dial/dial-findings/_bulk".to_owned()],
            ),
            (
                told_of("sns", "", "POST", "/", topic.to_owned()),
                vec!["sns:Publish arn:aws:sns:eu-west-1:1:dial".to_owned()],
            ),
            (
                told_of("sts", "", "POST", "/", role.to_owned()),
                vec!["sts:AssumeRole arn:aws:iam::1:role/dial".to_owned()],
            ),
            (told_of("sts", "", "POST", "/", who.to_owned()), vec![]),
        ];
        for (told, expected) in cases {
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn requests_are_told_in_iam_s_words() {
        let table = "arn:aws:dynamodb:eu-west-1:111122223333:table/t";
        let query = json!({"TableName": "t", "IndexName": "by_due"});
        let both = json!({"TransactItems": [
            {"Put": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "t"}},
        ]});
        let secret = json!({"SecretId": "arn:aws:secretsmanager:x"});
        let none = json!(null);
        let cases = [
            (
                told("dynamodb", "DynamoDB_20120810.Query", "POST", "/", &query),
                vec![format!("dynamodb:Query {table}/index/by_due")],
            ),
            (
                told(
                    "dynamodb",
                    "DynamoDB_20120810.TransactWriteItems",
                    "POST",
                    "/",
                    &both,
                ),
                vec![
                    format!("dynamodb:PutItem {table}"),
                    format!("dynamodb:ConditionCheckItem {table}"),
                ],
            ),
            (
                told(
                    "secretsmanager",
                    "secretsmanager.GetSecretValue",
                    "POST",
                    "/",
                    &secret,
                ),
                vec!["secretsmanager:GetSecretValue arn:aws:secretsmanager:x".to_owned()],
            ),
            (
                told("s3", "", "GET", "/bucket/a/b?x-id=GetObject", &none),
                vec!["s3:GetObject arn:aws:s3:::bucket/a/b".to_owned()],
            ),
            (
                told("s3", "", "GET", "/bucket/?list-type=2", &none),
                vec!["s3:ListBucket arn:aws:s3:::bucket".to_owned()],
            ),
            (
                told("s3", "", "POST", "/bucket?delete", &none),
                vec!["s3:Unknown arn:aws:s3:::bucket".to_owned()],
            ),
        ];
        for (told, expected) in cases {
            assert_eq!(told, expected);
        }
    }
}
