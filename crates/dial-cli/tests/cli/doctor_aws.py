"""A deployed DIAL in an account of its own at an emulator of AWS, then everything that can be wrong.

doctor_aws.py deploy URL PATTERNS   makes it, prints credentials and names as JSON
doctor_aws.py break URL CREDENTIALS breaks every part
"""

import io
import json
import sys
import zipfile

import boto3

REGION = "us-east-1"
ACCOUNT = "555566667777"
NAME = "dial-worker"
PARTS = ["dial-api", "dial-deliver", "dial-sweep"]
BUCKET = "dial-master-doctor"
TABLE = "dial-findings"
BLOCKS = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]
READS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


def client(service, url, keys):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
    )


def deploy(url, patterns):
    first = {"AccessKeyId": "test", "SecretAccessKey": "testtest"}
    role = f"arn:aws:iam::{ACCOUNT}:role/doctor"
    sts = client("sts", url, first)
    keys = sts.assume_role(RoleArn=role, RoleSessionName="doctor")["Credentials"]
    keys = {name: keys[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
    buckets(client("s3", url, keys))
    table(client("dynamodb", url, keys), patterns["layout"])
    secret = client("secretsmanager", url, keys).create_secret(
        Name="dial/root-key-1", SecretString=patterns["key"]
    )["ARN"]
    trail(client("cloudtrail", url, keys))
    function = worker(url, keys)
    rules(client("events", url, keys), patterns["patterns"], function)
    print(json.dumps({"keys": keys, "secret": secret}))


def buckets(s3):
    s3.create_bucket(Bucket=BUCKET)
    s3.put_public_access_block(
        Bucket=BUCKET, PublicAccessBlockConfiguration={name: True for name in BLOCKS}
    )
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(
        Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]}
    )
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    rule = {
        "ID": "dead-letters",
        "Status": "Enabled",
        "Filter": {"Prefix": "master/dead-letter/"},
        "Expiration": {"Days": 90},
    }
    s3.put_bucket_lifecycle_configuration(
        Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]}
    )


def table(dynamodb, layout):
    def schema(names):
        kinds = ["HASH", "RANGE"]
        return [{"AttributeName": n, "KeyType": k} for n, k in zip(names, kinds)]

    names = set(layout["keys"])
    indexes = []
    for index in layout["indexes"]:
        names |= {index["partition"], index["sort"]}
        indexes.append(
            {
                "IndexName": index["name"],
                "KeySchema": schema([index["partition"], index["sort"]]),
                "Projection": {"ProjectionType": "ALL"},
            }
        )
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=schema(layout["keys"]),
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in sorted(names)],
        GlobalSecondaryIndexes=indexes,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        DeletionProtectionEnabled=True,
    )
    backups(dynamodb, True)
    ttl(dynamodb, layout["ttl"], True)


def ttl(dynamodb, attribute, enabled):
    dynamodb.update_time_to_live(
        TableName=TABLE,
        TimeToLiveSpecification={"Enabled": enabled, "AttributeName": attribute},
    )


def backups(dynamodb, enabled):
    dynamodb.update_continuous_backups(
        TableName=TABLE,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled},
    )


def trail(cloudtrail):
    cloudtrail.create_trail(
        Name="main",
        S3BucketName=BUCKET,
        IsMultiRegionTrail=True,
        IncludeGlobalServiceEvents=True,
    )
    cloudtrail.start_logging(Name="main")


def worker(url, keys):
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = client("iam", url, keys).create_role(
        RoleName=NAME, AssumeRolePolicyDocument=json.dumps(trust)
    )
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("bootstrap", "#!/bin/sh\n")
    functions = client("lambda", url, keys)
    made = {
        name: functions.create_function(
            FunctionName=name,
            Runtime="provided.al2023",
            Handler="bootstrap",
            Role=role["Role"]["Arn"],
            Code={"ZipFile": package.getvalue()},
            Environment={"Variables": {"DIAL_CONFIG": f"s3://{BUCKET}/config/dial.toml"}},
        )["FunctionArn"]
        for name in [NAME, *PARTS]
    }
    functions.put_function_event_invoke_config(
        FunctionName=NAME,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{BUCKET}"}},
    )
    return made[NAME]


def rules(events, patterns, function):
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{NAME}-undelivered"
    target = {"Id": "worker", "Arn": function, "DeadLetterConfig": {"Arn": queue}}
    for pattern in patterns:
        name = f"{NAME}-{pattern['name']}"
        events.put_rule(
            Name=name, EventPattern=json.dumps(pattern["pattern"]), State=pattern["state"]
        )
        events.put_targets(Rule=name, Targets=[target])
    events.put_rule(Name=f"{NAME}-heartbeat", ScheduleExpression="rate(5 minutes)")
    events.put_targets(Rule=f"{NAME}-heartbeat", Targets=[target])


def break_all(url, given):
    keys, layout = given["keys"], given["layout"]
    writes = [f"{NAME}-{it['name']}" for it in given["patterns"] if it["state"] == "ENABLED"]
    reads = [it for it in given["patterns"] if it["state"] == READS]
    events = client("events", url, keys)
    gone, disabled, other, nowhere, unkept = writes[:5]
    events.remove_targets(Rule=gone, Ids=["worker"])
    events.delete_rule(Name=gone)
    events.disable_rule(Name=disabled)
    events.put_rule(Name=other, EventPattern='{"source": ["aws.none"]}', State="ENABLED")
    events.remove_targets(Rule=nowhere, Ids=["worker"])
    events.put_targets(
        Rule=unkept,
        Targets=[{"Id": "worker", "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}"}],
    )
    read = f"{NAME}-{reads[0]['name']}"
    events.put_rule(
        Name=read, EventPattern=json.dumps(reads[0]["pattern"]), State="ENABLED"
    )
    events.put_rule(Name=f"{NAME}-left-over", EventPattern='{"source": ["aws.none"]}')
    events.disable_rule(Name=f"{NAME}-heartbeat")
    client("cloudtrail", url, keys).stop_logging(Name="main")
    functions = client("lambda", url, keys)
    functions.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    functions.delete_function_event_invoke_config(FunctionName=NAME)
    functions.put_function_concurrency(FunctionName=PARTS[2], ReservedConcurrentExecutions=0)
    dynamodb = client("dynamodb", url, keys)
    ttl(dynamodb, layout["ttl"], False)
    backups(dynamodb, False)
    dynamodb.update_table(
        TableName=TABLE,
        StreamSpecification={"StreamEnabled": False},
        DeletionProtectionEnabled=False,
    )
    dynamodb.update_table(
        TableName=TABLE, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_due"}}]
    )
    s3 = client("s3", url, keys)
    s3.delete_public_access_block(Bucket=BUCKET)
    s3.delete_bucket_encryption(Bucket=BUCKET)
    s3.delete_bucket_lifecycle(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    client("secretsmanager", url, keys).delete_secret(SecretId="dial/root-key-1")
    names = {
        "gone": gone, "disabled": disabled, "other": other, "nowhere": nowhere,
        "unkept": unkept, "read": read,
    }
    print(json.dumps(names))


if __name__ == "__main__":
    given = json.load(sys.stdin)
    if sys.argv[1] == "deploy":
        deploy(sys.argv[2], given)
    else:
        break_all(sys.argv[2], given)
