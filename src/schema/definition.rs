//! A table as SQL of the user's makes it: what then stands in the schema, word for word.

use serde::{Deserialize, Serialize};

/// What an entry of the schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A table with rows of its own.
    Table,
    /// An index.
    Index,
    /// A trigger.
    Trigger,
}

/// An entry of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaEntry {
    /// What it is.
    pub kind: EntryKind,
    /// Its name.
    pub name: String,
    /// The statement that makes it, as SQLite keeps it.
    pub sql: String,
}

/// A table as SQL of the user's makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Its name.
    pub table: String,
    /// In the order in which they are made: the table, its indexes and triggers.
    pub entries: Vec<SchemaEntry>,
    /// The same under the names that they have until the table takes the place of another; nothing if it has triggers.
    pub aside: Vec<SchemaEntry>,
    /// The columns of each key that no two rows share; nothing if it has triggers.
    pub unique: Vec<Vec<String>>,
}

impl EntryKind {
    /// The word that SQLite has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            EntryKind::Table => "table",
            EntryKind::Index => "index",
            EntryKind::Trigger => "trigger",
        }
    }

    /// What SQLite calls `word`, if the user's SQL may make it.
    pub fn from_word(word: &str) -> Option<EntryKind> {
        let all = [EntryKind::Table, EntryKind::Index, EntryKind::Trigger];
        all.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl Definition {
    /// What is made; `aside`: of a table that is to take the place of another.
    pub fn entries(&self, aside: bool) -> &[SchemaEntry] {
        if aside { &self.aside } else { &self.entries }
    }

    /// Whether rows bring triggers into play.
    pub fn has_triggers(&self) -> bool {
        self.entries.iter().any(|entry| entry.kind == EntryKind::Trigger)
    }

    /// The statements, in one line.
    pub fn sql(&self) -> String {
        let all: Vec<&str> = self.entries.iter().map(|entry| entry.sql.as_str()).collect();
        all.join("; ")
    }
}
