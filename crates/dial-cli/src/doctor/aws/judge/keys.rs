//! What the age and the number of root keys mean.

use super::super::super::checks::Check;
use super::preferred;
use dial_aws::survey::SecretState;
use jiff::{SignedDuration, Timestamp};

/// A root key that is older than this is due.
const KEY_AGE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How old a root key is.
pub(in super::super) fn key(name: &str, secret: &SecretState, now: Timestamp) -> Vec<Check> {
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
pub(in super::super) fn rotation(keys: usize) -> Option<Check> {
    let said = format!("{keys} root keys are live");
    let fix =
        "when every worker signs with the new key, remove the old one: docs/guides/rotate-keys.md";
    (keys > 1).then(|| Check::warn("rotation", said, fix))
}

#[cfg(test)]
mod tests {
    use super::super::super::super::checks::State;
    use super::*;

    #[test]
    fn keys_grow_old() {
        let now = Timestamp::from_second(1_900_000_000).unwrap();
        let days = |days: i64| SecretState {
            changed: Some(now - SignedDuration::from_hours(24 * days)),
            ..SecretState::default()
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
