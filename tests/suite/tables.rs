//! Random tables, each loaded on the direct path, on the SQL path, and by plain INSERT: the same rows, row ids and storage classes, the
//! same index entries, and a file with which SQLite goes on working.
//!
//! `ROWMILL_RANDOM_TABLES=20000` loads that many instead of [`TABLES`] (`scripts/random_tables` does that); `ROWMILL_RANDOM_TABLE=123`
//! loads the one with that seed. The seeds are 0, 1, 2, …: a table is the same on every machine.

mod cell;
mod compare;
mod lock_byte;
mod oracle;
mod recipe;
mod setup;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use rowmill::internal::options::{ContractOptions, ResourceOptions, TargetOptions};
use rowmill::internal::{LoadOptions, load};
use rowmill::{ColumnType, LoadReport, WritePath};
use rusqlite::Connection;
use tempfile::TempDir;

use self::cell::Cell;
use self::compare::Tree;
use self::oracle::Oracle;
use self::recipe::{Column, Kind, PAGE_SIZES, Recipe, SMALL_MEMORY_BYTES, Shape, Style};
use super::database;
use super::process::has_shell;

/// Tables of a normal run.
const TABLES: u64 = 1_000;
/// One table in this many is also shown to the system's `sqlite3`.
const SHELL_EVERY: u64 = 20;

/// How often the generator reached what it is meant to reach.
#[derive(Debug, Default)]
struct Reached(BTreeMap<String, u64>);

impl Reached {
    fn note(&mut self, what: &str, reached: bool) {
        *self.0.entry(what.to_owned()).or_default() += u64::from(reached);
    }

    fn add(&mut self, other: Reached) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }
}

/// Loads a recipe's table into `database`, which is made anew.
fn load_table(recipe: &Recipe, folder: &Path, database: &Path, write_path: WritePath) -> Result<LoadReport, String> {
    if !recipe.setup.is_empty() {
        let connection = Connection::open(database).unwrap();
        connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
        connection
            .execute_batch(&recipe.setup)
            .unwrap_or_else(|error| panic!("{error}: {}", recipe.setup));
        connection.close().unwrap();
    }
    let mut options = recipe.options.clone();
    options.target.write_path = write_path;
    options.target.errors = database.with_extension("errors");
    let report =
        load(&[folder.join("in.csv")], database, &options, &()).map_err(|error| format!("{write_path:?}: {error}"))?;
    if !report.identity_holds {
        return Err(format!("{write_path:?}: the counts do not add up: {report:?}"));
    }
    Ok(report)
}

/// Opens a database to be looked at and changed; nothing in it must survive a power cut.
fn open(path: &Path) -> Connection {
    let connection = database::open(path);
    connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
    connection
}

/// Loads the table every way and compares.
fn check(recipe: &Recipe, folder: &Path, with_shell: bool) -> Result<Reached, String> {
    fs::write(folder.join("in.csv"), recipe.csv()).unwrap();
    let paths = ["auto.db", "sql.db"].map(|name| folder.join(name));
    let mut report = load_table(recipe, folder, &paths[0], WritePath::Auto)?;
    let at_once = (report.write_path == "memory").then(|| folder.join("at once.db"));
    if let Some(at_once) = &at_once {
        fs::rename(&paths[0], at_once).unwrap();
        fs::rename(paths[0].with_extension("errors"), at_once.with_extension("errors")).unwrap();
        let direct = load_table(recipe, folder, &paths[0], WritePath::Direct);
        report = match direct {
            Err(refusal) if refusal.contains("is not possible") => {
                load_table(recipe, folder, &paths[0], WritePath::Sql)?
            }
            direct => direct?,
        };
    }
    let is_direct = report.write_path == "direct";
    let ours = open(&paths[0]);
    let schema = "SELECT sql LIKE '% PRIMARY KEY%' FROM sqlite_schema WHERE name = 't'";
    let has_row_id = !recipe.table_exists
        && ours
            .query_row(schema, [], |row| row.get(0))
            .map_err(|error| error.to_string())?;
    let row_id_column = if has_row_id {
        recipe.key.first().copied()
    } else {
        recipe.row_id_column
    };
    let key_is_row_id = row_id_column.is_some_and(|place| recipe.key == [place]);
    // In tables of others SQLite gives the row ids, except in those in which suspects are settled last and nobody sees the row ids.
    let numbered = !recipe.table_exists || report.filter.is_some();
    let oracle = Oracle::new(recipe, row_id_column, numbered);
    let theirs = &oracle.connection;

    if (report.loaded, report.rejected + report.duplicates) != (oracle.loaded, oracle.refused) {
        return Err(format!(
            "{} rows loaded, {} refused instead of {} and {}",
            report.loaded,
            report.rejected + report.duplicates,
            oracle.loaded,
            oracle.refused
        ));
    }
    compare::sound(&ours, "after the load")?;
    compare::same_columns(&ours, theirs)?;
    compare::same_table(&ours, theirs, true)?;
    compare::has_wanted_indexes(&ours, recipe, key_is_row_id)?;
    if let Some(at_once) = &at_once {
        let same = || -> Result<(), String> {
            let found = open(at_once);
            compare::sound(&found, "after the load")?;
            compare::same_columns(&found, theirs)?;
            compare::same_table(&found, theirs, true)?;
            compare::has_wanted_indexes(&found, recipe, key_is_row_id)?;
            compare::same_through_indexes(&found, theirs)?;
            let same_errors = read_errors(at_once) == read_errors(&paths[0]);
            same_errors.then_some(()).ok_or_else(|| "the rejects differ".to_owned())
        };
        same().map_err(|error| format!("at once: {error}"))?;
    }
    compare::same_through_indexes(&ours, theirs)?;
    let has_reals = recipe.columns.iter().any(|column| column.kind == Kind::Real);
    let exact = !(has_reals && oracle.had_index);
    let trees = compare::same_payload(&ours, theirs, exact)?;
    if is_direct {
        let by_sql = load_table(recipe, folder, &paths[1], WritePath::Sql)?;
        let sql = open(&paths[1]);
        compare::sound(&sql, "after the load by SQL")?;
        compare::same_table(&sql, theirs, true).map_err(|error| format!("by SQL: {error}"))?;
        let sql_trees = compare::same_payload(&sql, theirs, exact).map_err(|error| format!("by SQL: {error}"))?;
        // A batch may leave a page half full at each level, and a suspect that turns out to be new may split one.
        let spare_pages = 4 + 2 * report.batches + report.records / 20;
        compare::as_dense(&trees, &sql_trees, spare_pages)?;
        if compare::indexes(&ours) != compare::indexes(&sql) {
            return Err("the indexes differ from those of the SQL path".to_owned());
        }
        if by_sql.by_code != report.by_code || read_errors(&paths[0]) != read_errors(&paths[1]) {
            return Err("the rejects differ from those of the SQL path".to_owned());
        }
    }
    if with_shell {
        let said = compare::ask_shell(&paths[0])?;
        if is_direct && said != compare::ask_shell(&paths[1])? {
            return Err("the system's sqlite3 finds other content than on the SQL path".to_owned());
        }
    }
    for connection in [&ours, theirs] {
        compare::change(connection, recipe, row_id_column)?;
    }
    compare::sound(&ours, "after changes")?;
    compare::same_table(&ours, theirs, true).map_err(|error| format!("after changes: {error}"))?;
    ours.execute_batch("VACUUM")
        .map_err(|error| format!("VACUUM: {error}"))?;
    compare::sound(&ours, "after VACUUM")?;
    compare::same_table(&ours, theirs, false).map_err(|error| format!("after VACUUM: {error}"))?;
    let mut reached = reached(recipe, &report, &trees, with_shell);
    reached.note("at once", at_once.is_some());
    Ok(reached)
}

fn read_errors(database: &Path) -> Vec<u8> {
    fs::read(database.with_extension("errors")).unwrap()
}

fn reached(recipe: &Recipe, report: &LoadReport, trees: &BTreeMap<String, Tree>, with_shell: bool) -> Reached {
    let mut reached = Reached::default();
    let is_direct = report.write_path == "direct";
    reached.note("tables", true);
    reached.note("direct", is_direct);
    reached.note("sql", !is_direct);
    reached.note("shell", with_shell);
    reached.note("rejects", report.rejected > 0);
    reached.note("sql, wal", report.write_path_reason.contains("wal"));
    reached.note("sql, converts", report.write_path_reason.contains("must convert"));
    if !is_direct {
        return reached;
    }
    let table = trees.get("t").copied().unwrap_or_default();
    let records = || recipe.records.iter().flatten();
    let longest_bytes = records().flatten().map(Cell::text_bytes).max().unwrap_or(0);
    let indexed = || recipe.indexes.iter().flatten().copied();
    let row_id = if report.filter.is_none() && recipe.key.len() == 1 {
        Some(recipe.key[0])
    } else {
        recipe.row_id_column
    };
    let on_row_id = indexed().any(|place| row_id == Some(place));
    let indexes = || trees.iter().filter(|(name, _)| *name != "t").map(|(_, tree)| tree);
    for page_bytes in PAGE_SIZES {
        reached.note(
            &format!("direct, pages of {page_bytes}"),
            recipe.page_bytes == page_bytes,
        );
    }
    for (what, is_so) in [
        ("direct, no rows", report.loaded == 0),
        ("direct, existing table", recipe.table_exists),
        ("direct, existing row id", recipe.row_id_column.is_some()),
        (
            "direct, row id is not the first column",
            recipe.row_id_column.is_some_and(|place| place > 0),
        ),
        ("direct, free pages", recipe.setup.contains("gone")),
        ("direct, several batches", report.batches > 3),
        ("direct, overflow", table.overflow_pages > 0),
        ("direct, 2 levels", table.levels == 2),
        ("direct, 3 levels or more", table.levels >= 3),
        ("direct, over 100 columns", recipe.columns.len() > 100),
        ("direct, 2000 columns", recipe.columns.len() == 2000),
        ("direct, text of a megabyte", longest_bytes >= 1_000_000),
        (
            "direct, NULL in a key",
            records().any(|cells| recipe.key.iter().any(|&place| cells[place] == Cell::Null)),
        ),
        ("direct, table that was emptied", recipe.setup.contains("DELETE FROM t")),
        (
            "direct, overflow in an index of 2 levels",
            indexes().any(|tree| tree.overflow_pages > 0 && tree.levels > 1),
        ),
        ("direct, over 10000 rows", report.loaded > 10_000),
        ("direct, key", !recipe.key.is_empty()),
        ("direct, composite key", recipe.key.len() > 1),
        (
            "direct, key is the row id",
            report.key.len() == 1 && report.filter.is_none(),
        ),
        ("direct, key index", report.filter.is_some()),
        ("direct, duplicates", report.duplicates > 0),
        (
            "direct, false alarms",
            report.filter.is_some_and(|filter| filter.suspects > 0),
        ),
        ("direct, index", !recipe.indexes.is_empty()),
        ("direct, index on the row id", on_row_id),
        (
            "direct, index on a REAL column",
            indexed().any(|place| recipe.columns[place].kind == Kind::Real),
        ),
        (
            "direct, index on 130 columns",
            recipe.indexes.iter().any(|index| index.len() == 130),
        ),
        ("direct, key of 130 columns", recipe.key.len() == 130),
        (
            "direct, overflow in an index",
            indexes().any(|tree| tree.overflow_pages > 0),
        ),
        ("direct, index of 2 levels", indexes().any(|tree| tree.levels == 2)),
        (
            "direct, index of 3 levels or more",
            indexes().any(|tree| tree.levels >= 3),
        ),
    ] {
        reached.note(what, is_so);
    }
    reached
}

/// In memory where the system has such a folder: thousands of commits then do not wait for a disk that others use.
fn quick_folder() -> TempDir {
    let named = tempfile::Builder::new().prefix("rowmill-table-").tempdir_in("/dev/shm");
    named.unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Runs one table; reports what went wrong, with everything needed to see it again.
fn run_seed(seed: u64, shell: bool) -> Result<Reached, String> {
    let recipe = Recipe::new(seed);
    let folder = quick_folder();
    let run = || check(&recipe, folder.path(), shell && seed.is_multiple_of(SHELL_EVERY));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", message.unwrap_or_default()))
    });
    result.map_err(|error| {
        let kept = folder.keep();
        format!(
            "random table {seed}: {error}\n  {:?}, pages of {} bytes, {} records, key {:?}, indexes {:?}, batches of {}\n  {:.600}\n  {:.600}\n  \
             files in {}\n  again: ROWMILL_RANDOM_TABLE={seed} cargo test --test tests random_tables",
            recipe.shape,
            recipe.page_bytes,
            recipe.records.len(),
            recipe.options.contract.key,
            recipe.options.target.indexes,
            recipe.options.resources.batch_rows,
            recipe.create_table(recipe.row_id_column),
            recipe.setup,
            kept.display(),
        )
    })
}

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}")),
    )
}

#[test]
fn random_tables_are_the_same_on_the_direct_path_the_sql_path_and_by_plain_insert() {
    let only = number_from("ROWMILL_RANDOM_TABLE");
    let wanted = number_from("ROWMILL_RANDOM_TABLES").unwrap_or(TABLES);
    let (first, end) = only.map_or((0, wanted), |seed| (seed, seed + 1));
    let shell = has_shell();
    if !shell {
        eprintln!("WARNING: no sqlite3 on this system: the tables were judged by the SQLite that is built in alone");
    }
    let next = AtomicU64::new(first);
    let (reached, failures) = (Mutex::new(Reached::default()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end || failures.lock().unwrap().len() >= 5 {
                return;
            }
            match run_seed(seed, shell) {
                Ok(more) => reached.lock().unwrap().add(more),
                Err(failure) => failures.lock().unwrap().push(failure),
            }
        }
    };
    std::thread::scope(|scope| {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        (0..workers).for_each(|_| drop(scope.spawn(work)));
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    let Reached(reached) = reached.into_inner().unwrap();
    println!("{reached:#?}");
    if end - first >= TABLES {
        let rare: Vec<_> = reached
            .iter()
            .filter(|(what, count)| **count < 4 && (shell || *what != "shell"))
            .collect();
        assert!(rare.is_empty(), "the generator no longer reaches {rare:?} often enough");
    }
}

/// Keys and index entries of more bytes than a load with little memory may sort in one go.
#[test]
fn many_long_keys_in_no_order_are_the_same_in_little_memory() {
    let column = |name: &str, kind, declared: &str| Column {
        name: name.to_owned(),
        kind,
        declared: declared.to_owned(),
        style: Style::Pool,
        null_every: 0,
    };
    let rows = 60_000u64;
    let record = |number: u64| {
        let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // One key in a thousand was there before.
        let key = if number.is_multiple_of(1000) {
            number / 2
        } else {
            number
        }
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        vec![
            Cell::Integer(scattered as i64),
            Cell::Text(format!("{}{key:016x}", "a prefix that all keys share, ".repeat(12))),
            Cell::Text(format!("{}", scattered % 977)),
        ]
    };
    let recipe = Recipe {
        seed: 0,
        shape: Shape::Big,
        page_bytes: 4096,
        setup: String::new(),
        table_exists: false,
        row_id_column: None,
        columns: vec![
            column("number", Kind::Integer, "INTEGER"),
            column("key", Kind::Text, "TEXT"),
            column("group", Kind::Text, "TEXT"),
        ],
        fields: vec![0, 1, 2],
        key: vec![1],
        indexes: vec![vec![2, 1], vec![0]],
        records: (1..=rows).map(|number| Some(record(number))).collect(),
        infer: false,
        options: LoadOptions {
            target: TargetOptions {
                table: Some("t".to_owned()),
                indexes: vec![vec!["group".to_owned(), "key".to_owned()], vec!["number".to_owned()]],
                ..TargetOptions::default()
            },
            contract: ContractOptions {
                key: vec!["key".to_owned()],
                all_text: true,
                types: vec![("number".to_owned(), ColumnType::Integer)],
                ..ContractOptions::default()
            },
            resources: ResourceOptions {
                memory_bytes: SMALL_MEMORY_BYTES,
                batch_rows: 25_000,
                ..ResourceOptions::default()
            },
            ..LoadOptions::default()
        },
    };
    let folder = quick_folder();
    let reached = check(&recipe, folder.path(), false).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reached.0["direct, duplicates"], 1);
}
