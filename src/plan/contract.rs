//! What a contract says of the columns of a plan: their types and rules, and the constraints of the whole table.

use std::sync::Arc;

use super::{Layout, TablePlan, find};
use crate::error::Error;
use crate::escape::excerpt;
use crate::option_name::COLUMN_TYPE;
use crate::options::{Agreement, LoadOptions};
use crate::schema::constraint::TableConstraint;
use crate::schema::contract::{Contract, ContractField};
use crate::schema::identifier::listed;
use crate::schema::rules::ColumnRules;

/// Characters of a name that a message quotes.
const NAME_CHARS: usize = 60;

/// The field of the contract that each column of `layout` is.
///
/// # Errors
/// `Usage` when another option gives such a column a type that the field's rules are not made for.
pub(super) fn contract_fields(layout: &Layout, options: &LoadOptions) -> Result<Vec<Option<u32>>, Error> {
    let Some(Agreement { contract, .. }) = &options.contract.agreed else {
        return Ok(Vec::new());
    };
    let own = layout.input_names.iter().map(|name| contract.field(name));
    let mut fields: Vec<Option<u32>> = own.map(|field| field.map(|index| index as u32)).collect();
    fields.resize(layout.names.len(), None);
    for (field, name) in fields.iter().zip(&layout.names) {
        let Some(field) = field.map(|index| &contract.fields[index as usize]) else {
            continue;
        };
        if options.contract.is_declared(name) && !field.rules.rules.is_empty() {
            return Err(Error::usage(format!(
                "{COLUMN_TYPE} gives column \"{}\" another type, and the schema has rules for it that are about its own ({}); leave it out of \
                 {COLUMN_TYPE}, or take the rules out of the schema",
                excerpt(name, NAME_CHARS),
                field.rules.rules[0].words
            )));
        }
    }
    Ok(fields)
}

/// The field of the contract that column `column` of a plan is.
pub(super) fn field<'a>(fields: &[Option<u32>], column: usize, options: &'a LoadOptions) -> Option<&'a ContractField> {
    let agreed = options.contract.agreed.as_ref()?;
    agreed.contract.fields.get((*fields.get(column)?)? as usize)
}

/// What the contract says of the values of a plan's columns.
pub(super) fn column_rules(plan: &TablePlan, options: &LoadOptions) -> ColumnRules {
    let Some(Agreement { says_missing, .. }) = options.contract.agreed else {
        return ColumnRules::default();
    };
    let fields: Vec<Option<&ContractField>> = (0..plan.columns.len())
        .map(|column| field(&plan.contract_fields, column, options))
        .collect();
    let values = fields.iter().zip(&plan.columns).map(|(field, column)| {
        let rules = &(*field)?.rules;
        (!rules.is_usual() && !options.contract.is_declared(&column.name)).then(|| Arc::clone(rules))
    });
    let missing = fields.iter().map(|field| {
        let missing = &(*field)?.missing;
        (says_missing && !missing.are_usual()).then(|| Arc::clone(missing))
    });
    ColumnRules {
        values: unless_none(values.collect()),
        missing: unless_none(missing.collect()),
        required: fields
            .iter()
            .map(|field| field.is_some_and(|field| field.is_required))
            .collect(),
    }
}

/// Nothing, if there is something in none of `all`.
fn unless_none<T>(all: Vec<Option<T>>) -> Vec<Option<T>> {
    match all.iter().all(Option::is_none) {
        true => Vec::new(),
        false => all,
    }
}

/// The constraints of the whole table that the contract asks for, of columns called `names`, of which `key` is the load's key.
pub(super) fn constraints(
    fields: &[Option<u32>],
    names: &[String],
    key: &[usize],
    options: &LoadOptions,
) -> Vec<TableConstraint> {
    let Some(Agreement { contract, .. }) = &options.contract.agreed else {
        return Vec::new();
    };
    let place = |field: &usize| fields.iter().position(|other| *other == Some(*field as u32));
    let columns = |key: &[usize]| key.iter().map(place).collect::<Option<Vec<usize>>>();
    let named = |columns: &[usize]| columns.iter().map(|&index| names[index].clone()).collect::<Vec<_>>();
    let is_key = |columns: &[usize]| columns.len() == key.len() && columns.iter().all(|column| key.contains(column));
    // Fields that no input has are in no two rows.
    let unique = contract.unique_keys.iter().filter_map(|unique| columns(unique));
    let unique = unique
        .filter(|columns| !is_key(columns))
        .map(|columns| TableConstraint::Unique(named(&columns)));
    let references = contract.references.iter().filter_map(|reference| {
        let to = match &reference.table {
            Some(_) => reference.to.clone(),
            None => own_columns(contract, &reference.to, fields, names)?,
        };
        Some(TableConstraint::Reference {
            columns: named(&columns(&reference.fields)?),
            table: reference.table.clone(),
            to,
        })
    });
    unique.chain(references).collect()
}

/// The foreign keys that the contract asks for of the table of a plan.
pub fn references(plan: &TablePlan, options: &LoadOptions) -> Vec<TableConstraint> {
    let names: Vec<String> = plan.columns.iter().map(|column| column.name.clone()).collect();
    let all = constraints(&plan.contract_fields, &names, &plan.key_columns, options);
    let is_reference = |one: &TableConstraint| matches!(one, TableConstraint::Reference { .. });
    all.into_iter().filter(is_reference).collect()
}

/// The columns that the fields called `to` are.
fn own_columns(contract: &Contract, to: &[String], fields: &[Option<u32>], names: &[String]) -> Option<Vec<String>> {
    to.iter()
        .map(|name| {
            let field = contract.field(name)? as u32;
            let column = fields.iter().position(|other| *other == Some(field))?;
            Some(names[column].clone())
        })
        .collect()
}

/// The constraints of a table that a load makes, of columns called `names`. If there are any, the `key` is one like the others, unless it is the
/// row id.
///
/// # Errors
/// `Schema` when the table would refer to what is not unique in it.
pub(super) fn of_new_table(
    fields: &[Option<u32>],
    names: &[String],
    (key, row_id): (&[usize], Option<usize>),
    options: &LoadOptions,
) -> Result<Vec<TableConstraint>, Error> {
    let mut all = constraints(fields, names, key, options);
    let key_names: Vec<String> = key.iter().map(|&index| names[index].clone()).collect();
    check_own_references(&all, &key_names, options)?;
    if !all.is_empty() && !key.is_empty() && row_id.is_none() {
        all.insert(0, TableConstraint::Unique(key_names));
    }
    Ok(all)
}

/// Checks that what a new table refers to in itself is unique there, as SQLite demands; `key`: the columns of the load's key.
///
/// # Errors
/// `Schema`, with what is to be unique.
fn check_own_references(constraints: &[TableConstraint], key: &[String], options: &LoadOptions) -> Result<(), Error> {
    let agreed = options.contract.agreed.iter();
    let own = agreed.flat_map(|agreed| agreed.contract.references.iter().filter(|one| one.table.is_none()));
    let declared = constraints.iter().filter_map(|constraint| match constraint {
        TableConstraint::Reference { table: None, to, .. } => Some(to),
        _ => None,
    });
    for (reference, to) in own.zip(declared) {
        if !are_unique(to, key, constraints) {
            return Err(Error::schema(format!(
                "{}.reference.fields names {}, and no two rows may share what is referred to: make that the primaryKey or one of the \
                 uniqueKeys of the schema",
                reference.json_path,
                listed(to)
            )));
        }
    }
    Ok(())
}

/// Whether the columns called `wanted` of a new table, in some order, are unique: as its key, or by one of its constraints.
fn are_unique(wanted: &[String], key: &[String], constraints: &[TableConstraint]) -> bool {
    let is = |unique: &[String]| unique.len() == wanted.len() && unique.iter().all(|name| find(wanted, name).is_some());
    is(key)
        || constraints
            .iter()
            .any(|constraint| matches!(constraint, TableConstraint::Unique(columns) if is(columns)))
}
