//! The plan for records that repeat a key.

use super::key_columns;
use crate::error::Error;
use crate::option_name::{KEY, ON_DUPLICATE};
use crate::options::OnDuplicate;
use crate::schema::Column;
use crate::schema::repeats::RepeatPlan;

/// Plans what becomes of records that repeat the key, whose columns are `key`, of a table of which the load fills `columns`.
///
/// # Errors
/// `Usage` when there is no key, or a column is named that is not there or belongs to the key.
pub fn plan_repeats(columns: &[Column], key: &[usize], asked: &OnDuplicate) -> Result<RepeatPlan, Error> {
    if *asked == OnDuplicate::Reject {
        return Ok(RepeatPlan::Reject);
    }
    if key.is_empty() {
        return Err(Error::usage(format!(
            "{ON_DUPLICATE} {asked} is about records that repeat a key; name its columns with {KEY}"
        )));
    }
    let all_others = || (0..columns.len()).filter(|index| !key.contains(index)).collect();
    let (updated, resets_others) = match asked {
        OnDuplicate::Reject => return Ok(RepeatPlan::Reject),
        OnDuplicate::Skip => return Ok(RepeatPlan::Skip),
        OnDuplicate::Replace => (all_others(), true),
        OnDuplicate::Update(named) if named.is_empty() => (all_others(), false),
        OnDuplicate::Update(named) => {
            let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
            (key_columns(&names, named, ON_DUPLICATE)?, false)
        }
    };
    if let Some(&index) = updated.iter().find(|index| key.contains(index)) {
        return Err(Error::usage(format!(
            "{ON_DUPLICATE} names column \"{}\", which belongs to the key: rows with the same key have the same value in it",
            columns[index].name
        )));
    }
    Ok(RepeatPlan::Update {
        columns: updated,
        resets_others,
    })
}
