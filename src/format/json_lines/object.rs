//! One object: where its names and values lie, or what is no JSON in it. Offsets only; nothing is copied.
//!
//! Comes in: a line. The grammar is that of RFC 8259, and the whole line is held to it. An escape must stand for a character: half of a
//! surrogate pair does not. Values within values are walked over without recursion, and as deep as `serde_json` goes.

use std::ops::Range;

use crate::syntax_fault::JsonExpected;

/// Most objects and arrays within each other, the line's own included.
const MAX_DEPTH: u32 = 127;

/// A name and its value, where they lie in the line, quotes included.
#[derive(Debug, Clone)]
pub(super) struct ObjectMember {
    pub(super) name: Range<usize>,
    pub(super) name_has_escape: bool,
    pub(super) value: Range<usize>,
}

/// What was expected, and where something else stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoJson {
    pub(super) expected: JsonExpected,
    pub(super) at: usize,
}

/// A walk over a line.
pub(super) struct ObjectScan<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the first string begins in which an escape stands for a NUL.
    nul_at: Option<usize>,
}

/// Which brackets are open, innermost in the lowest bit: 1 is an object.
#[derive(Default)]
struct OpenBrackets {
    kinds: u128,
    depth: u32,
}

/// Eight times the byte 1, and the highest bit of each of eight bytes.
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The highest bit of the first byte of `word` that ends a run of plain characters of a string: a quote, a backslash, a control character.
/// Bits above that one mean nothing.
#[inline(always)]
fn string_marks(word: u64) -> u64 {
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (controls | is_zero(word ^ (ONES * b'"' as u64)) | is_zero(word ^ (ONES * b'\\' as u64))) & HIGHS
}

/// Where the run of plain characters that begins at `at` ends.
#[inline]
pub(super) fn plain_end(text: &[u8], mut at: usize) -> usize {
    while let Some(eight) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let marks = string_marks(u64::from_le_bytes(*eight));
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let is_mark = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(is_mark).unwrap_or(rest.len())
}

/// Where the string ends that begins at `at` of a line without a fault in its strings.
pub(super) fn string_end(text: &[u8], at: usize) -> usize {
    let mut scan = ObjectScan::new(text);
    scan.at = at;
    match scan.string() {
        Ok(_) => scan.at,
        Err(_) => text.len(),
    }
}

/// Gives `take` what the inside of a string means, piece by piece.
pub(super) fn resolve_string(inside: &[u8], take: &mut dyn FnMut(&[u8])) {
    let mut rest = inside;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        take(&rest[..at]);
        let (escaped, length) = match rest.get(at + 1) {
            Some(b'u') => resolve_code(&rest[at..]),
            Some(&letter) => (char::from(meaning_of(letter)), 2),
            None => return,
        };
        take(escaped.encode_utf8(&mut [0; 4]).as_bytes());
        rest = rest.get(at + length..).unwrap_or_default();
    }
    take(rest);
}

/// What a letter after a backslash stands for.
fn meaning_of(letter: u8) -> u8 {
    match letter {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    }
}

/// The character for which `\uXXXX`, or two of those, stands at the start of `text`, and their length.
fn resolve_code(text: &[u8]) -> (char, usize) {
    let unit = |at: usize| text.get(at + 2..at + 6).and_then(hex).unwrap_or(0);
    let first = unit(0);
    match first {
        0xD800..=0xDBFF => {
            let code = 0x1_0000 + ((first - 0xD800) << 10) + unit(6).saturating_sub(0xDC00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        _ => (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
    }
}

/// The value of hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

impl OpenBrackets {
    /// Opens one; whether there are not too many.
    fn open(&mut self, is_object: bool) -> bool {
        self.depth += 1;
        self.kinds = self.kinds << 1 | u128::from(is_object);
        // The line's own bracket is not among these.
        self.depth < MAX_DEPTH
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.kinds >>= 1;
    }

    fn is_in_object(&self) -> bool {
        self.kinds & 1 == 1
    }
}

impl<'a> ObjectScan<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        ObjectScan {
            text,
            at: 0,
            nul_at: None,
        }
    }

    /// Where the first string begins that a table cannot hold, as an escape in it stands for a NUL. Strings within values are kept as they
    /// are written.
    pub(super) fn nul_at(&self) -> Option<usize> {
        self.nul_at
    }

    /// Walks over the object that the line must be, and hands each of its members to `take`.
    pub(super) fn object(&mut self, take: &mut impl FnMut(ObjectMember)) -> Result<(), NoJson> {
        self.skip_blanks();
        if !self.skip(b'{') {
            return Err(self.expected(JsonExpected::Object));
        }
        self.skip_blanks();
        if !self.skip(b'}') {
            let mut expected = JsonExpected::NameOrEnd;
            loop {
                let start = self.at;
                if self.peek() != Some(b'"') {
                    return Err(self.expected(expected));
                }
                let name_has_escape = self.string()?;
                let name = start..self.at;
                self.colon()?;
                let start = self.at;
                self.value()?;
                take(ObjectMember {
                    name,
                    name_has_escape,
                    value: start..self.at,
                });
                self.skip_blanks();
                if self.skip(b'}') {
                    break;
                }
                if !self.skip(b',') {
                    return Err(self.expected(JsonExpected::ObjectEnd));
                }
                self.skip_blanks();
                expected = JsonExpected::Name;
            }
        }
        self.skip_blanks();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected(JsonExpected::LineEnd)),
        }
    }

    #[cold]
    fn expected(&self, expected: JsonExpected) -> NoJson {
        NoJson { expected, at: self.at }
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Goes past `byte`, if that comes next.
    #[inline(always)]
    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    #[inline(always)]
    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    /// Goes past the colon after a name, and to the value.
    #[inline]
    fn colon(&mut self) -> Result<(), NoJson> {
        self.skip_blanks();
        if !self.skip(b':') {
            return Err(self.expected(JsonExpected::Colon));
        }
        self.skip_blanks();
        Ok(())
    }

    #[inline]
    fn value(&mut self) -> Result<(), NoJson> {
        match self.peek() {
            Some(b'{' | b'[') => {
                let nul_at = self.nul_at;
                self.nested()?;
                self.nul_at = nul_at;
                Ok(())
            }
            _ => self.scalar(),
        }
    }

    /// Goes past a value that is no array or object.
    #[inline]
    fn scalar(&mut self) -> Result<(), NoJson> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(self.expected(JsonExpected::Value)),
        }
    }

    #[inline]
    fn word(&mut self, word: &[u8]) -> Result<(), NoJson> {
        match self.text[self.at..].starts_with(word) {
            true => {
                self.at += word.len();
                Ok(())
            }
            false => Err(self.expected(JsonExpected::Value)),
        }
    }

    #[inline]
    fn number(&mut self) -> Result<(), NoJson> {
        self.skip(b'-');
        // Zero has no digit after it.
        if !self.skip(b'0') {
            self.digits()?;
        }
        if self.skip(b'.') {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> Result<(), NoJson> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        match self.at > start {
            true => Ok(()),
            false => Err(self.expected(JsonExpected::Digit)),
        }
    }

    /// Goes past the string that begins here; whether it has escapes.
    #[inline]
    fn string(&mut self) -> Result<bool, NoJson> {
        let start = self.at;
        self.at = plain_end(self.text, start + 1);
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(false)
            }
            _ => self.rest_of_string(start).map(|()| true),
        }
    }

    /// Goes past the rest of a string from its first escape on.
    #[inline(never)]
    fn rest_of_string(&mut self, start: usize) -> Result<(), NoJson> {
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    if self.escape()? == Some('\0') {
                        self.nul_at.get_or_insert(start);
                    }
                }
                Some(_) => return Err(self.expected(JsonExpected::Character)),
                None => return Err(self.expected(JsonExpected::StringEnd)),
            }
            self.at = plain_end(self.text, self.at);
        }
    }

    /// Goes past an escape; the character, if it is written as its code.
    fn escape(&mut self) -> Result<Option<char>, NoJson> {
        let rest = &self.text[self.at..];
        match rest.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                return Ok(None);
            }
            Some(b'u') => {}
            _ => return Err(self.expected(JsonExpected::Escape)),
        }
        let unit = |at: usize| rest.get(at + 2..at + 6).and_then(hex);
        let Some(first) = unit(0) else {
            return Err(self.expected(JsonExpected::Escape));
        };
        let is_pair = matches!(first, 0xD800..=0xDBFF)
            && rest[6..].starts_with(b"\\u")
            && matches!(unit(6), Some(0xDC00..=0xDFFF));
        if matches!(first, 0xD800..=0xDFFF) && !is_pair {
            return Err(self.expected(JsonExpected::Surrogate));
        }
        let (character, length) = resolve_code(rest);
        self.at += length;
        Ok(Some(character))
    }

    /// Goes past the array or object that begins here, whatever is in it.
    fn nested(&mut self) -> Result<(), NoJson> {
        let mut open = OpenBrackets::default();
        loop {
            // A value begins here.
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    let is_object = bracket == b'{';
                    if !open.open(is_object) {
                        return Err(self.expected(JsonExpected::FewerLevels));
                    }
                    self.at += 1;
                    self.skip_blanks();
                    if self.skip(if is_object { b'}' } else { b']' }) {
                        open.close();
                    } else if is_object {
                        self.inner_name(JsonExpected::NameOrEnd)?;
                        continue;
                    } else {
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            if self.after_value(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Goes to the next value within the open brackets; whether there is none, as the outermost was closed.
    fn after_value(&mut self, open: &mut OpenBrackets) -> Result<bool, NoJson> {
        while open.depth > 0 {
            self.skip_blanks();
            let is_object = open.is_in_object();
            if self.skip(b',') {
                self.skip_blanks();
                if is_object {
                    self.inner_name(JsonExpected::Name)?;
                }
                return Ok(false);
            }
            let (end, expected) = match is_object {
                true => (b'}', JsonExpected::ObjectEnd),
                false => (b']', JsonExpected::ArrayEnd),
            };
            if !self.skip(end) {
                return Err(self.expected(expected));
            }
            open.close();
        }
        Ok(true)
    }

    /// Goes past a name within a value, and its colon.
    fn inner_name(&mut self, expected: JsonExpected) -> Result<(), NoJson> {
        if self.peek() != Some(b'"') {
            return Err(self.expected(expected));
        }
        self.string()?;
        self.colon()
    }
}
