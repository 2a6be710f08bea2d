//! What is in the columns of the rows that a load put into its table.

use serde::Serialize;

use super::LoadReport;
use super::value::ProfileValue;

/// What is in the columns of the rows that a run of a load put into its table, if [that is asked for](crate::Load::profile_rows): NULLs, the
/// least value, the greatest and the longest, by every value; how many are different and how they are distributed, by samples.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
/// let reader = std::io::Cursor::new("id,born\n1,1815-12-10\n2,\n3,1912-06-23\n");
/// let report = rowmill::Load::from_reader("people", reader).into(database).errors(errors).profile_rows(true).run()?;
/// let profile = report.profile.ok_or("rows were loaded")?;
/// let born = &profile.columns[1];
/// assert_eq!((profile.rows, born.nulls, born.distinct), (3, 1, 2));
/// assert_eq!(born.least.map(|least| least.to_string()).as_deref(), Some("1815-12-10"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RowsProfile {
    /// The rows that it is about: those that this run put in. Rows of earlier runs, those that were there before, and values that went into
    /// rows that were there are not among them.
    pub rows: u64,
    /// How many of them were looked at for [`distinct`](RowsColumn::distinct), and for [`distribution`](RowsColumn::distribution).
    pub counted_rows: u64,
    /// See [`counted_rows`](Self::counted_rows).
    pub sampled_rows: u64,
    /// The columns, in the order of the table.
    pub columns: Vec<RowsColumn>,
}

/// What is in one of these columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RowsColumn {
    /// Its name.
    pub name: String,
    /// The name of its [type](crate::ColumnType), such as `integer`.
    #[serde(rename = "type")]
    pub column_type: &'static str,
    /// NULLs.
    pub nulls: u64,
    /// Values other than NULL.
    pub values: u64,
    /// About how many of them are different.
    pub distinct: u64,
    /// Whether that is no estimate.
    pub distinct_is_exact: bool,
    /// The least value, as it is stored and as SQLite orders values.
    pub least: Option<ProfileValue>,
    /// The greatest.
    pub greatest: Option<ProfileValue>,
    /// Characters of the longest text; 0 in a column of numbers.
    pub longest_chars: u64,
    /// Bytes of the longest text, in UTF-8.
    pub longest_bytes: u64,
    /// How the values are distributed, by a sample of the rows; `None` without values.
    pub distribution: Option<Distribution>,
}

/// How often the values of a column lie in equal parts of a range.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Distribution {
    /// What of the values is counted.
    pub of: DistributionOf,
    /// Where the first part begins.
    pub from: f64,
    /// Where the last part ends.
    pub to: f64,
    /// How many values of the sample are in each part.
    pub counts: Vec<u32>,
}

/// What of values is counted in a [`Distribution`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DistributionOf {
    /// The numbers themselves.
    Numbers,
    /// Dates, or dates with times, as seconds since the beginning of 1970.
    Moments,
    /// How many characters texts have.
    Lengths,
}

impl LoadReport {
    /// The same, without what is in the columns unless that is `wanted`.
    pub(crate) fn with_profiles(mut self, wanted: bool) -> Self {
        if !wanted {
            self.profile = None;
            self.loads.iter_mut().for_each(|load| load.profile = None);
        }
        self
    }
}

impl RowsProfile {
    /// Whether every row was counted and sampled.
    pub(crate) fn is_of_all_rows(&self) -> bool {
        self.sampled_rows == self.rows
    }
}
