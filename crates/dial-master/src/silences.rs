//! Making, previewing and ending silences: the one way for every door.

use crate::routing::label::Label;
use crate::routing::matcher::Matcher;
use crate::routing::silence::{self, Draft, Refusal, Share};
use dial_core::store::silence::Silence;
use dial_core::store::{Cursor, MAX_PAGE, Query, Store, StoreError, Summary};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How far a preview looks back.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Most lines that a preview looks at.
const MAX_LINES: usize = 1_000;
/// Most pages that a preview reads; a page may be short.
const MAX_PAGES: usize = 50;
/// Most whole findings that a preview reads, where lines cannot tell.
const MAX_FINDINGS: usize = 200;
/// Examples that a preview shows.
const EXAMPLES: usize = 10;
/// Most silences in force; each is asked about every finding.
const MAX_SILENCES: usize = 200;

/// What a silence would have muted.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// Findings since then were looked at, the newest first.
    pub since: Timestamp,
    /// How many were looked at and how many of them fit.
    pub share: Share,
    /// How many fit, by rule.
    pub by_rule: BTreeMap<String, usize>,
    /// The newest that fit.
    pub examples: Vec<Summary>,
}

/// Why a silence was not made.
#[derive(Debug, thiserror::Error)]
pub enum SilenceError {
    /// It may not be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There are too many.
    #[error("{MAX_SILENCES} silences are in force, which is the most; end some first")]
    Full,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a silence for `by`, such as `soc (api)`, unless it is too wide or mutes nothing.
pub async fn add(
    store: &dyn Store,
    draft: &Draft,
    by: &str,
    now: Timestamp,
) -> Result<Silence, SilenceError> {
    draft.check(now)?;
    let seen = preview(store, &draft.matchers, now).await?;
    draft.check_share(seen.share)?;
    if store.silences(now).await?.len() >= MAX_SILENCES {
        return Err(SilenceError::Full);
    }
    let silence = Silence {
        id: new_id(),
        matchers: draft.matchers.iter().map(ToString::to_string).collect(),
        owner: draft.owner.trim().to_owned(),
        reason: draft.reason.trim().to_owned(),
        created_by: by.to_owned(),
        created_at: now,
        ends_at: draft.ends_at,
        ended_by: None,
    };
    store.add_silence(&silence).await?;
    let (id, ends_at) = (&silence.id, silence.ends_at);
    tracing::info!(silence = id, by, %ends_at, "silence made");
    Ok(silence)
}

/// Looks at the findings of late, as far as [`MAX_LINES`] go.
pub async fn preview(
    store: &dyn Store,
    matchers: &[Matcher],
    now: Timestamp,
) -> Result<Preview, StoreError> {
    let since = now.saturating_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
    let mut preview = Preview {
        since,
        share: Share { of: 0, fit: 0 },
        by_rule: BTreeMap::new(),
        examples: Vec::new(),
    };
    let query = Query {
        since: Some(since),
        suppressed: Some(false),
        ..Query::default()
    };
    let (mut cursor, mut read): (Option<Cursor>, usize) = (None, 0);
    for _ in 0..MAX_PAGES {
        if preview.share.of >= MAX_LINES {
            break;
        }
        let page = store.list(&query, cursor.as_ref(), MAX_PAGE, now).await?;
        for line in page.items {
            let Some(fits) = fits(store, matchers, &line, &mut read, now).await? else {
                return Ok(preview);
            };
            preview.add(line, fits);
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(preview)
}

/// Whether a line fits; `None` when the finding would have to be read and enough were.
async fn fits(
    store: &dyn Store,
    matchers: &[Matcher],
    line: &Summary,
    read: &mut usize,
    now: Timestamp,
) -> Result<Option<bool>, StoreError> {
    let (by_line, by_finding): (Vec<&Matcher>, Vec<&Matcher>) = matchers
        .iter()
        .partition(|matcher| Label::is_in_summary(matcher.label()));
    if !by_line.iter().all(|matcher| matcher.fits(line)) {
        return Ok(Some(false));
    }
    if by_finding.is_empty() {
        return Ok(Some(true));
    }
    if *read >= MAX_FINDINGS {
        return Ok(None);
    }
    *read += 1;
    let stored = store.finding(&line.id, now).await?;
    Ok(Some(stored.is_some_and(|stored| {
        silence::fits(matchers, &stored.finding)
    })))
}

impl Preview {
    fn add(&mut self, line: Summary, fits: bool) {
        self.share.of += 1;
        if !fits {
            return;
        }
        self.share.fit += 1;
        *self.by_rule.entry(line.rule.name.clone()).or_default() += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(line);
        }
    }
}

fn new_id() -> String {
    let random: [u8; 16] = rand::random();
    format!("s-{}", dial_core::id::base32(&random))
}
