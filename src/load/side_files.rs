//! The files beside the database: dead letters and the spool of suspects, opened, taken up again, or removed as a load's own.

use std::path::PathBuf;

use crate::checkpoint::{Checkpoint, Identity, SavedProgress};
use crate::error::{Error, ErrorKind};
use crate::ledger::SideFiles;
use crate::load::context::Context;
use crate::load::files;
use crate::load::opened::OpenedInputs;
use crate::load::start::Start;
use crate::reject::{DeadLetters, Left, LettersPlace, SuspectSpool, discard_merge, forget_rejects};
use crate::sqlite::database::Database;
use crate::sqlite::holders::holders;
use crate::sqlite::own::checkpoint;

/// Opens them for a load of `inputs` that starts from `start`.
pub(super) fn open(start: &Start, inputs: &OpenedInputs, context: &Context<'_>) -> Result<SideFiles, Error> {
    let options = context.options;
    let paths = &inputs.paths()[..];
    let errors = options.target.errors.as_path();
    let taken = files::taken(paths, context.database_path, options);
    let place = LettersPlace {
        path: errors,
        inputs: paths,
        taken: &taken,
        token: start.token().unwrap_or(&context.token),
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
        // A new load, or one that ended before its first commit: nothing that is committed relies on what it left.
        progress => {
            // A run that ended in an orderly way has not written what is in the file.
            let killed = progress.as_ref().filter(|progress| progress.errors_end_bytes.is_none());
            let own_mark = killed.map_or(0, |progress| progress.errors_mark);
            let spool = new_spool();
            spool.forget()?;
            (DeadLetters::create(&place, own_mark), spool)
        }
    };
    let mut letters = letters.map_err(name_holders)?.guarded(options.target.safe_errors);
    letters = letters.in_encodings(inputs.encodings());
    tell_notes(&mut letters, context);
    if let Some(samples) = &context.samples {
        letters.keep_samples(samples.clone());
    }
    Ok(SideFiles { letters, spool })
}

/// Reports what became of files that were in the way of the dead letters, and of what others wrote among them.
pub(super) fn tell_notes(letters: &mut DeadLetters, context: &Context<'_>) {
    for note in letters.take_notes() {
        context.observer.notice(&note);
    }
}

/// Removes what a load that is taken back has left, as far as it is the load's own; `keep_bytes`: see [`forget_rejects`].
pub(super) fn forget_side_files(
    identity: &Identity,
    left: Left,
    keep_bytes: u64,
    context: &Context<'_>,
) -> Result<(), Error> {
    let (path, token) = (context.options.target.errors.as_path(), identity.token.as_str());
    // By the names that its lines use.
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

/// Notes of a load that ends but is to go on that it will have written nothing after the `end_bytes` of its dead-letter file.
pub(super) fn note_end(database: &Database, table: &str, end_bytes: u64) -> Result<(), Error> {
    let Some(Checkpoint { progress, .. }) = checkpoint::read(database, table)? else {
        return Ok(());
    };
    let progress = SavedProgress {
        errors_end_bytes: Some(end_bytes),
        ..progress
    };
    checkpoint::write(database.connection(), database.path(), table, &progress)
}

/// `error`, with the names of those who write the file, if it says that somebody does.
pub(super) fn name_holders(error: Error) -> Error {
    match error.kind() {
        ErrorKind::OutputBusy { path, option, .. } => Error::output_busy(path, *option, holders(path)),
        _ => error,
    }
}
