//! Lists of findings: their lines, their order, and where a page starts.

use super::triage::Triage;
use super::{Status, query, stats};
use crate::finding::{Account, Finding, RuleRef, Suppression};
use crate::{FindingId, Severity};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One line of a list: never holds the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Finding id.
    pub id: FindingId,
    /// The rule.
    pub rule: RuleRef,
    /// Severity.
    pub severity: Severity,
    /// One line for people.
    pub title: String,
    /// Where it stands.
    pub status: Status,
    /// Who is to look after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// End of its sleep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Timestamp>,
    /// When somebody first acknowledged or closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// The account.
    pub account: Account,
    /// The region.
    pub region: String,
    /// The service that was called, such as `iam`.
    #[serde(default)]
    pub service: String,
    /// ATT&CK technique ids, such as `T1530`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<String>,
    /// When the call was made.
    pub time: Timestamp,
    /// When the worker judged it.
    pub detected_at: Timestamp,
    /// ARN, else name, else type of who called.
    pub principal: String,
    /// Access key that signed the call; a temporary one stands for its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// ARN, else `type/name` of what was touched; may be empty.
    pub resource: String,
    /// `sourceIPAddress`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// Why nobody was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
}

/// A place in a list, newest first: everything after this sort key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(String);

/// A page of a list and where the next one starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Newest first.
    pub items: Vec<Summary>,
    /// Absent on the last page, and only there: any other page may be short.
    pub next: Option<Cursor>,
}

impl Cursor {
    /// The cursor that continues after this item.
    pub fn after(time: Timestamp, id: &FindingId) -> Self {
        Self(sort_key(time, id))
    }

    /// Reads what [`Cursor::to_opaque`] wrote; `None` for anything else.
    pub fn from_opaque(text: &str) -> Option<Self> {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let key = String::from_utf8(bytes).ok()?;
        let (time, id) = key.split_once('#')?;
        let time: Timestamp = time.parse().ok()?;
        let id = FindingId::parse(id).ok()?;
        (sort_key(time, &id) == key).then_some(Self(key))
    }

    /// The cursor as clients see it.
    pub fn to_opaque(&self) -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        URL_SAFE_NO_PAD.encode(&self.0)
    }

    /// Time of the item that it continues after.
    pub fn time(&self) -> Option<Timestamp> {
        self.0.split_once('#')?.0.parse().ok()
    }

    /// The sort key that it continues after.
    pub fn sort_key(&self) -> &str {
        &self.0
    }
}

/// `<time>#<id>`, with time in fixed-width milliseconds so that text order is time order.
pub fn sort_key(time: Timestamp, id: &FindingId) -> String {
    format!("{time:.3}#{id}")
}

/// Partition shard of an id, 0 to 7; over all digits, for the last one holds only three bits.
pub fn shard(id: &FindingId) -> u8 {
    id.as_str().bytes().fold(0, u8::wrapping_add) & 7
}

impl Summary {
    /// The line of a finding.
    pub fn of(finding: &Finding, triage: &Triage) -> Self {
        Self {
            id: finding.id.clone(),
            rule: finding.rule.clone(),
            severity: finding.severity,
            title: finding.title.clone(),
            status: triage.status,
            assignee: triage.assignee.clone(),
            snoozed_until: triage.snoozed_until,
            answered_at: None,
            account: finding.account.clone(),
            region: finding.region.clone(),
            service: query::service(&finding.event.source).to_owned(),
            attack: finding.attack.clone(),
            time: finding.time,
            detected_at: finding.detected_at,
            principal: finding.principal.key().to_owned(),
            access_key_id: finding.principal.access_key_id.clone(),
            resource: finding.resource_key(),
            source_ip: finding.source.ip.clone(),
            suppressed: finding.suppressed.clone(),
        }
    }

    /// The key that stores index, if there is one.
    pub fn access_key(&self) -> Option<&str> {
        self.access_key_id.as_deref().filter(|key| !key.is_empty())
    }

    /// The address that the call came from, in the one spelling that stores index; `None` where a
    /// service called.
    pub fn address(&self) -> Option<String> {
        let address: IpAddr = self.source_ip.as_deref()?.parse().ok()?;
        Some(address.to_canonical().to_string())
    }

    /// The line after a change at `at`.
    #[must_use]
    pub fn changed(mut self, triage: &Triage, at: Timestamp) -> Self {
        self.status = triage.status;
        self.assignee.clone_from(&triage.assignee);
        self.snoozed_until = triage.snoozed_until;
        let answer = stats::is_answer(triage.status).then_some(at);
        self.answered_at = self.answered_at.or(answer);
        self
    }

    /// The line as it reads at a time: a sleep that is over is over before anyone wrote it down.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        let over = self.snoozed_until.is_none_or(|until| until <= now);
        if self.status == Status::Snoozed && over {
            self.status = Status::Open;
            self.snoozed_until = None;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_forged_ones_are_refused() {
        let id = FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
        let cursor = Cursor::after("2026-05-01T10:00:00Z".parse().unwrap(), &id);
        assert_eq!(
            cursor.sort_key(),
            "2026-05-01T10:00:00.000Z#f-aaaaaaaaaaaaaaaaaaaaaaaaaa"
        );
        assert_eq!(Cursor::from_opaque(&cursor.to_opaque()), Some(cursor));
        for text in ["", "!", "MjAyNg", "MjAyNi0wNS0wMVQxMDowMDowMFojeA"] {
            assert_eq!(Cursor::from_opaque(text), None, "{text}");
        }
    }

    #[test]
    fn shards_fill_evenly() {
        let mut counts = [0_u32; 8];
        for n in 0..8_000_u32 {
            let identity = crate::id::Identity {
                rule: "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11",
                account: "111122223333",
                region: "eu-west-1",
                event: &n.to_string(),
                resource: "",
            };
            counts[usize::from(shard(&identity.id()))] += 1;
        }
        assert!(
            counts.iter().all(|n| (900..=1_100).contains(n)),
            "{counts:?}"
        );
    }

    #[test]
    fn text_order_is_time_order() {
        let id = FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
        let key = |text: &str| sort_key(text.parse().unwrap(), &id);
        assert!(key("2026-05-01T10:00:00Z") < key("2026-05-01T10:00:00.5Z"));
        assert!(key("2026-05-01T10:00:00.5Z") < key("2026-05-01T10:00:01Z"));
    }
}
