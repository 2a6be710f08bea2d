//! A profile for people: a line for each column, and then what is to be said of some of them. 80 columns wide, safe to show on a terminal.

use std::fmt::Write;

use super::{ColumnProfile, Profile, ProfileValue};
use crate::escape::escaped;
use crate::option_name::COLUMN_TYPE;
use crate::report::{agreeing, grouped, short_count};
use crate::schema::ColumnType;

/// Characters of a line.
const WIDTH: usize = 80;
/// Characters of a column's name, and of the values beside it.
const NAME_CHARS: usize = 16;
const VALUE_CHARS: usize = 11;
/// Characters of a value within a sentence.
const QUOTED_CHARS: usize = 24;
/// How far lines are set in that go on.
const INDENT: usize = 14;
/// Columns that a line names, of those that it could.
const NAMED: usize = 20;

pub(super) fn write(profile: &Profile) -> String {
    let mut text = headline(profile);
    let heads = ["column", "type", "nulls", "distinct", "longest", "least", "greatest"];
    text += &line(heads.map(str::to_owned));
    for column in &profile.columns {
        text += &line(cells(column));
    }
    let notes = notes(profile);
    if !notes.is_empty() {
        text.push('\n');
    }
    for (label, note) in notes {
        text += &wrapped(label, &note);
    }
    text
}

fn headline(profile: &Profile) -> String {
    let inputs = match &profile.inputs[..] {
        [input] => escaped(input.as_os_str().as_encoded_bytes()).to_string(),
        inputs => format!("{} inputs", grouped(inputs.len() as u64)),
    };
    let columns = profile.columns.len() as u64;
    let mut said = format!(
        "{inputs}: {} {}, {} {}",
        grouped(profile.records),
        agreeing(profile.records, "record", "records"),
        grouped(columns),
        agreeing(columns, "column", "columns")
    );
    if profile.rejected > 0 {
        let _ = write!(
            said,
            "; {} of them cannot be loaded and {} no say here (rowmill check says why): ",
            grouped(profile.rejected),
            agreeing(profile.rejected, "has", "have")
        );
        let codes = profile.by_code.iter();
        let codes: Vec<String> = codes
            .map(|(code, count)| format!("{} {code}", grouped(*count)))
            .collect();
        said += &codes.join(", ");
    }
    wrapped("", &said) + "\n"
}

/// A line of the table.
fn line([name, kind, nulls, distinct, longest, least, greatest]: [String; 7]) -> String {
    let line = format!(
        "{name:<NAME_CHARS$} {kind:<10} {nulls:>8} {distinct:>9} {longest:>7}  {least:<VALUE_CHARS$} {greatest}"
    );
    line.trim_end().to_owned() + "\n"
}

fn cells(column: &ColumnProfile) -> [String; 7] {
    let about = if column.distinct_is_exact { "" } else { "~" };
    let value = |value: Option<ProfileValue>| value.map_or_else(String::new, |value| shown(&value, VALUE_CHARS));
    let longest = match column.longest_chars {
        0 => String::new(),
        chars => short_count(chars),
    };
    [
        fit(&column.name, NAME_CHARS),
        column.column_type.as_str().to_owned(),
        short_count(column.nulls),
        match column.values {
            0 => "0".to_owned(),
            _ => format!("{about}{}", short_count(column.distinct)),
        },
        longest,
        value(column.least),
        value(column.greatest),
    ]
}

/// What is to be said of single columns, each with its label.
fn notes(profile: &Profile) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    let unique: Vec<String> = profile
        .columns
        .iter()
        .filter(|column| column.is_unique)
        .map(|column| fit(&column.name, QUOTED_CHARS))
        .collect();
    if !unique.is_empty() {
        let more = match unique.len() {
            0..=NAMED => String::new(),
            count => format!(" and {} more", count - NAMED),
        };
        let named = &unique[..unique.len().min(NAMED)];
        let says = agreeing(unique.len() as u64, "its values are", "each has values that are");
        notes.push((
            "could be key",
            format!("{}{more}: {says} all there, and all different", named.join(", ")),
        ));
    }
    for column in &profile.columns {
        let name = fit(&column.name, QUOTED_CHARS);
        if let Some(few) = column.few.as_ref().filter(|few| is_telling(column, few.len())) {
            let values = few
                .iter()
                .map(|(value, count)| format!("{} ({})", shown(value, QUOTED_CHARS), grouped(*count)));
            notes.push((
                "few values",
                format!("{name}: {}", values.collect::<Vec<_>>().join(", ")),
            ));
        }
        if let Some(kind) = column.suits {
            notes.push((
                "could be",
                format!(
                    "{name}: every value is a {kind}: {COLUMN_TYPE} {name}={kind}",
                    kind = kind.as_str()
                ),
            ));
        }
        if let Some(why) = no_numbers(column, profile) {
            notes.push(("no numbers", format!("{name}: {why}")));
        }
    }
    notes
}

/// Whether values that are so few say more than that there are few records.
fn is_telling(column: &ColumnProfile, few: usize) -> bool {
    few > 0 && few as u64 * 2 <= column.values
}

/// Why a column of texts, some of which are numbers, is one.
fn no_numbers(column: &ColumnProfile, profile: &Profile) -> Option<String> {
    if let Some(why) = &column.why_text {
        return Some(why.clone());
    }
    if column.column_type == ColumnType::Text && column.numbers > 0 && column.numbers == column.values {
        let name = fit(&column.name, QUOTED_CHARS);
        return Some(format!(
            "every value is a number in some form, but not each text would come back from it ({COLUMN_TYPE} {name}=real)"
        ));
    }
    let first = column.no_number.as_ref().filter(|_| column.numbers > 0)?;
    let input = match &profile.inputs[..] {
        [_] => String::new(),
        inputs => format!(" of {}", escaped(inputs[first.input].as_os_str().as_encoded_bytes())),
    };
    Some(format!(
        "{} of {} values {} numbers; the first that is none is '{}' on line {}{input}",
        grouped(column.numbers),
        grouped(column.values),
        agreeing(column.numbers, "is a number, not", "are"),
        shown(&first.value, QUOTED_CHARS),
        grouped(first.line)
    ))
}

/// The text in at most so many characters, with nothing in it that a terminal would obey.
fn fit(text: &str, chars: usize) -> String {
    let text = escaped(text).to_string();
    match text.chars().count() > chars {
        true => text.chars().take(chars - 3).chain("...".chars()).collect(),
        false => text,
    }
}

fn shown(value: &ProfileValue, chars: usize) -> String {
    match value {
        ProfileValue::Text(start) if start.is_cut() => fit(&format!("{}...", start.text()), chars),
        value => fit(&value.to_string(), chars),
    }
}

/// A note in lines of words, the first of them after its label.
fn wrapped(label: &str, note: &str) -> String {
    let indent = if label.is_empty() { 0 } else { INDENT };
    let mut lines = vec![format!("{label:<indent$}")];
    let mut is_first = true;
    for word in note.split(' ') {
        let line = lines.last_mut().expect("there is a first line");
        let blank = usize::from(!is_first);
        if !is_first && line.chars().count() + blank + word.chars().count() > WIDTH {
            lines.push(" ".repeat(indent) + word);
            continue;
        }
        if !is_first {
            line.push(' ');
        }
        *line += word;
        is_first = false;
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_broken_between_words() {
        let text = wrapped("few values", &"word ".repeat(30));
        assert!(text.lines().count() > 2);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(
            text.lines().skip(1).all(|line| line.starts_with(&" ".repeat(INDENT))),
            "{text}"
        );
    }

    #[test]
    fn names_cannot_act_on_the_terminal() {
        assert_eq!(fit("a\x1b[2Jb", 20), "a\\u{1b}[2Jb");
        assert_eq!(fit("abcdefgh", 6), "abc...");
    }
}
