//! The statements of a policy, whatever their spelling.

use crate::normalise::lookup;
use crate::text::shown;
use serde_json::{Map, Value, json};

/// A statement that grants what a rule may care about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Place in the policy, from 0; a single statement is number 0.
    pub index: usize,
    /// `Sid`, where it has one.
    pub sid: Option<String>,
    /// What was seen, in words.
    pub why: String,
}

impl Flag {
    /// As rules and findings see it.
    pub fn to_value(&self) -> Value {
        json!({"index": self.index, "sid": self.sid, "why": self.why})
    }

    /// One sentence: `Statement[0] (Sid "Open") lets anyone do s3:GetObject`.
    pub fn sentence(&self) -> String {
        let sid = self.sid.as_deref().map(|sid| format!(" (Sid \"{sid}\")"));
        format!(
            "Statement[{}]{} {}",
            self.index,
            sid.unwrap_or_default(),
            self.why
        )
    }
}

/// One `Allow` statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement<'a> {
    index: usize,
    map: &'a Map<String, Value>,
}

/// The statements of a policy that allow something; `None` where it has no `Statement`.
pub(super) fn allowing(policy: &Map<String, Value>) -> Option<Vec<Statement<'_>>> {
    let statements = lookup::field(policy, "Statement")?;
    let members = match statements {
        Value::Array(members) => members.as_slice(),
        single => std::slice::from_ref(single),
    };
    let maps = members.iter().enumerate();
    let maps = maps.filter_map(|(index, value)| Some((index, value.as_object()?)));
    let all = maps.map(|(index, map)| Statement { index, map });
    Some(all.filter(Statement::allows).collect())
}

impl<'a> Statement<'a> {
    pub(super) fn field(&self, name: &str) -> Option<&'a Value> {
        lookup::field(self.map, name)
    }

    /// Texts of a field that is one text or a list of them.
    pub(super) fn texts(&self, name: &str) -> Vec<&'a str> {
        self.field(name).map(texts).unwrap_or_default()
    }

    /// Whether an action is among those granted, by `Action` or by `NotAction`.
    pub(super) fn grants(&self, action: &str) -> bool {
        let named = |name| {
            let patterns = self.texts(name).into_iter();
            patterns
                .map(|p| super::glob::covers(p, action))
                .reduce(|a, b| a || b)
        };
        named("Action").unwrap_or(false) || named("NotAction").is_some_and(|named| !named)
    }

    /// The granted actions in words.
    pub(super) fn actions_in_words(&self) -> String {
        let (prefix, mut actions) = match self.field("NotAction") {
            Some(_) => ("anything but ", self.texts("NotAction")),
            None => ("", self.texts("Action")),
        };
        let more = actions.len().saturating_sub(5);
        actions.truncate(5);
        let named: Vec<String> = actions.into_iter().map(shown).collect();
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("{prefix}{}{rest}", named.join(", "))
    }

    pub(super) fn flag(&self, why: String) -> Flag {
        let sid = lookup::field(self.map, "Sid").and_then(Value::as_str);
        Flag {
            index: self.index,
            sid: sid.filter(|sid| !sid.is_empty()).map(shown),
            why,
        }
    }

    fn allows(&self) -> bool {
        let effect = self.field("Effect").and_then(Value::as_str);
        effect.is_some_and(|effect| effect.eq_ignore_ascii_case("Allow"))
    }
}

/// Text members of one text or a list.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(members) => members.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
