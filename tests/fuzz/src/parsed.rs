//! The parser's own slow form, which knows every dialect, and records as it sees them.

#[path = "../../../src/parse/tests/reference.rs"]
mod slow;

pub use rowmill::internal::parse::{Dialect, FaultKind, Records, Syntax};

/// A record: its bytes' offsets, its fields' offsets, its fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    pub start: usize,
    pub end: usize,
    pub field_ends: Vec<usize>,
    pub fault: Option<(FaultKind, u32)>,
}

/// The records of `input`.
pub fn reference(input: &[u8], syntax: &Syntax) -> Vec<Parsed> {
    slow::reference(input, syntax)
}

/// The records of `out`, `base` added to all offsets.
pub fn collect(out: &Records, base: usize) -> Vec<Parsed> {
    let mut first_field = 0;
    let parsed = |record: &rowmill::internal::parse::RecordSpan| {
        let ends = &out.field_ends[first_field..record.fields_end as usize];
        first_field = record.fields_end as usize;
        let fault = match record.fault {
            0 | rowmill::internal::parse::COMMENT => None,
            fault => Some(out.faults[fault as usize - 1]),
        };
        Parsed {
            start: base + record.start as usize,
            end: base + record.end as usize,
            field_ends: ends.iter().map(|&end| base + end as usize).collect(),
            fault: fault.map(|fault| (fault.kind, fault.column)),
        }
    };
    out.records.iter().map(parsed).collect()
}
