//! A new load: its types inferred, or guessed, and its table planned.

use crate::checkpoint::Identity;
use crate::error::Error;
use crate::faults;
use crate::infer::Facts;
use crate::load::context::Context;
use crate::load::contract;
use crate::load::definition;
use crate::load::indexes;
use crate::load::infer::{self, Inferred};
use crate::load::names;
use crate::load::opened::OpenedInputs;
use crate::load::seen::Seen;
use crate::load::start::Start;
use crate::option_name::{EMPTY, IF_EXISTS};
use crate::options::{Atomic, IfExists};
use crate::plan::{self, TablePlan};
use crate::schema::cells::EmptyCell;
use crate::schema::definition::Definition;
use crate::schema::form::Form;
use crate::schema::table_info::TableInfo;
use crate::schema::{Column, TypeGuess};
use crate::sqlite::added;
use crate::sqlite::database::Database;
use crate::sqlite::defaults;
use crate::sqlite::emptied;
use crate::sqlite::swap::{Replacement, new_name};

/// Plans a load from the first record on. `may_guess`: types may be guessed, to be verified by loading.
pub(super) fn start_afresh(
    seen: Seen,
    inputs: &mut OpenedInputs,
    may_guess: bool,
    context: &Context<'_>,
) -> Result<Start, Error> {
    let extents = inputs.extents().filter(|_| inputs.can_be_read_again());
    faults::point("infer: before");
    // What is loaded on a wrong guess must be taken back without a trace, so there must be nothing else in the database, and no SQL may
    // have done something there. Where SQLite judges each row, nobody watches the order of the keys.
    let (judged_in_turn, is_database) = (!context.options.table.unique.is_empty(), seen.is_database);
    let may_guess = may_guess && !is_database && !judged_in_turn && context.options.table.before.is_empty();
    let aim = Aim::of(seen, context)?;
    let Inferred { facts, is_guess } = match inputs.are_objects() {
        true => names::settle(inputs, aim.info.as_ref(), may_guess, context)?,
        false => infer::infer(inputs, aim.info.as_ref(), may_guess, context)?,
    };
    faults::point("infer: types known");
    let (mut plan, info) = plan_table(aim, inputs, &facts, context)?;
    if info.is_none() {
        context
            .account
            .found_texts(plan::found_texts(&plan.columns, &facts, &inputs.paths()));
        plan.guess = is_guess.then(|| TypeGuess { forms: facts.forms() });
        if extents.is_none() || context.options.repeat.append_only {
            // Values will come from which nothing was inferred.
            plan.settled = Some(facts.forms().iter().map(Form::settled).collect());
        }
    }
    if !is_guess && (info.is_none() || !plan.adds.is_empty()) {
        let notices = plan::text_notices(&plan.columns, &facts, &inputs.paths());
        plan.notices.extend(notices);
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
        shape: info.as_ref().map(TableInfo::shape),
        needs_empty_table: info.as_ref().is_some_and(|info| info.is_empty),
        makes_database: !is_database,
    })
}

/// The table that is to be filled, as far as it is known before the inputs are.
struct Aim {
    /// What a new table is called until the load is at its end.
    name: String,
    /// The table as it is, or as SQL of the user's would make it.
    info: Option<TableInfo>,
    /// The SQL of the user's that is to make it.
    definition: Option<Definition>,
    /// The name that it is to have at the end.
    place: Option<String>,
    /// There is no table in that place.
    place_is_free: bool,
}

impl Aim {
    fn of(mut seen: Seen, context: &Context<'_>) -> Result<Aim, Error> {
        let options = &context.options.table;
        let replaced = (options.if_exists == IfExists::Replace)
            .then(|| seen.info.take())
            .flatten();
        let is_new = seen.info.is_none();
        let lands_at_once = is_new && options.atomic == Atomic::File && !context.is_check();
        let place_is_free = lands_at_once && replaced.is_none();
        let free = place_is_free.then(|| seen.table.clone());
        let place = replaced.map(|info| info.name).or(free);
        let definition = options.definition.as_deref().filter(|_| is_new).cloned();
        let info = match &definition {
            Some(made) => Some(definition::describe(made, place.is_some(), context)?),
            None => seen.info,
        };
        Ok(Aim {
            name: place.as_ref().map_or(seen.table, |place| new_name(place)),
            info,
            definition,
            place,
            place_is_free,
        })
    }
}

/// Plans the table of which `facts` are known; the table as it will be, unless rowmill makes it.
fn plan_table(
    aim: Aim,
    inputs: &OpenedInputs,
    facts: &Facts,
    context: &Context<'_>,
) -> Result<(TablePlan, Option<TableInfo>), Error> {
    let options = &inputs.as_found(context.options);
    let adds = match &aim.info {
        Some(info) if options.table.alter && aim.definition.is_none() => {
            plan::added_columns(info, &inputs.layout, facts, options)?
        }
        _ => Vec::new(),
    };
    let info = match aim.info {
        Some(info) if !adds.is_empty() => Some(with_columns(&info.name, &adds, context)?),
        info => info,
    };
    let mut plan = match &info {
        Some(info) => plan::plan_existing_table(&as_if_emptied(info, context), &inputs.layout, facts, options)?,
        None => plan::plan_new_table(aim.name, &inputs.layout, facts, options)?,
    };
    match (&aim.definition, &info) {
        (Some(definition), Some(info)) => take_definition(&mut plan, definition, info),
        (None, Some(info)) if options.table.atomic == Atomic::File => plan::land_at_once(&mut plan, info)?,
        _ => {}
    }
    if !adds.is_empty() {
        let added = adds
            .iter()
            .map(|column| format!("\"{}\" ({})", column.name, column.column_type.sql()));
        let added: Vec<String> = added.collect();
        plan.notices
            .push(format!("table \"{}\" gets columns: {}", plan.table, added.join(", ")));
    }
    plan.adds = adds;
    plan.replaces = aim.place;
    plan.place_is_free = aim.place_is_free;
    contract::check_references(&plan, context)?;
    plan.empties = gives_way(info.as_ref(), context);
    check_earlier_rows(&plan, info.as_ref(), context)?;
    if options.dialect.cells.empty == EmptyCell::Default {
        take_defaults(&mut plan, context)?;
    }
    Ok((plan, info))
}

/// The table as it will be with more columns, which it gets only for a look.
fn with_columns(table: &str, adds: &[Column], context: &Context<'_>) -> Result<TableInfo, Error> {
    let add = |database: &Database| added::add(database, table, adds);
    let info = definition::tried(context, add, |database| database.describe_table(table))?;
    info.ok_or_else(|| Error::table_gone(table))
}

/// Makes `plan`, which is one for a table that exists, a plan for the table that `definition` makes, which is then as `info` says.
fn take_definition(plan: &mut TablePlan, definition: &Definition, info: &TableInfo) {
    plan.create = true;
    plan.definition = Some(definition.clone());
    if info.has_triggers {
        plan.notices.push(format!(
            "table \"{}\" has triggers; they run for every row loaded",
            info.name
        ));
    }
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
    let (definition, aside) = (plan.definition.clone(), plan.replaces.is_some());
    let take = |database: &Database, plan: &mut TablePlan| defaults::take(database, &plan.table, &mut plan.columns);
    match (definition, context.existing_database()?) {
        (Some(definition), _) => definition::with_table(&definition, aside, context, |database| take(database, plan)),
        (None, Some(database)) if !plan.create => take(&database, plan),
        _ => {
            plan.notices.push(format!(
                "table \"{}\" is made by this load and has no DEFAULTs: {EMPTY} default loads empty fields as NULL",
                plan.table
            ));
            Ok(())
        }
    }
}
