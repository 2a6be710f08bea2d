//! The contract of a load: where it comes from, and what was agreed once it is read.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Error;
use crate::option_name::{
    COLUMNS, CONTRACT, DATE_FORMAT, DATETIME_FORMAT, DECIMAL_COMMA, KEY, ON_DUPLICATE, OptionName, SCHEMA, THOUSANDS,
};
use crate::options::{LoadOptions, OnDuplicate};
use crate::schema::cells::CellRules;
use crate::schema::contract::Contract;
use crate::schema::identifier::listed;
use crate::schema::written::WrittenForms;

/// Where the contract of a load comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContractSource {
    /// The file of a Table Schema.
    File(PathBuf),
    /// A program has compiled it.
    Compiled(Arc<Contract>),
}

/// A contract that holds for a load, and what it leaves to other options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The contract.
    pub contract: Arc<Contract>,
    /// It says which values are missing: no other option does.
    pub says_missing: bool,
    /// The key of the load is one that it calls unique only, so that it may have NULLs.
    pub key_may_be_null: bool,
}

impl LoadOptions {
    /// Makes `contract` hold for the load. What other options say comes first, as far as both can be meant.
    ///
    /// # Errors
    /// `Usage` for options that contradict it.
    pub fn agree(&mut self, contract: &Arc<Contract>) -> Result<(), Error> {
        let usual = WrittenForms::default();
        let written = &self.dialect.written;
        let of_all_columns = [
            (DECIMAL_COMMA, written.numbers.decimal_comma),
            (THOUSANDS, written.numbers.thousands.is_some()),
            (DATE_FORMAT, written.dates.date != usual.dates.date),
            (DATETIME_FORMAT, written.dates.date_time != usual.dates.date_time),
        ];
        if let Some((option, _)) = of_all_columns.into_iter().find(|(_, is_said)| *is_said) {
            return Err(Error::usage(format!(
                "{option} says of all columns how they are written, and so does the schema of each; leave it out, or say it in the schema \
                 (decimalChar, groupChar, format)"
            )));
        }
        let key_may_be_null = self.agree_on_key(contract)?;
        self.check_judge(contract)?;
        let says_missing = self.dialect.cells == CellRules::default();
        if says_missing {
            // What is compared are texts, whether they are quoted or not.
            self.dialect.cells.quoted_empty_is_empty = true;
        }
        self.contract.agreed = Some(Agreement {
            contract: Arc::clone(contract),
            says_missing,
            key_may_be_null,
        });
        Ok(())
    }

    /// Takes the key from the contract: its primary key, or the first fields that are unique; whether it may have NULLs.
    fn agree_on_key(&mut self, contract: &Contract) -> Result<bool, Error> {
        let in_table = |fields: &[usize]| -> Vec<String> {
            let names = contract.names(fields);
            names.iter().map(|name| self.columns.renamed(name).to_owned()).collect()
        };
        let primary_key = in_table(&contract.primary_key);
        self.check_chosen(contract)?;
        if !self.contract.key.is_empty() {
            let is_in = |name: &String, others: &[String]| others.iter().any(|other| other.eq_ignore_ascii_case(name));
            let key = &self.contract.key;
            let is_same = key.len() == primary_key.len() && key.iter().all(|name| is_in(name, &primary_key));
            return match is_same || primary_key.is_empty() {
                true => Ok(false),
                false => Err(Error::usage(format!(
                    "{KEY} is {}, and the primaryKey of the schema is {}; leave {KEY} out, or make them the same",
                    listed(key),
                    listed(&primary_key)
                ))),
            };
        }
        let unique = contract.unique_keys.first().map(|fields| in_table(fields));
        let may_be_null = primary_key.is_empty() && unique.is_some();
        self.contract.key = match primary_key.is_empty() {
            false => primary_key,
            true => unique.unwrap_or_default(),
        };
        Ok(may_be_null)
    }

    /// Checks that there is a table to judge what only a table can, and that no row is changed where it must.
    fn check_judge(&self, contract: &Contract) -> Result<(), Error> {
        let changes_rows = !matches!(self.contract.on_duplicate, OnDuplicate::Reject | OnDuplicate::Skip);
        let in_table = |fields: &Vec<usize>| {
            contract
                .names(fields)
                .iter()
                .map(|name| folded(self.columns.renamed(name)))
                .collect()
        };
        let key: BTreeSet<String> = self.contract.key.iter().map(|name| folded(name)).collect();
        let has_others = contract.unique_keys.iter().any(|fields| {
            let names: BTreeSet<String> = in_table(fields);
            names != key
        });
        let needs_table = has_others || !contract.references.is_empty();
        match changes_rows && needs_table {
            _ if needs_table && self.check.is_some() => Err(Error::usage(
                "the schema has foreign keys or fields that are unique besides the key, which only a table can judge: load the inputs into one, or \
                 take them out of the schema for the check"
                    .to_owned(),
            )),
            true => Err(Error::usage(format!(
                "{ON_DUPLICATE} {} changes rows, and the schema has foreign keys or fields that are unique besides the key, which SQLite is to \
                 judge record by record; leave {ON_DUPLICATE} out, or take them out of the schema",
                self.contract.on_duplicate
            ))),
            false => Ok(()),
        }
    }

    /// Checks that the columns that are loaded are enough to see whether the contract is kept.
    fn check_chosen(&self, contract: &Contract) -> Result<(), Error> {
        let Some(chosen) = &self.columns.chosen else {
            return Ok(());
        };
        let keys = std::iter::once(("primaryKey", &contract.primary_key));
        let unique = contract.unique_keys.iter().map(|key| ("unique", key));
        let references = contract.references.iter().map(|key| ("foreignKeys", &key.fields));
        for (what, fields) in keys.chain(unique).chain(references) {
            let lacking = fields.iter().map(|&index| &contract.fields[index].name);
            let lacking = lacking
                .filter(|name| !chosen.iter().any(|other| other.eq_ignore_ascii_case(name)))
                .collect::<Vec<_>>();
            if let [first, ..] = lacking[..] {
                return Err(Error::usage(format!(
                    "{COLUMNS} leaves out \"{first}\", which the schema needs for {what}; add it to {COLUMNS}, or take that out of the schema"
                )));
            }
        }
        Ok(())
    }
}

fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

impl ContractSource {
    /// The option that it was given with.
    pub const fn option(&self) -> OptionName {
        match self {
            ContractSource::File(_) => SCHEMA,
            ContractSource::Compiled(_) => CONTRACT,
        }
    }
}
