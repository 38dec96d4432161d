//! What becomes of a record once its bytes are known: told as wanted, as malformed, or not at all.

use super::{MAX_UNREADABLE, State, Step, Walker};
use crate::envelope::head::Top;
use crate::envelope::trail::balance::Balance;
use crate::envelope::trail::{EnvelopeError, MAX_EVENT, ScanFault};
use crate::envelope::{Item, Malformed, items, json, record};
use crate::event::{Event, Head, Unparsed};

impl Walker<'_> {
    pub(super) fn judge<'a>(&mut self, mut top: Top<'a>, bytes: &'a [u8]) -> Result<(), ScanFault> {
        self.count()?;
        if let Some(name) = top.twice() {
            self.malformed(EnvelopeError::Duplicate(name), bytes);
            return Ok(());
        }
        top.head.text = Some(Unparsed::new(bytes));
        if top.has_detail_type {
            self.judge_envelope(top, bytes);
        } else {
            self.judge_record(&top.head, bytes);
        }
        Ok(())
    }

    pub(super) fn judge_record(&mut self, head: &Head<'_>, bytes: &[u8]) {
        if head.event_name.is_none() {
            self.malformed(EnvelopeError::UnknownShape, bytes);
        } else if (self.want)(head) {
            self.hand_over(bytes, |text| vec![record::item(text)]);
        }
    }

    fn judge_envelope(&mut self, top: Top<'_>, bytes: &[u8]) {
        let head = top.into_head();
        if head.event_name.is_none() && head.detail_type.is_none() {
            self.malformed(EnvelopeError::UnknownShape, bytes);
        } else if (self.want)(&head) {
            self.hand_over(bytes, items);
        }
    }

    fn hand_over(&mut self, bytes: &[u8], read: impl FnOnce(&str) -> Vec<Item>) {
        let found = match std::str::from_utf8(bytes) {
            Ok(text) => read(text),
            Err(e) => vec![Err(Malformed::new(
                EnvelopeError::NotUtf8(e.valid_up_to()),
                bytes,
            ))],
        };
        for item in found {
            match &item {
                Ok(_) => self.counts.wanted += 1,
                Err(_) => self.counts.malformed += 1,
            }
            (self.each)(item);
        }
    }

    /// A record whose head cannot be read. Escapes that stand for no character can be repaired.
    pub(super) fn broken(&mut self, bytes: &[u8], error: EnvelopeError) -> Result<(), ScanFault> {
        self.count()?;
        let error = match std::str::from_utf8(bytes) {
            Err(e) => EnvelopeError::NotUtf8(e.valid_up_to()),
            Ok(text) if json::repair(text).is_some() => match all(items(text)) {
                Ok(events) => {
                    for event in events {
                        self.repaired(event);
                    }
                    return Ok(());
                }
                Err(malformed) => malformed.error,
            },
            Ok(_) => error,
        };
        self.malformed(error, bytes);
        self.unreadable += 1;
        if self.unreadable > MAX_UNREADABLE {
            return Err(ScanFault::Broken);
        }
        Ok(())
    }

    fn repaired(&mut self, event: Event) {
        if (self.want)(&event.head()) {
            self.counts.wanted += 1;
            (self.each)(Ok(event));
        }
    }

    /// A value larger than any event: reported with its start, then passed over.
    pub(super) fn oversized(&mut self, data: &[u8]) -> Result<Step, ScanFault> {
        self.count()?;
        let error = EnvelopeError::TooLarge {
            bytes: data.len(),
            limit: MAX_EVENT,
        };
        self.malformed(error, data);
        let mut balance = Balance::default();
        let end = balance.end(data);
        self.skipping = end.is_none().then_some(balance);
        Ok(Step::Took(end.unwrap_or(data.len())))
    }

    /// Something between records that is no object.
    pub(super) fn stray(&mut self, data: &[u8], is_last: bool) -> Result<Step, ScanFault> {
        let stop: &[u8] = match self.state {
            State::List { .. } => b"{]",
            _ => b"\n",
        };
        let end = data.iter().position(|byte| stop.contains(byte));
        if end.is_none() && !is_last && data.len() <= MAX_EVENT {
            return Ok(Step::More);
        }
        // A `]` in a stray string would end the list; what follows is then stray at the top.
        let end = end.unwrap_or(data.len()).max(1);
        self.count()?;
        self.malformed(EnvelopeError::UnknownShape, &data[..end]);
        Ok(Step::Took(end))
    }

    fn malformed(&mut self, error: EnvelopeError, bytes: &[u8]) {
        self.counts.malformed += 1;
        (self.each)(Err(Malformed::new(error, bytes)));
    }

    pub(super) fn count(&mut self) -> Result<(), ScanFault> {
        if self.counts.records >= self.limit {
            return Err(ScanFault::TooManyRecords(self.limit));
        }
        self.counts.records += 1;
        Ok(())
    }
}

/// The events, unless one of them is malformed.
fn all(items: Vec<Item>) -> Result<Vec<Event>, Malformed> {
    items.into_iter().collect()
}
