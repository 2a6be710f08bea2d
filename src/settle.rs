//! Suspects, settled exactly: each goes into the table or into the dead-letter file as a duplicate.
//!
//! Comes in: the spool of suspects, in input order, after every other row is in the table. Either the sorted keys have shown which of them
//! are duplicates, or the key has its unique index and each suspect is inserted, with SQLite's own unique check as the judge. Either
//! way no good row is lost to a false alarm of the filter and no duplicate gets in. Duplicates take their place among the rejects, as
//! if they had been found when they were read.

mod on_trial;
mod waiting;

use std::collections::BTreeMap;

pub use self::waiting::Waiting;
use crate::batch::BatchSettings;
use crate::dedup::{Ascending, Dedup};
use crate::error::Error;
use crate::faults;
use crate::ledger::OpenItems;
use crate::profile::LaterRows;
use crate::reject::{ColumnLabel, FirstRecord, Origins, RejectReason, Suspect, SuspectReader, SuspectSpool};
use crate::schema::RowIds;
use crate::schema::repeats::RepeatPlan;
use crate::sqlite::RowOutcome;
use crate::sqlite::direct::index::{Duplicates, TableIndexes};
use crate::sqlite::insert::SqlWriter;
use crate::sqlite::own::row_origins::RowOrigins;

/// What settlement needs to know about the load.
pub struct Settlement<'a> {
    pub dedup: &'a Dedup,
    pub settings: &'a BatchSettings,
    pub origins: &'a Origins,
    /// Every row that was not a suspect is in the table, as the table could not refuse any.
    pub all_written: bool,
    /// The records that came with an earlier load of the same input, if this one goes on after it.
    pub earlier: Option<Box<dyn EarlierKeys + 'a>>,
    /// Where the rows that were not suspects came from.
    pub rows: RowOrigins<'a>,
    /// Where it is noted what is in the rows that go in, if that is asked for.
    pub later: Option<&'a mut LaterRows>,
    /// Whether to stop; asked where a later run can settle what is left.
    pub stopped: &'a dyn Fn() -> bool,
}

/// Keys to look up at a time among the records of an earlier load: 32 MiB including what is found.
const LOOKUP_KEYS: usize = 1 << 20;

/// The records of an earlier load, where the key is the row id.
pub trait EarlierKeys {
    /// For each of `keys`, which ascend, the number of the first good record that has it.
    ///
    /// # Errors
    /// `Io` when the input cannot be read again.
    fn first_records(&mut self, keys: &[i64]) -> Result<Vec<Option<u64>>, Error>;
}

/// What settlement works on.
pub struct Suspects<'a, 'l, 'p> {
    /// The books in which they wait.
    pub items: OpenItems<'l>,
    pub spool: &'a mut SuspectSpool,
    /// What the sorted keys say, if the keys could be sorted.
    pub duplicates: Option<&'a Duplicates<'p>>,
    /// Indexes that are being collected: they get the rows that turn out to be new.
    pub indexes: Option<&'a mut TableIndexes<'p>>,
}

impl Settlement<'_> {
    /// Settles every suspect within the open transaction of `writer`, and returns their books: the batch must be ended there before
    /// the transaction is committed, and the books must be closed afterwards. `None` if settlement was stopped: then the transaction must
    /// be rolled back.
    ///
    /// # Errors
    /// `Io`, `Database` or `DatabaseBusy`, as any write.
    pub fn settle<'l>(
        self,
        writer: &mut SqlWriter<'_>,
        suspects: Suspects<'_, 'l, '_>,
    ) -> Result<Option<OpenItems<'l>>, Error> {
        let Suspects {
            items,
            spool,
            duplicates,
            indexes,
        } = suspects;
        // However much is noted there, it goes to a file.
        let survivors = RowOrigins::open(writer.database(), "", RowIds::Key, false)?;
        let mut settling = Settling {
            settings: self.settings,
            all_written: self.all_written,
            writer,
            items,
            entries: spool.reader()?,
            suspect: Suspect::default(),
            suspects_read: 0,
            undoing: BTreeMap::new(),
            origins: KeyOrigins {
                dedup: self.dedup,
                settings: self.settings,
                origins: self.origins,
                survivors,
                rows: self.rows,
                earlier: self.earlier,
                looked_up: Vec::new(),
                found: Vec::new(),
            },
            indexes,
            later: self.later,
            stopped: self.stopped,
            is_stopped: false,
        };
        faults::point("settle: begun");
        if let Some(duplicates) = duplicates {
            duplicates.for_each(|row_id, first_row_id| settling.up_to_duplicate(row_id, first_row_id))?;
        }
        while settling.next()? {
            settling.insert()?;
        }
        Ok((!settling.is_stopped).then_some(settling.items))
    }
}

/// A settlement under way.
struct Settling<'a, 'l, 'd, 'p> {
    settings: &'a BatchSettings,
    all_written: bool,
    writer: &'a mut SqlWriter<'d>,
    items: OpenItems<'l>,
    entries: SuspectReader<'a>,
    suspect: Suspect,
    suspects_read: u64,
    /// Suspects for which a trigger undid the whole transaction, by their place, with the trigger's message.
    undoing: BTreeMap<u64, Box<str>>,
    origins: KeyOrigins<'a, 'd>,
    indexes: Option<&'a mut TableIndexes<'p>>,
    later: Option<&'a mut LaterRows>,
    stopped: &'a dyn Fn() -> bool,
    is_stopped: bool,
}

impl Settling<'_, '_, '_, '_> {
    /// Moves to the next suspect, if there is one and nobody wants the load to stop.
    fn next(&mut self) -> Result<bool, Error> {
        self.is_stopped = self.is_stopped || (self.stopped)();
        self.suspects_read += 1;
        Ok(!self.is_stopped && self.entries.next_into(&mut self.suspect)?)
    }

    /// Goes on to the suspect with `row_id`, which is a duplicate; all suspects before it are new.
    fn up_to_duplicate(&mut self, row_id: i64, first_row_id: i64) -> Result<(), Error> {
        while self.next()? {
            if self.suspect.row_id == row_id {
                if self.settings.repeats == RepeatPlan::Skip {
                    self.items.skip();
                    return Ok(());
                }
                let first = self.origins.first_record(Some(first_row_id), &self.entries)?;
                return self.reject_duplicate(first);
            }
            self.insert()?;
        }
        if self.is_stopped {
            return Ok(());
        }
        Err(Error::internal(format!(
            "row {row_id} was called new and repeats the key of row {first_row_id}"
        )))
    }

    /// Inserts the suspect; the table may refuse it.
    fn insert(&mut self) -> Result<(), Error> {
        if self.all_written
            && self.settings.repeats == RepeatPlan::Reject
            && let Some(first) = self.origins.first_of_ascending(self.suspect.row_id)?
        {
            return self.reject_duplicate(first);
        }
        if let Some(message) = self.undoing.get(&self.suspects_read) {
            let message = message.clone();
            return self.reject(ColumnLabel::None, &RejectReason::ConstraintFailed { message });
        }
        match self.writer.insert(Some(self.suspect.row_id), &self.suspect.record)? {
            RowOutcome::Inserted { row_id } => {
                self.items.add_row(Some(row_id));
                self.origins.inserted(&self.suspect, row_id)?;
                if let Some(later) = &mut self.later {
                    let ordinal = self.origins.origins.ordinal(&self.suspect.position);
                    later.add(ordinal, self.suspect.row_id, &self.suspect.record);
                }
                if let Some(indexes) = &mut self.indexes {
                    indexes.push_settled(self.suspect.row_id, &self.suspect.record)?;
                }
                Ok(())
            }
            RowOutcome::Updated => {
                self.items.add_update();
                Ok(())
            }
            RowOutcome::Skipped => {
                self.items.skip();
                Ok(())
            }
            RowOutcome::Duplicate { row_id, columns } => {
                let first = self.origins.first_record(row_id, &self.entries)?;
                self.reject(ColumnLabel::Name(&columns), &RejectReason::DuplicateKey { first })
            }
            RowOutcome::RolledBack { message } => self.start_over(message),
            other => self.reject(ColumnLabel::None, &other.refusal()),
        }
    }

    /// Begins again with the first suspect, leaving out the one for which a trigger that others added during the load undid everything.
    fn start_over(&mut self, message: Box<str>) -> Result<(), Error> {
        if self.indexes.is_some() {
            return Err(Error::internal(
                "a trigger undid a transaction, though the database is unchanged",
            ));
        }
        self.undoing.insert(self.suspects_read, message);
        self.suspects_read = 0;
        self.entries.rewind();
        self.items.start_over()?;
        if let Some(later) = &mut self.later {
            later.take_back();
        }
        self.origins.rolled_back()?;
        self.writer.begin().map(|_| ())
    }

    fn reject_duplicate(&mut self, first: FirstRecord) -> Result<(), Error> {
        let settings = self.settings;
        self.reject(
            ColumnLabel::Name(&settings.key_names),
            &RejectReason::DuplicateKey { first },
        )
    }

    fn reject(&mut self, column: ColumnLabel<'_>, reason: &RejectReason) -> Result<(), Error> {
        self.items.reject(&self.suspect, column, reason)
    }
}

/// Finds the record in which a key came first.
struct KeyOrigins<'a, 'd> {
    dedup: &'a Dedup,
    settings: &'a BatchSettings,
    origins: &'a Origins,
    /// Records of the suspects that went in, where the row id is the key.
    survivors: RowOrigins<'d>,
    rows: RowOrigins<'a>,
    earlier: Option<Box<dyn EarlierKeys + 'a>>,
    /// Keys that were looked up among the records of an earlier load, ascending, and their records' numbers.
    looked_up: Vec<i64>,
    found: Vec<Option<u64>>,
}

impl KeyOrigins<'_, '_> {
    fn rolled_back(&mut self) -> Result<(), Error> {
        self.survivors.rolled_back()?;
        self.rows.rolled_back()
    }

    fn inserted(&mut self, suspect: &Suspect, row_id: i64) -> Result<(), Error> {
        let ordinal = self.origins.ordinal(&suspect.position);
        match self.settings.row_ids {
            RowIds::Key => self.survivors.extend(row_id, ordinal),
            _ => self.rows.note(Some(suspect.row_id), row_id, ordinal),
        }
    }

    /// The ascending record that `key` came with, if that is known without a look into the table.
    fn first_of_ascending(&self, key: i64) -> Result<Option<FirstRecord>, Error> {
        let (RowIds::Key, Dedup::Ascending(ascending)) = (self.settings.row_ids, self.dedup) else {
            return Ok(None);
        };
        let ordinal = ascending.runs.ordinal_of(key)?;
        Ok(ordinal.map(|ordinal| self.origins.record(ordinal)))
    }

    /// `rest`: the suspects that come next.
    fn first_record(&mut self, row_id: Option<i64>, rest: &SuspectReader<'_>) -> Result<FirstRecord, Error> {
        let (Some(key), RowIds::Key, Dedup::Ascending(ascending)) = (row_id, self.settings.row_ids, self.dedup) else {
            return self.rows.first_record(row_id, self.origins);
        };
        let ordinal = match self.survivors.record_of(key)? {
            Some(ordinal) => Some(ordinal),
            None if ascending.existed(key) => self.earlier_record(key, ascending, rest)?,
            None => ascending.runs.ordinal_of(key)?,
        };
        Ok(ordinal.map_or(FirstRecord::Existing, |ordinal| self.origins.record(ordinal)))
    }

    /// The record of an earlier load that `key` came with. As this takes a pass over the input, the keys of `rest` are looked up along with
    /// it.
    fn earlier_record(
        &mut self,
        key: i64,
        ascending: &Ascending,
        rest: &SuspectReader<'_>,
    ) -> Result<Option<u64>, Error> {
        let Some(earlier) = &mut self.earlier else {
            return Ok(None);
        };
        if let Ok(index) = self.looked_up.binary_search(&key) {
            return Ok(self.found[index]);
        }
        let mut keys = vec![key];
        let mut rest = rest.ahead();
        let mut suspect = Suspect::default();
        while keys.len() < LOOKUP_KEYS && rest.next_into(&mut suspect)? {
            if ascending.existed(suspect.row_id) {
                keys.push(suspect.row_id);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        self.found = earlier.first_records(&keys)?;
        self.looked_up = keys;
        Ok(self
            .looked_up
            .binary_search(&key)
            .ok()
            .and_then(|index| self.found[index]))
    }
}
