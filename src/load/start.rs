//! Where a load starts: afresh ([`super::afresh`]), where an unfinished one stopped ([`super::resume`]), or after a finished one
//! ([`super::append`]).

use crate::checkpoint::{Base, Identity, SavedProgress};
use crate::plan::{DedupPlan, TablePlan};
use crate::schema::RowIds;
use crate::schema::shape::TableShape;

/// Where a load starts from: the plan, and how far earlier runs got.
pub(super) struct Start {
    pub(super) plan: TablePlan,
    /// A load that can be resumed keeps a checkpoint: files can be read again, streams cannot.
    pub(super) identity: Option<Identity>,
    pub(super) progress: Option<SavedProgress>,
    /// The database has this load's checkpoint already.
    pub(super) begun: bool,
    /// The table that the plan was made for, if it was there.
    pub(super) shape: Option<TableShape>,
    /// The plan was made for a table without rows.
    pub(super) needs_empty_table: bool,
    /// There was no database.
    pub(super) makes_database: bool,
}

impl Start {
    /// Whether the earlier run had settled everything and only its cleaning up is left.
    pub(super) fn is_settled(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.settled)
    }

    /// Whether this load, or the one that it goes on after, created the table.
    pub(super) fn is_of_created_table(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.plan.create)
    }

    /// Records that earlier runs of the load have done, those of loads included that this one goes on after.
    pub(super) fn records_done(&self) -> u64 {
        self.progress.as_ref().map_or(0, |progress| progress.counts.records)
    }

    /// The greatest row id that the table may have if the rows that come are all to get greater ones; `None` if it must be empty.
    pub(super) fn greatest_row_id_before(&self) -> Option<i64> {
        let marked = || self.progress.as_ref()?.mark?.row_id;
        match (self.plan.row_ids, self.plan.dedup) {
            (RowIds::Ordinal { base }, _) => base.checked_add_unsigned(self.records_done()),
            (RowIds::Key, DedupPlan::Ascending { last }) => last.max(marked()),
            (RowIds::Key | RowIds::None, _) => None,
            // Where numbers come to an end, SQLite looks for free ones.
            (RowIds::Given, _) => Some(i64::MAX / 2),
        }
    }

    /// Greatest key of the table before the first load, if keys that ascend are row ids.
    pub(super) fn greatest_key_before(&self) -> Option<i64> {
        match self.identity.as_ref()?.plan.dedup {
            DedupPlan::Ascending { last } => last,
            DedupPlan::Database | DedupPlan::Filter => None,
        }
    }

    /// The token by which its side files are named, if a later run must find them.
    pub(super) fn token(&self) -> Option<&str> {
        self.identity.as_ref().map(|identity| identity.token.as_str())
    }

    /// The finished load that this one goes on after.
    pub(super) fn base(&self) -> Option<&Base> {
        self.identity.as_ref().and_then(|identity| identity.base.as_ref())
    }
}
