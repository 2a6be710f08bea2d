//! Which records are malformed or duplicates, and how a good record is malformed.

use rowmill::RejectCode;

use crate::shapes::Layout;

/// A way to malform a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    MissingColumns,
    TooManyColumns,
    InvalidQuote,
    InvalidUtf8,
    NulByte,
    UnterminatedQuote,
    WrongNumber,
    NoSuchDay,
    WrongKey,
    HugeKey,
}

impl Damage {
    /// The ways in which records of `layout` can be malformed.
    pub fn all(layout: &Layout) -> Vec<Damage> {
        let mut damages = vec![
            Damage::MissingColumns,
            Damage::TooManyColumns,
            Damage::InvalidQuote,
            Damage::InvalidUtf8,
            Damage::NulByte,
            Damage::UnterminatedQuote,
            Damage::WrongNumber,
        ];
        if layout.time_column.is_some() {
            damages.push(Damage::NoSuchDay);
        }
        if layout.columns[0].1 == "integer" {
            damages.extend([Damage::WrongKey, Damage::HugeKey]);
        }
        damages
    }

    pub const fn code(self) -> RejectCode {
        match self {
            Damage::MissingColumns => RejectCode::MissingColumns,
            Damage::TooManyColumns => RejectCode::TooManyColumns,
            Damage::InvalidQuote => RejectCode::InvalidQuote,
            Damage::InvalidUtf8 => RejectCode::InvalidUtf8,
            Damage::NulByte => RejectCode::NulByte,
            Damage::UnterminatedQuote => RejectCode::UnterminatedQuote,
            Damage::WrongNumber | Damage::WrongKey => RejectCode::TypeError,
            Damage::NoSuchDay | Damage::HugeKey => RejectCode::OutOfRange,
        }
    }

    /// Rewrites `record`, a plain one without its line end.
    ///
    /// The stray quote costs one line only if the next quote of the file, on a later line, is followed by text or never
    /// comes. That quote opens a field, and every quoted field of every shape starts with a letter or digit.
    pub fn apply(self, record: &[u8], layout: &Layout) -> Vec<u8> {
        let mut fields: Vec<Vec<u8>> = record.split(|&byte| byte == b',').map(<[u8]>::to_vec).collect();
        let whole = |text: &[u8]| {
            if layout.quoted {
                [b"\"", text, b"\""].concat()
            } else {
                text.to_vec()
            }
        };
        match self {
            Damage::MissingColumns => drop(fields.pop()),
            Damage::TooManyColumns => fields.push(whole(b"extra")),
            Damage::InvalidQuote => fields[layout.text_column] = b"\"q\"z".to_vec(),
            Damage::InvalidUtf8 => fields[layout.text_column] = whole(b"caf\xe9 cr\xe8me"),
            Damage::NulByte => fields[layout.text_column] = whole(b"nul\0byte"),
            Damage::UnterminatedQuote => fields[layout.text_column] = b"\"stray".to_vec(),
            Damage::WrongNumber => fields[layout.number_column] = whole(b"n/a"),
            Damage::NoSuchDay => {
                let column = layout.time_column.expect("only shapes with dates have this damage");
                let is_date = layout.columns[column].1 == "date";
                fields[column] = whole(if is_date { b"2023-13-45" } else { b"2023-13-45T00:00:00" });
            }
            Damage::WrongKey => fields[0] = whole(b"x12"),
            Damage::HugeKey => fields[0] = whole(b"18446744073709551616"),
        }
        fields.join(&b',')
    }
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Good,
    /// The number of this malformed record among the malformed ones, 0-based.
    Bad(u64),
    Duplicate,
}

/// Places `bad` malformed and `duplicates` duplicate records evenly among `rows`; the first record is good unless all
/// are bad. Two nested schedules: which records are special, and which of the special ones are duplicates.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    pub rows: u64,
    pub bad: u64,
    pub duplicates: u64,
}

impl Schedule {
    pub fn new(rows: u64, bad_percent: f64, duplicates_percent: f64) -> Result<Self, String> {
        let share = |percent: f64| (rows as f64 * percent / 100.0).round() as u64;
        let (bad, duplicates) = (share(bad_percent), share(duplicates_percent));
        if bad + duplicates > rows || (duplicates > 0 && bad + duplicates == rows) {
            return Err("--bad and --duplicates leave no good record to repeat; lower one of them".into());
        }
        Ok(Schedule { rows, bad, duplicates })
    }

    /// How many of the first `ordinal` records are special.
    pub fn special_before(&self, ordinal: u64) -> u64 {
        scale(ordinal, self.bad + self.duplicates, self.rows)
    }

    pub fn class(&self, ordinal: u64) -> Class {
        let special = self.special_before(ordinal);
        if self.special_before(ordinal + 1) == special {
            return Class::Good;
        }
        let duplicates = scale(special, self.duplicates, self.bad + self.duplicates);
        match scale(special + 1, self.duplicates, self.bad + self.duplicates) == duplicates {
            true => Class::Bad(special - duplicates),
            false => Class::Duplicate,
        }
    }

    /// A good record before `ordinal`, which is not the first, chosen by `random`.
    pub fn earlier_good(&self, ordinal: u64, random: u64) -> u64 {
        let mut earlier = scale(random, ordinal, u64::MAX).min(ordinal - 1);
        while self.class(earlier) != Class::Good {
            earlier -= 1;
        }
        earlier
    }
}

/// `value * numerator / denominator`, rounded down.
fn scale(value: u64, numerator: u64, denominator: u64) -> u64 {
    (value as u128 * numerator as u128 / denominator as u128) as u64
}
