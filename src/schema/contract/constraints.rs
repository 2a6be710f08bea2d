//! The constraints of a field, compiled to rules.

use serde_json::{Map, Value};

use super::field::FieldType;
use super::problems::{Problems, shown};
use crate::escape::excerpt;
use crate::schema::rules::{FieldRules, Matcher, Rule, RuleTest, RuleValue, ValueForm};

/// Characters of a field's name, and of what a rule asks for, in messages.
const NAME_CHARS: usize = 60;
const RULE_CHARS: usize = 80;
/// Values of a list that a message names.
const LISTED: usize = 5;
/// Most values of a list.
const MAX_VALUES: usize = 100_000;

/// What a field is, as far as its constraints depend on it.
pub(super) struct Ruled<'a> {
    pub(super) name: &'a str,
    pub(super) field_type: FieldType,
    pub(super) form: &'a ValueForm,
}

/// The constraints of a field.
#[derive(Default)]
pub(super) struct FieldConstraints {
    pub(super) is_required: bool,
    pub(super) is_unique: bool,
    pub(super) rules: Vec<Rule>,
}

/// Every constraint that is checked, in the order in which they are.
pub(super) const NAMES: [&str; 10] = [
    "required",
    "unique",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "pattern",
    "enum",
];

impl Ruled<'_> {
    /// The constraints of the field, which stand at `path`.
    pub(super) fn constraints(
        &self,
        constraints: &Map<String, Value>,
        path: &str,
        problems: &mut Problems,
    ) -> FieldConstraints {
        let mut found = FieldConstraints::default();
        for name in constraints.keys() {
            if name == "jsonSchema" {
                problems.add(
                    format_args!("{path}.{name}"),
                    "is a constraint that rowmill does not check; leave it out, and check the values by other means",
                );
            } else if !NAMES.contains(&name.as_str()) {
                let what = format_args!(
                    "is no constraint of a Table Schema; the constraints are {}",
                    NAMES.join(", ")
                );
                problems.add(format_args!("{path}.{name}"), what);
            }
        }
        for name in NAMES {
            let Some(value) = constraints.get(name) else { continue };
            let path = format!("{path}.{name}");
            match name {
                "required" => found.is_required = problems.boolean(value, &path).unwrap_or(false),
                "unique" => found.is_unique = problems.boolean(value, &path).unwrap_or(false),
                name => {
                    let rule = self.rule(name, value, &path, problems);
                    found.rules.extend(rule);
                }
            }
        }
        found
    }

    /// The rule that the constraint `name` is.
    fn rule(&self, name: &'static str, value: &Value, path: &str, problems: &mut Problems) -> Option<Rule> {
        let belongs = match name {
            "minLength" | "maxLength" => self.field_type.has_length(),
            "pattern" => self.field_type == FieldType::Text,
            "enum" => !matches!(self.field_type, FieldType::Object | FieldType::Array),
            _ => self.field_type.is_ordered(),
        };
        if !belongs {
            let what = match name {
                "enum" => "is not checked by rowmill for a field of this type; leave it out",
                _ => "does not belong to a field of this type; leave it out, or give the field another type",
            };
            problems.add(path, format_args!("{what} ({})", self.field_type.as_str()));
            return None;
        }
        let (test, wanted) = match name {
            "minLength" | "maxLength" => self.length(name, value, path, problems)?,
            "pattern" => {
                let pattern = problems.text(value, path)?;
                let matcher = Matcher::new(pattern)
                    .map_err(|problem| problems.add(path, format_args!("{} {problem}", shown(value))))
                    .ok()?;
                let wanted = format!("a text that matches {}", excerpt(pattern, RULE_CHARS));
                (RuleTest::Pattern(matcher), wanted)
            }
            "enum" => {
                let values = problems.array(value, path)?;
                self.one_of(values, path, problems)?
            }
            _ => self.bound(name, value, path, problems)?,
        };
        Some(self.worded(name, test, &wanted))
    }

    /// A rule, with what is said of values that break it.
    fn worded(&self, name: &str, test: RuleTest, wanted: &str) -> Rule {
        let field = excerpt(self.name, NAME_CHARS);
        Rule {
            test,
            words: format!("rule {name} of field \"{field}\": expected {wanted}").into(),
        }
    }

    fn length(&self, name: &str, value: &Value, path: &str, problems: &mut Problems) -> Option<(RuleTest, String)> {
        let Some(length) = value.as_u64() else {
            let what = format_args!("must be a whole number that is not negative, and is {}", shown(value));
            problems.add(path, what);
            return None;
        };
        let unit = match (self.field_type, length) {
            (FieldType::Text, 1) => "character",
            (FieldType::Text, _) => "characters",
            (_, 1) => "item",
            _ => "items",
        };
        Some(match name {
            "minLength" => (RuleTest::MinLength(length), format!("at least {length} {unit}")),
            _ => (RuleTest::MaxLength(length), format!("at most {length} {unit}")),
        })
    }

    fn bound(&self, name: &str, value: &Value, path: &str, problems: &mut Problems) -> Option<(RuleTest, String)> {
        let limit = self.value(value, path, problems)?;
        let words = match value {
            Value::String(text) => excerpt(text, RULE_CHARS).to_string(),
            value => shown(value),
        };
        Some(match name {
            "minimum" => (RuleTest::AtLeast(limit), format!("at least {words}")),
            "maximum" => (RuleTest::AtMost(limit), format!("at most {words}")),
            "exclusiveMinimum" => (RuleTest::Above(limit), format!("more than {words}")),
            _ => (RuleTest::Below(limit), format!("less than {words}")),
        })
    }

    /// What the field's values are compared to for the `value` of a constraint: as JSON has it, or as the field itself would write it.
    fn value(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<RuleValue> {
        let found = match (value, self.form) {
            (Value::String(text), form) => FieldRules::rule_value(form, text).ok(),
            (Value::Bool(value), ValueForm::Boolean { .. }) => Some(RuleValue::Integer(i64::from(*value))),
            (Value::Number(number), ValueForm::Integer(_) | ValueForm::Year) => {
                // 5.0 is an integer, too.
                let whole = |value: f64| (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64);
                let integer = number.as_i64().or_else(|| number.as_f64().and_then(whole));
                integer.map(RuleValue::Integer)
            }
            (Value::Number(number), ValueForm::Number(_)) => number.as_f64().map(RuleValue::Real),
            // A category or a value of a list may be a number that a field of texts writes so.
            (Value::Number(number), ValueForm::Text) => Some(RuleValue::Text(number.to_string().into_bytes().into())),
            _ => None,
        };
        if found.is_none() {
            let what = format_args!(
                "is {}, which is no value of the field: it must be of its type ({}) and written in its format",
                shown(value),
                self.field_type.as_str()
            );
            problems.add(path, what);
        }
        found
    }

    /// To be one of `values`.
    fn one_of(&self, values: &[Value], path: &str, problems: &mut Problems) -> Option<(RuleTest, String)> {
        if values.is_empty() || values.len() > MAX_VALUES {
            problems.add(
                path,
                format_args!("must have 1 to {MAX_VALUES} values, and has {}", values.len()),
            );
            return None;
        }
        let found: Vec<Option<RuleValue>> = values
            .iter()
            .enumerate()
            .map(|(index, value)| self.value(value, &format!("{path}[{index}]"), problems))
            .collect();
        let found: Vec<RuleValue> = found.into_iter().collect::<Option<_>>()?;
        let shown: Vec<String> = values.iter().take(LISTED).map(shown).collect();
        let wanted = match (values, values.len().saturating_sub(LISTED)) {
            ([only], _) => self::shown(only),
            (_, 0) => format!("one of {}", shown.join(", ")),
            (_, more) => format!("one of {} and {more} others", shown.join(", ")),
        };
        Some((RuleTest::one_of(found), wanted))
    }

    /// The rule that `categories` of a field are, which stand at `path`.
    pub(super) fn categories(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<Rule> {
        if !matches!(self.field_type, FieldType::Text | FieldType::Integer) {
            let what =
                "do not belong to a field of this type; leave them out, or make the field a string or an integer";
            problems.add(path, format_args!("{what} ({})", self.field_type.as_str()));
            return None;
        }
        let items = problems.array(value, path)?;
        let values: Vec<Value> = items
            .iter()
            .map(|item| item.get("value").unwrap_or(item).clone())
            .collect();
        let (test, wanted) = self.one_of(&values, path, problems)?;
        Some(self.worded("categories", test, &wanted))
    }
}
