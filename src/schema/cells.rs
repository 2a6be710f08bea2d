//! What a cell holds: a value, or nothing, and what nothing is to be.
//!
//! Comes in: a cell as it stands in the input. Goes out: how it is read. Pure. Most loads have no rules of their own; who reads many
//! cells asks once whether that is so.

use serde::{Deserialize, Serialize};

/// What an empty cell without quotes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EmptyCell {
    /// NULL.
    #[default]
    Null,
    /// The empty text, as `""` is.
    Text,
    /// The DEFAULT of its column, in a table that exists; NULL where the column has none.
    Default,
}

impl EmptyCell {
    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            EmptyCell::Null => "null",
            EmptyCell::Text => "text",
            EmptyCell::Default => "default",
        }
    }
}

/// How cells are read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CellRules {
    /// Unquoted cells that are one of these are NULL.
    pub null_words: Vec<String>,
    /// What an empty cell without quotes is.
    pub empty: EmptyCell,
    /// Whether a quoted empty cell is what an unquoted one is.
    pub quoted_empty_is_empty: bool,
}

/// A value that does not come from a cell, as its column stores it: the column's DEFAULT, or what stands for every record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoredValue {
    /// Stored as INTEGER.
    Integer(i64),
    /// Stored as REAL: its bits.
    Real(u64),
    /// Stored as TEXT.
    Text(String),
}

/// How a cell is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellMeaning {
    /// As a value.
    Value,
    /// As NULL.
    Null,
    /// The DEFAULT of its column.
    Default,
}

impl CellRules {
    /// Whether NULL is what is empty, and nothing else.
    pub fn are_usual(&self) -> bool {
        self.null_words.is_empty() && self.empty == EmptyCell::Null
    }

    /// How a cell is read that stands in the input as `bytes`, quotes and all. `USUAL`: these rules [are](Self::are_usual).
    #[inline(always)]
    pub fn read<const USUAL: bool>(&self, bytes: &[u8], is_quoted: bool) -> CellMeaning {
        if !USUAL {
            return self.read_by_all(bytes, is_quoted);
        }
        match self.is_empty(bytes, is_quoted) {
            true => CellMeaning::Null,
            false => CellMeaning::Value,
        }
    }

    /// Whether a cell is empty: one in quotes counts only where the rules say so.
    #[inline(always)]
    fn is_empty(&self, bytes: &[u8], is_quoted: bool) -> bool {
        bytes.is_empty() || (self.quoted_empty_is_empty && is_quoted && bytes.len() == 2)
    }

    fn read_by_all(&self, bytes: &[u8], is_quoted: bool) -> CellMeaning {
        if self.is_empty(bytes, is_quoted) {
            return match self.empty {
                EmptyCell::Null => CellMeaning::Null,
                EmptyCell::Text => CellMeaning::Value,
                EmptyCell::Default => CellMeaning::Default,
            };
        }
        match !is_quoted && self.null_words.iter().any(|word| word.as_bytes() == bytes) {
            true => CellMeaning::Null,
            false => CellMeaning::Value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rules: &CellRules, bytes: &str) -> CellMeaning {
        rules.read::<false>(bytes.as_bytes(), bytes.starts_with('"'))
    }

    #[test]
    fn words_for_null_count_without_quotes_and_whole() {
        let rules = CellRules {
            null_words: vec!["NULL".to_owned(), "-".to_owned()],
            ..CellRules::default()
        };
        assert!(!rules.are_usual());
        for (bytes, cell) in [
            ("NULL", CellMeaning::Null),
            ("-", CellMeaning::Null),
            ("", CellMeaning::Null),
            ("\"NULL\"", CellMeaning::Value),
            ("\"\"", CellMeaning::Value),
            ("null", CellMeaning::Value),
            ("NULL ", CellMeaning::Value),
            ("-1", CellMeaning::Value),
        ] {
            assert_eq!(read(&rules, bytes), cell, "{bytes}");
        }
    }

    #[test]
    fn an_empty_cell_is_what_the_rules_say() {
        for (empty, quoted_empty_is_empty, unquoted, quoted) in [
            (EmptyCell::Null, false, CellMeaning::Null, CellMeaning::Value),
            (EmptyCell::Null, true, CellMeaning::Null, CellMeaning::Null),
            (EmptyCell::Text, false, CellMeaning::Value, CellMeaning::Value),
            (EmptyCell::Default, false, CellMeaning::Default, CellMeaning::Value),
            (EmptyCell::Default, true, CellMeaning::Default, CellMeaning::Default),
        ] {
            let rules = CellRules {
                empty,
                quoted_empty_is_empty,
                ..CellRules::default()
            };
            assert_eq!(
                (read(&rules, ""), read(&rules, "\"\"")),
                (unquoted, quoted),
                "{rules:?}"
            );
        }
    }
}
