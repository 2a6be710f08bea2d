//! The load as one sentence: look at the inputs, plan the table, open the outputs, load the rows, index, settle, report.

mod infer;
mod rows;

use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::dedup::{self, Ascending, Dedup, Filter};
use crate::error::Error;
use crate::head::{Head, read_head};
use crate::memory::{self, MemoryWish};
use crate::observer::{Observer, Phase};
use crate::options::{LoadOptions, WritePath};
use crate::pipeline::ScanSettings;
use crate::plan::{self, DedupPlan, TablePlan};
use crate::reject::{DeadLetters, SuspectSpool};
use crate::report::{ColumnReport, InputReport, LoadReport, MemorySplit, Outcome};
use crate::schema::identifier;
use crate::settle::{Settlement, Settled};
use crate::window::{FileIdentity, Input};
use crate::write::Origins;
use crate::write::batch::{BatchSettings, BatchWriter, Sink};
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
    let started = Instant::now();
    let mut report = LoadReport::new(database, options);
    let result = run(inputs, database, options, observer, &mut report);
    report.finish(started.elapsed(), result.as_ref().err());
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
    let load = Load { database_path, options, observer, pool: thread_pool(options)? };
    report.threads = load.pool.current_num_threads();

    let table = table_name(options, &paths[0]);
    let (existing, obstacle) = load.look_at_database(&table)?;
    let facts = load.infer(&mut sources, existing.as_ref(), report)?;
    let plan = match &existing {
        Some(info) => plan::plan_existing_table(info, &sources.heads, &sources.fields, &facts, options)?,
        None => plan::plan_new_table(table, &sources.heads, &sources.fields, &facts, options)?,
    };
    let split = load.split_memory(&plan, &sources)?;
    load.report_plan(&plan, &split, report)?;

    let letters = DeadLetters::create(&options.errors)?;
    let spool = SuspectSpool::beside(&options.errors);
    let database = load.open_database(&plan, &split)?;
    report.sqlite_version = Database::sqlite_version();
    let sink = load.open_sink(&database, &plan, obstacle, report)?;
    let mut dedup = load.open_dedup(&plan, &split);
    let writer = BatchWriter::new(sink, letters, spool, load.batch_settings(&plan, &sources));

    let writer = load.load_rows(&mut sources, &plan, &split, &mut dedup, writer, report)?;
    load.finish(database, &plan, dedup, writer, report)
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
        let mut inputs = paths.iter().map(|path| Input::open(path)).collect::<Result<Vec<_>, _>>()?;
        refuse_shared_files(&inputs, database_path, options)?;
        let stopped = || observer.stop_signal().is_some();
        let heads =
            inputs.iter_mut().map(|input| read_head(input, options, &stopped)).collect::<Result<Vec<_>, _>>()?;
        for (head, path) in heads.iter().zip(paths) {
            for notice in &head.notices {
                observer.notice(&format!("{}: {notice}", path.display()));
            }
        }
        let fields = plan::match_headers(&heads, paths)?;
        Ok(Sources { paths, inputs, heads, fields })
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

/// No output may be an input or another output under any name: writing one would destroy the other.
fn refuse_shared_files(inputs: &[Input], database_path: &Path, options: &LoadOptions) -> Result<(), Error> {
    let mut taken: Vec<(FileIdentity, String)> = Vec::new();
    for input in inputs {
        taken.extend(input.identity().map(|identity| (identity, format!("the input {}", input.path().display()))));
    }
    let outputs = [(Some(database_path), "the database"), (Some(options.errors.as_path()), "--errors"), (options.report.as_deref(), "--report")];
    let mut names: Vec<(&Path, &str)> = Vec::new();
    for (path, role) in outputs {
        let Some(path) = path else { continue };
        if let Some((_, other)) = names.iter().find(|(other, _)| *other == path) {
            return Err(Error::usage(format!("{role} and {other} are the same file: {}", path.display())));
        }
        names.push((path, role));
        let Some(identity) = FileIdentity::of(path) else { continue };
        // Devices such as /dev/null may be shared.
        if !path.is_file() {
            continue;
        }
        if let Some((_, other)) = taken.iter().find(|(other, _)| *other == identity) {
            return Err(Error::usage(format!("{role} {} is the same file as {other}; choose another name", path.display())));
        }
        taken.push((identity, format!("{role} {}", path.display())));
    }
    Ok(())
}

fn thread_pool(options: &LoadOptions) -> Result<ThreadPool, Error> {
    ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .thread_name(|index| format!("rowmill-{index}"))
        .build()
        .map_err(|e| Error::usage(format!("cannot start the worker threads: {e}; try a smaller --threads")))
}

/// `--table`, or the stem of the first input's name.
fn table_name(options: &LoadOptions, first: &Path) -> String {
    let stem = || match first.file_stem() {
        Some(stem) if first.as_os_str() != "-" && !first.starts_with("/dev") => stem.to_string_lossy().into_owned(),
        _ => "stdin".to_owned(),
    };
    options.table.clone().unwrap_or_else(stem)
}

/// What every step of a load needs.
struct Load<'a> {
    database_path: &'a Path,
    options: &'a LoadOptions,
    observer: &'a dyn Observer,
    pool: ThreadPool,
}

impl Load<'_> {
    /// The table if it is there already, and why it cannot take the direct path.
    fn look_at_database(&self, table: &str) -> Result<(Option<TableInfo>, Option<String>), Error> {
        let there = std::fs::metadata(self.database_path).is_ok_and(|metadata| metadata.len() > 0);
        if !there {
            return Ok((None, None));
        }
        let database = Database::open(self.database_path, memory::DATABASE_BYTES)?;
        let info = database.describe_table(table)?;
        let obstacle = match &info {
            Some(info) => direct::obstacle(database.connection(), &info.name),
            None => None,
        };
        if info.as_ref().is_some_and(|info| info.has_triggers) {
            self.observer.notice(&format!("table \"{table}\" has triggers; they run for every row loaded"));
        }
        Ok((info, obstacle))
    }

    fn split_memory(&self, plan: &TablePlan, sources: &Sources<'_>) -> Result<MemorySplit, Error> {
        let keys = if plan.dedup == DedupPlan::Filter { self.estimated_keys(sources) } else { 0 };
        memory::split(MemoryWish {
            budget_bytes: self.options.memory_bytes,
            window_bytes: self.options.window_bytes,
            filter_bytes: if keys > 0 { dedup::filter_bytes(keys) } else { 0 },
        })
    }

    /// Keys to size the filter for: the rows that the inputs' sizes promise, with a tenth to spare.
    fn estimated_keys(&self, sources: &Sources<'_>) -> u64 {
        let Some(total_bytes) = sources.total_bytes() else { return dedup::MAX_FILTER_KEYS };
        let (sample, _) = sources.heads[0].sample();
        let lines = memchr::memchr_iter(sources.heads[0].dialect.line_end, sample).count().max(1);
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
        report.key = plan.key_columns.iter().map(|&index| plan.columns[index].name.clone()).collect();
        report.memory = *split;
        for line in report.memory.lines() {
            self.observer.detail(&line);
        }
        Ok(())
    }

    fn open_database(&self, plan: &TablePlan, split: &MemorySplit) -> Result<Database, Error> {
        let database = Database::open(self.database_path, split.database_bytes)?;
        database.prepare_for_load()?;
        if plan.create {
            database.begin()?;
            database.create_table(&plan.table, &plan.columns, plan.row_id_column)?;
            database.commit()?;
        }
        if plan.build_key_index && plan.dedup == DedupPlan::Database {
            self.build_key_index(&database, plan)?;
        }
        Ok(database)
    }

    fn open_sink<'d>(
        &self,
        database: &'d Database,
        plan: &TablePlan,
        obstacle: Option<String>,
        report: &mut LoadReport,
    ) -> Result<Sink<'d>, Error> {
        let obstacle = match (self.options.write_path, obstacle) {
            (WritePath::Sql, _) => Some("asked for with --write-path sql".to_owned()),
            (_, Some(obstacle)) => Some(obstacle),
            _ if plan.dedup == DedupPlan::Database && !plan.key_columns.is_empty() => {
                Some("the table's own unique index must be asked about each row".to_owned())
            }
            _ => direct::obstacle(database.connection(), &plan.table),
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
                Ok(Sink::Direct(Box::new(DirectWriter::open(database, &plan.table)?)))
            }
        }
    }

    fn sql_writer<'d>(&self, database: &'d Database, plan: &TablePlan) -> Result<SqlWriter<'d>, Error> {
        SqlWriter::new(database, &plan.table, &plan.columns, plan.row_id_column, &plan.key_columns)
    }

    fn open_dedup(&self, plan: &TablePlan, split: &MemorySplit) -> Dedup {
        match plan.dedup {
            DedupPlan::Database => Dedup::Off,
            DedupPlan::Ascending { last } => Dedup::Ascending(Ascending::new(last, self.folder())),
            DedupPlan::Filter => {
                Dedup::Filter(Filter::new(dedup::keys_within(split.filter_bytes, dedup::MAX_FILTER_KEYS)))
            }
        }
    }

    /// The database's folder: what is too large for memory goes there, beside what it belongs to.
    fn folder(&self) -> &Path {
        match self.database_path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    fn batch_settings(&self, plan: &TablePlan, sources: &Sources<'_>) -> BatchSettings {
        BatchSettings {
            inputs: sources.paths.to_vec(),
            field_names: sources.heads.iter().map(|head| head.names.clone()).collect(),
            row_ids: plan.row_ids,
            batch_rows: self.options.batch_rows,
            max_errors: self.options.max_errors,
            max_record_bytes: self.options.max_record_bytes,
            line_ends: sources.heads.iter().map(|head| head.dialect.line_end).collect(),
            origins: Origins::default(),
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
        }
    }

    fn build_key_index(&self, database: &Database, plan: &TablePlan) -> Result<(), Error> {
        let columns: Vec<String> = plan.key_columns.iter().map(|&index| plan.columns[index].name.clone()).collect();
        let name = identifier::index_name(&plan.table, &columns, &database.index_names()?);
        self.observer.phase(Phase::Index, None);
        database.create_index(&name, &plan.table, &columns, true)
    }

    /// Everything after the last row: key index, settlement, further indexes, the account.
    fn finish(
        &self,
        database: Database,
        plan: &TablePlan,
        dedup: Dedup,
        writer: BatchWriter<'_>,
        report: &mut LoadReport,
    ) -> Result<(), Error> {
        let (sink, letters, spool, mut counts, settings) = writer.into_parts();
        if let Sink::Direct(writer) = sink {
            writer.close()?;
        }
        // Pages that were written past this connection's back are not in its cache.
        database.forget_cached_pages()?;
        if plan.build_key_index && plan.dedup == DedupPlan::Filter {
            self.build_key_index(&database, plan)?;
        }
        self.observer.phase(Phase::Settle, None);
        let mut writer = self.sql_writer(&database, plan)?;
        let settled = Settlement { dedup: &dedup, settings: &settings, observer: self.observer }
            .settle(&mut writer, letters, spool, &mut counts)?;
        drop(writer);
        for index in &self.options.indexes {
            let columns = index_columns(plan, index)?;
            let name = identifier::index_name(&plan.table, &columns, &database.index_names()?);
            self.observer.phase(Phase::Index, None);
            database.create_index(&name, &plan.table, &columns, false)?;
        }
        database.close()?;
        report.count(&counts);
        if let Dedup::Filter(filter) = &dedup {
            report.filter = Some(filter.report(settled.inserted));
        }
        Ok(())
    }
}

/// The columns that one `--index` names.
fn index_columns(plan: &TablePlan, index: &str) -> Result<Vec<String>, Error> {
    let names: Vec<String> = plan.columns.iter().map(|column| column.name.clone()).collect();
    let wanted: Vec<String> = index.split(',').map(str::to_owned).collect();
    let columns = plan::key_columns(&names, &wanted, "--index")?;
    Ok(columns.into_iter().map(|index| names[index].clone()).collect())
}
