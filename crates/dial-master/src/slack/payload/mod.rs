//! What Slack sends, read totally: forms, clicks, dialogs, commands; everything bounded.

use super::people::{Sender, is_id};
use dial_core::FindingId;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Longest body, bytes: a click repeats the message, a dialog's answer the whole dialog.
pub const MAX_BODY: usize = 512 * 1024;
/// Most fields of a form; Slack sends about a dozen.
const MAX_FIELDS: usize = 64;
/// Longest text of a command or a reason, bytes; longer ones are refused, not cut.
const MAX_TEXT: usize = 3_000;
/// Longest address or token that an answer needs, bytes.
const MAX_HANDLE: usize = 1_024;
/// Longest snooze, hours; the state machine takes no longer one.
const MAX_SNOOZE: u16 = 30 * 24;

/// Why a signed request cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The form has too many fields, or one twice.
    #[error("form has more than {MAX_FIELDS} fields or one of them twice")]
    Form,
    /// A field is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field does not have its form.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// The payload is no JSON of this shape.
    #[error("payload cannot be read: {0}")]
    Json(String),
}

/// A finding at the revision that somebody saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The finding.
    pub finding: FindingId,
    /// Revision of its triage state when the button was drawn.
    pub revision: u64,
}

/// What a button or a menu asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Someone is on it.
    Acknowledge(Target),
    /// The clicker takes it.
    Assign(Target),
    /// Asleep for that many hours.
    Snooze(Target, u16),
    /// Done.
    Resolve(Target),
    /// Not done after all.
    Reopen(Target),
    /// Opens the dialog that asks how far it was nothing.
    AskFalsePositive(Target),
    /// Opens the dialog that shows the event.
    Show(FindingId),
    /// Turns to a page of that dialog, counted from 0.
    Turn(FindingId, usize),
    /// A link: the browser did it.
    Nothing,
}

/// Which later findings a false positive silences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breadth {
    /// None.
    Nothing,
    /// Same rule, account, principal and resource.
    PrincipalAndResource,
    /// Same rule, account and principal.
    Principal,
    /// Same rule, account and resource.
    Resource,
    /// Same rule and account.
    Account,
}

/// What the false-positive dialog says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The finding.
    pub target: Target,
    /// What to silence.
    pub breadth: Breadth,
    /// For how many days.
    pub days: u8,
    /// Why it was nothing.
    pub reason: String,
}

/// Where an answer to a click can go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handles {
    /// Opens a dialog, within three seconds.
    pub trigger: Option<String>,
    /// Takes messages for the channel of the click; only used after its host was checked.
    pub response_url: Option<String>,
    /// The dialog that was clicked in.
    pub view: Option<String>,
    /// Whether only the clicker sees the message that was clicked in.
    pub ephemeral: bool,
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interaction {
    /// Clicked a button or chose from a menu.
    Clicked {
        /// Who.
        sender: Sender,
        /// What.
        act: Act,
        /// Where to answer.
        handles: Handles,
    },
    /// Sent the false-positive dialog.
    Judged {
        /// Who.
        sender: Sender,
        /// What.
        verdict: Verdict,
    },
    /// Anything else that Slack tells, such as a dialog that was closed.
    Other,
}

/// A slash command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Who.
    pub sender: Sender,
    /// What follows the command's name.
    pub text: String,
}

/// Names of the controls that messages and dialogs are made of, and what comes back.
pub mod name {
    /// Button.
    pub const ACKNOWLEDGE: &str = "dial_acknowledge";
    /// Button.
    pub const ASSIGN: &str = "dial_assign";
    /// Menu.
    pub const SNOOZE: &str = "dial_snooze";
    /// Button.
    pub const RESOLVE: &str = "dial_resolve";
    /// Button.
    pub const REOPEN: &str = "dial_reopen";
    /// Button; the dialog that it opens has this name too.
    pub const FALSE_POSITIVE: &str = "dial_false_positive";
    /// Button; the dialog that it opens has this name too.
    pub const SHOW: &str = "dial_show";
    /// Buttons of that dialog; the number of the page follows, for ids are used once a block.
    pub const TURN: &str = "dial_turn";
    /// Menu of the false-positive dialog.
    pub const BREADTH: &str = "breadth";
    /// Menu of the false-positive dialog.
    pub const DAYS: &str = "days";
    /// Text field of the false-positive dialog.
    pub const REASON: &str = "reason";
}

impl Breadth {
    /// All, from narrow to broad.
    pub const ALL: [Self; 5] = [
        Self::Nothing,
        Self::PrincipalAndResource,
        Self::Principal,
        Self::Resource,
        Self::Account,
    ];

    /// The word that stands for it in a dialog.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::PrincipalAndResource => "principal_resource",
            Self::Principal => "principal",
            Self::Resource => "resource",
            Self::Account => "account",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.finding, self.revision)
    }
}

impl FromStr for Target {
    type Err = PayloadError;

    fn from_str(text: &str) -> Result<Self, PayloadError> {
        let wrong = || PayloadError::Malformed("value");
        let (finding, revision) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self {
            finding: FindingId::parse(finding).map_err(|_| wrong())?,
            revision: number(revision).ok_or_else(wrong)?,
        })
    }
}

/// Digits only: `parse` alone would take a sign.
fn number<N: FromStr>(text: &str) -> Option<N> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

type Form = BTreeMap<String, String>;

fn form(body: &[u8]) -> Result<Form, PayloadError> {
    let mut fields = Form::new();
    for (n, (name, value)) in form_urlencoded::parse(body).enumerate() {
        let again = fields.insert(name.into_owned(), value.into_owned());
        if n >= MAX_FIELDS || again.is_some() {
            return Err(PayloadError::Form);
        }
    }
    Ok(fields)
}

/// Reads the body of `POST /slack/commands`.
pub fn command(body: &[u8]) -> Result<Command, PayloadError> {
    let mut fields = form(body)?;
    let mut take = |name: &'static str| fields.remove(name).ok_or(PayloadError::Missing(name));
    let sender = Sender {
        team: id(take("team_id")?, "team_id")?,
        user: id(take("user_id")?, "user_id")?,
        home: None,
    };
    let text = bounded(take("text").unwrap_or_default(), MAX_TEXT, "text")?;
    Ok(Command { sender, text })
}

/// Reads the body of `POST /slack/interactions`.
pub fn interaction(body: &[u8]) -> Result<Interaction, PayloadError> {
    let mut fields = form(body)?;
    let payload = fields
        .remove("payload")
        .ok_or(PayloadError::Missing("payload"))?;
    let raw: Raw =
        serde_json::from_str(&payload).map_err(|error| PayloadError::Json(error.to_string()))?;
    match raw.kind.as_str() {
        "block_actions" => clicked(raw),
        "view_submission" => submitted(raw),
        _ => Ok(Interaction::Other),
    }
}

fn clicked(raw: Raw) -> Result<Interaction, PayloadError> {
    let sender = sender(&raw)?;
    let handle = |text: Option<String>, field| {
        text.map(|text| bounded(text, MAX_HANDLE, field))
            .transpose()
    };
    let act = act(raw
        .actions
        .first()
        .ok_or(PayloadError::Missing("actions"))?)?;
    let view = raw.view.map(|view| view.id);
    Ok(Interaction::Clicked {
        sender,
        act,
        handles: Handles {
            trigger: handle(raw.trigger_id, "trigger_id")?,
            response_url: handle(raw.response_url, "response_url")?,
            view: view.map(|view| id(view, "view.id")).transpose()?,
            ephemeral: raw.container.is_ephemeral,
        },
    })
}

fn act(action: &RawAction) -> Result<Act, PayloadError> {
    let chosen = action.selected_option.as_ref().map(|option| &option.value);
    let value = action.value.as_ref().or(chosen).map_or("", String::as_str);
    let turn = action.action_id.strip_prefix(name::TURN);
    Ok(match action.action_id.as_str() {
        name::ACKNOWLEDGE => Act::Acknowledge(value.parse()?),
        name::ASSIGN => Act::Assign(value.parse()?),
        name::SNOOZE => snooze(value)?,
        name::RESOLVE => Act::Resolve(value.parse()?),
        name::REOPEN => Act::Reopen(value.parse()?),
        name::FALSE_POSITIVE => Act::AskFalsePositive(value.parse()?),
        name::SHOW => Act::Show(finding(value)?),
        _ if turn.is_some() => page(value)?,
        _ => Act::Nothing,
    })
}

fn finding(text: &str) -> Result<FindingId, PayloadError> {
    FindingId::parse(text).map_err(|_| PayloadError::Malformed("value"))
}

/// `<finding>.<revision>.<hours>`.
fn snooze(value: &str) -> Result<Act, PayloadError> {
    let wrong = || PayloadError::Malformed("value");
    let (target, hours) = value.rsplit_once('.').ok_or_else(wrong)?;
    let hours = number(hours).filter(|hours| (1..=MAX_SNOOZE).contains(hours));
    Ok(Act::Snooze(target.parse()?, hours.ok_or_else(wrong)?))
}

/// `<finding>.<page>`.
fn page(value: &str) -> Result<Act, PayloadError> {
    let wrong = || PayloadError::Malformed("value");
    let (id, page) = value.split_once('.').ok_or_else(wrong)?;
    let page: u16 = number(page).ok_or_else(wrong)?;
    Ok(Act::Turn(finding(id)?, usize::from(page)))
}

fn submitted(raw: Raw) -> Result<Interaction, PayloadError> {
    let sender = sender(&raw)?;
    let view = raw.view.ok_or(PayloadError::Missing("view"))?;
    if view.callback_id != name::FALSE_POSITIVE {
        return Ok(Interaction::Other);
    }
    let wrong = PayloadError::Malformed;
    let target = view.private_metadata.parse()?;
    let mut inputs: BTreeMap<String, RawInput> =
        view.state.values.into_values().flatten().collect();
    let mut take = |name: &'static str| {
        let input = inputs.remove(name).ok_or(PayloadError::Missing(name))?;
        let chosen = input.selected_option.map(|option| option.value);
        Ok(input.value.or(chosen).unwrap_or_default())
    };
    let word: String = take(name::BREADTH)?;
    let breadth = Breadth::ALL.into_iter().find(|b| b.word() == word);
    let days = number(&take(name::DAYS)?).filter(|days| (1..=30).contains(days));
    let reason = bounded(take(name::REASON)?, MAX_TEXT, name::REASON)?;
    Ok(Interaction::Judged {
        sender,
        verdict: Verdict {
            target,
            breadth: breadth.ok_or(wrong(name::BREADTH))?,
            days: days.ok_or(wrong(name::DAYS))?,
            reason,
        },
    })
}

/// Without a workspace of its own a request belongs to nobody who could be allowed.
fn sender(raw: &Raw) -> Result<Sender, PayloadError> {
    let team = raw.team.as_ref().ok_or(PayloadError::Missing("team.id"))?;
    let home = raw.user.team_id.clone();
    Ok(Sender {
        team: id(team.id.clone(), "team.id")?,
        user: id(raw.user.id.clone(), "user.id")?,
        home: home.map(|home| id(home, "user.team_id")).transpose()?,
    })
}

fn id(text: String, field: &'static str) -> Result<String, PayloadError> {
    if is_id(&text) {
        Ok(text)
    } else {
        Err(PayloadError::Malformed(field))
    }
}

fn bounded(text: String, limit: usize, field: &'static str) -> Result<String, PayloadError> {
    if text.len() <= limit {
        Ok(text)
    } else {
        Err(PayloadError::Malformed(field))
    }
}

/// The parts of a payload that anything here depends on.
#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    user: RawUser,
    team: Option<RawTeam>,
    trigger_id: Option<String>,
    response_url: Option<String>,
    #[serde(default)]
    actions: Vec<RawAction>,
    view: Option<RawView>,
    #[serde(default)]
    container: RawContainer,
}

#[derive(Default, Deserialize)]
struct RawContainer {
    #[serde(default)]
    is_ephemeral: bool,
}

#[derive(Default, Deserialize)]
struct RawUser {
    #[serde(default)]
    id: String,
    team_id: Option<String>,
}

#[derive(Deserialize)]
struct RawTeam {
    id: String,
}

#[derive(Deserialize)]
struct RawAction {
    #[serde(default)]
    action_id: String,
    value: Option<String>,
    selected_option: Option<RawOption>,
}

#[derive(Deserialize)]
struct RawOption {
    value: String,
}

#[derive(Deserialize)]
struct RawView {
    #[serde(default)]
    id: String,
    #[serde(default)]
    callback_id: String,
    #[serde(default)]
    private_metadata: String,
    #[serde(default)]
    state: RawState,
}

#[derive(Default, Deserialize)]
struct RawState {
    #[serde(default)]
    values: BTreeMap<String, BTreeMap<String, RawInput>>,
}

#[derive(Deserialize)]
struct RawInput {
    value: Option<String>,
    selected_option: Option<RawOption>,
}

#[cfg(test)]
mod tests;
