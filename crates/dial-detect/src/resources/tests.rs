use super::*;
use crate::facts::{answered, event, sample};
use serde_json::json;

fn keys(event: &crate::event::Event) -> Vec<String> {
    of(&Call::of(event)).iter().map(Resource::key).collect()
}

#[test]
fn resources_have_the_arn_that_the_record_decides() {
    let own = |rest: &str| format!("arn:aws:{rest}");
    let cases = [
        (
            "s3",
            "PutBucketPolicy",
            json!({"bucketName": "logs"}),
            own("s3:::logs"),
        ),
        (
            "ec2",
            "AuthorizeSecurityGroupIngress",
            json!({"groupId": "sg-1"}),
            own("ec2:eu-west-1:111122223333:security-group/sg-1"),
        ),
        (
            "ec2",
            "ModifySnapshotAttribute",
            json!({"snapshotId": "snap-1"}),
            own("ec2:eu-west-1::snapshot/snap-1"),
        ),
        (
            "iam",
            "AttachUserPolicy",
            json!({"userName": "dev"}),
            "AWS::IAM::User/dev".to_owned(),
        ),
        (
            "rds",
            "ModifyDBInstance",
            json!({"dBInstanceIdentifier": "db1"}),
            own("rds:eu-west-1:111122223333:db:db1"),
        ),
        (
            "lambda",
            "AddPermission20150331v2",
            json!({"functionName": "f:prod"}),
            own("lambda:eu-west-1:111122223333:function:f"),
        ),
        (
            "lambda",
            "DeleteFunction",
            json!({"functionName": "arn:aws:lambda:eu-west-1:111122223333:function:f"}),
            own("lambda:eu-west-1:111122223333:function:f"),
        ),
        (
            "kms",
            "DisableKey",
            json!({"keyId": "alias/app"}),
            own("kms:eu-west-1:111122223333:alias/app"),
        ),
        (
            "secretsmanager",
            "DeleteSecret",
            json!({"secretId": "db"}),
            "AWS::SecretsManager::Secret/db".to_owned(),
        ),
        (
            "ssm",
            "PutParameter",
            json!({"name": "/app/key"}),
            own("ssm:eu-west-1:111122223333:parameter/app/key"),
        ),
        (
            "sqs",
            "SetQueueAttributes",
            json!({"queueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs"}),
            own("sqs:eu-west-1:111122223333:jobs"),
        ),
        (
            "route53",
            "ChangeResourceRecordSets",
            json!({"hostedZoneId": "/hostedzone/Z1"}),
            own("route53:::hostedzone/Z1"),
        ),
        (
            "cloudtrail",
            "StopLogging",
            json!({"name": "arn:aws:cloudtrail:us-east-1:111122223333:trail/main"}),
            own("cloudtrail:us-east-1:111122223333:trail/main"),
        ),
    ];
    for (service, name, request, expected) in cases {
        let event = sample(&format!("{service}.amazonaws.com"), name, request);
        assert_eq!(keys(&event), [expected], "{service} {name}");
    }
}

#[test]
fn data_and_what_watches_over_it_have_arns_too() {
    let own = |rest: &str| format!("arn:aws:{rest}");
    let cases = [
        (
            "route53",
            "DeleteHostedZone",
            json!({"id": "Z1"}),
            own("route53:::hostedzone/Z1"),
        ),
        (
            "backup",
            "DeleteBackupPlan",
            json!({"backupPlanId": "p1"}),
            own("backup:eu-west-1:111122223333:backup-plan:p1"),
        ),
        (
            "elasticfilesystem",
            "DeleteFileSystem",
            json!({"fileSystemId": "fs-1"}),
            own("elasticfilesystem:eu-west-1:111122223333:file-system/fs-1"),
        ),
        (
            "ecs",
            "ExecuteCommand",
            json!({"task": "arn:aws:ecs:eu-west-1:111122223333:task/c/1"}),
            own("ecs:eu-west-1:111122223333:task/c/1"),
        ),
        (
            "wafv2",
            "DeleteWebACL",
            json!({"name": "shop", "id": "1", "scope": "REGIONAL"}),
            "AWS::WAFv2::WebACL/shop".to_owned(),
        ),
        (
            "logs",
            "DeleteDataProtectionPolicy",
            json!({"logGroupIdentifier": "app"}),
            own("logs:eu-west-1:111122223333:log-group:app"),
        ),
    ];
    for (service, name, request, expected) in cases {
        let event = sample(&format!("{service}.amazonaws.com"), name, request);
        assert_eq!(keys(&event), [expected], "{service} {name}");
    }
}

#[test]
fn what_the_record_states_goes_before_what_is_built() {
    let mut event = sample(
        "secretsmanager.amazonaws.com",
        "GetSecretValue",
        json!({"secretId": "db-AbCdEf"}),
    );
    event.record["resources"] = json!([
        {"ARN": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf"},
        {"ARN": "arn:aws:kms:eu-west-1:111122223333:key/1", "type": "AWS::KMS::Key"},
    ]);
    assert_eq!(
        keys(&event),
        [
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf",
            "arn:aws:kms:eu-west-1:111122223333:key/1",
        ]
    );
}

#[test]
fn what_stands_before_machines_has_its_arn() {
    let own = |rest: &str| format!("arn:aws:{rest}");
    let cases = [
        (
            "apigateway",
            "PutMethod",
            json!({"restApiId": "a1b2c3d4e5"}),
            own("apigateway:eu-west-1::/restapis/a1b2c3d4e5"),
        ),
        (
            "s3",
            "PutAccessPointPolicy",
            json!({"name": "shared"}),
            own("s3:eu-west-1:111122223333:accesspoint/shared"),
        ),
        (
            "ec2",
            "ModifyVpcEndpoint",
            json!({"ModifyVpcEndpointRequest": {"VpcEndpointId": "vpce-1"}}),
            own("ec2:eu-west-1:111122223333:vpc-endpoint/vpce-1"),
        ),
        (
            "lambda",
            "UpdateFunctionCode20150331v2",
            json!({"functionName": "arn:aws:lambda:eu-west-1:111122223333:function:f:prod"}),
            own("lambda:eu-west-1:111122223333:function:f"),
        ),
        (
            "sns",
            "Unsubscribe",
            json!({"subscriptionArn": "arn:aws:sns:eu-west-1:111122223333:alerts:0f1e2d3c"}),
            own("sns:eu-west-1:111122223333:alerts"),
        ),
        (
            "cloudfront",
            "UpdateFunction2020_05_31",
            json!({"name": "headers"}),
            own("cloudfront::111122223333:function/headers"),
        ),
    ];
    for (service, name, request, expected) in cases {
        let event = sample(&format!("{service}.amazonaws.com"), name, request);
        assert_eq!(keys(&event), [expected], "{service} {name}");
    }
}

#[test]
fn what_a_service_tells_of_its_own_accord_is_named() {
    let mut event = sample(
        "ec2.amazonaws.com",
        "SharedSnapshotVolumeCreated",
        json!(null),
    );
    event.record["serviceEventDetails"] = json!({"snapshotId": "snap-1"});
    assert_eq!(keys(&event), ["arn:aws:ec2:eu-west-1::snapshot/snap-1"]);
}

#[test]
fn answers_name_what_was_made_and_nothing_is_named_twice() {
    let user = json!({"user": {"arn": "arn:aws:iam::111122223333:user/ops/dev"}});
    let event = answered(
        "iam.amazonaws.com",
        "CreateUser",
        json!({"userName": "dev"}),
        user,
    );
    assert_eq!(keys(&event), ["arn:aws:iam::111122223333:user/ops/dev"]);
}

#[test]
fn partitions_follow_the_region() {
    for (region, expected) in [
        ("eu-west-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
        ("us-isob-east-1", "aws-iso-b"),
        ("", "aws"),
    ] {
        assert_eq!(partition(region), expected, "{region}");
    }
}

#[test]
fn absurd_records_yield_a_bounded_list() {
    let many: Vec<_> = (0..200).map(|n| format!("/p/{n}")).collect();
    let long = "x".repeat(5_000);
    let parameters = sample(
        "ssm.amazonaws.com",
        "DeleteParameters",
        json!({"names": many}),
    );
    assert_eq!(keys(&parameters).len(), MAX_RESOURCES);
    let bucket = sample(
        "s3.amazonaws.com",
        "PutBucketAcl",
        json!({"bucketName": long}),
    );
    assert_eq!(keys(&bucket), Vec::<String>::new());
    assert_eq!(keys(&event(json!(null))), Vec::<String>::new());
}
