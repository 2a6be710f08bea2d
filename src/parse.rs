//! Chunk bytes to records: offsets only, nothing copied.
//!
//! Comes in: a span of bytes that starts where a record starts. Goes out: for every record that is decided within the
//! span, where it and its fields lie, or which fault it has. Never: I/O, locks, panics, allocation per record or field
//! (the vectors of [`Records`] are reused from span to span).
//!
//! The hard part: a quote that is never closed costs one physical line and no more, whatever follows it, so parsing goes
//! back to the line after the one where the record started. Done naively that is quadratic (a file whose every line holds
//! a stray quote); see `FailedWalk` for why it is not. How many lines a damaged quoted field costs is decided in
//! `damage`. And the outcome depends on the bytes alone, never on where a span ended: a record is either decided by bytes
//! that are present, or left to the next call.
//!
//! Two parts do the work. The kernel in `scan` takes whole 64-byte blocks of well-formed records; whatever it does not
//! like (a fault, a quote inside an unquoted field, the record limit, the last bytes of a span) it leaves to the walk
//! here, a plain state machine that knows the whole grammar. It takes a byte at a time, or a [`Symbol`] where a dialect has delimiters of
//! several bytes or escapes; the kernel knows nothing of those.

mod crossing;
mod damage;
mod scan;
mod symbol;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use self::crossing::after_crossing;
pub use crate::dialect::Dialect;
pub use crate::syntax_fault::{Fault, FaultKind};
use scan::Kernel;
use symbol::{ByteEffect, ParseRequest, State, Symbol, View};

/// How records are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syntax {
    pub dialect: Dialect,
    /// Fields of a record, as many as the header has; 0: not known yet. Only damaged records are judged by this.
    pub columns: u32,
    pub max_record_bytes: u64,
}

/// Stands for the fault of a line that is a comment.
pub const COMMENT: u32 = u32::MAX;

/// One record of a span. Offsets are relative to the span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSpan {
    /// First byte.
    pub start: u32,
    /// One past the last byte, without the line end (LF and every CR directly before it).
    pub end: u32,
    /// Index in [`Records::field_ends`] one past this record's last field; the first is the previous record's
    /// `fields_end`.
    pub fields_end: u32,
    /// Index in [`Records::faults`] plus one; 0: well-formed; [`COMMENT`]. A record with a fault has no fields, nor has a comment.
    pub fault: u32,
}

/// The records of one span, in input order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Records {
    /// Where each field ends (exclusive); the next field starts [`gap`](Self::gap) bytes later. Quotes are part of a field: a field
    /// whose first byte is the quote is quoted and its last byte is the closing quote.
    pub field_ends: Vec<u32>,
    /// Length of a delimiter.
    pub gap: u32,
    pub records: Vec<RecordSpan>,
    pub faults: Vec<Fault>,
    /// Whether a record of the span may hold a line end. If none does, each record is a line.
    pub multi_line: bool,
}

impl Records {
    /// Drops the fields of a record that was not finished.
    fn drop_open_fields(&mut self) {
        self.field_ends
            .truncate(self.records.last().map_or(0, |record| record.fields_end as usize));
    }
}

/// Parses `span`, which begins where a record begins, and fills `out` (cleared first) with its records in order.
///
/// Returns the number of bytes decided; the next parse starts there. It is `span.len()` when everything was decided, which is always so
/// with `at_end`: no byte of the input follows. Without `at_end`, a record that the bytes present do not decide is left out altogether.
/// Feeding an input in pieces gives the same records as feeding it whole.
///
/// - A field whose first byte is the quote is quoted; elsewhere a quote is text. `""` in a quoted field is one quote. A
///   blank line is a record of one empty field.
/// - Lines end with LF and every CR directly before it belongs to the line end, at the end of input as well. With CR as the line end
///   nothing is trimmed, but one LF at the end of input is a line end too, not a record of its own.
/// - A record fits if its line end lies at most `max_record_bytes` after its first byte, or the input ends within as many bytes. A record
///   that does not fit, or whose quoted field is never closed, costs the physical line on which it starts.
/// - A line that begins with the comment character, outside quotes, is a comment, and quotes within it mean nothing. It has its place
///   among the records. One that is longer than a record may be is a record that is too large.
/// - An escape and the character after it are data, inside quotes and outside. A line end after it, with the CRs before that, ends no
///   line: wherever lines are spoken of here, it is one of their characters, also in comments. Only a record that is too large ends at
///   the last such line end within the limit, if it has one. An escape that is the last byte of the input is data.
/// - Where doubled quotes mean nothing, the second of two is text after a closing quote.
/// - Where blanks are trimmed, those before a quote and after a closing one mean nothing. They are part of the field all the same.
/// - Text after a closing quote is damage. If every line after the record's first, up to the one with the damage, is by
///   itself a good record (`syntax.columns` fields, no quote within an unquoted one; blank lines aside), the first line
///   alone is rejected. Otherwise the record is rejected up to the end of that line, or of the field's tail after it (`damage`), if it
///   fits.
///
/// A physical line longer than the limit is not decided until its line end is present.
///
/// `span` is shorter than 1 GiB. Time is linear in its length.
///
/// Source: RFC 4180; deviations: lone LF, ragged and blank lines, quotes in unquoted fields are accepted.
pub fn parse(span: &[u8], at_end: bool, syntax: &Syntax, out: &mut Records) -> usize {
    parse_before(span, span.len(), at_end, syntax, out)
}

/// [`parse`] of the records that start before `border_bytes`: the bytes after it only help to decide the last of them.
///
/// Returns `border_bytes` exactly if a record starts there, more if one reaches across, less if one is not decided.
pub fn parse_before(span: &[u8], border_bytes: usize, at_end: bool, syntax: &Syntax, out: &mut Records) -> usize {
    let input = ParseRequest {
        span,
        at_end,
        dialect: syntax.dialect,
        columns: syntax.columns,
        max_record_bytes: syntax.max_record_bytes,
    };
    parse_all_with(Kernel::detect(), &input, border_bytes, out)
}

/// [`parse_before`] with a given kernel.
fn parse_all_with(kernel: Kernel, input: &ParseRequest<'_>, border: usize, out: &mut Records) -> usize {
    let span = match input.span {
        [lines @ .., b'\n'] if input.at_end && input.dialect.line_end == b'\r' => lines,
        _ => return parse_with(kernel, input, border, out),
    };
    let lines = ParseRequest { span, ..*input };
    let decided = parse_with(kernel, &lines, border.min(lines.span.len()), out);
    // That LF is not the line end by which records are counted.
    out.multi_line = true;
    if decided == lines.span.len() && border > decided {
        border
    } else {
        decided
    }
}

/// As [`parse_all_with`], for an input without an LF at its end that is not data.
fn parse_with(kernel: Kernel, input: &ParseRequest<'_>, border: usize, out: &mut Records) -> usize {
    debug_assert!(input.span.len() < 1 << 30, "offsets are 32 bits wide");
    out.gap = input.dialect.delimiter.len() as u32;
    out.field_ends.clear();
    out.records.clear();
    out.faults.clear();
    out.multi_line = false;
    let mut walker = Walker {
        input,
        border,
        out,
        failed: None,
        no_line_end: 0..0,
    };
    let mut start = 0;
    while start < border {
        start = walker.scan(kernel, start);
        if start == border {
            break;
        }
        let Some(next) = walker.record(start) else { break };
        walker.forget_before(next);
        start = next;
    }
    walker.out.drop_open_fields();
    start
}

/// One attempt at a record.
#[derive(Debug, Clone, Copy)]
struct Walk {
    /// The next byte.
    at: usize,
    state: State,
    /// Delimiters passed, those in quoted fields not counted.
    delimiters: u32,
    /// The end of the record's first physical line, once a quoted field has gone past it.
    first_line_end: Option<LineEnd>,
    /// The last line end within a quoted field.
    last_line_end: usize,
}

impl Walk {
    /// One that begins at `start`.
    fn from(start: usize) -> Walk {
        Walk {
            at: start,
            state: State::FieldStart,
            delimiters: 0,
            first_line_end: None,
            last_line_end: 0,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct LineEnd {
    at: usize,
    /// Delimiters of the walk before it.
    delimiters: u32,
}

/// Why a walk stopped.
enum Stop {
    /// `Walk::at` ends the record.
    RecordEnd,
    /// `Walk::at` is text after a closing quote.
    BadQuote,
    /// A quoted field went past a line end.
    QuotedLineEnd,
    /// The bytes to be looked at are used up.
    Exhausted,
}

/// A line that no record, or only a rejected one, is made of.
struct FaultyLine {
    end: usize,
    /// It is longer than a record may be.
    is_too_long: bool,
}

enum RecordVerdict {
    /// The record's line end, or the end of input, is here.
    End(usize),
    /// Text follows a closing quote.
    Damaged,
    Fault(FaultKind),
    Undecided,
}

/// The tail of a walk that failed, which later walks join: it makes recovery linear.
///
/// A walk that fails after its first line met all its line ends inside quoted fields, or it would have ended there. A
/// record that starts on one of its later lines either ends (or fails) on that line, or is inside a quoted field at
/// that line's end too; and there the failed walk was in the very same state, so it goes on exactly as that one did. It
/// need not look at those bytes again and continues where the failed walk stopped. Only the delimiters have to be
/// counted line by line, for the column of the next fault, which costs one more pass over the bytes.
#[derive(Debug, Clone, Copy)]
struct FailedWalk {
    /// A line end at which the walk was inside a quoted field.
    line_end: usize,
    /// Delimiters between `line_end` and `at`.
    delimiters: u32,
    /// The last such line end.
    last_line_end: usize,
    /// The byte before which it stopped, and the state there.
    at: usize,
    state: State,
}

/// Counts the bytes that anything but the kernel looks at, for the tests that check the bound on them.
#[inline(always)]
fn looked_at(_bytes: usize) {
    #[cfg(test)]
    tests::LOOKED_AT.set(tests::LOOKED_AT.get() + _bytes as u64);
}

/// Parses record by record, byte by byte.
struct Walker<'a, 'b> {
    input: &'a ParseRequest<'a>,
    /// No record that starts here or later is wanted.
    border: usize,
    out: &'b mut Records,
    failed: Option<FailedWalk>,
    /// Bytes known to hold no line end since the end of a damaged line was looked for: the next record may need this too.
    no_line_end: Range<usize>,
}

impl Walker<'_, '_> {
    /// Lets the kernel take what it can from `start` on; returns where the first record starts that it could not take.
    ///
    /// After a failed walk it may take only what lies before the next quote: there the kernel and that walk cannot disagree about where
    /// quoted fields are, because a record without a quote has none.
    fn scan(&mut self, kernel: Kernel, start: usize) -> usize {
        // A failed walk that was moved up has left the ends of its own fields.
        self.out.drop_open_fields();
        if !self.input.dialect.is_bytewise() {
            return start;
        }
        let mut wanted = &self.input.span[..self.border];
        if let Some(quote) = self.input.dialect.quote
            && self.failed.is_some()
            && let Some(quote_free) = memchr::memchr(quote, &wanted[start..])
        {
            wanted = &wanted[..start + quote_free];
        }
        let input = ParseRequest {
            span: wanted,
            ..*self.input
        };
        let next = kernel.scan(&input, start, self.out);
        self.forget_before(next);
        next
    }

    /// Parses the record at `start` and returns where the next one starts; `None` if it cannot be decided yet.
    fn record(&mut self, start: usize) -> Option<usize> {
        self.out.drop_open_fields();
        if self.input.is_comment(start) {
            return self.comment(start);
        }
        let limit = usize::try_from(self.input.max_record_bytes).map_or(usize::MAX, |max| start.saturating_add(max));
        let mut walk = Walk::from(start);
        let mut joined = false;
        let stop = loop {
            match self.advance(&mut walk, limit.min(self.input.span.len())) {
                Stop::QuotedLineEnd if walk.first_line_end.is_none() => {
                    walk.first_line_end = Some(LineEnd {
                        at: walk.last_line_end,
                        delimiters: walk.delimiters,
                    });
                    joined = self.join(&mut walk);
                }
                Stop::QuotedLineEnd => {}
                stop => break stop,
            }
        };
        match self.judge(&walk, stop, limit) {
            // Its fields are still to be found in the bytes that it did not look at. The record is well-formed, so this happens once.
            RecordVerdict::End(_) if joined => {
                self.failed = None;
                self.record(start)
            }
            RecordVerdict::End(end) => {
                let trimmed = self.input.trim_cr(start, end) as u32;
                self.out.field_ends.push(trimmed);
                self.out.multi_line |= walk.first_line_end.is_some();
                self.push_record(start, trimmed, 0);
                Some(self.after_line_end(end))
            }
            RecordVerdict::Damaged => self.damaged(start, &walk, limit),
            RecordVerdict::Fault(kind) => self.fault(start, &walk, kind),
            RecordVerdict::Undecided => None,
        }
    }

    /// Notes the comment at `start` and returns where the next line starts, unless its end is not there yet.
    fn comment(&mut self, start: usize) -> Option<usize> {
        let FaultyLine {
            end: line_end,
            is_too_long,
        } = self.faulty_line(start, start)?;
        looked_at(line_end - start);
        if is_too_long {
            let walk = Walk::from(start);
            return Some(self.reject(start, line_end, &walk, FaultKind::RecordTooLarge));
        }
        let end = self.input.trim_cr(start, line_end);
        if self.input.dialect.escape.is_some() {
            self.out.multi_line |= memchr::memchr(self.input.dialect.line_end, &self.input.span[start..end]).is_some();
        }
        self.push_record(start, end as u32, COMMENT);
        Some(self.after_line_end(line_end))
    }

    /// Walks on to `to`, exclusive, or to whatever stops it earlier. The byte that stopped it is not consumed, except for a line end in a
    /// quoted field.
    fn advance(&mut self, walk: &mut Walk, to: usize) -> Stop {
        let from = walk.at;
        let stop = match self.input.dialect.is_bytewise() {
            true => self.advance_within::<true>(walk, to),
            false => self.advance_within::<false>(walk, to),
        };
        looked_at(walk.at - from);
        stop
    }

    /// [`advance`](Self::advance), where the dialect is `BYTEWISE`, or is not: then the byte at `to` is looked at as well, to see what the
    /// last symbol before it is, and a symbol that ends after `to` stops the walk.
    fn advance_within<const BYTEWISE: bool>(&mut self, walk: &mut Walk, to: usize) -> Stop {
        let span = &self.input.span[..to];
        let view = self.input.view(to);
        loop {
            if walk.state == State::Quoted {
                self.skip_quoted(walk, span);
            } else if !BYTEWISE && walk.state == State::Unquoted {
                self.skip_unquoted(walk, span);
            }
            if walk.at >= to {
                return Stop::Exhausted;
            }
            let (symbol, length) = match BYTEWISE {
                true => (self.input.bytewise_symbol(walk.state, span[walk.at]), 1),
                false => match self.input.symbol(walk.state, view, walk.at) {
                    Some((symbol, length)) if walk.at + length <= to => (symbol, length),
                    _ => return Stop::Exhausted,
                },
            };
            match self.input.step(walk.state, symbol) {
                ByteEffect::To(state) => walk.state = state,
                ByteEffect::FieldEnd => {
                    self.out.field_ends.push(walk.at as u32);
                    walk.delimiters += 1;
                    walk.state = State::FieldStart;
                }
                ByteEffect::RecordEnd => return Stop::RecordEnd,
                ByteEffect::BadQuote => return Stop::BadQuote,
                ByteEffect::QuotedLineEnd => {
                    walk.last_line_end = walk.at;
                    walk.at += 1;
                    return Stop::QuotedLineEnd;
                }
            }
            walk.at += length;
            if !BYTEWISE && symbol == Symbol::Escaped {
                self.out.multi_line |= span[walk.at - 1] == self.input.dialect.line_end;
            }
        }
    }

    /// Steps over what means nothing in a quoted field: all but quotes and escapes, and the first line end, at which another walk may be
    /// joined. After a quote that is never closed, the walk is as long as a record may be, so this is worth doing more than a byte at a
    /// time.
    fn skip_quoted(&self, walk: &mut Walk, span: &[u8]) {
        let Dialect { quote, line_end, .. } = self.input.dialect;
        let Some(quote) = quote else { return };
        let rest = span.get(walk.at..).unwrap_or_default();
        let skipped = match (walk.first_line_end, self.input.dialect.escape_byte()) {
            (None, None) => memchr::memchr2(quote, line_end, rest),
            (None, Some(escape)) => memchr::memchr3(quote, line_end, escape, rest),
            (Some(_), None) => memchr::memchr(quote, rest),
            (Some(_), Some(escape)) => memchr::memchr2(quote, escape, rest),
        };
        let skipped = skipped.unwrap_or(rest.len());
        if let Some(last) = memchr::memrchr(line_end, &rest[..skipped]) {
            walk.last_line_end = walk.at + last;
        }
        walk.at += skipped;
    }

    /// Steps over what means nothing in an unquoted field: all but delimiters, escapes and line ends.
    fn skip_unquoted(&self, walk: &mut Walk, span: &[u8]) {
        let Dialect {
            delimiter, line_end, ..
        } = self.input.dialect;
        let rest = span.get(walk.at..).unwrap_or_default();
        let skipped = match self.input.dialect.escape_byte() {
            None => memchr::memchr2(delimiter.first(), line_end, rest),
            Some(escape) => memchr::memchr3(delimiter.first(), line_end, escape, rest),
        };
        walk.at += skipped.unwrap_or(rest.len());
    }

    /// What a walk's stop means. The byte at `limit` is looked at, none after it.
    fn judge(&self, walk: &Walk, stop: Stop, limit: usize) -> RecordVerdict {
        let span = self.input.span;
        match stop {
            Stop::RecordEnd => RecordVerdict::End(walk.at),
            Stop::BadQuote => RecordVerdict::Damaged,
            _ if limit < span.len() => match (walk.state, self.effect_at_limit(walk, limit)) {
                (_, Some(ByteEffect::RecordEnd)) => RecordVerdict::End(limit),
                (_, Some(ByteEffect::BadQuote)) => RecordVerdict::Damaged,
                (State::Quoted, _) | (State::QuoteInQuoted, Some(ByteEffect::To(State::Quoted))) => {
                    RecordVerdict::Fault(FaultKind::UnterminatedQuote)
                }
                _ => RecordVerdict::Fault(FaultKind::RecordTooLarge),
            },
            _ if !self.input.at_end => RecordVerdict::Undecided,
            _ if walk.state == State::Quoted => RecordVerdict::Fault(FaultKind::UnterminatedQuote),
            _ => RecordVerdict::End(span.len()),
        }
    }

    /// What the byte at `limit` does; `None` if that is not decided, as the symbol there, or one before it, goes on after it.
    fn effect_at_limit(&self, walk: &Walk, limit: usize) -> Option<ByteEffect> {
        let view = View {
            bytes: &self.input.span[..=limit],
            is_whole: false,
        };
        let (symbol, _) = self
            .input
            .symbol(walk.state, view, walk.at)
            .filter(|_| walk.at == limit)?;
        Some(self.input.step(walk.state, symbol))
    }

    /// Rejects the line at `start`, unless its end is not there yet.
    fn fault(&mut self, start: usize, walk: &Walk, kind: FaultKind) -> Option<usize> {
        let (line_end, kind) = match walk.first_line_end {
            Some(line_end) => (line_end.at, kind),
            None => match self.faulty_line(start, walk.at)? {
                FaultyLine { end, is_too_long: true } => (end, FaultKind::RecordTooLarge),
                FaultyLine { end, .. } => (end, kind),
            },
        };
        let next = self.reject(start, line_end, walk, kind);
        if let Some(first) = walk.first_line_end {
            self.failed = Some(FailedWalk {
                line_end: first.at,
                delimiters: walk.delimiters - first.delimiters,
                last_line_end: walk.last_line_end,
                at: walk.at,
                state: walk.state,
            });
        }
        Some(next)
    }

    /// The line at `start`, which does not end before `from`; `None` if its end is not there yet.
    fn faulty_line(&self, start: usize, from: usize) -> Option<FaultyLine> {
        let (span, line_end) = (self.input.span, self.input.dialect.line_end);
        let limit = usize::try_from(self.input.max_record_bytes).map_or(usize::MAX, |max| start.saturating_add(max));
        let within = span.len().min(limit.saturating_add(1));
        if let Ok(end) = self.input.line_end_from(from, within) {
            return Some(FaultyLine {
                end,
                is_too_long: false,
            });
        }
        let is_too_long = limit < span.len();
        // Of a line that is too long, the last line end that an escape made data is as good as one that is none.
        let is_escaping = is_too_long && self.input.dialect.escape.is_some();
        let end = match memchr::memrchr(line_end, &span[start..within]).filter(|_| is_escaping) {
            Some(distance) => start + distance,
            None => match memchr::memchr(line_end, &span[within..]).filter(|_| is_too_long) {
                Some(distance) => within + distance,
                None if self.input.at_end => span.len(),
                None => return None,
            },
        };
        Some(FaultyLine { end, is_too_long })
    }

    /// Rejects the bytes from `start` to `line_end` and returns where the next record starts.
    fn reject(&mut self, start: usize, line_end: usize, walk: &Walk, kind: FaultKind) -> usize {
        self.out.drop_open_fields();
        self.out.faults.push(Fault {
            kind,
            column: walk.delimiters + 1,
        });
        let end = self.input.trim_cr(start, line_end);
        self.out.multi_line |= memchr::memchr(self.input.dialect.line_end, &self.input.span[start..end]).is_some();
        self.push_record(start, end as u32, self.out.faults.len() as u32);
        self.after_line_end(line_end)
    }

    /// Takes `walk`, which is inside a quoted field at a line end, to where the failed walk stopped, if that one was
    /// there too.
    fn join(&mut self, walk: &mut Walk) -> bool {
        let Some(failed) = self.failed.take_if(|failed| failed.last_line_end >= walk.last_line_end) else {
            return false;
        };
        let failed = self.moved_up(failed, walk.last_line_end);
        self.failed = Some(failed);
        walk.at = failed.at;
        walk.state = failed.state;
        walk.delimiters += failed.delimiters;
        walk.last_line_end = failed.last_line_end;
        true
    }

    /// Prepares the failed walk for a record at `next`, or drops it: past its last line end it is of no use.
    fn forget_before(&mut self, next: usize) {
        if let Some(failed) = self.failed.take().filter(|failed| failed.last_line_end >= next) {
            self.failed = Some(self.moved_up(failed, next - 1));
        }
    }

    /// `failed` as seen from `line_end`, which is another of its line ends, at most its last.
    fn moved_up(&mut self, failed: FailedWalk, line_end: usize) -> FailedWalk {
        let (at, state) = (failed.line_end + 1, State::Quoted);
        let mut walk = Walk {
            at,
            state,
            delimiters: 0,
            first_line_end: None,
            last_line_end: failed.line_end,
        };
        while let Stop::QuotedLineEnd = self.advance(&mut walk, line_end + 1) {}
        FailedWalk {
            line_end,
            delimiters: failed.delimiters - walk.delimiters,
            ..failed
        }
    }

    fn push_record(&mut self, start: usize, end: u32, fault: u32) {
        let fields_end = self.out.field_ends.len() as u32;
        self.out.records.push(RecordSpan {
            start: start as u32,
            end,
            fields_end,
            fault,
        });
    }

    /// Where the line after the one that ends at `line_end` starts.
    fn after_line_end(&self, line_end: usize) -> usize {
        (line_end + 1).min(self.input.span.len())
    }
}
