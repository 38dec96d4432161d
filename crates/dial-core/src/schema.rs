//! The JSON Schema of a finding, made of the type that is stored and sent.

use crate::Finding;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// Name of the schema; it is no address to fetch from.
const ID: &str = "urn:dial:finding:1";

/// The schema of a finding as workers send it and the master shows it (draft 2020-12).
pub fn finding() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Finding>();
    schema.insert("$id".to_owned(), json!(ID));
    let mut schema = schema.to_value();
    plain(&mut schema);
    schema
}

/// Takes the links of Rust's documentation out of descriptions, and makes each one line.
pub fn plain(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => {
                        *text = text
                            .replace("[`", "`")
                            .replace("`]", "`")
                            .replace('\n', " ");
                    }
                    other => plain(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}
