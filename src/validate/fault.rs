//! What is wrong with a record or value, whatever its text: a syntax fault, or a text where a number was inferred.

use super::column_work::{ColumnWork, OBSERVED};
use crate::format::{Fault, FaultKind, Format, Record};
use crate::position::ByteRange;
use crate::reject::RejectReason;
use crate::schema::cast::CastError;
use crate::schema::form::ColumnFacts;
use crate::schema::{Column, ColumnType, RowPlan};

/// Why a record is not a row.
pub(super) struct Reject {
    pub(super) reason: RejectReason,
    /// 1-based; 0: no single field.
    pub(super) column: u32,
    pub(super) value: ByteRange,
}

impl Reject {
    /// For a fault that is not in a single field.
    pub(super) fn whole(reason: RejectReason) -> Self {
        Reject {
            reason,
            column: 0,
            value: ByteRange::default(),
        }
    }
}

/// Why a column of type `expected` does not take a value.
#[cold]
pub(super) fn refuse(expected: ColumnType, error: CastError) -> RejectReason {
    match error {
        CastError::Type => RejectReason::TypeError { expected },
        CastError::Range => RejectReason::OutOfRange { expected },
    }
}

/// The reject of a `record` with a fault. Its column is that of a field; a fault in JSON says where it is in words.
#[cold]
pub(super) fn refuse_fault<F: Format>(format: &F, span: &[u8], record: &Record, fault: Fault) -> Reject {
    let reason = match fault.kind {
        FaultKind::UnterminatedQuote => RejectReason::UnterminatedQuote,
        FaultKind::InvalidQuote => RejectReason::InvalidQuote {
            rule: format.inner_quotes(),
        },
        FaultKind::RecordTooLarge => RejectReason::RecordTooLarge {
            limit_bytes: format.max_record_bytes(),
        },
        FaultKind::NoObject(expected) => RejectReason::NoObject {
            expected,
            byte: fault.column,
        },
        FaultKind::RepeatedName => RejectReason::RepeatedName,
        FaultKind::UnknownName => RejectReason::UnknownName,
        FaultKind::EscapedNul => RejectReason::NulByte,
    };
    let column = match fault.kind {
        FaultKind::UnterminatedQuote | FaultKind::InvalidQuote => fault.column,
        // It is the record that is too large; which field that shows in depends on how much of it was looked at.
        _ => 0,
    };
    let value: ByteRange = format.at_fault(span, record, fault);
    Reject { reason, column, value }
}

/// Notes that a value of a column says that it is a text: then an inferred type is none of numbers.
#[inline]
pub(super) fn see_text(column: ColumnWork, plan: &RowPlan, facts: &mut [ColumnFacts]) -> Result<(), RejectReason> {
    let index = column.index as usize;
    if column.is(OBSERVED) {
        facts[index].form.see_text();
    }
    let Column {
        column_type,
        declared,
        ref in_table,
        ..
    } = plan.columns[index];
    match column_type {
        ColumnType::Integer | ColumnType::Real if !declared && in_table.is_none() => {
            Err(refuse(column_type, CastError::Type))
        }
        _ => Ok(()),
    }
}
