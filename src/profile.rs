//! What is in the columns of an input: types, extents, how many different values, which columns could be a key, and why one holds no
//! numbers.
//!
//! Comes in: rows, value by value, in an [`encoder`](StatsEncoder), chunk by chunk; and what inference found. Goes out: a [`Profile`], for
//! people, as a Table Schema, as SQL or as JSON. Never: a row, or a file.

mod column;
mod distinct;
mod distribution;
mod encoder;
mod few;
mod hashes;
mod loaded;
mod reach;
mod row_sample;
mod sketch;
mod sql;
mod table_schema;
mod text;

use std::path::PathBuf;

use serde::{Serialize, Serializer};

use self::column::{ColumnStats, Suits};
pub(crate) use self::encoder::StatsEncoder;
pub(crate) use self::hashes::ValueHashes;
pub(crate) use self::loaded::{LaterRows, RowsGathering, gathering_bytes};
use crate::escape::escaped;
use crate::reject::RejectCode;
pub use crate::report::{ProfileValue, TextStart};
use crate::schema::{Column, ColumnType};

/// Share of a column's values that must be different by the sketch, for it to be worth a closer look whether all are: six times its error
/// below all of them.
const LIKELY_UNIQUE: f64 = 0.9;

/// What is in the columns of some inputs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Profile {
    /// Version of rowmill.
    pub rowmill: &'static str,
    /// The inputs, in order.
    #[serde(serialize_with = "serialize_paths")]
    pub inputs: Vec<PathBuf>,
    /// The table that a load of them would fill.
    pub table: String,
    /// Records read.
    pub records: u64,
    /// Records that a load would reject: their values are not counted below.
    pub rejected: u64,
    /// The same by code.
    #[serde(serialize_with = "serialize_counts")]
    pub by_code: Vec<(RejectCode, u64)>,
    /// The columns, in the order of the table.
    pub columns: Vec<ColumnProfile>,
}

/// What is in a column.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// The type that a load gives it: as declared, or inferred from every value.
    #[serde(rename = "type", serialize_with = "serialize_type")]
    pub column_type: ColumnType,
    /// NULLs.
    pub nulls: u64,
    /// Values other than NULL.
    pub values: u64,
    /// How many of them are different: an estimate, unless [`distinct_is_exact`](Self::distinct_is_exact).
    pub distinct: u64,
    /// Whether that is no estimate, as there are few.
    pub distinct_is_exact: bool,
    /// The least value, as SQLite orders them.
    pub least: Option<ProfileValue>,
    /// The greatest.
    pub greatest: Option<ProfileValue>,
    /// Characters of the longest text; 0 in a column of numbers.
    pub longest_chars: u64,
    /// Bytes of the longest text, in UTF-8.
    pub longest_bytes: u64,
    /// Its values and how often each is there, in their order, if there are at most 20 and none is longer than 64 bytes.
    #[serde(serialize_with = "serialize_few")]
    pub few: Option<Vec<(ProfileValue, u64)>>,
    /// Whether no value is there twice and none is NULL: it could be the key. No estimate.
    pub is_unique: bool,
    /// Of a column of texts: how many of its values are numbers in a usual form.
    pub numbers: u64,
    /// Of a column of texts: its first value that is no number.
    pub no_number: Option<FirstText>,
    /// Of a column of texts that are all numbers, why it is one of texts all the same.
    pub why_text: Option<String>,
    /// Of a column of texts: a type that every value has, so that it can be declared.
    #[serde(serialize_with = "serialize_some_type")]
    pub suits: Option<ColumnType>,
}

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FirstText {
    /// The value; of a long one the first 64 bytes.
    pub value: ProfileValue,
    /// Which input it is in, by its place among them, from 0 on.
    pub input: usize,
    /// The physical line on which its record begins, from 1 on.
    pub line: u64,
}

/// In which form a profile is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ProfileFormat {
    /// An aligned table, for people; 80 columns wide.
    #[default]
    Text,
    /// A Table Schema (JSON): see <https://specs.frictionlessdata.io/table-schema/>.
    TableSchema,
    /// A CREATE TABLE.
    Sql,
    /// Everything, as JSON.
    Json,
}

impl Profile {
    /// Returns the profile in this form; it ends with a line end.
    pub fn written(&self, format: ProfileFormat) -> String {
        match format {
            ProfileFormat::Text => text::write(self),
            ProfileFormat::TableSchema => table_schema::write(self),
            ProfileFormat::Sql => sql::write(self),
            ProfileFormat::Json => pretty(self),
        }
    }

    /// The column that is the key, where there is no doubt: the only one that could be. Reals are none, as people do not look up numbers
    /// with decimals.
    fn key(&self) -> Option<&ColumnProfile> {
        let mut could_be = self
            .columns
            .iter()
            .filter(|column| column.is_unique && !column.column_type.is_real());
        could_be.next().filter(|_| could_be.next().is_none())
    }
}

impl ColumnProfile {
    /// Whether there are values, and each is there.
    fn has_no_null(&self) -> bool {
        self.nulls == 0 && self.values > 0
    }

    /// The column holds the numbers of the records, which are not known to those who look at values.
    pub(crate) fn hold_record_numbers(&mut self) {
        self.values = std::mem::take(&mut self.nulls);
        self.distinct = self.values;
        self.distinct_is_exact = false;
        self.few = None;
    }
}

fn pretty(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value);
    json.expect("names and counts are JSON") + "\n"
}

/// A hash of a number by its bits: the last steps of SplitMix64, over one of no round bits.
#[inline]
fn hash_of_bits(bits: u64) -> u64 {
    let mut hash = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

/// What was seen of the columns so far, in input order.
#[derive(Debug)]
pub(crate) struct Gathering<'a> {
    columns: &'a [Column],
    stats: Vec<ColumnStats>,
    /// For each column, where its first text stands that is no number.
    places: Vec<Option<(usize, u64)>>,
}

impl<'a> Gathering<'a> {
    /// Nothing yet.
    pub(crate) fn of(columns: &'a [Column]) -> Self {
        Gathering {
            columns,
            stats: vec![ColumnStats::default(); columns.len()],
            places: vec![None; columns.len()],
        }
    }

    /// Adds the rows of a chunk of input `input`, in its turn; `line_of`: on which line a row begins.
    pub(crate) fn add(&mut self, rows: &StatsEncoder, input: usize, line_of: impl Fn(u32) -> u64) {
        for ((stats, found), place) in self.stats.iter_mut().zip(&rows.columns).zip(&mut self.places) {
            if let Some(first) = &found.no_number
                && stats.no_number.is_none()
            {
                *place = Some((input, line_of(first.row)));
            }
            stats.merge(found);
        }
    }

    /// For each column, whether it is likely that its values are all different, and none is NULL.
    pub(crate) fn likely_unique(&self) -> Vec<bool> {
        let is_likely = |stats: &ColumnStats| {
            let is_many = stats.sketch.estimate() >= stats.reach.values as f64 * LIKELY_UNIQUE;
            let is_exact = stats.few.distinct().map(|distinct| distinct == stats.reach.values);
            stats.reach.nulls == 0 && stats.reach.values > 0 && is_exact.unwrap_or(is_many)
        };
        self.stats.iter().map(is_likely).collect()
    }

    /// What is in the columns; `are_unique`: in which of them no value is twice and none is NULL.
    pub(crate) fn into_columns(self, are_unique: &[bool]) -> Vec<ColumnProfile> {
        let Gathering { columns, stats, places } = self;
        let all = columns.iter().zip(&stats).zip(&places).zip(are_unique);
        all.map(|(((column, stats), &place), &is_unique)| column_profile(column, stats, place, is_unique))
            .collect()
    }
}

fn column_profile(column: &Column, stats: &ColumnStats, place: Option<(usize, u64)>, is_unique: bool) -> ColumnProfile {
    let exactly = stats.few.distinct();
    let distinct = match (exactly, is_unique) {
        (Some(distinct), _) => distinct,
        (None, true) => stats.reach.values,
        // No estimate may be what cannot be.
        (None, false) => (stats.sketch.estimate().round() as u64).clamp(1, stats.reach.values.max(1)),
    };
    let is_text = column.column_type == ColumnType::Text;
    ColumnProfile {
        name: column.name.clone(),
        column_type: column.column_type,
        nulls: stats.reach.nulls,
        values: stats.reach.values,
        distinct,
        distinct_is_exact: exactly.is_some() || is_unique,
        least: stats.reach.least(),
        greatest: stats.reach.greatest(),
        longest_chars: stats.reach.longest_chars,
        longest_bytes: stats.reach.longest_bytes,
        few: stats.few.in_order(),
        is_unique,
        numbers: stats.numbers,
        no_number: place.zip(stats.no_number).map(|((input, line), first)| FirstText {
            value: ProfileValue::Text(first.value),
            input,
            line,
        }),
        why_text: None,
        suits: (is_text && stats.reach.values > 0)
            .then(|| suited(stats.suits))
            .flatten(),
    }
}

fn suited(suits: Suits) -> Option<ColumnType> {
    let types = [
        (suits.date, ColumnType::Date),
        (suits.time, ColumnType::Time),
        (suits.date_time, ColumnType::DateTime),
    ];
    types
        .into_iter()
        .find(|(suits, _)| *suits)
        .map(|(_, column_type)| column_type)
}

fn serialize_paths<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        paths
            .iter()
            .map(|path| escaped(path.as_os_str().as_encoded_bytes()).to_string()),
    )
}

fn serialize_counts<S: Serializer>(counts: &[(RejectCode, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|(code, count)| (code.as_str(), count)))
}

fn serialize_type<S: Serializer>(column_type: &ColumnType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(column_type.as_str())
}

fn serialize_some_type<S: Serializer>(column_type: &Option<ColumnType>, serializer: S) -> Result<S::Ok, S::Error> {
    column_type.map(ColumnType::as_str).serialize(serializer)
}

fn serialize_few<S: Serializer>(few: &Option<Vec<(ProfileValue, u64)>>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Counted<'a> {
        value: &'a ProfileValue,
        count: u64,
    }
    match few {
        None => serializer.serialize_none(),
        Some(few) => serializer.collect_seq(few.iter().map(|&(ref value, count)| Counted { value, count })),
    }
}
