//! Records in the real shapes, with made-up values: ordinary traffic and known techniques.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

type Rng = ChaCha8Rng;

const REGIONS: [&str; 6] = [
    "us-east-1",
    "us-east-1",
    "us-east-1",
    "eu-west-1",
    "eu-central-1",
    "us-west-2",
];
const ROLES: [&str; 8] = [
    "node", "deploy", "backend", "pipeline", "resize", "backup", "grafana", "payments",
];
const USERS: [&str; 5] = ["dev", "sec", "svc-sync", "ops", "ci"];
const BUCKETS: [&str; 5] = [
    "assets-prod",
    "logs-7f3a",
    "lake-raw",
    "tf-state",
    "backups-eu",
];
const AGENTS: [&str; 4] = [
    "aws-sdk-go-v2/1.30.1 ua/2.0 os/linux lang/go#1.22.4 md/GOOS#linux md/GOARCH#amd64 api/sts#1.29.1",
    "Boto3/1.34.131 md/Botocore#1.34.131 ua/2.0 os/linux#6.1.92 md/arch#x86_64 lang/python#3.12.3 cfg/retry-mode#legacy Botocore/1.34.131",
    "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.750 Linux/5.10.217 OpenJDK_64-Bit_Server_VM/25.412-b09 java/1.8.0_412 vendor/Oracle_Corporation]",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
];
/// Reads that make up most management traffic.
const READS: [(&str, &str); 14] = [
    ("ec2", "DescribeInstances"),
    ("ec2", "DescribeSecurityGroups"),
    ("ec2", "DescribeSubnets"),
    ("ec2", "DescribeVolumes"),
    ("iam", "GetRole"),
    ("iam", "ListAttachedRolePolicies"),
    ("rds", "DescribeDBInstances"),
    ("autoscaling", "DescribeAutoScalingGroups"),
    ("elasticloadbalancing", "DescribeTargetHealth"),
    ("monitoring", "DescribeAlarms"),
    ("ecr", "BatchGetImage"),
    ("lambda", "GetFunction20150331v2"),
    ("sts", "GetCallerIdentity"),
    ("s3", "GetBucketAcl"),
];

/// One account and region, and the callers that recur within one delivery file.
pub(super) struct Place {
    account: String,
    region: &'static str,
    minute: u64,
    callers: Vec<Value>,
}

impl Place {
    pub(super) fn new(rng: &mut Rng, file: u64) -> Self {
        let account = format!(
            "{:012}",
            100_200_300_400_u64 + 7_919 * rng.random_range(0..10)
        );
        let region = pick(rng, &REGIONS);
        let mut place = Self {
            account,
            region,
            minute: file * 5,
            callers: Vec::new(),
        };
        place.callers = (0..12).map(|_| place.caller(rng)).collect();
        place
    }

    /// Path of a delivery file as CloudTrail names them.
    pub(super) fn path(&self, out: &Path, file: u64) -> PathBuf {
        let (account, region, day) = (&self.account, self.region, self.day());
        out.join(format!(
            "trail/AWSLogs/{account}/CloudTrail/{region}/2026/05/{day:02}"
        ))
        .join(format!(
            "{account}_CloudTrail_{region}_202605{day:02}T{:02}{:02}Z_{file:016}.json.gz",
            self.minute / 60 % 24,
            self.minute % 60
        ))
    }

    fn day(&self) -> u64 {
        1 + self.minute / 1440 % 28
    }

    fn time(&self, rng: &mut Rng) -> String {
        let second = rng.random_range(0..60);
        let (hour, minute) = (self.minute / 60 % 24, self.minute % 60);
        format!(
            "2026-05-{:02}T{hour:02}:{minute:02}:{second:02}Z",
            self.day()
        )
    }

    fn caller(&self, rng: &mut Rng) -> Value {
        match rng.random_range(0..100) {
            0..70 => self.role_session(rng),
            70..85 => self.user(rng),
            _ => json!({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}),
        }
    }

    fn role_session(&self, rng: &mut Rng) -> Value {
        let (role, id, session) = (pick(rng, &ROLES), key(rng, "AROA", 17), hex(rng, 17));
        let account = &self.account;
        json!({
            "type": "AssumedRole",
            "principalId": format!("{id}:i-{session}"),
            "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/i-{session}"),
            "accountId": account,
            "accessKeyId": key(rng, "ASIA", 16),
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": id,
                    "arn": format!("arn:aws:iam::{account}:role/{role}"),
                    "accountId": account,
                    "userName": role
                },
                "attributes": {"creationDate": self.time(rng), "mfaAuthenticated": "false"},
                "ec2RoleDelivery": "2.0"
            }
        })
    }

    fn user(&self, rng: &mut Rng) -> Value {
        let (user, account) = (pick(rng, &USERS), &self.account);
        json!({
            "type": "IAMUser",
            "principalId": key(rng, "AIDA", 17),
            "arn": format!("arn:aws:iam::{account}:user/{user}"),
            "accountId": account,
            "accessKeyId": key(rng, "AKIA", 16),
            "userName": user
        })
    }

    /// A record around the parts that differ; `rest` replaces or adds top-level fields.
    fn record(
        &self,
        rng: &mut Rng,
        service: &str,
        name: &str,
        request: Value,
        rest: Value,
    ) -> Value {
        let caller = self.callers.choose(rng).cloned().unwrap_or_default();
        let invoked_by = caller["invokedBy"].as_str().map(str::to_owned);
        let read_only = ["Get", "List", "Describe", "Head", "Batch"]
            .iter()
            .any(|p| name.starts_with(p));
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": caller,
            "eventTime": self.time(rng),
            "eventSource": format!("{service}.amazonaws.com"),
            "eventName": name,
            "awsRegion": self.region,
            "sourceIPAddress": invoked_by.clone().unwrap_or_else(|| address(rng)),
            "userAgent": invoked_by.unwrap_or_else(|| pick(rng, &AGENTS).to_owned()),
            "requestParameters": null,
            "responseElements": null,
            "requestID": uuid(rng),
            "eventID": uuid(rng),
            "readOnly": read_only,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": self.account,
            "eventCategory": "Management",
            "tlsDetails": {
                "tlsVersion": "TLSv1.3",
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": format!("{service}.{}.amazonaws.com", self.region)
            }
        });
        record["requestParameters"] = request;
        if let (Value::Object(record), Value::Object(rest)) = (&mut record, rest) {
            record.extend(rest);
        }
        record
    }
}

/// Ordinary traffic: data events, assumed roles, KMS and reads, few writes.
pub(super) fn ordinary(rng: &mut Rng, place: &mut Place) -> Value {
    match rng.random_range(0..100) {
        0..32 => object_access(rng, place),
        32..52 => assume_role(rng, place),
        52..66 => decrypt(rng, place),
        66..94 => read(rng, place),
        94..97 => security_group(rng, place, "10.20.0.0/16", 443),
        _ => sign_in(rng, place, "Yes"),
    }
}

fn object_access(rng: &mut Rng, place: &Place) -> Value {
    let name = pick(
        rng,
        &[
            "GetObject",
            "GetObject",
            "GetObject",
            "PutObject",
            "HeadObject",
        ],
    );
    let (bucket, object) = (
        pick(rng, &BUCKETS),
        format!("dt=2026-05-01/{}.parquet", hex(rng, 12)),
    );
    let request = json!({
        "bucketName": bucket,
        "Host": format!("{bucket}.s3.{}.amazonaws.com", place.region),
        "key": object
    });
    let rest = json!({
        "additionalEventData": {
            "SignatureVersion": "SigV4",
            "CipherSuite": "TLS_AES_128_GCM_SHA256",
            "bytesTransferredIn": 0,
            "AuthenticationMethod": "AuthHeader",
            "x-amz-id-2": hex(rng, 76),
            "bytesTransferredOut": rng.random_range(0..4_000_000)
        },
        "resources": [
            {"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{bucket}/{object}")},
            {"accountId": place.account, "type": "AWS::S3::Bucket", "ARN": format!("arn:aws:s3:::{bucket}")}
        ],
        "managementEvent": false,
        "eventCategory": "Data"
    });
    place.record(rng, "s3", name, request, rest)
}

fn assume_role(rng: &mut Rng, place: &Place) -> Value {
    let (role, session, account) = (pick(rng, &ROLES), hex(rng, 32), &place.account);
    let request = json!({
        "roleArn": format!("arn:aws:iam::{account}:role/{role}"),
        "roleSessionName": session,
        "durationSeconds": 3600
    });
    let response = json!({
        "credentials": {
            "accessKeyId": key(rng, "ASIA", 16),
            "sessionToken": hex(rng, 360),
            "expiration": "May 1, 2026, 9:00:00 PM"
        },
        "assumedRoleUser": {
            "assumedRoleId": format!("{}:{session}", key(rng, "AROA", 17)),
            "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
        }
    });
    place.record(
        rng,
        "sts",
        "AssumeRole",
        request,
        json!({"responseElements": response, "readOnly": true}),
    )
}

fn decrypt(rng: &mut Rng, place: &Place) -> Value {
    let arn = format!(
        "arn:aws:kms:{}:{}:key/{}",
        place.region,
        place.account,
        uuid(rng)
    );
    let name = pick(rng, &["Decrypt", "Decrypt", "GenerateDataKey"]);
    let request = json!({
        "keyId": arn,
        "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "encryptionContext": {"aws:s3:arn": format!("arn:aws:s3:::{}", pick(rng, &BUCKETS))}
    });
    let resources = json!([{"accountId": place.account, "type": "AWS::KMS::Key", "ARN": arn}]);
    place.record(
        rng,
        "kms",
        name,
        request,
        json!({"resources": resources, "readOnly": true}),
    )
}

fn read(rng: &mut Rng, place: &Place) -> Value {
    let (service, name) = *READS.choose(rng).unwrap_or(&READS[0]);
    let request = match rng.random_range(0..3) {
        0 => Value::Null,
        1 => json!({"maxResults": 100, "nextToken": hex(rng, 64)}),
        _ => {
            json!({"filterSet": {"items": [{"name": "tag:Name", "valueSet": {"items": [{"value": pick(rng, &ROLES)}]}}]}})
        }
    };
    place.record(rng, service, name, request, json!({}))
}

fn security_group(rng: &mut Rng, place: &Place, cidr: &str, port: u16) -> Value {
    let (group, rule) = (
        format!("sg-0{}", hex(rng, 16)),
        format!("sgr-0{}", hex(rng, 16)),
    );
    let request = json!({"groupId": group, "ipPermissions": {"items": [{
        "ipProtocol": "tcp", "fromPort": port, "toPort": port, "groups": {},
        "ipRanges": {"items": [{"cidrIp": cidr}]}, "ipv6Ranges": {}, "prefixListIds": {}
    }]}});
    let response = json!({"requestId": uuid(rng), "_return": true, "securityGroupRuleSet": {"items": [{
        "groupOwnerId": place.account, "groupId": group, "securityGroupRuleId": rule, "isEgress": false,
        "ipProtocol": "tcp", "fromPort": port, "toPort": port, "cidrIpv4": cidr
    }]}});
    place.record(
        rng,
        "ec2",
        "AuthorizeSecurityGroupIngress",
        request,
        json!({"responseElements": response}),
    )
}

fn sign_in(rng: &mut Rng, place: &Place, mfa: &str) -> Value {
    let rest = json!({
        "userIdentity": place.user(rng),
        "eventType": "AwsConsoleSignIn",
        "responseElements": {"ConsoleLogin": "Success"},
        "additionalEventData": {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": mfa}
    });
    place.record(rng, "signin", "ConsoleLogin", Value::Null, rest)
}

/// A planted technique: its name and the record.
pub(super) fn suspicious(rng: &mut Rng, place: &mut Place) -> (&'static str, Value) {
    match rng.random_range(0..12) {
        0 => ("ssh_opened", security_group(rng, place, "0.0.0.0/0", 22)),
        1 => ("sign_in_without_mfa", sign_in(rng, place, "No")),
        _ => planted_call(rng, place),
    }
}

fn planted_call(rng: &mut Rng, place: &Place) -> (&'static str, Value) {
    let (technique, service, name, request) = match rng.random_range(0..10) {
        0 => (
            "trail_stopped",
            "cloudtrail",
            "StopLogging",
            json!({"name": "organisation"}),
        ),
        1 => (
            "detector_deleted",
            "guardduty",
            "DeleteDetector",
            json!({"detectorId": hex(rng, 32)}),
        ),
        2 => (
            "mfa_removed",
            "iam",
            "DeactivateMFADevice",
            json!({
                "userName": "dev",
                "serialNumber": format!("arn:aws:iam::{}:mfa/dev", place.account)
            }),
        ),
        3 => (
            "admin_attached",
            "iam",
            "AttachUserPolicy",
            json!({
                "userName": "sec",
                "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"
            }),
        ),
        4 => (
            "key_for_another",
            "iam",
            "CreateAccessKey",
            json!({"userName": "legacy-backup"}),
        ),
        5 => (
            "snapshot_shared",
            "ec2",
            "ModifySnapshotAttribute",
            json!({
                "snapshotId": format!("snap-0{}", hex(rng, 16)),
                "attributeType": "CREATE_VOLUME_PERMISSION",
                "createVolumePermission": {"add": {"items": [{"group": "all"}]}}
            }),
        ),
        6 => ("bucket_public", "s3", "PutBucketPolicy", public_bucket(rng)),
        7 => (
            "database_public",
            "rds",
            "ModifyDBInstance",
            json!({
                "dBInstanceIdentifier": "orders",
                "publiclyAccessible": true,
                "applyImmediately": true
            }),
        ),
        8 => (
            "key_deletion",
            "kms",
            "ScheduleKeyDeletion",
            json!({
                "keyId": uuid(rng),
                "pendingWindowInDays": 7
            }),
        ),
        _ => (
            "organization_left",
            "organizations",
            "LeaveOrganization",
            Value::Null,
        ),
    };
    let who = json!({"userIdentity": place.user(rng), "readOnly": false});
    (technique, place.record(rng, service, name, request, who))
}

fn public_bucket(rng: &mut Rng) -> Value {
    let bucket = pick(rng, &BUCKETS);
    let mut request = Map::new();
    request.insert("bucketName".into(), json!(bucket));
    request.insert(
        "bucketPolicy".into(),
        json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "Everyone", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": format!("arn:aws:s3:::{bucket}/*")
        }]}),
    );
    request.insert("policy".into(), json!(""));
    Value::Object(request)
}

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from.choose(rng).copied().unwrap_or_default()
}

fn text(rng: &mut Rng, alphabet: &[u8], length: usize) -> String {
    (0..length)
        .map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())]))
        .collect()
}

fn hex(rng: &mut Rng, length: usize) -> String {
    text(rng, b"0123456789abcdef", length)
}

fn key(rng: &mut Rng, prefix: &str, length: usize) -> String {
    format!(
        "{prefix}{}",
        text(rng, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", length)
    )
}

fn uuid(rng: &mut Rng) -> String {
    let digits = hex(rng, 32);
    let (a, b, c, d) = (
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
    );
    format!("{a}-{b}-4{c}-a{d}-{}", &digits[20..])
}

fn address(rng: &mut Rng) -> String {
    let net = pick(rng, &["10.4", "10.9", "198.51", "203.0", "192.0"]);
    format!(
        "{net}.{}.{}",
        rng.random_range(0..256),
        rng.random_range(1..255)
    )
}
