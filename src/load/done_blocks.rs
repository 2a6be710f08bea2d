//! Blocks whose rows are in: their memory is used again, after a look at what is in their columns, if that is asked for.
//!
//! The looking is done by the pool. As long as a block is looked at it counts as in flight, so that no more memory is used.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::idle::Idle;
use crate::ledger::Incoming;
use crate::load::context::Context;
use crate::pipeline::WorkerPool;
use crate::profile::RowsGathering;
use crate::rows::Landed;
use crate::sqlite::record::RecordBlock;

/// A block that grew beyond this many times the chunk size is not kept for reuse: it held a rare large record.
const REUSE_FACTOR: usize = 20;

/// Where done blocks go.
pub(super) struct DoneBlocks<'a> {
    memory: BlockMemory,
    survey: Option<RowsSurvey<'a>>,
}

/// Where the memory of blocks goes.
#[derive(Clone)]
struct BlockMemory {
    idle: Arc<Idle<RecordBlock>>,
    most_bytes: usize,
}

/// Who looks at rows.
struct RowsSurvey<'a> {
    gathering: Arc<RowsGathering>,
    pool: &'a WorkerPool,
    /// Each look that is under way has a copy of it.
    under_way: Sender<()>,
    ended: Receiver<()>,
}

impl BlockMemory {
    fn put(&self, block: Incoming) {
        let rows = block.block.into_output();
        if rows.capacity_bytes() <= self.most_bytes {
            self.idle.put(rows);
        }
    }
}

impl<'a> DoneBlocks<'a> {
    /// Blocks go to `idle` in the end, and what is in their columns to `gathering`.
    pub(super) fn new(
        idle: &Arc<Idle<RecordBlock>>,
        gathering: Option<&Arc<RowsGathering>>,
        context: &'a Context<'_>,
    ) -> Self {
        let survey = gathering.map(|gathering| {
            let (under_way, ended) = channel();
            RowsSurvey {
                gathering: Arc::clone(gathering),
                pool: &context.pool,
                under_way,
                ended,
            }
        });
        DoneBlocks {
            memory: BlockMemory {
                idle: Arc::clone(idle),
                most_bytes: REUSE_FACTOR * context.options.resources.chunk_bytes as usize,
            },
            survey,
        }
    }

    /// Takes a block. `landed`: which of its rows are in the table.
    pub(super) fn take(&self, block: Incoming, landed: impl FnOnce() -> Landed) {
        let Some(survey) = &self.survey else {
            return self.memory.put(block);
        };
        let (landed, memory) = (landed(), self.memory.clone());
        let (gathering, under_way) = (Arc::clone(&survey.gathering), survey.under_way.clone());
        survey.pool.spawn(move || {
            gathering.add_block(&block.block.output, &landed, block.place.ordinal);
            memory.put(block);
            drop(under_way);
        });
    }

    /// Waits until all blocks have been looked at.
    pub(super) fn end(self) {
        if let Some(RowsSurvey { under_way, ended, .. }) = self.survey {
            drop(under_way);
            // Nothing is ever sent: it fails once nobody can.
            let _ = ended.recv();
        }
    }
}
