//! What rows go into, opened: deduplication, the database, the way that they take into the table, and the books.

use std::sync::Arc;

use crate::batch::{BatchSettings, BatchWriter};
use crate::checkpoint::{Identity, SavedProgress};
use crate::dedup::{self, Ascending, Dedup, Filter};
use crate::error::{Error, ErrorKind};
use crate::ledger::{InputNames, Ledger, LedgerSettings, SideFiles};
use crate::load::account::WritePathTaken;
use crate::load::before;
use crate::load::context::Context;
use crate::load::indexes::build_before_rows;
use crate::load::opened::{OpenedInput, OpenedInputs};
use crate::load::planned::{Blueprint, Refuted};
use crate::load::start::Start;
use crate::option_name::WRITE_PATH;
use crate::options::WritePath;
use crate::plan::{DedupPlan, TablePlan};
use crate::profile::RowsGathering;
use crate::schema::shape::TableShape;
use crate::schema::table_info::TableInfo;
use crate::sqlite::TargetTable;
use crate::sqlite::added;
use crate::sqlite::database::Database;
use crate::sqlite::definition;
use crate::sqlite::destination::{Destination, Sink};
use crate::sqlite::direct::DirectWriter;
use crate::sqlite::direct::index::{IndexPlace, TableIndexes};
use crate::sqlite::insert::SqlWriter;
use crate::sqlite::new_file::{NewFile, Placed};
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::once;
use crate::sqlite::own::row_origins;

/// Fewer bytes of input than this go into a table of others that has rows by INSERT: every program that uses it reads the schema anew once
/// its pages have moved.
const LEAST_BYTES_BEHIND_OTHERS: u64 = 4 << 20;

/// The database, opened, with the table that is to be filled.
pub(super) struct OpenedTable<'b> {
    blueprint: &'b Blueprint,
    pub(super) database: Database,
    shape: TableShape,
    place: TablePlace,
}

/// Where the database of a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TablePlace {
    File,
    Memory,
    /// Nobody sees it, as in a check.
    Nowhere,
}

/// What rows go through on their way into the table.
pub(super) struct Outputs<'d> {
    pub(super) blueprint: &'d Blueprint,
    /// Rows go in as finished pages, as long as nobody else writes.
    pub(super) began_direct: bool,
    pub(super) dedup: Dedup,
    pub(super) writer: BatchWriter<'d>,
    /// What is in the columns of rows that are in, if that is asked for.
    pub(super) gathering: Option<Arc<RowsGathering>>,
}

impl<'b> OpenedTable<'b> {
    /// Opens the database and makes the table, where it is to be made. `side_files`: of the same load.
    pub(super) fn open(
        blueprint: &'b Blueprint,
        side_files: &SideFiles,
        context: &Context<'_>,
    ) -> Result<OpenedTable<'b>, Error> {
        let (start, plan) = (&blueprint.start, &blueprint.start.plan);
        let made = make_database(blueprint, side_files, context)?;
        let database = Database::open(context.database_path, blueprint.split.database_bytes)?;
        context.lock_database()?;
        // There was no file when this load was planned, however early after that the lock was taken.
        let planned_without = start.makes_database && !start.begun && made.is_none();
        let is_there = || {
            Ok(database.describe_table(&plan.table)?.is_some() || checkpoint::read(&database, &plan.table)?.is_some())
        };
        if planned_without && is_there()? {
            return Err(busy(context, "another load made it meanwhile".to_owned()));
        }
        database.prepare_for_load()?;
        let shape = if start.begun {
            context.note_made();
            let shape = check_shape(&database, start, context)?;
            note_going_on(&database, start)?;
            shape
        } else if let Some(shape) = made {
            shape
        } else {
            let shape = begin_load(&database, start, side_files, context)?;
            // A commit whose last step failed may have happened all the same.
            context.note_made();
            database.commit()?;
            shape
        };
        before::run_before(start, &shape, side_files.letters.state(), context)?;
        Ok(OpenedTable {
            blueprint,
            database,
            shape,
            place: TablePlace::File,
        })
    }

    /// Makes the table in a database in memory.
    pub(super) fn in_memory(
        blueprint: &'b Blueprint,
        side_files: &SideFiles,
        context: &Context<'_>,
    ) -> Result<OpenedTable<'b>, Error> {
        let database = Database::in_memory(context.database_path)?;
        database.prepare_for_load()?;
        let shape = begin_load(&database, &blueprint.start, side_files, context)?;
        database.commit()?;
        Ok(OpenedTable {
            blueprint,
            database,
            shape,
            place: TablePlace::Memory,
        })
    }

    /// Makes the table where nobody sees it: for the rows of a check that only SQLite can compare.
    pub(super) fn nowhere(
        blueprint: &'b Blueprint,
        side_files: &SideFiles,
        context: &Context<'_>,
    ) -> Result<OpenedTable<'b>, Error> {
        let database = Database::temporary(blueprint.split.database_bytes)?;
        let shape = begin_load(&database, &blueprint.start, side_files, context)?;
        database.commit()?;
        Ok(OpenedTable {
            blueprint,
            database,
            shape,
            place: TablePlace::Nowhere,
        })
    }
}

/// Makes the database with the table in it, if there is none; the table as it is then. `None` if that has to be left to SQLite.
fn make_database(
    blueprint: &Blueprint,
    side_files: &SideFiles,
    context: &Context<'_>,
) -> Result<Option<TableShape>, Error> {
    if !blueprint.start.makes_database {
        return Ok(None);
    }
    let Some(file) = NewFile::create(context.database_path) else {
        return Ok(None);
    };
    let OpenedTable { database, shape, .. } = OpenedTable::in_memory(blueprint, side_files, context)?;
    Ok(match file.place(&database.into_image()?)? {
        Placed::Here(lock) => {
            context.note_new_database(lock);
            Some(shape)
        }
        Placed::Taken => None,
    })
}

/// Makes what the load needs in the database and notes its first checkpoint, in a transaction that is left open; the table as it is then.
fn begin_load(
    database: &Database,
    start: &Start,
    side_files: &SideFiles,
    context: &Context<'_>,
) -> Result<TableShape, Error> {
    let plan = &start.plan;
    database.begin()?;
    match &plan.definition {
        Some(definition) if plan.create => definition::make(database, definition, plan.replaces.is_some())?,
        None if plan.create => database.create_planned(plan)?,
        _ if plan.adds.is_empty() => {}
        _ => added::add(database, &plan.table, &plan.adds)?,
    }
    if plan.create || database.is_empty(&plan.table)? {
        // What went into an earlier table of that name is gone with that table; so are rows that others have deleted.
        once::forget_rows(database, &plan.table)?;
    }
    let shape = check_shape(database, start, context)?;
    build_before_rows(database, plan, context)?;
    row_origins::forget(database, &plan.table)?;
    if let Some(identity) = &start.identity {
        let identity = Identity {
            shape: Some(shape.clone()),
            made_database: start.makes_database,
            ..identity.clone()
        };
        checkpoint::create(database, &identity)?;
        let progress = identity.first_progress(side_files.letters.state());
        checkpoint::write(database.connection(), database.path(), &plan.table, &progress)?;
    }
    Ok(shape)
}

/// Notes that from now on the load may have written more dead letters than it has committed.
fn note_going_on(database: &Database, start: &Start) -> Result<(), Error> {
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

/// The table as it is now, which must be as the plan has it; in an open transaction, or before the first.
///
/// # Errors
/// `DatabaseBusy` when somebody changed it since the load was planned.
fn check_shape(database: &Database, start: &Start, context: &Context<'_>) -> Result<TableShape, Error> {
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
        (_, changed) => Err(busy(
            context,
            format!(
                "another program changed table \"{table}\" while its load was being planned: {}",
                changed.unwrap_or_default()
            ),
        )),
    }
}

fn busy(context: &Context<'_>, message: String) -> Error {
    Error::new(ErrorKind::DatabaseBusy {
        path: context.database_path.to_owned(),
        message,
    })
}

impl<'d> Outputs<'d> {
    /// Opens the way into `table`, where an earlier run of the load stopped perhaps.
    pub(super) fn open(
        table: &'d OpenedTable<'d>,
        side_files: SideFiles,
        inputs: &OpenedInputs,
        context: &'d Context<'_>,
    ) -> Result<Outputs<'d>, Error> {
        let blueprint = table.blueprint;
        let plan = &blueprint.start.plan;
        context.account.sqlite_version(Database::sqlite_version());
        let destination = open_destination(table, inputs, context)?;
        let began_direct = matches!(destination.sink, Sink::Direct(_));
        let indexes = open_indexes(&destination.sink, blueprint, context);
        let ledger = Ledger::new(side_files, ledger_settings(inputs, context));
        let settings = BatchSettings {
            rows_only: table.place == TablePlace::Memory,
            ..batch_settings(&blueprint.start, inputs, context)
        };
        let mut writer = BatchWriter::new(destination, ledger, indexes, settings);
        let dedup = match plan.dedup {
            DedupPlan::Database => Dedup::Off,
            DedupPlan::Ascending { last } => Dedup::Ascending(Ascending::new(last, context.folder())),
            DedupPlan::Filter => Dedup::Filter(Filter::new(dedup::keys_within(
                blueprint.split.filter_bytes,
                dedup::MAX_FILTER_KEYS,
            ))),
        };
        if let Some(progress) = &blueprint.start.progress {
            writer.resume(progress)?;
        }
        Ok(Outputs {
            blueprint,
            began_direct,
            dedup,
            writer,
            gathering: context
                .profiles_rows()
                .then(|| Arc::new(RowsGathering::new(&plan.columns, plan.row_id_column, &plan.key_columns))),
        })
    }
}

impl Outputs<'_> {
    /// What is left when the rows of `inputs` that went here are not to stay.
    pub(super) fn not_to_stay(self, inputs: OpenedInputs) -> Refuted {
        Refuted {
            inputs,
            identity: self.blueprint.start.identity.clone(),
            side_files: self.writer.into_parts().books.side_files,
        }
    }
}

fn open_destination<'d>(
    table: &'d OpenedTable<'_>,
    inputs: &OpenedInputs,
    context: &Context<'_>,
) -> Result<Destination<'d>, Error> {
    let start = &table.blueprint.start;
    let plan = &start.plan;
    // The table as INSERT sees it.
    let target = TargetTable {
        shape: Some(&table.shape),
        table: &plan.table,
        columns: &plan.columns,
        row_id_column: plan.row_id_column,
        key_columns: &plan.key_columns,
        row_ids: plan.row_ids,
        repeats: &plan.repeats,
        mark: start.progress.as_ref().and_then(|progress| progress.mark),
    };
    let sink = match table.place {
        TablePlace::Memory => {
            context.account.write_path(WritePathTaken {
                name: "memory",
                reason: "a small input into a new database".to_owned(),
            });
            Sink::Sql(Box::new(SqlWriter::new(&table.database, target)?))
        }
        TablePlace::File => open_sink((&table.database, target), start, inputs, context)?,
        TablePlace::Nowhere => open_nothing(&table.database, target, start, context)?,
    };
    let mut destination = Destination::new(sink, &table.database, target, start.identity.is_some())?;
    let has_rows = |progress: &SavedProgress| progress.counts.loaded > 0;
    if plan.empties && !start.progress.as_ref().is_some_and(has_rows) {
        destination.empty_at_first_row();
    }
    if plan.notes_keys {
        destination.origins.note_keys();
    }
    if let Some(progress) = &start.progress {
        destination.look_for_others(&progress.counts)?;
        if destination.is_among_others() && destination.gives_up_pages()? {
            context.account.write_path(WritePathTaken {
                name: "sql",
                reason: "others have rows in the table".to_owned(),
            });
        }
        if plan.dedup == DedupPlan::Database && progress.counts.suspects > 0 {
            destination.origins.note_keys();
        }
    }
    Ok(destination)
}

/// Opens the better of the ways into the table that it allows, or the one that was asked for.
fn open_sink<'d>(
    (database, target): (&'d Database, TargetTable<'d>),
    start: &Start,
    inputs: &OpenedInputs,
    context: &Context<'_>,
) -> Result<Sink<'d>, Error> {
    let wish = context.options.target.write_path;
    let opened = match (wish, start.plan.append_obstacle()) {
        (WritePath::Sql, _) => Err(format!("asked for with {WRITE_PATH} sql")),
        (_, Some(obstacle)) => Err(obstacle.to_owned()),
        _ if start.plan.one_transaction => Err("all rows go in in one transaction".to_owned()),
        _ => open_direct((database, &target), start, inputs, context)?,
    };
    match opened {
        // If part of a table is loaded already, the option was not about that table.
        Err(reason) if wish == WritePath::Direct && start.progress.is_none() => {
            Err(Error::usage(format!("{WRITE_PATH} direct is not possible: {reason}")))
        }
        Err(reason) => {
            context.account.write_path(WritePathTaken { name: "sql", reason });
            let mut writer = SqlWriter::new(database, target)?;
            if start.plan.one_transaction {
                writer.keep_readers_out();
            }
            Ok(Sink::Sql(Box::new(writer)))
        }
        Ok(writer) => {
            let reason = match writer.last_row_id() {
                None => "a new or empty plain table",
                Some(_) => "a plain table without indexes, past its last row",
            };
            context.account.write_path(WritePathTaken {
                name: "direct",
                reason: reason.to_owned(),
            });
            Ok(Sink::Direct(Box::new(writer)))
        }
    }
}

/// Opens what takes the rows of a check, which keeps none of them where it need not.
fn open_nothing<'d>(
    database: &'d Database,
    target: TargetTable<'d>,
    start: &Start,
    context: &Context<'_>,
) -> Result<Sink<'d>, Error> {
    let (name, reason, sink) = match start.plan.append_obstacle() {
        Some(obstacle) => ("sql", obstacle, Sink::Sql(Box::new(SqlWriter::new(database, target)?))),
        None if context.needs_rows() => {
            let sink = Sink::Sql(Box::new(SqlWriter::new(database, target)?));
            ("sql", "a key is too long to be sorted", sink)
        }
        None => ("none", "a check keeps no rows", Sink::Nothing),
    };
    let reason = reason.to_owned();
    context.account.write_path(WritePathTaken { name, reason });
    Ok(sink)
}

/// Opens the direct path into the table, or says what stands in its way.
fn open_direct(
    (database, target): (&Database, &TargetTable<'_>),
    start: &Start,
    inputs: &OpenedInputs,
    context: &Context<'_>,
) -> Result<Result<DirectWriter, String>, Error> {
    let writer = DirectWriter::open(context.database_path, target.table)?;
    let (last, most) = (writer.last_row_id(), start.greatest_row_id_before());
    let is_passed = last.is_some_and(|last| most.is_none_or(|most| last > most));
    let passed = || "the table has rows with greater row ids than those to come".to_owned();
    let is_asked = context.options.target.write_path == WritePath::Direct;
    let is_little = last.is_some()
        && !(is_asked || start.is_of_created_table())
        && inputs
            .total_bytes()
            .is_some_and(|bytes| bytes < LEAST_BYTES_BEHIND_OTHERS);
    let little = || "a small input into a table that has rows".to_owned();
    let obstacle = writer.obstacle(database, target)?;
    match obstacle
        .or_else(|| is_passed.then(passed))
        .or_else(|| is_little.then(little))
    {
        Some(obstacle) => writer.close().map(|()| Err(obstacle)),
        None => {
            let info = database.describe_table(target.table)?;
            let info = info.ok_or_else(|| Error::table_gone(target.table))?;
            target.check_mark(database, &info).map(|()| Ok(writer))
        }
    }
}

/// The indexes that are built from the rows as they come, for a table that is filled directly.
fn open_indexes<'d>(sink: &Sink<'_>, blueprint: &Blueprint, context: &'d Context<'_>) -> TableIndexes<'d> {
    let plan = &blueprint.start.plan;
    let specs = match sink {
        // Nothing was collected of rows that are in the table already, nor of those that an earlier run has set aside.
        Sink::Direct(writer) if writer.last_row_id().is_some() || blueprint.start.records_done() > 0 => &[],
        Sink::Direct(_) | Sink::Nothing => blueprint.indexes.as_slice(),
        Sink::Sql(_) => &[],
    };
    TableIndexes::new(
        specs,
        &IndexPlace {
            pool: &context.pool,
            columns: &plan.columns,
            row_id_column: plan.row_id_column,
            memory_bytes: blueprint.split.indexes_bytes,
            folder: context.folder(),
        },
    )
}

fn batch_settings(start: &Start, inputs: &OpenedInputs, context: &Context<'_>) -> BatchSettings {
    let plan: &TablePlan = &start.plan;
    BatchSettings {
        key_names: plan.names(&plan.key_columns).join(","),
        row_ids: plan.row_ids,
        repeats: plan.repeats.clone(),
        batch_rows: context.options.resources.batch_rows,
        database_path: context.database_path.to_owned(),
        checkpoint: start.identity.as_ref().map(|_| plan.table.clone()),
        rows_only: false,
        one_transaction: plan.one_transaction,
        watches: inputs.all.iter().filter_map(|opened| opened.input.watch()).collect(),
    }
}

fn ledger_settings(inputs: &OpenedInputs, context: &Context<'_>) -> LedgerSettings {
    let names = |OpenedInput { input, head, .. }: &OpenedInput| InputNames {
        path: input.path().to_owned(),
        fields: head.names.clone(),
        line_end: head.dialect.line_end,
        encoding: head.dialect.encoding,
    };
    LedgerSettings {
        inputs: inputs.all.iter().map(names).collect(),
        max_errors: context.options.limits.errors.clone(),
        max_record_bytes: context.options.limits.max_record_bytes,
        guesses_encoding: context.options.dialect.encoding.is_none()
            && inputs.all.iter().all(|opened| opened.head.likely_encoding.is_none()),
    }
}
