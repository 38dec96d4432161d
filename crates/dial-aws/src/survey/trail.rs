//! Trails: what CloudTrail records, and whether it does.

use super::{Survey, SurveyError};
use crate::service::Service;
use serde_json::{Value, json};

const CLOUDTRAIL: Service = Service {
    name: "cloudtrail",
    variable: "CLOUDTRAIL",
    target: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
};

/// A trail that records in the region that was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what CloudTrail says of a trail"
)]
pub struct Trail {
    /// Its name.
    pub name: String,
    /// Whether it records in every region.
    pub multi_region: bool,
    /// Whether it records global services.
    pub global_services: bool,
    /// Whether it is on.
    pub logging: bool,
    /// Whether it records management events that write.
    pub writes: bool,
    /// Whether it records management events that only read.
    pub reads: bool,
    /// What went wrong when it delivered last; empty where nothing did.
    pub delivery_error: String,
}

impl Survey {
    /// Trails that record in this region, those of other regions and of the organisation included.
    pub async fn trails(&self) -> Result<Vec<Trail>, SurveyError> {
        let wanted = json!({ "includeShadowTrails": true });
        let answer = self.ask.call(CLOUDTRAIL, "DescribeTrails", &wanted).await?;
        let mut trails = Vec::new();
        for trail in answer["trailList"].as_array().into_iter().flatten() {
            trails.push(self.trail(trail).await?);
        }
        Ok(trails)
    }

    async fn trail(&self, said: &Value) -> Result<Trail, SurveyError> {
        let arn = &said["TrailARN"];
        let name = json!({ "Name": arn });
        let status = self.ask.call(CLOUDTRAIL, "GetTrailStatus", &name).await?;
        let name = json!({ "TrailName": arn });
        let selectors = self
            .ask
            .call(CLOUDTRAIL, "GetEventSelectors", &name)
            .await?;
        let (writes, reads) = selected(&selectors);
        Ok(Trail {
            name: text(&said["Name"]),
            multi_region: said["IsMultiRegionTrail"] == true,
            global_services: said["IncludeGlobalServiceEvents"] == true,
            logging: status["IsLogging"] == true,
            writes,
            reads,
            delivery_error: text(&status["LatestDeliveryError"]),
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Which management events are selected: those that write, those that read.
fn selected(answer: &Value) -> (bool, bool) {
    let list = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    let basic = list("EventSelectors").into_iter().map(|selector| {
        let management = selector["IncludeManagementEvents"] != false;
        let kind = selector["ReadWriteType"].as_str().unwrap_or("All");
        (
            management && kind != "ReadOnly",
            management && kind != "WriteOnly",
        )
    });
    let advanced = list("AdvancedEventSelectors").into_iter().map(|selector| {
        let fields = selector["FieldSelectors"].as_array().cloned();
        let fields = fields.unwrap_or_default();
        let field = |name: &str| fields.iter().find(|field| field["Field"] == name);
        let management = field("eventCategory").is_some_and(|f| f["Equals"][0] == "Management");
        let only = field("readOnly").map(|field| field["Equals"][0] == "true");
        (
            management && only != Some(true),
            management && only != Some(false),
        )
    });
    let both: Vec<_> = basic.chain(advanced).collect();
    // A trail that says nothing records all management events.
    if both.is_empty() {
        return (true, true);
    }
    let any = |of: fn(&(bool, bool)) -> bool| both.iter().any(of);
    (any(|it| it.0), any(|it| it.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_say_which_management_events_are_recorded() {
        let basic = |kind: &str, management: bool| json!({"EventSelectors": [{"ReadWriteType": kind, "IncludeManagementEvents": management}]});
        let advanced =
            |fields: Value| json!({"AdvancedEventSelectors": [{"FieldSelectors": fields}]});
        let category = |name: &str| json!({"Field": "eventCategory", "Equals": [name]});
        let cases = [
            (json!({}), (true, true)),
            (basic("All", true), (true, true)),
            (basic("WriteOnly", true), (true, false)),
            (basic("ReadOnly", true), (false, true)),
            (basic("All", false), (false, false)),
            (advanced(json!([category("Management")])), (true, true)),
            (advanced(json!([category("Data")])), (false, false)),
            (
                advanced(
                    json!([category("Management"), {"Field": "readOnly", "Equals": ["false"]}]),
                ),
                (true, false),
            ),
        ];
        for (answer, expected) in cases {
            assert_eq!(selected(&answer), expected, "{answer}");
        }
    }
}
