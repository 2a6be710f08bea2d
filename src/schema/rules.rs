//! What a contract says of one field's values, compiled: how they are written, and the rules that they keep.
//!
//! Comes in: the text of a value, doubled quotes and escapes resolved. Goes out: what is stored for it, or which rule it breaks. Pure; nothing
//! is allocated for a value that is good.

mod byte_runs;
mod matcher;
mod quick;
#[cfg(test)]
mod tests;
mod text_set;

use std::cmp::Ordering;
use std::sync::Arc;

pub use self::matcher::Matcher;
use self::quick::Quick;
use self::text_set::TextSet;
use super::ColumnType;
use super::cast::{
    CalendarSpan, CastError, FigureStyle, IsoText, MomentKey, Pattern, array_size, date, duration, is_base64, is_email,
    is_uri, is_uuid, object_size, xsd_date_time, xsd_time, year, year_month,
};

/// How the values of a field are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueForm {
    Text,
    Email,
    Uri,
    Uuid,
    Base64,
    Integer(FigureStyle),
    Number(FigureStyle),
    Boolean {
        yes: Box<[Box<str>]>,
        no: Box<[Box<str>]>,
    },
    Date,
    Time,
    DateTime,
    /// A date, a time or both, by a pattern.
    Moment(Pattern),
    Year,
    YearMonth,
    Duration,
    Object,
    Array,
}

impl ValueForm {
    /// What a column holds that has such values.
    pub fn column_type(&self, of_moment: ColumnType) -> ColumnType {
        match self {
            ValueForm::Integer(_) | ValueForm::Year => ColumnType::Integer,
            ValueForm::Number(_) => ColumnType::Real,
            ValueForm::Boolean { .. } => ColumnType::Boolean,
            ValueForm::Date => ColumnType::Date,
            ValueForm::Time => ColumnType::Time,
            ValueForm::DateTime => ColumnType::DateTime,
            ValueForm::Moment(_) => of_moment,
            _ => ColumnType::Text,
        }
    }

    /// Whether [`ColumnType`] says all of it.
    fn is_usual(&self) -> bool {
        match self {
            ValueForm::Text | ValueForm::Date => true,
            ValueForm::Integer(style) => style.is_usual(),
            _ => false,
        }
    }

    /// Reads `text`. `iso` is written over by a pattern, `room` by an unusual number.
    ///
    /// # Errors
    /// As the casts of these types.
    #[inline]
    fn read<'t>(&self, text: &'t [u8], iso: &'t mut IsoText, room: &mut Vec<u8>) -> Result<ReadValue<'t>, CastError> {
        let as_given = |logical| ReadValue {
            logical,
            stored: StoredForm::AsGiven,
            is_recoded: false,
        };
        let if_is = |is: bool, logical| is.then(|| as_given(logical)).ok_or(CastError::Type);
        match self {
            ValueForm::Text => Ok(as_given(Logical::Text(text))),
            ValueForm::Integer(style) => {
                let (value, is_recoded) = style.integer(text, room)?;
                Ok(ReadValue::integer(value, is_recoded))
            }
            ValueForm::Number(style) => {
                let (value, is_recoded) = style.number(text, room)?;
                Ok(ReadValue {
                    logical: Logical::Real(value),
                    stored: StoredForm::Real(value),
                    is_recoded,
                })
            }
            ValueForm::Boolean { yes, no } => {
                let is_one_of = |words: &[Box<str>]| words.iter().any(|word| word.as_bytes() == text);
                match (is_one_of(yes), is_one_of(no)) {
                    (true, _) => Ok(ReadValue::integer(1, false)),
                    (_, true) => Ok(ReadValue::integer(0, false)),
                    _ => Err(CastError::Type),
                }
            }
            // In this form days follow each other as their texts do.
            ValueForm::Date => date(text).map(|()| as_given(Logical::Text(text))),
            ValueForm::Time => xsd_time(text).map(|()| as_given(Logical::Moment(MomentKey::of_time(text)))),
            ValueForm::DateTime => xsd_date_time(text).map(|()| as_given(Logical::Moment(MomentKey::of_date(text)))),
            ValueForm::Moment(pattern) => {
                pattern.read(text, iso)?;
                let iso: &'t IsoText = iso;
                let written = iso.as_bytes();
                Ok(ReadValue {
                    logical: Logical::Moment(match written.get(2) {
                        Some(b':') => MomentKey::of_time(written),
                        _ => MomentKey::of_date(written),
                    }),
                    stored: StoredForm::Iso(iso),
                    is_recoded: written != text,
                })
            }
            ValueForm::Year => year(text).map(|year| ReadValue::integer(year, false)),
            ValueForm::YearMonth => year_month(text).map(|months| as_given(Logical::Integer(months))),
            ValueForm::Duration => duration(text).map(|span| as_given(Logical::Span(span))),
            ValueForm::Email => if_is(is_email(text), Logical::Text(text)),
            ValueForm::Uri => if_is(is_uri(text), Logical::Text(text)),
            ValueForm::Uuid => if_is(is_uuid(text), Logical::Text(text)),
            ValueForm::Base64 => if_is(is_base64(text), Logical::Text(text)),
            ValueForm::Object => object_size(text)
                .map(|size| as_given(Logical::Items(size)))
                .ok_or(CastError::Type),
            ValueForm::Array => array_size(text)
                .map(|size| as_given(Logical::Items(size)))
                .ok_or(CastError::Type),
        }
    }
}

/// What a value means, as rules look at it.
#[derive(Debug, Clone, Copy)]
enum Logical<'t> {
    Text(&'t [u8]),
    Integer(i64),
    Real(f64),
    Moment(MomentKey<'t>),
    Span(CalendarSpan),
    /// A collection of so many.
    Items(u64),
}

/// What is stored for a value.
#[derive(Debug, Clone, Copy)]
pub enum StoredForm<'t> {
    /// Its text, as it stands in the input.
    AsGiven,
    Integer(i64),
    Real(f64),
    Iso(&'t IsoText),
}

/// A value that was read.
#[derive(Debug, Clone, Copy)]
pub struct ReadValue<'t> {
    logical: Logical<'t>,
    pub stored: StoredForm<'t>,
    /// It was written in another form than it is stored in.
    pub is_recoded: bool,
}

impl ReadValue<'_> {
    fn integer(value: i64, is_recoded: bool) -> Self {
        ReadValue {
            logical: Logical::Integer(value),
            stored: StoredForm::Integer(value),
            is_recoded,
        }
    }
}

/// A value of a rule: what a value of its field may be compared to.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleValue {
    Integer(i64),
    Real(f64),
    Moment { seconds: i64, fraction: Box<[u8]> },
    Span(CalendarSpan),
    Text(Box<[u8]>),
}

impl RuleValue {
    /// How `logical` compares to it; `None` if that is not certain.
    #[inline]
    fn ordering_of(&self, logical: Logical<'_>) -> Option<Ordering> {
        match (logical, self) {
            (Logical::Integer(value), RuleValue::Integer(limit)) => Some(value.cmp(limit)),
            (Logical::Real(value), RuleValue::Real(limit)) => value.partial_cmp(limit),
            (Logical::Moment(key), RuleValue::Moment { seconds, fraction }) => Some(key.cmp(&MomentKey {
                seconds: *seconds,
                fraction,
            })),
            (Logical::Span(span), RuleValue::Span(limit)) => span.compare(limit),
            (Logical::Text(text), RuleValue::Text(limit)) => Some(text.cmp(limit)),
            _ => None,
        }
    }
}

/// What a rule asks of a value.
#[derive(Debug, Clone)]
pub enum RuleTest {
    AtLeast(RuleValue),
    AtMost(RuleValue),
    Above(RuleValue),
    Below(RuleValue),
    MinLength(u64),
    MaxLength(u64),
    Pattern(Matcher),
    OneOf(Box<[RuleValue]>),
    /// The same for texts.
    OneOfTexts(TextSet),
}

impl RuleTest {
    /// To be one of `values`.
    pub fn one_of(values: Vec<RuleValue>) -> RuleTest {
        let text = |value: &RuleValue| match value {
            RuleValue::Text(text) => Some(text.clone()),
            _ => None,
        };
        match values.iter().map(text).collect::<Option<Vec<_>>>() {
            Some(texts) => RuleTest::OneOfTexts(TextSet::new(texts)),
            None => RuleTest::OneOf(values.into()),
        }
    }

    #[inline]
    fn holds(&self, logical: Logical<'_>) -> bool {
        match self {
            RuleTest::AtLeast(limit) => limit.ordering_of(logical).is_some_and(Ordering::is_ge),
            RuleTest::AtMost(limit) => limit.ordering_of(logical).is_some_and(Ordering::is_le),
            RuleTest::Above(limit) => limit.ordering_of(logical).is_some_and(Ordering::is_gt),
            RuleTest::Below(limit) => limit.ordering_of(logical).is_some_and(Ordering::is_lt),
            RuleTest::MinLength(least) => match logical {
                Logical::Text(text) => text.len() as u64 >= *least && characters(text) >= *least,
                Logical::Items(size) => size >= *least,
                _ => false,
            },
            RuleTest::MaxLength(most) => match logical {
                Logical::Text(text) => text.len() as u64 <= *most || characters(text) <= *most,
                Logical::Items(size) => size <= *most,
                _ => false,
            },
            RuleTest::Pattern(matcher) => matches!(logical, Logical::Text(text) if matcher.matches(text)),
            RuleTest::OneOf(values) => values
                .iter()
                .any(|value| value.ordering_of(logical) == Some(Ordering::Equal)),
            RuleTest::OneOfTexts(texts) => match logical {
                Logical::Text(text) => texts.has(text),
                _ => false,
            },
        }
    }
}

/// Characters of a text, which is UTF-8.
fn characters(text: &[u8]) -> u64 {
    text.iter().filter(|byte| (**byte & 0xC0) != 0x80).count() as u64
}

/// A rule, and what is said of a value that breaks it.
#[derive(Debug, Clone)]
pub struct Rule {
    pub test: RuleTest,
    /// In ASCII: which rule of which field it is, and what it asks for.
    pub words: Arc<str>,
}

/// What a contract says of the values of one field.
#[derive(Debug, Clone)]
pub struct FieldRules {
    pub form: ValueForm,
    pub rules: Box<[Rule]>,
    /// What most values that keep all of that pass.
    quick: Quick,
    /// What a value of another form is told that was expected, and one that is beyond the type.
    pub expected: Arc<str>,
    pub range: Arc<str>,
    /// The part of the contract that this was compiled from.
    pub meaning: Arc<str>,
}

impl PartialEq for FieldRules {
    fn eq(&self, other: &Self) -> bool {
        self.meaning == other.meaning
    }
}

impl Eq for FieldRules {}

/// Why a value is not taken.
#[derive(Debug, Clone, Copy)]
pub enum Misfit<'r> {
    Form(CastError),
    Rule(&'r Rule),
}

impl FieldRules {
    /// Values of this form that keep these rules; `meaning` is the part of the contract that says so.
    pub fn new(form: ValueForm, rules: Vec<Rule>, (expected, range): (String, String), meaning: String) -> Self {
        FieldRules {
            quick: Quick::of(&form, &rules),
            form,
            rules: rules.into(),
            expected: expected.into(),
            range: range.into(),
            meaning: meaning.into(),
        }
    }

    /// What is stored for the value `text`, if that is easily said; `None` says nothing of it.
    #[inline(always)]
    pub fn read_quickly(&self, text: &[u8]) -> Option<StoredForm<'static>> {
        self.quick.read(text, &self.form, &self.rules)
    }

    /// Whether a column's type says all of it: nothing is to be looked at besides.
    pub fn is_usual(&self) -> bool {
        self.form.is_usual() && self.rules.is_empty()
    }

    /// Reads the value `text`. `iso` and `room` are buffers; what is in them does not matter.
    ///
    /// # Errors
    /// Why it is not taken.
    #[inline]
    pub fn read<'t>(
        &self,
        text: &'t [u8],
        iso: &'t mut IsoText,
        room: &mut Vec<u8>,
    ) -> Result<ReadValue<'t>, Misfit<'_>> {
        let value = self.form.read(text, iso, room).map_err(Misfit::Form)?;
        match self.rules.iter().find(|rule| !rule.test.holds(value.logical)) {
            Some(rule) => Err(Misfit::Rule(rule)),
            None => Ok(value),
        }
    }

    /// What rules compare values of this form to, for the value that `text` stands for.
    ///
    /// # Errors
    /// As a field that says so is refused.
    pub fn rule_value(form: &ValueForm, text: &str) -> Result<RuleValue, CastError> {
        let mut iso = IsoText::new();
        let read = form.read(text.as_bytes(), &mut iso, &mut Vec::new())?;
        Ok(match read.logical {
            Logical::Text(text) => RuleValue::Text(text.into()),
            Logical::Integer(value) => RuleValue::Integer(value),
            Logical::Real(value) => RuleValue::Real(value),
            Logical::Moment(MomentKey { seconds, fraction }) => RuleValue::Moment {
                seconds,
                fraction: fraction.into(),
            },
            Logical::Span(span) => RuleValue::Span(span),
            Logical::Items(_) => return Err(CastError::Type),
        })
    }
}

/// What contracts say of the columns of a table; empty vectors if nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnRules {
    /// For each column the rules of its values, where its type does not say it all.
    pub values: Vec<Option<Arc<FieldRules>>>,
    /// For each column the values that are missing, where that is not what the load says of all cells.
    pub missing: Vec<Option<Arc<MissingValues>>>,
    /// For each column, whether it takes no NULL.
    pub required: Vec<bool>,
}

impl ColumnRules {
    /// The rules of a column's values, if there are any.
    #[inline]
    pub fn of(&self, column: usize) -> Option<&FieldRules> {
        self.values.get(column)?.as_deref()
    }

    /// Whether a column takes no NULL.
    pub fn is_required(&self, column: usize) -> bool {
        self.required.get(column).is_some_and(|is_required| *is_required)
    }

    /// What is missing in a column, where that is not what the load says of all cells.
    #[inline]
    pub fn missing_in(&self, column: usize) -> Option<&MissingValues> {
        self.missing.get(column)?.as_deref()
    }
}

/// Texts that stand for no value, whether in quotes or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MissingValues {
    /// Those that are not empty.
    pub words: Box<[Box<str>]>,
    /// Whether the empty text is one.
    pub empty: bool,
}

impl MissingValues {
    /// Whether an empty text, and no other, is missing.
    pub fn are_usual(&self) -> bool {
        self.empty && self.words.is_empty()
    }

    /// Whether a text stands for no value; two of `doubled` in it stand for one.
    pub fn have(&self, text: &[u8], doubled: Option<u8>) -> bool {
        if text.is_empty() {
            return self.empty;
        }
        let says = |word: &[u8]| match doubled {
            Some(quote) if memchr::memchr(quote, text).is_some() => {
                let mut text = text.iter();
                let is_next = |byte: &u8| {
                    let is_same = text.next() == Some(byte);
                    if is_same && *byte == quote {
                        text.next();
                    }
                    is_same
                };
                word.iter().all(is_next) && text.next().is_none()
            }
            _ => word == text,
        };
        self.words.iter().any(|word| says(word.as_bytes()))
    }
}
