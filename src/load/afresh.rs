//! A new load: its types inferred, or guessed, and its table planned.

use crate::checkpoint::Identity;
use crate::error::Error;
use crate::faults;
use crate::load::context::Context;
use crate::load::contract;
use crate::load::indexes;
use crate::load::infer::{self, Inferred};
use crate::load::names;
use crate::load::opened::OpenedInputs;
use crate::load::seen::Seen;
use crate::load::start::Start;
use crate::option_name::{EMPTY, IF_EXISTS};
use crate::options::IfExists;
use crate::plan::{self, TablePlan};
use crate::schema::TypeGuess;
use crate::schema::cells::EmptyCell;
use crate::schema::form::Form;
use crate::schema::table_info::TableInfo;
use crate::sqlite::defaults;
use crate::sqlite::emptied;
use crate::sqlite::swap::{Replacement, new_name};

/// Plans a load from the first record on. `may_guess`: types may be guessed, to be verified by loading.
pub(super) fn start_afresh(
    mut seen: Seen,
    inputs: &mut OpenedInputs,
    may_guess: bool,
    context: &Context<'_>,
) -> Result<Start, Error> {
    let replaced = (context.options.table.if_exists == IfExists::Replace)
        .then(|| seen.info.take())
        .flatten();
    let options = &inputs.as_found(context.options);
    let extents = inputs.extents().filter(|_| inputs.can_be_read_again());
    faults::point("infer: before");
    // What is loaded on a wrong guess must be taken back without a trace, so there must be nothing else in the database, and no SQL may
    // have done something there. Where SQLite judges each row, nobody watches the order of the keys.
    let judged_in_turn = !context.options.table.unique.is_empty();
    let may_guess = may_guess && !seen.is_database && !judged_in_turn && context.options.table.before.is_empty();
    let Inferred { facts, is_guess } = match inputs.are_objects() {
        true => names::settle(inputs, seen.info.as_ref(), may_guess, context)?,
        false => infer::infer(inputs, seen.info.as_ref(), may_guess, context)?,
    };
    faults::point("infer: types known");
    let mut plan = match &seen.info {
        Some(info) => plan::plan_existing_table(&as_if_emptied(info, context), &inputs.layout, &facts, options)?,
        None => {
            let name = replaced.as_ref().map_or(seen.table, |info| new_name(&info.name));
            plan::plan_new_table(name, &inputs.layout, &facts, options)?
        }
    };
    contract::check_references(&plan, context)?;
    plan.replaces = replaced.map(|info| info.name);
    plan.empties = gives_way(seen.info.as_ref(), context);
    check_earlier_rows(&plan, seen.info.as_ref(), context)?;
    if options.dialect.cells.empty == EmptyCell::Default {
        take_defaults(&mut plan, context)?;
    }
    if seen.info.is_none() {
        context
            .account
            .found_texts(plan::found_texts(&plan.columns, &facts, &inputs.paths()));
        plan.guess = is_guess.then(|| TypeGuess { forms: facts.forms() });
        if !is_guess {
            plan.notices
                .extend(plan::text_notices(&plan.columns, &facts, &inputs.paths()));
        }
        if extents.is_none() || options.repeat.append_only {
            // Values will come from which nothing was inferred.
            plan.settled = Some(facts.forms().iter().map(Form::settled).collect());
        }
    }
    plan.dialects = inputs.dialects();
    plan.object_names = inputs.object_names();
    // A check that was stopped begins anew.
    let identity = extents
        .filter(|_| !context.is_check())
        .map(|extents| Identity::new(&extents, context.options, &plan))
        .transpose()?;
    Ok(Start {
        plan,
        identity,
        progress: None,
        begun: false,
        obstacle: None,
        shape: seen.info.as_ref().map(TableInfo::shape),
        needs_empty_table: seen.info.as_ref().is_some_and(|info| info.is_empty),
        makes_database: !seen.is_database,
    })
}

/// Whether the rows of a table that exists are to be deleted.
fn gives_way(info: Option<&TableInfo>, context: &Context<'_>) -> bool {
    context.options.table.if_exists == IfExists::Truncate && info.is_some_and(|info| !info.is_empty)
}

/// The table as the plan is to take it. The rows that will be gone have no say in which keys are new.
fn as_if_emptied(info: &TableInfo, context: &Context<'_>) -> TableInfo {
    TableInfo {
        max_row_id: info.max_row_id.filter(|_| !gives_way(Some(info), context)),
        ..info.clone()
    }
}

/// Checks that the rows of the table can give way to those of the load, if they are to.
///
/// # Errors
/// `Schema` that says what stands in the way.
fn check_earlier_rows(plan: &TablePlan, info: Option<&TableInfo>, context: &Context<'_>) -> Result<(), Error> {
    let Some(database) = context.existing_database()? else {
        return Ok(());
    };
    if let Some(info) = info.filter(|_| plan.empties) {
        emptied::check(&database, info)?;
    }
    if plan.replaces.is_some() {
        let indexes = indexes::further(plan, context)?;
        Replacement {
            plan,
            indexes: &indexes,
        }
        .check(&database)?;
        if database.describe_table(&plan.table)?.is_some() {
            return Err(Error::schema(format!(
                "table \"{}\", which {IF_EXISTS} replace would fill, is there already, left by a load that cannot go on; drop it",
                plan.table
            )));
        }
    }
    database.close()
}

/// Notes what empty cells are to be. A load that goes on has it from here: `CURRENT_TIMESTAMP` is when it began.
fn take_defaults(plan: &mut TablePlan, context: &Context<'_>) -> Result<(), Error> {
    match context.existing_database()? {
        Some(database) if !plan.create => defaults::take(&database, &plan.table, &mut plan.columns),
        _ => {
            plan.notices.push(format!(
                "table \"{}\" is made by this load and has no DEFAULTs: {EMPTY} default loads empty fields as NULL",
                plan.table
            ));
            Ok(())
        }
    }
}
