//! Findings of the master about its workers; their rules are built in.

use super::NewestRules;
use dial_core::finding::{Account, EventRef, Finding, Principal, Resource, RuleRef, Source};
use dial_core::store::fleet::Member;
use dial_core::wire::WorkerInfo;
use dial_core::{Severity, WorkerId, id::Identity};
use jiff::Timestamp;
use serde_json::{Map, json};

/// Source of the events that the master makes itself.
const SOURCE: &str = "dial";
/// Type of the resource that such a finding is about.
const RESOURCE: &str = "DIAL::Worker";

struct Rule {
    id: &'static str,
    name: &'static str,
    title: &'static str,
    version: &'static str,
    severity: Severity,
    event: &'static str,
    attack: &'static [&'static str],
}

static SILENT: Rule = Rule {
    id: "5d0f2c0e-3f0a-4f53-8c56-64a5c7a1be10",
    name: "worker_silent",
    title: "A worker is silent: its account and region are not watched",
    version: "2026-11-21",
    severity: Severity::High,
    event: "WorkerSilent",
    attack: &["T1562.008"],
};

static OLD_RULES: Rule = Rule {
    id: "0a8a4c41-52de-4c55-9d0f-8f1c6b9c7d22",
    name: "worker_rules_old",
    title: "A worker runs rules that were replaced",
    version: "2026-11-21",
    severity: Severity::Medium,
    event: "WorkerRulesOld",
    attack: &[],
};

/// One silence gives one finding: its id depends on the worker and its last heartbeat.
pub(super) fn silent(member: &Member, worker: &WorkerId, now: Timestamp) -> Finding {
    let last = member.last_at;
    let heard = if member.heartbeat.is_some() {
        format!("was heard last at {last:.0}")
    } else {
        format!("is expected since {last:.0} and was never heard")
    };
    let explanation = format!(
        "Worker {worker} {heard}. Nothing that happens in this account and region is judged by it \
         meanwhile. Look whether its function, its schedule, its event rules and its key are there."
    );
    let event = format!("{worker}/{last}");
    finding(&SILENT, member, worker, &event, explanation, now)
}

/// One finding for each pair of rules: those that it runs and those that it should.
pub(super) fn old_rules(
    member: &Member,
    worker: &WorkerId,
    newest: &NewestRules<'_>,
    now: Timestamp,
) -> Finding {
    let runs = member.rules().unwrap_or_default();
    let (hash, since) = (newest.hash, newest.since);
    let explanation = format!(
        "Worker {worker} runs rules {runs}; the newest ones, {hash}, are in use since {since:.0}. \
         Deploy them there too, or the same event is judged differently by place."
    );
    let event = format!("{worker}/{runs}/{hash}");
    let mut finding = finding(&OLD_RULES, member, worker, &event, explanation, now);
    finding.facts.insert("newest_rules".into(), json!(hash));
    finding
}

fn finding(
    rule: &Rule,
    member: &Member,
    worker: &WorkerId,
    event: &str,
    explanation: String,
    now: Timestamp,
) -> Finding {
    let (account, region) = (worker.account.as_str(), worker.region.as_str());
    let resource = Resource {
        kind: RESOURCE.to_owned(),
        arn: None,
        name: worker.to_string(),
    };
    let key = format!("{RESOURCE}/{worker}");
    let id = Identity {
        rule: rule.id,
        account,
        region,
        event,
        resource: &key,
    };
    let mut facts = Map::new();
    facts.insert("last_heard".into(), json!(member.last_at));
    facts.insert("rules".into(), json!(member.rules()));
    Finding {
        id: id.id(),
        rule: RuleRef {
            id: rule.id.to_owned(),
            name: rule.name.to_owned(),
            title: rule.title.to_owned(),
            version: rule.version.to_owned(),
        },
        severity: rule.severity,
        severity_changes: Vec::new(),
        title: format!("{} ({worker})", rule.title),
        explanation,
        matched: Vec::new(),
        account: Account {
            id: account.to_owned(),
            name: None,
        },
        region: region.to_owned(),
        time: now,
        detected_at: now,
        event: EventRef {
            id: event.to_owned(),
            source: SOURCE.to_owned(),
            name: rule.event.to_owned(),
            kind: "DIAL Worker Health".to_owned(),
            read_only: None,
            error_code: None,
        },
        principal: Principal::default(),
        source: Source::default(),
        resources: vec![resource],
        facts,
        attack: rule.attack.iter().map(ToString::to_string).collect(),
        references: Vec::new(),
        incomplete: Vec::new(),
        record: None,
        record_ref: None,
        suppressed: None,
        worker: judged_by(member, worker),
    }
}

fn judged_by(member: &Member, worker: &WorkerId) -> WorkerInfo {
    let said = member.heartbeat.as_ref().map(|beat| beat.worker.clone());
    said.unwrap_or_else(|| WorkerInfo {
        account: worker.account.to_string(),
        region: worker.region.to_string(),
        version: String::new(),
        rules: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::member;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + seconds).unwrap()
    }

    #[test]
    fn findings_are_valid_and_pinned() {
        let one = member("111122223333/eu-west-1", 0, "0b1f6d1f4b0c9c55", 0);
        let worker = one.worker.parse().unwrap();
        let newest = NewestRules {
            hash: "5f0a4f6f2e3d1c77",
            since: at(-90_000),
        };
        let mut never = one.clone();
        never.heartbeat = None;
        let found = [
            silent(&one, &worker, at(3_600)),
            silent(&never, &worker, at(3_600)),
            old_rules(&one, &worker, &newest, at(3_600)),
        ];
        for finding in &found {
            assert_eq!(finding.validate(), Ok(()));
            assert_eq!(finding.id, finding.expected_id());
        }
        insta::assert_json_snapshot!(found);
    }

    #[test]
    fn a_silence_is_told_once_and_the_next_one_again() {
        let one = member("111122223333/eu-west-1", 0, "a", 0);
        let later = member("111122223333/eu-west-1", 1, "a", 0);
        let worker = one.worker.parse().unwrap();
        let first = silent(&one, &worker, at(3_600)).id;
        assert_eq!(silent(&one, &worker, at(7_200)).id, first);
        assert_ne!(silent(&later, &worker, at(7_200)).id, first);
    }
}
