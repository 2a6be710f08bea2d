//! What the handling of each value needs to know about its column.

use crate::schema::{Column, ColumnType, KeyPlan, RowPlan};

/// What each value's handling needs to know about its column, in one word so that it stays in a register.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnWork {
    /// Index of its field in a record.
    pub(super) source: u32,
    /// Index in the plan's columns.
    pub(super) index: u16,
    pub(super) cast: UsualCast,
    flags: u8,
}

/// How the values of a column are cast, in a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsualCast {
    /// Kept as they stand.
    Text,
    Integer,
    Real,
    Boolean,
    Date,
    Time,
    DateTime,
    Numeric,
    /// They are not written as usual: see [`RowPlan::recodings`].
    Recoded,
    /// A contract says how they are written, or what they may be: see [`RowPlan::rules`].
    Ruled,
}

impl UsualCast {
    fn of(index: usize, plan: &RowPlan) -> Self {
        if plan.rules.of(index).is_some() {
            return UsualCast::Ruled;
        }
        if matches!(plan.recodings.get(index), Some(Some(_))) {
            return UsualCast::Recoded;
        }
        match plan.columns[index].column_type {
            ColumnType::Text | ColumnType::Any => UsualCast::Text,
            ColumnType::Integer => UsualCast::Integer,
            ColumnType::Real => UsualCast::Real,
            ColumnType::Boolean => UsualCast::Boolean,
            ColumnType::Date => UsualCast::Date,
            ColumnType::Time => UsualCast::Time,
            ColumnType::DateTime => UsualCast::DateTime,
            ColumnType::Numeric => UsualCast::Numeric,
            // Always among the recodings.
            ColumnType::Number | ColumnType::Percent | ColumnType::Decimal(_) => UsualCast::Recoded,
        }
    }
}

pub(super) const NOT_NULL: u8 = 1;
/// Part of a hashed key.
pub(super) const IS_KEY: u8 = 1 << 1;
pub(super) const IS_ROW_ID: u8 = 1 << 2;
/// The type is a guess that depends on the form of the numbers, so what they look like is noted.
pub(super) const OBSERVED: u8 = 1 << 3;
/// The type comes from a part of the input, and all other numbers must be in the form of that part's.
pub(super) const SETTLED: u8 = 1 << 4;
/// The type is a guess, and so is whether the column's integers ascend.
pub(super) const ORDERED: u8 = 1 << 5;
/// Somebody asked for the type, so every usual form of it is taken.
pub(super) const DECLARED: u8 = 1 << 6;
/// SQLite stores a value as it is given.
pub(super) const NO_AFFINITY: u8 = 1 << 7;

impl ColumnWork {
    pub(super) fn is(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

pub(super) fn columns(plan: &RowPlan) -> Vec<ColumnWork> {
    let key: &[u32] = match &plan.key {
        KeyPlan::Hashed(columns) => columns,
        _ => &[],
    };
    let guess = plan.guess.as_ref();
    let column = |(index, column): (usize, &Column)| {
        let is_row_id = plan.key == KeyPlan::RowId(index as u32);
        let is_only_key = is_row_id || *key == [index as u32];
        let flags = [
            (NOT_NULL, column.not_null || is_row_id || plan.rules.is_required(index)),
            (IS_KEY, key.contains(&(index as u32))),
            (IS_ROW_ID, is_row_id),
            (
                OBSERVED,
                guess.is_some_and(|guess| column.column_type != ColumnType::Integer && guess.forms[index].is_open()),
            ),
            (
                SETTLED,
                column.column_type == ColumnType::Real && !column.declared && plan.settled.is_some(),
            ),
            (DECLARED, column.declared),
            (
                NO_AFFINITY,
                column
                    .in_table
                    .as_ref()
                    .is_some_and(|table| table.affinity == ColumnType::Any),
            ),
            (
                ORDERED,
                guess.is_some() && is_only_key && column.column_type == ColumnType::Integer,
            ),
        ];
        ColumnWork {
            source: plan.sources[index],
            index: index as u16,
            cast: UsualCast::of(index, plan),
            flags: flags
                .iter()
                .filter(|(_, holds)| *holds)
                .fold(0, |all, (flag, _)| all | flag),
        }
    };
    plan.columns.iter().enumerate().map(column).collect()
}
