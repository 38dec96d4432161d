//! The contract: what two or more crates of DIAL must agree on, and nothing else.

pub mod api_token;
pub mod catalogue;
pub mod config;
pub mod dead_letter;
pub mod emf;
pub mod enrolment;
pub mod finding;
pub mod folder;
pub mod gzip;
pub mod id;
pub mod key;
pub mod ocsf;
pub mod partition;
pub mod ports;
pub mod record;
pub mod schema;
pub mod secret;
pub mod severity;
pub mod signature;
pub mod store;
pub mod when;
pub mod wire;
pub mod worker_id;

pub use finding::Finding;
pub use id::FindingId;
pub use secret::Secret;
pub use severity::Severity;
pub use worker_id::{AccountId, Region, WorkerId};
