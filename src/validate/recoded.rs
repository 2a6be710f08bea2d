//! Values that are not written as their column's type usually is, or that a contract has rules for: cast, stored and hashed in the form in
//! which they are stored.

use super::RowMaker;
use super::column_work::{ColumnWork, DECLARED, IS_KEY};
use super::key_bytes::push_plain_key;
use crate::format::Format;
use crate::reject::RejectReason;
use crate::rows::{Encoder, Text};
use crate::schema::cast::{self, CastError, IsoText, Numeric, Pattern, Recast};
use crate::schema::recoding::{Recoding, WrittenForm};
use crate::schema::rules::{FieldRules, Misfit, StoredForm};
use crate::schema::written::NumberStyle;

/// Why a column that is recoded does not take a value.
#[cold]
fn refuse_as_written(recoding: &Recoding, error: CastError) -> RejectReason {
    let (expected, beyond) = match error {
        CastError::Type => (&recoding.expected, false),
        CastError::Range => (&recoding.range, true),
    };
    RejectReason::NotAsWritten {
        expected: expected.clone(),
        beyond,
    }
}

/// Why a column with rules does not take a value.
#[cold]
fn refuse_by_rules(rules: &FieldRules, refusal: Misfit<'_>) -> RejectReason {
    let (expected, beyond) = match refusal {
        Misfit::Rule(rule) => {
            return RejectReason::RuleFailed {
                words: rule.words.clone(),
            };
        }
        Misfit::Form(CastError::Type) => (&rules.expected, false),
        Misfit::Form(CastError::Range) => (&rules.range, true),
    };
    RejectReason::NotAsWritten {
        expected: expected.clone(),
        beyond,
    }
}

impl<F: Format, E: Encoder> RowMaker<'_, F, E> {
    /// Appends a value of a column that a contract has rules for.
    #[inline(never)]
    pub(super) fn encode_ruled(&mut self, column: ColumnWork, text: Text<'_>) -> Result<(), RejectReason> {
        let Some(rules) = self.plan.rules.of(column.index as usize) else {
            unreachable!("only columns with rules come here")
        };
        let bytes = &text.span[text.start..text.end];
        let is_plain = text.doubled.is_none_or(|quote| memchr::memchr(quote, bytes).is_none());
        match is_plain.then(|| rules.read_quickly(bytes)).flatten() {
            Some(stored) => {
                self.encode_read(column, text, stored);
                Ok(())
            }
            None => self.encode_by_rules(column, text, rules),
        }
    }

    /// As [`encode_ruled`](Self::encode_ruled), for a value of which more is to be found out.
    #[inline(never)]
    fn encode_by_rules(&mut self, column: ColumnWork, text: Text<'_>, rules: &FieldRules) -> Result<(), RejectReason> {
        let bytes = &text.span[text.start..text.end];
        let mut meant = std::mem::take(&mut self.out.meant_text);
        let mut room = std::mem::take(&mut self.out.plain_value);
        let value = match text.doubled {
            Some(quote) if memchr::memchr(quote, bytes).is_some() => {
                meant.clear();
                text.append_to(&mut meant);
                meant.as_slice()
            }
            _ => bytes,
        };
        let mut iso = IsoText::new();
        let read = rules.read(value, &mut iso, &mut room);
        let encoded = match read {
            Err(refusal) => Err(refuse_by_rules(rules, refusal)),
            Ok(read) => {
                self.encode_read(column, text, read.stored);
                if read.is_recoded {
                    self.out.recoded_in_row.push(column.index);
                }
                Ok(())
            }
        };
        (self.out.meant_text, self.out.plain_value) = (meant, room);
        encoded
    }

    /// Appends a value that rules allow, and which is `text` in the input.
    #[inline(always)]
    fn encode_read(&mut self, column: ColumnWork, text: Text<'_>, stored: StoredForm<'_>) {
        match stored {
            StoredForm::AsGiven => self.encode_text(column, text),
            StoredForm::Integer(value) => self.encode_integer(column, value),
            StoredForm::Real(value) => self.encode_double(column, value),
            StoredForm::Iso(iso) => self.encode_iso(column, iso),
        }
    }

    /// Appends a value that is not written as usual. `place`: where the field stands in the span.
    #[inline(never)]
    pub(super) fn encode_recoded(
        &mut self,
        column: ColumnWork,
        text: Text<'_>,
        place: (usize, usize),
    ) -> Result<(), RejectReason> {
        // Taken out for as long as values are looked at in it.
        let mut room = std::mem::take(&mut self.out.plain_value);
        let encoded = self.encode_in_room(column, text, place, &mut room);
        self.out.plain_value = room;
        if encoded? {
            self.out.recoded_in_row.push(column.index);
        }
        Ok(())
    }

    /// Counts the values of the row at hand, which is one.
    #[inline(never)]
    pub(super) fn count_recoded(&mut self) {
        for index in self.out.recoded_in_row.drain(..) {
            self.out.recoded[usize::from(index)] += 1;
        }
    }

    /// Whether the value was written in another form than it is stored in.
    fn encode_in_room(
        &mut self,
        column: ColumnWork,
        written: Text<'_>,
        place: (usize, usize),
        room: &mut Vec<u8>,
    ) -> Result<bool, RejectReason> {
        let plan = self.plan;
        let Some(Some(recoding)) = plan.recodings.get(column.index as usize) else {
            unreachable!("only columns that are recoded come here")
        };
        let refuse = |error| refuse_as_written(recoding, error);
        let text = &written.span[written.start..written.end];
        match &recoding.form {
            WrittenForm::Integer(style) => {
                let Recast { value, is_recoded } = style.integer(text, room).map_err(refuse)?;
                self.encode_integer(column, value);
                Ok(is_recoded)
            }
            WrittenForm::Decimal(style, decimals) => {
                let Recast { value, is_recoded } = style.units(text, *decimals, room).map_err(refuse)?;
                self.encode_integer(column, value);
                Ok(is_recoded)
            }
            WrittenForm::Number(style) => {
                let Recast { value, is_recoded } = style.number(text, room).map_err(refuse)?;
                self.encode_double(column, value);
                Ok(is_recoded)
            }
            WrittenForm::Percent(style) => {
                let Recast { value, is_recoded } = style.percent(text, room).map_err(refuse)?;
                self.encode_double(column, value);
                Ok(is_recoded)
            }
            WrittenForm::Real(style) if column.is(DECLARED) => {
                let is_recoded = style.make_plain(text, room).map_err(refuse)?;
                let value = cast::usual_real(room).map_err(refuse)?;
                self.encode_double(column, value);
                Ok(is_recoded)
            }
            WrittenForm::Real(style) => {
                let usual = style.as_usual(text, room);
                let is_recoded = text.contains(&b',');
                let value = self.real(column, usual, place).map_err(|reason| match reason {
                    // A type that is guessed is refuted by a reject of that type.
                    RejectReason::TypeError { .. } if plan.guess.is_none() => refuse(CastError::Type),
                    RejectReason::OutOfRange { .. } if plan.guess.is_none() => refuse(CastError::Range),
                    reason => reason,
                })?;
                self.encode_double(column, value);
                Ok(is_recoded)
            }
            WrittenForm::Numeric(style) => self.encode_numeric(column, *style, written, room),
            WrittenForm::Moment(pattern) => self.encode_by_pattern(column, pattern, text).map_err(refuse),
        }
    }

    /// Appends a value of a column of NUMERIC affinity. A number has a decimal comma; what SQLite would take for one must not be there.
    fn encode_numeric(
        &mut self,
        column: ColumnWork,
        style: NumberStyle,
        written: Text<'_>,
        room: &mut Vec<u8>,
    ) -> Result<bool, RejectReason> {
        let text = &written.span[written.start..written.end];
        let as_it_stands = cast::numeric(text);
        let found = match as_it_stands {
            Ok(Numeric::Integer(value)) => Ok(Numeric::Integer(value)),
            Ok(Numeric::Text) => cast::numeric(style.as_usual(text, room)),
            Ok(Numeric::Real(_)) => Err(CastError::Type),
            Err(error) => Err(error),
        };
        match found.map_err(|error| self.refuse_numeric(column, error))? {
            Numeric::Integer(value) => {
                self.encode_integer(column, value);
                Ok(false)
            }
            Numeric::Real(value) => {
                self.encode_double(column, value);
                Ok(true)
            }
            Numeric::Text => {
                self.encode_text(column, written);
                Ok(false)
            }
        }
    }

    /// Appends a date, a time or both; whether the text was not the one that is stored.
    fn encode_by_pattern(&mut self, column: ColumnWork, pattern: &Pattern, text: &[u8]) -> Result<bool, CastError> {
        let mut iso = IsoText::new();
        pattern.read(text, &mut iso)?;
        self.encode_iso(column, &iso);
        Ok(iso.as_bytes() != text)
    }

    /// Appends a date, a time or both that a pattern has read.
    fn encode_iso(&mut self, column: ColumnWork, iso: &IsoText) {
        let written = iso.as_bytes();
        self.encoder.push_text(Text {
            span: iso.room(),
            start: 0,
            end: written.len(),
            doubled: None,
        });
        if column.is(IS_KEY) {
            push_plain_key(&mut self.out.key_bytes, written, b"");
        }
    }
}
