//! The indexes of a load: which it is to build, and those that SQLite builds from the rows that are in.

use crate::error::Error;
use crate::faults;
use crate::load::context::Context;
use crate::observer::Phase;
use crate::option_name::{INDEX, KEY, OptionName, UNIQUE};
use crate::plan::{self, DedupPlan, TablePlan};
use crate::schema::identifier;
use crate::sqlite::database::Database;
use crate::sqlite::direct::index::IndexSpec;

/// The indexes that a table gets that is filled directly.
pub(super) fn specs(plan: &TablePlan, context: &Context<'_>) -> Result<Vec<IndexSpec>, Error> {
    let mut specs = Vec::new();
    if plan.build_key_index && plan.dedup == DedupPlan::Filter {
        specs.push(IndexSpec {
            columns: plan.key_columns.clone(),
            unique: true,
        });
    }
    for index in &context.options.target.indexes {
        let columns = index_columns(plan, index)?;
        if !specs.iter().any(|spec| spec.columns == columns) {
            specs.push(IndexSpec { columns, unique: false });
        }
    }
    Ok(specs)
}

/// The columns that one `--index` names.
pub(super) fn index_columns(plan: &TablePlan, index: &[String]) -> Result<Vec<usize>, Error> {
    let names: Vec<String> = plan.columns.iter().map(|column| column.name.clone()).collect();
    plan::key_columns(&names, index, INDEX)
}

/// The columns of each index that `--index` asks for.
pub(super) fn further(plan: &TablePlan, context: &Context<'_>) -> Result<Vec<Vec<String>>, Error> {
    let wanted = context.options.target.indexes.iter();
    wanted
        .map(|index| Ok(plan.names(&index_columns(plan, index)?)))
        .collect()
}

/// Builds the indexes that `--index` asks for.
pub(super) fn build_further(database: &Database, plan: &TablePlan, context: &Context<'_>) -> Result<(), Error> {
    for index in &context.options.target.indexes {
        let columns = index_columns(plan, index)?;
        build(database, plan, &IndexSpec { columns, unique: false }, context)?;
    }
    Ok(())
}

/// Builds the unique index that a key needs which the table does not have.
///
/// # Errors
/// `Schema` with an example when rows of the table repeat the key.
pub(super) fn build_key_index(database: &Database, plan: &TablePlan, context: &Context<'_>) -> Result<(), Error> {
    build_unique(database, plan, (KEY, &plan.key_columns), context)
}

/// Builds the unique indexes that a table needs before its first row.
///
/// # Errors
/// `Schema` with an example when rows of the table repeat what is to be unique.
pub(super) fn build_before_rows(database: &Database, plan: &TablePlan, context: &Context<'_>) -> Result<(), Error> {
    if plan.build_key_index && plan.dedup == DedupPlan::Database {
        build_key_index(database, plan, context)?;
    }
    for columns in &plan.unique {
        build_unique(database, plan, (UNIQUE, columns), context)?;
    }
    Ok(())
}

fn build_unique(
    database: &Database,
    plan: &TablePlan,
    (option, columns): (OptionName, &[usize]),
    context: &Context<'_>,
) -> Result<(), Error> {
    let spec = IndexSpec {
        columns: columns.to_vec(),
        unique: true,
    };
    let built = build(database, plan, &spec, context);
    let Err(error) = built else { return built };
    let names = plan.names(columns);
    let Ok(Some(example)) = database.repeated_key(&plan.table, &names) else {
        return Err(error);
    };
    Err(Error::schema(format!(
        "table \"{}\" has rows that repeat {}{}, for example {example}; nothing was loaded: make them unique, or name \
         another {option}",
        plan.table,
        if option == KEY { "the key " } else { "" },
        names.join(",")
    )))
}

/// Has SQLite build an index, unless an earlier run of the same load did.
fn build(database: &Database, plan: &TablePlan, spec: &IndexSpec, context: &Context<'_>) -> Result<(), Error> {
    let names = plan.names(&spec.columns);
    if database.has_index(&plan.table, &names, spec.unique)? {
        return Ok(());
    }
    let name = identifier::index_name(&plan.table, &names, &database.index_names()?);
    context.observer.phase(Phase::Index, None);
    faults::point("index: before SQLite builds it");
    database.create_index(&name, &plan.table, &names, spec.unique)?;
    faults::point("index: built by SQLite");
    Ok(())
}
