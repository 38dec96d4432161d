//! What the sinks of AWS services share: ARNs, endpoints, roles, and what an error code means.

use super::configured::{Parts, Problem};
use super::rights::ACCOUNT;
use super::{Call, Probe, Reply, Step, judge_status};
use crate::message::text::inert;
use dial_core::ports::{Role, Signing};
use dial_core::{Finding, Region, partition};
use http::{HeaderValue, header};
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

/// What a form is sent as.
pub(super) const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// Longest part of an error's code and message that a reason repeats, characters.
const MAX_CODE: usize = 80;
const MAX_SAID: usize = 200;
/// Longest ARN of a role, characters.
const MAX_ROLE: usize = 2_048;

/// Codes by which AWS asks for patience, or fails by itself.
const TRANSIENT: &[&str] = &[
    "ConcurrentUpdateError",
    "InternalError",
    "InternalErrorException",
    "InternalException",
    "InternalFailure",
    "InternalServerError",
    "KMSThrottling",
    "KMSThrottlingException",
    "LimitExceededException",
    "OperationAborted",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];
/// Codes of a signature that was made too early: the next attempt makes another one.
const STALE: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "RequestTimeTooSkewed",
];
/// Codes of a permission that is missing.
const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "KMSAccessDenied",
    "KMSAccessDeniedException",
];

/// `arn:<partition>:<service>:<region>:<account>:<resource>` of one of our services.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Arn {
    /// As it was written.
    pub(super) text: String,
    pub(super) service: String,
    pub(super) region: Region,
    pub(super) resource: String,
}

impl TryFrom<String> for Arn {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let odd = || {
            let shown = inert(&text, 80);
            format!(
                "`{shown}` is no ARN of a region, such as arn:aws:sns:eu-west-1:111122223333:dial"
            )
        };
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts[..] else {
            return Err(odd());
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let account = dial_core::AccountId::parse(account);
        match (Region::parse(region), account) {
            (Ok(region), Ok(_))
                if arn == "arn"
                    && partition.starts_with("aws")
                    && (1..=320).contains(&resource.len())
                    && resource.chars().all(fits) =>
            {
                Ok(Self {
                    service: service.to_owned(),
                    region,
                    resource: resource.to_owned(),
                    text,
                })
            }
            _ => Err(odd()),
        }
    }
}

impl Arn {
    /// What is wrong with it where a `service` ARN is needed.
    pub(super) fn misfit(&self, service: &str, example: &str) -> Option<String> {
        (self.service != service).then(|| {
            let wrong = &self.service;
            format!("belongs to {wrong}, not to {service}; use one such as {example}")
        })
    }
}

/// ARN of a role; `{account}` in it stands for the finding's account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RoleArn(String);

impl TryFrom<String> for RoleArn {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "+=,.@_/-".contains(c);
        let name = text.split_once(":iam::").and_then(|(start, rest)| {
            let (account, name) = rest.split_once(":role/")?;
            let known = account == ACCOUNT || dial_core::AccountId::parse(account).is_ok();
            (start.starts_with("arn:aws") && known).then_some(name)
        });
        match name {
            Some(name) if !name.is_empty() && name.chars().all(fits) && text.len() <= MAX_ROLE => {
                Ok(Self(text))
            }
            _ => Err(format!(
                "`{}` is no ARN of a role, such as arn:aws:iam::111122223333:role/dial",
                inert(&text, 80)
            )),
        }
    }
}

impl RoleArn {
    /// Whether there is one for each account.
    pub(super) fn is_template(&self) -> bool {
        self.0.contains(ACCOUNT)
    }

    /// As it was written.
    pub(super) fn text(&self) -> String {
        self.0.clone()
    }

    /// The role for an account.
    pub(super) fn of(&self, account: &str, external_id: Option<&String>) -> Role {
        Role {
            arn: self.0.replace(ACCOUNT, account),
            external_id: external_id.cloned(),
        }
    }
}

/// How requests to a service are signed: as this process, or in the one role that is given.
pub(super) fn signing(
    service: &'static str,
    region: &Region,
    role: Option<&RoleArn>,
    external_id: Option<&String>,
) -> Signing {
    Signing {
        service,
        region: region.clone(),
        role: role.map(|role| role.of("", external_id)),
    }
}

/// What is wrong with an external id.
pub(super) fn check_external_id(
    role: Option<&RoleArn>,
    external_id: Option<&String>,
    report: &mut dyn FnMut(&str, String),
) {
    let Some(id) = external_id else { return };
    let fits = |c: char| c.is_ascii_alphanumeric() || "+=,.@:/_-".contains(c);
    if !(2..=1_224).contains(&id.len()) || !id.chars().all(fits) {
        let message = "must be 2 to 1224 of A-Z, a-z, 0-9 and +=,.@:/_-";
        report("external_id", message.into());
    }
    if role.is_none() {
        report("external_id", "belongs to role, which is missing".into());
    }
}

/// What is wrong with a role that must be one for all accounts.
pub(super) fn check_one_role(role: Option<&RoleArn>, report: &mut dyn FnMut(&str, String)) {
    if role.is_some_and(RoleArn::is_template) {
        let message = "is one role for all findings; {account} is for Security Hub only";
        report("role", message.into());
    }
}

/// Address of a service in a region, unless the settings name another one.
pub(super) fn endpoint(
    parts: &Parts<'_>,
    given: Option<&String>,
    service: &str,
    region: &Region,
) -> Result<Url, Problem> {
    match given {
        Some(url) => parts.url("endpoint", url),
        None => parts.url(
            "endpoint",
            &format!("https://{service}.{region}.{}/", suffix(region)),
        ),
    }
}

/// Last part of the names of a region's services.
pub(super) fn suffix(region: &Region) -> &'static str {
    partition::of(region).unwrap_or(&partition::AWS).suffix
}

/// Partition of a region, as ARNs have it.
pub(super) fn partition(region: &Region) -> &'static str {
    partition::of(region).unwrap_or(&partition::AWS).id
}

/// A signed call.
pub(super) fn call(
    step: &'static str,
    url: &Url,
    content_type: &'static str,
    body: Vec<u8>,
    signing: Signing,
) -> Call {
    Call::post(step, url, body)
        .header(header::CONTENT_TYPE, HeaderValue::from_static(content_type))
        .signed(signing)
}

/// A finding for machines, with its record where that leaves it within `limit` bytes.
pub(super) fn whole(finding: &Finding, limit: usize) -> Value {
    let json = serde_json::to_value(finding).unwrap_or_default();
    if json.to_string().len() <= limit {
        return json;
    }
    let mut json = json;
    if let Some(members) = json.as_object_mut() {
        members.remove("record");
        members.insert("record_omitted".into(), Value::Bool(true));
    }
    json
}

/// Settings of a service that AWS runs, but that others run too.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AwsSettings<S> {
    pub(super) service: S,
    pub(super) region: Region,
    pub(super) role: Option<RoleArn>,
    pub(super) external_id: Option<String>,
}

impl<S> AwsSettings<S> {
    /// What is wrong with them.
    pub(super) fn check(&self, report: &mut dyn FnMut(&str, String)) {
        let mut report = |key: &str, message| report(&format!("aws.{key}"), message);
        check_one_role(self.role.as_ref(), &mut report);
        check_external_id(self.role.as_ref(), self.external_id.as_ref(), &mut report);
    }

    /// What requests are signed for.
    pub(super) fn signing(&self, service: &'static str) -> Signing {
        let role = self.role.as_ref();
        Signing {
            service,
            region: self.region.clone(),
            role: role.map(|role| role.of("", self.external_id.as_ref())),
        }
    }
}

/// Asks whose credentials these are, which everyone may.
///
/// That they may do more is seen when they do it: nothing harmless tells it beforehand.
pub(super) fn who(endpoint: Option<&String>, signing: &Signing) -> Probe {
    let region = &signing.region;
    let address = format!("https://sts.{region}.{}/", suffix(region));
    let (None, Ok(url)) = (endpoint, Url::parse(&address)) else {
        return Probe::blind("an endpoint of its own is not asked");
    };
    let body = b"Action=GetCallerIdentity&Version=2011-06-15".to_vec();
    let signing = Signing {
        service: "sts",
        ..signing.clone()
    };
    Probe::ask(call("who", &url, FORM, body, signing))
}

/// What the answer to [`who`] tells.
pub(super) fn identified(reply: &Reply) -> Probe {
    let xml = String::from_utf8_lossy(&reply.body);
    match element(&xml, "Arn") {
        Some(arn) if reply.status == 200 => Probe::good(format!("signs as {}", inert(arn, 200))),
        _ if reply.status == 200 => Probe::unclear(reply.reason()),
        _ => Probe::of_status(reply),
    }
}

/// What a failed call means; `action` is what a missing permission would be for.
pub(super) fn judge(reply: &Reply, action: &str, resource: &str) -> Step {
    let fault = Fault::read(&reply.body);
    let reason = format!("answered {}: {}", reply.status, fault.said());
    if fault.is(TRANSIENT) || fault.is(STALE) {
        let after = reply.retry_after;
        return Step::Retry { after, reason };
    }
    if fault.is(DENIED) {
        return Step::Fail(format!("{reason}; allow {action} on {resource}"));
    }
    let retold = Reply {
        body: fault.said().into_bytes(),
        ..reply.clone()
    };
    judge_status(&retold)
}

/// Code and message of an error, whichever protocol the service speaks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fault {
    code: String,
    message: String,
}

impl Fault {
    /// One that stands in an answer for one entry.
    pub(super) fn new(code: &str, message: &str) -> Self {
        Self {
            code: inert(code, MAX_CODE),
            message: inert(message, MAX_SAID),
        }
    }

    fn read(body: &[u8]) -> Self {
        if let Ok(json) = serde_json::from_slice::<Value>(body) {
            let text = |names: [&str; 3]| {
                let found = names.iter().find_map(|name| json[*name].as_str());
                found.unwrap_or_default().to_owned()
            };
            let code = text(["__type", "Code", "code"]);
            let code = code.rsplit('#').next().unwrap_or_default();
            return Self::new(code, &text(["message", "Message", "errorMessage"]));
        }
        let text = String::from_utf8_lossy(body);
        let found = Self::new(
            element(&text, "Code").unwrap_or_default(),
            element(&text, "Message").unwrap_or_default(),
        );
        match found {
            Self { code, message } if code.is_empty() && message.is_empty() => Self::new("", &text),
            found => found,
        }
    }

    fn is(&self, codes: &[&str]) -> bool {
        codes.contains(&self.code.as_str())
    }

    fn said(&self) -> String {
        match (self.code.as_str(), self.message.as_str()) {
            ("", message) => message.to_owned(),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        }
    }

    /// What it means for one entry of an answer that went well as a whole.
    pub(super) fn step(&self) -> Step {
        let reason = format!("refused: {}", self.said());
        if self.is(TRANSIENT) {
            let after = None;
            return Step::Retry { after, reason };
        }
        Step::Fail(reason)
    }
}

/// Text of the first element of that name, where it holds no other.
pub(super) fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    (!text.contains('<')).then_some(text)
}
