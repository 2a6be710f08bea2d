//! What a load did: counts that must add up, times, sizes, and why it took the path it took.

mod dialect;
#[allow(missing_docs)]
mod glance;
#[allow(missing_docs)]
mod lines;
#[cfg(feature = "html")]
#[allow(missing_docs)]
mod page;
#[allow(missing_docs)]
mod paint;
#[allow(missing_docs)]
mod preview;
mod profile_shown;
mod rejects_shown;
mod rows_profile;
#[allow(missing_docs)]
mod rows_shown;
mod several;
mod sheet;
mod summary;
mod target;
#[allow(missing_docs)]
mod timeline;
mod units;
mod value;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::cancel::Cancelled;
use crate::content_hash::ContentHash;
use crate::error::Error;
use crate::escape::escaped;
use crate::observer::Observer;
use crate::options::{LoadOptions, PassedLimit};
use crate::reject::{RejectCode, RejectSample};

pub use self::dialect::FoundDialect;
pub use self::glance::{Glance, UndeclaredText};
pub use self::lines::{fitted, padded, text_columns, wrapped};
#[cfg(feature = "html")]
pub use self::page::{PageParts, page};
pub use self::paint::Paint;
pub use self::preview::{Cell, PREVIEW_COLUMNS, PREVIEW_ROWS, PREVIEW_TEXT_BYTES, Preview};
pub use self::rows_profile::{Distribution, DistributionOf, RowsColumn, RowsProfile};
pub use self::rows_shown::table_lines;
pub(crate) use self::several::of_several;
pub use self::summary::Summary;
pub(crate) use self::target::{is_own_stream, names_descriptor};
pub use self::timeline::{FIRST_INTERVAL, MAX_POINTS, MemoryPoint, PhaseStart, RateSpan, Timeline};
pub use self::units::{agreeing, bytes, grouped, rows, short_count, size};
pub use self::value::{ProfileValue, TextStart};

/// Exit code of a load that was complete, with rejects or duplicates.
const EXIT_REJECTS: u8 = 2;
/// Exit code of a load that stopped at `--max-errors`.
const EXIT_ERROR_LIMIT: u8 = 3;
/// Added to a signal's number to make the exit code, as shells do.
const EXIT_SIGNAL_BASE: u8 = 128;
/// Exit code of a load that ended without saying how, which is a defect.
const EXIT_INTERNAL: u8 = 70;

/// How a load ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Every record was read and accounted for.
    Complete,
    /// Stopped because more records were rejected than [`max_errors`](crate::Load::max_errors) allows. What was read is committed.
    ErrorLimit,
    /// Stopped, as it was asked to, after draining what was in flight. What was read is committed.
    Interrupted,
    /// Stopped by an error.
    Failed,
}

/// Wall time of one stage. Stages overlap, so they add up to more than the load.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StageTime {
    /// The name of the stage.
    pub stage: &'static str,
    /// Time in which the stage's thread, or the sum over its threads, was working.
    pub busy_ms: f64,
}

/// How the memory promise was split at start, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemorySplit {
    /// The whole: [`memory_bytes`](crate::Load::memory_bytes).
    pub budget_bytes: u64,
    /// For the filter that knows which keys are new.
    pub filter_bytes: u64,
    /// For mapped or buffered input.
    pub windows_bytes: u64,
    /// For parsed rows on their way to the database.
    pub blocks_bytes: u64,
    /// For the keys of indexes while they are sorted.
    pub indexes_bytes: u64,
    /// For SQLite's page cache.
    pub database_bytes: u64,
    /// Code, stacks, allocator and everything that is not counted one by one.
    pub reserve_bytes: u64,
}

/// What the Bloom filter did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FilterReport {
    /// Keys for which it was made.
    pub capacity_keys: u64,
    /// How many parts it has.
    pub shards: u32,
    /// Share of new keys that it mistakes for known ones once it is full, from 0 to 1.
    pub error_ratio: f64,
    /// Keys that were put into it.
    pub inserted_keys: u64,
    /// Rows whose key the filter could not rule out.
    pub suspects: u64,
    /// Suspects that turned out to be new.
    pub false_alarms: u64,
}

/// One input of the load.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InputReport {
    /// Its name, as it was given.
    #[serde(serialize_with = "serialize_path")]
    pub path: PathBuf,
    /// Its size; for a stream, or if it is packed, how much was read of what is in it.
    pub bytes: u64,
    /// Whether it was mapped (`false`: streamed, or unpacked).
    pub mapped: bool,
    /// What it is packed with, such as `gzip`.
    pub packing: Option<&'static str>,
    /// Size of a packed file; of a packed stream, how much was read; 0 if it is not packed.
    pub packed_bytes: u64,
    /// The member that was read, if it is an archive.
    pub member: Option<String>,
    /// Records read.
    pub records: u64,
    /// Physical lines, the header included.
    pub lines: u64,
    /// Lines without a byte, which are not records.
    pub blank_lines: u64,
    /// Comments, which are no records.
    pub comment_lines: u64,
    /// Records that are the header once more, and were dropped.
    pub repeated_headers: u64,
    /// Rows of records with more fields than the header, whose rest was left out.
    pub cut_records: u64,
    /// Rows of records with fewer fields than the header, filled with NULL.
    pub filled_records: u64,
    /// Lines before or after the header that were passed over.
    pub skipped_lines: u64,
    /// Lines at the end that were passed over.
    pub footer_lines: u64,
    /// Bytes at the very end that were passed over: NULs, or a Control-Z.
    pub padding_bytes: u64,
    /// `csv`, or `jsonl` for JSON Lines.
    pub format: &'static str,
    /// What separates fields; empty until that is known, and in JSON Lines.
    pub delimiter: String,
    /// How its characters are written, by the name in the Encoding Standard: `UTF-8`, unless it was said or marked otherwise; empty until
    /// that is known.
    pub encoding: &'static str,
    /// Whether a delimiter at the end of each line separates nothing.
    pub trailing_delimiter: bool,
    /// What was found out about its dialect, where that was asked for.
    pub dialect: Option<FoundDialect>,
    /// For each column, what it has in [`ColumnReport::recoded`] from here.
    #[serde(skip)]
    pub(crate) recoded: Vec<u64>,
    /// What was read, from the first byte to the end of the last record: what the rows came from, whatever the input holds now. In an
    /// append-only load, what earlier loads read is included.
    #[serde(flatten, serialize_with = "serialize_content")]
    pub content: ContentHash,
}

/// An input that was not loaded because its content was loaded before.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SkippedInput {
    /// Its name, as it was given.
    #[serde(serialize_with = "serialize_path")]
    pub path: PathBuf,
    /// What it holds.
    #[serde(flatten, serialize_with = "serialize_content")]
    pub content: ContentHash,
    /// When, and under which name.
    pub because: String,
}

fn serialize_content<S: serde::Serializer>(content: &ContentHash, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Hashed {
        hashed_bytes: u64,
        crc64_nvme: String,
    }
    let hashed = Hashed {
        hashed_bytes: content.bytes,
        crc64_nvme: content.to_string(),
    };
    hashed.serialize(serializer)
}

/// What was done before an append-only load went on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EarlierReport {
    /// Records read.
    pub records: u64,
    /// Rows that went into the table.
    pub loaded: u64,
    /// Rejects of every code, duplicates too.
    pub rejected: u64,
}

/// A column as it was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ColumnReport {
    /// Its name in the table.
    pub name: String,
    /// The name of its [type](crate::ColumnType), such as `integer`.
    #[serde(rename = "type")]
    pub column_type: &'static str,
    /// Its values that were written in another form than they are stored in, such as dates by a pattern and numbers with a decimal comma.
    /// Of all records that passed validation: those that repeat a key, or that the table refused, are included.
    pub recoded: u64,
}

/// The contract that a load was held to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SchemaReport {
    /// The file that it was read from, if it was.
    #[serde(serialize_with = "serialize_path_or_none")]
    pub path: Option<PathBuf>,
    /// See [`Contract::hash`](crate::Contract::hash).
    pub hash: String,
}

/// Everything a load can say about itself. [`report`](crate::Load::report) writes it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LoadReport {
    /// Version of rowmill. It comes first, because a file that begins with it is known to be a report, which may be replaced.
    pub rowmill: &'static str,
    /// How the load ended.
    pub outcome: Outcome,
    /// Exit code of a program that does nothing but this load: 0 when every record was loaded, 2 with rejects, 3 at the error limit,
    /// 128 and the signal when one stopped it (130 without one), else that of the [error](crate::Error::exit_code).
    pub exit_code: u8,
    /// Whether every record was read and every good row is in the table. That can be so at the error limit, too.
    pub all_read: bool,
    /// The limit of rejects that was passed, if the outcome is [`ErrorLimit`](Outcome::ErrorLimit).
    pub passed_limit: Option<PassedLimit>,
    /// The signal that made the program stop the load, if the program named one.
    pub signal: Option<i32>,
    /// What went wrong, when the outcome is [`Failed`](Outcome::Failed).
    pub error: Option<String>,
    /// Whether this was a [check](crate::Load::check), which loads nothing: then "loaded" is said of rows that a load would have loaded.
    pub is_check: bool,
    /// The database file; empty in a check.
    #[serde(serialize_with = "serialize_path")]
    pub database: PathBuf,
    /// Empty until the table's name is known.
    pub table: String,
    /// The dead-letter file.
    #[serde(serialize_with = "serialize_path")]
    pub errors_file: PathBuf,
    /// The inputs, in order.
    pub inputs: Vec<InputReport>,
    /// Inputs that [`once`](crate::Load::once) left out.
    pub skipped: Vec<SkippedInput>,
    /// What earlier loads of the same file had done, in an append-only load: part of the counts here.
    pub earlier: Option<EarlierReport>,
    /// Records read: `loaded + updated + rejected + duplicates`.
    pub records: u64,
    /// Rows that went into the table.
    pub loaded: u64,
    /// Records whose values went into rows that were there: see [`on_duplicate`](crate::Load::on_duplicate).
    pub updated: u64,
    /// Rejects other than duplicates.
    pub rejected: u64,
    /// Records whose key came before, in the table or in the inputs.
    pub duplicates: u64,
    /// Those of them that were passed over, as [`OnDuplicate::Skip`](crate::OnDuplicate::Skip) asks: they are no rejects.
    pub skipped_duplicates: u64,
    /// Rows read but not settled yet, in a load that was stopped and can be resumed.
    pub pending: u64,
    /// Whether `records`, counted by the parser, is `loaded + updated + rejected + duplicates + pending`, counted by the writer.
    pub identity_holds: bool,
    /// Rejects by code, in the order of the README's table; codes that did not occur are left out.
    #[serde(serialize_with = "serialize_codes")]
    pub by_code: Vec<(RejectCode, u64)>,
    /// Lines of the dead-letter file: as many as records that are not loaded, or more if a check was asked for
    /// [every fault](crate::Load::all_errors) of each.
    pub faults: u64,
    /// Values that were written in another form than they are stored in: see [`ColumnReport::recoded`].
    pub recoded: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Whether the database has a checkpoint of this load, from which the same load goes on.
    pub resumable: bool,
    /// Whether this load, or the one that it goes on with, made the table.
    pub created_table: bool,
    /// Wall time of the load, in milliseconds.
    pub elapsed_ms: f64,
    /// Rows loaded by this run, divided by its wall time.
    pub rows_per_second: f64,
    /// How long each stage took.
    pub stages: Vec<StageTime>,
    /// Peak resident set (VmHWM) in bytes; 0 where the system does not tell.
    pub peak_rss_bytes: u64,
    /// How the memory was split.
    pub memory: MemorySplit,
    /// What the filter did, if there was one.
    pub filter: Option<FilterReport>,
    /// `sql`, `direct`, `memory` for a small load that was done at once, or `none` in a check; `undecided` in a load that failed before this was decided.
    pub write_path: &'static str,
    /// Why that path was taken.
    pub write_path_reason: String,
    /// Transactions that were committed.
    pub batches: u64,
    /// Records per transaction, at most.
    pub batch_rows: u64,
    /// Worker threads.
    pub threads: usize,
    /// What separates fields, in the first input.
    pub delimiter: String,
    /// What quotes fields.
    pub quote: Option<char>,
    /// The columns that were loaded, in the order of the table.
    pub columns: Vec<ColumnReport>,
    /// What is in the columns of the rows that this run loaded, if [that is asked for](crate::Load::profile_rows).
    pub profile: Option<RowsProfile>,
    /// Columns that are TEXT because nothing else was said or found.
    #[serde(skip)]
    pub(crate) found_texts: Vec<UndeclaredText>,
    /// The first few rejects of each code.
    #[serde(skip)]
    pub(crate) reject_samples: Vec<RejectSample>,
    /// The columns of the key; empty without one.
    pub key: Vec<String>,
    /// The contract, if there is one.
    pub schema: Option<SchemaReport>,
    /// Version of SQLite; empty if the load ended before it was asked for.
    pub sqlite_version: String,
    /// The report of each load, if each file went into [a table of its own](crate::Load::table_per_file): then the counts here are those of
    /// all together, and what only one load has, such as a table, is left empty. The last one may have been stopped, or have failed; those
    /// of files after it are not there.
    pub loads: Vec<LoadReport>,
}

impl LoadReport {
    /// The report of a load that has done nothing yet: failed, until it says otherwise.
    pub(crate) fn new(database: &Path, inputs: &[PathBuf], options: &LoadOptions) -> Self {
        let inputs = inputs
            .iter()
            .map(|path| InputReport {
                path: path.clone(),
                ..InputReport::default()
            })
            .collect();
        LoadReport {
            rowmill: env!("CARGO_PKG_VERSION"),
            outcome: Outcome::Failed,
            exit_code: EXIT_INTERNAL,
            all_read: false,
            passed_limit: None,
            signal: None,
            error: None,
            is_check: options.check.is_some(),
            database: database.to_owned(),
            table: options.target.table.clone().unwrap_or_default(),
            errors_file: options.target.errors.clone(),
            inputs,
            skipped: Vec::new(),
            earlier: None,
            records: 0,
            loaded: 0,
            updated: 0,
            rejected: 0,
            duplicates: 0,
            skipped_duplicates: 0,
            pending: 0,
            identity_holds: false,
            by_code: Vec::new(),
            faults: 0,
            recoded: 0,
            bytes: 0,
            resumable: false,
            created_table: false,
            elapsed_ms: 0.0,
            rows_per_second: 0.0,
            stages: Vec::new(),
            peak_rss_bytes: 0,
            memory: MemorySplit {
                budget_bytes: options.resources.memory_bytes,
                ..MemorySplit::default()
            },
            filter: None,
            write_path: "undecided",
            write_path_reason: String::new(),
            batches: 0,
            batch_rows: options.resources.batch_rows,
            threads: options.resources.threads,
            delimiter: options.dialect.delimiter_or(None).text(),
            quote: options.dialect.quote.map(char::from),
            columns: Vec::new(),
            profile: None,
            found_texts: Vec::new(),
            reject_samples: Vec::new(),
            key: options.contract.key.clone(),
            schema: options.contract.agreed.as_ref().map(|agreed| SchemaReport {
                path: agreed.contract.path().map(Path::to_owned),
                hash: agreed.contract.hash(),
            }),
            sqlite_version: String::new(),
            loads: Vec::new(),
        }
    }

    /// Every record was read. Called once the counts are final: they decide the exit code, which is about this load alone.
    pub(crate) fn complete(&mut self) {
        self.outcome = Outcome::Complete;
        self.all_read = true;
        let earlier = self.earlier.as_ref().map_or(0, |earlier| earlier.rejected);
        self.exit_code = if self.dead_letters() == earlier {
            0
        } else {
            EXIT_REJECTS
        };
    }

    /// Records in the dead-letter file.
    pub(crate) fn dead_letters(&self) -> u64 {
        self.rejected + self.duplicates - self.skipped_duplicates
    }

    /// More records were rejected than `--max-errors` allows.
    pub(crate) fn stop_at_error_limit(&mut self) {
        self.outcome = Outcome::ErrorLimit;
        self.all_read = false;
        self.exit_code = EXIT_ERROR_LIMIT;
    }

    /// Everything was read and loaded, and then more records turned out to be rejected than `--max-errors` allows.
    pub(crate) fn end_over_error_limit(&mut self) {
        self.stop_at_error_limit();
        self.all_read = true;
    }

    /// The load drained and stopped, as it was asked to.
    pub(crate) fn interrupt(&mut self, by: Cancelled) {
        self.outcome = Outcome::Interrupted;
        self.signal = match by {
            Cancelled::BySignal(signal) => Some(signal),
            Cancelled::ByProgram => None,
        };
        let signal = self.signal.unwrap_or(libc::SIGINT);
        self.exit_code = u8::try_from(signal).map_or(EXIT_INTERNAL, |signal| EXIT_SIGNAL_BASE.saturating_add(signal));
    }

    /// The load ended in `error`.
    pub(crate) fn fail(&mut self, error: &Error) {
        self.outcome = Outcome::Failed;
        self.exit_code = error.exit_code();
        self.error = Some(error.to_string());
    }

    /// Sets the wall time, and with it the rate and the peak memory.
    pub(crate) fn measure(&mut self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        self.elapsed_ms = seconds * 1e3;
        self.rows_per_second = if seconds > 0.0 {
            (self.loaded - self.earlier.map_or(0, |earlier| earlier.loaded).min(self.loaded)) as f64 / seconds
        } else {
            0.0
        };
        self.peak_rss_bytes = peak_rss_bytes();
    }

    /// Adds to the count of one code, keeping [`by_code`](Self::by_code) in the order of [`RejectCode::ALL`].
    pub(crate) fn add_code(&mut self, code: RejectCode, count: u64) {
        match self.by_code.binary_search_by_key(&code, |(code, _)| *code) {
            Ok(index) => self.by_code[index].1 += count,
            Err(index) if count > 0 => self.by_code.insert(index, (code, count)),
            Err(_) => {}
        }
    }

    /// Returns the report for people, a few short lines; `verbose` adds stages, memory and filter. Safe to show on a terminal.
    pub fn summary(&self, verbose: bool) -> Summary<'_> {
        Summary::new(self, verbose)
    }

    /// Writes the report as JSON. A regular file is replaced in one step, never half-written; a pipe or a device such as
    /// `/dev/stdout` is written to. If nobody reads a FIFO, this waits for a reader until `observer` asks to stop.
    ///
    /// # Errors
    /// [`ErrorKind::OutputCreate`](crate::ErrorKind::OutputCreate) when the file cannot be created,
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when it cannot be written.
    pub(crate) fn write_json(&self, path: &Path, observer: &dyn Observer) -> Result<(), Error> {
        target::write(path, observer, &|out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        })
    }
}

/// Whether a file that begins with `start` is a JSON report of rowmill, even if it has been indented differently since.
pub fn is_json_report(start: &[u8]) -> bool {
    let Some(rest) = start.trim_ascii_start().strip_prefix(b"{") else {
        return false;
    };
    rest.trim_ascii_start().starts_with(b"\"rowmill\":")
}

/// What a report page names as its generator, before the version: a file that has it is known to be a page, which may be replaced.
pub(crate) const GENERATOR: &str = "rowmill ";

/// Whether a file that begins with `start` is a report page of rowmill.
pub fn is_page(start: &[u8]) -> bool {
    let mark = format!("<meta name=\"generator\" content=\"{GENERATOR}");
    start.trim_ascii_start().starts_with(b"<!DOCTYPE html>") && memchr::memmem::find(start, mark.as_bytes()).is_some()
}

/// Peak resident set of this process (VmHWM), mapped pages included, in bytes; 0 where the system does not tell.
///
/// Source: proc_pid_status(5).
pub fn peak_rss_bytes() -> u64 {
    status_bytes("VmHWM:")
}

/// Resident set of this process now (VmRSS), counted as [`peak_rss_bytes`] counts.
pub fn rss_bytes() -> u64 {
    status_bytes("VmRSS:")
}

fn status_bytes(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = field.and_then(|field| field.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// JSON is UTF-8, but paths need not be: bytes that are not UTF-8 become `\xhh`.
fn serialize_path<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    match path.to_str() {
        Some(text) => serializer.serialize_str(text),
        None => serializer.collect_str(&escaped(path.as_os_str().as_encoded_bytes())),
    }
}

fn serialize_path_or_none<S: serde::Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => serialize_path(path, serializer),
        None => serializer.serialize_none(),
    }
}

fn serialize_codes<S: serde::Serializer>(codes: &[(RejectCode, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(codes.iter().map(|(code, count)| (code.as_str(), count)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::MetadataExt;

    pub(super) fn sample() -> LoadReport {
        let mut report = LoadReport::new(Path::new("people.db"), &["people.csv".into()], &LoadOptions::default());
        report.table = "people".to_owned();
        report.records = 5_000_000;
        report.loaded = 4_850_000;
        report.rejected = 50_000;
        report.duplicates = 100_000;
        report.identity_holds = true;
        report.add_code(RejectCode::DuplicateKey, 100_000);
        report.add_code(RejectCode::TypeError, 30_000);
        report.add_code(RejectCode::MissingColumns, 20_000);
        report.bytes = 1_050_000_000;
        report.write_path = "direct";
        report.complete();
        report
    }

    #[test]
    fn the_exit_code_says_how_the_load_ended() {
        let mut report = sample();
        assert_eq!((report.outcome, report.exit_code), (Outcome::Complete, 2));
        report.rejected = 0;
        report.complete();
        assert_eq!(report.exit_code, 2, "duplicates are rejects");
        report.duplicates = 0;
        report.complete();
        assert_eq!(report.exit_code, 0);
        report.stop_at_error_limit();
        assert_eq!((report.outcome, report.exit_code), (Outcome::ErrorLimit, 3));
        for (signal, exit_code) in [(2, 130), (15, 143), (1, 129)] {
            report.interrupt(Cancelled::BySignal(signal));
            assert_eq!(
                (report.outcome, report.exit_code, report.signal),
                (Outcome::Interrupted, exit_code, Some(signal))
            );
        }
        report.fail(&Error::new(ErrorKind::DatabaseBusy {
            path: "x.db".into(),
            message: "busy".to_owned(),
        }));
        assert_eq!((report.outcome, report.exit_code), (Outcome::Failed, 75));
        assert!(report.error.as_ref().is_some_and(|error| error.contains("x.db")));
    }

    #[test]
    fn a_new_report_is_a_failed_one() {
        let report = LoadReport::new(Path::new("a.db"), &[], &LoadOptions::default());
        assert_eq!((report.outcome, report.exit_code), (Outcome::Failed, 70));
    }

    #[test]
    fn codes_are_kept_in_order_and_zero_is_left_out() {
        let mut report = sample();
        report.add_code(RejectCode::NulByte, 0);
        report.add_code(RejectCode::TypeError, 1);
        let expected = [
            (RejectCode::MissingColumns, 20_000),
            (RejectCode::TypeError, 30_001),
            (RejectCode::DuplicateKey, 100_000),
        ];
        assert_eq!(report.by_code, expected);
    }

    #[test]
    fn the_json_replaces_the_file_in_one_step_with_ordinary_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, "{\"rowmill\": \"0.0.0\"}").unwrap();
        let plain_mode = path.metadata().unwrap().mode();
        let mut report = sample();
        report.database = PathBuf::from(std::ffi::OsString::from_vec(b"a\xff.db".to_vec()));
        report.write_json(&path, &()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(json["outcome"], "complete");
        assert_eq!(json["database"], "a\\xff.db");
        assert_eq!(json["by_code"]["type_error"], 30_000);
        assert_eq!(json["records"], 5_000_000);
        assert_eq!(path.metadata().unwrap().mode(), plain_mode);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(folder.path().join("notes"), "of somebody").unwrap();
        let refused = sample().write_json(&folder.path().join("notes"), &()).unwrap_err();
        assert!(refused.to_string().contains("left as it is"), "{refused}");
        assert!(is_json_report(&fs::read(&path).unwrap()));
        for other in ["", "old", "{}", "{\"outcome\": 1}", "[{\"rowmill\": 1}]"] {
            assert!(!is_json_report(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_report_never_goes_through_a_link_to_a_file_and_never_replaces_a_device_or_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink(at("real.json"), at("link.json")).unwrap();
        fs::write(at("real.json"), "").unwrap();
        let refused = sample().write_json(&at("link.json"), &()).unwrap_err();
        assert!(refused.to_string().contains("symbolic link"), "{refused}");
        assert!(at("link.json").is_symlink());
        assert_eq!(fs::read_to_string(at("real.json")).unwrap(), "");
        std::os::unix::fs::symlink("/dev/null", at("null")).unwrap();
        sample().write_json(&at("null"), &()).unwrap();
        assert!(at("null").is_symlink());
        assert_eq!(sample().write_json(folder.path(), &()).unwrap_err().exit_code(), 73);
        assert_eq!(
            sample()
                .write_json(&at("none/report.json"), &())
                .unwrap_err()
                .exit_code(),
            73
        );
    }

    #[test]
    fn peak_memory_is_known_and_plausible() {
        assert!(peak_rss_bytes() > 1 << 20);
    }
}
