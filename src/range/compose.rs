//! Before the first pass and after it: inputs to a scan plan, reports of all ranges to a read plan and the place of each range.
//!
//! Reports are put together in the order of the inputs, in a moment: each says where the next record begins for each place at which its own
//! first one may, and the first range of an input begins with a record. Line and record numbers are sums.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::plan::{InputRange, PlannedInput, ReadPlan, ScanPlan, StepSizes, from_json, to_json};
use super::scan::{NextRecord, RangeReport, Stretch};
use crate::builder::Load;
use crate::content_hash::ContentHash;
use crate::error::Error;
use crate::infer::Facts;
use crate::load::look_at_ranges;
use crate::option_name::SCHEMA;
use crate::options::LoadOptions;
use crate::plan::{Layout, plan_new_table, text_notices};
use crate::validate::RecordCounts;
use crate::window::{Input, RangeSource};

/// A range with the place of its first record: all that is needed to read it, beside the [`ReadPlan`].
///
/// It travels [as JSON](Self::to_json) to whoever reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangePiece {
    pub(super) plan: String,
    pub(super) range: InputRange,
    pub(super) content: ContentHash,
    /// Where its first record begins; the end of the range if none does.
    pub(super) entry: u64,
    /// The line there, and the number of the record.
    pub(super) line: u64,
    pub(super) record: u64,
    pub(super) records: u64,
    pub(super) next: NextRecord,
}

impl RangePiece {
    /// Writes the piece as JSON, for [`from_json`](Self::from_json) in another process.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// Reads a piece from JSON.
    ///
    /// # Errors
    /// [`Usage`](crate::ErrorKind::Usage) when it is none.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        from_json(json, "a range with its place")
    }

    /// The range.
    pub fn range(&self) -> InputRange {
        self.range
    }

    /// How many records begin in it.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The number of the first one in its input, 1-based.
    pub fn first_record(&self) -> u64 {
        self.record
    }

    /// The line on which that begins, 1-based.
    pub fn first_line(&self) -> u64 {
        self.line
    }

    /// Offset of its first byte; the end of the range if no record begins in it.
    pub fn first_record_bytes(&self) -> u64 {
        self.entry
    }
}

/// What there is in an input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputTotals {
    /// Records: rows and rejects.
    pub records: u64,
    /// Blank lines after the header.
    pub blank_lines: u64,
    /// Comments after the header.
    pub comment_lines: u64,
    /// Records that are the header once more, where those are dropped.
    pub repeated_headers: u64,
}

/// All ranges, scanned and put together.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Composition {
    /// What whoever reads a range must know.
    pub plan: ReadPlan,
    /// The ranges in order, each with its place. All of them are to be read, also those in which no record begins: a change of the input
    /// since the scan is noticed only where it is looked for.
    pub pieces: Vec<RangePiece>,
    /// What there is in each input.
    pub totals: Vec<InputTotals>,
}

/// Plans the reading of inputs in ranges, and puts the reports of the ranges together.
#[derive(Debug)]
pub struct RangePlanner {
    plan: ScanPlan,
    options: LoadOptions,
    layout: Layout,
    facts: Facts,
    notices: Vec<String>,
}

impl RangePlanner {
    /// Reads what the inputs begin with, and compares their headers. `load` says what they are called and how they are to be read, with all of
    /// its options that are not about a database; `sources` are their bytes, in the same order. No file is opened.
    ///
    /// # Errors
    /// As [`Load::run`] before the first row. [`Usage`](crate::ErrorKind::Usage) for options that only a load into a database can keep, and
    /// for ones about all records together: rejects are not limited, keys not compared. [`InputUnusable`](crate::ErrorKind::InputUnusable)
    /// for inputs that cannot be read in ranges: packed ones, UTF-16, JSON Lines, and CSV with escapes.
    pub fn new(load: &Load<'_>, sources: &[Arc<dyn RangeSource>]) -> Result<Self, Error> {
        let (names, options) = load.for_ranges()?;
        if names.len() != sources.len() {
            return Err(Error::usage(format!(
                "the load names {} inputs, and there are {} sources of bytes: each input needs one",
                names.len(),
                sources.len()
            )));
        }
        let named: Vec<(PathBuf, Arc<dyn RangeSource>)> = names.into_iter().zip(sources.iter().cloned()).collect();
        let open = |(path, source): &(PathBuf, Arc<dyn RangeSource>)| Input::from_ranges(path, Arc::clone(source));
        let inputs = named.iter().map(open).collect::<Result<_, Error>>()?;
        let looked_at = look_at_ranges(inputs, options)?;
        let (layout, facts) = (looked_at.layout.clone(), looked_at.facts.clone());
        let notices = looked_at.notices.clone();
        let (plan, options) = ScanPlan::of(looked_at, &named)?;
        let planner = RangePlanner {
            plan,
            options,
            layout,
            facts,
            notices,
        };
        // What is wrong with the options is said before anything is scanned.
        planner.read_plan(&planner.facts)?;
        Ok(planner)
    }

    /// What whoever scans a range must know.
    pub fn scan_plan(&self) -> &ScanPlan {
        &self.plan
    }

    /// Reads ranges in other pieces than usual. For tests: the outcome is the same.
    #[doc(hidden)]
    pub fn set_pace(&mut self, step_bytes: u64, ahead_bytes: u64) {
        self.plan.sizes = StepSizes {
            step_bytes: step_bytes.max(1),
            ahead_bytes,
        };
    }

    /// What a load would tell its user about the inputs.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Puts the reports of all ranges together, which may come in any order and cut the inputs anywhere.
    ///
    /// # Errors
    /// [`Usage`](crate::ErrorKind::Usage) when ranges are missing, overlap or are of another plan,
    /// [`InputChanged`](crate::ErrorKind::InputChanged) when they cannot be of one and the same input.
    pub fn compose(&self, reports: &[RangeReport]) -> Result<Composition, Error> {
        if reports.iter().any(|report| report.plan != self.plan.mark) {
            return Err(Error::usage(
                "the report of a range is of another plan: scan all ranges with one plan",
            ));
        }
        let mut ordered: Vec<&RangeReport> = reports.iter().collect();
        // An empty range comes before one that begins where it does.
        ordered.sort_by_key(|report| report.range);
        let mut facts = self.facts.clone();
        let (mut pieces, mut totals) = (Vec::with_capacity(reports.len()), Vec::new());
        for (file_index, input) in self.plan.inputs.iter().enumerate() {
            let is_of_input = |report: &&&RangeReport| report.range.file_index as usize == file_index;
            let of_input: Vec<&RangeReport> = ordered.iter().filter(is_of_input).copied().collect();
            check_cover(input, &of_input)?;
            let mut place = RunningPlace::at_start_of(input);
            for report in of_input {
                pieces.push(place.pass(report, input, &mut facts)?);
            }
            place.check_end(input)?;
            totals.push(InputTotals {
                records: place.counts.records,
                blank_lines: place.counts.blank_lines,
                comment_lines: place.counts.comment_lines,
                repeated_headers: place.counts.repeated_headers,
            });
        }
        let mut plan = self.read_plan(&facts)?;
        if self.plan.wants_facts() {
            let paths: Vec<PathBuf> = self
                .plan
                .inputs
                .iter()
                .map(|input| PathBuf::from(&input.name))
                .collect();
            plan.table
                .notices
                .extend(text_notices(&plan.table.columns, &facts, &paths));
        }
        Ok(Composition { plan, pieces, totals })
    }

    fn read_plan(&self, facts: &Facts) -> Result<ReadPlan, Error> {
        let table = self.options.target.table.clone().unwrap_or_default();
        let table = plan_new_table(table, &self.layout, facts, &self.options)?;
        match table.constraints.is_empty() {
            true => Ok(ReadPlan {
                scan: self.plan.clone(),
                table,
            }),
            false => Err(Error::usage(format!(
                "{SCHEMA} has a uniqueKey or foreignKey besides the key, which only a database can keep; leave it out, or load the inputs as a \
                 whole"
            ))),
        }
    }
}

/// # Errors
/// `Usage` unless the ranges of `reports`, in order, touch each other and cover the records of `input`.
fn check_cover(input: &PlannedInput, reports: &[&RangeReport]) -> Result<(), Error> {
    let mut at = input.data_start;
    for report in reports {
        if report.range.start != at {
            return Err(Error::usage(format!(
                "the ranges of {} do not touch: one ends at byte {at}, and the next begins at byte {}",
                input.name, report.range.start
            )));
        }
        at = report.range.end;
    }
    match at == input.data_end && !reports.is_empty() {
        true => Ok(()),
        false => Err(Error::usage(format!(
            "the ranges of {} end at byte {at}, and its records at byte {}: scan all of it",
            input.name, input.data_end
        ))),
    }
}

/// How far an input is put together.
struct RunningPlace {
    next: NextRecord,
    /// Line ends before the next range.
    lines: u64,
    counts: RecordCounts,
}

impl RunningPlace {
    fn at_start_of(input: &PlannedInput) -> Self {
        RunningPlace {
            next: NextRecord::At(input.data_start),
            lines: input.lines,
            counts: RecordCounts::default(),
        }
    }

    /// Passes a range, whose place is then known, and adds what its columns hold.
    fn pass(&mut self, report: &RangeReport, input: &PlannedInput, facts: &mut Facts) -> Result<RangePiece, Error> {
        let range = report.range;
        let first_line = report.ways.first().and_then(|way| way.stretches.first());
        let entry = match (self.next, first_line) {
            (NextRecord::At(at), _) => at.min(range.end),
            (NextRecord::NextLine, Some(first)) => first.at,
            (NextRecord::NextLine, None) => range.end,
        };
        let records_before = self.counts.records;
        let mut piece = RangePiece {
            plan: report.plan.clone(),
            range,
            content: report.content,
            entry,
            line: 1 + self.lines + report.line_ends,
            record: 1 + records_before,
            records: 0,
            next: self.next,
        };
        let mut at = entry;
        while at < range.end {
            let Some((stretches, next)) = stretches_from(report, at) else {
                return Err(impossible(input, at));
            };
            if at == entry {
                piece.line = 1 + self.lines + stretches[0].lines_before;
            }
            for stretch in stretches {
                self.counts.add(stretch.counts);
                if let Some(found) = &stretch.facts {
                    facts.merge_after_lines(found, self.lines);
                }
            }
            self.next = next;
            at = match next {
                NextRecord::At(next) if next <= at => return Err(impossible(input, next)),
                NextRecord::At(next) => next,
                NextRecord::NextLine => range.end,
            };
        }
        self.lines += report.line_ends;
        piece.records = self.counts.records - records_before;
        piece.next = self.next;
        Ok(piece)
    }

    fn check_end(&self, input: &PlannedInput) -> Result<(), Error> {
        match self.next {
            NextRecord::At(at) if at != input.data_end => Err(impossible(input, at)),
            _ => Ok(()),
        }
    }
}

/// The stretches of the way on which a record begins at `at`, from there on, and what comes after them.
fn stretches_from(report: &RangeReport, at: u64) -> Option<(&[Stretch], NextRecord)> {
    report.ways.iter().find_map(|way| {
        let index = way.stretches.iter().position(|stretch| stretch.at == at)?;
        Some((&way.stretches[index..], way.next))
    })
}

fn impossible(input: &PlannedInput, at: u64) -> Error {
    let message = format!(
        "no record can begin at byte {at}, where one should: its ranges were scanned at different times; scan them again"
    );
    Error::changed(input.name.as_ref(), message)
}
