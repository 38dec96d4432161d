//! The end of a value that cannot be parsed, found by its brackets.

/// Finds the end of a value by its brackets, over any number of pieces.
#[derive(Debug, Clone, Default)]
pub(super) struct Balance {
    depth: u64,
    in_string: bool,
    is_escaped: bool,
}

impl Balance {
    /// Offset behind the bracket that closes the first one.
    pub(super) fn end(&mut self, data: &[u8]) -> Option<usize> {
        self.find(data, false)
    }

    /// The same, or the start of the next line that begins with an object.
    pub(super) fn find(&mut self, data: &[u8], or_line: bool) -> Option<usize> {
        let mut before = 0;
        for (at, byte) in data.iter().enumerate() {
            if or_line && before == b'\n' && *byte == b'{' {
                return Some(at);
            }
            before = *byte;
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_string => self.is_escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}
