//! What is in the columns of inputs, before they are loaded: the profile as one sentence.
//!
//! Comes in: the inputs. Goes out: a [`Profile`]. Inputs are opened and their types inferred as by a load, from every value; then every value
//! is looked at once more, for what it is like, and where all values of a column may be different, a third time, for whether they are.
//! Streams are recorded in a file without a name first. Never: a file with a name, or a database.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::format::Format;
use crate::head::{Head, ReadAs, read_as};
use crate::idle::Idle;
use crate::load::account::Account;
use crate::load::context::{Asked, Context, Onlookers, table_name};
use crate::load::ended::Halt;
use crate::load::infer::{self, Inferred, ends_a_line};
use crate::load::inputs::Inputs;
use crate::load::names;
use crate::load::opened::{OpenedInput, OpenedInputs, leave_out_tails};
use crate::load::order::{RowMemory, RowWork};
use crate::memory::{self, MemoryWish};
use crate::observer::{Observer, Phase, Progress};
use crate::options::{CheckOptions, ContractOptions, LoadOptions, OnDuplicate, RepeatOptions, TargetOptions};
use crate::pipeline::{Flight, Flow, FoundBy, ScanRequest, ScanTimes, Scanned, Work, WorkerPool, scan};
use crate::plan::{self, GivenColumn, GivenValues, TablePlan};
use crate::profile::{Gathering, Profile, ValueHashes};
use crate::reject::RejectCode;
use crate::report::MemorySplit;
use crate::rows::{Encoder, RowBlock};
use crate::schema::RowPlan;
use crate::sqlite::direct::index::RepeatFinder;
use crate::window::Input;

/// Columns in which repeats are looked for at a time: each sorts its values in a share of the memory.
const COLUMNS_AT_A_TIME: usize = 8;
/// Input bytes between two reports of progress.
const SHOW_EVERY_BYTES: u64 = 4 << 20;

/// What is in the columns of `inputs`; `-` among them is standard input. `None` if somebody stopped it.
///
/// # Errors
/// As [`Load::profile`](crate::Load::profile).
pub fn profile(inputs: &[PathBuf], options: &LoadOptions, observer: &dyn Observer) -> Result<Option<Profile>, Error> {
    profile_inputs(inputs.into(), options, observer)
}

/// As [`profile()`], of inputs of any kind.
///
/// # Errors
/// As [`Load::profile`](crate::Load::profile).
pub fn profile_inputs(
    mut inputs: Inputs,
    options: &LoadOptions,
    observer: &dyn Observer,
) -> Result<Option<Profile>, Error> {
    let options = &LoadOptions {
        contract: ContractOptions {
            key: Vec::new(),
            on_duplicate: OnDuplicate::Reject,
            ..options.contract.clone()
        },
        target: TargetOptions {
            table: options.target.table.clone(),
            // Never written: it says where files without a name go.
            errors: std::env::temp_dir().join(TargetOptions::default().errors),
            ..TargetOptions::default()
        },
        repeat: RepeatOptions::default(),
        check: Some(CheckOptions::default()),
        ..options.clone()
    };
    options.validate()?;
    inputs.find_files(Path::new(""), options)?;
    inputs.notices.iter().for_each(|notice| observer.notice(notice));
    memory::check_threads(options.resources.memory_bytes, options.resources.threads)?;
    let asked = Asked {
        database_path: Path::new(""),
        options,
        first_input: inputs.check(options)?,
        is_one_of_several: false,
    };
    let samples = None;
    let account = Account::new(inputs.names(), Path::new(""), options);
    let pool = WorkerPool::new(options.resources.threads)?;
    let context = &Context::new(asked, Onlookers { observer, samples }, &account, pool);
    let profiled = OpenedInputs::open(inputs, context).and_then(|opened| Ok(profile_opened(opened, context)?));
    match profiled {
        // What was read of what is stopped is no reason for an error.
        _ if context.is_stopped() => Ok(None),
        Ok(profile) => Ok(Some(profile)),
        Err(Halt::Failed(error)) => Err(error),
        Err(Halt::Early(_)) => Ok(None),
    }
}

/// The profile, step by step.
fn profile_opened(mut inputs: OpenedInputs, context: &Context<'_>) -> Result<Profile, Error> {
    record_streams(&mut inputs, context)?;
    let Inferred { facts, .. } = match inputs.are_objects() {
        true => names::settle(&mut inputs, None, false, context)?,
        false => infer::infer(&mut inputs, None, false, context)?,
    };
    let options = &inputs.as_found(context.options);
    let table = table_name(options, &context.first_input)?;
    let plan = plan::plan_new_table(table, &inputs.layout, &facts, options)?;
    let whys = plan::text_reasons(&plan.columns, &facts, &inputs.paths());
    inputs.end_looking();
    let mut survey = ColumnSurvey {
        context,
        plan: &plan,
        gathering: Gathering::of(&plan.columns),
        read: ReadRecords::default(),
    };
    survey.gather(&mut inputs)?;
    let likely = survey.gathering.likely_unique();
    let are_unique = survey.find_unique(&mut inputs, &likely)?;
    let ColumnSurvey { gathering, read, .. } = survey;
    let mut columns = gathering.into_columns(&are_unique);
    let is_record_number = |given: &&GivenColumn| given.values == GivenValues::RecordNumber;
    for given in plan.given.iter().filter(is_record_number) {
        columns[given.column].hold_record_numbers();
    }
    for (index, why) in whys {
        columns[index].why_text = Some(why);
    }
    Ok(Profile {
        rowmill: env!("CARGO_PKG_VERSION"),
        inputs: inputs.paths(),
        table: plan.table.clone(),
        records: read.records,
        rejected: read.rejected.iter().sum(),
        by_code: (RejectCode::ALL.into_iter().zip(read.rejected))
            .filter(|(_, count)| *count > 0)
            .collect(),
        columns,
    })
}

/// Makes files without names of streams: each value is looked at more than once.
fn record_streams(inputs: &mut OpenedInputs, context: &Context<'_>) -> Result<(), Error> {
    for OpenedInput { input, .. } in &mut inputs.all {
        if !input.abilities().can_be_read_again {
            let (record, _) = input.recorded(u64::MAX, &|| context.is_stopped())?;
            *input = record;
            leave_out_tails(std::slice::from_mut(input), context.options)?;
        }
    }
    Ok(())
}

/// What was read in all.
#[derive(Default)]
struct ReadRecords {
    records: u64,
    /// By [`RejectCode::index`].
    rejected: [u64; RejectCode::ALL.len()],
}

impl ReadRecords {
    fn add<E>(&mut self, rows: &RowBlock<E>) {
        self.records += u64::from(rows.record_count);
        for reject in &rows.rejects {
            self.rejected[reject.reason.code().index()] += 1;
        }
    }
}

/// A look at every value of the inputs.
struct ColumnSurvey<'a> {
    context: &'a Context<'a>,
    plan: &'a TablePlan,
    gathering: Gathering<'a>,
    read: ReadRecords,
}

impl ColumnSurvey<'_> {
    /// What the values are like.
    fn gather(&mut self, inputs: &mut OpenedInputs) -> Result<(), Error> {
        let context = self.context;
        context.observer.phase(Phase::Survey, inputs.total_bytes());
        let split = self.memory(inputs, 0)?;
        let idle = &Idle::default();
        let mut shown_bytes = 0;
        let mut before_bytes = 0;
        for (file_index, OpenedInput { input, head, .. }) in inputs.all.iter_mut().enumerate() {
            let pass = Pass {
                context,
                split,
                head,
                plan: self.row_plan(file_index, head),
            };
            let mut lines = head.lines;
            let marks = input.marks();
            let mut done_bytes = 0;
            let (gathering, read) = (&mut self.gathering, &mut self.read);
            let values = ChunkEncoders { idle, prepare: &|_| {} };
            pass.read(input, values, &mut |scanned| {
                match scanned {
                    Scanned::Nothing | Scanned::Waiting => {}
                    Scanned::LinePiece(piece) => {
                        lines += u64::from(piece.last && ends_a_line(piece.bytes(), head.dialect.line_end));
                        read.records += u64::from(piece.last);
                        read.rejected[RejectCode::RecordTooLarge.index()] += u64::from(piece.last);
                    }
                    Scanned::Block(block) => {
                        let (rows, bytes) = (&block.output, block.bytes());
                        read.add(rows);
                        gathering.add(&rows.values, file_index, |row| {
                            let before = &bytes[..rows.rows[row as usize].source.start as usize];
                            lines + 1 + memchr::memchr_iter(head.dialect.line_end, before).count() as u64
                        });
                        lines += u64::from(rows.line_count);
                        let end_bytes = block.start_bytes + bytes.len() as u64;
                        done_bytes = marks.as_ref().map_or(end_bytes, |marks| marks.packed_bytes(end_bytes));
                        idle.put(block.into_output());
                    }
                }
                if before_bytes + done_bytes >= shown_bytes + SHOW_EVERY_BYTES {
                    shown_bytes = before_bytes + done_bytes;
                    context.observer.progress(read.progress(shown_bytes));
                }
                Ok(Flow::Continue)
            })?;
            before_bytes += done_bytes;
            input.rest();
        }
        context.observer.progress(self.read.progress(before_bytes));
        Ok(())
    }

    /// In which of the `likely` columns no value comes twice.
    fn find_unique(&self, inputs: &mut OpenedInputs, likely: &[bool]) -> Result<Vec<bool>, Error> {
        let mut are_unique = vec![false; likely.len()];
        let likely: Vec<usize> = (0..likely.len()).filter(|&index| likely[index]).collect();
        for columns in likely.chunks(COLUMNS_AT_A_TIME) {
            self.context.observer.phase(Phase::Settle, inputs.total_bytes());
            let split = self.memory(inputs, columns.len() as u64)?;
            let memory_bytes = split.indexes_bytes / columns.len() as u64;
            let (pool, folder) = (&self.context.pool, self.context.folder());
            let finder = |_: &usize| RepeatFinder::new(pool, memory_bytes, folder);
            let mut finders: Vec<RepeatFinder<'_>> = columns.iter().map(finder).collect();
            self.hash_values(inputs, columns, split, &mut finders)?;
            for (&column, finder) in columns.iter().zip(finders) {
                are_unique[column] = !finder.has_repeat(split.blocks_bytes + split.windows_bytes)?;
            }
        }
        Ok(are_unique)
    }

    /// Gives each of `finders` the values of its column.
    fn hash_values(
        &self,
        inputs: &mut OpenedInputs,
        columns: &[usize],
        split: MemorySplit,
        finders: &mut [RepeatFinder<'_>],
    ) -> Result<(), Error> {
        let wanted: Vec<bool> = (0..self.plan.columns.len())
            .map(|index| columns.contains(&index))
            .collect();
        let (context, idle, wanted) = (self.context, &Idle::default(), &wanted[..]);
        let mut read = ReadRecords::default();
        for (file_index, OpenedInput { input, head, .. }) in inputs.all.iter_mut().enumerate() {
            let pass = Pass {
                context,
                split,
                head,
                plan: self.row_plan(file_index, head),
            };
            let values = ChunkEncoders {
                idle,
                prepare: &|hashes: &mut ValueHashes| hashes.want(wanted),
            };
            pass.read(input, values, &mut |scanned| {
                if let Scanned::Block(block) = scanned {
                    read.add(&block.output);
                    let hashes = block.output.values.as_slice().chunks_exact(finders.len());
                    for hashes in hashes {
                        finders
                            .iter_mut()
                            .zip(hashes)
                            .try_for_each(|(finder, &hash)| finder.push(hash))?;
                    }
                    idle.put(block.into_output());
                }
                Ok(Flow::Continue)
            })?;
            input.rest();
        }
        Ok(())
    }

    fn row_plan(&self, file_index: usize, head: &Head) -> RowPlan {
        let options = self.context.options;
        RowPlan {
            repeated_header: head.repeated_header(options).map(<[String]>::to_vec),
            trailing_delimiter: head.trailing_delimiter,
            ..self.plan.row_plan(file_index, head.names.len(), options)
        }
    }

    fn memory(&self, inputs: &OpenedInputs, indexes: u64) -> Result<MemorySplit, Error> {
        let options = self.context.options;
        memory::split(MemoryWish {
            budget_bytes: options.resources.memory_bytes,
            window_bytes: options.resources.window_bytes,
            filter_bytes: 0,
            indexes,
            record_bytes: options.limits.max_record_bytes,
            unpacking_bytes: inputs.unpacking_bytes(),
            searches: false,
            profile_bytes: 0,
        })
    }
}

impl ReadRecords {
    fn progress(&self, bytes: u64) -> Progress {
        Progress {
            bytes,
            records: self.records,
            rejected: self.rejected.iter().sum(),
            ..Progress::default()
        }
    }
}

/// One reading of an input.
struct Pass<'a> {
    context: &'a Context<'a>,
    split: MemorySplit,
    head: &'a Head,
    plan: RowPlan,
}

/// Where values go.
struct ChunkEncoders<'a, E> {
    /// Blocks to be used again.
    idle: &'a Idle<RowBlock<E>>,
    /// Prepares an encoder for a chunk.
    prepare: &'a (dyn Fn(&mut E) + Sync),
}

impl Pass<'_> {
    /// Hands the rows of `input` to `take`, chunk by chunk and in input order.
    fn read<E: Encoder>(
        self,
        input: &mut Input,
        values: ChunkEncoders<'_, E>,
        take: &mut dyn FnMut(Scanned<RowBlock<E>>) -> Result<Flow, Error>,
    ) -> Result<(), Error> {
        match read_as(self.head, self.context.options) {
            ReadAs::Csv(format) => self.read_as(input, values, format, take),
            ReadAs::JsonLines(format) => self.read_as(input, values, format, take),
        }
    }

    fn read_as<E: Encoder, F: Format>(
        self,
        input: &mut Input,
        ChunkEncoders { idle, prepare }: ChunkEncoders<'_, E>,
        format: F,
        take: &mut dyn FnMut(Scanned<RowBlock<E>>) -> Result<Flow, Error>,
    ) -> Result<(), Error> {
        let Pass {
            context,
            split,
            head,
            plan,
        } = self;
        let memory = RowMemory { idle, packs: false };
        let rows = RowWork { plan, format, memory };
        let settings = context.scan_settings(&split);
        let request = ScanRequest {
            settings,
            work: &ValueWork { rows, prepare },
            flight: &Flight::new(&settings),
            times: &ScanTimes::default(),
            stopped: &|| context.is_stopped(),
        };
        scan(&context.pool, input, head.data_start_bytes, request, take)?;
        input.check_unchanged()
    }
}

/// Validation of an input's chunks by an encoder that has to be prepared.
struct ValueWork<'a, E, F> {
    rows: RowWork<'a, E, F>,
    prepare: &'a (dyn Fn(&mut E) + Sync),
}

impl<E: Encoder, F: Format> Work for ValueWork<'_, E, F> {
    type Format = F;
    type Output = RowBlock<E>;

    fn format(&self) -> F {
        self.rows.format()
    }

    fn output(&self) -> RowBlock<E> {
        self.rows.output()
    }

    fn run(&self, span: &[u8], parsed: &FoundBy<Self>, output: &mut RowBlock<E>) {
        (self.prepare)(&mut output.values);
        self.rows.run(span, parsed, output);
    }

    fn memory_bytes(&self, output: &RowBlock<E>) -> usize {
        self.rows.memory_bytes(output)
    }

    fn bytes_per_line(&self) -> usize {
        self.rows.bytes_per_line()
    }
}
