//! The books after the last row: what became of the rows that were set aside.
//!
//! Comes in: each of them, in input order, as a row that went in or as a reject. Goes out: the counts, the rejects in their places among
//! the dead letters, and the [`SavedProgress`] that the last commit is to keep. `records = loaded + updated + rejected + duplicates + pending` holds
//! after each of them.

use crate::checkpoint::{Counts, SavedProgress};
use crate::content_hash::ContentHash;
use crate::error::Error;
use crate::faults;
use crate::reject::{ColumnLabel, DeadLetter, DeadLetters, DuplicateMerge, RejectReason, Suspect};

/// The books while the rows that were set aside are settled. Dropped before [`close`](Self::close) they leave the dead-letter file as it
/// was.
#[derive(Debug)]
pub struct OpenItems<'l> {
    merge: DuplicateMerge<'l>,
    counts: Counts,
    /// What was counted before the first of them was settled.
    before: Counts,
}

impl<'l> OpenItems<'l> {
    /// `counts`: with the rows that wait. `letters`: where those of them go that are rejected.
    pub fn new(counts: Counts, letters: &'l mut DeadLetters) -> Self {
        OpenItems {
            merge: letters.merge_duplicates(),
            before: counts.clone(),
            counts,
        }
    }

    /// Counts one that went in. Under which id is asked only in a table that the load may take back.
    pub fn add_row(&mut self, row_id: Option<i64>) {
        match row_id {
            Some(row_id) => self.counts.add_row(row_id),
            None => self.counts.loaded += 1,
        }
        self.counts.suspects -= 1;
    }

    /// Counts one whose values went into a row that was there.
    pub fn add_update(&mut self) {
        self.counts.updated += 1;
        self.counts.suspects -= 1;
    }

    /// Counts one that repeats a key and is passed over.
    pub fn skip(&mut self) {
        self.counts.skipped += 1;
        self.counts.suspects -= 1;
    }

    /// Rejects one.
    ///
    /// # Errors
    /// `Io` when the dead-letter file cannot be written.
    pub fn reject(&mut self, suspect: &Suspect, column: ColumnLabel<'_>, reason: &RejectReason) -> Result<(), Error> {
        let letter = DeadLetter {
            position: suspect.position,
            column,
            reason,
            value: b"",
            raw: &suspect.raw,
        };
        self.merge.push(suspect.errors_offset, &letter)?;
        self.counts.reject(reason.code());
        self.counts.suspects -= 1;
        Ok(())
    }

    /// Forgets what became of them so far: all of them wait again.
    ///
    /// # Errors
    /// `Io` when the file that was begun cannot be removed.
    pub fn start_over(&mut self) -> Result<(), Error> {
        self.merge.start_over()?;
        self.counts = self.before.clone();
        Ok(())
    }

    /// Has the rejects reach the disk, and counts the batch whose rows may be committed then; what is to be noted with them. `content`: of
    /// what the counts account for.
    ///
    /// # Errors
    /// `Io` when a file cannot be written.
    pub fn end_batch(&mut self, content: ContentHash) -> Result<SavedProgress, Error> {
        self.counts.batches += 1;
        faults::point("settle: before the merge is complete");
        let before = self.merge.before();
        let merged = self.merge.prepare()?;
        faults::point("settle: merge complete");
        Ok(SavedProgress {
            counts: self.counts.clone(),
            content,
            errors_bytes: before.bytes,
            errors_hash: before.hash,
            errors_mark: before.mark,
            settled: true,
            merged,
            ..SavedProgress::default()
        })
    }

    /// Closes the books, once the batch is committed: the rejects take their places.
    ///
    /// # Errors
    /// `Io`; the dead-letter file is then still whole, without or with all of them.
    pub fn close(self) -> Result<Counts, Error> {
        self.merge.finish()?;
        Ok(self.counts)
    }
}
