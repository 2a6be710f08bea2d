//! The grammar once more, written to be obvious: one record at a time, first without a limit, then with the limit applied.

use super::{Dialect, FaultKind, Parsed, Syntax};

/// What a record would be if there were no limit.
enum Unlimited {
    End(usize),
    /// The text that follows a closing quote.
    BadQuote(usize),
    Open,
}

/// The grammar, byte by byte, once per record and without any memory of the record before.
pub(super) fn reference(input: &[u8], syntax: &Syntax) -> Vec<Parsed> {
    let (dialect, max) = (&syntax.dialect, syntax.max_record_bytes as usize);
    let input = match input {
        [lines @ .., b'\n'] if dialect.line_end == b'\r' => lines,
        _ => input,
    };
    let mut records = Vec::new();
    let mut start = 0;
    while start < input.len() {
        let rest = &input[start..];
        let line = rest
            .iter()
            .position(|&byte| byte == dialect.line_end)
            .unwrap_or(rest.len());
        if dialect.comment == Some(rest[0]) {
            let end = start + trimmed(rest, line, dialect);
            records.push(Parsed {
                start,
                end,
                field_ends: Vec::new(),
                fault: (line > max).then_some((FaultKind::RecordTooLarge, 1)),
            });
            start += line + 1;
            continue;
        }
        // For each byte: whether it is inside a quoted field, and in which field it is.
        let (mut inside, mut columns) = (Vec::new(), Vec::new());
        let (outcome, mut field_ends) = reference_record(rest, dialect, &mut inside, &mut columns);
        let last_column = *columns.last().unwrap();
        let (end, fault) = if line > max {
            (
                line,
                Some((FaultKind::RecordTooLarge, *columns.get(max).unwrap_or(&last_column))),
            )
        } else {
            match outcome {
                Unlimited::End(end) if end <= max => (end, None),
                Unlimited::BadQuote(text) if text <= max => {
                    let (end, kind) = damage(rest, syntax, line, text);
                    (end, Some((kind, last_column)))
                }
                Unlimited::Open if rest.len() <= max => (line, Some((FaultKind::UnterminatedQuote, last_column))),
                _ if inside[max] => (line, Some((FaultKind::UnterminatedQuote, columns[max]))),
                _ => (line, Some((FaultKind::RecordTooLarge, columns[max]))),
            }
        };
        let next = start + end + 1;
        let end = start + trimmed(rest, end, dialect);
        match fault {
            Some(_) => field_ends.clear(),
            None => {
                field_ends.iter_mut().for_each(|field_end| *field_end += start);
                field_ends.push(end);
            }
        }
        records.push(Parsed {
            start,
            end,
            field_ends,
            fault,
        });
        start = next;
    }
    records
}

/// One record; `inside` and `columns` get one entry per byte looked at. All field ends but the last come back.
fn reference_record(
    rest: &[u8],
    dialect: &Dialect,
    inside: &mut Vec<bool>,
    columns: &mut Vec<u32>,
) -> (Unlimited, Vec<usize>) {
    let mut field_ends = Vec::new();
    let mut at = 0;
    loop {
        let column = field_ends.len() as u32 + 1;
        let mut note = |count: usize, is_inside: bool| {
            inside.extend(std::iter::repeat_n(is_inside, count));
            columns.extend(std::iter::repeat_n(column, count));
        };
        while at < rest.len() && dialect.is_blank(rest[at]) {
            note(1, false);
            at += 1;
        }
        if at < rest.len() && Some(rest[at]) == dialect.quote {
            note(1, false);
            at += 1;
            loop {
                if at == rest.len() {
                    note(1, true);
                    return (Unlimited::Open, field_ends);
                }
                let is_quote = Some(rest[at]) == dialect.quote;
                let is_doubled = is_quote && rest.get(at + 1) == Some(&rest[at]);
                note(if is_doubled { 2 } else { 1 }, true);
                at += if is_doubled { 2 } else { 1 };
                if is_quote && !is_doubled {
                    break;
                }
            }
            let mut after = at;
            while after < rest.len() && dialect.is_blank(rest[after]) {
                after += 1;
            }
            note(after - at, false);
            at = after;
            while dialect.line_end == b'\n' && rest.get(after) == Some(&b'\r') {
                after += 1;
            }
            let ends_record = after == rest.len() || rest[after] == dialect.line_end;
            if !ends_record && rest[at] != dialect.delimiter {
                note(after - at + 1, false);
                return (Unlimited::BadQuote(after), field_ends);
            }
        }
        while at < rest.len() && rest[at] != dialect.delimiter && rest[at] != dialect.line_end {
            note(1, false);
            at += 1;
        }
        note(1, false);
        if at == rest.len() || rest[at] == dialect.line_end {
            return (Unlimited::End(at), field_ends);
        }
        field_ends.push(at);
        at += 1;
    }
}

fn trimmed(rest: &[u8], mut end: usize, dialect: &Dialect) -> usize {
    while dialect.line_end == b'\n' && end > 0 && rest[end - 1] == b'\r' {
        end -= 1;
    }
    end
}

/// Where a record whose damage is at `text` ends, and what the fault is called. The record's first line ends at `line`.
fn damage(rest: &[u8], syntax: &Syntax, line: usize, text: usize) -> (usize, FaultKind) {
    let (dialect, max) = (&syntax.dialect, syntax.max_record_bytes as usize);
    let ends: Vec<usize> = (0..rest.len())
        .filter(|&at| rest[at] == dialect.line_end)
        .chain([rest.len()])
        .collect();
    let damaged = ends.iter().position(|&end| end >= text).unwrap();
    if ends[damaged] > max {
        return (line, FaultKind::UnterminatedQuote);
    }
    let by_itself = |index: usize| {
        let start = ends[index - 1] + 1;
        reference_line(&rest[start.min(rest.len())..ends[index]], syntax)
    };
    let lines: Vec<ByItself> = (1..=damaged)
        .map(by_itself)
        .filter(|line| *line != ByItself::Blank)
        .collect();
    let is_good =
        |line: &ByItself| matches!(line, ByItself::Good { columns, .. } if *columns == columns_of(&lines, syntax));
    let own_quote = damaged > 0 && by_itself(damaged) == ByItself::Broken;
    let records = &lines[..lines.len() - usize::from(own_quote)];
    let good = records.iter().filter(|line| is_good(line)).count();
    let others = records.len() - good;
    let is_sound = |line: &ByItself| matches!(line, ByItself::Good { .. });
    let mostly_good = records.len() >= 16 && others * 3 <= good && records.iter().all(is_sound);
    if damaged > 0 && (mostly_good || (!own_quote && others == 0)) {
        return (line, FaultKind::UnterminatedQuote);
    }
    let to = trimmed(rest, ends[damaged], dialect);
    let is_open =
        is_left_open(&rest[..to], syntax) || (own_quote && is_left_open(&rest[ends[damaged - 1] + 1..to], syntax));
    for (index, &end) in ends.iter().enumerate().skip(damaged + 1) {
        if end > max {
            break;
        }
        match by_itself(index) {
            ByItself::Blank | ByItself::Doubtful => {}
            ByItself::Good { columns, .. } if syntax.columns != 0 && columns != syntax.columns => {}
            ByItself::Good { has_quote: false, .. } if is_open => {}
            ByItself::Tail => return (end, FaultKind::InvalidQuote),
            ByItself::Good { .. } | ByItself::Broken => break,
        }
    }
    (ends[damaged], FaultKind::InvalidQuote)
}

/// The right number of fields.
fn columns_of(lines: &[ByItself], syntax: &Syntax) -> u32 {
    match lines[0] {
        ByItself::Good { columns, .. } if syntax.columns == 0 => columns,
        _ => syntax.columns,
    }
}

#[derive(Debug, PartialEq)]
enum ByItself {
    Blank,
    Good {
        columns: u32,
        has_quote: bool,
    },
    /// Quotes in unquoted fields, none of which a quoted field could end with.
    Doubtful,
    Tail,
    Broken,
}

/// What a line is if nothing comes before or after it.
fn reference_line(line: &[u8], syntax: &Syntax) -> ByItself {
    let dialect = &syntax.dialect;
    let line = &line[..trimmed(line, line.len(), dialect)];
    let is_comment = line.first().is_some_and(|&byte| Some(byte) == dialect.comment);
    if is_comment || (line.is_empty() && syntax.columns != 1) {
        return ByItself::Blank;
    }
    let (outcome, mut field_ends) = reference_record(line, dialect, &mut Vec::new(), &mut Vec::new());
    let Unlimited::End(_) = outcome else {
        return ByItself::Broken;
    };
    field_ends.push(line.len());
    let (mut start, mut has_inner, mut has_tail) = (0, false, false);
    for &end in &field_ends {
        let field = &line[start..end];
        let quotes = field.iter().filter(|&&byte| Some(byte) == dialect.quote).count();
        let (_, value) = dialect.trimmed(field);
        if quotes > 0 && value.first().copied() != dialect.quote {
            has_inner = true;
            has_tail |= quotes % 2 == 1 && field.last().copied() == dialect.quote;
        }
        start = end + 1;
    }
    match (has_tail, has_inner) {
        (true, _) => ByItself::Tail,
        (false, true) => ByItself::Doubtful,
        (false, false) => ByItself::Good {
            columns: field_ends.len() as u32,
            has_quote: line.iter().any(|&byte| Some(byte) == dialect.quote),
        },
    }
}

/// Whether the lines of a damaged record leave its field open: they have an odd number of quotes, and not the right number of fields even
/// if only quotes before a delimiter or the end close a field.
fn is_left_open(lines: &[u8], syntax: &Syntax) -> bool {
    let (quote, delimiter) = (syntax.dialect.quote.unwrap(), syntax.dialect.delimiter);
    let is_even = lines.iter().filter(|&&byte| byte == quote).count() % 2 == 0;
    let (mut at, mut columns, mut is_closed) = (0, 1, true);
    while at < lines.len() {
        while at < lines.len() && syntax.dialect.is_blank(lines[at]) {
            at += 1;
        }
        if lines.get(at) == Some(&quote) {
            is_closed = false;
            at += 1;
            while at < lines.len() && !is_closed {
                let next = lines.get(at + 1);
                let is_doubled = lines[at] == quote && next == Some(&quote);
                is_closed = lines[at] == quote && next.is_none_or(|&next| next == delimiter);
                at += if is_doubled { 2 } else { 1 };
            }
        }
        while at < lines.len() && lines[at] != delimiter {
            at += 1;
        }
        columns += u32::from(at < lines.len());
        at += 1;
    }
    !is_even && (!is_closed || (syntax.columns != 0 && columns != syntax.columns))
}
