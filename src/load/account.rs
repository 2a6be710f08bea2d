//! What a load says of itself: each step tells its own part as soon as it knows it, and at the end the report is made of them.
//!
//! Comes in: the parts, and how the load ended. Goes out: the [`LoadReport`], of a load that failed with what was told until then. Never:
//! an answer to a step. What one step needs of another it has from it, not from here.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::checkpoint::Loaded;
use crate::error::Error;
use crate::load::ended::{Ended, Ending};
use crate::options::{JSON_LINES, LoadOptions};
use crate::plan::TablePlan;
use crate::reject::RejectCode;
use crate::report::{
    ColumnReport, EarlierReport, FilterReport, InputReport, LoadReport, MemorySplit, Outcome, RowsProfile,
    SkippedInput, StageTime, UndeclaredText,
};
use crate::schema::Column;

/// The account of a load.
pub(super) struct Account<'a> {
    /// What the inputs are called.
    inputs: Vec<PathBuf>,
    database_path: &'a Path,
    options: &'a LoadOptions,
    parts: Mutex<Parts>,
}

/// What has been told so far.
#[derive(Default)]
struct Parts {
    threads: Option<usize>,
    inputs: Option<Vec<InputReport>>,
    skipped: Vec<SkippedInput>,
    earlier: Option<EarlierReport>,
    table: Option<String>,
    columns: Option<TableColumns>,
    found_texts: Vec<UndeclaredText>,
    profile: Option<RowsProfile>,
    memory: Option<MemorySplit>,
    sqlite_version: String,
    write_path: Option<WritePathTaken>,
    /// What was read, once all rows of it are committed.
    bytes: u64,
    filter: Option<FilterReport>,
    remains: Remains,
    kept_token: Option<String>,
    stages: Vec<StageTime>,
}

/// The columns of a table, and those of its key.
struct TableColumns {
    all: Vec<ColumnReport>,
    key: Vec<String>,
}

/// The way that rows take into the table.
#[derive(Debug, Clone)]
pub(super) struct WritePathTaken {
    /// `sql` or `direct`.
    pub(super) name: &'static str,
    pub(super) reason: String,
}

/// What a load that was not completed has left in the database.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Remains {
    /// This load, or the one that it goes on with, made the table.
    pub(super) created_table: bool,
    /// There is a note of how far it got.
    pub(super) resumable: bool,
}

impl<'a> Account<'a> {
    /// The account of a load of `inputs` of which nothing is told yet.
    pub(super) fn new(inputs: Vec<PathBuf>, database_path: &'a Path, options: &'a LoadOptions) -> Self {
        Account {
            inputs,
            database_path,
            options,
            parts: Mutex::default(),
        }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        // Each part is whole after any panic.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Threads that parse.
    pub(super) fn threads(&self, threads: usize) {
        self.parts().threads = Some(threads);
    }

    /// An input that is left out.
    pub(super) fn skipped(&self, input: SkippedInput) {
        self.parts().skipped.push(input);
    }

    /// Every input is left out: nothing goes into `table`.
    pub(super) fn all_skipped(&self, table: String) {
        let mut parts = self.parts();
        parts.inputs = Some(Vec::new());
        parts.table = Some(table);
    }

    /// The inputs, opened, as they are before their first record is read.
    pub(super) fn inputs(&self, inputs: Vec<InputReport>) {
        self.parts().inputs = Some(inputs);
    }

    /// An input, as far as it was read.
    pub(super) fn input_read(&self, file_index: usize, input: InputReport) {
        if let Some(inputs) = &mut self.parts().inputs {
            inputs[file_index] = input;
        }
    }

    /// What was done before this load, which goes on after it.
    pub(super) fn went_before(&self, loaded: &Loaded) {
        self.parts().earlier = Some(EarlierReport {
            records: loaded.counts.records,
            loaded: loaded.counts.loaded,
            rejected: loaded.counts.all_rejects(),
        });
    }

    /// The table, as it is planned.
    pub(super) fn table(&self, plan: &TablePlan) {
        let column = |column: &Column| ColumnReport {
            name: column.name.clone(),
            column_type: column.column_type.as_str(),
            recoded: 0,
        };
        let key = plan.key_columns.iter().map(|&index| plan.columns[index].name.clone());
        let mut parts = self.parts();
        parts.table = Some(plan.shown_table().to_owned());
        parts.columns = Some(TableColumns {
            all: plan.columns.iter().map(column).collect(),
            key: key.collect(),
        });
    }

    /// Columns that are TEXT because nothing else was said or found.
    pub(super) fn found_texts(&self, columns: Vec<UndeclaredText>) {
        self.parts().found_texts = columns;
    }

    /// What is in the columns of the rows that were loaded.
    pub(super) fn profile(&self, profile: RowsProfile) {
        self.parts().profile = Some(profile);
    }

    /// How the memory is split.
    pub(super) fn memory(&self, split: MemorySplit) {
        self.parts().memory = Some(split);
    }

    /// The version of the SQLite that has opened the database.
    pub(super) fn sqlite_version(&self, version: String) {
        self.parts().sqlite_version = version;
    }

    /// The way that the rows take into the table.
    pub(super) fn write_path(&self, taken: WritePathTaken) {
        self.parts().write_path = Some(taken);
    }

    /// All rows of the inputs, which have `bytes` bytes, are committed.
    pub(super) fn rows_committed(&self, bytes: u64) {
        self.parts().bytes = bytes;
    }

    /// What the filter did with them, if there was one.
    pub(super) fn filter(&self, filter: Option<FilterReport>) {
        self.parts().filter = filter;
    }

    /// How many of the filter's suspects turned out to be new.
    pub(super) fn false_alarms(&self, false_alarms: u64) {
        if let Some(filter) = &mut self.parts().filter {
            filter.false_alarms = false_alarms;
        }
    }

    /// What a load that was not completed has left in the database.
    pub(super) fn remains(&self, remains: Remains) {
        self.parts().remains = remains;
    }

    /// The load of this token is done, and its checkpoint stays until others are.
    pub(super) fn kept(&self, token: String) {
        self.parts().kept_token = Some(token);
    }

    /// See [`kept`](Self::kept).
    pub(super) fn kept_token(&self) -> Option<String> {
        self.parts().kept_token.clone()
    }

    /// Runs `work`, and notes how long it took as `stage`.
    pub(super) fn time<T>(&self, stage: &'static str, work: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        let result = work();
        self.stage(stage, since.elapsed());
        result
    }

    /// Notes how long a stage was busy.
    pub(super) fn stage(&self, stage: &'static str, busy: Duration) {
        self.parts().stages.push(StageTime {
            stage,
            busy_ms: busy.as_secs_f64() * 1e3,
        });
    }

    /// The report of a load that took `elapsed`, of all that was told: the one place where it is made.
    pub(super) fn report(self, ended: &Result<Ended, Error>, elapsed: Duration) -> LoadReport {
        let nothing = LoadReport::new(self.database_path, &self.inputs, self.options);
        let parts = self.parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (columns, key) = match parts.columns {
            Some(TableColumns { all, key }) => (all, key),
            None => (nothing.columns, nothing.key),
        };
        let (write_path, write_path_reason) = match parts.write_path {
            Some(WritePathTaken { name, reason }) => (name, reason),
            None => (nothing.write_path, nothing.write_path_reason),
        };
        let mut report = LoadReport {
            threads: parts.threads.unwrap_or(nothing.threads),
            inputs: parts.inputs.unwrap_or(nothing.inputs),
            skipped: parts.skipped,
            earlier: parts.earlier,
            table: parts.table.unwrap_or(nothing.table),
            columns,
            found_texts: parts.found_texts,
            profile: parts.profile,
            key,
            memory: parts.memory.unwrap_or(nothing.memory),
            sqlite_version: parts.sqlite_version,
            write_path,
            write_path_reason,
            bytes: parts.bytes,
            filter: parts.filter,
            created_table: parts.remains.created_table,
            resumable: parts.remains.resumable,
            stages: parts.stages,
            ..nothing
        };
        tell_recoded(&mut report);
        if let Some(first) = report.inputs.first().filter(|first| !first.delimiter.is_empty()) {
            report.delimiter.clone_from(&first.delimiter);
        }
        if report.inputs.iter().any(|input| input.format == JSON_LINES) {
            report.delimiter.clear();
            report.quote = None;
        }
        match ended {
            Ok(ended) => {
                tell_end(ended, &mut report);
                if report.outcome == Outcome::ErrorLimit {
                    report.passed_limit = self.options.limits.errors.passed(&ended.counts.rejected, ended.records);
                }
            }
            Err(error) => report.fail(error),
        }
        report.measure(elapsed);
        report
    }
}

/// Adds up what was counted of values that were recoded.
fn tell_recoded(report: &mut LoadReport) {
    for input in &report.inputs {
        for (column, recoded) in report.columns.iter_mut().zip(&input.recoded) {
            column.recoded += recoded;
        }
    }
    report.recoded = report.columns.iter().map(|column| column.recoded).sum();
}

/// What was counted, and how the load ended.
fn tell_end(Ended { how, records, counts }: &Ended, report: &mut LoadReport) {
    report.records = *records;
    report.loaded = counts.loaded;
    report.updated = counts.updated;
    report.duplicates = counts.duplicates();
    report.skipped_duplicates = counts.skipped;
    report.rejected = counts.all_rejects() + counts.skipped - report.duplicates;
    report.faults = counts.all_rejects() + counts.further_faults;
    for code in RejectCode::ALL {
        report.add_code(code, counts.rejected[code.index()]);
    }
    report.batches = counts.batches;
    report.pending = counts.suspects;
    report.identity_holds = counts.add_up_to(*records);
    match how {
        Ending::Complete => report.complete(),
        Ending::CompleteOverErrorLimit => report.end_over_error_limit(),
        Ending::AtErrorLimit => report.stop_at_error_limit(),
        Ending::Interrupted(by) => report.interrupt(*by),
    }
}
