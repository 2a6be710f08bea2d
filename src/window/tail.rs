//! What stands at the very end of an input and is no record: a Control-Z, NULs that fill a block, lines that are passed over.
//!
//! Comes in: a file, or the bytes of a stream as they arrive. Goes out: the same without its tail. Of a file the tail is found from its end;
//! of a stream what may be the tail is held back until it is known whether more follows. Both give the same.
//!
//! Padding is a run of Control-Z, each of which ends a text for old programs, and of NULs after it. NULs alone are padding only after a line
//! end: elsewhere they may stand for the rest of a record that was never written, which must not be taken for a whole one. What begins with a
//! NUL is no text, and has none.

use std::collections::VecDeque;
use std::path::Path;

use super::Input;
use crate::content_hash::ContentHash;
use crate::error::Error;
use crate::option_name::{MAX_RECORD_BYTES, SKIP_FOOTER};

/// Ends a text in CP/M and DOS.
const CONTROL_Z: u8 = 0x1a;
/// Bytes looked at or handled at a time.
const PIECE_BYTES: usize = 256 << 10;

/// What is looked for at the end of an input.
#[derive(Debug, Clone, Copy)]
pub struct TailRules {
    /// So many lines are no records.
    pub footer_lines: u64,
    /// Most bytes that they may have together.
    pub most_footer_bytes: u64,
}

/// What was found at the end of an input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tail {
    pub footer_lines: u64,
    pub footer_bytes: u64,
    pub padding_bytes: u64,
    /// All these bytes.
    pub content: ContentHash,
}

impl Tail {
    pub fn bytes(&self) -> u64 {
        self.footer_bytes + self.padding_bytes
    }
}

/// The lines to be passed over are too long to be held back.
fn footer_too_long(path: &Path, rules: TailRules) -> Error {
    let message = format!(
        "its last {} lines, which {SKIP_FOOTER} passes over, have more than {} bytes, the most that {MAX_RECORD_BYTES} allows for them",
        rules.footer_lines, rules.most_footer_bytes
    );
    Error::unusable(path, message)
}

/// What ends the lines that are counted: a line feed, or a carriage return that no line feed follows.
///
/// `None` where there is none, or the byte after it is needed to tell. `is_whole`: no more bytes follow.
pub fn first_line_end(bytes: &[u8], is_whole: bool) -> Option<u8> {
    let at = memchr::memchr2(b'\n', b'\r', bytes)?;
    match bytes[at..].iter().find(|&&byte| byte != b'\r') {
        None if !is_whole => None,
        Some(b'\n') => Some(b'\n'),
        _ => Some(b'\r'),
    }
}

/// `text` without the line end after its last line.
fn without_last_end(text: &[u8], line_end: u8) -> &[u8] {
    let text = match text {
        [lines @ .., b'\n'] if line_end == b'\r' => lines,
        text => text,
    };
    match text {
        [lines @ .., last] if *last == line_end => lines,
        text => text,
    }
}

/// The tail of the file `input`, which is read to its end.
///
/// # Errors
/// `InputUnusable` if the lines are too long; as [`Input::window`].
pub(super) fn of_file(input: &mut Input, length_bytes: u64, rules: TailRules) -> Result<Tail, Error> {
    let never = || false;
    let mut tail = Tail::default();
    let is_text = input.window(0, 1, &never)?.bytes().first() != Some(&0);
    let (nuls_from, padding_from) = match is_text {
        true => {
            let nuls_from = before_run(input, length_bytes, 0)?;
            (nuls_from, before_run(input, nuls_from, CONTROL_Z)?)
        }
        false => (length_bytes, length_bytes),
    };
    let last = match padding_from {
        0 => None,
        from => input.window(from - 1, 1, &never)?.bytes().first().copied(),
    };
    if padding_from < nuls_from || is_text && matches!(last, Some(b'\n' | b'\r')) {
        tail.padding_bytes = length_bytes - padding_from;
    }
    let end = length_bytes - tail.padding_bytes;
    if rules.footer_lines > 0 {
        tail.footer_bytes = footer_of_file(input, end, rules, &mut tail.footer_lines)?;
    }
    let mut at = end - tail.footer_bytes;
    while at < length_bytes {
        let window = input.window(at, PIECE_BYTES, &never)?;
        tail.content = tail.content.then(ContentHash::of(window.bytes()));
        at += window.bytes().len() as u64;
    }
    Ok(tail)
}

/// Where the run of `byte` that ends before `end` begins.
fn before_run(input: &mut Input, mut end: u64, byte: u8) -> Result<u64, Error> {
    while end > 0 {
        let start = end.saturating_sub(PIECE_BYTES as u64);
        let window = input.window(start, (end - start) as usize, &|| false)?;
        match window.bytes().iter().rposition(|&other| other != byte) {
            Some(last) => return Ok(start + last as u64 + 1),
            None => end = start,
        }
    }
    Ok(0)
}

/// How many bytes the last lines of a file have that ends at `end`; how many lines these are goes into `lines`.
fn footer_of_file(input: &mut Input, end: u64, rules: TailRules, lines: &mut u64) -> Result<u64, Error> {
    let start_bytes = end.min(rules.most_footer_bytes);
    let first = input.window(0, start_bytes as usize, &|| false)?;
    let line_end = first_line_end(first.bytes(), start_bytes == end).unwrap_or(b'\n');
    drop(first);
    let too_long = |input: &Input| Err(footer_too_long(input.path(), rules));
    let mut at = end;
    while at > 0 {
        let start = at.saturating_sub(PIECE_BYTES as u64);
        let window = input.window(start, (at - start) as usize, &|| false)?;
        let text = match at == end {
            true => without_last_end(window.bytes(), line_end),
            false => window.bytes(),
        };
        for found in memchr::memrchr_iter(line_end, text) {
            *lines += 1;
            if *lines == rules.footer_lines {
                let bytes = end - (start + found as u64 + 1);
                return if bytes > rules.most_footer_bytes {
                    too_long(input)
                } else {
                    Ok(bytes)
                };
            }
        }
        at = start;
        if end - at > rules.most_footer_bytes {
            return too_long(input);
        }
    }
    *lines += u64::from(end > 0);
    Ok(end)
}

/// Bytes on their way through.
#[derive(Debug)]
enum Piece {
    Bytes(Vec<u8>, usize),
    /// The same byte so many times.
    Run(u8, u64),
}

/// Reads the next bytes into a piece and returns their number, 0 at the end; `None` when told to stop.
pub(super) type ReadPiece<'a> = dyn FnMut(&mut [u8]) -> Result<Option<usize>, Error> + 'a;

/// Holds back what may be the tail of a stream.
#[derive(Debug)]
pub(super) struct TailFilter {
    rules: TailRules,
    /// A run of Control-Z and one of NULs after it, which came last.
    control_zs: u64,
    nuls: u64,
    /// What came before that ends with a line end.
    after_line_end: bool,
    /// Whether it begins with anything but a NUL; `None`: nothing came yet.
    is_text: Option<bool>,
    /// What is no padding.
    passed: VecDeque<Piece>,
    /// What may be among the last lines, and what ends them, once that is known.
    held: Vec<u8>,
    line_end: Option<u8>,
    /// Some of what may be among them had to be let go: a line is longer than may be held.
    is_short: bool,
    /// What is not among the last lines: `held` up to here.
    free_bytes: usize,
    /// Room for what is read; here only to be reused.
    buffer: Vec<u8>,
    /// What was found so far, once the stream has ended.
    tail: Option<Tail>,
    is_done: bool,
}

impl TailFilter {
    pub(super) fn new(rules: TailRules) -> Self {
        TailFilter {
            rules,
            control_zs: 0,
            nuls: 0,
            after_line_end: false,
            is_text: None,
            passed: VecDeque::new(),
            held: Vec::new(),
            line_end: None,
            is_short: false,
            free_bytes: 0,
            buffer: Vec::new(),
            tail: None,
            is_done: false,
        }
    }

    /// What was found, once the stream has ended.
    pub(super) fn tail(&self) -> Tail {
        self.tail.unwrap_or_default()
    }

    /// Reads what is no tail of the input at `path` into `piece`, by `read`, which gives bytes, none at the end; or nothing, when told to stop.
    pub(super) fn read(
        &mut self,
        piece: &mut [u8],
        path: &Path,
        read: &mut ReadPiece<'_>,
    ) -> Result<Option<usize>, Error> {
        let has_footer = self.rules.footer_lines > 0;
        loop {
            let ready = match has_footer {
                true => self.take_free(piece),
                false => self.take_passed(piece),
            };
            if ready > 0 || piece.is_empty() || self.is_done {
                return Ok(Some(ready));
            }
            if has_footer && !self.passed.is_empty() {
                self.hold();
                continue;
            }
            if self.tail.is_some() {
                self.is_done = true;
                self.end_footer(path)?;
                continue;
            }
            // Most of a stream is neither copied nor looked at.
            let is_direct = !has_footer && self.control_zs + self.nuls == 0;
            if !is_direct {
                let mut buffer = std::mem::take(&mut self.buffer);
                buffer.resize(PIECE_BYTES, 0);
                match read(&mut buffer)? {
                    None => return Ok(None),
                    Some(0) => self.end_padding(),
                    Some(read_bytes) => self.push(&buffer[..read_bytes]),
                }
                self.buffer = buffer;
                continue;
            }
            match read(piece)? {
                None => return Ok(None),
                Some(0) => self.end_padding(),
                Some(read_bytes)
                    if !self.is_text(piece) || !piece.get(read_bytes - 1).copied().is_some_and(is_padding) =>
                {
                    self.after_line_end = piece.get(read_bytes - 1).copied().is_some_and(is_line_end);
                    return Ok(Some(read_bytes));
                }
                Some(read_bytes) => self.push(&piece[..read_bytes]),
            }
        }
    }

    /// Whether the stream, of which `bytes` came now, is text.
    fn is_text(&mut self, bytes: &[u8]) -> bool {
        *self.is_text.get_or_insert(bytes.first() != Some(&0))
    }

    /// Takes up what was read.
    fn push(&mut self, bytes: &[u8]) {
        let is_content = |&byte: &u8| !is_padding(byte);
        let run_from = match self.is_text(bytes) {
            true => bytes.iter().rposition(is_content).map_or(0, |last| last + 1),
            false => bytes.len(),
        };
        if run_from > 0 {
            self.pass_run();
            self.passed.push_back(Piece::Bytes(bytes[..run_from].to_vec(), 0));
            self.after_line_end = is_line_end(bytes[run_from - 1]);
        }
        for &byte in &bytes[run_from..] {
            if byte == 0 {
                self.nuls += 1;
                continue;
            }
            if self.nuls > 0 {
                self.pass_run();
            }
            self.control_zs += 1;
        }
        // NULs that can be no padding are not held back: there may be no end of them.
        if self.control_zs == 0 && !self.after_line_end {
            self.pass_run();
        }
    }

    /// The run that came last is no padding.
    fn pass_run(&mut self) {
        for (byte, count) in [(CONTROL_Z, self.control_zs), (0, self.nuls)] {
            if count > 0 {
                self.passed.push_back(Piece::Run(byte, count));
                self.after_line_end = false;
            }
        }
        (self.control_zs, self.nuls) = (0, 0);
    }

    /// Nothing follows: the run that came last is padding, or it is not.
    fn end_padding(&mut self) {
        let mut tail = Tail::default();
        if self.control_zs > 0 || self.after_line_end {
            tail.padding_bytes = self.control_zs + self.nuls;
            tail.content = content_of_run(CONTROL_Z, self.control_zs).then(content_of_run(0, self.nuls));
        } else {
            self.pass_run();
        }
        self.tail = Some(tail);
    }

    /// Nothing follows what is held: it is the last lines.
    fn end_footer(&mut self, path: &Path) -> Result<(), Error> {
        if self.rules.footer_lines == 0 || self.held.is_empty() {
            return Ok(());
        }
        let most_bytes = self.most_footer_bytes();
        let line_end = self.line_end.unwrap_or_else(|| {
            let start = &self.held[..self.held.len().min(most_bytes)];
            first_line_end(start, self.held.len() <= most_bytes).unwrap_or(b'\n')
        });
        let footer = last_lines(&self.held, line_end, self.rules.footer_lines);
        let is_short = self.is_short && footer.lines < self.rules.footer_lines;
        let bytes = self.held.len() - footer.start;
        if is_short || bytes > most_bytes {
            return Err(footer_too_long(path, self.rules));
        }
        if let Some(tail) = &mut self.tail {
            tail.footer_lines = footer.lines;
            tail.footer_bytes = bytes as u64;
            tail.content = ContentHash::of(&self.held[footer.start..]).then(tail.content);
        }
        self.held.truncate(footer.start);
        self.free_bytes = footer.start;
        self.is_done = footer.start == 0;
        Ok(())
    }

    fn most_footer_bytes(&self) -> usize {
        usize::try_from(self.rules.most_footer_bytes).unwrap_or(usize::MAX)
    }

    /// Moves what has passed to what may be among the last lines.
    fn hold(&mut self) {
        let mut piece = std::mem::take(&mut self.buffer);
        piece.resize(PIECE_BYTES, 0);
        let bytes = self.take_passed(&mut piece);
        self.held.extend_from_slice(&piece[..bytes]);
        self.buffer = piece;
        let most_bytes = self.most_footer_bytes();
        // The line end before the lines is held as well: it shows where they begin.
        let spare_bytes = self.held.len().saturating_sub(most_bytes.saturating_add(1));
        if self.line_end.is_none() {
            let start = &self.held[..self.held.len().min(most_bytes)];
            self.line_end = first_line_end(start, false).or((spare_bytes > 0).then_some(b'\n'));
        }
        let Some(line_end) = self.line_end else { return };
        let start = last_lines(&self.held, line_end, self.rules.footer_lines).start;
        // The line end that shows where they begin stays.
        self.free_bytes = start.saturating_sub(1).max(spare_bytes);
        self.is_short |= spare_bytes > 0;
    }

    /// Hands out what is not among the last lines.
    fn take_free(&mut self, piece: &mut [u8]) -> usize {
        let bytes = self.free_bytes.min(piece.len());
        piece[..bytes].copy_from_slice(&self.held[..bytes]);
        self.held.drain(..bytes);
        self.free_bytes -= bytes;
        bytes
    }

    /// Hands out what is no padding.
    fn take_passed(&mut self, piece: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < piece.len()
            && let Some(first) = self.passed.front_mut()
        {
            let room = &mut piece[filled..];
            let is_used_up = match first {
                Piece::Bytes(bytes, from) => {
                    let taken = room.len().min(bytes.len() - *from);
                    room[..taken].copy_from_slice(&bytes[*from..*from + taken]);
                    *from += taken;
                    filled += taken;
                    *from == bytes.len()
                }
                Piece::Run(byte, left) => {
                    let taken = (room.len() as u64).min(*left) as usize;
                    room[..taken].fill(*byte);
                    *left -= taken as u64;
                    filled += taken;
                    *left == 0
                }
            };
            if is_used_up {
                self.passed.pop_front();
            }
        }
        filled
    }
}

/// The hash of `count` bytes that are all the same.
fn content_of_run(byte: u8, mut count: u64) -> ContentHash {
    let mut content = ContentHash::default();
    let piece = vec![byte; count.min(PIECE_BYTES as u64) as usize];
    while count > 0 {
        let bytes = count.min(PIECE_BYTES as u64) as usize;
        content = content.then(ContentHash::of(&piece[..bytes]));
        count -= bytes as u64;
    }
    content
}

fn is_padding(byte: u8) -> bool {
    matches!(byte, 0 | CONTROL_Z)
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// The last lines of a text: where they begin, and how many they are.
struct LastLines {
    start: usize,
    lines: u64,
}

/// The last `most` lines of `text`.
fn last_lines(text: &[u8], line_end: u8, most: u64) -> LastLines {
    let mut lines = 0;
    for found in memchr::memrchr_iter(line_end, without_last_end(text, line_end)) {
        lines += 1;
        if lines == most {
            return LastLines {
                start: found + 1,
                lines,
            };
        }
    }
    LastLines {
        start: 0,
        lines: lines + u64::from(!text.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_line_end_counts_even_within_quotes() {
        for (bytes, is_whole, line_end) in [
            ("\"a\nb\r", true, Some(b'\n')),
            ("a\r\r\nb", false, Some(b'\n')),
            ("a\rb\n", false, Some(b'\r')),
            ("a\r", false, None),
            ("a\r", true, Some(b'\r')),
            ("a", true, None),
        ] {
            assert_eq!(first_line_end(bytes.as_bytes(), is_whole), line_end, "{bytes:?}");
        }
    }

    /// What a file with this content is without its tail.
    fn file(content: &[u8], rules: TailRules) -> Option<(Vec<u8>, Tail)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, content).unwrap();
        let mut input = Input::open(&path).unwrap();
        input.leave_out_tail(rules).ok()?;
        input.check_unchanged().unwrap();
        let window = input.window(0, content.len() + 1, &|| false).unwrap();
        assert!(window.at_end);
        let tail = input.tail();
        let whole = ContentHash::of(window.bytes()).then(tail.content);
        assert_eq!(whole, ContentHash::of(content), "nothing is lost");
        Some((window.bytes().to_vec(), tail))
    }

    /// The same for a stream that gives so many bytes at a time.
    fn stream(content: &[u8], rules: TailRules, (given, asked): (usize, usize)) -> Option<(Vec<u8>, Tail)> {
        let mut filter = TailFilter::new(rules);
        let mut rest = content;
        let mut read = |piece: &mut [u8]| {
            let bytes = rest.len().min(given).min(piece.len());
            piece[..bytes].copy_from_slice(&rest[..bytes]);
            rest = &rest[bytes..];
            Ok(Some(bytes))
        };
        let mut text = Vec::new();
        let mut piece = vec![0; asked];
        loop {
            match filter.read(&mut piece, Path::new("-"), &mut read) {
                Ok(None | Some(0)) => return Some((text, filter.tail())),
                Ok(Some(bytes)) => text.extend_from_slice(&piece[..bytes]),
                Err(_) => return None,
            }
        }
    }

    #[track_caller]
    fn check(content: &str, rules: TailRules, expected: Option<(&str, u64, u64)>) {
        let found = file(content.as_bytes(), rules);
        let shown = found
            .clone()
            .map(|(text, tail)| (String::from_utf8(text).unwrap(), tail.padding_bytes, tail.footer_lines));
        let expected = expected.map(|(text, padding_bytes, lines)| (text.to_owned(), padding_bytes, lines));
        assert_eq!(shown, expected, "{content:?}");
        for sizes in [(1, 1), (1, 100), (3, 2), (100, 100)] {
            assert_eq!(stream(content.as_bytes(), rules, sizes), found, "{content:?} {sizes:?}");
        }
    }

    fn footer(lines: u64, most_footer_bytes: u64) -> TailRules {
        TailRules {
            footer_lines: lines,
            most_footer_bytes,
        }
    }

    #[test]
    fn padding_is_control_zs_and_nuls_at_the_very_end() {
        for (content, text, padding_bytes) in [
            ("a\n1\x1a", "a\n1", 1),
            ("a\n1\n\x1a\x1a\0\0", "a\n1\n", 4),
            ("a\n1\n\0\0\0", "a\n1\n", 3),
            ("a\r1\r\0", "a\r1\r", 1),
            // What comes before may be the rest of a record.
            ("a\n1\0\0", "a\n1\0\0", 0),
            ("\0\0", "\0\0", 0),
            ("a\n\0\x1a", "a\n\0", 1),
            ("a\x1ab\0\n", "a\x1ab\0\n", 0),
            ("\x1a", "", 1),
            ("", "", 0),
        ] {
            check(content, footer(0, 100), Some((text, padding_bytes, 0)));
        }
    }

    #[test]
    fn the_last_lines_are_left_out_whatever_they_hold() {
        for (content, lines, text, found) in [
            ("a\n1\ntotal\n", 1, "a\n1\n", 1),
            ("a\n1\ntotal", 1, "a\n1\n", 1),
            ("a\n1\n\"x\ny\"\n", 2, "a\n1\n", 2),
            ("a\n1\n\n", 1, "a\n1\n", 1),
            ("a\r\n1\r\ntotal\r\n", 1, "a\r\n1\r\n", 1),
            ("a\r1\rtotal\r", 1, "a\r1\r", 1),
            ("a\r1\rtotal\r\n", 1, "a\r1\r", 1),
            ("a\n1\n", 5, "", 2),
            ("", 5, "", 0),
        ] {
            check(content, footer(lines, 100), Some((text, 0, found)));
        }
        check("a\n1\ntotal\n\x1a\0", footer(1, 100), Some(("a\n1\n", 2, 1)));
    }

    #[test]
    fn last_lines_that_are_too_long_to_be_held_back_are_refused() {
        check("a\n12345\n", footer(1, 6), Some(("a\n", 0, 1)));
        check("a\n12345\n", footer(1, 5), None);
        check("12345\n", footer(3, 5), None);
        check("123456789\n1\n", footer(1, 5), Some(("123456789\n", 0, 1)));
    }

    proptest! {
        #[test]
        fn a_stream_is_read_as_a_file_is(
            content in "[ab\n\r\\x00\\x1a]{0,60}",
            lines in 0u64..5,
            most_bytes in 1u64..30,
            given in 1usize..20,
            asked in 1usize..20,
        ) {
            let rules = footer(lines, most_bytes);
            prop_assert_eq!(stream(content.as_bytes(), rules, (given, asked)), file(content.as_bytes(), rules));
        }
    }
}
