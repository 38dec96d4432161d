//! The head of a record from its structure alone: what stands inside its values is not looked at.
//!
//! Most records concern no rule, and reading them is most of a scan's cost. What is not plain
//! here, or not sure, is left to the parser, which also says what is wrong with it.

#[expect(
    clippy::inline_always,
    reason = "what is called instead is built without the processor's wide instructions"
)]
mod blocks;
#[expect(clippy::inline_always, reason = "as above")]
mod cursor;
#[expect(clippy::inline_always, reason = "as above")]
mod members;

use super::MAX_EVENT;
use super::head::Name;
use super::loose::Text;
use crate::event::{Head, Part, Parts, Unparsed};
use members::{Member, Visit, members};
use std::borrow::Cow;

/// The member whose own members are wanted too.
const IDENTITY: &[u8] = b"userIdentity";

/// Of a record in which none was come to.
const NO_PARTS: Parts<'_> = Parts {
    request: Part::Absent,
    response: Part::Absent,
    additional: Part::Absent,
    identity: Part::Absent,
};

/// Hands on the head of the record that the bytes start with, and the record; `None` where only
/// the parser can tell.
///
/// `text` is the same as text, as far as it is known to be UTF-8: a whole file is checked in a
/// fraction of the time that its names and addresses take one by one.
pub(super) fn with_head<'a, T>(
    data: &'a [u8],
    text: &'a str,
    each: impl FnOnce(&Head<'a>, &'a [u8]) -> T,
) -> Option<T> {
    let data = data.get(..MAX_EVENT).unwrap_or(data);
    let mut skim = Skim {
        text,
        ..Skim::default()
    };
    skim.head.succeeded = true;
    skim.head.parts = NO_PARTS;
    let read = members(data, IDENTITY, &mut skim)?;
    if skim.has_dotted {
        skim.head.forget_below();
    }
    let text = data.get(..read.end)?;
    skim.head.text = Some(if read.is_plain {
        Unparsed::plain(text)
    } else {
        Unparsed::new(text)
    });
    // What is no record is for the parser to name.
    skim.head
        .event_name
        .is_some()
        .then(|| each(&skim.head, text))
}

#[derive(Default)]
struct Skim<'a> {
    /// The record, as far as it is known to be text.
    text: &'a str,
    head: Head<'a>,
    /// Names that were met, one bit each.
    seen: u32,
    has_dotted: bool,
}

impl<'a> Visit<'a> for Skim<'a> {
    fn outer(&mut self, member: &Member<'a>) -> Option<()> {
        let name = Name::of(member.name);
        match name {
            Name::Other | Name::Dotted => {
                self.has_dotted |= name == Name::Dotted;
                return member.is_named_plainly().then_some(());
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
            Name::Request => self.head.parts.request = Part::Json(member.value),
            Name::Response => self.head.parts.response = Part::Json(member.value),
            Name::Additional => self.head.parts.additional = Part::Json(member.value),
            Name::UserIdentity => self.head.parts.identity = Part::Json(member.value),
            // Read again where a record is wanted.
            Name::EventId | Name::EventTime | Name::Region => {}
            name => *self.head.slot(name)? = member.text(self.text).ok()?,
        }
        Some(())
    }

    fn inner(&mut self, member: &Member<'a>) -> Option<()> {
        match member.name {
            b"type" => self.head.user_identity_type = member.text(self.text).ok()?,
            b"accountId" => self.head.user_identity_account = member.text(self.text).ok()?,
            _ if !member.is_named_plainly() => return None,
            _ => {}
        }
        Some(())
    }
}

impl<'a> Member<'a> {
    /// Whether its name is spelled as it is read.
    fn is_named_plainly(&self) -> bool {
        self.is_plain || is_plain(self.name)
    }

    /// Its text, or `None` for any other value; `record` is the record as far as it is text.
    fn text(&self, record: &'a str) -> serde_json::Result<Option<Cow<'a, str>>> {
        let Some(quoted) = self.value.strip_prefix(b"\"") else {
            return Ok(None);
        };
        let inside = quoted.strip_suffix(b"\"");
        let inside = inside.filter(|inside| self.is_plain || is_plain(inside));
        let from = self.at + 1;
        let text = inside.and_then(|inside| record.get(from..from + inside.len()));
        match text {
            Some(text) => Ok(Some(Cow::Borrowed(text))),
            None => serde_json::from_slice::<Text<'_>>(self.value).map(|text| text.0),
        }
    }
}

/// Whether the bytes are ASCII that stands for itself.
fn is_plain(text: &[u8]) -> bool {
    // Without an early end, so that many bytes are looked at together.
    let is_odd = |byte: &u8| !matches!(byte, b' '..=b'[' | b']'..=0x7F);
    !text.iter().fold(false, |odd, byte| odd | is_odd(byte))
}

#[cfg(test)]
mod tests;
