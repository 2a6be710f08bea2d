//! What every process that reads a range must know: the inputs, how they are written, and what is to become of their records.
//!
//! It travels as JSON. All that is needed of the options of a load is in it, and an options' copy is made of that again, so that rows are
//! judged by the same code as in a load.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::content_hash::ContentHash;
use crate::dialect::{Delimiter, Dialect};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::load::{RangedHead, RangedInputs};
use crate::option_name::MAX_RECORD_BYTES;
use crate::options::{
    Agreement, ColumnOptions, ContractOptions, DialectOptions, LimitOptions, LoadOptions, TargetOptions,
};
use crate::parse::Syntax;
use crate::plan::TablePlan;
use crate::schema::cells::CellRules;
use crate::schema::contract::Contract;
use crate::schema::widths::Widths;
use crate::schema::written::WrittenForms;
use crate::schema::{ColumnType, KeyPlan, RowPlan};
use crate::window::RangeSource;

/// Of what is written to JSON. Another number is another form.
const FORM: u32 = 1;

/// Most bytes of a range, and of a record. Offsets within a parsed span are 32 bits wide, and spans shorter than 1 GiB.
pub(super) const MOST_RANGE_BYTES: u64 = 256 << 20;
/// Bytes after a range that are read with it.
const AHEAD_BYTES: u64 = 64 << 10;
/// Bytes parsed at a time, unless records are damaged: what is found fits the cache of a processor.
const STEP_BYTES: u64 = 1 << 20;

/// In what pieces ranges are read and parsed. The outcome does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StepSizes {
    pub(super) ahead_bytes: u64,
    pub(super) step_bytes: u64,
}

impl Default for StepSizes {
    fn default() -> Self {
        StepSizes {
            ahead_bytes: AHEAD_BYTES,
            step_bytes: STEP_BYTES,
        }
    }
}

/// What is written as JSON and read again by another process, which must be of the same version of rowmill.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("maps have texts as keys, and nothing fails to serialise")
}

pub(super) fn from_json<'a, T: Deserialize<'a>>(json: &'a str, what: &str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| {
        Error::usage(format!(
            "this is not {what} that this version of rowmill has written: {error}"
        ))
    })
}

/// A part of an input: bytes `start` up to `end`, which is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InputRange {
    /// Which of the inputs, 0-based.
    pub file_index: u32,
    /// Offset of its first byte in the input.
    pub start: u64,
    /// Offset of the first byte after it.
    pub end: u64,
}

/// How the characters of an input shape it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct WrittenDialect {
    delimiter: Delimiter,
    quote: Option<u8>,
    doubles_quotes: bool,
    line_end: u8,
    comment: Option<u8>,
    trim: bool,
    encoding: String,
}

impl WrittenDialect {
    fn of(dialect: &Dialect) -> Self {
        WrittenDialect {
            delimiter: dialect.delimiter,
            quote: dialect.quote,
            doubles_quotes: dialect.doubles_quotes,
            line_end: dialect.line_end,
            comment: dialect.comment,
            trim: dialect.trim,
            encoding: dialect.encoding.name().to_owned(),
        }
    }

    fn dialect(&self) -> Result<Dialect, Error> {
        Ok(Dialect {
            delimiter: self.delimiter,
            quote: self.quote,
            doubles_quotes: self.doubles_quotes,
            // What has escapes is not read in ranges.
            escape: None,
            line_end: self.line_end,
            comment: self.comment,
            trim: self.trim,
            encoding: Encoding::new(&self.encoding)?,
        })
    }
}

/// An input as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlannedInput {
    pub(super) name: String,
    pub(super) length_bytes: u64,
    /// Where its records begin and end.
    pub(super) data_start: u64,
    pub(super) data_end: u64,
    /// The bytes before and after them.
    pub(super) before: ContentHash,
    pub(super) after: ContentHash,
    /// Lines before the records.
    pub(super) lines: u64,
    dialect: WrittenDialect,
    /// Fields of a record.
    columns: u32,
    /// The names of its fields.
    pub(super) names: Vec<String>,
    /// For each column of the table, the field that it comes from.
    pub(super) fields: Vec<u32>,
    /// A record that says this is the header once more.
    pub(super) repeated_header: Option<Vec<String>>,
    pub(super) trailing_delimiter: bool,
}

impl PlannedInput {
    fn of(path: &Path, length_bytes: u64, ranged: RangedHead, options: &LoadOptions) -> Result<Self, Error> {
        let RangedHead {
            head,
            fields,
            data_end_bytes,
            tail,
        } = ranged;
        let Some(name) = path.to_str() else {
            return Err(Error::unusable(
                path,
                "its name is not UTF-8, and a plan is written as JSON",
            ));
        };
        Ok(PlannedInput {
            name: name.to_owned(),
            length_bytes,
            data_start: head.data_start_bytes,
            data_end: data_end_bytes.max(head.data_start_bytes),
            before: head.content,
            after: tail.content,
            lines: head.lines,
            dialect: WrittenDialect::of(&head.dialect),
            columns: head.syntax(options).columns,
            repeated_header: head.repeated_header(options).map(<[String]>::to_vec),
            trailing_delimiter: head.trailing_delimiter,
            names: head.names,
            fields,
        })
    }

    pub(super) fn line_end(&self) -> u8 {
        self.dialect.line_end
    }
}

/// What is kept of the options of a load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptOptions {
    widths: Widths,
    cells: CellRules,
    written: WrittenForms,
    types: Vec<(String, ColumnType)>,
    contract: Option<KeptContract>,
    max_record_bytes: u64,
    safe_errors: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptContract {
    json: String,
    says_missing: bool,
    key_may_be_null: bool,
}

impl KeptOptions {
    fn of(options: &LoadOptions) -> Self {
        let kept = |agreed: &Agreement| KeptContract {
            json: agreed.contract.to_json(),
            says_missing: agreed.says_missing,
            key_may_be_null: agreed.key_may_be_null,
        };
        KeptOptions {
            widths: options.columns.widths,
            cells: options.dialect.cells.clone(),
            written: options.dialect.written.clone(),
            types: options.contract.types.clone(),
            contract: options.contract.agreed.as_ref().map(kept),
            max_record_bytes: options.limits.max_record_bytes,
            safe_errors: options.target.safe_errors,
        }
    }

    fn options(&self) -> Result<LoadOptions, Error> {
        let agreement = |kept: &KeptContract| {
            Ok(Agreement {
                contract: Arc::new(Contract::from_json(&kept.json)?),
                says_missing: kept.says_missing,
                key_may_be_null: kept.key_may_be_null,
            })
        };
        Ok(LoadOptions {
            dialect: DialectOptions {
                cells: self.cells.clone(),
                written: self.written.clone(),
                ..DialectOptions::default()
            },
            columns: ColumnOptions {
                widths: self.widths,
                ..ColumnOptions::default()
            },
            contract: ContractOptions {
                types: self.types.clone(),
                agreed: self.contract.as_ref().map(agreement).transpose()?,
                ..ContractOptions::default()
            },
            target: TargetOptions {
                safe_errors: self.safe_errors,
                ..TargetOptions::default()
            },
            limits: LimitOptions {
                max_record_bytes: self.max_record_bytes,
                ..LimitOptions::default()
            },
            ..LoadOptions::default()
        })
    }
}

/// What is known of the inputs before their records are read: enough to [scan](Self::scan) ranges of them.
///
/// It is made by a [`RangePlanner`](super::RangePlanner) and travels [as JSON](Self::to_json) to whoever scans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanPlan {
    form: u32,
    pub(super) inputs: Vec<PlannedInput>,
    options: KeptOptions,
    /// For each column of the table, whether its type is declared.
    pub(super) declared: Vec<bool>,
    /// The columns of the key.
    pub(super) key: Vec<usize>,
    pub(super) sizes: StepSizes,
    /// Distinguishes it from other plans.
    pub(super) mark: String,
}

impl ScanPlan {
    pub(super) fn of(
        inputs: RangedInputs,
        sources: &[(std::path::PathBuf, Arc<dyn RangeSource>)],
    ) -> Result<(Self, LoadOptions), Error> {
        let RangedInputs {
            all,
            layout,
            options,
            declared,
            ..
        } = inputs;
        if options.limits.max_record_bytes > MOST_RANGE_BYTES {
            return Err(Error::usage(format!(
                "{MAX_RECORD_BYTES} is at most {MOST_RANGE_BYTES} bytes where ranges are read: a range and a record must be in memory together"
            )));
        }
        let planned = all.into_iter().zip(sources).map(|(head, (path, source))| {
            let length = source.length_bytes().map_err(|e| Error::io("reading", path, e))?;
            PlannedInput::of(path, length, head, &options)
        });
        let mut plan = ScanPlan {
            form: FORM,
            inputs: planned.collect::<Result<_, Error>>()?,
            options: KeptOptions::of(&options),
            declared,
            key: layout.key(&options)?,
            sizes: StepSizes::default(),
            mark: String::new(),
        };
        plan.mark = ContentHash::of(to_json(&plan).as_bytes()).to_string();
        Ok((plan, options))
    }

    /// Writes the plan as JSON, for [`from_json`](Self::from_json) in another process.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// Reads a plan from JSON.
    ///
    /// # Errors
    /// [`Usage`](crate::ErrorKind::Usage) when it is none, or of another version.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let plan: ScanPlan = from_json(json, "a scan plan")?;
        match plan.form == FORM {
            true => Ok(plan),
            false => Err(Error::usage("this scan plan was made by another version of rowmill")),
        }
    }

    /// Divides all inputs into ranges of about `target_bytes`, of at most 256 MiB, in order. An input without records has one, which is empty.
    ///
    /// Ranges that are at least as long as a [record may be](crate::Load::max_record_bytes) are read twice at worst. A range is in memory as
    /// long as it is scanned or read, and its thread keeps the memory for the next one.
    pub fn ranges(&self, target_bytes: u64) -> Vec<InputRange> {
        let step = target_bytes.clamp(1, MOST_RANGE_BYTES);
        let mut ranges = Vec::new();
        for (file_index, input) in self.inputs.iter().enumerate() {
            let mut start = input.data_start;
            loop {
                let end = start.saturating_add(step).min(input.data_end);
                ranges.push(InputRange {
                    file_index: file_index as u32,
                    start,
                    end,
                });
                if end == input.data_end {
                    break;
                }
                start = end;
            }
        }
        ranges
    }

    /// The names of the inputs, by index.
    pub fn input_names(&self) -> Vec<String> {
        self.inputs.iter().map(|input| input.name.clone()).collect()
    }

    /// How the records of an input are separated.
    pub(super) fn syntax(&self, input: &PlannedInput) -> Result<Syntax, Error> {
        Ok(Syntax {
            dialect: input.dialect.dialect()?,
            columns: input.columns,
            max_record_bytes: self.options.max_record_bytes,
        })
    }

    pub(super) fn options(&self) -> Result<LoadOptions, Error> {
        self.options.options()
    }
}

/// What is known once all ranges are scanned: the columns, with their types. Enough to read the rows and rejects of any range.
///
/// It is made by [`RangePlanner::compose`](super::RangePlanner::compose) and travels [as JSON](Self::to_json) to whoever reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadPlan {
    pub(super) scan: ScanPlan,
    pub(super) table: TablePlan,
}

/// A column of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RangeColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub column_type: ColumnType,
    /// It is part of the key.
    pub is_key: bool,
}

impl ReadPlan {
    /// Writes the plan as JSON, for [`from_json`](Self::from_json) in another process.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// Reads a plan from JSON.
    ///
    /// # Errors
    /// [`Usage`](crate::ErrorKind::Usage) when it is none, or of another version.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let plan: ReadPlan = from_json(json, "a read plan")?;
        match plan.scan.form == FORM {
            true => Ok(plan),
            false => Err(Error::usage("this read plan was made by another version of rowmill")),
        }
    }

    /// The columns of the rows, in order.
    pub fn columns(&self) -> Vec<RangeColumn> {
        let column = |(index, column): (usize, &crate::schema::Column)| RangeColumn {
            name: column.name.clone(),
            column_type: column.column_type,
            is_key: self.table.key_columns.contains(&index),
        };
        self.table.columns.iter().enumerate().map(column).collect()
    }

    /// The names of the columns of the key, in its order; nothing without one.
    pub fn key(&self) -> Vec<String> {
        self.table.names(&self.table.key_columns)
    }

    /// The column that a load would make the row id of its table, and by which a query finds the rows in order: a key of one column of
    /// integers that ascend.
    pub fn row_id_column(&self) -> Option<&str> {
        self.table
            .row_id_column
            .map(|index| self.table.columns[index].name.as_str())
    }

    /// The names of the inputs, by index.
    pub fn input_names(&self) -> Vec<String> {
        self.scan.input_names()
    }

    /// Length of the longest record, in bytes: see [`Load::max_record_bytes`](crate::Load::max_record_bytes).
    pub fn max_record_bytes(&self) -> u64 {
        self.scan.options.max_record_bytes
    }

    /// What a load would tell its user: why columns of numbers are text.
    pub fn notices(&self) -> &[String] {
        &self.table.notices
    }

    /// What validation must know of an input.
    pub(super) fn row_plan(&self, file_index: usize, options: &LoadOptions) -> RowPlan {
        let input = &self.scan.inputs[file_index];
        let plan = self.table.row_plan(file_index, input.names.len(), options);
        RowPlan {
            repeated_header: input.repeated_header.clone(),
            trailing_delimiter: input.trailing_delimiter,
            key: match plan.key {
                // Keys are compared as they are, not by their hashes.
                KeyPlan::Hashed(_) => KeyPlan::None,
                key => key,
            },
            ..plan
        }
    }
}
