//! What each kind of condition becomes, and what stays out.

use super::*;

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
fn decoys_are_watched_where_one_field_tells() {
    let settings: Settings = serde_json::from_value(serde_json::json!({ "decoys": [
        { "kind": "access_key", "name": "AKIAEXAMPLE000000001" },
        { "kind": "user", "name": "arn:aws:iam::111122223333:user/ops/sec" },
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
