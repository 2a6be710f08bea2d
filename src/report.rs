//! What a load did: counts that must add up, times, sizes, and why it took the path it took.

use std::path::PathBuf;

use serde::Serialize;

use crate::reject::RejectCode;

/// How a load ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every record was read and accounted for.
    Complete,
    /// Stopped because more records were rejected than `--max-errors` allows. What was read is committed.
    ErrorLimit,
    /// Stopped by a signal after draining what was in flight. What was read is committed.
    Interrupted,
    /// Stopped by an error.
    Failed,
}

/// Wall time of one stage. Stages overlap, so they add up to more than the load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageTime {
    pub stage: &'static str,
    /// Time in which the stage's thread, or the sum over its threads, was working.
    pub busy_ms: f64,
}

/// How the memory promise was split at start, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MemorySplit {
    pub budget_bytes: u64,
    pub filter_bytes: u64,
    pub windows_bytes: u64,
    pub blocks_bytes: u64,
    pub database_bytes: u64,
    /// Code, stacks, allocator and everything that is not counted one by one.
    pub reserve_bytes: u64,
}

/// What the Bloom filter did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct FilterReport {
    pub capacity_keys: u64,
    pub shards: u32,
    pub error_ratio: f64,
    pub inserted_keys: u64,
    /// Rows whose key the filter could not rule out.
    pub suspects: u64,
    /// Suspects that turned out to be new.
    pub false_alarms: u64,
}

/// One input of the load.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct InputReport {
    pub path: PathBuf,
    pub bytes: u64,
    /// Whether it was mapped (`false`: streamed).
    pub mapped: bool,
    pub records: u64,
    /// Physical lines, the header included.
    pub lines: u64,
    pub blank_lines: u64,
}

/// A column as it was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnReport {
    pub name: String,
    #[serde(rename = "type")]
    pub column_type: &'static str,
}

/// Everything a load can say about itself. Written as JSON by `--report`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadReport {
    pub outcome: Outcome,
    pub exit_code: u8,
    /// The signal that interrupted the load.
    pub signal: Option<i32>,
    /// What went wrong, when `outcome` is `failed`.
    pub error: Option<String>,
    pub database: PathBuf,
    pub table: String,
    pub errors_file: PathBuf,
    pub inputs: Vec<InputReport>,
    /// Records read: `loaded + rejected + duplicates`.
    pub records: u64,
    pub loaded: u64,
    /// Rejects other than duplicates.
    pub rejected: u64,
    pub duplicates: u64,
    /// Whether `records = loaded + rejected + duplicates`, counted independently, and the table grew by `loaded` rows.
    pub identity_holds: bool,
    /// Rejects by code, in the order of the README's table; codes that did not occur are left out.
    #[serde(serialize_with = "serialize_codes")]
    pub by_code: Vec<(RejectCode, u64)>,
    pub bytes: u64,
    pub elapsed_ms: f64,
    pub rows_per_second: f64,
    pub stages: Vec<StageTime>,
    /// Peak resident set (VmHWM) in bytes; 0 where the system does not tell.
    pub peak_rss_bytes: u64,
    pub memory: MemorySplit,
    pub filter: Option<FilterReport>,
    /// `sql` or `direct`.
    pub write_path: &'static str,
    pub write_path_reason: String,
    pub batches: u64,
    pub batch_rows: u64,
    pub threads: usize,
    pub delimiter: char,
    pub quote: Option<char>,
    pub columns: Vec<ColumnReport>,
    pub key: Vec<String>,
    pub sqlite_version: String,
}

fn serialize_codes<S: serde::Serializer>(codes: &[(RejectCode, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(codes.iter().map(|(code, count)| (code.as_str(), count)))
}
