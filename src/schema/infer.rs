//! What a column holds, from every value of it: facts per chunk, merged in input order.
//!
//! Pure. A column is INTEGER or REAL only if every value is (and stays what it was when stored so); one other value makes it TEXT,
//! and from then on its values are not looked at.

use crate::parse::{Dialect, Records};
use crate::schema::ColumnType;
use crate::schema::cast::{self, MAX_EXACT_INTEGER};
use crate::schema::key_order::KeyOrder;
use crate::validate::{Field, is_plain_text};

/// What was seen in one column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ColumnFacts {
    integer: bool,
    /// An integer that a REAL column could not hold.
    large_integer: bool,
    real: bool,
    text: bool,
    /// Declared: not looked at.
    skip: bool,
}

/// What was seen in a span of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    columns: Vec<ColumnFacts>,
    key: Option<usize>,
    order: KeyOrder,
}

impl Facts {
    /// Nothing seen yet. `declared` columns are not looked at, except for the order of `key`.
    pub fn new(declared: &[bool], key: Option<usize>) -> Self {
        let column = |&skip: &bool| ColumnFacts {
            skip,
            ..ColumnFacts::default()
        };
        Facts {
            columns: declared.iter().map(column).collect(),
            key,
            order: KeyOrder::default(),
        }
    }

    /// Adds what was seen right behind this.
    pub fn merge(&mut self, later: &Facts) {
        for (column, other) in self.columns.iter_mut().zip(&later.columns) {
            column.integer |= other.integer;
            column.large_integer |= other.large_integer;
            column.real |= other.real;
            column.text |= other.text;
        }
        self.order.merge(&later.order);
    }

    /// The type of a column; one without a value is TEXT.
    pub fn column_type(&self, index: usize) -> ColumnType {
        let column = &self.columns[index];
        match (column.text, column.real, column.integer) {
            (false, true, _) if !column.large_integer => ColumnType::Real,
            (false, false, true) => ColumnType::Integer,
            _ => ColumnType::Text,
        }
    }

    /// Whether nothing but NULL was seen in a column.
    pub fn is_unseen(&self, index: usize) -> bool {
        let column = &self.columns[index];
        !(column.integer || column.real || column.text)
    }

    /// The order of the integers in the key column; of nothing, if there is none.
    pub fn key_order(&self) -> KeyOrder {
        self.order
    }

    /// Whether the next value of a column can add anything.
    fn is_open(&self, index: usize) -> bool {
        let column = &self.columns[index];
        self.key == Some(index) || !(column.skip || column.text)
    }

    fn see(&mut self, index: usize, field: Field<'_>, empty_is_null: bool) {
        let is_key = self.key == Some(index);
        let column = &mut self.columns[index];
        if field.is_null(empty_is_null) {
            self.order.nulls += u64::from(is_key);
            return;
        }
        let unquoted = field.unquoted();
        match cast::integer(unquoted) {
            Ok(value) => {
                column.integer = true;
                column.large_integer |= !(-MAX_EXACT_INTEGER..=MAX_EXACT_INTEGER).contains(&value);
                if is_key {
                    self.order.see(value);
                }
            }
            Err(_) if !column.skip && cast::lossless_real(unquoted).is_ok() => column.real = true,
            Err(_) => column.text = true,
        }
    }
}

/// Adds the records of one span to `facts`. Records that validation would reject for their form do not vote.
///
/// `sources` is, for each column, the field it comes from.
pub fn observe(
    span: &[u8],
    records: &Records,
    sources: &[u32],
    dialect: &Dialect,
    empty_is_null: bool,
    facts: &mut Facts,
) {
    let mut open: Vec<usize> = (0..sources.len()).filter(|&index| facts.is_open(index)).collect();
    let span_is_plain = is_plain_text(span);
    let mut first_field = 0usize;
    for record in &records.records {
        let fields = &records.field_ends[first_field..record.fields_end as usize];
        first_field = record.fields_end as usize;
        if record.fault != 0 || fields.len() != sources.len() {
            continue;
        }
        if !span_is_plain && !is_plain_text(&span[record.start as usize..record.end as usize]) {
            continue;
        }
        let mut all_open = true;
        for &index in &open {
            let source = sources[index] as usize;
            let start = if source == 0 {
                record.start
            } else {
                fields[source - 1] + 1
            };
            let field = Field::new(&span[start as usize..fields[source] as usize], dialect);
            facts.see(index, field, empty_is_null);
            all_open &= facts.is_open(index);
        }
        if !all_open {
            open.retain(|&index| facts.is_open(index));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

    fn facts(text: &str) -> Facts {
        let (dialect, mut records) = (Dialect::default(), Records::default());
        parse(text.as_bytes(), true, &dialect, 1000, &mut records);
        let mut facts = Facts::new(&[false, false], Some(0));
        observe(text.as_bytes(), &records, &[0, 1], &dialect, false, &mut facts);
        facts
    }

    fn second(values: &[&str]) -> ColumnType {
        let text: String = values
            .iter()
            .enumerate()
            .map(|(i, value)| format!("{i},{value}\n"))
            .collect();
        facts(&text).column_type(1)
    }

    #[test]
    fn a_column_is_a_number_only_if_every_value_can_be_told_again() {
        assert_eq!(second(&["1", "-2", "", "0"]), ColumnType::Integer);
        assert_eq!(second(&["1", "2.5", "9007199254740992"]), ColumnType::Real);
        assert_eq!(second(&["2.5", "9007199254740993"]), ColumnType::Text);
        assert_eq!(second(&["01234"]), ColumnType::Text);
        assert_eq!(second(&["18446744073709551615"]), ColumnType::Text);
        assert_eq!(second(&["2.5", "10000000000000000000"]), ColumnType::Text);
        assert_eq!(second(&["1e3"]), ColumnType::Text);
        assert_eq!(second(&["1", "2", "x"]), ColumnType::Text);
        assert_eq!(second(&["", ""]), ColumnType::Text);
        assert_eq!(second(&["5", "\"\""]), ColumnType::Text);
        assert_eq!(second(&["\"5\""]), ColumnType::Integer);
    }

    #[test]
    fn records_that_will_be_rejected_do_not_vote() {
        assert_eq!(
            facts("1,2\n2,x,y\n3\n4,\"a\"b\n5,\0\n").column_type(1),
            ColumnType::Integer
        );
    }

    #[test]
    fn facts_of_pieces_merge_to_the_facts_of_the_whole() {
        let lines = ["1,5\n", "2,\n", "2,7\n", ",1.5\n", "9,x\n", "3,1\n"];
        let whole = facts(&lines.concat());
        for cut in 0..=lines.len() {
            let mut merged = facts(&lines[..cut].concat());
            merged.merge(&facts(&lines[cut..].concat()));
            assert_eq!(merged, whole);
        }
        let order = whole.key_order();
        assert_eq!((order.values, order.breaks, order.nulls), (5, 2, 1));
    }
}
