//! Shapes of native events, and that what they are about has the name that our own rules give it.

use super::*;
use crate::facts::sample;
use crate::normalise::Call;
use serde_json::json;

fn native(source: &str, detail: Value) -> Event {
    Event {
        kind: Kind::Native {
            source: source.into(),
            detail_type: "Something Happened".into(),
        },
        record: detail,
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        id: "f/2026-05-01T10:00:00Z".into(),
        time: "2026-05-01T10:00:00Z".parse().unwrap(),
    }
}

fn keys(event: &Event) -> Vec<String> {
    resources(event).iter().map(Resource::key).collect()
}

#[test]
fn reporters_are_sorted_and_say_where_to_look() {
    assert!(REPORTERS.is_sorted_by_key(|it| it.source));
    for reporter in REPORTERS {
        let name = name(&native(reporter.source, json!({}))).map(str::to_owned);
        assert_eq!(name.as_deref(), Some("Something Happened"));
        assert!(!reporter.message.is_empty() && !reporter.name.is_empty());
    }
}

#[test]
fn guardduty_names_every_kind_of_resource() {
    let instance = "arn:aws:ec2:eu-west-1:111122223333:instance/i-1";
    let key = |user: &str, kind: &str| json!({"accessKeyDetails": {"accessKeyId": "AKIA1", "userName": user, "userType": kind}});
    let eks = json!({"eksClusterDetails": {"arn": "arn:aws:eks:eu-west-1:111122223333:cluster/c", "name": "c"},
        "kubernetesDetails": {"kubernetesUserDetails": {"username": "system:anonymous"}}});
    let ecs = json!({"ecsClusterDetails": {"arn": "arn:aws:ecs:eu-west-1:111122223333:cluster/c",
        "taskDetails": {"arn": "arn:aws:ecs:eu-west-1:111122223333:task/c/1"}}});
    let container =
        json!({"containerDetails": {"id": "c1"}, "instanceDetails": {"instanceId": "i-1"}});
    let database = json!({"rdsDbInstanceDetails": {"dbInstanceIdentifier": "db", "dbClusterIdentifier": "cl",
        "dbInstanceArn": "arn:aws:rds:eu-west-1:111122223333:db:db"}, "rdsDbUserDetails": {"user": "admin"}});
    let limitless = json!({"rdsLimitlessDbDetails": {"dbClusterIdentifier": "cl",
        "dbShardGroupArn": "arn:aws:rds:eu-west-1:111122223333:shard-group:s"}});
    let volume = json!({"instanceDetails": {"instanceId": "i-1"}, "ebsVolumeDetails": {"scannedVolumeDetails":
        [{"volumeArn": "arn:aws:ec2:eu-west-1:111122223333:volume/vol-1"}], "skippedVolumeDetails": []}});
    let cases = [
        (
            "user",
            key("clerk", "IAMUser"),
            vec!["AWS::IAM::User/clerk", "AWS::IAM::AccessKey/AKIA1"],
        ),
        (
            "role",
            key("web", "AssumedRole"),
            vec!["AWS::IAM::Role/web", "AWS::IAM::AccessKey/AKIA1"],
        ),
        (
            "root",
            key("Root", "Root"),
            vec!["AWS::IAM::AccessKey/AKIA1"],
        ),
        (
            "instance",
            json!({"instanceDetails": {"instanceId": "i-1"}}),
            vec![instance],
        ),
        (
            "bucket",
            json!({"s3BucketDetails": [{"arn": "arn:aws:s3:::b", "name": "b",
                "s3ObjectDetails": [{"objectArn": "arn:aws:s3:::b/virus", "key": "virus"}]}]}),
            vec!["arn:aws:s3:::b"],
        ),
        (
            "EKS",
            eks,
            vec!["arn:aws:eks:eu-west-1:111122223333:cluster/c"],
        ),
        (
            "ECS",
            ecs,
            vec![
                "arn:aws:ecs:eu-west-1:111122223333:cluster/c",
                "arn:aws:ecs:eu-west-1:111122223333:task/c/1",
            ],
        ),
        ("container", container, vec![instance]),
        (
            "database",
            database,
            vec![
                "arn:aws:rds:eu-west-1:111122223333:db:db",
                "arn:aws:rds:eu-west-1:111122223333:cluster:cl",
            ],
        ),
        (
            "Limitless",
            limitless,
            vec![
                "arn:aws:rds:eu-west-1:111122223333:shard-group:s",
                "arn:aws:rds:eu-west-1:111122223333:cluster:cl",
            ],
        ),
        (
            "function",
            json!({"lambdaDetails": {"functionArn": "arn:aws:lambda:eu-west-1:111122223333:function:f:prod"}}),
            vec!["arn:aws:lambda:eu-west-1:111122223333:function:f"],
        ),
        (
            "malware",
            volume,
            vec![instance, "arn:aws:ec2:eu-west-1:111122223333:volume/vol-1"],
        ),
        ("nothing", json!(7), vec![]),
    ];
    for (name, resource, expected) in cases {
        let event = native("aws.guardduty", json!({"resource": resource}));
        assert_eq!(keys(&event), expected, "{name}");
    }
}

#[test]
fn guardduty_names_who_and_from_where_for_every_action() {
    let v4 = json!({"remoteIpDetails": {"ipAddressV4": "198.51.100.7"}});
    let v6 = json!({"remoteIpDetails": {"ipAddressV6": "2001:db8::7"}});
    let actions = [
        (json!({"awsApiCallAction": v4}), "198.51.100.7"),
        (json!({"networkConnectionAction": v4}), "198.51.100.7"),
        (
            json!({"portProbeAction": {"portProbeDetails": [v4]}}),
            "198.51.100.7",
        ),
        (json!({"kubernetesApiCallAction": v4}), "198.51.100.7"),
        (
            json!({"kubernetesApiCallAction": {"sourceIPs": ["198.51.100.7"]}}),
            "198.51.100.7",
        ),
        (json!({"rdsLoginAttemptAction": v4}), "198.51.100.7"),
        (json!({"awsApiCallAction": v6}), "2001:db8::7"),
        (json!({"dnsRequestAction": {"domain": "example.com"}}), ""),
    ];
    for (action, expected) in actions {
        let event = native("aws.guardduty", json!({"service": {"action": action}}));
        assert_eq!(source_ip(&event).unwrap_or_default(), expected, "{action}");
    }
    let people = [
        (
            json!({"accessKeyDetails": {"userName": "clerk", "userType": "IAMUser"}}),
            "clerk",
        ),
        (
            json!({"kubernetesDetails": {"kubernetesUserDetails": {"username": "system:anonymous"}}}),
            "system:anonymous",
        ),
        (json!({"rdsDbUserDetails": {"user": "admin"}}), "admin"),
        (json!({"instanceDetails": {"instanceId": "i-1"}}), ""),
    ];
    for (resource, expected) in people {
        let event = native("aws.guardduty", json!({"resource": resource}));
        let name = principal(&event).and_then(|it| it.name);
        assert_eq!(name.unwrap_or_default(), expected, "{resource}");
    }
}

#[test]
fn attack_sequences_name_all_that_took_part() {
    let sequence = json!({"uid": "s", "actors": [
        {"id": "a", "user": {"name": "web", "type": "AssumedRole", "credentialUid": "ASIA1",
            "account": {"uid": "111122223333"}}}],
    "endpoints": [{"id": "e", "ip": "198.51.100.7"}],
    "resources": [
        {"uid": "ASIA1", "resourceType": "ACCESS_KEY", "data": {"accessKey": {"userName": "web", "userType": "AssumedRole"}}},
        {"uid": "arn:aws:s3:::b", "resourceType": "S3_BUCKET", "name": "b"},
        {"uid": "i-1", "resourceType": "EC2_INSTANCE"},
        {"uid": "pod", "resourceType": "KUBERNETES_WORKLOAD"},
        {"uid": "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/e", "resourceType": "SAGEMAKER_ENDPOINT"},
        {"uid": "arn:aws:s3:::b", "resourceType": "S3_BUCKET"},
    ]});
    let event = native(
        "aws.guardduty",
        json!({"type": "AttackSequence:S3/CompromisedData", "resource": {"resourceType": "AttackSequence"},
            "service": {"detection": {"sequence": sequence}}}),
    );
    assert_eq!(
        keys(&event),
        [
            "arn:aws:s3:::b",
            "arn:aws:ec2:eu-west-1:111122223333:instance/i-1",
            "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/e",
            "AWS::IAM::Role/web",
            "AWS::IAM::AccessKey/ASIA1",
        ]
    );
    assert_eq!(source_ip(&event), Some("198.51.100.7"));
    let who = principal(&event).unwrap();
    assert_eq!(
        (who.name.as_deref(), who.access_key_id.as_deref()),
        (Some("web"), Some("ASIA1"))
    );
}

#[test]
fn sequences_of_any_length_stay_bounded() {
    let many: Vec<_> = (0..400)
        .map(|n| json!({"uid": format!("i-{n}"), "resourceType": "EC2_INSTANCE"}))
        .collect();
    let detail = json!({"service": {"detection": {"sequence": {"resources": many}}}});
    assert_eq!(keys(&native("aws.guardduty", detail)).len(), MAX_RESOURCES);
}

#[test]
fn other_services_name_what_they_found() {
    let bucket = "arn:aws:s3:::b";
    let hub =
        |kind: &str, id: &str| json!({"findings": [{"Resources": [{"Type": kind, "Id": id}]}]});
    let cases = [
        (
            "aws.access-analyzer",
            json!({"resource": bucket, "resourceType": "AWS::S3::Bucket"}),
            bucket,
        ),
        (
            "aws.macie",
            json!({"resourcesAffected": {"s3Bucket": {"arn": bucket, "name": "b"}}}),
            bucket,
        ),
        ("aws.securityhub", hub("AwsS3Bucket", bucket), bucket),
        (
            "aws.securityhub",
            hub("AwsIamAccessKey", "AWS::IAM::AccessKey:AKIA1"),
            "AWS::IAM::AccessKey/AKIA1",
        ),
        (
            "aws.securityhub",
            hub("AwsAccount", "AWS::::Account:111122223333"),
            "AWS::Resource/111122223333",
        ),
        ("aws.securityhub", hub("Other", ""), ""),
        (
            "aws.health",
            json!({"affectedEntities": [{"entityValue": "AKIA1"}]}),
            "AWS::IAM::AccessKey/AKIA1",
        ),
        (
            "aws.health",
            json!({"affectedEntities": [{"entityValue": "i-1"}]}),
            "arn:aws:ec2:eu-west-1:111122223333:instance/i-1",
        ),
        (
            "aws.health",
            json!({"affectedEntities": [{"entityValue": "x"}]}),
            "AWS::Health::Entity/x",
        ),
        (
            "aws.cloudwatch",
            json!({"alarmName": "root-used"}),
            "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:root-used",
        ),
        (
            "aws.inspector2",
            json!({"resources": [{"id": "i-1", "type": "AWS_EC2_INSTANCE"}]}),
            "arn:aws:ec2:eu-west-1:111122223333:instance/i-1",
        ),
        (
            "aws.trustedadvisor",
            json!({"check-item-detail": {"User Name (IAM or Root)": "dev", "Access Key ID": "AKIA1"}}),
            "AWS::IAM::User/dev",
        ),
        ("aws.unheard-of", json!({"resource": bucket}), ""),
    ];
    for (source, detail, expected) in cases {
        let found = keys(&native(source, detail));
        assert_eq!(
            found.first().map_or("", String::as_str),
            expected,
            "{source}"
        );
    }
}

#[test]
fn a_service_and_a_call_name_one_resource_alike() {
    let cases = [
        (
            sample(
                "s3.amazonaws.com",
                "PutBucketPolicy",
                json!({"bucketName": "b"}),
            ),
            json!({"resource": {"s3BucketDetails": [{"arn": "arn:aws:s3:::b", "name": "b"}]}}),
        ),
        (
            sample(
                "ec2.amazonaws.com",
                "ModifyInstanceAttribute",
                json!({"instanceId": "i-1"}),
            ),
            json!({"resource": {"instanceDetails": {"instanceId": "i-1"}}}),
        ),
        (
            sample(
                "iam.amazonaws.com",
                "AttachUserPolicy",
                json!({"userName": "dev"}),
            ),
            json!({"resource": {"accessKeyDetails": {"userName": "dev", "userType": "IAMUser"}}}),
        ),
        (
            sample(
                "iam.amazonaws.com",
                "UpdateAssumeRolePolicy",
                json!({"roleName": "web"}),
            ),
            json!({"resource": {"accessKeyDetails": {"userName": "web", "userType": "AssumedRole"}}}),
        ),
        (
            sample(
                "rds.amazonaws.com",
                "ModifyDBInstance",
                json!({"dBInstanceIdentifier": "db"}),
            ),
            json!({"resource": {"rdsDbInstanceDetails": {"dbInstanceArn": "arn:aws:rds:eu-west-1:111122223333:db:db"}}}),
        ),
        (
            sample(
                "lambda.amazonaws.com",
                "AddPermission20150331v2",
                json!({"functionName": "f"}),
            ),
            json!({"resource": {"lambdaDetails": {"functionArn": "arn:aws:lambda:eu-west-1:111122223333:function:f:1"}}}),
        ),
        (
            sample(
                "eks.amazonaws.com",
                "UpdateClusterConfig",
                json!({"name": "c"}),
            ),
            json!({"resource": {"eksClusterDetails": {"arn": "arn:aws:eks:eu-west-1:111122223333:cluster/c"}}}),
        ),
    ];
    for (call, detail) in cases {
        let ours = crate::resources::of(&Call::of(&call));
        let theirs = keys(&native("aws.guardduty", detail));
        assert_eq!(ours.first().map(Resource::key), theirs.first().cloned());
    }
}

#[test]
fn principals_of_other_services_are_read() {
    let actor = json!({"policyDetails": {"actor": {"ipAddressDetails": {"ipAddressV4": "198.51.100.7"},
        "userIdentity": {"type": "AssumedRole", "iamUser": null, "assumedRole": {
            "arn": "arn:aws:sts::111122223333:assumed-role/ops/clerk", "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"userName": "ops"}}}}}}});
    let macie = native("aws.macie", actor);
    let who = principal(&macie).unwrap();
    assert_eq!(who.name.as_deref(), Some("ops"));
    assert_eq!(
        who.arn.as_deref(),
        Some("arn:aws:sts::111122223333:assumed-role/ops/clerk")
    );
    assert_eq!(source_ip(&macie), Some("198.51.100.7"));
    let let_in = json!({"principal": {"AWS": "444455556666"}});
    let who = principal(&native("aws.access-analyzer", let_in)).unwrap();
    assert_eq!(
        (who.kind.as_deref(), who.name.as_deref()),
        (Some("AWS"), Some("444455556666"))
    );
    let odd = native("aws.access-analyzer", json!({"principal": ["x"]}));
    assert_eq!(principal(&odd), Some(Principal::default()));
}
