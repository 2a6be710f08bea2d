//! The grammar once more, written to be obvious: one record at a time, first without a limit, then with the limit applied.

use super::{Dialect, FaultKind, Parsed, Syntax};

/// What a record would be if there were no limit.
enum Unlimited {
    End(usize),
    /// The text that follows a closing quote, and the byte that shows it to be no delimiter.
    BadQuote(usize, usize),
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
        let line = line_length(rest, dialect);
        if dialect.comment == Some(rest[0]) {
            let cost = if line > max {
                cost_of_long(rest, max, dialect)
            } else {
                line
            };
            let end = start + trimmed(rest, cost, dialect);
            records.push(Parsed {
                start,
                end,
                field_ends: Vec::new(),
                fault: (line > max).then_some((FaultKind::RecordTooLarge, 1)),
            });
            start += cost + 1;
            continue;
        }
        // For each byte: whether it is inside a quoted field, and in which field it is.
        let (mut inside, mut columns) = (Vec::new(), Vec::new());
        let (outcome, mut field_ends) = reference_record(rest, dialect, &mut inside, &mut columns);
        let last_column = *columns.last().unwrap();
        let (end, fault) = if line > max {
            (
                cost_of_long(rest, max, dialect),
                Some((FaultKind::RecordTooLarge, *columns.get(max).unwrap_or(&last_column))),
            )
        } else {
            match outcome {
                Unlimited::End(end) if end <= max => (end, None),
                Unlimited::BadQuote(text, shown) if shown <= max => {
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
        while at < rest.len() && is_blank(rest, at, dialect) {
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
                let is_doubled = dialect.doubles_quotes && is_quote && rest.get(at + 1) == Some(&rest[at]);
                let length = escape_length(rest, at, dialect).unwrap_or(if is_doubled { 2 } else { 1 });
                note(length, true);
                at += length;
                if is_quote && !is_doubled {
                    break;
                }
            }
            let mut after = at;
            while after < rest.len() && is_blank(rest, after, dialect) {
                after += 1;
            }
            note(after - at, false);
            at = after;
            while dialect.line_end == b'\n' && rest.get(after) == Some(&b'\r') {
                after += 1;
            }
            let ends_record = after == rest.len() || rest[after] == dialect.line_end;
            if !ends_record && !is_delimiter(rest, at, dialect) {
                note(after - at + 1, false);
                let shared = rest[after..]
                    .iter()
                    .zip(dialect.delimiter.as_bytes())
                    .take_while(|(a, b)| a == b)
                    .count();
                let shown = if after == at { after + shared } else { after };
                return (Unlimited::BadQuote(after, shown), field_ends);
            }
        }
        while at < rest.len() && !is_delimiter(rest, at, dialect) && rest[at] != dialect.line_end {
            let length = escape_length(rest, at, dialect).unwrap_or(1);
            note(length, false);
            at += length;
        }
        note(dialect.delimiter.as_bytes().len(), false);
        if at == rest.len() || rest[at] == dialect.line_end {
            return (Unlimited::End(at), field_ends);
        }
        field_ends.push(at);
        at += dialect.delimiter.as_bytes().len();
    }
}

fn is_delimiter(rest: &[u8], at: usize, dialect: &Dialect) -> bool {
    rest.get(at..)
        .is_some_and(|rest| rest.starts_with(dialect.delimiter.as_bytes()))
}

fn is_blank(rest: &[u8], at: usize, dialect: &Dialect) -> bool {
    dialect.is_blank(rest[at]) && !is_delimiter(rest, at, dialect)
}

/// How many bytes the escape at `at` is with its character, if there is one with one.
fn escape_length(rest: &[u8], at: usize, dialect: &Dialect) -> Option<usize> {
    if rest[at] != dialect.escape?.byte() || at + 1 == rest.len() {
        return None;
    }
    let crs = rest[at + 1..].iter().take_while(|&&byte| byte == b'\r').count();
    let is_line_end = dialect.line_end == b'\n' && rest.get(at + 1 + crs) == Some(&b'\n');
    Some(if is_line_end { crs + 2 } else { 2 })
}

/// The offsets of the line ends in `rest`, those that an escape makes data aside.
fn line_ends(rest: &[u8], dialect: &Dialect) -> Vec<usize> {
    let (mut at, mut ends) = (0, Vec::new());
    while at < rest.len() {
        if rest[at] == dialect.line_end {
            ends.push(at);
        }
        at += escape_length(rest, at, dialect).unwrap_or(1);
    }
    ends
}

fn line_length(rest: &[u8], dialect: &Dialect) -> usize {
    line_ends(rest, dialect).first().copied().unwrap_or(rest.len())
}

/// What a line costs that is longer than `max`.
fn cost_of_long(rest: &[u8], max: usize, dialect: &Dialect) -> usize {
    let mut ends = (0..rest.len()).filter(|&at| rest[at] == dialect.line_end);
    let first = ends.next().unwrap_or(rest.len());
    match first <= max {
        true => ends.take_while(|&end| end <= max).last().unwrap_or(first),
        false => first,
    }
}

fn trimmed(rest: &[u8], mut end: usize, dialect: &Dialect) -> usize {
    while dialect.line_end == b'\n' && end > 0 && rest[end - 1] == b'\r' && !dialect.ends_with_escape(&rest[..end - 1])
    {
        end -= 1;
    }
    end
}

/// Where a record whose damage is at `text` ends, and what the fault is called. The record's first line ends at `line`.
fn damage(rest: &[u8], syntax: &Syntax, line: usize, text: usize) -> (usize, FaultKind) {
    let (dialect, max) = (&syntax.dialect, syntax.max_record_bytes as usize);
    let mut ends = line_ends(rest, dialect);
    ends.push(rest.len());
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
        let quotes = quotes_in(field, dialect);
        let before_last = &field[..field.len().saturating_sub(1)];
        let (_, value) = dialect.trimmed(field);
        if quotes > 0 && value.first().copied() != dialect.quote {
            has_inner = true;
            has_tail |= quotes % 2 == 1 && quotes_in(before_last, dialect) < quotes;
        }
        start = end + dialect.delimiter.as_bytes().len();
    }
    match (has_tail, has_inner) {
        (true, _) => ByItself::Tail,
        (false, true) => ByItself::Doubtful,
        (false, false) => ByItself::Good {
            columns: field_ends.len() as u32,
            has_quote: quotes_in(line, dialect) > 0,
        },
    }
}

/// Whether the lines of a damaged record leave its field open: they have an odd number of quotes, and not the right number of fields even
/// if only quotes before a delimiter or the end close a field.
fn is_left_open(lines: &[u8], syntax: &Syntax) -> bool {
    let (quote, dialect) = (syntax.dialect.quote.unwrap(), &syntax.dialect);
    let is_even = quotes_in(lines, dialect).is_multiple_of(2);
    let (mut at, mut columns, mut is_closed) = (0, 1, true);
    while at < lines.len() {
        while at < lines.len() && is_blank(lines, at, dialect) {
            at += 1;
        }
        if lines.get(at) == Some(&quote) {
            is_closed = false;
            at += 1;
            while at < lines.len() && !is_closed {
                if let Some(length) = escape_length(lines, at, dialect) {
                    at += length;
                    continue;
                }
                let is_quote = lines[at] == quote;
                let is_doubled = dialect.doubles_quotes && is_quote && lines.get(at + 1) == Some(&quote);
                is_closed = is_quote && (at + 1 == lines.len() || is_delimiter(lines, at + 1, dialect));
                at += if is_doubled { 2 } else { 1 };
            }
        }
        while at < lines.len() && !is_delimiter(lines, at, dialect) {
            at += escape_length(lines, at, dialect).unwrap_or(1);
        }
        columns += u32::from(at < lines.len());
        at += dialect.delimiter.as_bytes().len();
    }
    !is_even && (!is_closed || (syntax.columns != 0 && columns != syntax.columns))
}

/// Quotes that no escape makes data.
fn quotes_in(text: &[u8], dialect: &Dialect) -> usize {
    let (mut at, mut quotes) = (0, 0);
    while at < text.len() {
        quotes += usize::from(Some(text[at]) == dialect.quote);
        at += escape_length(text, at, dialect).unwrap_or(1);
    }
    quotes
}
