//! A table that exists, as far as a load depends on it.

use super::ColumnType;
use super::shape::{ColumnShape, TableShape};

/// The collation by which any two different texts differ.
pub(crate) const BINARY: &str = "BINARY";
/// Row ids from here on are near the greatest possible one: no single transaction gets there from below.
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
    /// Every unique index except the row id's, including those over expressions or only some rows.
    pub unique_indexes: Vec<UniqueIndex>,
    pub has_triggers: bool,
    /// Whether there is any index, including those over expressions or only some rows.
    pub has_indexes: bool,
    pub foreign_keys: i64,
    /// A foreign key of this or another table may be checked only when a transaction is committed.
    pub may_defer: bool,
    /// A constraint says ON CONFLICT.
    pub may_have_conflict_clauses: bool,
    /// Row ids are chosen as AUTOINCREMENT does.
    pub may_autoincrement: bool,
    pub is_empty: bool,
    pub max_row_id: Option<i64>,
    /// The page at which the table begins.
    pub root_page: i64,
    /// What becomes of a row depends only on its own values and key: no trigger, CHECK, foreign key or unique index looks at others.
    pub is_plain: bool,
    pub traces: Traces,
}

/// What a row that is refused may leave behind, or undo, besides itself. Anything that is not known is assumed to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traces {
    /// A part of what its statement did, as after `RAISE(FAIL)`.
    pub half_done: bool,
    /// A foreign key that is checked only when the transaction is committed.
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
    /// The type in the table's own words; empty if there is none.
    pub declared_type: String,
    pub not_null: bool,
    pub has_default: bool,
    pub generated: bool,
    /// The collation by which its values are compared in keys and indexes that do not name another.
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
    /// Whether a row brings into play nothing but one foreign key of its table; if rows wait, it is a deferred one.
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
    /// Whether values that are unique by an index's `collation` are unique by the column's own, that is, whether `collation` distinguishes
    /// no more texts.
    pub(crate) fn is_unique_by(&self, collation: &str) -> bool {
        self.is_binary() || self.collation.eq_ignore_ascii_case(collation)
    }

    /// Whether texts that differ in a byte are different values.
    pub fn is_binary(&self) -> bool {
        self.collation.eq_ignore_ascii_case(BINARY)
    }
}

/// The name, perhaps a column's, under which the row ids of a table can be reached; `None` if it has none, or all names are taken.
pub fn row_id_name(info: &TableInfo) -> Option<&str> {
    let own = info.row_id_column.map(|index| info.columns[index].name.as_str());
    own.or(row_id_alias(&info.columns)).filter(|_| !info.without_rowid)
}

/// The name under which a table's row id can be reached: one that is not the name of a column.
pub fn row_id_alias(columns: &[TableColumn]) -> Option<&'static str> {
    let taken = |alias: &&str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(alias));
    ["rowid", "_rowid_", "oid"].into_iter().find(|alias| !taken(alias))
}
