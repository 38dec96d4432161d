//! Event rules of the default bus, and where they lead.

use super::{Survey, SurveyError};
use crate::service::Service;
use serde_json::{Value, json};

pub(super) const EVENTS: Service = Service {
    name: "events",
    variable: "EVENTBRIDGE",
    target: "AWSEvents",
};
/// Most pages of a list; a bus takes a few hundred rules.
const MAX_PAGES: usize = 50;

/// A rule of `EventBridge`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventRule {
    /// Its name.
    pub name: String,
    /// `ENABLED`, `DISABLED` or `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`.
    pub state: String,
    /// Its pattern; `Null` for a schedule.
    pub pattern: Value,
    /// Its schedule; empty for a pattern.
    pub schedule: String,
    /// Where it leads.
    pub targets: Vec<Target>,
}

/// A target of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// ARN of the function or queue.
    pub arn: String,
    /// Whether a queue takes what cannot be delivered.
    pub has_dead_letters: bool,
}

impl Survey {
    /// Rules whose names start so, with their targets.
    pub async fn event_rules(&self, prefix: &str) -> Result<Vec<EventRule>, SurveyError> {
        let mut rules = Vec::new();
        let mut next = Value::Null;
        for _ in 0..MAX_PAGES {
            let mut wanted = json!({ "NamePrefix": prefix });
            if !next.is_null() {
                wanted["NextToken"] = next;
            }
            let mut answer = self.ask.call(EVENTS, "ListRules", &wanted).await?;
            for said in answer["Rules"].as_array().into_iter().flatten() {
                rules.push(self.event_rule(said).await?);
            }
            next = answer["NextToken"].take();
            if next.is_null() {
                break;
            }
        }
        Ok(rules)
    }

    async fn event_rule(&self, said: &Value) -> Result<EventRule, SurveyError> {
        let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
        let wanted = json!({ "Rule": said["Name"] });
        let answer = self.ask.call(EVENTS, "ListTargetsByRule", &wanted).await?;
        let targets = answer["Targets"].as_array().into_iter().flatten();
        Ok(EventRule {
            name: text("Name"),
            state: text("State"),
            pattern: serde_json::from_str(&text("EventPattern")).unwrap_or(Value::Null),
            schedule: text("ScheduleExpression"),
            targets: targets
                .map(|target| Target {
                    arn: target["Arn"].as_str().unwrap_or_default().to_owned(),
                    has_dead_letters: target["DeadLetterConfig"]["Arn"].is_string(),
                })
                .collect(),
        })
    }
}
