//! rowmill as a part of other programs: what they must build, and what they get.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A program that depends on rowmill and loads `in.csv` beside it.
const PROGRAM: &str = r#"
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = rowmill::LoadOptions { key: vec!["id".to_owned()], ..rowmill::LoadOptions::default() };
    let report = rowmill::internal::load(&["in.csv".into()], "out.db".as_ref(), &options, &())?;
    println!("{} rows, {} path", report.loaded, report.write_path);
    Ok(())
}
"#;

/// Where the tests were built: the crates that this program needs are there already.
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

/// A program in a folder of its own; `features`: what it asks of rowmill besides the library.
fn program(features: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    // Settings as those of the tests, so that SQLite is not compiled once more.
    let manifest = format!(
        "[package]\nname = \"host\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nrowmill = {{ path = {ROOT:?}, default-features = false, features = [{features}] }}\n\n\
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
    let folder = program("");
    assert_eq!(cargo(folder.path(), &["run", "--quiet"]), "2 rows, direct path\n");
    let built = cargo(folder.path(), &["tree", "--edges", "normal", "--prefix", "none"]);
    for outside in ["clap", "indicatif", "signal-hook", "maud"] {
        assert!(!built.contains(outside), "{outside} in\n{built}");
    }
    let built = cargo(
        program("\"html\"").path(),
        &["tree", "--edges", "normal", "--prefix", "none"],
    );
    assert!(built.contains("maud") && !built.contains("clap"), "{built}");
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
