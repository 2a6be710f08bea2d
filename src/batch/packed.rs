//! Rows that come as finished pages: into the table a batch's worth at a time, where nothing can end the load between them.

use super::{BatchWriter, RowSpan};
use crate::error::Error;
use crate::ledger::{Incoming, Places};
use crate::schema::RowIds;
use crate::sqlite::destination::Destination;
use crate::sqlite::direct::packed::PackedRows;

/// What was packed of a block, and how far the table has it.
#[derive(Debug)]
pub(super) struct PackedStretches {
    coming: std::iter::Peekable<std::vec::IntoIter<PackedRows>>,
    /// Rows of the block before this one are in the table, but for those that may repeat a key.
    pub(super) taken_rows: usize,
}

impl PackedStretches {
    pub(super) fn of(incoming: &mut Incoming) -> Self {
        PackedStretches {
            coming: std::mem::take(&mut incoming.packed).into_iter().peekable(),
            taken_rows: 0,
        }
    }

    /// The stretch that has just the rows from `start` to `end`.
    fn next(&mut self, start: usize, end: usize) -> Option<PackedRows> {
        while self.coming.next_if(|packed| packed.rows.start < start).is_some() {}
        self.coming.next_if(|packed| packed.rows == (start..end))
    }
}

impl BatchWriter<'_> {
    /// Puts the rows of `span`, up to the end of the block or of the batch, into the table, if they are packed and no reject among them can
    /// end the load. Rows that may repeat a key are left for [`set_aside`](Self::set_aside).
    pub(super) fn write_packed(
        &mut self,
        span: RowSpan<'_>,
        rejects: u64,
        stretches: &mut PackedStretches,
    ) -> Result<(), Error> {
        let RowSpan { incoming, start, end } = span;
        if start < stretches.taken_rows || self.ledger.may_stop(incoming.place.ordinal, rejects) {
            return Ok(());
        }
        let (Some(packed), Some(packing)) = (stretches.next(start, end), &self.packing) else {
            return Ok(());
        };
        if !self.destination.takes_packed(&packed) {
            packing.reuse(packed);
            return Ok(());
        }
        stretches.taken_rows = end;
        self.ledger.add_rows(packed.count, packed.row_ids_hash);
        self.indexes.push_packed(&packed.entries)?;
        if self.settings.row_ids == RowIds::Given {
            note_origins(span, packed.first_row_id, &mut self.destination)?;
        }
        self.destination.insert_packed(packed, packing)
    }

    /// Sets the rows of `span` aside that may repeat a key; the others are in the table.
    pub(super) fn set_aside_only(
        &mut self,
        span: RowSpan<'_>,
        suspects: &mut &[u32],
        places: &mut Places<'_>,
    ) -> Result<(), Error> {
        while let Some((&suspect, rest)) = suspects.split_first()
            && (suspect as usize) < span.end
        {
            *suspects = rest;
            let placed = self.placed(span.incoming, suspect as usize);
            self.landed.left_out.push(suspect);
            self.set_aside(&placed, places)?;
        }
        Ok(())
    }
}

/// Notes which records the rows of `span` come from, whose ids ascend from `row_id`.
fn note_origins(span: RowSpan<'_>, mut row_id: i64, destination: &mut Destination<'_>) -> Result<(), Error> {
    let Incoming {
        block, place, suspects, ..
    } = span.incoming;
    for (row_index, row) in (span.start..).zip(&block.output.rows[span.start..span.end]) {
        if suspects.binary_search(&(row_index as u32)).is_err() {
            let ordinal = place.ordinal + u64::from(row.record_index);
            destination.origins.note(None, row_id, ordinal)?;
            row_id += 1;
        }
    }
    Ok(())
}
