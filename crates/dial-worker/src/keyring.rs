//! Which key signs for which finding: the worker's own, one derived from a root key, or a list.

use async_trait::async_trait;
use dial_core::WorkerId;
use dial_core::key::{KeyId, RootKey, WorkerKey};
use dial_core::ports::Secrets;
use dial_core::secret::SecretRef;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// One identity that requests can be signed with.
#[derive(Debug, Clone)]
pub struct Signer {
    /// Account and region that the key is for: the `dial-worker` header.
    pub worker: WorkerId,
    /// The key.
    pub key: WorkerKey,
    /// The `dial-key` header.
    pub key_id: KeyId,
}

/// Why there is no key for a finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The secret could not be fetched; trying again may help.
    #[error("key of worker {worker} cannot be fetched: {reason}")]
    Fetch {
        /// The worker.
        worker: WorkerId,
        /// Why.
        reason: String,
    },
    /// What was fetched is no key.
    #[error("key of worker {worker} is unusable: {reason}")]
    Unusable {
        /// The worker.
        worker: WorkerId,
        /// Why.
        reason: String,
    },
    /// The master gave no key; trying again may help.
    #[error("worker {worker} cannot enrol: {reason}")]
    Enrol {
        /// The worker.
        worker: WorkerId,
        /// Why.
        reason: String,
    },
    /// No key was given for that account and region.
    #[error("no key for {0}; give the root key, or this worker's key")]
    Missing(WorkerId),
}

/// Finds the signer for findings of an account and region.
#[async_trait]
pub trait Keyring: Send + Sync {
    /// The signer; asked once per group of findings, so it should remember.
    async fn signer(&self, place: &WorkerId) -> Result<Arc<Signer>, KeyringError>;

    /// Told that the master does not accept a signer; whether asking for it again may give another.
    async fn forget(&self, _refused: &Signer) -> bool {
        false
    }
}

/// The key of one worker, fetched when the first finding needs it; signs whatever it is given.
///
/// Findings of other places (native ones, at an aggregator) are sent under it too: the master
/// decides whether it believes them.
pub struct OwnKey {
    worker: WorkerId,
    key_id: KeyId,
    reference: SecretRef,
    secrets: Arc<dyn Secrets>,
    fetched: OnceCell<Arc<Signer>>,
}

/// Keys derived from a root key: signs for every account and region.
pub struct Derived {
    root: RootKey,
    key_id: KeyId,
}

/// Keys given one by one.
#[derive(Default)]
pub struct KeyList(BTreeMap<WorkerId, Arc<Signer>>);

impl OwnKey {
    /// Remembers where the key lies; fetches nothing yet.
    pub fn new(
        worker: WorkerId,
        key_id: KeyId,
        reference: SecretRef,
        secrets: Arc<dyn Secrets>,
    ) -> Self {
        Self {
            worker,
            key_id,
            reference,
            secrets,
            fetched: OnceCell::new(),
        }
    }

    async fn fetch(&self) -> Result<Arc<Signer>, KeyringError> {
        let worker = self.worker.clone();
        let secret = self.secrets.fetch(&self.reference).await;
        let secret = secret.map_err(|error| KeyringError::Fetch {
            worker: worker.clone(),
            reason: error.to_string(),
        })?;
        let key = WorkerKey::parse(&secret).map_err(|error| KeyringError::Unusable {
            worker: worker.clone(),
            reason: error.to_string(),
        })?;
        Ok(Arc::new(Signer {
            worker,
            key,
            key_id: self.key_id,
        }))
    }
}

impl Derived {
    /// Derives from root key number `key_id.root` keys that end at `key_id.not_after`.
    pub fn new(root: RootKey, key_id: KeyId) -> Self {
        Self { root, key_id }
    }
}

impl FromIterator<Signer> for KeyList {
    fn from_iter<I: IntoIterator<Item = Signer>>(signers: I) -> Self {
        let entry = |signer: Signer| (signer.worker.clone(), Arc::new(signer));
        Self(signers.into_iter().map(entry).collect())
    }
}

#[async_trait]
impl Keyring for OwnKey {
    async fn signer(&self, _place: &WorkerId) -> Result<Arc<Signer>, KeyringError> {
        self.fetched
            .get_or_try_init(|| self.fetch())
            .await
            .map(Arc::clone)
    }
}

#[async_trait]
impl Keyring for Derived {
    async fn signer(&self, place: &WorkerId) -> Result<Arc<Signer>, KeyringError> {
        Ok(Arc::new(Signer {
            worker: place.clone(),
            key: self.root.worker_key(place, self.key_id.not_after),
            key_id: self.key_id,
        }))
    }
}

#[async_trait]
impl Keyring for KeyList {
    async fn signer(&self, place: &WorkerId) -> Result<Arc<Signer>, KeyringError> {
        self.0
            .get(place)
            .cloned()
            .ok_or_else(|| KeyringError::Missing(place.clone()))
    }
}
