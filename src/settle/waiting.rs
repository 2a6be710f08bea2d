//! Rows that refer to rows that were not there yet when they came: a deferred foreign key allows that until the end.
//!
//! Comes in: the spool of such rows, in input order, after every other row is in the table. Goes out: the rows whose references hold once
//! all that can go in are in, circles included, go into the table; the others go into the dead-letter file, each in its place.
//!
//! The largest set of rows that hold together is found from above: all go in, in their order; then those that lack what they refer to are
//! left out; and so on until none lacks anything. Where a row may undo the whole transaction, or where it is not known what triggers did
//! elsewhere, each row is tried alone, and tried again as long as that helps others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::on_trial::{OnTrial, OneOnTrial};
use crate::batch::BatchSettings;
use crate::error::Error;
use crate::faults;
use crate::ledger::OpenItems;
use crate::option_name::SAME_LOAD;
use crate::profile::LaterRows;
use crate::reject::{ColumnLabel, Origins, RejectReason, Suspect, SuspectSpool};
use crate::sqlite::RowOutcome;
use crate::sqlite::TargetTable;
use crate::sqlite::insert::SqlWriter;
use crate::sqlite::insert::held::HeldKeys;
use crate::sqlite::own::row_origins::RowOrigins;

/// Most rows that are tried in all rounds together: a minute or two.
const MOST_TRIES: u64 = 1 << 26;

/// What is needed to settle waiting rows.
pub struct Waiting<'a, 'd, 'w> {
    pub writer: &'w mut SqlWriter<'d>,
    pub target: TargetTable<'a>,
    /// SQLite checks foreign keys, too.
    pub is_guarded: bool,
    pub settings: &'a BatchSettings,
    pub origins: &'a Origins,
    /// Where the rows that did not wait came from.
    pub rows: RowOrigins<'a>,
    pub spool: &'a mut SuspectSpool,
    /// Where it is noted what is in the rows that go in, if that is asked for.
    pub later: Option<&'a mut LaterRows>,
    /// Whether to stop; asked where a later run can settle what is left.
    pub stopped: &'a dyn Fn() -> bool,
}

/// Why a row is not in the table.
enum Refusal {
    /// The table refused it, because of these columns if they are known.
    Rejected(Option<Arc<str>>, RejectReason),
    /// It repeats a key, and such rows are passed over.
    Skipped,
}

/// What became of the waiting rows so far, by their place in the spool.
#[derive(Default)]
struct Verdicts {
    landed: BitSet,
    /// Refused for reasons other than the lack of what they refer to.
    refused: BTreeMap<u64, Refusal>,
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

/// Rows that are tried together.
struct Trial {
    /// Rows that are left out for good.
    out: BitSet,
    rows: OnTrial,
    refused: HeldKeys,
}

impl Waiting<'_, '_, '_> {
    /// Settles every waiting row within the open transaction of the writer, and returns their books: the batch must be ended there
    /// before that is committed, and the books must be closed afterwards. `None` if settling was stopped: then the transaction must be
    /// rolled back.
    ///
    /// # Errors
    /// `Io`, `Database` or `DatabaseBusy`, as any write.
    pub fn settle(mut self, mut items: OpenItems<'_>) -> Result<Option<OpenItems<'_>>, Error> {
        faults::point("settle: begun");
        let mut verdicts = Verdicts::default();
        if !self.together(&mut verdicts)? {
            self.one_by_one(&mut verdicts)?;
        }
        if (self.stopped)() {
            return Ok(None);
        }
        let orphan = RowOutcome::Waits.refusal();
        let mut entries = self.spool.reader()?;
        let mut suspect = Suspect::default();
        let mut index = 0;
        while entries.next_into(&mut suspect)? {
            if verdicts.landed.contains(index) {
                items.add_row(None);
                if let Some(later) = &mut self.later {
                    later.add(self.origins.ordinal(&suspect.position), suspect.row_id, &suspect.record);
                }
            } else {
                match verdicts.refused.get(&index) {
                    Some(Refusal::Rejected(Some(columns), reason)) => {
                        items.reject(&suspect, ColumnLabel::Name(columns), reason)?;
                    }
                    Some(Refusal::Rejected(None, reason)) => items.reject(&suspect, ColumnLabel::None, reason)?,
                    Some(Refusal::Skipped) => items.skip(),
                    None => items.reject(&suspect, ColumnLabel::None, &orphan)?,
                }
            }
            index += 1;
        }
        Ok(Some(items))
    }

    /// Finds all rows that hold together; returns whether they could be found in this way.
    fn together(&mut self, verdicts: &mut Verdicts) -> Result<bool, Error> {
        // Where a row may undo the whole transaction, a savepoint cannot take back the others alone.
        if self.writer.traces().rolled_back {
            return Ok(false);
        }
        // Rows of others may refer to rows that come only now: SQLite then counts open keys wrongly when several rows go in at once.
        if let Some(orphans) = self.writer.orphans().filter(|_| self.is_guarded)
            && orphans.has_any()?
        {
            return Ok(false);
        }
        let database = self.writer.database();
        let info = database.describe_table(self.target.table)?;
        let info = info.ok_or_else(|| Error::table_gone(self.target.table))?;
        let mut trial = Trial {
            out: BitSet::default(),
            rows: OnTrial::new(database.path())?,
            refused: HeldKeys::new(database, &info, &self.target)?,
        };
        for _ in 0..self.most_rounds() {
            database.savepoint()?;
            self.try_all(&mut trial, verdicts)?;
            let left_out = self.leave_out(&mut trial)?;
            if (self.stopped)() {
                return Ok(true);
            }
            if left_out == 0 && !self.writer.is_open() {
                database.release()?;
                for index in 0..self.spool.count() {
                    if trial.rows.get(index)?.is_some() {
                        verdicts.landed.insert(index);
                    }
                }
                return Ok(true);
            }
            database.undo_savepoint()?;
            self.rows.rolled_back()?;
            // A row that was refused because of a row that is now left out may go in.
            verdicts.refused.clear();
            if left_out == 0 {
                break;
            }
        }
        Ok(false)
    }

    /// Leaves out the rows on trial that lack what they refer to; returns how many. A row that refers to a refused row is kept as long as
    /// there are others to leave out: without the others, the refused row may go in. Rows that refer to rows that are left out are left out
    /// at once.
    fn leave_out(&mut self, trial: &mut Trial) -> Result<u64, Error> {
        let database = self.writer.database();
        let follows = !self.writer.traces().triggered;
        let Some(orphans) = self.writer.orphans() else {
            return Ok(0);
        };
        let (mut left_out, mut first_hanging) = (0, None);
        let mut record = Vec::new();
        // Chains of references run either way.
        for forwards in [true, false].into_iter().cycle() {
            let before = left_out;
            for step in 0..self.spool.count() {
                let index = if forwards { step } else { self.spool.count() - 1 - step };
                if (self.stopped)() {
                    return Ok(left_out);
                }
                let Some(one) = trial.rows.get(index)?.filter(|_| !trial.out.contains(index)) else {
                    continue;
                };
                self.spool.record_at(one.offset, &mut record)?;
                if !orphans.has(one.row_id, &record)? {
                    continue;
                }
                if trial.refused.is_referred_to(database, Some(one.row_id), &record)? {
                    first_hanging.get_or_insert(index);
                    continue;
                }
                trial.out.insert(index);
                left_out += 1;
                if follows && !orphans.delete(one.row_id, &record)? {
                    return Ok(left_out);
                }
            }
            if !follows || left_out == before {
                break;
            }
        }
        if let (0, Some(index)) = (left_out, first_hanging) {
            trial.out.insert(index);
            left_out = 1;
        }
        Ok(left_out)
    }

    /// Each round goes through all the rows that are left, and decides at least one.
    fn most_rounds(&self) -> u64 {
        MOST_TRIES / self.spool.count().max(1) + 64
    }

    /// Puts in every row except those that are out, whether or not what it refers to is there.
    fn try_all(&mut self, trial: &mut Trial, verdicts: &mut Verdicts) -> Result<(), Error> {
        let database = self.writer.database();
        self.writer.let_open(true);
        trial.rows.clear()?;
        trial.refused.clear(database)?;
        let mut entries = self.spool.reader()?;
        let mut suspect = Suspect::default();
        let (mut index, mut offset) = (0, 0);
        while !(self.stopped)() && entries.next_into(&mut suspect)? {
            let mut went_in = None;
            if !trial.out.contains(index) && verdicts.is_open(index) {
                let wanted = self.settings.row_ids.wanted(suspect.row_id);
                match self.writer.insert(wanted, &suspect.record)? {
                    RowOutcome::Inserted { row_id } => {
                        let ordinal = self.origins.ordinal(&suspect.position);
                        self.rows.note(None, row_id, ordinal)?;
                        went_in = Some(OneOnTrial { row_id, offset });
                    }
                    outcome => {
                        trial.refused.hold(database, wanted, &suspect.record)?;
                        let verdict = verdict(outcome, &mut self.rows, self.origins)?;
                        verdicts.refused.insert(index, verdict);
                    }
                }
            }
            trial.rows.push(went_in)?;
            index += 1;
            offset = entries.offset();
        }
        self.writer.keep_ignored()?;
        self.writer.let_open(false);
        trial.rows.flush()
    }

    /// Puts in each row that can go in, given those that went in before it.
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
                            let ordinal = self.origins.ordinal(&suspect.position);
                            self.rows.note(None, row_id, ordinal)?;
                            verdicts.landed.insert(index);
                            helped = true;
                        }
                        outcome => {
                            if let RowOutcome::RolledBack { .. } = outcome {
                                // All rows are out again, and this one stays out: the others go in anew, in their order.
                                self.rows.rolled_back()?;
                                self.writer.begin()?;
                                verdicts.landed = BitSet::default();
                                helped = true;
                                is_undone = true;
                            }
                            let verdict = verdict(outcome, &mut self.rows, self.origins)?;
                            verdicts.refused.insert(index, verdict);
                        }
                    }
                }
                index += 1;
            }
            if !helped || (self.stopped)() {
                return Ok(());
            }
        }
        Err(Error::schema(format!(
            "{} rows wait for one another in table \"{}\", too many to be tried one by one, which a trigger that may roll back, or old rows \
             that refer to what is not there, make necessary; drop that trigger or mend those rows, and run the {SAME_LOAD} again to \
             go on",
            self.spool.count(),
            self.target.table
        )))
    }
}

/// Why a row does not go in.
fn verdict(outcome: RowOutcome, rows: &mut RowOrigins<'_>, origins: &Origins) -> Result<Refusal, Error> {
    Ok(match outcome {
        RowOutcome::Skipped => Refusal::Skipped,
        RowOutcome::Duplicate { row_id, columns } => {
            let first = rows.first_record(row_id, origins)?;
            Refusal::Rejected(Some(columns), RejectReason::DuplicateKey { first })
        }
        other => Refusal::Rejected(None, other.refusal()),
    })
}
