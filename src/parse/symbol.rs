//! What stands at a place, and what it means there: the grammar, symbol by symbol. Most symbols are bytes; delimiters of several bytes and
//! escapes are not.
//!
//! Comes in: bytes, where in them, and the state of a walk. Goes out: what stands there, how long it is, and what it does. Never: a decision
//! about records.
//!
//! The hard part: a line may be entered at its beginning only, but there in any state. Escapes and the characters after them pair up in the
//! same way inside quotes and outside, so all walks agree about which line ends are data.

use super::Dialect;

/// What one call of [`parse`](super::parse) works on.
pub(super) struct ParseRequest<'a> {
    pub(super) span: &'a [u8],
    pub(super) at_end: bool,
    pub(super) dialect: Dialect,
    pub(super) columns: u32,
    pub(super) max_record_bytes: u64,
}

/// Where in the grammar a walk stands, before the next byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    FieldStart,
    Unquoted,
    Quoted,
    /// After a quote in a quoted field: it closes the field, or is the first of two.
    QuoteInQuoted,
    /// After a closing quote and CRs, which must belong to a line end.
    Closed,
    /// After a closing quote and blanks.
    BlankClosed,
}

/// What a symbol does.
pub(super) enum ByteEffect {
    To(State),
    FieldEnd,
    RecordEnd,
    /// A line end within a quoted field.
    QuotedLineEnd,
    /// Text after a closing quote.
    BadQuote,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    Byte(u8),
    Delimiter,
    /// An escape with the character that it makes data.
    Escaped,
}

/// Bytes in view.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) bytes: &'a [u8],
    /// No other byte follows.
    pub(super) is_whole: bool,
}

impl ParseRequest<'_> {
    /// Whether a line that begins at `start`, outside quotes, is a comment.
    pub(super) fn is_comment(&self, start: usize) -> bool {
        self.dialect.comment.is_some() && self.span.get(start).copied() == self.dialect.comment
    }

    /// Whether CRs before a line end belong to it.
    pub(super) fn trims_cr(&self) -> bool {
        self.dialect.line_end == b'\n'
    }

    /// `end` without the CRs directly before it, not going back beyond `start`. One that an escape makes data stays.
    pub(super) fn trim_cr(&self, start: usize, end: usize) -> usize {
        if !self.trims_cr() {
            return end;
        }
        let mut kept = end;
        while kept > start && self.span[kept - 1] == b'\r' {
            kept -= 1;
        }
        kept + usize::from(kept < end && self.dialect.ends_with_escape(&self.span[start..kept]))
    }

    /// What `symbol` means in `state`.
    #[inline(always)]
    pub(super) fn step(&self, state: State, symbol: Symbol) -> ByteEffect {
        let Dialect { quote, line_end, .. } = self.dialect;
        let byte = match symbol {
            Symbol::Byte(byte) => byte,
            Symbol::Delimiter if state == State::Closed => return ByteEffect::BadQuote,
            Symbol::Delimiter => return ByteEffect::FieldEnd,
            Symbol::Escaped => {
                return match state {
                    State::FieldStart | State::Unquoted => ByteEffect::To(State::Unquoted),
                    State::Quoted => ByteEffect::To(State::Quoted),
                    State::QuoteInQuoted | State::Closed | State::BlankClosed => ByteEffect::BadQuote,
                };
            }
        };
        let is_quote = Some(byte) == quote;
        match state {
            State::Quoted if is_quote => ByteEffect::To(State::QuoteInQuoted),
            State::Quoted if byte == line_end => ByteEffect::QuotedLineEnd,
            State::Quoted => ByteEffect::To(State::Quoted),
            State::QuoteInQuoted if is_quote && self.dialect.doubles_quotes => ByteEffect::To(State::Quoted),
            State::FieldStart if is_quote => ByteEffect::To(State::Quoted),
            State::FieldStart if self.dialect.is_blank(byte) => ByteEffect::To(State::FieldStart),
            _ if byte == line_end => ByteEffect::RecordEnd,
            State::QuoteInQuoted | State::Closed | State::BlankClosed if byte == b'\r' && self.trims_cr() => {
                ByteEffect::To(State::Closed)
            }
            State::Closed => ByteEffect::BadQuote,
            State::QuoteInQuoted | State::BlankClosed if self.dialect.is_blank(byte) => {
                ByteEffect::To(State::BlankClosed)
            }
            State::QuoteInQuoted | State::BlankClosed => ByteEffect::BadQuote,
            State::FieldStart | State::Unquoted => ByteEffect::To(State::Unquoted),
        }
    }

    /// The bytes up to the one at `to`, inclusive.
    pub(super) fn view(&self, to: usize) -> View<'_> {
        let end = self.span.len().min(to.saturating_add(1));
        View {
            bytes: &self.span[..end],
            is_whole: self.at_end && to >= self.span.len(),
        }
    }

    /// [`symbol`](Self::symbol) in a bytewise dialect.
    #[inline(always)]
    pub(super) fn bytewise_symbol(&self, state: State, byte: u8) -> Symbol {
        match byte == self.dialect.delimiter.first() && state != State::Quoted {
            true => Symbol::Delimiter,
            false => Symbol::Byte(byte),
        }
    }

    /// What stands at `at` for a walk in `state`, and how long it is; `None` if bytes that are not in view decide that.
    pub(super) fn symbol(&self, state: State, view: View<'_>, at: usize) -> Option<(Symbol, usize)> {
        let rest = view.bytes.get(at..)?;
        let byte = *rest.first()?;
        let delimiter = self.dialect.delimiter.as_bytes();
        // Nor does a delimiter follow the CRs of a line end.
        if byte == delimiter[0] && !matches!(state, State::Quoted | State::Closed) {
            if rest.starts_with(delimiter) {
                return Some((Symbol::Delimiter, delimiter.len()));
            }
            if !view.is_whole && delimiter.starts_with(rest) {
                return None;
            }
        }
        // After a closing quote an escape is text, whatever follows it.
        let is_escape = Some(byte) == self.dialect.escape_byte();
        if is_escape && matches!(state, State::FieldStart | State::Unquoted | State::Quoted) {
            return self.escaped(rest, view.is_whole);
        }
        Some((Symbol::Byte(byte), 1))
    }

    /// The escape with which `rest` begins, and its character. The CRs of a line end belong to it.
    fn escaped(&self, rest: &[u8], is_whole: bool) -> Option<(Symbol, usize)> {
        let crs = match self.trims_cr() {
            true => rest[1..].iter().take_while(|&&byte| byte == b'\r').count(),
            false => 0,
        };
        match rest.get(1 + crs) {
            Some(&byte) if byte == self.dialect.line_end => Some((Symbol::Escaped, crs + 2)),
            None if !is_whole => None,
            None if crs == 0 => Some((Symbol::Byte(rest[0]), 1)),
            _ => Some((Symbol::Escaped, 2)),
        }
    }

    /// Where the line that `from` is on ends, if that is before `to`; else the place from which to look on for it. `from` does not stand
    /// between an escape and its character.
    pub(super) fn line_end_from(&self, from: usize, to: usize) -> Result<usize, usize> {
        let line_end = self.dialect.line_end;
        let span = &self.span[..to];
        let Some(escape) = self.dialect.escape_byte() else {
            let found = memchr::memchr(line_end, span.get(from..).unwrap_or_default());
            return found.map_or(Err(to), |distance| Ok(from + distance));
        };
        let view = View {
            bytes: span,
            is_whole: self.at_end && to == self.span.len(),
        };
        let mut at = from;
        while let Some(distance) = memchr::memchr2(line_end, escape, span.get(at..).unwrap_or_default()) {
            at += distance;
            if span[at] == line_end {
                return Ok(at);
            }
            match self.symbol(State::Unquoted, view, at) {
                Some((_, length)) => at += length,
                None => return Err(at),
            }
        }
        Err(at.max(to))
    }
}
