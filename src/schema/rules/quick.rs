//! A test that most good values of a field pass in a few instructions.
//!
//! Comes in: how a field's values are written, and its rules, once; then each value. Goes out: what is stored for it if it passes. What does
//! not pass is not refused by that: whoever asks reads it again by the rules themselves, so that no verdict depends on what is here. Pure.

use super::{Logical, Rule, RuleTest, RuleValue, StoredForm, ValueForm};
use crate::schema::cast::{
    DATE_BYTES, MOMENT_BYTES, MomentKey, date, is_base64, is_email, is_plain_moment, is_uri, is_uuid, usual_integer,
    usual_real,
};

/// A test of values that are written in the most common way.
#[derive(Debug, Clone, Copy)]
pub(super) enum Quick {
    Integer {
        least: i64,
        most: i64,
    },
    /// Of finite numbers.
    Real {
        least: f64,
        most: f64,
    },
    Date {
        least: u128,
        most: u128,
    },
    /// Of moments without a zone and a fraction.
    Moment {
        least: (u128, u32),
        most: (u128, u32),
    },
    Boolean,
    /// Rules of texts, which need no more than the text.
    Text,
    /// No value passes.
    Never,
}

impl Quick {
    /// The test for values of a form, which `rules` are asked of.
    pub(super) fn of(form: &ValueForm, rules: &[Rule]) -> Quick {
        let all = match form {
            ValueForm::Text | ValueForm::Email | ValueForm::Uri | ValueForm::Uuid | ValueForm::Base64 => {
                return Quick::Text;
            }
            ValueForm::Boolean { .. } if rules.is_empty() => return Quick::Boolean,
            ValueForm::Integer(style) if style.is_usual() => Quick::Integer {
                least: i64::MIN,
                most: i64::MAX,
            },
            ValueForm::Number(style) if style.is_usual() => Quick::Real {
                least: f64::NEG_INFINITY,
                most: f64::INFINITY,
            },
            ValueForm::Date => Quick::Date {
                least: 0,
                most: u128::MAX,
            },
            ValueForm::DateTime => Quick::Moment {
                least: (0, 0),
                most: (u128::MAX, u32::MAX),
            },
            _ => return Quick::Never,
        };
        let within = rules.iter().try_fold(all, |quick, rule| quick.within(&rule.test));
        within.unwrap_or(Quick::Never)
    }

    /// The same for values that pass `test`, too; `None` if it is no bound, or one that no value keeps.
    fn within(self, test: &RuleTest) -> Option<Quick> {
        let (is_lower, is_open, limit) = match test {
            RuleTest::AtLeast(limit) => (true, false, limit),
            RuleTest::Above(limit) => (true, true, limit),
            RuleTest::AtMost(limit) => (false, false, limit),
            RuleTest::Below(limit) => (false, true, limit),
            _ => return None,
        };
        match (self, limit) {
            (Quick::Integer { least, most }, RuleValue::Integer(limit)) => {
                let (least, most) = match is_lower {
                    true => (least.max(limit.checked_add(i64::from(is_open))?), most),
                    false => (least, most.min(limit.checked_sub(i64::from(is_open))?)),
                };
                Some(Quick::Integer { least, most })
            }
            (Quick::Real { least, most }, RuleValue::Real(limit)) => {
                let (least, most) = match (is_lower, is_open) {
                    (true, false) => (least.max(*limit), most),
                    (true, true) => (least.max(limit.next_up()), most),
                    (false, false) => (least, most.min(*limit)),
                    (false, true) => (least, most.min(limit.next_down())),
                };
                Some(Quick::Real { least, most })
            }
            (Quick::Date { least, most }, RuleValue::Text(limit)) => {
                let limit = date_order(limit.first_chunk()?);
                Some(match is_lower {
                    true => Quick::Date {
                        least: least.max(limit + u128::from(is_open)),
                        most,
                    },
                    false => Quick::Date {
                        least,
                        most: most.min(limit - u128::from(is_open)),
                    },
                })
            }
            (Quick::Moment { least, most }, RuleValue::Moment { seconds, fraction }) => {
                // A whole second is at least one with a fraction if it is a later one.
                let limit = match (is_lower, is_open, fraction.is_empty()) {
                    (true, false, true) | (false, false, _) | (false, true, false) => *seconds,
                    (true, ..) => seconds + 1,
                    (false, true, true) => seconds - 1,
                };
                let limit = moment_order(&MomentKey::whole_second(limit)?);
                Some(match is_lower {
                    true => Quick::Moment {
                        least: least.max(limit),
                        most,
                    },
                    false => Quick::Moment {
                        least,
                        most: most.min(limit),
                    },
                })
            }
            _ => None,
        }
    }

    /// What is stored for `text`, a value of a field with this `form` and these `rules`, if it passes.
    #[inline(always)]
    pub(super) fn read(self, text: &[u8], form: &ValueForm, rules: &[Rule]) -> Option<StoredForm<'static>> {
        match self {
            Quick::Integer { least, most } => {
                let value = usual_integer(text).ok()?;
                (least <= value && value <= most).then_some(StoredForm::Integer(value))
            }
            Quick::Real { least, most } => {
                let value = usual_real(text).ok()?;
                (least <= value && value <= most).then_some(StoredForm::Real(value))
            }
            Quick::Date { least, most } => {
                let order = date_order(text.first_chunk()?);
                (least <= order && order <= most && date(text).is_ok()).then_some(StoredForm::AsGiven)
            }
            Quick::Moment { least, most } => {
                let text: &[u8; MOMENT_BYTES] = text.try_into().ok()?;
                let order = moment_order(text);
                (least <= order && order <= most && is_plain_moment(text)).then_some(StoredForm::AsGiven)
            }
            Quick::Boolean => {
                let ValueForm::Boolean { yes, no } = form else {
                    return None;
                };
                let has = |words: &[Box<str>]| words.iter().any(|word| word.as_bytes() == text);
                match has(yes) {
                    true => Some(StoredForm::Integer(1)),
                    false => has(no).then_some(StoredForm::Integer(0)),
                }
            }
            Quick::Text => {
                let is_of_form = match form {
                    ValueForm::Text => true,
                    ValueForm::Email => is_email(text),
                    ValueForm::Uri => is_uri(text),
                    ValueForm::Uuid => is_uuid(text),
                    ValueForm::Base64 => is_base64(text),
                    _ => false,
                };
                let holds = |rule: &Rule| rule.test.holds(Logical::Text(text));
                (is_of_form && rules.iter().all(holds)).then_some(StoredForm::AsGiven)
            }
            Quick::Never => None,
        }
    }
}

/// Numbers that follow each other as the texts of dates do.
#[inline]
fn date_order(text: &[u8; DATE_BYTES]) -> u128 {
    let mut padded = [0; 16];
    padded[16 - DATE_BYTES..].copy_from_slice(text);
    u128::from_be_bytes(padded)
}

/// The same for those of moments.
#[inline]
fn moment_order(text: &[u8; MOMENT_BYTES]) -> (u128, u32) {
    let (mut first, mut last) = ([0; 16], [0; 4]);
    first.copy_from_slice(&text[..16]);
    last.copy_from_slice(&text[MOMENT_BYTES - 4..]);
    (u128::from_be_bytes(first), u32::from_be_bytes(last))
}
