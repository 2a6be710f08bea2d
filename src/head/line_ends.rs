//! What ends the lines of an input.
//!
//! Comes in: its first bytes. Goes out: LF or CR, or that it is neither. The first line end outside quotes decides, so that an old Mac
//! file may hold line feeds within quoted fields, and one behind its last line. Pure.

/// Bytes that are looked at, whatever the windows: the same of a file and of a stream.
pub const LOOK_BYTES: usize = 1 << 20;

/// What is known of an input's line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnds {
    /// LF or CRLF.
    Lf,
    /// CR, as in old Mac files.
    Cr,
    /// The first line ends with a CR, yet another with a line feed, which is not the last byte. Both are the offset of the first one.
    Mixed { cr: usize, lf: usize },
}

/// The first bytes of an input, byte order mark aside.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    pub bytes: &'a [u8],
    /// No byte follows.
    pub at_end: bool,
    pub delimiter: u8,
    pub quote: Option<u8>,
}

/// What ends the lines of the input that begins with `look`; `None` if it has no line end outside quotes.
///
/// A quote that is not closed within `look` is text, and so are those after it.
pub fn line_ends(look: &Look<'_>) -> Option<LineEnds> {
    let Look {
        bytes,
        at_end,
        delimiter,
        mut quote,
    } = *look;
    let (mut at, mut is_field_start) = (0, true);
    let mut first_cr = None;
    while let Some(&byte) = bytes.get(at) {
        if is_field_start && Some(byte) == quote {
            match closing_quote(bytes, at) {
                Some(closing) => at = closing,
                None => quote = None,
            }
        }
        // What closed a quoted field ends no line.
        let after_crs = at + bytes[at..].iter().take_while(|&&byte| byte == b'\r').count();
        if bytes.get(after_crs) == Some(&b'\n') {
            let Some(cr) = first_cr else { return Some(LineEnds::Lf) };
            at = after_crs;
            if !at_end || at + 1 < bytes.len() {
                return Some(LineEnds::Mixed { cr, lf: at });
            }
        } else if after_crs > at {
            first_cr.get_or_insert(at);
            at = after_crs - 1;
        }
        is_field_start = bytes[at] == delimiter || bytes[at] == b'\n' || bytes[at] == b'\r';
        at += 1;
    }
    first_cr.map(|_| LineEnds::Cr)
}

/// Where the quoted field is closed that begins at `start`.
fn closing_quote(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let mut at = start + 1;
    loop {
        at += memchr::memchr(quote, bytes.get(at..)?)?;
        if bytes.get(at + 1) != Some(&quote) {
            return Some(at);
        }
        at += 2;
    }
}
