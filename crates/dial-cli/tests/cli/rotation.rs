//! The end of docs/guides/rotate-keys.md: two root keys are live, then the new one alone.

use crate::master::{CONFIG, Master};
use std::fs;

const NEXT: &str = "whsec_CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";
const ONE: &str = "{ 1 = \"file:root.key\" }";

/// A file of keys of the worker of `a.json`, derived from a root key.
fn derived(master: &Master, root: &str, number: &str, name: &str) {
    let (code, line, err) = master.dial(&[
        "keys",
        "derive",
        "--root-key-file",
        root,
        "--key-number",
        number,
        "--account",
        "111122223333",
        "--region",
        "eu-central-1",
        "--line",
    ]);
    assert_eq!(code, 0, "{err}");
    fs::write(master.place.path().join(name), line).unwrap();
}

/// What is told of sending `a.json` again.
fn sent(master: &Master, with: &[&str]) -> (i32, String) {
    let scan = ["scan", "a.json", "--send", master.url()];
    let (code, _, err) = master.dial(&[&scan[..], with].concat());
    (code, err)
}

#[test]
fn once_the_old_root_key_is_retired_only_the_new_one_is_heard() {
    let both = "{ 1 = \"file:root.key\", 2 = \"file:root-2.key\" }";
    let config = |keys| CONFIG.replace(ONE, keys);
    let mut master = Master::start_with(&config(both), &[("root-2.key", NEXT)]);
    derived(&master, "root.key", "1", "worker.keys");
    derived(&master, "root-2.key", "2", "worker2.keys");
    let (code, err) = sent(&master, &["--keys", "worker.keys"]);
    assert!(code == 3 && err.contains("1 accepted"), "{err}");
    let (code, err) = sent(&master, &["--keys", "worker2.keys"]);
    assert!(code == 3 && err.contains("1 known already"), "{err}");

    master.restart(&config("{ 2 = \"file:root-2.key\" }"));
    let old: [&[&str]; 3] = [
        &["--keys", "worker.keys"],
        &["--root-key-file", "root.key"],
        // The new key under the old number, as whoever forgets `--key-number` signs.
        &["--root-key-file", "root-2.key"],
    ];
    for with in old {
        let (code, err) = sent(&master, with);
        assert!(
            code == 1 && err.contains("HTTP status 401"),
            "{with:?}: {err}"
        );
    }
    let new: [&[&str]; 2] = [
        &["--keys", "worker2.keys"],
        &["--root-key-file", "root-2.key", "--key-number", "2"],
    ];
    for with in new {
        let (code, err) = sent(&master, with);
        assert!(
            code == 3 && err.contains("1 known already"),
            "{with:?}: {err}"
        );
    }
    assert_eq!(master.ids().len(), 1);
}
