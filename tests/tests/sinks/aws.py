"""Stands for AWS's side of the sinks, in an emulator (moto) that checks signatures and permissions.

prepare URL POLICIES    makes everything, prints what the master must know, then checks everyone
collect URL             stops checking, prints what arrived
"""

import json
import sys
import urllib.request

import boto3

MASTER, MEMBER, REGION = "123456789012", "111122223333", "eu-west-1"


def client(url, service, key="test", secret="testtest", token=None, region=REGION):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


def check_everyone(url, from_request):
    request = urllib.request.Request(
        f"{url}/moto-api/reset-auth",
        data=from_request.encode(),
        headers={"Content-Type": "text/plain"},
        method="POST",
    )
    urllib.request.urlopen(request).read()


def member(url, service):
    """A client of the member account."""
    given = client(url, "sts").assume_role(
        RoleArn=f"arn:aws:iam::{MEMBER}:role/setup", RoleSessionName="setup"
    )["Credentials"]
    return client(
        url, service, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    )


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def queue(url, name):
    sqs = client(url, "sqs")
    address = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=address, AttributeNames=["QueueArn"])
    return attributes["Attributes"]["QueueArn"]


def prepare(url, policies):
    iam = client(url, "iam")
    iam.create_user(UserName="dial")
    iam.create_user(UserName="nobody")
    own = [policies[name] for name in ("assume", "sns", "eventbridge")]
    iam.put_user_policy(UserName="dial", PolicyName="dial", PolicyDocument=document(*own))
    keys = {}
    for user in ("dial", "nobody"):
        key = iam.create_access_key(UserName=user)["AccessKey"]
        keys[user] = [key["AccessKeyId"], key["SecretAccessKey"]]

    topic = client(url, "sns").create_topic(Name="dial")["TopicArn"]
    client(url, "sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue(url, "from-topic")
    )
    events = client(url, "events")
    bus = events.create_event_bus(Name="dial")["EventBusArn"]
    pattern = json.dumps({"source": ["dial"], "detail-type": ["DIAL Finding"]})
    events.put_rule(Name="all", EventBusName="dial", EventPattern=pattern)
    events.put_targets(
        Rule="all", EventBusName="dial", Targets=[{"Id": "1", "Arn": queue(url, "from-bus")}]
    )
    theirs = member(url, "iam")
    theirs.create_role(
        RoleName="dial-securityhub",
        AssumeRolePolicyDocument=document(policies["trust"]),
    )
    theirs.put_role_policy(
        RoleName="dial-securityhub",
        PolicyName="dial",
        PolicyDocument=document(policies["securityhub"]),
    )
    member(url, "securityhub").enable_security_hub()
    check_everyone(url, "0")
    return {"keys": keys, "topic": topic, "bus": bus}


def messages(url, name):
    sqs = client(url, "sqs")
    address = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found = sqs.receive_message(QueueUrl=address, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


def collect(url):
    check_everyone(url, "inf")
    return {
        "topic": messages(url, "from-topic"),
        "bus": messages(url, "from-bus"),
        "hub": member(url, "securityhub").get_findings()["Findings"],
    }


if sys.argv[1] == "prepare":
    result = prepare(sys.argv[2], json.loads(sys.argv[3]))
else:
    result = collect(sys.argv[2])
print(json.dumps(result, default=str))
