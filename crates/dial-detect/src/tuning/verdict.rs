//! What becomes of a finding: told, kept in silence, or not made at all.

use super::{Seen, Tuning};
use crate::isolate;
use crate::pipeline::{Failure, Judged};
use dial_core::Finding;
use dial_core::finding;
use jiff::Timestamp;

/// What becomes of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Somebody is told.
    Tell,
    /// Somebody is told, although a suppression fits: it does not name the decoy exactly.
    TellOfDecoy(finding::Suppression),
    /// It is kept, and nobody is told.
    Suppress(finding::Suppression),
    /// It is about what DIAL itself does with its own parts all day.
    OwnUse,
}

impl Tuning {
    /// Puts a finding of the event where it belongs; what breaks over that loses nothing.
    pub(crate) fn place(
        &self,
        mut finding: Finding,
        seen: &Seen<'_>,
        now: Timestamp,
        judged: &mut Judged,
    ) {
        match isolate::run(|| self.verdict(&finding, seen, now)) {
            Ok(Verdict::Tell) => judged.findings.push(finding),
            Ok(Verdict::TellOfDecoy(broad)) => {
                let note = format!(
                    " Suppression {} fits but does not hold: what touches a decoy is suppressed by rule, principal and the decoy itself, each to the letter.",
                    broad.id
                );
                finding.explanation.push_str(&note);
                judged.findings.push(finding);
            }
            Ok(Verdict::Suppress(by)) => {
                finding.suppressed = Some(by);
                judged.suppressed.push(finding);
            }
            Ok(Verdict::OwnUse) => judged.own_use = judged.own_use.saturating_add(1),
            Err(reason) => {
                judged.findings.push(finding);
                judged.failures.push(Failure { rule: None, reason });
            }
        }
    }

    /// Decides over one finding of the event.
    pub(super) fn verdict(&self, finding: &Finding, seen: &Seen<'_>, now: Timestamp) -> Verdict {
        let touched = self.lures.touched(seen);
        if touched.is_empty() {
            if self.own.is_own_use(seen) {
                return Verdict::OwnUse;
            }
            let fitting = self.suppressions.fitting(finding, now).next();
            return fitting.map_or(Verdict::Tell, |one| Verdict::Suppress(one.said()));
        }
        // Whatever touches a decoy tells somebody, but for what is named to the letter.
        let exact = self.suppressions.naming(finding, &touched, now);
        if let Some(exact) = exact {
            return Verdict::Suppress(exact.said());
        }
        let broad = self.suppressions.fitting(finding, now).next();
        broad.map_or(Verdict::Tell, |one| Verdict::TellOfDecoy(one.said()))
    }
}
