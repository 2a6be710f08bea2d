//! What becomes of a load that is not to go on: taken back, forgotten, or gone without a trace when it committed nothing.
//!
//! Never touched: rows, tables, indexes and triggers that the load did not make, and every other table (see [`crate::sqlite::undo`]).

use std::path::{Path, PathBuf};

use crate::checkpoint::{Checkpoint, Counts, Identity};
use crate::error::{Error, ErrorKind};
use crate::faults;
use crate::load::account::{Account, Remains};
use crate::load::context::{Asked, Context, Onlookers, table_name};
use crate::load::definition;
use crate::load::ended::{Ended, Ending};
use crate::load::indexes::{self, index_columns};
use crate::load::inputs::Inputs;
use crate::load::per_file;
use crate::load::side_files::forget_side_files;
use crate::load::start::Start;
use crate::observer::Observer;
use crate::option_name::{ALTER, APPEND_ONLY, ERRORS, FORGET, RESTART, TABLE};
use crate::options::LoadOptions;
use crate::pipeline::WorkerPool;
use crate::plan::TablePlan;
use crate::reject::{DeadLetters, Left, LettersPlace, SuspectSpool, discard_merge};
use crate::report::{agreeing, rows};
use crate::schema::identifier::listed;
use crate::sqlite::database::Database;
use crate::sqlite::direct::page_file::empty_if_only;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::finished;
use crate::sqlite::own::row_origins;
use crate::sqlite::swap::unfinished;
use crate::sqlite::undo::Made;

/// Gives up the unfinished load into the table into which [`load`](super::load) would load `inputs` with the same options: only its
/// checkpoint is removed, and every row that it committed stays. The inputs are not looked at.
///
/// Says through `observer` what was given up; it is not an error if there was nothing to give up.
///
/// # Errors
/// `Usage` when no table is named, `InputMissing` when the database does not exist, `DatabaseBusy` while a load is under way, `Database`.
pub fn forget(
    inputs: &[PathBuf],
    database_path: &Path,
    options: &LoadOptions,
    observer: &dyn Observer,
) -> Result<(), Error> {
    if !options.target.table_per_file {
        let mut options = options.clone();
        definition::agree(&mut options)?;
        return forget_one(inputs, database_path, &options, observer);
    }
    options.validate()?;
    let mut inputs = Inputs::from(inputs);
    inputs.find_files(database_path, options)?;
    for load in per_file::plan(&inputs, options)? {
        forget_one(&[load.input], database_path, &load.options, observer)?;
    }
    Ok(())
}

/// [`forget`], of the load into one table.
fn forget_one(
    inputs: &[PathBuf],
    database_path: &Path,
    options: &LoadOptions,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let first = match (&options.target.table, inputs) {
        (Some(_), _) => PathBuf::new(),
        (None, []) => {
            return Err(Error::usage(format!(
                "{FORGET} needs to know which table: name it with {TABLE}"
            )));
        }
        (None, [first, ..]) => {
            let mut first = Inputs::from(std::slice::from_ref(first));
            first.find_files(database_path, options)?;
            first.check(options)?
        }
    };
    let table = table_name(options, &first)?;
    if let Err(source) = std::fs::metadata(database_path) {
        let path = database_path.to_owned();
        return Err(Error::new(ErrorKind::InputMissing { path, source }));
    }
    let account = Account::new(inputs.to_vec(), database_path, options);
    let asked = Asked {
        database_path,
        options,
        first_input: first,
        is_one_of_several: false,
    };
    let onlookers = Onlookers {
        observer,
        samples: None,
    };
    let context = Context::new(asked, onlookers, &account, WorkerPool::new(1)?);
    context.lock_database()?;
    give_up(&table, &context)
}

/// A load that was begun, and what it has committed.
#[derive(Clone, Copy)]
pub(super) struct Begun<'a> {
    pub(super) identity: &'a Identity,
    pub(super) counts: &'a Counts,
    /// Where its table begins now, if it was moved.
    pub(super) root_page: Option<u32>,
}

impl<'a> Begun<'a> {
    pub(super) fn of(found: &'a Checkpoint) -> Self {
        Begun {
            identity: &found.identity,
            counts: &found.progress.counts,
            root_page: found.progress.root_page,
        }
    }

    /// The columns of the indexes that it was to build besides the key's.
    fn indexes(&self) -> Vec<Vec<String>> {
        let plan = &self.identity.plan;
        let columns = self.identity.indexes.iter().filter_map(|index| {
            let columns = index_columns(plan, index).ok()?;
            Some(plan.names(&columns))
        });
        columns.collect()
    }
}

fn give_up(table: &str, context: &Context<'_>) -> Result<(), Error> {
    let database = context.open_database()?;
    let found = match unfinished(&database, table) {
        Err(error) if !matches!(error.kind(), ErrorKind::Schema { .. }) => return Err(error),
        found => found,
    };
    if let Ok(Some(found)) = &found
        && found.identity.plan.replaces.is_some()
    {
        database.close()?;
        return give_up_replacement(found, context);
    }
    if let Ok(Some(found)) = &found
        && found.is_without_rows()
    {
        database.close()?;
        if forget_empty(found, context)? {
            context.observer.notice(&format!(
                "{} is given up: what it had made in the database is gone again",
                found.load()
            ));
            return Ok(());
        }
        return give_up_note(table, Ok(Some(found.clone())), context);
    }
    database.close()?;
    give_up_note(table, found, context)
}

/// Gives up a load of a table that was to take the place of another: it goes, unless it has the place already.
fn give_up_replacement(found: &Checkpoint, context: &Context<'_>) -> Result<(), Error> {
    let table = found.identity.plan.shown_table();
    put_side_files_in_order(found, context)?;
    let obstacles = drop_created(&Begun::of(found), context)?;
    if !obstacles.is_empty() {
        return Err(Error::schema(format!(
            "{} cannot be given up, because not all of it is the load's: {}; nothing was changed. Remove what stands in the way",
            found.load(),
            obstacles.join("; ")
        )));
    }
    context.observer.notice(&match found.identity.done {
        Some(_) => format!("the load is given up, but for its rows, which are in table \"{table}\" already"),
        None if found.identity.plan.place_is_free => {
            format!(
                "{} is given up: what it had made in the database is gone again",
                found.load()
            )
        }
        None => format!("{} is given up: table \"{table}\" stays as it was", found.load()),
    });
    Ok(())
}

/// Gives up a load whose rows stay.
fn give_up_note(table: &str, found: Result<Option<Checkpoint>, Error>, context: &Context<'_>) -> Result<(), Error> {
    let database = context.open_database()?;
    if let Ok(Some(found)) = &found {
        put_side_files_in_order(found, context)?;
    }
    database.begin()?;
    checkpoint::remove(&database, table)?;
    row_origins::forget(&database, table)?;
    let mut had_finished = false;
    if context.options.repeat.append_only {
        had_finished = !matches!(finished::read(&database, table), Ok(None));
        finished::remove(&database, table)?;
    }
    database.commit()?;
    database.close()?;
    context.observer.notice(&match found {
        Ok(Some(found)) => {
            let counts = &found.progress.counts;
            let stay = agreeing(counts.loaded, "its row stays", "its rows stay");
            let waiting = match counts.suspects {
                0 => String::new(),
                1 => "; one of its records, whose key was still to be compared, is not among them".to_owned(),
                suspects => {
                    format!("; {suspects} of its records, whose keys were still to be compared, are not among them")
                }
            };
            let again = match &found.identity.base {
                Some(base) if !had_finished => format!(
                    "; {APPEND_ONLY} then goes on after record {}, which was the last one of the load before it, and loads them again",
                    base.loaded.counts.records
                ),
                _ => String::new(),
            };
            format!("{} is given up: {stay} in the table{waiting}{again}", found.load())
        }
        Ok(None) if had_finished => {
            format!("how far files were loaded into table \"{table}\" is forgotten; its rows stay")
        }
        Ok(None) => format!(
            "there is no unfinished load into table \"{table}\" of {}",
            context.database_path.display()
        ),
        Err(_) => format!(
            "an unfinished load into table \"{table}\", whose note cannot be read, is given up; its rows stay"
        ),
    });
    Ok(())
}

/// Puts what is committed for it into the dead-letter file, and removes what only a load that goes on needs.
fn put_side_files_in_order(found: &Checkpoint, context: &Context<'_>) -> Result<(), Error> {
    let errors = &context.options.target.errors;
    let is_its = found.identity.option(ERRORS) == Some(&errors.to_string_lossy());
    if !is_its {
        return Ok(());
    }
    let (progress, token) = (&found.progress, found.identity.token.as_str());
    let place = LettersPlace {
        path: errors,
        inputs: &[],
        taken: &[],
        token,
    };
    if progress.settled {
        // A file that is not what this load left is not its own, and is left alone.
        drop(DeadLetters::take_up_settled(&place, progress.errors(), progress.merged));
    } else {
        discard_merge(errors, token)?;
    }
    SuspectSpool::beside(&place, true).forget()
}

/// `--restart`: takes the load back if it made the table, otherwise forgets it.
///
/// # Errors
/// `Schema` when something in the table is, or may be, not the load's.
pub(super) fn restart(begun: &Begun<'_>, context: &Context<'_>) -> Result<(), Error> {
    let Begun { identity, counts, .. } = *begun;
    let table = &identity.plan.table;
    let loaded = rows(counts.loaded);
    if identity.plan.create {
        let obstacles = drop_created(begun, context)?;
        if !obstacles.is_empty() {
            return Err(Error::schema(format!(
                "{RESTART} cannot make table \"{table}\" anew, because not all of it is the earlier load's ({loaded}): {}; \
                 nothing was changed. Remove what stands in the way, or give that load up with {FORGET}, which leaves every \
                 row, and load into another table",
                obstacles.join("; ")
            )));
        }
        context
            .observer
            .notice("an earlier load was taken back; starting afresh");
    } else {
        let database = context.open_database()?;
        database.begin()?;
        forget_notes(&database, table)?;
        database.commit()?;
        database.close()?;
        let (stay, are) = match counts.loaded {
            1 => ("stays, and is", "it is"),
            _ => ("stay, and are", "they are"),
        };
        say_added(&identity.plan, context);
        context.observer.notice(&format!(
            "an earlier load into table \"{table}\" is forgotten; the {loaded} that it committed {stay} there twice if {are} loaded \
             again and no key prevents it; starting afresh"
        ));
    }
    faults::point("restart: taken back");
    Ok(())
}

fn forget_notes(database: &Database, table: &str) -> Result<(), Error> {
    checkpoint::remove(database, table)?;
    row_origins::forget(database, table)?;
    finished::remove(database, table)
}

/// Drops a table that the load created, and forgets the load; or does nothing and says what stands in the way.
pub(super) fn drop_created(begun: &Begun<'_>, context: &Context<'_>) -> Result<Vec<String>, Error> {
    let Begun {
        identity,
        counts,
        root_page,
    } = *begun;
    let indexes = begun.indexes();
    let made = Made {
        plan: &identity.plan,
        indexes: &indexes,
        counts,
        root_page: root_page
            .map(i64::from)
            .or_else(|| identity.shape.as_ref().map(|shape| shape.root_page)),
        asks_views: true,
    };
    let database = context.open_database()?;
    // Dropping a table to which others refer would also empty those.
    database.ignore_foreign_keys()?;
    let ours = [
        identity.plan.table.as_str(),
        checkpoint::TABLE,
        sequence_of(&identity.plan),
    ];
    let is_only_load = |database: &Database| {
        Ok(checkpoint::is_only(database, &identity.plan.table)? && made.obstacles(database)?.is_empty())
    };
    if identity.made_database && empty_if_only(&database, &ours, &is_only_load)? {
        return Ok(Vec::new());
    }
    database.begin()?;
    let mut obstacles = made.obstacles(&database)?;
    if obstacles.is_empty() {
        obstacles = made.drop_table(&database)?;
    }
    if obstacles.is_empty() {
        forget_notes(&database, &identity.plan.table)?;
        database.commit()?;
    } else {
        database.rollback()?;
    }
    database.close()?;
    Ok(obstacles)
}

/// Forgets a load that has no row in the table, with what it made and the files that it has left; returns whether it could.
pub(super) fn forget_empty(found: &Checkpoint, context: &Context<'_>) -> Result<bool, Error> {
    // Nothing stands in the way of that, and once the checkpoint is gone, nobody knows whose dead letters those are.
    let is_after_another = found.is_without_rows() && found.identity.base.is_some();
    if is_after_another {
        forget_its_side_files(found, context)?;
    }
    let is_forgotten = forget_if_empty(found, context)?;
    if is_forgotten && !is_after_another {
        forget_its_side_files(found, context)?;
    }
    Ok(is_forgotten)
}

/// Forgets a load that has no row in the table, with what it made in the database; returns whether it could.
fn forget_if_empty(found: &Checkpoint, context: &Context<'_>) -> Result<bool, Error> {
    let identity = &found.identity;
    if !found.is_without_rows() {
        return Ok(false);
    }
    if identity.plan.create && identity.base.is_none() {
        return Ok(drop_created(&Begun::of(found), context)?.is_empty());
    }
    let database = context.open_database()?;
    database.begin()?;
    checkpoint::remove(&database, &identity.plan.table)?;
    row_origins::forget(&database, &identity.plan.table)?;
    if (identity.plan.build_key_index || !identity.plan.unique.is_empty()) && identity.base.is_none() {
        let made = Made {
            plan: &identity.plan,
            indexes: &[],
            counts: &found.progress.counts,
            root_page: None,
            asks_views: true,
        };
        made.drop_unique_indexes(&database)?;
    }
    database.commit()?;
    database.close()?;
    say_added(&identity.plan, context);
    Ok(true)
}

/// Removes the files that a load without a row in the table has left; what earlier loads left stays.
fn forget_its_side_files(found: &Checkpoint, context: &Context<'_>) -> Result<(), Error> {
    let progress = &found.progress;
    let left = Left {
        committed: progress.errors(),
        end_bytes: progress.errors_end_bytes,
    };
    forget_side_files(&found.identity, left, found.earlier_errors_bytes(), context)
}

/// A load that ends without having committed a row leaves nothing in the database. What cannot be done now, perhaps because the disk is
/// full, the next load does. `ended`: how, unless it failed.
pub(super) fn leave_no_trace(start: &Start, ended: Option<&Ended>, context: &Context<'_>) {
    let how = ended.map(|ended| ended.how);
    if !context.has_made() {
        return;
    }
    if let Some(ended) = ended.filter(|ended| ended.how == Ending::Complete) {
        if ended.counts.loaded + ended.counts.updated == 0 {
            say_added(&start.plan, context);
        }
        if ended.counts.are_all_rejects() && is_done_with(start, context) {
            // A table that is not dropped is empty, and harms nobody.
            let _ = drop_empty_table(start, context);
        }
        return;
    }
    let left = if start.identity.is_some() {
        context.existing_database().and_then(|database| match database {
            Some(database) => {
                let found = checkpoint::read(&database, &start.plan.table)?;
                database.close()?;
                Ok(found)
            }
            None => Ok(None),
        })
    } else {
        Ok(None)
    };
    // Whoever dropped the checkpoint has ended the load, whatever it committed.
    let is_noted = !matches!(left, Ok(None));
    let nothing_left = match left {
        Ok(Some(found)) => {
            if how.is_none() && found.is_without_rows() {
                // This comes first: once the checkpoint is gone, nobody knows the names. After a stop at the limit, the rejects say why.
                let _ = forget_its_side_files(&found, context);
            }
            forget_if_empty(&found, context).unwrap_or(false)
        }
        // Of a stream that does not come to its end nothing takes the place of another table.
        _ if start.identity.is_none() && start.plan.replaces.is_some() => drop_new(start, context).unwrap_or(false),
        _ if start.identity.is_none() && !start.plan.adds.is_empty() => {
            say_added(&start.plan, context);
            false
        }
        // A stream keeps no checkpoint: the table that was made for it shows whether anything was committed.
        _ if start.identity.is_none() => drop_empty_table(start, context).unwrap_or(false),
        _ => false,
    };
    context.account.remains(Remains {
        created_table: start.plan.create || start.is_of_created_table(),
        resumable: !nothing_left && start.identity.is_some() && is_noted,
    });
}

/// Whether a load that is complete leaves nothing from which another one goes on.
fn is_done_with(start: &Start, context: &Context<'_>) -> bool {
    let repeat = &context.options.repeat;
    start.plan.create && !repeat.append_only && !repeat.keep_checkpoint
}

/// Says which columns stay that the load has added to the table, of which it has no row, or none any more.
fn say_added(plan: &TablePlan, context: &Context<'_>) {
    if !plan.adds.is_empty() {
        context.observer.notice(&format!(
            "what {ALTER} has added to table \"{}\" stays there: {}",
            plan.table,
            listed(plan.adds.iter().map(|column| &column.name))
        ));
    }
}

/// Where SQLite keeps the numbers of AUTOINCREMENT, if the table that the load made may have it: it stays when that is dropped.
fn sequence_of(plan: &TablePlan) -> &'static str {
    if plan.definition.is_some() {
        "sqlite_sequence"
    } else {
        ""
    }
}

/// Drops the table that was to take the place of another, unless others have made something of it; returns whether it could.
fn drop_new(start: &Start, context: &Context<'_>) -> Result<bool, Error> {
    let indexes = indexes::further(&start.plan, context)?;
    let made = Made {
        plan: &start.plan,
        indexes: &indexes,
        counts: &Counts::default(),
        root_page: None,
        asks_views: true,
    };
    let database = context.open_database()?;
    database.ignore_foreign_keys()?;
    database.begin()?;
    let is_free = made.hanging_on(&database)?.is_empty() && made.drop_table(&database)?.is_empty();
    match is_free {
        true => {
            row_origins::forget(&database, &start.plan.table)?;
            database.commit()?;
        }
        false => database.rollback()?,
    }
    database.close()?;
    Ok(is_free)
}

/// Drops the table that the load created if it has no row; returns whether it could.
fn drop_empty_table(start: &Start, context: &Context<'_>) -> Result<bool, Error> {
    if !start.plan.create {
        return Ok(false);
    }
    let indexes = context.options.target.indexes.iter().filter_map(|index| {
        let columns = index_columns(&start.plan, index).ok()?;
        Some(start.plan.names(&columns))
    });
    let indexes: Vec<Vec<String>> = indexes.collect();
    let made = Made {
        plan: &start.plan,
        indexes: &indexes,
        counts: &Counts::default(),
        root_page: None,
        asks_views: true,
    };
    let database = context.open_database()?;
    database.ignore_foreign_keys()?;
    let ours = [start.plan.table.as_str(), sequence_of(&start.plan)];
    let is_free = |database: &Database| Ok(made.obstacles(database)?.is_empty());
    if start.makes_database && empty_if_only(&database, &ours, &is_free)? {
        return Ok(true);
    }
    database.begin()?;
    let is_free = made.obstacles(&database)?.is_empty() && made.drop_table(&database)?.is_empty();
    match is_free {
        true => database.commit()?,
        false => database.rollback()?,
    }
    database.close()?;
    Ok(is_free)
}
