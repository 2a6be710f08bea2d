//! The end of a load: what it leaves in the database for the next one, and how it is to be told.

use crate::cancel::Cancelled;
use crate::checkpoint::{Counts, Fingerprint, Finished, Loaded};
use crate::error::Error;
use crate::faults;
use crate::load::context::Context;
use crate::load::ended::{Ended, Ending};
use crate::load::opened::OpenedInputs;
use crate::load::rows::RowsEnd;
use crate::load::settled::SettledRows;
use crate::load::side_files::note_end;
use crate::option_name::{DELIMITER, QUOTE};
use crate::reject::Committed;
use crate::sqlite::database::Database;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::finished;
use crate::sqlite::own::once::{self, LoadedInput};
use crate::sqlite::own::row_origins;

/// Leaves in the database what the next load needs, unless a later run of this one goes on, and closes the books.
pub(super) fn end(settled: SettledRows<'_>, context: &Context<'_>) -> Result<Ended, Error> {
    if let Some(letters) = settled.letters.as_ref().filter(|_| !context.is_check()) {
        leave(&settled, letters.state(), context)?;
    }
    let SettledRows {
        blueprint,
        inputs,
        end,
        counts,
        ..
    } = settled;
    let committed_before = (blueprint.start.progress.as_ref()).map_or(0, |progress| progress.counts.records);
    // The order thread counts what was parsed, the writer what became of it. At an error limit the order thread is ahead; the writer is, if
    // a resumed load is interrupted among records that were committed before.
    let parsed = inputs.records_read();
    let (how, records) = match end {
        RowsEnd::ErrorLimit => (Ending::AtErrorLimit, counts.records),
        RowsEnd::Interrupted => {
            let by = context.observer.cancelled().unwrap_or(Cancelled::ByProgram);
            (Ending::Interrupted(by), parsed.max(committed_before))
        }
        RowsEnd::Complete if is_over_limit(&counts, context) => (Ending::CompleteOverErrorLimit, parsed),
        RowsEnd::Complete => (Ending::Complete, parsed),
    };
    if counts.are_all_of_other_width() && !inputs.are_objects() {
        context.observer.notice(&format!(
            "no record has as many fields as there are columns ({}): are {DELIMITER} and {QUOTE} right?",
            blueprint.start.plan.sources.first().map_or(0, Vec::len)
        ));
    }
    Ok(Ended { how, records, counts })
}

/// Whether, once all was read, more records were rejected than the load may have.
fn is_over_limit(counts: &Counts, context: &Context<'_>) -> bool {
    let limits = &context.options.limits.errors;
    limits.passed(&counts.rejected, counts.records).is_some()
}

/// Leaves in the database what the next load needs; if the load is done, that is mostly nothing. `errors`: what the dead-letter
/// file is now.
fn leave(settled: &SettledRows<'_>, errors: Committed, context: &Context<'_>) -> Result<(), Error> {
    let SettledRows {
        blueprint,
        database,
        inputs,
        counts,
        end,
        ..
    } = settled;
    let (repeat, table) = (&context.options.repeat, &blueprint.start.plan.table);
    if repeat.append_only {
        return leave_for_next(settled, errors);
    }
    let is_complete = *end == RowsEnd::Complete;
    let is_over_limit = is_complete && is_over_limit(counts, context);
    // With `once` its inputs are remembered anyway; and where nothing could be loaded, nothing can be loaded twice.
    let stays_for_others = context.is_one_of_several && !repeat.once && is_complete && !counts.are_all_rejects();
    if stays_for_others && let Some(identity) = &blueprint.start.identity {
        context.account.kept(identity.token.clone());
    }
    // A load over its limit keeps the checkpoint: the same command with another limit must not load everything again.
    if repeat.keep_checkpoint || is_over_limit || stays_for_others {
        // Best effort: without that note the load counts as one that was killed.
        let _ = note_end(database, table, errors.bytes);
        return Ok(());
    }
    row_origins::forget(database, table)?;
    faults::point("finish: before the checkpoint goes");
    // Without the checkpoint the same command would be a new load: nothing that can fail may follow.
    database.give_up_journal()?;
    // Content of which nothing could be loaded may be loaded again, in another way.
    if repeat.once && !counts.are_all_rejects() {
        remember(database, table, inputs)?;
    } else {
        checkpoint::remove(database, table)?;
    }
    faults::point("finish: the checkpoint is gone");
    Ok(())
}

/// Leaves what the load of what will be appended goes on from, and ends this load. `errors`: what the dead-letter file is now.
fn leave_for_next(settled: &SettledRows<'_>, errors: Committed) -> Result<(), Error> {
    let start = &settled.blueprint.start;
    let Some(identity) = &start.identity else {
        return Err(Error::internal("a stream was loaded as a file that grows"));
    };
    let opened = &settled.inputs.all[0];
    let count = &opened.count;
    let loaded = Loaded {
        offset_bytes: count.bytes,
        lines: count.lines,
        blank_lines: count.blank_lines,
        comment_lines: count.comment_lines,
        repeated_headers: count.repeated_headers,
        cut_records: count.cut_records,
        filled_records: count.filled_records,
        recoded: count.recoded.clone(),
        counts: settled.counts.clone(),
        errors_bytes: errors.bytes,
        errors_hash: errors.hash,
        errors_mark: errors.mark,
        content: count.content,
    };
    let table = &start.plan.table;
    let mut identity = identity.clone();
    identity.base = None;
    identity.shape = settled.database.describe_table(table)?.map(|info| info.shape());
    identity.inputs = vec![Fingerprint::of_start(opened.input.path(), loaded.offset_bytes)?];
    finished::write(settled.database, table, &Finished { identity, loaded })
}

/// Ends the load, and makes the database remember its inputs.
fn remember(database: &Database, table: &str, inputs: &OpenedInputs) -> Result<(), Error> {
    let loaded = inputs.all.iter().map(|opened| LoadedInput {
        name: opened.input.path().to_string_lossy().into_owned(),
        content: opened.count.content,
        records: opened.count.records,
    });
    once::finish(database, table, &loaded.collect::<Vec<_>>())
}
