//! A profile as a CREATE TABLE that SQLite takes, and that takes the rows.

use super::Profile;
use crate::schema::identifier::quote;

pub(super) fn write(profile: &Profile) -> String {
    let key = profile.key().map(|column| &column.name);
    let column = |column: &super::ColumnProfile| {
        let not_null = if column.has_no_null() { " NOT NULL" } else { "" };
        let is_key = key == Some(&column.name);
        let key = if is_key { " PRIMARY KEY" } else { "" };
        format!("  {} {}{not_null}{key}", quote(&column.name), column.column_type.sql())
    };
    let columns: Vec<String> = profile.columns.iter().map(column).collect();
    format!(
        "CREATE TABLE {} (\n{}\n);\n",
        quote(&profile.table),
        columns.join(",\n")
    )
}
