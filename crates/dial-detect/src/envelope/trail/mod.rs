//! Trail files: every record's head is read, only wanted records become events.
//!
//! Takes `{"Records":[…]}`, lists and lines of records or EventBridge envelopes, plain or gzip.
//! Memory is bounded whatever the file's size: small gzip is inflated whole by libdeflate into a
//! buffer that is kept, everything else streams through a window.

mod balance;
mod gunzip;
mod walk;

use super::{EnvelopeError, Item, MAX_EVENT};
use crate::event::Head;
pub use gunzip::WHOLE_INPUT;
use gunzip::{FREE_OF_RATIO, Gunzip, Inflated, Pace, Stream};
use std::io::Read;
use walk::Walker;

/// Caps on one trail file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of the file once inflated.
    pub inflated: u64,
    /// Most bytes that one compressed byte may become, checked above 16 MB.
    pub ratio: u64,
    /// Most records.
    pub records: u64,
}

impl Default for Limits {
    /// Far above what CloudTrail delivers (a few MB, 10 to 30 times compressed).
    fn default() -> Self {
        Self {
            inflated: 8 << 30,
            ratio: 200,
            records: 20_000_000,
        }
    }
}

/// What a scan went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records seen, wanted or not.
    pub records: u64,
    /// Records that became events.
    pub wanted: u64,
    /// Records that could not be read.
    pub malformed: u64,
    /// Bytes read, compressed.
    pub bytes: u64,
    /// Bytes of JSON.
    pub inflated: u64,
}

/// Why a file could not be scanned to its end; what came before was handed over.
#[derive(Debug, thiserror::Error)]
#[error("{fault} (after {} records)", counts.records)]
pub struct ScanError {
    /// Why.
    pub fault: ScanFault,
    /// How far it came.
    pub counts: Counts,
}

/// Why a scan stopped.
#[derive(Debug, thiserror::Error)]
pub enum ScanFault {
    /// The source could not be read.
    #[error("could not be read: {0}")]
    Read(std::io::Error),
    /// Cut off or corrupt.
    #[error("gzip data is corrupt or truncated: {0}")]
    Gzip(std::io::Error),
    /// More came out than allowed.
    #[error("inflated data is larger than {0} bytes")]
    TooLarge(u64),
    /// Compressed further than any trail file: a bomb.
    #[error("inflates to more than {0} times its size")]
    Ratio(u64),
    /// More records than allowed.
    #[error("more than {0} records")]
    TooManyRecords(u64),
    /// Neither `Records` nor records.
    #[error("holds no records")]
    NotATrail,
    /// What stands around the records is no JSON, or too many records are unreadable.
    #[error("JSON is broken around the records or in too many of them")]
    Broken,
    /// The end of the file is missing.
    #[error("JSON ends in the middle")]
    Truncated,
}

/// Scans one trail file; see [`Scanner::scan`].
pub fn scan(
    source: impl Read,
    limits: &Limits,
    want: impl Fn(&Head<'_>) -> bool,
    each: impl FnMut(Item),
) -> Result<Counts, ScanError> {
    Scanner::new(limits.clone()).scan(source, want, each)
}

/// Scans trail files, one after the other, in the same memory.
pub struct Scanner {
    limits: Limits,
    gunzip: Gunzip,
    window: Vec<u8>,
}

/// Bytes read at once when a file streams.
const CHUNK: usize = 256 * 1024;
/// A record that does not fit is malformed; the window never grows beyond this.
const WINDOW: usize = MAX_EVENT + 2 * CHUNK;

impl Scanner {
    /// A scanner with these caps.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            gunzip: Gunzip::new(),
            window: Vec::new(),
        }
    }

    /// Hands every wanted record, and every one that cannot be read, to `each`, in file order.
    ///
    /// `want` may say no only where no rule can match. A malformed record is an item like any
    /// other; an error is about the file and comes after all items before it.
    pub fn scan(
        &mut self,
        source: impl Read,
        want: impl Fn(&Head<'_>) -> bool,
        mut each: impl FnMut(Item),
    ) -> Result<Counts, ScanError> {
        self.run(source, Pace::Whole, &want, &mut each)
    }

    /// As [`Scanner::scan`], for a pipe: what came is handed over before more is waited for, unless
    /// it is packed.
    pub fn follow(
        &mut self,
        source: impl Read,
        want: impl Fn(&Head<'_>) -> bool,
        mut each: impl FnMut(Item),
    ) -> Result<Counts, ScanError> {
        self.run(source, Pace::AsItComes, &want, &mut each)
    }

    fn run(
        &mut self,
        source: impl Read,
        pace: Pace,
        want: &dyn Fn(&Head<'_>) -> bool,
        each: &mut dyn FnMut(Item),
    ) -> Result<Counts, ScanError> {
        let mut walker = Walker::new(self.limits.records, want, each);
        let mut bytes = 0;
        let result = match self.gunzip.open(source, pace, &self.limits) {
            Ok(Inflated::Whole { compressed, json }) => {
                bytes = compressed;
                walk_whole(json, &self.limits, &mut walker)
            }
            Ok(Inflated::Stream(mut stream)) => {
                let window = &mut self.window;
                let result = walk_stream(&mut stream, pace, window, &self.limits, &mut walker);
                bytes = stream.compressed();
                result
            }
            Err(fault) => Err(fault),
        };
        let counts = Counts {
            bytes,
            ..walker.counts()
        };
        match result.and_then(|()| walker.finish()) {
            Ok(()) => Ok(counts),
            Err(fault) => Err(ScanError { fault, counts }),
        }
    }
}

fn walk_whole(json: &[u8], limits: &Limits, walker: &mut Walker<'_>) -> Result<(), ScanFault> {
    if json.len() as u64 > limits.inflated {
        return Err(ScanFault::TooLarge(limits.inflated));
    }
    walker.feed(json, true).map(|_| ())
}

fn walk_stream<R: Read>(
    stream: &mut Stream<'_, R>,
    pace: Pace,
    window: &mut Vec<u8>,
    limits: &Limits,
    walker: &mut Walker<'_>,
) -> Result<(), ScanFault> {
    window.resize(WINDOW, 0);
    let (mut filled, mut goal, mut inflated) = (0, CHUNK, 0_u64);
    loop {
        // The walker leaves at most one event, so there is always room.
        let read = match stream.read(&mut window[filled..]) {
            Ok(read) => read,
            Err(fault) => {
                // What was read before is worth as much as in a file that is whole.
                walker.feed(&window[..filled], false)?;
                return Err(fault);
            }
        };
        filled += read;
        inflated = inflated.saturating_add(read as u64);
        check_size(inflated, stream, limits)?;
        // No record ends without a bracket.
        let is_due = pace == Pace::AsItComes && window[filled - read..filled].contains(&b'}');
        if read > 0 && filled < goal && !is_due {
            continue;
        }
        let taken = walker.feed(&window[..filled], read == 0)?;
        if read == 0 {
            return Ok(());
        }
        window.copy_within(taken..filled, 0);
        filled -= taken;
        // Twice what was left, so that a long record is not read again for every few bytes.
        goal = (2 * filled).clamp(CHUNK, WINDOW);
    }
}

fn check_size<R: Read>(
    inflated: u64,
    stream: &Stream<'_, R>,
    limits: &Limits,
) -> Result<(), ScanFault> {
    if inflated > limits.inflated {
        return Err(ScanFault::TooLarge(limits.inflated));
    }
    let most = stream.compressed().saturating_mul(limits.ratio);
    if matches!(stream, Stream::Gzip(_)) && inflated > FREE_OF_RATIO.max(most) {
        return Err(ScanFault::Ratio(limits.ratio));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
