//! Everything that is wrong with rule files is fatal, and named with file and line.

use super::{engine, rule, source};
use crate::engine::pack::PACK;
use crate::engine::{Engine, RuleInfo, RuleSources, View, lint};
use crate::settings::OnRuleError;

fn errors(texts: &[&str]) -> String {
    let texts = texts.iter().map(|text| (*text).to_owned());
    let errors = engine(texts).err().unwrap_or_default();
    let lines = errors.iter().map(ToString::to_string);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn broken_rules_are_refused_with_their_place() {
    let good = rule(1, "s:\n  eventName: X\ncondition: s");
    let cases = [
        ("no YAML", "title: [".to_owned()),
        ("empty", "\n\n".to_owned()),
        (
            "no id",
            good.replace("id: 00000000-0000-4000-8000-000000000001\n", ""),
        ),
        ("id is no UUID", good.replace("00000000-0000-4000", "1")),
        ("no level", good.replace("level: low\n", "")),
        ("unknown level", good.replace("level: low", "level: hgih")),
        (
            "unknown modifier",
            good.replace("eventName:", "eventName|contians:"),
        ),
        ("no condition", good.replace("condition: s", "note: s")),
        (
            "unknown selection",
            good.replace("condition: s", "condition: t"),
        ),
        (
            "bad regex",
            good.replace("eventName: X", "eventName|re: '('"),
        ),
        (
            "bad network",
            good.replace("eventName: X", "sourceIPAddress|cidr: 10.0.0.0/99"),
        ),
        (
            "unknown key of ours",
            format!("{good}dial: {{ delivry: M }}\n"),
        ),
        ("good after bad", format!("title: x\n---\n{good}")),
    ];
    insta::assert_snapshot!(refusals(&cases));
}

#[test]
fn what_costs_too_much_is_refused() {
    let good = rule(1, "s:\n  eventName: X\ncondition: s");
    let cases = [
        (
            "regex that grows",
            good.replace(
                "eventName: X",
                "userAgent: y\n    eventName|re: '(a{500}){500}'",
            ),
        ),
        (
            "long regex",
            good.replace(
                "eventName: X",
                &format!("eventName|re: '{}'", "a?".repeat(600)),
            ),
        ),
        (
            "many regexes",
            good.replace(
                "eventName: X",
                &format!("eventName|re: [{}]", "a, ".repeat(70)),
            ),
        ),
        (
            "many values",
            good.replace(
                "eventName: X",
                &format!("eventName: [{}]", "a, ".repeat(3_000)),
            ),
        ),
        (
            "long value",
            good.replace(
                "eventName: X",
                &format!("eventName: '{}'", "a".repeat(5_000)),
            ),
        ),
        (
            "deep",
            good.replace("title:", "sigma-version: 3\ntitle:")
                .replace("eventName: X", &nested(9)),
        ),
        (
            "long condition",
            good.replace(
                "condition: s",
                &format!("condition: {}", "s or ".repeat(600) + "s"),
            ),
        ),
        (
            "deep condition",
            good.replace(
                "condition: s",
                &format!("condition: {}s", "not ".repeat(40)),
            ),
        ),
        (
            "deeper condition",
            good.replace(
                "condition: s",
                &format!("condition: {}s", "not ".repeat(4_000)),
            ),
        ),
        (
            "deepest that is read",
            good.replace(
                "condition: s",
                &format!(
                    "condition: {}({}s{}",
                    "not ".repeat(140),
                    "not (".repeat(59),
                    ")".repeat(60)
                ),
            ),
        ),
        (
            "costly filter",
            format!(
                "{good}---\ntitle: f\nlogsource: {{ product: aws }}\nfilter:\n  rules: any\n  s:\n    a|re: '('\n  condition: not s\n"
            ),
        ),
        ("aliases", bomb()),
    ];
    insta::assert_snapshot!(refusals(&cases));
}

fn refusals(cases: &[(&str, String)]) -> String {
    let told = cases.iter().map(|(name, text)| {
        let found = errors(&[text]);
        assert!(!found.is_empty(), "{name} was accepted");
        format!("{name}\n  {}\n", found.replace('\n', "\n  "))
    });
    told.collect()
}

/// A list in a list in a list.
fn nested(depth: usize) -> String {
    let levels = (0..depth).map(|level| {
        let indent = "  ".repeat(level + 3);
        format!("a[any]:\n{indent}")
    });
    levels.collect::<String>() + "  b: c"
}

/// Lists of lists, each by the one before.
fn bomb() -> String {
    let lists = (1..9).map(|level| {
        let before = format!("*l{}, ", level - 1).repeat(9);
        format!("l{level}: &l{level} [{before}]\n")
    });
    format!("l0: &l0 [a]\n{}", lists.collect::<String>())
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    let unknown = rule(1, "s:\n  eventName: X\ncondition: t");
    put("a_latin.yml", b"title: caf\xe9\n");
    put("b_unknown.yml", unknown.as_bytes());
    let wanted = RuleSources {
        folder: Some(folder.path()),
        audit: false,
        on_error: OnRuleError::Refuse,
    };
    let refused = Engine::load(&wanted, Vec::new()).err().unwrap();
    let refused: Vec<String> = refused.iter().map(ToString::to_string).collect();
    let remarks = lint::lint(folder.path()).into_iter();
    let remarks = remarks.map(|it| (it.file, it.line, it.message));
    let remarks: Vec<_> = remarks.collect();
    for (file, line, said) in [
        ("a_latin.yml", 1, "is no UTF-8; save the file as UTF-8"),
        ("b_unknown.yml", 8, "names `t`, which the detection has not"),
    ] {
        let path = folder.path().join(file).display().to_string();
        let place = format!("{path}:{line}: ");
        let is_told = |text: &String| text.starts_with(&place) && text.contains(said);
        assert!(refused.iter().any(is_told), "{refused:?}");
        let is_told = |(at, number, text): &(String, Option<usize>, String)| {
            *at == path && *number == Some(line) && text.contains(said)
        };
        assert!(remarks.iter().any(is_told), "{remarks:?}");
    }
}

#[test]
fn ids_and_names_are_unique() {
    let text = rule(1, "s:\n  eventName: X\ncondition: s");
    insta::assert_snapshot!(errors(&[&text, &text]), @"r1.yml:2: id 00000000-0000-4000-8000-000000000001 is also that of r0.yml");
}

#[test]
fn an_own_rule_replaces_that_of_the_pack() {
    let pack = Engine::of(&[], PACK, Vec::new()).unwrap();
    let own = source(
        "cloudtrail_trail_stopped",
        rule(2, "s:\n  eventName: Y\ncondition: s"),
    );
    let engine = Engine::of(&[own], PACK, Vec::new()).unwrap();
    assert_eq!(engine.rules().len(), pack.rules().len());
    let named = engine
        .rules()
        .iter()
        .filter(|rule| rule.name == "cloudtrail_trail_stopped");
    let ids: Vec<&str> = named.map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["00000000-0000-4000-8000-000000000002"]);
    assert_ne!(engine.hash(), pack.hash());
}

#[test]
fn ids_of_the_pack_are_taken() {
    let taken = PACK[0].id;
    let text = rule(1, "s:\n  eventName: X\ncondition: s");
    let text = text.replace(
        "00000000-0000-4000-8000-000000000001",
        &taken.to_uppercase(),
    );
    let errors = Engine::of(&[source("own", text)], PACK, Vec::new())
        .err()
        .unwrap();
    assert_eq!(
        errors[0].message,
        format!("id {taken} is also that of {}", PACK[0].name)
    );
}

#[test]
fn the_whole_pack_can_be_built() {
    let engine = Engine::of(&[], PACK, Vec::new()).unwrap();
    for (index, packed) in PACK.iter().enumerate() {
        let compiled = engine.compiled(index).unwrap();
        assert_eq!(
            compiled.title,
            engine.rules()[index].title,
            "{}",
            packed.name
        );
    }
}

#[test]
fn filters_narrow_rules_of_the_pack() {
    let id = PACK
        .iter()
        .find(|packed| packed.name == "cloudtrail_trail_stopped")
        .unwrap()
        .id;
    for rule in [id.to_uppercase().as_str(), "cloudtrail_trail_stopped"] {
        narrows(rule);
    }
}

/// A filter about this rule keeps it silent, and needs what it reads.
fn narrows(rule: &str) {
    let filter = format!(
        "title: not in Ireland\nlogsource: {{ product: aws, service: cloudtrail }}\nfilter:\n  \
         rules: [{rule}]\n  selection:\n    account.production: true\n  condition: not selection\n"
    );
    let engine = Engine::of(&[source("filter", filter)], PACK, Vec::new()).unwrap();
    let event = super::event(serde_json::json!({
        "eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com",
        "requestParameters": { "name": "main" },
    }));
    let rules = engine.candidates(&event);
    assert!(engine.needs(&rules).any_of(&["account"]));
    for (production, expected) in [(false, 1), (true, 0)] {
        let derived = serde_json::json!({ "account": { "production": production } });
        let hits = engine.judge(&rules, &View::new(&event, &derived));
        assert_eq!(hits.len(), expected, "{rule}: {production}");
    }
}

#[test]
fn filters_apply_and_must_name_a_rule() {
    let text = rule(1, "s:\n  eventName: X\ncondition: s");
    let filter = |rule: &str| {
        format!(
            "title: not dev\nlogsource: {{ product: aws, service: cloudtrail }}\nfilter:\n  rules: [{rule}]\n  selection:\n    userIdentity.userName: dev\n  condition: not selection\n"
        )
    };
    let engine = engine([text.clone(), filter("00000000-0000-4000-8000-000000000001")]).unwrap();
    let by = |user: &str| {
        let record = serde_json::json!({ "eventName": "X", "userIdentity": { "userName": user } });
        super::matching(&engine, &super::event(record), &serde_json::json!({})).len()
    };
    assert_eq!((by("clerk"), by("dev")), (1, 0));
    insta::assert_snapshot!(errors(&[&text, &filter("nobody")]), @"r1.yml:4: filter `not dev` names no rule: nobody");
}

#[test]
fn lint_names_the_traps() {
    let text = "title: Traps\nid: 00000000-0000-4000-8000-000000000009\nname: other\nsigma-version: 3\n\
        tags: [attack.t99, attack.impact]\nlevel: low\nlogsource: { product: aws, service: s3 }\ndetection:\n  \
        s:\n    eventname: X\n    nonsense.field: 1\n    fact.s3.policy.pubic: true\n    geo.planet: x\n    \
        userAgent|windash|contains: '-x'\n    requestParameters.a|neq: b\n    requestParameters.items[any]:\n      \
        ranges.cidr: x\n    requestParameters.others[all]:\n      a: b\n  condition: s\n";
    let lints = lint::lint_sources(&[source("traps", text.to_owned())]);
    let remarks = lints.iter().map(|lint| {
        let line = lint.line.map_or(0, |line| line);
        format!("{line:>2} {:?} {}", lint.level, lint.message)
    });
    insta::assert_snapshot!(remarks.collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_is_sound_runs_where_errors_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let good = |id: u32| rule(id, "s:\n  eventName: X\ncondition: s");
    put("a_good.yml", good(1));
    put("b_broken.yml", "title: [".to_owned());
    put(
        "c_regex.yml",
        good(3).replace("eventName: X", "eventName|re: '('"),
    );
    put("d_twice.yml", good(1));
    put(
        "e_several.yml",
        format!(
            "{}---\n{}---\n{}",
            good(4),
            good(5).replace("level: low\n", ""),
            good(6)
        ),
    );
    put(
        "e_deep.yml",
        format!(
            "{}---\n{}",
            good(8).replace(
                "condition: s",
                &format!("condition: {}s", "not ".repeat(4_000))
            ),
            good(9)
        ),
    );
    put("f_filter.yml", "title: f\nlogsource: { product: aws }\nfilter:\n  rules: [nobody]\n  s:\n    a: b\n  condition: not s\n".to_owned());
    // It stands for one of the pack, which then judges.
    put(
        "s3_bucket_policy_public.yml",
        format!(
            "name: s3_bucket_policy_public\n{}",
            good(7).replace("level", "lvl")
        ),
    );
    let wanted = |on_error| RuleSources {
        folder: Some(folder.path()),
        audit: false,
        on_error,
    };
    assert!(Engine::load(&wanted(OnRuleError::Refuse), Vec::new()).is_err());
    let engine = Engine::load(&wanted(OnRuleError::Skip), Vec::new()).unwrap();
    let own = engine.rules().iter().filter(|rule| !rule.built_in);
    let own: Vec<&str> = own.map(|rule| rule.title.as_str()).collect();
    assert_eq!(own, ["rule 1", "rule 9", "rule 4", "rule 6"]);
    let of_pack = |rule: &&RuleInfo| rule.built_in && rule.name == "s3_bucket_policy_public";
    assert_eq!(engine.rules().iter().filter(of_pack).count(), 1);
    let told = engine.left_out().iter().map(|error| {
        let folder = format!("{}/", folder.path().display());
        error.to_string().replace(&folder, "")
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}

#[test]
fn public_collections_load_as_they_are() {
    let good = |id| rule(id, "s:\n  eventName: X\ncondition: s");
    let one = good(1);
    let often = "title: often\ncorrelation:\n  type: event_count\n  rules: [x]\n  group-by: [y]\n  timespan: 5m\n  condition: { gte: 3 }\n";
    let text = format!("{one}---\n{}---\n{often}---\n{one}", good(2));
    let engine = Engine::of(&[source("all", text)], &[], Vec::new()).unwrap();
    // What is said twice, word for word, is one rule.
    let titles: Vec<&str> = engine.rules().iter().map(|r| r.title.as_str()).collect();
    assert_eq!(titles, ["rule 1", "rule 2"]);
    let left_out: Vec<String> = engine.left_out().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(left_out.join("\n"), @"all.yml:19: `often` is a correlation; only rules over single events run");
    // With another word it is two rules that share an id.
    let text = format!("{one}---\n{}", one.replace("level: low", "level: high"));
    assert!(Engine::of(&[source("all", text)], &[], Vec::new()).is_err());
}
