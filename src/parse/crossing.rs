//! Where the first record of some bytes may begin if another one, which began before them, reaches into them.
//!
//! Comes in: bytes that begin where a line begins, and nothing of what comes before. Goes out: the few places at which the next record can
//! begin if none begins at the first byte. Never: a decision whether one does reach so far, which takes its beginning.
//!
//! Why they are few: a record crosses a line end in two ways only.
//! - Within a quoted field. All that are open at the first byte go on alike, whatever they began with: to a line end outside quotes, or to
//!   text after a closing quote, which costs the line that it is on.
//! - By the tail of a damaged field, after the line with the damage. Which line that is depends on the lines alone; what came before only
//!   has a say in whether there is a tail.
//!
//! So it is the first line after the field that is open at the first byte, or the first after a tail, of this field or of one before.

use super::symbol::{ParseRequest, State};
use super::{LineEnd, Records, Stop, Syntax, Walk, Walker};

/// Where in `span`, which begins where a line begins, a record may begin that follows one from before it: in order, each past the first
/// byte. What lies past the span is left out. The dialect has no escapes.
pub fn after_crossing(span: &[u8], syntax: &Syntax) -> Vec<usize> {
    debug_assert!(syntax.dialect.escape.is_none(), "a line end may be data");
    // Without a quote no open field is closed, and none is damaged: most inputs have none.
    let has_quote = |quote| memchr::memchr(quote, span).is_some();
    if !syntax.dialect.quote.is_some_and(has_quote) {
        return Vec::new();
    }
    let input = ParseRequest {
        span,
        at_end: false,
        dialect: syntax.dialect,
        columns: syntax.columns,
        max_record_bytes: syntax.max_record_bytes,
    };
    let after_quoted = quoted_line_end(&input).map(|line_end| line_end + 1);
    let tails = [Some(0), after_quoted].into_iter().flatten();
    let mut entries: Vec<usize> = tails.filter_map(|at| input.after_first_tail(at)).collect();
    entries.extend(after_quoted);
    entries.retain(|&entry| entry < span.len());
    entries.sort_unstable();
    entries.dedup();
    entries
}

/// Where the line ends on which a record ends, well-formed or damaged, that is inside a quoted field before the first byte.
fn quoted_line_end(input: &ParseRequest<'_>) -> Option<usize> {
    input.dialect.quote?;
    let mut out = Records::default();
    let mut walker = Walker {
        input,
        border: input.span.len(),
        out: &mut out,
        failed: None,
        no_line_end: 0..0,
    };
    let mut walk = Walk {
        state: State::Quoted,
        // Line ends within the field are of no interest.
        first_line_end: Some(LineEnd { at: 0, delimiters: 0 }),
        ..Walk::from(0)
    };
    loop {
        match walker.advance(&mut walk, input.span.len()) {
            Stop::QuotedLineEnd => {}
            Stop::RecordEnd => return Some(walk.at),
            Stop::BadQuote => return input.line_end_from(walk.at, input.span.len()).ok(),
            Stop::Exhausted => return None,
        }
    }
}
