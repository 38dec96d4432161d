//! Routing: who is told of a finding, and when nobody is; pure, from stored state and `now`.

pub mod label;
pub mod matcher;
#[cfg(test)]
pub(crate) mod samples;
pub mod silence;
