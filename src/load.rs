//! The load as one sentence: look at the inputs, plan the table, open the outputs, load the rows, index, settle, report.
//!
//! Its steps, one room each: `once` (what is skipped), `sources`, `start` (which asks `infer` or `append`), `outputs`, `rows`, `finish`
//! (which may ask `earlier`), `account`, `undo`; meanwhile `draft` takes the notes for the report page.

mod account;
mod append;
#[cfg(feature = "html")]
mod draft;
#[cfg(not(feature = "html"))]
#[path = "load/no_draft.rs"]
mod draft;
mod earlier;
mod files;
mod finish;
mod infer;
mod inputs;
mod once;
mod outputs;
mod rows;
mod sources;
mod start;
mod undo;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;

use self::draft::PageDraft;
pub use self::inputs::Inputs;
use self::sources::Sources;
use self::start::Start;
pub use self::undo::forget;
use crate::batch::BatchWriter;
use crate::dedup::{self, Dedup};
use crate::error::Error;
use crate::faults;
use crate::ledger::{Ledger, SideFiles};
use crate::memory::{self, MemoryWish};
use crate::observer::Observer;
use crate::options::LoadOptions;
use crate::pipeline::{ScanSettings, WorkerPool};
use crate::plan::{DedupPlan, TablePlan};
use crate::reject::random_token;
use crate::report::{LoadReport, MemorySplit, Outcome};
use crate::sqlite::database::Database;
use crate::sqlite::direct::index::IndexWish;
use crate::sqlite::lock::LoadLock;

/// Loads `inputs`, one after another, into one table of `database`; `-` among them is standard input.
///
/// # Errors
/// As [`Load::run`](crate::Load::run).
pub fn load(
    inputs: &[PathBuf],
    database: &Path,
    options: &LoadOptions,
    observer: &dyn Observer,
) -> Result<LoadReport, Error> {
    load_inputs(inputs.into(), database, options, observer)
}

/// Loads `inputs`, one after another, into one table of `database_path`.
///
/// A good row lands exactly once; a bad one goes to the dead-letter file with its place and reason and never stops the load. The report
/// counts everything; it is also written where the options say, even when the load fails.
///
/// # Errors
/// As [`Load::run`](crate::Load::run).
pub fn load_inputs(
    inputs: Inputs,
    database_path: &Path,
    options: &LoadOptions,
    observer: &dyn Observer,
) -> Result<LoadReport, Error> {
    let started = Instant::now();
    let mut report = LoadReport::new(database_path, &inputs.names, options);
    // Before anything is opened: an input that is the database must not even be closed again, which would drop the locks on it.
    let checked = files::check(&inputs.paths(), database_path, options);
    let page = options.target.report_html.as_ref().filter(|_| checked.page);
    let (draft, result) = match PageDraft::open(page) {
        Ok(draft) => {
            let result = options
                .validate()
                .and(checked.refusal.map_or(Ok(()), Err))
                .and_then(|()| {
                    let task = Task {
                        inputs,
                        database_path,
                        options,
                    };
                    let watched = |observer: &dyn Observer| run(task, observer, &draft, &mut report);
                    draft.watch(observer, watched)
                });
            (Some(draft), result)
        }
        Err(error) => (None, Err(error)),
    };
    if let Err(error) = &result {
        report.fail(error);
    }
    report.measure(started.elapsed());
    let page_written = draft.map_or(Ok(()), |draft| draft.write(&report, options));
    // A file that was refused is not written by the report of the refusal.
    let json = options.target.report.as_ref().filter(|_| checked.report);
    let written = json.map_or(Ok(()), |path| report.write_json(path, observer));
    // What went wrong in the load comes first, and after a load that is complete the same command would be another one.
    result?;
    written.and(page_written).map_err(|error| match report.outcome {
        Outcome::Complete => error.after_complete_load(),
        _ => error,
    })?;
    Ok(report)
}

/// What is to be loaded where, and how.
struct Task<'a> {
    inputs: Inputs,
    database_path: &'a Path,
    options: &'a LoadOptions,
}

fn run(task: Task<'_>, observer: &dyn Observer, draft: &PageDraft, report: &mut LoadReport) -> Result<(), Error> {
    let Task {
        inputs,
        database_path,
        options,
    } = task;
    memory::check_threads(options.resources.memory_bytes, options.resources.threads)?;
    inputs.check(options)?;
    let Inputs { names, readers } = inputs;
    let load = Run {
        database_path,
        options,
        observer,
        pool: WorkerPool::new(options.resources.threads)?,
        lock: OnceLock::new(),
        token: random_token(),
        made: OnceLock::new(),
    };
    load.lock_database()?;
    report.threads = load.pool.current_num_threads();
    load.check_grown(&names)?;
    let Some(kept) = load.not_loaded_yet(&names, report)? else {
        return Ok(());
    };
    let opened = Sources::open(&kept, readers, &names[0], &load);
    if opened.is_err()
        && let Some(by) = observer.cancelled()
    {
        // A stream from which nothing has come yet looks empty to whoever stops waiting for it.
        report.interrupt(by);
        report.identity_holds = true;
        return Ok(());
    }
    let mut sources = opened?;
    report.inputs = sources.report();

    let mut may_guess = true;
    while let Some(start) = load.start(&mut sources, may_guess, report)? {
        sources.check_unchanged()?;
        report.inputs = sources.report();
        let loaded = load.load_from(&start, &mut sources, draft, report);
        if !matches!(loaded, Ok(Some(_))) {
            load.leave_no_trace(&start, loaded.is_err(), report);
        }
        match loaded? {
            None => break,
            Some(side_files) => {
                report.time_stage("take back", || load.take_back(&start, side_files))?;
                draft.forget_samples();
                may_guess = false;
            }
        }
    }
    Ok(())
}

/// What every step of a load needs.
struct Run<'a> {
    database_path: &'a Path,
    options: &'a LoadOptions,
    observer: &'a dyn Observer,
    pool: WorkerPool,
    /// Keeps other loads out of the database. Taken when there is a file to lock.
    lock: OnceLock<LoadLock>,
    /// What the side files of a load without a checkpoint are named by.
    token: String,
    /// This run has made something in the database, or taken up what an earlier one made.
    made: OnceLock<()>,
}

/// A load that is planned: where it starts, and the memory it has.
struct Planned<'a> {
    start: &'a Start,
    split: MemorySplit,
}

/// Rows on their way into the table.
struct Rows<'d> {
    writer: BatchWriter<'d>,
    dedup: Dedup,
}

impl Run<'_> {
    /// Loads from `start` to the end. Where that relied on guessed types and a value refuted them, the side files, to be emptied
    /// when the rows are taken back.
    fn load_from(
        &self,
        start: &Start,
        sources: &mut Sources<'_>,
        draft: &PageDraft,
        report: &mut LoadReport,
    ) -> Result<Option<SideFiles>, Error> {
        let plan = &start.plan;
        let wishes = self.index_wishes(plan)?;
        let split = self.split_memory(plan, sources, &wishes)?;
        self.report_plan(plan, &split, report);

        for source in &mut sources.all {
            source.input.end_recording();
        }
        let settings = self.batch_settings(start, sources);
        let mut side_files = self.open_side_files(start, sources.paths)?;
        if let Some(samples) = draft.samples() {
            side_files.letters.keep_samples(samples);
        }
        faults::point("load: errors.csv made");
        let (database, shape) = self.open_database(start, &split, &side_files)?;
        faults::point("load: table made");
        report.sqlite_version = Database::sqlite_version();
        let destination = self.open_destination(&database, &shape, start, report)?;
        let indexes = self.open_indexes(&destination.sink, plan, &wishes, &split);
        let planned = Planned { start, split };
        let ledger = Ledger::new(side_files, self.ledger_settings(sources));
        let mut rows = Rows {
            writer: BatchWriter::new(destination, ledger, indexes, settings),
            dedup: self.open_dedup(plan, &split),
        };
        if let Some(progress) = &start.progress {
            rows.writer.resume(progress)?;
        }
        let Some(end) = self.load_rows(sources, &planned, &mut rows, report)? else {
            return Ok(Some(rows.writer.into_parts().accounts.side_files));
        };
        report.filter = rows.dedup.take_filter_report();
        faults::point("load: rows committed");
        let (counts, end) = self.finish(&planned, (rows, end), sources, report)?;
        faults::point("finish: before closing");
        database.close()?;
        let committed_before = start.progress.as_ref().map_or(0, |progress| progress.counts.records);
        self.account(end, &counts, committed_before, report);
        faults::point("finish: before the report");
        Ok(None)
    }

    /// Keeps other loads out of the database; whether that is new.
    fn lock_database(&self) -> Result<bool, Error> {
        if self.lock.get().is_some() {
            return Ok(false);
        }
        let stopped = || self.observer.cancelled().is_some();
        let lock = LoadLock::take(self.database_path, &stopped)?;
        Ok(lock.is_some_and(|lock| self.lock.set(lock).is_ok()))
    }

    fn split_memory(
        &self,
        plan: &TablePlan,
        sources: &Sources<'_>,
        wishes: &[IndexWish],
    ) -> Result<MemorySplit, Error> {
        let keys = if plan.dedup == DedupPlan::Filter {
            sources.estimated_keys
        } else {
            0
        };
        memory::split(MemoryWish {
            budget_bytes: self.options.resources.memory_bytes,
            window_bytes: self.options.resources.window_bytes,
            filter_bytes: if keys > 0 { dedup::filter_bytes(keys) } else { 0 },
            indexes: wishes.len() as u64,
            record_bytes: self.options.limits.max_record_bytes,
        })
    }

    fn scan_settings(&self, split: &MemorySplit) -> ScanSettings {
        let window_bytes = memory::window_bytes(split, self.options.resources.window_bytes);
        ScanSettings {
            window_bytes,
            chunk_bytes: (self.options.resources.chunk_bytes as usize).min(window_bytes),
            blocks_bytes: split.blocks_bytes as usize,
            windows_bytes: memory::waiting_windows_bytes(window_bytes),
            may_grow: self.options.repeat.append_only,
        }
    }
}
