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
