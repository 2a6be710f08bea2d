//! A pattern's text to what is read one after another, and what is wrong with it, in words.

use super::{DatePart, Item, MAX_FRACTION_DIGITS, MONTHS, Pattern, PatternKind, SHORT_NAME_BYTES, blank_at_start};
use crate::option_name::TWO_DIGIT_YEAR_PIVOT;

/// What stands for parts of a date.
const DATE_DIRECTIVES: &str = "%Y %y %m %b %B %d %e %j %a %A %F %D";
/// What stands for parts of a time.
const TIME_DIRECTIVES: &str = "%H %k %I %l %p %M %S %f %.f %z %T %R";
/// What has both, or neither.
const OTHER_DIRECTIVES: &str = "%s %n %t %%";

impl Item {
    /// Whether it begins and ends with digits, of which there may be more or fewer.
    fn is_number(self) -> bool {
        matches!(self, Item::Number(..) | Item::Padded(_) | Item::Epoch) || matches!(self, Item::Byte(b'0'..=b'9'))
    }

    /// What it says, by a name that two of them share if they say the same; `None` if it says nothing.
    fn says(self) -> Option<&'static str> {
        Some(match self {
            Item::Byte(_) | Item::Blanks => return None,
            Item::Number(part, ..) | Item::Padded(part) => match part {
                DatePart::Year | DatePart::YearOfCentury => "the year",
                DatePart::Month => "the month",
                DatePart::Day => "the day",
                DatePart::DayOfYear => "the day of the year",
                DatePart::Hour | DatePart::HourOfHalf => "the hour",
                DatePart::Minute => "the minute",
                DatePart::Second => "the second",
                DatePart::Fraction => "the fraction of a second",
            },
            Item::MonthName => "the month",
            Item::WeekdayName => "the day of the week",
            Item::AmPm => "AM or PM",
            Item::OptionalFraction => "the fraction of a second",
            Item::Epoch => "the seconds since 1970",
            Item::Zone => "the zone",
        })
    }

    fn is_of_date(self) -> bool {
        let parts = [
            "the year",
            "the month",
            "the day",
            "the day of the year",
            "the day of the week",
        ];
        self.says().is_some_and(|says| parts.contains(&says))
    }

    fn is_of_time(self) -> bool {
        self.says().is_some() && !self.is_of_date() && self != Item::Epoch
    }
}

impl Pattern {
    /// Compiles a pattern. `pivot`: two-digit years below it are of the 2000s, the others of the 1900s.
    ///
    /// # Errors
    /// What is wrong with it, in words that go on from its text.
    pub fn new(text: &str, kind: PatternKind, pivot: Option<u8>) -> Result<Pattern, String> {
        let mut items = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((&first, after)) = rest.split_first() {
            let blank = blank_at_start(rest);
            if blank > 0 {
                push_blanks(&mut items);
                rest = &rest[blank..];
            } else if first == b'%' {
                rest = push_directive(after, &mut items)?;
            } else {
                items.push(Item::Byte(first));
                rest = after;
            }
        }
        fix_widths(&mut items)?;
        check(&items, kind)?;
        let has_short_year = items
            .iter()
            .any(|item| matches!(item, Item::Number(DatePart::YearOfCentury, ..)));
        let pivot = match (pivot, has_short_year) {
            (None, true) => {
                return Err(format!(
                    "has two-digit years (%y); say with {TWO_DIGIT_YEAR_PIVOT} of which century they are: with 70, years from 00 to 69 are \
                     of the 2000s and those from 70 to 99 of the 1900s"
                ));
            }
            (pivot, _) => pivot.unwrap_or(0),
        };
        Ok(Pattern {
            kind,
            items: items.into(),
            pivot,
        })
    }

    /// The last day of 2024, shortly before 3.31 in the afternoon, written by this pattern.
    pub fn sample(&self) -> String {
        let mut sample = Vec::new();
        for item in &self.items {
            let text: &[u8] = match item {
                Item::Byte(byte) => std::slice::from_ref(byte),
                Item::Blanks => b" ",
                Item::Number(part, ..) | Item::Padded(part) => match part {
                    DatePart::Year => b"2024",
                    DatePart::YearOfCentury => b"24",
                    DatePart::Month => b"12",
                    DatePart::Day => b"31",
                    DatePart::DayOfYear => b"366",
                    DatePart::Hour => b"15",
                    DatePart::HourOfHalf => b"03",
                    DatePart::Minute => b"30",
                    DatePart::Second => b"59",
                    DatePart::Fraction => b"5",
                },
                Item::MonthName => &MONTHS[11].as_bytes()[..SHORT_NAME_BYTES],
                Item::WeekdayName => b"Tue",
                Item::AmPm => b"PM",
                Item::OptionalFraction => b".5",
                Item::Epoch => b"1735659059",
                Item::Zone => b"+01:00",
            };
            sample.extend_from_slice(text);
        }
        String::from_utf8_lossy(&sample).into_owned()
    }
}

fn push_blanks(items: &mut Vec<Item>) {
    if items.last() != Some(&Item::Blanks) {
        items.push(Item::Blanks);
    }
}

/// Adds what stands after a `%`; returns what follows it.
fn push_directive<'t>(after: &'t [u8], items: &mut Vec<Item>) -> Result<&'t [u8], String> {
    if let Some(rest) = after.strip_prefix(b".f") {
        items.push(Item::OptionalFraction);
        return Ok(rest);
    }
    // How a writer pads numbers; a reader takes them with and without.
    let unpadded = match after {
        [b'-' | b'_' | b'0', rest @ ..] => rest,
        rest => rest,
    };
    let Some((&letter, rest)) = unpadded.split_first() else {
        return Err("ends with a lone %; a percent sign is written %%".to_owned());
    };
    let two = |part| Item::Number(part, 1, 2);
    let item = match letter {
        b'Y' => Item::Number(DatePart::Year, 4, 4),
        b'y' => Item::Number(DatePart::YearOfCentury, 2, 2),
        b'm' => two(DatePart::Month),
        b'd' => two(DatePart::Day),
        b'H' => two(DatePart::Hour),
        b'I' => two(DatePart::HourOfHalf),
        b'M' => two(DatePart::Minute),
        b'S' => two(DatePart::Second),
        b'e' => Item::Padded(DatePart::Day),
        b'k' => Item::Padded(DatePart::Hour),
        b'l' => Item::Padded(DatePart::HourOfHalf),
        b'j' => Item::Number(DatePart::DayOfYear, 1, 3),
        b'f' => Item::Number(DatePart::Fraction, 1, MAX_FRACTION_DIGITS),
        b'b' | b'B' | b'h' => Item::MonthName,
        b'a' | b'A' => Item::WeekdayName,
        b'p' | b'P' => Item::AmPm,
        b's' => Item::Epoch,
        b'z' => Item::Zone,
        b'%' => Item::Byte(b'%'),
        b'n' | b't' => {
            push_blanks(items);
            return Ok(rest);
        }
        b'F' => return push_all(b"Y-%m-%d", items).map(|()| rest),
        b'D' => return push_all(b"m/%d/%y", items).map(|()| rest),
        b'T' => return push_all(b"H:%M:%S", items).map(|()| rest),
        b'R' => return push_all(b"H:%M", items).map(|()| rest),
        _ => {
            return Err(format!(
                "has %{}, which is not known; there are {DATE_DIRECTIVES} for dates, {TIME_DIRECTIVES} for times, and {OTHER_DIRECTIVES}",
                char::from(letter).escape_debug()
            ));
        }
    };
    items.push(item);
    Ok(rest)
}

/// Adds directives with one byte between each two.
fn push_all(mut text: &[u8], items: &mut Vec<Item>) -> Result<(), String> {
    loop {
        text = push_directive(text, items)?;
        match text {
            [byte, b'%', after @ ..] => {
                items.push(Item::Byte(*byte));
                text = after;
            }
            _ => return Ok(()),
        }
    }
}

/// Numbers side by side must have all their digits, or nobody could tell where one ends.
fn fix_widths(items: &mut [Item]) -> Result<(), String> {
    let numbers: Vec<bool> = items.iter().map(|item| item.is_number()).collect();
    for (index, item) in items.iter_mut().enumerate() {
        let follows = index > 0 && numbers[index - 1];
        let is_followed = numbers.get(index + 1) == Some(&true);
        match item {
            Item::Number(DatePart::Fraction, ..) | Item::OptionalFraction | Item::Epoch | Item::Padded(_)
                if is_followed =>
            {
                return Err(format!(
                    "has digits right after {}, so that nobody can tell where it ends",
                    item.says().unwrap_or_default()
                ));
            }
            Item::Number(DatePart::Fraction, ..) => {}
            Item::Number(_, least, most) if follows || is_followed => *least = *most,
            _ => {}
        }
    }
    Ok(())
}

fn check(items: &[Item], kind: PatternKind) -> Result<(), String> {
    let said: Vec<&str> = items.iter().filter_map(|item| item.says()).collect();
    let says = |what: &str| said.contains(&what);
    if let Some(twice) = (said.iter().enumerate()).find_map(|(at, what)| said[..at].contains(what).then_some(what)) {
        return Err(format!("says {twice} twice"));
    }
    if says("the seconds since 1970") {
        return match (kind, said.len()) {
            (PatternKind::Time, _) => Err("has %s, which is a moment and no time of day".to_owned()),
            (_, 1) => Ok(()),
            _ => Err("has %s, which says everything, and something else".to_owned()),
        };
    }
    if kind == PatternKind::Date && items.iter().any(|item| item.is_of_time()) {
        return Err("has a time of day, which a date has not; declare the column a datetime".to_owned());
    }
    if kind == PatternKind::Time && items.iter().any(|item| item.is_of_date()) {
        return Err("has a date, which a time of day has not; declare the column a datetime".to_owned());
    }
    let needed: &[(&str, &str)] = match kind {
        PatternKind::Date => &DATE_PARTS,
        PatternKind::Time => &TIME_PARTS,
        PatternKind::DateTime => &[
            DATE_PARTS[0],
            DATE_PARTS[1],
            DATE_PARTS[2],
            TIME_PARTS[0],
            TIME_PARTS[1],
        ],
    };
    let has_day_of_year = says("the day of the year");
    if has_day_of_year && (says("the month") || says("the day")) {
        return Err("has %j, which says month and day, and one of these".to_owned());
    }
    let is_said = |what: &str| says(what) || (has_day_of_year && ["the month", "the day"].contains(&what));
    if let Some((what, directives)) = needed.iter().find(|(what, _)| !is_said(what)) {
        return Err(format!("does not say {what} ({directives})"));
    }
    let has_half = items.iter().any(|item| {
        matches!(
            item,
            Item::Number(DatePart::HourOfHalf, ..) | Item::Padded(DatePart::HourOfHalf)
        )
    });
    match (has_half, says("AM or PM")) {
        (true, false) => Err("has hours from 1 to 12 (%I) and does not say of which half of the day (%p)".to_owned()),
        (false, true) => Err("has %p, which belongs to hours from 1 to 12 (%I), and has others".to_owned()),
        _ if says("the fraction of a second") && !says("the second") => {
            Err("has a fraction and does not say the second (%S)".to_owned())
        }
        _ => Ok(()),
    }
}

/// What a date must say, and how.
const DATE_PARTS: [(&str, &str); 3] = [
    ("the year", "%Y, or %y for two digits"),
    ("the month", "%m, or %b for its name"),
    ("the day", "%d"),
];
/// What a time must say, and how.
const TIME_PARTS: [(&str, &str); 2] = [("the hour", "%H, or %I with %p"), ("the minute", "%M")];
