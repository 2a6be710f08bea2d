//! What worker threads make of a part of an index's sorted entries: leaf pages, or a list of the keys in it that are there twice. What a part
//! cannot know, whether its first key was the last one of the part before it, is left to the thread that takes the parts in order.

use crate::error::Error;
use crate::idle::Idle;
use crate::sqlite::direct::aligned::AlignedBytes;
use crate::sqlite::direct::index::entries::SortedPart;
use crate::sqlite::direct::index::key::KeyColumns;
use crate::sqlite::direct::index::pages::{EntryPacker, IndexBuilder, LeafEntries};
use crate::sqlite::direct::index::repeated::{OwnedEntry, RepeatedKeys};
use crate::sqlite::direct::page_file::PageFile;
use crate::sqlite::direct::pages::NewPages;

/// The repeated keys of a part.
#[derive(Debug, Default)]
pub struct Repeats {
    first: Option<OwnedEntry>,
    /// Row ids of the entries that have the first one's key.
    of_first: Vec<i64>,
    /// Row ids of the others that repeat a key, each with that of the first entry with the key.
    others: Vec<(i64, i64)>,
    /// The last key, if it is not the first one's.
    last: RepeatedKeys,
}

impl Repeats {
    pub fn of(part: SortedPart<'_>, columns: &KeyColumns) -> Self {
        let mut found = Repeats::default();
        let mut groups = RepeatedKeys::default();
        let mut is_first_key = true;
        for entry in part.entries() {
            let first = groups.first_with_key(columns, &entry);
            is_first_key &= found.first.is_none() || first.is_some();
            match first {
                None if is_first_key => found.first = Some(OwnedEntry::of(&entry)),
                None => {}
                Some(_) if is_first_key => found.of_first.push(entry.row_id),
                Some(first) => found.others.push((entry.row_id, first)),
            }
        }
        if !is_first_key {
            found.last = groups;
        }
        found
    }

    /// Hands over the row id of each repeated entry, and that of the first one with its key; `groups` knows the key that came before.
    ///
    /// # Errors
    /// Those of `take`.
    pub fn for_each(
        self,
        columns: &KeyColumns,
        groups: &mut RepeatedKeys,
        mut take: impl FnMut(i64, i64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(own) = &self.first else { return Ok(()) };
        let earlier = groups.first_with_key(columns, &own.entry());
        if let Some(earlier) = earlier {
            take(own.row_id, earlier)?;
        }
        let first = earlier.unwrap_or(own.row_id);
        self.of_first.iter().try_for_each(|&row_id| take(row_id, first))?;
        self.others
            .iter()
            .try_for_each(|&(row_id, first)| take(row_id, first))?;
        groups.go_on_after(self.last);
        Ok(())
    }
}

/// The entries of a part, without those that repeat a key of the part if the index is unique.
#[derive(Debug)]
pub struct PackedPart {
    first: Option<OwnedEntry>,
    others: PackedEntries,
    left_out: u64,
    /// The last key, if it is not the first one's.
    last: RepeatedKeys,
}

#[derive(Debug)]
enum PackedEntries {
    Pages(Option<LeafEntries>),
    /// Some are too long for a page: their index records, back to back, and where each ends.
    Records(Vec<u8>, Vec<usize>),
}

/// What is the same for all parts of an index.
#[derive(Debug)]
pub struct PartPacker<'c> {
    pub columns: &'c KeyColumns,
    pub unique: bool,
    pub page_bytes: usize,
    /// Where pages were that are written.
    pub idle: Idle<AlignedBytes>,
}

impl PartPacker<'_> {
    /// Packs a part.
    pub fn pack(&self, part: SortedPart<'_>) -> PackedPart {
        let PartPacker { columns, unique, .. } = *self;
        let leaves = self.idle.take().unwrap_or_default();
        let mut packer = EntryPacker::new(self.page_bytes, leaves, part.bytes());
        let mut records = None;
        let mut packed = PackedPart {
            first: None,
            others: PackedEntries::Pages(None),
            left_out: 0,
            last: RepeatedKeys::default(),
        };
        let mut groups = RepeatedKeys::default();
        let mut has_other_keys = false;
        let mut record = Vec::new();
        for entry in part.clone().entries() {
            if unique {
                if groups.first_with_key(columns, &entry).is_some() {
                    packed.left_out += 1;
                    continue;
                }
                has_other_keys = packed.first.is_some();
            }
            if packed.first.is_none() {
                packed.first = Some(OwnedEntry::of(&entry));
            } else if !packer.push(columns.record(&entry, &mut record)) {
                records = Some(PackedPart::records(part, columns, unique));
                break;
            }
        }
        if let Some(unpacked) = records {
            return unpacked;
        }
        if has_other_keys {
            packed.last = groups;
        }
        packed.others = PackedEntries::Pages(packer.finish());
        packed
    }
}

impl PackedPart {
    /// As [`PartPacker::pack`], without pages.
    #[cold]
    fn records(part: SortedPart<'_>, columns: &KeyColumns, unique: bool) -> Self {
        let (mut first, mut left_out) = (None, 0);
        let mut groups = RepeatedKeys::default();
        let (mut bytes, mut ends, mut record) = (Vec::new(), Vec::new(), Vec::new());
        for entry in part.entries() {
            if unique && groups.first_with_key(columns, &entry).is_some() {
                left_out += 1;
            } else if first.is_none() {
                first = Some(OwnedEntry::of(&entry));
            } else {
                bytes.extend_from_slice(columns.record(&entry, &mut record));
                ends.push(bytes.len());
            }
        }
        let last = if ends.is_empty() {
            RepeatedKeys::default()
        } else {
            groups
        };
        PackedPart {
            first,
            others: PackedEntries::Records(bytes, ends),
            left_out,
            last,
        }
    }
}

/// An index that is being built out of parts.
#[derive(Debug)]
pub struct Building {
    pub builder: IndexBuilder,
    /// If the index is unique.
    pub groups: Option<RepeatedKeys>,
    /// Entries that repeat a key and so are not in the index.
    pub left_out: u64,
    pub record: Vec<u8>,
}

impl Building {
    /// Adds the next part.
    ///
    /// # Errors
    /// `Io` when the disk is full or fails.
    pub fn take(
        &mut self,
        part: PackedPart,
        packer: &PartPacker<'_>,
        pages: &mut NewPages,
        file: &PageFile,
    ) -> Result<(), Error> {
        let PackedPart {
            first,
            others,
            left_out,
            last,
        } = part;
        let Some(first) = first else { return Ok(()) };
        let columns = packer.columns;
        self.left_out += left_out;
        let groups = self.groups.as_mut();
        if groups.is_some_and(|groups| groups.first_with_key(columns, &first.entry()).is_some()) {
            self.left_out += 1;
        } else {
            self.builder
                .append(columns.record(&first.entry(), &mut self.record), pages);
        }
        match others {
            PackedEntries::Pages(None) => {}
            PackedEntries::Pages(Some(mut entries)) => {
                let numbers = self.builder.take(&mut entries, pages, |pages| file.append(pages))?;
                file.append_pages(numbers, entries.leaves())?;
                packer.idle.put(entries.into_leaves());
            }
            PackedEntries::Records(bytes, ends) => {
                let mut start = 0;
                for end in ends {
                    self.builder.append(&bytes[start..end], pages);
                    file.append_full(pages)?;
                    start = end;
                }
            }
        }
        if let Some(groups) = &mut self.groups {
            groups.go_on_after(last);
        }
        Ok(())
    }
}
