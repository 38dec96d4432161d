//! The demo's incident: events that we wrote in the shapes of AWS, moved to the present.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// One event and what it is in the story.
pub(super) struct Step {
    /// What happens, for people.
    pub(super) what: &'static str,
    /// Whether an alert must follow; the others are near misses.
    pub(super) alerts: bool,
    json: &'static str,
}

/// An event at the time of the demo.
pub(super) struct Moved {
    /// When it happened.
    pub(super) time: Timestamp,
    /// The region that it belongs to, which chooses the worker.
    pub(super) region: String,
    /// The EventBridge event.
    pub(super) bytes: Vec<u8>,
}

macro_rules! step {
    ($alerts:expr, $file:literal, $what:literal) => {
        Step {
            what: $what,
            alerts: $alerts,
            json: include_str!(concat!("incident/", $file, ".json")),
        }
    };
}

/// The incident, in order.
pub(super) const STEPS: [Step; 19] = [
    step!(
        true,
        "01-who-am-i",
        "a stolen key asks who it is, from an address on a block list"
    ),
    step!(false, "02-own-key-rotated", "a user rotates their own key"),
    step!(
        true,
        "03-key-for-another-user",
        "the stolen key makes a key for another user"
    ),
    step!(
        false,
        "04-read-only-policy-attached",
        "a read-only policy is attached"
    ),
    step!(
        true,
        "05-admin-policy-attached",
        "the other user becomes administrator"
    ),
    step!(
        true,
        "06-mfa-removed",
        "the MFA device of the emergency user is removed"
    ),
    step!(
        false,
        "07-ssh-open-to-own-network",
        "SSH is opened to the own network"
    ),
    step!(
        false,
        "08-web-port-open",
        "a load balancer is opened on port 443"
    ),
    step!(
        true,
        "09-ssh-open-to-the-world",
        "SSH is opened to the world"
    ),
    step!(
        false,
        "10-database-kept-private",
        "a database is kept private"
    ),
    step!(true, "11-database-made-public", "a database is made public"),
    step!(
        false,
        "12-snapshot-shared-with-own-account",
        "a snapshot is shared with a known account"
    ),
    step!(
        true,
        "13-snapshot-shared-with-everyone",
        "a snapshot is shared with everyone, by a user agent full of markup"
    ),
    step!(
        false,
        "14-bucket-shared-with-organization",
        "a bucket is shared with the organisation"
    ),
    step!(
        true,
        "15-bucket-made-public",
        "one statement of a bucket policy lets anyone in"
    ),
    step!(false, "16-trail-started", "a trail is started"),
    step!(
        true,
        "17-trail-stopped",
        "the organisation's trail is stopped"
    ),
    step!(true, "18-guardduty-finding", "GuardDuty notices, too"),
    step!(false, "19-budget-read", "budgets are read"),
];

/// The last event's time in the files.
const END: &str = "2026-05-04T02:22:00Z";

/// All events, moved so that the last one happens at `now`.
pub(super) fn events(now: Timestamp) -> Result<Vec<Moved>> {
    let end: Timestamp = END.parse().context("the incident's end is no time")?;
    // Whole seconds: CloudTrail has no finer ones.
    let shift = SignedDuration::from_secs(now.as_second() - end.as_second());
    STEPS.iter().map(|step| moved(step, shift)).collect()
}

fn moved(step: &Step, shift: SignedDuration) -> Result<Moved> {
    let mut event: Value = serde_json::from_str(step.json)?;
    shift_times(&mut event, shift);
    let text = |name: &str| {
        event[name]
            .as_str()
            .with_context(|| format!("{name} is missing"))
    };
    Ok(Moved {
        time: text("time")?.parse()?,
        region: text("region")?.to_owned(),
        bytes: serde_json::to_vec(&event)?,
    })
}

/// Moves every text that is an RFC 3339 time.
fn shift_times(value: &mut Value, shift: SignedDuration) {
    match value {
        Value::String(text) => {
            let time = text.parse::<Timestamp>().ok();
            if let Some(moved) = time.and_then(|time| time.checked_add(shift).ok()) {
                *text = moved.to_string();
            }
        }
        Value::Array(members) => members
            .iter_mut()
            .for_each(|member| shift_times(member, shift)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|member| shift_times(member, shift)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_end_now_and_keep_their_distances() {
        let now: Timestamp = "2027-01-01T00:00:00.7Z".parse().unwrap();
        let events = events(now).unwrap();
        assert_eq!(events.len(), STEPS.len());
        assert!(events.windows(2).all(|pair| pair[0].time <= pair[1].time));
        let last = events.last().unwrap().time;
        assert_eq!(last.to_string(), "2027-01-01T00:00:00Z");
        let text = String::from_utf8(events[17].bytes.clone()).unwrap();
        assert!(!text.contains("2026-05-04"), "{text}");
        assert!(
            text.contains("\"updatedAt\":\"2026-12-31T23:59:30.412Z\""),
            "{text}"
        );
    }

    #[test]
    fn only_documented_accounts_and_addresses_are_used() {
        for step in &STEPS {
            let mut digits = step.json.split(|c: char| !c.is_ascii_digit());
            let accounts = digits.clone().filter(|run| run.len() == 12);
            for account in accounts {
                assert!(
                    ["111122223333", "444455556666"].contains(&account),
                    "{account}"
                );
            }
            assert!(digits.all(|run| run.len() <= 16), "{}", step.what);
        }
    }
}
