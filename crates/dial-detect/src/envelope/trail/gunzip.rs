//! Opens a trail file: plain or gzip, whole where it is small, as a stream where it is not.

use super::{CHUNK, Limits, ScanFault};
use dial_core::gzip;
use flate2::read::MultiGzDecoder;
use libdeflater::Decompressor;
use std::io::{Chain, ErrorKind, Read};

/// A file of fewer bytes is read whole.
pub const WHOLE_INPUT: usize = 4 << 20;
/// How gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Most bytes that are inflated whole; CloudTrail's files are far below.
const WHOLE_OUTPUT: usize = 32 << 20;
/// Below this size no ratio is a bomb.
pub(super) const FREE_OF_RATIO: u64 = 16 << 20;

/// How long whoever scans may wait for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Until much can be looked at together.
    Whole,
    /// Not at all, unless what comes is packed.
    AsItComes,
}

/// Reusable memory to open files in.
pub(super) struct Gunzip {
    decompressor: Decompressor,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// A file's JSON.
pub(super) enum Inflated<'a, R> {
    /// All of it.
    Whole {
        /// Bytes of the file.
        compressed: u64,
        /// Its content.
        json: &'a [u8],
    },
    /// To be read bit by bit.
    Stream(Stream<'a, R>),
}

type Source<'a, R> = Counted<Chain<&'a [u8], R>>;

/// A file that is too large, or too odd, to be held whole.
pub(super) enum Stream<'a, R> {
    Plain(Source<'a, R>),
    Gzip(Box<MultiGzDecoder<Source<'a, R>>>),
}

/// Counts what is read.
pub(super) struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl Gunzip {
    pub(super) fn new() -> Self {
        Self {
            decompressor: Decompressor::new(),
            // Zeros that are not written over take no memory.
            input: vec![0; WHOLE_INPUT],
            output: Vec::new(),
        }
    }

    pub(super) fn open<R: Read>(
        &mut self,
        mut source: R,
        pace: Pace,
        limits: &Limits,
    ) -> Result<Inflated<'_, R>, ScanFault> {
        let is_followed =
            |read: &[u8]| pace == Pace::AsItComes && read.len() >= GZIP.len() && !is_gzip(read);
        let read = fill(&mut source, &mut self.input, is_followed).map_err(ScanFault::Read)?;
        let input = self.input.get(..read).unwrap_or_default();
        let is_whole = read < self.input.len() && !is_followed(input);
        let is_gzip = is_gzip(input);
        let whole = match (is_whole, is_gzip) {
            (true, false) => Some(input),
            (true, true) => inflate_whole(&mut self.decompressor, input, &mut self.output, limits),
            (false, _) => None,
        };
        if let Some(json) = whole {
            let compressed = read as u64;
            return Ok(Inflated::Whole { compressed, json });
        }
        let source = Counted {
            inner: input.chain(source),
            bytes: 0,
        };
        Ok(Inflated::Stream(if is_gzip {
            Stream::Gzip(Box::new(MultiGzDecoder::new(source)))
        } else {
            Stream::Plain(source)
        }))
    }
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP)
}

/// Reads as much as there is room for, in as few calls, or until what was read is enough; returns
/// how much there was.
fn fill(
    source: &mut impl Read,
    into: &mut [u8],
    is_enough: impl Fn(&[u8]) -> bool,
) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() && !is_enough(&into[..filled]) {
        let room = &mut into[filled..];
        match source.read(room) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Inflates a file of one gzip member; `None` where the stream must say what is the matter:
/// several members, corruption, a size or ratio beyond bounds.
fn inflate_whole<'o>(
    decompressor: &mut Decompressor,
    input: &[u8],
    output: &'o mut Vec<u8>,
    limits: &Limits,
) -> Option<&'o [u8]> {
    let length = gzip::announced(input)?;
    let inflated = length as u64;
    let packed = input.len() as u64;
    let is_bomb = inflated > FREE_OF_RATIO && inflated > packed.saturating_mul(limits.ratio);
    if length > WHOLE_OUTPUT || inflated > limits.inflated || is_bomb {
        return None;
    }
    if output.len() < length {
        output.resize(length.next_multiple_of(CHUNK), 0);
    }
    let output = output.get_mut(..length)?;
    gzip::fill(decompressor, input, output).then_some(&*output)
}

impl<R: Read> Stream<'_, R> {
    /// Bytes of the file read so far.
    pub(super) fn compressed(&self) -> u64 {
        match self {
            Self::Plain(source) => source.bytes,
            Self::Gzip(decoder) => decoder.get_ref().bytes,
        }
    }

    /// Reads some bytes of JSON; 0 at the end.
    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<usize, ScanFault> {
        loop {
            let read = match self {
                Self::Plain(source) => source.read(into).map_err(ScanFault::Read),
                Self::Gzip(decoder) => decoder.read(into).map_err(fault),
            };
            match read {
                Err(ScanFault::Read(e)) if e.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

fn fault(error: std::io::Error) -> ScanFault {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            ScanFault::Gzip(error)
        }
        _ => ScanFault::Read(error),
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        self.bytes += read as u64;
        Ok(read)
    }
}
