//! Jira Cloud: one issue per finding, labelled with the finding's id so that it is found again.

mod changes;

use super::call::basic_header;
use super::configured::{self, Parts, Problem, Settings};
use super::{Call, Job, Probe, Reply, Sink, SinkKind, Step, judge_status};
use crate::message::notice::Notice;
use crate::message::{Caps, Story, adf, news, text::inert};
use changes::Known;
use dial_core::Severity;
use dial_core::config::Check;
use dial_core::secret::SecretRef;
use http::{HeaderValue, header};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) static KIND: SinkKind = SinkKind {
    name: "jira",
    summary: "Issue in Jira Cloud",
    min_interval: Duration::from_millis(200),
    concurrency: 2,
    build: configured::read::<JiraSettings>,
};

/// Longest `summary` and label, characters.
const MAX_TEXT: usize = 255;
const CAPS: Caps = Caps {
    title: 180,
    value: 100,
    prose: 100,
};

/// `[master.sinks.<name>]` with `type = "jira"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JiraSettings {
    url: String,
    email: String,
    api_token: SecretRef,
    project: String,
    #[serde(default = "task")]
    issue_type: String,
    #[serde(default)]
    labels: Vec<String>,
    /// Names of Jira's priorities, by severity; without one the project's default holds. Read as
    /// texts, so that a wrong one is named by its place and the others are read on.
    #[serde(default)]
    priorities: BTreeMap<String, String>,
    /// Names of the workflow's transitions, by where the finding stands.
    #[serde(default)]
    transitions: BTreeMap<String, String>,
}

fn task() -> String {
    "Task".to_owned()
}

struct Jira {
    search: Url,
    create: Url,
    myself: Url,
    in_project: Url,
    authorization: HeaderValue,
    project: String,
    issue_type: String,
    labels: Vec<String>,
    priorities: BTreeMap<Severity, String>,
    transitions: BTreeMap<String, String>,
}

impl Check for JiraSettings {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        let mut letters = self.project.chars();
        let begins = letters.next().is_some_and(|c| c.is_ascii_uppercase());
        let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if !begins || self.project.len() < 2 || !letters.all(fits) {
            let message = format!("`{}` is no project key, such as SEC", self.project);
            report("project", message);
        }
        if self.email.contains(':') || !self.email.contains('@') {
            report("email", "must be the address of the token's account".into());
        }
        for severity in self.priorities.keys() {
            if let Err(error) = severity.parse::<Severity>() {
                report(&format!("priorities.{severity}"), error.to_string());
            }
        }
        news::check_keys("transitions", self.transitions.keys(), report);
        for label in &self.labels {
            let length = label.chars().count();
            if !(1..=MAX_TEXT).contains(&length) || label.contains(char::is_whitespace) {
                let message = format!("`{label}` must be 1 to {MAX_TEXT} characters, no spaces");
                report("labels", message);
            }
        }
    }
}

impl JiraSettings {
    /// The priority of each severity; what is none was refused before.
    fn known_priorities(&self) -> BTreeMap<Severity, String> {
        let known = |(severity, name): (&String, &String)| {
            Some((severity.parse::<Severity>().ok()?, name.clone()))
        };
        self.priorities.iter().filter_map(known).collect()
    }
}

impl Settings for JiraSettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        vec![("url", &self.url)]
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        vec![("api_token", &self.api_token)]
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        let in_project = format!("rest/api/3/project/{}", self.project);
        Ok(Box::new(Jira {
            search: parts.url_below("url", &self.url, "rest/api/3/search/jql")?,
            create: parts.url_below("url", &self.url, "rest/api/3/issue")?,
            myself: parts.url_below("url", &self.url, "rest/api/3/myself")?,
            in_project: parts.url_below("url", &self.url, &in_project)?,
            authorization: basic_header(&self.email, parts.secret("api_token")?),
            project: self.project.clone(),
            issue_type: self.issue_type.clone(),
            labels: self.labels.clone(),
            priorities: self.known_priorities(),
            transitions: self.transitions.clone(),
        }))
    }
}

impl Sink for Jira {
    /// Looks first: Jira itself would make a second issue, or comment.
    fn start(&self, job: &Job<'_>) -> Step {
        if let Some(known) = Known::of(job) {
            return self.change(job, &known);
        }
        let which = self.which(job);
        Step::Send(self.authorized(Call::post_json("search", &self.search, &which)))
    }

    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step {
        match (reply.step, Known::of(job)) {
            ("search", _) => self.searched(job, reply),
            (step, Some(known)) if step != "create" => self.changed(job, &known, reply),
            _ => created(job, reply),
        }
    }

    fn updates(&self) -> bool {
        true
    }

    fn digests(&self) -> bool {
        true
    }

    fn probe(&self) -> Probe {
        Probe::ask(self.authorized(Call::get("myself", &self.myself)))
    }

    /// After the account, whether it sees the project.
    fn probed(&self, reply: &Reply) -> Probe {
        match (reply.step, reply.status) {
            ("myself", 200) => Probe::ask(self.authorized(Call::get("project", &self.in_project))),
            ("project", 200) => Probe::good(format!("account sees project {}", self.project)),
            ("project", 404) => {
                Probe::refused(format!("account does not see project {}", self.project))
            }
            _ => Probe::of_status(reply),
        }
    }
}

impl Jira {
    fn authorized(&self, call: Call) -> Call {
        call.header(header::AUTHORIZATION, self.authorization.clone())
    }

    fn which(&self, job: &Job<'_>) -> Value {
        // Both are checked: a project key, and an id of a-z, 2-7 and dashes.
        let jql = format!(
            "project = \"{}\" AND labels = \"{}\"",
            self.project,
            job.key()
        );
        json!({"jql": jql, "fields": ["status"], "maxResults": 1})
    }

    fn searched(&self, job: &Job<'_>, reply: &Reply) -> Step {
        if reply.status != 200 {
            return judge(reply);
        }
        let Some(found) = reply.json::<Found>() else {
            return unreadable(reply);
        };
        match found.issues.into_iter().next() {
            // It shows what it showed when it was made, so the next change tells all.
            Some(issue) => Step::Done(Some(json!({"issue": issue.key, "duplicate": true}))),
            None => Step::Send(self.authorized(Call::post_json(
                "create",
                &self.create,
                &json!({"fields": self.fields(job)}),
            ))),
        }
    }

    fn fields(&self, job: &Job<'_>) -> Value {
        let notice = job.digest.map(|digest| Notice::digest(digest, job.links));
        let (summary, description, severity) = match &notice {
            Some(notice) => (
                inert(&notice.headline, MAX_TEXT),
                adf::notice(notice),
                notice.severity,
            ),
            None => (
                summary(job),
                adf::description(job.stored, job.links),
                job.finding.severity,
            ),
        };
        let mut fields = json!({
            "project": {"key": self.project},
            "issuetype": {"name": self.issue_type},
            "summary": summary,
            "description": description,
            "labels": self.labels_of(job),
        });
        if let Some(name) = self.priorities.get(&severity) {
            fields["priority"] = json!({"name": name});
        }
        fields
    }

    fn labels_of(&self, job: &Job<'_>) -> Vec<String> {
        let rule = match job.digest {
            Some(_) => "digest".to_owned(),
            None => inert(&job.finding.rule.name, MAX_TEXT),
        };
        let told = [
            "dial".to_owned(),
            job.key(),
            // Labels hold no spaces.
            rule.replace(char::is_whitespace, "_"),
        ];
        let named = told.into_iter().filter(|label| !label.is_empty());
        named.chain(self.labels.iter().cloned()).collect()
    }
}

fn summary(job: &Job<'_>) -> String {
    let finding = job.finding;
    let story = Story::of(finding, CAPS);
    let account = finding.account.name.as_ref().unwrap_or(&finding.account.id);
    let place = inert(&format!("{account}, {}", finding.region), 60);
    inert(&format!("{} ({place})", story.headline()), MAX_TEXT)
}

#[derive(Deserialize)]
struct Found {
    issues: Vec<Issue>,
}

#[derive(Deserialize)]
struct Issue {
    key: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "errorMessages", default)]
    messages: Vec<String>,
    #[serde(default)]
    errors: BTreeMap<String, Value>,
}

fn created(job: &Job<'_>, reply: &Reply) -> Step {
    match (reply.status, reply.json::<Issue>()) {
        (201, Some(issue)) => changes::receipt(job, &issue.key),
        (200..=299, _) => unreadable(reply),
        _ => judge(reply),
    }
}

fn unreadable(reply: &Reply) -> Step {
    Step::Retry {
        after: None,
        reason: format!("unreadable answer: {}", reply.reason()),
    }
}

/// With Jira's own words where it says which field is wrong.
fn judge(reply: &Reply) -> Step {
    let Some(refusal) = reply.json::<Refusal>().filter(|_| reply.status == 400) else {
        return judge_status(reply);
    };
    let fields = refusal.errors.iter().map(|(field, message)| {
        let message = message.as_str().unwrap_or("is refused");
        format!("{field}: {message}")
    });
    let all: Vec<String> = refusal.messages.iter().cloned().chain(fields).collect();
    Step::Fail(format!("Jira refused: {}", inert(&all.join("; "), 400)))
}
