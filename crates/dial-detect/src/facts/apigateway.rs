//! API Gateway: methods that ask nobody who they are, open policies, access logs that end.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::document::Document;
use crate::normalise::{Call, lookup};
use crate::text::shown;
use serde_json::Value;

const APIGATEWAY: &[&str] = &["apigateway.amazonaws.com"];

pub(super) const LOGS: Extractor = Extractor {
    name: "apigateway.logs",
    summary: "Whether a stage stops writing its access log",
    sources: APIGATEWAY,
    names: &["DeleteAccessLogSettings", "UpdateStage"],
    facts: &["apigateway.logs.removed"],
    run: logs,
};

pub(super) const METHOD: Extractor = Extractor {
    name: "apigateway.method",
    summary: "Whether a method or route asks for neither a caller's identity nor a key",
    sources: APIGATEWAY,
    names: &[
        "CreateApi",
        "CreateRoute",
        "PutMethod",
        "UpdateMethod",
        "UpdateRoute",
    ],
    facts: &["apigateway.method.open"],
    run: method,
};

pub(super) const POLICY: Extractor = Extractor {
    name: "apigateway.policy",
    summary: "Whom the policy of an API lets in",
    sources: APIGATEWAY,
    names: &["CreateRestApi", "UpdateRestApi"],
    facts: &[
        "apigateway.policy.public",
        "apigateway.policy.external",
        "apigateway.policy.admin",
        "apigateway.policy.writes",
        "apigateway.policy.unknown",
        "apigateway.policy.any_subject",
        "apigateway.policy.accounts",
        "apigateway.policy.statements",
    ],
    run: policy,
};

/// One change of `patchOperations`.
struct Patch<'a> {
    removes: bool,
    path: &'a str,
    value: Option<&'a Value>,
}

/// The changes of an update, whether they stand below the call's input object or not.
fn patches<'a>(call: &Call<'a>) -> Vec<Patch<'a>> {
    let read = |patch: &'a Value| {
        Some(Patch {
            removes: lookup::text(patch, "op").is_some_and(|op| op.eq_ignore_ascii_case("remove")),
            path: lookup::text(patch, "path")?,
            value: lookup::one(patch, "value"),
        })
    };
    let found = in_input(call, "patchOperations").into_iter();
    found.filter_map(read).collect()
}

/// Values of a parameter: REST APIs put theirs below `putMethodInput` and the like.
fn in_input<'a>(call: &Call<'a>, name: &str) -> Vec<&'a Value> {
    let plain = call.request_all(name);
    if plain.is_empty() {
        call.request_all(&format!("{}Input.{name}", call.name()))
    } else {
        plain
    }
}

fn logs(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let all = call.name() == "DeleteAccessLogSettings";
    let ended = |patch: &Patch<'_>| {
        let is_access_log = patch.path.starts_with("/accessLogSettings");
        let is_level = patch.path.ends_with("/logging/loglevel");
        (is_access_log && patch.removes) || (is_level && patch.value.is_some_and(|v| v == "OFF"))
    };
    let updates = patches(call);
    if all || !updates.is_empty() {
        let removed = all || updates.iter().any(ended);
        facts.set("apigateway.logs.removed", removed);
    }
}

fn method(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let Some(open) = without_identity(call) else {
        return;
    };
    let open = open && !has_key(call) && !is_preflight(call);
    facts.set("apigateway.method.open", open);
    if open {
        let route = ["routeKey", "httpMethod"]
            .into_iter()
            .find_map(|path| call.request_text(path));
        let route = shown(route.unwrap_or("of the API"));
        facts.say(format!("lets anyone call the method {route}"));
    }
}

/// Whether the method asks for no identity; `None` where the call does not say.
fn without_identity(call: &Call<'_>) -> Option<bool> {
    let is_none = |value: &Value| {
        value
            .as_str()
            .is_some_and(|v| v.eq_ignore_ascii_case("NONE"))
    };
    // An API that is created with a target gets one open route for everything.
    if call.name() == "CreateApi" {
        return Some(call.request_text("target").is_some());
    }
    if let Some(kind) = in_input(call, "authorizationType").first() {
        return Some(is_none(kind));
    }
    let updates = patches(call);
    let update = updates.iter().find(|p| p.path == "/authorizationType")?;
    Some(update.value.is_some_and(is_none))
}

fn has_key(call: &Call<'_>) -> bool {
    let stated = in_input(call, "apiKeyRequired").into_iter();
    { stated }.any(|flag| lookup::as_flag(flag) == Some(true))
}

/// Browsers ask `OPTIONS` before they know who is signed in.
fn is_preflight(call: &Call<'_>) -> bool {
    let named = ["httpMethod", "routeKey"];
    let mut texts = named.iter().filter_map(|path| call.request_text(path));
    texts.any(|text| text.split(' ').next() == Some("OPTIONS"))
}

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let updates = patches(call);
    let update = { updates.iter() }.find(|patch| patch.path == "/policy");
    let written = in_input(call, "policy").first().copied();
    let policy = written.or(update.and_then(|patch| patch.value));
    let document = match policy {
        None if call.request_omitted() => Document::Unknown("CloudTrail omitted the request"),
        found => Document::read(found),
    };
    resource_policy::state("apigateway.policy", &document, known, facts);
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    fn fact(name: &str, request: Value, fact: &str) -> Option<bool> {
        let facts = facts_of(&sample("apigateway.amazonaws.com", name, request));
        facts.get(fact).and_then(Value::as_bool)
    }

    #[test]
    fn open_methods_are_seen() {
        let patch = |value: &str| {
            json!({"updateMethodInput": {"patchOperations": [
                {"op": "replace", "path": "/authorizationType", "value": value}]}})
        };
        let cases = [
            (
                "CreateRoute",
                json!({"routeKey": "GET /x", "authorizationType": "NONE", "apiKeyRequired": false}),
                Some(true),
            ),
            (
                "CreateRoute",
                json!({"routeKey": "GET /x", "authorizationType": "JWT"}),
                Some(false),
            ),
            (
                "CreateRoute",
                json!({"routeKey": "OPTIONS /{proxy+}", "authorizationType": "NONE"}),
                Some(false),
            ),
            (
                "PutMethod",
                json!({"httpMethod": "GET", "putMethodInput": {"authorizationType": "NONE", "apiKeyRequired": false}}),
                Some(true),
            ),
            (
                "PutMethod",
                json!({"httpMethod": "GET", "putMethodInput": {"authorizationType": "NONE", "apiKeyRequired": true}}),
                Some(false),
            ),
            (
                "PutMethod",
                json!({"httpMethod": "OPTIONS", "putMethodInput": {"authorizationType": "NONE"}}),
                Some(false),
            ),
            ("UpdateMethod", patch("NONE"), Some(true)),
            ("UpdateMethod", patch("AWS_IAM"), Some(false)),
            ("UpdateRoute", json!({"target": "integrations/x"}), None),
            (
                "CreateApi",
                json!({"name": "a", "target": "https://example.com"}),
                Some(true),
            ),
            (
                "CreateApi",
                json!({"name": "a", "protocolType": "HTTP"}),
                Some(false),
            ),
        ];
        for (name, request, expected) in cases {
            let found = fact(name, request.clone(), "apigateway.method.open");
            assert_eq!(found, expected, "{name} {request}");
        }
    }

    #[test]
    fn open_policies_are_seen() {
        let open = json!({"Statement": [{"Effect": "Allow", "Principal": "*",
            "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]})
        .to_string();
        let cases = [
            (
                "CreateRestApi",
                json!({"createRestApiInput": {"name": "a", "policy": open}}),
            ),
            (
                "UpdateRestApi",
                json!({"updateRestApiInput": {"patchOperations": [
                    {"op": "replace", "path": "/policy", "value": open}]}}),
            ),
        ];
        for (name, request) in cases {
            let found = fact(name, request, "apigateway.policy.public");
            assert_eq!(found, Some(true), "{name}");
        }
        let none = json!({"createRestApiInput": {"name": "a"}});
        assert_eq!(
            fact("CreateRestApi", none, "apigateway.policy.public"),
            None
        );
    }

    #[test]
    fn logs_that_end_are_seen() {
        let patch = |op: &str, path: &str, value: Value| json!({"updateStageInput": {"patchOperations": [{"op": op, "path": path, "value": value}]}});
        let cases = [
            (
                "UpdateStage",
                patch("remove", "/accessLogSettings", Value::Null),
                Some(true),
            ),
            (
                "UpdateStage",
                patch("replace", "/*/*/logging/loglevel", json!("OFF")),
                Some(true),
            ),
            (
                "UpdateStage",
                patch("replace", "/accessLogSettings/format", json!("x")),
                Some(false),
            ),
            (
                "UpdateStage",
                json!({"apiId": "a", "autoDeploy": true}),
                None,
            ),
            ("DeleteAccessLogSettings", json!({"apiId": "a"}), Some(true)),
        ];
        for (name, request, expected) in cases {
            let found = fact(name, request.clone(), "apigateway.logs.removed");
            assert_eq!(found, expected, "{request}");
        }
    }
}
