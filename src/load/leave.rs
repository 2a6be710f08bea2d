//! The end of a load: what it leaves in the database for the next one, and how it is to be told.

use crate::cancel::Cancelled;
use crate::checkpoint::{Counts, DoneLoad, Loaded, LoadedInput};
use crate::error::Error;
use crate::load::context::Context;
use crate::load::ended::{Ended, Ending};
use crate::load::leaving::Leaving;
use crate::load::rows::RowsEnd;
use crate::load::settled::SettledRows;
use crate::option_name::{DELIMITER, QUOTE};
use crate::reject::Committed;

/// Leaves in the database what the next load needs, unless a later run of this one goes on, and closes the books.
pub(super) fn end(settled: SettledRows<'_>, context: &Context<'_>) -> Result<Ended, Error> {
    if let Some(letters) = settled.letters.as_ref().filter(|_| !context.is_check()) {
        let errors = letters.state();
        let (start, end) = (&settled.blueprint.start, settled.end);
        let is_over_limit = end == RowsEnd::Complete && is_over_limit(&settled.counts, context);
        let leaving = Leaving {
            database: settled.database,
            table: &start.plan.table,
            identity: start.identity.as_ref(),
            inputs: &settled.inputs,
            counts: &settled.counts,
            errors_bytes: errors.bytes,
            is_complete: end == RowsEnd::Complete,
            is_over_limit,
        };
        leaving.leave(&done(&settled, errors, context), context)?;
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
pub(super) fn is_over_limit(counts: &Counts, context: &Context<'_>) -> bool {
    let limits = &context.options.limits.errors;
    limits.passed(&counts.rejected, counts.records).is_some()
}

/// What the load is to leave, once nothing of its inputs is to be read any more. `errors`: what the dead-letter file is now.
pub(super) fn done(settled: &SettledRows<'_>, errors: Committed, context: &Context<'_>) -> DoneLoad {
    let inputs = settled.inputs.all.iter().map(|opened| LoadedInput {
        name: opened.input.path().to_string_lossy().into_owned(),
        content: opened.count.content,
        records: opened.count.records,
    });
    let count = &settled.inputs.all[0].count;
    let loaded = || Loaded {
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
    DoneLoad {
        inputs: inputs.collect(),
        loaded_rows: settled.counts.loaded,
        loaded: context.options.repeat.append_only.then(loaded),
        after: context.options.table.after.clone(),
    }
}
