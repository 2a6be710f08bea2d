//! The first pass over a range: what becomes of it wherever its first record may begin.
//!
//! Comes in: a range, and nothing of what comes before. Goes out: a [`RangeReport`], a few hundred bytes. A line begins at the first byte of
//! the records and after each line end, and records begin where lines do. If a record from before reaches into the range, it ends in one of few
//! places ([`after_crossing`]); from each of them the range is one sequence of records, and most of these are one from some place on. So a
//! report has *ways*, at most two of which are walked far, cut into *stretches* where others may join.
//!
//! A record belongs to the range in which it begins, and is looked for after the end of the range as far as a record may reach.

use serde::{Deserialize, Serialize};

use super::bytes::{FoundRecords, InputAccess, RangeBytes, RecordWalk};
use super::plan::{InputRange, ScanPlan, from_json, to_json};
use crate::content_hash::ContentHash;
use crate::error::Error;
use crate::format::Format;
use crate::infer::{Facts, Reading, SpanToInfer, ValuePosition, observe};
use crate::options::LoadOptions;
use crate::parse::{Records, Syntax, after_crossing};
use crate::validate::{RecordCounts, RecordSorter};
use crate::window::RangeSource;

/// Bytes that the cache of a processor holds beside what else it does.
const PART_BYTES: usize = 128 << 10;

/// Where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum NextRecord {
    /// At this offset.
    At(u64),
    /// Where the next line begins.
    NextLine,
}

/// Records that follow each other, up to where another way may join.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stretch {
    /// Where the first one begins.
    pub(super) at: u64,
    /// Line ends in the range before that.
    pub(super) lines_before: u64,
    pub(super) counts: RecordCounts,
    /// What the columns hold, if that is to be found out. Lines are counted from the beginning of the range.
    pub(super) facts: Option<Facts>,
}

/// A sequence of records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RangeWay {
    pub(super) stretches: Vec<Stretch>,
    /// The record after its last one: the first of a stretch of another way, or one after the range.
    pub(super) next: NextRecord,
}

/// What is in a range, whatever comes before it.
///
/// It is made by [`ScanPlan::scan`] and travels [as JSON](Self::to_json) to where all reports are
/// [put together](super::RangePlanner::compose).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RangeReport {
    pub(super) plan: String,
    pub(super) range: InputRange,
    pub(super) content: ContentHash,
    /// Line ends among its bytes.
    pub(super) line_ends: u64,
    /// Where a line begins in the range: the first way begins with it. Nothing if none does.
    pub(super) ways: Vec<RangeWay>,
    parsed_bytes: u64,
}

impl RangeReport {
    /// Writes the report as JSON, for [`from_json`](Self::from_json) in another process.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// Reads a report from JSON.
    ///
    /// # Errors
    /// [`Usage`](crate::ErrorKind::Usage) when it is none.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        from_json(json, "the report of a range")
    }

    /// What was scanned.
    pub fn range(&self) -> InputRange {
        self.range
    }

    /// Bytes that were parsed: about those of the range, at worst twice as many and what the last records reach beyond it.
    pub fn parsed_bytes(&self) -> u64 {
        self.parsed_bytes
    }
}

impl ScanPlan {
    /// Scans a range of an input, which `source` reads.
    ///
    /// # Errors
    /// [`InputChanged`](crate::ErrorKind::InputChanged) when the input is not what it was when it was planned,
    /// [`Io`](crate::ErrorKind::Io) when it cannot be read, [`Usage`](crate::ErrorKind::Usage) for a range that is none of it.
    pub fn scan(&self, source: &dyn RangeSource, range: InputRange) -> Result<RangeReport, Error> {
        let access = InputAccess::of(self, source, range)?;
        access.check_edges(range)?;
        let bytes = RangeBytes::read(&access, range)?;
        let own = bytes.of(range.start, range.end);
        let (content, line_ends) = hash_and_count(own, access.input.line_end());
        let mut report = RangeReport {
            plan: self.mark.clone(),
            range,
            content,
            line_ends,
            ways: Vec::new(),
            parsed_bytes: 0,
        };
        let Some(first) = bytes.first_line(range, access.input) else {
            return Ok(report);
        };
        let syntax = self.syntax(access.input)?;
        let mut entries = vec![first];
        if first > access.input.data_start {
            let found = after_crossing(bytes.of(first, range.end), &syntax);
            entries.extend(found.into_iter().map(|entry| first + entry as u64));
        }
        let mut scanner = Scanner {
            access,
            range,
            syntax,
            options: self.options()?,
            nothing: self.wants_facts().then(|| Facts::new(&self.declared, &self.key)),
            bytes,
            entries,
            records: Records::default(),
            ways: Vec::new(),
            parsed_bytes: 0,
        };
        scanner.walk_all()?;
        (report.ways, report.parsed_bytes) = (scanner.ways, scanner.parsed_bytes);
        Ok(report)
    }

    /// Whether types are to be found out from the values.
    pub(super) fn wants_facts(&self) -> bool {
        self.declared.contains(&false)
    }
}

/// The hash of `bytes`, and how many of them end lines: both of a part while a processor has it at hand.
fn hash_and_count(bytes: &[u8], line_end: u8) -> (ContentHash, u64) {
    let parts = bytes.chunks(PART_BYTES);
    parts.fold(Default::default(), |(content, line_ends): (ContentHash, u64), part| {
        let in_part = memchr::memchr_iter(line_end, part).count() as u64;
        (content.then(ContentHash::of(part)), line_ends + in_part)
    })
}

/// The scan of one range.
struct Scanner<'a> {
    access: InputAccess<'a>,
    range: InputRange,
    syntax: Syntax,
    options: LoadOptions,
    /// The facts of no value, if facts are wanted.
    nothing: Option<Facts>,
    bytes: RangeBytes,
    /// Where the first record may begin, in order.
    entries: Vec<u64>,
    records: Records,
    ways: Vec<RangeWay>,
    parsed_bytes: u64,
}

impl Scanner<'_> {
    /// Walks from every place at which the first record may begin, as far as no way goes there already.
    fn walk_all(&mut self) -> Result<(), Error> {
        for index in 0..self.entries.len() {
            let entry = self.entries[index];
            if !self.is_on_a_way(entry) {
                let way = self.walk(entry)?;
                self.ways.push(way);
            }
        }
        Ok(())
    }

    fn is_on_a_way(&self, at: u64) -> bool {
        let stretches = self.ways.iter().flat_map(|way| &way.stretches);
        stretches.into_iter().any(|stretch| stretch.at == at)
    }

    /// Walks from `at` to the end of the range, or to where another way has been.
    fn walk(&mut self, mut at: u64) -> Result<RangeWay, Error> {
        let mut stretches = vec![self.stretch(at, None)];
        loop {
            let cut = self.entries.iter().copied().find(|&entry| entry > at);
            let next = self.walk_to(at, cut.unwrap_or(self.range.end), &mut stretches)?;
            at = match next {
                NextRecord::At(next) if next < self.range.end => next,
                next => return Ok(RangeWay { stretches, next }),
            };
            if self.is_on_a_way(at) {
                return Ok(RangeWay { stretches, next });
            }
            // Elsewhere a record reaches across the place where another way may begin: it is none for this one.
            if self.entries.contains(&at) {
                stretches.push(self.stretch(at, stretches.last()));
            }
        }
    }

    /// A stretch that begins at `at`, after the one `before`.
    fn stretch(&self, at: u64, before: Option<&Stretch>) -> Stretch {
        let (from, lines) = before.map_or((self.range.start, 0), |before| (before.at, before.lines_before));
        let line_end = self.syntax.dialect.line_end;
        Stretch {
            at,
            lines_before: lines + memchr::memchr_iter(line_end, self.bytes.of(from, at)).count() as u64,
            counts: RecordCounts::default(),
            facts: self.nothing.clone(),
        }
    }

    /// Walks from `at` to the first record at `border` or after it, and adds what is there to the last of `stretches`.
    fn walk_to(&mut self, at: u64, border: u64, stretches: &mut [Stretch]) -> Result<NextRecord, Error> {
        let Some(stretch) = stretches.last_mut() else {
            return Err(Error::internal("a way without a stretch"));
        };
        let mut walk = RecordWalk::new(at, border, self.syntax, self.access.sizes);
        let mut lines = None;
        while let Some(found) = walk.next(&mut self.bytes, &self.access, &mut self.records)? {
            let FoundRecords::Records { start, end } = found else {
                stretch.counts.records += 1;
                return Ok(NextRecord::NextLine);
            };
            self.parsed_bytes += end - start;
            let span = self.bytes.of(start, end);
            let sorter = RecordSorter {
                span,
                format: &self.syntax,
                field_count: self.access.input.names.len() as u32,
                repeated_header: self.access.input.repeated_header.as_deref(),
            };
            stretch.counts.add(sorter.count(&self.records));
            if let (Some(facts), Some(nothing)) = (&mut stretch.facts, &self.nothing) {
                let line_end = self.syntax.dialect.line_end;
                let lines = lines.get_or_insert_with(|| {
                    let before = self.bytes.of(self.range.start, start);
                    memchr::memchr_iter(line_end, before).count() as u64
                });
                let place = ValuePosition {
                    file_index: self.range.file_index as usize,
                    line: 1 + *lines,
                };
                *lines += u64::from(self.syntax.line_count(span, &self.records));
                let mut found = nothing.clone();
                observe(
                    span,
                    &self.records,
                    &reading(&self.access, &self.syntax, &self.options),
                    &mut found,
                );
                facts.merge_span(
                    &found,
                    SpanToInfer {
                        bytes: span,
                        line_end,
                        place,
                    },
                );
            }
        }
        Ok(NextRecord::At(walk.at))
    }
}

/// How the fields of an input become values.
fn reading<'a>(access: &InputAccess<'a>, syntax: &'a Syntax, options: &'a LoadOptions) -> Reading<'a, Syntax> {
    Reading {
        sources: &access.input.fields,
        field_count: access.input.names.len(),
        widths: options.columns.widths,
        format: syntax,
        cells: &options.dialect.cells,
        numbers: options.dialect.written.numbers,
        repeated_header: access.input.repeated_header.as_deref(),
        trailing_delimiter: access.input.trailing_delimiter,
    }
}
