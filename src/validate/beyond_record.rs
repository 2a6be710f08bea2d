//! How much a row may hold beyond the bytes of its record: DEFAULTs, values that are the same in every row, dates in another form.

use crate::reject::BlockReject;
use crate::schema::cast::IsoText;
use crate::schema::cells::StoredValue;
use crate::schema::rules::ValueForm;
use crate::schema::{Column, Given, RowPlan};

/// The value of a column where a cell has none.
pub(super) fn default_of(column: &Column) -> Option<&StoredValue> {
    column.in_table.as_ref()?.default.as_ref()
}

/// Bytes that a row's values may have beyond those of its fields.
pub(super) fn added_bytes(plan: &RowPlan) -> usize {
    let of_default = |column: &Column| match default_of(column) {
        Some(StoredValue::Text(text)) => text.len(),
        _ => 0,
    };
    let of_moment = |(index, column): (usize, &Column)| {
        let is_ruled = (plan.rules.of(index)).is_some_and(|rules| matches!(rules.form, ValueForm::Moment(_)));
        if column.pattern.is_some() || is_ruled {
            IsoText::MAX_BYTES
        } else {
            0
        }
    };
    plan.columns
        .iter()
        .enumerate()
        .map(|(index, column)| of_default(column).max(of_moment((index, column))))
        .sum()
}

/// Bytes that each row holds for which no byte of its record stands: values that are given, and the types of values that it lacks; and those
/// of the faults of each value, if all are noted.
pub fn bytes_beyond_record(plan: &RowPlan) -> usize {
    let faults = if plan.every_fault { plan.columns.len() } else { 0 };
    let values_bytes = match plan.takes_fields_only() {
        true => 0,
        false => given_bytes(plan) + plan.given.len() * size_of::<i64>() + plan.columns.len(),
    };
    values_bytes + faults * size_of::<BlockReject>()
}

/// Bytes of all texts that are the same in every row.
pub(super) fn given_bytes(plan: &RowPlan) -> usize {
    let bytes = |(_, given): &(usize, Given)| match given {
        Given::Value(StoredValue::Text(text)) => text.len(),
        _ => 0,
    };
    plan.given.iter().map(bytes).sum()
}
