//! What SQLite says about a table that exists: its columns, keys and indexes, and what else a row brings into play.
//!
//! Comes in: a database and a name. Goes out: a [`TableInfo`]. Never: a look at the text of the schema where SQLite has an answer; where it
//! has none, a word in the text is taken for the thing itself, which may cost time but never a row.

use rusqlite::{OptionalExtension, ffi};

use crate::error::Error;
use crate::option_name::TABLE;
use crate::schema::ColumnType;
use crate::schema::constraint::TableConstraint;
use crate::schema::identifier::quote;
use crate::schema::table_info::{
    BINARY, NEAR_LAST_ID, TableColumn, TableInfo, Traces, UniqueIndex, UniqueKey, row_id_alias,
};
use crate::sqlite::database::Database;
use crate::sqlite::sql_text::has_conflict_clause;

/// A temporary table of the connection's own, for a moment.
const AFFINITIES: &str = "_rowmill_affinities";

impl Database {
    /// The table's description, if it exists.
    ///
    /// # Errors
    /// `Schema` for what cannot be loaded into: a view, a virtual table, a table in which one of those keeps its data, or a table that this
    /// build of SQLite cannot write to.
    pub fn describe_table(&self, table: &str) -> Result<Option<TableInfo>, Error> {
        let find = "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE";
        let found = self
            .connection()
            .query_row(find, [table], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(|e| self.fail(e))?;
        let Some((name, kind)): Option<(String, String)> = found else {
            return self.refuse_index(table).map(|()| None);
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
            "\"{name}\" is a {kind}; choose another table with {TABLE}"
        )))
    }

    /// # Errors
    /// `Schema` if an index has the name, so that no table can have it.
    fn refuse_index(&self, table: &str) -> Result<(), Error> {
        let find = "SELECT tbl_name FROM sqlite_schema WHERE type = 'index' AND name = ?1 COLLATE NOCASE";
        let found = self
            .connection()
            .query_row(find, [table], |row| row.get::<_, String>(0));
        match found.optional().map_err(|e| self.fail(e))? {
            Some(of) => Err(Error::schema(format!(
                "\"{table}\" is an index of table \"{of}\"; choose another table with {TABLE}"
            ))),
            None => Ok(()),
        }
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

    /// Turns an error of looking at a table into one that says what SQLite cannot make sense of in its schema, such as a collation,
    /// function or module that this program does not have.
    fn cannot_use(&self, table: &str, error: rusqlite::Error) -> Error {
        let (code, message) = match &error {
            rusqlite::Error::SqliteFailure(code, Some(message)) => (code, message),
            rusqlite::Error::SqlInputError { error, msg, .. } => (error, msg),
            _ => return self.fail(error),
        };
        if code.extended_code & 0xFF != ffi::SQLITE_ERROR {
            return self.fail(error);
        }
        let (way, then) = if message.starts_with("foreign key mismatch") {
            (
                "make a unique index on the columns that the foreign key refers to, or load into another table",
                "",
            )
        } else if message.starts_with("no such table") {
            (
                "make the table that its foreign key, trigger or view refers to, or load into another one",
                "",
            )
        } else {
            (
                "it may need something that only another program has: load into another table",
                " and copy the rows with that program",
            )
        };
        Error::schema(format!(
            "table \"{table}\" cannot be loaded into: {message}; {way} with {TABLE}{then}"
        ))
    }

    fn describe(&self, name: String) -> rusqlite::Result<TableInfo> {
        let asked = |sql: &str| self.connection().query_row(sql, [&name], |row| row.get::<_, bool>(0));
        let without_rowid = asked("SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1")?;
        let Columns {
            columns,
            primary_key,
            may_autoincrement,
        } = self.columns(&name)?;
        let indexes = self.indexes(&name)?;
        // An INTEGER PRIMARY KEY is the row id unless an index was made for it (as for `INTEGER PRIMARY KEY DESC`).
        let row_id_column = match primary_key[..] {
            [index] if !without_rowid && columns[index].declared_type.eq_ignore_ascii_case("INTEGER") => {
                Some(index).filter(|_| !indexes.iter().any(|index| index.is_primary_key))
            }
            _ => None,
        };
        let table = quote(&name);
        let is_empty = !asked(&format!(
            "SELECT EXISTS (SELECT 1 FROM {table} NOT INDEXED WHERE ?1 IS NOT NULL)"
        ))?;
        // Preparing this makes SQLite look at everything that a row brings into play.
        self.connection()
            .prepare(&format!("INSERT INTO main.{table} DEFAULT VALUES"))?;
        let max_row_id = match row_id_alias(&columns) {
            Some(alias) if !without_rowid => {
                let most = format!("SELECT max({alias}) FROM {table}");
                self.connection().query_row(&most, [], |row| row.get(0))?
            }
            _ => None,
        };
        let has_triggers = asked(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE)",
        )?;
        let foreign_keys = "SELECT count(DISTINCT id) FROM pragma_foreign_key_list(?1)";
        let foreign_keys: i64 = self.connection().query_row(foreign_keys, [&name], |row| row.get(0))?;
        let has_foreign_keys = foreign_keys > 0;
        let words = self.words(&name)?;
        // Wherever the thing is, its word stands in the schema: a word without the thing costs time, but no thing is missed.
        let deferred = (has_triggers || has_foreign_keys) && words.defer;
        let traces = Traces {
            half_done: has_triggers || deferred,
            deferred,
            // SQLite also rolls back when a trigger fills a table whose row ids are used up.
            rolled_back: has_triggers && (words.roll_back || self.table_with_row_ids_from(NEAR_LAST_ID)?.is_some()),
            triggered: has_triggers,
        };
        let looks_at_others =
            has_triggers || has_foreign_keys || words.check || indexes.iter().any(|index| index.unique);
        Ok(TableInfo {
            is_plain: !looks_at_others && !without_rowid && !columns.iter().any(|column| column.generated),
            traces,
            may_defer: words.defer,
            unique_keys: unique_keys(&columns, &indexes),
            unique_indexes: unique_indexes(&columns, &indexes),
            name,
            columns,
            row_id_column,
            primary_key,
            without_rowid,
            has_triggers,
            has_indexes: !indexes.is_empty(),
            foreign_keys,
            may_have_conflict_clauses: words.conflict_clause,
            may_autoincrement,
            is_empty,
            max_row_id,
            root_page: words.root_page,
        })
    }

    /// The foreign keys of `table`.
    ///
    /// # Errors
    /// `Database` when the schema cannot be read.
    pub fn references(&self, table: &str) -> Result<Vec<TableConstraint>, Error> {
        let run = || -> rusqlite::Result<Vec<TableConstraint>> {
            // One that names no columns refers to the primary key.
            let sql = "SELECT key.id, key.\"table\", key.\"from\", coalesce(key.\"to\", own.name) FROM pragma_foreign_key_list(?1) key \
                       LEFT JOIN pragma_table_info(key.\"table\") own ON key.\"to\" IS NULL AND own.pk = key.seq + 1 \
                       ORDER BY key.id, key.seq";
            let mut statement = self.connection().prepare(sql)?;
            let mut rows = statement.query([table])?;
            let mut found: Vec<(i64, TableConstraint)> = Vec::new();
            while let Some(row) = rows.next()? {
                let (id, from): (i64, String) = (row.get(0)?, row.get(2)?);
                let target = row.get::<_, Option<String>>(3)?.unwrap_or_default();
                match found.last_mut() {
                    Some((last, TableConstraint::Reference { columns, to, .. })) if *last == id => {
                        columns.push(from);
                        to.push(target);
                    }
                    _ => found.push((
                        id,
                        TableConstraint::Reference {
                            columns: vec![from],
                            table: Some(row.get(1)?),
                            to: vec![target],
                        },
                    )),
                }
            }
            Ok(found.into_iter().map(|(_, reference)| reference).collect())
        };
        run().map_err(|e| self.fail(e))
    }

    /// A table in which AUTOINCREMENT has reached the row id `least` or gone further.
    pub(super) fn table_with_row_ids_from(&self, least: i64) -> rusqlite::Result<Option<String>> {
        let any = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence')";
        if !self.connection().query_row(any, [], |row| row.get(0))? {
            return Ok(None);
        }
        let find = "SELECT name FROM main.sqlite_sequence WHERE seq >= ?1";
        self.connection().query_row(find, [least], |row| row.get(0)).optional()
    }

    fn columns(&self, table: &str) -> rusqlite::Result<Columns> {
        let mut columns = Vec::new();
        let mut key_places = Vec::new();
        let mut may_autoincrement = false;
        let mut statement = self.connection().prepare(
            "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1)",
        )?;
        let mut rows = statement.query([table])?;
        while let Some(row) = rows.next()? {
            let key_place: i64 = row.get(4)?;
            if key_place > 0 {
                key_places.push((key_place, columns.len()));
            }
            let name: String = row.get(0)?;
            let (_, collation, _, _, autoincrements) =
                self.connection().column_metadata(Some("main"), table, name.as_str())?;
            may_autoincrement |= autoincrements;
            columns.push(TableColumn {
                name,
                // Set below, once SQLite was asked for all of them.
                column_type: ColumnType::Any,
                collation: collation.map_or_else(|| BINARY.to_owned(), |name| name.to_string_lossy().into_owned()),
                keeps_differences: false,
                declared_type: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                not_null: row.get(2)?,
                has_default: row.get(3)?,
                generated: row.get::<_, i64>(5)? > 1,
            });
        }
        self.find_affinities(table, &mut columns)?;
        key_places.sort_unstable();
        Ok(Columns {
            columns,
            primary_key: key_places.into_iter().map(|(_, index)| index).collect(),
            may_autoincrement,
        })
    }

    fn words(&self, table: &str) -> rusqlite::Result<Words> {
        self.connection().query_row(
            "SELECT max(sql LIKE '%CHECK%' AND type = 'table' AND name = ?1), max(sql LIKE '%DEFER%'), max(sql LIKE '%ROLLBACK%'),
                    max(CASE WHEN type = 'table' AND name = ?1 THEN sql END),
                    max(CASE WHEN type = 'table' AND name = ?1 THEN rootpage END)
             FROM sqlite_schema",
            [table],
            |row| {
                Ok(Words {
                    check: row.get(0)?,
                    defer: row.get(1)?,
                    roll_back: row.get(2)?,
                    conflict_clause: has_conflict_clause(&row.get::<_, String>(3)?),
                    root_page: row.get(4)?,
                })
            },
        )
    }

    /// Asks SQLite what each column does to values: a table made from a query has columns with the affinities of the query's. Nothing is
    /// read, and only a table of this connection is written, which is dropped at once. Source:
    /// <https://sqlite.org/lang_createtable.html#ctas>.
    fn find_affinities(&self, table: &str, columns: &mut [TableColumn]) -> rusqlite::Result<()> {
        let connection = self.connection();
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
            .connection()
            .prepare("SELECT name, \"unique\", partial, origin = 'pk' FROM pragma_index_list(?1)")?;
        let mut indexes = Vec::new();
        let mut rows = statement.query([table])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let mut columns = self
                .connection()
                .prepare("SELECT name, coll FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno")?;
            // An expression has no name, so it matches no column.
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

/// The columns of a table, and what is known about them as a whole.
struct Columns {
    columns: Vec<TableColumn>,
    primary_key: Vec<usize>,
    may_autoincrement: bool,
}

/// Which words stand in the text of the schema, at the table or anywhere, and where the table begins.
struct Words {
    check: bool,
    defer: bool,
    roll_back: bool,
    conflict_clause: bool,
    root_page: i64,
}

struct IndexInfo {
    /// Names of the columns, and the collation by which each is compared.
    columns: Vec<(String, String)>,
    unique: bool,
    partial: bool,
    is_primary_key: bool,
}

fn unique_keys(columns: &[TableColumn], indexes: &[IndexInfo]) -> Vec<UniqueKey> {
    let place = |(column, collation): &(String, String)| {
        let found = columns.iter().position(|other| other.name == *column)?;
        columns[found].is_unique_by(collation).then_some(found)
    };
    let of_whole_rows = indexes.iter().filter(|index| index.unique && !index.partial);
    of_whole_rows
        .filter_map(|index| index.columns.iter().map(place).collect::<Option<Vec<_>>>())
        .map(|columns| UniqueKey { columns })
        .collect()
}

fn unique_indexes(columns: &[TableColumn], indexes: &[IndexInfo]) -> Vec<UniqueIndex> {
    let part = |(name, collation): &(String, String)| {
        let index = columns.iter().position(|column| column.name == *name)?;
        Some((index, collation.clone()))
    };
    let unique = indexes.iter().filter(|index| index.unique);
    unique
        .map(|index| UniqueIndex {
            columns: index.columns.iter().filter_map(part).collect(),
        })
        .collect()
}
