use super::*;
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_777_629_600 + seconds).unwrap()
}

fn request(change: Change, seconds: i64) -> Request {
    let by = Actor {
        who: "analyst".to_owned(),
        door: Door::Api,
    };
    Request {
        change,
        comment: None,
        by,
        at: at(seconds),
    }
}

fn standing(status: Status) -> Triage {
    Triage {
        status,
        assignee: None,
        snoozed_until: (status == Status::Snoozed).then(|| at(100)),
        revision: 3,
    }
}

const STATUSES: [Status; 5] = [
    Status::Open,
    Status::Acknowledged,
    Status::Snoozed,
    Status::Resolved,
    Status::FalsePositive,
];

/// Status afterwards, or `refused`, by change and status before.
#[test]
fn every_change_of_every_state() {
    let snooze = Change::Snooze { until: at(500) };
    let assign = Change::Assign {
        to: Some("soc".to_owned()),
    };
    let comment = Change::Comment {
        text: "seen".to_owned(),
    };
    let refused = "refused";
    // From:         open            acknowledged    snoozed         resolved         false positive
    let table: [(Change, [&str; 5]); 9] = [
        (
            Change::Acknowledge,
            ["acknowledged", refused, "acknowledged", refused, refused],
        ),
        (
            Change::Resolve,
            ["resolved", "resolved", "resolved", refused, refused],
        ),
        (
            Change::FalsePositive,
            [
                "false positive",
                "false positive",
                "false positive",
                refused,
                refused,
            ],
        ),
        (snooze, ["snoozed", "snoozed", "snoozed", refused, refused]),
        (
            assign,
            ["open", "acknowledged", "snoozed", refused, refused],
        ),
        (Change::Assign { to: None }, [refused; 5]),
        (
            comment,
            [
                "open",
                "acknowledged",
                "snoozed",
                "resolved",
                "false positive",
            ],
        ),
        (Change::Reopen, [refused, "open", "open", "open", "open"]),
        (Change::Wake, [refused; 5]),
    ];
    for (change, expected) in table {
        for (status, expected) in STATUSES.into_iter().zip(expected) {
            let before = standing(status);
            let found = decide(&before, &request(change.clone(), 0));
            let word = found
                .as_ref()
                .map_or_else(|_| refused.to_owned(), |c| c.triage.status.to_string());
            assert_eq!(word, expected, "{} of {status}", change.done());
            if let Ok(changed) = found {
                let [line] = &changed.lines[..] else {
                    panic!("{changed:?}")
                };
                assert_eq!(line.before.as_ref(), Some(&before));
                assert_eq!(line.after.as_ref(), Some(&changed.triage));
                assert_eq!(changed.triage.revision, 4);
                let sleeps = changed.triage.status == Status::Snoozed;
                assert_eq!(changed.triage.snoozed_until.is_some(), sleeps);
            }
        }
    }
}

#[test]
fn a_sleep_that_is_over_is_written_down_before_the_change() {
    let asleep = standing(Status::Snoozed);
    let changed = decide(&asleep, &request(Change::Acknowledge, 100)).unwrap();
    let told: Vec<_> = changed
        .lines
        .iter()
        .map(|line| (line.action.as_str(), line.door.as_str(), line.at))
        .collect();
    assert_eq!(
        told,
        [("woke", "clock", at(100)), ("acknowledged", "api", at(100))]
    );
    assert_eq!(
        (changed.triage.status, changed.triage.revision),
        (Status::Acknowledged, 5)
    );
    let late = decide(&asleep, &request(Change::Wake, 160)).unwrap();
    assert_eq!(late.lines.len(), 1);
    assert_eq!(
        (late.lines[0].at, late.triage.status),
        (at(100), Status::Open)
    );
    assert_eq!(asleep.clone().at(at(160)), late.triage);
    assert_eq!(asleep.clone().at(at(99)), asleep);
    let early = decide(&asleep, &request(Change::Wake, 99));
    assert_eq!(early, Err(Refusal::Awake));
}

#[test]
fn odd_requests_are_refused_with_the_reason() {
    let month = 30 * 24 * 3_600;
    let snooze = |seconds| Change::Snooze { until: at(seconds) };
    let assign = |to: &str| Change::Assign {
        to: Some(to.to_owned()),
    };
    let comment = |text: &str| Change::Comment {
        text: text.to_owned(),
    };
    let cases: [(&str, Change, Option<&str>); 13] = [
        (
            "past",
            snooze(0),
            Some("snooze must end after now and within 30 days, not at 2026-05-01T10:00:00Z"),
        ),
        ("a month", snooze(month), None),
        (
            "over a month",
            snooze(month + 1),
            Some("snooze must end after now and within 30 days, not at 2026-05-31T10:00:01Z"),
        ),
        (
            "no name",
            assign(" "),
            Some("assignee must hold 1 to 200 printable characters"),
        ),
        (
            "long name",
            assign(&"x".repeat(201)),
            Some("assignee must hold 1 to 200 printable characters"),
        ),
        ("longest name", assign(&"ü".repeat(200)), None),
        (
            "name with a line break",
            assign("a\nb"),
            Some("assignee must hold 1 to 200 printable characters"),
        ),
        (
            "the same",
            assign("soc"),
            Some("finding is assigned to soc already"),
        ),
        (
            "empty comment",
            comment(""),
            Some("comment must hold 1 to 2000 printable characters"),
        ),
        ("lines", comment("a\n\tb"), None),
        (
            "escape",
            comment("\u{1b}[2J"),
            Some("comment must hold 1 to 2000 printable characters"),
        ),
        (
            "long comment",
            comment(&"x".repeat(2_001)),
            Some("comment must hold 1 to 2000 printable characters"),
        ),
        ("again", Change::Reopen, Some("finding is open already")),
    ];
    let before = Triage {
        assignee: Some("soc".to_owned()),
        ..standing(Status::Open)
    };
    for (name, change, expected) in cases {
        let refused = decide(&before, &request(change, 0)).err();
        let said = refused.map(|refusal| refusal.to_string());
        assert_eq!(said.as_deref(), expected, "{name}");
    }
    let full = Triage {
        revision: MAX_CHANGES,
        ..before
    };
    assert_eq!(
        decide(&full, &request(Change::Resolve, 0)),
        Err(Refusal::Full)
    );
}

#[test]
fn changes_are_read_from_json_and_waking_is_not_among_them() {
    let cases = [
        (r#"{"action":"acknowledge"}"#, Some(Change::Acknowledge)),
        (
            r#"{"action":"false_positive"}"#,
            Some(Change::FalsePositive),
        ),
        (r#"{"action":"assign"}"#, Some(Change::Assign { to: None })),
        (
            r#"{"action":"snooze","until":"2026-05-01T10:00:00Z"}"#,
            Some(Change::Snooze { until: at(0) }),
        ),
        (r#"{"action":"snooze"}"#, None),
        (r#"{"action":"wake"}"#, None),
        (r#"{"action":"assign","who":"soc"}"#, None),
        ("{}", None),
    ];
    for (text, expected) in cases {
        assert_eq!(serde_json::from_str(text).ok(), expected, "{text}");
    }
}

fn any_change() -> impl Strategy<Value = (Change, i64)> {
    let change = prop_oneof![
        Just(Change::Acknowledge),
        Just(Change::Resolve),
        Just(Change::FalsePositive),
        Just(Change::Reopen),
        Just(Change::Wake),
        (-10_i64..400).prop_map(|s| Change::Snooze { until: at(s) }),
        proptest::option::of("[ab]").prop_map(|to| Change::Assign { to }),
        "[ab]?".prop_map(|text| Change::Comment { text }),
    ];
    (change, 0_i64..60)
}

proptest! {
    /// Whatever is asked for in whatever order, the history alone tells where the finding stands.
    #[test]
    fn the_history_is_a_replay_of_the_states(asked in proptest::collection::vec(any_change(), 0..40)) {
        let (mut triage, mut history, mut now) = (Triage::default(), Vec::<Audit>::new(), 0);
        for (change, pause) in asked {
            now += pause;
            if let Ok(changed) = decide(&triage, &request(change, now)) {
                prop_assert!(!changed.lines.is_empty());
                history.extend(changed.lines);
                triage = changed.triage;
            }
        }
        let mut replayed = Triage::default();
        for (n, line) in history.iter().enumerate() {
            prop_assert_eq!(line.before.as_ref(), Some(&replayed));
            replayed = line.after.clone().unwrap();
            prop_assert_eq!(replayed.revision, n as u64 + 1);
            prop_assert_eq!(replayed.status == Status::Snoozed, replayed.snoozed_until.is_some());
        }
        prop_assert_eq!(&replayed, &triage);
        prop_assert!(history.is_sorted_by_key(|line| line.at));
    }
}
