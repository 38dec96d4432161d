//! Machines that are started or ended: of what kind, and how many at once.

use super::EC2;
use crate::facts::{Extractor, Facts, Known, list};
use crate::normalise::{Call, lookup};
use crate::text::shown;
use serde_json::Value;
use std::collections::BTreeSet;

/// Families with accelerators, by the letters before their generation.
const ACCELERATED: [&str; 8] = ["dl", "f", "g", "gr", "inf", "p", "trn", "vt"];
/// Sizes from here on are among the largest of their family, in multiples of `xlarge`.
const HUGE: u32 = 16;

pub(in crate::facts) const LAUNCH: Extractor = Extractor {
    name: "ec2.launch",
    summary: "Which kinds of machines a call starts or prepares, and how many",
    sources: &["autoscaling.amazonaws.com", "ec2.amazonaws.com"],
    names: &[
        "CreateFleet",
        "CreateLaunchConfiguration",
        "CreateLaunchTemplate",
        "CreateLaunchTemplateVersion",
        "ModifyInstanceAttribute",
        "RequestSpotFleet",
        "RequestSpotInstances",
        "RunInstances",
    ],
    facts: &[
        "ec2.launch.accelerated",
        "ec2.launch.huge",
        "ec2.launch.types",
        "ec2.launch.count",
    ],
    run: launch,
};

pub(in crate::facts) const TERMINATION: Extractor = Extractor {
    name: "ec2.termination",
    summary: "How many machines one call destroys",
    sources: EC2,
    names: &["TerminateInstances"],
    facts: &["ec2.termination.count"],
    run: termination,
};

fn launch(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let types = types(call);
    if types.is_empty() {
        return;
    }
    let accelerated: Vec<_> = types.iter().filter(|t| is_accelerated(t)).collect();
    let huge = types.iter().any(|t| is_huge(t));
    facts.set("ec2.launch.accelerated", !accelerated.is_empty());
    facts.set("ec2.launch.huge", huge);
    facts.set("ec2.launch.types", list(&types));
    let Some(count) = count(call) else { return };
    facts.set("ec2.launch.count", count);
    let types: Vec<_> = types.iter().take(5).map(|t| shown(t)).collect();
    facts.say(format!("asks for {count} of {}", types.join(", ")));
}

fn types<'a>(call: &Call<'a>) -> BTreeSet<&'a str> {
    let paths = [
        "instanceType",
        "instanceType.value",
        "launchSpecification.instanceType",
        "LaunchTemplateConfigs.Overrides.InstanceType",
        "LaunchTemplateData.InstanceType",
        "spotFleetRequestConfig.launchSpecifications.instanceType",
        "spotFleetRequestConfig.launchTemplateConfigs.overrides.instanceType",
    ];
    let values = paths.into_iter().flat_map(|path| call.request_all(path));
    let mut found: BTreeSet<_> = values.filter_map(Value::as_str).collect();
    let changed = call.request_text("attribute") == Some("instanceType");
    found.extend(call.request_text("value").filter(|_| changed));
    found
}

/// The most that the call may start.
fn count(call: &Call<'_>) -> Option<i64> {
    let paths = [
        "instancesSet.items.maxCount",
        "instanceCount",
        "TargetCapacitySpecification.TotalTargetCapacity",
        "spotFleetRequestConfig.targetCapacity",
    ];
    let values = paths.into_iter().flat_map(|path| call.request_all(path));
    values.filter_map(lookup::as_number).max()
}

fn termination(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let named = call.request_all("instancesSet.items.instanceId");
    let machines: BTreeSet<_> = named.into_iter().filter_map(Value::as_str).collect();
    if !machines.is_empty() {
        facts.set("ec2.termination.count", machines.len());
    }
}

fn is_accelerated(kind: &str) -> bool {
    let family = kind.split('.').next().unwrap_or(kind);
    let letters = family.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let letters = &family[..family.len() - letters.len()];
    ACCELERATED.contains(&letters) && letters.len() < family.len()
}

/// `metal`, `metal-24xl`, `16xlarge` and above.
fn is_huge(kind: &str) -> bool {
    let Some((_, size)) = kind.split_once('.') else {
        return false;
    };
    let times = size.strip_suffix("xlarge").and_then(|n| n.parse().ok());
    size.starts_with("metal") || times.is_some_and(|times: u32| times >= HUGE)
}

#[cfg(test)]
mod tests {
    use super::{is_accelerated, is_huge};
    use crate::facts::{facts_of, sample};
    use serde_json::json;

    #[test]
    fn kinds_of_machines_are_told_apart() {
        let cases = [
            ("p5.48xlarge", (true, true)),
            ("g4dn.xlarge", (true, false)),
            ("gr6.4xlarge", (true, false)),
            ("inf2.xlarge", (true, false)),
            ("trn1n.32xlarge", (true, true)),
            ("f1.2xlarge", (true, false)),
            ("c7i.48xlarge", (false, true)),
            ("m5.metal", (false, true)),
            ("c7g.metal-48xl", (false, true)),
            ("u-12tb1.112xlarge", (false, true)),
            ("m7i.12xlarge", (false, false)),
            ("t4g.small", (false, false)),
            ("is4gen.large", (false, false)),
            ("", (false, false)),
            ("große.maschine", (false, false)),
        ];
        for (kind, expected) in cases {
            assert_eq!((is_accelerated(kind), is_huge(kind)), expected, "{kind}");
        }
    }

    #[test]
    fn every_way_to_start_machines_is_read() {
        let cases = [
            (
                "RunInstances",
                json!({"instanceType": "p2.xlarge", "instancesSet": {"items": [{"minCount": 1, "maxCount": 10}]}}),
                Some(10),
            ),
            (
                "RequestSpotInstances",
                json!({"instanceCount": 4, "launchSpecification": {"instanceType": "p2.xlarge"}}),
                Some(4),
            ),
            (
                "CreateFleet",
                json!({"CreateFleetRequest": {"LaunchTemplateConfigs": {"tag": 1, "Overrides": [
                    {"tag": 1, "InstanceType": "t3.micro"}, {"tag": 2, "InstanceType": "p2.xlarge"}]},
                    "TargetCapacitySpecification": {"TotalTargetCapacity": 7}}}),
                Some(7),
            ),
            (
                "RequestSpotFleet",
                json!({"spotFleetRequestConfig": {"targetCapacity": 9, "launchSpecifications": {
                    "items": [{"instanceType": "p2.xlarge"}]}}}),
                Some(9),
            ),
            (
                "CreateLaunchTemplate",
                json!({"CreateLaunchTemplateRequest": {"LaunchTemplateData": {"InstanceType": "p2.xlarge"}}}),
                None,
            ),
            (
                "ModifyInstanceAttribute",
                json!({"instanceType": {"value": "p2.xlarge"}}),
                None,
            ),
            (
                "ModifyInstanceAttribute",
                json!({"attribute": "instanceType", "value": "p2.xlarge"}),
                None,
            ),
        ];
        for (name, request, count) in cases {
            let facts = facts_of(&sample("ec2.amazonaws.com", name, request));
            let accelerated = facts.get("ec2.launch.accelerated");
            assert_eq!(accelerated, Some(&json!(true)), "{name}");
            let found = facts.get("ec2.launch.count");
            assert_eq!(found.and_then(serde_json::Value::as_i64), count, "{name}");
        }
        let none = json!({"attribute": "userData", "value": "p2.xlarge"});
        let facts = facts_of(&sample(
            "ec2.amazonaws.com",
            "ModifyInstanceAttribute",
            none,
        ));
        assert_eq!(facts.get("ec2.launch.types"), None);
    }

    #[test]
    fn machines_that_end_are_counted_once_each() {
        let items = json!([{"instanceId": "i-1"}, {"instanceId": "i-2"}, {"instanceId": "i-1"}]);
        let request = json!({"instancesSet": {"items": items}});
        let facts = facts_of(&sample("ec2.amazonaws.com", "TerminateInstances", request));
        assert_eq!(facts.get("ec2.termination.count"), Some(&json!(2)));
    }
}
