//! What is said quickly is what the rules say.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

/// Stored as in [`StoredForm`], so that it can be compared.
#[derive(Debug, PartialEq)]
enum Kept {
    AsGiven,
    Integer(i64),
    Real(u64),
    Iso(Vec<u8>),
}

fn kept(stored: StoredForm<'_>) -> Kept {
    match stored {
        StoredForm::AsGiven => Kept::AsGiven,
        StoredForm::Integer(value) => Kept::Integer(value),
        StoredForm::Real(value) => Kept::Real(value.to_bits()),
        StoredForm::Iso(iso) => Kept::Iso(iso.as_bytes().to_vec()),
    }
}

fn field(form: &ValueForm, tests: Vec<RuleTest>) -> FieldRules {
    let words: Arc<str> = "".into();
    let rule = |test| Rule {
        test,
        words: Arc::clone(&words),
    };
    let rules = tests.into_iter().map(rule).collect();
    FieldRules::new(form.clone(), rules, Default::default(), String::new())
}

/// The bound of this kind.
fn bound(kind: usize, form: &ValueForm, text: &str) -> RuleTest {
    let limit = FieldRules::rule_value(form, text).unwrap_or_else(|error| panic!("{text} {error:?}"));
    match kind {
        0 => RuleTest::AtLeast(limit),
        1 => RuleTest::AtMost(limit),
        2 => RuleTest::Above(limit),
        _ => RuleTest::Below(limit),
    }
}

/// What is said quickly of `text`; the rules must say the same, and `is_common` values that they allow must be among them.
fn assert_same(field: &FieldRules, text: &str, is_common: bool) {
    let (mut iso, mut room) = (IsoText::new(), Vec::new());
    let read = field.read(text.as_bytes(), &mut iso, &mut room);
    match (field.read_quickly(text.as_bytes()), read) {
        (Some(quick), Ok(read)) => {
            assert_eq!(kept(quick), kept(read.stored), "{text} {field:?}");
            assert!(!read.is_recoded, "{text} {field:?}");
        }
        (Some(_), Err(misfit)) => panic!("{text} is refused: {misfit:?} {field:?}"),
        (None, Ok(_)) => assert!(!is_common, "{text} is not taken at once: {field:?}"),
        (None, Err(_)) => {}
    }
}

#[test]
fn bounds_are_kept_to_the_last_value() {
    let number = ValueForm::Number(FigureStyle::default());
    let integer = ValueForm::Integer(FigureStyle::default());
    let forms: [(&ValueForm, &[&str]); 4] = [
        (
            &integer,
            &[
                "-9223372036854775808",
                "-1",
                "0",
                "1",
                "2",
                "9223372036854775807",
                "007",
                "+2",
            ],
        ),
        (
            &number,
            &[
                "-INF",
                "-1.5",
                "-0",
                "0",
                "5e-324",
                "1",
                "1.0000000000000002",
                "1e300",
                "INF",
            ],
        ),
        (
            &ValueForm::Date,
            &["0000-01-01", "2023-12-31", "2024-01-01", "2024-02-29", "9999-12-31"],
        ),
        (
            &ValueForm::DateTime,
            &[
                "0000-01-01T00:00:00",
                "1969-12-31T23:59:59",
                "1970-01-01T00:00:00",
                "1970-01-01T00:00:00.5",
                "1970-01-01T00:00:01",
                "1970-01-01T01:00:00+01:00",
                "2024-02-29T23:59:59Z",
                "2024-03-01T00:00:00",
                "9999-12-31T23:59:59",
            ],
        ),
    ];
    for (form, texts) in forms {
        for kind in 0..4 {
            for limit in texts {
                let field = field(form, vec![bound(kind, form, limit)]);
                // One beyond the ends of a type is none that a value keeps, or none that is looked at here.
                let is_end = matches!(limit.as_bytes(), [b'-' | b'0' | b'9', ..]);
                for text in texts {
                    let is_plain = !text.contains(['Z', '+', 'I']) && !text.ends_with("00.5");
                    assert_same(&field, text, is_plain && !is_end);
                }
            }
        }
        let within = field(form, vec![bound(0, form, texts[1]), bound(3, form, texts[3])]);
        for text in texts {
            assert_same(&within, text, false);
        }
        let free = field(form, Vec::new());
        assert!(free.read_quickly(texts[2].as_bytes()).is_some(), "{form:?}");
        assert_same(&free, "x", false);
    }
}

#[test]
fn texts_and_truth_values_are_said_at_once() {
    let one_of = || RuleTest::one_of(vec![RuleValue::Text(b"ab".as_slice().into())]);
    let pattern = || RuleTest::Pattern(Matcher::new("[a-z]{2,}").unwrap());
    for (tests, text, is_good) in [
        (vec![], "", true),
        (vec![one_of()], "ab", true),
        (vec![one_of()], "abc", false),
        (vec![pattern(), RuleTest::MaxLength(2)], "ab", true),
        (vec![pattern(), RuleTest::MaxLength(2)], "abc", false),
    ] {
        let field = field(&ValueForm::Text, tests);
        assert_eq!(field.read_quickly(text.as_bytes()).is_some(), is_good, "{text}");
        assert_same(&field, text, true);
    }
    let boolean = ValueForm::Boolean {
        yes: ["ja".into()].into(),
        no: ["nein".into()].into(),
    };
    for (form, good) in [
        (&boolean, "ja"),
        (&boolean, "nein"),
        (&ValueForm::Email, "a@b.org"),
        (&ValueForm::Uri, "https://a.org/"),
        (&ValueForm::Uuid, "123e4567-e89b-12d3-a456-426614174000"),
        (&ValueForm::Base64, "YWI="),
    ] {
        let field = field(form, Vec::new());
        assert!(field.read_quickly(good.as_bytes()).is_some(), "{good}");
        assert_same(&field, good, true);
        assert_same(&field, "?? ", false);
    }
}

proptest! {
    #[test]
    fn what_is_said_quickly_is_what_the_rules_say(
        number in "[+-]?[0-9]{0,20}\\.?[0-9]{0,3}(e[0-9]{1,3})?|-?INF|NaN|[0-9]{1,4}",
        moment in "[0-9]{4}-(0[1-9]|1[0-3])-[0-3][0-9]([T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,3})?(Z|[+-]0[0-9]:[0-5]0)?)?",
        low in "[0-9]{1,4}",
        day in "[0-9]{4}-0[1-9]-[0-2][1-8]",
        clock in "[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,2})?(Z|\\+0[0-9]:[0-5]0)?",
        kind in 0..4usize,
    ) {
        let moment_limit = format!("{day}T{clock}");
        let figures = FigureStyle::default();
        for (form, limit, text) in [
            (ValueForm::Integer(figures.clone()), &low, &number),
            (ValueForm::Number(figures), &low, &number),
            (ValueForm::Date, &day, &moment),
            (ValueForm::DateTime, &moment_limit, &moment),
        ] {
            // A limit at either end of the years may be none.
            if FieldRules::rule_value(&form, limit).is_ok() {
                assert_same(&field(&form, vec![bound(kind, &form, limit)]), text, false);
            }
            assert_same(&field(&form, Vec::new()), text, false);
        }
    }
}
