//! The event of a canary: the record that CloudTrail writes of the call, and what the rules make of it.

use super::RULE;
use crate::config_file::ConfigFile;
use anyhow::{Context, Result, bail};
use dial_core::{AccountId, Finding, Region};
use dial_detect::Pipeline;
use dial_detect::envelope::{self, Input};
use dial_worker::config::Worker;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::Path;

/// The account of the `[worker]` section.
pub(super) fn configured_account(config: Option<&Path>) -> Result<AccountId> {
    let file = ConfigFile::find(config)?;
    let wanted = "say which account, by --account or by `account` in a [worker] section";
    let worker: Worker = file.section("worker").context(wanted)?;
    worker.account.context(wanted)
}

/// The attempt to disable a rule that does not exist, as EventBridge hands it over.
pub(super) fn canary(name: &str, account: &AccountId, region: &Region, now: Timestamp) -> Value {
    let (account, region) = (account.as_str(), region.as_str());
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let caller = format!("arn:aws:iam::{account}:user/dial-canary");
    json!({
        "version": "0", "id": format!("event-{name}"),
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.events",
        "account": account, "time": time, "region": region, "resources": [],
        "detail": {
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "IAMUser", "principalId": "dial-canary", "arn": caller,
                "accountId": account, "userName": "dial-canary",
            },
            "eventTime": time, "eventSource": "events.amazonaws.com", "eventName": "DisableRule",
            "awsRegion": region, "sourceIPAddress": "192.0.2.1", "userAgent": "dial-canary",
            "errorCode": "ResourceNotFoundException",
            "errorMessage": format!("Rule {name} does not exist on EventBus default."),
            "requestParameters": { "name": name }, "responseElements": null,
            "eventID": format!("record-{name}"), "readOnly": false, "eventType": "AwsApiCall",
            "managementEvent": true, "recipientAccountId": account, "eventCategory": "Management",
        },
    })
}

/// The one finding that the rules make of it.
pub(super) fn judge(event: &Value, pipeline: &Pipeline) -> Result<Finding> {
    let Input::Events(items) = envelope::read(event.to_string().as_bytes())? else {
        bail!("the canary is no event");
    };
    let mut kept = Vec::new();
    for item in items {
        kept.extend(pipeline.run(&item?, Timestamp::now()).kept());
    }
    let found = kept.into_iter().find(|finding| finding.rule.name == RULE);
    found.with_context(|| {
        format!(
            "{RULE} did not match it: worker.detect.own.prefix must be a start of `dial-canary`"
        )
    })
}
