//! What a commit makes of finished pages, and what it refuses.

use super::*;
use crate::sqlite::direct::page_file::PageFile;
use crate::sqlite::direct::pages::{NewPages, PlacedPage, TableBuilder};
use crate::sqlite::direct::roots::{self, RootKind};
use std::path::Path;

const PAGE_BYTES: usize = 512;

/// A database with the empty table `t`, and whatever `more` makes.
fn database(folder: &Path, more: &str) -> Database {
    let path = folder.join("x.db");
    let plain = Connection::open(&path).unwrap();
    let create = format!("PRAGMA page_size = {PAGE_BYTES}; CREATE TABLE t(a); {more}");
    plain.execute_batch(&create).unwrap();
    plain.close().unwrap();
    let database = Database::open(&path, 1 << 20).unwrap();
    database.prepare_for_load().unwrap();
    database
}

fn number(database: &Database, sql: &str) -> u32 {
    database.connection().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// What anybody else sees: the rows of `t`, and whether SQLite finds anything wrong.
fn seen(database: &Database) -> (u32, String) {
    let other = Connection::open(database.path()).unwrap();
    let rows = other.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    let sound = other.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    (rows, sound.unwrap())
}

/// Begins a transaction in which the rows 1 to `rows` are put into pages; returns what is to be published.
fn fill(database: &Database, rows: i64) -> Publication {
    database.begin().unwrap();
    let first_root = number(database, "SELECT rootpage FROM sqlite_schema WHERE name = 't'");
    let reserve = |new: &mut NewPages| vec![new.reserve(), new.reserve()];
    let placed = roots::place(database, PAGE_BYTES, (RootKind::Table, &["t".to_owned()]), reserve).unwrap();
    let mut builder = TableBuilder::new(PAGE_BYTES, first_root, placed.new);
    for row_id in 1..=rows {
        // A record of one NULL.
        builder.append(row_id, &[2, 0]);
    }
    let file = PageFile::open(database.path(), PAGE_BYTES).unwrap();
    file.append(builder.new_pages()).unwrap();
    let numbers = builder.take_own();
    file.append_run(builder.run(), numbers).unwrap();
    builder.forget_own();
    let rewritten: Vec<PlacedPage> = builder.finish_batch(placed.reserved[0]);
    file.write_placed(&rewritten).unwrap();
    Publication {
        known_pages: placed.known_pages,
        page_count: builder.new_pages().last_page(),
        free: Some(FreePages {
            page_bytes: PAGE_BYTES,
            trunk: placed.reserved[1],
            leaves: builder.free_pages().collect(),
            replaces: None,
        }),
    }
}

#[test]
fn finished_pages_are_there_for_everybody_once_they_are_published() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path(), "");
    let own = FileObject::of(database.connection()).unwrap().methods().unwrap();
    let publication = fill(&database, 1_000);
    assert_eq!(seen(&database), (0, "ok".to_owned()));
    let published = commit(&database, &publication).unwrap();
    assert_eq!(seen(&database), (1_000, "ok".to_owned()));
    let header = FileObject::of(database.connection()).unwrap().header().unwrap();
    assert_eq!(published.change_counter, change_counter(&header));
    assert_eq!(number(&database, "PRAGMA page_count"), publication.page_count);
    assert_eq!(
        number(&database, "PRAGMA freelist_count"),
        2,
        "the first root and the list"
    );
    assert_eq!(number(&database, "SELECT count(*) FROM t"), 1_000);
    let methods = FileObject::of(database.connection()).unwrap().methods().unwrap();
    assert!(std::ptr::eq(methods, own), "the file has its own methods again");
    database
        .connection()
        .execute_batch("INSERT INTO t VALUES (zeroblob(5000)); DELETE FROM t WHERE rowid % 3")
        .unwrap();
    assert_eq!(seen(&database).1, "ok");
}

#[test]
fn a_rollback_leaves_the_database_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path(), "");
    fill(&database, 1_000);
    database.rollback().unwrap();
    assert_eq!(seen(&database), (0, "ok".to_owned()));
}

#[test]
fn free_pages_of_others_stay_free() {
    let folder = tempfile::tempdir().unwrap();
    let others = "CREATE TABLE other(x); INSERT INTO other VALUES (zeroblob(100000)); DELETE FROM other";
    let database = database(folder.path(), others);
    let free = number(&database, "PRAGMA freelist_count");
    assert!(free > 150);
    commit(&database, &fill(&database, 1_000)).unwrap();
    assert_eq!(seen(&database), (1_000, "ok".to_owned()));
    assert_eq!(number(&database, "PRAGMA freelist_count"), free + 2);
}

#[test]
fn a_page_that_sqlite_took_meanwhile_fails_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path(), "CREATE TABLE other(x)");
    let publication = fill(&database, 1_000);
    database
        .connection()
        .execute_batch("INSERT INTO other VALUES (zeroblob(5000))")
        .unwrap();
    assert!(commit(&database, &publication).is_err());
    drop(database.connection().execute_batch("ROLLBACK"));
    assert_eq!(seen(&database), (0, "ok".to_owned()));
}

#[test]
fn a_list_of_free_pages_that_sqlite_changed_fails_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path(), "CREATE TABLE other(x)");
    let first = fill(&database, 10);
    let published = commit(&database, &first).unwrap();
    let mut second = fill(&database, 1_000);
    // The list is another commit's, not the last one's.
    second.free.as_mut().unwrap().replaces = published.free.map(|list| FreeList {
        trunk: list.trunk + 1,
        ..list
    });
    assert!(commit(&database, &second).is_err());
    assert_eq!(seen(&database), (10, "ok".to_owned()));
}

#[test]
fn free_pages_of_ours_that_sqlite_took_or_freed_fail_the_commit() {
    for meanwhile in [
        "INSERT INTO other VALUES (zeroblob(1000))",
        "DELETE FROM other WHERE rowid = 1",
        "DELETE FROM other WHERE rowid = 1; INSERT INTO other VALUES (zeroblob(1000))",
        // More than the cache holds: pages reach the file before the commit.
        "PRAGMA cache_size = 10; DELETE FROM other; INSERT INTO other VALUES (zeroblob(100000))",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let others = "CREATE TABLE other(x); INSERT INTO other VALUES (zeroblob(1000)), (zeroblob(100000))";
        let database = database(folder.path(), others);
        let published = commit(&database, &fill(&database, 10)).unwrap();
        let mut second = fill(&database, 1_000);
        second.free.as_mut().unwrap().replaces = published.free;
        database.connection().execute_batch(meanwhile).unwrap();
        assert!(commit(&database, &second).is_err(), "{meanwhile}");
        drop(database.connection().execute_batch("ROLLBACK"));
        assert_eq!(seen(&database), (10, "ok".to_owned()), "{meanwhile}");
    }
}

#[test]
fn a_database_of_as_many_pages_as_there_can_be_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path(), "");
    let mut pages = NewPages::new(PAGE_BYTES, u32::MAX - 2, 1 << 30);
    for _ in 0..4 {
        pages.reserve();
    }
    let file = PageFile::open(database.path(), PAGE_BYTES).unwrap();
    assert_eq!(file.append(&mut pages).unwrap_err().exit_code(), 74);
    assert_eq!(seen(&database), (0, "ok".to_owned()));
}

#[test]
fn a_longer_entry_of_the_schema_takes_pages_before_ours_are_numbered() {
    // The definition fills its page to the last byte, more or less: a wider root number moves entries to other pages.
    for length in 380..=460 {
        let folder = tempfile::tempdir().unwrap();
        let name = "c".repeat(length);
        let more =
            format!("CREATE TABLE wide({name}); CREATE TABLE filler(x); INSERT INTO filler VALUES (zeroblob(70000))");
        let database = database(folder.path(), &more);
        commit(&database, &fill(&database, 200)).unwrap();
        assert_eq!(seen(&database), (200, "ok".to_owned()), "{length}");
    }
}
