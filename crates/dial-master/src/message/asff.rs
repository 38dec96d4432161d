//! A finding in the AWS Security Finding Format (ASFF), within its limits, every text inert.

use super::links::Links;
use super::text::inert;
use super::{Caps, Story};
use dial_core::finding::{Principal, Resource};
use dial_core::store::Audit;
use dial_core::{Finding, Severity};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// Longest texts, characters.
const MAX_TITLE: usize = 256;
const MAX_DESCRIPTION: usize = 1_024;
const MAX_ID: usize = 512;
const MAX_FIELD: usize = 1_024;
const MAX_NOTE: usize = 512;
const MAX_ACTION: usize = 128;
/// Resources of one finding.
const MAX_RESOURCES: usize = 32;

const CAPS: Caps = Caps {
    title: MAX_TITLE,
    value: 200,
    prose: 700,
};

/// Where a finding is filed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filing<'f> {
    /// Account whose Security Hub has it.
    pub(crate) account: &'f str,
    /// ARN of that account's default product.
    pub(crate) product: &'f str,
    /// `aws`, `aws-cn` …
    pub(crate) partition: &'f str,
}

/// The finding; the time of its update is that of the finding, so that a repeat changes nothing.
pub(crate) fn finding(finding: &Finding, filing: Filing<'_>, links: &Links) -> Value {
    let story = Story::of(finding, CAPS);
    let mut asff = json!({
        "SchemaVersion": "2018-10-08",
        "Id": finding.id,
        "ProductArn": filing.product,
        "GeneratorId": or(inert(&finding.rule.name, MAX_ID), "dial"),
        "AwsAccountId": filing.account,
        "Types": ["TTPs"],
        "FirstObservedAt": time(finding.time),
        "CreatedAt": time(finding.detected_at),
        "UpdatedAt": time(finding.detected_at),
        "Severity": {"Label": label(finding.severity), "Original": finding.severity},
        "Title": story.title,
        "Description": description(&story),
        "ProductFields": fields(finding),
        "Resources": resources(finding, filing.partition),
        "RecordState": "ACTIVE",
    });
    if let Some(url) = links.finding(&finding.id) {
        asff["SourceUrl"] = json!(url);
    }
    if finding.event.kind == "AwsApiCall" {
        asff["Action"] = action(finding);
    }
    asff
}

/// The last thing that was done with a finding, and by whom.
pub(crate) fn note(last: &Audit) -> Value {
    let after = last.after.as_ref();
    let assignee = after.and_then(|triage| triage.assignee.as_ref());
    let parts = [
        Some(last.action.clone()),
        assignee.map(|person| format!("assigned to {person}")),
        last.comment.clone(),
    ];
    let text: Vec<String> = parts.into_iter().flatten().collect();
    json!({
        "Text": or(inert(&text.join("; "), MAX_NOTE), "changed"),
        "UpdatedBy": or(inert(&format!("{} ({})", last.who, last.door), MAX_NOTE), "dial"),
    })
}

/// `2026-05-01T10:00:02.000Z`.
pub(crate) fn time(time: Timestamp) -> String {
    format!("{time:.3}")
}

fn label(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "INFORMATIONAL",
        Severity::Low => "LOW",
        Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
        Severity::Critical => "CRITICAL",
    }
}

/// Why, then who, what and where, as far as there is room.
fn description(story: &Story) -> String {
    let lines = story.lines.iter();
    let told = lines.map(|line| format!("{}: {}", line.label, line.values.join(", ")));
    let all: Vec<String> = story
        .why
        .iter()
        .map(|sentence| sentence.trim_end_matches('.').to_owned())
        .chain(told)
        .collect();
    or(inert(&all.join(". "), MAX_DESCRIPTION), &story.title)
}

fn or(text: String, other: &str) -> String {
    if text.is_empty() {
        other.to_owned()
    } else {
        text
    }
}

/// What ASFF has no place for; the keys are ours, the values are cut.
fn fields(finding: &Finding) -> Map<String, Value> {
    let Principal {
        arn,
        access_key_id,
        session_issuer,
        ..
    } = &finding.principal;
    let source = &finding.source;
    let asn = source.asn.as_ref().map(|asn| asn.number.to_string());
    let lists: Vec<&str> = source.reputation.iter().map(|r| r.list.as_str()).collect();
    let told = [
        ("dial/account", Some(finding.account.id.clone())),
        ("dial/account_name", finding.account.name.clone()),
        ("dial/region", Some(finding.region.clone())),
        ("dial/rule_id", Some(finding.rule.id.clone())),
        ("dial/rule_version", Some(finding.rule.version.clone())),
        ("dial/attack", Some(finding.attack.join(", "))),
        ("dial/event_id", Some(finding.event.id.clone())),
        (
            "dial/event",
            Some(format!("{} {}", finding.event.source, finding.event.name)),
        ),
        ("dial/error_code", finding.event.error_code.clone()),
        ("dial/principal", arn.clone()),
        ("dial/session_issuer", session_issuer.clone()),
        ("dial/access_key_id", access_key_id.clone()),
        ("dial/source", source.ip.clone()),
        ("dial/source_asn", asn),
        ("dial/user_agent", source.user_agent.clone()),
        ("dial/reputation", Some(lists.join(", "))),
    ];
    told.into_iter()
        .filter_map(|(key, value)| Some((key, inert(&value?, MAX_FIELD))))
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (key.to_owned(), Value::String(value)))
        .collect()
}

fn action(finding: &Finding) -> Value {
    let event = &finding.event;
    let ip = finding.source.ip.as_deref().unwrap_or_default();
    let mut call = json!({
        "Api": or(inert(&event.name, MAX_ACTION), "unknown"),
        "ServiceName": or(inert(&event.source, MAX_ACTION), "unknown"),
        "FirstSeen": time(finding.time),
        "LastSeen": time(finding.time),
    });
    match ip.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => {
            call["CallerType"] = json!("remoteIp");
            call["RemoteIpDetails"] = json!({"IpAddressV4": ip});
        }
        Ok(IpAddr::V6(_)) => call["CallerType"] = json!("remoteIp"),
        Err(_) => {
            let domain = inert(ip, MAX_ACTION);
            if !domain.is_empty() {
                call["CallerType"] = json!("domain");
                call["DomainDetails"] = json!({"Domain": domain});
            }
        }
    }
    json!({"ActionType": "AWS_API_CALL", "AwsApiCallAction": call})
}

/// The first is what the finding is about; without any it is the account.
fn resources(finding: &Finding, partition: &str) -> Vec<Value> {
    let region = inert(&finding.region, 32);
    let named = |kind: &str, id: String| json!({"Type": kind, "Id": id, "Partition": partition, "Region": region});
    let listed = finding.resources.iter().take(MAX_RESOURCES);
    let told: Vec<Value> = listed
        .map(|resource| (kind(&resource.kind), inert(&id(resource), MAX_ID)))
        .filter(|(_, id)| !id.is_empty())
        .map(|(kind, id)| named(kind, id))
        .collect();
    if told.is_empty() {
        let account = inert(&finding.account.id, 12);
        return vec![named("AwsAccount", format!("AWS::::Account:{account}"))];
    }
    told
}

fn id(resource: &Resource) -> String {
    resource.arn.clone().unwrap_or_else(|| resource.key())
}

/// The name that ASFF has for a `CloudFormation` type.
fn kind(kind: &str) -> &'static str {
    let found = KINDS.binary_search_by_key(&kind, |(known, _)| known);
    found.map_or("Other", |at| KINDS[at].1)
}

/// Sorted; types that ASFF has no name for are `Other`.
const KINDS: [(&str, &str); 36] = [
    ("AWS::ApiGateway::RestApi", "AwsApiGatewayRestApi"),
    (
        "AWS::CertificateManager::Certificate",
        "AwsCertificateManagerCertificate",
    ),
    ("AWS::CloudFormation::Stack", "AwsCloudFormationStack"),
    ("AWS::CloudFront::Distribution", "AwsCloudFrontDistribution"),
    ("AWS::CloudTrail::Trail", "AwsCloudTrailTrail"),
    ("AWS::CloudWatch::Alarm", "AwsCloudWatchAlarm"),
    ("AWS::CodeBuild::Project", "AwsCodeBuildProject"),
    ("AWS::DynamoDB::Table", "AwsDynamoDbTable"),
    ("AWS::EC2::Instance", "AwsEc2Instance"),
    ("AWS::EC2::LaunchTemplate", "AwsEc2LaunchTemplate"),
    ("AWS::EC2::NetworkAcl", "AwsEc2NetworkAcl"),
    ("AWS::EC2::RouteTable", "AwsEc2RouteTable"),
    ("AWS::EC2::SecurityGroup", "AwsEc2SecurityGroup"),
    ("AWS::EC2::Subnet", "AwsEc2Subnet"),
    ("AWS::EC2::VPC", "AwsEc2Vpc"),
    ("AWS::EC2::Volume", "AwsEc2Volume"),
    ("AWS::ECR::Repository", "AwsEcrRepository"),
    ("AWS::ECS::Cluster", "AwsEcsCluster"),
    ("AWS::EKS::Cluster", "AwsEksCluster"),
    ("AWS::Elasticsearch::Domain", "AwsElasticsearchDomain"),
    ("AWS::GuardDuty::Detector", "AwsGuardDutyDetector"),
    ("AWS::IAM::Group", "AwsIamGroup"),
    ("AWS::IAM::Policy", "AwsIamPolicy"),
    ("AWS::IAM::Role", "AwsIamRole"),
    ("AWS::IAM::User", "AwsIamUser"),
    ("AWS::KMS::Key", "AwsKmsKey"),
    ("AWS::Lambda::Function", "AwsLambdaFunction"),
    (
        "AWS::OpenSearchService::Domain",
        "AwsOpenSearchServiceDomain",
    ),
    ("AWS::RDS::DBCluster", "AwsRdsDbCluster"),
    ("AWS::RDS::DBInstance", "AwsRdsDbInstance"),
    ("AWS::Redshift::Cluster", "AwsRedshiftCluster"),
    ("AWS::S3::Bucket", "AwsS3Bucket"),
    ("AWS::SNS::Topic", "AwsSnsTopic"),
    ("AWS::SQS::Queue", "AwsSqsQueue"),
    ("AWS::SecretsManager::Secret", "AwsSecretsManagerSecret"),
    ("AWS::WAFv2::WebACL", "AwsWafv2WebAcl"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::samples;

    const FILING: Filing<'_> = Filing {
        account: "111122223333",
        product: "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default",
        partition: "aws",
    };

    #[test]
    fn the_table_is_sorted() {
        assert!(KINDS.is_sorted());
        assert_eq!(kind("AWS::S3::Bucket"), "AwsS3Bucket");
        assert_eq!(kind("AWS::New::Thing"), "Other");
    }

    #[test]
    fn every_limit_holds_whatever_the_finding_says() {
        let links = Links::new(Some("https://dial.example.org")).unwrap();
        let mut many = samples::benign();
        many.resources = vec![many.resources[0].clone(); 400];
        let texts = ["", "\u{200b}", "😀", "x", "&<\"\\"];
        let long = texts.map(|text| samples::filled(&text.repeat(20_000)));
        let all = [samples::hostile(1), samples::hostile(400), many];
        for finding in all.into_iter().chain(long) {
            let asff = super::finding(&finding, FILING, &links);
            assert!(asff.to_string().len() < 240_000);
            let limits = [
                ("Id", 512),
                ("GeneratorId", 512),
                ("Title", 256),
                ("Description", 1_024),
            ];
            for (field, limit) in limits {
                let length = asff[field].as_str().unwrap().chars().count();
                assert!((1..=limit).contains(&length), "{field}: {length}");
            }
            let resources = asff["Resources"].as_array().unwrap();
            assert!((1..=32).contains(&resources.len()));
        }
    }

    #[test]
    fn callers_are_addresses_or_services() {
        let cases = [
            (
                "198.51.100.7",
                json!({"IpAddressV4": "198.51.100.7"}),
                "remoteIp",
            ),
            (
                "::ffff:198.51.100.7",
                json!({"IpAddressV4": "198.51.100.7"}),
                "remoteIp",
            ),
            ("2001:db8::1", Value::Null, "remoteIp"),
            ("s3.amazonaws.com", Value::Null, "domain"),
        ];
        for (ip, details, caller) in cases {
            let mut finding = samples::benign();
            finding.source.ip = Some(ip.into());
            let call = &action(&finding)["AwsApiCallAction"];
            assert_eq!(call["RemoteIpDetails"], details, "{ip}");
            assert_eq!(call["CallerType"], caller, "{ip}");
        }
    }
}
