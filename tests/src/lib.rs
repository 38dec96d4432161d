//! What the end-to-end tests stand on: processes, a Lambda Runtime API, fake receivers, faults.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

pub mod attacker;
pub mod chaos;
pub mod deployment;
pub mod emulators;
pub mod events;
pub mod fuzz_targets;
pub mod gateway;
pub mod iam;
pub mod listen;
pub mod policy;
pub mod poll;
pub mod processes;
pub mod proxy;
pub mod quality;
pub mod reader;
pub mod receivers;
pub mod recorder;
pub mod runtime_api;
pub mod store_suite;
pub mod terraform;
