//! Facts: what an event means where fields alone do not say it; one file per AWS service.

use serde_json::{Map, Value};

/// What the facts saw in one event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Nested by service: `{"s3": {"policy": {"public": true}}}`; rules read it as `fact.…`.
    pub map: Map<String, Value>,
    /// One sentence each for the explanation: statement, grant, port.
    pub sentences: Vec<String>,
}
