//! The database: opened with care, described, given its table and indexes; and the one place that turns SQLite's errors into ours.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, ffi};

use crate::error::{Error, ErrorKind};
use crate::schema::identifier::{quote, quote_all};
use crate::schema::{Column, ColumnType};
use crate::write::lock::{busy_timeout, holders};
use crate::write::sql_text::has_conflict_clause;

/// The collation that tells all texts apart.
const BINARY: &str = "BINARY";
/// A table of the connection's own, for a moment.
const AFFINITIES: &str = "_rowmill_affinities";

/// An open database.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    path: PathBuf,
}

/// A table that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// The name in the case in which it was created.
    pub name: String,
    pub columns: Vec<TableColumn>,
    /// Index in `columns` of the INTEGER PRIMARY KEY.
    pub row_id_column: Option<usize>,
    /// Indices in `columns` of the primary key, in its order.
    pub primary_key: Vec<usize>,
    pub without_rowid: bool,
    /// UNIQUE and PRIMARY KEY indexes over whole columns and all rows, but not the row id.
    pub unique_keys: Vec<UniqueKey>,
    pub has_triggers: bool,
    /// Any index, also one over expressions or some rows only.
    pub has_indexes: bool,
    pub has_foreign_keys: bool,
    /// A constraint says ON CONFLICT.
    pub may_have_conflict_clauses: bool,
    /// Row ids are chosen as AUTOINCREMENT does.
    pub may_autoincrement: bool,
    pub is_empty: bool,
    pub max_row_id: Option<i64>,
    /// What becomes of a row depends on its own values and key alone: no trigger, CHECK, foreign key or unique index looks at others.
    pub is_plain: bool,
    pub traces: Traces,
}

/// What a row that is refused may leave behind, or undo, besides itself. Where that is not known, it is taken to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traces {
    /// A part of what its statement did, as after `RAISE(FAIL)`.
    pub half_done: bool,
    /// A foreign key that is looked at only when the transaction is committed.
    pub deferred: bool,
    /// Nothing of the whole transaction, as after `RAISE(ROLLBACK)`.
    pub rolled_back: bool,
    /// Rows that refer to what is not there can be listed, and nothing else happens when a row goes in.
    pub lists_orphans: bool,
}

/// A column of a table that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    pub name: String,
    pub column_type: ColumnType,
    /// In the table's own words; empty without a type.
    pub declared_type: String,
    pub not_null: bool,
    pub has_default: bool,
    pub generated: bool,
    /// What its values are compared by, in keys and indexes that do not say otherwise.
    pub collation: String,
    /// Values that differ in the input differ in the table: no affinity and no collation makes them equal.
    pub keeps_differences: bool,
}

/// Columns that no two rows share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// Indices in [`TableInfo::columns`].
    pub columns: Vec<usize>,
}

impl TableColumn {
    /// Whether what an index by `collation` finds unique is so for the column itself: it tells no more texts apart.
    fn is_unique_by(&self, collation: &str) -> bool {
        self.is_binary() || self.collation.eq_ignore_ascii_case(collation)
    }

    /// Whether texts that differ in a byte are different values.
    pub fn is_binary(&self) -> bool {
        self.collation.eq_ignore_ascii_case(BINARY)
    }
}

impl Database {
    /// Opens the database at `path`, or creates it.
    ///
    /// # Errors
    /// `OutputCreate` when it cannot be created, `Schema` when it is no SQLite database, `DatabaseBusy`, `Database`.
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Database, Error> {
        if path.is_dir() {
            return Err(Error::create(path, "it is a folder; name a file in it as the database"));
        }
        let is_device = path.metadata().is_ok_and(|metadata| !metadata.is_file());
        if is_device {
            return Err(Error::create(
                path,
                "it is not a regular file; name another file as the database",
            ));
        }
        // SQLite gives names a meaning that begin with `file:` or are `:memory:` or empty; here a path is a path.
        let file = Path::new(".").join(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags).map_err(|e| database_error(path, e))?;
        let database = Database {
            connection,
            path: path.to_owned(),
        };
        let cache_kib = cache_bytes / 1024;
        let setup = || -> rusqlite::Result<()> {
            database.connection.busy_timeout(busy_timeout())?;
            // The schema of a database may come from anybody. See <https://sqlite.org/security.html>.
            database
                .connection
                .set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            database.connection.execute_batch(&format!(
                "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = FILE; PRAGMA mmap_size = 0; PRAGMA cache_size = -{cache_kib};"
            ))?;
            // The first read finds out whether the file is a database at all.
            database.connection.query_row("PRAGMA schema_version", [], |_| Ok(()))
        };
        setup().map_err(|e| database_error(path, e))?;
        Ok(database)
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version of SQLite that is built in.
    pub fn sqlite_version() -> String {
        rusqlite::version().to_owned()
    }

    fn fail(&self, error: rusqlite::Error) -> Error {
        database_error(&self.path, error)
    }

    /// Settings for writing: a rollback journal that is truncated, not deleted, at each commit, and FULL synchronisation, so
    /// that a committed batch survives a power cut. A database in WAL mode stays in it.
    ///
    /// An append journals next to nothing, so the promise costs two more syncs per batch and no bandwidth.
    pub fn prepare_for_load(&self) -> Result<(), Error> {
        let run = || -> rusqlite::Result<()> {
            let mode: String = self.connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            if mode != "wal" {
                self.connection
                    .query_row("PRAGMA journal_mode = TRUNCATE", [], |_| Ok(()))?;
            }
            self.connection.execute_batch("PRAGMA synchronous = FULL")
        };
        run().map_err(|e| self.fail(e))
    }

    /// From now on no foreign key is enforced, nor followed: a table that is dropped does not empty those that refer to it. Not within
    /// a transaction.
    pub fn ignore_foreign_keys(&self) -> Result<(), Error> {
        self.execute("PRAGMA foreign_keys = OFF")
    }

    /// Begins a transaction that will write.
    pub fn begin(&self) -> Result<(), Error> {
        self.execute("BEGIN IMMEDIATE")
    }

    pub fn commit(&self) -> Result<(), Error> {
        self.execute("COMMIT")
    }

    pub fn rollback(&self) -> Result<(), Error> {
        self.execute("ROLLBACK")
    }

    /// Rows of `table` whose row ids are at most `row_id`; takes a look at each of their pages.
    pub fn count_rows_to(&self, table: &str, row_id: i64) -> Result<u64, Error> {
        let alias = self.row_id_alias_of(table)?;
        let count = format!("SELECT count(*) FROM {} WHERE {alias} <= ?1", quote(table));
        let count = self.connection.query_row(&count, [row_id], |row| row.get::<_, i64>(0));
        count.map(|count| count as u64).map_err(|e| self.fail(e))
    }

    /// Whether `table` has a row with a row id above `row_id`.
    pub fn has_rows_above(&self, table: &str, row_id: i64) -> Result<bool, Error> {
        let alias = self.row_id_alias_of(table)?;
        let find = format!("SELECT 1 FROM {} WHERE {alias} > ?1 LIMIT 1", quote(table));
        let found = self.connection.query_row(&find, [row_id], |_| Ok(())).optional();
        found.map(|found| found.is_some()).map_err(|e| self.fail(e))
    }

    fn row_id_alias_of(&self, table: &str) -> Result<&'static str, Error> {
        let info = self.describe_table(table)?;
        let alias = info.and_then(|info| row_id_alias(&info.columns));
        alias.ok_or_else(|| Error::internal("rows are told apart by row ids that have no name"))
    }

    /// A number that changes whenever another connection commits. Source: <https://sqlite.org/pragma.html#pragma_data_version>
    pub fn data_version(&self) -> Result<i64, Error> {
        let read = self.connection.query_row("PRAGMA data_version", [], |row| row.get(0));
        read.map_err(|e| self.fail(e))
    }

    /// Marks where to go back to within a transaction.
    pub fn savepoint(&self) -> Result<(), Error> {
        self.execute("SAVEPOINT several_rows")
    }

    /// Keeps what was done since [`savepoint`](Self::savepoint).
    pub fn release(&self) -> Result<(), Error> {
        self.execute("RELEASE several_rows")
    }

    /// Takes back what was done since [`savepoint`](Self::savepoint).
    pub fn undo_savepoint(&self) -> Result<(), Error> {
        self.execute("ROLLBACK TO several_rows; RELEASE several_rows")
    }

    fn execute(&self, sql: &str) -> Result<(), Error> {
        self.connection.execute_batch(sql).map_err(|e| self.fail(e))
    }

    /// Goes back from [`prepare_for_load`](Self::prepare_for_load)'s journal mode to SQLite's own, which leaves no journal behind: it
    /// deletes the journal at each commit, and a commit whose last step failed has not happened.
    pub fn give_up_journal(&self) -> Result<(), Error> {
        let mode = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, String>(0));
        if mode("PRAGMA journal_mode").map_err(|e| self.fail(e))? == "truncate" {
            mode("PRAGMA journal_mode = DELETE").map_err(|e| self.fail(e))?;
        }
        Ok(())
    }

    /// Closes the connection; what can still fail fails here. The truncated journal is removed.
    pub fn close(self) -> Result<(), Error> {
        self.give_up_journal()?;
        let path = self.path;
        self.connection.close().map_err(|(_, e)| database_error(&path, e))
    }

    /// Creates a table of `columns`; `row_id_column` becomes its INTEGER PRIMARY KEY.
    pub fn create_table(&self, table: &str, columns: &[Column], row_id_column: Option<usize>) -> Result<(), Error> {
        self.execute(&Self::table_sql(table, columns, row_id_column))
    }

    /// The statement that creates a table, as it then stands in the schema.
    pub fn table_sql(table: &str, columns: &[Column], row_id_column: Option<usize>) -> String {
        let column = |(index, column): (usize, &Column)| {
            let key = if row_id_column == Some(index) {
                " PRIMARY KEY"
            } else {
                ""
            };
            format!("{} {}{key}", quote(&column.name), column.column_type.sql())
        };
        let columns: Vec<String> = columns.iter().enumerate().map(column).collect();
        format!("CREATE TABLE {}({})", quote(table), columns.join(", "))
    }

    pub fn create_index(&self, name: &str, table: &str, columns: &[String], unique: bool) -> Result<(), Error> {
        self.execute(&Self::index_sql(name, table, columns, unique))
    }

    /// A key that more than one row of the table has, in words; compared as a unique index would.
    pub fn repeated_key(&self, table: &str, columns: &[String]) -> Result<Option<String>, Error> {
        let no_null: Vec<String> = columns
            .iter()
            .map(|name| format!("{} IS NOT NULL", quote(name)))
            .collect();
        let shown: Vec<String> = columns.iter().map(|name| format!("quote({})", quote(name))).collect();
        let sql = format!(
            "SELECT {} FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1 LIMIT 1",
            shown.join(" || ', ' || "),
            quote(table),
            no_null.join(" AND "),
            quote_all(columns)
        );
        let example = self
            .connection
            .query_row(&sql, [], |row| row.get::<_, String>(0))
            .optional();
        example.map_err(|e| self.fail(e))
    }

    /// The statement that creates an index, as it then stands in the schema.
    pub fn index_sql(name: &str, table: &str, columns: &[String], unique: bool) -> String {
        let unique = if unique { "UNIQUE " } else { "" };
        let (name, table, columns) = (quote(name), quote(table), quote_all(columns));
        format!("CREATE {unique}INDEX {name} ON {table}({columns})")
    }

    /// Whether there is an index on exactly these columns; `unique`: one that allows no duplicates.
    pub fn has_index(&self, table: &str, columns: &[String], unique: bool) -> Result<bool, Error> {
        let Some(info) = self.describe_table(table)? else {
            return Ok(false);
        };
        let indexes = self.indexes(table).map_err(|e| self.fail(e))?;
        let is_by = |(name, collation): &(String, String), wanted: &String| {
            let own = info.columns.iter().find(|column| column.name == *name);
            name == wanted && own.is_some_and(|own| own.collation.eq_ignore_ascii_case(collation))
        };
        Ok(indexes.iter().any(|index| {
            let same = index.columns.len() == columns.len()
                && index
                    .columns
                    .iter()
                    .zip(columns)
                    .all(|(column, wanted)| is_by(column, wanted));
            same && (index.unique || !unique) && !index.partial
        }))
    }

    /// Row ids of the rows of `table` that refer to rows that are not there.
    pub fn orphans(&self, table: &str) -> Result<Vec<i64>, Error> {
        let run = || -> rusqlite::Result<Vec<i64>> {
            let mut statement = self
                .connection
                .prepare("SELECT rowid FROM pragma_foreign_key_check(?1)")?;
            statement.query_map([table], |row| row.get(0))?.collect()
        };
        run().map_err(|e| self.fail(e))
    }

    /// Names of everything in the schema.
    pub fn index_names(&self) -> Result<Vec<String>, Error> {
        let run = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.connection.prepare("SELECT name FROM sqlite_schema")?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        run().map_err(|e| self.fail(e))
    }

    pub fn drop_table(&self, table: &str) -> Result<(), Error> {
        self.execute(&format!("DROP TABLE IF EXISTS {}", quote(table)))
    }

    /// The table's description, if it exists.
    ///
    /// # Errors
    /// `Schema` for what is no table to load into: a view, a virtual table or a table that one of those keeps, or one that this build
    /// of SQLite cannot write to.
    pub fn describe_table(&self, table: &str) -> Result<Option<TableInfo>, Error> {
        let find = "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE";
        let found = self
            .connection
            .query_row(find, [table], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(|e| self.fail(e))?;
        let Some((name, kind)): Option<(String, String)> = found else {
            return Ok(None);
        };
        let kind = match kind.as_str() {
            "table" => {
                return self
                    .describe(name.clone())
                    .map(Some)
                    .map_err(|e| self.cannot_use(&name, e));
            }
            "view" => "view",
            "virtual" => "virtual table",
            _ => "table that a virtual table keeps its data in",
        };
        Err(Error::schema(format!(
            "\"{name}\" is a {kind}; choose another table with --table"
        )))
    }

    /// What SQLite cannot make sense of when it looks at a table (a collation, function or module that this program does not have)
    /// lies in the schema.
    fn cannot_use(&self, table: &str, error: rusqlite::Error) -> Error {
        let (code, message) = match &error {
            rusqlite::Error::SqliteFailure(code, Some(message)) => (code, message),
            rusqlite::Error::SqlInputError { error, msg, .. } => (error, msg),
            _ => return self.fail(error),
        };
        if code.extended_code & 0xFF != ffi::SQLITE_ERROR {
            return self.fail(error);
        }
        Error::schema(format!(
            "table \"{table}\" cannot be loaded into: {message}; it needs what only another program has, perhaps: \
             load into another table with --table and copy the rows with that program"
        ))
    }

    fn describe(&self, name: String) -> rusqlite::Result<TableInfo> {
        let connection = &self.connection;
        let without_rowid: bool = connection.query_row(
            "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1",
            [&name],
            |row| row.get(0),
        )?;
        let mut columns = Vec::new();
        let mut primary_key = Vec::new();
        let mut declared = Vec::new();
        let mut autoincrements = false;
        let mut statement = connection.prepare(
            "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1)",
        )?;
        let mut rows = statement.query([&name])?;
        while let Some(row) = rows.next()? {
            let declared_type: String = row.get::<_, Option<String>>(1)?.unwrap_or_default();
            let key_place: i64 = row.get(4)?;
            if key_place > 0 {
                primary_key.push((key_place, columns.len()));
            }
            let column_name: String = row.get(0)?;
            let metadata = connection.column_metadata(Some("main"), name.as_str(), column_name.as_str())?;
            let (_, collation, _, _, is_autoincrement) = metadata;
            let collation = collation.map_or_else(|| BINARY.to_owned(), |name| name.to_string_lossy().into_owned());
            autoincrements |= is_autoincrement;
            columns.push(TableColumn {
                name: column_name,
                // Known below, when SQLite was asked for all of them.
                column_type: ColumnType::Any,
                collation,
                keeps_differences: false,
                declared_type: declared_type.clone(),
                not_null: row.get(2)?,
                has_default: row.get(3)?,
                generated: row.get::<_, i64>(5)? > 1,
            });
            declared.push(declared_type);
        }
        self.find_affinities(&name, &mut columns)?;
        primary_key.sort_unstable();
        let primary_key: Vec<usize> = primary_key.into_iter().map(|(_, index)| index).collect();
        let indexes = self.indexes(&name)?;
        // An INTEGER PRIMARY KEY is the row id unless an index was made for it (as for `INTEGER PRIMARY KEY DESC`).
        let row_id_column = match primary_key[..] {
            [index] if !without_rowid && declared[index].eq_ignore_ascii_case("INTEGER") => {
                Some(index).filter(|_| !indexes.iter().any(|index| index.is_primary_key))
            }
            _ => None,
        };
        let place = |(column, collation): &(String, String)| {
            let found = columns.iter().position(|other| other.name == *column)?;
            columns[found].is_unique_by(collation).then_some(found)
        };
        let unique_keys = indexes
            .iter()
            .filter(|index| index.unique && !index.partial)
            .filter_map(|index| index.columns.iter().map(place).collect::<Option<Vec<_>>>())
            .map(|columns| UniqueKey { columns })
            .collect();
        let table = quote(&name);
        let is_empty = connection
            .query_row(&format!("SELECT 1 FROM {table} NOT INDEXED LIMIT 1"), [], |_| Ok(()))
            .optional()?
            .is_none();
        // Whatever a row brings into play is looked at when this is prepared.
        connection.prepare(&format!("INSERT INTO main.{table} DEFAULT VALUES"))?;
        let max_row_id = match row_id_alias(&columns) {
            Some(alias) if !without_rowid => {
                connection.query_row(&format!("SELECT max({alias}) FROM {table}"), [], |row| row.get(0))?
            }
            _ => None,
        };
        let has_triggers = connection.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE",
            [&name],
            |row| row.get::<_, i64>(0).map(|count| count > 0),
        )?;
        let has_foreign_keys =
            connection.query_row("SELECT count(*) FROM pragma_foreign_key_list(?1)", [&name], |row| {
                row.get::<_, i64>(0).map(|count| count > 0)
            })?;
        let sql: String = connection.query_row(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1",
            [&name],
            |row| row.get(0),
        )?;
        let (may_check, may_defer, may_roll_back) = connection.query_row(
            "SELECT max(sql LIKE '%CHECK%' AND type = 'table' AND name = ?1), max(sql LIKE '%DEFER%'), max(sql LIKE '%ROLLBACK%')
             FROM sqlite_schema",
            [&name],
            |row| Ok((row.get::<_, bool>(0)?, row.get::<_, bool>(1)?, row.get::<_, bool>(2)?)),
        )?;
        // Each of these words stands in the schema wherever the thing is: a word too many costs time, none is missed.
        let deferred = (has_triggers || has_foreign_keys) && may_defer;
        let traces = Traces {
            half_done: has_triggers || deferred,
            deferred,
            rolled_back: has_triggers && may_roll_back,
            lists_orphans: !has_triggers && !without_rowid,
        };
        let looks_at_others = has_triggers || has_foreign_keys || may_check || indexes.iter().any(|index| index.unique);
        let is_plain = !looks_at_others && !without_rowid && !columns.iter().any(|column| column.generated);
        Ok(TableInfo {
            is_plain,
            traces,
            name,
            columns,
            row_id_column,
            primary_key,
            without_rowid,
            unique_keys,
            has_triggers,
            has_indexes: !indexes.is_empty(),
            has_foreign_keys,
            may_have_conflict_clauses: has_conflict_clause(&sql),
            may_autoincrement: autoincrements,
            is_empty,
            max_row_id,
        })
    }

    /// Asks SQLite what each column does to values: a table made from a query has columns of the affinities of the query's. Nothing is
    /// read or written but a table of this connection, which goes again at once.
    /// Source: <https://sqlite.org/lang_createtable.html#ctas>.
    fn find_affinities(&self, table: &str, columns: &mut [TableColumn]) -> rusqlite::Result<()> {
        let connection = &self.connection;
        let names: Vec<String> = (columns.iter().enumerate())
            .map(|(index, column)| format!("{} AS c{index}", quote(&column.name)))
            .collect();
        let forget = format!("DROP TABLE IF EXISTS temp.{AFFINITIES}");
        connection.execute_batch(&format!(
            "{forget}; CREATE TEMP TABLE {AFFINITIES} AS SELECT {} FROM main.{} NOT INDEXED LIMIT 0",
            names.join(","),
            quote(table)
        ))?;
        let mut statement = connection.prepare("SELECT type FROM pragma_table_info(?1, 'temp') ORDER BY cid")?;
        let affinities: Vec<String> = statement
            .query_map([AFFINITIES], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        drop(statement);
        connection.execute_batch(&forget)?;
        for (column, affinity) in columns.iter_mut().zip(affinities) {
            column.column_type = match affinity.as_str() {
                "INT" => ColumnType::Integer,
                "TEXT" => ColumnType::Text,
                "REAL" => ColumnType::Real,
                "NUM" => ColumnType::Numeric,
                _ => ColumnType::Any,
            };
            let is_converted = matches!(column.column_type, ColumnType::Any | ColumnType::Numeric);
            column.keeps_differences = column.is_binary() && !is_converted;
        }
        Ok(())
    }

    fn indexes(&self, table: &str) -> rusqlite::Result<Vec<IndexInfo>> {
        let mut statement = self
            .connection
            .prepare("SELECT name, \"unique\", partial, origin = 'pk' FROM pragma_index_list(?1)")?;
        let mut indexes = Vec::new();
        let mut rows = statement.query([table])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let mut columns = self
                .connection
                .prepare("SELECT name, coll FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno")?;
            // An expression has no name and matches no column.
            let columns = columns.query_map([&name], |row| {
                Ok((row.get::<_, Option<String>>(0)?.unwrap_or_default(), row.get(1)?))
            })?;
            let columns = columns.collect::<rusqlite::Result<_>>()?;
            indexes.push(IndexInfo {
                columns,
                unique: row.get(1)?,
                partial: row.get(2)?,
                is_primary_key: row.get(3)?,
            });
        }
        Ok(indexes)
    }
}

/// A defensive connection refuses what could break the file: the schema written by hand, and `sqlite_dbpage`.
pub(super) fn set_defensive(connection: &Connection, on: bool) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, on)
        .map(|_| ())
}

/// The name under which a table's row id can be reached: one that is not the name of a column.
pub fn row_id_alias(columns: &[TableColumn]) -> Option<&'static str> {
    let taken = |alias: &&str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(alias));
    ["rowid", "_rowid_", "oid"].into_iter().find(|alias| !taken(alias))
}

struct IndexInfo {
    /// Names of the columns, and the collation that each is compared by.
    columns: Vec<(String, String)>,
    unique: bool,
    partial: bool,
    is_primary_key: bool,
}

/// Turns an error of SQLite into one that says what to do.
pub(crate) fn database_error(path: &Path, error: rusqlite::Error) -> Error {
    let message = error.to_string();
    let code = error.sqlite_error_code();
    let kind = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::DatabaseBusy {
            path: path.to_owned(),
            message: message + &holders(path),
        },
        Some(ErrorCode::NotADatabase) => {
            let message = format!(
                "{} is not a SQLite database; choose another name for the database",
                path.display()
            );
            ErrorKind::Schema { message }
        }
        // SQLite says no more than that it cannot open a file; the system tells why when it is asked again.
        Some(ErrorCode::CannotOpen) if File::open("/dev/null").is_err() => ErrorKind::Io {
            action: "opening",
            path: path.to_owned(),
            source: std::io::Error::from_raw_os_error(libc::EMFILE),
        },
        Some(ErrorCode::CannotOpen) => {
            let message =
                "it cannot be opened or created; check that its folder exists and can be written to".to_owned();
            ErrorKind::OutputCreate {
                path: path.to_owned(),
                message,
            }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            let message =
                "it, or its folder, cannot be written to; change the permissions or choose another place".to_owned();
            ErrorKind::OutputCreate {
                path: path.to_owned(),
                message,
            }
        }
        Some(ErrorCode::OutOfMemory) => ErrorKind::Io {
            action: "reading or writing",
            path: path.to_owned(),
            source: std::io::Error::from_raw_os_error(libc::ENOMEM),
        },
        Some(ErrorCode::SystemIoFailure) if is_at_size_limit(path) => ErrorKind::Io {
            action: "writing",
            path: path.to_owned(),
            source: std::io::Error::from_raw_os_error(libc::EFBIG),
        },
        Some(ErrorCode::DiskFull) => ErrorKind::Io {
            action: "writing",
            path: path.to_owned(),
            source: std::io::Error::new(std::io::ErrorKind::StorageFull, "the disk is full"),
        },
        _ => ErrorKind::Database {
            path: path.to_owned(),
            message,
            source: Some(Box::new(error)),
        },
    };
    Error::new(kind)
}

/// Whether the database has grown up to the process's file-size limit, or nearly: SQLite says no more than that a write failed.
fn is_at_size_limit(path: &Path) -> bool {
    /// What SQLite writes at a time, or a little more.
    const NEAR_BYTES: u64 = 256 << 10;
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    // Source: proc_pid_limits(5). Without a limit the word is no number.
    let words = limits.lines().find_map(|line| line.strip_prefix("Max file size"));
    let limit_bytes = words.and_then(|words| words.split_whitespace().next()?.parse::<u64>().ok());
    let length_bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    limit_bytes.is_some_and(|limit_bytes| length_bytes.saturating_add(NEAR_BYTES) >= limit_bytes)
}

#[cfg(test)]
mod tests;
