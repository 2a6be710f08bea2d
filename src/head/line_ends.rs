//! What ends the lines of an input.
//!
//! Comes in: its first bytes. Goes out: LF or CR, or that it is neither. The first line end outside quotes decides, so that an old Mac file
//! may hold line feeds within quoted fields, and one after its last line. Any other line feed speaks against an old Mac file only if it is
//! certain to be outside quotes. Pure.

/// Bytes that are looked at, whatever the window size: as many of a file as of a stream.
pub const LOOK_BYTES: usize = 1 << 20;

/// What is known of an input's line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnds {
    /// LF or CRLF.
    Lf,
    /// CR, as in old Mac files.
    Cr,
    /// The first line ends with a CR, but another ends with a line feed that is not the last byte. Each field is the offset of the first
    /// one.
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
    /// Lines that begin with it, outside quotes, are comments: quotes in them mean nothing.
    pub comment: Option<u8>,
    /// Blanks around a field mean nothing: a quote after them opens a quoted field.
    pub trim: bool,
}

/// What ends the lines of the input that begins with `look`; `None` if no line end outside quotes is in view, or none that is certain until
/// more is looked at.
///
/// CRs at the border end a line only once it is known that no line feed follows them, and nobody knows where a field that the border cuts
/// will end. A quote that is not closed in the widest look is text, and so are those after it.
pub fn line_ends(look: &Look<'_>) -> Option<LineEnds> {
    let Look {
        bytes, next, delimiter, ..
    } = *look;
    let mut quote = look.quote;
    let (mut at, mut is_field_start) = (0, true);
    let mut first_cr = None;
    // Before this offset a line feed that seems to be outside quotes may be within a field whose quotes are damaged.
    let mut doubtful_to = 0;
    while let Some(&byte) = bytes.get(at) {
        if look.begins_comment(at) {
            let Some(distance) = memchr::memchr2(b'\n', b'\r', &bytes[at..]) else {
                break;
            };
            at += distance;
        } else if is_field_start && Some(byte) == quote {
            match closing_quote(bytes, at) {
                Some(closing) => {
                    let is_damaged = bytes[closing + 1..]
                        .iter()
                        .find(|&&after| !look.is_blank(after))
                        .is_some_and(|&after| after != delimiter && after != b'\n' && after != b'\r');
                    // A damaged field before the first line end holds a line feed, which may itself be the first line end.
                    let is_either = first_cr.is_none() && memchr::memchr(b'\n', &bytes[at..closing]).is_some();
                    if is_damaged && !is_either {
                        doubtful_to = look.doubtful_to();
                    }
                    at = closing;
                }
                None if !look.is_widest => break,
                None => {
                    quote = None;
                    doubtful_to = look.doubtful_to();
                }
            }
        }
        // The quote that closed the field ends no line.
        let after_crs = at + bytes[at..].iter().take_while(|&&byte| byte == b'\r').count();
        let is_border = after_crs == bytes.len();
        let follows = if is_border { next } else { Some(bytes[after_crs]) };
        if follows == Some(b'\n') {
            let Some(cr) = first_cr else { return Some(LineEnds::Lf) };
            if is_border {
                break;
            }
            at = after_crs;
            let is_last = next.is_none() && at + 1 == bytes.len();
            if !is_last && at >= doubtful_to {
                return Some(LineEnds::Mixed { cr, lf: at });
            }
        } else if after_crs > at {
            if is_border && follows == Some(b'\r') && !look.is_widest {
                break;
            }
            first_cr.get_or_insert(at);
            at = after_crs - 1;
        }
        let is_end = bytes[at] == delimiter || bytes[at] == b'\n' || bytes[at] == b'\r';
        is_field_start = is_end || (is_field_start && look.is_blank(bytes[at]));
        at += 1;
    }
    first_cr.map(|_| LineEnds::Cr)
}

impl Look<'_> {
    /// Whether a comment begins with the byte at `at`, if it is outside quotes.
    fn begins_comment(&self, at: usize) -> bool {
        let is_line_start = at == 0 || matches!(self.bytes[at - 1], b'\n' | b'\r');
        is_line_start && self.comment.is_some() && self.bytes.get(at).copied() == self.comment
    }

    /// Whether `byte` means nothing at the edge of a field.
    fn is_blank(&self, byte: u8) -> bool {
        self.trim && matches!(byte, b' ' | b'\t') && byte != self.delimiter
    }

    /// Once a field is damaged: the offset up to which nobody can tell what is within quotes. Every quoted field is closed by a quote, so
    /// what follows the last quote of the input is outside.
    fn doubtful_to(&self) -> usize {
        match self.next {
            Some(_) => self.bytes.len(),
            None => self
                .quote
                .and_then(|quote| memchr::memrchr(quote, self.bytes))
                .unwrap_or(0),
        }
    }
}

/// Where the quoted field that begins at `start` is closed.
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
    use proptest::prelude::*;

    use super::*;

    /// What ends the lines of an input whose `bytes` are looked at.
    fn found(bytes: &str, next: Option<u8>, is_widest: bool) -> Option<LineEnds> {
        line_ends(&Look {
            bytes: bytes.as_bytes(),
            next,
            is_widest,
            delimiter: b',',
            quote: Some(b'"'),
            comment: None,
            trim: false,
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
        // What lies past the border is not a line feed among the bytes that were looked at.
        assert_eq!(found("a\rb\r", Some(b'\n'), false), Some(LineEnds::Cr));
    }

    #[test]
    fn quotes_in_comments_open_no_field() {
        let look = |bytes: &'static str| Look {
            bytes: bytes.as_bytes(),
            next: None,
            is_widest: true,
            delimiter: b',',
            quote: Some(b'"'),
            comment: Some(b'#'),
            trim: false,
        };
        for (bytes, found) in [
            ("#,\"\ra\r", Some(LineEnds::Cr)),
            ("#,\"\r\na\r\"", Some(LineEnds::Lf)),
            ("#,\"", None),
            ("\"\n#\"\r", Some(LineEnds::Cr)),
            ("a#,\"\n\"\r", Some(LineEnds::Cr)),
        ] {
            assert_eq!(line_ends(&look(bytes)), found, "{bytes:?}");
        }
    }

    #[test]
    fn blanks_before_a_quote_mean_nothing_where_they_are_trimmed() {
        for (trim, found) in [(true, Some(LineEnds::Cr)), (false, Some(LineEnds::Lf))] {
            let look = Look {
                bytes: b"a, \"b\nc\" \r1,2\r",
                next: None,
                is_widest: true,
                delimiter: b',',
                quote: Some(b'"'),
                comment: None,
                trim,
            };
            assert_eq!(line_ends(&look), found);
        }
    }

    #[test]
    fn a_field_that_the_border_cuts_decides_nothing() {
        assert_eq!(found("a\r1,\"b\nc", Some(b'd'), false), Some(LineEnds::Cr));
        assert_eq!(found("\"a\nb\rc", Some(b'd'), false), None);
        assert_eq!(found("\"a\nb\rc", Some(b'd'), true), Some(LineEnds::Lf));
        // Nor does it take back what was certain before it.
        let mixed = Some(LineEnds::Mixed { cr: 1, lf: 3 });
        assert_eq!(found("a\rb\n1,\"c\nd", Some(b'e'), false), mixed);
    }

    #[test]
    fn a_line_feed_that_may_be_in_a_damaged_field_speaks_against_nothing() {
        let whole = |bytes| found(bytes, None, true);
        for bytes in [
            "id,t\r1,\"never closed\r2,\"l1\nl2\"\r3,\"odd\r4,z\r",
            "id,t\r1,\"never closed\r2,\"l1\rl2\nl3\"\r3,z\r",
            "id,t\r1,\"she said \"wow\"\nand left\"\r2,z\r",
            "1,\"a\"b\r2,\"c\nd\" e\nf\"\r",
        ] {
            assert_eq!(whole(bytes), Some(LineEnds::Cr), "{bytes:?}");
        }
        // After the last quote there is no quoted field; nor does a stray quote make a file with line feeds an old Mac file.
        for (bytes, cr, lf) in [
            ("a,b\r1,\"c\"d\n2,e\n", 3, 10),
            ("a\rb,\"c\n1,2\n", 1, 6),
            ("1,\"stray\n2,\"x\ry\"\n3,\"c\"\n", 13, 16),
        ] {
            assert_eq!(whole(bytes), Some(LineEnds::Mixed { cr, lf }), "{bytes:?}");
        }
    }

    proptest! {
        /// What the first bytes show holds for the whole.
        #[test]
        fn a_look_at_a_part_never_says_what_the_whole_does_not(
            text in prop::collection::vec(prop::sample::select(b"\r\r\n\n\"\",x".to_vec()), 0..40),
            cut in 0_usize..40,
        ) {
            let text = String::from_utf8(text).unwrap();
            let cut = cut.min(text.len());
            let whole = found(&text, None, true);
            let part = found(&text[..cut], text.as_bytes().get(cut).copied(), cut == text.len());
            match part {
                None => {}
                Some(LineEnds::Cr) => prop_assert!(!matches!(whole, None | Some(LineEnds::Lf)), "{whole:?}"),
                told => prop_assert_eq!(told, whole),
            }
        }
    }
}
