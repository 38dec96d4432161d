//! Inhibition: while one finding is open, others of the same thing are not told.

use super::label::{Label, Labelled};
use super::matcher::{Matcher, first_misfit};
use super::settings::InhibitSettings;
use dial_core::Finding;
use dial_core::store::{Status, Summary};
use jiff::{SignedDuration, Timestamp};

/// A rule of `[[master.inhibit]]`.
#[derive(Debug, Clone)]
pub struct Inhibition {
    source: Vec<Matcher>,
    target: Vec<Matcher>,
    equal: Vec<Label>,
    within: SignedDuration,
}

impl Inhibition {
    /// The rule of its settings.
    pub fn new(settings: &InhibitSettings) -> Self {
        Self {
            source: settings.source.clone(),
            target: settings.target.clone(),
            equal: settings.equal.iter().map(|label| label.0.clone()).collect(),
            within: SignedDuration::from_mins(i64::from(settings.within_minutes)),
        }
    }

    /// Whether the rule could mute a finding. What fits both sides is never muted: it would mute
    /// its like and be muted by it.
    pub fn concerns(&self, finding: &Finding) -> bool {
        first_misfit(&self.target, finding).is_none()
            && first_misfit(&self.source, finding).is_some()
    }

    /// Between which times a source lies.
    pub fn reach(&self, finding: &Finding) -> (Timestamp, Timestamp) {
        let time = finding.time;
        let early = time.saturating_sub(self.within).unwrap_or(Timestamp::MIN);
        let late = time.saturating_add(self.within).unwrap_or(Timestamp::MAX);
        (early, late)
    }

    /// Whether `equal` names a label, so that a look-up can go by it.
    pub fn goes_by(&self, label: &Label) -> bool {
        self.equal.contains(label)
    }

    /// Whether a line of the store mutes a finding: still open, a source, of the same thing.
    pub fn mutes(&self, source: &Summary, finding: &Finding) -> bool {
        let (early, late) = self.reach(finding);
        let is_live = matches!(source.status, Status::Open | Status::Acknowledged)
            && source.suppressed.is_none()
            && source.id != finding.id
            && (early..=late).contains(&source.time);
        is_live
            && first_misfit(&self.source, source).is_none()
            && self.equal.iter().all(|label| same(label, source, finding))
    }
}

/// Equal and known: two findings without a resource have nothing in common.
fn same(label: &Label, source: &Summary, finding: &Finding) -> bool {
    let first = |values: Option<Vec<std::borrow::Cow<'_, str>>>| {
        let value = values.and_then(|values| values.into_iter().next());
        value
            .filter(|value| !value.is_empty())
            .map(std::borrow::Cow::into_owned)
    };
    let theirs = first(source.values(label));
    theirs.is_some() && theirs == first(finding.values(label))
}
