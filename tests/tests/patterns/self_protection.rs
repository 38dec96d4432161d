//! What would blind DIAL is a finding, reaches the worker, is denied by the policy that guards it,
//! and stands in the guide.

use crate::judge::Deployment;
use dial_detect::Settings;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Service, event name as CloudTrail writes it, IAM action, and what the request names.
type Call = (&'static str, &'static str, &'static str, Value);

const GUIDE: &str = include_str!("../../../docs/guides/guard-the-workers.md");
const POLICY: &str = include_str!("../../../infra/policies/guard-the-workers.json");
/// Longest policy that AWS Organizations takes, in characters.
const MAX_POLICY: usize = 5_120;

#[allow(clippy::too_many_lines, reason = "a table")]
fn calls() -> Vec<Call> {
    let function = || json!({"functionName": "dial-worker"});
    let rule = || json!({"name": "dial-worker-regional-writes-1"});
    let trail = || json!({"name": "arn:aws:cloudtrail:us-east-1:111122223333:trail/main"});
    let queue = || json!({"queueUrl": "https://sqs.us-east-1.amazonaws.com/111122223333/dial-worker-undelivered"});
    let bucket = || json!({"bucketName": "dial-worker-111122223333-us-east-1"});
    let group = || json!({"logGroupName": "/aws/lambda/dial-worker"});
    let worker_role = || json!({"roleName": "dial-worker-us-east-1", "policyName": "worker"});
    let secret = || json!({"secretId": "dial-worker-key"});
    vec![
        ("events", "DeleteRule", "events:DeleteRule", rule()),
        ("events", "DisableRule", "events:DisableRule", rule()),
        ("events", "PutRule", "events:PutRule", rule()),
        (
            "events",
            "RemoveTargets",
            "events:RemoveTargets",
            json!({"rule": "dial-worker-heartbeat", "ids": ["worker"]}),
        ),
        (
            "events",
            "PutTargets",
            "events:PutTargets",
            json!({"rule": "dial-worker-heartbeat", "targets": [{"id": "worker", "arn": "arn:aws:sqs:us-east-1:111122223333:void"}]}),
        ),
        (
            "lambda",
            "DeleteFunction20150331",
            "lambda:DeleteFunction",
            function(),
        ),
        (
            "lambda",
            "UpdateFunctionCode20150331v2",
            "lambda:UpdateFunctionCode",
            function(),
        ),
        (
            "lambda",
            "UpdateFunctionConfiguration20150331v2",
            "lambda:UpdateFunctionConfiguration",
            function(),
        ),
        (
            "lambda",
            "PutFunctionConcurrency20171031",
            "lambda:PutFunctionConcurrency",
            function(),
        ),
        (
            "lambda",
            "RemovePermission20150331v2",
            "lambda:RemovePermission",
            function(),
        ),
        (
            "lambda",
            "DeleteFunctionEventInvokeConfig",
            "lambda:DeleteFunctionEventInvokeConfig",
            function(),
        ),
        ("iam", "DeleteRole", "iam:DeleteRole", worker_role()),
        (
            "iam",
            "DeleteRolePolicy",
            "iam:DeleteRolePolicy",
            worker_role(),
        ),
        ("iam", "PutRolePolicy", "iam:PutRolePolicy", worker_role()),
        (
            "iam",
            "AttachRolePolicy",
            "iam:AttachRolePolicy",
            json!({"roleName": "dial-worker-us-east-1", "policyArn": "arn:aws:iam::aws:policy/AWSDenyAll"}),
        ),
        (
            "iam",
            "UpdateAssumeRolePolicy",
            "iam:UpdateAssumeRolePolicy",
            worker_role(),
        ),
        (
            "iam",
            "PutRolePermissionsBoundary",
            "iam:PutRolePermissionsBoundary",
            worker_role(),
        ),
        ("sqs", "DeleteQueue", "sqs:DeleteQueue", queue()),
        ("sqs", "PurgeQueue", "sqs:PurgeQueue", queue()),
        (
            "sqs",
            "SetQueueAttributes",
            "sqs:SetQueueAttributes",
            queue(),
        ),
        ("s3", "DeleteBucket", "s3:DeleteBucket", bucket()),
        (
            "s3",
            "DeleteBucketPolicy",
            "s3:DeleteBucketPolicy",
            bucket(),
        ),
        ("s3", "PutBucketPolicy", "s3:PutBucketPolicy", bucket()),
        (
            "s3",
            "PutBucketLifecycle",
            "s3:PutLifecycleConfiguration",
            bucket(),
        ),
        (
            "s3",
            "PutBucketVersioning",
            "s3:PutBucketVersioning",
            bucket(),
        ),
        (
            "s3",
            "PutBucketPublicAccessBlock",
            "s3:PutBucketPublicAccessBlock",
            bucket(),
        ),
        ("logs", "DeleteLogGroup", "logs:DeleteLogGroup", group()),
        ("logs", "DeleteLogStream", "logs:DeleteLogStream", group()),
        (
            "logs",
            "PutRetentionPolicy",
            "logs:PutRetentionPolicy",
            group(),
        ),
        (
            "monitoring",
            "DeleteAlarms",
            "cloudwatch:DeleteAlarms",
            json!({"alarmNames": ["dial-worker-errors"]}),
        ),
        (
            "monitoring",
            "DisableAlarmActions",
            "cloudwatch:DisableAlarmActions",
            json!({"alarmNames": ["dial-worker-errors"]}),
        ),
        (
            "secretsmanager",
            "DeleteSecret",
            "secretsmanager:DeleteSecret",
            secret(),
        ),
        (
            "secretsmanager",
            "PutSecretValue",
            "secretsmanager:PutSecretValue",
            secret(),
        ),
        (
            "secretsmanager",
            "GetSecretValue",
            "secretsmanager:GetSecretValue",
            secret(),
        ),
        (
            "cloudtrail",
            "StopLogging",
            "cloudtrail:StopLogging",
            trail(),
        ),
        (
            "cloudtrail",
            "DeleteTrail",
            "cloudtrail:DeleteTrail",
            trail(),
        ),
        (
            "cloudtrail",
            "UpdateTrail",
            "cloudtrail:UpdateTrail",
            json!({"name": "main", "isMultiRegionTrail": false, "includeGlobalServiceEvents": false}),
        ),
        (
            "cloudtrail",
            "PutEventSelectors",
            "cloudtrail:PutEventSelectors",
            json!({"trailName": "main", "eventSelectors": [{"readWriteType": "ReadOnly", "includeManagementEvents": false, "dataResources": []}]}),
        ),
    ]
}

/// The call as EventBridge hands it over, made by somebody who is no deployer.
fn event((service, name, _, request): &Call) -> Value {
    json!({
        "version": "0", "id": "0d2c3b41-0000-4000-8000-000000000001",
        "detail-type": "AWS API Call via CloudTrail", "source": format!("aws.{service}"),
        "account": "111122223333", "time": "2026-05-01T10:00:00Z", "region": "us-east-1", "resources": [],
        "detail": {
            "eventVersion": "1.11",
            "userIdentity": {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/intruder",
                "accountId": "111122223333", "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": "intruder"},
            "eventTime": "2026-05-01T10:00:00Z", "eventSource": format!("{service}.amazonaws.com"),
            "eventName": name, "awsRegion": "us-east-1", "sourceIPAddress": "203.0.113.7",
            "userAgent": "aws-cli/2.17.0", "requestParameters": request, "responseElements": null,
            "eventID": "7d2c3b41-0000-4000-8000-000000000002", "readOnly": name.starts_with("Get"),
            "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": "111122223333",
            "eventCategory": "Management"
        }
    })
}

#[test]
fn blinding_dial_is_a_finding() {
    let deployment = Deployment::of(&Settings::default());
    for call in calls() {
        let event = event(&call);
        let hits = deployment.hits(&event);
        let told = hits
            .iter()
            .any(|rule| rule.starts_with("own_") || rule.starts_with("cloudtrail_"));
        assert!(told, "{} {}: {hits:?}", call.0, call.1);
        assert!(deployment.bus.passes(&event), "{} {}", call.0, call.1);
    }
}

#[test]
fn the_service_control_policy_denies_what_would_blind() {
    assert!(
        POLICY.chars().count() <= MAX_POLICY,
        "{}",
        POLICY.chars().count()
    );
    let policy: Value = serde_json::from_str(POLICY).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let mut denied = BTreeSet::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Deny", "{statement}");
        assert!(
            statement.get("Principal").is_none(),
            "policies of an organisation name none"
        );
        let spared = &statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"];
        assert!(
            spared.is_array(),
            "whoever deploys must be let through: {statement}"
        );
        let actions = statement["Action"].as_array().unwrap();
        denied.extend(actions.iter().map(|action| action.as_str().unwrap()));
    }
    assert!(
        !denied.iter().any(|action| action.contains('*')),
        "{denied:?}"
    );
    for (_, _, action, _) in calls() {
        assert!(denied.contains(action), "{action}");
        assert!(
            GUIDE.contains(&format!("`{action}`")),
            "the guide leaves out {action}"
        );
    }
}
