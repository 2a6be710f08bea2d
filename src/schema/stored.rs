//! A text that stands for a column's value in every record, cast once.

use super::cast::{self, CastError, IsoText, Numeric};
use super::cells::StoredValue;
use super::recoding::{Recoding, WrittenForm};
use super::written::WrittenForms;
use super::{Column, ColumnType};

/// What `column` stores for `text`: what it would store for a field that says so, where values are written in `forms`.
///
/// # Errors
/// As the column refuses a field.
pub fn stored(text: &str, column: &Column, forms: &WrittenForms) -> Result<StoredValue, CastError> {
    match &Recoding::of_all(std::slice::from_ref(column), forms)[..] {
        [Some(recoding)] => stored_as_written(text.as_bytes(), column, &recoding.form),
        _ => stored_as_usual(text, column),
    }
}

/// As [`stored`], for a value that is not written as usual.
fn stored_as_written(text: &[u8], column: &Column, form: &WrittenForm) -> Result<StoredValue, CastError> {
    let real = |value: f64| StoredValue::Real(value.to_bits());
    let room = &mut Vec::new();
    Ok(match form {
        WrittenForm::Integer(style) => StoredValue::Integer(style.integer(text, room)?.value),
        WrittenForm::Decimal(style, decimals) => StoredValue::Integer(style.units(text, *decimals, room)?.value),
        WrittenForm::Number(style) => real(style.number(text, room)?.value),
        WrittenForm::Percent(style) => real(style.percent(text, room)?.value),
        WrittenForm::Real(style) | WrittenForm::Numeric(style) => {
            let usual = style.as_usual(text, room);
            return stored_as_usual(&String::from_utf8_lossy(usual), column);
        }
        WrittenForm::Moment(pattern) => {
            let mut iso = IsoText::new();
            pattern.read(text, &mut iso)?;
            StoredValue::Text(String::from_utf8_lossy(iso.as_bytes()).into_owned())
        }
    })
}

/// As [`stored`], for a value that is written as usual.
fn stored_as_usual(text: &str, column: &Column) -> Result<StoredValue, CastError> {
    let bytes = text.as_bytes();
    let real = |value: f64| StoredValue::Real(value.to_bits());
    let as_text = || StoredValue::Text(text.to_owned());
    Ok(match column.column_type {
        ColumnType::Text | ColumnType::Any => as_text(),
        ColumnType::Integer if column.declared => StoredValue::Integer(cast::usual_integer(bytes)?),
        ColumnType::Integer => StoredValue::Integer(cast::integer(bytes)?),
        ColumnType::Real if column.declared => real(cast::usual_real(bytes)?),
        ColumnType::Real => real(cast::real(bytes)?),
        ColumnType::Boolean => StoredValue::Integer(i64::from(cast::boolean(bytes)?)),
        ColumnType::Date => {
            cast::date(bytes)?;
            as_text()
        }
        ColumnType::Time | ColumnType::DateTime => {
            let moment = match column.column_type {
                ColumnType::Time => cast::time(bytes)?,
                _ => cast::date_time(bytes)?,
            };
            // What a moment is made of is ASCII.
            let tail = String::from_utf8_lossy(moment.tail());
            StoredValue::Text(format!("{}{tail}", &text[..moment.kept_bytes]))
        }
        // These are always recoded.
        ColumnType::Number | ColumnType::Percent | ColumnType::Decimal(_) => return Err(CastError::Type),
        ColumnType::Numeric => match cast::numeric(bytes)? {
            Numeric::Text => as_text(),
            Numeric::Integer(value) => StoredValue::Integer(value),
            Numeric::Real(value) => real(value),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_stored_as_its_column_stores_a_field() {
        let column = |column_type, declared| Column {
            declared,
            ..Column::new("c", column_type)
        };
        let text = |text: &str| Ok(StoredValue::Text(text.to_owned()));
        for (column_type, declared, given, wanted) in [
            (ColumnType::Text, false, "007", text("007")),
            (ColumnType::Any, false, "7", text("7")),
            (ColumnType::Integer, false, "7", Ok(StoredValue::Integer(7))),
            (ColumnType::Integer, false, "007", Err(CastError::Type)),
            (ColumnType::Integer, true, "007", Ok(StoredValue::Integer(7))),
            (ColumnType::Real, true, ".5", Ok(StoredValue::Real(0.5_f64.to_bits()))),
            (ColumnType::Boolean, true, "yes", Ok(StoredValue::Integer(1))),
            (ColumnType::Date, true, "2024-02-29", text("2024-02-29")),
            (ColumnType::Date, true, "2023-02-29", Err(CastError::Range)),
            (
                ColumnType::DateTime,
                true,
                "2024-01-02 03:04+00",
                text("2024-01-02 03:04+00:00"),
            ),
            (ColumnType::Decimal(2), true, "$1.5", Ok(StoredValue::Integer(150))),
            (
                ColumnType::Percent,
                true,
                "12.5%",
                Ok(StoredValue::Real(0.125_f64.to_bits())),
            ),
            (ColumnType::Number, true, "x", Err(CastError::Type)),
            (ColumnType::Numeric, false, "7", Ok(StoredValue::Integer(7))),
            (ColumnType::Numeric, false, "x", text("x")),
        ] {
            assert_eq!(
                stored(given, &column(column_type, declared), &WrittenForms::default()),
                wanted,
                "{given} as {column_type:?}"
            );
        }
    }
}
