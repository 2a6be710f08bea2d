//! Which row has a row's key.

use std::ffi::c_int;
use std::sync::Arc;

use crate::error::Error;
use crate::schema::identifier::quote;
use crate::schema::table_info::{TableInfo, row_id_alias};
use crate::sqlite::TargetTable;
use crate::sqlite::database::Database;
use crate::sqlite::format::RecordValue;
use crate::sqlite::statement::{Statement, database_failure};

/// Finds the row that has a row's key.
#[derive(Debug)]
pub(super) struct KeySearch<'d> {
    find: Statement<'d>,
    /// Indices of the key's columns among those that the load fills.
    columns: Vec<usize>,
    pub(super) names: Arc<str>,
    /// What it finds is a row id.
    tells_row_id: bool,
    /// It is the load's key.
    pub(super) is_of_load: bool,
}

/// A row that was found.
pub(super) struct FoundRow {
    /// Its id, if it has one.
    pub(super) row_id: Option<i64>,
}

impl<'d> KeySearch<'d> {
    /// Searches for the load's key, for the row id and for each of the table's unique keys that the load fills.
    pub(super) fn all(database: &'d Database, info: &TableInfo, target: &TargetTable<'_>) -> Result<Vec<Self>, Error> {
        let columns = target.columns;
        let place = |index: &usize| {
            let name = &info.columns[*index].name;
            columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
        };
        let unique = info.unique_keys.iter();
        let unique = unique.filter_map(|key| key.columns.iter().map(place).collect::<Option<Vec<usize>>>());
        let all = [target.key_columns.to_vec()]
            .into_iter()
            .chain(target.row_id_column.map(|index| vec![index]))
            .chain(unique);
        let mut keys: Vec<Self> = Vec::new();
        for key in all.filter(|key| !key.is_empty()) {
            if keys.iter().any(|other| other.columns == key) {
                continue;
            }
            let names: Vec<&str> = key.iter().map(|&index| columns[index].name.as_str()).collect();
            let tests: Vec<String> = names.iter().map(|name| format!("{} = ?", quote(name))).collect();
            let alias = row_id_alias(&info.columns).filter(|_| !info.without_rowid);
            let row_id = alias.unwrap_or("0");
            let find = format!(
                "SELECT {row_id} FROM {} WHERE {}",
                quote(&info.name),
                tests.join(" AND ")
            );
            keys.push(KeySearch {
                find: Statement::new(database, &find)?,
                tells_row_id: alias.is_some(),
                names: names.join(",").into(),
                is_of_load: key == target.key_columns,
                columns: key,
            });
        }
        Ok(keys)
    }
    /// The row that has the key of the row `record`, whose values are `values`.
    ///
    /// # Errors
    /// `Database`.
    pub(super) fn find(
        &mut self,
        database: &Database,
        values: &[RecordValue],
        record: &[u8],
    ) -> Result<Option<FoundRow>, Error> {
        for (place, &index) in self.columns.iter().enumerate() {
            self.find.bind(place as c_int + 1, values[index], record);
        }
        let found = self
            .find
            .step()
            .map_err(|failure| database_failure(database, failure))?;
        Ok(found.map(|row_id| FoundRow {
            row_id: self.tells_row_id.then_some(row_id),
        }))
    }
}
