//! What a policy grants, and to whom: one evaluator for every service.
//!
//! `Deny` statements are left out: whether one removes a grant for every caller depends on
//! conditions that the event does not show, and a grant reported too often beats one missed.

mod condition;
mod glob;
mod grants;
mod principal;
mod resource;
mod statement;
mod web_identity;

pub use grants::{Grants, grants};
pub(super) use principal::account_of;
pub use resource::{Access, access};
pub use statement::Flag;

#[cfg(test)]
mod tests;
