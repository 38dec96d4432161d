//! A place in JSON that moves from one quote or bracket to the next.

use super::blocks::{BLOCK, Block, Blocks};
use fearless_simd::Simd;

/// Stands behind what was read last.
pub(super) struct Cursor<'a, S> {
    simd: S,
    data: &'a [u8],
    blocks: Blocks,
    /// Quotes and brackets of the block that are still to come.
    rest: u64,
    /// All brackets of the block.
    brackets: u64,
    /// Those that open.
    opened: u64,
    /// Offset of the block, and of the one behind it.
    offset: usize,
    behind: usize,
}

impl<'a, S: Simd> Cursor<'a, S> {
    /// Stands at the start of a value.
    #[inline(always)]
    pub(super) fn new(simd: S, data: &'a [u8]) -> Self {
        Self {
            simd,
            data,
            blocks: Blocks::new(),
            rest: 0,
            brackets: 0,
            opened: 0,
            offset: 0,
            behind: 0,
        }
    }

    /// What is gone through.
    #[inline(always)]
    pub(super) fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Whether everything so far is certainly ASCII that stands for itself.
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        self.blocks.are_plain()
    }

    /// Offset of the next quote of a string, or bracket outside of strings; `None` at the end, or
    /// where something stands that no JSON has there.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<usize> {
        while self.rest == 0 {
            self.fill()?;
        }
        let at = self.offset + self.rest.trailing_zeros() as usize;
        self.rest &= self.rest - 1;
        Some(at)
    }

    /// Passes over what stands behind an opening bracket; returns the offset of the closing one.
    #[inline(always)]
    pub(super) fn close(&mut self) -> Option<usize> {
        let mut depth = 1_u32;
        loop {
            let mut brackets = self.brackets & self.rest;
            while brackets != 0 {
                let bit = brackets & brackets.wrapping_neg();
                if self.opened & bit != 0 {
                    depth += 1;
                } else {
                    depth -= 1;
                }
                if depth == 0 {
                    self.rest &= !(bit | (bit - 1));
                    return Some(self.offset + bit.trailing_zeros() as usize);
                }
                brackets ^= bit;
            }
            self.fill()?;
        }
    }

    /// Reads the next block.
    #[inline(always)]
    fn fill(&mut self) -> Option<()> {
        // Called rather than copied to each place where a block may end.
        let simd = self.simd;
        simd.vectorize(
            #[inline(always)]
            || self.read(),
        )
    }

    #[inline(always)]
    fn read(&mut self) -> Option<()> {
        let rest = self.data.get(self.behind..)?;
        let block = match rest.first_chunk() {
            Some(bytes) => self.blocks.next(self.simd, bytes)?,
            None => self.blocks.next(self.simd, &padded(rest))?,
        };
        self.take(block);
        Some(())
    }

    #[inline(always)]
    fn take(&mut self, block: Block) {
        self.brackets = block.opened | block.closed;
        self.opened = block.opened;
        self.rest = block.quotes | self.brackets;
        self.offset = self.behind;
        self.behind += BLOCK;
    }
}

/// What is left at the end fills no block.
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut bytes = [b' '; BLOCK];
    bytes
        .iter_mut()
        .zip(rest)
        .for_each(|(to, from)| *to = *from);
    bytes
}
