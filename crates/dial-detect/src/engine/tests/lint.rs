//! What lint says of detections that load and mean something else.

use super::{rule, source};
use crate::engine::lint::{self, LintLevel};

/// Remarks on the detection, with their lines; those on missing descriptions and tests left out.
fn remarks(detection: &str, more: &str) -> Vec<String> {
    let text = format!("{more}{}dial: {{ delivery: M }}\n", rule(1, detection));
    let lints = lint::lint_sources(&[source("r", text)]);
    let said = lints.iter().filter(|lint| {
        let about = ["` is missing", "`tests`", "`name` must", "no condition on"];
        !about.iter().any(|known| lint.message.contains(known))
    });
    said.map(|lint| {
        let level = match lint.level {
            LintLevel::Error => "error",
            LintLevel::Warning => "warning",
        };
        let message = lint.message.strip_prefix("r: ").unwrap_or(&lint.message);
        format!("{} {level}: {message}", lint.line.unwrap_or(0))
    })
    .collect()
}

fn told(cases: &[(&str, &str)], more: &str) -> String {
    let told = cases.iter().map(|(name, detection)| {
        let remarks = remarks(detection, more);
        format!("{name}\n  {}\n", remarks.join("\n  "))
    });
    told.collect()
}

#[test]
fn names_and_fields_that_aws_does_not_have() {
    let remarked = told(
        &[
            (
                "right",
                "s:\n  eventSource: s3.amazonaws.com\n  eventName: PutBucketPolicy\n  requestParameters.bucketName: x\ncondition: s",
            ),
            (
                "source misspelled",
                "s:\n  eventSource: guarduty.amazonaws.com\n  eventName: DeleteDetector\ncondition: s",
            ),
            (
                "source in capitals",
                "s:\n  eventSource: S3.amazonaws.com\n  eventName: PutBucketPolicy\ncondition: s",
            ),
            (
                "source without domain",
                "s:\n  eventSource: iam\n  eventName: CreateUser\ncondition: s",
            ),
            (
                "source nobody knows",
                "s:\n  eventSource: brandnewservice.amazonaws.com\n  eventName: CreateThing\ncondition: s",
            ),
            (
                "name misspelled",
                "s:\n  eventSource: iam.amazonaws.com\n  eventName: [CreateUser, CreateAcessKey]\ncondition: s",
            ),
            (
                "name in another case",
                "s:\n  eventSource: iam.amazonaws.com\n  eventName: createUser\ncondition: s",
            ),
            (
                "name of another service",
                "s:\n  eventSource: iam.amazonaws.com\n  eventName: StopLogging\ncondition: s",
            ),
            (
                "name nobody knows",
                "s:\n  eventSource: iam.amazonaws.com\n  eventName: ReverseEntropy\ncondition: s",
            ),
            (
                "name without a source",
                "s:\n  eventName: CreateUsr\ncondition: s",
            ),
            (
                "start of no name",
                "s:\n  eventSource: iam.amazonaws.com\n  eventName|startswith: Foo\ncondition: s",
            ),
            (
                "start of many names",
                "s:\n  eventSource: iam.amazonaws.com\n  eventName: Create*\ncondition: s",
            ),
            (
                "name with a date",
                "s:\n  eventSource: lambda.amazonaws.com\n  eventName: AddPermission20150331v2\ncondition: s",
            ),
            (
                "field misspelled",
                "s:\n  eventSource: iam.amazonaws.com\n  eventName: CreateUser\n  requestParameters.userNme: x\ncondition: s",
            ),
            (
                "field in another case",
                "s:\n  eventSource: rds.amazonaws.com\n  eventName: ModifyDBInstance\n  requestParameters.dbInstanceIdentifier: x\ncondition: s",
            ),
            (
                "field nobody knows",
                "s:\n  eventSource: iam.amazonaws.com\n  eventName: CreateUser\n  requestParameters.colour: x\ncondition: s",
            ),
            (
                "fields of a trail",
                "s:\n  eventSource: ec2.amazonaws.com\n  eventName: RunInstances\n  requestParameters.instancesSet.items.imageId: x\n  responseElements._return: true\ncondition: s",
            ),
            (
                "two selections",
                "a:\n  eventSource: iam.amazonaws.com\nb:\n  eventName: CreateUserr\ncondition: a and b",
            ),
        ],
        "",
    );
    insta::assert_snapshot!(remarked);
    let unlisted = remarks(
        "s:\n  eventSource: iam.amazonaws.com\n  eventName: ReverseEntropy\ncondition: s",
        "tags: [dial.unlisted, attack.t1136]\n",
    );
    assert!(unlisted.is_empty(), "{unlisted:?}");
}

#[test]
fn rules_that_can_never_fire() {
    let remarked = told(
        &[
            (
                "right",
                "a:\n  eventName: CreateUser\nb:\n  errorCode: null\ncondition: a and b",
            ),
            (
                "two names",
                "a:\n  eventName: CreateUser\nb:\n  eventName: DeleteUser\ncondition: a and b",
            ),
            (
                "two names, either",
                "a:\n  eventName: CreateUser\nb:\n  eventName: DeleteUser\ncondition: a or b",
            ),
            (
                "names that meet",
                "a:\n  eventName|startswith: Create\nb:\n  eventName: [CreateUser, DeleteUser]\ncondition: a and b",
            ),
            (
                "names that do not",
                "a:\n  eventName|startswith: Put\nb:\n  eventName: [CreateUser, DeleteUser]\ncondition: a and b",
            ),
            (
                "a date is no difference",
                "a:\n  eventName: AddPermission\nb:\n  eventName: AddPermission20150331v2\ncondition: a and b",
            ),
            (
                "lists have several values",
                "a:\n  eventName: CreateUser\n  requestParameters.tags.key: x\nb:\n  requestParameters.tags.key: y\ncondition: a and b",
            ),
            (
                "missing and present",
                "a:\n  eventName: CreateUser\n  requestParameters.userName: null\nb:\n  requestParameters.userName|startswith: x\ncondition: a and b",
            ),
            (
                "exists and does not",
                "a:\n  eventName: CreateUser\n  errorCode|exists: true\nb:\n  errorCode|exists: true\ncondition: a and not b",
            ),
            (
                "fact of other events",
                "s:\n  eventSource: iam.amazonaws.com\n  eventName: CreateUser\n  fact.s3.policy.public: true\ncondition: s",
            ),
            (
                "fact that is never false",
                "s:\n  eventName: CreateUser\n  fact.principal.root: false\ncondition: s",
            ),
            (
                "fact that may be false",
                "s:\n  eventSource: signin.amazonaws.com\n  eventName: ConsoleLogin\n  fact.signin.mfa: false\ncondition: s",
            ),
            (
                "reads that write",
                "s:\n  eventName: [CreateUser, DeleteUser]\n  readOnly: true\ncondition: s",
            ),
            (
                "writes that read",
                "s:\n  eventName: ListUsers\n  readOnly: 'false'\ncondition: s",
            ),
            (
                "one way of two",
                "a:\n  eventName: CreateUser\nb:\n  eventName: DeleteUser\nc:\n  errorCode: null\ncondition: (a and b) or (a and c)",
            ),
            (
                "all of them",
                "sel_a:\n  eventName: CreateUser\nsel_b:\n  eventName: DeleteUser\ncondition: all of sel_*",
            ),
        ],
        "",
    );
    insta::assert_snapshot!(remarked);
    let errors_only = "s:\n  eventName: CreateUser\n  errorCode: AccessDenied\ncondition: s";
    let text = format!(
        "{}dial: {{ delivery: M, attempts: false }}\n",
        rule(1, errors_only)
    );
    let lints = lint::lint_sources(&[source("r", text)]);
    let never = lints
        .iter()
        .filter(|lint| lint.message.contains("can never fire"));
    assert_eq!(never.count(), 1, "{lints:?}");
}

#[test]
fn traps_of_sigma() {
    let remarked = told(
        &[
            (
                "place without version",
                "s:\n  eventName: CreateUser\n  requestParameters.tags[0].key: x\ncondition: s",
            ),
            (
                "regex with letters",
                "s:\n  eventName: CreateUser\n  userAgent|re: ^kali\ncondition: s",
            ),
            (
                "regex that says so",
                "s:\n  eventName: CreateUser\n  userAgent|re: (?-i)^kali\ncondition: s",
            ),
            (
                "regex without letters",
                "s:\n  eventName: CreateUser\n  userAgent|re: '^\\d+$'\ncondition: s",
            ),
            (
                "network of a name",
                "s:\n  eventName: CreateUser\n  eventSource|cidr: 10.0.0.0/8\ncondition: s",
            ),
            (
                "anything",
                "s:\n  eventName: CreateUser\n  userAgent|contains: '*'\ncondition: s",
            ),
            ("common keyword", "s:\n  - '*a*'\ncondition: s"),
            ("all keywords", "s:\n  '|all': [aws, tools]\ncondition: s"),
            (
                "two members",
                "s:\n  eventSource: ec2.amazonaws.com\n  eventName: AuthorizeSecurityGroupIngress\n  requestParameters.ipPermissions.items.fromPort: 22\n  requestParameters.ipPermissions.items.ipRanges.items.cidrIp: 0.0.0.0/0\n  requestParameters.ipPermissions.items.toPort: 22\ncondition: s",
            ),
            (
                "not equal",
                "s:\n  eventName: CreateUser\n  userAgent|neq: x\ncondition: s",
            ),
            (
                "of an envelope",
                "s:\n  detail-type: x\n  detail.eventName: CreateUser\ncondition: s",
            ),
        ],
        "",
    );
    insta::assert_snapshot!(remarked);
    let remarked = told(
        &[
            (
                "one member",
                "s:\n  eventName: CreateUser\n  requestParameters.tags[any]:\n    key: x\n    value: y\ncondition: s",
            ),
            (
                "dots below any",
                "s:\n  eventName: CreateUser\n  requestParameters.tags[any]:\n    key.name: x\ncondition: s",
            ),
            (
                "every member",
                "s:\n  eventName: CreateUser\n  requestParameters.tags[all]:\n    key: x\ncondition: s",
            ),
            (
                "members apart",
                "s:\n  eventName: CreateUser\n  requestParameters.tags[any].key: x\n  requestParameters.tags[any].value: y\ncondition: s",
            ),
        ],
        "sigma-version: 3\n",
    );
    insta::assert_snapshot!(remarked);
    let native = rule(
        1,
        "s:\n  source: aws.guardduty\n  severity: 8\n  eventName: X\ncondition: s",
    );
    let native = native.replace("service: cloudtrail", "service: guardduty");
    let lints = lint::lint_sources(&[source("r", native)]);
    let below = lints
        .iter()
        .filter(|lint| lint.message.contains("below `detail.`"));
    assert_eq!(below.count(), 2, "{lints:?}");
}

#[test]
fn a_rule_that_fires_on_ordinary_work_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let loud = rule(1, "s:\n  eventSource: s3.amazonaws.com\ncondition: s");
    std::fs::write(
        folder.path().join("loud.yml"),
        loud.replace("level: low", "level: high"),
    )
    .unwrap();
    let quiet = rule(2, "s:\n  eventName: CreateUser\ncondition: s");
    std::fs::write(
        folder.path().join("quiet.yml"),
        quiet.replace("level: low", "level: high"),
    )
    .unwrap();
    let lints = lint::lint(folder.path());
    let fires = lints
        .iter()
        .filter(|lint| lint.message.contains("fires on"));
    let fires: Vec<&str> = fires.map(|lint| lint.message.as_str()).collect();
    assert!(
        fires.len() == 1 && fires[0].starts_with("loud: fires on "),
        "{fires:?}"
    );
}

mod any_text {
    use super::super::source;
    use crate::engine::lint;
    use proptest::prelude::*;

    /// Lines of rules, right and wrong, in any order and number.
    fn lines() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            prop::sample::select(vec![
                "title: t",
                "id: 00000000-0000-4000-8000-000000000001",
                "level: low",
                "---",
                "logsource: { product: aws, service: cloudtrail }",
                "logsource: { service: guardduty }",
                "detection:",
                "  s:",
                "    eventName: CreateUser",
                "    eventName|re: '(a'",
                "    eventSource: [iam.amazonaws.com, null, 3]",
                "    '|all': [a, b]",
                "    - x",
                "    requestParameters.a.b[any]:",
                "      c[0]: null",
                "  condition: s",
                "  condition: not 1 of s*",
                "  condition: 3 of them",
                "  condition: '((s'",
                "sigma-version: 3",
                "tags: [attack.t1, attack.é, 7]",
                "dial: { delivery: R, attempts: 1 }",
                "tests: [{ event: x, expect: match }]",
                "name: é",
                "filter:",
                "correlation:",
                "  type: temporal",
            ])
            .prop_map(str::to_owned),
            "[ -~é\t]{0,24}",
        ];
        prop::collection::vec(line, 0..24).prop_map(|lines| lines.join("\n"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn gives_remarks_and_never_a_panic(text in lines()) {
            let _ = lint::lint_sources(&[source("r", text)]);
        }
    }
}
