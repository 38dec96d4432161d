//! The check of what only a running master knows: which workers were heard.

use super::checks::{Check, State};
use crate::findings::{Client, PerhapsMaster};
use dial_master::api::WorkerList;
use dial_master::fleet::Health;

/// Asks a master about its workers, where one is named.
pub(super) async fn examine(master: &PerhapsMaster) -> Check {
    let client = match master.client() {
        Ok(Some(client)) => client,
        Ok(None) => {
            let said = "not asked: no master is named by --url (DIAL_URL)";
            return Check::new(State::Skipped, "workers", said);
        }
        Err(error) => return Check::warn("workers", format!("{error:#}"), "correct --url"),
    };
    let fix = "check --url (DIAL_URL) and --token (DIAL_TOKEN), and that `dial serve` runs";
    let list = match ask(&client).await {
        Ok(Some(list)) => list,
        Ok(None) => return Check::warn("workers", "the address has no /v1/workers", fix),
        Err(error) => return Check::warn("workers", format!("{error:#}"), fix),
    };
    told(&list)
}

async fn ask(client: &Client) -> anyhow::Result<Option<WorkerList>> {
    client.get(&["v1", "workers"], &[]).await
}

fn told(list: &WorkerList) -> Check {
    let named = |health| {
        let those = list.workers.iter().filter(|line| line.health == health);
        let names: Vec<&str> = those.map(|line| line.member.worker.as_str()).collect();
        names.join(", ")
    };
    let (silent, old, off) = (
        named(Health::Silent),
        named(Health::OldRules),
        named(Health::ClockOff),
    );
    let count = list.workers.len();
    if !silent.is_empty() {
        let minutes = list.silent_after_seconds / 60;
        return Check::fail(
            "workers",
            format!("silent for more than {minutes} min: {silent}"),
            "nothing is watched there: look at the function's log and its schedule, and at its key",
        );
    }
    if !off.is_empty() {
        let fix = "its signatures will be refused: mend the clock of the machine that runs it";
        return Check::warn("workers", format!("clock is off: {off}"), fix);
    }
    if !old.is_empty() {
        let fix = "deploy the newest rules there";
        return Check::warn("workers", format!("old rules: {old}"), fix);
    }
    match count {
        0 => Check::warn(
            "workers",
            "none was heard yet",
            "deploy one, or have its schedule ask for heartbeats (docs/guides/workers.md)",
        ),
        1 => Check::good("workers", "1 was heard lately"),
        count => Check::good("workers", format!("{count} were heard lately")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_worst_worker_is_told() {
        let cases: [(&[&str], State, &str); 6] = [
            (&[], State::Warn, "none was heard yet"),
            (&["ok"], State::Ok, "1 was heard lately"),
            (&["ok", "ok"], State::Ok, "2 were heard lately"),
            (&["ok", "old_rules"], State::Warn, "old rules: w1"),
            (&["clock_off", "old_rules"], State::Warn, "clock is off: w0"),
            (
                &["silent", "ok", "silent"],
                State::Fail,
                "silent for more than 30 min: w0, w2",
            ),
        ];
        for (healths, state, said) in cases {
            let line = |(n, health): (usize, &&str)| {
                let time = "2026-05-01T10:00:00Z";
                json!({
                    "health": health, "silent_seconds": 1, "worker": format!("w{n}"),
                    "first_at": time, "last_at": time, "rules_since": time, "clock_ahead": 0,
                    "totals": {},
                })
            };
            let workers: Vec<_> = healths.iter().enumerate().map(line).collect();
            let list = json!({ "workers": workers, "silent_after_seconds": 1_800 });
            let check = told(&serde_json::from_value(list).unwrap());
            assert_eq!(
                (check.state, check.said.as_str()),
                (state, said),
                "{healths:?}"
            );
        }
    }
}
