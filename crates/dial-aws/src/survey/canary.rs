//! A call that changes nothing and that CloudTrail records.

use super::events::EVENTS;
use super::{Survey, SurveyError};
use serde_json::json;

impl Survey {
    /// Asks to disable an event rule that does not exist. CloudTrail records the attempt, refused
    /// or not found, and a rule of the pack matches it by the name.
    pub async fn disable_missing_rule(&self, name: &str) -> Result<(), SurveyError> {
        let wanted = json!({ "Name": name });
        match self.ask.call(EVENTS, "DisableRule", &wanted).await {
            Ok(_) => Ok(()),
            Err(error) if error.denied || error.code == "ResourceNotFoundException" => Ok(()),
            Err(error) => Err(error),
        }
    }
}
