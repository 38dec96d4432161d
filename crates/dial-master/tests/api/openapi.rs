//! The OpenAPI document: whole, served, and the same as the copy in the repository.

use crate::bed::{Bed, TOKEN, ask};
use http::StatusCode;
use serde_json::Value;
use std::collections::BTreeSet;

#[tokio::test]
async fn the_document_is_served_to_anyone() {
    let bed = Bed::new();
    for token in ["", TOKEN] {
        let answer = bed.send(ask("GET", "/openapi.json", token, None)).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json(), dial_master::api::document());
    }
    assert_eq!(bed.calls(), 0, "nothing is asked for it");
}

#[test]
fn references_lead_somewhere_ids_are_unique_and_everything_is_described() {
    let document = dial_master::api::document();
    let text = document.to_string();
    let references = text.match_indices("\"$ref\":\"#").map(|(at, found)| {
        let rest = &text[at + found.len()..];
        rest.split('"').next().unwrap()
    });
    let references: BTreeSet<&str> = references.collect();
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} is there twice");
            let said = |value: &Value| !value.as_str().unwrap_or_default().is_empty();
            assert!(said(&operation["summary"]), "{method} {path}");
            for (status, answer) in operation["responses"].as_object().unwrap() {
                assert!(said(&answer["description"]), "{method} {path} {status}");
            }
            let parameters = operation["parameters"].as_array();
            for parameter in parameters.into_iter().flatten() {
                assert!(said(&parameter["description"]), "{path} {parameter}");
            }
            for name in path.split('/').filter_map(|part| part.strip_prefix('{')) {
                let name = name.trim_end_matches('}');
                let mut parameters = parameters.into_iter().flatten();
                assert!(
                    parameters.any(|one| one["in"] == "path" && one["name"] == name),
                    "{path} does not tell of {name}"
                );
            }
        }
    }
}
