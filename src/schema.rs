//! What a table's columns hold, and how a value is cast to a column: one and the same routine for inference and for loading.

use serde::{Deserialize, Serialize};

use self::cells::{CellRules, StoredValue};
use self::form::Form;
use self::recoding::Recoding;
use self::rules::ColumnRules;
use self::widths::Widths;
use self::written::NumberStyle;

#[allow(missing_docs)]
pub mod cast;
pub mod cells;
pub mod constraint;
pub mod contract;
pub mod definition;
#[allow(missing_docs)]
pub mod form;
pub mod identifier;
#[allow(missing_docs)]
pub mod key_order;
#[allow(missing_docs)]
pub mod recoding;
pub mod repeats;
#[allow(missing_docs)]
pub mod rules;
#[allow(missing_docs)]
pub mod shape;
pub mod stored;
#[allow(missing_docs)]
pub mod table_info;
pub mod widths;
pub mod written;

/// What a column accepts and how its values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ColumnType {
    /// Any text.
    Text,
    /// A 64-bit integer, in canonical form unless it is [declared](Column::declared); stored as INTEGER.
    Integer,
    /// A number in any usual form; stored as REAL.
    Real,
    /// A truth value (see [`cast::boolean`]); stored as INTEGER 1 or 0.
    Boolean,
    /// `YYYY-MM-DD`, a day that exists; stored as TEXT.
    Date,
    /// `HH:MM` or `HH:MM:SS` with an optional fraction and zone; stored as TEXT.
    Time,
    /// A date and a time joined by `T` or a blank (see [`cast::date_time`]); stored as TEXT.
    DateTime,
    /// A number that may have a currency sign or code, a percent sign, and a sign after it or brackets; the number as written, stored as
    /// REAL.
    Number,
    /// As [`Number`](Self::Number), with a percent sign, divided by a hundred: `12.5%` is stored as the REAL 0.125.
    Percent,
    /// As [`Number`](Self::Number), with at most so many decimals, from 0 to 18; stored, exactly, as the INTEGER number of its smallest
    /// units: with two decimals `12.50` is 1250.
    Decimal(u8),
    /// Any text, kept as it is: a column of an existing table without affinity (no declared type, or BLOB).
    Any,
    /// Integers and decimals from which the text can be recovered, and any text that is not a number: a column of an existing table with
    /// NUMERIC affinity (DECIMAL, DATE, STRING and every type that SQLite does not know).
    Numeric,
}

impl ColumnType {
    /// Returns its name in messages and reports, and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            ColumnType::Text => "text",
            ColumnType::Integer => "integer",
            ColumnType::Real => "real",
            ColumnType::Boolean => "boolean",
            ColumnType::Date => "date",
            ColumnType::Time => "time",
            ColumnType::DateTime => "datetime",
            ColumnType::Number => "number",
            ColumnType::Percent => "percent",
            ColumnType::Decimal(decimals) => decimal_name(decimals),
            ColumnType::Any => "any",
            ColumnType::Numeric => "numeric",
        }
    }

    /// Whether its values are stored as REAL.
    pub const fn is_real(self) -> bool {
        matches!(self, ColumnType::Real | ColumnType::Number | ColumnType::Percent)
    }

    /// The declared type in a `CREATE TABLE` that rowmill writes.
    pub const fn sql(self) -> &'static str {
        match self {
            ColumnType::Integer | ColumnType::Boolean | ColumnType::Decimal(_) => "INTEGER",
            _ if self.is_real() => "REAL",
            ColumnType::Any => "",
            ColumnType::Numeric => "NUMERIC",
            _ => "TEXT",
        }
    }
}

/// The name of [`ColumnType::Decimal`] with so many decimals.
const fn decimal_name(decimals: u8) -> &'static str {
    const NAMES: [&str; cast::MAX_UNIT_DECIMALS as usize + 1] = [
        "decimal(0)",
        "decimal(1)",
        "decimal(2)",
        "decimal(3)",
        "decimal(4)",
        "decimal(5)",
        "decimal(6)",
        "decimal(7)",
        "decimal(8)",
        "decimal(9)",
        "decimal(10)",
        "decimal(11)",
        "decimal(12)",
        "decimal(13)",
        "decimal(14)",
        "decimal(15)",
        "decimal(16)",
        "decimal(17)",
        "decimal(18)",
    ];
    match decimals as usize {
        decimals if decimals < NAMES.len() => NAMES[decimals],
        _ => "decimal",
    }
}

/// A column of the table as the load fills it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the table.
    pub name: String,
    /// What it accepts.
    pub column_type: ColumnType,
    /// Whether NULL is refused (`null_violation`).
    pub not_null: bool,
    /// Whether somebody asked for this type: then every usual form of it is taken.
    #[serde(default)]
    pub declared: bool,
    /// How its dates or times are written, if not in the usual form.
    #[serde(default)]
    pub pattern: Option<String>,
    /// What a table that exists says about the column.
    #[serde(default)]
    pub in_table: Option<TableType>,
}

impl Column {
    /// A column of a table that does not exist yet.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        Column {
            name: name.into(),
            column_type,
            not_null: false,
            declared: false,
            pattern: None,
            in_table: None,
        }
    }
}

/// How a table that exists declares a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableType {
    /// The type in the table's own words.
    pub declared_type: String,
    /// What SQLite does to values because of it: TEXT, INTEGER, REAL, any or numeric.
    pub affinity: ColumnType,
    /// What an empty cell is to be, where that is asked for.
    #[serde(default)]
    pub default: Option<StoredValue>,
}

/// How a row's key is taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum KeyPlan {
    /// No key: nothing is looked at.
    #[default]
    None,
    /// The column (0-based) is the table's INTEGER PRIMARY KEY: its value is the row id, and it is encoded as NULL in the record.
    RowId(u32),
    /// The columns (0-based), hashed together.
    Hashed(Vec<u32>),
}

/// How a row gets its row id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowIds {
    /// `base` plus the record's number in the load: in a table that the load made, or in one in which nobody can see them.
    Ordinal {
        /// The row id of the record before the first.
        base: i64,
    },
    /// The key itself.
    Key,
    /// SQLite gives it: the table belongs to others, and what they insert meanwhile does not get in the way.
    Given,
    /// None: the table is WITHOUT ROWID.
    None,
}

impl RowIds {
    /// The id that a row is to have, unless that is left to SQLite; `row_id`: the id that was noted for it.
    pub fn wanted(self, row_id: i64) -> Option<i64> {
        match self {
            RowIds::Given | RowIds::None => None,
            RowIds::Key | RowIds::Ordinal { .. } => Some(row_id),
        }
    }
}

/// Types taken from the first records of an input, to be verified by every value that follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeGuess {
    /// For each column, what its values look like.
    pub forms: Vec<Form>,
}

/// The source of a column that comes from no field of an input.
pub const NO_FIELD: u32 = u32::MAX;

/// What a column is that comes from no field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The same in every row.
    Value(StoredValue),
    /// The number of the record in its input.
    RecordNumber,
}

/// Everything that validation needs to know about one input's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPlan {
    /// The columns in the order in which they stand in the record.
    pub columns: Vec<Column>,
    /// For each column, the field that it comes from, 0-based; [`NO_FIELD`] if it comes from none.
    pub sources: Vec<u32>,
    /// Columns that come from no field, and what they are; those of them that are not here are what an empty field is.
    pub given: Vec<(usize, Given)>,
    /// Fields that every record of this input must have.
    pub field_count: u32,
    /// What becomes of records that have more or fewer.
    pub widths: Widths,
    /// How its key is taken.
    pub key: KeyPlan,
    /// How cells are read.
    pub cells: CellRules,
    /// How numbers are written.
    pub numbers: NumberStyle,
    /// For each column, how its values become what is stored, if they are not written as its type usually is; empty if all are.
    pub recodings: Vec<Option<Recoding>>,
    /// What a contract says of the columns.
    pub rules: ColumnRules,
    /// A record that says this is the header once more, and none.
    pub repeated_header: Option<Vec<String>>,
    /// A record may have one field more, if it is empty: the delimiter at the end of its line separates nothing.
    pub trailing_delimiter: bool,
    /// Longest record accepted, for messages.
    pub max_record_bytes: u64,
    /// The columns' types are only guessed.
    pub guess: Option<TypeGuess>,
    /// If the columns' types come from a part of the input: the form, [settled](Form::settled), in which all other values must be.
    pub settled: Option<Vec<Form>>,
    /// Of a record that is rejected for a value, every other value that does not fit is noted, too.
    pub every_fault: bool,
}

impl RowPlan {
    /// Whether each value comes from a field of its own, and every record has as many fields as it must have.
    pub fn takes_fields_only(&self) -> bool {
        self.widths.are_usual() && !self.sources.contains(&NO_FIELD)
    }

    /// Columns whose values are counted that are written in another form than they are stored in: all of them, or none.
    pub fn counted_columns(&self) -> usize {
        match self.recodings.is_empty() && self.rules.values.is_empty() {
            true => 0,
            false => self.columns.len(),
        }
    }
}
