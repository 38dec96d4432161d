//! What the state of a function and the rights of its role mean.

use super::super::super::checks::{Check, State};
use super::{TERRAFORM, preferred};
use crate::terminal::count;
use dial_aws::survey::FunctionState;

/// Whether a function can run.
pub(in super::super) fn runs(line: &str, name: &str, state: Option<&FunctionState>) -> Check {
    let Some(state) = state else {
        let said = format!("{name} is not in this account and region");
        return Check::fail(line, said, TERRAFORM);
    };
    match (state.state.as_str(), state.reserved) {
        (_, Some(0)) => Check::fail(
            line,
            format!("{name} is stopped: no instance is allowed"),
            "somebody set its concurrency to 0; look who, then apply the Terraform module again",
        ),
        ("Active" | "Inactive", _) => Check::good(line, format!("{name} is there")),
        (other, _) => {
            let said = format!("{name} is {other}: {}", state.reason);
            Check::fail(line, said, TERRAFORM)
        }
    }
}

/// Whether the worker's function can run, and keeps what it cannot do.
pub(in super::super) fn worker(name: &str, state: Option<&FunctionState>) -> Vec<Check> {
    let runs = runs("function", name, state);
    let Some(state) = state else {
        return vec![runs];
    };
    let lost = "goes nowhere: it is lost after Lambda's own retries";
    let kept = preferred(
        state.on_failure.is_some(),
        "what fails",
        "is kept",
        lost,
        TERRAFORM,
    );
    vec![runs, kept]
}

/// Whether the role of a function lets it do what it needs, of which there are so many actions; what
/// could not be looked up is unknown.
pub(in super::super) fn rights(
    name: &str,
    needed: usize,
    missing: &[String],
    unknown: &[String],
) -> Check {
    let line = format!("rights {name}");
    if !missing.is_empty() {
        let said = format!("its role does not allow {}", missing.join(", "));
        let fix = "apply the Terraform module again, and look for a policy that denies it";
        return Check::fail(&line, said, fix);
    }
    let needed = count(needed as u64, "action");
    if unknown.is_empty() {
        return Check::good(&line, format!("its role allows the {needed} it needs"));
    }
    let said = format!(
        "its role allows {needed} that it needs; not judged: {}",
        unknown.join("; ")
    );
    Check {
        fix: Some(
            "name secrets that are there, and look with a role that may describe them".into(),
        ),
        ..Check::new(State::Skipped, &line, said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_must_be_allowed_to_run() {
        let good = FunctionState {
            state: "Active".into(),
            on_failure: Some("arn:aws:s3:::letters".into()),
            ..FunctionState::default()
        };
        let cases = [
            (Some(good.clone()), State::Ok),
            (
                Some(FunctionState {
                    state: "Inactive".into(),
                    ..good.clone()
                }),
                State::Ok,
            ),
            (
                Some(FunctionState {
                    reserved: Some(0),
                    ..good.clone()
                }),
                State::Fail,
            ),
            (
                Some(FunctionState {
                    state: "Failed".into(),
                    ..good
                }),
                State::Fail,
            ),
            (None, State::Fail),
        ];
        for (state, expected) in cases {
            let checks = worker("dial-worker", state.as_ref());
            assert_eq!(checks[0].state, expected, "{state:?}");
        }
        let nowhere = FunctionState {
            state: "Active".into(),
            ..FunctionState::default()
        };
        assert_eq!(worker("dial-worker", Some(&nowhere))[1].state, State::Warn);
    }

    #[test]
    fn what_a_role_does_not_allow_is_named() {
        let missing = ["s3:PutObject on arn:aws:s3:::b/letters/x".to_owned()];
        let unknown = ["secret dial/x: no such secret".to_owned()];
        let cases: [(&[String], &[String], State); 4] = [
            (&[], &[], State::Ok),
            (&[], &unknown, State::Skipped),
            (&missing, &[], State::Fail),
            (&missing, &unknown, State::Fail),
        ];
        for (missing, unknown, expected) in cases {
            let check = rights("dial-worker", 4, missing, unknown);
            assert_eq!(check.state, expected, "{}", check.said);
            let named = missing.first().or(unknown.first());
            assert!(
                named.is_none_or(|it| check.said.contains(it)),
                "{}",
                check.said
            );
        }
    }
}
