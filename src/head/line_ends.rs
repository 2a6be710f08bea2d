//! What ends the lines of an input.
//!
//! Comes in: its first bytes. Goes out: LF or CR, or that it is neither. The first line end outside quotes decides, so that an old Mac file
//! may hold line feeds within quoted fields, and one after its last line. Any other line feed speaks against an old Mac file only if it is
//! certain to be outside quotes. Pure.

use crate::dialect::Dialect;

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
    /// That of the input; what ends its lines is not known yet.
    pub dialect: Dialect,
}

/// What ends the lines of the input that begins with `look`; `None` if no line end outside quotes is in view, or none that is certain until
/// more is looked at.
///
/// CRs at the border end a line only once it is known that no line feed follows them, and nobody knows where a field that the border cuts
/// will end. A quote that is not closed in the widest look is text, and so are those after it.
pub fn line_ends(look: &Look<'_>) -> Option<LineEnds> {
    let Look {
        bytes, next, dialect, ..
    } = *look;
    let mut quote = dialect.quote;
    let (mut at, mut is_field_start, mut is_line_start) = (0, true, true);
    let mut first_cr = None;
    // Before this offset a line feed that seems to be outside quotes may be within a field whose quotes are damaged.
    let mut doubtful_to = 0;
    while let Some(&byte) = bytes.get(at) {
        if is_line_start && Some(byte) == dialect.comment {
            let Some(line_end) = look.line_end_after(at) else { break };
            at = line_end;
        } else if Some(byte) == dialect.escape_byte() {
            match look.after_escape(at) {
                Some(after) => at = after,
                None => break,
            }
            (is_field_start, is_line_start) = (false, false);
            continue;
        } else if is_field_start && Some(byte) == quote {
            match look.closing_quote(at) {
                Some(closing) => {
                    if look.is_damaged(at, closing, first_cr.is_none()) {
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
        if bytes[at..].starts_with(dialect.delimiter.as_bytes()) {
            (is_field_start, is_line_start) = (true, false);
            at += dialect.delimiter.len();
        } else {
            is_line_start = bytes[at] == b'\n' || bytes[at] == b'\r';
            is_field_start = is_line_start || (is_field_start && dialect.is_blank(bytes[at]));
            at += 1;
        }
    }
    first_cr.map(|_| LineEnds::Cr)
}

impl Look<'_> {
    /// Where the line that `at` is on ends, escapes aside.
    fn line_end_after(&self, mut at: usize) -> Option<usize> {
        let escape = self.dialect.escape_byte();
        loop {
            at += memchr::memchr3(b'\n', b'\r', escape.unwrap_or(b'\n'), self.bytes.get(at..)?)?;
            match Some(self.bytes[at]) == escape {
                true => at = self.after_escape(at)?,
                false => return Some(at),
            }
        }
    }

    /// Where the byte after the escape at `at` and its character stands; `None` if that is not in view. A line feed takes the CRs before it
    /// along.
    fn after_escape(&self, at: usize) -> Option<usize> {
        let crs = self.bytes[at + 1..].iter().take_while(|&&byte| byte == b'\r').count();
        match self.bytes.get(at + 1 + crs) {
            Some(b'\n') => Some(at + crs + 2),
            None if self.next.is_some() => None,
            None if crs == 0 => Some(at + 1),
            _ => Some(at + 2),
        }
    }

    /// Whether the quoted field from `start` to `closing` is damaged. One before the first line end that holds a line feed does not count: that
    /// may itself be the first line end.
    fn is_damaged(&self, start: usize, closing: usize, is_first_line: bool) -> bool {
        let rest = &self.bytes[closing + 1..];
        let blanks = rest.iter().take_while(|&&after| self.dialect.is_blank(after)).count();
        let is_either = is_first_line && memchr::memchr(b'\n', &self.bytes[start..closing]).is_some();
        self.is_text(&rest[blanks..]) && !is_either
    }

    /// Whether what follows a closing quote is neither a delimiter nor a line end.
    fn is_text(&self, rest: &[u8]) -> bool {
        let is_end = rest.first().is_none_or(|byte| matches!(byte, b'\n' | b'\r'));
        let delimiter = self.dialect.delimiter.as_bytes();
        let may_be_cut = self.next.is_some() && delimiter.starts_with(rest);
        !is_end && !rest.starts_with(delimiter) && !may_be_cut
    }

    /// Once a field is damaged: the offset up to which nobody can tell what is within quotes. Every quoted field is closed by a quote, so
    /// what follows the last quote of the input is outside.
    fn doubtful_to(&self) -> usize {
        match self.next {
            Some(_) => self.bytes.len(),
            None => (self.dialect.quote)
                .and_then(|quote| memchr::memrchr(quote, self.bytes))
                .unwrap_or(0),
        }
    }

    /// Where the quoted field that begins at `start` is closed.
    fn closing_quote(&self, start: usize) -> Option<usize> {
        let quote = self.bytes[start];
        let escape = self.dialect.escape_byte().unwrap_or(quote);
        let mut at = start + 1;
        loop {
            at += memchr::memchr2(quote, escape, self.bytes.get(at..)?)?;
            let is_doubled = self.dialect.doubles_quotes && self.bytes.get(at + 1) == Some(&quote);
            if self.bytes[at] == quote && !is_doubled {
                return Some(at);
            }
            at += 2;
        }
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
            dialect: Dialect::default(),
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
            dialect: Dialect {
                comment: Some(b'#'),
                ..Dialect::default()
            },
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
                dialect: Dialect {
                    trim,
                    ..Dialect::default()
                },
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
