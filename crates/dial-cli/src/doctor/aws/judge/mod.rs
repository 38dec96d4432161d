//! What the state of table, buckets, keys, trails and functions means; pure.

mod functions;
mod keys;
mod rights;
mod storage;
mod trails;

pub(super) use functions::{runs, worker};
pub(super) use keys::{key, rotation};
pub(super) use rights::{keys_of_role, rights};
pub(super) use storage::{bucket, own_rights, table};
pub(super) use trails::trails;

use super::super::checks::Check;

const TERRAFORM: &str = "apply the Terraform module again; see `terraform plan`";

fn wanted(good: bool, name: &str, yes: &str, no: &str, fix: &str) -> Check {
    if good {
        Check::good(name, yes)
    } else {
        Check::fail(name, no, fix)
    }
}

fn preferred(good: bool, name: &str, yes: &str, no: &str, fix: &str) -> Check {
    if good {
        Check::good(name, yes)
    } else {
        Check::warn(name, no, fix)
    }
}
