//! One page of the reference: the rules of a service.

use super::{Entry, plain};
use dial_detect::engine::{Delivery, Expect, Pack, RuleInfo};
use std::fmt::Write as _;

/// What a folder of rules is about, where its name is not the service's.
const TITLES: [(&str, &str); 59] = [
    ("access_analyzer", "IAM Access Analyzer"),
    ("account", "Account settings"),
    ("address", "Addresses"),
    ("apigateway", "API Gateway"),
    ("appsync", "AppSync"),
    ("autoscaling", "Auto Scaling"),
    ("backup", "Backup"),
    ("bedrock", "Bedrock"),
    ("cloudfront", "CloudFront"),
    ("cloudshell", "CloudShell"),
    ("cloudtrail", "CloudTrail"),
    ("cloudwatch", "CloudWatch alarms"),
    ("codebuild", "CodeBuild"),
    ("cognito", "Cognito"),
    ("config", "Config"),
    ("decoy", "Decoys"),
    ("detective", "Detective"),
    ("dynamodb", "DynamoDB"),
    ("efs", "EFS"),
    ("elasticloadbalancing", "Elastic Load Balancing"),
    ("events", "EventBridge"),
    ("firewall_manager", "Firewall Manager"),
    ("glue", "Glue"),
    ("guardduty", "GuardDuty"),
    ("health", "AWS Health"),
    ("inspector", "Inspector"),
    ("kafka", "MSK"),
    ("lakeformation", "Lake Formation"),
    ("lambda", "Lambda"),
    ("lightsail", "Lightsail"),
    ("logs", "CloudWatch Logs"),
    ("macie", "Macie"),
    ("marketplace", "Marketplace"),
    ("monitoring", "CloudWatch"),
    ("mq", "Amazon MQ"),
    ("neptune", "Neptune"),
    ("network_firewall", "Network Firewall"),
    ("opensearch", "OpenSearch"),
    ("organizations", "Organizations"),
    ("own", "DIAL's own parts"),
    ("policy", "Policies of any service"),
    ("quicksight", "QuickSight"),
    ("redshift", "Redshift"),
    ("region", "Regions"),
    ("rolesanywhere", "IAM Roles Anywhere"),
    ("root", "Root user"),
    ("route53", "Route 53"),
    ("secretsmanager", "Secrets Manager"),
    ("securityhub", "Security Hub"),
    ("securitylake", "Security Lake"),
    ("servicequotas", "Service Quotas"),
    ("shield", "Shield"),
    ("signin", "Sign-in"),
    ("ssm", "Systems Manager"),
    ("sso", "IAM Identity Center"),
    ("support", "Support"),
    ("transfer", "Transfer Family"),
    ("trustedadvisor", "Trusted Advisor"),
    ("worker", "DIAL workers"),
];

/// What people call the service of a folder.
pub(super) fn title(service: &str) -> String {
    let known = TITLES.iter().find(|(folder, _)| *folder == service);
    known.map_or_else(
        || service.to_ascii_uppercase(),
        |(_, title)| (*title).to_owned(),
    )
}

/// The page; entries come in order.
pub(super) fn render(service: &str, entries: &[Entry]) -> String {
    let mut text = format!(
        "# {}\n\n<!-- Written by `dial rules docs`. -->\n\n| Rule | Level | ATT&CK |\n|---|---|---|\n",
        title(service)
    );
    for Entry { rule, .. } in entries {
        let _ = writeln!(
            text,
            "| [{}](#{}){} | {} | {} |",
            plain(&rule.title),
            rule.name,
            match rule.pack {
                Pack::Audit => " (audit)",
                Pack::Yours => " (yours)",
                Pack::Core => "",
            },
            rule.level,
            rule.attack.join(" ")
        );
    }
    for entry in entries {
        section(&mut text, entry);
    }
    text
}

fn section(text: &mut String, entry: &Entry) {
    let rule = &entry.rule;
    let _ = writeln!(
        text,
        "\n## {}\n\n<a id=\"{name}\"></a>`{name}` · **{}** · {}",
        plain(&rule.title),
        rule.level,
        delivery(rule.dial.delivery),
        name = rule.name,
    );
    for paragraph in rule.description.split("\n\n") {
        let _ = writeln!(text, "\n{}", plain(paragraph));
    }
    text.push('\n');
    let falsepositives: Vec<String> = rule.falsepositives.iter().map(|one| plain(one)).collect();
    let requires: Vec<String> = entry.requires.iter().map(ToString::to_string).collect();
    let events: Vec<String> = rule
        .event_names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let about = rule.dial.resource.as_ref().map(|kind| format!("`{kind}`"));
    let lines = [
        ("Looks alike", falsepositives.join("; ")),
        ("Events", events.join(", ")),
        ("About", about.unwrap_or_default()),
        ("Denied calls", attempts(rule).to_owned()),
        ("Needs", requires.join("; ")),
        ("ATT&CK", rule.attack.join(", ")),
        (
            "Status",
            if rule.status == "stable" {
                String::new()
            } else {
                plain(&rule.status)
            },
        ),
        ("Fires on", tests(rule, Expect::Match)),
        ("Stays silent on", tests(rule, Expect::NoMatch)),
        (
            "Read more",
            rule.references
                .iter()
                .map(|url| link(url))
                .collect::<Vec<_>>()
                .join(", "),
        ),
    ];
    for (label, content) in lines.iter().filter(|(_, content)| !content.is_empty()) {
        let _ = writeln!(text, "- {label}: {content}");
    }
    if rule.pack == Pack::Audit {
        text.push_str("- Off unless `audit_rules = true` in `[worker.detect]`\n");
    }
}

fn delivery(delivery: Option<Delivery>) -> &'static str {
    match delivery {
        Some(Delivery::Write) => "management event that writes",
        Some(Delivery::Read) => "management event that reads",
        Some(Delivery::Data) => "data event",
        Some(Delivery::Service) => "service event or finding",
        None => "delivery not stated",
    }
}

fn attempts(rule: &RuleInfo) -> &'static str {
    match rule.dial.attempts {
        Some(false) => "no finding",
        Some(true) | None => "a finding named \"Attempted: …\", one level lower",
    }
}

fn tests(rule: &RuleInfo, expect: Expect) -> String {
    let tests = rule.tests.iter().filter(|test| test.expect == expect);
    let events: Vec<String> = tests
        .map(|test| test.event.rsplit('/').next().unwrap_or(&test.event))
        .map(|event| format!("`{}`", event.trim_end_matches(".json")))
        .collect();
    events.join(", ")
}

/// A link whose text is the page's own name.
fn link(url: &str) -> String {
    let Some(rest) = url.strip_prefix("https://") else {
        return plain(url);
    };
    let end = rest
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(rest);
    let name = end.trim_end_matches(".html");
    format!("[{}](<{}>)", plain(name), bare(url))
}

/// An address without what would end it early.
fn bare(url: &str) -> String {
    url.replace(['<', '>', ' '], "")
}
