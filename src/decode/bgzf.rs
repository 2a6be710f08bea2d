//! Blocked gzip, as bgzip writes it: each member says how long it is, so that several are unpacked at a time.
//!
//! Comes in: packed bytes whose next member says its length. Goes out: what all such members hold that follow each other, in their order.
//! The workers get a few blocks at a time; how many such groups are on their way is bounded, and with them the memory.
//!
//! Source: SAM/BAM format specification §4.1.

use std::collections::VecDeque;
use std::io::BufRead;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use crate::decode::gzip::BlockUnpacker;
use crate::decode::pieces::PieceSender;
use crate::decode::source::Source;
use crate::decode::trouble::{PartFailed, Trouble};

/// Most threads that unpack. One of them gives more bytes than a core can parse.
const MAX_WORKERS: usize = 4;
/// Groups on their way for each worker: one that is unpacked, one that waits.
const GROUPS_PER_WORKER: usize = 2;
/// Packed bytes of a group, at most, unless it is one block.
const GROUP_BYTES: usize = 192 << 10;
/// Blocks of a group, at most.
const GROUP_BLOCKS: usize = 4;
/// Most bytes that a block unpacks to.
const MAX_UNPACKED_BYTES: u32 = 64 << 10;
/// A member's header with the field that says how long it is, if no other comes before that.
const HEADER_BYTES: usize = 18;
/// Checksum and length after the deflated bytes.
const TRAILER_BYTES: usize = 8;

/// Length of the member that begins with `header`, if that says it.
fn block_bytes(header: &[u8]) -> Option<usize> {
    // No other flag and no other field: then the deflated bytes follow at once.
    let is_block =
        header.len() >= HEADER_BYTES && header.starts_with(b"\x1F\x8B\x08\x04") && &header[10..16] == b"\x06\0BC\x02\0";
    let bytes = usize::from(u16::from_le_bytes([*header.get(16)?, *header.get(17)?])) + 1;
    (is_block && bytes >= HEADER_BYTES + TRAILER_BYTES).then_some(bytes)
}

/// Whether a whole block follows, and not only its beginning: that is found out as a member.
///
/// # Errors
/// `Read`.
pub(super) fn is_block(source: &mut Source) -> Result<bool, Trouble> {
    next_block(source).map(|block| block.is_some())
}

/// The next block, if it is whole and says that it unpacks to no more than a block may.
fn next_block(source: &mut Source) -> Result<Option<&[u8]>, Trouble> {
    let Some(bytes) = block_bytes(source.peek(HEADER_BYTES)?) else {
        return Ok(None);
    };
    let block = source.peek(bytes)?;
    let unpacked_bytes = block.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size));
    Ok((block.len() == bytes && unpacked_bytes <= MAX_UNPACKED_BYTES).then_some(block))
}

/// A few blocks, whole.
struct BlockGroup {
    packed: Vec<u8>,
    /// Offset of the first in the packed bytes.
    start_bytes: u64,
    reply: SyncSender<Result<Vec<u8>, Trouble>>,
}

impl BlockGroup {
    fn unpack(&self, unpacker: &mut BlockUnpacker) -> Result<Vec<u8>, Trouble> {
        let mut unpacked = Vec::with_capacity(GROUP_BLOCKS * MAX_UNPACKED_BYTES as usize);
        let mut at = 0;
        while let Some(bytes) = block_bytes(&self.packed[at..]) {
            let (body, trailer) =
                self.packed[at + HEADER_BYTES..at + bytes].split_at(bytes - HEADER_BYTES - TRAILER_BYTES);
            let number =
                |at: usize| u32::from_le_bytes([trailer[at], trailer[at + 1], trailer[at + 2], trailer[at + 3]]);
            let is_whole = unpacker.unpack(body, number(0), number(4), &mut unpacked);
            if !is_whole {
                return Err(Trouble::Damaged(format!(
                    "the gzip data that begin at its byte {} are not what was packed: length or checksum differ",
                    self.start_bytes + at as u64
                )));
            }
            at += bytes;
        }
        Ok(unpacked)
    }
}

/// Unpacks all blocks that follow each other.
///
/// # Errors
/// `Damaged`, `Read`, `Unwanted`.
pub(super) fn blocks(source: &mut Source, pieces: &mut PieceSender) -> Result<(), Trouble> {
    let workers = std::thread::available_parallelism()
        .map_or(1, std::num::NonZero::get)
        .min(MAX_WORKERS);
    let (groups, queue) = sync_channel::<BlockGroup>(workers * GROUPS_PER_WORKER);
    let queue = Mutex::new(queue);
    std::thread::scope(|threads| {
        for _ in 0..workers {
            threads.spawn(|| work(&queue));
        }
        // Dropped at the end: then the workers end, too.
        let groups = groups;
        let mut replies: VecDeque<Receiver<Result<Vec<u8>, Trouble>>> = VecDeque::new();
        loop {
            let group = next_group(source)?;
            let is_last = group.is_none();
            if let Some((packed, start_bytes)) = group {
                let (reply, receiver) = sync_channel(1);
                replies.push_back(receiver);
                let group = BlockGroup {
                    packed,
                    start_bytes,
                    reply,
                };
                groups.send(group).map_err(|_| Trouble::Unwanted)?;
            }
            while replies.len() >= workers * GROUPS_PER_WORKER || (is_last && !replies.is_empty()) {
                hand_out(replies.pop_front(), pieces)?;
            }
            if is_last {
                return Ok(());
            }
        }
    })
}

fn hand_out(reply: Option<Receiver<Result<Vec<u8>, Trouble>>>, pieces: &mut PieceSender) -> Result<(), Trouble> {
    let Some(reply) = reply else { return Ok(()) };
    // A worker that is gone panicked.
    let unpacked = reply.recv().unwrap_or_else(|_| {
        Err(Trouble::Damaged(
            "unpacking its gzip data failed in a way that was not foreseen".to_owned(),
        ))
    })?;
    pieces.take_all(&mut &unpacked[..]).map_err(|failed| match failed {
        PartFailed::Unwanted => Trouble::Unwanted,
        PartFailed::Said(e) => Trouble::Read(e),
    })
}

fn work(queue: &Mutex<Receiver<BlockGroup>>) {
    let mut unpacker = BlockUnpacker::default();
    loop {
        let group = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(group) = group else { return };
        // Nobody waits for it once unpacking was given up.
        let _ = group.reply.send(group.unpack(&mut unpacker));
    }
}

/// The next blocks, and where they begin; `None` if no block follows.
fn next_group(source: &mut Source) -> Result<Option<(Vec<u8>, u64)>, Trouble> {
    let start_bytes = source.position();
    let mut packed = Vec::with_capacity(GROUP_BYTES);
    for _ in 0..GROUP_BLOCKS {
        let Some(block) = next_block(source)? else { break };
        if !packed.is_empty() && packed.len() + block.len() > GROUP_BYTES {
            break;
        }
        packed.extend_from_slice(block);
        let bytes = block.len();
        source.consume(bytes);
    }
    Ok((!packed.is_empty()).then_some((packed, start_bytes)))
}
