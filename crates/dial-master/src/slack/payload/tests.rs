//! Payloads in the shapes that Slack sends, and in others.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const ID: &str = "f-aaaaaaaaaaaaaaaaaaaaaaaaaa";

fn encoded(payload: &Value) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string());
    form.finish().into_bytes()
}

fn target() -> Target {
    format!("{ID}.7").parse().unwrap()
}

fn click(action: &Value) -> Value {
    json!({
        "type": "block_actions",
        "user": {"id": "U0123", "username": "x", "team_id": "T0123"},
        "team": {"id": "T0123", "domain": "x"},
        "container": {"type": "message", "message_ts": "1.2", "channel_id": "C1"},
        "trigger_id": "1.2.abc",
        "response_url": "https://hooks.slack.com/actions/T/1/x",
        "actions": [action],
    })
}

fn button(name: &str, value: &str) -> Value {
    click(&json!({"type": "button", "block_id": "b", "action_id": name, "value": value}))
}

fn submission(values: &Value) -> Value {
    json!({
        "type": "view_submission",
        "user": {"id": "U0123"},
        "team": {"id": "T0123"},
        "view": {
            "id": "V0123",
            "callback_id": "dial_false_positive",
            "private_metadata": format!("{ID}.7"),
            "state": {"values": values},
        },
    })
}

fn values() -> Value {
    json!({
        "a": {"breadth": {"type": "static_select", "selected_option": {"value": "resource"}}},
        "b": {"days": {"type": "static_select", "selected_option": {"value": "7"}}},
        "c": {"reason": {"type": "plain_text_input", "value": "planned\nwork"}},
    })
}

#[test]
fn clicks_are_understood() {
    let finding = || FindingId::parse(ID).unwrap();
    let value = format!("{ID}.7");
    let cases = [
        (name::ACKNOWLEDGE, value.clone(), Act::Acknowledge(target())),
        (name::ASSIGN, value.clone(), Act::Assign(target())),
        (name::RESOLVE, value.clone(), Act::Resolve(target())),
        (name::REOPEN, value.clone(), Act::Reopen(target())),
        (
            name::FALSE_POSITIVE,
            value.clone(),
            Act::AskFalsePositive(target()),
        ),
        (name::SHOW, ID.into(), Act::Show(finding())),
        ("dial_turn_next", format!("{ID}.3"), Act::Turn(finding(), 3)),
        (
            name::SNOOZE,
            format!("{ID}.7.24"),
            Act::Snooze(target(), 24),
        ),
        ("dial_open_finding", String::new(), Act::Nothing),
        ("of_another_app", "x".into(), Act::Nothing),
    ];
    for (name, value, expected) in cases {
        let Ok(Interaction::Clicked {
            sender,
            act,
            handles,
        }) = interaction(&encoded(&button(name, &value)))
        else {
            panic!("{name} is no click");
        };
        assert_eq!(act, expected, "{name}");
        assert_eq!(
            (sender.team.as_str(), sender.user.as_str()),
            ("T0123", "U0123")
        );
        assert_eq!(sender.home.as_deref(), Some("T0123"));
        assert_eq!(handles.trigger.as_deref(), Some("1.2.abc"));
    }
    let menu =
        json!({"action_id": name::SNOOZE, "selected_option": {"value": format!("{ID}.7.1")}});
    let read = interaction(&encoded(&click(&menu)));
    assert!(
        matches!(
            read,
            Ok(Interaction::Clicked {
                act: Act::Snooze(_, 1),
                ..
            })
        ),
        "{read:?}"
    );
}

#[test]
fn odd_values_are_refused() {
    let wrong = [
        (name::ACKNOWLEDGE, String::new()),
        (name::ACKNOWLEDGE, ID.into()),
        (name::ACKNOWLEDGE, format!("{ID}.")),
        (name::ACKNOWLEDGE, format!("{ID}.-1")),
        (name::ACKNOWLEDGE, format!("{ID}.+1")),
        (name::ACKNOWLEDGE, format!("{ID}.18446744073709551616")),
        (name::ACKNOWLEDGE, format!("{ID}.1.1")),
        (name::ACKNOWLEDGE, "F#other.1".into()),
        (name::SNOOZE, format!("{ID}.7")),
        (name::SNOOZE, format!("{ID}.7.0")),
        (name::SNOOZE, format!("{ID}.7.721")),
        (name::SNOOZE, format!("{ID}.7.99999999999")),
        (name::SHOW, format!("{ID}.7")),
        (name::TURN, format!("{ID}.65536")),
    ];
    for (name, value) in wrong {
        let read = interaction(&encoded(&button(name, &value)));
        assert_eq!(
            read,
            Err(PayloadError::Malformed("value")),
            "{name} {value}"
        );
    }
}

#[test]
fn a_dialog_is_understood() {
    let Ok(Interaction::Judged { sender, verdict }) = interaction(&encoded(&submission(&values())))
    else {
        panic!("no verdict");
    };
    assert_eq!((sender.user.as_str(), sender.home), ("U0123", None));
    let expected = Verdict {
        target: target(),
        breadth: Breadth::Resource,
        days: 7,
        reason: "planned\nwork".into(),
    };
    assert_eq!(verdict, expected);
    let spoilt = [
        (
            "/a/breadth/selected_option/value",
            json!("everything"),
            PayloadError::Malformed("breadth"),
        ),
        (
            "/b/days/selected_option/value",
            json!("31"),
            PayloadError::Malformed("days"),
        ),
        (
            "/b/days/selected_option/value",
            json!("0"),
            PayloadError::Malformed("days"),
        ),
        (
            "/b/days/selected_option",
            json!(null),
            PayloadError::Malformed("days"),
        ),
        ("/c", json!({}), PayloadError::Missing("reason")),
        (
            "/c/reason/value",
            json!("x".repeat(3_001)),
            PayloadError::Malformed("reason"),
        ),
    ];
    for (path, value, expected) in spoilt {
        let mut values = values();
        *values.pointer_mut(path).unwrap() = value;
        let read = interaction(&encoded(&submission(&values)));
        assert_eq!(read, Err(expected), "{path}");
    }
}

#[test]
fn what_is_not_for_us_is_nothing() {
    let mut closed = submission(&values());
    closed["type"] = "view_closed".into();
    let mut foreign = submission(&values());
    foreign["view"]["callback_id"] = "other".into();
    for payload in [closed, foreign, json!({"type": "shortcut"})] {
        assert_eq!(
            interaction(&encoded(&payload)),
            Ok(Interaction::Other),
            "{payload}"
        );
    }
}

#[test]
fn senders_without_a_place_are_refused() {
    let spoilt: [(&str, Value, PayloadError); 5] = [
        ("/team", json!(null), PayloadError::Missing("team.id")),
        (
            "/team/id",
            json!("t0123"),
            PayloadError::Malformed("team.id"),
        ),
        ("/user/id", json!(""), PayloadError::Malformed("user.id")),
        (
            "/user/team_id",
            json!("T 1"),
            PayloadError::Malformed("user.team_id"),
        ),
        ("/actions", json!([]), PayloadError::Missing("actions")),
    ];
    for (path, value, expected) in spoilt {
        let mut payload = button(name::SHOW, ID);
        *payload.pointer_mut(path).unwrap() = value;
        assert_eq!(interaction(&encoded(&payload)), Err(expected), "{path}");
    }
    assert!(matches!(
        interaction(b"payload=%7B%22type%22%3A1%7D"),
        Err(PayloadError::Json(_))
    ));
}

#[test]
fn commands_are_read() {
    let read = command(b"token=x&team_id=T0123&user_id=U0123&command=%2Fdial&text=show+f-1%26");
    let command_read = read.unwrap();
    assert_eq!(command_read.text, "show f-1&");
    assert_eq!(command_read.sender.home, None);
    let bare = command(b"team_id=T0123&user_id=U0123").unwrap();
    assert_eq!(bare.text, "");
    let long = format!("team_id=T0123&user_id=U0123&text={}", "x".repeat(3_001));
    let many = "a=1&".repeat(65);
    let cases: [(&[u8], PayloadError); 6] = [
        (b"", PayloadError::Missing("team_id")),
        (b"team_id=T0123", PayloadError::Missing("user_id")),
        (
            b"team_id=T0123&user_id=%FF",
            PayloadError::Malformed("user_id"),
        ),
        (b"team_id=T0123&team_id=T9&user_id=U1", PayloadError::Form),
        (long.as_bytes(), PayloadError::Malformed("text")),
        (many.as_bytes(), PayloadError::Form),
    ];
    for (body, expected) in cases {
        assert_eq!(command(body), Err(expected));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_judged(body in any::<Vec<u8>>(), json in "\\PC{0,200}") {
        let _ = command(&body);
        let _ = interaction(&body);
        let _ = interaction(format!("payload={json}").as_bytes());
    }

    #[test]
    fn targets_round_trip(revision in any::<u64>()) {
        let target = Target { finding: FindingId::parse(ID).unwrap(), revision };
        prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
    }
}
