//! The evaluation as a whole: every check of `scripts/evaluate` comes out as written down, for the old script and for rowmill.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::process::Running;

const REQUIREMENTS: u64 = 15;
const MIN_CHECKS: usize = 42;

#[test]
fn every_check_of_the_evaluation_comes_out_as_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/evaluate");
    let mut command = Command::new("python3");
    command
        .arg(script)
        .args(["--quick", "--rowmill", env!("CARGO_BIN_EXE_rowmill")])
        .args(["--generator", env!("CARGO_BIN_EXE_rowmill-gen")])
        .arg("--output")
        .arg(folder.path())
        .arg("--workdir")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let has_python = Command::new("python3").arg("--version").output().is_ok();
    assert!(has_python, "this test needs python3 (3.11 or newer) on the PATH");
    let ended = Running::start(command).wait();
    let said = format!(
        "{}\n{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
    assert_eq!(ended.code(), 0, "{said}");

    let text = fs::read_to_string(folder.path().join("report.json")).expect("there is a report");
    let report: Value = serde_json::from_str(&text).expect("the report is JSON");
    let checks = report["checks"].as_array().expect("the report has checks");
    assert!(checks.len() >= MIN_CHECKS, "{} checks", checks.len());
    let covered: BTreeSet<u64> = checks
        .iter()
        .filter_map(|check| check["requirement"].as_u64())
        .collect();
    assert_eq!(covered, (1..=REQUIREMENTS).collect());
    let fails_before = checks.iter().filter(|check| check["before"] == "fails").count();
    assert!(
        fails_before > checks.len() / 2,
        "only {fails_before} checks tell the two apart"
    );
    for check in checks {
        for subject in ["before", "before_careful", "after"] {
            assert_eq!(check[subject], check["expected"][subject], "{check:#}");
            let evidence = check["evidence"][subject].as_str().unwrap_or_default();
            assert!(!evidence.is_empty(), "a verdict without evidence: {check:#}");
        }
        assert_eq!(check["after"], "passes", "{check:#}");
    }
    let left: BTreeSet<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let reports = ["report.html", "report.json", "report.md"].map(str::to_owned);
    assert_eq!(left, BTreeSet::from(reports), "large files are removed");
}
