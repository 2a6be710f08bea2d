//! The SQL before the first row: looked at before anything is done, and run once, however often the load goes on.

use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::faults;
use crate::load::context::Context;
use crate::load::start::Start;
use crate::option_name::{AFTER, BEFORE};
use crate::options::LoadOptions;
use crate::reject::Committed;
use crate::schema::shape::TableShape;
use crate::sqlite::given_sql;
use crate::sqlite::own::checkpoint;

/// Checks the SQL that is to be run, before anything is done.
///
/// # Errors
/// `Usage` for what cannot be run.
pub(super) fn check_sql(options: &LoadOptions) -> Result<(), Error> {
    let options = &options.table;
    given_sql::check(BEFORE, &options.before)?;
    given_sql::check(AFTER, &options.after)
}

/// Runs the SQL before the first row, unless an earlier run of the load did. `shape`: the table as it is to stay; `errors`: the dead-letter
/// file as it is.
///
/// # Errors
/// `Schema` when SQLite refuses it, or the table is no longer what the plan was made for: then nothing of it has been done.
pub(super) fn run_before(
    start: &Start,
    shape: &TableShape,
    errors: Committed,
    context: &Context<'_>,
) -> Result<(), Error> {
    let (sql, table) = (&context.options.table.before, &start.plan.table);
    let ran_before = start.begun && start.identity.as_ref().is_some_and(|identity| identity.before_ran);
    if sql.is_empty() || ran_before {
        return Ok(());
    }
    // A connection of its own: whatever the SQL sets for its connection ends with it.
    let database = context.open_database()?;
    database.begin()?;
    given_sql::run(&database, BEFORE, sql)?;
    let info = database.describe_table(table)?;
    let is_filled = (start.plan.create || start.needs_empty_table) && info.as_ref().is_some_and(|info| !info.is_empty);
    let changed = match &info {
        None => Some("it is gone".to_owned()),
        Some(_) if is_filled => Some("it was empty and has rows now".to_owned()),
        Some(info) => shape.difference(&info.shape()),
    };
    if let Some(changed) = changed {
        return Err(Error::schema(format!(
            "{BEFORE} changed table \"{table}\", for which the load was planned already: {changed}; nothing was loaded, and nothing of \
             {BEFORE} was done: change the table before the load"
        )));
    }
    if let Some(identity) = &start.identity {
        let found = checkpoint::read(&database, table)?;
        let (mut identity, progress) = match found {
            Some(found) => (found.identity, found.progress),
            None => (identity.clone(), identity.first_progress(errors)),
        };
        identity.before_ran = true;
        checkpoint::put(&database, &Checkpoint { identity, progress })?;
    }
    database.commit()?;
    faults::point("before: has run");
    database.close()
}
