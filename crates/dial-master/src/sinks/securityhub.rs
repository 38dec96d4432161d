//! Security Hub: each finding in ASFF, filed in its own account by a role, or all in one account.

use super::aws::{self, Fault, RoleArn};
use super::configured::{self, Parts, Problem, Settings};
use super::rights::{ACCOUNT, Rights};
use super::{Call, Job, Probe, Reply, Sink, SinkKind, Step};
use crate::message::asff::{self, Filing};
use dial_core::config::Check;
use dial_core::ports::{Role, Signing};
use dial_core::secret::SecretRef;
use dial_core::store::Status;
use dial_core::{AccountId, Region};
use http::Method;
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
    update: Url,
    region: Region,
    whose: Whose,
    endpoint: Option<String>,
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

    fn rights(&self) -> Option<Rights> {
        let account = self.file_under.as_ref().map_or(ACCOUNT, AccountId::as_str);
        Some(Rights {
            actions: &[
                "securityhub:BatchImportFindings",
                "securityhub:BatchUpdateFindings",
            ],
            resource: Some(product(&self.region, account)),
            role: self.role.as_ref().map(RoleArn::text),
        })
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
            update: parts.url_below("endpoint", url.as_str(), "findings/batchupdate")?,
            region: self.region.clone(),
            whose,
            endpoint: self.endpoint.clone(),
        }))
    }
}

impl Sink for SecurityHub {
    fn start(&self, job: &Job<'_>) -> Step {
        match self.file(job) {
            Some(file) if job.receipt.is_some() => Step::Send(self.update("update", job, &file)),
            Some(file) => Step::Send(self.import(job, &file)),
            None => Step::Fail("finding names no account".into()),
        }
    }

    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step {
        let action = match reply.step {
            "import" => "securityhub:BatchImportFindings",
            _ => "securityhub:BatchUpdateFindings",
        };
        match self.file(job) {
            None => Step::Fail("finding names no account".into()),
            Some(file) if reply.status != 200 => aws::judge(reply, action, &file.product),
            Some(file) if reply.step == "import" => self.imported(job, reply, &file),
            Some(file) => self.updated(job, reply, &file),
        }
    }

    fn updates(&self) -> bool {
        true
    }

    /// As itself: which account's role it will be is known with a finding.
    fn probe(&self) -> Probe {
        let role = match &self.whose {
            Whose::Each(..) => None,
            Whose::One(_, role) => role.as_ref().map(|(role, id)| role.of("", id.as_ref())),
        };
        let signing = self.signed(role);
        aws::who(self.endpoint.as_ref(), &signing)
    }

    fn probed(&self, reply: &Reply) -> Probe {
        aws::identified(reply)
    }
}

/// The product that every account has for findings of its own making.
fn product(region: &Region, account: &str) -> String {
    let partition = aws::partition(region);
    format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default")
}

/// Where one finding is filed.
struct File {
    account: AccountId,
    product: String,
}

impl SecurityHub {
    /// What was imported stays where it is, whatever the settings say now.
    fn file(&self, job: &Job<'_>) -> Option<File> {
        let told = job.receipt.and_then(|receipt| receipt["product"].as_str());
        let imported = told.and_then(|product| {
            let account = AccountId::parse(product.split(':').nth(4)?).ok()?;
            let product = product.to_owned();
            Some(File { account, product })
        });
        imported.or_else(|| {
            let account = match &self.whose {
                Whose::Each(..) => AccountId::parse(&job.finding.account.id).ok()?,
                Whose::One(account, _) => account.clone(),
            };
            let product = product(&self.region, account.as_str());
            Some(File { account, product })
        })
    }

    fn signing(&self, account: &AccountId) -> Signing {
        self.signed(match &self.whose {
            Whose::Each(role, id) => Some(role.of(account.as_str(), id.as_ref())),
            Whose::One(_, role) => role.as_ref().map(|(role, id)| role.of("", id.as_ref())),
        })
    }

    fn signed(&self, role: Option<Role>) -> Signing {
        Signing {
            service: "securityhub",
            region: self.region.clone(),
            role,
        }
    }

    fn import(&self, job: &Job<'_>, file: &File) -> Call {
        let filing = Filing {
            account: file.account.as_str(),
            product: &file.product,
            partition: aws::partition(&self.region),
        };
        let finding = asff::finding(job.finding, filing, job.links);
        let body = json!({"Findings": [finding]});
        self.call("import", &self.import, &body, file)
    }

    /// Imports never change what people do with a finding; this does.
    fn update(&self, step: &'static str, job: &Job<'_>, file: &File) -> Call {
        let mut body = json!({
            "FindingIdentifiers": [{"Id": job.finding.id, "ProductArn": file.product}],
            "Workflow": {"Status": workflow(job.stored.triage.status)},
        });
        if let Some(last) = job.history.last() {
            body["Note"] = asff::note(last);
        }
        let mut call = self.call(step, &self.update, &body, file);
        call.method = Method::PATCH;
        call
    }

    fn call(&self, step: &'static str, url: &Url, body: &Value, file: &File) -> Call {
        let body = body.to_string().into_bytes();
        let signing = self.signing(&file.account);
        aws::call(step, url, "application/json", body, signing)
    }

    fn imported(&self, job: &Job<'_>, reply: &Reply, file: &File) -> Step {
        match reply.json::<Imported>() {
            Some(Imported { failed, .. }) if !failed.is_empty() => failed[0].fault().step(),
            Some(Imported { success: 1, .. }) if job.stored.triage.revision == 0 => {
                Step::Done(Some(receipt(job, file)))
            }
            Some(Imported { success: 1, .. }) => Step::Send(self.update("note", job, file)),
            _ => unreadable(reply),
        }
    }

    fn updated(&self, job: &Job<'_>, reply: &Reply, file: &File) -> Step {
        let Some(answer) = reply.json::<Updated>() else {
            return unreadable(reply);
        };
        match answer.failed.first() {
            None if answer.processed.is_empty() => unreadable(reply),
            None => Step::Done(Some(receipt(job, file))),
            // Security Hub forgets after 90 days; what was just imported is not always there yet.
            Some(failed) if failed.error_code == UNKNOWN && reply.step == "update" => {
                Step::Send(self.import(job, file))
            }
            Some(failed) if failed.error_code == UNKNOWN => Step::Retry {
                after: None,
                reason: "the finding just imported is not there yet".into(),
            },
            Some(failed) => failed.fault().step(),
        }
    }
}

/// Code of an update of a finding that is not there.
const UNKNOWN: &str = "FindingNotFound";

/// What people do with a finding, in the words of Security Hub; it knows no sleep.
fn workflow(status: Status) -> &'static str {
    match status {
        Status::Open => "NEW",
        Status::Acknowledged | Status::Snoozed => "NOTIFIED",
        Status::Resolved => "RESOLVED",
        Status::FalsePositive => "SUPPRESSED",
    }
}

fn receipt(job: &Job<'_>, file: &File) -> Value {
    json!({"id": job.finding.id, "product": file.product})
}

fn unreadable(reply: &Reply) -> Step {
    Step::Retry {
        after: reply.retry_after,
        reason: format!("unreadable answer: {}", reply.reason()),
    }
}

#[derive(Deserialize)]
struct Imported {
    #[serde(rename = "SuccessCount", default)]
    success: u32,
    #[serde(rename = "FailedFindings", default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
struct Updated {
    #[serde(rename = "ProcessedFindings", default)]
    processed: Vec<Value>,
    #[serde(rename = "UnprocessedFindings", default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    error_message: String,
}

impl Failed {
    fn fault(&self) -> Fault {
        Fault::new(&self.error_code, &self.error_message)
    }
}
