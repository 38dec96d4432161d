//! The derived event patterns drop no event that a rule matches; `quamina`, which knows nothing of
//! DIAL, is the judge of what a pattern lets through.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod events;
mod judge;
mod mutate;
mod second_opinion;
mod self_protection;
mod soundness;
