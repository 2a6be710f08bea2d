//! Rows that refer to rows which were not there when they came: a deferred foreign key allows that until the end.
//!
//! Comes in: the spool of such rows, in input order, after every other row is in the table. Goes out: those whose references hold once
//! all of them that can be are in, circles included, go into the table, the others into the dead-letter file, each in its place.
//!
//! The largest set of rows that hold together is found from above: all go in, in their order, those that are then without what they
//! refer to are left out, and so again until none is. Where a row may undo the whole transaction, or what triggers did elsewhere is open,
//! each row is tried alone, and again while that helps others.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::checkpoint::Counts;
use crate::error::Error;
use crate::faults;
use crate::reject::{ColumnLabel, DeadLetter, DeadLetters, DuplicateMerge, RejectReason, Suspect, SuspectSpool};
use crate::write::RowOutcome;
use crate::write::batch::BatchSettings;
use crate::write::row_origins::RowOrigins;
use crate::write::sql::SqlWriter;

/// Most rows whose references are looked at together: 24 MiB.
const TOGETHER_ROWS: u64 = 1 << 20;
/// Most rows that are tried in all rounds together: a minute or two. What a chain of references brings after that is refused.
const MOST_TRIES: u64 = 1 << 26;

/// What settling waiting rows works with.
pub struct Waiting<'a, 'd, 'w> {
    pub writer: &'w mut SqlWriter<'d>,
    pub settings: &'a BatchSettings,
    /// Where the rows came from that did not wait.
    pub rows: RowOrigins<'a>,
    pub spool: &'a mut SuspectSpool,
    /// Whether to stop, where a later run can settle what is left.
    pub stopped: &'a dyn Fn() -> bool,
}

/// What became of the waiting rows so far, by their place in the spool.
#[derive(Default)]
struct Verdicts {
    landed: BitSet,
    /// Not for want of what they refer to.
    refused: BTreeMap<u64, (Option<Arc<str>>, RejectReason)>,
}

impl Verdicts {
    fn is_open(&self, index: u64) -> bool {
        !self.landed.contains(index) && !self.refused.contains_key(&index)
    }
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
}

/// A waiting row that went in, on trial.
struct OnTrial {
    row_id: i64,
    index: u64,
}

impl Waiting<'_, '_, '_> {
    /// Settles every waiting row within the open transaction of the writer. The merge is to be prepared before that is committed and
    /// finished after. `None` when it was stopped: then the transaction is to be rolled back.
    ///
    /// # Errors
    /// `Io`, `Database` or `DatabaseBusy`, as any write.
    pub fn settle<'l>(
        mut self,
        letters: &'l mut DeadLetters,
        counts: &mut Counts,
    ) -> Result<Option<DuplicateMerge<'l>>, Error> {
        faults::point("settle: begun");
        let mut verdicts = Verdicts::default();
        if !self.together(&mut verdicts)? {
            self.one_by_one(&mut verdicts)?;
        }
        if (self.stopped)() {
            return Ok(None);
        }
        let mut merge = letters.merge_duplicates();
        let orphan = RowOutcome::Waits.refusal();
        let mut entries = self.spool.reader()?;
        let mut suspect = Suspect::default();
        let mut index = 0;
        while entries.next_into(&mut suspect)? {
            if verdicts.landed.contains(index) {
                counts.loaded += 1;
            } else {
                let (columns, reason) = match verdicts.refused.get(&index) {
                    Some((columns, reason)) => (columns.as_deref(), reason),
                    None => (None, &orphan),
                };
                let letter = DeadLetter {
                    position: suspect.position,
                    column: columns.map_or(ColumnLabel::None, ColumnLabel::Name),
                    reason,
                    value: b"",
                    raw: &suspect.raw,
                };
                merge.push(suspect.errors_offset, &letter)?;
                counts.rejected[reason.code().index()] += 1;
            }
            index += 1;
        }
        counts.suspects = 0;
        Ok(Some(merge))
    }

    /// All that hold together; whether they could be told.
    fn together(&mut self, verdicts: &mut Verdicts) -> Result<bool, Error> {
        // Where a row may undo the whole transaction there is no going back to before the others.
        let may_roll_back = self.writer.traces().rolled_back;
        let Some(orphans) = self.writer.orphans().filter(|_| !may_roll_back) else {
            return Ok(false);
        };
        // What such rows of others refer to may come only now: SQLite then counts open keys wrongly where several rows go in at once.
        if self.spool.count() > TOGETHER_ROWS || orphans.has_any()? {
            return Ok(false);
        }
        let mut out = BitSet::default();
        for _ in 0..self.most_rounds() {
            let database = self.writer.database();
            database.savepoint()?;
            let on_trial = self.try_all(&out, verdicts)?;
            let left_out = self.leave_out(&on_trial, &mut out, verdicts.refused.is_empty())?;
            if (self.stopped)() {
                return Ok(true);
            }
            if left_out == 0 && !self.writer.is_open() {
                database.release()?;
                for one in &on_trial {
                    verdicts.landed.insert(one.index);
                }
                return Ok(true);
            }
            database.undo_savepoint()?;
            self.rows.rolled_back()?;
            // What was refused for the sake of a row that is left out now may go in.
            verdicts.refused.clear();
            if left_out == 0 {
                break;
            }
        }
        Ok(false)
    }

    /// Finds the rows on trial that are without what they refer to; how many. `all_in`: the table refused none, so that what refers to
    /// those is out, too, and is found at once.
    fn leave_out(&mut self, on_trial: &[OnTrial], out: &mut BitSet, all_in: bool) -> Result<u64, Error> {
        let follows = all_in && !self.writer.traces().triggered;
        let orphans = self.writer.orphans().ok_or_else(|| Error::internal("no foreign key"))?;
        let mut left_out = 0;
        loop {
            let before = left_out;
            let mut entries = self.spool.reader()?;
            let mut suspect = Suspect::default();
            let mut next = on_trial.iter().peekable();
            let mut index = 0;
            while !(self.stopped)() && entries.next_into(&mut suspect)? {
                if let Some(one) = next.next_if(|one| one.index == index)
                    && !out.contains(index)
                    && orphans.has(one.row_id, &suspect.record)?
                {
                    out.insert(index);
                    left_out += 1;
                    if follows && !orphans.delete(one.row_id, &suspect.record)? {
                        return Ok(left_out);
                    }
                }
                index += 1;
            }
            if !follows || left_out == before {
                return Ok(left_out);
            }
        }
    }

    /// Each round goes through all the rows that are left, and frees at least one.
    fn most_rounds(&self) -> u64 {
        MOST_TRIES / self.spool.count().max(1) + 64
    }

    /// Puts in every row but those that are `out`, whether or not what it refers to is there.
    fn try_all(&mut self, out: &BitSet, verdicts: &mut Verdicts) -> Result<Vec<OnTrial>, Error> {
        self.writer.let_open(true);
        let mut on_trial = Vec::new();
        let mut entries = self.spool.reader()?;
        let mut suspect = Suspect::default();
        let mut index = 0;
        while !(self.stopped)() && entries.next_into(&mut suspect)? {
            if !out.contains(index) && verdicts.is_open(index) {
                let wanted = self.settings.row_ids.wanted(suspect.row_id);
                match self.writer.insert(wanted, &suspect.record)? {
                    RowOutcome::Inserted { row_id } => {
                        let ordinal = self.settings.origins.ordinal(&suspect.position);
                        self.rows.note(None, row_id, ordinal)?;
                        on_trial.push(OnTrial { row_id, index });
                    }
                    outcome => {
                        let verdict = verdict(outcome, &mut self.rows, self.settings)?;
                        verdicts.refused.insert(index, verdict);
                    }
                }
            }
            index += 1;
        }
        self.writer.keep_ignored()?;
        self.writer.let_open(false);
        Ok(on_trial)
    }

    /// Each row that can go in, given those that went in before it.
    fn one_by_one(&mut self, verdicts: &mut Verdicts) -> Result<(), Error> {
        for _ in 0..self.most_rounds() {
            let (mut helped, mut is_undone) = (false, false);
            let mut entries = self.spool.reader()?;
            let mut suspect = Suspect::default();
            let mut index = 0;
            while !is_undone && !(self.stopped)() && entries.next_into(&mut suspect)? {
                if verdicts.is_open(index) {
                    let wanted = self.settings.row_ids.wanted(suspect.row_id);
                    match self.writer.insert(wanted, &suspect.record)? {
                        RowOutcome::Waits => {}
                        RowOutcome::Inserted { row_id } => {
                            let ordinal = self.settings.origins.ordinal(&suspect.position);
                            self.rows.note(None, row_id, ordinal)?;
                            verdicts.landed.insert(index);
                            helped = true;
                        }
                        outcome => {
                            if let RowOutcome::RolledBack { .. } = outcome {
                                // All are out again, and this one stays out: the others go in anew, in their order.
                                self.rows.rolled_back()?;
                                self.writer.begin()?;
                                verdicts.landed = BitSet::default();
                                helped = true;
                                is_undone = true;
                            }
                            let verdict = verdict(outcome, &mut self.rows, self.settings)?;
                            verdicts.refused.insert(index, verdict);
                        }
                    }
                }
                index += 1;
            }
            if !helped {
                break;
            }
        }
        Ok(())
    }
}

/// Why a row does not go in, and the columns at fault.
fn verdict(
    outcome: RowOutcome,
    rows: &mut RowOrigins<'_>,
    settings: &BatchSettings,
) -> Result<(Option<Arc<str>>, RejectReason), Error> {
    Ok(match outcome {
        RowOutcome::Duplicate { row_id, columns } => {
            let first = rows.first_record(row_id, &settings.origins)?;
            (Some(columns), RejectReason::DuplicateKey { first })
        }
        other => (None, other.refusal()),
    })
}
