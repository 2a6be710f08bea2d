//! A small load into a new database: made whole in memory and put in place in one step.
//!
//! Comes in: a load that is planned, and its side files, in which nothing is written yet. Goes out: a load that has ended, or they again: if
//! a record is rejected, or repeats a key, notes must be on the disk before it, and that is what all other loads are made for.

use crate::error::{Error, ErrorKind};
use crate::faults;
use crate::ledger::SideFiles;
use crate::load::context::Context;
use crate::load::ended::Ended;
use crate::load::last_steps;
use crate::load::leave;
use crate::load::opened::OpenedInputs;
use crate::load::outputs::{OpenedTable, Outputs};
use crate::load::planned::{Blueprint, Guess, Refuted};
use crate::load::rows::LoadedRows;
use crate::load::settled::SettledRows;
use crate::options::WritePath;
use crate::reject::{folder_of, same_file};
use crate::sqlite::new_file::{NewFile, Placed};

/// Largest input that is loaded so: its database takes a few times as much memory.
const MAX_BYTES: u64 = 256 << 10;

/// What came of the try.
pub(super) enum AtOnce {
    Done(Ended),
    /// Nothing has been done.
    Not(Box<(OpenedInputs, SideFiles)>),
}

/// Loads `inputs` at once, if they are small, the database is new, and each record becomes a row.
pub(super) fn try_to(
    blueprint: &Blueprint,
    inputs: OpenedInputs,
    mut side_files: SideFiles,
    context: &Context<'_>,
) -> Result<AtOnce, Error> {
    let file = Some(context.database_path).filter(|_| is_small(blueprint, &inputs, context));
    let Some(file) = file.and_then(NewFile::create) else {
        return Ok(AtOnce::Not(Box::new((inputs, side_files))));
    };
    // While nothing is in the dead-letter file, its name may reach the disk with the database's.
    let one_folder = same_file(folder_of(side_files.letters.path()), context.folder());
    side_files.letters.leave_name_to_others(one_folder);
    let table = OpenedTable::in_memory(blueprint, &side_files, context)?;
    let ended = match fill(&table, inputs, side_files, context)? {
        Guess::Held(ended) => ended,
        Guess::Refuted(left) => {
            let Refuted {
                mut inputs,
                mut side_files,
                ..
            } = *left;
            side_files.letters.leave_name_to_others(false);
            inputs.begin_counting(context);
            return Ok(AtOnce::Not(Box::new((inputs, side_files))));
        }
    };
    let image = table.database.into_image()?;
    faults::point("at once: in memory");
    match context.account.time("put in place", || file.place(&image))? {
        Placed::Here(lock) => context.note_new_database(lock),
        Placed::Taken => return Err(taken(context)),
    }
    Ok(AtOnce::Done(ended))
}

/// Whether the load is of a kind that is done at once: all of it is one batch, of files that can be read again, and nobody asked for a way
/// into the table, or for SQL.
fn is_small(blueprint: &Blueprint, inputs: &OpenedInputs, context: &Context<'_>) -> bool {
    let (start, options) = (&blueprint.start, context.options);
    let is_new = start.makes_database && start.identity.is_some() && start.progress.is_none() && !start.begun;
    // A record has at least one byte.
    let limit_bytes = MAX_BYTES.min(options.resources.batch_rows);
    let bytes = inputs.all.iter().map(|opened| {
        let abilities = opened.input.abilities();
        let length_bytes = abilities.length_bytes.filter(|_| abilities.can_be_mapped);
        length_bytes.unwrap_or(u64::MAX)
    });
    is_new
        && start.plan.guess.is_none()
        // The image is put in place in one step anyway, and what stands aside is swapped by another connection.
        && start.plan.replaces.is_none()
        && options.target.write_path == WritePath::Auto
        && !options.table.goes_beyond_the_table()
        && bytes.fold(0, u64::saturating_add) <= limit_bytes
}

/// The load, but for its last step.
fn fill(
    table: &OpenedTable<'_>,
    inputs: OpenedInputs,
    side_files: SideFiles,
    context: &Context<'_>,
) -> Result<Guess<Ended>, Error> {
    let outputs = Outputs::open(table, side_files, &inputs, context)?;
    let rows = match LoadedRows::of(outputs, inputs, context)? {
        Guess::Held(rows) => rows,
        Guess::Refuted(left) => return Ok(Guess::Refuted(left)),
    };
    let settled = SettledRows::of(rows, context)?;
    last_steps::take(&settled, context)?;
    leave::end(settled, context).map(Guess::Held)
}

fn taken(context: &Context<'_>) -> Error {
    Error::new(ErrorKind::DatabaseBusy {
        path: context.database_path.to_owned(),
        message: "somebody made it while this load was being prepared; nothing was loaded".to_owned(),
    })
}
