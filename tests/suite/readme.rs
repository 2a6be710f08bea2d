//! The README is true: its commands say what it shows, its recipes work, and what it names is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use super::database;
use super::process::{Running, has_shell, rowmill, said};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn readme() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap()
}

/// Each line with its level, if it is a heading, or 0. Lines of code are none.
fn levels(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().map(move |line| {
        is_code ^= line.starts_with("```");
        let marks = line.len() - line.trim_start_matches('#').len();
        (if is_code { 0 } else { marks }, line)
    })
}

fn headings(text: &str) -> Vec<&str> {
    let marked = levels(text).filter(|(level, _)| *level > 0);
    marked.map(|(_, line)| line.trim_start_matches('#').trim()).collect()
}

/// What stands below this heading, with all that is below smaller ones.
fn section(heading: &str) -> String {
    let text = readme();
    let is_it = |(level, line): &(usize, &str)| *level > 0 && line.trim_start_matches('#').trim() == heading;
    let mut rest = levels(&text).skip_while(|line| !is_it(line));
    let (first, _) = rest.next().unwrap_or_else(|| panic!("there is no '{heading}'"));
    let below = rest.take_while(|(level, _)| *level == 0 || *level > first);
    below.map(|(_, line)| format!("{line}\n")).collect()
}

/// Blocks of code of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    let parts = text.split(begin.as_str()).skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

/// The first block of code in a language below this heading.
pub fn block(heading: &str, language: &str) -> String {
    let found = blocks(&section(heading), language);
    found.into_iter().next().expect("there is such a block")
}

/// What was said, without figures of time and memory.
fn comparable(text: &str) -> Vec<String> {
    let line = |line: &str| match line.split_whitespace().next() {
        Some(name @ ("time" | "memory")) => name.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect()
}

#[test]
fn commands_say_what_is_shown() {
    let binaries = Path::new(env!("CARGO_BIN_EXE_rowmill")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut commands = 0;
    for block in blocks(&readme(), "console") {
        let folder = tempfile::tempdir().unwrap();
        let block = format!("\n{block}");
        for step in block.split("\n$ ").skip(1) {
            let (command, shown) = step.split_once('\n').unwrap_or((step, ""));
            if command.starts_with("sqlite3 ") && !has_shell() {
                // A table that it makes is needed by what follows.
                if command.contains("CREATE") {
                    break;
                }
                continue;
            }
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &format!("{command} 2>&1")])
                .current_dir(folder.path())
                .env("PATH", &path);
            let said = shell.output().unwrap().stdout;
            assert_eq!(
                comparable(&String::from_utf8_lossy(&said)),
                comparable(shown),
                "{command}"
            );
            commands += 1;
        }
    }
    assert!(commands >= 20, "the README has its examples");
}

/// Runs a line of a recipe in `folder`; its exit code and what it said. `kill_at` is a point at which it is killed.
fn typed(folder: &Path, line: &str, kill_at: Option<&str>) -> (i32, String) {
    let words = line.split('#').next().unwrap().split_whitespace();
    let args: Vec<_> = words.skip(1).map(Into::into).collect();
    let mut command = rowmill(folder, &args);
    if let Some(point) = kill_at {
        command.env("ROWMILL_SIGNAL_AT", format!("{point} 1 {}", libc::SIGKILL));
    }
    let ended = Running::start(command).wait();
    let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
    (ended.code(), printed + &said(&ended))
}

#[test]
fn a_killed_load_goes_on_as_its_recipe_says() {
    let recipe = block("Go on after a kill", "sh");
    let lines: Vec<&str> = recipe.lines().collect();
    let [load, info, again] = lines[..] else {
        panic!("the recipe has three lines: {recipe}");
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Two batches and a half.
    let rows: String = (1..=500_000).map(|id| format!("{id},name {id}\n")).collect();
    fs::write(folder.join("big.csv"), format!("id,name\n{rows}")).unwrap();
    let (code, said) = typed(folder, load, Some("batch: committed"));
    assert_eq!(code, 128 + libc::SIGKILL, "{said}");
    let (code, said) = typed(folder, info, None);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("200,000 rows of 200,000 records are committed") && said.contains("To go on:"),
        "{said}"
    );
    let (code, said) = typed(folder, again, None);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("after record 200000"), "{said}");
    assert_eq!(database::count(&folder.join("big.db"), "big"), 500_000);
}

/// Each recipe is run by some test: here where it is a console or has its own test, in tests/python and tests/spark otherwise.
#[test]
fn each_recipe_is_run() {
    let recipes = section("Recipes");
    let headings = headings(&recipes);
    assert!(headings.len() >= 10, "{headings:?}");
    let elsewhere = [
        ("A nightly feed", "tests/suite/nightly.rs"),
        ("Go on after a kill", "tests/suite/readme.rs"),
        ("From Python", "tests/python/test_package.py"),
        ("On Spark", "tests/spark/test_spark.py"),
    ];
    for heading in headings {
        let run_by = elsewhere.iter().find(|(recipe, _)| *recipe == heading);
        match run_by {
            None => assert_eq!(blocks(&section(heading), "console").len(), 1, "{heading}"),
            Some((_, test)) => {
                let test = fs::read_to_string(Path::new(ROOT).join(test)).unwrap();
                assert!(test.contains(heading), "{heading}");
            }
        }
    }
}

/// The place of a heading in the page, as links name it.
fn anchor(heading: &str) -> String {
    let name = heading.to_lowercase();
    let kept = name.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere_and_files_that_are_named_are_there() {
    let text = readme();
    let headings = headings(&text);
    let anchors: BTreeSet<String> = headings.iter().map(|heading| anchor(heading)).collect();
    assert_eq!(anchors.len(), headings.len(), "two headings have one name");
    let mut links = 0;
    for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        links += 1;
        match link.strip_prefix('#') {
            Some(name) => assert!(anchors.contains(name), "no heading is #{name}"),
            None if link.contains("://") => {}
            None => assert!(Path::new(ROOT).join(link).exists(), "{link} is not there"),
        }
    }
    assert!(links > 40);
    // Records may be named without their folder.
    for word in text.split('`').skip(1).step_by(2) {
        let word = word.split_whitespace().next().unwrap_or("");
        let is_record = word.starts_with("2026-1") && word.contains('T');
        if word.starts_with("scripts/") || word.starts_with("benches/") || word.starts_with("datasets/") {
            assert!(Path::new(ROOT).join(word).exists(), "{word} is not there");
        } else if is_record {
            let runs = fs::read_dir(Path::new(ROOT).join("benches/runs")).unwrap();
            let mut names = runs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            assert!(names.any(|name| name.starts_with(word)), "{word} is no record");
        }
    }
}

/// Cells of the lines of the table of jobs, by number: the job, and what rowmill does.
fn jobs(text: &str) -> BTreeMap<u32, Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.split(" | ")
            .map(|cell| cell.trim_matches(['|', ' ']).to_owned())
            .collect()
    };
    let numbered = |line: &str| {
        Some((
            line.trim_start_matches("| ").split(' ').next()?.parse().ok()?,
            cells(line),
        ))
    };
    let table = text.lines().filter(|line| line.starts_with("| "));
    table
        .filter_map(numbered)
        .map(|(number, cells)| (number, cells[1..3].to_vec()))
        .collect()
}

#[test]
fn what_is_said_of_rowmill_beside_its_peers_is_so() {
    let python = Command::new("python3").arg("--version").output();
    if python.is_err() || !has_shell() {
        eprintln!("WARNING: there is no python3 or no sqlite3: the comparison was not looked at");
        return;
    }
    let shown = jobs(&section("Beside other tools"));
    // Not the kill, which looks at a clock, nor the figures of a million rows.
    let only: Vec<String> = (1..=18)
        .filter(|job| ![14, 15].contains(job))
        .map(|job| job.to_string())
        .collect();
    let mut script = Command::new(Path::new(ROOT).join("scripts/compare_peers"));
    script.args([
        "--rowmill",
        env!("CARGO_BIN_EXE_rowmill"),
        "--tools",
        "rowmill",
        "--only",
        &only.join(","),
    ]);
    let output = script.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = jobs(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(found.len(), only.len());
    for (number, cells) in found {
        assert_eq!(Some(&cells), shown.get(&number), "job {number}");
    }
}
