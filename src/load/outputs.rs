//! What a load writes to, opened: dead letters and suspects, the database, the path that rows take into it.

use std::path::{Path, PathBuf};

use super::sources::Source;
use super::start::Start;
use super::{Run, Sources, files};
use crate::batch::BatchSettings;
use crate::checkpoint::{Checkpoint, Identity, SavedProgress};
use crate::dedup::{self, Ascending, Dedup, Filter};
use crate::error::{Error, ErrorKind};
use crate::ledger::{InputNames, LedgerSettings, SideFiles};
use crate::option_name::WRITE_PATH;
use crate::options::WritePath;
use crate::plan::{DedupPlan, TablePlan};
use crate::reject::{DeadLetters, Left, LettersPlace, SuspectSpool, discard_merge, forget_rejects};
use crate::report::{LoadReport, MemorySplit};
use crate::schema::shape::TableShape;
use crate::schema::table_info::TableInfo;
use crate::sqlite::TargetTable;
use crate::sqlite::database::Database;
use crate::sqlite::destination::{Destination, Sink};
use crate::sqlite::direct::DirectWriter;
use crate::sqlite::direct::index::{IndexPlace, IndexWish, TableIndexes};
use crate::sqlite::holders::holders;
use crate::sqlite::insert::SqlWriter;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::once;
use crate::sqlite::own::row_origins;

/// The table as INSERT sees it.
fn sql_target<'p>(plan: &'p TablePlan, shape: &'p TableShape) -> TargetTable<'p> {
    TargetTable {
        shape: Some(shape),
        table: &plan.table,
        columns: &plan.columns,
        row_id_column: plan.row_id_column,
        key_columns: &plan.key_columns,
        row_ids: plan.row_ids,
        mark: None,
    }
}

impl Run<'_> {
    pub(super) fn open_side_files(&self, start: &Start, paths: &[PathBuf]) -> Result<SideFiles, Error> {
        let errors = self.options.target.errors.as_path();
        let taken = files::taken(paths, self.database_path, self.options);
        let place = LettersPlace {
            path: errors,
            inputs: paths,
            taken: &taken,
            token: start.token().unwrap_or(&self.token),
        };
        if !start.is_settled() {
            discard_merge(errors, place.token)?;
        }
        let new_spool = || SuspectSpool::beside(&place, start.identity.is_some());
        let (letters, spool) = match &start.progress {
            Some(progress) if progress.settled => {
                let letters = DeadLetters::take_up_settled(&place, progress.errors(), progress.merged);
                let spool = new_spool();
                spool.forget()?;
                (letters, spool)
            }
            Some(progress) if progress.counts.records > 0 => (
                DeadLetters::reopen(&place, progress.left()),
                SuspectSpool::reopen(&place, progress.counts.suspects, progress.suspects())?,
            ),
            // A new load, or one that ended before its first commit: nothing committed relies on what it left.
            progress => {
                // What is in the file of a run that ended in an orderly way it has not written.
                let killed = progress.as_ref().filter(|progress| progress.errors_end_bytes.is_none());
                let own_mark = killed.map_or(0, |progress| progress.errors_mark);
                let spool = new_spool();
                spool.forget()?;
                (DeadLetters::create(&place, own_mark), spool)
            }
        };
        let mut letters = letters.map_err(name_holders)?.guarded(self.options.target.safe_errors);
        self.tell_notes(&mut letters);
        Ok(SideFiles { letters, spool })
    }

    /// Says what became of files that were in the way of the dead letters, and of what others wrote among them.
    pub(super) fn tell_notes(&self, letters: &mut DeadLetters) {
        for note in letters.take_notes() {
            self.observer.notice(&note);
        }
    }

    /// Removes what a load that is taken back has left, as far as that is its own; `keep_bytes`: see [`forget_rejects`].
    pub(super) fn forget_side_files(&self, identity: &Identity, left: Left, keep_bytes: u64) -> Result<(), Error> {
        let (path, token) = (self.options.target.errors.as_path(), identity.token.as_str());
        // As its lines name them.
        let inputs: Vec<PathBuf> = identity.inputs.iter().map(|input| PathBuf::from(&input.path)).collect();
        let place = LettersPlace {
            path,
            inputs: &inputs,
            taken: &[],
            token,
        };
        discard_merge(path, token)?;
        SuspectSpool::beside(&place, true).forget()?;
        forget_rejects(&place, left, keep_bytes).map_err(name_holders)
    }

    pub(super) fn open_database(
        &self,
        start: &Start,
        split: &MemorySplit,
        side_files: &SideFiles,
    ) -> Result<(Database, TableShape), Error> {
        let plan = &start.plan;
        let database = Database::open(self.database_path, split.database_bytes)?;
        if self.lock_database()?
            && !(database.describe_table(&plan.table)?.is_none() && checkpoint::read(&database, &plan.table)?.is_none())
        {
            // There was no file when this load was planned: another one made it since.
            return Err(Error::new(ErrorKind::DatabaseBusy {
                path: self.database_path.to_owned(),
                message: "another load made it meanwhile".to_owned(),
            }));
        }
        database.prepare_for_load()?;
        if start.begun {
            self.made.get_or_init(|| ());
            let shape = self.check_shape(&database, start)?;
            self.note_going_on(&database, start)?;
            return Ok((database, shape));
        }
        database.begin()?;
        if plan.create {
            database.create_table(&plan.table, &plan.columns, plan.row_id_column)?;
        }
        if plan.create || database.is_empty(&plan.table)? {
            // What went into an earlier table of that name is gone with it, and so is what others have deleted.
            once::forget_rows(&database, &plan.table)?;
        }
        let shape = self.check_shape(&database, start)?;
        if plan.build_key_index && plan.dedup == DedupPlan::Database {
            self.build_key_index(&database, plan)?;
        }
        row_origins::forget(&database, &plan.table)?;
        if let Some(identity) = &start.identity {
            let identity = Identity {
                shape: Some(shape.clone()),
                made_database: start.makes_database,
                ..identity.clone()
            };
            checkpoint::create(&database, &identity)?;
            let progress = identity.first_progress(side_files.letters.state());
            checkpoint::write(database.connection(), database.path(), &plan.table, &progress)?;
        }
        // A commit whose last step failed may have happened all the same.
        self.made.get_or_init(|| ());
        database.commit()?;
        Ok((database, shape))
    }

    /// From now on the load may have written more dead letters than it has committed.
    fn note_going_on(&self, database: &Database, start: &Start) -> Result<(), Error> {
        match &start.progress {
            Some(progress) if progress.errors_end_bytes.is_some() => {
                let progress = SavedProgress {
                    errors_end_bytes: None,
                    ..progress.clone()
                };
                checkpoint::write(database.connection(), database.path(), &start.plan.table, &progress)
            }
            _ => Ok(()),
        }
    }

    /// Notes of a load that ends but is to go on that it will have written nothing behind the `end_bytes` of its dead-letter file.
    pub(super) fn note_end(&self, database: &Database, table: &str, end_bytes: u64) -> Result<(), Error> {
        let Some(Checkpoint { progress, .. }) = checkpoint::read(database, table)? else {
            return Ok(());
        };
        let progress = SavedProgress {
            errors_end_bytes: Some(end_bytes),
            ..progress
        };
        checkpoint::write(database.connection(), database.path(), table, &progress)
    }

    /// The table as it is now, in an open transaction or before the first: as the plan has it.
    ///
    /// # Errors
    /// `DatabaseBusy` when somebody changed it since the load was planned.
    fn check_shape(&self, database: &Database, start: &Start) -> Result<TableShape, Error> {
        let table = &start.plan.table;
        let info = database.describe_table(table)?;
        let is_filled = |info: &TableInfo| start.needs_empty_table && !info.is_empty;
        let changed = match (&info, &start.shape) {
            (None, _) => Some("it is gone".to_owned()),
            (Some(info), _) if is_filled(info) => Some("it was empty and has rows now".to_owned()),
            (Some(info), Some(planned)) => planned.difference(&info.shape()),
            (Some(_), None) => None,
        };
        match (info, changed) {
            (Some(info), None) => Ok(info.shape()),
            (_, changed) => Err(Error::new(ErrorKind::DatabaseBusy {
                path: self.database_path.to_owned(),
                message: format!(
                    "another program changed table \"{table}\" while its load was being planned: {}",
                    changed.unwrap_or_default()
                ),
            })),
        }
    }

    pub(super) fn open_destination<'d>(
        &self,
        database: &'d Database,
        shape: &'d TableShape,
        start: &'d Start,
        report: &mut LoadReport,
    ) -> Result<Destination<'d>, Error> {
        let plan = &start.plan;
        let mark = start.progress.as_ref().and_then(|progress| progress.mark);
        let target = TargetTable {
            mark,
            ..sql_target(plan, shape)
        };
        let sink = self.choose_sink(database, target, start, report)?;
        let mut destination = Destination::new(sink, database, target, start.identity.is_some())?;
        if let Some(progress) = &start.progress {
            destination.look_for_others(&progress.counts)?;
            if plan.dedup == DedupPlan::Database && progress.counts.suspects > 0 {
                destination.origins.note_keys();
            }
        }
        Ok(destination)
    }

    fn choose_sink<'d>(
        &self,
        database: &'d Database,
        target: TargetTable<'d>,
        start: &Start,
        report: &mut LoadReport,
    ) -> Result<Sink<'d>, Error> {
        let plan = &start.plan;
        let opened = match (self.options.target.write_path, &start.obstacle, plan.append_obstacle()) {
            (WritePath::Sql, _, _) => Err(format!("asked for with {WRITE_PATH} sql")),
            (_, Some(obstacle), _) => Err(obstacle.clone()),
            (_, _, Some(obstacle)) => Err(obstacle.to_owned()),
            _ => self.open_direct(&target)?,
        };
        match opened {
            // A table of which a part is loaded already is not what was asked about.
            Err(reason) if self.options.target.write_path == WritePath::Direct && start.obstacle.is_none() => {
                Err(Error::usage(format!("{WRITE_PATH} direct is not possible: {reason}")))
            }
            Err(reason) => {
                report.write_path = "sql";
                report.write_path_reason = reason;
                Ok(Sink::Sql(Box::new(SqlWriter::new(database, target)?)))
            }
            Ok(writer) => {
                report.write_path = "direct";
                report.write_path_reason = "a new or empty plain table".to_owned();
                Ok(Sink::Direct(Box::new(writer)))
            }
        }
    }

    /// The direct path into the table, or what stands in its way.
    fn open_direct(&self, target: &TargetTable<'_>) -> Result<Result<DirectWriter, String>, Error> {
        let writer = DirectWriter::open(self.database_path, target.table)?;
        match writer.obstacle(target)? {
            Some(obstacle) => writer.close().map(|()| Err(obstacle)),
            None => Ok(Ok(writer)),
        }
    }

    /// The indexes that are built from the rows as they come: those of a table that is filled directly.
    pub(super) fn open_indexes(
        &self,
        sink: &Sink<'_>,
        plan: &TablePlan,
        wishes: &[IndexWish],
        split: &MemorySplit,
    ) -> TableIndexes<'_> {
        let wishes = if matches!(sink, Sink::Direct(_)) { wishes } else { &[] };
        TableIndexes::new(
            wishes,
            &IndexPlace {
                pool: &self.pool,
                columns: &plan.columns,
                row_id_column: plan.row_id_column,
                memory_bytes: split.indexes_bytes,
                folder: self.folder(),
            },
        )
    }

    pub(super) fn open_dedup(&self, plan: &TablePlan, split: &MemorySplit) -> Dedup {
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
    pub(super) fn folder(&self) -> &Path {
        match self.database_path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    pub(super) fn batch_settings(&self, start: &Start, sources: &Sources<'_>) -> BatchSettings {
        let plan = &start.plan;
        let key_names: Vec<&str> = plan
            .key_columns
            .iter()
            .map(|&index| plan.columns[index].name.as_str())
            .collect();
        BatchSettings {
            key_names: key_names.join(","),
            row_ids: plan.row_ids,
            batch_rows: self.options.resources.batch_rows,
            database_path: self.database_path.to_owned(),
            checkpoint: start.identity.as_ref().map(|_| plan.table.clone()),
            watches: sources.all.iter().filter_map(|source| source.input.watch()).collect(),
        }
    }

    pub(super) fn ledger_settings(&self, sources: &Sources<'_>) -> LedgerSettings {
        let names = |Source { input, head, .. }: &Source| InputNames {
            path: input.path().to_owned(),
            fields: head.names.clone(),
            line_end: head.dialect.line_end,
        };
        LedgerSettings {
            inputs: sources.all.iter().map(names).collect(),
            max_errors: self.options.limits.max_errors,
            max_record_bytes: self.options.limits.max_record_bytes,
        }
    }
}

/// `error` with who writes the file that it is about, if that is what it says.
pub(super) fn name_holders(error: Error) -> Error {
    match error.kind() {
        ErrorKind::OutputBusy { path, option, .. } => Error::output_busy(path, *option, holders(path)),
        _ => error,
    }
}
