//! Suspects, settled exactly: each goes into the table or into the dead-letter file as a duplicate.
//!
//! Comes in: the spool of suspects, in input order, after every other row is in the table and the key has its unique index. Each
//! suspect is inserted: SQLite's own unique check is the judge, so no good row is lost to a false alarm of the filter and no
//! duplicate gets in. Duplicates take their place among the rejects, as if they had been found when they were read.

use std::collections::HashMap;

use crate::dedup::Dedup;
use crate::error::Error;
use crate::observer::Observer;
use crate::reject::{DeadLetters, DuplicateMerge, FirstRecord, Reject, RejectReason, Suspect, SuspectSpool};
use crate::write::RowOutcome;
use crate::write::batch::{BatchSettings, Counts, RowIds};
use crate::write::sql::SqlWriter;

/// What settlement found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    pub inserted: u64,
    pub duplicates: u64,
    pub refused: u64,
}

/// What settlement needs to know about the load.
pub struct Settlement<'a> {
    pub dedup: &'a Dedup,
    pub settings: &'a BatchSettings,
    pub observer: &'a dyn Observer,
}

impl Settlement<'_> {
    /// Settles every suspect of `spool` and merges the duplicates into the dead-letter file.
    ///
    /// # Errors
    /// `Io`, `Database` or `DatabaseBusy`, as any write.
    pub fn settle(
        &self,
        writer: &mut SqlWriter<'_>,
        letters: DeadLetters,
        spool: SuspectSpool,
        counts: &mut Counts,
    ) -> Result<Settled, Error> {
        let Settlement { dedup, settings, observer } = *self;
    let mut settled = Settled::default();
    if spool.is_empty() {
        return Ok(settled);
    }
    let mut merge = DuplicateMerge::begin(letters)?;
    let mut entries = spool.read()?;
    let mut suspect = Suspect::default();
    let mut origins = KeyOrigins { dedup, settings, survivors: HashMap::new() };
    let mut in_batch = 0;
    writer.begin()?;
    while entries.next_into(&mut suspect)? {
        if in_batch == settings.batch_rows {
            writer.commit()?;
            writer.begin()?;
            counts.batches += 1;
            in_batch = 0;
        }
        in_batch += 1;
        let row_id = (settings.row_ids != RowIds::None).then_some(suspect.row_id);
        let reason = match writer.insert(row_id, &suspect.record)? {
            RowOutcome::Inserted => {
                settled.inserted += 1;
                origins.inserted(&suspect);
                continue;
            }
            RowOutcome::Duplicate { row_id } => {
                settled.duplicates += 1;
                RejectReason::DuplicateKey { first: origins.first_record(row_id)? }
            }
            RowOutcome::Refused { message } => {
                settled.refused += 1;
                RejectReason::ConstraintFailed { message }
            }
        };
        merge.insert(suspect.errors_offset_bytes, &Reject {
            file: &settings.inputs[suspect.position.file_index as usize],
            position: &suspect.position,
            column: 0,
            column_name: None,
            reason: &reason,
            value: b"",
            raw: &suspect.raw,
        })?;
        counts.rejected[reason.code().index()] += 1;
        observer.progress(crate::observer::Progress {
            bytes: 0,
            records: settled.inserted + settled.duplicates,
            rejected: counts.all_rejects(),
        });
    }
    writer.commit()?;
    counts.batches += 1;
    counts.loaded += settled.inserted;
    counts.suspects = 0;
    merge.finish()?;
    spool.remove()?;
    Ok(settled)
    }
}

/// Finds the record that a key came first in.
struct KeyOrigins<'a> {
    dedup: &'a Dedup,
    settings: &'a BatchSettings,
    /// Record numbers of inserted suspects by row id, where the row id is the key.
    survivors: HashMap<i64, u64>,
}

impl KeyOrigins<'_> {
    fn inserted(&mut self, suspect: &Suspect) {
        if self.settings.row_ids == RowIds::Key {
            self.survivors.insert(suspect.row_id, suspect.ordinal);
        }
    }

    fn first_record(&self, row_id: i64) -> Result<FirstRecord, Error> {
        let ordinal = match (self.settings.row_ids, self.dedup) {
            (RowIds::Ordinal { base }, _) => return Ok(self.settings.origins.first_record(base, row_id)),
            (_, Dedup::Ascending(ascending)) => match self.survivors.get(&row_id) {
                Some(&ordinal) => Some(ordinal),
                None if ascending.existed(row_id) => None,
                None => ascending.runs.ordinal_of(row_id)?,
            },
            _ => None,
        };
        Ok(ordinal.map_or(FirstRecord::Existing, |ordinal| self.settings.origins.record(ordinal)))
    }
}
