//! IAM: policies that make administrators, roles that let strangers in, keys for other people.

mod credentials;
mod policy;
mod trust;

pub(super) use credentials::{MFA, OTHER_USER};
pub(super) use policy::{ATTACHED, POLICY};
pub(super) use trust::TRUST;
