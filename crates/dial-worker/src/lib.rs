//! The worker: judges events, signs and sends findings, keeps what went wrong as dead letters.

pub mod abuseipdb;
pub mod batch;
pub mod config;
mod drift;
mod emf;
pub mod enrol;
pub mod heartbeat;
mod invocation;
pub mod judge;
pub mod keyring;
pub mod lambda;
pub mod letters;
mod post;
pub mod retry;
pub mod send;
pub mod setup;
pub mod worker;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod send_tests;
#[cfg(test)]
mod worker_tests;

pub use drift::DriftReport;
pub use heartbeat::Pulse;
pub use post::SharedClient;
pub use send::Sender;
pub use worker::{Reply, Worker};
