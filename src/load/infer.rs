//! The typing pass: every value of every file, or the head of a stream, before anything is written.

use super::{Load, Sources};
use crate::error::Error;
use crate::memory::{self, MemoryWish};
use crate::observer::{Phase, Progress};
use crate::parse::{Dialect, Records, parse};
use crate::pipeline::{Flow, ScanRequest, ScanTimes, Scanned, Work, scan};
use crate::plan;
use crate::report::LoadReport;
use crate::schema::infer::{Facts, observe};
use crate::write::database::TableInfo;

/// Bytes between two calls of the observer: a few hundred calls a second at most.
const SHOW_EVERY_BYTES: u64 = 8 << 20;

/// Facts about one input's chunks.
struct FactsWork<'a> {
    nothing: &'a Facts,
    sources: &'a [u32],
    dialect: Dialect,
    empty_is_null: bool,
}

/// Facts of a chunk and how many records they come from.
struct ChunkFacts {
    facts: Facts,
    records: u64,
}

impl Work for FactsWork<'_> {
    type Output = ChunkFacts;

    fn output(&self) -> ChunkFacts {
        ChunkFacts {
            facts: self.nothing.clone(),
            records: 0,
        }
    }

    fn run(&self, span: &[u8], records: &Records, output: &mut ChunkFacts) {
        output.records = records.records.len() as u64;
        observe(
            span,
            records,
            self.sources,
            &self.dialect,
            self.empty_is_null,
            &mut output.facts,
        );
    }

    fn memory_bytes(&self, _output: &ChunkFacts) -> usize {
        size_of::<ChunkFacts>()
    }
}

impl Load<'_> {
    /// What the columns hold. Only the head is looked at when every type is known already: then all there is to learn is whether the
    /// keys ascend.
    pub(super) fn infer(
        &self,
        sources: &mut Sources<'_>,
        existing: Option<&TableInfo>,
        report: &mut LoadReport,
    ) -> Result<Facts, Error> {
        let names = &sources.heads[0].names;
        let declared: Vec<bool> = match existing {
            Some(_) => vec![true; names.len()],
            None => plan::declared_types(names, self.options)?
                .iter()
                .map(Option::is_some)
                .collect(),
        };
        let key = match plan::key_columns(names, &self.options.key, "--key")?[..] {
            [index] => Some(index),
            _ => None,
        };
        let nothing = Facts::new(&declared, key);
        if declared.iter().all(|&declared| declared) {
            return Ok(self.facts_of_head(sources, 0, &nothing));
        }
        self.observer.phase(Phase::Infer, sources.total_bytes());
        report.time_stage("infer", || self.facts_of_all(sources, &nothing))
    }

    fn facts_of_head(&self, sources: &Sources<'_>, file_index: usize, nothing: &Facts) -> Facts {
        let head = &sources.heads[file_index];
        let (sample, at_end) = head.sample();
        let mut records = Records::default();
        let consumed = parse(
            sample,
            at_end && !self.options.append_only,
            &head.dialect,
            self.options.max_record_bytes,
            &mut records,
        );
        let mut facts = nothing.clone();
        let fields = &sources.fields[file_index];
        observe(
            &sample[..consumed],
            &records,
            fields,
            &head.dialect,
            self.options.empty_is_null,
            &mut facts,
        );
        facts
    }

    fn facts_of_all(&self, sources: &mut Sources<'_>, nothing: &Facts) -> Result<Facts, Error> {
        let budget_bytes = self.options.memory_bytes;
        let split = memory::split(MemoryWish {
            budget_bytes,
            window_bytes: self.options.window_bytes,
            filter_bytes: 0,
            indexes: 0,
        })?;
        let mut facts = nothing.clone();
        let mut done = Progress::default();
        let mut shown_bytes = 0;
        for file_index in 0..sources.inputs.len() {
            if sources.inputs[file_index].length_bytes().is_none() {
                facts.merge(&self.facts_of_head(sources, file_index, nothing));
                let path = sources.paths[file_index].display();
                self.observer.notice(&format!(
                    "{path} is a stream: column types are inferred from its first 16 MiB; values that do not fit later are rejected \
                     (declare them with --types, or --text, to be sure)"
                ));
                continue;
            }
            let head = &sources.heads[file_index];
            let work = FactsWork {
                nothing,
                sources: &sources.fields[file_index],
                dialect: head.dialect,
                empty_is_null: self.options.empty_is_null,
            };
            let observer = self.observer;
            let stopped = || observer.stop_signal().is_some();
            let times = ScanTimes::default();
            let request = ScanRequest {
                settings: self.scan_settings(head, &split),
                work: &work,
                times: &times,
                stopped: &stopped,
            };
            let start_bytes = head.data_start_bytes;
            let before_bytes = done.bytes;
            scan(
                &self.pool,
                &mut sources.inputs[file_index],
                start_bytes,
                request,
                &mut |scanned| {
                    if let Scanned::Block(block) = scanned {
                        done.bytes = before_bytes + block.start_bytes + block.bytes().len() as u64;
                        facts.merge(&block.output.facts);
                        done.records += block.output.records;
                        if done.bytes - shown_bytes >= SHOW_EVERY_BYTES {
                            shown_bytes = done.bytes;
                            observer.progress(done);
                        }
                    }
                    Ok(Flow::Continue)
                },
            )?;
        }
        self.observer.progress(done);
        Ok(facts)
    }
}
