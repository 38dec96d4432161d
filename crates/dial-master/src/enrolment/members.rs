//! Members of the organisation, remembered for a while: a start of many workers asks once.

use dial_core::ports::Organization;
use dial_core::{AccountId, WorkerId};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a yes holds.
const YES: SignedDuration = SignedDuration::from_mins(10);
/// How long a no holds: short, for a new account is waited for.
const NO: SignedDuration = SignedDuration::from_secs(30);
/// Most accounts remembered; organisations have fewer.
const MOST: usize = 20_000;

/// What the organisation said, by account.
pub(super) struct Members {
    organization: Arc<dyn Organization>,
    known: Mutex<HashMap<AccountId, (bool, Timestamp)>>,
}

impl Members {
    pub(super) fn new(organization: Arc<dyn Organization>) -> Self {
        let known = Mutex::default();
        Self {
            organization,
            known,
        }
    }

    /// Whether the account is an active member; an error is not remembered.
    pub(super) async fn has(&self, worker: &WorkerId, now: Timestamp) -> Result<bool, String> {
        if let Some(answer) = self.remembered(&worker.account, now) {
            return Ok(answer);
        }
        let answer = self.organization.has(worker).await?;
        let holds = if answer { YES } else { NO };
        let until = now.checked_add(holds).unwrap_or(now);
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(worker.account.clone(), (answer, until));
        Ok(answer)
    }

    fn remembered(&self, account: &AccountId, now: Timestamp) -> Option<bool> {
        let known = self.lock();
        let (answer, until) = known.get(account)?;
        (now < *until).then_some(*answer)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<AccountId, (bool, Timestamp)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
