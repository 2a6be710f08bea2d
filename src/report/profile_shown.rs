//! What is in the columns of a table, as a table of characters; on a narrow terminal as a few short lines for each column.

use super::lines::{fitted, padded, text_columns, wrapped};
use super::sheet::Sheet;
use super::units::{agreeing, grouped, rows, short_count};
use super::value::ProfileValue;
use super::{Distribution, LoadReport, RowsColumn, RowsProfile};
use crate::escape::cut;

/// Columns that are shown.
const SHOWN_COLUMNS: usize = 100;
/// Characters that are taken from a name or a value.
const TAKEN_CHARS: usize = 60;
/// From empty to full.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const SIGNS: [char; 9] = [' ', '.', ':', '-', '=', '+', '*', '#', '@'];
/// Least columns of a terminal for a table.
const TABLE_ROOM: usize = 56;
/// How tables may be laid out, the roomiest first.
const LAYOUTS: [TableLayout; 5] = [
    TableLayout::of(16, 26, 26, 2),
    TableLayout::of(16, 19, 20, 2),
    TableLayout::of(8, 16, 16, 2),
    TableLayout::of(8, 10, 14, 1),
    TableLayout::of(8, 8, 10, 1),
];
/// Parts of a distribution where each column has lines of its own.
const NARROW_SPREAD: usize = 8;

/// Most columns of the terminal that a cell takes, and those between two cells.
struct TableLayout {
    spread: usize,
    value: usize,
    name: usize,
    gap: usize,
}

impl TableLayout {
    const fn of(spread: usize, value: usize, name: usize, gap: usize) -> Self {
        TableLayout {
            spread,
            value,
            name,
            gap,
        }
    }
}

/// Adds what is in the columns of the rows that were loaded.
pub(super) fn write(report: &LoadReport, is_ascii: bool, sheet: &mut Sheet) {
    let Some(profile) = &report.profile else { return };
    let those = match profile.rows == report.loaded {
        true => "",
        false => " that this run put in",
    };
    sheet.entry("profile", &format!("of {}{those}:", rows(profile.rows)));
    let shown = ShownProfile {
        columns: &profile.columns[..profile.columns.len().min(SHOWN_COLUMNS)],
        key: &report.key,
        signs: if is_ascii { SIGNS } else { BLOCKS },
    };
    let room = sheet.room();
    let paint = sheet.paint;
    match LAYOUTS
        .iter()
        .map(|layout| shown.table(layout))
        .find(|lines| room >= TABLE_ROOM && fit(lines, room))
    {
        Some(lines) => {
            for (index, line) in lines.iter().enumerate() {
                sheet.verbatim(&if index == 0 { paint.faint(line) } else { line.clone() });
            }
        }
        None => shown.lines(room).iter().for_each(|line| sheet.verbatim(line)),
    }
    if profile.columns.len() > SHOWN_COLUMNS {
        let more = (profile.columns.len() - SHOWN_COLUMNS) as u64;
        sheet.below(&format!(
            "and {} more {}",
            grouped(more),
            agreeing(more, "column", "columns")
        ));
    }
    if let Some(how) = how(profile) {
        sheet.below(&how);
    }
}

/// How what is no count was found out.
fn how(profile: &RowsProfile) -> Option<String> {
    if profile.rows == 0 || profile.is_of_all_rows() {
        return None;
    }
    let spread = format!("spread: by a sample of {}", grouped(profile.sampled_rows));
    Some(match profile.columns.iter().all(|column| column.distinct_is_exact) {
        true => spread,
        false => format!("~ about, by a sample of {}; {spread}", rows(profile.counted_rows)),
    })
}

fn fit(lines: &[String], room: usize) -> bool {
    lines.iter().all(|line| text_columns(line) <= room)
}

struct ShownProfile<'a> {
    columns: &'a [RowsColumn],
    key: &'a [String],
    signs: [char; 9],
}

impl ShownProfile<'_> {
    fn kind(&self, column: &RowsColumn) -> String {
        let key = if self.key.contains(&column.name) { " key" } else { "" };
        format!("{}{key}", column.column_type)
    }

    /// Heads and a line for each column.
    fn table(&self, layout: &TableLayout) -> Vec<String> {
        const RIGHT: [bool; 8] = [false, false, true, true, true, false, false, false];
        let heads = [
            "column", "type", "nulls", "distinct", "longest", "least", "greatest", "spread",
        ];
        let mut cells = vec![heads.map(str::to_owned)];
        cells.extend(self.columns.iter().map(|column| {
            [
                name(column, layout.name),
                self.kind(column),
                short_count(column.nulls),
                distinct(column),
                longest(column),
                value(column.least.as_ref(), layout.value),
                value(column.greatest.as_ref(), layout.value),
                spread(column.distribution.as_ref(), layout.spread, &self.signs),
            ]
        }));
        let widths: Vec<usize> = (0..heads.len())
            .map(|index| cells.iter().map(|cells| text_columns(&cells[index])).max().unwrap_or(0))
            .collect();
        let line = |cells: &[String; 8]| {
            let cells = cells
                .iter()
                .zip(&widths)
                .zip(RIGHT)
                .map(|((cell, width), is_right)| match is_right {
                    true => " ".repeat(width - text_columns(cell)) + cell,
                    false => padded(cell, *width),
                });
            cells
                .collect::<Vec<_>>()
                .join(&" ".repeat(layout.gap))
                .trim_end()
                .to_owned()
        };
        cells.iter().map(line).collect()
    }

    /// A few lines for each column.
    fn lines(&self, room: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for column in self.columns {
            let kind = self.kind(column);
            let name_room = room.saturating_sub(text_columns(&kind) + 1).max(1);
            lines.push(format!("{} {kind}", name(column, name_room)));
            if column.distribution.is_some() {
                let spread = spread(column.distribution.as_ref(), NARROW_SPREAD, &self.signs);
                let value_room = room.saturating_sub("  ".len() + NARROW_SPREAD + "  to ".len()) / 2;
                let [least, greatest] = [&column.least, &column.greatest].map(|end| value(end.as_ref(), value_room));
                lines.push(format!("  {} {least} to {greatest}", padded(&spread, NARROW_SPREAD)));
            }
            let mut words = format!("{} distinct", distinct(column));
            if column.nulls > 0 {
                words += &format!(
                    ", {} {}",
                    short_count(column.nulls),
                    agreeing(column.nulls, "null", "nulls")
                );
            }
            if column.longest_chars > 0 {
                words += &format!(", longest {}", longest(column));
            }
            lines.extend(wrapped("  ", 2, &words, room).trim_end().lines().map(str::to_owned));
        }
        lines.iter().map(|line| fitted(line, room)).collect()
    }
}

fn name(column: &RowsColumn, columns: usize) -> String {
    fitted(&cut(&column.name, TAKEN_CHARS).to_string(), columns)
}

/// How many values are different, in at most eight characters.
pub(super) fn distinct(column: &RowsColumn) -> String {
    let about = if column.distinct_is_exact { "" } else { "~" };
    format!("{about}{}", short_count(column.distinct))
}

/// How many characters the longest text has.
fn longest(column: &RowsColumn) -> String {
    match column.longest_chars {
        0 => String::new(),
        chars => short_count(chars),
    }
}

/// A value in at most so many columns.
fn value(value: Option<&ProfileValue>, columns: usize) -> String {
    let text = match value {
        None => String::new(),
        Some(ProfileValue::Text(text)) if text.is_cut() => format!("{}...", cut(text.text(), TAKEN_CHARS)),
        Some(ProfileValue::Text(text)) if text.text().is_empty() => "''".to_owned(),
        Some(ProfileValue::Text(text)) => cut(text.text(), TAKEN_CHARS).to_string(),
        Some(number) => number.to_string(),
    };
    fitted(&text, columns)
}

/// How often values are in each part, as a line of at most so many characters.
fn spread(distribution: Option<&Distribution>, columns: usize, signs: &[char; 9]) -> String {
    let Some(Distribution { counts, .. }) = distribution else {
        return String::new();
    };
    let of_each = counts.len().div_ceil(columns).max(1);
    let counts: Vec<u32> = counts.chunks(of_each).map(|counts| counts.iter().sum()).collect();
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let full = signs.len() as u32 - 1;
    // Even what is seldom can be seen.
    let level = |count: u32| (u64::from(count) * u64::from(full)).div_ceil(u64::from(most)) as usize;
    counts.iter().map(|count| signs[level(*count)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;
    use crate::report::{DistributionOf, Paint, TextStart};

    fn column(name: &str, column_type: &'static str, ends: [ProfileValue; 2]) -> RowsColumn {
        let [least, greatest] = ends;
        RowsColumn {
            name: name.to_owned(),
            column_type,
            nulls: 1,
            values: 4_849_999,
            distinct: 1_234_567,
            distinct_is_exact: false,
            least: Some(least),
            greatest: Some(greatest),
            longest_chars: 7,
            longest_bytes: 18,
            distribution: Some(Distribution {
                of: DistributionOf::Numbers,
                from: 0.0,
                to: 1.0,
                counts: vec![0, 1, 0, 300, 0, 0, 600, 10, 0, 0, 0, 0, 0, 0, 0, 599],
            }),
        }
    }

    fn shown(columns: usize, is_ascii: bool) -> String {
        let text = |text: &str| ProfileValue::Text(TextStart::of(text.as_bytes()));
        let mut report = sample();
        report.key = vec!["id".to_owned()];
        let mut few = column("few", "boolean", [ProfileValue::Integer(0), ProfileValue::Integer(1)]);
        (few.distinct, few.distinct_is_exact, few.nulls, few.longest_chars) = (2, true, 0, 0);
        report.profile = Some(RowsProfile {
            rows: 4_850_000,
            counted_rows: 200_000,
            sampled_rows: 999,
            columns: vec![
                column(
                    "id",
                    "integer",
                    [ProfileValue::Integer(i64::MIN), ProfileValue::Integer(i64::MAX)],
                ),
                column(
                    "a name that is long \u{1b}[2J",
                    "text",
                    [text(""), text(&"一二三".repeat(30))],
                ),
                few,
            ],
        });
        let mut sheet = Sheet::new("loaded", Some(columns), Paint::default());
        write(&report, is_ascii, &mut sheet);
        sheet.into_text()
    }

    #[test]
    fn it_fits_the_terminal_and_cannot_act_on_it() {
        for columns in [40, 60, 64, 80, 100, 120, 200] {
            let text = shown(columns, false);
            for line in text.lines() {
                assert!(text_columns(line) <= columns, "{columns}: {line}");
            }
            assert!(!text.contains('\u{1b}'), "{text}");
        }
        let wide = shown(200, false);
        assert!(wide.contains("  column"), "{wide}");
        assert!(wide.contains(" ▁ ▄  █▁       █"), "{wide}");
        assert!(wide.contains("integer key"), "{wide}");
        assert!(wide.contains("''"), "{wide}");
        assert!(wide.contains("of 4,850,000 rows:"), "{wide}");
        assert!(
            wide.ends_with("~ about, by a sample of 200,000 rows; spread: by a sample of 999"),
            "{wide}"
        );
    }

    #[test]
    fn a_narrow_terminal_has_lines_for_each_column() {
        let text = shown(40, false);
        assert!(text.contains("\n    id integer key\n"), "{text}");
        assert!(text.contains("\n      2 distinct\n"), "{text}");
        assert!(text.contains("\n      ~1.23M distinct, 1 null, longest 7\n"), "{text}");
    }

    #[test]
    fn where_characters_are_few_it_has_only_those() {
        for columns in [40, 80, 120] {
            let text = shown(columns, true).replace(['一', '二', '三'], "");
            assert!(text.is_ascii(), "{text}");
        }
    }
}
