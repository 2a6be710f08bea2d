//! The loaded part of a file that grows, read again: which of its records a key came with.
//!
//! Needed only if the key is the row id, which then does not give the record's number, and only when a new record repeats an old key. Then
//! the keys in question are looked for in the loaded part, a bounded number at a time.

use crate::checkpoint::Base;
use crate::error::Error;
use crate::format::Format;
use crate::head::{ReadAs, read_as};
use crate::idle::Idle;
use crate::load::context::Context;
use crate::load::opened::OpenedInput;
use crate::load::order::{RowMemory, RowWork};
use crate::load::planned::Blueprint;
use crate::pipeline::{Flight, Flow, ScanRequest, ScanTimes, Scanned, scan};
use crate::rows::Nothing;
use crate::settle::EarlierKeys;
use crate::window::Input;

/// Looks keys up in the loaded part of a load's input.
pub(super) struct EarlierRecords<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) blueprint: &'a Blueprint,
    pub(super) opened: &'a mut OpenedInput,
    pub(super) base: &'a Base,
    /// Greatest key of the table before the first load of the file: any key that is not above it was there already.
    pub(super) existing: Option<i64>,
}

impl EarlierKeys for EarlierRecords<'_> {
    fn first_records(&mut self, keys: &[i64]) -> Result<Vec<Option<u64>>, Error> {
        let OpenedInput { input, head, .. } = &mut *self.opened;
        let options = self.context.options;
        let idle = &Idle::default();
        // All that is asked is which records are rows, and their keys.
        let plan = self.blueprint.start.plan.row_plan(0, head.names.len(), options);
        let wanted = WantedKeys {
            context: self.context,
            blueprint: self.blueprint,
            start_bytes: head.data_start_bytes,
            records: self.base.loaded.counts.records,
            existing: self.existing,
            keys,
        };
        let memory = RowMemory { idle, packs: false };
        match read_as(head, options) {
            ReadAs::Csv(format) => wanted.find(input, &RowWork { plan, format, memory }),
            ReadAs::JsonLines(format) => wanted.find(input, &RowWork { plan, format, memory }),
        }
    }
}

/// Keys that are looked for in the loaded part of an input.
struct WantedKeys<'a> {
    context: &'a Context<'a>,
    blueprint: &'a Blueprint,
    start_bytes: u64,
    /// How many records that part has.
    records: u64,
    /// See [`EarlierRecords::existing`].
    existing: Option<i64>,
    keys: &'a [i64],
}

impl WantedKeys<'_> {
    fn find<F: Format>(&self, input: &mut Input, work: &RowWork<'_, Nothing, F>) -> Result<Vec<Option<u64>>, Error> {
        let (keys, last) = (self.keys, self.records);
        let settings = self.context.scan_settings(&self.blueprint.split);
        let request = ScanRequest {
            settings,
            work,
            flight: &Flight::new(&settings),
            times: &ScanTimes::default(),
            stopped: &|| false,
        };
        let mut found = vec![None; keys.len()];
        let mut records = 0;
        scan(&self.context.pool, input, self.start_bytes, request, &mut |scanned| {
            match scanned {
                Scanned::Nothing | Scanned::Waiting => {}
                Scanned::LinePiece(piece) => records += u64::from(piece.last),
                Scanned::Block(block) => {
                    let rows = &block.output;
                    for (row, key) in rows.rows.iter().zip(&rows.integer_keys) {
                        let record = records + 1 + u64::from(row.record_index);
                        if let Ok(index) = keys.binary_search(key)
                            && self.existing.is_none_or(|existing| *key > existing)
                            && record <= last
                        {
                            found[index].get_or_insert(record);
                        }
                    }
                    records += u64::from(rows.record_count);
                }
            }
            Ok(if records < last { Flow::Continue } else { Flow::Stop })
        })?;
        Ok(found)
    }
}
