//! Every value of a rejected record that does not fit, where somebody asks for more than the first.

use super::RowMaker;
use super::column_work::ColumnWork;
use crate::format::{Fields, Format, Record};
use crate::reject::BlockReject;
use crate::rows::Encoder;

/// Notes what else is wrong with the values of a record that was rejected for one of them. Its row is never ended, so that no trace of it
/// is left among the others.
#[cold]
#[inline(never)]
pub(super) fn add_further<const USUAL: bool, const ENCODED: bool, F: Format, E: Encoder>(
    rows: &mut RowMaker<'_, F, E>,
    (record, fields): (&Record, impl Fields),
    columns: &[ColumnWork],
) {
    let integer_keys = rows.out.integer_keys.len();
    let lines_before = rows.lines_before;
    rows.begin_row::<ENCODED>(record);
    let mut is_first = true;
    for &column in columns {
        let Err(reject) = rows.encode_column::<USUAL, ENCODED>(column, fields) else {
            continue;
        };
        if !std::mem::take(&mut is_first) {
            rows.out.further_faults.push(BlockReject {
                record_index: rows.out.record_count,
                source: record.source,
                lines_before,
                column: reject.column,
                value: reject.value,
                reason: reject.reason,
            });
        }
    }
    rows.out.integer_keys.truncate(integer_keys);
    rows.out.recoded_in_row.clear();
}
