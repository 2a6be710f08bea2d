//! A stranger's first five minutes, as they go: names mistyped, a wrong delimiter, a second run, Ctrl-C, bad rows that are mended. After each
//! step what is said is enough to take the next one.

use std::fs;
use std::path::Path;

use super::database;
use super::harness::run_in;
use super::process::{Running, rowmill};

/// What was typed, what the exit code is, and what must have been said.
fn step(folder: &Path, typed: &str, code: i32, says: &[&str]) -> String {
    let args: Vec<&str> = typed.split(' ').skip(1).collect();
    let ended = run_in(folder, &args);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned() + &String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.code(), code, "{typed}\n{said}");
    for words in says {
        assert!(said.contains(words), "no '{words}' after {typed}\n{said}");
    }
    said
}

#[test]
fn each_step_says_what_the_next_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows: String = (1..=50).map(|id| format!("{id};name {id};{}\n", id * 2)).collect();
    let text = format!("id;name;amount\n{rows}51;name 51;n/a\n52;name 52\n");
    fs::write(folder.join("orders.csv"), text).unwrap();

    step(folder, "rowmill", 64, &["Usage: rowmill", "Topics"]);
    step(folder, "rowmill lod orders.csv", 64, &["'load'"]);
    step(
        folder,
        "rowmill load orders.csv",
        64,
        &["rowmill load orders.csv orders.db"],
    );
    step(
        folder,
        "rowmill load order.csv orders.db",
        66,
        &["is orders.csv meant?"],
    );
    // A wrong delimiter: one column, and no row.
    let said = step(
        folder,
        "rowmill load orders.csv orders.db --delimiter ,",
        0,
        &["--delimiter"],
    );
    assert!(said.contains("loaded 52 rows"), "{said}");
    // A second run, now right: the table is there, and has other columns.
    let said = step(folder, "rowmill load orders.csv orders.db", 78, &["nothing was loaded"]);
    assert!(!said.contains("panic"), "{said}");
    let said = step(
        folder,
        "rowmill load orders.csv orders.db --if-exists replace --key id",
        2,
        &[
            "52 = 51 loaded + 1 rejected",
            "semicolons between fields",
            "id integer (key), name text, amount text",
            "amount: 50 of 51 values are integers; the first that is none is 'n/a' on line 52",
            "--null 'n/a'",
            "    line 53: expected 3 columns, found 2\n      52;name 52\n",
            "rowmill retry errors.csv orders.db --key id",
        ],
    );
    assert!(said.contains("     1  name 1  2\n"), "{said}");
    // As it was said: with the word for NULL the column is one of numbers.
    step(
        folder,
        "rowmill load orders.csv orders.db --if-exists replace --key id --null n/a",
        2,
        &["amount integer"],
    );
    let errors = fs::read_to_string(folder.join("errors.csv")).unwrap();
    assert!(errors.contains("\"52;name 52\""), "{errors}");
    fs::write(
        folder.join("errors.csv"),
        errors.replace("\"52;name 52\"", "\"52;name 52;104\""),
    )
    .unwrap();
    step(
        folder,
        "rowmill retry errors.csv orders.db --key id --null n/a",
        0,
        &["loaded 1 row into table orders", "sqlite3 -box orders.db"],
    );
    assert_eq!(database::count(&folder.join("orders.db"), "orders"), 52);
}

#[test]
fn what_ctrl_c_has_stopped_goes_on_with_the_command_that_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows: String = (1..=300_000)
        .map(|id| format!("{id},name {id} {}\n", "x".repeat(60)))
        .collect();
    fs::write(folder.join("big.csv"), format!("id,name\n{rows}")).unwrap();
    // So that little is on its way when the signal comes.
    let line = "load big.csv big.db --text --batch-rows=2000 --chunk-bytes=64k --window-bytes=1m --memory=40MiB";
    let args: Vec<_> = line.split(' ').map(Into::into).collect();
    let mut command = rowmill(folder, &args);
    command.env("ROWMILL_SIGNAL_AT", "batch: committed 1 2");
    let stopped = Running::start(command).wait();
    let said = String::from_utf8_lossy(&stopped.stderr);
    assert_eq!(stopped.code(), 130, "{said}");
    for words in [
        "stopping: what was read is being committed; a second signal exits at once",
        "STOPPED     by SIGINT after ",
        "%); the rest of the input was not loaded",
        "to go on    run the same command again: it goes on there, and loads nothing twice",
    ] {
        assert!(said.contains(words), "no '{words}' in {said}");
    }
    let next = said
        .lines()
        .find_map(|line| line.strip_prefix("  next        "))
        .unwrap();
    assert_eq!(next, format!("rowmill {line}"));
    let typed: Vec<&str> = next.split(' ').skip(1).collect();
    let ended = run_in(folder, &typed);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.code(), 0, "{said}");
    assert!(said.contains("300,000 = 300,000 loaded"), "{said}");
    assert_eq!(database::count(&folder.join("big.db"), "big"), 300_000);
}
