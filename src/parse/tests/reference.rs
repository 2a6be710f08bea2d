//! The grammar once more, written for being obvious: one record at a time, first without a limit, then the limit
//! applied.

use super::{Dialect, FaultKind, Parsed};

/// What a record would be if there were no limit.
enum Unlimited {
    End(usize),
    /// The closing quote, and the text that follows it.
    BadQuote(usize, usize),
    Open,
}

/// The grammar, byte by byte, once per record and without any memory of the record before.
pub(super) fn reference(input: &[u8], dialect: &Dialect, max_record_bytes: u64) -> Vec<Parsed> {
    let max = max_record_bytes as usize;
    let mut records = Vec::new();
    let mut start = 0;
    while start < input.len() {
        let rest = &input[start..];
        let line = rest
            .iter()
            .position(|&byte| byte == dialect.line_end)
            .unwrap_or(rest.len());
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
                Unlimited::BadQuote(quote, text) if text <= max => {
                    let kind = if quote < line {
                        FaultKind::InvalidQuote
                    } else {
                        FaultKind::UnterminatedQuote
                    };
                    (line, Some((kind, last_column)))
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
            let quote = at - 1;
            let mut after = at;
            while dialect.line_end == b'\n' && rest.get(after) == Some(&b'\r') {
                after += 1;
            }
            let ends_record = after == rest.len() || rest[after] == dialect.line_end;
            if !ends_record && rest[at] != dialect.delimiter {
                note(after - at + 1, false);
                return (Unlimited::BadQuote(quote, after), field_ends);
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
