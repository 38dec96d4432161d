//! Parameters of operations as the OpenAPI document tells of them.

use serde_json::{Value, json};

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the path.
    Path,
    /// In the query string.
    Query,
    /// Among the headers.
    Header,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: &'static str,
    /// Where it stands.
    pub(super) place: Place,
    /// What it means.
    pub(super) about: &'static str,
    /// JSON Schema of its value.
    pub(super) schema: Value,
}

impl Parameter {
    /// A part of the path.
    pub(super) fn path(name: &'static str, about: &'static str, schema: Value) -> Self {
        Self {
            name,
            place: Place::Path,
            about,
            schema,
        }
    }

    /// A query parameter that may be left out.
    pub(super) fn query(name: &'static str, about: &'static str, schema: Value) -> Self {
        Self {
            name,
            place: Place::Query,
            about,
            schema,
        }
    }

    /// A header that may be left out.
    pub(super) fn header(name: &'static str, about: &'static str, schema: Value) -> Self {
        Self {
            name,
            place: Place::Header,
            about,
            schema,
        }
    }

    /// The id of a finding, in the path.
    pub(super) fn finding() -> Self {
        let schema = json!({ "type": "string", "pattern": "^f-[a-z2-7]{26}$" });
        Self::path("id", "Id of the finding.", schema)
    }

    /// As the document has it.
    pub(super) fn document(&self) -> Value {
        let place = match self.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
        };
        json!({
            "name": self.name,
            "in": place,
            "description": self.about,
            "required": self.place == Place::Path,
            "schema": self.schema,
        })
    }
}

/// Texts of at most that many characters.
pub(super) fn text(longest: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": longest })
}

/// One of these words.
pub(super) fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

/// A time of RFC 3339.
pub(super) fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// Several values, a parameter each or with commas between.
pub(super) fn several(value: &Value, most: usize) -> Value {
    json!({ "type": "array", "items": value, "minItems": 1, "maxItems": most })
}
