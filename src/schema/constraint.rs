//! Constraints of a whole table, as a load declares them in one that it makes.

use serde::{Deserialize, Serialize};

use super::identifier::{quote, quote_all};

/// A constraint of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableConstraint {
    /// No two rows share these columns.
    Unique(Vec<String>),
    /// The values of these columns are among those of others.
    Reference {
        /// Names of the columns.
        columns: Vec<String>,
        /// The table that is referred to; `None`: the same one.
        table: Option<String>,
        /// Its columns.
        to: Vec<String>,
    },
}

impl TableConstraint {
    /// The constraint in the statement that creates `table`. A row may refer to one that comes later in the same table.
    pub fn sql(&self, table: &str) -> String {
        match self {
            TableConstraint::Unique(columns) => format!("UNIQUE ({})", quote_all(columns)),
            TableConstraint::Reference {
                columns,
                table: other,
                to,
            } => {
                let when = match other {
                    Some(_) => "",
                    None => " DEFERRABLE INITIALLY DEFERRED",
                };
                let other = quote(other.as_deref().unwrap_or(table));
                let (columns, to) = (quote_all(columns), quote_all(to));
                format!("FOREIGN KEY ({columns}) REFERENCES {other} ({to}){when}")
            }
        }
    }
}

impl TableConstraint {
    /// Whether two foreign keys of `table` demand the same; names are compared as SQLite compares them.
    pub fn is_same(&self, other: &TableConstraint, table: &str) -> bool {
        let (
            TableConstraint::Reference {
                columns,
                table: to_table,
                to,
            },
            TableConstraint::Reference {
                columns: other_columns,
                table: other_table,
                to: other_to,
            },
        ) = (self, other)
        else {
            return false;
        };
        let name = |name: &Option<String>| name.as_deref().unwrap_or(table).to_ascii_lowercase();
        let pairs = |columns: &[String], to: &[String]| {
            let pairs = columns.iter().zip(to);
            let mut pairs: Vec<_> = pairs
                .map(|(column, to)| (column.to_ascii_lowercase(), to.to_ascii_lowercase()))
                .collect();
            pairs.sort_unstable();
            pairs
        };
        name(to_table) == name(other_table) && pairs(columns, to) == pairs(other_columns, other_to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_references_within_a_table_are_deferred() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            TableConstraint::Unique(names(&["a", "b\"c"])).sql("t"),
            "UNIQUE (\"a\", \"b\"\"c\")"
        );
        let reference = |table: Option<&str>| TableConstraint::Reference {
            columns: names(&["boss"]),
            table: table.map(str::to_owned),
            to: names(&["id"]),
        };
        assert_eq!(
            reference(Some("people")).sql("t"),
            "FOREIGN KEY (\"boss\") REFERENCES \"people\" (\"id\")"
        );
        assert_eq!(
            reference(None).sql("t"),
            "FOREIGN KEY (\"boss\") REFERENCES \"t\" (\"id\") DEFERRABLE INITIALLY DEFERRED"
        );
    }
}
