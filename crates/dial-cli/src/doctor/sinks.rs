//! The checks of what is reached over HTTP: every sink, and by their answers this machine's clock.

use super::checks::{Check, State};
use dial_aws::{AwsSigner, Clients};
use dial_core::ports::Secrets;
use dial_master::config::Master;
use dial_master::deliver::executor::Executor;
use dial_master::deliver::probe::probe;
use dial_master::deliver::transport::{Http, TransportError};
use dial_master::sinks::{Health, HealthState, SinkSettings, Sinks};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// From here on signatures of workers are refused, and of Slack.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(300);
/// Clocks that are kept by NTP differ by far less.
const KEPT: SignedDuration = SignedDuration::from_secs(30);

/// Looks at every sink, one after the other, and then at the clock.
pub(super) async fn examine(
    config: &Master,
    clients: &Clients,
    secrets: &dyn Secrets,
) -> Result<Vec<Check>, TransportError> {
    let http = Http::new(config.guard())?;
    let signer = Arc::new(AwsSigner::new(clients.clone()));
    let executor = Executor::new(http.clone(), signer);
    let mut found = Vec::new();
    for (name, settings) in &config.sinks {
        let alone = BTreeMap::from([(name.clone(), settings.clone())]);
        found.push(match build(config, &alone, secrets).await {
            Err(check) => check,
            Ok(sinks) => match sinks.get(name) {
                Some(sink) => told(name, sink.kind, &probe(sink, &executor).await),
                None => Check::new(State::Skipped, name, "is not there"),
            },
        });
    }
    found.push(clock(http.skew()));
    Ok(found)
}

/// One sink alone, so that what is wrong with another does not hide how it is.
async fn build(
    config: &Master,
    alone: &BTreeMap<String, SinkSettings>,
    secrets: &dyn Secrets,
) -> Result<Sinks, Check> {
    let built = Sinks::build(alone, secrets, config.guard()).await;
    built.map_err(|problems| {
        let told: Vec<String> = problems
            .iter()
            .map(|(path, message)| format!("master.{path}: {message}"))
            .collect();
        let name = alone.keys().next().map_or("", String::as_str);
        let fix = "correct the settings, or let the master read the secret";
        Check::fail(&format!("sink {name}"), told.join("; "), fix)
    })
}

fn told(name: &str, kind: &str, health: &Health) -> Check {
    let name = format!("sink {name}");
    let said = format!("{kind}: {}", health.note);
    let fix = "see the section of its type in docs/guides/sinks.md, then look again";
    match health.state {
        HealthState::Good => Check::good(&name, said),
        HealthState::NotProbed => Check::new(
            State::Skipped,
            &name,
            format!("{kind}: not probed, {}", health.note),
        ),
        HealthState::Unclear => Check::warn(&name, said, "look again in a minute"),
        HealthState::Refused => Check::fail(&name, said, fix),
    }
}

/// The sinks' answers say what time it is elsewhere.
fn clock(skew: Option<SignedDuration>) -> Check {
    judged("clock", "the sinks' clocks", skew)
}

/// The answers of a service say what time it is there.
pub(super) fn clock_of(who: &str, skew: Option<SignedDuration>) -> Check {
    judged(
        &format!("clock of {who}"),
        &format!("the clock of {who}"),
        skew,
    )
}

fn judged(name: &str, whose: &str, skew: Option<SignedDuration>) -> Check {
    let Some(skew) = skew else {
        let said = "no answer told the time elsewhere";
        return Check::new(State::Skipped, name, said);
    };
    let way = if skew.is_negative() {
        "ahead"
    } else {
        "behind"
    };
    let apart = skew.abs();
    let said = format!("{} s {way} of {whose}", apart.as_secs());
    let fix = "keep this machine's clock by NTP (chrony, systemd-timesyncd)";
    if apart >= TOLERANCE {
        Check::fail(name, format!("{said}: every signature is refused"), fix)
    } else if apart >= KEPT {
        Check::warn(name, said, fix)
    } else {
        Check::good(name, format!("agrees with {whose}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_a_little() {
        let cases = [
            (None, State::Skipped),
            (Some(0), State::Ok),
            (Some(-29), State::Ok),
            (Some(30), State::Warn),
            (Some(-299), State::Warn),
            (Some(300), State::Fail),
            (Some(-86_400), State::Fail),
        ];
        for (seconds, expected) in cases {
            let check = clock(seconds.map(SignedDuration::from_secs));
            assert_eq!(check.state, expected, "{seconds:?}");
            assert_eq!(
                check.fix.is_some(),
                expected == State::Warn || expected == State::Fail
            );
        }
    }

    #[test]
    fn health_becomes_a_state_with_a_fix() {
        let cases = [
            (HealthState::Good, State::Ok),
            (HealthState::NotProbed, State::Skipped),
            (HealthState::Unclear, State::Warn),
            (HealthState::Refused, State::Fail),
        ];
        for (state, expected) in cases {
            let note = "x".to_owned();
            assert_eq!(told("a", "slack", &Health { state, note }).state, expected);
        }
    }
}
