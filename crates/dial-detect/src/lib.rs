//! One event in, findings out: parse, normalise, enrich, extract facts, judge, redact.
//!
//! No network, no clock, no AWS SDK: everything comes in as an argument.

mod derived;
pub mod engine;
pub mod enrich;
pub mod envelope;
pub mod event;
mod explain;
pub mod facts;
#[expect(
    clippy::inline_always,
    reason = "what is called instead is built without the processor's wide instructions"
)]
mod find;
mod finding;
mod isolate;
mod native;
pub mod normalise;
pub mod patterns;
pub mod pipeline;
pub mod redact;
pub mod resources;
pub mod settings;
pub mod severity;
mod text;
mod touched;
mod tuning;

pub use pipeline::{Failure, Judged, Pipeline, SetupError};
pub use settings::Settings;
