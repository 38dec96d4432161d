//! What the state of the table and of a bucket means.

use super::super::super::checks::{Check, State};
use super::{TERRAFORM, preferred, wanted};
use dial_aws::survey::{BucketState, Right, SurveyError, TableState};

/// One line for each thing that a table must have.
pub(in super::super) fn table(table: Option<TableState>) -> Vec<Check> {
    let Some(table) = table else {
        let said = "there is no such table in this account and region";
        return vec![Check::fail("table", said, TERRAFORM)];
    };
    let indexes = match table.missing_indexes.as_slice() {
        [] => Check::good("table indexes", "all are there and active"),
        missing => {
            let said = format!("not there or not active: {}", missing.join(", "));
            Check::fail("table indexes", said, TERRAFORM)
        }
    };
    let stream = "is off: deliveries wait for the sweep of each minute";
    let ttl = "is off: nothing is ever forgotten";
    let recovery = "is off: what is deleted or overwritten is gone";
    let protected = "is off: one call deletes every finding";
    vec![
        wanted(
            table.active,
            "table",
            "is active",
            "is not active",
            TERRAFORM,
        ),
        indexes,
        wanted(
            table.stream,
            "table stream",
            "shows new images",
            stream,
            TERRAFORM,
        ),
        wanted(table.ttl, "table TTL", "is on", ttl, TERRAFORM),
        wanted(
            table.recovery,
            "table recovery",
            "to any moment is on",
            recovery,
            TERRAFORM,
        ),
        preferred(
            table.protected,
            "table protection",
            "is on",
            protected,
            "set deletion_protection = true",
        ),
    ]
}

/// Whether this identity may write as the master does.
pub(in super::super) fn own_rights(rights: &[Right]) -> Vec<Check> {
    let missing: Vec<&str> = rights
        .iter()
        .filter(|right| !right.allowed)
        .map(|right| right.action)
        .collect();
    let said = format!("this identity may not {}", missing.join(", "));
    let fix = "the master's role needs it; if you are not that role, look with it";
    vec![preferred(
        missing.is_empty(),
        "table rights",
        "this identity may write (tried on a condition that cannot hold)",
        &said,
        fix,
    )]
}

/// One line for each thing that a bucket must have.
pub(in super::super) fn bucket(name: &str, bucket: &BucketState) -> Vec<Check> {
    let line = |what: &str| format!("{name} {what}");
    let lifecycle = "has no rule: dead letters stay for ever";
    vec![
        wanted(
            bucket.blocked,
            &line("access"),
            "public access is blocked",
            "public access is not blocked in all four ways",
            "aws s3api put-public-access-block, or apply the Terraform module again",
        ),
        wanted(
            bucket.encrypted,
            &line("encryption"),
            "is on",
            "is not set",
            TERRAFORM,
        ),
        versions(&line("versions"), &bucket.versioned),
        preferred(
            bucket.lifecycle,
            &line("lifecycle"),
            "tidies up",
            lifecycle,
            TERRAFORM,
        ),
    ]
}

fn versions(name: &str, versioned: &Result<bool, SurveyError>) -> Check {
    let lost = "are not kept: what is overwritten is gone";
    match versioned {
        Ok(kept) => preferred(*kept, name, "are kept", lost, TERRAFORM),
        Err(error) => {
            let said = format!("could not be asked: {error}");
            Check::new(State::Skipped, name, said)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_of_a_table_has_its_line() {
        let good = TableState {
            active: true,
            missing_indexes: Vec::new(),
            stream: true,
            ttl: true,
            recovery: true,
            protected: true,
        };
        let states = |state: TableState| table(Some(state)).into_iter().map(|check| check.state);
        assert!(states(good.clone()).all(|state| state == State::Ok));
        let faults = [
            (
                TableState {
                    active: false,
                    ..good.clone()
                },
                State::Fail,
            ),
            (
                TableState {
                    missing_indexes: vec!["by_due".into()],
                    ..good.clone()
                },
                State::Fail,
            ),
            (
                TableState {
                    stream: false,
                    ..good.clone()
                },
                State::Fail,
            ),
            (
                TableState {
                    ttl: false,
                    ..good.clone()
                },
                State::Fail,
            ),
            (
                TableState {
                    recovery: false,
                    ..good.clone()
                },
                State::Fail,
            ),
            (
                TableState {
                    protected: false,
                    ..good
                },
                State::Warn,
            ),
        ];
        for (fault, expected) in faults {
            let wrong: Vec<_> = states(fault.clone())
                .filter(|it| *it != State::Ok)
                .collect();
            assert_eq!(wrong, [expected], "{fault:?}");
        }
        assert_eq!(table(None)[0].state, State::Fail);
    }

    #[test]
    fn each_fault_of_a_bucket_has_its_line() {
        let good = BucketState {
            blocked: true,
            encrypted: true,
            versioned: Ok(true),
            lifecycle: true,
        };
        let denied = SurveyError {
            reason: "AccessDenied: no; allow s3:GetBucketVersioning on s3://b".into(),
            code: "AccessDenied".into(),
            denied: true,
            transient: false,
        };
        let cases = [
            (good.clone(), None),
            (
                BucketState {
                    blocked: false,
                    ..good.clone()
                },
                Some(State::Fail),
            ),
            (
                BucketState {
                    encrypted: false,
                    ..good.clone()
                },
                Some(State::Fail),
            ),
            (
                BucketState {
                    versioned: Ok(false),
                    ..good.clone()
                },
                Some(State::Warn),
            ),
            (
                BucketState {
                    versioned: Err(denied),
                    ..good.clone()
                },
                Some(State::Skipped),
            ),
            (
                BucketState {
                    lifecycle: false,
                    ..good
                },
                Some(State::Warn),
            ),
        ];
        for (given, expected) in cases {
            let wrong: Vec<_> = bucket("bucket b", &given)
                .into_iter()
                .map(|check| check.state)
                .filter(|state| *state != State::Ok)
                .collect();
            assert_eq!(wrong, Vec::from_iter(expected), "{given:?}");
        }
    }
}
