//! The page's table of what is in the columns of the rows that were loaded.

use maud::{Markup, html};

use super::text::{VALUE_CHARS, name, percent, shown};
use crate::report::{
    Distribution, DistributionOf, LoadReport, ProfileValue, RowsColumn, RowsProfile, agreeing, grouped, rows,
};
use crate::schema::cast::MomentKey;

/// Columns that are shown.
const MAX_SHOWN: usize = 500;
/// Width of a part of a distribution, and height of the fullest.
const PART_WIDTH: usize = 10;
const PART_HEIGHT: f64 = 40.0;
/// Least height of a part that is not empty.
const LEAST_SEEN: f64 = 2.0;

/// The section about the columns; nothing if nothing is known of them.
pub(super) fn columns(report: &LoadReport) -> Markup {
    html! {
        @if let Some(profile) = report.profile.as_ref().filter(|profile| profile.rows > 0) {
            section {
                h2 { "What is in the columns" }
                (table(profile, report))
            }
        }
    }
}

/// The same for one of several loads, to be unfolded.
pub(super) fn folded(report: &LoadReport) -> Markup {
    html! {
        @if let Some(profile) = report.profile.as_ref().filter(|profile| profile.rows > 0) {
            details {
                summary { "What is in the columns of " (name(&report.table)) }
                (table(profile, report))
            }
        }
    }
}

fn table(profile: &RowsProfile, report: &LoadReport) -> Markup {
    let head =
        |label: &str, is_number: bool| html! { th class=[is_number.then_some("number")] scope="col" { (label) } };
    html! {
        div.scroll {
            table.profile {
                thead {
                    tr {
                        (head("column", false)) (head("nulls", true)) (head("distinct", true)) (head("least", false))
                        (head("greatest", false)) (head("longest", true)) (head("distribution", false))
                    }
                }
                tbody {
                    @for column in profile.columns.iter().take(MAX_SHOWN) { (row(column, profile, report)) }
                }
            }
        }
        @if profile.columns.len() > MAX_SHOWN {
            p.muted { "… and " (grouped((profile.columns.len() - MAX_SHOWN) as u64)) " more columns." }
        }
        p.muted { (said(profile, report)) }
    }
}

fn row(column: &RowsColumn, profile: &RowsProfile, report: &LoadReport) -> Markup {
    let about = if column.distinct_is_exact { "" } else { "~ " };
    html! {
        tr {
            th scope="row" {
                (name(&column.name))
                span.type { (column.column_type) @if report.key.contains(&column.name) { ", key" } }
            }
            td.number data-label="nulls" {
                (grouped(column.nulls)) @if column.nulls > 0 { span.type { (percent(column.nulls, profile.rows)) } }
            }
            td.number data-label="distinct" { (about) (grouped(column.distinct)) }
            td data-label="least" { (value(column.least.as_ref())) }
            td data-label="greatest" { (value(column.greatest.as_ref())) }
            td.number data-label="longest" {
                @if column.longest_chars > 0 {
                    (grouped(column.longest_chars)) " " (agreeing(column.longest_chars, "character", "characters"))
                }
            }
            td.spread data-label="distribution" { @if let Some(distribution) = &column.distribution { (bars(distribution)) } }
        }
    }
}

/// What the figures are about, and how those were found that are no counts.
fn said(profile: &RowsProfile, report: &LoadReport) -> String {
    let mut words = match profile.rows == report.loaded {
        true => format!("Of all {} that were loaded.", rows(profile.rows)),
        false => format!("Of the {} that this run put in.", rows(profile.rows)),
    };
    if profile.rows != profile.sampled_rows {
        if profile.columns.iter().any(|column| !column.distinct_is_exact) {
            words += &format!(
                " Numbers of distinct values with ~ are estimates, by {}.",
                rows(profile.counted_rows)
            );
        }
        words += &format!(
            " Distributions are those of {}, chosen at random.",
            rows(profile.sampled_rows)
        );
    }
    words + " Of texts they are about lengths, of dates about days."
}

fn value(value: Option<&ProfileValue>) -> Markup {
    html! {
        @match value {
            None => {},
            Some(ProfileValue::Text(text)) if text.text().is_empty() => span.null { "empty text" },
            Some(ProfileValue::Text(text)) => span.cell {
                (shown(text.text(), VALUE_CHARS)) @if text.is_cut() { "…" }
            },
            Some(number) => span.cell { (number.to_string()) },
        }
    }
}

fn bars(distribution: &Distribution) -> Markup {
    let Distribution { counts, .. } = distribution;
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let height = |count: u32| match count {
        0 => 0.0,
        count => (PART_HEIGHT * f64::from(count) / f64::from(most)).max(LEAST_SEEN),
    };
    html! {
        svg viewBox={ "0 0 " (counts.len() * PART_WIDTH) " " (PART_HEIGHT) } preserveAspectRatio="none" role="img" aria-label="distribution" {
            @for (index, count) in counts.iter().enumerate() {
                @let height = height(*count);
                rect x=(index * PART_WIDTH) y=(format!("{:.1}", PART_HEIGHT - height)) width=(PART_WIDTH - 1) height=(format!("{height:.1}")) {
                    title { (part(distribution, index)) ": " (grouped(u64::from(*count))) }
                }
            }
        }
    }
}

/// What is in a part of a distribution.
fn part(distribution: &Distribution, index: usize) -> String {
    let Distribution { of, from, to, counts } = distribution;
    let parts = counts.len() as f64;
    let at = |share: f64| from * (1.0 - share) + to * share;
    let (start, end) = (at(index as f64 / parts), at((index + 1) as f64 / parts));
    match of {
        DistributionOf::Numbers => format!("{start:.4} to {end:.4}"),
        DistributionOf::Lengths => format!("{start:.0} to {end:.0} characters"),
        DistributionOf::Moments => format!("{} to {}", moment(start), moment(end)),
    }
}

fn moment(seconds: f64) -> String {
    let text = MomentKey::whole_second(seconds.round() as i64).map(|text| String::from_utf8_lossy(&text).into_owned());
    text.unwrap_or_default()
}
