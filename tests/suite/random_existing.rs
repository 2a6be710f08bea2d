//! Loads into random tables that others made, against a loader that knows one way only: each row in the order of the file, in a
//! transaction of its own. Stopped now and then, while others write; now and then the load makes the table by SQL that it is given, adds a column,
//! or lands as a whole.
//!
//! `ROWMILL_RANDOM_EXISTING=50000` loads into that many instead of [`TABLES`] (`scripts/random_tables` does that);
//! `ROWMILL_RANDOM_EXISTING_SEED=123` into the one with that seed. A table is the same on every machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rowmill::internal::options::{
    ContractOptions, CreateSql, ErrorLimits, LimitOptions, ResourceOptions, TableOptions, TargetOptions,
};
use rowmill::internal::{LoadOptions, load};
use rowmill::{Atomic, ErrorLimit, OnDuplicate, WritePath};
use rusqlite::Connection;

use super::database;
use super::dead_letters::read_rejects;

/// Tables of a normal run.
const TABLES: u64 = 2_000;

/// A small generator: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// A table of others, an input for it, and what others do meanwhile.
struct Scene {
    schema: String,
    /// What is in the table before.
    rows: String,
    /// The columns of the input.
    columns: Vec<&'static str>,
    key: Vec<&'static str>,
    /// Fields by record; one too few is a bad record.
    records: Vec<Vec<String>>,
    /// What others write after the load was stopped at its first reject.
    meanwhile: Option<String>,
    /// What becomes of records that repeat the key.
    on_duplicate: OnDuplicate,
    /// How much of `schema` others have run; the load makes the rest, which is the table or nothing.
    made_bytes: usize,
    /// The load adds a column, `x`.
    is_altered: bool,
    /// Nobody sees how rows are numbered, as may be the case with finished pages.
    hides_row_ids: bool,
    options: LoadOptions,
}

impl Scene {
    fn new(seed: u64) -> Scene {
        let mut random = Random(seed);
        let r = &mut random;
        let id = r.of(&[
            "",
            "",
            "id INTEGER PRIMARY KEY, ",
            "id INTEGER PRIMARY KEY AUTOINCREMENT, ",
            "id INTEGER PRIMARY KEY DESC, ",
        ]);
        let without_rowid = id.starts_with("id INTEGER PRIMARY KEY, ") && r.one_in(4);
        let brings_id = !id.is_empty() && (without_rowid || id.contains("DESC") || r.one_in(2));
        let k = r.of(&[
            "k TEXT",
            "k INTEGER",
            "k TEXT COLLATE NOCASE",
            "k TEXT UNIQUE",
            "k TEXT DEFAULT '5\"' COLLATE \"NOCASE\"",
            "k BLOB",
        ]);
        let u = r.of(&[
            "u INTEGER",
            "u INTEGER",
            "u INTEGER UNIQUE",
            "u INTEGER UNIQUE ON CONFLICT FAIL",
            "u INTEGER CHECK (u % 5 <> 3)",
        ]);
        let refers = r.of(&[
            "",
            "",
            "",
            " REFERENCES t (u)",
            " REFERENCES t (u) DEFERRABLE INITIALLY DEFERRED",
            " REFERENCES p",
        ]);
        let refers = if refers.contains("t (u)") && !u.contains("UNIQUE") {
            ""
        } else {
            refers
        };
        let deferred_parent = refers == " REFERENCES p" && r.one_in(2);
        let p = format!(
            "p INTEGER{refers}{}",
            if deferred_parent {
                " DEFERRABLE INITIALLY DEFERRED"
            } else {
                ""
            }
        );
        let end = if without_rowid { " WITHOUT ROWID" } else { "" };
        let mut schema = String::new();
        if r.one_in(6) {
            schema += "PRAGMA encoding = 'UTF-16le'; ";
        }
        schema += "CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1), (2), (3), (4); CREATE TABLE log (x UNIQUE ON CONFLICT FAIL); ";
        let table_at = schema.len();
        schema += &format!("CREATE TABLE t ({id}{k}, {u}, {p}){end}; ");
        let conflicts = u.contains("CONFLICT");
        let trigger = if conflicts { "" } else { Self::trigger(r) };
        schema += trigger;
        let index = r.of(&[
            "",
            "",
            "",
            "CREATE INDEX i ON t (u); ",
            "CREATE UNIQUE INDEX i ON t (k, p); ",
            "CREATE UNIQUE INDEX i ON t (u) WHERE u > 4; ",
        ]);
        schema += index;
        let has_rows = r.one_in(2);
        let mut rows = if has_rows {
            Self::rows(r, id, brings_id)
        } else {
            String::new()
        };
        if has_rows && p.contains("REFERENCES") && r.one_in(4) {
            // A row that refers to what is not there, perhaps only until the load brings it.
            let id = if brings_id { ("id, ", "70, ") } else { ("", "") };
            rows += &format!(
                "PRAGMA foreign_keys = OFF; INSERT OR IGNORE INTO t ({}k, u, p) VALUES ({}'z', 80, {}); PRAGMA foreign_keys = ON; ",
                id.0,
                id.1,
                r.of(&["5", "6", "7"])
            );
        }
        let mut columns = if brings_id {
            vec!["id", "k", "u", "p"]
        } else {
            vec!["k", "u", "p"]
        };
        if !without_rowid && r.one_in(3) {
            columns.reverse();
        }
        let mut keys: Vec<Vec<&str>> = vec![vec![], vec!["k"], vec!["k", "u"]];
        if brings_id {
            keys.push(vec!["id"]);
        }
        let key = keys[r.below(keys.len() as u64) as usize].clone();
        let is_altered = r.one_in(6);
        if is_altered {
            columns.push("x");
        }
        let plain = refers.is_empty() && trigger.is_empty() && !index.contains("UNIQUE");
        let hides_row_ids =
            id.is_empty() && !has_rows && !key.is_empty() && plain && !u.contains("UNIQUE") && !k.contains("UNIQUE");
        // Whether a row shares a value with one that waits is asked for each two of them.
        let many = !schema.contains("DEFERRED") && r.one_in(6);
        let records = Self::records(r, &columns, many);
        // Where rows that may repeat a key are settled last, a load is not stopped by them.
        let settles_last = plain && !u.contains("UNIQUE") && !u.contains("CHECK") && !k.contains("UNIQUE");
        let stops = !settles_last || (key.is_empty() && !brings_id);
        let deletes = r.of(&["", "DELETE FROM t WHERE u % 3 = 0; "]);
        let meanwhile = (stops && r.one_in(2)).then(|| Self::rows(r, id, brings_id) + deletes);
        let is_made_by_load =
            !has_rows && !is_altered && meanwhile.is_none() && (id.is_empty() || brings_id) && r.one_in(3);
        let mut options = LoadOptions {
            resources: ResourceOptions {
                threads: 1 + r.below(3) as usize,
                window_bytes: if many { 1 << 20 } else { r.of(&[7, 64, 1 << 20]) },
                chunk_bytes: if many { 1 << 20 } else { r.of(&[1, 20, 1 << 20]) },
                batch_rows: if many {
                    r.of(&[100, 200_000])
                } else {
                    r.of(&[1, 2, 5, 200_000])
                },
                ..ResourceOptions::default()
            },
            target: TargetOptions {
                write_path: r.of(&[WritePath::Auto, WritePath::Auto, WritePath::Sql]),
                ..TargetOptions::default()
            },
            table: TableOptions {
                alter: is_altered,
                ..TableOptions::default()
            },
            ..LoadOptions::default()
        };
        let on_duplicate = match key.is_empty() || schema.contains("DEFERRED") {
            true => OnDuplicate::Reject,
            false => Self::on_duplicate(r, &columns, &key),
        };
        if !matches!(on_duplicate, OnDuplicate::Reject | OnDuplicate::Skip) && !conflicts {
            schema += Self::update_trigger(r);
        }
        let refuses_whole = schema.contains("DEFERRED") || schema.contains("ROLLBACK");
        // Triggers of the load's own would run under another name.
        let has_own_triggers = is_made_by_load && schema.contains("TRIGGER");
        if meanwhile.is_none() && !refuses_whole && !has_own_triggers && r.one_in(3) {
            options.table.atomic = Atomic::File;
        }
        if is_made_by_load {
            options.table.create_sql = Some(CreateSql::Text(schema[table_at..].to_owned()));
        }
        Scene {
            made_bytes: if is_made_by_load { table_at } else { schema.len() },
            is_altered,
            schema,
            rows,
            columns,
            key,
            records,
            meanwhile,
            on_duplicate,
            // A table of its own is numbered by records.
            hides_row_ids: hides_row_ids || (is_made_by_load && id.is_empty()),
            options,
        }
    }

    fn on_duplicate(r: &mut Random, columns: &[&str], key: &[&str]) -> OnDuplicate {
        let others: Vec<&str> = columns.iter().copied().filter(|name| !key.contains(name)).collect();
        match r.below(8) {
            0 => OnDuplicate::Skip,
            1 => OnDuplicate::Replace,
            2 => OnDuplicate::Update(Vec::new()),
            3 => OnDuplicate::Update(others.iter().take(1).map(|&name| name.to_owned()).collect()),
            _ => OnDuplicate::Reject,
        }
    }

    fn update_trigger(r: &mut Random) -> &'static str {
        r.of(&[
            "",
            "",
            "",
            "CREATE TRIGGER h BEFORE UPDATE ON t WHEN NEW.u = 4 BEGIN SELECT RAISE(ABORT, 'four'); END; ",
            "CREATE TRIGGER h AFTER UPDATE ON t WHEN NEW.u = 4 BEGIN INSERT INTO log VALUES (NEW.k); SELECT RAISE(FAIL, 'four'); END; ",
            "CREATE TRIGGER h AFTER UPDATE ON t WHEN NEW.u = 4 BEGIN SELECT RAISE(ROLLBACK, 'four'); END; ",
            "CREATE TRIGGER h BEFORE UPDATE ON t WHEN NEW.u = 4 BEGIN INSERT OR IGNORE INTO log VALUES (NEW.k); SELECT RAISE(IGNORE); END; ",
            "CREATE TRIGGER h AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (OLD.u || NEW.u); END; ",
        ])
    }

    fn trigger(r: &mut Random) -> &'static str {
        r.of(&[
            "",
            "",
            "",
            "CREATE TRIGGER g BEFORE INSERT ON t WHEN (SELECT count(*) FROM t) >= 6 BEGIN SELECT RAISE(ABORT, 'full'); END; ",
            "CREATE TRIGGER g AFTER INSERT ON t WHEN NEW.u = 3 BEGIN INSERT INTO log VALUES (NEW.k); SELECT RAISE(FAIL, 'three'); END; ",
            "CREATE TRIGGER g AFTER INSERT ON t WHEN NEW.u = 3 BEGIN SELECT RAISE(ROLLBACK, 'three'); END; ",
            "CREATE TRIGGER g BEFORE INSERT ON t WHEN NEW.u = 3 BEGIN INSERT OR IGNORE INTO log VALUES (NEW.k); SELECT RAISE(IGNORE); END; ",
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.u); END; ",
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT OR ROLLBACK INTO log VALUES (NEW.u); END; ",
        ])
    }

    /// Rows that others insert, without a conflict among them that would end the load.
    fn rows(r: &mut Random, id: &str, brings_id: bool) -> String {
        let mut sql = String::new();
        for _ in 0..1 + r.below(4) {
            let (k, u) = (
                r.of(&["a", "B", "x", "y", "7"]),
                r.of(&["1", "6", "90", "91", "92", "NULL"]),
            );
            sql += &match (id.is_empty(), brings_id) {
                (false, true) => format!(
                    "INSERT OR IGNORE INTO t (id, k, u) VALUES ({}, '{k}', {u}); ",
                    r.of(&[1, 4, 50, 60])
                ),
                _ => format!("INSERT OR IGNORE INTO t (k, u) VALUES ('{k}', {u}); "),
            };
        }
        sql
    }

    /// `many`: so many that rows go in several at a time, most of them with values of their own.
    fn records(r: &mut Random, columns: &[&str], many: bool) -> Vec<Vec<String>> {
        let ascending = r.one_in(2);
        let mut last = 0;
        let count = if many { 64 + r.below(200) } else { r.below(14) };
        (0..count)
            .map(|_| {
                last += 1 + r.below(3);
                let field = |name: &&str| match *name {
                    "id" if ascending && !r.one_in(if many { 40 } else { 5 }) => last.to_string(),
                    "id" => (1 + r.below(if many { 400 } else { 12 })).to_string(),
                    "k" if many && !r.one_in(50) => r.below(2000).to_string(),
                    "u" if many && !r.one_in(50) => r.below(2000).to_string(),
                    "k" => r.of(&["a", "A", "b", "c", "d", "e", "7", "", "é"]).to_owned(),
                    "u" => r.of(&["0", "1", "2", "3", "4", "5", "6", "7", ""]).to_owned(),
                    _ => r.of(&["", "", "1", "2", "4", "5", "6", "9"]).to_owned(),
                };
                let mut record: Vec<String> = columns.iter().map(field).collect();
                // A column of integers takes no letters.
                if r.one_in(if many { 70 } else { 9 }) {
                    record.pop();
                }
                record
            })
            .collect()
    }

    /// What the fields of a record stand for.
    fn values(&self, record: u64) -> Vec<rusqlite::types::Value> {
        use rusqlite::types::Value;
        let typed = |(name, field): (&&str, &String)| match (*name, field.as_str()) {
            (_, "") => Value::Null,
            ("k", text) => Value::Text(text.to_owned()),
            (_, number) => Value::Integer(number.parse().unwrap()),
        };
        self.columns
            .iter()
            .zip(&self.records[record as usize - 1])
            .map(typed)
            .collect()
    }

    fn is_made_by_load(&self) -> bool {
        self.made_bytes < self.schema.len()
    }

    fn added_column(&self) -> &'static str {
        match self.is_altered {
            true => "ALTER TABLE t ADD COLUMN x INTEGER",
            false => "",
        }
    }

    fn csv(&self) -> String {
        let mut text = self.columns.join(",") + "\n";
        for record in &self.records {
            text += &(record.join(",") + "\n");
        }
        text
    }
}

/// Runs each statement; the table may refuse it, in the same way everywhere.
fn run_each(connection: &Connection, sql: &str) {
    for statement in sql.split("; ").filter(|statement| !statement.is_empty()) {
        let _ = connection.execute_batch(statement);
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK").unwrap();
        }
    }
}

/// What became of the rows.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// In row id order, with the row id where that can be seen.
    rows: Vec<String>,
    log: Vec<String>,
    sequence: Vec<String>,
    /// Numbers of the records that are not in the table.
    refused: BTreeSet<u64>,
}

fn look(connection: &Connection, hides_row_ids: bool) -> Outcome {
    let list = |sql: &str| database::select(connection, sql).unwrap_or_default();
    let has_row_ids = connection.prepare("SELECT rowid FROM t").is_ok();
    let values = match connection.prepare("SELECT x FROM t") {
        Ok(_) => "*",
        // A column that the load would have added if a row had come.
        Err(_) => "*, NULL",
    };
    let (row_id, order) = match (has_row_ids, hides_row_ids) {
        (true, false) => ("rowid, ", " ORDER BY rowid"),
        (true, true) => ("", " ORDER BY rowid"),
        (false, _) => ("", ""),
    };
    Outcome {
        rows: list(&format!("SELECT {row_id}{values} FROM t NOT INDEXED{order}")),
        log: list("SELECT * FROM log ORDER BY rowid"),
        sequence: list("SELECT seq FROM sqlite_sequence WHERE name = 't'"),
        refused: BTreeSet::new(),
    }
}

/// The loader that knows only one way.
struct Plain<'s> {
    scene: &'s Scene,
    connection: Connection,
    insert: String,
    refused: BTreeSet<u64>,
    /// Records that repeat a key and are passed over.
    skipped: u64,
    waiting: Vec<u64>,
    /// The next record stops the load if it is refused, and comes again: nothing that it does stays.
    may_stop: bool,
}

impl<'s> Plain<'s> {
    /// `None` where the table's rows repeat the key.
    fn new(scene: &'s Scene) -> Option<Self> {
        let connection = Connection::open_in_memory().unwrap();
        let made = connection.execute_batch(&scene.schema);
        made.unwrap_or_else(|error| panic!("{error}: {}", scene.schema));
        run_each(&connection, &scene.rows);
        connection.execute_batch(scene.added_column()).unwrap();
        if !scene.key.is_empty() {
            // As the load does if the key has no index.
            let index = format!("CREATE UNIQUE INDEX own_key ON t ({})", scene.key.join(","));
            connection.execute_batch(&index).ok()?;
        }
        let marks = vec!["?"; scene.columns.len()].join(",");
        // ON CONFLICT clauses of the table do not count.
        let or_abort = if scene.schema.contains("TRIGGER") {
            ""
        } else {
            "OR ABORT "
        };
        Some(Plain {
            insert: format!("INSERT {or_abort}INTO t ({}) VALUES ({marks})", scene.columns.join(",")),
            scene,
            connection,
            refused: BTreeSet::new(),
            skipped: 0,
            waiting: Vec::new(),
            may_stop: false,
        })
    }

    /// Inserts within an open transaction; whether the row is in, and whether what its statement did stays.
    fn put(&self, record: u64) -> rusqlite::Result<bool> {
        let values = self.scene.values(record);
        let changed = self
            .connection
            .execute(&self.insert, rusqlite::params_from_iter(values))?;
        Ok(changed > 0)
    }

    /// Loads one record; whether it was refused.
    fn load(&mut self, record: u64) -> bool {
        let fields = &self.scene.records[record as usize - 1];
        let is_null = |name: &str| {
            let place = self.scene.columns.iter().position(|column| *column == name);
            place.is_some_and(|place| fields.get(place).is_none_or(String::is_empty))
        };
        let integer_key = self.scene.schema.contains("k INTEGER");
        let is_text = |(name, field): (&&str, &String)| {
            *name == "k" && integer_key && !field.is_empty() && field.parse::<i64>().is_err()
        };
        let bad = fields.len() < self.scene.columns.len()
            || is_null("id")
            || self.scene.columns.iter().zip(fields).any(is_text);
        if bad {
            self.refused.insert(record);
            return true;
        }
        if self.shares(record) {
            self.waiting.push(record);
            return false;
        }
        self.judge(record)
    }

    /// Loads a good record by itself; whether it was refused.
    fn judge(&mut self, record: u64) -> bool {
        self.connection.execute_batch("BEGIN").unwrap();
        let defers = self.scene.schema.contains("DEFERRED");
        let mut put = self.put(record);
        if let Err(error) = &put
            && self.repeats_key(error, record)
        {
            if !self.connection.is_autocommit() {
                self.connection.execute_batch("ROLLBACK").unwrap();
            }
            if self.scene.on_duplicate == OnDuplicate::Skip {
                self.skipped += 1;
                return false;
            }
            self.connection.execute_batch("BEGIN").unwrap();
            put = self.change(record);
        }
        let refused = match put {
            Ok(false) if self.may_stop => {
                self.connection.execute_batch("ROLLBACK").unwrap();
                true
            }
            Ok(true) if defers && self.is_orphan(self.connection.last_insert_rowid(), record) => {
                self.connection.execute_batch("ROLLBACK").unwrap();
                self.waiting.push(record);
                return false;
            }
            Ok(is_in) => match self.connection.execute_batch("COMMIT") {
                Ok(()) => !is_in,
                Err(_) => {
                    self.connection.execute_batch("ROLLBACK").unwrap();
                    self.waiting.push(record);
                    return false;
                }
            },
            Err(_) => {
                if !self.connection.is_autocommit() {
                    self.connection.execute_batch("ROLLBACK").unwrap();
                }
                true
            }
        };
        if refused {
            self.refused.insert(record);
        }
        refused
    }

    /// Whether a record was refused as its key is in the table, and something else is to be done with it.
    fn repeats_key(&self, error: &rusqlite::Error, record: u64) -> bool {
        let is_unique = error.to_string().contains("UNIQUE constraint failed: t.");
        if self.scene.on_duplicate == OnDuplicate::Reject || !is_unique {
            return false;
        }
        let (tests, values) = self.key_of(record);
        let find = format!("SELECT EXISTS (SELECT 1 FROM t WHERE {tests})");
        let found = self
            .connection
            .query_row(&find, rusqlite::params_from_iter(values), |row| row.get(0));
        found.unwrap()
    }

    /// The key of a record, as a condition and its values.
    fn key_of(&self, record: u64) -> (String, Vec<rusqlite::types::Value>) {
        let tests: Vec<String> = self.scene.key.iter().map(|name| format!("{name} = ?")).collect();
        let values = self.scene.values(record);
        let place = |name: &&str| self.scene.columns.iter().position(|column| column == name).unwrap();
        let own = self.scene.key.iter().map(|name| values[place(name)].clone()).collect();
        (tests.join(" AND "), own)
    }

    /// Changes the row that has a record's key, within an open transaction; whether it is changed.
    fn change(&self, record: u64) -> rusqlite::Result<bool> {
        let scene = self.scene;
        let named = match &scene.on_duplicate {
            OnDuplicate::Update(named) => &named[..],
            _ => &[],
        };
        let is_changed = |name: &str| match named.is_empty() {
            true => !scene.key.contains(&name),
            false => named.iter().any(|other| other == name),
        };
        let own = scene.columns.iter().zip(scene.values(record));
        let (names, mut values): (Vec<&&str>, Vec<_>) = own.filter(|(name, _)| is_changed(name)).unzip();
        let (tests, key) = self.key_of(record);
        values.extend(key);
        let set: Vec<String> = names.iter().map(|name| format!("{name} = ?")).collect();
        let or_abort = if scene.schema.contains("TRIGGER") {
            ""
        } else {
            "OR ABORT "
        };
        let update = format!("UPDATE {or_abort}t SET {} WHERE {tests}", set.join(", "));
        let changed = self.connection.execute(&update, rusqlite::params_from_iter(values))?;
        Ok(changed > 0)
    }

    /// Whether the row of a record, the last that went in or one with an id of its own, refers to what is not there.
    fn is_orphan(&self, row_id: i64, record: u64) -> bool {
        if !self.scene.schema.contains("WITHOUT ROWID") {
            let find = "SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_check('t') WHERE rowid = ?1)";
            return self.connection.query_row(find, [row_id], |row| row.get(0)).unwrap();
        }
        let parent = match self.scene.schema.contains("REFERENCES t (u)") {
            true => "u FROM t",
            false => "id FROM p",
        };
        let place = self.scene.columns.iter().position(|column| *column == "id").unwrap();
        let id = &self.scene.records[record as usize - 1][place];
        let find = format!(
            "SELECT EXISTS (SELECT 1 FROM t WHERE id = {id} AND p IS NOT NULL AND p NOT IN (SELECT {parent} WHERE true))"
        );
        let find = find.replace(
            " WHERE true",
            if parent.starts_with('u') {
                " WHERE u IS NOT NULL"
            } else {
                ""
            },
        );
        self.connection.query_row(&find, [], |row| row.get(0)).unwrap()
    }

    /// Whether a record refers to another one.
    fn refers(&self, record: u64, other: u64) -> bool {
        let field = |record: u64, name: &str| {
            let place = self.scene.columns.iter().position(|column| *column == name);
            place.map_or("", |place| self.scene.records[record as usize - 1][place].as_str())
        };
        let refers = field(record, "p");
        self.scene.schema.contains("REFERENCES t (u)") && !refers.is_empty() && refers == field(other, "u")
    }

    /// Whether a record has a unique value of one that waits: the two cannot both be in one table.
    fn shares(&self, record: u64) -> bool {
        self.waiting.iter().any(|&first| {
            let scratch = Connection::open_in_memory().unwrap();
            let schema = self
                .scene
                .schema
                .replace(" WHERE u > 4", "")
                .replace(" CHECK (u % 5 <> 3)", "");
            let end = schema.find("CREATE TRIGGER").unwrap_or(schema.len());
            scratch.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
            scratch.execute_batch(&schema[..end]).unwrap();
            scratch.execute_batch(self.scene.added_column()).unwrap();
            if let Some(index) = schema[end..].find("CREATE UNIQUE INDEX i") {
                scratch.execute_batch(&schema[end + index..]).unwrap();
            }
            if !self.scene.key.is_empty() {
                let index = format!("CREATE UNIQUE INDEX own_key ON t ({})", self.scene.key.join(","));
                scratch.execute_batch(&index).unwrap();
            }
            let put = |record: u64| {
                let values = self.scene.values(record);
                scratch.execute(&self.insert, rusqlite::params_from_iter(values))
            };
            put(first).unwrap();
            let refused = |error: rusqlite::Error| error.to_string().contains("UNIQUE constraint");
            put(record).is_err_and(refused)
        })
    }

    /// One after another, as long as that helps.
    fn settle_one_by_one(&mut self, mut rest: Vec<u64>) {
        loop {
            let before = rest.len();
            for record in std::mem::take(&mut rest) {
                self.judge(record);
            }
            rest = std::mem::take(&mut self.waiting);
            if rest.len() == before {
                break;
            }
        }
        self.refused.extend(rest);
    }

    /// Rows that waited: all that hold together.
    fn settle(&mut self) {
        let mut rest = std::mem::take(&mut self.waiting);
        let others = "SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_check('t'))";
        let others: bool = self.connection.query_row(others, [], |row| row.get(0)).unwrap();
        // SQLite counts wrongly where rows of others refer to what these bring.
        let is_alone = !self.scene.schema.contains("TRIGGER") && !self.scene.schema.contains("WITHOUT ROWID");
        if self.scene.schema.contains("ROLLBACK") || (others && !is_alone) {
            return self.settle_one_by_one(rest);
        }
        if is_alone {
            self.connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        }
        loop {
            self.connection.execute_batch("BEGIN").unwrap();
            let mut row_ids = Vec::new();
            let mut out = Vec::new();
            for &record in &rest {
                // A row that fails may be half done.
                self.connection.execute_batch("SAVEPOINT a_row").unwrap();
                let put = self.put(record);
                if put.is_err() {
                    self.connection.execute_batch("ROLLBACK TO a_row").unwrap();
                }
                self.connection.execute_batch("RELEASE a_row").unwrap();
                match put {
                    Ok(true) => row_ids.push((self.connection.last_insert_rowid(), record)),
                    _ => out.push(record),
                }
            }
            let orphans = row_ids
                .iter()
                .filter(|&&(row_id, record)| self.is_orphan(row_id, record));
            let mut orphans: Vec<u64> = orphans.map(|(_, record)| *record).collect();
            if orphans.is_empty() {
                self.connection.execute_batch("COMMIT").unwrap();
                self.connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
                self.refused.extend(out);
                return;
            }
            // A row that refers to a refused one may have it once others are out.
            let hangs = |record: &u64| out.iter().any(|&refused| self.refers(*record, refused));
            let (hanging, lost): (Vec<u64>, Vec<u64>) = orphans.iter().partition(|record| hangs(record));
            orphans = if lost.is_empty() { vec![hanging[0]] } else { lost };
            self.connection.execute_batch("ROLLBACK").unwrap();
            // Refused rows are judged anew without those.
            rest.retain(|record| !orphans.contains(record));
            self.refused.extend(orphans);
        }
    }

    /// What it leaves, and whether it was stopped on the way.
    fn run(mut self) -> (Outcome, bool) {
        let mut stopped = false;
        for record in 1..=self.scene.records.len() as u64 {
            let landed = record as usize - 1 > self.refused.len() + self.waiting.len() + self.skipped as usize;
            let is_first = self.refused.is_empty() && !stopped;
            // A load that has put in nothing leaves nothing to go on from.
            self.may_stop = is_first && landed && self.scene.meanwhile.is_some();
            if self.load(record)
                && self.may_stop
                && let Some(meanwhile) = &self.scene.meanwhile
            {
                stopped = true;
                self.may_stop = false;
                run_each(&self.connection, meanwhile);
                // The record that stopped the load is the first to be judged when it goes on.
                self.refused.remove(&record);
                self.load(record);
            }
        }
        self.settle();
        let mut outcome = Outcome {
            refused: self.refused,
            ..look(&self.connection, self.scene.hides_row_ids)
        };
        if self.scene.is_made_by_load() && outcome.rows.is_empty() {
            // A load leaves no table of its own without a row.
            outcome.sequence.clear();
        }
        (outcome, stopped)
    }
}

/// Loads the scene's input, and once more where it was stopped.
fn run_load(scene: &Scene, folder: &Path, is_stopped: bool) -> Result<Outcome, String> {
    let [input, path, errors] = ["in.csv", "out.db", "errors.csv"].map(|name| folder.join(name));
    fs::write(&input, scene.csv()).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
    connection.execute_batch(&scene.schema[..scene.made_bytes]).unwrap();
    run_each(&connection, &scene.rows);
    drop(connection);
    let mut options = LoadOptions {
        target: TargetOptions {
            table: Some("t".to_owned()),
            errors: errors.clone(),
            ..scene.options.clone().target
        },
        contract: ContractOptions {
            key: scene.key.iter().map(|&name| name.to_owned()).collect(),
            on_duplicate: scene.on_duplicate.clone(),
            ..scene.options.clone().contract
        },
        limits: LimitOptions {
            errors: ErrorLimits {
                all: is_stopped.then_some(ErrorLimit::Count(0)),
                by_code: Vec::new(),
            },
            ..scene.options.clone().limits
        },
        ..scene.options.clone()
    };
    let inputs: Vec<PathBuf> = vec![input];
    let mut report = load(&inputs, &path, &options, &()).map_err(|error| error.to_string())?;
    if let (true, Some(meanwhile)) = (is_stopped, &scene.meanwhile) {
        if report.exit_code != 3 {
            return Err(format!("not stopped: {report:?}"));
        }
        let connection = database::open(&path);
        connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
        run_each(&connection, meanwhile);
        drop(connection);
        options.limits.errors.all = None;
        report = load(&inputs, &path, &options, &()).map_err(|error| format!("resumed: {error}"))?;
    }
    if !report.identity_holds || report.pending > 0 {
        return Err(format!("the counts do not add up: {report:?}"));
    }
    let rejects = read_rejects(&fs::read(&errors).unwrap()).map_err(|error| error.clone())?;
    let refused: BTreeSet<u64> = rejects.iter().map(|reject| reject.record).collect();
    if refused.len() != rejects.len()
        || report.rejected + report.duplicates - report.skipped_duplicates != refused.len() as u64
    {
        return Err(format!("{} rejects of {} records", rejects.len(), refused.len()));
    }
    for reject in &rejects {
        let Some(first) = reject.first_record else { continue };
        let fields = |record: u64| -> Vec<String> {
            let names: Vec<&str> = reject.column.split(',').collect();
            let places = names
                .iter()
                .filter_map(|name| scene.columns.iter().position(|column| column == name));
            places
                .map(|place| scene.records[record as usize - 1][place].to_lowercase())
                .collect()
        };
        if refused.contains(&first)
            || first >= reject.record && report.write_path == "direct"
            || fields(first) != fields(reject.record)
        {
            return Err(format!("record {} is no repeat of record {first}", reject.record));
        }
    }
    let integrity = database::integrity(&path);
    if integrity != "ok" {
        return Err(format!("integrity_check: {integrity}"));
    }
    let connection = database::open(&path);
    let left: i64 = connection
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_rowmill%' ESCAPE '\\'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    if left > 0 {
        return Err("something of rowmill's is left in the database".to_owned());
    }
    Ok(Outcome {
        refused,
        ..look(&connection, scene.hides_row_ids)
    })
}

fn check(seed: u64) -> Option<String> {
    let scene = Scene::new(seed);
    let folder = match Path::new("/dev/shm").is_dir() {
        true => tempfile::tempdir_in("/dev/shm").unwrap(),
        false => tempfile::tempdir().unwrap(),
    };
    let expected = Plain::new(&scene).map(Plain::run);
    let is_stopped = expected.as_ref().is_some_and(|(_, stopped)| *stopped);
    let found = run_load(&scene, folder.path(), is_stopped);
    match (&found, &expected) {
        (Ok(found), Some((expected, _))) if found == expected => return None,
        (Err(message), None) if message.contains("repeat") => return None,
        _ => {}
    }
    Some(format!(
        "seed {seed}\n{}{}\nkey {:?}, {:?}, {:?}\nmeanwhile {:?}\n{}expected {expected:#?}\nfound {found:#?}",
        scene.schema,
        scene.rows,
        scene.key,
        scene.on_duplicate,
        scene.options,
        scene.meanwhile,
        scene.csv()
    ))
}

#[test]
fn random_existing_tables_hold_what_a_loader_of_one_row_at_a_time_leaves() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (first, tables) = match number("ROWMILL_RANDOM_EXISTING_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("ROWMILL_RANDOM_EXISTING").unwrap_or(TABLES)),
    };
    let next = AtomicU64::new(first);
    let failed = std::thread::scope(|threads| {
        let work = || {
            let mut failed = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + tables || failed.len() >= 3 {
                    return failed;
                }
                failed.extend(check(seed));
            }
        };
        let workers: Vec<_> = (0..2).map(|_| threads.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    println!("{tables} random existing tables");
}
