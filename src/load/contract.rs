//! The contract of a load: read before anything is opened, compared with the inputs' headers, and with the tables that it refers to.

use std::path::Path;
use std::sync::Arc;

use crate::error::Error;
use crate::format::FieldNames;
use crate::load::context::Context;
use crate::load::definition;
use crate::option_name::{NO_HEADER, SCHEMA};
use crate::options::{ContractSource, LoadOptions};
use crate::plan::{self, TablePlan};
use crate::schema::constraint::TableConstraint;
use crate::schema::contract::{Contract, FieldsMatch};
use crate::schema::identifier::listed;
use crate::schema::table_info::TableInfo;
use crate::sqlite::database::Database;

/// Reads the contract that `options` name, if they name one, and makes it hold for the load, and for `others` with the same options.
pub(super) fn agree<'o>(
    options: &mut LoadOptions,
    others: impl Iterator<Item = &'o mut LoadOptions>,
) -> Result<(), Error> {
    let contract = match &options.contract.source {
        None => return Ok(()),
        Some(ContractSource::File(path)) => Arc::new(Contract::from_path(path)?),
        Some(ContractSource::Compiled(contract)) => Arc::clone(contract),
    };
    options.agree(&contract)?;
    for other in others {
        other.agree(&contract)?;
    }
    Ok(())
}

/// The names of objects that are columns, if the contract leaves no others.
pub(super) fn only_names(options: &LoadOptions) -> Option<FieldNames> {
    let contract = &options.contract.agreed.as_ref()?.contract;
    let is_only = !contract.fields_match.allows_others() && options.columns.chosen.is_none();
    is_only.then(|| contract.all_names().iter().collect())
}

/// The fields of an input.
pub(super) struct InputFields<'a> {
    pub(super) path: &'a Path,
    pub(super) names: &'a mut Vec<String>,
    pub(super) has_header: bool,
    pub(super) are_of_objects: bool,
}

/// Checks that the fields of each input are those of the contract, as far as its `fieldsMatch` demands it. Inputs without a header get the
/// names of its fields.
///
/// # Errors
/// `Schema`, with every input whose fields are others.
pub(super) fn match_fields<'a>(all: impl Iterator<Item = InputFields<'a>>, options: &LoadOptions) -> Result<(), Error> {
    let Some(agreed) = &options.contract.agreed else {
        return Ok(());
    };
    let contract = &*agreed.contract;
    let mut problems = Vec::new();
    for fields in all {
        let (path, names) = (fields.path.display(), &*fields.names);
        let problem = if fields.are_of_objects {
            compare_objects(names, contract)
        } else if !fields.has_header {
            let problem = compare_nameless(names.len(), contract);
            if problem.is_none() {
                *fields.names = contract.all_names();
            }
            problem
        } else {
            compare(names, contract)
        };
        problems.extend(problem.map(|problem| format!("{path}: {problem}")));
    }
    if problems.is_empty() {
        return Ok(());
    }
    let rule = contract.fields_match.as_str();
    let way = match contract.fields_match {
        FieldsMatch::Exact | FieldsMatch::Equal | FieldsMatch::Superset => {
            "; with \"fieldsMatch\" the schema can allow others (subset), fewer (superset), both (partial) or another order (equal)"
        }
        FieldsMatch::Subset | FieldsMatch::Partial => "",
    };
    Err(Error::schema(format!(
        "the fields of the schema are not those of every input ({rule}); nothing was loaded:\n  {}{way}",
        problems.join("\n  ")
    )))
}

/// How the names of a header differ from the fields of the contract, if they may not.
fn compare(names: &[String], contract: &Contract) -> Option<String> {
    let rule = contract.fields_match;
    let has = |name: &String| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    let wanted = contract.all_names();
    if rule == FieldsMatch::Partial && !wanted.iter().any(has) {
        return Some(format!(
            "none of its columns {} is a field of the schema: {}",
            listed(names),
            listed(&wanted)
        ));
    }
    let lacking = |field: &&crate::schema::contract::ContractField| {
        !has(&field.name) && (field.is_required || !rule.allows_lacking())
    };
    let missing: Vec<&String> = contract
        .fields
        .iter()
        .filter(lacking)
        .map(|field| &field.name)
        .collect();
    let is_other = |name: &&String| !rule.allows_others() && contract.field(name).is_none();
    let unexpected: Vec<&String> = names.iter().filter(is_other).collect();
    let parts = [("missing", missing), ("unexpected", unexpected)];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(word, names)| format!("{word} {}", listed(names)))
        .collect();
    let is_in_order = || {
        names
            .iter()
            .zip(&wanted)
            .all(|(left, right)| left.eq_ignore_ascii_case(right))
    };
    match parts.is_empty() {
        false => Some(parts.join("; ")),
        true if rule == FieldsMatch::Exact && !is_in_order() => Some(format!(
            "its columns stand in another order, {}, than the fields: {}",
            listed(names),
            listed(&wanted)
        )),
        true => None,
    }
}

/// As [`compare`], for objects, in which what is not there is NULL.
fn compare_objects(names: &[String], contract: &Contract) -> Option<String> {
    let is_other = |name: &&String| !contract.fields_match.allows_others() && contract.field(name).is_none();
    let others: Vec<&String> = names.iter().filter(is_other).collect();
    (!others.is_empty()).then(|| format!("unexpected {}", listed(others)))
}

/// As [`compare`], for so many columns without names.
fn compare_nameless(columns: usize, contract: &Contract) -> Option<String> {
    let fields = contract.fields.len();
    match contract.fields_match {
        FieldsMatch::Exact if columns == fields => None,
        FieldsMatch::Exact => Some(format!("it has {columns} columns, and the schema has {fields} fields")),
        rule => Some(format!(
            "it has no header ({NO_HEADER}), and \"fieldsMatch\": \"{}\" finds fields by their names; leave that out of the schema if its \
             fields are those of the input in their order",
            rule.as_str()
        )),
    }
}

/// Checks that what the contract's foreign keys refer to can be referred to, and that a table that exists has them.
///
/// # Errors
/// `Schema`, with what to do.
pub(super) fn check_references(plan: &TablePlan, context: &Context<'_>) -> Result<(), Error> {
    let Some(agreed) = &context.options.contract.agreed else {
        return Ok(());
    };
    if agreed.contract.references.is_empty() {
        return Ok(());
    }
    if let Some(definition) = &plan.definition {
        return definition::with_table(definition, plan.replaces.is_some(), context, |database| {
            check_declared(plan, database, context.options)
        });
    }
    let database = context.existing_database()?;
    let checked = match (&database, plan.create) {
        (Some(database), false) => check_declared(plan, database, context.options),
        (database, _) => check_targets(plan, database.as_ref(), &agreed.contract),
    };
    match database {
        Some(database) => checked.and(database.close()),
        None => checked,
    }
}

/// Checks that a table that exists has the foreign keys of the contract.
fn check_declared(plan: &TablePlan, database: &Database, options: &LoadOptions) -> Result<(), Error> {
    let there = database.references(&plan.table)?;
    for wanted in plan::references(plan, options) {
        if !there.iter().any(|one| one.is_same(&wanted, &plan.table)) {
            return Err(Error::schema(format!(
                "table \"{0}\" {2} does not have a foreign key of the schema: {1}; nothing was loaded: make the table with it, or take \
                 it out of the schema",
                plan.shown_table(),
                wanted.sql(plan.shown_table()),
                if plan.create { "is to be made and" } else { "exists and" }
            )));
        }
    }
    Ok(())
}

/// Checks that the other tables that a new one is to refer to are there, and that no two of their rows share what is referred to.
fn check_targets(plan: &TablePlan, database: Option<&Database>, contract: &Contract) -> Result<(), Error> {
    let declared = plan.constraints.iter().filter_map(|constraint| match constraint {
        TableConstraint::Reference {
            table: Some(table), to, ..
        } => Some((table, to)),
        _ => None,
    });
    for (table, to) in declared {
        let is_it = |name: &Option<String>| name.as_ref() == Some(table);
        let reference = contract
            .references
            .iter()
            .find(|one| is_it(&one.table) && one.to == *to);
        let path = reference.map_or("$.foreignKeys", |one| one.json_path.as_str());
        let info = match database {
            Some(database) => database.describe_table(table)?,
            None => None,
        };
        let Some(info) = info else {
            return Err(Error::schema(format!(
                "{path}.reference.resource of {SCHEMA} is \"{table}\", and the database has no table of that name; nothing was loaded: load that \
                 table first, or take the foreign key out of the schema"
            )));
        };
        if let Some(why) = cannot_refer(&info, to) {
            return Err(Error::schema(format!(
                "{path}.reference of {SCHEMA}: table \"{table}\" {why}; nothing was loaded: no row of this table could refer to one of it"
            )));
        }
    }
    Ok(())
}

/// Why no row can refer to the columns `to` of a table.
fn cannot_refer(info: &TableInfo, to: &[String]) -> Option<String> {
    let place = |name: &String| {
        info.columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))
    };
    let mut columns = Vec::new();
    for name in to {
        match place(name) {
            Some(index) => columns.push(index),
            None => return Some(format!("has no column \"{name}\"")),
        }
    }
    let is_row_id = matches!(columns[..], [column] if Some(column) == info.row_id_column);
    columns.sort_unstable();
    let is_unique = info.unique_keys.iter().any(|key| {
        let mut key = key.columns.clone();
        key.sort_unstable();
        key == columns
    });
    match is_row_id || is_unique {
        true => None,
        false => Some(format!("has no unique index on {}", listed(to))),
    }
}
