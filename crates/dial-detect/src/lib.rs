//! One event in, findings out: parse, normalise, enrich, extract facts, judge, redact.
//!
//! No network, no clock, no AWS SDK: everything comes in as an argument.

pub mod enrich;
pub mod envelope;
pub mod event;
pub mod facts;
pub mod normalise;
pub mod redact;
pub mod resources;
