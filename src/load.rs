//! The load as one sentence: look at the inputs, plan the table, open the outputs, load the rows, index, settle, report.

mod infer;
mod rows;

use std::path::{Path, PathBuf};
use std::time::Instant;

use self::rows::RowsEnd;
use crate::checkpoint::{Checkpoint, Counts, Identity, Progress};
use crate::dedup::{self, Ascending, Dedup, Filter};
use crate::error::Error;
use crate::head::{Head, read_head};
use crate::memory::{self, MemoryWish};
use crate::observer::{Observer, Phase};
use crate::options::{LoadOptions, WritePath};
use crate::pipeline::{ScanSettings, WorkerPool, worker_pool};
use crate::plan::{self, DedupPlan, TablePlan};
use crate::reject::{DeadLetters, RejectCode, SuspectSpool, check_outputs, finish_interrupted_merge};
use crate::report::{ColumnReport, InputReport, LoadReport, MemorySplit};
use crate::schema::{RowIds, identifier};
use crate::settle::Settlement;
use crate::window::Input;
use crate::write::Origins;
use crate::write::batch::{BatchSettings, BatchWriter, Sink};
use crate::write::checkpoint;
use crate::write::database::{Database, TableInfo};
use crate::write::direct::{self, DirectWriter};
use crate::write::sql::SqlWriter;

/// Loads `inputs`, one after another, into one table of `database`.
///
/// A good row lands exactly once; a bad one goes to [`LoadOptions::errors`] with its place and reason and never stops the load.
/// `-` among the inputs is standard input. The report counts everything; the same report is written to [`LoadOptions::report`],
/// also when the load fails.
///
/// # Errors
/// [`Error`] when the load could not be started or finished. Batches committed before it stay. Rejected records, an error limit
/// that was reached and a stop signal are no errors: see [`LoadReport::outcome`].
///
/// To keep the memory promise it fixes the size from which glibc gives freed blocks back to the system, for the whole process.
///
/// ```
/// use rowmill::{LoadOptions, load};
///
/// let folder = tempfile::tempdir()?;
/// let input = folder.path().join("people.csv");
/// std::fs::write(&input, "id,name\n1,Ada\n2,Grace\n2,Grace again\n3\n")?;
/// let options = LoadOptions {
///     key: vec!["id".to_owned()],
///     errors: folder.path().join("errors.csv"),
///     ..LoadOptions::default()
/// };
/// let report = load(&[input], &folder.path().join("people.db"), &options, &())?;
/// assert_eq!((report.records, report.loaded, report.rejected, report.duplicates), (4, 2, 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(
    inputs: &[PathBuf],
    database: &Path,
    options: &LoadOptions,
    observer: &dyn Observer,
) -> Result<LoadReport, Error> {
    memory::return_freed_memory();
    let started = Instant::now();
    let mut report = LoadReport::new(database, inputs, options);
    let result = run(inputs, database, options, observer, &mut report);
    if let Err(error) = &result {
        report.fail(error);
    }
    report.measure(started.elapsed());
    if let Some(path) = &options.report {
        report.write_json(path)?;
    }
    result.map(|()| report)
}

fn run(
    paths: &[PathBuf],
    database_path: &Path,
    options: &LoadOptions,
    observer: &dyn Observer,
    report: &mut LoadReport,
) -> Result<(), Error> {
    options.validate()?;
    if paths.is_empty() {
        return Err(Error::usage("no input named"));
    }
    let mut sources = Sources::open(paths, database_path, options, observer)?;
    report.inputs = sources.report();
    let load = Load {
        database_path,
        options,
        observer,
        pool: worker_pool(options.threads)?,
    };
    report.threads = load.pool.current_num_threads();

    let start = load.start(&mut sources, report)?;
    if let Some(signal) = observer.stop_signal() {
        // Types inferred from a part of the input would be a plan for another load.
        report.interrupt(signal);
        report.identity_holds = true;
        return Ok(());
    }
    let plan = &start.plan;
    let split = load.split_memory(plan, &sources)?;
    load.report_plan(plan, &split, report)?;

    sources.heads.iter_mut().for_each(Head::forget_sample);
    let settings = load.batch_settings(&start, &sources);
    let (letters, spool) = load.open_side_files(&start, paths)?;
    let database = load.open_database(&start, &split)?;
    report.sqlite_version = Database::sqlite_version();
    let sink = load.open_sink(&database, &start, report)?;
    let mut dedup = load.open_dedup(plan, &split);
    let mut writer = BatchWriter::new(sink, letters, spool, settings);
    if let Some(progress) = &start.progress {
        writer.resume(progress.counts.clone());
    }
    let end = load.load_rows(&mut sources, plan, &split, &mut dedup, &mut writer, report)?;
    report.filter = dedup.take_filter_report();
    let counts = load.finish(&database, &start, &dedup, writer, end, report)?;
    database.close()?;
    load.account(end, &counts, report);
    Ok(())
}

/// Where a load starts from: the plan, and how far an earlier run of it got.
struct Start {
    plan: TablePlan,
    /// What can be resumed keeps a checkpoint: files can be read again, streams cannot.
    identity: Option<Identity>,
    progress: Option<Progress>,
    /// Why the table cannot take the direct path, if that is known already.
    obstacle: Option<String>,
}

impl Start {
    /// Whether the earlier run had settled everything and only its cleaning up is left.
    fn is_settled(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.settled)
    }
}

/// The inputs, opened, with what they begin with.
struct Sources<'a> {
    paths: &'a [PathBuf],
    inputs: Vec<Input>,
    heads: Vec<Head>,
    /// For each input, the field of each column of the first input's header.
    fields: Vec<Vec<u32>>,
}

impl<'a> Sources<'a> {
    fn open(
        paths: &'a [PathBuf],
        database_path: &Path,
        options: &LoadOptions,
        observer: &dyn Observer,
    ) -> Result<Self, Error> {
        let mut inputs = paths
            .iter()
            .map(|path| Input::open(path))
            .collect::<Result<Vec<_>, _>>()?;
        check_outputs(paths, database_path, &options.errors, options.report.as_deref())?;
        let stopped = || observer.stop_signal().is_some();
        let heads = inputs
            .iter_mut()
            .map(|input| read_head(input, options, &stopped))
            .collect::<Result<Vec<_>, _>>()?;
        for (head, path) in heads.iter().zip(paths) {
            for notice in &head.notices {
                observer.notice(&format!("{}: {notice}", path.display()));
            }
        }
        let fields = plan::match_headers(&heads, paths)?;
        Ok(Sources {
            paths,
            inputs,
            heads,
            fields,
        })
    }

    /// Size of all inputs, if every one is a file.
    fn total_bytes(&self) -> Option<u64> {
        self.inputs.iter().map(Input::length_bytes).sum()
    }

    fn report(&self) -> Vec<InputReport> {
        let report = |(input, head): (&Input, &Head)| InputReport {
            path: input.path().to_owned(),
            bytes: input.length_bytes().unwrap_or(0),
            mapped: input.length_bytes().is_some(),
            records: 0,
            lines: head.lines,
            blank_lines: head.blank_lines,
        };
        self.inputs.iter().zip(&self.heads).map(report).collect()
    }
}

/// `--table`, or the stem of the first input's name.
///
/// # Errors
/// `Usage` for a name that no table of a user can have.
fn table_name(options: &LoadOptions, first: &Path) -> Result<String, Error> {
    let stem = || match first.file_stem() {
        Some(stem) if first.as_os_str() != "-" && !first.starts_with("/dev") => stem.to_string_lossy().into_owned(),
        _ => "stdin".to_owned(),
    };
    let name = options.table.clone().unwrap_or_else(stem);
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.contains('\0') || lower.starts_with("sqlite_") || lower == checkpoint::TABLE {
        let message = format!("a table cannot be named \"{name}\"; name another one with --table");
        return Err(Error::usage(message));
    }
    Ok(name)
}

/// What the database holds before the load.
#[derive(Default)]
struct Seen {
    info: Option<TableInfo>,
    checkpoint: Option<Checkpoint>,
}

/// What every step of a load needs.
struct Load<'a> {
    database_path: &'a Path,
    options: &'a LoadOptions,
    observer: &'a dyn Observer,
    pool: WorkerPool,
}

impl Load<'_> {
    /// Plans a new load, or takes up an unfinished one.
    fn start(&self, sources: &mut Sources<'_>, report: &mut LoadReport) -> Result<Start, Error> {
        let table = table_name(self.options, &sources.paths[0])?;
        let mut seen = self.look_at_database(&table)?;
        let resumable = sources.total_bytes().is_some();
        if let Some(found) = seen.checkpoint.take() {
            if !self.options.restart {
                if !resumable {
                    let message = "an unfinished load is in the database, and a stream cannot be read again";
                    return Err(Error::usage(format!(
                        "{message}; finish it from its files, or start afresh with --restart"
                    )));
                }
                found.identity.check(sources.paths, self.options)?;
                let records = found.progress.counts.records;
                self.observer
                    .notice(&format!("resuming an unfinished load after record {records}"));
                let plan = found.identity.plan.clone();
                let obstacle = Some("resumed: the table has rows".to_owned());
                return Ok(Start {
                    plan,
                    identity: Some(found.identity),
                    progress: Some(found.progress),
                    obstacle,
                });
            }
            self.undo(&found)?;
            seen = self.look_at_database(&table)?;
        }
        let facts = self.infer(sources, seen.info.as_ref(), report)?;
        let plan = match &seen.info {
            Some(info) => {
                plan::plan_existing_table(info, &sources.heads, sources.fields.clone(), &facts, self.options)?
            }
            None => plan::plan_new_table(table, &sources.heads, sources.fields.clone(), &facts, self.options)?,
        };
        let identity = if resumable {
            Some(Identity::new(sources.paths, self.options, &plan)?)
        } else {
            None
        };
        Ok(Start {
            plan,
            identity,
            progress: None,
            obstacle: None,
        })
    }

    /// What the database holds already.
    fn look_at_database(&self, table: &str) -> Result<Seen, Error> {
        let there = std::fs::metadata(self.database_path).is_ok_and(|metadata| metadata.len() > 0);
        if !there {
            return Ok(Seen::default());
        }
        let database = Database::open(self.database_path, memory::DATABASE_BYTES)?;
        let info = database.describe_table(table)?;
        if info.as_ref().is_some_and(|info| info.has_triggers) {
            self.observer.notice(&format!(
                "table \"{table}\" has triggers; they run for every row loaded"
            ));
        }
        Ok(Seen {
            info,
            checkpoint: checkpoint::read(&database)?,
        })
    }

    /// Takes an unfinished load's rows out again.
    fn undo(&self, found: &Checkpoint) -> Result<(), Error> {
        let database = Database::open(self.database_path, memory::DATABASE_BYTES)?;
        let plan = &found.identity.plan;
        database.begin()?;
        match plan.row_ids {
            _ if plan.create => database.drop_table(&plan.table)?,
            RowIds::Ordinal { base } => database.delete_rows_above(&plan.table, base)?,
            RowIds::Key | RowIds::None => {
                return Err(Error::usage(format!(
                    "--restart cannot take the unfinished load's rows out of table \"{}\", which had rows before: \
                     run the same command without --restart to finish it",
                    plan.table
                )));
            }
        }
        checkpoint::remove(&database)?;
        database.commit()?;
        self.observer
            .notice("an unfinished load was taken back; starting afresh");
        database.close()
    }

    fn split_memory(&self, plan: &TablePlan, sources: &Sources<'_>) -> Result<MemorySplit, Error> {
        let keys = if plan.dedup == DedupPlan::Filter {
            self.estimated_keys(sources)
        } else {
            0
        };
        memory::split(MemoryWish {
            budget_bytes: self.options.memory_bytes,
            window_bytes: self.options.window_bytes,
            filter_bytes: if keys > 0 { dedup::filter_bytes(keys) } else { 0 },
        })
    }

    /// Keys to size the filter for: the rows that the inputs' sizes promise, with a tenth to spare.
    fn estimated_keys(&self, sources: &Sources<'_>) -> u64 {
        let Some(total_bytes) = sources.total_bytes() else {
            return dedup::MAX_FILTER_KEYS;
        };
        let (sample, _) = sources.heads[0].sample();
        let lines = memchr::memchr_iter(sources.heads[0].dialect.line_end, sample)
            .count()
            .max(1);
        let rows = total_bytes as f64 * lines as f64 / sample.len().max(1) as f64;
        ((rows * 1.1) as u64 + 1000).min(dedup::MAX_FILTER_KEYS)
    }

    fn report_plan(&self, plan: &TablePlan, split: &MemorySplit, report: &mut LoadReport) -> Result<(), Error> {
        for index in &self.options.indexes {
            index_columns(plan, index)?;
        }
        for notice in &plan.notices {
            self.observer.notice(notice);
        }
        let column = |column: &crate::schema::Column| ColumnReport {
            name: column.name.clone(),
            column_type: column.column_type.as_str(),
        };
        report.table.clone_from(&plan.table);
        report.columns = plan.columns.iter().map(column).collect();
        report.key = plan
            .key_columns
            .iter()
            .map(|&index| plan.columns[index].name.clone())
            .collect();
        report.memory = *split;
        self.observer.detail(&format!("memory {split}"));
        Ok(())
    }

    fn open_side_files(&self, start: &Start, paths: &[PathBuf]) -> Result<(DeadLetters, SuspectSpool), Error> {
        let errors = &self.options.errors;
        match &start.progress {
            Some(progress) if progress.settled => {
                finish_interrupted_merge(errors)?;
                Ok((DeadLetters::append_to(errors, paths)?, SuspectSpool::beside(errors)))
            }
            Some(progress) if progress.counts.records > 0 => Ok((
                DeadLetters::reopen(errors, paths, progress.errors_bytes, progress.errors_hash)?,
                SuspectSpool::reopen(errors, progress.counts.suspects, progress.suspects_bytes)?,
            )),
            // A new load, or one that ended before its first commit: nothing committed relies on what it left.
            _ => Ok((DeadLetters::create(errors, paths)?, SuspectSpool::beside(errors))),
        }
    }

    fn open_database(&self, start: &Start, split: &MemorySplit) -> Result<Database, Error> {
        let plan = &start.plan;
        let database = Database::open(self.database_path, split.database_bytes)?;
        database.prepare_for_load()?;
        if start.progress.is_some() {
            return Ok(database);
        }
        database.begin()?;
        if plan.create {
            database.create_table(&plan.table, &plan.columns, plan.row_id_column)?;
        }
        if plan.build_key_index && plan.dedup == DedupPlan::Database {
            self.build_key_index(&database, plan)?;
        }
        if let Some(identity) = &start.identity {
            checkpoint::create(&database, identity)?;
        }
        database.commit()?;
        Ok(database)
    }

    fn open_sink<'d>(&self, database: &'d Database, start: &Start, report: &mut LoadReport) -> Result<Sink<'d>, Error> {
        let plan = &start.plan;
        let obstacle = match (self.options.write_path, &start.obstacle, plan.append_obstacle()) {
            (WritePath::Sql, _, _) => Some("asked for with --write-path sql".to_owned()),
            (_, Some(obstacle), _) => Some(obstacle.clone()),
            (_, _, Some(obstacle)) => Some(obstacle.to_owned()),
            _ => direct::obstacle(database, &plan.table, &plan.columns)?,
        };
        match obstacle {
            Some(reason) if self.options.write_path == WritePath::Direct => {
                Err(Error::usage(format!("--write-path direct is not possible: {reason}")))
            }
            Some(reason) => {
                report.write_path = "sql";
                report.write_path_reason = reason;
                Ok(Sink::Sql(self.sql_writer(database, plan)?))
            }
            None => {
                report.write_path = "direct";
                report.write_path_reason = "a new or empty plain table".to_owned();
                Ok(Sink::Direct(Box::new(DirectWriter::open(
                    self.database_path,
                    &plan.table,
                )?)))
            }
        }
    }

    fn sql_writer<'d>(&self, database: &'d Database, plan: &TablePlan) -> Result<SqlWriter<'d>, Error> {
        SqlWriter::new(
            database,
            &plan.table,
            &plan.columns,
            plan.row_id_column,
            &plan.key_columns,
        )
    }

    fn open_dedup(&self, plan: &TablePlan, split: &MemorySplit) -> Dedup {
        match plan.dedup {
            DedupPlan::Database => Dedup::Off,
            DedupPlan::Ascending { last } => Dedup::Ascending(Ascending::new(last, self.folder())),
            DedupPlan::Filter => Dedup::Filter(Filter::new(dedup::keys_within(
                split.filter_bytes,
                dedup::MAX_FILTER_KEYS,
            ))),
        }
    }

    /// The database's folder: what is too large for memory goes there, beside what it belongs to.
    fn folder(&self) -> &Path {
        match self.database_path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    fn batch_settings(&self, start: &Start, sources: &Sources<'_>) -> BatchSettings {
        let plan = &start.plan;
        let key_names: Vec<&str> = plan
            .key_columns
            .iter()
            .map(|&index| plan.columns[index].name.as_str())
            .collect();
        BatchSettings {
            field_names: sources.heads.iter().map(|head| head.names.clone()).collect(),
            key_names: key_names.join(","),
            row_ids: plan.row_ids,
            batch_rows: self.options.batch_rows,
            max_errors: self.options.max_errors,
            max_record_bytes: self.options.max_record_bytes,
            line_ends: sources.heads.iter().map(|head| head.dialect.line_end).collect(),
            origins: Origins::default(),
            database_path: self.database_path.to_owned(),
            checkpoint: start.identity.is_some(),
        }
    }

    fn scan_settings(&self, head: &Head, split: &MemorySplit) -> ScanSettings {
        let window_bytes = memory::window_bytes(split, self.options.window_bytes);
        ScanSettings {
            dialect: head.dialect,
            max_record_bytes: self.options.max_record_bytes,
            window_bytes,
            chunk_bytes: (self.options.chunk_bytes as usize).min(window_bytes),
            blocks_bytes: split.blocks_bytes as usize,
            windows_bytes: memory::waiting_windows_bytes(window_bytes),
        }
    }

    /// Everything after the last row: key index, settlement, further indexes. A load that was stopped and can be resumed leaves all
    /// that to the run that finishes it.
    fn finish(
        &self,
        database: &Database,
        start: &Start,
        dedup: &Dedup,
        writer: BatchWriter<'_>,
        end: RowsEnd,
        report: &mut LoadReport,
    ) -> Result<Counts, Error> {
        let plan = &start.plan;
        let (sink, letters, spool, mut counts, settings) = writer.into_parts();
        if let Sink::Direct(writer) = sink {
            writer.close()?;
        }
        if end != RowsEnd::Complete && settings.checkpoint {
            return Ok(counts);
        }
        if plan.build_key_index && plan.dedup == DedupPlan::Filter && !start.is_settled() {
            report.time_stage("key index", || self.build_key_index(database, plan))?;
        }
        if spool.count() > 0 {
            self.observer.phase(Phase::Settle, None);
        }
        let new_suspects = report.time_stage("settle", || {
            let mut writer = self.sql_writer(database, plan)?;
            Settlement {
                dedup,
                settings: &settings,
            }
            .settle(&mut writer, letters, spool, &mut counts)
        })?;
        if let Some(filter) = &mut report.filter {
            filter.false_alarms = new_suspects;
        }
        report.time_stage("further indexes", || self.build_indexes(database, plan))?;
        if !self.options.keep_checkpoint {
            checkpoint::remove(database)?;
        }
        Ok(counts)
    }

    /// The indexes that `--index` asks for.
    fn build_indexes(&self, database: &Database, plan: &TablePlan) -> Result<(), Error> {
        for index in &self.options.indexes {
            self.build_index(database, plan, &index_columns(plan, index)?, false)?;
        }
        Ok(())
    }

    fn build_key_index(&self, database: &Database, plan: &TablePlan) -> Result<(), Error> {
        let columns: Vec<String> = plan
            .key_columns
            .iter()
            .map(|&index| plan.columns[index].name.clone())
            .collect();
        self.build_index(database, plan, &columns, true)
    }

    /// Builds an index, unless an earlier run of the same load did.
    fn build_index(
        &self,
        database: &Database,
        plan: &TablePlan,
        columns: &[String],
        unique: bool,
    ) -> Result<(), Error> {
        if database.has_index(&plan.table, columns, unique)? {
            return Ok(());
        }
        let name = identifier::index_name(&plan.table, columns, &database.index_names()?);
        self.observer.phase(Phase::Index, None);
        database.create_index(&name, &plan.table, columns, unique)
    }

    /// Fills in what was counted and checks that it adds up.
    fn account(&self, end: RowsEnd, counts: &Counts, report: &mut LoadReport) {
        let duplicates = counts.rejected[RejectCode::DuplicateKey.index()];
        report.loaded = counts.loaded;
        report.duplicates = duplicates;
        report.rejected = counts.all_rejects() - duplicates;
        for code in RejectCode::ALL {
            report.add_code(code, counts.rejected[code.index()]);
        }
        report.batches = counts.batches;
        // The order thread counts what was parsed, the writer what became of it. At an error limit the former is ahead.
        let parsed: u64 = report.inputs.iter().map(|input| input.records).sum();
        report.records = if end == RowsEnd::ErrorLimit {
            counts.records
        } else {
            parsed
        };
        report.pending = counts.suspects;
        report.identity_holds = report.records == report.loaded + report.rejected + report.duplicates + report.pending;
        let limit = self.options.max_errors;
        match end {
            RowsEnd::ErrorLimit => report.stop_at_error_limit(),
            RowsEnd::Interrupted => report.interrupt(self.observer.stop_signal().unwrap_or(libc::SIGINT)),
            RowsEnd::Complete if limit.is_some_and(|limit| limit.is_passed(counts.all_rejects(), report.records)) => {
                report.stop_at_error_limit();
            }
            RowsEnd::Complete => report.complete(),
        }
    }
}

/// The columns that one `--index` names.
fn index_columns(plan: &TablePlan, index: &str) -> Result<Vec<String>, Error> {
    let names: Vec<String> = plan.columns.iter().map(|column| column.name.clone()).collect();
    let wanted: Vec<String> = index.split(',').map(str::to_owned).collect();
    let columns = plan::key_columns(&names, &wanted, "--index")?;
    Ok(columns.into_iter().map(|index| names[index].clone()).collect())
}
