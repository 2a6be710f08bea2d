//! What a load does to its table besides filling it.

use std::path::Path;

use super::Load;
use crate::options::{Atomic, CreateSql, IfExists};

/// The table: what is done to it besides filling it, before the first row and after the last one.
///
/// What follows the rows is done in this order: indexes, [`fts`](Self::fts), [`after`](Self::after), [`analyze`](Self::analyze),
/// [`vacuum`](Self::vacuum); only when all rows are in, and not by a load that ends over its limit of errors. A load that was stopped on the
/// way goes on there.
impl Load<'_> {
    /// Says what becomes of the rows of a table that is there already. Default: [`IfExists::Append`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// for rows in ["id\n1\n2\n", "id\n3\n"] {
    ///     let load = rowmill::Load::from_reader("t", std::io::Cursor::new(rows)).into(&database).errors(&errors);
    ///     assert!(load.if_exists(rowmill::IfExists::Replace).run()?.loaded > 0);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn if_exists(mut self, what: IfExists) -> Self {
        self.options.table.if_exists = what;
        self
    }

    /// Gives a table that exists the columns that it lacks, in the types that they would have in a new table. Rows that were there have NULL in
    /// them. Nothing is ever dropped or changed; what was added stays, even if no row comes. Default: false.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// # let input = folder.path().join("t.csv");
    /// for rows in ["id\n1\n", "id,name\n2,Ada\n"] {
    ///     std::fs::write(&input, rows)?;
    ///     rowmill::Load::new([&input]).into(&database).errors(&errors).alter(true).run()?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn alter(mut self, on: bool) -> Self {
        self.options.table.alter = on;
        self
    }

    /// Sets what of the load lands together, as others see it. With [`Atomic::File`] all of its rows land, or none: a load that fails, is
    /// cancelled, or passes its limit of errors leaves the table as it was. Default: [`Atomic::Batch`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// let reader = std::io::Cursor::new("id,age\n1,36\n2,85,x\n");
    /// let load = rowmill::Load::from_reader("people", reader).into(database).errors(errors).max_errors(rowmill::ErrorLimit::Count(0));
    /// let report = load.atomic(rowmill::Atomic::File).run()?;
    /// assert_eq!(report.exit_code, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn atomic(mut self, what: Atomic) -> Self {
        self.options.table.atomic = what;
        self
    }

    /// Makes a new table by SQL of your own: one CREATE TABLE, and perhaps CREATE INDEX and CREATE TRIGGER for that table. Without a
    /// [`table`](Self::table) its name is the table's. Its columns, types and constraints are what rows are held against, as in a table that
    /// exists. A table that does exist stays as it is; [`if_exists`](Self::if_exists) says what becomes of its rows.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// let reader = std::io::Cursor::new("id,age\n1,36\n2,-1\n");
    /// let load = rowmill::Load::from_reader("people", reader).into(database).errors(errors);
    /// let sql = "CREATE TABLE people(id INTEGER PRIMARY KEY, age INTEGER CHECK (age >= 0))";
    /// let report = load.create_sql(sql).run()?;
    /// assert_eq!((report.loaded, report.rejected), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_sql(mut self, sql: impl Into<String>) -> Self {
        self.options.table.create_sql = Some(CreateSql::Text(sql.into()));
        self
    }

    /// As [`create_sql`](Self::create_sql), with the SQL in the file at `path`.
    pub fn create_sql_file(mut self, path: impl AsRef<Path>) -> Self {
        self.options.table.create_sql = Some(CreateSql::File(path.as_ref().to_owned()));
        self
    }

    /// Makes a new table STRICT: SQLite then keeps other programs, too, from storing values of other types in its columns. It takes SQLite
    /// 3.37 to read it, and rows go in by INSERT. Default: false. A table that exists stays as it is.
    pub fn strict(mut self, on: bool) -> Self {
        self.options.table.strict = on;
        self
    }

    /// Makes these columns of a new table NOT NULL: a record without a value there is rejected. A table that exists stays as it is.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// let reader = std::io::Cursor::new("id,name\n1,Ada\n2,\n");
    /// let report = rowmill::Load::from_reader("t", reader).into(database).errors(errors).not_null(["name"]).run()?;
    /// assert_eq!((report.loaded, report.rejected), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn not_null<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.options.table.not_null = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a unique index on these columns: of the rows that share all their values the first one stays, the others are rejected as
    /// duplicates. Rows in which one of the columns is NULL share nothing. May be called for each index. They are there before the first
    /// row, and every row is inserted by SQLite; one set of columns is faster as [`key`](Self::key).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// let reader = std::io::Cursor::new("id,mail\n1,a@b.org\n2,c@d.org\n3,a@b.org\n");
    /// let load = rowmill::Load::from_reader("people", reader).into(database).errors(errors);
    /// let report = load.key(["id"]).unique(["mail"]).run()?;
    /// assert_eq!((report.loaded, report.duplicates), (2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unique<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        self.options.table.unique.push(columns);
        self
    }

    /// Makes these columns searchable for words: an FTS5 table named after the table (`people_fts`), which keeps the words and reads the
    /// texts from the table. It is built when all rows are in, and anew by each load; nothing else keeps it up to date. Default: none.
    pub fn fts<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.options.table.fts = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Runs SQL before the first row, in a transaction of its own: one or more statements. May be called for each part. It must leave the
    /// table as the load has found or made it, but for rows of a table that has some. A load that goes on does not run it again.
    ///
    /// Statements that begin or end transactions, ATTACH, DETACH and VACUUM are refused.
    pub fn before(mut self, sql: impl Into<String>) -> Self {
        self.options.table.before.push(sql.into());
        self
    }

    /// Runs SQL after the last row, in one transaction: as [`before`](Self::before). It runs once for each load that comes to its end; if
    /// it fails, the rows are in, and the same load goes on with it, or with other SQL.
    pub fn after(mut self, sql: impl Into<String>) -> Self {
        self.options.table.after.push(sql.into());
        self
    }

    /// Runs ANALYZE on the table, so that SQLite knows which of its indexes helps most. Default: false.
    pub fn analyze(mut self, on: bool) -> Self {
        self.options.table.analyze = on;
        self
    }

    /// Runs VACUUM at the very end: SQLite writes the whole database anew, without free pages. It takes as much room again on the disk, and
    /// nobody else may use the database meanwhile. Default: false.
    pub fn vacuum(mut self, on: bool) -> Self {
        self.options.table.vacuum = on;
        self
    }
}
