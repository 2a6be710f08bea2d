//! The right edge of a table's tree that is in the file already: what rows with greater row ids are added to. Pure: pages are asked for.
//!
//! Comes in: the pages on the way from the root to the last leaf. Goes out: the children that the interior pages have, and the last leaf's
//! cells, one by one: SQLite may have left gaps between them, which a page of ours does not have.
//!
//! Source: SQLite file format §1.6 (b-tree pages).

use crate::sqlite::direct::leaf_run::{LEAF_HEADER_BYTES, LEAF_TYPE, most_local_bytes};
use crate::sqlite::format::{local_bytes, take_row_id, take_varint};

/// Bytes of an interior page's header.
pub const INTERIOR_HEADER_BYTES: usize = 12;
pub const INTERIOR_TYPE: u8 = 0x05;
/// More levels than a tree of all pages that a file can have.
const MAX_LEVELS: usize = 20;

/// A tree's right edge.
#[derive(Debug)]
pub struct Edge {
    /// For each interior page on it, lowest level first: its children but for the last one, which is on the edge itself, each with the
    /// greatest row id that may be below it.
    pub levels: Vec<Vec<(u32, i64)>>,
    /// The pages on it, which pages of ours will take the place of.
    pub pages: Vec<u32>,
    /// The last leaf.
    leaf: Vec<u8>,
}

impl Edge {
    /// Reads the edge of the tree at `root`, in a file of pages of `page_bytes`; `read` fills in a page. `None` if a page is not as SQLite
    /// makes it in a table.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read<E>(
        page_bytes: usize,
        root: u32,
        mut read: impl FnMut(u32, &mut [u8]) -> Result<(), E>,
    ) -> Result<Option<Edge>, E> {
        let mut page = vec![0; page_bytes];
        let (mut levels, mut pages) = (Vec::new(), vec![root]);
        let mut number = root;
        while pages.len() <= MAX_LEVELS {
            read(number, &mut page)?;
            if page[0] == LEAF_TYPE {
                levels.reverse();
                let edge = Edge {
                    levels,
                    pages,
                    leaf: page,
                };
                let is_sound = edge.cells().all(|cell| cell.is_some()) && edge.ascends();
                return Ok(Some(edge).filter(|_| is_sound));
            }
            let Some((children, last)) = interior(&page) else {
                return Ok(None);
            };
            levels.push(children);
            pages.push(last);
            number = last;
        }
        Ok(None)
    }

    /// The greatest row id; `None` in an empty table.
    pub fn last_row_id(&self) -> Option<i64> {
        self.cells().last().flatten().map(|(row_id, _)| row_id)
    }

    /// The cells of the last leaf with their row ids; `None` for one that is not as it has to be.
    pub fn cells(&self) -> impl Iterator<Item = Option<(i64, &[u8])>> + '_ {
        (0..cell_count(&self.leaf)).map(|index| {
            let cell = self.leaf.get(cell_start(&self.leaf, LEAF_HEADER_BYTES, index)..)?;
            let mut rest = cell;
            let record_bytes = usize::try_from(take_varint(&mut rest)?).ok()?;
            let row_id = take_row_id(&mut rest)?;
            let head_bytes = cell.len() - rest.len();
            let (page_bytes, most) = (self.leaf.len(), most_local_bytes(self.leaf.len()));
            let body_bytes = match record_bytes > most {
                true => local_bytes(record_bytes, most, page_bytes) + 4,
                false => record_bytes,
            };
            Some((row_id, cell.get(..head_bytes + body_bytes)?))
        })
    }

    /// Whether the row ids ascend from level to level, and in the leaf; only the leaf of a tree of one page may be empty.
    fn ascends(&self) -> bool {
        let keys = self.levels.iter().rev().flatten().map(|&(_, key)| key);
        let row_ids = self.cells().flatten().map(|(row_id, _)| row_id);
        let is_filled = self.levels.is_empty() || cell_count(&self.leaf) > 0;
        is_filled && keys.chain(row_ids).is_sorted_by(|a, b| a < b)
    }
}

/// The children of an interior page but for the last, and the last. `None` for another page.
fn interior(page: &[u8]) -> Option<(Vec<(u32, i64)>, u32)> {
    let cells = cell_count(page);
    if page[0] != INTERIOR_TYPE || cells == 0 {
        return None;
    }
    let child = |index| {
        let (number, mut key) = page
            .get(cell_start(page, INTERIOR_HEADER_BYTES, index)..)?
            .split_first_chunk()?;
        Some((u32::from_be_bytes(*number), take_row_id(&mut key)?))
    };
    let children = (0..cells).map(child).collect::<Option<Vec<_>>>()?;
    Some((children, u32::from_be_bytes(*page[8..].first_chunk()?)))
}

fn cell_count(page: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([page[3], page[4]]))
}

/// Where a cell begins; past the page's end if the page has no pointer to it.
fn cell_start(page: &[u8], header_bytes: usize, index: usize) -> usize {
    let pointer = page.get(header_bytes + 2 * index..).and_then(<[u8]>::first_chunk);
    pointer.map_or(usize::MAX, |pointer| usize::from(u16::from_be_bytes(*pointer)))
}
