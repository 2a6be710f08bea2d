//! An index's b-tree, built from its left edge to its right edge out of entries in their order. Pure: pages come out, nothing is written.
//!
//! Unlike in a table's tree, each entry stands only once: an entry that separates two pages stands in the interior page above them. So a
//! page that is full waits: the next entry will separate it from the page after it, if there is one. If a page is still waiting at the end,
//! its last entry separates it from a page for the entry that waits with it, because no page but an empty root may have zero cells.
//!
//! Source: SQLite file format §1.6.

use crate::sqlite::direct::aligned::AlignedBytes;
use crate::sqlite::direct::pages::{NewPages, PageNumbers, PlacedPage};
use crate::sqlite::format::{local_bytes, put_varint};

const LEAF_TYPE: u8 = 0x0A;
const INTERIOR_TYPE: u8 = 0x02;
const LEAF_HEADER_BYTES: usize = 8;
const INTERIOR_HEADER_BYTES: usize = 12;

/// Builds one index's tree.
#[derive(Debug)]
pub struct IndexBuilder {
    page_bytes: usize,
    root_page: u32,
    /// The page being filled on each level, leaves first.
    levels: Vec<Level>,
}

/// Entries that follow each other, in leaf pages that were filled elsewhere, before it is known where in the file they will stand.
#[derive(Debug)]
pub struct LeafEntries {
    /// The first entry's cell: it separates these pages from those before.
    first: Vec<u8>,
    /// Pages that are finished, and the cell after each.
    leaves: AlignedBytes,
    dividers: Vec<Vec<u8>>,
    last: Level,
    leaves_bytes: usize,
}

/// Makes [`LeafEntries`].
#[derive(Debug)]
pub struct EntryPacker {
    page_bytes: usize,
    first: Option<Vec<u8>>,
    leaves: AlignedBytes,
    dividers: Vec<Vec<u8>>,
    last: Level,
}

impl EntryPacker {
    /// A packer for entries of `entries_bytes`, more or less, whose leaves go where `leaves` are.
    pub fn new(page_bytes: usize, mut leaves: AlignedBytes, entries_bytes: usize) -> Self {
        leaves.grow(entries_bytes);
        EntryPacker {
            page_bytes,
            first: None,
            leaves,
            dividers: Vec::new(),
            last: Level::new(page_bytes, LEAF_HEADER_BYTES),
        }
    }

    /// Adds an entry, given as its index record; returns `false` if it is too long for a page.
    #[inline]
    #[must_use]
    pub fn push(&mut self, record: &[u8]) -> bool {
        if record.len() > most_local_bytes(self.page_bytes) {
            return false;
        }
        let mut head = [0; 9];
        let head_bytes = put_varint(&mut head, record.len() as u64);
        let head = &head[..head_bytes];
        if self.first.is_none() {
            self.first = Some([head, record].concat());
            return true;
        }
        if let Some(divider) = self.last.divider.take() {
            let start = self.dividers.len() * self.page_bytes;
            let end = start + self.page_bytes;
            if end > self.leaves.len() {
                self.leaves.grow(end + end / 2);
            }
            self.leaves[start..end].copy_from_slice(self.last.finish(None));
            self.dividers.push(divider.cell);
            self.last.clear();
        }
        self.last.add_or_wait(head, record);
        true
    }

    /// The pages; `None` if there are no entries.
    pub fn finish(self) -> Option<LeafEntries> {
        let EntryPacker {
            first,
            leaves,
            dividers,
            last,
            page_bytes,
        } = self;
        Some(LeafEntries {
            first: first?,
            leaves,
            leaves_bytes: dividers.len() * page_bytes,
            dividers,
            last,
        })
    }
}

impl LeafEntries {
    /// The finished pages; they get the numbers that [`IndexBuilder::take`] returns.
    pub fn leaves(&self) -> &[u8] {
        &self.leaves[..self.leaves_bytes]
    }

    /// The memory of the pages.
    pub fn into_leaves(self) -> AlignedBytes {
        self.leaves
    }
}

/// Most bytes of a record that has no overflow pages. Source: SQLite file format §1.6.
fn most_local_bytes(page_bytes: usize) -> usize {
    (page_bytes - 12) * 64 / 255 - 23
}

/// The rightmost page of a level.
#[derive(Debug)]
struct Level {
    page: Vec<u8>,
    header_bytes: usize,
    cells: usize,
    content_start: usize,
    /// Once the page is full: the entry that separates it from the next page. On an interior level its child is the page's right child.
    divider: Option<Divider>,
}

/// An entry's cell as it stands in a leaf, and on an interior level the child to the left of it.
#[derive(Debug)]
struct Divider {
    child: u32,
    cell: Vec<u8>,
}

impl Level {
    fn new(page_bytes: usize, header_bytes: usize) -> Self {
        Level {
            page: vec![0; page_bytes],
            header_bytes,
            cells: 0,
            content_start: page_bytes,
            divider: None,
        }
    }

    /// Adds a cell of two parts, if there is room.
    #[inline]
    fn add(&mut self, head: &[u8], rest: &[u8]) -> bool {
        let bytes = head.len() + rest.len();
        let pointer = self.header_bytes + 2 * self.cells;
        if pointer + 2 + bytes > self.content_start {
            return false;
        }
        let at = self.content_start - bytes;
        let (own_head, own_rest) = self.page[at..self.content_start].split_at_mut(head.len());
        own_head.copy_from_slice(head);
        own_rest.copy_from_slice(rest);
        // At most 65,535: a cell has at least one byte.
        self.page[pointer..pointer + 2].copy_from_slice(&(at as u16).to_be_bytes());
        self.content_start = at;
        self.cells += 1;
        true
    }

    /// Adds a cell to a leaf, or keeps it as the one that separates the leaf from the next.
    #[inline]
    fn add_or_wait(&mut self, head: &[u8], rest: &[u8]) {
        if !self.add(head, rest) {
            let cell = [head, rest].concat();
            self.divider = Some(Divider { child: 0, cell });
        }
    }

    /// Removes the last cell.
    fn take_last(&mut self) -> Vec<u8> {
        self.cells -= 1;
        let pointer = self.header_bytes + 2 * self.cells;
        let end = match self.cells {
            0 => self.page.len(),
            _ => usize::from(u16::from_be_bytes([self.page[pointer - 2], self.page[pointer - 1]])),
        };
        let cell = self.page[self.content_start..end].to_vec();
        self.page[self.content_start..end].fill(0);
        self.page[pointer..pointer + 2].fill(0);
        self.content_start = end;
        cell
    }

    /// Completes the header; `right_child` on an interior level.
    fn finish(&mut self, right_child: Option<u32>) -> &[u8] {
        self.page[0] = if right_child.is_some() {
            INTERIOR_TYPE
        } else {
            LEAF_TYPE
        };
        self.page[3..5].copy_from_slice(&(self.cells as u16).to_be_bytes());
        // 65,536 is written as zero, which the cast gives.
        self.page[5..7].copy_from_slice(&(self.content_start as u16).to_be_bytes());
        if let Some(child) = right_child {
            self.page[8..12].copy_from_slice(&child.to_be_bytes());
        }
        &self.page
    }

    fn clear(&mut self) {
        self.page.fill(0);
        self.cells = 0;
        self.content_start = self.page.len();
    }
}

impl IndexBuilder {
    /// A builder for the index whose root is to be `root_page`.
    pub fn new(page_bytes: usize, root_page: u32) -> Self {
        IndexBuilder {
            page_bytes,
            root_page,
            levels: vec![Level::new(page_bytes, LEAF_HEADER_BYTES)],
        }
    }

    /// Adds an entry, given as its index record; it must sort after every one before it.
    #[inline]
    pub fn append(&mut self, record: &[u8], new: &mut NewPages) {
        let mut head = [0; 9];
        let head_bytes = put_varint(&mut head, record.len() as u64);
        let head = &head[..head_bytes];
        let most = most_local_bytes(self.page_bytes);
        if record.len() <= most {
            self.append_cell(head, record, new);
        } else {
            let (local, overflow) = record.split_at(local_bytes(record.len(), most, self.page_bytes));
            let first = new.push_overflow(overflow);
            self.append_cell(head, &[local, &first.to_be_bytes()].concat(), new);
        }
    }

    /// Adds a cell, given in two parts.
    #[inline]
    fn append_cell(&mut self, head: &[u8], rest: &[u8], new: &mut NewPages) {
        let leaf = &mut self.levels[0];
        if let Some(divider) = leaf.divider.take() {
            let number = new.push(leaf.finish(None));
            leaf.clear();
            self.add_child(1, number, divider.cell, new);
        }
        self.levels[0].add_or_wait(head, rest);
    }

    /// Adds entries that were packed elsewhere, after at least one that was not; returns the numbers of their finished pages, which are to be
    /// written. `write` makes the pages that wait in `new` reach the file.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn take<E>(
        &mut self,
        entries: &mut LeafEntries,
        new: &mut NewPages,
        write: impl FnOnce(&mut NewPages) -> Result<(), E>,
    ) -> Result<PageNumbers, E> {
        if entries.last.cells == 0 {
            // There is only the first.
            self.append_cell(&[], &std::mem::take(&mut entries.first), new);
            return Ok(new.take_numbers(0));
        }
        let leaf = &mut self.levels[0];
        if let Some(divider) = leaf.divider.take() {
            // The entry that waits gets a page of its own, as at the end.
            let last = leaf.take_last();
            let number = new.push(leaf.finish(None));
            leaf.clear();
            leaf.add_or_wait(&[], &divider.cell);
            self.add_child(1, number, last, new);
        }
        let leaf = &mut self.levels[0];
        let number = new.push(leaf.finish(None));
        let last = std::mem::replace(&mut entries.last, Level::new(self.page_bytes, LEAF_HEADER_BYTES));
        *leaf = last;
        self.add_child(1, number, std::mem::take(&mut entries.first), new);
        write(new)?;
        let numbers = new.take_numbers(entries.dividers.len() as u32);
        for (index, divider) in entries.dividers.drain(..).enumerate() {
            self.add_child(1, numbers.number(index as u32), divider, new);
        }
        Ok(numbers)
    }

    /// Adds a finished page and the entry to its right.
    fn add_child(&mut self, level: usize, child: u32, cell: Vec<u8>, new: &mut NewPages) {
        if level == self.levels.len() {
            self.levels.push(Level::new(self.page_bytes, INTERIOR_HEADER_BYTES));
        }
        let node = &mut self.levels[level];
        if let Some(divider) = node.divider.take() {
            let number = new.push(node.finish(Some(divider.child)));
            node.clear();
            self.add_child(level + 1, number, divider.cell, new);
        }
        let node = &mut self.levels[level];
        if !node.add(&child.to_be_bytes(), &cell) {
            node.divider = Some(Divider { child, cell });
        }
    }

    /// Completes the tree; returns its root.
    pub fn finish(mut self, new: &mut NewPages) -> PlacedPage {
        let mut right_child = None;
        let mut level = 0;
        loop {
            let node = &mut self.levels[level];
            if let Some(divider) = node.divider.take() {
                // The entry that waits gets a page of its own, separated from this one by this one's last entry.
                let mut last = node.take_last();
                let closed_right_child = right_child.map(|_| {
                    let child = u32::from_be_bytes([last[0], last[1], last[2], last[3]]);
                    last.drain(..4);
                    child
                });
                let number = new.push(node.finish(closed_right_child));
                node.clear();
                let child = divider.child.to_be_bytes();
                let fits = node.add(if right_child.is_some() { &child } else { &[] }, &divider.cell);
                debug_assert!(fits, "an empty page has room for any cell");
                self.add_child(level + 1, number, last, new);
            }
            let is_top = level + 1 == self.levels.len();
            let page = self.levels[level].finish(right_child);
            if is_top {
                return PlacedPage {
                    number: self.root_page,
                    bytes: page.to_vec(),
                };
            }
            right_child = Some(new.push(page));
            level += 1;
        }
    }
}
