//! A finding: one rule matched one event and one resource.

use crate::id::{FindingId, Identity};
use crate::record::Record;
use crate::severity::Severity;
use crate::wire::WorkerInfo;
use crate::worker_id::{AccountId, Region, WorkerIdError};
use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Largest inline record, bytes of JSON; a larger one goes to the bucket.
pub const MAX_RECORD: usize = 300 * 1024;
/// Longest single text of a finding, bytes.
const MAX_TEXT: usize = 8 * 1024;
/// Longest text of a suppression, bytes; summaries carry it.
pub const MAX_SUPPRESSION: usize = 512;
/// Largest finding without its record, bytes of JSON; a DynamoDB item holds 400 KB.
const MAX_BODY: usize = 64 * 1024;

/// One rule matched one event and one resource; what is signed, stored and shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Stable id; see [`Finding::expected_id`].
    pub id: FindingId,
    /// The rule that matched.
    pub rule: RuleRef,
    /// Severity after configuration and context.
    pub severity: Severity,
    /// Why the severity is not the rule's level; empty where it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severity_changes: Vec<SeverityChange>,
    /// One line for people.
    pub title: String,
    /// What matched, with values: statement, grant, port.
    pub explanation: String,
    /// Which part of the rule matched with which value of the event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matched: Vec<Matched>,
    /// Account that the event belongs to.
    pub account: Account,
    /// Region of the event.
    pub region: String,
    /// When the call was made (`eventTime`).
    pub time: Timestamp,
    /// When the worker judged it.
    pub detected_at: Timestamp,
    /// The event.
    pub event: EventRef,
    /// Who made the call.
    pub principal: Principal,
    /// Where the call came from.
    pub source: Source,
    /// What the call touched; the first is the one that the id depends on.
    pub resources: Vec<Resource>,
    /// What the facts saw, by fact name.
    #[serde(default)]
    pub facts: Map<String, Value>,
    /// ATT&CK technique ids, such as `T1530`.
    #[serde(default)]
    pub attack: Vec<String>,
    /// Further reading.
    #[serde(default)]
    pub references: Vec<String>,
    /// What could not be found out, such as `geoip: database is corrupt`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<String>,
    /// The redacted record; absent when it lies in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    /// Where a record above [`MAX_RECORD`] lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_ref: Option<RecordRef>,
    /// The operator's suppression that it fits: it is kept and listed, but nobody is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
    /// Who judged the event.
    pub worker: WorkerInfo,
}

/// Why nobody is told of a finding, from the worker's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suppression {
    /// Made from what it fits, so that it stays when owner, reason or expiry change.
    pub id: String,
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// Last day (UTC) on which it holds.
    pub expires: Date,
}

/// The rule that made a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleRef {
    /// UUID.
    pub id: String,
    /// Path-like name, such as `s3_bucket_policy_public`.
    pub name: String,
    /// The rule's title.
    pub title: String,
    /// Version of the rule: its `modified` or `date`, else the pack's hash.
    pub version: String,
}

/// One step by which the severity moved away from the rule's level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeverityChange {
    /// Before.
    pub from: Severity,
    /// After.
    pub to: Severity,
    /// Why, such as `root identity`.
    pub reason: String,
}

/// One part of a rule and the value that satisfied it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Matched {
    /// Name of the selection in the rule.
    pub selection: String,
    /// Dotted path in the event.
    pub field: String,
    /// The value found there.
    pub value: Value,
}

/// An account, with its name where the configuration knows one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// Name from the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The event behind a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventRef {
    /// `eventID`, or what stands in for it.
    pub id: String,
    /// `eventSource`, such as `s3.amazonaws.com`.
    pub source: String,
    /// `eventName` as AWS spells it.
    pub name: String,
    /// `eventType`, or the detail type of a native finding.
    pub kind: String,
    /// Whether the call only reads; absent where the record does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// `errorCode` of a denied or failed call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
}

/// Who made the call; every part is optional in CloudTrail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Principal {
    /// `userIdentity.type`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// ARN of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Name for people: user, role session, service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Account of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Access key id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// Whether the session was opened with MFA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
    /// ARN of the role behind a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_issuer: Option<String>,
}

/// Where the call came from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// `sourceIPAddress`; a service name for calls that AWS makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// `userAgent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Place of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geo: Option<Geo>,
    /// Network of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<Asn>,
    /// Lists that the address is on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reputation: Vec<Reputation>,
}

/// Place of an address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Geo {
    /// ISO 3166-1 alpha-2 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// City, in English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Latitude, degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Longitude, degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
}

/// Network of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asn {
    /// Autonomous system number.
    pub number: u32,
    /// Its holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
}

/// One list that an address is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reputation {
    /// Name of the list.
    pub list: String,
    /// What the list holds, such as `tor` or `abuse score 97`.
    pub category: String,
}

/// A resource that the call touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resource {
    /// Type as CloudFormation names it, such as `AWS::S3::Bucket`.
    #[serde(rename = "type")]
    pub kind: String,
    /// ARN, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Name or id.
    pub name: String,
}

/// Where a large record lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordRef {
    /// Key in the master's bucket.
    pub key: String,
    /// SHA-256 of the JSON text, lower-case hex.
    pub sha256: String,
    /// Length of the JSON text.
    pub bytes: usize,
}

/// Why a finding is refused although its sender is genuine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFinding {
    /// Account or region is malformed.
    #[error(transparent)]
    Place(#[from] WorkerIdError),
    /// The id is not the one that the content gives.
    #[error("id is {found}, but its content gives {expected}")]
    Id {
        /// The id that was sent.
        found: FindingId,
        /// The id that its content gives.
        expected: FindingId,
    },
    /// A text is too long, in bytes.
    #[error("{field} is {length} bytes long, {limit} are allowed")]
    TooLong {
        /// Which one.
        field: &'static str,
        /// Its length, bytes.
        length: usize,
        /// The longest that is taken, bytes.
        limit: usize,
    },
    /// The whole, without its record, is too large for the store.
    #[error("finding is {0} bytes without its record, {MAX_BODY} are allowed")]
    TooLarge(usize),
}

/// Counts the bytes that are written, and keeps none.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Resource {
    /// What the id and the indexes use: the ARN, else `type/name`.
    pub fn key(&self) -> String {
        self.arn
            .clone()
            .unwrap_or_else(|| format!("{}/{}", self.kind, self.name))
    }
}

impl Principal {
    /// What the indexes use: ARN, else name, else type.
    pub fn key(&self) -> &str {
        [&self.arn, &self.name, &self.kind]
            .into_iter()
            .find_map(Option::as_deref)
            .unwrap_or("")
    }
}

impl Finding {
    /// Key of the resource that the id depends on; empty where the event names none.
    pub fn resource_key(&self) -> String {
        self.resources
            .first()
            .map(Resource::key)
            .unwrap_or_default()
    }

    /// The id that this content gives.
    pub fn expected_id(&self) -> FindingId {
        Identity {
            rule: &self.rule.id,
            account: &self.account.id,
            region: &self.region,
            event: &self.event.id,
            resource: &self.resource_key(),
        }
        .id()
    }

    /// Checks what no honest worker gets wrong, so that no worker can take another's id.
    pub fn validate(&self) -> Result<(), InvalidFinding> {
        AccountId::parse(&self.account.id)?;
        Region::parse(&self.region)?;
        self.check_lengths()?;
        let expected = self.expected_id();
        if self.id == expected {
            Ok(())
        } else {
            Err(InvalidFinding::Id {
                found: self.id.clone(),
                expected,
            })
        }
    }

    fn check_lengths(&self) -> Result<(), InvalidFinding> {
        let resource = self.resource_key();
        let texts = [
            ("rule.id", self.rule.id.as_str()),
            ("rule.name", &self.rule.name),
            ("title", &self.title),
            ("event.id", &self.event.id),
            ("principal", self.principal.key()),
            ("resources[0]", &resource),
        ];
        for (field, text) in texts {
            // Index keys of DynamoDB hold 1 KB sort and 2 KB partition; these become keys.
            let limit = if field == "title" { MAX_TEXT } else { 1_536 };
            if text.len() > limit {
                let length = text.len();
                return Err(InvalidFinding::TooLong {
                    field,
                    length,
                    limit,
                });
            }
        }
        self.check_suppression()?;
        self.check_size()
    }

    fn check_suppression(&self) -> Result<(), InvalidFinding> {
        let Some(suppression) = &self.suppressed else {
            return Ok(());
        };
        let texts = [
            ("suppressed.id", &suppression.id),
            ("suppressed.owner", &suppression.owner),
            ("suppressed.reason", &suppression.reason),
        ];
        match texts.iter().find(|(_, text)| text.len() > MAX_SUPPRESSION) {
            None => Ok(()),
            Some((field, text)) => Err(InvalidFinding::TooLong {
                field,
                length: text.len(),
                limit: MAX_SUPPRESSION,
            }),
        }
    }

    fn check_size(&self) -> Result<(), InvalidFinding> {
        let mut written = Length(0);
        let whole = serde_json::to_writer(&mut written, self).map_or(usize::MAX, |()| written.0);
        let record = self.record.as_ref().map_or(0, |r| r.as_str().len());
        match whole.saturating_sub(record) {
            size if size > MAX_BODY => Err(InvalidFinding::TooLarge(size)),
            _ => Ok(()),
        }
    }
}
