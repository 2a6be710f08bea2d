//! The page's tables: stages, rejects, the loaded table, and how it was loaded.

use maud::{Markup, html};

use super::columns::folded;
use super::text::{MESSAGE_CHARS, RAW_CHARS, VALUE_CHARS, name, path, percent, shown};
use super::{PageParts, verdict};
use crate::option_name::{
    BATCH_ROWS, CHUNK_BYTES, COLUMN_TYPE, COMMENT, DELIMITER, DROP_REPEATED_HEADERS, EMPTY, EMPTY_AS_NULL, ENCODING,
    ERRORS, ESCAPE, FORMAT, HEADER_ROW, INDEX, KEEP_CHECKPOINT, KEY, MAX_ERRORS, MAX_RECORD_BYTES, MEMBER,
    MEMORY_BYTES, NO_DOUBLE_QUOTE, NO_HEADER, NULL_WORD, OptionName, QUOTE, RESTART, SCHEMA, SKIP_FOOTER, SKIP_LINES,
    TABLE, TABLE_PER_FILE, TEXT, THREADS, TRIM, WINDOW_BYTES, WRITE_PATH,
};
use crate::options::{
    ContractOptions, ContractSource, DialectOptions, ErrorLimit, ErrorLimits, JSON_LINES, LoadOptions, WritePath,
    written,
};
use crate::reject::{RejectCode, RejectSample};
use crate::report::units::duration;
use crate::report::{Cell, InputReport, LoadReport, PREVIEW_COLUMNS, Preview, bytes, grouped};

/// Columns that are listed with their types.
const MAX_LISTED_COLUMNS: usize = 500;
/// Inputs that are listed.
const MAX_LISTED_INPUTS: usize = 200;
/// Length of a bar in its own units, and the least part of it that can be seen.
const BAR: f64 = 1000.0;
const LEAST_SEEN: f64 = 3.0;

/// Parts of a whole, side by side: class, label, amount. Even the smallest part can be seen.
pub(super) fn share_bar(parts: &[(&str, &str, u64)], amount: &dyn Fn(u64) -> String) -> Markup {
    let whole = parts.iter().map(|(_, _, part)| part).sum::<u64>();
    let least = |part: u64| if part == 0 { 0.0 } else { LEAST_SEEN };
    let spare = BAR - parts.iter().map(|(_, _, part)| least(*part)).sum::<f64>();
    let mut left = 0.0;
    let mut placed = Vec::new();
    for (class, label, part) in parts {
        let width = least(*part) + spare * *part as f64 / whole.max(1) as f64;
        placed.push((class, label, *part, left, width));
        left += width;
    }
    html! {
        svg.share viewBox={ "0 0 " (BAR) " 10" } preserveAspectRatio="none" role="img" aria-label="shares" {
            @for (class, label, part, left, width) in placed {
                rect class=(class) x=(format!("{left:.1}")) y="0" width=(format!("{width:.1}")) height="10" {
                    title { (label) ": " (amount(part)) " (" (percent(part, whole)) ")" }
                }
            }
        }
    }
}

pub(super) fn stages(report: &LoadReport) -> Markup {
    let longest = report
        .stages
        .iter()
        .map(|stage| stage.busy_ms)
        .fold(report.elapsed_ms, f64::max);
    let share = |busy_ms: f64| if longest > 0.0 { busy_ms / longest * BAR } else { 0.0 };
    html! {
        section {
            h2 { "Stages" }
            @if report.stages.is_empty() {
                p.muted { "The load ended before its first stage." }
            } @else {
                div.scroll {
                    table {
                        tr { th { "stage" } th.number { "busy" } th.number { "of wall time" } th { } }
                        @for stage in &report.stages {
                            tr {
                                td { (stage.stage) }
                                td.number { (duration(stage.busy_ms / 1e3)) }
                                td.number { (format!("{:.0} %", 100.0 * stage.busy_ms / report.elapsed_ms.max(f64::MIN_POSITIVE))) }
                                td.wide {
                                    svg viewBox={ "0 0 " (BAR) " 10" } preserveAspectRatio="none" role="img" aria-label="busy time" {
                                        rect x="0" y="0" width=(format!("{:.1}", share(stage.busy_ms))) height="10" {
                                            title { (stage.stage) ": " (duration(stage.busy_ms / 1e3)) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
                p.muted { "Stages overlap, and parsing has " (report.threads) " threads: together they take longer than the load. \
                           All rows spans everything from the first row to the last commit." }
            }
        }
    }
}

pub(super) fn rejects(parts: &PageParts<'_>) -> Markup {
    let PageParts { report, samples, .. } = *parts;
    // A load that failed has samples but no counts yet.
    let counted = |code: RejectCode| {
        let found = report.by_code.iter().find(|(known, _)| *known == code);
        found.map(|(_, count)| *count)
    };
    let met = |code: &RejectCode| counted(*code).is_some() || samples.iter().any(|sample| sample.code == *code);
    let codes: Vec<RejectCode> = RejectCode::ALL.into_iter().filter(met).collect();
    html! {
        section {
            h2 { "Rejects by code" }
            @if codes.is_empty() {
                p.good { "None: no record was rejected." }
            } @else {
                p.muted.where {
                    "Every one of them, with its place, reason and raw bytes, is in "
                    @if report.loads.is_empty() { code { (path(&report.errors_file)) } } @else { "the errors file of its table" }
                }
                @for (index, code) in codes.into_iter().enumerate() {
                    @let of_code: Vec<&RejectSample> = samples.iter().filter(|sample| sample.code == code).collect();
                    details open[index == 0] {
                        summary {
                            span.count { @if let Some(count) = counted(code) { (grouped(count)) } @else { "not counted" } }
                            code { (code.as_str()) }
                            @if let Some(count) = counted(code) {
                                span.muted { " " (percent(count, report.records)) " of all records" }
                            }
                        }
                        @if of_code.is_empty() {
                            p.muted { "Found by an earlier run of this load, or not among the samples: see the errors file." }
                        } @else {
                            (sample_table(report, &of_code))
                        }
                    }
                }
            }
        }
    }
}

fn sample_table(report: &LoadReport, samples: &[&RejectSample]) -> Markup {
    let many_inputs = report.inputs.len() > 1;
    html! {
        div.scroll {
            table {
                tr {
                    @if many_inputs { th { "input" } }
                    th.number { "line" } th.number { "record" } th { "column" } th { "reason" } th { "raw record" }
                }
                @for sample in samples {
                    @let position = &sample.position;
                    tr {
                        @if many_inputs {
                            td { @if let Some(input) = report.inputs.get(position.file_index as usize) { (path(&input.path)) } }
                        }
                        td.number {
                            (grouped(position.line))
                            @if position.line_end > position.line { "–" (grouped(position.line_end)) }
                        }
                        td.number { (grouped(position.record)) }
                        td { (name(&sample.column)) }
                        td.reason { (shown(&sample.message, MESSAGE_CHARS)) }
                        td.raw { (raw(sample)) }
                    }
                }
            }
        }
    }
}

fn raw(sample: &RejectSample) -> Markup {
    let length_bytes = sample.position.length_bytes;
    html! {
        @if sample.raw.is_empty() && length_bytes > 0 {
            span.null { (bytes(length_bytes)) ", too large to show" }
        } @else {
            code { (shown(&sample.raw, RAW_CHARS)) }
            @if length_bytes > RAW_CHARS as u64 {
                span.muted { " " (bytes(length_bytes)) " in all" }
            }
        }
    }
}

/// What went into which table, where each file has its own.
pub(super) fn tables(report: &LoadReport) -> Markup {
    html! {
        section {
            h2 { "Tables" }
            div.scroll {
                table {
                    tr { th { "table" } th.number { "records" } th.number { "loaded" } th.number { "rejected" } th.number { "duplicates" } th.number { "columns" } th { "end" } th { "errors file" } }
                    @for load in report.loads.iter().take(MAX_LISTED_INPUTS) {
                        tr {
                            td { (name(&load.table)) }
                            td.number { (grouped(load.records)) }
                            td.number { (grouped(load.loaded)) }
                            td.number { (grouped(load.rejected)) }
                            td.number { (grouped(load.duplicates)) }
                            td.number { (grouped(load.columns.len() as u64)) }
                            td { (verdict(load).words) }
                            td { code { (path(&load.errors_file)) } }
                        }
                    }
                }
            }
            (and_more(report.loads.len(), MAX_LISTED_INPUTS, "tables"))
            @for load in report.loads.iter().take(MAX_LISTED_INPUTS) { (folded(load)) }
        }
    }
}

pub(super) fn table(parts: &PageParts<'_>) -> Markup {
    let report = parts.report;
    html! {
        section {
            h2 { "Table " (name(&report.table)) }
            @match parts.preview {
                Ok(preview) if preview.rows.is_empty() => p.muted { "The table has no rows." },
                Ok(preview) => (preview_table(report, preview)),
                Err(reason) => p.muted { "No preview. " (shown(reason, MESSAGE_CHARS)) },
            }
            @if !report.columns.is_empty() {
                details {
                    summary { "Columns and their types: " (grouped(report.columns.len() as u64)) }
                    div.scroll {
                        table {
                            tr { th.number { "#" } th { "column" } th { "type" } th { } @if report.recoded > 0 { th.number { "recoded" } } }
                            @for (index, column) in report.columns.iter().take(MAX_LISTED_COLUMNS).enumerate() {
                                tr {
                                    td.number { (index + 1) }
                                    td { (name(&column.name)) }
                                    td { code { (column.column_type) } }
                                    td { @if report.key.contains(&column.name) { "key" } }
                                    @if report.recoded > 0 { td.number { (grouped(column.recoded)) } }
                                }
                            }
                        }
                        (and_more(report.columns.len(), MAX_LISTED_COLUMNS, "columns"))
                    }
                    @if report.recoded > 0 {
                        p.muted { "Recoded: values that were written in another form than they are stored in, " (grouped(report.recoded)) " in all." }
                    }
                }
            }
        }
    }
}

fn and_more(count: usize, shown_count: usize, what: &str) -> Markup {
    html! {
        @if count > shown_count {
            p.muted { "… and " (grouped((count - shown_count) as u64)) " more " (what) "." }
        }
    }
}

fn preview_table(report: &LoadReport, preview: &Preview) -> Markup {
    html! {
        div.scroll {
            table.preview {
                tr {
                    @for column in report.columns.iter().take(PREVIEW_COLUMNS) {
                        th class=[is_number(column.column_type).then_some("number")] scope="col" {
                            (name(&column.name)) span.type { (column.column_type) }
                        }
                    }
                }
                @for row in &preview.rows {
                    tr { @for value in row { (cell(value)) } }
                }
            }
        }
        p.muted { "The table's first rows: " (preview.rows.len()) "." }
        (and_more(report.columns.len(), PREVIEW_COLUMNS, "columns"))
    }
}

fn is_number(column_type: &str) -> bool {
    matches!(column_type, "integer" | "real" | "number" | "percent") || column_type.starts_with("decimal")
}

/// A value as it is stored: the digits of numbers are not grouped, as they might be keys.
fn cell(value: &Cell) -> Markup {
    html! {
        @match value {
            Cell::Null => td { span.null { "NULL" } },
            Cell::Integer(integer) => td.number { (integer) },
            Cell::Real(real) => td.number { (format!("{real:?}")) },
            Cell::Text(text) if text.is_empty() => td { span.null { "empty text" } },
            Cell::Text(text) => td { span.cell { (shown(text, VALUE_CHARS)) } },
            Cell::Bytes { length_bytes } => td { span.null { (bytes(*length_bytes)) } },
        }
    }
}

/// Inputs, options, the write path, the memory, the filter.
pub(super) fn load(parts: &PageParts<'_>) -> Markup {
    let report = parts.report;
    html! {
        section {
            h2 { "Input" }
            div.scroll { (inputs(&report.inputs)) }
            (and_more(report.inputs.len(), MAX_LISTED_INPUTS, "inputs"))
        }
        section {
            h2 { "Memory" }
            (memory(report))
        }
        section {
            h2 { "How it was loaded" }
            div.columns {
                table { (facts(report)) }
                table {
                    @let defaults = option_rows(&LoadOptions::default());
                    @for ((option, value), (_, default)) in option_rows(parts.options).into_iter().zip(defaults) {
                        @let class = (value == default).then_some("default");
                        tr { td class=[class] { code { (option.spoken()) } } td class=[class] { (value) } }
                    }
                }
            }
        }
    }
}

fn inputs(inputs: &[InputReport]) -> Markup {
    html! {
        table {
            tr { th { "file" } th.number { "size" } th.number { "records" } th.number { "lines" } th.number { "blank lines" } th.number { "comments" } th.number { "headers repeated" } th.number { "records cut" } th.number { "records filled" } th.number { "lines passed over" } th { "read" } }
            @for input in inputs.iter().take(MAX_LISTED_INPUTS) {
                tr {
                    td { code { (path(&input.path)) } }
                    td.number title={ (grouped(input.bytes)) " bytes" } { (bytes(input.bytes)) }
                    td.number { (grouped(input.records)) }
                    td.number { (grouped(input.lines)) }
                    td.number { (grouped(input.blank_lines)) }
                    td.number { (grouped(input.comment_lines)) }
                    td.number { (grouped(input.repeated_headers)) }
                    td.number { (grouped(input.cut_records)) }
                    td.number { (grouped(input.filled_records)) }
                    td.number { (grouped(input.skipped_lines)) }
                    td { (how_read(input)) }
                }
            }
        }
    }
}

fn how_read(input: &InputReport) -> String {
    match (input.packing, input.mapped) {
        (Some(packing), _) => format!("unpacked ({packing}, {})", bytes(input.packed_bytes)),
        (None, true) => "mapped".to_owned(),
        (None, false) => "streamed".to_owned(),
    }
}

fn memory(report: &LoadReport) -> Markup {
    let split = &report.memory;
    let parts = [
        ("part0", "filter", split.filter_bytes),
        ("part1", "windows", split.windows_bytes),
        ("part2", "rows in flight", split.blocks_bytes),
        ("part3", "SQLite", split.database_bytes),
        ("part5", "indexes", split.indexes_bytes),
        ("part4", "reserve", split.reserve_bytes),
    ];
    html! {
        p {
            "Peak " b { (bytes(report.peak_rss_bytes)) } " of " (bytes(split.budget_bytes)) " promised"
            @if split.budget_bytes > 0 { ", " (percent(report.peak_rss_bytes, split.budget_bytes)) }
            "."
        }
        @if parts.iter().all(|(_, _, part)| *part == 0) {
            p.muted { "The load ended before the budget was split." }
        } @else {
            (share_bar(&parts, &|part| bytes(part).to_string()))
            table {
                tr { th { "part of the budget" } th.number { "size" } th.number { "share" } }
                @for (class, label, part) in parts {
                    tr {
                        td { svg.key viewBox="0 0 10 10" { rect class=(class) x="0" y="0" width="10" height="10" rx="2" {} } (label) }
                        td.number { (bytes(part)) }
                        td.number { (percent(part, split.budget_bytes)) }
                    }
                }
            }
        }
    }
}

fn facts(report: &LoadReport) -> Markup {
    let fact = |label: &str, value: Markup| html! { tr { td.muted { (label) } td { (value) } } };
    let key: Vec<String> = report.key.iter().map(|column| name(column)).collect();
    html! {
        (fact("write path", html! {
            b { (report.write_path) }
            @if !report.write_path_reason.is_empty() { ": " (shown(&report.write_path_reason, MESSAGE_CHARS)) }
        }))
        (fact("key", html! { @if key.is_empty() { "none" } @else { (key.join(", ")) } }))
        @if let Some(filter) = &report.filter {
            (fact("filter", html! {
                (grouped(filter.inserted_keys)) " of " (grouped(filter.capacity_keys)) " keys in " (filter.shards) " shards at "
                (filter.error_ratio * 100.0) " %; " (grouped(filter.suspects)) " suspects, " (grouped(filter.false_alarms))
                " of them false alarms"
            }))
        }
        (fact("batches", html! { (grouped(report.batches)) " of " (grouped(report.batch_rows)) " records" }))
        (fact("threads", html! { (report.threads) }))
        @if report.inputs.iter().any(|input| input.format == JSON_LINES) {
            (fact("format", html! { "JSON Lines" }))
        } @else { (fact("delimiter, quote", html! {
            code { (shown(&report.delimiter, 8)) } " "
            @match report.quote {
                Some(quote) => code { (shown(quote.encode_utf8(&mut [0; 4]), 4)) },
                None => "no quotes",
            }
        })) }
        (fact("errors file", html! { code { (path(&report.errors_file)) } }))
        @if !report.sqlite_version.is_empty() {
            (fact("SQLite", html! { (report.sqlite_version) }))
        }
    }
}

/// Every option as it would be typed. The page shows defaults muted.
fn option_rows(options: &LoadOptions) -> Vec<(OptionName, String)> {
    let LoadOptions {
        dialect,
        columns,
        contract,
        target,
        table,
        repeat,
        limits,
        resources,
        check: _,
    } = options;
    let list_of_lists = |lists: &[Vec<String>]| match lists {
        [] => "none".to_owned(),
        lists => lists.iter().map(|names| list(names)).collect::<Vec<_>>().join("; "),
    };
    let types: Vec<String> = contract
        .types
        .iter()
        .map(|(column, column_type)| {
            let column_type = contract.type_text(column, *column_type);
            format!("{}={}", name(column), shown(&column_type, VALUE_CHARS))
        })
        .collect();
    let threads = match resources.threads {
        0 => "one per core".to_owned(),
        threads => threads.to_string(),
    };
    let mut rows = vec![
        (
            TABLE,
            target.table.as_deref().map_or("the input's name".to_owned(), name),
        ),
        (TABLE_PER_FILE, yes(target.table_per_file)),
        (KEY, list(&contract.key)),
        (INDEX, list_of_lists(&target.indexes)),
        (
            COLUMN_TYPE,
            if types.is_empty() {
                "inferred".to_owned()
            } else {
                types.join(", ")
            },
        ),
        (TEXT, yes(contract.all_text)),
    ];
    let of_columns = columns.described().into_iter();
    rows.extend(
        of_columns
            .chain(table.described())
            .map(|(option, setting)| (option, name(&setting))),
    );
    rows.extend(dialect_rows(dialect));
    rows.extend(written::texts(&dialect.written).map(|(option, text)| (option, shown(&text, VALUE_CHARS))));
    rows.extend([
        (MAX_RECORD_BYTES, bytes(limits.max_record_bytes).to_string()),
        (MAX_ERRORS, error_limits(&limits.errors)),
        (SCHEMA, report_schema(contract)),
        (ERRORS, path(&target.errors)),
        (RESTART, yes(repeat.restart)),
        (KEEP_CHECKPOINT, yes(repeat.keep_checkpoint)),
        (MEMORY_BYTES, bytes(resources.memory_bytes).to_string()),
        (THREADS, threads),
        (BATCH_ROWS, grouped(resources.batch_rows).to_string()),
        (WRITE_PATH, write_path(target.write_path).to_owned()),
        (WINDOW_BYTES, bytes(resources.window_bytes).to_string()),
        (CHUNK_BYTES, bytes(resources.chunk_bytes).to_string()),
    ]);
    rows
}

/// How the inputs are written.
fn dialect_rows(dialect: &DialectOptions) -> Vec<(OptionName, String)> {
    let character = |byte: u8| shown(&[byte], 1);
    vec![
        (FORMAT, dialect.format.as_str().to_owned()),
        (NULL_WORD, list(&dialect.cells.null_words)),
        (EMPTY, dialect.cells.empty.as_str().to_owned()),
        (EMPTY_AS_NULL, yes(dialect.cells.quoted_empty_is_empty)),
        (
            DELIMITER,
            dialect
                .delimiter
                .map_or("what a first line names, else ','".to_owned(), |delimiter| {
                    delimiter.to_string()
                }),
        ),
        (QUOTE, dialect.quote.map_or("none".to_owned(), character)),
        (NO_DOUBLE_QUOTE, yes(!dialect.doubles_quotes)),
        (
            ESCAPE,
            dialect.escape.map_or("none".to_owned(), |escape| escape.to_string()),
        ),
        (NO_HEADER, yes(!dialect.header)),
        (COMMENT, dialect.comment.map_or("none".to_owned(), character)),
        (DROP_REPEATED_HEADERS, yes(dialect.drop_repeated_headers)),
        (TRIM, yes(dialect.trim)),
        (
            ENCODING,
            dialect
                .encoding
                .map_or("UTF-8".to_owned(), |encoding| encoding.to_string()),
        ),
        (SKIP_LINES, grouped(dialect.skip_lines).to_string()),
        (
            HEADER_ROW,
            dialect
                .header_row
                .map_or("the first".to_owned(), |row| grouped(row).to_string()),
        ),
        (MEMBER, dialect.member.clone().unwrap_or("the only one".to_owned())),
        (SKIP_FOOTER, grouped(dialect.skip_footer).to_string()),
    ]
}

fn yes(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(|one| name(one)).collect::<Vec<_>>().join(", "),
    }
}

fn report_schema(contract: &ContractOptions) -> String {
    match &contract.source {
        None => "none".to_owned(),
        Some(ContractSource::File(file)) => path(file),
        Some(ContractSource::Compiled(_)) => "given by the program".to_owned(),
    }
}

fn error_limits(limits: &ErrorLimits) -> String {
    let all = limits.all.iter().map(|limit| error_limit(*limit));
    let by_code = limits
        .by_code
        .iter()
        .map(|(code, limit)| format!("{code} {}", error_limit(*limit)));
    let all: Vec<String> = all.chain(by_code).collect();
    match all.is_empty() {
        true => "never".to_owned(),
        false => all.join(", "),
    }
}

fn error_limit(limit: ErrorLimit) -> String {
    match limit {
        ErrorLimit::Count(limit) => grouped(limit).to_string(),
        ErrorLimit::Percent(limit) => format!("{limit} %"),
    }
}

fn write_path(path: WritePath) -> &'static str {
    match path {
        WritePath::Auto => "auto",
        WritePath::Sql => "sql",
        WritePath::Direct => "direct",
    }
}
