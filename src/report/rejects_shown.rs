//! The first few rejects under the counts: where, why, and the raw line with the field at fault marked.

use super::LoadReport;
use super::lines::{fitted, text_columns};
use super::sheet::Sheet;
use super::units::grouped;
use crate::dialect::Delimiter;
use crate::escape::{cut, escaped};
use crate::reject::{RejectCode, RejectSample};

/// Rejects that are shown.
const SHOWN: usize = 3;
/// Characters of a column's name and of a message.
const NAME_CHARS: usize = 40;
const MESSAGE_CHARS: usize = 200;
/// How far a raw line is set in below what is said of it.
const RAW_INDENT: usize = 2;

/// Adds the first few rejects.
pub(super) fn write(report: &LoadReport, sheet: &mut Sheet) {
    let mut samples: Vec<&RejectSample> = report.reject_samples.iter().collect();
    samples.sort_by_key(|sample| (sample.position.file_index, sample.position.record));
    for sample in samples.into_iter().take(SHOWN) {
        sheet.below(&said(report, sample));
        let room = sheet.room().saturating_sub(RAW_INDENT).max(1);
        let field = sample.field.or_else(|| damaged_field(report, sample));
        let Some((raw, mark)) = marked(&sample.raw, field, room) else {
            continue;
        };
        let indent = " ".repeat(RAW_INDENT);
        sheet.verbatim(&format!("{indent}{raw}"));
        if !mark.trim().is_empty() {
            let (before, carets) = mark.split_at(mark.len() - mark.trim_start().len());
            let carets = sheet.paint.bad(carets);
            sheet.verbatim(&format!("{indent}{before}{carets}"));
        }
    }
}

/// Where it stands and why it is one: `line 5, id: expected an integer, found "x"`.
fn said(report: &LoadReport, sample: &RejectSample) -> String {
    let line = grouped(sample.position.line);
    let file = report.inputs.get(sample.position.file_index as usize);
    let place = match file.filter(|_| report.inputs.len() > 1) {
        Some(file) => format!("{}, line {line}", escaped(file.path.as_os_str().as_encoded_bytes())),
        None => format!("line {line}"),
    };
    let column = match sample.column.is_empty() {
        true => String::new(),
        false => format!(", {}", cut(&sample.column, NAME_CHARS)),
    };
    format!("{place}{column}: {}", cut(&sample.message, MESSAGE_CHARS))
}

/// The field whose quotes are damaged, if that is the fault and the input's characters are single bytes.
fn damaged_field(report: &LoadReport, sample: &RejectSample) -> Option<(usize, usize)> {
    if !matches!(sample.code, RejectCode::InvalidQuote | RejectCode::UnterminatedQuote) {
        return None;
    }
    let input = report.inputs.get(sample.position.file_index as usize)?;
    let quote = input.dialect.map_or(report.quote, |dialect| dialect.quote)?;
    let &[delimiter] = input
        .dialect
        .map_or(Delimiter::COMMA, |dialect| dialect.delimiter)
        .as_bytes()
    else {
        return None;
    };
    field_with_damage(&sample.raw, delimiter, u8::try_from(quote).ok()?)
}

/// The first field that is not closed, or goes on after its closing quote.
fn field_with_damage(raw: &[u8], delimiter: u8, quote: u8) -> Option<(usize, usize)> {
    let mut start = 0;
    while start < raw.len() {
        let mut at = start;
        let is_quoted = raw[at] == quote;
        let mut is_damaged = false;
        if is_quoted {
            at += 1;
            // A doubled quote closes the field and opens it again.
            while let Some(closing) = raw[at..].iter().position(|&byte| byte == quote) {
                at += closing + 1;
                if raw.get(at) != Some(&quote) {
                    is_damaged = raw.get(at).is_some_and(|&byte| byte != delimiter);
                    break;
                }
                at += 1;
            }
            is_damaged |= raw[at - 1] != quote || at == start + 1;
        }
        let rest = raw[at..].iter().position(|&byte| byte == delimiter);
        let end = rest.map_or(raw.len(), |rest| at + rest);
        if is_damaged {
            return Some((start, end - start));
        }
        start = end + 1;
    }
    None
}

/// A raw line in at most so many columns, and the line below that marks the field at fault.
fn marked(raw: &[u8], field_at: Option<(usize, usize)>, columns: usize) -> Option<(String, String)> {
    if raw.is_empty() {
        return None;
    }
    let (start, length) = field_at.unwrap_or((0, 0));
    let start = start.min(raw.len());
    let end = (start + length).min(raw.len());
    let [mut before, field, after] =
        [&raw[..start], &raw[start..end], &raw[end..]].map(|part| escaped(part).to_string());
    let all = text_columns(&before) + text_columns(&field) + text_columns(&after);
    if all > columns && text_columns(&before) > columns / 3 {
        // What stands before a field far to the right gives way.
        let mut kept: Vec<char> = Vec::new();
        for character in before.chars().rev().take(columns / 3) {
            kept.push(character);
        }
        before = format!("...{}", kept.into_iter().rev().collect::<String>());
    }
    let at = text_columns(&before);
    let mark = match field_at {
        Some(_) if at < columns => {
            let carets = text_columns(&field).clamp(1, columns - at);
            " ".repeat(at) + &"^".repeat(carets)
        }
        _ => String::new(),
    };
    Some((fitted(&(before + &field + &after), columns), mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Position;

    fn sample(raw: &str, field: &str) -> RejectSample {
        RejectSample {
            code: RejectCode::TypeError,
            position: Position {
                line: 1_234,
                ..Position::default()
            },
            column: "id".to_owned(),
            message: "expected an integer, found \"x\"".to_owned(),
            field: raw.find(field).map(|at| (at, field.len())),
            raw: raw.as_bytes().to_vec(),
        }
    }

    #[test]
    fn the_field_at_fault_is_marked_under_the_raw_line() {
        let shown = |raw: &str, field: &str, columns| {
            let sample = sample(raw, field);
            marked(&sample.raw, sample.field, columns).unwrap()
        };
        let expected = |raw: &str, mark: &str| (raw.to_owned(), mark.to_owned());
        assert_eq!(shown("1,abc,2", "abc", 40), expected("1,abc,2", "  ^^^"));
        assert_eq!(shown("1,一二,2", "一二", 40), expected("1,一二,2", "  ^^^^"));
        assert_eq!(shown("1,,2", "", 40), expected("1,,2", "^"));
        assert_eq!(
            shown("\u{1b}[1m,bad", "bad", 40),
            expected("\\u{1b}[1m,bad", "          ^^^")
        );
        let (raw, mark) = shown(&format!("{},bad,{}", "x".repeat(100), "y".repeat(100)), "bad", 30);
        assert_eq!((raw.len(), raw.find("bad"), mark.find('^')), (30, Some(13), Some(13)));
        assert_eq!(mark.trim(), "^^^");
        let (raw, mark) = shown(&"z".repeat(100), &"z".repeat(100), 30);
        assert_eq!((text_columns(&raw), mark.len()), (30, 30));
    }

    #[test]
    fn a_field_with_a_damaged_quote_is_found() {
        let found = |raw: &str| {
            let (start, length) = field_with_damage(raw.as_bytes(), b',', b'"')?;
            Some(raw[start..start + length].to_owned())
        };
        for (raw, field) in [
            ("4,\"Bar\"bara,3", Some("\"Bar\"bara")),
            ("\"a,b\",\"c\"\"\"d", Some("\"c\"\"\"d")),
            ("1,\"open,2", Some("\"open")),
            ("1,\"", Some("\"")),
            ("1,\"a\"\"b\",\"\"", None),
            ("1,a\"b,", None),
            ("", None),
        ] {
            assert_eq!(found(raw).as_deref(), field, "{raw}");
        }
    }

    #[test]
    fn without_a_field_there_is_no_mark_and_without_bytes_no_line() {
        assert_eq!(marked(b"1,2,3", None, 40), Some(("1,2,3".to_owned(), String::new())));
        assert_eq!(marked(b"", None, 40), None);
    }
}
