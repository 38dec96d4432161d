use super::*;
use crate::facts::sample;
use serde_json::json;

#[test]
fn dates_are_cut_off_names() {
    let cases = [
        ("UpdateFunctionCode20150331v2", "UpdateFunctionCode"),
        ("CreateFunction20150331", "CreateFunction"),
        ("CreateFunction2020_05_31", "CreateFunction"),
        ("AddPermission20150331v2", "AddPermission"),
        ("CreateDistribution2020_05_31", "CreateDistribution"),
        ("CreateFunctionUrlConfig", "CreateFunctionUrlConfig"),
        ("ListObjectsV2", "ListObjectsV2"),
        ("Something1999_05_31", "Something1999_05_31"),
        ("20150331", "20150331"),
        ("20150331v2", "20150331v2"),
        ("Gibtv2", "Gibtv2"),
        ("Größe20150331v2", "Größe"),
        ("", ""),
    ];
    for (raw, expected) in cases {
        assert_eq!(without_date(raw), expected, "{raw}");
    }
}

#[test]
fn paths_are_found_however_they_are_spelt() {
    let event = sample(
        "ec2.amazonaws.com",
        "DeleteFlowLogs",
        json!({
            "DeleteFlowLogsRequest": {"FlowLogId": {"content": "fl-1", "tag": 1}},
            "x-amz-acl": ["public-read"],
            "ipPermissions": {"items": [
                {"ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}, {"cidrIp": "192.0.2.0/24"}]}},
                {"ipRanges": {}},
            ]},
            "attributes": {"Policy": "{}"},
            "publiclyAccessible": "true",
            "acl": "",
            "nothing": null,
        }),
    );
    let call = Call::of(&event);
    let cases: [(&str, &[&str]); 9] = [
        ("flowLogId", &["fl-1"]),
        ("DeleteFlowLogsRequest.FlowLogId", &["fl-1"]),
        ("X_Amz_Acl", &["public-read"]),
        (
            "ipPermissions.ipRanges.cidrIp",
            &["10.0.0.0/8", "192.0.2.0/24"],
        ),
        (
            "ipPermissions.items.ipRanges.items.cidrIp",
            &["10.0.0.0/8", "192.0.2.0/24"],
        ),
        ("attributes.policy", &["{}"]),
        ("nothing", &[]),
        ("nothing.more", &[]),
        ("publiclyAccessible.deeper", &[]),
    ];
    for (path, expected) in cases {
        let found = call.request_all(path);
        let texts: Vec<_> = found.into_iter().filter_map(Value::as_str).collect();
        assert_eq!(texts, expected, "{path}");
    }
    assert_eq!(call.request_flag("publiclyAccessible"), Some(true));
    assert_eq!(call.request_text("acl"), None, "markers are no values");
}

#[test]
fn several_members_of_a_wrapped_list_are_all_found() {
    let event = sample(
        "ec2.amazonaws.com",
        "DeleteFlowLogs",
        json!({
            "DeleteFlowLogsRequest": {"FlowLogId": [
                {"content": "fl-1", "tag": 1},
                {"content": "fl-2", "tag": 2},
            ]},
        }),
    );
    assert_eq!(Call::of(&event).request_all("FlowLogId"), ["fl-1", "fl-2"]);
}

#[test]
fn an_omitted_request_makes_every_policy_unknown() {
    let event = sample(
        "s3.amazonaws.com",
        "PutBucketPolicy",
        json!({
            "omitted": true, "originalSize": 102_401, "reason": "requestParameters too large",
        }),
    );
    let call = Call::of(&event);
    assert!(matches!(call.policy("bucketPolicy"), Document::Unknown(_)));
    let denied = sample("s3.amazonaws.com", "PutBucketPolicy", Value::Null);
    assert_eq!(Call::of(&denied).policy("bucketPolicy"), Document::Absent);
}
