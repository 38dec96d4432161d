//! One finding in a list.

use super::words::{self, When};
use dial_core::store::Summary;
use jiff::Timestamp;

/// A line of a list, as it is shown.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: String,
    /// The word of JSON, which is also its class.
    pub(super) severity: &'static str,
    pub(super) severity_word: &'static str,
    pub(super) title: String,
    pub(super) rule: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) resource: String,
    pub(super) resource_whole: String,
    pub(super) principal: String,
    pub(super) principal_whole: String,
    pub(super) time: When,
    /// The word of JSON, which is also its class.
    pub(super) status: &'static str,
    pub(super) status_word: &'static str,
    pub(super) assignee: Option<String>,
    pub(super) suppressed: bool,
}

impl Line {
    pub(super) fn new(summary: &Summary, now: Timestamp) -> Self {
        let account = &summary.account;
        Self {
            id: summary.id.to_string(),
            severity: summary.severity.as_str(),
            severity_word: words::severity(summary.severity),
            title: words::one_line(&summary.title),
            rule: words::one_line(&summary.rule.name),
            account: words::one_line(account.name.as_ref().unwrap_or(&account.id)),
            region: words::one_line(&summary.region),
            resource: words::short(&summary.resource),
            resource_whole: words::one_line(&summary.resource),
            principal: words::short(&summary.principal),
            principal_whole: words::one_line(&summary.principal),
            time: When::new(summary.time, now),
            status: words::status_class(summary.status),
            status_word: words::status(summary.status),
            assignee: summary.assignee.as_deref().map(words::one_line),
            suppressed: summary.suppressed.is_some(),
        }
    }
}
