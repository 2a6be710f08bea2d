//! Where rows go: into the table, by INSERT or as finished pages, changing from pages to INSERT when somebody else writes.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use crate::checkpoint::{Counts, SavedProgress};
use crate::error::Error;
use crate::option_name::{FORGET, SAME_LOAD};
use crate::schema::RowIds;
use crate::schema::identifier::index_name;
use crate::sqlite::RowOutcome;
use crate::sqlite::TargetTable;
use crate::sqlite::database::Database;
use crate::sqlite::direct::DirectWriter;
use crate::sqlite::direct::packed::{PackedRows, Packs, PagePacker};
use crate::sqlite::emptied;
use crate::sqlite::insert::held::HeldKeys;
use crate::sqlite::insert::redo::Redo;
use crate::sqlite::insert::{GroupOutcome, SqlWriter};
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::row_origins::{AmongOthers, RowOrigins};

/// How a batch began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    AsBefore,
    /// From now on rows go in by INSERT: finished pages can no longer be added.
    WithoutPages,
}

/// How a transaction began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Began {
    Alone,
    /// Begun; others have written to the database since the last one.
    AmongOthers,
    /// Not begun: others have written, and finished pages can no longer be added.
    Not,
}

/// Where rows go.
#[derive(Debug)]
pub enum Sink<'d> {
    Sql(Box<SqlWriter<'d>>),
    Direct(Box<DirectWriter>),
    /// Takes every row and keeps none.
    Nothing,
}

impl Sink<'_> {
    /// What to keep rows in, if a row may take the others of its transaction along.
    fn redo(&self) -> Option<Redo> {
        let may_roll_back = match self {
            Sink::Sql(writer) => writer.traces().rolled_back,
            Sink::Direct(_) | Sink::Nothing => false,
        };
        may_roll_back.then(Redo::default)
    }

    /// Rows that go in at a time, where the table allows it.
    fn group_rows(&self) -> Option<usize> {
        match self {
            Sink::Sql(writer) => writer.group_rows(),
            Sink::Direct(_) | Sink::Nothing => None,
        }
    }

    /// Inserts the rows of a group, or as many of them as go in together.
    fn insert_group<'r>(
        &mut self,
        rows: impl ExactSizeIterator<Item = (Option<i64>, &'r [u8])> + Clone,
    ) -> Result<GroupOutcome, Error> {
        match self {
            Sink::Sql(writer) => writer.insert_group(rows),
            Sink::Direct(_) | Sink::Nothing => Ok(GroupOutcome::alone(rows.len())),
        }
    }

    fn begin(&mut self) -> Result<Began, Error> {
        Ok(match self {
            Sink::Sql(writer) => match writer.begin()? {
                true => Began::AmongOthers,
                false => Began::Alone,
            },
            Sink::Direct(writer) => match writer.begin()? {
                true => Began::Alone,
                false => Began::Not,
            },
            Sink::Nothing => Began::Alone,
        })
    }

    /// `progress`: how far the load got, with the name of its table.
    fn commit(&mut self, progress: Option<(&str, &SavedProgress)>, path: &Path) -> Result<(), Error> {
        let mut write = |connection: &Connection| match progress {
            Some((table, progress)) => checkpoint::write(connection, path, table, progress),
            None => Ok(()),
        };
        match self {
            Sink::Sql(writer) => {
                write(writer.connection())?;
                writer.commit()
            }
            Sink::Direct(writer) => writer.commit(&mut write),
            Sink::Nothing => Ok(()),
        }
    }
}

/// The table, and the way into it: takes rows, in transactions, and says what became of each. Counting them, and all other accounting, is
/// left to others.
#[derive(Debug)]
pub struct Destination<'d> {
    pub sink: Sink<'d>,
    /// The rows of the open transaction, if one that is refused may take the others along.
    redo: Option<Redo>,
    pub database: &'d Database,
    pub target: TargetTable<'d>,
    pub origins: RowOrigins<'d>,
    /// Unique values of rows that wait, once any does.
    held: Option<HeldKeys>,
    is_counted: bool,
    /// The page at which the direct path, in this run or an earlier one, made the table begin.
    root_page: Option<u32>,
    emptying: Emptying,
}

/// What becomes of the rows that the table had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Emptying {
    /// Nothing, or nothing any more.
    Never,
    /// They are deleted when the first row of the load goes in.
    AtFirstRow,
    /// They are deleted in the open transaction.
    InTransaction,
}

impl<'d> Destination<'d> {
    /// A way into the table; `resumable`: a later run of the load may go on.
    ///
    /// # Errors
    /// `Database` when the schema cannot be read.
    pub fn new(
        sink: Sink<'d>,
        database: &'d Database,
        target: TargetTable<'d>,
        resumable: bool,
    ) -> Result<Self, Error> {
        let has_keys = match &sink {
            Sink::Sql(writer) => writer.has_keys(),
            Sink::Direct(_) | Sink::Nothing => !target.key_columns.is_empty(),
        };
        // If no row can repeat another, nobody asks where rows came from.
        let row_ids = if has_keys { target.row_ids } else { RowIds::None };
        Ok(Destination {
            redo: sink.redo(),
            sink,
            database,
            target,
            held: None,
            is_counted: false,
            root_page: None,
            emptying: Emptying::Never,
            origins: RowOrigins::open(database, target.table, row_ids, resumable)?,
        })
    }

    /// The page at which the direct path made the table begin, or will at the next commit; `None` if it begins where it was created.
    pub fn root_page(&self) -> Option<u32> {
        match &self.sink {
            Sink::Direct(writer) => Some(writer.root_page()),
            Sink::Sql(_) | Sink::Nothing => self.root_page,
        }
    }

    /// Goes on in a table that an earlier run made begin at `root_page`.
    pub fn resume(&mut self, root_page: Option<u32>) {
        self.root_page = root_page;
    }

    /// From now on the rows that the table has are deleted when the first row goes in, in the transaction that commits it.
    pub fn empty_at_first_row(&mut self) {
        self.emptying = Emptying::AtFirstRow;
    }

    /// Deletes the rows that the table had, if they are to be deleted now.
    fn empty_first(&mut self) -> Result<(), Error> {
        if self.emptying == Emptying::AtFirstRow
            && let Sink::Sql(writer) = &mut self.sink
        {
            self.database.savepoint_of_emptying()?;
            emptied::empty(self.database, self.target.table)?;
            writer.look_at_row_ids()?;
            self.emptying = Emptying::InTransaction;
        }
        Ok(())
    }

    /// Brings the rows that the table had back, if no row of the load went in after all.
    fn keep_unless_filled(&mut self, loaded: u64) -> Result<(), Error> {
        if self.emptying == Emptying::InTransaction {
            self.emptying = Emptying::Never;
            if loaded == 0 {
                self.database.undo_emptying()?;
                self.emptying = Emptying::AtFirstRow;
            }
        }
        Ok(())
    }

    /// Begins a batch; `counts`: what the load has counted so far.
    ///
    /// # Errors
    /// `DatabaseBusy` when another process writes, `Schema` when others have changed the table or added a key that is there already,
    /// `Database`.
    pub fn begin(&mut self, counts: &Counts) -> Result<Opened, Error> {
        let mut opened = Opened::AsBefore;
        let mut began = self.sink.begin()?;
        if began == Began::Not {
            self.go_on_by_sql()?;
            opened = Opened::WithoutPages;
            self.sink.begin()?;
            began = Began::AmongOthers;
        }
        if began == Began::AmongOthers {
            self.renew_if_outdated()?;
            self.look_for_others(counts)?;
        }
        Ok(opened)
    }

    /// Rows that go in at a time, where the table allows it.
    pub fn group_rows(&self) -> Option<usize> {
        self.sink.group_rows()
    }

    /// Inserts the rows of a group, or as many of them as go in together.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_group<'r>(
        &mut self,
        rows: impl ExactSizeIterator<Item = (Option<i64>, &'r [u8])> + Clone,
    ) -> Result<GroupOutcome, Error> {
        self.empty_first()?;
        self.sink.insert_group(rows)
    }

    /// The row ids of those rows of the last group that are in.
    pub fn group_ids(&self) -> &[i64] {
        match &self.sink {
            Sink::Sql(writer) => writer.group_ids(),
            Sink::Direct(_) | Sink::Nothing => &[],
        }
    }

    /// Hands a row to the table. Finished pages refuse no row, and no row is taken back.
    ///
    /// Inlined wherever it is called, so that no outcome is built for rows that are never refused.
    ///
    /// # Errors
    /// `Io` when the disk is full or fails, `Database`.
    #[inline(always)]
    pub fn insert(&mut self, row_id: Option<i64>, record: &[u8]) -> Result<RowOutcome, Error> {
        match &mut self.sink {
            Sink::Sql(_) => self.insert_by_sql(row_id, record),
            Sink::Direct(writer) => Ok(RowOutcome::Inserted {
                row_id: writer.append(row_id, record)?,
            }),
            Sink::Nothing => Ok(RowOutcome::Inserted {
                row_id: row_id.unwrap_or(0),
            }),
        }
    }

    /// The pages in which rows go in, if they do.
    pub fn packs(&self) -> Option<Packs> {
        match &self.sink {
            Sink::Direct(writer) => Some(writer.packs()),
            Sink::Sql(_) | Sink::Nothing => None,
        }
    }

    /// Whether rows go nowhere.
    pub fn keeps_nothing(&self) -> bool {
        matches!(self.sink, Sink::Nothing)
    }

    /// Whether rows that are packed can come next.
    pub fn takes_packed(&self, rows: &PackedRows) -> bool {
        match &self.sink {
            Sink::Direct(writer) => writer.takes_packed(rows),
            Sink::Sql(_) => false,
            Sink::Nothing => true,
        }
    }

    /// Hands over rows that are packed, and that [can come next](Self::takes_packed); `packing` gets their memory back.
    ///
    /// # Errors
    /// `Io` when the disk is full or fails.
    pub fn insert_packed(&mut self, rows: PackedRows, packing: &Arc<PagePacker>) -> Result<(), Error> {
        match &mut self.sink {
            Sink::Direct(writer) => writer.append_packed(rows, packing),
            Sink::Nothing => {
                packing.reuse(rows);
                Ok(())
            }
            Sink::Sql(_) => Err(Error::internal("packed rows were to be inserted one by one")),
        }
    }

    /// Inserts a row, or makes it wait for one that waits, if it shares a unique value with that one or refers to it.
    fn insert_by_sql(&mut self, row_id: Option<i64>, record: &[u8]) -> Result<RowOutcome, Error> {
        self.empty_first()?;
        let Sink::Sql(writer) = &mut self.sink else {
            return Err(Error::internal("a row was to be inserted among finished pages"));
        };
        if let Some(held) = &mut self.held
            && held.shares(self.database, row_id, record)?
        {
            return Ok(RowOutcome::Waits);
        }
        let outcome = writer.insert(row_id, record)?;
        match (&outcome, &mut self.held) {
            (RowOutcome::Refused { .. }, Some(held)) if writer.refused_foreign_key() => {
                let waits = held.is_referred_to(self.database, row_id, record)?;
                Ok(if waits { RowOutcome::Waits } else { outcome })
            }
            _ => Ok(outcome),
        }
    }

    /// Notes a row that waits, here or since an earlier run.
    ///
    /// # Errors
    /// `Database`, `Io` when the disk is full.
    pub fn hold(&mut self, row_id: Option<i64>, record: &[u8]) -> Result<(), Error> {
        let held = match &mut self.held {
            Some(held) => held,
            none => {
                let info = self.database.describe_table(self.target.table)?;
                let info = info.ok_or_else(|| Error::table_gone(self.target.table))?;
                none.insert(HeldKeys::new(self.database, &info, &self.target)?)
            }
        };
        held.hold(self.database, row_id, record)
    }

    /// Whether rows of this table may wait for what they refer to.
    pub fn may_wait(&self) -> bool {
        matches!(&self.sink, Sink::Sql(writer) if writer.traces().deferred)
    }

    /// Keeps a row that the table took, if it may have to go in again; returns whether so much is kept that a commit is due.
    #[inline]
    pub fn keep(&mut self, row_id: Option<i64>, ordinal: u64, record: &[u8]) -> bool {
        let Some(redo) = &mut self.redo else { return false };
        redo.keep(row_id, ordinal, record);
        redo.is_full()
    }

    /// Puts back the rows that were taken along when the table rolled the transaction back.
    ///
    /// # Errors
    /// `Database` when the table does not take one of them again.
    pub fn put_back(&mut self) -> Result<(), Error> {
        let Destination {
            sink,
            redo,
            origins,
            database,
            ..
        } = self;
        origins.rolled_back()?;
        sink.begin()?;
        if let (Some(redo), Sink::Sql(writer)) = (redo, sink) {
            redo.for_each(|row_id, ordinal, record| match writer.insert(row_id, record)? {
                RowOutcome::Inserted { row_id: given } => origins.note(row_id, given, ordinal),
                RowOutcome::Ignored | RowOutcome::Updated | RowOutcome::Skipped => Ok(()),
                outcome => Err(Redo::refused_now(database.path(), &outcome)),
            })?;
        }
        Ok(())
    }

    /// Takes back what triggers did for the last row, if it was ignored.
    ///
    /// # Errors
    /// `Database`.
    pub fn undo_ignored(&mut self) -> Result<(), Error> {
        match &mut self.sink {
            Sink::Sql(writer) => writer.undo_ignored(),
            Sink::Direct(_) | Sink::Nothing => Ok(()),
        }
    }

    /// Commits the rows of a batch, and with them how far the load got, if a checkpoint is kept for this `table`. `loaded`: how many rows
    /// of the load the table has.
    ///
    /// # Errors
    /// `Io`, `Database` or `DatabaseBusy`.
    pub fn commit(
        &mut self,
        progress: SavedProgress,
        loaded: u64,
        table: Option<&str>,
        path: &Path,
    ) -> Result<(), Error> {
        self.keep_unless_filled(loaded)?;
        self.origins.save()?;
        let mark = match &mut self.sink {
            Sink::Sql(writer) => writer.mark(loaded)?,
            Sink::Direct(writer) => writer.mark(loaded),
            Sink::Nothing => None,
        };
        let progress = SavedProgress {
            root_page: self.root_page(),
            mark,
            ..progress
        };
        self.sink.commit(table.map(|table| (table, &progress)), path)?;
        self.target.mark = mark;
        if let Some(redo) = &mut self.redo {
            redo.forget();
        }
        Ok(())
    }

    /// Notes where the rows came from that have gone in so far, without a commit.
    ///
    /// # Errors
    /// `Database`.
    pub fn save_origins(&mut self) -> Result<(), Error> {
        self.origins.save()
    }

    /// Takes all rows of the open transaction back.
    ///
    /// # Errors
    /// `Database`.
    pub fn roll_back(&mut self) -> Result<(), Error> {
        self.database.rollback()
    }

    /// Builds the key's index now, not after the rows: the filter does not know keys that others add.
    ///
    /// # Errors
    /// `Schema` when others have brought a key that is there already, `Database`.
    fn guard_key(&self) -> Result<(), Error> {
        let TargetTable {
            table,
            columns,
            key_columns,
            row_ids,
            ..
        } = self.target;
        let names: Vec<String> = key_columns.iter().map(|&index| columns[index].name.clone()).collect();
        let is_guarded = names.is_empty() || !matches!(row_ids, RowIds::Ordinal { .. });
        if is_guarded || self.database.has_index(table, &names, true)? {
            return Ok(());
        }
        let name = index_name(table, &names, &self.database.index_names()?);
        let Err(error) = self.database.create_index(&name, table, &names, true) else {
            return Ok(());
        };
        let Ok(Some(example)) = self.database.repeated_key(table, &names) else {
            return Err(error);
        };
        Err(Error::schema(format!(
            "others put rows into table \"{table}\" that repeat the key {}, for example {example}; remove them and run the \
             {SAME_LOAD} again to go on, or give the load up with {FORGET}",
            names.join(",")
        )))
    }

    /// Looks whether others have rows in a table that this load numbers itself; `counts`: what the load has counted so far.
    ///
    /// # Errors
    /// `Schema` when others have brought a key that is there already, `Database`.
    pub fn look_for_others(&mut self, counts: &Counts) -> Result<(), Error> {
        let RowIds::Ordinal { base } = self.target.row_ids else {
            return Ok(());
        };
        if self.origins.notes_all() {
            return self.guard_key();
        }
        let table = self.target.table;
        let last_row_id = base + counts.records as i64;
        // Each page is looked at only once: rows that SQLite numbers for others come after ours.
        let is_mixed = !self.is_counted && !self.has_own_rows_only(counts, last_row_id)?;
        self.is_counted = true;
        if is_mixed || self.database.has_rows_above(table, last_row_id)? {
            self.guard_key()?;
            self.origins.note_all(AmongOthers { last_row_id, is_mixed });
        }
        Ok(())
    }

    /// Whether others have rows in a table that this load numbers itself.
    pub fn is_among_others(&self) -> bool {
        self.origins.is_among_others()
    }

    /// Goes on by INSERT; returns whether finished pages were to be added.
    ///
    /// # Errors
    /// `Database`.
    pub fn gives_up_pages(&mut self) -> Result<bool, Error> {
        let is_direct = matches!(self.sink, Sink::Direct(_));
        if is_direct {
            self.go_on_by_sql()?;
        }
        Ok(is_direct)
    }

    /// Whether the table's rows up to `last_row_id` are those that the load committed, under the same row ids.
    fn has_own_rows_only(&self, counts: &Counts, last_row_id: i64) -> Result<bool, Error> {
        let info = self.database.describe_table(self.target.table)?;
        let info = info.ok_or_else(|| Error::table_gone(self.target.table))?;
        let (count, row_ids_hash) = self.database.row_ids(&info, last_row_id)?;
        Ok(count == counts.loaded && row_ids_hash == Some(counts.row_ids_hash))
    }

    /// Adapts to a table that others have changed, perhaps by adding a trigger. Within a transaction.
    ///
    /// # Errors
    /// `Schema` when values would become different in it, `Database`.
    fn renew_if_outdated(&mut self) -> Result<(), Error> {
        let is_outdated = match &self.sink {
            Sink::Sql(writer) => writer.is_outdated()?,
            Sink::Direct(_) | Sink::Nothing => false,
        };
        if is_outdated {
            self.sink = Sink::Sql(Box::new(SqlWriter::new(self.database, self.target)?));
            self.redo = self.sink.redo();
        }
        Ok(())
    }

    /// Goes on by INSERT: others have written to the database, so finished pages can no longer be added to it.
    fn go_on_by_sql(&mut self) -> Result<(), Error> {
        self.root_page = self.root_page();
        let writer = SqlWriter::new(self.database, self.target)?;
        let direct = std::mem::replace(&mut self.sink, Sink::Sql(Box::new(writer)));
        self.redo = self.sink.redo();
        match direct {
            Sink::Direct(writer) => writer.close(),
            Sink::Sql(_) | Sink::Nothing => Ok(()),
        }
    }
}
