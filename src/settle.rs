//! Suspects, settled exactly: each goes into the table or into the dead-letter file as a duplicate.
//!
//! Comes in: the spool of suspects, in input order, after every other row is in the table and the key has its unique index. Each
//! suspect is inserted: SQLite's own unique check is the judge, so no good row is lost to a false alarm of the filter and no
//! duplicate gets in. Duplicates take their place among the rejects, as if they had been found when they were read.

use std::collections::HashMap;

use crate::checkpoint::{Counts, Progress};
use crate::dedup::Dedup;
use crate::error::Error;
use crate::reject::{ColumnLabel, DeadLetter, DeadLetters, FirstRecord, RejectReason, Suspect, SuspectSpool};
use crate::schema::RowIds;
use crate::write::RowOutcome;
use crate::write::batch::BatchSettings;
use crate::write::checkpoint;
use crate::write::sql::SqlWriter;

/// What settlement needs to know about the load.
pub struct Settlement<'a> {
    pub dedup: &'a Dedup,
    pub settings: &'a BatchSettings,
}

impl Settlement<'_> {
    /// Settles every suspect of `spool` and merges the duplicates into the dead-letter file; how many suspects were new.
    ///
    /// # Errors
    /// `Io`, `Database` or `DatabaseBusy`, as any write.
    pub fn settle(
        &self,
        writer: &mut SqlWriter<'_>,
        mut letters: DeadLetters,
        mut spool: SuspectSpool,
        counts: &mut Counts,
    ) -> Result<u64, Error> {
        let Settlement { dedup, settings } = *self;
        if spool.count() == 0 {
            return Ok(0);
        }
        let mut inserted = 0;
        let mut merge = letters.merge_duplicates();
        let mut entries = spool.reader()?;
        let mut suspect = Suspect::default();
        let mut origins = KeyOrigins {
            dedup,
            settings,
            survivors: HashMap::new(),
        };
        // One transaction, so that an interrupted settlement leaves no trace and starts again from the spool.
        writer.begin()?;
        while entries.next_into(&mut suspect)? {
            let row_id = (settings.row_ids != RowIds::None).then_some(suspect.row_id);
            let reason = match writer.insert(row_id, &suspect.record)? {
                RowOutcome::Inserted => {
                    inserted += 1;
                    origins.inserted(&suspect);
                    continue;
                }
                RowOutcome::Duplicate { row_id } => RejectReason::DuplicateKey {
                    first: origins.first_record(row_id)?,
                },
                RowOutcome::Refused { message } => RejectReason::ConstraintFailed { message },
            };
            let column = match reason {
                RejectReason::DuplicateKey { .. } => ColumnLabel::Name(&settings.key_names),
                _ => ColumnLabel::None,
            };
            let Suspect {
                position,
                errors_offset,
                ref raw,
                ..
            } = suspect;
            merge.push(
                errors_offset,
                &DeadLetter {
                    position,
                    column,
                    reason: &reason,
                    value: b"",
                    raw,
                },
            )?;
            counts.rejected[reason.code().index()] += 1;
        }
        counts.batches += 1;
        counts.loaded += inserted;
        counts.suspects = 0;
        // The merged file is complete before the commit that relies on it, and takes its place after.
        merge.prepare()?;
        if settings.checkpoint {
            let progress = Progress {
                counts: counts.clone(),
                settled: true,
                ..Progress::default()
            };
            checkpoint::write(writer.connection(), &settings.database_path, &progress)?;
        }
        writer.commit()?;
        merge.finish()?;
        spool.remove()?;
        Ok(inserted)
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
            self.survivors
                .insert(suspect.row_id, self.settings.origins.ordinal(&suspect.position));
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
