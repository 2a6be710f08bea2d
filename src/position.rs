//! Places in an input: value types below everything else.

/// A span of bytes of a chunk, 0-based and relative to the chunk's first byte; `end` is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteRange {
    pub start: u32,
    pub end: u32,
}

impl ByteRange {
    /// The bytes of `span` that this range names.
    pub fn of<'a>(&self, span: &'a [u8]) -> &'a [u8] {
        &span[self.start as usize..self.end as usize]
    }

    /// Length in bytes.
    pub fn len(&self) -> u32 {
        self.end - self.start
    }

    /// Whether the range holds no byte.
    pub fn is_empty(&self) -> bool {
        self.end == self.start
    }
}

/// Where a record stands in its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Which of the load's inputs, 0-based.
    pub file_index: u32,
    /// First physical line, 1-based; the header is line 1.
    pub line: u64,
    /// Last physical line, 1-based; equal to `line` unless a quoted field spans lines.
    pub line_end: u64,
    /// Record number within the input, 1-based; the header and skipped blank lines are not records.
    pub record: u64,
    /// Offset of the record's first byte in the input, 0-based.
    pub offset_bytes: u64,
    /// Length of the record without its line end.
    pub length_bytes: u64,
}
