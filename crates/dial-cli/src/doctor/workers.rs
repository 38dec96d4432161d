//! The check of what only a running master knows: which workers were heard.

use super::checks::{Check, State};
use crate::findings::{Client, PerhapsMaster};
use dial_master::api::WorkerList;
use dial_master::fleet::Health;

/// Asks a master about its workers, where one is named; `roots` are the numbers of its root keys.
pub(super) async fn examine(master: &PerhapsMaster, roots: &[u32]) -> Check {
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
    told(&list, roots)
}

async fn ask(client: &Client) -> anyhow::Result<Option<WorkerList>> {
    client.get(&["v1", "workers"], &[]).await
}

fn told(list: &WorkerList, roots: &[u32]) -> Check {
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
    if let Some(check) = still_on_an_old_key(list, roots) {
        return check;
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

/// While two root keys are live, who has no key of the newest yet.
fn still_on_an_old_key(list: &WorkerList, roots: &[u32]) -> Option<Check> {
    let newest = *roots.iter().max().filter(|_| roots.len() > 1)?;
    let old = |root: Option<u32>| root.is_some_and(|root| root != newest);
    let those = list.workers.iter().filter(|line| old(line.member.root_key));
    let names: Vec<&str> = those.map(|line| line.member.worker.as_str()).collect();
    (!names.is_empty()).then(|| {
        Check::warn(
            "workers",
            format!(
                "sign by an older root key than {newest}: {}",
                names.join(", ")
            ),
            "give them new keys before the old root key is retired (docs/guides/rotate-keys.md)",
        )
    })
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
            let check = told(&serde_json::from_value(list).unwrap(), &[1]);
            assert_eq!(
                (check.state, check.said.as_str()),
                (state, said),
                "{healths:?}"
            );
        }
    }

    /// Live root keys, those that workers sign by, and what is told.
    type Case<'c> = (&'c [u32], &'c [Option<u32>], Option<&'c str>);

    #[test]
    fn who_signs_by_an_old_root_key_is_told_while_two_are_live() {
        let line = |(n, root): (usize, &Option<u32>)| {
            let time = "2026-05-01T10:00:00Z";
            json!({
                "health": "ok", "silent_seconds": 1, "worker": format!("w{n}"),
                "first_at": time, "last_at": time, "rules_since": time, "clock_ahead": 0,
                "totals": {}, "root_key": root,
            })
        };
        let cases: [Case<'_>; 4] = [
            (&[1], &[Some(1)], None),
            (&[1, 2], &[Some(2), None], None),
            (
                &[1, 2],
                &[Some(1), Some(2), Some(1)],
                Some("sign by an older root key than 2: w0, w2"),
            ),
            (&[], &[Some(1)], None),
        ];
        for (roots, workers, expected) in cases {
            let workers: Vec<_> = workers.iter().enumerate().map(line).collect();
            let list = json!({ "workers": workers, "silent_after_seconds": 1_800 });
            let check = told(&serde_json::from_value(list).unwrap(), roots);
            let said = (check.state == State::Warn).then_some(check.said.as_str());
            assert_eq!(said, expected, "{roots:?}");
        }
    }
}
