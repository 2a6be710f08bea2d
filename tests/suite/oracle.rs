//! A second loader, written from the rules and nothing else: serial, slow, byte by byte. It says which rows and rejects an input
//! must give. Where the rules do not say which of several faults of one record is named, it accepts any of them.

use std::collections::{BTreeSet, HashMap};

use super::database::text_literal;
use super::dead_letters::Reject;

/// The options that the oracle knows.
#[derive(Debug, Clone)]
pub struct Rules {
    pub delimiter: u8,
    pub quote: Option<u8>,
    pub header: bool,
    pub all_text: bool,
    pub empty_is_null: bool,
    pub max_record_bytes: usize,
    /// Key columns, 0-based.
    pub key: Vec<usize>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            delimiter: b',',
            quote: Some(b'"'),
            header: true,
            all_text: false,
            empty_is_null: false,
            max_record_bytes: 8 << 20,
            key: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Integer,
    Real,
    Text,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Integer => "integer",
            Kind::Real => "real",
            Kind::Text => "text",
        }
    }
}

/// A reject as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub record: u64,
    pub byte_offset: usize,
    pub byte_length: usize,
    /// Any of these.
    pub codes: BTreeSet<&'static str>,
    pub first_record: Option<u64>,
}

impl Expected {
    pub fn is_met_by(&self, found: &Reject) -> bool {
        self.record == found.record
            && self.byte_offset == found.byte_offset
            && self.byte_length == found.byte_length
            && self.codes.contains(found.code.as_str())
            && self.first_record == found.first_record
    }
}

/// What an input must become.
#[derive(Debug, Clone, Default)]
pub struct Prediction {
    pub kinds: Vec<Kind>,
    /// `row id: value, value`.
    pub rows: Vec<String>,
    pub rejects: Vec<Expected>,
    pub records: u64,
    pub blank_lines: u64,
}

/// A field as it stands in the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    Unquoted(Vec<u8>),
    Quoted(Vec<u8>),
}

/// A record as the grammar sees it.
#[derive(Debug)]
pub struct Record {
    pub start: usize,
    /// Without the line end.
    pub end: usize,
    /// Where the next record starts.
    pub next: usize,
    /// The fields, or the codes of which one must be named.
    pub content: Result<Vec<Field>, BTreeSet<&'static str>>,
}

/// Predicts the load of `input` into a new table. `row_id_is_key`: the table was made with its only key column as row id.
///
/// `None`: no header can be had, or it lacks a key column.
pub fn predict(input: &[u8], rules: &Rules, row_id_is_key: bool) -> Option<Prediction> {
    let input = without_padding(input);
    let line_end = line_end(input, rules)?;
    // One line feed after the last line of an old Mac file is part of no line.
    let input = match input.strip_suffix(b"\n") {
        Some(lines) if line_end == b'\r' => lines,
        _ => input,
    };
    let mut at = if input.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let mut prediction = Prediction::default();
    let mut grammar = Grammar {
        input,
        rules,
        line_end,
        width: 0,
    };
    // The header is the first record that is not a blank line.
    let (mut width, header_ends_empty) = loop {
        if at == input.len() {
            return None;
        }
        let record = grammar.record(at);
        if matches!(&input[record.start..record.end], b"" | b"\x0c") {
            prediction.blank_lines += u64::from(rules.header);
            at = record.next;
            continue;
        }
        let (width, ends_empty) = match record.content {
            Ok(fields) => {
                let ends_empty = fields.len() > 1 && fields.last() == Some(&Field::Unquoted(Vec::new()));
                (fields.len(), rules.header && ends_empty)
            }
            Err(_) if rules.header => return None,
            // Without a header the first record whose fields can be counted says how many columns there are.
            Err(_) => {
                at = record.next;
                continue;
            }
        };
        if rules.header {
            at = record.next;
        } else {
            // Blank lines before the first record are looked at again: they are data in a table of one column.
            at = if input.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        }
        break (width, ends_empty);
    };
    let ends_with_delimiter = rules.header && ends_with_delimiter(&grammar, at, width, header_ends_empty);
    width -= usize::from(ends_with_delimiter && header_ends_empty);
    if rules.key.iter().any(|&column| column >= width) {
        return None;
    }
    grammar.width = width + usize::from(ends_with_delimiter);
    let mut records = Vec::new();
    while at < input.len() {
        let mut record = grammar.record(at);
        at = record.next;
        // A line of nothing but CRs is blank, unless it has more of them than a record may have bytes.
        let is_blank = matches!(&input[record.start..record.end], b"" | b"\x0c");
        if is_blank && width > 1 && record.content.is_ok() {
            prediction.blank_lines += 1;
            continue;
        }
        if let Ok(fields) = &mut record.content
            && ends_with_delimiter
            && fields.len() == width + 1
        {
            fields.pop_if(|last| *last == Field::Unquoted(Vec::new()));
        }
        records.push(record);
    }
    prediction.records = records.len() as u64;
    let faults: Vec<BTreeSet<&'static str>> = records.iter().map(|record| faults(record, width)).collect();
    prediction.kinds = (0..width)
        .map(|column| infer(&records, &faults, column, rules))
        .collect();
    load(&records, &faults, rules, row_id_is_key, &mut prediction);
    Some(prediction)
}

/// `input` without a run of Control-Z and then NULs at its end; NULs alone count after a line end.
fn without_padding(input: &[u8]) -> &[u8] {
    let run = |end: usize, byte: u8| {
        input[..end]
            .iter()
            .rposition(|&other| other != byte)
            .map_or(0, |last| last + 1)
    };
    let nuls = run(input.len(), 0);
    let padding = run(nuls, 0x1a);
    let is_line_end = padding > 0 && matches!(input[padding - 1], b'\n' | b'\r');
    if padding < nuls || is_line_end {
        &input[..padding]
    } else {
        input
    }
}

/// Whether the records from `at` on end with a delimiter that separates nothing: as the header does, or unlike it.
fn ends_with_delimiter(grammar: &Grammar<'_>, mut at: usize, width: usize, header_ends_empty: bool) -> bool {
    let mut is_any = header_ends_empty;
    assert!(grammar.input.len() - at < 64 << 10, "what is looked at is all there is");
    while at < grammar.input.len() {
        let record = grammar.record(at);
        at = record.next;
        let Ok(fields) = record.content else { continue };
        if width > 1 && matches!(&grammar.input[record.start..record.end], b"" | b"\x0c") {
            continue;
        }
        let ends_empty = fields.last() == Some(&Field::Unquoted(Vec::new()));
        if header_ends_empty {
            if fields.len() == width && !ends_empty {
                return false;
            }
        } else if fields.len() != width + 1 || !ends_empty {
            return false;
        }
        is_any = true;
    }
    is_any
}

/// What ends the lines of `input`, shorter than 1 MiB; `None` if it is refused for having two kinds of them.
///
/// A line ends with LF, CRs before it counted, or with a CR that no LF follows. The first that is outside quotes decides. Where a CR does,
/// LFs outside quotes refute it, but for one at the very end and those that may belong to a damaged field: they follow damage, and a quote
/// follows them.
pub fn line_end(input: &[u8], rules: &Rules) -> Option<u8> {
    let input = input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input);
    let (mut line_feeds, mut carriage_returns, mut damages) = (Vec::new(), Vec::new(), Vec::new());
    let mut quote = rules.quote;
    let mut field_start = 0;
    let mut at = 0;
    while at < input.len() {
        let byte = input[at];
        if at == field_start && Some(byte) == quote {
            // To the quote that is not one of two; one that is never closed is text, as are all that follow.
            let mut close = at + 1;
            while close < input.len() && (input[close] != byte || input.get(close + 1) == Some(&byte)) {
                close += if input[close] == byte { 2 } else { 1 };
            }
            if close < input.len() {
                let is_sound = [None, Some(rules.delimiter), Some(b'\r'), Some(b'\n')];
                // If no line has ended yet, a stray quote may have hidden the line feed that ends the first.
                let hides_line_feed = carriage_returns.is_empty() && input[at..close].contains(&b'\n');
                if !is_sound.contains(&input.get(close + 1).copied()) && !hides_line_feed {
                    damages.push(at);
                }
                at = close + 1;
            } else {
                damages.push(at);
                quote = None;
            }
            continue;
        }
        if byte == b'\n' {
            line_feeds.push(at);
        }
        if byte == b'\r' {
            let next = input[at..].iter().find(|&&byte| byte != b'\r');
            if next != Some(&b'\n') {
                carriage_returns.push(at);
            }
        }
        at += 1;
        if byte == rules.delimiter || byte == b'\n' || byte == b'\r' {
            field_start = at;
        }
    }
    let refutes = |lf: usize| {
        let has_quote_behind = input[lf..].iter().any(|&byte| Some(byte) == rules.quote);
        let is_doubtful = damages.iter().any(|&damage| damage < lf) && has_quote_behind;
        lf + 1 < input.len() && !is_doubtful
    };
    match (carriage_returns.first(), line_feeds.first()) {
        (None, _) => Some(b'\n'),
        (Some(cr), Some(lf)) if lf < cr => Some(b'\n'),
        _ if line_feeds.iter().any(|&lf| refutes(lf)) => None,
        _ => Some(b'\r'),
    }
}

fn load(
    records: &[Record],
    faults: &[BTreeSet<&'static str>],
    rules: &Rules,
    row_id_is_key: bool,
    prediction: &mut Prediction,
) {
    let mut seen: HashMap<Vec<String>, u64> = HashMap::new();
    let mut rows: Vec<(i64, String)> = Vec::new();
    for (index, (record, faults)) in records.iter().zip(faults).enumerate() {
        let number = index as u64 + 1;
        let mut reject = |codes: BTreeSet<&'static str>, first_record| {
            let (byte_offset, byte_length) = (record.start, record.end - record.start);
            prediction.rejects.push(Expected {
                record: number,
                byte_offset,
                byte_length,
                codes,
                first_record,
            });
        };
        let fields = match &record.content {
            Ok(fields) if faults.is_empty() => fields,
            _ => {
                reject(faults.clone(), None);
                continue;
            }
        };
        let values: Vec<String> = fields
            .iter()
            .zip(&prediction.kinds)
            .map(|(field, kind)| stored(field, *kind, rules))
            .collect();
        let key: Vec<String> = rules.key.iter().map(|&column| values[column].clone()).collect();
        if !key.is_empty() && !key.iter().any(|value| value == "NULL") {
            if let Some(&first) = seen.get(&key) {
                reject(["duplicate_key"].into(), Some(first));
                continue;
            }
            seen.insert(key.clone(), number);
        }
        let row_id = if row_id_is_key {
            key[0].parse().expect("a row id is an integer")
        } else {
            number as i64
        };
        rows.push((row_id, values.join(", ")));
    }
    rows.sort_by_key(|(row_id, _)| *row_id);
    prediction.rows = rows
        .into_iter()
        .map(|(row_id, values)| format!("{row_id}: {values}"))
        .collect();
}

/// What is wrong with a record, types aside.
fn faults(record: &Record, width: usize) -> BTreeSet<&'static str> {
    let fields = match &record.content {
        Ok(fields) => fields,
        Err(codes) => return codes.clone(),
    };
    let mut codes = BTreeSet::new();
    if fields.len() < width {
        codes.insert("missing_columns");
    }
    if fields.len() > width {
        codes.insert("too_many_columns");
    }
    for field in fields {
        let (Field::Unquoted(bytes) | Field::Quoted(bytes)) = field;
        if bytes.contains(&0) {
            codes.insert("nul_byte");
        }
        if std::str::from_utf8(bytes).is_err() {
            codes.insert("invalid_utf8");
        }
    }
    codes
}

/// The text of a field; `None` is NULL.
fn text<'a>(field: &'a Field, rules: &Rules) -> Option<&'a [u8]> {
    match field {
        Field::Unquoted(bytes) if bytes.is_empty() => None,
        Field::Quoted(bytes) if bytes.is_empty() && rules.empty_is_null => None,
        Field::Unquoted(bytes) | Field::Quoted(bytes) => Some(bytes),
    }
}

/// The narrowest type that every value of good records fits without loss; TEXT for a column without values.
fn infer(records: &[Record], faults: &[BTreeSet<&'static str>], column: usize, rules: &Rules) -> Kind {
    let mut values = Vec::new();
    for (record, faults) in records.iter().zip(faults) {
        if let (Ok(fields), true) = (&record.content, faults.is_empty()) {
            values.extend(text(&fields[column], rules));
        }
    }
    if rules.all_text {
        Kind::Text
    } else {
        kind_of_values(&values, rules.key.contains(&column))
    }
}

/// INTEGER if every text is how its integer is written; REAL if there is one way to write numbers that gives every text back.
pub fn kind_of_values(values: &[&[u8]], is_key: bool) -> Kind {
    let texts: Option<Vec<&str>> = values.iter().map(|value| std::str::from_utf8(value).ok()).collect();
    let Some(texts) = texts.filter(|texts| !texts.is_empty()) else {
        return Kind::Text;
    };
    let is_integer = |text: &&str| text.parse::<i64>().is_ok_and(|integer| integer.to_string() == *text);
    if texts.iter().all(is_integer) {
        return Kind::Integer;
    }
    let looks_like_a_number = |text: &&str| text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let numbers: Option<Vec<(&str, f64)>> = texts
        .iter()
        .map(|text| {
            text.parse()
                .ok()
                .filter(|_| looks_like_a_number(text))
                .map(|number| (*text, number))
        })
        .collect();
    match numbers {
        Some(numbers) if !is_key && is_one_form(&numbers) => Kind::Real,
        _ => Kind::Text,
    }
}

fn is_one_form(numbers: &[(&str, f64)]) -> bool {
    let has_exponent = |(text, _): &&(&str, f64)| text.contains(['e', 'E']);
    let (exponents, plain): (Vec<_>, Vec<_>) = numbers.iter().partition(has_exponent);
    let too_large = |(text, number): &&(&str, f64)| !text.contains('.') && number.abs() > (1u64 << 53) as f64;
    if plain.iter().any(too_large) || numbers.iter().any(|(_, number)| !number.is_finite()) {
        return false;
    }
    let endings = || {
        let longest = numbers.iter().map(|(text, _)| text.len()).max().unwrap_or(0);
        [Ending::Whole, Ending::PointZero]
            .into_iter()
            .chain((0..=longest).map(Ending::Fixed))
    };
    let plain_fits = plain.is_empty()
        || endings().any(|ending| {
            plain
                .iter()
                .all(|(text, number)| ending.of(&format!("{}", number + 0.0)) == *text)
        });
    let exponents_fit = exponents.is_empty()
        || endings().any(|ending| {
            ["e", "E", "e+", "E+"].iter().any(|letter| {
                (1..=3).any(|width| {
                    exponents
                        .iter()
                        .all(|(text, number)| with_exponent(*number + 0.0, ending, letter, width) == *text)
                })
            })
        });
    let no_codes = exponents.is_empty()
        || numbers
            .iter()
            .any(|(text, _)| text.contains('.') || text.contains("e-") || text.contains("E-"));
    plain_fits && exponents_fit && no_codes && each_has_one_way(&plain, &exponents)
}

/// Whether a number's size, or the length of its texts, decides whether it has an exponent.
fn each_has_one_way(plain: &[&(&str, f64)], exponents: &[&(&str, f64)]) -> bool {
    let is_zero = |numbers: &[&(&str, f64)]| numbers.iter().any(|(_, number)| *number == 0.0);
    if is_zero(plain) && is_zero(exponents) {
        return false;
    }
    let sizes = |numbers: &[&(&str, f64)]| -> Vec<f64> {
        let sizes = numbers.iter().map(|(_, number)| number.abs());
        sizes.filter(|size| *size > 0.0).collect()
    };
    let (plain_sizes, mut small, mut large) = (sizes(plain), Vec::new(), Vec::new());
    for (text, number) in exponents.iter().filter(|(_, number)| *number != 0.0) {
        let side = if text.contains("e-") || text.contains("E-") {
            &mut small
        } else {
            &mut large
        };
        side.push(number.abs());
    }
    let by_size = plain_sizes
        .iter()
        .all(|size| small.iter().all(|small| small < size) && large.iter().all(|large| large > size));
    let is_short_plain = |number: f64| {
        let number = number.abs();
        format!("{number}").len() <= with_exponent(number, Ending::Whole, "e+", 2).len()
    };
    // Zeros at the end are needless, so the other way would be shorter.
    let no_zeros = plain
        .iter()
        .all(|(text, _)| !text.contains('.') || !text.ends_with('0'));
    let by_length = no_zeros
        && plain
            .iter()
            .all(|(_, number)| *number == 0.0 || is_short_plain(*number))
        && exponents
            .iter()
            .all(|(_, number)| *number == 0.0 || !is_short_plain(*number));
    (exponents.is_empty() || by_size || by_length)
        && (small.is_empty() || large.is_empty() || by_length || ordered(&small, &large))
}

/// Negative exponents are smaller than others by nature.
fn ordered(small: &[f64], large: &[f64]) -> bool {
    small.iter().all(|small| large.iter().all(|large| small < large))
}

/// How the digits after the point end.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// Whole numbers have no point.
    Whole,
    /// Whole numbers have `.0`.
    PointZero,
    /// This many digits, zeros included.
    Fixed(usize),
}

impl Ending {
    /// `shortest`, which has no needless zeros, with this ending; something else if it has more digits.
    fn of(self, shortest: &str) -> String {
        let (whole, fraction) = shortest.split_once('.').unwrap_or((shortest, ""));
        match self {
            Ending::PointZero if fraction.is_empty() => format!("{whole}.0"),
            Ending::Fixed(0) if fraction.is_empty() => whole.to_owned(),
            Ending::Fixed(count) if count > 0 => format!("{whole}.{fraction:0<count$}"),
            _ => shortest.to_owned(),
        }
    }
}

fn with_exponent(number: f64, ending: Ending, letter: &str, width: usize) -> String {
    let shortest = format!("{number:e}");
    let (mantissa, exponent) = shortest.split_once('e').expect("it has an exponent");
    let mantissa = ending.of(mantissa);
    match exponent.strip_prefix('-') {
        Some(digits) => format!("{mantissa}{}-{digits:0>width$}", &letter[..1]),
        None => format!("{mantissa}{letter}{exponent:0>width$}"),
    }
}

/// What SQLite holds for a field, in the notation of a dump.
fn stored(field: &Field, kind: Kind, rules: &Rules) -> String {
    let Some(value) = text(field, rules) else {
        return "NULL".to_owned();
    };
    let as_text = std::str::from_utf8(value).expect("invalid UTF-8 was rejected");
    match kind {
        Kind::Integer => as_text.to_owned(),
        Kind::Real => format!("{:?}", as_text.parse::<f64>().expect("it was found to be a number")),
        Kind::Text => text_literal(value),
    }
}

/// The grammar alone: records and fields, before anything is typed.
pub struct Grammar<'a> {
    pub input: &'a [u8],
    pub rules: &'a Rules,
    pub line_end: u8,
    /// Fields of a record; 0: not known yet.
    pub width: usize,
}

/// What a line is, read by itself.
enum ByItself {
    /// No record, in a table of several columns.
    Blank,
    /// A record of so many fields without a quote in an unquoted one.
    Good { width: usize, has_quote: bool },
    /// An unquoted field ends with a quote that has no partner.
    Tail,
    /// Other quotes stand in unquoted fields.
    Doubtful,
    /// It breaks.
    Broken,
}

impl Grammar<'_> {
    /// The record at `start`, or the physical line that a fault costs.
    pub fn record(&self, start: usize) -> Record {
        let rest = &self.input[start..];
        let limit = self.rules.max_record_bytes;
        let first_line = rest
            .iter()
            .position(|&byte| byte == self.line_end)
            .unwrap_or(rest.len());
        let (fields, length) = match self.fields(rest) {
            Ok((fields, length)) if length <= limit => (Ok(fields), length),
            Ok((_, length)) if length == first_line => (Err(["record_too_large"].into()), first_line),
            // A quoted field past the limit; whether it is the quote or the size that is at fault is anybody's guess.
            Ok(_) => (Err(["unterminated_quote", "record_too_large"].into()), first_line),
            Err(at) => {
                let mut codes: BTreeSet<&'static str> = [if at > first_line {
                    "unterminated_quote"
                } else {
                    "invalid_quote"
                }]
                .into();
                if at == rest.len() {
                    codes = ["unterminated_quote"].into();
                }
                if at > limit {
                    codes.extend(["record_too_large", "unterminated_quote"]);
                }
                if first_line > limit {
                    codes = ["record_too_large"].into();
                }
                let mut length = first_line;
                if at < rest.len() && at <= limit {
                    let (is_stray, end) = self.damage(rest, first_line, at);
                    if end <= limit {
                        codes = [if is_stray {
                            "unterminated_quote"
                        } else {
                            "invalid_quote"
                        }]
                        .into();
                        length = end;
                    }
                }
                (Err(codes), length)
            }
        };
        let mut end = start + length;
        if self.line_end == b'\n' {
            while end > start && self.input[end - 1] == b'\r' {
                end -= 1;
            }
        }
        Record {
            start,
            end,
            next: (start + length + 1).min(self.input.len()),
            content: fields,
        }
    }

    /// What text after a closing quote, at `at`, costs: whether a stray quote opened the first line, which then is all it costs, and where
    /// the rejected bytes end. An end past the limit means that none of this holds.
    fn damage(&self, rest: &[u8], first_line: usize, at: usize) -> (bool, usize) {
        let end_of = |start: usize| {
            let length = rest[start..].iter().position(|&byte| byte == self.line_end);
            length.map_or(rest.len(), |length| start + length)
        };
        let damaged_end = end_of(at);
        if damaged_end > self.rules.max_record_bytes {
            return (false, damaged_end);
        }
        let mut lines = Vec::new();
        let mut start = first_line + 1;
        while start < damaged_end {
            lines.push(self.by_itself(&rest[start..end_of(start)]));
            start = end_of(start) + 1;
        }
        lines.retain(|line| !matches!(line, ByItself::Blank));
        let width = match lines.first() {
            Some(ByItself::Good { width, .. }) if self.width == 0 => *width,
            _ => self.width,
        };
        let is_good = |line: &ByItself| matches!(line, ByItself::Good { width: found, .. } if *found == width);
        let is_sound = |line: &ByItself| matches!(line, ByItself::Good { .. });
        // The last line may have a stray quote of its own if many come before it.
        let own_quote = matches!(lines.last(), Some(ByItself::Broken));
        let records = &lines[..lines.len() - usize::from(own_quote)];
        let good = records.iter().filter(|line| is_good(line)).count();
        let others = records.len() - good;
        let mostly_good = records.len() >= 16 && others * 3 <= good && records.iter().all(is_sound);
        if (!lines.is_empty() && !own_quote && others == 0) || mostly_good {
            return (true, first_line);
        }
        // The tail of the field may follow.
        let damaged_line = rest[..damaged_end].rsplit(|&byte| byte == self.line_end).next();
        let is_open = self.stays_open(&rest[..damaged_end])
            || (own_quote && damaged_line.is_some_and(|line| self.stays_open(line)));
        let mut start = damaged_end + 1;
        while start < rest.len() && end_of(start) <= self.rules.max_record_bytes {
            match self.by_itself(&rest[start..end_of(start)]) {
                ByItself::Tail => return (false, end_of(start)),
                ByItself::Broken => break,
                ByItself::Good { width, has_quote } if self.width == 0 || width == self.width => {
                    if has_quote || !is_open {
                        break;
                    }
                }
                ByItself::Good { .. } | ByItself::Blank | ByItself::Doubtful => {}
            }
            start = end_of(start) + 1;
        }
        (false, damaged_end)
    }

    fn by_itself(&self, line: &[u8]) -> ByItself {
        let line = self.without_crs(line);
        if line.is_empty() && self.width != 1 {
            return ByItself::Blank;
        }
        let Ok((fields, _)) = self.fields(line) else {
            return ByItself::Broken;
        };
        let quotes = |bytes: &[u8]| bytes.iter().filter(|&&byte| Some(byte) == self.rules.quote).count();
        let inner = fields.iter().filter_map(|field| match field {
            Field::Unquoted(bytes) if quotes(bytes) > 0 => Some(bytes),
            _ => None,
        });
        let inner: Vec<&Vec<u8>> = inner.collect();
        if inner
            .iter()
            .any(|bytes| quotes(bytes) % 2 == 1 && bytes.last().copied() == self.rules.quote)
        {
            ByItself::Tail
        } else if inner.is_empty() {
            ByItself::Good {
                width: fields.len(),
                has_quote: quotes(line) > 0,
            }
        } else {
            ByItself::Doubtful
        }
    }

    /// Whether the damaged `lines` of a record are probably not all of it: their quotes are odd in number, and if only quotes before a
    /// delimiter or the end close fields, they are not a record of the right width.
    fn stays_open(&self, lines: &[u8]) -> bool {
        let (lines, quote) = (
            self.without_crs(lines),
            self.rules.quote.expect("only a quote does damage"),
        );
        let (mut width, mut at) = (0, 0);
        let is_complete = loop {
            width += 1;
            if lines.get(at) == Some(&quote) {
                at += 1;
                loop {
                    match (lines.get(at), lines.get(at + 1)) {
                        (Some(&byte), Some(&next)) if byte == quote && next == quote => at += 2,
                        (Some(&byte), next)
                            if byte == quote && next.is_none_or(|&next| next == self.rules.delimiter) =>
                        {
                            break;
                        }
                        (Some(_), _) => at += 1,
                        (None, _) => break,
                    }
                }
                if at >= lines.len() {
                    break false;
                }
                at += 1;
            }
            match lines
                .get(at..)
                .unwrap_or_default()
                .iter()
                .position(|&byte| byte == self.rules.delimiter)
            {
                Some(length) => at += length + 1,
                None => break self.width == 0 || width == self.width,
            }
        };
        lines.iter().filter(|&&byte| byte == quote).count() % 2 == 1 && !is_complete
    }

    fn without_crs<'b>(&self, mut bytes: &'b [u8]) -> &'b [u8] {
        while let (b'\n', [before @ .., b'\r']) = (self.line_end, bytes) {
            bytes = before;
        }
        bytes
    }

    /// The fields of the record at the start of `rest` and the offset of its line end, CRs before it counted; or where it breaks.
    fn fields(&self, rest: &[u8]) -> Result<(Vec<Field>, usize), usize> {
        let mut fields = Vec::new();
        let mut at = 0;
        loop {
            let field = match self.rules.quote {
                Some(quote) if rest.get(at) == Some(&quote) => {
                    let mut value = Vec::new();
                    at += 1;
                    loop {
                        match (rest.get(at), rest.get(at + 1)) {
                            (None, _) => return Err(rest.len()),
                            (Some(&byte), Some(&next)) if byte == quote && next == quote => {
                                value.push(quote);
                                at += 2;
                            }
                            (Some(&byte), _) if byte == quote => break,
                            (Some(&byte), _) => {
                                value.push(byte);
                                at += 1;
                            }
                        }
                    }
                    at += 1;
                    // CRs may stand between a closing quote and the end of the line, nothing else.
                    let mut crs = 0;
                    while self.line_end == b'\n' && rest.get(at + crs) == Some(&b'\r') {
                        crs += 1;
                    }
                    match rest.get(at + crs) {
                        None => at += crs,
                        Some(&byte) if byte == self.line_end => at += crs,
                        Some(&byte) if crs == 0 && byte == self.rules.delimiter => {}
                        Some(_) => return Err(at + crs),
                    }
                    Field::Quoted(value)
                }
                _ => {
                    let ends = |byte: &u8| *byte == self.rules.delimiter || *byte == self.line_end;
                    let length = rest[at..].iter().position(ends).unwrap_or(rest.len() - at);
                    let mut value = &rest[at..at + length];
                    at += length;
                    if self.line_end == b'\n' && rest.get(at) != Some(&self.rules.delimiter) {
                        while let [before @ .., b'\r'] = value {
                            value = before;
                        }
                    }
                    Field::Unquoted(value.to_vec())
                }
            };
            fields.push(field);
            match rest.get(at) {
                Some(&byte) if byte == self.rules.delimiter => at += 1,
                _ => return Ok((fields, at)),
            }
        }
    }
}
