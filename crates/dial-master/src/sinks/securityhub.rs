//! Security Hub: each finding in ASFF, filed in its own account by a role, or all in one account.

use super::aws::{self, Fault, RoleArn};
use super::configured::{self, Parts, Problem, Settings};
use super::{Job, Reply, Sink, SinkKind, Step};
use crate::message::asff::{self, Filing};
use dial_core::config::Check;
use dial_core::ports::Signing;
use dial_core::secret::SecretRef;
use dial_core::{AccountId, Region};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Security Hub takes ten imports a second.
pub(super) static KIND: SinkKind = SinkKind {
    name: "securityhub",
    summary: "Finding in AWS Security Hub (ASFF)",
    min_interval: Duration::from_millis(100),
    concurrency: 4,
    build: configured::read::<SecurityHubSettings>,
};

/// `[master.sinks.<name>]` with `type = "securityhub"`: `role` for each account, or `file_under`.
///
/// Security Hub takes a finding only from the account that the finding names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecurityHubSettings {
    region: Region,
    role: Option<RoleArn>,
    external_id: Option<String>,
    file_under: Option<AccountId>,
    endpoint: Option<String>,
}

struct SecurityHub {
    import: Url,
    region: Region,
    whose: Whose,
}

/// Whose Security Hub gets a finding.
enum Whose {
    /// Its own account's, as this role.
    Each(RoleArn, Option<String>),
    /// This account's; as that role where there is one.
    One(AccountId, Option<(RoleArn, Option<String>)>),
}

impl Check for SecurityHubSettings {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        let template = self.role.as_ref().is_some_and(RoleArn::is_template);
        match (template, &self.file_under) {
            (true, Some(_)) => report(
                "file_under",
                "excludes a role for each {account}; keep one of the two".into(),
            ),
            (false, None) => report(
                "role",
                "Security Hub takes a finding only from the account that it names; give a role for \
                 each, such as arn:aws:iam::{account}:role/dial-securityhub, or file_under = \
                 \"111122223333\" to file all in this master's account"
                    .into(),
            ),
            _ => {}
        }
        aws::check_external_id(self.role.as_ref(), self.external_id.as_ref(), report);
    }
}

impl Settings for SecurityHubSettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        let given = self.endpoint.iter();
        given.map(|url| ("endpoint", url.as_str())).collect()
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        Vec::new()
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        let url = aws::endpoint(parts, self.endpoint.as_ref(), "securityhub", &self.region)?;
        let role = self.role.clone();
        let role = role.map(|role| (role, self.external_id.clone()));
        let whose = match (&self.file_under, role) {
            (Some(account), role) => Whose::One(account.clone(), role),
            (None, Some((role, id))) => Whose::Each(role, id),
            (None, None) => return Err(Problem::new("role", "is missing")),
        };
        Ok(Box::new(SecurityHub {
            import: parts.url_below("endpoint", url.as_str(), "findings/import")?,
            region: self.region.clone(),
            whose,
        }))
    }
}

impl Sink for SecurityHub {
    fn start(&self, job: &Job<'_>) -> Step {
        let Some(account) = self.account(job) else {
            return Step::Fail("finding names no account".into());
        };
        let finding = self.asff(job, &account);
        let body = json!({"Findings": [finding]}).to_string().into_bytes();
        Step::Send(aws::call(
            "import",
            &self.import,
            "application/json",
            body,
            self.signing(&account),
        ))
    }

    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step {
        if reply.status != 200 {
            let region = &self.region;
            let place = format!("the default product of Security Hub in {region}");
            return aws::judge(reply, "securityhub:BatchImportFindings", &place);
        }
        self.imported(job, reply)
    }
}

impl SecurityHub {
    fn account(&self, job: &Job<'_>) -> Option<AccountId> {
        match &self.whose {
            Whose::Each(..) => AccountId::parse(&job.finding.account.id).ok(),
            Whose::One(account, _) => Some(account.clone()),
        }
    }

    fn signing(&self, account: &AccountId) -> Signing {
        let role = match &self.whose {
            Whose::Each(role, id) => Some(role.of(account.as_str(), id.as_ref())),
            Whose::One(_, role) => role.as_ref().map(|(role, id)| role.of("", id.as_ref())),
        };
        Signing {
            service: "securityhub",
            region: self.region.clone(),
            role,
        }
    }

    /// The product that every account has for findings of its own making.
    fn product(&self, account: &AccountId) -> String {
        let (region, partition) = (&self.region, aws::partition(&self.region));
        format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default")
    }

    fn asff(&self, job: &Job<'_>, account: &AccountId) -> Value {
        let filing = Filing {
            account: account.as_str(),
            product: &self.product(account),
            partition: aws::partition(&self.region),
        };
        asff::finding(job.finding, filing, job.links)
    }

    fn imported(&self, job: &Job<'_>, reply: &Reply) -> Step {
        match (reply.json::<Imported>(), self.account(job)) {
            (
                Some(Imported {
                    failed_findings, ..
                }),
                _,
            ) if !failed_findings.is_empty() => {
                let failed = &failed_findings[0];
                Fault::new(&failed.error_code, &failed.error_message).step()
            }
            (
                Some(Imported {
                    success_count: 1, ..
                }),
                Some(account),
            ) => {
                let product = self.product(&account);
                Step::Done(Some(json!({"id": job.finding.id, "product": product})))
            }
            _ => Step::Retry {
                after: reply.retry_after,
                reason: format!("unreadable answer: {}", reply.reason()),
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Imported {
    #[serde(default)]
    success_count: u32,
    #[serde(default)]
    failed_findings: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    error_message: String,
}
