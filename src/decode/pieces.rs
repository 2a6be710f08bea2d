//! Unpacked bytes on their way from the thread that unpacks to the one that reads: a bounded number of pieces.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use crate::decode::marks::Marks;
use crate::decode::trouble::{PartFailed, Trouble};
use crate::idle::Idle;

/// Bytes of one piece.
pub const PIECE_BYTES: usize = 256 << 10;
/// Pieces that wait to be read.
pub const PIECES_AHEAD: usize = 4;

/// What the unpacking thread says.
pub enum Sent {
    Piece(Vec<u8>),
    /// Nothing more comes, and why.
    End(Result<(), Trouble>),
}

/// Pieces that were read, to be filled again.
pub type IdlePieces = Arc<Idle<Vec<u8>>>;

/// Where unpacked bytes go.
pub struct PieceSender {
    pub(super) messages: SyncSender<Sent>,
    pub(super) idle: IdlePieces,
    pub(super) marks: Arc<Marks>,
    /// Packed bytes taken so far.
    pub(super) taken: Arc<AtomicU64>,
    /// The piece at hand, of which `filled` bytes are unpacked.
    piece: Vec<u8>,
    filled: usize,
    /// Bytes handed out in the pieces before.
    sent_bytes: u64,
}

/// Where they come out.
pub struct PieceReceiver {
    pub messages: Receiver<Sent>,
    pub idle: IdlePieces,
}

impl PieceSender {
    /// Both ends.
    pub fn new(marks: Arc<Marks>, taken: Arc<AtomicU64>) -> (PieceSender, PieceReceiver) {
        let (sender, messages) = std::sync::mpsc::sync_channel(PIECES_AHEAD);
        let idle = IdlePieces::default();
        let sending = PieceSender {
            messages: sender,
            idle: Arc::clone(&idle),
            marks,
            taken,
            piece: Vec::new(),
            filled: 0,
            sent_bytes: 0,
        };
        (sending, PieceReceiver { messages, idle })
    }

    /// Bytes unpacked so far.
    pub fn unpacked_bytes(&self) -> u64 {
        self.sent_bytes + self.filled as u64
    }

    /// Takes all that `part` unpacks. What is in the piece at hand when that fails is never handed out.
    pub fn take_all(&mut self, part: &mut dyn Read) -> Result<(), PartFailed> {
        loop {
            if self.filled == self.piece.len() && !self.next_piece() {
                return Err(PartFailed::Unwanted);
            }
            match part.read(&mut self.piece[self.filled..]) {
                Ok(0) => return Ok(()),
                Ok(bytes) => self.filled += bytes,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(PartFailed::Said(e)),
            }
        }
    }

    /// Hands out the piece at hand and begins another; whether somebody takes it.
    fn next_piece(&mut self) -> bool {
        let is_taken = self.flush();
        self.piece = self.idle.take().unwrap_or_else(|| vec![0; PIECE_BYTES]);
        is_taken
    }

    /// Hands out what is in the piece at hand; whether somebody takes it.
    fn flush(&mut self) -> bool {
        let mut piece = std::mem::take(&mut self.piece);
        if self.filled == 0 {
            return true;
        }
        piece.truncate(self.filled);
        self.sent_bytes += self.filled as u64;
        self.filled = 0;
        self.marks.push(self.sent_bytes, self.taken.load(Ordering::Relaxed));
        self.messages.send(Sent::Piece(piece)).is_ok()
    }

    /// Hands out the rest, unless there is trouble, and says that nothing more comes.
    pub fn end(mut self, ended: Result<(), Trouble>) {
        if ended.is_ok() && !self.flush() {
            return;
        }
        // Nobody may listen any more.
        let _ = self.messages.send(Sent::End(ended));
    }
}
