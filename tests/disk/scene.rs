//! Loads to break, small but of every shape, and the result of an undisturbed one.

use std::fs;
use std::path::{Path, PathBuf};

use rowmill::internal::options::{ContractOptions, ResourceOptions, TargetOptions};
use rowmill::internal::{LoadOptions, load};
use rowmill::{Error, LoadReport, WritePath};
use rusqlite::OptionalExtension;
use tempfile::TempDir;

use super::calls::Watch;
use super::data::{Recipe, people};
use super::database::{self, Dump};

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The direct path with ascending integer keys: the key is the row id.
    DirectAscending,
    /// The direct path into a database with pages of 512 bytes, so that its tree has several levels; random keys, an index.
    DirectSmallPages,
    /// Prepared INSERTs, random keys, an index.
    Sql,
    /// Prepared INSERTs into a table with rows and a unique index.
    SqlExisting,
}

pub const SHAPES: [Shape; 4] = [
    Shape::DirectAscending,
    Shape::DirectSmallPages,
    Shape::Sql,
    Shape::SqlExisting,
];

/// A folder with an input, and the folder in which a load of it works.
pub struct Scene {
    pub shape: Shape,
    folder: TempDir,
    recipe: Recipe,
    input: PathBuf,
}

/// Everything that must be the same whatever happened on the way.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub dump: Dump,
    pub errors: Vec<u8>,
    /// Totals of the report; `None` where the run that finished the load could not give one.
    pub totals: Option<Totals>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    records: u64,
    loaded: u64,
    rejected: u64,
    duplicates: u64,
    pending: u64,
    by_code: Vec<(String, u64)>,
    exit_code: u8,
}

/// The input: for two of the shapes without a duplicate at first, so that a batch is committed before there is any suspect.
fn content(shape: Shape, recipe: &Recipe) -> Vec<u8> {
    let late = matches!(shape, Shape::DirectAscending | Shape::Sql);
    let (bytes, _) = people(recipe);
    let mut content = Vec::new();
    for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        content.extend_from_slice(line);
        let repeat = index > 0 && index % 29 == 0 && (!late || index as u64 > recipe.records / 2);
        if repeat {
            content.extend_from_slice(line);
        }
    }
    content
}

impl Scene {
    /// `input_inside`: the input lies in the working folder, so that calls on it are watched, too.
    pub fn new(shape: Shape, records: u64, input_inside: bool) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("work");
        fs::create_dir(&work).unwrap();
        let input = if input_inside {
            work.join("in.csv")
        } else {
            folder.path().join("in.csv")
        };
        let recipe = Recipe {
            seed: 11,
            records,
            bad_every: 41,
            duplicate_every: 0,
            text_keys: shape != Shape::DirectAscending,
            padding: 60,
        };
        fs::write(&input, content(shape, &recipe)).unwrap();
        let scene = Scene {
            shape,
            folder,
            recipe,
            input,
        };
        scene.reset();
        scene
    }

    /// The folder of the database and of everything beside it.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub fn database(&self) -> PathBuf {
        self.work().join("out.db")
    }

    /// For the plain SQL path in a folder of its own, whose names SQLite does not sync.
    fn errors(&self) -> PathBuf {
        match self.shape {
            Shape::Sql => self.work().join("side/errors.csv"),
            _ => self.work().join("errors.csv"),
        }
    }

    /// Puts everything but the input back as it was before the first load.
    pub fn reset(&self) {
        for path in self.files() {
            if path != self.input {
                fs::remove_file(path).unwrap();
            }
        }
        self.make_folders();
        let setup = match self.shape {
            Shape::DirectAscending | Shape::Sql => return,
            Shape::DirectSmallPages => "PRAGMA page_size = 512; CREATE TABLE other(x); INSERT INTO other VALUES (1);",
            Shape::SqlExisting => {
                "CREATE TABLE t(id TEXT PRIMARY KEY, name TEXT, amount REAL, note TEXT); INSERT INTO t VALUES ('k', 'old', 0, '');"
            }
        };
        let connection = rusqlite::Connection::open(self.database()).unwrap();
        connection.execute_batch(setup).unwrap();
    }

    /// The folders that the user has made.
    pub fn make_folders(&self) {
        fs::create_dir_all(self.work()).unwrap();
        fs::create_dir_all(self.errors().parent().unwrap()).unwrap();
    }

    fn files(&self) -> Vec<PathBuf> {
        let names = |folder: PathBuf| {
            fs::read_dir(folder)
                .into_iter()
                .flatten()
                .map(|entry| entry.unwrap().path())
        };
        let (folders, mut files): (Vec<PathBuf>, Vec<PathBuf>) = names(self.work()).partition(|path| path.is_dir());
        files.extend(folders.into_iter().flat_map(names));
        files
    }

    fn options(&self) -> LoadOptions {
        let write_path = match self.shape {
            Shape::DirectAscending | Shape::DirectSmallPages => WritePath::Auto,
            Shape::Sql | Shape::SqlExisting => WritePath::Sql,
        };
        LoadOptions {
            target: TargetOptions {
                table: Some("t".to_owned()),
                errors: self.errors(),
                write_path,
                ..TargetOptions::default()
            },
            contract: ContractOptions {
                key: vec!["id".to_owned()],
                ..ContractOptions::default()
            },
            resources: ResourceOptions {
                threads: 1,
                batch_rows: (self.recipe.records / 5).max(1),
                ..ResourceOptions::default()
            },
            ..LoadOptions::default()
        }
    }

    /// The command that every test repeats.
    pub fn load(&self) -> Result<LoadReport, Error> {
        load(
            std::slice::from_ref(&self.input),
            &self.database(),
            &self.options(),
            &(),
        )
    }

    /// The same, without waiting for the disk.
    pub fn load_again(&self) -> Result<LoadReport, Error> {
        let watch = Watch::start(&self.work(), None);
        let result = self.load();
        watch.end();
        result
    }

    pub fn integrity(&self) -> String {
        database::integrity_or_none(&self.database())
    }

    /// How many records the database accounts for; `None` without a checkpoint.
    pub fn committed(&self) -> Option<u64> {
        committed_in(&self.database())
    }

    /// Whether everything is in and the checkpoint is gone: the same command would be a new load.
    pub fn is_finished(&self, golden: &Outcome) -> bool {
        self.database().exists()
            && self.committed().is_none()
            && database::count(&self.database(), "t") == golden.dump.rows.len() as u64
    }

    /// What is there now.
    pub fn outcome(&self, report: Option<&LoadReport>) -> Outcome {
        let totals = report.map(|report| Totals {
            records: report.records,
            loaded: report.loaded,
            rejected: report.rejected,
            duplicates: report.duplicates,
            pending: report.pending,
            by_code: report
                .by_code
                .iter()
                .map(|(code, count)| (code.to_string(), *count))
                .collect(),
            exit_code: report.exit_code,
        });
        Outcome {
            dump: database::dump(&self.database(), "t"),
            errors: fs::read(self.errors()).unwrap_or_default(),
            totals,
        }
    }

    /// What a load that nobody disturbs comes to; the scene is as before.
    pub fn golden(&self) -> Outcome {
        let report = self.load_again().unwrap();
        let golden = self.outcome(Some(&report));
        let direct = matches!(self.shape, Shape::DirectAscending | Shape::DirectSmallPages);
        assert_eq!(
            report.write_path,
            if direct { "direct" } else { "sql" },
            "{}",
            report.write_path_reason
        );
        assert!(
            report.duplicates > 0 && report.rejected > 0,
            "there is something of everything"
        );
        self.leaves_nothing_behind();
        self.reset();
        golden
    }

    /// After a load that finished: database, errors.csv and nothing else.
    pub fn leaves_nothing_behind(&self) {
        for path in self.files() {
            let known = [self.database(), self.errors(), self.input.clone()].contains(&path);
            assert!(known, "left behind: {}", path.display());
        }
    }

    /// Runs the command until the load is done and compares with `golden`.
    pub fn finishes_as(&self, golden: &Outcome, what: &dyn Fn() -> String) {
        assert_eq!(self.integrity(), "ok", "{}", what());
        if self.is_finished(golden) {
            self.equals(golden, &self.outcome(None), what);
            return;
        }
        let report = self
            .load_again()
            .unwrap_or_else(|error| panic!("{}: the same command again: {error}", what()));
        assert_eq!(self.integrity(), "ok", "{}", what());
        self.equals(golden, &self.outcome(Some(&report)), what);
        self.leaves_nothing_behind();
    }

    /// Compares without printing megabytes.
    pub fn equals(&self, golden: &Outcome, found: &Outcome, what: &dyn Fn() -> String) {
        if let Some(totals) = &found.totals {
            assert_eq!(Some(totals), golden.totals.as_ref(), "{}", what());
        }
        assert_eq!(golden.dump.schema, found.dump.schema, "{}", what());
        assert!(
            golden.dump.rows == found.dump.rows,
            "{}: the rows differ: {} instead of {}",
            what(),
            found.dump.rows.len(),
            golden.dump.rows.len()
        );
        assert!(
            golden.errors == found.errors,
            "{}: errors.csv differs: {} bytes instead of {}",
            what(),
            found.errors.len(),
            golden.errors.len()
        );
    }
}

/// Records that the checkpoint in `path` accounts for; more than any once all suspects are settled.
pub fn committed_in(path: &Path) -> Option<u64> {
    if !path.exists() {
        return None;
    }
    let connection = database::open(path);
    let table = "SELECT 1 FROM sqlite_schema WHERE name = '_rowmill_checkpoint'";
    connection.query_row(table, [], |_| Ok(())).optional().unwrap()?;
    let body: String = connection
        .query_row(
            "SELECT CAST(body AS TEXT) FROM _rowmill_checkpoint WHERE id = 2",
            [],
            |row| row.get(0),
        )
        .unwrap();
    // After the row's hash and a blank.
    let (_, progress) = body.split_once(' ').unwrap();
    let progress: serde_json::Value = serde_json::from_str(progress.trim_end()).unwrap();
    let records = progress["counts"]["records"].as_u64().unwrap();
    Some(records + u64::from(progress["settled"].as_bool().unwrap()))
}
