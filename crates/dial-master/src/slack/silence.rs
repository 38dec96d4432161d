//! Silences that people ask for in Slack, as drafts: from the dialog and from the command.

use super::payload::{Breadth, Verdict};
use super::people::Person;
use crate::message::text::inert;
use crate::routing::matcher::{Matcher, MatcherError};
use crate::routing::silence::Draft;
use dial_core::Finding;
use dial_core::signature::TOLERANCE_SECONDS;
use dial_core::store::silence::Silence;
use dial_core::when::{self, InvalidTime};
use jiff::{SignedDuration, Timestamp};

/// Longest reason of a silence, characters.
const MAX_REASON: usize = 500;

/// Why a text is no silence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SilenceTextError {
    /// It lacks what every silence has.
    #[error(
        "say what, how long and why: `/dial silence rule=s3_bucket_policy_public for 4h because \
         planned work`"
    )]
    Shape,
    /// A quotation mark is missing.
    #[error("a quotation mark is missing in `{0}`")]
    Quote(String),
    /// One part is no matcher.
    #[error(transparent)]
    Matcher(#[from] MatcherError),
    /// It says no time.
    #[error(transparent)]
    Time(#[from] InvalidTime),
}

/// What a verdict silences; `None` where it silences nothing.
///
/// The finding at hand fits by its making, however old it is.
pub(crate) fn of_verdict(
    verdict: &Verdict,
    finding: &Finding,
    person: &Person,
    now: Timestamp,
) -> Result<Option<Draft>, MatcherError> {
    let principal = ("principal", finding.principal.key().to_owned());
    let resource = ("resource", finding.resource_key());
    let further = match verdict.breadth {
        Breadth::Nothing => return Ok(None),
        Breadth::PrincipalAndResource => vec![principal, resource],
        Breadth::Principal => vec![principal],
        Breadth::Resource => vec![resource],
        Breadth::Account => Vec::new(),
    };
    let labels = [
        ("rule", finding.rule.name.clone()),
        ("account", finding.account.id.clone()),
    ];
    let labels = labels.into_iter().chain(further);
    let matchers: Result<_, MatcherError> = labels.map(|(l, v)| exactly(l, &v)).collect();
    let days = SignedDuration::from_hours(24 * i64::from(verdict.days));
    Ok(Some(Draft {
        matchers: matchers?,
        owner: person.name.clone(),
        reason: inert(&verdict.reason, MAX_REASON),
        ends_at: now.saturating_add(days).unwrap_or(Timestamp::MAX),
        ahead: true,
    }))
}

fn exactly(label: &str, value: &str) -> Result<Matcher, MatcherError> {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{label}=\"{value}\"").parse()
}

/// Reads `<matchers> for <time> because <reason>`.
pub(crate) fn of_text(
    text: &str,
    person: &Person,
    now: Timestamp,
) -> Result<Draft, SilenceTextError> {
    let (rest, reason) = text
        .split_once(" because ")
        .ok_or(SilenceTextError::Shape)?;
    let (matchers, end) = rest.rsplit_once(" for ").ok_or(SilenceTextError::Shape)?;
    let ends_at = when::future(end.trim(), now)?;
    let matchers: Result<Vec<Matcher>, MatcherError> =
        words(matchers)?.iter().map(|word| word.parse()).collect();
    Ok(Draft {
        matchers: matchers?,
        owner: person.name.clone(),
        reason: inert(reason, MAX_REASON),
        ends_at,
        ahead: false,
    })
}

/// Whether a silence is what the same words made a moment ago: as long as Slack's signature holds,
/// the same request may come again.
pub(crate) fn is_of(silence: &Silence, draft: &Draft, now: Timestamp) -> bool {
    let matchers = draft.matchers.iter().map(ToString::to_string);
    let age = now.as_second().abs_diff(silence.created_at.as_second());
    silence.matchers.iter().cloned().eq(matchers)
        && silence.owner == draft.owner
        && silence.reason == draft.reason.trim()
        && age <= 2 * TOLERANCE_SECONDS
}

/// Words between blanks; blanks between quotation marks stay.
fn words(text: &str) -> Result<Vec<String>, SilenceTextError> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        if c.is_whitespace() && !quoted {
            words.push(std::mem::take(&mut word));
            continue;
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        word.push(c);
    }
    if quoted {
        return Err(SilenceTextError::Quote(inert(&word, 80)));
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::samples;
    use dial_core::store::token::Scope;

    fn now() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    fn person() -> Person {
        Person {
            name: "first".into(),
            scope: Scope::Analyst,
        }
    }

    fn shown(draft: &Draft) -> String {
        let matchers: Vec<String> = draft.matchers.iter().map(ToString::to_string).collect();
        format!(
            "{} | {} | {}",
            matchers.join(" "),
            draft.ends_at,
            draft.reason
        )
    }

    #[test]
    fn the_dialog_silences_what_was_chosen() {
        let finding = samples::benign();
        let role = "arn:aws:sts::111122223333:assumed-role/deploy/ci-42";
        let common = "rule=s3_bucket_policy_public account=111122223333";
        let cases = [
            (Breadth::Nothing, None),
            (Breadth::Account, Some(common.to_owned())),
            (
                Breadth::Principal,
                Some(format!("{common} principal={role}")),
            ),
            (
                Breadth::Resource,
                Some(format!("{common} resource=arn:aws:s3:::shop-invoices")),
            ),
            (
                Breadth::PrincipalAndResource,
                Some(format!(
                    "{common} principal={role} resource=arn:aws:s3:::shop-invoices"
                )),
            ),
        ];
        for (breadth, expected) in cases {
            let verdict = Verdict {
                target: format!("{}.1", finding.id).parse().unwrap(),
                breadth,
                days: 7,
                reason: "planned\nwork".into(),
            };
            let draft = of_verdict(&verdict, &finding, &person(), now()).unwrap();
            let expected = expected.map(|m| format!("{m} | 2026-05-08T12:00:00Z | planned work"));
            assert_eq!(draft.as_ref().map(shown), expected, "{breadth:?}");
            if let Some(draft) = draft {
                assert_eq!(draft.check(now()), Ok(()), "{breadth:?}");
                assert!(crate::routing::silence::fits(&draft.matchers, &finding));
            }
        }
    }

    #[test]
    fn whatever_a_name_holds_the_silence_fits_it_alone() {
        for name in ["a b", "x\" resource=\"y", "\\", "a\\\"b", "*", "(.*)", " "] {
            let mut finding = samples::benign();
            finding.principal.arn = Some(name.into());
            let verdict = Verdict {
                target: format!("{}.1", finding.id).parse().unwrap(),
                breadth: Breadth::Principal,
                days: 1,
                reason: "why".into(),
            };
            let draft = of_verdict(&verdict, &finding, &person(), now())
                .unwrap()
                .unwrap();
            assert_eq!(draft.matchers.len(), 3, "{name}");
            assert!(
                crate::routing::silence::fits(&draft.matchers, &finding),
                "{name}"
            );
            assert!(
                !crate::routing::silence::fits(&draft.matchers, &samples::benign()),
                "{name}"
            );
        }
    }

    #[test]
    fn commands_are_read() {
        let read = |text: &str| {
            of_text(text, &person(), now())
                .as_ref()
                .map(shown)
                .map_err(ToString::to_string)
        };
        let good = [
            (
                "rule=s3_bucket_policy_public account=111122223333 for 4h because planned work",
                "rule=s3_bucket_policy_public account=111122223333 | 2026-05-01T16:00:00Z | planned work",
            ),
            (
                "principal=\"a for b\" severity>=high for 1d because it waits for 2h because",
                "principal=\"a for b\" severity>=high | 2026-05-02T12:00:00Z | it waits for 2h because",
            ),
            (
                "rule=~\"iam_.*\"   for 2026-05-03 because x",
                "rule=~iam_.* | 2026-05-03T00:00:00Z | x",
            ),
        ];
        for (text, expected) in good {
            assert_eq!(read(text), Ok(expected.to_owned()), "{text}");
        }
        let bad = [
            "",
            "rule=x",
            "rule=x for 4h",
            "rule=x because y",
            "rule=x for ever because y",
            "rulee=x for 4h because y",
            "rule=\"x for 4h because y",
            "rule for 4h because y",
        ];
        let told: Vec<String> = bad.iter().map(|text| read(text).unwrap_err()).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
