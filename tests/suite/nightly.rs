//! The README's nightly feed, night by night.

use std::fs;

use super::database;
use super::harness::run_in;
use super::readme::block;

#[test]
fn a_feed_is_loaded_every_night_with_one_word() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("feed.toml"), block("A nightly feed", "toml")).unwrap();
    let schema = r#"{"fields": [{"name": "order", "type": "integer"}, {"name": "invoice", "type": "string"},
        {"name": "amount", "type": "number", "constraints": {"minimum": 0}}], "primaryKey": "order"}"#;
    fs::write(at("orders.schema.json"), schema).unwrap();
    fs::create_dir(at("feed")).unwrap();
    fs::write(at("feed/monday.csv"), "order,invoice,amount\n1,A1,10\n2,A2,20.5\n").unwrap();
    let commands: Vec<Vec<String>> = block("A nightly feed", "sh")
        .lines()
        .map(|line| {
            line.split('#')
                .next()
                .unwrap()
                .split_whitespace()
                .skip(1)
                .map(str::to_owned)
                .collect()
        })
        .collect();
    assert_eq!(commands.len(), 2);
    let run = |command: &[String]| {
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        let ended = run_in(folder.path(), &args);
        (ended.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let rows = || {
        database::select(
            &database::open(&at("feed.db")),
            "SELECT * FROM orders ORDER BY \"order\"",
        )
        .unwrap()
    };
    let (code, said) = run(&commands[0]);
    assert_eq!(code, 0, "{said}");
    assert!(!at("feed.db").exists());
    let (code, said) = run(&commands[1]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(rows(), ["1, 'A1', 10.0", "2, 'A2', 20.5"]);
    // The next night an order has changed; the file of the night before is not loaded again.
    fs::write(at("feed/tuesday.csv"), "order,invoice,amount\n2,A2,25\n3,A3,5\n").unwrap();
    let (code, said) = run(&commands[1]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(rows(), ["1, 'A1', 10.0", "2, 'A2', 25.0", "3, 'A3', 5.0"]);
    // And then one in three is bad.
    fs::write(
        at("feed/wednesday.csv"),
        "order,invoice,amount\n4,A4,-1\n5,A5,1\n6,A6,1\n",
    )
    .unwrap();
    let (code, said) = run(&commands[1]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("0.5%"), "{said}");
}
