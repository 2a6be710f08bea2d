//! Where a load starts: afresh, where an unfinished one stopped, or (see [`super::append`]) after a finished one.

use super::append;
use super::context::Context;
use super::ended::{Ended, Halt};
use super::infer::{self, Inferred};
use super::opened::OpenedInputs;
use super::planned::table_name;
use super::side_files::{forget_side_files, name_holders};
use super::undo::{self, Begun};
use crate::checkpoint::{Again, Base, Checkpoint, Finished, Identity, SavedProgress};
use crate::error::Error;
use crate::faults;
use crate::plan::{self, DedupPlan, TablePlan};
use crate::reject::{Left, check_errors_file};
use crate::schema::TypeGuess;
use crate::schema::form::Form;
use crate::schema::shape::TableShape;
use crate::schema::table_info::TableInfo;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::finished;

/// Where a load starts from: the plan, and how far earlier runs got.
pub(super) struct Start {
    pub(super) plan: TablePlan,
    /// What can be resumed keeps a checkpoint: files can be read again, streams cannot.
    pub(super) identity: Option<Identity>,
    pub(super) progress: Option<SavedProgress>,
    /// The database has this load's checkpoint already.
    pub(super) begun: bool,
    /// Why the table cannot take the direct path, if that is known already.
    pub(super) obstacle: Option<String>,
    /// The table that the plan was made for, if it was there.
    pub(super) shape: Option<TableShape>,
    /// The plan was made for a table without rows.
    pub(super) needs_empty_table: bool,
    /// There was no database.
    pub(super) makes_database: bool,
}

impl Start {
    /// Plans a new load, takes up an unfinished one, or goes on after a finished one; at the end are those with nothing to do.
    /// `may_guess`: types may be guessed, to be verified by loading.
    pub(super) fn of(inputs: &mut OpenedInputs, may_guess: bool, context: &Context<'_>) -> Result<Start, Halt> {
        let table = table_name(context.options, &context.first_input)?;
        let mut seen = look_around(&table, inputs, context)?;
        if let Some(found) = seen.checkpoint {
            return resume(found, seen.info.as_ref(), inputs, context).map_err(Halt::Failed);
        }
        if let Some(finished) = seen.finished.take() {
            return append::go_on_after(finished, &seen, inputs, context);
        }
        let start = start_afresh(seen, inputs, may_guess, context)?;
        match context.observer.cancelled() {
            // Types inferred from a part of the input would be a plan for another load.
            Some(by) => Err(Halt::Early(Box::new(Ended::interrupted(by)))),
            None => Ok(start),
        }
    }

    /// Whether the earlier run had settled everything and only its cleaning up is left.
    pub(super) fn is_settled(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.settled)
    }

    /// Whether this load, or the one that it goes on after, created the table.
    pub(super) fn is_of_created_table(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.plan.create)
    }

    /// Greatest key of the table before the first load, where keys that ascend are row ids.
    pub(super) fn greatest_key_before(&self) -> Option<i64> {
        match self.identity.as_ref()?.plan.dedup {
            DedupPlan::Ascending { last } => last,
            DedupPlan::Database | DedupPlan::Filter => None,
        }
    }

    /// What its side files are named by, where a later run must find them.
    pub(super) fn token(&self) -> Option<&str> {
        self.identity.as_ref().map(|identity| identity.token.as_str())
    }

    /// The finished load that this one goes on after.
    pub(super) fn base(&self) -> Option<&Base> {
        self.identity.as_ref().and_then(|identity| identity.base.as_ref())
    }
}

/// What the database holds before the load.
#[derive(Default)]
pub(super) struct Seen {
    /// The name of the table to load into.
    pub(super) table: String,
    pub(super) info: Option<TableInfo>,
    /// There is a database, be it one without a table.
    is_database: bool,
    checkpoint: Option<Checkpoint>,
    finished: Option<Finished>,
}

impl Seen {
    /// The load that `--restart` is to take back, and its dead letters.
    fn begun_load(&self) -> Option<(Begun<'_>, Left)> {
        if let Some(found) = &self.checkpoint {
            return Some((Begun::of(found), found.progress.left()));
        }
        let finished = self.finished.as_ref()?;
        let begun = Begun {
            identity: &finished.identity,
            counts: &finished.loaded.counts,
            root_page: None,
        };
        Some((begun, Left::whole(finished.loaded.errors())))
    }
}

/// What the database holds, once what is not to go on is taken back.
fn look_around(table: &str, inputs: &OpenedInputs, context: &Context<'_>) -> Result<Seen, Error> {
    // For what cannot be gone on with nothing is noted.
    let is_noted = inputs.can_be_read_again();
    let restart = context.options.repeat.restart;
    let mut seen = look_at_database(table, is_noted, context)?;
    if restart || seen.begun_load().is_none() {
        // Before types are inferred, or rows taken back, for nothing.
        check_errors_file(&context.options.target.errors).map_err(name_holders)?;
    }
    if let Some(found) = &seen.checkpoint
        && undo::forget_empty(found, context)?
    {
        seen = look_at_database(table, is_noted, context)?;
    }
    if restart && let Some((begun, left)) = seen.begun_load() {
        undo::restart(&begun, context)?;
        // After the rows: what is left here by a kill is only kept beside.
        forget_side_files(begun.identity, left, 0, context)?;
        seen = look_at_database(table, is_noted, context)?;
    }
    Ok(seen)
}

/// What the database holds already; `is_noted`: the load will keep a checkpoint.
fn look_at_database(table: &str, is_noted: bool, context: &Context<'_>) -> Result<Seen, Error> {
    let Some(database) = context.existing_database()? else {
        return Ok(Seen {
            table: table.to_owned(),
            ..Seen::default()
        });
    };
    let may_hold_checkpoint = is_noted || !checkpoint::is_foreign(&database)?;
    if may_hold_checkpoint {
        checkpoint::bring_up_to_date(&database)?;
    }
    let info = database.describe_table(table)?;
    if info.as_ref().is_some_and(|info| info.has_triggers) {
        context.observer.notice(&format!(
            "table \"{table}\" has triggers; they run for every row loaded"
        ));
    }
    Ok(Seen {
        table: table.to_owned(),
        info,
        is_database: true,
        checkpoint: match may_hold_checkpoint {
            true => checkpoint::read(&database, table)?,
            false => None,
        },
        // Without the flag a load is a new one, whatever became of those before it.
        finished: match context.options.repeat.append_only {
            true => finished::read(&database, table)?,
            false => None,
        },
    })
}

/// Takes up an unfinished load.
fn resume(
    mut found: Checkpoint,
    info: Option<&TableInfo>,
    inputs: &mut OpenedInputs,
    context: &Context<'_>,
) -> Result<Start, Error> {
    if !inputs.can_be_read_again() {
        return Err(Error::usage(format!(
            "{} is not finished, and a stream cannot be read again; finish it from its files, or {}",
            found.load(),
            found.ways()
        )));
    }
    let again = found.check(&inputs.paths(), context.options)?;
    check_table(&found, info)?;
    let records = found.progress.counts.records;
    if again == Again::Mended {
        take_up_mended(&mut found, inputs, context)?;
        context.observer.notice(&format!(
            "the input was mended behind record {records}, where the load was stopped: going on there"
        ));
    } else {
        context
            .observer
            .notice(&format!("resuming an unfinished load after record {records}"));
    }
    let Checkpoint { identity, progress } = found;
    let (shape, makes_database) = (identity.shape.clone(), identity.made_database);
    let mut plan = identity.plan.clone();
    if context.options.repeat.append_only {
        // What has come since is for the next load: this one was planned without it.
        inputs.end_after(&identity);
    }
    if let Some(base) = &identity.base {
        append::begin_after(&base.loaded, inputs, context)?;
        plan = plan.behind(base.max_row_id, base.loaded.counts.records);
    }
    Ok(Start {
        plan,
        identity: Some(identity),
        progress: Some(progress),
        begun: true,
        obstacle: Some("resumed: the table has rows".to_owned()),
        shape,
        needs_empty_table: false,
        makes_database,
    })
}

/// From now on the unfinished load is one of the inputs as they are.
fn take_up_mended(found: &mut Checkpoint, inputs: &OpenedInputs, context: &Context<'_>) -> Result<(), Error> {
    let extents = inputs.extents().unwrap_or_default();
    found.identity.plan.sources = inputs.fields();
    let identity = Identity::new(&extents, context.options, &found.identity.plan)?;
    found.identity.inputs = identity.inputs;
    let database = context.open_database()?;
    checkpoint::renew(&database, found)?;
    database.close()
}

fn start_afresh(seen: Seen, inputs: &mut OpenedInputs, may_guess: bool, context: &Context<'_>) -> Result<Start, Error> {
    let options = context.options;
    let extents = inputs.extents().filter(|_| inputs.can_be_read_again());
    faults::point("infer: before");
    // What was loaded on a wrong guess must be taken back without a trace, so there must be nothing else in the database.
    let may_guess = may_guess && !seen.is_database;
    let Inferred { facts, is_guess } = infer::infer(inputs, seen.info.as_ref(), may_guess, context)?;
    faults::point("infer: types known");
    let mut plan = match &seen.info {
        Some(info) => plan::plan_existing_table(info, inputs.names(), inputs.fields(), &facts, options)?,
        None => plan::plan_new_table(seen.table, inputs.names(), inputs.fields(), &facts, options)?,
    };
    if seen.info.is_none() {
        plan.guess = is_guess.then(|| TypeGuess { forms: facts.forms() });
        if !is_guess {
            plan.notices = plan::text_notices(&plan.columns, &facts, &inputs.paths());
        }
        if extents.is_none() || options.repeat.append_only {
            // Values will come that nothing was inferred from.
            plan.settled = Some(facts.forms().iter().map(Form::settled).collect());
        }
    }
    let identity = extents
        .map(|extents| Identity::new(&extents, options, &plan))
        .transpose()?;
    Ok(Start {
        plan,
        identity,
        progress: None,
        begun: false,
        obstacle: None,
        shape: seen.info.as_ref().map(TableInfo::shape),
        needs_empty_table: seen.info.as_ref().is_some_and(|info| info.is_empty),
        makes_database: !seen.is_database,
    })
}

/// # Errors
/// `Schema` when the table that the unfinished load was filling is gone, or would make other values of the rest.
fn check_table(found: &Checkpoint, info: Option<&TableInfo>) -> Result<(), Error> {
    let plan = &found.identity.plan;
    let is_there = |name: &str| {
        info.is_some_and(|info| {
            let mut columns = info.columns.iter();
            columns.any(|column| column.name.eq_ignore_ascii_case(name))
        })
    };
    let problem = match plan.columns.iter().find(|column| !is_there(&column.name)) {
        _ if info.is_none() => "the table is gone".to_owned(),
        Some(column) => format!("the table's column \"{}\" is gone", column.name),
        None => match (&found.identity.shape, info) {
            (Some(then), Some(now)) => match then.difference(&now.shape()) {
                Some(difference) => difference,
                None => return Ok(()),
            },
            _ => return Ok(()),
        },
    };
    Err(Error::schema(format!(
        "{} cannot go on: {problem}. Put it back, or {}",
        found.load(),
        found.ways()
    )))
}
