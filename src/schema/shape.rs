//! What a plan relies on in a table that exists: kept in the checkpoint, and compared before anything is written again.

use serde::{Deserialize, Serialize};

use super::ColumnType;

/// A table, as far as it decides what becomes of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableShape {
    pub columns: Vec<ColumnShape>,
    /// Name of the INTEGER PRIMARY KEY.
    pub row_id_column: Option<String>,
    pub without_rowid: bool,
    /// Where the table begins in the file: another table of that name begins elsewhere. So may the same one after a VACUUM.
    pub root_page: i64,
}

/// A column of such a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnShape {
    pub name: String,
    pub affinity: ColumnType,
    pub collation: String,
    pub generated: bool,
}

/// How a table in which a load has committed rows is recognized: one that begins elsewhere and does not have those rows is another table of
/// that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The greatest row id; `None` if rows have none.
    pub row_id: Option<i64>,
    /// How many rows the load has committed.
    pub rows: u64,
    /// Where the table begins.
    pub root_page: i64,
}

impl TableShape {
    /// Why values would become different in `now` from what they are in this table, in words; `None` if they would not. Additional columns
    /// in `now` do not matter.
    pub fn difference(&self, now: &TableShape) -> Option<String> {
        for then in &self.columns {
            let name = &then.name;
            let same_name = |other: &&ColumnShape| other.name.eq_ignore_ascii_case(name);
            let Some(found) = now.columns.iter().find(same_name) else {
                return Some(format!("the table's column \"{name}\" is gone"));
            };
            if found.affinity != then.affinity {
                let (then, now) = (affinity(then.affinity), affinity(found.affinity));
                return Some(format!("the table's column \"{name}\" was {then} and is {now}"));
            }
            if !found.collation.eq_ignore_ascii_case(&then.collation) {
                let (then, now) = (&then.collation, &found.collation);
                return Some(format!(
                    "the table's column \"{name}\" was compared by {then} and is now compared by {now}"
                ));
            }
            if found.generated != then.generated {
                return Some(format!(
                    "the table's column \"{name}\" has become, or is no longer, a generated column"
                ));
            }
        }
        let lower = |name: &Option<String>| name.as_ref().map(|name| name.to_ascii_lowercase());
        let same_rows =
            lower(&self.row_id_column) == lower(&now.row_id_column) && self.without_rowid == now.without_rowid;
        (!same_rows).then(|| "the table's primary key is a different one".to_owned())
    }
}

/// The affinity as SQLite calls it.
fn affinity(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Integer => "INTEGER",
        ColumnType::Real => "REAL",
        ColumnType::Numeric => "NUMERIC",
        ColumnType::Any => "without a type",
        _ => "TEXT",
    }
}
