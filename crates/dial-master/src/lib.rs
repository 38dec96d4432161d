//! The master: verifies what workers send, stores it, delivers it, answers questions about it.

pub mod api;
pub mod archive;
pub mod catalogue;
pub mod config;
pub mod deliver;
pub mod emf;
pub mod enduring;
pub mod enrolment;
pub mod fleet;
pub mod lambda;
pub mod load;
pub mod logging;
pub mod message;
pub mod metrics;
pub mod readers;
pub mod routes;
pub mod routing;
pub mod secrets;
pub mod serve;
pub mod setup;
pub mod sheet;
pub mod sign_in;
pub mod silences;
pub mod sinks;
pub mod slack;
pub mod store;
pub mod upkeep;
pub mod watch;
pub mod web;

mod limit;

pub use api::{Parts, Rate, State, app, system_clock};
