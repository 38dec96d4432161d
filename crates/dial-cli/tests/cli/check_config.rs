//! `dial check-config`: every problem with its line, or good.

use crate::place::{Place, day};
use serde_json::Value;

const KEY: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

const GOOD: &str = "\
[worker]
master_url = \"https://dial.example.com\"
account = \"111122223333\"
region = \"eu-central-1\"
key = \"file:worker.key\"
bucket = \"letters\"

[master]
root_keys = { 1 = \"file:root.key\" }

[[master.tokens]]
name = \"reader\"
secret = \"file:token\"
";

const BAD: &str = "\
[worker]
master_ulr = \"https://dial.example.com\"
account = \"11112222333\"
region = \"eu-central-1\"
key = \"hunter2\"
bucket = \"letters\"

[worker.detect]
rules = \"missing-rules\"
known_accounts = [\"111122223333\", 5]

[master]
listen = \"localhost\"
root_keys = { 1 = \"file:missing.key\", two = \"file:root.key\" }

[[master.tokens]]
name = \"reader\"
secret = \"env:DIAL_TEST_NO_SUCH_TOKEN\"

[mater]
";

fn place(text: &str) -> Place {
    let place = Place::new();
    place.write("dial.toml", text);
    for name in ["root.key", "worker.key"] {
        place.write(name, KEY);
    }
    place.write("token", "0123456789abcdef0123456789abcdef");
    place
}

#[test]
fn a_good_configuration_is_good() {
    let (code, out, err) = place(GOOD).run(&["check-config"]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    insta::assert_snapshot!(err, @"dial.toml: good: [worker] and [master]");
}

#[test]
fn suppressions_that_end_are_told_and_endless_ones_are_refused() {
    let one = |expires: String| {
        format!(
            "[[worker.detect.suppressions]]\nrule = \"cloudtrail_trail_stopped\"\nowner = \"team-net\"\nreason = \"drill\"\nexpires = {expires}\n"
        )
    };
    let (over, soon) = (day(-1), day(3));
    let good = format!(
        "{GOOD}{}{}{}",
        one(over.clone()),
        one(soon.clone()),
        one(day(90))
    );
    let told = |text: &str| {
        let (code, out, err) = place(text).run(&["check-config"]);
        (
            code,
            format!("{out}{err}")
                .replace(&over, "<over>")
                .replace(&soon, "<soon>"),
        )
    };
    let (code, shown) = told(&good);
    assert_eq!(code, 0, "{shown}");
    insta::assert_snapshot!("expiries", shown);
    let (code, out, _) = place(&good).run(&["check-config", "--format", "json"]);
    let list: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert!(
        code == 0 && list.len() == 2 && list.iter().all(|w| w["warning"] == true),
        "{out}"
    );
    let endless = format!("{GOOD}{}", one("2999-12-31".into()));
    let (code, shown) = told(&endless);
    assert!(
        code == 1 && shown.contains("days away, 400 are allowed"),
        "{shown}"
    );
}

#[test]
fn suppressions_and_severities_of_no_rule_or_too_much_are_refused() {
    let text = format!(
        "{GOOD}
[worker.detect]
severity = [{{ rule = \"s3_bucket_polcy_public\", severity = \"low\" }}]

[[worker.detect.suppressions]]
rule = \"cloudtrail_trail_stoped\"
owner = \"o\"
reason = \"r\"
expires = {day}

[[worker.detect.suppressions]]
rule = \"audit_ec2_security_group_created\"
owner = \"o\"
reason = \"r\"
expires = {day}
",
        day = day(9)
    );
    let (code, out, err) = place(&text).run(&["check-config"]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(
        "lost_rules",
        format!("{out}{err}").replace(&day(9), "<day>")
    );
    let wide = format!(
        "{GOOD}
[[worker.detect.suppressions]]
account = \"111122223333\"
user_agent = \"terraform\"

[[worker.detect.suppressions]]
principal = \"arn:aws:sts::111122223333:assumed-role/*/ci\"
network = \"0.0.0.0/0\"
owner = \"o\"
reason = \"r\"
expires = \"tomorrow\"
"
    );
    let (code, out, err) = place(&wide).run(&["check-config"]);
    assert_eq!(code, 1);
    insta::assert_snapshot!("wide", format!("{out}{err}"));
    let wide = wide
        .replace("tomorrow", &day(9))
        .replace("user_agent = \"terraform\"\n", "");
    let (code, out, err) = place(&wide).run(&["check-config"]);
    assert_eq!(code, 1);
    insta::assert_snapshot!("too_wide", format!("{out}{err}"));
}

#[test]
fn every_problem_is_listed_with_line_and_hint_and_no_secret() {
    let (code, out, err) = place(BAD).run(&["check-config"]);
    assert_eq!(code, 1);
    assert!(
        !out.contains("hunter2") && !err.contains("hunter2"),
        "{out}{err}"
    );
    insta::assert_snapshot!("problems", format!("{out}{err}"));
    let (code, out, _) = place(BAD).run(&["check-config", "--format", "json"]);
    let list: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert!(
        code == 1 && list.iter().all(|p| p["file"] == "dial.toml"),
        "{out}"
    );
    assert!(list.iter().any(|p| p["line"] == 2), "{out}");
}

#[test]
fn files_that_the_configuration_names_are_looked_at() {
    let cases = [
        (
            "worker key missing",
            GOOD.replace("worker.key", "gone.key"),
            "dial.toml:5: worker.key: ",
        ),
        (
            "no key in the file",
            GOOD.replace("file:worker.key", "file:token"),
            "whsec_",
        ),
        (
            "rules missing",
            format!("{GOOD}\n[worker.detect]\nrules = \"gone\"\n"),
            "gone",
        ),
        (
            "database missing",
            format!("{GOOD}\n[worker.detect.enrich.geoip]\ncity = \"gone.mmdb\"\n"),
            "gone.mmdb",
        ),
    ];
    for (name, text, expected) in cases {
        let (code, out, err) = place(&text).run(&["check-config"]);
        assert_eq!(code, 1, "{name}: {out}{err}");
        assert!(out.contains(expected), "{name}: {out}");
    }
}

#[test]
fn syntax_and_absence_are_told_apart() {
    let (code, out, _) = place("[worker\n").run(&["check-config"]);
    assert!(code == 1 && out.starts_with("dial.toml:1: "), "{out}");
    let (code, _, err) = Place::new().run(&["check-config"]);
    assert!(
        code == 1 && err.contains("there is no configuration"),
        "{err}"
    );
    let (code, _, err) = Place::new().run(&["check-config", "--config", "gone.toml"]);
    assert!(
        code == 1 && err.contains("gone.toml does not exist"),
        "{err}"
    );
}

#[test]
fn serve_refuses_with_the_same_problems() {
    let (code, _, err) = place(BAD).run(&["serve"]);
    assert_eq!(code, 1);
    for expected in ["master.listen", "master.root_keys.two", "no such section"] {
        assert!(err.contains(expected), "{expected}: {err}");
    }
}
