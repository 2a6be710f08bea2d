//! What a person wants to see of a table once it is loaded: its first rows, and columns that are TEXT because of a few values.
//!
//! Comes in: the report of a load that is over. Goes out: a few values, and sentences about columns. Never: a change to the database, a
//! wait for somebody who has locked it, or an error; what cannot be read is not shown.

use crate::escape::excerpt;
use crate::option_name::{COLUMN_TYPE, NULL_WORD};
use crate::report::{Glance, LoadReport, Outcome, UndeclaredText, agreeing, grouped};
use crate::schema::cast;
use crate::schema::identifier::listed;
use crate::sqlite::preview::{SAMPLE_ROWS, read_preview, read_texts};
use crate::sqlite::reading::has_wal;

/// Columns that something is said of.
const MAX_COLUMNS: usize = 30;
/// Of ten values of a column, those that must be of a kind.
const OF_TEN: usize = 9;
/// Least values that say something.
const LEAST_VALUES: usize = 2;
/// Characters of a value in a sentence.
const VALUE_CHARS: usize = 32;

/// A look at the table that a load has filled.
pub fn glance(report: &LoadReport) -> Glance {
    let is_worth_it =
        !report.is_check && report.loads.is_empty() && report.outcome != Outcome::Failed && report.loaded > 0;
    // Whoever reads a database with a write-ahead log leaves files beside it.
    if !is_worth_it || report.columns.is_empty() || has_wal(&report.database) {
        return Glance::default();
    }
    let texts = &report.found_texts[..report.found_texts.len().min(MAX_COLUMNS)];
    let names: Vec<&str> = texts.iter().map(|text| text.column.as_str()).collect();
    let sampled = read_texts(&report.database, &report.table, &names).unwrap_or_default();
    Glance {
        preview: read_preview(&report.database, &report.table, &report.columns).unwrap_or_default(),
        why_text: texts
            .iter()
            .zip(sampled)
            .filter_map(|(text, values)| why_text(text, &values))
            .collect(),
    }
}

/// What values can be of.
#[derive(Debug, Clone, Copy)]
struct Kind {
    is_day: bool,
    plural: &'static str,
    declared: &'static str,
    admits: fn(&[u8]) -> bool,
}

const KINDS: [Kind; 4] = [
    Kind {
        is_day: false,
        plural: "integers",
        declared: "integer",
        admits: |text| cast::usual_integer(text).is_ok(),
    },
    Kind {
        is_day: false,
        plural: "numbers",
        declared: "real",
        admits: |text| cast::usual_real(text).is_ok(),
    },
    Kind {
        is_day: true,
        plural: "dates",
        declared: "date",
        admits: |text| cast::date(text).is_ok(),
    },
    Kind {
        is_day: true,
        plural: "dates with times",
        declared: "datetime",
        admits: |text| cast::date_time(text).is_ok(),
    },
];

/// Why a column is TEXT of whose first `values` nearly all, or all, are numbers or dates. Of columns of numbers alone a note was given.
fn why_text(text: &UndeclaredText, values: &[Vec<u8>]) -> Option<String> {
    if values.len() < LEAST_VALUES {
        return None;
    }
    let count = |kind: &Kind| values.iter().filter(|value| (kind.admits)(value)).count();
    let counts = KINDS.map(|kind| (kind, count(&kind)));
    // Of two kinds of as many values the first, as every integer is a number.
    let (kind, fitting) = counts
        .into_iter()
        .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    let name = listed([&text.column]);
    let declared = kind.declared;
    let is_day = kind.is_day;
    let of = match values.len() {
        SAMPLE_ROWS => format!("the first {}", grouped(values.len() as u64)),
        all => grouped(all as u64).to_string(),
    };
    let are_all = fitting == values.len();
    if are_all && is_day {
        return Some(format!(
            "{name}: all of {of} values are {}; {COLUMN_TYPE} {name}={declared} checks them",
            kind.plural
        ));
    }
    if fitting * 10 < values.len() * OF_TEN {
        return None;
    }
    let (other, place) = match &text.first_other {
        Some((value, place)) if !is_day => (value, format!(" on {place}")),
        _ => (values.iter().find(|value| !(kind.admits)(value))?, String::new()),
    };
    let other = excerpt(other, VALUE_CHARS);
    let share = match are_all {
        true => "all".to_owned(),
        false => grouped(fitting as u64).to_string(),
    };
    let are = agreeing(fitting as u64, "is among", "are");
    Some(format!(
        "{name}: {share} of {of} values {are} {}; the first that is none is '{other}'{place}: {NULL_WORD} '{other}' loads it as NULL, \
         {COLUMN_TYPE} {name}={declared} rejects it",
        kind.plural
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(values: &[&str]) -> Option<String> {
        let text = UndeclaredText {
            column: "a b".to_owned(),
            first_other: Some((b"n/a".to_vec(), "line 7".to_owned())),
        };
        let values: Vec<Vec<u8>> = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        why_text(&text, &values)
    }

    #[test]
    fn a_column_of_numbers_but_for_a_few_says_which_and_where() {
        let mut values = vec!["7"; 19];
        assert!(
            said(&values)
                .unwrap()
                .contains("all of 19 values are integers; the first that is none is 'n/a' on line 7")
        );
        values.push("n/a");
        assert_eq!(
            said(&values).as_deref(),
            Some(
                "a b: 19 of 20 values are integers; the first that is none is 'n/a' on line 7: `null_word` 'n/a' loads it as NULL, \
                 `column_type` a b=integer rejects it"
            )
        );
        values[3] = "1.5";
        assert!(said(&values).unwrap().contains("19 of 20 values are numbers"));
        values[4..7].fill("words");
        assert_eq!(said(&values), None);
        assert_eq!(said(&["7"]), None);
        assert_eq!(said(&["words", "more words"]), None);
    }

    #[test]
    fn of_a_column_of_numbers_alone_a_note_has_said_why() {
        let text = UndeclaredText {
            column: "a".to_owned(),
            first_other: None,
        };
        assert_eq!(why_text(&text, &vec![b"7".to_vec(); 19]), None);
    }

    #[test]
    fn dates_are_said_even_if_all_are_dates() {
        let said = |values: &[&str]| said(values).unwrap();
        assert!(said(&["2024-01-02", "2024-02-29"]).contains("all of 2 values are dates"));
        let mut values = vec!["2024-01-02T10:00"; 10];
        assert!(said(&values).contains("`column_type` a b=datetime"));
        values[2] = "soon";
        let text = said(&values);
        assert!(
            text.contains("9 of 10 values are dates with times; the first that is none is 'soon':"),
            "{text}"
        );
    }
}
