//! Rows in ascending order of row id as leaf pages of a table's b-tree, before it is known where in the file they will stand. Pure.
//!
//! Comes in: rows, in a worker thread or, where there are few of them, one by one in the thread that writes. Goes out: finished leaves, one
//! after another in one buffer, the pages of records that are too long for a leaf in another, and the leaf that still has room, if any. Pages get
//! their numbers when the tree takes them ([`TableBuilder::take`](crate::sqlite::direct::pages::TableBuilder::take)); until then a number
//! that stands in a page counts from the first overflow page of the run.
//!
//! Source: SQLite file format §1.6 (b-tree leaf pages, overflow).

use std::ops::Range;

use crate::sqlite::direct::aligned::AlignedBytes;
use crate::sqlite::format::{local_bytes, put_varint};

/// Bytes of a leaf page's header.
pub const LEAF_HEADER_BYTES: usize = 8;
pub const LEAF_TYPE: u8 = 0x0D;
/// Memory that is kept for the next rows, more or less.
pub const KEPT_BYTES: usize = 4 << 20;
/// Bytes of a page's number.
const NUMBER_BYTES: usize = 4;

/// Leaf pages in the making.
///
/// Buffers are used again, and their lengths are room, not content: a page is written whole, and only the gap between its pointers and its
/// cells is zeroed, so that the file does not depend on what stood there before.
#[derive(Debug)]
pub struct LeafRun {
    page_bytes: usize,
    leaves: AlignedBytes,
    /// Greatest row id of each finished leaf.
    last_row_ids: Vec<i64>,
    /// The leaf that rows are being added to; it comes after the finished ones.
    cells: usize,
    /// Where in it the lowest cell begins.
    content_start: usize,
    last_row_id: i64,
    /// Pages of records that are too long for a leaf.
    overflow: AlignedBytes,
    overflow_pages: u32,
    /// Where in `leaves` the number of a record's first overflow page stands.
    links: Vec<u32>,
}

impl LeafRun {
    pub fn new(page_bytes: usize) -> Self {
        LeafRun {
            page_bytes,
            leaves: AlignedBytes::default(),
            last_row_ids: Vec::new(),
            cells: 0,
            content_start: page_bytes,
            last_row_id: 0,
            overflow: AlignedBytes::default(),
            overflow_pages: 0,
            links: Vec::new(),
        }
    }

    pub fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    /// Empties the run and keeps its memory.
    pub fn clear(&mut self) {
        self.last_row_ids.clear();
        self.cells = 0;
        self.content_start = self.page_bytes;
        self.overflow_pages = 0;
        self.links.clear();
    }

    /// Makes room for rows of so many bytes, so that the buffer is not moved while they come.
    pub fn reserve(&mut self, record_bytes: usize) {
        // A cell has up to 18 bytes more than its record, and a pointer; most have far less. Much of long records is elsewhere.
        let bytes = record_bytes.min(KEPT_BYTES);
        self.leaves.grow(bytes + bytes / 8 + 2 * self.page_bytes);
    }

    /// Adds a row. `row_id` must be greater than every one before it.
    #[inline]
    pub fn append(&mut self, row_id: i64, record: &[u8]) {
        if record.len() > most_local_bytes(self.page_bytes) {
            return self.append_long(row_id, record);
        }
        let mut head = [0; 18];
        let mut head_bytes = put_varint(&mut head, record.len() as u64);
        head_bytes += put_varint(&mut head[head_bytes..], row_id as u64);
        let cell = self.cell(head_bytes + record.len());
        let (cell_head, body) = self.leaves[cell].split_at_mut(head_bytes);
        cell_head.copy_from_slice(&head[..head_bytes]);
        body.copy_from_slice(record);
        self.last_row_id = row_id;
    }

    #[cold]
    fn append_long(&mut self, row_id: i64, record: &[u8]) {
        let mut head = [0; 18];
        let mut head_bytes = put_varint(&mut head, record.len() as u64);
        head_bytes += put_varint(&mut head[head_bytes..], row_id as u64);
        let (local, rest) = record.split_at(local_bytes(
            record.len(),
            most_local_bytes(self.page_bytes),
            self.page_bytes,
        ));
        let first = self.push_overflow(rest);
        let cell = self.cell(head_bytes + local.len() + NUMBER_BYTES);
        self.links.push((cell.end - NUMBER_BYTES) as u32);
        let (cell_head, body) = self.leaves[cell].split_at_mut(head_bytes);
        cell_head.copy_from_slice(&head[..head_bytes]);
        body[..local.len()].copy_from_slice(local);
        body[local.len()..].copy_from_slice(&first.to_be_bytes());
        self.last_row_id = row_id;
    }

    /// Adds a row that is a cell already, in which numbers of pages are those of the file.
    pub fn append_cell(&mut self, row_id: i64, cell: &[u8]) {
        let place = self.cell(cell.len());
        self.leaves[place].copy_from_slice(cell);
        self.last_row_id = row_id;
    }

    /// Adds a chain of overflow pages; returns the place of the first among those of the run.
    fn push_overflow(&mut self, bytes: &[u8]) -> u32 {
        let first = self.overflow_pages;
        let end = (first as usize + bytes.len().div_ceil(self.page_bytes - NUMBER_BYTES)) * self.page_bytes;
        if end > self.overflow.len() {
            // More than is needed, as others will come, but not much more than a huge record needs.
            self.overflow.grow(end + end.min(KEPT_BYTES) / 2);
        }
        let mut pieces = bytes.chunks(self.page_bytes - NUMBER_BYTES).peekable();
        while let Some(piece) = pieces.next() {
            let start = self.overflow_pages as usize * self.page_bytes;
            self.overflow_pages += 1;
            let (next, content) = self.overflow[start..start + self.page_bytes].split_at_mut(NUMBER_BYTES);
            // No page is followed by the first one of the run, so its place can say that none follows.
            let follower = if pieces.peek().is_some() {
                self.overflow_pages
            } else {
                0
            };
            next.copy_from_slice(&follower.to_be_bytes());
            content[..piece.len()].copy_from_slice(piece);
            content[piece.len()..].fill(0);
        }
        first
    }

    /// Room for a cell in the open leaf, or in the next one: where in [`leaves`](Self::leaves) it is.
    #[inline]
    fn cell(&mut self, cell_bytes: usize) -> Range<usize> {
        if LEAF_HEADER_BYTES + 2 * (self.cells + 1) + cell_bytes > self.content_start {
            self.close_leaf();
        }
        if self.cells == 0 {
            self.open_leaf();
        }
        let leaf = self.finished_bytes();
        let end = leaf + self.content_start;
        self.content_start -= cell_bytes;
        let pointer = leaf + LEAF_HEADER_BYTES + 2 * self.cells;
        self.leaves[pointer..pointer + 2].copy_from_slice(&(self.content_start as u16).to_be_bytes());
        self.cells += 1;
        leaf + self.content_start..end
    }

    /// Makes sure that the buffer has room for the open leaf.
    fn open_leaf(&mut self) {
        let end = self.finished_bytes() + self.page_bytes;
        if end > self.leaves.len() {
            self.leaves.grow(end + end / 2);
        }
    }

    /// Writes the open leaf's header; further rows may still be added.
    fn complete_leaf(&mut self) {
        let start = self.finished_bytes();
        let page = &mut self.leaves[start..start + self.page_bytes];
        page[..LEAF_HEADER_BYTES].fill(0);
        page[0] = LEAF_TYPE;
        page[3..5].copy_from_slice(&(self.cells as u16).to_be_bytes());
        // 65,536 is written as zero, which the cast gives.
        page[5..7].copy_from_slice(&(self.content_start as u16).to_be_bytes());
        page[LEAF_HEADER_BYTES + 2 * self.cells..self.content_start].fill(0);
    }

    /// Finishes the open leaf, if it has rows.
    pub fn close_leaf(&mut self) {
        if self.cells > 0 {
            self.complete_leaf();
            self.last_row_ids.push(self.last_row_id);
            self.cells = 0;
            self.content_start = self.page_bytes;
        }
    }

    /// The open leaf as a page, to which rows may still be added.
    pub fn open_page(&mut self) -> &[u8] {
        self.open_leaf();
        self.complete_leaf();
        let start = self.finished_bytes();
        &self.leaves[start..start + self.page_bytes]
    }

    /// Greatest row id so far.
    pub fn last_row_id(&self) -> i64 {
        self.last_row_id
    }

    /// Greatest row id of each finished leaf.
    pub fn last_row_ids(&self) -> &[i64] {
        &self.last_row_ids
    }

    pub fn finished_leaves(&self) -> u32 {
        self.last_row_ids.len() as u32
    }

    pub fn overflow_pages(&self) -> u32 {
        self.overflow_pages
    }

    fn finished_bytes(&self) -> usize {
        self.last_row_ids.len() * self.page_bytes
    }

    /// Bytes of the pages that are finished.
    pub fn pending_bytes(&self) -> usize {
        self.finished_bytes() + self.overflow_pages as usize * self.page_bytes
    }

    /// The finished leaves.
    pub fn leaves(&self) -> &[u8] {
        &self.leaves[..self.finished_bytes()]
    }

    /// The overflow pages.
    pub fn overflow(&self) -> &[u8] {
        &self.overflow[..self.overflow_pages as usize * self.page_bytes]
    }

    /// Turns places of overflow pages into page numbers, those that `number` gives.
    pub fn link(&mut self, number: impl Fn(u32) -> u32) {
        let relink = |bytes: &mut [u8]| {
            let place = u32::from_be_bytes(std::array::from_fn(|index| bytes[index]));
            bytes.copy_from_slice(&number(place).to_be_bytes());
        };
        for at in self.links.drain(..) {
            relink(&mut self.leaves[at as usize..at as usize + NUMBER_BYTES]);
        }
        for page in 0..self.overflow_pages as usize {
            let next = &mut self.overflow[page * self.page_bytes..][..NUMBER_BYTES];
            if *next != [0; NUMBER_BYTES] {
                relink(next);
            }
        }
    }

    /// Lets go of what is finished, and keeps the open leaf.
    pub fn forget_finished(&mut self) {
        let open = self.finished_bytes();
        if open > 0 && self.cells > 0 {
            self.leaves.copy_within(open..open + self.page_bytes, 0);
        }
        self.last_row_ids.clear();
        self.overflow_pages = 0;
        if self.overflow.len() > KEPT_BYTES {
            self.overflow = AlignedBytes::default();
        }
    }

    /// Bytes of memory that it holds on to.
    pub fn memory_bytes(&self) -> usize {
        self.leaves.len() + self.overflow.len()
    }

    /// Goes on with the open leaf of `other`. This run must be empty, and the numbers in the leaf those of the file.
    pub fn go_on_with(&mut self, other: &LeafRun) {
        self.clear();
        (self.cells, self.content_start) = (other.cells, other.content_start);
        self.last_row_id = other.last_row_id;
        self.open_leaf();
        let start = other.finished_bytes();
        self.leaves[..self.page_bytes].copy_from_slice(&other.leaves[start..start + self.page_bytes]);
    }

    /// Whether the open leaf has rows.
    pub fn has_open_rows(&self) -> bool {
        self.cells > 0
    }
}

/// Longest record that is whole in its cell.
#[inline]
pub fn most_local_bytes(page_bytes: usize) -> usize {
    page_bytes - 35
}
