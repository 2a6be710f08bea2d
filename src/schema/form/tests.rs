use proptest::prelude::*;

use super::*;

fn form<T: AsRef<str>>(texts: &[T]) -> Form {
    let mut form = Form::default();
    for text in texts {
        form.see(text.as_ref().as_bytes());
    }
    form
}

fn verdict<T: AsRef<str>>(texts: &[T]) -> FormVerdict {
    form(texts).verdict()
}

fn is_real<T: AsRef<str>>(texts: &[T]) -> bool {
    verdict(texts) == FormVerdict::Real
}

fn with(texts: &[String], more: &str) -> Vec<String> {
    [texts, &[more.to_owned()]].concat()
}

#[test]
fn decimals_of_one_form_are_real() {
    for texts in [
        &["1.5", "-0.25", "10.125"][..],
        &["1.50", "-0.25", "10.00"],
        &["1.0", "2.5", "0.0"],
        &["1", "2.5"],
        &["0", "9007199254740992", "2.5"],
        &["-73.98513412475586", "100000000000000000000.0"],
    ] {
        assert!(is_real(texts), "{texts:?}");
    }
}

#[test]
fn decimals_that_a_number_could_not_tell_apart_are_text() {
    let text = |texts: &[&str], why| assert_eq!(verdict(texts), FormVerdict::Text(WhyText::Numbers(why)), "{texts:?}");
    text(&["250.1", "250.10", "401.9"], WhyNoNumber::Zeros);
    text(&["1.4", "1.40", "2.0", "3"], WhyNoNumber::Zeros);
    text(&["5.10", "-0.5"], WhyNoNumber::Zeros);
    text(&["1", "1.0"], WhyNoNumber::PointZero);
    text(&["1", "2.0", "2.5"], WhyNoNumber::PointZero);
    text(&["1.5", "-0.0"], WhyNoNumber::MinusZero);
    text(&["1.5", "-0"], WhyNoNumber::MinusZero);
    text(&["1.5", "9007199254740993"], WhyNoNumber::LargeInteger);
    text(&["1.5", "9007199254740993.5"], WhyNoNumber::LostDigits);
    text(&["1.5", "18446744073709551615"], WhyNoNumber::HugeInteger);
    text(&["1.5", ""], WhyNoNumber::Empty);
    text(&["1", ""], WhyNoNumber::Empty);
    for value in [
        ".5", "5.", "+1.5", "01.5", " 1.5", "1_0", "nan", "inf", "x", "1e", "1.e5", ".1e5", "1e5.5",
    ] {
        assert_eq!(
            verdict(&["1.5", value]),
            FormVerdict::Text(WhyText::NoNumber),
            "{value}"
        );
    }
    assert_eq!(verdict::<&str>(&[]), FormVerdict::Unseen);
    assert_eq!(verdict(&[""]), FormVerdict::Text(WhyText::NoNumber));
}

#[test]
fn exponents_as_programs_write_them_are_numbers() {
    for texts in [
        // pandas, numpy, R, C, JavaScript, Java, C's %e
        &["1.5e-05", "0.25", "3.0", "1e+16", "0.0001", "9.9e-05"][..],
        &["1e-05", "1.5e-05", "0.5"],
        &["1e-04", "0.00012", "1.2e-05", "1e+05", "123456", "0.5"],
        &["1e-7", "1.5e+21", "0.000001", "7"],
        &["1.0E-5", "2.5E10", "1.0", "0.001", "9999999.0"],
        &["1.500000e-05", "2.000000e+00", "0.000000e+00"],
        &["1e-5", "2e-300"],
        &["1.5e5"],
    ] {
        assert!(is_real(texts), "{texts:?}: {:?}", verdict(texts));
    }
}

#[test]
fn exponents_that_could_be_codes_or_written_otherwise_are_text() {
    for texts in [
        &["12e4", "13e4"][..],
        &["1e4", "2e5"],
        &["1e4", "7"],
        &["12e4", "1.5"],
        &["1e5", "1E5", "1.5"],
        &["1e-5", "1.0e-5"],
        &["1e-5", "0.00001"],
        &["1.5e5", "150000"],
        &["1.5e05", "1.5e5"],
        &["1.5e+5", "2.5e5"],
        &["1.5e+05", "2.5e+005"],
        &["1.5e-0"],
        &["0.5e3", "1.5"],
        &["0e0", "0.0"],
        &["1.5", "-0e0"],
        &["1.5", "1e400"],
        &["1.5", "1e-400"],
        &["1.5", "4e-324"],
        &["1.5", "1.2345678901234567891e5"],
        &["1.50e5", "1.5e6"],
    ] {
        assert!(
            matches!(verdict(texts), FormVerdict::Text(_)),
            "{texts:?}: {:?}",
            verdict(texts)
        );
    }
    assert!(is_real(&["1.5", "5e-324", "1.7976931348623157e+308"]));
}

#[test]
fn a_key_is_never_real() {
    let mut form = Form::new(true);
    assert_eq!(form.verdict(), FormVerdict::Unseen);
    form.see(b"1");
    assert_eq!(form.verdict(), FormVerdict::Integer);
    form.see(b"1.5");
    assert_eq!(form.verdict(), FormVerdict::Text(WhyText::Numbers(WhyNoNumber::Key)));
}

#[test]
fn the_first_integer_that_a_double_lacks_is_seen_in_a_real_column() {
    let mut form = form(&["1.5"]);
    form.see_number(b"9007199254740992");
    assert_eq!(form.verdict(), FormVerdict::Real);
    form.see_number(b"9007199254740993");
    assert_eq!(
        form.verdict(),
        FormVerdict::Text(WhyText::Numbers(WhyNoNumber::LargeInteger))
    );
}

/// Every way to write `value` that comes to mind.
fn spellings(value: f64) -> Vec<String> {
    let mut texts = Vec::new();
    let plain = format!("{value}");
    let zeros = ["", "0", "00", "000", "0000", "00000", "000000"];
    let dotted = if plain.contains('.') {
        plain.clone()
    } else {
        format!("{plain}.")
    };
    texts.extend(zeros.map(|zeros| format!("{dotted}{zeros}")));
    texts.push(plain.clone());
    let (sign, unsigned) = match plain.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", &plain[..]),
    };
    texts.extend(["0", "+"].map(|front| format!("{sign}{front}{unsigned}")));
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap();
    let exponent: i32 = exponent.parse().unwrap();
    let mut mantissas: Vec<(String, i32)> = zeros
        .iter()
        .map(|zeros| {
            let point = if mantissa.contains('.') || zeros.is_empty() {
                ""
            } else {
                "."
            };
            (format!("{mantissa}{point}{zeros}"), exponent)
        })
        .collect();
    // The point one place to the right, and to the left.
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let right = match digits.len() {
        1 => format!("{digits}0"),
        2 => digits.clone(),
        _ => format!("{}.{}", &digits[..2], &digits[2..]),
    };
    mantissas.push((format!("{sign}{right}"), exponent - 1));
    mantissas.push((format!("{sign}0.{digits}"), exponent + 1));
    for (mantissa, exponent) in mantissas {
        for letter in ["e", "E"] {
            for plus in ["", "+"] {
                for width in 1..=3 {
                    let sign = if exponent < 0 { "-" } else { plus };
                    let size = exponent.abs();
                    texts.push(format!("{mantissa}{letter}{sign}{size:0width$}"));
                    if exponent == 0 {
                        texts.push(format!("{mantissa}{letter}-{size:0width$}"));
                    }
                }
            }
        }
    }
    texts.sort();
    texts.dedup();
    texts.retain(|text| text.parse() == Ok(value));
    texts
}

/// Numbers as people and programs have them, and some that only machines have.
fn numbers() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-2_000i32..2_000, 0i32..6).prop_map(|(digits, places)| f64::from(digits) / 10f64.powi(places)),
        2 => (1i32..100, -12i32..24).prop_map(|(digits, places)| format!("{digits}e{places}").parse().unwrap()),
        1 => any::<f64>().prop_filter("a number", |value| value.is_finite()),
        1 => Just(0.0),
        1 => prop_oneof![Just(5e-324), Just(f64::MAX), Just(1e22), Just(9_007_199_254_740_993.0), Just(1e5), Just(1e-4)],
    ]
    .prop_map(|value| if value == 0.0 { 0.0 } else { value })
}

/// As programs write a number.
fn written(value: f64, style: u32) -> String {
    let c_exponent = |text: String, letter: &str| {
        let (mantissa, exponent) = text.split_once('e').unwrap();
        let exponent: i32 = exponent.parse().unwrap();
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}{letter}{sign}{:02}", exponent.abs())
    };
    let size = value.abs();
    match style {
        0 => format!("{value}"),
        1 => format!("{value:.2}"),
        2 => format!("{value:?}"),
        // Python
        3 if value != 0.0 && !(1e-4..1e16).contains(&size) => c_exponent(format!("{value:e}"), "e"),
        3 if value.fract() == 0.0 => format!("{value:.1}"),
        // JavaScript
        4 if size >= 1e21 => format!("{value:e}").replace('e', "e+"),
        4 if value != 0.0 && size < 1e-6 => format!("{value:e}"),
        // R
        5 => {
            let (plain, short) = (format!("{value}"), c_exponent(format!("{value:e}"), "e"));
            if plain.len() <= short.len() { plain } else { short }
        }
        // C's %e
        6 => c_exponent(format!("{value:.6e}"), "e"),
        7 => format!("{value:e}"),
        8 => format!("{value:E}"),
        _ => format!("{value}"),
    }
}

/// Columns of one style, now and then with a value in another style, or written in any way.
fn columns() -> impl Strategy<Value = Vec<String>> {
    let value = (
        numbers(),
        prop::bool::weighted(0.05),
        0u32..9,
        any::<prop::sample::Index>(),
    );
    (prop::collection::vec(value, 1..12), 0u32..9).prop_map(|(values, style)| {
        let text = |(value, is_odd, other, index): (f64, bool, u32, prop::sample::Index)| match is_odd {
            false => written(value, style),
            true if other == 0 => index.get(&spellings(value)).clone(),
            true => written(value, other),
        };
        values.into_iter().map(text).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(2_000) })]

    /// The property that REAL stands for: the stored number and the column's form determine the text.
    #[test]
    fn of_all_spellings_of_a_number_only_its_own_fits_a_real_column(texts in columns()) {
        if is_real(&texts) {
            for text in &texts {
                let value: f64 = text.parse().unwrap();
                let fitting: Vec<String> = spellings(value).into_iter().filter(|other| is_real(&with(&texts, other))).collect();
                prop_assert_eq!(fitting, vec![text.clone()], "{:?}", texts);
            }
        }
    }

    #[test]
    fn what_was_seen_is_put_together_in_any_order(texts in columns(), cut in any::<prop::sample::Index>(), empty: bool) {
        let texts = if empty { with(&texts, "") } else { texts };
        let (first, second) = texts.split_at(cut.index(texts.len()));
        let mut merged = form(second);
        merged.merge(&form(first));
        prop_assert_eq!(merged, form(&texts));
        let backwards: Vec<&String> = texts.iter().rev().collect();
        prop_assert_eq!(form(&backwards), form(&texts));
    }

    /// If numbers are not first tried as integers, the verdict is the same.
    #[test]
    fn integers_may_be_seen_as_numbers_in_real_columns(texts in columns()) {
        let mut numbers = Form::default();
        for text in &texts {
            numbers.see_number(text.as_bytes());
        }
        prop_assert_eq!(numbers.verdict() == FormVerdict::Real, is_real(&texts), "{:?}", texts);
    }

    #[test]
    fn a_settled_form_takes_its_own_texts_and_others_only_if_they_go_together(texts in columns(), others in columns()) {
        if is_real(&texts) {
            let settled = form(&texts).settled();
            let mut all = texts.clone();
            for text in &texts {
                prop_assert!(settled.admits(text.as_bytes()).is_some(), "{} of {:?}", text, texts);
            }
            let spelled = others.iter().flat_map(|text| spellings(text.parse().unwrap_or(1.0)));
            all.extend(spelled.filter(|text| settled.admits(text.as_bytes()).is_some()));
            prop_assert!(is_real(&all), "{:?}", all);
        }
    }
}

#[test]
fn most_programs_columns_are_real() {
    let values = [0.5, 123.456, 1.5e-7, 2.5e22, 3.25e-10, 1e5, 1e-4, 7.0];
    for style in [3, 4, 5, 6, 7, 8] {
        let texts = values.map(|value| written(value, style));
        assert!(is_real(&texts), "{style}: {texts:?}");
    }
}
