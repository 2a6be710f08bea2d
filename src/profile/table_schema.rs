//! A profile as a Table Schema: <https://specs.frictionlessdata.io/table-schema/>.
//!
//! Only what holds for every value is said of a column, so that the schema takes the file that it was made of.

use serde::Serialize;

use super::{ColumnProfile, Profile, pretty};
use crate::schema::ColumnType;

#[derive(Serialize)]
struct TableSchema<'a> {
    fields: Vec<SchemaField<'a>>,
    #[serde(rename = "primaryKey", skip_serializing_if = "Option::is_none")]
    primary_key: Option<[&'a str; 1]>,
}

#[derive(Serialize)]
struct SchemaField<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    constraints: Option<RequiredRule>,
}

#[derive(Serialize)]
struct RequiredRule {
    required: bool,
}

pub(super) fn write(profile: &Profile) -> String {
    pretty(&TableSchema {
        fields: profile.columns.iter().map(field).collect(),
        primary_key: profile.key().map(|key| [key.name.as_str()]),
    })
}

fn field(column: &ColumnProfile) -> SchemaField<'_> {
    SchemaField {
        name: &column.name,
        kind: type_of(column),
        constraints: column.has_no_null().then_some(RequiredRule { required: true }),
    }
}

/// What a column is there.
fn type_of(column: &ColumnProfile) -> &'static str {
    match column.suits.unwrap_or(column.column_type) {
        ColumnType::Integer | ColumnType::Decimal(_) => "integer",
        ColumnType::Boolean => "boolean",
        ColumnType::Date => "date",
        ColumnType::Time => "time",
        ColumnType::DateTime => "datetime",
        column_type if column_type.is_real() => "number",
        _ => "string",
    }
}
