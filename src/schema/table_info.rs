//! A table that exists, as far as a load depends on it.

use super::ColumnType;
use super::shape::{ColumnShape, TableShape};

/// The collation that tells all texts apart.
pub(crate) const BINARY: &str = "BINARY";
/// Row ids from here on are near the greatest that there is: no transaction comes to that from below.
pub const NEAR_LAST_ID: i64 = i64::MAX - (1 << 40);

/// A table that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// The name in the case in which it was created.
    pub name: String,
    pub columns: Vec<TableColumn>,
    /// Index in `columns` of the INTEGER PRIMARY KEY.
    pub row_id_column: Option<usize>,
    /// Indices in `columns` of the primary key, in its order.
    pub primary_key: Vec<usize>,
    pub without_rowid: bool,
    /// UNIQUE and PRIMARY KEY indexes over whole columns and all rows, but not the row id.
    pub unique_keys: Vec<UniqueKey>,
    /// Every unique index but the row id's, also over expressions or some rows only.
    pub unique_indexes: Vec<UniqueIndex>,
    pub has_triggers: bool,
    /// Any index, also one over expressions or some rows only.
    pub has_indexes: bool,
    pub foreign_keys: i64,
    /// A constraint says ON CONFLICT.
    pub may_have_conflict_clauses: bool,
    /// Row ids are chosen as AUTOINCREMENT does.
    pub may_autoincrement: bool,
    pub is_empty: bool,
    pub max_row_id: Option<i64>,
    /// The page at which the table begins.
    pub root_page: i64,
    /// What becomes of a row depends on its own values and key alone: no trigger, CHECK, foreign key or unique index looks at others.
    pub is_plain: bool,
    pub traces: Traces,
}

/// What a row that is refused may leave behind, or undo, besides itself. Where that is not known, it is taken to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traces {
    /// A part of what its statement did, as after `RAISE(FAIL)`.
    pub half_done: bool,
    /// A foreign key that is looked at only when the transaction is committed.
    pub deferred: bool,
    /// Nothing of the whole transaction, as after `RAISE(ROLLBACK)`.
    pub rolled_back: bool,
    /// What its triggers do.
    pub triggered: bool,
}

/// A column of a table that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    pub name: String,
    pub column_type: ColumnType,
    /// In the table's own words; empty without a type.
    pub declared_type: String,
    pub not_null: bool,
    pub has_default: bool,
    pub generated: bool,
    /// What its values are compared by, in keys and indexes that do not say otherwise.
    pub collation: String,
    /// Values that differ in the input differ in the table: no affinity and no collation makes them equal.
    pub keeps_differences: bool,
}

/// Columns that no two rows share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// Indices in [`TableInfo::columns`].
    pub columns: Vec<usize>,
}

/// A unique index, as far as columns are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueIndex {
    /// Indices in [`TableInfo::columns`] with the collation that each is compared by; expressions are left out.
    pub columns: Vec<(usize, String)>,
}

impl TableInfo {
    /// Whether a row brings nothing else into play than one foreign key of its table: if rows wait, it is a deferred one.
    pub fn has_one_foreign_key_alone(&self) -> bool {
        self.foreign_keys == 1 && self.traces.deferred && !self.has_triggers && row_id_name(self).is_some()
    }

    /// What a plan relies on.
    pub fn shape(&self) -> TableShape {
        let column = |column: &TableColumn| ColumnShape {
            name: column.name.clone(),
            affinity: column.column_type,
            collation: column.collation.clone(),
            generated: column.generated,
        };
        TableShape {
            columns: self.columns.iter().map(column).collect(),
            row_id_column: self.row_id_column.map(|index| self.columns[index].name.clone()),
            without_rowid: self.without_rowid,
            root_page: self.root_page,
        }
    }
}

impl TableColumn {
    /// Whether what an index by `collation` finds unique is so for the column itself: it tells no more texts apart.
    pub(crate) fn is_unique_by(&self, collation: &str) -> bool {
        self.is_binary() || self.collation.eq_ignore_ascii_case(collation)
    }

    /// Whether texts that differ in a byte are different values.
    pub fn is_binary(&self) -> bool {
        self.collation.eq_ignore_ascii_case(BINARY)
    }
}

/// The name under which the row ids of a table can be reached, a column's perhaps; `None` where it has none, or all names are taken.
pub fn row_id_name(info: &TableInfo) -> Option<&str> {
    let own = info.row_id_column.map(|index| info.columns[index].name.as_str());
    own.or(row_id_alias(&info.columns)).filter(|_| !info.without_rowid)
}

/// The name under which a table's row id can be reached: one that is not the name of a column.
pub fn row_id_alias(columns: &[TableColumn]) -> Option<&'static str> {
    let taken = |alias: &&str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(alias));
    ["rowid", "_rowid_", "oid"].into_iter().find(|alias| !taken(alias))
}
