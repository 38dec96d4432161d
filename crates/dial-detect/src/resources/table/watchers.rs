//! Where the services that watch and guard an account name their parts.

use super::{Field, field, of};

const ANALYZER: &str = "access-analyzer.amazonaws.com";
const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";
const CONFIG: &str = "config.amazonaws.com";
const DETECTIVE: &str = "detective.amazonaws.com";
const EVENTS: &str = "events.amazonaws.com";
const FIREWALL_MANAGER: &str = "fms.amazonaws.com";
const GUARDDUTY: &str = "guardduty.amazonaws.com";
const LOGS: &str = "logs.amazonaws.com";
const MONITORING: &str = "monitoring.amazonaws.com";
const NETWORK_FIREWALL: &str = "network-firewall.amazonaws.com";
const RESOLVER: &str = "route53resolver.amazonaws.com";
const SECURITY_HUB: &str = "securityhub.amazonaws.com";
const SHIELD: &str = "shield.amazonaws.com";
const WAF: &str = "wafv2.amazonaws.com";

/// By service; within one, what the call is about comes first.
pub(super) static FIELDS: &[Field] = &[
    field(
        ANALYZER,
        "analyzerName",
        "AWS::AccessAnalyzer::Analyzer",
        "arn:{p}:access-analyzer:{r}:{a}:analyzer/{n}",
    ),
    field(
        CLOUDTRAIL,
        "response.trailARN",
        "AWS::CloudTrail::Trail",
        "",
    ),
    field(CLOUDTRAIL, "name", "AWS::CloudTrail::Trail", TRAIL),
    field(CLOUDTRAIL, "trailName", "AWS::CloudTrail::Trail", TRAIL),
    field(
        CLOUDTRAIL,
        "eventDataStore",
        "AWS::CloudTrail::EventDataStore",
        "arn:{p}:cloudtrail:{r}:{a}:eventdatastore/{n}",
    ),
    field(CLOUDTRAIL, "resourceArn", "AWS::Resource", ""),
    field(
        CONFIG,
        "configurationRecorderName",
        "AWS::Config::ConfigurationRecorder",
        "",
    ),
    field(
        CONFIG,
        "configurationRecorder.name",
        "AWS::Config::ConfigurationRecorder",
        "",
    ),
    field(
        CONFIG,
        "deliveryChannelName",
        "AWS::Config::DeliveryChannel",
        "",
    ),
    field(CONFIG, "configRuleName", "AWS::Config::ConfigRule", ""),
    field(
        CONFIG,
        "configRule.configRuleName",
        "AWS::Config::ConfigRule",
        "",
    ),
    field(
        CONFIG,
        "conformancePackName",
        "AWS::Config::ConformancePack",
        "",
    ),
    field(DETECTIVE, "graphArn", "AWS::Detective::Graph", ""),
    of(
        &["DeleteRule", "DisableRule", "EnableRule", "PutRule"],
        field(EVENTS, "name", "AWS::Events::Rule", ""),
    ),
    of(
        &["PutTargets", "RemoveTargets"],
        field(EVENTS, "rule", "AWS::Events::Rule", ""),
    ),
    of(
        &["PutRule"],
        field(EVENTS, "response.ruleArn", "AWS::Events::Rule", ""),
    ),
    of(
        &["CreateEventBus", "DeleteEventBus", "UpdateEventBus"],
        field(
            EVENTS,
            "name",
            "AWS::Events::EventBus",
            "arn:{p}:events:{r}:{a}:event-bus/{n}",
        ),
    ),
    of(
        &["PutPermission", "RemovePermission"],
        field(
            EVENTS,
            "eventBusName",
            "AWS::Events::EventBus",
            "arn:{p}:events:{r}:{a}:event-bus/{n}",
        ),
    ),
    field(
        EVENTS,
        "archiveName",
        "AWS::Events::Archive",
        "arn:{p}:events:{r}:{a}:archive/{n}",
    ),
    field(
        FIREWALL_MANAGER,
        "policyId",
        "AWS::FMS::Policy",
        "arn:{p}:fms:{r}:{a}:policy/{n}",
    ),
    field(
        GUARDDUTY,
        "detectorId",
        "AWS::GuardDuty::Detector",
        "arn:{p}:guardduty:{r}:{a}:detector/{n}",
    ),
    field(
        LOGS,
        "logGroupName",
        "AWS::Logs::LogGroup",
        "arn:{p}:logs:{r}:{a}:log-group:{n}",
    ),
    field(
        LOGS,
        "logGroupIdentifier",
        "AWS::Logs::LogGroup",
        "arn:{p}:logs:{r}:{a}:log-group:{n}",
    ),
    field(
        LOGS,
        "destinationName",
        "AWS::Logs::Destination",
        "arn:{p}:logs:{r}:{a}:destination:{n}",
    ),
    of(
        &["PutAccountPolicy", "DeleteAccountPolicy"],
        field(LOGS, "policyName", "AWS::Logs::AccountPolicy", ""),
    ),
    of(
        &["PutResourcePolicy", "DeleteResourcePolicy"],
        field(LOGS, "policyName", "AWS::Logs::ResourcePolicy", ""),
    ),
    field(MONITORING, "alarmName", "AWS::CloudWatch::Alarm", ALARM),
    field(MONITORING, "alarmNames", "AWS::CloudWatch::Alarm", ALARM),
    field(
        NETWORK_FIREWALL,
        "firewallArn",
        "AWS::NetworkFirewall::Firewall",
        "",
    ),
    field(
        NETWORK_FIREWALL,
        "firewallName",
        "AWS::NetworkFirewall::Firewall",
        "arn:{p}:network-firewall:{r}:{a}:firewall/{n}",
    ),
    field(
        RESOLVER,
        "resolverQueryLogConfigId",
        "AWS::Route53Resolver::ResolverQueryLoggingConfig",
        "arn:{p}:route53resolver:{r}:{a}:resolver-query-log-config/{n}",
    ),
    field(
        RESOLVER,
        "firewallRuleGroupId",
        "AWS::Route53Resolver::FirewallRuleGroup",
        "arn:{p}:route53resolver:{r}:{a}:firewall-rule-group/{n}",
    ),
    field(
        RESOLVER,
        "firewallRuleGroupAssociationId",
        "AWS::Route53Resolver::FirewallRuleGroupAssociation",
        "",
    ),
    field(
        RESOLVER,
        "resourceId",
        "AWS::EC2::VPC",
        "arn:{p}:ec2:{r}:{a}:vpc/{n}",
    ),
    field(
        SECURITY_HUB,
        "standardsSubscriptionArns",
        "AWS::SecurityHub::Standard",
        "",
    ),
    field(
        SECURITY_HUB,
        "ruleName",
        "AWS::SecurityHub::AutomationRule",
        "",
    ),
    field(
        SHIELD,
        "protectionId",
        "AWS::Shield::Protection",
        "arn:{p}:shield::{a}:protection/{n}",
    ),
    of(
        &["CreateWebACL", "DeleteWebACL", "UpdateWebACL"],
        field(WAF, "name", "AWS::WAFv2::WebACL", ""),
    ),
    of(
        &["CreateIPSet", "DeleteIPSet", "UpdateIPSet"],
        field(WAF, "name", "AWS::WAFv2::IPSet", ""),
    ),
    of(
        &["CreateRuleGroup", "DeleteRuleGroup", "UpdateRuleGroup"],
        field(WAF, "name", "AWS::WAFv2::RuleGroup", ""),
    ),
    field(WAF, "resourceArn", "AWS::Resource", ""),
    field(WAF, "webACLArn", "AWS::WAFv2::WebACL", ""),
];

const ALARM: &str = "arn:{p}:cloudwatch:{r}:{a}:alarm:{n}";
const TRAIL: &str = "arn:{p}:cloudtrail:{r}:{a}:trail/{n}";
