//! The CloudFormation template of the organisation's workers, from its base and the event patterns.
//!
//! `worker.base.json` is written by hand, as the worker module is; what the two share is compared
//! here, and the rules of EventBridge come from the one `event_patterns.json`.

use crate::run::{root, run};
use crate::tools;
use anyhow::{Context, bail};
use serde_json::{Map, Value, json};
use std::process::Command;

const BASE: &str = "infra/modules/organization/worker.base.json";
const PATTERNS: &str = "infra/modules/worker/event_patterns.json";
const TEMPLATE: &str = "infra/modules/organization/worker.template.json";
/// Largest template that CloudFormation takes from S3.
const LARGEST: usize = 1024 * 1024;
/// Largest pattern that EventBridge takes.
const LARGEST_PATTERN: usize = 2_048;

/// Fails where the template is not what base and patterns make, or CloudFormation would refuse it.
pub(crate) fn check() -> anyhow::Result<()> {
    let template = made()?;
    if std::fs::read_to_string(root().join(TEMPLATE)).ok() != Some(template) {
        bail!("{TEMPLATE} is stale; run `cargo xtask terraform --write`");
    }
    lint()
}

/// Writes the template.
pub(crate) fn write() -> anyhow::Result<()> {
    let template = made()?;
    if std::fs::read_to_string(root().join(TEMPLATE)).ok().as_ref() != Some(&template) {
        std::fs::write(root().join(TEMPLATE), template)?;
        println!("wrote {TEMPLATE}");
    }
    Ok(())
}

/// A second opinion, where there is a Python: every resource against CloudFormation's schemas.
fn lint() -> anyhow::Result<()> {
    let Some(python) = tools::python()? else {
        println!("skipped: cfn-lint over {TEMPLATE}");
        return Ok(());
    };
    let program = python.with_file_name("cfn-lint");
    let words = ["--regions", "us-east-1", "--", TEMPLATE];
    run(Command::new(program).current_dir(root()).args(words))
}

fn made() -> anyhow::Result<String> {
    let read = |path: &str| -> anyhow::Result<Value> {
        let text = std::fs::read_to_string(root().join(path)).with_context(|| path.to_owned())?;
        serde_json::from_str(&text).with_context(|| path.to_owned())
    };
    let template = filled(read(BASE)?, &read(PATTERNS)?)?;
    let text = format!("{}\n", serde_json::to_string_pretty(&template)?);
    if text.len() > LARGEST {
        bail!(
            "the template has {} bytes; CloudFormation takes {LARGEST}",
            text.len()
        );
    }
    Ok(text)
}

/// The base with a rule and a permission for each pattern.
fn filled(mut base: Value, patterns: &Value) -> anyhow::Result<Value> {
    let patterns = patterns["patterns"].as_array().context("no patterns")?;
    let resources = base["Resources"].as_object_mut().context("no Resources")?;
    for pattern in patterns {
        let name = pattern["name"]
            .as_str()
            .context("a pattern without a name")?;
        let size = pattern["pattern"].to_string().len();
        if size > LARGEST_PATTERN {
            bail!("pattern {name} has {size} characters; EventBridge takes {LARGEST_PATTERN}");
        }
        let is_regional = pattern["scope"] == "regional";
        let id = logical_id(name);
        add(resources, &id, is_regional, rule(name, pattern))?;
        add(
            resources,
            &format!("{id}Permission"),
            is_regional,
            permission(&id),
        )?;
    }
    Ok(base)
}

fn add(
    resources: &mut Map<String, Value>,
    id: &str,
    is_regional: bool,
    mut resource: Value,
) -> anyhow::Result<()> {
    if !is_regional {
        // Global services record their events in one region.
        resource["Condition"] = "IsHome".into();
    }
    match resources.insert(id.to_owned(), resource) {
        None => Ok(()),
        Some(_) => bail!("two resources are called {id}"),
    }
}

fn rule(name: &str, pattern: &Value) -> Value {
    json!({
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Name": format!("dial-worker-{name}"),
            "Description": "DIAL: derived from the rules that the worker runs",
            "EventPattern": pattern["pattern"],
            "State": pattern["state"],
            "Targets": [{
                "Id": "worker",
                "Arn": { "Fn::GetAtt": ["Worker", "Arn"] },
                "DeadLetterConfig": { "Arn": { "Fn::GetAtt": ["Undelivered", "Arn"] } },
                "RetryPolicy": { "MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185 },
            }],
        },
    })
}

fn permission(rule: &str) -> Value {
    json!({
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": { "Ref": "Worker" },
            "Principal": "events.amazonaws.com",
            "SourceArn": { "Fn::GetAtt": [rule, "Arn"] },
        },
    })
}

/// `us-east-1-writes` as `RuleUsEast1Writes`: CloudFormation takes letters and digits only.
fn logical_id(name: &str) -> String {
    let word = |word: &str| -> String {
        let mut letters = word.chars().filter(char::is_ascii_alphanumeric);
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    };
    let words: String = name.split(['-', '_']).map(word).collect();
    format!("Rule{words}")
}

/// The folder of the module that the base is compared with.
#[cfg(test)]
fn worker_module() -> std::path::PathBuf {
    root().join("infra/modules/worker")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn hcl(file: &str) -> hcl::Body {
        hcl::parse(&std::fs::read_to_string(worker_module().join(file)).unwrap()).unwrap()
    }

    fn base() -> Value {
        serde_json::from_str(&std::fs::read_to_string(root().join(BASE)).unwrap()).unwrap()
    }

    fn block<'b>(body: &'b hcl::Body, labels: [&str; 2]) -> &'b hcl::Body {
        let mut blocks = body.blocks();
        let found = blocks.find(|block| {
            block
                .labels()
                .iter()
                .map(hcl::BlockLabel::as_str)
                .eq(labels)
        });
        found.unwrap_or_else(|| panic!("no {labels:?}")).body()
    }

    fn expression<'b>(body: &'b hcl::Body, key: &str) -> &'b hcl::Expression {
        let mut attributes = body.attributes();
        let found = attributes.find(|attribute| attribute.key() == key);
        found.unwrap_or_else(|| panic!("no {key}")).expr()
    }

    fn value(body: &hcl::Body, key: &str) -> Value {
        serde_json::to_value(expression(body, key)).unwrap()
    }

    fn object(
        expression: &hcl::Expression,
    ) -> &hcl::expr::Object<hcl::expr::ObjectKey, hcl::Expression> {
        match expression {
            hcl::Expression::Object(object) => object,
            other => panic!("no object: {other:?}"),
        }
    }

    fn texts(value: &Value) -> BTreeSet<String> {
        let list = value.as_array().unwrap().iter();
        list.map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// What every worker may do, by Terraform and by CloudFormation. A key, queues, trails and
    /// keys of encryption are for those alone who deploy with Terraform.
    #[test]
    fn the_role_is_that_of_the_worker_module() {
        let iam = hcl("iam.tf");
        let document = block(&iam, ["aws_iam_policy_document", "worker"]);
        let statements = document.blocks().filter(|b| b.identifier() == "statement");
        let terraform: BTreeMap<String, BTreeSet<String>> = statements
            .map(|s| {
                (
                    value(s.body(), "sid").as_str().unwrap().to_owned(),
                    texts(&value(s.body(), "actions")),
                )
            })
            .collect();
        let policy = &base()["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"];
        let statements = policy["Statement"].as_array().unwrap().iter();
        let formation: BTreeMap<String, BTreeSet<String>> = statements
            .map(|s| (s["Sid"].as_str().unwrap().to_owned(), texts(&s["Action"])))
            .collect();
        assert_eq!(formation, terraform);
        assert!(!policy.to_string().contains("\"Resource\":\"*\""));
    }

    #[test]
    fn what_is_tuned_starts_as_in_the_worker_module() {
        let variables = hcl("variables.tf");
        let base = base();
        for (variable, parameter) in [
            ("architecture", "Architecture"),
            ("memory_mb", "MemoryMb"),
            ("timeout_seconds", "TimeoutSeconds"),
            ("heartbeat_minutes", "HeartbeatMinutes"),
            ("log_retention_days", "LogRetentionDays"),
            ("dead_letter_days", "DeadLetterDays"),
        ] {
            let body = variables
                .blocks()
                .find(|b| b.labels()[0].as_str() == variable)
                .unwrap();
            let default = value(body.body(), "default");
            assert_eq!(
                base["Parameters"][parameter]["Default"], default,
                "{variable}"
            );
        }
    }

    #[test]
    fn the_alarms_are_those_of_the_worker_module() {
        let alarms = hcl("alarms.tf");
        let locals = alarms
            .blocks()
            .find(|b| b.identifier() == "locals")
            .unwrap();
        let listed = object(expression(locals.body(), "alarms"));
        let metric = |alarm: &hcl::Expression| {
            let metric = object(alarm)
                .iter()
                .find(|(key, _)| key.to_string() == "metric");
            let (_, metric) = metric.unwrap();
            serde_json::to_value(metric)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        let terraform: BTreeSet<String> = listed.values().map(metric).collect();
        let base = base();
        let resources = base["Resources"].as_object().unwrap().values();
        let formation: BTreeSet<String> = resources
            .filter(|r| r["Type"] == "AWS::CloudWatch::Alarm")
            .map(|r| r["Properties"]["MetricName"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(formation, terraform);
    }

    #[test]
    fn every_pattern_is_a_rule_that_keeps_what_it_cannot_deliver() {
        let patterns = json!({ "patterns": [
            { "name": "us-east-1-writes", "state": "ENABLED", "scope": "us-east-1", "pattern": { "source": ["a"] } },
            { "name": "reads-1", "state": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", "scope": "regional", "pattern": {} },
        ]});
        let template = filled(json!({ "Resources": {} }), &patterns).unwrap();
        let resources = template["Resources"].as_object().unwrap();
        assert_eq!(resources.len(), 4);
        let global = &resources["RuleUsEast1Writes"];
        assert_eq!(global["Condition"], "IsHome");
        assert_eq!(global["Properties"]["Name"], "dial-worker-us-east-1-writes");
        let target = &resources["RuleReads1"]["Properties"]["Targets"][0];
        assert!(target["DeadLetterConfig"]["Arn"].is_object());
        let again = json!({ "patterns": [{ "name": "a-b", "pattern": {} }, { "name": "a_b", "pattern": {} }] });
        assert!(filled(json!({ "Resources": {} }), &again).is_err());
        let long =
            json!({ "patterns": [{ "name": "a", "pattern": { "source": ["x".repeat(2_100)] } }] });
        assert!(filled(json!({ "Resources": {} }), &long).is_err());
    }
}
