//! JSON Lines as a format: one object on each line, whose names are columns.
//!
//! A line decides itself, so a span is parsed up to its last line end, and no record is ever stitched. A record has a field for each of the
//! names that are known beforehand, in their order, whatever the order in its object: the value as it stands there, quotes and all. A name
//! that the object lacks, and `null`, is a field without a byte. Arrays and objects within the object are fields, too, as they stand there.

mod names;
mod object;
#[cfg(test)]
mod tests;

pub use self::names::FieldNames;
use self::object::{NoJson, ObjectMember, ObjectScan, resolve_string, string_end};
use super::{Field, Fields, Format, Parsed, Record, resolves_to};
use crate::chunk;
use crate::dialect::{Dialect, Escape};
use crate::encoding::Encoding;
use crate::position::ByteRange;
use crate::schema::cells::{CellMeaning, CellRules};
use crate::schema::rules::MissingValues;
use crate::syntax_fault::{Fault, FaultKind};

/// Most bytes that a message is given of what is no JSON.
const SHOWN_BYTES: u32 = 32;
/// Stands for the fault of a blank line.
const BLANK: u32 = u32::MAX;

/// JSON Lines, with the names that are columns.
#[derive(Debug, Clone, Copy)]
pub struct JsonLines<'a> {
    pub names: &'a FieldNames,
    pub unknown: UnknownName,
    /// UTF-8, or what became that before it is parsed.
    pub encoding: Encoding,
    pub max_record_bytes: u64,
}

/// What becomes of an object with a name that is no column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownName {
    /// It is no row.
    Refuse,
    /// The name and its value are left out, and the record counts as one that is cut.
    LeaveOut,
    /// Only some names are wanted, so that means nothing.
    PassOver,
    /// No object is looked at: each line is a record without fields.
    NoLook,
}

/// The objects of one span.
#[derive(Debug, Default)]
pub struct ObjectRecords {
    records: Vec<ObjectSpan>,
    /// Those of each record without a fault: [`width`](Self::width).
    fields: Vec<ByteRange>,
    width: usize,
    faults: Vec<Fault>,
    /// Names in their own form; here only to be reused.
    room: NameRoom,
}

/// Where a name is put into the form in which it is looked up.
#[derive(Debug, Default)]
struct NameRoom {
    resolved: Vec<u8>,
    folded: Vec<u8>,
}

/// One line.
#[derive(Debug, Clone, Copy)]
struct ObjectSpan {
    start: u32,
    end: u32,
    /// Index in the faults plus one; 0: well-formed; [`BLANK`].
    fault: u32,
    /// It has names besides its fields.
    has_more: bool,
}

/// The values of one object, in the order of the columns.
#[derive(Debug, Clone, Copy)]
pub struct ObjectFields<'r> {
    ranges: &'r [ByteRange],
    has_more: bool,
}

impl Fields for ObjectFields<'_> {
    #[inline]
    fn count(&self) -> usize {
        self.ranges.len() + usize::from(self.has_more)
    }

    #[inline]
    fn range(&self, index: usize) -> ByteRange {
        self.ranges.get(index).copied().unwrap_or_default()
    }
}

impl Parsed for ObjectRecords {
    type Fields<'r> = ObjectFields<'r>;

    fn count(&self) -> usize {
        self.records.len()
    }

    fn is_multi_line(&self) -> bool {
        false
    }

    fn iter<const USUAL: bool>(&self) -> impl Iterator<Item = (Record, ObjectFields<'_>)> {
        let mut rest = &self.fields[..];
        self.records.iter().map(move |record| {
            let mut ranges = &rest[..0];
            if record.fault == 0 {
                (ranges, rest) = rest.split_at(self.width);
            }
            let found = Record {
                source: ByteRange {
                    start: record.start,
                    end: record.end,
                },
                is_comment: false,
                fault: match record.fault {
                    0 | BLANK => None,
                    fault => Some(self.faults[fault as usize - 1]),
                },
            };
            let has_more = record.has_more;
            (found, ObjectFields { ranges, has_more })
        })
    }
}

impl ObjectRecords {
    fn push(&mut self, line: ByteRange, fault: Option<Fault>, has_more: bool) {
        self.faults.extend(fault);
        self.records.push(ObjectSpan {
            start: line.start,
            end: line.end,
            fault: fault.map_or(0, |_| self.faults.len() as u32),
            has_more,
        });
    }
}

impl Format for JsonLines<'_> {
    type Parsed = ObjectRecords;

    const IS_TEXT_THROUGHOUT: bool = true;

    fn parse_before(&self, span: &[u8], border_bytes: usize, at_end: bool, found: &mut ObjectRecords) -> usize {
        debug_assert!(span.len() < 1 << 30, "offsets are 32 bits wide");
        found.records.clear();
        found.fields.clear();
        found.faults.clear();
        found.width = self.names.len();
        let mut start = 0;
        while start < border_bytes {
            let (end, next) = match memchr::memchr(b'\n', &span[start..]) {
                Some(line_bytes) => (start + line_bytes, start + line_bytes + 1),
                None if at_end => (span.len(), span.len()),
                None => break,
            };
            self.line(span, start..end, found);
            start = next;
        }
        start
    }

    fn cut(&self, window: &[u8], target_bytes: usize, _lines_matter: bool) -> Option<usize> {
        let lines = Dialect {
            quote: None,
            ..Dialect::default()
        };
        chunk::cut(window, target_bytes, &lines)
    }

    fn line_end(&self) -> u8 {
        b'\n'
    }

    fn is_usual(&self) -> bool {
        false
    }

    #[inline(always)]
    fn value(&self, _span: &[u8], range: ByteRange) -> ByteRange {
        range
    }

    fn max_record_bytes(&self) -> u64 {
        self.max_record_bytes
    }

    #[inline]
    fn field<'a>(&self, bytes: &'a [u8]) -> Field<'a> {
        Field::new(bytes, Some(b'"').filter(|quote| bytes.first() == Some(quote)))
    }

    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn escape(&self) -> Option<Escape> {
        None
    }

    fn resolve(&self, field: Field<'_>, take: &mut dyn FnMut(&[u8])) {
        match field.quote() {
            Some(_) => resolve_string(field.unquoted(), take),
            None => take(field.bytes()),
        }
    }

    fn inner_quotes(&self) -> &'static str {
        "a quote is written after a backslash"
    }

    #[inline]
    fn has_escape(&self, bytes: &[u8]) -> bool {
        bytes.first() == Some(&b'"') && memchr::memchr(b'\\', bytes).is_some()
    }

    /// Words for NULL are texts here, so they are looked for in quotes.
    #[inline]
    fn cell(&self, field: Field<'_>, rules: &CellRules) -> CellMeaning {
        let bytes = field.bytes();
        match field.quote() {
            _ if bytes.is_empty() => rules.read::<false>(bytes, false),
            None => CellMeaning::Value,
            Some(_) if bytes.len() == 2 => rules.read::<false>(bytes, true),
            Some(_) if !rules.null_words.is_empty() && self.is_null_word(field, rules) => CellMeaning::Null,
            Some(_) => CellMeaning::Value,
        }
    }

    /// What is not there, and `null`, is missing; so is a string that says so. A number says no text.
    fn cell_or_missing(&self, field: Field<'_>, missing: &MissingValues) -> CellMeaning {
        let says = |word: &str| match self.has_escape(field.bytes()) {
            false => field.unquoted() == word.as_bytes(),
            true => resolves_to(self, field, word),
        };
        let is_missing = match field.quote() {
            _ if field.bytes().is_empty() => true,
            None => false,
            Some(_) if field.bytes().len() == 2 => missing.empty,
            Some(_) => missing.words.iter().any(|word| says(word)),
        };
        match is_missing {
            true => CellMeaning::Null,
            false => CellMeaning::Value,
        }
    }

    /// What is empty is not known to be a text: it may stand for no number.
    #[inline(always)]
    fn is_text(&self, field: Field<'_>) -> bool {
        field.quote().is_some() && field.bytes().len() > 2
    }

    fn at_fault(&self, span: &[u8], record: &Record, fault: Fault) -> ByteRange {
        let Record { source, .. } = record;
        let start = (source.start + fault.column.saturating_sub(1)).min(source.end);
        let bytes = match fault.kind {
            FaultKind::NoObject(_) => SHOWN_BYTES,
            FaultKind::RepeatedName | FaultKind::UnknownName | FaultKind::EscapedNul => {
                string_end(source.of(span), (start - source.start) as usize) as u32 + source.start - start
            }
            _ => return ByteRange::default(),
        };
        let end = (start + bytes).min(source.end);
        ByteRange { start, end }
    }

    fn bytes_per_line(&self) -> usize {
        // The range of each field, and in a row its type.
        self.names.len() * (size_of::<ByteRange>() + 1)
    }
}

impl JsonLines<'_> {
    fn is_null_word(&self, field: Field<'_>, rules: &CellRules) -> bool {
        let is_word = |word: &String| match self.has_escape(field.bytes()) {
            false => field.unquoted() == word.as_bytes(),
            true => resolves_to(self, field, word),
        };
        rules.null_words.iter().any(is_word)
    }

    /// Adds the line in `range` of `span`, whose line end comes after it.
    fn line(&self, span: &[u8], range: std::ops::Range<usize>, found: &mut ObjectRecords) {
        let bytes = &span[range.clone()];
        let is_too_large = bytes.len() as u64 > self.max_record_bytes;
        let text_bytes = bytes.iter().rposition(|&byte| byte != b'\r').map_or(0, |last| last + 1);
        let text = &bytes[..text_bytes];
        let line = ByteRange {
            start: range.start as u32,
            end: (range.start + text_bytes) as u32,
        };
        if is_too_large {
            let kind = FaultKind::RecordTooLarge;
            return found.push(line, Some(Fault { kind, column: 0 }), false);
        }
        if is_blank(text) {
            let fault = BLANK;
            return found.records.push(ObjectSpan {
                start: line.start,
                end: line.end,
                fault,
                has_more: false,
            });
        }
        if self.unknown == UnknownName::NoLook {
            return found.push(line, None, false);
        }
        let before = found.fields.len();
        found.fields.resize(before + self.names.len(), ByteRange::default());
        let mut taking = Taking {
            format: self,
            text,
            offset: line.start,
            slots: &mut found.fields[before..],
            room: &mut found.room,
            likely: 0,
            has_more: false,
            fault: None,
        };
        let fault = taking.object();
        let has_more = taking.has_more;
        if fault.is_some() {
            found.fields.truncate(before);
        }
        found.push(line, fault, has_more);
    }
}

/// Whether a line holds nothing but blanks, or a form feed.
fn is_blank(line: &[u8]) -> bool {
    line == b"\x0c" || line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

/// An object whose values are put in their places.
struct Taking<'a, 'f> {
    format: &'a JsonLines<'f>,
    text: &'a [u8],
    /// Where it begins in its span.
    offset: u32,
    slots: &'a mut [ByteRange],
    room: &'a mut NameRoom,
    /// The column that comes after the one before: objects of one file have their names in one order, mostly.
    likely: usize,
    has_more: bool,
    /// The first fault of a name.
    fault: Option<Fault>,
}

impl Taking<'_, '_> {
    /// Takes all of it; what is wrong with it. JSON comes first, then NULs, then names; names of what is not UTF-8 are not judged.
    fn object(&mut self) -> Option<Fault> {
        let mut scan = ObjectScan::new(self.text);
        if let Err(NoJson { expected, at }) = scan.object(&mut |member| self.take(member)) {
            return Some(Fault {
                kind: FaultKind::NoObject(expected),
                column: at as u32 + 1,
            });
        }
        if let Some(at) = scan.nul_at() {
            return Some(Fault {
                kind: FaultKind::EscapedNul,
                column: at as u32 + 1,
            });
        }
        self.fault.filter(|_| std::str::from_utf8(self.text).is_ok())
    }

    #[inline]
    fn take(&mut self, member: ObjectMember) {
        let Some(index) = self.find(&member) else {
            match self.format.unknown {
                UnknownName::Refuse => self.note(FaultKind::UnknownName, &member),
                UnknownName::LeaveOut => self.has_more = true,
                UnknownName::PassOver | UnknownName::NoLook => {}
            }
            return;
        };
        self.likely = index + 1;
        let start = self.offset + member.value.start as u32;
        let end = match self.text[member.value.start] {
            b'n' => start,
            _ => self.offset + member.value.end as u32,
        };
        // No value stands where its span begins, so a range that begins there is still free.
        if self.slots[index].start != 0 {
            return self.note(FaultKind::RepeatedName, &member);
        }
        self.slots[index] = ByteRange { start, end };
    }

    /// The column that is named.
    #[inline]
    fn find(&mut self, member: &ObjectMember) -> Option<usize> {
        let written = &self.text[member.name.start + 1..member.name.end - 1];
        let NameRoom { resolved, folded } = &mut *self.room;
        if !member.name_has_escape {
            return self.format.names.find(written, self.likely, folded);
        }
        resolved.clear();
        resolve_string(written, &mut |piece| resolved.extend_from_slice(piece));
        self.format.names.find(resolved, self.likely, folded)
    }

    #[cold]
    fn note(&mut self, kind: FaultKind, member: &ObjectMember) {
        let column = member.name.start as u32 + 1;
        self.fault.get_or_insert(Fault { kind, column });
    }
}

/// Gives `take` the names of the object that is the line `text`, in their order, escapes resolved. Whether it is one: if not, some of its names
/// may have been given all the same.
pub fn object_names(text: &[u8], take: &mut dyn FnMut(&[u8])) -> bool {
    let mut resolved = Vec::new();
    let mut scan = ObjectScan::new(text);
    let scanned = scan.object(&mut |member: ObjectMember| {
        let written = &text[member.name.start + 1..member.name.end - 1];
        if !member.name_has_escape {
            return take(written);
        }
        resolved.clear();
        resolve_string(written, &mut |piece| resolved.extend_from_slice(piece));
        take(&resolved);
    });
    scanned.is_ok() && scan.nul_at().is_none()
}
