//! The database: opened with care, given its table and indexes; and the one place that turns SQLite's errors into ours.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use crate::checkpoint::row_id_hash;
use crate::error::{Error, ErrorKind};
use crate::plan::TablePlan;
use crate::schema::Column;
use crate::schema::constraint::TableConstraint;
use crate::schema::identifier::{quote, quote_all};
use crate::schema::shape::Mark;
use crate::schema::table_info::{TableInfo, row_id_alias, row_id_name};
use crate::sqlite::holders::{busy_timeout, holders};

/// What is wrong with a database that the user may not write to.
pub(super) const CANNOT_BE_WRITTEN: &str =
    "it, or its folder, cannot be written to; change the permissions or choose another place";

/// Memory for pages of a database in memory beside the database itself.
const IN_MEMORY_CACHE_BYTES: u64 = 1 << 20;

/// An open database.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    path: PathBuf,
}

impl Database {
    /// Opens the database at `path`, or creates it.
    ///
    /// # Errors
    /// `OutputCreate` when it cannot be created, `Schema` when it is not a SQLite database, `DatabaseBusy`, `Database`.
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
        // SQLite gives a meaning to names that begin with `file:` or are `:memory:` or empty; here a path is just a path.
        let file = Path::new(".").join(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags).map_err(|e| database_error(path, e))?;
        Self::set_up(connection, path, cache_bytes)
    }

    /// A new database in memory, for the file that is to be at `path`.
    ///
    /// # Errors
    /// `Database`.
    pub fn in_memory(path: &Path) -> Result<Database, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_in_memory_with_flags(flags).map_err(|e| database_error(path, e))?;
        // All of it is in memory anyway.
        Self::set_up(connection, path, IN_MEMORY_CACHE_BYTES)
    }

    /// A new database that nobody else sees: in memory, and beyond that in a file without a name in the system's folder for those. Of
    /// what is written to it only `cache_bytes` are kept in memory.
    ///
    /// Source: <https://sqlite.org/inmemorydb.html> §3.
    ///
    /// # Errors
    /// `Database`.
    pub fn temporary(cache_bytes: u64) -> Result<Database, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let path = Path::new("a temporary database");
        let connection = Connection::open_with_flags("", flags).map_err(|e| database_error(path, e))?;
        Self::set_up(connection, path, cache_bytes)
    }

    fn set_up(connection: Connection, path: &Path, cache_bytes: u64) -> Result<Database, Error> {
        let database = Database {
            connection,
            path: path.to_owned(),
        };
        let cache_kib = cache_bytes / 1024;
        let setup = || -> rusqlite::Result<()> {
            database.connection.busy_timeout(busy_timeout())?;
            // The schema of a database may come from anyone. See <https://sqlite.org/security.html>.
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

    pub(super) fn fail(&self, error: rusqlite::Error) -> Error {
        database_error(&self.path, error)
    }

    /// The file that a database [in memory](Self::in_memory) is: as SQLite would write it, and as if by one commit.
    ///
    /// # Errors
    /// `Database`.
    pub fn into_image(mut self) -> Result<Vec<u8>, Error> {
        // Source: SQLite file format §1.3.6, §1.3.19. In memory SQLite does not count commits.
        const COMMITS: std::ops::Range<usize> = 24..28;
        const VALID_FOR: std::ops::Range<usize> = 92..96;
        const WRITTEN_BY: std::ops::Range<usize> = 96..100;
        let image = self.connection.serialize("main").map(|image| image.to_vec());
        let mut image = image.map_err(|e| self.fail(e))?;
        if image.len() < WRITTEN_BY.end {
            return Err(Error::internal("a database in memory has no page"));
        }
        image[COMMITS].copy_from_slice(&1_u32.to_be_bytes());
        image[VALID_FOR].copy_from_slice(&1_u32.to_be_bytes());
        image[WRITTEN_BY].copy_from_slice(&rusqlite::version_number().to_be_bytes());
        Ok(image)
    }

    /// Settings for writing: a rollback journal that is truncated, not deleted, at each commit, and FULL synchronisation, so
    /// that a committed batch survives a power cut. A database in WAL mode stays in it.
    ///
    /// An append journals almost nothing, so the promise costs two more syncs per batch and no bandwidth.
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

    /// Stops enforcing and following foreign keys from now on: dropping a table does not empty those that refer to it. Not to be called
    /// within a transaction.
    pub fn ignore_foreign_keys(&self) -> Result<(), Error> {
        self.execute("PRAGMA foreign_keys = OFF")
    }

    /// The number that `sql` asks for.
    pub(super) fn number(&self, sql: &str) -> Result<u32, Error> {
        let number = self.connection.query_row(sql, [], |row| row.get(0));
        number.map_err(|e| self.fail(e))
    }

    /// SQLite's number for the schema, which every change to the schema increments.
    pub fn schema_version(&self) -> Result<i64, Error> {
        let version = self.connection.query_row("PRAGMA schema_version", [], |row| row.get(0));
        version.map_err(|e| self.fail(e))
    }

    /// Begins a transaction that will write.
    pub fn begin(&self) -> Result<(), Error> {
        self.execute("BEGIN IMMEDIATE")
    }

    /// Begins a transaction that nobody else reads beside, but in WAL mode.
    pub fn begin_exclusive(&self) -> Result<(), Error> {
        self.execute("BEGIN EXCLUSIVE")
    }

    pub fn commit(&self) -> Result<(), Error> {
        self.execute("COMMIT")
    }

    pub fn rollback(&self) -> Result<(), Error> {
        self.execute("ROLLBACK")
    }

    /// How many rows of `table` have row ids of at most `last`, and the [hash](row_id_hash) of those ids; looks at each row. Without the
    /// hash if no name is left for the row id.
    pub fn row_ids(&self, table: &TableInfo, last: i64) -> Result<(u64, Option<u64>), Error> {
        let name = quote(&table.name);
        let run = || -> rusqlite::Result<(u64, Option<u64>)> {
            let Some(alias) = row_id_alias(&table.columns).filter(|_| !table.without_rowid) else {
                let count = self
                    .connection
                    .query_row(&format!("SELECT count(*) FROM {name}"), [], |row| row.get::<_, i64>(0))?;
                return Ok((count.unsigned_abs(), None));
            };
            let mut ids = self
                .connection
                .prepare(&format!("SELECT {alias} FROM {name} WHERE {alias} <= ?1"))?;
            let mut ids = ids.query([last])?;
            let (mut count, mut hash) = (0, 0u64);
            while let Some(id) = ids.next()? {
                count += 1;
                hash = hash.wrapping_add(row_id_hash(id.get(0)?));
            }
            Ok((count, Some(hash)))
        };
        run().map_err(|e| self.fail(e))
    }

    /// Whether `table` has no rows.
    pub fn is_empty(&self, table: &str) -> Result<bool, Error> {
        let find = format!("SELECT NOT EXISTS (SELECT 1 FROM {} NOT INDEXED)", quote(table));
        let found = self.connection.query_row(&find, [], |row| row.get(0));
        found.map_err(|e| self.fail(e))
    }

    /// Whether `table` has a row with a row id above `row_id`.
    pub fn has_rows_above(&self, table: &str, row_id: i64) -> Result<bool, Error> {
        let alias = self.row_id_alias_of(table)?;
        let find = format!("SELECT 1 FROM {} WHERE {alias} > ?1 LIMIT 1", quote(table));
        let found = self.connection.query_row(&find, [row_id], |_| Ok(())).optional();
        found.map(|found| found.is_some()).map_err(|e| self.fail(e))
    }

    /// Whether the table has the mark by which it is recognized. VACUUM gives new row ids where no column and no index needs them: there,
    /// and where rows have none, half as many rows are enough, as others may have taken some out.
    pub fn has_mark(&self, info: &TableInfo, mark: Mark) -> Result<bool, Error> {
        let table = quote(&info.name);
        let ask = |sql: &str, number: i64| {
            let answer = self.connection.query_row(sql, [number], |row| row.get::<_, bool>(0));
            answer.map_err(|e| self.fail(e))
        };
        if let (Some(row_id), Some(name)) = (mark.row_id, row_id_name(info)) {
            let find = format!("SELECT EXISTS (SELECT 1 FROM main.{table} WHERE {} = ?1)", quote(name));
            if ask(&find, row_id)? || info.row_id_column.is_some() {
                return ask(&find, row_id);
            }
        }
        ask(
            &format!("SELECT 2 * count(*) >= ?1 FROM main.{table}"),
            mark.rows as i64,
        )
    }

    fn row_id_alias_of(&self, table: &str) -> Result<&'static str, Error> {
        let info = self.describe_table(table)?;
        let alias = info.and_then(|info| row_id_alias(&info.columns));
        alias.ok_or_else(|| Error::internal("row ids are needed that have no name"))
    }

    /// A number that changes whenever another connection commits. Source: <https://sqlite.org/pragma.html#pragma_data_version>
    pub fn data_version(&self) -> Result<i64, Error> {
        let read = self.connection.query_row("PRAGMA data_version", [], |row| row.get(0));
        read.map_err(|e| self.fail(e))
    }

    /// Sets whether SQLite checks foreign keys; outside of a transaction.
    pub fn look_at_foreign_keys(&self, on: bool) -> Result<(), Error> {
        self.execute(if on {
            "PRAGMA foreign_keys = ON"
        } else {
            "PRAGMA foreign_keys = OFF"
        })
    }

    /// Marks a place to go back to within a transaction.
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

    /// Marks the place to go back to if rows that were deleted are to stay after all; the commit keeps what was done.
    pub fn savepoint_of_emptying(&self) -> Result<(), Error> {
        self.execute("SAVEPOINT emptying")
    }

    /// Takes back what was done since [`savepoint_of_emptying`](Self::savepoint_of_emptying).
    pub fn undo_emptying(&self) -> Result<(), Error> {
        self.execute("ROLLBACK TO emptying; RELEASE emptying")
    }

    fn execute(&self, sql: &str) -> Result<(), Error> {
        self.connection.execute_batch(sql).map_err(|e| self.fail(e))
    }

    /// Goes back from [`prepare_for_load`](Self::prepare_for_load)'s journal mode to SQLite's default, which leaves no journal behind: the
    /// journal is deleted at each commit, and a commit whose last step failed has not happened.
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
    pub fn create_table(
        &self,
        table: &str,
        columns: &[Column],
        row_id_column: Option<usize>,
        constraints: &[TableConstraint],
    ) -> Result<(), Error> {
        self.execute(&Self::table_sql(table, columns, row_id_column, constraints))
    }

    /// The statement that creates a table, as it then stands in the schema.
    pub fn table_sql(
        table: &str,
        columns: &[Column],
        row_id_column: Option<usize>,
        constraints: &[TableConstraint],
    ) -> String {
        let column = |(index, column): (usize, &Column)| {
            let key = if row_id_column == Some(index) {
                " PRIMARY KEY"
            } else {
                ""
            };
            let not_null = if column.not_null { " NOT NULL" } else { "" };
            format!("{} {}{key}{not_null}", quote(&column.name), column.column_type.sql())
        };
        let columns = columns.iter().enumerate().map(column);
        let parts: Vec<String> = columns.chain(constraints.iter().map(|one| one.sql(table))).collect();
        format!("CREATE TABLE {}({})", quote(table), parts.join(", "))
    }

    /// Creates the table of `plan`.
    pub fn create_planned(&self, plan: &TablePlan) -> Result<(), Error> {
        self.execute(&Self::planned_sql(plan))
    }

    /// The statement that creates the table of `plan`, as it then stands in the schema.
    pub fn planned_sql(plan: &TablePlan) -> String {
        let sql = Self::table_sql(&plan.table, &plan.columns, plan.row_id_column, &plan.constraints);
        if plan.strict { sql + " STRICT" } else { sql }
    }

    pub fn create_index(&self, name: &str, table: &str, columns: &[String], unique: bool) -> Result<(), Error> {
        let created = self.execute(&Self::index_sql(name, table, columns, unique));
        match created {
            Err(_) if self.describe_table(table)?.is_none() => Err(Error::table_gone(table)),
            created => created,
        }
    }

    /// Lets SQLite count what its planner wants to know of a table.
    pub fn analyze(&self, table: &str) -> Result<(), Error> {
        self.execute(&format!("ANALYZE main.{}", quote(table)))
    }

    /// Lets SQLite write the whole database anew. Not to be called within a transaction.
    pub fn vacuum(&self) -> Result<(), Error> {
        self.execute("VACUUM main")
    }

    /// A key that more than one row of the table has, in words; keys are compared as a unique index would compare them.
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
}

/// A defensive connection refuses what could break the file, such as writing the schema by hand.
pub(super) fn set_defensive(connection: &Connection, on: bool) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, on)
        .map(|_| ())
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
        // SQLite says only that it cannot open a file; the system says why when it is asked again.
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
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => ErrorKind::OutputCreate {
            path: path.to_owned(),
            message: CANNOT_BE_WRITTEN.to_owned(),
        },
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

/// Whether the database has grown to the process's file-size limit, or nearly: SQLite says only that a write failed.
fn is_at_size_limit(path: &Path) -> bool {
    /// What SQLite writes at a time, or a little more.
    const NEAR_BYTES: u64 = 256 << 10;
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    // Source: proc_pid_limits(5). Without a limit the word is not a number.
    let words = limits.lines().find_map(|line| line.strip_prefix("Max file size"));
    let limit_bytes = words.and_then(|words| words.split_whitespace().next()?.parse::<u64>().ok());
    let length_bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    limit_bytes.is_some_and(|limit_bytes| length_bytes.saturating_add(NEAR_BYTES) >= limit_bytes)
}

#[cfg(test)]
mod tests;
