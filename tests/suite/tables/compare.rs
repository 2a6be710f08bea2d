//! Two tables compared: rows, row ids, storage classes, what their indexes find, and how many bytes their records take.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::recipe::{Recipe, quote};
use crate::suite::database::literal;

/// Rows looked up through each index.
const LOOK_UPS: usize = 12;
/// Longest value that a message shows in full.
const SHOWN_BYTES: usize = 80;

/// An index as SQLite describes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Index {
    pub columns: Vec<String>,
    pub unique: bool,
    pub name: String,
}

pub fn indexes(connection: &Connection) -> Vec<Index> {
    let sql = "SELECT name, \"unique\" FROM pragma_index_list('t')";
    let mut list = connection.prepare(sql).unwrap();
    let list = list
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .unwrap();
    let mut indexes: Vec<Index> = list
        .map(|index| {
            let (name, unique) = index.unwrap();
            let mut columns = connection
                .prepare("SELECT name FROM pragma_index_info(?1) ORDER BY seqno")
                .unwrap();
            let columns = columns
                .query_map([&name], |row| row.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            Index { columns, unique, name }
        })
        .collect();
    indexes.sort();
    indexes
}

/// `PRAGMA integrity_check`, an error unless it says `ok`.
pub fn sound(connection: &Connection, when: &str) -> Result<(), String> {
    let mut check = connection
        .prepare("PRAGMA integrity_check")
        .map_err(|error| format!("{when}: {error}"))?;
    let lines: Result<Vec<String>, _> = check.query_map([], |row| row.get(0)).unwrap().collect();
    match lines {
        Ok(lines) if lines == ["ok"] => Ok(()),
        Ok(lines) => Err(format!("integrity_check {when}: {}", lines.join("; "))),
        Err(error) => Err(format!("integrity_check {when}: {error}")),
    }
}

/// Both queries must give the same rows, bit for bit.
fn same_rows(ours: (&Connection, &str), theirs: (&Connection, &str), what: &str) -> Result<(), String> {
    let fail = |error: rusqlite::Error| format!("{what}: {error}");
    let mut ours = ours.0.prepare(ours.1).map_err(fail)?;
    let mut theirs = theirs.0.prepare(theirs.1).unwrap();
    let columns = theirs.column_count();
    if ours.column_count() != columns {
        return Err(format!("{what}: {} columns instead of {columns}", ours.column_count()));
    }
    let (mut ours, mut theirs) = (ours.query([]).unwrap(), theirs.query([]).unwrap());
    for number in 1.. {
        let (our_row, their_row) = (ours.next().map_err(fail)?, theirs.next().unwrap());
        let (Some(our_row), Some(their_row)) = (our_row, their_row) else {
            return match (our_row.is_some(), their_row.is_some()) {
                (false, false) => Ok(()),
                (true, _) => Err(format!("{what}: there is a row {number}, which should not be")),
                (_, true) => Err(format!("{what}: row {number} is missing")),
            };
        };
        for column in 0..columns {
            let (found, expected) = (our_row.get_ref(column).unwrap(), their_row.get_ref(column).unwrap());
            if !same(found, expected) {
                let (found, expected) = (shown(found), shown(expected));
                return Err(format!(
                    "{what}: row {number}, column {}: {found} instead of {expected}",
                    column + 1
                ));
            }
        }
    }
    Ok(())
}

/// The same storage class and the same bits.
fn same(one: ValueRef<'_>, other: ValueRef<'_>) -> bool {
    match (one, other) {
        (ValueRef::Real(one), ValueRef::Real(other)) => one.to_bits() == other.to_bits(),
        _ => one == other,
    }
}

fn shown(value: ValueRef<'_>) -> String {
    let text = literal(value);
    let start: String = text.chars().take(SHOWN_BYTES).collect();
    if start.len() < text.len() {
        format!("{start}… ({} bytes)", text.len())
    } else {
        text
    }
}

/// Rows and their row ids. `with_row_ids`: not after a VACUUM, which may give new ones.
pub fn same_table(ours: &Connection, theirs: &Connection, with_row_ids: bool) -> Result<(), String> {
    let rows = "SELECT * FROM t NOT INDEXED";
    same_rows((ours, rows), (theirs, rows), "rows")?;
    if !with_row_ids {
        return Ok(());
    }
    let row_ids = "SELECT _rowid_ FROM t NOT INDEXED";
    same_rows((ours, row_ids), (theirs, row_ids), "row ids")
}

/// Names, declared types, NOT NULL, defaults, primary key.
pub fn same_columns(ours: &Connection, theirs: &Connection) -> Result<(), String> {
    let columns = "SELECT * FROM pragma_table_xinfo('t')";
    same_rows((ours, columns), (theirs, columns), "the table's columns")
}

/// Every index of `ours`, against the rows of `theirs` without an index: all entries in order, and single look-ups.
pub fn same_through_indexes(ours: &Connection, theirs: &Connection) -> Result<(), String> {
    for index in indexes(ours) {
        let columns: Vec<String> = index.columns.iter().map(|name| quote(name)).collect();
        let list = columns.join(", ");
        let name = quote(&index.name);
        let order = format!("ORDER BY {list}, _rowid_");
        let all = format!("SELECT _rowid_, {list} FROM t INDEXED BY {name} {order}");
        let slow = format!("SELECT _rowid_, {list} FROM t NOT INDEXED {order}");
        same_rows((ours, &all), (theirs, &slow), &format!("through index {name}"))?;
        let tests: Vec<String> = columns.iter().map(|column| format!("{column} IS ?")).collect();
        let find = format!("SELECT _rowid_ FROM t INDEXED BY {name} WHERE {}", tests.join(" AND "));
        let mut find = ours.prepare(&find).map_err(|error| format!("index {name}: {error}"))?;
        let count: i64 = theirs
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap();
        let step = count as usize / LOOK_UPS + 1;
        let mut rows = theirs
            .prepare(&format!("SELECT _rowid_, {list} FROM t NOT INDEXED"))
            .unwrap();
        let mut rows = rows.query([]).unwrap();
        let mut number = 0;
        while let Some(row) = rows.next().unwrap() {
            number += 1;
            if number % step != 0 {
                continue;
            }
            let row_id: i64 = row.get(0).unwrap();
            let values: Vec<Value> = (1..=columns.len()).map(|place| row.get(place).unwrap()).collect();
            let found = find
                .query_map(params_from_iter(values), |row| row.get::<_, i64>(0))
                .unwrap();
            let found: Vec<i64> = found
                .collect::<Result<_, _>>()
                .map_err(|error| format!("index {name}: {error}"))?;
            if !found.contains(&row_id) || (index.unique && found.len() > 1 && !has_null(row, columns.len())) {
                return Err(format!("index {name} finds {found:?} for the row with row id {row_id}"));
            }
        }
    }
    Ok(())
}

fn has_null(row: &rusqlite::Row<'_>, columns: usize) -> bool {
    (1..=columns).any(|place| row.get_ref(place).unwrap() == ValueRef::Null)
}

/// The indexes that were asked for are there.
pub fn has_wanted_indexes(ours: &Connection, recipe: &Recipe, key_is_row_id: bool) -> Result<(), String> {
    let found = indexes(ours);
    let mut wanted: Vec<(Vec<String>, bool)> = Vec::new();
    let names = |columns: &[usize]| {
        columns
            .iter()
            .map(|&place| recipe.columns[place].name.clone())
            .collect()
    };
    wanted.extend(recipe.indexes.iter().map(|index| (names(index), false)));
    if !recipe.key.is_empty() && !key_is_row_id {
        wanted.push((names(&recipe.key), true));
    }
    for (columns, unique) in wanted {
        if !found
            .iter()
            .any(|index| index.columns == columns && (index.unique || !unique))
        {
            return Err(format!("no index on {columns:?} (unique: {unique}) among {found:?}"));
        }
    }
    Ok(())
}

/// What the pages of one b-tree hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tree {
    pub pages: u64,
    pub overflow_pages: u64,
    pub payload_bytes: u64,
    pub levels: u64,
}

/// The table's tree as `t`, those of its indexes by their columns.
pub fn trees(connection: &Connection) -> BTreeMap<String, Tree> {
    let names = indexes(connection)
        .into_iter()
        .map(|index| (index.name, index.columns.join(",")));
    let names: BTreeMap<String, String> = names.chain([("t".to_owned(), "t".to_owned())]).collect();
    let sql = "SELECT name, count(*), sum(pagetype = 'overflow'), sum(payload), \
               max(iif(pagetype = 'overflow', 0, length(path) - length(replace(path, '/', '')))) FROM dbstat GROUP BY name";
    let mut statement = connection.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut trees = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        let number = |place| row.get::<_, i64>(place).unwrap() as u64;
        if let Some(name) = names.get(&row.get::<_, String>(0).unwrap()) {
            let tree = Tree {
                pages: number(1),
                overflow_pages: number(2),
                payload_bytes: number(3),
                levels: number(4),
            };
            trees.insert(name.clone(), tree);
        }
    }
    trees
}

/// Records and index entries take the same bytes: no value is stored in a longer form than SQLite's. Not `exact`: at most as many, as
/// SQLite keeps whole numbers in REAL columns in a longer form where a table has an index at the time of the INSERT.
pub fn same_payload(ours: &Connection, theirs: &Connection, exact: bool) -> Result<BTreeMap<String, Tree>, String> {
    let (ours, theirs) = (trees(ours), trees(theirs));
    for (name, tree) in &ours {
        let (found, expected) = (tree.payload_bytes, theirs.get(name).map(|tree| tree.payload_bytes));
        if expected.is_some_and(|expected| found > expected || (exact && found < expected)) {
            return Err(format!(
                "the records of {name} take {found} bytes instead of {expected:?}"
            ));
        }
    }
    Ok(ours)
}

/// No tree of `ours` has many more pages than its counterpart in `theirs`.
pub fn as_dense(
    ours: &BTreeMap<String, Tree>,
    theirs: &BTreeMap<String, Tree>,
    spare_pages: u64,
) -> Result<(), String> {
    for (name, tree) in ours {
        let expected = theirs.get(name).map_or(0, |tree| tree.pages);
        if tree.pages > expected + expected / 20 + spare_pages {
            return Err(format!(
                "the tree of {name} has {} pages, that of the SQL path {expected}",
                tree.pages
            ));
        }
    }
    Ok(())
}

/// Rows inserted, changed and deleted, in the same way in every database they are done in.
pub fn change(connection: &Connection, recipe: &Recipe, row_id_column: Option<usize>) -> Result<(), String> {
    let run = |sql: &str| {
        connection
            .execute_batch(sql)
            .map_err(|error| format!("{sql:.200}: {error}"))
    };
    let greatest: Option<i64> = connection
        .query_row("SELECT max(_rowid_) FROM t", [], |row| row.get(0))
        .unwrap();
    let others: Vec<String> = (0..recipe.columns.len())
        .filter(|&place| row_id_column != Some(place))
        .map(|place| quote(&recipe.columns[place].name))
        .collect();
    if greatest.is_some_and(|greatest| greatest < i64::MAX - 1_000_000) && !others.is_empty() {
        let list = others.join(", ");
        run(&format!(
            "INSERT OR IGNORE INTO t({list}) SELECT {list} FROM t NOT INDEXED WHERE _rowid_ % 3 = 0 ORDER BY _rowid_ LIMIT 300"
        ))?;
    }
    if let Some(column) = others.first() {
        run(&format!(
            "UPDATE OR IGNORE t SET {column} = {column} || 'longer than it was, and not a number' WHERE _rowid_ % 4 = 1"
        ))?;
    }
    if let Some(column) = others.last() {
        run(&format!("UPDATE OR IGNORE t SET {column} = NULL WHERE _rowid_ % 7 = 1"))?;
    }
    run("DELETE FROM t WHERE _rowid_ % 5 = 0")
}

/// What the system's `sqlite3` says of a database: its check and a hash of everything in it.
pub fn ask_shell(path: &Path) -> Result<String, String> {
    let output = Command::new("sqlite3")
        .arg("-readonly")
        .arg(path)
        .args(["PRAGMA integrity_check", ".sha3sum"])
        .output();
    let output = output.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() && said.starts_with("ok\n") && said.len() > 10 {
        Ok(said)
    } else {
        Err(format!(
            "the system's sqlite3 says: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}
