//! The members of an object, and those of one member, told from their structure.

use super::blocks::{BLOCK, Block, Blocks};
use serde::de::IgnoredAny;

/// Of which object a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Of the object itself.
    Outer,
    /// Of the one member that was to be entered.
    Inner,
}

/// An object that was gone through.
pub(super) struct Read {
    /// Offset behind it.
    pub(super) end: usize,
    /// Whether it is certainly ASCII without a backslash.
    pub(super) is_plain: bool,
}

/// Hands over name and value of every member of the object that `data` starts with, and, before
/// it, those of its member `entered`.
///
/// Names come as they stand there, escapes and all. `None` where the object does not end, where
/// anything between members is no JSON, or where `each` says so.
pub(super) fn members<'a>(
    data: &'a [u8],
    entered: &[u8],
    each: impl FnMut(Level, &'a [u8], &'a [u8]) -> Option<()>,
) -> Option<Read> {
    if data.first() != Some(&b'{') {
        return None;
    }
    let mut walk = Walk {
        data,
        entered,
        each,
        depth: 0,
        level: 1,
        at: At::Start,
        key: (0, 0),
        around: ((0, 0), 0),
    };
    let mut blocks = Blocks::new();
    let (whole, rest) = data.as_chunks::<BLOCK>();
    let mut last = [b' '; BLOCK];
    last.get_mut(..rest.len())?.copy_from_slice(rest);
    for (number, bytes) in whole.iter().chain([&last]).enumerate() {
        let block = blocks.next(bytes)?;
        if let Reached::End(end) = walk.block(&block, number * BLOCK)? {
            let is_plain = blocks.are_plain();
            return Some(Read { end, is_plain });
        }
    }
    None
}

/// What was read last, with the offset behind it or of its start.
#[derive(Debug, Clone, Copy)]
enum At {
    /// Nothing.
    Start,
    /// The bracket that opens the object.
    Opened(usize),
    /// The quote that begins a name.
    Name(usize),
    /// A name.
    Named(usize),
    /// The quote that begins a text.
    Text(usize),
    /// The bracket that opens a value.
    Inside(usize),
    /// A value.
    Done(usize),
}

/// How far a block led.
enum Reached {
    /// The object goes on.
    Middle,
    /// It ends here.
    End(usize),
}

type Range = (usize, usize);

struct Walk<'a, 'e, F> {
    data: &'a [u8],
    entered: &'e [u8],
    each: F,
    /// Brackets that are open.
    depth: u32,
    /// Depth of the object whose members are read: 1, or 2 inside the one that is entered.
    level: u32,
    at: At,
    key: Range,
    /// Name of the member that is entered, and where it opened.
    around: (Range, usize),
}

impl<'a, F: FnMut(Level, &'a [u8], &'a [u8]) -> Option<()>> Walk<'a, '_, F> {
    /// Goes through one block.
    fn block(&mut self, block: &Block, offset: usize) -> Option<Reached> {
        let mut brackets = block.opened | block.closed;
        let mut quotes = block.quotes;
        loop {
            let bracket = brackets & brackets.wrapping_neg();
            let before = bracket.wrapping_sub(1);
            if self.depth == self.level {
                let mut here = quotes & before;
                while here != 0 {
                    self.quote(offset + here.trailing_zeros() as usize)?;
                    here &= here - 1;
                }
            }
            if bracket == 0 {
                return Some(Reached::Middle);
            }
            quotes &= !before;
            brackets ^= bracket;
            let at = offset + bracket.trailing_zeros() as usize;
            if block.opened & bracket != 0 {
                self.open(at)?;
            } else if self.close(at)? {
                return Some(Reached::End(at + 1));
            }
        }
    }

    fn quote(&mut self, at: usize) -> Option<()> {
        self.at = match self.at {
            At::Opened(from) if self.is_blank(from, at) => At::Name(at),
            At::Name(from) => {
                self.key = (from + 1, at);
                At::Named(at + 1)
            }
            At::Named(from) => match self.data.get(from..at)? {
                b":" => At::Text(at),
                gap => match gap.trim_ascii().strip_prefix(b":")?.trim_ascii() {
                    b"" => At::Text(at),
                    scalar => {
                        self.scalar(scalar.strip_suffix(b",")?)?;
                        At::Name(at)
                    }
                },
            },
            At::Text(from) => {
                self.tell(from, at + 1)?;
                At::Done(at + 1)
            }
            At::Done(from) if self.is_comma(from, at) => At::Name(at),
            _ => return None,
        };
        Some(())
    }

    fn open(&mut self, at: usize) -> Option<()> {
        self.depth += 1;
        if self.depth > self.level + 1 {
            return Some(());
        }
        self.at = match self.at {
            At::Start => At::Opened(at + 1),
            At::Named(from) if self.is_colon(from, at) => {
                let is_entered = self.level == 1 && self.slice(self.key) == self.entered;
                if is_entered && self.data.get(at) == Some(&b'{') {
                    self.around = (self.key, at);
                    self.level = 2;
                    At::Opened(at + 1)
                } else {
                    At::Inside(at)
                }
            }
            _ => return None,
        };
        Some(())
    }

    /// Whether the object is at its end.
    fn close(&mut self, at: usize) -> Option<bool> {
        self.depth = self.depth.checked_sub(1)?;
        if self.depth > self.level {
            return Some(false);
        }
        if self.depth == self.level {
            let At::Inside(from) = self.at else {
                return None;
            };
            self.tell(from, at + 1)?;
            self.at = At::Done(at + 1);
            return Some(false);
        }
        match self.at {
            At::Opened(from) | At::Done(from) if self.is_blank(from, at) => {}
            At::Named(from) => {
                let gap = self.data.get(from..at)?.trim_ascii();
                self.scalar(gap.strip_prefix(b":")?)?;
            }
            _ => return None,
        }
        if self.data.get(at) != Some(&b'}') {
            return None;
        }
        if self.level == 1 {
            return Some(true);
        }
        let (key, from) = self.around;
        (self.key, self.level) = (key, 1);
        self.tell(from, at + 1)?;
        self.at = At::Done(at + 1);
        Some(false)
    }

    /// A value that is neither text nor bracketed.
    fn scalar(&mut self, value: &'a [u8]) -> Option<()> {
        let value = value.trim_ascii();
        let is_word = matches!(value, b"null" | b"true" | b"false");
        if !is_word {
            serde_json::from_slice::<IgnoredAny>(value).ok()?;
        }
        self.emit(value)
    }

    fn tell(&mut self, from: usize, to: usize) -> Option<()> {
        let value = self.data.get(from..to)?;
        if !matches!(value, [b'"', ..] | [b'{', .., b'}'] | [b'[', .., b']']) {
            return None;
        }
        self.emit(value)
    }

    fn emit(&mut self, value: &'a [u8]) -> Option<()> {
        let level = match self.level {
            1 => Level::Outer,
            _ => Level::Inner,
        };
        let key = self.slice(self.key);
        (self.each)(level, key, value)
    }

    fn slice(&self, (from, to): Range) -> &'a [u8] {
        self.data.get(from..to).unwrap_or_default()
    }

    fn is_blank(&self, from: usize, to: usize) -> bool {
        from == to || self.slice((from, to)).trim_ascii().is_empty()
    }

    fn is_colon(&self, from: usize, to: usize) -> bool {
        self.slice((from, to)).trim_ascii() == b":"
    }

    fn is_comma(&self, from: usize, to: usize) -> bool {
        self.slice((from, to)).trim_ascii() == b","
    }
}
