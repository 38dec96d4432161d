//! Findings that the tests of routing tell apart.

use dial_core::Finding;
use serde_json::json;

/// Event number `n`: a public bucket policy, high.
pub(crate) fn finding(n: u32) -> Finding {
    finding_with(n, |_| {})
}

/// The same, after a change.
pub(crate) fn finding_with(n: u32, change: impl FnOnce(&mut Finding)) -> Finding {
    let mut finding: Finding = serde_json::from_value(json!({
        "id": "f-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "rule": {
            "id": "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11", "name": "s3_bucket_policy_public",
            "title": "S3 bucket policy lets anyone in", "version": "2026-01-10",
        },
        "severity": "high",
        "title": "S3 bucket policy lets anyone in",
        "explanation": "Statement 0 allows s3:GetObject to everyone.",
        "account": {"id": "111122223333", "name": "payments"},
        "region": "eu-west-1",
        "time": "2026-05-01T10:00:00Z",
        "detected_at": "2026-05-01T10:00:02Z",
        "event": {
            "id": format!("event-{n}"), "source": "s3.amazonaws.com",
            "name": "PutBucketPolicy", "kind": "AwsApiCall",
        },
        "principal": {
            "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/deploy",
            "name": "deploy", "account": "111122223333",
        },
        "source": {"ip": "198.51.100.7", "geo": {"country": "SE"}},
        "resources": [{
            "type": "AWS::S3::Bucket", "arn": "arn:aws:s3:::invoices", "name": "invoices",
        }],
        "facts": {"s3.policy.public": true, "s3.ports": [80, 443]},
        "attack": ["T1530", "T1098.001"],
        "worker": {
            "account": "111122223333", "region": "eu-west-1", "version": "0", "rules": "0",
        },
    }))
    .unwrap();
    change(&mut finding);
    finding.id = finding.expected_id();
    finding
}
