//! `dial rules`: the built-in pack, and rules of one's own, good and bad.

use crate::place::{PUBLIC_BUCKET, Place, SHARED_BUCKET};
use serde_json::Value;

const RULE: &str = "\
title: Bucket policy was changed
id: 0c0c6a52-3f5e-4a4f-8f6a-7f1f7c1d0a01
name: s3_bucket_policy_changed
status: stable
description: Somebody changed a bucket policy. Look at it.
references: [https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html]
date: 2026-05-01
tags: [attack.defense-evasion, attack.t1562.001]
logsource: { product: aws, service: cloudtrail }
detection:
  selection:
    eventSource: s3.amazonaws.com
    eventName: PutBucketPolicy
    requestParameters.bucketName: shop-invoices
  condition: selection
falsepositives: [Deployments]
level: low
dial: { delivery: M, attempts: false }
tests:
  - { event: public.json, expect: match }
  - { event: shared.json, expect: no_match }
";

#[test]
fn the_pack_is_listed() {
    let place = Place::new();
    let (code, out, err) = place.run(&["rules", "list"]);
    assert_eq!(code, 0);
    assert!(
        out.lines().count() > 25 && out.contains("s3_bucket_policy_public"),
        "{out}"
    );
    assert!(err.contains("rules, pack "), "{err}");
    let (_, out, _) = place.run(&["rules", "list", "--format", "json"]);
    let list: Vec<Value> = serde_json::from_str(&out).unwrap();
    let names: Vec<&str> = list
        .iter()
        .map(|rule| rule["name"].as_str().unwrap())
        .collect();
    assert!(
        names.is_sorted() && names.contains(&"cloudtrail_trail_stopped"),
        "{names:?}"
    );
}

#[test]
fn own_rules_are_linted_tested_and_used() {
    let place = Place::new();
    place.write("rules/s3/bucket_policy_changed.yml", RULE);
    place.write("fixtures/public.json", PUBLIC_BUCKET);
    place.write("fixtures/shared.json", SHARED_BUCKET);
    let (code, out, err) = place.run(&["rules", "lint", "rules"]);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (0, "", "0 errors, 0 warnings\n")
    );
    let test = ["rules", "test", "rules", "--fixtures", "fixtures"];
    let (code, out, err) = place.run(&test);
    assert_eq!(code, 0, "{out}{err}");
    insta::assert_snapshot!(format!("{out}{err}"), @r"
    ok     s3_bucket_policy_changed public.json match
    ok     s3_bucket_policy_changed shared.json no_match
    2 tests, 0 failed
    ");
    let (_, out, _) = place.run(&["scan", "fixtures", "--rules", "rules"]);
    assert!(out.contains("s3_bucket_policy_changed"), "{out}");
    place.write("fixtures/shared.json", PUBLIC_BUCKET);
    let (code, out, err) = place.run(&test);
    assert_eq!(code, 1);
    assert!(
        out.contains("FAILED") && err.contains("1 failed"),
        "{out}{err}"
    );
}

#[test]
fn bad_rules_are_named_with_their_line() {
    let place = Place::new();
    let cases = [
        (
            "no id",
            RULE.replace("id: 0c0c6a52-3f5e-4a4f-8f6a-7f1f7c1d0a01\n", ""),
            "`id`",
        ),
        ("no yaml", "title: [".to_owned(), "error"),
        ("no level", RULE.replace("level: low\n", ""), "`level`"),
    ];
    for (name, text, expected) in cases {
        place.write("rules/bad.yml", text);
        let (code, out, err) = place.run(&["rules", "lint", "rules"]);
        assert_eq!(code, 1, "{name}: {out}{err}");
        assert!(
            out.contains("bad.yml") && out.contains(expected),
            "{name}: {out}"
        );
        let (code, _, err) = place.run(&["scan", ".", "--rules", "rules"]);
        assert!(code == 1 && err.contains("bad.yml"), "{name}: {err}");
    }
}

#[test]
fn a_rule_grows_from_an_event() {
    let place = Place::new();
    place.write("event.json", PUBLIC_BUCKET);
    let new = [
        "rules",
        "new",
        "s3/bucket_opened",
        "--from",
        "event.json",
        "--dir",
        "mine",
    ];
    let (code, _, err) = place.run(&new);
    assert_eq!(code, 0, "{err}");
    let name = place.path().join("mine/s3/bucket_opened.yml");
    let draft = std::fs::read_to_string(&name).unwrap();
    assert!(draft.contains("# fact.s3.policy.public: true"), "{draft}");
    let (code, out, _) = place.run(&["rules", "lint", "mine"]);
    assert!(code == 1 && out.contains("still to be filled in"), "{out}");
    let filled = draft
        .replace("FILL IN", "because")
        .replace("tags: []", "tags: [attack.t1530]");
    let (code, out, _) = {
        place.write("mine/s3/bucket_opened.yml", &filled);
        place.run(&["rules", "lint", "mine"])
    };
    assert!(code == 3 && out.contains("ordinary events"), "{out}");
    let filled = filled.replace(
        "# fact.s3.policy.public: true",
        "fact.s3.policy.public: true",
    );
    place.write("mine/s3/bucket_opened.yml", filled);
    let (code, out, err) = place.run(&["rules", "lint", "mine"]);
    assert_eq!(code, 0, "{out}{err}");
    // The events are found where they were put, from the folder and from one rule.
    for rules in ["mine", "mine/s3/bucket_opened.yml"] {
        let (code, out, err) = place.run(&["rules", "test", rules]);
        assert_eq!(code, 0, "{out}{err}");
    }
    let (code, _, err) = place.run(&new);
    assert!(code == 1 && err.contains("exists already"), "{err}");
}

#[test]
fn a_verdict_is_explained_part_by_part() {
    let place = Place::new();
    place.write("shared.json", SHARED_BUCKET);
    place.write("rules/changed.yml", RULE);
    let explain = ["rules", "explain", "s3_bucket_policy_public", "shared.json"];
    let (code, out, err) = place.run(&explain);
    assert_eq!(code, 0, "{err}");
    insta::assert_snapshot!(out);
    let (_, out, _) = place.run(&["rules", "explain", "rules/changed.yml", "shared.json"]);
    insta::assert_snapshot!(out);
    let several = format!("{}\n{}\n", one_line(PUBLIC_BUCKET), one_line(SHARED_BUCKET));
    place.write("several.jsonl", several);
    let (code, _, err) = place.run(&[
        "rules",
        "explain",
        "s3_bucket_policy_public",
        "several.jsonl",
    ]);
    assert!(
        code == 1 && err.contains("choose one with --event-id"),
        "{err}"
    );
}

#[test]
fn a_rule_that_is_not_there_is_told_with_what_is_like_it() {
    let place = Place::new();
    place.write("shared.json", SHARED_BUCKET);
    let cases = [
        (
            "s3_bucket_polcy_public",
            "did you mean `s3_bucket_policy_public`?",
        ),
        ("0815", "`dial rules list` shows them"),
        ("rules/gone.yml", "there is no rule file `rules/gone.yml`"),
    ];
    for (word, expected) in cases {
        let (code, _, err) = place.run(&["rules", "explain", word, "shared.json"]);
        assert!(code == 1 && err.contains(expected), "{word}: {err}");
    }
}

fn one_line(event: &str) -> String {
    let event: Value = serde_json::from_str(event).unwrap();
    event.to_string()
}

#[test]
fn past_trails_show_what_a_rule_would_raise() {
    let place = Place::new();
    place.write("trail/1.json", PUBLIC_BUCKET);
    place.write("trail/2.json", SHARED_BUCKET);
    place.write("rule.yml", RULE.replace("shop-invoices", "shop-*"));
    let (code, out, err) = place.run(&["rules", "backtest", "rule.yml", "trail"]);
    assert_eq!(code, 3, "{err}");
    insta::assert_snapshot!(out);
    let json = ["rules", "backtest", "rule.yml", "trail", "--format", "json"];
    let (_, out, _) = place.run(&json);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["findings"], &report["events"]),
        (&2.into(), &2.into())
    );
    let none = ["rules", "backtest", "cloudtrail_trail_stopped", "trail"];
    let (code, out, _) = place.run(&none);
    assert_eq!(
        (code, out.as_str()),
        (0, "cloudtrail_trail_stopped: 0 findings in 2 events\n")
    );
    place.write("trail/3.json", "{");
    let (code, _, err) = place.run(&none);
    assert!(code == 1 && err.contains("3.json"), "{err}");
}

#[test]
fn tests_are_counted_by_what_they_reach() {
    let place = Place::new();
    place.write("rules/s3/bucket_policy_changed.yml", RULE);
    place.write(
        "rules/s3/untested.yml",
        RULE.replace("0a01", "0a02")
            .replace("changed", "untested")
            .split("tests:")
            .next()
            .unwrap(),
    );
    place.write("fixtures/public.json", PUBLIC_BUCKET);
    place.write("fixtures/shared.json", SHARED_BUCKET);
    let test = [
        "rules",
        "test",
        "rules",
        "--fixtures",
        "fixtures",
        "--coverage",
    ];
    let (code, out, err) = place.run(&test);
    assert_eq!(code, 0, "{err}");
    insta::assert_snapshot!(format!("{out}{err}"));
    let (_, out, _) = place.run(&[&test[..], &["--format", "json"]].concat());
    let covered: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(covered[0]["parts"]["selection"]["met"][0], "public.json");
}

#[test]
fn the_reference_is_written_and_checked() {
    let place = Place::new();
    place.write("rules/shop/bucket_policy_changed.yml", RULE);
    place.write(
        "gaps/shop.toml",
        "[[row]]\ntitle = \"Many | orders\"\nreason = \"needs counts\"\n",
    );
    let docs = [
        "rules",
        "docs",
        "--rules",
        "rules",
        "--left-out",
        "gaps",
        "--out",
        "pages",
    ];
    let (code, _, err) = place.run(&docs);
    assert_eq!(code, 0, "{err}");
    let page = |name: &str| std::fs::read_to_string(place.path().join("pages").join(name)).unwrap();
    insta::assert_snapshot!(page("shop.md"));
    insta::assert_snapshot!(page("not-covered.md"));
    assert!(
        page("README.md").contains("[SHOP](shop.md)"),
        "{}",
        page("README.md")
    );
    let check = [&docs[..], &["--check"]].concat();
    assert_eq!(place.run(&check).0, 0);
    place.write("pages/shop.md", "changed");
    place.write("pages/gone.md", "");
    let (code, out, _) = place.run(&check);
    assert_eq!(
        (code, out.as_str()),
        (1, "stale: pages/gone.md\nstale: pages/shop.md\n")
    );
}

#[test]
fn a_broken_rule_is_left_out_where_that_is_wanted() {
    let place = Place::new();
    place.write("rules/s3/good.yml", RULE);
    place.write(
        "rules/s3/bad.yml",
        RULE.replace("0a01", "0a02")
            .replace("level: low", "level: lo"),
    );
    place.write(
        "dial.toml",
        "[worker]\nmaster_url = \"https://dial.example.com\"\nkey = \"env:KEY\"\n\
         account = \"111122223333\"\nregion = \"eu-west-1\"\nbucket = \"letters\"\n\
         [worker.detect]\nrules = \"rules\"\non_rule_error = \"skip\"\n",
    );
    let (code, out, err) = place.run(&["rules", "list"]);
    assert!(
        code == 0 && out.contains("s3_bucket_policy_changed"),
        "{out}{err}"
    );
    assert!(err.contains("rule left out: rules/s3/bad.yml:"), "{err}");
    let (code, out, err) = place.run(&["check-config"]);
    assert!(
        format!("{out}{err}").contains("rule left out"),
        "{code} {out}{err}"
    );
    place.write("dial.toml", "[worker.detect]\nrules = \"rules\"\n");
    assert_eq!(place.run(&["rules", "list"]).0, 1);
}

#[test]
fn own_traffic_says_what_is_ordinary() {
    let place = Place::new();
    place.write("fixtures/public.json", PUBLIC_BUCKET);
    let rule = RULE
        .replace("level: low", "level: high")
        .replace("shop-invoices", "shop-i*");
    place.write("rules/s3/bucket_policy_changed.yml", rule);
    assert_eq!(place.run(&["rules", "lint", "rules"]).0, 0);
    let lint = [
        "rules",
        "lint",
        "rules",
        "--ordinary",
        "fixtures/public.json",
    ];
    let (code, out, _) = place.run(&lint);
    assert!(
        code == 3 && out.contains("fires on 1 of 1 of your events, such as PutBucketPolicy"),
        "{out}"
    );
    let (code, _, err) = place.run(&["rules", "lint", "rules", "--ordinary", "none.json"]);
    assert!(code == 1 && err.contains("none.json"), "{err}");
}
