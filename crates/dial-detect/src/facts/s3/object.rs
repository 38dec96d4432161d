//! Objects that cross the border of the account: by whom, and into whose bucket.

use super::S3;
use crate::facts::{Extractor, Facts, Known};
use crate::normalise::{Call, lookup};
use crate::text::{is_account, shown};

pub(in crate::facts) const OBJECT: Extractor = Extractor {
    name: "s3.object",
    summary: "Whether a caller, or the bucket that is used, belongs to an unknown account",
    sources: S3,
    names: &[
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateMultipartUpload",
        "DeleteObject",
        "DeleteObjects",
        "GetObject",
        "ListObjectVersions",
        "ListObjects",
        "PutObject",
        "PutObjectAcl",
    ],
    facts: &["s3.object.foreign_caller", "s3.object.foreign_bucket"],
    run: object,
};

/// Each is only ever true; what is no account number, such as `anonymous`, says nothing.
fn object(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let outside = |account: &&str| is_account(account) && !known.has(account);
    if let Some(account) = call.caller().account.filter(outside) {
        facts.set("s3.object.foreign_caller", true);
        facts.say(format!(
            "the caller is of outside account {}",
            shown(account)
        ));
    }
    let resources = lookup::all(&call.event().record, "resources");
    let mut buckets = { resources.iter() }
        .filter(|resource| lookup::text(resource, "type") == Some("AWS::S3::Bucket"))
        .filter_map(|resource| lookup::text(resource, "accountId"));
    if let Some(account) = buckets.find(outside) {
        facts.set("s3.object.foreign_bucket", true);
        facts.say(format!(
            "the bucket is of outside account {}",
            shown(account)
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::json;

    #[test]
    fn callers_and_buckets_of_strangers_are_seen() {
        let cases = [
            ("own", "111122223333", "111122223333", ""),
            ("known", "444455556666", "444455556666", ""),
            ("stranger reads", "777788889999", "111122223333", "caller"),
            ("data leaves", "111122223333", "777788889999", "bucket"),
            ("nobody", "anonymous", "111122223333", ""),
            ("placeholder", "...", "", ""),
        ];
        for (name, caller, owner, expected) in cases {
            let request = json!({"bucketName": "b", "key": "k"});
            let mut event = sample("s3.amazonaws.com", "PutObject", request);
            event.record["userIdentity"] = json!({"type": "AWSAccount", "accountId": caller});
            event.record["resources"] = json!([
                {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k"},
                {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b", "accountId": owner}]);
            let facts = facts_of(&event);
            let is_true =
                |fact: &&str| facts.get(&format!("s3.object.foreign_{fact}")) == Some(&json!(true));
            let found: Vec<_> = ["caller", "bucket"].into_iter().filter(is_true).collect();
            assert_eq!(found.join(","), expected, "{name}");
        }
    }
}
