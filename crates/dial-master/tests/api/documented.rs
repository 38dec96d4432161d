//! Every answer that a test gets is held against the OpenAPI document.

use crate::bed::Answer;
use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

static DOCUMENT: LazyLock<Value> = LazyLock::new(dial_master::api::document);
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Panics where the document does not tell of such an answer.
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let method = method.as_str().to_lowercase();
    let Some(template) = template(path) else {
        // Pages of the dashboard are for people; the API lies under these.
        let api = ["/v1/", "/slack/"]
            .iter()
            .any(|start| path.starts_with(start));
        assert!(
            !api || answer.status == 404,
            "{path} is in no document: {answer}"
        );
        return;
    };
    let operation = &DOCUMENT["paths"][&template][&method];
    if operation.is_null() {
        assert_eq!(
            answer.status, 405,
            "{method} {path} is in no document: {answer}"
        );
        return;
    }
    let place = format!("{method} {template} {}", answer.status);
    let told = &operation["responses"][answer.status.as_str()];
    assert!(told.is_object(), "{place} is in no document: {answer}");
    for name in told["headers"]
        .as_object()
        .into_iter()
        .flat_map(|all| all.keys())
    {
        let may_lack = name == "dial-next-cursor" || name == "etag";
        assert!(
            may_lack || answer.header(name).is_some(),
            "{place} has no {name}: {answer}"
        );
    }
    let Some(media) = answer.header("content-type") else {
        assert_eq!(answer.body, "", "{place} has a body of no type");
        return;
    };
    let media = media.split(';').next().unwrap_or_default();
    let contents = told["content"].as_object();
    let mut contents = contents.into_iter().flatten();
    let content = contents.find(|(known, _)| known.split(';').next() == Some(media));
    let Some((_, content)) = content else {
        panic!("{place} is told of without {media}: {answer}");
    };
    let Some(schema) = content.get("schema").filter(|_| media.ends_with("json")) else {
        return;
    };
    let bodies: Vec<&str> = match media {
        "application/x-ndjson" => answer.body.lines().collect(),
        _ => vec![&answer.body],
    };
    let validator = validator(&format!("{place} {media}"), schema);
    for body in bodies {
        let body: Value = serde_json::from_str(body).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(&body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{place}: {wrong:#?}\n{body:#}");
    }
}

/// The path of the document that a path fits; one without parameters before others.
fn template(path: &str) -> Option<String> {
    let fits = |template: &&String| {
        let (parts, asked) = (template.split('/'), path.split('/'));
        parts.clone().count() == asked.clone().count()
            && parts
                .zip(asked)
                .all(|(part, asked)| part.starts_with('{') || part == asked)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let mut found: Vec<&String> = paths.keys().filter(fits).collect();
    found.sort_by_key(|template| template.matches('{').count());
    found.first().map(|template| (*template).clone())
}

fn validator(place: &str, schema: &Value) -> Arc<Validator> {
    let mut known = VALIDATORS.lock().unwrap();
    let make = || {
        let components = &DOCUMENT["components"];
        let whole = json!({ "components": components, "allOf": [schema] });
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        Arc::new(options.build(&whole).unwrap())
    };
    Arc::clone(known.entry(place.to_owned()).or_insert_with(make))
}
