//! `--report-html`: the page of real loads, however they end, in words and in a real browser.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::data::{Recipe, people, people_file};
use super::database;
use super::harness::run_in;
use super::process::{Ended, Feed, Running, rowmill, wait_until};

/// Exit code of `scripts/page_test` where there is no browser.
const NO_BROWSER: i32 = 77;

/// A folder with `in.csv` in it.
fn folder_with(input: impl AsRef<[u8]>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), input).unwrap();
    folder
}

/// Loads `in.csv` with both reports.
fn load(folder: &Path, more: &[&str]) -> Ended {
    let args = [
        "load",
        "in.csv",
        "out.db",
        "--report",
        "report.json",
        "--report-html",
        "page.html",
    ];
    run_in(folder, &[&args[..], more].concat())
}

fn page_of(folder: &Path) -> String {
    fs::read_to_string(folder.join("page.html")).expect("there is a page")
}

fn json_of(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap()
}

/// A count as the page shows it.
fn grouped(count: &Value) -> String {
    let digits = count.as_u64().expect("a count").to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Whatever JSON and page both say, they say alike.
#[track_caller]
fn agrees_with_json(folder: &Path) {
    let (page, json) = (page_of(folder), json_of(folder));
    assert!(page.contains(&format!("exit code {}", json["exit_code"])));
    if json["outcome"] != "failed" {
        assert!(page.contains(&format!("<b>{}</b><span>records</span>", grouped(&json["records"]))));
        for name in ["loaded", "rejected", "duplicates"] {
            let shown = format!("<b>{}</b><span>{name}", grouped(&json[name]));
            assert!(page.contains(&shown), "{shown}");
        }
        let pending = page.contains("<span>pending");
        assert_eq!(pending, json["pending"] != 0);
        assert!(page.contains("The counts add up"));
    }
    for (code, count) in json["by_code"].as_object().expect("codes") {
        let shown = format!("<span class=\"count\">{}</span><code>{code}</code>", grouped(count));
        assert!(page.contains(&shown), "{shown}");
    }
}

#[test]
fn a_clean_load_shows_its_table_and_no_rejects() {
    let folder = folder_with(fs::read("datasets/airports.csv").unwrap());
    assert_eq!(load(folder.path(), &["--key", "iata", "--table", "airports"]).code(), 0);
    let page = page_of(folder.path());
    for text in [
        "3,376 rows loaded into table airports",
        "None: no record was rejected",
        "<td><span class=\"cell\">00M</span></td>",
        "<td class=\"number\">31.95376472</td>",
        "<th class=\"number\" scope=\"col\">latitude<span class=\"type\">real</span></th>",
        "<b>direct</b>: a new or empty plain table",
        "<td><code>--key</code></td><td>iata</td>",
        "Resident memory",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(
        !page.contains("nothing was measured"),
        "even a short load has its curves"
    );
    agrees_with_json(folder.path());
}

#[test]
fn a_dirty_load_shows_the_first_rejects_of_each_code_and_is_otherwise_unchanged() {
    let recipe = Recipe {
        seed: 3,
        records: 60_000,
        bad_every: 50,
        duplicate_every: 31,
        text_keys: true,
        padding: 20,
    };
    let (mut bytes, content) = people(&recipe);
    bytes.extend("too,many,columns,for,this,table\n".repeat(7).bytes());
    let folder = folder_with(&bytes);
    let ended = load(folder.path(), &["--key", "id", "--batch-rows", "7000"]);
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    agrees_with_json(folder.path());
    let page = page_of(folder.path());
    assert_eq!(json_of(folder.path())["loaded"], content.good);
    // Each code's samples are the first ones of the dead-letter file.
    let errors = fs::read(folder.path().join("errors.csv")).unwrap();
    let rejects = super::harness::read_rejects(&errors).unwrap();
    let codes = json_of(folder.path())["by_code"].as_object().unwrap().clone();
    assert!(codes.len() > 2, "{codes:?}");
    for code in codes.keys() {
        let of_code: Vec<_> = rejects.iter().filter(|reject| reject.code == *code).collect();
        let start = page.find(&format!("<code>{code}</code>")).unwrap();
        let section = &page[start..start + page[start..].find("</details>").unwrap()];
        let shown = section.matches("<td class=\"raw\">").count();
        assert_eq!(shown, of_code.len().min(5), "{code}");
        for reject in of_code.iter().take(5) {
            let line = format!("<td class=\"number\">{}", grouped(&Value::from(reject.line)));
            assert!(section.contains(&line), "{code}: {line}");
        }
    }
    let plain = folder_with(&bytes);
    let ended = run_in(
        plain.path(),
        &["load", "in.csv", "out.db", "--key", "id", "--batch-rows", "7000"],
    );
    assert_eq!(ended.code(), 2);
    assert!(errors == fs::read(plain.path().join("errors.csv")).unwrap());
    let dump = |folder: &Path| database::dump(&folder.join("out.db"), "in").rows;
    assert!(dump(folder.path()) == dump(plain.path()));
}

#[test]
fn loads_without_rows_have_a_page() {
    for (input, exit) in [("id,v\n", 0), ("", 65)] {
        let folder = folder_with(input);
        let ended = load(folder.path(), &[]);
        assert_eq!(ended.code(), exit, "{}", String::from_utf8_lossy(&ended.stderr));
        agrees_with_json(folder.path());
    }
}

#[test]
fn loads_that_fail_or_stop_have_a_page_that_says_why() {
    let folder = folder_with("id\n1\n");
    fs::remove_file(folder.path().join("in.csv")).unwrap();
    assert_eq!(load(folder.path(), &[]).code(), 66);
    agrees_with_json(folder.path());
    assert!(page_of(folder.path()).contains("cannot open input in.csv"));

    let folder = folder_with("id\n1\n");
    fs::write(folder.path().join("out.db"), "this is no database at all, it is text").unwrap();
    assert_eq!(load(folder.path(), &[]).code(), 78);
    agrees_with_json(folder.path());
    assert!(page_of(folder.path()).contains("is not a SQLite database"));

    let folder = folder_with("id\n1\n2,2\n3\n4,4\n5\n");
    assert_eq!(load(folder.path(), &["--max-errors", "1"]).code(), 3);
    agrees_with_json(folder.path());
    assert!(page_of(folder.path()).contains("stopped at the error limit"));

    assert_eq!(load(folder.path(), &["--batch-rows", "0"]).code(), 64);
    assert!(page_of(folder.path()).contains("--batch-rows must be at least 1"));
}

/// Stops a load of a slow stream in its middle.
fn interrupted(folder: &Path) -> Ended {
    let recipe = Recipe {
        seed: 1,
        records: 300_000,
        bad_every: 100,
        duplicate_every: 0,
        text_keys: false,
        padding: 60,
    };
    let (bytes, _) = people(&recipe);
    let feed = Feed::start(folder.join("in.csv"), move |fifo| {
        let mut left = fifo.write_all(&bytes);
        let mut number = 1_000_000;
        while left.is_ok() {
            number += 1;
            left = writeln!(fifo, "{number},slow,1.5,x").and_then(|()| fifo.flush());
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let args = [
        "load",
        "in.csv",
        "out.db",
        "--report",
        "report.json",
        "--report-html",
        "page.html",
        "--batch-rows",
        "2000",
    ];
    let running = Running::start(rowmill(folder, &args.map(Into::into)));
    let database = folder.join("out.db");
    wait_until("rows are in the database", || {
        fs::metadata(&database).is_ok_and(|metadata| metadata.len() > 1 << 20)
    });
    running.signal(libc::SIGINT);
    let ended = running.wait();
    drop(feed);
    ended
}

#[test]
fn an_interrupted_load_has_a_page_and_the_run_that_finishes_it_another() {
    let folder = tempfile::tempdir().unwrap();
    let ended = interrupted(folder.path());
    assert_eq!(ended.code(), 130, "{}", String::from_utf8_lossy(&ended.stderr));
    agrees_with_json(folder.path());
    let page = page_of(folder.path());
    assert!(page.contains("interrupted by SIGINT") && !page.contains("The same command goes on"));

    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        seed: 5,
        records: 300_000,
        bad_every: 101,
        duplicate_every: 53,
        text_keys: true,
        padding: 80,
    };
    people_file(&recipe, &folder.path().join("in.csv"));
    let flags = ["--key", "id", "--batch-rows", "2000", "--text"];
    let args = [
        "load",
        "in.csv",
        "out.db",
        "--report",
        "report.json",
        "--report-html",
        "page.html",
    ];
    let args: Vec<_> = args.iter().chain(&flags).map(Into::into).collect();
    let running = Running::start(rowmill(folder.path(), &args));
    let database = folder.path().join("out.db");
    wait_until("rows are in the database", || {
        fs::metadata(&database).is_ok_and(|metadata| metadata.len() > 1 << 20)
    });
    running.signal(libc::SIGTERM);
    assert_eq!(running.wait().code(), 143);
    agrees_with_json(folder.path());
    assert!(page_of(folder.path()).contains("The same command goes on where it stopped"));
    assert_eq!(load(folder.path(), &flags).code(), 2);
    agrees_with_json(folder.path());
    assert!(page_of(folder.path()).contains("resuming an unfinished load after record"));
}

/// A file whose name, header, values and rejects are all meant to become markup.
fn hostile(folder: &Path) -> PathBuf {
    let name = "<script>alert(1)<|script>\"><img onerror=alert(2)>.csv";
    let input = "id,<script>alert(3)</script>,\"\"\"><img src=x onerror=alert(4)>\",\u{202e}txet\n\
                 1,<script>alert(5)</script>,\"\"\"><img src=http://example.org/x onerror=alert(6)>\",\u{202e}a\u{200b}\n\
                 2,</style><svg onload=alert(7)>,</title>,</main>\n\
                 <script>alert(8)</script>\n\
                 x,<iframe src=//example.org>,'onmouseover='alert(9),\u{2066}\n";
    fs::write(folder.join(name), input).unwrap();
    let args = [
        "load",
        name,
        "<b>out.db",
        "--table",
        "<img src=x onerror=alert(10)>",
        "--types",
        "id=integer",
        "--report-html",
        "page.html",
    ];
    assert_eq!(run_in(folder, &args).code(), 2);
    folder.join("page.html")
}

#[test]
fn a_malicious_file_stays_text() {
    let folder = tempfile::tempdir().unwrap();
    let page = fs::read_to_string(hostile(folder.path())).unwrap();
    for tag in ["<script", "<img", "<iframe", "<svg onload", "<b>out", "</main>,"] {
        assert!(!page.contains(tag), "{tag}");
    }
    for text in [
        "&lt;script&gt;alert(1)&lt;|script&gt;&quot;&gt;&lt;img onerror=alert(2)&gt;.csv",
        "&lt;script&gt;alert(3)&lt;/script&gt;",
        "&lt;script&gt;alert(5)&lt;/script&gt;",
        "<code>&lt;script&gt;alert(8)&lt;/script&gt;</code>",
        "&lt;img src=x onerror=alert(10)&gt;",
        "\\u{202e}a\\u{200b}",
        "\\u{2066}",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains(['\u{202e}', '\u{200b}', '\u{2066}']));
}

#[test]
fn a_page_that_cannot_be_is_refused_before_anything_is_made() {
    let folder = folder_with("id\n1\n");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("precious"), "precious").unwrap();
    symlink(at("precious"), at("link")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    fs::hard_link(at("in.csv"), at("hard")).unwrap();
    for (page, why) in [
        ("in.csv", "same file as in.csv"),
        ("./in.csv", "same file"),
        ("hard", "same file"),
        ("out.db", "same file as out.db"),
        ("out.db-journal", "same file"),
        ("errors.csv", "same file as errors.csv"),
        ("report.json", "same file as report.json"),
        ("link", "symbolic link"),
        ("dangling", "symbolic link"),
        ("folder", "it is a folder"),
        ("none/page.html", "its folder does not exist"),
        ("/dev/null", "not a regular file"),
    ] {
        let args = [
            "load",
            "in.csv",
            "out.db",
            "--report",
            "report.json",
            "--report-html",
            page,
        ];
        let ended = run_in(folder.path(), &args);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.code(), 73, "{page}: {said}");
        assert!(said.contains(why) && said.contains("--report-html"), "{page}: {said}");
        assert_eq!(json_of(folder.path())["exit_code"], 73, "the JSON report tells, too");
        fs::remove_file(at("report.json")).unwrap();
        for name in ["out.db", "errors.csv", "nowhere", "out.db-journal"] {
            assert!(!at(name).exists(), "{page}: {name}");
        }
        assert_eq!(fs::read(at("precious")).unwrap(), b"precious");
        assert_eq!(fs::read(at("in.csv")).unwrap(), b"id\n1\n");
    }
    let missing = run_in(
        folder.path(),
        &["load", "gone.csv", "out.db", "--report-html", "gone.csv"],
    );
    assert_eq!(missing.code(), 73);
    assert!(!at("gone.csv").exists());
}

#[test]
fn an_older_page_is_replaced_whole() {
    let folder = folder_with("id\n1\n");
    assert_eq!(load(folder.path(), &[]).code(), 0);
    let longer = page_of(folder.path()) + &"x".repeat(1 << 20);
    fs::write(folder.path().join("page.html"), longer).unwrap();
    fs::remove_file(folder.path().join("out.db")).unwrap();
    assert_eq!(load(folder.path(), &[]).code(), 0);
    let page = page_of(folder.path());
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
}

/// Lets `scripts/page_test` look at pages in a real browser. `None`, said loudly, if there is none.
fn look_at(pages: &[PathBuf], more: &[&str]) -> Option<std::process::Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/page_test");
    let looked = Command::new("python3").arg(script).args(more).args(pages).output();
    match looked {
        Ok(output) if output.status.code() != Some(NO_BROWSER) => Some(output),
        Ok(output) => {
            eprintln!(
                "NOT TESTED in a browser: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
            None
        }
        Err(error) => {
            eprintln!("NOT TESTED in a browser: python3 cannot be started: {error}");
            None
        }
    }
}

#[test]
fn a_browser_shows_every_kind_of_page_without_a_complaint() {
    let clean = folder_with(fs::read("datasets/airports.csv").unwrap());
    assert_eq!(load(clean.path(), &[]).code(), 0);
    let bad = tempfile::tempdir().unwrap();
    hostile(bad.path());
    let failed = folder_with("");
    assert_eq!(load(failed.path(), &[]).code(), 65);
    let stopped = tempfile::tempdir().unwrap();
    assert_eq!(interrupted(stopped.path()).code(), 130);
    let pages = [&clean, &bad, &failed, &stopped].map(|folder| folder.path().join("page.html"));
    if let Some(output) = look_at(&pages, &["--expect", "exit code"]) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
    }
}

#[test]
fn the_browser_check_finds_what_it_looks_for() {
    let folder = folder_with("id\n1\n");
    assert_eq!(load(folder.path(), &[]).code(), 0);
    let page = page_of(folder.path());
    let policy_at = page.find("<meta http-equiv").unwrap();
    let policy_end = policy_at + page[policy_at..].find('>').unwrap() + 1;
    let unprotected = page.replace(&page[policy_at..policy_end], "");
    for (name, text, finding) in [
        ("policy", unprotected.clone(), "no policy"),
        (
            "request",
            unprotected.replace("<main>", "<main><img src=\"http://127.0.0.1:9/x.png\">"),
            "requests http://127.0.0.1:9/x.png",
        ),
        ("script", page.replace("<main>", "<main><script>1</script>"), "foreign"),
        ("handler", page.replace("<main>", "<main onclick=\"1\">"), "handlers"),
        (
            "dark",
            page.replace("prefers-color-scheme: dark", "prefers-color-scheme: none"),
            "dark",
        ),
        (
            "flat",
            page.replace("viewBox=\"0 0 560 200\"", "height=\"0\""),
            "charts",
        ),
        (
            "wide",
            page.replace("<main>", "<main><div style=\"width: 3000px\">x</div>"),
            "pixels wider",
        ),
    ] {
        let path = folder.path().join(format!("{name}.html"));
        assert_ne!(text, page, "{name}");
        fs::write(&path, text).unwrap();
        let Some(output) = look_at(&[path], &[]) else { return };
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(finding), "{name}: {said}");
    }
}
