//! The head of a record from its structure alone: what stands inside its values is not looked at.
//!
//! Most records concern no rule, and reading them is most of a scan's cost. What is not plain
//! here, or not sure, is left to the parser, which also says what is wrong with it.

mod blocks;
mod members;

use super::MAX_EVENT;
use super::head::{Name, Top};
use super::loose::Text;
use crate::event::{Head, Unparsed};
use members::{Level, members};
use std::borrow::Cow;

/// The member whose own members are wanted too.
const IDENTITY: &[u8] = b"userIdentity";

/// The head of the record that the bytes start with, and where it ends; `None` where only the
/// parser can tell.
pub(super) fn head(data: &[u8]) -> Option<(Head<'_>, usize)> {
    let data = data.get(..MAX_EVENT).unwrap_or(data);
    let mut skim = Skim::default();
    skim.top.head.succeeded = true;
    let read = members(data, IDENTITY, |level, key, value| match level {
        Level::Outer => skim.outer(key, value),
        Level::Inner => skim.inner(key, value),
    })?;
    if skim.has_dotted {
        skim.top.forget_below();
    }
    let text = data.get(..read.end)?;
    skim.top.head.text = Some(if read.is_plain {
        Unparsed::plain(text)
    } else {
        Unparsed::new(text)
    });
    // What is no record is for the parser to name.
    skim.top
        .head
        .event_name
        .is_some()
        .then_some((skim.top.head, read.end))
}

#[derive(Default)]
struct Skim<'a> {
    top: Top<'a>,
    /// Names that were met, one bit each.
    seen: u32,
    has_dotted: bool,
}

impl<'a> Skim<'a> {
    fn outer(&mut self, key: &'a [u8], value: &'a [u8]) -> Option<()> {
        let name = Name::of(key);
        match name {
            Name::Other | Name::Dotted => {
                self.has_dotted |= name == Name::Dotted;
                return is_plain(key).then_some(());
            }
            // Envelopes, and what is around records, are not for here.
            Name::Detail | Name::DetailType | Name::Records => return None,
            _ => {}
        }
        let bit = 1 << name as u32;
        // The parser says what is wrong with a member that stands there twice.
        if self.seen & bit != 0 {
            return None;
        }
        self.seen |= bit;
        match name {
            Name::Request => self.top.head.request = Some(value),
            // Its members came before it. The others are read again where a record is wanted.
            Name::UserIdentity | Name::EventId | Name::EventTime | Name::Region => {}
            name => *self.top.slot(name)? = text(value).ok()?,
        }
        Some(())
    }

    fn inner(&mut self, key: &'a [u8], value: &'a [u8]) -> Option<()> {
        match key {
            b"type" => self.top.head.user_identity_type = text(value).ok()?,
            b"accountId" => self.top.head.user_identity_account = text(value).ok()?,
            _ if !is_plain(key) => return None,
            _ => {}
        }
        Some(())
    }
}

/// Whether the bytes are ASCII that stands for itself.
fn is_plain(text: &[u8]) -> bool {
    // Without an early end, so that many bytes are looked at together.
    let is_odd = |byte: &u8| !matches!(byte, b' '..=b'[' | b']'..=0x7F);
    !text.iter().fold(false, |odd, byte| odd | is_odd(byte))
}

/// A string, or `None` for any other value.
fn text(value: &[u8]) -> serde_json::Result<Option<Cow<'_, str>>> {
    let Some(quoted) = value.strip_prefix(b"\"") else {
        return Ok(None);
    };
    let inside = quoted.strip_suffix(b"\"").filter(|inside| is_plain(inside));
    match inside.and_then(|inside| std::str::from_utf8(inside).ok()) {
        Some(text) => Ok(Some(Cow::Borrowed(text))),
        None => serde_json::from_slice::<Text<'_>>(value).map(|text| text.0),
    }
}

#[cfg(test)]
mod tests;
