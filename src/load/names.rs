//! The names of objects that are columns, before anything is planned: asked for, those of every object in a separate pass, those of a
//! stream's head, or of the first chunk by a guess that loading verifies.
//!
//! Comes in: opened inputs of which nothing is known but that they are JSON Lines. Goes out: the same with one list of names for all, in the
//! order in which they came first. An object that is rejected for its form has no say. In a table that exists, its columns are the names,
//! but for those that no object has and that the table gives a value itself.

use crate::encoding::Encoding;
use crate::error::Error;
use crate::format::{FieldNames, Format, JsonLines, Parsed, UnknownName, object_names};
use crate::head::{FILE_HEAD_BYTES, MAX_COLUMNS, STREAM_HEAD_BYTES};
use crate::load::context::Context;
use crate::load::contract;
use crate::load::infer::{self, Inferred, looking_memory};
use crate::load::opened::{OpenedInput, OpenedInputs, unknown_names};
use crate::observer::{Phase, Progress};
use crate::option_name::COLUMNS;
use crate::options::{ColumnOptions, LoadOptions};
use crate::pipeline::{Flight, Flow, FoundBy, ScanRequest, ScanSettings, ScanTimes, Scanned, Work, scan};
use crate::schema::table_info::{TableColumn, TableInfo};
use crate::validate::is_plain_text;
use crate::window::Input;

/// Most bytes that the names have together: they are kept for each chunk in flight.
const MOST_NAME_BYTES: usize = 1 << 20;

/// Names of one input's chunks.
struct NamesWork<'a> {
    format: JsonLines<'a>,
}

/// Names that came in a chunk, in their order.
#[derive(Default)]
struct ChunkNames {
    names: FieldNames,
    records: u64,
}

impl<'a> Work for NamesWork<'a> {
    type Format = JsonLines<'a>;
    type Output = ChunkNames;

    fn format(&self) -> JsonLines<'a> {
        self.format
    }

    fn output(&self) -> ChunkNames {
        ChunkNames::default()
    }

    fn run(&self, span: &[u8], parsed: &FoundBy<Self>, output: &mut ChunkNames) {
        output.records = parsed.count() as u64;
        let (mut seen, mut folded) = (Vec::new(), Vec::new());
        let is_plain = is_plain_text(span);
        for (number, (record, _)) in parsed.iter::<false>().enumerate() {
            let text = record.source.of(span);
            if record.fault.is_some() || !(is_plain || is_plain_text(text)) {
                continue;
            }
            if are_too_many(&output.names) {
                break;
            }
            let mut object = ObjectNames {
                number: number as u32 + 1,
                known: output.names.len(),
                all: &mut output.names,
                seen: &mut seen,
                folded: &mut folded,
                likely: 0,
                is_refused: false,
            };
            let is_object = object_names(text, &mut |name| object.take(name));
            if object.is_refused || !is_object {
                let known = object.known;
                output.names.truncate(known);
                seen.truncate(known);
            }
        }
    }

    fn memory_bytes(&self, output: &ChunkNames) -> usize {
        // Each name is there twice.
        size_of::<ChunkNames>() + 2 * output.names.bytes() + 128 * output.names.len()
    }
}

/// The names of one object, which are added to those of its chunk.
struct ObjectNames<'a> {
    /// Which object of the chunk it is, 1-based.
    number: u32,
    /// How many names were there before it.
    known: usize,
    all: &'a mut FieldNames,
    /// For each name the last object that had it.
    seen: &'a mut Vec<u32>,
    folded: &'a mut Vec<u8>,
    likely: usize,
    /// A name is there twice.
    is_refused: bool,
}

impl ObjectNames<'_> {
    fn take(&mut self, name: &[u8]) {
        let index = match self.all.find(name, self.likely, self.folded) {
            Some(index) => index,
            // More than a table can have are never used.
            None if are_too_many(self.all) => return,
            None => match std::str::from_utf8(name) {
                Ok(name) => self.all.add(name),
                Err(_) => return,
            },
        };
        self.likely = index + 1;
        if self.seen.len() <= index {
            self.seen.resize(index + 1, 0);
        }
        self.is_refused |= self.seen[index] == self.number;
        self.seen[index] = self.number;
    }
}

fn are_too_many(names: &FieldNames) -> bool {
    names.len() > MAX_COLUMNS || names.bytes() > MOST_NAME_BYTES
}

/// What the columns of objects are, and hold, as far as that is known before they are loaded. `may_guess`: they may be guessed, to be
/// verified by loading.
pub(super) fn settle(
    inputs: &mut OpenedInputs,
    existing: Option<&TableInfo>,
    may_guess: bool,
    context: &Context<'_>,
) -> Result<Inferred, Error> {
    let options = context.options;
    if let Some(names) = contract::only_names(options) {
        inputs.take_names(names, unknown_names(false, options), options)?;
        return infer::infer(inputs, existing, false, context);
    }
    if let Some(chosen) = &options.columns.chosen {
        inputs.take_names(chosen.iter().collect(), unknown_names(false, options), options)?;
        return infer::infer(inputs, existing, may_guess, context);
    }
    if may_guess
        && existing.is_none()
        && infer::guesses(inputs, options)
        && let Some(guess) = guess(inputs, context)?
    {
        return Ok(guess);
    }
    context.observer.phase(Phase::Infer, inputs.total_bytes());
    let found = context.account.time("find names", || all(inputs, context))?;
    let names = match existing {
        None => found,
        Some(info) => {
            let mut names = of_table(info, &found, &options.columns);
            if options.table.alter {
                found.as_slice().iter().for_each(|name| {
                    names.add(name);
                });
            }
            names
        }
    };
    if names.is_empty() {
        let path = inputs.all[0].input.path();
        return Err(Error::unusable(
            path,
            format!(
                "no line of it is an object with a name in it, so there is no column; name those to load with {COLUMNS}"
            ),
        ));
    }
    inputs.take_names(names, unknown_names(false, options), options)?;
    infer::infer(inputs, existing, false, context)
}

/// The names in the first chunk, and a guess at the types of their values. `None` if there is none, or if an option names a column that is
/// not among them.
fn guess(inputs: &mut OpenedInputs, context: &Context<'_>) -> Result<Option<Inferred>, Error> {
    let options = context.options;
    let chunk_bytes = FILE_HEAD_BYTES.min(options.resources.chunk_bytes as usize);
    let first = &mut inputs.all[0];
    let sample = (first.input).window(first.head.data_start_bytes, chunk_bytes, &|| context.is_stopped())?;
    let nothing = FieldNames::default();
    let work = NamesWork {
        format: lines_only(&nothing, options),
    };
    let mut parsed = FoundBy::<NamesWork<'_>>::default();
    let mut found = ChunkNames::default();
    let bytes = sample.bytes();
    let consumed = work.format.parse_before(bytes, bytes.len(), false, &mut parsed);
    work.run(&bytes[..consumed], &parsed, &mut found);
    drop(sample);
    let names = found.names;
    if names.is_empty() || are_too_many(&names) || !has_all_named(&names, options) {
        return Ok(None);
    }
    inputs.take_names(names, unknown_names(true, options), options)?;
    infer::guess(inputs, context)
}

/// Whether every column that an option names is known.
fn has_all_named(names: &FieldNames, options: &LoadOptions) -> bool {
    let columns = &options.columns;
    let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
    let is_known = |name: &str| {
        names.as_slice().iter().any(|other| is(name, other))
            || columns.renamed.iter().any(|(_, new)| is(name, new))
            || columns.given().any(|(given, _)| is(name, given))
    };
    let is_there = |old: &String| names.as_slice().iter().any(|other| is(old, other));
    options.column_names().into_iter().all(is_known) && columns.renamed.iter().all(|(old, _)| is_there(old))
}

/// The format that takes each line for a record.
fn lines_only<'a>(nothing: &'a FieldNames, options: &LoadOptions) -> JsonLines<'a> {
    JsonLines {
        names: nothing,
        unknown: UnknownName::NoLook,
        encoding: Encoding::UTF_8,
        max_record_bytes: options.limits.max_record_bytes,
    }
}

/// The names of the objects of all inputs; of a stream, of those in its first 16 MiB.
fn all(inputs: &mut OpenedInputs, context: &Context<'_>) -> Result<FieldNames, Error> {
    let unpacking_bytes = inputs.unpacking_bytes();
    let mut names = FieldNames::default();
    let mut done = Progress::default();
    for OpenedInput { input, head, .. } in &mut inputs.all {
        let mut look = NamesLook {
            context,
            unpacking_bytes,
            start_bytes: head.data_start_bytes,
            may_grow: context.options.repeat.append_only,
            names: &mut names,
            done: &mut done,
        };
        if input.abilities().can_be_read_again {
            look.scan(input)?;
        } else {
            let end_bytes = head.data_start_bytes + STREAM_HEAD_BYTES as u64;
            let (mut record, is_whole) = input.recorded(end_bytes, &|| context.is_stopped())?;
            look.may_grow = !is_whole;
            look.scan(&mut record)?;
            if !is_whole {
                context.observer.notice(&format!(
                    "{} is a stream: columns are the names in its first 16 MiB; objects with other names later are rejected (say with \
                     {COLUMNS} which to load, to be sure)",
                    input.path().display()
                ));
            }
        }
        if are_too_many(&names) {
            let message = match names.len() > MAX_COLUMNS {
                true => format!(
                    "its objects have more than {MAX_COLUMNS} names, and a SQLite table holds at most so many columns"
                ),
                false => "the names of its objects are longer than 1 MiB together".to_owned(),
            };
            let message = format!("{message}; say with {COLUMNS} which to load");
            return Err(Error::unusable(input.path(), message));
        }
        input.rest();
        context.observer.progress(done);
    }
    Ok(names)
}

/// A look at the names in one input.
struct NamesLook<'a> {
    context: &'a Context<'a>,
    unpacking_bytes: u64,
    start_bytes: u64,
    may_grow: bool,
    names: &'a mut FieldNames,
    done: &'a mut Progress,
}

impl NamesLook<'_> {
    fn scan(&mut self, input: &mut Input) -> Result<(), Error> {
        let Context { options, pool, .. } = self.context;
        let split = looking_memory(options, self.unpacking_bytes)?;
        let nothing = FieldNames::default();
        let work = NamesWork {
            format: lines_only(&nothing, options),
        };
        let settings = ScanSettings {
            may_grow: self.may_grow,
            ..self.context.scan_settings(&split)
        };
        let request = ScanRequest {
            settings,
            work: &work,
            flight: &Flight::new(&settings),
            times: &ScanTimes::default(),
            stopped: &|| self.context.is_stopped(),
        };
        scan(pool, input, self.start_bytes, request, &mut |scanned| {
            let Scanned::Block(block) = scanned else {
                return Ok(Flow::Continue);
            };
            for name in block.output.names.as_slice() {
                self.names.add(name);
            }
            self.done.bytes += block.bytes().len() as u64;
            self.done.records += block.output.records;
            match are_too_many(self.names) {
                true => Ok(Flow::Stop),
                false => Ok(Flow::Continue),
            }
        })?;
        Ok(())
    }
}

/// The columns of a table that objects fill, by the names that they have there: those that were `found`, and those that are NULL if they
/// are in no object, in the table's order.
fn of_table(info: &TableInfo, found: &FieldNames, options: &ColumnOptions) -> FieldNames {
    let is_given = |name: &str| options.given().any(|(given, _)| given.eq_ignore_ascii_case(name));
    let in_objects = |name: &str| {
        let renamed = options.renamed.iter().find(|(_, new)| new.eq_ignore_ascii_case(name));
        renamed.map_or_else(|| name.to_owned(), |(old, _)| old.clone())
    };
    let mut folded = Vec::new();
    let mut names = FieldNames::default();
    for (index, column) in info.columns.iter().enumerate() {
        let TableColumn {
            not_null,
            generated,
            has_default,
            ..
        } = *column;
        let name = in_objects(&column.name);
        // A name of the table's own that objects give to another column.
        let is_renamed = options.renamed(&name) != name && !options.renamed(&name).eq_ignore_ascii_case(&column.name);
        let is_null_without = !not_null && !generated && !has_default && info.row_id_column != Some(index);
        let is_found = found.find(name.as_bytes(), 0, &mut folded).is_some();
        if !is_given(&column.name) && !is_renamed && (is_null_without || is_found) {
            names.add(&name);
        }
    }
    names
}
