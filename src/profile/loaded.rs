//! What is in the columns of rows that a load puts into its table, from their records.
//!
//! Comes in: blocks of rows that are in, from any thread and in any order, and single rows that go in later. Goes out: a [`RowsProfile`], the
//! same in whatever blocks and order they came. Of every value it is taken how far it reaches; how many are different and how they are
//! distributed is told from samples of the rows, which depend on the records' numbers alone. Nothing is allocated for a row.

use std::sync::{Arc, Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use super::distinct::DistinctValues;
use super::distribution::distribution;
use super::hash_of_bits;
use super::reach::{Reach, chars};
use super::row_sample::{RowSample, SampledValue};
use crate::idle::Idle;
use crate::report::{ProfileValue, RowsColumn, RowsProfile};
use crate::rows::Landed;
use crate::schema::cast::{self, DATE_BYTES, MomentKey};
use crate::schema::{Column, ColumnType};
use crate::sqlite::format::{RecordValue, Spot, see_record};
use crate::sqlite::record::RecordBlock;

/// The first records of a load are all counted, so that a small load has no estimates; of the others one in so many.
const ALL_COUNTED: u64 = 1 << 15;
const COUNTED_OF: u64 = 128;
/// Values whose hashes are kept of a column, and rows of the sample, if there are at most so many columns; if there are more, as many fewer, as
/// long as it is this many.
const DISTINCT_VALUES: usize = 800;
const SAMPLE_ROWS: usize = 1000;
const USUAL_COLUMNS: usize = 150;
const LEAST_KEPT: usize = 32;
/// The hash that stands for a NULL.
const NULL_HASH: u64 = 0;
/// Longest text that may be a moment.
const MOMENT_BYTES: usize = 40;

/// How many are kept of what is `usual`.
fn kept(usual: usize, columns: usize) -> usize {
    (usual * USUAL_COLUMNS / columns.max(USUAL_COLUMNS)).max(LEAST_KEPT)
}

/// Memory that the gathering for so many columns takes, about.
pub(crate) fn gathering_bytes(columns: usize) -> u64 {
    let of_column = DistinctValues::BYTES * kept(DISTINCT_VALUES, columns)
        + RowSample::BYTES * kept(SAMPLE_ROWS, columns)
        + 2 * size_of::<Reach>();
    (columns * of_column) as u64
}

/// What was seen of the rows so far.
#[derive(Debug, Clone)]
pub(crate) struct GatheredRows {
    rows: u64,
    counted_rows: u64,
    reaches: Vec<Reach>,
    distinct: Vec<DistinctValues>,
    sample: RowSample,
    /// The row at hand, of the sample.
    row: Vec<SampledValue>,
}

impl GatheredRows {
    /// Nothing yet of so many columns.
    fn new(columns: usize) -> Self {
        GatheredRows {
            rows: 0,
            counted_rows: 0,
            reaches: vec![Reach::default(); columns],
            distinct: vec![DistinctValues::new(kept(DISTINCT_VALUES, columns)); columns],
            sample: RowSample::new(columns, kept(SAMPLE_ROWS, columns)),
            row: Vec::new(),
        }
    }

    /// Adds what was seen of other rows.
    fn merge(&mut self, other: &GatheredRows) {
        self.rows += other.rows;
        self.counted_rows += other.counted_rows;
        self.merge_reaches(&other.reaches);
        for (own, others) in self.distinct.iter_mut().zip(&other.distinct) {
            own.merge(others);
        }
        self.sample.merge(&other.sample);
    }

    fn merge_reaches(&mut self, reaches: &[Reach]) {
        self.reaches
            .iter_mut()
            .zip(reaches)
            .for_each(|(own, other)| own.merge(other));
    }

    /// Adds a row to the sample, if it is wanted there.
    fn sample_row(&mut self, hash: u64, row: &LocatedRow<'_>) {
        if hash < self.sample.limit() {
            self.row.clear();
            row.each(self.reaches.len(), |value| self.row.push(sampled(row.bytes, value)));
            self.sample.see(hash, &self.row);
        }
    }

    /// Adds the hashes of a row's values.
    fn count_row(&mut self, hashes: &[u64]) {
        self.counted_rows += 1;
        for (distinct, &hash) in self.distinct.iter_mut().zip(hashes) {
            if hash != NULL_HASH {
                distinct.see(hash);
            }
        }
    }
}

/// A row's record, and where it is.
#[derive(Debug, Clone, Copy)]
struct LocatedRow<'a> {
    bytes: &'a [u8],
    start: usize,
    /// The column whose value is the row id, and stands beside the record, and that value.
    row_id: Option<(usize, i64)>,
}

impl LocatedRow<'_> {
    fn each(&self, columns: usize, mut take: impl FnMut(RecordValue)) {
        Spot::each(self.bytes, self.start, columns, |column, spot| {
            take(match self.row_id {
                Some((of, row_id)) if of == column => RecordValue::Integer(row_id),
                _ => spot.value(self.bytes),
            });
        });
    }
}

/// A hash of a value, other than that of NULL.
fn hash_of(bytes: &[u8], value: RecordValue) -> u64 {
    let hash = match value {
        RecordValue::Null => return NULL_HASH,
        RecordValue::Integer(value) => hash_of_bits(value as u64),
        RecordValue::Real(value) => hash_of_bits(value.to_bits()),
        RecordValue::Text { start, bytes: length } => xxh3_64(&bytes[start..start + length]),
    };
    hash.max(NULL_HASH + 1)
}

/// What a sample keeps of a value.
fn sampled(bytes: &[u8], value: RecordValue) -> SampledValue {
    let text = match value {
        RecordValue::Null => return SampledValue::Null,
        RecordValue::Integer(value) => return SampledValue::Number(value as f64),
        RecordValue::Real(value) => return SampledValue::Number(value),
        RecordValue::Text { start, bytes: length } => &bytes[start..start + length],
    };
    let is_moment = || match text.len() {
        DATE_BYTES => cast::date(text).is_ok(),
        length => length <= MOMENT_BYTES && cast::date_time(text).is_ok(),
    };
    match text.len() >= DATE_BYTES && is_moment() {
        true => SampledValue::Moment(MomentKey::of_date(text).seconds, text.len() as u8),
        false => SampledValue::Text(chars(text)),
    }
}

/// Whether a record is one of those whose values are counted. `hash`: that of its number.
fn is_counted(ordinal: u64, hash: u64) -> bool {
    ordinal <= ALL_COUNTED || hash < u64::MAX / COUNTED_OF
}

/// What one thread sees of a block, before it adds that to what all have seen.
#[derive(Debug)]
struct BlockLook {
    reaches: Vec<Reach>,
    /// The hashes of the values of rows that are counted, row by row.
    hashes: Vec<u64>,
    /// Rows that may be wanted for the sample, by the hashes of their numbers.
    sampled: Vec<(u64, u32)>,
}

/// The profile of a load, as it comes to be.
#[derive(Debug)]
pub(crate) struct RowsGathering {
    columns: Vec<Column>,
    /// The column whose values are the row ids: they stand beside the records.
    row_id_column: Option<usize>,
    /// The column that is the key, if it is one: no value comes twice.
    key_column: Option<usize>,
    all: Mutex<GatheredRows>,
    idle: Idle<BlockLook>,
}

impl RowsGathering {
    pub(crate) fn new(columns: &[Column], row_id_column: Option<usize>, key_columns: &[usize]) -> Self {
        RowsGathering {
            columns: columns.to_vec(),
            row_id_column,
            key_column: match key_columns {
                [column] => Some(*column),
                _ => None,
            },
            all: Mutex::new(GatheredRows::new(columns.len())),
            idle: Idle::default(),
        }
    }

    /// Adds the rows of a block that are in the table. `first_ordinal`: the number in the load of the block's first record, from 1 on.
    pub(crate) fn add_block(&self, block: &RecordBlock, landed: &Landed, first_ordinal: u64) {
        let columns = self.columns.len();
        let mut look = self.idle.take().unwrap_or_else(|| BlockLook {
            reaches: Vec::new(),
            hashes: Vec::new(),
            sampled: Vec::new(),
        });
        look.reaches.clear();
        look.reaches.resize(columns, Reach::default());
        look.hashes.clear();
        look.sampled.clear();
        let limit = self.gathered(|all| all.sample.limit());
        let bytes = block.values.bytes();
        let mut count = 0;
        for row in landed.rows() {
            count += 1;
            see_record(&mut look.reaches, bytes, block.values.start_of(row));
            if let Some(column) = self.row_id_column {
                look.reaches[column].see_row_id(block.integer_keys[row]);
            }
            let ordinal = first_ordinal + u64::from(block.rows[row].record_index);
            let hash = hash_of_bits(ordinal);
            if is_counted(ordinal, hash) {
                self.located(block, row)
                    .each(columns, |value| look.hashes.push(hash_of(bytes, value)));
            }
            if hash < limit {
                look.sampled.push((hash, row as u32));
            }
        }
        look.reaches.iter_mut().for_each(|reach| reach.count_rows(count));
        self.gathered(|all| {
            all.rows += count;
            all.merge_reaches(&look.reaches);
            look.hashes
                .chunks_exact(columns.max(1))
                .for_each(|row| all.count_row(row));
            for &(hash, row) in &look.sampled {
                all.sample_row(hash, &self.located(block, row as usize));
            }
        });
        self.idle.put(look);
    }

    fn gathered<T>(&self, work: impl FnOnce(&mut GatheredRows) -> T) -> T {
        // A panic of another thread ends the load.
        work(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn located<'b>(&self, block: &'b RecordBlock, row: usize) -> LocatedRow<'b> {
        LocatedRow {
            bytes: block.values.bytes(),
            start: block.values.start_of(row),
            row_id: self.row_id_column.map(|column| (column, block.integer_keys[row])),
        }
    }

    /// A place for rows that go in later, one by one, and may be taken back.
    pub(crate) fn later(self: &Arc<Self>) -> LaterRows {
        LaterRows {
            gathering: Arc::clone(self),
            seen: GatheredRows::new(self.columns.len()),
            hashes: Vec::new(),
        }
    }

    /// What is in the columns.
    pub(crate) fn profile(&self) -> RowsProfile {
        self.gathered(|all| {
            all.sample.keep_least();
            RowsProfile {
                rows: all.rows,
                counted_rows: all.counted_rows,
                sampled_rows: all.sample.rows(),
                columns: (0..self.columns.len()).map(|index| self.column(index, all)).collect(),
            }
        })
    }

    fn column(&self, index: usize, all: &mut GatheredRows) -> RowsColumn {
        let (column, reach) = (&self.columns[index], &all.reaches[index]);
        let (distinct, distinct_is_exact) = match self.key_column == Some(index) {
            true => (reach.values, true),
            false => all.distinct[index].estimate(reach.values),
        };
        let ends = reach.least().zip(reach.greatest());
        RowsColumn {
            name: column.name.clone(),
            column_type: column.column_type.as_str(),
            nulls: reach.nulls,
            values: reach.values,
            distinct,
            distinct_is_exact,
            least: reach.least().map(|value| as_of(column.column_type, value)),
            greatest: reach.greatest().map(|value| as_of(column.column_type, value)),
            longest_chars: reach.longest_chars,
            longest_bytes: reach.longest_bytes,
            distribution: ends
                .and_then(|(least, greatest)| distribution(all.sample.of_column(index), (&least, &greatest))),
        }
    }
}

/// A value as its column shows it: whole numbers in a column of reals are stored as integers.
fn as_of(column_type: ColumnType, value: ProfileValue) -> ProfileValue {
    match value {
        ProfileValue::Integer(integer) if column_type.is_real() => ProfileValue::Real(integer as f64),
        value => value,
    }
}

/// Rows that go in one by one, after all others.
#[derive(Debug)]
pub(crate) struct LaterRows {
    gathering: Arc<RowsGathering>,
    seen: GatheredRows,
    hashes: Vec<u64>,
}

impl LaterRows {
    /// Adds a row that went in. `ordinal`: the number of its record in the load; `row_id`: the id that it is known by.
    pub(crate) fn add(&mut self, ordinal: u64, row_id: i64, record: &[u8]) {
        let columns = self.gathering.columns.len();
        let row = LocatedRow {
            bytes: record,
            start: 0,
            row_id: self.gathering.row_id_column.map(|column| (column, row_id)),
        };
        see_record(&mut self.seen.reaches, record, 0);
        if let Some(column) = self.gathering.row_id_column {
            self.seen.reaches[column].see_row_id(row_id);
        }
        self.hashes.clear();
        row.each(columns, |value| self.hashes.push(hash_of(record, value)));
        let hash = hash_of_bits(ordinal);
        if is_counted(ordinal, hash) {
            self.seen.count_row(&self.hashes);
        }
        self.seen.sample_row(hash, &row);
        self.seen.rows += 1;
    }

    /// Forgets all of them: they are not in the table after all.
    pub(crate) fn take_back(&mut self) {
        self.seen = GatheredRows::new(self.gathering.columns.len());
    }

    /// They are in for good.
    pub(crate) fn keep(mut self) {
        let rows = self.seen.rows;
        self.seen.reaches.iter_mut().for_each(|reach| reach.count_rows(rows));
        self.gathering.gathered(|all| all.merge(&self.seen));
    }
}
