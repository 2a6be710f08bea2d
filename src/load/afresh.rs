//! A new load: its types inferred, or guessed, and its table planned.

use crate::checkpoint::Identity;
use crate::error::Error;
use crate::faults;
use crate::load::context::Context;
use crate::load::contract;
use crate::load::infer::{self, Inferred};
use crate::load::names;
use crate::load::opened::OpenedInputs;
use crate::load::seen::Seen;
use crate::load::start::Start;
use crate::option_name::EMPTY;
use crate::plan::{self, TablePlan};
use crate::schema::TypeGuess;
use crate::schema::cells::EmptyCell;
use crate::schema::form::Form;
use crate::schema::table_info::TableInfo;
use crate::sqlite::defaults;

/// Plans a load from the first record on. `may_guess`: types may be guessed, to be verified by loading.
pub(super) fn start_afresh(
    seen: Seen,
    inputs: &mut OpenedInputs,
    may_guess: bool,
    context: &Context<'_>,
) -> Result<Start, Error> {
    let options = &inputs.as_found(context.options);
    let extents = inputs.extents().filter(|_| inputs.can_be_read_again());
    faults::point("infer: before");
    // What is loaded on a wrong guess must be taken back without a trace, so there must be nothing else in the database.
    let may_guess = may_guess && !seen.is_database;
    let Inferred { facts, is_guess } = match inputs.are_objects() {
        true => names::settle(inputs, seen.info.as_ref(), may_guess, context)?,
        false => infer::infer(inputs, seen.info.as_ref(), may_guess, context)?,
    };
    faults::point("infer: types known");
    let mut plan = match &seen.info {
        Some(info) => plan::plan_existing_table(info, &inputs.layout, &facts, options)?,
        None => plan::plan_new_table(seen.table, &inputs.layout, &facts, options)?,
    };
    contract::check_references(&plan, context)?;
    if options.dialect.cells.empty == EmptyCell::Default {
        take_defaults(&mut plan, context)?;
    }
    if seen.info.is_none() {
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
