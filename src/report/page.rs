//! A load as one HTML page that needs nothing else: no network, no script, no second file.
//!
//! Comes in: the report, how the load went over time, the first rejects of each code, the first rows of the table. Goes out: the
//! page's text. Never: markup from data. Every word goes through the templates' escaping after invisible characters are spelled out, and
//! the page forbids itself scripts and requests, should all that ever fail.

mod chart;
mod columns;
mod sections;
mod text;

use std::time::Duration;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::chart::{Limit, TimeChart, Values};
use self::text::{MESSAGE_CHARS, axis_bytes, axis_count, name, path, percent, shown};
use super::summary::stopped_by;
use super::units::{agreeing, duration};
use super::{GENERATOR, LoadReport, Outcome, Preview, Timeline, bytes, grouped, size};
use crate::option_name::{MAX_ERRORS, SAME_LOAD};
use crate::options::LoadOptions;
use crate::reject::RejectSample;
use crate::schema::cast::MomentKey;

const STYLE: &str = include_str!("page/style.css");
/// Most columns of a chart: few enough to be distinguished, and wide enough to smooth out the waits for each commit.
const MAX_STEPS: u32 = 100;
/// Allows the styles of the page itself, and nothing else from anywhere.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// What a page is made of.
#[derive(Debug, Clone, Copy)]
pub struct PageParts<'a> {
    pub report: &'a LoadReport,
    pub options: &'a LoadOptions,
    pub timeline: &'a Timeline,
    /// What the user was told during the load.
    pub notices: &'a [String],
    pub samples: &'a [RejectSample],
    /// The table's first rows, or why there are none.
    pub preview: &'a Result<Preview, String>,
    /// When the page is written, in seconds since the beginning of 1970.
    pub unix_seconds: u64,
}

/// The page of a load.
pub fn page(parts: &PageParts<'_>) -> String {
    let report = parts.report;
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content={ (GENERATOR) (env!("CARGO_PKG_VERSION")) };
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                // Without an icon a browser would ask the server for one.
                link rel="icon" href="data:,";
                title { "rowmill: " (title(report)) ", " (verdict(report).words) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (header(parts))
                    (tiles(parts))
                    (identity(parts))
                    (columns::columns(report))
                    (charts(parts))
                    (sections::stages(report))
                    (sections::rejects(parts))
                    @if report.loads.is_empty() { (sections::table(parts)) } @else { (sections::tables(report)) }
                    (sections::load(parts))
                    footer { "Written by rowmill " (env!("CARGO_PKG_VERSION")) ". Sizes are decimal: 1 MB is 1,000,000 bytes." }
                }
            }
        }
    };
    markup.into_string()
}

/// What the load is called: the name of its table, or of its database if the table is not known.
fn title(report: &LoadReport) -> String {
    match report.table.as_str() {
        "" => path(&report.database),
        table => name(table),
    }
}

/// How a load ended: a few words and their colour.
struct EndBadge {
    words: String,
    class: &'static str,
}

fn verdict(report: &LoadReport) -> EndBadge {
    let (words, class) = match report.outcome {
        Outcome::Complete if report.dead_letters() == 0 => ("complete".to_owned(), "good"),
        Outcome::Complete => ("complete, with rejects".to_owned(), "warn"),
        Outcome::ErrorLimit => ("stopped at the error limit".to_owned(), "bad"),
        Outcome::Interrupted => (format!("interrupted by {}", stopped_by(report)), "wait"),
        Outcome::Failed => ("failed".to_owned(), "bad"),
    };
    EndBadge { words, class }
}

fn header(parts: &PageParts<'_>) -> Markup {
    let report = parts.report;
    let EndBadge { words, class } = verdict(report);
    let resumable = report.outcome == Outcome::Interrupted
        && (!report.loads.is_empty() || report.inputs.iter().all(|input| input.mapped));
    html! {
        header {
            div.brand { "rowmill load" }
            h1 {
                @if report.outcome == Outcome::Failed {
                    "The load did not finish"
                } @else {
                    (grouped(report.loaded)) " rows loaded"
                    @if !report.table.is_empty() { " into table " (name(&report.table)) }
                    @if !report.loads.is_empty() { " into " (grouped(report.loads.len() as u64)) (agreeing(report.loads.len() as u64, " table", " tables")) }
                }
            }
            p.muted.where { "of " (path(&report.database)) }
            @if let Some(command) = &parts.options.target.command {
                p.where { code { (shown(&command.text(), MESSAGE_CHARS)) } }
            }
            p.muted { (date(parts.unix_seconds)) }
            p { span class={ "badge " (class) } { (words) } " " span.muted { "exit code " (report.exit_code) } }
            @if let Some(error) = &report.error {
                p.error { (shown(error, MESSAGE_CHARS)) }
            }
            @if report.outcome == Outcome::ErrorLimit {
                p.error {
                    @if let Some(passed) = report.passed_limit { (passed.to_string()) "; " } @else { "More records were rejected than " (MAX_ERRORS.to_string()) " allows; " }
                    @if report.all_read { "the whole input is loaded." } @else { "the rest of the input was not loaded. What was read before is committed." }
                }
            }
            @if report.outcome == Outcome::Interrupted {
                p.note {
                    "What was read by then is committed; the rest of the input was not loaded."
                    @if resumable { " The " (SAME_LOAD.to_string()) " goes on where it stopped." }
                }
            }
            @for notice in parts.notices {
                p.note { (shown(notice, MESSAGE_CHARS)) }
            }
        }
    }
}

/// A day and a time, in the zone that is the same everywhere.
fn date(unix_seconds: u64) -> String {
    let moment = i64::try_from(unix_seconds).ok().and_then(MomentKey::whole_second);
    let text = moment.map(|text| String::from_utf8_lossy(&text).replace('T', " "));
    text.map_or_else(String::new, |text| format!("{text} UTC"))
}

/// The figures that readers look for first.
fn tiles(parts: &PageParts<'_>) -> Markup {
    let report = parts.report;
    // The report counts whole inputs; for a load that was stopped, the timeline knows how much was read.
    let read_bytes = match report.outcome {
        Outcome::Complete => report.bytes,
        _ => parts.timeline.last_progress().bytes,
    };
    let seconds = report.elapsed_ms / 1e3;
    let bytes_per_second = if seconds > 0.0 {
        read_bytes as f64 / seconds
    } else {
        0.0
    };
    let tile = |value: Markup, label: Markup| html! { div.tile { b { (value) } span { (label) } } };
    html! {
        div.tiles {
            (tile(html! { (duration(seconds)) }, html! { "wall time" }))
            (tile(html! { (grouped(report.rows_per_second as u64)) " rows/s" }, html! { (grouped(report.loaded)) " rows loaded" }))
            (tile(html! { (rate(bytes_per_second)) }, html! { (bytes(read_bytes)) " read" }))
            (tile(
                html! { (size(report.peak_rss_bytes)) },
                html! { "peak memory, of " (size(report.memory.budget_bytes)) " promised" },
            ))
        }
    }
}

/// `records = loaded (+ updated) + rejected + duplicates (+ pending)`, in numbers and as shares.
fn identity(parts: &PageParts<'_>) -> Markup {
    let report = parts.report;
    let mut terms = vec![
        ("loaded", report.loaded),
        ("rejected", report.rejected),
        ("duplicates", report.duplicates),
    ];
    if report.updated > 0 {
        terms.insert(1, ("updated", report.updated));
    }
    if report.pending > 0 {
        terms.push(("pending", report.pending));
    }
    html! {
        section {
            h2 { "Every record accounted for" }
            @if report.outcome == Outcome::Failed {
                @let last = parts.timeline.last_progress();
                p {
                    "The load failed before its counts were final. By then " b { (grouped(last.records)) }
                    " records (" (bytes(last.bytes)) " of input) had been looked at. Batches that were committed stay in the table."
                }
            } @else {
                div.identity {
                    div { b { (grouped(report.records)) } span { "records" } }
                    @for (index, (label, count)) in terms.iter().enumerate() {
                        div.term {
                            span.sign { @if index == 0 { "=" } @else { "+" } }
                            div { b { (grouped(*count)) } span { (label) " " (percent(*count, report.records)) } }
                        }
                    }
                }
                (shares(&terms))
                @if report.identity_holds {
                    p.good { "✓ The counts add up: what the parser read is what the writer accounted for." }
                } @else {
                    p.error { "The counts do not add up. This is a defect in rowmill, please report it." }
                }
                @if report.pending > 0 {
                    p.muted { "Pending: rows whose key may be a repeat. The run that finishes the load decides which are." }
                }
            }
        }
    }
}

/// Parts of a whole, side by side; even the smallest part can be seen.
fn shares(parts: &[(&str, u64)]) -> Markup {
    let classes: Vec<(&str, &str, u64)> = parts.iter().map(|(label, count)| (*label, *label, *count)).collect();
    sections::share_bar(&classes, &|count| grouped(count).to_string())
}

fn charts(parts: &PageParts<'_>) -> Markup {
    let timeline = parts.timeline;
    let elapsed = Duration::from_secs_f64(parts.report.elapsed_ms.max(0.0) / 1e3);
    let budget_bytes = parts.report.memory.budget_bytes;
    let least = elapsed / MAX_STEPS;
    let steps = |class, title, values, axis_label, value_label| TimeChart {
        class,
        title,
        values,
        limit: None,
        phases: timeline.phases(),
        elapsed,
        axis_label,
        value_label,
    };
    let memory = timeline.memory().iter();
    let memory = memory.map(|point| (point.at, point.resident_bytes as f64)).collect();
    html! {
        section {
            h2 { "Over time" }
            div.charts {
                (steps(
                    "rows",
                    "Records per second",
                    Values::Steps(timeline.rates(least, |progress| progress.records)),
                    axis_count,
                    |value| format!("{} records/s", grouped(value as u64)),
                ).draw())
                (steps("bytes", "Input per second", Values::Steps(timeline.rates(least, |progress| progress.bytes)), axis_bytes, rate).draw())
                (steps(
                    "rejects",
                    "Rejects per second",
                    Values::Steps(timeline.rates(least, |progress| progress.rejected)),
                    axis_count,
                    |value| format!("{value:.1} rejects/s"),
                ).draw())
                (TimeChart {
                    limit: Some(Limit {
                        value: budget_bytes as f64,
                        label: format!("promised: {}", size(budget_bytes)),
                    }),
                    ..steps("memory", "Resident memory", Values::Points(memory), axis_bytes, |value| bytes(value as u64).to_string())
                }.draw())
            }
            p.muted { "Rates are averages over at least a hundredth of the load. Duplicates that are settled at the end do not appear in the charts." }
        }
    }
}

fn rate(bytes_per_second: f64) -> String {
    format!("{}/s", bytes(bytes_per_second as u64))
}

fn time(at: Duration) -> String {
    duration(at.as_secs_f64()).to_string()
}

#[cfg(test)]
mod tests;
