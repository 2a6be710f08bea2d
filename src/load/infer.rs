//! What the columns hold, before anything is written: from every value of every file in a separate pass, from the head of a stream, or by a
//! guess that loading verifies.

use crate::error::Error;
use crate::format::{Format, Parsed};
use crate::head::{FILE_HEAD_BYTES, Head, ReadAs, STREAM_HEAD_BYTES, read_as};
use crate::infer::{Facts, Reading, SpanToInfer, ValuePosition, observe};
use crate::load::context::Context;
use crate::load::opened::{OpenedInput, OpenedInputs};
use crate::memory::{self, MemoryWish};
use crate::observer::{Phase, Progress};
use crate::option_name::{ALTER, COLUMN_TYPE, TEXT};
use crate::options::{Inference, LoadOptions};
use crate::pipeline::{Flight, Flow, FoundBy, ScanRequest, ScanSettings, ScanTimes, Scanned, Work, scan};
use crate::plan::{self, Layout};
use crate::report::MemorySplit;
use crate::schema::cells::CellRules;
use crate::schema::table_info::TableInfo;
use crate::schema::widths::Widths;
use crate::schema::written::NumberStyle;
use crate::window::Input;

/// Least size of inputs for a guess: shorter ones are read in a moment.
const GUESS_FROM_BYTES: u64 = 64 << 20;
/// Pieces, spread over all inputs, that must not contradict a guess.
const GUESS_PIECES: u64 = 16;
/// Bytes of one such piece.
const GUESS_PIECE_BYTES: usize = 128 << 10;
/// Bytes from one such piece to the next in a packed file.
const PACKED_STEP_BYTES: u64 = 1 << 20;
/// Bytes between two calls of the observer: a few hundred calls a second at most.
const SHOW_EVERY_BYTES: u64 = 8 << 20;

/// Facts about one input's chunks.
struct FactsWork<'a, F> {
    nothing: &'a Facts,
    sources: &'a [u32],
    field_count: usize,
    widths: Widths,
    format: F,
    cells: &'a CellRules,
    numbers: NumberStyle,
    repeated_header: Option<&'a [String]>,
    trailing_delimiter: bool,
}

/// Facts of a chunk, and how many records and line ends they come from.
struct ChunkFacts {
    facts: Facts,
    records: u64,
    lines: u64,
}

impl<F: Format> Work for FactsWork<'_, F> {
    type Format = F;
    type Output = ChunkFacts;

    fn format(&self) -> F {
        self.format
    }

    fn output(&self) -> ChunkFacts {
        ChunkFacts {
            facts: self.nothing.clone(),
            records: 0,
            lines: 0,
        }
    }

    fn run(&self, span: &[u8], parsed: &FoundBy<Self>, output: &mut ChunkFacts) {
        output.records = parsed.count() as u64;
        output.lines = u64::from(self.format.line_count(span, parsed));
        let reading = Reading {
            sources: self.sources,
            field_count: self.field_count,
            widths: self.widths,
            format: &self.format,
            cells: self.cells,
            numbers: self.numbers,
            repeated_header: self.repeated_header,
            trailing_delimiter: self.trailing_delimiter,
        };
        observe(span, parsed, &reading, &mut output.facts);
    }

    fn memory_bytes(&self, _output: &ChunkFacts) -> usize {
        size_of::<ChunkFacts>()
    }

    fn bytes_per_line(&self) -> usize {
        self.format.bytes_per_line()
    }
}

/// Whether the last piece of a line has its line end.
pub(super) fn ends_a_line(piece: &[u8], line_end: u8) -> bool {
    piece.ends_with(&[line_end])
}

/// Where the records of an input begin.
fn first_place(head: &Head, file_index: usize) -> ValuePosition {
    ValuePosition {
        file_index,
        line: head.lines + 1,
    }
}

/// What the columns hold, as far as that is known before they are loaded.
pub(super) struct Inferred {
    pub(super) facts: Facts,
    /// Not every value was looked at, and loading verifies it.
    pub(super) is_guess: bool,
}

/// What the columns of `inputs` hold; a guess, where `may_guess` allows it. Only the head is looked at when every type is known already:
/// then all there is to learn is whether the keys ascend.
pub(super) fn infer(
    inputs: &mut OpenedInputs,
    existing: Option<&TableInfo>,
    may_guess: bool,
    context: &Context<'_>,
) -> Result<Inferred, Error> {
    let layout = &inputs.layout;
    let declared: Vec<bool> = match existing {
        Some(info) if context.options.table.alter => declared_or_there(info, inputs, context.options)?,
        Some(_) => vec![true; layout.names.len()],
        None => declared(layout, context.options)?,
    };
    let key = layout.key(context.options)?;
    let nothing = Facts::new(&declared, &key);
    let survey = Survey::of(inputs, &nothing, context);
    let certain = |facts| Inferred { facts, is_guess: false };
    if declared.iter().all(|&declared| declared) {
        // Without a key of one column there is nothing to learn, and no need to wait for a stream.
        return match key[..] {
            [_] => survey.start(inputs).map(certain),
            _ => Ok(certain(nothing)),
        };
    }
    if may_guess
        && !declared[..layout.field_columns()].contains(&true)
        && let Some(facts) = context.account.time("guess types", || survey.guess(inputs))?
    {
        return Ok(Inferred { facts, is_guess: true });
    }
    context.observer.phase(Phase::Infer, inputs.total_bytes());
    let facts = context.account.time("infer", || survey.all(inputs))?;
    Ok(certain(facts))
}

/// A guess at what the columns of `inputs` hold, if there can be one.
pub(super) fn guess(inputs: &mut OpenedInputs, context: &Context<'_>) -> Result<Option<Inferred>, Error> {
    let layout = &inputs.layout;
    let declared = declared(layout, context.options)?;
    if declared[..layout.field_columns()].contains(&true) {
        return Ok(None);
    }
    let nothing = Facts::new(&declared, &layout.key(context.options)?);
    let survey = Survey::of(inputs, &nothing, context);
    let facts = context.account.time("guess types", || survey.guess(inputs))?;
    Ok(facts.map(|facts| Inferred { facts, is_guess: true }))
}

/// Whether inputs like these, which are files, are worth a guess.
pub(super) fn guesses(inputs: &OpenedInputs, options: &LoadOptions) -> bool {
    let (Some(total_bytes), false) = (inputs.estimated_bytes, options.repeat.append_only) else {
        return false;
    };
    match options.contract.inference {
        Inference::Whole => false,
        Inference::Guess => true,
        Inference::Auto => total_bytes >= GUESS_FROM_BYTES,
    }
}

/// Whether the type of each column is declared.
pub(super) fn declared(layout: &Layout, options: &LoadOptions) -> Result<Vec<bool>, Error> {
    Ok(layout.declared_types(options)?.iter().map(Option::is_some).collect())
}

/// Whether the type of each column is declared, or is that of a column of the table `info`.
///
/// # Errors
/// `Usage` when a type must be found of values that come only with the load.
fn declared_or_there(info: &TableInfo, inputs: &OpenedInputs, options: &LoadOptions) -> Result<Vec<bool>, Error> {
    let layout = &inputs.layout;
    let types = layout.declared_types(options)?;
    let mut declared = vec![true; layout.names.len()];
    for index in plan::lacking_columns(info, layout, options) {
        declared[index] = types[index].is_some();
    }
    let unknown = declared.iter().position(|&is_declared| !is_declared);
    match unknown.filter(|_| !inputs.can_be_read_again() || options.repeat.append_only) {
        Some(index) => Err(Error::usage(format!(
            "{ALTER} is to add column \"{}\", and its values come only with the load, from a stream or a file that grows; declare its type with \
             {COLUMN_TYPE}, or {TEXT}",
            layout.names[index]
        ))),
        None => Ok(declared),
    }
}

/// A look at inputs for what their columns hold.
struct Survey<'a> {
    context: &'a Context<'a>,
    /// The facts of no value.
    nothing: &'a Facts,
    /// Memory that unpacking the inputs takes.
    unpacking_bytes: u64,
}

impl<'a> Survey<'a> {
    fn of(inputs: &OpenedInputs, nothing: &'a Facts, context: &'a Context<'a>) -> Self {
        Survey {
            context,
            nothing,
            unpacking_bytes: inputs.unpacking_bytes(),
        }
    }

    /// What the first chunk holds, if that is likely to be what all the inputs hold.
    ///
    /// A wrong guess only costs time, so one is made where a pass over every value would take long, unless pieces from all over the inputs
    /// speak against it. A piece may begin within a quoted field, so it can rule a guess out but not correct it.
    fn guess(&self, inputs: &mut OpenedInputs) -> Result<Option<Facts>, Error> {
        let options = self.context.options;
        let (Some(total_bytes), false) = (inputs.estimated_bytes, options.repeat.append_only) else {
            return Ok(None);
        };
        let stopped = || self.context.is_stopped();
        let chunk_bytes = FILE_HEAD_BYTES.min(options.resources.chunk_bytes as usize);
        let first = &mut inputs.all[0];
        let sample = first.input.window(first.head.data_start_bytes, chunk_bytes, &stopped)?;
        let Some(found) = self.span(first, sample.bytes(), false) else {
            return Ok(None);
        };
        let mut facts = self.nothing.clone();
        let span = SpanToInfer {
            bytes: sample.bytes(),
            line_end: first.head.dialect.line_end,
            place: first_place(&first.head, 0),
        };
        facts.merge_span(&found, span);
        match options.contract.inference {
            Inference::Whole => return Ok(None),
            Inference::Guess => return Ok(Some(facts)),
            Inference::Auto if total_bytes < GUESS_FROM_BYTES => return Ok(None),
            Inference::Auto => {}
        }
        drop(sample);
        for opened in &mut inputs.all {
            let start_bytes = opened.head.data_start_bytes;
            let abilities = opened.input.abilities();
            let (pieces, step_bytes) = match abilities.length_bytes {
                Some(length_bytes) if abilities.can_be_mapped => {
                    let rest_bytes = length_bytes.saturating_sub(start_bytes);
                    let pieces = (GUESS_PIECES * rest_bytes).div_ceil(total_bytes.max(1));
                    (pieces, rest_bytes / pieces.max(1))
                }
                // All that comes before a piece is unpacked for it, so they stand at the beginning.
                _ => (GUESS_PIECES, PACKED_STEP_BYTES),
            };
            for piece in 0..pieces {
                let at_bytes = start_bytes + step_bytes * piece;
                let window = opened.input.window(at_bytes, GUESS_PIECE_BYTES, &stopped)?;
                let line_end = opened.head.dialect.line_end;
                let first_line = memchr::memchr(line_end, window.bytes()).map_or(window.bytes().len(), |at| at + 1);
                let span = &window.bytes()[first_line..];
                let Some(found) = self.span(opened, span, false) else {
                    continue;
                };
                let mut both = facts.clone();
                both.merge(&found);
                let columns = 0..opened.fields.len();
                let same_types = columns
                    .into_iter()
                    .all(|index| both.column_type(index) == facts.column_type(index));
                let found_order = found.key_order();
                if !same_types || (found_order.values > 0 && found_order.ascends() != facts.key_order().ascends()) {
                    return Ok(None);
                }
            }
            opened.input.rest();
        }
        Ok(Some(facts))
    }

    /// As [`facts_of_start`].
    fn start(&self, inputs: &mut OpenedInputs) -> Result<Facts, Error> {
        let Context { options, .. } = self.context;
        facts_of_start(&mut inputs.all[0], self.nothing, options, &|| self.context.is_stopped())
    }

    /// Adds what the first 16 MiB of a stream hold to `facts`.
    fn stream(&self, file_index: usize, opened: &mut OpenedInput, facts: &mut Facts) -> Result<(), Error> {
        let OpenedInput {
            input, head, fields, ..
        } = opened;
        let end_bytes = head.data_start_bytes + STREAM_HEAD_BYTES as u64;
        let (mut record, is_whole) = input.recorded(end_bytes, &|| self.context.is_stopped())?;
        let request = FactsRequest {
            head,
            fields,
            place: first_place(head, file_index),
            may_grow: !is_whole,
        };
        self.scan(&mut record, &request, &mut |found| {
            facts.merge_span(found.facts, found.span);
        })
    }

    /// As [`facts_of_span`].
    fn span(&self, opened: &OpenedInput, span: &[u8], at_end: bool) -> Option<Facts> {
        facts_of_span(opened, LookedAt { span, at_end }, self.nothing, self.context.options)
    }

    /// What all the inputs hold.
    fn all(&self, inputs: &mut OpenedInputs) -> Result<Facts, Error> {
        let observer = self.context.observer;
        let mut facts = self.nothing.clone();
        let mut done = Progress::default();
        let mut shown_bytes = 0;
        for (file_index, opened) in inputs.all.iter_mut().enumerate() {
            if !opened.input.abilities().can_be_read_again {
                self.stream(file_index, opened, &mut facts)?;
                let path = opened.input.path().display();
                observer.notice(&format!(
                    "{path} is a stream: column types are inferred from its first 16 MiB; values that do not fit later are rejected \
                     (declare them with {COLUMN_TYPE}, or {TEXT}, to be sure)"
                ));
                continue;
            }
            let OpenedInput {
                input, head, fields, ..
            } = opened;
            let request = FactsRequest {
                head,
                fields,
                place: first_place(head, file_index),
                may_grow: self.context.options.repeat.append_only,
            };
            let before_bytes = done.bytes;
            let marks = input.marks();
            self.scan(input, &request, &mut |found| {
                // Progress in a packed file is told in bytes of the file, whose number is known.
                let read_bytes = marks.as_ref().map(|marks| marks.packed_bytes(found.end_bytes));
                done.bytes = before_bytes + read_bytes.unwrap_or(found.end_bytes);
                facts.merge_span(found.facts, found.span);
                done.records += found.records;
                if done.bytes - shown_bytes >= SHOW_EVERY_BYTES {
                    shown_bytes = done.bytes;
                    observer.progress(done);
                }
            })?;
            input.rest();
        }
        observer.progress(done);
        Ok(facts)
    }

    /// Hands the facts of `input` to `take`, chunk by chunk and always in input order.
    fn scan(
        &self,
        input: &mut Input,
        request: &FactsRequest<'_>,
        take: &mut dyn FnMut(&FoundFacts<'_>),
    ) -> Result<(), Error> {
        match read_as(request.head, self.context.options) {
            ReadAs::Csv(format) => self.scan_as(input, request, format, take),
            ReadAs::JsonLines(format) => self.scan_as(input, request, format, take),
        }
    }

    fn scan_as<F: Format>(
        &self,
        input: &mut Input,
        request: &FactsRequest<'_>,
        format: F,
        take: &mut dyn FnMut(&FoundFacts<'_>),
    ) -> Result<(), Error> {
        let Context { options, pool, .. } = self.context;
        let head = request.head;
        let mut place = request.place;
        let split = looking_memory(options, self.unpacking_bytes)?;
        let work = FactsWork {
            nothing: self.nothing,
            sources: request.fields,
            field_count: head.names.len(),
            widths: options.columns.widths,
            format,
            cells: &options.dialect.cells,
            numbers: options.dialect.written.numbers,
            repeated_header: head.repeated_header(options),
            trailing_delimiter: head.trailing_delimiter,
        };
        let settings = ScanSettings {
            may_grow: request.may_grow,
            ..self.context.scan_settings(&split)
        };
        let scan_request = ScanRequest {
            settings,
            work: &work,
            flight: &Flight::new(&settings),
            times: &ScanTimes::default(),
            stopped: &|| self.context.is_stopped(),
        };
        scan(pool, input, head.data_start_bytes, scan_request, &mut |scanned| {
            match scanned {
                Scanned::Nothing | Scanned::Waiting => {}
                Scanned::LinePiece(piece) => {
                    place.line += u64::from(piece.last && ends_a_line(piece.bytes(), head.dialect.line_end));
                }
                Scanned::Block(block) => {
                    take(&FoundFacts {
                        end_bytes: block.start_bytes + block.bytes().len() as u64,
                        facts: &block.output.facts,
                        span: SpanToInfer {
                            bytes: block.bytes(),
                            line_end: head.dialect.line_end,
                            place,
                        },
                        records: block.output.records,
                    });
                    place.line += block.output.lines;
                }
            }
            Ok(Flow::Continue)
        })?;
        Ok(())
    }
}

/// What the first records of the first input, `opened`, hold: whether keys ascend. That decides which column becomes the primary key, so the
/// same amount is looked at of a stream as of a file.
pub(super) fn facts_of_start(
    opened: &mut OpenedInput,
    nothing: &Facts,
    options: &LoadOptions,
    stopped: &dyn Fn() -> bool,
) -> Result<Facts, Error> {
    let start_bytes = opened.head.data_start_bytes;
    let sample = opened.input.window(start_bytes, FILE_HEAD_BYTES, stopped)?;
    let look = LookedAt {
        span: sample.bytes(),
        at_end: sample.at_end && !options.repeat.append_only,
    };
    let facts = facts_of_span(opened, look, nothing, options);
    Ok(facts.unwrap_or_else(|| nothing.clone()))
}

/// What the records of a span of an input hold, which is at its end perhaps; `None` without any.
fn facts_of_span(opened: &OpenedInput, look: LookedAt<'_>, nothing: &Facts, options: &LoadOptions) -> Option<Facts> {
    match read_as(&opened.head, options) {
        ReadAs::Csv(format) => facts_as(opened, look, format, (nothing, options)),
        ReadAs::JsonLines(format) => facts_as(opened, look, format, (nothing, options)),
    }
}

fn facts_as<F: Format>(
    opened: &OpenedInput,
    look: LookedAt<'_>,
    format: F,
    (nothing, options): (&Facts, &LoadOptions),
) -> Option<Facts> {
    let LookedAt { span, at_end } = look;
    let mut parsed = F::Parsed::default();
    let consumed = format.parse_before(span, span.len(), at_end, &mut parsed);
    let mut facts = nothing.clone();
    let reading = Reading {
        sources: &opened.fields,
        field_count: opened.head.names.len(),
        widths: options.columns.widths,
        format: &format,
        cells: &options.dialect.cells,
        numbers: options.dialect.written.numbers,
        repeated_header: opened.head.repeated_header(options),
        trailing_delimiter: opened.head.trailing_delimiter,
    };
    observe(&span[..consumed], &parsed, &reading, &mut facts);
    (parsed.count() > 0).then_some(facts)
}

/// A part of an input that is looked at.
struct LookedAt<'a> {
    span: &'a [u8],
    /// It may be the input's last.
    at_end: bool,
}

/// The memory of a look at inputs before anything is loaded.
pub(super) fn looking_memory(options: &LoadOptions, unpacking_bytes: u64) -> Result<MemorySplit, Error> {
    memory::split(MemoryWish {
        budget_bytes: options.resources.memory_bytes,
        window_bytes: options.resources.window_bytes,
        filter_bytes: 0,
        indexes: 0,
        record_bytes: options.limits.max_record_bytes,
        unpacking_bytes,
        searches: false,
        profile_bytes: 0,
    })
}

/// Which input's facts are asked for.
struct FactsRequest<'a> {
    head: &'a Head,
    fields: &'a [u32],
    /// Where its records begin.
    place: ValuePosition,
    /// More bytes may follow: the last record may go on.
    may_grow: bool,
}

/// What a chunk holds.
struct FoundFacts<'a> {
    /// Where it ends in the input.
    end_bytes: u64,
    facts: &'a Facts,
    span: SpanToInfer<'a>,
    records: u64,
}
