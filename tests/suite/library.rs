//! rowmill as a part of other programs: what they must build, and what they get.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A program that depends on rowmill and loads `in.csv` beside it, then what a reader gives, using everything that it may ask for.
const PROGRAM: &str = r#"
use rowmill::{CancelToken, ColumnType, Error, ErrorLimit, Inference, Load, LoadReport, Observer, Outcome, Phase, WritePath};

struct Said(std::sync::Mutex<Vec<&'static str>>);

impl Observer for Said {
    fn phase(&self, phase: Phase, _: Option<u64>) {
        self.0.lock().unwrap().push(phase.as_str());
    }
}

fn load_file(said: &Said, token: &CancelToken) -> Result<LoadReport, Error> {
    Load::new(["in.csv"])
        .into("out.db")
        .errors("errors.csv")
        .key(["id"])
        .write_path(WritePath::Direct)
        .observer(said)
        .cancel_token(token)
        .run()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (said, token) = (Said(Default::default()), CancelToken::new());
    let report = load_file(&said, &token)?;
    println!("{} rows, {} path, {:?}", report.loaded, report.write_path, said.0.lock().unwrap());

    let more = Load::from_reader("more.csv", std::io::Cursor::new("name,id\nAlan,3\nAda,1\n"))
        .into(std::path::Path::new("out.db"))
        .errors(String::from("more errors.csv"))
        .table("in")
        .column_type("name", ColumnType::Text)
        .inference(Inference::Whole)
        .max_errors(ErrorLimit::Count(1))
        .write_path(WritePath::Sql)
        .threads(1);
    // A load can be made here and run there.
    let report = std::thread::spawn(move || more.key(["id"]).run()).join().unwrap()?;
    assert_eq!(report.outcome, Outcome::Complete);
    println!("{} more, {} known", report.loaded, report.duplicates);

    token.cancel();
    assert_eq!(load_file(&said, &token)?.outcome, Outcome::Interrupted);
    let error = Load::new(["none.csv"]).into("out.db").errors("errors.csv").run().unwrap_err();
    println!("{error}");
    Ok(())
}
"#;

/// What it says.
const SAID: &str = "2 rows, direct path, [\"infer\", \"load\"]\n1 more, 1 known\ncannot open input none.csv: No such file or \
                    directory (os error 2); check the path and its permissions\n";

/// Where the tests were built: the crates that this program needs are already there.
fn target_folder() -> PathBuf {
    let debug = Path::new(env!("CARGO_BIN_EXE_rowmill")).parent().unwrap();
    debug.parent().unwrap().to_owned()
}

fn cargo(folder: &Path, args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let ended = Command::new(cargo)
        .args(args)
        .arg("--offline")
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target_folder())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "cargo {args:?}: {said}");
    String::from_utf8(ended.stdout).unwrap()
}

/// A program in a folder of its own; `features`: how it asks for rowmill.
fn program(features: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    // Settings as those of the tests, so that SQLite is not compiled once more.
    let manifest = format!(
        "[package]\nname = \"host\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nrowmill = {{ path = {ROOT:?}, {features} }}\n\n\
         [profile.dev.package.\"*\"]\nopt-level = 2\n\n[profile.dev.package.rowmill]\nopt-level = 0\n"
    );
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::copy(Path::new(ROOT).join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/main.rs"), PROGRAM).unwrap();
    fs::write(folder.path().join("in.csv"), "id,name\n1,Ada\n2,Grace\n").unwrap();
    folder
}

#[test]
fn a_program_that_uses_the_library_alone_builds_nothing_of_the_terminal_and_loads_on_the_direct_path() {
    let folder = program("default-features = false");
    assert_eq!(cargo(folder.path(), &["run", "--quiet"]), SAID);
    let built = cargo(folder.path(), &["tree", "--edges", "normal", "--prefix", "none"]);
    for outside in ["clap", "indicatif", "signal-hook", "maud"] {
        assert!(!built.contains(outside), "{outside} in\n{built}");
    }
    let built = cargo(
        program("default-features = false, features = [\"html\"]").path(),
        &["tree", "--edges", "normal", "--prefix", "none"],
    );
    assert!(built.contains("maud") && !built.contains("clap"), "{built}");
}

#[test]
fn a_program_that_takes_the_library_as_it_comes_loads_in_the_same_way() {
    let folder = program("default-features = true");
    assert_eq!(cargo(folder.path(), &["run", "--quiet"]), SAID);
}

#[test]
fn another_system_is_told_in_one_line_that_it_is_not_one_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let build = folder.path().join("build");
    let compiled = Command::new("rustc")
        .args(["--edition", "2024", "src/build.rs", "-o"])
        .arg(&build)
        .current_dir(ROOT)
        .status();
    assert!(compiled.unwrap().success());
    let errors = |system: &str| {
        let said = Command::new(&build)
            .env("CARGO_CFG_TARGET_OS", system)
            .output()
            .unwrap()
            .stdout;
        let said = String::from_utf8(said).unwrap();
        said.lines().filter(|line| line.starts_with("cargo::error=")).count()
    };
    assert_eq!((errors("linux"), errors("windows"), errors("macos")), (0, 1, 1));
}
