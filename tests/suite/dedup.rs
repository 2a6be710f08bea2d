//! Keys: the first record of each wins, every other is a duplicate that names it, and nothing else is ever lost.

use super::data::Numbers;
use super::database;
use super::harness::{Case, run_in};

/// First records by key and how often each was repeated, found the slow way: `(record numbers of the first, of the rest with their first)`.
fn expected(keys: &[u64]) -> (Vec<u64>, Vec<(u64, u64)>) {
    let mut seen = std::collections::HashMap::new();
    let (mut first, mut repeats) = (Vec::new(), Vec::new());
    for (index, &key) in keys.iter().enumerate() {
        let record = index as u64 + 1;
        match seen.get(&key) {
            Some(&earlier) => repeats.push((record, earlier)),
            None => {
                seen.insert(key, record);
                first.push(record);
            }
        }
    }
    (first, repeats)
}

/// Loads `keys` in a column `k` written by `text`, and compares with [`expected`].
fn exact(keys: &[u64], text: impl Fn(u64) -> String, args: [&str; 2]) {
    let lines: String = keys
        .iter()
        .enumerate()
        .map(|(index, &key)| format!("{},{}\n", text(key), index + 1))
        .collect();
    let case = Case::csv(format!("k,record\n{lines}"))
        .args(["--key", "k"])
        .args(args)
        .any_rejects();
    let (first, repeats) = expected(keys);
    let settings = super::harness::all_settings();
    let mut earlier = None;
    for index in [3, 17, 30, 44, 55, 66] {
        let run = case.run(&settings[index]);
        let found: Vec<_> = run
            .rejects()
            .iter()
            .map(|reject| {
                (
                    reject.record,
                    reject
                        .first_record
                        .unwrap_or_else(|| run.fail("a duplicate names no first record")),
                )
            })
            .collect();
        if found != repeats {
            run.fail(&format!("duplicates {found:?}, expected {repeats:?}"));
        }
        let connection = database::open(&run.path("out.db"));
        let mut records = connection.prepare("SELECT record FROM t ORDER BY record").unwrap();
        let records: Vec<i64> = records
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(
            records.iter().map(|&record| record as u64).eq(first.iter().copied()),
            "{records:?}"
        );
        if let Some(earlier) = &earlier {
            run.must_equal(earlier);
        }
        earlier = Some(run);
    }
}

const NO_ARGS: [&str; 2] = ["--batch-rows", "64"];

#[test]
fn ascending_integers_without_repeats_are_row_ids() {
    let run = Case::csv("k,v\n10,a\n20,b\n30,c\n").args(["--key", "k"]).expect_rows([
        "10: 10, 'a'",
        "20: 20, 'b'",
        "30: 30, 'c'",
    ]);
    run.check();
    let schema = run.once().dump().schema;
    assert_eq!(schema.len(), 1, "no index is needed: {schema:?}");
    assert!(schema[0].contains("INTEGER PRIMARY KEY"), "{schema:?}");
}

#[test]
fn mostly_ascending_integers_with_repeats() {
    let mut keys: Vec<u64> = (1..=1_000).map(|i| i * 3).collect();
    for (at, earlier) in [(200, 10), (500, 499), (501, 499), (900, 0)] {
        keys[at] = keys[earlier];
    }
    keys[700] = 5;
    keys[701] = 7;
    keys[702] = 5;
    exact(&keys, |key| key.to_string(), NO_ARGS);
}

#[test]
fn integers_in_random_order() {
    let mut numbers = Numbers(1);
    let keys: Vec<u64> = (0..1_500).map(|_| numbers.below(1_000)).collect();
    exact(&keys, |key| (key as i64 - 500).to_string(), NO_ARGS);
}

#[test]
fn text_keys() {
    let mut numbers = Numbers(2);
    let keys: Vec<u64> = (0..1_500).map(|_| numbers.below(900)).collect();
    exact(&keys, |key| format!("\"key, {key}\""), NO_ARGS);
}

#[test]
fn real_keys() {
    let mut numbers = Numbers(3);
    let keys: Vec<u64> = (0..500).map(|_| numbers.below(300)).collect();
    exact(&keys, |key| format!("{key}.25"), NO_ARGS);
}

#[test]
fn every_record_has_the_same_key() {
    exact(&[7; 500], |key| key.to_string(), NO_ARGS);
    exact(&[7; 500], |key| format!("t{key}"), NO_ARGS);
}

#[test]
fn descending_integers() {
    let keys: Vec<u64> = (0..500).rev().chain([3, 499]).collect();
    exact(&keys, |key| key.to_string(), NO_ARGS);
}

#[test]
fn the_same_number_written_in_two_ways_is_one_key_where_it_is_a_number() {
    Case::csv("k,v\n1.5,a\n1.50,b\n2,c\n2.0,d\n")
        .args(["--key", "k", "--types", "k=real"])
        .expect_rows(["1: 1.5, 'a'", "3: 2.0, 'c'"])
        .expect_rejects([(3, "duplicate_key"), (5, "duplicate_key")])
        .check();
    Case::csv("k,v\n1.5,a\n1.50,b\n")
        .args(["--key", "k"])
        .expect_rows(["1: '1.5', 'a'", "2: '1.50', 'b'"])
        .check();
}

#[test]
fn a_quoted_and_an_unquoted_key_are_one() {
    Case::csv("k,v\nab,1\n\"ab\",2\n\"a\"\"b\",3\n\"a\"\"b\",4\n")
        .args(["--key", "k"])
        .expect_rows(["1: 'ab', 1", "3: 'a\"b', 3"])
        .expect_rejects([(3, "duplicate_key"), (5, "duplicate_key")])
        .check();
}

#[test]
fn parts_of_composite_keys_do_not_run_together() {
    Case::csv("a,b,v\nab,c,1\na,bc,2\nab,c,3\n\"a,\",b,4\na,\",b\",5\n,abc,6\nabc,,7\n")
        .args(["--key", "a,b"])
        .expect_rows([
            "1: 'ab', 'c', 1",
            "2: 'a', 'bc', 2",
            "4: 'a,', 'b', 4",
            "5: 'a', ',b', 5",
            "6: NULL, 'abc', 6",
            "7: 'abc', NULL, 7",
        ])
        .expect_rejects([(4, "duplicate_key")])
        .check();
}

#[test]
fn composite_keys_name_their_columns() {
    let run = Case::csv("a,b\n1,x\n1,y\n1,x\n")
        .args(["--key", "b,a"])
        .expect_rejects([(4, "duplicate_key")])
        .once();
    let reject = &run.rejects()[0];
    assert_eq!((reject.column.as_str(), reject.first_record), ("b,a", Some(1)));
}

#[test]
fn a_key_with_a_null_is_a_duplicate_of_nothing() {
    Case::csv("k,v\n,1\n,2\nx,3\n\"\",4\n\"\",5\nx,6\n")
        .args(["--key", "k"])
        .expect_rows(["1: NULL, 1", "2: NULL, 2", "3: 'x', 3", "4: '', 4"])
        .expect_rejects([(6, "duplicate_key"), (7, "duplicate_key")])
        .check();
    Case::csv("a,b,v\n1,,1\n1,,2\n,,3\n,,4\n1,2,5\n1,2,6\n")
        .args(["--key", "a,b"])
        .expect_rejects([(7, "duplicate_key")])
        .check();
}

#[test]
fn integer_keys_with_a_null_among_them() {
    Case::csv("k,v\n1,a\n,b\n2,c\n,d\n1,e\n")
        .args(["--key", "k"])
        .expect_rows(["1: 1, 'a'", "2: NULL, 'b'", "3: 2, 'c'", "4: NULL, 'd'"])
        .expect_rejects([(6, "duplicate_key")])
        .check();
}

#[test]
fn a_rejected_record_does_not_claim_its_key() {
    Case::csv("k,v\nx,1,2\nx,3\nx,4\n")
        .args(["--key", "k"])
        .expect_rows(["2: 'x', 3"])
        .expect_rejects([(2, "too_many_columns"), (4, "duplicate_key")])
        .check();
}

#[test]
fn duplicates_stand_among_the_other_rejects_in_input_order() {
    let case = Case::csv("k,v\nx,1\nbad\nx,2\ny\ny,1\nz,\"\ny,2\nx,3\nbad\n")
        .args(["--key", "k"])
        .expect_rows(["1: 'x', 1", "5: 'y', 1"])
        .expect_rejects([
            (3, "missing_columns"),
            (4, "duplicate_key"),
            (5, "missing_columns"),
            (7, "unterminated_quote"),
            (8, "duplicate_key"),
            (9, "duplicate_key"),
            (10, "missing_columns"),
        ]);
    case.check();
    let first: Vec<_> = case
        .once()
        .rejects()
        .iter()
        .filter_map(|reject| reject.first_record)
        .collect();
    assert_eq!(first, [1, 5, 1]);
}

#[test]
fn a_full_filter_loses_nothing() {
    // So little memory that the filter is far past its capacity: every later row becomes a suspect and is settled exactly.
    let mut numbers = Numbers(5);
    let lines: String = (0..20_000)
        .map(|i| format!("{:x},{i}\n", numbers.below(15_000)))
        .collect();
    let case = Case::csv(format!("k,v\n{lines}")).args(["--key", "k"]).any_rejects();
    let roomy = case.once();
    let tight = case.args(["--memory", "40MiB"]).once();
    roomy.must_equal(&tight);
}

#[test]
fn three_files_with_overlapping_keys() {
    let case = Case::csv("id,v\na,1\nb,2\na,3\n")
        .and_csv("two.csv", "v,ID\n4,b\n5,c\n")
        .and_csv("three.csv", "id,v\nc,6\nd,7\na,8\n")
        .args(["--key", "id"])
        .expect_rows(["1: 'a', 1", "2: 'b', 2", "5: 'c', 5", "7: 'd', 7"])
        .expect_rejects([
            (4, "duplicate_key"),
            (2, "duplicate_key"),
            (2, "duplicate_key"),
            (4, "duplicate_key"),
        ]);
    case.check();
    let rejects = case.once().rejects();
    let places: Vec<_> = rejects
        .iter()
        .map(|reject| (reject.file.as_str(), reject.record, reject.first_record.unwrap()))
        .collect();
    assert_eq!(
        places,
        [
            ("in.csv", 3, 1),
            ("two.csv", 1, 2),
            ("three.csv", 1, 2),
            ("three.csv", 3, 1)
        ]
    );
    assert!(rejects[2].message.contains("two.csv"), "{}", rejects[2].message);
}

#[test]
fn keys_that_the_table_holds_already_count() {
    for columns in [
        "id INTEGER PRIMARY KEY, v",
        "id TEXT PRIMARY KEY, v",
        "id INT, v, UNIQUE (id)",
        "v, id TEXT UNIQUE",
    ] {
        let case = Case::csv("id,v\n1,new\n2,b\n3,new\n2,c\n4,d\n")
            .existing(&format!(
                "CREATE TABLE t ({columns}); INSERT INTO t (id, v) VALUES (1, 'old'), (3, 'old')"
            ))
            .args(["--key", "id"])
            .expect_rejects([(2, "duplicate_key"), (4, "duplicate_key"), (5, "duplicate_key")]);
        case.check();
        let run = case.once();
        let first: Vec<_> = run.rejects().iter().map(|reject| reject.first_record).collect();
        assert_eq!(first[..2], [None, None], "{columns}");
        assert!(run.rejects()[0].message.contains("in the table"), "{columns}");
    }
}

#[test]
fn the_key_flag_makes_an_existing_table_without_a_key_unique() {
    Case::csv("id,v\nx,1\ny,2\nx,3\nz,4\n")
        .existing("CREATE TABLE t (id TEXT, v INTEGER); INSERT INTO t VALUES ('z', 0)")
        .args(["--key", "id"])
        .expect_rows(["1: 'z', 0", "2: 'x', 1", "3: 'y', 2"])
        .expect_rejects([(4, "duplicate_key"), (5, "duplicate_key")])
        .check();
}

#[test]
fn loading_the_same_file_again_finds_nothing_but_duplicates() {
    for lines in ["1,a\n2,b\n3,c\n", "x,a\ny,b\nz,c\n", "9,a\n2,b\n5,c\n"] {
        let run = Case::csv(format!("id,v\n{lines}")).args(["--key", "id"]).once();
        let before = run.dump();
        let again = run_in(
            run.folder.path(),
            &["load", "in.csv", "out.db", "--table", "t", "--key", "id"],
        );
        assert_eq!(again.code(), 2, "{}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(run.dump(), before);
        let codes: Vec<_> = run
            .rejects()
            .iter()
            .map(|reject| (reject.record, reject.code.clone()))
            .collect();
        assert_eq!(codes, [1, 2, 3].map(|record| (record, "duplicate_key".to_owned())));
    }
}

#[test]
fn without_a_key_nothing_is_a_duplicate_and_a_second_load_appends() {
    let run = Case::csv("id,v\n1,a\n1,a\n")
        .expect_rows(["1: 1, 'a'", "2: 1, 'a'"])
        .once();
    let again = run_in(run.folder.path(), &["load", "in.csv", "out.db", "--table", "t"]);
    assert_eq!(again.code(), 0, "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(run.dump().rows, ["1: 1, 'a'", "2: 1, 'a'", "3: 1, 'a'", "4: 1, 'a'"]);
}

#[test]
fn a_key_that_is_no_column_is_refused_and_the_columns_are_named() {
    let run = Case::csv("a,b\n1,2\n")
        .args(["--key", "c"])
        .expect_exit(64)
        .expect_said("\"a\", \"b\"")
        .once();
    assert!(!run.path("out.db").exists());
}

#[test]
fn keys_with_gaps_keep_them_where_rows_go_in_many_at_a_time() {
    let lines: String = (1..=300).map(|n| format!("{},v{n}\n", n * 3)).collect();
    Case::csv(format!("id,v\n{lines}"))
        .args(["--key", "id", "--write-path", "sql"])
        .expect_row_list((1..=300).map(|n| format!("{0}: {0}, 'v{n}'", n * 3)).collect())
        .once();
}
