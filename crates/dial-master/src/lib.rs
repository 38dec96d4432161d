//! The master: verifies what workers send, stores it, delivers it, answers questions about it.

pub mod message;
pub mod sinks;
