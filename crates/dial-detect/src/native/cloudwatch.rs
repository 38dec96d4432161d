//! `CloudWatch`: alarms that change their state.

use super::{Found, Reporter, nobody};
use dial_core::finding::Resource;

pub(super) const REPORTER: Reporter = Reporter {
    source: "aws.cloudwatch",
    name: "CloudWatch",
    kind: "",
    message: "state.reason",
    resources: about,
    principal: nobody,
    addresses: &[],
};

fn about(found: Found<'_>) -> Vec<Resource> {
    let alarm = found.text("alarmName");
    let alarm = alarm.map(|name| found.named("AWS::CloudWatch::Alarm", name));
    alarm.into_iter().collect()
}
