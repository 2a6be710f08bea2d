//! Chunk bytes to records: offsets only, nothing copied.
//!
//! Comes in: a span of bytes that starts where a record starts. Goes out: for every record that is decided within the span,
//! where it and its fields lie, or which fault it has. Never: I/O, locks, panics, allocation per record or field (the vectors of
//! [`Records`] are reused from span to span).

/// The characters that shape an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Separates fields; never a quote, CR or LF.
    pub delimiter: u8,
    /// Opens and closes quoted fields; doubled inside one it stands for itself. `None`: quotes are plain text.
    pub quote: Option<u8>,
    /// Ends lines: `b'\n'`, or `b'\r'` for an input that has no LF at all.
    pub line_end: u8,
}

impl Default for Dialect {
    fn default() -> Self {
        Dialect { delimiter: b',', quote: Some(b'"'), line_end: b'\n' }
    }
}

/// What is wrong with a record's syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A quoted field is not closed within the record limit, or by the end of input, or its next quote, on a later line, is
    /// followed by text.
    UnterminatedQuote,
    /// Text follows a closing quote on the line where the record starts.
    InvalidQuote,
    /// The physical line, or the record, is longer than the record limit.
    RecordTooLarge,
}

/// A syntax fault: it costs exactly the physical line on which the record starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// The field in which it was found, 1-based.
    pub column: u32,
}

/// One record of a span. Offsets are relative to the span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSpan {
    /// First byte.
    pub start: u32,
    /// One past the last byte, without the line end (LF and every CR directly before it).
    pub end: u32,
    /// Index in [`Records::field_ends`] one past this record's last field; the first is the previous record's `fields_end`.
    pub fields_end: u32,
    /// Index in [`Records::faults`] plus one; 0: well-formed. A record with a fault has no fields.
    pub fault: u32,
}

/// The records of one span, in input order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Records {
    /// Where each field ends (exclusive); the next field starts one byte later. Quotes are part of a field: a field whose
    /// first byte is the quote is quoted and its last byte is the closing quote.
    pub field_ends: Vec<u32>,
    pub records: Vec<RecordSpan>,
    pub faults: Vec<Fault>,
}
