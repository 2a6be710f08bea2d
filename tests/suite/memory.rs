//! The memory promise, in scenes that are small enough for every test run: whatever the inputs are like, the peak stays below
//! `--memory`. `scripts/memory_test` has the same scenes at full size.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::Value;

use super::database;
use super::harness::run_in;
use super::packing;
use super::process::{Feed, Running, rowmill};

const MIB: u64 = 1 << 20;

/// Loads into table `t` of `out.db` and returns the report, whose peak must be below `memory_mib`.
fn load(folder: &Path, inputs: &[String], memory_mib: u64, flags: &[&str]) -> Value {
    let memory = format!("{memory_mib}MiB");
    let mut args: Vec<&str> = vec!["load"];
    args.extend(inputs.iter().map(String::as_str));
    args.extend([
        "out.db",
        "--table",
        "t",
        "--report",
        "report.json",
        "--memory",
        &memory,
        "--threads",
        "2",
    ]);
    args.extend(flags);
    let ended = run_in(folder, &args);
    let said = String::from_utf8_lossy(&ended.stderr);
    let report = fs::read_to_string(folder.join("report.json")).unwrap_or_else(|error| panic!("{error}: {said}"));
    let report: Value = serde_json::from_str(&report).expect("the report is JSON");
    let peak_mib = report["peak_rss_bytes"].as_u64().unwrap() / MIB;
    assert!(peak_mib < memory_mib, "{peak_mib} MiB of {memory_mib}: {said}");
    report
}

#[test]
fn many_files_take_no_more_memory_than_one() {
    let folder = tempfile::tempdir().unwrap();
    let row = "x".repeat(99);
    fs::write(
        folder.path().join("0.csv"),
        format!("a\n{}", format!("{row}\n").repeat(10_500)),
    )
    .unwrap();
    let names: Vec<String> = (0..100).map(|number| format!("{number}.csv")).collect();
    for name in &names[1..] {
        fs::hard_link(folder.path().join("0.csv"), folder.path().join(name)).unwrap();
    }
    let report = load(folder.path(), &names, 64, &[]);
    assert_eq!(
        (&report["exit_code"], &report["loaded"]),
        (&0.into(), &1_050_000.into())
    );
}

#[test]
fn many_streams_take_no_more_memory_than_one_and_each_is_looked_at_alike() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..6).map(|number| format!("{number}.csv")).collect();
    let mut text = String::from("id,txt\n");
    for number in 0..250_000 {
        text += &format!("{number},{}\n", "x".repeat(70));
    }
    // After the part that is looked at comes something that is not an integer.
    assert!(text.len() > 18 << 20);
    text += "last,x\n";
    let feeds: Vec<Feed> = names
        .iter()
        .map(|name| Feed::bytes(folder.path().join(name), text.clone().into_bytes()))
        .collect();
    let report = load(folder.path(), &names, 64, &[]);
    drop(feeds);
    assert_eq!(
        (&report["exit_code"], &report["loaded"]),
        (&2.into(), &1_500_000.into())
    );
    assert_eq!(
        (&report["rejected"], &report["columns"][0]["type"]),
        (&6.into(), &"integer".into())
    );
}

/// One transaction of all rows, many times as large as SQLite's cache.
#[test]
fn a_load_that_lands_whole_takes_no_more_memory_than_one_in_batches() {
    let folder = tempfile::tempdir().unwrap();
    let table = "CREATE TABLE t (id INTEGER, name TEXT, CHECK (id >= 0)); CREATE INDEX i ON t (name)";
    database::create(&folder.path().join("out.db"), table);
    let rows: String = (0..250_000_u64)
        .map(|number| {
            format!(
                "{number},{:020} {}\n",
                number.wrapping_mul(0x9E37_79B9_7F4A_7C15),
                "x".repeat(150)
            )
        })
        .collect();
    fs::write(folder.path().join("in.csv"), format!("id,name\n{rows}")).unwrap();
    let report = load(folder.path(), &["in.csv".to_owned()], 64, &["--atomic", "file"]);
    assert_eq!((&report["exit_code"], &report["loaded"]), (&0.into(), &250_000.into()));
    assert!(fs::metadata(folder.path().join("out.db")).unwrap().len() > 80 << 20);
}

#[test]
fn blank_lines_before_a_header_are_passed_over() {
    let mut bytes = vec![b'\n'; 20_000_000];
    bytes.extend(b"a,b\n1,2\n");
    for piped in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.csv");
        let feed = match piped {
            true => Some(Feed::bytes(path, bytes.clone())),
            false => fs::write(path, &bytes).map(|()| None).unwrap(),
        };
        let report = load(folder.path(), &["in.csv".to_owned()], 40, &[]);
        drop(feed);
        assert_eq!(report["loaded"], 1);
        assert_eq!(report["inputs"][0]["lines"], 20_000_002);
        assert_eq!(report["inputs"][0]["blank_lines"], 20_000_000);
        assert_eq!(database::dump(&folder.path().join("out.db"), "t").rows, ["1: 1, 2"]);
    }
}

#[test]
fn a_first_line_that_does_not_end_is_refused_as_soon_as_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let endless = |fifo: &mut dyn Write| while fifo.write_all(&[b'x'; 4096]).is_ok() {};
    let feed = Feed::start(folder.path().join("endless.csv"), endless);
    fs::File::create(folder.path().join("sparse.csv"))
        .unwrap()
        .set_len(3 << 30)
        .unwrap();
    fs::write(folder.path().join("line.csv"), vec![b'x'; 30_000_000]).unwrap();
    fs::write(folder.path().join("quoted.csv"), [&b"\""[..], &[b'\n'; 100]].concat()).unwrap();
    for (input, flags, words) in [
        ("endless.csv", &[][..], "--max-record-bytes"),
        ("/dev/zero", &[], "NUL"),
        ("sparse.csv", &[], "NUL"),
        ("line.csv", &[], "more bytes than --max-record-bytes allows (8MiB)"),
        ("line.csv", &["--no-header"], "columns cannot be counted"),
        ("line.csv", &["--max-record-bytes", "1k"], "allows (1KiB)"),
        (
            "quoted.csv",
            &["--max-record-bytes", "10"],
            "a quoted field that is not closed",
        ),
    ] {
        let report = load(folder.path(), &[input.to_owned()], 64, flags);
        assert_eq!(report["exit_code"], 65, "{input}: {report:#}");
        let error = report["error"].as_str().unwrap();
        assert!(error.contains(words), "{input}: {error}");
        assert!(!folder.path().join("out.db").exists(), "{input}");
    }
    drop(feed);
}

#[test]
fn without_a_header_the_columns_are_those_of_the_first_good_record_after_a_line_that_is_too_long() {
    for bytes in [5_000, 3_000_000] {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{}\n\n\"open\n1,2\n", "x".repeat(bytes));
        fs::write(folder.path().join("in.csv"), text).unwrap();
        let flags = ["--no-header", "--max-record-bytes", "1000"];
        let report = load(folder.path(), &["in.csv".to_owned()], 40, &flags);
        assert_eq!(
            (&report["loaded"], &report["rejected"]),
            (&1.into(), &2.into()),
            "{report:#}"
        );
    }
}

#[test]
fn a_line_of_any_length_after_the_header_is_one_reject() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("a\n{}\n1\n", "x".repeat(100_000_000));
    fs::write(folder.path().join("in.csv"), text).unwrap();
    let report = load(folder.path(), &["in.csv".to_owned()], 64, &[]);
    assert_eq!(
        (&report["loaded"], &report["by_code"]["record_too_large"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn a_stream_of_rows_of_two_bytes_keeps_the_promise() {
    let folder = tempfile::tempdir().unwrap();
    // More than is looked at to find the types.
    let feed = Feed::bytes(folder.path().join("in.csv"), b"1\n".repeat(9_000_000));
    let report = load(folder.path(), &["in.csv".to_owned()], 100, &["--header"]);
    drop(feed);
    assert_eq!(report["records"], 8_999_999);
}

#[test]
fn keys_are_sorted_within_the_smallest_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("id,name\n");
    for number in 0..400_000u64 {
        text += &format!("{},name {number}\n", number * 7919 % 1_000_003);
    }
    fs::write(folder.path().join("in.csv"), text).unwrap();
    let report = load(
        folder.path(),
        &["in.csv".to_owned()],
        37,
        &["--key", "id", "--index", "name"],
    );
    assert_eq!(report["loaded"], 400_000);
}

#[test]
fn more_threads_than_memory_allows_are_refused_with_what_would_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "a\n1\n").unwrap();
    for (flags, words) in [
        (&["--threads", "4294967296"][..], "1024, the most there can be"),
        (&["--threads", "1025"], "1024, the most there can be"),
        (&["--threads", "1000", "--memory", "40MiB"], "at least 66MiB"),
        (&["--memory", "1MiB"], "at least 37MiB"),
    ] {
        let ended = run_in(folder.path(), &[&["load", "in.csv", "out.db"], flags].concat());
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.code(), 64, "{flags:?}: {said}");
        assert!(said.contains(words), "{flags:?}: {said}");
    }
    let args = ["load", "in.csv", "out.db", "--threads", "300"].map(Into::into);
    let mut command = rowmill(folder.path(), &args);
    command.args(["--memory", "64MiB", "-v"]);
    let ended = Running::start(command).wait();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.code(), 0, "{said}");
    // The same size has the same form wherever it is said.
    assert!(
        said.contains("memory 64MiB: ") && said.contains("budget      64MiB: "),
        "{said}"
    );
}

/// A chunk that begins within quotes is read as if it did not, and then its lines are not rows.
#[test]
fn a_quoted_field_of_short_lines_among_many_columns_keeps_the_promise() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..1000).map(|number| format!("c{number}")).collect();
    let text = "a\n".repeat(3_750_000);
    let csv = format!("{}\n\"{text}\"{}\n", names.join(","), ",".repeat(999));
    fs::write(folder.path().join("in.csv"), csv).unwrap();
    let report = load(folder.path(), &["in.csv".to_owned()], 128, &["--text"]);
    assert_eq!((&report["exit_code"], &report["loaded"]), (&0.into(), &1.into()));
}

/// A stray quote that nothing closes leaves as many lines undecided as a record may have.
#[test]
fn short_lines_after_a_stray_quote_keep_the_promise() {
    for (line, lines, memory_mib) in [("1\n", 4_500_000, 128), ("\n", 9_000_000, 244)] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("in.csv"), format!("id\n\"1\n{}", line.repeat(lines))).unwrap();
        let report = load(folder.path(), &["in.csv".to_owned()], memory_mib, &[]);
        assert_eq!((&report["exit_code"], &report["rejected"]), (&2.into(), &1.into()));
        assert_eq!(report["loaded"], lines, "{line:?}");
    }
}

/// Packed inputs that unpack to a thousand times their size, or that take much memory to unpack.
#[test]
fn packed_inputs_take_no_more_memory_than_plain_ones() {
    let row = "x".repeat(999);
    let rows = format!("{row}\n").repeat(30_000);
    for (name, pack) in [
        ("a.csv.gz", packing::gzip as packing::Pack),
        ("a.csv.bgz", packing::bgzf),
        ("a.csv.zst", packing::zstd),
        ("a.csv.xz", packing::xz),
        ("a.csv.bz2", packing::bzip2),
        ("a.csv.lz4", packing::lz4),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut packed = pack(b"a\n");
        packed.extend(pack(rows.as_bytes()).repeat(4));
        fs::write(folder.path().join(name), packed).unwrap();
        let report = load(folder.path(), &[name.to_owned()], 64, &[]);
        assert_eq!((&report["exit_code"], &report["loaded"]), (&0.into(), &120_000.into()));
    }
}

#[test]
fn a_zstd_window_that_does_not_fit_is_refused_with_what_it_takes() {
    let mut packer = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    packer.window_log(26).unwrap();
    packer.write_all(b"a\n1\n").unwrap();
    let packed = packer.finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.zst"), packed).unwrap();
    let ended = run_in(folder.path(), &["load", "in.zst", "out.db", "--memory", "64MiB"]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.code(), 65, "{said}");
    assert!(said.contains("takes 65MiB of memory for the zstd window"), "{said}");
    assert!(said.contains("allow more with --memory"), "{said}");
    load(folder.path(), &["in.zst".to_owned()], 244, &[]);
}
