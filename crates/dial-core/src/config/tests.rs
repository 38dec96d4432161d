//! Every problem of a file is told, each with its line and a hint.

use super::*;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Worker {
    #[serde(default)]
    master_url: String,
    #[serde(default)]
    timeout: u32,
    #[serde(default)]
    lists: Vec<List>,
    #[serde(default)]
    geo: Geo,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Geo {
    #[serde(default)]
    city: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(rename = "path")]
    _path: String,
}

impl Check for Worker {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        if self.timeout == 13 {
            report("timeout", "13 brings bad luck; use 14".into());
        }
    }
}

fn read(text: &str, env: &[(&str, &str)]) -> Result<Worker, Problems> {
    let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    section("dial.toml", text, "worker", env)
}

#[test]
fn every_problem_is_listed_with_line_and_hint() {
    let text = "[worker]\nmaster_ulr = \"x\"\ntimeout = \"soon\"\n\n[worker.geo]\ncty = 1\n\n[[worker.lists]]\npath = 3\n\n[[worker.lists]]\nfile = \"a\"\n\n[wroker]\n";
    insta::assert_snapshot!(read(text, &[]).unwrap_err());
}

#[test]
fn checks_run_and_syntax_errors_have_lines() {
    insta::assert_snapshot!(read("[worker]\ntimeout = 13\n", &[]).unwrap_err(), @"dial.toml:2: worker.timeout: 13 brings bad luck; use 14");
    insta::assert_snapshot!(read("[worker]\ntimeout = = 1\n", &[]).unwrap_err(), @"dial.toml:2: extra `=`, expected nothing");
}

#[test]
fn a_table_of_its_own_shape_reports_below_itself() {
    let text = "timeout = 13\nmaster_ulr = \"x\"\ngeo = { cty = 1 }\n";
    let mut problems = Vec::new();
    let read: Option<Worker> = table(text.parse().unwrap(), &mut |path, message| {
        problems.push(format!("{path}: {message}"));
    });
    assert!(read.is_none());
    insta::assert_snapshot!(problems.join("\n"), @r"
    geo.cty: unknown key `cty`; did you mean `city`?
    master_ulr: unknown key `master_ulr`; did you mean `master_url`?
    timeout: 13 brings bad luck; use 14
    ");
}

#[test]
fn a_key_that_is_no_text_hides_nothing_beside_it() {
    #[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        High,
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Levels {
        #[serde(default, rename = "levels")]
        _levels: std::collections::BTreeMap<Level, String>,
        #[serde(default, rename = "size")]
        _size: u32,
    }
    impl Check for Levels {
        fn check(&self, _: &mut dyn FnMut(&str, String)) {}
    }
    let cases = [
        ("no such level", "levels = { hgih = 'x' }\nsize = 'big'"),
        ("no text", "levels = { high = 3 }\nsize = 'big'"),
    ];
    for (name, text) in cases {
        let mut paths = Vec::new();
        let read: Option<Levels> = table(text.parse().unwrap(), &mut |path, _| {
            paths.push(path.to_owned());
        });
        assert!(read.is_none(), "{name}");
        assert_eq!(paths, ["levels", "size"], "{name}");
    }
}

#[test]
fn lines_are_found_by_path() {
    let text = "[worker]\nkey = \"x\"\n\n[[worker.lists]]\npath = \"a\"\n";
    let cases = [
        ("worker.key", Some(2)),
        ("worker.lists.0.path", Some(5)),
        ("worker.absent", Some(1)),
        ("master", None),
    ];
    for (path, expected) in cases {
        assert_eq!(line_of(text, path), expected, "{path}");
    }
    assert_eq!(line_of("= broken", "worker"), None);
}

#[test]
fn the_environment_overrides_and_its_errors_are_named() {
    let env = [
        ("DIAL__WORKER__TIMEOUT", "5"),
        ("DIAL__WORKER__GEO__CITY", "/c.mmdb"),
        ("PATH", "x"),
    ];
    let read_back = read("[worker]\ntimeout = 1\nmaster_url = \"u\"", &env).unwrap();
    assert_eq!((read_back.timeout, read_back.master_url.as_str()), (5, "u"));
    assert_eq!(read_back.geo.city.as_deref(), Some("/c.mmdb"));
    assert!(read_back.lists.is_empty());
    let error = read("", &[("DIAL__WORKER__TIMEOUT", "soon")]).unwrap_err();
    insta::assert_snapshot!(error, @r#"dial.toml: worker.timeout: invalid type: string "soon", expected u32"#);
}
