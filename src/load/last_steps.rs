//! What is done once the rows and their indexes are in, in this order: the full-text table, SQL after the rows, ANALYZE and VACUUM.
//!
//! The hard part: SQL must not be run twice, and it may drop the very table. So a note that it has been run is part of its transaction;
//! after that note nothing of the inputs and the table is needed any more, and a later run of the load takes only what is left.

use crate::checkpoint::DoneLoad;
use crate::error::Error;
use crate::faults;
use crate::load::context::Context;
use crate::load::indexes;
use crate::load::leave;
use crate::load::leaving::tidy_up;
use crate::load::rows::RowsEnd;
use crate::load::settled::SettledRows;
use crate::load::start::Start;
use crate::observer::Phase;
use crate::option_name::{AFTER, SAME_LOAD};
use crate::sqlite::database::Database;
use crate::sqlite::full_text::FullText;
use crate::sqlite::given_sql;
use crate::sqlite::own::checkpoint;
use crate::sqlite::swap::Replacement;

/// Takes the last steps, if all rows are in and no more of them were rejected than may be.
pub(super) fn take(settled: &SettledRows<'_>, context: &Context<'_>) -> Result<(), Error> {
    let (Some(letters), RowsEnd::Complete) = (&settled.letters, settled.end) else {
        return Ok(());
    };
    if leave::is_over_limit(&settled.counts, context) {
        return Ok(());
    }
    let (start, database) = (&settled.blueprint.start, settled.database);
    // As elsewhere, a header alone makes a table, and an input of rejects alone does not.
    let is_new_without_rows = start.plan.place_is_free && !settled.counts.are_all_rejects();
    let steps = Steps {
        start,
        takes_place: start.plan.replaces.is_some() && settled.counts.loaded > 0 || is_new_without_rows,
        done: leave::done(settled, letters.state(), context),
        context,
    };
    steps.say_what_stays();
    let options = &context.options.table;
    if start.plan.replaces.is_none() {
        if !start.plan.fts.is_empty() {
            database.begin()?;
            steps.build_full_text(database)?;
            database.commit()?;
            faults::point("fts: built");
        }
        if !options.has_last_steps() {
            return Ok(());
        }
    }
    // SQL has a connection of its own: whatever it sets there ends with it. In memory there is only one connection to the database.
    match options.goes_beyond_the_table() || start.plan.replaces.is_some() {
        true => {
            let own = context.open_database()?;
            steps.end_rows(&own)?;
            own.close()?;
        }
        false => steps.end_rows(database)?,
    }
    tidy_up(database, start.plan.shown_table(), context)
}

/// The last steps of a load.
struct Steps<'a> {
    start: &'a Start,
    /// The table that was filled takes the place of another one.
    takes_place: bool,
    done: DoneLoad,
    context: &'a Context<'a>,
}

impl Steps<'_> {
    /// Says it if rows that were to give way stay because none came.
    fn say_what_stays(&self) {
        let plan = &self.start.plan;
        let none_came = self.done.loaded_rows == 0;
        if none_came && (plan.replaces.is_some() && !plan.place_is_free || plan.empties) {
            self.context.observer.notice(&format!(
                "no row was loaded, so table \"{}\" keeps those that it had",
                plan.shown_table()
            ));
        }
    }

    /// Builds the full-text table, in a transaction of the caller.
    fn build_full_text(&self, database: &Database) -> Result<(), Error> {
        let Some(full_text) = FullText::of(&self.start.plan.in_place(), database)? else {
            return Ok(());
        };
        self.context.observer.phase(Phase::Index, None);
        faults::point("fts: before it is built");
        self.context.account.time("full text", || full_text.build(database))
    }

    /// In one transaction: puts the table in the place of another, runs the SQL after the rows, and notes that only what follows is left.
    fn end_rows(&self, database: &Database) -> Result<(), Error> {
        faults::point("after: before it is run");
        database.begin()?;
        if let Err(error) = self.run_in_transaction(database) {
            // The error that came first is the one to tell.
            let _ = database.rollback();
            let way = match self.start.identity {
                Some(_) => format!(
                    "; all rows were loaded, and nothing that follows them was done: mend that, and run the {SAME_LOAD} again"
                ),
                None => "; all rows were loaded, and nothing that follows them was done".to_owned(),
            };
            return Err(error.explained(&way));
        }
        database.commit()?;
        faults::point("after: has run");
        Ok(())
    }

    fn run_in_transaction(&self, database: &Database) -> Result<(), Error> {
        let (plan, context) = (&self.start.plan, self.context);
        if plan.replaces.is_some() {
            match self.takes_place {
                true => {
                    let indexes = indexes::further(plan, context)?;
                    let replacement = Replacement {
                        plan,
                        indexes: &indexes,
                    };
                    context.account.time("replace", || replacement.swap(database))?;
                }
                false => database.drop_table(&plan.table)?,
            }
            self.build_full_text(database)?;
        }
        let sql = &context.options.table.after;
        context
            .account
            .time("SQL after", || given_sql::run(database, AFTER, sql))?;
        if self.start.identity.is_some()
            && let Some(mut found) = checkpoint::read(database, &plan.table)?
        {
            found.identity.done = Some(self.done.clone());
            checkpoint::put(database, &found)?;
        }
        Ok(())
    }
}
