//! The page at SQLite's lock byte, which holds nothing and lies at one gibibyte.
//!
//! SQLite lets its tests move that byte, for the whole process: so a process of its own loads small tables with the byte in every page
//! that they would have. One load of more than a gibibyte, without any trick, is left to `scripts/random_tables`.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::process::Command;

use rowmill::internal::options::{ContractOptions, ResourceOptions, TargetOptions};
use rowmill::internal::{LoadOptions, load};
use rowmill::{ColumnType, WritePath};
use rusqlite::ffi;

use super::cell::Cell;
use super::recipe::{Column, Dice, Kind, Recipe, Shape, Style};
use super::{check, load_table, open, quick_folder};
use crate::suite::data::{self, Numbers};
use crate::suite::database;

/// Set for the process that moves the byte.
const CHILD: &str = "ROWMILL_LOCK_BYTE_CHILD";
/// Where the byte is in every database in the world.
const LOCK_BYTE: u32 = 0x4000_0000;
/// Random tables that are loaded with the byte in a random page.
const RANDOM_TABLES: u64 = 60;

/// Moves the byte; no database may be open.
fn move_lock_byte(to: u32) {
    // SAFETY: the operation takes one unsigned int and writes SQLite's variable, which no connection of this process is using.
    unsafe { ffi::sqlite3_test_control(ffi::SQLITE_TESTCTRL_PENDING_BYTE, to) };
}

/// SQLite opens a file with pages of 4096 bytes before it knows better, and the lock byte must not be in the first page.
fn first_lock_page(page_bytes: usize) -> u32 {
    4096u32.div_ceil(page_bytes as u32) + 1
}

/// A table with every kind of page: long texts, long keys, enough rows for trees of three levels in pages of 512 bytes.
fn every_kind_of_page(page_bytes: usize, batch_rows: u64) -> Recipe {
    let rows = if page_bytes == 512 { 330 } else { 60 };
    let long = (page_bytes * 3).min(70_000);
    let column = |name: &str, kind, declared: &str| Column {
        name: name.to_owned(),
        kind,
        declared: declared.to_owned(),
        style: Style::Pool,
        null_every: 0,
    };
    let record = |number: usize| {
        // In no order, and now and then one that was there.
        let key = number * 7919 % (rows - 3);
        let key_bytes = if number.is_multiple_of(25) { long / 3 } else { 30 };
        let value_bytes = if number.is_multiple_of(20) {
            long
        } else {
            page_bytes / 10
        };
        vec![
            Cell::Text(format!("{key:05}{}", "k".repeat(key_bytes))),
            Cell::Text(format!("{}{number}", "v".repeat(value_bytes))),
            Cell::Integer(number as i64),
        ]
    };
    Recipe {
        seed: 0,
        shape: Shape::Small,
        page_bytes,
        setup: format!("PRAGMA page_size = {page_bytes}; CREATE TABLE other(x); "),
        table_exists: false,
        row_id_column: None,
        columns: vec![
            column("key", Kind::Text, "TEXT"),
            column("value", Kind::Text, "TEXT"),
            column("number", Kind::Integer, "INTEGER"),
        ],
        fields: vec![0, 1, 2],
        key: vec![0],
        indexes: vec![vec![2, 0]],
        records: (0..rows).map(|number| Some(record(number))).collect(),
        infer: false,
        options: LoadOptions {
            target: TargetOptions {
                table: Some("t".to_owned()),
                indexes: vec![vec!["number".to_owned(), "key".to_owned()]],
                ..TargetOptions::default()
            },
            contract: ContractOptions {
                key: vec!["key".to_owned()],
                all_text: true,
                types: vec![("number".to_owned(), ColumnType::Integer)],
                ..ContractOptions::default()
            },
            resources: ResourceOptions {
                threads: 1,
                batch_rows,
                ..ResourceOptions::default()
            },
            ..LoadOptions::default()
        },
    }
}

/// What each page of a database is: `table leaf`, `index overflow`, …
fn kinds_of_pages(database: &Path) -> BTreeMap<u32, String> {
    let connection = open(database);
    let sql = "SELECT pageno, iif(name = 't', 'table ', 'index ') || pagetype FROM dbstat WHERE name LIKE 't%'";
    let mut pages = connection.prepare(sql).unwrap();
    let pages = pages.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    pages.map(Result::unwrap).collect()
}

/// Loads the table with the lock byte in each of its pages; returns what those pages would have been.
fn sweep(page_bytes: usize, batch_rows: u64) -> BTreeSet<String> {
    let recipe = every_kind_of_page(page_bytes, batch_rows);
    move_lock_byte(LOCK_BYTE);
    let folder = quick_folder();
    check(&recipe, folder.path(), false).unwrap_or_else(|error| panic!("pages of {page_bytes}: {error}"));
    let folder = quick_folder();
    std::fs::write(folder.path().join("in.csv"), recipe.csv()).unwrap();
    let database = folder.path().join("plain.db");
    let report = load_table(&recipe, folder.path(), &database, WritePath::Direct).unwrap();
    assert!(report.duplicates > 0);
    let pages = kinds_of_pages(&database);
    let last = *pages.keys().next_back().unwrap();
    let mut met = BTreeSet::new();
    for lock_page in first_lock_page(page_bytes)..=last + 1 {
        // Anywhere in the page.
        move_lock_byte((lock_page - 1) * page_bytes as u32 + lock_page % 3);
        let folder = quick_folder();
        if let Err(error) = check(&recipe, folder.path(), false) {
            let kind = pages.get(&lock_page).map_or("no page", String::as_str);
            panic!(
                "pages of {page_bytes}, batches of {batch_rows}, lock byte in page {lock_page} (else {kind}): {error}"
            );
        }
        met.extend(pages.get(&lock_page).cloned());
    }
    println!("pages of {page_bytes}, batches of {batch_rows}: the lock byte in each of {last} pages: {met:?}");
    met
}

#[test]
#[ignore = "moves the lock byte of its whole process: another test runs it in a process of its own"]
fn child_that_moves_the_lock_byte() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let met = sweep(512, 200_000);
    for kind in [
        "table leaf",
        "table internal",
        "table overflow",
        "index leaf",
        "index internal",
        "index overflow",
    ] {
        assert!(
            met.contains(kind),
            "the lock byte was never in a page of the kind {kind}: {met:?}"
        );
    }
    sweep(512, 29);
    sweep(1024, 13);
    sweep(4096, 7);
    sweep(65_536, 20);
    let mut dice = Dice(Numbers(1));
    for seed in 0..RANDOM_TABLES {
        let recipe = Recipe::new(seed);
        let lock_page = first_lock_page(recipe.page_bytes) + dice.below(if seed % 2 == 0 { 8 } else { 60 }) as u32;
        move_lock_byte((lock_page - 1) * recipe.page_bytes as u32);
        let folder = quick_folder();
        check(&recipe, folder.path(), false)
            .unwrap_or_else(|error| panic!("random table {seed}, lock byte in page {lock_page}: {error}"));
    }
}

#[test]
fn the_page_at_the_lock_byte_is_stepped_over_wherever_it_falls() {
    let child = "suite::tables::lock_byte::child_that_moves_the_lock_byte";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert!(said.contains("the lock byte in each of"), "{said}");
}

/// Rows of `t` in order, as one number.
fn hash_of_rows(database: &Path) -> u64 {
    let connection = open(database);
    let mut rows = connection.prepare("SELECT rowid, * FROM t NOT INDEXED").unwrap();
    let columns = rows.column_count();
    let mut rows = rows.query([]).unwrap();
    let mut hasher = DefaultHasher::new();
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns {
            database::literal(row.get_ref(column).unwrap()).hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[test]
#[ignore = "takes 2.5 GB of disk and minutes: scripts/random_tables runs it"]
fn a_database_of_more_than_a_gibibyte_is_the_same_on_both_write_paths() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.csv");
    let content = data::people_file(
        &data::Recipe {
            seed: 3,
            records: 1_150_000,
            bad_every: 1000,
            duplicate_every: 500,
            text_keys: true,
            padding: 900,
        },
        &input,
    );
    let mut hashes = Vec::new();
    for write_path in [WritePath::Direct, WritePath::Sql] {
        let database = folder.path().join("out.db");
        let options = LoadOptions {
            target: TargetOptions {
                table: Some("t".to_owned()),
                indexes: vec![vec!["name".to_owned()]],
                errors: folder.path().join("errors.csv"),
                write_path,
                ..TargetOptions::default()
            },
            contract: ContractOptions {
                key: vec!["id".to_owned()],
                ..ContractOptions::default()
            },
            ..LoadOptions::default()
        };
        let report = load(std::slice::from_ref(&input), &database, &options, &()).unwrap();
        assert_eq!((report.loaded, report.duplicates), (content.good, content.duplicates));
        let bytes = std::fs::metadata(&database).unwrap().len();
        assert!(bytes > u64::from(LOCK_BYTE) + (1 << 26), "{bytes} bytes");
        assert_eq!(database::integrity(&database), "ok", "{write_path:?}");
        hashes.push(hash_of_rows(&database));
        println!(
            "{write_path:?}: {} rows, {bytes} bytes, integrity ok, hash {:x}",
            report.loaded,
            hashes[hashes.len() - 1]
        );
        std::fs::remove_file(&database).unwrap();
    }
    assert_eq!(hashes[0], hashes[1]);
}
