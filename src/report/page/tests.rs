//! Pages of loads that never took place: every way to end, and data that means harm.

use super::*;
use crate::observer::{Phase, Progress};
use crate::options::TypedCommand;
use crate::position::Position;
use crate::reject::RejectCode;
use crate::report::tests::sample as report_sample;
use crate::report::{
    Cell, ColumnReport, Distribution, DistributionOf, FilterReport, ProfileValue, RowsColumn, RowsProfile, StageTime,
    TextStart,
};

/// Text that would be markup, script or an end of either if it were not escaped.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style></title><svg/onload=alert(1)>",
    "]]>--><!--",
    "&lt;b&gt;",
];

fn reject(code: RejectCode, raw: &[u8]) -> RejectSample {
    RejectSample {
        code,
        position: Position {
            line: 1_234_567,
            line_end: 1_234_569,
            record: 1_234_566,
            length_bytes: raw.len() as u64,
            ..Position::default()
        },
        column: "amount".to_owned(),
        message: "expected an integer".to_owned(),
        field: None,
        raw: raw.to_vec(),
    }
}

/// What is in a column that is called `text` and holds it.
fn profile(text: &str) -> RowsProfile {
    let value = ProfileValue::Text(TextStart::of(text.as_bytes()));
    RowsProfile {
        rows: 4_850_000,
        counted_rows: 200_000,
        sampled_rows: 999,
        columns: vec![RowsColumn {
            name: text.to_owned(),
            column_type: "text",
            nulls: 48_500,
            values: 4_801_500,
            distinct: 12_345,
            distinct_is_exact: false,
            least: Some(value),
            greatest: Some(value),
            longest_chars: 1,
            longest_bytes: 1,
            distribution: Some(Distribution {
                of: DistributionOf::Moments,
                from: 0.0,
                to: 86_400.0,
                counts: vec![0, 1, 998],
            }),
        }],
    }
}

#[test]
fn columns_are_told_of_with_how_that_was_found_out() {
    let mut parts = Parts::new();
    assert!(!parts.page().contains("What is in the columns"));
    parts.report.profile = Some(profile("amount"));
    let page = parts.page();
    for shown in [
        "48,500<span class=\"type\">1.00 %</span>",
        "~ 12,345",
        "1 character</td>",
        "<title>1970-01-01T08:00:00 to 1970-01-01T16:00:00: 1</title>",
        "Of all 4,850,000 rows that were loaded. Numbers of distinct values with ~ are estimates, by 200,000 rows. \
         Distributions are those of 999 rows, chosen at random.",
        "2024-02-29 12:34:56 UTC",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    if let Some(profile) = &mut parts.report.profile {
        profile.rows -= 1;
    }
    assert!(parts.page().contains("Of the 4,849,999 rows that this run put in."));
}

/// Everything that a page is made of, owned.
struct Parts {
    report: LoadReport,
    options: LoadOptions,
    timeline: Timeline,
    notices: Vec<String>,
    samples: Vec<RejectSample>,
    preview: Result<Preview, String>,
}

impl Parts {
    fn new() -> Parts {
        let mut report = report_sample();
        report.measure(Duration::from_secs(3));
        report.columns = vec![ColumnReport {
            name: "amount".to_owned(),
            column_type: "integer",
            recoded: 1_234_567,
        }];
        report.stages = vec![StageTime {
            stage: "write",
            busy_ms: 1234.0,
        }];
        report.filter = Some(FilterReport::default());
        Parts {
            report,
            options: LoadOptions::default(),
            timeline: timeline(30),
            notices: Vec::new(),
            samples: vec![reject(RejectCode::TypeError, b"1,x")],
            preview: Ok(Preview {
                rows: vec![vec![Cell::Integer(1_000_000)]],
            }),
        }
    }

    fn page(&self) -> String {
        page(&PageParts {
            report: &self.report,
            options: &self.options,
            timeline: &self.timeline,
            notices: &self.notices,
            samples: &self.samples,
            preview: &self.preview,
            unix_seconds: 1_709_210_096,
        })
    }
}

fn timeline(points: u64) -> Timeline {
    let mut timeline = Timeline::default();
    if points > 0 {
        timeline.begin_phase(Duration::ZERO, Phase::Load);
    }
    for point in 1..=points {
        let at = Duration::from_millis(point * 100);
        let progress = Progress {
            bytes: point * 1_000_000,
            records: point * 10_000,
            rejected: point,
            ..Progress::default()
        };
        timeline.note_progress(at, progress);
        timeline.note_memory(at, 100_000_000);
    }
    timeline
}

#[test]
fn values_that_were_recoded_are_shown_by_column_where_there_are_any() {
    let mut parts = Parts::new();
    assert!(!parts.page().contains("recoded"));
    parts.report.recoded = 1_234_567;
    let page = parts.page();
    assert!(page.contains("<th class=\"number\">recoded</th>"), "{page}");
    assert!(page.contains("<td class=\"number\">1,234,567</td>"), "{page}");
}

/// Every tag must be one of ours; every attribute too, so that none is made by data.
fn has_no_markup_of_its_own(page: &str) {
    let lower = page.to_ascii_lowercase();
    for forbidden in [
        "<script",
        "<img",
        "<iframe",
        "onerror=alert(1)>",
        "javascript:",
        "http://",
        "https://",
        "url(",
        "@import",
    ] {
        assert!(!lower.contains(forbidden), "{forbidden}");
    }
    assert_eq!(lower.matches("<style>").count(), 1);
    assert_eq!(lower.matches("</style>").count(), 1);
    assert_eq!(lower.matches("</html>").count(), 1);
    // In attributes and in text: quotes and angle brackets of data are entities, so every tag's attributes are well formed.
    let body = &page[page.find("<body>").expect("there is a body")..];
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("every tag ends");
        let tag = &rest[start..=end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        assert!(!tag.contains(" on"), "{tag}");
        rest = &rest[end..];
    }
}

#[test]
fn a_load_with_rejects_shows_its_counts_rates_and_samples() {
    let parts = Parts::new();
    let page = parts.page();
    for text in [
        "4,850,000 rows loaded into table people",
        "complete, with rejects",
        "exit code 2",
        "<b>5,000,000</b>",
        "<b>100,000</b><span>duplicates 2.00 %</span>",
        "The counts add up",
        "1.05 GB read",
        "<code>type_error</code>",
        "1,234,567–1,234,569",
        "<code>1,x</code>",
        ">1000000</td>",
        "1.23 s",
        "promised: 244MiB",
    ] {
        assert!(page.contains(text), "{text} is not in the page");
    }
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"));
    has_no_markup_of_its_own(&page);
}

#[test]
fn pending_rows_and_counts_that_do_not_add_up_are_said() {
    let mut parts = Parts::new();
    assert!(!parts.page().contains("<span>pending"));
    parts.report.pending = 12_345;
    parts.report.identity_holds = false;
    let page = parts.page();
    assert!(page.contains("<b>12,345</b><span>pending"));
    assert!(page.contains("The counts do not add up") && !page.contains("The counts add up"));
}

#[test]
fn every_way_to_end_is_named() {
    let mut parts = Parts::new();
    parts.report.interrupt(crate::cancel::Cancelled::BySignal(15));
    assert!(parts.page().contains("interrupted by SIGTERM") && parts.page().contains("exit code 143"));
    assert!(!parts.page().contains("The same load goes on"), "a stream cannot");
    parts.report.inputs[0].mapped = true;
    assert!(parts.page().contains("The same load goes on"));
    parts.report.stop_at_error_limit();
    assert!(parts.page().contains("stopped at the error limit"));
    parts.report.fail(&crate::error::Error::usage("the disk <is> full"));
    let page = parts.page();
    assert!(page.contains("The load did not finish") && page.contains("the disk &lt;is&gt; full"));
    assert!(page.contains("<b>300,000</b> records"));
    parts.report.by_code.clear();
    let page = parts.page();
    assert!(page.contains("not counted</span><code>type_error</code>") && page.contains("<code>1,x</code>"));
}

#[test]
fn a_load_that_has_done_nothing_is_a_page_too() {
    let mut parts = Parts::new();
    parts.report = LoadReport::new("x.db".as_ref(), &[], &parts.options);
    parts.timeline = Timeline::default();
    parts.samples.clear();
    parts.preview = Err("there is no table".to_owned());
    let page = parts.page();
    assert_eq!(page.matches("nothing was measured").count(), 4);
    assert!(page.contains("rowmill: x.db, failed") && page.contains("there is no table"));
    assert!(!page.contains("NaN") && !page.contains("inf "));
}

#[test]
fn one_reading_two_and_hundreds_are_drawn() {
    for points in [1, 2, 300] {
        let mut parts = Parts::new();
        parts.timeline = timeline(points);
        parts.report.elapsed_ms = points as f64 * 100.0;
        let page = parts.page();
        assert!(!page.contains("nothing was measured"));
        let columns = page.matches("class=\"column\"").count();
        assert!((3..=3 * 100).contains(&columns), "{columns}");
    }
}

#[test]
fn nothing_in_the_data_becomes_markup() {
    for text in HOSTILE {
        let mut parts = Parts::new();
        let report = &mut parts.report;
        text.clone_into(&mut report.table);
        report.database = text.into();
        report.errors_file = text.into();
        report.inputs[0].path = text.into();
        report.inputs.push(report.inputs[0].clone());
        text.clone_into(&mut report.write_path_reason);
        text.clone_into(&mut report.columns[0].name);
        report.key = vec![text.to_owned()];
        report.profile = Some(profile(text));
        report.error = Some(text.to_owned());
        report.delimiter = "<".to_owned();
        report.quote = Some('"');
        parts.options.target.table = Some(text.to_owned());
        parts.options.target.command = Some(TypedCommand {
            words: vec!["load".to_owned(), text.to_owned()],
            folder: text.into(),
        });
        parts.options.contract.key = vec![text.to_owned()];
        parts.options.contract.types = vec![(text.to_owned(), crate::schema::ColumnType::Text)];
        parts.notices = vec![text.to_owned()];
        let mut sample = reject(RejectCode::TypeError, text.as_bytes());
        text.clone_into(&mut sample.column);
        text.clone_into(&mut sample.message);
        parts.samples = vec![sample];
        parts.preview = Ok(Preview {
            rows: vec![vec![Cell::Text(text.as_bytes().to_vec())]],
        });
        let shown = page_text(&parts.page());
        assert!(shown.matches(text).count() >= 15, "{text} is not shown where it stands");
        has_no_markup_of_its_own(&parts.page());
        parts.preview = Err(text.to_owned());
        has_no_markup_of_its_own(&parts.page());
    }
}

/// The page's text with entities as the characters that they stand for.
fn page_text(page: &str) -> String {
    page.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

#[test]
fn what_is_invisible_is_spelled_out_and_what_is_huge_is_cut() {
    let mut parts = Parts::new();
    let trick = "a\u{202e}b\u{200b}c\0\x1b[2J";
    parts.report.table = trick.to_owned();
    parts.samples = vec![
        reject(RejectCode::InvalidUtf8, b"caf\xe9\r\n\xff"),
        reject(RejectCode::NulByte, &[b'x'; 5_000_000]),
    ];
    parts.samples[0].message = trick.to_owned();
    parts.preview = Ok(Preview {
        rows: vec![
            vec![Cell::Text("é".repeat(1_000_000).into_bytes())],
            vec![Cell::Text(trick.into())],
        ],
    });
    parts.notices = vec!["n".repeat(1_000_000)];
    let page = parts.page();
    assert!(page.contains("a\\u{202e}b\\u{200b}c\\u{0}\\u{1b}[2J"));
    assert!(page.contains("caf\\xe9\\u{d}\\u{a}\\xff"));
    assert!(page.contains("5.0 MB in all"));
    assert!(
        page.chars().all(|c| !c.is_control() || c == '\n'),
        "only the style has line ends"
    );
    assert!(!page.contains('\u{202e}') && !page.contains('\u{200b}'));
    assert!(page.len() < 100_000, "{} bytes", page.len());
}

#[test]
fn wide_tables_and_many_inputs_are_cut_with_a_word() {
    let mut parts = Parts::new();
    let column = parts.report.columns[0].clone();
    parts.report.columns = vec![column; 2000];
    parts.report.inputs = vec![parts.report.inputs[0].clone(); 5000];
    let page = parts.page();
    assert!(page.contains("and 1,970 more columns") && page.contains("and 1,500 more columns"));
    assert!(page.contains("and 4,800 more inputs"));
}

#[test]
fn options_that_are_not_the_defaults_stand_out() {
    let mut parts = Parts::new();
    parts.options.resources.memory_bytes = 100_000_000;
    let page = parts.page();
    assert!(page.contains("<tr><td><code>memory_bytes</code></td><td>100.0 MB</td></tr>"));
    assert!(page.contains("<td class=\"default\"><code>table</code></td>"));
}
