//! Help, topics, completions, manual pages, variables, and what is said of a command line that is wrong.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::harness::run_in;
use super::process::{Running, rowmill};

/// Runs the program with these variables; exit code, standard output and error.
fn run_with(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let args: Vec<_> = args.iter().map(Into::into).collect();
    let mut command = rowmill(folder, &args);
    for name in [
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "ROWMILL_COLOR",
        "ROWMILL_MEMORY",
        "COLUMNS",
    ] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    let ended = Running::start(command).wait();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ended.code(), text(&ended.stdout), text(&ended.stderr))
}

#[test]
fn a_topic_is_a_chapter_of_the_readme() {
    let folder = tempfile::tempdir().unwrap();
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (code, printed, _) = run_with(folder.path(), &["help", "exit-codes"], &[]);
    assert_eq!(code, 0);
    let chapter = readme
        .split("\n## Exit codes\n")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let words = |text: &str| -> Vec<String> {
        let text = text.replace(['|', '`', '*'], " ");
        text.split_whitespace()
            .map(str::to_owned)
            .filter(|word| !word.starts_with("--"))
            .collect()
    };
    let heads = ["code", "meaning"];
    let expected: Vec<String> = words(chapter)
        .into_iter()
        .filter(|word| !heads.contains(&word.as_str()))
        .collect();
    let found: Vec<String> = words(&printed)
        .into_iter()
        .skip("Exit codes".split(' ').count())
        .collect();
    let (mut expected, mut found) = (expected, found);
    expected.sort();
    found.sort();
    assert_eq!(
        found,
        expected.into_iter().filter(|word| word != "---").collect::<Vec<_>>()
    );
}

#[test]
fn help_names_its_topics_and_an_unknown_one_what_could_be_meant() {
    let folder = tempfile::tempdir().unwrap();
    let (code, printed, _) = run_with(folder.path(), &["help"], &[]);
    assert_eq!(code, 0);
    for topic in ["exit-codes", "rejects", "types", "dialects", "environment", "progress"] {
        assert!(printed.contains(&format!("  {topic} ")), "{printed}");
        assert_eq!(run_with(folder.path(), &["help", topic], &[]).0, 0, "{topic}");
    }
    let (code, printed, _) = run_with(folder.path(), &["help", "load"], &[]);
    assert!(code == 0 && printed.contains("--on-duplicate"), "{printed}");
    let (code, _, said) = run_with(folder.path(), &["help", "typse"], &[]);
    assert_eq!(code, 64);
    assert!(said.contains("is 'types' meant?"), "{said}");
}

#[test]
fn completions_are_scripts_that_know_the_flags() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, _) = run_with(folder.path(), &["completions", shell], &[]);
        assert_eq!(code, 0);
        assert!(script.contains("on-duplicate") && script.contains("schema"), "{shell}");
    }
    let (_, script, _) = run_with(folder.path(), &["completions", "bash"], &[]);
    fs::write(folder.path().join("rowmill.bash"), script).unwrap();
    let question = "source rowmill.bash; COMP_WORDS=(rowmill load --on-d); COMP_CWORD=2; _rowmill rowmill --on-d load; echo ${COMPREPLY[@]}";
    let answer = Command::new("bash")
        .args(["-c", question])
        .current_dir(folder.path())
        .stderr(Stdio::inherit())
        .output();
    let answer = answer.expect("bash is there").stdout;
    assert_eq!(String::from_utf8_lossy(&answer).trim(), "--on-duplicate");
    assert_eq!(run_with(folder.path(), &["completions", "csh"], &[]).0, 64);
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let (code, page, _) = run_with(folder.path(), &["man"], &[]);
    assert!(code == 0 && page.contains(".TH rowmill 1"), "{page}");
    for command in ["load", "check", "retry", "schema"] {
        let (code, page, _) = run_with(folder.path(), &["man", command], &[]);
        assert_eq!(code, 0);
        assert!(page.contains(&format!(".TH rowmill-{command} 1")), "{page}");
        assert!(page.contains("Exit codes") && page.contains("\\-\\-memory"), "{page}");
    }
    let (code, _, said) = run_with(folder.path(), &["man", "lode"], &[]);
    assert!(code == 64 && said.contains("load, check"), "{said}");
}

#[test]
fn what_is_wrong_with_a_command_line_is_said_in_one_line_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("people.csv"), "id,name\n1,Ada\n").unwrap();
    for (args, code, expected) in [
        (
            &["load", "people.csv", "x.db", "--delimitr", ";"][..],
            64,
            "rowmill: error: unexpected argument '--delimitr' found; a similar argument exists: '--delimiter'; see rowmill load --help\n",
        ),
        (
            &["laod", "people.csv", "x.db"],
            64,
            "rowmill: error: unrecognized subcommand 'laod'; a similar subcommand exists: 'load'; see rowmill --help\n",
        ),
        (
            &["load", "peple.csv", "x.db"],
            66,
            "rowmill: error: cannot open input peple.csv: No such file or directory (os error 2); check the path and its permissions \
             (is people.csv meant?)\n",
        ),
        (
            &["load", "people.csv", "x.db", "--key", "nmae"],
            64,
            "rowmill: error: --key names \"nmae\", which is not a column (is \"name\" meant?); the columns are \"id\", \"name\"\n",
        ),
    ] {
        let ended = run_in(folder.path(), args);
        assert_eq!(String::from_utf8_lossy(&ended.stderr), expected);
        assert_eq!(ended.code(), code);
    }
    // Nothing is like it.
    let ended = run_in(folder.path(), &["load", "other.csv", "x.db"]);
    assert!(!String::from_utf8_lossy(&ended.stderr).contains("meant"));
}

#[test]
fn variables_stand_for_flags_and_a_wrong_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("people.csv"), "id,name\n1,Ada\n").unwrap();
    let load = |database: &str, more: &[&str], variables: &[(&str, &str)]| {
        let args = [&["load", "people.csv", database, "-v"], more].concat();
        run_with(folder.path(), &args, variables)
    };
    let (code, _, said) = load("a.db", &[], &[("ROWMILL_MEMORY", "100MiB")]);
    assert!(code == 0 && said.contains("memory 100MiB"), "{said}");
    let (_, _, said) = load("b.db", &["--memory", "120MiB"], &[("ROWMILL_MEMORY", "100MiB")]);
    assert!(said.contains("memory 120MiB"), "{said}");
    let (code, _, said) = load("c.db", &[], &[("ROWMILL_MEMORY", "lots")]);
    assert!(
        code == 64 && said.contains("(from the variable ROWMILL_MEMORY)"),
        "{said}"
    );
    fs::write(folder.path().join("load.toml"), "memory = \"130MiB\"\n").unwrap();
    let (_, _, said) = load("d.db", &["--config", "load.toml"], &[("ROWMILL_MEMORY", "100MiB")]);
    assert!(said.contains("memory 130MiB"), "{said}");
}

#[test]
fn colours_are_asked_for_or_forbidden() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("people.csv"), "id,name\n1,Ada\n").unwrap();
    let has_colour = |args: &[&str], variables: &[(&str, &str)]| {
        let (_, printed, said) = run_with(folder.path(), args, variables);
        assert!(!(printed.clone() + &said).is_empty());
        (printed + &said).contains("\u{1b}[")
    };
    for args in [
        &["load", "people.csv", "x.db", "--if-exists", "replace"][..],
        &["help", "types"],
        &["load", "--wrong"],
    ] {
        let with = |more: &'static [&'static str]| [args, more].concat();
        assert!(!has_colour(args, &[]), "{args:?}");
        assert!(has_colour(&with(&["--color", "always"]), &[]), "{args:?}");
        assert!(has_colour(args, &[("CLICOLOR_FORCE", "1")]), "{args:?}");
        assert!(has_colour(args, &[("ROWMILL_COLOR", "always")]), "{args:?}");
        assert!(
            !has_colour(&with(&["--color=never"]), &[("CLICOLOR_FORCE", "1")]),
            "{args:?}"
        );
        assert!(
            !has_colour(args, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "0")]),
            "{args:?}"
        );
    }
}
