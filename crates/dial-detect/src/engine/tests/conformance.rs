//! What a detection means here. The library's own answers are pinned, so that an update cannot
//! change a rule's meaning unseen; deviations from plain Sigma are named in the case.

use super::{engine, event, matching, rule};
use serde_json::{Value, json};

fn record() -> Value {
    json!({
        "eventName": "UpdateFunctionCode20150331v2",
        "eventSource": "lambda.amazonaws.com",
        "sourceIPAddress": "2001:db8:5::9",
        "userAgent": "aws-cli/2.17 C:\\tools",
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/clerk", "userName": "clerk" },
        "requestParameters": {
            "functionName": "orders",
            "userName": "CLERK",
            "port": 22, "portText": "22", "ratio": 0.5,
            "publish": true, "dryRun": "false",
            "nothing": null, "emptyText": "", "emptyList": [], "emptyObject": {},
            "pattern": "a*b",
            "layers": ["arn:aws:lambda:eu-west-1:444455556666:layer:x:1", "Y"],
            "items": [
                { "protocol": "tcp", "port": 22, "ranges": [{ "cidr": "10.0.0.0/8" }, { "cidr": "0.0.0.0/0" }] },
                { "protocol": "udp", "port": 53, "ranges": [{ "cidr": "192.0.2.0/24" }] }
            ],
            "grant": { "grantee": "everyone", "permission": "READ" },
            "time": "2026-05-01T03:00:00Z",
            "encoded": "Zm9vYmFy",
            "flat.key": "flat", "flat": { "key": "nested" },
            "mixed": ["x", { "y": "z" }]
        },
        "responseElements": null
    })
}

fn derived() -> Value {
    json!({
        "fact": { "lambda": { "url": { "public": true } }, "ports": [22, 3389] },
        "geo": { "country": "NL" },
        "reputation": { "listed": true, "lists": ["exits"] },
        "account": { "id": "111122223333", "name": "orders" }
    })
}

fn check(cases: &[(&str, &str, bool)], version: &str) {
    for (name, detection, expected) in cases {
        let text = format!("{version}{}", rule(1, detection));
        let engine = engine([text]).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        let matched = !matching(&engine, &event(record()), &derived()).is_empty();
        assert_eq!(matched, *expected, "{name}");
    }
}

#[test]
fn values_compare_as_sigma_says() {
    check(
        &[
            (
                "equality ignores case",
                "s:\n  eventSource: LAMBDA.amazonaws.com\ncondition: s",
                true,
            ),
            (
                "cased does not",
                "s:\n  eventSource|cased: LAMBDA.amazonaws.com\ncondition: s",
                false,
            ),
            (
                "a list of values is any",
                "s:\n  eventSource: [x, lambda.amazonaws.com]\ncondition: s",
                true,
            ),
            (
                "all values",
                "s:\n  userAgent|contains|all: [aws, tools]\ncondition: s",
                true,
            ),
            (
                "all values, one missing",
                "s:\n  userAgent|contains|all: [aws, kali]\ncondition: s",
                false,
            ),
            (
                "starts",
                "s:\n  userAgent|startswith: AWS-CLI/\ncondition: s",
                true,
            ),
            (
                "ends",
                "s:\n  userIdentity.arn|endswith: /clerk\ncondition: s",
                true,
            ),
            (
                "wildcard",
                "s:\n  userIdentity.arn: '*:user/*'\ncondition: s",
                true,
            ),
            (
                "one character",
                "s:\n  requestParameters.portText: '2?'\ncondition: s",
                true,
            ),
            (
                "escaped wildcard",
                "s:\n  requestParameters.pattern: 'a\\*b'\ncondition: s",
                true,
            ),
            (
                "escaped wildcard is no wildcard",
                "s:\n  eventSource: 'lambda\\*'\ncondition: s",
                false,
            ),
            (
                "backslash",
                "s:\n  userAgent|contains: 'C:\\tools'\ncondition: s",
                true,
            ),
            (
                "regex keeps case",
                "s:\n  userAgent|re: ^AWS\ncondition: s",
                false,
            ),
            (
                "regex without case",
                "s:\n  userAgent|re|i: ^AWS\ncondition: s",
                true,
            ),
            (
                "network",
                "s:\n  sourceIPAddress|cidr: 2001:db8::/32\ncondition: s",
                true,
            ),
            (
                "network of the other family",
                "s:\n  sourceIPAddress|cidr: 10.0.0.0/8\ncondition: s",
                false,
            ),
            (
                "network on a name",
                "s:\n  eventSource|cidr: 0.0.0.0/0\ncondition: s",
                false,
            ),
            (
                "number",
                "s:\n  requestParameters.port: 22\ncondition: s",
                true,
            ),
            (
                "number as text",
                "s:\n  requestParameters.portText: 22\ncondition: s",
                true,
            ),
            (
                "text as number",
                "s:\n  requestParameters.port: '22'\ncondition: s",
                true,
            ),
            (
                "greater",
                "s:\n  requestParameters.ratio|gt: 0.4\ncondition: s",
                true,
            ),
            (
                "not less",
                "s:\n  requestParameters.portText|lt: 22\ncondition: s",
                false,
            ),
            (
                "true",
                "s:\n  requestParameters.publish: true\ncondition: s",
                true,
            ),
            (
                "false as text",
                "s:\n  requestParameters.dryRun: false\ncondition: s",
                true,
            ),
            (
                "other field",
                "s:\n  requestParameters.userName|fieldref: userIdentity.userName\ncondition: s",
                true,
            ),
            (
                "part of the day",
                "s:\n  requestParameters.time|hour: 3\ncondition: s",
                true,
            ),
        ],
        "",
    );
}

#[test]
fn missing_null_and_empty_are_three_things() {
    check(
        &[
            (
                "null is null",
                "s:\n  requestParameters.nothing: null\ncondition: s",
                true,
            ),
            (
                "missing is null",
                "s:\n  requestParameters.absent: null\ncondition: s",
                true,
            ),
            (
                "below null is missing",
                "s:\n  responseElements.x: null\ncondition: s",
                true,
            ),
            (
                "empty text is not null",
                "s:\n  requestParameters.emptyText: null\ncondition: s",
                false,
            ),
            (
                "empty text",
                "s:\n  requestParameters.emptyText: ''\ncondition: s",
                true,
            ),
            (
                "missing is no empty text",
                "s:\n  requestParameters.absent: ''\ncondition: s",
                false,
            ),
            (
                "empty list exists",
                "s:\n  requestParameters.emptyList|exists: true\ncondition: s",
                true,
            ),
            (
                "empty object exists",
                "s:\n  requestParameters.emptyObject|exists: true\ncondition: s",
                true,
            ),
            (
                "null does not exist (trap)",
                "s:\n  requestParameters.nothing|exists: true\ncondition: s",
                false,
            ),
            (
                "missing does not exist",
                "s:\n  requestParameters.absent|exists: false\ncondition: s",
                true,
            ),
            (
                "neq is false on missing (lint warns)",
                "s:\n  requestParameters.absent|neq: x\ncondition: s",
                false,
            ),
            (
                "not is true on missing",
                "s:\n  requestParameters.absent: x\ncondition: not s",
                true,
            ),
            (
                "field names keep case (lint refuses)",
                "s:\n  EventSource: lambda.amazonaws.com\ncondition: s",
                false,
            ),
        ],
        "",
    );
}

#[test]
fn lists_and_objects_are_looked_into() {
    check(
        &[
            (
                "any member",
                "s:\n  requestParameters.layers: y\ncondition: s",
                true,
            ),
            (
                "a path enters lists",
                "s:\n  requestParameters.items.ranges.cidr: 0.0.0.0/0\ncondition: s",
                true,
            ),
            (
                "two members meet two conditions (trap)",
                "s:\n  requestParameters.items.port: 53\n  requestParameters.items.ranges.cidr: 0.0.0.0/0\ncondition: s",
                true,
            ),
            (
                "not any",
                "s:\n  requestParameters.layers: y\ncondition: not s",
                false,
            ),
            (
                "text of an object (mended)",
                "s:\n  requestParameters|contains: '\"port\":22'\ncondition: s",
                true,
            ),
            (
                "text of a deeper object (mended)",
                "s:\n  requestParameters.grant|contains: everyone\ncondition: s",
                true,
            ),
            (
                "text of a list of objects (mended)",
                "s:\n  requestParameters.items|contains: 192.0.2.0\ncondition: s",
                true,
            ),
            (
                "text of an object is not in it",
                "s:\n  requestParameters.grant|contains: orders\ncondition: s",
                false,
            ),
            (
                "a lone object is not its parts",
                "s:\n  requestParameters.grant: everyone\ncondition: s",
                false,
            ),
        ],
        "",
    );
    check(
        &[
            (
                "one member meets both",
                "s:\n  requestParameters.items[any]:\n    port: 22\n    protocol: tcp\ncondition: s",
                true,
            ),
            (
                "no member meets both",
                "s:\n  requestParameters.items[any]:\n    port: 53\n    protocol: tcp\ncondition: s",
                false,
            ),
            (
                "inner lists need their own any",
                "s:\n  requestParameters.items[any]:\n    port: 22\n    ranges[any].cidr: 0.0.0.0/0\ncondition: s",
                true,
            ),
            (
                "a dotted path below any is false (lint refuses)",
                "s:\n  requestParameters.items[any]:\n    ranges.cidr: 0.0.0.0/0\ncondition: s",
                false,
            ),
            (
                "a lone object is a list of one (mended)",
                "s:\n  requestParameters.grant[any]:\n    grantee: everyone\n    permission: READ\ncondition: s",
                true,
            ),
            (
                "none",
                "s:\n  requestParameters.items[none]:\n    port: 23\ncondition: s",
                true,
            ),
            (
                "all fails on a lone object (lint refuses)",
                "s:\n  requestParameters.grant[all]:\n    grantee: everyone\ncondition: s",
                false,
            ),
            (
                "place in the list",
                "s:\n  requestParameters.items[1].port: 53\ncondition: s",
                true,
            ),
            (
                "paths still enter lists",
                "s:\n  requestParameters.items.ranges.cidr: 0.0.0.0/0\ncondition: s",
                true,
            ),
        ],
        "sigma-version: 3\n",
    );
}

#[test]
fn conditions_combine() {
    let two = |condition: &str| {
        format!(
            "a:\n  requestParameters.port: 22\nb:\n  requestParameters.port: 1\ncondition: {condition}"
        )
    };
    let cases = [
        ("a and b", false),
        ("a or b", true),
        ("a and not b", true),
        ("not (a and b)", true),
        ("1 of them", true),
        ("all of them", false),
        ("any of a*", true),
    ];
    for (condition, expected) in cases {
        check(&[(condition, &two(condition), expected)], "");
    }
    check(
        &[
            (
                "a list of maps is any",
                "s:\n  - eventName: x\n  - requestParameters.port: 22\ncondition: s",
                true,
            ),
            ("keyword", "k:\n  - clerk\ncondition: k", true),
            (
                "all keywords never match (lint refuses)",
                "k:\n  '|all': [aws-cli, tools]\ncondition: k",
                false,
            ),
            (
                "keywords do not see derived fields",
                "k:\n  - exits\ncondition: k",
                false,
            ),
        ],
        "",
    );
}

#[test]
fn derived_fields_and_names_are_added() {
    check(
        &[
            (
                "name without its date (added)",
                "s:\n  eventName: UpdateFunctionCode\ncondition: s",
                true,
            ),
            (
                "name as AWS wrote it",
                "s:\n  eventName: UpdateFunctionCode20150331v2\ncondition: s",
                true,
            ),
            (
                "end of the name",
                "s:\n  eventName|endswith: Code\ncondition: s",
                true,
            ),
            (
                "another name",
                "s:\n  eventName: UpdateFunction\ncondition: s",
                false,
            ),
            (
                "fact",
                "s:\n  fact.lambda.url.public: true\ncondition: s",
                true,
            ),
            (
                "missing fact",
                "s:\n  fact.lambda.url.private: true\ncondition: s",
                false,
            ),
            (
                "member of a fact",
                "s:\n  fact.ports: 3389\ncondition: s",
                true,
            ),
            ("country", "s:\n  geo.country: nl\ncondition: s", true),
            ("list", "s:\n  reputation.lists: exits\ncondition: s", true),
            ("account", "s:\n  account.name: orders\ncondition: s", true),
            (
                "what is not known is missing",
                "s:\n  asn.number|exists: false\ncondition: s",
                true,
            ),
        ],
        "",
    );
}

#[test]
fn the_rest_of_the_probes() {
    check(
        &[
            (
                "base64",
                "s:\n  requestParameters.encoded|base64|contains: foo\ncondition: s",
                true,
            ),
            (
                "base64 at any offset",
                "s:\n  requestParameters.encoded|base64offset|contains: bar\ncondition: s",
                true,
            ),
            (
                "object in a list",
                "s:\n  requestParameters.mixed.y: z\ncondition: s",
                true,
            ),
            (
                "plain member beside an object",
                "s:\n  requestParameters.mixed: x\ncondition: s",
                true,
            ),
            (
                "any member",
                "s:\n  requestParameters.layers|contains: '*'\ncondition: s",
                true,
            ),
            (
                "empty list is not null",
                "s:\n  requestParameters.emptyList: null\ncondition: s",
                false,
            ),
            (
                "object exists",
                "s:\n  userIdentity|exists: true\ncondition: s",
                true,
            ),
            (
                "no other field",
                "s:\n  requestParameters.absent|fieldref: userIdentity.userName\ncondition: s",
                false,
            ),
            (
                "not all of a list",
                "s:\n  requestParameters.layers|neq: y\ncondition: s",
                false,
            ),
            (
                "place without version is a name (lint refuses)",
                "s:\n  requestParameters.items[0].port: 22\ncondition: s",
                false,
            ),
            (
                "keyword deep inside",
                "k:\n  - '*192.0.2.0*'\ncondition: k",
                true,
            ),
            (
                "at most",
                "s:\n  requestParameters.port|lte: 21\ncondition: s",
                false,
            ),
            (
                "at least, of a text",
                "s:\n  requestParameters.portText|gte: 22\ncondition: s",
                true,
            ),
            (
                "one of many, not of others",
                "sel_a:\n  requestParameters.port: 22\nfilter:\n  requestParameters.absent: 1\ncondition: 1 of sel_* and not 1 of filter*",
                true,
            ),
            (
                "brackets",
                "a:\n  requestParameters.port: 22\nb:\n  requestParameters.port: 1\nc:\n  requestParameters.port: 22\ncondition: (a or b) and not (b and c)",
                true,
            ),
        ],
        "",
    );
}
