//! A table's b-tree, built from its left edge to its right edge out of [leaf pages](crate::sqlite::direct::leaf_run) in ascending order of
//! row id. Pure: pages come out, nothing is written.
//!
//! New pages are numbered upwards from the end of the file. A page that a batch committed is never changed while it is in use: the right
//! edge of the tree, whose interior pages change as rows are added, is made anew by each batch, out of pages that the last commit left free
//! if there are any. So nothing needs to be journaled, and whoever reads the last commit's tree finds all of it. After
//! [`TableBuilder::finish_batch`] the tree is complete; the next batch goes on from there.
//!
//! Source: SQLite file format §1.6 (b-tree pages); SQLite adds two rules of its own: no page but an empty root has zero cells, and
//! the page at the lock byte is never used.

use std::ops::Range;

use crate::sqlite::direct::edge::{Edge, INTERIOR_HEADER_BYTES, INTERIOR_TYPE};
use crate::sqlite::direct::leaf_run::LeafRun;
use crate::sqlite::format::{put_varint, varint_bytes};

/// Pages above the leaves that wait in memory before they are written.
const PLACED_BYTES: usize = 1 << 20;

/// Builds one table's tree.
#[derive(Debug)]
pub struct TableBuilder {
    page_bytes: usize,
    /// Rows that were added one by one.
    run: LeafRun,
    /// Open interior nodes, lowest level first; each is the rightmost of its level.
    levels: Vec<Node>,
    new: NewPages,
    /// Pages that are free in the last committed state.
    spare: Vec<u32>,
    /// Pages of the last committed state that the open batch has replaced by new ones elsewhere.
    retired: Vec<u32>,
    /// Pages above the leaves, which wait to be written.
    placed: Vec<PlacedPage>,
}

/// A page that goes to a place of its own, where nobody reads yet: past the end of the file, or where a free page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedPage {
    pub number: u32,
    pub bytes: Vec<u8>,
}

/// An interior node: its finished children, with the greatest row id below each, and where it was written, if it was.
#[derive(Debug, Default)]
struct Node {
    children: Vec<(u32, i64)>,
    /// Bytes of the children's cells and their pointers.
    cell_bytes: usize,
    number: Option<u32>,
}

/// Finished new pages on their way to the end of the file, where they are adjacent and numbered upwards.
#[derive(Debug)]
pub struct NewPages {
    page_bytes: usize,
    lock_page: u32,
    next_page: u32,
    bytes: Vec<u8>,
    first_page: u32,
}

/// Numbers of new pages that are kept elsewhere, in their order: all that follow the first one, but for the page at the lock byte.
#[derive(Debug, Clone, Copy)]
pub struct PageNumbers {
    first: u32,
    count: u32,
    lock_page: u32,
}

/// Where the pages of a [`LeafRun`] stand.
#[derive(Debug, Clone, Copy)]
pub struct RunNumbers {
    pub leaves: PageNumbers,
    pub overflow: PageNumbers,
}

impl PageNumbers {
    /// The number of the page with this index.
    pub fn number(&self, index: u32) -> u32 {
        let number = self.first.saturating_add(index);
        let is_past = self.first < self.lock_page && number >= self.lock_page;
        number.saturating_add(u32::from(is_past))
    }

    /// The pages that are adjacent in the file: the number of the first, and their indices.
    pub fn stretches(&self) -> impl Iterator<Item = (u32, Range<usize>)> + use<> {
        let whole = 0..self.count as usize;
        let before = match self.lock_page.checked_sub(self.first) {
            Some(distance) => whole.end.min(distance as usize),
            None => whole.end,
        };
        let after = (self.number(before as u32), before..whole.end);
        [(self.first, 0..before), after]
            .into_iter()
            .filter(|(_, indices)| !indices.is_empty())
    }
}

impl NewPages {
    /// New pages after the `page_count` pages of a file.
    pub fn new(page_bytes: usize, page_count: u32, lock_byte: u64) -> Self {
        let lock_page = (lock_byte / page_bytes as u64) as u32 + 1;
        let skips = page_count.checked_add(1) == Some(lock_page);
        let next_page = page_count.saturating_add(if skips { 2 } else { 1 });
        NewPages {
            page_bytes,
            lock_page,
            next_page,
            bytes: Vec::new(),
            first_page: next_page,
        }
    }

    /// Number of the last page in use.
    pub fn last_page(&self) -> u32 {
        self.next_page - 1
    }

    /// Bytes that wait in memory.
    pub fn pending_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The pages that wait, and the number of the first; [`forget`](Self::forget) them once they are written.
    pub fn pending(&self) -> (u32, &[u8]) {
        (self.first_page, &self.bytes)
    }

    pub fn forget(&mut self) {
        self.bytes.clear();
        self.first_page = self.next_page;
    }

    /// Adds a page; returns its number.
    pub fn push(&mut self, page: &[u8]) -> u32 {
        let number = self.take_number();
        self.bytes.extend_from_slice(page);
        number
    }

    /// Adds an empty page, to be rewritten; returns its number.
    pub fn reserve(&mut self) -> u32 {
        let number = self.take_number();
        self.bytes.resize(self.bytes.len() + self.page_bytes, 0);
        number
    }

    /// Gives numbers to `count` pages that are kept elsewhere. No page may wait here: those that do are adjacent.
    pub fn take_numbers(&mut self, count: u32) -> PageNumbers {
        debug_assert!(count == 0 || self.bytes.is_empty(), "pages wait to be written");
        if count > 0 && self.next_page == self.lock_page {
            self.next_page += 1;
        }
        let numbers = PageNumbers {
            first: self.next_page,
            count,
            lock_page: self.lock_page,
        };
        if let Some(last) = count.checked_sub(1) {
            self.next_page = numbers.number(last).saturating_add(1);
            self.first_page = self.next_page;
        }
        numbers
    }

    /// Adds `overflow` as a chain of pages; returns the number of the first.
    pub fn push_overflow(&mut self, overflow: &[u8]) -> u32 {
        let mut first = 0;
        let mut pieces = overflow.chunks(self.page_bytes - 4).peekable();
        let mut number = self.take_number();
        while let Some(piece) = pieces.next() {
            first = if first == 0 { number } else { first };
            let start = self.bytes.len();
            self.bytes.resize(start + self.page_bytes, 0);
            self.bytes[start + 4..start + 4 + piece.len()].copy_from_slice(piece);
            if pieces.peek().is_some() {
                // Taking the number may put a filler page after this one, never before it.
                number = self.take_number();
                self.bytes[start..start + 4].copy_from_slice(&number.to_be_bytes());
            }
        }
        first
    }

    /// The number of the next new page, which the caller pushes at once. The page at the lock byte is filled with an empty one.
    fn take_number(&mut self) -> u32 {
        if self.next_page == self.lock_page {
            self.bytes.resize(self.bytes.len() + self.page_bytes, 0);
            self.next_page += 1;
        }
        self.next_page = self.next_page.saturating_add(1);
        self.next_page - 1
    }
}

impl TableBuilder {
    /// A builder for an empty table whose root is `root_page`, in a file whose pages go up to those of `new`.
    pub fn new(page_bytes: usize, root_page: u32, new: NewPages) -> Self {
        TableBuilder {
            page_bytes,
            run: LeafRun::new(page_bytes),
            levels: Vec::new(),
            new,
            spare: Vec::new(),
            retired: vec![root_page],
            placed: Vec::new(),
        }
    }

    /// A builder that goes on after the rows of a tree, in a file whose pages go up to those of `new`.
    pub fn after(page_bytes: usize, edge: &Edge, new: NewPages) -> Self {
        let mut run = LeafRun::new(page_bytes);
        for (row_id, cell) in edge.cells().flatten() {
            run.append_cell(row_id, cell);
        }
        let node = |children: &Vec<(u32, i64)>| Node {
            children: children.clone(),
            cell_bytes: children.iter().map(|&(_, key)| interior_cell_bytes(key)).sum(),
            number: None,
        };
        TableBuilder {
            page_bytes,
            run,
            levels: edge.levels.iter().map(node).collect(),
            new,
            spare: Vec::new(),
            retired: edge.pages.clone(),
            placed: Vec::new(),
        }
    }

    /// The finished new pages.
    pub fn new_pages(&mut self) -> &mut NewPages {
        &mut self.new
    }

    /// Adds a row. `row_id` must be greater than every one before it.
    #[inline]
    pub fn append(&mut self, row_id: i64, record: &[u8]) {
        self.run.append(row_id, record);
    }

    /// The rows that were added one by one: those of its pages that are finished wait to be [taken](Self::take_own).
    pub fn run(&self) -> &LeafRun {
        &self.run
    }

    /// Finishes the leaf that rows were added to one by one: rows that follow are elsewhere.
    pub fn close_leaf(&mut self) {
        self.run.close_leaf();
    }

    /// Gives the finished pages of [`run`](Self::run) numbers, and the leaves their place in the tree. They are to be written and then
    /// [forgotten](Self::forget_own). No page may wait in [`new_pages`](Self::new_pages).
    pub fn take_own(&mut self) -> RunNumbers {
        let mut run = std::mem::replace(&mut self.run, LeafRun::new(self.page_bytes));
        let numbers = self.take_finished(&mut run);
        self.run = run;
        numbers
    }

    /// Lets go of the finished pages of [`run`](Self::run).
    pub fn forget_own(&mut self) {
        self.run.forget_finished();
    }

    /// As [`take_own`](Self::take_own), for rows that were packed elsewhere, to the last one; all of them are greater than those before.
    /// Nothing may be left in [`run`](Self::run).
    pub fn take(&mut self, run: &mut LeafRun) -> RunNumbers {
        // A tree of one leaf is that leaf: a page above it would have no cell.
        let is_only_leaf = self.levels.is_empty() && run.finished_leaves() == 0;
        if !is_only_leaf {
            run.close_leaf();
        }
        let numbers = self.take_finished(run);
        if is_only_leaf {
            self.run.go_on_with(run);
        }
        numbers
    }

    fn take_finished(&mut self, run: &mut LeafRun) -> RunNumbers {
        let leaves = self.new.take_numbers(run.finished_leaves());
        let overflow = self.new.take_numbers(run.overflow_pages());
        run.link(|place| overflow.number(place));
        for (index, &last_row_id) in run.last_row_ids().iter().enumerate() {
            self.add_child(0, leaves.number(index as u32), last_row_id);
        }
        RunNumbers { leaves, overflow }
    }

    /// Adds a finished child to the open node of `level`; a full node passes all but two children up as a finished node.
    fn add_child(&mut self, level: usize, number: u32, last_row_id: i64) {
        if level == self.levels.len() {
            self.levels.push(Node::default());
        }
        let node = &mut self.levels[level];
        node.children.push((number, last_row_id));
        node.cell_bytes += interior_cell_bytes(last_row_id);
        // The last child is not a cell but the right child; one more cell must fit, for the child that may still be open below.
        if INTERIOR_HEADER_BYTES + node.cell_bytes <= self.page_bytes {
            return;
        }
        let keep = node.children.split_off(node.children.len() - 2);
        let closed = std::mem::replace(&mut node.children, keep);
        node.cell_bytes = node.children.iter().map(|&(_, key)| interior_cell_bytes(key)).sum();
        self.retired.extend(node.number.take());
        let (last, cells) = closed.split_last().expect("a full node has far more than two children");
        let page = interior_page(self.page_bytes, cells, last.0);
        let number = self.place(page);
        self.add_child(level + 1, number, last.1);
    }

    /// Puts a page in the place of a free one, or after everything else.
    fn place(&mut self, bytes: Vec<u8>) -> u32 {
        let number = self.spare.pop().unwrap_or_else(|| self.new.take_numbers(1).first);
        self.placed.push(PlacedPage { number, bytes });
        number
    }

    /// The pages above the leaves that wait to be written, once there are many of them.
    pub fn take_many_placed(&mut self) -> Vec<PlacedPage> {
        match self.placed.len() * self.page_bytes >= PLACED_BYTES {
            true => std::mem::take(&mut self.placed),
            false => Vec::new(),
        }
    }

    /// Completes the tree; returns the pages that are to be written to their places, last of all the root, which goes to `root_page`.
    /// Nothing that is finished may wait in [`run`](Self::run), and no page in [`new_pages`](Self::new_pages).
    pub fn finish_batch(&mut self, root_page: u32) -> Vec<PlacedPage> {
        let root = if self.levels.is_empty() {
            // All rows still fit the root, which is then a leaf itself and stays open.
            self.run.open_page().to_vec()
        } else {
            if self.run.has_open_rows() {
                let leaf = self.run.open_page().to_vec();
                let last_row_id = self.run.last_row_id();
                self.run.clear();
                let number = self.place(leaf);
                self.add_child(0, number, last_row_id);
            }
            self.close_edge()
        };
        self.placed.push(PlacedPage {
            number: root_page,
            bytes: root,
        });
        std::mem::take(&mut self.placed)
    }

    /// Places the right edge of the tree; returns the root's content.
    fn close_edge(&mut self) -> Vec<u8> {
        let mut open_child = None;
        let mut level = 0;
        loop {
            let node = &mut self.levels[level];
            let page = match open_child {
                Some(child) => interior_page(self.page_bytes, &node.children, child),
                None => {
                    let (last, cells) = node.children.split_last().expect("a node is made for its first child");
                    interior_page(self.page_bytes, cells, last.0)
                }
            };
            self.retired.extend(node.number.take());
            if level + 1 == self.levels.len() {
                return page;
            }
            let number = self.place(page);
            self.levels[level].number = Some(number);
            open_child = Some(number);
            level += 1;
        }
    }

    /// The pages that are free once the batch is committed.
    pub fn free_pages(&self) -> impl Iterator<Item = u32> + '_ {
        self.spare.iter().chain(&self.retired).copied()
    }

    /// The batch is committed, so the pages that it retired may be used.
    pub fn committed(&mut self) {
        self.spare.append(&mut self.retired);
    }
}

/// Bytes of a child's cell and of the pointer to it.
fn interior_cell_bytes(key: i64) -> usize {
    2 + 4 + varint_bytes(key as u64)
}

fn interior_page(page_bytes: usize, cells: &[(u32, i64)], right_child: u32) -> Vec<u8> {
    let mut page = vec![0; page_bytes];
    let mut content_start = page_bytes;
    for (index, &(child, key)) in cells.iter().enumerate() {
        let mut cell = [0; 13];
        cell[..4].copy_from_slice(&child.to_be_bytes());
        let cell_bytes = 4 + put_varint(&mut cell[4..], key as u64);
        content_start -= cell_bytes;
        page[content_start..content_start + cell_bytes].copy_from_slice(&cell[..cell_bytes]);
        let pointer = INTERIOR_HEADER_BYTES + 2 * index;
        page[pointer..pointer + 2].copy_from_slice(&(content_start as u16).to_be_bytes());
    }
    page[0] = INTERIOR_TYPE;
    page[3..5].copy_from_slice(&(cells.len() as u16).to_be_bytes());
    page[5..7].copy_from_slice(&(content_start as u16).to_be_bytes());
    page[8..12].copy_from_slice(&right_child.to_be_bytes());
    page
}
