//! Lambda: who may call a function, or use a layer, and whether it has an open address.

use super::sharing::outsiders;
use super::{Extractor, Facts, Known, list, resource_policy};
use crate::normalise::Call;
use crate::normalise::document::Document;
use crate::text::shown;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

const LAMBDA: &[&str] = &["lambda.amazonaws.com"];

pub(super) const LAYER: Extractor = Extractor {
    name: "lambda.layer",
    summary: "Whether a function takes code from layers of another account",
    sources: LAMBDA,
    names: &["CreateFunction", "UpdateFunctionConfiguration"],
    facts: &["lambda.layer.external", "lambda.layer.accounts"],
    run: layer,
};

pub(super) const PERMISSION: Extractor = Extractor {
    name: "lambda.permission",
    summary: "Whom a new permission of a function or layer lets in",
    sources: LAMBDA,
    names: &["AddLayerVersionPermission", "AddPermission"],
    facts: &[
        "lambda.permission.public",
        "lambda.permission.external",
        "lambda.permission.admin",
        "lambda.permission.writes",
        "lambda.permission.unknown",
        "lambda.permission.any_subject",
        "lambda.permission.accounts",
        "lambda.permission.statements",
    ],
    run: permission,
};

pub(super) const POLICY: Extractor = Extractor {
    name: "lambda.policy",
    summary: "Whom a function's policy lets in",
    sources: LAMBDA,
    names: &["PutResourcePolicy"],
    facts: &[
        "lambda.policy.public",
        "lambda.policy.external",
        "lambda.policy.admin",
        "lambda.policy.writes",
        "lambda.policy.unknown",
        "lambda.policy.any_subject",
        "lambda.policy.accounts",
        "lambda.policy.statements",
    ],
    run: policy,
};

pub(super) const URL: Extractor = Extractor {
    name: "lambda.url",
    summary: "Whether a function's address asks for no signature",
    sources: LAMBDA,
    names: &["CreateFunctionUrlConfig", "UpdateFunctionUrlConfig"],
    facts: &["lambda.url.public"],
    run: url,
};

/// Says nothing where the call names no layer.
fn layer(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let layers = call.request_all("layers");
    if layers.is_empty() {
        return;
    }
    let outside = outsiders(layers, known);
    facts.set("lambda.layer.external", !outside.is_empty());
    facts.set("lambda.layer.accounts", list(&outside));
    for account in outside {
        let account = shown(account);
        facts.say(format!("runs code of a layer of outside account {account}"));
    }
}

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("lambda.policy", &call.policy("policy"), known, facts);
}

fn permission(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let answered = Document::read(call.response("statement"));
    let statement = match (answered, call.request_omitted()) {
        (Document::Known(statement), _) => Document::Known(as_policy(statement.into_owned())),
        (_, true) => Document::Unknown("CloudTrail omitted the request"),
        _ => asked(call),
    };
    resource_policy::state("lambda.permission", &statement, known, facts);
}

/// The statement that Lambda makes of the request.
fn asked<'a>(call: &Call<'a>) -> Document<'a> {
    let Some(principal) = call.request_text("principal") else {
        return Document::Absent;
    };
    let principal = if principal.ends_with(".amazonaws.com") {
        json!({ "Service": principal })
    } else {
        json!({ "AWS": principal })
    };
    let keys = [
        ("aws:SourceArn", "sourceArn"),
        ("aws:SourceAccount", "sourceAccount"),
        ("aws:PrincipalOrgID", "principalOrgID"),
        ("aws:PrincipalOrgID", "organizationId"),
    ];
    let limits = keys
        .into_iter()
        .filter_map(|(key, path)| Some((key, call.request_text(path)?)));
    let limits: Map<String, Value> = limits.map(|(key, v)| (key.to_owned(), v.into())).collect();
    let mut statement = Map::new();
    statement.insert("Effect".to_owned(), "Allow".into());
    statement.insert("Sid".to_owned(), call.request_text("statementId").into());
    statement.insert("Action".to_owned(), call.request_text("action").into());
    statement.insert("Principal".to_owned(), principal);
    // Lambda compares with `ArnLike`; the evaluator judges the values the same way.
    statement.insert("Condition".to_owned(), json!({ "ArnLike": limits }));
    Document::Known(as_policy(statement))
}

fn as_policy<'a>(statement: Map<String, Value>) -> Cow<'a, Map<String, Value>> {
    let statement = Value::Object(statement);
    Cow::Owned(Map::from_iter([("Statement".to_owned(), statement)]))
}

fn url(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let Some(kind) = call.request_text("authType") else {
        return;
    };
    let public = kind.eq_ignore_ascii_case("NONE");
    facts.set("lambda.url.public", public);
    if public {
        facts.say("lets the function's address answer anyone");
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{answered, facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn permissions_for_strangers_are_seen() {
        let answer = json!({"statement": json!({"Sid": "s", "Effect": "Allow", "Principal": "*",
            "Action": "lambda:InvokeFunction", "Resource": "*"}).to_string()});
        let cases = [
            ("anyone", json!({"principal": "*"}), Value::Null, "public"),
            ("anyone, by the answer", json!({}), answer, "public"),
            (
                "our organization",
                json!({"principal": "*", "principalOrgID": "o-a1b2c3d4e5"}),
                Value::Null,
                "none",
            ),
            (
                "stranger",
                json!({"principal": "777788889999"}),
                Value::Null,
                "external",
            ),
            (
                "stranger by ARN",
                json!({"principal": "arn:aws:iam::777788889999:role/r"}),
                Value::Null,
                "external",
            ),
            (
                "known",
                json!({"principal": "444455556666"}),
                Value::Null,
                "none",
            ),
            (
                "a bucket of ours",
                json!({"principal": "s3.amazonaws.com", "sourceArn": "arn:aws:s3:::b", "sourceAccount": "111122223333"}),
                Value::Null,
                "none",
            ),
            (
                "a stranger's topic",
                json!({"principal": "sns.amazonaws.com", "sourceArn": "arn:aws:sns:eu-west-1:777788889999:t"}),
                Value::Null,
                "external",
            ),
            ("denied", Value::Null, Value::Null, "none"),
            ("omitted", json!({"omitted": true}), Value::Null, "unknown"),
        ];
        for (name, request, response, expected) in cases {
            let event = answered(
                "lambda.amazonaws.com",
                "AddPermission20150331v2",
                request,
                response,
            );
            let facts = facts_of(&event);
            let names = ["public", "external", "unknown"];
            let is_true =
                |n: &&str| facts.get(&format!("lambda.permission.{n}")) == Some(&json!(true));
            assert_eq!(
                names.into_iter().find(is_true).unwrap_or("none"),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn open_addresses_are_seen() {
        for (request, expected) in [
            (json!({"authType": "NONE"}), Some(true)),
            (json!({"authType": "AWS_IAM"}), Some(false)),
            (json!({"cors": {}}), None),
        ] {
            let facts = facts_of(&sample(
                "lambda.amazonaws.com",
                "UpdateFunctionUrlConfig",
                request,
            ));
            assert_eq!(
                facts.get("lambda.url.public").and_then(Value::as_bool),
                expected
            );
        }
    }

    #[test]
    fn layers_of_strangers_are_seen() {
        let layer = |account: &str| format!("arn:aws:lambda:eu-west-1:{account}:layer:tools:1");
        let cases = [
            (
                json!([layer("111122223333"), layer("777788889999")]),
                Some(true),
            ),
            (json!([layer("444455556666")]), Some(false)),
            (json!([]), None),
        ];
        for (layers, expected) in cases {
            let request = json!({"functionName": "f", "layers": layers});
            let event = sample(
                "lambda.amazonaws.com",
                "UpdateFunctionConfiguration20150331v2",
                request,
            );
            let facts = facts_of(&event);
            let found = facts.get("lambda.layer.external").and_then(Value::as_bool);
            assert_eq!(found, expected, "{layers}");
        }
    }
}
