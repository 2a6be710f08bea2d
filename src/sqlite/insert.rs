//! The SQL path: prepared INSERTs, bound from SQLite records.
//!
//! Comes in: a row id and a record. Goes out: what the table's own constraints say about it. A row that they refuse fails alone: its
//! statement is undone, and the transaction goes on. Where a statement that fails may leave half of what it did (`RAISE(FAIL)`), or the
//! failure would come only at the commit (deferred foreign keys), each row has a savepoint of its own.
//!
//! Where it makes no difference to a table whether rows come in one statement or in several, a whole group goes in with one statement; if
//! that is refused, its rows go in one by one.

mod given_ids;
mod groups;
pub mod held;
mod keys;
mod orphans;
pub mod redo;
mod together;
mod update;

use std::ffi::c_int;
use std::sync::Arc;

use rusqlite::{Connection, ffi};

pub use self::groups::GroupOutcome;
use self::groups::{GROUP_ROWS, GroupInserts, insert_sql};
use self::keys::{FoundRow, KeySearch};
use self::update::Repeated;
use crate::error::Error;
use crate::option_name::{FORGET, SAME_LOAD};
use crate::schema::RowIds;
use crate::schema::identifier::quote;
use crate::schema::shape::Mark;
use crate::schema::table_info::{NEAR_LAST_ID, TableInfo, Traces, row_id_alias, row_id_name};
use crate::sqlite::database::Database;
use crate::sqlite::format::{RecordValue, decode};
use crate::sqlite::insert::given_ids::{GivenIds, no_more_ids};
use crate::sqlite::insert::orphans::Orphans;
use crate::sqlite::statement::{Statement, StatementFailure, database_failure};
use crate::sqlite::{RowOutcome, TargetTable};

/// Inserts rows into one table.
#[derive(Debug)]
pub struct SqlWriter<'d> {
    database: &'d Database,
    table: String,
    insert: Statement<'d>,
    insert_sql: String,
    groups: Option<GroupInserts<'d>>,
    given_ids: Option<GivenIds<'d>>,
    /// Used if a row that is refused might leave something behind.
    savepoint: Option<Savepoint<'d>>,
    /// Whether a row that leaves a foreign key open is taken back.
    refuses_open: bool,
    /// Finds out whose foreign keys are open.
    orphans: Option<Orphans<'d>>,
    /// Whether a change that leaves a foreign key of another table open is taken back.
    checks_others: bool,
    /// The last row was refused because of a foreign key that is checked at once.
    refused_foreign_key: bool,
    traces: Traces,
    /// Others have taken a row id that was to be ours: from then on SQLite gives row ids.
    moved: bool,
    /// SQLite's numbers for the state in which others left the database, and for the schema.
    data_version: i64,
    schema_version: i64,
    /// Transactions begin only when nobody reads.
    keeps_readers_out: bool,
    /// A row may be left out without an error.
    may_skip: bool,
    /// The last row was left out, and what its triggers did can still be taken back.
    skipped: bool,
    /// Finds the table's last row; and the page at which the table begins.
    last: Statement<'d>,
    root_page: i64,
    has_row_ids: bool,
    /// The load's key first, then the table's own.
    keys: Vec<KeySearch<'d>>,
    repeated: Repeated<'d>,
    layout: ParameterLayout,
    /// Values of the current row; reused.
    values: Vec<RecordValue>,
    /// The row ids of the last group.
    group_ids: Vec<i64>,
}

/// A savepoint around each row.
#[derive(Debug)]
struct Savepoint<'d> {
    open: Statement<'d>,
    undo: Statement<'d>,
    close: Statement<'d>,
}

impl<'d> SqlWriter<'d> {
    /// A writer into `target`.
    ///
    /// # Errors
    /// `Schema` when the table is gone, or values would become different in it from what was planned; `Database`.
    pub fn new(database: &'d Database, target: TargetTable<'_>) -> Result<Self, Error> {
        let TargetTable {
            columns,
            row_id_column,
            row_ids,
            ..
        } = target;
        let (info, versions) = describe(database, &target)?;
        let binds_row_id = matches!(row_ids, RowIds::Ordinal { .. });
        let alias = row_id_alias(&info.columns);
        let mut names: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
        if binds_row_id {
            let alias =
                alias.ok_or_else(|| Error::schema("the table has columns named rowid, _rowid_ and oid; rename one"))?;
            names.insert(0, alias.to_owned());
        }
        let layout = ParameterLayout {
            row_id: match row_id_column {
                Some(index) => RowIdPlace::Column(index),
                None if binds_row_id => RowIdPlace::First,
                None => RowIdPlace::Nowhere,
            },
        };
        let insert_sql = insert_sql(&info, &names, 1);
        let insert = Statement::new(database, &insert_sql)?;
        let groups = GroupInserts::new(database, &info, &names, layout)?;
        let given_ids = match layout.row_id {
            RowIdPlace::Nowhere => GivenIds::new(database, &info)?,
            _ => None,
        };
        let orphans = match info.traces.deferred {
            true => Orphans::new(database, &info, &target)?,
            false => None,
        };
        // Rows of other tables may refer to one that is changed.
        let checks_others = target.repeats.updates() && info.may_defer;
        let needs_savepoint = info.traces.half_done || checks_others;
        let savepoint = needs_savepoint.then(|| Savepoint::new(database)).transpose()?;
        Ok(SqlWriter {
            database,
            table: info.name.clone(),
            insert,
            insert_sql,
            groups,
            given_ids,
            savepoint,
            refuses_open: info.traces.deferred,
            orphans,
            refused_foreign_key: false,
            checks_others,
            traces: info.traces,
            moved: false,
            keeps_readers_out: false,
            data_version: versions.data,
            schema_version: versions.schema,
            may_skip: info.has_triggers,
            skipped: false,
            last: find_last(database, &info)?,
            root_page: info.root_page,
            has_row_ids: row_id_name(&info).is_some(),
            keys: KeySearch::all(database, &info, &target)?,
            repeated: Repeated::planned(database, &info, &target)?,
            layout,
            values: Vec::with_capacity(columns.len()),
            group_ids: Vec::new(),
        })
    }

    /// The mark by which the table will be recognized once the open transaction is committed, with `rows` of the load.
    ///
    /// # Errors
    /// `Database`.
    pub fn mark(&mut self, rows: u64) -> Result<Option<Mark>, Error> {
        let last = self.last.step();
        let last = last.map_err(|failure| database_failure(self.database, failure))?;
        Ok(last.map(|row_id| Mark {
            row_id: self.has_row_ids.then_some(row_id),
            rows,
            root_page: self.root_page,
        }))
    }

    /// What a refused row may leave behind.
    pub fn traces(&self) -> Traces {
        self.traces
    }

    /// Whether the schema was changed since this writer was made, for example by a trigger for which it is not prepared.
    ///
    /// # Errors
    /// `Database`.
    pub fn is_outdated(&self) -> Result<bool, Error> {
        Ok(self.database.schema_version()? != self.schema_version)
    }

    /// Takes back what triggers did for the last row, if they left it out.
    ///
    /// # Errors
    /// `Database`.
    pub fn undo_ignored(&mut self) -> Result<(), Error> {
        match &mut self.savepoint {
            Some(savepoint) if std::mem::take(&mut self.skipped) => {
                savepoint.undo.run(self.database)?;
                savepoint.close.run(self.database)
            }
            _ => Ok(()),
        }
    }

    /// Keeps what triggers did for the last row, if they left it out.
    ///
    /// # Errors
    /// `Database`.
    pub fn keep_ignored(&mut self) -> Result<(), Error> {
        match &mut self.savepoint {
            Some(savepoint) if std::mem::take(&mut self.skipped) => savepoint.close.run(self.database),
            _ => Ok(()),
        }
    }

    /// Whether a row may repeat a key of another.
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Sets whether, from now on, a row that leaves a foreign key open goes in all the same.
    pub fn let_open(&mut self, open: bool) {
        self.refuses_open = !open && self.traces.deferred;
    }

    /// Whether a foreign key is open: a row refers to one that is not there.
    pub fn is_open(&self) -> bool {
        let (mut open, mut unused) = (0, 0);
        // SAFETY: the connection is open; the call writes two integers to places that live through it.
        unsafe {
            let handle = self.connection().handle();
            ffi::sqlite3_db_status(handle, ffi::SQLITE_DBSTATUS_DEFERRED_FKS, &mut open, &mut unused, 0);
        }
        open != 0
    }

    /// What finds out whose foreign keys are open, if any may be.
    pub fn orphans(&mut self) -> Option<&mut Orphans<'d>> {
        self.orphans.as_mut()
    }

    /// Whether the last row was refused because of a foreign key.
    pub fn refused_foreign_key(&self) -> bool {
        self.refused_foreign_key
    }

    pub fn connection(&self) -> &'d Connection {
        self.database.connection()
    }

    pub fn database(&self) -> &'d Database {
        self.database
    }

    /// From now on transactions begin only when nobody reads, so that SQLite can write pages that its memory has no room for before they are
    /// committed. In WAL mode readers are in nobody's way.
    pub fn keep_readers_out(&mut self) {
        self.keeps_readers_out = true;
    }

    /// Begins a transaction; returns whether others have written to the database since the last one, or since the writer was made.
    ///
    /// # Errors
    /// `DatabaseBusy`, `Database`.
    pub fn begin(&mut self) -> Result<bool, Error> {
        match self.keeps_readers_out {
            true => self.database.begin_exclusive()?,
            false => self.database.begin()?,
        }
        let data_version = self.database.data_version()?;
        let others_wrote = std::mem::replace(&mut self.data_version, data_version) != data_version;
        // Another connection may have written since.
        self.look_at_row_ids()?;
        Ok(others_wrote)
    }

    /// Looks how far the table's row ids go, within a transaction.
    ///
    /// # Errors
    /// `Database`.
    pub fn look_at_row_ids(&mut self) -> Result<(), Error> {
        if let Some(ids) = &mut self.given_ids {
            let greatest = ids.greatest(self.database)?;
            ids.is_near_end = greatest >= NEAR_LAST_ID;
        }
        if let Some(groups) = &mut self.groups
            && let Some(greatest) = &mut groups.greatest
        {
            groups.last_row_id = greatest
                .step()
                .map_err(|failure| database_failure(self.database, failure))?;
        }
        Ok(())
    }

    pub fn commit(&mut self) -> Result<(), Error> {
        self.skipped = false;
        self.database.commit()
    }

    /// Inserts one row given as a SQLite record. `row_id` is `None` if there is none or SQLite gives it.
    ///
    /// # Errors
    /// Any trouble that is not the row's own: `DatabaseBusy`, `Database`, `Io` when the disk is full.
    pub fn insert(&mut self, row_id: Option<i64>, record: &[u8]) -> Result<RowOutcome, Error> {
        if let Some(ids) = &mut self.given_ids
            && ids.is_near_end
            && ids.greatest(self.database)? == i64::MAX
        {
            let message = no_more_ids(&self.table).into();
            return Ok(RowOutcome::Refused { message });
        }
        let is_numbered = self.layout.row_id == RowIdPlace::First;
        let row_id = row_id.filter(|_| !(is_numbered && self.moved));
        self.layout.read(row_id, record, &mut self.values)?;
        self.layout.bind(&mut self.insert, 1, (row_id, record), &self.values);
        self.refused_foreign_key = false;
        self.keep_ignored()?;
        if let Some(savepoint) = &mut self.savepoint {
            savepoint.open.run(self.database)?;
        }
        let mut stepped = self.insert.step();
        if is_numbered && matches!(&stepped, Err(failure) if failure.code == ffi::SQLITE_CONSTRAINT_ROWID) {
            self.moved = true;
            self.insert.bind(1, RecordValue::Null, record);
            stepped = self.insert.step();
        }
        match stepped {
            Ok(_) => self.inserted(record),
            Err(failure) if failure.is_of_the_row() => self.refused(failure, record),
            Err(failure) => match self.used_up_by_trigger(&failure)? {
                Some(table) => {
                    let message = no_more_ids(&table);
                    self.refused(StatementFailure { message, ..failure }, record)
                }
                None => Err(self.error(failure)),
            },
        }
    }

    /// The table that a trigger fills and whose row ids are used up, if that is what SQLite means by a full disk. SQLite may then have
    /// rolled everything back, so this is asked only where the rows can be put back.
    fn used_up_by_trigger(&self, failure: &StatementFailure) -> Result<Option<String>, Error> {
        if failure.code & 0xFF != ffi::SQLITE_FULL || !self.traces.triggered || !self.traces.rolled_back {
            return Ok(None);
        }
        // Not the very last id: that may have been rolled back.
        let found = self.database.table_with_row_ids_from(NEAR_LAST_ID);
        found.map_err(|e| self.database.fail(e))
    }

    fn inserted(&mut self, record: &[u8]) -> Result<RowOutcome, Error> {
        let ignored = self.may_skip && self.connection().changes() == 0;
        let row_id = self.connection().last_insert_rowid();
        let mut waits = self.refuses_open && self.is_open();
        if let Some(orphans) = self
            .orphans
            .as_mut()
            .filter(|_| self.refuses_open && !waits && !ignored)
        {
            waits = orphans.has(row_id, record)?;
        }
        self.skipped = ignored && !waits;
        if let Some(savepoint) = self.savepoint.as_mut().filter(|_| !self.skipped) {
            if waits {
                savepoint.undo.run(self.database)?;
            }
            savepoint.close.run(self.database)?;
        }
        if waits {
            return Ok(RowOutcome::Waits);
        }
        if ignored {
            return Ok(RowOutcome::Ignored);
        }
        if let Some(groups) = &mut self.groups {
            groups.last_row_id = groups.last_row_id.max(Some(row_id));
        }
        if let Some(ids) = &mut self.given_ids {
            ids.is_near_end |= row_id >= NEAR_LAST_ID;
        }
        Ok(RowOutcome::Inserted { row_id })
    }

    /// How many rows [`insert_group`](Self::insert_group) takes; `None` if every row goes in alone.
    pub fn group_rows(&self) -> Option<usize> {
        let together = self.takes_rows_together().then_some(GROUP_ROWS);
        self.groups.as_ref().map(|groups| groups.rows).or(together)
    }

    /// The row ids of those rows of the last group that are in.
    pub fn group_ids(&self) -> &[i64] {
        &self.group_ids
    }

    /// Inserts [`group_rows`](Self::group_rows) rows, or as many of them as go in together.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_group<'r>(
        &mut self,
        rows: impl ExactSizeIterator<Item = (Option<i64>, &'r [u8])> + Clone,
    ) -> Result<GroupOutcome, Error> {
        self.group_ids.clear();
        if self.moved || self.given_ids.as_ref().is_some_and(|ids| ids.is_near_end) {
            return Ok(GroupOutcome::alone(rows.len()));
        }
        match &mut self.groups {
            Some(groups) => groups.insert(self.database, &mut self.values, rows, &mut self.group_ids),
            None => self.insert_together(rows),
        }
    }

    /// The outcome for a violated constraint, the key's or another, or for an expression of the table that fails for this row.
    fn refused(&mut self, failure: StatementFailure, record: &[u8]) -> Result<RowOutcome, Error> {
        let message = failure.message.into_boxed_str();
        if !self.undo_statement(failure.code)? {
            return Ok(RowOutcome::RolledBack { message });
        }
        if failure.code & 0xFF == ffi::SQLITE_ERROR {
            // SQLite prepares a statement anew when another connection has changed the schema: if that fails, it fails for every row.
            Statement::new(self.database, &self.insert_sql)?;
        }
        let unique = [
            ffi::SQLITE_CONSTRAINT_UNIQUE,
            ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
            ffi::SQLITE_CONSTRAINT_ROWID,
        ];
        if unique.contains(&failure.code) {
            for key in &mut self.keys {
                if let Some(FoundRow { row_id }) = key.find(self.database, &self.values, record)? {
                    let columns = Arc::clone(&key.names);
                    return match &self.repeated {
                        Repeated::Skip if key.is_of_load => Ok(RowOutcome::Skipped),
                        Repeated::Update(_) if key.is_of_load => self.update(record),
                        // The record that the row came from may not be the one that gave it this value.
                        Repeated::Update(_) => Ok(RowOutcome::Duplicate { row_id: None, columns }),
                        _ => Ok(RowOutcome::Duplicate { row_id, columns }),
                    };
                }
            }
        }
        Ok(RowOutcome::Refused { message })
    }

    /// Takes back what is left of a statement that failed with `code`; `false` if the whole transaction was taken back.
    fn undo_statement(&mut self, code: c_int) -> Result<bool, Error> {
        if self.connection().is_autocommit() {
            return Ok(false);
        }
        if let Some(savepoint) = &mut self.savepoint {
            savepoint.undo.run(self.database)?;
            savepoint.close.run(self.database)?;
        }
        self.refused_foreign_key = code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY;
        Ok(true)
    }

    /// Gives the row that has the key of the current one the values that are planned.
    fn update(&mut self, record: &[u8]) -> Result<RowOutcome, Error> {
        let Repeated::Update(row) = &mut self.repeated else {
            return Err(Error::internal("a row was to be changed, which is not planned"));
        };
        if let Some(savepoint) = &mut self.savepoint {
            savepoint.open.run(self.database)?;
        }
        let Err(failure) = row.take(&self.values, record) else {
            if self.checks_others && self.is_open() {
                self.undo_statement(ffi::SQLITE_CONSTRAINT_FOREIGNKEY)?;
                let message = "FOREIGN KEY constraint failed".into();
                return Ok(RowOutcome::Refused { message });
            }
            let is_ignored = self.may_skip && self.connection().changes() == 0;
            self.skipped = is_ignored;
            if let Some(savepoint) = self.savepoint.as_mut().filter(|_| !is_ignored) {
                savepoint.close.run(self.database)?;
            }
            return Ok(match is_ignored {
                true => RowOutcome::Ignored,
                false => RowOutcome::Updated,
            });
        };
        if !failure.is_of_the_row() {
            return Err(self.error(failure));
        }
        let message = failure.message.as_str().into();
        if !self.undo_statement(failure.code)? {
            return Ok(RowOutcome::RolledBack { message });
        }
        if failure.code & 0xFF == ffi::SQLITE_ERROR
            && let Repeated::Update(row) = &self.repeated
        {
            row.check(self.database)?;
        }
        Ok(RowOutcome::Refused { message })
    }

    fn error(&self, failure: StatementFailure) -> Error {
        database_failure(self.database, failure)
    }
}

/// Where the values of a row go among a statement's parameters.
#[derive(Debug, Clone, Copy)]
struct ParameterLayout {
    row_id: RowIdPlace,
}

/// Where a row's id goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowIdPlace {
    /// Nowhere: there is none, or SQLite chooses it.
    Nowhere,
    /// Before the columns.
    First,
    /// In the place of this column.
    Column(usize),
    /// This column is the row id; it is left out and SQLite chooses it.
    LeftOut(usize),
}

impl ParameterLayout {
    /// The column that is the row id and is filled.
    fn column(self) -> Option<usize> {
        match self.row_id {
            RowIdPlace::Column(index) => Some(index),
            _ => None,
        }
    }

    fn read(self, row_id: Option<i64>, record: &[u8], values: &mut Vec<RecordValue>) -> Result<(), Error> {
        decode(record, values).ok_or_else(|| Error::internal("a malformed record reached the database"))?;
        if let (Some(index), Some(row_id)) = (self.column(), row_id) {
            values[index] = RecordValue::Integer(row_id);
        }
        Ok(())
    }

    /// Binds a row from `parameter` on; returns the first parameter after it.
    fn bind(
        self,
        statement: &mut Statement<'_>,
        mut parameter: c_int,
        (row_id, record): (Option<i64>, &[u8]),
        values: &[RecordValue],
    ) -> c_int {
        if self.row_id == RowIdPlace::First {
            statement.bind(
                parameter,
                row_id.map_or(RecordValue::Null, RecordValue::Integer),
                record,
            );
            parameter += 1;
        }
        for (index, &value) in values.iter().enumerate() {
            if self.row_id != RowIdPlace::LeftOut(index) {
                statement.bind(parameter, value, record);
                parameter += 1;
            }
        }
        parameter
    }
}

impl<'d> Savepoint<'d> {
    fn new(database: &'d Database) -> Result<Self, Error> {
        Ok(Savepoint {
            open: Statement::new(database, "SAVEPOINT a_row")?,
            undo: Statement::new(database, "ROLLBACK TO a_row")?,
            close: Statement::new(database, "RELEASE a_row")?,
        })
    }
}

/// SQLite's numbers for the state in which others left the database, and for the schema.
struct Versions {
    data: i64,
    schema: i64,
}

/// The table as it is now, if it is the one that the load was planned for.
fn describe(database: &Database, target: &TargetTable<'_>) -> Result<(TableInfo, Versions), Error> {
    let table = target.table;
    // These come first, so that what others commit while the rest is read is noticed when the first batch begins.
    let versions = Versions {
        data: database.data_version()?,
        schema: database.schema_version()?,
    };
    let info = database
        .describe_table(table)?
        .ok_or_else(|| Error::table_gone(table))?;
    if let Some(difference) = target.shape.and_then(|shape| shape.difference(&info.shape())) {
        return Err(Error::schema(format!(
            "somebody changed table \"{table}\" during the load: {difference}. What was committed is in it; put it back and run the \
             {SAME_LOAD} again to go on, or give the load up with {FORGET}"
        )));
    }
    target.check_mark(database, &info)?;
    Ok((info, versions))
}

/// Finds the row with the greatest row id, or any row if they have none.
fn find_last<'d>(database: &'d Database, info: &TableInfo) -> Result<Statement<'d>, Error> {
    let table = quote(&info.name);
    let find = match row_id_name(info) {
        Some(name) => format!("SELECT {0} FROM main.{table} ORDER BY {0} DESC LIMIT 1", quote(name)),
        None => format!("SELECT 0 FROM main.{table} LIMIT 1"),
    };
    Statement::new(database, &find)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::repeats::RepeatPlan;
    use crate::schema::{Column, ColumnType};

    #[test]
    fn a_table_that_another_connection_changed_is_no_fault_of_the_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let other = Connection::open(&path).unwrap();
        // With a trigger, so that rows go in one by one, and it is the insert that meets the change.
        let schema =
            "CREATE TABLE t (a INTEGER CHECK (abs(a) > 0)); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END";
        other.execute_batch(schema).unwrap();
        let database = Database::open(&path, 1 << 20).unwrap();
        let column = Column::new("a", ColumnType::Integer);
        let target = TargetTable {
            table: "t",
            shape: None,
            mark: None,
            columns: &[column],
            row_id_column: None,
            key_columns: &[],
            row_ids: RowIds::Given,
            repeats: &RepeatPlan::Reject,
        };
        let mut writer = SqlWriter::new(&database, target).unwrap();
        let five = [2, 1, 5];
        // A header of two bytes, an integer of eight: the least there is, which has no absolute value.
        let least = [[2, 6].as_slice(), &i64::MIN.to_be_bytes()].concat();
        writer.begin().unwrap();
        assert_eq!(
            writer.insert(Some(1), &five).unwrap(),
            RowOutcome::Inserted { row_id: 1 }
        );
        let refused = writer.insert(Some(2), &least).unwrap();
        assert!(matches!(refused, RowOutcome::Refused { message } if &*message == "integer overflow"));
        writer.commit().unwrap();
        other.execute_batch("ALTER TABLE t RENAME TO gone").unwrap();
        writer.begin().unwrap();
        assert!(writer.insert(Some(3), &five).is_err());
    }
}
