//! The tools for rule authors: what they write loads, and what they say is true.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use dial_core::wire::WorkerInfo;
use dial_detect::engine::{self, Draft, Expect, FILL_IN, LintLevel, scaffold};
use dial_detect::envelope::{self, Input};
use dial_detect::event::Event;
use dial_detect::pipeline::Verdict;
use dial_detect::{Pipeline, Settings};
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

fn all_fixtures() -> Vec<PathBuf> {
    let mut folders = vec![fixtures()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn one_event(path: &Path) -> Option<Event> {
    let Ok(Input::Events(items)) = envelope::read(&std::fs::read(path).unwrap()) else {
        return None;
    };
    match <[_; 1]>::try_from(items) {
        Ok([Ok(event)]) => Some(event),
        _ => None,
    }
}

fn draft(event: Option<Event>) -> Draft {
    Draft {
        path: "service/new_rule".into(),
        id: "7c1d9f02-54a7-4d0e-9b3a-5f0c8f0f3e21".into(),
        date: "2026-05-04".into(),
        event_source: event.is_none().then(|| "iam.amazonaws.com".into()),
        event_name: event.is_none().then(|| "CreateUser".into()),
        event,
        ..Draft::default()
    }
}

/// The text with every mark filled in, as an author would.
fn filled(rule: &str) -> String {
    let lines = rule.lines().map(|line| match line {
        line if line.starts_with("tags:") => "tags: [attack.persistence, attack.t1136]".to_owned(),
        line => line.replace(FILL_IN, "because"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn drafts_from_any_event_load_and_pass_their_tests_and_lint() {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: String, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let events = all_fixtures();
    let events = events.iter().filter_map(|path| one_event(path));
    let mut drafts = 0;
    for (number, event) in events.enumerate() {
        let made = scaffold(&Draft {
            path: format!("service/rule_{number}"),
            id: format!("7c1d9f02-54a7-4d0e-9b3a-{number:012}"),
            ..draft(Some(event))
        });
        let made = made.unwrap();
        put(format!("rules/{}", made.rule_path), &filled(&made.rule));
        for (path, event) in &made.fixtures {
            put(format!("fixtures/{path}"), &event.to_string());
        }
        drafts += 1;
    }
    assert!(drafts > 100, "{drafts} events");
    let rules = folder.path().join("rules");
    let tested = engine::test(&rules, &folder.path().join("fixtures")).unwrap();
    assert_eq!(tested.len(), 2 * drafts);
    for outcome in &tested {
        assert_eq!(outcome.failure, None, "{}", outcome.event);
    }
    let remarks = engine::lint(&rules);
    let errors = remarks.iter().filter(|lint| lint.level == LintLevel::Error);
    let errors: Vec<_> = errors.map(|lint| (&lint.file, &lint.message)).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn a_draft_from_a_name_knows_the_service_and_its_fields() {
    let made = scaffold(&draft(None)).unwrap();
    insta::assert_snapshot!(made.rule);
    insta::assert_json_snapshot!(made.fixtures[0].1["requestParameters"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new_rule.yml");
    std::fs::write(&file, &made.rule).unwrap();
    let open = engine::lint(&file);
    let open = open
        .iter()
        .filter(|lint| lint.message.ends_with("still to be filled in"));
    assert_eq!(open.count(), made.rule.matches(FILL_IN).count());
}

#[test]
fn a_draft_is_refused_where_the_service_cannot_be_told() {
    let paths = [
        "bucket_opened",
        "S3/x",
        "../x",
        "s3/",
        "s3/a b",
        "nothing/x",
    ];
    let refused = paths.map(|path| {
        let draft = Draft {
            path: path.into(),
            ..Draft::default()
        };
        scaffold(&draft).unwrap_err().to_string()
    });
    insta::assert_snapshot!(refused.join("\n"));
    for (path, name, source) in [
        ("s3/x", None, "s3.amazonaws.com"),
        ("logs/x", Some("StopLogging"), "cloudtrail.amazonaws.com"),
    ] {
        let draft = Draft {
            path: path.into(),
            event_name: name.map(str::to_owned),
            ..Draft::default()
        };
        let rule = scaffold(&draft).unwrap().rule;
        assert!(rule.contains(&format!("eventSource: {source}\n")), "{rule}");
    }
}

fn pipeline() -> Pipeline {
    Pipeline::new(&Settings::default(), worker()).unwrap()
}

fn worker() -> WorkerInfo {
    WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0.1.0".into(),
        rules: String::new(),
    }
}

#[test]
fn an_explanation_says_what_the_rule_does() {
    let pipeline = pipeline();
    let mut explained = 0;
    for rule in pipeline.rules() {
        let tests = rule.tests.iter().filter(|test| test.given.is_empty());
        for test in tests {
            // What DIAL tells of itself is not read from outside.
            if test.event.starts_with("worker/") {
                continue;
            }
            let event = one_event(&fixtures().join(&test.event)).unwrap();
            let explanation = pipeline.explain(rule, &event, event.time).unwrap();
            let matches = matches!(explanation.verdict, Verdict::Match | Verdict::Suppressed);
            let expected = test.expect == Expect::Match;
            assert_eq!(matches, expected, "{} {}", rule.name, test.event);
            explained += 1;
        }
    }
    assert!(explained > 100, "{explained}");
}

#[test]
fn an_explanation_names_wanted_and_seen() {
    let pipeline = pipeline();
    let cases = [
        (
            "s3_bucket_policy_public",
            "s3/put_bucket_policy_anyone.json",
        ),
        (
            "s3_bucket_policy_public",
            "s3/put_bucket_policy_organization.json",
        ),
        (
            "s3_bucket_policy_public",
            "s3/put_bucket_policy_anyone_denied.json",
        ),
        ("guardduty_finding", "s3/put_bucket_policy_anyone.json"),
    ];
    let mut told = Vec::new();
    for (name, path) in cases {
        let rule = pipeline
            .rules()
            .iter()
            .find(|rule| rule.name == name)
            .unwrap();
        let event = one_event(&fixtures().join(path)).unwrap();
        let mut explanation = pipeline.explain(rule, &event, event.time).unwrap();
        explanation.derived = serde_json::Value::Null;
        told.push(explanation);
    }
    insta::assert_json_snapshot!(told);
}

#[test]
fn an_explanation_says_why_nobody_is_told() {
    let name = "s3_bucket_policy_public";
    let settings = serde_json::json!({ "suppressions": [{
        "owner": "soc", "reason": "a public site", "expires": "2026-06-01",
        "rule": name, "account": "111122223333",
    }] });
    let settings: Settings = serde_json::from_value(settings).unwrap();
    let pipeline = Pipeline::new(&settings, worker()).unwrap();
    let rule = pipeline.rules().iter().find(|rule| rule.name == name);
    let event = one_event(&fixtures().join("s3/put_bucket_policy_anyone.json")).unwrap();
    let cases = [
        (
            "before it ends",
            "2026-05-31T00:00:00Z",
            Verdict::Suppressed,
        ),
        ("after it ended", "2026-06-02T00:00:00Z", Verdict::Match),
    ];
    for (case, now, expected) in cases {
        let explained = pipeline.explain(rule.unwrap(), &event, now.parse().unwrap());
        let explained = explained.unwrap();
        assert_eq!(explained.verdict, expected, "{case}");
        let said = explained.because.unwrap_or_default();
        assert_eq!(
            said.contains("of soc fits (a public site)"),
            expected == Verdict::Suppressed,
            "{said}"
        );
    }
}
