//! Rules become patterns: what each kind of condition gives, and what stays out.

use super::*;
use crate::Settings;
use dial_core::wire::WorkerInfo;

fn pipeline(settings: &Settings) -> Pipeline {
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0".into(),
        rules: String::new(),
    };
    Pipeline::new(settings, worker).unwrap()
}

/// The patterns for the pack and a few rules of the operator's.
fn derived(rules: &[(&str, String)]) -> PatternSet {
    derive(&with_rules(rules), Options::default()).unwrap()
}

/// The pack and a few rules of the operator's.
fn with_rules(rules: &[(&str, String)]) -> Pipeline {
    let folder = tempfile::tempdir().unwrap();
    for (index, (name, detection)) in rules.iter().enumerate() {
        let text = format!(
            "title: {name}\nid: 00000000-0000-4000-8000-{index:012}\nname: {name}\nlevel: low\n{detection}\n"
        );
        std::fs::write(folder.path().join(format!("{name}.yml")), text).unwrap();
    }
    let settings = Settings {
        rules: Some(folder.path().to_owned()),
        ..Settings::default()
    };
    pipeline(&settings)
}

fn patterns_of<'s>(rule: &str, set: &'s PatternSet) -> Vec<&'s Pattern> {
    let has = |pattern: &&Pattern| pattern.rules.iter().any(|name| name == rule);
    set.patterns.iter().filter(has).collect()
}

/// What each of the operator's rules wants, by the narrowest conditions.
fn shown(pipeline: &Pipeline) -> String {
    let mut lines = Vec::new();
    for (rule, trigger, wanted) in rules_wanting(pipeline, false) {
        if rule.built_in {
            continue;
        }
        lines.push(format!("{}:", rule.name));
        lines.extend(wanted.iter().map(|wanted| {
            let marks = match wanted {
                Wanted::Call { read, data, .. } => [(*read, " read"), (*data, " data")],
                _ => [(false, ""); 2],
            };
            let marks = marks.map(|(is, word)| if is { word } else { "" });
            format!("  {}{}", wanted.conditions().to_json(), marks.concat())
        }));
        let reason = reason(&wanted, &trigger);
        lines.extend(reason.map(|reason| format!("  {reason:?}")));
    }
    let records = r#""source":[{"prefix":"aws."}],"detail-type":[{"suffix":" via CloudTrail"}]"#;
    lines.join("\n").replace(records, "…")
}

const RECORDS: &str = "logsource: { product: aws, service: cloudtrail }\n";

#[test]
fn rules_become_the_patterns_that_let_their_events_through() {
    let rules = [
        (
            "known_name",
            "{ a: { eventSource: s3.amazonaws.com, eventName: putbucketpolicy }, condition: a }",
        ),
        (
            "unknown_name",
            "{ a: { eventSource: widgets.amazonaws.com, eventName: createWidget }, condition: a }",
        ),
        (
            "cased_name",
            "{ a: { eventSource: widgets.amazonaws.com, eventName|cased: createWidget }, condition: a }",
        ),
        (
            "dated_name",
            "{ a: { eventSource: lambda.amazonaws.com, eventName: AddPermission }, condition: a }",
        ),
        (
            "unknown_dated_name",
            "{ a: { eventSource: lambda.amazonaws.com, eventName: makeSoup }, condition: a }",
        ),
        (
            "any_service",
            "{ a: { eventName: TagThing }, condition: a }",
        ),
        (
            "prefix_of_a_name",
            "{ a: { eventSource: ecs.amazonaws.com, eventName|startswith: Create }, condition: a }",
        ),
        (
            "read",
            "{ a: { eventSource: ecs.amazonaws.com, eventName: [ListPots, BoilPot] }, condition: a }",
        ),
        (
            "data",
            "{ a: { eventSource: s3.amazonaws.com, eventName: [GetObject, PutObject] }, condition: a }",
        ),
        (
            "either",
            "{ a: { eventSource: ecs.amazonaws.com, eventName: A }, b: { eventSource: eks.amazonaws.com, eventName: B }, condition: a or b }",
        ),
        (
            "but_not",
            "{ a: { eventSource: ecs.amazonaws.com, eventName: [A, B] }, b: { eventName: B }, condition: a and not b }",
        ),
        (
            "one_of",
            "{ a_1: { eventSource: ecs.amazonaws.com, eventName: A }, a_2: { eventSource: eks.amazonaws.com, eventName: B }, condition: 1 of a_* }",
        ),
        (
            "list_of_maps",
            "{ a: [{ eventSource: ecs.amazonaws.com, eventName: A }, { eventSource: eks.amazonaws.com, eventName: B }], condition: a }",
        ),
        (
            "fact_alone",
            "{ a: { fact.kms.grant.external: true }, condition: a }",
        ),
        (
            "root_by_fact",
            "{ a: { fact.principal.root: true }, condition: a }",
        ),
        (
            "root_by_type",
            "{ a: { userIdentity.type: root }, b: { eventType: AwsServiceEvent }, condition: a and not b }",
        ),
        (
            "global",
            "{ a: { eventSource: iam.amazonaws.com, eventName: [CreatePot, ListPots] }, condition: a }",
        ),
        (
            "federation",
            "{ a: { eventSource: sts.amazonaws.com, eventName: GetFederationToken }, condition: a }",
        ),
        (
            "below_a_list",
            "{ a: { requestParameters.items.x: y, eventSource: ecs.amazonaws.com, eventName: A }, condition: a }",
        ),
        (
            "no_name",
            "{ a: { userAgent|contains: curl }, condition: a }",
        ),
        ("absent_name", "{ a: { eventName: null }, condition: a }"),
        ("keyword", "{ a: [curl], condition: a }"),
        (
            "not_configured",
            "{ a: { decoy.touched: true }, condition: a }",
        ),
        (
            "half_configured",
            "{ a: { decoy.touched: true }, b: { eventSource: ecs.amazonaws.com, eventName: A }, condition: a or b }",
        ),
    ];
    let rules = rules.map(|(name, detection)| (name, format!("{RECORDS}detection: {detection}")));
    insta::assert_snapshot!(shown(&with_rules(&rules)));
}

#[test]
fn guards_say_how_a_call_ends_and_who_makes_it() {
    let rules = [
        (
            "failed",
            "{ a: { eventSource: ecs.amazonaws.com, eventName|cased: A, errorCode|startswith: AccessDenied }, condition: a }",
        ),
        (
            "failed_in_some_way",
            "{ a: { eventSource: ecs.amazonaws.com, eventName|cased: A, errorCode|exists: true }, condition: a }",
        ),
        (
            "refused",
            "{ a: { eventSource: ecs.amazonaws.com, eventName|cased: A, errorCode: [AccessDenied, Denied] }, condition: a }",
        ),
        (
            "failed_or_not",
            "{ a: { eventSource: ecs.amazonaws.com, eventName|cased: A }, b: { errorCode: X }, c: { userAgent: curl }, condition: a and (b or c) }",
        ),
        (
            "succeeded",
            "{ a: { eventSource: ecs.amazonaws.com, eventName|cased: A, errorCode: null }, condition: a }",
        ),
        (
            "perhaps_null",
            "{ a: { eventSource: ecs.amazonaws.com, eventName|cased: A, errorCode: [null, X] }, condition: a }",
        ),
        (
            "not_failed",
            "{ a: { eventSource: ecs.amazonaws.com, eventName|cased: A }, b: { errorCode|exists: true }, condition: a and not b }",
        ),
        (
            "by_users",
            "{ a: { eventSource: ecs.amazonaws.com, eventName|cased: A, userIdentity.type: iamuser, errorCode: X }, condition: a }",
        ),
        (
            "not_by_services",
            "{ a: { eventSource: ecs.amazonaws.com, eventName|cased: ListA }, filter_a: [{ userIdentity.type: AWSService }, { userAgent: curl }], filter_b: { userAgent: wget }, condition: a and not 1 of filter_* }",
        ),
        (
            "not_by_services_from_there",
            "{ a: { eventSource: ecs.amazonaws.com, eventName|cased: ListA }, filter: { userIdentity.type: AWSService, userAgent: curl }, condition: a and not filter }",
        ),
        (
            "by_others",
            "{ a: { eventSource: ecs.amazonaws.com, eventName|cased: ListA, fact.principal.external: true }, condition: a }",
        ),
    ];
    let rules = rules.map(|(name, detection)| (name, format!("{RECORDS}detection: {detection}")));
    insta::assert_snapshot!(shown(&with_rules(&rules)));
}

#[test]
fn native_events_are_told_by_their_envelope() {
    let sources = |service: &str| format!("logsource: {{ product: aws{service} }}\n");
    let cases = [
        (
            "by_log_source",
            sources(", service: guardduty"),
            "{ a: { detail.severity: 8 }, condition: a }",
        ),
        (
            "by_detail_type",
            sources(", service: guardduty"),
            "{ a: { detail-type: guardduty finding }, condition: a }",
        ),
        (
            "unknown_detail_type",
            sources(", service: iot"),
            "{ a: { detail-type: Thing Moved }, condition: a }",
        ),
        (
            "without_log_source",
            sources(""),
            "{ a: { source: AWS.Health, detail-type: AWS Health Event }, condition: a }",
        ),
        (
            "of_another_product",
            "logsource: { product: windows }\n".into(),
            "{ a: { eventName: A }, condition: a }",
        ),
    ];
    let rules = cases.map(|(name, log, detection)| (name, format!("{log}detection: {detection}")));
    insta::assert_snapshot!(shown(&with_rules(&rules)));
}

#[test]
fn patterns_are_split_before_they_are_too_long_and_stay_where_they_are() {
    let names = |count: usize| -> String {
        let names: Vec<String> = (0..count)
            .map(|n| format!("CreateSomethingLong{n:03}"))
            .collect();
        names.join(", ")
    };
    let rule = |source: &str, count: usize| {
        format!(
            "{RECORDS}detection: {{ a: {{ eventSource: {source}.amazonaws.com, eventName|cased: [{}] }}, condition: a }}",
            names(count)
        )
    };
    let set = derived(&[("many", rule("tables", 200))]);
    let many = patterns_of("many", &set);
    let lengths: Vec<usize> = many.iter().map(|p| p.length()).collect();
    let own = |pattern: &&Pattern| {
        let text = pattern.pattern.to_string();
        text.matches("CreateSomethingLong").count()
    };
    let listed: usize = many.iter().map(own).sum();
    assert!(
        lengths.len() > 2 && lengths.iter().all(|length| *length <= MAX_PATTERN),
        "{lengths:?}"
    );
    assert_eq!(listed, 200);
    assert_eq!(many[1].name, "writes-t-z-2");
    let other = derived(&[("many", rule("tables", 200)), ("few", rule("apples", 3))]);
    let same = many.iter().all(|pattern| other.patterns.contains(pattern));
    assert!(same, "patterns of another service moved");
    assert_ne!(set.hash, other.hash);
}

#[test]
fn calls_that_pass_anyway_are_not_asked_for_again() {
    let call = |name: &str, more: &str| {
        let rule = format!("eventSource: tables.amazonaws.com, eventName|cased: {name}{more}");
        format!("{RECORDS}detection: {{ a: {{ {rule} }}, condition: a }}")
    };
    let anywhere = "detection: { a: { eventName|cased: BoilPot }, condition: a }";
    let named = |rules: &[(&str, String)]| {
        let set = derived(rules);
        let all = rules.iter().flat_map(|(rule, _)| patterns_of(rule, &set));
        let mut all: Vec<String> = all.map(|pattern| pattern.name.clone()).collect();
        all.sort();
        all.dedup();
        all
    };
    let (all, failed) = (call("BoilPot", ""), call("BoilPot", ", errorCode: Denied"));
    let any = call("BoilPot", ", errorCode|exists: true");
    let by_user = call("BoilPot", ", errorCode: Denied, userIdentity.type: IAMUser");
    assert_eq!(named(&[("failed", failed.clone())]), ["writes-refused"]);
    assert_eq!(
        named(&[("failed", failed.clone()), ("any", any), ("user", by_user)]),
        ["writes-failed"]
    );
    assert_eq!(
        named(&[("failed", failed.clone()), ("all", all)]),
        ["writes-t-z"]
    );
    let anywhere = format!("{RECORDS}{anywhere}");
    let both = named(&[("failed", failed), ("anywhere", anywhere)]);
    assert!(both.contains(&"writes-any-service".to_owned()), "{both:?}");
    assert!(!both.contains(&"writes-refused".to_owned()), "{both:?}");
}

#[test]
fn the_same_rules_give_the_same_hash_in_any_order() {
    let rule = |name: &str| {
        format!(
            "{RECORDS}detection: {{ a: {{ eventSource: x.amazonaws.com, eventName: {name} }}, condition: a }}"
        )
    };
    let one = derived(&[("a", rule("A")), ("b", rule("B"))]);
    let other = derived(&[("b", rule("B")), ("a", rule("A"))]);
    assert_eq!(one.hash, other.hash);
    assert_eq!(one.patterns, other.patterns);
}

#[test]
fn every_record_passes_only_if_asked_for() {
    let rule = format!("{RECORDS}detection: {{ a: {{ userAgent: curl }}, condition: a }}");
    let pipeline = with_rules(&[("all", rule)]);
    let without = derive(&pipeline, Options::default()).unwrap();
    assert!(
        without
            .undelivered
            .iter()
            .any(|it| it.rule == "all" && it.reason == Reason::EveryRecord)
    );
    assert!(patterns_of("all", &without).is_empty());
    let with = derive(
        &pipeline,
        Options {
            every_record: true,
            ..Options::default()
        },
    )
    .unwrap();
    assert!(with.undelivered.iter().all(|it| it.rule != "all"));
    let patterns = patterns_of("all", &with);
    assert_eq!(patterns.len(), 1);
    assert_eq!(patterns[0].kind, Kind::EveryRecord);
    assert_eq!(patterns[0].state, State::AllManagementEvents);
}

#[test]
fn rules_outside_the_deployed_patterns_are_named() {
    let rule = |names: &str| {
        format!(
            "{RECORDS}detection: {{ a: {{ eventSource: ecs.amazonaws.com, eventName|cased: [{names}] }}, condition: a }}"
        )
    };
    let every = format!("{RECORDS}detection: {{ a: {{ userAgent: curl }}, condition: a }}");
    let before = with_rules(&[("a", rule("A")), ("every", every.clone())]);
    let deployed = derive(&before, Options::default()).unwrap();
    assert_eq!(drift(&before, &deployed), None);

    let wider = with_rules(&[("a", rule("A, B")), ("every", every)]);
    let found = drift(&wider, &deployed).unwrap();
    assert_eq!(found.rules, ["a"]);
    assert_eq!(found.deployed, deployed.hash);
    assert_ne!(found.loaded, deployed.rules_hash);

    let reading = with_rules(&[("a", rule("A")), ("reads", rule("DescribePots"))]);
    assert_eq!(drift(&reading, &deployed).unwrap().rules, ["reads"]);
    // Fewer rules, or the same in other words, need nothing new.
    assert_eq!(drift(&with_rules(&[("b", rule("A"))]), &deployed), None);
    assert_eq!(drift(&pipeline(&Settings::default()), &deployed), None);

    let mut edited = deployed.clone();
    edited
        .patterns
        .retain(|pattern| pattern.name != "native-guardduty");
    assert!(
        drift(&before, &edited).is_some(),
        "a pattern was taken out by hand"
    );
    let mut narrowed = deployed;
    for pattern in &mut narrowed.patterns {
        pattern.pattern["account"] = serde_json::json!([{ "anything-but": "1" }]);
    }
    assert!(drift(&before, &narrowed).unwrap().rules.len() > 50);
}

#[test]
fn what_passes_is_counted() {
    let rule = format!(
        "{RECORDS}detection: {{ a: {{ eventSource: ecs.amazonaws.com, eventName: [BoilPot, ListPots] }}, condition: a }}"
    );
    let set = derived(&[("a", rule)]);
    let mut passing = Passing::through(&set);
    let record = |name: &str, read: bool| {
        crate::facts::event(
            serde_json::json!({ "eventSource": "ecs.amazonaws.com", "eventName": name, "readOnly": read }),
        )
    };
    let events = [
        record("BoilPot", false),
        record("ListPots", true),
        record("ListLids", true),
        record("CoolPot", false),
    ];
    for event in &events {
        passing.count(event);
    }
    let totals = Totals {
        events: 4,
        reads: 2,
        passed: 2,
        passed_reads: 1,
    };
    assert_eq!(passing.totals(), totals);
    let mut both = passing.clone();
    both.add(&passing);
    assert_eq!(both.totals().passed, 4);
    let through: u64 = passing.by_pattern().map(|it| it.events).sum();
    assert_eq!(through, 2);
}

#[test]
fn the_pack_needs_what_it_says() {
    let pipeline = pipeline(&Settings::default());
    let needed = needed(&pipeline);
    assert_eq!(needed.len(), pipeline.rules().len());
    let of = |name: &str| {
        let one = needed.iter().find(|it| it.rule == name).unwrap();
        let all: Vec<String> = one.requires.iter().map(ToString::to_string).collect();
        all.join("; ")
    };
    assert_eq!(
        of("cloudtrail_trail_stopped"),
        "a trail with management events"
    );
    assert_eq!(
        of("iam_root_access_key_created"),
        "a trail with management events; a worker in us-east-1"
    );
    assert_eq!(of("guardduty_finding"), "GuardDuty");
}

#[test]
fn decoys_are_watched_where_one_field_tells() {
    let settings: Settings = serde_json::from_value(serde_json::json!({ "decoys": [
        { "kind": "access_key", "name": "AKIAEXAMPLE000000001" },
        { "kind": "user", "name": "arn:aws:iam::111122223333:user/ops/eve" },
        { "kind": "role", "name": "old-admin" },
        { "kind": "secret", "name": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:pay/db-AbCd12" },
        { "kind": "bucket", "name": "company-backups" },
        { "kind": "parameter", "name": "/pay/key" },
    ] })).unwrap();
    let decoys = pipeline(&settings);
    let set = derive(&decoys, Options::default()).unwrap();
    let touching = patterns_of("decoy_touched", &set).into_iter();
    let touching = touching.map(|it| format!("{}: {}", it.name, it.pattern["detail"]));
    insta::assert_snapshot!(touching.collect::<Vec<_>>().join("\n"));
    let partly = Undelivered {
        rule: "decoy_touched".into(),
        reason: Reason::Partly,
    };
    assert!(set.undelivered.contains(&partly));
    let needs = needed(&decoys)
        .into_iter()
        .find(|it| it.rule == "decoy_touched");
    let data = Requirement::DataEvents {
        resource_type: Some("AWS::S3::Object".into()),
    };
    let needs = needs.unwrap().requires;
    assert!(
        needs.contains(&Requirement::TrailFiles) && needs.contains(&data),
        "{needs:?}"
    );

    assert_eq!(drift(&decoys, &set), None);
    let without = pipeline(&Settings::default());
    let without = derive(&without, Options::default()).unwrap();
    assert_eq!(drift(&decoys, &without).unwrap().rules, ["decoy_touched"]);
    let hide = Options {
        hide_decoys: true,
        ..Options::default()
    };
    let hidden = derive(&decoys, hide).unwrap();
    assert!(patterns_of("decoy_touched", &hidden).is_empty());
    assert_eq!(drift(&decoys, &hidden), None);
}

#[test]
fn drift_is_a_finding_and_always_the_same() {
    let pipeline = pipeline(&Settings::default());
    let drift = Drift {
        deployed: "0b1f6d1f4b0c9c55".into(),
        loaded: "5f0a4f6f2e3d1c77".into(),
        rules: (0..30).map(|n| format!("own_rule_{n:02}")).collect(),
    };
    let report = |time: &str| {
        let judged = pipeline.report_drift(&drift, time.parse().unwrap());
        assert_eq!((judged.findings.len(), judged.failures.len()), (1, 0));
        judged.findings.into_iter().next().unwrap()
    };
    let finding = report("2026-05-04T10:00:00Z");
    assert_eq!(finding.validate(), Ok(()));
    assert_eq!(finding.id, report("2026-05-05T11:00:00Z").id);
    insta::assert_snapshot!(format!("{}\n{}", finding.title, finding.explanation));
}

#[test]
fn nobody_outside_can_report_drift() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let notice = std::fs::read(folder.join("worker/pattern_drift.json")).unwrap();
    let Ok(crate::envelope::Input::Events(items)) = crate::envelope::read(&notice) else {
        panic!("an event in an envelope");
    };
    let refused = items.into_iter().next().unwrap().unwrap_err();
    assert_eq!(refused.error, crate::envelope::EnvelopeError::NotFromAws);
}
