//! What becomes of a record whose key another row has.

use serde::{Deserialize, Serialize};

/// What becomes of a record whose key is in the table already, as it is planned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RepeatPlan {
    /// It is rejected.
    #[default]
    Reject,
    /// It is counted, and that is all.
    Skip,
    /// The row that has the key takes the values of some columns.
    Update {
        /// Their indices among the columns that the load fills.
        columns: Vec<usize>,
        /// Columns that the load does not fill get their defaults.
        resets_others: bool,
    },
}

impl RepeatPlan {
    /// Whether rows that are in the table may be changed.
    pub fn updates(&self) -> bool {
        matches!(self, RepeatPlan::Update { .. })
    }
}
