//! What can be asked once a load is over: a query, what is in the database, and what is in the errors file.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::database;
use super::harness::run_in;
use super::process::{Running, rowmill};

/// Exit code, standard output and standard error.
fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let ended = run_in(folder, args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ended.code(), text(&ended.stdout), text(&ended.stderr))
}

#[test]
fn a_query_after_the_load_prints_a_table() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("sales.csv"),
        "shop,amount\nnorth,1\nsouth,22\nnorth,3\n",
    )
    .unwrap();
    let sql = "SELECT shop, sum(amount) AS total FROM sales GROUP BY shop ORDER BY shop";
    let (code, printed, said) = run(folder.path(), &["load", "sales.csv", "a.db", "--then", sql]);
    assert_eq!(
        (code, printed.as_str()),
        (0, "shop   total\nnorth      4\nsouth     22\n"),
        "{said}"
    );
    assert!(said.contains("3 = 3 loaded"), "{said}");
    // It cannot change anything, and what is wrong with it does not undo the load.
    let args = ["load", "sales.csv", "b.db", "--then", "DELETE FROM sales"];
    let (code, printed, said) = run(folder.path(), &args);
    assert_eq!((code, printed.as_str()), (64, ""), "{said}");
    assert!(said.contains("the load itself is done"), "{said}");
    assert_eq!(database::count(&folder.path().join("b.db"), "sales"), 3);
    // Not after one that stopped.
    fs::write(folder.path().join("bad.csv"), "a,b\n1\n2\n").unwrap();
    let args = ["load", "bad.csv", "c.db", "--max-errors", "0", "--then", "SELECT 1"];
    let (code, printed, _) = run(folder.path(), &args);
    assert_eq!((code, printed.as_str()), (3, ""));
}

/// A load of which little is on its way at a time.
const BIG: [&str; 8] = [
    "load",
    "big.csv",
    "big.db",
    "--text",
    "--batch-rows=2000",
    "--chunk-bytes=64k",
    "--window-bytes=1m",
    "--memory=40MiB",
];

fn big_file(folder: &Path) {
    let rows: String = (1..=300_000)
        .map(|id| format!("{id},name {id} {}\n", "x".repeat(60)))
        .collect();
    fs::write(folder.join("big.csv"), format!("id,name\n{rows}")).unwrap();
}

/// Every file of a folder with its bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn info_lists_tables_and_what_is_remembered_and_changes_nothing() {
    for journal in ["DELETE", "WAL"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join("a.csv"), "id,name\n1,Ada\n2,Grace\n").unwrap();
        assert_eq!(run(folder, &["load", "a.csv", "x.db", "--key=id", "--once"]).0, 0);
        assert_eq!(
            run(folder, &["load", "a.csv", "x.db", "--table=log", "--append-only"]).0,
            0
        );
        let connection = Connection::open(folder.join("x.db")).unwrap();
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = {journal}; CREATE TABLE \"an \x1b[2J\"(a TEXT);"
            ))
            .unwrap();
        drop(connection);
        let before = files(folder);
        let (code, printed, said) = run(folder, &["info", "x.db"]);
        assert_eq!(code, 0, "{said}");
        for words in [
            "3 tables",
            "\na        ",
            "1 file with 2 rows went into table a with --once, the last of them a.csv at 20",
            "22 B of a.csv are in table log",
            "an \\u{1b}[2J",
        ] {
            assert!(printed.contains(words), "no '{words}' in {printed}");
        }
        assert!(
            !printed.contains("_rowmill") && !printed.contains('\u{1b}'),
            "{printed:?}"
        );
        assert_eq!(files(folder), before, "{journal}");
    }
}

#[test]
fn info_tells_of_a_load_that_stopped_and_gives_it_up_only_if_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    big_file(folder);
    let mut command = rowmill(folder, &BIG.map(Into::into));
    command.env("ROWMILL_SIGNAL_AT", "batch: committed 1 2");
    assert_eq!(Running::start(command).wait().code(), 130);
    // While somebody else writes, it can be read all the same.
    let writer = Connection::open(folder.join("big.db")).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (code, printed, said) = run(folder, &["info", "big.db"]);
    assert_eq!(code, 0, "{said}");
    writer.execute_batch("ROLLBACK").unwrap();
    drop(writer);
    let loaded = database::count(&folder.join("big.db"), "big");
    assert!((1..300_000).contains(&loaded), "{loaded}");
    assert!(
        printed.contains("the load of ") && printed.contains("big.csv into table big: "),
        "{printed}"
    );
    let give_up = "rowmill load big.db --table big --forget";
    assert!(
        printed.replace('\n', " ").contains(give_up) || printed.contains("--forget"),
        "{printed}"
    );
    let (code, _, said) = run(folder, &["info", "big.db", "--forget", "big"]);
    assert_eq!(code, 0, "{said}");
    let (_, printed, _) = run(folder, &["info", "big.db"]);
    assert!(!printed.contains("unfinished"), "{printed}");
    assert_eq!(database::count(&folder.join("big.db"), "big"), loaded);
}

#[test]
fn a_load_under_way_is_not_given_up_and_what_is_no_database_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(
        folder.join("notes.db"),
        "not a database, but notes of somebody, which are longer than a header of 100 bytes is in a file that is one",
    )
    .unwrap();
    let (code, _, said) = run(folder, &["info", "notes.db"]);
    assert!(code == 78 && said.contains("is not a SQLite database"), "{said}");
    let (code, _, said) = run(folder, &["info", "note.db"]);
    assert!(code == 66 && said.contains("is notes.db meant?"), "{said}");
    assert!(!folder.join("note.db").exists());
    big_file(folder);
    let mut command = rowmill(folder, &BIG.map(Into::into));
    command.env("ROWMILL_SIGNAL_AT", format!("batch: committed 1 {}", libc::SIGSTOP));
    let running = Running::start(command);
    running.wait_for_stop();
    let args = ["info", "big.db", "--forget", "big"].map(Into::into);
    let mut command = rowmill(folder, &args);
    command.env("ROWMILL_BUSY_MS", "100");
    let ended = Running::start(command).wait();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.code(), 75, "{said}");
    running.signal(libc::SIGCONT);
    assert_eq!(running.wait().code(), 0);
    assert_eq!(database::count(&folder.join("big.db"), "big"), 300_000);
}

#[test]
fn an_errors_file_is_explained_by_reason_and_column_and_the_retry_that_is_shown_helps() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let good: String = (1..=20).map(|id| format!("{id},{id}.5,x\n")).collect();
    let text = format!("id,amount,note\n{good}21,n/a,x\n22,n/a,x\n23,n/a,y\n24,oops,z\n25,1.5\n26,1.5\n27,\"b\"ad,q\n");
    fs::write(folder.join("orders.csv"), text).unwrap();
    let load = ["load", "orders.csv", "x.db", "--types", "amount=real"];
    assert_eq!(run(folder, &load).0, 2);
    let before = files(folder);
    let (code, printed, said) = run(folder, &["explain", "errors.csv"]);
    assert_eq!(code, 0, "{said}");
    for words in [
        "errors.csv: 7 lines of 3 kinds\n",
        "4 type_error in amount\n    most often 'n/a' (3), 'oops' (1)\n    first in orders.csv, line 22: expected ",
        "    --null n/a helps 3 records\n",
        "2 missing_columns\n    first in orders.csv, line 26: ",
        "    --fill-missing helps 2 records\n",
        "1 invalid_quote in amount\n",
        "try  rowmill retry errors.csv DB --null n/a --fill-missing\n",
    ] {
        assert!(printed.contains(words), "no '{words}' in {printed}");
    }
    assert_eq!(files(folder), before);
    let retry = [
        "retry",
        "errors.csv",
        "x.db",
        "--null",
        "n/a",
        "--fill-missing",
        "--types",
        "amount=real",
    ];
    let (code, _, said) = run(folder, &retry);
    assert!(code == 2 && said.contains("loaded 5 rows"), "{said}");
    let (code, _, said) = run(folder, &["explain", "orders.csv"]);
    assert!(code == 65 && said.contains("not an errors file"), "{said}");
    assert_eq!(run(folder, &["explain", "error.csv"]).0, 66);
}

#[test]
fn what_is_unfinished_goes_on_from_a_look_at_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    big_file(folder);
    let mut command = rowmill(folder, &BIG.map(Into::into));
    command.env("ROWMILL_SIGNAL_AT", format!("batch: committed 1 {}", libc::SIGKILL));
    Running::start(command).wait();
    let (code, printed, said) = run(folder, &["info", "big.db"]);
    assert_eq!(code, 0, "{said}");
    let words = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("To go on: rowmill info big.db --continue big, which is, in "),
        "{printed}"
    );
    let (code, _, said) = run(folder, &["info", "big.db", "--continue", "other"]);
    assert!(
        code == 64 && said.contains("no unfinished load into a table \"other\""),
        "{said}"
    );
    // A copy of the database is another one.
    fs::copy(folder.join("big.db"), folder.join("copy.db")).unwrap();
    let (code, _, said) = run(folder, &["info", "copy.db", "--continue", "big"]);
    assert!(
        code == 64 && said.contains("is not where it was when its load began"),
        "{said}"
    );
    // From another folder.
    fs::create_dir(folder.join("elsewhere")).unwrap();
    let (code, _, said) = run(&folder.join("elsewhere"), &["info", "../big.db", "--continue", "BIG"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(", with rowmill load ")
            && said.contains("resuming an unfinished load after record ")
            && said.contains("loaded 300,000 rows"),
        "{said}"
    );
    assert_eq!(database::count(&folder.join("big.db"), "big"), 300_000);
    let (code, _, said) = run(folder, &["info", "big.db", "--continue", "big"]);
    assert_eq!(code, 64, "{said}");
}
