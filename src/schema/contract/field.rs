//! One field of a schema: its type and format, how its values are written, and what is missing.

use serde_json::{Map, Value};

use super::problems::{Problems, shown};
use crate::schema::ColumnType;
use crate::schema::cast::{FigureStyle, Pattern, PatternKind};
use crate::schema::rules::{MissingValues, ValueForm};

/// The types that are checked.
const TYPES: &str =
    "string, number, integer, boolean, date, time, datetime, year, yearmonth, duration, object, array, any";
/// Two-digit years below it are of the 2000s, as C and Python have it. Source: strptime(3), `%y`.
const PIVOT: u8 = 69;

/// A type of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldType {
    Text,
    Number,
    Integer,
    Boolean,
    Date,
    Time,
    DateTime,
    Year,
    YearMonth,
    Duration,
    Object,
    Array,
    Any,
}

impl FieldType {
    fn of(name: &str) -> Option<FieldType> {
        Some(match name {
            "string" => FieldType::Text,
            "number" => FieldType::Number,
            "integer" => FieldType::Integer,
            "boolean" => FieldType::Boolean,
            "date" => FieldType::Date,
            "time" => FieldType::Time,
            "datetime" => FieldType::DateTime,
            "year" => FieldType::Year,
            "yearmonth" => FieldType::YearMonth,
            "duration" => FieldType::Duration,
            "object" => FieldType::Object,
            "array" => FieldType::Array,
            "any" => FieldType::Any,
            _ => return None,
        })
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            FieldType::Text => "string",
            FieldType::Number => "number",
            FieldType::Integer => "integer",
            FieldType::Boolean => "boolean",
            FieldType::Date => "date",
            FieldType::Time => "time",
            FieldType::DateTime => "datetime",
            FieldType::Year => "year",
            FieldType::YearMonth => "yearmonth",
            FieldType::Duration => "duration",
            FieldType::Object => "object",
            FieldType::Array => "array",
            FieldType::Any => "any",
        }
    }

    /// Whether one of its values may be less than another.
    pub(super) const fn is_ordered(self) -> bool {
        !matches!(
            self,
            FieldType::Text | FieldType::Boolean | FieldType::Object | FieldType::Array | FieldType::Any
        )
    }

    /// Whether its values have a length.
    pub(super) const fn has_length(self) -> bool {
        matches!(self, FieldType::Text | FieldType::Object | FieldType::Array)
    }

    /// What a column holds with such values.
    pub(super) fn column_type(self, form: &ValueForm) -> ColumnType {
        form.column_type(match self {
            FieldType::Date => ColumnType::Date,
            FieldType::Time => ColumnType::Time,
            _ => ColumnType::DateTime,
        })
    }
}

/// The type of `field`, which stands at `path`, and how its values are written.
pub(super) fn form(field: &Map<String, Value>, path: &str, problems: &mut Problems) -> Option<(FieldType, ValueForm)> {
    let type_path = format!("{path}.type");
    let name = match field.get("type") {
        None => "any",
        Some(value) => problems.text(value, &type_path)?,
    };
    let Some(field_type) = FieldType::of(name) else {
        problems.add(type_path, unknown_type(name));
        return None;
    };
    let format_path = format!("{path}.format");
    let format = match field.get("format") {
        None => "default",
        Some(value) => problems.text(value, &format_path)?,
    };
    let format = format.strip_prefix("fmt:").unwrap_or(format);
    let form = match (field_type, format) {
        (FieldType::Text | FieldType::Any, "default") => ValueForm::Text,
        (FieldType::Text, "email") => ValueForm::Email,
        (FieldType::Text, "uri") => ValueForm::Uri,
        (FieldType::Text, "uuid") => ValueForm::Uuid,
        (FieldType::Text, "binary") => ValueForm::Base64,
        (FieldType::Number, "default") => ValueForm::Number(figures(field, path, problems)?),
        (FieldType::Integer, "default") => ValueForm::Integer(figures(field, path, problems)?),
        (FieldType::Boolean, "default") => boolean(field, path, problems)?,
        (FieldType::Date, "default") => ValueForm::Date,
        (FieldType::Time, "default") => ValueForm::Time,
        (FieldType::DateTime, "default") => ValueForm::DateTime,
        (FieldType::Date | FieldType::Time | FieldType::DateTime, format) => {
            moment(field_type, format, &format_path, problems)?
        }
        (FieldType::Year, "default") => ValueForm::Year,
        (FieldType::YearMonth, "default") => ValueForm::YearMonth,
        (FieldType::Duration, "default") => ValueForm::Duration,
        (FieldType::Object, "default") => ValueForm::Object,
        (FieldType::Array, "default") => ValueForm::Array,
        (FieldType::Text, _) => {
            problems.add(
                format_path,
                format_args!("is {format:?}; a string has the format default, email, uri, uuid or binary"),
            );
            return None;
        }
        (field_type, _) => {
            problems.add(
                format_path,
                format_args!(
                    "is {format:?}; the type {} has the format default only",
                    field_type.as_str()
                ),
            );
            return None;
        }
    };
    Some((field_type, form))
}

fn unknown_type(name: &str) -> String {
    match name {
        "geopoint" | "geojson" | "list" => format!(
            "is {name:?}, whose values rowmill does not check; declare the field as a string, with a pattern if you like"
        ),
        _ => format!("is {name:?}, which is no type of a Table Schema; the types are {TYPES}"),
    }
}

fn moment(field_type: FieldType, format: &str, path: &str, problems: &mut Problems) -> Option<ValueForm> {
    if format == "any" {
        problems.add(
            path,
            "is \"any\", which leaves open which day 01/02/2024 is; say how the values are written, such as \"%d/%m/%Y\", or leave it out \
             for those of ISO 8601",
        );
        return None;
    }
    let kind = match field_type {
        FieldType::Date => PatternKind::Date,
        FieldType::Time => PatternKind::Time,
        _ => PatternKind::DateTime,
    };
    match Pattern::new(format, kind, Some(PIVOT)) {
        Ok(pattern) => Some(ValueForm::Moment(pattern)),
        Err(problem) => {
            problems.add(path, format_args!("{} {problem}", shown(&Value::from(format))));
            None
        }
    }
}

/// How numbers are written.
fn figures(field: &Map<String, Value>, path: &str, problems: &mut Problems) -> Option<FigureStyle> {
    let mut text = |name: &str| match field.get(name) {
        None => Some(None),
        Some(value) => problems.text(value, &format!("{path}.{name}")).map(Some),
    };
    let is_number = field.get("type").and_then(Value::as_str) == Some("number");
    let decimal = if is_number { text("decimalChar")? } else { None };
    let group = text("groupChar")?.filter(|group| !group.is_empty());
    let is_bare = match field.get("bareNumber") {
        None => true,
        Some(value) => problems.boolean(value, &format!("{path}.bareNumber"))?,
    };
    let style = FigureStyle {
        decimal: decimal.unwrap_or(".").into(),
        group: group.map(Into::into),
        is_bare,
    };
    let is_of_numbers = |text: &str| {
        text.bytes()
            .any(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'e' | b'E'))
    };
    for (name, text) in [
        ("decimalChar", Some(&*style.decimal)),
        ("groupChar", style.group.as_deref()),
    ] {
        let Some(text) = text else { continue };
        if text.is_empty() || is_of_numbers(text) {
            problems.add(
                format_args!("{path}.{name}"),
                format_args!("is {text:?}; it must be a character that is no digit, sign or e"),
            );
            return None;
        }
    }
    if style.group.as_deref() == Some(&*style.decimal) {
        let what = format_args!(
            "is {:?}, which is decimalChar, too; one of them must be another",
            style.decimal
        );
        problems.add(format_args!("{path}.groupChar"), what);
        return None;
    }
    Some(style)
}

fn boolean(field: &Map<String, Value>, path: &str, problems: &mut Problems) -> Option<ValueForm> {
    let mut words = |name: &str, usual: [&'static str; 4]| -> Option<Box<[Box<str>]>> {
        let words = match field.get(name) {
            None => usual.to_vec(),
            Some(value) => problems.texts(value, &format!("{path}.{name}"))?,
        };
        Some(words.into_iter().map(Into::into).collect())
    };
    let yes = words("trueValues", ["true", "True", "TRUE", "1"])?;
    let no = words("falseValues", ["false", "False", "FALSE", "0"])?;
    // What is there by default gives way to what was said.
    let (yes, no) = match (field.contains_key("trueValues"), field.contains_key("falseValues")) {
        (true, false) => (yes.clone(), without(no, &yes)),
        (false, true) => (without(yes, &no), no),
        _ => (yes, no),
    };
    if let Some(word) = yes.iter().find(|word| no.contains(word)) {
        let what = format_args!("and falseValues both have {word:?}; leave it out of one of them");
        problems.add(format_args!("{path}.trueValues"), what);
        return None;
    }
    Some(ValueForm::Boolean { yes, no })
}

fn without(words: Box<[Box<str>]>, others: &[Box<str>]) -> Box<[Box<str>]> {
    words.into_iter().filter(|word| !others.contains(word)).collect()
}

/// The values that are missing, as `value` at `path` says.
pub(super) fn missing(value: &Value, path: &str, problems: &mut Problems) -> Option<MissingValues> {
    let items = problems.array(value, path)?;
    let mut found = MissingValues::default();
    let mut words: Vec<Box<str>> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let word = match item {
            Value::Object(item) => match item.get("value") {
                Some(value) => problems.text(value, &format!("{path}.value"))?,
                None => {
                    problems.add(path, "has no \"value\"");
                    return None;
                }
            },
            item => problems.text(item, &path)?,
        };
        match word {
            "" => found.empty = true,
            word => words.push(word.into()),
        }
    }
    found.words = words.into();
    Some(found)
}
