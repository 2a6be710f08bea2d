//! Rows that refer to later ones under a deferred foreign key: all that hold together go in, however long their chains are, circles
//! included, in every kind of table, and nobody else.

use std::collections::BTreeMap;

use super::database;
use super::harness::{Case, Run};

const LOG: &str =
    "CREATE TABLE log (id); CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END";

/// Kinds of tables: `id` is their key, `p` refers to it.
fn kinds(id: &str) -> [String; 5] {
    let p = "p REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED";
    [
        format!("CREATE TABLE t (id {id} PRIMARY KEY, {p})"),
        // SQLite numbers the rows.
        format!("CREATE TABLE t (id {id} UNIQUE, {p}); CREATE INDEX i ON t (p)"),
        format!("CREATE TABLE t (id {id} PRIMARY KEY, {p}) WITHOUT ROWID"),
        format!("CREATE TABLE t (id {id} PRIMARY KEY, {p}); {LOG}"),
        format!("CREATE TABLE t (id {id} PRIMARY KEY, {p}) WITHOUT ROWID; {LOG}"),
    ]
}

fn ids(run: &Run, sql: &str) -> Vec<String> {
    let connection = database::open(&run.path("out.db"));
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok(database::literal(row.get_ref(0).unwrap())));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn chains_and_circles_may_be_as_long_as_they_like() {
    const LENGTH: u64 = 150;
    let row = |id: u64, parent: u64| format!("{id},{parent}\n");
    let chain = |from: u64, end: u64| {
        (from..from + LENGTH).map(move |id| row(id, if id + 1 == from + LENGTH { end } else { id + 1 }))
    };
    let csv = "id,p\n".to_owned()
        // A chain to a row that comes last, one to a row that never comes, a circle, a chain to the circle, one to the second.
        + &chain(1000, 7).collect::<String>()
        + &chain(2000, 8).collect::<String>()
        + &chain(3000, 3000).collect::<String>()
        + &chain(4000, 3050).collect::<String>()
        + &chain(5000, 2149).collect::<String>()
        + "7,\n";
    let landed = |id: &u64| *id < 2000 || (3000..5000).contains(id);
    let all = (1..=5).flat_map(|thousands| (0..LENGTH).map(move |place| thousands * 1000 + place));
    let expected: Vec<String> = all.chain([7]).filter(landed).map(|id| id.to_string()).collect();
    let rejects: Vec<u64> = (0..2 * LENGTH)
        .map(|place| 2 + LENGTH + place + if place < LENGTH { 0 } else { 2 * LENGTH })
        .collect();
    for schema in kinds("INTEGER") {
        for batch_rows in ["200000", "7"] {
            let run = Case::csv(&csv)
                .args(["--batch-rows", batch_rows])
                .existing(&schema)
                .any_rejects()
                .once();
            let mut sorted = expected.clone();
            sorted.sort_by_key(|id| id.parse::<u64>().unwrap());
            assert_eq!(ids(&run, "SELECT id FROM t ORDER BY id"), sorted, "{schema}");
            let found: Vec<u64> = run.rejects().iter().map(|reject| reject.line).collect();
            assert_eq!(found, rejects, "{schema}");
            let says = |message: &str| message.contains("FOREIGN KEY constraint failed");
            assert!(run.rejects().iter().all(|reject| says(&reject.message)), "{schema}");
            // The row that did not wait, then the others in the order of the file.
            let mut in_order = expected.clone();
            in_order.rotate_right(1);
            if schema.contains("TRIGGER") {
                assert_eq!(ids(&run, "SELECT id FROM log ORDER BY rowid"), in_order, "{schema}");
            } else if schema.contains("UNIQUE") {
                assert_eq!(ids(&run, "SELECT id FROM t ORDER BY rowid"), in_order);
                let numbers: Vec<String> = (1..=in_order.len()).map(|number| number.to_string()).collect();
                assert_eq!(ids(&run, "SELECT rowid FROM t ORDER BY rowid"), numbers);
            }
            let left = ids(
                &run,
                "SELECT name FROM sqlite_schema WHERE name LIKE '\\_rowmill%' ESCAPE '\\'",
            );
            assert_eq!(left, [""; 0]);
        }
    }
}

#[test]
fn work_does_not_grow_with_the_square_of_the_rows() {
    // Many minutes, if each row took a look at all others.
    const ROWS: u64 = 40_000;
    let mut csv = "id,p\n".to_owned();
    for id in 1..=ROWS {
        // Chains of five and, every other time, their end is missing.
        let parent = match id % 10 {
            5 => String::new(),
            0 => "0".to_owned(),
            _ => (id + 1).to_string(),
        };
        csv += &format!("{id},{parent}\n");
    }
    let dead: String = "id,p\n".to_owned() + &(1..=ROWS).map(|id| format!("{id},{}\n", id + 1)).collect::<String>();
    for schema in kinds("INTEGER") {
        let run = Case::csv(&csv).existing(&schema).any_rejects().once();
        assert_eq!(database::count(&run.path("out.db"), "t"), ROWS / 2, "{schema}");
        let run = Case::csv(&dead).existing(&schema).any_rejects().once();
        assert_eq!(database::count(&run.path("out.db"), "t"), 0, "{schema}");
        let circle = dead.replace(&format!(",{}\n", ROWS + 1), ",1\n");
        let run = Case::csv(&circle).existing(&schema).any_rejects().expect_exit(0).once();
        assert_eq!(database::count(&run.path("out.db"), "t"), ROWS, "{schema}");
    }
}

#[test]
fn references_are_compared_as_the_foreign_key_does() {
    // The parent's collation and affinity count, and a NULL in any column is no reference.
    for end in ["", " WITHOUT ROWID"] {
        Case::csv("a,b,p,q\nX,1,y,02\nY,02,x,1\nz,3,w,3\nv,4,z,3\nu,5,w,\nT,6,,9\ns,7,S,7\nr,8,r,08\n")
            .existing(&format!(
                "CREATE TABLE t (a TEXT COLLATE NOCASE, b TEXT, p TEXT, q TEXT, PRIMARY KEY (a, b),
                 FOREIGN KEY (p, q) REFERENCES t DEFERRABLE INITIALLY DEFERRED){end}"
            ))
            .expect_rejects([
                (4, "constraint_failed"),
                (5, "constraint_failed"),
                (9, "constraint_failed"),
            ])
            .check();
    }
    // A key of numbers, to which texts refer.
    Case::csv("id,p\n1,2\n2,3.0\n3,\n4,5x\n5,4\n")
        .existing("CREATE TABLE t (id NUMERIC UNIQUE, p TEXT REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)")
        .expect_rows(["1: 3, NULL", "2: 1, '2'", "3: 2, '3.0'"])
        .expect_rejects([(5, "constraint_failed"), (6, "constraint_failed")])
        .check();
    // Two references, one of them to another table.
    Case::csv("id,p,o\n1,2,1\n2,1,1\n3,4,1\n4,3,2\n5,3,1\n6,6,1\n")
        .existing(
            "CREATE TABLE o (id INTEGER PRIMARY KEY); INSERT INTO o VALUES (1);
             CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED,
             o INTEGER REFERENCES o DEFERRABLE INITIALLY DEFERRED)",
        )
        .expect_rows(["1: 1, 2, 1", "2: 2, 1, 1", "6: 6, 6, 1"])
        .expect_rejects([
            (4, "constraint_failed"),
            (5, "constraint_failed"),
            (6, "constraint_failed"),
        ])
        .check();
}

#[test]
fn what_a_row_brings_that_was_refused_for_an_orphan_is_there_when_the_orphan_is_gone() {
    // 1 refers to what never comes and has the key of 2, without which 3 and 4 do not hold.
    let case = Case::csv("id,k,p\n1,a,99\n2,a,3\n3,b,2\n4,c,3\n5,c,1\n")
        .existing("CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT UNIQUE, p INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
        .expect_rows(["2: 2, 'a', 3", "3: 3, 'b', 2", "4: 4, 'c', 3"])
        .expect_rejects([(2, "constraint_failed"), (6, "duplicate_key")]);
    case.check();
}

#[test]
fn triggers_see_only_rows_that_stay() {
    // At most four rows: orphans do not count.
    let most =
        "CREATE TRIGGER m BEFORE INSERT ON t WHEN (SELECT count(*) FROM t) >= 4 BEGIN SELECT RAISE(ABORT, 'full'); END";
    let run = Case::csv("id,p\n1,99\n2,1\n3,2\n4,98\n5,6\n6,7\n7,5\n8,9\n9,8\n")
        .existing(&format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED); {LOG}; {most}"
        ))
        .expect_rows(["5: 5, 6", "6: 6, 7", "7: 7, 5"])
        .any_rejects()
        .once();
    assert_eq!(ids(&run, "SELECT id FROM log ORDER BY rowid"), ["5", "6", "7"]);
    // One that takes all others along, and one that a trigger leaves out, which it says once.
    let roll = "CREATE TRIGGER r BEFORE INSERT ON t WHEN NEW.p = 21 AND (SELECT count(*) FROM t) > 1
                BEGIN SELECT RAISE(ROLLBACK, 'no more'); END";
    let ignore = "CREATE TRIGGER i BEFORE INSERT ON t WHEN NEW.p = 31 AND (SELECT count(*) FROM t) > 1
                  BEGIN INSERT INTO log VALUES (-NEW.id); SELECT RAISE(IGNORE); END";
    let run = Case::csv("id,p\n1,2\n2,1\n3,21\n4,31\n21,5\n31,5\n5,6\n6,5\n")
        .existing(&format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED); {LOG}; {roll}; {ignore}"
        ))
        .expect_rejects([(4, "constraint_failed"), (5, "constraint_failed")])
        .once();
    assert!(run.rejects()[0].message.contains("no more") && run.rejects()[1].message.contains("ignored"));
    let log = ["1", "2", "-4", "21", "31", "5", "6"];
    assert_eq!(ids(&run, "SELECT id FROM log ORDER BY rowid"), log);
}

#[test]
fn what_a_trigger_leaves_open_costs_its_rows_alone() {
    const LENGTH: u64 = 100;
    let mut csv = "id,p\n".to_owned();
    for id in 1..=LENGTH {
        csv += &format!("{id},{}\n", id + 1);
    }
    csv += &format!("500,501\n501,502\n502,\n{},\n", LENGTH + 1);
    // What the trigger notes of row 501 refers to nothing, which no look at the row tells.
    let run = Case::csv(csv)
        .existing(
            "CREATE TABLE o (id INTEGER PRIMARY KEY); CREATE TABLE log (id, o REFERENCES o DEFERRABLE INITIALLY DEFERRED);
             CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id, CASE NEW.id WHEN 501 THEN 1 END); END",
        )
        .expect_rejects([(102, "constraint_failed"), (103, "constraint_failed")])
        .once();
    assert_eq!(database::count(&run.path("out.db"), "t"), LENGTH + 2);
    assert_eq!(database::count(&run.path("out.db"), "log"), LENGTH + 2);
}

/// A small generator: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}

#[test]
fn of_random_references_the_largest_set_that_holds_goes_in() {
    for seed in 0..30 {
        let mut random = Random(seed);
        let rows = 1 + random.below(300);
        // As many as are missing: from hardly any row to most.
        let missing = random.below(rows) / (1 + random.below(60)) + random.below(2);
        let mut parents = BTreeMap::new();
        while (parents.len() as u64) < rows {
            let id = 1 + random.below(10 * rows);
            parents.entry(id).or_insert(0);
        }
        let known: Vec<u64> = parents.keys().copied().collect();
        for parent in parents.values_mut() {
            let place = random.below(rows + missing) as usize;
            *parent = known.get(place).copied().unwrap_or(20 * rows);
        }
        let mut order = known;
        for place in (1..order.len()).rev() {
            order.swap(place, random.below(place as u64 + 1) as usize);
        }
        let csv = order.iter().fold("id,p\n".to_owned(), |csv, id| {
            csv + &format!("n{id},N{}\n", parents[id])
        });
        loop {
            let before = parents.len();
            let left: Vec<u64> = parents.keys().copied().collect();
            parents.retain(|_, parent| left.contains(parent));
            if parents.len() == before {
                break;
            }
        }
        let expected: Vec<String> = order
            .iter()
            .filter(|id| parents.contains_key(id))
            .map(|id| format!("'n{id}'"))
            .collect();
        for schema in kinds("TEXT COLLATE NOCASE") {
            let run = Case::csv(&csv).existing(&schema).any_rejects().once();
            let mut found = ids(&run, "SELECT id FROM t");
            let mut expected = expected.clone();
            if schema.contains("TRIGGER") {
                assert_eq!(ids(&run, "SELECT id FROM log ORDER BY rowid").len(), expected.len());
            }
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "seed {seed}: {schema}");
        }
    }
}
