//! How values are written in the input, where that is not the usual way: what is asked for. How they are then read is in
//! [`recoding`](super::recoding).

use serde::{Deserialize, Serialize};

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NumberStyle {
    /// A comma stands before the decimals, and a point does not.
    pub decimal_comma: bool,
    /// What may stand between groups of digits.
    pub thousands: Option<char>,
}

impl NumberStyle {
    /// What may stand between groups of digits: nothing else can, or a code would be taken for a number.
    pub const SEPARATORS: [char; 9] = [' ', '.', ',', '\'', '_', '\u{2019}', '\u{a0}', '\u{202f}', '\u{2009}'];

    /// What stands before the decimals.
    pub const fn decimal_sign(self) -> u8 {
        if self.decimal_comma { b',' } else { b'.' }
    }

    /// The style of numbers whose type nobody has declared: `1.234` and `1234` would become one number, so digits stand in no groups.
    pub const fn undeclared(self) -> Self {
        NumberStyle {
            thousands: None,
            ..self
        }
    }

    /// A number written so, for messages: in ASCII.
    pub fn sample(self, decimals: &str) -> String {
        let separator = match self.thousands {
            None => "",
            Some('.') => ".",
            Some(',') => ",",
            Some('_') => "_",
            Some('\'' | '\u{2019}') => "'",
            Some(_) => " ",
        };
        match decimals {
            "" => format!("1{separator}234"),
            decimals => format!("1{separator}234{}{decimals}", char::from(self.decimal_sign())),
        }
    }
}

/// How dates and times are written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DateStyle {
    /// The pattern of columns declared as dates; `None`: the usual form.
    pub date: Option<String>,
    /// The pattern of columns declared as dates with a time.
    pub date_time: Option<String>,
    /// Two-digit years below it are of the 2000s, the others of the 1900s.
    pub two_digit_year_pivot: Option<u8>,
}

/// How values are written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WrittenForms {
    /// Numbers.
    pub numbers: NumberStyle,
    /// Dates and times.
    pub dates: DateStyle,
}
