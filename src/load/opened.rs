//! The inputs, opened: what each begins with, how their columns match, how much there is to read.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::checkpoint::{Extent, Identity, Loaded};
use crate::content_hash::ContentHash;
use crate::decode::Packing;
use crate::dedup;
use crate::encoding::Encoding;
use crate::error::{Error, ErrorKind};
use crate::format::{FieldNames, UnknownName};
use crate::head::{FILE_HEAD_BYTES, Head, Objects, read_head};
use crate::load::context::Context;
use crate::load::contract::{self, InputFields};
use crate::load::ended::{Ended, Halt};
use crate::load::inputs::{Inputs, NamedInput, needs_file};
use crate::option_name::{APPEND_ONLY, ENCODING, FORMAT, MEMBER, ONCE, RESTART};
use crate::options::{InputFormat, LoadOptions};
use crate::pipeline::hash_range;
use crate::plan::{Header, Layout, TablePlan};
use crate::report::{FoundDialect, InputReport, agreeing};
use crate::rows::RowBlock;
use crate::window::{Abilities, FileIdentity, Input, TailRules};

/// Bytes looked through at a time for a line end.
const LOOK_BYTES: usize = 16 << 20;
/// How many times its size a packed file is, where no sample tells.
const USUAL_RATIO: f64 = 4.0;
/// Most files that are kept open from beginning to end. If there are more, they are opened one after another, when they are read.
const MAX_OPEN_FILES: usize = 64;

/// The inputs, in the order in which they are loaded.
pub(super) struct OpenedInputs {
    pub(super) all: Vec<OpenedInput>,
    /// The columns that the table gets, and where in each input they come from.
    pub(super) layout: Layout,
    /// About how many bytes there are to read, unless there is a stream.
    pub(super) estimated_bytes: Option<u64>,
    /// Keys to size the filter for.
    pub(super) estimated_keys: u64,
}

/// An input, opened, and what it begins with.
pub(super) struct OpenedInput {
    pub(super) input: Input,
    pub(super) head: Head,
    /// The field of each column of the table.
    pub(super) fields: Vec<u32>,
    /// The part of it that an earlier load has loaded.
    loaded: Option<Loaded>,
    pub(super) count: InputCount,
}

/// What was read of an input so far.
#[derive(Default)]
pub(super) struct InputCount {
    /// Of a file its size, which is known before it is read.
    pub(super) bytes: u64,
    pub(super) records: u64,
    pub(super) lines: u64,
    pub(super) blank_lines: u64,
    pub(super) comment_lines: u64,
    pub(super) repeated_headers: u64,
    pub(super) cut_records: u64,
    pub(super) filled_records: u64,
    /// For each column, values that were written in another form than they are stored in; empty before the first.
    pub(super) recoded: Vec<u64>,
    pub(super) content: ContentHash,
}

impl InputCount {
    /// Adds what was counted in a block, but for its lines and records.
    pub(super) fn add_block<E>(&mut self, rows: &RowBlock<E>) {
        self.blank_lines += u64::from(rows.blank_lines);
        self.comment_lines += u64::from(rows.comment_lines);
        self.repeated_headers += u64::from(rows.repeated_headers);
        self.cut_records += u64::from(rows.cut_records);
        self.filled_records += u64::from(rows.filled_records);
        self.add_recoded(&rows.recoded);
    }

    /// Adds what was counted of the values of each column.
    fn add_recoded(&mut self, recoded: &[u64]) {
        if self.recoded.len() < recoded.len() {
            self.recoded.resize(recoded.len(), 0);
        }
        for (sum, count) in self.recoded.iter_mut().zip(recoded) {
            *sum += count;
        }
    }
}

impl OpenedInput {
    /// Reads what `input` begins with.
    fn read_head(mut input: Input, options: &LoadOptions, context: &Context<'_>) -> Result<OpenedInput, Error> {
        input.record_in(context.folder())?;
        let head = read_head(&mut input, options, None, &|| context.is_stopped())?;
        input.rest();
        Ok(OpenedInput::new(input, head))
    }

    pub(super) fn new(input: Input, head: Head) -> Self {
        OpenedInput {
            input,
            head,
            fields: Vec::new(),
            loaded: None,
            count: InputCount::default(),
        }
    }

    /// `options` that say whether there is a header as this input does.
    pub(super) fn as_found(&self, options: &LoadOptions) -> LoadOptions {
        let mut options = options.clone();
        options.dialect.header = self.head.has_header;
        options.dialect.header_is_given = true;
        options
    }

    fn header(&self) -> Header<'_> {
        Header {
            path: self.input.path(),
            names: &self.head.names,
        }
    }

    /// Counts from the first record on that is to be loaded.
    fn begin_counting(&mut self) {
        self.count = match &self.loaded {
            Some(loaded) => InputCount {
                bytes: loaded.offset_bytes,
                records: loaded.counts.records,
                lines: loaded.lines,
                blank_lines: loaded.blank_lines,
                comment_lines: loaded.comment_lines,
                repeated_headers: loaded.repeated_headers,
                cut_records: loaded.cut_records,
                filled_records: loaded.filled_records,
                recoded: loaded.recoded.clone(),
                content: loaded.content,
            },
            None => InputCount {
                bytes: (self.input.abilities().length_bytes)
                    .map_or(0, |read_bytes| read_bytes + self.input.tail().bytes()),
                lines: self.head.lines,
                blank_lines: self.head.blank_lines,
                comment_lines: self.head.comment_lines,
                ..InputCount::default()
            },
        };
    }

    /// Where the first record to load begins.
    pub(super) fn start_bytes(&self) -> u64 {
        match &self.loaded {
            Some(loaded) => loaded.offset_bytes,
            None => self.head.data_start_bytes,
        }
    }

    /// The same in the original input: of UTF-16 that is elsewhere than in what is parsed.
    pub(super) fn original_start_bytes(&self) -> u64 {
        match &self.loaded {
            // Whose appended part is loaded is parsed as it stands.
            Some(loaded) => loaded.offset_bytes,
            None => self.head.data_start_original,
        }
    }

    /// What comes before that: the header, or the part that is loaded already.
    pub(super) fn content_before(&self) -> ContentHash {
        match &self.loaded {
            Some(loaded) => loaded.content,
            None => self.head.content,
        }
    }

    pub(super) fn report(&self) -> InputReport {
        let InputCount {
            bytes,
            records,
            lines,
            blank_lines,
            comment_lines,
            repeated_headers,
            cut_records,
            filled_records,
            ref recoded,
            content,
        } = self.count;
        let tail = self.input.tail();
        InputReport {
            path: self.input.path().to_owned(),
            bytes,
            mapped: self.input.abilities().can_be_mapped,
            packing: self.input.packing().map(Packing::as_str),
            packed_bytes: self.input.packed_bytes(),
            member: self.input.member(),
            records,
            lines,
            blank_lines,
            comment_lines,
            repeated_headers,
            cut_records,
            filled_records,
            recoded: recoded.clone(),
            skipped_lines: self.head.skipped_lines,
            dialect: self.head.found,
            footer_lines: tail.footer_lines,
            padding_bytes: tail.padding_bytes,
            format: match self.head.objects {
                None => InputFormat::Csv,
                Some(_) => InputFormat::JsonLines,
            }
            .as_str(),
            delimiter: match self.head.objects {
                None => self.head.delimiter.text(),
                Some(_) => String::new(),
            },
            encoding: self.head.dialect.encoding.name(),
            trailing_delimiter: self.head.trailing_delimiter,
            content,
        }
    }
}

impl OpenedInputs {
    /// Opens the inputs and reads what each begins with.
    pub(super) fn open(inputs: Inputs, context: &Context<'_>) -> Result<Self, Halt> {
        Self::open_all(inputs.all, context).map_err(|error| match context.observer.cancelled() {
            // A stream that has given nothing yet looks empty to whoever stops waiting for it.
            Some(by) => Halt::Early(Box::new(Ended::interrupted(by))),
            None => Halt::Failed(error),
        })
    }

    fn open_all(named: Vec<NamedInput>, context: &Context<'_>) -> Result<Self, Error> {
        let options = context.options;
        let is_many = named.len() > MAX_OPEN_FILES;
        let mut inputs = Vec::with_capacity(named.len());
        for NamedInput { name, reader } in named {
            let mut input = match reader {
                Some(reader) => Input::from_reader(&name, reader),
                None => Input::open(&name)?,
            };
            if is_many {
                input.let_rest();
                input.rest();
            }
            inputs.push(input);
        }
        // Streams are unpacked at the same time, as far as they are looked at.
        let streams = inputs.iter().filter(|input| !input.abilities().can_be_read_again);
        let at_a_time = streams.count().max(1) as u64;
        for input in &mut inputs {
            input.set_unpacking(context.unpacking(at_a_time));
        }
        let assumed = options.dialect.encoding.and_then(Encoding::wide);
        for input in &mut inputs {
            input.look_for_wide(assumed)?;
            if is_many {
                input.rest();
            }
        }
        if options.repeat.append_only {
            check_growing(&inputs)?;
            inputs.iter_mut().for_each(Input::let_grow);
        }
        leave_out_tails(&mut inputs, options)?;
        let mut all: Vec<OpenedInput> = Vec::with_capacity(inputs.len());
        for input in inputs {
            let options = match all.first() {
                Some(first) => first.as_found(options),
                None => options.clone(),
            };
            all.push(OpenedInput::read_head(input, &options, context)?);
        }
        for OpenedInput { input, head, .. } in &all {
            if let Some(member) = input.member() {
                context
                    .observer
                    .notice(&format!("{}: loading its member {member}", input.path().display()));
            }
            for notice in &head.notices {
                context
                    .observer
                    .notice(&format!("{}: {notice}", input.path().display()));
            }
        }
        hint_at_encoding(&all, context);
        // What columns objects have is not known before they, or the table, are looked at.
        let layout = match are_objects(&all, options)? {
            true => Layout::default(),
            false => lay_out(&mut all, options)?,
        };
        check_member(&all, options)?;
        let estimate = estimate(&mut all, &|| context.is_stopped())?;
        let mut opened = OpenedInputs {
            all,
            layout,
            estimated_bytes: estimate.map(|estimate| estimate.bytes),
            estimated_keys: estimate.map_or(dedup::MAX_FILTER_KEYS, |estimate| estimate.keys),
        };
        opened.begin_counting(context);
        Ok(opened)
    }

    /// Counts from the first records on that are to be loaded, and tells what there is to read.
    pub(super) fn begin_counting(&mut self, context: &Context<'_>) {
        self.all.iter_mut().for_each(OpenedInput::begin_counting);
        context
            .account
            .inputs(self.all.iter().map(OpenedInput::report).collect());
    }

    /// `options` that say whether there is a header: the first input decides it for all.
    pub(super) fn as_found(&self, options: &LoadOptions) -> LoadOptions {
        self.all[0].as_found(options)
    }

    /// What the inputs are called.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.all.iter().map(|opened| opened.input.path().to_owned()).collect()
    }

    /// How the characters of each are written.
    pub(super) fn encodings(&self) -> Vec<Encoding> {
        self.all.iter().map(|opened| opened.head.dialect.encoding).collect()
    }

    /// What was found out about the dialect of each, where that was asked for.
    pub(super) fn dialects(&self) -> Vec<FoundDialect> {
        self.all.iter().filter_map(|opened| opened.head.found).collect()
    }

    /// Whether they are JSON Lines.
    pub(super) fn are_objects(&self) -> bool {
        self.all[0].head.objects.is_some()
    }

    /// Reads `names` of the objects as columns; `unknown`: what becomes of others.
    ///
    /// # Errors
    /// As [`Layout::of`].
    pub(super) fn take_names(
        &mut self,
        names: FieldNames,
        unknown: UnknownName,
        options: &LoadOptions,
    ) -> Result<(), Error> {
        let names = Arc::new(names);
        for opened in &mut self.all {
            let objects = Objects {
                names: Arc::clone(&names),
                unknown,
            };
            opened.head.names = objects.columns();
            opened.head.objects = Some(objects);
        }
        self.layout = lay_out(&mut self.all, options)?;
        Ok(())
    }

    /// The names of objects that are columns; none of CSV.
    pub(super) fn object_names(&self) -> Vec<String> {
        let objects = self.all[0].head.objects.as_ref();
        objects.map_or_else(Vec::new, |objects| objects.names.as_slice().to_vec())
    }

    /// Reads the inputs in the dialects, or with the names, that were found when the load was begun as `plan`: what has been appended since
    /// might tell otherwise.
    pub(super) fn keep_to(&mut self, plan: &TablePlan, context: &Context<'_>) -> Result<(), Error> {
        if self.are_objects() {
            let unknown = unknown_names(plan.guess.is_some(), context.options);
            return self.take_names(plan.object_names.iter().collect(), unknown, context.options);
        }
        let dialects = &plan.dialects;
        for (opened, &dialect) in self.all.iter_mut().zip(dialects) {
            if opened.head.found.is_some_and(|found| found != dialect) {
                opened.head = read_head(&mut opened.input, context.options, Some(dialect), &|| {
                    context.is_stopped()
                })?;
                opened.input.rest();
            }
        }
        self.layout = lay_out(&mut self.all, context.options)?;
        Ok(())
    }

    /// Whether a load of them can go on after it was stopped.
    pub(super) fn can_be_read_again(&self) -> bool {
        self.all.iter().all(|opened| opened.input.abilities().can_be_read_again)
    }

    /// Takes up the one file after the part of it that is `loaded`, which must be what it was.
    ///
    /// # Errors
    /// `InputChanged` when it is not.
    pub(super) fn begin_after(&mut self, loaded: &Loaded, context: &Context<'_>) -> Result<(), Error> {
        let message = format!(
            "its loaded part was edited after it was loaded: it did not only grow; start afresh with {RESTART}"
        );
        let part = ReadPart {
            range: 0..loaded.offset_bytes,
            content: loaded.content,
        };
        let grown = &mut self.all[0];
        check_content(&mut grown.input, part, &message, context)?;
        grown.loaded = Some(loaded.clone());
        context.account.went_before(loaded);
        Ok(())
    }

    /// Reads the inputs as if they ended where they did when `identity` was taken.
    pub(super) fn end_after(&mut self, identity: &Identity) {
        for (opened, fingerprint) in self.all.iter_mut().zip(&identity.inputs) {
            opened.input.end_after(fingerprint.length_bytes);
        }
    }

    /// From now on the inputs are read, and not only looked at.
    pub(super) fn end_looking(&mut self) {
        for opened in &mut self.all {
            opened.input.end_recording();
        }
    }

    /// Whether a line ends after `offset_bytes` of the first input.
    pub(super) fn has_line_after(&mut self, mut offset_bytes: u64, context: &Context<'_>) -> Result<bool, Error> {
        let stopped = || context.is_stopped();
        let OpenedInput { input, head, .. } = &mut self.all[0];
        let line_end = head.dialect.line_end;
        while !stopped() {
            let window = input.window(offset_bytes, LOOK_BYTES, &stopped)?;
            if memchr::memchr(line_end, window.bytes()).is_some() {
                return Ok(true);
            }
            if window.at_end {
                return Ok(false);
            }
            offset_bytes += window.bytes().len() as u64;
        }
        // The load itself will see the signal at once and say so.
        Ok(true)
    }

    /// How much of each input there is to read, if that is known of every one.
    pub(super) fn extents(&self) -> Option<Vec<Extent>> {
        let extent = |OpenedInput { input, head, .. }: &OpenedInput| {
            Some(Extent {
                delimiter: head.delimiter,
                path: input.path().to_owned(),
                length_bytes: input.abilities().file_bytes?,
            })
        };
        self.all.iter().map(extent).collect()
    }

    /// Size of all inputs, packed as they are, if every one is known.
    pub(super) fn total_bytes(&self) -> Option<u64> {
        self.all.iter().map(|opened| opened.input.abilities().file_bytes).sum()
    }

    /// Memory that unpacking takes: of files one is unpacked after another, streams have all begun.
    pub(super) fn unpacking_bytes(&self) -> u64 {
        let bytes = |is_file: bool| {
            let all = self.all.iter().map(|opened| &opened.input);
            let like = all.filter(move |input| input.abilities().can_be_read_again == is_file);
            like.map(Input::unpacking_bytes)
        };
        bytes(true).max().unwrap_or(0) + bytes(false).sum::<u64>()
    }

    /// Bytes of all inputs, as far as they were read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.all.iter().map(|opened| opened.count.bytes).sum()
    }

    /// Records of all inputs, as far as they were read.
    pub(super) fn records_read(&self) -> u64 {
        self.all.iter().map(|opened| opened.count.records).sum()
    }

    /// Checks that the open files are unchanged and are those to which their names lead now: what the checkpoint says about the inputs was
    /// found out by name.
    ///
    /// # Errors
    /// `InputChanged` saying which one and how.
    pub(super) fn check_unchanged(&self) -> Result<(), Error> {
        for OpenedInput { input, .. } in &self.all {
            input.check_unchanged()?;
            if input.identity().is_some() && input.identity() != FileIdentity::of(input.path()) {
                return Err(changed(input, "another file took its name"));
            }
        }
        Ok(())
    }
}

/// # Errors
/// `Usage` when a member of an archive is named, and no input is one.
pub(super) fn check_member(all: &[OpenedInput], options: &LoadOptions) -> Result<(), Error> {
    match options.dialect.member.is_some() && all.iter().all(|opened| opened.input.member().is_none()) {
        true => Err(Error::usage(format!(
            "{MEMBER} names a member of a zip archive, and no input is one; leave {MEMBER} out"
        ))),
        false => Ok(()),
    }
}

/// Whether the inputs are JSON Lines.
///
/// # Errors
/// `Usage` when only some of them are, or when something is said of them that can only be said of CSV.
pub(super) fn are_objects(all: &[OpenedInput], options: &LoadOptions) -> Result<bool, Error> {
    let is_objects = |opened: &&OpenedInput| opened.head.objects.is_some();
    let name = |opened: &OpenedInput| opened.input.path().display().to_string();
    let (objects, other) = (
        all.iter().find(is_objects),
        all.iter().find(|opened| !is_objects(opened)),
    );
    match (objects, other) {
        (None, _) => Ok(false),
        (Some(objects), None) => options.dialect.check_for_objects(&name(objects)).map(|()| true),
        (Some(objects), Some(other)) => Err(Error::usage(format!(
            "{} is JSON Lines and {} is CSV: load them one after the other, or say with {FORMAT} what both are",
            name(objects),
            name(other)
        ))),
    }
}

/// What becomes of objects with names that are no columns; `is_guess`: others may still become some.
pub(super) fn unknown_names(is_guess: bool, options: &LoadOptions) -> UnknownName {
    match options.columns.chosen {
        Some(_) => UnknownName::PassOver,
        None if options.columns.widths.ignore_extra && !is_guess => UnknownName::LeaveOut,
        None => UnknownName::Refuse,
    }
}

/// Says once, for all inputs, that one is not UTF-8, and what it may be.
fn hint_at_encoding(all: &[OpenedInput], context: &Context<'_>) {
    let mut likely = (all.iter()).filter_map(|opened| Some((opened.input.path(), opened.head.likely_encoding?)));
    let Some((path, encoding)) = likely.next() else { return };
    let others = match likely.count() as u64 {
        0 => String::new(),
        more => format!(
            ", and {more} other {} not UTF-8 either",
            agreeing(more, "input is", "inputs are")
        ),
    };
    context
        .observer
        .notice(&format!("{}: {}{others}", path.display(), encoding_hint(encoding)));
}

/// What to do about an input that is not UTF-8 and is likely in `encoding`.
pub(super) fn encoding_hint(encoding: Encoding) -> String {
    format!(
        "it is not UTF-8 but likely {encoding}: load it with {ENCODING} {}; without it, records that are not UTF-8 are rejected",
        encoding.name().to_ascii_lowercase()
    )
}

/// Finds which field of each input goes into which column.
pub(super) fn lay_out(all: &mut [OpenedInput], options: &LoadOptions) -> Result<Layout, Error> {
    let fields = all.iter_mut().map(|OpenedInput { input, head, .. }| InputFields {
        path: input.path(),
        names: &mut head.names,
        has_header: head.has_header,
        are_of_objects: head.objects.is_some(),
    });
    contract::match_fields(fields, options)?;
    let headers: Vec<Header<'_>> = all.iter().map(OpenedInput::header).collect();
    let layout = Layout::of(&headers, &options.columns)?;
    for (opened, fields) in all.iter_mut().zip(&layout.sources) {
        opened.fields.clone_from(fields);
    }
    Ok(layout)
}

fn changed(input: &Input, message: &str) -> Error {
    Error::new(ErrorKind::InputChanged {
        path: input.path().to_owned(),
        message: message.to_owned(),
    })
}

/// A part of an input, and what it held when it was read first.
pub(super) struct ReadPart {
    pub(super) range: Range<u64>,
    pub(super) content: ContentHash,
}

/// Checks that the bytes of `part` are still what they were: reads them again, at the speed of memory or of the disk.
///
/// # Errors
/// `InputChanged`, with `message`, when they are not.
pub(super) fn check_content(
    input: &mut Input,
    part: ReadPart,
    message: &str,
    context: &Context<'_>,
) -> Result<(), Error> {
    let ReadPart { range, content } = part;
    match hash_range(&context.pool, input, range, &|| context.is_stopped())? {
        Some(found) if found != content => Err(changed(input, message)),
        // Stopped meanwhile: the load itself will see that and say so.
        _ => Ok(()),
    }
}

/// How much there is to read, about.
#[derive(Clone, Copy)]
struct Estimate {
    bytes: u64,
    /// Keys to size the filter for.
    keys: u64,
}

/// Keys to size the filter for: the rows that the inputs' sizes promise, with a third to spare. A tenth would do for the estimate; but a
/// filter that is three quarters full raises a third of the false alarms of a full one, and each is an insert in the middle of a full
/// table: 30 µs, measured.
fn estimate(all: &mut [OpenedInput], stopped: &dyn Fn() -> bool) -> Result<Option<Estimate>, Error> {
    let sizes = all.iter().map(|opened| opened.input.abilities().file_bytes);
    if sizes.sum::<Option<u64>>().is_none() {
        return Ok(None);
    }
    let OpenedInput { input, head, .. } = &mut all[0];
    let sample = input.window(head.data_start_bytes, FILE_HEAD_BYTES, stopped)?;
    let lines = memchr::memchr_iter(head.dialect.line_end, sample.bytes())
        .count()
        .max(1);
    let sample_bytes = sample.bytes().len().max(1) as f64;
    let ratio = input.marks().map(|marks| {
        let end_bytes = sample.start_bytes + sample.bytes().len() as u64;
        end_bytes as f64 / marks.packed_bytes(end_bytes).max(1) as f64
    });
    let sizes = all.iter().map(|opened| match opened.input.abilities() {
        Abilities {
            length_bytes: Some(bytes),
            ..
        } => bytes as f64,
        // Those of one load are packed alike.
        abilities => abilities.file_bytes.unwrap_or(0) as f64 * ratio.unwrap_or(USUAL_RATIO),
    });
    let bytes: f64 = sizes.sum();
    let rows = bytes * lines as f64 / sample_bytes;
    Ok(Some(Estimate {
        bytes: bytes as u64,
        keys: ((rows * 1.35) as u64 + 1000).min(dedup::MAX_FILTER_KEYS),
    }))
}

/// Leaves out what stands at the very end of each input and is no record. In a file that grows, nothing is at its end for long.
pub(super) fn leave_out_tails(inputs: &mut [Input], options: &LoadOptions) -> Result<(), Error> {
    if options.repeat.append_only {
        return Ok(());
    }
    for input in inputs {
        input.leave_out_tail(TailRules {
            footer_lines: options.dialect.skip_footer,
            most_footer_bytes: options.limits.max_record_bytes,
        })?;
        input.rest();
    }
    Ok(())
}

/// # Errors
/// `Usage` unless the input is one file: if several grow, the order of their records is not that of one load.
fn check_growing(inputs: &[Input]) -> Result<(), Error> {
    match inputs {
        [input] if input.packing().is_some() => Err(Error::usage(format!(
            "{APPEND_ONLY} goes on where a file ended, and {} is packed: what is appended to it cannot be told from what was there; unpack it, \
             or load each new file with {ONCE}",
            input.path().display()
        ))),
        [input] if input.is_wide_file() => Err(Error::usage(format!(
            "{APPEND_ONLY} goes on where a file ended, and {} is UTF-16, which is recoded from its beginning on; convert it first (iconv -f \
             UTF-16 -t UTF-8), or load each new file with {ONCE}",
            input.path().display()
        ))),
        [input] if input.abilities().can_be_read_again => Ok(()),
        [input] => Err(needs_file(&input.path().display())),
        _ => Err(Error::usage(format!(
            "{APPEND_ONLY} takes one input; load each file that grows into a table of its own"
        ))),
    }
}
