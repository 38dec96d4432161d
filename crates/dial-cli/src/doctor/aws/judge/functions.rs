//! What the state of a function means.

use super::super::super::checks::Check;
use super::{TERRAFORM, preferred};
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

#[cfg(test)]
mod tests {
    use super::super::super::super::checks::State;
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
}
