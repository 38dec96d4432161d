//! Acts on what people click and type: the store first, then Slack, all before the answer.
//!
//! Lambda stops a function once it has answered, and Slack waits three seconds: so nothing is
//! left for later, and every call outside has a deadline.

use super::command::{self, Ask};
use super::decide::{Decision, decide, permit};
use super::payload::{Act, Command, Handles, Interaction, Target, Verdict};
use super::people::{Person, Sender, Stranger};
use super::{SlackApp, answer, silence, views};
use crate::message::slack::{Standing, Telling, message};
use crate::message::text::{inert, inert_name};
use crate::routing::silence::{Draft, Refusal};
use crate::silences::{self, SilenceError};
use crate::sinks::Call;
use dial_core::finding::RecordRef;
use dial_core::ports::Bucket;
use dial_core::store::silence::Silence;
use dial_core::store::token::Scope;
use dial_core::store::triage::{Actor, Change, ChangeError, Door, Request, Triage};
use dial_core::store::{Audit, Cursor, Page, Query, Store, StoreError, Stored};
use dial_core::{Finding, FindingId};
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::Notify;

/// Longest wait for Slack; two calls and the store fit into its three seconds.
const CALL: Duration = Duration::from_millis(1_100);
/// Largest record that is fetched from the bucket for a dialog, bytes.
const MAX_RECORD: usize = 2 * 1024 * 1024;
/// Said when the store does not answer; a repeat does no harm.
const STORE_SILENT: &str = "The store did not answer, so this may or may not be done. Look again, and repeat it if need be: that does no harm.";

/// What acting needs.
pub(crate) struct Desk<'a> {
    /// The app.
    pub(crate) app: &'a SlackApp,
    /// Where findings are kept.
    pub(crate) store: &'a dyn Store,
    /// Where large records are kept.
    pub(crate) bucket: &'a dyn Bucket,
    /// Told when there is something to deliver.
    pub(crate) wake: &'a Notify,
    /// The time.
    pub(crate) now: Timestamp,
}

/// How to read the filters of a search: the API's own reader, so that both know the same words.
pub(crate) type ReadSearch = fn(&[(String, String)]) -> Result<Query, String>;

impl Desk<'_> {
    /// Acts on a click or a dialog; the body of the answer, if it has one.
    pub(crate) async fn interaction(
        &self,
        interaction: Interaction,
    ) -> Result<Option<Value>, Stranger> {
        match interaction {
            Interaction::Clicked {
                sender,
                act,
                handles,
            } => {
                if let Some(text) = self.clicked(&sender, act, &handles).await? {
                    self.tell(&handles, &text).await;
                }
                Ok(None)
            }
            Interaction::Judged { sender, verdict } => match self.heard(&sender)? {
                Ok(person) => Ok(self.judged(person, &verdict).await),
                Err(text) => Ok(Some(answer::instead(&views::notice(&text)))),
            },
            Interaction::Other => Ok(None),
        }
    }

    /// Acts on a command; the body of the answer.
    pub(crate) async fn command(
        &self,
        command: &Command,
        read: ReadSearch,
    ) -> Result<Value, Stranger> {
        let person = match self.heard(&command.sender)? {
            Ok(person) => person,
            Err(text) => return Ok(answer::note(&text)),
        };
        let ask = match command::read(&command.text, self.now) {
            Ok(ask) => ask,
            Err(error) => return Ok(answer::note(&error.to_string())),
        };
        let answered = match ask {
            Ask::Help => Ok(answer::help()),
            Ask::Search(pairs) => self.search(&pairs, read).await,
            Ask::Show(finding) => self.show(&finding).await,
            Ask::Silence(text) => self.silence_text(person, &text).await,
        };
        Ok(answered.unwrap_or_else(|text| answer::note(&text)))
    }

    /// A stranger's workspace learns nothing; a stranger of ours learns whom to ask.
    fn heard(&self, sender: &Sender) -> Result<Result<&Person, String>, Stranger> {
        match self.app.people.person(sender) {
            Ok(person) => Ok(Ok(person)),
            Err(Stranger::User(user)) => {
                tracing::warn!(user, "slack user is not in the configuration");
                Ok(Err(format!(
                    "DIAL does not know you. Ask for your user id, {user}, to be added to \
                     [master.slack.users]."
                )))
            }
            Err(team) => Err(team),
        }
    }

    /// What to tell the clicker, where there is something to tell.
    async fn clicked(
        &self,
        sender: &Sender,
        act: Act,
        handles: &Handles,
    ) -> Result<Option<String>, Stranger> {
        if act == Act::Nothing {
            return Ok(None);
        }
        let person = match self.heard(sender)? {
            Ok(person) => person,
            Err(text) => return Ok(Some(text)),
        };
        let done = match decide(act, person, self.now) {
            Ok(decision) => self.carry_out(person, decision, handles).await,
            Err(forbidden) => Err(sentence(&forbidden.to_string())),
        };
        Ok(done.err())
    }

    async fn carry_out(
        &self,
        person: &Person,
        decision: Decision,
        handles: &Handles,
    ) -> Result<(), String> {
        match decision {
            Decision::Nothing => Ok(()),
            Decision::Change(target, change) => {
                self.change(person, &target, change, None).await?;
                if handles.ephemeral {
                    // The message that all see is edited; this copy is not.
                    return Err("Done. The message in the channel shows it.".to_owned());
                }
                Ok(())
            }
            Decision::Ask(target) => {
                let stored = self.finding(&target.finding).await?;
                if stored.triage.is_closed() {
                    return Err(sentence(&format!(
                        "finding is {} already",
                        stored.triage.status
                    )));
                }
                // What counts is what the dialog shows, and that is the present state.
                let target = Target {
                    revision: stored.triage.revision,
                    ..target
                };
                let view = views::false_positive(&stored.finding, &target);
                self.open(handles, &view).await
            }
            Decision::Open(finding) => {
                let stored = self.finding(&finding).await?;
                let view = self.event(&stored.finding, 0).await;
                self.open(handles, &view).await
            }
            Decision::Turn(finding, page) => {
                let stored = self.finding(&finding).await?;
                let view = self.event(&stored.finding, page).await;
                let id = handles.view.as_deref().unwrap_or_default();
                self.call("views.update", &json!({"view_id": id, "view": view}))
                    .await
            }
        }
    }

    async fn finding(&self, id: &FindingId) -> Result<Stored, String> {
        match self.store.finding(id, self.now).await {
            Ok(Some(stored)) => Ok(stored),
            Ok(None) => Err(format!("There is no finding {id}; its time may be over.")),
            Err(error) => Err(silent(&error)),
        }
    }

    /// Makes a change, or says why not; `false` where the same click had come before.
    async fn change(
        &self,
        person: &Person,
        target: &Target,
        change: Change,
        comment: Option<String>,
    ) -> Result<bool, String> {
        let done = change.done();
        let request = Request {
            change,
            comment,
            by: Actor {
                who: person.name.clone(),
                door: Door::Slack,
            },
            at: self.now,
        };
        let changed = self
            .store
            .change(&target.finding, Some(target.revision), &request)
            .await;
        match changed {
            Ok(_) => {
                self.wake.notify_one();
                Ok(true)
            }
            Err(ChangeError::Conflict {
                last: Some(last), ..
            }) if last.who == person.name && last.action == done => Ok(false),
            Err(error) => Err(refused(&target.finding, person, &error)),
        }
    }

    /// The answer to the false-positive dialog; none closes it.
    async fn judged(&self, person: &Person, verdict: &Verdict) -> Option<Value> {
        let judged = match permit(person, Scope::Analyst) {
            Ok(()) => self.close(person, verdict).await,
            Err(forbidden) => Err(sentence(&forbidden.to_string())),
        };
        judged
            .err()
            .map(|text| answer::instead(&views::notice(&text)))
    }

    /// Closes the finding, then makes the silence. Only who really closed it makes one, so that
    /// the same dialog sent again makes no second one.
    async fn close(&self, person: &Person, verdict: &Verdict) -> Result<(), String> {
        let id = &verdict.target.finding;
        let stored = self.finding(id).await?;
        let draft = silence::of_verdict(verdict, &stored.finding, person, self.now);
        let draft = draft.map_err(|error| sentence(&error.to_string()))?;
        if let Some(draft) = &draft {
            self.check(draft).await?;
        }
        let reason = Some(verdict.reason.clone());
        let change = Change::FalsePositive;
        let made = self.change(person, &verdict.target, change, reason).await?;
        match (made, draft) {
            (true, Some(draft)) => match self.silence(person, &draft).await {
                Ok(_) => Ok(()),
                Err(why) => Err(format!(
                    "The finding is closed, but nothing is silenced. {why}"
                )),
            },
            _ => Ok(()),
        }
    }

    /// Refuses a silence before anything is changed.
    async fn check(&self, draft: &Draft) -> Result<(), String> {
        let refused = |refusal: Refusal| {
            let why = sentence(&refusal.to_string());
            format!("{why} Nothing was changed.")
        };
        draft.check(self.now).map_err(refused)?;
        let seen = silences::preview(self.store, &draft.matchers, self.now).await;
        let seen = seen.map_err(|error| silent(&error))?;
        draft.check_share(seen.share).map_err(refused)
    }

    async fn silence(&self, person: &Person, draft: &Draft) -> Result<Silence, String> {
        let by = format!("{} (slack)", person.name);
        match silences::add(self.store, draft, &by, self.now).await {
            Ok(silence) => Ok(silence),
            Err(SilenceError::Store(error)) => Err(silent(&error)),
            Err(error) => Err(sentence(&error.to_string())),
        }
    }

    /// Answers `/dial silence`; the same words again find the silence that they made.
    async fn silence_text(&self, person: &Person, text: &str) -> Result<Value, String> {
        permit(person, Scope::Analyst).map_err(|error| sentence(&error.to_string()))?;
        let draft = silence::of_text(text, person, self.now);
        let draft = draft.map_err(|error| sentence(&error.to_string()))?;
        let silences = self.store.silences(self.now).await;
        let silences = silences.map_err(|error| silent(&error))?;
        let made = silences
            .into_iter()
            .find(|s| silence::is_of(s, &draft, self.now));
        let silence = match made {
            Some(silence) => silence,
            None => self.silence(person, &draft).await?,
        };
        Ok(answer::silenced(&silence))
    }

    async fn search(&self, pairs: &[(String, String)], read: ReadSearch) -> Result<Value, String> {
        let query = read(pairs)?;
        let page: Result<Page, StoreError> = self
            .store
            .list(&query, None::<&Cursor>, answer::SHOWN, self.now)
            .await;
        let page = page.map_err(|error| silent(&error))?;
        Ok(answer::found(&page.items, page.next.is_some()))
    }

    /// The message as the channel has it, for one person.
    async fn show(&self, finding: &FindingId) -> Result<Value, String> {
        let stored = self.finding(finding).await?;
        let history = self.store.audit(finding).await;
        let history = history.map_err(|error| silent(&error))?;
        let mut shown = message(Telling {
            finding: &stored.finding,
            links: &self.app.links,
            standing: Some(Standing::of(&stored.triage, &history)),
            buttons: true,
        });
        shown["response_type"] = "ephemeral".into();
        Ok(shown)
    }

    async fn event(&self, finding: &Finding, page: usize) -> Value {
        let record = match (&finding.record, &finding.record_ref) {
            (Some(record), _) => pretty(record.as_str().as_bytes()),
            (None, Some(pointer)) => self.fetched(pointer).await,
            (None, None) => Err("The finding came without a record.".to_owned()),
        };
        let record = match record {
            Ok(text) => views::Record::Text(text),
            Err(why) => views::Record::Elsewhere(why),
        };
        views::event(finding, &record, &self.app.links, page)
    }

    async fn fetched(&self, pointer: &RecordRef) -> Result<String, String> {
        let fetched = tokio::time::timeout(CALL, self.bucket.get(&pointer.key, MAX_RECORD)).await;
        match fetched {
            Ok(Ok(Some(bytes))) => pretty(&bytes),
            _ => Err(format!(
                "The record is large ({} bytes) and cannot be fetched now; it lies in the bucket \
                 under {}.",
                pointer.bytes, pointer.key
            )),
        }
    }

    async fn open(&self, handles: &Handles, view: &Value) -> Result<(), String> {
        let trigger = handles.trigger.as_deref().unwrap_or_default();
        self.call("views.open", &json!({"trigger_id": trigger, "view": view}))
            .await
    }

    /// One method of Slack's API; the error is for the clicker.
    async fn call(&self, method: &'static str, body: &Value) -> Result<(), String> {
        let failed = |why: &str| {
            tracing::warn!(method, why, "slack did not show a dialog");
            format!("Slack did not show it ({}). Try again.", inert(why, 80))
        };
        let url = self
            .app
            .api
            .join(method)
            .map_err(|e| failed(&e.to_string()))?;
        let call = Call::post_json(method, &url, body)
            .header(AUTHORIZATION, self.app.authorization.clone());
        let reply = self.app.transport.perform(call, CALL).await;
        let reply = reply.map_err(|error| failed(&error.to_string()))?;
        match reply.json::<Answered>() {
            Some(Answered { ok: true, .. }) => Ok(()),
            Some(Answered { error, .. }) => Err(failed(&error)),
            None => Err(failed(&reply.reason())),
        }
    }

    /// Tells the clicker; what cannot be told is logged, for nobody waits for it.
    async fn tell(&self, handles: &Handles, text: &str) {
        let url = handles.response_url.as_deref();
        let Some(url) = url.and_then(|url| self.app.answer_url(url)) else {
            tracing::warn!(text, "slack gave no place for an answer");
            return;
        };
        let call = Call::post_json("answer", &url, &answer::note(text));
        match self.app.transport.perform(call, CALL).await {
            Ok(reply) if reply.status == 200 => {}
            Ok(reply) => tracing::warn!(reason = reply.reason(), "answer was not taken"),
            Err(error) => tracing::warn!(%error, "answer was not sent"),
        }
    }
}

#[derive(Deserialize)]
struct Answered {
    ok: bool,
    #[serde(default)]
    error: String,
}

fn pretty(json: &[u8]) -> Result<String, String> {
    let value: Result<Value, _> = serde_json::from_slice(json);
    let text = value.and_then(|value| serde_json::to_string_pretty(&value));
    text.map_err(|_| "The record is no JSON that could be shown.".to_owned())
}

fn silent(error: &StoreError) -> String {
    tracing::error!(%error, "store did not answer");
    STORE_SILENT.to_owned()
}

/// Who was first and what they did, or what else is in the way.
fn refused(id: &FindingId, person: &Person, error: &ChangeError) -> String {
    match error {
        ChangeError::Unknown => format!("There is no finding {id}; its time may be over."),
        ChangeError::Conflict { current, last } => conflict(current, last.as_deref(), person),
        ChangeError::Refused { reason } => sentence(&reason.to_string()),
        ChangeError::Store(error) => silent(error),
    }
}

fn conflict(current: &Triage, last: Option<&Audit>, person: &Person) -> String {
    let first = last.map_or("Someone else was faster".to_owned(), |line| {
        let action = line.action.replace('_', " ");
        // Who clicks twice in a row clicks on a message that is not drawn anew yet.
        let who = if line.who == person.name {
            "You were here before".to_owned()
        } else {
            format!("{} was faster", inert_name(&line.who, 64))
        };
        format!("{who}: {action} at {:.0}", line.at)
    });
    format!(
        "{first}. Your click changed nothing; the finding is {} now.",
        current.status
    )
}

/// Our error messages as people read them in a chat.
fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), chars.as_str())
}
