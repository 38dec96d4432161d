//! `dial keys`: what is made, what is refused.

use crate::place::Place;

#[test]
fn a_root_key_is_private_and_never_overwritten() {
    let place = Place::new();
    let (code, out, _) = place.run(&["keys", "new"]);
    assert!(
        code == 0 && out.starts_with("whsec_") && out.len() == 51,
        "{out}"
    );
    let (code, out, err) = place.run(&["keys", "new", "--out", "root.key"]);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (0, "", "root key written to root.key\n")
    );
    let path = place.path().join("root.key");
    let first = std::fs::read_to_string(&path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let (code, _, err) = place.run(&["keys", "new", "--out", "root.key"]);
    assert_eq!(code, 1);
    assert!(err.contains("never overwritten"), "{err}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
}

#[test]
fn workers_keys_are_derived_as_the_master_derives_them() {
    let place = Place::new();
    // The root key of 32 times the byte 7, as in the test of the derivation itself.
    place.write(
        "root.key",
        "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
    );
    let derive = |more: &[&str]| {
        let base = [
            "keys",
            "derive",
            "--root-key-file",
            "root.key",
            "--key-number",
            "1",
        ];
        let worker = ["--account", "111122223333", "--region", "eu-west-1"];
        place.run(&[&base[..], &worker[..], more].concat())
    };
    let (code, out, err) = derive(&[]);
    assert_eq!(code, 0, "{err}");
    insta::assert_snapshot!(out, @"whsec_UNr1vjnkKZVoVjCd4phPFTMAdyYZOtAQNYno+UpkogY=");
    let (_, out, _) = derive(&["--line", "--not-after", "2036-01-01"]);
    insta::assert_snapshot!(out, @"111122223333/eu-west-1 1/2082758400 whsec_afFe2Cfn9f/T5Le8ZXcHgJwfSDSDmXvuMHZfmT4GA9Q=");
    let (code, _, err) = derive(&["--not-after", "2020-01-01"]);
    assert_eq!(code, 1);
    assert!(err.contains("already over"), "{err}");
}

#[test]
fn files_that_hold_no_key_are_named_but_not_shown() {
    let place = Place::new();
    place.write("root.key", "hunter2");
    for path in ["root.key", "missing.key"] {
        let (code, _, err) = place.run(&[
            "keys",
            "derive",
            "--root-key-file",
            path,
            "--key-number",
            "1",
            "--account",
            "111122223333",
            "--region",
            "eu-west-1",
        ]);
        assert_eq!(code, 1);
        assert!(err.contains(path) && !err.contains("hunter2"), "{err}");
    }
}
