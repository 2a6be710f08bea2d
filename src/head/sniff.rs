//! Which dialect an input is in, found out from its first bytes.
//!
//! Comes in: a sample, and what is known already. Goes out: a delimiter, a quote, an escape, and whether the first record is a header. Pure.
//! Every candidate parses the sample as a load would; the one under which all records have the same number of fields wins. Evidence must be
//! clear: a comma file with bad records stays a comma file, and where nothing is certain, commas, double quotes and a header are assumed, as
//! without looking.

use crate::dialect::{Delimiter, Dialect, Escape};
use crate::head::sample_cells::{SampleCell, SampleCells, SampleForm};
use crate::parse::{COMMENT, Records, Syntax, parse};
use crate::report::FoundDialect;

/// Delimiters that are looked for, the likeliest first: comma, semicolon, tab, bar, and those made for the purpose.
pub(super) const DELIMITERS: [u8; 7] = [b',', b';', b'\t', b'|', 0x1F, 0x1E, 0x01];
/// The only escape that is looked for.
const BACKSLASH: u8 = b'\\';
/// What MySQL and PostgreSQL write for NULL where backslashes are escapes.
const NULL_WORD: &str = "\\N";
/// Records of a sample that are looked at.
const MOST_RECORDS: usize = 2_000;
/// Of so many records, one may have another number of fields or be damaged, where commas explain next to nothing.
const RECORDS_PER_ODD_ONE: usize = 20;
/// How much more of the cells must make sense with another delimiter before one with which commas agree, too, is no comma file.
const CLEARLY_BETTER: f64 = 0.25;
/// Numbers between these may be the names of columns: `country,1990,1991`.
const FIRST_YEAR: i64 = 1_800;
const LAST_YEAR: i64 = 2_200;

/// The first bytes of an input from its header on.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadSample<'a> {
    pub(super) bytes: &'a [u8],
    /// No bytes follow.
    pub(super) is_whole: bool,
    pub(super) max_record_bytes: u64,
}

/// What is not to be found, because it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// What ends lines and begins comments; its delimiter and quote count only if they are known.
    pub(super) dialect: Dialect,
    pub(super) delimiter: bool,
    pub(super) quote: bool,
    pub(super) escape: bool,
    /// `None`: whether there is a header is to be found.
    pub(super) header: Option<bool>,
    /// The delimiter that the file's name promises.
    pub(super) hint: Option<u8>,
    /// Names that the header has, if it is one.
    pub(super) names: &'a [&'a str],
    /// Unquoted cells that are NULL.
    pub(super) null_words: &'a [String],
}

/// What was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sniffed {
    pub(super) dialect: FoundDialect,
    /// What seems to be so, but is not certain.
    pub(super) doubt: Option<EscapeDoubt>,
}

/// What backslashes in a sample may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EscapeDoubt {
    /// Records make sense if they are escapes, and some stand before letters or digits: what these mean differs.
    BeforeLetters,
    /// Cells hold nothing but `\N`.
    NullWord,
}

/// Finds the dialect of `sample`.
pub(super) fn sniff(sample: HeadSample<'_>, known: &Known<'_>) -> Sniffed {
    let candidates = candidates(sample, known);
    let best = choose(&candidates, known);
    let (dialect, shape) = match best {
        Some(Candidate { dialect, shape, .. }) => (*dialect, Some(shape)),
        None => (known.dialect, None),
    };
    let doubt = best.and_then(|best| best.doubt);
    let header = known
        .header
        .unwrap_or_else(|| shape.is_none_or(|shape| shape.has_header(known.names)));
    let dialect = FoundDialect {
        delimiter: dialect.delimiter,
        quote: dialect.quote.map(char::from),
        escape: dialect.escape,
        header,
        row_names: header && shape.is_some_and(SampleShape::has_row_names),
    };
    Sniffed { dialect, doubt }
}

/// A dialect, and what the sample looks like in it.
struct Candidate<'a> {
    dialect: Dialect,
    shape: SampleShape<'a>,
    /// How much sense its cells make, between 0 and 1.
    sense: f64,
    doubt: Option<EscapeDoubt>,
}

/// Every delimiter that the sample holds, or the one that is known, each with the quote and the escape that fit it best.
fn candidates<'a>(sample: HeadSample<'a>, known: &Known<'_>) -> Vec<Candidate<'a>> {
    let is_there = |&byte: &u8| byte == b',' || memchr::memchr(byte, sample.bytes).is_some();
    let possible: Vec<Delimiter> = match known.delimiter {
        true => vec![known.dialect.delimiter],
        false => DELIMITERS.into_iter().filter(is_there).map(Delimiter::from).collect(),
    };
    let is_usable = |delimiter: &Delimiter| {
        let byte = delimiter.single();
        let quote = known.dialect.quote.filter(|_| known.quote);
        byte.is_none() || ![known.dialect.comment, known.dialect.escape_byte(), quote].contains(&byte)
    };
    let delimiters = possible.into_iter().filter(is_usable);
    delimiters
        .map(|delimiter| {
            let dialect = Dialect {
                delimiter,
                ..known.dialect
            };
            let plain = match known.quote {
                true => Candidate::of(sample, dialect),
                false => with_best_quote(sample, dialect),
            };
            match known.escape {
                true => plain,
                false => plain.with_best_escape(sample, known),
            }
        })
        .collect()
}

/// The sample in `dialect` with the quote that fits: `"`, unless there is evidence for another one.
fn with_best_quote(sample: HeadSample<'_>, dialect: Dialect) -> Candidate<'_> {
    let with = |quote| Candidate::of(sample, Dialect { quote, ..dialect });
    let usual = with(Some(b'"'));
    let usual_count = usual.shape.enclosed(b'"');
    let is_taken = [dialect.comment, dialect.escape_byte()].contains(&Some(b'\''))
        || dialect.delimiter.as_bytes().contains(&b'\'');
    if !is_taken && memchr::memchr(b'\'', sample.bytes).is_some() {
        let single = with(Some(b'\''));
        let count = single.shape.enclosed(b'\'');
        let explains_more = single.shape.has_quoted_column() && single.shape.odd <= usual.shape.odd
            || single.shape.is_clear() && !usual.shape.is_consistent();
        if count >= 2 && count > usual_count && single.shape.is_sound() && explains_more {
            return single;
        }
    }
    // Where fields are in quotes, a fault is damage. Where none is, a quote at the beginning of a field is text, as in files of tabs. A
    // comma file has quotes.
    if usual.shape.faulty > 0 && dialect.delimiter != Delimiter::COMMA {
        let none = with(None);
        if none.shape.is_consistent() && none.shape.enclosed(b'"') == 0 {
            return none;
        }
    }
    usual
}

/// The candidate that explains the sample; `None` if it has no records.
fn choose<'c, 'a>(candidates: &'c [Candidate<'a>], known: &Known<'_>) -> Option<&'c Candidate<'a>> {
    let comma = candidates
        .iter()
        .find(|candidate| candidate.dialect.delimiter == Delimiter::COMMA);
    if known.delimiter {
        return candidates.first();
    }
    let hinted = candidates.iter().find(|candidate| {
        Some(candidate.dialect.delimiter) == known.hint.map(Delimiter::from) && candidate.shape.is_consistent_or_alone()
    });
    if hinted.is_some() {
        return hinted;
    }
    let comma_agrees = comma.is_some_and(|comma| comma.shape.is_consistent());
    let is_better = |candidate: &&Candidate<'_>| match comma {
        Some(comma) if comma_agrees => {
            candidate.shape.is_consistent() && candidate.sense >= comma.sense + CLEARLY_BETTER
        }
        Some(comma) if comma.shape.is_clear() => candidate.shape.is_consistent() && candidate.sense > comma.sense,
        _ => candidate.shape.is_clear(),
    };
    let rivals = candidates
        .iter()
        .filter(|candidate| candidate.dialect.delimiter != Delimiter::COMMA);
    let rank = |candidate: &Candidate<'_>| (candidate.shape.is_consistent(), candidate.sense, candidate.shape.width);
    let best = rivals.filter(is_better).reduce(|best, candidate| {
        // The likelier delimiter stays where nothing speaks for the other.
        match rank(candidate).partial_cmp(&rank(best)) {
            Some(std::cmp::Ordering::Greater) => candidate,
            _ => best,
        }
    });
    best.or(comma)
}

impl<'a> Candidate<'a> {
    fn of(sample: HeadSample<'a>, dialect: Dialect) -> Self {
        let shape = SampleShape::of(sample, dialect);
        let sense = shape.sense();
        Candidate {
            dialect,
            shape,
            sense,
            doubt: None,
        }
    }

    /// With backslashes as escapes, if that is clear; else as it is, with what speaks for them.
    fn with_best_escape(self, sample: HeadSample<'a>, known: &Known<'_>) -> Self {
        let is_taken = [self.dialect.comment, self.dialect.delimiter.single()].contains(&Some(BACKSLASH));
        if is_taken || memchr::memchr(BACKSLASH, sample.bytes).is_none() {
            return self;
        }
        let escaped = self.escaped(sample, known);
        let meaning = Backslashes::of(sample.bytes, &self.dialect);
        // Where records agree without escapes, too, each backslash must be where only an escape would stand.
        let is_clearer = |escaped: &&Self| {
            let (with, without) = (escaped.shape.bad(), self.shape.bad());
            with < without || with == without && meaning.are_escapes() && self.shape.escaped_cells() >= 2
        };
        match escaped.as_ref().filter(is_clearer) {
            Some(_) if meaning.before_letters > 0 => Candidate {
                doubt: Some(EscapeDoubt::BeforeLetters),
                ..self
            },
            Some(_) => escaped.unwrap_or(self),
            None => Candidate {
                doubt: self.holds_null_word(known).then_some(EscapeDoubt::NullWord),
                ..self
            },
        }
    }

    /// The same with backslashes as escapes, if nearly all records are alike then.
    fn escaped(&self, sample: HeadSample<'a>, known: &Known<'_>) -> Option<Self> {
        let with = |quote| {
            let escape = Some(Escape::Found(BACKSLASH));
            let dialect = Dialect {
                quote,
                escape,
                ..self.dialect
            };
            Candidate::of(sample, dialect)
        };
        let is_found = |escaped: &Self| {
            let shape = &escaped.shape;
            // A column of apostrophes is one of quotes; where there are few records, one cell is no column.
            shape.is_clear() && (escaped.dialect.quote != Some(b'\'') || known.quote || shape.has_quoted_column())
        };
        // Where only escapes keep quotes apart, they may have seemed to be text.
        let other = (!known.quote && known.dialect.comment != Some(b'\'')).then(|| with(Some(b'\'')));
        let usual = (known.dialect.quote != Some(BACKSLASH)).then(|| with(known.dialect.quote));
        other.filter(is_found).or(usual.filter(is_found))
    }

    /// Whether cells are `\N`, and it is not known what that means.
    fn holds_null_word(&self, known: &Known<'_>) -> bool {
        let mut cells = self.shape.records.iter().flat_map(SampleCells::iter);
        let is_known = known.null_words.iter().any(|word| word == NULL_WORD);
        !is_known && cells.any(|cell| cell.is(NULL_WORD))
    }
}

/// What stands after the backslashes of a sample, each pair of them taken for one.
#[derive(Debug, Default)]
struct Backslashes {
    /// Letters and digits, of which each dialect with escapes thinks otherwise; and what is not ASCII.
    before_letters: usize,
    /// Delimiters and quotes.
    before_special: usize,
    others: usize,
}

impl Backslashes {
    fn of(text: &[u8], dialect: &Dialect) -> Self {
        let mut found = Backslashes::default();
        let mut rest = text;
        while let Some(at) = memchr::memchr(BACKSLASH, rest) {
            match rest.get(at + 1) {
                Some(b'"' | b'\'') => found.before_special += 1,
                Some(&byte) if byte == dialect.delimiter.first() => found.before_special += 1,
                Some(&byte) if Escape::is_doubtful_before(byte) => found.before_letters += 1,
                Some(&BACKSLASH) | None => {}
                Some(_) => found.others += 1,
            }
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        found
    }

    /// Whether all stand where an escape would.
    fn are_escapes(&self) -> bool {
        self.before_special >= 2 && self.before_letters == 0 && self.others == 0
    }
}

/// What the records of a sample look like in one dialect.
struct SampleShape<'a> {
    dialect: Dialect,
    /// The records in a row, blank lines, comments and damaged ones aside.
    records: Vec<SampleCells<'a>>,
    /// Fields of most records after the first.
    width: usize,
    /// Records after the first with another number of fields.
    odd: usize,
    /// Damaged records.
    faulty: usize,
}

impl<'a> SampleShape<'a> {
    fn of(sample: HeadSample<'a>, dialect: Dialect) -> Self {
        let shape = Self::of_width(sample, dialect, 0);
        match shape.faulty {
            0 => shape,
            // How far a damaged record reaches is better judged by whoever knows the number of fields.
            _ => Self::of_width(sample, dialect, shape.width),
        }
    }

    /// The records of a sample if they have so many fields; 0: not known.
    fn of_width(sample: HeadSample<'a>, dialect: Dialect, columns: usize) -> Self {
        let mut found = Records::default();
        let syntax = Syntax {
            dialect,
            columns: columns as u32,
            max_record_bytes: sample.max_record_bytes,
        };
        parse(sample.bytes, sample.is_whole, &syntax, &mut found);
        let (mut records, mut faulty, mut first_field) = (Vec::new(), 0, 0);
        for record in found.records.iter().take(MOST_RECORDS) {
            let ends = &found.field_ends[first_field as usize..record.fields_end as usize];
            first_field = record.fields_end;
            match record.fault {
                0 => {}
                COMMENT => continue,
                _ => {
                    faulty += 1;
                    continue;
                }
            }
            let cells = SampleCells::new(sample.bytes, record.start, ends, dialect);
            if !cells.is_blank() {
                records.push(cells);
            }
        }
        let widths = || records.iter().skip(1).map(SampleCells::count);
        let width = most_frequent(widths()).unwrap_or_else(|| records.first().map_or(0, SampleCells::count));
        let odd = widths().filter(|&other| other != width).count();
        SampleShape {
            dialect,
            records,
            width,
            odd,
            faulty,
        }
    }

    /// Whether the first record has as many fields as the rest, or one less: then the rest have names.
    fn first_fits(&self) -> bool {
        let first = self.records.first().map_or(0, SampleCells::count);
        first == self.width || (first >= 2 && first + 1 == self.width)
    }

    /// Whether all records have the same number of fields, which is more than one.
    fn is_consistent(&self) -> bool {
        self.records.len() >= 2 && self.is_consistent_or_alone()
    }

    /// [`is_consistent`](Self::is_consistent), or there is but one record.
    fn is_consistent_or_alone(&self) -> bool {
        self.width > 1 && self.odd == 0 && self.faulty == 0 && self.first_fits()
    }

    /// Whether next to all records have the same number of fields.
    fn is_clear(&self) -> bool {
        self.records.len() >= 2 && self.width > 1 && self.are_rare(self.bad()) && self.first_fits()
    }

    /// Records that do not fit the others.
    fn bad(&self) -> usize {
        let no_header = usize::from(!self.first_fits());
        self.odd + self.faulty + no_header
    }

    /// Whether next to no record is damaged.
    fn is_sound(&self) -> bool {
        self.are_rare(self.faulty)
    }

    fn are_rare(&self, others: usize) -> bool {
        others == 0 || others * RECORDS_PER_ODD_ONE <= self.records.len()
    }

    /// How much sense the cells make, between 0 and 1: none where they hold other delimiters, and not as prose does.
    fn sense(&self) -> f64 {
        let (mut all, mut odd) = (0_u32, 0_u32);
        for cell in self.records.iter().flat_map(SampleCells::iter) {
            match cell.form() {
                SampleForm::Empty => {}
                SampleForm::Text => (all, odd) = (all + 1, odd + cell.count_delimiters(&DELIMITERS)),
                _ => all += 1,
            }
        }
        if all == 0 {
            0.0
        } else {
            f64::from(all) / f64::from(all + odd)
        }
    }

    /// How many cells are enclosed in a pair of `quote`s.
    fn enclosed(&self, quote: u8) -> usize {
        let cells = self.records.iter().flat_map(SampleCells::iter);
        cells.filter(|cell| cell.is_enclosed_in(quote)).count()
    }

    /// Cells without quotes around them in which a backslash stands before a delimiter or a quote.
    fn escaped_cells(&self) -> usize {
        let cells = self.records.iter().flat_map(|cells| {
            let last = cells.count() - 1;
            cells.iter().enumerate().map(move |(index, cell)| (cell, index < last))
        });
        cells.filter(|(cell, has_next)| cell.seems_escaped(*has_next)).count()
    }

    /// Whether every value of a column is in quotes, of two at least.
    fn has_quoted_column(&self) -> bool {
        let Some(quote) = self.dialect.quote else { return false };
        (0..self.width).any(|column| {
            let mut values = 0;
            let are_quoted = self.column(column).all(|cell| {
                values += 1;
                cell.is_enclosed_in(quote)
            });
            are_quoted && values >= 2
        })
    }

    /// The values of a column after the first record, but for empty ones.
    fn column(&self, index: usize) -> impl Iterator<Item = SampleCell<'a>> {
        let rows = self.records.iter().skip(1).filter(|cells| cells.count() == self.width);
        rows.map(move |cells| cells.cell(index))
            .filter(|cell| cell.form() != SampleForm::Empty)
    }

    /// The form that all values of a column have, if that is not just text.
    fn form_of_column(&self, index: usize) -> Option<SampleForm> {
        let mut forms = self.column(index).map(|cell| cell.form());
        let first = forms.next()?;
        (first != SampleForm::Text && forms.all(|form| form == first)).then_some(first)
    }

    /// Whether the first record names columns. Only if it is like all the others in each column of numbers or dates is it one of them.
    fn has_header(&self, names: &[&str]) -> bool {
        let Some(first) = self.records.first() else { return true };
        if self.records.len() < 3 || first.count() != self.width {
            return true;
        }
        if first.iter().any(|cell| names.iter().any(|name| cell.says(name))) {
            return true;
        }
        let (mut alike, mut numbers) = (0, Vec::new());
        for (index, cell) in first.iter().enumerate() {
            let (form, column) = (cell.form(), self.form_of_column(index));
            match (form, column) {
                (_, None) | (SampleForm::Empty, _) => {}
                (form, Some(column)) if form != column => return true,
                (SampleForm::Number, _) if self.may_be_year(&cell, index) => {}
                (form, _) => {
                    alike += 1;
                    if form == SampleForm::Number {
                        numbers.push(cell.integer());
                    }
                }
            }
        }
        let all_are_a_series = numbers.len() == alike && are_a_series(&numbers);
        alike == 0 || all_are_a_series
    }

    /// Whether a number in the first record may be the name of a column: a year, and the values are none.
    fn may_be_year(&self, cell: &SampleCell<'_>, column: usize) -> bool {
        let is_year = |number: Option<i64>| number.is_some_and(|number| (FIRST_YEAR..=LAST_YEAR).contains(&number));
        is_year(cell.integer()) && !self.column(column).all(|value| is_year(value.integer()))
    }

    /// Whether every record has one field more than the header, and something in its last one.
    fn has_row_names(&self) -> bool {
        let first = self.records.first().map_or(0, SampleCells::count);
        let has_more = self.records.len() >= 3 && self.odd == 0 && first >= 2 && first + 1 == self.width;
        has_more && self.column(self.width - 1).next().is_some()
    }
}

/// Whether `numbers` are the names of columns that are counted, such as 0, 1, 2, or every tenth.
fn are_a_series(numbers: &[Option<i64>]) -> bool {
    let step = |pair: &[Option<i64>]| pair[1]?.checked_sub(pair[0]?);
    let first = numbers.get(..2).and_then(step);
    let is_step = match numbers.len() {
        0 | 1 => false,
        // Any two numbers are a step apart.
        2 => first == Some(1),
        _ => first.is_some_and(|step| step != 0),
    };
    is_step && numbers.windows(2).all(|pair| step(pair) == first)
}

/// The number that occurs most often; of those that do, the greatest.
fn most_frequent(numbers: impl Iterator<Item = usize>) -> Option<usize> {
    let mut counts = std::collections::BTreeMap::new();
    for number in numbers {
        *counts.entry(number).or_insert(0_usize) += 1;
    }
    counts
        .into_iter()
        .max_by_key(|&(number, count)| (count, number))
        .map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known(delimiter: bool, quote: bool, header: Option<bool>) -> Known<'static> {
        Known {
            dialect: Dialect::default(),
            delimiter,
            quote,
            header,
            escape: false,
            hint: None,
            names: &["a"],
            null_words: &[],
        }
    }

    fn sample(bytes: &[u8], is_whole: bool) -> HeadSample<'_> {
        HeadSample {
            bytes,
            is_whole,
            max_record_bytes: 8 << 20,
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_in_some_dialect_and_what_is_known_stays(
            bytes in prop::collection::vec(
                prop_oneof![4 => prop::sample::select(&b",;\t|\"'\n\r1a. -"[..]), 1 => any::<u8>()],
                0..300,
            ),
            is_whole: bool,
        ) {
            let found = sniff(sample(&bytes, is_whole), &known(false, false, None)).dialect;
            prop_assert!(found.delimiter.single().is_some_and(|byte| DELIMITERS.contains(&byte)));
            prop_assert!([None, Some('"'), Some('\'')].contains(&found.quote));
            prop_assert!(found.header || !found.row_names);
            let found = sniff(sample(&bytes, is_whole), &Known { escape: true, ..known(true, true, Some(true)) }).dialect;
            prop_assert_eq!(FoundDialect { row_names: false, ..found }, FoundDialect::USUAL);
        }

        /// A file of commas whose fields hold no other delimiter is one.
        #[test]
        fn a_file_of_commas_is_one(rows in prop::collection::vec(prop::collection::vec("[a-z0-9. \"-]{0,6}", 3), 1..20)) {
            let text: String = rows.iter().map(|row| row.join(",") + "\n").collect();
            prop_assert_eq!(sniff(sample(text.as_bytes(), true), &known(false, false, None)).dialect.delimiter, Delimiter::COMMA);
        }
    }
}
