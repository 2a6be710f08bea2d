//! What a table is, as SQLite reports it, not as its text reads: quotes, comments, collations, encodings, what only another program has.

use super::harness::{Case, PLAIN};

/// Whatever quotes, brackets and comments make of a table's text, SQLite knows what the table is.
#[test]
fn what_a_table_is_does_not_depend_on_how_it_is_written() {
    let rows = ["1: '5', 1, 'a'"];
    for table in [
        "CREATE TABLE t (size TEXT DEFAULT '5\"', qty INTEGER CHECK (qty > 0), note TEXT DEFAULT '6\"')",
        "CREATE TABLE t (size TEXT DEFAULT '5\"', qty INTEGER, note TEXT DEFAULT '6\"', CHECK/**/(qty > 0))",
        "CREATE TABLE t (size TEXT, [qty] INTEGER /* \" */ CHECK (\"qty\" > 0), note TEXT /* \" */)",
        "CREATE TABLE t (size TEXT, `qty` INTEGER -- it's \"\n constraint \"c\" check (qty > 0), note TEXT)",
    ] {
        Case::csv("size,qty,note\n5,1,a\n6,-7,b\n")
            .existing(table)
            .expect_rows(rows)
            .expect_rejects([(3, "constraint_failed")])
            .check();
    }
}

#[test]
fn an_index_is_in_the_order_of_its_column() {
    for collation in ["NOCASE", "RTRIM", "nocase"] {
        let case = Case::csv("size,who,note\n1,b,x\n2,A,x\n3,C ,x\n4,a,x\n5,B,x\n6,c,x\n")
            .existing(&format!(
                "CREATE TABLE t (size TEXT DEFAULT '5\"', who TEXT COLLATE/**/{collation}, note TEXT DEFAULT '6\"')"
            ))
            .args(["--index", "who"]);
        // The harness looks at `integrity_check` after each.
        case.check();
        assert_eq!(case.once().report().unwrap()["write_path"], "sql");
    }
}

#[test]
fn plain_tables_take_the_direct_path_however_they_are_written() {
    let path = |table: &str| {
        let run = Case::csv("a,b\n1,x\n").existing(table).run(&PLAIN);
        run.report().unwrap()["write_path"].as_str().unwrap().to_owned()
    };
    for plain in [
        "CREATE TABLE t (\"a\" \"INTEGER\", [b] 'VARCHAR(9)')",
        "CREATE TABLE t (a INTEGER DEFAULT 'CHECK', b TEXT -- COLLATE NOCASE\n)",
        "CREATE TABLE s (a INT, b TEXT); CREATE TABLE t AS SELECT * FROM s",
        "CREATE TABLE u (a INTEGER, gone CHECK (gone > 0), b TEXT); ALTER TABLE u RENAME TO t; ALTER TABLE t DROP COLUMN gone",
    ] {
        assert_eq!(path(plain), "direct", "{plain}");
    }
    for other in [
        "CREATE TABLE t (a INTEGER PRIMARY KEY DESC, b TEXT)",
        "CREATE TABLE t (a INTEGER, b TEXT) STRICT",
        "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT)",
        "CREATE TABLE t (a INTEGER, b TEXT, c AS (a + 1))",
        "CREATE TABLE p (x TEXT PRIMARY KEY); CREATE TABLE t (a INTEGER, b TEXT REFERENCES p)",
        "CREATE TABLE t (a INTEGER, b NUMERIC)",
        "CREATE TABLE t (a INTEGER, b TEXT); CREATE INDEX i ON t(b COLLATE NOCASE) WHERE a > 0",
        "CREATE TABLE u (a INTEGER, b TEXT CHECK (b <> '')); ALTER TABLE u RENAME TO t",
    ] {
        assert_eq!(path(other), "sql", "{other}");
    }
}

#[test]
fn a_table_that_needs_what_only_another_program_has_is_refused_with_its_name() {
    let foreign = |table: &str, here: &str, there: &str| {
        format!(
            "{table}; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '{here}', '{there}'); \
             PRAGMA writable_schema = OFF"
        )
    };
    for (table, what) in [
        (
            foreign("CREATE TABLE t (a TEXT CHECK (abs(a)), b TEXT)", "abs", "mine"),
            "mine",
        ),
        (
            foreign("CREATE TABLE t (a TEXT, b TEXT AS (abs(a)))", "abs", "mine"),
            "mine",
        ),
        (
            foreign(
                "CREATE TABLE t (a TEXT COLLATE NOCASE UNIQUE, b TEXT)",
                "NOCASE",
                "theirs",
            ),
            "theirs",
        ),
        (
            "CREATE TABLE t (a, b); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT mine(new.a); END".to_owned(),
            "mine",
        ),
        (
            "CREATE TABLE p (x); CREATE TABLE t (a TEXT REFERENCES p(x), b)".to_owned(),
            "foreign key mismatch",
        ),
    ] {
        let run = Case::csv("a\nx\n").existing(&table).run(&PLAIN);
        assert_eq!(run.ended.code(), 78, "{table}: {}", run.stderr());
        assert!(run.stderr().contains(what), "{table}: {}", run.stderr());
    }
}

#[test]
fn a_load_into_utf_16_is_as_one_row_by_row() {
    let text = "k,v\nä,€\n\u{1F600},x\n\u{FFFE},y\n\u{FFFF},z\nä,again\n,n\n";
    for encoding in ["UTF-16le", "UTF-16be"] {
        Case::csv(text)
            .existing(&format!(
                "PRAGMA encoding = '{encoding}'; CREATE TABLE t (k TEXT, v TEXT)"
            ))
            .args(["--key", "k", "--index", "v"])
            .expect_rows([
                "1: 'ä', '€'",
                "2: '\u{1F600}', 'x'",
                "3: '\u{FFFE}', 'y'",
                "4: '\u{FFFF}', 'z'",
                "6: NULL, 'n'",
            ])
            .expect_rejects([(6, "duplicate_key")])
            .check();
    }
}

#[test]
fn an_index_of_another_collation_is_not_the_one_that_is_asked_for() {
    let run = Case::csv("who,note\nb,x\nA,x\n")
        .existing("CREATE TABLE t (who TEXT, note TEXT); CREATE INDEX theirs ON t (who COLLATE NOCASE)")
        .args(["--index", "who"])
        .once();
    let plan: String = super::database::open(&run.path("out.db"))
        .query_row("EXPLAIN QUERY PLAN SELECT * FROM t WHERE who = 'A'", [], |row| {
            row.get(3)
        })
        .unwrap();
    assert!(plan.contains("USING INDEX t_who"), "{plan}");
}
