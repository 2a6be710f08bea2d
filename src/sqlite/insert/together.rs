//! Several rows, each with a statement of its own, within one savepoint.
//!
//! Where a row that is refused may leave a part of what its triggers did, it needs a savepoint, and SQLite copies each page that a row touches
//! for it. So rows that are all taken share one. If one of them is not, all are taken back, and go in one by one, each with its own.

use super::{GroupOutcome, SqlWriter};
use crate::error::Error;
use crate::schema::table_info::NEAR_LAST_ID;
use crate::sqlite::statement::database_failure;

impl SqlWriter<'_> {
    /// Whether rows may share a savepoint: none of them can wait, repeat a key, or take the whole transaction along.
    pub(super) fn takes_rows_together(&self) -> bool {
        let is_simple = !self.traces.deferred && !self.traces.rolled_back && !self.checks_others;
        self.savepoint.is_some() && is_simple && self.keys.is_empty()
    }

    /// Inserts all of `rows`, or none of them.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub(super) fn insert_together<'r>(
        &mut self,
        rows: impl ExactSizeIterator<Item = (Option<i64>, &'r [u8])>,
    ) -> Result<GroupOutcome, Error> {
        let count = rows.len();
        self.keep_ignored()?;
        let Some(savepoint) = &mut self.savepoint else {
            return Ok(GroupOutcome::alone(count));
        };
        savepoint.open.run(self.database)?;
        for (row_id, record) in rows {
            self.layout.read(row_id, record, &mut self.values)?;
            self.layout.bind(&mut self.insert, 1, (row_id, record), &self.values);
            let is_in = match self.insert.step() {
                // A trigger may leave a row out without an error.
                Ok(_) => self.database.connection().changes() > 0,
                Err(failure) if failure.is_of_the_row() => false,
                Err(failure) => return Err(database_failure(self.database, failure)),
            };
            if !is_in {
                savepoint.undo.run(self.database)?;
                savepoint.close.run(self.database)?;
                self.group_ids.clear();
                return Ok(GroupOutcome::alone(count));
            }
            self.group_ids.push(self.database.connection().last_insert_rowid());
        }
        savepoint.close.run(self.database)?;
        if let Some(ids) = &mut self.given_ids {
            ids.is_near_end |= self.group_ids.last().is_some_and(|&last| last >= NEAR_LAST_ID);
        }
        Ok(GroupOutcome {
            inserted: count,
            alone: 0,
        })
    }
}
