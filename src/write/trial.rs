//! Rows on trial: which of them refer to rows that are not there, and which hang on those.
//!
//! Comes in: rows that are in the table for now, each with a number. Goes out: the numbers of those that must leave it again, so that
//! what the others refer to is there. SQLite works that out in temporary tables, which it keeps on the disk when they are large, with
//! one look at a unique index for each reference, and one more for each row that hangs on another.

use std::ffi::c_int;

use crate::error::Error;
use crate::schema::identifier::quote;
use crate::write::database::Database;
use crate::write::sql::SqlTarget;
use crate::write::statement::{Statement, Value, decode};
use crate::write::table_info::{TableInfo, row_id_alias};

/// The rows on trial: their numbers, and how each is found in the table.
const ROWS: &str = "temp._rowmill_trial";
/// Numbers of those that refer to what is not there.
const ORPHANS: &str = "temp._rowmill_orphans";
/// Which refers to which, by number.
const HANGS: &str = "temp._rowmill_hangs";

/// Rows on trial in one table, by what it refers to.
#[derive(Debug)]
pub struct Trial<'d> {
    database: &'d Database,
    put: Statement<'d>,
    /// How rows are told apart.
    key: Vec<KeyColumn>,
    /// What finds those that refer to what is not there, and those that refer to others on trial.
    find_orphans: Vec<String>,
    find_hanging: Vec<String>,
    /// Indexes that find the rows which refer to a row, where the table has none for that: their names, and what makes them.
    index_children: Vec<(String, String)>,
    is_indexed: bool,
    values: Vec<Value>,
}

/// A column by which rows are told apart.
#[derive(Debug)]
struct KeyColumn {
    sql: String,
    /// Its place among the columns that the load fills; `None`: it is the row id.
    place: Option<usize>,
    /// ` COLLATE x`, where it is not the column's own.
    collate: String,
}

/// A foreign key.
#[derive(Debug)]
struct Reference {
    parent: String,
    /// From which column to which.
    columns: Vec<(String, String)>,
}

impl<'d> Trial<'d> {
    /// A trial of rows of `target`; `None` where rows of the table cannot be told apart by what the load knows of them. Not within a
    /// transaction.
    ///
    /// # Errors
    /// `Database` when the schema cannot be read.
    pub fn open(database: &'d Database, target: &SqlTarget<'_>) -> Result<Option<Self>, Error> {
        let Some(info) = database.describe_table(target.table)? else {
            return Ok(None);
        };
        let fail = |e| database.fail(e);
        let Some(key) = key_of(database, &info, target).map_err(fail)? else {
            return Ok(None);
        };
        let names: Vec<String> = (0..key.len()).map(|index| format!("k{index}")).collect();
        let names = names.join(", ");
        let make = format!(
            "DROP TABLE IF EXISTS {ROWS}; DROP TABLE IF EXISTS {ORPHANS}; DROP TABLE IF EXISTS {HANGS}; \
             CREATE TABLE {ROWS}(number INTEGER PRIMARY KEY, {names}); \
             CREATE INDEX temp._rowmill_trial_keys ON _rowmill_trial({names}); \
             CREATE TABLE {ORPHANS}(number INTEGER PRIMARY KEY); \
             CREATE TABLE {HANGS}(parent INTEGER, child INTEGER, PRIMARY KEY (parent, child)) WITHOUT ROWID"
        );
        database.connection().execute_batch(&make).map_err(fail)?;
        let references = references_of(database, &info.name).map_err(fail)?;
        let own = |reference: &&Reference| reference.parent.eq_ignore_ascii_case(&info.name);
        let index_children = references.iter().filter(own).enumerate();
        let index_children = index_children
            .filter_map(|(number, reference)| index_on_children(database, &info, reference, number).transpose())
            .collect::<rusqlite::Result<_>>()
            .map_err(fail)?;
        Ok(Some(Trial {
            database,
            put: Statement::new(database, &put_sql(&info.name, &key))?,
            find_orphans: references
                .iter()
                .map(|reference| orphans_sql(&info.name, &key, reference))
                .collect(),
            find_hanging: references
                .iter()
                .filter(own)
                .map(|reference| hanging_sql(&info.name, &key, reference))
                .collect(),
            key,
            index_children,
            is_indexed: false,
            values: Vec::new(),
        }))
    }

    /// Takes a row that went in, under a number that no other has.
    ///
    /// # Errors
    /// `Database`, `Io` when the disk is full.
    pub fn push(&mut self, number: u64, row_id: i64, record: &[u8]) -> Result<(), Error> {
        if self.key.iter().any(|column| column.place.is_some()) {
            decode(record, &mut self.values)
                .ok_or_else(|| Error::internal("a malformed record reached the database"))?;
        }
        self.put.bind(1, Value::Integer(number as i64), record);
        for (index, column) in self.key.iter().enumerate() {
            let value = column.place.map_or(Value::Integer(row_id), |place| self.values[place]);
            self.put.bind(index as c_int + 2, value, record);
        }
        self.put.run(self.database)
    }

    /// Hands over the number of each row that refers to what is not there, or hangs on one that does; how many.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn left_out(&mut self, mut take: impl FnMut(u64)) -> Result<u64, Error> {
        let connection = self.database.connection();
        let mut run = || -> rusqlite::Result<u64> {
            for find in &self.find_orphans {
                connection.execute(find, [])?;
            }
            let is_any = format!("SELECT EXISTS (SELECT 1 FROM {ORPHANS})");
            if !connection.query_row(&is_any, [], |row| row.get::<_, bool>(0))? {
                return Ok(0);
            }
            for find in &self.find_hanging {
                connection.execute(find, [])?;
            }
            let mut all = connection.prepare(&format!(
                "WITH RECURSIVE out(number) AS (SELECT number FROM {ORPHANS} UNION \
                 SELECT hangs.child FROM out CROSS JOIN {HANGS} hangs ON hangs.parent = out.number) SELECT number FROM out"
            ))?;
            let mut rows = all.query([])?;
            let mut count = 0;
            while let Some(row) = rows.next()? {
                take(row.get::<_, i64>(0)? as u64);
                count += 1;
            }
            Ok(count)
        };
        run().map_err(|e| self.database.fail(e))
    }

    /// Gives the table the indexes by which SQLite finds the rows that wait for one that comes: without them it looks at every row of
    /// the table each time, while any row waits. To be taken back with the rows on trial, or [dropped](Self::end).
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn index_children(&mut self) -> Result<(), Error> {
        self.is_indexed = true;
        let connection = self.database.connection();
        let mut made = self.index_children.iter().map(|(_, sql)| connection.execute_batch(sql));
        made.try_for_each(|made| made).map_err(|e| self.database.fail(e))
    }

    /// The rows on trial were taken back, and all that was done since.
    pub fn taken_back(&mut self) {
        self.is_indexed = false;
    }

    /// Nobody is on trial any more.
    ///
    /// # Errors
    /// `Database`.
    pub fn end(self) -> Result<(), Error> {
        let mut drop = format!("DROP TABLE {ROWS}; DROP TABLE {ORPHANS}; DROP TABLE {HANGS}");
        for (name, _) in self.index_children.iter().filter(|_| self.is_indexed) {
            drop += &format!("; DROP INDEX main.{name}");
        }
        let dropped = self.database.connection().execute_batch(&drop);
        dropped.map_err(|e| self.database.fail(e))
    }
}

/// How rows of the table are told apart, if the load knows that of each.
fn key_of(database: &Database, info: &TableInfo, target: &SqlTarget<'_>) -> rusqlite::Result<Option<Vec<KeyColumn>>> {
    if !info.without_rowid {
        let own = info.row_id_column.map(|index| quote(&info.columns[index].name));
        let sql = own.or_else(|| row_id_alias(&info.columns).map(str::to_owned));
        return Ok(sql.map(|sql| {
            vec![KeyColumn {
                sql,
                place: None,
                collate: String::new(),
            }]
        }));
    }
    let mut select = database.connection().prepare(
        "SELECT columns.name, columns.coll FROM pragma_index_list(?1) list, pragma_index_xinfo(list.name) columns
         WHERE list.origin = 'pk' AND columns.key ORDER BY columns.seqno",
    )?;
    let columns = select.query_map([&info.name], |row| {
        Ok((
            row.get::<_, Option<String>>(0)?.unwrap_or_default(),
            row.get::<_, String>(1)?,
        ))
    })?;
    let mut key = Vec::new();
    for column in columns {
        let (name, collation) = column?;
        let place = target
            .columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(&name));
        if place.is_none() {
            return Ok(None);
        }
        key.push(KeyColumn {
            sql: quote(&name),
            place,
            collate: format!(" COLLATE {}", quote(&collation)),
        });
    }
    Ok((!key.is_empty()).then_some(key))
}

fn references_of(database: &Database, table: &str) -> rusqlite::Result<Vec<Reference>> {
    let connection = database.connection();
    let mut select = connection.prepare(
        "SELECT id, seq, \"table\", \"from\", coalesce(\"to\", (SELECT name FROM pragma_table_info(\"table\") WHERE pk = seq + 1))
         FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
    )?;
    let mut rows = select.query([table])?;
    let mut references: Vec<Reference> = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? == 0 {
            references.push(Reference {
                parent: row.get(2)?,
                columns: Vec::new(),
            });
        }
        if let Some(reference) = references.last_mut() {
            let to = row.get::<_, Option<String>>(4)?.unwrap_or_default();
            reference.columns.push((row.get(3)?, to));
        }
    }
    Ok(references)
}

/// `row` of the table is that of `on_trial`.
fn is_row(row: &str, on_trial: &str, key: &[KeyColumn]) -> String {
    let column = |(index, KeyColumn { sql, collate, .. }): (usize, &KeyColumn)| {
        format!("{row}.{sql} = {on_trial}.k{index}{collate}")
    };
    let columns: Vec<String> = key.iter().enumerate().map(column).collect();
    columns.join(" AND ")
}

/// `child` refers to `parent`, as a foreign key takes it: the parent's affinity and collation count. Where a column is NULL, it does not.
/// Source: <https://sqlite.org/foreignkeys.html#fk_basics>.
fn refers(child: &str, parent: &str, reference: &Reference) -> String {
    let columns = reference.columns.iter();
    let columns: Vec<String> = columns
        // What has a plus sign has no affinity, and of two columns the left one's collation counts.
        .map(|(from, to)| format!("{parent}.{} = +{child}.{}", quote(to), quote(from)))
        .collect();
    columns.join(" AND ")
}

fn put_sql(table: &str, key: &[KeyColumn]) -> String {
    if key.iter().all(|column| column.place.is_none()) {
        return format!("INSERT INTO {ROWS} VALUES (?, ?)");
    }
    // As they stand in the table, not as they were given.
    let names: Vec<&str> = key.iter().map(|column| column.sql.as_str()).collect();
    let tests: Vec<String> = key
        .iter()
        .map(|KeyColumn { sql, collate, .. }| format!("{sql} = ?{collate}"))
        .collect();
    format!(
        "INSERT INTO {ROWS} SELECT ?, {} FROM main.{} WHERE {}",
        names.join(", "),
        quote(table),
        tests.join(" AND ")
    )
}

fn orphans_sql(table: &str, key: &[KeyColumn], reference: &Reference) -> String {
    let columns = reference.columns.iter();
    let given: Vec<String> = columns
        .map(|(from, _)| format!("child.{} IS NOT NULL", quote(from)))
        .collect();
    format!(
        "INSERT OR IGNORE INTO {ORPHANS} SELECT own.number FROM {ROWS} own CROSS JOIN main.{} child ON {} WHERE {} AND NOT EXISTS \
         (SELECT 1 FROM main.{} parent WHERE {})",
        quote(table),
        is_row("child", "own", key),
        given.join(" AND "),
        quote(&reference.parent),
        refers("child", "parent", reference)
    )
}

fn hanging_sql(table: &str, key: &[KeyColumn], reference: &Reference) -> String {
    let table = quote(table);
    let parents_key: Vec<String> = key
        .iter()
        .enumerate()
        .map(|(index, column)| format!("other.k{index} = +parent.{}", column.sql))
        .collect();
    format!(
        "INSERT OR IGNORE INTO {HANGS} SELECT other.number, own.number FROM {ROWS} own CROSS JOIN main.{table} child ON {} \
         CROSS JOIN main.{table} parent ON {} CROSS JOIN {ROWS} other ON {}",
        is_row("child", "own", key),
        refers("child", "parent", reference),
        parents_key.join(" AND ")
    )
}

/// An index on the columns of `reference`, unless the table has one of use: its name, and what makes it.
fn index_on_children(
    database: &Database,
    info: &TableInfo,
    reference: &Reference,
    number: usize,
) -> rusqlite::Result<Option<(String, String)>> {
    let collation_of = |name: &str| {
        let mut columns = info.columns.iter();
        let found = columns.find(|column| column.name.eq_ignore_ascii_case(name));
        found.map_or("BINARY", |column| column.collation.as_str())
    };
    let has_index = "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1) list, pragma_index_xinfo(list.name) columns WHERE NOT list.partial
                     AND columns.seqno = 0 AND columns.name = ?2 COLLATE NOCASE AND columns.coll = ?3 COLLATE NOCASE)";
    for (from, to) in &reference.columns {
        let row_id = info.row_id_column.map(|index| info.columns[index].name.as_str());
        let asked = (&info.name, from, collation_of(to));
        if row_id.is_some_and(|name| name.eq_ignore_ascii_case(from))
            || database.connection().query_row(has_index, asked, |row| row.get(0))?
        {
            return Ok(None);
        }
    }
    let columns = reference.columns.iter();
    let columns: Vec<String> = columns
        .map(|(from, to)| format!("{} COLLATE {}", quote(from), quote(collation_of(to))))
        .collect();
    let (name, table) = (format!("_rowmill_children_{number}"), quote(&info.name));
    let make = format!("CREATE INDEX main.{name} ON {table}({})", columns.join(", "));
    Ok(Some((name, make)))
}
