//! Whether what is said of how values are written can be meant, and has anything that it is said of.

use crate::error::Error;
use crate::option_name::{
    COLUMN_FORMAT, COLUMN_TYPE, DATE_FORMAT, DATETIME_FORMAT, DECIMAL_COMMA, OptionName, THOUSANDS,
    TWO_DIGIT_YEAR_PIVOT,
};
use crate::options::{ContractOptions, LoadOptions};
use crate::schema::ColumnType;
use crate::schema::cast::{MAX_UNIT_DECIMALS, Pattern, PatternKind};
use crate::schema::written::{NumberStyle, WrittenForms};

/// These options, in words.
pub(crate) fn texts(written: &WrittenForms) -> [(OptionName, String); 5] {
    let WrittenForms { numbers, dates } = written;
    let pattern = |pattern: &Option<String>| {
        pattern
            .as_ref()
            .map_or_else(|| "none".to_owned(), |text| format!("'{text}'"))
    };
    [
        (
            DECIMAL_COMMA,
            if numbers.decimal_comma { "on" } else { "off" }.to_owned(),
        ),
        (
            THOUSANDS,
            numbers
                .thousands
                .map_or_else(|| "none".to_owned(), |one| format!("'{}'", one.escape_default())),
        ),
        (DATE_FORMAT, pattern(&dates.date)),
        (DATETIME_FORMAT, pattern(&dates.date_time)),
        (
            TWO_DIGIT_YEAR_PIVOT,
            dates
                .two_digit_year_pivot
                .map_or_else(|| "none".to_owned(), |year| year.to_string()),
        ),
    ]
}

/// # Errors
/// `Usage` naming the option and what it takes.
pub(super) fn validate(options: &LoadOptions) -> Result<(), Error> {
    let LoadOptions { dialect, contract, .. } = options;
    validate_numbers(dialect.written.numbers, contract)?;
    validate_decimals(contract)?;
    validate_dates(&dialect.written, contract)?;
    validate_columns(&dialect.written, contract)
}

fn validate_numbers(style: NumberStyle, contract: &ContractOptions) -> Result<(), Error> {
    let Some(thousands) = style.thousands else {
        return Ok(());
    };
    if !NumberStyle::SEPARATORS.contains(&thousands) {
        return Err(Error::usage(format!(
            "{THOUSANDS} takes a blank, . , ' _ or a blank that does not break a line: nothing else is known to separate groups of digits"
        )));
    }
    if thousands == char::from(style.decimal_sign()) {
        return Err(Error::usage(match style.decimal_comma {
            true => format!("{THOUSANDS} and {DECIMAL_COMMA} give a comma two meanings; leave one of them out"),
            false => format!(
                "with {THOUSANDS} . a point has two meanings, unless {DECIMAL_COMMA} says that decimals follow a comma"
            ),
        }));
    }
    let has_groups = |column_type| {
        matches!(
            column_type,
            ColumnType::Integer | ColumnType::Real | ColumnType::Number | ColumnType::Percent | ColumnType::Decimal(_)
        )
    };
    match contract.types.iter().any(|(_, column_type)| has_groups(*column_type)) {
        true => Ok(()),
        false => Err(Error::usage(format!(
            "{THOUSANDS} is about columns that are declared as numbers, and none is; declare them with {COLUMN_TYPE} as number, \
             decimal(2), real or integer"
        ))),
    }
}

fn validate_decimals(contract: &ContractOptions) -> Result<(), Error> {
    let is_too_large =
        |column_type| matches!(column_type, ColumnType::Decimal(decimals) if decimals > MAX_UNIT_DECIMALS);
    match (contract.types.iter()).find(|(_, column_type)| is_too_large(*column_type)) {
        None => Ok(()),
        Some((name, _)) => Err(Error::usage(format!(
            "{COLUMN_TYPE} declares column '{name}' with more decimals than 64 bits hold: there can be 0 to {MAX_UNIT_DECIMALS}"
        ))),
    }
}

fn validate_dates(written: &WrittenForms, contract: &ContractOptions) -> Result<(), Error> {
    let dates = &written.dates;
    if dates.two_digit_year_pivot.is_some_and(|pivot| pivot > 100) {
        return Err(Error::usage(format!(
            "{TWO_DIGIT_YEAR_PIVOT} takes a year without its century, from 0 to 99, or 100 for years of the 2000s alone"
        )));
    }
    let formats = [
        (DATE_FORMAT, &dates.date, ColumnType::Date),
        (DATETIME_FORMAT, &dates.date_time, ColumnType::DateTime),
    ];
    for (option, format, column_type) in formats {
        let Some(format) = format else { continue };
        check_pattern(format!("{option} '{format}'"), format, column_type, written)?;
        let is_meant = |(name, declared): &(String, ColumnType)| {
            *declared == column_type
                && !contract
                    .formats
                    .iter()
                    .any(|(other, _)| other.eq_ignore_ascii_case(name))
        };
        if !contract.types.iter().any(is_meant) {
            return Err(nothing_declared(option, column_type));
        }
    }
    Ok(())
}

fn nothing_declared(option: OptionName, column_type: ColumnType) -> Error {
    let word = column_type.as_str();
    Error::usage(format!(
        "{option} says how columns are written that are declared as {word} (without a format of their own), and none is; declare them with \
         {COLUMN_TYPE}, or leave it out"
    ))
}

fn validate_columns(written: &WrittenForms, contract: &ContractOptions) -> Result<(), Error> {
    for (index, (name, format)) in contract.formats.iter().enumerate() {
        if contract.formats[..index]
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
        {
            return Err(Error::usage(format!(
                "{COLUMN_FORMAT} is said of column '{name}' twice"
            )));
        }
        let declared = contract
            .types
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        let column_type = declared.map_or(ColumnType::Text, |(_, column_type)| *column_type);
        check_pattern(
            format!("the format '{format}' of column '{name}'"),
            format,
            column_type,
            written,
        )?;
    }
    Ok(())
}

/// # Errors
/// `Usage` when a pattern, called `what`, is none of that type.
fn check_pattern(what: String, format: &str, column_type: ColumnType, written: &WrittenForms) -> Result<(), Error> {
    let kind = match column_type {
        ColumnType::Date => PatternKind::Date,
        ColumnType::Time => PatternKind::Time,
        ColumnType::DateTime => PatternKind::DateTime,
        _ => {
            return Err(Error::usage(format!(
                "{what} is about a column that is not declared as date, time or datetime; declare it with {COLUMN_TYPE}"
            )));
        }
    };
    match Pattern::new(format, kind, written.dates.two_digit_year_pivot) {
        Ok(_) => Ok(()),
        Err(problem) => Err(Error::usage(format!("{what} {problem}"))),
    }
}
