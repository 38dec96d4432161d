//! Whether the deployed event rules are those that the rules in use ask for; pure.

use super::super::checks::Check;
use crate::terminal::count;
use dial_aws::survey::EventRule;
use dial_core::{Region, partition};
use dial_detect::patterns::{Pattern, PatternSet, Scope, State};

const STALE: &str =
    "`dial rules patterns --format json` into the module's event_patterns, then terraform apply";

/// Whether global services record their events here.
pub(super) fn is_home(region: &str) -> bool {
    Region::parse(region).is_ok_and(|region| partition::is_home(&region))
}

/// Whether a pattern wants calls that only read.
pub(super) fn wants_reads(pattern: &Pattern) -> bool {
    pattern.state == State::AllManagementEvents
}

/// A line for each rule that is not as it should be; one line where all are.
pub(super) fn judge(
    deployed: &[EventRule],
    set: &PatternSet,
    name: &str,
    region: &str,
) -> Vec<Check> {
    let wanted: Vec<&Pattern> = set
        .patterns
        .iter()
        .filter(|pattern| pattern.scope == Scope::Regional || is_home(region))
        .collect();
    let mut found: Vec<Check> = wanted
        .iter()
        .filter_map(|pattern| one(deployed, pattern, &format!("{name}-{}", pattern.name)))
        .collect();
    if found.is_empty() {
        let rules = count(wanted.len() as u64, "rule");
        let said = format!(
            "{rules}, equal to what the rules in use ask for ({})",
            set.hash
        );
        found.push(Check::good("event rules", said));
    }
    found.extend(others(deployed, &wanted, name));
    found.push(heartbeat(deployed, &format!("{name}-heartbeat")));
    found
}

fn one(deployed: &[EventRule], pattern: &Pattern, name: &str) -> Option<Check> {
    let line = format!("event rule {name}");
    let Some(rule) = deployed.iter().find(|rule| rule.name == name) else {
        let rules = count(pattern.rules.len() as u64, "rule");
        let said = format!("is not there: {rules} see nothing of it");
        return Some(Check::fail(&line, said, STALE));
    };
    let state = match pattern.state {
        State::Enabled => "ENABLED",
        State::AllManagementEvents => "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
    };
    if rule.state != state {
        let said = format!("is in state {}, must be {state}", rule.state);
        let fix = match pattern.state {
            State::Enabled => format!("aws events enable-rule --name {name}"),
            State::AllManagementEvents => {
                format!(
                    "aws events put-rule --name {name} --state {state} with its pattern, or terraform apply"
                )
            }
        };
        return Some(Check::fail(&line, said, fix));
    }
    if rule.pattern != pattern.pattern {
        let said = "has another pattern than the rules in use ask for";
        return Some(Check::fail(&line, said, STALE));
    }
    if rule.targets.is_empty() {
        return Some(Check::fail(&line, "leads nowhere", "terraform apply"));
    }
    let kept = rule.targets.iter().all(|target| target.has_dead_letters);
    let said = "loses what cannot be handed over: a target has no dead-letter queue";
    (!kept).then(|| Check::warn(&line, said, "terraform apply"))
}

/// Rules of our name that nothing asks for.
fn others(deployed: &[EventRule], wanted: &[&Pattern], name: &str) -> Vec<Check> {
    let ours = |rule: &&EventRule| {
        let rest = rule
            .name
            .strip_prefix(name)
            .and_then(|it| it.strip_prefix('-'));
        let asked = |rest: &str| rest == "heartbeat" || wanted.iter().any(|it| it.name == rest);
        rest.is_some_and(|rest| !asked(rest)) && rule.schedule.is_empty()
    };
    let line = |rule: &EventRule| {
        let said = "is asked for by no rule in use";
        Check::warn(&format!("event rule {}", rule.name), said, STALE)
    };
    deployed.iter().filter(ours).map(line).collect()
}

fn heartbeat(deployed: &[EventRule], name: &str) -> Check {
    let fix = "terraform apply; without it a silent worker looks like a quiet account";
    match deployed.iter().find(|rule| rule.name == name) {
        None => Check::fail("heartbeat", format!("{name} is not there"), fix),
        Some(rule) if rule.state != "ENABLED" => {
            let fix = format!("aws events enable-rule --name {name}");
            Check::fail("heartbeat", format!("{name} is {}", rule.state), fix)
        }
        Some(rule) if rule.targets.is_empty() => {
            Check::fail("heartbeat", format!("{name} leads nowhere"), fix)
        }
        Some(rule) => Check::good("heartbeat", rule.schedule.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::checks::State as Outcome;
    use super::*;
    use dial_aws::survey::Target;
    use dial_detect::patterns::Kind;
    use serde_json::json;

    fn set() -> PatternSet {
        let pattern = |name: &str, state, scope| Pattern {
            name: name.into(),
            kind: Kind::Write,
            state,
            scope,
            pattern: json!({ "source": [name] }),
            rules: vec!["a_rule".into()],
        };
        PatternSet {
            hash: "00".into(),
            rules_hash: "00".into(),
            decoys_hidden: false,
            patterns: vec![
                pattern("global-1", State::Enabled, Scope::UsEast1),
                pattern("reads-1", State::AllManagementEvents, Scope::Regional),
            ],
            prerequisites: Vec::new(),
            undelivered: Vec::new(),
        }
    }

    fn rule(name: &str, state: &str) -> EventRule {
        EventRule {
            name: format!("dial-worker-{name}"),
            state: state.into(),
            pattern: json!({ "source": [name] }),
            schedule: String::new(),
            targets: vec![Target {
                arn: "arn:aws:lambda:us-east-1:111122223333:function:dial-worker".into(),
                has_dead_letters: true,
            }],
        }
    }

    fn deployed() -> Vec<EventRule> {
        let heartbeat = EventRule {
            pattern: serde_json::Value::Null,
            schedule: "rate(5 minutes)".into(),
            ..rule("heartbeat", "ENABLED")
        };
        let reads = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";
        vec![
            rule("global-1", "ENABLED"),
            rule("reads-1", reads),
            heartbeat,
        ]
    }

    type Fault = (&'static str, fn(&mut Vec<EventRule>), &'static str, Outcome);

    #[test]
    fn each_fault_is_told_by_its_rule() {
        let good = judge(&deployed(), &set(), "dial-worker", "us-east-1");
        assert!(
            good.iter().all(|check| check.state == Outcome::Ok),
            "{good:?}"
        );
        let faults: [Fault; 9] = [
            (
                "missing",
                |all| drop(all.remove(0)),
                "event rule dial-worker-global-1",
                Outcome::Fail,
            ),
            (
                "disabled",
                |all| all[0].state = "DISABLED".into(),
                "event rule dial-worker-global-1",
                Outcome::Fail,
            ),
            (
                "no reads",
                |all| all[1].state = "ENABLED".into(),
                "event rule dial-worker-reads-1",
                Outcome::Fail,
            ),
            (
                "other pattern",
                |all| all[1].pattern = json!({}),
                "event rule dial-worker-reads-1",
                Outcome::Fail,
            ),
            (
                "no target",
                |all| all[0].targets.clear(),
                "event rule dial-worker-global-1",
                Outcome::Fail,
            ),
            (
                "no queue",
                |all| all[0].targets[0].has_dead_letters = false,
                "event rule dial-worker-global-1",
                Outcome::Warn,
            ),
            (
                "one more",
                |all| all.push(rule("old-1", "ENABLED")),
                "event rule dial-worker-old-1",
                Outcome::Warn,
            ),
            (
                "no heartbeat",
                |all| drop(all.pop()),
                "heartbeat",
                Outcome::Fail,
            ),
            (
                "heartbeat off",
                |all| all[2].state = "DISABLED".into(),
                "heartbeat",
                Outcome::Fail,
            ),
        ];
        for (what, change, line, expected) in faults {
            let mut rules = deployed();
            change(&mut rules);
            let found = judge(&rules, &set(), "dial-worker", "us-east-1");
            let wrong: Vec<_> = found
                .iter()
                .filter(|check| check.state != Outcome::Ok)
                .collect();
            assert_eq!(wrong.len(), 1, "{what}: {found:?}");
            assert_eq!(
                (wrong[0].name.as_str(), wrong[0].state),
                (line, expected),
                "{what}"
            );
            assert!(wrong[0].fix.is_some(), "{what}");
        }
    }

    #[test]
    fn global_rules_are_asked_for_at_home_only() {
        let elsewhere = &deployed()[1..];
        let found = judge(elsewhere, &set(), "dial-worker", "eu-west-1");
        assert!(
            found.iter().all(|check| check.state == Outcome::Ok),
            "{found:?}"
        );
        let found = judge(elsewhere, &set(), "dial-worker", "us-east-1");
        assert!(found.iter().any(|check| check.state == Outcome::Fail));
    }
}
