//! Numbers as people write them: with a decimal comma, digits in groups, a currency or percent sign, a minus at either end or brackets.
//!
//! Comes in: a text and how numbers are [written](NumberStyle). Goes out: the same number as the casts of plain numbers take it, in a
//! buffer that is used again. What is taken off is only what cannot change the number; anything else makes the text no number.

mod currency;
#[cfg(test)]
mod tests;

use self::currency::{currency_at_end, currency_at_start};
use super::{CastError, usual_integer, usual_real};
use crate::schema::written::NumberStyle;

/// Most digits after the point of a type that is stored in whole units: the greatest power of ten in 64 bits.
pub const MAX_UNIT_DECIMALS: u8 = 18;

/// A value, and whether the text had another form than those that plain numbers have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recast<T> {
    pub value: T,
    pub is_recoded: bool,
}

/// Blanks that stand in numbers: the usual one, a tab, and those that do not break a line.
const BLANKS: [&[u8]; 5] = [
    b" ",
    b"\t",
    "\u{a0}".as_bytes(),
    "\u{202f}".as_bytes(),
    "\u{2009}".as_bytes(),
];
/// Typographers' minus.
const MINUS: &[u8] = "\u{2212}".as_bytes();

/// The length of the blank at the start of `text`; 0 without one.
#[inline]
pub(super) fn blank_at_start(text: &[u8]) -> usize {
    length_of(&BLANKS, |blank| text.starts_with(blank))
}

fn blank_at_end(text: &[u8]) -> usize {
    length_of(&BLANKS, |blank| text.ends_with(blank))
}

/// The length of the first of `words` for which `is_there` holds; 0 without one.
fn length_of(words: &[&[u8]], is_there: impl Fn(&[u8]) -> bool) -> usize {
    words.iter().find(|word| is_there(word)).map_or(0, |word| word.len())
}

/// What was taken off the digits of an amount.
#[derive(Debug, Default)]
struct Signs {
    negative: Option<bool>,
    bracket: Bracket,
    has_currency: bool,
    has_percent: bool,
    /// Something other than one `+` or `-` right before the digits.
    is_unusual: bool,
}

/// Brackets around an amount, which make it negative.
#[derive(Debug, Default, PartialEq, Eq)]
enum Bracket {
    #[default]
    None,
    Open,
    Closed,
}

impl Signs {
    /// Takes what stands at the start of `text`, if it can stand there; returns its length.
    fn take_front(&mut self, text: &[u8]) -> Option<usize> {
        let blank = blank_at_start(text);
        match text {
            _ if blank > 0 => Some(blank),
            [sign @ (b'+' | b'-'), ..] => self.take_sign(*sign == b'-').then_some(1),
            [b'(', ..] if self.bracket == Bracket::None && self.negative.is_none() => {
                self.bracket = Bracket::Open;
                Some(1)
            }
            [b'%', ..] => self.take_percent().then_some(1),
            _ if text.starts_with(MINUS) => self.take_sign(true).then_some(MINUS.len()),
            _ => match currency_at_start(text) {
                0 => None,
                length => self.take_currency().then_some(length),
            },
        }
    }

    /// As [`take_front`](Self::take_front), for the end.
    fn take_back(&mut self, text: &[u8]) -> Option<usize> {
        let blank = blank_at_end(text);
        match text {
            _ if blank > 0 => Some(blank),
            [.., sign @ (b'+' | b'-')] => self.take_sign(*sign == b'-').then_some(1),
            [.., b')'] if self.bracket == Bracket::Open => {
                self.bracket = Bracket::Closed;
                Some(1)
            }
            [.., b'%'] => self.take_percent().then_some(1),
            _ if text.ends_with(MINUS) => self.take_sign(true).then_some(MINUS.len()),
            _ => match currency_at_end(text) {
                0 => None,
                length => self.take_currency().then_some(length),
            },
        }
    }

    /// There is one sign at most, and none with brackets.
    fn take_sign(&mut self, negative: bool) -> bool {
        let is_first = self.negative.is_none() && self.bracket == Bracket::None;
        self.negative = Some(negative);
        is_first
    }

    fn take_percent(&mut self) -> bool {
        !std::mem::replace(&mut self.has_percent, true)
    }

    fn take_currency(&mut self) -> bool {
        !std::mem::replace(&mut self.has_currency, true)
    }

    fn is_negative(&self) -> bool {
        self.negative == Some(true) || self.bracket == Bracket::Closed
    }
}

/// The part of `text` between its signs, which begins and ends with a digit or the decimal sign, and these signs.
fn between_signs(text: &[u8], decimal_sign: u8) -> Result<(&[u8], Signs), CastError> {
    let mut signs = Signs::default();
    let is_of_number = |byte: u8| byte.is_ascii_digit() || byte == decimal_sign;
    let mut rest = text;
    while !rest.first().copied().is_some_and(is_of_number) {
        let length = signs.take_front(rest).ok_or(CastError::Type)?;
        signs.is_unusual |= !matches!(rest[0], b'+' | b'-') || rest.len() < text.len();
        rest = &rest[length..];
    }
    // A currency may end with a point.
    while !rest.last().copied().is_some_and(is_of_number) || currency_at_end(rest) > 0 {
        let length = signs.take_back(rest).ok_or(CastError::Type)?;
        signs.is_unusual = true;
        rest = &rest[..rest.len() - length];
    }
    match signs.bracket {
        Bracket::Open => Err(CastError::Type),
        Bracket::None | Bracket::Closed => Ok((rest, signs)),
    }
}

/// The casts of numbers that are written in one style. `room` is a buffer; what is in it does not matter.
impl NumberStyle {
    /// A number with the usual signs and an exponent, if it has any, as plain numbers are written: `room` has it then. Returns whether it
    /// was written differently.
    ///
    /// # Errors
    /// `Type` for a text that is no number for this reason alone; the casts of plain numbers find all others.
    pub fn make_plain(self, text: &[u8], room: &mut Vec<u8>) -> Result<bool, CastError> {
        room.clear();
        let unsigned = match text {
            [sign @ (b'+' | b'-'), rest @ ..] => {
                room.push(*sign);
                rest
            }
            rest => rest,
        };
        self.push_plain(unsigned, room)
    }

    /// `text` as the casts of usual numbers take it if it is a number written in this style, and else something that is no number to them.
    pub fn as_usual<'t>(self, text: &'t [u8], room: &'t mut Vec<u8>) -> &'t [u8] {
        const NO_NUMBER: &[u8] = b"?";
        if self == NumberStyle::default() {
            return text;
        }
        match self.make_plain(text, room) {
            Ok(_) => room,
            Err(_) => NO_NUMBER,
        }
    }

    /// As [`make_plain`](Self::make_plain), without a sign, after what is in `room`.
    fn push_plain(self, unsigned: &[u8], room: &mut Vec<u8>) -> Result<bool, CastError> {
        let decimal_sign = self.decimal_sign();
        let ends_whole = |byte: &u8| *byte == decimal_sign || matches!(byte, b'e' | b'E');
        let whole_bytes = unsigned.iter().position(ends_whole).unwrap_or(unsigned.len());
        let (whole, tail) = unsigned.split_at(whole_bytes);
        let had_groups = self.push_whole(whole, room)?;
        match tail {
            [first, fraction @ ..] if *first == decimal_sign => {
                room.push(b'.');
                room.extend_from_slice(fraction);
                Ok(had_groups || self.decimal_comma)
            }
            tail => {
                room.extend_from_slice(tail);
                Ok(had_groups)
            }
        }
    }

    /// Adds the digits before the decimal sign; returns whether they stood in groups.
    ///
    /// Sound are groups of three after the first, and pairs before a last group of three as they are written in India. A number that is
    /// grouped does not begin with a zero: `0,123` is a decimal of those who write commas.
    fn push_whole(self, whole: &[u8], room: &mut Vec<u8>) -> Result<bool, CastError> {
        let (mut first, mut middle, mut group, mut rest) = (None, None, 0, whole);
        while let Some(&byte) = rest.first() {
            if byte.is_ascii_digit() {
                room.push(byte);
                group += 1;
                rest = &rest[1..];
                continue;
            }
            let separator = self.separator_at_start(rest);
            let is_sound = match (first, middle) {
                (None, _) => (1..=3).contains(&group) && whole[0] != b'0',
                (Some(_), None) => matches!(group, 2 | 3),
                (Some(_), Some(digits)) => group == digits,
            };
            if separator == 0 || !is_sound {
                return Err(CastError::Type);
            }
            match first {
                None => first = Some(group),
                Some(_) => middle = Some(group),
            }
            group = 0;
            rest = &rest[separator..];
        }
        match (first, middle) {
            (None, _) => Ok(false),
            (Some(_), None | Some(3)) | (Some(1 | 2), Some(2)) if group == 3 => Ok(true),
            _ => Err(CastError::Type),
        }
    }

    /// The length of what separates groups at the start of `text`; 0 without it. A blank stands for every blank, and `'` for `’` too:
    /// nobody sees which of them a file has.
    fn separator_at_start(self, text: &[u8]) -> usize {
        let mut encoded = [0; 4];
        match self.thousands {
            None => 0,
            Some(' ') => blank_at_start(text),
            Some('\'') if text.starts_with("\u{2019}".as_bytes()) => "\u{2019}".len(),
            Some(separator) => {
                let separator = separator.encode_utf8(&mut encoded).as_bytes();
                length_of(&[separator], |separator| text.starts_with(separator))
            }
        }
    }

    /// As [`usual_integer`].
    ///
    /// # Errors
    /// As [`usual_integer`].
    pub fn integer(self, text: &[u8], room: &mut Vec<u8>) -> Result<Recast<i64>, CastError> {
        let is_recoded = self.make_plain(text, room)?;
        let value = usual_integer(room)?;
        Ok(Recast { value, is_recoded })
    }

    /// An amount without its signs, as plain numbers are written: `room` has it then. Returns the signs.
    fn make_amount(self, text: &[u8], room: &mut Vec<u8>) -> Result<Signs, CastError> {
        room.clear();
        let (number, mut signs) = between_signs(text, self.decimal_sign())?;
        signs.is_unusual |= self.push_plain(number, room)?;
        Ok(signs)
    }

    /// A number with or without currency, percent sign, and a sign before or after it or brackets: the number as it is written, so that
    /// `12.5%` is 12.5. As the nearest double.
    ///
    /// # Errors
    /// `Range` for a number beyond a double, `Type` for anything else.
    pub fn number(self, text: &[u8], room: &mut Vec<u8>) -> Result<Recast<f64>, CastError> {
        let signs = self.make_amount(text, room)?;
        Ok(Recast {
            value: signed(usual_real(room)?, &signs),
            is_recoded: signs.is_unusual,
        })
    }

    /// As [`number`](Self::number), but with a percent sign and divided by a hundred: `12.5%` is 0.125. Correctly rounded.
    ///
    /// # Errors
    /// As [`number`](Self::number).
    pub fn percent(self, text: &[u8], room: &mut Vec<u8>) -> Result<Recast<f64>, CastError> {
        let signs = self.make_amount(text, room)?;
        if !signs.has_percent || room.iter().any(|byte| matches!(byte, b'e' | b'E')) {
            return Err(CastError::Type);
        }
        room.extend_from_slice(b"e-2");
        Ok(Recast {
            value: signed(usual_real(room)?, &signs),
            is_recoded: true,
        })
    }

    /// As [`number`](Self::number), without an exponent, in units of which there are ten to the power of `decimals` in one: exact.
    ///
    /// # Errors
    /// `Range` for more decimals that are not zeros, and beyond 64 bits; `Type` for anything else.
    pub fn units(self, text: &[u8], decimals: u8, room: &mut Vec<u8>) -> Result<Recast<i64>, CastError> {
        let signs = self.make_amount(text, room)?;
        let magnitude = units_of(room, usize::from(decimals))?;
        let value = match signs.is_negative() {
            true => 0i64.checked_sub_unsigned(magnitude),
            false => i64::try_from(magnitude).ok(),
        };
        Ok(Recast {
            value: value.ok_or(CastError::Range)?,
            is_recoded: signs.is_unusual || decimals > 0,
        })
    }
}

/// `magnitude` with the sign of an amount. Zero has none, as in SQLite's files.
fn signed(magnitude: f64, signs: &Signs) -> f64 {
    match signs.is_negative() && magnitude != 0.0 {
        true => -magnitude,
        false => magnitude,
    }
}

/// `[0-9]*\.?[0-9]*`, with at least one digit, times ten to the power of `decimals`.
fn units_of(plain: &[u8], decimals: usize) -> Result<u64, CastError> {
    let point = plain.iter().position(|&byte| byte == b'.').unwrap_or(plain.len());
    let (whole, fraction) = (&plain[..point], plain.get(point + 1..).unwrap_or_default());
    let all_digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return Err(CastError::Type);
    }
    let (kept, dropped) = fraction.split_at(fraction.len().min(decimals));
    if dropped.iter().any(|&digit| digit != b'0') {
        return Err(CastError::Range);
    }
    let zeros = std::iter::repeat_n(&b'0', decimals - kept.len());
    let mut value = 0u64;
    for digit in whole.iter().chain(kept).chain(zeros) {
        let ten_times = value.checked_mul(10).ok_or(CastError::Range)?;
        value = ten_times.checked_add(u64::from(digit - b'0')).ok_or(CastError::Range)?;
    }
    Ok(value)
}
