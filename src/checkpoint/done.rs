//! What a load is to leave that has put in all its rows: noted when the last steps begin, so that a later run needs to take only them.

use serde::{Deserialize, Serialize};

use super::Loaded;
use crate::content_hash::ContentHash;

/// A load whose rows and indexes are in, and whose SQL after the rows has been run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DoneLoad {
    /// What went in, input by input.
    pub inputs: Vec<LoadedInput>,
    /// How far an append-only load got.
    pub loaded: Option<Loaded>,
    /// How many rows went in.
    pub loaded_rows: u64,
    /// The SQL that was run after the rows.
    pub after: Vec<String>,
}

/// An input that went into a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedInput {
    /// Its name at the time.
    pub name: String,
    pub content: ContentHash,
    /// How many records it had, rejects included.
    pub records: u64,
}
