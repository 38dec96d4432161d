//! Walks through the JSON of a trail file, record by record, over a window that moves.

mod hand_over;
mod window;

use super::balance::Balance;
use super::{Counts, MAX_EVENT, ScanFault};
use crate::envelope::head::Top;
use crate::envelope::loose::Key;
use crate::envelope::{Item, json, skim};
use crate::event::Head;
use window::{more, pass_over, starts_with_records, text_of};

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
}
