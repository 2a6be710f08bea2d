//! What is to become of records that repeat a key.

use std::fmt;

/// What becomes of a record whose key is in the table already, be it from the input or from before the load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnDuplicate {
    /// The first one wins, and the record is rejected as a duplicate.
    #[default]
    Reject,
    /// The first one wins, and the record is only counted: it is in no dead-letter file, and is no reject.
    Skip,
    /// The last one wins: the row becomes what the record says. Columns that the input does not have get their defaults.
    Replace,
    /// The last one wins, in these columns; if none are named, in all that the input has. The others stay as they are.
    Update(Vec<String>),
}

/// As the command line has it.
impl fmt::Display for OnDuplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OnDuplicate::Reject => f.write_str("reject"),
            OnDuplicate::Skip => f.write_str("skip"),
            OnDuplicate::Replace => f.write_str("replace"),
            OnDuplicate::Update(columns) if columns.is_empty() => f.write_str("update"),
            OnDuplicate::Update(columns) => write!(f, "update={}", columns.join(",")),
        }
    }
}
