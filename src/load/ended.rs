//! How a load ends: what it leaves in the database for the next one, and what it has counted.

use super::append;
use super::context::Context;
use super::once;
use super::rows::RowsEnd;
use super::settled::SettledRows;
use super::side_files::note_end;
use crate::cancel::Cancelled;
use crate::checkpoint::Counts;
use crate::error::Error;
use crate::faults;
use crate::reject::Committed;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::row_origins;

/// A load that is over and did not fail.
pub(super) struct Ended {
    pub(super) how: Ending,
    /// Records read.
    pub(super) records: u64,
    pub(super) counts: Counts,
}

/// How a load that did not fail came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    /// All is loaded, and more of it was rejected than may be.
    CompleteOverErrorLimit,
    AtErrorLimit,
    Interrupted(Cancelled),
}

/// Why a step has no next one.
pub(super) enum Halt {
    Failed(Error),
    /// There is nothing more to do.
    Early(Box<Ended>),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Halt::Failed(error)
    }
}

impl Ended {
    /// A load that was stopped before it read a record.
    pub(super) fn interrupted(by: Cancelled) -> Ended {
        Ended {
            how: Ending::Interrupted(by),
            ..Ended::without_records()
        }
    }

    /// A load that found nothing to read.
    pub(super) fn without_records() -> Ended {
        Ended {
            how: Ending::Complete,
            records: 0,
            counts: Counts::default(),
        }
    }

    /// Leaves in the database what the next load needs, unless a later run of this one goes on, and closes the books.
    pub(super) fn of(settled: SettledRows<'_>, context: &Context<'_>) -> Result<Ended, Error> {
        if let Some(letters) = &settled.letters {
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
        // The order thread counts what was parsed, the writer what became of it. At an error limit the former is ahead; the latter is
        // where a resumed load is interrupted among those.
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
        Ok(Ended { how, records, counts })
    }
}

/// Whether more was rejected, when all was read, than the load may have.
fn is_over_limit(counts: &Counts, context: &Context<'_>) -> bool {
    let limit = context.options.limits.max_errors;
    limit.is_some_and(|limit| limit.is_passed(counts.all_rejects(), counts.records))
}

/// Leaves in the database what the next load of it needs, of one that is done for the most part nothing. `errors`: what the dead-letter
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
        return append::leave_for_next(settled, errors);
    }
    // A load over its limit keeps the checkpoint: the same command with another limit must not load everything once more.
    if repeat.keep_checkpoint || *end == RowsEnd::Complete && is_over_limit(counts, context) {
        // Best effort: without that note the load counts as one that was killed.
        let _ = note_end(database, table, errors.bytes);
        return Ok(());
    }
    row_origins::forget(database, table)?;
    faults::point("finish: before the checkpoint goes");
    // Without the checkpoint the same command is another load: nothing that can fail may follow.
    database.give_up_journal()?;
    if repeat.once {
        once::remember(database, table, inputs)?;
    } else {
        checkpoint::remove(database, table)?;
    }
    faults::point("finish: the checkpoint is gone");
    Ok(())
}
