//! Keys and destinations of other accounts: how content is taken hostage or carried off.

use super::S3;
use crate::facts::sharing::outsiders;
use crate::facts::{Extractor, Facts, Known, list};
use crate::normalise::Call;
use crate::text::shown;

pub(in crate::facts) const ENCRYPTION: Extractor = Extractor {
    name: "s3.encryption",
    summary: "Whether content is encrypted with a key that is not ours",
    sources: S3,
    names: &[
        "CopyObject",
        "CreateMultipartUpload",
        "PutBucketEncryption",
        "PutObject",
    ],
    facts: &[
        "s3.encryption.external_key",
        "s3.encryption.customer_key",
        "s3.encryption.accounts",
    ],
    run: encryption,
};

pub(in crate::facts) const NOTIFICATION: Extractor = Extractor {
    name: "s3.notification",
    summary: "Whether events of a bucket, or lists of its objects, go to another account",
    sources: S3,
    names: &[
        "PutBucketAnalyticsConfiguration",
        "PutBucketInventoryConfiguration",
        "PutBucketNotification",
        "PutBucketNotificationConfiguration",
    ],
    facts: &["s3.notification.external", "s3.notification.accounts"],
    run: notification,
};

pub(in crate::facts) const REPLICATION: Extractor = Extractor {
    name: "s3.replication",
    summary: "Whether objects are copied to another account",
    sources: S3,
    names: &["PutBucketReplication"],
    facts: &["s3.replication.external", "s3.replication.accounts"],
    run: replication,
};

fn encryption(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let paths = [
        "ServerSideEncryptionConfiguration.Rule.ApplyServerSideEncryptionByDefault.KMSMasterKeyID",
        "ServerSideEncryptionConfiguration.Rules.ApplyServerSideEncryptionByDefault.KMSMasterKeyID",
        "x-amz-server-side-encryption-aws-kms-key-id",
    ];
    let keys = paths.into_iter().flat_map(|path| call.request_all(path));
    let outside = outsiders(keys, known);
    if !outside.is_empty() {
        facts.set("s3.encryption.external_key", true);
        facts.set("s3.encryption.accounts", list(&outside));
    }
    for account in outside {
        facts.say(format!(
            "encrypts content with a key of outside account {}",
            shown(account)
        ));
    }
    if call
        .request("x-amz-server-side-encryption-customer-algorithm")
        .is_some()
    {
        facts.set("s3.encryption.customer_key", true);
        facts.say("encrypts the object with a key that only the caller has");
    }
}

fn replication(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    if call.has_no_request() {
        return;
    }
    let destinations = call.request_all("ReplicationConfiguration.Rule.Destination.Account");
    let outside = outsiders(destinations, known);
    facts.set("s3.replication.external", !outside.is_empty());
    facts.set("s3.replication.accounts", list(&outside));
    for account in outside {
        facts.say(format!(
            "copies objects to outside account {}",
            shown(account)
        ));
    }
}

fn notification(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    if call.has_no_request() {
        return;
    }
    let paths = [
        "InventoryConfiguration.Destination.S3BucketDestination.AccountId",
        "AnalyticsConfiguration.StorageClassAnalysis.DataExport.Destination.S3BucketDestination.BucketAccountId",
        "NotificationConfiguration.TopicConfiguration.Topic",
        "NotificationConfiguration.QueueConfiguration.Queue",
        "NotificationConfiguration.CloudFunctionConfiguration.CloudFunction",
    ];
    let receivers = paths.into_iter().flat_map(|path| call.request_all(path));
    let outside = outsiders(receivers, known);
    facts.set("s3.notification.external", !outside.is_empty());
    facts.set("s3.notification.accounts", list(&outside));
    for account in outside {
        facts.say(format!(
            "tells outside account {} what is in the bucket",
            shown(account)
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn foreign_keys_and_destinations_are_seen() {
        let key = |account: &str| format!("arn:aws:kms:eu-west-1:{account}:key/1");
        let default = |key: String| {
            json!({"ServerSideEncryptionConfiguration": {"Rule": {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}}})
        };
        let object = |key: &str| json!({"x-amz-server-side-encryption-aws-kms-key-id": key});
        let replicated = |account: &str| {
            json!({"ReplicationConfiguration": {"Rule": [
            {"Destination": {"Bucket": "arn:aws:s3:::b", "Account": account}}]}})
        };
        let cases = [
            (
                "foreign default",
                "PutBucketEncryption",
                default(key("777788889999")),
                "encryption.external_key",
            ),
            (
                "own default",
                "PutBucketEncryption",
                default(key("111122223333")),
                "",
            ),
            (
                "key by id",
                "PutBucketEncryption",
                default("1234-abcd".to_owned()),
                "",
            ),
            (
                "foreign object key",
                "PutObject",
                object(&key("777788889999")),
                "encryption.external_key",
            ),
            (
                "customer key",
                "CopyObject",
                json!({"x-amz-server-side-encryption-customer-algorithm": "AES256"}),
                "encryption.customer_key",
            ),
            (
                "foreign copy",
                "PutBucketReplication",
                replicated("777788889999"),
                "replication.external",
            ),
            (
                "foreign queue",
                "PutBucketNotification",
                json!({"NotificationConfiguration": {"QueueConfiguration": [
                    {"Queue": "arn:aws:sqs:eu-west-1:777788889999:q", "Event": "s3:ObjectCreated:*"}]}}),
                "notification.external",
            ),
            (
                "own function",
                "PutBucketNotification",
                json!({"NotificationConfiguration": {"CloudFunctionConfiguration":
                    {"CloudFunction": "arn:aws:lambda:eu-west-1:111122223333:function:f"}}}),
                "",
            ),
            (
                "foreign inventory",
                "PutBucketInventoryConfiguration",
                json!({"InventoryConfiguration": {"Destination": {"S3BucketDestination":
                    {"AccountId": "777788889999", "Bucket": "arn:aws:s3:::b"}}}}),
                "notification.external",
            ),
            (
                "known copy",
                "PutBucketReplication",
                replicated("444455556666"),
                "",
            ),
        ];
        for (name, call, request, expected) in cases {
            let facts = facts_of(&sample("s3.amazonaws.com", call, request));
            let names = [
                "encryption.external_key",
                "encryption.customer_key",
                "notification.external",
                "replication.external",
            ];
            let is_true =
                |fact: &&str| facts.get(&format!("s3.{fact}")) == Some(&Value::Bool(true));
            let found: Vec<_> = names.into_iter().filter(is_true).collect();
            assert_eq!(found.join(","), expected, "{name}");
        }
    }
}
