//! Gives workers their keys: who proves an account that is allowed gets the key of its worker.
//!
//! The one request that makes the master ask somebody before it knows who is there (ADR 30):
//! everything that can be checked is checked first, the question goes to an STS and nowhere else,
//! and its number is bounded.

mod members;
mod role;
mod settings;

pub use role::RolePattern;
pub use settings::EnrolmentSettings;

use crate::limit::{Limiter, TooFast};
use dial_aws::{AwsOrganization, Clients, StsIdentity};
use dial_core::enrolment::{Audience, Enrolled, Enrolment, EnrolmentError};
use dial_core::key::{KeyId, RootKeys};
use dial_core::ports::{CallerIdentity, IdentityError, Organization};
use dial_core::{AccountId, WorkerId};
use jiff::{SignedDuration, Timestamp};
use members::Members;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Enrolments that are asked about: a second, and above that at once. All sources together;
/// a thousand workers that start at the same time come through within a minute.
const TOTAL: (u32, u32) = (25, 250);
/// The same for one source.
const SOURCE: (u32, u32) = (5, 50);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Nobody was asked.
    #[error(transparent)]
    Malformed(#[from] EnrolmentError),
    /// Nobody was asked; seconds after which to come again.
    #[error("too many enrolments; wait {0} s")]
    TooFast(u64),
    /// STS does not know the signature.
    #[error("{0}")]
    Unproven(String),
    /// STS or the organisation does not answer.
    #[error("{0}")]
    Unavailable(String),
    /// Proven, but not what was claimed.
    #[error("{proven} is not the account of worker {claimed}")]
    OtherAccount {
        /// What STS says.
        proven: String,
        /// What was asked for.
        claimed: WorkerId,
    },
    /// Proven, but the wrong role.
    #[error("{arn} may not enrol worker {worker}; [master.enrolment] roles has {roles}")]
    Role {
        /// What STS says.
        arn: String,
        /// What was asked for.
        worker: WorkerId,
        /// Who may.
        roles: String,
    },
    /// Proven, but the account is not allowed.
    #[error(
        "account {0} may not enrol: it is neither in [master.enrolment] accounts nor an active member of the organisation"
    )]
    Account(AccountId),
    /// The master has no root key.
    #[error("there is no root key")]
    NoRoot,
}

/// Gives keys.
pub struct Enroller {
    audience: Audience,
    roles: BTreeSet<RolePattern>,
    accounts: BTreeSet<AccountId>,
    validity: SignedDuration,
    identity: Arc<dyn CallerIdentity>,
    members: Option<Members>,
    total: Limiter<()>,
    source: Limiter<String>,
}

impl Enroller {
    /// As the settings say, over AWS; `base_url` names the master where they do not.
    pub fn build(
        settings: &EnrolmentSettings,
        base_url: Option<&str>,
        clients: &Clients,
    ) -> Result<Self, String> {
        let url = settings.audience.as_deref().or(base_url);
        let missing = "missing, and so is base_url; give the URL that workers know this master by";
        let audience = settings::audience(url.ok_or(missing)?)?;
        let endpoint = settings.dangerous_aws_endpoint.clone();
        let identity: Arc<dyn CallerIdentity> = Arc::new(match &endpoint {
            Some(endpoint) => StsIdentity::emulated(endpoint),
            None => StsIdentity::new(),
        });
        let organization = settings.organization.then(|| {
            let organization = AwsOrganization::new(clients.clone(), settings.role(), endpoint);
            Arc::new(organization) as Arc<dyn Organization>
        });
        Ok(Self::over(settings, audience, identity, organization))
    }

    /// The same over ports that the caller chose.
    pub fn over(
        settings: &EnrolmentSettings,
        audience: Audience,
        identity: Arc<dyn CallerIdentity>,
        organization: Option<Arc<dyn Organization>>,
    ) -> Self {
        Self {
            audience,
            roles: settings.roles.clone(),
            accounts: settings.accounts.clone(),
            validity: SignedDuration::from_hours(settings.key_hours.into()),
            identity,
            members: organization.map(Members::new),
            total: Limiter::new(TOTAL.0, TOTAL.1),
            source: Limiter::new(SOURCE.0, SOURCE.1),
        }
    }

    /// The key of the worker that a body proves to be asking; `source` is where it came from.
    pub async fn enrol(
        &self,
        body: &[u8],
        source: &str,
        roots: &RootKeys,
        now: Timestamp,
    ) -> Result<Enrolled, EnrolError> {
        let enrolment = Enrolment::read(body, now)?;
        self.admit(source, now)?;
        self.prove(&enrolment).await?;
        let worker = enrolment.worker;
        if !self.is_allowed(&worker, now).await? {
            return Err(EnrolError::Account(worker.account));
        }
        self.derive(&worker, roots, now)
    }

    /// A source that is too fast takes nothing from the others.
    fn admit(&self, source: &str, now: Timestamp) -> Result<(), EnrolError> {
        let too_fast = |TooFast(seconds)| EnrolError::TooFast(seconds);
        let admitted = self.source.admit(&source.to_owned(), now);
        admitted.map_err(too_fast)?;
        self.total.admit(&(), now).map_err(too_fast)
    }

    /// Whether STS says that a role which may enrol this worker has signed.
    async fn prove(&self, enrolment: &Enrolment) -> Result<(), EnrolError> {
        let worker = &enrolment.worker;
        let question = enrolment.question(&self.audience);
        let region = || EnrolmentError::Region(worker.region.to_string());
        let question = question.ok_or_else(region)?;
        let identity = self.identity.caller(&question).await;
        let identity = identity.map_err(|error| match error {
            IdentityError::Refused(_) => EnrolError::Unproven(error.to_string()),
            IdentityError::Unavailable(_) => EnrolError::Unavailable(error.to_string()),
        })?;
        if identity.account != worker.account.as_str() {
            return Err(EnrolError::OtherAccount {
                proven: clip(&identity.account),
                claimed: worker.clone(),
            });
        }
        let admits = |role| self.roles.iter().any(|p| p.admits(role, &worker.region));
        if identity.role().is_some_and(admits) {
            return Ok(());
        }
        let roles: Vec<String> = self.roles.iter().map(ToString::to_string).collect();
        Err(EnrolError::Role {
            arn: clip(&identity.arn),
            worker: worker.clone(),
            roles: roles.join(", "),
        })
    }

    async fn is_allowed(&self, worker: &WorkerId, now: Timestamp) -> Result<bool, EnrolError> {
        if self.accounts.contains(&worker.account) {
            return Ok(true);
        }
        let Some(members) = &self.members else {
            return Ok(false);
        };
        let asked = members.has(worker, now).await;
        asked.map_err(|reason| EnrolError::Unavailable(format!("organisation: {reason}")))
    }

    fn derive(
        &self,
        worker: &WorkerId,
        roots: &RootKeys,
        now: Timestamp,
    ) -> Result<Enrolled, EnrolError> {
        let (root, key) = roots.newest_first().next().ok_or(EnrolError::NoRoot)?;
        let end = now.checked_add(self.validity).unwrap_or(Timestamp::MAX);
        let not_after = u64::try_from(end.as_second()).unwrap_or_default();
        Ok(Enrolled {
            worker: worker.to_string(),
            key: key
                .worker_key(worker, not_after)
                .to_secret()
                .expose()
                .to_owned(),
            key_id: KeyId { root, not_after }.to_string(),
        })
    }
}

impl EnrolError {
    /// Label of the counter of refusals.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Malformed(EnrolmentError::Stale(_)) => "stale",
            Self::Malformed(_) => "shape",
            Self::TooFast(_) => "rate",
            Self::Unproven(_) => "unproven",
            Self::Unavailable(_) => "unavailable",
            Self::OtherAccount { .. } | Self::Role { .. } | Self::Account(_) => "foreign",
            Self::NoRoot => "unknown_root",
        }
    }
}

/// Keeps what is repeated from answers short.
fn clip(text: &str) -> String {
    text.chars().take(200).collect()
}
