//! How many lines a damaged quoted field costs.
//!
//! Comes in: a record whose quoted field goes on after its closing quote. Goes out: where the rejected bytes end. The bytes
//! decide alone: each physical line is read by itself, as if it were the whole input.
//!
//! Two things may have happened. A stray quote opened the field: then the lines after it are records, and they can be recognized because
//! they are *good*: they have the right number of fields and no quote in an unquoted one. Or the quotes within a text that spans lines were
//! not doubled: then its lines are not records, and if one were loaded, it would be a row that the source never held. So in doubt the lines
//! go with the record: a good row among the rejects can be mended and loaded again.
//!
//! The bound: whatever is looked at here is rejected or read as records of one line each, and the search ends at the next line whose quotes
//! are damaged or left open. No other line starts a damaged record, so no byte is searched twice.

use super::symbol::{ByteEffect, ParseRequest, State, Symbol, View};
use super::{FaultKind, Walk, Walker, looked_at};

/// With at least this many lines some may be bad records: the others still show that the lines are records.
const MANY_LINES: u64 = 16;

/// A physical line, read by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    fields: u32,
    has_quote: bool,
    /// A quoted field is damaged, or not closed.
    is_broken: bool,
    /// A quote stands within an unquoted field.
    has_inner_quote: bool,
    /// An unquoted field ends with a quote that has no partner in it: `left",5`. A quoted field that began on an earlier line ends so.
    has_tail: bool,
}

impl Line {
    const EMPTY: Line = Line {
        fields: 1,
        has_quote: false,
        is_broken: false,
        has_inner_quote: false,
        has_tail: false,
    };

    /// Whether it is a record and nothing speaks against it.
    fn is_good(&self, columns: u32) -> bool {
        !self.is_broken && !self.has_inner_quote && (columns == 0 || self.fields == columns)
    }
}

/// Whether so many lines, `good` with the right number of fields and `other` without, are records.
fn are_many_records(good: u64, other: u64) -> bool {
    good + other >= MANY_LINES && other * 3 <= good
}

/// Where the reading of a record stands: before the byte at `at`, in `state`, after this many delimiters.
#[derive(Clone, Copy)]
struct Stand {
    at: usize,
    state: State,
    delimiters: u32,
}

/// Where a physical line ends.
enum PhysicalLineEnd {
    /// Its line end, or the end of input, is here.
    At(usize),
    /// Past the record limit.
    Beyond,
    /// More bytes are needed than are there yet.
    Unknown,
}

impl ParseRequest<'_> {
    /// Reads `line`, which has no line end.
    fn read_line(&self, line: &[u8]) -> Line {
        looked_at(line.len());
        self.read_line_without_quotes(line)
            .unwrap_or_else(|| self.read_line_by_symbols(line))
    }

    /// Reads `line` many bytes at a time, if it has no quote and every byte of it means by itself what it means. After a stray quote nearly all
    /// lines are such, up to as many as a record may have.
    fn read_line_without_quotes(&self, line: &[u8]) -> Option<Line> {
        let delimiter = self.dialect.delimiter.single().filter(|_| self.dialect.is_bytewise())?;
        let has_quote = self
            .dialect
            .quote
            .is_some_and(|quote| memchr::memchr(quote, line).is_some());
        (!has_quote).then(|| Line {
            fields: 1 + memchr::memchr_iter(delimiter, line).count() as u32,
            ..Line::EMPTY
        })
    }

    fn read_line_by_symbols(&self, line: &[u8]) -> Line {
        let mut read = Line::EMPTY;
        let (quote, has_quotes) = (self.dialect.quote.unwrap_or_default(), self.dialect.quote.is_some());
        let mut state = State::FieldStart;
        // Whether the unquoted field so far has an odd number of quotes, and whether its last byte is one.
        let (mut is_odd, mut ends_with_quote) = (false, false);
        let mut at = 0;
        while at < line.len() {
            let (symbol, length) = self.symbol_of_line(state, line, at);
            at += length;
            let is_quote = symbol == Symbol::Byte(quote) && has_quotes;
            read.has_quote |= is_quote;
            if state == State::Unquoted && is_quote {
                read.has_inner_quote = true;
                is_odd = !is_odd;
            }
            match self.step(state, symbol) {
                ByteEffect::To(next) => state = next,
                ByteEffect::FieldEnd => {
                    read.has_tail |= is_odd && ends_with_quote;
                    is_odd = false;
                    read.fields += 1;
                    state = State::FieldStart;
                }
                ByteEffect::BadQuote | ByteEffect::RecordEnd | ByteEffect::QuotedLineEnd => {
                    read.is_broken = true;
                    return read;
                }
            }
            ends_with_quote = is_quote;
        }
        read.has_tail |= is_odd && ends_with_quote;
        read.is_broken = state == State::Quoted;
        read
    }

    /// Whether the lines of `start..end`, the last of which shows the damage, are records, so that a stray quote opened the field before
    /// them. Comments do not count, nor do blank lines where they are not records.
    ///
    /// All must be good; of many, a quarter may have another number of fields, as bad records do, and the last one may have a stray
    /// quote of its own: it makes no row.
    fn are_records(&self, mut start: usize, end: usize) -> bool {
        let mut columns = self.columns;
        let (mut good, mut other) = (0, 0);
        while start < end {
            let line_end = self.line_end_from(start, end).unwrap_or(end);
            let trimmed = self.trim_cr(start, line_end);
            // As long as the number of columns is not known, a blank line does not count as a record.
            if !self.is_comment(start) && (trimmed > start || self.columns == 1) {
                let line = self.read_line(&self.span[start..trimmed]);
                if line.is_broken && line_end == end {
                    return are_many_records(good, other);
                }
                if line.is_broken || line.has_inner_quote {
                    return false;
                }
                if columns == 0 {
                    columns = line.fields;
                }
                if line.fields == columns {
                    good += 1;
                } else {
                    other += 1;
                }
            }
            start = line_end + 1;
        }
        other == 0 || are_many_records(good, other)
    }

    /// Whether a quoted field is likely to go on after the line that ends at `end`: the quotes from `start` on are odd in number, and the
    /// number of fields there is wrong if quotes that no delimiter or line end follows are taken as text.
    fn is_left_open(&self, start: usize, stand: Stand, end: usize) -> bool {
        let Stand {
            at,
            mut state,
            delimiters,
        } = stand;
        looked_at(end - start);
        let Some(quote) = self.dialect.quote else { return false };
        if self.has_even_quotes(quote, &self.span[start..end]) {
            return false;
        }
        let line = &self.span[..self.trim_cr(at, end)];
        let (mut at, mut fields) = (at, delimiters + 1);
        while at < line.len() {
            let (symbol, length) = self.symbol_of_line(state, line, at);
            at += length;
            state = match self.step(state, symbol) {
                ByteEffect::FieldEnd => {
                    fields += 1;
                    State::FieldStart
                }
                // What closes a field is followed by a delimiter or nothing, or is the first of two.
                ByteEffect::To(State::QuoteInQuoted) if !self.may_follow_quote(&line[at..]) => State::Quoted,
                ByteEffect::To(state) => state,
                ByteEffect::BadQuote | ByteEffect::RecordEnd | ByteEffect::QuotedLineEnd => state,
            };
        }
        state == State::Quoted || (self.columns != 0 && fields != self.columns)
    }

    /// Whether a closing quote, or the first of two, may stand before `rest`.
    fn may_follow_quote(&self, rest: &[u8]) -> bool {
        let is_second = self.dialect.doubles_quotes && rest.first().copied() == self.dialect.quote;
        rest.is_empty() || is_second || rest.starts_with(self.dialect.delimiter.as_bytes())
    }

    /// Whether `text` has an even number of quotes that no escape makes data.
    fn has_even_quotes(&self, quote: u8, text: &[u8]) -> bool {
        let Some(escape) = self.dialect.escape_byte() else {
            return memchr::memchr_iter(quote, text).count().is_multiple_of(2);
        };
        let (mut at, mut is_even) = (0, true);
        while let Some(distance) = memchr::memchr2(quote, escape, text.get(at..).unwrap_or_default()) {
            at += distance;
            is_even ^= text[at] == quote;
            at += if text[at] == escape { 2 } else { 1 };
        }
        is_even
    }

    /// What stands at `at` in a line that is read by itself.
    #[inline(always)]
    fn symbol_of_line(&self, state: State, line: &[u8], at: usize) -> (Symbol, usize) {
        let byte = (Symbol::Byte(line[at]), 1);
        match self.dialect.is_bytewise() {
            true => (self.bytewise_symbol(state, line[at]), 1),
            false => {
                let view = View {
                    bytes: line,
                    is_whole: true,
                };
                self.symbol(state, view, at).unwrap_or(byte)
            }
        }
    }

    /// Where the first tail ends that may belong to a damaged record which ended before `at`, where a line begins: one byte past its line
    /// end. `None` if there is none among the bytes. Whether such a record goes on so far is for those to say who have it in view: here it is
    /// only known that it ends nowhere else.
    pub(super) fn after_first_tail(&self, mut at: usize) -> Option<usize> {
        let quote = self.dialect.quote?;
        loop {
            // A line without a quote has no tail, and speaks against none where the damaged field may be open.
            let distance = memchr::memchr(quote, self.span.get(at..)?)?;
            let line_end = self.dialect.line_end;
            let before = memchr::memrchr(line_end, &self.span[at..at + distance]);
            let start = before.map_or(at, |line_end| at + line_end + 1);
            let end = self.line_end_from(at + distance, self.span.len()).ok()?;
            let trimmed = self.trim_cr(start, end);
            if !self.is_comment(start) && (trimmed > start || self.columns == 1) {
                let line = self.read_line(&self.span[start..trimmed]);
                if line.is_broken {
                    return None;
                }
                if line.has_tail {
                    return Some(end + 1);
                }
                if line.is_good(self.columns) {
                    return None;
                }
            }
            at = end + 1;
        }
    }

    /// Whether the line `start..end`, by itself, begins a damaged field that is likely to go on after it.
    fn line_is_left_open(&self, start: usize, end: usize) -> bool {
        let stand = Stand {
            at: start,
            state: State::FieldStart,
            delimiters: 0,
        };
        !self.is_comment(start)
            && self.is_left_open(start, stand, end)
            && self.read_line(&self.span[start..self.trim_cr(start, end)]).is_broken
    }
}

impl Walker<'_, '_> {
    /// Rejects the damaged record at `start`, whose `walk` stopped at text after a closing quote; returns where the next one starts, or
    /// `None` if the bytes present do not decide that.
    pub(super) fn damaged(&mut self, start: usize, walk: &Walk, limit: usize) -> Option<usize> {
        let line_end = match self.physical_line_end(walk.at, limit) {
            PhysicalLineEnd::At(line_end) => line_end,
            PhysicalLineEnd::Unknown => return None,
            PhysicalLineEnd::Beyond => {
                let kind = match walk.first_line_end {
                    Some(_) => FaultKind::UnterminatedQuote,
                    None => FaultKind::InvalidQuote,
                };
                return self.fault(start, walk, kind);
            }
        };
        if let Some(first) = walk.first_line_end
            && self.input.are_records(first.at + 1, line_end)
        {
            let next = self.reject(start, first.at, walk, FaultKind::UnterminatedQuote);
            // No later record can be within a quoted field where this one was.
            self.failed = None;
            return Some(next);
        }
        let end = self.end_of_damage(start, walk, line_end, limit)?;
        Some(self.reject(start, end, walk, FaultKind::InvalidQuote))
    }

    /// The end of the record at `start` whose damage is on the line that ends at `line_end`: the end of that line, or of the tail after it.
    ///
    /// A tail is a line with a quote at the end of an unquoted field. It belongs to the record unless a line before it speaks against
    /// that: a good one, or one whose own quoted field is damaged or left open. If the damaged field is likely to be open at the end of its
    /// line, good lines without quotes do not speak against it. The same holds if the damaged line by itself leaves a field open: after a
    /// line with a stray quote, it may be the first line of a field whose quotes were not doubled.
    fn end_of_damage(&self, start: usize, walk: &Walk, line_end: usize, limit: usize) -> Option<usize> {
        let (input, span) = (self.input, self.input.span);
        let is_later_line = walk.first_line_end.is_some();
        let stand = Stand {
            at: walk.at,
            state: State::Quoted,
            delimiters: walk.delimiters,
        };
        let is_open = input.is_left_open(start, stand, line_end)
            || (is_later_line && input.line_is_left_open(walk.last_line_end + 1, line_end));
        let wanted = &span[..span.len().min(limit.saturating_add(1))];
        let mut at = line_end + 1;
        loop {
            let rest = wanted.get(at..).unwrap_or_default();
            let end = match input.line_end_from(at, wanted.len()).ok() {
                Some(end) => end,
                None if limit < span.len() || at > limit => return Some(line_end),
                None if !input.at_end => return None,
                None if rest.is_empty() => return Some(line_end),
                None => span.len(),
            };
            let trimmed = input.trim_cr(at, end);
            if !input.is_comment(at) && (trimmed > at || input.columns == 1) {
                let line = input.read_line(&span[at..trimmed]);
                if line.is_broken {
                    return Some(line_end);
                }
                if line.has_tail {
                    return Some(end);
                }
                if line.is_good(input.columns) && (line.has_quote || !is_open) {
                    return Some(line_end);
                }
            }
            at = end + 1;
        }
    }

    /// Where the physical line that `at` is on ends, as far as `limit`.
    fn physical_line_end(&mut self, at: usize, limit: usize) -> PhysicalLineEnd {
        let span = self.input.span;
        let to = span.len().min(limit.saturating_add(1));
        let known = &self.no_line_end;
        let (first, from) = if known.contains(&at) {
            (known.start, known.end.min(to))
        } else {
            (at, at)
        };
        match self.input.line_end_from(from, to) {
            Ok(line_end) => {
                looked_at(line_end - from);
                return PhysicalLineEnd::At(line_end);
            }
            Err(searched) => {
                looked_at(to - from);
                self.no_line_end = first..searched;
            }
        }
        if limit < span.len() {
            PhysicalLineEnd::Beyond
        } else if self.input.at_end {
            PhysicalLineEnd::At(span.len())
        } else {
            PhysicalLineEnd::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::Dialect;

    proptest! {
        #[test]
        fn a_line_without_quotes_is_read_as_it_is_symbol_by_symbol(
            line in prop::collection::vec(prop::sample::select(b",;\t \ra\"\xFF".to_vec()), 0..80),
            delimiter in prop::sample::select(b",;\t ".to_vec()),
            trim in any::<bool>(),
            has_quotes in any::<bool>(),
        ) {
            let usual = Dialect::default();
            let dialect = Dialect {
                delimiter: delimiter.into(),
                trim,
                quote: usual.quote.filter(|_| has_quotes),
                ..usual
            };
            let input = ParseRequest { span: &line, at_end: true, dialect, columns: 2, max_record_bytes: 100 };
            let by_symbols = input.read_line_by_symbols(&line);
            prop_assert_eq!(input.read_line(&line), by_symbols);
            prop_assert_eq!(input.read_line_without_quotes(&line).is_some(), !by_symbols.has_quote);
        }
    }
}
