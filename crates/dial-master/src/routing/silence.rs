//! Silences: which of them mutes a finding, and how wide one may be.

use super::label::Label;
use super::matcher::{self, MAX_COUNT, Matcher};
use dial_core::Finding;
use dial_core::store::silence::{MAX_LIFE, Silence};
use jiff::{SignedDuration, Timestamp};

/// Longest owner, characters.
const MAX_OWNER: usize = 100;
/// Longest reason, characters.
const MAX_REASON: usize = 500;
/// With fewer findings to look back on, their share says nothing.
const MIN_SAMPLE: usize = 20;
/// What no label of a finding is, so that an expression which fits it fits anything.
const PROBES: [&str; 2] = ["", "\u{1}dial\u{2}probe"];

/// A silence that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// All must fit.
    pub matchers: Vec<Matcher>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Up to when.
    pub ends_at: Timestamp,
    /// Made ahead of planned work: nothing needs to fit it yet.
    pub ahead: bool,
}

/// Of the findings of late, how many a silence would have muted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// How many were looked at.
    pub of: usize,
    /// How many fit.
    pub fit: usize,
}

/// Why a silence is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// None, or more than anyone reads.
    #[error("a silence has 1 to {MAX_COUNT} matchers, not {0}")]
    Count(usize),
    /// Only severity, region or negations.
    #[error(
        "silence would mute almost everything; name a rule, account, principal, role, resource, \
         event, source_ip, technique or fact with = or =~"
    )]
    Wide,
    /// More than half of what came of late.
    #[error(
        "silence would have muted {fit} of the last {of} findings; narrow it to half or fewer, \
         or tune the rule"
    )]
    Share {
        /// How many were looked at.
        of: usize,
        /// How many fit.
        fit: usize,
    },
    /// Nothing would have been muted.
    #[error(
        "none of the last {0} findings fits, so it would mute nothing; check the values, or say \
         that it is made ahead of planned work"
    )]
    Nothing(usize),
    /// Nobody answers for it, or not in a line.
    #[error("{field} must hold 1 to {limit} printable characters")]
    Text {
        /// Which text.
        field: &'static str,
        /// Longest, characters.
        limit: usize,
    },
    /// It never ends, or has ended.
    #[error("a silence ends after now and within 30 days, not at {0}")]
    End(Timestamp),
}

/// The first silence in force that mutes a finding.
///
/// One whose matchers cannot be read, as after going back to an older program, mutes nothing.
pub fn muting<'s>(
    silences: &'s [Silence],
    finding: &Finding,
    now: Timestamp,
) -> Option<&'s Silence> {
    silences.iter().find(|silence| {
        silence.is_in_force(now)
            && !silence.matchers.is_empty()
            && silence.matchers.iter().all(|text| {
                let matcher = text.parse::<Matcher>();
                matcher.is_ok_and(|matcher| matcher.fits(finding))
            })
    })
}

impl Draft {
    /// Checks all that can be told without looking at findings.
    pub fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        check_breadth(&self.matchers)?;
        for (field, text, limit) in [
            ("owner", &self.owner, MAX_OWNER),
            ("reason", &self.reason, MAX_REASON),
        ] {
            let length = text.chars().count();
            let blank = text.trim().is_empty();
            if blank || length > limit || text.chars().any(char::is_control) {
                return Err(Refusal::Text { field, limit });
            }
        }
        let life = self.ends_at.duration_since(now);
        if life <= SignedDuration::ZERO || life > MAX_LIFE {
            return Err(Refusal::End(self.ends_at));
        }
        Ok(())
    }

    /// Checks how much it would have muted.
    pub fn check_share(&self, share: Share) -> Result<(), Refusal> {
        share.check(self.ahead)
    }
}

impl Share {
    /// Neither more than half of what came of late nor, unless made ahead, nothing of it.
    pub fn check(self, ahead: bool) -> Result<(), Refusal> {
        let Share { of, fit } = self;
        if of >= MIN_SAMPLE && fit.saturating_mul(2) > of {
            return Err(Refusal::Share { of, fit });
        }
        if fit == 0 && !ahead {
            return Err(Refusal::Nothing(of));
        }
        Ok(())
    }
}

/// At least one matcher must name what it wants, of something that tells findings apart.
pub fn check_breadth(matchers: &[Matcher]) -> Result<(), Refusal> {
    if !(1..=MAX_COUNT).contains(&matchers.len()) {
        return Err(Refusal::Count(matchers.len()));
    }
    let narrow = |matcher: &Matcher| {
        !matches!(
            matcher.label(),
            Label::Severity | Label::Region | Label::Country | Label::ErrorCode
        ) && matcher.is_positive()
            && !PROBES.iter().any(|probe| matcher.accepts(probe))
    };
    matchers
        .iter()
        .any(narrow)
        .then_some(())
        .ok_or(Refusal::Wide)
}

/// Whether a finding fits all the matchers.
pub fn fits(matchers: &[Matcher], finding: &Finding) -> bool {
    matcher::first_misfit(matchers, finding).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::samples;

    fn now() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    fn draft(matchers: &[&str]) -> Draft {
        Draft {
            matchers: matchers.iter().map(|text| text.parse().unwrap()).collect(),
            owner: "storage team".into(),
            reason: "migration of the invoices".into(),
            ends_at: now() + SignedDuration::from_hours(4),
            ahead: false,
        }
    }

    fn silence(matchers: &[&str], ends_in: i64) -> Silence {
        Silence {
            id: "s-1".into(),
            matchers: matchers.iter().map(ToString::to_string).collect(),
            owner: "o".into(),
            reason: "r".into(),
            created_by: "soc (api)".into(),
            created_at: now(),
            ends_at: now() + SignedDuration::from_secs(ends_in),
            ended_by: None,
        }
    }

    #[test]
    fn a_silence_mutes_what_fits_while_it_is_in_force() {
        let finding = samples::finding(1);
        let cases = [
            ("fits", silence(&["rule=s3_bucket_policy_public"], 60), true),
            (
                "one of two fits",
                silence(&["rule=s3_bucket_policy_public", "region=us-east-1"], 60),
                false,
            ),
            ("ended", silence(&["account=payments"], 0), false),
            ("no matchers", silence(&[], 60), false),
            ("unreadable", silence(&["weather=fine"], 60), false),
        ];
        for (name, silence, expected) in cases {
            let silences = [silence];
            let found = muting(&silences, &finding, now());
            assert_eq!(found.is_some(), expected, "{name}");
        }
        let silences = [silence(&["account=payments"], 60)];
        let before = now() - SignedDuration::from_secs(1);
        assert_eq!(muting(&silences, &finding, before), None);
    }

    #[test]
    fn what_would_mute_everything_is_refused() {
        let cases: [(&[&str], bool); 12] = [
            (&["rule=s3_bucket_policy_public"], true),
            (&["rule=~\"s3_.*\""], true),
            (&["severity<=low", "account=111122223333"], true),
            (&["region=eu-west-1", "fact.s3.policy.public=true"], true),
            (&[], false),
            (&["severity>=informational"], false),
            (&["region=eu-west-1"], false),
            (&["rule!=s3_bucket_policy_public"], false),
            (&["rule!~\"s3_.*\"", "severity=low"], false),
            (&["rule=~\".*\""], false),
            (&["rule=~\".+\""], false),
            (&["role=\"\""], false),
        ];
        for (matchers, expected) in cases {
            let checked = draft(matchers).check(now());
            assert_eq!(checked.is_ok(), expected, "{matchers:?}: {checked:?}");
        }
    }

    #[test]
    fn owner_reason_and_end_are_mandatory() {
        let good = || draft(&["account=payments"]);
        let hours = |hours| now() + SignedDuration::from_hours(hours);
        let cases = [
            (
                Draft {
                    owner: " ".into(),
                    ..good()
                },
                "owner",
            ),
            (
                Draft {
                    owner: "x".repeat(101),
                    ..good()
                },
                "owner",
            ),
            (
                Draft {
                    reason: String::new(),
                    ..good()
                },
                "reason",
            ),
            (
                Draft {
                    reason: "a\nb".into(),
                    ..good()
                },
                "reason",
            ),
            (
                Draft {
                    ends_at: now(),
                    ..good()
                },
                "ends after now",
            ),
            (
                Draft {
                    ends_at: hours(720 + 1),
                    ..good()
                },
                "within 30 days",
            ),
        ];
        for (draft, expected) in cases {
            let refusal = draft.check(now()).unwrap_err().to_string();
            assert!(refusal.contains(expected), "{refusal}");
        }
        let longest = Draft {
            ends_at: hours(720),
            ..good()
        };
        assert_eq!(longest.check(now()), Ok(()));
    }

    #[test]
    fn the_share_of_what_came_of_late_decides_too() {
        let share = |of, fit| draft(&["account=payments"]).check_share(Share { of, fit });
        assert_eq!(share(19, 19), Ok(()), "too few to tell");
        assert_eq!(share(20, 10), Ok(()));
        assert_eq!(share(20, 11), Err(Refusal::Share { of: 20, fit: 11 }));
        assert_eq!(share(500, 0), Err(Refusal::Nothing(500)));
        let ahead = Draft {
            ahead: true,
            ..draft(&["account=payments"])
        };
        assert_eq!(ahead.check_share(Share { of: 500, fit: 0 }), Ok(()));
    }
}
