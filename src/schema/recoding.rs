//! How the values of a column become what is stored, where they are not written as its type usually is.
//!
//! Comes in: a column and what was asked for. Goes out: the cast that its values take, and what messages say of values that do not fit.

use std::sync::Arc;

use super::cast::{Pattern, PatternKind};
use super::written::{NumberStyle, WrittenForms};
use super::{Column, ColumnType};
use crate::escape::excerpt;

/// Characters of a pattern that a message quotes.
const PATTERN_CHARS: usize = 60;

/// The cast of a column whose values are not written as its type usually is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recoding {
    pub form: WrittenForm,
    /// What a value of another form is told that was expected.
    pub expected: Arc<str>,
    /// What a value beyond the type is told.
    pub range: Arc<str>,
}

/// How values are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrittenForm {
    Integer(NumberStyle),
    Real(NumberStyle),
    /// In a column of NUMERIC affinity, as the table has declared it.
    Numeric(NumberStyle),
    Number(NumberStyle),
    Percent(NumberStyle),
    Decimal(NumberStyle, u8),
    /// Dates and times.
    Moment(Pattern),
}

impl Recoding {
    /// How each of `columns` is recoded; empty if none is.
    pub fn of_all(columns: &[Column], forms: &WrittenForms) -> Vec<Option<Recoding>> {
        let all: Vec<Option<Recoding>> = columns.iter().map(|column| Recoding::of(column, forms)).collect();
        match all.iter().all(Option::is_none) {
            true => Vec::new(),
            false => all,
        }
    }

    /// How `column` is recoded; `None` if its values are written as usual.
    fn of(column: &Column, forms: &WrittenForms) -> Option<Recoding> {
        let form = written_form(column, forms)?;
        let (expected, range) = match &form {
            WrittenForm::Integer(style) => (
                format!("expected an integer such as {} or -7", style.sample("")),
                "expected an integer from -9223372036854775808 to 9223372036854775807".to_owned(),
            ),
            WrittenForm::Real(style) | WrittenForm::Numeric(style) => (
                format!("expected a number such as {} or -7", style.sample("5")),
                "expected a number that a 64-bit float can hold".to_owned(),
            ),
            WrittenForm::Number(style) => (
                format!("expected a number such as {} or (7 EUR)", style.sample("50")),
                "expected a number that a 64-bit float can hold".to_owned(),
            ),
            WrittenForm::Percent(style) => (
                format!("expected a percentage such as {}%", style.sample("5")),
                "expected a percentage that a 64-bit float can hold".to_owned(),
            ),
            WrittenForm::Decimal(style, decimals) => (
                match decimals {
                    0 => format!("expected an amount such as {} or (7 EUR)", style.sample("")),
                    _ => format!("expected an amount such as {} or (7 EUR)", style.sample("5")),
                },
                format!(
                    "expected an amount with at most {decimals} decimals, which counted in units of the last one fits 64 bits"
                ),
            ),
            WrittenForm::Moment(pattern) => {
                let text = column.pattern.as_deref().unwrap_or_default().as_bytes();
                let text = excerpt(text, PATTERN_CHARS).to_string();
                let sample = excerpt(pattern.sample().as_bytes(), PATTERN_CHARS).to_string();
                let (what, exists) = match column.column_type {
                    ColumnType::Date => ("a date", "a day that exists"),
                    ColumnType::Time => ("a time", "a time of day that exists"),
                    _ => ("a date and time", "a day and a time that exist"),
                };
                (
                    format!("expected {what} such as {sample} ({text})"),
                    format!("expected {exists} ({text})"),
                )
            }
        };
        Some(Recoding {
            form,
            expected: expected.into(),
            range: range.into(),
        })
    }
}

fn written_form(column: &Column, forms: &WrittenForms) -> Option<WrittenForm> {
    let style = match column.declared {
        true => forms.numbers,
        false => forms.numbers.undeclared(),
    };
    let is_usual = style == NumberStyle::default();
    let pattern = |kind| {
        let text = column.pattern.as_deref()?;
        // One that cannot be compiled was refused with the options.
        let pattern = Pattern::new(text, kind, forms.dates.two_digit_year_pivot).ok()?;
        Some(WrittenForm::Moment(pattern))
    };
    match column.column_type {
        ColumnType::Number => Some(WrittenForm::Number(style)),
        ColumnType::Percent => Some(WrittenForm::Percent(style)),
        ColumnType::Decimal(decimals) => Some(WrittenForm::Decimal(style, decimals)),
        // A decimal comma is in no integer.
        ColumnType::Integer => style.thousands.map(|_| WrittenForm::Integer(style)),
        ColumnType::Real if !is_usual => Some(WrittenForm::Real(style)),
        ColumnType::Numeric if !is_usual => Some(WrittenForm::Numeric(style)),
        ColumnType::Date => pattern(PatternKind::Date),
        ColumnType::Time => pattern(PatternKind::Time),
        ColumnType::DateTime => pattern(PatternKind::DateTime),
        _ => None,
    }
}
