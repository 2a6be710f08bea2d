//! The builder that tests start from: inputs, flags, what is expected, and what must hold after every load.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use super::database::{self, Dump};
pub use super::dead_letters::{Reject, line_end_of, read_rejects};
use super::encodings;
use super::packing::Pack;
use super::process::{Ended, Feed, Running, rowmill};

/// How a case is run: everything that must not change the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    pub threads: u32,
    /// Bytes; `None`: the default, which holds every input of these tests whole.
    pub window: Option<u32>,
    /// Bytes; `None`: the default.
    pub chunk: Option<u32>,
    /// `sql`, or `auto` for the direct path wherever it is possible.
    pub write_path: &'static str,
    /// Through a FIFO instead of from a file.
    pub piped: bool,
    /// `auto`, or `guess` for types that are guessed from the first chunk: with a small one, often wrongly.
    pub infer: &'static str,
}

pub const PLAIN: Setting = Setting {
    threads: 0,
    window: None,
    chunk: None,
    write_path: "auto",
    piped: false,
    infer: "auto",
};

const fn setting(threads: u32, window: u32, chunk: u32, write_path: &'static str, piped: bool) -> Setting {
    let window = if window == 0 { None } else { Some(window) };
    Setting {
        threads,
        window,
        chunk: Some(chunk),
        write_path,
        piped,
        infer: "auto",
    }
}

const fn guessing(setting: Setting) -> Setting {
    Setting {
        infer: "guess",
        ..setting
    }
}

const MIB: u32 = 1 << 20;

/// Every pair of values of two dimensions occurs: threads {1, 4}, window {7, a page, whole}, chunk {1, 7, 1 MiB}, write path
/// {auto, sql}, input {file, FIFO}. Guesses, which only files allow, with chunks that hold a record, a few or all of them.
pub const PAIRS: [Setting; 13] = [
    setting(1, 7, 1, "auto", false),
    setting(4, 7, 7, "sql", true),
    guessing(setting(4, 7, MIB, "auto", false)),
    setting(4, 4096, 1, "sql", false),
    setting(1, 4096, 7, "auto", true),
    setting(1, 4096, MIB, "sql", false),
    setting(1, 0, 1, "auto", true),
    guessing(setting(4, 0, 7, "sql", false)),
    setting(1, 0, MIB, "auto", true),
    setting(4, 0, 1, "auto", false),
    guessing(setting(1, 7, 7, "auto", false)),
    guessing(setting(4, 4096, 20, "auto", false)),
    guessing(setting(1, 0, 40, "sql", false)),
];

/// Every combination of the values of [`PAIRS`], with guesses where there can be any.
pub fn all_settings() -> Vec<Setting> {
    let mut settings = Vec::new();
    for threads in [1, 4] {
        for window in [7, 4096, 0] {
            for chunk in [1, 7, MIB] {
                for write_path in ["auto", "sql"] {
                    for piped in [false, true] {
                        settings.push(setting(threads, window, chunk, write_path, piped));
                        if !piped {
                            settings.push(guessing(setting(threads, window, chunk, write_path, piped)));
                        }
                    }
                }
            }
        }
    }
    settings
}

/// A load and what it must do.
#[derive(Debug, Clone)]
pub struct Case {
    files: Vec<(String, Vec<u8>)>,
    args: Vec<String>,
    existing: Option<String>,
    table: String,
    rows: Option<Vec<String>>,
    rejects: Vec<(u64, String)>,
    any_rejects: bool,
    types: Option<Vec<(String, String)>>,
    exit: Option<i32>,
    said: Vec<String>,
    /// What packs the inputs on their way to the program.
    pack: Option<Pack>,
}

impl Case {
    /// A load of one input, `in.csv`, into table `t` of `out.db`.
    pub fn csv(bytes: impl AsRef<[u8]>) -> Case {
        Case {
            files: vec![("in.csv".to_owned(), bytes.as_ref().to_vec())],
            args: Vec::new(),
            existing: None,
            table: "t".to_owned(),
            rows: None,
            rejects: Vec::new(),
            any_rejects: false,
            types: None,
            exit: None,
            said: Vec::new(),
            pack: None,
        }
    }

    /// A load of one input, `in.jsonl`, as [`csv`](Self::csv).
    pub fn jsonl(bytes: impl AsRef<[u8]>) -> Case {
        let mut case = Case::csv(bytes);
        case.files[0].0 = "in.jsonl".to_owned();
        case
    }

    /// Gives the program the inputs packed by `pack`; what is expected is still said of what is in them.
    pub fn packed(mut self, pack: Pack) -> Case {
        self.pack = Some(pack);
        self
    }

    /// One more input, after the others.
    pub fn and_csv(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Case {
        self.files.push((name.to_owned(), bytes.as_ref().to_vec()));
        self
    }

    pub fn args<const N: usize>(mut self, args: [&str; N]) -> Case {
        self.args.extend(args.map(str::to_owned));
        self
    }

    pub fn arg_list(mut self, args: Vec<String>) -> Case {
        self.args.extend(args);
        self
    }

    /// SQL that runs in the database before the load.
    pub fn existing(mut self, sql: &str) -> Case {
        self.existing = Some(sql.to_owned());
        self
    }

    /// The table's rows, as `row id: value, value` (see [`database::literal`]).
    pub fn expect_rows<const N: usize>(mut self, rows: [&str; N]) -> Case {
        self.rows = Some(rows.map(str::to_owned).to_vec());
        self
    }

    pub fn expect_row_list(mut self, rows: Vec<String>) -> Case {
        self.rows = Some(rows);
        self
    }

    /// The lines of `errors.csv`: physical line and code.
    pub fn expect_rejects<const N: usize>(mut self, rejects: [(u64, &str); N]) -> Case {
        self.rejects = rejects.map(|(line, code)| (line, code.to_owned())).to_vec();
        self
    }

    pub fn expect_reject_list(mut self, rejects: &[(u64, &str)]) -> Case {
        self.rejects = rejects.iter().map(|&(line, code)| (line, code.to_owned())).collect();
        self
    }

    /// Whatever is rejected, with exit code 0 or 2: for tests that look at the counts themselves.
    pub fn any_rejects(mut self) -> Case {
        self.any_rejects = true;
        self
    }

    pub fn expect_types<const N: usize>(mut self, types: [(&str, &str); N]) -> Case {
        self.types = Some(types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).to_vec());
        self
    }

    /// If it is not called: 0, or 2 when rejects are expected.
    pub fn expect_exit(mut self, code: i32) -> Case {
        self.exit = Some(code);
        self
    }

    /// A fragment of stderr.
    pub fn expect_said(mut self, fragment: &str) -> Case {
        self.said.push(fragment.to_owned());
        self
    }

    /// Runs at settings in which every pair of values occurs, and demands the expected outcome and identical results.
    pub fn check(&self) {
        self.check_at(&PAIRS);
    }

    /// Runs at `settings` and demands the expected outcome and results that equal the first.
    pub fn check_at(&self, settings: &[Setting]) -> Option<Run> {
        let mut first: Option<Run> = None;
        for setting in settings {
            let run = self.run(setting);
            self.meets_expectations(&run);
            match &first {
                None => first = Some(run),
                Some(first) => first.must_equal(&run),
            }
        }
        first
    }

    /// Runs once, as the program does by default, and demands the expected outcome.
    pub fn once(&self) -> Run {
        let run = self.run(&PLAIN);
        self.meets_expectations(&run);
        run
    }

    /// Runs and checks what must hold after every load.
    pub fn run(&self, setting: &Setting) -> Run {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let at = |name: &str| folder.path().join(name);
        if let Some(sql) = &self.existing {
            let connection = rusqlite::Connection::open(at("out.db")).unwrap();
            connection
                .execute_batch(sql)
                .unwrap_or_else(|error| panic!("{error}: {sql}"));
        }
        let gives_way = self
            .args
            .windows(2)
            .any(|pair| pair[0] == "--if-exists" && (pair[1] == "truncate" || pair[1] == "replace"));
        let rows_before = self
            .existing
            .as_ref()
            .filter(|_| !gives_way)
            .map_or(0, |_| database::count(&at("out.db"), &self.table));
        let mut feeds = Vec::new();
        for (name, bytes) in &self.files {
            let bytes = self.pack.map_or_else(|| bytes.clone(), |pack| pack(bytes));
            if setting.piped {
                feeds.push(Feed::bytes(at(name), bytes));
            } else {
                fs::write(at(name), bytes).unwrap();
            }
        }
        let args = self.command_line(setting);
        let ended = Running::start(rowmill(folder.path(), &args)).wait();
        drop(feeds);
        let run = Run {
            command: command_text(&args),
            ended,
            inputs: self.files.clone(),
            table: self.table.clone(),
            rows_before,
            folder,
        };
        run.must_be_consistent();
        run
    }

    fn command_line(&self, setting: &Setting) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["load".into()];
        args.extend(self.files.iter().map(|(name, _)| name.into()));
        args.extend(["out.db", "--table", &self.table, "--report", "report.json"].map(OsString::from));
        args.extend(self.args.iter().map(OsString::from));
        let mut option = |name: &str, value: Option<u32>| {
            if let Some(value) = value {
                args.extend([name.into(), value.to_string().into()]);
            }
        };
        option("--threads", Some(setting.threads).filter(|threads| *threads > 0));
        option("--window-bytes", setting.window);
        option("--chunk-bytes", setting.chunk);
        if setting.write_path != "auto" {
            args.extend(["--write-path".into(), setting.write_path.into()]);
        }
        if setting.infer != "auto" {
            args.extend(["--infer".into(), setting.infer.into()]);
        }
        // It must never make a difference.
        if setting.threads == 4 && !self.args.iter().any(|arg| arg == "--profile") {
            args.push("--profile".into());
        }
        args
    }

    fn meets_expectations(&self, run: &Run) {
        let none = if self.exit.is_some() {
            true
        } else if self.any_rejects {
            run.rejects().is_empty()
        } else {
            self.rejects.is_empty()
        };
        let exit = self.exit.unwrap_or(if none { 0 } else { 2 });
        if run.ended.code() != exit {
            run.fail(&format!("exit code {}, expected {exit}", run.ended.code()));
        }
        for fragment in &self.said {
            if !run.stderr().contains(fragment.as_str()) {
                run.fail(&format!("stderr does not say: {fragment}"));
            }
        }
        if let Some(rows) = &self.rows {
            run.must_match("rows", rows, &run.dump().rows);
        }
        if exit <= 3 && !self.any_rejects {
            let expected: Vec<String> = self
                .rejects
                .iter()
                .map(|(line, code)| format!("{line} {code}"))
                .collect();
            let found: Vec<String> = run
                .rejects()
                .iter()
                .map(|reject| format!("{} {}", reject.line, reject.code))
                .collect();
            run.must_match("rejects", &expected, &found);
        }
        if let Some(types) = &self.types {
            let expected: Vec<String> = types.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
            run.must_match("column types", &expected, &run.column_types());
        }
    }
}

fn command_text(args: &[OsString]) -> String {
    args.iter()
        .fold("rowmill".to_owned(), |text, arg| text + " " + &arg.to_string_lossy())
}

/// A load that has ended, with everything it left behind.
pub struct Run {
    pub command: String,
    pub ended: Ended,
    pub inputs: Vec<(String, Vec<u8>)>,
    pub table: String,
    pub rows_before: u64,
    pub folder: TempDir,
}

impl Run {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.ended.stderr).into_owned()
    }

    /// The report, if there is one.
    pub fn report(&self) -> Option<Value> {
        let text = fs::read_to_string(self.path("report.json")).ok()?;
        match serde_json::from_str(&text) {
            Ok(report) => Some(report),
            Err(error) => self.fail(&format!("report.json is no JSON: {error}\n{text}")),
        }
    }

    /// A number of the report.
    pub fn counted(&self, name: &str) -> u64 {
        match self.report().as_ref().and_then(|report| report[name].as_u64()) {
            Some(count) => count,
            None => self.fail(&format!("report.json has no count \"{name}\"")),
        }
    }

    pub fn dump(&self) -> Dump {
        if self.path("out.db").exists() {
            database::dump(&self.path("out.db"), &self.table)
        } else {
            Dump::default()
        }
    }

    pub fn rejects(&self) -> Vec<Reject> {
        match fs::read(self.path("errors.csv")) {
            Ok(bytes) => read_rejects(&bytes).unwrap_or_else(|error| self.fail(&format!("errors.csv: {error}"))),
            Err(error) => self.fail(&format!("errors.csv: {error}")),
        }
    }

    pub fn column_types(&self) -> Vec<String> {
        let report = self.report().unwrap_or_else(|| self.fail("there is no report"));
        let columns = report["columns"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        columns
            .iter()
            .map(|column| format!("{} {}", text(&column["name"]), text(&column["type"])))
            .collect()
    }

    /// What must hold after every load, whatever became of it.
    pub fn must_be_consistent(&self) {
        if self.ended.stderr.contains(&0x1b) {
            self.fail("escape sequences on a stderr that is no terminal");
        }
        if !self.ended.stdout.is_empty() {
            self.fail("something on stdout");
        }
        if self.stderr().contains("internal error") {
            self.fail("an internal error");
        }
        let Some(report) = self.report() else { return };
        if report["exit_code"].as_i64() != Some(i64::from(self.ended.code())) {
            self.fail(&format!("the report says exit code {}", report["exit_code"]));
        }
        match report["outcome"].as_str() {
            Some("failed") => return,
            Some("complete") => self.must_leave_nothing_behind(),
            _ => {}
        }
        let [records, loaded, updated, rejected, duplicates] =
            ["records", "loaded", "updated", "rejected", "duplicates"].map(|name| self.counted(name));
        let pending = report["pending"].as_u64().unwrap_or(0);
        if records != loaded + updated + rejected + duplicates + pending {
            self.fail(&format!(
                "records = loaded + updated + rejected + duplicates: \
                 {records} = {loaded} + {updated} + {rejected} + {duplicates} (+ {pending})"
            ));
        }
        if report["identity_holds"].as_bool() != Some(true) {
            self.fail("the report says that the identity does not hold");
        }
        let rows = database::count(&self.path("out.db"), &self.table);
        if rows != loaded + self.rows_before {
            self.fail(&format!(
                "{rows} rows in the table, {loaded} loaded, {} before",
                self.rows_before
            ));
        }
        let profiled = &report["profile"]["rows"];
        if !profiled.is_null() && report["earlier"].is_null() && *profiled != report["loaded"] {
            self.fail(&format!("{loaded} rows are loaded, and {profiled} are profiled"));
        }
        let integrity = database::integrity(&self.path("out.db"));
        if integrity != "ok" {
            self.fail(&format!("integrity_check: {integrity}"));
        }
        let rejects = self.rejects();
        if rejects.len() as u64 != rejected + duplicates - self.counted("skipped_duplicates") {
            self.fail(&format!(
                "{} lines in errors.csv, {rejected} rejected, {duplicates} duplicates",
                rejects.len()
            ));
        }
        let mut by_code = serde_json::Map::new();
        for reject in &rejects {
            let count = by_code.get(&reject.code).and_then(Value::as_u64).unwrap_or(0) + 1;
            by_code.insert(reject.code.clone(), count.into());
        }
        if report["by_code"] != Value::Object(by_code.clone()) {
            self.fail(&format!(
                "by_code of the report is {}, errors.csv has {by_code:?}",
                report["by_code"]
            ));
        }
        self.rejects_must_be_where_they_say(&rejects);
    }

    /// Every reject's bytes, line numbers and order, against the input itself.
    fn rejects_must_be_where_they_say(&self, rejects: &[Reject]) {
        let mut last = (0, 0);
        let mut cursor = (0, 0, 1);
        for reject in rejects {
            let Some(file) = self.inputs.iter().position(|(name, _)| *name == reject.file) else {
                self.fail(&format!("no such input: {reject:?}"));
            };
            let input = &self.inputs[file].1;
            if (file, reject.record) <= last && last != (0, 0) {
                self.fail(&format!("out of input order: {reject:?}"));
            }
            last = (file, reject.record);
            let end = reject.byte_offset + reject.byte_length;
            if input.get(reject.byte_offset..end) != Some(&reject.raw[..]) {
                self.fail(&format!("raw is not what stands there in the input: {reject:?}"));
            }
            let encoding = self.encoding_of(file);
            let line_end = match encoding.as_str() {
                "UTF-16LE" | "UTF-16BE" => line_end_of(&encodings::utf_8_of_wide(input, encoding == "UTF-16BE")),
                _ => line_end_of(input),
            };
            if cursor.0 != file {
                cursor = (file, 0, 1);
            }
            let lines = |bytes: &[u8]| match encoding.as_str() {
                "UTF-16LE" => bytes.chunks_exact(2).filter(|unit| *unit == [line_end, 0]).count() as u64,
                "UTF-16BE" => bytes.chunks_exact(2).filter(|unit| *unit == [0, line_end]).count() as u64,
                _ => bytes.iter().filter(|&&byte| byte == line_end).count() as u64,
            };
            let (_, offset, line) = cursor;
            let line = line + lines(&input[offset..reject.byte_offset]);
            cursor = (file, reject.byte_offset, line);
            if reject.line != line || reject.line_end != line + lines(&reject.raw) {
                self.fail(&format!(
                    "it is on line {line}, ends on {}: {reject:?}",
                    line + lines(&reject.raw)
                ));
            }
            if reject.message.is_empty() || !reject.message.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                self.fail(&format!("its message is not plain text: {reject:?}"));
            }
            if reject.code != "duplicate_key" && reject.first_record.is_some() {
                self.fail(&format!("only duplicates have a first record: {reject:?}"));
            }
        }
    }

    /// The encoding of an input, as the report says.
    fn encoding_of(&self, file: usize) -> String {
        let report = self.report().unwrap_or_default();
        report["inputs"][file]["encoding"]
            .as_str()
            .unwrap_or("UTF-8")
            .to_owned()
    }

    fn must_leave_nothing_behind(&self) {
        let mut known: BTreeSet<&str> = ["out.db", "errors.csv", "report.json"].into();
        known.extend(self.inputs.iter().map(|(name, _)| name.as_str()));
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let name = entry.unwrap().file_name();
            if !known.contains(name.to_string_lossy().as_ref()) {
                self.fail(&format!("left behind: {}", name.to_string_lossy()));
            }
        }
    }

    /// The same table, the same errors.csv byte for byte, the same counts.
    pub fn must_equal(&self, other: &Run) {
        let (left, right) = (self.dump(), other.dump());
        other.must_match(
            &format!("schema, unlike in\n  {}", self.command),
            &left.schema,
            &right.schema,
        );
        other.must_match(&format!("rows, unlike in\n  {}", self.command), &left.rows, &right.rows);
        let errors = |run: &Run| {
            let bytes = fs::read(run.path("errors.csv")).unwrap_or_default();
            bytes
                .split_inclusive(|&byte| byte == b'\n')
                .map(|line| line.escape_ascii().to_string())
                .collect::<Vec<_>>()
        };
        other.must_match(
            &format!("errors.csv, unlike in\n  {}", self.command),
            &errors(self),
            &errors(other),
        );
        other.must_match(
            &format!("counts, unlike in\n  {}", self.command),
            &self.counts(),
            &other.counts(),
        );
    }

    /// The part of the report that depends on input and options alone.
    fn counts(&self) -> Vec<String> {
        let Some(report) = self.report() else { return Vec::new() };
        let mut counts: Vec<String> = [
            "outcome",
            "records",
            "loaded",
            "updated",
            "rejected",
            "duplicates",
            "skipped_duplicates",
            "by_code",
            "columns",
            "key",
            "table",
            "bytes",
        ]
        .map(|name| format!("{name} {}", report[name]))
        .to_vec();
        // How far a load has read when it stops depends on time.
        let is_whole = report["outcome"] == "complete";
        let inputs = report["inputs"].as_array().filter(|_| is_whole);
        for input in inputs.into_iter().flatten() {
            counts.extend(
                [
                    "bytes",
                    "records",
                    "lines",
                    "blank_lines",
                    "comment_lines",
                    "repeated_headers",
                    "cut_records",
                    "filled_records",
                    "skipped_lines",
                ]
                .map(|name| format!("{name} {}", input[name])),
            );
        }
        counts
    }

    pub fn must_match(&self, what: &str, expected: &[String], found: &[String]) {
        if expected != found {
            self.fail(&format!("{what}\n{}", diff(expected, found)));
        }
    }

    /// Fails with everything that is known about the run.
    pub fn fail(&self, what: &str) -> ! {
        let inputs = self.inputs.iter().fold(String::new(), |mut text, (name, bytes)| {
            let shown = &bytes[..bytes.len().min(2000)];
            let _ = writeln!(text, "{name} ({} bytes): \"{}\"", bytes.len(), shown.escape_ascii());
            text
        });
        let (stdout, stderr) = (
            String::from_utf8_lossy(&self.ended.stdout),
            String::from_utf8_lossy(&self.ended.stderr),
        );
        panic!(
            "{what}\ncommand: {}\n{}\n{inputs}--- stdout\n{stdout}\n--- stderr\n{stderr}",
            self.command, self.ended.status
        )
    }
}

/// Lines that differ, between the first and the last difference: `-` expected, `+` found.
pub fn diff(expected: &[String], found: &[String]) -> String {
    const SHOWN_LINES: usize = 30;
    let same_start = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
    let (expected, found) = (&expected[same_start..], &found[same_start..]);
    let same_end = expected
        .iter()
        .rev()
        .zip(found.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let mut text = format!("  {same_start} equal\n");
    for (sign, lines) in [
        ('-', &expected[..expected.len() - same_end]),
        ('+', &found[..found.len() - same_end]),
    ] {
        for line in lines.iter().take(SHOWN_LINES) {
            let _ = writeln!(text, "{sign} {line}");
        }
        if lines.len() > SHOWN_LINES {
            let _ = writeln!(text, "{sign} ... {} more", lines.len() - SHOWN_LINES);
        }
    }
    let _ = write!(text, "  {same_end} equal");
    text
}

/// Does `work` with each of `items`, as many at a time as there are cores, and no one core waits for another. A panic in one is the test's.
pub fn side_by_side<T: Sync>(items: &[T], work: impl Fn(usize, &T) + Sync) {
    let next = AtomicUsize::new(0);
    let take = || {
        let index = next.fetch_add(1, Ordering::Relaxed);
        items.get(index).map(|item| (index, item))
    };
    std::thread::scope(|threads| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            threads.spawn(|| {
                while let Some((index, item)) = take() {
                    work(index, item);
                }
            });
        }
    });
}

/// Runs the program once in `folder` with a time limit; nothing is checked.
pub fn run_in(folder: &Path, args: &[&str]) -> Ended {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    Running::start(rowmill(folder, &args)).wait()
}
