//! `GET /openapi.json`: the document of this API, made of the operations that it answers.

use super::access::{Access, Anyone};
use super::operation::{Answer, Link, Operation};
use super::{operations, reply};
use axum::response::Response;
use http::StatusCode;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// Where schemas lie in the document.
const SCHEMAS: &str = "/components/schemas";

pub(super) fn declared() -> Operation {
    Operation::get("/openapi.json", "openapi", show)
        .does("This document")
        .answers_as(
            200,
            super::operation::JSON,
            Some(any_object),
            "An OpenAPI 3.1 document.",
        )
}

fn any_object(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "type": "object" })
}

/// The text never changes while the program runs.
async fn show(_: Anyone) -> Response {
    static TEXT: LazyLock<Vec<u8>> =
        LazyLock::new(|| serde_json::to_vec(&document()).unwrap_or_default());
    reply::secured(StatusCode::OK, super::operation::JSON, TEXT.clone())
}

/// The OpenAPI 3.1 document of the whole API.
pub fn document() -> Value {
    let mut writer = Writer::new();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let entry = writer.operation(&operation);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = entry;
    }
    paths.sort_keys();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "DIAL",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": writer.schemas(),
            "securitySchemes": security_schemes(),
        },
    });
    dial_core::schema::plain(&mut document);
    document
}

const ABOUT: &str = "The master of DIAL: findings, what became of them, and who is told. \
    Errors are problem documents (RFC 9457) whose `detail` says how to put them right. \
    What a token must be allowed to do stands with each operation under `security`: \
    viewer, analyst or admin; each includes the ones before it.";

fn security_schemes() -> Value {
    let header = |name: &str, about: &str| json!({ "type": "apiKey", "in": "header", "name": name, "description": about });
    json!({
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token (`dial tokens create`) or one of the configuration.",
        },
        "worker": header(
            "webhook-signature",
            "Standard Webhooks: `v1,` and base64 of HMAC-SHA256 over `webhook-id`, \
             `webhook-timestamp` and the body as sent, with dots between, under the worker's key; \
             `dial-worker` and `dial-key` say which key that is.",
        ),
        "slack": header("x-slack-signature", "Slack's signature of its requests, version v0."),
    })
}

/// Writes operations, and keeps the schemas that they name.
struct Writer {
    answers: SchemaGenerator,
    requests: SchemaGenerator,
}

impl Writer {
    fn new() -> Self {
        let answers = SchemaSettings::draft2020_12().for_serialize();
        let requests = SchemaSettings::draft2020_12().for_deserialize();
        Self {
            answers: answers
                .with(|settings| settings.definitions_path = SCHEMAS.into())
                .into_generator(),
            // What is asked for and what is answered may differ under one name.
            requests: requests
                .with(|settings| settings.inline_subschemas = true)
                .into_generator(),
        }
    }

    fn operation(&mut self, operation: &Operation) -> Value {
        let mut entry = json!({
            "operationId": operation.id,
            "summary": operation.summary,
            "security": security(operation.access),
        });
        if !operation.parameters.is_empty() {
            let parameters = operation.parameters.iter();
            entry["parameters"] = parameters
                .map(super::parameter::Parameter::document)
                .collect();
        }
        if let Some(body) = &operation.body {
            let schema = body.schema.map(|schema| schema(&mut self.requests));
            let schema = schema.map_or_else(|| json!({}), Schema::to_value);
            entry["requestBody"] = json!({
                "required": true,
                "description": body.about,
                "content": { body.media: { "schema": schema } },
            });
        }
        let mut answers: Vec<&Answer> = operation.answers.iter().collect();
        answers.sort_by_key(|answer| answer.status);
        let answers = answers.into_iter();
        entry["responses"] = answers
            .map(|answer| (answer.status.to_string(), self.answer(answer)))
            .collect::<Map<_, _>>()
            .into();
        entry
    }

    fn answer(&mut self, answer: &Answer) -> Value {
        let mut entry = json!({ "description": answer.about });
        if !answer.headers.is_empty() {
            let header =
                |says: &str| json!({ "description": says, "schema": { "type": "string" } });
            let headers = answer.headers.iter();
            let headers = headers.map(|(name, says)| ((*name).to_owned(), header(says)));
            entry["headers"] = headers.collect::<Map<_, _>>().into();
        }
        if !answer.contents.is_empty() {
            let contents = answer.contents.iter();
            let contents = contents.map(|(media, schema)| {
                let schema = schema.map(|schema| schema(&mut self.answers).to_value());
                let content =
                    schema.map_or_else(|| json!({}), |schema| json!({ "schema": schema }));
                ((*media).to_owned(), content)
            });
            entry["content"] = contents.collect::<Map<_, _>>().into();
        }
        if !answer.links.is_empty() {
            entry["links"] = answer.links.iter().map(link).collect::<Map<_, _>>().into();
        }
        entry
    }

    fn schemas(mut self) -> Value {
        let mut schemas = self.answers.take_definitions(true);
        schemas.sort_keys();
        Value::Object(schemas)
    }
}

/// By the name of the operation that it leads to.
fn link(link: &Link) -> (String, Value) {
    let parameters = link.parameters.iter();
    let parameters: Map<String, Value> = parameters
        .map(|(name, from)| ((*name).to_owned(), json!(from)))
        .collect();
    let entry = json!({ "operationId": link.operation, "parameters": parameters });
    (link.operation.to_owned(), entry)
}

/// Who may ask, as the document has it; the words after `token` are roles (OpenAPI 3.1, 4.8.30).
fn security(access: Access) -> Value {
    match access {
        Access::Anyone => json!([]),
        Access::AnyoneOrViewer => json!([{}, { "token": ["viewer"] }]),
        Access::Token(scope) => json!([{ "token": [scope.as_str()] }]),
        Access::Worker => json!([{ "worker": [] }]),
        Access::Slack => json!([{ "slack": [] }]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that follows a link asks what there is, with all that must be said.
    #[test]
    fn links_lead_to_operations_with_their_parameters() {
        let all = operations();
        let (mut followed, place) = (0, super::super::parameter::Place::Path);
        for operation in &all {
            let answers = operation.answers.iter();
            for link in answers.flat_map(|answer| &answer.links) {
                let name = link.operation;
                let target = all.iter().find(|other| other.id == name);
                let target = target.unwrap_or_else(|| panic!("no operation {name}"));
                let given: Vec<&str> = link.parameters.iter().map(|(name, _)| *name).collect();
                for parameter in &given {
                    let known = target.parameters.iter().any(|p| p.name == *parameter);
                    assert!(known, "{name} has no {parameter}");
                }
                let needed = target.parameters.iter().filter(|p| p.place == place);
                for parameter in needed {
                    assert!(given.contains(&parameter.name), "{name} without it");
                }
                followed += 1;
            }
        }
        assert!(followed > 10, "{followed}");
    }
}
