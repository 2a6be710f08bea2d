//! A text that stands for a column's value in every record, cast once.

use super::cast::{self, CastError, Numeric};
use super::cells::StoredValue;
use super::{Column, ColumnType};

/// What `column` stores for `text`: what it would store for a field that says so.
///
/// # Errors
/// As the column refuses a field.
pub fn stored(text: &str, column: &Column) -> Result<StoredValue, CastError> {
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
            (ColumnType::Numeric, false, "7", Ok(StoredValue::Integer(7))),
            (ColumnType::Numeric, false, "x", text("x")),
        ] {
            assert_eq!(
                stored(given, &column(column_type, declared)),
                wanted,
                "{given} as {column_type:?}"
            );
        }
    }
}
