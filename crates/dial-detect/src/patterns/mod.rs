//! The event patterns by which `EventBridge` hands over what the rules can match, and no more.
//!
//! Sound by construction: every step only weakens. See `docs/adr/0014-derived-patterns.md` and
//! `docs/adr/0022-guarded-patterns.md`.

mod condition;
mod decoy;
mod drift;
mod group;
mod guard;
mod once;
mod passing;
pub(crate) mod place;
mod requirement;
mod spelling;
mod wanted;

#[cfg(test)]
mod tests;

pub use dial_core::catalogue::Requirement;
pub use drift::{Drift, drift};
pub use passing::{Passed, Passing, Totals};
pub use requirement::{Needed, Prerequisite, needed};

use crate::Pipeline;
use crate::engine::{RuleInfo, Sees, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use spelling::Spelling;
use std::collections::{BTreeMap, BTreeSet};
use wanted::Wanted;

/// Longest pattern that `EventBridge` takes, characters.
pub const MAX_PATTERN: usize = 2048;
/// Most rules that an event bus takes by default; the quota can be raised.
pub const MAX_PATTERNS: usize = 300;
/// Hex digits of the hash of a set of patterns.
const HASH_DIGITS: usize = 16;

/// The patterns for a set of rules; what `dial rules patterns` writes and Terraform reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatternSet {
    /// First digits of the SHA-256 over name, state, scope and pattern of each.
    pub hash: String,
    /// Hash of the rules and settings that they were derived from.
    pub rules_hash: String,
    /// Whether decoys were kept out of the patterns on purpose.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decoys_hidden: bool,
    /// The patterns, in order of kind and name.
    pub patterns: Vec<Pattern>,
    /// What has to be switched on, and for which rules.
    pub prerequisites: Vec<Prerequisite>,
    /// Rules that no pattern delivers, or not in full, with the reason.
    pub undelivered: Vec<Undelivered>,
}

impl PatternSet {
    /// Reads what `dial rules patterns --format json` has written; the error says what is wrong.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let set: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        match set.patterns.len() {
            0..=MAX_PATTERNS => Ok(set),
            many => Err(PatternsError::TooMany(many).to_string()),
        }
    }
}

/// One `EventBridge` rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// Stable name, such as `writes-s`; unique in the set.
    pub name: String,
    /// What kind of events it lets through.
    pub kind: Kind,
    /// State that the rule must have.
    pub state: State,
    /// Regions that need it.
    pub scope: Scope,
    /// The event pattern.
    pub pattern: Value,
    /// Names of the rules that want its events, sorted.
    pub rules: Vec<String>,
}

impl Pattern {
    /// Characters of the pattern as `EventBridge` counts them.
    pub fn length(&self) -> usize {
        self.pattern.to_string().chars().count()
    }
}

/// What kind of events a pattern lets through, in order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Calls that change something.
    Write,
    /// Calls that only read, by name.
    Read,
    /// All calls of a service.
    Service,
    /// All calls by a caller of a kind, or with decoy credentials.
    Caller,
    /// All calls that name a decoy.
    Decoy,
    /// Native findings and notices.
    Native,
    /// Data events, where a trail selects them.
    Data,
    /// Every CloudTrail record.
    EveryRecord,
}

/// State of an `EventBridge` rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum State {
    /// Everything but management events that only read.
    #[serde(rename = "ENABLED")]
    Enabled,
    /// Management events that only read, too.
    #[serde(rename = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")]
    AllManagementEvents,
}

/// Regions that need a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Every region in use.
    #[serde(rename = "regional")]
    Regional,
    /// us-east-1 alone: global services are recorded there.
    #[serde(rename = "us-east-1")]
    UsEast1,
}

/// A rule that no pattern delivers, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    /// Its name.
    pub rule: String,
    /// Why.
    pub reason: Reason,
}

/// Why no pattern delivers a rule's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It must look at every record: trail files only, unless asked for.
    EveryRecord,
    /// It must look at every record, and patterns deliver the most likely part.
    Partly,
    /// What it asks about is not configured.
    NotConfigured,
    /// It can match nothing that AWS sends.
    Impossible,
}

/// What to derive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Let every CloudTrail record through if a rule must look at every record.
    pub every_record: bool,
    /// Keep the names of decoys out: whoever may read event rules would know them.
    pub hide_decoys: bool,
}

/// Why there is no set of patterns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternsError {
    /// A single condition is too long.
    #[error("pattern `{0}` is longer than {MAX_PATTERN} characters though it holds one condition")]
    TooLong(String),
    /// More than a bus takes.
    #[error(
        "{0} patterns, an event bus takes {MAX_PATTERNS}: switch rules off, or name fewer events"
    )]
    TooMany(usize),
}

/// Derives the patterns for all rules of a pipeline.
pub fn derive(pipeline: &Pipeline, options: Options) -> Result<PatternSet, PatternsError> {
    let mut wanted: BTreeMap<Wanted, BTreeSet<String>> = BTreeMap::new();
    let mut undelivered = Vec::new();
    let rules = rules_wanting(pipeline, options.hide_decoys);
    for (rule, trigger, wants) in rules {
        let reason = reason(&wants, &trigger);
        undelivered.extend(reason.map(|reason| Undelivered {
            rule: rule.name.clone(),
            reason,
        }));
        let wants = wants.into_iter();
        for want in wants.filter(|want| *want != Wanted::Everything || options.every_record) {
            wanted.entry(want).or_default().insert(rule.name.clone());
        }
    }
    if options.every_record {
        let all = [Reason::EveryRecord, Reason::Partly];
        undelivered.retain(|it| !all.contains(&it.reason));
    }
    undelivered.sort_by(|a, b| a.rule.cmp(&b.rule));
    let patterns = group::patterns(&once::once(wanted))?;
    if patterns.len() > MAX_PATTERNS {
        return Err(PatternsError::TooMany(patterns.len()));
    }
    Ok(PatternSet {
        hash: hash(&patterns),
        rules_hash: fingerprint(pipeline),
        decoys_hidden: options.hide_decoys,
        patterns,
        prerequisites: requirement::prerequisites(needed(pipeline)),
        undelivered,
    })
}

/// Every rule with what it wants.
fn rules_wanting(
    pipeline: &Pipeline,
    hide_decoys: bool,
) -> Vec<(&RuleInfo, Trigger, BTreeSet<Wanted>)> {
    let decoys = pipeline.decoys();
    let decoys = if hide_decoys { &[] } else { decoys };
    let rules: Vec<(&RuleInfo, Trigger)> = pipeline.triggers().collect();
    let spelling = Spelling::of(rules.iter());
    let wanting = rules.into_iter().map(|(rule, trigger)| {
        let wanted = Wanted::by(rule, &trigger, &spelling, decoys);
        (rule, trigger, wanted)
    });
    wanting.collect()
}

/// Of the rules, and of the settings that decide what they want.
fn fingerprint(pipeline: &Pipeline) -> String {
    let mut hash = Sha256::new();
    hash.update(pipeline.hash());
    for root in pipeline.absent() {
        hash.update([0]);
        hash.update(root);
    }
    for decoy in pipeline.decoys() {
        hash.update([1]);
        hash.update(decoy.kind.word());
        hash.update([0]);
        hash.update(&decoy.name);
    }
    short(&hash.finalize())
}

fn reason(wants: &BTreeSet<Wanted>, trigger: &Trigger) -> Option<Reason> {
    if trigger.sees == Sees::Dial {
        return None;
    }
    if wants.contains(&Wanted::Everything) {
        return Some(match wants.len() {
            1 => Reason::EveryRecord,
            _ => Reason::Partly,
        });
    }
    match (wants.is_empty(), trigger.unfilled.is_empty()) {
        (false, _) => None,
        (true, false) => Some(Reason::NotConfigured),
        (true, true) => Some(Reason::Impossible),
    }
}

/// Over what AWS is told; which rules want it does not matter.
fn hash(patterns: &[Pattern]) -> String {
    let mut hash = Sha256::new();
    for pattern in patterns {
        let told = (
            &pattern.name,
            pattern.state,
            pattern.scope,
            &pattern.pattern,
        );
        let told = serde_json::to_vec(&told).expect("names and JSON values always serialise");
        hash.update(told.len().to_be_bytes());
        hash.update(told);
    }
    short(&hash.finalize())
}

fn short(digest: &[u8]) -> String {
    let mut hex = dial_core::dead_letter::hex(digest);
    hex.truncate(HASH_DIGITS);
    hex
}
