//! Where to cut a window into chunks, each a span that one task parses.
//!
//! Comes in: the bytes of a window from where the last chunk ended. Goes out: the length of the next chunk, which ends
//! just after a line end. Never: a decision about records. Whether a chunk really starts a record is settled when the
//! chunk before it has been parsed; the parity of quotes only makes it likely, so that little has to be parsed twice.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2_iter, memchr3, memrchr};

use crate::dialect::Dialect;

/// How far past the target to look for a line end with an even number of quotes before it. Much longer quoted fields are rare, and a stray
/// quote makes the parity wrong for good: the search must not cost more than the second parse it saves.
const SEARCH_BYTES: usize = 64 * 1024;

/// Where to end a chunk that starts at `window[0]` and is about `target_bytes` long: just after a line end. `None`:
/// there is no line end in `window` at all.
///
/// The first choice is the first line end from `target_bytes` on that has an even number of quotes before it: it is outside quoted fields
/// if the chunk starts outside and every quote is one of a pair. The second is the last line end up to `target_bytes`, the third the first
/// one after. In a window shorter than that it is the last line end with an even number of quotes before it, else the last line end.
///
/// For the caller, the end of any line near `target_bytes` would do as well: the result is a hint about where a record ends.
pub fn cut(window: &[u8], target_bytes: usize, dialect: &Dialect) -> Option<usize> {
    let at_target = target_bytes.saturating_sub(1);
    let line_end = if at_target < window.len() {
        even_line_end_from(window, at_target, dialect)
            .or_else(|| memrchr(dialect.line_end, &window[..=at_target]))
            .or_else(|| memchr(dialect.line_end, &window[at_target..]).map(|distance| at_target + distance))
    } else {
        last_even_line_end(window, dialect).or_else(|| memrchr(dialect.line_end, window))
    };
    line_end.map(|line_end| line_end + 1)
}

/// The first line end at or after `start`, within the search limit, with an even number of quotes before it.
fn even_line_end_from(window: &[u8], start: usize, dialect: &Dialect) -> Option<usize> {
    let near = &window[start..window.len().min(start + SEARCH_BYTES)];
    if let Some(escape) = dialect.escape_byte() {
        let (found, _) = line_ends_among_escapes(window, start..start + near.len(), escape, dialect);
        return found;
    }
    let Some(quote) = dialect.quote else {
        return memchr(dialect.line_end, near).map(|distance| start + distance);
    };
    if dialect.comment.is_some() {
        return line_end_outside(window, start..start + near.len(), dialect);
    }
    let mut is_even = is_even(quote, &window[..start]);
    for distance in memchr2_iter(quote, dialect.line_end, near) {
        if near[distance] == quote {
            is_even = !is_even;
        } else if is_even {
            return Some(start + distance);
        }
    }
    None
}

/// The first line end in `wanted` that is outside quoted fields and comments, if `window` begins outside both and every quote is one of a
/// pair. Quotes in comments do not count, so each line is looked at.
fn line_end_outside(window: &[u8], wanted: Range<usize>, dialect: &Dialect) -> Option<usize> {
    let (mut at, mut is_even_so_far) = (0, true);
    while at < wanted.end {
        let line_end = at + memchr(dialect.line_end, &window[at..wanted.end])?;
        let is_comment = is_even_so_far && window.get(at).copied() == dialect.comment;
        if !is_comment && let Some(quote) = dialect.quote {
            is_even_so_far ^= !is_even(quote, &window[at..line_end]);
        }
        if is_even_so_far && line_end >= wanted.start {
            return Some(line_end);
        }
        at = line_end + 1;
    }
    None
}

/// The first line end in `wanted` that is outside quoted fields and that no escape makes data, if `window` begins outside and every other
/// quote is one of a pair; and the last such one before `wanted`.
fn line_ends_among_escapes(
    window: &[u8],
    wanted: Range<usize>,
    escape: u8,
    dialect: &Dialect,
) -> (Option<usize>, Option<usize>) {
    let quote = dialect.quote.unwrap_or(escape);
    let (mut at, mut is_outside, mut last) = (0, true, None);
    while let Some(distance) = memchr3(
        dialect.line_end,
        escape,
        quote,
        window.get(at..wanted.end).unwrap_or_default(),
    ) {
        at += distance + 1;
        match window[at - 1] {
            byte if byte == escape => {
                // The CRs of a line end go with it.
                let crs = window[at..].iter().take_while(|&&byte| byte == b'\r').count();
                at += 1 + if window.get(at + crs) == Some(&dialect.line_end) {
                    crs
                } else {
                    0
                };
            }
            byte if byte == quote => is_outside = !is_outside,
            _ if is_outside && at > wanted.start => return (Some(at - 1), last),
            _ if is_outside => last = Some(at - 1),
            _ => {}
        }
    }
    (None, last)
}

/// The last line end with an even number of quotes before it.
fn last_even_line_end(window: &[u8], dialect: &Dialect) -> Option<usize> {
    if let Some(escape) = dialect.escape_byte() {
        let end = window.len();
        return line_ends_among_escapes(window, end..end, escape, dialect).1;
    }
    let Some(quote) = dialect.quote else {
        return memrchr(dialect.line_end, window);
    };
    let mut is_even_before = is_even(quote, window);
    let mut end = window.len();
    while let Some(line_end) = memrchr(dialect.line_end, &window[..end]) {
        is_even_before ^= !is_even(quote, &window[line_end..end]);
        if is_even_before {
            return Some(line_end);
        }
        end = line_end;
    }
    None
}

/// Whether `quote` occurs an even number of times in `bytes`.
fn is_even(quote: u8, bytes: &[u8]) -> bool {
    memchr_iter(quote, bytes).count().is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::Escape;

    fn cut_at(window: &[u8], target_bytes: usize) -> Option<usize> {
        cut(window, target_bytes, &Dialect::default())
    }

    #[test]
    fn a_chunk_ends_after_the_line_that_reaches_the_target() {
        let window = b"aa\nbb\ncc\ndd";
        assert_eq!(cut_at(window, 1), Some(3));
        assert_eq!(cut_at(window, 3), Some(3));
        assert_eq!(cut_at(window, 4), Some(6));
        assert_eq!(cut_at(window, 6), Some(6));
    }

    #[test]
    fn a_window_without_a_line_end_has_no_cut() {
        assert_eq!(cut_at(b"", 1), None);
        assert_eq!(cut_at(b"aaaa", 1), None);
        assert_eq!(cut_at(b"aaaa", 100), None);
    }

    #[test]
    fn quotes_in_comments_do_not_count() {
        let dialect = Dialect {
            comment: Some(b'#'),
            ..Dialect::default()
        };
        for (window, target_bytes, found) in [
            ("#it's \"\na\nb\n", 8, Some(8)),
            ("\"x\n#\"\na\n", 2, Some(6)),
            ("#\"\n\"a\nb\"\nc\n", 4, Some(9)),
        ] {
            assert_eq!(cut(window.as_bytes(), target_bytes, &dialect), found, "{window:?}");
        }
    }

    #[test]
    fn what_an_escape_makes_data_does_not_count() {
        let dialect = Dialect {
            escape: Some(Escape::Literal(b'\\')),
            ..Dialect::default()
        };
        let unquoted = Dialect { quote: None, ..dialect };
        for (dialect, window, target_bytes, found) in [
            (dialect, "a\\\nb\nc\n", 2, Some(5)),
            (dialect, "a\\\\\nb\n", 2, Some(4)),
            (dialect, "a\\\r\nb\nc\n", 2, Some(6)),
            (dialect, "\\\"a\nb\"\n", 2, Some(4)),
            (dialect, "\"a\\\"\nb\"\nc\n", 2, Some(8)),
            (dialect, "a\nb\\\n", 100, Some(2)),
            (unquoted, "\"a\nb\\\nc\n", 4, Some(8)),
            (unquoted, "a\\\n", 2, Some(3)),
        ] {
            assert_eq!(cut(window.as_bytes(), target_bytes, &dialect), found, "{window:?}");
        }
    }

    #[test]
    fn a_line_end_inside_quotes_is_passed_over() {
        assert_eq!(cut_at(b"\"a\nb\nc\",d\ne\n", 2), Some(10));
        assert_eq!(cut_at(b"x\n\"a\nb\nc\",d", 100), Some(2));
    }

    #[test]
    fn without_a_quote_character_every_line_end_counts() {
        let dialect = Dialect {
            quote: None,
            ..Dialect::default()
        };
        assert_eq!(cut(b"\"a\nb\n", 1, &dialect), Some(3));
        assert_eq!(cut(b"\"a\nb\n", 100, &dialect), Some(5));
    }

    #[test]
    fn carriage_returns_end_chunks_where_they_end_lines() {
        let dialect = Dialect {
            line_end: b'\r',
            ..Dialect::default()
        };
        assert_eq!(cut(b"a\nb\rc\r", 1, &dialect), Some(4));
    }

    #[test]
    fn a_stray_quote_is_given_up_on_after_the_search_limit() {
        let mut window = b"a\n\"".to_vec();
        window.extend(b"bbb\n".repeat(SEARCH_BYTES));
        assert_eq!(cut_at(&window, 1003), Some(1003));
        assert_eq!(cut_at(&window, 1002), Some(999));
        window.drain(..2);
        assert_eq!(cut_at(&window, 3), Some(5));
        assert_eq!(cut_at(&window[..100], 1000), Some(97));
    }

    /// The last resort, byte by byte: every line end, and whether the quotes before it are even in number.
    fn line_ends(window: &[u8]) -> Vec<(usize, bool)> {
        let quotes_before = |end: usize| window[..end].iter().filter(|&&byte| byte == b'"').count();
        let line_ends = (0..window.len()).filter(|&index| window[index] == b'\n');
        line_ends
            .map(|index| (index + 1, quotes_before(index) % 2 == 0))
            .collect()
    }

    proptest! {
        #[test]
        fn the_cut_is_the_one_that_the_rules_name(window in "[a\"\n]{0,80}", target_bytes in 0usize..100) {
            let window = window.as_bytes();
            let ends = line_ends(window);
            let even: Vec<usize> = ends.iter().filter(|(_, is_even)| *is_even).map(|(end, _)| *end).collect();
            let last_before = ends.iter().rev().find(|(end, _)| *end <= target_bytes.max(1)).map(|(end, _)| *end);
            let first_after = ends.iter().find(|(end, _)| *end >= target_bytes).map(|(end, _)| *end);
            let expected = if target_bytes <= window.len() && !window.is_empty() {
                even.iter().copied().find(|end| *end >= target_bytes).or(last_before).or(first_after)
            } else {
                even.last().copied().or(ends.last().map(|(end, _)| *end))
            };
            prop_assert_eq!(cut_at(window, target_bytes), expected);
        }
    }
}
