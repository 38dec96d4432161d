//! Facts about resource policies, the same for every service that has them.

use super::policy::{Access, access};
use super::{Facts, Known};
use crate::normalise::document::Document;
use serde_json::Value;

/// States what a policy gives to others, below `<prefix>`, such as `s3.policy`.
///
/// A call without a policy has no such facts; an unreadable one is `unknown`, never private.
pub(super) fn state(prefix: &str, policy: &Document<'_>, known: &Known<'_>, facts: &mut Facts) {
    let judged = match policy {
        Document::Absent => return,
        Document::Unknown(why) => Err(*why),
        Document::Known(map) => access(map, known).ok_or("the policy has no statement"),
    };
    match judged {
        Ok(access) => state_access(prefix, &access, facts),
        Err(why) => {
            facts.set(&format!("{prefix}.unknown"), true);
            facts.say(format!("the policy could not be judged: {why}"));
        }
    }
}

fn state_access(prefix: &str, access: &Access, facts: &mut Facts) {
    facts.set(&format!("{prefix}.unknown"), false);
    facts.set(&format!("{prefix}.public"), access.public);
    facts.set(&format!("{prefix}.external"), access.external);
    facts.set(&format!("{prefix}.admin"), access.admin);
    facts.set(&format!("{prefix}.writes"), access.writes);
    facts.set(&format!("{prefix}.any_subject"), access.any_subject);
    let accounts: Value = access.accounts.iter().cloned().collect();
    facts.set(&format!("{prefix}.accounts"), accounts);
    let statements: Value = access
        .statements
        .iter()
        .map(super::policy::Flag::to_value)
        .collect();
    facts.set(&format!("{prefix}.statements"), statements);
    for flag in &access.statements {
        facts.say(flag.sentence());
    }
}
