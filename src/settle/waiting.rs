//! Rows that refer to rows which were not there when they came: a deferred foreign key allows that until the end.
//!
//! Comes in: the spool of such rows, in input order, after every other row is in the table. Goes out: those whose references hold once
//! all of them that can be are in, circles included, go into the table, the others into the dead-letter file, each in its place.
//!
//! The largest set of rows that hold together is found from above: all go in, those that are then without what they refer to are left
//! out with all that hang on them, and the others go in anew, in the order of the file, so that a trigger sees only rows that stay.
//! Without triggers foreign keys are not enforced meanwhile: their rows are asked for, which costs no look at rows that do not wait.
//! Where what is missing cannot be told, each row is tried alone, and again as long as that helps others.

use std::collections::BTreeMap;

use crate::checkpoint::Counts;
use crate::error::Error;
use crate::faults;
use crate::reject::{ColumnLabel, DeadLetter, DeadLetters, DuplicateMerge, RejectReason, Suspect, SuspectSpool};
use crate::schema::RowIds;
use crate::write::RowOutcome;
use crate::write::batch::BatchSettings;
use crate::write::row_origins::RowOrigins;
use crate::write::sql::{SqlTarget, SqlWriter};
use crate::write::trial::Trial;

/// Rows that go in while others wait for what they refer to, before an index is made that finds those: for each of these rows SQLite
/// looks at all rows of the table without it.
const INDEX_FROM_ROWS: u32 = 64;

/// What settling waiting rows works with.
pub struct Waiting<'a, 'd, 'w> {
    writer: &'w mut SqlWriter<'d>,
    settings: &'a BatchSettings,
    /// Where the rows came from that did not wait, and those that have gone in since.
    rows: RowOrigins<'a>,
    spool: &'a mut SuspectSpool,
    /// `None` where rows cannot be told apart.
    trial: Option<Trial<'d>>,
    /// Foreign keys are enforced meanwhile.
    is_enforced: bool,
    /// Rows that take all others along when they go in, by their place in the spool, with what the table says.
    rolled_back: BTreeMap<u64, Box<str>>,
}

#[derive(Default, Clone)]
struct BitSet(Vec<u64>);

impl BitSet {
    fn contains(&self, index: u64) -> bool {
        let word = self.0.get((index / 64) as usize).copied().unwrap_or(0);
        word >> (index % 64) & 1 == 1
    }

    fn insert(&mut self, index: u64) {
        let word = (index / 64) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (index % 64);
    }

    fn remove(&mut self, index: u64) {
        if let Some(word) = self.0.get_mut((index / 64) as usize) {
            *word &= !(1 << (index % 64));
        }
    }
}

/// What became of the waiting rows when they were put in.
#[derive(Default)]
struct Pass {
    counts: Counts,
    refused: BitSet,
    /// A row is in that was refused the last time, for one that was left out since.
    has_successors: bool,
}

/// Which of the waiting rows are to stay out, by their place in the spool.
#[derive(Default)]
struct LeftOut {
    rows: BitSet,
    /// Rows that were put back: when they are left out again, they stay out.
    put_back: BitSet,
}

impl<'a, 'd, 'w> Waiting<'a, 'd, 'w> {
    /// Begins the transaction in which all that waits is settled. `target`: what `writer` writes to.
    ///
    /// # Errors
    /// `DatabaseBusy`, `Database`.
    pub fn begin(
        writer: &'w mut SqlWriter<'d>,
        target: &SqlTarget<'_>,
        settings: &'a BatchSettings,
        mut rows: RowOrigins<'a>,
        spool: &'a mut SuspectSpool,
    ) -> Result<Self, Error> {
        let database = writer.database();
        let trial = Trial::open(database, target)?;
        let is_enforced = trial.is_none() || writer.traces().triggered;
        if !is_enforced {
            database.ignore_foreign_keys()?;
        }
        writer.begin()?;
        rows.note_keys();
        Ok(Waiting {
            writer,
            settings,
            rows,
            spool,
            trial,
            is_enforced,
            rolled_back: BTreeMap::new(),
        })
    }

    /// Settles every waiting row within the transaction. The merge is to be prepared before that is committed and finished after; then
    /// the database is to [heed foreign keys](crate::write::database::Database::heed_foreign_keys) again.
    ///
    /// # Errors
    /// `Io`, `Database` or `DatabaseBusy`, as any write.
    pub fn settle<'l>(
        mut self,
        letters: &'l mut DeadLetters,
        counts: &mut Counts,
    ) -> Result<DuplicateMerge<'l>, Error> {
        faults::point("settle: begun");
        let mut merge = letters.merge_duplicates();
        let together = match self.trial.take() {
            Some(trial) => self.together(trial, &mut merge)?,
            None => None,
        };
        let settled = match together {
            Some(settled) => settled,
            None => self.one_by_one(&mut merge)?,
        };
        counts.loaded += settled.loaded;
        for (all, rejected) in counts.rejected.iter_mut().zip(settled.rejected) {
            *all += rejected;
        }
        counts.suspects = 0;
        Ok(merge)
    }

    /// All that hold together. `None`, and nothing is in, where those that do not cannot be told: a trigger has done something that
    /// does not hold.
    fn together(&mut self, mut trial: Trial<'d>, merge: &mut DuplicateMerge<'_>) -> Result<Option<Counts>, Error> {
        let database = self.writer.database();
        let mut out = LeftOut::default();
        let mut refused = BitSet::default();
        let mut may_put_back = true;
        loop {
            database.savepoint()?;
            let pass = self.put_in(&out.rows, &refused, &mut trial, merge)?;
            let puts_back = may_put_back && pass.as_ref().is_some_and(|pass| pass.has_successors);
            let put_back = match puts_back {
                true => self.put_back(&mut out, &mut trial)?,
                false => Some(0),
            };
            let (Some(pass), Some(put_back)) = (pass, put_back) else {
                trial.taken_back();
                merge.start_over()?;
                continue;
            };
            let is_open = self.is_enforced && self.writer.is_open();
            let left_out = match is_open || !self.is_enforced {
                true => trial.left_out(|index| out.rows.insert(index))?,
                false => 0,
            };
            may_put_back = left_out + put_back > 0;
            if !may_put_back && !puts_back && !is_open {
                trial.end()?;
                database.release()?;
                return Ok(Some(pass.counts));
            }
            database.undo_savepoint()?;
            trial.taken_back();
            self.rows.rolled_back()?;
            merge.start_over()?;
            if !may_put_back && !puts_back {
                trial.end()?;
                return Ok(None);
            }
            refused = pass.refused;
        }
    }

    /// Puts in every row but those that are `out`, whether or not what it refers to is there. `refused`: those that were refused the last
    /// time. `None` when one has rolled all of it back; it does not go in again.
    fn put_in(
        &mut self,
        out: &BitSet,
        refused: &BitSet,
        trial: &mut Trial<'d>,
        merge: &mut DuplicateMerge<'_>,
    ) -> Result<Option<Pass>, Error> {
        self.writer.let_open(true);
        let mut pass = Pass::default();
        let mut rows_while_open = 0;
        let mut entries = self.spool.reader()?;
        let mut suspect = Suspect::default();
        let mut index = 0;
        while entries.next_into(&mut suspect)? {
            let outcome = match self.rolled_back.get(&index) {
                Some(message) => RowOutcome::RolledBack {
                    message: message.clone(),
                },
                None if out.contains(index) => RowOutcome::Waits,
                None => {
                    let wanted = wanted_row_id(self.settings, &suspect);
                    self.writer.insert(wanted, &suspect.record)?
                }
            };
            match outcome {
                RowOutcome::Inserted { row_id } => {
                    let ordinal = self.settings.origins.ordinal(&suspect.position);
                    self.rows.note(None, row_id, ordinal)?;
                    trial.push(index, row_id, &suspect.record)?;
                    pass.counts.loaded += 1;
                    pass.has_successors |= refused.contains(index);
                    if self.is_enforced && self.writer.is_open() {
                        rows_while_open += 1;
                        if rows_while_open == INDEX_FROM_ROWS {
                            trial.index_children()?;
                        }
                    }
                }
                RowOutcome::RolledBack { message } if !self.rolled_back.contains_key(&index) => {
                    self.begin_again(index, message)?;
                    return Ok(None);
                }
                outcome => {
                    if outcome != RowOutcome::Waits {
                        pass.refused.insert(index);
                    }
                    reject(
                        outcome,
                        &suspect,
                        self.settings,
                        &mut self.rows,
                        merge,
                        &mut pass.counts,
                    )?;
                }
            }
            index += 1;
        }
        self.writer.let_open(false);
        Ok(Some(pass))
    }

    /// Gives those that were left out another chance, behind the others: for want of what a row brings that was refused then they need
    /// not stay out. Those that the table takes are out no more; how many. `None` as in [`put_in`](Self::put_in).
    fn put_back(&mut self, out: &mut LeftOut, trial: &mut Trial<'d>) -> Result<Option<u64>, Error> {
        self.writer.let_open(true);
        let mut count = 0;
        let mut entries = self.spool.reader()?;
        let mut suspect = Suspect::default();
        let mut index = 0;
        while entries.next_into(&mut suspect)? {
            if out.rows.contains(index) && !out.put_back.contains(index) {
                let wanted = wanted_row_id(self.settings, &suspect);
                match self.writer.insert(wanted, &suspect.record)? {
                    RowOutcome::Inserted { row_id } => {
                        trial.push(index, row_id, &suspect.record)?;
                        out.rows.remove(index);
                        out.put_back.insert(index);
                        count += 1;
                    }
                    RowOutcome::RolledBack { message } => {
                        self.begin_again(index, message)?;
                        return Ok(None);
                    }
                    _ => {}
                }
            }
            index += 1;
        }
        self.writer.let_open(false);
        Ok(Some(count))
    }

    /// Begins the transaction again: the row at `index` has rolled it back, and does not go in any more.
    fn begin_again(&mut self, index: u64, message: Box<str>) -> Result<(), Error> {
        self.rolled_back.insert(index, message);
        self.rows.rolled_back()?;
        self.writer.begin().map(|_| ())
    }

    /// Each row that can go in, given those that went in before it.
    fn one_by_one(&mut self, merge: &mut DuplicateMerge<'_>) -> Result<Counts, Error> {
        let (mut landed, mut ignored) = (BitSet::default(), BitSet::default());
        loop {
            let mut counts = Counts::default();
            let mut helped = false;
            let mut entries = self.spool.reader()?;
            let mut suspect = Suspect::default();
            let mut index = 0;
            while entries.next_into(&mut suspect)? {
                let outcome = match self.rolled_back.get(&index) {
                    Some(message) => RowOutcome::RolledBack {
                        message: message.clone(),
                    },
                    // What the trigger does instead is done.
                    None if ignored.contains(index) => RowOutcome::Ignored,
                    None if landed.contains(index) => RowOutcome::Inserted { row_id: 0 },
                    None => {
                        let wanted = wanted_row_id(self.settings, &suspect);
                        self.writer.insert(wanted, &suspect.record)?
                    }
                };
                match outcome {
                    RowOutcome::Inserted { row_id } => {
                        counts.loaded += 1;
                        if !landed.contains(index) {
                            let ordinal = self.settings.origins.ordinal(&suspect.position);
                            self.rows.note(None, row_id, ordinal)?;
                            landed.insert(index);
                            helped = true;
                        }
                    }
                    RowOutcome::RolledBack { message } if !self.rolled_back.contains_key(&index) => {
                        self.begin_again(index, message)?;
                        (landed, ignored) = (BitSet::default(), BitSet::default());
                        helped = true;
                        break;
                    }
                    outcome => {
                        if outcome == RowOutcome::Ignored {
                            ignored.insert(index);
                        }
                        reject(outcome, &suspect, self.settings, &mut self.rows, merge, &mut counts)?;
                    }
                }
                index += 1;
            }
            if !helped {
                return Ok(counts);
            }
            merge.start_over()?;
        }
    }
}

/// The id that the row is to have, where that is not left to SQLite.
fn wanted_row_id(settings: &BatchSettings, suspect: &Suspect) -> Option<i64> {
    match settings.row_ids {
        RowIds::Given | RowIds::None => None,
        RowIds::Key | RowIds::Ordinal { .. } => Some(suspect.row_id),
    }
}

/// Puts a row that does not go in among the dead letters.
fn reject(
    outcome: RowOutcome,
    suspect: &Suspect,
    settings: &BatchSettings,
    rows: &mut RowOrigins<'_>,
    merge: &mut DuplicateMerge<'_>,
    counts: &mut Counts,
) -> Result<(), Error> {
    let (columns, reason) = match outcome {
        RowOutcome::Duplicate { row_id, columns } => {
            let first = rows.first_record(row_id, &settings.origins)?;
            (Some(columns), RejectReason::DuplicateKey { first })
        }
        other => (None, other.refusal()),
    };
    let letter = DeadLetter {
        position: suspect.position,
        column: columns.as_deref().map_or(ColumnLabel::None, ColumnLabel::Name),
        reason: &reason,
        value: b"",
        raw: &suspect.raw,
    };
    merge.push(suspect.errors_offset, &letter)?;
    counts.rejected[reason.code().index()] += 1;
    Ok(())
}
