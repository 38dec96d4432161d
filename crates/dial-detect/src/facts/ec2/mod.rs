//! EC2: what the network lets in, and what is shared with other accounts.

mod ingress;
mod network;
mod sharing;

pub(super) use ingress::INGRESS;
pub(super) use network::{NACL, PEERING, ROUTE};
pub(super) use sharing::{IMAGE, SNAPSHOT};

const EC2: &[&str] = &["ec2.amazonaws.com"];
