//! The permissions that the guide lists; the tests grant these and no others.

use crate::{MASTER, NoSecrets};
use dial_master::sinks::guard::Guard;
use dial_master::sinks::rights::ACCOUNT;
use dial_master::sinks::{self, SinkSettings, Sinks};
use dial_tests::policy::{Call, Grant};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Statements by the name in the comment above them, in the accounts of the emulator.
fn policies() -> Map<String, Value> {
    let guide = include_str!("../../../docs/guides/aws-sinks.md");
    let guide = guide.replace("444455556666", MASTER);
    let mut found = Map::new();
    for (kind, part) in parts(&guide) {
        let (name, rest) = part.split_once(" -->").unwrap();
        let (_, rest) = rest.split_once("```json\n").unwrap();
        let (json, _) = rest.split_once("```").unwrap();
        let name = if kind == "trust" { kind } else { name };
        found.insert(name.to_owned(), serde_json::from_str(json).unwrap());
    }
    found
}

/// The same as the emulator understands them: it knows the master as a user, a deployment as a
/// role; and of the resource of an action it knows only the role that is assumed.
pub(crate) fn emulated() -> Map<String, Value> {
    let mut found = policies();
    let master = format!("arn:aws:iam::{MASTER}:user/dial");
    found["trust"]["Principal"]["AWS"] = master.into();
    for name in ["sns", "eventbridge", "securityhub"] {
        found[name]["Resource"] = "*".into();
    }
    found
}

fn parts(guide: &str) -> impl Iterator<Item = (&'static str, &str)> {
    ["policy", "trust"].into_iter().flat_map(move |kind| {
        let mark = format!("<!-- {kind}: ");
        let parts: Vec<&str> = guide.split(mark.as_str()).skip(1).collect();
        parts.into_iter().map(move |part| (kind, part))
    })
}

#[test]
fn the_guide_grants_nothing_by_wildcard_but_names_in_paths() {
    let policies = policies();
    assert_eq!(policies.len(), 7, "{policies:?}");
    for (name, statement) in &policies {
        let text = statement.to_string();
        assert!(
            !text.contains("\"*\"") && !text.contains(":*\""),
            "{name}: {text}"
        );
    }
}

/// The blocks of settings, each of one sink.
fn blocks() -> Vec<(toml::Table, BTreeMap<String, SinkSettings>)> {
    let guide = include_str!("../../../docs/guides/aws-sinks.md").replace("444455556666", MASTER);
    let blocks = guide.split("```toml\n").skip(1);
    let texts = blocks.map(|block| block.split_once("```").unwrap().0);
    let texts = texts.filter(|text| text.starts_with("[master.sinks."));
    let read = |text: &str| {
        let file: toml::Table = toml::from_str(text).unwrap();
        let sinks = file["master"]["sinks"].as_table().unwrap().clone();
        let settings = toml::Value::from(sinks.clone()).try_into();
        (
            sinks,
            settings.unwrap_or_else(|error| panic!("{text}: {error}")),
        )
    };
    texts.map(read).collect()
}

/// Whoever copies a block of settings from the guide has settings that work.
#[tokio::test]
async fn every_block_of_settings_makes_its_sink() {
    let blocks = blocks();
    assert_eq!(blocks.len(), 7);
    for (text, sinks) in blocks {
        let made = Sinks::build(&sinks, &NoSecrets, Guard::Public).await;
        assert!(made.is_ok(), "{text}: {:?}", made.err());
    }
}

/// Doctor asks IAM for what a sink says that it needs, and operators grant what the guide says.
#[test]
fn the_guide_grants_what_sinks_say_that_they_need() {
    let mut asked = 0;
    for (text, settings) in blocks() {
        let kind = text.values().next().unwrap()["type"].as_str().unwrap();
        for (sink, rights) in sinks::rights(&settings, Guard::Public) {
            let template = rights
                .role
                .as_ref()
                .is_some_and(|role| role.contains(ACCOUNT));
            // The guide's statement is of one of the accounts.
            let account = if template { "111122223333" } else { MASTER };
            let resource = rights.resource.unwrap().replace(ACCOUNT, account);
            let statement = policies()[kind]
                .to_string()
                .replace("111122223333", account);
            let document =
                json!({"Statement": [serde_json::from_str::<Value>(&statement).unwrap()]});
            let grants = Grant::of(&document.to_string());
            for action in rights.actions {
                let call = Call {
                    action: (*action).to_owned(),
                    resource: resource.clone(),
                };
                let allowed = grants.iter().any(|grant| grant.allows(&call));
                assert!(allowed, "{sink}: {call:?} by {grants:?}");
                asked += 1;
            }
        }
    }
    assert_eq!(asked, 8);
}
