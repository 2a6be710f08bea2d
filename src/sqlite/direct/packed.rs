//! The rows of a block as leaf pages, packed in a worker thread, before the blocks that come first are in the table.
//!
//! Comes in: a block, once it is known which of its rows may repeat a key and which row ids the others get. Goes out: for each stretch of
//! rows that goes into one batch, its leaves, the hash of its row ids, and the entries of the indexes that are built from the rows. The
//! thread that writes gives the pages their numbers. Whatever a stretch cannot know, that earlier rows were refused or that the load
//! stops within it, makes that thread take the rows one by one instead: the records are still there.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::checkpoint::row_id_hash;
use crate::idle::Idle;
use crate::schema::RowIds;
use crate::sqlite::direct::index::{KeyColumns, KeyEntries};
use crate::sqlite::direct::leaf_run::{KEPT_BYTES, LeafRun};
use crate::sqlite::record::RecordBlock;

/// Fewer pages than this are not worth a page that may stay half empty.
const LEAST_PAGES: usize = 8;

/// What is made of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packs {
    /// Leaves of the table, and the entries of its indexes.
    Pages {
        page_bytes: usize,
        /// The row id that comes next where row ids are those that SQLite would give.
        next_row_id: i64,
    },
    /// Only the entries: the rows themselves are not wanted.
    Keys,
}

/// What is the same for all blocks of a load.
#[derive(Debug)]
pub struct PagePacker {
    pub packs: Packs,
    pub row_ids: RowIds,
    /// Records of a batch; no stretch goes beyond one.
    pub batch_rows: u64,
    /// What the indexes take from each row.
    pub indexes: Vec<Arc<KeyColumns>>,
    /// Stretches whose memory is used again.
    idle: Idle<PackedRows>,
    /// Rows no longer go in as pages.
    is_given_up: AtomicBool,
}

/// Rows of a block that follow each other in one batch; those that may repeat a key are not among them.
#[derive(Debug)]
pub struct PackedRows {
    /// Indices in the block of the rows, with those that may repeat a key.
    pub rows: Range<usize>,
    pub row_ids: RowIds,
    pub first_row_id: i64,
    pub count: u64,
    pub row_ids_hash: u64,
    pub leaves: LeafRun,
    /// One for each index.
    pub entries: Vec<KeyEntries>,
}

impl PackedRows {
    /// Adds a row. `None` if its id does not ascend, or if validation did not make the record.
    #[inline]
    fn push(&mut self, row_id: i64, record: &[u8], indexes: &[Arc<KeyColumns>]) -> Option<()> {
        if self.count == 0 {
            self.first_row_id = row_id;
        } else if row_id <= self.leaves.last_row_id() {
            return None;
        }
        self.leaves.append(row_id, record);
        self.push_keys(row_id, record, indexes)
    }

    /// Adds a row of which only the keys are wanted.
    #[inline]
    fn push_keys(&mut self, row_id: i64, record: &[u8], indexes: &[Arc<KeyColumns>]) -> Option<()> {
        self.count += 1;
        self.row_ids_hash = self.row_ids_hash.wrapping_add(row_id_hash(row_id));
        for (entries, columns) in self.entries.iter_mut().zip(indexes) {
            entries.push_row(columns, record, row_id).ok()?;
        }
        Some(())
    }

    pub fn page_bytes(&self) -> usize {
        self.leaves.page_bytes()
    }
}

/// A block to be packed.
#[derive(Debug, Clone, Copy)]
pub struct RowsToPack<'a> {
    pub block: &'a RecordBlock,
    /// Number in the load of the block's first record, 1-based.
    pub first_ordinal: u64,
    /// The row id of the block's first row, if row ids are those that SQLite would give.
    pub first_given: i64,
    /// Rows that may repeat a key, ascending.
    pub suspects: &'a [u32],
}

impl PagePacker {
    pub fn new(packs: Packs, row_ids: RowIds, batch_rows: u64, indexes: Vec<Arc<KeyColumns>>) -> Self {
        PagePacker {
            packs,
            row_ids,
            batch_rows,
            indexes,
            idle: Idle::default(),
            is_given_up: AtomicBool::new(false),
        }
    }

    /// Packs nothing from now on.
    pub fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Takes back a stretch that is in the table, for its memory, unless that is unusually large.
    pub fn reuse(&self, packed: PackedRows) {
        if packed.leaves.memory_bytes() <= 2 * KEPT_BYTES {
            self.idle.put(packed);
        }
    }

    /// Packs a block: stretches in order, without those that are too short.
    pub fn pack(&self, request: RowsToPack<'_>) -> Vec<PackedRows> {
        let RowsToPack {
            block, first_ordinal, ..
        } = request;
        let least_bytes = match self.packs {
            Packs::Pages { page_bytes, .. } => LEAST_PAGES * page_bytes,
            Packs::Keys => 0,
        };
        let mut stretches = Vec::new();
        let mut given = request.first_given;
        let mut suspects = request.suspects;
        let (mut start, mut records) = (0, 0);
        while start < block.rows.len() && !self.is_given_up.load(Ordering::Relaxed) {
            // Records up to the end of the batch.
            records += (self.batch_rows - (first_ordinal - 1 + u64::from(records)) % self.batch_rows)
                .min(u64::from(block.record_count - records)) as u32;
            let end = start + block.rows[start..].partition_point(|row| row.record_index < records);
            let (own, rest) = suspects.split_at(suspects.partition_point(|&suspect| (suspect as usize) < end));
            suspects = rest;
            let count = end - start - own.len();
            if count > 0 && block.values.bytes_of(start..end) >= least_bytes {
                stretches.extend(self.pack_rows(request, start..end, own, given));
            }
            given += count as i64;
            start = end;
        }
        stretches
    }

    /// Packs rows of one batch, but for the suspects among them. `None` for rows that validation did not make.
    fn pack_rows(
        &self,
        request: RowsToPack<'_>,
        rows: Range<usize>,
        mut suspects: &[u32],
        mut given: i64,
    ) -> Option<PackedRows> {
        let RowsToPack {
            block, first_ordinal, ..
        } = request;
        let mut packed = self.empty(rows.clone());
        let makes_pages = self.packs != Packs::Keys;
        if makes_pages {
            packed.leaves.reserve(block.values.bytes_of(rows.clone()));
        }
        for row_index in rows {
            if suspects.first() == Some(&(row_index as u32)) {
                suspects = &suspects[1..];
                continue;
            }
            let row_id = match self.row_ids {
                RowIds::Ordinal { base } => {
                    base + (first_ordinal + u64::from(block.rows[row_index].record_index)) as i64
                }
                RowIds::Key => block.integer_keys[row_index],
                RowIds::Given | RowIds::None => {
                    given += 1;
                    given - 1
                }
            };
            let record = block.values.record(row_index);
            match makes_pages {
                true => packed.push(row_id, record, &self.indexes)?,
                false => packed.push_keys(row_id, record, &self.indexes)?,
            }
        }
        Some(packed)
    }

    /// An empty stretch, perhaps in memory that was used before.
    fn empty(&self, rows: Range<usize>) -> PackedRows {
        let mut packed = self.idle.take().unwrap_or_else(|| PackedRows {
            rows: 0..0,
            row_ids: self.row_ids,
            first_row_id: 0,
            count: 0,
            row_ids_hash: 0,
            leaves: LeafRun::new(match self.packs {
                Packs::Pages { page_bytes, .. } => page_bytes,
                Packs::Keys => 0,
            }),
            entries: self.indexes.iter().map(|_| KeyEntries::default()).collect(),
        });
        packed.rows = rows;
        packed.count = 0;
        packed.row_ids_hash = 0;
        packed.leaves.clear();
        packed.entries.iter_mut().for_each(KeyEntries::clear);
        packed
    }
}

#[cfg(test)]
impl PagePacker {
    /// Rows as they are packed where there are enough of them.
    pub fn pack_records<'r>(&self, records: impl IntoIterator<Item = (i64, &'r [u8])>) -> PackedRows {
        let mut packed = self.empty(0..0);
        for (row_id, record) in records {
            packed.push(row_id, record, &self.indexes).expect("row ids that ascend");
        }
        packed
    }
}
