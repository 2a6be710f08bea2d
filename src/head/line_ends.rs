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
    /// The byte that follows them; `None` at the end of the input.
    pub next: Option<u8>,
    /// No more is looked at, whatever these bytes leave open.
    pub is_widest: bool,
    pub delimiter: u8,
    pub quote: Option<u8>,
}

/// What ends the lines of the input that begins with `look`; `None` if it has no line end outside quotes.
///
/// CRs at the border end a line only once it is known that no line feed follows them. A quote that is not closed within `look` is text, and so are those after it.
pub fn line_ends(look: &Look<'_>) -> Option<LineEnds> {
    let Look {
        bytes,
        next,
        is_widest,
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
        let is_border = after_crs == bytes.len();
        let follows = if is_border { next } else { Some(bytes[after_crs]) };
        if follows == Some(b'\n') {
            let Some(cr) = first_cr else { return Some(LineEnds::Lf) };
            if is_border {
                break;
            }
            at = after_crs;
            if next.is_some() || at + 1 < bytes.len() {
                return Some(LineEnds::Mixed { cr, lf: at });
            }
        } else if after_crs > at {
            if is_border && follows == Some(b'\r') && !is_widest {
                break;
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What ends the lines of an input of which `bytes` are looked at.
    fn found(bytes: &str, next: Option<u8>, is_widest: bool) -> Option<LineEnds> {
        line_ends(&Look {
            bytes: bytes.as_bytes(),
            next,
            is_widest,
            delimiter: b',',
            quote: Some(b'"'),
        })
    }

    #[test]
    fn crs_at_the_border_end_a_line_only_once_no_line_feed_can_follow() {
        for bytes in ["a\r", "a\r\r", "\r", "a,\"b\"\r"] {
            assert_eq!(found(bytes, Some(b'\n'), false), Some(LineEnds::Lf), "{bytes:?}");
            assert_eq!(found(bytes, Some(b'\r'), false), None, "{bytes:?}");
            assert_eq!(found(bytes, Some(b'\r'), true), Some(LineEnds::Cr), "{bytes:?}");
            assert_eq!(found(bytes, Some(b'x'), false), Some(LineEnds::Cr), "{bytes:?}");
            assert_eq!(found(bytes, None, true), Some(LineEnds::Cr), "{bytes:?}");
        }
        // What is behind the border is no line feed among those that were looked at.
        assert_eq!(found("a\rb\r", Some(b'\n'), false), Some(LineEnds::Cr));
    }
}
