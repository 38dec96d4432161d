//! EC2: what the network lets in, what is started, and what is shared with other accounts.

mod endpoint;
mod ingress;
mod launch;
mod network;
mod sharing;

pub(super) use endpoint::{ENCRYPTION, ENDPOINT_POLICY, ENDPOINT_SERVICE};
pub(super) use ingress::INGRESS;
pub(super) use launch::{LAUNCH, TERMINATION};
pub(super) use network::{NACL, PEERING, ROUTE};
pub(super) use sharing::{IMAGE, SNAPSHOT};

const EC2: &[&str] = &["ec2.amazonaws.com"];
