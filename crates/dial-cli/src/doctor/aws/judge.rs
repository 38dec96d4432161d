//! What the state of table, buckets, keys, trails and functions means; pure.

use super::super::checks::{Check, State};
use dial_aws::survey::{
    BucketState, FunctionState, Right, SecretState, SurveyError, TableState, Trail,
};
use jiff::{SignedDuration, Timestamp};

const TERRAFORM: &str = "apply the Terraform module again; see `terraform plan`";
/// A root key that is older than this is due.
const KEY_AGE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// One line for each thing that a table must have.
pub(super) fn table(table: Option<TableState>) -> Vec<Check> {
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
pub(super) fn rights(rights: &[Right]) -> Vec<Check> {
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
pub(super) fn bucket(name: &str, bucket: &BucketState) -> Vec<Check> {
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

/// How old a root key is.
pub(super) fn key(name: &str, secret: &SecretState, now: Timestamp) -> Vec<Check> {
    let name = format!("{name} age");
    if secret.deleted {
        let said = "is about to be deleted";
        return vec![Check::fail(
            &name,
            said,
            "aws secretsmanager restore-secret",
        )];
    }
    let Some(changed) = secret.changed else {
        let fix = "put what `dial keys new` prints";
        return vec![Check::fail(&name, "has no value", fix)];
    };
    let age = now.duration_since(changed);
    let days = age.as_hours() / 24;
    let fix = "rotate it: docs/guides/rotate-keys.md";
    vec![preferred(
        age <= KEY_AGE,
        &name,
        &format!("{days} days"),
        &format!("{days} days, more than a year"),
        fix,
    )]
}

/// Two live keys are a rotation under way.
pub(super) fn rotation(keys: usize) -> Option<Check> {
    let said = format!("{keys} root keys are live");
    let fix =
        "when every worker signs with the new key, remove the old one: docs/guides/rotate-keys.md";
    (keys > 1).then(|| Check::warn("rotation", said, fix))
}

/// One trail must record all of what rules look at; `home` is where global services record.
pub(super) fn trails(trails: &[Trail], reads: bool, home: bool) -> Check {
    let name = "trail";
    let on: Vec<&Trail> = trails.iter().filter(|trail| trail.logging).collect();
    let fix = "switch on a multi-region trail of all management events, best for the organisation";
    let Some(best) = on
        .iter()
        .max_by_key(|t| (t.writes, t.reads, t.multi_region))
    else {
        let said = match trails.first() {
            None => "there is none: EventBridge gets no API calls".to_owned(),
            Some(off) => format!(
                "{} is switched off: EventBridge gets no API calls",
                off.name
            ),
        };
        return Check::fail(name, said, fix);
    };
    let any = |of: fn(&Trail) -> bool| on.iter().any(|trail| of(trail));
    if !any(|trail| trail.writes) {
        let said = format!("{} leaves out management events that write", best.name);
        return Check::fail(name, said, fix);
    }
    if home && !any(|trail| trail.global_services && trail.writes) {
        let said = format!(
            "{} leaves out global services: IAM and others go unseen",
            best.name
        );
        return Check::fail(name, said, fix);
    }
    if reads && !any(|trail| trail.reads) {
        let said = format!(
            "{} leaves out reading calls, which some rules look at",
            best.name
        );
        return Check::warn(name, said, "record read events, too");
    }
    if !any(|trail| trail.multi_region) {
        let said = format!("{} records this region only", best.name);
        return Check::warn(name, said, fix);
    }
    if let Some(broken) = on.iter().find(|trail| !trail.delivery_error.is_empty()) {
        let said = format!(
            "{} does not reach its bucket: {}",
            broken.name, broken.delivery_error
        );
        return Check::warn(
            name,
            said,
            "mend the bucket's policy, or past events cannot be scanned",
        );
    }
    Check::good(name, format!("{} is on, in every region", best.name))
}

/// Whether the worker's function can run, and keeps what it cannot do.
pub(super) fn function(name: &str, state: Option<&FunctionState>) -> Vec<Check> {
    let Some(state) = state else {
        let said = format!("{name} is not in this account and region");
        return vec![Check::fail("function", said, TERRAFORM)];
    };
    let runs = match (state.state.as_str(), state.reserved) {
        (_, Some(0)) => Check::fail(
            "function",
            format!("{name} is stopped: no instance is allowed"),
            "somebody set its concurrency to 0; look who, then apply the Terraform module again",
        ),
        ("Active" | "Inactive", _) => Check::good("function", format!("{name} is there")),
        (other, _) => {
            let said = format!("{name} is {other}: {}", state.reason);
            Check::fail("function", said, TERRAFORM)
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn trail() -> Trail {
        Trail {
            name: "main".into(),
            multi_region: true,
            global_services: true,
            logging: true,
            writes: true,
            reads: true,
            delivery_error: String::new(),
        }
    }

    #[test]
    fn a_trail_must_be_on_and_whole() {
        let off = Trail {
            logging: false,
            ..trail()
        };
        let no_writes = Trail {
            writes: false,
            ..trail()
        };
        let no_reads = Trail {
            reads: false,
            ..trail()
        };
        let one_region = Trail {
            multi_region: false,
            ..trail()
        };
        let no_globals = Trail {
            global_services: false,
            ..trail()
        };
        let broken = Trail {
            delivery_error: "AccessDenied".into(),
            ..trail()
        };
        let cases = [
            (vec![trail()], State::Ok),
            (vec![], State::Fail),
            (vec![off.clone()], State::Fail),
            (vec![off, trail()], State::Ok),
            (vec![no_writes.clone()], State::Fail),
            (vec![no_writes, trail()], State::Ok),
            (vec![no_reads], State::Warn),
            (vec![one_region], State::Warn),
            (vec![no_globals], State::Fail),
            (vec![broken], State::Warn),
        ];
        for (given, expected) in cases {
            assert_eq!(trails(&given, true, true).state, expected, "{given:?}");
        }
    }

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
            let checks = function("dial-worker", state.as_ref());
            assert_eq!(checks[0].state, expected, "{state:?}");
        }
        let nowhere = FunctionState {
            state: "Active".into(),
            ..FunctionState::default()
        };
        assert_eq!(
            function("dial-worker", Some(&nowhere))[1].state,
            State::Warn
        );
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

    #[test]
    fn keys_grow_old() {
        let now = Timestamp::from_second(1_900_000_000).unwrap();
        let days = |days: i64| SecretState {
            changed: Some(now - SignedDuration::from_hours(24 * days)),
            deleted: false,
        };
        let cases = [
            (days(0), State::Ok),
            (days(365), State::Ok),
            (days(366), State::Warn),
            (
                SecretState {
                    deleted: true,
                    ..days(1)
                },
                State::Fail,
            ),
            (SecretState::default(), State::Fail),
        ];
        for (secret, expected) in cases {
            assert_eq!(
                key("root key 1", &secret, now)[0].state,
                expected,
                "{secret:?}"
            );
        }
        assert!(rotation(1).is_none());
        assert_eq!(rotation(2).map(|check| check.state), Some(State::Warn));
    }
}
