//! What a cell without a value is: words for NULL, and empty cells as NULL, as text or as the DEFAULT of their column.

use std::fs;

use super::harness::{Case, run_in};

#[test]
fn words_for_null_are_null_where_they_stand_without_quotes() {
    Case::csv("id,a,b\n1,NULL,x\n2,5,NA\n3,\\N,\"NA\"\n4,-,null\n5,,NULL \n")
        .args(["--null", "NULL", "--null", "NA", "--null", "\\N", "--null", "-"])
        .expect_types([("id", "integer"), ("a", "integer"), ("b", "text")])
        .expect_rows([
            "1: 1, NULL, 'x'",
            "2: 2, 5, NULL",
            "3: 3, NULL, 'NA'",
            "4: 4, NULL, 'null'",
            "5: 5, NULL, 'NULL '",
        ])
        .check();
}

#[test]
fn a_word_for_null_in_a_declared_column_is_no_error_and_in_a_key_no_duplicate() {
    Case::csv("k,d,v\nNA,2024-01-01,1\nNA,NA,2\n7,2024-02-30,3\n7,NA,4\n8,-,NA\n8,NA,x\n")
        .args(["--null", "NA", "--key", "k", "--types", "d=date,v=integer"])
        .expect_rejects([(4, "out_of_range"), (6, "type_error"), (7, "type_error")])
        .check();
    Case::csv("k,v\nNA,1\nNA,2\n7,3\n7,4\n")
        .args(["--null", "NA", "--key", "k,v"])
        .expect_rows(["1: NULL, 1", "2: NULL, 2", "3: 7, 3", "4: 7, 4"])
        .check();
}

#[test]
fn a_word_for_null_is_refused_where_the_column_refuses_null() {
    Case::csv("a,b\nNA,x\n2,NA\n3,y\n")
        .existing("CREATE TABLE t (a INTEGER NOT NULL, b TEXT NOT NULL DEFAULT 'd')")
        .args(["--null", "NA", "--empty", "default"])
        .expect_rows(["1: 3, 'y'"])
        .expect_rejects([(2, "null_violation"), (3, "null_violation")])
        .check();
}

#[test]
fn a_file_with_words_for_null_is_the_file_with_empty_cells() {
    // Plain second way: the words are taken out before the load. Long enough for several chunks, pages and guesses.
    let mut words = "id,n,r,t\n".to_owned();
    for id in 0..400_u32 {
        let pick = |values: [&str; 4], by: u32| {
            values[((id.wrapping_mul(2_654_435_761) % 1_000 + by) % 4) as usize].to_owned()
        };
        words += &format!(
            "{id},{},{},{}\n",
            pick(["NULL", "12", "-7", "NA"], 1),
            pick(["1.5", "NA", "2.25", "NULL"], 2),
            pick(["x", "\"NULL\"", "NA", "\"a,\nb\""], 3)
        );
    }
    let plain: String = words
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line
                .split(',')
                .map(|cell| if cell == "NULL" || cell == "NA" { "" } else { cell })
                .collect();
            cells.join(",") + "\n"
        })
        .collect();
    let case = Case::csv(&words).args(["--null", "NULL", "--null", "NA"]);
    let expected = Case::csv(&plain).once();
    case.check();
    let found = case.once();
    found.must_match("rows", &expected.dump().rows, &found.dump().rows);
    found.must_match("types", &expected.column_types(), &found.column_types());
}

#[test]
fn an_empty_cell_can_be_the_empty_text() {
    let case = Case::csv("id,name,n\n1,,5\n2,\"\",\n3,x,7\n")
        .args(["--empty", "text"])
        .expect_types([("id", "integer"), ("name", "text"), ("n", "text")])
        .expect_rows(["1: 1, '', '5'", "2: 2, '', ''", "3: 3, 'x', '7'"]);
    case.check();
    assert!(case.once().stderr().contains("--empty null loads it as NULL"));
    Case::csv("id,note\n1,\n2,x\n")
        .existing("CREATE TABLE t (id INTEGER, note TEXT NOT NULL)")
        .args(["--empty", "text"])
        .expect_rows(["1: 1, ''", "2: 2, 'x'"])
        .check();
    // As with `""`: no number.
    Case::csv("id,n\n1,\n2,3\n")
        .args(["--empty", "text", "--types", "n=integer"])
        .expect_rows(["2: 2, 3"])
        .expect_rejects([(2, "type_error")])
        .check();
    // A blank line of a single column is a row of it.
    Case::csv("v\nx\n\ny\n")
        .args(["--empty", "text"])
        .expect_rows(["1: 'x'", "2: ''", "3: 'y'"])
        .check();
}

#[test]
fn an_empty_cell_can_take_the_default_of_its_column() {
    Case::csv("id,status,n,r,b,free,q\n1,,,,,,\"\"\n2,done,4,2.5,y,z,w\n3,,5,,,,\n")
        .existing(
            "CREATE TABLE t (id INTEGER, status TEXT NOT NULL DEFAULT 'a long word that does not fit the row by itself, nor a few more', \
             n INTEGER NOT NULL DEFAULT -3, r REAL DEFAULT 1, b DEFAULT 0.0, free TEXT, q TEXT DEFAULT 'it''s')",
        )
        .args(["--empty", "default"])
        .expect_rows([
            "1: 1, 'a long word that does not fit the row by itself, nor a few more', -3, 1.0, 0.0, NULL, ''",
            "2: 2, 'done', 4, 2.5, 'y', 'z', 'w'",
            "3: 3, 'a long word that does not fit the row by itself, nor a few more', 5, 1.0, 0.0, NULL, 'it's'",
        ])
        .check();
    Case::csv("id,q\n1,\"\"\n2,\n")
        .existing("CREATE TABLE t (id INTEGER, q TEXT DEFAULT 'd')")
        .args(["--empty", "default", "--empty-as-null"])
        .expect_rows(["1: 1, 'd'", "2: 2, 'd'"])
        .check();
}

#[test]
fn a_default_is_part_of_a_key_as_the_same_value_is() {
    for unique in ["", ", UNIQUE (a, b)"] {
        Case::csv("a,b,c\n1,,x\n1,new,y\n2,new,z\n2,,v\n")
            .existing(&format!(
                "CREATE TABLE t (a INTEGER, b TEXT DEFAULT 'new', c TEXT{unique})"
            ))
            .args(["--empty", "default", "--key", "a,b"])
            .expect_rejects([(3, "duplicate_key"), (5, "duplicate_key")])
            .check();
    }
}

#[test]
fn a_default_that_is_the_time_is_when_the_load_began_and_one_that_is_computed_is_refused() {
    let run = Case::csv("id,at\n1,\n2,\n3,x\n")
        .existing("CREATE TABLE t (id INTEGER, at TEXT DEFAULT CURRENT_TIMESTAMP)")
        .args(["--empty", "default"])
        .once();
    let rows = run.dump().rows;
    assert_eq!(rows[0].replacen("1: 1", "", 1), rows[1].replacen("2: 2", "", 1));
    assert!(rows[0].contains("'20"), "{rows:?}");
    for computed in ["(random())", "(lower(hex(randomblob(4))))", "x'00'"] {
        Case::csv("id,at\n1,\n")
            .existing(&format!("CREATE TABLE t (id INTEGER, at TEXT DEFAULT {computed})"))
            .args(["--empty", "default"])
            .expect_exit(78)
            .expect_said("\"at\"")
            .expect_rows([])
            .once();
    }
}

#[test]
fn in_a_new_table_a_default_is_null_and_a_note_says_so() {
    Case::csv("id,n\n1,\n2,3\n")
        .args(["--empty", "default"])
        .expect_rows(["1: 1, NULL", "2: 2, 3"])
        .expect_said("has no DEFAULTs")
        .check();
}

#[test]
fn words_that_can_be_no_field_and_rules_at_odds_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "a\n1\n").unwrap();
    for (args, said) in [
        (&["--null", ""][..], "--empty"),
        (&["--null", "a,b"], "without quotes"),
        (&["--null", "\"\""], "without quotes"),
        (&["--empty", "text", "--empty-as-null"], "leave one of them out"),
    ] {
        let ended = run_in(folder.path(), &[&["load", "in.csv", "out.db"], args].concat());
        assert_eq!(ended.code(), 64, "{args:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains(said), "{args:?}");
    }
}

#[test]
fn a_load_is_gone_on_with_by_the_same_rules_only() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "a,b\n1,NA\nx,2\n3,\n").unwrap();
    let load = [
        "load",
        "in.csv",
        "out.db",
        "--types",
        "a=integer",
        "--null",
        "NA",
        "--max-errors",
    ];
    assert_eq!(run_in(folder.path(), &[&load[..], &["0"]].concat()).code(), 3);
    for (other, said) in [
        ("--null", "--null was NA and is NA,-"),
        ("--empty", "--empty was null and is text"),
    ] {
        let value = if other == "--null" { "-" } else { "text" };
        let ended = run_in(folder.path(), &[&load[..], &["1", other, value]].concat());
        assert_eq!(ended.code(), 64);
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(stderr.contains(said), "{stderr}");
    }
    assert_eq!(run_in(folder.path(), &[&load[..], &["1"]].concat()).code(), 2);
}
