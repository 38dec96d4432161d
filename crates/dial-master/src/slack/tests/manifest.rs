//! The manifest in the guide: it asks for what the code uses, and for nothing else.

use std::collections::BTreeSet;

const GUIDE: &str = include_str!("../../../../../docs/guides/slack-app.md");
/// Where methods of Slack's API are named.
const SOURCES: [&str; 2] = [
    include_str!("../../sinks/slack.rs"),
    include_str!("../desk.rs"),
];
/// Scopes that a bot needs for a method, as Slack documents them.
const METHODS: [(&str, &[&str]); 7] = [
    ("auth.test", &[]),
    ("chat.postMessage", &["chat:write"]),
    ("chat.update", &["chat:write"]),
    (
        "conversations.history",
        &["channels:history", "groups:history"],
    ),
    (
        "conversations.replies",
        &["channels:history", "groups:history"],
    ),
    ("views.open", &[]),
    ("views.update", &[]),
];
/// Families of methods, by which a method in the code is recognised.
const FAMILIES: [&str; 8] = [
    "auth.",
    "chat.",
    "conversations.",
    "files.",
    "reactions.",
    "usergroups.",
    "users.",
    "views.",
];

fn manifest() -> &'static str {
    let (_, rest) = GUIDE
        .split_once("```yaml\n")
        .expect("the guide has a manifest");
    rest.split_once("```").expect("the manifest ends").0
}

/// Methods in quotation marks.
fn methods() -> BTreeSet<&'static str> {
    let literals = SOURCES
        .iter()
        .flat_map(|source| source.split('"').skip(1).step_by(2));
    literals
        .filter(|text| FAMILIES.iter().any(|family| text.starts_with(family)))
        .collect()
}

#[test]
fn scopes_of_the_manifest_are_those_that_the_code_uses() {
    let methods = methods();
    assert!(methods.contains("chat.postMessage"), "{methods:?}");
    let scopes = |method: &&str| {
        let known = METHODS.iter().find(|(name, _)| name == method);
        let Some((_, scopes)) = known else {
            panic!("scopes of {method} are not listed here");
        };
        *scopes
    };
    let mut needed: BTreeSet<&str> = methods.iter().flat_map(scopes).copied().collect();
    // What a slash command needs, whatever it does.
    needed.insert("commands");
    let (_, list) = manifest()
        .split_once("    bot:\n")
        .expect("scopes of the bot");
    let asked = list
        .lines()
        .map_while(|line| line.trim().strip_prefix("- "));
    assert_eq!(asked.collect::<BTreeSet<_>>(), needed);
}

#[test]
fn addresses_of_the_manifest_are_those_of_the_api() {
    for line in [
        "    - command: /dial\n      url: https://dial.example.com/slack/commands\n",
        "    is_enabled: true\n    request_url: https://dial.example.com/slack/interactions\n",
    ] {
        assert!(manifest().contains(line), "{line}");
    }
    for path in ["/slack/commands", "/slack/interactions"] {
        let operations = &crate::api::document()["paths"];
        assert!(operations[path]["post"].is_object(), "{path}");
    }
}
