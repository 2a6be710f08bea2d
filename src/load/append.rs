//! A file that grows: the load of what was appended since the last load, and what each load leaves behind for the next.
//!
//! The result is that of one load of the whole file: numbers of lines and records go on, so do row ids, the dead-letter file and
//! the counts. The part that was loaded is read again only to see whether it is unchanged: keys are looked up in the table. It is parsed
//! only when a new record repeats the row id of an old one, to name the record that came first (see [`super::earlier`]).
//!
//! What may still change is left for the next time: a record without its line end, or within an open quote.

use std::path::PathBuf;

use crate::checkpoint::{Base, Extent, Fingerprint, Finished, Loaded, SavedProgress};
use crate::error::Error;
use crate::head::delimiter_of_file;
use crate::load::context::{Context, table_name};
use crate::load::ended::{Ended, Ending, Halt};
use crate::load::opened::OpenedInputs;
use crate::load::seen::Seen;
use crate::load::start::Start;
use crate::option_name::RESTART;
use crate::options::LoadOptions;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::finished;

/// The files, of which nothing but their first line was looked at.
fn extents(paths: &[PathBuf], options: &LoadOptions) -> Vec<Extent> {
    let extent = |path: &PathBuf| Extent {
        path: path.clone(),
        length_bytes: 0,
        delimiter: delimiter_of_file(path, &options.dialect),
    };
    paths.iter().map(extent).collect()
}

/// Refuses a file that is not the loaded one, grown; this comes before a look at what it holds now, as a log that was truncated is empty.
///
/// # Errors
/// `InputChanged` or `Usage` when input or options are not what they were.
pub(super) fn check_grown(paths: &[PathBuf], context: &Context<'_>) -> Result<(), Error> {
    let options = context.options;
    let is_file = paths.len() == 1 && paths[0].is_file();
    if !options.repeat.append_only || options.repeat.restart || !is_file {
        return Ok(());
    }
    let table = table_name(options, &context.first_input)?;
    let Some(database) = context.existing_database()? else {
        return Ok(());
    };
    checkpoint::bring_up_to_date(&database)?;
    let unfinished = checkpoint::read(&database, &table)?;
    if let Some(found) = unfinished.filter(|found| !found.is_without_rows()) {
        return found.check(&extents(paths, options), options).map(|_| ());
    }
    match finished::read(&database, &table)? {
        Some(finished) => finished.check(&extents(paths, options), options),
        None => Ok(()),
    }
}

/// Goes on after `finished`, which was [checked](check_grown). Where nothing has come since, the load is at its end.
///
/// # Errors
/// `Schema` when the table is not what it was, `Io` when the input cannot be read.
pub(super) fn go_on_after(
    finished: Finished,
    seen: &Seen,
    inputs: &mut OpenedInputs,
    context: &Context<'_>,
) -> Result<Start, Halt> {
    let Finished { mut identity, loaded } = finished;
    let Some(info) = &seen.info else {
        return Err(Halt::Failed(Error::schema(format!(
            "table \"{}\", which the loaded part of the input is in, is gone; start afresh with {RESTART}",
            seen.table
        ))));
    };
    identity.plan.check_grown_table(info, identity.shape.as_ref())?;
    inputs.keep_to(&identity.plan, context)?;
    inputs.begin_after(&loaded, context)?;
    if !inputs.has_line_after(loaded.offset_bytes, context)? {
        context.account.table(&identity.plan);
        return Err(Halt::Early(Box::new(nothing_new(loaded, inputs, context))));
    }
    let records = loaded.counts.records;
    context.observer.notice(&format!(
        "going on after record {records}, which was the last one loaded"
    ));
    let base = Base {
        loaded,
        max_row_id: info.max_row_id,
    };
    let plan = identity.plan.after(base.max_row_id, base.loaded.counts.records);
    let extents = inputs.extents().unwrap_or_default();
    let fingerprints = extents
        .iter()
        .map(|extent| Fingerprint::of_start(&extent.path, extent.length_bytes));
    identity.inputs = fingerprints.collect::<Result<_, _>>()?;
    env!("CARGO_PKG_VERSION").clone_into(&mut identity.version);
    let errors = base.loaded.errors();
    identity.base = Some(base);
    let progress = SavedProgress {
        // A finished load leaves nothing after what it committed.
        errors_end_bytes: Some(errors.bytes),
        ..identity.first_progress(errors)
    };
    Ok(Start {
        plan,
        progress: Some(progress),
        identity: Some(identity),
        begun: false,
        shape: Some(info.shape()),
        needs_empty_table: false,
        makes_database: false,
    })
}

/// A load to which nothing has come since `loaded`.
fn nothing_new(loaded: Loaded, inputs: &mut OpenedInputs, context: &Context<'_>) -> Ended {
    let waiting_bytes = inputs.total_bytes().unwrap_or(0) - loaded.offset_bytes;
    let waiting = match waiting_bytes {
        0 => String::new(),
        1 => "; its last byte is not a whole line yet and waits for the next run".to_owned(),
        bytes => format!("; its last {bytes} bytes are not a whole line yet and wait for the next run"),
    };
    let records = loaded.counts.records;
    context.observer.notice(&format!(
        "nothing new in {} since its record {records}{waiting}",
        inputs.all[0].input.path().display(),
    ));
    inputs.begin_counting(context);
    context.account.rows_committed(loaded.offset_bytes);
    Ended {
        how: Ending::Complete,
        records,
        counts: loaded.counts,
    }
}
