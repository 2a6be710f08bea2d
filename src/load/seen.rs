//! What the database holds before the load: the table, and how far earlier loads into it got. What is not to go on is taken back here.

use crate::checkpoint::{Checkpoint, Finished};
use crate::error::Error;
use crate::load::context::Context;
use crate::load::definition;
use crate::load::opened::OpenedInputs;
use crate::load::side_files::{forget_side_files, name_holders};
use crate::load::undo::{self, Begun};
use crate::reject::{Left, check_errors_file};
use crate::schema::table_info::TableInfo;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::finished;
use crate::sqlite::swap::unfinished;

/// What the database holds before the load.
#[derive(Default)]
pub(super) struct Seen {
    /// The name of the table to load into.
    pub(super) table: String,
    pub(super) info: Option<TableInfo>,
    /// There is a database, even if it has no table.
    pub(super) is_database: bool,
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) finished: Option<Finished>,
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
pub(super) fn look_around(table: &str, inputs: &OpenedInputs, context: &Context<'_>) -> Result<Seen, Error> {
    // Nothing is noted for a load that cannot go on.
    let is_noted = inputs.can_be_read_again();
    let restart = context.options.repeat.restart;
    let mut seen = look_at_database(table, is_noted, context)?;
    if restart || seen.begun_load().is_none() {
        // Before types are inferred, or rows are taken back, in vain.
        check_errors_file(&context.options.target.errors).map_err(name_holders)?;
    }
    if let Some(found) = &seen.checkpoint
        && undo::forget_empty(found, context)?
    {
        seen = look_at_database(table, is_noted, context)?;
    }
    if restart && let Some((begun, left)) = seen.begun_load() {
        undo::restart(&begun, context)?;
        // After the rows: a file that a kill leaves here is only kept under another name.
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
    let checkpoint = match may_hold_checkpoint {
        true => unfinished(&database, table)?,
        false => None,
    };
    // An unfinished load may fill a table that is to take the place of this one.
    let filled = checkpoint.as_ref().map_or(table, |found| &found.identity.plan.table);
    let info = database.describe_table(filled)?;
    if info.as_ref().is_some_and(|info| info.has_triggers) {
        context.observer.notice(&format!(
            "table \"{table}\" has triggers; they run for every row loaded"
        ));
    }
    if info.is_some() && checkpoint.is_none() {
        definition::say_if_other(&database, context)?;
    }
    Ok(Seen {
        table: table.to_owned(),
        info,
        is_database: true,
        checkpoint,
        // Without the flag a load is a new one, whatever became of earlier ones.
        finished: match context.options.repeat.append_only {
            true => finished::read(&database, table)?,
            false => None,
        },
    })
}
