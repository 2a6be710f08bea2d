//! Inputs that are to be read in ranges, by whoever: what they begin with, and how their columns match, as for a load of them.
//!
//! Comes in: inputs, and the options of a load. Goes out: heads, layout, and what the first records say of the order of keys. What only a
//! database, or one process that sees everything in order, can do is refused.

use crate::encoding::Encoding;
use crate::error::Error;
use crate::head::{Head, read_head};
use crate::infer::Facts;
use crate::load::contract::agree;
use crate::load::infer::{declared, facts_of_start};
use crate::load::opened::{OpenedInput, are_objects, check_member, encoding_hint, lay_out, leave_out_tails};
use crate::option_name::{
    AFTER, ALTER, ANALYZE, APPEND_ONLY, ATOMIC, BEFORE, CREATE_SQL, ESCAPE, FORMAT, FTS, IF_EXISTS, INDEX, MAX_ERRORS,
    ON_DUPLICATE, ONCE, OptionName, PROFILE_ROWS, REPORT, REPORT_HTML, STRICT, TABLE_PER_FILE, UNIQUE, VACUUM,
};
use crate::options::{Atomic, IfExists, LoadOptions, OnDuplicate};
use crate::plan::Layout;
use crate::window::{Input, Tail};

/// The inputs, and all that is known of them before their records are read.
pub(crate) struct RangedInputs {
    pub(crate) all: Vec<RangedHead>,
    pub(crate) layout: Layout,
    /// As they hold for these inputs.
    pub(crate) options: LoadOptions,
    /// For each column, whether its type is declared.
    pub(crate) declared: Vec<bool>,
    /// What is known of the columns' values: nothing, unless all types are declared.
    pub(crate) facts: Facts,
    pub(crate) notices: Vec<String>,
}

/// An input, and what it begins with.
pub(crate) struct RangedHead {
    pub(crate) head: Head,
    /// The field of each column of the table.
    pub(crate) fields: Vec<u32>,
    /// Where its records end.
    pub(crate) data_end_bytes: u64,
    /// What follows, and is no record.
    pub(crate) tail: Tail,
}

/// Reads the heads of `inputs`.
///
/// # Errors
/// As a load of them, before its first row; `Usage` for options that cannot be kept here, `InputUnusable` for what cannot be read in ranges.
pub(crate) fn look_at_ranges(mut inputs: Vec<Input>, options: &LoadOptions) -> Result<RangedInputs, Error> {
    options.validate()?;
    check_options(options)?;
    let mut options = options.clone();
    agree(&mut options, std::iter::empty())?;
    for input in &mut inputs {
        input.look_for_wide(options.dialect.encoding.and_then(Encoding::wide))?;
    }
    leave_out_tails(&mut inputs, &options)?;
    let mut all: Vec<OpenedInput> = Vec::with_capacity(inputs.len());
    for mut input in inputs {
        let options = all
            .first()
            .map_or_else(|| options.clone(), |first| first.as_found(&options));
        let head = read_head(&mut input, &options, None, &|| false)?;
        check_head(&input, &head)?;
        all.push(OpenedInput::new(input, head));
    }
    let Some(first) = all.first() else {
        return Err(Error::usage("no input named"));
    };
    options = first.as_found(&options);
    are_objects(&all, &options)?;
    let mut notices = notices(&all);
    let layout = lay_out(&mut all, &options)?;
    check_member(&all, &options)?;
    let declared = declared(&layout, &options)?;
    let key = layout.key(&options)?;
    let mut facts = Facts::new(&declared, &key);
    if declared.iter().all(|&declared| declared) && key.len() == 1 {
        facts = facts_of_start(&mut all[0], &facts, &options, &|| false)?;
    }
    notices.dedup();
    Ok(RangedInputs {
        all: all.into_iter().map(ranged_head).collect(),
        layout,
        options,
        declared,
        facts,
        notices,
    })
}

fn ranged_head(opened: OpenedInput) -> RangedHead {
    let OpenedInput {
        input, head, fields, ..
    } = opened;
    RangedHead {
        data_end_bytes: input.abilities().length_bytes.unwrap_or(0),
        tail: input.tail(),
        head,
        fields,
    }
}

fn notices(all: &[OpenedInput]) -> Vec<String> {
    let of_input = |opened: &OpenedInput| {
        let path = opened.input.path().display().to_string();
        let hint = opened.head.likely_encoding.map(encoding_hint);
        let said = opened.head.notices.iter().cloned().chain(hint);
        said.map(|notice| format!("{path}: {notice}")).collect::<Vec<_>>()
    };
    all.iter().flat_map(of_input).collect()
}

/// # Errors
/// `InputUnusable` for an input of which no part can be read by itself.
fn check_head(input: &Input, head: &Head) -> Result<(), Error> {
    if head.objects.is_some() {
        return Err(Error::unusable(
            input.path(),
            format!(
                "it is JSON Lines, which is not read in ranges ({FORMAT}); load it as a whole, or turn it into CSV"
            ),
        ));
    }
    if head.dialect.escape.is_some() {
        return Err(Error::unusable(
            input.path(),
            format!(
                "its records have escapes ({ESCAPE}), so that no line end shows by itself whether a line ends there; load it as a whole, or \
                 write it with doubled quotes instead"
            ),
        ));
    }
    Ok(())
}

/// # Errors
/// `Usage` for what cannot be done where nobody sees all records in their order, or a table.
fn check_options(options: &LoadOptions) -> Result<(), Error> {
    let LoadOptions {
        contract,
        target,
        table,
        repeat,
        limits,
        ..
    } = options;
    let about_a_database: [(OptionName, bool); 15] = [
        (APPEND_ONLY, repeat.append_only),
        (ONCE, repeat.once),
        (TABLE_PER_FILE, target.table_per_file),
        (INDEX, !target.indexes.is_empty()),
        (IF_EXISTS, table.if_exists != IfExists::Append),
        (CREATE_SQL, table.create_sql.is_some()),
        (ALTER, table.alter),
        (ATOMIC, table.atomic != Atomic::Batch),
        (STRICT, table.strict),
        (UNIQUE, !table.unique.is_empty()),
        (FTS, !table.fts.is_empty()),
        (BEFORE, !table.before.is_empty()),
        (AFTER, !table.after.is_empty()),
        (ANALYZE, table.analyze),
        (VACUUM, table.vacuum),
    ];
    let about_the_whole: [(OptionName, bool); 5] = [
        (ON_DUPLICATE, contract.on_duplicate != OnDuplicate::Reject),
        (
            MAX_ERRORS,
            limits.errors.all.is_some() || !limits.errors.by_code.is_empty(),
        ),
        (REPORT, target.report.is_some()),
        (REPORT_HTML, target.report_html.is_some()),
        (PROFILE_ROWS, target.profile),
    ];
    let asked = about_a_database.into_iter().find(|(_, is_asked)| *is_asked);
    if let Some((option, _)) = asked {
        return Err(Error::usage(format!(
            "{option} is about a database, and ranges are read into none; leave it out"
        )));
    }
    match about_the_whole.into_iter().find(|(_, is_asked)| *is_asked) {
        Some((option, _)) => Err(Error::usage(format!(
            "{option} is about all records of a load together, and who reads a range sees only its own; leave it out"
        ))),
        None => Ok(()),
    }
}
