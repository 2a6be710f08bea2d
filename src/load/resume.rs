//! An unfinished load, taken up where it stopped.

use crate::checkpoint::{Again, Checkpoint, Identity};
use crate::error::Error;
use crate::load::context::Context;
use crate::load::opened::OpenedInputs;
use crate::load::start::Start;
use crate::schema::table_info::TableInfo;
use crate::sqlite::own::checkpoint;

/// Takes up an unfinished load.
pub(super) fn resume(
    mut found: Checkpoint,
    info: Option<&TableInfo>,
    inputs: &mut OpenedInputs,
    context: &Context<'_>,
) -> Result<Start, Error> {
    if !inputs.can_be_read_again() {
        return Err(Error::usage(format!(
            "{} is not finished, and a stream cannot be read again; finish it from its files, or {}",
            found.load(),
            found.ways()
        )));
    }
    let again = found.check(&inputs.extents().unwrap_or_default(), context.options)?;
    check_table(&found, info)?;
    inputs.keep_to(&found.identity.plan, context)?;
    let records = found.progress.counts.records;
    if again == Again::Mended {
        take_up_mended(&mut found, inputs, context)?;
        context.observer.notice(&format!(
            "the input was mended after record {records}, where the load was stopped: going on there"
        ));
    } else if context.is_one_of_several {
        // It may be done: the file is then only compared with what was loaded.
        let goes_on = format!("going on after record {records}; what comes before it is loaded, and is only compared");
        context.observer.notice(&goes_on);
    } else {
        context
            .observer
            .notice(&format!("resuming an unfinished load after record {records}"));
    }
    let Checkpoint { identity, progress } = found;
    let (shape, makes_database) = (identity.shape.clone(), identity.made_database);
    let mut plan = identity.plan.clone();
    if context.options.repeat.append_only {
        // What was appended since is for the next load: this one was planned without it.
        inputs.end_after(&identity);
    }
    if let Some(base) = &identity.base {
        inputs.begin_after(&base.loaded, context)?;
        plan = plan.after(base.max_row_id, base.loaded.counts.records);
    }
    Ok(Start {
        plan,
        identity: Some(identity),
        progress: Some(progress),
        begun: true,
        shape,
        needs_empty_table: false,
        makes_database,
    })
}

/// Makes the unfinished load one of the inputs as they are now.
fn take_up_mended(found: &mut Checkpoint, inputs: &OpenedInputs, context: &Context<'_>) -> Result<(), Error> {
    let extents = inputs.extents().unwrap_or_default();
    found.identity.plan.sources.clone_from(&inputs.layout.sources);
    let identity = Identity::new(&extents, context.options, &found.identity.plan)?;
    found.identity.inputs = identity.inputs;
    let database = context.open_database()?;
    checkpoint::renew(&database, found)?;
    database.close()
}

/// # Errors
/// `Schema` when the table that the unfinished load was filling is gone, or would store the rest as different values.
fn check_table(found: &Checkpoint, info: Option<&TableInfo>) -> Result<(), Error> {
    let plan = &found.identity.plan;
    let is_there = |name: &str| {
        info.is_some_and(|info| {
            let mut columns = info.columns.iter();
            columns.any(|column| column.name.eq_ignore_ascii_case(name))
        })
    };
    let problem = match plan.columns.iter().find(|column| !is_there(&column.name)) {
        _ if info.is_none() => "the table is gone".to_owned(),
        Some(column) => format!("the table's column \"{}\" is gone", column.name),
        None => match (&found.identity.shape, info) {
            (Some(then), Some(now)) => match then.difference(&now.shape()) {
                Some(difference) => difference,
                None => return Ok(()),
            },
            _ => return Ok(()),
        },
    };
    Err(Error::schema(format!(
        "{} cannot go on: {problem}. Put it back, or {}",
        found.load(),
        found.ways()
    )))
}
