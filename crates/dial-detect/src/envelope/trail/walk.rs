//! Walks through the JSON of a trail file, record by record, over a window that moves.

use super::balance::Balance;
use super::{Counts, EnvelopeError, MAX_EVENT, ScanFault};
use crate::envelope::head::Top;
use crate::envelope::loose::Key;
use crate::envelope::{Item, Malformed, items, json, record, skim};
use crate::event::{Event, Head, Unparsed};
use serde::de::IgnoredAny;
use simdutf8::compat::from_utf8;

/// Where in the file the walker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between values: lines of records, or around the one big object.
    Top,
    /// In an object, among its members.
    Members,
    /// In a list of records.
    List { in_object: bool },
}

/// A file with more unreadable records is no trail; finding their ends takes time.
const MAX_UNREADABLE: u32 = 1_000;

/// What became of the bytes that were looked at.
enum Step {
    /// This many are done with.
    Took(usize),
    /// The value does not end in these bytes.
    More,
}

/// Finds records and hands them on.
pub(super) struct Walker<'f> {
    want: &'f dyn Fn(&Head<'_>) -> bool,
    each: &'f mut dyn FnMut(Item),
    limit: u64,
    state: State,
    counts: Counts,
    /// Inside a value that is passed over because it is too large.
    skipping: Option<Balance>,
    is_truncated: bool,
    saw_list: bool,
    unreadable: u32,
}

impl<'f> Walker<'f> {
    pub(super) fn new(
        limit: u64,
        want: &'f dyn Fn(&Head<'_>) -> bool,
        each: &'f mut dyn FnMut(Item),
    ) -> Self {
        Self {
            want,
            each,
            limit,
            state: State::Top,
            counts: Counts::default(),
            skipping: None,
            is_truncated: false,
            saw_list: false,
            unreadable: 0,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes as many whole values as there are; returns how many bytes are done with.
    ///
    /// `is_last` says that nothing follows; then everything is taken.
    pub(super) fn feed(&mut self, data: &[u8], is_last: bool) -> Result<usize, ScanFault> {
        let mut at = 0;
        let text = text_of(data);
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            let text = text.get(at..).unwrap_or_default();
            match self.step(rest, text, is_last)? {
                Step::Took(taken) => at += taken,
                Step::More => break,
            }
        }
        self.counts.inflated += at as u64;
        Ok(at)
    }

    /// Says whether the file was whole and held what it should.
    pub(super) fn finish(&self) -> Result<(), ScanFault> {
        if self.is_truncated || self.state != State::Top || self.skipping.is_some() {
            return Err(ScanFault::Truncated);
        }
        if self.counts.records == 0 && !self.saw_list {
            return Err(ScanFault::NotATrail);
        }
        Ok(())
    }

    /// `text` is the data as far as it is known to be text.
    fn step(&mut self, data: &[u8], text: &str, is_last: bool) -> Result<Step, ScanFault> {
        if let Some(balance) = &mut self.skipping {
            let end = balance.end(data);
            self.skipping = self.skipping.take().filter(|_| end.is_none());
            return Ok(Step::Took(end.unwrap_or(data.len())));
        }
        let blank = data.iter().take_while(|byte| self.is_blank(**byte)).count();
        if blank > 0 {
            return Ok(Step::Took(blank));
        }
        match (self.state, data[0]) {
            (State::Top, b'[') => Ok(self.enter(State::List { in_object: false }, 1)),
            (State::Top, b'{') => self.object(data, text, is_last),
            (State::Members, b'}') => Ok(self.enter(State::Top, 1)),
            (State::Members, b'"') => self.member(data, is_last),
            (State::List { .. }, b'{') => self.record(data, text, is_last),
            (State::List { in_object }, b']') => {
                let around = if in_object {
                    State::Members
                } else {
                    State::Top
                };
                Ok(self.enter(around, 1))
            }
            // What starts like this is no JSON at all.
            (State::Top, _) if self.is_no_text(data) => Err(ScanFault::NotATrail),
            (State::Members, _) => Err(ScanFault::Broken),
            (State::Top | State::List { .. }, _) => self.stray(data, is_last),
        }
    }

    /// White space, separators, and the byte order mark that some editors write.
    fn is_blank(&self, byte: u8) -> bool {
        let is_start = self.counts.inflated == 0 && self.state == State::Top;
        byte.is_ascii_whitespace()
            || (byte == b',' && self.state != State::Top)
            || (is_start && matches!(byte, 0xEF | 0xBB | 0xBF))
    }

    /// A file that starts otherwise may be a log with records on some lines.
    fn is_no_text(&self, data: &[u8]) -> bool {
        self.counts == Counts::default() && !data.windows(2).any(|pair| pair == b"\n{")
    }

    fn enter(&mut self, state: State, taken: usize) -> Step {
        self.saw_list |= matches!(state, State::List { .. });
        self.state = state;
        Step::Took(taken)
    }

    /// An object outside any list: the one with `Records`, or a line.
    fn object(&mut self, data: &[u8], text: &str, is_last: bool) -> Result<Step, ScanFault> {
        match starts_with_records(data) {
            Some(true) => Ok(self.enter(State::Members, 1)),
            None if !is_last => Ok(Step::More),
            _ => self.record(data, text, is_last),
        }
    }

    /// One member of the object around `Records`.
    fn member(&mut self, data: &[u8], is_last: bool) -> Result<Step, ScanFault> {
        let mut keys = serde_json::Deserializer::from_slice(data).into_iter::<Key<'_>>();
        let key = match keys.next() {
            Some(Ok(Key(key))) => key,
            Some(Err(e)) if e.is_eof() && !is_last => return more(data),
            _ => return Err(ScanFault::Broken),
        };
        let after_key = keys.byte_offset();
        let separator = |byte: &&u8| byte.is_ascii_whitespace() || **byte == b':';
        let at = after_key + data[after_key..].iter().take_while(separator).count();
        match data.get(at) {
            None if is_last => Err(ScanFault::Truncated),
            None => more(data),
            Some(b'[') if key == "Records" => {
                Ok(self.enter(State::List { in_object: true }, at + 1))
            }
            Some(_) => pass_over(data, at, is_last),
        }
    }

    /// A record, an envelope, or something malformed that starts like one.
    fn record(&mut self, data: &[u8], text: &str, is_last: bool) -> Result<Step, ScanFault> {
        let judged = skim::with_head(data, text, |head, record| {
            self.count()?;
            self.judge_record(head, record);
            Ok(Step::Took(record.len()))
        });
        if let Some(step) = judged {
            return step;
        }
        let mut values = serde_json::Deserializer::from_slice(data).into_iter::<Top<'_>>();
        let error = match values.next() {
            Some(Ok(top)) if self.is_around_records(&top) => {
                return Ok(self.enter(State::Members, 1));
            }
            Some(Ok(top)) => {
                let end = values.byte_offset();
                self.judge(top, &data[..end])?;
                return Ok(Step::Took(end));
            }
            Some(Err(error)) => error,
            None => return Ok(Step::More),
        };
        let is_open = error.is_eof();
        if is_open && !is_last && data.len() <= MAX_EVENT {
            return Ok(Step::More);
        }
        if is_open && !is_last {
            return self.oversized(data);
        }
        let end = Balance::default().find(data, self.state == State::Top);
        if end.is_none() && !is_last && data.len() <= MAX_EVENT {
            return Ok(Step::More);
        }
        self.is_truncated |= is_open && end.is_none();
        let end = end.unwrap_or(data.len());
        self.broken(&data[..end], json::not_json(error))?;
        Ok(Step::Took(end))
    }

    fn is_around_records(&self, top: &Top<'_>) -> bool {
        let is_event = top.head.event_name.is_some() || top.head.detail_type.is_some();
        self.state == State::Top && top.has_records && !is_event
    }

    fn judge<'a>(&mut self, mut top: Top<'a>, bytes: &'a [u8]) -> Result<(), ScanFault> {
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

    fn judge_record(&mut self, head: &Head<'_>, bytes: &[u8]) {
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
    fn broken(&mut self, bytes: &[u8], error: EnvelopeError) -> Result<(), ScanFault> {
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
    fn oversized(&mut self, data: &[u8]) -> Result<Step, ScanFault> {
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
    fn stray(&mut self, data: &[u8], is_last: bool) -> Result<Step, ScanFault> {
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

    fn count(&mut self) -> Result<(), ScanFault> {
        if self.counts.records >= self.limit {
            return Err(ScanFault::TooManyRecords(self.limit));
        }
        self.counts.records += 1;
        Ok(())
    }
}

/// As far as the bytes are text.
fn text_of(data: &[u8]) -> &str {
    match from_utf8(data) {
        Ok(text) => text,
        Err(e) => data
            .get(..e.valid_up_to())
            .and_then(|valid| from_utf8(valid).ok())
            .unwrap_or_default(),
    }
}

/// Passes over the value of a member that is not `Records`.
fn pass_over(data: &[u8], at: usize, is_last: bool) -> Result<Step, ScanFault> {
    let mut values = serde_json::Deserializer::from_slice(&data[at..]).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => Ok(Step::Took(at + values.byte_offset())),
        Some(Err(e)) if e.is_eof() && !is_last => more(data),
        Some(Err(e)) if e.is_eof() => Err(ScanFault::Truncated),
        _ => Err(ScanFault::Broken),
    }
}

/// Waits for more bytes, but not for ever.
fn more(data: &[u8]) -> Result<Step, ScanFault> {
    if data.len() > MAX_EVENT {
        return Err(ScanFault::Broken);
    }
    Ok(Step::More)
}

/// Whether the object's first member is `Records`; `None` where the bytes end too early.
fn starts_with_records(data: &[u8]) -> Option<bool> {
    const KEY: &[u8] = b"\"Records\"";
    let rest = data.get(1..).unwrap_or_default().trim_ascii_start();
    if rest.len() < KEY.len() && KEY.starts_with(rest) {
        return None;
    }
    Some(rest.starts_with(KEY))
}

/// The events, unless one of them is malformed.
fn all(items: Vec<Item>) -> Result<Vec<Event>, Malformed> {
    items.into_iter().collect()
}
