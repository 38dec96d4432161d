//! Which conditions narrow a grant.

use super::{allow, allow_if, reach};
use serde_json::json;

#[test]
fn only_fixed_values_under_positive_operators_narrow() {
    let organization = json!({"aws:PrincipalOrgID": "o-a1b2c3d4e5"});
    let cases = [
        (
            "organization",
            json!({"StringEquals": organization}),
            "private",
        ),
        (
            "key in lower case",
            json!({"StringEquals": {"aws:principalorgid": "o-a1b2c3d4e5"}}),
            "private",
        ),
        (
            "not this organization",
            json!({"StringNotEquals": organization}),
            "public",
        ),
        (
            "if the key exists",
            json!({"StringEqualsIfExists": organization}),
            "public",
        ),
        (
            "all values",
            json!({"ForAllValues:StringEquals": organization}),
            "public",
        ),
        (
            "any value",
            json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/r-ab12/*"}}),
            "private",
        ),
        (
            "any path",
            json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "*"}}),
            "public",
        ),
        (
            "any organization",
            json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
            "public",
        ),
        (
            "policy variable",
            json!({"StringEquals": {"aws:PrincipalOrgID": "${aws:PrincipalOrgID}"}}),
            "public",
        ),
        (
            "one value open",
            json!({"StringLike": {"aws:PrincipalOrgID": ["o-a1b2c3d4e5", "*"]}}),
            "public",
        ),
        (
            "no value",
            json!({"StringEquals": {"aws:PrincipalOrgID": []}}),
            "public",
        ),
        (
            "key must exist",
            json!({"Null": {"aws:PrincipalOrgID": "false"}}),
            "public",
        ),
        (
            "mounted from a VPC",
            json!({"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}}),
            "private",
        ),
        (
            "not mounted",
            json!({"Bool": {"elasticfilesystem:AccessedViaMountTarget": "false"}}),
            "public",
        ),
        (
            "encrypted in transit",
            json!({"Bool": {"aws:SecureTransport": "true"}}),
            "public",
        ),
        (
            "own account",
            json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}}),
            "private",
        ),
        (
            "account as number",
            json!({"StringEquals": {"aws:PrincipalAccount": 111_122_223_333_u64}}),
            "public",
        ),
        (
            "unknown account",
            json!({"StringEquals": {"aws:SourceAccount": "777788889999"}}),
            "external",
        ),
        (
            "known and unknown account",
            json!({"StringEquals": {"aws:SourceAccount": ["111122223333", "777788889999"]}}),
            "external",
        ),
        (
            "two conditions hold together",
            json!({"StringEquals": {"aws:SourceAccount": "777788889999", "aws:PrincipalAccount": "111122223333"}}),
            "private",
        ),
        (
            "any account",
            json!({"StringLike": {"aws:PrincipalAccount": "*"}}),
            "public",
        ),
        (
            "roles of ours",
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}}),
            "private",
        ),
        (
            "roles of anyone",
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}}),
            "public",
        ),
        (
            "wildcard across colons",
            json!({"StringLike": {"aws:PrincipalArn": "arn:*:111122223333:role/admin"}}),
            "public",
        ),
        (
            "bucket as source",
            json!({"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::example-bucket"}}),
            "private",
        ),
        (
            "buckets by pattern",
            json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::example-*"}}),
            "public",
        ),
        (
            "topic owner",
            json!({"StringEquals": {"AWS:SourceOwner": "111122223333"}}),
            "private",
        ),
        (
            "endpoint",
            json!({"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}}),
            "private",
        ),
        (
            "any network",
            json!({"StringLike": {"aws:SourceVpc": "vpc-*"}}),
            "public",
        ),
        (
            "office",
            json!({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "2001:db8::/32"]}}),
            "private",
        ),
        (
            "every address",
            json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
            "public",
        ),
        (
            "every IPv6 address",
            json!({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "::/0"]}}),
            "public",
        ),
        (
            "both halves",
            json!({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}),
            "public",
        ),
        (
            "private addresses of any network",
            json!({"IpAddress": {"aws:VpcSourceIp": "10.1.0.0/16"}}),
            "public",
        ),
        (
            "not from there",
            json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
            "public",
        ),
        (
            "no address",
            json!({"IpAddress": {"aws:SourceIp": "anything"}}),
            "public",
        ),
        (
            "encryption in transit",
            json!({"Bool": {"aws:SecureTransport": "true"}}),
            "public",
        ),
        (
            "referer",
            json!({"StringLike": {"aws:Referer": "https://example.com/*"}}),
            "public",
        ),
        (
            "tag of the caller",
            json!({"StringEquals": {"aws:PrincipalTag/team": "ops"}}),
            "public",
        ),
        ("odd condition", json!("StringEquals"), "public"),
    ];
    for (name, condition, expected) in cases {
        let policy = json!({"Statement": [allow_if(condition)]});
        assert_eq!(reach(&policy), expected, "{name}");
    }
}

#[test]
fn conditions_rescue_named_strangers_only_where_they_contradict() {
    let mut statement = allow(json!({"AWS": "777788889999"}));
    statement["Condition"] = json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
    assert_eq!(reach(&json!({"Statement": statement})), "external");
    statement["Condition"] = json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}});
    assert_eq!(reach(&json!({"Statement": statement})), "private");
}
