//! What a load that is done leaves in the database; and the steps before that which can be taken twice, so that a later run of the load may
//! take them up.

use crate::checkpoint::{Checkpoint, Counts, DoneLoad, Fingerprint, Finished, Identity};
use crate::error::Error;
use crate::faults;
use crate::load::context::Context;
use crate::load::ended::{Ended, Ending, Halt};
use crate::load::opened::OpenedInputs;
use crate::load::side_files::note_end;
use crate::option_name::{AFTER, FORGET, SAME_LOAD, VACUUM};
use crate::sqlite::database::Database;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::finished;
use crate::sqlite::own::once;
use crate::sqlite::own::row_origins;

/// A load that leaves the database.
pub(super) struct Leaving<'a> {
    pub(super) database: &'a Database,
    pub(super) table: &'a str,
    pub(super) identity: Option<&'a Identity>,
    pub(super) inputs: &'a OpenedInputs,
    pub(super) counts: &'a Counts,
    /// Size of the dead-letter file.
    pub(super) errors_bytes: u64,
    /// All was read, though perhaps too much of it rejected.
    pub(super) is_complete: bool,
    pub(super) is_over_limit: bool,
}

impl Leaving<'_> {
    /// Leaves in the database what the next load needs; if the load is done, that is mostly nothing.
    pub(super) fn leave(&self, done: &DoneLoad, context: &Context<'_>) -> Result<(), Error> {
        let Leaving {
            database,
            table,
            counts,
            is_complete,
            ..
        } = *self;
        let repeat = &context.options.repeat;
        if repeat.append_only {
            return self.leave_for_next(done);
        }
        // With `once` its inputs are remembered anyway; and where nothing could be loaded, nothing can be loaded twice.
        let stays_for_others = context.is_one_of_several && !repeat.once && is_complete && !counts.are_all_rejects();
        if stays_for_others && let Some(identity) = self.identity {
            context.account.kept(identity.token.clone());
        }
        // A load over its limit keeps the checkpoint: the same command with another limit must not load everything again.
        if repeat.keep_checkpoint || self.is_over_limit || stays_for_others {
            // Best effort: without that note the load counts as one that was killed.
            let _ = note_end(database, table, self.errors_bytes);
            return Ok(());
        }
        row_origins::forget(database, table)?;
        faults::point("finish: before the checkpoint goes");
        // Without the checkpoint the same command would be a new load: nothing that can fail may follow.
        database.give_up_journal()?;
        // Content of which nothing could be loaded may be loaded again, in another way.
        if repeat.once && !counts.are_all_rejects() {
            once::finish(database, table, &done.inputs)?;
        } else {
            checkpoint::remove(database, table)?;
        }
        faults::point("finish: the checkpoint is gone");
        Ok(())
    }

    /// Leaves what the load of what will be appended goes on from, and ends this load.
    fn leave_for_next(&self, done: &DoneLoad) -> Result<(), Error> {
        let (Some(identity), Some(loaded)) = (self.identity, &done.loaded) else {
            return Err(Error::internal("a stream was loaded as a file that grows"));
        };
        let opened = &self.inputs.all[0];
        let mut identity = identity.clone();
        identity.base = None;
        identity.done = None;
        identity.before_ran = false;
        identity.shape = self.database.describe_table(self.table)?.map(|info| info.shape());
        identity.inputs = vec![Fingerprint::of_start(opened.input.path(), loaded.offset_bytes)?];
        let loaded = loaded.clone();
        finished::write(self.database, self.table, &Finished { identity, loaded })
    }
}

/// ANALYZE and VACUUM, both of which can be done again.
pub(super) fn tidy_up(database: &Database, table: &str, context: &Context<'_>) -> Result<(), Error> {
    let options = &context.options.table;
    // SQL after the rows may have dropped the table.
    let is_there = |name: &String| name.eq_ignore_ascii_case(table);
    if options.analyze && database.index_names()?.iter().any(is_there) {
        context.account.time("analyze", || database.analyze(table))?;
        faults::point("analyze: done");
    }
    if options.vacuum {
        let vacuumed = context.account.time("vacuum", || database.vacuum());
        vacuumed.map_err(|error| {
            error.explained(&format!(
                "; all rows are in, and only {VACUUM} is left, for which nobody else may use the database: run the {SAME_LOAD} again, or \
                 leave it at that with {FORGET}"
            ))
        })?;
        faults::point("vacuum: done");
    }
    Ok(())
}

/// Takes the last steps of a load of which an earlier run did all the rest.
///
/// # Errors
/// As [`Checkpoint::check`]; `Usage` when other SQL was run after the rows; as the steps.
pub(super) fn take_up(found: &Checkpoint, done: &DoneLoad, inputs: &OpenedInputs, context: &Context<'_>) -> Halt {
    match finish(found, done, inputs, context) {
        Ok(()) => {
            let counts = found.progress.counts.clone();
            Halt::Early(Box::new(Ended {
                how: Ending::Complete,
                records: counts.records,
                counts,
            }))
        }
        Err(error) => Halt::Failed(error),
    }
}

fn finish(found: &Checkpoint, done: &DoneLoad, inputs: &OpenedInputs, context: &Context<'_>) -> Result<(), Error> {
    let Checkpoint { identity, progress } = found;
    found.check(&inputs.extents().unwrap_or_default(), context.options)?;
    if done.after != context.options.table.after {
        return Err(Error::usage(format!(
            "{} has run its {AFTER} already, which was another one. Use the same to finish it, or {}",
            found.load(),
            found.ways()
        )));
    }
    let table = &identity.plan.table;
    context.account.table(&identity.plan);
    context
        .observer
        .notice("all rows are in since an earlier run: taking the last steps of the load");
    let database = context.open_database()?;
    database.prepare_for_load()?;
    context.account.sqlite_version(Database::sqlite_version());
    tidy_up(&database, identity.plan.shown_table(), context)?;
    let leaving = Leaving {
        database: &database,
        table,
        identity: Some(identity),
        inputs,
        counts: &progress.counts,
        errors_bytes: progress.left().committed.bytes,
        is_complete: true,
        is_over_limit: false,
    };
    leaving.leave(done, context)?;
    database.close()
}
