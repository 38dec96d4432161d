//! What the rights of a function's role mean.

use super::super::super::checks::{Check, State};
use super::super::rights::Lacks;
use super::super::tell::Unknown;
use crate::terminal::count;
use std::collections::BTreeSet;

const AGAIN: &str = "apply the Terraform module again, and look for a policy that denies it";
const SINKS: &str = "list what the sinks need in `sink_permissions` of the master module \
                     (docs/guides/aws-sinks.md), or give it to the role that is named";
const KEYS: &str = "set the key as `kms_key_arn` of the Terraform module (for a sink: list it in \
                    `sink_permissions`), or see that the key's own policy lets the role in";

/// Whether the role of a function lets it do what it needs, of which there are so many actions.
pub(in super::super) fn rights(
    name: &str,
    needed: usize,
    lacks: &Lacks,
    unknown: &[Unknown],
) -> Check {
    let line = format!("rights {name}");
    let fixes = [(&lacks.own, AGAIN), (&lacks.sinks, SINKS)].into_iter();
    let fixes: Vec<&str> = fixes
        .filter(|(lacks, _)| !lacks.is_empty())
        .map(|(_, fix)| fix)
        .collect();
    if !fixes.is_empty() {
        let missing = [lacks.own.as_slice(), &lacks.sinks].concat().join(", ");
        let said = format!("its role does not allow {missing}");
        return Check::fail(&line, said, fixes.join("; "));
    }
    let needed = count(needed as u64, "action");
    if unknown.is_empty() {
        return Check::good(&line, format!("its role allows the {needed} it needs"));
    }
    let said: Vec<&str> = unknown.iter().map(|it| it.said.as_str()).collect();
    let said = format!(
        "its role allows {needed} that it needs; not judged: {}",
        said.join("; ")
    );
    let fixes: BTreeSet<&str> = unknown.iter().map(|it| it.fix).collect();
    let fixes: Vec<&str> = fixes.into_iter().collect();
    Check {
        fix: Some(fixes.join("; ")),
        ..Check::new(State::Skipped, &line, said)
    }
}

/// Whether the role of a function may use so many keys of KMS.
///
/// What it may not by IAM, a key's own policy may still let it: that is no more than a warning.
pub(in super::super) fn keys_of_role(
    name: &str,
    keys: usize,
    missing: &[String],
    unknown: &[String],
) -> Check {
    let line = format!("keys {name}");
    if !missing.is_empty() {
        let said = format!(
            "its role does not allow {}; only the key's own policy can let it in then, which is not \
             looked at",
            missing.join(", ")
        );
        return Check::warn(&line, said, KEYS);
    }
    let keys = count(keys as u64, "key");
    if unknown.is_empty() {
        let said = format!(
            "its role may use {keys} of KMS; what a key's own policy says is not looked at"
        );
        return Check::good(&line, said);
    }
    let said = format!(
        "its role may use {keys} of KMS; not judged: {}",
        unknown.join("; ")
    );
    Check {
        fix: Some("look with a role that may read this".into()),
        ..Check::new(State::Skipped, &line, said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(said: &str) -> Vec<String> {
        vec![said.to_owned()]
    }

    #[test]
    fn what_a_role_does_not_allow_is_named() {
        let own = || one("s3:PutObject on arn:aws:s3:::b/letters/x");
        let sink = || one("sns:Publish on arn:aws:sns:eu-west-1:111122223333:dial (sink mail)");
        let unknown = Unknown {
            said: "secret dial/x: no such secret".into(),
            fix: "name secrets that are there",
        };
        let lacks = |own, sinks| Lacks { own, sinks };
        let cases = [
            (lacks(vec![], vec![]), vec![], State::Ok, vec![]),
            (
                lacks(vec![], vec![]),
                vec![unknown.clone()],
                State::Skipped,
                vec![unknown.fix],
            ),
            (lacks(own(), vec![]), vec![], State::Fail, vec![AGAIN]),
            (lacks(vec![], sink()), vec![], State::Fail, vec![SINKS]),
            (
                lacks(own(), sink()),
                vec![unknown],
                State::Fail,
                vec![AGAIN, SINKS],
            ),
        ];
        for (lacks, unknown, state, fixes) in cases {
            let check = rights("dial-worker", 4, &lacks, &unknown);
            assert_eq!(check.state, state, "{}", check.said);
            let fix = (!fixes.is_empty()).then(|| fixes.join("; "));
            assert_eq!(check.fix, fix, "{}", check.said);
            let mut named = lacks.own.iter().chain(&lacks.sinks);
            assert!(named.all(|it| check.said.contains(it)), "{}", check.said);
        }
    }

    #[test]
    fn a_key_s_policy_may_let_in_whom_iam_does_not() {
        let missing = one("kms:Decrypt on arn:aws:kms:eu-west-1:111122223333:key/1 (table dial)");
        let unknown = one("bucket b: AccessDenied");
        let cases: [(&[String], &[String], State); 4] = [
            (&[], &[], State::Ok),
            (&[], &unknown, State::Skipped),
            (&missing, &[], State::Warn),
            (&missing, &unknown, State::Warn),
        ];
        for (missing, unknown, expected) in cases {
            let check = keys_of_role("dial-worker", 1, missing, unknown);
            assert_eq!(check.state, expected, "{}", check.said);
            let named = missing.first().or(unknown.first());
            assert!(
                named.is_none_or(|it| check.said.contains(it)),
                "{}",
                check.said
            );
            assert_eq!(check.fix.is_some(), expected != State::Ok);
        }
    }
}
