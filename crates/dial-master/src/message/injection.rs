//! The strings that attackers would like to see come alive, for every test that needs them.

use std::collections::BTreeMap;

/// `tests/injection/strings.json`, by what they attack.
const STRINGS: &str = include_str!("../../../../tests/injection/strings.json");

/// All strings, short ones first.
pub(crate) fn strings() -> Vec<String> {
    let groups: BTreeMap<String, Vec<String>> = serde_json::from_str(STRINGS).unwrap();
    let short = groups.into_values().flatten();
    let long = [
        "<!channel> ",
        "&",
        "😀",
        "`",
        "\\\"",
        "a",
        "\u{202e}x",
        "{{",
        "<",
        "=1+1,",
        "\nx",
        "[x](https://evil.example)",
    ];
    let long = long
        .into_iter()
        .map(|text| text.repeat(20_000 / text.len()));
    let all: Vec<String> = short.chain(long).collect();
    assert!(all.len() >= 200, "{}", all.len());
    all
}
