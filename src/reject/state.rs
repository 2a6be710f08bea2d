//! How a dead-letter file is recognized: where it is to be, and how much of it is committed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The first line of every dead-letter file.
pub const HEADER: &str = "file,line,line_end,record,byte_offset,byte_length,column,code,message,value,first_record,raw";

/// Where the dead letters of a load are to be.
#[derive(Debug, Clone, Copy)]
pub struct LettersPlace<'a> {
    pub path: &'a Path,
    /// The names that [`Position::file_index`](crate::position::Position::file_index) stands for.
    pub inputs: &'a [PathBuf],
    /// Names that no new file may be given: what else the load reads and writes.
    pub taken: &'a [PathBuf],
    /// What the load's side files are named by; no other load's are named so.
    pub token: &'a str,
}

/// What a load has committed of its dead letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    pub bytes: u64,
    /// XXH3-64 of those bytes.
    pub hash: u64,
    /// Distinguishes the file from any other that has, or had, its name; 0 if nothing does.
    pub mark: u64,
}

/// What an earlier run left of its dead letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    pub committed: Committed,
    /// Length of the file when that run ended in an orderly way: whatever follows now was written by somebody else. `None` if the run was
    /// killed: then it may have written more than it committed.
    pub end_bytes: Option<u64>,
}

impl Left {
    /// For a run that left nothing after what is committed.
    pub fn whole(committed: Committed) -> Self {
        Left {
            committed,
            end_bytes: Some(committed.bytes),
        }
    }
}
