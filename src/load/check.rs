//! A check: all that a load of the same inputs into a new database would say, without one.
//!
//! Comes in: a load that is planned. Goes out: one that has ended, with the same counts and the same dead letters, as every step of a load is
//! taken: only what takes the rows keeps none of them, and of their values only keys are kept, to be sorted. Never: a file with a name, but
//! for the dead letters and the reports. A check that was stopped begins anew.
//!
//! Where only SQLite can tell which keys are repeated, the rows do go into a database, which has no name and is gone at the end.

use crate::error::Error;
use crate::load::context::Context;
use crate::load::ended::Ended;
use crate::load::leave;
use crate::load::opened::OpenedInputs;
use crate::load::outputs::{OpenedTable, Outputs};
use crate::load::planned::{Blueprint, Guess, Refuted};
use crate::load::rows::LoadedRows;
use crate::load::settled::SettledRows;
use crate::load::side_files;
use crate::option_name::{KEY, REPORT, REPORT_HTML, TABLE_PER_FILE};
use crate::options::{ContractOptions, LoadOptions, OnDuplicate, RepeatOptions, TargetOptions, WritePath};

/// The options of a check: what only a database can heed is left out.
///
/// # Errors
/// `Usage` for what would make it another check.
pub(super) fn without_database(options: &LoadOptions) -> Result<LoadOptions, Error> {
    if options.target.table_per_file {
        return Err(Error::usage(format!(
            "{TABLE_PER_FILE} makes as many tables as files, and a check is about one; check each file by itself"
        )));
    }
    if options.target.report_html.is_some() {
        return Err(Error::usage(format!(
            "{REPORT_HTML} shows a table, and a check makes none; use {REPORT}"
        )));
    }
    Ok(LoadOptions {
        target: TargetOptions {
            indexes: Vec::new(),
            write_path: WritePath::Auto,
            ..options.target.clone()
        },
        repeat: RepeatOptions::default(),
        contract: ContractOptions {
            on_duplicate: OnDuplicate::Reject,
            ..options.contract.clone()
        },
        ..options.clone()
    })
}

/// Carries out a check as it is planned.
pub(super) fn carry_out(
    blueprint: &Blueprint,
    mut inputs: OpenedInputs,
    context: &Context<'_>,
) -> Result<Guess<Ended>, Error> {
    inputs.end_looking();
    let side_files = side_files::open(&blueprint.start, &inputs, context)?;
    let table = OpenedTable::nowhere(blueprint, &side_files, context)?;
    let outputs = Outputs::open(&table, side_files, &inputs, context)?;
    let rows = match LoadedRows::of(outputs, inputs, context)? {
        Guess::Held(rows) => rows,
        Guess::Refuted(refuted) => return Ok(Guess::Refuted(refuted)),
    };
    if rows.outputs.writer.lacks_keys() {
        return again_with_rows(rows, context).map(|left| Guess::Refuted(Box::new(left)));
    }
    let settled = SettledRows::of(rows, context)?;
    let ended = leave::end(settled, context)?;
    table.database.close()?;
    Ok(Guess::Held(ended))
}

/// What is left when keys are too long to be sorted: the check begins again, and keeps its rows.
///
/// # Errors
/// `Usage` for an input that cannot be read again.
fn again_with_rows(rows: LoadedRows<'_>, context: &Context<'_>) -> Result<Refuted, Error> {
    let LoadedRows { inputs, outputs, .. } = rows;
    if !inputs.can_be_read_again() {
        return Err(Error::usage(format!(
            "{KEY} has values that are too long to be sorted here (4 KiB), and a stream cannot be read again: check it as a file"
        )));
    }
    context.observer.notice(
        "the key has values that are too long to be sorted here (4 KiB): the check begins again, with all rows in a temporary database",
    );
    context.note_needs_rows();
    Ok(outputs.not_to_stay(inputs))
}
