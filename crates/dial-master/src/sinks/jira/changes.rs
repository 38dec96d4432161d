//! What happens to an issue that is there: a comment on what people did, and a transition.

use super::{Jira, judge, unreadable};
use crate::message::{adf, news};
use crate::sinks::{Call, Job, Reply, Step};
use http::Method;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

/// Comments that a look back reads.
const LOOK_BACK: &str = "20";
/// Changes that one comment tells; the finding has all.
const MAX_TOLD: usize = 20;

/// An issue and what it shows, as the receipt says.
pub(super) struct Known<'j> {
    key: &'j str,
    /// Revision of the finding.
    revision: u64,
    /// Where the finding stood.
    status: &'j str,
    /// How many repeats its label counts.
    repeats: u64,
}

impl<'j> Known<'j> {
    pub(super) fn of(job: &Job<'j>) -> Option<Self> {
        let receipt = job.receipt?;
        Some(Self {
            key: receipt["issue"].as_str()?,
            revision: receipt["revision"].as_u64().unwrap_or(0),
            status: receipt["status"].as_str().unwrap_or("open"),
            repeats: receipt["repeats"].as_u64().unwrap_or(0),
        })
    }
}

impl Jira {
    /// Tells what is new; an attempt whose answer was lost may have done so.
    pub(super) fn change(&self, job: &Job<'_>, known: &Known<'_>) -> Step {
        match news::since(job.history, known.revision).next() {
            None => self.count(job, known),
            Some(_) if job.attempt > 1 => Step::Send(self.look(known)),
            Some(_) => Step::Send(self.comment(job, known)),
        }
    }

    pub(super) fn changed(&self, job: &Job<'_>, known: &Known<'_>, reply: &Reply) -> Step {
        match (reply.step, reply.status) {
            ("look", 200) if String::from_utf8_lossy(&reply.body).contains(&mark(job)) => {
                self.after_comment(job, known)
            }
            ("look", 200) => Step::Send(self.comment(job, known)),
            ("comment", 201) => self.after_comment(job, known),
            ("transitions", 200) => self.choose(job, known, reply),
            ("transition", 204) => self.count(job, known),
            ("count", 204) => receipt(job, known.key),
            _ => judge(reply),
        }
    }

    fn below(&self, known: &Known<'_>, what: &str) -> Url {
        let mut url = self.create.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(known.key).push(what);
        }
        url
    }

    fn look(&self, known: &Known<'_>) -> Call {
        let mut url = self.below(known, "comment");
        url.query_pairs_mut()
            .append_pair("orderBy", "-created")
            .append_pair("maxResults", LOOK_BACK);
        self.authorized(Call::get("look", &url))
    }

    fn comment(&self, job: &Job<'_>, known: &Known<'_>) -> Call {
        let newest = news::since(job.history, known.revision)
            .rev()
            .take(MAX_TOLD);
        let mut told = vec![mark(job)];
        told.extend(newest.map(news::sentence));
        told.reverse();
        let body = json!({"body": adf::sentences(&told)});
        self.authorized(Call::post_json(
            "comment",
            &self.below(known, "comment"),
            &body,
        ))
    }

    fn after_comment(&self, job: &Job<'_>, known: &Known<'_>) -> Step {
        let status = status(job);
        if status == known.status || !self.transitions.contains_key(&status) {
            return self.count(job, known);
        }
        let url = self.below(known, "transitions");
        Step::Send(self.authorized(Call::get("transitions", &url)))
    }

    /// Someone may have moved the issue: then the transition is not on offer, and all is well.
    fn choose(&self, job: &Job<'_>, known: &Known<'_>, reply: &Reply) -> Step {
        let Some(offered) = reply.json::<Offered>() else {
            return unreadable(reply);
        };
        let wanted = self
            .transitions
            .get(&status(job))
            .map(|name| name.to_lowercase());
        let fits = |offer: &Offer| Some(offer.name.to_lowercase()) == wanted;
        match offered.transitions.into_iter().find(fits) {
            Some(offer) => {
                let body = json!({"transition": {"id": offer.id}});
                let url = self.below(known, "transitions");
                Step::Send(self.authorized(Call::post_json("transition", &url, &body)))
            }
            None => self.count(job, known),
        }
    }

    /// Last, a label says how many findings repeat this one; labels bother nobody.
    fn count(&self, job: &Job<'_>, known: &Known<'_>) -> Step {
        let label = |count: u64| format!("dial-repeats-{count}");
        let now = repeats(job);
        if now == known.repeats {
            return receipt(job, known.key);
        }
        let stale = (known.repeats > 0).then(|| json!({"remove": label(known.repeats)}));
        let labels: Vec<Value> = stale
            .into_iter()
            .chain([json!({"add": label(now)})])
            .collect();
        let mut url = self.create.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(known.key);
        }
        let body = json!({"update": {"labels": labels}});
        Step::Send(self.authorized(Call::json("count", Method::PUT, &url, &body)))
    }
}

fn repeats(job: &Job<'_>) -> u64 {
    job.group.map_or(0, |group| u64::from(group.repeats))
}

/// The issue shows everything.
pub(super) fn receipt(job: &Job<'_>, key: &str) -> Step {
    let revision = job.stored.triage.revision;
    let mut receipt = json!({"issue": key, "revision": revision, "status": status(job)});
    // A new issue has no label of a count yet.
    if job.receipt.is_some() && repeats(job) > 0 {
        receipt["repeats"] = json!(repeats(job));
    }
    Step::Done(Some(receipt))
}

fn status(job: &Job<'_>) -> String {
    news::status_key(job.stored.triage.status)
}

/// Ends our comments, so that one that is there is known again.
fn mark(job: &Job<'_>) -> String {
    format!("DIAL, change {}.", job.stored.triage.revision)
}

#[derive(Deserialize)]
struct Offered {
    transitions: Vec<Offer>,
}

#[derive(Deserialize)]
struct Offer {
    id: String,
    name: String,
}
