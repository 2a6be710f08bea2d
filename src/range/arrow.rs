//! Rows and rejects as Arrow record batches, for whatever speaks Arrow: Spark, Polars, DuckDB, pyarrow.
//!
//! A range becomes blocks of three batches: the [rows](row_schema), with their columns as declared or inferred; their
//! [places](PLACE_COLUMNS), as many, with keys to compare; and the [rejects](REJECT_COLUMNS). The crates of Arrow are exported with them:
//! `arrow_array::ffi` hands arrays to other languages without a copy (the C data interface).
//!
//! | column type | Arrow |
//! |---|---|
//! | integer | `Int64` |
//! | real, number, percent | `Float64` |
//! | boolean | `Boolean` |
//! | date | `Date32` |
//! | decimal(n) | `Decimal128(19, n)` |
//! | text, time, datetime | `Utf8`: times keep their precision and their zone |
//!
//! ```
//! use std::sync::Arc;
//! use rowmill::Load;
//! use rowmill::range::arrow::ArrowReader;
//! use rowmill::range::arrow::arrow_array::cast::AsArray;
//! use rowmill::range::arrow::arrow_array::types::Int64Type;
//! use rowmill::range::{RangePlanner, RangeSource};
//!
//! let source: Arc<dyn RangeSource> = Arc::new(b"id,name\n1,Ada\n2\n3,Alan\n".to_vec());
//! let planner = RangePlanner::new(&Load::new(["people.csv"]).key(["id"]), &[Arc::clone(&source)])?;
//! let plan = planner.scan_plan();
//! let reports = plan.ranges(4).into_iter().map(|range| plan.scan(&*source, range));
//! let composed = planner.compose(&reports.collect::<Result<Vec<_>, _>>()?)?;
//! let plan = Arc::new(composed.plan);
//! let (mut ids, mut rejects) = (Vec::new(), 0);
//! for piece in &composed.pieces {
//!     for block in ArrowReader::new(&plan, &source, piece)? {
//!         let block = block?;
//!         ids.extend(block.rows["id"].as_primitive::<Int64Type>().values());
//!         rejects += block.rejects.num_rows();
//!     }
//! }
//! assert_eq!((ids, rejects), (vec![1, 3], 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod columns;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use xxhash_rust::xxh3::xxh3_64;
pub use {arrow_array, arrow_schema};

use self::columns::{ArrowRows, data_type, numbers};
use super::compose::RangePiece;
use super::plan::ReadPlan;
use super::read::PieceReader;
use super::rejected::RangeReject;
use crate::error::Error;
use crate::position::Position;
use crate::reject::RejectCode;
use crate::window::RangeSource;

/// The columns of the places: where the record of each row stands, and its key.
///
/// `key` is NULL where there is no key, or a NULL in it. Otherwise two rows have the same key exactly if these bytes are the same; they are
/// for nothing else. Of the rows with a key, the one with the least `file_index` and `record` is kept.
pub const PLACE_COLUMNS: [&str; 7] = [
    "file_index",
    "line",
    "line_end",
    "record",
    "byte_offset",
    "byte_length",
    "key",
];

/// The columns of the rejects: as in a dead-letter file, after the index of the input.
pub const REJECT_COLUMNS: [&str; 13] = [
    "file_index",
    "file",
    "line",
    "line_end",
    "record",
    "byte_offset",
    "byte_length",
    "column",
    "code",
    "message",
    "value",
    "first_record",
    "raw",
];

/// What one read of a range gives: a part of its records.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ArrowBlock {
    /// Rows, in the order of the input.
    pub rows: RecordBatch,
    /// Where the record of each row stands, and its key: [`PLACE_COLUMNS`].
    pub places: RecordBatch,
    /// What is not a row: [`REJECT_COLUMNS`].
    pub rejects: RecordBatch,
}

/// Reads a range block by block, in order. An error is the last that it gives.
pub struct ArrowReader {
    reader: PieceReader<ArrowRows>,
    rows: SchemaRef,
    has_failed: bool,
}

impl std::fmt::Debug for ArrowReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArrowReader")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// The columns of the rows as Arrow has them. Any may hold NULL but those declared otherwise.
pub fn row_schema(plan: &ReadPlan) -> SchemaRef {
    let field =
        |column: &crate::schema::Column| Field::new(&column.name, data_type(column.column_type), !column.not_null);
    Arc::new(Schema::new(plan.table.columns.iter().map(field).collect::<Vec<_>>()))
}

/// Rejects as a batch of [`REJECT_COLUMNS`].
///
/// # Errors
/// [`Usage`](crate::ErrorKind::Usage) when they take more than 2 GiB.
pub fn reject_batch(plan: &ReadPlan, rejects: &[RangeReject]) -> Result<RecordBatch, Error> {
    let bytes: usize = rejects.iter().map(|reject| reject.raw.len() + reject.value.len()).sum();
    if i32::try_from(bytes).is_err() {
        return Err(Error::usage(
            "rejects of more than 2 GiB are too many for one batch: take fewer at a time",
        ));
    }
    let positions = || rejects.iter().map(|reject| &reject.position);
    let texts =
        |of: fn(&RangeReject) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rejects.iter().map(of))) };
    let bytes =
        |of: fn(&RangeReject) -> &[u8]| -> ArrayRef { Arc::new(BinaryArray::from_iter_values(rejects.iter().map(of))) };
    let names = plan.input_names();
    let name = |position: &Position| names.get(position.file_index as usize).map_or("", String::as_str);
    let first_records = rejects
        .iter()
        .map(|reject| reject.first_record.map(|record| record as i64));
    let columns: [ArrayRef; REJECT_COLUMNS.len()] = [
        file_indices(positions()),
        Arc::new(StringArray::from_iter_values(positions().map(name))),
        numbers(positions(), |position| position.line),
        numbers(positions(), |position| position.line_end),
        numbers(positions(), |position| position.record),
        numbers(positions(), |position| position.offset_bytes),
        numbers(positions(), |position| position.length_bytes),
        texts(|reject| &reject.column),
        texts(|reject| reject.code.as_str()),
        texts(|reject| &reject.message),
        bytes(|reject| &reject.value),
        Arc::new(first_records.collect::<Int64Array>()),
        bytes(|reject| &reject.raw),
    ];
    RecordBatch::try_new(reject_schema(), columns.to_vec()).map_err(not_arrow)
}

/// [`PLACE_COLUMNS`] with their types.
pub fn place_schema() -> SchemaRef {
    schema(&PLACE_COLUMNS)
}

/// [`REJECT_COLUMNS`] with their types.
pub fn reject_schema() -> SchemaRef {
    schema(&REJECT_COLUMNS)
}

fn schema(columns: &[&str]) -> SchemaRef {
    let field = |name: &&str| {
        let data_type = match *name {
            "file_index" => DataType::Int32,
            "file" | "column" | "code" | "message" => DataType::Utf8,
            "value" | "raw" | "key" => DataType::Binary,
            _ => DataType::Int64,
        };
        Field::new(*name, data_type, matches!(*name, "key" | "first_record"))
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// The rejects in a batch of [`REJECT_COLUMNS`].
///
/// # Errors
/// [`Usage`](crate::ErrorKind::Usage) when it has other columns, or a code that there is not.
pub fn rejects_of(batch: &RecordBatch) -> Result<Vec<RangeReject>, Error> {
    let columns = BatchColumns(batch);
    let positions = positions_of(batch)?;
    let (column, code, message) = (
        columns.texts("column")?,
        columns.texts("code")?,
        columns.texts("message")?,
    );
    let (value, raw) = (columns.bytes("value")?, columns.bytes("raw")?);
    let first = columns.numbers("first_record")?;
    let reject = |(row, position): (usize, Position)| {
        let is_code = |known: &&RejectCode| known.as_str() == code.value(row);
        let Some(code) = RejectCode::ALL.iter().find(is_code) else {
            return Err(Error::usage(format!(
                "no code of rejects is called '{}'",
                code.value(row)
            )));
        };
        Ok(RangeReject {
            position,
            column: column.value(row).to_owned(),
            code: *code,
            message: message.value(row).to_owned(),
            value: value.value(row).to_vec(),
            first_record: first.is_valid(row).then(|| first.value(row) as u64),
            raw: raw.value(row).to_vec(),
        })
    };
    positions.into_iter().enumerate().map(reject).collect()
}

/// The positions in a batch of [`PLACE_COLUMNS`] or [`REJECT_COLUMNS`].
///
/// # Errors
/// [`Usage`](crate::ErrorKind::Usage) when it has other columns.
pub fn positions_of(batch: &RecordBatch) -> Result<Vec<Position>, Error> {
    let columns = BatchColumns(batch);
    let file_index = columns.of("file_index", |array| array.as_primitive_opt::<Int32Type>())?;
    let (line, line_end, record) = (
        columns.numbers("line")?,
        columns.numbers("line_end")?,
        columns.numbers("record")?,
    );
    let (offset, length) = (columns.numbers("byte_offset")?, columns.numbers("byte_length")?);
    let position = |row: usize| Position {
        file_index: file_index.value(row) as u32,
        line: line.value(row) as u64,
        line_end: line_end.value(row) as u64,
        record: record.value(row) as u64,
        offset_bytes: offset.value(row) as u64,
        length_bytes: length.value(row) as u64,
    };
    Ok((0..batch.num_rows()).map(position).collect())
}

/// The hash of each row's key in a batch of [`PLACE_COLUMNS`]; 0 where there is none, or a NULL in it.
///
/// Rows with the same key have the same hash in every process. So hashes alone say which keys may come twice, wherever the rows are.
///
/// # Errors
/// [`Usage`](crate::ErrorKind::Usage) when it has other columns.
pub fn key_hashes(places: &RecordBatch) -> Result<Vec<u64>, Error> {
    let keys = BatchColumns(places).bytes("key")?;
    let hash = |key: Option<&[u8]>| key.map_or(0, |key| xxh3_64(key).max(1));
    Ok(keys.iter().map(hash).collect())
}

/// The columns of a batch by name.
struct BatchColumns<'a>(&'a RecordBatch);

impl<'a> BatchColumns<'a> {
    fn of<T>(&self, name: &str, cast: impl Fn(&'a ArrayRef) -> Option<&'a T>) -> Result<&'a T, Error> {
        let column = self.0.column_by_name(name).and_then(cast);
        column.ok_or_else(|| {
            Error::usage(format!(
                "the batch has no column \"{name}\" of the type that it should have"
            ))
        })
    }

    fn numbers(&self, name: &str) -> Result<&'a Int64Array, Error> {
        self.of(name, |array| array.as_primitive_opt::<Int64Type>())
    }

    fn texts(&self, name: &str) -> Result<&'a StringArray, Error> {
        self.of(name, |array| array.as_string_opt::<i32>())
    }

    fn bytes(&self, name: &str) -> Result<&'a BinaryArray, Error> {
        self.of(name, |array| array.as_binary_opt::<i32>())
    }
}

fn file_indices<'a>(positions: impl Iterator<Item = &'a Position>) -> ArrayRef {
    Arc::new(
        positions
            .map(|position| position.file_index as i32)
            .collect::<Int32Array>(),
    )
}

fn not_arrow(error: ArrowError) -> Error {
    Error::internal(format!("rows cannot be handed out as Arrow arrays: {error}"))
}

impl ArrowReader {
    /// Begins to read a range. It is compared with what was scanned first.
    ///
    /// # Errors
    /// [`InputChanged`](crate::ErrorKind::InputChanged) when the range is not what was scanned, [`Io`](crate::ErrorKind::Io),
    /// [`Usage`](crate::ErrorKind::Usage) for a piece of another plan.
    pub fn new(plan: &Arc<ReadPlan>, source: &Arc<dyn RangeSource>, piece: &RangePiece) -> Result<Self, Error> {
        let mut reader: PieceReader<ArrowRows> = PieceReader::new(Arc::clone(plan), Arc::clone(source), piece.clone())?;
        reader.block.values.set_key(plan.table.key_columns.clone());
        Ok(ArrowReader {
            reader,
            rows: row_schema(plan),
            has_failed: false,
        })
    }

    /// The columns of the rows.
    pub fn row_schema(&self) -> SchemaRef {
        Arc::clone(&self.rows)
    }

    fn next_block(&mut self) -> Result<Option<ArrowBlock>, Error> {
        if !self.reader.advance()? {
            return Ok(None);
        }
        let positions = &self.reader.positions;
        let (columns, key) = self.reader.block.values.take(positions).map_err(not_arrow)?;
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(positions.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.rows), columns, &options);
        let places: [ArrayRef; PLACE_COLUMNS.len()] = [
            file_indices(positions.iter()),
            numbers(positions.iter(), |position| position.line),
            numbers(positions.iter(), |position| position.line_end),
            numbers(positions.iter(), |position| position.record),
            numbers(positions.iter(), |position| position.offset_bytes),
            numbers(positions.iter(), |position| position.length_bytes),
            key,
        ];
        Ok(Some(ArrowBlock {
            rows: rows.map_err(not_arrow)?,
            places: RecordBatch::try_new(place_schema(), places.to_vec()).map_err(not_arrow)?,
            rejects: reject_batch(self.reader.plan(), &self.reader.rejects)?,
        }))
    }
}

impl Iterator for ArrowReader {
    type Item = Result<ArrowBlock, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let block = self.next_block();
        self.has_failed = block.is_err();
        block.transpose()
    }
}
