//! Sends findings to the master: grouped by place, batched, signed, posted, retried until a deadline.

use crate::batch::{self, Limits, Packed};
use crate::keyring::{Keyring, KeyringError, Signer};
use crate::post::{Answer, Attempt, Post, SharedClient};
use crate::retry::Policy;
use bytes::Bytes;
use dial_core::dead_letter::hex;
use dial_core::wire::{FINDINGS_PATH, HEARTBEATS_PATH, Rejected, WorkerInfo};
use dial_core::worker_id::WorkerIdError;
use dial_core::{AccountId, Finding, Region, WorkerId};
use reqwest::Url;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{error, info, warn};

/// Where and how to send.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Base URL of the master; the path is added.
    pub master: Url,
    /// Longest single attempt.
    pub timeout: Duration,
    /// Bounds of the retries.
    pub retry: Policy,
    /// Caps of one request.
    pub limits: Limits,
}

impl Settings {
    /// The usual bounds towards a master.
    pub fn to(master: Url) -> Self {
        Self {
            master,
            timeout: Duration::from_secs(10),
            retry: Policy::default(),
            limits: Limits::default(),
        }
    }
}

/// Sends findings; one for the life of the process, so that connections are used again.
pub struct Sender {
    settings: Settings,
    keyring: Arc<dyn Keyring>,
    post: Post,
    heartbeats: Url,
}

/// What became of the findings given to one call.
#[derive(Debug, Default)]
pub struct Report {
    /// Stored now.
    pub accepted: u32,
    /// Stored before.
    pub duplicates: u32,
    /// In the master's dead-letter bucket.
    pub rejected: Vec<Rejected>,
    /// Not taken by the master; none of these is in `accepted`, `duplicates` or `rejected`.
    pub failed: Vec<Failed>,
}

/// Findings that the master did not take.
#[derive(Debug)]
pub struct Failed {
    /// Positions in the slice that was given.
    pub members: Vec<usize>,
    /// Why.
    pub error: SendError,
}

/// Why findings were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No answer, or one that asks to come again, until attempts or time ran out.
    #[error("master did not take the findings in {attempts} attempts: {reason}")]
    Unreachable {
        /// Attempts made for this batch; 0 when an earlier batch had failed already.
        attempts: u32,
        /// What the last attempt met.
        reason: String,
    },
    /// An answer that will not change by asking again.
    #[error("master refuses the findings: {0}")]
    Refused(String),
    /// No key to sign with.
    #[error(transparent)]
    Key(#[from] KeyringError),
    /// The finding's account or region is none, so nobody can sign for it.
    #[error("finding belongs to no place: {0}")]
    Unplaced(String),
    /// The finding alone is over the caps of a request.
    #[error("finding is too large for a request")]
    Oversized,
}

/// Who must keep findings that were not taken, so that none is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Custody {
    /// Whoever gave the event: it has to come again.
    Source,
    /// The source and a dead letter: trying again helps once somebody has mended something.
    Both,
    /// A dead letter: trying again gives the same.
    Letter,
}

impl SendError {
    /// Who must keep the findings.
    pub fn custody(&self) -> Custody {
        match self {
            Self::Unreachable { .. }
            | Self::Key(KeyringError::Fetch { .. } | KeyringError::Enrol { .. }) => Custody::Source,
            Self::Refused(_) | Self::Key(_) => Custody::Both,
            Self::Unplaced(_) | Self::Oversized => Custody::Letter,
        }
    }
}

impl Report {
    /// Whether the master has everything in its store.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.rejected.is_empty()
    }

    fn fail(&mut self, members: Vec<usize>, error: SendError) {
        if !members.is_empty() {
            error!(findings = members.len(), error = %error, "findings not sent");
            self.failed.push(Failed { members, error });
        }
    }

    fn is_cut_off(&self) -> bool {
        let mut errors = self.failed.iter().map(|failed| &failed.error);
        errors.any(|error| matches!(error, SendError::Unreachable { .. }))
    }
}

impl Sender {
    /// Prepares to send; connects to nothing yet.
    pub fn new(settings: Settings, keyring: Arc<dyn Keyring>) -> Self {
        Self::sharing(settings, keyring, SharedClient::default())
    }

    /// The same over a client that a keyring uses too.
    pub fn sharing(settings: Settings, keyring: Arc<dyn Keyring>, client: SharedClient) -> Self {
        let post = Post::new(endpoint(&settings.master, FINDINGS_PATH), client);
        let heartbeats = endpoint(&settings.master, HEARTBEATS_PATH);
        Self {
            settings,
            keyring,
            post,
            heartbeats,
        }
    }

    /// Sends a heartbeat once: the next one tells what this one could not.
    pub(crate) async fn beat(
        &self,
        worker: &WorkerInfo,
        body: Vec<u8>,
        deadline: Instant,
    ) -> Result<(), SendError> {
        let place = placed(&worker.account, &worker.region);
        let place = place.map_err(|error| SendError::Unplaced(error.to_string()))?;
        let signer = self.keyring.signer(&place).await?;
        let body = Bytes::from(body);
        let attempt = Attempt {
            signer: &signer,
            id: &webhook_id(&body),
            body: &body,
            findings: 0,
            timeout: self.settings.timeout.min(left(deadline)),
        };
        let Err(untaken) = self.post.knock(&self.heartbeats, &attempt).await else {
            return Ok(());
        };
        if untaken.unauthenticated {
            // The next one is signed with another key, where there is one.
            self.keyring.forget(&signer).await;
        }
        Err(SendError::Unreachable {
            attempts: 1,
            reason: untaken.reason,
        })
    }

    /// Sends findings, all attempts ended by `deadline`.
    ///
    /// Findings of one account and region share requests, so that a refusal of one place harms
    /// no other. Once the master could not be reached, the rest is not tried.
    pub async fn send(
        &self,
        worker: &WorkerInfo,
        findings: &[Finding],
        deadline: Instant,
    ) -> Report {
        let mut report = Report::default();
        let (places, unplaced) = by_place(findings);
        for (index, reason) in unplaced {
            report.fail(vec![index], SendError::Unplaced(reason));
        }
        for (place, members) in places {
            match self.keyring.signer(&place).await {
                Ok(signer) => {
                    let packing = batch::pack(worker, findings, &members, self.settings.limits);
                    report.fail(packing.oversized, SendError::Oversized);
                    for request in packing.requests {
                        self.deliver(&signer, request, deadline, &mut report).await;
                    }
                }
                Err(error) => report.fail(members, error.into()),
            }
        }
        report
    }

    async fn deliver(
        &self,
        signer: &Arc<Signer>,
        request: Packed,
        deadline: Instant,
        report: &mut Report,
    ) {
        let id = webhook_id(&request.body);
        let result = if report.is_cut_off() {
            Err(SendError::Unreachable {
                attempts: 0,
                reason: "an earlier batch could not be sent".into(),
            })
        } else {
            self.retry(signer, &id, &request, deadline).await
        };
        match result {
            Ok(accepted) => {
                info!(
                    id,
                    accepted = accepted.accepted,
                    duplicates = accepted.duplicates,
                    "findings sent"
                );
                for rejected in &accepted.rejected {
                    let finding = rejected.id.as_ref().map(ToString::to_string);
                    error!(
                        id,
                        finding,
                        reason = rejected.reason,
                        "master rejected a finding"
                    );
                }
                report.accepted = report.accepted.saturating_add(accepted.accepted);
                report.duplicates = report.duplicates.saturating_add(accepted.duplicates);
                report.rejected.extend(accepted.rejected);
            }
            Err(error) => report.fail(request.members, error),
        }
    }

    /// Attempts until taken, refused, or out of attempts or time.
    async fn retry(
        &self,
        signer: &Arc<Signer>,
        id: &str,
        request: &Packed,
        deadline: Instant,
    ) -> Result<dial_core::wire::Accepted, SendError> {
        let mut made = 0;
        let mut signer = Arc::clone(signer);
        let mut is_first_key = true;
        loop {
            let timeout = self.settings.timeout.min(left(deadline));
            let attempt = Attempt {
                signer: &signer,
                id,
                body: &request.body,
                findings: request.members.len(),
                timeout,
            };
            made += 1;
            match self.post.attempt(attempt).await {
                Answer::Taken(accepted) => return Ok(accepted),
                Answer::Refused(reason) => return Err(SendError::Refused(reason)),
                Answer::Unauthenticated(reason) => {
                    if !is_first_key || !self.keyring.forget(&signer).await {
                        return Err(SendError::Refused(reason));
                    }
                    is_first_key = false;
                    signer = self.keyring.signer(&signer.worker).await?;
                }
                Answer::Again { reason, after } => {
                    let wait =
                        self.settings
                            .retry
                            .wait(made, after, left(deadline), rand::random());
                    warn!(
                        id,
                        attempt = made,
                        reason,
                        retry = wait.is_some(),
                        "master did not take a batch"
                    );
                    let Some(wait) = wait else {
                        return Err(SendError::Unreachable {
                            attempts: made,
                            reason,
                        });
                    };
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Keeps a path that the base URL has, as behind a stage of an API gateway.
pub(crate) fn endpoint(master: &Url, below: &str) -> Url {
    let mut url = master.clone();
    let path = format!("{}{below}", master.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

/// The same content gives the same id, over retries and over processes.
fn webhook_id(body: &[u8]) -> String {
    let digest = hex(&Sha256::digest(body));
    format!("msg_{}", &digest[..32])
}

type Places = BTreeMap<WorkerId, Vec<usize>>;

fn by_place(findings: &[Finding]) -> (Places, Vec<(usize, String)>) {
    let mut places = Places::new();
    let mut unplaced = Vec::new();
    for (index, finding) in findings.iter().enumerate() {
        match place(finding) {
            Ok(place) => places.entry(place).or_default().push(index),
            Err(error) => unplaced.push((index, error.to_string())),
        }
    }
    (places, unplaced)
}

fn place(finding: &Finding) -> Result<WorkerId, WorkerIdError> {
    placed(&finding.account.id, &finding.region)
}

fn placed(account: &str, region: &str) -> Result<WorkerId, WorkerIdError> {
    Ok(WorkerId {
        account: AccountId::parse(account)?,
        region: Region::parse(region)?,
    })
}
