//! What a call must show beside its name: whether it failed, and who made it.

use super::condition::{Condition, Conditions};
use super::spelling;
use crate::engine::{Field, Need, Text};
use std::collections::{BTreeMap, BTreeSet};

const ERROR_CODE: &str = "detail.errorCode";
const IDENTITY_TYPE: &str = "detail.userIdentity.type";

/// Most kinds of callers that one pattern tells apart; more are not told apart at all.
const MAX_CALLERS: usize = 3;

/// Fields that must have one of the values; empty where the call is wanted whatever they say.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Guard(BTreeMap<&'static str, BTreeSet<Condition>>);

impl Guard {
    /// What a need asks beside the name; any one of these is enough.
    pub(super) fn by(need: &Need) -> Vec<Self> {
        let failed = failed(need.0.get(&Field::ErrorCode));
        let guards = callers(need).into_iter().map(|callers| {
            let parts = [(ERROR_CODE, failed.clone()), (IDENTITY_TYPE, callers)];
            let parts = parts.into_iter().filter(|(_, values)| !values.is_empty());
            Self(parts.collect())
        });
        guards.collect()
    }

    /// The same for calls that write, which may be made by services too: they are few, and each
    /// kind of caller that is left out costs two patterns.
    pub(super) fn for_writes(mut self) -> Self {
        let shuns =
            |one: &Condition| matches!(one, Condition::AnythingBut(_) | Condition::Exists(false));
        self.0
            .retain(|path, values| *path != IDENTITY_TYPE || !values.iter().any(shuns));
        self
    }

    /// The same together with what another asks at the same paths.
    pub(super) fn or(&mut self, other: &Self) {
        for (path, values) in &mut self.0 {
            let more = other.0.get(path);
            values.extend(more.into_iter().flatten().cloned());
        }
    }

    /// Adds it to the conditions of a pattern.
    pub(super) fn add_to(&self, conditions: Conditions) -> Conditions {
        let parts = self.0.iter();
        parts.fold(conditions, |conditions, (path, values)| {
            conditions.with(path, values.iter().cloned())
        })
    }

    /// End of the names of patterns with guards of this kind, such as `-failed`; guards with the
    /// same end share patterns.
    pub(super) fn suffix(&self) -> String {
        let parts = self.0.iter();
        let words = parts.map(|(path, values)| match *path {
            ERROR_CODE if values.contains(&Condition::Exists(true)) => "-failed".to_owned(),
            ERROR_CODE => "-refused".to_owned(),
            _ => values.iter().map(caller_word).collect(),
        });
        words.collect()
    }
}

/// The values of `errorCode`; none where the call may have succeeded.
fn failed(texts: Option<&BTreeSet<Text>>) -> BTreeSet<Condition> {
    let conditions = texts.into_iter().flatten().map(|text| match text {
        Text::Exact(code) => Condition::Equals(code.clone()),
        Text::AnyCase(code) => Condition::EqualsIgnoreCase(code.clone()),
        Text::Present => Condition::Exists(true),
    });
    let conditions: BTreeSet<_> = conditions.collect();
    let any = Condition::Exists(true);
    if conditions.contains(&any) {
        return BTreeSet::from([any]);
    }
    conditions
}

/// The values of `userIdentity.type`, one set for each pattern; an empty one lets everybody in.
fn callers(need: &Need) -> Vec<BTreeSet<Condition>> {
    if let Some(kinds) = need.0.get(&Field::IdentityType) {
        return match kinds.len() {
            1..=MAX_CALLERS => vec![kinds.iter().map(spelling::identity_type).collect()],
            _ => vec![BTreeSet::new()],
        };
    }
    let others = need.0.get(&Field::OtherIdentityType);
    let others: Vec<Condition> = others
        .into_iter()
        .flatten()
        .filter_map(|text| match spelling::identity_type(text) {
            Condition::Equals(kind) => Some(Condition::AnythingBut(kind)),
            _ => None,
        })
        .collect();
    match <[Condition; 1]>::try_from(others) {
        // A record without the field needs a pattern of its own: matchers read a list of both
        // kinds of conditions in different ways.
        Ok([other]) => vec![
            BTreeSet::from([other]),
            BTreeSet::from([Condition::Exists(false)]),
        ],
        Err(_) => vec![BTreeSet::new()],
    }
}

fn caller_word(value: &Condition) -> String {
    let (before, kind) = match value {
        Condition::Exists(true) => ("-by-anybody", ""),
        Condition::Exists(false) => ("-by-nobody", ""),
        Condition::AnythingBut(kind) => ("-not-by-", kind.as_str()),
        Condition::Equals(kind)
        | Condition::EqualsIgnoreCase(kind)
        | Condition::Prefix(kind)
        | Condition::Suffix(kind) => ("-by-", kind.as_str()),
    };
    let kind = kind.chars().filter(char::is_ascii_alphanumeric).take(10);
    format!("{before}{}", kind.collect::<String>().to_ascii_lowercase())
}
