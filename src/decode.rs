//! Packed inputs: what packs bytes is recognized by how they begin, and undone on a thread of its own.
//!
//! Comes in: the packed bytes, as a reader, or as a file where an archive must be read from its end. Goes out: what was packed, in the order
//! in which it is asked for, never further ahead than a few pieces. Never: a look at what the bytes mean. Each format has a room of its own,
//! behind a feature of its own; what several parts follow each other in is put together here.
//!
//! The hard part is the end. A checksum stands after what it is about, so bytes are handed out before they are known to be right; but
//! the end is only told once all of it was compared, so that whoever reads to the end knows. The crates say when a part ends, and never take
//! a byte after it. What follows must be a part of the same format, or NUL bytes up to the end.

// What only some formats need is not used in a build without them.
#![cfg_attr(not(feature = "compressed"), allow(dead_code, unused_imports))]

#[cfg(feature = "gzip")]
mod bgzf;
#[cfg(feature = "bzip2")]
mod bzip2;
mod gauges;
#[cfg(any(feature = "gzip", feature = "zip"))]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
mod marks;
mod packing;
mod parts;
mod pieces;
mod room;
mod source;
#[cfg(test)]
mod tests;
mod trouble;
#[cfg(feature = "xz")]
mod xz;
#[cfg(feature = "zip")]
mod zip;
#[cfg(feature = "zstd")]
mod zstd;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use self::gauges::Gauges;
pub use self::marks::Marks;
pub use self::packing::{LOOK_BYTES, Packing, UnpackingMemory, without_ending};
use self::pieces::{PIECE_BYTES, PIECES_AHEAD, PieceReceiver, PieceSender, Sent};
use self::room::Room;
use self::source::{SOURCE_BYTES, Source};
pub use self::trouble::Trouble;

/// Longest wait for bytes before the stop request is looked at again.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Memory of the buffers: pieces that wait, one that is filled, one that is read, and packed bytes.
const BUFFERS_BYTES: u64 = ((PIECES_AHEAD + 3) * PIECE_BYTES + SOURCE_BYTES) as u64;

/// How inputs are to be unpacked.
#[derive(Debug, Clone)]
pub struct Unpacking {
    /// The member that is wanted of an archive; `None`: its only CSV file.
    pub member: Option<String>,
    pub memory: UnpackingMemory,
}

/// Where packed bytes come from.
pub enum PackedBytes {
    /// In their order, and only once.
    Stream(Box<dyn Read + Send>),
    /// From anywhere.
    File(Arc<File>),
}

impl Default for Unpacking {
    fn default() -> Self {
        Unpacking {
            member: None,
            memory: UnpackingMemory {
                limit_bytes: 128 << 20,
                floor_bytes: 0,
            },
        }
    }
}

/// Bytes that are being unpacked.
pub struct Unpacked {
    packing: Packing,
    end: PieceReceiver,
    /// The piece at hand, and how much of it was read.
    piece: Vec<u8>,
    read_bytes: usize,
    has_ended: bool,
    gauges: Arc<Gauges>,
    /// The thread that unpacks, if it can be stopped.
    thread: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl fmt::Debug for Unpacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacked")
            .field("packing", &self.packing)
            .finish_non_exhaustive()
    }
}

impl Unpacked {
    /// Begins to unpack `bytes`. `marks` say how far that got. Once nobody wants more, `stop` is set: reading the bytes is to fail soon after
    /// that. Without it, nobody waits for a reading that may take forever.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn begin(
        packing: Packing,
        unpacking: &Unpacking,
        bytes: PackedBytes,
        marks: &Arc<Marks>,
        stop: Option<Arc<AtomicBool>>,
    ) -> io::Result<Unpacked> {
        marks.clear();
        let gauges = Arc::new(Gauges::default());
        let (pieces, end) = PieceSender::new(Arc::clone(marks), Arc::clone(&gauges.taken));
        let job = Job {
            packing,
            unpacking: unpacking.clone(),
            bytes,
            gauges: Arc::clone(&gauges),
        };
        let thread = std::thread::Builder::new()
            .name("rowmill-unpack".to_owned())
            .spawn(move || job.run(pieces))?;
        Ok(Unpacked {
            packing,
            end,
            piece: Vec::new(),
            read_bytes: 0,
            has_ended: false,
            gauges,
            thread: stop.map(|stop| (stop, thread)),
        })
    }

    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// Memory that unpacking takes. Known once its first bytes were read.
    pub fn memory_bytes(&self) -> u64 {
        BUFFERS_BYTES + self.packing.state_bytes() + self.gauges.reserved.load(Ordering::Relaxed)
    }

    /// Packed bytes taken so far.
    pub fn packed_bytes(&self) -> u64 {
        self.gauges.taken.load(Ordering::Relaxed)
    }

    /// The member of an archive that is read. Known once its first bytes were read.
    pub fn member(&self) -> Option<String> {
        self.gauges
            .member
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads into `piece`, which is not empty, and returns the number of bytes, 0 at the end; `None` when told to stop while there are none.
    pub fn read(&mut self, piece: &mut [u8], stopped: &dyn Fn() -> bool) -> Option<Result<usize, Trouble>> {
        while self.read_bytes == self.piece.len() {
            if self.has_ended {
                return Some(Ok(0));
            }
            match self.end.messages.recv_timeout(POLL_INTERVAL) {
                Ok(Sent::Piece(next)) => self.change_piece(next),
                Ok(Sent::End(ended)) => {
                    self.has_ended = true;
                    if let Err(trouble) = ended {
                        return Some(Err(trouble));
                    }
                }
                Err(RecvTimeoutError::Timeout) if stopped() => return None,
                Err(RecvTimeoutError::Timeout) => {}
                // A crate panicked on what it was given.
                Err(RecvTimeoutError::Disconnected) => {
                    self.has_ended = true;
                    let message = format!(
                        "unpacking the {} data failed in a way that was not foreseen",
                        self.packing
                    );
                    return Some(Err(Trouble::Damaged(message)));
                }
            }
        }
        let bytes = piece.len().min(self.piece.len() - self.read_bytes);
        piece[..bytes].copy_from_slice(&self.piece[self.read_bytes..self.read_bytes + bytes]);
        self.read_bytes += bytes;
        Some(Ok(bytes))
    }

    fn change_piece(&mut self, next: Vec<u8>) {
        let mut read = std::mem::replace(&mut self.piece, next);
        self.read_bytes = 0;
        // One that was cut at the end of a part would have to be made long again.
        if read.len() == PIECE_BYTES {
            self.end.idle.put(std::mem::take(&mut read));
        }
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        // Nobody listens any more: a thread that waits for room for its next piece goes on, and ends.
        let (_, nothing) = std::sync::mpsc::sync_channel(0);
        self.end.messages = nothing;
        if let Some((stop, thread)) = self.thread.take() {
            stop.store(true, Ordering::Relaxed);
            // That it panicked was said, or does not matter any more.
            let _ = thread.join();
        }
    }
}

/// What the thread that unpacks is to do.
struct Job {
    packing: Packing,
    unpacking: Unpacking,
    bytes: PackedBytes,
    gauges: Arc<Gauges>,
}

impl Job {
    fn run(self, mut pieces: PieceSender) {
        let ended = self.unpack(&mut pieces);
        let ended = ended.map_err(|trouble| match trouble {
            // Not one byte came out: there is nothing to go on with.
            Trouble::Damaged(message) if pieces.unpacked_bytes() == 0 => Trouble::Refused(message),
            trouble => trouble,
        });
        pieces.end(ended);
    }

    fn unpack(self, pieces: &mut PieceSender) -> Result<(), Trouble> {
        let Job {
            packing,
            unpacking,
            bytes,
            gauges,
        } = self;
        if !packing.is_built_in() {
            return Err(Trouble::Refused(packing.not_built_in()));
        }
        match (packing, bytes) {
            #[cfg(feature = "zip")]
            (Packing::Zip, PackedBytes::File(file)) => zip::member(&file, unpacking.member.as_deref(), pieces, &gauges),
            (Packing::Zip, _) => Err(Trouble::Refused(
                "it is a zip archive, whose table of contents is at its end, which a stream reaches last; save it as a file and load that"
                    .to_owned(),
            )),
            (_, PackedBytes::Stream(reader)) => {
                let mut source = Source::new(reader, Arc::clone(&gauges.taken));
                let mut room = Room::new(unpacking.memory, Arc::clone(&gauges.reserved));
                parts::all(packing, &mut source, pieces, &mut room)
            }
            (_, PackedBytes::File(_)) => Err(Trouble::Refused("it is no archive".to_owned())),
        }
    }
}
